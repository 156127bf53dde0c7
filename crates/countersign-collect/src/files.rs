//! Reading files with a bound.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// It is larger than the bound.
    TooLarge,
    /// It is not there, or cannot be read.
    Io(std::io::Error),
}

/// All of a file, if it has at most `limit` bytes. The length is not asked for beforehand: it could change. A pipe or
/// device is not opened: it could keep us waiting for ever.
pub(crate) fn read_within(path: &Path, limit: usize) -> Result<Vec<u8>, ReadError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let kind = std::fs::metadata(path).map_err(ReadError::Io)?.file_type();
    if kind.is_dir() {
        return Err(ReadError::Io(ErrorKind::IsADirectory.into()));
    }
    if !kind.is_file() {
        return Err(ReadError::Io(ErrorKind::InvalidInput.into()));
    }
    let file = File::open(path).map_err(ReadError::Io)?;
    file.take(most).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() > limit {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}
