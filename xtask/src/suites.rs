//! `cargo xtask review-suite`, `policy-suite`, `tamper-suite` and `crash-suite`: the published attacks and interruptions, one line each with expected and found verdict and
//! code, and `N passed, N failed` at the end. An unexpected pass is a failure as well.

use crate::{Outcome, run, tools, workspace};

/// The attacks on review. What it takes is read by the example that plays them: `--export`, `--against`, `--serve`.
pub(crate) fn review(arguments: &[String]) -> Outcome {
    play("review-suite", arguments)
}

/// The attacks on policy releases, pins and the log.
pub(crate) fn policy(arguments: &[String]) -> Outcome {
    crate::refuse_rest(arguments)?;
    play("policy-suite", &[])
}

/// The attacks on an audit package, and bits of it flipped: a thousand unless told.
pub(crate) fn tamper(arguments: &[String]) -> Outcome {
    if arguments.len() > 1 || arguments.iter().any(|number| number.parse::<usize>().is_err()) {
        return Err("takes how many bits are to be flipped, a number".to_owned());
    }
    play("tamper-suite", arguments)
}

/// Interruptions of an append to the log. It needs strace, which comes by apt-get where it is missing.
pub(crate) fn crash(arguments: &[String]) -> Outcome {
    if let Some(other) = arguments.iter().find(|argument| *argument != "--full") {
        return Err(format!("does not take `{other}`"));
    }
    tools::strace(&workspace::root()?)?;
    play("crash-suite", arguments)
}

fn play(example: &str, arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let mut cargo = run::cargo(&root);
    cargo.args(["run", "--quiet", "--locked", "--package", "countersign-tests", "--example", example, "--"]);
    cargo.args(arguments);
    run::shown(&mut cargo)
}
