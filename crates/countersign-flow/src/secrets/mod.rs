//! Secrets in a repository: a revision or a range is scanned from git's objects, or what another scanner reported is taken
//! in. Both become a statement that holds no secret.

mod walk;

use crate::error::FlowError;
use crate::files;
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_collect::source_uri::SourceUri;
use countersign_core::git::{ObjectSource as _, Oid};
use countersign_core::ids::Uri;
use countersign_core::limits;
use countersign_core::statement::secret_scan::{
    AllowList, AllowedBy, Complete, Level, Scanned, Scope, SecretFinding, SecretScan, SkipReason, Skipped,
};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_secrets::{AllowFile, DigestKey, FileScan, RuleSet, Scanner, ingest};
use std::path::{Path, PathBuf};
use walk::Walk;

/// Where a repository keeps its list of what is allowed.
pub const ALLOW_LIST: &str = ".countersign-secrets.toml";

/// What is scanned, and by what.
#[derive(Debug)]
pub struct Request<'a> {
    /// The repository on disk.
    pub repo: &'a Path,
    /// The revision.
    pub revision: &'a str,
    /// The commit after which the history is scanned too.
    pub after: Option<&'a str>,
    /// The repository's uri, if not where its remote `origin` says.
    pub repository: Option<&'a Uri>,
    /// The rules.
    pub rules: &'a RuleSet,
    /// The key of the digests.
    pub key: &'a DigestKey,
    /// A list of what is allowed from outside the revision.
    pub allow: Option<&'a Path>,
    /// How many threads search.
    pub threads: usize,
    /// For git.
    pub environment: &'a Environment,
    /// This version.
    pub version: &'a str,
}

/// Rules from a file, or those that ship.
pub fn rules(file: Option<&Path>) -> Result<RuleSet, FlowError> {
    let wrong = |place: String, error: countersign_secrets::RulesError| FlowError::Usage(format!("{place}: {error}"));
    match file {
        None => RuleSet::ours().map_err(|error| wrong("the rules that ship".to_owned(), error)),
        Some(path) => {
            let bytes = files::read(path, limits::SECRETS_RULES_BYTES)?;
            RuleSet::parse(&bytes).map_err(|error| wrong(path.display().to_string(), error))
        }
    }
}

/// The key of digests from a file. A short one could be guessed, and with it the secrets.
pub fn digest_key(path: &Path) -> Result<DigestKey, FlowError> {
    let bytes = files::read(path, 64 << 10)?;
    let key = bytes.trim_ascii();
    if key.len() < 16 {
        return Err(FlowError::Usage(format!("{}: a key of digests has at least 16 bytes", path.display())));
    }
    Ok(DigestKey::new(key))
}

/// Scans a revision, and the history after a commit if one is named.
pub fn scan(request: &Request<'_>) -> Result<SecretScan, FlowError> {
    let place = Revision::open(request)?;
    let (allow, list) = place.allowed(request)?;
    let scanner = Scanner::new(request.rules, request.key, allow.as_ref());
    let mut walk = Walk::new(&scanner, request.threads);
    let objects = place.repo.objects();
    walk.run(&objects, &place.tree, place.after.map(|after| (after, place.commit)))?;
    let done = walk.done();
    let complete = if done.lacks { Complete::No } else { Complete::Yes };
    Ok(SecretScan {
        tool: Scanned { name: "countersign".to_owned(), version: request.version.to_owned() },
        rule_set: Some(request.rules.name().clone()),
        repository: place.uri,
        commit: place.commit,
        tree: place.tree,
        scope: place.after.map_or(Scope::Tree, |after| Scope::Range { after }),
        complete,
        skipped: done.skipped,
        skipped_count: done.skipped_count,
        files: done.files,
        bytes: done.bytes,
        digest_key: request.key.id().to_owned(),
        allow_list: list,
        findings: done.findings,
    })
}

/// Takes in what another scanner reported of a revision. Whether it looked at all of it nobody knows.
pub fn take_in(request: &Request<'_>, report: &Path) -> Result<SecretScan, FlowError> {
    let place = Revision::open(request)?;
    let (allow, list) = place.allowed(request)?;
    let bytes = files::read(report, limits::SARIF_BYTES)?;
    let taken = ingest(&bytes, request.key, allow.as_ref())
        .map_err(|error| FlowError::Usage(format!("{}: {error}", report.display())))?;
    Ok(SecretScan {
        tool: taken.tool,
        rule_set: None,
        repository: place.uri,
        commit: place.commit,
        tree: place.tree,
        scope: Scope::Tree,
        complete: Complete::Unknown,
        skipped: Vec::new(),
        skipped_count: 0,
        files: 0,
        bytes: 0,
        digest_key: request.key.id().to_owned(),
        allow_list: list,
        findings: taken.findings,
    })
}

/// The scan as a statement about the revision.
pub fn statement(scan: &SecretScan) -> Result<Statement, FlowError> {
    let subject = Subject::git(scan.repository.as_str(), "gitCommit", &scan.commit.hex());
    Ok(Statement::new(Kind::SecretScan, vec![subject], scan)?)
}

/// Scans files and folders as they lie on disk. For looking before a commit: nothing of it can be signed.
pub fn scan_files(scanner: &Scanner<'_>, paths: &[PathBuf]) -> Result<Vec<(String, FileScan)>, FlowError> {
    let mut out = Vec::new();
    let mut rest: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = rest.pop() {
        let failed = |source| FlowError::Read { path: path.clone(), source };
        let kind = std::fs::symlink_metadata(&path).map_err(failed)?;
        if kind.is_dir() {
            if path.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            let mut inner = Vec::new();
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                inner.push(entry.map_err(failed)?.path());
            }
            inner.sort();
            rest.extend(inner.into_iter().rev());
        } else if kind.is_file() {
            let name = path.to_string_lossy().replace('\\', "/");
            let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
            let scan = match files::read(&path, limits::SECRETS_FILE_BYTES) {
                Ok(bytes) => scanner.scan(&name, &bytes),
                Err(FlowError::TooLarge { .. }) => {
                    FileScan { findings: Vec::new(), skipped: Some(SkipReason::TooLarge) }
                }
                Err(error) => return Err(error),
            };
            out.push((name, scan));
        }
    }
    Ok(out)
}

/// Findings that nobody allows, surest first, apart from those of an earlier scan.
#[must_use]
pub fn standing<'f>(findings: &'f [SecretFinding], at: Time, known: &[SecretFinding]) -> Vec<&'f SecretFinding> {
    let same = |a: &SecretFinding, b: &SecretFinding| {
        let secret = a.digest.is_some() && a.digest == b.digest;
        a.rule == b.rule && a.path == b.path && (secret || (a.line, a.column) == (b.line, b.column))
    };
    let mut out: Vec<_> = findings
        .iter()
        .filter(|finding| !finding.is_allowed_at(at) && !known.iter().any(|known| same(known, finding)))
        .collect();
    out.sort_by_key(|finding| (finding.level, &finding.path, finding.line, finding.column));
    out
}

/// The findings of a scan that was written before.
pub fn baseline(path: &Path) -> Result<Vec<SecretFinding>, FlowError> {
    let bytes = files::read(path, limits::DOCUMENT_BYTES)?;
    let wrong = |why: String| FlowError::Usage(format!("{}: {why}", path.display()));
    let statement = Statement::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let scan: SecretScan = statement.predicate_as(Kind::SecretScan).map_err(|error| wrong(error.to_string()))?;
    Ok(scan.findings)
}

/// How a finding is allowed, in words.
#[must_use]
pub fn allowed_words(finding: &SecretFinding) -> Option<String> {
    let allowed = finding.allowed.as_ref()?;
    let by = match allowed.by {
        AllowedBy::Comment => "by a comment",
        AllowedBy::List => "by the list",
    };
    let owner = allowed.owner.as_ref().map_or_else(String::new, |owner| format!(", owner {owner}"));
    let end = allowed.expires.map_or_else(String::new, |end| format!(", until {end}"));
    Some(format!("{by}{owner}{end}: {}", allowed.reason))
}

/// Whether a finding refuses unless somebody says otherwise.
#[must_use]
pub fn refuses(finding: &SecretFinding) -> bool {
    finding.level == Level::Provider
}

/// A revision, opened.
struct Revision {
    repo: GitRepo,
    uri: Uri,
    commit: Oid,
    tree: Oid,
    after: Option<Oid>,
}

impl Revision {
    fn open(request: &Request<'_>) -> Result<Self, FlowError> {
        let repo = GitRepo::open(request.repo, request.environment)?;
        let uri = match request.repository {
            Some(uri) => uri.clone(),
            None => origin(&repo)?,
        };
        let commit = repo.commit(request.revision)?;
        let tree = repo.objects().commit(&commit).map_err(countersign_collect::git::GitError::Object)?.tree;
        let after = request.after.map(|name| repo.commit(name)).transpose()?;
        Ok(Self { repo, uri, commit, tree, after })
    }

    /// The list from outside, or else that of the revision.
    fn allowed(&self, request: &Request<'_>) -> Result<(Option<AllowFile>, Option<AllowList>), FlowError> {
        let (bytes, path, place) = match request.allow {
            Some(path) => (files::read(path, limits::SECRETS_ALLOW_BYTES)?, None, path.display().to_string()),
            None => match walk::file(&self.repo.objects(), &self.tree, ALLOW_LIST)? {
                Some(bytes) => (bytes, Some(ALLOW_LIST.to_owned()), format!("{ALLOW_LIST} of {}", self.commit)),
                None => return Ok((None, None)),
            },
        };
        let list = AllowFile::parse(&bytes).map_err(|error| FlowError::Usage(format!("{place}: {error}")))?;
        let named = AllowList { digest: *list.digest(), path };
        Ok((Some(list), Some(named)))
    }
}

fn origin(repo: &GitRepo) -> Result<Uri, FlowError> {
    let nowhere = || {
        FlowError::Usage(
            "the repository has no remote `origin` that says where it is: name it with --repository".to_owned(),
        )
    };
    let uri = SourceUri::normalise(repo.origin().ok_or_else(nowhere)?).map_err(|_unusual| nowhere())?;
    Uri::new(uri.as_str()).map_err(|_form| nowhere())
}

/// The first skipped files by name, and how many there are.
#[derive(Debug, Default)]
struct SkippedFiles {
    named: Vec<Skipped>,
    count: u64,
    lacks: bool,
}

impl SkippedFiles {
    fn add(&mut self, path: String, why: SkipReason) {
        self.count = self.count.saturating_add(1);
        // What makes a scan incomplete is named before what does not.
        if why.lacks() && !self.lacks {
            self.lacks = true;
            self.named.insert(0, Skipped { path, why });
            self.named.truncate(limits::SECRETS_SKIPPED);
        } else if self.named.len() < limits::SECRETS_SKIPPED {
            self.named.push(Skipped { path, why });
        }
    }
}
