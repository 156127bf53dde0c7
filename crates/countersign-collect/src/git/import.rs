//! Objects of a repository, read by a git that does not know the repository.
//!
//! We make a bare repository of our own in a temporary folder: no refs, no hooks, no attributes, a configuration of
//! three lines. It borrows the other one's object folder as an alternate, so git finds loose objects, packs and further
//! alternates, and nothing else of it: no configuration of the other repository, of the user or of the system is read,
//! no replace ref or graft exists, and a missing object is missing, never fetched. What comes out is hashed again here;
//! where the bytes came from then no longer matters.

use super::{GitError, canonical};
use crate::environment::Environment;
use crate::runner::{Program, Stderr};
use countersign_core::git::{Object, ObjectFormat, ObjectKind, ObjectSource, Oid, SourceError, source};
use countersign_core::limits;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long git may take to parse a configuration file.
const CONFIG_TIME: Duration = Duration::from_mins(1);

/// Our own empty bare repository, with another one's objects.
#[derive(Debug)]
pub(super) struct Isolated {
    folder: TempDir,
    environment: Environment,
}

impl Isolated {
    pub(super) fn new(environment: &Environment, objects: &Path) -> Result<Self, GitError> {
        let text = objects.to_str().filter(|text| !text.contains('\n'));
        let text = text.ok_or_else(|| GitError::Form {
            path: objects.to_owned(),
            what: "a path that git can borrow objects from",
        })?;
        let place = environment.text("TMPDIR").or_else(|| environment.text("TEMP"));
        let place = canonical(Path::new(place.unwrap_or("/tmp")))?;
        let made = tempfile::Builder::new().prefix("countersign-git-").tempdir_in(&place);
        let folder = made.map_err(|source| GitError::Io { path: place, source })?;
        let isolated = Self { environment: isolated_environment(environment, folder.path()), folder };
        for below in ["refs", "objects/info"] {
            let path = isolated.folder.path().join(below);
            std::fs::create_dir_all(&path).map_err(|source| GitError::Io { path, source })?;
        }
        isolated.write("HEAD", "ref: refs/heads/none\n")?;
        isolated.write("objects/info/alternates", &format!("{text}\n"))?;
        isolated.name_objects_by(ObjectFormat::Sha1)?;
        Ok(isolated)
    }

    /// Says which hash names the objects.
    pub(super) fn name_objects_by(&self, format: ObjectFormat) -> Result<(), GitError> {
        let extension = match format {
            ObjectFormat::Sha1 => "\trepositoryformatversion = 0\n",
            ObjectFormat::Sha256 => "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n",
        };
        self.write("config", &format!("[core]\n\tbare = true\n{extension}"))
    }

    /// The keys and values of a configuration file, in order. The file is only parsed: git follows no include of it and
    /// applies nothing.
    pub(super) fn config_of(&self, file: &Path) -> Result<Vec<(String, String)>, GitError> {
        if !file.is_file() {
            return Ok(Vec::new());
        }
        let listing = self.git(&["config", "--null", "--no-includes", "--list", "--file"]).arg(file);
        let bytes = listing.captured(limits::GIT_CONFIG_BYTES, Some(CONFIG_TIME), Stderr::Kept)?;
        let entries = bytes.split(|b| *b == 0).filter(|entry| !entry.is_empty());
        Ok(entries
            .map(|entry| {
                let text = String::from_utf8_lossy(entry);
                // A key without a value has no line break either: git takes that for true.
                let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
                (key.to_owned(), value.to_owned())
            })
            .collect())
    }

    pub(super) fn git(&self, arguments: &[&str]) -> Program {
        Program::new("git", self.environment.clone()).directory(self.folder.path()).args(arguments)
    }

    /// Writes an object into a repository's own object folder. Its bytes go through no filter: git is given a file of ours
    /// and is told what it is.
    pub(super) fn write_object(&self, objects: &Path, format: ObjectFormat, object: &Object) -> Result<Oid, GitError> {
        let path = self.folder.path().join("object");
        std::fs::write(&path, &object.bytes).map_err(|source| GitError::Io { path, source })?;
        let arguments = ["hash-object", "-w", "--no-filters", "-t", object.kind.as_str(), "object"];
        let said = self.git_into(objects, &arguments).captured(1_000, Some(CONFIG_TIME), Stderr::Kept)?;
        let id = object.id(format).map_err(|_collision| GitError::Form {
            path: objects.to_owned(),
            what: "a place for an object that carries the marks of a SHA-1 collision",
        })?;
        let written = std::str::from_utf8(&said).is_ok_and(|text| text.trim_end() == id.hex());
        let other = || GitError::Form { path: objects.to_owned(), what: "a folder of objects that git writes to" };
        if written { Ok(id) } else { Err(other()) }
    }

    fn git_into(&self, objects: &Path, arguments: &[&str]) -> Program {
        let mut environment = self.environment.clone();
        environment.set("GIT_OBJECT_DIRECTORY", objects);
        Program::new("git", environment).directory(self.folder.path()).args(arguments)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), GitError> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).map_err(|source| GitError::Io { path, source })
    }
}

/// All that our git gets: where programs are, and that there is nothing to read anywhere.
fn isolated_environment(given: &Environment, folder: &Path) -> Environment {
    // The last three are what Windows needs to start a program at all.
    let mut environment = given.only(&["PATH", "SYSTEMROOT", "TEMP", "TMP"]);
    let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_SYSTEM", nothing),
        ("GIT_CONFIG_GLOBAL", nothing),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("LC_ALL", "C"),
    ] {
        environment.set(name, value);
    }
    for name in ["GIT_DIR", "HOME", "XDG_CONFIG_HOME"] {
        environment.set(name, folder);
    }
    environment
}

/// The objects of a repository. Each is hashed before it is handed out.
#[derive(Debug)]
pub struct GitSource {
    isolated: Arc<Isolated>,
    format: ObjectFormat,
    talk: RefCell<Option<Talk>>,
}

impl GitSource {
    pub(super) fn new(isolated: Arc<Isolated>, format: ObjectFormat) -> Self {
        Self { isolated, format, talk: RefCell::new(None) }
    }

    fn start(&self) -> Result<Talk, String> {
        let mut child = self.isolated.git(&["cat-file", "--batch"]).conversation().map_err(|e| e.to_string())?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (ask, answer) = pipes.ok_or_else(|| "git has no input or output".to_owned())?;
        Ok(Talk { child, ask, answer: BufReader::with_capacity(64 << 10, answer) })
    }
}

impl ObjectSource for GitSource {
    fn object(&self, id: &Oid) -> Result<Object, SourceError> {
        if id.format() != self.format {
            return Err(SourceError::Format { id: *id, expected: self.format });
        }
        let unreadable = |message: String| SourceError::Unreadable { id: *id, message };
        let mut talk = match self.talk.take() {
            Some(talk) => talk,
            None => self.start().map_err(unreadable)?,
        };
        let object = match talk.object(id).map_err(|e| unreadable(e.to_string()))? {
            Answer::Object(object) => object,
            Answer::Missing => {
                self.talk.replace(Some(talk));
                return Err(SourceError::Missing { id: *id });
            }
            // The rest of the answer is not read, so this git is let go: the next question starts another.
            Answer::TooLarge(found) => {
                return Err(SourceError::TooLarge { id: *id, found, limit: limits::GIT_OBJECT_BYTES });
            }
        };
        self.talk.replace(Some(talk));
        source::check(id, &object)?;
        Ok(object)
    }
}

/// A `git cat-file --batch` that answers questions.
#[derive(Debug)]
struct Talk {
    child: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

enum Answer {
    Object(Object),
    Missing,
    TooLarge(usize),
}

impl Talk {
    /// Asks for `ID`, reads `ID KIND LENGTH`, the bytes and a line break, or `ID missing`.
    fn object(&mut self, id: &Oid) -> std::io::Result<Answer> {
        let other = || std::io::Error::other("git gave an answer of another form, or none: the object may be damaged");
        self.ask.write_all(format!("{id}\n").as_bytes())?;
        self.ask.flush()?;
        let mut line = Vec::new();
        (&mut self.answer).take(256).read_until(b'\n', &mut line)?;
        let line = std::str::from_utf8(&line).ok().and_then(|l| l.strip_suffix('\n')).ok_or_else(other)?;
        let words: Vec<&str> = line.split(' ').collect();
        let (kind, length) = match words.as_slice() {
            [_, "missing"] => return Ok(Answer::Missing),
            [_, kind, length] => (ObjectKind::from_word(kind.as_bytes()), length.parse::<usize>().ok()),
            _ => (None, None),
        };
        let (kind, length) = kind.zip(length).ok_or_else(other)?;
        if length > limits::GIT_OBJECT_BYTES {
            return Ok(Answer::TooLarge(length));
        }
        let mut bytes = vec![0; length];
        self.answer.read_exact(&mut bytes).map_err(|_cut_short| other())?;
        let mut end = [0];
        self.answer.read_exact(&mut end).map_err(|_cut_short| other())?;
        if end != *b"\n" {
            return Err(other());
        }
        Ok(Answer::Object(Object::new(kind, bytes)))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
