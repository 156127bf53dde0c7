//! What follows an emergency: what it let through is reviewed before a date, or nothing else goes there.

use super::candidate;
use crate::rules::Context;
use countersign_core::codes;
use countersign_core::decision::{BreakGlass, RuleOutcome};
use countersign_core::entry::place_of;
use countersign_core::exception::is_review;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::{Oid, graph};
use countersign_core::ids::Origin;
use countersign_core::policy::Stage;
use countersign_verify::log::Promoted;
use countersign_verify::{Blobs, Exceptions, StateView};
use std::collections::{BTreeMap, BTreeSet};

/// What earlier emergencies leave to do.
#[derive(Debug, Default)]
pub struct FollowUps {
    /// Those that are open, or late.
    pub findings: Vec<Finding>,
    /// The entries of those whose commits this decision proves to be reviewed, if it passes.
    pub closed: Vec<u64>,
    /// The same of emergencies in logs that this one goes on from.
    pub closed_earlier: BTreeMap<Origin, Vec<u64>>,
}

/// Every emergency of the environment that is not made up for: by a later decision that passed and proved review over a
/// range with its commits, by this one, or by two persons who signed that they reviewed it.
pub fn follow_ups(
    state: StateView<'_>,
    known: &Exceptions,
    context: &Context<'_>,
    rules: &[RuleOutcome],
    blobs: &dyn Blobs,
) -> FollowUps {
    let mut out = FollowUps::default();
    let mut closed: BTreeSet<(Option<Origin>, u64)> = BTreeSet::new();
    // Newest first: what closes an emergency comes after it.
    for promoted in state.emergencies(&context.request.environment, blobs) {
        let promoted = match promoted {
            Ok(promoted) => promoted,
            Err(findings) => {
                out.findings.extend(findings);
                continue;
            }
        };
        let decision = &promoted.content;
        if decision.verdict == Verdict::Pass {
            // A decision of an earlier log means that one where it names none.
            closed.extend(decision.followed_up.iter().map(|entry| (promoted.log.clone(), *entry)));
            let earlier = decision.followed_up_earlier.iter();
            closed.extend(earlier.flat_map(|(log, entries)| entries.iter().map(|entry| (Some(log.clone()), *entry))));
        }
        let Some(glass) = &decision.break_glass else { continue };
        if closed.contains(&(promoted.log.clone(), promoted.entry))
            || glass.exceptions.iter().all(|id| known.followed_up.contains_key(id))
        {
            continue;
        }
        if of_another_source(&promoted, context) {
            continue;
        }
        if decision.source.as_ref().is_some_and(|range| proved_now(context, rules, &range.revision)) {
            match &promoted.log {
                None => out.closed.push(promoted.entry),
                Some(log) => out.closed_earlier.entry(log.clone()).or_default().push(promoted.entry),
            }
        } else {
            out.findings.push(finding(&promoted, glass, context));
        }
    }
    out
}

/// An emergency that could not say where its artifact came from concerns every source.
fn of_another_source(promoted: &Promoted, context: &Context<'_>) -> bool {
    match (&promoted.content.source, context.source) {
        (Some(range), Some(source)) => range.repository != source.repository,
        (None, _) | (_, None) => false,
    }
}

/// Whether this decision proves review over a range with this commit in it.
fn proved_now(context: &Context<'_>, rules: &[RuleOutcome], revision: &Oid) -> bool {
    let review =
        |rule: &RuleOutcome| is_review(&rule.id) && rule.stage == Stage::Enforce && rule.verdict == Some(Verdict::Pass);
    let holds = || {
        let range = graph::range(context.history?.objects(), &candidate(context)?, &context.start?).ok()?;
        Some(range.contains(revision))
    };
    rules.iter().any(review) && holds().unwrap_or(false)
}

fn finding(promoted: &Promoted, glass: &BreakGlass, context: &Context<'_>) -> Finding {
    let late = context.request.time >= glass.follow_up;
    let (code, what) = if late {
        (codes::FOLLOW_UP_OVERDUE, "was not reviewed in time")
    } else {
        (codes::FOLLOW_UP_OPEN, "still has to be reviewed")
    };
    let id = glass.exceptions.first().map(ToString::to_string).unwrap_or_default();
    let name = &promoted.content.request.subject_name;
    Finding::new(code, format!("what the emergency of {} let through {what}", place_of(promoted.entry, promoted.log.as_ref())))
        .at(format!("{name}  {}", promoted.content.request.subject))
        .expected(format!("a review before {}", glass.follow_up), format!("exception {id}"))
        .found("none in the log")
        .help(format!(
            "promote what holds its commits with their reviews, or have two persons run `countersign exception follow-up {id} --reason … --signatures … --key … --log-key …`"
        ))
}
