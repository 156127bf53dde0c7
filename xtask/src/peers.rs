//! `cargo xtask peers`: two crates of others judge the cases that we judge, from a package with a lock file of its own, and a
//! table says where they agree. Each difference has a line below that says whose fault it is; one without a line is a
//! failure, and so is a line that nothing differs by any more.

use crate::{Outcome, run, workspace};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Cases in which a peer does not say what its set says: the peer, the beginning of the case's name, and why.
const KNOWN: &[(&str, &str, &str)] = &[];

/// Compares. Without the cases nothing was compared, which is a failure.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let fixtures = match arguments {
        [] => std::env::var_os("COUNTERSIGN_FIXTURES").map(PathBuf::from).ok_or("names no folder with the cases")?,
        [folder] => PathBuf::from(folder),
        [_, other, ..] => return Err(format!("does not take `{other}`")),
    };
    compare(&root, &fixtures)
}

/// Compares where the cases are at hand, and says so where they are not.
pub(crate) fn if_there() -> Outcome {
    let root = workspace::root()?;
    match std::env::var_os("COUNTERSIGN_FIXTURES").map(PathBuf::from) {
        Some(fixtures) => compare(&root, &fixtures),
        None => {
            println!("SKIPPED: COUNTERSIGN_FIXTURES names no folder with cases, so nobody else's crates were asked");
            Ok(())
        }
    }
}

fn compare(root: &Path, fixtures: &Path) -> Outcome {
    let fixtures = fixtures.canonicalize().map_err(|error| format!("{}: {error}", fixtures.display()))?;
    let manifest: Value = serde_json::from_str(&workspace::read(&fixtures.join("manifest.json"))?)
        .map_err(|error| format!("the manifest: {error}"))?;
    let wanted = |set: &str, name: &str| {
        let cases = manifest.get(set).and_then(Value::as_array)?;
        let case = cases.iter().find(|case| case.get("name").and_then(Value::as_str) == Some(name))?;
        Some(case.get("expect").and_then(Value::as_str)? == "accept")
    };
    let package = root.join("xtask/peers");
    let mut cargo = run::cargo(&package);
    cargo.env("CARGO_TARGET_DIR", root.join("target/peers")).args(["run", "--quiet", "--locked", "--"]);
    let said = run::output_of(cargo.arg(&fixtures))?;
    let (mut agree, mut differ) = (BTreeMap::<String, usize>::new(), Vec::new());
    let mut used = BTreeSet::new();
    for line in String::from_utf8_lossy(&said).lines() {
        let line: Value = serde_json::from_str(line).map_err(|error| format!("the peers said `{line}`: {error}"))?;
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        let (peer, set, case) = (text("peer"), text("set"), text("case"));
        let accepts = line.get("accepts").and_then(Value::as_bool).ok_or("the peers said neither yes nor no")?;
        let wanted = wanted(set, case).ok_or_else(|| format!("{set} has no case {case}"))?;
        if accepts == wanted {
            *agree.entry(format!("{peer} over {set}")).or_default() += 1;
            continue;
        }
        let known = KNOWN.iter().position(|(by, name, _)| *by == peer && case.starts_with(name));
        let why = known.and_then(|at| KNOWN.get(at)).map(|(_, _, why)| *why);
        used.extend(known);
        let how = if accepts { "accepts what has to be refused" } else { "refuses what has to be accepted" };
        differ.push((format!("{peer} {how}: {set}, {case}"), why, text("why").to_owned()));
    }
    for (what, count) in &agree {
        println!("{what}: {count} as they must be, and as we judge them");
    }
    for (what, why, said) in &differ {
        println!("{what}: {}", why.map_or_else(|| format!("NOT KNOWN, it says `{said}`"), str::to_owned));
    }
    let new = differ.iter().filter(|(_, why, _)| why.is_none()).count();
    let gone: Vec<String> = (0..KNOWN.len())
        .filter(|at| !used.contains(at))
        .filter_map(|at| KNOWN.get(at).map(|(peer, name, _)| format!("{peer}, {name}")))
        .collect();
    if agree.is_empty() {
        return Err("the peers judged nothing".to_owned());
    }
    if new > 0 || !gone.is_empty() {
        return Err(format!("{new} differences without a line, and lines without a difference: {}", gone.join("; ")));
    }
    println!("peers: {} agree, {} known differences", agree.values().sum::<usize>(), differ.len());
    Ok(())
}
