//! The proof for a range of commits, from evidence that was collected a moment before and from nothing else.

use super::previous::{self, Taken};
use crate::error::FlowError;
use crate::history::{self, Scope};
use crate::outside::TrustFile;
use countersign_collect::Environment;
use countersign_collect::git::{GitError, GitRepo};
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::git::{Oid, SourceError};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Kind;
use countersign_core::statement::change_review::ChangeReview;
use countersign_core::statement::provenance::Provenance;
use countersign_core::time::Time;
use countersign_decide::review::prefix::is_settled;
use countersign_decide::review::{self, BoundTag, Outcome, Parameters, Question, SourceLevel, source_level};
use countersign_decide::source::Grounds;
use countersign_verify::forge::verify_changes;
use countersign_verify::{Blobs, Evidence, History, VerifiedSource, VerifiedTrust};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is to be proved, and from what.
#[derive(Debug)]
pub struct VerifyRequest<'a> {
    /// The repository on disk.
    pub repo: &'a Path,
    /// Its uri.
    pub repository: &'a Uri,
    /// The branch.
    pub target: &'a RefName,
    /// The branch that it was cut from.
    pub cut_from: Option<&'a RefName>,
    /// Everything up to this commit is taken as it is; `None` is the first release.
    pub start: Option<&'a str>,
    /// The commit that is to be promoted.
    pub candidate: &'a str,
    /// Signed reviews.
    pub documents: &'a [Vec<u8>],
    /// Captures of forges' answers, which documents name.
    pub captures: &'a [Vec<u8>],
    /// What an earlier run said, to be gone on from: its source provenance and its summary.
    pub previous: Option<&'a [Vec<u8>]>,
    /// Trust.
    pub trust: &'a TrustFile,
    /// What is asked for.
    pub parameters: &'a Parameters,
    /// Variables for the programs that are run.
    pub programs: &'a Environment,
    /// The time.
    pub at: Time,
}

/// What was proved, and the evidence for it.
#[derive(Debug)]
pub struct Proof {
    /// What was proved.
    pub outcome: Outcome,
    /// The git evidence.
    pub evidence: Vec<u8>,
    /// Findings of trust and of the documents themselves.
    pub findings: Vec<Finding>,
    /// On what grounds, where there was something to prove.
    pub grounds: Option<Grounds>,
}

impl Proof {
    /// The level of the Source track that the newest revision reached, with what else was found.
    #[must_use]
    pub fn level(&self, more: &[Finding]) -> SourceLevel {
        let all: Vec<Finding> = self.findings.iter().chain(&self.outcome.findings).chain(more).cloned().collect();
        let previous = self.grounds.as_ref().and_then(|grounds| grounds.previous.as_ref());
        let nothing = || SourceLevel::nothing("there was nothing to prove");
        self.grounds.as_ref().map_or_else(nothing, |grounds| {
            source_level::of(&self.outcome, &all, &grounds.from, previous.map(VerifiedSource::controls))
        })
    }
}

/// Captures that were handed in, by digest.
struct Captures<'a>(BTreeMap<Sha256, &'a Vec<u8>>);

impl<'a> Captures<'a> {
    fn of(captures: &'a [Vec<u8>]) -> Self {
        Self(captures.iter().map(|bytes| (Sha256::of(bytes), bytes)).collect())
    }
}

impl Blobs for Captures<'_> {
    fn blob(&self, digest: &Sha256) -> Option<Blob> {
        self.0.get(digest).map(|bytes| Blob::of((*bytes).clone()))
    }
}

/// The tags of this repository that a builder of trust says it built.
fn bound_tags(evidence: &Evidence, repository: &Uri) -> Vec<BoundTag> {
    let mut bound = BTreeSet::new();
    for statement in evidence.of_kind(Kind::Provenance) {
        let Ok(provenance) = statement.value().predicate_as::<Provenance>(Kind::Provenance) else { continue };
        let source = provenance.source().ok().filter(|source| source.repository == repository.as_str());
        let by = format!("provenance {}", statement.document());
        bound.extend(source.and_then(|source| BoundTag::of_source(&source, &by)));
    }
    bound.into_iter().collect()
}

/// Proves a range. The repository is read once, to collect the evidence; the proof is over the evidence.
pub fn verify(request: &VerifyRequest<'_>) -> Result<Proof, FlowError> {
    let mut findings = request.trust.outcome.findings.clone();
    let nothing = |findings| Proof { outcome: Outcome::default(), evidence: Vec::new(), findings, grounds: None };
    let Some(trust) = &request.trust.outcome.trust else { return Ok(nothing(findings)) };
    let repo = match request.start {
        Some(_) => Some(GitRepo::open(request.repo, request.programs)?),
        None => None,
    };
    let (start, candidate) = match range(request, repo.as_ref())? {
        Ok(range) => range,
        Err(of_range) => {
            let evidence = previous::whole(request, trust).evidence;
            findings.extend(evidence.findings().iter().cloned());
            findings.extend(verify_changes(&evidence, trust, &Captures::of(request.captures)).findings);
            findings.extend(of_range);
            return Ok(nothing(findings));
        }
    };
    let Some(repo) = repo else { return Ok(nothing(findings)) };
    let taken = match request.previous {
        None => previous::whole(request, trust),
        Some(documents) => match previous::go_on(request, documents, trust, &repo, start, candidate)? {
            Ok(taken) => taken,
            Err(refused) => {
                findings.extend(refused);
                return Ok(nothing(findings));
            }
        },
    };
    let reviews = &taken.evidence;
    findings.extend(reviews.findings().iter().cloned());
    let forge = verify_changes(reviews, trust, &Captures::of(&taken.captures));
    findings.extend(forge.findings.iter().cloned());
    findings.extend(taken.again.iter().cloned());
    let tags = bound_tags(reviews, request.repository);
    let from = taken.after.as_ref().map_or(start, |previous| previous.provenance().revision);
    let landed_before = taken.after.as_ref().map(|previous| previous.provenance().landed.clone()).unwrap_or_default();
    let scope = Scope {
        repository: request.repository.clone(),
        target_ref: request.target.clone(),
        cut_from: request.cut_from.cloned(),
        candidate,
        start: Some(from),
        heads: history::reviewed_heads(reviews),
        tags: tags.iter().filter_map(BoundTag::reference).collect(),
        others: true,
    };
    let ask = |history: &History<'_>, trust: &VerifiedTrust| {
        review::prove(&Question {
            history,
            trust,
            reviews: reviews.of_kind(Kind::Review).collect(),
            changes: &forge.changes,
            against: &[],
            repository: request.repository,
            target_ref: request.target,
            cut_from: request.cut_from,
            candidate,
            start: from,
            landed: &landed_before,
            tags: &tags,
            at: request.at,
            parameters: request.parameters,
            by: "the command line",
        })
    };
    let evidence = history::collect(&repo, &scope, |rehearsal| drop(ask(rehearsal, trust)))?;
    let parsed = GitEvidence::parse(&evidence).map_err(|error| FlowError::Evidence(error.to_string()))?;
    let outcome = ask(&History::of(&parsed), trust);
    let mut grounds = Grounds {
        repository: request.repository.clone(),
        target_ref: request.target.clone(),
        revision: candidate,
        start,
        from,
        landed_before,
        settled: BTreeSet::new(),
        open: BTreeSet::new(),
        inputs: Vec::new(),
        trust: *trust.digest(),
        parameters: request.parameters.clone(),
        cut_from: request.cut_from.cloned(),
        git: Sha256::of(&evidence),
        time: request.at,
        previous: None,
    };
    settle(&mut grounds, &outcome, &taken, &forge.captures);
    grounds.previous = taken.after;
    Ok(Proof { outcome, evidence, findings, grounds: Some(grounds) })
}

/// Where the range begins and ends, as commits of this clone; or why that cannot be said.
fn range(request: &VerifyRequest<'_>, repo: Option<&GitRepo>) -> Result<Result<(Oid, Oid), Vec<Finding>>, FlowError> {
    let (Some(start), Some(repo)) = (request.start, repo) else {
        return Ok(Err(vec![
            Finding::new(codes::START_UNKNOWN, "nothing says where the range begins")
                .expected("START..CANDIDATE", "the command line")
                .found("no start")
                .help("name the last revision that is taken as it is"),
        ]));
    };
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for name in [start, request.candidate] {
        match repo.commit(name) {
            Ok(id) => found.push(id),
            Err(GitError::Object(SourceError::Missing { id })) => {
                let shallow = repo.facts()?.shallow;
                let code = if shallow { codes::HISTORY_SHALLOW } else { codes::HISTORY_OBJECT_MISSING };
                missing.push(
                    Finding::new(code, format!("commit {id} is not in this clone"))
                        .at(request.repo.display().to_string())
                        .expected("the whole history", "the command line")
                        .found(if shallow { "a shallow clone" } else { "no such object" })
                        .help(if shallow { "git fetch --unshallow" } else { "git fetch" }),
                );
            }
            // What a shallow clone was cut off from has no name in it either.
            Err(GitError::NoSuchRevision { name }) if repo.facts()?.shallow => missing.push(
                Finding::new(codes::HISTORY_SHALLOW, format!("{name} is not a commit of this shallow clone"))
                    .at(request.repo.display().to_string())
                    .expected("the whole history", "the command line")
                    .found("a shallow clone")
                    .help("git fetch --unshallow"),
            ),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(match found.as_slice() {
        [start, candidate] => Ok((*start, *candidate)),
        _ => Err(missing),
    })
}

/// Sorts the evidence: what is about changes that landed is settled, and the rest is open. With an earlier statement,
/// what that one settled stays so.
fn settle(grounds: &mut Grounds, outcome: &Outcome, taken: &Taken, captures: &[Sha256]) {
    let landed = grounds.landed(outcome);
    if let Some(previous) = &taken.after {
        grounds.settled.extend(&previous.provenance().evidence.settled);
    }
    let handed: BTreeSet<Sha256> = taken.captures.iter().map(|bytes| Sha256::of(bytes)).collect();
    let mut settled_captures = BTreeSet::new();
    for statement in taken.evidence.statements() {
        let Some(kind @ (Kind::Review | Kind::ChangeReview | Kind::Provenance)) = statement.value().kind() else {
            continue;
        };
        grounds.inputs.push((kind.word(), *statement.document()));
        // A tag that it binds has to be where it was each time, so it is never settled.
        if kind == Kind::Provenance {
            grounds.open.insert(*statement.document());
            continue;
        }
        let settled = is_settled(statement, &landed);
        if settled {
            grounds.settled.insert(*statement.document());
        } else {
            grounds.open.insert(*statement.document());
        }
        if settled && let Ok(change) = statement.value().predicate_as::<ChangeReview>(Kind::ChangeReview) {
            settled_captures.insert(change.capture);
        }
    }
    // A capture that no statement names is no evidence.
    for capture in captures.iter().filter(|capture| handed.contains(*capture)) {
        grounds.inputs.push(("forge-capture", *capture));
        if settled_captures.contains(capture) {
            grounds.settled.insert(*capture);
        } else {
            grounds.open.insert(*capture);
        }
    }
}
