//! Q10: violations, as episodes: a rule does not hold for an artifact of a service in an environment, until it does.

use super::super::ask::Asked;
use super::super::episodes::{At, Episode, Episodes, How};
use super::super::table::Table;
use super::Part;
use std::collections::BTreeSet;

/// How many entries are named where there are many.
const NAMED: usize = 20;

/// Q10.
pub(super) fn violations(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&[
        "rule",
        "stage",
        "service",
        "artifact",
        "environment",
        "opened",
        "closed",
        "hours",
        "failures",
        "closed how",
    ]));
    let facts = &asked.facts;
    // What is open when a window begins opened before it, and what is open when a log begins in one before it.
    let mut episodes = Episodes::default();
    if let Some(carried) = facts.carried() {
        for (of, all) in &carried.open.0 {
            let asked = all.iter().filter(|episode| facts.is_asked(&episode.opened.known.content));
            episodes.0.insert(of.clone(), asked.cloned().collect());
        }
        part.missing.extend(carried.unread());
    }
    for promoted in facts.all_decisions().filter(|one| facts.is_asked(&one.content)) {
        episodes.take(promoted, || None);
    }
    let proof = |at: &At| at.earlier.clone().unwrap_or_else(|| facts.proof(at.known.entry));
    // By what decisions say that nobody ran again, violations would be over that are not.
    let mut claimed: BTreeSet<u64> = BTreeSet::new();
    for (of, all) in episodes.0 {
        let (within, over): (Vec<Episode>, Vec<Episode>) =
            all.into_iter().partition(|episode| episode.touches(&facts.range));
        let closed = over.iter().filter_map(|episode| episode.closed.as_ref()).filter(|at| at.earlier.is_none());
        claimed.extend(closed.map(|at| at.known.entry).filter(|entry| !asked.ran_again(*entry)));
        for episode in within {
            let (opened, closed) = (episode.opened.time(), episode.closed.as_ref().map(At::time));
            let hours = closed.and_then(|closed| closed.since(opened).checked_div(3600));
            let cells = vec![
                of.rule.clone(),
                episode.stage.to_string(),
                of.service.clone(),
                of.artifact.clone(),
                of.environment.clone(),
                opened.to_string(),
                closed.map(|time| time.to_string()).unwrap_or_default(),
                hours.map(|hours| hours.to_string()).unwrap_or_default(),
                episode.failures.to_string(),
                episode.how.words().to_owned(),
            ];
            let mut row = proof(&episode.opened);
            let since = format!("{} does not hold for {} in {} since {opened}", of.rule, of.artifact, of.environment);
            let not_fixed = match (episode.how, &closed) {
                (How::Fixed, _) => None,
                (How::Excepted, Some(closed)) => Some(format!("{since}: what passed at {closed} needed an exception")),
                (How::Open | How::Excepted, _) => {
                    Some(format!("{since}, and nothing of that name passed it afterwards"))
                }
            };
            part.deviations_at.extend(not_fixed.map(|why| (row.place(), why)));
            if let Some(closed) = &episode.closed {
                row.documents.extend(proof(closed).documents);
            }
            part.table.push(cells, row);
        }
    }
    if facts.decisions.is_empty() {
        part.missing.push("decision in the window".to_owned());
    }
    if !claimed.is_empty() {
        let named: Vec<String> = claimed.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if claimed.len() > NAMED { " …" } else { "" };
        part.missing.push(format!(
            "whether violations were over when the window began: log entries {}{more} say so, and are not run again here; a package that takes them in shows it",
            named.join(", ")
        ));
    }
    let unread = facts.unread_before();
    if unread > 0 {
        part.missing.push(format!("{unread} decisions before the window, of which each may have opened an episode"));
    }
    part.note("an evaluation that could not tell neither opens nor closes an episode")
        .note("an episode is of one artifact, by its name less its version: it stays open where no later one of that name came")
        .note("what was remedied quickly is listed like everything else, and what was open when the window, or this log, began or ended as well; what is open, or passed by an exception alone, is FAIL")
}
