//! What a log may lie on. An append relies on a lock that shuts others out and on a rename that is there whole or not at
//! all; where the file system is known not to give that, or is seen not to, the log is not opened.

use super::error::LogError;
use crate::disk::{DiskError, Doing};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// File systems over a network, and object stores that are dressed up as one: their locks, renames and flushes hold on one
/// machine at most. What runs past one machine is a remote store.
const REFUSED: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.goofys",
    "fuse.mount-s3",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb2",
    "smb3",
    "smbfs",
    "virtiofs",
    "vboxsf",
];

/// Refuses a folder that lies on such a file system, as far as this machine tells.
pub(super) fn check(folder: &Path) -> Result<(), LogError> {
    // Where there is no such table, as on other systems than Linux, only the lock itself tells.
    let Ok(table) = fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    let place = folder.canonicalize().map_err(|source| DiskError::new(Doing::Lock, folder, source))?;
    match kind_of(&table, &place) {
        Some(kind) if REFUSED.contains(&kind.as_str()) => {
            Err(LogError::NotHere { folder: folder.to_owned(), why: format!("it lies on {kind}") })
        }
        _ => Ok(()),
    }
}

/// Refuses a lock that does not shut others out: somebody who opens the same file again must not get it.
pub(super) fn probe(folder: &Path, lock: &Path) -> Result<(), LogError> {
    let again = File::options().write(true).open(lock).map_err(|source| DiskError::new(Doing::Lock, lock, source))?;
    match again.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(source)) => Err(DiskError::new(Doing::Lock, lock, source).into()),
        Ok(()) => Err(LogError::NotHere {
            folder: folder.to_owned(),
            why: "its file system gives one lock to two".to_owned(),
        }),
    }
}

/// The type of the file system that a path lies on, by a table of mounts: the last of those that are mounted nearest.
fn kind_of(table: &str, place: &Path) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for line in table.lines() {
        let (Some(point), Some((_, rest))) = (line.split(' ').nth(4), line.split_once(" - ")) else { continue };
        let point = PathBuf::from(unescaped(point));
        let depth = point.components().count();
        if place.starts_with(&point) && best.as_ref().is_none_or(|(known, _)| depth >= *known) {
            best = Some((depth, rest.split(' ').next()?.to_owned()));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Spaces, tabs, newlines and backslashes stand as three octal digits in that table.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw - proc proc rw
40 21 0:40 / /mnt/share rw,relatime shared:1 - nfs4 server:/export rw
41 40 8:2 / /mnt/share/disk rw - xfs /dev/sdb1 rw
42 21 0:42 / /mnt/a\\040place rw - fuse.s3fs s3fs rw
43 21 0:43 / /net rw - ext4 /dev/sdc1 rw
44 21 0:44 / /net rw - cifs //server/home rw
";

    #[test]
    fn the_nearest_mount_says_what_a_folder_lies_on_and_the_last_of_two_at_one_place() {
        let kind = |path: &str| kind_of(TABLE, Path::new(path));
        assert_eq!(kind("/srv/log").as_deref(), Some("ext4"));
        assert_eq!(kind("/mnt/share/log").as_deref(), Some("nfs4"));
        assert_eq!(kind("/mnt/share/disk/log").as_deref(), Some("xfs"));
        assert_eq!(kind("/mnt/a place/log").as_deref(), Some("fuse.s3fs"));
        assert_eq!(kind("/net/ada/log").as_deref(), Some("cifs"));
        assert_eq!(kind("/mnt/shared").as_deref(), Some("ext4"), "a name that only begins alike is another");
        assert!(["nfs4", "cifs", "fuse.s3fs"].iter().all(|kind| REFUSED.contains(kind)));
    }

    #[test]
    fn a_lock_that_nobody_holds_is_one_that_does_not_hold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = File::create(&path).unwrap();
        assert!(matches!(probe(dir.path(), &path), Err(LogError::NotHere { .. })));
        held.try_lock().unwrap();
        probe(dir.path(), &path).unwrap();
        check(dir.path()).unwrap();
    }
}
