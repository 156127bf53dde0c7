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
use crate::controls::{self, ByHand};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::place_of;
use countersign_core::finding::{Class, Finding, verdict_of};
use countersign_core::ids::Origin;
use countersign_core::statement::manual_evidence::{LONGEST, ManualEvidence};
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
    let by = |digest: &Sha256| erased.get(digest).cloned();
    let earlier = controls::earlier(asked.facts.state.now(), &by);
    let there = attested_there(&asked.facts, &earlier);
    let here = part.table.rows.iter().map(|row| Piece::of(row, erased));
    let all: Vec<Piece> = here.chain(there.iter().cloned()).collect();
    let (mut notes, mut missing, mut unsettled) = (Vec::new(), Vec::new(), BTreeSet::new());
    for one in all.iter().filter(|one| one.state != "counts") {
        let said = format!("evidence by hand: {}", one.state);
        if let Some(by) = one.renewed(&all) {
            notes.extend(one.log.is_none().then(|| format!("{}: {said}, and {by}", one.place)));
            continue;
        }
        // What was erased nobody can see any more: it speaks neither for its owner nor against her.
        let may = all.iter().find(|other| other.erased && one.may_be_renewed_by(other));
        if one.erased {
            missing.push(format!("{}: {said}", one.place));
        } else if let Some(other) = may {
            let other = &other.place;
            missing
                .push(format!("{}: {said}; whether {other}, which was erased, renewed it nobody can tell", one.place));
        } else {
            part.deviations_at.push((one.place.clone(), said));
        }
        unsettled.insert(one.place.as_str());
    }
    // It is not carried from log to log: what would count still, and what cannot be read, is missing until it is added anew.
    let attested = attested_here(&asked.facts);
    let by_place: BTreeMap<&str, &Piece> = there.iter().map(|piece| (piece.place.as_str(), piece)).collect();
    for (origin, entries) in &earlier {
        let (mut added, mut open) = (Vec::new(), Vec::new());
        for one in entries {
            let place = place_of(one.entry, Some(origin));
            match by_place.get(place.as_str()) {
                _ if unsettled.contains(place.as_str()) => {}
                Some(piece) if piece.state == "counts" && !piece.controls.is_subset(&attested) => open.push(one),
                Some(_) => added.push(one),
                None if is_over(&asked.facts, one) => added.push(one),
                None => open.push(one),
            }
        }
        if !open.is_empty() {
            missing.push(controls::earlier_words(origin, &open));
        }
        if !added.is_empty() {
            notes.push(controls::added_words(origin, &added));
        }
    }
    if part.table.rows.is_empty() {
        part.missing.push("evidence by hand in the window".to_owned());
    }
    part.notes.extend(notes);
    part.missing.extend(missing);
    part.note("documents that are attested stay where they are; their SHA-256 is what was signed")
}

/// A piece of evidence by hand.
#[derive(Debug, Clone)]
struct Piece {
    place: String,
    /// The log that has it, where that is an earlier one.
    log: Option<Origin>,
    /// When it was recorded.
    time: Option<Time>,
    controls: BTreeSet<String>,
    /// The day of which it speaks, and the end of what it says.
    says: Option<(Time, Time)>,
    state: String,
    erased: bool,
}

impl Piece {
    fn of(row: &Row, erased: &BTreeMap<Sha256, String>) -> Self {
        let cell = |place: usize| row.cells.get(place).map_or("", String::as_str);
        let time = |place: usize| cell(place).parse::<Time>().ok();
        Self {
            place: row.proof.place(),
            log: row.proof.log.clone(),
            time: time(0),
            controls: cell(2).split(", ").filter(|control| !control.is_empty()).map(str::to_owned).collect(),
            says: time(4).zip(time(5)),
            state: row.cells.last().cloned().unwrap_or_default(),
            erased: row.proof.documents.iter().any(|document| erased.contains_key(document)),
        }
    }

    /// Whether another was recorded before what this one says had ended.
    fn in_time(&self, other: &Self) -> bool {
        let until = self.says.map(|(_, until)| until);
        self.place != other.place && until.zip(other.time).is_some_and(|(until, time)| time <= until)
    }

    /// Whether one that nobody can read any more may have said the same for longer.
    fn may_be_renewed_by(&self, other: &Self) -> bool {
        let until = self.says.map(|(_, until)| until);
        self.in_time(other) && until.zip(other.time).is_some_and(|(until, time)| until.since(time) <= LONGEST)
    }

    /// By which it goes on, in words: each control of it was attested before the end, of no later day, for longer.
    fn renewed(&self, all: &[Self]) -> Option<String> {
        let (_, until) = self.says?;
        let goes_on = |control: &String| {
            all.iter().rev().find(|other| {
                let longer = other.says.is_some_and(|(as_of, longer)| as_of <= until && longer > until);
                longer && self.in_time(other) && other.controls.contains(control)
            })
        };
        let by: Vec<&Self> = self.controls.iter().map(goes_on).collect::<Option<_>>()?;
        let last = by.into_iter().max_by_key(|other| other.time)?;
        let how = if last.time >= self.time { "renewed before that by" } else { "covered for longer already by" };
        Some(format!("{how} {}", last.place))
    }
}

/// The controls that this log has evidence by hand for, of before the window's end.
fn attested_here(facts: &Facts<'_>) -> BTreeSet<String> {
    let entries = (0_u64..facts.range.end).zip(facts.state.entries());
    let entries = entries.filter(|(_, entry)| entry.kind == Kind::ManualEvidence);
    let said = entries.filter_map(|(index, entry)| by_hand::read(facts, index, entry).ok());
    said.flat_map(|said| said.controls).collect()
}

/// When what earlier logs have by hand begins to be asked of: where this one begins, or the window.
fn asked_since(facts: &Facts<'_>) -> Option<Time> {
    facts.state.entries().first().map(|entry| entry.time).max(facts.window.from)
}

/// Whether a piece cannot have counted any more by then, whatever it said.
fn is_over(facts: &Facts<'_>, one: &ByHand) -> bool {
    let said = one.document.as_ref().and_then(|digest| read_there(facts, digest));
    said.zip(asked_since(facts)).is_some_and(|(said, since)| said.valid_until <= since)
}

/// What earlier logs have by hand that counted when this one began, and when the window did. Their signatures those logs' own
/// packages prove.
fn attested_there(facts: &Facts<'_>, earlier: &[(Origin, Vec<ByHand>)]) -> Vec<Piece> {
    let (since, end) = (asked_since(facts), facts.end());
    let one = |origin: &Origin, one: &ByHand| {
        let said = read_there(facts, one.document.as_ref()?)?;
        let counted = since.is_some_and(|since| said.valid_until > since);
        let expired = end.is_some_and(|end| said.valid_until <= end);
        counted.then(|| Piece {
            place: place_of(one.entry, Some(origin)),
            log: Some(origin.clone()),
            time: Some(one.time),
            controls: said.controls.iter().cloned().collect(),
            says: Some((said.as_of, said.valid_until)),
            state: if expired { "expired" } else { "counts" }.to_owned(),
            erased: false,
        })
    };
    earlier.iter().flat_map(|(origin, all)| all.iter().filter_map(move |piece| one(origin, piece))).collect()
}

/// What a piece of an earlier log's says, which names it.
fn read_there(facts: &Facts<'_>, digest: &Sha256) -> Option<ManualEvidence> {
    let signed = Signed::parse(&named_blob(facts.blobs, digest)?).ok()?;
    Statement::parse(&signed.payload).ok()?.predicate_as(Kind::ManualEvidence).ok()
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
    let held_against = asked.basis.was_held_against_a_checkpoint();
    // One that the log does not go on from was given: that is found, and not missing.
    if !held_against || asked.basis.kept == Some(0) {
        let what = "checkpoint of the log that was kept elsewhere: without it the end could be missing";
        let help = "give it with --least-checkpoint; take it from somebody else than who gave you the package";
        part.asker.push((what.to_owned(), help));
    }
    // Other questions do without decisions: that all is as it was recorded is not shown by nothing.
    let nothing = asked.basis.findings.iter().filter(|finding| finding.code == codes::DECISION_MISSING).cloned();
    part.findings.extend(nothing);
    let found = asked.basis.findings.iter().chain(&part.findings);
    let untrusted = found.filter(|finding| finding.class == Class::Untrusted).count();
    let goes_on = match asked.basis.kept {
        None if held_against => "the log does not go on from the checkpoint that was given",
        _ if asked.basis.end_unproven() => "how far the log had come is not proved",
        _ => "the log goes on from the checkpoint that was kept",
    };
    let follow = match asked.not_run_again() {
        None => "documents, lists and page are what the log makes them, and decisions follow from the evidence, where nothing below says otherwise: each was run again".to_owned(),
        Some(what) => format!("documents, lists and page are what the log makes them, where nothing below says otherwise; whether decisions follow from the evidence is not shown: {what}"),
    };
    part.note(format!("{untrusted} findings say that something does not hold")).note(goes_on).note(follow)
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

#[cfg(test)]
mod tests {
    use super::Piece;
    use countersign_core::entry::place_of;
    use countersign_core::ids::Origin;
    use countersign_core::time::Time;
    use std::collections::BTreeSet;

    fn day(day: i64) -> Time {
        Time::from_unix(1_800_000_000 + day * 24 * 60 * 60).unwrap()
    }

    /// Recorded in the first log, the second or this one on its day, and counting until another.
    fn piece(log: Option<&str>, entry: u64, from: i64, until: i64) -> Piece {
        let log = log.map(|log| Origin::new(log).unwrap());
        Piece {
            place: place_of(entry, log.as_ref()),
            log,
            time: Some(day(from)),
            controls: BTreeSet::from(["SOC 2 CC6.4".to_owned()]),
            says: Some((day(from), day(until))),
            state: "expired".to_owned(),
            erased: false,
        }
    }

    #[test]
    fn a_piece_of_an_earlier_log_goes_on_by_what_was_recorded_before_it_ended_in_whichever_log() {
        let old = piece(Some("one.example/log"), 4, 0, 30);
        let late = [old.clone(), piece(None, 4, 200, 300)];
        assert_eq!(old.renewed(&late), None, "there was none for months");
        let in_time = [old.clone(), piece(None, 4, 20, 300)];
        assert_eq!(old.renewed(&in_time).as_deref(), Some("renewed before that by log entry 4"));
        let between = [old.clone(), piece(Some("two.example/log"), 4, 20, 90), piece(None, 4, 80, 300)];
        assert_eq!(old.renewed(&between).as_deref(), Some("renewed before that by log two.example/log, entry 4"));
        assert!(between[1].renewed(&between).is_some());
        assert_eq!(old.renewed(&[old.clone(), piece(None, 4, 20, 25)]), None, "no longer than itself");
        assert_eq!(old.renewed(std::slice::from_ref(&old)), None, "by itself");
    }

    #[test]
    fn what_was_erased_may_have_renewed_what_ended_only_where_nothing_lasts_too_long_for_that() {
        let ended = piece(None, 9, 0, 30);
        let gone = |from: i64| Piece { says: None, erased: true, ..piece(None, 3, from, 0) };
        assert!(ended.may_be_renewed_by(&gone(20)) && ended.may_be_renewed_by(&gone(-300)));
        assert!(!ended.may_be_renewed_by(&gone(31)) && !ended.may_be_renewed_by(&gone(-400)));
    }
}
