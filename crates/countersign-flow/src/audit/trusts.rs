//! The trust that the log records last beside the one that the auditor has, where these are not the same. What was decided is judged by
//! the recorded one either way: that the auditor holds another is one cause, and no fault of the decisions.

use super::open::Package;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_verify::log::signed_checkpoint;
use countersign_verify::trust::{verify_successor, verify_trust};
use countersign_verify::{Blobs as _, VerifiedTrust};

/// The newest trust that the log records, where the one from outside is another.
pub(super) struct Recorded {
    trust: VerifiedTrust,
    entry: u64,
    beside: Beside,
}

/// How the one from outside stands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// It is the next after it: a log of last year does not know this year's trust.
    Next,
    /// The log went on from it, as it says itself who may.
    Before,
    /// Neither.
    Other,
}

impl Recorded {
    /// `None` where it is the same, or where the recorded one does not hold: opening the log says what is wrong then.
    pub(super) fn of(entries: &[Vec<u8>], outside: &VerifiedTrust, bytes: &[u8], package: &Package) -> Option<Self> {
        // An entry's bytes are canonical: one without these is of another kind, and need not be read.
        const KIND: &[u8] = br#""kind":"trust""#;
        let indexed = (0_u64..).zip(entries).rev();
        let trusts = indexed.filter(|(_, bytes)| bytes.windows(KIND.len()).any(|part| part == KIND));
        let mut read = trusts.filter_map(|(index, bytes)| Some((index, Entry::parse(bytes).ok()?)));
        let (index, entry) = read.find(|(_, entry)| entry.kind == Kind::Trust)?;
        let digest: &Sha256 = entry.subjects.first().filter(|digest| *digest != outside.digest())?;
        let document = package.blob(entry.statement()?)?;
        let trust = verify_trust(&document, Some(digest), entry.time).trust?;
        let beside = if verify_successor(&trust, bytes, outside.trust().not_before.max(entry.time)).is_ok() {
            Beside::Next
        } else if trust.trust().version > outside.trust().version && follows(outside, &trust, entries, package) {
            Beside::Before
        } else {
            Beside::Other
        };
        Some(Self { trust, entry: index, beside })
    }

    /// By which the log is judged.
    pub(super) const fn trust(&self) -> &VerifiedTrust {
        &self.trust
    }

    /// What that means for whoever holds the other one, and whether the log's checkpoint holds by that as well.
    pub(super) fn findings(&self, outside: &VerifiedTrust, checkpoint: &[u8], at: Time) -> Vec<Finding> {
        let (ours, theirs) = (outside.trust().version, self.trust.trust().version);
        let by_outside = || signed_checkpoint(checkpoint, outside.trust(), at).err();
        if self.beside == Beside::Next {
            let what =
                format!("the log records trust up to version {theirs}, and is judged by version {ours} besides");
            let later = Finding::new(codes::TRUST_LATER, what).at("trust");
            return std::iter::once(later).chain(by_outside()).collect();
        }
        let what = format!(
            "the trust given from outside, version {ours}, is not the newest that the log records, version {theirs}: what follows is judged by that one, for what it is worth"
        );
        let finding = Finding::new(codes::TRUST_DIGEST_MISMATCH, what)
            .at(format!("log entry {}", self.entry))
            .expected(format!("{} (version {theirs})", self.trust.digest()), "the log")
            .found(format!("{} (version {ours})", outside.digest()));
        if self.beside == Beside::Before {
            // That it does not know the log's newest key has the same cause.
            let help = format!(
                "the log went on to version {theirs}, signed as version {ours} asks: get that trust document and its digest from whoever gave you this one"
            );
            return vec![finding.help(help)];
        }
        let help = format!(
            "give the log's own, version {theirs}, or the next after it, which names it as `previous` under a quorum of both: this one is neither. Ask whoever gave it to you, not the log's operator, which trust is this log's"
        );
        std::iter::once(finding.help(help)).chain(by_outside()).collect()
    }
}

/// Whether every version that the log records after the one from outside follows the one before it.
fn follows(outside: &VerifiedTrust, newest: &VerifiedTrust, entries: &[Vec<u8>], package: &Package) -> bool {
    let mut at = outside.clone();
    for entry in entries.iter().filter_map(|bytes| Entry::parse(bytes).ok()).filter(|entry| entry.kind == Kind::Trust) {
        let Some(bytes) = entry.statement().and_then(|digest| package.blob(digest)) else { return false };
        if let Ok(next) = verify_successor(&at, &bytes, entry.time) {
            at = next;
        }
    }
    at.digest() == newest.digest()
}
