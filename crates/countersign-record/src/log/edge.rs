//! The right edge of a log: the partial tile of each row and the partial bundle. It is all that appending needs to
//! know, and it never grows beyond a few tiles. Touches no file.

use super::error::LogError;
use super::files::{LogFiles, read_tile};
use countersign_core::digest::Sha256;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::merkle::{self, Frontier};
use countersign_core::log::tile::{self, Row, Tile, TileError};

/// Takes a finished file.
pub(super) type Sink<'s> = dyn FnMut(Tile, &[u8]) -> Result<(), LogError> + 's;

/// The unfinished tiles of a log, with the right edge of its tree.
pub(super) struct Edge {
    tree: Frontier,
    bundle: Vec<u8>,
    rows: Vec<Vec<Sha256>>,
}

impl Edge {
    /// Of a log without entries.
    pub(super) fn new() -> Self {
        Self {
            tree: Frontier::new(),
            bundle: Vec::new(),
            rows: vec![Vec::new(); usize::from(tile::TOP_ROW).saturating_add(1)],
        }
    }

    /// Of a stored log, checked against its checkpoint.
    pub(super) fn read(files: &dyn LogFiles, checkpoint: &Checkpoint) -> Result<Self, LogError> {
        let size = checkpoint.size;
        let mut edge = Self::new();
        for (level, hashes) in (0..=tile::TOP_ROW).zip(&mut edge.rows) {
            if let Some(last) = partial(Row::Hashes(level), size) {
                let (path, bytes) = read_tile(files, last)?;
                *hashes =
                    tile::decode_hashes(&bytes, last.width()).map_err(|source| LogError::Tile { path, source })?;
            }
        }
        edge.tree = Frontier::from_parts(size, edge.peaks())?;
        let computed = edge.root();
        if computed != checkpoint.root {
            return Err(LogError::Root { expected: checkpoint.root, computed });
        }
        if let Some(last) = partial(Row::Entries, size) {
            let (path, bytes) = read_tile(files, last)?;
            let entries = match tile::decode_entries(&bytes, last.width()) {
                Ok(entries) => entries,
                Err(source) => return Err(LogError::Tile { path, source }),
            };
            let leaves = entries.iter().map(|entry| merkle::leaf_hash(entry));
            if !edge.rows.first().is_some_and(|row| leaves.eq(row.iter().copied())) {
                return Err(LogError::Entries { path });
            }
            for entry in entries {
                tile::push_entry(&mut edge.bundle, entry)
                    .map_err(|source| LogError::Tile { path: path.clone(), source })?;
            }
        }
        Ok(edge)
    }

    pub(super) const fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(super) fn root(&self) -> Sha256 {
        self.tree.root()
    }

    /// Appends one entry; hands every file that is full now to `full`.
    pub(super) fn push(&mut self, entry: &[u8], full: &mut Sink<'_>) -> Result<(), LogError> {
        let leaf = merkle::leaf_hash(entry);
        self.tree.push(leaf).map_err(|_full| LogError::LogFull)?;
        tile::push_entry(&mut self.bundle, entry).map_err(|source| LogError::Entry { at: 0, source })?;
        let size = self.size();
        let mut carry = Some(leaf);
        for (level, row) in (0..=tile::TOP_ROW).zip(&mut self.rows) {
            let Some(hash) = carry.take() else { break };
            row.push(hash);
            if row.len() == usize::from(tile::WIDTH) {
                if level == 0 {
                    full(last(Row::Entries, size)?, &self.bundle)?;
                    self.bundle.clear();
                }
                full(last(Row::Hashes(level), size)?, &tile::encode_hashes(row))?;
                carry = Some(merkle::root_of(row));
                row.clear();
            }
        }
        Ok(())
    }

    /// The partial files that differ from those of the first `from` entries.
    pub(super) fn partials_since(&self, from: u64) -> Vec<(Tile, Vec<u8>)> {
        let size = self.size();
        let grown = |row: Row| row.len(size) > row.len(from);
        let bundle = partial(Row::Entries, size).filter(|tile| grown(tile.row()));
        let bundle = bundle.map(|tile| (tile, self.bundle.clone()));
        let hashes = (0..=tile::TOP_ROW).zip(&self.rows).filter_map(|(level, hashes)| {
            let tile = partial(Row::Hashes(level), size).filter(|tile| grown(tile.row()))?;
            Some((tile, tile::encode_hashes(hashes)))
        });
        bundle.into_iter().chain(hashes).collect()
    }

    /// The roots of the complete subtrees that the tree's size falls into: from the highest row down.
    fn peaks(&self) -> Vec<Sha256> {
        let mut peaks = Vec::new();
        for row in self.rows.iter().rev() {
            let mut within = Frontier::new();
            for hash in row {
                // A row has fewer than 256 hashes.
                if within.push(*hash).is_err() {
                    break;
                }
            }
            peaks.extend_from_slice(within.peaks());
        }
        peaks
    }
}

/// The partial tile of a row, if its last one is.
pub(super) fn partial(row: Row, size: u64) -> Option<Tile> {
    row.tile(row.len(size).checked_div(u64::from(tile::WIDTH))?, size)
}

/// The last tile of a row, full or not.
fn last(row: Row, size: u64) -> Result<Tile, LogError> {
    row.len(size)
        .checked_sub(1)
        .and_then(|last| row.tile(last / u64::from(tile::WIDTH), size))
        .ok_or(LogError::Tile { path: row.to_string(), source: TileError::Outside })
}
