//! What people attest by hand, as the log records it.

use super::facts::Facts;
use crate::erasure::by_hand_gone;
use countersign_core::codes;
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_verify::named_blob;
use countersign_verify::records::manual;

/// The evidence that an entry records, signed by the person who answers for it.
pub(super) fn read(facts: &Facts<'_>, index: u64, entry: &Entry) -> Result<ManualEvidence, Finding> {
    let place = format!("log entry {index}");
    let digest = entry.statement();
    let bytes = digest.and_then(|digest| named_blob(facts.blobs, digest));
    let erased = || digest.and_then(|digest| facts.gathered.erased.get(digest)).map(String::as_str);
    let bytes = bytes.ok_or_else(|| by_hand_gone(erased(), &place))?;
    let first = |findings: Vec<Finding>| {
        let none = || Finding::new(codes::MANUAL_EVIDENCE, "it does not hold").at(&place);
        findings.into_iter().next().unwrap_or_else(none)
    };
    let view = facts.state.at(index).unwrap_or_else(|| facts.state.now());
    manual(&bytes, view.trust(), (entry.time, &place)).map(|(said, _)| said).map_err(first)
}
