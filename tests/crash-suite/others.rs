//! What needs no trace: kills at random moments, two writers, a full disk, a lock that does not hold.

use super::judge::{judge, judge_by};
use super::{KEPT, Outcome, Suite, append_order};
use std::process::Command;
use std::time::Duration;

/// A writer that appends without end is killed, and again, on the same log.
pub(super) fn random_kills(suite: &Suite, told: &mut dyn FnMut(Outcome)) {
    let place = suite.begin(3);
    let rounds: u64 = if suite.full() { 200 } else { 3 };
    for round in 0..rounds {
        let lines = || std::fs::read_to_string(place.join("acks")).unwrap_or_default().lines().count();
        let before = lines();
        let mut child =
            suite.order(&[], &format!("loop 1000000 {} {}", round + 1, place.display())).spawn().expect("it runs");
        // Not before it is at work; then at a moment that differs from round to round.
        for _ in 0..2_000 {
            if lines() > before {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(round * 977 % 9_001));
        child.kill().expect("killed");
        child.wait().expect("it ended");
        let found = if lines() > before { judge(&place) } else { "FAIL idle (nothing was appended)".to_owned() };
        told(Outcome {
            id: format!("random-{round:03}"),
            what: "kill -9 at a random moment".to_owned(),
            expected: KEPT,
            found,
        });
    }
}

/// Two processes append by turns: each entry has one index, and nobody's is lost.
pub(super) fn two_writers(suite: &Suite, told: &mut dyn FnMut(Outcome)) {
    let place = suite.begin(3);
    let times = if suite.full() { 60 } else { 12 };
    let mut children: Vec<_> = (1..=2)
        .map(|run| suite.order(&[], &format!("loop {times} {run} {}", place.display())).spawn().expect("it runs"))
        .collect();
    let ended: Vec<bool> = children.iter_mut().map(|child| child.wait().expect("it ended").success()).collect();
    let acks = std::fs::read_to_string(place.join("acks")).expect("acks");
    let found = if ended != [true, true] {
        "FAIL ended".to_owned()
    } else if acks.lines().count() < times * 2 {
        "FAIL lost (fewer were acknowledged than appended)".to_owned()
    } else {
        judge(&place)
    };
    told(Outcome {
        id: "two-writers".to_owned(),
        what: "two processes on one folder".to_owned(),
        expected: KEPT,
        found,
    });
}

/// A file system that gives one lock to everybody is refused, and nothing is written.
pub(super) fn lying_lock(suite: &Suite, told: &mut dyn FnMut(Outcome)) {
    let place = suite.begin(3);
    let before = std::fs::read(place.join("log/checkpoint")).expect("a checkpoint");
    let under = ["strace", "-f", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:retval=0"].map(Into::into);
    let ended = suite.order(&under, &append_order(1, 1, &place)).status().expect("strace runs");
    let same = std::fs::read(place.join("log/checkpoint")).expect("a checkpoint") == before;
    let found =
        if ended.code() == Some(8) && same { "PASS refused".to_owned() } else { format!("FAIL opened ({ended})") };
    told(Outcome {
        id: "lock-that-lies".to_owned(),
        what: "a store without locks, as over NFS".to_owned(),
        expected: "PASS refused",
        found,
    });
}

/// A small disk fills up: the append that does not fit is not acknowledged, and with room again the log goes on.
pub(super) fn full_disk(suite: &Suite, told: &mut dyn FnMut(Outcome), skipped: &mut dyn FnMut(&str)) {
    let disk = suite.folder.path().join("disk");
    std::fs::create_dir_all(&disk).expect("a folder");
    let mount = |words: &[&str]| {
        #[expect(clippy::disallowed_methods, reason = "only the system can make a small disk")]
        let mut command = Command::new(words[0]);
        let command = command.args(&words[1..]).arg(&disk);
        command.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=600k", "countersign"]) {
        skipped("no small disk may be mounted here: a full disk (ENOSPC at every call was injected all the same)");
        return;
    }
    let place = disk.join("place");
    crate::door::copy(&suite.begin(3), &place);
    let mut refused = 0;
    for run in 1..400 {
        let ended = suite.order(&[], &append_order(40, run, &place)).status().expect("it runs");
        match ended.code() {
            Some(0) => {}
            Some(7) => {
                refused = run;
                break;
            }
            _ => break,
        }
    }
    let acks = std::fs::read_to_string(place.join("acks")).expect("acks");
    // With room again: on another disk, as it lies there.
    let roomy = suite.folder.path().join("roomy");
    let _gone = std::fs::remove_dir_all(&roomy);
    crate::door::copy(&place, &roomy);
    let found = if refused < 2 {
        "FAIL never full".to_owned()
    } else {
        judge_by(&roomy.join("log"), &acks, &[]).err().unwrap_or_else(|| KEPT.to_owned())
    };
    mount(&["umount"]);
    told(Outcome { id: "full-disk".to_owned(), what: "a disk of 600 KB fills up".to_owned(), expected: KEPT, found });
}
