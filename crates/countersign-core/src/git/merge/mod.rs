//! The merge of trees by published rule 1: a pure function of three trees. `docs/merge-rule-1.md` is the same text.
//!
//! The claim that rests on it is "this tree is the merge by rule 1", never "this is what git did". A tree is given only
//! where there is nothing to choose; every doubt is a [`Reason`], and a merge with a reason is unproven.
//!
//! 1. Three trees are given: the base, ours and theirs. Without a base nothing is proved. If two of the root trees are
//!    the same, the result is the third, or the one that both sides have.
//! 2. Entries of the same name are merged, folder by folder. An entry is the same as another if mode and id are equal.
//!    The old spellings `100664` and `040000` count as `100644` and `40000`. An entry that names the empty tree counts
//!    as absent.
//! 3. If both sides have the same entry, that is the result; if one side has the entry of the base, the result is that
//!    of the other side. Absence is an entry like any other here.
//! 4. Otherwise what is a folder and what is not are merged apart, an absent folder being an empty one. If both give
//!    something, the merge is unproven.
//! 5. Of what is not a folder: absent in the base and present on both sides, or absent on one side and changed on the
//!    other, is unproven. So is a change of type, and a link or submodule that both sides changed.
//! 6. Files: mode and content are merged apart, each by step 3. If both sides changed the content, it is merged as text.
//! 7. Text: unproven if a `.gitattributes` file of any of the three trees, in the file's folder or above, may set
//!    `merge` for the path; if one of the three contents has a NUL byte in its first 8,000 bytes; or if one is larger
//!    than the bounds. A line ends after its newline; a last line without a newline is another line than one with it.
//! 8. The base is compared with each side; hunks are moved down as far as they go. Hunks of both sides that overlap or
//!    touch are one group. A group that has hunks of one side takes that side's lines. One that has hunks of both is
//!    unproven unless both sides have the same lines there.
//! 9. Step 8 is done with the Histogram comparison and with that of Myers. If the two results differ, or only one of
//!    them exists, the merge is unproven.
//! 10. Guard R, that no rename can matter. Let D1, A1, D2, A2 be the paths that each side deleted from and added to the
//!     base. If for each side one of its two sets is empty, the guard holds. Otherwise D1 and D2 must have no path in
//!     common, nor A1 and A2; and for a side whose two sets both have paths, the other side may not have changed a path
//!     that this one deleted, nor added a path below a folder of the base of which nothing is left on this side.
//! 11. The result is written with the modes `100644`, `100755`, `120000`, `160000` and `40000`, in git's order, without
//!     empty folders. A folder that steps 1 to 3 took whole keeps its id.

mod guard;
#[cfg(test)]
mod tests;
mod text;
mod tree;

pub(super) use text::compared;

use super::listing::Budget;
use super::object::Object;
use super::oid::Oid;
use super::source::{ObjectSource, SourceError};
use crate::limits;
use std::collections::BTreeMap;
use std::fmt;

/// The number of the rule.
pub const RULE: u32 = 1;

/// What became of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The merge, by the rule.
    Clean {
        /// The resulting tree.
        tree: Oid,
        /// The trees and blobs that came into being with it, by id. Others are those of the three trees.
        new_objects: BTreeMap<Oid, Object>,
    },
    /// The rule does not say what the merge is. The tree may be right or wrong: nothing is known.
    Unproven {
        /// Why: never empty, in the order of paths and reasons, each once.
        reasons: Vec<Reason>,
    },
}

/// Why a merge is unproven, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The path, escaped as [`super::listing::escape`] does it; empty for the whole tree.
    pub path: String,
    /// Why.
    pub why: Why,
}

/// Why a merge is unproven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// There is no base.
    NoBase,
    /// Both sides changed the same lines, or lines that touch.
    TextConflict,
    /// Both sides added the file with different modes.
    ModeConflict,
    /// Both sides added the path, with different content.
    BothAdded,
    /// One side deleted what the other changed.
    ModifyDelete,
    /// A side made the path another type of thing, and the other side changed it as well.
    TypeChange,
    /// Both sides changed a symbolic link.
    LinkConflict,
    /// Both sides changed which commit of a submodule is used.
    SubmoduleConflict,
    /// The path would be a file and a folder.
    FileAndFolder,
    /// Both sides changed the content, and it is not text.
    Binary,
    /// The two ways to compare the text lead to different merges.
    Ambiguous,
    /// A `.gitattributes` file may say how the path is merged.
    Attributes,
    /// A rename on one side could change the merge (guard R).
    RenamePossible,
    /// The text is larger than the bounds.
    TooLarge,
    /// The folder lies deeper than the bound.
    TooDeep,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.why {
            Why::NoBase => "there is no common base",
            Why::TextConflict => "both sides changed the same lines",
            Why::ModeConflict => "both sides added the file with different modes",
            Why::BothAdded => "both sides added the path",
            Why::ModifyDelete => "one side deleted what the other changed",
            Why::TypeChange => "a file became something else on one side and changed on the other",
            Why::LinkConflict => "both sides changed the link",
            Why::SubmoduleConflict => "both sides moved the submodule",
            Why::FileAndFolder => "a file on one side is a folder on the other",
            Why::Binary => "both sides changed content that is not text",
            Why::Ambiguous => "two ways to compare the text lead to different merges",
            Why::Attributes => "a .gitattributes file may set how it is merged",
            Why::RenamePossible => "a rename could change the merge",
            Why::TooLarge => "the text is too large to be merged here",
            Why::TooDeep => "folders lie too deep inside each other",
        };
        if self.path.is_empty() { f.write_str(text) } else { write!(f, "{}: {text}", self.path) }
    }
}

/// Merges two trees by rule 1. For a cherry-pick or one step of a rebase, `base` is the tree of the picked commit's
/// parent, `theirs` that of the picked commit, and `ours` that of the commit it is put on.
///
/// An error means that an object could not be read or that a bound on the whole walk was reached; the merge is as
/// unproven then as with a reason.
pub fn merge_trees(
    source: &dyn ObjectSource,
    base: Option<&Oid>,
    ours: &Oid,
    theirs: &Oid,
) -> Result<Merge, SourceError> {
    let Some(base) = base else {
        return Ok(Merge::Unproven { reasons: vec![Reason { path: String::new(), why: Why::NoBase }] });
    };
    for id in [ours, theirs] {
        if id.format() != base.format() {
            return Err(SourceError::Format { id: *id, expected: base.format() });
        }
    }
    merge_within(source, [base, ours, theirs], limits::GIT_WALK_ENTRIES)
}

/// Steps 1 to 11, looking at no more than `entries` tree entries for the merge, and as many for the guard.
fn merge_within(source: &dyn ObjectSource, trees: [&Oid; 3], entries: usize) -> Result<Merge, SourceError> {
    let mut merged = tree::merge(source, trees, Budget::new(entries))?;
    merged.reasons.extend(guard::check(source, trees, Budget::new(entries))?);
    if merged.reasons.is_empty() {
        return Ok(Merge::Clean { tree: merged.tree, new_objects: merged.new_objects });
    }
    Ok(Merge::Unproven { reasons: merged.reasons.into_iter().collect() })
}
