//! What can go wrong with a log, as facts.

use crate::disk::DiskError;
use crate::remote::RemoteError;
use countersign_core::digest::Sha256;
use countersign_core::ids::Origin;
use countersign_core::log::checkpoint::CheckpointError;
use countersign_core::log::merkle::ProofRefused;
use countersign_core::log::note::{NoteRefused, NoteSignError};
use countersign_core::log::tile::TileError;
use countersign_core::time::Time;
use std::path::{Path, PathBuf};

/// Why a log was not created, read or appended to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// There is no checkpoint, so there is no log. It is never taken for a new one.
    #[error("there is no log: {} does not exist", path.display())]
    Missing {
        /// Where the checkpoint would be.
        path: PathBuf,
    },
    /// There are tiles and no checkpoint: a log that lost it is none any more, and no new one either.
    #[error("the log's checkpoint {} is gone, and its tiles are there", path.display())]
    CheckpointGone {
        /// Where it would be.
        path: PathBuf,
    },
    /// A log is created in an empty folder only.
    #[error("no log is created in {}: it has {found:?} already", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
        /// Something that is in it.
        found: String,
    },
    /// Another process appends to this log.
    #[error("another process has the log {} open for appending", folder.display())]
    InUse {
        /// The log's folder.
        folder: PathBuf,
    },
    /// The folder lies where an append could not be relied on.
    #[error("no log is opened for appending in {}: {why}", folder.display())]
    NotHere {
        /// The folder.
        folder: PathBuf,
        /// What is known of its file system.
        why: String,
    },
    /// The checkpoint does not parse.
    #[error("the log's file {path} is no checkpoint")]
    Checkpoint {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The checkpoint's signature does not do.
    #[error("the checkpoint {path} is not signed by a key that this log may have")]
    Signature {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: NoteRefused,
    },
    /// The log is another than the signer is for.
    #[error("the log is {found}, the key is for {expected}")]
    Origin {
        /// The name of the key.
        expected: Origin,
        /// The name of the log.
        found: Origin,
    },
    /// A tile or bundle that the checkpoint needs is not there.
    #[error("{path} is missing")]
    TileMissing {
        /// The file.
        path: String,
    },
    /// A tile or bundle does not have the form that it must have.
    #[error("{path} is damaged")]
    Tile {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: TileError,
    },
    /// The tiles do not hash to the checkpoint's root.
    #[error("the tiles hash to {computed}, the checkpoint says {expected}")]
    Root {
        /// The checkpoint's root.
        expected: Sha256,
        /// The tiles' root.
        computed: Sha256,
    },
    /// The entries of the last bundle are not those that the tiles were made of.
    #[error("the entries in {path} are not those that the log's tiles were made of")]
    Entries {
        /// The bundle.
        path: String,
    },
    /// More lies beyond the checkpoint than one interrupted append leaves: the checkpoint is an older one.
    #[error("the checkpoint of {size} entries is older than the files of the log, such as {path}")]
    RolledBack {
        /// The size in the checkpoint.
        size: u64,
        /// A file beyond it.
        path: String,
    },
    /// An append of no entry.
    #[error("there is nothing to append")]
    NothingToAppend,
    /// An entry that no log can hold.
    #[error("entry {at} of those to append cannot be one")]
    Entry {
        /// Its place among those to append.
        at: usize,
        /// Why not.
        source: TileError,
    },
    /// An entry whose time lies before that of an earlier one.
    #[error("the entry's time {found} lies before the log's newest entry, {newest}")]
    BeforeNewest {
        /// The newest entry's time.
        newest: Time,
        /// The time of the one to append.
        found: Time,
    },
    /// The tree has as many leaves as its format can count.
    #[error("the log is full")]
    LogFull,
    /// An earlier append failed. What is on the disk is found out by opening the log again.
    #[error("an earlier append failed; open the log again")]
    Poisoned,
    /// No entry has this index.
    #[error("the log has {size} entries, none at {index}")]
    NoEntry {
        /// The index.
        index: u64,
        /// The size.
        size: u64,
    },
    /// There is no such proof, or the tiles do not yield one that holds.
    #[error(transparent)]
    Proof(#[from] ProofRefused),
    /// The checkpoint was not signed.
    #[error(transparent)]
    Sign(#[from] NoteSignError),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Somebody else appended first. Nothing of ours is in the store; what was decided has to be decided again.
    #[error("another run appended to {name} first")]
    Outrun {
        /// The store.
        name: String,
    },
    /// A store that lies elsewhere was not read or not written.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A working copy is appended to by who publishes it.
    #[error("{} is a working copy: what is appended to it alone is in no store", folder.display())]
    WorkingCopy {
        /// The log's folder.
        folder: PathBuf,
    },
}

impl LogError {
    /// Says where the missing checkpoint was looked for.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        if let Self::Missing { path } = self {
            Self::Missing { path: folder.join(path) }
        } else if let Self::CheckpointGone { path } = self {
            Self::CheckpointGone { path: folder.join(path) }
        } else {
            self
        }
    }
}
