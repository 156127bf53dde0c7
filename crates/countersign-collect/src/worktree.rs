//! Whether a working tree is what its commit has: git's own answer, hardened against the ways to hide a change from it.
//!
//! This is the one place where git runs inside a repository, with that repository's configuration and the user's: line
//! endings and filters decide what "changed" means, and a filter is a program. The tree is the builder's own, about to
//! be built, which runs far more of it. What watches files, and hooks, are switched off all the same.

use crate::environment::Environment;
use crate::git::{GitError, GitRepo};
use crate::runner::{Program, RunError, Stderr};
use countersign_core::limits;
use countersign_core::statement::{Kind, Statement};
use std::path::{Path, PathBuf};

/// How many paths are kept for a message.
const NAMED: usize = 10;

/// What differs from the commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// How many paths.
    pub count: usize,
    /// The first of them.
    pub first: Vec<String>,
    /// Those that git does not know, as it lists them: a folder of which it knows nothing is one path.
    untracked: Vec<Vec<u8>>,
}

impl Changes {
    /// Whether nothing differs.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.count == 0
    }

    /// Paths that git does not know; a folder of which it knows nothing is one path.
    #[must_use]
    pub fn untracked(&self) -> &[Vec<u8>] {
        &self.untracked
    }

    /// With what a build changed in files of the commit, where none was changed before.
    pub(crate) fn after_build(&mut self, changed: Self) {
        if self.count == self.untracked.len() {
            self.count = self.count.saturating_add(changed.count);
            self.first.extend(changed.first);
            self.first.truncate(NAMED);
        }
    }

    fn forget(&mut self, path: &[u8]) {
        let before = self.untracked.len();
        self.untracked.retain(|known| known != path);
        self.count = self.count.saturating_sub(before.saturating_sub(self.untracked.len()));
        let name = String::from_utf8_lossy(path);
        self.first.retain(|known| *known != name);
    }

    fn add(&mut self, path: &[u8]) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < NAMED {
            self.first.push(String::from_utf8_lossy(path).into_owned());
        }
    }
}

/// Which files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// Those of the commit, and new ones that are not ignored.
    All,
    /// Those of the commit. For after a build, which makes new files.
    Tracked,
}

/// What differs from the commit in the work tree of `repository`, submodules included.
pub fn changes(repository: &GitRepo, environment: &Environment, files: Files) -> Result<Changes, GitError> {
    let Some(work_tree) = repository.work_tree() else {
        return Err(GitError::Form { path: repository.git_dir().to_owned(), what: "a repository with a work tree" });
    };
    let inside = Inside { git_dir: repository.git_dir(), work_tree, environment: settings_only(environment) };
    let untracked = match files {
        Files::All => "--untracked-files=normal",
        Files::Tracked => "--untracked-files=no",
    };
    let mut changes = Changes::default();
    let status =
        inside.git(&["status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=none", untracked])?;
    // `XY PATH`: with renames off, every entry has one path.
    for entry in status.split(|b| *b == 0).filter(|entry| !entry.is_empty()) {
        let path = entry.get(3..).unwrap_or_default();
        changes.add(path);
        if entry.starts_with(b"??") {
            changes.untracked.push(path.to_owned());
        }
    }
    // Git looks away from files with the marks "assume unchanged" (a small letter) and "skip worktree" (S). The first
    // is never honest about what is built; the second is, for files that are not there.
    let marked = inside.git(&["ls-files", "-v", "-z"])?;
    for entry in marked.split(|b| *b == 0) {
        let path = entry.get(2..).unwrap_or_default();
        match entry.first() {
            Some(mark) if mark.is_ascii_lowercase() => changes.add(path),
            Some(b'S') if exists(work_tree, path) => changes.add(path),
            _ => {}
        }
    }
    Ok(changes)
}

/// Counts a file whose bytes were recorded, if it is not one of the commit's: what git ignores or a build makes is not
/// among the changes otherwise.
pub(crate) fn count_unless_committed(
    changes: &mut Changes,
    repository: &GitRepo,
    environment: &Environment,
    file: &Path,
) -> Result<(), GitError> {
    let Some(work_tree) = repository.work_tree() else { return Ok(()) };
    // A link counts as what it leads to: that is what was read.
    let real = file.canonicalize().map_err(|source| GitError::Io { path: file.to_owned(), source })?;
    let inside = real.strip_prefix(work_tree).ok();
    let name = inside.unwrap_or(&real).to_string_lossy().into_owned();
    let committed = match inside {
        None => false,
        Some(inside) => {
            let place = Inside { git_dir: repository.git_dir(), work_tree, environment: settings_only(environment) };
            // What is in the index and not in the commit is among the changes already.
            let listed = place.git_with(&["ls-files", "--recurse-submodules", "-z", "--"], inside)?;
            listed.split(|b| *b == 0).any(|path| path == inside.as_os_str().as_encoded_bytes())
        }
    };
    if !committed && !changes.first.contains(&name) {
        changes.add(name.as_bytes());
    }
    Ok(())
}

/// Does not count what an earlier run wrote where this one is about to write: a new file that holds provenance. A file of
/// the commit counts, and so does any other: a name alone hides nothing.
pub(crate) fn forget_output(
    changes: &mut Changes,
    repository: &GitRepo,
    environment: &Environment,
    output: &Path,
) -> Result<(), GitError> {
    let Some(work_tree) = repository.work_tree() else { return Ok(()) };
    // A link would be replaced, and what it leads to is something else.
    let Some(real) = output.canonicalize().ok().filter(|_| !output.is_symlink()) else { return Ok(()) };
    let Ok(inside) = real.strip_prefix(work_tree) else { return Ok(()) };
    let path = inside.as_os_str().as_encoded_bytes();
    let listed = changes
        .untracked
        .iter()
        .find(|known| known.as_slice() == path || (known.ends_with(b"/") && path.starts_with(known.as_slice())));
    let Some(listed) = listed.cloned() else { return Ok(()) };
    if !is_provenance(&real) {
        return Ok(());
    }
    if listed != path {
        let place = Inside { git_dir: repository.git_dir(), work_tree, environment: settings_only(environment) };
        let Ok(folder) = std::str::from_utf8(&listed) else { return Ok(()) };
        let others = place.git_with(&["ls-files", "--others", "--exclude-standard", "-z", "--"], Path::new(folder))?;
        if others.split(|b| *b == 0).any(|other| !other.is_empty() && other != path) {
            return Ok(());
        }
    }
    changes.forget(&listed);
    Ok(())
}

fn is_provenance(path: &Path) -> bool {
    let bytes = crate::files::read_within(path, limits::DOCUMENT_BYTES);
    bytes.ok().and_then(|bytes| Statement::parse(&bytes).ok()).and_then(|s| s.kind()) == Some(Kind::Provenance)
}

struct Inside<'a> {
    git_dir: &'a Path,
    work_tree: &'a Path,
    environment: Environment,
}

impl Inside<'_> {
    fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, RunError> {
        self.program(arguments).captured(limits::GIT_STATUS_BYTES, None, Stderr::Kept)
    }

    /// The same about one path, which is taken as it is.
    fn git_with(&self, arguments: &[&str], path: &Path) -> Result<Vec<u8>, RunError> {
        let program = self.program(&[]).arg("--literal-pathspecs").args(arguments).arg(path);
        program.captured(limits::GIT_STATUS_BYTES, None, Stderr::Kept)
    }

    fn program(&self, arguments: &[&str]) -> Program {
        // Naming both folders overrides `core.worktree`, which could point git at another, cleaner tree.
        Program::new("git", self.environment.clone())
            .directory(self.work_tree)
            .arg("--no-optional-locks")
            .arg("--git-dir")
            .arg(self.git_dir)
            .arg("--work-tree")
            .arg(self.work_tree)
            .args(["-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"])
            .args(["-c", "core.ignoreStat=false", "-c", "core.hooksPath=/dev/null"])
            .args(arguments)
    }
}

/// The user's own settings hold, since they decide about line endings and ignored files; variables that would point git
/// at another index, folder or configuration do not.
fn settings_only(environment: &Environment) -> Environment {
    let mut settings = environment.only(&["PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR"]);
    settings.set("LC_ALL", "C");
    settings.set("GIT_NO_REPLACE_OBJECTS", "1");
    settings.set("GIT_TERMINAL_PROMPT", "0");
    settings
}

fn exists(work_tree: &Path, path: &[u8]) -> bool {
    std::str::from_utf8(path).map_or(true, |path| {
        let full: PathBuf = work_tree.join(path);
        full.symlink_metadata().is_ok()
    })
}
