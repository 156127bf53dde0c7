//! The commits of a pull request: whom their texts name, and what they grew from.

use super::pull::Who;
use crate::forge::ForgeError;
use crate::forge::build::People;
use crate::forge::pages::List;
use crate::forge::read::Node;
use crate::git::oid::Oid;
use crate::statement::change_review::{AuthorRole, Part, Shortfall};
use std::collections::BTreeSet;

/// GitHub's own account for commits that its pages make. It signs them, and nobody else can.
const WEB_FLOW: u64 = 19_864_447;
/// GitHub lists no more commits of a pull request.
const CAP: u64 = 250;

/// What the list of commits tells.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// The commits; empty if they are not all known.
    pub all: BTreeSet<Oid>,
    /// Parents of them that are not among them.
    pub grown_from: BTreeSet<Oid>,
}

/// Reads the list, and whom each commit names.
pub(super) fn read(
    list: &List,
    counted: Option<u64>,
    head: Oid,
    host: &str,
    people: &mut People,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Commits, ForgeError> {
    let items = list.items()?;
    let mut all = BTreeSet::new();
    let mut parents = BTreeSet::new();
    for item in &items {
        let id = item.oid("sha")?;
        all.insert(id);
        for parent in item.list("parents")? {
            parents.insert(parent.oid("sha")?);
        }
        named(*item, id, host, people)?;
    }
    let short = |why: String| Shortfall { what: Part::Commits, why };
    let found = list
        .shortfall(Part::Commits, "the commits of a change need contents:read and pull_requests:read")
        .or(list.repeats(Part::Commits, "sha")?)
        .or_else(|| {
            let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
            match counted {
                Some(counted) if counted > CAP => {
                    Some(short(format!("it has {counted} commits, and GitHub lists at most {CAP} of a change")))
                }
                None if count >= CAP => Some(short(format!("GitHub lists at most {CAP} commits of a change"))),
                Some(counted) if counted != count => Some(short(format!("{count} of {counted} commits are listed"))),
                _ if !all.contains(&head) => Some(short("the newest commit is not in the list".to_owned())),
                _ => None,
            }
        });
    if let Some(found) = found {
        shortfalls.push(found);
        return Ok(Commits::default());
    }
    let grown_from = parents.difference(&all).copied().collect();
    Ok(Commits { all, grown_from })
}

fn named(item: Node<'_>, id: Oid, host: &str, people: &mut People) -> Result<(), ForgeError> {
    let text = item.need("commit")?;
    let author = Who::read(item.get("author")?)?;
    let committer = Who::read(item.get("committer")?)?;
    for who in [&author, &committer] {
        people.learn(who.account, who.kind);
    }
    people.add(AuthorRole::Author, author.account, Some(id));
    let verified = match text.get("verification")? {
        Some(verification) => verification.opt_flag("verified")?.unwrap_or(false),
        None => false,
    };
    // Anybody can write GitHub's name into a commit; only GitHub can sign with it.
    if !(committer.account == Some(WEB_FLOW) && verified) {
        people.add(AuthorRole::Committer, committer.account, Some(id));
    }
    for account in co_authors(text.opt_text("message")?.unwrap_or_default(), host) {
        people.add(AuthorRole::CoAuthor, account, Some(id));
    }
    Ok(())
}

/// The co-authors that a message names: by number, if the address is a private one of this forge; else somebody.
pub(in crate::forge) fn co_authors(message: &str, host: &str) -> BTreeSet<Option<u64>> {
    let value = |line: &str| {
        let (key, value) = line.trim().split_once(':')?;
        key.trim().eq_ignore_ascii_case("co-authored-by").then(|| private_address(value, host, '+'))
    };
    message.lines().filter_map(value).collect()
}

/// The number in `Name <123+login@users.noreply.HOST>` or GitLab's `Name <123-login@users.noreply.HOST>`.
pub(in crate::forge) fn private_address(text: &str, host: &str, between: char) -> Option<u64> {
    let address = text.rsplit_once('<').map_or(text, |(_, rest)| rest);
    let address = address.split_once('>').map_or(address, |(address, _)| address).trim();
    let (local, domain) = address.rsplit_once('@')?;
    if !domain.to_ascii_lowercase().strip_prefix("users.noreply.")?.eq_ignore_ascii_case(host) {
        return None;
    }
    local.split_once(between)?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn co_authors_are_found_however_the_trailer_is_written() {
        let message = "Title\n\nCo-authored-by: A <5+a@users.noreply.github.com>\nCO-AUTHORED-BY : B <b@example.com>\n\
                       co-authored-by: C <6+c@users.noreply.evil.example>\nReviewed-by: D <7+d@users.noreply.github.com>\n";
        assert_eq!(co_authors(message, "github.com"), BTreeSet::from([None, Some(5)]));
        assert_eq!(private_address("a@users.noreply.github.com", "github.com", '+'), None);
        assert_eq!(private_address("12-ann@users.noreply.gitlab.com", "gitlab.com", '-'), Some(12));
    }
}
