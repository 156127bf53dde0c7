//! The attacks on review, as cases: each a repository made by real git, with a verdict and a code that it must get. Run
//! as a test, and by `cargo xtask review-suite`, which prints a line for each.

mod cases;
mod cases_content;
pub mod cases_foreign;
mod cases_forge;
mod cases_forge_honest;
mod cases_gate;
mod cases_honest;
mod cases_objects;
mod cases_shapes;
mod export;
mod families;
pub mod gittuf;
mod hosted;
pub mod levels;
mod page;
mod reasons;
mod scene;
mod score;
mod serve;
mod stage;

pub use export::export;
pub use families::FAMILIES;
pub use page::page;
pub use scene::{Hosting, REPOSITORY, Scene};
pub use score::{Played, Said, Score, play_against};
pub use serve::serve;
pub use stage::{Ask, Found, Gating, Stage};

use countersign_core::finding::Verdict;
use serde_json::json;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, for good: the number in the published list, with a word where a number has several. Honest twins have
    /// `+`.
    pub id: &'static str,
    /// What happens.
    pub what: &'static str,
    /// The verdict that it must get.
    pub verdict: Verdict,
    /// A code that must be among the findings; empty for honest ones.
    pub code: &'static str,
    /// Sets it up.
    pub set: fn() -> Stage,
}

/// What a case is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It must not pass.
    Attack,
    /// It passes, and something is to be said of it.
    Noted,
    /// It must pass.
    Honest,
}

impl Side {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Noted => "noted",
            Self::Honest => "honest",
        }
    }
}

impl Case {
    /// What it is to show.
    #[must_use]
    pub fn side(&self) -> Side {
        match self.verdict {
            Verdict::Fail | Verdict::Indeterminate => Side::Attack,
            Verdict::Pass if self.id.starts_with('+') => Side::Honest,
            Verdict::Pass => Side::Noted,
        }
    }

    /// Whether that is what it must get. An unexpected pass is a failure as well, and so is a remark about what a diff
    /// hides where there is nothing hidden.
    #[must_use]
    pub fn holds(&self, found: &Found) -> bool {
        let code = if self.code.is_empty() { !found.has("hidden-content") } else { found.has(self.code) };
        found.verdict == self.verdict && code && found.says(self.reason())
    }

    /// What its refusal has to say beside the code; empty where the code says it all.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        reasons::of(self.id)
    }

    /// Sets it up and judges it: `Ok` if verdict and code are those that it must get.
    pub fn run(&self) -> Result<Found, Found> {
        let found = (self.set)().judge();
        if self.holds(&found) { Ok(found) } else { Err(found) }
    }
}

/// Every case, in the order of the list.
#[must_use]
pub fn all() -> Vec<Case> {
    [
        cases::all(),
        cases_content::all(),
        cases_forge::all(),
        cases_forge_honest::all(),
        cases_gate::all(),
        cases_objects::all(),
        cases_honest::all(),
        cases_foreign::all(),
        cases_shapes::all(),
    ]
    .concat()
}

/// Every case in one list, for programs: `tests/review-suite/index.json`.
#[must_use]
pub fn index() -> String {
    let line = |case: &Case| {
        json!({
            "id": case.id, "family": case.family(), "side": case.side().word(), "what": case.what,
            "verdict": case.verdict, "code": case.code,
        })
    };
    let cases: Vec<String> = all().iter().map(|case| format!("  {}", line(case))).collect();
    format!("[\n{}\n]\n", cases.join(",\n"))
}
