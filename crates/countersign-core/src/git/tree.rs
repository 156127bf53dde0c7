//! Tree objects: strict reading, canonical writing.
//!
//! A tree that git itself would not have written is an error with its place, not a guess at what was meant. Two old
//! spellings are read as what they mean, since real histories hold them and their meaning is not in doubt: `100664`
//! (git wrote it before 2005) is a file, and `040000` (some tools pad with zeros) is a folder. Neither is ever written.

use super::object::{ObjectError, bound};
use super::oid::{ObjectFormat, Oid};
use crate::limits;
use std::collections::BTreeSet;

/// What a tree entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// A file.
    File,
    /// A file that may be run.
    Executable,
    /// A symbolic link; the blob is its target.
    Symlink,
    /// A folder.
    Directory,
    /// A commit of another repository.
    Submodule,
}

impl Mode {
    /// The mode as git writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Directory => "40000",
            Self::Submodule => "160000",
        }
    }

    /// Whether it is a file, executable or not.
    #[must_use]
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Executable)
    }

    fn from_text(text: &[u8]) -> Option<Self> {
        match text {
            b"100644" | b"100664" => Some(Self::File),
            b"100755" => Some(Self::Executable),
            b"120000" => Some(Self::Symlink),
            b"40000" | b"040000" => Some(Self::Directory),
            b"160000" => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub mode: Mode,
    /// Its name: not empty, no slash, no NUL, not `.`, `..` or `.git`.
    pub name: Vec<u8>,
    /// The blob, tree or commit.
    pub id: Oid,
}

impl Entry {
    /// What git sorts by: a folder's name counts as if it ended in a slash.
    fn sort_key(&self) -> impl Iterator<Item = u8> + '_ {
        let slash = (self.mode == Mode::Directory).then_some(b'/');
        self.name.iter().copied().chain(slash)
    }
}

/// A tree: entries in git's order, no name twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    /// Reads the bytes of a tree object whose ids are of this hash.
    pub fn parse(format: ObjectFormat, bytes: &[u8]) -> Result<Self, ObjectError> {
        bound("bytes of an object", bytes.len(), limits::GIT_OBJECT_BYTES)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut names = BTreeSet::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len().saturating_sub(rest.len());
            bound("entries of a tree", entries.len().saturating_add(1), limits::GIT_TREE_ENTRIES)?;
            let (entry, name, after) = read_entry(format, at, rest)?;
            if !names.insert(name) {
                return Err(ObjectError::Duplicate { at, name: lossy(name) });
            }
            if entries.last().is_some_and(|last| last.sort_key().ge(entry.sort_key())) {
                return Err(ObjectError::Order { at, name: lossy(name) });
            }
            entries.push(entry);
            rest = after;
        }
        Ok(Self { entries })
    }

    /// A tree of these entries, in whatever order they come. Names are checked as in [`Tree::parse`]; `at` of an
    /// error is the entry's number.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, ObjectError> {
        bound("entries of a tree", entries.len(), limits::GIT_TREE_ENTRIES)?;
        let mut names = BTreeSet::new();
        for (at, entry) in entries.iter().enumerate() {
            check_name(at, &entry.name)?;
            if !names.insert(entry.name.as_slice()) {
                return Err(ObjectError::Duplicate { at, name: lossy(&entry.name) });
            }
        }
        entries.sort_by(|a, b| a.sort_key().cmp(b.sort_key()));
        Ok(Self { entries })
    }

    /// The entries, in git's order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The canonical bytes of the tree object.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.entries {
            out.extend_from_slice(entry.mode.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(&entry.name);
            out.push(0);
            out.extend_from_slice(entry.id.as_bytes());
        }
        out
    }
}

fn read_entry(format: ObjectFormat, at: usize, bytes: &[u8]) -> Result<(Entry, &[u8], &[u8]), ObjectError> {
    // The longest mode that we read has seven bytes with its space.
    let space = bytes.iter().take(7).position(|b| *b == b' ');
    let (mode, rest) = match space {
        Some(n) => bytes.split_at_checked(n).unwrap_or((bytes, &[])),
        None => (bytes.get(..7).unwrap_or(bytes), [].as_slice()),
    };
    let mode = Mode::from_text(mode).ok_or_else(|| ObjectError::Mode { at, mode: lossy(mode) })?;
    let rest = rest.get(1..).ok_or(ObjectError::EntryCut { at })?;
    let nul = rest.iter().position(|b| *b == 0).ok_or(ObjectError::EntryCut { at })?;
    let (name, rest) = rest.split_at_checked(nul).ok_or(ObjectError::EntryCut { at })?;
    check_name(at, name)?;
    let rest = rest.get(1..).unwrap_or_default();
    let (raw, after) = rest.split_at_checked(format.byte_len()).ok_or(ObjectError::EntryCut { at })?;
    let id = Oid::from_bytes(format, raw).ok_or(ObjectError::EntryCut { at })?;
    let entry = Entry { mode, name: name.to_vec(), id };
    Ok((entry, name, after))
}

fn check_name(at: usize, name: &[u8]) -> Result<(), ObjectError> {
    let bad = name.is_empty()
        || name == b"."
        || name == b".."
        || name.eq_ignore_ascii_case(b".git")
        || name.iter().any(|b| matches!(b, b'/' | 0));
    if bad {
        return Err(ObjectError::Name { at, name: lossy(name) });
    }
    Ok(())
}

/// For messages: at most 80 bytes, whatever they are.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::ObjectKind;
    use proptest::prelude::*;

    fn raw(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (mode, name) in entries {
            out.extend_from_slice(mode.as_bytes());
            out.push(b' ');
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(&[7; 20]);
        }
        out
    }

    fn parse(entries: &[(&str, &[u8])]) -> Result<Tree, ObjectError> {
        Tree::parse(ObjectFormat::Sha1, &raw(entries))
    }

    #[test]
    fn the_empty_tree_has_the_id_that_git_gives_it() {
        let bytes = Tree::default().encode();
        let id = Oid::hash(ObjectFormat::Sha1, ObjectKind::Tree, &bytes).unwrap();
        assert_eq!(id.hex(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn a_folder_sorts_as_if_its_name_ended_in_a_slash() {
        let tree = parse(&[("100644", b"a.c"), ("40000", b"a"), ("100644", b"a0")]).unwrap();
        assert_eq!(tree.entries().len(), 3);
        assert!(matches!(parse(&[("40000", b"a"), ("100644", b"a.c")]), Err(ObjectError::Order { at: 28, .. })));
    }

    #[test]
    fn a_name_given_twice_is_refused_even_when_a_file_and_a_folder_are_apart() {
        assert!(matches!(parse(&[("100644", b"a"), ("100644", b"a")]), Err(ObjectError::Duplicate { .. })));
        assert!(matches!(
            parse(&[("100644", b"a"), ("100644", b"a.c"), ("40000", b"a")]),
            Err(ObjectError::Duplicate { .. })
        ));
    }

    #[test]
    fn names_that_leave_the_tree_or_enter_the_repository_are_refused() {
        for name in [b"..".as_slice(), b".", b"", b".git", b".GiT", b"a/b"] {
            assert!(matches!(parse(&[("100644", name)]), Err(ObjectError::Name { at: 0, .. })), "{name:?}");
        }
        let id = Oid::from_bytes(ObjectFormat::Sha1, &[7; 20]).unwrap();
        let entry = |name: &[u8]| Entry { mode: Mode::File, name: name.to_vec(), id };
        assert!(Tree::new(vec![entry(b"ok"), entry(b"..")]).is_err());
        assert!(Tree::new(vec![entry(b"ok"), entry(b"ok")]).is_err());
    }

    #[test]
    fn old_spellings_of_a_mode_are_read_and_never_written() {
        let tree = parse(&[("100664", b"a"), ("040000", b"b")]).unwrap();
        assert_eq!(tree.encode(), raw(&[("100644", b"a"), ("40000", b"b")]));
        for mode in ["100600", "0100644", "644", "40755", ""] {
            assert!(parse(&[(mode, b"a")]).is_err(), "{mode}");
        }
    }

    #[test]
    fn an_entry_that_is_cut_short_is_refused() {
        let whole = raw(&[("100644", b"abc")]);
        for end in 1..whole.len() {
            assert!(Tree::parse(ObjectFormat::Sha1, &whole[..end]).is_err(), "{end}");
        }
        assert!(Tree::parse(ObjectFormat::Sha256, &whole).is_err());
    }

    fn any_mode() -> impl Strategy<Value = Mode> {
        prop_oneof![
            Just(Mode::File),
            Just(Mode::Executable),
            Just(Mode::Symlink),
            Just(Mode::Directory),
            Just(Mode::Submodule)
        ]
    }

    proptest! {
        #[test]
        fn a_written_tree_reads_back_the_same(
            names in prop::collection::btree_map("[ab.0/-]{1,4}", (any_mode(), any::<[u8; 32]>()), 0..12)
        ) {
            let entries = names.into_iter().filter(|(n, _)| check_name(0, n.as_bytes()).is_ok());
            let entries: Vec<Entry> = entries.map(|(name, (mode, id))| Entry {
                mode,
                name: name.into_bytes(),
                id: Oid::from_bytes(ObjectFormat::Sha256, &id).unwrap(),
            }).collect();
            let tree = Tree::new(entries).unwrap();
            prop_assert_eq!(Tree::parse(ObjectFormat::Sha256, &tree.encode()).unwrap(), tree);
        }

        #[test]
        fn a_tree_with_one_byte_changed_is_refused_or_is_written_as_it_was_read(
            at in 0_usize..84, byte in any::<u8>()
        ) {
            let mut bytes = raw(&[("100644", b"a"), ("40000", b"b"), ("120000", b"c")]);
            bytes[at] = byte;
            if let Ok(tree) = Tree::parse(ObjectFormat::Sha1, &bytes) {
                // The one old spelling that is a byte away from a modern one.
                prop_assert!(tree.encode() == bytes || bytes.starts_with(b"100664"));
            }
        }
    }
}
