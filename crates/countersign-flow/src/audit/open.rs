//! Opening a package: its form, its documents, its log, trust from outside, and the state that all of that makes. What is
//! asked of a package afterwards rests on this; nothing is read out of one that was not opened.

use super::derive::{self, Derived};
use super::earlier;
use super::facts::{Facts, Gathered, Read, Window};
use super::holding::{Document, Held, HeldFile, Listed, Package};
use super::older;
use super::scope::{Form, Profile, Scope};
use super::shard;
use super::since;
use super::trusts::{Recorded, too_old};
use super::verify::{AuditReport, OutsideTrust};
use super::{EVIDENCE, INDEX, LOG, PAGE, POLICIES, POPULATIONS, RANGE, README, TRUST, is_of_log};
use crate::backtest::read_report;
use crate::error::FlowError;
use crate::outside;
use crate::policy::history;
use crate::promote::log_keys;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Check, Finding, Verdict};
use countersign_core::ids::RuleId;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::tile::Tile;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_record::disk::{DiskError, Doing};
use countersign_record::log::LogFiles;
use countersign_record::log::reader::LogReader;
use countersign_record::log::verify::verify_log;
use countersign_record::package::{OpenError, Packed, Source};
use countersign_verify::log::kept_checkpoint;
use countersign_verify::policy::Activated;
use countersign_verify::trust::verify_trust;
use countersign_verify::{Blobs, LogState, VerifiedTrust, named_blob};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

/// A package that is open: the state of its log, and its documents by digest.
#[derive(Debug)]
pub struct Opened {
    pub(super) state: LogState,
    pub(super) package: Package,
    pub(super) scope: Scope,
    /// What the index says of every other file.
    pub(super) index: BTreeMap<String, Sha256>,
    /// What the index says that it is, where that is not what is made here.
    pub(super) other_version: Option<String>,
    /// Trust, and the log's own time by which it was judged.
    pub(super) trust: VerifiedTrust,
    pub(super) at: Time,
    /// Its decisions, read when they are first asked for.
    gathered: OnceLock<Gathered>,
}

/// What came of opening a package.
#[derive(Debug)]
pub struct Opening {
    /// What was checked so far, and found.
    pub report: AuditReport,
    /// The package, if there is a log in it that holds.
    pub opened: Option<Opened>,
}

/// The log's files in a package.
struct LogIn<'a>(&'a Packed);

impl LogFiles for LogIn<'_> {
    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, DiskError> {
        let name = format!("{LOG}{path}");
        if self.0.size(&name).is_none() {
            return Ok(None);
        }
        let bytes = self.0.read_part(&name, 0, limit.saturating_add(1));
        bytes.map(Some).map_err(|source| DiskError::new(Doing::Read, Path::new(&name), source))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let tiles = self.0.names().filter_map(|name| name.strip_prefix(LOG));
        Ok(tiles.filter(|path| path.starts_with("tile/")).map(str::to_owned).collect())
    }
}

/// Opens a package: see [`super::verify::verify`] for what is given.
pub fn open(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
) -> Result<Opening, FlowError> {
    open_to(source, outside, &End::Kept(least), ALONE)
}

/// The same, of one of several packages of which as many as this are open at once.
pub(super) fn open_beside(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
    at_once: u64,
) -> Result<Opening, FlowError> {
    open_to(source, outside, &End::Kept(least), at_once)
}

/// That the log goes on from a checkpoint that was kept.
pub(super) const CONTINUES: &str = "log-continues";

/// How many packages are open at once.
pub(super) const ALONE: u64 = 1;
pub(super) const TWO: u64 = 2;
/// As if so many were open that there is no room for a document of any.
pub(super) const NOTHING: u64 = u64::MAX;

/// What says how far a package's log had come.
enum End<'a> {
    /// A checkpoint that was kept, or nothing.
    Kept(Option<&'a [u8]>),
    /// Another package, against which it is held later.
    Later,
}

/// Opens two packages to compare them. One of them is older by nature, and cannot reach a checkpoint that was kept later:
/// that is held against the one whose log goes further, and the other is shown by that one's going on from it. Where it does
/// not, or where they are of two logs, each has to reach the checkpoint by itself.
pub fn open_two(
    first: Box<dyn Source>,
    second: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
) -> Result<(Opening, Opening), FlowError> {
    let later = |source| open_to(source, outside, &End::Later, TWO);
    let (mut first, mut second) = (later(first)?, later(second)?);
    let older = match (&first.opened, &second.opened) {
        (Some(a), Some(b)) if b.goes_on_from(a) => Some(true),
        (Some(a), Some(b)) if a.goes_on_from(b) => Some(false),
        _ => None,
    };
    for (opening, is_older) in [(&mut first, Some(true)), (&mut second, Some(false))] {
        if older != is_older {
            opening.held_against(least)?;
        }
    }
    Ok((first, second))
}

impl Opening {
    /// Holds the log against the checkpoint that was kept, or says that there is none.
    fn held_against(&mut self, least: Option<&[u8]>) -> Result<(), FlowError> {
        let Some(opened) = &self.opened else { return Ok(()) };
        self.report.end(least, &opened.state, &opened.trust, opened.at);
        self.report.since(opened, least)
    }
}

impl AuditReport {
    /// That the files have the one form, and what came of the documents.
    fn unpacked(&mut self, package: &Package, findings: Vec<Finding>) {
        self.line("package", Vec::new(), format!("{} files, in the one form", package.listed.digests.len()));
        self.line("evidence", findings, format!("{} documents, each what its name says", package.count()));
    }

    /// What the auditor's trust says since of keys that signed: whatever is asked of the package rests on that.
    fn since(&mut self, opened: &Opened, least: Option<&[u8]>) -> Result<(), FlowError> {
        if let Some((findings, words)) = since::check(opened, least)? {
            self.line("keys-since", findings, words);
        }
        Ok(())
    }

    /// How far the log had come, by what was kept of it elsewhere.
    fn end(&mut self, least: Option<&[u8]>, state: &LogState, trust: &VerifiedTrust, at: Time) {
        match least {
            Some(least) => {
                let (kept, size) = (continues(state, least, trust, at), state.size());
                self.kept = kept.as_ref().ok().copied();
                let mut holds = "the log goes on from the checkpoint that was kept".to_owned();
                if let Some(kept) = self.kept.filter(|kept| *kept < size) {
                    holds.push_str(&format!(", which has {kept} of its {size} entries"));
                    self.findings
                        .push(end_unproven(&format!("one of {kept} entries: behind entry {}", size.saturating_sub(1))));
                }
                self.line(CONTINUES, kept.err().into_iter().collect(), holds);
            }
            // What was not looked at is no line of what holds.
            None => self.findings.push(end_unproven("none: at the end")),
        }
    }
}

fn open_to(
    source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    end: &End<'_>,
    at_once: u64,
) -> Result<Opening, FlowError> {
    let mut report = AuditReport::default();
    let Some(package) = unpack(source, at_once, &mut report)? else { return Ok(Opening { report, opened: None }) };
    let bad = bad_tiles(&LogIn(&package.packed));
    opened(package, bad, outside, end, report)
}

/// The same of a package that facts were kept of: the files and documents that it lists were found when all of it was read, and
/// so were the log's tiles. Its entries, their root, its trust and its index are checked here as ever.
pub(super) fn open_listed(
    package: Package,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
) -> Result<Opening, FlowError> {
    let mut report = AuditReport::default();
    report.unpacked(&package, Vec::new());
    opened(package, Vec::new(), outside, &End::Kept(least), report)
}

fn opened(
    package: Package,
    bad_tiles: Vec<Finding>,
    outside: Option<OutsideTrust<'_>>,
    end: &End<'_>,
    mut report: AuditReport,
) -> Result<Opening, FlowError> {
    let Some((state, trust, at)) = log_of(&package, bad_tiles, outside, &mut report)? else {
        return Ok(Opening { report, opened: None });
    };
    if let End::Kept(least) = end {
        report.end(*least, &state, &trust, at);
    }
    let IndexOf { scope, files: index, other_version, findings } = index_of(&package)?;
    report.line("package-index", findings, "every file is the one that the index names, and no other is there");
    let part = if scope.window.is_all() {
        "all of the log".to_owned()
    } else {
        format!("a part of the log alone: {}", scope.window.words())
    };
    report.line("package-scope", Vec::new(), format!("made for {part}; profile {}", scope.profile));
    let mut faults: Vec<Finding> = state.faults().map(|(_, finding)| finding.clone()).collect();
    faults.extend(overridden(&state));
    report.line("log-activations", faults, "every trust document and activation holds, by the trust of its time");
    let records = state.records(&package);
    let words = records.words();
    report.line("log-records", records.findings(), words);
    if let Some(said) = earlier::line(&state) {
        // What does not hold of it is a fault of an entry.
        report.line("log-shard", Vec::new(), said);
    }
    if let Some((named, findings)) = backtests(&state, &package) {
        report.line("policy-backtests", findings, format!("{named} activation(s) name a report, which is here"));
    }
    report.log = Some(state.now().reference());
    report.scope = Some(scope.clone());
    let opened = Opened { state, package, scope, index, other_version, trust, at, gathered: OnceLock::new() };
    if let End::Kept(least) = end {
        report.since(&opened, *least)?;
    }
    Ok(Opening { report, opened: Some(opened) })
}

/// A file of a package as it was looked at: its name, its digest, and its documents with their places, if it is one of documents.
type Looked = (String, Sha256, Option<Result<Documents, shard::NotOne>>);

/// The documents of a file with their places in it, and themselves where there is room for them.
struct Documents {
    places: Vec<(Sha256, Range<usize>)>,
    held: Option<HeldFile>,
}

/// The files, if they have the one form and every document is what its name says.
fn unpack(mut source: Box<dyn Source>, at_once: u64, report: &mut AuditReport) -> Result<Option<Package>, FlowError> {
    let unread = |source| DiskError::new(Doing::Read, Path::new("the package"), source);
    let (mut digests, mut documents, mut shards) = (BTreeMap::new(), Vec::new(), Vec::new());
    let (mut findings, mut held) = (Vec::new(), Held::default());
    let room = AtomicU64::new(Held::room(source.seek(SeekFrom::End(0)).map_err(unread)?, at_once));
    let look = |name: &str, bytes: Vec<u8>| -> Looked {
        let digest = Sha256::of(&bytes);
        let documents = name.starts_with(EVIDENCE).then(|| {
            let read = shard::read(bytes)?;
            Ok(Documents { places: read.hashed().to_vec(), held: HeldFile::of(read, &room) })
        });
        (name.to_owned(), digest, documents)
    };
    let take = |(name, digest, looked): Looked| {
        digests.insert(name.clone(), digest);
        let found = match looked {
            None => return,
            Some(Err(wrong)) => return findings.push(wrong_shard(&name, &wrong)),
            Some(Ok(found)) => found,
        };
        let shard = u32::try_from(shards.len()).unwrap_or(u32::MAX);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        documents.extend(found.places.iter().map(|(digest, place)| Document {
            digest: *digest,
            shard,
            start: number(place.start),
            length: number(place.len()),
        }));
        if let Some(file) = found.held {
            held.hold(shard, file);
        }
        shards.push(name);
    };
    let opened = Packed::open_each(source, look, take);
    documents.shrink_to_fit();
    documents.sort_unstable_by_key(|document| (document.digest, document.shard));
    findings.extend(twice(&documents, &shards));
    match opened {
        Err(OpenError::Io(source)) => Err(unread(source).into()),
        Err(OpenError::Form(error)) => {
            let place = error.file().unwrap_or("the package").to_owned();
            report.line("package", vec![Finding::new(codes::PACKAGE_MALFORMED, error.to_string()).at(place)], "");
            Ok(None)
        }
        Ok(packed) => {
            let stop = !findings.is_empty();
            let package = Package::new(packed, Listed { digests, documents, shards }, held);
            report.unpacked(&package, findings);
            Ok((!stop).then_some(package))
        }
    }
}

/// Documents that stand in two files.
fn twice(documents: &[Document], shards: &[String]) -> Vec<Finding> {
    let again = documents.iter().zip(documents.iter().skip(1)).filter(|(one, other)| one.digest == other.digest);
    let mut again: Vec<&Document> = again.map(|(_, other)| other).collect();
    again.sort_by_key(|document| (document.shard, document.start));
    let name = |document: &Document| usize::try_from(document.shard).ok().and_then(|shard| shards.get(shard));
    let one = |document: &Document| {
        let what = "a document is in the package twice";
        let file = name(document).map_or("", String::as_str);
        Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(file).at(format!("document {}", document.digest))
    };
    again.into_iter().map(one).collect()
}

fn wrong_shard(name: &str, wrong: &shard::NotOne) -> Finding {
    let mut finding = Finding::new(codes::PACKAGE_FILE_ALTERED, wrong.what).at(name);
    if let Some(digest) = &wrong.digest {
        finding = finding.at(format!("document {digest}"));
    }
    match (&wrong.digest, &wrong.found) {
        (Some(digest), Some(found)) => finding.expected(digest.to_string(), "its name").found(found.to_string()),
        _ => finding,
    }
}

type LogOf = (LogState, VerifiedTrust, Time);

/// The log: its tiles, its checkpoint, its entries, and trust.
fn log_of(
    package: &Package,
    bad_tiles: Vec<Finding>,
    outside: Option<OutsideTrust<'_>>,
    report: &mut AuditReport,
) -> Result<Option<LogOf>, FlowError> {
    let files = LogIn(&package.packed);
    let whole = bad_tiles.is_empty();
    report.line("log-tiles", bad_tiles, "every tile of every level is what the entries make it");
    if !whole {
        return Ok(None);
    }
    let Some((checkpoint, entries)) = read_log(files, report) else { return Ok(None) };
    let at = match newest_time(&entries) {
        Ok(at) => at,
        Err(finding) => {
            report.line("log-entries", vec![finding], "");
            return Ok(None);
        }
    };
    let inside = package.file(TRUST)?.unwrap_or_default();
    let Some(trust) = trust(&inside, outside, at, report) else { return Ok(None) };
    if outside.is_some()
        && let Some(finding) = too_old(&checkpoint, &entries, &trust, package, at)
    {
        report.line("log-checkpoint", vec![finding], "");
        return Ok(None);
    }
    let recorded = outside.and_then(|outside| Recorded::of(&entries, &trust, outside.bytes, package));
    let judging = recorded.as_ref().map_or(&trust, Recorded::trust);
    let opened = LogState::open(&checkpoint, &entries, judging, package, at);
    report.checks.extend(opened.checks);
    report.findings.extend(opened.findings);
    if let Some(recorded) = &recorded {
        report.findings.extend(recorded.findings(&trust, &checkpoint, at));
    }
    Ok(opened.state.map(|state| (state, trust, at)))
}

/// What an index says: the scope, the files by digest, its version if that is another; and what is wrong with it.
#[derive(Default)]
struct IndexOf {
    scope: Scope,
    files: BTreeMap<String, Sha256>,
    other_version: Option<String>,
    findings: Vec<Finding>,
}

/// What the index says the package is, and whether its files are those. What the index says is not believed: the files that
/// it names are derived again where everything is checked.
fn index_of(package: &Package) -> Result<IndexOf, FlowError> {
    let altered = |path: &str, what: &str| Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(path);
    let bytes = package.file(INDEX)?.unwrap_or_default();
    let read = countersign_core::json::parse_as::<Value>(&bytes).ok();
    let part = |name: &str| read.as_ref().and_then(|value| value.get(name)).cloned().unwrap_or(Value::Null);
    let scope: Option<Scope> = serde_json::from_value(part("scope")).ok();
    let files: Option<BTreeMap<String, Sha256>> = serde_json::from_value(part("files")).ok();
    let (Some(scope), Some(index)) = (scope, files) else {
        let finding = altered(INDEX, "the index does not say what the package is");
        return Ok(IndexOf { findings: vec![finding], ..IndexOf::default() });
    };
    let schema = part("schema");
    let other_version =
        (schema != derive::SCHEMA).then(|| schema.as_str().map_or_else(|| schema.to_string(), str::to_owned));
    let mut findings = Vec::new();
    for name in package.names().filter(|name| *name != INDEX) {
        let known = [README, TRUST, PAGE, POLICIES, RANGE].contains(&name)
            || [EVIDENCE, POPULATIONS].iter().any(|folder| name.starts_with(folder))
            || is_of_log(name);
        if !known {
            findings.push(altered(name, "this file does not belong into a package"));
        } else if package.digest(name) != index.get(name) {
            findings.push(altered(name, "this file is not the one that the index names"));
        }
    }
    for name in index.keys().filter(|name| package.digest(name).is_none()) {
        findings.push(altered(name, "the index names this file, and it is not there"));
    }
    Ok(IndexOf { scope, files: index, other_version, findings })
}

/// What is in the package because it follows from the rest: made again, and compared. Gives the facts as well.
pub(super) fn derived_again(opened: &Opened) -> Result<(Derived, Vec<Finding>), FlowError> {
    let facts = opened.facts(opened.scope.window.clone());
    let derived = derive::of(&facts, &opened.scope, &|digest| opened.package.has(digest), false)?;
    if let Some(said) = &opened.other_version {
        let findings = older::compared(opened, &facts, &derived, said)?;
        return Ok((derived, findings));
    }
    let differ = derived.files.iter().filter(|(path, made)| opened.package.digest(path) != Some(&made.digest));
    let names: Vec<String> = differ.map(|(path, _)| path.clone()).collect();
    if opened.gathered().unread() && !names.is_empty() {
        // The version that knows those records makes other lists of them, whether somebody altered these or not.
        let what = "the log holds what a later version made: these files cannot be made again here, and were compared with nothing";
        let finding =
            Finding::new(codes::RECORD_LATER, what).help("run this with the version that the records name above");
        return Ok((derived, vec![older::places(finding, &names)]));
    }
    let mut findings = Vec::new();
    let altered = |path: &str, what: &str| Finding::new(codes::PACKAGE_FILE_ALTERED, what).at(path);
    for path in &names {
        findings.push(altered(path, "this file is not what the rest of the package makes it"));
    }
    let derived_name = |name: &str| [README, PAGE, POLICIES, RANGE].contains(&name) || name.starts_with(POPULATIONS);
    for name in opened.package.names().filter(|name| derived_name(name) && !derived.files.contains_key(*name)) {
        findings.push(altered(name, "this file does not belong into a package"));
    }
    let entries = opened.state.entries();
    let newest = entries.iter().rev().find(|entry| entry.kind == Kind::Trust).and_then(|entry| entry.statement());
    if opened.package.digest(TRUST) != newest {
        findings.push(altered(TRUST, "this is not the trust document that the log records last"));
    }
    let index = derived.index(&opened.index)?;
    if opened.package.digest(INDEX) != Some(&Sha256::of(&index)) {
        findings.push(altered(INDEX, "this file is not what the rest of the package makes it"));
    }
    Ok((derived, findings))
}

impl Opened {
    /// What the log says within a window.
    pub(super) fn facts(&self, window: Window) -> Facts<'_> {
        Facts::of(&self.state, &self.package, self.gathered(), window)
    }

    /// Whether its log goes on from the other's, which is shorter.
    pub(super) fn goes_on_from(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.state.now().reference(), other.state.now().reference());
        let then = self.state.at(theirs.size).map(|view| view.reference().root);
        ours.origin == theirs.origin && ours.size > theirs.size && then == Some(theirs.root)
    }

    /// Every decision, read once.
    pub(super) fn gathered(&self) -> &Gathered {
        self.gathered.get_or_init(|| Gathered::of(&self.state, &self.package))
    }

    /// Has it rest on decisions that were kept.
    pub(super) fn take_gathered(&mut self, gathered: Gathered) {
        self.gathered = OnceLock::from(gathered);
    }

    /// Whether they were read.
    pub(super) fn is_gathered(&self) -> bool {
        self.gathered.get().is_some()
    }

    /// The same, where somebody looks at each of them as well while it is read. If they were read already, nobody does.
    pub(super) fn gathered_with(&self, look: impl FnMut(&[Read])) -> &Gathered {
        self.gathered.get_or_init(|| Gathered::with(&self.state, &self.package, look))
    }

    /// By which form it is known what the package takes in.
    pub(super) fn form(&self) -> Form {
        derive::form(self.other_version.as_deref())
    }

    /// Whether what the decision at this index rests on is in the package by rule, so that it is run again.
    pub(super) fn wants(&self, index: u64) -> bool {
        self.scope.wants(index, self.form(), &self.state, self.gathered())
    }

    /// Whether the decision at this index is of the package's part, and not beside it.
    pub(super) fn of_part(&self, index: u64) -> bool {
        self.scope.of_part(index, &self.state, self.gathered())
    }

    /// Whether raw evidence was left out, so that decisions cannot be run again.
    pub(super) fn facts_only(&self) -> bool {
        self.scope.profile == Profile::FactsOnly
    }
}

/// What approvers overrode, with their reason: nobody has to look for it.
fn overridden(state: &LogState) -> Vec<Finding> {
    let all = history(state, None);
    let one = |activated: &Activated| {
        let activation = &activated.activation;
        let version = activated.release.reference().version;
        let who: Vec<String> = activated.activators.iter().map(ToString::to_string).collect();
        let of = |id: &RuleId| {
            let what =
                format!("for {}, release {version} overrode what is asked for rule {id}", activation.environment);
            Finding::new(codes::ROLLOUT_OVERRIDDEN, what).at(activated.place()).found(format!(
                "by {}: {}",
                who.join(", "),
                activation.reason.as_deref().unwrap_or("no reason")
            ))
        };
        activation.overrides.iter().map(of).collect::<Vec<_>>()
    };
    all.iter().flat_map(one).collect()
}

/// The backtest's reports that approvals name: how many, and what is wrong with them. `None` where there are none.
fn backtests(state: &LogState, blobs: &dyn Blobs) -> Option<(usize, Vec<Finding>)> {
    let activations = history(state, None);
    let named = activations.iter().filter_map(|active| Some((active, *active.release.backtest()?)));
    let mut findings = Vec::new();
    let mut count = 0_usize;
    for (active, digest) in named {
        count = count.saturating_add(1);
        let place = active.place();
        let log =
            state.now().chain().find(|log| active.log.as_ref().is_none_or(|origin| log.reference().origin == *origin));
        let entry = usize::try_from(active.entry).ok().and_then(|index| log?.entries().get(index));
        let recorded = entry.is_some_and(|entry| entry.evidence.contains(&digest));
        match named_blob(blobs, &digest).filter(|_| recorded) {
            None => findings.push(
                Finding::new(codes::BACKTEST_MISSING, "the backtest's report that the approvals name is not here")
                    .at(place)
                    .expected(digest.to_string(), "the approvals of the release"),
            ),
            Some(bytes) => match read_report(&bytes, &active.release.reference().digest, &place) {
                Err(FlowError::Refused(more)) => findings.extend(more),
                Err(error) => findings.push(Finding::new(codes::BACKTEST_REPORT, error.to_string()).at(place)),
                Ok(_) => {}
            },
        }
    }
    (count > 0).then_some((count, findings))
}

/// How many entries the log had when somebody else kept its checkpoint, if it goes on from that. One of a log that it goes on
/// from says nothing of this one's entries.
fn continues(state: &LogState, least: &[u8], trust: &VerifiedTrust, at: Time) -> Result<u64, Finding> {
    let then = |finding| if by_another_key(least, trust.trust()) { by_a_key_of_then(finding) } else { finding };
    let least =
        kept_checkpoint(least, &state.now(), trust.trust(), at).map_err(outside::of_what_was_given).map_err(then)?;
    state.now().continues(&least).map_err(|finding| in_a_package(finding, &least, state))?;
    Ok(if least.origin == state.now().reference().origin { least.size } else { 0 })
}

/// Whether a checkpoint reads and bears a line in the log's name by a key that trust does not name: one that was damaged has none.
fn by_another_key(checkpoint: &[u8], trust: &Trust) -> bool {
    let Ok(kept) = UnverifiedCheckpoint::parse(checkpoint) else { return false };
    let origin = &kept.claim().origin;
    let known = log_keys(trust, origin);
    let unknown = |id: [u8; 4]| known.iter().all(|key| key.id() != id);
    kept.note().signatures().iter().any(|line| line.name() == origin.as_str() && unknown(line.id()))
}

/// The auditor's trust may be older than the key that signed what was kept.
fn by_a_key_of_then(finding: Finding) -> Finding {
    if finding.code != codes::LOG_CHECKPOINT_INVALID {
        return finding;
    }
    finding.help("if it was kept after the log's key was changed, give the trust document that names the newer key; else nobody who may signed it")
}

/// A package is a copy of its day: one that ends before a checkpoint was made for that day, or was cut.
fn in_a_package(mut finding: Finding, least: &LogRef, state: &LogState) -> Finding {
    if finding.code == codes::LOG_ROLLED_BACK && least.origin == *state.now().origin() {
        finding.what = format!(
            "the package ends at entry {}, and the checkpoint that was kept has {} entries",
            state.size().saturating_sub(1),
            least.size
        );
        let help = "it was made before that checkpoint, or its end was cut off: ask for one that is no older; `audit diff` shows whether that goes on from this one";
        finding.help = Some(help.to_owned());
    }
    finding
}

/// Nothing from outside says how far the log had come: `kept` is what was kept, and where entries could be missing.
fn end_unproven(kept: &str) -> Finding {
    Finding::new(codes::LOG_END_UNPROVEN, "nothing from outside says how far the log had come")
        .expected("a checkpoint kept elsewhere, as new as the package", "--least-checkpoint")
        .found(format!("{kept} entries could be missing from the package"))
}

/// Trust from outside; without it, the newest in the package, for what that is worth.
fn trust(
    inside_bytes: &[u8],
    outside: Option<OutsideTrust<'_>>,
    at: Time,
    report: &mut AuditReport,
) -> Option<VerifiedTrust> {
    let (bytes, given, inside) = match outside {
        Some(OutsideTrust { bytes, digest }) => (bytes, digest, false),
        None => (inside_bytes, None, true),
    };
    let mut outcome = verify_trust(bytes, given, at);
    outcome.findings.iter_mut().for_each(outside::of_a_trust_document);
    // One that began to count after the log's newest entry is a later one, which the log may be judged by besides.
    if let Some(later) = outcome.trust.as_ref().map(|trust| trust.trust().not_before).filter(|begins| *begins > at) {
        outcome = verify_trust(bytes, given, later);
        outcome.findings.iter_mut().for_each(outside::of_a_trust_document);
    }
    report.checks.extend(outcome.checks.into_iter().filter(|check| !inside || check.id != "trust-digest"));
    if inside {
        let finding = Finding::new(
            codes::INTERNAL_CONSISTENCY_ONLY,
            "internal consistency only: trust was taken from the package itself, and proves nothing by itself",
        )
        .expected("a trust document and its digest from elsewhere", "the auditor")
        .found(outcome.trust.as_ref().map_or_else(|| "none".to_owned(), |t| t.digest().to_string()))
        .help("countersign audit verify FILE --trust trust.sigstore.json --trust-digest sha256:…");
        report.checks.push(Check::new("trust-digest", Verdict::Indeterminate, "internal consistency only"));
        report.findings.push(finding);
    }
    let not_given = |finding: &Finding| inside && finding.code == codes::TRUST_DIGEST_NOT_GIVEN;
    report.findings.extend(outcome.findings.into_iter().filter(|finding| !not_given(finding)));
    outcome.trust
}

fn bad_tiles(files: &LogIn<'_>) -> Vec<Finding> {
    let altered = |path: &str, what: String| Finding::new(codes::LOG_TILE_MISMATCH, what).at(format!("{LOG}{path}"));
    match verify_log(files).map_err(|error| error.below(Path::new(LOG))) {
        Err(error) => {
            vec![Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(format!("{LOG}checkpoint"))]
        }
        Ok(outcome) => {
            let beyond =
                outcome.beyond.iter().map(|path| altered(path, "the checkpoint does not cover this file".to_owned()));
            // A log in a folder keeps tiles of when it was shorter; a package holds each once, as wide as it is.
            let size = outcome.checkpoint.claim().size;
            let narrower = |path: &String| {
                let tile = Tile::from_path(path).ok();
                tile.is_some_and(|tile| {
                    tile.row().tile(tile.index(), size).is_some_and(|now| now.width() > tile.width())
                })
            };
            let listed = files.list().unwrap_or_default().into_iter().filter(narrower);
            let narrower = listed.map(|path| {
                Finding::new(codes::PACKAGE_FILE_ALTERED, "this file does not belong into a package")
                    .at(format!("{LOG}{path}"))
            });
            let bad = outcome.bad.iter().map(|bad| altered(&bad.path, bad.wrong.to_string()));
            bad.chain(beyond).chain(narrower).collect()
        }
    }
}

type LogBytes = (Vec<u8>, Vec<Vec<u8>>);

fn read_log(files: LogIn<'_>, report: &mut AuditReport) -> Option<LogBytes> {
    let read = LogReader::new(files).and_then(|reader| {
        let size = reader.checkpoint().claim().size;
        let entries = reader.entries(0..size).collect::<Result<Vec<_>, _>>()?;
        Ok((reader.checkpoint().note().to_string().into_bytes(), entries))
    });
    match read.map_err(|error| error.below(Path::new(LOG))) {
        Ok(log) => Some(log),
        Err(error) => {
            report.line("log", vec![Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(LOG)], "");
            None
        }
    }
}

/// The log's own time: by it keys and trust are judged, however many years later this is run.
fn newest_time(entries: &[Vec<u8>]) -> Result<Time, Finding> {
    let Some(newest) = entries.last() else {
        let what = "the log has no entry: there is nothing to prove";
        return Err(Finding::new(codes::DECISION_MISSING, what).at("log"));
    };
    let place = format!("log entry {}", entries.len().saturating_sub(1));
    Entry::parse(newest).map(|entry| entry.time).map_err(|error| error.finding(&place))
}
