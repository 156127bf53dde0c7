//! Git as plain values: object ids, objects, history and the merge of trees.
//!
//! Everything here works on bytes that somebody hands in through [`ObjectSource`]. It never reads a repository, a
//! configuration, an attribute outside the trees themselves, a replace ref or a graft, and it starts no program. An
//! object counts only after its bytes were hashed again and gave the id it was asked for.

mod attributes;
pub mod commit;
pub mod content;
pub mod evidence;
pub mod graph;
pub mod listing;
pub mod merge;
pub mod notes;
pub mod object;
pub mod oid;
pub mod reach;
pub mod source;
pub mod tree;

pub use commit::{Commit, Identity};
pub use object::{Object, ObjectError, ObjectKind, Tag};
pub use oid::{CollisionDetected, ObjectFormat, Oid, OidError};
pub use source::{ObjectSet, ObjectSource, Recording, SourceError};
pub use tree::{Entry, Mode, Tree};
