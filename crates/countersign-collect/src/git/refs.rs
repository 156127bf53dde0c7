//! Refs, read as the files that they are: loose ones, packed ones, and `HEAD`.

use super::{GitError, GitRepo, optional};
use countersign_core::git::Oid;
use countersign_core::ids::RefName;
use countersign_core::limits;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many refs may name one another.
const SYMBOLIC_DEPTH: usize = 5;
/// Deepest folder of loose refs.
const FOLDER_DEPTH: usize = 32;

/// What is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The commit; none before the first.
    pub commit: Option<Oid>,
    /// The branch; none when `HEAD` is detached.
    pub branch: Option<RefName>,
}

enum Target {
    Id(Oid),
    Name(RefName),
}

impl GitRepo {
    /// What is checked out.
    pub fn head(&self) -> Result<Head, GitError> {
        let path = self.git_dir.join("HEAD");
        match self.loose(&path)? {
            Some(Target::Id(commit)) => Ok(Head { commit: Some(commit), branch: None }),
            Some(Target::Name(branch)) => Ok(Head { commit: self.resolve(&branch)?, branch: Some(branch) }),
            None => Err(form(path)),
        }
    }

    /// The object that a ref names, tags not followed; `None` when there is no such ref.
    pub fn resolve(&self, name: &RefName) -> Result<Option<Oid>, GitError> {
        let mut name = name.clone();
        for _ in 0..SYMBOLIC_DEPTH {
            match self.loose(&self.folder_of(&name).join(name.as_str()))? {
                Some(Target::Id(id)) => return Ok(Some(id)),
                Some(Target::Name(next)) => name = next,
                None => return Ok(self.packed(|packed| packed == name.as_str())?.into_values().next()),
            }
        }
        Err(form(self.common_dir.join(name.as_str())))
    }

    /// All refs whose names start with `prefix`, which ends with a slash.
    pub fn refs_below(&self, prefix: &str) -> Result<BTreeMap<RefName, Oid>, GitError> {
        let mut all = self.packed(|name| name.starts_with(prefix))?;
        let mut names = Vec::new();
        loose_below(&self.common_dir, prefix.trim_end_matches('/'), FOLDER_DEPTH, &mut names)?;
        for name in names {
            if let Some(id) = self.resolve(&name)? {
                all.insert(name, id);
            }
        }
        Ok(all)
    }

    /// A linked work tree has a few refs of its own.
    fn folder_of(&self, name: &RefName) -> &Path {
        let own = ["refs/bisect/", "refs/worktree/", "refs/rewritten/"];
        if own.iter().any(|prefix| name.as_str().starts_with(prefix)) { &self.git_dir } else { &self.common_dir }
    }

    fn loose(&self, path: &Path) -> Result<Option<Target>, GitError> {
        let Some(bytes) = optional(path, limits::GIT_CONFIG_BYTES)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end();
        let target = match text.strip_prefix("ref:") {
            Some(name) => RefName::new(name.trim_start()).ok().map(Target::Name),
            None => self.id(text).map(Target::Id),
        };
        target.map(Some).ok_or_else(|| form(path.to_owned()))
    }

    /// Lines are `ID NAME`; a line that starts with `^` gives the commit of the tag before it, one with `#` is a comment.
    fn packed(&self, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<RefName, Oid>, GitError> {
        let path = self.common_dir.join("packed-refs");
        let bytes = optional(&path, limits::GIT_PACKED_REFS_BYTES)?.unwrap_or_default();
        let mut found = BTreeMap::new();
        for line in bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end) {
            if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"^") {
                continue;
            }
            // A name that is not UTF-8 is none that anybody could ask for, but it may be a replace ref.
            let text = String::from_utf8_lossy(line);
            let Some((id, name)) = text.split_once(' ') else {
                return Err(form(path));
            };
            if wanted(name) {
                let entry = RefName::new(name).ok().zip(self.id(id));
                let (name, id) = entry.ok_or_else(|| form(path.clone()))?;
                found.insert(name, id);
            }
        }
        Ok(found)
    }

    fn id(&self, text: &str) -> Option<Oid> {
        Oid::from_hex(text).ok().filter(|id| id.format() == self.format)
    }
}

/// The names of the loose refs below `name`. Folders that are symbolic links are not entered.
fn loose_below(common: &Path, name: &str, depth: usize, names: &mut Vec<RefName>) -> Result<(), GitError> {
    let folder = common.join(name);
    let io = |source| GitError::Io { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io(e)),
    };
    for entry in entries {
        let entry = entry.map_err(io)?;
        let path = || entry.path();
        let part = entry.file_name();
        let part = part.to_str().ok_or_else(|| form(path()))?;
        let below = format!("{name}/{part}");
        if entry.file_type().map_err(io)?.is_dir() {
            let depth = depth.checked_sub(1).ok_or_else(|| form(path()))?;
            loose_below(common, &below, depth, names)?;
        } else if let Ok(name) = RefName::new(&below) {
            // Anything else is a lock file or refuse, which is no ref for git either.
            names.push(name);
        }
    }
    Ok(())
}

fn form(path: PathBuf) -> GitError {
    GitError::Form { path, what: "a git ref" }
}
