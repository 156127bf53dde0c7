//! The files that differ between two trees.

use crate::git::listing::{Budget, join};
use crate::git::oid::Oid;
use crate::git::source::{ObjectSource, SourceError};
use crate::git::tree::{Entry, Mode};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its whole path.
    pub path: Vec<u8>,
    /// What it was; a folder is none.
    pub before: Option<Entry>,
    /// What it is; a folder is none.
    pub after: Option<Entry>,
    /// The `.gitattributes` of both trees in its folder and those above, each with where its folder's paths begin.
    pub(super) attributes: Vec<(usize, Entry)>,
}

struct Folder {
    path: Vec<u8>,
    depth: usize,
    before: Option<Oid>,
    after: Option<Oid>,
    attributes: Vec<(usize, Entry)>,
}

/// Every file that differs, by path. A missing tree has no files.
pub fn changed(source: &dyn ObjectSource, before: Option<&Oid>, after: &Oid) -> Result<Vec<Changed>, SourceError> {
    let mut files = Vec::new();
    let mut budget = Budget::new(limits::GIT_WALK_ENTRIES);
    let root =
        Folder { path: Vec::new(), depth: 0, before: before.copied(), after: Some(*after), attributes: Vec::new() };
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        if folder.before == folder.after {
            continue;
        }
        if folder.depth > limits::GIT_TREE_DEPTH {
            return Err(SourceError::TooMany { what: "folders inside each other", limit: limits::GIT_TREE_DEPTH });
        }
        let (old, new) = (entries(source, folder.before)?, entries(source, folder.after)?);
        let mut attributes = folder.attributes;
        let below = if folder.path.is_empty() { 0 } else { folder.path.len().saturating_add(1) };
        for entry in [old.get(ATTRIBUTES), new.get(ATTRIBUTES)].into_iter().flatten() {
            if entry.mode != Mode::Directory && attributes.last() != Some(&(below, entry.clone())) {
                attributes.push((below, entry.clone()));
            }
        }
        let names: BTreeSet<&Vec<u8>> = old.keys().chain(new.keys()).collect();
        for name in names {
            budget.take()?;
            let (a, b) = (old.get(name), new.get(name));
            if a == b {
                continue;
            }
            let path = join(&folder.path, name);
            let tree = |entry: Option<&Entry>| entry.filter(|e| e.mode == Mode::Directory).map(|e| e.id);
            let file = |entry: Option<&Entry>| entry.filter(|e| e.mode != Mode::Directory).cloned();
            let (before, after) = (file(a), file(b));
            if before.is_some() || after.is_some() {
                files.push(Changed { path: path.clone(), before, after, attributes: attributes.clone() });
            }
            if tree(a).is_some() || tree(b).is_some() {
                folders.push(Folder {
                    path,
                    depth: folder.depth.saturating_add(1),
                    before: tree(a),
                    after: tree(b),
                    attributes: attributes.clone(),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

const ATTRIBUTES: &[u8] = b".gitattributes";

fn entries(source: &dyn ObjectSource, tree: Option<Oid>) -> Result<BTreeMap<Vec<u8>, Entry>, SourceError> {
    let Some(id) = tree else { return Ok(BTreeMap::new()) };
    Ok(source.tree(&id)?.entries().iter().map(|entry| (entry.name.clone(), entry.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::object::{Object, ObjectKind};
    use crate::git::oid::ObjectFormat;
    use crate::git::source::ObjectSet;
    use crate::git::tree::Tree;

    /// A tree of `path mode text` lines; a path has at most one folder.
    fn tree(objects: &mut ObjectSet, lines: &[(&str, Mode, &str)]) -> Oid {
        let mut root = Vec::new();
        let mut folders: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for (path, mode, text) in lines {
            let id = objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Blob, text.as_bytes())).unwrap();
            let entry = |name: &str| Entry { mode: *mode, name: name.as_bytes().to_vec(), id };
            match path.split_once('/') {
                Some((folder, name)) => folders.entry(folder).or_default().push(entry(name)),
                None => root.push(entry(path)),
            }
        }
        for (name, entries) in folders {
            let bytes = Tree::new(entries).unwrap().encode();
            let id = objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, bytes)).unwrap();
            root.push(Entry { mode: Mode::Directory, name: name.as_bytes().to_vec(), id });
        }
        let bytes = Tree::new(root).unwrap().encode();
        objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, bytes)).unwrap()
    }

    fn check(before: &[(&str, Mode, &str)], after: &[(&str, Mode, &str)], expected: &[&str]) {
        let mut objects = ObjectSet::new();
        let (before, after) = (tree(&mut objects, before), tree(&mut objects, after));
        let found = changed(&objects, Some(&before), &after).unwrap();
        let sign = |c: &Changed| match (&c.before, &c.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        let words: Vec<String> =
            found.iter().map(|c| format!("{}{}", sign(c), String::from_utf8_lossy(&c.path))).collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn what_was_added_deleted_changed_or_turned_into_something_else_is_named() {
        use Mode::{Executable, File, Symlink};
        check(&[("a", File, "1")], &[("a", File, "1")], &[]);
        check(&[("a", File, "1"), ("b", File, "2")], &[("a", File, "3"), ("c", File, "2")], &["~a", "-b", "+c"]);
        check(&[("a", File, "1")], &[("a", Executable, "1")], &["~a"]);
        check(&[("d/x", File, "1"), ("d/y", File, "2")], &[("d/x", File, "1"), ("d/y", Symlink, "2")], &["~d/y"]);
        check(&[("d/x", File, "1")], &[("d", File, "1")], &["+d", "-d/x"]);
        check(&[], &[("d/x", File, "1")], &["+d/x"]);
    }

    #[test]
    fn against_the_empty_tree_everything_was_added() {
        let mut objects = ObjectSet::new();
        let id = tree(&mut objects, &[("a", Mode::File, "1"), ("d/b", Mode::File, "2")]);
        assert_eq!(changed(&objects, None, &id).unwrap().len(), 2);
    }
}
