//! What a change does, by its trees alone: how many files, and what a diff does not show.

use countersign_core::git::listing::escape;
use countersign_core::git::tree::{Entry, Mode};
use countersign_core::git::{ObjectSource, Oid, SourceError};
use countersign_core::limits;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a change does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeSummary {
    /// Every file that differs, by path.
    pub files: Vec<FileChange>,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileChange {
    /// Its path, as printable ASCII.
    pub path: String,
    /// `added`, `deleted` or `changed`.
    pub how: &'static str,
    /// What a diff does not show of it.
    pub hidden: Vec<&'static str>,
}

impl ChangeSummary {
    /// Between two trees.
    pub fn between(source: &dyn ObjectSource, before: Option<&Oid>, after: &Oid) -> Result<Self, SourceError> {
        let mut files = Vec::new();
        let mut folders = vec![(Vec::new(), before.copied(), Some(*after), 0_usize)];
        while let Some((prefix, old, new, depth)) = folders.pop() {
            if depth > limits::GIT_TREE_DEPTH {
                return Err(SourceError::TooMany { what: "folders inside each other", limit: limits::GIT_TREE_DEPTH });
            }
            let (old, new) = (entries(source, old)?, entries(source, new)?);
            let names: BTreeSet<&Vec<u8>> = old.keys().chain(new.keys()).collect();
            for name in names {
                let (a, b) = (old.get(name), new.get(name));
                if a == b {
                    continue;
                }
                let path = [prefix.as_slice(), name.as_slice()].concat();
                let tree = |entry: Option<&Entry>| entry.filter(|e| e.mode == Mode::Directory).map(|e| e.id);
                if tree(a).is_some() || tree(b).is_some() {
                    let below = [path.as_slice(), b"/"].concat();
                    folders.push((below, tree(a), tree(b), depth.saturating_add(1)));
                }
                let (old_file, new_file) = (a.filter(|e| is_file(e)), b.filter(|e| is_file(e)));
                if let Some(change) = changed(source, &path, old_file, new_file)? {
                    files.push(change);
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }
}

fn is_file(entry: &Entry) -> bool {
    entry.mode != Mode::Directory
}

fn entries(source: &dyn ObjectSource, tree: Option<Oid>) -> Result<BTreeMap<Vec<u8>, Entry>, SourceError> {
    let Some(id) = tree else { return Ok(BTreeMap::new()) };
    Ok(source.tree(&id)?.entries().iter().map(|entry| (entry.name.clone(), entry.clone())).collect())
}

fn changed(
    source: &dyn ObjectSource,
    path: &[u8],
    before: Option<&Entry>,
    after: Option<&Entry>,
) -> Result<Option<FileChange>, SourceError> {
    let how = match (before, after) {
        (None, None) => return Ok(None),
        (None, Some(_)) => "added",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "changed",
    };
    let mut hidden = Vec::new();
    if let Some(entry) = after {
        match entry.mode {
            Mode::Symlink => hidden.push("a symbolic link"),
            Mode::Submodule => hidden.push("a submodule: its commits are not in this diff"),
            Mode::Executable if before.is_none_or(|b| b.mode != Mode::Executable) => {
                hidden.push("becomes executable");
            }
            Mode::File | Mode::Executable | Mode::Directory => {}
        }
        if matches!(entry.mode, Mode::File | Mode::Executable) {
            hidden.extend(content(&source.blob(&entry.id)?));
        }
    }
    Ok(Some(FileChange { path: escape(path), how, hidden }))
}

fn content(bytes: &[u8]) -> Vec<&'static str> {
    let mut hidden = Vec::new();
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        hidden.push("a Git LFS pointer: its content is elsewhere");
    }
    match std::str::from_utf8(bytes) {
        _ if bytes.iter().take(8000).any(|b| *b == 0) => hidden.push("binary"),
        Ok(text) if text.contains(turns) => hidden.push("characters that change the direction of text"),
        Ok(_) | Err(_) => {}
    }
    hidden
}

const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}
