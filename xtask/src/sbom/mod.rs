//! `cargo xtask sbom-truth`: inventories held against Cargo's own unit graph of the same builds, over this workspace and
//! over large binary crates of crates.io with the lock files that they were published with. Cargo fetches those, and holds
//! them against the registry's checksums. Beside it `sbom-judge`, what others find in our SBOM, and `sbom-table`, ours and
//! others' beside the truth.

mod judge;
mod table;

pub(crate) use judge::judge;
pub(crate) use table::table;

use crate::{Outcome, run, workspace};
use std::path::{Path, PathBuf};

/// A crate, its version, and its binary.
type Published = (&'static str, &'static str, &'static str);

/// Crates, their versions, and the binary of each, the smallest first. Large ones, that use all of Cargo: every kind of dependency, several
/// versions of one crate, weak and renamed features, build scripts, procedural macros.
pub(crate) const CRATES: &[Published] = &[
    ("ripgrep", "15.1.0", "rg"),
    ("cargo-nextest", "0.9.151", "cargo-nextest"),
    ("zizmor", "1.32.0", "zizmor"),
    ("wasmtime-cli", "38.0.4", "wasmtime"),
];

/// Compares. With `--offline` only what this workspace has at hand; with names, this workspace and those crates.
pub(crate) fn truth(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let crates = match arguments {
        [] => CRATES.to_vec(),
        [flag] if flag == "--offline" => Vec::new(),
        names => names.iter().map(|name| named(name)).collect::<Outcome<_>>()?,
    };
    let folders: Vec<PathBuf> =
        crates.iter().map(|(name, version, _)| fetched(&root, name, version)).collect::<Outcome<_>>()?;
    held(&root, &crates, &folders)
}

fn named(name: &str) -> Outcome<Published> {
    let known = || CRATES.iter().map(|known| known.0).collect::<Vec<_>>().join(", ");
    let found = CRATES.iter().find(|known| known.0 == name);
    found.copied().ok_or_else(|| format!("takes --offline, or names out of {}, and not `{name}`", known()))
}

/// The part of it that every run of the tests has: this workspace, and the smallest of the crates where it can be had.
pub(crate) fn truth_in_short() -> Outcome {
    let root = workspace::root()?;
    let Some(first @ (name, version, _)) = CRATES.first() else { return held(&root, &[], &[]) };
    match fetched(&root, name, version) {
        Ok(folder) => held(&root, &[*first], &[folder]),
        Err(why) => {
            println!(
                "SKIPPED: {name} {version} cannot be had here, so that only this workspace is held against Cargo\n{why}"
            );
            held(&root, &[], &[])
        }
    }
}

fn held(root: &Path, crates: &[Published], folders: &[PathBuf]) -> Outcome {
    let mut cases = vec![root.display().to_string(), "countersign".to_owned(), "countersign".to_owned()];
    for ((name, _, binary), folder) in crates.iter().zip(folders) {
        cases.extend([folder.display().to_string(), (*name).to_owned(), (*binary).to_owned()]);
    }
    let mut cargo = run::cargo(root);
    cargo.args(["run", "--quiet", "--locked", "--package", "countersign-tests", "--example", "sbom-truth", "--"]);
    run::shown(cargo.args(cases))
}

/// The folder below `target` for what these chores fetch and build.
fn place(root: &Path) -> PathBuf {
    let target = workspace::target(root);
    target.join("sbom-judge")
}

/// A program from crates.io, installed below `target` unless it is there.
fn installed(root: &Path, name: &str, version: &str, profile: &str) -> Outcome<PathBuf> {
    let place = place(root).join(profile);
    let program = place.join("bin").join(name);
    if !program.is_file() {
        println!("installing {name} {version} below {}", place.display());
        let mut cargo = run::cargo(&std::env::temp_dir());
        cargo.args(["install", "--quiet", "--locked", name, "--version", &format!("={version}"), "--profile", profile]);
        cargo
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .arg("--root")
            .arg(&place)
            .arg("--target-dir")
            .arg(place.join("build"));
        run::output_of(&mut cargo)?;
    }
    Ok(program)
}

/// A Python of its own below `target` with these packages in it.
fn python(root: &Path, packages: &[&str]) -> Outcome<PathBuf> {
    let place = place(root).join("python");
    let program = place.join("bin/python3");
    if !program.is_file() {
        run::output_of(run::command("python3", root).args(["-m", "venv"]).arg(&place))?;
    }
    let mut pip = run::command(&program.to_string_lossy(), root);
    run::output_of(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    Ok(program)
}

/// A crate as it was published, in a folder below `target`, with all that its lock file names in Cargo's cache.
pub(crate) fn fetched(root: &Path, name: &str, version: &str) -> Outcome<PathBuf> {
    let target = workspace::target(root);
    let folder = target.join("sbom-truth").join(format!("{name}-{version}"));
    if !folder.join("fetched").is_file() {
        // `cargo info` fetches the one crate and takes it apart in the cache, after holding it against its checksum.
        run::output_of(run::cargo(&std::env::temp_dir()).args(["info", "--quiet", &format!("{name}@{version}")]))?;
        let source = crate::secrets::tree(&format!("{name}-{version}"))?;
        copy(&source, &folder)?;
        // Not a member of the workspace that it lies in.
        let manifest = folder.join("Cargo.toml");
        let text = workspace::read(&manifest)?;
        if !text.lines().any(|line| line.trim() == "[workspace]") {
            workspace::write(&manifest, &format!("{text}\n[workspace]\n"))?;
        }
        run::output_of(run::cargo(&folder).args(["fetch", "--locked", "--quiet"]))?;
        workspace::write(&folder.join("fetched"), "")?;
    }
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Outcome {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(to).map_err(|error| failed(to, error))?;
    for entry in std::fs::read_dir(from).map_err(|error| failed(from, error))? {
        let entry = entry.map_err(|error| failed(from, error))?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            std::fs::copy(&path, &to).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}
