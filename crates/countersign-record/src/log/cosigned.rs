//! The newest checkpoint that witnesses have cosigned. It lies beside the log's own checkpoint, which the next append
//! replaces by one that nobody has cosigned yet.

use super::error::LogError;
use super::files::{FolderFiles, LogFiles, read_checkpoint};
use super::{CHECKPOINT, COSIGNED};
use crate::atomic::replace;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::note::Note;
use std::path::Path;

/// The newest cosigned checkpoint, whose signatures nobody has checked; `None` where there never was one.
pub fn read_cosigned(files: &dyn LogFiles) -> Result<Option<UnverifiedCheckpoint>, LogError> {
    let Some(bytes) = files.read(COSIGNED, limits::NOTE_BYTES)? else { return Ok(None) };
    let read = UnverifiedCheckpoint::parse(&bytes);
    read.map(Some).map_err(|source| LogError::Checkpoint { path: COSIGNED.to_owned(), source })
}

/// Keeps a cosigned checkpoint of a log that no process of ours has open: waits for nobody, and says so where one has.
/// `enough` says that a quorum has cosigned it.
pub fn keep_cosigned(folder: &Path, note: &Note, enough: bool) -> Result<(), LogError> {
    let _lock = super::writer::lock(folder, false)?;
    keep(folder, note, enough)
}

/// The same for whoever holds the lock. The cosigned one is durable before the log's own gives way to it. Neither an older
/// one nor one that too few have cosigned takes the place of one that a quorum has.
pub(super) fn keep(folder: &Path, note: &Note, enough: bool) -> Result<(), LogError> {
    let bytes = note.to_string().into_bytes();
    let parse = |source| LogError::Checkpoint { path: COSIGNED.to_owned(), source };
    let cosigned = UnverifiedCheckpoint::parse(&bytes).map_err(parse)?;
    let files = FolderFiles::new(folder);
    let own = read_checkpoint(&files)?;
    if cosigned.claim().origin != own.claim().origin {
        let (expected, found) = (own.claim().origin.clone(), cosigned.claim().origin.clone());
        return Err(LogError::Origin { expected, found });
    }
    let older = read_cosigned(&files)?.is_some_and(|known| known.claim().size > cosigned.claim().size);
    if enough && !older {
        replace(&folder.join(COSIGNED), &bytes, 0o644)?;
    }
    if own.claim() == cosigned.claim() {
        replace(&folder.join(CHECKPOINT), &bytes, 0o644)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::verify::verify_folder;
    use crate::log::writer::Log;
    use crate::testing::{holds, signer};
    use countersign_core::log::cosignature::cosign;
    use countersign_core::log::note::NoteSigner as _;
    use countersign_core::time::Time;

    #[test]
    fn a_cosigned_checkpoint_is_shown_until_the_log_grows_and_kept_after_that() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("log");
        let (log_key, witness) = (signer("example.com/log", 1), signer("witness.example/w1", 2));
        let files = FolderFiles::new(&folder);
        let cosigned_now = || {
            let mut note = read_checkpoint(&files).unwrap().note().clone();
            note.add(cosign(note.text(), &witness, Time::from_unix(1000).unwrap()).unwrap());
            note
        };
        let mut log = Log::create(&folder, &log_key).unwrap();
        assert_eq!(read_cosigned(&files).unwrap(), None);
        log.append(&[b"one".to_vec()]).unwrap();
        let first = cosigned_now();
        log.keep_cosigned(&first, true).unwrap();
        assert_eq!(read_checkpoint(&files).unwrap().note(), &first);
        assert!(matches!(keep_cosigned(&folder, &first, true), Err(LogError::InUse { .. })));
        log.append(&[b"two".to_vec()]).unwrap();
        assert_eq!(read_checkpoint(&files).unwrap().note().signatures().len(), 1);
        assert_eq!(read_cosigned(&files).unwrap().unwrap().note(), &first);
        let second = cosigned_now();
        log.keep_cosigned(&second, true).unwrap();
        log.keep_cosigned(&first, true).unwrap();
        assert_eq!(read_cosigned(&files).unwrap().unwrap().note(), &second, "an older one came late");
        log.append(&[b"three".to_vec()]).unwrap();
        let third = cosigned_now();
        log.keep_cosigned(&third, false).unwrap();
        assert_eq!(read_checkpoint(&files).unwrap().note(), &third);
        assert_eq!(read_cosigned(&files).unwrap().unwrap().note(), &second, "too few have cosigned the third");
        drop(log);
        // A log with a cosigned checkpoint is opened and checked like any other.
        let known = [log_key.key().clone()];
        drop(Log::open_for_append(&folder, &log_key, &known, &holds).unwrap());
        let report = verify_folder(&folder).unwrap();
        assert_eq!((report.bad, report.beyond), (None, Vec::new()));
    }
}
