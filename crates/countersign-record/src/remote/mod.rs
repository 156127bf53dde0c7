//! A store that lies elsewhere, and the working copy that one run has of it.
//!
//! A run fetches what the store has into a folder of its own, appends there with the ordinary writer, and publishes: an
//! append is acknowledged only when the store has moved, in one step that it makes for one writer at a time, from the
//! state that was fetched to the one that goes on from it. Whoever was slower is told so, and begins again with what is
//! there now; what it had signed was seen by nobody and is thrown away. Where an answer got lost, the store is asked
//! whether it has this very append. The kinds of stores are behind [`Remote`].

#[cfg(feature = "object-store")]
pub mod cloud;
pub mod git;
pub mod objects;
#[cfg(test)]
mod objects_tests;
#[cfg(test)]
mod tests;

use crate::disk::{DiskError, Doing};
use crate::log::CHECKPOINT;
use crate::log::LogError;
use crate::log::reader::LogReader;
use crate::log::writer::{Copy, Publisher};
use crate::store::{FolderStore, Store, StoreError};
use countersign_core::digest::Sha256;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The log's folder in a working copy.
pub(crate) const LOG: &str = "log";
/// What shows that a folder is a working copy: a writer that does not publish refuses it.
pub(crate) const MARK: &str = ".working-copy";

/// A place that keeps a store, for several writers on several machines.
pub trait Remote: fmt::Debug + Send + Sync {
    /// Its name, as it was given; without anything secret.
    fn name(&self) -> String;

    /// Makes `log/` in the folder what the store has now, and remembers that state. Evidence may come along.
    fn fetch(&self, folder: &Path) -> Result<(), RemoteError>;

    /// Moves the store from the state that was fetched to the folder's `log/`, with these pieces of evidence, if it is
    /// still in that state. What it had stays. An answer that got lost is found out here; what cannot be found out is
    /// [`RemoteError::Unknown`].
    fn publish(&self, folder: &Path, evidence: &BTreeSet<Sha256>) -> Result<Published, RemoteError>;

    /// A piece of evidence that did not come along; the caller hashes it.
    fn evidence(&self, digest: &Sha256, limit: usize) -> Result<Option<Vec<u8>>, RemoteError>;

    /// Whether the store has a piece of evidence.
    fn has_evidence(&self, digest: &Sha256) -> Result<bool, RemoteError>;

    /// Whether a piece can be taken out of it, or why not.
    fn can_erase(&self) -> Result<(), RemoteError>;

    /// Takes a piece of evidence out of it for good.
    fn erase_evidence(&self, digest: &Sha256) -> Result<(), RemoteError>;

    /// Every piece of evidence that the store has, by its name.
    fn all_evidence(&self) -> Result<BTreeSet<Sha256>, RemoteError>;
}

/// How an attempt to publish ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The store has it.
    Done,
    /// The store has it, and what others appended after it.
    Overtaken,
    /// Somebody else was faster: the store has moved on, and has nothing of it.
    Outrun,
}

/// Why a store elsewhere was not read or not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// It did not answer, or refused.
    #[error("{name}: could not {doing}: {}", said.join("; "))]
    Failed {
        /// The store.
        name: String,
        /// What was tried.
        doing: &'static str,
        /// What was said, in lines.
        said: Vec<String>,
    },
    /// It holds something that no store holds.
    #[error("{name}: {path} is not what a store has there: {why}")]
    Form {
        /// The store.
        name: String,
        /// Where.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It has more than is read.
    #[error("{name} has more than {limit} {what}")]
    TooLarge {
        /// The store.
        name: String,
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// What it has of the log is no longer what it had.
    #[error("{name}: {path} is there already, and is something else")]
    Altered {
        /// The store.
        name: String,
        /// Where.
        path: String,
    },
    /// It does not keep what a store for several writers has to promise.
    #[error("{name} cannot keep a log for several writers: {why}")]
    Unfit {
        /// The store.
        name: String,
        /// Which promise it broke.
        why: &'static str,
    },
    /// Nothing can be taken out of it.
    #[error("nothing can be erased from {name}: {why}")]
    NotErasable {
        /// The store.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// Whether the store has what was published could not be found out.
    #[error("whether {name} has the new entries is not known: {why}")]
    Unknown {
        /// The store.
        name: String,
        /// What went wrong.
        why: String,
    },
    /// This machine's disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What one run has of a store that lies elsewhere. It goes with the value.
#[derive(Debug)]
pub struct WorkingCopy {
    folder: TempDir,
    remote: Box<dyn Remote>,
    /// Evidence that was put since the last fetch.
    put: Mutex<BTreeSet<Sha256>>,
    /// Size and root of the log that the store was known to have last.
    base: Mutex<Option<(u64, Sha256)>>,
}

impl WorkingCopy {
    /// Fetches the store into a new folder below `temporary`.
    pub fn of(remote: Box<dyn Remote>, temporary: &Path) -> Result<Self, RemoteError> {
        let made = tempfile::Builder::new().prefix("countersign-store-").tempdir_in(temporary);
        let folder = made.map_err(|source| DiskError::new(Doing::Create, temporary, source))?;
        let mark = folder.path().join(MARK);
        fs::write(&mark, b"").map_err(|source| DiskError::new(Doing::Create, &mark, source))?;
        let copy = Self { folder, remote, put: Mutex::default(), base: Mutex::default() };
        copy.refresh()?;
        Ok(copy)
    }

    /// Makes it what the store has now. What was appended here and not published is gone then.
    pub fn refresh(&self) -> Result<(), RemoteError> {
        self.put().clear();
        self.remote.fetch(self.folder.path())?;
        // One that does not read is reported by whoever reads it; nothing is appended to it.
        *self.base() = LogReader::open(&self.log()).ok().map(|log| (log.size(), log.checkpoint().claim().root));
        Ok(())
    }

    /// Its folder, with `log/` and `evidence/`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.remote.name()
    }

    /// The store that it is of.
    #[must_use]
    pub fn remote(&self) -> &dyn Remote {
        self.remote.as_ref()
    }

    fn put(&self) -> MutexGuard<'_, BTreeSet<Sha256>> {
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn base(&self) -> MutexGuard<'_, Option<(u64, Sha256)>> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever went wrong before: what is published goes on from what the store had.
    fn goes_on(&self) -> Result<(u64, Sha256), LogError> {
        let ours = LogReader::open(&self.log())?;
        if let Some((size, root)) = *self.base()
            && (size > ours.size() || ours.root_at(size)? != root)
        {
            return Err(RemoteError::Altered { name: self.name(), path: format!("{LOG}/{CHECKPOINT}") }.into());
        }
        Ok((ours.size(), ours.checkpoint().claim().root))
    }
}

impl Publisher for WorkingCopy {
    fn publish(&self) -> Result<Copy, LogError> {
        let ours = self.goes_on()?;
        let evidence = self.put().clone();
        match self.remote.publish(self.folder.path(), &evidence)? {
            Published::Done => {
                self.put().clear();
                *self.base() = Some(ours);
                Ok(Copy::AsWritten)
            }
            Published::Overtaken => {
                // The entries are in the store whether or not it can be read right now; this copy is of no more use.
                drop(self.refresh());
                Ok(Copy::Fetched)
            }
            Published::Outrun => Err(LogError::Outrun { name: self.name() }),
        }
    }
}

/// The evidence of a store: in a folder, or in a working copy's folder and, where it is not there, in the store itself.
/// What is put in a working copy is in the store once an append that goes on from it is acknowledged.
#[derive(Debug, Clone)]
pub struct Evidence {
    folder: FolderStore,
    copy: Option<Arc<WorkingCopy>>,
}

impl Evidence {
    /// In a folder.
    #[must_use]
    pub fn of_folder(folder: &Path) -> Self {
        Self { folder: FolderStore::new(folder), copy: None }
    }

    /// Of a store that lies elsewhere.
    #[must_use]
    pub fn of_copy(copy: Arc<WorkingCopy>) -> Self {
        Self { folder: FolderStore::new(copy.folder()), copy: Some(copy) }
    }

    /// Whether a piece can be taken out of this store, or why not.
    pub fn can_erase(&self) -> Result<(), StoreError> {
        Ok(self.copy.as_ref().map_or(Ok(()), |copy| copy.remote.can_erase())?)
    }

    /// Every file among the pieces that is none, in the folder of here: no piece is written in parts elsewhere.
    pub fn others(&self) -> Result<Vec<String>, StoreError> {
        self.folder.others()
    }

    /// Every piece that is there, by its name. Nothing is hashed.
    pub fn all(&self) -> Result<BTreeSet<Sha256>, StoreError> {
        let mut all = self.folder.all()?;
        if let Some(copy) = &self.copy {
            all.extend(copy.remote.all_evidence()?);
        }
        Ok(all)
    }
}

impl Store for Evidence {
    fn put_many(&self, pieces: &[&[u8]]) -> Result<Vec<Sha256>, StoreError> {
        let digests = self.folder.put_many(pieces)?;
        if let Some(copy) = &self.copy {
            copy.put().extend(&digests);
        }
        Ok(digests)
    }

    fn erase(&self, digest: &Sha256) -> Result<bool, StoreError> {
        let there = self.has(digest)?;
        if let Some(copy) = &self.copy {
            copy.remote.can_erase()?;
            copy.remote.erase_evidence(digest)?;
        }
        self.folder.erase(digest)?;
        Ok(there)
    }

    fn get(&self, digest: &Sha256, limit: usize) -> Result<Vec<u8>, StoreError> {
        match (self.folder.get(digest, limit), &self.copy) {
            (Err(StoreError::Missing { .. }), Some(copy)) => {
                let bytes = copy.remote.evidence(digest, limit)?.ok_or(StoreError::Missing { digest: *digest })?;
                if bytes.len() > limit {
                    return Err(StoreError::TooLarge { digest: *digest, limit });
                }
                let found = Sha256::of(&bytes);
                if found != *digest {
                    let path = PathBuf::from(format!("{}: {}", copy.name(), FolderStore::relative(digest)));
                    return Err(StoreError::Altered { digest: *digest, found, path });
                }
                self.folder.put(&bytes)?;
                Ok(bytes)
            }
            (other, _) => other,
        }
    }

    fn has(&self, digest: &Sha256) -> Result<bool, StoreError> {
        match &self.copy {
            Some(copy) if !self.folder.has(digest)? => Ok(copy.remote.has_evidence(digest)?),
            Some(_) => Ok(true),
            None => self.folder.has(digest),
        }
    }
}
