//! What a change does, by its trees alone: files and lines, and what a diff of it hides.

use countersign_core::git::content::{Changed, Hidden, Lines, Look, changed};
use countersign_core::git::listing::escape;
use countersign_core::git::{ObjectSource, Oid, SourceError};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a change does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeSummary {
    /// Every file that differs, by path.
    pub files: Vec<FileChange>,
    /// Lines that it adds and takes away, over all files that have lines.
    pub lines: Lines,
    /// What a diff of it hides, in the order of paths and lines.
    pub hidden: Vec<Hidden>,
    /// Files whose content only the merge with the branch has: neither the change nor the branch shows it.
    pub merged_only: Vec<String>,
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
    /// Lines that its diff adds and takes away; absent where there is no such diff.
    pub lines: Option<Lines>,
}

impl ChangeSummary {
    /// Between two trees.
    pub fn between(source: &dyn ObjectSource, before: Option<&Oid>, after: &Oid) -> Result<Self, SourceError> {
        let mut look = Look::new(source);
        let mut out = Self::default();
        for file in changed(source, before, after)? {
            let lines = look.lines(&file)?;
            if let Some(lines) = lines {
                out.lines.added = out.lines.added.saturating_add(lines.added);
                out.lines.removed = out.lines.removed.saturating_add(lines.removed);
            }
            out.files.push(FileChange { path: escape(&file.path), how: how(&file), lines });
            out.hidden.extend(look.hidden(&file)?);
        }
        Ok(out)
    }

    /// With what only the merge of both sides has: its files that are in neither of them so.
    pub fn with_merge(
        mut self,
        source: &dyn ObjectSource,
        sides: [&Oid; 2],
        merged: &Oid,
    ) -> Result<Self, SourceError> {
        let [ours, theirs] = sides;
        let of = |side: &Oid| -> Result<BTreeSet<Vec<u8>>, SourceError> {
            let files = changed(source, Some(side), merged)?;
            Ok(files.into_iter().filter(|file| file.after.is_some()).map(|file| file.path).collect())
        };
        let (in_ours, in_theirs) = (of(ours)?, of(theirs)?);
        self.merged_only = in_ours.intersection(&in_theirs).map(|path| escape(path)).collect();
        Ok(self)
    }

    /// How many files have no diff of lines.
    #[must_use]
    pub fn without_lines(&self) -> usize {
        self.files.iter().filter(|file| file.lines.is_none()).count()
    }
}

const fn how(file: &Changed) -> &'static str {
    match (&file.before, &file.after) {
        (None, _) => "added",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "changed",
    }
}
