//! Thousands of attestations in one run, on all cores. Each file is judged by itself: what it says is compared with the file of
//! that name beside it, and where there is none with its own subject; what it says of one artifact is judged together. An OCI layout is
//! compared with its image. What is no attestation and was compared with one is an artifact, and counted as such. Of what holds, counts are
//! kept; of what does not, the first findings.

mod beside;
mod room;
mod together;

use super::dependencies::HandedIn;
use super::inputs::{Below, Read, read_bytes, read_file, walk};
use super::{Expected, Subject, careless, check_with, oci};
use crate::error::FlowError;
use crate::files;
use beside::{Beside, may_have_one_beside};
use countersign_collect::artifact::Looked;
use countersign_core::bundle::BundleError;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::time::Time;
use countersign_core::{codes, limits};
use countersign_verify::attest::{Anchors, Wanted};
use room::Room;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use together::{Together, together};

/// How the run came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sum {
    /// Files that were looked at.
    pub files: usize,
    /// Files that are no attestations, but artifacts that have one beside them.
    pub artifacts: usize,
    /// Attestations in them.
    pub attestations: usize,
    /// Attestations that hold.
    pub held: usize,
    /// Files in which something does not hold.
    pub refused: usize,
    /// How often each code was found.
    pub codes: BTreeMap<String, usize>,
    /// Those of them for which something was refused, and not only noted.
    #[serde(skip)]
    pub reasons: BTreeMap<String, usize>,
    /// How many attestations each signer made.
    pub signers: BTreeMap<String, usize>,
    /// The first of what was found.
    pub findings: Vec<Finding>,
    /// What is only noted, until it is known how much room refusals leave.
    #[serde(skip)]
    notes: Vec<Finding>,
    /// Whether more was found than is listed.
    pub more: bool,
    /// How the run ends.
    pub exit: Exit,
}

impl Sum {
    fn new(files: usize) -> Self {
        Self {
            files,
            artifacts: 0,
            attestations: 0,
            held: 0,
            refused: 0,
            codes: BTreeMap::new(),
            reasons: BTreeMap::new(),
            signers: BTreeMap::new(),
            findings: Vec::new(),
            notes: Vec::new(),
            more: false,
            exit: Exit::Ok,
        }
    }

    /// What nobody looked at is said.
    fn passed_over(&mut self, hidden: &[PathBuf]) {
        let Some(first) = hidden.first() else { return };
        let what = format!("{} hidden file(s) or folder(s) were passed over", hidden.len());
        let mut finding = Finding::new(codes::FILES_PASSED_OVER, what);
        for path in hidden.iter().take(PLACES) {
            finding = finding.at(path.display().to_string());
        }
        let help = format!("where it is an attestation: `countersign verify … --bundle {}`", first.display());
        self.say(finding.help(help));
    }

    /// What was found beside the files.
    fn say(&mut self, finding: Finding) {
        self.take(Judged { findings: vec![finding], ..Judged::default() });
    }

    /// One of the files is an artifact.
    fn count_artifact(&mut self) {
        self.files = self.files.saturating_sub(1);
        self.artifacts = self.artifacts.saturating_add(1);
    }

    fn take(&mut self, judged: Judged) {
        self.attestations = self.attestations.saturating_add(judged.attestations);
        self.held = self.held.saturating_add(judged.signers.len());
        let exit = exit_of(&judged.findings);
        if exit != Exit::Ok {
            self.refused = self.refused.saturating_add(1);
        }
        self.exit = self.exit.worse(exit);
        for signer in judged.signers {
            // What is past the bound is counted together, so that a folder of strangers does not fill the memory.
            let full = self.signers.len() >= limits::VERIFY_LISTED && !self.signers.contains_key(&signer);
            let signer = if full { "others".to_owned() } else { signer };
            let count = self.signers.entry(signer).or_default();
            *count = count.saturating_add(1);
        }
        for finding in judged.findings {
            let counts = [Some(&mut self.codes), finding.class.blocks().then_some(&mut self.reasons)];
            for counts in counts.into_iter().flatten() {
                let count = counts.entry(finding.code.to_string()).or_default();
                *count = count.saturating_add(1);
            }
            let list = if finding.class.blocks() { &mut self.findings } else { &mut self.notes };
            if list.len() < limits::VERIFY_LISTED { list.push(finding) } else { self.more = true }
        }
    }

    /// With what is noted behind what is refused, as far as there is room: thousands of notes hide no refusal.
    fn listed(mut self) -> Self {
        let room = limits::VERIFY_LISTED.saturating_sub(self.findings.len());
        self.more |= self.notes.len() > room;
        self.findings.extend(self.notes.drain(..).take(room));
        self
    }
}

/// How many of them are named.
const PLACES: usize = 10;

/// By what each file is judged.
#[derive(Clone, Copy)]
struct By<'b> {
    anchors: &'b Anchors,
    expected: &'b Expected,
    /// Summaries of what it was made from, verified once for the whole run.
    dependencies: &'b HandedIn<'b>,
    /// What all workers together have in hand.
    room: &'b Room,
    at: Time,
}

/// What came of one file.
#[derive(Default)]
struct Judged {
    place: String,
    attestations: usize,
    /// The file that it was compared with.
    about: Option<PathBuf>,
    /// Where it is no attestation and, by the names, has one beside it: the file. It is an artifact if that was compared with it.
    unread: Option<PathBuf>,
    /// Of each attestation that holds.
    signers: Vec<String>,
    findings: Vec<Finding>,
}

/// What was judged so far, in the order of the names, so that two runs say the same.
struct Run {
    sum: Sum,
    /// Files that are no attestations, until one turns up that was compared with them: its name comes behind theirs.
    unread: BTreeMap<PathBuf, Judged>,
}

impl Run {
    fn take(&mut self, mut judged: Judged) {
        if judged.about.take().is_some_and(|file| self.unread.remove(&file).is_some()) {
            self.sum.count_artifact();
        }
        if let Some(file) = judged.unread.take() {
            self.unread.insert(file, judged);
        } else {
            self.sum.take(judged);
        }
    }

    /// What nothing was compared with is no artifact: it is refused as what it was read as.
    fn end(mut self) -> Sum {
        for judged in self.unread.into_values() {
            self.sum.take(judged);
        }
        self.sum
    }
}

/// Checks every file below a folder; summaries of dependencies count for each of them. `progress` is told how many are done.
pub fn check_all(
    folder: &Path,
    anchors: &Anchors,
    expected: &Expected,
    dependencies: &[Read],
    at: Time,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Sum, FlowError> {
    let below = if oci::is_layout(folder) {
        Below { files: vec![folder.to_owned()], ..Below::default() }
    } else {
        walk(folder)?
    };
    let dependencies = &HandedIn::new(dependencies, anchors, expected, at);
    let by = By { anchors, expected, dependencies, room: &Room::default(), at };
    let paths = below.files;
    let mut sum = Sum::new(paths.len());
    for finding in careless(expected) {
        sum.say(finding);
    }
    sum.passed_over(&below.hidden);
    for path in &below.odd {
        sum.files = sum.files.saturating_add(1);
        let what = "this is neither a file nor a folder, and was not opened";
        sum.say(Finding::new(codes::BUNDLE_MALFORMED, what).at(path.display().to_string()));
    }
    let mut run = Run { sum, unread: BTreeMap::new() };
    // Twice as many as there are cores: while one waits for the disk, another has the core.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = cores.saturating_mul(2).min(paths.len().max(1));
    let next = AtomicUsize::new(0);
    // Bounded, so that a fast reader waits for a slow one and the memory stays flat.
    let (send, receive) = mpsc::sync_channel::<(usize, Vec<Judged>)>(workers.saturating_mul(4));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (send, next, paths) = (send.clone(), &next, &paths);
            scope.spawn(move || {
                while let Some((first, some)) = take(next, paths) {
                    let judged = some.iter().map(|path| judge(path, by)).collect();
                    if send.send((first, judged)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut waiting: BTreeMap<usize, Vec<Judged>> = BTreeMap::new();
        let (mut turn, mut done) = (0_usize, 0_usize);
        for (first, judged) in receive {
            done = done.saturating_add(judged.len());
            progress(done, paths.len());
            waiting.insert(first, judged);
            while let Some(judged) = waiting.remove(&turn) {
                turn = turn.saturating_add(judged.len());
                for one in judged {
                    run.take(one);
                }
            }
        }
        for judged in waiting.into_values().flatten() {
            run.take(judged);
        }
    });
    let mut sum = run.end();
    if sum.held == 0 && sum.exit == Exit::Ok {
        let what = "no attestation in the folder holds: nothing is not success";
        sum.say(Finding::new(codes::NO_STATEMENTS, what).at(folder.display().to_string()));
        sum.refused = 0;
    }
    Ok(sum.listed())
}

/// The next few files: whoever collects is woken once for all of them.
fn take<'p>(next: &AtomicUsize, paths: &'p [PathBuf]) -> Option<(usize, &'p [PathBuf])> {
    let first = next.fetch_add(TOGETHER, Ordering::Relaxed);
    let rest = paths.get(first..).filter(|rest| !rest.is_empty())?;
    Some((first, rest.get(..TOGETHER).unwrap_or(rest)))
}

/// How many files a worker takes at once.
const TOGETHER: usize = 16;

fn judge(path: &Path, by: By<'_>) -> Judged {
    let mut out = Judged { place: path.display().to_string(), ..Judged::default() };
    let judged = if path.is_dir() { layout(path, by, &mut out) } else { file(path, by, &mut out) };
    if let Err(error) = judged {
        out.findings = refusals(error, &out.place);
        out.unread = may_have_one_beside(path).then(|| path.to_owned());
    }
    out
}

/// Why something is refused.
fn refusals(error: FlowError, place: &str) -> Vec<Finding> {
    let FlowError::Refused(findings) = error else {
        return placed(vec![Finding::new(codes::BUNDLE_MALFORMED, error.to_string())], place);
    };
    placed(findings, place)
}

/// Fails where it cannot be read as attestations.
fn file(path: &Path, by: By<'_>, out: &mut Judged) -> Result<(), FlowError> {
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    if size > u64::try_from(limits::DOCUMENT_BYTES).unwrap_or(u64::MAX) {
        return lines(path, by, out);
    }
    let _taken = by.room.take(usize::try_from(size).unwrap_or(usize::MAX));
    let read = read_file(path, false)?;
    let whole = read.iter().any(|one| one.attestation.payload.is_none());
    let beside = Beside::read(path, if whole { limits::SIGNED_FILE_BYTES } else { 0 });
    hold(read, beside.looked.as_ref(), by, out);
    doubted(beside, out);
    Ok(())
}

/// Of a file that may not be what is used by now nothing holds, whatever was read of it.
fn doubted(beside: Beside, out: &mut Judged) {
    if exit_of(&beside.doubts) != Exit::Ok {
        out.signers.clear();
    }
    out.findings.extend(beside.doubts);
    out.about = beside.file;
}

/// A file that is too large for one document holds lines. They are judged as they are read, so that the memory stays flat.
fn lines(path: &Path, by: By<'_>, out: &mut Judged) -> Result<(), FlowError> {
    let mut count = 0_usize;
    let beside = Beside::read(path, limits::SIGNED_FILE_BYTES);
    let judged = files::each_line(path, (limits::DOCUMENT_BYTES, limits::COLLECTION_BYTES), |number, line| {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let refused =
            |what: String| FlowError::Refused(vec![Finding::new(codes::BUNDLE_MALFORMED, what).at(out.place.as_str())]);
        count = count.saturating_add(1);
        if count > limits::COLLECTION_ITEMS {
            return Err(refused(format!("more than {} bundles in one file", limits::COLLECTION_ITEMS)));
        }
        let _taken = by.room.take(line.len());
        hold(read_bytes(line, &format!("{}, line {number}", out.place), false)?, beside.looked.as_ref(), by, out);
        Ok(())
    });
    // A file that holds nothing is refused however large it is.
    let judged = judged.and_then(|()| {
        let none = || Finding::new(BundleError::Empty.code(), BundleError::Empty.to_string()).at(out.place.as_str());
        if count == 0 { Err(FlowError::Refused(vec![none()])) } else { Ok(()) }
    });
    // A file of which one line cannot be read is refused whole, as a smaller one is.
    if judged.is_err() {
        out.attestations = 0;
        out.signers.clear();
    } else {
        doubted(beside, out);
    }
    judged
}

/// An OCI layout is its own artifact: what is attached in it has to be about its image.
fn layout(path: &Path, by: By<'_>, out: &mut Judged) -> Result<(), FlowError> {
    let _taken = by.room.take(oci::documents(path));
    let read = oci::attestations(path)?;
    out.attestations = read.len();
    let image = oci::image(path)?;
    let wanted = Wanted { sha256: Some(image.digest), ..Wanted::default() };
    let subject = Subject { name: &out.place, named: false, wanted };
    let outcome = check_with(&subject, &read, by.dependencies, by.anchors, by.expected, by.at);
    out.findings = placed(outcome.checked.findings, &out.place);
    out.findings.extend(image.incomplete);
    if exit_of(&out.findings) == Exit::Ok {
        out.signers = outcome.held.iter().map(|held| held.signers.join(" and ")).collect();
    }
    Ok(())
}

/// Judges what was read of one file, each with what is judged together with it.
fn hold(read: Vec<Read>, beside: Option<&Looked>, by: By<'_>, out: &mut Judged) {
    out.attestations = out.attestations.saturating_add(read.len());
    for group in together(read, beside.is_some()) {
        let (signers, findings) = judge_together(&group, beside, by);
        out.signers.extend(signers);
        out.findings.extend(findings);
    }
}

fn judge_together(group: &Together, beside: Option<&Looked>, by: By<'_>) -> (Vec<String>, Vec<Finding>) {
    let Some(first) = group.read.first() else { return (Vec::new(), Vec::new()) };
    let wanted = match beside {
        Some(file) => Wanted { sha256: Some(file.sha256), sha512: Some(file.sha512), bytes: file.bytes.as_deref() },
        None => Wanted { sha256: group.own.sha256, sha512: group.own.sha512, bytes: None },
    };
    // The file has a name of its own, and a registry's rules for it.
    let name = beside.map_or(first.place.as_str(), |file| file.name.as_str());
    let subject = Subject { name, named: beside.is_some(), wanted };
    let outcome = check_with(&subject, &group.read, by.dependencies, by.anchors, by.expected, by.at);
    // What is said of all of them together names the file.
    let place = if group.read.len() == 1 { &first.place } else { &first.file };
    let mut findings = placed(outcome.checked.findings, place);
    // Who signed was judged first, as of everything.
    if beside.is_none() && group.is_over_an_absent_file() {
        findings = findings.into_iter().map(lay_beside).collect();
    }
    let holds = exit_of(&findings) == Exit::Ok;
    let signers = outcome.held.iter().filter(|_| holds).map(|held| held.signers.join(" and "));
    (signers.collect(), findings)
}

/// That there is nothing to compare a signature over a file with, with what helps.
fn lay_beside(finding: Finding) -> Finding {
    if ![codes::SUBJECT_MISMATCH, codes::SIGSTORE_UNSUPPORTED].contains(&finding.code) {
        return finding;
    }
    let what = "this signature is over a file, and names it by no SHA-256: it is compared with the file alone";
    let said = Finding::new(codes::SIGSTORE_UNSUPPORTED, what)
        .expected("the file beside it, or its SHA-256 in the bundle", "countersign")
        .help("lay the file beside it: `app` beside `app.sigstore.json`");
    finding.at.into_iter().fold(said, Finding::at)
}

/// As they are kept of each file, with a place for what has none: of thousands of files nobody would know which is meant.
fn placed(findings: Vec<Finding>, place: &str) -> Vec<Finding> {
    let place = |finding: Finding| if finding.at.is_empty() { finding.at(place) } else { finding };
    findings.into_iter().map(|finding| place(finding.kept())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_layout_waits_for_room_for_its_documents_and_takes_none_for_what_is_never_in_memory() {
        let folder = std::env::temp_dir().join(format!("countersign-layout-{}", std::process::id()));
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(folder.join("index.json"), "{}").unwrap();
        std::fs::write(folder.join("oci-layout"), "{}").unwrap();
        for (name, content) in
            [("attestation", "{\"a\":1}"), ("lines", "\n[]"), ("layer", "\x1f and more"), ("empty", "")]
        {
            std::fs::write(blobs.join(name), content).unwrap();
        }
        assert_eq!(oci::documents(&folder), 2 + 7 + 3);
        let (anchors, expected) = (Anchors { roots: Vec::new(), keys: Vec::new() }, Expected::default());
        let at = "2026-03-01T12:00:00Z".parse().unwrap();
        let dependencies = HandedIn::new(&[], &anchors, &expected, at);
        let room = Room::default();
        let by = By { anchors: &anchors, expected: &expected, dependencies: &dependencies, room: &room, at };
        let held = room.take(limits::VERIFY_BYTES_AT_ONCE);
        std::thread::scope(|scope| {
            let judging = scope.spawn(|| judge(&folder, by));
            std::thread::sleep(Duration::from_millis(100));
            let waits = !judging.is_finished();
            drop(held);
            assert!(judging.join().unwrap().findings[0].what.contains("holds 0 images"));
            assert!(waits);
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
