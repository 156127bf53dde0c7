//! Reading files with a bound.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// It is larger than the bound.
    TooLarge,
    /// It is not there, or cannot be read.
    Io(std::io::Error),
}

/// All of a file, if it has at most `limit` bytes. The length is not asked for beforehand: it could change.
pub(crate) fn read_within(path: &Path, limit: usize) -> Result<Vec<u8>, ReadError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(ReadError::Io)?;
    file.take(most).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() > limit {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}
