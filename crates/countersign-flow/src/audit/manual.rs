//! What people attest by hand, as the log records it.

use super::facts::Facts;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::statement::Kind;
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_verify::document::{SignerName, verify_document};
use countersign_verify::{Roots, named_blob};

/// The evidence that an entry records, signed by the person who answers for it.
pub(super) fn read(facts: &Facts<'_>, index: u64, entry: &Entry) -> Result<ManualEvidence, Finding> {
    let place = format!("log entry {index}");
    let digest = entry.statement();
    let bytes = digest.and_then(|digest| named_blob(facts.blobs, digest));
    let bytes = bytes.ok_or_else(|| {
        Finding::new(codes::EVIDENCE_WITHHELD, "evidence by hand that the log names is missing or altered").at(&place)
    })?;
    let first = |findings: Vec<Finding>| {
        let none = || Finding::new(codes::MANUAL_EVIDENCE, "it does not hold").at(&place);
        findings.into_iter().next().unwrap_or_else(none)
    };
    let signed = Signed::parse(&bytes).map_err(|e| Finding::new(e.code(), e.to_string()).at(&place))?;
    let view = facts.state.at(index).unwrap_or_else(|| facts.state.now());
    let verified = verify_document(&signed, view.trust(), &Roots::none(), entry.time, &place).map_err(first)?;
    let wrong = |what: &str| Finding::new(codes::MANUAL_EVIDENCE, what).at(&place);
    let said: ManualEvidence =
        verified.value().predicate_as(Kind::ManualEvidence).map_err(|error| wrong(&error.to_string()))?;
    if let Some(problem) = said.problem() {
        return Err(wrong(problem));
    }
    if verified.signed_by().owner != SignerName::Person(said.owner.clone()) {
        return Err(wrong("somebody else than its owner signed it"));
    }
    Ok(said)
}
