//! `cargo xtask review-suite` and `policy-suite`: the published attacks, one line each with expected and found verdict and
//! code, and `N passed, N failed` at the end. An unexpected pass is a failure as well.

use crate::{Outcome, run, workspace};

/// The attacks on review.
pub(crate) fn review(arguments: &[String]) -> Outcome {
    play("review-suite", arguments)
}

/// The attacks on policy releases, pins and the log.
pub(crate) fn policy(arguments: &[String]) -> Outcome {
    play("policy-suite", arguments)
}

fn play(example: &str, arguments: &[String]) -> Outcome {
    if let Some(other) = arguments.first() {
        return Err(format!("does not take `{other}`"));
    }
    let root = workspace::root()?;
    let mut cargo = run::cargo(&root);
    cargo.args(["run", "--quiet", "--locked", "--package", "countersign-tests", "--example", example]);
    run::shown(&mut cargo)
}
