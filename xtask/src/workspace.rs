//! The workspace as data: where it lies, its packages with their direct dependencies, its lock file, its text files.
//! Reads only; judges nothing.

use crate::{Outcome, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One of our packages.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder, from the root.
    pub(crate) folder: String,
    /// What it depends on directly.
    pub(crate) uses: Vec<Use>,
}

/// A direct dependency.
#[derive(Debug)]
pub(crate) struct Use {
    /// The package that is used.
    pub(crate) name: String,
    /// In what role.
    pub(crate) kind: Kind,
}

/// The role of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Linked into what is built.
    Normal,
    /// For tests, examples and benches only.
    Dev,
    /// For the build script.
    Build,
}

/// A package of the lock file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Its name.
    pub(crate) name: String,
    /// Whether it comes from outside this workspace.
    pub(crate) foreign: bool,
}

/// A text file of ours, with its path from the root.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// What it holds. Bytes that are not UTF-8 show as replacement characters.
    pub(crate) text: String,
}

impl TextFile {
    /// Whether the name ends with this, dot included.
    pub(crate) fn is(&self, extension: &str) -> bool {
        self.path.ends_with(extension)
    }
}

/// Folders whose content is not ours to tidy: what is built, and bytes that tests keep as they were found.
const LEFT_OUT: &[&str] = &[
    ".git",
    "tests/golden",
    "tests/hostile",
    "tests/data",
    "tests/third-party",
    "crates/countersign-sbom/third-party",
    "tests/fuzz/seeds",
    "tests/fuzz/corpus",
    "tests/fuzz/artifacts",
];

/// The root of the checkout.
pub(crate) fn root() -> Outcome<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("start it as `cargo xtask`")?;
    Path::new(&package)
        .parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| "xtask lies at the root of the file system".to_owned())
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Our packages, as cargo sees them.
pub(crate) fn packages(root: &Path) -> Outcome<Vec<Package>> {
    let bytes = run::output_of(run::cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_slice(&bytes).map_err(|e| format!("cargo metadata: {e}"))?;
    packages_of(&metadata).ok_or_else(|| "cargo metadata has another shape than format version 1".to_owned())
}

/// Our packages, from the output of `cargo metadata --no-deps`.
pub(crate) fn packages_of(metadata: &Value) -> Option<Vec<Package>> {
    let root = Path::new(metadata.get("workspace_root")?.as_str()?);
    let mut packages = Vec::new();
    for package in metadata.get("packages")?.as_array()? {
        let manifest = Path::new(package.get("manifest_path")?.as_str()?);
        let mut uses = Vec::new();
        for dependency in package.get("dependencies")?.as_array()? {
            let kind = match dependency.get("kind")?.as_str() {
                None => Kind::Normal,
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                Some(_) => return None,
            };
            let name = dependency.get("name")?.as_str()?.to_owned();
            uses.push(Use { name, kind });
        }
        packages.push(Package {
            name: package.get("name")?.as_str()?.to_owned(),
            folder: manifest.parent()?.strip_prefix(root).ok()?.to_str()?.to_owned(),
            uses,
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Some(packages)
}

/// The packages of a lock file.
pub(crate) fn locked(lock: &str) -> Vec<Locked> {
    lock.split("[[package]]")
        .skip(1)
        .filter_map(|block| {
            let name = block.lines().find_map(|line| line.strip_prefix("name = "))?;
            Some(Locked {
                name: name.trim_matches('"').to_owned(),
                foreign: block.lines().any(|line| line.starts_with("source = ")),
            })
        })
        .collect()
}

/// The names of all packages that are built on this machine, with every feature, for tests and build scripts as well.
pub(crate) fn built(root: &Path) -> Outcome<BTreeSet<String>> {
    let tree = ["tree", "--workspace", "--all-features", "--locked", "--edges", "all", "--prefix", "none"];
    let bytes = run::output_of(run::cargo(root).args(tree).args(["--format", "{p}"]))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Every text file of ours, sorted by path.
pub(crate) fn text_files(root: &Path) -> Outcome<Vec<TextFile>> {
    let mut files = Vec::new();
    walk(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Reads a file, and names it where that fails.
pub(crate) fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes a file and the folders it lies in.
pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().ok_or("a file without a folder")?;
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).map_err(|e| format!("{}: {e}", path.display()))
}

fn walk(root: &Path, folder: &str, files: &mut Vec<TextFile>) -> Outcome {
    let here = root.join(folder);
    let shown = |e: std::io::Error| format!("{}: {e}", here.display());
    for entry in fs::read_dir(&here).map_err(shown)? {
        let entry = entry.map_err(shown)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(shown)?;
        if kind.is_dir() {
            // Cargo marks what it builds into with this file, wherever that is.
            let built = entry.path().join("CACHEDIR.TAG").exists();
            if !built && !LEFT_OUT.contains(&path.as_str()) {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() && is_text(&path) {
            let bytes = fs::read(entry.path()).map_err(|e| format!("{path}: {e}"))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            files.push(TextFile { path, text });
        }
    }
    Ok(())
}

fn is_text(path: &str) -> bool {
    const EXTENSIONS: &[&str] = &["rs", "toml", "md", "yml", "yaml", "json", "sh", "gitignore"];
    path == ".ci/run" || path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_tells_ours_from_foreign_packages() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry\"\n\n\
                    [[package]]\nname = \"xtask\"\nversion = \"0.1.0\"\ndependencies = [\n \"a\",\n]\n";
        let found: Vec<(String, bool)> = locked(lock).into_iter().map(|p| (p.name, p.foreign)).collect();
        assert_eq!(found, [("a".to_owned(), true), ("xtask".to_owned(), false)]);
    }

    #[test]
    fn metadata_of_another_shape_is_refused_and_not_read_as_empty() {
        assert!(packages_of(&serde_json::json!({})).is_none());
        let kind = serde_json::json!({"workspace_root": "/w", "packages": [{"name": "p", "manifest_path": "/w/p/Cargo.toml",
            "dependencies": [{"name": "d", "kind": "proc"}]}]});
        assert!(packages_of(&kind).is_none());
    }

    #[test]
    fn this_workspace_is_read_with_its_folders() {
        let packages = packages(&root().unwrap()).unwrap();
        let xtask = packages.iter().find(|p| p.name == "xtask").unwrap();
        assert_eq!(xtask.folder, "xtask");
        assert!(xtask.uses.iter().any(|u| u.name == "countersign-core" && u.kind == Kind::Normal));
    }
}
