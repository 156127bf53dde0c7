//! The lines that findings of a decision are about, for who is refused: read from the objects of the very commit that was
//! decided about, each hashed, and never from a working tree. They are shown at the terminal; nothing that is signed or
//! stored holds them, and a line that could hold a secret is not shown.

use countersign_collect::Environment;
use countersign_collect::git::{GitRepo, GitSource};
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::{Mode, ObjectSource as _, Oid};
use countersign_core::limits;
use countersign_report::excerpt::Excerpts;
use countersign_report::reports::Place;
use countersign_secrets::{DigestKey, RuleSet, Scanner};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The statement whose findings name files of the commit.
const SNAPSHOT: &str = "config-snapshot ";

/// Words of settings whose value may be a secret, in lower case.
const SECRET_WORDS: &[&str] =
    &["passw", "passphrase", "pwd", "secret", "token", "credential", "api_key", "apikey", "private"];

/// The lines of a decision's findings, as far as the repository has them. What cannot be read is left out: its place is
/// told all the same, and no answer depends on it.
#[must_use]
pub fn of(decision: &Decision, repo: Option<&Path>, environment: &Environment) -> Excerpts {
    let mut out = Excerpts::default();
    let wanted: BTreeMap<&String, Place> = decision
        .findings
        .iter()
        .chain(decision.rules.iter().flat_map(|rule| &rule.findings))
        .filter_map(place)
        .collect();
    let (Some(repo), Some(source), false) = (repo, &decision.source, wanted.is_empty()) else { return out };
    let Ok(repo) = GitRepo::open(repo, environment) else { return out };
    let objects = repo.objects();
    let Ok(commit) = objects.commit(&source.revision) else { return out };
    let mut files: BTreeMap<&str, Option<Arc<[u8]>>> = BTreeMap::new();
    let mut lines: Vec<(&String, String)> = Vec::new();
    for (at, place) in wanted.iter().take(limits::EXCERPTS) {
        let bytes = files.entry(&place.path).or_insert_with(|| file(&objects, commit.tree, &place.path));
        let Some(text) = bytes.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok()) else { continue };
        let number = usize::try_from(place.line).unwrap_or(usize::MAX).saturating_sub(1);
        if let Some(line) = text.lines().nth(number).filter(|line| !names_a_secret(line)) {
            lines.push((at, line.to_owned()));
        }
    }
    // The rules are made ready only where there is a line to show.
    let Some(Ok(rules)) = (!lines.is_empty()).then(RuleSet::ours) else { return out };
    let key = DigestKey::new(Sha256::of(source.revision.hex().as_bytes()).to_string().as_bytes());
    let scanner = Scanner::new(&rules, &key, None);
    for (at, line) in lines {
        let scan = scanner.scan("", line.as_bytes());
        if scan.findings.is_empty() && scan.skipped.is_none() {
            out.insert(at, &line);
        }
    }
    out
}

/// The first place of a finding, where it is one in the commit's files: a snapshot of them says so, or a rule that is written
/// in the release, which knows no other files.
fn place(finding: &Finding) -> Option<(&String, Place)> {
    let of_commit = finding.code == codes::RULE_BROKEN || finding.at.iter().any(|at| at.starts_with(SNAPSHOT));
    let first = finding.at.first().filter(|_| of_commit && !finding.code.as_str().starts_with("secret"))?;
    Some((first, Place::parse(first, "")?))
}

/// Whether a line looks as if a secret stood in it: by its words, or as the part of an address that comes before a host.
fn names_a_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    let user = |rest: &str| rest.split(['/', '"', '\'']).next().is_some_and(|host| host.contains('@'));
    SECRET_WORDS.iter().any(|word| line.contains(word)) || line.split("://").skip(1).any(user)
}

/// The bytes of a regular file of a tree.
fn file(objects: &GitSource, tree: Oid, path: &str) -> Option<Arc<[u8]>> {
    let mut folder = tree;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let tree = objects.tree(&folder).ok()?;
        let entry = tree.get(part.as_bytes())?;
        match (entry.mode, parts.peek()) {
            (Mode::Directory, Some(_)) => folder = entry.id,
            (Mode::File | Mode::Executable, None) => {
                return objects.blob(&entry.id).ok().filter(|bytes| bytes.len() <= limits::CONFIG_FILE_BYTES);
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_of_the_commit_only_where_a_snapshot_says_so() {
        let of = |finding: Finding| place(&finding).map(|(_, place)| (place.path, place.line, place.column));
        let image = || Finding::new(codes::IMAGE_REGISTRY, "an image");
        let snapshot = format!("{SNAPSHOT}sha256:00");
        assert_eq!(of(image().at("a/Dockerfile:3:6").at(&snapshot)), Some(("a/Dockerfile".to_owned(), 3, Some(6))));
        assert_eq!(of(image().at("rules/r/rule.rego:3:6")), None, "a file of the policy");
        assert_eq!(of(image().at(&snapshot)), None);
        assert_eq!(of(Finding::new(codes::SECRET_FOUND, "a key").at("a:1:1").at(&snapshot)), None);
    }

    #[test]
    fn a_line_that_could_hold_a_secret_is_not_shown() {
        for line in [
            "url: postgres://app:hunter2@db.example.com/app",
            "url: redis://:pw@db",
            "DB_PASSWORD=x",
            "  pwd: x",
            "API_KEY: x",
        ] {
            assert!(names_a_secret(line), "{line}");
        }
        for line in
            ["image: nginx:latest", "FROM docker.io/library/nginx@sha256:00", "url: postgres://db.example.com/app"]
        {
            assert!(!names_a_secret(line), "{line}");
        }
    }
}
