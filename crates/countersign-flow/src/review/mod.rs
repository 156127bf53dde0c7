//! Reviews: signed by people, read from a forge, kept where people can get at them, and proved for every commit of a range.

mod change;
#[cfg(feature = "online")]
mod collect;
mod explain;
pub mod notes;
mod previous;
mod sign;
mod source;
pub mod strangers;
mod verify;
#[cfg(feature = "online")]
pub mod watch;

pub use change::{ChangeSummary, FileChange};
#[cfg(feature = "online")]
pub use collect::{CollectRequest, Reading, Which, collect};
pub use explain::{commit, explain};
pub use sign::{SignRequest, SignedReview, sign};
pub use source::{Emitted, SourceRequest, emit};
pub use verify::{Proof, VerifyRequest, verify};
