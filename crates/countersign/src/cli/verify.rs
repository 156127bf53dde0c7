//! `verify`: an artifact against its bundles, by trust or by what the command line expects; thousands of bundles in one run;
//! or a digest against the record of promotions.

mod attested;

use super::given::{self, Kept, LeastArgs, OutsideDigest, RootArgs, StoreArgs};
use super::reports::{self, Answered, ReportArgs};
use super::{Answer, Call};
use crate::render::Done;
use crate::variables;
use attested::AttestedArgs;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{exit_of, verdict_of};
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_flow::attest::all::check_all;
use countersign_flow::outside::TrustFile;
use countersign_flow::verify_artifact::{Checked, Wanted, promoted_to, with_bundles};
use countersign_flow::{FlowError, documents};
use countersign_report::reports::Facts;
use countersign_report::{output, text};
use std::path::{Path, PathBuf};

/// Verify an artifact against its bundles, or that a digest was promoted
///
/// With --trust: every signature, signer, kind of statement and subject, and the SLSA Build level that is shown. With
/// --trusted-root or --key: attestations of the ecosystem, in whichever form they are, by what the options expect of them.
/// With --promoted-to: that the newest decision in the log authorised this digest, under the release that is active. Offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign verify dist/app --bundle app.sigstore.jsonl --trust trust.sigstore.json --trust-digest sha256:…\n  \
                        countersign verify app --bundle app.sigstore.json --trusted-root public-good --source github.com/o/r --versioned-tag v1\n  \
                        countersign verify pkg.whl --bundle pkg.whl.attestation --trusted-root public-good \\\n    \
                        --certificate-identity-regexp '^https://github\\.com/o/r/\\.github/.*$' \\\n    \
                        --certificate-oidc-issuer https://token.actions.githubusercontent.com\n  \
                        countersign verify --all bundles --trusted-root public-good --expect expectations.toml\n  \
                        countersign verify sha256:… --promoted-to production --store .countersign --trust trust.sigstore.json"
)]
pub(crate) struct Verify {
    /// The artifact's file, its digest as `sha256:…` or `sha512:…`, or an OCI layout with one image
    #[arg(required_unless_present = "all")]
    artifact: Option<PathBuf>,
    /// Signed statements: bundles, lines of them, an envelope, npm's or the Python index's attestations, Cloud Build's
    /// provenance; a folder or an OCI layout of them
    #[arg(long = "bundle", value_name = "FILE|DIR")]
    bundles: Vec<PathBuf>,
    /// Check every file below a folder by itself, on all cores
    #[arg(long, value_name = "DIR", conflicts_with_all = ["artifact", "bundles", "trust", "promoted_to", "note", "repo", "artifact_name", "reports", "baseline", "roots", "store"])]
    all: Option<PathBuf>,
    /// A kind of statement that there has to be one of
    #[arg(long = "type", value_name = "KIND")]
    kinds: Vec<String>,
    /// The least SLSA Build level
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
    /// Ask the record whether this digest was promoted to an environment
    #[arg(long, value_name = "ENVIRONMENT", conflicts_with = "bundles")]
    promoted_to: Option<EnvName>,
    /// The signed trust document
    #[arg(long, value_name = "FILE", help_heading = "Trust", conflicts_with_all = ["trusted_roots", "keys", "cloud_keys"])]
    trust: Option<PathBuf>,
    /// Its digest, from outside the reviewed repository
    #[arg(long, value_name = "sha256:…", help_heading = "Trust", env = variables::TRUST_DIGEST, value_parser = OutsideDigest::parse)]
    trust_digest: Option<OutsideDigest>,
    #[command(flatten)]
    roots: RootArgs,
    #[command(flatten)]
    attested: AttestedArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
    #[command(flatten)]
    reports: ReportArgs,
}

impl Verify {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let mut begun = reports::facts("verify");
        begun.environment.clone_from(&self.promoted_to);
        if let Some(folder) = &self.all {
            return self.all(call, folder);
        }
        let artifact = self.artifact.clone().unwrap_or_default();
        begun.file = artifact.display().to_string();
        begun.subject_name = artifact.file_name().map(|name| name.to_string_lossy().into_owned());
        let not_done = "nothing was verified";
        if self.attested.is_used() && self.promoted_to.is_none() {
            let begun = Facts { verb: "verify-attestations".to_owned(), ..begun };
            let made = || {
                self.without_trust(call)?;
                let kinds = self.predicate_types()?;
                let asked = (self.level, kinds.as_slice());
                self.attested.verify(begun.clone(), &artifact, &self.bundles, asked, call)
            };
            return self.reports.answer(call, begun.clone(), not_done, made);
        }
        self.reports.answer(call, begun.clone(), not_done, || self.verify(call, begun, &artifact))
    }

    fn verify(
        &self,
        call: &Call<'_>,
        begun: Facts,
        artifact: &Path,
    ) -> Result<Answered<output::Verification>, FlowError> {
        let at = given::now()?;
        let (name, subject) = subject(artifact)?;
        let Some(trust) = &self.trust else {
            return Err(FlowError::Usage(
                "say what counts: --trust FILE, or --trusted-root and --key for attestations of others".to_owned(),
            ));
        };
        let trust = TrustFile::read(trust, self.trust_digest.and_then(OutsideDigest::given), at)?;
        let checked = if let Some(environment) = &self.promoted_to {
            let least = self.least.file();
            promoted_to(
                &subject,
                environment,
                &trust,
                &self.store.place_after(Kept { least, output: None }, call)?,
                least,
                at,
            )?
        } else if self.bundles.is_empty() {
            return Err(FlowError::Usage(
                "name the bundles with --bundle, or ask the record with --promoted-to".to_owned(),
            ));
        } else {
            let documents::Handed { mut documents, collected, .. } = documents::read_all(&self.bundles, &[])?;
            documents.extend(self.roots.read()?);
            let kind = |word: &String| {
                let known = Kind::ALL.into_iter().find(|kind| kind.word() == word || kind.predicate_type() == word);
                known.ok_or_else(|| FlowError::Usage(format!("`{word}` is no kind of statement that is known")))
            };
            let kinds = self.kinds.iter().map(kind).collect::<Result<_, _>>()?;
            let persons = self.attested.signers.get();
            let wanted = Wanted { subject, name: name.clone(), kinds, level: self.level, persons, collected };
            with_bundles(&wanted, &documents, &trust, at)
        };
        Ok(show(begun, name, subject, &checked, &self.bundles))
    }

    /// The predicate types that are asked for: by the word of a kind that is known, or in full. Others' provenance and summaries have several
    /// types, of which the word means each.
    fn predicate_types(&self) -> Result<Vec<String>, FlowError> {
        let read = |word: &String| match Kind::ALL.into_iter().find(|kind| kind.word() == word) {
            Some(kind @ (Kind::Provenance | Kind::Vsa)) => Ok(kind.word().to_owned()),
            Some(kind) => Ok(kind.predicate_type().to_owned()),
            None if word.contains(':') => Ok(word.clone()),
            None => Err(FlowError::Usage(format!("`{word}` is neither a kind that is known nor a predicate type"))),
        };
        self.kinds.iter().map(read).collect()
    }

    /// What only a trust document or the record has a use for is not passed over. A variable may be there for other verbs, and one
    /// that is there is no leave to pass over what was typed.
    fn without_trust(&self, call: &Call<'_>) -> Result<(), FlowError> {
        let typed = |is_given: bool, option: &str| is_given && call.line.is_typed(option);
        let digest = self.trust_digest.and_then(OutsideDigest::given);
        let useless = [
            (!self.roots.words().is_empty(), "--sigstore-root"),
            (typed(digest.is_some(), "trust-digest"), "--trust-digest"),
            (typed(self.least.file().is_some(), "least-checkpoint"), "--least-checkpoint"),
        ];
        match useless.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, option)) => {
                let what = format!("{option} goes with --trust or --promoted-to: here nothing would be held to it");
                Err(FlowError::Usage(what))
            }
            None => Ok(()),
        }
    }

    /// Every file of a folder by itself.
    fn all(&self, call: &Call<'_>, folder: &Path) -> Answer {
        if !self.attested.is_used() {
            return Err(FlowError::Usage("say what counts: --trusted-root, or --key".to_owned()));
        }
        self.without_trust(call)?;
        let at = attested::now()?;
        let anchors = self.attested.anchors(at)?;
        let expected = self.attested.expected(self.level, &self.predicate_types()?)?;
        let dependencies = self.attested.dependencies()?;
        let sum = check_all(folder, &anchors, &expected, &dependencies, at, &mut attested::progress(call))?;
        Ok(Done::answer(call.format, sum.exit, "verify-all", &sum, || {
            let mut rows: Vec<Vec<String>> =
                sum.signers.iter().map(|(signer, count)| vec![count.to_string(), signer.clone()]).collect();
            rows.sort_by(|a, b| b.first().cmp(&a.first()));
            let codes: Vec<String> = sum.reasons.iter().map(|(code, count)| format!("{code} {count}")).collect();
            let end = if sum.exit == Exit::Ok { "verified" } else { "not verified" };
            let artifacts = if sum.artifacts == 0 {
                String::new()
            } else {
                format!("{} more are artifacts with an attestation beside them\n", sum.artifacts)
            };
            let more = if sum.more {
                format!(
                    "more was found than the {} findings that are listed, also with --format json: refusals come before notes\n",
                    sum.findings.len()
                )
            } else {
                String::new()
            };
            format!(
                "{}\n{}{}{more}{} of {} attestations hold, in {} files, {} of them refused\n{artifacts}{end}\n",
                folder.display(),
                text::table(&["attestations", "signer"], &rows),
                if sum.more { text::first_findings(&sum.findings) } else { text::findings(&sum.findings) },
                sum.held,
                sum.attestations,
                sum.files,
                if sum.refused == 0 { "none".to_owned() } else { format!("{} ({})", sum.refused, codes.join(", ")) },
            )
        }))
    }
}

fn show(
    begun: Facts,
    name: String,
    subject: Sha256,
    checked: &Checked,
    bundles: &[PathBuf],
) -> Answered<output::Verification> {
    let exit = exit_of(&checked.findings);
    let document = output::Verification {
        subject: Some(subject),
        verdict: verdict_of(&checked.findings),
        checks: checked.checks.clone(),
        findings: checked.findings.clone(),
        exit,
    };
    let end = if exit == Exit::Ok { "verified" } else { "not verified" };
    let found =
        if checked.findings.is_empty() { String::new() } else { format!("\n{}", text::findings(&checked.findings)) };
    let shown = text::plain(&name);
    let text =
        documents::named(&format!("{shown}  {subject}\n{}{found}\n{end}\n", text::checks(&checked.checks)), bundles);
    let named = documents::with_names(&checked.findings, bundles);
    let mut facts = reports::ended(begun, document.verdict, exit, &named);
    (facts.subject_name, facts.subject) = (Some(name), Some(subject));
    facts.checks.clone_from(&checked.checks);
    end.clone_into(&mut facts.closing);
    Answered::new(document, text, facts)
}

/// A digest as it is written, or a file's. A tag is neither: what it means can change while we look.
fn subject(artifact: &Path) -> Result<(String, Sha256), FlowError> {
    if let Some(text) = artifact.to_str().filter(|text| text.starts_with("sha256:")) {
        let digest = text.parse().map_err(|error| FlowError::Usage(format!("{text}: {error}")))?;
        return Ok(("artifact".to_owned(), digest));
    }
    let tag = artifact.to_str().filter(|text| !artifact.exists() && text.contains(':') && !text.contains('\\'));
    if let Some(tag) = tag {
        return Err(FlowError::Usage(format!(
            "{tag} is a tag, which can be moved while it is checked: resolve it once, and give the digest as sha256:…"
        )));
    }
    let bare = artifact.to_str().filter(|text| !text.contains(['/', '\\', '.']) && !artifact.exists());
    if let Some(name) = bare {
        return Err(FlowError::Usage(format!(
            "there is no file {name}; a tag is resolved once, and its digest given as sha256:…"
        )));
    }
    let read = documents::artifact(artifact)?;
    Ok((read.name, read.digest))
}
