//! Which changes a range of commits came from, by the forge's own lists.

use super::ask::side_by_side;
use super::client::{Client, Reply};
use super::error::OnlineError;
use crate::git::{GitError, GitRepo};
use countersign_core::digest::Sha256;
use countersign_core::git::{ObjectSource as _, Oid, SourceError, graph};
use countersign_core::ids::RefName;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::{json, limits};
use serde_json::Value;
use std::collections::BTreeSet;

/// How many pages of one commit's changes are read.
const PAGES: usize = 20;

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
    let branch = target.as_str().strip_prefix("refs/heads/").unwrap_or(target.as_str());
    let found = side_by_side(commits, client.parallel(), |commit| of_commit(client, commit, branch))?;
    let mut changes = Changes::default();
    for (commit, numbers) in commits.iter().zip(found) {
        if numbers.is_empty() {
            changes.without.push(*commit);
        }
        changes.numbers.extend(numbers);
    }
    Ok(changes)
}

fn of_commit(client: &Client<'_>, commit: &Oid, branch: &str) -> Result<BTreeSet<u64>, OnlineError> {
    let kind = client.place().kind();
    let list = match kind {
        ForgeKind::Github => format!("{}/commits/{commit}/pulls", client.place().root()),
        ForgeKind::Gitlab => format!("{}/repository/commits/{commit}/merge_requests", client.place().root()),
    };
    let (mut numbers, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for page in 1..=PAGES {
        let name = format!("GET {list}?per_page=100&page={page}");
        let refused = |why: &str| OnlineError::Listing { name: name.clone(), why: why.to_owned() };
        let reply = client.get(&name)?;
        if reply.status != 200 {
            return Err(refused(&status(reply.status)));
        }
        // A page that comes twice would hide the one that should have come in its place.
        let items = items(&reply).ok_or_else(|| refused("the answer is no list of changes"))?;
        if !items.is_empty() && !seen.insert(Sha256::of(&reply.body)) {
            return Err(refused("a page that came before comes again"));
        }
        for item in &items {
            let change = match kind {
                ForgeKind::Github => github(item, branch, client.place().path()),
                ForgeKind::Gitlab => gitlab(item, branch),
            };
            match change {
                Listed::Landed(number) => drop(numbers.insert(number)),
                Listed::Other => {}
                Listed::Unreadable => return Err(refused("an entry of the list is no change")),
            }
        }
        if !goes_on(&reply) {
            return Ok(numbers);
        }
    }
    let name = format!("GET {list}");
    Err(OnlineError::Listing { name, why: format!("the list goes on after {PAGES} pages") })
}

enum Listed {
    Landed(u64),
    Other,
    Unreadable,
}

/// A merged one, into this branch of this repository.
fn github(item: &Value, branch: &str, path: &str) -> Listed {
    let number = item.get("number").and_then(Value::as_u64);
    let merged = item.get("merged_at").map(Value::is_string);
    let base = item.pointer("/base/ref").and_then(Value::as_str);
    let home = item.pointer("/base/repo/full_name").and_then(Value::as_str);
    match (number, merged, base) {
        (Some(number), Some(merged), Some(base)) => {
            let here = home.is_none_or(|home| home.eq_ignore_ascii_case(path));
            if merged && base == branch && here { Listed::Landed(number) } else { Listed::Other }
        }
        _ => Listed::Unreadable,
    }
}

fn gitlab(item: &Value, branch: &str) -> Listed {
    let number = item.get("iid").and_then(Value::as_u64);
    let state = item.get("state").and_then(Value::as_str);
    let base = item.get("target_branch").and_then(Value::as_str);
    match (number, state, base) {
        (Some(number), Some(state), Some(base)) => {
            if state == "merged" && base == branch {
                Listed::Landed(number)
            } else {
                Listed::Other
            }
        }
        _ => Listed::Unreadable,
    }
}

fn items(reply: &Reply) -> Option<Vec<Value>> {
    let items: Vec<Value> = json::from_value(json::parse_within(&reply.body, limits::FORGE_ANSWER_BYTES).ok()?).ok()?;
    (items.len() <= limits::FORGE_ITEMS).then_some(items)
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
