//! Policy releases: written, tested, closed, approved by people, and active by an entry in the log.

pub(crate) mod activate;
mod apart;
mod archive;
mod author;
mod build;
pub mod diff;
mod docs;
mod draft;
mod first;
mod lines;
mod lock;
pub mod opa;
mod stages;
mod test;
mod which;

pub use activate::{ActivateRequest, Activation, activate, history, unknown_environment};
pub use author::{evaluate, explain, lint};
pub(crate) use build::approver;
pub use build::{approve, build, release_statement};
/// The rules that are built in.
pub use countersign_decide::rules::{ALL as BUILT_IN, newest_of};
/// The functions that rules may call.
pub use countersign_decide::written::functions;
/// The input that rules read: its schema, and every path.
pub use countersign_decide::written::shape as input;
pub use docs::{Documented, docs, page};
pub use draft::{Draft, draft, lists};
pub use first::{Beginning, begin};
pub use lock::{LockRequest, lock_active};
pub use stages::{AdjudicateRequest, adjudicate, risen, stages};
pub use test::{Asked, CaseRow, ConditionRow, CoverageRow, Tested, build_tested, test};
pub use which::{none_active, release};
