//! What an interrupted append leaves behind: files beyond the checkpoint. Nobody was ever promised them, so they go
//! before the next append. What a checkpoint covers is never touched here.

use super::error::LogError;
use crate::disk::{DiskError, Doing};
use countersign_core::log::tile::{self, Row, Tile};
use std::fs;
use std::io;
use std::path::Path;

/// Removes what lies beyond the first `size` entries. One append leaves at most one partial file in each row: more of
/// them show that the checkpoint is an older one than these files had, and then nothing is removed.
pub(super) fn sweep(log: &Path, size: u64) -> Result<(), LogError> {
    let mut beyond = Vec::new();
    for row in Row::all() {
        let found = beyond_in(log, row, size)?;
        let mut partials = found.iter().filter(|tile| !tile.is_full());
        if let (Some(_one), Some(another)) = (partials.next(), partials.next()) {
            return Err(LogError::RolledBack { size, path: another.path() });
        }
        beyond.extend(found);
    }
    for tile in beyond {
        let path = log.join(tile.path());
        fs::remove_file(&path).map_err(|source| DiskError::new(Doing::Remove, &path, source))?;
    }
    Ok(())
}

/// Removes the partial files of a tile that is full and covered by a durable checkpoint. Readers then take the full
/// one. Best effort: what stays is right, and only takes space.
pub(super) fn drop_partials(log: &Path, full: Tile) {
    let mut folder = log.join(full.path()).into_os_string();
    folder.push(".p");
    // Nothing depends on it, so nothing is done if it fails.
    drop(fs::remove_dir_all(folder));
}

/// The tiles of a row that the first `size` entries do not have, as far as folders follow one another.
fn beyond_in(log: &Path, row: Row, size: u64) -> Result<Vec<Tile>, LogError> {
    let len = row.len(size);
    let (edge, width) = (len / u64::from(tile::WIDTH), len % u64::from(tile::WIDTH));
    let mut found = Vec::new();
    let mut start = edge - edge % 1000;
    // A folder holds a thousand tiles. The first one that does not exist is the end: folders are made in order.
    while let Ok(first) = Tile::new(row, start, tile::WIDTH) {
        let path = first.path();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Some(names) = list(&log.join(folder))? else { break };
        for name in names {
            let path = format!("{folder}/{name}");
            let widths = match name.strip_suffix(".p") {
                Some(_) => list(&log.join(&path))?.unwrap_or_default(),
                None => Vec::new(),
            };
            let partials = widths.iter().map(|width| format!("{path}/{width}"));
            found.extend(
                std::iter::once(path.clone())
                    .chain(partials)
                    .filter_map(|path| Tile::from_path(&path).ok())
                    .filter(|tile| (tile.index(), u64::from(tile.width())) > (edge, width)),
            );
        }
        let Some(next) = start.checked_add(1000) else { break };
        start = next;
    }
    found.sort();
    Ok(found)
}

fn list(folder: &Path) -> Result<Option<Vec<String>>, DiskError> {
    let wrap = |source| DiskError::new(Doing::List, folder, source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(wrap(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(wrap)?.file_name().to_string_lossy().into_owned());
    }
    Ok(Some(names))
}
