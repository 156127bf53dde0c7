//! What can be read while Cargo still answers: the lock file, the archives that it names, and the licences and origins of
//! the packages in Cargo's cache. Nothing rests on it. What was not read ahead is read when it is asked for, and what is
//! read ahead and never asked for is forgotten. The bytes are read once either way, and archives are held against the lock
//! file by whoever asks.

use super::{archive, files::Found, index::Locked, unpacked};
use crate::{early::Early, error::SbomError, inventory::Sha512, lock::Lock};
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

/// What was read, each file once by whoever comes first.
pub(crate) struct Ahead {
    archives: Mutex<BTreeMap<PathBuf, Slot>>,
    changed: Condvar,
    /// By the package's folder.
    found: Mutex<BTreeMap<PathBuf, Found>>,
    lock: Early<Option<(PathBuf, Lock)>>,
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
    pub(crate) const fn new() -> Self {
        Self {
            archives: Mutex::new(BTreeMap::new()),
            changed: Condvar::new(),
            found: Mutex::new(BTreeMap::new()),
            lock: Early::new(),
            enough: AtomicBool::new(false),
        }
    }

    /// Reads the lock file that lies nearest above the folder, then what Cargo's own folder has of the packages that it
    /// names, until it is told that it is enough.
    pub(crate) fn read(&self, directory: &Path, home: Option<&Path>) {
        let Ok(directory) = fs::canonicalize(directory) else { return };
        let path = directory.ancestors().map(|folder| folder.join("Cargo.lock")).find(|path| path.is_file());
        let Some((path, Ok(lock))) = path.map(|path| (path.clone(), Lock::read(&path))) else { return };
        let mut names: Vec<(String, String, Sha256)> =
            lock.with_checksum().map(|(name, version, sum)| (name.to_owned(), version.to_owned(), *sum)).collect();
        // What carries sources in other languages is large, and often there for a feature that is off: it comes last.
        names.sort_by_key(|(name, ..)| name.ends_with("-sys"));
        self.lock.make(|| Some((path, lock)));
        let Some(home) = home else { return };
        let caches = caches(home);
        for (package, version, checksum) in names.iter().filter(|(name, ..)| likely(name)) {
            let name = format!("{package}-{version}");
            for cache in &caches {
                if self.enough.load(Ordering::Relaxed) {
                    return;
                }
                let path = cache.join(format!("{name}.crate"));
                if !path.is_file() {
                    continue;
                }
                // Whoever asks for it reads it again, and gets the error.
                let _asked_again = self.digests(&path);
                let index = cache.file_name().unwrap_or_default();
                let folder = home.join("registry/src").join(index).join(&name);
                // Cargo may be about to unpack it.
                if unpacked::is_whole(&folder) {
                    let found = Found::of(&folder, Some(Locked { name: package, version, checksum }));
                    self.found_in().insert(folder, found);
                }
            }
        }
    }

    /// The lock file, which the workspace turned out to have.
    pub(crate) fn lock(&self, path: &Path) -> Result<Lock, SbomError> {
        match self.lock.take(|| None) {
            Some((read, lock)) if read == path => Ok(lock),
            _ => Lock::read(path),
        }
    }

    /// The licences and the origin in a package's folder, and what is known of the version that is locked.
    pub(super) fn found(&self, folder: &Path, locked: Option<Locked<'_>>) -> Found {
        let read = self.found_in().remove(folder);
        read.unwrap_or_else(|| Found::of(folder, locked))
    }

    fn found_in(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Cargo's own folders of archives.
fn caches(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.join("registry/cache")).into_iter().flatten();
    entries.take(REGISTRIES).filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// An archive in Cargo's own folder that is another one than the lock file names, where there is one: why Cargo, which does not
/// say it, could do nothing with it.
pub(crate) fn altered(lock: &Lock, home: &Path) -> Option<SbomError> {
    let caches = caches(home);
    lock.with_checksum().find_map(|(name, version, expected)| {
        let mut wrong = None;
        for path in caches.iter().map(|cache| cache.join(format!("{name}-{version}.crate"))) {
            match archive::hash(&path, limits::CRATE_BYTES) {
                Ok(Some((short, _))) if short == *expected => return None,
                Ok(Some((short, _))) => {
                    let (package, found) = (format!("{name} {version}"), short.to_string());
                    wrong = Some(SbomError::ChecksumMismatch { path, package, expected: *expected, found });
                }
                Err(error @ SbomError::TooLarge { .. }) => wrong = Some(error),
                Ok(None) | Err(_) => {}
            }
        }
        wrong
    })
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
        let folder = place.path().join("home/registry/src/index/a-1.0.0");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("LICENSE"), "mit").unwrap();
        fs::write(folder.join(".cargo-ok"), "").unwrap();
        let ahead = Ahead::new();
        ahead.read(&below, Some(&place.path().join("home")));
        fs::write(&a, "another").unwrap();
        fs::write(folder.join("LICENSE"), "another").unwrap();
        let licence = || ahead.found(&folder, None).licences[0].digest;
        assert_eq!((licence(), licence()), (Sha256::of(b"mit"), Sha256::of(b"another")), "once ahead, then when asked");
        fs::write(&b, "abc").unwrap();
        let short = |path: &Path| ahead.digests(path).unwrap().map(|(short, _)| short);
        assert_eq!(short(&a), Some(Sha256::of(b"abc")), "read once");
        assert_eq!(short(&b), Some(Sha256::of(b"abc")), "it was not there before");
        assert_eq!(short(&cache.join("c-1.0.0.crate")), None);
        let lock = fs::canonicalize(place.path()).unwrap().join("workspace/Cargo.lock");
        let text = fs::read(&lock).unwrap();
        fs::write(&lock, "version = 4\n").unwrap();
        assert_eq!(ahead.lock(&lock).unwrap().digest, Sha256::of(&text), "as it was read");
        assert_eq!(ahead.lock(&lock).unwrap().digest, Sha256::of(b"version = 4\n"), "it was handed out before");
        fs::write(&lock, &text).unwrap();
        let stopped = Ahead::new();
        drop(Enough(&stopped));
        stopped.read(&below, Some(&place.path().join("home")));
        assert!(stopped.slots().is_empty(), "enough is enough");
    }

    #[test]
    fn an_archive_that_is_another_one_in_every_registry_is_found() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (home.path().join("registry/cache/one"), home.path().join("registry/cache/other"));
        fs::create_dir_all(&one).unwrap();
        fs::create_dir_all(&other).unwrap();
        let lock = home.path().join("Cargo.lock");
        let sum = Sha256::of(b"abc").hex();
        let text = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.com/i\"\nchecksum = \"{sum}\"\n"
        );
        fs::write(&lock, text).unwrap();
        let lock = Lock::read(&lock).unwrap();
        assert!(altered(&lock, home.path()).is_none(), "none is there");
        fs::write(one.join("a-1.0.0.crate"), "ab").unwrap();
        let Some(SbomError::ChecksumMismatch { found, package, .. }) = altered(&lock, home.path()) else { panic!() };
        assert_eq!((found, package), (Sha256::of(b"ab").to_string(), "a 1.0.0".to_owned()));
        let large = fs::File::create(one.join("a-1.0.0.crate")).unwrap();
        large.set_len(limits::CRATE_BYTES + 1).unwrap();
        assert!(matches!(altered(&lock, home.path()), Some(SbomError::TooLarge { .. })));
        fs::write(other.join("a-1.0.0.crate"), "abc").unwrap();
        assert!(altered(&lock, home.path()).is_none(), "the right one is there too");
    }

    #[test]
    fn many_that_ask_for_one_file_at_once_get_the_same() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.crate");
        fs::write(&path, vec![7_u8; 1 << 20]).unwrap();
        let ahead = Ahead::new();
        let digests: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| ahead.digests(&path).unwrap().unwrap().0)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(digests.iter().all(|digest| *digest == Sha256::of(&vec![7_u8; 1 << 20])));
    }
}
