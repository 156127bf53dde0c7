//! The content-addressed store of evidence: what is put in is found again by its SHA-256, and by nothing else.
//! It never changes what it holds, removes only what the log says is erased, and never hands out bytes that are not what
//! their name says.

use crate::disk::{DiskError, Doing, flush_file, flush_folder, make_folders, read_bounded};
use crate::remote::RemoteError;
use countersign_core::digest::Sha256;
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where evidence is kept.
pub trait Store {
    /// Keeps the bytes. When this returns, they are durable.
    fn put(&self, bytes: &[u8]) -> Result<Sha256, StoreError> {
        self.put_many(&[bytes]).map(|_one| Sha256::of(bytes))
    }

    /// Keeps several pieces at the price of few flushes. When this returns, all of them are durable.
    fn put_many(&self, pieces: &[&[u8]]) -> Result<Vec<Sha256>, StoreError>;

    /// The bytes with this digest, at most `limit` of them. They are hashed again.
    fn get(&self, digest: &Sha256, limit: usize) -> Result<Vec<u8>, StoreError>;

    /// Whether the store has something under this digest. Not hashed: [`Store::get`] says whether it is intact.
    fn has(&self, digest: &Sha256) -> Result<bool, StoreError>;

    /// Takes one piece away for good, after the log says that it is erased; `false` if it was not there. Nothing else ever
    /// leaves a store.
    fn erase(&self, digest: &Sha256) -> Result<bool, StoreError>;
}

/// Why evidence was not kept or not handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store does not have it.
    #[error("the store has no {digest}")]
    Missing {
        /// What was asked for.
        digest: Sha256,
    },
    /// The bytes under this name are others.
    #[error("what the store has as {digest} is {found}")]
    Altered {
        /// The name.
        digest: Sha256,
        /// The digest of the bytes there.
        found: Sha256,
        /// The file.
        path: PathBuf,
    },
    /// The bytes are more than asked for.
    #[error("{digest} has more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        digest: Sha256,
        /// The bound.
        limit: usize,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A store that lies elsewhere failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// The store as a folder: `evidence/sha256/ab/` and the other 62 characters.
#[derive(Debug, Clone)]
pub struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    /// The store below `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The path of a piece below the store's root.
    #[must_use]
    pub fn relative(digest: &Sha256) -> String {
        let hex = digest.hex();
        let (head, tail) = hex.split_at_checked(2).unwrap_or(("", &hex));
        format!("evidence/sha256/{head}/{tail}")
    }

    /// Every file among the pieces that is none, by its path below the root: what writes left that were killed, or are at work.
    pub fn others(&self) -> Result<Vec<String>, StoreError> {
        let below = "evidence/sha256";
        let mut all = Vec::new();
        for head in names(&self.root.join(below))? {
            let folder = self.root.join(below).join(&head);
            if !folder.is_dir() {
                all.push(format!("{below}/{head}"));
            }
            let no_piece = |tail: &String| Sha256::from_hex(&format!("{head}{tail}")).is_err();
            all.extend(names(&folder)?.into_iter().filter(no_piece).map(|tail| format!("{below}/{head}/{tail}")));
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Every piece that is there, by its name. Nothing is hashed; [`FolderStore::others`] are passed over.
    pub fn all(&self) -> Result<BTreeSet<Sha256>, StoreError> {
        let root = self.root.join("evidence/sha256");
        let mut all = BTreeSet::new();
        for head in names(&root)? {
            for tail in names(&root.join(&head))? {
                all.extend(Sha256::from_hex(&format!("{head}{tail}")).ok());
            }
        }
        Ok(all)
    }

    fn path(&self, digest: &Sha256) -> PathBuf {
        self.root.join(Self::relative(digest))
    }

    /// Writes one piece under its final name, flushed; its folder is not.
    fn place(&self, digest: &Sha256, bytes: &[u8], folder: &Path) -> Result<(), StoreError> {
        let path = self.path(digest);
        if keep(digest, bytes, &path)? {
            return Ok(());
        }
        let mut temporary = tempfile::Builder::new()
            .prefix(".countersign-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o444))
            .tempfile_in(folder)
            .map_err(|source| DiskError::new(Doing::Create, &path, source))?;
        temporary.write_all(bytes).map_err(|source| DiskError::new(Doing::Write, &path, source))?;
        flush_file(temporary.as_file(), &path)?;
        match temporary.persist_noclobber(&path) {
            Ok(_placed) => Ok(()),
            // Somebody put the same thing at the same time.
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                keep(digest, bytes, &path).map(|_there| ())
            }
            Err(refused) => Err(DiskError::new(Doing::Rename, &path, refused.error).into()),
        }
    }
}

/// The names in a folder that may not exist.
fn names(folder: &Path) -> Result<Vec<String>, DiskError> {
    let wrap = |source| DiskError::new(Doing::List, folder, source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(wrap(error)),
    };
    entries.map(|entry| Ok(entry.map_err(wrap)?.file_name().to_string_lossy().into_owned())).collect()
}

impl Store for FolderStore {
    fn put_many(&self, pieces: &[&[u8]]) -> Result<Vec<Sha256>, StoreError> {
        let mut folders = BTreeSet::new();
        let mut digests = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let digest = Sha256::of(piece);
            let path = self.path(&digest);
            let folder = crate::disk::folder_of(&path).to_owned();
            if !folders.contains(&folder) {
                make_folders(&folder)?;
            }
            self.place(&digest, piece, &folder)?;
            // The folders above too: somebody else may have made them, and not have come as far as flushing.
            let above = folder.ancestors().take_while(|above| above.starts_with(&self.root));
            folders.extend(above.map(Path::to_owned));
            digests.push(digest);
        }
        for folder in &folders {
            flush_folder(folder)?;
        }
        Ok(digests)
    }

    fn erase(&self, digest: &Sha256) -> Result<bool, StoreError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(DiskError::new(Doing::Remove, &path, source).into()),
        }
        flush_folder(crate::disk::folder_of(&path))?;
        Ok(true)
    }

    fn get(&self, digest: &Sha256, limit: usize) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        let bytes = read_bounded(&path, limit)?.ok_or(StoreError::Missing { digest: *digest })?;
        if bytes.len() > limit {
            return Err(StoreError::TooLarge { digest: *digest, limit });
        }
        let found = Sha256::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(StoreError::Altered { digest: *digest, found, path }) }
    }

    fn has(&self, digest: &Sha256) -> Result<bool, StoreError> {
        let path = self.path(digest);
        fs::exists(&path).map_err(|source| DiskError::new(Doing::Read, &path, source).into())
    }
}

/// Whether the piece is there already. It is flushed again: whoever wrote it may not have come that far.
fn keep(digest: &Sha256, bytes: &[u8], path: &Path) -> Result<bool, StoreError> {
    let Some(there) = read_bounded(path, bytes.len())? else {
        return Ok(false);
    };
    if there != bytes {
        return Err(StoreError::Altered { digest: *digest, found: Sha256::of(&there), path: path.to_owned() });
    }
    let file = File::open(path).map_err(|source| DiskError::new(Doing::Read, path, source))?;
    flush_file(&file, path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_found_by_its_digest_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = FolderStore::new(dir.path().join("new"));
        let digests = store.put_many(&[b"one", b"two", b"one", b""]).unwrap();
        assert_eq!(digests[0], Sha256::of(b"one"));
        assert_eq!(digests[0], digests[2]);
        assert_eq!(store.put(b"two").unwrap(), digests[1]);
        assert_eq!(store.get(&digests[1], 3).unwrap(), b"two");
        assert_eq!(store.get(&digests[3], 0).unwrap(), b"");
        assert!(store.has(&digests[0]).unwrap() && !store.has(&Sha256::of(b"x")).unwrap());
        let path = store.path(&digests[0]);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o222, 0);
    }

    #[test]
    fn missing_altered_and_oversized_evidence_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let store = FolderStore::new(dir.path());
        let digest = store.put(b"evidence").unwrap();
        assert!(matches!(store.get(&digest, 7), Err(StoreError::TooLarge { limit: 7, .. })));
        assert!(matches!(store.get(&Sha256::of(b"x"), 9), Err(StoreError::Missing { .. })));
        let path = store.path(&digest);
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"evidencf").unwrap();
        assert!(matches!(store.get(&digest, 9), Err(StoreError::Altered { .. })));
        assert!(matches!(store.put(b"evidence"), Err(StoreError::Altered { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"evidencf");
    }

    #[test]
    fn one_piece_is_erased_and_the_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = FolderStore::new(dir.path());
        let digests = store.put_many(&[b"one", b"two"]).unwrap();
        assert_eq!(store.all().unwrap(), digests.iter().copied().collect());
        assert!(store.erase(&digests[0]).unwrap() && !store.erase(&digests[0]).unwrap());
        assert!(matches!(store.get(&digests[0], 9), Err(StoreError::Missing { .. })));
        assert_eq!(store.all().unwrap(), BTreeSet::from([digests[1]]));
    }

    #[test]
    fn two_stores_over_one_folder_may_put_the_same_at_once() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = FolderStore::new(dir.path());
                    for n in 0..8_u8 {
                        store.put(&[n; 100]).unwrap();
                    }
                });
            }
        });
        let store = FolderStore::new(dir.path());
        for n in 0..8_u8 {
            assert_eq!(store.get(&Sha256::of(&[n; 100]), 100).unwrap(), [n; 100]);
        }
    }
}
