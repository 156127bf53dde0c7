//! What a person's signed review binds: repository, branch, base, head, trees and files.

use super::Question;
use super::advice;
use super::changes::{Signed, optional};
use super::landing::Landing;
use super::parameters::BaseDrift;
use super::rows::{NotCounted, WhyNot};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::merge::{Merge, merge_trees};
use countersign_core::git::reach::Reach;
use countersign_core::git::{ObjectSource, Oid, SourceError};
use std::collections::BTreeSet;

/// Whether an approval is about what landed: the reviewer was shown all of it, the trees and the listing are those of the
/// head, and the base moved only if the policy lets it.
pub(super) fn check(
    question: &Question<'_>,
    reach: &Reach,
    landing: &Landing,
    signed: &Signed,
    findings: &mut Vec<Finding>,
) -> Result<Option<WhyNot>, SourceError> {
    let source = question.history.objects();
    let not = |why: &str| Ok(Some(WhyNot::new(NotCounted::NotOfThis, why)));
    let review = &signed.review;
    let place = format!("review of {} by {}", review.head_commit, signed.person);
    if let Some(why) = not_shown(source, reach, landing, signed)? {
        return Ok(Some(why));
    }
    let head = source.commit(&review.head_commit)?;
    if head.tree != review.head_tree {
        findings.push(
            Finding::new(codes::LISTING_MISMATCH, "the review names another tree than the head has")
                .at(place)
                .expected(format!("tree {}", head.tree), question.by)
                .found(format!("tree {}", review.head_tree)),
        );
        return not("it names another tree than the head has");
    }
    match question.history.facts().listings.get(&review.head_commit) {
        Some(listing) if *listing == review.head_listing => {}
        Some(listing) => {
            findings.push(
                Finding::new(codes::LISTING_MISMATCH, "the head's files are not those that the reviewer signed")
                    .at(place)
                    .expected(review.head_listing.to_string(), "the reviewer's signature")
                    .found(listing.to_string()),
            );
            return not("the head's files are not those that were signed");
        }
        None => {
            findings.push(
                Finding::new(
                    codes::HISTORY_OBJECT_MISSING,
                    "the evidence does not say what files the reviewed head has",
                )
                .at(place)
                .expected(review.head_listing.to_string(), "the reviewer's signature")
                .found("nothing"),
            );
            return not("the head's files are not in the evidence");
        }
    }
    if let Some(signed_tree) = review.merge_tree
        && let Some(made) = reviewed_merge(source, reach, signed)?
        && made != signed_tree
    {
        return not(&format!("it names merge tree {signed_tree}, the rule makes {made}"));
    }
    if review.base_commit != landing.before && question.parameters.base_drift == BaseDrift::Reapprove {
        findings.push(drifted(question, landing, &format!("base {}", review.base_commit)).at(place));
        return Ok(Some(WhyNot::new(NotCounted::OtherBase, "it was made on another base")));
    }
    Ok(None)
}

/// A reviewer is shown what lies between the base that she names and the head. A commit of the change that the base has
/// already, she was not shown, whatever she meant.
fn not_shown(
    source: &dyn ObjectSource,
    reach: &Reach,
    landing: &Landing,
    signed: &Signed,
) -> Result<Option<WhyNot>, SourceError> {
    let base = signed.review.base_commit;
    Ok(match hidden(source, reach, landing, &base)? {
        Hidden::Nothing => None,
        Hidden::NoBase => Some(WhyNot::new(NotCounted::NotOfThis, format!("its base {base} is not in the evidence"))),
        Hidden::Some(why) => Some(WhyNot::new(NotCounted::NotOfThis, why)),
    })
}

/// What somebody who saw a change on a base did not see of it.
pub(super) enum Hidden {
    /// All of it was to be seen.
    Nothing,
    /// Nobody can tell: the base is not in the evidence.
    NoBase,
    /// Some of it was in the base already.
    Some(String),
}

/// What of a landing was not to be seen on this base: commits that the base had and the branch did not.
pub(super) fn hidden(
    source: &dyn ObjectSource,
    reach: &Reach,
    landing: &Landing,
    base: &Oid,
) -> Result<Hidden, SourceError> {
    let Some(had) = optional(reach.range(source, base, &landing.before))? else { return Ok(Hidden::NoBase) };
    let had: BTreeSet<Oid> = had.into_iter().collect();
    let hidden = landing.authored.iter().filter(|commit| had.contains(*commit)).count();
    if hidden == 0 {
        return Ok(Hidden::Nothing);
    }
    let all = landing.authored.len();
    Ok(Hidden::Some(format!(
        "its base {base} has {hidden} of the change's {all} commits already, so the reviewer was not shown them"
    )))
}

/// The merge that the reviewer's statement speaks of, where the evidence has what it takes and the rule can make it.
fn reviewed_merge(source: &dyn ObjectSource, reach: &Reach, signed: &Signed) -> Result<Option<Oid>, SourceError> {
    let (base, head) = (&signed.review.base_commit, &signed.review.head_commit);
    let Some(ours) = optional(source.commit(base))? else { return Ok(None) };
    let bases = reach.merge_bases(source, base, head)?;
    let [common] = bases.as_slice() else { return Ok(None) };
    let common = source.commit(common)?.tree;
    let theirs = source.commit(head)?.tree;
    Ok(match merge_trees(source, Some(&common), &ours.tree, &theirs)? {
        Merge::Clean { tree, .. } => Some(tree),
        Merge::Unproven { .. } => None,
    })
}

/// The branch moved on after a review, and the policy wants the review again.
pub(super) fn drifted(question: &Question<'_>, landing: &Landing, found: &str) -> Finding {
    Finding::new(codes::BASE_DRIFT, "the branch moved between review and landing")
        .expected(format!("a review on base {}", landing.before), question.by)
        .found(format!("a review on {found}"))
        .help(format!("ask for the review again: {}", advice::sign(question, &landing.head, &landing.before)))
}
