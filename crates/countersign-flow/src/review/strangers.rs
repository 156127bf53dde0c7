//! Approvals that were signed by somebody whom trust does not know, or with a key that does not count at this time.
//!
//! Whoever leaves, or changes a key, leaves reviews behind in the folder where everybody's lie. Like a line of the notes, such
//! an approval counts for nobody and stands in nobody's way, and that is said. A rejection or a revocation is never left out. One that was altered, that does not read, or
//! that somebody signed who signs other things, is evidence like any other: it is handed in, and refused. A rejection that a
//! decision was made on once stays in the log, whatever became of who signed it.

use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_verify::document::verify_document;
use countersign_verify::evidence::place_of;
use countersign_verify::{Roots, VerifiedTrust};

/// How many are named.
const NAMED: usize = 20;

/// The documents without such reviews, and what there is to say of those.
#[must_use]
pub fn without(
    documents: Vec<Vec<u8>>,
    trust: &VerifiedTrust,
    roots: &Roots,
    at: Time,
) -> (Vec<Vec<u8>>, Option<Finding>) {
    let mut strange = Vec::new();
    let mut kept = Vec::new();
    for document in documents {
        match strange_signer(&document, trust, roots, at) {
            Some(why) => strange.push((place_of(&Sha256::of(&document)), why)),
            None => kept.push(document),
        }
    }
    if strange.is_empty() {
        return (kept, None);
    }
    let what = format!("reviews that do not count, and hold nothing back: {}", strange.len());
    let mut finding = Finding::new(codes::REVIEW_NOT_COUNTED, what);
    for (place, why) in strange.iter().take(NAMED) {
        finding = finding.found(format!("{place}: {why}"));
    }
    if strange.len() > NAMED {
        finding = finding.found("and others");
    }
    (kept, Some(finding))
}

/// Why the signer of a review does not count, where that is all that is wrong with it.
fn strange_signer(document: &[u8], trust: &VerifiedTrust, roots: &Roots, at: Time) -> Option<String> {
    let signed = Signed::parse(document).ok()?;
    let statement = Statement::parse(&signed.payload).ok()?;
    if statement.kind() != Some(Kind::Review) {
        return None;
    }
    // What was said against a change is never left out: the same person may have approved it with a key that counts.
    let review: Review = statement.predicate_as(Kind::Review).ok()?;
    if review.decision != ReviewDecision::Approve {
        return None;
    }
    let findings = verify_document(&signed, trust, roots, at, "review").err()?;
    let strange = |finding: &Finding| [codes::SIGNER_UNKNOWN, codes::KEY_NOT_VALID].contains(&finding.code);
    let first = findings.first()?;
    findings.iter().all(strange).then(|| match first.found.first() {
        Some(found) => format!("{}: {found}", first.what),
        None => first.what.clone(),
    })
}
