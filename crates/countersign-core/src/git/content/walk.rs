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
