//! The proof for a range of commits, from evidence that was collected a moment before and from nothing else.

use crate::error::FlowError;
use crate::history::{self, Scope};
use crate::outside::TrustFile;
use countersign_collect::Environment;
use countersign_collect::git::{GitError, GitRepo};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::SourceError;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Kind;
use countersign_core::statement::provenance::Provenance;
use countersign_core::time::Time;
use countersign_decide::review::{self, BoundTag, Outcome, Parameters, Question};
use countersign_verify::forge::verify_changes;
use countersign_verify::{Blobs, Evidence, History, VerifiedTrust};
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
}

/// Captures that were handed in, by digest.
struct Captures<'a>(BTreeMap<Sha256, &'a Vec<u8>>);

impl<'a> Captures<'a> {
    fn of(captures: &'a [Vec<u8>]) -> Self {
        Self(captures.iter().map(|bytes| (Sha256::of(bytes), bytes)).collect())
    }
}

impl Blobs for Captures<'_> {
    fn blob(&self, digest: &Sha256) -> Option<Vec<u8>> {
        self.0.get(digest).map(|bytes| (*bytes).clone())
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
    let nothing = |findings| Proof { outcome: Outcome::default(), evidence: Vec::new(), findings };
    let Some(trust) = &request.trust.outcome.trust else { return Ok(nothing(findings)) };
    let reviews = Evidence::verify(request.documents, trust, request.at);
    findings.extend(reviews.findings().iter().cloned());
    let forge = verify_changes(&reviews, trust, &Captures::of(request.captures));
    findings.extend(forge.findings.iter().cloned());
    let Some(start) = request.start else {
        findings.push(
            Finding::new(codes::START_UNKNOWN, "nothing says where the range begins")
                .expected("START..CANDIDATE", "the command line")
                .found("no start")
                .help("name the last revision that is taken as it is"),
        );
        return Ok(nothing(findings));
    };
    let repo = GitRepo::open(request.repo, request.programs)?;
    let mut found = Vec::new();
    for name in [start, request.candidate] {
        match repo.commit(name) {
            Ok(id) => found.push(id),
            Err(GitError::Object(SourceError::Missing { id })) => {
                let shallow = repo.facts()?.shallow;
                let code = if shallow { codes::HISTORY_SHALLOW } else { codes::HISTORY_OBJECT_MISSING };
                findings.push(
                    Finding::new(code, format!("commit {id} is not in this clone"))
                        .at(request.repo.display().to_string())
                        .expected("the whole history", "the command line")
                        .found(if shallow { "a shallow clone" } else { "no such object" })
                        .help(if shallow { "git fetch --unshallow" } else { "git fetch" }),
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
    let [start, candidate] = found.as_slice() else { return Ok(nothing(findings)) };
    let (start, candidate) = (*start, *candidate);
    let tags = bound_tags(&reviews, request.repository);
    let scope = Scope {
        repository: request.repository.clone(),
        target_ref: request.target.clone(),
        cut_from: request.cut_from.cloned(),
        candidate,
        start: Some(start),
        heads: history::reviewed_heads(&reviews),
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
            start,
            landed: &BTreeMap::new(),
            tags: &tags,
            at: request.at,
            parameters: request.parameters,
            by: "the command line",
        })
    };
    let evidence = history::collect(&repo, &scope, |rehearsal| drop(ask(rehearsal, trust)))?;
    let parsed = GitEvidence::parse(&evidence).map_err(|error| FlowError::Evidence(error.to_string()))?;
    let outcome = ask(&History::of(&parsed), trust);
    Ok(Proof { outcome, evidence, findings })
}
