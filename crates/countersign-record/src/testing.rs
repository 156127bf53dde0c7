//! A signer for the tests of this crate, and a log that somebody appends to while it is read.

use crate::disk::DiskError;
use crate::log::{FolderFiles, LogFiles};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use countersign_core::ids::Origin;
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};
use std::cell::Cell;

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

/// The files of a log, where something is done just before they are looked into for the time `at`, counted from 0.
pub(crate) struct Beside<'a> {
    files: FolderFiles,
    looked: Cell<usize>,
    at: usize,
    act: &'a dyn Fn(),
}

impl<'a> Beside<'a> {
    pub(crate) const fn new(files: FolderFiles, at: usize, act: &'a dyn Fn()) -> Self {
        Self { files, looked: Cell::new(0), at, act }
    }

    /// Whether it was done.
    pub(crate) fn acted(&self) -> bool {
        self.looked.get() > self.at
    }

    fn look(&self) {
        let now = self.looked.get();
        self.looked.set(now + 1);
        if now == self.at {
            (self.act)();
        }
    }
}

impl LogFiles for Beside<'_> {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        self.look();
        self.files.read(path, limit)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.look();
        self.files.list()
    }
}
