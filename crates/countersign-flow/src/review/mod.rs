//! Reviews: signed by people, kept where people can get at them, and proved for every commit of a range.

mod change;
mod explain;
pub mod notes;
mod sign;
mod verify;

pub use change::{ChangeSummary, FileChange};
pub use explain::{commit, explain};
pub use sign::{SignRequest, SignedReview, sign};
pub use verify::{Proof, VerifyRequest, verify};
