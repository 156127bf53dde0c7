//! What a diff of two trees shows, and what it hides: links, submodules, files whose content is not shown or is
//! elsewhere, characters that cannot be seen, files that become executable, attributes that fold a diff away.
//!
//! Whoever reviews and whoever proves a review afterwards ask the same function, so a reviewer is told what the gate will
//! say. It errs on the side of telling too much. What could not be looked into is said to be so.

mod text;
mod walk;

pub use walk::{Changed, changed};

use super::attributes::{Asked, Attributes};
use super::listing::escape;
use super::oid::Oid;
use super::source::{ObjectSource, SourceError};
use super::tree::{Entry, Mode};
use crate::limits;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $word:literal;)*) => {
        /// A kind of thing that a diff hides.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "kebab-case")]
        pub enum HiddenKind { $($(#[$doc])* $name,)* }

        impl HiddenKind {
            /// Every kind, with its word.
            pub const ALL: &[(&str, Self)] = &[$(($word, Self::$name),)*];

            /// Its word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// Characters that change the direction of text: what is shown is not what is run.
    Bidi "bidi";
    /// Other characters that cannot be seen, or whose bytes are not UTF-8.
    Invisible "invisible";
    /// A symbolic link.
    Symlink "symlink";
    /// A submodule: the commits of another repository.
    Submodule "submodule";
    /// A file that is not text.
    Binary "binary";
    /// A Git LFS pointer: the content is elsewhere.
    Lfs "lfs";
    /// A file whose diff the tree's own attributes keep from being shown.
    NoDiff "no-diff";
    /// A file that the tree's own attributes call generated, which forges fold away.
    Generated "generated";
    /// A file that becomes executable.
    Executable "executable";
    /// A file that was not looked into, because it is too much.
    Unread "unread";
}

impl HiddenKind {
    /// Whether it is found in the bytes of a file, so that a file which was not read may hold it.
    #[must_use]
    pub const fn is_in_bytes(self) -> bool {
        matches!(self, Self::Bidi | Self::Invisible | Self::Binary | Self::Lfs | Self::Unread)
    }
}

impl fmt::Display for HiddenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a diff hides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hidden {
    /// The file, as printable ASCII.
    pub path: String,
    /// What kind of thing it is.
    pub kind: HiddenKind,
    /// The line that it is on, from 1; absent where it is about the file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What it is, in a few words of printable ASCII.
    pub what: String,
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}  {}: {}", self.path, self.kind, self.what),
            None => write!(f, "{}  {}: {}", self.path, self.kind, self.what),
        }
    }
}

/// How many lines a diff adds and takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lines {
    /// Lines that it adds.
    pub added: u64,
    /// Lines that it takes away.
    pub removed: u64,
}

/// Looks into changed files, and no further than the bounds.
pub struct Look<'a> {
    source: &'a dyn ObjectSource,
    left: usize,
    attributes: BTreeMap<Oid, [Attributes; 2]>,
}

impl fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<'a> Look<'a> {
    /// At files of this source.
    #[must_use]
    pub const fn new(source: &'a dyn ObjectSource) -> Self {
        Self::within(source, limits::HIDDEN_TOTAL_BYTES)
    }

    /// At files of this source, and at no more than so many bytes of them.
    #[must_use]
    pub const fn within(source: &'a dyn ObjectSource, bytes: usize) -> Self {
        Self { source, left: bytes, attributes: BTreeMap::new() }
    }

    /// What the diff of a file hides: in the order of lines.
    pub fn hidden(&mut self, file: &Changed) -> Result<Vec<Hidden>, SourceError> {
        let Some(after) = &file.after else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        let mut say = |kind, line, what| out.push(Hidden { path: escape(&file.path), kind, line, what });
        for (kind, what) in text::in_name(&file.path) {
            say(kind, None, format!("{what} in its name"));
        }
        match after.mode {
            Mode::Symlink => say(HiddenKind::Symlink, None, self.link(after)?),
            Mode::Submodule => say(HiddenKind::Submodule, None, submodule(file.before.as_ref(), after)),
            Mode::File | Mode::Executable => {
                let [no_diff, generated] = self.attributes(file)?;
                if no_diff {
                    let what = "the tree's attributes may keep its diff from being shown".to_owned();
                    say(HiddenKind::NoDiff, None, what);
                }
                if generated {
                    let what = "the tree's attributes may call it generated, which forges fold away".to_owned();
                    say(HiddenKind::Generated, None, what);
                }
                if after.mode == Mode::Executable && file.before.as_ref().is_none_or(|b| b.mode != Mode::Executable) {
                    say(HiddenKind::Executable, None, "becomes executable".to_owned());
                }
                for (kind, line, what) in self.content(file, after)? {
                    say(kind, line, what);
                }
            }
            Mode::Directory => {}
        }
        Ok(out)
    }

    /// How many lines the diff of a file adds and takes away; `None` if no diff of lines is made of it.
    pub fn lines(&mut self, file: &Changed) -> Result<Option<Lines>, SourceError> {
        let mut texts: [Arc<[u8]>; 2] = [Arc::from([].as_slice()), Arc::from([].as_slice())];
        for (slot, entry) in texts.iter_mut().zip([&file.before, &file.after]) {
            let Some(entry) = entry else { continue };
            if !entry.mode.is_file() {
                return Ok(None);
            }
            match self.read(&entry.id)? {
                Some(bytes) if !text::is_binary(&bytes) => *slot = bytes,
                Some(_) | None => return Ok(None),
            }
        }
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Ok(super::merge::compared(&texts[0], &texts[1]).map(|(added, removed)| Lines {
            added: number(added.iter().fold(0, |sum: usize, range| sum.saturating_add(range.len()))),
            removed: number(removed),
        }))
    }

    fn link(&mut self, entry: &Entry) -> Result<String, SourceError> {
        Ok(match self.read(&entry.id)? {
            Some(target) => format!("a symbolic link to {}", escape(target.get(..200).unwrap_or(&target))),
            None => "a symbolic link whose target was not read".to_owned(),
        })
    }

    /// What is hidden in the bytes of a file, with the line.
    fn content(
        &mut self,
        file: &Changed,
        after: &Entry,
    ) -> Result<Vec<(HiddenKind, Option<u64>, String)>, SourceError> {
        let same = file.before.as_ref().is_some_and(|before| before.mode.is_file() && before.id == after.id);
        if same {
            return Ok(Vec::new());
        }
        let Some(bytes) = self.read(&after.id)? else {
            let what = format!("not read: more than {} bytes changed in all", limits::HIDDEN_TOTAL_BYTES);
            return Ok(vec![(HiddenKind::Unread, None, what)]);
        };
        if text::is_binary(&bytes) {
            return Ok(vec![(HiddenKind::Binary, None, format!("not text, {} bytes", bytes.len()))]);
        }
        if let Some(what) = text::lfs_pointer(&bytes) {
            return Ok(vec![(HiddenKind::Lfs, None, what)]);
        }
        let found = text::in_lines(&bytes);
        if found.is_empty() {
            return Ok(Vec::new());
        }
        // What stands there already and is not touched is not part of this change.
        let before = match file.before.as_ref().filter(|entry| entry.mode.is_file()) {
            Some(before) => self.read(&before.id)?,
            None => None,
        };
        let added = before.and_then(|before| super::merge::compared(&before, &bytes)).map(|(added, _)| added);
        let touched = |line: usize| {
            let within = |added: &Vec<std::ops::Range<usize>>| {
                let at = added.partition_point(|range| range.end <= line);
                added.get(at).is_some_and(|range| range.contains(&line))
            };
            added.as_ref().is_none_or(within)
        };
        Ok(text::said(found.into_iter().filter(|found| touched(found.line)).collect()))
    }

    /// The bytes of a blob; `None` if they would be too many.
    fn read(&mut self, id: &Oid) -> Result<Option<Arc<[u8]>>, SourceError> {
        if self.left == 0 {
            return Ok(None);
        }
        let bytes = self.source.blob(id)?;
        self.left = self.left.saturating_sub(bytes.len());
        Ok(Some(bytes))
    }

    /// Whether the attributes of either tree may keep the file's diff from being shown, and whether they may call it
    /// generated.
    fn attributes(&mut self, file: &Changed) -> Result<[bool; 2], SourceError> {
        let mut out = [false; 2];
        for (below, entry) in &file.attributes {
            let path = file.path.get(*below..).unwrap_or_default();
            if !self.attributes.contains_key(&entry.id) {
                let content =
                    if entry.mode.is_file() { self.source.blob(&entry.id)? } else { Arc::from([].as_slice()) };
                let within = entry.mode.is_file() && content.len() <= limits::GIT_ATTRIBUTES_BYTES;
                let parse = |asked| if within { Attributes::parse(&content, asked) } else { Attributes::All };
                self.attributes.insert(entry.id, [parse(Asked::NoDiff), parse(Asked::Generated)]);
            }
            for (said, attributes) in out.iter_mut().zip(self.attributes.get(&entry.id).into_iter().flatten()) {
                *said |= attributes.may_set(path);
            }
        }
        Ok(out)
    }
}

fn submodule(before: Option<&Entry>, after: &Entry) -> String {
    match before.filter(|entry| entry.mode == Mode::Submodule) {
        Some(before) => format!("a submodule, from commit {} to {}", before.id, after.id),
        None => format!("a submodule at commit {}", after.id),
    }
}

#[cfg(test)]
mod tests;
