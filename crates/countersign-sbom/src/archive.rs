//! Zip archives of others, with bounds: on the number of files, and on each file as it comes out, whatever it says of itself.

use std::io::{Cursor, Read as _, Seek};

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
