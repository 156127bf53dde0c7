//! What a person types for a commit: an id or the beginning of one, a ref or its short name, and steps back from there,
//! such as `main~2` or `v1.0^{commit}`. Steps are taken over hashed objects; no git parses what was typed.

use super::{GitError, GitRepo, TAG_DEPTH, no_such};
use crate::runner::Stderr;
use countersign_core::git::{ObjectKind, ObjectSource as _, Oid, SourceError, Tag};
use countersign_core::ids::RefName;
use countersign_core::limits;
use std::time::Duration;

/// How long git may take to look through its index for the beginning of an id.
const LOOKUP_TIME: Duration = Duration::from_mins(1);
/// The fewest digits of an id that git itself takes.
const LEAST_DIGITS: usize = 4;

/// A step from a commit to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// So many first parents back.
    Back(u32),
    /// The parent of this number, from 1; 0 is the commit itself.
    Parent(u32),
}

impl GitRepo {
    /// The commit that a name means: a full id or the beginning of one, `HEAD`, a full ref, or the name of a tag, a branch
    /// or a remote's branch; after it steps back, `~N` and `^N`. Tags are followed to their commit.
    pub fn commit(&self, name: &str) -> Result<Oid, GitError> {
        let end = name.find(['~', '^']).unwrap_or(name.len());
        let (start, expression) = name.split_at_checked(end).unwrap_or((name, ""));
        let steps = steps(expression).ok_or_else(|| no_such(name))?;
        let mut id = self.named(start, name)?;
        for step in steps {
            id = self.step(id, step, name)?;
        }
        Ok(id)
    }

    fn named(&self, start: &str, name: &str) -> Result<Oid, GitError> {
        if let Some(id) = Oid::from_hex(start).ok().filter(|id| id.format() == self.format) {
            return self.peel(name, id);
        }
        if matches!(start, "HEAD" | "@") {
            return self.head()?.commit.ok_or_else(|| no_such(name));
        }
        let mut found: Option<(RefName, Oid)> = None;
        for prefix in ["", "refs/tags/", "refs/heads/", "refs/remotes/"] {
            let Ok(full) = RefName::new(&format!("{prefix}{start}")) else {
                continue;
            };
            let Some(id) = self.resolve(&full)? else { continue };
            let id = self.peel(name, id)?;
            match found {
                Some((first, other)) if other != id => {
                    return Err(GitError::Ambiguous { name: name.to_owned(), first, second: full });
                }
                _ => found = Some((full, id)),
            }
        }
        match found {
            Some((_, id)) => Ok(id),
            None => match Oid::from_hex(start) {
                Ok(id) if id.format() != self.format => Err(GitError::OtherHash { id, expected: self.format }),
                _ => self.abbreviated(start, name),
            },
        }
    }

    /// The commit whose id begins so.
    fn abbreviated(&self, start: &str, name: &str) -> Result<Oid, GitError> {
        let digits = start.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits || start.len() < LEAST_DIGITS {
            return Err(no_such(name));
        }
        let program = self.isolated.git(&["rev-parse", &format!("--disambiguate={start}")]);
        let said = program.captured(limits::GIT_CONFIG_BYTES, Some(LOOKUP_TIME), Stderr::Kept)?;
        let mut commits = Vec::new();
        for line in said.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let id = std::str::from_utf8(line).ok().and_then(|text| Oid::from_hex(text).ok());
            let id = id.ok_or_else(|| no_such(name))?;
            if self.objects().object(&id)?.kind == ObjectKind::Commit {
                commits.push(id);
            }
        }
        match commits.as_slice() {
            [id] => Ok(*id),
            [] => Err(no_such(name)),
            [first, second, ..] => {
                Err(GitError::AmbiguousId { name: start.to_owned(), first: *first, second: *second })
            }
        }
    }

    fn step(&self, mut id: Oid, step: Step, name: &str) -> Result<Oid, GitError> {
        let objects = self.objects();
        let parent = |id: &Oid, number: usize| -> Result<Oid, GitError> {
            let parents = objects.commit(id)?.parents;
            let there = parents.get(number).copied();
            there.ok_or_else(|| GitError::NoSuchParent { name: name.to_owned(), commit: *id, parents: parents.len() })
        };
        match step {
            Step::Parent(0) => Ok(id),
            Step::Parent(number) => parent(&id, usize::try_from(number - 1).unwrap_or(usize::MAX)),
            Step::Back(steps) => {
                for _ in 0..steps {
                    id = parent(&id, 0)?;
                }
                Ok(id)
            }
        }
    }

    fn peel(&self, name: &str, mut id: Oid) -> Result<Oid, GitError> {
        let objects = self.objects();
        for _ in 0..TAG_DEPTH {
            let object = objects.object(&id)?;
            match object.kind {
                ObjectKind::Commit => return Ok(id),
                ObjectKind::Tag => {
                    let tag = Tag::parse(self.format, &object.bytes);
                    id = tag.map_err(|source| SourceError::Malformed { id, source })?.object;
                }
                ObjectKind::Tree | ObjectKind::Blob => break,
            }
        }
        Err(no_such(name))
    }
}

/// The steps of an expression; `None` if it is not made of `~N`, `^N`, `^{commit}` and `^{}`.
fn steps(expression: &str) -> Option<Vec<Step>> {
    let mut out = Vec::new();
    let mut rest = expression;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("^{commit}").or_else(|| rest.strip_prefix("^{}")) {
            rest = after;
            continue;
        }
        let (sign, after) = rest.split_at_checked(1)?;
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (digits, after) = after.split_at_checked(end)?;
        let number = if digits.is_empty() { 1 } else { digits.parse().ok()? };
        if number > limits::GIT_EXPRESSION_STEPS {
            return None;
        }
        out.push(match sign {
            "~" => Step::Back(number),
            "^" => Step::Parent(number),
            _ => return None,
        });
        rest = after;
    }
    Some(out)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Ground, commit, git, open};

    #[test]
    fn expressions_mean_what_they_mean_to_git() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        for text in ["2\n", "3\n", "4\n"] {
            commit(&path, "file", text);
        }
        git(&path, &["checkout", "-q", "-b", "side", "HEAD~2"]);
        commit(&path, "other", "side\n");
        git(&path, &["merge", "-q", "-m", "merge", "main"]);
        git(&path, &["tag", "-a", "-m", "t", "v1"]);
        let repository = open(&path);
        let tip = git(&path, &["rev-parse", "HEAD"]);
        let digits = &tip.chars().take(9).collect::<String>();
        for name in [
            "HEAD~1",
            "@^",
            "HEAD^2",
            "side^2~1",
            "main~3",
            "v1^{commit}",
            "v1^{}^2^0",
            "main~~",
            "main^^1",
            digits.as_str(),
            &format!("{digits}^2"),
            &format!("{tip}~2"),
        ] {
            let expected = git(&path, &["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{commit}}")]);
            assert_eq!(repository.commit(name).unwrap().hex(), expected, "{name}");
        }
    }

    #[test]
    fn what_leads_nowhere_says_so_and_nothing_is_taken_for_an_option() {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        let repository = open(&path);
        let past = repository.commit("main~5").unwrap_err();
        assert!(matches!(past, GitError::NoSuchParent { parents: 0, .. }), "{past}");
        assert!(past.to_string().contains("main~5 goes past"), "{past}");
        assert!(matches!(repository.commit("main^2"), Err(GitError::NoSuchParent { .. })));
        for name in [
            "--upload-pack=x",
            "-1",
            "main~x",
            "main^{/first}",
            "main^{tree}",
            "main:file",
            "main@{1}",
            ":/first",
            "main~99999999999",
            "main..main",
            "~1",
            "abcd",
            "",
        ] {
            let found = repository.commit(name);
            assert!(matches!(found, Err(GitError::NoSuchRevision { .. })), "{name}: {found:?}");
        }
    }
}
