//! The figures of SBOMs: beside `cargo metadata`, which every exact tool has to wait for, over this workspace and over the
//! smallest and the largest crate of `cargo xtask sbom-truth`; the lock file alone; memory; and how cost grows up to 50,000 components. Times
//! beside `cargo metadata` are times on the wall, whole processes each, and the two take turns.

use super::figures::{Stage, row, summary};
use super::measure::{in_turn, many, millis};
use super::row::{Bar, Peer, Row};
use crate::{Outcome, run, sbom, workspace};
use std::path::Path;

const RUNS: usize = 10;
/// The program whose child's greatest memory is asked for, since the system keeps it only of children.
const MEMORY: &str = "import resource, subprocess, sys\n\
    code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n\
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(code)\n";

/// All of them.
pub(super) fn figures(stage: &Stage) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    rows.extend(of(stage, "this workspace", stage.root(), "countersign", "countersign")?);
    // What does not grow with the workspace weighs most in the smallest: the compiler's answers, and the standard library's digest.
    for (name, version, binary) in sbom::CRATES.first().into_iter().chain(sbom::CRATES.last()) {
        let folder = sbom::fetched(stage.root(), name, version)?;
        rows.extend(of(stage, &format!("{name} {version}"), &folder, name, binary)?);
    }
    rows.extend(growth(stage)?);
    Ok(rows)
}

fn of(stage: &Stage, title: &str, folder: &Path, package: &str, binary: &str) -> Outcome<Vec<Row>> {
    let output = stage.folder().join("figure.cdx.json");
    let ours = |more: &[&str]| {
        let mut command = stage.countersign(folder);
        command.arg("sbom").args(more).arg("--output").arg(&output);
        Ok(command)
    };
    let named = ["--package", package, "--bin", binary, "--offline"];
    let metadata = || {
        let mut command = run::cargo(folder);
        command.args(["metadata", "--format-version", "1", "--all-features", "--locked", "--offline"]);
        Ok(command)
    };
    let without = [&named[..], &["--no-hashes"]].concat();
    let [cargo, full, bare] = in_turn(RUNS, [&metadata, &|| ours(&named), &|| ours(&without)])?;
    let version = run::output_of(run::cargo(folder).arg("--version"))?;
    let version = String::from_utf8_lossy(&version).split(' ').nth(1).unwrap_or_default().trim().to_owned();
    let peer = || -> Outcome<Option<Peer>> {
        let summary = summary(cargo.iter().map(|cost| millis(cost.wall)).collect())?;
        Ok(Some(Peer { name: "cargo metadata --all-features".to_owned(), version: version.clone(), summary }))
    };
    let mut rows = Vec::new();
    let wall = |cost: &super::measure::Cost| millis(cost.wall);
    rows.extend(row(&format!("sbom of {title}"), "ms", &full, wall, Bar::RatioAtMost(1.5), peer()?)?);
    rows.extend(row(&format!("sbom of {title}, without hashes"), "ms", &bare, wall, Bar::RatioAtMost(1.2), peer()?)?);
    let lock = many(RUNS, || ours(&["--lock-only"]))?;
    rows.extend(row(&format!("sbom of {title}, lock file only"), "ms", &lock, wall, Bar::AtMost(300.0), None)?);
    let mut measure = run::command("python3", folder);
    measure.args(["-c", MEMORY]).arg(stage.countersign(folder).get_program()).arg("sbom").args(named);
    let said = run::output_of(measure.arg("--output").arg(&output))?;
    let kilobytes: f64 = String::from_utf8_lossy(&said).trim().parse().map_err(|_said| "no memory was measured")?;
    rows.push(Row {
        name: format!("peak memory of sbom of {title}, with the programs that it runs"),
        unit: "MB".to_owned(),
        summary: summary(vec![kilobytes / 1024.0])?,
        bar: Bar::AtMost(160.0),
        peer: None,
    });
    Ok(rows)
}

/// A lock file of so many packages, each of which depends on three before it.
fn growth(stage: &Stage) -> Outcome<Vec<Row>> {
    let time = |count: usize| {
        let folder = stage.folder().join(format!("lock-{count}"));
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let mut lock = String::from("version = 4\n");
        for n in 0..count {
            let dependencies: Vec<String> =
                (1..4).filter_map(|k| n.checked_sub(k)).map(|n| format!("\"n{n}\"")).collect();
            lock.push_str(&format!(
                "[[package]]\nname = \"n{n}\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                 checksum = \"{n:064x}\"\ndependencies = [{}]\n",
                dependencies.join(", ")
            ));
        }
        workspace::write(&folder.join("Cargo.lock"), &lock)?;
        many(5, || {
            let mut command = stage.countersign(&folder);
            command.args(["sbom", "--lock-only", "--output", "out.cdx.json"]);
            Ok(command)
        })
    };
    let (few, most) = (time(5_000)?, time(50_000)?);
    let of = |costs: &[super::measure::Cost]| summary(costs.iter().map(|cost| millis(cost.cpu)).collect());
    let peer = Peer { name: "the same of 5,000".to_owned(), version: "packages".to_owned(), summary: of(&few)? };
    Ok(vec![Row {
        name: "sbom of 50,000 packages, CPU".to_owned(),
        unit: "ms".to_owned(),
        summary: of(&most)?,
        bar: Bar::RatioAtMost(12.0),
        peer: Some(peer),
    }])
}
