//! Which paths differ between two trees. Folders with the same id are not looked into, so this reads no more than what
//! changed. No renames are guessed: a file that moved was deleted in one place and added in another.

use super::oid::Oid;
use super::source::{ObjectSource, SourceError};
use super::tree::{Entry, Mode};
use crate::limits;
use std::collections::BTreeMap;

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The path.
    pub path: Vec<u8>,
    /// What was there: never a folder.
    pub before: Option<Entry>,
    /// What is there: never a folder.
    pub after: Option<Entry>,
}

/// Every path that differs between two trees, sorted; `None` is the empty tree.
pub fn changed(
    source: &dyn ObjectSource,
    before: Option<&Oid>,
    after: Option<&Oid>,
) -> Result<Vec<Changed>, SourceError> {
    let mut found = Vec::new();
    let mut walked = 0_usize;
    let mut open = vec![(Vec::new(), before.copied(), after.copied(), 0_usize)];
    while let Some((prefix, before, after, depth)) = open.pop() {
        if before == after {
            continue;
        }
        if depth > limits::GIT_TREE_DEPTH {
            return Err(SourceError::TooMany { what: "folders inside each other", limit: limits::GIT_TREE_DEPTH });
        }
        let (mut old, new) = (entries(source, before)?, entries(source, after)?);
        walked = walked.saturating_add(old.len()).saturating_add(new.len());
        if walked > limits::GIT_WALK_ENTRIES {
            return Err(SourceError::TooMany { what: "tree entries", limit: limits::GIT_WALK_ENTRIES });
        }
        let pairs: Vec<(Option<Entry>, Option<Entry>)> =
            new.into_iter().map(|(name, entry)| (old.remove(&name), Some(entry))).collect();
        for (old, new) in pairs.into_iter().chain(old.into_values().map(|entry| (Some(entry), None))) {
            if old == new {
                continue;
            }
            let Some(name) = new.as_ref().or(old.as_ref()).map(|entry| entry.name.clone()) else { continue };
            let path = [prefix.as_slice(), &name].concat();
            let folder = |entry: &Option<Entry>| entry.as_ref().filter(|e| e.mode == Mode::Directory).map(|e| e.id);
            let (old_folder, new_folder) = (folder(&old), folder(&new));
            if old_folder.is_some() || new_folder.is_some() {
                open.push(([path.as_slice(), b"/"].concat(), old_folder, new_folder, depth.saturating_add(1)));
            }
            let file = |entry: Option<Entry>| entry.filter(|e| e.mode != Mode::Directory);
            let (before, after) = (file(old), file(new));
            if before.is_some() || after.is_some() {
                found.push(Changed { path, before, after });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

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
        let found = changed(&objects, Some(&before), Some(&after)).unwrap();
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
    fn the_empty_tree_is_everything_the_other_way_round() {
        let mut objects = ObjectSet::new();
        let id = tree(&mut objects, &[("a", Mode::File, "1"), ("d/b", Mode::File, "2")]);
        assert_eq!(changed(&objects, None, Some(&id)).unwrap().len(), 2);
        assert_eq!(changed(&objects, Some(&id), None).unwrap().len(), 2);
        assert!(changed(&objects, None, None).unwrap().is_empty());
    }
}
