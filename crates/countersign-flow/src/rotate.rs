//! A log's key gives way to another. That it may is said by trust, whose new version is an entry of the log; here the new
//! key signs what the old one signed, so that the log holds under either of them.

use crate::error::FlowError;
use crate::outside::TrustFile;
use crate::place::{Place, StoreBlobs};
use crate::policy::activate::{anchored, log_signer, other_trust, refuse};
use crate::promote::log_keys;
use countersign_core::codes;
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::note::{NoteKey, NoteSignError, NoteSigner as _};
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use countersign_sign::SigningKey;
use countersign_verify::keys::note_signature_holds;
use countersign_verify::trust::{verify_successor, verify_trust};
use countersign_verify::{VerifiedTrust, named_blob};

/// A key signs for the log by the trust that the log records, or by the next after it: where the old key has ended, the log cannot be
/// opened to record that before.
fn unrelated(place: &Place, file: &TrustFile, trust: &VerifiedTrust, at: Time) -> Result<Vec<Finding>, FlowError> {
    let (_, entries) = place.read_log()?;
    let mut read = entries.iter().rev().filter_map(|bytes| Entry::parse(bytes).ok());
    let Some(entry) = read.find(|entry| entry.kind == Kind::Trust) else { return Ok(Vec::new()) };
    let recorded = entry.subjects.first().filter(|recorded| *recorded != trust.digest());
    let (Some(recorded), Some(document)) = (recorded, entry.statement()) else { return Ok(Vec::new()) };
    let blobs = StoreBlobs::new(place.store());
    let bytes = named_blob(&blobs, document);
    blobs.finish()?;
    let Some(bytes) = bytes else {
        let what = "the trust document that the log records is not in the evidence store";
        return Ok(vec![Finding::new(codes::EVIDENCE_WITHHELD, what).at(document.to_string())]);
    };
    let known = verify_trust(&bytes, Some(recorded), entry.time);
    let Some(known) = known.trust else { return Ok(known.findings) };
    let Err(why) = verify_successor(&known, &file.bytes, at) else { return Ok(Vec::new()) };
    Ok(std::iter::once(other_trust(recorded, trust)).chain(why).collect())
}

/// What came of it.
#[derive(Debug)]
pub struct Rotated {
    /// What the log commits to: the same as before.
    pub checkpoint: Checkpoint,
    /// The signed checkpoint, with the new key's signature.
    pub note: String,
    /// How many signature lines it has now.
    pub signatures: usize,
}

/// Has another key of the log sign its newest checkpoint as well. The key has to count in trust now; the checkpoint has to
/// be signed by a key that trust names for this log, even if that one does not count any more.
pub fn sign_beside(place: &Place, file: &TrustFile, key: SigningKey, at: Time) -> Result<Rotated, FlowError> {
    let trust = anchored(file)?;
    let signer = log_signer(trust, key, at)?;
    let known = log_keys(trust.trust(), signer.name());
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let log = place.append(&signer, &known, &holds)?;
    refuse(unrelated(place, file, trust, at)?)?;
    let reader = LogReader::open(&place.log())?;
    let mut note = reader.checkpoint().note().clone();
    note.sign_also(&signer).map_err(|error| LogError::from(NoteSignError::from(error)))?;
    log.keep_cosigned(&note, false)?;
    let signatures = note.signatures().len();
    Ok(Rotated { checkpoint: reader.checkpoint().claim().clone(), note: note.to_string(), signatures })
}
