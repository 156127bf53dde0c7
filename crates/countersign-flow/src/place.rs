//! The store's folder, `.countersign/` by default: the log and the evidence beside each other.

use crate::error::FlowError;
use countersign_core::bundle::Signed;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::limits;
use countersign_core::statement::{Kind, Statement};
use countersign_record::log::reader::LogReader;
use countersign_record::store::{FolderStore, Store as _, StoreError};
use countersign_verify::Blobs;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder's name where none is given.
pub const DEFAULT: &str = ".countersign";

/// The store's folder.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    store: FolderStore,
}

impl Place {
    /// At this folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), store: FolderStore::new(root) }
    }

    /// The log's folder.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The evidence store.
    #[must_use]
    pub const fn store(&self) -> &FolderStore {
        &self.store
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The signed checkpoint and every entry under it, unverified.
    pub fn read_log(&self) -> Result<(Vec<u8>, Vec<Vec<u8>>), FlowError> {
        let reader = LogReader::open(&self.log())?;
        let size = reader.checkpoint().claim().size;
        let entries = reader.entries(0..size).collect::<Result<Vec<_>, _>>()?;
        Ok((reader.checkpoint().note().to_string().into_bytes(), entries))
    }
}

/// The decision that an entry of the log records, if the store has it. Only its digest is checked: what it says is what
/// somebody wrote down.
pub fn recorded_decision(place: &Place, entry: &Entry) -> Result<Option<Decision>, FlowError> {
    let Some(digest) = entry.statements.first().filter(|_| entry.kind == Kind::PromotionDecision) else {
        return Ok(None);
    };
    let bytes = match place.store().get(digest, limits::DOCUMENT_BYTES) {
        Ok(bytes) => bytes,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let statement = Signed::parse(&bytes).ok().and_then(|signed| Statement::parse(&signed.payload).ok());
    Ok(statement.and_then(|statement| statement.predicate_as(Kind::PromotionDecision).ok()))
}

/// Evidence by digest, out of a store, for the pure crates. What is missing or altered is `None` to them; a disk that
/// fails is remembered, so that it is not taken for missing evidence.
#[derive(Debug)]
pub struct StoreBlobs<'a> {
    store: &'a FolderStore,
    extra: BTreeMap<Sha256, &'a [u8]>,
    failed: RefCell<Option<StoreError>>,
}

impl<'a> StoreBlobs<'a> {
    /// Over a store.
    #[must_use]
    pub const fn new(store: &'a FolderStore) -> Self {
        Self { store, extra: BTreeMap::new(), failed: RefCell::new(None) }
    }

    /// With documents that are about to be stored.
    #[must_use]
    pub fn with(mut self, documents: &'a [Vec<u8>]) -> Self {
        self.extra.extend(documents.iter().map(|bytes| (Sha256::of(bytes), bytes.as_slice())));
        self
    }

    /// The failure of the disk, if there was one.
    pub fn finish(self) -> Result<(), FlowError> {
        match self.failed.into_inner() {
            None => Ok(()),
            Some(error) => Err(error.into()),
        }
    }
}

impl Blobs for StoreBlobs<'_> {
    fn blob(&self, digest: &Sha256) -> Option<Vec<u8>> {
        if let Some(bytes) = self.extra.get(digest) {
            return Some(bytes.to_vec());
        }
        match self.store.get(digest, limits::GIT_EVIDENCE_BYTES) {
            Ok(bytes) => Some(bytes),
            Err(StoreError::Disk(error)) => {
                self.failed.borrow_mut().get_or_insert(StoreError::Disk(error));
                None
            }
            Err(_) => None,
        }
    }
}
