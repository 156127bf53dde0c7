//! Notes of a repository, read and written: the lines that people sign beside the commits that they are about.
//!
//! A note is written without any git that knows the repository: objects go into its object folder by a git of ours, and
//! the ref is a file that is moved into place under the same lock that git takes. So no hook, filter, editor or signing
//! program of anybody's configuration has a part in it.

use super::{GitError, GitRepo};
use crate::runner::Stderr;
use countersign_core::git::notes::{Notes, union};
use countersign_core::git::{Commit, Object, ObjectKind, ObjectSource as _, Oid, SourceError};
use countersign_core::ids::RefName;
use countersign_core::limits;
use countersign_core::time::Time;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The notes that reviews are kept in.
pub const NOTES_REF: &str = "refs/notes/countersign";

/// Who a commit of notes is by: a note says who signed it, its commit says nothing about anybody.
const WRITER: &str = "countersign <review@countersign.dev>";
/// How often another writer is waited for, and how long each time.
const PATIENCE: (usize, Duration) = (200, Duration::from_millis(50));
/// How many ids git is given at once.
const AT_ONCE: usize = 500;

/// The note of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The commit.
    pub commit: Oid,
    /// Its lines, in the order of bytes; or what was written, as it was.
    pub text: Vec<u8>,
}

impl GitRepo {
    /// The lines of every note below a ref; none if there is no such ref.
    pub fn notes(&self, name: &RefName) -> Result<Vec<Note>, GitError> {
        self.each_note(name, |blobs| Ok(vec![self.text_of(blobs)?]))
    }

    /// Every note below a ref as it was written: a document over several lines is none any more once they are sorted. A commit whose
    /// note is held by several blobs has as many.
    pub fn notes_as_written(&self, name: &RefName) -> Result<Vec<Note>, GitError> {
        let objects = self.objects();
        let written = |id: &Oid| -> Result<Vec<u8>, GitError> { Ok(objects.blob(id)?.to_vec()) };
        self.each_note(name, |blobs| blobs.iter().map(written).collect())
    }

    fn each_note(
        &self,
        name: &RefName,
        texts: impl Fn(&BTreeSet<Oid>) -> Result<Vec<Vec<u8>>, GitError>,
    ) -> Result<Vec<Note>, GitError> {
        let Some(tip) = self.resolve(name)? else { return Ok(Vec::new()) };
        let (_, notes) = self.notes_at(&tip)?;
        let mut left = limits::GIT_NOTES_BYTES;
        let mut out = Vec::new();
        for (commit, blobs) in notes.iter() {
            for text in texts(blobs)? {
                left = left
                    .checked_sub(text.len())
                    .ok_or(SourceError::TooMany { what: "bytes of notes", limit: limits::GIT_NOTES_BYTES })?;
                out.push(Note { commit: *commit, text });
            }
        }
        Ok(out)
    }

    /// Adds a line to the note of a commit. Gives the new commit of notes.
    pub fn add_note(&self, name: &RefName, commit: &Oid, line: &[u8], at: Time) -> Result<Oid, GitError> {
        self.locked(name, |tip| {
            let mut notes = match tip {
                Some(tip) => self.notes_at(tip)?.1,
                None => Notes::default(),
            };
            let before = self.text_of(&notes.of(commit).copied().collect())?;
            let blob = self.write(&Object::new(ObjectKind::Blob, union([before.as_slice(), line])))?;
            notes.set(*commit, blob);
            self.write_notes(notes, tip.map_or(&[], std::slice::from_ref), "a review", at).map(Some)
        })?
        .ok_or_else(|| super::no_such(name.as_str()))
    }

    /// Puts the notes of another commit of notes together with those of a ref: for every commit the lines of both.
    pub(super) fn take_notes_in(&self, name: &RefName, other: &Oid, at: Time) -> Result<(), GitError> {
        self.locked(name, |tip| {
            let Some(tip) = tip else { return Ok(Some(*other)) };
            if self.reaches(tip, other)? {
                return Ok(None);
            }
            if self.reaches(other, tip)? {
                return Ok(Some(*other));
            }
            let mut notes = self.notes_at(tip)?.1;
            notes.take_in(&self.notes_at(other)?.1);
            self.write_notes(notes, &[*tip, *other], "reviews of others", at).map(Some)
        })
        .map(|_| ())
    }

    /// Which of these commits are not part of the history of `since`: those that git finds beyond it, and those that are not
    /// there, of which nobody can say that they are old.
    pub fn after(&self, since: &Oid, commits: &BTreeSet<Oid>) -> Result<BTreeSet<Oid>, GitError> {
        let mut out = BTreeSet::new();
        let all: Vec<&Oid> = commits.iter().collect();
        for some in all.chunks(AT_ONCE) {
            let there = self.listed(&["rev-list", "--ignore-missing", "--no-walk"], some, &[])?;
            let beyond = self.listed(&["rev-list", "--ignore-missing"], some, &[&format!("^{since}")])?;
            let new = |id: &&&Oid| {
                let id = id.hex().into_bytes();
                beyond.contains(&id) || !there.contains(&id)
            };
            out.extend(some.iter().filter(new).map(|id| **id));
        }
        Ok(out)
    }

    /// What git lists, asked for these commits.
    fn listed(&self, verb: &[&str], commits: &[&Oid], more: &[&str]) -> Result<BTreeSet<Vec<u8>>, GitError> {
        let ids: Vec<String> = commits.iter().map(|id| id.hex()).collect();
        let arguments: Vec<&str> = verb
            .iter()
            .copied()
            .chain(ids.iter().map(String::as_str))
            .chain(more.iter().copied())
            .chain(["--"])
            .collect();
        let said = self.isolated.git(&arguments).captured(limits::GIT_NOTES_BYTES, None, Stderr::Kept)?;
        Ok(said.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect())
    }

    fn notes_at(&self, tip: &Oid) -> Result<(Oid, Notes), GitError> {
        let objects = self.objects();
        let tree = objects.commit(tip)?.tree;
        Ok((tree, Notes::read(&objects, self.format, &tree)?))
    }

    fn text_of(&self, blobs: &BTreeSet<Oid>) -> Result<Vec<u8>, GitError> {
        let objects = self.objects();
        let texts: Result<Vec<Arc<[u8]>>, SourceError> = blobs.iter().map(|id| objects.blob(id)).collect();
        Ok(union(texts?.iter().map(|text| &**text)))
    }

    /// Whether `ancestor` is in the history of `descendant`.
    pub(super) fn reaches(&self, descendant: &Oid, ancestor: &Oid) -> Result<bool, GitError> {
        Ok(countersign_core::git::graph::is_ancestor(&self.objects(), ancestor, descendant)?)
    }

    fn write_notes(&self, mut notes: Notes, parents: &[Oid], what: &str, at: Time) -> Result<Oid, GitError> {
        for (commit, blobs) in notes.split() {
            let blob = self.write(&Object::new(ObjectKind::Blob, self.text_of(&blobs)?))?;
            notes.set(commit, blob);
        }
        let form =
            |_| GitError::Form { path: self.common_dir.clone(), what: "a repository with notes that git would write" };
        let mut tree = None;
        for object in notes.trees(self.format).map_err(form)? {
            tree = Some(self.write(&object)?);
        }
        let tree = tree.ok_or_else(|| super::no_such(NOTES_REF))?;
        let who = format!("{WRITER} {} +0000", at.unix());
        let message = format!("Notes by countersign: {what}\n");
        let commit = Commit::encode(&tree, parents, who.as_bytes(), who.as_bytes(), message.as_bytes());
        self.write(&Object::new(ObjectKind::Commit, commit))
    }

    fn write(&self, object: &Object) -> Result<Oid, GitError> {
        self.isolated.write_object(&self.common_dir.join("objects"), self.format, object)
    }

    /// Moves a ref to what `make` makes of it, while nobody else can: git takes the same lock.
    fn locked(
        &self,
        name: &RefName,
        make: impl FnOnce(Option<&Oid>) -> Result<Option<Oid>, GitError>,
    ) -> Result<Option<Oid>, GitError> {
        let path = self.common_dir.join(name.as_str());
        let mut lock = Lock::take(&path)?;
        let before = self.resolve(name)?;
        let Some(after) = make(before.as_ref())? else { return Ok(before) };
        lock.put(&after)?;
        Ok(Some(after))
    }
}

/// A ref's lock, as git takes it. It goes away with the value.
struct Lock {
    file: File,
    path: PathBuf,
    target: PathBuf,
    held: bool,
}

impl Lock {
    fn take(target: &Path) -> Result<Self, GitError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let path = target.with_file_name(name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(|source| GitError::Io { path: folder.to_owned(), source })?;
        }
        for _ in 0..PATIENCE.0 {
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, path, target: target.to_owned(), held: true }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => thread::sleep(PATIENCE.1),
                Err(source) => return Err(GitError::Io { path, source }),
            }
        }
        Err(GitError::RefLocked { path })
    }

    /// Writes the ref and moves it into place, durably.
    fn put(&mut self, id: &Oid) -> Result<(), GitError> {
        let io = |source| GitError::Io { path: self.path.clone(), source };
        self.file.write_all(format!("{id}\n").as_bytes()).map_err(io)?;
        self.file.sync_all().map_err(io)?;
        fs::rename(&self.path, &self.target).map_err(io)?;
        self.held = false;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Once it was moved into place, a lock there is somebody else's.
        if self.held {
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Ground, commit, git, open, trap};

    fn name() -> RefName {
        RefName::new(NOTES_REF).unwrap()
    }

    fn now() -> Time {
        Time::from_unix(1_800_000_000).unwrap()
    }

    #[test]
    fn a_note_that_is_written_here_git_shows_and_the_other_way_round() {
        for format in ["sha1", "sha256"] {
            let ground = Ground::new();
            let path = ground.repository("r", &[&format!("--object-format={format}")]);
            let first = open(&path).commit("HEAD").unwrap();
            let second = commit(&path, "file", "2\n");
            let repository = open(&path);
            repository.add_note(&name(), &second, b"{\"b\":1}", now()).unwrap();
            repository.add_note(&name(), &second, b"{\"a\":1}", now()).unwrap();
            repository.add_note(&name(), &second, b"{\"a\":1}", now()).unwrap();
            let shown = git(&path, &["notes", "--ref=countersign", "show", &second.hex()]);
            assert_eq!(shown, "{\"a\":1}\n{\"b\":1}");
            git(&path, &["notes", "--ref=countersign", "add", "-m", "{\"c\":1}", &first.hex()]);
            git(&path, &["notes", "--ref=countersign", "append", "-m", "{\"d\":1}", &second.hex()]);
            git(&path, &["pack-refs", "--all"]);
            git(&path, &["fsck", "--strict"]);
            let notes = open(&path).notes(&name()).unwrap();
            let text = |id: &Oid| notes.iter().find(|note| note.commit == *id).map(|note| note.text.as_slice());
            assert_eq!(text(&first), Some(b"{\"c\":1}\n".as_slice()));
            assert_eq!(text(&second), Some(b"{\"a\":1}\n{\"b\":1}\n{\"d\":1}\n".as_slice()));
        }
    }

    #[test]
    fn many_notes_are_spread_and_git_finds_each() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        for n in 0..300 {
            git(&path, &["commit", "-q", "--allow-empty", "-m", &n.to_string()]);
        }
        let all = git(&path, &["rev-list", "HEAD"]);
        let input: Vec<String> = all.lines().map(|id| format!("{id}\n")).collect();
        fs::write(path.join("ids"), input.concat()).unwrap();
        for id in all.lines().take(299) {
            let blob = git(&path, &["hash-object", "-w", "file"]);
            git(&path, &["notes", "--ref=countersign", "add", "-f", "-C", &blob, id]);
        }
        let last = Oid::from_hex(all.lines().last().unwrap()).unwrap();
        open(&path).add_note(&name(), &last, b"mine", now()).unwrap();
        assert_eq!(git(&path, &["notes", "--ref=countersign", "list"]).lines().count(), 300);
        assert_eq!(git(&path, &["notes", "--ref=countersign", "show", &last.hex()]), "mine");
        assert_eq!(open(&path).notes(&name()).unwrap().len(), 300);
    }

    #[test]
    fn nothing_that_is_configured_runs_when_a_note_is_written() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        let head = open(&path).commit("HEAD").unwrap();
        let trap = trap(&ground, "trap");
        let hooks = path.join(".git/hooks");
        fs::create_dir_all(&hooks).unwrap();
        for hook in ["reference-transaction", "post-commit", "pre-commit", "commit-msg", "post-rewrite"] {
            fs::copy(&trap, hooks.join(hook)).unwrap();
        }
        let trap = trap.to_str().unwrap();
        for key in ["core.editor", "core.fsmonitor", "filter.f.clean", "gpg.program", "core.alternateRefsCommand"] {
            git(&path, &["config", key, trap]);
        }
        git(&path, &["config", "commit.gpgsign", "true"]);
        fs::write(path.join(".gitattributes"), "* filter=f\n").unwrap();
        let mark = ground.path("mark");
        drop(fs::remove_file(&mark));
        open(&path).add_note(&name(), &head, b"line", now()).unwrap();
        assert!(!mark.exists(), "{:?}", fs::read_to_string(&mark));
        git(&path, &["update-ref", "refs/notes/other", NOTES_REF]);
        assert!(mark.exists(), "the trap works");
    }

    #[test]
    fn writers_at_the_same_time_lose_no_line() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        let head = open(&path).commit("HEAD").unwrap();
        thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for n in 0..5 {
                        open(path).add_note(&name(), &head, format!("{writer} {n}").as_bytes(), now()).unwrap();
                    }
                });
            }
        });
        let notes = open(&path).notes(&name()).unwrap();
        assert_eq!(notes[0].text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count(), 20);
        assert!(!path.join(".git/refs/notes/countersign.lock").exists());
    }

    #[test]
    fn commits_of_the_history_before_are_told_from_those_after() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        let first = open(&path).commit("HEAD").unwrap();
        let second = commit(&path, "file", "2\n");
        git(&path, &["checkout", "-q", "-b", "side", &first.hex()]);
        let side = commit(&path, "other", "3\n");
        let missing = Oid::from_hex(&"12".repeat(20)).unwrap();
        let all = BTreeSet::from([first, second, side, missing]);
        assert_eq!(open(&path).after(&second, &all).unwrap(), BTreeSet::from([side, missing]), "nobody says it is old");
        assert_eq!(open(&path).after(&first, &all).unwrap(), BTreeSet::from([second, side, missing]));
    }
}
