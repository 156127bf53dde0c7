//! What a forge recorded of changes: read, signed by the collector, and written beside the answers that it rests on.

use crate::build;
use crate::error::FlowError;
use crate::output::{CollectedChange, ReviewCollected};
use countersign_collect::Environment;
use countersign_collect::forge::{Changes, Client, Common, Plan, capture, changes, landed, side_by_side};
use countersign_collect::git::GitRepo;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::Finding;
use countersign_core::forge::{self, Capture, ForgeError};
use countersign_core::ids::RefName;
use countersign_core::statement::change_review::ChangeReview;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_record::atomic::write_atomic;
use countersign_record::disk::DiskError;
use countersign_sign::SigningKey;
use std::path::{Path, PathBuf};

/// What is to be read, and where it goes.
#[derive(Debug)]
pub struct CollectRequest<'a> {
    /// Whom to ask.
    pub client: &'a Client<'a>,
    /// About which changes.
    pub which: Which<'a>,
    /// The branch that they landed on.
    pub target: &'a RefName,
    /// The collector's key.
    pub key: &'a SigningKey,
    /// The folder for statements and answers. It has to be there.
    pub dir: &'a Path,
    /// What to ask, and what the answers mean.
    pub reading: Reading,
}

/// Which changes.
#[derive(Debug)]
pub enum Which<'a> {
    /// These.
    Numbers(&'a [u64]),
    /// Those with which a range landed, by the forge's word.
    Range {
        /// The repository on disk.
        repo: &'a Path,
        /// Everything up to this commit is left out.
        start: &'a str,
        /// The last commit.
        candidate: &'a str,
        /// Variables for the programs that are run.
        programs: &'a Environment,
    },
}

/// What to ask, and what the answers mean.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// What is still to be asked.
    pub plan: Plan,
    /// What the answers amount to.
    pub derive: fn(&Capture) -> Result<ChangeReview, ForgeError>,
}

impl Default for Reading {
    /// Core's, which gate and auditor use as well.
    fn default() -> Self {
        Self { plan: forge::plan, derive: forge::derive }
    }
}

/// Reads, signs and writes. A change whose answers amount to nothing does not keep the others from being written.
pub fn collect(request: &CollectRequest<'_>) -> Result<ReviewCollected, FlowError> {
    let client = request.client;
    let found = match &request.which {
        Which::Numbers(numbers) => Changes { numbers: numbers.iter().copied().collect(), without: Vec::new() },
        Which::Range { repo, start, candidate, programs } => {
            let commits = landed(&GitRepo::open(repo, programs)?, start, candidate)?;
            changes(client, &commits, request.target)?
        }
    };
    let numbers: Vec<u64> = found.numbers.into_iter().collect();
    let common = Common::default();
    let read = side_by_side(&numbers, client.parallel(), |number| one(request, *number, &common))?;
    let exit = read.iter().map(|(_, exit)| *exit).fold(Exit::Ok, Exit::worse);
    // Nothing to read is not everything read.
    let exit = if read.is_empty() { exit.worse(Exit::Indeterminate) } else { exit };
    Ok(ReviewCollected {
        repository: client.place().repository().clone(),
        forge: client.place().kind(),
        host: client.place().host().to_owned(),
        changes: read.into_iter().map(|(change, _)| change).collect(),
        without: found.without,
        exit,
    })
}

fn one(request: &CollectRequest<'_>, number: u64, common: &Common) -> Result<(CollectedChange, Exit), FlowError> {
    let capture = capture(request.client, number, request.reading.plan, common)?;
    conclude(&capture, request.reading, request.key, request.dir)
}

/// Writes what answers amount to, signed, and the answers beside it.
pub(crate) fn conclude(
    capture: &Capture,
    reading: Reading,
    key: &SigningKey,
    dir: &Path,
) -> Result<(CollectedChange, Exit), FlowError> {
    let number = capture.head.change;
    let bytes = capture.encode()?;
    let digest = Sha256::of(&bytes);
    // The answers are kept even if they amount to nothing: they show why.
    write(&capture_path(dir, &digest), &bytes)?;
    let mut row = CollectedChange {
        number,
        url: None,
        state: None,
        head: None,
        result: None,
        reviews: 0,
        statement: None,
        bundle: None,
        capture: Some(digest),
        gaps: Vec::new(),
        shortfalls: Vec::new(),
        failed: None,
    };
    let review = match (reading.derive)(capture) {
        Ok(review) => review,
        Err(error) => {
            let exit = if matches!(error, ForgeError::NoChange { .. }) { Exit::Indeterminate } else { Exit::Untrusted };
            row.failed = Some(error.to_string());
            return Ok((row, exit));
        }
    };
    if review.capture != digest {
        let finding = Finding::new(codes::STATEMENT_MALFORMED, "the statement names other answers than were read")
            .at(format!("change {number}"));
        return Err(FlowError::Refused(vec![finding]));
    }
    let bundle = build::sign(&Statement::new(Kind::ChangeReview, subjects(&review), &review)?, key)?;
    let path = dir.join(format!("{number}.change-review.sigstore.json"));
    write(&path, &[bundle.as_slice(), b"\n"].concat())?;
    let short = review.shortfalls.iter().any(|shortfall| !shortfall.what.is_setting());
    row.url = Some(review.change.url);
    row.state = Some(review.state);
    row.head = Some(review.approved_head);
    row.result = review.result_commit;
    row.reviews = review.reviews.len();
    row.statement = Some(path.display().to_string());
    row.bundle = Some(Sha256::of(&bundle));
    row.gaps = review.observed.gaps;
    row.shortfalls = review.shortfalls;
    Ok((row, if short { Exit::Indeterminate } else { Exit::Ok }))
}

/// Where a capture is written.
pub(crate) fn capture_path(dir: &Path, digest: &Sha256) -> PathBuf {
    dir.join(format!("{}.capture", digest.hex()))
}

fn subjects(review: &ChangeReview) -> Vec<Subject> {
    let name = review.change.url.as_str();
    let mut commits = vec![review.approved_head];
    commits.extend(review.result_commit.filter(|result| *result != review.approved_head));
    commits.iter().map(|commit| Subject::git(name, "gitCommit", &commit.hex())).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    write_atomic(path, bytes, 0o644)
}
