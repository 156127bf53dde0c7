//! The story of one commit: what of a proof is about it.

use super::verify::Proof;
use crate::error::FlowError;
use crate::output::ReviewExplained;
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Finding, exit_of, verdict_of};
use countersign_core::git::Oid;
use std::collections::BTreeSet;
use std::path::Path;

/// A commit as somebody names it.
pub fn commit(repo: &Path, name: &str, programs: &Environment) -> Result<Oid, FlowError> {
    Ok(GitRepo::open(repo, programs)?.commit(name)?)
}

/// Takes from a proof what is about one commit of its range.
pub fn explain(proof: &Proof, more: &[Finding], commit: &Oid) -> Result<ReviewExplained, FlowError> {
    let row = proof.outcome.commits.iter().find(|row| row.commit == *commit);
    let all: Vec<&Finding> = proof.findings.iter().chain(&proof.outcome.findings).chain(more).collect();
    let change = row.and_then(|row| proof.outcome.changes.iter().find(|change| Some(change.head) == row.change));
    if row.is_none() && !proof.outcome.commits.is_empty() {
        let what = format!("{commit} is none of the {} commits of the range", proof.outcome.commits.len());
        return Err(FlowError::Usage(what));
    }
    // What is about one commit that belongs to no change is said of the commit that it came with: all of those count.
    let loose = |id: &Oid| proof.outcome.commits.iter().any(|row| row.commit == *id && row.change.is_none());
    let alone = row.is_none_or(|row| row.change.is_none());
    let mine = |id: &Oid| match change {
        Some(change) => *id == change.head || *id == change.landed,
        None => alone && loose(id),
    };
    let commits = proof.outcome.commits.iter().map(|row| row.commit);
    let heads = proof.outcome.changes.iter().flat_map(|change| [change.head, change.landed]);
    let (ours, others): (BTreeSet<Oid>, BTreeSet<Oid>) = commits.chain(heads).partition(|id| id == commit || mine(id));
    // A finding that names no commit of the range is about all of them.
    let names = |finding: &Finding, ids: &BTreeSet<Oid>| {
        let mut words = finding.at.iter().flat_map(|place| place.split(' '));
        words.any(|word| Oid::from_hex(word).is_ok_and(|id| ids.contains(&id)))
    };
    let about = |finding: &&Finding| names(finding, &ours) || !names(finding, &others);
    let (findings, elsewhere): (Vec<&Finding>, Vec<&Finding>) = all.into_iter().partition(about);
    let findings: Vec<Finding> = findings.into_iter().cloned().collect();
    let blocking = || findings.iter().filter(|finding| finding.class != Class::Note);
    Ok(ReviewExplained {
        verdict: verdict_of(&findings),
        commit: *commit,
        subject: row.map(|row| row.subject.clone()),
        change: change.cloned(),
        foreign: proof
            .outcome
            .foreign
            .iter()
            .filter(|row| row.commit.is_none_or(|id| ours.contains(&id)))
            .cloned()
            .collect(),
        next: blocking().filter_map(|finding| finding.help.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        elsewhere: elsewhere.iter().filter(|finding| finding.class != Class::Note).count(),
        evidence: Sha256::of(&proof.evidence),
        exit: exit_of(&findings),
        findings,
    })
}
