//! Who wrote a change. A header identifies nobody: an author is known by a signature of her own, or by the server's own
//! record of who pushed; and by nothing else.

use super::Question;
use super::foreign::Others;
use super::rows::{AuthorRow, Sighting};
use super::uploads::Uploads;
use countersign_core::git::commit::Identity;
use countersign_core::git::reach::Reach;
use countersign_core::git::{Commit, Oid, SourceError};
use countersign_core::ids::PersonId;
use countersign_core::statement::change_review::{AuthorRole, ChangeReview, EventKind};
use countersign_core::statement::review::Tier;
use countersign_core::trust::Trust;
use countersign_verify::ForgeChange;
use countersign_verify::history::{CommitSigner, commit_signer};
use std::collections::BTreeSet;

/// The effective authors of a change.
#[derive(Debug)]
pub(super) struct Authors {
    /// Each once, in order.
    pub rows: Vec<AuthorRow>,
    /// The tier of the evidence by which all of them are known persons of trust; `None` if one is not.
    pub known: Option<Tier>,
}

impl Authors {
    /// The row that keeps a person from approving, if there is one.
    pub(super) fn excluding(&self, person: &PersonId) -> Option<&AuthorRow> {
        self.rows.iter().find(|row| row.person.as_ref() == Some(person))
    }
}

/// The effective authors of these commits, each once, by signatures and by what forges recorded of the change. gittuf's log
/// of who uploaded what is asked only where it makes all of them known: somebody who is excluded for it costs nothing then.
pub(super) fn of(
    question: &Question<'_>,
    reach: &Reach,
    commits: &[Oid],
    before: &Oid,
    recorded: &[&ForgeChange],
    others: Option<&Others>,
) -> Result<Authors, SourceError> {
    let plain = read(question, reach, commits, before, recorded, None)?;
    let others = others.filter(|others| plain.known.is_none() && others.names_uploaders(question));
    if others.is_some() {
        let named = read(question, reach, commits, before, recorded, others)?;
        if named.known.is_some() {
            return Ok(named);
        }
    }
    Ok(plain)
}

fn read(
    question: &Question<'_>,
    reach: &Reach,
    commits: &[Oid],
    before: &Oid,
    recorded: &[&ForgeChange],
    others: Option<&Others>,
) -> Result<Authors, SourceError> {
    let mut rows = BTreeSet::new();
    let mut weakest = Tier::T3;
    let uploads = recorded
        .iter()
        .map(|recorded| Uploads::read(question.history.objects(), reach, recorded, commits, before))
        .collect::<Result<Vec<_>, _>>()?;
    for id in commits {
        weakest = weakest.min(commit(question, id, &uploads, others, &mut rows)?);
    }
    for recorded in recorded {
        let change = recorded.change();
        server_events(question, change, &mut rows);
        headers(question, change, &uploads, &mut rows)?;
    }
    let rows: Vec<AuthorRow> = rows.into_iter().collect();
    let known = !rows.is_empty() && rows.iter().all(|row| row.person.is_some());
    Ok(Authors { rows, known: known.then_some(weakest) })
}

/// Who wrote one commit. Gives the tier by which that is known, where it is.
fn commit(
    question: &Question<'_>,
    id: &Oid,
    uploads: &[Uploads<'_>],
    others: Option<&Others>,
    rows: &mut BTreeSet<AuthorRow>,
) -> Result<Tier, SourceError> {
    let commit = question.history.objects().commit(id)?;
    let trust = question.trust.trust();
    let short = short(id);
    let mut tier = Tier::T3;
    match commit_signer(&commit, question.trust, question.at) {
        CommitSigner::Person(person) => {
            rows.insert(row(Some(person), "author, known by commit signature".to_owned(), Sighting::Signature));
        }
        CommitSigner::Broken(why) => {
            let seen = format!("the signature of {short} does not hold: {why}");
            rows.insert(row(None, seen, Sighting::BrokenSignature));
        }
        unsigned @ (CommitSigner::Unsigned | CommitSigner::Unknown(_)) => {
            // The best record that shows who uploaded it; the record itself names them, below.
            let best = uploads.iter().filter(|u| u.covers(id)).map(Uploads::tier).max();
            if let Some(best) = best {
                tier = best;
            } else if let Some(person) = others.and_then(|others| others.uploader(id)) {
                tier = Tier::T1;
                let seen = format!("uploaded {short}, by gittuf's log that the person signed");
                rows.insert(row(Some(person.clone()), seen, Sighting::Gittuf));
            } else if let CommitSigner::Unknown(by) = unsigned {
                rows.insert(row(None, format!("commit {short} is signed by {by}"), Sighting::UnknownKey));
            } else {
                rows.insert(row(None, format!("commit {short} is not signed"), Sighting::Unsigned));
            }
        }
    }
    // Where a forge recorded the change, it says which accounts the headers name, and that is looked at instead.
    if uploads.is_empty() && differ(&commit) {
        let seen = format!("author of {short} is not its committer, and did not sign");
        rows.insert(row(None, seen, Sighting::Text));
    }
    for line in commit.co_authors() {
        rows.insert(row(None, format!("co-author by a trailer of {short}"), Sighting::Text));
        if let Some(person) = account_of(line, trust) {
            let seen = format!("co-author by a trailer of {short}, which excludes and does not identify");
            rows.insert(row(Some(person), seen, Sighting::Text));
        }
    }
    Ok(tier)
}

/// Who opened, pushed, or asked a robot for it: the server's own events.
fn server_events(question: &Question<'_>, change: &ChangeReview, rows: &mut BTreeSet<AuthorRow>) {
    let number = change.change.number;
    let listed = change.authors.iter().filter_map(|author| match author.role {
        AuthorRole::Opener => Some(("opened", author.account)),
        AuthorRole::Pusher => Some(("pushed to", author.account)),
        AuthorRole::Requester => Some(("asked a robot for", author.account)),
        AuthorRole::Author | AuthorRole::Committer | AuthorRole::CoAuthor => None,
    });
    let opened = change.events.iter().filter(|event| event.what == EventKind::Opened);
    let moved = change.events.iter().filter(|event| matches!(event.what, EventKind::Moved { .. }));
    let happened = opened.map(|event| ("opened", event.account)).chain(moved.map(|event| ("pushed to", event.account)));
    let (trust, host) = (question.trust.trust(), &change.repository.host);
    for (did, id) in listed.chain(happened) {
        let unknown = |who: String| row(None, format!("{who} {did} change {number}"), Sighting::Forge);
        let Some(id) = id else {
            rows.insert(unknown("an account that is gone".to_owned()));
            continue;
        };
        let Some((person, owned)) = trust.person_of(host, id) else {
            rows.insert(unknown(account(trust, host, id)));
            continue;
        };
        if !owned.counts_at(question.at) {
            rows.insert(unknown(format!("an account of {} that does not count", person.id)));
        }
        let seen = format!("{did} change {number}, by the forge's own record");
        rows.insert(row(Some(person.id.clone()), seen, Sighting::Forge));
    }
}

/// Whom the commits' texts name. That excludes; and whoever is named and neither pushed nor signed that commit is unknown.
fn headers(
    question: &Question<'_>,
    change: &ChangeReview,
    uploads: &[Uploads<'_>],
    rows: &mut BTreeSet<AuthorRow>,
) -> Result<(), SourceError> {
    let trust = question.trust.trust();
    let host = &change.repository.host;
    for author in &change.authors {
        let named = match author.role {
            AuthorRole::Author => "author",
            AuthorRole::Committer => "committer",
            AuthorRole::CoAuthor => "co-author",
            AuthorRole::Opener | AuthorRole::Pusher | AuthorRole::Requester => continue,
        };
        let person = author.account.and_then(|id| trust.person_of(host, id)).map(|(person, _)| person.id.clone());
        for id in &author.commits {
            if author.account.is_some_and(|account| uploads.iter().any(|u| u.by(id, account))) {
                continue;
            }
            let commit = super::changes::optional(question.history.objects().commit(id))?;
            let signer = commit.map(|commit| commit_signer(&commit, question.trust, question.at));
            if let (Some(CommitSigner::Person(signed)), Some(person)) = (&signer, &person)
                && signed == person
            {
                continue;
            }
            let seen = format!("{named} of {} by its text only", short(id));
            rows.insert(row(None, seen.clone(), Sighting::Text));
            if let Some(person) = &person {
                let seen = format!("{seen}, which excludes and does not identify");
                rows.insert(row(Some(person.clone()), seen, Sighting::Text));
            }
        }
    }
    Ok(())
}

fn row(person: Option<PersonId>, seen: String, by: Sighting) -> AuthorRow {
    AuthorRow { person, seen, by }
}

fn account(trust: &Trust, host: &str, id: u64) -> String {
    match trust.robot_of(host, id) {
        Some((robot, _)) => format!("robot {}", robot.name),
        None => format!("account {host}/{id}, which is nobody's in trust,"),
    }
}

fn differ(commit: &Commit) -> bool {
    commit.author.name != commit.committer.name || commit.author.email != commit.committer.email
}

fn short(id: &Oid) -> String {
    id.hex().chars().take(12).collect()
}

/// The person of a forge's no-reply address, `ID+LOGIN@users.noreply.github.com`: enough to keep somebody from approving,
/// never enough to say who wrote something.
fn account_of(line: &[u8], trust: &Trust) -> Option<PersonId> {
    let identity = Identity::parse(0, line).ok()?;
    let email = std::str::from_utf8(&identity.email).ok()?;
    let (local, host) = email.rsplit_once('@')?;
    let forge = host.strip_prefix("users.noreply.")?;
    let id: u64 = local.split_once('+')?.0.parse().ok()?;
    trust.person_of(forge, id).map(|(person, _)| person.id.clone())
}
