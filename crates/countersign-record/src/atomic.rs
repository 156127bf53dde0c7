//! Writing a file so that it is there whole or not at all: every output of the tool goes through here.
//! It never changes a file in place, and never leaves a half-written one under the name asked for.

use crate::disk::{DiskError, Doing, flush_file, flush_folder, folder_of};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Writes `bytes` to `path`, replacing what is there: a file beside it is written and flushed, renamed over it, and
/// the folder is flushed. If a step fails, what was there stays. The file gets the permissions `mode` less the
/// process's umask; a symbolic link at `path` is replaced, not followed.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let failed = |source| DiskError::new(Doing::Write, path, source);
    write_atomic_with(path, mode, |file| file.write_all(bytes).map_err(failed))
}

/// Whether a small file could be written there: asked before something is done that cannot be taken back, and whose outcome
/// is to be written there. Nothing is left of it.
pub fn could_write(path: &Path) -> Result<(), DiskError> {
    // A folder would be in the way only when the file gets its name.
    if path.is_dir() {
        return Err(DiskError::new(Doing::Rename, path, std::io::ErrorKind::IsADirectory.into()));
    }
    let mut temporary = tempfile::Builder::new()
        .prefix(".countersign-")
        .suffix(".tmp")
        .tempfile_in(folder_of(path))
        .map_err(|source| DiskError::new(Doing::Create, path, source))?;
    temporary.write_all(&vec![0; ROOM]).map_err(|source| DiskError::new(Doing::Write, path, source))
}

/// More than a checkpoint or a lock has.
const ROOM: usize = 1 << 16;

/// As [`write_atomic`] for what can be made again at any time: the folder is not flushed, so that after a loss of power either file may
/// be there, whole.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let failed = |source| DiskError::new(Doing::Write, path, source);
    renamed(path, mode, |file| file.write_all(bytes).map_err(failed))
}

/// As [`write_atomic`] for what is too large to be in memory at once: `write` writes it, piece by piece. If it fails, what
/// was there stays.
pub fn write_atomic_with<T, E: From<DiskError>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let done = renamed(path, mode, write)?;
    flush_folder(folder_of(path))?;
    Ok(done)
}

/// What is written is on the disk before it gets its name.
fn renamed<T, E: From<DiskError>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let folder = folder_of(path);
    let mut temporary = tempfile::Builder::new()
        .prefix(".countersign-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(|source| DiskError::new(Doing::Create, path, source))?;
    let done = {
        let mut buffered = std::io::BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
        let done = write(&mut buffered)?;
        buffered.flush().map_err(|source| DiskError::new(Doing::Write, path, source))?;
        done
    };
    flush_file(temporary.as_file(), path)?;
    temporary.persist(path).map_err(|refused| DiskError::new(Doing::Rename, path, refused.error))?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskFault;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.json");
        write_atomic(&path, b"first, and longer", 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        write_atomic(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        write_whole(&path, b"third", 0o644).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(names(dir.path()), ["out.json"]);
    }

    #[test]
    fn a_missing_folder_and_an_occupied_name_are_told_apart_and_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = write_atomic(&dir.path().join("no/such/file"), b"x", 0o644).unwrap_err();
        assert_eq!((missing.doing, missing.fault), (Doing::Create, DiskFault::Missing));
        fs::create_dir(dir.path().join("taken")).unwrap();
        let taken = write_atomic(&dir.path().join("taken"), b"x", 0o644).unwrap_err();
        assert_eq!((taken.doing, taken.fault), (Doing::Rename, DiskFault::Occupied));
        assert_eq!(names(dir.path()), ["taken"]);
    }

    #[test]
    fn what_could_not_be_written_is_known_before_and_nothing_is_left_of_asking() {
        let dir = tempfile::tempdir().unwrap();
        could_write(&dir.path().join("new")).unwrap();
        let missing = could_write(&dir.path().join("no/such/file")).unwrap_err();
        assert_eq!((missing.doing, missing.fault), (Doing::Create, DiskFault::Missing));
        fs::create_dir(dir.path().join("taken")).unwrap();
        assert_eq!(could_write(&dir.path().join("taken")).unwrap_err().fault, DiskFault::Occupied);
        assert_eq!(names(dir.path()), ["taken"]);
    }

    #[test]
    fn in_a_read_only_folder_the_old_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o555)).unwrap();
        let result = write_atomic(&path, b"new", 0o644);
        // Permissions do not hold back the superuser: then the write must have worked.
        let privileged = fs::write(dir.path().join("probe"), b"").is_ok();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        match result {
            Ok(()) => assert!(privileged && fs::read(&path).unwrap() == b"new"),
            Err(error) => {
                assert_eq!(error.fault, DiskFault::Denied);
                assert_eq!(fs::read(&path).unwrap(), b"old");
            }
        }
    }
}
