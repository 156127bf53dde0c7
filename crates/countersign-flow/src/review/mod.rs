//! Reviews: signed by people, and proved for every commit of a range.

mod change;
mod sign;
mod verify;

pub use change::{ChangeSummary, FileChange};
pub use sign::{SignRequest, SignedReview, sign};
pub use verify::{Proof, VerifyRequest, verify};
