//! `evidence`: what people attest, recorded in the log.

use super::given::{self, LeastArgs, StoreArgs, TrustArgs};
use super::{Answer, Call};
use crate::render::Done;
use clap::{Args, Subcommand};
use countersign_core::exit::Exit;
use countersign_core::time::Time;
use countersign_flow::controls::{ManualRequest, add_manual};
use countersign_flow::output as answer;
use countersign_record::atomic::write_atomic;
use countersign_sign::{KeyPlace, PersonKey, SigningKey};
use std::path::PathBuf;

/// Record what people attest
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add evidence to the log
    #[command(subcommand)]
    Add(Add),
}

#[derive(Debug, Subcommand)]
enum Add {
    Manual(Box<Manual>),
}

/// Attest by hand that a control was looked at, until when that counts, and which document shows it
///
/// The document stays where it is: its digest is signed and recorded. Nothing counts for longer than a year.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign evidence add manual --control \"SOC 2 CC6.4\" --statement \"The doors of the server room were tried\" \\\n    \
                  --document protocol.pdf --as-of 2026-11-20T00:00:00Z --valid-until 2027-02-20T00:00:00Z --key ~/.ssh/id_ed25519 \\\n    \
                  --log-key log.pem --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint"
)]
struct Manual {
    /// The control, by its full name; may be given several times
    #[arg(long = "control", value_name = "NAME", required = true)]
    controls: Vec<String>,
    /// What is attested, in a sentence
    #[arg(long, value_name = "TEXT")]
    statement: String,
    /// The document that shows it
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// The time of which it speaks
    #[arg(long, value_name = "TIME")]
    as_of: Time,
    /// From this moment on it counts no longer
    #[arg(long, value_name = "TIME")]
    valid_until: Time,
    /// The key of the person who answers for it: SSH (a `.pub` asks the agent) or PEM
    #[arg(long, value_name = "FILE|pkcs11:…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The log's key
    #[arg(long, value_name = "FILE|pkcs11:…", value_parser = given::key_place())]
    log_key: KeyPlace,
    /// Where to keep the new checkpoint: elsewhere than the store
    #[arg(long, value_name = "FILE")]
    checkpoint_output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
}

impl Evidence {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let Verb::Add(Add::Manual(verb)) = &self.verb;
        verb.run(call)
    }
}

impl Manual {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let (trust, place) = (self.trust.read(at)?, self.store.place(call)?);
        let access = call.world.token_access();
        let (key, keygen) = (PersonKey::open(&self.key, &access)?, call.world.ssh_keygen());
        let request = ManualRequest {
            controls: self.controls.iter().cloned().collect(),
            statement: &self.statement,
            as_of: self.as_of,
            valid_until: self.valid_until,
            document: &self.document,
            key: &key,
            keygen: &keygen,
            trust: &trust,
            place: &place,
            least_checkpoint: self.least.file(),
            at,
        };
        let recorded = add_manual(&request, SigningKey::open(&self.log_key, &access)?)?;
        if let Some(path) = &self.checkpoint_output {
            write_atomic(path, &recorded.checkpoint, 0o644)?;
        }
        let document = answer::EvidenceAdded { entry: recorded.entry, evidence: recorded.evidence };
        Ok(Done::answer(call.format, Exit::Ok, "evidence-add-manual", &document, || {
            let evidence = &document.evidence;
            let controls: Vec<&str> = evidence.controls.iter().map(String::as_str).collect();
            format!(
                "log entry {}: person {} attests {} until {}\n{}\n",
                document.entry,
                evidence.owner,
                controls.join(", "),
                evidence.valid_until,
                evidence.document
            )
        }))
    }
}
