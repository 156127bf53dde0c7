//! What can be read while Cargo still answers: the archives that the lock file names, the toolchain's own files, and the
//! schema. Nothing rests on it. An archive that was not read ahead is read when it is asked for, and one that is read ahead
//! and never asked for is forgotten. The bytes are read once either way, and held against the lock file by whoever asks.

use super::archive;
use crate::{error::SbomError, inventory::Sha512, lock};
use countersign_core::{digest::Sha256, limits};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Folders of Cargo's cache, one a registry, that are looked at.
const REGISTRIES: usize = 16;

/// Digests of archives, each file read once by whoever comes first.
#[derive(Default)]
pub(crate) struct Ahead {
    archives: Mutex<BTreeMap<PathBuf, Slot>>,
    changed: Condvar,
    enough: AtomicBool,
}

#[derive(Clone, Copy)]
enum Slot {
    /// Somebody reads it.
    Read,
    /// Its digests; nothing where there is no such file.
    Done(Option<(Sha256, Sha512)>),
}

/// Ends the reading ahead when it is dropped: on every way out, errors among them.
pub(crate) struct Enough<'a>(pub(crate) &'a Ahead);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.enough.store(true, Ordering::Relaxed);
    }
}

impl Ahead {
    /// Reads the archives of the lock file that lies nearest above the folder, until it is told that it is enough.
    pub(crate) fn archives(&self, directory: &Path, home: &Path) {
        let Ok(directory) = fs::canonicalize(directory) else { return };
        let found = directory.ancestors().map(|folder| folder.join("Cargo.lock")).find(|path| path.is_file());
        let Some(Ok(names)) = found.map(|path| lock::with_checksum(&path)) else { return };
        let Ok(entries) = fs::read_dir(home.join("registry/cache")) else { return };
        let caches: Vec<PathBuf> = entries.take(REGISTRIES).filter_map(|entry| Some(entry.ok()?.path())).collect();
        for name in names.iter().filter(|name| likely(name)) {
            for cache in &caches {
                if self.enough.load(Ordering::Relaxed) {
                    return;
                }
                let path = cache.join(format!("{name}.crate"));
                if path.is_file() {
                    // Whoever asks for it reads it again, and gets the error.
                    let _asked_again = self.digests(&path);
                }
            }
        }
    }

    /// The digests of an archive; nothing where there is none.
    pub(super) fn digests(&self, path: &Path) -> Result<Option<(Sha256, Sha512)>, SbomError> {
        let mut archives = self.slots();
        loop {
            match archives.get(path) {
                Some(Slot::Done(digests)) => return Ok(*digests),
                Some(Slot::Read) => {
                    archives = self.changed.wait(archives).unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        archives.insert(path.to_owned(), Slot::Read);
        drop(archives);
        let read = archive::hash(path, limits::CRATE_BYTES);
        let mut archives = self.slots();
        match &read {
            Ok(digests) => archives.insert(path.to_owned(), Slot::Done(*digests)),
            Err(_) => archives.remove(path),
        };
        drop(archives);
        self.changed.notify_all();
        read
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Slot>> {
        self.archives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Half of what lock files name beyond a build is for Windows, and large. Where it is needed it is read then.
fn likely(name: &str) -> bool {
    cfg!(windows) || !(name.starts_with("windows") || name.starts_with("winapi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_ahead_is_what_is_asked_for_and_the_rest_is_read_then() {
        let place = tempfile::tempdir().unwrap();
        let cache = place.path().join("home/registry/cache/index");
        let below = place.path().join("workspace/member");
        fs::create_dir_all(&cache).unwrap();
        fs::create_dir_all(&below).unwrap();
        let package = |name: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.com/i\"\nchecksum = \"{}\"\n",
                "0".repeat(64)
            )
        };
        fs::write(place.path().join("workspace/Cargo.lock"), format!("version = 4\n{}{}", package("a"), package("b")))
            .unwrap();
        let (a, b) = (cache.join("a-1.0.0.crate"), cache.join("b-1.0.0.crate"));
        fs::write(&a, "abc").unwrap();
        let ahead = Ahead::default();
        ahead.archives(&below, &place.path().join("home"));
        fs::write(&a, "another").unwrap();
        fs::write(&b, "abc").unwrap();
        let short = |path: &Path| ahead.digests(path).unwrap().map(|(short, _)| short);
        assert_eq!(short(&a), Some(Sha256::of(b"abc")), "read once");
        assert_eq!(short(&b), Some(Sha256::of(b"abc")), "it was not there before");
        assert_eq!(short(&cache.join("c-1.0.0.crate")), None);
        let stopped = Ahead::default();
        drop(Enough(&stopped));
        stopped.archives(&below, &place.path().join("home"));
        assert!(stopped.slots().is_empty(), "enough is enough");
    }

    #[test]
    fn many_that_ask_for_one_file_at_once_get_the_same() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.crate");
        fs::write(&path, vec![7_u8; 1 << 20]).unwrap();
        let ahead = Ahead::default();
        let digests: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| ahead.digests(&path).unwrap().unwrap().0)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(digests.iter().all(|digest| *digest == Sha256::of(&vec![7_u8; 1 << 20])));
    }
}
