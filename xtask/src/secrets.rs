//! `cargo xtask secrets-false-positives`: what the rules for secrets find in large public trees of source, by rule and place.
//! The trees are crates as the registry has them, taken from cargo's own cache, where they have to be.

use crate::{Outcome, refuse_rest, run, workspace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Large crates that this workspace is built with: sources in C, Rust, Go, Python, assembler, and many test vectors.
pub(crate) const TREES: &[&str] = &["aws-lc-sys-0.47.0", "regorus-0.14.1", "tokio-1.54.1"];

/// What the example prints of one tree.
pub(crate) struct Said {
    pub(crate) places: Vec<String>,
    pub(crate) total: String,
}

/// Counts and lists.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    refuse_rest(arguments)?;
    let root = workspace::root()?;
    let program = example(&root)?;
    for name in TREES {
        let said = scan(&root, &program, &tree(name)?)?;
        let mut by_rule: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for place in &said.places {
            let mut words = place.split(' ');
            let (rule, level) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            *by_rule.entry((level, rule)).or_default() += 1;
        }
        println!("{name}: {}", said.total);
        for ((level, rule), count) in &by_rule {
            println!("  {count} {level} {rule}");
        }
        for place in &said.places {
            println!("    {place}");
        }
    }
    Ok(())
}

/// The example that scans a folder on one thread, built as a release.
pub(crate) fn example(root: &Path) -> Outcome<PathBuf> {
    let mut cargo = run::cargo(root);
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "countersign-secrets",
        "--example",
        "scan_folder",
    ]);
    run::shown(&mut cargo)?;
    let target = workspace::target(root);
    Ok(target.join("release/examples/scan_folder"))
}

/// The folder of a crate in cargo's cache.
pub(crate) fn tree(name: &str) -> Outcome<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let sources = home.ok_or("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    let registries = std::fs::read_dir(&sources).map_err(|e| format!("{}: {e}", sources.display()))?;
    let mut folders = registries.filter_map(|entry| entry.ok().map(|entry| entry.path().join(name)));
    folders.find(|folder| folder.is_dir()).ok_or_else(|| {
        format!("{name} is not in cargo's cache\nhelp: cargo fetch --locked; a later version needs its name in xtask/src/secrets.rs")
    })
}

/// What the example says of a folder.
pub(crate) fn scan(root: &Path, program: &Path, folder: &Path) -> Outcome<Said> {
    let said = run::output_of(run::command(&program.to_string_lossy(), root).arg(folder))?;
    let text = String::from_utf8_lossy(&said).into_owned();
    let mut places: Vec<String> = text.lines().map(str::to_owned).collect();
    let total = places.pop().filter(|line| line.starts_with("total ")).ok_or("the example prints no total")?;
    places.sort();
    Ok(Said { places, total })
}
