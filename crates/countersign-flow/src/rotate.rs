//! A log's key gives way to another. That it may is said by trust, whose new version is an entry of the log; here the new
//! key signs what the old one signed, so that the log holds under either of them.

use crate::error::FlowError;
use crate::outside::TrustFile;
use crate::place::Place;
use crate::policy::activate::{anchored, log_signer};
use crate::promote::log_keys;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::note::{NoteKey, NoteSignError, NoteSigner as _};
use countersign_core::time::Time;
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use countersign_sign::SigningKey;
use countersign_verify::keys::note_signature_holds;

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
pub fn sign_beside(place: &Place, trust: &TrustFile, key: SigningKey, at: Time) -> Result<Rotated, FlowError> {
    let trust = anchored(trust)?;
    let signer = log_signer(trust, key, at)?;
    let known = log_keys(trust.trust(), signer.name());
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let log = place.append(&signer, &known, &holds)?;
    let reader = LogReader::open(&place.log())?;
    let mut note = reader.checkpoint().note().clone();
    note.sign_also(&signer).map_err(|error| LogError::from(NoteSignError::from(error)))?;
    log.keep_cosigned(&note, false)?;
    let signatures = note.signatures().len();
    Ok(Rotated { checkpoint: reader.checkpoint().claim().clone(), note: note.to_string(), signatures })
}
