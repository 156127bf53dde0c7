//! Exceptions from rules: asked for by one person, approved by others, in the log before they count, ended in the log.

mod ask;
mod record;
mod show;

pub use ask::{Asked, Wanted, approve, request, when};
pub use record::{EndRequest, Ended, Recording, activate, end};
pub use show::{expiring, list};
