//! Where other tools keep their records in a repository, and how they are found there: gittuf's attestations are files of a
//! tree, its log of references is a chain of commits, and the source tool's documents are lines of notes. All of it is read
//! from objects that somebody hands in, within bounds, and only what is about the change in question.

use super::{LogEntry, log_entry};
use crate::git::listing::escape;
use crate::git::notes::Notes;
use crate::git::{Commit, Entry, Mode, ObjectFormat, ObjectSource, Oid, SourceError};
use crate::ids::RefName;
use crate::limits;
use std::collections::BTreeSet;
use std::sync::Arc;

/// gittuf's attestations.
pub const ATTESTATIONS: &str = "refs/gittuf/attestations";
/// gittuf's log of references.
pub const LOG: &str = "refs/gittuf/reference-state-log";
/// The source tool's notes.
pub const NOTES: &str = "refs/notes/commits";
/// All of them.
pub const REFS: [&str; 3] = [ATTESTATIONS, LOG, NOTES];

/// A file of gittuf's attestations, by its path. What the path says is not signed: the document has to say it as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The path, as printable ASCII.
    pub path: String,
    /// From which commit the ref is to move, by the path.
    pub from: Oid,
    /// To which tree, by the path.
    pub to: Oid,
    /// The bytes, or why they are not read.
    pub bytes: Result<Arc<[u8]>, String>,
}

/// The attestations about moves of one ref that are `wanted`, by the commit before and the tree after.
pub fn attestations(
    source: &dyn ObjectSource,
    tip: &Oid,
    target: &RefName,
    wanted: &dyn Fn(&Oid, &Oid) -> bool,
) -> Result<Vec<Kept>, SourceError> {
    let root = source.commit(tip)?.tree;
    let mut out = Reader { source, left: limits::FOREIGN_TOTAL_BYTES, found: Vec::new() };
    if let Some((folder, path)) = descend(source, &root, "reference-authorizations", target)? {
        for entry in source.tree(&folder)?.entries() {
            if let Some((from, to)) = moved(entry).filter(|(from, to)| wanted(from, to)) {
                out.take(&path, entry, from, to)?;
            }
        }
    }
    if let Some((folder, path)) = descend(source, &root, "code-review-approvals", target)? {
        for entry in source.tree(&folder)?.entries() {
            let Some((from, to)) = moved(entry).filter(|(from, to)| wanted(from, to)) else { continue };
            let path = format!("{path}/{}", escape(&entry.name));
            if entry.mode != Mode::Directory {
                out.take(&path, entry, from, to)?;
                continue;
            }
            let system = source.tree(&entry.id)?.get(b"github").cloned();
            let Some(system) = system else { continue };
            if system.mode != Mode::Directory {
                out.take(&path, &system, from, to)?;
                continue;
            }
            for entry in source.tree(&system.id)?.entries() {
                out.take(&format!("{path}/github"), entry, from, to)?;
            }
        }
    }
    Ok(out.found)
}

struct Reader<'a> {
    source: &'a dyn ObjectSource,
    left: usize,
    found: Vec<Kept>,
}

impl Reader<'_> {
    fn take(&mut self, folder: &str, entry: &Entry, from: Oid, to: Oid) -> Result<(), SourceError> {
        if self.found.len() >= limits::FOREIGN_ITEMS {
            return Err(SourceError::TooMany { what: "attestations", limit: limits::FOREIGN_ITEMS });
        }
        let bytes = if entry.mode.is_file() {
            let blob = self.source.blob(&entry.id)?;
            let all = limits::FOREIGN_TOTAL_BYTES;
            let left = self.left.checked_sub(blob.len());
            self.left = left.ok_or(SourceError::TooMany { what: "bytes of attestations", limit: all })?;
            Ok(blob)
        } else {
            Err(format!("it is no file, its mode is {}", entry.mode.as_str()))
        };
        self.found.push(Kept { path: format!("{folder}/{}", escape(&entry.name)), from, to, bytes });
        Ok(())
    }
}

/// The folder of a ref below a first one, and its path.
fn descend(
    source: &dyn ObjectSource,
    root: &Oid,
    first: &str,
    target: &RefName,
) -> Result<Option<(Oid, String)>, SourceError> {
    let mut at = *root;
    for part in std::iter::once(first).chain(target.as_str().split('/')) {
        match source.tree(&at)?.get(part.as_bytes()) {
            Some(entry) if entry.mode == Mode::Directory => at = entry.id,
            _ => return Ok(None),
        }
    }
    Ok(Some((at, format!("{first}/{target}"))))
}

/// What a name of the form `FROM-TO` says.
fn moved(entry: &Entry) -> Option<(Oid, Oid)> {
    let (from, to) = std::str::from_utf8(&entry.name).ok()?.split_once('-')?;
    Some((Oid::from_hex(from).ok()?, Oid::from_hex(to).ok()?))
}

/// An entry of gittuf's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The commit that carries it.
    pub id: Oid,
    /// The commit itself, whose signature is that of the entry.
    pub commit: Commit,
    /// What it says; `None` for an entry of another kind.
    pub entry: Result<Option<LogEntry>, String>,
}

/// gittuf's log of references, the newest first: at most as many entries as are read.
pub fn log(source: &dyn ObjectSource, tip: &Oid) -> Result<Vec<Line>, SourceError> {
    let mut out = Vec::new();
    let mut left = limits::FOREIGN_TOTAL_BYTES;
    let mut next = Some(*tip);
    while let Some(id) = next.filter(|_| out.len() < limits::FOREIGN_ITEMS) {
        let commit = source.commit(&id)?;
        left = left
            .checked_sub(commit.message.len())
            .ok_or(SourceError::TooMany { what: "bytes of log entries", limit: limits::FOREIGN_TOTAL_BYTES })?;
        // A chain has one way back. Where there are two, nobody can tell which entries came before.
        next = match commit.parents.as_slice() {
            [parent] => Some(*parent),
            _ => None,
        };
        let entry = match std::str::from_utf8(&commit.message) {
            Ok(text) => log_entry(text).map_err(|error| error.to_string()),
            Err(_) => Err("it is not text".to_owned()),
        };
        out.push(Line { id, commit, entry });
    }
    Ok(out)
}

/// The lines of the notes of these commits.
pub fn notes(
    source: &dyn ObjectSource,
    format: ObjectFormat,
    tip: &Oid,
    commits: &BTreeSet<Oid>,
) -> Result<Vec<(Oid, Vec<u8>)>, SourceError> {
    let tree = source.commit(tip)?.tree;
    let notes = Notes::read(source, format, &tree)?;
    let mut left = limits::FOREIGN_TOTAL_BYTES;
    let mut out = Vec::new();
    for commit in commits {
        for blob in notes.of(commit) {
            let text = source.blob(blob)?;
            let limit = limits::FOREIGN_TOTAL_BYTES;
            left = left.checked_sub(text.len()).ok_or(SourceError::TooMany { what: "bytes of notes", limit })?;
            for line in text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
                if out.len() >= limits::FOREIGN_ITEMS {
                    return Err(SourceError::TooMany { what: "lines of notes", limit: limits::FOREIGN_ITEMS });
                }
                out.push((*commit, line.to_vec()));
            }
        }
    }
    Ok(out)
}
