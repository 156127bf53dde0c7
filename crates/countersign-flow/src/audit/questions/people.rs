//! Questions about people, keys, lists and the log itself.

use super::super::POPULATIONS;
use super::super::ask::Asked;
use super::super::facts::Facts;
use super::super::key_events;
use super::super::manual as by_hand;
use super::super::open::derived_again;
use super::super::population;
use super::super::table::{Row, Table};
use super::super::verify::{DERIVED, DOCUMENTS, How, strays};
use super::Part;
use crate::controls;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Finding, verdict_of};
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_verify::named_blob;
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
            let gone = |row: &Row| row.proof.documents.iter().any(|document| erased.contains_key(document));
            let may = part.table.rows.iter().find(|other| gone(other) && in_time(row, other));
            if gone(row) {
                part.missing.push(format!("log entry {}: {said}", row.proof.entry));
            } else if let Some(other) = may {
                part.missing.push(format!(
                    "log entry {}: {said}; whether log entry {}, which was erased, renewed it nobody can tell",
                    row.proof.entry, other.proof.entry
                ));
            } else {
                part.deviations.push((row.proof.entry, said));
            }
        }
    }
    if part.table.rows.is_empty() {
        part.missing.push("evidence by hand in the window".to_owned());
    }
    // It is not carried from log to log: what still counted when this one began and was not added anew is said to be missing.
    let here = attested_here(&asked.facts);
    let began = asked.facts.state.entries().first().map(|entry| entry.time);
    let by = |digest: &Sha256| erased.get(digest).cloned();
    for (origin, entries) in controls::earlier(asked.facts.state.now(), &by) {
        let settled = |one: &controls::ByHand| {
            let said = one.document.as_ref().and_then(|digest| attested_there(&asked.facts, digest));
            said.is_some_and(|said| {
                began.is_some_and(|began| said.valid_until <= began) || said.controls.is_subset(&here)
            })
        };
        let (added, open): (Vec<_>, Vec<_>) = entries.into_iter().partition(settled);
        if !open.is_empty() {
            part.missing.push(controls::earlier_words(&origin, &open));
        }
        if !added.is_empty() {
            part.notes.push(controls::added_words(&origin, &added));
        }
    }
    part.note("documents that are attested stay where they are; their SHA-256 is what was signed")
}

/// The controls that this log has evidence by hand for, whenever that was recorded.
fn attested_here(facts: &Facts<'_>) -> BTreeSet<String> {
    let entries = (0_u64..).zip(facts.state.entries()).filter(|(_, entry)| entry.kind == Kind::ManualEvidence);
    let said = entries.filter_map(|(index, entry)| by_hand::read(facts, index, entry).ok());
    said.flat_map(|said| said.controls).collect()
}

/// What a piece of an earlier log's says, which names it. Its signature that log's own package proves.
fn attested_there(facts: &Facts<'_>, digest: &Sha256) -> Option<ManualEvidence> {
    let signed = Signed::parse(&named_blob(facts.blobs, digest)?).ok()?;
    Statement::parse(&signed.payload).ok()?.predicate_as(Kind::ManualEvidence).ok()
}

/// Whether an entry was recorded before what a row says had ended.
fn in_time(ended: &Row, other: &Row) -> bool {
    let (Some(until), Some(time)) = (ended.cells.get(5), other.cells.first()) else { return false };
    // Times have one form, whose order is that of its letters.
    ended.proof.entry < other.proof.entry && time <= until
}

/// The last of the entries that go on from what ended: each control of it was attested anew before the end, of no later day, for longer.
fn renewed(ended: &Row, rows: &[Row]) -> Option<u64> {
    let [_, _, controls, _, _, until, ..] = ended.cells.as_slice() else { return None };
    let goes_on = |control: &str| {
        let anew = rows.iter().rev().find(|row| {
            let [_, _, controls, _, as_of, longer, ..] = row.cells.as_slice() else { return false };
            in_time(ended, row)
                && as_of <= until
                && longer > until
                && controls.split(", ").any(|other| other == control)
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
        let what = "checkpoint of the log that was kept elsewhere: without it the end could be missing";
        let help = "give it with --least-checkpoint; take it from somebody else than who gave you the package";
        part.asker.push((what.to_owned(), help));
    }
    // Other questions do without decisions: that all is as it was recorded is not shown by nothing.
    let nothing = asked.basis.findings.iter().filter(|finding| finding.code == codes::DECISION_MISSING).cloned();
    part.findings.extend(nothing);
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
