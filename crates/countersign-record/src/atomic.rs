//! Writing a file so that it is there whole or not at all: every output of the tool goes through here.
//! It never changes a file in place, never leaves a half-written one under the name asked for, and never puts a file where a
//! device, a pipe or a link is, or where a store keeps its log or its evidence.

use crate::disk::{DiskError, DiskFault, Doing, flush_file, flush_folder, folder_of};
use crate::outlet::{Outlet, Taker};
use std::fs::{File, Permissions, TryLockError};
use std::io::{Seek as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// Writes `bytes` to `path`, replacing the file that is there: a file beside it is written and flushed, renamed over it, and
/// the folder is flushed. If a step fails, what was there stays. The file gets the permissions `mode` less the
/// process's umask. Where `path` is a symbolic link, all this happens where it leads; where it is a device, a pipe or one of
/// the process's own channels, the bytes are written to it.
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
    // What a device or a pipe takes is known only when it is written to.
    let Outlet::File(place) = outlet(path)? else { return Ok(()) };
    let mut temporary = tempfile::Builder::new()
        .prefix(".countersign-")
        .suffix(".tmp")
        .tempfile_in(folder_of(&place))
        .map_err(|source| DiskError::new(Doing::Create, path, source))?;
    temporary.write_all(&vec![0; ROOM]).map_err(|source| DiskError::new(Doing::Write, path, source))
}

/// More than a checkpoint or a lock has.
const ROOM: usize = 1 << 16;

/// As [`write_atomic`] for what can be made again at any time: the folder is not flushed, so that after a loss of power either file may
/// be there, whole.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let failed = |source| DiskError::new(Doing::Write, path, source);
    let write = |file: &mut dyn Write| file.write_all(bytes).map_err(failed);
    match outlet(path)? {
        Outlet::File(place) => renamed(&place, mode, write),
        Outlet::Taker(to) => through(path, &to, write),
    }
}

/// The same for files of the tool's own, within folders that it keeps: a symbolic link is replaced, not followed.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    renamed(path, mode, |file| file.write_all(bytes).map_err(|source| DiskError::new(Doing::Write, path, source)))?;
    flush_folder(folder_of(path))
}

/// As [`write_atomic`] for what is too large to be in memory at once: `write` writes it, piece by piece. If it fails, what
/// was there stays.
pub fn write_atomic_with<T, E: From<DiskError>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    match outlet(path)? {
        Outlet::File(place) => {
            let done = renamed(&place, mode, write)?;
            flush_folder(folder_of(&place))?;
            Ok(done)
        }
        Outlet::Taker(to) => through(path, &to, write),
    }
}

/// Where an output goes. What a store keeps is written by whoever keeps it, and by no output of anything: a log whose checkpoint was
/// replaced is none any more.
fn outlet(path: &Path) -> Result<Outlet, DiskError> {
    let outlet = Outlet::of(path)?;
    let Some(folder) = kept_by_a_store(path) else { return Ok(outlet) };
    let source = std::io::Error::other(format!("{} is the store's own", folder.display()));
    Err(DiskError { doing: Doing::Write, path: path.to_owned(), fault: DiskFault::Kept, source })
}

/// Whether what is written to a path goes to our own standard output.
#[must_use]
pub fn is_standard_output(path: &Path) -> bool {
    matches!(Outlet::of(path), Ok(Outlet::Taker(Taker::Output)))
}

/// Whether a path leads to what only takes bytes, and keeps no file that another could replace: a device, a pipe, or what a process
/// has open.
#[must_use]
pub fn only_takes(path: &Path) -> bool {
    matches!(Outlet::of(path), Ok(Outlet::Taker(_)))
}

/// Waits for whoever else replaces a file where this path leads, and holds them up until what comes back is dropped. Where the folder
/// has no such lock, nothing is held; nor where somebody keeps it for longer than any writing takes, such as who runs us under
/// `flock` of that very folder, and would wait for us while we wait for them.
#[must_use]
pub fn hold_others(path: &Path) -> Option<File> {
    held_within(path, LOOKS)
}

/// How often it is looked whether the lock is free, and the pause in between.
const LOOKS: u32 = 250;
const PAUSE: Duration = Duration::from_millis(20);

fn held_within(path: &Path, looks: u32) -> Option<File> {
    let Ok(Outlet::File(place)) = Outlet::of(path) else { return None };
    let folder = File::open(folder_of(&place)).ok()?;
    for _ in 0..looks {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Whether what is written to both would end in one file, so that the second replaces the first.
#[must_use]
pub fn same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let Ok(Outlet::File(place)) = Outlet::of(path) else { return None };
        let folder = std::fs::canonicalize(folder_of(&place)).ok()?;
        Some(folder.join(place.file_name()?))
    };
    one == other || place(one).is_some_and(|one| place(other).is_some_and(|other| one == other))
}

/// Whether what is written to a path would end in this folder or below it.
#[must_use]
pub fn lies_in(path: &Path, folder: &Path) -> bool {
    let Ok(Outlet::File(place)) = Outlet::of(path) else { return false };
    let within = std::fs::canonicalize(folder_of(&place));
    std::fs::canonicalize(folder).is_ok_and(|folder| within.is_ok_and(|within| within.starts_with(&folder)))
}

/// The folder of some store's log or evidence in which what is written to a path would end, or below it: known by what lies there,
/// for whoever writes and was told of no store. Folders that are not there yet are looked at as if they had been made.
#[must_use]
pub fn kept_by_a_store(path: &Path) -> Option<PathBuf> {
    let Ok(Outlet::File(place)) = Outlet::of(path) else { return None };
    let folder = folder_of(&place);
    let within = std::fs::canonicalize(folder).ok().or_else(|| once_made(folder))?;
    within.ancestors().find(|folder| is_log(folder) || is_evidence(folder)).map(Path::to_owned)
}

/// Where a folder would be that is not there yet, nor maybe some of those above it. Whoever makes all of them makes `x` for `x/..`
/// too, and then goes back to where it was made.
fn once_made(folder: &Path) -> Option<PathBuf> {
    let mut place = if folder.is_absolute() { PathBuf::new() } else { std::fs::canonicalize(".").ok()? };
    for part in folder.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                place.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                place.push(part);
                place = std::fs::canonicalize(&place).unwrap_or(place);
            }
        }
    }
    Some(place)
}

/// A checkpoint alone is also what an auditor keeps in a folder of hers, and a folder called `evidence` may be anybody's. A log of no
/// entries has no tile yet, and its store maybe no evidence: whoever made it left the lock there.
fn is_log(folder: &Path) -> bool {
    let named = folder.file_name().is_some_and(|name| name == "log");
    let beside_evidence = || folder.parent().is_some_and(|store| store.join("evidence").is_dir());
    let new = || named && (folder.join(".lock").is_file() || beside_evidence());
    folder.join("checkpoint").is_file() && (folder.join("tile").is_dir() || new())
}

/// Beside a log it is the store's also before anything is kept there. A checkpoint alone, beside a folder of evidence, is again what
/// somebody keeps.
fn is_evidence(folder: &Path) -> bool {
    let named = folder.file_name().is_some_and(|name| name == "evidence");
    let log = folder.parent().filter(|_| named).map(|store| store.join("log"));
    let written = |log: &Path| log.join("tile").is_dir() || log.join(".lock").is_file();
    if log.is_some_and(|log| log.join("checkpoint").is_file() && written(&log)) {
        return true;
    }
    let of_two = |name: &str| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let entries = std::fs::read_dir(folder.join("sha256")).into_iter().flatten().filter_map(Result::ok);
    let mut shards = entries.filter(|entry| entry.file_name().to_str().is_some_and(of_two));
    shards.any(|entry| entry.path().is_dir())
}

/// What cannot be taken back is written only once all of it is made.
fn through<T, E: From<DiskError>>(
    path: &Path,
    to: &Taker,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |source| DiskError::new(Doing::Write, path, source);
    let mut made =
        tempfile::tempfile().map_err(|source| DiskError::new(Doing::Create, &std::env::temp_dir(), source))?;
    let done = buffered(path, &mut made, write)?;
    made.rewind().map_err(failed)?;
    let mut to = to.open().map_err(failed)?;
    std::io::copy(&mut made, &mut to).map_err(failed)?;
    Ok(done)
}

fn buffered<T, E: From<DiskError>>(
    path: &Path,
    file: &mut File,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let mut buffered = std::io::BufWriter::with_capacity(1 << 16, file);
    let done = write(&mut buffered)?;
    buffered.flush().map_err(|source| DiskError::new(Doing::Write, path, source))?;
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
    let done = buffered(path, temporary.as_file_mut(), write)?;
    flush_file(temporary.as_file(), path)?;
    temporary.persist(path).map_err(|refused| DiskError::new(Doing::Rename, path, refused.error))?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    use std::process::Command;

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
    fn what_lies_in_a_folder_is_known_by_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("store/log/tile")).unwrap();
        fs::create_dir(dir.path().join("store/logs")).unwrap();
        symlink("store/log/checkpoint", dir.path().join("link")).unwrap();
        let store = dir.path().join("store/log");
        let lies = |path: &str| lies_in(&dir.path().join(path), &store);
        assert!(
            lies("store/log/checkpoint") && lies("store/log/tile/0") && lies("store/logs/../log/x") && lies("link")
        );
        assert!(!lies("store/logs/x") && !lies("store/x") && !lies("x") && !lies("no/such/x"));
    }

    #[test]
    fn a_folder_of_a_store_is_known_by_what_lies_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [
            "store/log/tile/0",
            "store/evidence/sha256/c5",
            "other/log",
            "other/evidence",
            "other/outside",
            "auditor/log/2026",
        ];
        for folder in folders.into_iter().chain(["linked", "elsewhere/tile", "new/log", "new/evidence", "made/log"]) {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for path in ["made/log/checkpoint", "made/log/.lock"] {
            fs::write(dir.path().join(path), b"").unwrap();
        }
        fs::write(dir.path().join("store/log/checkpoint"), b"").unwrap();
        for path in ["auditor/log/checkpoint", "elsewhere/checkpoint", "new/log/checkpoint", "other/outside/checkpoint"]
        {
            fs::write(dir.path().join(path), b"").unwrap();
        }
        symlink("store/log/checkpoint", dir.path().join("link")).unwrap();
        symlink(dir.path().join("elsewhere"), dir.path().join("linked/log")).unwrap();
        let kept = |path: &str| kept_by_a_store(&dir.path().join(path)).is_some();
        for path in
            ["store/log/checkpoint", "store/log/tile/0/x001", "store/evidence/x", "store/evidence/sha256/c5/d", "link"]
        {
            assert!(kept(path), "{path}");
        }
        assert!(
            kept("linked/log/checkpoint") && kept("new/log/checkpoint"),
            "a log that is a link, and one without entries"
        );
        for path in ["store/x", "other/log/x", "other/evidence/x", "x", "no/such/x", "auditor/log/2026/q06.csv"] {
            assert!(!kept(path), "{path}");
        }
        assert!(kept("store/log/new/folder/x") && !kept("store/new/folder/x"), "folders that would be made");
        assert!(kept("made/log/checkpoint"), "a log that was made just now, in a store without evidence");
        assert!(!kept("other/outside/checkpoint"), "what is kept of a log, beside evidence that is in no store");
    }

    #[test]
    fn a_folder_that_would_be_made_in_a_store_is_known_whatever_words_lead_there() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("store/log/tile")).unwrap();
        fs::write(dir.path().join("store/log/checkpoint"), b"").unwrap();
        symlink("store", dir.path().join("link")).unwrap();
        let kept = |path: &str| kept_by_a_store(&dir.path().join(path)).is_some();
        for path in [
            "store/new/../log/made/x",
            "new/../store/log/made/x",
            "new/../link/log/made/x",
            "store/log/new/../made/x",
            "store/evidence/x",
            "store/evidence/made/x",
            "link/new/../evidence/x",
        ] {
            assert!(kept(path), "{path}");
        }
        fs::create_dir_all(dir.path().join("auditor/log")).unwrap();
        fs::write(dir.path().join("auditor/log/checkpoint"), b"").unwrap();
        fs::create_dir(dir.path().join("auditor/evidence")).unwrap();
        for path in [
            "store/log/new/../../made/x",
            "store/new/../made/x",
            "new/../evidence/x",
            "store/evidences/x",
            "auditor/evidence/x",
        ] {
            assert!(!kept(path), "{path}");
        }
    }

    #[test]
    fn no_output_takes_the_place_of_what_a_store_keeps_and_the_stores_own_files_do() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("store/log/tile")).unwrap();
        let kept = dir.path().join("store/log/checkpoint");
        fs::write(&kept, b"kept").unwrap();
        symlink(&kept, dir.path().join("link")).unwrap();
        for path in [kept.clone(), dir.path().join("link"), dir.path().join("store/log/tile/x")] {
            for result in [write_atomic(&path, b"x", 0o644), write_whole(&path, b"x", 0o644), could_write(&path)] {
                assert_eq!(result.unwrap_err().fault, DiskFault::Kept, "{}", path.display());
            }
        }
        assert_eq!(fs::read(&kept).unwrap(), b"kept");
        write_atomic(&dir.path().join("store/x"), b"x", 0o644).unwrap();
        replace(&kept, b"newer", 0o644).unwrap();
        assert_eq!(fs::read(&kept).unwrap(), b"newer");
    }

    #[test]
    fn a_missing_folder_and_an_occupied_name_are_told_apart_and_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = write_atomic(&dir.path().join("no/such/file"), b"x", 0o644).unwrap_err();
        assert_eq!((missing.doing, missing.fault), (Doing::Create, DiskFault::Missing));
        fs::create_dir(dir.path().join("taken")).unwrap();
        let taken = write_atomic(&dir.path().join("taken"), b"x", 0o644).unwrap_err();
        assert_eq!((taken.doing, taken.fault), (Doing::Write, DiskFault::Occupied));
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
    #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
    fn a_pipe_is_written_to_and_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let linked = dir.path().join("link");
        symlink(&path, &linked).unwrap();
        for at in [&path, &linked] {
            let to = at.clone();
            let writer = std::thread::spawn(move || write_atomic(&to, b"all of it", 0o644));
            assert_eq!(fs::read(&path).unwrap(), b"all of it");
            writer.join().unwrap().unwrap();
        }
        let failed = write_atomic_with(&path, 0o644, |file| {
            file.write_all(b"half").unwrap();
            Err::<(), _>(DiskError::new(Doing::Read, Path::new("source"), std::io::ErrorKind::NotFound.into()))
        });
        // Opening a pipe to write waits for a reader: nobody reads here, and it did not wait for one.
        assert_eq!(failed.unwrap_err().doing, Doing::Read);
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(names(dir.path()), ["link", "pipe"]);
    }

    #[test]
    fn a_link_stays_and_the_file_that_it_leads_to_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("old"), b"old").unwrap();
        symlink("elsewhere/old", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        symlink("elsewhere/new", dir.path().join("c")).unwrap();
        symlink("d", dir.path().join("d")).unwrap();
        write_atomic(&dir.path().join("b"), b"new", 0o644).unwrap();
        write_whole(&dir.path().join("c"), b"first", 0o644).unwrap();
        assert_eq!(fs::read(elsewhere.join("old")).unwrap(), b"new");
        assert_eq!(fs::read(elsewhere.join("new")).unwrap(), b"first");
        for link in ["a", "b", "c"] {
            assert!(fs::symlink_metadata(dir.path().join(link)).unwrap().is_symlink(), "{link}");
        }
        assert_eq!(write_atomic(&dir.path().join("d"), b"x", 0o644).unwrap_err().doing, Doing::Write);
        assert!(same_file(&dir.path().join("b"), &elsewhere.join("../elsewhere/old")));
        assert!(!same_file(&dir.path().join("b"), &dir.path().join("c")));
        replace(&dir.path().join("c"), b"own", 0o644).unwrap();
        assert!(!fs::symlink_metadata(dir.path().join("c")).unwrap().is_symlink(), "within the tool's own folders");
    }

    #[test]
    fn whoever_replaces_a_file_holds_others_up_by_any_name_of_it_and_is_waited_for_no_longer_than_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("elsewhere/kept");
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        symlink("elsewhere/kept", dir.path().join("link")).unwrap();
        let held = hold_others(&dir.path().join("link")).unwrap();
        assert!(held_within(&kept, 2).is_none(), "it is one file by both names");
        assert!(held_within(&dir.path().join("other"), 2).is_some());
        drop(held);
        assert!(hold_others(&kept).is_some());
        assert!(hold_others(&dir.path().join("no/such")).is_none() && hold_others(Path::new("/dev/null")).is_none());
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
