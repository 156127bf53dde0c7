//! `cargo xtask fuzz`: the targets under `tests/fuzz`, each for a while, from the seeds that are kept beside them. The
//! toolchain stays the stable one: cargo-fuzz needs a compiler flag that only its bootstrap switch opens.

use crate::{Outcome, run, tools, workspace};
use std::fs;
use std::path::Path;

const VERSION: &str = "0.13.2";
const SECONDS: u32 = 20;

/// Runs all targets, or one.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let (seconds, only) = match arguments {
        [] => (SECONDS, None),
        [seconds] => (number(seconds)?, None),
        [seconds, target] => (number(seconds)?, Some(target.as_str())),
        [_, _, extra, ..] => return Err(format!("does not take `{extra}`")),
    };
    let mut targets = targets(&root)?;
    if let Some(only) = only {
        targets.retain(|target| target == only);
    }
    if targets.is_empty() {
        return Err("there is no such fuzz target under tests/fuzz/targets".to_owned());
    }
    tools::subcommand(&root, "fuzz", VERSION)?;
    for target in &targets {
        println!("fuzz {target}: {seconds} s");
        one(&root, target, seconds)?;
    }
    println!("{} fuzz targets ran {seconds} s each without a fault", targets.len());
    Ok(())
}

/// Whether all targets compile, which no step over the workspace tells: they are a package apart, with a lock file of its own. What
/// the workspace has checked already is not checked again, and libFuzzer itself is not built, since nothing is linked.
pub(crate) fn compile(root: &Path) -> Outcome {
    let target = workspace::target(root);
    let mut cargo = run::cargo(root);
    cargo.env("CUSTOM_LIBFUZZER_PATH", target.join("none/libfuzzer.a"));
    cargo.args(["check", "--bins", "--locked", "--quiet", "--manifest-path", "tests/fuzz/Cargo.toml", "--target-dir"]);
    run::shown(cargo.arg(target))
}

fn one(root: &Path, target: &str, seconds: u32) -> Outcome {
    let built = root.join("target/fuzz");
    let corpus = built.join("corpus").join(target);
    let faults = built.join("faults");
    for folder in [&corpus, &faults] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut command = run::cargo(root);
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--target-dir"]).arg(&built);
    command.arg(target).arg(&corpus);
    let seeds = root.join("tests/fuzz/seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg("-verbosity=0")
        .arg("-rss_limit_mb=2048")
        .arg("-timeout=10");
    command.arg(format!("-artifact_prefix={}/{target}-", faults.display()));
    run::shown(&mut command)
        .map_err(|why| format!("{why}\nthe input that broke {target} lies under target/fuzz/faults"))
}

fn targets(root: &Path) -> Outcome<Vec<String>> {
    let folder = root.join("tests/fuzz/targets");
    let shown = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).map_err(shown)? {
        let path = entry.map_err(shown)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    Ok(targets)
}

fn number(text: &str) -> Outcome<u32> {
    text.parse().map_err(|e| format!("`{text}` is not a number of seconds: {e}"))
}
