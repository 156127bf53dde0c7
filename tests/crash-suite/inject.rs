//! A kill at every system call of an append, and an error at every one that has to do with a file.

use super::judge::judge;
use super::trace::{Call, record};
use super::{KEPT, Outcome, Suite, append_order};
use std::collections::BTreeSet;
use std::ffi::OsString;

/// From how many entries, and by how many: one more in a partial tile; over the end of a tile, whose partial ones go; over
/// the end of several.
const APPENDS: &[(u64, u64)] = &[(3, 1), (250, 10), (511, 300)];

/// What is done at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Error(&'static str),
}

/// A call, as strace finds it again: the `nth` of its name, among those on a path where it has one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    name: String,
    path: Option<String>,
    nth: usize,
}

pub(super) fn play(suite: &Suite, told: &mut dyn FnMut(Outcome)) {
    for (entries, count) in APPENDS {
        let spots = spots(&record(suite, *entries, *count));
        for (at, spot) in spots.iter().enumerate() {
            let mut faults = vec![Fault::Kill];
            // An error of memory or of a thread is none of the disk's.
            if spot.path.is_some() {
                faults.extend([Fault::Error("EIO"), Fault::Error("ENOSPC")]);
            }
            for (kind, fault) in faults.into_iter().enumerate() {
                // A sample takes each call once at most, and only every so many of them.
                if suite.full() || (at * 3 + kind * 5) % 96 == 0 {
                    told(one(suite, (*entries, *count), at, spot, fault));
                }
            }
        }
    }
}

fn one(suite: &Suite, append: (u64, u64), at: usize, spot: &Spot, fault: Fault) -> Outcome {
    let place = suite.begin(append.0);
    let how = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Error(error) => format!("error={error}"),
    };
    let inject = format!("inject={}:{how}:when={}", spot.name, spot.nth);
    let trace = format!("trace={}", spot.name);
    let mut under: Vec<OsString> = ["strace", "-f", "-o", "/dev/null"].map(Into::into).to_vec();
    under.extend(["-e", &trace, "-e", &inject].map(OsString::from));
    if let Some(path) = &spot.path {
        under.extend(["-P", path].map(OsString::from));
    }
    let ended = suite.order(&under, &append_order(append.1, 1, &place)).status().expect("strace runs");
    let found = match ended.code() {
        Some(9) => "FAIL poison (a writer went on after a failure)".to_owned(),
        _ => judge(&place),
    };
    let word = match fault {
        Fault::Kill => "kill",
        Fault::Error(error) => error,
    };
    let root = place.display().to_string();
    let path = spot.path.as_deref().map_or("", |path| path.strip_prefix(&root).unwrap_or(path));
    let id = format!("{word}-{}+{}-{at:03}", append.0, append.1);
    Outcome { id, what: format!("{word} at {} {} {path}", spot.name, spot.nth), expected: KEPT, found }
}

/// The calls, each once. strace counts by thread: the same call of two threads is one spot, and meets both.
fn spots(calls: &[Call]) -> Vec<Spot> {
    let (mut seen, mut spots) = (BTreeSet::new(), Vec::new());
    for (at, call) in calls.iter().enumerate() {
        // A thread or process that ends is not to be stopped from it, and never comes back to be counted.
        if ["exit", "exit_group"].contains(&call.name.as_str()) {
            continue;
        }
        let path = call.path();
        let nth = match &path {
            None => call.nth,
            Some(path) => {
                let same = |other: &&Call| {
                    other.thread == call.thread && other.name == call.name && other.path().as_ref() == Some(path)
                };
                calls[..=at].iter().filter(same).count()
            }
        };
        let spot = Spot { name: call.name.clone(), path, nth };
        if seen.insert(spot.clone()) {
            spots.push(spot);
        }
    }
    spots
}
