//! `cargo xtask bench`: the figures that we promise, each measured beside its bar, and beside a peer where there is one.
//! Whole processes of the release build are measured, as a user would start them. A figure that cannot be measured is
//! an error at the end, never a row that is silently not there. No test depends on any of this.

mod bundles;
mod documents;
mod figures;
mod log;
mod measure;
mod policy;
mod review;
mod row;
mod sbom;
mod secrets;
mod year;

use crate::{Outcome, run, workspace};
use figures::{FIGURES, Stage};

/// Measures all figures, or one.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let json = arguments.iter().any(|argument| argument == "--json");
    if let Some(promotions) = year::asked(arguments)? {
        let keyless = arguments.iter().any(|argument| argument == "--keyless");
        let rows = year::measure(&Stage::new(&workspace::root()?)?, promotions, keyless, year::place(arguments)?)?;
        for row in rows {
            println!("{}", if json { row.json().to_string() } else { row.text() });
        }
        return Ok(());
    }
    let names: Vec<&String> = arguments.iter().filter(|argument| *argument != "--json").collect();
    if let Some(name) = names.iter().find(|name| !FIGURES.iter().any(|figure| figure.name == name.as_str())) {
        let known: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        return Err(format!("there is no figure `{name}`; there are {}", known.join(", ")));
    }
    let root = workspace::root()?;
    let stage = Stage::new(&root)?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|given| *given == name);
    // The scan for secrets, the policy engine, the log and one verification are measured by examples of their own.
    let needs_binary = |name: &str| !["secrets", "policy-engine", "log", "verify-checks"].contains(&name);
    if FIGURES.iter().any(|figure| wanted(figure.name) && needs_binary(figure.name)) {
        run::shown(run::cargo(&root).args(["build", "--quiet", "--release", "--locked", "--package", "countersign"]))?;
    }
    let mut failed = Vec::new();
    for figure in FIGURES.iter().filter(|figure| wanted(figure.name)) {
        match (figure.measure)(&stage) {
            Ok(rows) => {
                for row in rows {
                    println!("{}", if json { row.json().to_string() } else { row.text() });
                }
            }
            Err(why) => failed.push(format!("{}: {why}", figure.name)),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("could not measure\n  {}", failed.join("\n  ")))
}
