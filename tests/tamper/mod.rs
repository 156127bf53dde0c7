//! Attacks on an audit package: what somebody without keys does to the file, and what an operator does who holds the keys
//! of gate and log. Each is played on a package of a small world, and has to be found and named. Run as a test, and by
//! `cargo xtask tamper-suite`, which prints a line for each.

mod file;
mod flips;
mod hidden;
mod operator;
mod stage;

pub use flips::{Flipped, flips};

use countersign_core::exit::Exit;
use countersign_core::finding::{Class, Verdict, exit_of, verdict_of};
use countersign_flow::audit::AuditReport;
pub use stage::{Stage, reindex};

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its number; honest twins have `+`.
    pub id: &'static str,
    /// What was done.
    pub what: &'static str,
    /// The verdict that it must get.
    pub verdict: Verdict,
    /// How the run must end.
    pub exit: Exit,
    /// A code that must be among the findings; empty for honest ones.
    pub code: &'static str,
    /// What a finding with that code must name as its place.
    pub item: &'static str,
    /// Plays it.
    pub play: fn(&Stage) -> AuditReport,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// How the run ends.
    pub exit: Exit,
    /// Every code above a note, each with its first place.
    pub codes: Vec<(String, String)>,
}

impl Case {
    /// Plays the case: `Ok` if verdict, exit, code and item are those that it must get.
    pub fn run(&self, stage: &Stage) -> Result<Found, Found> {
        let report = (self.play)(stage);
        let named = report.findings.iter().any(|finding| {
            finding.code.as_str() == self.code
                && (self.item.is_empty() || finding.at.iter().any(|at| at.contains(self.item)))
        });
        let found = Found {
            verdict: verdict_of(&report.findings),
            exit: exit_of(&report.findings),
            codes: report
                .findings
                .iter()
                .filter(|finding| finding.class != Class::Note)
                .map(|finding| (finding.code.to_string(), finding.at.join(", ")))
                .collect(),
        };
        let right = found.verdict == self.verdict && found.exit == self.exit;
        if right && (self.code.is_empty() || named) { Ok(found) } else { Err(found) }
    }
}

/// Every case, in order.
#[must_use]
pub fn all() -> Vec<Case> {
    [file::all(), operator::all(), hidden::all()].concat()
}
