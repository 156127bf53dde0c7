//! What a witness remembers: of each log the newest checkpoint that it cosigned. One process at a time has it open, and
//! within it one request at a time is judged and remembered, so that nobody can be cosigned into the past.

use crate::atomic::replace;
use crate::disk::{DiskError, Doing, make_folders, read_bounded};
use crate::lock::taken;
use countersign_core::digest::Sha256;
use countersign_core::ids::Origin;
use countersign_core::limits;
use countersign_core::log::checkpoint::{Checkpoint, CheckpointError, UnverifiedCheckpoint};
use countersign_core::log::cosignature::cosign;
use countersign_core::log::note::{NoteKey, NoteSignature, NoteSigner, NoteVerifier, SignFailed};
use countersign_core::log::witness::{AddCheckpoint, WitnessRefused, judge};
use countersign_core::time::Time;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The memory of a witness, in a folder of its own.
#[derive(Debug)]
pub struct WitnessMemory {
    folder: PathBuf,
    one_at_a_time: Mutex<()>,
    /// Holds the lock until it is closed.
    _lock: File,
}

/// Why a witness could not answer at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// Another process has this memory open.
    #[error("another process has the witness's memory {} open", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// What it remembers of a log does not read: it is never taken for a log that was not seen before.
    #[error("{} is not a checkpoint that this witness cosigned", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Option<CheckpointError>,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignFailed),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl WitnessMemory {
    /// Opens the memory in a folder, which is made where it does not exist. A witness whose folder was lost has forgotten
    /// what it cosigned.
    pub fn open(folder: &Path) -> Result<Self, WitnessError> {
        make_folders(folder)?;
        let path = folder.join(".lock");
        let wrap = |source| DiskError::new(Doing::Lock, &path, source);
        let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(wrap)?;
        if !taken(&lock).map_err(wrap)? {
            return Err(WitnessError::InUse { folder: folder.to_owned() });
        }
        Ok(Self { folder: folder.to_owned(), one_at_a_time: Mutex::new(()), _lock: lock })
    }

    /// The newest checkpoint that was cosigned of a log.
    pub fn latest(&self, origin: &Origin) -> Result<Option<Checkpoint>, WitnessError> {
        let path = self.path(origin);
        let Some(bytes) = read_bounded(&path, limits::NOTE_BYTES)? else { return Ok(None) };
        let wrong = |source| WitnessError::Memory { path: path.clone(), source };
        let read = UnverifiedCheckpoint::parse(&bytes).map_err(|source| wrong(Some(source)))?;
        if read.claim().origin == *origin { Ok(Some(read.claim().clone())) } else { Err(wrong(None)) }
    }

    /// Judges a request by the keys of its log and what is remembered of it; remembers its checkpoint durably, and only then
    /// cosigns it.
    pub fn add_checkpoint(
        &self,
        request: &AddCheckpoint,
        keys: &[NoteKey],
        verifier: &dyn NoteVerifier,
        signer: &dyn NoteSigner,
        at: Time,
    ) -> Result<Result<NoteSignature, WitnessRefused>, WitnessError> {
        // What another thread left undone is not remembered, and was not answered: the disk says what is.
        let _turn = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let claim = request.checkpoint.claim();
        let latest = self.latest(&claim.origin)?;
        if let Err(refused) = judge(request, keys, latest.as_ref(), verifier) {
            return Ok(Err(refused));
        }
        if latest.as_ref() != Some(claim) {
            // With the log's signature, as proof of what the log has said.
            let note = request.checkpoint.note().to_string();
            replace(&self.path(&claim.origin), note.as_bytes(), 0o644)?;
        }
        Ok(Ok(cosign(request.checkpoint.note().text(), signer, at)?))
    }

    fn path(&self, origin: &Origin) -> PathBuf {
        self.folder.join(Sha256::of(origin.as_str().as_bytes()).hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestSigner, holds, signer};
    use countersign_core::log::merkle;

    fn leaves(count: u64) -> Vec<Sha256> {
        (0..count).map(|n| merkle::leaf_hash(&n.to_be_bytes())).collect()
    }

    fn request(log: &TestSigner, old: u64, size: u64) -> AddCheckpoint {
        let checkpoint = Checkpoint { origin: log.name().clone(), size, root: merkle::root_of(&leaves(size)) };
        let note = checkpoint.sign(log).unwrap().to_string();
        let mut tree = Leaves(leaves(size));
        let proof =
            if old == 0 || old == size { Vec::new() } else { merkle::consistency_proof(&mut tree, old, size).unwrap() };
        AddCheckpoint { old, proof, checkpoint: UnverifiedCheckpoint::parse(note.as_bytes()).unwrap() }
    }

    struct Leaves(Vec<Sha256>);

    impl merkle::HashReader for Leaves {
        type Error = std::convert::Infallible;
        fn hash(&mut self, level: u32, index: u64) -> Result<Sha256, Self::Error> {
            let width = 1_usize << level;
            let first = usize::try_from(index).unwrap() * width;
            Ok(merkle::root_of(&self.0[first..first + width]))
        }
    }

    fn at() -> Time {
        Time::from_unix(1_000).unwrap()
    }

    #[test]
    fn what_was_cosigned_is_remembered_over_a_restart_and_nothing_older_is_cosigned() {
        let dir = tempfile::tempdir().unwrap();
        let (log, witness) = (signer("example.com/log", 1), signer("witness.example/w1", 2));
        let keys = [log.key().clone()];
        let ask = |memory: &WitnessMemory, old, size| {
            let said = memory.add_checkpoint(&request(&log, old, size), &keys, &holds, &witness, at()).unwrap();
            said.map(|_| ()).map_err(|refused| refused.status())
        };
        let memory = WitnessMemory::open(dir.path()).unwrap();
        assert!(matches!(WitnessMemory::open(dir.path()), Err(WitnessError::InUse { .. })));
        assert_eq!(ask(&memory, 0, 3), Ok(()));
        assert_eq!(ask(&memory, 3, 7), Ok(()));
        drop(memory);
        let memory = WitnessMemory::open(dir.path()).unwrap();
        assert_eq!(ask(&memory, 3, 7), Err(409));
        assert_eq!(ask(&memory, 3, 5), Err(409), "rolled back");
        assert_eq!(ask(&memory, 7, 7), Ok(()));
        assert_eq!(memory.latest(log.name()).unwrap().unwrap().size, 7);
        // A memory that does not read is not one of nothing.
        std::fs::write(memory.path(log.name()), b"").unwrap();
        let torn = memory.add_checkpoint(&request(&log, 0, 8), &keys, &holds, &witness, at());
        assert!(matches!(torn, Err(WitnessError::Memory { .. })), "{torn:?}");
    }

    #[test]
    fn of_requests_at_one_time_each_goes_on_from_what_was_cosigned_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let memory = WitnessMemory::open(dir.path()).unwrap();
        let (log, witness) = (signer("example.com/log", 1), signer("witness.example/w1", 2));
        let keys = [log.key().clone()];
        // All of them go on from nothing: exactly one can be first.
        let good: usize = std::thread::scope(|scope| {
            let ask = |size: u64| {
                let (memory, log, witness, keys) = (&memory, &log, &witness, &keys);
                scope.spawn(move || {
                    let request = request(log, 0, size);
                    memory.add_checkpoint(&request, keys, &holds, witness, at()).unwrap().is_ok()
                })
            };
            let running: Vec<_> = (1..=8).map(ask).collect();
            running.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
        });
        assert_eq!(good, 1);
    }
}
