//! The store: the log and the evidence beside each other, in a folder (`.countersign/` by default) or elsewhere, with a
//! working copy here.

use crate::error::FlowError;
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::json::JsonError;
use countersign_core::later::is_later;
use countersign_core::limits;
use countersign_core::log::note::{Note, NoteKey, NoteSigner, NoteVerifier};
use countersign_core::statement::{Kind, Statement, StatementError};
use countersign_core::time::Time;
use countersign_record::log::cosigned::keep_cosigned;
use countersign_record::log::reader::LogReader;
use countersign_record::log::writer::{Log, Publisher as _};
use countersign_record::log::{FolderFiles, LogError, Moment};
use countersign_record::remote::{Evidence, WorkingCopy};
use countersign_record::store::{Store as _, StoreError};
use countersign_verify::Blobs;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder's name where none is given.
pub const DEFAULT: &str = ".countersign";

/// The machine's clock, where there is one that reads. The door has it: whoever decides is given a time.
pub type Clock = fn() -> Option<Time>;

/// The store.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    store: Evidence,
    copy: Option<Arc<WorkingCopy>>,
    kept: BTreeMap<PathBuf, Vec<u8>>,
    /// What pipes gave, which give it only once.
    given: BTreeMap<PathBuf, Vec<u8>>,
    /// Whether the log is going to be written to.
    writes: bool,
    clock: Option<Clock>,
}

impl Place {
    /// In this folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            store: Evidence::of_folder(root),
            copy: None,
            kept: BTreeMap::new(),
            given: BTreeMap::new(),
            writes: false,
            clock: None,
        }
    }

    /// Elsewhere, with this working copy.
    #[must_use]
    pub fn of_copy(copy: Arc<WorkingCopy>) -> Self {
        let (root, store) = (copy.folder().to_owned(), Evidence::of_copy(Arc::clone(&copy)));
        Self { store, copy: Some(copy), ..Self::new(&root) }
    }

    /// With the clock that times come from: by it, a log that another run appended to is told from a machine whose clock is behind.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// With what was kept of the log, by [`kept_before`](crate::outside::kept_before): read before the store was looked at.
    #[must_use]
    pub fn with_kept(mut self, kept: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        self.kept = kept;
        self
    }

    /// The same, of a log that is going to be written to: what is kept meanwhile counts as well.
    #[must_use]
    pub fn with_kept_to_write(self, kept: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        Self { writes: true, ..self.with_kept(kept) }
    }

    /// Ends in [`LogError::Outrun`] where the log's newest entry is later than the time that it is looked at for, and by now the clock has
    /// come that far: another run appended since that time was taken, and with a later one everything is right.
    pub(crate) fn in_time(&self, newest: Option<Time>, at: Time) -> Result<(), LogError> {
        let Some(newest) = newest.filter(|newest| at < *newest) else { return Ok(()) };
        match self.clock.and_then(|now| now()) {
            Some(now) if now >= newest => Err(LogError::Outrun { name: self.log_name() }),
            _ => Ok(()),
        }
    }

    /// With what a pipe gave that is named for the least checkpoint: whoever looks at the log once more has that, and does not wait for more.
    #[must_use]
    pub fn with_given(mut self, pipe: &Path, bytes: Vec<u8>) -> Self {
        self.given.insert(pipe.to_owned(), bytes);
        self
    }

    /// What this pipe gave, if it is one that was read.
    pub(crate) fn given(&self, pipe: &Path) -> Option<&[u8]> {
        self.given.get(pipe).map(Vec::as_slice)
    }

    /// Whether what was kept before the store was looked at is enough, since nothing is written to it.
    pub(crate) const fn only_reads(&self) -> bool {
        !self.writes
    }

    /// What was kept in this file before the store was looked at, if anybody looked; nothing where no file was there.
    pub(crate) fn kept(&self, path: &Path) -> Option<&[u8]> {
        self.kept.get(path).map(Vec::as_slice)
    }

    /// The log's folder.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The log's place in words: its folder, or the store that the folder is a working copy of.
    #[must_use]
    pub fn log_name(&self) -> String {
        self.copy.as_ref().map_or_else(|| self.log().display().to_string(), |copy| format!("{}, log", copy.name()))
    }

    /// Whether it lies in a folder that stays.
    #[must_use]
    pub const fn is_folder(&self) -> bool {
        self.copy.is_none()
    }

    /// The evidence store.
    #[must_use]
    pub const fn store(&self) -> &Evidence {
        &self.store
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens the log to append to it. What is appended is acknowledged when the store has it, wherever that lies; where
    /// another writer was faster this ends in [`LogError::Outrun`], and everything that was read has to be read again.
    pub fn append<'s>(
        &'s self,
        signer: &'s dyn NoteSigner,
        known: &[NoteKey],
        verifier: &dyn NoteVerifier,
    ) -> Result<Log<'s>, LogError> {
        let log = match &self.copy {
            None => Log::open_for_append(&self.log(), signer, known, verifier),
            Some(copy) => Log::open_published(&self.log(), signer, known, verifier, copy.as_ref()),
        };
        log.map_err(|error| self.told_of(error))
    }

    /// What went wrong with the log, by the names of this store: a working copy is gone when the message is read.
    #[must_use]
    pub fn told_of(&self, error: LogError) -> LogError {
        let path = || PathBuf::from(format!("{}/checkpoint", self.log_name()));
        if self.copy.is_some() && matches!(error, LogError::Missing { .. }) {
            LogError::Missing { path: path() }
        } else if self.copy.is_some() && matches!(error, LogError::CheckpointGone { .. }) {
            LogError::CheckpointGone { path: path() }
        } else {
            error
        }
    }

    /// Keeps a cosigned checkpoint of the log, which no run of ours has open.
    pub fn keep_cosigned(&self, note: &Note, enough: bool) -> Result<(), LogError> {
        keep_cosigned(&self.log(), note, enough)?;
        self.copy.as_ref().map_or(Ok(()), |copy| copy.publish().map(|_copy| ()))
    }

    /// The log as it is now: of a store that lies elsewhere, once it was fetched again.
    pub(crate) fn look_again(&self) -> Result<LogReader<FolderFiles>, LogError> {
        self.copy.as_ref().map_or(Ok(()), |copy| copy.refresh())?;
        LogReader::open(&self.log()).map_err(|error| self.told_of(error))
    }

    /// Makes a new, empty log.
    pub fn create<'s>(&'s self, signer: &'s dyn NoteSigner) -> Result<Log<'s>, LogError> {
        match &self.copy {
            None => Log::create(&self.log(), signer),
            Some(copy) => Log::create_published(&self.log(), signer, copy.as_ref()),
        }
    }

    /// What the log commits to and what witnesses cosigned of it, both as they are now, with every entry under the checkpoint;
    /// unverified. Others may append while somebody looks at it.
    pub fn read_moment(&self) -> Result<(Moment, Vec<Vec<u8>>), FlowError> {
        let moment = self.moment()?;
        let reader = LogReader::at(FolderFiles::new(self.log()), moment.checkpoint.clone());
        let entries = reader.entries(0..reader.size()).collect::<Result<Vec<_>, _>>()?;
        Ok((moment, entries))
    }

    /// The same without the entries.
    pub fn moment(&self) -> Result<Moment, LogError> {
        Moment::of(&FolderFiles::new(self.log())).map_err(|error| self.told_of(error.below(&self.log())))
    }

    /// The signed checkpoint and every entry under it, unverified.
    pub fn read_log(&self) -> Result<(Vec<u8>, Vec<Vec<u8>>), FlowError> {
        let reader = LogReader::open(&self.log()).map_err(|error| self.told_of(error))?;
        let size = reader.checkpoint().claim().size;
        let entries = reader.entries(0..size).collect::<Result<Vec<_>, _>>()?;
        Ok((reader.checkpoint().note().to_string().into_bytes(), entries))
    }
}

/// What a store has of the decision that an entry of the log records.
#[derive(Debug)]
pub enum Recorded {
    /// The entry records no decision.
    Other,
    /// The store does not have it.
    Missing,
    /// A later version wrote it, in a form that this one does not know.
    Later,
    /// It is no decision that reads.
    Malformed,
    /// The decision.
    Decision(Box<Decision>),
}

impl Recorded {
    /// The decision, where there is one that reads.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        if let Self::Decision(decision) = self { Some(decision) } else { None }
    }
}

/// The decision that an entry of the log records. Only its digest is checked: what it says is what somebody wrote down.
pub fn recorded_decision(place: &Place, entry: &Entry) -> Result<Recorded, FlowError> {
    let Some(digest) = entry.statements.first().filter(|_| entry.kind == Kind::PromotionDecision) else {
        return Ok(Recorded::Other);
    };
    let bytes = match place.store().get(digest, limits::DOCUMENT_BYTES) {
        Ok(bytes) => bytes,
        Err(StoreError::Missing { .. }) => return Ok(Recorded::Missing),
        Err(error) => return Err(error.into()),
    };
    let statement = Signed::parse(&bytes).ok().and_then(|signed| Statement::parse(&signed.payload).ok());
    let Some(statement) = statement else { return Ok(Recorded::Malformed) };
    Ok(match statement.predicate_as(Kind::PromotionDecision) {
        Ok(decision) => Recorded::Decision(Box::new(decision)),
        Err(StatementError::Json(JsonError::Unknown(_))) => Recorded::Later,
        Err(_) if is_later(statement.predicate_type.as_str(), Kind::PromotionDecision.predicate_type()) => {
            Recorded::Later
        }
        Err(_) => Recorded::Malformed,
    })
}

/// Evidence by digest, out of a store, for the pure crates. What is missing or altered is `None` to them; a disk that
/// fails is remembered, so that it is not taken for missing evidence.
#[derive(Debug)]
pub struct StoreBlobs<'a> {
    store: &'a Evidence,
    extra: BTreeMap<Sha256, &'a [u8]>,
    /// What was asked for and is not there.
    missed: RefCell<BTreeSet<Sha256>>,
    failed: RefCell<Option<StoreError>>,
}

impl<'a> StoreBlobs<'a> {
    /// Over a store.
    #[must_use]
    pub const fn new(store: &'a Evidence) -> Self {
        Self { store, extra: BTreeMap::new(), missed: RefCell::new(BTreeSet::new()), failed: RefCell::new(None) }
    }

    /// With documents that are about to be stored.
    #[must_use]
    pub fn with(mut self, documents: &'a [Vec<u8>]) -> Self {
        self.extra.extend(documents.iter().map(|bytes| (Sha256::of(bytes), bytes.as_slice())));
        self
    }

    /// What was asked for so far and is missing or altered.
    pub(crate) fn missed(&self) -> BTreeSet<Sha256> {
        self.missed.borrow().clone()
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
    fn blob(&self, digest: &Sha256) -> Option<Blob> {
        if let Some(bytes) = self.extra.get(digest) {
            return Some(Blob::of(bytes.to_vec()));
        }
        match self.store.get(digest, limits::GIT_EVIDENCE_BYTES) {
            Ok(bytes) => Some(Blob::of(bytes)),
            Err(error @ (StoreError::Disk(_) | StoreError::Remote(_))) => {
                self.failed.borrow_mut().get_or_insert(error);
                None
            }
            Err(_) => {
                self.missed.borrow_mut().insert(*digest);
                None
            }
        }
    }
}
