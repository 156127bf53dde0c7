//! Closing a log and going on with another, and the chain of them.

use crate::error::FlowError;
use crate::outside::TrustFile;
use crate::place::{Place, StoreBlobs};
use crate::policy::activate::{anchored, log_signer, refuse};
use crate::promote::log_keys;
use crate::signing;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::finding::Finding;
use countersign_core::ids::Origin;
use countersign_core::log::note::{NoteKey, NoteSigner as _};
use countersign_core::statement::log_shard::LogShard;
use countersign_core::statement::{Kind, Subject};
use countersign_core::time::Time;
use countersign_record::log::writer::Appended;
use countersign_record::store::Store as _;
use countersign_sign::SigningKey;
use countersign_verify::keys::note_signature_holds;
use countersign_verify::shard::follows;
use countersign_verify::{LogState, VerifiedTrust};

/// The keys with which an end or a beginning is recorded.
#[derive(Debug)]
pub struct ShardKeys {
    /// A gate's.
    pub gate: SigningKey,
    /// The log's.
    pub log: SigningKey,
}

/// Appends the entry that closes a log and names the one that follows. Nothing is appended after it.
pub fn close(
    place: &Place,
    successor: &Origin,
    trust: &TrustFile,
    keys: ShardKeys,
    at: Time,
) -> Result<Appended, FlowError> {
    let trust = anchored(trust)?;
    record(place, trust, keys, at, |state| {
        let here = state.now().reference();
        if here.origin == *successor {
            return Err(FlowError::Usage("a log does not follow itself".to_owned()));
        }
        Ok((here.root, LogShard::ClosedFor(successor.clone())))
    })
}

/// Appends the first entry of a log, which names the closed one that it goes on from.
pub fn go_on(
    place: &Place,
    earlier: &Place,
    trust: &TrustFile,
    keys: ShardKeys,
    at: Time,
) -> Result<Appended, FlowError> {
    let trust = anchored(trust)?;
    let blobs = StoreBlobs::new(earlier.store());
    let ended = read(earlier, trust, &blobs, at)?;
    let (reference, closed) = (ended.now().reference(), ended.now().closed_for().cloned());
    blobs.finish()?;
    record(place, trust, keys, at, |state| {
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
        Ok((reference.root, LogShard::Continues(reference.clone())))
    })
}

/// Checks a chain of logs, the earliest first and the newest last: each holds, and each goes on from the one before it. The
/// references are of each in turn.
pub fn chain(places: &[&Place], trust: &VerifiedTrust, at: Time) -> Result<(Vec<LogRef>, Vec<Finding>), FlowError> {
    let (mut references, mut findings) = (Vec::new(), Vec::new());
    let mut before: Option<LogState> = None;
    for place in places {
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

fn record(
    place: &Place,
    trust: &VerifiedTrust,
    keys: ShardKeys,
    at: Time,
    make: impl FnOnce(&LogState) -> Result<(Sha256, LogShard), FlowError>,
) -> Result<Appended, FlowError> {
    let signer = log_signer(trust, keys.log, at)?;
    let known = log_keys(trust.trust(), signer.name());
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let mut log = place.append(&signer, &known, &holds)?;
    let blobs = StoreBlobs::new(place.store());
    let state = read(place, trust, &blobs, at)?;
    blobs.finish()?;
    refuse(state.now().closed_for().map(closed).into_iter().collect())?;
    if let Some(newest) = state.now().newest_time().filter(|newest| at < *newest) {
        refuse(vec![
            Finding::new(codes::TIME_BEFORE_LOG, "the machine's time lies before the newest entry of the log")
                .expected(format!("{newest} or later"), "the log")
                .found(at.to_string()),
        ])?;
    }
    let (root, shard) = make(&state)?;
    let name = format!("log {}", signer.name());
    let subject = vec![Subject::sha256(&name, &root)];
    let signed = signing::sign_for_trust(Kind::LogShard, subject, &shard, &keys.gate, trust, at)?;
    place.store().put_many(&[&signed])?;
    let entry = Entry {
        schema: EntrySchema::V01,
        kind: Kind::LogShard,
        time: at,
        environment: None,
        subjects: vec![root],
        persons: Vec::new(),
        statements: vec![Sha256::of(&signed)],
        evidence: Vec::new(),
    };
    let bytes = entry.to_bytes().map_err(|error| FlowError::Evidence(error.to_string()))?;
    Ok(log.append(&[bytes])?)
}

/// That a log was closed.
pub(crate) fn closed(successor: &Origin) -> Finding {
    Finding::new(codes::LOG_CLOSED, "the log was closed: nothing is appended to it any more")
        .expected(format!("the log {successor}"), "its last entry")
        .found("the log that was closed")
}
