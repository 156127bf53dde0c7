//! Questions about people, keys, lists and the log itself.

use super::super::POPULATIONS;
use super::super::ask::Asked;
use super::super::key_events;
use super::super::open::derived_again;
use super::super::population;
use super::super::table::{Row, Table};
use super::super::verify::{DERIVED, DOCUMENTS, How, strays};
use super::Part;
use crate::controls;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Finding, verdict_of};
use countersign_core::ids::PersonId;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// The entries of a kind.
struct Beats {
    count: u64,
    /// The newest one, and its time.
    newest: (u64, Time),
    /// The longest time between two of them in seconds, and the one with which it ended.
    gap: (i64, u64),
}

/// Q19.
pub(super) fn alive(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&["kind", "entries", "newest", "longest gap in hours", "gap ends at entry"]));
    let mut kinds: BTreeMap<&'static str, Beats> = BTreeMap::new();
    for (index, entry) in asked.facts.entries() {
        let first = || Beats { count: 0, newest: (index, entry.time), gap: (0, index) };
        let beats = kinds.entry(entry.kind.word()).or_insert_with(first);
        let gap = entry.time.since(beats.newest.1);
        if gap > beats.gap.0 {
            beats.gap = (gap, index);
        }
        beats.count = beats.count.saturating_add(1);
        beats.newest = (index, entry.time);
    }
    let end = asked.facts.end();
    for (kind, Beats { count, newest: (last, newest), gap: (gap, at) }) in kinds {
        let silent = end.map_or(0, |end| end.since(newest));
        let (gap, at, ends) =
            if silent > gap { (silent, last, "none since".to_owned()) } else { (gap, at, at.to_string()) };
        let hours = gap.checked_div(3600).unwrap_or_default();
        let cells = vec![kind.to_owned(), count.to_string(), newest.to_string(), hours.to_string(), ends];
        part.table.push(cells, asked.facts.proof(at));
    }
    part.note("a gap says that nothing was recorded, and not why; the last one goes up to the window's end or the log's newest entry, whichever is earlier")
}

/// Q20.
pub(super) fn keys(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(key_events::table(&asked.facts));
    if part.table.rows.is_empty() {
        part.missing.push("trust document in the log".to_owned());
    }
    part.note("each version after the first was signed by a quorum of the one before and of itself; what a version says of a key counts since its entry, whatever time it names")
        .note("the first version of the log is listed by its quorum alone: what it holds is in the list `trust`")
}

/// Q21.
pub(super) fn manual(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(population::named("manual-evidence", &asked.facts));
    population::attested_before(&asked.facts, &mut part.table);
    part.table.rows.sort_by_key(|row| row.proof.entry);
    let erased = &asked.facts.gathered.erased;
    for row in &part.table.rows {
        if let Some(state) = row.cells.last().filter(|state| state.as_str() != "counts") {
            let said = format!("evidence by hand: {state}");
            if let Some(by) = renewed(row, &part.table.rows) {
                part.notes
                    .push(format!("log entry {}: {said}, and renewed before that by log entry {by}", row.proof.entry));
                continue;
            }
            // What was erased nobody can see any more: it speaks neither for its owner nor against her.
            if row.proof.documents.iter().any(|document| erased.contains_key(document)) {
                part.missing.push(format!("log entry {}: {said}", row.proof.entry));
            } else {
                part.deviations.push((row.proof.entry, said));
            }
        }
    }
    if part.table.rows.is_empty() {
        part.missing.push("evidence by hand in the window".to_owned());
    }
    // It is not carried from log to log: whoever answers for some and added nothing since is said to be missing.
    let entries = asked.facts.state.entries().iter().filter(|entry| entry.kind == Kind::ManualEvidence);
    let here: BTreeSet<&PersonId> = entries.flat_map(|entry| &entry.persons).collect();
    let by = |digest: &Sha256| erased.get(digest).cloned();
    for (origin, entries) in controls::earlier(asked.facts.state.now(), &by) {
        let words = controls::earlier_words(&origin, &entries);
        let again = |one: &controls::ByHand| one.owner.as_ref().is_some_and(|owner| here.contains(owner));
        if entries.iter().all(again) {
            part.notes.push(words);
        } else {
            part.missing.push(words);
        }
    }
    part.note("documents that are attested stay where they are; their SHA-256 is what was signed")
}

/// The last of the entries that go on from what ended: each control of it was attested anew before the end, for longer.
fn renewed(ended: &Row, rows: &[Row]) -> Option<u64> {
    let [_, _, controls, _, _, until, ..] = ended.cells.as_slice() else { return None };
    let goes_on = |control: &str| {
        let anew = rows.iter().rev().find(|row| {
            let [time, _, controls, _, _, longer, ..] = row.cells.as_slice() else { return false };
            // Times have one form, whose order is that of its letters.
            time <= until && longer > until && controls.split(", ").any(|other| other == control)
        });
        anew.map(|row| row.proof.entry)
    };
    let all: Option<Vec<u64>> = controls.split(", ").filter(|control| !control.is_empty()).map(goes_on).collect();
    all?.into_iter().max()
}

/// Q22.
pub(super) fn altered(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&["check", "verdict", "detail"]));
    let last = asked.facts.state.size().saturating_sub(1);
    for check in &asked.basis.checks {
        let cells = vec![check.id.clone(), check.verdict.to_string(), check.detail.clone()];
        part.table.push(cells, asked.facts.proof(last));
    }
    // That the files fit the index says nothing: whoever alters one makes the index fit.
    let (derived, strays) = match asked.facts.gathered.again.get() {
        Some(again) => (Ok(again.derived.clone()), again.strays.clone()),
        None => (derived_again(asked.opened).map(|(_, findings)| findings), strays(asked.opened, How::Quick)),
    };
    let again = [("package-lists", derived, DERIVED), ("package-documents", Ok(strays), DOCUMENTS)];
    // A verification of the whole package has made them again already: what it says stands above, and is not said twice.
    let checked: Vec<&str> = asked.basis.checks.iter().map(|check| check.id.as_str()).collect();
    for (id, findings, holds) in again.into_iter().filter(|(id, ..)| !checked.contains(id)) {
        let findings = match findings {
            Ok(findings) => findings,
            Err(error) => {
                part.missing.push(format!("{id}: {error}"));
                continue;
            }
        };
        let detail = findings.iter().find(|finding| finding.class.blocks()).map_or(holds, |finding| &finding.what);
        let cells = vec![id.to_owned(), verdict_of(&findings).to_string(), detail.to_owned()];
        part.table.push(cells, asked.facts.proof(last));
        part.findings.extend(findings);
    }
    if asked.basis.kept.unwrap_or(0) == 0 {
        part.missing.push(
            "checkpoint of the log that was kept elsewhere (--least-checkpoint): without it the end could be missing"
                .to_owned(),
        );
    }
    let found = asked.basis.findings.iter().chain(&part.findings);
    let untrusted = found.filter(|finding| finding.class == Class::Untrusted).count();
    let unproven = asked.basis.findings.iter().any(|finding| finding.code == codes::LOG_END_UNPROVEN);
    part.note(format!("{untrusted} findings say that something does not hold"))
        .note(if unproven { "how far the log had come is not proved" } else { "the log goes on from the checkpoint that was kept" })
        .note("documents, lists and page are what the log makes them, and decisions follow from the evidence, where nothing below says otherwise: each was run again")
}

/// Q23.
pub(super) fn produced(asked: &Asked<'_>) -> Part {
    let mut part =
        Part::of(Table::new(&["list", "rows", "how it was made", "filter", "SHA-256 of the CSV", "limits hit"]));
    let last = asked.facts.state.size().saturating_sub(1);
    let again = asked.facts.gathered.again.get().filter(|_| asked.ask.window == asked.opened.scope.window);
    for (place, made) in population::ALL.iter().enumerate() {
        let header = match again.and_then(|again| again.lists.get(place)) {
            Some((rows, csv)) => population::header(made, &asked.facts, *rows, *csv),
            None => population::list(made, &asked.facts, false).0.header,
        };
        let cells = vec![
            header.name.to_owned(),
            header.rows.to_string(),
            header.how.to_owned(),
            header.filter,
            header.csv.to_string(),
            header.limits_hit.join("; "),
        ];
        part.table.push(cells, asked.facts.proof(last));
        // Of the part of the record that the package was made for, it holds the list itself.
        let file = format!("{POPULATIONS}{}.csv", header.name);
        let comparable = asked.ask.window == asked.opened.scope.window && asked.opened.other_version.is_none();
        if comparable && asked.opened.package.digest(&file) != Some(&header.csv) {
            let what = "this file is not what the rest of the package makes it";
            let finding = Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(file);
            part.findings.push(finding.expected(header.csv.to_string(), "the list, made again"));
        }
    }
    if let Some(found) = &asked.opened.other_version {
        part.missing.push(format!(
            "version of countersign that made the lists in the package ({found}): those here are made anew"
        ));
    }
    let documents = asked.opened.package.count();
    part.note(format!("the package holds {documents} documents; every list is made from the log in it, and made again by `audit verify`"))
}
