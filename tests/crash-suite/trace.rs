//! What a process asks of the system while it appends, as strace records it.

use super::{Suite, append_order};
use std::collections::BTreeMap;
use std::path::Path;

/// A system call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The thread.
    pub(super) thread: u32,
    /// Its name.
    pub(super) name: String,
    /// Between the parentheses.
    pub(super) arguments: String,
    /// What it gave back.
    pub(super) result: String,
    /// How many calls of this name the thread had made before, and how many on the same path.
    pub(super) nth: usize,
}

impl Call {
    /// The path that it is about: of its open file, or the first that is written out.
    pub(super) fn path(&self) -> Option<String> {
        self.open_file().or_else(|| self.named(0))
    }

    /// The path of the open file that it is about.
    pub(super) fn open_file(&self) -> Option<String> {
        let first = self.arguments.split(", ").next()?;
        let (number, rest) = first.split_once('<')?;
        // A folder that names are looked up in stands there too, and is not what an open file is.
        number.parse::<u32>().ok()?;
        let path = rest.strip_suffix('>')?;
        if path.starts_with("\\x") { String::from_utf8(unhex(path)?).ok() } else { Some(path.to_owned()) }
    }

    /// The text between the quotes of its `nth` quoted argument, which holds no quotes of its own.
    pub(super) fn quoted(&self, nth: usize) -> Option<&str> {
        self.arguments.split('"').skip(1).step_by(2).nth(nth)
    }

    /// The path that it names in words; strings are recorded in hexadecimal.
    pub(super) fn named(&self, nth: usize) -> Option<String> {
        let bytes = unhex(self.quoted(nth)?)?;
        String::from_utf8(bytes).ok().filter(|path| path.starts_with('/'))
    }
}

/// The bytes of a string as `strace -xx` writes it.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for pair in text.split("\\x").skip(1) {
        bytes.push(u8::from_str_radix(pair.get(..2)?, 16).ok()?);
    }
    Some(bytes)
}

/// Records one append of so many entries, from a log of so many.
pub(super) fn record(suite: &Suite, entries: u64, count: u64) -> Vec<Call> {
    let place = suite.begin(entries);
    let trace = suite.folder.path().join("trace");
    let under = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-o"].map(Into::into);
    let under: Vec<_> = under.into_iter().chain([trace.clone().into()]).collect();
    let ended = suite.order(&under, &append_order(count, 1, &place)).status().expect("strace runs");
    assert!(ended.success(), "the append that is recorded succeeds: {ended}");
    let text = std::fs::read_to_string(&trace).expect("a trace");
    within(&parse(&text), &place)
}

/// The calls from the first that has to do with the log to the last one that has to do with it or with what was said of it.
fn within(calls: &[Call], place: &Path) -> Vec<Call> {
    let place = place.display().to_string();
    let here = |call: &Call| call.path().is_some_and(|path| path.starts_with(&place));
    let first = calls.iter().position(here).expect("the log was touched");
    let last = calls.iter().rposition(here).expect("the log was touched");
    calls[first..=last].to_vec()
}

/// Parses a trace; a call that others came between is put together, at the place where it ended.
fn parse(text: &str) -> Vec<Call> {
    let mut begun: BTreeMap<u32, String> = BTreeMap::new();
    let mut counts: BTreeMap<(u32, String), usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let (Ok(thread), rest) = (thread.parse::<u32>(), rest.trim_start()) else { continue };
        let whole = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start.to_owned());
            continue;
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            format!("{}{end}", begun.remove(&thread).unwrap_or_default())
        } else {
            rest.to_owned()
        };
        let Some((name, rest)) = whole.split_once('(') else { continue };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { continue };
        let arguments = arguments.trim_end().trim_end_matches(')');
        let nth = counts.entry((thread, name.to_owned())).or_default();
        *nth += 1;
        calls.push(Call {
            thread,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            result: result.to_owned(),
            nth: *nth,
        });
    }
    calls
}
