//! Who wrote a change. A header identifies nobody: an author is known by a signature of her own, and by nothing else here.

use super::Question;
use super::rows::AuthorRow;
use countersign_core::git::commit::Identity;
use countersign_core::git::{Commit, Oid, SourceError};
use countersign_core::ids::PersonId;
use countersign_core::trust::Trust;
use countersign_verify::history::{CommitSigner, commit_signer};
use std::collections::BTreeSet;

/// The effective authors of these commits, each once.
pub(super) fn of(question: &Question<'_>, commits: &[Oid]) -> Result<Vec<AuthorRow>, SourceError> {
    let source = question.history.objects();
    let mut rows = BTreeSet::new();
    for id in commits {
        let commit = source.commit(id)?;
        let short = id.hex().chars().take(12).collect::<String>();
        rows.insert(signer(question, &commit, &short));
        if commit.author.name != commit.committer.name || commit.author.email != commit.committer.email {
            let seen = format!("author of {short} is not its committer, and did not sign");
            rows.insert(AuthorRow { person: None, seen });
        }
        for line in commit.co_authors() {
            rows.insert(AuthorRow { person: None, seen: format!("co-author by a trailer of {short}") });
            if let Some(person) = account_of(line, question.trust.trust()) {
                let seen = format!("co-author by a trailer of {short}, which excludes and does not identify");
                rows.insert(AuthorRow { person: Some(person), seen });
            }
        }
    }
    Ok(rows.into_iter().collect())
}

/// Whether every author is known and trusted.
pub(super) fn all_known(rows: &[AuthorRow]) -> bool {
    !rows.is_empty() && rows.iter().all(|row| row.person.is_some())
}

fn signer(question: &Question<'_>, commit: &Commit, short: &str) -> AuthorRow {
    match commit_signer(commit, question.trust, question.at) {
        CommitSigner::Person(person) => {
            AuthorRow { person: Some(person), seen: "author, known by commit signature".to_owned() }
        }
        CommitSigner::Unsigned => AuthorRow { person: None, seen: format!("commit {short} is not signed") },
        CommitSigner::Unknown(by) => AuthorRow { person: None, seen: format!("commit {short} is signed by {by}") },
        CommitSigner::Broken(why) => {
            AuthorRow { person: None, seen: format!("the signature of {short} does not hold: {why}") }
        }
    }
}

/// The person of a forge's no-reply address, `ID+LOGIN@users.noreply.github.com`: enough to keep somebody from approving,
/// never enough to say who wrote something.
fn account_of(line: &[u8], trust: &Trust) -> Option<PersonId> {
    let identity = Identity::parse(0, line).ok()?;
    let email = std::str::from_utf8(&identity.email).ok()?;
    let (local, host) = email.rsplit_once('@')?;
    let forge = host.strip_prefix("users.noreply.")?;
    let id: u64 = local.split_once('+')?.0.parse().ok()?;
    let owns =
        |account: &countersign_core::trust::Account| account.id == id && account.host.eq_ignore_ascii_case(forge);
    trust.persons.iter().find(|person| person.accounts.iter().any(owns)).map(|person| person.id.clone())
}
