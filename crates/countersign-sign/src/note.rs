//! The key of a log: an Ed25519 key and the name that it signs under.

use crate::key_file::SigningKey;
use countersign_core::ids::Origin;
use countersign_core::key::PublicKey;
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};

/// Signs a log's checkpoints.
#[derive(Debug)]
pub struct LogSigner {
    key: SigningKey,
    note: NoteKey,
    beside: Option<Box<Self>>,
}

/// A key that cannot sign checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a log signs with an Ed25519 key, this one is {found}")]
pub struct NotALogKey {
    /// What kind it is.
    pub found: &'static str,
}

impl LogSigner {
    /// The log's name, and its key, which must be Ed25519.
    pub fn new(origin: Origin, key: SigningKey) -> Result<Self, NotALogKey> {
        let PublicKey::Ed25519(public) = key.public() else {
            return Err(NotALogKey { found: key.public().kind() });
        };
        Ok(Self { note: NoteKey::new(origin, *public), key, beside: None })
    }

    /// With another key of the same log that signs beside it, while one gives way to the other.
    pub fn with(mut self, other: SigningKey) -> Result<Self, NotALogKey> {
        self.beside = Some(Box::new(Self::new(self.note.name().clone(), other)?));
        Ok(self)
    }
}

impl NoteSigner for LogSigner {
    fn key(&self) -> &NoteKey {
        &self.note
    }

    fn beside(&self) -> Option<&dyn NoteSigner> {
        let beside: &dyn NoteSigner = self.beside.as_deref()?;
        Some(beside)
    }

    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        let failed = |source| SignFailed { key: self.note.clone(), source };
        let signature = self.key.sign(bytes).map_err(|error| failed(Some(Box::new(error))))?;
        signature.try_into().map_err(|_length| failed(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::KeyKind;
    use crate::testkit::holds;
    use countersign_core::log::note::Note;

    fn origin() -> Origin {
        Origin::new("example.com/log").unwrap()
    }

    #[test]
    fn a_note_signed_by_a_log_holds_for_its_key_and_no_other() {
        let signer = |origin| LogSigner::new(origin, SigningKey::generate(KeyKind::Ed25519).unwrap()).unwrap();
        let (log, other) = (signer(origin()), signer(origin()));
        let check = |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| {
            holds(&PublicKey::Ed25519(*key.public()), bytes, signature)
        };
        let note = Note::sign("example.com/log\n1\nroot\n".to_owned(), &log).unwrap();
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read.verify(&[log.key().clone()], &check), Ok(vec![log.key()]));
        assert!(read.verify(&[other.key().clone()], &check).is_err());
    }

    #[test]
    fn while_one_key_gives_way_to_another_both_sign_and_each_alone_is_enough() {
        let key = || SigningKey::generate(KeyKind::Ed25519).unwrap();
        let (old, new) = (key(), key());
        let keys = [&old, &new].map(|key| {
            let PublicKey::Ed25519(bytes) = key.public() else { panic!("it was made as Ed25519") };
            NoteKey::new(origin(), *bytes)
        });
        let both = LogSigner::new(origin(), old).unwrap().with(new).unwrap();
        let check = |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| {
            holds(&PublicKey::Ed25519(*key.public()), bytes, signature)
        };
        let note = Note::sign("example.com/log\n1\nroot\n".to_owned(), &both).unwrap();
        assert_eq!(note.signatures().len(), 2);
        for key in &keys {
            assert_eq!(note.verify(std::slice::from_ref(key), &check), Ok(vec![key]));
        }
    }

    #[test]
    fn a_log_does_not_sign_with_another_kind_of_key() {
        let p256 = SigningKey::generate(KeyKind::P256).unwrap();
        let error = LogSigner::new(origin(), p256).unwrap_err();
        assert_eq!(error.to_string(), "a log signs with an Ed25519 key, this one is ECDSA P-256");
    }
}
