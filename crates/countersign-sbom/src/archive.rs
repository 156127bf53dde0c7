//! Zip archives of others, with bounds: on the number of files, and on each file as it comes out, whatever it says of itself.

use crate::tarball::finished;
use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::digest::Sha256;
use std::io::{BufReader, Cursor, Read as _, Seek, SeekFrom};

/// Why an archive is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// Not an archive, or a broken one.
    #[error("it is no zip archive that can be read: {0}")]
    Broken(String),
    /// More files than the limit.
    #[error("more than {limit} files")]
    TooMany {
        /// How many are read.
        limit: usize,
    },
    /// A file with more bytes than the limit.
    #[error("{name}: more than {limit} bytes")]
    TooLarge {
        /// Which file.
        name: String,
        /// How many are read.
        limit: usize,
    },
}

/// An open archive.
pub(crate) struct Archive<R> {
    inner: zip::ZipArchive<R>,
}

/// Files of one archive.
const FILES: usize = 2_000_000;
/// How many bytes a data descriptor has, with and without a signature, in both widths.
const AGAIN: [u64; 4] = [12, 16, 20, 24];

/// What stands in the directory of an archive and behind it.
#[derive(Default)]
struct Listed {
    entries: usize,
    /// Whether the archive's comment holds the end of another one, by which other programs may go.
    ends_again: bool,
    /// Whether anything stands behind the end of the archive.
    behind: bool,
}

/// Reads what is listed from where the directory begins.
fn listed(reader: &mut impl std::io::Read) -> std::io::Result<Listed> {
    let mut listed = Listed::default();
    let number = |part: &[u8], from: usize, length: usize| {
        part.iter().skip(from).take(length).rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    loop {
        let mut kind = [0_u8; 4];
        reader.read_exact(&mut kind)?;
        let (fixed, lengths): (usize, &[(usize, usize)]) = match &kind {
            b"PK\x01\x02" => (42, &[(24, 2), (26, 2), (28, 2)]),
            b"PK\x06\x06" => (8, &[(0, 8)]),
            b"PK\x06\x07" => (16, &[]),
            b"PK\x05\x06" => (18, &[(16, 2)]),
            _ => return Ok(Listed { behind: true, ..listed }),
        };
        let mut part = vec![0_u8; fixed];
        reader.read_exact(&mut part)?;
        let more = lengths.iter().fold(0_u64, |sum, (from, length)| sum.saturating_add(number(&part, *from, *length)));
        if &kind == b"PK\x05\x06" {
            let mut comment = Vec::new();
            reader.take(more).read_to_end(&mut comment)?;
            listed.ends_again = comment.windows(kind.len()).any(|part| part == kind);
            listed.behind = reader.read(&mut [0_u8; 1])? > 0;
            return Ok(listed);
        }
        std::io::copy(&mut reader.take(more), &mut std::io::sink())?;
        if &kind == b"PK\x01\x02" {
            listed.entries = listed.entries.saturating_add(1);
        }
    }
}

fn fill(reader: &mut impl std::io::Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut done = 0;
    while let Some(open) = buffer.get_mut(done..).filter(|open| !open.is_empty()) {
        match reader.read(open)? {
            0 => break,
            more => done = done.saturating_add(more),
        }
    }
    Ok(done)
}

fn broken(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Broken(error.to_string())
}

impl<'b> Archive<Cursor<&'b [u8]>> {
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Self, ArchiveError> {
        Self::over(Cursor::new(bytes))
    }
}

impl<R: std::io::Read + Seek> Archive<R> {
    pub(crate) fn over(reader: R) -> Result<Self, ArchiveError> {
        let inner = zip::ZipArchive::new(reader).map_err(broken)?;
        if inner.len() > FILES {
            return Err(ArchiveError::TooMany { limit: FILES });
        }
        Ok(Self { inner })
    }

    /// The names of its files, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.inner.file_names().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Each file's name and digest, and whether it begins in some way; folders and links left out; in all no more bytes than the limit.
    /// Gives what was not looked at, in words.
    pub(crate) fn each(
        &mut self,
        limit: u64,
        begins: impl Fn(&[u8]) -> bool,
        mut found: impl FnMut(&str, Sha256, bool),
    ) -> Result<Vec<String>, ArchiveError> {
        let (mut left, mut closed) = (limit, 0_usize);
        let mut doubtful = false;
        let mut unseen = Vec::new();
        let mut buffer = vec![0_u8; 32 << 10];
        'files: for at in 0..self.inner.len() {
            let mut file = match self.inner.by_index(at) {
                Ok(file) => file,
                Err(zip::result::ZipError::UnsupportedArchive(_)) => {
                    closed = closed.saturating_add(1);
                    continue;
                }
                Err(error) => return Err(broken(error)),
            };
            if file.is_dir() || file.is_symlink() {
                // What it says of its size may be wrong.
                doubtful |= file.size() > 0 || !file.read(&mut [0_u8; 1]).is_ok_and(|read| read == 0);
                continue;
            }
            let mut digest = Context::new(&SHA256);
            let (mut first, mut begun) = (true, false);
            loop {
                // A reader may give less than there is, and how a file begins takes a block.
                let read = fill(&mut file, &mut buffer).map_err(broken)?;
                let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
                begun |= std::mem::take(&mut first) && begins(part);
                digest.update(part);
                let Some(rest) = left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) else {
                    unseen.push(format!("what lies behind the first {limit} bytes that it unpacks to"));
                    break 'files;
                };
                left = rest;
            }
            found(file.name(), finished(digest), begun);
        }
        let files = if closed == 1 { "1 file that is" } else { "files that are" };
        let many = if closed > 1 { format!("{closed} ") } else { String::new() };
        unseen.extend(
            doubtful.then(|| "links, or folders with contents, which another program may unpack as files".to_owned()),
        );
        unseen.extend((closed > 0).then(|| format!("{many}{files} encrypted, or packed in a way that is not read")));
        Ok(unseen)
    }

    /// What other programs than those that go by the directory take for a part of it, or may: bytes that belong to no entry, and entries
    /// of one name, of which one is found by it.
    pub(crate) fn unlisted(mut self) -> Result<Vec<String>, ArchiveError> {
        let mut extents = Vec::with_capacity(self.inner.len());
        for at in 0..self.inner.len() {
            let file = self.inner.by_index_raw(at).map_err(broken)?;
            extents.push((file.header_start(), file.data_start().saturating_add(file.compressed_size())));
        }
        extents.sort_unstable();
        let (directory, entries) = (self.inner.central_directory_start(), self.inner.len());
        let mut at = 0_u64;
        let starts = extents.iter().map(|(start, _)| *start).chain([directory]);
        let mut apart = false;
        for (start, end) in starts.zip(extents.iter().map(|(_, end)| *end).chain([directory])) {
            // Behind a file its checksum and sizes may stand once more.
            let between = start.checked_sub(at);
            apart |= !between.is_some_and(|gap| gap == 0 || (at > 0 && AGAIN.contains(&gap)));
            at = end.max(at);
        }
        let mut unseen = Vec::new();
        unseen.extend(apart.then(|| "bytes that belong to no entry of its directory".to_owned()));
        let mut reader = self.inner.into_inner();
        reader.seek(SeekFrom::Start(directory)).map_err(broken)?;
        let mut reader = BufReader::new(reader);
        let listed = listed(&mut reader).map_err(broken)?;
        let twice = listed.entries != entries;
        unseen.extend(twice.then(|| "a name stands twice in its directory, and one file of it".to_owned()));
        unseen.extend(listed.ends_again.then(|| "the end of another archive in its comment".to_owned()));
        unseen.extend(listed.behind.then(|| "what stands behind its end".to_owned()));
        Ok(unseen)
    }

    /// The bytes of a file.
    pub(crate) fn read(&mut self, name: &str, limit: usize) -> Result<Vec<u8>, ArchiveError> {
        let file = self.inner.by_name(name).map_err(broken)?;
        let mut bytes = Vec::new();
        let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(bound).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() > limit {
            return Err(ArchiveError::TooLarge { name: name.to_owned(), limit });
        }
        Ok(bytes)
    }
}
