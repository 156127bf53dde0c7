//! Where an output goes that a person named: the file itself, the file that a link leads to, or something that only takes
//! bytes, such as a device or a pipe.
//! It never opens a file that is to be replaced, and opens nothing before there is something to write.

use crate::disk::{DiskError, Doing, folder_of};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

/// Links that are followed from one to the next, as many as Linux follows.
const LINKS: usize = 40;

/// What an output's path leads to.
pub(crate) enum Outlet {
    /// A place for a file, where none is or one may be replaced.
    File(PathBuf),
    /// Takes bytes, and stays what it is.
    Taker(Taker),
}

/// What takes bytes.
pub(crate) enum Taker {
    /// A device, a pipe, or what some process has open.
    At(PathBuf),
    /// Our own standard output.
    Output,
    /// Our own standard error.
    Error,
}

impl Taker {
    /// Opens it; a pipe waits for its reader. Our own channels are written to where they stand: opened anew, a file behind one
    /// would be written to from its start.
    pub(crate) fn open(&self) -> io::Result<File> {
        match self {
            Self::At(path) => OpenOptions::new().append(true).open(path),
            Self::Output => io::stdout().as_fd().try_clone_to_owned().map(File::from),
            Self::Error => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        }
    }
}

impl Outlet {
    /// Follows the links at `path`.
    pub(crate) fn of(path: &Path) -> Result<Self, DiskError> {
        let failed = |source| DiskError::new(Doing::Write, path, source);
        let mut place = path.to_owned();
        for _ in 0..LINKS {
            let found = match fs::symlink_metadata(&place) {
                Ok(found) => found,
                // Whoever writes finds out whether the folder is there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File(place)),
                Err(error) => return Err(failed(error)),
            };
            let kind = found.file_type();
            if kind.is_file() {
                return Ok(Self::File(place));
            }
            if kind.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            if !kind.is_symlink() {
                return Ok(Self::Taker(Taker::At(place)));
            }
            let folder = fs::canonicalize(folder_of(&place)).map_err(failed)?;
            if let Some(channel) = channel(&folder, &place) {
                return Ok(Self::Taker(channel));
            }
            // The system's own rules on whose links are followed hold: it is asked to follow this one.
            match fs::metadata(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
            place = folder.join(fs::read_link(&place).map_err(failed)?);
        }
        Err(failed(io::Error::other("too many symbolic links")))
    }
}

/// What a process has open, such as `/dev/stdout`: a link in `/proc` that leads to the open file, not to a name.
fn channel(folder: &Path, link: &Path) -> Option<Taker> {
    let mut parts = folder.components().skip(1).map(std::path::Component::as_os_str);
    if parts.next()? != "proc" || folder.file_name()? != "fd" {
        return None;
    }
    let own = parts.next()?.to_str() == Some(&std::process::id().to_string());
    Some(match link.file_name()?.to_str()? {
        "1" if own => Taker::Output,
        "2" if own => Taker::Error,
        _ => Taker::At(link.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_has_open_is_no_file_to_be_replaced() {
        let own = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
        assert!(matches!(channel(&own, Path::new("/dev/fd/1")), Some(Taker::Output)));
        assert!(matches!(channel(&own, Path::new("/dev/fd/2")), Some(Taker::Error)));
        assert!(matches!(channel(&own, Path::new("/dev/fd/7")), Some(Taker::At(_))));
        assert!(matches!(channel(Path::new("/proc/1/fd"), Path::new("/proc/1/fd/1")), Some(Taker::At(_))));
        assert!(channel(Path::new("/other/proc/fd"), Path::new("1")).is_none());
        // A file that is open under a number of ours: the link leads to it, and it is not replaced.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open");
        let open = File::create(&path).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&open);
        if Path::new("/proc/self/fd").exists() {
            let found = Outlet::of(Path::new(&format!("/proc/self/fd/{number}"))).unwrap();
            assert!(matches!(found, Outlet::Taker(Taker::At(_))));
        }
    }
}
