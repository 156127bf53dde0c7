//! Closing a log and going on with another, and the chain of them.

use crate::erasure::to_carry;
use crate::error::{FlowError, before_log};
use crate::lacking::{Looked, lacking};
use crate::machine::MachineSigner;
use crate::outside::{TrustFile, goes_on, set_back};
use crate::place::{Place, StoreBlobs};
use crate::policy::activate::{anchored, log_signer, refuse};
use crate::promote::log_keys;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::finding::Finding;
use countersign_core::ids::Origin;
use countersign_core::limits;
use countersign_core::log::carried::CarriedLog;
use countersign_core::log::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use countersign_core::log::merkle::{Frontier, leaf_hash};
use countersign_core::log::note::{NoteKey, NoteSigner as _};
use countersign_core::statement::log_shard::LogShard;
use countersign_core::statement::{Kind, Subject};
use countersign_core::time::Time;
use countersign_record::log::cosigned::read_cosigned;
use countersign_record::log::writer::Appended;
use countersign_record::log::{FolderFiles, LogError};
use countersign_record::store::Store as _;
use countersign_sign::{LogSigner, SigningKey};
use countersign_verify::keys::note_signature_holds;
use countersign_verify::shard::follows;
use countersign_verify::trust::verify_successor;
use countersign_verify::{Blobs as _, LogState, VerifiedTrust};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// The keys with which an end or a beginning is recorded.
#[derive(Debug)]
pub struct ShardKeys {
    /// A gate's, or the identity that it signs as.
    pub gate: MachineSigner,
    /// The log's.
    pub log: SigningKey,
}

/// Appends the entry that closes a log and names the one that follows. Nothing is appended after it. A trust document that
/// follows the recorded one is recorded before, so that the next log begins under it.
pub fn close(
    place: &Place,
    successor: &Origin,
    trust: &TrustFile,
    least: Option<&Path>,
    keys: ShardKeys,
    at: Time,
) -> Result<Appended, FlowError> {
    let verified = anchored(trust)?;
    let writing = Writing { place, trust, verified, least, keys, at };
    writing.append(|state, signer| {
        // What is closed is as it is for good: one that was set back would be the record from then on.
        refuse(goes_on(state.now(), least, place, verified.trust(), at)?)?;
        let here = state.now().reference();
        if here.origin == *successor {
            return Err(FlowError::Usage("a log does not follow itself".to_owned()));
        }
        // Closed for a log that trust does not know, it would be closed for good: nothing could go on from it.
        let follows = verified.trust().logs.iter().find(|log| log.origin == *successor);
        let other = follows.and_then(|log| log.continues.as_ref()).filter(|other| **other != here.origin);
        if follows.is_none() || other.is_some() {
            let found = other.map_or_else(|| "none".to_owned(), |other| format!("it goes on from {other}"));
            let what = format!("trust names no log {successor} that goes on from this one, and a closed log is closed for good");
            return Err(FlowError::Refused(vec![
                Finding::new(codes::LOG_SHARD_INVALID, what)
                    .at("--successor")
                    .expected(format!("log {successor}, continues = {}", here.origin), "trust")
                    .found(found)
                    .help("add it to `[[logs]]` of trust.toml, have the next version of trust signed, and close with that one"),
            ]));
        }
        // The next log is read with it, and once this one is closed nothing can be said of it any more.
        refuse(not_to_carry(state, place)?)?;
        let mut entries: Vec<Entry> = Vec::new();
        if state.now().trust().digest() != verified.digest() {
            verify_successor(state.now().trust(), &trust.bytes, at).map_err(FlowError::Refused)?;
            entries.push(trust_entry(verified, at));
        }
        let shard = LogShard::ClosedFor(successor.clone());
        entries.push(signer.entry(here.root, &shard, Vec::new())?);
        Ok((entries, Vec::new()))
    })
}

/// Appends the first entries of a log: it names the closed one that it goes on from, carries its leaves, and says once
/// more which trust is in force. `least` is a checkpoint that was kept of the earlier log. What that log is read with is copied into this one's store.
pub fn go_on(
    place: &Place,
    earlier: &Place,
    trust: &TrustFile,
    least: Option<&Path>,
    keys: ShardKeys,
    at: Time,
) -> Result<Appended, FlowError> {
    let verified = anchored(trust)?;
    let blobs = StoreBlobs::new(earlier.store());
    let gone = |error| set_back(error, least, earlier, verified.trust(), at);
    let ended = read(earlier, verified, &blobs, at).map_err(gone)?;
    let records = ended.records(&blobs);
    // Of what was lost nothing can be recorded any more where the log is closed: it is withheld at its entry ever after.
    refuse(records.wrong)?;
    refuse(goes_on(ended.now(), least, earlier, verified.trust(), at)?)?;
    let (reference, closed) = (ended.now().reference(), ended.now().closed_for().cloned());
    let carried = carried(earlier)?.to_bytes().map_err(|error| FlowError::Evidence(error.to_string()))?;
    let writing = Writing { place, trust, verified, least: None, keys, at };
    let appended = writing.append(|state, signer| {
        let here = state.now().reference();
        if here.size != 0 {
            return Err(FlowError::Usage(
                "only a log without entries goes on from another: `countersign log init`".to_owned(),
            ));
        }
        if closed.as_ref() != Some(&here.origin) {
            let found =
                closed.as_ref().map_or_else(|| "it is not closed".to_owned(), |other| format!("closed for {other}"));
            return Err(FlowError::Refused(vec![
                Finding::new(codes::LOG_SHARD_INVALID, "the earlier log was not closed for this one")
                    .at(format!("log {}", reference.origin))
                    .expected(format!("closed for {}", here.origin), "its last entry")
                    .found(found),
            ]));
        }
        let mut documents = to_carry(ended.now().chain(), &blobs);
        if !records.lost.is_empty() {
            let gone = lost(&ended, &blobs);
            documents.retain(|digest| !gone.contains(digest));
        }
        copy(earlier, place, &documents)?;
        let shard = LogShard::Continues(reference.clone());
        let entries =
            vec![signer.entry(reference.root, &shard, vec![Sha256::of(&carried)])?, trust_entry(verified, at)];
        Ok((entries, vec![carried.clone()]))
    })?;
    blobs.finish()?;
    Ok(appended)
}

/// A log's leaves under its last checkpoint; with the witnesses' cosignatures, where they have seen its end.
fn carried(place: &Place) -> Result<CarriedLog, FlowError> {
    let (checkpoint, entries) = place.read_log()?;
    let own = UnverifiedCheckpoint::parse(&checkpoint).map_err(|error| FlowError::Evidence(error.to_string()))?;
    let cosigned = read_cosigned(&FolderFiles::new(place.log()))?.filter(|kept| kept.claim() == own.claim());
    let checkpoint = cosigned.map_or(checkpoint, |kept| kept.note().to_string().into_bytes());
    Ok(CarriedLog { checkpoint, entries })
}

/// Copies documents from one store into another, some at a time.
fn copy(from: &Place, to: &Place, digests: &BTreeSet<Sha256>) -> Result<(), FlowError> {
    let digests: Vec<&Sha256> = digests.iter().collect();
    for some in digests.chunks(COPIED_AT_ONCE) {
        let read = some.iter().map(|digest| from.store().get(digest, limits::GIT_EVIDENCE_BYTES));
        let documents = read.collect::<Result<Vec<_>, _>>()?;
        let pieces: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
        to.store().put_many(&pieces)?;
    }
    Ok(())
}

/// Documents that are in memory while a store is copied.
const COPIED_AT_ONCE: usize = 32;

fn trust_entry(trust: &VerifiedTrust, at: Time) -> Entry {
    Entry {
        schema: EntrySchema::V01,
        kind: Kind::Trust,
        time: at,
        environment: None,
        subjects: vec![*trust.digest()],
        persons: Vec::new(),
        statements: vec![*trust.document()],
        evidence: Vec::new(),
    }
}

/// Checks a chain of logs, the earliest first and the newest last: each holds, and each goes on from the one before it. The
/// references are of each in turn.
pub fn chain(places: &[&Place], trust: &VerifiedTrust, at: Time) -> Result<(Vec<LogRef>, Vec<Finding>), FlowError> {
    let (mut references, mut findings) = (Vec::new(), Vec::new());
    let mut before: Option<LogState> = None;
    for (before_it, place) in places.iter().enumerate() {
        let blobs = StoreBlobs::new(place.store());
        let state = match read(place, trust, &blobs, at) {
            Ok(state) => state,
            Err(FlowError::Refused(found)) => {
                findings.extend(found);
                before = None;
                continue;
            }
            Err(error) => return Err(error),
        };
        blobs.finish()?;
        if before_it > 0 && state.now().earlier().is_none() {
            let origin = state.now().origin();
            let what = format!(
                "--earlier: {origin} goes on from no other log: name those that one goes on from, the newest first"
            );
            return Err(FlowError::Usage(what));
        }
        references.push(state.now().reference());
        if let Some(before) = &before {
            findings.extend(follows(&before.now(), &state.now()).err());
        }
        before = Some(state);
    }
    Ok((references, findings))
}

/// The state of a log that holds, an earlier trust than the one from outside included.
fn read(place: &Place, trust: &VerifiedTrust, blobs: &StoreBlobs<'_>, at: Time) -> Result<LogState, FlowError> {
    let (checkpoint, entries) = place.read_log()?;
    let opened = LogState::open(&checkpoint, &entries, trust, blobs, at);
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    // An earlier log knows an earlier trust: the newest is recorded where it goes on.
    let other = |finding: &&Finding| finding.code != codes::TRUST_DIGEST_MISMATCH;
    let faults: Vec<Finding> = state.faults().map(|(_, finding)| finding).filter(other).cloned().collect();
    refuse(faults)?;
    Ok(state)
}

/// Refuses a log whose entries are not what they say: closed with them, it is the record for good, and what goes on from it hands
/// them on. Evidence by hand that was erased stays so, and of what was lost that is recorded first.
fn recorded(state: &LogState, blobs: &StoreBlobs<'_>) -> Result<(), FlowError> {
    let records = state.records(blobs);
    let help = "put it back from a copy; where there is none, record its loss with `countersign evidence erase`";
    refuse(records.wrong.into_iter().chain(records.lost.into_iter().map(|finding| finding.help(help))).collect())
}

/// What the next log will be read with, and the store does not have.
fn not_to_carry(state: &LogState, place: &Place) -> Result<Vec<Finding>, FlowError> {
    let blobs = StoreBlobs::new(place.store());
    let mut missed = to_carry(state.now().chain(), &blobs);
    missed.retain(|digest| blobs.blob(digest).is_none());
    let looked = Looked { environment: None, missed: &missed, again: &BTreeSet::new() };
    let found = lacking(state.now(), &looked, &blobs);
    blobs.finish()?;
    Ok(found)
}

/// Evidence by hand of a log, or of those before it, that its store does not have.
fn lost(state: &LogState, blobs: &StoreBlobs<'_>) -> BTreeSet<Sha256> {
    let entries = state.now().chain().flat_map(|log| log.entries());
    let by_hand = entries.filter(|entry| entry.kind == Kind::ManualEvidence).flat_map(|entry| &entry.statements);
    by_hand.filter(|digest| blobs.blob(digest).is_none()).copied().collect()
}

/// What a log is ended or begun with.
struct Writing<'a> {
    place: &'a Place,
    trust: &'a TrustFile,
    verified: &'a VerifiedTrust,
    /// What was kept of this log, where there is any of it.
    least: Option<&'a Path>,
    keys: ShardKeys,
    at: Time,
}

/// Signs what is said of a log.
struct ShardSigner<'a> {
    log: &'a Origin,
    gate: &'a MachineSigner,
    trust: &'a VerifiedTrust,
    at: Time,
    signed: RefCell<Vec<Vec<u8>>>,
}

impl ShardSigner<'_> {
    /// The entry that says it.
    fn entry(&self, root: Sha256, shard: &LogShard, evidence: Vec<Sha256>) -> Result<Entry, FlowError> {
        let subject = vec![Subject::sha256(&format!("log {}", self.log), &root)];
        let signed = self.gate.sign(Kind::LogShard, subject, shard, self.trust, self.at)?;
        let statements = vec![Sha256::of(&signed)];
        self.signed.borrow_mut().push(signed);
        Ok(Entry {
            schema: EntrySchema::V01,
            kind: Kind::LogShard,
            time: self.at,
            environment: None,
            subjects: vec![root],
            persons: Vec::new(),
            statements,
            evidence: evidence.into_iter().chain(self.gate.root_digest()).collect(),
        })
    }
}

impl Writing<'_> {
    /// Appends what `make` says, with documents, if the log with it holds: an entry by which it did not could not be taken
    /// back.
    fn append(
        self,
        make: impl FnOnce(&LogState, &ShardSigner<'_>) -> Result<(Vec<Entry>, Vec<Vec<u8>>), FlowError>,
    ) -> Result<Appended, FlowError> {
        let Self { place, trust, verified, least, keys, at } = self;
        let signer = log_signer(verified, keys.log, at)?;
        let known = log_keys(verified.trust(), signer.name());
        let holds =
            |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
        let gone = |error: LogError| set_back(error.into(), least, place, verified.trust(), at);
        let mut log = place.append(&signer, &known, &holds).map_err(gone)?;
        let blobs = StoreBlobs::new(place.store());
        let state = read(place, verified, &blobs, at)?;
        recorded(&state, &blobs)?;
        blobs.finish()?;
        refuse(state.now().closed_for().map(closed).into_iter().collect())?;
        let signs =
            ShardSigner { log: signer.name(), gate: &keys.gate, trust: verified, at, signed: RefCell::default() };
        let (entries, documents) = make(&state, &signs)?;
        if let Some(newest) = state.now().newest_time().filter(|newest| at < *newest) {
            refuse(vec![before_log(newest, at)])?;
        }
        let signed = signs.signed.into_inner();
        let pieces: Vec<&[u8]> = signed.iter().chain(&documents).map(Vec::as_slice).chain(keys.gate.root()).collect();
        place.store().put_many(&[pieces, vec![trust.bytes.as_slice()]].concat())?;
        let bytes = entries.iter().map(Entry::to_bytes).collect::<Result<Vec<_>, _>>();
        let bytes = bytes.map_err(|error| FlowError::Evidence(error.to_string()))?;
        rehearse(place, verified, &signer, &bytes, at)?;
        Ok(log.append(&bytes)?)
    }
}

/// Opens the log as it will be, as every reader will.
fn rehearse(
    place: &Place,
    trust: &VerifiedTrust,
    signer: &LogSigner,
    more: &[Vec<u8>],
    at: Time,
) -> Result<(), FlowError> {
    let (_, mut entries) = place.read_log()?;
    entries.extend_from_slice(more);
    let mut tree = Frontier::new();
    for entry in &entries {
        tree.push(leaf_hash(entry)).map_err(|error| FlowError::Evidence(error.to_string()))?;
    }
    let size = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let checkpoint = Checkpoint { origin: signer.name().clone(), size, root: tree.root() };
    let note = checkpoint.sign(signer).map_err(|error| FlowError::Evidence(error.to_string()))?;
    let blobs = StoreBlobs::new(place.store());
    let opened = LogState::open(note.to_string().as_bytes(), &entries, trust, &blobs, at);
    blobs.finish()?;
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    refuse(state.faults().map(|(_, finding)| finding.clone()).collect())
}

/// That a log was closed.
pub(crate) fn closed(successor: &Origin) -> Finding {
    Finding::new(codes::LOG_CLOSED, "the log was closed: nothing is appended to it any more")
        .expected(format!("the log {successor}"), "its last entry")
        .found("the log that was closed")
}
