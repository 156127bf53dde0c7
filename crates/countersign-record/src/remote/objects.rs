//! A store in object storage: a bucket of one of the large clouds, or of anything that speaks their language and keeps
//! the one promise that matters, which is that of writers who replace the same object only one succeeds.
//!
//! One object, `head`, is the lock. An append stages its tiles under a name of its own, replaces `head` if it is still
//! what was fetched, and only then writes the tiles to their places and publishes the checkpoint. From the moment that
//! `head` is replaced the append counts: whoever comes next, to read or to write, finds in it what was staged and takes
//! or finishes it. Before that moment there is nothing but an object that nobody names. Tiles and evidence are only ever
//! created; what is there already has to be the same to the byte.
//!
//! A service that lets two writers replace the same object, or says that it kept what it did not, makes forks. So before
//! the first append of a run it is tried out, and one that does not keep the promise is refused.

use super::git::{covered, digest_of, write};
use super::{LOG, Published, Remote, RemoteError};
use crate::disk::{DiskError, Doing};
use crate::log::{CHECKPOINT, COSIGNED, FolderFiles, LogFiles as _};
use crate::store::FolderStore;
use countersign_core::digest::Sha256;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::tile::{Row, Tile};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The object that is the lock.
const HEAD: &str = "head";
/// Its first line.
const HEAD_FORM: &str = "countersign.dev/store-head@v1";
/// How many of the last appends it names: a writer whose answer got lost finds itself there.
const RECENT: usize = 64;
/// How often a request is repeated that was not answered.
const TRIES: u32 = 4;
/// How many objects are asked for at once.
const AT_ONCE: usize = 8;
/// How many writers the trial has race for one object.
const RACERS: usize = 4;

/// Objects by name, as far as a store needs them.
pub trait Objects: fmt::Debug + Send + Sync {
    /// An object with its version; at most one byte more than `limit` of it.
    fn get(&self, path: &str, limit: usize) -> Result<Option<(Vec<u8>, Version)>, ObjectError>;

    /// Whether there is such an object.
    fn has(&self, path: &str) -> Result<bool, ObjectError>;

    /// Writes an object if the condition holds. An error says nothing about whether it was written.
    fn put(&self, path: &str, bytes: &[u8], condition: &Condition) -> Result<Put, ObjectError>;

    /// The names of all objects that begin so.
    fn list(&self, start: &str) -> Result<Vec<String>, ObjectError>;

    /// Removes an object.
    fn remove(&self, path: &str) -> Result<(), ObjectError>;
}

/// Which of the contents that an object had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The entity tag.
    pub tag: Option<String>,
    /// The generation or version, where the service has such.
    pub version: Option<String>,
}

/// When an object may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is none of this name.
    New,
    /// It is still this one.
    Still(Version),
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is written, and is this version.
    Done(Version),
    /// The condition does not hold.
    Refused,
}

/// The service did not answer, or not with something that helps.
#[derive(Debug, Clone)]
pub struct ObjectError {
    /// What it said.
    pub said: String,
}

/// A store among objects.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    objects: Box<dyn Objects>,
    /// A name that no other writer has.
    writer: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What `head` was when it was fetched.
    head: Option<(Head, Version)>,
    /// How many appends were tried.
    tried: u64,
    /// The service was tried out, and keeps its promises.
    fit: bool,
}

/// What `head` says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    /// Sizes and names of the last appends, the newest first.
    recent: Vec<(u64, String)>,
    /// The log's checkpoint.
    checkpoint: Vec<u8>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut recent, mut rest) = (Vec::new(), bytes.strip_prefix(HEAD_FORM.as_bytes())?.strip_prefix(b"\n")?);
        loop {
            let end = rest.iter().position(|b| *b == b'\n')?;
            let (line, after) = rest.split_at_checked(end)?;
            rest = after.strip_prefix(b"\n")?;
            if line.is_empty() {
                break;
            }
            let (size, id) = std::str::from_utf8(line).ok()?.split_once(' ')?;
            let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let canonical = size.parse::<u64>().ok().filter(|number| number.to_string() == size)?;
            if !plain || recent.len() >= RECENT {
                return None;
            }
            recent.push((canonical, id.to_owned()));
        }
        let head = Self { recent, checkpoint: rest.to_vec() };
        let claimed = head.size()?;
        (head.recent.first()?.0 == claimed).then_some(head)
    }

    fn bytes(&self) -> Vec<u8> {
        let lines = self.recent.iter().map(|(size, id)| format!("{size} {id}\n")).collect::<Vec<_>>().concat();
        [format!("{HEAD_FORM}\n{lines}\n").as_bytes(), &self.checkpoint].concat()
    }

    fn size(&self) -> Option<u64> {
        size_of(&self.checkpoint)
    }

    /// The object with the tiles of the newest append.
    fn staged(&self) -> String {
        self.recent.first().map_or_else(String::new, |(_, id)| staging(id))
    }
}

fn staging(id: &str) -> String {
    format!("staging/{id}")
}

fn size_of(checkpoint: &[u8]) -> Option<u64> {
    UnverifiedCheckpoint::parse(checkpoint).ok().map(|checkpoint| checkpoint.claim().size)
}

/// Files in one object: the length and the path of each, in a line, and then the file.
fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let one = |(path, bytes): &(String, Vec<u8>)| [format!("{} {path}\n", bytes.len()).as_bytes(), bytes].concat();
    files.iter().flat_map(one).collect()
}

fn unpack(mut rest: &[u8]) -> Option<Vec<(Tile, Vec<u8>)>> {
    let mut files = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n')?;
        let (line, after) = rest.split_at_checked(end)?;
        let (length, path) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let (bytes, after) = after.strip_prefix(b"\n")?.split_at_checked(length.parse().ok()?)?;
        files.push((Tile::from_path(path).ok()?, bytes.to_vec()));
        rest = after;
    }
    Some(files)
}

impl Bucket {
    /// A store among these objects. No two writers may have the same name: it has to be random.
    #[must_use]
    pub fn new(name: &str, objects: Box<dyn Objects>, writer: &str) -> Self {
        let writer = writer.chars().filter(char::is_ascii_alphanumeric).collect();
        Self { name: name.to_owned(), objects, writer, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &'static str, error: ObjectError) -> RemoteError {
        RemoteError::Failed { name: self.name.clone(), doing, said: vec![error.said] }
    }

    fn form(&self, path: &str, why: &'static str) -> RemoteError {
        RemoteError::Form { name: self.name.clone(), path: path.to_owned(), why }
    }

    fn get(&self, path: &str, limit: usize) -> Result<Option<(Vec<u8>, Version)>, RemoteError> {
        let got = again(|| self.objects.get(path, limit)).map_err(|error| self.failed("read an object", error))?;
        match got {
            Some((bytes, _)) if bytes.len() > limit => {
                Err(RemoteError::TooLarge { name: self.name.clone(), what: "bytes in one object", limit })
            }
            other => Ok(other),
        }
    }

    fn head(&self) -> Result<Option<(Head, Version)>, RemoteError> {
        let Some((bytes, version)) = self.get(HEAD, limits::STORE_HEAD_BYTES)? else { return Ok(None) };
        let head = Head::parse(&bytes).ok_or_else(|| self.form(HEAD, "it does not have the form of a head"))?;
        Ok(Some((head, version)))
    }

    /// The tiles of the newest append, if they may not be in their places yet.
    fn staged(&self, head: &Head) -> Result<Vec<(Tile, Vec<u8>)>, RemoteError> {
        let path = head.staged();
        match self.get(&path, limits::STORE_STAGED_BYTES)? {
            None => Ok(Vec::new()),
            Some((bytes, _)) => unpack(&bytes).ok_or_else(|| self.form(&path, "it is not what an append stages")),
        }
    }

    /// Creates an object. One that is there already has to be the same.
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), RemoteError> {
        let put = again(|| self.objects.put(path, bytes, &Condition::New));
        if let Ok(Put::Done(_)) = put {
            return Ok(());
        }
        let there =
            again(|| self.objects.get(path, bytes.len())).map_err(|error| self.failed("read an object", error))?;
        match there {
            Some((there, _)) if there == bytes => Ok(()),
            Some(_) => Err(RemoteError::Altered { name: self.name.clone(), path: path.to_owned() }),
            None => match put {
                Err(error) => Err(self.failed("write an object", error)),
                Ok(_) => Err(self.unfit("it says that an object is there, and does not have it")),
            },
        }
    }

    fn unfit(&self, why: &'static str) -> RemoteError {
        RemoteError::Unfit { name: self.name.clone(), why }
    }

    /// Puts the tiles of an append that counts into their places, publishes its checkpoint, and drops what was staged.
    fn finish(&self, head: &Head, staged: &[(Tile, Vec<u8>)]) -> Result<(), RemoteError> {
        side_by_side(staged, |(tile, bytes)| self.create(&format!("{LOG}/{}", tile.path()), bytes))?;
        self.show(CHECKPOINT, &head.checkpoint)?;
        // Whoever comes next would find it applied already.
        drop(self.objects.remove(&head.staged()));
        Ok(())
    }

    /// Publishes a checkpoint where anybody reads it, unless a later one is there.
    fn show(&self, name: &str, checkpoint: &[u8]) -> Result<(), RemoteError> {
        let path = format!("{LOG}/{name}");
        for _ in 0..TRIES {
            let there = self.get(&path, limits::NOTE_BYTES)?;
            let condition = match &there {
                None => Condition::New,
                Some((bytes, _)) if bytes == checkpoint || size_of(bytes) > size_of(checkpoint) => break,
                Some((_, version)) => Condition::Still(version.clone()),
            };
            match self.objects.put(&path, checkpoint, &condition) {
                Ok(Put::Done(_)) => break,
                Ok(Put::Refused) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Replaces `head`, and finds out what became of it where that was not said.
    fn replace(&self, new: &Head, id: &str, fetched: Option<&Version>) -> Result<Published, RemoteError> {
        let condition = fetched.map_or(Condition::New, |version| Condition::Still(version.clone()));
        let bytes = new.bytes();
        let mut why = String::new();
        for tried in 0..TRIES {
            match self.objects.put(HEAD, &bytes, &condition) {
                Ok(Put::Done(_)) => return Ok(Published::Done),
                Ok(Put::Refused) => {}
                Err(error) => why = error.said,
            }
            match self.head() {
                Ok(Some((head, version))) => {
                    if let Some(place) = head.recent.iter().position(|(_, known)| known == id) {
                        return Ok(if place == 0 { Published::Done } else { Published::Overtaken });
                    }
                    if Some(&version) != fetched {
                        return Ok(Published::Outrun);
                    }
                }
                Ok(None) => {}
                Err(error) => why = error.to_string(),
            }
            pause(tried);
        }
        // What was sent may still arrive.
        Err(RemoteError::Unknown { name: self.name.clone(), why })
    }

    /// Tries out what the lock rests on, with an object of its own.
    fn try_out(&self, id: &str) -> Result<(), RemoteError> {
        let path = format!("probe/{id}");
        let tried = self.promises(&path);
        drop(self.objects.remove(&path));
        tried
    }

    fn promises(&self, path: &str) -> Result<(), RemoteError> {
        let put = |bytes: &[u8], condition: &Condition| {
            again(|| self.objects.put(path, bytes, condition))
                .map_err(|error| self.failed("try the service out", error))
        };
        // A request that was repeated may have been done the first time: then the object is what it was to be.
        let written = |bytes: &[u8], condition: &Condition| {
            let put = put(bytes, condition)?;
            let there = self.get(path, 1)?.filter(|(there, _)| there == bytes);
            Ok::<_, RemoteError>((put, there.map(|(_, version)| version)))
        };
        let (put_first, Some(first)) = written(b"1", &Condition::New)? else {
            return Err(self.unfit("it does not have what was written"));
        };
        let nameless = |version: &Version| version.tag.is_none() && version.version.is_none();
        if nameless(&first) || matches!(&put_first, Put::Done(version) if nameless(version)) {
            return Err(self.unfit("it names no version of what it keeps"));
        }
        if put(b"2", &Condition::New)? != Put::Refused {
            return Err(self.unfit("it lets an object that is there be created again"));
        }
        let (_, Some(second)) = written(b"3", &Condition::Still(first.clone()))? else {
            return Err(self.unfit("it does not let an object be replaced by who read it last"));
        };
        if put(b"4", &Condition::Still(first))? != Put::Refused {
            return Err(self.unfit("it lets an object be replaced by who read an older one"));
        }
        let condition = Condition::Still(second);
        let racers: Vec<Vec<u8>> = (0..RACERS).map(|n| format!("racer {n}").into_bytes()).collect();
        let won = Mutex::new(0_usize);
        side_by_side(&racers, |bytes| {
            if matches!(self.objects.put(path, bytes, &condition), Ok(Put::Done(_))) {
                let mut won = won.lock().unwrap_or_else(PoisonError::into_inner);
                *won = won.saturating_add(1);
            }
            Ok(())
        })?;
        let won = *won.lock().unwrap_or_else(PoisonError::into_inner);
        // None may win: an answer may get lost.
        if won > 1 { Err(self.unfit("it lets two writers replace the same object at once")) } else { Ok(()) }
    }

    /// What the folder's log has beyond what was fetched.
    fn beyond(&self, folder: &Path, from: u64, to: u64) -> Result<Vec<(String, Vec<u8>)>, RemoteError> {
        let files = FolderFiles::new(folder.join(LOG));
        let mut new = Vec::new();
        for path in files.list()? {
            let Ok(tile) = Tile::from_path(&path) else { continue };
            if covered(tile, from) || !covered(tile, to) {
                continue;
            }
            let bytes = files.read(&path, countersign_core::log::tile::LARGEST_FILE)?;
            new.push((path.clone(), bytes.ok_or_else(|| self.form(&path, "it is gone from the working copy"))?));
        }
        Ok(new)
    }
}

impl Remote for Bucket {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn fetch(&self, folder: &Path) -> Result<(), RemoteError> {
        let mut state = self.state();
        let log = folder.join(LOG);
        if log.exists() {
            fs::remove_dir_all(&log).map_err(|source| DiskError::new(Doing::Remove, &log, source))?;
        }
        // Before the head, which is never of fewer entries then: others append and are cosigned meanwhile. Read after it, what
        // they had cosigned would be more than the copy has, as if the log had been set back.
        let cosigned = self.get(&format!("{LOG}/{COSIGNED}"), limits::NOTE_BYTES)?;
        state.head = self.head()?;
        let Some((head, _)) = &state.head else {
            let published = format!("{LOG}/{CHECKPOINT}");
            let left = again(|| self.objects.has(&published)).map_err(|error| self.failed("read an object", error))?;
            // It is never taken for a new one.
            return if left { Err(self.form(HEAD, "it is gone, and the log is there")) } else { Ok(()) };
        };
        let staged: BTreeMap<Tile, Vec<u8>> = self.staged(head)?.into_iter().collect();
        let size = head.size().unwrap_or_default();
        // Nobody has checked the head's signature yet: what it says is bounded first.
        let limit = limits::PACKAGE_FILES;
        let wanted: Vec<Tile> = Row::all().flat_map(|row| row.tiles(size)).take(limit.saturating_add(1)).collect();
        if wanted.len() > limit {
            return Err(RemoteError::TooLarge { name: self.name.clone(), what: "tiles of the log", limit });
        }
        side_by_side(&wanted, |tile| {
            let path = format!("{LOG}/{}", tile.path());
            let bytes = match staged.get(tile) {
                Some(bytes) => Some(bytes.clone()),
                None => self.get(&path, countersign_core::log::tile::LARGEST_FILE)?.map(|(bytes, _)| bytes),
            };
            // What is missing is found by whoever reads the log.
            bytes.map_or(Ok(()), |bytes| write(&folder.join(&path), &bytes))
        })?;
        if let Some((cosigned, _)) = cosigned {
            write(&log.join(COSIGNED), &cosigned)?;
        }
        write(&log.join(CHECKPOINT), &head.checkpoint)
    }

    fn publish(&self, folder: &Path, evidence: &BTreeSet<Sha256>) -> Result<Published, RemoteError> {
        let mut state = self.state();
        state.tried = state.tried.saturating_add(1);
        let id = format!("{}-{}", self.writer, state.tried);
        if !state.fit {
            self.try_out(&id)?;
            state.fit = true;
        }
        let (mut recent, mut from) = (Vec::new(), 0);
        if let Some((head, _)) = &state.head {
            self.finish(head, &self.staged(head)?)?;
            recent.clone_from(&head.recent);
            from = head.size().unwrap_or_default();
        }
        let checkpoint = FolderFiles::new(folder.join(LOG)).read(CHECKPOINT, limits::NOTE_BYTES)?.unwrap_or_default();
        let size = size_of(&checkpoint).ok_or_else(|| self.form(CHECKPOINT, "the working copy has none"))?;
        side_by_side(&evidence.iter().collect::<Vec<_>>(), |digest| {
            let path = FolderStore::relative(digest);
            let there = folder.join(&path);
            let bytes = fs::read(&there).map_err(|source| DiskError::new(Doing::Read, &there, source))?;
            self.create(&path, &bytes)
        })?;
        let staged = self.beyond(folder, from, size)?;
        self.create(&staging(&id), &pack(&staged))?;
        recent.insert(0, (size, id.clone()));
        recent.truncate(RECENT);
        let new = Head { recent, checkpoint };
        let done = self.replace(&new, &id, state.head.as_ref().map(|(_, version)| version))?;
        match done {
            Published::Outrun => drop(self.objects.remove(&staging(&id))),
            Published::Overtaken => {}
            // It counts already; whoever comes next finishes it if this run cannot. Only what is there and is something
            // else is worth an answer.
            Published::Done => {
                let staged: Vec<(Tile, Vec<u8>)> = staged
                    .into_iter()
                    .filter_map(|(path, bytes)| Some((Tile::from_path(&path).ok()?, bytes)))
                    .collect();
                if let Err(error @ RemoteError::Altered { .. }) = self.finish(&new, &staged) {
                    return Err(error);
                }
                let cosigned = FolderFiles::new(folder.join(LOG)).read(COSIGNED, limits::NOTE_BYTES)?;
                // It proves nothing that the witnesses cannot be asked for again.
                drop(cosigned.map(|bytes| self.show(COSIGNED, &bytes)));
            }
        }
        // The next append needs the version that `head` has now.
        if let (Published::Done, Ok(Some(now))) = (done, self.head()) {
            if now.0 != new {
                return Ok(Published::Overtaken);
            }
            state.head = Some(now);
            return Ok(done);
        }
        Ok(if done == Published::Done { Published::Overtaken } else { done })
    }

    fn evidence(&self, digest: &Sha256, limit: usize) -> Result<Option<Vec<u8>>, RemoteError> {
        let got = again(|| self.objects.get(&FolderStore::relative(digest), limit));
        Ok(got.map_err(|error| self.failed("read an object", error))?.map(|(bytes, _)| bytes))
    }

    fn has_evidence(&self, digest: &Sha256) -> Result<bool, RemoteError> {
        again(|| self.objects.has(&FolderStore::relative(digest))).map_err(|error| self.failed("read an object", error))
    }

    fn can_erase(&self) -> Result<(), RemoteError> {
        Ok(())
    }

    fn erase_evidence(&self, digest: &Sha256) -> Result<(), RemoteError> {
        let path = FolderStore::relative(digest);
        again(|| self.objects.remove(&path)).map_err(|error| self.failed("remove an object", error))
    }

    fn all_evidence(&self) -> Result<BTreeSet<Sha256>, RemoteError> {
        let listed = again(|| self.objects.list("evidence/")).map_err(|error| self.failed("list objects", error))?;
        Ok(listed.iter().filter_map(|path| digest_of(path)).collect())
    }
}

/// Repeats a request that was not answered. Only for what may be done twice.
fn again<T>(mut ask: impl FnMut() -> Result<T, ObjectError>) -> Result<T, ObjectError> {
    for tried in 1..TRIES {
        if let Ok(answer) = ask() {
            return Ok(answer);
        }
        pause(tried);
    }
    ask()
}

fn pause(tried: u32) {
    std::thread::sleep(Duration::from_millis(20).saturating_mul(tried));
}

/// Does something for each, several at once. The first error ends it.
fn side_by_side<T: Sync>(all: &[T], work: impl Fn(&T) -> Result<(), RemoteError> + Sync) -> Result<(), RemoteError> {
    let share = all.len().div_ceil(AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = all.chunks(share).map(|part| scope.spawn(|| part.iter().try_for_each(&work))).collect();
        running.into_iter().try_for_each(|one| {
            let died = RemoteError::Failed { name: String::new(), doing: "work side by side", said: Vec::new() };
            one.join().map_err(|_panic| died)?
        })
    })
}
