//! Policy releases: written, tested, closed, approved by people, and active by an entry in the log.

pub(crate) mod activate;
mod author;
mod build;
mod test;

pub use activate::{ActivateRequest, Activation, activate, history, unknown_environment};
pub use author::{Draft, draft, evaluate, explain, lint};
pub use build::{approve, build, release_statement};
/// The functions that rules may call.
pub use countersign_decide::written::functions;
/// The input that rules read: its schema, and every path.
pub use countersign_decide::written::shape as input;
pub use test::{CaseRow, Tested, test};
