//! Reading a log: its checkpoint, its entries, and proofs made from its tiles. What is read is not verified: a proof
//! does that against a verified checkpoint, and [`super::verify::verify_log`] for the log as a whole.

use super::error::LogError;
use super::files::{FolderFiles, LogFiles, read_checkpoint, read_tile};
use countersign_core::digest::Sha256;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::merkle::{self, Frontier, HashReader, ProofError};
use countersign_core::log::proof::TlogProof;
use countersign_core::log::tile::{self, NodePlace, Row, TileError};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::path::Path;

/// A log at the state of one checkpoint. Others may append meanwhile; what is read stays that of the checkpoint.
#[derive(Debug, Clone)]
pub struct LogReader<F: LogFiles> {
    files: F,
    checkpoint: UnverifiedCheckpoint,
}

impl LogReader<FolderFiles> {
    /// The log in a folder, at its newest checkpoint.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        Self::new(FolderFiles::new(folder)).map_err(|error| error.below(folder))
    }
}

impl<F: LogFiles> LogReader<F> {
    /// The log that these files are, at its newest checkpoint.
    pub fn new(files: F) -> Result<Self, LogError> {
        let checkpoint = read_checkpoint(&files)?;
        Ok(Self { files, checkpoint })
    }

    /// The log at another checkpoint, such as an older one that was verified before.
    #[must_use]
    pub const fn at(files: F, checkpoint: UnverifiedCheckpoint) -> Self {
        Self { files, checkpoint }
    }

    /// The checkpoint that this is read at. Nobody has checked its signature here.
    #[must_use]
    pub const fn checkpoint(&self) -> &UnverifiedCheckpoint {
        &self.checkpoint
    }

    /// How many entries the checkpoint claims.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.checkpoint.claim().size
    }

    /// The files.
    #[must_use]
    pub const fn files(&self) -> &F {
        &self.files
    }

    /// The entry at an index.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let end = index.saturating_add(1);
        let outside = LogError::NoEntry { index, size: self.size() };
        self.entries(index..end).next().unwrap_or(Err(outside))
    }

    /// The entries of a range, one bundle in memory at a time. It ends at the checkpoint's size at the latest, and
    /// after the first error.
    pub fn entries(&self, range: Range<u64>) -> Entries<'_, F> {
        Entries { reader: self, next: range.start, end: range.end.min(self.size()), bundle: VecDeque::new() }
    }

    /// The proof that the entry at `index` is in the log at its checkpoint. It holds, or it is not handed out.
    pub fn inclusion_proof(&self, index: u64) -> Result<Vec<Sha256>, LogError> {
        let mut nodes = self.nodes();
        let claim = self.checkpoint.claim();
        let proof = merkle::inclusion_proof(&mut nodes, index, claim.size).map_err(unwrap_proof)?;
        let leaf = nodes.hash(0, index)?;
        merkle::verify_inclusion(&leaf, index, claim.size, &proof, &claim.root)?;
        Ok(proof)
    }

    /// The same as a file that stands for itself, with the checkpoint in it.
    pub fn tlog_proof(&self, index: u64) -> Result<TlogProof, LogError> {
        Ok(TlogProof { extra: None, index, hashes: self.inclusion_proof(index)?, checkpoint: self.checkpoint.clone() })
    }

    /// The proof that the log at its checkpoint continues its own first `from` entries. From nothing the proof is
    /// empty. Whether it continues what somebody else saw at that size, only their root can say.
    pub fn consistency_proof(&self, from: u64) -> Result<Vec<Sha256>, LogError> {
        let claim = self.checkpoint.claim();
        if from == 0 {
            return Ok(Vec::new());
        }
        let mut nodes = self.nodes();
        let proof = merkle::consistency_proof(&mut nodes, from, claim.size).map_err(unwrap_proof)?;
        let earlier = Frontier::read(&mut nodes, from)?.root();
        merkle::verify_consistency(from, claim.size, &proof, &earlier, &claim.root)?;
        Ok(proof)
    }

    /// The root that the log had at `size`, by its tiles.
    pub fn root_at(&self, size: u64) -> Result<Sha256, LogError> {
        if size > self.size() {
            return Err(LogError::NoEntry { index: size, size: self.size() });
        }
        Ok(Frontier::read(&mut self.nodes(), size)?.root())
    }

    const fn nodes(&self) -> Nodes<'_, F> {
        Nodes { reader: self, tiles: BTreeMap::new() }
    }
}

/// The entries of a range, in order.
#[derive(Debug)]
pub struct Entries<'r, F: LogFiles> {
    reader: &'r LogReader<F>,
    next: u64,
    end: u64,
    bundle: VecDeque<Vec<u8>>,
}

impl<F: LogFiles> Entries<'_, F> {
    fn load(&mut self) -> Result<(), LogError> {
        let width = u64::from(tile::WIDTH);
        let size = self.reader.size();
        let no_entry = LogError::NoEntry { index: self.next, size };
        let tile = Row::Entries.tile(self.next / width, size).ok_or(no_entry)?;
        let (path, bytes) = read_tile(&self.reader.files, tile)?;
        let skip = usize::try_from(self.next % width).unwrap_or(usize::MAX);
        let entries = tile::decode_entries(&bytes, tile.width()).map_err(|source| LogError::Tile { path, source })?;
        self.bundle = entries.into_iter().skip(skip).map(<[u8]>::to_vec).collect();
        Ok(())
    }
}

impl<F: LogFiles> Iterator for Entries<'_, F> {
    type Item = Result<Vec<u8>, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if self.bundle.is_empty()
            && let Err(error) = self.load()
        {
            self.end = self.next;
            return Some(Err(error));
        }
        let entry = self.bundle.pop_front()?;
        self.next = self.next.saturating_add(1);
        Some(Ok(entry))
    }
}

/// The tree's hashes, from tiles that are each read once.
struct Nodes<'r, F: LogFiles> {
    reader: &'r LogReader<F>,
    tiles: BTreeMap<(Row, u64), Vec<Sha256>>,
}

impl<F: LogFiles> HashReader for Nodes<'_, F> {
    type Error = LogError;

    fn hash(&mut self, level: u32, index: u64) -> Result<Sha256, LogError> {
        let size = self.reader.size();
        let outside = || LogError::NoEntry { index, size };
        let place = NodePlace::of(level, index).ok_or_else(outside)?;
        let tile = place.row.tile(place.index, size).ok_or_else(outside)?;
        let hashes = match self.tiles.entry((place.row, place.index)) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => {
                let (path, bytes) = read_tile(&self.reader.files, tile)?;
                let hashes =
                    tile::decode_hashes(&bytes, tile.width()).map_err(|source| LogError::Tile { path, source })?;
                free.insert(hashes)
            }
        };
        place.hash(hashes).ok_or(LogError::Tile { path: tile.path(), source: TileError::Outside })
    }
}

fn unwrap_proof(error: ProofError<LogError>) -> LogError {
    match error {
        ProofError::Read(error) => error,
        ProofError::Refused(refused) => refused.into(),
    }
}
