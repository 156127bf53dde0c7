//! Checking a whole log: every bundle and every tile of every row is derived again from the entries and compared with
//! the files, and the root with the checkpoint. The first file that is wrong is named. The checkpoint's signature is
//! not checked here.

use super::CHECKPOINT;
use super::error::LogError;
use super::files::{FolderFiles, LogFiles, read_checkpoint, read_tile};
use countersign_core::digest::Sha256;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::merkle::{self, Frontier};
use countersign_core::log::tile::{self, Row, Tile, TileError};
use std::collections::BTreeMap;
use std::path::Path;

/// What became of checking a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// The checkpoint, whose signature is still to be checked.
    pub checkpoint: UnverifiedCheckpoint,
    /// Entries that were read.
    pub entries: u64,
    /// Files that were compared.
    pub files: u64,
    /// Files below `tile/` that the checkpoint does not cover: left by an interrupted append, or put there.
    pub beyond: Vec<String>,
    /// The first file that is not what it must be.
    pub bad: Option<BadFile>,
}

/// A file that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// Its path below the log.
    pub path: String,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a file of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It does not have the form of such a file.
    #[error(transparent)]
    Form(#[from] TileError),
    /// It is not the beginning of the wider one beside it.
    #[error("it is not the beginning of {wider}")]
    NotPrefix {
        /// The wider one.
        wider: String,
    },
    /// The hash in its place `slot` is not that of what lies below, whose own hashes lead to the checkpoint's root.
    #[error("its hash {slot} is not that of what lies below it")]
    Hash {
        /// The place in the tile, from 0.
        slot: usize,
    },
    /// What it holds does not hash to what the tile above says.
    #[error("from its place {slot} on it is not what {above} was made of")]
    Content {
        /// The place in this file (for bundles) or in the tile above, from 0.
        slot: usize,
        /// The tile above.
        above: String,
    },
    /// The entries hash to another root, though all files agree with one another.
    #[error("the log's entries hash to {computed}, not to the root that it says")]
    Root {
        /// The entries' root.
        computed: Sha256,
    },
}

/// Checks the log in a folder.
pub fn verify_folder(folder: &Path) -> Result<LogReport, LogError> {
    verify_log(&FolderFiles::new(folder)).map_err(|error| error.below(folder))
}

/// Checks a log. An error says that it could not be checked at all: there is no checkpoint, it does not parse, or the
/// disk fails.
pub fn verify_log(files: &dyn LogFiles) -> Result<LogReport, LogError> {
    verify_at(files, read_checkpoint(files)?)
}

/// The same at a checkpoint that was read before: others may have appended since.
pub fn verify_at(files: &dyn LogFiles, checkpoint: UnverifiedCheckpoint) -> Result<LogReport, LogError> {
    let size = checkpoint.claim().size;
    let (partials, beyond) = sort_files(files, size)?;
    let mut check = Check {
        files,
        size,
        partials,
        rows: BTreeMap::new(),
        tree: Frontier::new(),
        compared: 0,
        dispute: None,
        suspect: None,
    };
    let bad = check.run(&checkpoint.claim().root)?;
    Ok(LogReport { entries: check.tree.size(), files: check.compared, checkpoint, beyond, bad })
}

/// The widths of the partial files of each tile that the log has, and the files that it does not have.
type Partials = BTreeMap<(Row, u64), Vec<u16>>;

fn sort_files(files: &dyn LogFiles, size: u64) -> Result<(Partials, Vec<String>), LogError> {
    let (mut partials, mut beyond) = (Partials::new(), Vec::new());
    for path in files.list()? {
        let tile = Tile::from_path(&path).ok();
        let covered = tile.filter(|tile| {
            let now = tile.row().tile(tile.index(), size);
            now.is_some_and(|now| now.width() >= tile.width())
        });
        match covered {
            Some(tile) if tile.is_full() => {}
            Some(tile) => partials.entry((tile.row(), tile.index())).or_default().push(tile.width()),
            None => beyond.push(path),
        }
    }
    Ok((partials, beyond))
}

/// Two files that do not fit together. Which of them is wrong shows in the root.
struct Dispute {
    below: BadFile,
    above: BadFile,
}

struct Check<'f> {
    files: &'f dyn LogFiles,
    size: u64,
    partials: Partials,
    /// What is derived of each row's current tile.
    rows: BTreeMap<u8, Vec<Sha256>>,
    tree: Frontier,
    compared: u64,
    dispute: Option<Dispute>,
    /// A narrower file that is not the beginning of what it must be.
    suspect: Option<BadFile>,
}

impl Check<'_> {
    fn run(&mut self, root: &Sha256) -> Result<Option<BadFile>, LogError> {
        for bundle in Row::Entries.tiles(self.size) {
            if let Some(bad) = self.bundle(bundle)? {
                return Ok(Some(bad));
            }
        }
        for level in 0..=tile::TOP_ROW {
            let last = self.row(level).len();
            if last > 0
                && let Some(bad) = self.tile(level)?
            {
                return Ok(Some(bad));
            }
        }
        let computed = self.tree.root();
        let holds = computed == *root;
        // The entries lead to the root: then they are right, and what disagrees above them is not.
        Ok(match self.dispute.take() {
            Some(dispute) => Some(if holds { dispute.above } else { dispute.below }),
            None if holds => self.suspect.take(),
            None => Some(BadFile { path: CHECKPOINT.to_owned(), wrong: Wrong::Root { computed } }),
        })
    }

    /// Reads one bundle, and compares every tile that it completes.
    fn bundle(&mut self, bundle: Tile) -> Result<Option<BadFile>, LogError> {
        let (path, bytes) = match self.read(bundle)? {
            Ok(read) => read,
            Err(bad) => return Ok(Some(bad)),
        };
        let entries = match tile::decode_entries(&bytes, bundle.width()) {
            Ok(entries) => entries,
            Err(source) => return Ok(Some(bad(path, source.into()))),
        };
        self.narrower(bundle, &bytes, &|width| entries_end(&entries, width))?;
        for entry in &entries {
            let leaf = merkle::leaf_hash(entry);
            // A tile's path would not exist for a size that does not fit.
            if self.tree.push(leaf).is_err() {
                break;
            }
            if let Some(bad) = self.push(leaf)? {
                return Ok(Some(bad));
            }
        }
        Ok(None)
    }

    /// Adds a leaf, and compares every full tile up the rows that it completes.
    fn push(&mut self, leaf: Sha256) -> Result<Option<BadFile>, LogError> {
        let mut carry = Some(leaf);
        for level in 0..=tile::TOP_ROW {
            let Some(hash) = carry.take() else { break };
            self.row(level).push(hash);
            if self.row(level).len() == usize::from(tile::WIDTH) {
                if let Some(bad) = self.tile(level)? {
                    return Ok(Some(bad));
                }
                let row = std::mem::take(self.row(level));
                carry = Some(merkle::root_of(&row));
            }
        }
        Ok(None)
    }

    /// Compares what is derived of a row's current tile with its file.
    fn tile(&mut self, level: u8) -> Result<Option<BadFile>, LogError> {
        let row = Row::Hashes(level);
        let last = row.len(self.tree.size()).saturating_sub(1);
        let Some(tile) = row.tile(last / u64::from(tile::WIDTH), self.tree.size()) else {
            return Ok(None);
        };
        let (path, bytes) = match self.read(tile)? {
            Ok(read) => read,
            Err(bad) => return Ok(Some(bad)),
        };
        let hashes = match tile::decode_hashes(&bytes, tile.width()) {
            Ok(hashes) => hashes,
            Err(source) => return Ok(Some(bad(path, source.into()))),
        };
        let derived = tile::encode_hashes(self.row(level));
        self.narrower(tile, &derived, &|width| usize::from(width).saturating_mul(32))?;
        let differs = hashes.iter().zip(self.row(level).iter()).position(|(a, b)| a != b);
        if let Some(slot) = differs.filter(|_| self.dispute.is_none()) {
            let below = self.below(tile, slot);
            let at = if level == 0 { slot } else { 0 };
            self.dispute = Some(Dispute {
                below: bad(below, Wrong::Content { slot: at, above: path.clone() }),
                above: bad(path, Wrong::Hash { slot }),
            });
        }
        Ok(None)
    }

    /// The file that a slot of a tile is the hash of: the bundle, or the full tile one row below.
    fn below(&self, tile: Tile, slot: usize) -> String {
        let place = u64::try_from(slot).unwrap_or(0);
        let index = tile.index().saturating_mul(u64::from(tile::WIDTH)).saturating_add(place);
        let below = match tile.row() {
            Row::Entries | Row::Hashes(0) => Row::Entries.tile(tile.index(), self.size),
            Row::Hashes(level) => Row::Hashes(level.saturating_sub(1)).tile(index, self.size),
        };
        below.map_or_else(String::new, Tile::path)
    }

    /// Compares the narrower files that stand beside a tile, from earlier checkpoints, with the beginning of what it
    /// must be. They are to blame only if that leads to the checkpoint's root.
    fn narrower(&mut self, tile: Tile, derived: &[u8], end: &dyn Fn(u16) -> usize) -> Result<(), LogError> {
        let widths = self.partials.remove(&(tile.row(), tile.index())).unwrap_or_default();
        for width in widths.into_iter().filter(|width| *width < tile.width()) {
            let Ok(narrow) = tile.with_width(width) else { continue };
            let path = narrow.path();
            let expected = derived.get(..end(width)).unwrap_or_default();
            // It was listed. Where it is gone since, somebody has filled the tile and dropped what it was before.
            let Some(found) = self.files.read(&path, expected.len())? else { continue };
            self.compared = self.compared.saturating_add(1);
            if found != expected && self.suspect.is_none() {
                let wider = tile.path();
                self.suspect = Some(bad(path, Wrong::NotPrefix { wider }));
            }
        }
        Ok(())
    }

    fn read(&mut self, tile: Tile) -> Result<Result<(String, Vec<u8>), BadFile>, LogError> {
        match read_tile(self.files, tile) {
            Ok(read) => {
                self.compared = self.compared.saturating_add(1);
                Ok(Ok(read))
            }
            Err(LogError::TileMissing { path }) => Ok(Err(bad(path, Wrong::Missing))),
            Err(other) => Err(other),
        }
    }

    fn row(&mut self, level: u8) -> &mut Vec<Sha256> {
        self.rows.entry(level).or_default()
    }
}

/// Where the first `width` entries of a bundle end.
pub(super) fn entries_end(entries: &[&[u8]], width: u16) -> usize {
    entries
        .iter()
        .take(usize::from(width))
        .fold(0_usize, |end, entry| end.saturating_add(2).saturating_add(entry.len()))
}

const fn bad(path: String, wrong: Wrong) -> BadFile {
    BadFile { path, wrong }
}
