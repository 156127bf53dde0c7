//! Appending to a log in a folder. One process at a time, one durable step after the other: bundles, tiles and, under
//! another name, the checkpoint that covers them; then that checkpoint's own name; then the answer.
//!
//! After a crash at any moment the log is what its checkpoint says, and every acknowledged entry is in it. A checkpoint
//! that somebody may have seen is published again when the log is opened for appending, so that no other one of its
//! size is ever shown; files beyond the checkpoint are swept then. Partial tiles of earlier checkpoints are kept
//! until the full tile is covered by a durable checkpoint, as tlog-tiles asks. After a failed step the writer is of no
//! more use: what is on the disk is found out by opening the log again.
//!
//! Somebody may take the lock's file away, which shuts nobody out any more. Before anything is swept, written or given its name it is
//! looked whether that file is still the one that is held, and the checkpoint the one that was read.

use super::CHECKPOINT;
use super::edge::{Edge, partial};
use super::error::LogError;
use super::files::{FolderFiles, LogFiles as _, read_checkpoint};
use super::ground;
use super::reader::LogReader;
use super::sweep::{drop_partials, sweep};
use crate::disk::{DiskError, Doing, flush_file, flush_folder, folder_of, make_folders};
use crate::lock;
use crate::remote::MARK;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::limits;
use countersign_core::log::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use countersign_core::log::note::{Note, NoteKey, NoteSigner, NoteVerifier};
use countersign_core::log::tile::{Row, Tile, TileError};
use countersign_core::time::Time;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const LOCK: &str = ".lock";
const CHECKPOINT_TEMPORARY: &str = ".checkpoint.tmp";
/// Files that are written before they are flushed together.
const OPEN_FILES: usize = 128;

/// A log that is open for appending. While it lives, no other process can open it so.
pub struct Log<'s> {
    folder: PathBuf,
    signer: &'s dyn NoteSigner,
    edge: Edge,
    /// The time of the newest entry: nothing older comes after it.
    newest: Option<Time>,
    poisoned: bool,
    /// Where the log is a working copy: who brings what was appended to where it counts.
    publisher: Option<&'s dyn Publisher>,
    /// Folders whose own names are known to be on the disk.
    durable: BTreeSet<PathBuf>,
    /// Holds the lock until it is closed.
    lock: File,
}

/// Brings a log that is a working copy to the store that it is of. Nothing counts before.
pub trait Publisher {
    /// Publishes what was appended. When this returns, the store has it.
    fn publish(&self) -> Result<Copy, LogError>;
}

/// What became of a working copy that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// It is as its writer left it.
    AsWritten,
    /// It was fetched again, and may have more in it: a writer has to open it again.
    Fetched,
}

/// An acknowledged append: all of it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The index of the first entry; the others follow.
    pub first_index: u64,
    /// The log's size now.
    pub size: u64,
    /// The log's root now.
    pub root: Sha256,
    /// The signed checkpoint that covers the entries.
    pub checkpoint_bytes: Vec<u8>,
}

impl<'s> Log<'s> {
    /// Makes a new log, without entries and with a signed checkpoint that says so. The folder must be empty or not
    /// exist. Its parent must exist or be creatable.
    pub fn create(folder: &Path, signer: &'s dyn NoteSigner) -> Result<Self, LogError> {
        alone(folder)?;
        Self::make(folder, signer, None)
    }

    /// The same in a working copy: when this returns, the store has the log.
    pub fn create_published(
        folder: &Path,
        signer: &'s dyn NoteSigner,
        publisher: &'s dyn Publisher,
    ) -> Result<Self, LogError> {
        Self::make(folder, signer, Some(publisher))
    }

    fn make(folder: &Path, signer: &'s dyn NoteSigner, publisher: Option<&'s dyn Publisher>) -> Result<Self, LogError> {
        make_folders(folder)?;
        if let Some(found) = occupant(folder)? {
            return Err(LogError::Exists { folder: folder.to_owned(), found });
        }
        let lock = lock(folder, true)?;
        // Again, now that nobody else can have made one in the meantime.
        if let Some(found) = occupant(folder)? {
            return Err(LogError::Exists { folder: folder.to_owned(), found });
        }
        let mut log = Self {
            folder: folder.to_owned(),
            signer,
            edge: Edge::new(),
            newest: None,
            poisoned: false,
            publisher,
            durable: BTreeSet::new(),
            lock,
        };
        log.publish(&[])?;
        log.poisoned = log.brought()? == Copy::Fetched;
        Ok(log)
    }

    /// Opens a log to append to it. Its checkpoint must be signed by a key of `known`, its right edge must hash to the
    /// checkpoint's root, and its name must be the signer's. `known` are the log's keys: the signer's own and, around
    /// a rotation, the one before.
    pub fn open_for_append(
        folder: &Path,
        signer: &'s dyn NoteSigner,
        known: &[NoteKey],
        verifier: &dyn NoteVerifier,
    ) -> Result<Self, LogError> {
        alone(folder)?;
        Self::open(folder, signer, known, verifier, None)
    }

    /// The same in a working copy: an append is acknowledged when the store has it.
    pub fn open_published(
        folder: &Path,
        signer: &'s dyn NoteSigner,
        known: &[NoteKey],
        verifier: &dyn NoteVerifier,
        publisher: &'s dyn Publisher,
    ) -> Result<Self, LogError> {
        Self::open(folder, signer, known, verifier, Some(publisher))
    }

    fn open(
        folder: &Path,
        signer: &'s dyn NoteSigner,
        known: &[NoteKey],
        verifier: &dyn NoteVerifier,
        publisher: Option<&'s dyn Publisher>,
    ) -> Result<Self, LogError> {
        let files = FolderFiles::new(folder);
        // Before the lock: a folder without a log gets no lock file either.
        read_checkpoint(&files).map_err(|error| error.below(folder))?;
        let lock = lock(folder, false)?;
        let mut checkpoint = read_checkpoint(&files).map_err(|error| error.below(folder))?;
        let origin = &checkpoint.claim().origin;
        if origin != signer.name() {
            return Err(LogError::Origin { expected: signer.name().clone(), found: origin.clone() });
        }
        checkpoint
            .verify(known, verifier)
            .map_err(|source| LogError::Signature { path: CHECKPOINT.to_owned(), source })?;
        let mut edge = Edge::read(&files, checkpoint.claim())?;
        let unpublished = unpublished(&files, &checkpoint)?;
        still(folder, &lock, Some(checkpoint.claim()))?;
        if let Some((signed, grown)) = unpublished
            && signed.verify(known, verifier).is_ok()
        {
            edge = grown;
            rename(&folder.join(CHECKPOINT_TEMPORARY), &folder.join(CHECKPOINT))?;
            checkpoint = signed;
        }
        // Before the sweep, which takes fuller tiles that a smaller checkpoint can be read from.
        let newest = match checkpoint.claim().size.checked_sub(1) {
            Some(last) => time_of(&LogReader::at(&files, checkpoint.clone()).entry(last)?),
            None => None,
        };
        sweep(folder, checkpoint.claim().size)?;
        // The process that wrote this checkpoint may have ended between renaming it and flushing its name.
        flush_folder(folder)?;
        let (folder, durable) = (folder.to_owned(), BTreeSet::new());
        Ok(Self { folder, signer, edge, newest, poisoned: false, publisher, durable, lock })
    }

    /// How many entries the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The log's root.
    #[must_use]
    pub fn root(&self) -> Sha256 {
        self.edge.root()
    }

    /// Keeps a checkpoint of this log that witnesses have cosigned, and shows it in the place of the log's own where the
    /// log has not grown since. What the log commits to stays the same. `enough` says that a quorum has cosigned it.
    pub fn keep_cosigned(&self, note: &Note, enough: bool) -> Result<(), LogError> {
        // A working copy is nobody else's, and has no lock any more where it was fetched anew.
        if self.publisher.is_none() && !is_held(&self.folder, &self.lock)? {
            return Err(LogError::Outrun { name: self.folder.display().to_string() });
        }
        super::cosigned::keep(&self.folder, note, enough)?;
        match self.brought()? {
            Copy::AsWritten => Ok(()),
            // This log is no longer the newest, and must not be appended to as if it were.
            Copy::Fetched => Err(LogError::Outrun { name: self.folder.display().to_string() }),
        }
    }

    /// Appends entries under one new checkpoint. When this returns, all of it is durable; if it fails, nothing was
    /// acknowledged, and the log has to be opened again to know whether the checkpoint was still written.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<Appended, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let newest = self.check(entries)?;
        let first_index = self.edge.size();
        self.poisoned = true;
        let checkpoint_bytes = self.publish(entries)?;
        self.poisoned = self.brought()? == Copy::Fetched;
        self.newest = newest;
        let size = self.edge.size();
        for grown in Row::all().filter_map(|row| partial(row, first_index)) {
            let full = grown.row().tile(grown.index(), size);
            if let Some(full) = full.filter(|tile| tile.is_full()) {
                drop_partials(&self.folder, full);
            }
        }
        Ok(Appended { first_index, size, root: self.edge.root(), checkpoint_bytes })
    }

    /// Brings what is durable here to where it counts, if that is elsewhere.
    fn brought(&self) -> Result<Copy, LogError> {
        self.publisher.map_or(Ok(Copy::AsWritten), Publisher::publish)
    }

    /// Whatever can be refused is refused before anything is written. The time of the last entry. One that lies before an
    /// earlier entry's could never be taken back, and no reader would take the log with it.
    fn check(&self, entries: &[Vec<u8>]) -> Result<Option<Time>, LogError> {
        let count = u64::try_from(entries.len()).map_err(|_too_many| LogError::LogFull)?;
        if entries.is_empty() {
            return Err(LogError::NothingToAppend);
        }
        self.edge.size().checked_add(count).ok_or(LogError::LogFull)?;
        let mut newest = self.newest;
        for (at, entry) in entries.iter().enumerate() {
            if entry.len() > limits::LOG_ENTRY_BYTES {
                let source = TileError::EntryTooLarge { limit: limits::LOG_ENTRY_BYTES, found: entry.len() };
                return Err(LogError::Entry { at, source });
            }
            let Some(found) = time_of(entry) else { continue };
            match newest {
                Some(newest) if found < newest => return Err(LogError::BeforeNewest { newest, found }),
                _ => newest = Some(found),
            }
        }
        Ok(newest)
    }

    /// Makes the entries durable, with the tiles of every row that they change and the checkpoint that covers them, and
    /// then gives the checkpoint its name.
    fn publish(&mut self, entries: &[Vec<u8>]) -> Result<Vec<u8>, LogError> {
        let before = self.edge.size();
        // Only the making of a log appends nothing.
        let shown = (!entries.is_empty()).then(|| claim(self.signer, &self.edge));
        still(&self.folder, &self.lock, shown.as_ref())?;
        let mut pending = Pending::new(&self.folder, &mut self.durable);
        for entry in entries {
            self.edge.push(entry, &mut |tile, bytes| pending.write(tile, bytes))?;
        }
        for (tile, bytes) in self.edge.partials_since(before) {
            pending.write(tile, &bytes)?;
        }
        let bytes = claim(self.signer, &self.edge).sign(self.signer)?.to_string().into_bytes();
        let temporary = self.folder.join(CHECKPOINT_TEMPORARY);
        let mut file = File::create(&temporary).map_err(|source| DiskError::new(Doing::Create, &temporary, source))?;
        file.write_all(&bytes).map_err(|source| DiskError::new(Doing::Write, &temporary, source))?;
        pending.add(file, temporary.clone());
        pending.flush()?;
        still(&self.folder, &self.lock, shown.as_ref())?;
        rename(&temporary, &self.folder.join(CHECKPOINT))?;
        flush_folder(&self.folder)?;
        Ok(bytes)
    }
}

fn claim(signer: &dyn NoteSigner, edge: &Edge) -> Checkpoint {
    Checkpoint { origin: signer.name().clone(), size: edge.size(), root: edge.root() }
}

/// The time of an entry. A leaf of another form has none, and is judged by whoever reads the log.
fn time_of(entry: &[u8]) -> Option<Time> {
    Entry::parse(entry).ok().map(|entry| entry.time)
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("folder", &self.folder)
            .field("origin", self.signer.name())
            .field("size", &self.edge.size())
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// Files that are written and not flushed yet. They need no temporary names: until a checkpoint covers them, nobody
/// may read them.
struct Pending<'l> {
    log: &'l Path,
    files: Vec<(File, PathBuf)>,
    folders: BTreeSet<PathBuf>,
    durable: &'l mut BTreeSet<PathBuf>,
}

impl<'l> Pending<'l> {
    const fn new(log: &'l Path, durable: &'l mut BTreeSet<PathBuf>) -> Self {
        Self { log, files: Vec::new(), folders: BTreeSet::new(), durable }
    }

    fn write(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.log.join(tile.path());
        let folder = folder_of(&path).to_owned();
        if !self.durable.contains(&folder) {
            fs::create_dir_all(&folder).map_err(|source| DiskError::new(Doing::Create, &folder, source))?;
            // The folder may be there and its name not on the disk: an interrupted append may have made it.
            let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(self.log));
            self.folders.extend(above.map(Path::to_owned));
            self.durable.insert(folder.clone());
        }
        let mut file = create_new(&path)?;
        file.write_all(bytes).map_err(|source| DiskError::new(Doing::Write, &path, source))?;
        self.add(file, path);
        if self.files.len() >= OPEN_FILES {
            self.flush_files()?;
        }
        Ok(())
    }

    fn add(&mut self, file: File, path: PathBuf) {
        self.folders.insert(folder_of(&path).to_owned());
        self.files.push((file, path));
    }

    fn flush_files(&mut self) -> Result<(), LogError> {
        for (file, path) in self.files.drain(..) {
            flush_file(&file, &path)?;
        }
        Ok(())
    }

    /// Files are flushed side by side, and then the folders that name them: none of them counts before the checkpoint has its
    /// name, which it gets after all of them, and the disk can take several waiting flushes in one go.
    fn flush(mut self) -> Result<(), LogError> {
        let mut files = std::mem::take(&mut self.files);
        // The last file is flushed by this thread. A folder needs little more where its files' names went with them.
        let own = files.pop();
        std::thread::scope(|scope| {
            let flush = |(file, path): &(File, PathBuf)| flush_file(file, path);
            let running: Vec<_> = files.iter().map(|one| scope.spawn(move || flush(one))).collect();
            own.iter().try_for_each(flush)?;
            let mut ended = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            // A thread that panicked has flushed nothing that could be relied on.
            ended.try_for_each(|end| end.map_err(|_panic| LogError::Poisoned)?.map_err(LogError::from))
        })?;
        Ok(self.folders.iter().try_for_each(|folder| flush_folder(folder))?)
    }
}

/// Makes a file. One that is there was left by an interrupted append that was not swept; it is replaced, not written
/// into, in case it has another name elsewhere.
fn create_new(path: &Path) -> Result<File, DiskError> {
    let result = match File::create_new(path) {
        Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path).and_then(|()| File::create_new(path))
        }
        other => other,
    };
    result.map_err(|source| DiskError::new(Doing::Create, path, source))
}

fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    fs::rename(from, to).map_err(|source| DiskError::new(Doing::Rename, to, source))
}

/// A checkpoint that was written and not renamed, or whose new name was lost. It counts if everything that its append
/// wrote is there to the byte: otherwise it never had its name, and nobody saw it. Its signature is still to be checked.
fn unpublished(
    files: &FolderFiles,
    published: &UnverifiedCheckpoint,
) -> Result<Option<(UnverifiedCheckpoint, Edge)>, LogError> {
    let Some(bytes) = files.read(CHECKPOINT_TEMPORARY, limits::NOTE_BYTES)? else { return Ok(None) };
    let Ok(signed) = UnverifiedCheckpoint::parse(&bytes) else { return Ok(None) };
    if signed.claim().size <= published.claim().size {
        return Ok(None);
    }
    let mut edge = Edge::read(files, published.claim())?;
    let reader = LogReader::at(files, signed);
    let signed = reader.checkpoint();
    let mut whole = true;
    let mut compare = |tile: Tile, bytes: &[u8]| -> Result<(), LogError> {
        whole = whole && files.read(&tile.path(), bytes.len())?.is_some_and(|there| there == bytes);
        Ok(())
    };
    for entry in reader.entries(published.claim().size..signed.claim().size) {
        match entry {
            Ok(entry) => edge.push(&entry, &mut compare)?,
            Err(error @ LogError::Disk(_)) => return Err(error),
            Err(_torn_or_missing) => return Ok(None),
        }
    }
    for (tile, bytes) in edge.partials_since(published.claim().size) {
        compare(tile, &bytes)?;
    }
    whole = whole && edge.size() == signed.claim().size && edge.root() == signed.claim().root;
    Ok(whole.then(|| (signed.clone(), edge)))
}

pub(super) fn lock(folder: &Path, create: bool) -> Result<File, LogError> {
    ground::check(folder)?;
    let path = folder.join(LOCK);
    let mut options = File::options();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| DiskError::new(Doing::Lock, &path, source))?;
    let taken = lock::taken(&file).map_err(|source| DiskError::new(Doing::Lock, &path, source))?;
    // Somebody may have taken the file away since it was opened, and another run has the one that is there now.
    if !taken || !is_held(folder, &file)? {
        return Err(LogError::InUse { folder: folder.to_owned() });
    }
    ground::probe(folder, &path)?;
    if create {
        flush_folder(folder)?;
    }
    Ok(file)
}

/// Whether the lock's file is the one that is held here: another one shuts nobody out of it.
fn is_held(folder: &Path, lock: &File) -> Result<bool, LogError> {
    let path = folder.join(LOCK);
    let failed = |source| DiskError::new(Doing::Lock, &path, source);
    let held = lock.metadata().map_err(failed)?;
    match fs::metadata(&path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed(source).into()),
    }
}

/// Whether nobody else is at the log, as far as it shows: the lock's file is still the one that is held, and the checkpoint still what
/// it was, or not there yet. Else somebody else may have appended, and nothing of ours may take its place.
fn still(folder: &Path, lock: &File, shown: Option<&Checkpoint>) -> Result<(), LogError> {
    let found = match read_checkpoint(&FolderFiles::new(folder)) {
        Ok(found) => Some(found),
        Err(LogError::Missing { .. }) if shown.is_none() => None,
        Err(error) => return Err(error.below(folder)),
    };
    if is_held(folder, lock)? && found.as_ref().map(UnverifiedCheckpoint::claim) == shown {
        return Ok(());
    }
    Err(LogError::Outrun { name: folder.display().to_string() })
}

/// In a working copy nothing counts that is not published.
fn alone(folder: &Path) -> Result<(), LogError> {
    if folder.parent().is_some_and(|above| above.join(MARK).exists()) {
        return Err(LogError::WorkingCopy { folder: folder.to_owned() });
    }
    Ok(())
}

/// Something in the folder that is not left over from making a log.
fn occupant(folder: &Path) -> Result<Option<String>, DiskError> {
    let wrap = |source| DiskError::new(Doing::List, folder, source);
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let name = entry.map_err(wrap)?.file_name().to_string_lossy().into_owned();
        if name != LOCK && name != CHECKPOINT_TEMPORARY {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
