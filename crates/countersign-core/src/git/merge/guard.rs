//! Guard R (step 10): no rename that a merge tool could see may change the merge.

use super::tree::{Slot, folders_of, slots};
use super::{Reason, Why};
use crate::git::listing::{Budget, escape, join};
use crate::git::oid::Oid;
use crate::git::source::{ObjectSource, SourceError};
use crate::limits;
use std::collections::BTreeSet;

/// Every place at which the guard does not hold.
pub(super) fn check(
    source: &dyn ObjectSource,
    [base, ours, theirs]: [&Oid; 3],
    mut budget: Budget,
) -> Result<BTreeSet<Reason>, SourceError> {
    // With an unchanged side, or the same change on both, the merge is one of the three trees whatever was renamed.
    if ours == theirs || base == ours || base == theirs {
        return Ok(BTreeSet::new());
    }
    let ours = Changes::find(source, base, ours, &mut budget)?;
    let theirs = Changes::find(source, base, theirs, &mut budget)?;
    let mut places: BTreeSet<&[u8]> = BTreeSet::new();
    if ours.can_rename() || theirs.can_rename() {
        places.extend(both(&ours.deleted, &theirs.deleted));
        places.extend(both(&ours.added, &theirs.added));
        places.extend(ours.disturbed_by(&theirs));
        places.extend(theirs.disturbed_by(&ours));
    }
    let mut reasons: BTreeSet<Reason> = places.into_iter().map(|path| reason(path, Why::RenamePossible)).collect();
    let deep = ours.too_deep.iter().chain(&theirs.too_deep);
    reasons.extend(deep.map(|path| reason(path, Why::TooDeep)));
    Ok(reasons)
}

/// What one side did to the base, by path.
#[derive(Default)]
struct Changes {
    deleted: BTreeSet<Vec<u8>>,
    added: BTreeSet<Vec<u8>>,
    changed: BTreeSet<Vec<u8>>,
    /// Folders of the base of which nothing is left.
    gone: BTreeSet<Vec<u8>>,
    too_deep: BTreeSet<Vec<u8>>,
}

impl Changes {
    fn find(source: &dyn ObjectSource, base: &Oid, side: &Oid, budget: &mut Budget) -> Result<Self, SourceError> {
        let mut out = Self::default();
        let mut folders = vec![(Vec::new(), [Some(*base), Some(*side)], 0_usize)];
        while let Some((folder, trees, depth)) = folders.pop() {
            if depth > limits::GIT_TREE_DEPTH {
                out.too_deep.insert(folder);
                continue;
            }
            for (name, pair) in slots(source, trees)? {
                budget.take()?;
                let path = join(&folder, &name);
                let [before, after] = pair.map(|slot| slot.filter(|s| !s.is_folder()));
                out.file(&path, before, after);
                let pair @ [before, after] = folders_of(pair);
                if before.is_some() && after.is_none() {
                    out.gone.insert(path.clone());
                }
                if before != after {
                    folders.push((path, pair, depth.saturating_add(1)));
                }
            }
        }
        Ok(out)
    }

    fn file(&mut self, path: &[u8], before: Option<Slot>, after: Option<Slot>) {
        let set = match (before, after) {
            (Some(_), None) => &mut self.deleted,
            (None, Some(_)) => &mut self.added,
            (Some(a), Some(b)) if a != b => &mut self.changed,
            (Some(_), Some(_)) | (None, None) => return,
        };
        set.insert(path.to_vec());
    }

    /// Whether a rename could be seen in what this side did.
    fn can_rename(&self) -> bool {
        !self.deleted.is_empty() && !self.added.is_empty()
    }

    /// What the other side did that a rename on this side could move.
    fn disturbed_by<'a>(&'a self, other: &'a Self) -> Vec<&'a [u8]> {
        if !self.can_rename() {
            return Vec::new();
        }
        let below_gone = other.added.iter().filter(|path| {
            let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/');
            slashes.filter_map(|(n, _)| path.get(..n)).any(|folder| self.gone.contains(folder))
        });
        both(&self.deleted, &other.changed).chain(below_gone.map(Vec::as_slice)).collect()
    }
}

fn both<'a>(a: &'a BTreeSet<Vec<u8>>, b: &'a BTreeSet<Vec<u8>>) -> impl Iterator<Item = &'a [u8]> {
    a.intersection(b).map(Vec::as_slice)
}

fn reason(path: &[u8], why: Why) -> Reason {
    Reason { path: escape(path), why }
}
