//! The address of a change on a forge, `https://github.com/o/r/pull/7`, as a commit of this repository. Nothing is asked
//! of the forge: it offers the heads of changes as refs, and who has fetched such a ref has the change.

use super::{GitError, GitRepo};
use crate::source_uri::SourceUri;
use countersign_core::git::Oid;
use countersign_core::ids::RefName;

/// The address of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeUrl {
    /// The repository.
    pub repository: SourceUri,
    /// The change's number there.
    pub number: u64,
    /// What its ref is called: `pull` or `merge-requests`.
    folder: &'static str,
}

impl ChangeUrl {
    /// Reads an address; `None` for text that is none. An address that is not one of a change is an error.
    pub fn parse(text: &str) -> Option<Result<Self, GitError>> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        Some(Self::of_path(rest).ok_or_else(|| GitError::NotAChange { url: text.to_owned() }))
    }

    fn of_path(rest: &str) -> Option<Self> {
        let rest = rest.split(['?', '#']).next()?;
        let ways = [("/-/merge_requests/", "merge-requests"), ("/pull/", "pull"), ("/pulls/", "pull")];
        let (at, way, folder) = ways.iter().find_map(|(way, folder)| Some((rest.find(way)?, *way, *folder)))?;
        let (repository, after) = rest.split_at_checked(at)?;
        let number = after.strip_prefix(way)?.split('/').next()?;
        let plain = !number.starts_with(['0', '+']);
        let number = number.parse().ok().filter(|_| plain)?;
        Some(Self { repository: SourceUri::normalise(&format!("https://{repository}")).ok()?, number, folder })
    }

    /// The ref under which the forge offers its head.
    fn reference(&self) -> String {
        format!("refs/{}/{}/head", self.folder, self.number)
    }
}

impl GitRepo {
    /// The head of a change, as it was fetched last.
    pub fn change(&self, url: &ChangeUrl) -> Result<Oid, GitError> {
        let (folder, number) = (url.folder, url.number);
        let remotes: Vec<&str> = self.remotes_of(&url.repository).collect();
        let mut names = vec![url.reference()];
        for remote in &remotes {
            // What people configure to have them fetched with everything else.
            let below = if folder == "pull" { "pr" } else { "mr" };
            for name in [format!("{folder}/{number}/head"), format!("{folder}/{number}"), format!("{below}/{number}")] {
                names.push(format!("refs/remotes/{remote}/{name}"));
            }
        }
        let mut found: Option<(RefName, Oid)> = None;
        for name in names.iter().filter_map(|name| RefName::new(name).ok()) {
            let Some(id) = self.resolve(&name)? else { continue };
            match found {
                Some((first, other)) if other != id => {
                    return Err(GitError::Ambiguous { name: url.reference(), first, second: name });
                }
                _ => found = Some((name, id)),
            }
        }
        if let Some((name, _)) = found {
            return self.commit(name.as_str());
        }
        let https = url.repository.as_str().trim_start_matches("git+");
        let from = quoted(remotes.first().copied().unwrap_or(https));
        let reference = url.reference();
        Err(GitError::ChangeNotFetched {
            reference: reference.clone(),
            fetch: format!("git fetch {from} +{reference}:{reference}"),
        })
    }

    /// The remotes that are this repository.
    fn remotes_of(&self, repository: &SourceUri) -> impl Iterator<Item = &str> {
        let same = |url: &str| SourceUri::normalise(url).is_ok_and(|uri| uri.same_place(repository));
        self.remotes().filter(move |(_, url)| same(url)).map(|(name, _)| name)
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b':' | b'@' | b'-' | b'+' | b'%');
    if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Ground, commit, git, open};

    fn url(text: &str) -> ChangeUrl {
        ChangeUrl::parse(text).unwrap().unwrap()
    }

    #[test]
    fn addresses_of_changes_are_read_and_others_are_not() {
        for (text, repository, reference) in [
            ("https://github.com/o/r/pull/7", "git+https://github.com/o/r", "refs/pull/7/head"),
            ("https://github.com/o/r/pull/7/files?w=1#diff", "git+https://github.com/o/r", "refs/pull/7/head"),
            ("https://git.example.com/o/r/pulls/12", "git+https://git.example.com/o/r", "refs/pull/12/head"),
            (
                "https://gitlab.com/a/b/c/-/merge_requests/3/diffs",
                "git+https://gitlab.com/a/b/c",
                "refs/merge-requests/3/head",
            ),
        ] {
            assert_eq!(url(text).repository.as_str(), repository);
            assert_eq!(url(text).reference(), reference);
        }
        for text in [
            "https://github.com/o/r",
            "https://github.com/o/r/pull/x",
            "https://github.com/o/r/pull/07",
            "https://h/pull/7",
        ] {
            assert!(matches!(ChangeUrl::parse(text), Some(Err(GitError::NotAChange { .. }))), "{text}");
        }
        assert!(ChangeUrl::parse("feature").is_none());
    }

    #[test]
    fn a_change_is_what_was_fetched_and_otherwise_says_how_to_fetch_it() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        git(&path, &["remote", "add", "origin", "git@github.com:me/r.git"]);
        git(&path, &["remote", "add", "up", "https://github.com/O/r.git"]);
        let change = url("https://github.com/o/r/pull/7");
        match open(&path).change(&change) {
            Err(error @ GitError::ChangeNotFetched { .. }) => {
                assert!(error.to_string().contains("refs/pull/7/head"), "{error}");
                let GitError::ChangeNotFetched { fetch, .. } = error else { panic!() };
                assert_eq!(fetch, "git fetch up +refs/pull/7/head:refs/pull/7/head");
            }
            other => panic!("{other:?}"),
        }
        let first = git(&path, &["rev-parse", "HEAD"]);
        git(&path, &["update-ref", "refs/pull/7/head", &first]);
        assert_eq!(open(&path).change(&change).unwrap().hex(), first);
        let second = commit(&path, "file", "2\n");
        // Another remote's change of the same number is not this one.
        git(&path, &["update-ref", "refs/remotes/origin/pr/7", &second.hex()]);
        assert_eq!(open(&path).change(&change).unwrap().hex(), first);
        git(&path, &["update-ref", "refs/remotes/up/pr/7", &second.hex()]);
        assert!(matches!(open(&path).change(&change), Err(GitError::Ambiguous { .. })));
        let other = open(&path).change(&url("https://gitlab.com/o/r/-/merge_requests/1")).unwrap_err();
        let GitError::ChangeNotFetched { fetch, .. } = other else { panic!("{other}") };
        assert_eq!(fetch, "git fetch https://gitlab.com/o/r +refs/merge-requests/1/head:refs/merge-requests/1/head");
    }
}
