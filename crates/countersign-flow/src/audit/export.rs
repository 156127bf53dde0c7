//! Packing: the log under its checkpoint, and the documents that it names, as far as the scope goes.

use super::derive;
use super::facts::{Facts, Gathered, Known};
use super::scope::{Day, Days, Form, LeftOut, Profile, Rule, Scope, carried_days, named};
use super::shard;
use super::{EVIDENCE, INDEX, LOG, TRUST};
use crate::error::FlowError;
use crate::place::Place;
use crate::replay;
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::digest::{Hasher, Sha256};
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_record::atomic::write_atomic_with;
use countersign_record::disk::{DiskError, Doing};
use countersign_record::log::reader::LogReader;
use countersign_record::log::verify::verify_log;
use countersign_record::log::{CHECKPOINT, COSIGNED, FilesAt, FolderFiles, LogError, LogFiles, Moment};
use countersign_record::package::{OpenError, Packed, Packer, Pressed};
use countersign_record::side;
use countersign_record::store::{Store as _, StoreError};
use countersign_verify::trust::verify_trust;
use countersign_verify::{Blobs, LogState, VerifiedTrust};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A package in memory, and what is in it.
#[derive(Debug)]
pub struct Exported {
    /// The package's bytes.
    pub bytes: Vec<u8>,
    /// How many entries the log has.
    pub entries: u64,
    /// How many documents.
    pub documents: usize,
}

/// What was packed.
#[derive(Debug)]
pub struct Packing {
    /// How many bytes.
    pub bytes: u64,
    /// Their digest.
    pub digest: Sha256,
    /// How many entries the log has.
    pub entries: u64,
    /// How many documents are in it.
    pub documents: usize,
    /// What was left out.
    pub left_out: LeftOut,
    /// How many decisions of the scope are in it.
    pub decisions: usize,
}

/// Packs the whole log of a store with all its evidence. A document that is missing or altered is an error: a package
/// that could not be verified is not written.
pub fn export(place: &Place) -> Result<Exported, FlowError> {
    let mut bytes = Vec::new();
    let packing = export_to(place, &Scope::default(), &mut bytes)?;
    Ok(Exported { bytes, entries: packing.entries, documents: packing.documents })
}

/// Packs into a file, which is there whole or not at all.
pub fn export_file(place: &Place, scope: &Scope, output: &Path) -> Result<Packing, FlowError> {
    replaces_no_newer(place, output)?;
    write_atomic_with(output, 0o644, |file| export_to(place, scope, file))
}

/// A package of this log that lies there already and goes further is proof of what the log has lost, and may be the only one.
fn replaces_no_newer(place: &Place, output: &Path) -> Result<(), FlowError> {
    let there = || {
        let file = File::open(output).ok().filter(|_| output.is_file())?;
        let there = Packed::listed(Box::new(file)).ok()?.read(&format!("{LOG}checkpoint")).ok()??;
        UnverifiedCheckpoint::parse(&there).ok()
    };
    let Some(there) = there() else { return Ok(()) };
    let here = LogReader::open(&place.log()).map_err(|error| place.told_of(error))?;
    let (theirs, ours) = (there.claim(), here.checkpoint().claim());
    if theirs.origin != ours.origin || theirs.size <= ours.size {
        return Ok(());
    }
    let what = "the package that lies there holds more of this log than the log has";
    let finding = Finding::new(codes::LOG_ROLLED_BACK, what)
        .at(output.display().to_string())
        .expected(format!("{} entries or fewer", ours.size), "the log")
        .found(format!("{} entries", theirs.size))
        .help("keep that package: it proves what the log had; name another file with --output");
    Err(FlowError::Refused(vec![finding]))
}

/// Packs what the scope says. No more than the documents of a few days are in memory at a time.
pub fn export_to(place: &Place, scope: &Scope, out: &mut dyn Write) -> Result<Packing, FlowError> {
    export_from(place, &FolderFiles::new(place.log()), scope, out)
}

/// The same of these files of its log. The package is of one moment of it, whoever appends while it is packed.
pub fn export_from(
    place: &Place,
    files: &dyn LogFiles,
    scope: &Scope,
    out: &mut dyn Write,
) -> Result<Packing, FlowError> {
    let moment = Moment::of(files).map_err(|error| place.told_of(error.below(&place.log())))?;
    let log = FilesAt::new(files, &moment);
    // First of all: what an altered log says of itself misleads.
    let names = log_files(place, &moment, log)?;
    let reader = LogReader::at(log, moment.checkpoint.clone());
    let raw = reader.entries(0..reader.size()).collect::<Result<Vec<_>, _>>()?;
    let (trust, trust_bytes, verified, at) = newest_trust(place, &raw)?;
    let blobs = Noting { place, asked: Mutex::default(), failed: Mutex::default(), erased: OnceLock::new() };
    let opened = LogState::open(&moment.checkpoint_bytes(), &raw, &verified, &blobs, at);
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    drop(raw);

    // What is erased may still lie here, where a run died before it was taken out: the package is made without it, and says of
    // it what it says wherever it is gone.
    drop(blobs.erased.set(state.erased_in_chain(&blobs).into_keys().collect()));
    // What statements say nobody asks here: to read those of other parts of the record would be to look at them.
    let gathered = Gathered::with(&state, &blobs, |_| {});
    all_are_known(&gathered)?;
    let facts = Facts::of(&state, &blobs, &gathered, scope.window.clone());
    let mut documents = named_documents(scope, &state, &gathered, &blobs);
    let goes_on = state.now().earlier().is_some();
    if scope.profile == Profile::Full && (goes_on || !scope.window.is_all()) {
        // What earlier evidence a decision looks at, only running it tells.
        let wanted = |known: &&Arc<Known>| scope.wants(known.entry, Form::Now, &state, &gathered);
        for known in gathered.decisions.iter().filter(wanted) {
            if let Ok(promoted) = state.now().decision(known.entry, &blobs) {
                drop(replay::decide_again(&promoted.content, &state, &blobs));
            }
        }
        for digest in lock(&blobs.asked).iter().filter(|digest| !gathered.erased.contains_key(digest)) {
            if let Some((_, kept)) = documents.get_mut(digest) {
                *kept = true;
            }
        }
    }
    // Within a day by the entry that first names them: what a decision rests on lies together.
    let days = Days::of(&state);
    let mut by_day: BTreeMap<String, Vec<(u32, Sha256)>> = BTreeMap::new();
    let mut beside = BTreeSet::new();
    if goes_on {
        let kept = |digest: &Sha256| documents.get(digest).is_some_and(|(_, kept)| *kept);
        // What was made here is thrown away: it says what of the earlier log is looked at. So are its decisions, which say
        // what was open when this log began, and what its other entries record: whoever opens the package looks at each.
        let _read = facts.carried();
        let _opened = state.records(&blobs);
        drop(derive::of(&facts, scope, &kept, false)?);
        let carried = carried_days(&state, &blobs);
        for digest in lock(&blobs.asked).iter().filter(|digest| !documents.contains_key(digest)) {
            let Some(day) = carried.get(digest).filter(|_| !gathered.erased.contains_key(digest)) else { continue };
            if place.store().has(digest)? {
                beside.insert(*digest);
                by_day.entry(day.to_string()).or_default().push((0, *digest));
            }
        }
    }
    let kept = |digest: &Sha256| documents.get(digest).is_some_and(|(_, kept)| *kept) || beside.contains(digest);
    let derived = derive::of(&facts, scope, &kept, true)?;
    blobs.finish()?;
    for (digest, (first, _)) in documents.iter().filter(|(_, (_, kept))| *kept) {
        by_day.entry(days.name(first.day).to_owned()).or_default().push((first.entry, *digest));
    }
    drop((documents, beside));
    let count = by_day.values().map(Vec::len).sum();
    for documents in by_day.values_mut() {
        documents.sort_unstable();
    }

    let mut packer = Packer::new(Counting { out, bytes: 0, hasher: Hasher::default() });
    let mut files: BTreeMap<String, Sha256> =
        names.iter().map(|(path, digest)| (format!("{LOG}{path}"), *digest)).collect();
    files.insert(TRUST.to_owned(), trust);
    files.extend(derived.files.iter().map(|(name, made)| (name.clone(), made.digest)));
    let before = |name: &str, packer: &mut Packer<_>, bound: &str| -> Result<(), FlowError> {
        let between = derived.files.range(name.to_owned()..bound.to_owned());
        let mut pressed = between.into_iter().filter_map(|(name, made)| Some((name, made.pressed.as_ref()?)));
        pressed.try_for_each(|(name, pressed)| packer.add_pressed(name, pressed).map_err(packed))
    };
    before("", &mut packer, EVIDENCE)?;
    let by_day: Vec<(String, Vec<(u32, Sha256)>)> = by_day.into_iter().collect();
    for some in by_day.chunks(DAYS) {
        for made in side::each_alone(some, |(day, digests)| parts(place, day, digests)) {
            for (name, digest, pressed) in made? {
                packer.add_pressed(&name, &pressed).map_err(packed)?;
                files.insert(name, digest);
            }
        }
    }
    before(EVIDENCE, &mut packer, INDEX)?;
    packer.add(INDEX, &derived.index(&files)?).map_err(packed)?;
    before(INDEX, &mut packer, LOG)?;
    pack_log(&mut packer, &names, place, log)?;
    before(LOG, &mut packer, TRUST)?;
    packer.add(TRUST, &trust_bytes).map_err(packed)?;
    let counted = packer.finish().map_err(packed)?;
    Ok(Packing {
        bytes: counted.bytes,
        digest: counted.hasher.finish(),
        entries: state.size(),
        documents: count,
        left_out: derived.left_out,
        decisions: facts.decisions.len(),
    })
}

/// What a later version recorded would be left out of every list, and what it rests on out of the package: the version that knows
/// it packs it.
fn all_are_known(gathered: &Gathered) -> Result<(), FlowError> {
    let found = gathered.broken.values().flatten().filter(|one| one.code == codes::RECORD_LATER);
    let later: Vec<Finding> = found.cloned().collect();
    if later.is_empty() { Ok(()) } else { Err(FlowError::Refused(later)) }
}

/// The documents that the log names: where each is first named, and whether it goes into the package.
type Documents = BTreeMap<Sha256, (First, bool)>;

/// The entry that first names a document, and its day.
#[derive(Debug, Clone, Copy)]
struct First {
    day: Day,
    entry: u32,
}

/// Those of the whole log, by rule.
fn named_documents(scope: &Scope, state: &LogState, gathered: &Gathered, blobs: &dyn Blobs) -> Documents {
    let mut documents = Documents::new();
    let rule = Rule::of(scope, Form::Now, state, gathered);
    for named in named(state, gathered, blobs) {
        let first = First { day: named.day, entry: u32::try_from(named.entry).unwrap_or(u32::MAX) };
        for digest in named.all() {
            documents.entry(*digest).or_insert((first, false));
        }
        for digest in rule.keeps(&named) {
            documents.entry(*digest).or_insert((first, true)).1 = true;
        }
    }
    documents
}

/// The trust document that a log records last, and its digest; judged at the time of the log's newest entry.
fn newest_trust(place: &Place, raw: &[Vec<u8>]) -> Result<(Sha256, Vec<u8>, VerifiedTrust, Time), FlowError> {
    let newest = |kind: Option<Kind>| {
        raw.iter().rev().filter_map(|bytes| Entry::parse(bytes).ok()).find(|e| kind.is_none_or(|k| e.kind == k))
    };
    let nothing = |code, what: &str| {
        let finding = Finding::new(code, what).at(format!("log {}", place.log_name()));
        FlowError::Refused(vec![finding.help("`countersign policy activate` makes the first entries")])
    };
    let none = "the log has no entry: there is nothing to pack";
    let at = newest(None).ok_or_else(|| nothing(codes::DECISION_MISSING, none))?.time;
    let trust = newest(Some(Kind::Trust)).and_then(|entry| entry.statement().copied());
    let trust = trust
        .ok_or_else(|| nothing(codes::POLICY_NOT_ACTIVE, "the log records no trust document, and so no release"))?;
    let bytes = place.store().get(&trust, limits::COLLECTION_BYTES)?;
    let outcome = verify_trust(&bytes, None, at);
    let verified = outcome.trust.ok_or(FlowError::Refused(outcome.findings))?;
    Ok((trust, bytes, verified, at))
}

/// Days that are in memory at a time, deflated: to do that takes longest, and each processor does one.
const DAYS: usize = 4;

/// A file of documents: its name, its digest, and its bytes.
type Part = (String, Sha256, Pressed);

/// The files of a day, by their names. Whoever reads a document unpacks its file, so that none grows beyond a bound.
fn parts(place: &Place, day: &str, documents: &[(u32, Sha256)]) -> Result<Vec<Part>, FlowError> {
    let mut made = Vec::new();
    let mut files = shard::Files::default();
    let mut add = |file: Vec<u8>| -> Result<(), FlowError> {
        let name = format!("{EVIDENCE}{}", shard::file_name(day, made.len()));
        made.push((name, Sha256::of(&file), Pressed::of(&file)?));
        Ok(())
    };
    for (_, digest) in documents {
        if let Some(full) = files.push(*digest, place.store().get(digest, limits::GIT_EVIDENCE_BYTES)?) {
            add(full)?;
        }
    }
    files.finish().map_or(Ok(()), &mut add)?;
    Ok(made)
}

/// The log's files at a moment by their paths below it, each with its digest. Whoever verifies the package derives each tile from
/// the entries, and so it is done here.
fn log_files(place: &Place, moment: &Moment, log: FilesAt<'_>) -> Result<BTreeMap<String, Sha256>, FlowError> {
    let mut refused = Vec::new();
    let cosigned = moment.read_cosigned()?.map(|cosigned| cosigned.claim().size);
    let size = moment.checkpoint.claim().size;
    if let Some(more) = cosigned.filter(|more| *more > size) {
        refused.push(
            Finding::new(codes::LOG_ROLLED_BACK, "witnesses have cosigned more entries than the log has")
                .at(format!("{}/{COSIGNED}", place.log_name()))
                .expected(format!("at least {more} entries"), "the witnesses")
                .found(format!("{size} entries"))
                .help("restore the log from a copy that is not older; nothing is decided until then"),
        );
    }
    refused.extend(verify_log(&log)?.bad.map(|bad| {
        Finding::new(codes::LOG_TILE_MISMATCH, bad.wrong.to_string())
            .at(format!("{}/{}", place.log_name(), bad.path))
            .help("restore this file from a copy; the checkpoint says what it has to be")
    }));
    if !refused.is_empty() {
        return Err(FlowError::Refused(refused));
    }
    let both = std::iter::once(CHECKPOINT.to_owned()).chain(cosigned.map(|_size| COSIGNED.to_owned()));
    let paths = log.list()?.into_iter().chain(both);
    paths.map(|path| Ok((path.clone(), Sha256::of(&log_file(log, &path)?)))).collect()
}

/// Packs the log's files, which have to be those that were looked at.
fn pack_log<W: Write>(
    packer: &mut Packer<W>,
    names: &BTreeMap<String, Sha256>,
    place: &Place,
    log: FilesAt<'_>,
) -> Result<(), FlowError> {
    for (path, digest) in names {
        let bytes = log_file(log, path)?;
        if Sha256::of(&bytes) != *digest {
            let what = "this file of the log was altered while the log was packed";
            let finding = Finding::new(codes::LOG_TILE_MISMATCH, what).at(format!("{}/{path}", place.log_name()));
            return Err(FlowError::Refused(vec![finding]));
        }
        packer.add(&format!("{LOG}{path}"), &bytes).map_err(packed)?;
    }
    Ok(())
}

fn log_file(log: FilesAt<'_>, path: &str) -> Result<Vec<u8>, FlowError> {
    let bytes = log.read(path, limits::GIT_EVIDENCE_BYTES)?;
    Ok(bytes.ok_or_else(|| LogError::TileMissing { path: path.to_owned() })?)
}

fn packed(error: OpenError) -> FlowError {
    match error {
        OpenError::Form(error) => error.into(),
        OpenError::Io(source) => DiskError::new(Doing::Write, Path::new("the package"), source).into(),
    }
}

/// Counts and hashes what goes by.
struct Counting<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
    hasher: Hasher,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The store, which remembers what it was asked for.
struct Noting<'a> {
    place: &'a Place,
    asked: Mutex<BTreeSet<Sha256>>,
    failed: Mutex<Option<StoreError>>,
    /// What the log says is erased, once it was read.
    erased: OnceLock<BTreeSet<Sha256>>,
}

impl Noting<'_> {
    fn finish(&self) -> Result<(), FlowError> {
        lock(&self.failed).take().map_or(Ok(()), |error| Err(error.into()))
    }
}

/// What is behind a lock, whoever had it before.
fn lock<T>(behind: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    behind.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Blobs for Noting<'_> {
    fn blob(&self, digest: &Sha256) -> Option<Blob> {
        if self.erased.get().is_some_and(|erased| erased.contains(digest)) {
            return None;
        }
        lock(&self.asked).insert(*digest);
        match self.place.store().get(digest, limits::GIT_EVIDENCE_BYTES) {
            Ok(bytes) => Some(Blob::of(bytes)),
            Err(StoreError::Missing { .. }) => None,
            Err(error) => {
                lock(&self.failed).get_or_insert(error);
                None
            }
        }
    }
}
