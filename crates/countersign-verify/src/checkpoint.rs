//! A log's checkpoint under trust: signed by a key of the log that counts, now or when the log was as long as it says. What it says of
//! entries is held against them elsewhere.

use crate::keys::note_signature_holds;
use crate::log::StateView;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::finding::Finding;
use countersign_core::key::PublicKey;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::note::NoteKey;
use countersign_core::time::Time;
use countersign_core::trust::Trust;

/// A checkpoint that was kept of a log, or of one that it goes on from. Its key counts now, or counted when the log was as
/// long as the checkpoint says: by the trust given now, or, where that does not name the key any more, by that of then. What it
/// says is still to be held against the log.
pub fn kept_checkpoint(bytes: &[u8], view: &StateView<'_>, trust: &Trust, at: Time) -> Result<LogRef, Finding> {
    let now = match signed_checkpoint(bytes, trust, at) {
        Err(finding) if finding.code == codes::LOG_CHECKPOINT_INVALID => finding,
        other => return other,
    };
    let Some((then, known)) = UnverifiedCheckpoint::parse(bytes).ok().and_then(|kept| view.as_of(kept.claim())) else {
        // Kept when the log was longer than it is here: by a key that counts only since. That is held against the log, which
        // says that it was set back, and not that nobody knows the key.
        return by_a_later_key(bytes, trust, at).ok_or(now);
    };
    let by_now = signed_checkpoint(bytes, trust, then);
    by_now.or_else(|_| signed_checkpoint(bytes, &without(known, trust), then)).map_err(|_then| now)
}

/// The checkpoint, if a key of the log signed it that begins to count after this moment.
fn by_a_later_key(bytes: &[u8], trust: &Trust, at: Time) -> Option<LogRef> {
    let kept = UnverifiedCheckpoint::parse(bytes).ok()?;
    let begins = trust.log(&kept.claim().origin)?.keys.iter().filter_map(|owned| owned.valid_from);
    begins.filter(|begins| *begins > at).find_map(|begins| signed_checkpoint(bytes, trust, begins).ok())
}

/// A trust without the keys of logs that another one names: of those the other one tells more.
fn without(known: &Trust, other: &Trust) -> Trust {
    let mut known = known.clone();
    for log in &mut known.logs {
        log.keys.retain(|owned| other.owner_of(&owned.key.id()).is_none());
    }
    known
}

/// The checkpoint of a log that is not there to say when it was as long as that: signed by a key that trust names for it, whenever
/// that counts. Nothing is let go by it: that a log was there, a key that has ended shows as well.
pub fn ever_signed_checkpoint(bytes: &[u8], trust: &Trust, at: Time) -> Result<LogRef, Finding> {
    let mut ever = trust.clone();
    for owned in ever.logs.iter_mut().flat_map(|log| &mut log.keys) {
        (owned.valid_from, owned.valid_until, owned.compromised_since) = (None, None, None);
    }
    signed_checkpoint(bytes, &ever, at)
}

/// The checkpoint, signed by a key of trust's that counts, for a log that trust knows.
pub fn signed_checkpoint(bytes: &[u8], trust: &Trust, at: Time) -> Result<LogRef, Finding> {
    let refused = |what: String| Finding::new(codes::LOG_CHECKPOINT_INVALID, what).at("log checkpoint");
    let unverified = UnverifiedCheckpoint::parse(bytes).map_err(|e| refused(e.to_string()))?;
    let claim = unverified.claim();
    let Some(log) = trust.log(&claim.origin) else {
        let known: Vec<String> = trust.logs.iter().map(|l| l.origin.to_string()).collect();
        return Err(Finding::new(codes::LOG_ORIGIN_MISMATCH, format!("trust knows no log {}", claim.origin))
            .at("log checkpoint")
            .expected(known.join(", "), format!("trust, version {}", trust.version))
            .found(claim.origin.to_string()));
    };
    let keys: Vec<NoteKey> = log
        .keys
        .iter()
        .filter(|owned| owned.counts_at(at))
        .filter_map(|owned| match &owned.key {
            PublicKey::Ed25519(key) => Some(NoteKey::new(claim.origin.clone(), *key)),
            PublicKey::P256(_)
            | PublicKey::P384(_)
            | PublicKey::Rsa { .. }
            | PublicKey::SkEd25519 { .. }
            | PublicKey::SkP256 { .. } => None,
        })
        .collect();
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    unverified.verify(&keys, &holds).map_err(|e| {
        // Whoever finds that a checkpoint does not hold any more is told which key that is about.
        let not_counting = log.keys.iter().filter(|owned| !owned.counts_at(at)).map(|owned| {
            let since = owned.compromised_since.filter(|since| *since <= at);
            let why = since.map_or_else(String::new, |since| format!(": in foreign hands since {since}"));
            format!("key {} does not count at {at}{why}", owned.key.id())
        });
        not_counting.fold(refused(e.to_string()), Finding::found)
    })?;
    Ok(LogRef { origin: claim.origin.clone(), size: claim.size, root: claim.root })
}
