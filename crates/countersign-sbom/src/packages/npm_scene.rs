//! What the tests of npm's lock files have in common: a lock file in a folder of its own, read as a person's is.

use super::{Made, PackagesError, npm::read};
use serde_json::{Value, json};

pub(super) fn lock(packages: &Value) -> Result<Made, PackagesError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("package-lock.json");
    std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
    read(&path)
}

pub(super) fn edges(made: &Made, of: &str) -> Vec<String> {
    made.bom.edges.get(of).map(|to| to.iter().cloned().collect()).unwrap_or_default()
}
