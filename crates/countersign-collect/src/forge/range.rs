//! Which changes a range of commits came from, by the forge's own lists.

use super::ask::side_by_side;
use super::client::{Client, Reply};
use super::error::OnlineError;
use crate::git::{GitError, GitRepo};
use countersign_core::digest::Sha256;
use countersign_core::forge::{self, LinkedChange};
use countersign_core::git::{ObjectSource as _, Oid, SourceError, graph};
use countersign_core::ids::RefName;
use countersign_core::{json, limits};
use serde_json::Value;
use std::collections::BTreeSet;

/// How many pages of one commit's changes are read.
const PAGES: u32 = 20;

/// The changes of a range.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The numbers of those that landed on the branch, each once.
    pub numbers: BTreeSet<u64>,
    /// Commits on the branch that came with no change.
    pub without: Vec<Oid>,
}

/// The commits of `start..candidate` that the branch itself went through, newest first: from the candidate by first
/// parents, down to what `start` holds already.
pub fn landed(repo: &GitRepo, start: &str, candidate: &str) -> Result<Vec<Oid>, GitError> {
    let (start, candidate) = (repo.commit(start)?, repo.commit(candidate)?);
    let source = repo.objects();
    let within: BTreeSet<Oid> = graph::range(&source, &candidate, &start)?.into_iter().collect();
    let (mut commits, mut next) = (Vec::new(), Some(candidate));
    while let Some(commit) = next.filter(|commit| within.contains(commit)) {
        if commits.len() >= limits::GIT_RANGE_COMMITS {
            let what = "commits of one range";
            return Err(SourceError::TooMany { what, limit: limits::GIT_RANGE_COMMITS }.into());
        }
        next = source.commit(&commit)?.parents.first().copied();
        commits.push(commit);
    }
    Ok(commits)
}

/// The changes that the forge names for these commits, of those that landed on `target`.
pub fn changes(client: &Client<'_>, commits: &[Oid], target: &RefName) -> Result<Changes, OnlineError> {
    if commits.is_empty() {
        return Ok(Changes::default());
    }
    let home = repository_id(client)?;
    let found = side_by_side(commits, client.parallel(), |commit| of_commit(client, commit, target, home))?;
    let mut changes = Changes::default();
    for (commit, numbers) in commits.iter().zip(found) {
        if numbers.is_empty() {
            changes.without.push(*commit);
        }
        changes.numbers.extend(numbers);
    }
    Ok(changes)
}

/// The forge's number of the repository. Lists name changes of forks too, whose branches are called the same.
fn repository_id(client: &Client<'_>) -> Result<u64, OnlineError> {
    let name = format!("GET {}", client.place().root());
    let reply = client.get(&name)?;
    let refused = |why: String| OnlineError::Listing { name: name.clone(), why };
    if reply.status != 200 {
        return Err(refused(status(reply.status)));
    }
    let value = json::parse_within(&reply.body, limits::FORGE_ANSWER_BYTES).map_err(|e| refused(e.to_string()))?;
    value.get("id").and_then(Value::as_u64).ok_or_else(|| refused("the repository has no number".to_owned()))
}

fn of_commit(client: &Client<'_>, commit: &Oid, target: &RefName, home: u64) -> Result<BTreeSet<u64>, OnlineError> {
    let place = client.place();
    let (mut numbers, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for page in 1..=PAGES {
        let name = forge::commit_changes_request(place.kind(), place.path(), commit, page);
        let refused = |why: String| OnlineError::Listing { name: name.clone(), why };
        let reply = client.get(&name)?;
        if reply.status != 200 {
            return Err(refused(status(reply.status)));
        }
        let listed = forge::changes_of(place.kind(), &reply.body).map_err(|error| refused(error.to_string()))?;
        // A page that comes twice would hide the one that should have come in its place.
        if !listed.is_empty() && !seen.insert(Sha256::of(&reply.body)) {
            return Err(refused("a page that came before comes again".to_owned()));
        }
        let landed = |change: &LinkedChange| change.merged && change.repository == home && change.target == *target;
        numbers.extend(listed.iter().filter(|change| landed(change)).map(|change| change.number));
        if !goes_on(&reply) {
            return Ok(numbers);
        }
    }
    let name = forge::commit_changes_request(place.kind(), place.path(), commit, 1);
    Err(OnlineError::Listing { name, why: format!("the list goes on after {PAGES} pages") })
}

fn goes_on(reply: &Reply) -> bool {
    reply.next_page.is_some() || reply.link.as_deref().is_some_and(|link| link.contains("rel=\"next\""))
}

fn status(status: u16) -> String {
    match status {
        401 => "status 401: the forge does not know the credential".to_owned(),
        403 => "status 403: the credential may not read the repository's changes".to_owned(),
        404 => "status 404: the forge does not have the repository, or does not show it".to_owned(),
        422 => "status 422: the forge does not have this commit".to_owned(),
        other => format!("status {other}"),
    }
}
