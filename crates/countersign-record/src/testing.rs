//! A signer for the tests of this crate.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use countersign_core::ids::Origin;
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};

pub(crate) struct TestSigner {
    pair: Ed25519KeyPair,
    key: NoteKey,
}

pub(crate) fn signer(origin: &str, seed: u8) -> TestSigner {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    TestSigner { key: NoteKey::new(Origin::new(origin).unwrap(), public), pair }
}

impl NoteSigner for TestSigner {
    fn key(&self) -> &NoteKey {
        &self.key
    }
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        Ok(self.pair.sign(bytes).as_ref().try_into().unwrap())
    }
}

pub(crate) fn holds(key: &NoteKey, bytes: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key.public()).verify(bytes, signature).is_ok()
}
