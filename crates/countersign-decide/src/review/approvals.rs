//! Who agreed to a change, and whether that is enough. Persons are counted.

use super::changes::{Signed, optional};
use super::landing::{Landing, describe};
use super::parameters::{AgreedBefore, BaseDrift};
use super::rows::{AuthorRow, ReviewRow, subject};
use super::{Question, authors};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::merge::{Merge, merge_trees};
use countersign_core::git::{ObjectSource, SourceError, graph};
use countersign_core::ids::PersonId;
use countersign_core::statement::review::{ReviewDecision, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// How a change's reviews were judged.
#[derive(Debug)]
pub(super) struct Judged {
    pub findings: Vec<Finding>,
    pub rows: Vec<ReviewRow>,
    pub needed: u32,
    pub tier: Option<Tier>,
}

/// Counts the approvals of a landed change.
pub(super) fn judge(
    question: &Question<'_>,
    landing: &Landing,
    authors: &[AuthorRow],
    reviews: &[&Signed],
) -> Result<Judged, SourceError> {
    let mut findings = Vec::new();
    let opinions = opinions(reviews);
    let mut counted = BTreeSet::new();
    let mut rows = Vec::new();
    for signed in reviews {
        let why_not = match signed.review.decision {
            ReviewDecision::Approve => match binding(question, landing, signed, &mut findings)? {
                Some(why) => Some(why),
                None => excluded(signed, authors, &opinions),
            },
            ReviewDecision::Reject => Some("a rejection".to_owned()),
            ReviewDecision::Revoke => Some("a revocation".to_owned()),
        };
        let counts = why_not.is_none() && counted.insert(signed.person.clone());
        let why_not = why_not.or_else(|| (!counts).then(|| "the same person again".to_owned()));
        rows.push(ReviewRow {
            person: signed.person.clone(),
            decision: signed.review.decision,
            counted: counts,
            why_not,
        });
    }
    let place = format!("change {}", landing.head);
    for (person, decisions) in &opinions {
        if decisions.contains(&ReviewDecision::Reject) {
            findings.push(
                Finding::new(codes::REVIEW_REJECTED, format!("{person} rejected this change"))
                    .at(place.as_str())
                    .expected("no rejection by a trusted person", question.by)
                    .found(format!("rejected by {person}"))
                    .help("settle it with the reviewer: a new head is a new change, and is reviewed anew"),
            );
        }
    }
    let beyond = question.parameters.reviewers_beyond_author;
    let known = authors::all_known(authors);
    let needed = if known { beyond } else { beyond.saturating_add(1) };
    if counted.len() < usize::try_from(needed).unwrap_or(usize::MAX) {
        findings.push(missing(question, landing, authors, &rows, &counted)?);
    }
    if !known {
        let mut note = Finding::new(codes::AUTHOR_UNKNOWN, "an author is not known, so one approval more is needed")
            .at(place.as_str());
        for author in authors.iter().filter(|author| author.person.is_none()) {
            note = note.found(author.seen.as_str());
        }
        findings.push(note);
    }
    if question.parameters.agreed_before == AgreedBefore::Landing {
        findings.push(
            Finding::new(
                codes::REVIEW_TIME_UNKNOWN,
                "nothing shows that the reviews were made before the change landed",
            )
            .at(place)
            .expected("reviews observed before landing", question.by)
            .found("signatures, which carry no time"),
        );
    }
    let tier = (!counted.is_empty()).then_some(Tier::T3);
    Ok(Judged { findings, rows, needed, tier })
}

type Opinions = BTreeMap<PersonId, BTreeSet<ReviewDecision>>;

/// Signatures have no order, so a rejection or a revocation stands whenever it was made.
fn opinions(reviews: &[&Signed]) -> Opinions {
    let mut out = Opinions::new();
    for signed in reviews {
        out.entry(signed.person.clone()).or_default().insert(signed.review.decision);
    }
    out
}

fn excluded(signed: &Signed, authors: &[AuthorRow], opinions: &Opinions) -> Option<String> {
    if let Some(author) = authors.iter().find(|author| author.person.as_ref() == Some(&signed.person)) {
        return Some(format!("is an author of the change: {}", author.seen));
    }
    let decisions = opinions.get(&signed.person)?;
    if decisions.contains(&ReviewDecision::Revoke) {
        return Some("the approval was revoked".to_owned());
    }
    decisions.contains(&ReviewDecision::Reject).then(|| "the same person rejected it as well".to_owned())
}

/// Whether an approval is about what landed: its trees and listing are those of the head, its base may have moved only if
/// the policy lets it.
fn binding(
    question: &Question<'_>,
    landing: &Landing,
    signed: &Signed,
    findings: &mut Vec<Finding>,
) -> Result<Option<String>, SourceError> {
    let source = question.history.objects();
    let review = &signed.review;
    let place = format!("review of {} by {}", review.head_commit, signed.person);
    let head = source.commit(&review.head_commit)?;
    if head.tree != review.head_tree {
        findings.push(
            Finding::new(codes::LISTING_MISMATCH, "the review names another tree than the head has")
                .at(place)
                .expected(format!("tree {}", head.tree), question.by)
                .found(format!("tree {}", review.head_tree)),
        );
        return Ok(Some("it names another tree than the head has".to_owned()));
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
            return Ok(Some("the head's files are not those that were signed".to_owned()));
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
            return Ok(Some("the head's files are not in the evidence".to_owned()));
        }
    }
    if let Some(signed_tree) = review.merge_tree
        && let Some(made) = reviewed_merge(source, signed)?
        && made != signed_tree
    {
        return Ok(Some(format!("it names merge tree {signed_tree}, the rule makes {made}")));
    }
    if review.base_commit != landing.before && question.parameters.base_drift == BaseDrift::Reapprove {
        findings.push(
            Finding::new(codes::BASE_DRIFT, "the branch moved between review and landing")
                .at(place)
                .expected(format!("a review on base {}", landing.before), question.by)
                .found(format!("a review on base {}", review.base_commit))
                .help(format!("ask for the review again: `countersign review sign {}`", review.head_commit)),
        );
        return Ok(Some("it was made on another base".to_owned()));
    }
    Ok(None)
}

/// The merge that the reviewer's statement speaks of, where the evidence has what it takes and the rule can make it.
fn reviewed_merge(
    source: &dyn ObjectSource,
    signed: &Signed,
) -> Result<Option<countersign_core::git::Oid>, SourceError> {
    let (base, head) = (&signed.review.base_commit, &signed.review.head_commit);
    let Some(ours) = optional(source.commit(base))? else { return Ok(None) };
    let bases = graph::merge_bases(source, base, head)?;
    let [common] = bases.as_slice() else { return Ok(None) };
    let common = source.commit(common)?.tree;
    let theirs = source.commit(head)?.tree;
    Ok(match merge_trees(source, Some(&common), &ours.tree, &theirs)? {
        Merge::Clean { tree, .. } => Some(tree),
        Merge::Unproven { .. } => None,
    })
}

fn missing(
    question: &Question<'_>,
    landing: &Landing,
    authors: &[AuthorRow],
    rows: &[ReviewRow],
    counted: &BTreeSet<PersonId>,
) -> Result<Finding, SourceError> {
    let title = subject(question.history.objects(), &landing.head)?;
    let persons = question.parameters.reviewers_beyond_author.saturating_add(1);
    let known: BTreeSet<&PersonId> = if authors::all_known(authors) {
        authors.iter().filter_map(|author| author.person.as_ref()).take(1).collect()
    } else {
        BTreeSet::new()
    };
    let agreed = known.len().saturating_add(counted.len());
    let plural = if agreed == 1 { "person" } else { "persons" };
    let mut finding = Finding::new(
        codes::REVIEW_MISSING,
        format!("one change has the agreement of {agreed} trusted {plural}, {persons} are needed: \"{title}\""),
    )
    .at(format!("change {}", landing.head))
    .expected(format!("{persons} trusted persons agreed"), question.by)
    .found(format!("{agreed}  {}", describe(authors)));
    for row in rows {
        finding = finding.found(match &row.why_not {
            None => format!("{} approved, counted", row.person),
            Some(why) => format!("{} {}, not counted: {why}", row.person, past(row.decision)),
        });
    }
    let base = landing.before;
    Ok(finding.help(format!("ask a reviewer to run `countersign review sign {} --base {base}`", landing.head)))
}

const fn past(decision: ReviewDecision) -> &'static str {
    match decision {
        ReviewDecision::Approve => "approved",
        ReviewDecision::Reject => "rejected",
        ReviewDecision::Revoke => "revoked",
    }
}
