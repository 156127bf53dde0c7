//! The trust that the log records last beside the one that the auditor has, where these are not the same. What was decided is judged by
//! the recorded one either way: that the auditor holds another is one cause, and no fault of the decisions.

use super::holding::Package;
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
        let mut indexed = entries.iter().enumerate().rev();
        let (index, entry) = indexed.find_map(|(index, bytes)| Some((index, trust_entry(bytes)?)))?;
        let digest: &Sha256 = entry.subjects.first().filter(|digest| *digest != outside.digest())?;
        let document = package.blob(entry.statement()?)?;
        let trust = verify_trust(&document, Some(digest), entry.time).trust?;
        let beside = if verify_successor(&trust, bytes, outside.trust().not_before.max(entry.time)).is_ok() {
            Beside::Next
        } else if newest_from(outside, entries, package).digest() == trust.digest() {
            Beside::Before
        } else {
            Beside::Other
        };
        Some(Self { trust, entry: u64::try_from(index).unwrap_or(u64::MAX), beside })
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
            let what = format!("the log records trust up to version {theirs}, and is judged by version {ours} besides");
            let later = Finding::new(codes::TRUST_LATER, what).at("trust");
            return std::iter::once(later).chain(by_outside()).collect();
        }
        let differs = if ours == theirs {
            format!(" is another document of the same version {ours} than the newest that the log records")
        } else {
            format!(", version {ours}, is not the newest that the log records, version {theirs}")
        };
        let what =
            format!("the trust given from outside{differs}: what follows is judged by that one, for what it is worth");
        let finding = Finding::new(codes::TRUST_DIGEST_MISMATCH, what)
            .at(format!("log entry {}", self.entry))
            .expected(format!("{} (version {theirs})", self.trust.digest()), "the log")
            .found(format!("{} (version {ours})", outside.digest()));
        if self.beside == Beside::Before {
            let help = format!(
                "the log went on to version {theirs}, signed as version {ours} asks: get that trust document and its digest from where you have this one, not from the package"
            );
            return vec![finding.help(help)];
        }
        let help = format!(
            "give the log's own, version {theirs}, or the next after it, which names it as `previous` under a quorum of both: this one is neither. Ask whoever gave it to you, not the log's operator, which trust is this log's"
        );
        std::iter::once(finding.help(help)).chain(by_outside()).collect()
    }
}

/// The newest version that the log records and that goes on from this one, each from the one before it; itself where none does.
fn newest_from(given: &VerifiedTrust, entries: &[Vec<u8>], package: &Package) -> VerifiedTrust {
    let mut newest = given.clone();
    for entry in entries.iter().filter_map(|bytes| trust_entry(bytes)) {
        let next = entry.statement().and_then(|digest| package.blob(digest));
        let next = next.and_then(|bytes| verify_successor(&newest, &bytes, entry.time).ok());
        newest = next.unwrap_or(newest);
    }
    newest
}

/// An entry that records trust.
fn trust_entry(bytes: &[u8]) -> Option<Entry> {
    // An entry's bytes are canonical: one without these is of another kind, and need not be read.
    const KIND: &[u8] = br#""kind":"trust""#;
    let may_be = bytes.windows(KIND.len()).any(|part| part == KIND);
    may_be.then(|| Entry::parse(bytes).ok())?.filter(|entry| entry.kind == Kind::Trust)
}

/// That the log's checkpoint is signed by a key that a newer trust names, which the log records and which goes on from the one
/// that was given: then that is too old, and nothing was altered.
pub(super) fn too_old(
    checkpoint: &[u8],
    entries: &[Vec<u8>],
    given: &VerifiedTrust,
    package: &Package,
    at: Time,
) -> Option<Finding> {
    if signed_checkpoint(checkpoint, given.trust(), at).is_ok() {
        return None;
    }
    let newest = newest_from(given, entries, package);
    let (ours, theirs) = (given.trust().version, newest.trust().version);
    if theirs == ours || signed_checkpoint(checkpoint, newest.trust(), at).is_err() {
        return None;
    }
    let what = format!(
        "the log records trust version {theirs}, and you gave version {ours}: it does not know the key that signs the log now"
    );
    Some(
        Finding::new(codes::TRUST_DIGEST_MISMATCH, what)
            .at("trust")
            .expected(
                format!("version {theirs}, {}", newest.digest()),
                "the log, signed by a quorum of the version that you gave",
            )
            .found(format!("version {ours}, {}", given.digest()))
            .help(format!(
                "get trust version {theirs} and its digest from where you have this one, not from the package"
            )),
    )
}
