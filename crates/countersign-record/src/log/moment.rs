//! A log as it was at one moment, for whoever needs longer than that to read it: others append meanwhile, have what they
//! appended cosigned, and drop the partial tiles of a tile that is full.

use super::error::LogError;
use super::files::{LogFiles, read_checkpoint, tile_bytes};
use super::verify::entries_end;
use super::{CHECKPOINT, COSIGNED};
use crate::disk::DiskError;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::tile::{self, Row, Tile};
use std::fmt;

/// What a log commits to and what witnesses cosigned of it, as both were at one moment. Nobody has checked a signature
/// here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The log's own checkpoint.
    pub checkpoint: UnverifiedCheckpoint,
    /// The bytes of the newest checkpoint that witnesses had cosigned, where there was one.
    pub cosigned: Option<Vec<u8>>,
}

impl Moment {
    /// As these files are now.
    pub fn of(files: &dyn LogFiles) -> Result<Self, LogError> {
        // In this order: only what the log commits to is cosigned, and it commits to no less later. The other way round
        // the log could grow and be cosigned in between, and would look as if it had been set back.
        let cosigned = files.read(COSIGNED, limits::NOTE_BYTES)?;
        let checkpoint = read_checkpoint(files)?;
        Ok(Self { checkpoint, cosigned })
    }

    /// The log's own checkpoint as a file.
    #[must_use]
    pub fn checkpoint_bytes(&self) -> Vec<u8> {
        self.checkpoint.note().to_string().into_bytes()
    }

    /// The cosigned checkpoint, if it reads.
    pub fn read_cosigned(&self) -> Result<Option<UnverifiedCheckpoint>, LogError> {
        let Some(bytes) = &self.cosigned else { return Ok(None) };
        let read = UnverifiedCheckpoint::parse(bytes);
        read.map(Some).map_err(|source| LogError::Checkpoint { path: COSIGNED.to_owned(), source })
    }
}

/// The files of a log as they are at a moment: both checkpoints, and each tile once, as wide as the log's own checkpoint
/// makes it. Where a narrow one is gone, it is the beginning of the full one.
#[derive(Clone, Copy)]
pub struct FilesAt<'a> {
    files: &'a dyn LogFiles,
    moment: &'a Moment,
}

impl fmt::Debug for FilesAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesAt").field("moment", self.moment).finish_non_exhaustive()
    }
}

impl<'a> FilesAt<'a> {
    /// These files at a moment of theirs.
    #[must_use]
    pub const fn new(files: &'a dyn LogFiles, moment: &'a Moment) -> Self {
        Self { files, moment }
    }

    fn tile(&self, path: &str) -> Result<Option<Vec<u8>>, DiskError> {
        let size = self.moment.checkpoint.claim().size;
        let has = |tile: &Tile| tile.row().tile(tile.index(), size) == Some(*tile);
        let Some(tile) = Tile::from_path(path).ok().filter(has) else { return Ok(None) };
        Ok(tile_bytes(self.files, tile)?.map(|(_, bytes)| cut(tile, bytes)))
    }
}

/// The part of a tile's file that a tile of this width is. What does not have the form of either stays as it is: whoever
/// checks it finds that.
fn cut(tile: Tile, mut bytes: Vec<u8>) -> Vec<u8> {
    let width = tile.width();
    let end = match tile.row() {
        Row::Entries => tile::decode_entries(&bytes, width).ok().map(|entries| entries_end(&entries, width)),
        Row::Hashes(_) => tile::decode_hashes(&bytes, width).ok().map(|hashes| hashes.len().saturating_mul(32)),
    };
    if let Some(end) = end {
        bytes.truncate(end);
    }
    bytes
}

impl LogFiles for FilesAt<'_> {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        let mut read = match path {
            CHECKPOINT => Some(self.moment.checkpoint_bytes()),
            COSIGNED => self.moment.cosigned.clone(),
            path => self.tile(path)?,
        };
        if let Some(bytes) = &mut read {
            bytes.truncate(limit.saturating_add(1));
        }
        Ok(read)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let size = self.moment.checkpoint.claim().size;
        // Whoever wrote the checkpoint may claim any size: no package has more files.
        let tiles = Row::all().flat_map(|row| row.tiles(size)).take(limits::PACKAGE_FILES.saturating_add(1));
        let mut paths: Vec<String> = tiles.map(Tile::path).collect();
        paths.sort();
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::cosigned::{keep_cosigned, read_cosigned};
    use crate::log::reader::LogReader;
    use crate::log::verify::{verify_folder, verify_log};
    use crate::log::writer::Log;
    use crate::log::{FolderFiles, PackageFiles};
    use crate::testing::{Beside, TestSigner, holds, signer};
    use countersign_core::log::cosignature::cosign;
    use countersign_core::log::note::NoteSigner as _;
    use countersign_core::time::Time;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// Somebody appends so many entries, and has the log cosigned.
    fn grow(folder: &Path, log_key: &TestSigner, count: usize) {
        let known = [log_key.key().clone()];
        let mut log = Log::open_for_append(folder, log_key, &known, &holds).unwrap();
        log.append(&vec![b"one more".to_vec(); count]).unwrap();
        drop(log);
        let mut note = read_checkpoint(&FolderFiles::new(folder)).unwrap().note().clone();
        let witness = signer("witness.example/w1", 2);
        note.add(cosign(note.text(), &witness, Time::from_unix(1000).unwrap()).unwrap());
        keep_cosigned(folder, &note, true).unwrap();
    }

    #[test]
    fn whenever_somebody_appends_and_is_cosigned_what_was_read_of_the_log_is_of_one_moment() {
        let log_key = signer("example.com/log", 1);
        // To a full tile, over it, and where nothing is near.
        for (from, more) in [(255, 1), (250, 10), (3, 1), (256, 1)] {
            for at in 0.. {
                let dir = tempfile::tempdir().unwrap();
                let folder = dir.path().join("log");
                drop(Log::create(&folder, &log_key).unwrap());
                grow(&folder, &log_key, from);
                let append = || grow(&folder, &log_key, more);
                let files = Beside::new(FolderFiles::new(&folder), at, &append);
                let moment = Moment::of(&files).unwrap();
                let size = moment.checkpoint.claim().size;
                let cosigned = moment.read_cosigned().unwrap().unwrap();
                assert!(cosigned.claim().size <= size, "{from} and {more}, at {at}");
                let still = FilesAt::new(&files, &moment);
                let entries = LogReader::at(&still, moment.checkpoint.clone());
                assert_eq!(entries.entries(0..u64::MAX).map(Result::unwrap).count(), usize::try_from(size).unwrap());
                let paths = [still.list().unwrap(), vec![CHECKPOINT.to_owned(), COSIGNED.to_owned()]].concat();
                let packed: BTreeMap<String, Vec<u8>> = paths
                    .into_iter()
                    .map(|path| (format!("log/{path}"), still.read(&path, 1 << 30).unwrap().unwrap()))
                    .collect();
                let packed = PackageFiles::new(&packed, "log/");
                let report = verify_log(&packed).unwrap();
                assert_eq!((report.bad, report.beyond, report.entries), (None, Vec::new(), size));
                assert_eq!(read_cosigned(&packed).unwrap(), Some(cosigned));
                assert_eq!(verify_folder(&folder).unwrap().bad, None);
                if !files.acted() {
                    assert!(at > 3, "{at}");
                    break;
                }
            }
        }
    }

    #[test]
    fn a_tile_that_is_damaged_is_read_as_it_is_and_one_that_the_log_does_not_have_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let log_key = signer("example.com/log", 1);
        let mut log = Log::create(dir.path(), &log_key).unwrap();
        log.append(&vec![b"entry".to_vec(); 3]).unwrap();
        let files = FolderFiles::new(dir.path());
        let moment = Moment::of(&files).unwrap();
        let still = FilesAt::new(&files, &moment);
        assert_eq!(still.list().unwrap(), ["tile/0/000.p/3", "tile/entries/000.p/3"]);
        for path in ["tile/0/000.p/2", "tile/0/000", "tile/1/000.p/1", "tile/x", ".lock", COSIGNED] {
            assert_eq!(still.read(path, 100).unwrap(), None, "{path}");
        }
        std::fs::write(dir.path().join("tile/0/000.p/3"), b"no hashes").unwrap();
        assert_eq!(still.read("tile/0/000.p/3", 100).unwrap().unwrap(), b"no hashes");
        assert_eq!(verify_log(&still).unwrap().bad.unwrap().path, "tile/0/000.p/3");
        std::fs::remove_file(dir.path().join("tile/0/000.p/3")).unwrap();
        assert_eq!(verify_log(&still).unwrap().bad.unwrap().path, "tile/0/000.p/3");
    }
}
