//! Reviews, grouped by the head that they are about.

use super::Question;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::{Oid, SourceError, merge};
use countersign_core::ids::PersonId;
use countersign_core::statement::Kind;
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_verify::document::SignerName;
use std::collections::{BTreeMap, BTreeSet};

/// A review, with the person who signed it.
#[derive(Debug)]
pub(super) struct Signed {
    pub person: PersonId,
    pub review: Review,
}

/// Reviews by head, and which heads have landed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    by_head: BTreeMap<Oid, Vec<Signed>>,
    landed: BTreeSet<Oid>,
}

impl Changes {
    /// Reads every review that is about this repository and branch. Others are noted: they count for nothing here.
    pub(super) fn read(question: &Question<'_>, findings: &mut Vec<Finding>) -> Self {
        let mut out = Self::default();
        for verified in &question.reviews {
            let place = format!("review {}", verified.document());
            let review: Review = match verified.value().predicate_as(Kind::Review) {
                Ok(review) => review,
                Err(error) => {
                    findings.push(Finding::new(codes::STATEMENT_MALFORMED, error.to_string()).at(place));
                    continue;
                }
            };
            let SignerName::Person(person) = &verified.signed_by().owner else {
                findings.push(not_counted(
                    &place,
                    "it was not signed by a person",
                    &verified.signed_by().owner.describe(),
                ));
                continue;
            };
            if review.repository != *question.repository {
                findings.push(not_counted(&place, "it is about another repository", review.repository.as_str()));
            } else if review.target_ref != *question.target_ref {
                findings.push(not_counted(&place, "it is about another branch", review.target_ref.as_str()));
            } else if review.merge_rule != merge::RULE {
                findings.push(not_counted(&place, "it was made by another merge rule", &review.merge_rule.to_string()));
            } else {
                let signed = Signed { person: person.clone(), review };
                out.by_head.entry(signed.review.head_commit).or_default().push(signed);
            }
        }
        for reviews in out.by_head.values_mut() {
            reviews.sort_by(|a, b| {
                (&a.person, a.review.decision, &a.review.nonce).cmp(&(&b.person, b.review.decision, &b.review.nonce))
            });
        }
        out
    }

    /// Every review of a head.
    pub(super) fn about(&self, head: &Oid) -> Vec<&Signed> {
        self.by_head.get(head).into_iter().flatten().collect()
    }

    /// Whether somebody approved this head.
    pub(super) fn approved(&self, head: &Oid) -> bool {
        self.about(head).iter().any(|signed| signed.review.decision == ReviewDecision::Approve)
    }

    /// Approved heads that have not landed yet.
    pub(super) fn waiting(&self) -> Vec<Oid> {
        self.by_head.keys().filter(|head| self.approved(head) && !self.landed.contains(*head)).copied().collect()
    }

    /// Marks a head as landed: it explains no other commit.
    pub(super) fn land(&mut self, head: Oid) {
        self.landed.insert(head);
    }
}

/// A commit that may not be in the evidence: `None` if it is not, an error if it is there and does not hold.
pub(super) fn optional<T>(result: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn not_counted(place: &str, why: &str, found: &str) -> Finding {
    Finding::new(codes::REVIEW_NOT_COUNTED, format!("a review does not count: {why}")).at(place).found(found)
}
