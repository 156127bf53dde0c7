//! Tiles (C2SP tlog-tiles): how a log's hashes and entries are cut into files, what these files are called and what
//! is in them. Reads and writes no file.
//!
//! Row `L` of a log holds the roots of its complete subtrees of 256^`L` leaves; a tile is a run of 256 hashes of one
//! row, or fewer at the right edge. The entries themselves lie in bundles that are cut the same way as row 0.

use super::merkle;
use crate::digest::Sha256;
use crate::limits;
use std::fmt;

/// Hashes of a full tile, entries of a full bundle.
pub const WIDTH: u16 = 256;
/// A tile spans this many levels of the tree.
pub const HEIGHT: u32 = 8;
/// The highest row that a tree of 64-bit size can have.
pub const TOP_ROW: u8 = 7;

/// A row of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// The entries, in bundles.
    Entries,
    /// Hashes: row 0 is of leaves, row 7 the highest.
    Hashes(u8),
}

impl Row {
    /// All of them, entries first, then the hashes from the leaves up.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Entries).chain((0..=TOP_ROW).map(Self::Hashes))
    }

    /// How many entries or hashes this row holds for a tree of `size` leaves.
    #[must_use]
    pub fn len(self, size: u64) -> u64 {
        size.checked_shr(self.shift()).unwrap_or(0)
    }

    /// Whether a tree of `size` leaves has nothing in this row.
    #[must_use]
    pub fn is_empty(self, size: u64) -> bool {
        self.len(size) == 0
    }

    /// The tile at `index` in a tree of `size` leaves, as wide as it is there.
    #[must_use]
    pub fn tile(self, index: u64, size: u64) -> Option<Tile> {
        let start = index.checked_mul(u64::from(WIDTH))?;
        let here = self.len(size).checked_sub(start)?.min(u64::from(WIDTH));
        Tile::new(self, index, u16::try_from(here).ok()?).ok()
    }

    /// The tiles of this row in a tree of `size` leaves, from the left.
    pub fn tiles(self, size: u64) -> impl Iterator<Item = Tile> {
        self.tiles_since(0, size)
    }

    /// The tiles of this row that a tree of `size` leaves has and its first `from` leaves do not.
    pub fn tiles_since(self, from: u64, size: u64) -> impl Iterator<Item = Tile> {
        let first = self.len(from).checked_div(u64::from(WIDTH)).unwrap_or(0);
        let grown = self.len(size) > self.len(from);
        let end = self.len(size).div_ceil(u64::from(WIDTH));
        (first..end).filter(move |_| grown).filter_map(move |index| self.tile(index, size))
    }

    const fn shift(self) -> u32 {
        match self {
            Self::Entries => 0,
            // At most 8 * 255.
            Self::Hashes(level) => HEIGHT.saturating_mul(level_u32(level)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries => f.write_str("entries"),
            Self::Hashes(level) => write!(f, "{level}"),
        }
    }
}

/// One file of a log: a run of hashes, or a bundle of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    row: Row,
    index: u64,
    width: u16,
}

impl Tile {
    /// A tile that a tree of 64-bit size can have.
    pub fn new(row: Row, index: u64, width: u16) -> Result<Self, TileError> {
        let rows = matches!(row, Row::Entries | Row::Hashes(0..=TOP_ROW));
        let possible = row.len(u64::MAX);
        let end = index.checked_mul(u64::from(WIDTH)).and_then(|start| start.checked_add(u64::from(width)));
        if rows && (1..=WIDTH).contains(&width) && end.is_some_and(|end| end <= possible) {
            Ok(Self { row, index, width })
        } else {
            Err(TileError::Outside)
        }
    }

    /// The row that it is cut from.
    #[must_use]
    pub const fn row(self) -> Row {
        self.row
    }

    /// Its place in the row.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it has.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all the hashes or entries that it can have.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The same place in the row, with another width.
    pub fn with_width(self, width: u16) -> Result<Self, TileError> {
        Self::new(self.row, self.index, width)
    }

    /// Its path below the log's folder, such as `tile/0/x001/234` or `tile/entries/000.p/17`.
    #[must_use]
    pub fn path(self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        let full = format!("tile/{}/{}", self.row, groups.join("/"));
        if self.is_full() { full } else { format!("{full}.p/{}", self.width) }
    }

    /// Parses such a path; every tile has exactly one.
    pub fn from_path(path: &str) -> Result<Self, TileError> {
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (row, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let row = match row {
            "entries" => Row::Entries,
            level => Row::Hashes(small(level).ok_or(TileError::Path)?),
        };
        let (place, width) = match rest.split_once(".p/") {
            Some((place, width)) => (place, small(width).ok_or(TileError::Path)?),
            None => (rest, WIDTH),
        };
        let mut index = 0_u64;
        for group in place.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(TileError::Path);
            }
            let value: u64 = digits.parse().map_err(|_no_number| TileError::Path)?;
            index = index.checked_mul(1000).and_then(|index| index.checked_add(value)).ok_or(TileError::Outside)?;
        }
        let tile = Self::new(row, index, width)?;
        // What is left over: leading zero groups, a missing or misplaced `x`, a partial tile of full width.
        if tile.path() == path { Ok(tile) } else { Err(TileError::Path) }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Where a tree node's hash is found: the hashes of one tile whose root it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePlace {
    /// The row of the tile.
    pub row: Row,
    /// The tile's index in the row.
    pub index: u64,
    /// The first hash of the tile that belongs to the node.
    pub first: usize,
    /// How many of them do, a power of two.
    pub count: usize,
}

impl NodePlace {
    /// The place of the complete subtree of 2^`level` leaves that starts at leaf `index` * 2^`level`.
    #[must_use]
    pub fn of(level: u32, index: u64) -> Option<Self> {
        let row = Row::Hashes(u8::try_from(level / HEIGHT).ok()?);
        let within = level % HEIGHT;
        let start = index.checked_mul(1_u64.checked_shl(within)?)?;
        Some(Self {
            row,
            index: start >> HEIGHT,
            first: usize::try_from(start & 0xff).ok()?,
            count: 1_usize.checked_shl(within)?,
        })
    }

    /// The node's hash, from the hashes of the tile; none if the tile is too narrow.
    #[must_use]
    pub fn hash(&self, tile: &[Sha256]) -> Option<Sha256> {
        let end = self.first.checked_add(self.count)?;
        tile.get(self.first..end).map(merkle::root_of)
    }
}

/// The bytes of a tile of hashes.
#[must_use]
pub fn encode_hashes(hashes: &[Sha256]) -> Vec<u8> {
    hashes.iter().flat_map(Sha256::as_bytes).copied().collect()
}

/// The first `width` hashes of a tile file, which has exactly `width` of them or is full.
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Sha256>, TileError> {
    if width > WIDTH {
        return Err(TileError::Outside);
    }
    let wanted = usize::from(width).saturating_mul(32);
    let full = usize::from(WIDTH).saturating_mul(32);
    if bytes.len() != wanted && bytes.len() != full {
        return Err(TileError::Length { expected: wanted, found: bytes.len() });
    }
    Ok(bytes.as_chunks::<32>().0.iter().take(usize::from(width)).map(|hash| Sha256::from_bytes(*hash)).collect())
}

/// Appends an entry to the bytes of a bundle.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), TileError> {
    let length = u16::try_from(entry.len())
        .map_err(|_too_long| TileError::EntryTooLarge { limit: limits::LOG_ENTRY_BYTES, found: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The first `width` entries of a bundle, which has exactly `width` of them or is full.
pub fn decode_entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    if width > WIDTH {
        return Err(TileError::Outside);
    }
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && entries.len() < usize::from(WIDTH) {
        let cut = TileError::EntryCut { at: entries.len() };
        let (length, tail) = rest.split_first_chunk::<2>().ok_or(cut)?;
        let (entry, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(cut)?;
        entries.push(entry);
        rest = tail;
    }
    if !rest.is_empty() {
        return Err(TileError::Trailing { bytes: rest.len() });
    }
    if entries.len() != usize::from(width) && entries.len() != usize::from(WIDTH) {
        return Err(TileError::Entries { expected: usize::from(width), found: entries.len() });
    }
    entries.truncate(usize::from(width));
    Ok(entries)
}

/// The most bytes that a tile file of any kind has.
pub const LARGEST_FILE: usize = 256 * (limits::LOG_ENTRY_BYTES + 2);

/// Why a tile, its path or its bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// No tree of 64-bit size has such a tile.
    #[error("no log has such a tile")]
    Outside,
    /// Not the path of a tile.
    #[error("not the path of a tile")]
    Path,
    /// A tile of hashes of another length.
    #[error("the tile has {found} bytes, {expected} are expected")]
    Length {
        /// How many bytes there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An entry that a bundle cannot hold.
    #[error("an entry has at most {limit} bytes, found {found}")]
    EntryTooLarge {
        /// The bound.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// A bundle that ends in the middle of an entry.
    #[error("the bundle ends within its entry {at}")]
    EntryCut {
        /// The entry, counted within the bundle.
        at: usize,
    },
    /// A bundle with too many or too few entries.
    #[error("the bundle has {found} entries, {expected} are expected")]
    Entries {
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A full bundle with something after it.
    #[error("{bytes} bytes follow the last entry of the bundle")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

const fn level_u32(level: u8) -> u32 {
    u32::from_be_bytes([0, 0, 0, level])
}

/// A number of one to three digits without leading zeros.
fn small<T: TryFrom<u64>>(text: &str) -> Option<T> {
    super::decimal(text).and_then(|n| T::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |row, index, width| Tile::new(row, index, width).unwrap().path();
        assert_eq!(path(Row::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(Row::Hashes(2), 0, 1), "tile/2/000.p/1");
        assert_eq!(path(Row::Entries, 273, 112), "tile/entries/273.p/112");
        assert_eq!(path(Row::Entries, 1000, 256), "tile/entries/x001/000");
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
        let widths = |row: Row| row.tiles(70_000).map(Tile::width).collect::<Vec<_>>();
        let row0 = widths(Row::Hashes(0));
        assert_eq!((row0.len(), row0[272], row0[273]), (274, 256, 112));
        assert_eq!(widths(Row::Entries), row0);
        assert_eq!(widths(Row::Hashes(1)), [256, 17]);
        assert_eq!(widths(Row::Hashes(2)), [1]);
        assert!(Row::Hashes(3).is_empty(70_000));
        let new: Vec<_> = Row::all().flat_map(|row| row.tiles_since(69_800, 70_000)).map(Tile::path).collect();
        assert_eq!(
            new,
            ["tile/entries/272", "tile/entries/273.p/112", "tile/0/272", "tile/0/273.p/112", "tile/1/001.p/17"]
        );
        let one: Vec<_> = Row::all().flat_map(|row| row.tiles_since(70_000, 70_001)).map(Tile::path).collect();
        assert_eq!(one, ["tile/entries/273.p/113", "tile/0/273.p/113"]);
        assert_eq!(Row::Hashes(7).tiles(u64::MAX).map(Tile::width).collect::<Vec<_>>(), [255]);
    }

    #[test]
    fn other_paths_are_refused() {
        for bad in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/8/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000/",
            "/tile/0/000",
            "tile/entry/000",
            "tile/0/../000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/-1/000",
            "tile/7/001",
        ] {
            assert!(Tile::from_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn torn_bundles_and_tiles_are_refused() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"one").unwrap();
        push_entry(&mut bundle, b"").unwrap();
        assert_eq!(decode_entries(&bundle, 2).unwrap(), [b"one".as_slice(), b""]);
        assert!(matches!(decode_entries(&bundle, 3), Err(TileError::Entries { expected: 3, found: 2 })));
        assert!(decode_entries(&bundle, 1).is_err());
        for cut in 1..bundle.len() {
            assert!(decode_entries(&bundle[..cut], 2).is_err());
        }
        let mut full = [0; 512].to_vec();
        assert_eq!(decode_entries(&full, 9).unwrap().len(), 9);
        full.push(0);
        assert_eq!(decode_entries(&full, 256), Err(TileError::Trailing { bytes: 1 }));
        assert!(push_entry(&mut bundle, &vec![0; 65_536]).is_err());
        assert!(push_entry(&mut bundle, &vec![0; 65_535]).is_ok());

        let hashes = [merkle::empty_root(); 3];
        assert_eq!(decode_hashes(&encode_hashes(&hashes), 3).unwrap(), hashes);
        assert!(decode_hashes(&encode_hashes(&hashes), 2).is_err());
        assert_eq!(decode_hashes(&[1; 8192], 2).unwrap().len(), 2);
        // No tile is wider than a full one, which is not a part of anything.
        assert_eq!(decode_hashes(&[1; 8192], WIDTH + 1), Err(TileError::Outside));
        assert_eq!(decode_entries(&[0; 512], WIDTH + 1), Err(TileError::Outside));
    }

    #[test]
    fn a_node_is_found_in_the_tile_that_spans_it() {
        let place = NodePlace::of(10, 65).unwrap();
        assert_eq!((place.row, place.index, place.first, place.count), (Row::Hashes(1), 1, 4, 4));
        assert!(place.hash(&[merkle::empty_root(); 7]).is_none());
        assert!(place.hash(&[merkle::empty_root(); 8]).is_some());
    }

    proptest! {
        #[test]
        fn a_path_reads_back(level in 0_u8..=TOP_ROW, index in any::<u64>(), few in 0_u32..64, width in 1_u16..=256) {
            for row in [Row::Entries, Row::Hashes(level)] {
                if let Ok(tile) = Tile::new(row, index >> few, width) {
                    prop_assert_eq!(Tile::from_path(&tile.path()), Ok(tile));
                }
            }
        }

        #[test]
        fn what_parses_is_a_path(text in "tile/(entries|[0-9]{1,2})(/x?[0-9]{2,4}){0,4}(\\.p/[0-9]{0,4})?") {
            if let Ok(tile) = Tile::from_path(&text) {
                prop_assert_eq!(tile.path(), text);
            }
        }

        #[test]
        fn no_bytes_make_the_bundle_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), width in 1_u16..=256) {
            if let Ok(entries) = decode_entries(&bytes, width) {
                prop_assert_eq!(entries.len(), usize::from(width));
            }
        }
    }
}
