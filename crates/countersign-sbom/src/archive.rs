//! Zip archives of others, with bounds: on the number of files, and on each file as it comes out, whatever it says of itself.

use crate::tarball::finished;
use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::digest::Sha256;
use std::io::{Cursor, Read as _, Seek};

/// Why an archive is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// Not an archive, or a broken one.
    #[error("it is no zip archive that can be read: {0}")]
    Broken(String),
    /// An archive, and packed in a way that is not read.
    #[error("it is packed in a way that is not read: {0}")]
    Unsupported(String),
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

fn unread(error: zip::result::ZipError) -> ArchiveError {
    if let zip::result::ZipError::UnsupportedArchive(what) = error {
        return ArchiveError::Unsupported(what.to_owned());
    }
    broken(error)
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

    /// Each file's name and digest, folders and links left out; in all no more bytes than the limit. And how many of them begin in some
    /// way.
    pub(crate) fn digests(
        &mut self,
        limit: u64,
        begins: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<(String, Sha256)>, usize), ArchiveError> {
        let (mut left, mut begun) = (limit, 0_usize);
        let mut found = Vec::new();
        let mut buffer = vec![0_u8; 32 << 10];
        for at in 0..self.inner.len() {
            let mut file = self.inner.by_index(at).map_err(unread)?;
            if file.is_dir() || file.is_symlink() {
                continue;
            }
            let mut digest = Context::new(&SHA256);
            let mut first = true;
            loop {
                // A reader may give less than there is, and how a file begins takes a block.
                let read = fill(&mut file, &mut buffer).map_err(broken)?;
                let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
                begun = begun.saturating_add(usize::from(std::mem::take(&mut first) && begins(part)));
                digest.update(part);
                left = left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)).ok_or_else(|| {
                    ArchiveError::TooLarge {
                        name: file.name().to_owned(),
                        limit: usize::try_from(limit).unwrap_or(usize::MAX),
                    }
                })?;
            }
            found.push((file.name().to_owned(), finished(digest)));
        }
        Ok((found, begun))
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
