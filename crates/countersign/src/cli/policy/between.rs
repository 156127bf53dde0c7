//! `policy diff` and `policy export`: two releases beside each other, and one for another engine.

use crate::cli::given::{self, OutsideDigest, StoreArgs};
use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::exit_of;
use countersign_core::ids::EnvName;
use countersign_core::policy::Manifest;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::StoreBlobs;
use countersign_flow::policy::diff::{self, Effect};
use countersign_flow::policy::{self, opa};
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_verify::LogState;
use std::path::{Path, PathBuf};

/// What stands before the name of an environment.
const ACTIVE: &str = "active:";

/// Say what one release changes against another
///
/// In words: rules, stages, parameters, texts, owners, sources, environments, and whether a change may let pass what was
/// refused. Signatures are not checked, save for those of a release that is active.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign policy diff policy.manifest.json policy/\n  countersign policy diff active:production \
                        policy/ --trust trust.sigstore.json --trust-digest sha256:… --refuse-loosening"
)]
pub(super) struct Diff {
    /// A policy folder, a manifest, an approved release, or `active:ENVIRONMENT`
    before: String,
    /// The same, for the later one
    after: String,
    /// Exit 1 if a change may let pass what was refused
    #[arg(long)]
    refuse_loosening: bool,
    /// The signed trust document, for `active:…`
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    trust: Option<PathBuf>,
    /// Its digest, from outside
    #[arg(long, value_name = "sha256:…", env = crate::variables::TRUST_DIGEST, value_parser = OutsideDigest::parse, help_heading = "Trust")]
    trust_digest: Option<OutsideDigest>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Write a release for another engine
///
/// A bundle that OPA loads: the rules that are written, with what they share, their data and parameters. Rules that are
/// built in stay here.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign policy export policy.sigstore.json --opa --output policy.tar.gz")]
pub(super) struct Export {
    /// A policy folder, a manifest, or an approved release
    release: PathBuf,
    /// For OPA
    #[arg(long, required = true)]
    opa: bool,
    /// The bundle
    #[arg(long, value_name = "FILE", default_value = "policy.tar.gz")]
    output: PathBuf,
}

impl Diff {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let (before, after) = (self.release(call, &self.before)?, self.release(call, &self.after)?);
        let changes = diff::diff(&before, &after)?;
        let count = |effect| changes.iter().filter(|change| change.effect == effect).count();
        let loosening = count(Effect::Loosens);
        let document = answer::PolicyDiffered {
            before: before.digest()?,
            after: after.digest()?,
            loosening,
            tightening: count(Effect::Tightens),
            either: count(Effect::Either),
            exit: if self.refuse_loosening && loosening > 0 { Exit::Refused } else { Exit::Ok },
            changes,
        };
        Ok(Done::answer(call.format, document.exit, "policy-diff", &document, || {
            let named =
                |manifest: &Manifest, digest: &Sha256| format!("{}@{} {digest}", manifest.uri, manifest.version);
            format!(
                "- {}\n+ {}\n\n{}",
                named(&before, &document.before),
                named(&after, &document.after),
                diff::words(&document.changes)
            )
        }))
    }

    fn release(&self, call: &Call<'_>, name: &str) -> Result<Manifest, FlowError> {
        let Some(environment) = name.strip_prefix(ACTIVE) else { return policy::release(Path::new(name)) };
        let environment: EnvName = environment.parse().map_err(|error| FlowError::Usage(format!("{name}: {error}")))?;
        let trust = self.trust.as_ref().ok_or_else(|| {
            FlowError::Usage(format!("{name}: what is active is read from the log, which needs --trust"))
        })?;
        let at = given::now()?;
        let trust = TrustFile::read(trust, self.trust_digest.and_then(OutsideDigest::given), at)?;
        let Some(verified) = &trust.outcome.trust else { return Err(FlowError::Refused(trust.outcome.findings)) };
        let place = self.store.place(call)?;
        let (checkpoint, entries) = place.read_log()?;
        let blobs = StoreBlobs::new(place.store());
        let opened = LogState::open(&checkpoint, &entries, verified, &blobs, at);
        let active = opened.state.as_ref().and_then(|state| state.now().active(&environment));
        let manifest = active.map(|active| active.release.manifest().clone());
        blobs.finish()?;
        manifest.ok_or_else(|| {
            let mut findings = opened.findings;
            findings.extend(policy::unknown_environment(&environment, verified.trust()));
            if exit_of(&findings) == Exit::Ok {
                findings.push(policy::none_active(environment.as_str()));
            }
            FlowError::Refused(findings)
        })
    }
}

impl Export {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let manifest = policy::release(&self.release)?;
        let bundle = opa::export(&manifest)?;
        write_atomic(&self.output, &bundle.bytes, 0o644)?;
        let document = answer::PolicyExported {
            output: self.output.display().to_string(),
            digest: manifest.digest()?,
            file: Sha256::of(&bundle.bytes),
            rules: bundle.rules,
            left_out: bundle.left_out,
        };
        Ok(Done::answer(call.format, Exit::Ok, "policy-export", &document, || {
            let rules: Vec<String> =
                document.rules.iter().map(|(id, path)| format!("  {id}: data.{}\n", text::plain(path))).collect();
            let rules = rules.concat();
            let left = if document.left_out.is_empty() {
                String::new()
            } else {
                format!("built in, and not in the bundle: {}\n", document.left_out.join(", "))
            };
            format!(
                "{}: {} rule(s) for OPA, revision {}\n{rules}{left}ask OPA with --strict-builtin-errors; docs/rego.md says \
                 what differs\n",
                document.output,
                document.rules.len(),
                document.digest
            )
        }))
    }
}
