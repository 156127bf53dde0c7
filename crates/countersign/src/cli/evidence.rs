//! `evidence`: what people attest, recorded in the log; what the store has, and what is erased from it.

use super::given::{self, Kept, LeastArgs, StoreArgs, TrustArgs};
use super::{Answer, Call};
use crate::render::Done;
use clap::{Args, Subcommand};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{exit_of, verdict_of};
use countersign_core::time::Time;
use countersign_flow::controls::{ManualRequest, add_manual};
use countersign_flow::elsewhere::StoreName;
use countersign_flow::erasure::{self, EraseRequest};
use countersign_flow::{FlowError, keep, output as answer};
use countersign_report::text;
use countersign_sign::{KeyPlace, PersonKey, SigningKey};
use std::path::PathBuf;

/// Record what people attest, check what the store has, and erase a piece of it
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
    Check(Check),
    Erase(Box<Erase>),
}

/// Hold the evidence store against the log: what is missing, altered, erased, or named by nothing
///
/// Nothing is removed: what nothing names is shown, and left where it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign evidence check --store .countersign --trust trust.sigstore.json --trust-digest sha256:…"
)]
struct Check {
    #[command(flatten)]
    store: StoreArgs,
    /// The store of a log that goes on from this one, which was closed: what that log says is erased is erased here too
    #[arg(long, value_name = "STORE", value_parser = given::store_name(), help_heading = "Record")]
    later: Vec<StoreName>,
    /// List each piece that this log and its decisions name, with the first entry that does and what it is; `audit show` says by whom
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Erase one piece of evidence for good, such as one that names a person; the log says that it was there, and why it went
///
/// What rests on the piece is withheld from then on: it can be shown to nobody, and passes for nothing. Where the piece is evidence
/// by hand, `log verify` and every audit say so of its entry, and end with 3, for good. What a log that was closed rests on is erased
/// by the log that goes on from it, with `--also` for the closed one's store; export that one's package before, since none can be made
/// without the piece.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign evidence erase sha256:… --reason \"asked for by the person whom it names\" --key ~/.ssh/id_ed25519 \\\n    \
                  --log-key log.pem --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint"
)]
struct Erase {
    /// The piece
    digest: Sha256,
    /// Why, in a sentence that stays in the log: it should name nobody
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The key of the policy approver who answers for it: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The log's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
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
    /// The store of a log that this one goes on from, out of which the piece is taken as well; may be given several times
    #[arg(long, value_name = "STORE", value_parser = given::store_name(), help_heading = "Record")]
    also: Vec<StoreName>,
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
    /// The key of the person who answers for it: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The log's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
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
        match &self.verb {
            Verb::Add(Add::Manual(verb)) => verb.run(call),
            Verb::Check(verb) => verb.run(call),
            Verb::Erase(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Add(_) => "nothing was recorded",
            Verb::Check(_) => "nothing was checked",
            Verb::Erase(_) => "nothing was erased",
        }
    }
}

impl Check {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let (trust, place) = (self.trust.read(at)?, self.store.place(call)?);
        let Some(verified) = &trust.outcome.trust else { return Err(FlowError::Refused(trust.outcome.findings)) };
        let later = given::places(&self.later, call)?;
        let mut checked = erasure::check(&place, &later, verified, at)?;
        checked.findings.splice(..0, trust.outcome.findings.iter().cloned());
        let document = answer::EvidenceChecked {
            named: checked.named.len(),
            pieces: if self.list { checked.pieces } else { Vec::new() },
            kept: checked.kept.len(),
            erased: checked.erased,
            erased_elsewhere: checked.erased_elsewhere,
            unreferenced: checked.unreferenced,
            leftover: checked.leftover,
            verdict: verdict_of(&checked.findings),
            exit: exit_of(&checked.findings),
            findings: checked.findings,
        };
        Ok(Done::answer(call.format, document.exit, "evidence-check", &document, || {
            let found = if document.findings.is_empty() {
                String::new()
            } else {
                format!("{}\n", text::findings(&document.findings))
            };
            let left = match document.leftover.len() {
                0 => String::new(),
                left => format!(", {left} file(s) that are no evidence"),
            };
            let row = |piece: &answer::NamedPiece| {
                vec![piece.entry.to_string(), piece.what.clone(), piece.digest.to_string()]
            };
            let listed = match document.pieces.as_slice() {
                [] => String::new(),
                pieces => text::table(&["entry", "kind", "piece"], &pieces.iter().map(row).collect::<Vec<_>>()),
            };
            format!(
                "{listed}{found}{} named, {} in the store, {} erased, {} that nothing names{left}\n{}\n",
                document.named,
                document.kept,
                document.erased.len().saturating_add(document.erased_elsewhere.len()),
                document.unreferenced.len(),
                document.verdict
            )
        }))
    }
}

impl Erase {
    fn run(&self, call: &Call<'_>) -> Answer {
        let trust = self.trust.bytes()?;
        let kept = Kept { least: self.least.file(), output: self.checkpoint_output.as_deref() };
        let place = self.store.place_to_write(kept, call)?;
        keep::may_replace(self.checkpoint_output.as_deref(), &[&place])?;
        let access = call.world.token_access();
        let (key, keygen) = (PersonKey::open(&self.key, &access)?, call.world.ssh_keygen());
        let log_key = SigningKey::open(&self.log_key, &access)?;
        let also = given::places(&self.also, call)?;
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
        let request = EraseRequest {
            also: &also,
            digest: self.digest,
            reason: &self.reason,
            key: &key,
            keygen: &keygen,
            trust: &trust,
            place: &place,
            least_checkpoint: self.least.file(),
            at,
        };
        let erased = erasure::erase(&request, log_key)?;
        let kept = keep::replace(self.checkpoint_output.as_deref(), &[&place], &erased.checkpoint);
        let says = erased.place;
        let document = answer::EvidenceErased {
            entry: erased.entry,
            erasure: erased.erasure,
            removed: erased.removed,
            removed_earlier: erased.also,
            not_reached: erased.beyond,
            withheld: erased.withheld,
        };
        let done = Done::answer(call.format, Exit::Ok, "evidence-erase", &document, || {
            let gone = if document.removed { "erased" } else { "was not there any more" };
            let earlier = match document.removed_earlier {
                0 => String::new(),
                count => format!("\nerased from {count} store(s) of earlier logs too"),
            };
            let beyond: Vec<String> = document.not_reached.iter().map(ToString::to_string).collect();
            let beyond = if beyond.is_empty() {
                String::new()
            } else {
                let logs = beyond.join(", ");
                format!("the store of {logs} was not given, and may have it still: run this again with --also STORE\n")
            };
            let withheld = match document.withheld.as_slice() {
                [] => String::new(),
                places => format!(
                    "`log verify` and every audit say from now on that it is withheld, and end with 3: {}\n",
                    places.join("; ")
                ),
            };
            format!(
                "{}: {gone}{earlier}\n{says} says why, by person {}\n{withheld}{beyond}copies elsewhere, such as backups and packages, are not reached from here\n",
                document.erasure.erased, document.erasure.owner
            )
        });
        Ok(done.after(kept, self.checkpoint_output.as_deref(), &self.store.keep_elsewhere()))
    }
}

impl Manual {
    fn run(&self, call: &Call<'_>) -> Answer {
        let trust = self.trust.bytes()?;
        let kept = Kept { least: self.least.file(), output: self.checkpoint_output.as_deref() };
        let place = self.store.place_to_write(kept, call)?;
        keep::may_replace(self.checkpoint_output.as_deref(), &[&place])?;
        let access = call.world.token_access();
        let (key, keygen) = (PersonKey::open(&self.key, &access)?, call.world.ssh_keygen());
        let log_key = SigningKey::open(&self.log_key, &access)?;
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
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
        let recorded = add_manual(&request, log_key)?;
        let kept = keep::replace(self.checkpoint_output.as_deref(), &[&place], &recorded.checkpoint);
        let document = answer::EvidenceAdded { entry: recorded.entry, evidence: recorded.evidence };
        let done = Done::answer(call.format, Exit::Ok, "evidence-add-manual", &document, || {
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
        });
        Ok(done.after(kept, self.checkpoint_output.as_deref(), &self.store.keep_elsewhere()))
    }
}
