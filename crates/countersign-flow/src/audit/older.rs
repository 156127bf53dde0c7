//! Lists that another version made, held against those of here as far as that goes. An older list has other columns, and the same
//! rows: what both have has to be the same. Whatever can be held against nothing is named, and never said to hold.

use super::derive::{self, Derived};
use super::facts::Facts;
use super::open::Opened;
use super::population;
use super::{INDEX, PAGE, POLICIES, POPULATIONS, RANGE, README};
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::later::{is_earlier, is_later};

/// How many places are named where there are many.
const PLACES: usize = 12;

/// Columns whose cells are words: another version may have put them otherwise.
const WORDS: [&str; 2] = ["class", "state"];

/// What is to be said of the lists, the page and the text of a package whose index says that another version made them.
pub(super) fn compared(
    opened: &Opened,
    facts: &Facts<'_>,
    derived: &Derived,
    said: &str,
) -> Result<Vec<Finding>, FlowError> {
    let short = || said.chars().take(120).collect::<String>();
    if is_later(said, derive::SCHEMA) {
        let what = "a later version made the lists, the page and the text: none of them was compared with anything";
        let finding = Finding::new(codes::PACKAGE_OTHER_VERSION, what)
            .at(INDEX)
            .expected(derive::SCHEMA, "this version of countersign")
            .found(short())
            .help("get that version from whoever made the package, and run this again with it");
        return Ok(vec![places(finding, &made_files(opened))]);
    }
    if !is_earlier(said, derive::SCHEMA) {
        let finding = Finding::new(codes::PACKAGE_FILE_ALTERED, "the index is of no form that there is")
            .at(INDEX)
            .expected(derive::SCHEMA, "this version of countersign")
            .found(short());
        return Ok(vec![finding]);
    }
    let (mut findings, mut unheld) = (Vec::new(), Vec::new());
    for name in made_files(opened) {
        if opened.package.digest(&name) == derived.files.get(&name).map(|made| &made.digest) {
            continue;
        }
        let made = name.strip_prefix(POPULATIONS).and_then(|rest| population::find(rest.strip_suffix(".csv")?));
        match made {
            Some(made) => {
                let theirs = opened.package.file(&name)?.unwrap_or_default();
                let (_, ours) = population::list(made, facts, true);
                match rows_differ(&theirs, &ours.unwrap_or_default()) {
                    Ok(words) => unheld.extend(words.into_iter().map(|column| format!("{name}, column {column}"))),
                    Err(differs) => findings.push(differs.finding(&name)),
                }
            }
            // It has a version of its own.
            None if name == RANGE => {
                let what = "this file is not what the rest of the package makes it";
                findings.push(Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(name));
            }
            None => unheld.push(name),
        }
    }
    let what = "an older version made the lists, the page and the text: rows were compared by the columns that both have, and what is named here with nothing";
    let finding = Finding::new(codes::PACKAGE_OTHER_VERSION, what)
        .at(INDEX)
        .expected(derive::SCHEMA, "this version of countersign")
        .found(short())
        .help("check them with that version; `audit ask`, `population` and `report` make them anew from the log, which is checked here");
    findings.push(places(finding, &unheld));
    Ok(findings)
}

/// The files that follow from the rest, but for the index.
fn made_files(opened: &Opened) -> Vec<String> {
    let made = |name: &&str| [README, PAGE, POLICIES, RANGE].contains(name) || name.starts_with(POPULATIONS);
    opened.package.names().filter(made).map(str::to_owned).collect()
}

/// A finding with these places, or with how many there are.
pub(super) fn places(finding: Finding, all: &[String]) -> Finding {
    let named = all.iter().take(PLACES).fold(finding, |finding, place| finding.at(place.as_str()));
    let more = all.len().saturating_sub(PLACES);
    if more > 0 { named.at(format!("{more} more")) } else { named }
}

/// Where two lists part.
#[derive(Debug, PartialEq, Eq)]
struct Differs {
    /// Row and column, from 1, the first line being the columns' names.
    place: String,
    expected: String,
    found: String,
}

impl Differs {
    fn finding(self, file: &str) -> Finding {
        Finding::new(
            codes::PACKAGE_FILE_ALTERED,
            "this list is not what the log makes it, in columns that every version has",
        )
        .at(file)
        .at(self.place)
        .expected(self.expected, "the log")
        .found(self.found)
    }
}

/// Holds the rows of a list against those of here. Gives the columns that differ in words alone, or that are not known here.
fn rows_differ(theirs: &[u8], ours: &[u8]) -> Result<Vec<String>, Differs> {
    let differs = |place: String, expected: &str, found: &str| {
        let short = |text: &str| text.chars().take(200).collect();
        Differs { place, expected: short(expected), found: short(found) }
    };
    let (theirs, ours) = (lines(theirs), lines(ours));
    let Some((their_names, their_rows)) = theirs.as_deref().and_then(<[_]>::split_first) else {
        return Err(differs("line 1".to_owned(), "a list of quoted cells", "something else"));
    };
    let Some((our_names, our_rows)) = ours.as_deref().and_then(<[_]>::split_first) else { return Ok(Vec::new()) };
    let columns: Vec<(usize, Option<usize>, &str)> = their_names
        .iter()
        .enumerate()
        .map(|(place, name)| (place, our_names.iter().position(|ours| ours == name), name.as_str()))
        .collect();
    let mut unheld: Vec<String> =
        columns.iter().filter(|(_, ours, _)| ours.is_none()).map(|(.., name)| (*name).to_owned()).collect();
    for (number, (theirs, ours)) in (2_u64..).zip(their_rows.iter().zip(our_rows)) {
        if theirs.len() != their_names.len() {
            let (expected, found) = (their_names.len().to_string(), theirs.len().to_string());
            return Err(differs(format!("line {number}, cells"), &expected, &found));
        }
        for (place, other, name) in &columns {
            let Some(other) = other else { continue };
            let (found, expected) = (cell(theirs, *place), cell(ours, *other));
            if found == expected {
                continue;
            }
            if !WORDS.contains(name) {
                return Err(differs(format!("line {number}, column {name}"), expected, found));
            }
            if !unheld.iter().any(|one| one == name) {
                unheld.push((*name).to_owned());
            }
        }
    }
    if their_rows.len() != our_rows.len() {
        let (expected, found) = (our_rows.len().to_string(), their_rows.len().to_string());
        return Err(differs("rows".to_owned(), &expected, &found));
    }
    // A list without the proof of its rows, or without any column of here, would hold by holding nothing.
    match our_names.iter().rev().take(3).find(|name| !their_names.contains(name)) {
        Some(name) => Err(differs("line 1".to_owned(), name, "no such column")),
        None => Ok(unheld),
    }
}

fn cell(row: &[String], place: usize) -> &str {
    row.get(place).map_or("", String::as_str)
}

/// The cells of a list as every version writes it: each in quotes, a row a line.
fn lines(csv: &[u8]) -> Option<Vec<Vec<String>>> {
    let text = std::str::from_utf8(csv).ok()?;
    text.strip_suffix('\n')?.split('\n').map(cells).collect()
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = vec![String::new()];
    let mut rest = inner.chars().peekable();
    while let Some(c) = rest.next() {
        let last = out.last_mut()?;
        match (c, rest.peek()) {
            ('"', Some('"')) => {
                rest.next();
                last.push('"');
            }
            ('"', Some(',')) => {
                rest.next();
                // The quote that opens the next cell.
                rest.next().filter(|next| *next == '"')?;
                out.push(String::new());
            }
            ('"', _) => return None,
            (c, _) => last.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "\"time\",\"verdict\",\"class\",\"log entry\",\"leaf\",\"documents\"\n\
                        \"1\",\"PASS\",\"standard\",\"3\",\"x\",\"d\"\n\"2\",\"FAIL\",\"refused\",\"4\",\"y\",\"e \"\"f\"\"\"\n";

    fn held(theirs: &str) -> Result<Vec<String>, Differs> {
        rows_differ(theirs.as_bytes(), OURS.as_bytes())
    }

    #[test]
    fn an_older_list_may_lack_columns_have_others_and_word_some_otherwise() {
        assert_eq!(held(OURS), Ok(Vec::new()));
        let fewer = "\"verdict\",\"log entry\",\"leaf\",\"documents\"\n\"PASS\",\"3\",\"x\",\"d\"\n\"FAIL\",\"4\",\"y\",\"e \"\"f\"\"\"\n";
        assert_eq!(held(fewer), Ok(Vec::new()));
        let other = OURS.replace("\"time\"", "\"when\"").replace("standard", "ordinary");
        assert_eq!(held(&other), Ok(vec!["when".to_owned(), "class".to_owned()]));
    }

    #[test]
    fn a_row_that_is_gone_added_or_otherwise_is_an_altered_list_of_whichever_version() {
        let place = |theirs: &str| held(theirs).unwrap_err().place;
        assert_eq!(place(&OURS.replace("\"FAIL\"", "\"PASS\"")), "line 3, column verdict");
        let first = [OURS.lines().take(2).collect::<Vec<_>>().join("\n"), String::new()].join("\n");
        assert_eq!(place(&first), "rows");
        let third = OURS.lines().last().map(|line| format!("{OURS}{line}\n")).unwrap_or_default();
        assert_eq!(place(&third), "rows");
        assert_eq!(place(&OURS.replace("\"leaf\"", "\"leaves\"")), "line 1");
        for broken in ["", "\n", "time,verdict\n", "\"time\"x\"\n", "\"time\",\"verdict\n"] {
            assert_eq!(place(broken), "line 1", "{broken:?}");
        }
        assert_eq!(place(&OURS.replace("\"1\",\"PASS\",", "\"PASS\",")), "line 2, cells");
    }
}
