//! `log proof`: a receipt of one entry, in a file that stands for itself, and its check by nothing but keys.

use super::super::given::StoreArgs;
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, exit_of, verdict_of};
use countersign_core::limits;
use countersign_core::log::note::NoteKey;
use countersign_core::log::proof::TlogProof;
use countersign_core::log::quorum::{PolicyLog, PolicyRefused, TlogPolicy};
use countersign_flow::{FlowError, files, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_record::log::cosigned::read_cosigned;
use countersign_record::log::reader::LogReader;
use countersign_record::log::{FolderFiles, LogError};
use countersign_report::{output, text};
use countersign_verify::keys::note_signature_holds;
use std::path::{Path, PathBuf};

/// Write the receipt of an entry, or check one offline
///
/// The receipt (C2SP tlog-proof, by custom `.tlog-proof`) has the entry's index, the hashes from it to the root, and the
/// checkpoint: cosigned by witnesses where a cosigned one holds the entry. It is checked with the entry and the keys of log
/// and witnesses alone: no store, no network, no trust document.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign log proof --store .countersign --entry 3 --output 3.tlog-proof\n  \
                  countersign log show --store .countersign --entry 3 > 3.json\n  \
                  countersign log proof --verify 3.tlog-proof --of 3.json --policy log.policy")]
pub(super) struct Proof {
    #[command(flatten)]
    store: StoreArgs,
    /// The entry that the receipt is of
    #[arg(long, value_name = "N", required_unless_present = "verify", conflicts_with = "verify")]
    entry: Option<u64>,
    /// Put the entry itself into the receipt, as its extra data
    #[arg(long, requires = "entry")]
    with_entry: bool,
    /// Where to write it; standard output where none is given
    #[arg(long, value_name = "FILE", requires = "entry")]
    output: Option<PathBuf>,
    /// Check this receipt
    #[arg(long, value_name = "FILE", help_heading = "Check")]
    verify: Option<PathBuf>,
    /// The entry, byte for byte, as `log show --entry` prints it; not needed where the receipt has it in it
    #[arg(long, value_name = "FILE", requires = "verify", help_heading = "Check")]
    of: Option<PathBuf>,
    /// Which logs count, and which witnesses have to have cosigned: a file in the form of C2SP tlog-policy
    #[arg(long, value_name = "FILE", requires = "verify", help_heading = "Check")]
    policy: Option<PathBuf>,
    /// The log's key in place of a policy, as a verifier key: name+hash+base64. No witness is asked for then
    #[arg(long, value_name = "KEY", requires = "verify", conflicts_with = "policy", help_heading = "Check")]
    key: Option<NoteKey>,
}

impl Proof {
    pub(super) const fn not_done(&self) -> &'static str {
        if self.verify.is_some() { "nothing was verified" } else { "nothing was written" }
    }

    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        match (&self.verify, self.entry) {
            (Some(receipt), _) => self.check(call, receipt),
            (None, Some(entry)) => self.write(call, entry),
            (None, None) => Err(FlowError::Usage("name an entry with --entry, or a receipt with --verify".to_owned())),
        }
    }

    fn write(&self, call: &Call<'_>, entry: u64) -> Answer {
        let place = self.store.place(call)?;
        if let Some(output) = &self.output {
            files::apart_from_store(output, &place)?;
        }
        let folder = place.log();
        let newest = LogReader::open(&folder)?;
        if entry >= newest.size() {
            let none = LogError::NoEntry { index: entry, size: newest.size() };
            return Err(FlowError::Usage(format!("--entry {entry}: {none}")));
        }
        let cosigned = read_cosigned(newest.files())?.filter(|cosigned| cosigned.claim().size > entry);
        let reader = match cosigned {
            Some(cosigned) => LogReader::at(FolderFiles::new(&folder), cosigned),
            None => newest,
        };
        let mut proof = reader.tlog_proof(entry)?;
        if self.with_entry {
            let bytes = reader.entry(entry)?;
            if bytes.len() > limits::PROOF_EXTRA_BYTES {
                return Err(FlowError::Usage(format!("--with-entry: the entry has {} bytes, too many", bytes.len())));
            }
            proof.extra = Some(bytes);
        }
        let written = proof.to_string();
        if let Some(path) = &self.output {
            write_atomic(path, written.as_bytes(), 0o644)?;
        }
        let document = answer::LogProof {
            index: entry,
            size: reader.size(),
            signatures: u64::try_from(proof.checkpoint.note().signatures().len()).unwrap_or(u64::MAX),
            output: self.output.as_ref().map(|path| path.display().to_string()),
            proof: written,
        };
        Ok(Done::answer(call.format, Exit::Ok, "log-proof", &document, || match &document.output {
            None => document.proof.clone(),
            Some(output) => format!(
                "{output}: entry {entry} in {} entries, {} signature(s) on the checkpoint\n",
                document.size, document.signatures
            ),
        }))
    }

    /// By which logs and witnesses. There is no check without: whose checkpoint it is, is half of it.
    fn policy(&self) -> Result<TlogPolicy, FlowError> {
        let refused = |place: &str, error: &dyn std::fmt::Display| FlowError::Usage(format!("{place}: {error}"));
        match (&self.policy, &self.key) {
            (Some(path), _) => {
                let bytes = files::read(path, limits::TLOG_POLICY_BYTES)?;
                TlogPolicy::parse(&bytes).map_err(|error| refused(&path.display().to_string(), &error))
            }
            (None, Some(key)) => {
                let log = PolicyLog { key: key.clone(), url: None };
                TlogPolicy::new(vec![log], Vec::new(), Vec::new(), None).map_err(|error| refused("--key", &error))
            }
            (None, None) => Err(FlowError::Usage("whose log it is has to be said: --policy or --key".to_owned())),
        }
    }

    fn check(&self, call: &Call<'_>, receipt: &Path) -> Answer {
        let policy = self.policy()?;
        let bytes = files::read(receipt, limits::COLLECTION_BYTES)?;
        let of =
            self.of.as_ref().map(|path| files::read(path, limits::LOG_ENTRY_BYTES.saturating_add(1))).transpose()?;
        let (mut checks, mut findings) = (Vec::new(), Vec::new());
        let mut line = |id: &str, found: Vec<Finding>, holds: String| {
            let detail = found.first().map_or(holds, |finding| finding.what.clone());
            checks.push(Check::new(id, verdict_of(&found), detail));
            findings.extend(found);
        };
        let place = receipt.display().to_string();
        match TlogProof::parse(&bytes) {
            Err(error) => {
                let finding = Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(place);
                line(
                    "receipt",
                    vec![finding.help("get the receipt again: `countersign log proof` writes it")],
                    String::new(),
                );
            }
            Ok(proof) => {
                let claim = proof.checkpoint.claim();
                let said = format!("{}, {} entries, root {}", claim.origin, claim.size, claim.root);
                line("receipt", Vec::new(), format!("entry {} of {said}", proof.index));
                let accepted = accept(&policy, &proof);
                let by = accepted.as_ref().map_or_else(|_| String::new(), |names| format!("signed by {names}"));
                line("log-checkpoint", accepted.err().map(|f| f.at(place.as_str())).into_iter().collect(), by);
                let held = holds(&proof, of.as_deref()).err().map(|finding| finding.at(place.as_str()));
                line("inclusion", held.into_iter().collect(), format!("the entry is at index {}", proof.index));
            }
        }
        let exit = exit_of(&findings);
        let document = output::Verification { subject: None, verdict: verdict_of(&findings), checks, findings, exit };
        Ok(Done::answer(call.format, exit, "log-proof-verify", &document, || {
            let found = match document.findings.as_slice() {
                [] => String::new(),
                findings => format!("\n{}", text::findings(findings)),
            };
            format!("{}{found}\n{}\n", text::checks(&document.checks), document.verdict)
        }))
    }
}

/// The names of who signed, if they do.
fn accept(policy: &TlogPolicy, proof: &TlogProof) -> Result<String, Finding> {
    let verifier =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    match policy.accept(&proof.checkpoint, &verifier) {
        Ok(accepted) => {
            let logs = accepted.logs.iter().map(|key| key.name().to_string());
            let witnesses = accepted.witnesses.iter().map(|(name, time)| format!("{name} at {time}"));
            Ok(logs.chain(witnesses).collect::<Vec<_>>().join(", "))
        }
        Err(refused) => {
            let code = match &refused {
                PolicyRefused::Witness(_) => codes::COSIGNATURE_INVALID,
                PolicyRefused::Quorum { .. } => codes::WITNESS_QUORUM_MISSING,
                // Of the log; and whatever is new is no less than a signature that does not hold.
                PolicyRefused::Log(_) | _ => codes::LOG_CHECKPOINT_INVALID,
            };
            Err(Finding::new(code, refused.to_string()))
        }
    }
}

fn holds(proof: &TlogProof, of: Option<&[u8]>) -> Result<(), Finding> {
    let Some(entry) = of.or(proof.extra.as_deref()) else {
        return Err(Finding::new(codes::EVIDENCE_WITHHELD, "the entry that the receipt is of was not given")
            .expected("the entry", "--of")
            .found("none, and none in the receipt"));
    };
    let verified = proof.verify_entry(entry);
    // A line end that a terminal's redirection left behind is not the entry's: an entry is one JSON document.
    let verified = match entry.strip_suffix(b"\n") {
        Some(bare) if verified.is_err() => proof.verify_entry(bare),
        _ => verified,
    };
    let help = "the receipt is not of this entry, or one of them was altered: give the entry with the index that stands in the receipt";
    verified.map_err(|refused| Finding::new(codes::LOG_ROOT_MISMATCH, refused.to_string()).help(help))
}
