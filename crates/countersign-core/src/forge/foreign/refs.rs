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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Object, ObjectKind, ObjectSet, Tree};

    const FORMAT: ObjectFormat = ObjectFormat::Sha1;

    fn put(set: &mut ObjectSet, kind: ObjectKind, bytes: Vec<u8>) -> Oid {
        set.insert(FORMAT, Object::new(kind, bytes)).unwrap()
    }

    fn folder(set: &mut ObjectSet, entries: Vec<(Mode, String, Oid)>) -> Oid {
        let entry = |(mode, name, id): (Mode, String, Oid)| Entry { mode, name: name.into_bytes(), id };
        let tree = Tree::new(entries.into_iter().map(entry).collect()).unwrap();
        put(set, ObjectKind::Tree, tree.encode())
    }

    fn commit(set: &mut ObjectSet, tree: &Oid, parents: &[Oid], message: &str) -> Oid {
        let who = b"x <x@example.com> 0 +0000";
        put(set, ObjectKind::Commit, Commit::encode(tree, parents, who, who, message.as_bytes()))
    }

    /// Attestations with these entries where authorizations of main lie.
    fn kept(set: &mut ObjectSet, entries: Vec<(Mode, String, Oid)>) -> Oid {
        let mut at = folder(set, entries);
        for part in ["main", "heads", "refs", "reference-authorizations"] {
            at = folder(set, vec![(Mode::Directory, part.to_owned(), at)]);
        }
        commit(set, &at, &[], "Update attestations")
    }

    fn id(n: usize) -> String {
        format!("{n:040x}")
    }

    #[test]
    fn only_what_is_asked_for_is_read_and_only_files_have_bytes() {
        let mut set = ObjectSet::new();
        let blob = put(&mut set, ObjectKind::Blob, b"{}".to_vec());
        let missing = Oid::from_hex(&id(7)).unwrap();
        let entries = vec![
            (Mode::File, format!("{}-{}", id(1), id(2)), blob),
            (Mode::Symlink, format!("{}-{}", id(1), id(3)), blob),
            (Mode::Submodule, format!("{}-{}", id(1), id(4)), missing),
            (Mode::File, format!("{}-{}", id(5), id(6)), missing),
            (Mode::File, "no-move".to_owned(), missing),
        ];
        let tip = kept(&mut set, entries);
        let main = RefName::new("refs/heads/main").unwrap();
        let first = Oid::from_hex(&id(1)).unwrap();
        let found = attestations(&set, &tip, &main, &|from, _| *from == first).unwrap();
        let read: Vec<bool> = found.iter().map(|kept| kept.bytes.is_ok()).collect();
        assert_eq!(read, [true, false, false]);
        assert!(found[0].path.starts_with("reference-authorizations/refs/heads/main/0000"));
        // What is not asked for may be missing; what is, may not.
        assert!(matches!(attestations(&set, &tip, &main, &|_, _| true), Err(SourceError::Missing { .. })));
        let other = RefName::new("refs/heads/main/deeper").unwrap();
        assert_eq!(attestations(&set, &tip, &other, &|_, _| true).unwrap(), []);
    }

    #[test]
    fn a_tree_with_more_than_is_read_is_refused_as_a_whole() {
        let mut set = ObjectSet::new();
        let blob = put(&mut set, ObjectKind::Blob, b"{}".to_vec());
        let many = |count: usize| (0..count).map(|n| (Mode::File, format!("{}-{}", id(1), id(n)), blob)).collect();
        let main = RefName::new("refs/heads/main").unwrap();
        let tip = kept(&mut set, many(limits::FOREIGN_ITEMS));
        assert_eq!(attestations(&set, &tip, &main, &|_, _| true).unwrap().len(), limits::FOREIGN_ITEMS);
        let tip = kept(&mut set, many(limits::FOREIGN_ITEMS + 1));
        assert!(matches!(attestations(&set, &tip, &main, &|_, _| true), Err(SourceError::TooMany { .. })));
        let large = put(&mut set, ObjectKind::Blob, vec![b' '; limits::FOREIGN_TOTAL_BYTES / 4 + 1]);
        let four = (0..4).map(|n| (Mode::File, format!("{}-{}", id(1), id(n)), large)).collect();
        let tip = kept(&mut set, four);
        assert!(matches!(attestations(&set, &tip, &main, &|_, _| true), Err(SourceError::TooMany { .. })));
    }

    #[test]
    fn a_log_is_read_back_to_its_beginning_or_to_where_nobody_can_tell_what_came_before() {
        let mut set = ObjectSet::new();
        let tree = folder(&mut set, Vec::new());
        let entry = |n: usize| format!("RSL Reference Entry\n\nref: refs/heads/main\ntargetID: {}\nnumber: {n}", id(n));
        let mut tip = commit(&mut set, &tree, &[], &entry(1));
        let other = commit(&mut set, &tree, &[], "RSL Reference Entry\n\nref: ..");
        tip = commit(&mut set, &tree, &[tip], &entry(2));
        assert_eq!(log(&set, &tip).unwrap().len(), 2);
        let forked = commit(&mut set, &tree, &[tip, other], &entry(3));
        let lines = log(&set, &forked).unwrap();
        assert_eq!(lines.len(), 1, "two ways back are none");
        assert!(log(&set, &other).unwrap()[0].entry.is_err());
        for n in 3..limits::FOREIGN_ITEMS + 5 {
            tip = commit(&mut set, &tree, &[tip], &entry(n));
        }
        assert_eq!(log(&set, &tip).unwrap().len(), limits::FOREIGN_ITEMS);
    }

    #[test]
    fn the_lines_of_notes_are_read_for_the_commits_that_are_asked_for() {
        let mut set = ObjectSet::new();
        let blob = put(&mut set, ObjectKind::Blob, b"one\n\n two \n".to_vec());
        let root = folder(&mut set, vec![(Mode::File, id(1), blob), (Mode::File, id(2), blob)]);
        let tip = commit(&mut set, &root, &[], "Notes");
        let asked = BTreeSet::from([Oid::from_hex(&id(1)).unwrap()]);
        let lines = notes(&set, FORMAT, &tip, &asked).unwrap();
        let texts: Vec<&[u8]> = lines.iter().map(|(_, line)| line.as_slice()).collect();
        assert_eq!(texts, [b"one".as_slice(), b"two"]);
    }
}
