//! Appends to a log that are interrupted in every way that a machine has: killed at a system call, refused by one, cut
//! from power. After each: every acknowledged entry is there byte for byte, every checkpoint that anybody can have seen is
//! continued, and the log goes on.

mod inject;
mod judge;
mod others;
mod power;
mod trace;
mod victim;

pub use victim::run as victim;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How much of it is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A sample, for every test run.
    Sample,
    /// All of it.
    Full,
}

/// What a case was to show, and what it showed.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub id: String,
    /// What was done.
    pub what: String,
    /// What it has to come to.
    pub expected: &'static str,
    /// What it came to.
    pub found: String,
}

impl Outcome {
    /// Whether it came to what it had to.
    #[must_use]
    pub fn good(&self) -> bool {
        self.found == self.expected
    }
}

/// The suite: how the process is started that appends, and where.
#[derive(Debug)]
pub struct Suite {
    /// The program and its first arguments; a mode and a folder follow in `COUNTERSIGN_CRASH`.
    program: Vec<OsString>,
    extent: Extent,
    folder: TempDir,
}

/// The variable that tells the victim what to do: a mode, numbers, and last the folder.
pub const ORDER: &str = "COUNTERSIGN_CRASH";

/// What everything has to come to.
const KEPT: &str = "PASS kept";

impl Suite {
    /// With a program that calls [`victim`] where it finds its order.
    #[must_use]
    pub fn new(program: Vec<OsString>, extent: Extent) -> Self {
        Self { program, extent, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Plays it. What cannot be played on this machine is said, in words, beside the outcomes.
    pub fn play(&self, told: &mut dyn FnMut(Outcome), skipped: &mut dyn FnMut(&str)) {
        if strace_works() {
            inject::play(self, told);
            power::play(self, told);
            others::lying_lock(self, told);
        } else {
            skipped("strace is not there or may not trace: kills and errors at system calls, and power loss");
        }
        others::random_kills(self, told);
        others::two_writers(self, told);
        others::full_disk(self, told, skipped);
    }

    const fn full(&self) -> bool {
        matches!(self.extent, Extent::Full)
    }

    /// The folder that the victim works in: the same path for every run, since calls are told apart by paths.
    fn place(&self) -> PathBuf {
        self.folder.path().join("place")
    }

    /// Starts from a log of so many entries, with what was acknowledged of it.
    fn begin(&self, entries: u64) -> PathBuf {
        let place = self.place();
        // It may not be there yet.
        let _gone = std::fs::remove_dir_all(&place);
        let base = self.folder.path().join(format!("base{entries}"));
        if !base.exists() {
            victim::make(&base, entries);
        }
        crate::door::copy(&base, &place);
        place
    }

    /// The victim with an order, under another program if one is named.
    fn order(&self, under: &[OsString], order: &str) -> Command {
        let mut words = under.iter().chain(&self.program);
        #[expect(clippy::disallowed_methods, reason = "the process that is interrupted is this program again")]
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).env(ORDER, order).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn append_order(count: u64, run: u64, place: &Path) -> String {
    format!("append {count} {run} {}", place.display())
}

fn strace_works() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the suite asks whether the program is there")]
    let mut command = Command::new("strace");
    command.args(["-o", "/dev/null", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
