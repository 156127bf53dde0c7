//! `verify`: an artifact against its bundles, or a digest against the record of promotions.

use super::given::{self, LeastArgs, RootArgs, StoreArgs, TrustArgs};
use super::reports::{self, Answered, ReportArgs};
use super::{Answer, Call};
use clap::{Args, ValueEnum};
use countersign_collect::artifact;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{exit_of, verdict_of};
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_flow::verify_artifact::{Checked, Wanted, promoted_to, with_bundles};
use countersign_flow::{FlowError, documents};
use countersign_report::reports::Facts;
use countersign_report::{output, text};
use std::path::{Path, PathBuf};

/// Verify an artifact against its bundles, or that a digest was promoted
///
/// With --bundle: every signature, signer, kind of statement and subject, and the SLSA Build level that is shown. With
/// --promoted-to: that the newest decision in the log authorised this digest, under the release that is active. Offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign verify dist/app --bundle app.sigstore.jsonl --trust trust.sigstore.json --trust-digest sha256:…\n  \
                        countersign verify sha256:… --promoted-to production --store .countersign --trust trust.sigstore.json"
)]
pub(crate) struct Verify {
    /// The artifact's file, or its digest as `sha256:…`
    artifact: PathBuf,
    /// Signed statements; a file may hold several, one a line
    #[arg(long = "bundle", value_name = "FILE", required_unless_present = "promoted_to")]
    bundles: Vec<PathBuf>,
    /// A kind of statement that there has to be one of
    #[arg(long = "type", value_name = "KIND", value_enum)]
    kinds: Vec<Type>,
    /// The least SLSA Build level
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
    /// Ask the record whether this digest was promoted to an environment
    #[arg(long, value_name = "ENVIRONMENT", conflicts_with = "bundles")]
    promoted_to: Option<EnvName>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    roots: RootArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
    #[command(flatten)]
    reports: ReportArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    /// SLSA provenance v1
    Provenance,
    /// A `CycloneDX` SBOM
    Sbom,
    /// A SLSA verification summary v1
    Vsa,
}

impl Verify {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let mut begun = reports::facts("verify");
        begun.environment.clone_from(&self.promoted_to);
        begun.file = self.artifact.display().to_string();
        begun.subject_name = self.artifact.file_name().map(|name| name.to_string_lossy().into_owned());
        self.reports.answer(call, begun.clone(), "nothing was verified", || self.verify(call, begun))
    }

    fn verify(&self, call: &Call<'_>, begun: Facts) -> Result<Answered<output::Verification>, FlowError> {
        let at = given::now()?;
        let (name, subject) = subject(&self.artifact)?;
        let trust = self.trust.read(at)?;
        let checked = if let Some(environment) = &self.promoted_to {
            let least = self.least.file();
            promoted_to(&subject, environment, &trust, &self.store.place(call)?, least, at)?
        } else {
            let mut documents = documents::read_all(&self.bundles, &[])?.documents;
            documents.extend(self.roots.read()?);
            let kinds = self.kinds.iter().map(|kind| match kind {
                Type::Provenance => Kind::Provenance,
                Type::Sbom => Kind::Sbom,
                Type::Vsa => Kind::Vsa,
            });
            let wanted = Wanted { subject, name: name.clone(), kinds: kinds.collect(), level: self.level };
            with_bundles(&wanted, &documents, &trust, at)
        };
        Ok(show(begun, name, subject, &checked, &self.bundles))
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
    let text =
        documents::named(&format!("{name}  {subject}\n{}{found}\n{end}\n", text::checks(&checked.checks)), bundles);
    let named = documents::with_names(&checked.findings, bundles);
    let mut facts = reports::ended(begun, document.verdict, exit, &named);
    (facts.subject_name, facts.subject) = (Some(name), Some(subject));
    facts.checks.clone_from(&checked.checks);
    end.clone_into(&mut facts.closing);
    Answered { document, text, facts }
}

/// A digest as it is written, or a file's. A tag is neither: what it means can change while we look.
fn subject(artifact: &Path) -> Result<(String, Sha256), FlowError> {
    if let Some(text) = artifact.to_str().filter(|text| text.starts_with("sha256:") && !artifact.exists()) {
        let digest = text.parse().map_err(|error| FlowError::Usage(format!("{text}: {error}")))?;
        return Ok(("artifact".to_owned(), digest));
    }
    let tag = artifact.to_str().filter(|text| !artifact.exists() && text.contains(':') && !text.contains('\\'));
    if let Some(tag) = tag {
        return Err(FlowError::Usage(format!(
            "{tag} is a tag, which can be moved while it is checked: resolve it once, and give the digest as sha256:…"
        )));
    }
    let hashed = artifact::hash(artifact)?;
    Ok((hashed.name, hashed.digest))
}
