//! Reviews kept beside the commits that they are about, as git notes: pushed and fetched with ordinary git.
//!
//! A notes ref is a letter box: whoever may push to it can put something in. So what is in it and does not hold is passed
//! over, and said to be; it neither counts nor stands in anybody's way. But what somebody of trust said against a change is
//! never passed over, even where the key has ended since: the same person's approval with another key would count again.

use super::sign::SignedReview;
use crate::error::FlowError;
use countersign_collect::Environment;
use countersign_collect::git::{GitRepo, NOTES_REF};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::ids::RefName;
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_verify::document::verify_document;
use countersign_verify::{Roots, VerifiedTrust};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// How many lines that were passed over are named.
const NAMED: usize = 20;

/// Where a review was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Kept {
    /// The ref.
    pub reference: RefName,
    /// Its new commit.
    pub commit: Oid,
}

/// Keeps a signed review as a line of its head's note.
pub fn keep(repo: &Path, signed: &SignedReview, at: Time, programs: &Environment) -> Result<Kept, FlowError> {
    let reference = reference()?;
    let repo = GitRepo::open(repo, programs)?;
    let commit = repo.add_note(&reference, &signed.review.head_commit, &signed.document, at)?;
    Ok(Kept { reference, commit })
}

/// Which notes are read.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The repository on disk.
    pub repo: &'a Path,
    /// Reviews of commits that are part of this one's history are old, and are not read.
    pub since: Option<&'a str>,
    /// Trust.
    pub trust: &'a VerifiedTrust,
    /// The Sigstore roots that are at hand.
    pub roots: &'a Roots,
    /// The time at which keys have to count.
    pub at: Time,
    /// Variables for the programs that are run.
    pub programs: &'a Environment,
}

/// Reviews from notes.
#[derive(Debug, Default)]
pub struct Noted {
    /// Signed reviews that hold, and what was said against a change with a key of trust that does not count at the time.
    pub documents: Vec<Vec<u8>>,
    /// What there is to say about the rest.
    pub passed_over: Option<Finding>,
}

/// Reads the reviews of a repository's notes.
pub fn read(reading: &Reading<'_>) -> Result<Noted, FlowError> {
    let repo = GitRepo::open(reading.repo, reading.programs)?;
    let mut reviews: Vec<(Oid, Vec<u8>)> = Vec::new();
    let mut passed_over = Vec::new();
    for note in repo.notes(&reference()?)? {
        for line in note.text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            match review(line, reading) {
                Ok(head) => reviews.push((head, line.to_vec())),
                Err(why) => passed_over.push((note.commit, why)),
            }
        }
    }
    let heads: BTreeSet<Oid> =
        reviews.iter().map(|(head, _)| *head).chain(passed_over.iter().map(|(c, _)| *c)).collect();
    // A start that is not there is a finding of the proof; then nothing is old.
    let since = reading.since.and_then(|since| repo.commit(since).ok());
    let new = match since {
        Some(since) => repo.after(&since, &heads)?,
        None => heads,
    };
    reviews.retain(|(head, _)| new.contains(head));
    passed_over.retain(|(commit, _)| new.contains(commit));
    Ok(Noted { documents: reviews.into_iter().map(|(_, line)| line).collect(), passed_over: said(&passed_over) })
}

/// The head that a line reviews, if it is a review that is handed in.
fn review(line: &[u8], reading: &Reading<'_>) -> Result<Oid, String> {
    let signed = Signed::parse(line).map_err(|error| error.to_string())?;
    let statement = Statement::parse(&signed.payload).map_err(|error| error.to_string())?;
    let review: Review = statement.predicate_as(Kind::Review).map_err(|error| error.to_string())?;
    let Err(findings) = verify_document(&signed, reading.trust, reading.roots, reading.at, NOTES_REF) else {
        return Ok(review.head_commit);
    };
    let ended = findings.iter().all(|finding| finding.code == codes::KEY_NOT_VALID);
    if ended && review.decision != ReviewDecision::Approve {
        return Ok(review.head_commit);
    }
    Err(findings.into_iter().map(|finding| finding.what).next().unwrap_or_default())
}

fn said(passed_over: &[(Oid, String)]) -> Option<Finding> {
    if passed_over.is_empty() {
        return None;
    }
    let what = format!("lines of notes that do not count: {}", passed_over.len());
    let mut finding = Finding::new(codes::REVIEW_NOT_COUNTED, what).at(NOTES_REF);
    for (commit, why) in passed_over.iter().take(NAMED) {
        finding = finding.found(format!("note of {commit}: {why}"));
    }
    Some(finding)
}

/// Notes that went from one repository to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchanged {
    /// The remote.
    pub remote: String,
    /// The ref.
    pub reference: RefName,
    /// The commit of notes that this repository has now; absent where there are none.
    pub commit: Option<Oid>,
    /// How many commits have a note here now.
    pub notes: usize,
}

/// Fetches a remote's notes, and puts them together with those that are here. By the user's own git.
pub fn fetch(repo: &Path, remote: &str, at: Time, programs: &Environment) -> Result<Exchanged, FlowError> {
    let repo = GitRepo::open(repo, programs)?;
    repo.fetch_notes(programs, remote, &reference()?, at)?;
    exchanged(&repo, remote)
}

/// Pushes the notes that are here to a remote, together with those that others pushed meanwhile. By the user's own git.
pub fn push(repo: &Path, remote: &str, at: Time, programs: &Environment) -> Result<Exchanged, FlowError> {
    let repo = GitRepo::open(repo, programs)?;
    if repo.resolve(&reference()?)?.is_none() {
        let what = format!("{NOTES_REF} is not in this repository: `countersign review sign --notes` makes it");
        return Err(FlowError::Usage(what));
    }
    repo.push_notes(programs, remote, &reference()?, at)?;
    exchanged(&repo, remote)
}

fn exchanged(repo: &GitRepo, remote: &str) -> Result<Exchanged, FlowError> {
    let reference = reference()?;
    let commit = repo.resolve(&reference)?;
    let notes = repo.notes(&reference)?.len();
    Ok(Exchanged { remote: remote.to_owned(), reference, commit, notes })
}

fn reference() -> Result<RefName, FlowError> {
    RefName::new(NOTES_REF).map_err(|error| FlowError::Usage(error.to_string()))
}
