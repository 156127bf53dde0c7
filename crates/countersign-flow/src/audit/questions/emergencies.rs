//! Q06: emergencies, and whether what they let through was reviewed in time.

use super::super::ask::Asked;
use super::super::carried::{Carried, Reviews};
use super::super::facts::{Facts, Known, change_class, service_of};
use super::super::table::{Proof, Table};
use super::Part;
use countersign_core::decision::BreakGlass;
use countersign_core::entry::place_of;
use countersign_core::exception::Category;
use countersign_core::ids::{ExceptionId, Origin};
use countersign_core::time::Time;
use countersign_verify::{Exceptions, FollowedUp};
use std::sync::Arc;

/// When what an emergency let through was reviewed, and by what that is shown.
#[derive(Debug, Clone)]
struct Reviewed {
    time: Time,
    how: String,
    /// The decision that is believed for it, and its log where that is an earlier one.
    by: Option<(Option<Origin>, u64)>,
}

impl Reviewed {
    /// Whether it rests on a decision that was not run again.
    fn unrun(&self, asked: &Asked<'_>) -> bool {
        self.by.as_ref().is_some_and(|(log, entry)| match log {
            None => !asked.ran_again(*entry),
            Some(log) => !asked.proves(log),
        })
    }

    /// What would show it.
    fn shown_by(&self) -> &'static str {
        let earlier = self.by.as_ref().is_some_and(|(log, _)| log.is_some());
        if earlier {
            "that log's whole package, given with --earlier, shows it"
        } else {
            "a package that takes that entry in shows it"
        }
    }
}

/// By what two persons signed for each of its exceptions: it is reviewed when the last of them is.
fn signed(glass: &BreakGlass, known: &Exceptions) -> Option<Reviewed> {
    let all: Option<Vec<&FollowedUp>> = glass.exceptions.iter().map(|id| known.followed_up.get(id)).collect();
    let last = all?.into_iter().max_by_key(|one| one.time)?;
    let place = place_of(last.entry, last.log.as_ref());
    Some(Reviewed { time: last.time, how: format!("as two persons sign in {place}"), by: None })
}

/// A decision that used an emergency; with what proves a row, where an earlier log records it.
type Used<'a> = (&'a Arc<Known>, Option<&'a Proof>);

/// Q06.
pub(super) fn emergencies(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&[
        "time",
        "service",
        "environment",
        "artifact",
        "exceptions",
        "let through by",
        "review until",
        "state",
    ]));
    let facts = &asked.facts;
    let view = facts.state.at(facts.range.end).unwrap_or_else(|| facts.state.now());
    let known = view.exceptions(facts.blobs);
    let end = facts.end();
    let carried = facts.carried();
    let mut reviews = carried.map(|carried| carried.reviews.clone()).unwrap_or_default();
    for one in facts.all_decisions() {
        reviews.take(one, None);
    }
    part.missing.extend(carried.into_iter().flat_map(Carried::unread));
    let unread = facts.unread_before();
    if unread > 0 {
        part.missing.push(format!("{unread} decisions before the window, of which each may have used an emergency"));
    }
    let earlier = carried.into_iter().flat_map(|carried| &carried.emergencies);
    let earlier = earlier.map(|(known, proof)| (known, Some(proof)));
    let all: Vec<Used<'_>> = earlier.chain(facts.all_decisions().map(|one| (one, None))).collect();
    // What this log does not record began before it.
    let opened = facts.state.entries().first().map(|entry| entry.time);
    for (promoted, before) in all {
        let decision = &promoted.content;
        let Some(glass) = &decision.break_glass else { continue };
        let within = before.is_none() && promoted.entry >= facts.range.start;
        let placed = facts.is_asked(decision);
        if !placed && (within || !facts.may_be_asked(decision)) {
            continue;
        }
        let log = before.and_then(|proof| proof.log.as_ref());
        let proved = proved(&reviews, log, promoted.entry);
        // What two persons signed is proved here, whatever part the package was made for.
        let unrun = |one: &Reviewed| one.unrun(asked);
        let all = [proved, signed(glass, &known)].into_iter().flatten();
        let mut reviewed = all.min_by_key(|one| (one.time >= glass.follow_up, unrun(one), one.time));
        let claimed = reviewed.as_mut().filter(|one| unrun(one)).map(|one| {
            one.how.push_str(", which is not run again here");
            format!("{}; {}", one.how, one.shown_by())
        });
        // One from before the window, or from an earlier log, is of it until it is reviewed.
        let began = if before.is_some() { facts.window.from.max(opened) } else { facts.window.from };
        let settled =
            began.is_some_and(|began| reviewed.as_ref().is_some_and(|one| one.time < began)) && claimed.is_none();
        if !within && settled {
            continue;
        }
        let proof = before.cloned().unwrap_or_else(|| facts.proof(promoted.entry));
        if !placed {
            let place = proof.place();
            part.missing
                .push(format!("{place}: an emergency that proves no source, so that it may be of this service"));
            continue;
        }
        part.missing.extend(claimed.map(|how| format!("{}: whether the emergency was reviewed: {how}", proof.place())));
        let late = |at: Time| at >= glass.follow_up;
        let mut deviates = |why: String| part.deviations_at.push((proof.place(), why));
        let state = match &reviewed {
            Some(Reviewed { time, how, .. }) if late(*time) => {
                let due = glass.follow_up;
                deviates(format!("an emergency was to be reviewed before {due}, and was reviewed late, at {time}"));
                format!("reviewed LATE, at {time}, {how}")
            }
            Some(Reviewed { time, how, .. }) => format!("reviewed in time, at {time}, {how}"),
            None if end.is_some_and(late) => {
                deviates(format!("an emergency was not reviewed before {}", glass.follow_up));
                "OVERDUE".to_owned()
            }
            None => {
                part.missing.extend(unshown(facts, glass, &proof.place()));
                "open".to_owned()
            }
        };
        let cells = vec![
            promoted.time.to_string(),
            service_of(decision),
            decision.request.environment.to_string(),
            decision.request.subject_name.to_string(),
            glass.exceptions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            let_through(glass, &known),
            glass.follow_up.to_string(),
            state,
        ];
        part.table.push(cells, proof);
    }
    let granted = known.held.iter().chain(known.ended.iter().map(|(one, _)| one));
    let granted = granted.filter(|one| one.exception().category == Category::Emergency).count();
    let classes = facts.deployments().filter(|one| change_class(&one.content) == "emergency").count();
    part.note(format!("{granted} emergency exceptions in the log, {classes} promotions in the window used one"))
        .note("an emergency from before the window, or of a log that this one goes on from, is listed where it was not reviewed when the window, or this log, began, or where only a decision says so that was not run again; no row means that no decision says that there was one of either kind")
        .note("each stands as it was at the window's end, as far as the log goes")
}

/// Whoever asks up to a day that lies behind the log's end asks for what nothing shows: whether it was reviewed when it was due by then.
fn unshown(facts: &Facts<'_>, glass: &BreakGlass, place: &str) -> Option<String> {
    let (to, end) = facts.window.to.zip(facts.end())?;
    let due = glass.follow_up;
    (due <= to).then(|| {
        format!(
            "{place}: whether the emergency was reviewed before {due}: the log ends at {end}, and the window at {to}"
        )
    })
}

/// Who asked for its exceptions, and who approved them.
fn let_through(glass: &BreakGlass, known: &Exceptions) -> String {
    let all = known.held.iter().chain(known.ended.iter().map(|(one, _)| one));
    let named: Vec<_> = all.filter(|one| glass.exceptions.contains(&one.id())).collect();
    let one = |id: &ExceptionId| {
        let Some(one) = named.iter().find(|one| one.id() == *id) else {
            return format!("{id}: not shown");
        };
        let approvers: Vec<String> = one.approvers().iter().map(ToString::to_string).collect();
        format!("{}, asked for by {}", approvers.join(", "), one.exception().requester)
    };
    let mut said: Vec<String> = glass.exceptions.iter().map(one).collect();
    said.dedup();
    said.join("; ")
}

/// By a later decision that passed and proved review over its commits.
fn proved(reviews: &Reviews, log: Option<&Origin>, entry: u64) -> Option<Reviewed> {
    let (time, by, of) = reviews.of(log, entry)?;
    let how = of.map_or_else(|| format!("proved by entry {by}"), |of| format!("proved by {}", place_of(by, Some(of))));
    Some(Reviewed { time, how, by: Some((of.cloned(), by)) })
}
