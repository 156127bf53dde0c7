//! placeholder
use super::{Capture, ForgeError};
use crate::statement::change_review::ChangeReview;
pub(super) fn plan(_capture: &Capture) -> Vec<String> {
    Vec::new()
}
pub(super) fn derive(_capture: &Capture) -> Result<ChangeReview, ForgeError> {
    Err(ForgeError::NoChange { name: String::new(), why: "nothing was asked".to_owned() })
}
