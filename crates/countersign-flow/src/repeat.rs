//! A decision that is made again has to be made by the same release.

use crate::error::FlowError;
use crate::promote::Promotion;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;

/// Refuses a decision of another release than the one that is insisted on.
pub fn by_release(promotion: &Promotion, digest: Option<&Sha256>) -> Result<(), FlowError> {
    let Some(digest) = digest else { return Ok(()) };
    let active = promotion.decision.inputs.policy.as_ref().map(|active| &active.policy);
    if active.is_some_and(|policy| policy.digest == *digest) {
        return Ok(());
    }
    let found = active
        .map_or_else(|| "none".to_owned(), |policy| format!("{}@{} {}", policy.uri, policy.version, policy.digest));
    Err(FlowError::Refused(vec![
        Finding::new(codes::PIN_MISMATCH, "another release is active than the one that is insisted on")
            .at("--policy-digest")
            .expected(digest.to_string(), "--policy-digest")
            .found(found)
            .help("leave --policy-digest out to decide by the release that is active now"),
    ]))
}
