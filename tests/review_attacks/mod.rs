//! The attacks on review, as cases: each a repository made by real git, with a verdict and a code that it must get. Run
//! as a test, and by `cargo xtask review-suite`, which prints a line for each.

mod cases;
mod cases_content;
mod cases_forge;
mod cases_forge_honest;
mod cases_gate;
mod hosted;
pub mod levels;
mod scene;

pub use scene::Scene;

use countersign_core::finding::Verdict;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its number in the published list; honest twins have `+`.
    pub id: &'static str,
    /// What happens.
    pub what: &'static str,
    /// The verdict that it must get.
    pub verdict: Verdict,
    /// A code that must be among the findings; empty for honest ones.
    pub code: &'static str,
    /// Plays it, and gives what was found.
    pub play: fn() -> Found,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// Every code above a note.
    pub codes: Vec<String>,
}

impl Case {
    /// Plays the case: `Ok` if verdict and code are those that it must get. An unexpected pass is a failure as well.
    pub fn run(&self) -> Result<Found, Found> {
        let found = (self.play)();
        let code = self.code.is_empty() || found.codes.iter().any(|code| code == self.code);
        if found.verdict == self.verdict && code { Ok(found) } else { Err(found) }
    }
}

/// Every case, in the order of the list.
#[must_use]
pub fn all() -> Vec<Case> {
    [cases::all(), cases_content::all(), cases_forge::all(), cases_forge_honest::all(), cases_gate::all()].concat()
}

/// The page of the suite, in Markdown: every case with what it must get.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# The attacks on review, and what each of them gets\n\n\
         Each line is a repository made by real git, with real signatures, and where a forge is the witness a forge that is read\n\
         over HTTP. `cargo xtask review-suite` plays them all and prints a line for each: id, what happens, expected and found\n\
         verdict and code. A `+` marks an honest twin, which has to pass. Numbers keep their meaning for good; `R` are cases of\n\
         ours beyond the list. Generated from `tests/review_attacks`, and held against it by a test.\n\n\
         | case | what happens | verdict | code |\n|---|---|---|---|\n",
    );
    for case in all() {
        let code = if case.code.is_empty() { String::new() } else { format!("`{}`", case.code) };
        out.push_str(&format!("| {} | {} | {} | {code} |\n", case.id, case.what, case.verdict));
    }
    out
}
