//! `collect secrets`: where a revision holds secrets, as a statement without any of them.

use crate::cli::{Answer, Call, given};
use crate::render::Done;
use crate::world::World;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::ids::Uri;
use countersign_core::json;
use countersign_core::limits;
use countersign_core::statement::secret_scan::{Complete, SecretFinding, SecretScan, Skipped};
use countersign_flow::{FlowError, files, output as answer, secrets};
use countersign_record::atomic::write_atomic;
use countersign_secrets::{AllowFile, DigestKey, Scanner};
use std::path::{Path, PathBuf};

/// Scan a revision for secrets, or take in what another scanner reported
///
/// Reads the revision from git's objects, not from the files on disk. With --range START..REVISION the history after START
/// is scanned too: a secret that was removed again is still leaked. The statement names places and digests under a key,
/// and no secret. PATHs are looked at as they lie on disk, for oneself: nothing of that can be signed. Exit 1 where a
/// provider's secret is found that nobody allows, 3 where not all could be searched. Offline.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign collect secrets --revision HEAD --output app.secrets.json\n  \
                        countersign collect secrets --range v1.0..main --output app.secrets.json\n  \
                        countersign collect secrets --sarif gitleaks.sarif --revision HEAD --output gitleaks.secrets.json\n  \
                        countersign collect secrets src tests")]
pub(super) struct Secrets {
    /// Files and folders to look at as they lie on disk
    #[arg(value_name = "PATH", conflicts_with_all = ["revision", "range", "sarif", "output"])]
    paths: Vec<PathBuf>,
    /// The revision
    #[arg(long, value_name = "REVISION", conflicts_with = "range")]
    revision: Option<String>,
    /// The revision at its end, and everything in the history after its start
    #[arg(long, value_name = "START..REVISION", conflicts_with = "sarif")]
    range: Option<String>,
    /// Take in a SARIF 2.1.0 report of another scanner about the revision
    #[arg(long, value_name = "FILE.sarif")]
    sarif: Option<PathBuf>,
    /// The repository on disk
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// The repository's uri, if not where its remote `origin` says
    #[arg(long, value_name = "git+https://…")]
    repository: Option<Uri>,
    /// Rules of one's own, in our form or gitleaks'
    #[arg(long, value_name = "FILE.toml")]
    rules: Option<PathBuf>,
    /// What is allowed, if not by .countersign-secrets.toml of the revision
    #[arg(long, value_name = "FILE.toml")]
    allow: Option<PathBuf>,
    /// The key of the digests, at least 16 bytes; a random one for this run where none is given
    #[arg(long, value_name = "FILE")]
    digest_key: Option<PathBuf>,
    /// An earlier scan: what it has already does not decide how this run ends
    #[arg(long, value_name = "FILE.secrets.json")]
    baseline: Option<PathBuf>,
    /// Threads that search; as many as there are processors where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// The statement, to be signed
    #[arg(long, value_name = "FILE.secrets.json")]
    output: Option<PathBuf>,
}

impl Secrets {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let rules = secrets::rules(self.rules.as_deref())?;
        let key = if let Some(path) = &self.digest_key {
            secrets::digest_key(path)?
        } else {
            let drawn = || World::nonce().map_err(|error| FlowError::Usage(format!("random bytes: {error}")));
            DigestKey::new(format!("{}{}", drawn()?, drawn()?).as_bytes())
        };
        let known = self.baseline.as_deref().map(secrets::baseline).transpose()?.unwrap_or_default();
        if !self.paths.is_empty() {
            return self.look(call, &Scanner::new(&rules, &key, self.list()?.as_ref()), &known);
        }
        let (after, revision) = self.named()?;
        let request = secrets::Request {
            repo: &self.repo,
            revision,
            after,
            repository: self.repository.as_ref(),
            rules: &rules,
            key: &key,
            allow: self.allow.as_deref(),
            threads: self.threads(),
            environment: call.world.environment(),
            version: env!("CARGO_PKG_VERSION"),
        };
        let scan = match &self.sarif {
            Some(report) => secrets::take_in(&request, report)?,
            None => secrets::scan(&request)?,
        };
        if let Some(output) = &self.output {
            let statement = json::parse(&secrets::statement(&scan)?.to_bytes()?)?;
            write_atomic(output, json::pretty(&statement)?.as_bytes(), 0o644)?;
        }
        let partial = scan.complete == Complete::No;
        let findings = scan.findings.clone();
        self.answer(call, Found { findings, scan: Some(scan), skipped: Vec::new(), partial }, &known)
    }

    /// What lies on disk.
    fn look(&self, call: &Call<'_>, scanner: &Scanner<'_>, known: &[SecretFinding]) -> Answer {
        let mut found = Found { findings: Vec::new(), scan: None, skipped: Vec::new(), partial: false };
        for (path, scan) in secrets::scan_files(scanner, &self.paths)? {
            if let Some(why) = scan.skipped {
                found.partial |= why.lacks();
                found.skipped.push(Skipped { path, why });
            }
            found.findings.extend(scan.findings);
        }
        self.answer(call, found, known)
    }

    fn answer(&self, call: &Call<'_>, found: Found, known: &[SecretFinding]) -> Answer {
        let now = given::now()?;
        let standing: Vec<SecretFinding> =
            secrets::standing(&found.findings, now, known).into_iter().cloned().collect();
        let all = secrets::standing(&found.findings, now, &[]).len();
        let mut exit = if found.partial { Exit::Indeterminate } else { Exit::Ok };
        if standing.iter().any(secrets::refuses) {
            exit = exit.worse(Exit::Refused);
        }
        let document = answer::SecretsCollected {
            output: self.output.as_ref().map(|path| path.display().to_string()),
            allowed: found.findings.iter().filter(|finding| finding.is_allowed_at(now)).cloned().collect(),
            known: all.saturating_sub(standing.len()),
            standing,
            scan: found.scan,
            skipped: found.skipped,
            exit,
        };
        Ok(Done::answer(call.format, exit, "collect-secrets", &document, || words(&document)))
    }

    /// Where the history begins, and the revision.
    fn named(&self) -> Result<(Option<&str>, &str), FlowError> {
        let usage = || FlowError::Usage("a range is START..REVISION".to_owned());
        match (&self.range, &self.revision) {
            (Some(range), _) => {
                let (start, end) = range.split_once("..").ok_or_else(usage)?;
                if start.is_empty() || end.is_empty() || end.starts_with('.') {
                    return Err(usage());
                }
                Ok((Some(start), end))
            }
            (None, Some(revision)) => Ok((None, revision)),
            (None, None) => Err(FlowError::Usage("name what to scan: --revision, --range, or paths".to_owned())),
        }
    }

    fn list(&self) -> Result<Option<AllowFile>, FlowError> {
        let (path, bytes) = if let Some(path) = &self.allow {
            (path.as_path(), files::read(path, limits::SECRETS_ALLOW_BYTES)?)
        } else {
            let path = Path::new(secrets::ALLOW_LIST);
            let Some(bytes) = files::read_if_there(path, limits::SECRETS_ALLOW_BYTES)? else { return Ok(None) };
            (path, bytes)
        };
        let wrong = |error: countersign_secrets::AllowError| FlowError::Usage(format!("{}: {error}", path.display()));
        AllowFile::parse(&bytes).map(Some).map_err(wrong)
    }

    fn threads(&self) -> usize {
        let there = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or_else(there, usize::from)
    }
}

/// What one run has.
struct Found {
    findings: Vec<SecretFinding>,
    scan: Option<SecretScan>,
    skipped: Vec<Skipped>,
    partial: bool,
}

/// How many findings, or skipped files, of a kind are shown.
const SHOWN: usize = 200;

fn words(document: &answer::SecretsCollected) -> String {
    let mut out = String::new();
    for finding in document.standing.iter().take(SHOWN) {
        let word = if secrets::refuses(finding) { "secret" } else { "watched" };
        let sum = if finding.checksum == Some(false) { ", whose own checksum does not hold" } else { "" };
        line(&mut out, &format!("{word}[{}]: {}  {}{sum}", finding.rule, finding.place(), finding.shape));
    }
    if let Some(more) = document.standing.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        line(&mut out, &format!("and {more} more: see --format json"));
    }
    for finding in document.allowed.iter().take(SHOWN) {
        let how = secrets::allowed_words(finding).unwrap_or_default();
        line(&mut out, &format!("allowed[{}]: {}  {how}", finding.rule, finding.place()));
    }
    if let Some(scan) = &document.scan {
        summary(&mut out, scan);
    }
    for skipped in document.skipped.iter().filter(|skipped| skipped.why.lacks()).take(SHOWN) {
        line(&mut out, &format!("not searched: {}: {}", skipped.path, skipped.why.words()));
    }
    let refusing = document.standing.iter().filter(|finding| secrets::refuses(finding)).count();
    let watched = document.standing.len().saturating_sub(refusing);
    let known = if document.known > 0 { format!(", {} known before", document.known) } else { String::new() };
    line(&mut out, &format!("{refusing} secrets, {watched} watched, {} allowed{known}", document.allowed.len()));
    if refusing > 0 {
        line(
            &mut out,
            "help: revoke each where it was issued, then take it out; what is none is allowed by a comment beside it: \
             countersign:allow-secret RULE REASON",
        );
    }
    if let Some(output) = &document.output {
        line(
            &mut out,
            &format!("{output}: sign it with `countersign sign {output} --key KEY --output FILE.sigstore.json`"),
        );
    }
    out
}

fn summary(out: &mut String, scan: &SecretScan) {
    let what = match (&scan.rule_set, scan.complete) {
        (Some(set), complete) => {
            let whole = if complete == Complete::Yes { "complete" } else { "NOT complete" };
            format!(
                "{} files, {} bytes, by {} {} ({} rules, {}), {whole}",
                scan.files, scan.bytes, set.name, set.version, set.rules, set.digest
            )
        }
        (None, _) => format!("as {} {} reported; how far it looked is not known", scan.tool.name, scan.tool.version),
    };
    line(out, &format!("commit {} of {}: {what}", scan.commit, scan.repository));
    for skipped in scan.skipped.iter().take(10) {
        line(out, &format!("  not searched: {}: {}", skipped.path, skipped.why.words()));
    }
    if scan.skipped_count > 10 {
        line(out, &format!("  {} files in all were not searched", scan.skipped_count));
    }
    line(out, &format!("  digests under key {}", scan.digest_key));
}

fn line(out: &mut String, text: &str) {
    out.push_str(&countersign_report::escape::plain(text));
    out.push('\n');
}
