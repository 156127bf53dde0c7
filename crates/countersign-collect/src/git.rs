//! A repository on disk, read without running it: refs, history facts and objects, none of which lets the repository's
//! own configuration, attributes, hooks, replace refs or grafts have a say.
//!
//! Git's configuration can name programs, and git runs them: a repository that somebody hands us is a program in
//! disguise. So no git command is ever started inside it here. Refs and facts are files that are read as such, its
//! configuration is parsed as a file and never applied, and objects are read by a git that runs in a repository of our
//! own (see [`import`]). [`crate::worktree`] alone goes inside, for the builder's own tree.

mod change_url;
pub mod import;
mod notes;
mod refs;
mod remote;
mod revision;

pub use change_url::ChangeUrl;
pub use import::GitSource;
pub use notes::{NOTES_REF, Note};
pub use refs::Head;

use crate::environment::Environment;
use crate::files::{self, ReadError};
use crate::runner::RunError;
use countersign_core::git::{ObjectFormat, Oid, SourceError};
use countersign_core::ids::RefName;
use countersign_core::limits;
use import::Isolated;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many tags may point to one another before a commit.
const TAG_DEPTH: usize = 8;

/// A repository.
#[derive(Debug)]
pub struct GitRepo {
    work_tree: Option<PathBuf>,
    git_dir: PathBuf,
    common_dir: PathBuf,
    format: ObjectFormat,
    remotes: Vec<(String, String)>,
    partial: bool,
    isolated: Arc<Isolated>,
}

/// What has to be known about a repository before its history says anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// The hash that names its objects.
    pub format: ObjectFormat,
    /// Some of the history was left out when cloning.
    pub shallow: bool,
    /// Objects may have been left out when cloning, to be fetched when they are wanted. They are not fetched here.
    pub partial: bool,
    /// Objects that git would show in place of others.
    pub replace_refs: BTreeSet<RefName>,
    /// Git would show other parents than the commits have.
    pub grafts: bool,
}

/// Why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// Neither the folder nor one above it is a repository.
    #[error("{} is not in a git repository", .path.display())]
    NotARepository {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the repository cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the repository is larger than is read.
    #[error("{} has more than {limit} bytes", .path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// How many are read.
        limit: usize,
    },
    /// A file of the repository is not what it should be.
    #[error("{} is not {what}", .path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The repository uses something that is not read here.
    #[error("the repository uses {name} = {value}, which is not supported")]
    Unsupported {
        /// The configuration's key.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// There is no such ref, or no commit yet.
    #[error("{name} is not a commit of this repository")]
    NoSuchRevision {
        /// What was asked for.
        name: String,
    },
    /// An id of the other hash.
    #[error("{id} is an id of {}, and the objects of this repository are named by {}", .id.format().as_str(), .expected.as_str())]
    OtherHash {
        /// The id.
        id: Oid,
        /// The hash that names the repository's objects.
        expected: ObjectFormat,
    },
    /// A short name means several commits.
    #[error("{name} is ambiguous: {first} and {second} are different commits")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// One ref.
        first: RefName,
        /// Another.
        second: RefName,
    },
    /// The beginning of an id that several commits have.
    #[error("{name} is ambiguous: the ids of {first} and {second} begin so")]
    AmbiguousId {
        /// What was asked for.
        name: String,
        /// One commit.
        first: Oid,
        /// Another.
        second: Oid,
    },
    /// A step to a parent that a commit does not have.
    #[error("{name} goes past {commit}, which has {parents} parent(s)")]
    NoSuchParent {
        /// What was asked for.
        name: String,
        /// The commit.
        commit: Oid,
        /// How many parents it has.
        parents: usize,
    },
    /// An address that is not one of a change.
    #[error("{url} is not the address of a change: …/pull/7, or …/-/merge_requests/7")]
    NotAChange {
        /// What was given.
        url: String,
    },
    /// The forge's ref of a change is not in the repository.
    #[error("{reference} is not in this repository: the change has not been fetched")]
    ChangeNotFetched {
        /// The ref.
        reference: String,
        /// The command that fetches it.
        fetch: String,
    },
    /// Another process is writing a ref.
    #[error("{} exists: another process is writing this ref, or was ended while it did", .path.display())]
    RefLocked {
        /// The lock.
        path: PathBuf,
    },
    /// There is no remote of this name.
    #[error("{name} is not a remote of this repository: {}", known(.remotes))]
    NoSuchRemote {
        /// What was asked for.
        name: String,
        /// Those there are.
        remotes: Vec<String>,
    },
    /// The remote's notes moved on each time that ours were about to be there.
    #[error("others pushed to {reference} of {remote} at the same time, {times} times over")]
    Outrun {
        /// The remote.
        remote: String,
        /// The ref.
        reference: RefName,
        /// How often it was tried.
        times: usize,
    },
    /// An object cannot be had.
    #[error(transparent)]
    Object(#[from] SourceError),
    /// Git cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl GitRepo {
    /// Finds the repository of a folder: its work tree, a linked one, or a bare repository. Of `environment` only the
    /// path to git and the place for temporary files are used.
    pub fn open(path: &Path, environment: &Environment) -> Result<Self, GitError> {
        let io = |source| GitError::Io { path: path.to_owned(), source };
        let start = path.canonicalize().map_err(io)?;
        let (work_tree, git_dir) = discover(&start)?.ok_or_else(|| GitError::NotARepository { path: start.clone() })?;
        let common_dir = match pointer(&git_dir.join("commondir"), "")? {
            Some(common) => canonical(&git_dir.join(common))?,
            None => git_dir.clone(),
        };
        let isolated = Isolated::new(environment, &common_dir.join("objects"))?;
        let config = isolated.config_of(&common_dir.join("config"))?;
        let last = |key: &str| config.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let format = match last("extensions.objectformat") {
            None | Some("sha1") => ObjectFormat::Sha1,
            Some("sha256") => ObjectFormat::Sha256,
            Some(other) => return Err(unsupported("extensions.objectFormat", other)),
        };
        understood(&config)?;
        match last("extensions.refstorage") {
            None | Some("files") => {}
            Some(other) => return Err(unsupported("extensions.refStorage", other)),
        }
        isolated.name_objects_by(format)?;
        let mut remotes: Vec<(String, String)> = Vec::new();
        for (key, url) in &config {
            let name = key.strip_prefix("remote.").and_then(|rest| rest.strip_suffix(".url"));
            // Git fetches from the first address of a remote.
            if let Some(name) = name.filter(|name| remotes.iter().all(|(known, _)| known != name)) {
                remotes.push((name.to_owned(), url.clone()));
            }
        }
        let partial = config
            .iter()
            .any(|(key, value)| key == "extensions.partialclone" || (key.ends_with(".promisor") && value != "false"));
        Ok(Self { work_tree, git_dir, common_dir, format, remotes, partial, isolated: Arc::new(isolated) })
    }

    /// The folder that is checked out; a bare repository has none.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// The folder with `HEAD` and the index.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The hash that names its objects.
    #[must_use]
    pub const fn format(&self) -> ObjectFormat {
        self.format
    }

    /// The address of the remote `origin`, as it is configured. It may hold credentials: never print it.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.remotes().find(|(name, _)| *name == "origin").map(|(_, url)| url)
    }

    /// The remotes with their addresses, which may hold credentials.
    pub fn remotes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.remotes.iter().map(|(name, url)| (name.as_str(), url.as_str()))
    }

    /// Its objects, read in a repository of our own and hashed again.
    #[must_use]
    pub fn objects(&self) -> GitSource {
        GitSource::new(Arc::clone(&self.isolated), self.format)
    }

    /// What has to be known before its history says anything.
    pub fn facts(&self) -> Result<RepositoryFacts, GitError> {
        let said = |name: &str| -> Result<bool, GitError> {
            let bytes = optional(&self.common_dir.join(name), limits::GIT_CONFIG_BYTES)?.unwrap_or_default();
            let mut lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
            Ok(lines.any(|line| !line.is_empty() && !line.starts_with(b"#")))
        };
        Ok(RepositoryFacts {
            format: self.format,
            shallow: said("shallow")?,
            partial: self.partial,
            replace_refs: self.refs_below("refs/replace/")?.into_keys().collect(),
            grafts: said("info/grafts")?,
        })
    }
}

/// What a repository may say about its own layout without meaning anything that is not read here: git as well refuses one
/// of a later version, or one with an extension that it does not know.
const EXTENSIONS: &[&str] = &[
    "noop",
    "noop-v1",
    "partialclone",
    "preciousobjects",
    "worktreeconfig",
    "objectformat",
    "compatobjectformat",
    "refstorage",
    "relativeworktrees",
];

fn understood(config: &[(String, String)]) -> Result<(), GitError> {
    let version = config.iter().rev().find(|(key, _)| key == "core.repositoryformatversion");
    let version = version.map_or("0", |(_, value)| value.as_str());
    if !matches!(version, "0" | "1") {
        return Err(unsupported("core.repositoryFormatVersion", version));
    }
    let mut extensions = config.iter().filter_map(|(key, _)| key.strip_prefix("extensions."));
    match extensions.find(|name| !EXTENSIONS.contains(name)) {
        // Git of version 0 does not look at extensions that came later.
        Some(unknown) if version == "1" => Err(unsupported("extensions", unknown)),
        _ => Ok(()),
    }
}

/// The work tree and git directory of a folder, or of the nearest one above it.
fn discover(start: &Path) -> Result<Option<(Option<PathBuf>, PathBuf)>, GitError> {
    for folder in start.ancestors() {
        let dot_git = folder.join(".git");
        if is_git_dir(&dot_git) {
            return Ok(Some((Some(folder.to_owned()), canonical(&dot_git)?)));
        }
        if dot_git.is_file() {
            let Some(target) = pointer(&dot_git, "gitdir: ")? else {
                continue;
            };
            return Ok(Some((Some(folder.to_owned()), canonical(&folder.join(target))?)));
        }
        if is_git_dir(folder) {
            return Ok(Some((None, folder.to_owned())));
        }
    }
    Ok(None)
}

fn is_git_dir(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// The path that a one-line file holds after `prefix`; `None` when there is no such file.
fn pointer(path: &Path, prefix: &str) -> Result<Option<PathBuf>, GitError> {
    let Some(bytes) = optional(path, limits::GIT_CONFIG_BYTES)? else {
        return Ok(None);
    };
    let target = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.strip_prefix(prefix))
        .map(|text| text.trim_end_matches(['\n', '\r']));
    match target {
        Some(target) if !target.is_empty() && !target.contains(['\n', '\0']) => Ok(Some(PathBuf::from(target))),
        _ => Err(GitError::Form { path: path.to_owned(), what: "a pointer to a git directory" }),
    }
}

/// The bytes of a file within a bound; `None` when it is not there.
fn optional(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, GitError> {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    let path = path.to_owned();
    match files::read_within(&path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::TooLarge) => Err(GitError::TooLarge { path, limit }),
        Err(ReadError::Io(e)) if matches!(e.kind(), NotFound | NotADirectory | IsADirectory) => Ok(None),
        Err(ReadError::Io(source)) => Err(GitError::Io { path, source }),
    }
}

fn canonical(path: &Path) -> Result<PathBuf, GitError> {
    path.canonicalize().map_err(|source| GitError::Io { path: path.to_owned(), source })
}

fn known(remotes: &[String]) -> String {
    if remotes.is_empty() { "it has none".to_owned() } else { format!("it has {}", remotes.join(", ")) }
}

fn unsupported(name: &'static str, value: &str) -> GitError {
    GitError::Unsupported { name, value: value.to_owned() }
}

fn no_such(name: &str) -> GitError {
    GitError::NoSuchRevision { name: name.to_owned() }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
