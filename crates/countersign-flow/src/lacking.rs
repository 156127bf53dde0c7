//! What somebody looked for and the store does not have, although the log names it.
//!
//! A decision that was made without it would not come out the same once it is brought back: every audit from then on would say that
//! the record was altered, and nothing could mend that. And a log that is closed without it has no log after it, which would need it. So nothing is recorded until it
//! is back, or the log says that it is gone.

use crate::erasure::{pieces, reads_with};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, place_of};
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_verify::{Blobs, StateView};
use std::collections::BTreeSet;

/// What was looked for.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    /// For which environment; `None` is all.
    pub environment: Option<&'a EnvName>,
    /// What was not there, and is not erased either.
    pub missed: &'a BTreeSet<Sha256>,
    /// What is handed in again: it is looked at as that, and stored again.
    pub again: &'a BTreeSet<Sha256>,
}

/// A finding for each of the first few documents that were looked for, that the log or one before it names, and that the store does
/// not have; and where there are more, how many.
pub(crate) fn lacking(view: StateView<'_>, looked: &Looked<'_>, blobs: &dyn Blobs) -> Vec<Finding> {
    if looked.missed.is_empty() {
        return Vec::new();
    }
    let (mut findings, mut more, mut seen) = (Vec::new(), 0_usize, BTreeSet::new());
    for log in view.chain() {
        let other = Some(log.origin()).filter(|origin| *origin != view.origin());
        for piece in pieces(log, blobs).into_iter().filter(|piece| looked.missed.contains(&piece.digest)) {
            let entry = usize::try_from(piece.entry).ok().and_then(|index| log.entries().get(index));
            let kept = || is_kept(view, &piece.digest, blobs);
            let elsewhere = entry.is_some_and(|entry| is_elsewhere(entry, view, looked.environment));
            if elsewhere || !seen.insert(piece.digest) || looked.again.contains(&piece.digest) && !kept() {
                continue;
            }
            if findings.len() == SHOWN {
                more = more.saturating_add(1);
                continue;
            }
            let help = if kept() {
                "bring it back from a copy of the store, and run this again"
            } else {
                "bring it back from a copy of the store; where there is none, `countersign evidence erase` records that it is gone. \
                 Run this again then"
            };
            findings.push(
                Finding::new(codes::EVIDENCE_WITHHELD, "a document that the log names is not in the store")
                    .at(place_of(piece.entry, other))
                    .expected(format!("{} ({})", piece.digest, piece.what), "the log")
                    .found("missing or altered")
                    .help(help),
            );
        }
    }
    if let Some(last) = findings.last_mut().filter(|_| more > 0) {
        last.found.push(format!("and {more} more: `countersign evidence check` names them"));
    }
    findings
}

/// How many are named.
const SHOWN: usize = 5;

/// Whether the log, or one before it, is read with it: such a document cannot be erased.
fn is_kept(view: StateView<'_>, digest: &Sha256, blobs: &dyn Blobs) -> bool {
    let mut entries = view.chain().flat_map(|log| log.entries());
    entries.any(|entry| reads_with(entry, digest, blobs))
}

/// Whether an entry makes something active, or excepts something, in an environment alone of which the decision says nothing: the
/// release that is active names those of which it does.
fn is_elsewhere(entry: &Entry, view: StateView<'_>, here: Option<&EnvName>) -> bool {
    let Some(here) = here else { return false };
    let alone = matches!(entry.kind, Kind::PolicyActivation | Kind::Exception | Kind::ExceptionEnd);
    let Some(there) = entry.environment.as_ref().filter(|there| alone && *there != here) else { return false };
    view.active(here).is_some_and(|active| !active.release.manifest().environments.contains_key(there))
}
