//! Rejections that whoever made them has settled: by approving a later change of the same branch that names them.
//!
//! Signatures have no order, so a rejection stands against whatever else is signed. An approval that names the rejection's
//! document was made after it, since nobody knows a digest before there is one; and whoever rejects once more rejects with
//! another document. Nothing is settled before the change has landed, as approved, after the one that was rejected. The
//! rejected change needs its approvals like any other, of others than who rejected it.

use super::approvals::Objection;
use super::changes::Changes;
use super::rows::{ChangeRow, NotCounted};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::ids::PersonId;
use countersign_core::statement::review::ReviewDecision;

/// Puts a note where each rejection stood that a later change settled. The objections are of changes by their place in `landed`.
pub(super) fn settle(
    objections: &[(usize, Objection)],
    changes: &Changes<'_>,
    landed: &[ChangeRow],
    findings: &mut [Finding],
) {
    for (place, objection) in objections {
        let later = landed.get(place.saturating_add(1)..).unwrap_or_default();
        let by = |rejection| {
            let heads = changes.settling(&objection.person, rejection);
            later.iter().find(|row| heads.contains(&row.head) && agreed(row, &objection.person)).map(|row| row.head)
        };
        let heads: Option<Vec<Oid>> = objection.documents.iter().map(by).collect();
        let Some(head) = heads.and_then(|heads| heads.into_iter().max()) else { continue };
        if let Some(finding) = findings.get_mut(objection.at) {
            let what = format!("{} rejected this change, and settled that with a later one", objection.person);
            let note = Finding::new(codes::REVIEW_NOT_COUNTED, what).found(format!("settled by change {head}"));
            *finding = finding.at.iter().fold(note, |note, at| note.at(at.as_str()));
        }
    }
}

/// Whether a person's approval of a change is one of what landed, also where it is not needed or is the author's own.
fn agreed(row: &ChangeRow, person: &PersonId) -> bool {
    row.reviews.iter().any(|review| {
        review.person.as_ref() == Some(person)
            && review.account.is_none()
            && review.decision == ReviewDecision::Approve
            && (review.counted || review.reason == Some(NotCounted::Author))
    })
}
