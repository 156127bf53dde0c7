//! Going on from an earlier source statement: what of the evidence is about what that one covers, and whether what it
//! covers has to be proved again. Only `review verify` uses this; the gate and the auditor always prove the whole range.

use super::changes::optional;
use countersign_core::digest::Sha256;
use countersign_core::git::{ObjectSource, Oid, SourceError, graph};
use countersign_core::statement::change_review::ChangeReview;
use countersign_core::statement::review::Review;
use countersign_core::statement::source::SourceProvenance;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_verify::{Verified, VerifiedSource, VerifiedTrust};
use std::collections::{BTreeMap, BTreeSet};

/// The commits that a piece of evidence is about.
struct About {
    head: Oid,
    landed: Option<Oid>,
}

fn about(statement: &Verified<Statement>) -> Option<About> {
    let value = statement.value();
    match value.kind() {
        Some(Kind::Review) => {
            let review: Review = value.predicate_as(Kind::Review).ok()?;
            Some(About { head: review.head_commit, landed: None })
        }
        Some(Kind::ChangeReview) => {
            let change: ChangeReview = value.predicate_as(Kind::ChangeReview).ok()?;
            Some(About { head: change.approved_head, landed: change.result_commit })
        }
        _ => None,
    }
}

/// Whether a piece of evidence is about a change that landed: it can be about no later one, since no head lands twice.
#[must_use]
pub fn is_settled(statement: &Verified<Statement>, landed: &BTreeMap<Oid, Oid>) -> bool {
    about(statement).is_some_and(|about| landed.contains_key(&about.head))
}

/// Whether new evidence is about something that the earlier statement covers: a head that landed, or a commit that its
/// revision has among its ancestors. What cannot be read counts as that.
pub fn speaks_of(
    statement: &Verified<Statement>,
    previous: &SourceProvenance,
    source: &dyn ObjectSource,
) -> Result<bool, SourceError> {
    let Some(about) = about(statement) else { return Ok(true) };
    if previous.landed.contains_key(&about.head) {
        return Ok(true);
    }
    for id in std::iter::once(about.head).chain(about.landed) {
        // A commit that is not there is nobody's ancestor; where history is missing, the proof says so.
        if optional(graph::is_ancestor(source, &id, &previous.revision))? == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the earlier statement rested on and is not there any more.
#[must_use]
pub fn withheld<'p>(previous: &'p SourceProvenance, handed: &BTreeSet<Sha256>) -> Vec<&'p Sha256> {
    previous.evidence.all().filter(|digest| !handed.contains(digest)).collect()
}

/// Why what the earlier statement covers has to be proved again whatever the evidence is; `None` if it need not be.
#[must_use]
pub fn outdated(previous: &VerifiedSource, candidate: &Oid, trust: &VerifiedTrust, at: Time) -> Option<&'static str> {
    let said = previous.provenance();
    if said.trust != *trust.digest() {
        return Some("the trust document is another one");
    }
    if at < said.time {
        return Some("the earlier statement is from a later time");
    }
    if trust.trust().turns_between(said.time, at) {
        return Some("keys or accounts of trust have begun or ceased to count since");
    }
    (said.revision == *candidate).then_some("there is no commit after it")
}
