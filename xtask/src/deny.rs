//! `cargo xtask deny`: licences, bans and sources of the dependency graph by cargo-deny and `deny.toml`. Advisories are
//! left to a job that has the advisory database; this one asks nobody but the lock file.

use crate::{Outcome, refuse_rest, run, tools, workspace};

const VERSION: &str = "0.20.2";

/// Runs the three checks.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    refuse_rest(arguments)?;
    let root = workspace::root()?;
    tools::subcommand(&root, "deny", VERSION)?;
    run::shown(run::cargo(&root).args(["deny", "--locked", "check", "licenses", "bans", "sources"]))
}
