//! Policy releases: closed, approved by people, and active by an entry in the log.

mod activate;
mod build;

pub use activate::{ActivateRequest, Activation, activate, history, unknown_environment};
pub use build::{approve, build, release_statement};
