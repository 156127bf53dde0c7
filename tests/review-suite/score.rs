//! Another tool, asked about each case, and its score.

use super::{Case, Side, export};
use countersign_core::finding::Verdict;
use std::fmt;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a tool may think about one case.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a tool said of a case: a verdict, or why that is none.
pub type Said = Result<Verdict, String>;

/// How a case went: what the tool said, or that it could not be shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// What it said.
    Shown(Said),
    /// The case is one for libraries.
    NotShown,
}

/// The score of a tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Attacks that were not let through.
    pub refused: u32,
    /// Attacks that were.
    pub let_through: u32,
    /// Honest changes that passed.
    pub passed: u32,
    /// Honest changes that did not.
    pub held_back: u32,
    /// Attacks and honest changes without an answer.
    pub silent: u32,
    /// Changes on which policies differ, and cases that only a library can be shown.
    pub noted: u32,
}

impl Score {
    /// Counts what a tool said, and gives the line for it.
    pub fn count(&mut self, case: &Case, played: Played) -> String {
        let said = match &played {
            Played::Shown(Ok(verdict)) => verdict.to_string(),
            Played::Shown(Err(why)) => format!("no answer: {why}"),
            Played::NotShown => "nothing: no tool can be shown it".to_owned(),
        };
        let (counter, word) = match (case.side(), played) {
            (Side::Noted, _) | (_, Played::NotShown) => (&mut self.noted, "not counted"),
            (_, Played::Shown(Err(_))) => (&mut self.silent, "NO ANSWER"),
            (Side::Attack, Played::Shown(Ok(Verdict::Pass))) => (&mut self.let_through, "LET THROUGH"),
            (Side::Attack, Played::Shown(Ok(_))) => (&mut self.refused, "refused"),
            (Side::Honest, Played::Shown(Ok(Verdict::Pass))) => (&mut self.passed, "passed"),
            (Side::Honest, Played::Shown(Ok(_))) => (&mut self.held_back, "HELD BACK"),
        };
        *counter += 1;
        format!("{word:<11} {:<18} {:<62} expected {:<13} found {said}", case.id, case.what, case.verdict.to_string())
    }

    /// Whether every attack was refused, and every honest change passed; none of either is not perfect.
    #[must_use]
    pub const fn is_perfect(&self) -> bool {
        self.let_through == 0 && self.held_back == 0 && self.silent == 0 && self.refused + self.passed > 0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "attacks refused:      {}", self.refused)?;
        writeln!(f, "attacks let through:  {}", self.let_through)?;
        writeln!(f, "honest twins passed:  {}", self.passed)?;
        writeln!(f, "honest twins refused: {}", self.held_back)?;
        writeln!(f, "no answer:            {}", self.silent)?;
        writeln!(f, "not counted:          {}", self.noted)
    }
}

/// Sets a case up, writes it out, and asks a tool: a shell command in which `{case}` stands for the case's folder.
#[must_use]
pub fn play_against(case: &Case, command: &str) -> Played {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("case");
    let stage = (case.set)();
    if stage.judged_by() == "library" {
        return Played::NotShown;
    }
    export(case, &stage, &place);
    Played::Shown(ask(&command.replace("{case}", &place.display().to_string())))
}

/// Runs the command. The last line of its output is the verdict; where it is none, the exit code is.
fn ask(command: &str) -> Said {
    #[expect(clippy::disallowed_methods, reason = "the tool is run as whoever named it would run it")]
    let child = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    let mut pipe = child.stdout.take().expect("an output");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).map(|_| text).unwrap_or_default()
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if begun.elapsed() > PATIENCE => {
                child.kill().ok();
                child.wait().ok();
                return Err(format!("nothing within {} seconds", PATIENCE.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = reader.join().unwrap_or_default();
    verdict(&String::from_utf8_lossy(&text), status.code())
}

fn verdict(output: &str, code: Option<i32>) -> Said {
    match output.lines().next_back().unwrap_or_default().trim() {
        "PASS" => Ok(Verdict::Pass),
        "FAIL" => Ok(Verdict::Fail),
        "INDETERMINATE" => Ok(Verdict::Indeterminate),
        _ => match code {
            Some(0) => Ok(Verdict::Pass),
            Some(1) => Ok(Verdict::Fail),
            Some(3) => Ok(Verdict::Indeterminate),
            Some(code) => Err(format!("exit code {code}")),
            None => Err("ended by a signal".to_owned()),
        },
    }
}
