//! What the logs before left open when this one began: emergencies that nobody had reviewed, rules that did not hold. It stands in
//! no other answer: the package of such a log ends with it, and this log's own entries do not say it again.
//!
//! Their decisions are in the package without what those rest on. Each has its signature checked by the trust of its time; that
//! it comes out the same again, its own package proves. What only they settle is settled where that was given.

use super::episodes::Episodes;
use super::facts::{FEW, Known, promoted_as};
use super::kept::{Kept, Shared};
use super::table::Proof;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::Verdict;
use countersign_core::ids::{ExceptionId, Origin};
use countersign_core::log::merkle::{empty_root, leaf_hash};
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_record::side;
use countersign_verify::{Blobs, LogState, StateView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What earlier logs left open.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Every decision of theirs that used an emergency, the oldest first, with what proves a row about it.
    pub(super) emergencies: Vec<(Arc<Known>, Proof)>,
    /// What their decisions proved to be reviewed.
    pub(super) reviews: Reviews,
    /// The violations that were open when the last of them ended.
    pub(super) open: Episodes,
    /// The decisions that closed the others, by log and entry.
    pub(super) closed_by: BTreeMap<(Origin, u64), Arc<Known>>,
    /// What they let go: service, artifact by its name less its version, and environment.
    pub(super) promoted: BTreeSet<[String; 3]>,
    /// By which decisions of theirs exceptions were needed.
    pub(super) uses: BTreeMap<ExceptionId, Vec<(Origin, u64)>>,
    /// How many decisions of each cannot be read here.
    unread: BTreeMap<Origin, u64>,
}

/// An entry and its log; one that is not named is the log at hand.
type Place = (Option<Origin>, u64);

/// Emergencies whose commits a later decision proved to be reviewed: the time, and the entry of the decision with its log.
#[derive(Debug, Clone, Default)]
pub(super) struct Reviews(BTreeMap<Place, (Time, u64, Option<Origin>)>);

impl Reviews {
    /// Takes in what one more decision proved, in the order of the logs: the first to prove it counts.
    pub(super) fn take(&mut self, known: &Known, log: Option<&Origin>) {
        let decision = &known.content;
        if decision.verdict != Verdict::Pass {
            return;
        }
        let own = decision.followed_up.iter().map(|entry| (log.cloned(), *entry));
        let earlier = decision.followed_up_earlier.iter();
        let earlier = earlier.flat_map(|(log, entries)| entries.iter().map(|entry| (Some(log.clone()), *entry)));
        for of in own.chain(earlier) {
            self.0.entry(of).or_insert_with(|| (known.time, known.entry, log.cloned()));
        }
    }

    /// When that was, by which entry, and of which log.
    pub(super) fn of(&self, log: Option<&Origin>, entry: u64) -> Option<(Time, u64, Option<&Origin>)> {
        self.0.get(&(log.cloned(), entry)).map(|(time, by, of)| (*time, *by, of.as_ref()))
    }
}

impl Carried {
    /// Reads the decisions of every log that this one goes on from, the oldest log first.
    pub(super) fn of(state: &LogState, blobs: &(dyn Blobs + Sync)) -> Self {
        let mut logs: Vec<StateView<'_>> = state.now().chain().skip(1).collect();
        logs.reverse();
        let (mut out, mut shared) = (Self::default(), Shared::default());
        for log in logs {
            out.take(log, blobs, &mut shared);
        }
        out
    }

    fn take(&mut self, log: StateView<'_>, blobs: &(dyn Blobs + Sync), shared: &mut Shared) {
        let origin = log.origin();
        let entries = (0_u64..).zip(log.entries());
        let decisions: Vec<(u64, &Entry)> =
            entries.filter(|(_, entry)| entry.kind == Kind::PromotionDecision).collect();
        for few in decisions.chunks(FEW) {
            let read = side::each(few, |(index, _)| log.decision(*index, blobs).ok());
            for ((index, entry), promoted) in few.iter().zip(read) {
                let Some(promoted) = promoted else {
                    let count = self.unread.entry(origin.clone()).or_default();
                    *count = count.saturating_add(1);
                    continue;
                };
                let content = &promoted.content;
                let glass = content.break_glass.iter().flat_map(|glass| &glass.exceptions);
                for id in content.excepted().chain(glass) {
                    let uses = self.uses.entry(id.clone()).or_default();
                    if uses.last() != Some(&(origin.clone(), *index)) {
                        uses.push((origin.clone(), *index));
                    }
                }
                let known = Arc::new(Known {
                    entry: *index,
                    time: promoted.time,
                    content: Kept::of(content, shared),
                    by: shared.text(promoted.decision.signed_by().owner.describe()),
                });
                let proof = || Proof {
                    log: Some(origin.clone()),
                    entry: *index,
                    leaf: leaf(entry),
                    documents: entry.statements.clone(),
                };
                self.reviews.take(&known, Some(origin));
                self.open.take(&known, || Some(proof()));
                if known.content.authorised {
                    self.promoted.insert(promoted_as(&known.content));
                }
                if known.content.break_glass.is_some() {
                    self.emergencies.push((known, proof()));
                }
            }
            // What was closed there is that log's own, and is not held: only who closed it.
            for at in self.open.0.values().flatten().filter_map(|episode| episode.closed.as_ref()) {
                let by = (origin.clone(), at.known.entry);
                self.closed_by.entry(by).or_insert_with(|| Arc::clone(&at.known));
            }
            self.open.keep_open();
        }
    }

    /// Whether decisions cannot be read.
    pub(super) fn is_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// What is missing, where decisions cannot be read.
    pub(super) fn unread(&self) -> impl Iterator<Item = String> {
        self.unread.iter().map(|(log, count)| {
            format!(
                "{count} decisions of the log {log}, of which each may have left something open: ask its own package"
            )
        })
    }
}

fn leaf(entry: &Entry) -> Sha256 {
    entry.to_bytes().map_or_else(|_| empty_root(), |bytes| leaf_hash(&bytes))
}
