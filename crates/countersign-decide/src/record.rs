//! What earlier decisions say that bears on this one: where the range begins, and which heads have landed before.

use crate::review::BoundTag;
use countersign_core::decision::{Decision, RuleOutcome, SourceRange};
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::EnvName;
use countersign_core::policy::{Source, Stage};
use countersign_verify::{Blobs, StateView};
use std::collections::{BTreeMap, BTreeSet};

/// Where the range of commits begins for an environment. What passed there before is proved again over the range that it
/// passed with, so that a second deployment and a return to an older release are decided like the first; and such a return
/// moves nothing. Anything else begins at the revision that was the last to pass there for the first time, or at the
/// configured start. Only a pass that proved review counts: what a lenient gate let through, or a release that did not
/// enforce review, moves nothing.
pub fn start_of(
    state: StateView<'_>,
    environment: &EnvName,
    source: &Source,
    candidate: &Oid,
    blobs: &dyn Blobs,
) -> Result<Option<Oid>, Vec<Finding>> {
    let mut passed: Vec<SourceRange> = Vec::new();
    for promoted in state.decisions(Some(environment), None, blobs) {
        let promoted = promoted?;
        passed.extend(proved_range(&promoted.content, source).cloned());
    }
    // Oldest first, each revision where it passed first.
    let mut seen = BTreeSet::new();
    let first: Vec<&SourceRange> = passed.iter().rev().filter(|range| seen.insert(range.revision)).collect();
    let again = first.iter().find(|range| range.revision == *candidate).map(|range| range.start);
    Ok(again.or_else(|| first.last().map(|range| range.revision)).or(source.start))
}

/// The range of a decision that passed, of this source, if it proved two-party review.
fn proved_range<'d>(decision: &'d Decision, source: &Source) -> Option<&'d SourceRange> {
    proved(decision).filter(|range| range.repository == source.repository && range.target_ref == source.target_ref)
}

/// The range of a decision that passed and proved review.
fn proved(decision: &Decision) -> Option<&SourceRange> {
    let proved = |rule: &RuleOutcome| {
        rule.id.as_str().starts_with("two-party-review@")
            && rule.stage == Stage::Enforce
            && rule.verdict == Some(Verdict::Pass)
    };
    let range = decision.source.as_ref().filter(|_| decision.verdict == Verdict::Pass)?;
    decision.rules.iter().any(proved).then_some(range)
}

/// The tags that decisions of this repository bound to the revisions that passed, for whatever environment and on whatever
/// branch: a tag is the repository's.
pub fn tags_before(state: StateView<'_>, source: &Source, blobs: &dyn Blobs) -> Result<Vec<BoundTag>, Vec<Finding>> {
    let mut bound = BTreeSet::new();
    for promoted in state.decisions(None, None, blobs) {
        let promoted = promoted?;
        let range = proved(&promoted.content).filter(|range| range.repository == source.repository);
        if let Some((range, tag)) = range.and_then(|range| Some((range, range.tag.as_ref()?))) {
            bound.insert(BoundTag {
                name: tag.name.to_string(),
                commit: range.revision,
                object: Some(tag.object),
                by: format!("the promotion of {}", promoted.content.request.subject_name),
            });
        }
    }
    Ok(bound.into_iter().collect())
}

/// Where each head landed that a decision of this source proved, for whatever environment: it does not land twice.
pub(crate) fn landed_before(
    state: StateView<'_>,
    source: &Source,
    blobs: &dyn Blobs,
) -> Result<BTreeMap<Oid, Oid>, Vec<Finding>> {
    let mut landed = BTreeMap::new();
    for promoted in state.decisions(None, None, blobs) {
        if let Some(range) = proved_range(&promoted?.content, source) {
            landed.extend(range.landings.iter().map(|(head, landed)| (*head, *landed)));
        }
    }
    Ok(landed)
}
