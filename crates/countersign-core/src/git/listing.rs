//! The listing of a tree: every path with its mode and the SHA-256 of its content. A reviewer's signature covers its
//! digest, so that what was reviewed is named without any SHA-1.
//!
//! One line per path, in the byte order of the whole paths: the mode, a space, 64 hexadecimal characters, a space, the
//! path, a newline. The mode is `100644`, `100755`, `120000` or `160000`. The digest is that of the file's bytes, of the
//! link's target, or, for a submodule, the commit id in its place. A path is written as [`escape`] does it.

use super::oid::Oid;
use super::source::{ObjectSource, SourceError};
use super::tree::{Entry, Mode, Tree};
use crate::digest::{Sha256, to_hex};
use crate::limits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// SHA-256 over [`listing`].
pub fn listing_digest(source: &dyn ObjectSource, tree: &Oid) -> Result<Sha256, SourceError> {
    Listings::new(source).digest(tree)
}

/// The listing of a tree, as the module describes it.
pub fn listing(source: &dyn ObjectSource, tree: &Oid) -> Result<Vec<u8>, SourceError> {
    Listings::new(source).listing(tree)
}

/// Listings of several trees: what they have in common is read once.
#[derive(Clone)]
pub struct Listings<'s> {
    source: &'s dyn ObjectSource,
    folders: BTreeMap<Oid, Arc<Tree>>,
    contents: BTreeMap<Oid, Sha256>,
}

impl std::fmt::Debug for Listings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listings").field("contents", &self.contents.len()).finish_non_exhaustive()
    }
}

impl<'s> Listings<'s> {
    /// Nothing read yet.
    #[must_use]
    pub const fn new(source: &'s dyn ObjectSource) -> Self {
        Self { source, folders: BTreeMap::new(), contents: BTreeMap::new() }
    }

    /// SHA-256 over the listing of a tree.
    pub fn digest(&mut self, tree: &Oid) -> Result<Sha256, SourceError> {
        self.listing(tree).map(|bytes| Sha256::of(&bytes))
    }

    /// The listing of a tree.
    pub fn listing(&mut self, tree: &Oid) -> Result<Vec<u8>, SourceError> {
        let mut files = BTreeMap::new();
        let mut budget = Budget::new(limits::GIT_WALK_ENTRIES);
        let mut folders = vec![(Vec::new(), *tree, 0_usize)];
        while let Some((prefix, id, depth)) = folders.pop() {
            for entry in self.folder(&id)?.entries() {
                budget.take()?;
                let path = join(&prefix, &entry.name);
                if entry.mode != Mode::Directory {
                    files.insert(path, self.line_start(entry)?);
                } else if depth < limits::GIT_TREE_DEPTH {
                    folders.push((path, entry.id, depth.saturating_add(1)));
                } else {
                    return Err(SourceError::TooMany {
                        what: "folders inside each other",
                        limit: limits::GIT_TREE_DEPTH,
                    });
                }
            }
        }
        let lines = files.into_iter().map(|(path, start)| start + &escape(&path) + "\n");
        Ok(lines.collect::<String>().into_bytes())
    }

    fn folder(&mut self, id: &Oid) -> Result<Arc<Tree>, SourceError> {
        if let Some(known) = self.folders.get(id) {
            return Ok(Arc::clone(known));
        }
        let tree = Arc::new(self.source.tree(id)?);
        self.folders.insert(*id, Arc::clone(&tree));
        Ok(tree)
    }

    fn line_start(&mut self, entry: &Entry) -> Result<String, SourceError> {
        let content = match entry.mode {
            Mode::Submodule => entry.id.hex(),
            Mode::File | Mode::Executable | Mode::Symlink | Mode::Directory => self.content(&entry.id)?.hex(),
        };
        Ok(format!("{} {content} ", entry.mode.as_str()))
    }

    fn content(&mut self, id: &Oid) -> Result<Sha256, SourceError> {
        if let Some(known) = self.contents.get(id) {
            return Ok(*known);
        }
        let digest = Sha256::of(&self.source.blob(id)?);
        self.contents.insert(*id, digest);
        Ok(digest)
    }
}

/// A path as printable ASCII: a backslash is written as two, and every byte outside of `0x20` to `0x7e` as `\x` and two
/// hexadecimal characters.
#[must_use]
pub fn escape(path: &[u8]) -> String {
    let mut out = String::new();
    for byte in path {
        match byte {
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(*byte)),
            _ => {
                out.push_str("\\x");
                out.push_str(&to_hex(&[*byte]));
            }
        }
    }
    out
}

/// A path below a folder; the root folder's path is empty.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// How many tree entries a walk may still look at.
pub(super) struct Budget {
    left: usize,
    whole: usize,
}

impl Budget {
    pub(super) const fn new(whole: usize) -> Self {
        Self { left: whole, whole }
    }

    /// Takes one entry.
    pub(super) fn take(&mut self) -> Result<(), SourceError> {
        let spent = SourceError::TooMany { what: "tree entries", limit: self.whole };
        self.left = self.left.checked_sub(1).ok_or(spent)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Object, ObjectFormat, ObjectKind, ObjectSet};

    fn entry(mode: Mode, name: &[u8], id: Oid) -> Entry {
        Entry { mode, name: name.to_vec(), id }
    }

    fn folder(set: &mut ObjectSet, entries: Vec<Entry>) -> Oid {
        let tree = Tree::new(entries).unwrap().encode();
        set.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, tree)).unwrap()
    }

    #[test]
    fn a_listing_names_modes_contents_and_escaped_paths_in_byte_order() {
        let mut set = ObjectSet::new();
        let blob = Object::new(ObjectKind::Blob, b"abc".as_slice());
        let blob = set.insert(ObjectFormat::Sha1, blob).unwrap();
        let sub = Oid::from_bytes(ObjectFormat::Sha1, &[0xab; 20]).unwrap();
        let inner = folder(&mut set, vec![entry(Mode::Symlink, b"l\xc3\n\\", blob)]);
        let root = folder(
            &mut set,
            vec![
                entry(Mode::Directory, b"a", inner),
                entry(Mode::Executable, b"a.c", blob),
                entry(Mode::Submodule, b"s", sub),
            ],
        );
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = format!("100755 {abc} a.c\n120000 {abc} a/l\\xc3\\x0a\\\\\n160000 {} s\n", "ab".repeat(20));
        assert_eq!(String::from_utf8(listing(&set, &root).unwrap()).unwrap(), expected);
        assert_eq!(listing_digest(&set, &root).unwrap(), Sha256::of(expected.as_bytes()));
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused() {
        let mut set = ObjectSet::new();
        let mut id = folder(&mut set, vec![]);
        for _ in 0..=limits::GIT_TREE_DEPTH {
            id = folder(&mut set, vec![entry(Mode::Directory, b"d", id)]);
        }
        assert!(matches!(listing(&set, &id), Err(SourceError::TooMany { .. })));
    }

    #[test]
    fn a_newline_and_its_spelling_have_different_escaped_forms() {
        assert_ne!(escape(b"\\x0a"), escape(b"\n"));
        assert_eq!(escape(b"a b\\"), "a b\\\\");
    }
}
