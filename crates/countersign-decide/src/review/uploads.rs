//! Who uploaded which commit of a change, by the forge's record of every move of its head.

use super::changes::optional;
use countersign_core::git::reach::Reach;
use countersign_core::git::{ObjectSource, Oid, SourceError};
use countersign_core::statement::change_review::EventKind;
use countersign_core::statement::review::Tier;
use countersign_verify::ForgeChange;
use std::collections::{BTreeMap, BTreeSet};

/// Commits with the accounts that uploaded them.
#[derive(Debug)]
pub(super) struct Uploads<'a> {
    recorded: &'a ForgeChange,
    /// For each commit, the accounts whose moves brought it; `None` among them is an account that nobody can name.
    by: BTreeMap<Oid, BTreeSet<Option<u64>>>,
}

impl<'a> Uploads<'a> {
    /// Reads the moves. A move brings what its new head reaches and its old one did not; where the old head is not in the
    /// evidence any more, it brings everything that the new one reaches, so that more people are authors and not fewer.
    pub(super) fn read(
        source: &dyn ObjectSource,
        reach: &Reach,
        recorded: &'a ForgeChange,
        commits: &[Oid],
        base: &Oid,
    ) -> Result<Self, SourceError> {
        let mut by: BTreeMap<Oid, BTreeSet<Option<u64>>> = BTreeMap::new();
        for event in &recorded.change().events {
            let EventKind::Moved { before, after: Some(after), .. } = &event.what else { continue };
            if optional(source.commit(after))?.is_none() {
                continue;
            }
            let Some(new) = optional(reach.range(source, after, base))? else { continue };
            let old = match before {
                Some(before) if optional(source.commit(before))?.is_some() => {
                    optional(reach.range(source, before, base))?.unwrap_or_default()
                }
                _ => Vec::new(),
            };
            let old: BTreeSet<Oid> = old.into_iter().collect();
            let new: BTreeSet<Oid> = new.into_iter().collect();
            for id in commits.iter().filter(|id| new.contains(id) && !old.contains(id)) {
                by.entry(*id).or_default().insert(event.account);
            }
        }
        Ok(Self { recorded, by })
    }

    /// The tier of the record.
    pub(super) const fn tier(&self) -> Tier {
        self.recorded.tier()
    }

    /// Whether the record shows who uploaded this commit: it is complete, and every uploader has a name.
    pub(super) fn covers(&self, commit: &Oid) -> bool {
        let named = |accounts: &BTreeSet<Option<u64>>| !accounts.is_empty() && !accounts.contains(&None);
        self.recorded.change().moves_complete && self.by.get(commit).is_some_and(named)
    }

    /// Whether this account is one of those that uploaded this commit.
    pub(super) fn by(&self, commit: &Oid, account: u64) -> bool {
        self.covers(commit) && self.by.get(commit).is_some_and(|accounts| accounts.contains(&Some(account)))
    }
}
