//! What a forge's record says of each review of a change: whether it still stood when the change landed, by the server's
//! order and never by a date that somebody could choose.

use super::Question;
use super::binding::{self, Hidden};
use super::changes::{Changes, optional};
use super::landing::{Landing, merged};
use super::parameters::BaseDrift;
use super::rows::{NotCounted, WhyNot};
use countersign_core::git::reach::Reach;
use countersign_core::git::{ObjectSource, SourceError};
use countersign_core::ids::PersonId;
use countersign_core::statement::change_review::{
    AccountKind, ChangeReview, EventKind, ForgeReview, Permission, ReviewState,
};
use countersign_core::statement::review::{ReviewDecision, Tier};
use countersign_verify::ForgeChange;
use std::collections::BTreeSet;

/// One review of a forge, judged.
#[derive(Debug)]
pub(super) struct Opinion {
    /// The person of trust whose account it is.
    pub person: Option<PersonId>,
    /// The account, with its host.
    pub account: String,
    pub decision: ReviewDecision,
    pub tier: Tier,
    pub standing: Standing,
}

/// Whether a review counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does.
    Stands,
    /// It does not.
    Not(WhyNot),
    /// It would, but for something that nobody can tell.
    Unclear(String),
    /// It would, but for a base that moved on.
    Drifted,
}

/// Every review of a recorded change that has an opinion.
pub(super) fn of(
    question: &Question<'_>,
    landing: &Landing,
    changes: &Changes<'_>,
    recorded: &ForgeChange,
) -> Result<Vec<Opinion>, SourceError> {
    let mut out = Vec::new();
    for review in recorded.change().reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        out.push(opinion(question, landing, changes, recorded, review)?);
    }
    Ok(out)
}

fn opinion(
    question: &Question<'_>,
    landing: &Landing,
    changes: &Changes<'_>,
    recorded: &ForgeChange,
    review: &ForgeReview,
) -> Result<Opinion, SourceError> {
    let change = recorded.change();
    let host = &change.repository.host;
    let owner = review.account.and_then(|id| question.trust.trust().person_of(host, id));
    let rejects = review.state == ReviewState::ChangesRequested;
    Ok(Opinion {
        person: owner.map(|(person, _)| person.id.clone()),
        account: review.account.map_or_else(|| format!("{host}/gone"), |id| format!("{host}/{id}")),
        decision: if rejects { ReviewDecision::Reject } else { ReviewDecision::Approve },
        tier: recorded.tier(),
        standing: standing(question, landing, changes, change, review)?,
    })
}

/// Requests for changes in records of other heads that landed with this very commit: what landed was asked to change,
/// whichever of its names it was approved by.
pub(super) fn elsewhere(
    question: &Question<'_>,
    landing: &Landing,
    changes: &Changes<'_>,
) -> Result<Vec<Opinion>, SourceError> {
    let mut out = Vec::new();
    for record in landing.commits.iter().flat_map(|commit| changes.landed_with(commit)).copied() {
        let change = record.change();
        if change.approved_head == landing.head {
            continue;
        }
        for review in change.reviews.iter().filter(|review| review.state == ReviewState::ChangesRequested) {
            out.push(opinion(question, landing, changes, record, review)?);
        }
    }
    Ok(out)
}

/// Requests for changes in records of this change that are not handed in now. What a record that is handed in tells of the
/// same review is newer, or the same.
pub(super) fn left_out(
    question: &Question<'_>,
    landing: &Landing,
    changes: &Changes<'_>,
    recorded: &[&ForgeChange],
) -> Result<Vec<Opinion>, SourceError> {
    let names = |record: &ForgeChange, review: u64| {
        let change = record.change();
        (change.repository.host.clone(), change.change.id, review)
    };
    let told: BTreeSet<_> = recorded
        .iter()
        .flat_map(|record| record.change().reviews.iter().map(|review| names(record, review.id)))
        .collect();
    let mut out = Vec::new();
    for record in question.against {
        let change = record.change();
        let this = change.approved_head == landing.head
            && change.repository.uri == *question.repository
            && (change.target_ref == *question.target_ref || Some(&change.target_ref) == question.cut_from);
        if !this {
            continue;
        }
        let asks = |review: &ForgeReview| review.state == ReviewState::ChangesRequested;
        for review in change.reviews.iter().filter(|review| asks(review) && !told.contains(&names(record, review.id))) {
            out.push(opinion(question, landing, changes, record, review)?);
        }
    }
    Ok(out)
}

fn standing(
    question: &Question<'_>,
    landing: &Landing,
    changes: &Changes<'_>,
    change: &ChangeReview,
    review: &ForgeReview,
) -> Result<Standing, SourceError> {
    let not = |reason, why: &str| Ok(Standing::Not(WhyNot::new(reason, why)));
    if let Some(later) = review.superseded_by {
        let why = format!("a later review of the same account, {later}, replaces it");
        return not(NotCounted::Withdrawn, &why);
    }
    match review.state {
        ReviewState::Dismissed => return not(NotCounted::Withdrawn, "it was dismissed"),
        ReviewState::Commented => return not(NotCounted::NotOfThis, "it is a remark"),
        ReviewState::Approved | ReviewState::ChangesRequested => {}
    }
    if review.kind == AccountKind::Bot {
        return not(NotCounted::Robot, "robots do not approve");
    }
    let Some(id) = review.account else {
        return Ok(Standing::Unclear("the account is gone, and nobody can tell whose it was".to_owned()));
    };
    let trust = question.trust.trust();
    if let Some((robot, _)) = trust.robot_of(&change.repository.host, id) {
        return not(NotCounted::Robot, &format!("robot {} does not approve", robot.name));
    }
    let Some((person, account)) = trust.person_of(&change.repository.host, id) else {
        return not(NotCounted::NotTrusted, "the account is nobody's in trust");
    };
    let when = review.submitted_at.unwrap_or(question.at);
    if !account.counts_at(when) {
        return not(NotCounted::NotTrusted, &format!("the account of {} did not count at {when}", person.id));
    }
    if !account.counts_at(question.at) {
        let why = format!("the account of {} does not count at {}", person.id, question.at);
        return not(NotCounted::NotTrusted, &why);
    }
    if let Some(why) = stale(question.history.objects(), change, review)? {
        return Ok(Standing::Not(why));
    }
    match review.permission {
        Some(Permission::None | Permission::Read) => {
            return not(NotCounted::MayNotPush, "the account may not push there");
        }
        None => return Ok(Standing::Unclear("what the account may do there is not known".to_owned())),
        Some(Permission::Write | Permission::Admin) => {}
    }
    if review.kind == AccountKind::Unknown {
        return Ok(Standing::Unclear("whether the account is a person's is not known".to_owned()));
    }
    if review.state == ReviewState::Approved {
        return seen(question, landing, changes.reach(), change, review);
    }
    Ok(Standing::Stands)
}

/// Whether whoever approved could see all of what landed, and on the base that it landed on where the policy asks for that.
/// A request for changes stands without: who saw less than all of it can be against it.
fn seen(
    question: &Question<'_>,
    landing: &Landing,
    reach: &Reach,
    change: &ChangeReview,
    review: &ForgeReview,
) -> Result<Standing, SourceError> {
    let source = question.history.objects();
    let reapprove = question.parameters.base_drift == BaseDrift::Reapprove;
    let Some(base) = change.base_commit else {
        return Ok(if reapprove {
            Standing::Drifted
        } else {
            Standing::Unclear("the forge does not say on which base the change was shown".to_owned())
        });
    };
    match binding::hidden(source, reach, landing, &base)? {
        Hidden::Nothing => {}
        Hidden::NoBase => return Ok(Standing::Unclear(format!("the change's base {base} is not in the evidence"))),
        Hidden::Some(why) => return Ok(Standing::Not(WhyNot::new(NotCounted::NotOfThis, why))),
    }
    if reapprove && base != landing.before {
        return Ok(Standing::Drifted);
    }
    // The same files on another base are another change: what came in between is undone by them.
    if let Some(reviewed) = review.reviewed_commit.filter(|reviewed| *reviewed != change.approved_head) {
        if merged(source, reach, &landing.before, &reviewed)? != Some(source.commit(&landing.landed)?.tree) {
            let why = "it is of the same files on an earlier base, whose landing would make other files";
            return Ok(Standing::Not(WhyNot::new(NotCounted::NotOfThis, why)));
        }
        if reapprove && !reach.range(source, &landing.before, &reviewed)?.is_empty() {
            return Ok(Standing::Drifted);
        }
    }
    Ok(Standing::Stands)
}

/// Why a review was not one of what landed, by the order of events.
fn stale(
    source: &dyn ObjectSource,
    change: &ChangeReview,
    review: &ForgeReview,
) -> Result<Option<WhyNot>, SourceError> {
    let because = |reason, why: &str| Ok(Some(WhyNot::new(reason, why)));
    let made = change.events.iter().position(|event| event.what == EventKind::Reviewed { review: review.id });
    let landed = change.events.iter().position(|event| event.what == EventKind::Merged);
    let (Some(made), Some(landed)) = (made, landed) else {
        return because(NotCounted::Late, "the forge's order does not show that it was made before the landing");
    };
    if made > landed {
        return because(NotCounted::Late, "it was made after the landing");
    }
    let between = || change.events.iter().take(landed).skip(made);
    if between().any(|event| event.what == EventKind::Retargeted) {
        return because(NotCounted::NotOfThis, "the change was meant for another branch when it was made");
    }
    let Some(reviewed) = review.reviewed_commit else {
        return because(NotCounted::NotOfThis, "the forge does not say which commit it is of");
    };
    if reviewed == change.approved_head {
        // A forge can show a review for a later head than it was made on. Its order of events is what tells.
        let moved = between().any(|event| matches!(event.what, EventKind::Moved { .. }));
        return if moved { because(NotCounted::NotOfThis, "the head moved after it was made") } else { Ok(None) };
    }
    let head = source.commit(&change.approved_head)?.tree;
    let same = optional(source.commit(&reviewed))?.is_some_and(|commit| commit.tree == head);
    if same { Ok(None) } else { because(NotCounted::NotOfThis, "it is of an earlier head") }
}
