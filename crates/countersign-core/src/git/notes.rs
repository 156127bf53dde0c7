//! Notes: text beside commits, in a tree that git names by `refs/notes/…`. A note's path is the commit's id, with a slash
//! after some of its pairs of digits; git chooses where, and reads every way.

use super::object::{Object, ObjectError, ObjectKind};
use super::oid::{ObjectFormat, Oid};
use super::source::{ObjectSource, SourceError};
use super::tree::{Entry, Mode, Tree};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// From how many notes on they are spread over folders.
const SPREAD: usize = 256;

/// The notes of a tree: for each commit the blobs that hold its note. Two writers that chose different paths give two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    notes: BTreeMap<Oid, BTreeSet<Oid>>,
    /// What is no note: kept as it is.
    others: Vec<Entry>,
}

impl Notes {
    /// Reads a notes tree.
    pub fn read(source: &dyn ObjectSource, format: ObjectFormat, tree: &Oid) -> Result<Self, SourceError> {
        let mut out = Self::default();
        let mut folders = vec![(String::new(), *tree)];
        let mut count = 0_usize;
        while let Some((digits, id)) = folders.pop() {
            for entry in source.tree(&id)?.entries() {
                count = count.saturating_add(1);
                if count > limits::GIT_NOTES {
                    return Err(SourceError::TooMany { what: "notes", limit: limits::GIT_NOTES });
                }
                let name = std::str::from_utf8(&entry.name).unwrap_or_default();
                let hex = !name.is_empty() && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let path = format!("{digits}{name}");
                let commit = Oid::from_hex(&path).ok().filter(|id| hex && id.format() == format);
                match (entry.mode, commit) {
                    (Mode::File | Mode::Executable, Some(commit)) => {
                        out.notes.entry(commit).or_default().insert(entry.id);
                    }
                    (Mode::Directory, None)
                        if hex && name.len() == 2 && path.len() < format.byte_len().saturating_mul(2) =>
                    {
                        folders.push((path, entry.id));
                    }
                    _ if digits.is_empty() => out.others.push(entry.clone()),
                    // Git keeps no such thing in a folder of notes, and neither do we.
                    _ => {}
                }
            }
        }
        Ok(out)
    }

    /// Every commit that has a note, with the blobs that hold it.
    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &BTreeSet<Oid>)> {
        self.notes.iter()
    }

    /// The blobs that hold a commit's note.
    pub fn of(&self, commit: &Oid) -> impl Iterator<Item = &Oid> {
        self.notes.get(commit).into_iter().flatten()
    }

    /// Sets a commit's note to one blob.
    pub fn set(&mut self, commit: Oid, blob: Oid) {
        self.notes.insert(commit, BTreeSet::from([blob]));
    }

    /// Takes all notes of another tree in: a commit that has one in both then has two blobs.
    pub fn take_in(&mut self, other: &Self) {
        for (commit, blobs) in &other.notes {
            self.notes.entry(*commit).or_default().extend(blobs);
        }
    }

    /// Commits whose note is held by more than one blob.
    #[must_use]
    pub fn split(&self) -> BTreeMap<Oid, BTreeSet<Oid>> {
        let several = self.notes.iter().filter(|(_, blobs)| blobs.len() > 1);
        several.map(|(commit, blobs)| (*commit, blobs.clone())).collect()
    }

    /// The trees that hold the notes, the root last. Each note has to be one blob by now; of several, the first counts.
    pub fn trees(&self, format: ObjectFormat) -> Result<Vec<Object>, ObjectError> {
        let spread = self.notes.len() > SPREAD;
        let mut folders: BTreeMap<Vec<u8>, Vec<Entry>> = BTreeMap::new();
        let mut root = self.others.clone();
        for (commit, blobs) in &self.notes {
            let Some(blob) = blobs.first() else { continue };
            let hex = commit.hex().into_bytes();
            let entry = |name: &[u8]| Entry { mode: Mode::File, name: name.to_vec(), id: *blob };
            match hex.split_at_checked(2).filter(|_| spread) {
                Some((first, rest)) => folders.entry(first.to_vec()).or_default().push(entry(rest)),
                None => root.push(entry(&hex)),
            }
        }
        let mut out = Vec::new();
        for (name, entries) in folders {
            let folder = Object::new(ObjectKind::Tree, Tree::new(entries)?.encode());
            let id =
                folder.id(format).map_err(|_collision| ObjectError::Name { at: 0, name: "a folder".to_owned() })?;
            root.push(Entry { mode: Mode::Directory, name, id });
            out.push(folder);
        }
        out.push(Object::new(ObjectKind::Tree, Tree::new(root)?.encode()));
        Ok(out)
    }
}

/// The lines of several notes as one: each once, in the order of bytes, as git's `cat_sort_uniq` makes it.
#[must_use]
pub fn union<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let lines: BTreeSet<&[u8]> =
        texts.into_iter().flat_map(|text| text.split(|b| *b == b'\n')).filter(|line| !line.is_empty()).collect();
    lines.into_iter().flat_map(|line| [line, b"\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::ObjectSet;

    fn commit(n: u32) -> Oid {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
        Oid::from_bytes(ObjectFormat::Sha1, &bytes).unwrap()
    }

    fn written(notes: &Notes) -> Notes {
        let mut set = ObjectSet::new();
        let mut root = None;
        for object in notes.trees(ObjectFormat::Sha1).unwrap() {
            root = Some(set.insert(ObjectFormat::Sha1, object).unwrap());
        }
        Notes::read(&set, ObjectFormat::Sha1, &root.unwrap()).unwrap()
    }

    #[test]
    fn notes_read_back_whether_they_are_spread_or_not() {
        for count in [1_u32, 200, 300, 3_000] {
            let mut notes = Notes::default();
            for n in 0..count {
                notes.set(commit(n), commit(n + 1));
            }
            assert_eq!(written(&notes), notes, "{count}");
        }
    }

    #[test]
    fn a_note_under_two_paths_is_read_from_both_and_what_is_no_note_is_kept() {
        let mut set = ObjectSet::new();
        let hex = commit(7).hex().into_bytes();
        let file = |name: &[u8], id| Entry { mode: Mode::File, name: name.to_vec(), id };
        let mut write = |entries| {
            set.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, Tree::new(entries).unwrap().encode())).unwrap()
        };
        let deep = write(vec![file(&hex[4..], commit(1))]);
        let folder = write(vec![Entry { mode: Mode::Directory, name: hex[2..4].to_vec(), id: deep }]);
        let root = write(vec![
            Entry { mode: Mode::Directory, name: hex[..2].to_vec(), id: folder },
            file(&hex, commit(2)),
            file(b"README", commit(3)),
        ]);
        let notes = Notes::read(&set, ObjectFormat::Sha1, &root).unwrap();
        assert_eq!(notes.of(&commit(7)).copied().collect::<BTreeSet<_>>(), BTreeSet::from([commit(1), commit(2)]));
        assert_eq!(written(&notes).others, notes.others);
        assert_eq!(notes.others.len(), 1);
    }

    #[test]
    fn lines_are_put_together_in_any_order_and_each_once() {
        assert_eq!(union([b"b\na\n".as_slice(), b"a\nc"]), b"a\nb\nc\n");
        assert_eq!(union([b"a\nc".as_slice(), b"", b"b\na\n\n"]), b"a\nb\nc\n");
        assert_eq!(union([]), b"");
    }
}
