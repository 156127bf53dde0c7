//! Q10: violations, as episodes: a rule does not hold for an artifact of a service in an environment, until it does.

use super::super::ask::Asked;
use super::super::carried::Carried;
use super::super::episodes::{At, Episode, Episodes, How};
use super::super::table::Table;
use super::Part;
use countersign_core::ids::Origin;
use std::collections::{BTreeMap, BTreeSet};

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
        part.missing.extend(claimed_before(asked, carried));
    }
    part.missing.extend(unplaced(asked));
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
        let said = said_by(&claimed);
        let what = "whether violations were over when the window began";
        part.missing.push(format!("{what}: log {said}, not run again here; a package that takes that in shows it"));
    }
    let unread = facts.unread_before();
    if unread > 0 {
        part.missing.push(format!("{unread} decisions before the window, of which each may have opened an episode"));
    }
    part.note("an evaluation that could not tell neither opens nor closes an episode")
        .note("an episode is of one artifact, by its name less its version: it stays open where no later one of that name came")
        .note("what was remedied quickly is listed like everything else, and what was open when the window, or this log, began or ended as well; what is open, or passed by an exception alone, is FAIL")
}

/// Violations that were open before the window, of what was let go and proves no source: of these nobody can tell whose they are.
fn unplaced(asked: &Asked<'_>) -> Option<String> {
    let facts = &asked.facts;
    let mut episodes = Episodes::default();
    for (of, all) in facts.carried().into_iter().flat_map(|carried| &carried.open.0) {
        let may_be = all.iter().filter(|episode| facts.may_be_asked(&episode.opened.known.content));
        let may_be: Vec<Episode> = may_be.cloned().collect();
        if !may_be.is_empty() {
            episodes.0.insert(of.clone(), may_be);
        }
    }
    let before = facts.all_decisions().take_while(|one| one.entry < facts.range.start);
    for promoted in before.filter(|one| facts.may_be_asked(&one.content)) {
        episodes.take(promoted, || None);
    }
    episodes.keep_open();
    let proof = |at: &At| at.earlier.clone().unwrap_or_else(|| facts.proof(at.known.entry));
    let opened = episodes.0.values().flatten().map(|episode| proof(&episode.opened).place());
    let opened: BTreeSet<String> = opened.collect();
    let named: Vec<&str> = opened.iter().take(NAMED).map(String::as_str).collect();
    let more = if opened.len() > NAMED { " …" } else { "" };
    let what = "violations that were open when the window, or this log, began may be of this service, since they prove no source";
    (!opened.is_empty()).then(|| format!("{what}: {}{more}", named.join(", ")))
}

/// Violations of earlier logs that would be over by what decisions there say, where nobody ran those again.
fn claimed_before(asked: &Asked<'_>, carried: &Carried) -> Vec<String> {
    let mut claimed: BTreeMap<&Origin, BTreeSet<u64>> = BTreeMap::new();
    for ((log, entry), known) in &carried.closed_by {
        if asked.facts.is_asked(&known.content) {
            claimed.entry(log).or_default().insert(*entry);
        }
    }
    let claimed = claimed.into_iter().filter(|(log, _)| !asked.proves(log));
    claimed
        .map(|(log, entries)| {
            let said = said_by(&entries);
            let what = "whether violations were over when this log began";
            format!("{what}: log {log}, {said}, not run again here; that log's whole package, given with --earlier, shows it")
        })
        .collect()
}

/// The entries that say so, as far as they are named.
fn said_by(entries: &BTreeSet<u64>) -> String {
    let named: Vec<String> = entries.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if entries.len() > NAMED { " …" } else { "" };
    match named.as_slice() {
        [one] => format!("entry {one} says so"),
        _ => format!("entries {}{more} say so", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_says_so_and_several_say_so() {
        assert_eq!(said_by(&BTreeSet::from([8])), "entry 8 says so");
        assert_eq!(said_by(&BTreeSet::from([8, 3])), "entries 3, 8 say so");
        assert!(said_by(&(0..30).collect()).ends_with("18, 19 … say so"));
    }
}
