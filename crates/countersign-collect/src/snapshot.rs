//! What the files of one revision say: read from the objects of the commit, never from a working tree.

use crate::environment::Environment;
use crate::files::{self, ReadError};
use crate::git::{GitError, GitRepo};
use crate::source::SourceError as NamingError;
use crate::source_uri::SourceUri;
use countersign_core::config::{self, FileKind, Found, Part, Unread};
use countersign_core::digest::Sha256;
use countersign_core::git::listing::escape;
use countersign_core::git::{Mode, ObjectSource, Oid, SourceError};
use countersign_core::ids::Uri;
use countersign_core::limits;
use countersign_core::statement::config_snapshot::{ConfigSnapshot, FileRead, FileSkipped};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is to be read.
#[derive(Debug)]
pub struct Request<'a> {
    /// A folder of the repository.
    pub repository: &'a Path,
    /// The commit, as a person names it.
    pub revision: &'a str,
    /// Where the repository is, if not where its remote `origin` says.
    pub source_uri: Option<&'a str>,
    /// What a tool made of the templates below a folder.
    pub rendered: &'a [Rendered],
    /// Variables for git.
    pub environment: &'a Environment,
}

/// What a tool made of the templates below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The folder, as the repository has it.
    pub folder: String,
    /// The file.
    pub file: PathBuf,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The source cannot be named.
    #[error(transparent)]
    Naming(#[from] NamingError),
    /// An object cannot be read.
    #[error(transparent)]
    Object(#[from] SourceError),
    /// More than is read of one revision.
    #[error("more than {limit} {what} in one revision")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read at most.
        limit: usize,
    },
    /// What was rendered cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Rendered {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Nothing that was not read lies below the folder.
    #[error("no template lies below {folder} in this commit: there is nothing that a rendered file stands for")]
    NothingRendered {
        /// The folder.
        folder: String,
    },
}

/// Where a repository is, by what was given or by its remote `origin`.
pub fn repository_uri(repository: &GitRepo, given: Option<&str>) -> Result<Uri, NamingError> {
    let uri = match given {
        Some(text) => SourceUri::normalise(text).map_err(|error| NamingError::Uri { given: text.to_owned(), error })?,
        None => repository.origin().and_then(|url| SourceUri::normalise(url).ok()).ok_or(NamingError::NoUri)?,
    };
    Uri::new(uri.as_str()).map_err(|_form| NamingError::NoUri)
}

/// Reads every file of configuration of a commit.
pub fn collect(request: &Request<'_>) -> Result<ConfigSnapshot, SnapshotError> {
    let repository = GitRepo::open(request.repository, request.environment)?;
    let uri = repository_uri(&repository, request.source_uri)?;
    let commit = repository.commit(request.revision)?;
    let objects = repository.objects();
    let mut snapshot = of_commit(&objects, uri, commit)?;
    for rendered in request.rendered {
        take_in(rendered, &mut snapshot)?;
    }
    Ok(snapshot)
}

/// Reads every file of configuration of a commit from its objects.
pub fn of_commit(objects: &dyn ObjectSource, repository: Uri, commit: Oid) -> Result<ConfigSnapshot, SnapshotError> {
    let tree = objects.commit(&commit)?.tree;
    let mut snapshot = ConfigSnapshot {
        repository,
        commit,
        tree,
        readers: config::READERS,
        read: Vec::new(),
        skipped: Vec::new(),
        images: Vec::new(),
        connections: Vec::new(),
    };
    let mut folders: Vec<(Vec<u8>, Oid)> = vec![(Vec::new(), tree)];
    let (mut entries, mut bytes) = (0_usize, 0_usize);
    while let Some((folder, id)) = folders.pop() {
        if folder.split(|b| *b == b'/').count() > limits::GIT_TREE_DEPTH {
            return Err(SnapshotError::TooMany { what: "folders within each other", limit: limits::GIT_TREE_DEPTH });
        }
        let tree = objects.tree(&id)?;
        entries = entries.saturating_add(tree.entries().len());
        if entries > limits::CONFIG_TREE_ENTRIES {
            return Err(SnapshotError::TooMany { what: "files", limit: limits::CONFIG_TREE_ENTRIES });
        }
        for entry in tree.entries() {
            let path = [folder.as_slice(), entry.name.as_slice()].concat();
            let name = String::from_utf8_lossy(&path).into_owned();
            let kind = FileKind::of(&name);
            match (entry.mode, kind) {
                (Mode::Directory, _) => folders.push(([path.as_slice(), b"/"].concat(), entry.id)),
                (Mode::Submodule, _) => {
                    let lacks = BTreeSet::from([Part::Images, Part::Connections]);
                    skip(&mut snapshot, &path, "it is another repository (submodule)", lacks);
                }
                (Mode::Symlink, Some(kind)) => {
                    skip(&mut snapshot, &path, "it is a symbolic link", kind.parts());
                }
                (Mode::File | Mode::Executable, Some(kind)) if std::str::from_utf8(&path).is_err() => {
                    skip(&mut snapshot, &path, "its name is not UTF-8", kind.parts());
                }
                (Mode::File | Mode::Executable, Some(kind)) => {
                    let content = match objects.blob(&entry.id) {
                        Ok(content) => content,
                        Err(SourceError::TooLarge { .. }) => {
                            skip(&mut snapshot, &path, "it is larger than what is read", kind.parts());
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    };
                    bytes = bytes.saturating_add(content.len());
                    if bytes > limits::CONFIG_TOTAL_BYTES {
                        return Err(SnapshotError::TooMany {
                            what: "bytes of configuration",
                            limit: limits::CONFIG_TOTAL_BYTES,
                        });
                    }
                    let found = config::read(&name, kind, &content);
                    keep(&mut snapshot, name, &content, None, found);
                }
                (Mode::Symlink | Mode::File | Mode::Executable, None) => {}
            }
        }
        bounded(&snapshot)?;
    }
    sort(&mut snapshot);
    Ok(snapshot)
}

fn skip(snapshot: &mut ConfigSnapshot, path: &[u8], why: &str, lacks: BTreeSet<Part>) {
    snapshot.skipped.push(FileSkipped { path: escape(path), why: why.to_owned(), lacks });
}

fn keep(
    snapshot: &mut ConfigSnapshot,
    path: String,
    content: &[u8],
    rendered: Option<String>,
    found: Result<Found, Unread>,
) {
    match found {
        Ok(found) => {
            snapshot.images.extend(found.images);
            snapshot.connections.extend(found.connections);
            if let Some(Unread { why, lacks }) = found.elsewhere {
                snapshot.skipped.push(FileSkipped { path: path.clone(), why, lacks });
            }
            snapshot.read.push(FileRead { path, digest: Sha256::of(content), rendered });
        }
        Err(unread) => snapshot.skipped.push(FileSkipped { path, why: unread.why, lacks: unread.lacks }),
    }
}

fn bounded(snapshot: &ConfigSnapshot) -> Result<(), SnapshotError> {
    if snapshot.read.len().saturating_add(snapshot.skipped.len()) > limits::CONFIG_FILES {
        return Err(SnapshotError::TooMany { what: "files of configuration", limit: limits::CONFIG_FILES });
    }
    if snapshot.images.len().max(snapshot.connections.len()) > limits::SNAPSHOT_FACTS {
        return Err(SnapshotError::TooMany { what: "images or connections", limit: limits::SNAPSHOT_FACTS });
    }
    Ok(())
}

fn sort(snapshot: &mut ConfigSnapshot) {
    snapshot.read.sort_by(|a, b| a.path.cmp(&b.path));
    snapshot.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    snapshot.images.sort();
    snapshot.connections.sort();
}

/// Reads what was made of templates in their place.
fn take_in(rendered: &Rendered, snapshot: &mut ConfigSnapshot) -> Result<(), SnapshotError> {
    let folder = rendered.folder.trim_matches('/');
    let below = |path: &str| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let before = snapshot.skipped.len();
    snapshot.skipped.retain(|file| !(config::is_rendered(&file.why) && below(&file.path)));
    if snapshot.skipped.len() == before {
        return Err(SnapshotError::NothingRendered { folder: folder.to_owned() });
    }
    let wrong = |why: String| SnapshotError::Rendered { path: rendered.file.clone(), why };
    let content = files::read_within(&rendered.file, limits::CONFIG_FILE_BYTES).map_err(|error| match error {
        ReadError::TooLarge => wrong("it is larger than what is read".to_owned()),
        ReadError::Io(error) => wrong(error.to_string()),
    })?;
    let name = rendered.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let path = format!("{folder} (rendered: {name})");
    let found = config::read(&path, FileKind::Yaml, &content).map_err(|unread| wrong(unread.why))?;
    keep(snapshot, path, &content, Some(folder.to_owned()), Ok(found));
    bounded(snapshot)?;
    sort(snapshot);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::git::{Commit, Entry, Object, ObjectFormat, ObjectKind, ObjectSet, Tree};

    const SHA1: ObjectFormat = ObjectFormat::Sha1;

    fn put(objects: &mut ObjectSet, kind: ObjectKind, bytes: &[u8]) -> Oid {
        objects.insert(SHA1, Object::new(kind, bytes)).unwrap()
    }

    fn commit_of(objects: &mut ObjectSet, entries: Vec<(Mode, &str, Oid)>) -> Oid {
        let entry = |(mode, name, id): (Mode, &str, Oid)| Entry { mode, name: name.as_bytes().to_vec(), id };
        let tree = Tree::new(entries.into_iter().map(entry).collect()).unwrap();
        let tree = put(objects, ObjectKind::Tree, &tree.encode());
        let person = b"A <a@example.com> 0 +0000";
        put(objects, ObjectKind::Commit, &Commit::encode(&tree, &[], person, person, b"x"))
    }

    fn uri() -> Uri {
        Uri::new("git+https://example.com/a").unwrap()
    }

    #[test]
    fn what_a_commit_holds_is_read_and_what_could_not_be_is_said() {
        let mut objects = ObjectSet::new();
        let docker = put(&mut objects, ObjectKind::Blob, b"FROM nginx\n");
        let link = put(&mut objects, ObjectKind::Blob, b"elsewhere");
        let template = put(&mut objects, ObjectKind::Blob, b"image: {{ .Values.image }}\n");
        let charts = Tree::new(vec![Entry { mode: Mode::File, name: b"a.yaml".to_vec(), id: template }]).unwrap();
        let charts = put(&mut objects, ObjectKind::Tree, &charts.encode());
        let other = Oid::from_hex(&"1".repeat(40)).unwrap();
        let commit = commit_of(
            &mut objects,
            vec![
                (Mode::File, "Dockerfile", docker),
                (Mode::Symlink, "Dockerfile.link", link),
                (Mode::Submodule, "sub", other),
                (Mode::Directory, "templates", charts),
                (Mode::File, "x.rs", docker),
            ],
        );
        let snapshot = of_commit(&objects, uri(), commit).unwrap();
        assert_eq!(snapshot.read.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["Dockerfile"]);
        let skipped: Vec<&str> = snapshot.skipped.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(skipped, ["Dockerfile.link", "sub", "templates/a.yaml"]);
        assert_eq!(snapshot.images.len(), 1);
    }

    #[test]
    fn what_was_rendered_stands_for_the_templates_below_its_folder_and_for_nothing_else() {
        let mut objects = ObjectSet::new();
        let template = put(&mut objects, ObjectKind::Blob, b"image: {{ .Values.image }}\n");
        let charts = Tree::new(vec![Entry { mode: Mode::File, name: b"a.yaml".to_vec(), id: template }]).unwrap();
        let charts = put(&mut objects, ObjectKind::Tree, &charts.encode());
        let commit = commit_of(&mut objects, vec![(Mode::Directory, "templates", charts)]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.yaml");
        std::fs::write(&file, "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a/b}]}\n").unwrap();
        let mut snapshot = of_commit(&objects, uri(), commit).unwrap();
        let wrong = take_in(&Rendered { folder: "other".to_owned(), file: file.clone() }, &mut snapshot).unwrap_err();
        assert!(matches!(wrong, SnapshotError::NothingRendered { .. }), "{wrong}");
        take_in(&Rendered { folder: "templates".to_owned(), file }, &mut snapshot).unwrap();
        assert_eq!((snapshot.skipped.len(), snapshot.images.len()), (0, 1));
        assert_eq!(snapshot.read[0].rendered.as_deref(), Some("templates"));
    }
}
