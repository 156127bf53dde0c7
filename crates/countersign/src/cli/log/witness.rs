//! `log witness` and `log policy`: having the log cosigned, and what trust asks of witnesses as a file for others.

use super::super::given::{self, Kept, StoreArgs, TrustArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_collect::witness::WitnessClient;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, exit_of, verdict_of};
use countersign_core::ids::EnvName;
use countersign_flow::outside::TrustFile;
use countersign_flow::witness::ask_all;
use countersign_flow::{FlowError, keep, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::{output, text};
use countersign_verify::VerifiedTrust;
use std::path::PathBuf;

/// Have witnesses cosign the log as it is
///
/// Asks the witnesses of trust that have an address, and keeps what they cosigned beside the log. Speaks to the network,
/// and to them alone. `promote` does the same by itself where trust wants it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign log witness --store .countersign --to production --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(super) struct Witness {
    /// The environment whose quorum is asked
    #[arg(long, value_name = "ENVIRONMENT")]
    to: EnvName,
    /// Where to keep the cosigned checkpoint as well: elsewhere than the store
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Print what trust asks of logs and witnesses, in the form of C2SP tlog-policy
///
/// For whoever checks receipts with `log proof --verify`, or with other tools, and has no trust document.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign log policy --to production --trust trust.sigstore.json --trust-digest sha256:… --output log.policy"
)]
pub(super) struct Policy {
    /// The environment whose quorum it is; without it, the logs of trust and no witness
    #[arg(long, value_name = "ENVIRONMENT")]
    to: Option<EnvName>,
    /// Where to write it; standard output where none is given
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

impl Witness {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let place = self.store.place_to_write(Kept { least: None, output: self.output.as_deref() }, call)?;
        // Nobody is asked of a log that does not go on from what is kept: what they cosign could not be kept there.
        keep::may_replace(self.output.as_deref(), &[&place])?;
        let at = given::now()?;
        let file = self.trust.read(at)?;
        let trust = trusted(&file)?;
        let asked = ask_all(&place, trust.trust(), &self.to, at, &WitnessClient)?;
        let cosigned = asked.ok_or_else(|| no_quorum(&self.to))?;
        if !cosigned.contradicted() {
            place.keep_cosigned(&cosigned.note, cosigned.quorum.is_ok())?;
        }
        let kept = match &cosigned.quorum {
            Ok(_) => keep::replace(self.output.as_deref(), &[&place], cosigned.note.to_string().as_bytes()),
            Err(_) => Ok(()),
        };
        let (held, missing) = match &cosigned.quorum {
            Ok(witnessed) => {
                let names = witnessed.witnesses.iter().map(|(name, time)| format!("{name} at {time}"));
                let names = names.collect::<Vec<_>>().join(", ");
                (format!("{} entries, cosigned by {names}", witnessed.log.size), None)
            }
            Err(finding) => (finding.what.clone(), Some(finding.clone())),
        };
        let findings: Vec<Finding> = missing.into_iter().chain(cosigned.findings).collect();
        let checks = vec![Check::new("log-witnessed", verdict_of(&findings), held)];
        let exit = exit_of(&findings);
        let document = output::Verification { subject: None, verdict: verdict_of(&findings), checks, findings, exit };
        let done = Done::answer(call.format, exit, "log-witness", &document, || {
            let found = match document.findings.as_slice() {
                [] => String::new(),
                findings => format!("\n{}", text::findings(findings)),
            };
            format!("{}{found}\n{}\n", text::checks(&document.checks), document.verdict)
        });
        Ok(done.after(kept, self.output.as_deref(), &self.store.keep_elsewhere()))
    }
}

impl Policy {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let file = self.trust.read(given::now()?)?;
        let trust = trusted(&file)?;
        let trust = trust.trust();
        let policy = match &self.to {
            Some(environment) => {
                trust.witness_quorum(environment).ok_or_else(|| no_quorum(environment))?.policy.to_string()
            }
            None => trust.log_policy().map_err(|error| FlowError::Usage(error.to_string()))?.to_string(),
        };
        if let Some(path) = &self.output {
            write_atomic(path, policy.as_bytes(), 0o644)?;
        }
        let output = self.output.as_ref().map(|path| path.display().to_string());
        let document = answer::LogPolicy { environment: self.to.clone(), output, policy };
        Ok(Done::answer(call.format, Exit::Ok, "log-policy", &document, || match &document.output {
            None => document.policy.clone(),
            Some(output) => match &document.environment {
                Some(environment) => format!("{output}: the quorum of {environment}\n"),
                None => format!("{output}: the logs of trust, and no witness\n"),
            },
        }))
    }
}

/// Nobody is asked, and nothing handed on, by a trust that does not hold.
fn trusted(file: &TrustFile) -> Result<&VerifiedTrust, FlowError> {
    match &file.outcome.trust {
        Some(trust) if exit_of(&file.outcome.findings) == Exit::Ok => Ok(trust),
        _ => Err(FlowError::Refused(file.outcome.findings.clone())),
    }
}

fn no_quorum(environment: &EnvName) -> FlowError {
    FlowError::Usage(format!(
        "--to {environment}: trust asks for no witnesses there: it has no `witness_quorum` for this environment"
    ))
}
