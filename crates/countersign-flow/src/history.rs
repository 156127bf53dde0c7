//! Git history as evidence: the proof is rehearsed over the repository to learn which objects it reads, and those
//! objects, hashed again, are the evidence. What the gate and the auditor judge is the evidence alone.

use crate::error::FlowError;
use countersign_collect::git::GitRepo;
use countersign_core::digest::Sha256;
use countersign_core::forge::foreign;
use countersign_core::git::evidence::{Evidence, Facts};
use countersign_core::git::listing::Listings;
use countersign_core::git::source::Recording;
use countersign_core::git::{ObjectSource, Oid};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Kind;
use countersign_core::statement::review::Review;
use countersign_verify::{Evidence as Reviews, History};
use std::collections::{BTreeMap, BTreeSet};

/// What the evidence is to be about.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The repository's uri.
    pub repository: Uri,
    /// The branch that is reviewed.
    pub target_ref: RefName,
    /// The branch that it was cut from, if the policy names one.
    pub cut_from: Option<RefName>,
    /// The commit that was built.
    pub candidate: Oid,
    /// Where the range begins, as far as it is known.
    pub start: Option<Oid>,
    /// Heads that somebody reviewed: their listings are taken from the repository now.
    pub heads: BTreeSet<Oid>,
    /// Tags that somebody bound to a commit: what they name now is looked up.
    pub tags: BTreeSet<RefName>,
    /// Whether the refs that other tools keep records in are part of it.
    pub others: bool,
}

/// Collects the evidence that `proof` needs. It is run once over the repository, and what it read becomes the evidence.
pub fn collect(repo: &GitRepo, scope: &Scope, proof: impl FnOnce(&History<'_>)) -> Result<Vec<u8>, FlowError> {
    let seen = repo.facts()?;
    let source = repo.objects();
    let mut facts = Facts {
        format: seen.format,
        repository: scope.repository.clone(),
        ref_name: Some(scope.target_ref.clone()),
        candidate: scope.candidate,
        start: scope.start,
        cut_from: tip_of(repo, scope.cut_from.as_ref())?,
        shallow: seen.shallow || seen.partial,
        replace_refs: seen.replace_refs,
        grafts: seen.grafts,
        others: if scope.others { others(repo)? } else { BTreeMap::new() },
        listings: listings(&source, &scope.heads),
        tags: tags(repo, &scope.tags)?,
        unsound: BTreeMap::new(),
    };
    let recording = Recording::new(&source);
    proof(&History::rehearsal(&facts, &recording));
    facts.unsound = recording.unsound();
    let evidence = Evidence { facts, objects: recording.into_read() };
    evidence.encode().map_err(|error| FlowError::Evidence(error.to_string()))
}

/// The refs that other tools keep records in, as far as they are there.
fn others(repo: &GitRepo) -> Result<BTreeMap<RefName, Oid>, FlowError> {
    let mut out = BTreeMap::new();
    for name in foreign::REFS {
        let name = RefName::new(name).map_err(|error| FlowError::Usage(error.to_string()))?;
        if let Some(tip) = repo.resolve(&name)? {
            out.insert(name, tip);
        }
    }
    Ok(out)
}

/// Where a branch stands: itself, or as it was fetched from `origin`, as in the clones that CI makes.
fn tip_of(repo: &GitRepo, branch: Option<&RefName>) -> Result<Option<Oid>, FlowError> {
    let Some(branch) = branch else { return Ok(None) };
    if let Some(tip) = repo.resolve(branch)? {
        return Ok(Some(tip));
    }
    let fetched = branch.as_str().strip_prefix("refs/heads/").map(|name| format!("refs/remotes/origin/{name}"));
    match fetched.and_then(|name| RefName::new(&name).ok()) {
        Some(fetched) => Ok(repo.resolve(&fetched)?),
        None => Ok(None),
    }
}

/// The heads that verified reviews are about: their listings are signed, and are compared.
#[must_use]
pub fn reviewed_heads(evidence: &Reviews) -> BTreeSet<Oid> {
    evidence
        .of_kind(Kind::Review)
        .filter_map(|review| review.value().predicate_as::<Review>(Kind::Review).ok())
        .map(|review| review.head_commit)
        .collect()
}

/// A tag that is not there is left out; the proof says so.
fn tags(repo: &GitRepo, names: &BTreeSet<RefName>) -> Result<BTreeMap<RefName, Oid>, FlowError> {
    let mut found = BTreeMap::new();
    for name in names {
        if let Some(object) = repo.resolve(name)? {
            found.insert(name.clone(), object);
        }
    }
    Ok(found)
}

/// A head that is not in the repository has no listing; the proof says so.
fn listings(source: &dyn ObjectSource, heads: &BTreeSet<Oid>) -> BTreeMap<Oid, Sha256> {
    let mut listings = Listings::new(source);
    heads
        .iter()
        .filter_map(|head| {
            let tree = source.commit(head).ok()?.tree;
            Some((*head, listings.digest(&tree).ok()?))
        })
        .collect()
}
