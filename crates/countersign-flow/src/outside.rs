//! What is given from outside the reviewed repository: the trust document's digest and the least checkpoint. Nothing
//! inside can stand in for them.

use crate::error::{FlowError, before_log};
use crate::files;
use crate::place::Place;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::Origin;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use countersign_verify::StateView;
use countersign_verify::log::{ever_signed_checkpoint, kept_checkpoint};
use countersign_verify::trust::{TrustOutcome, verify_trust};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Trust as it was read, with the digest that was given for it.
#[derive(Debug)]
pub struct TrustFile {
    /// The file's bytes, as signed.
    pub bytes: Vec<u8>,
    /// The digest from outside, if one was given.
    pub given: Option<Sha256>,
    /// What came of checking it.
    pub outcome: TrustOutcome,
}

impl TrustFile {
    /// Reads and checks a signed trust document at a time.
    pub fn read(path: &Path, given: Option<Sha256>, at: Time) -> Result<Self, FlowError> {
        Ok(Self::of(path, files::read(path, limits::COLLECTION_BYTES)?, given, at))
    }

    /// The same of what was read of this file before.
    #[must_use]
    pub fn of(path: &Path, bytes: Vec<u8>, given: Option<Sha256>, at: Time) -> Self {
        let mut outcome = verify_trust(&bytes, given.as_ref(), at);
        if outcome.trust.is_none() {
            named(&mut outcome, path, &bytes);
        }
        Self { bytes, given, outcome }
    }
}

/// A document that does not hold is named by its file: nothing can be recorded under it.
fn named(outcome: &mut TrustOutcome, path: &Path, bytes: &[u8]) {
    let file = path.display().to_string();
    let signed = bytes.trim_ascii_start().first() == Some(&b'{');
    for finding in &mut outcome.findings {
        for place in finding.at.iter_mut().filter(|place| *place == "trust" || place.starts_with("trust,")) {
            *place = place.replacen("trust", &format!("trust {file}"), 1);
        }
        if !signed {
            "this is not a signed trust document".clone_into(&mut finding.what);
            finding.help = Some(format!(
                "have it signed, and give the signed file: `countersign trust sign {file} --key KEY --output trust.sigstore.json`"
            ));
        }
    }
}

/// What keeps a log from being written to: nothing from outside says how far it had come, it does not go on from there, or
/// the machine's time lies before its newest entry.
pub fn goes_on(
    view: StateView<'_>,
    least: Option<&Path>,
    place: &Place,
    trust: &Trust,
    at: Time,
) -> Result<Vec<Finding>, FlowError> {
    let mut findings = Vec::new();
    match least {
        None => findings.push(
            Finding::new(codes::ROLLBACK_UNDETECTABLE, "nothing from outside says how far the log had come")
                .expected("a checkpoint kept elsewhere", "--least-checkpoint or COUNTERSIGN_LEAST_CHECKPOINT")
                .found("none"),
        ),
        Some(path) => match least_checkpoint(path, place, Some(view), trust, at)? {
            Ok(least) => findings.extend(view.continues(&least).err()),
            Err(finding) => findings.push(finding),
        },
    }
    if let Some(newest) = view.newest_time().filter(|newest| at < *newest) {
        // Of a log that does not go on from what was kept that is told now: by the next time, somebody may have put another checkpoint there.
        if least.is_none() || findings.is_empty() {
            place.in_time(Some(newest), at)?;
        }
        findings.push(before_log(newest, at));
    }
    Ok(findings)
}

/// A log that is not there, of which a checkpoint was kept: it was set back to nothing, and is never begun anew.
#[must_use]
pub fn set_back(error: FlowError, least: Option<&Path>, place: &Place, trust: &Trust, at: Time) -> FlowError {
    let (FlowError::Log(LogError::Missing { .. }), Some(path)) = (&error, least) else { return error };
    match least_checkpoint(path, place, None, trust, at) {
        Ok(Ok(kept)) if kept.size > 0 => {
            let by = "the least checkpoint given from outside";
            FlowError::Refused(vec![gone(place, &kept.origin, kept.size, by)])
        }
        _ => error,
    }
}

/// That there is no log, of which so many entries were kept.
pub(crate) fn gone(place: &Place, origin: &Origin, size: u64, by: &str) -> Finding {
    Finding::new(codes::LOG_ROLLED_BACK, "there is no log here, and a checkpoint of it was kept")
        .at(format!("log {}", place.log_name()))
        .expected(format!("{origin}, at least {size} entries"), by)
        .found("no log")
        .help(
            "name its store with --store, or restore the log from a copy that is not older: a new one is not that log",
        )
}

/// Reads the least checkpoint: a checkpoint file of the log, kept elsewhere, whose signature has to hold as well. One that
/// lies in the store is set back together with it, and vouches for nothing.
pub fn least_checkpoint(
    path: &Path,
    place: &Place,
    view: Option<StateView<'_>>,
    trust: &Trust,
    at: Time,
) -> Result<Result<LogRef, Finding>, FlowError> {
    let bytes = read_least(path, place)?;
    // Where the log does not read, nobody can tell when it was as long as that.
    let read = view
        .map_or_else(|| ever_signed_checkpoint(&bytes, trust, at), |view| kept_checkpoint(&bytes, &view, trust, at));
    Ok(read.map_err(of_what_was_given))
}

/// A checkpoint that was given and does not read, or is of another log: it is that file that is wrong, and not the log.
pub(crate) fn of_what_was_given(mut finding: Finding) -> Finding {
    let wrong = [codes::LOG_CHECKPOINT_INVALID, codes::LOG_ORIGIN_MISMATCH];
    if wrong.contains(&finding.code) {
        finding.what = format!("the checkpoint that was given does not hold: {}", finding.what);
        finding.at = vec!["--least-checkpoint".to_owned()];
        finding = finding.help("give the file that was kept of this log, as it was written: it is that file that is wrong, and not the log");
    }
    finding
}

/// A trust document that does not read: what is signed is another file than the one that people write.
pub(crate) fn of_a_trust_document(finding: &mut Finding) {
    if finding.code == codes::BUNDLE_MALFORMED {
        finding.help =
            Some("name the signed document, as `countersign trust sign` writes it: trust.sigstore.json".to_owned());
    }
}

/// The bytes of the least checkpoint. Whoever looks at a log that others append to reads them before the log: what is kept goes
/// further with it.
pub fn read_least(path: &Path, place: &Place) -> Result<Vec<u8>, FlowError> {
    if let (Ok(file), Ok(store)) = (path.canonicalize(), place.root().canonicalize())
        && file.starts_with(&store)
    {
        let (file, store) = (path.display(), place.root().display());
        return Err(FlowError::Usage(format!(
            "the least checkpoint {file} lies in the store {store}, and would be set back together with it: keep it elsewhere"
        )));
    }
    // Nothing is not a checkpoint: whoever gave the file is told that it is not there.
    if let Some(kept) = kept_of(path, place)? {
        return Ok(kept);
    }
    let there = files::read_if_there(path, limits::NOTE_BYTES)?;
    there.ok_or_else(|| FlowError::LeastAbsent { path: path.to_owned() })
}

/// What is kept in this file, of a store that was fetched once the file had been looked at; nothing where no file was there then, or
/// where nobody looked.
///
/// What was kept before the store was fetched lies in it, or the log was set back. What was kept since may not lie in it yet: whoever only
/// reads goes by what was kept before, and whoever writes fetches the store once more. Only where that was done for what is kept now,
/// and the log still is behind it, the log was set back. What is kept since counts beside what was kept before, and never in its place:
/// of a log that is no longer that one, somebody may have put the checkpoint there.
pub(crate) fn kept_of(path: &Path, place: &Place) -> Result<Option<Vec<u8>>, FlowError> {
    if let Some(given) = place.given(path) {
        return Ok(Some(given.to_vec()));
    }
    let Some(before) = place.kept(path) else { return Ok(None) };
    let known = || Some(before.to_vec()).filter(|bytes| !bytes.is_empty());
    if place.only_reads() {
        return Ok(known());
    }
    // What lies there since, and says less or nothing, takes nothing back of what was kept before.
    let since = files::read_if_there(path, limits::NOTE_BYTES)?;
    let since = since.filter(|now| !now.trim_ascii().is_empty() && !is_newer(before, now));
    let Some(now) = since else { return Ok(known()) };
    if !before.trim_ascii().is_empty() && stands(place, before)? != Stands::Within {
        return Ok(known());
    }
    if stands(place, &now)? == Stands::Behind {
        return Err(LogError::Outrun { name: place.log_name() }.into());
    }
    Ok(Some(now))
}

/// Whether both are checkpoints of one log, and the first has more entries. Whether they are signed is judged where it counts.
pub(crate) fn is_newer(one: &[u8], other: &[u8]) -> bool {
    let (Ok(one), Ok(other)) = (UnverifiedCheckpoint::parse(one), UnverifiedCheckpoint::parse(other)) else {
        return false;
    };
    let (one, other) = (one.claim(), other.claim());
    one.origin == other.origin && one.size > other.size
}

/// How a log stands to a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It goes on from it.
    Within,
    /// It has fewer entries.
    Behind,
    /// The checkpoint is of another log, of other entries, or none at all.
    Apart,
}

/// How the log stands to what is kept. Whether that is signed is judged where it counts.
fn stands(place: &Place, kept: &[u8]) -> Result<Stands, FlowError> {
    let Ok(kept) = UnverifiedCheckpoint::parse(kept) else { return Ok(Stands::Apart) };
    let kept = kept.claim();
    let reader = match LogReader::open(&place.log()) {
        Ok(reader) => reader,
        Err(LogError::Missing { .. }) if kept.size > 0 => return Ok(Stands::Behind),
        Err(LogError::Missing { .. }) => return Ok(Stands::Within),
        Err(error) => return Err(place.told_of(error).into()),
    };
    let now = reader.checkpoint().claim();
    Ok(if now.origin != kept.origin {
        Stands::Apart
    } else if now.size < kept.size {
        Stands::Behind
    } else if reader.root_at(kept.size).map_err(|error| place.told_of(error))? == kept.root {
        Stands::Within
    } else {
        Stands::Apart
    })
}

/// What is kept in these files, for the store that is looked at next. Where it lies elsewhere it is fetched first, and what a gate
/// keeps meanwhile goes further than what was fetched. What cannot be read here is read again later, and told then; a pipe
/// gives what it has only once, and is left to whoever reads it ([`Place::with_given`]).
#[must_use]
pub fn kept_before(paths: &[Option<&Path>]) -> BTreeMap<PathBuf, Vec<u8>> {
    let before = |path: &Path| match std::fs::metadata(path) {
        Ok(found) if found.is_file() => files::read(path, limits::NOTE_BYTES).ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Vec::new()),
        _ => None,
    };
    paths.iter().copied().flatten().filter_map(|path| Some((path.to_owned(), before(path)?))).collect()
}
