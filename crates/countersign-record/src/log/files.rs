//! Where the files of a log are read from: a folder, or the files of a package in memory.

use super::CHECKPOINT;
use super::error::LogError;
use crate::disk::{DiskError, Doing, read_bounded};
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::tile::{self, Row, Tile};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a log, by their paths below it.
pub trait LogFiles {
    /// The bytes of a file; at most one more than `limit`. None if there is no such file.
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError>;

    /// The paths of all files below `tile/`, sorted.
    fn list(&self) -> Result<Vec<String>, DiskError>;
}

impl<F: LogFiles + ?Sized> LogFiles for &F {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        (**self).read(path, limit)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        (**self).list()
    }
}

/// A log in a folder.
#[derive(Debug, Clone)]
pub struct FolderFiles {
    folder: PathBuf,
}

impl FolderFiles {
    /// The log in this folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl LogFiles for FolderFiles {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        read_bounded(&self.folder.join(path), limit)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let mut found = Vec::new();
        let mut open = vec!["tile".to_owned()];
        while let Some(below) = open.pop() {
            let folder = self.folder.join(&below);
            if !folder.is_dir() {
                continue;
            }
            let wrap = |source| DiskError::new(Doing::List, &folder, source);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // Whoever appends drops the partial files of a tile that is full.
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(wrap(source)),
            };
            for entry in entries {
                let entry = entry.map_err(wrap)?;
                let path = format!("{below}/{}", entry.file_name().to_string_lossy());
                if entry.file_type().map_err(wrap)?.is_dir() {
                    open.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A log among the files of a package, below a prefix such as `log/`.
#[derive(Debug, Clone, Copy)]
pub struct PackageFiles<'a> {
    files: &'a BTreeMap<String, Vec<u8>>,
    prefix: &'a str,
}

impl<'a> PackageFiles<'a> {
    /// The log whose paths start with `prefix`, slash included.
    #[must_use]
    pub const fn new(files: &'a BTreeMap<String, Vec<u8>>, prefix: &'a str) -> Self {
        Self { files, prefix }
    }
}

impl LogFiles for PackageFiles<'_> {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        let found = self.files.get(&format!("{}{path}", self.prefix));
        Ok(found.map(|bytes| bytes.iter().take(limit.saturating_add(1)).copied().collect()))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let start = format!("{}tile/", self.prefix);
        Ok(self
            .files
            .range(start.clone()..)
            .take_while(|(path, _)| path.starts_with(&start))
            .filter_map(|(path, _)| path.strip_prefix(self.prefix).map(str::to_owned))
            .collect())
    }
}

/// The checkpoint, whose signature nobody has checked.
pub(crate) fn read_checkpoint(files: &dyn LogFiles) -> Result<UnverifiedCheckpoint, LogError> {
    let Some(bytes) = files.read(CHECKPOINT, limits::NOTE_BYTES)? else {
        let path = PathBuf::from(CHECKPOINT);
        let nothing = files.list()?.is_empty();
        return Err(if nothing { LogError::Missing { path } } else { LogError::CheckpointGone { path } });
    };
    UnverifiedCheckpoint::parse(&bytes).map_err(|source| LogError::Checkpoint { path: CHECKPOINT.to_owned(), source })
}

/// The bytes of a tile or bundle, which is there.
pub(crate) fn read_tile(files: &dyn LogFiles, tile: Tile) -> Result<(String, Vec<u8>), LogError> {
    tile_bytes(files, tile)?.ok_or_else(|| LogError::TileMissing { path: tile.path() })
}

/// The bytes of a tile or bundle, and of which file. A partial one that is gone may be the beginning of the full one.
pub(super) fn tile_bytes(files: &dyn LogFiles, tile: Tile) -> Result<Option<(String, Vec<u8>)>, DiskError> {
    let limit = match tile.row() {
        Row::Entries => tile::LARGEST_FILE,
        Row::Hashes(_) => usize::from(tile::WIDTH).saturating_mul(32),
    };
    let path = tile.path();
    if let Some(bytes) = files.read(&path, limit)? {
        return Ok(Some((path, bytes)));
    }
    if let Ok(full) = tile.with_width(tile::WIDTH) {
        let full = full.path();
        if let Some(bytes) = files.read(&full, limit)? {
            return Ok(Some((full, bytes)));
        }
    }
    Ok(None)
}
