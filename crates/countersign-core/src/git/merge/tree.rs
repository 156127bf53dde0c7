//! The merge of folders and of what is in them: steps 1 to 6 and 11 of the rule.

use super::{Reason, Why, text};
use crate::git::attributes::{Asked, Attributes};
use crate::git::listing::{Budget, escape, join};
use crate::git::object::{Object, ObjectError, ObjectKind};
use crate::git::oid::{CollisionDetected, ObjectFormat, Oid};
use crate::git::source::{ObjectSource, SourceError};
use crate::git::tree::{Entry, Mode, Tree};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// What the walk found. The tree means nothing if there is a reason.
pub(super) struct Merged {
    pub(super) tree: Oid,
    pub(super) new_objects: BTreeMap<Oid, Object>,
    pub(super) reasons: BTreeSet<Reason>,
}

/// Mode and id of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    mode: Mode,
    id: Oid,
}

impl Slot {
    pub(super) fn is_folder(self) -> bool {
        self.mode == Mode::Directory
    }
}

/// Merges three trees.
pub(super) fn merge(
    source: &dyn ObjectSource,
    [base, ours, theirs]: [&Oid; 3],
    budget: Budget,
) -> Result<Merged, SourceError> {
    let mut merger = Merger {
        source,
        format: base.format(),
        new_objects: BTreeMap::new(),
        reasons: BTreeSet::new(),
        budget,
        above: Vec::new(),
    };
    let trees = [base, ours, theirs].map(|id| Some(*id));
    let tree = match merger.folder(&[], 0, trees)? {
        Some(id) => id,
        None => merger.write(ObjectKind::Tree, Tree::default().encode(), base)?,
    };
    Ok(Merged { tree, new_objects: merger.new_objects, reasons: merger.reasons })
}

/// The entries of several trees by name. An entry of the empty tree is left out, and an absent tree has none.
pub(super) fn slots<const N: usize>(
    source: &dyn ObjectSource,
    trees: [Option<Oid>; N],
) -> Result<BTreeMap<Vec<u8>, [Option<Slot>; N]>, SourceError> {
    let mut out: BTreeMap<Vec<u8>, [Option<Slot>; N]> = BTreeMap::new();
    for (n, tree) in trees.iter().enumerate() {
        let Some(tree) = tree else { continue };
        for Entry { mode, name, id } in source.tree(tree)?.entries() {
            if *mode == Mode::Directory && is_empty_tree(id) {
                continue;
            }
            let row = out.entry(name.clone()).or_insert([None; N]);
            if let Some(slot) = row.get_mut(n) {
                *slot = Some(Slot { mode: *mode, id: *id });
            }
        }
    }
    Ok(out)
}

/// The folders among slots.
pub(super) fn folders_of<const N: usize>(slots: [Option<Slot>; N]) -> [Option<Oid>; N] {
    slots.map(|slot| slot.filter(|s| s.is_folder()).map(|s| s.id))
}

struct Merger<'s> {
    source: &'s dyn ObjectSource,
    format: ObjectFormat,
    new_objects: BTreeMap<Oid, Object>,
    reasons: BTreeSet<Reason>,
    budget: Budget,
    /// The folders from the root to the one being merged, each with its `.gitattributes` of the three trees.
    above: Vec<(Vec<u8>, Vec<Slot>)>,
}

impl Merger<'_> {
    /// Steps 1 to 4. `None` is an empty folder.
    fn folder(&mut self, path: &[u8], depth: usize, trees: [Option<Oid>; 3]) -> Result<Option<Oid>, SourceError> {
        if let Some(taken) = untouched(trees) {
            return Ok(taken.filter(|id| !is_empty_tree(id)));
        }
        if depth > limits::GIT_TREE_DEPTH {
            self.doubt(path, Why::TooDeep);
            return Ok(None);
        }
        let rows = slots(self.source, trees)?;
        let attributes: Vec<Slot> = rows.get(ATTRIBUTES).into_iter().flatten().flatten().copied().collect();
        self.above.push((path.to_vec(), attributes));
        let mut entries = Vec::new();
        for (name, row) in rows {
            self.budget.take()?;
            if let Some(slot) = self.entry(&join(path, &name), depth, row)? {
                entries.push(Entry { mode: slot.mode, name, id: slot.id });
            }
        }
        self.above.pop();
        let Some(near) = trees.into_iter().flatten().next().filter(|_| !entries.is_empty()) else {
            return Ok(None);
        };
        // Names come from trees that were read strictly, so only their number can be wrong.
        let tree = Tree::new(entries).map_err(|source: ObjectError| SourceError::Malformed { id: near, source })?;
        self.write(ObjectKind::Tree, tree.encode(), &near).map(Some)
    }

    /// Steps 3 and 4.
    fn entry(&mut self, path: &[u8], depth: usize, row: [Option<Slot>; 3]) -> Result<Option<Slot>, SourceError> {
        if let Some(taken) = untouched(row) {
            return Ok(taken);
        }
        let folders = folders_of(row);
        let folder = if folders == [None; 3] {
            None
        } else {
            self.folder(path, depth.saturating_add(1), folders)?.map(|id| Slot { mode: Mode::Directory, id })
        };
        let rest = row.map(|slot| slot.filter(|s| !s.is_folder()));
        let rest = match untouched(rest) {
            Some(taken) => taken,
            None => self.changed_on_both(path, rest)?,
        };
        if folder.is_some() && rest.is_some() {
            self.doubt(path, Why::FileAndFolder);
        }
        Ok(folder.or(rest))
    }

    /// Steps 5 and 6, for what is no folder and differs in all three trees.
    fn changed_on_both(&mut self, path: &[u8], row: [Option<Slot>; 3]) -> Result<Option<Slot>, SourceError> {
        let (base, ours, theirs) = match row {
            [Some(base), Some(ours), Some(theirs)] => (base, ours, theirs),
            [None, Some(ours), Some(theirs)] => {
                let same = ours.id == theirs.id && ours.mode.is_file() && theirs.mode.is_file();
                self.doubt(path, if same { Why::ModeConflict } else { Why::BothAdded });
                return Ok(None);
            }
            [_, None, _] | [_, _, None] => {
                self.doubt(path, Why::ModifyDelete);
                return Ok(None);
            }
        };
        let doubt = match [base.mode, ours.mode, theirs.mode] {
            modes if modes.iter().all(|mode| mode.is_file()) => None,
            [Mode::Symlink, Mode::Symlink, Mode::Symlink] => Some(Why::LinkConflict),
            [Mode::Submodule, Mode::Submodule, Mode::Submodule] => Some(Why::SubmoduleConflict),
            _ => Some(Why::TypeChange),
        };
        if let Some(why) = doubt {
            self.doubt(path, why);
            return Ok(None);
        }
        let Some(mode) = untouched([base.mode, ours.mode, theirs.mode]) else {
            self.doubt(path, Why::ModeConflict);
            return Ok(None);
        };
        let id = match untouched([base.id, ours.id, theirs.id]) {
            Some(id) => Some(id),
            None => self.content(path, [base.id, ours.id, theirs.id])?,
        };
        Ok(id.map(|id| Slot { mode, id }))
    }

    /// Steps 7 to 9.
    fn content(&mut self, path: &[u8], ids: [Oid; 3]) -> Result<Option<Oid>, SourceError> {
        if self.attributes_may_set_merge(path)? {
            self.doubt(path, Why::Attributes);
            return Ok(None);
        }
        let [base, ours, theirs] = ids;
        let contents = (self.source.blob(&base)?, self.source.blob(&ours)?, self.source.blob(&theirs)?);
        match text::merge(&contents.0, &contents.1, &contents.2) {
            Ok(merged) => self.write(ObjectKind::Blob, merged, &ours).map(Some),
            Err(why) => {
                self.doubt(path, why);
                Ok(None)
            }
        }
    }

    fn attributes_may_set_merge(&self, path: &[u8]) -> Result<bool, SourceError> {
        for (folder, files) in &self.above {
            // The path as the folder sees it; the root folder's own path is empty and has no slash after it.
            let below = match folder.len() {
                0 => path,
                n => path.get(n.saturating_add(1)..).unwrap_or_default(),
            };
            for slot in files {
                if !slot.mode.is_file() {
                    return Ok(true);
                }
                let content = self.source.blob(&slot.id)?;
                let within = content.len() <= limits::GIT_ATTRIBUTES_BYTES;
                if !within || Attributes::parse(&content, Asked::Merge).may_set(below) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn doubt(&mut self, path: &[u8], why: Why) {
        self.reasons.insert(Reason { path: escape(path), why });
    }

    fn write(&mut self, kind: ObjectKind, bytes: Vec<u8>, near: &Oid) -> Result<Oid, SourceError> {
        let object = Object::new(kind, bytes);
        // Nobody can be blamed for a collision in bytes that came into being here, so it is named by what they came of.
        let id = object.id(self.format).map_err(|CollisionDetected| SourceError::Collision { id: *near })?;
        self.new_objects.insert(id, object);
        Ok(id)
    }
}

const ATTRIBUTES: &[u8] = b".gitattributes";

/// Step 3: what both sides have, or what the one side made of the base that the other left alone.
fn untouched<T: PartialEq>([base, ours, theirs]: [T; 3]) -> Option<T> {
    if ours == theirs || base == theirs {
        Some(ours)
    } else if base == ours {
        Some(theirs)
    } else {
        None
    }
}

fn is_empty_tree(id: &Oid) -> bool {
    const SHA1: [u8; 20] = [
        0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee,
        0x49, 0x04,
    ];
    const SHA256: [u8; 32] = [
        0x6e, 0xf1, 0x9b, 0x41, 0x22, 0x5c, 0x53, 0x69, 0xf1, 0xc1, 0x04, 0xd4, 0x5d, 0x8d, 0x85, 0xef, 0xa9, 0xb0,
        0x57, 0xb5, 0x3b, 0x14, 0xb4, 0xb9, 0xb9, 0x39, 0xdd, 0x74, 0xde, 0xcc, 0x53, 0x21,
    ];
    match id.format() {
        ObjectFormat::Sha1 => id.as_bytes() == SHA1,
        ObjectFormat::Sha256 => id.as_bytes() == SHA256,
    }
}
