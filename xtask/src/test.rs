//! `cargo xtask test`: everything that a change has to pass, from nothing, on a machine with only a Rust toolchain. It
//! installs what it needs, stops at the first step that fails, and ends with the true count of tests. Nothing is
//! skipped because a program is missing; only the comparison with OPA and the independent judge of our signatures say so and
//! end where the Python package index cannot be reached, and a crate that cannot be fetched is not held against Cargo's plan.

use crate::{
    Outcome, codegen, deny, fuzz, judge, opa, peers, rooms, run, sbom, schemas, stores, suites, tidy, tools, workspace,
};
use std::path::Path;
use std::time::Instant;

/// How many cases the long runs take.
const LONG: &[(&str, &str)] = &[("COUNTERSIGN_MERGE_CASES", "6000"), ("PROPTEST_CASES", "2048")];

/// The property tests' numbers of an ordinary run: the same everywhere, so that a failure is the change's own. Only
/// `--full` draws new ones, and whoever sets the variable.
const SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "20260101");

/// How many tests passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Runs all steps.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let full = match arguments {
        [] => false,
        [flag] if flag == "--full" => true,
        [other, ..] => return Err(format!("does not take `{other}`")),
    };
    let root = workspace::root()?;
    let root = root.as_path();
    let check = ["--check".to_owned()];
    let mut count = Count::default();
    step("tools", || tools::for_tests(root))?;
    step("format", || run::shown(run::cargo(root).args(["fmt", "--all", "--check"])))?;
    step("rooms", || rooms::run(&[]))?;
    step("tidy", || tidy::run(&[]))?;
    step("clippy", || clippy(root))?;
    step("fuzz targets compile", || fuzz::compile(root))?;
    step("build", || run::shown(run::cargo(root).args(["build", "--workspace", "--locked"])))?;
    step("tests", || tests(root, full, &mut count))?;
    if !full {
        step("sbom-truth in short", sbom::truth_in_short)?;
    }
    step("judge", judge::if_reachable)?;
    step("examples in the documentation", || doc_tests(root, &mut count))?;
    step("documentation", || documentation(root))?;
    step("codegen --check", || codegen::run(&check))?;
    step("schemas --check", || schemas::run(&check))?;
    if full {
        step("deny", || deny::run(&[]))?;
        step("opa", opa::if_reachable)?;
        step("peers", peers::if_there)?;
        step("stores", || stores::run(root, |command| counted(command, &mut count)))?;
        step("tamper-suite", || suites::tamper(&[]))?;
        step("crash-suite", || suites::crash(&["--full".to_owned()]))?;
        step("sbom-truth", || sbom::truth(&[]))?;
        step("sbom-judge", || sbom::judge(&[]))?;
        step("fuzz", || fuzz::run(&[]))?;
    }
    println!("tests: {} passed, {} failed", count.passed, count.failed);
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    println!("\n== {name}");
    let start = Instant::now();
    let end = work();
    let took = start.elapsed().as_secs_f64();
    match end {
        Ok(()) => {
            println!("== {name}: good, {took:.1} s");
            Ok(())
        }
        Err(why) => Err(format!("step `{name}` failed after {took:.1} s\n{why}")),
    }
}

fn clippy(root: &Path) -> Outcome {
    let mut cargo = run::cargo(root);
    run::shown(cargo.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn documentation(root: &Path) -> Outcome {
    let mut cargo = run::cargo(root);
    cargo.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    run::shown(&mut cargo)
}

fn tests(root: &Path, full: bool, count: &mut Count) -> Outcome {
    let mut cargo = run::cargo(root);
    if tools::has_nextest() {
        let profile = if full { "full" } else { "ci" };
        cargo.args(["nextest", "run", "--workspace", "--locked", "--profile", profile]);
    } else {
        cargo.args(["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"]);
    }
    if full {
        cargo.envs(LONG.iter().copied());
    } else if std::env::var_os(SEED.0).is_none() {
        cargo.env(SEED.0, SEED.1);
    }
    counted(&mut cargo, count)
}

/// Only packages that have such examples: each costs a link of its own.
fn doc_tests(root: &Path, count: &mut Count) -> Outcome {
    let packages = workspace::packages(root)?;
    let files = workspace::text_files(root)?;
    for package in packages.iter().filter(|package| package.folder.starts_with("crates/")) {
        let sources = format!("{}/src/", package.folder);
        let fenced = |text: &str| {
            text.lines().map(str::trim_start).any(|l| l.starts_with("/// ```") || l.starts_with("//! ```"))
        };
        let is_library = root.join(&sources).join("lib.rs").exists();
        if is_library && files.iter().any(|file| file.path.starts_with(&sources) && fenced(&file.text)) {
            let mut cargo = run::cargo(root);
            cargo.args(["test", "--doc", "--locked", "--package", &package.name]);
            let before = *count;
            let end = counted(&mut cargo, count);
            // Fenced text that is no code makes no test, which is no fault here.
            if end.is_err() && *count != before {
                return end;
            }
        }
    }
    Ok(())
}

/// Runs a test runner in full view and adds up what it says. A runner that ran nothing has failed.
fn counted(command: &mut std::process::Command, count: &mut Count) -> Outcome {
    let (good, said) = run::shown_and_kept(command)?;
    let found = count_of(&said);
    count.passed = count.passed.saturating_add(found.passed);
    count.failed = count.failed.saturating_add(found.failed);
    if good && found.passed > 0 && found.failed == 0 {
        return Ok(());
    }
    println!("tests: {} passed, {} failed", count.passed, count.failed);
    Err(format!("{} ran {} tests that passed and {} that failed", run::line_of(command), found.passed, found.failed))
}

/// Adds up the closing lines of nextest (`Summary […] 3 tests run: 2 passed, 1 failed, 0 skipped`) or of cargo's own
/// harness (`test result: ok. 2 passed; 1 failed; …`). Nextest shows what a failed test's own harness said besides, which
/// its summary has counted.
fn count_of(said: &str) -> Count {
    let mut count = Count::default();
    let summary = |line: &str| {
        line.strip_prefix("Summary [").and_then(|rest| rest.split_once(" run: ")).map(|(_, rest)| rest.to_owned())
    };
    let result = |line: &str| {
        line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")).map(|(_, rest)| rest.to_owned())
    };
    let lines = || said.lines().map(str::trim);
    let by_nextest = lines().any(|line| summary(line).is_some());
    for line in lines() {
        let Some(parts) = (if by_nextest { summary(line) } else { result(line) }) else { continue };
        for part in parts.split([',', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let number: u64 = number.parse().unwrap_or_default();
            if what.starts_with("passed") {
                count.passed = count.passed.saturating_add(number);
            } else if ["failed", "exec failed", "timed out"].iter().any(|bad| what.starts_with(bad)) {
                count.failed = count.failed.saturating_add(number);
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: u64, failed: u64) -> Count {
        Count { passed, failed }
    }

    #[test]
    fn the_closing_line_of_nextest_is_counted() {
        let good = "     Summary [   0.014s] 12 tests run: 12 passed (1 slow), 3 skipped\n";
        assert_eq!(count_of(good), count(12, 0));
        let bad = "     Summary [   9.1s] 12/20 tests run: 8 passed, 2 failed, 1 timed out, 1 exec failed, 0 skipped\n";
        assert_eq!(count_of(bad), count(8, 4));
        assert_eq!(count_of("     Summary [   0.1s] 1 test run: 1 passed, 0 skipped"), count(1, 0));
        let shown = "    test result: FAILED. 0 passed; 1 failed; 0 ignored\n     Summary [ 1s] 2 tests run: 1 passed, 1 failed\n";
        assert_eq!(count_of(shown), count(1, 1));
    }

    #[test]
    fn the_lines_of_cargos_own_harness_are_added_up() {
        let said = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";
        assert_eq!(count_of(said), count(6, 2));
    }

    #[test]
    fn a_runner_that_ran_nothing_or_failed_otherwise_has_failed() {
        let shell = |script: &str| {
            let mut count = Count::default();
            counted(run::command("sh", Path::new(".")).args(["-c", script]), &mut count).map(|()| count)
        };
        assert!(shell("true").is_err());
        assert!(shell("echo 'test result: ok. 0 passed; 0 failed; 0 ignored'").is_err());
        assert!(shell("echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; exit 1").is_err());
        assert_eq!(shell("echo 'test result: ok. 2 passed; 0 failed; 0 ignored'"), Ok(count(2, 0)));
    }

    #[test]
    fn a_failed_step_is_named() {
        let error = step("clippy", || Err("two warnings".to_owned())).unwrap_err();
        assert!(error.starts_with("step `clippy` failed") && error.ends_with("two warnings"), "{error}");
    }
}
