//! Repositories for tests, made by the real git without any setting of this machine.

use crate::environment::Environment;
use crate::git::GitRepo;
use crate::runner::{Program, Stderr};
use countersign_core::git::Oid;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder in which everything of one test lies.
pub(crate) struct Ground {
    folder: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A repository with one commit of one file.
    pub(crate) fn repository(&self, name: &str, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        git(&path, &[&["init", "-q", "-b", "main"], options].concat());
        commit(&path, "file", "first\n");
        path
    }
}

/// The environment that the code under test is given: programs, and an empty home.
pub(crate) fn environment() -> Environment {
    let mut environment: Environment = std::env::vars_os().collect();
    environment = environment.only(&["PATH", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME"]);
    if let Some(home) = std::env::var_os("HOME") {
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if environment.text(name).is_none() {
                environment.set(name, Path::new(&home).join(folder));
            }
        }
    }
    environment.set("HOME", "/no/home");
    environment
}

/// Runs git as a person would, and gives back what it says.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut environment = environment();
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_NAME", "a"),
        ("GIT_COMMITTER_EMAIL", "a@example.com"),
    ] {
        environment.set(name, value);
    }
    let program = Program::new("git", environment).directory(folder).args(arguments);
    let said = program.captured(1 << 20, None, Stderr::Kept).unwrap();
    String::from_utf8(said).unwrap().trim_end().to_owned()
}

/// Commits one file.
pub(crate) fn commit(folder: &Path, file: &str, text: &str) -> Oid {
    std::fs::write(folder.join(file), text).unwrap();
    git(folder, &["add", file]);
    git(folder, &["commit", "-q", "-m", "change"]);
    Oid::from_hex(&git(folder, &["rev-parse", "HEAD"])).unwrap()
}

pub(crate) fn open(folder: &Path) -> GitRepo {
    GitRepo::open(folder, &environment()).unwrap()
}

/// A program that leaves a mark when somebody runs it.
pub(crate) fn trap(ground: &Ground, name: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = ground.path(name);
    let mark = ground.path("mark");
    std::fs::write(&path, format!("#!/bin/sh\necho {name} >> '{}'\ncat\n", mark.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
