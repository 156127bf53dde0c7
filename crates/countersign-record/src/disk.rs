//! What can go wrong with a disk, as facts; and the few steps that make a write durable.
//! Nothing here retries: after a failed flush nobody knows what is on the disk.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A step on the disk that failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} {}: {fault}", path.display())]
pub struct DiskError {
    /// What was tried.
    pub doing: Doing,
    /// With which file or folder.
    pub path: PathBuf,
    /// Why not, as far as we know such causes.
    pub fault: DiskFault,
    /// What the system said.
    pub source: io::Error,
}

impl DiskError {
    /// Names the cause of a failed step.
    #[must_use]
    pub fn new(doing: Doing, path: &Path, source: io::Error) -> Self {
        Self { doing, path: path.to_owned(), fault: DiskFault::of(source.kind()), source }
    }
}

/// A step on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// Reading a file.
    Read,
    /// Listing a folder.
    List,
    /// Making a file or folder.
    Create,
    /// Writing to a file.
    Write,
    /// Waiting until it is on the disk.
    Flush,
    /// Giving a file its final name.
    Rename,
    /// Removing a file.
    Remove,
    /// Taking a lock.
    Lock,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::Rename => "put into place",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// Why a step on the disk failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskFault {
    /// No space, or no quota, is left.
    Full,
    /// The file system is read-only.
    ReadOnly,
    /// We may not.
    Denied,
    /// The file, or a folder on the way to it, does not exist.
    Missing,
    /// Something else is in its place.
    Occupied,
    /// A store keeps what lies there.
    Kept,
    /// Anything else; the system's own words say more.
    Other,
}

impl DiskFault {
    fn of(kind: io::ErrorKind) -> Self {
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) {
            Self::Full
        } else if kind == io::ErrorKind::ReadOnlyFilesystem {
            Self::ReadOnly
        } else if kind == io::ErrorKind::PermissionDenied {
            Self::Denied
        } else if kind == io::ErrorKind::NotFound {
            Self::Missing
        } else if matches!(
            kind,
            io::ErrorKind::AlreadyExists
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::DirectoryNotEmpty
        ) {
            Self::Occupied
        } else {
            Self::Other
        }
    }
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no space is left",
            Self::ReadOnly => "the file system is read-only",
            Self::Denied => "permission denied",
            Self::Missing => "it, or a folder on the way to it, does not exist",
            Self::Occupied => "something else is in its place",
            Self::Kept => "it lies in a folder that a store keeps",
            Self::Other => "input or output failed",
        })
    }
}

/// The bytes of a file of at most `limit` bytes; one byte more is read of a larger one, so that the caller sees it.
/// None if there is no such file.
pub(crate) fn read_bounded(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
    let wrap = |source| DiskError::new(Doing::Read, path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(wrap(source)),
    };
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(wrap)?;
    Ok(Some(bytes))
}

/// The folder that a path lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn flush_folder(folder: &Path) -> Result<(), DiskError> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(|source| DiskError::new(Doing::Flush, folder, source))
}

/// Waits until the bytes of a file are on the disk.
pub(crate) fn flush_file(file: &File, path: &Path) -> Result<(), DiskError> {
    file.sync_data().map_err(|source| DiskError::new(Doing::Flush, path, source))
}

/// Makes a folder and what is missing above it, durably.
pub(crate) fn make_folders(folder: &Path) -> Result<(), DiskError> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.is_dir()).collect();
    fs::create_dir_all(folder).map_err(|source| DiskError::new(Doing::Create, folder, source))?;
    for made in missing {
        flush_folder(folder_of(made))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_that_a_person_can_mend_are_told_apart() {
        let fault = |errno| DiskError::new(Doing::Write, Path::new("x"), io::Error::from_raw_os_error(errno)).fault;
        // Numbers that Linux and macOS share.
        assert_eq!(fault(28), DiskFault::Full);
        assert_eq!(fault(30), DiskFault::ReadOnly);
        assert_eq!(fault(13), DiskFault::Denied);
        assert_eq!(fault(2), DiskFault::Missing);
        assert_eq!(fault(21), DiskFault::Occupied);
        assert_eq!(fault(5), DiskFault::Other);
    }

    #[test]
    fn a_file_larger_than_the_limit_shows_it_by_one_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(read_bounded(&path, 3).unwrap().is_none());
        fs::write(&path, b"abcdef").unwrap();
        assert_eq!(read_bounded(&path, 3).unwrap().unwrap(), b"abcd");
        assert!(read_bounded(dir.path(), 3).is_err());
    }
}
