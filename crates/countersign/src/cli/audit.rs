//! `audit export` and `audit verify`.

use super::given::{LeastArgs, OutsideDigest, StoreArgs};
use super::{Answer, Call};
use crate::render::Done;
use clap::{Args, Subcommand};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{exit_of, verdict_of};
use countersign_core::limits;
use countersign_flow::audit::{self, AuditReport, OutsideTrust};
use countersign_flow::{files, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use std::path::PathBuf;

/// Pack the record into one file, and prove it all again from that file
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Export(Export),
    Verify(Verify),
}

/// Pack the whole log with all its evidence into one file
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign audit export --store .countersign --output 2026.cspkg")]
struct Export {
    #[command(flatten)]
    store: StoreArgs,
    /// The package
    #[arg(long, value_name = "FILE.cspkg")]
    output: PathBuf,
}

/// Check a package: every signature, every proof, and every decision run again
///
/// No network, no git, no store: the file, this program, and a trust document from elsewhere. Without trust only the
/// package's inner consistency is checked, which proves nothing by itself (exit code 3).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit verify 2026.cspkg --trust trust.sigstore.json --trust-digest sha256:…"
)]
struct Verify {
    /// The package
    package: PathBuf,
    /// The signed trust document, from elsewhere than the package
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Its digest, from elsewhere again
    #[arg(long, value_name = "sha256:…", env = crate::variables::TRUST_DIGEST, value_parser = OutsideDigest::parse)]
    trust_digest: Option<OutsideDigest>,
    /// A checkpoint of the log that was kept elsewhere: shows that the package does not leave out the end
    #[command(flatten)]
    least: LeastArgs,
}

impl Audit {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Export(verb) => verb.run(call),
            Verb::Verify(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Export(_) => "nothing was written",
            Verb::Verify(_) => "nothing was verified",
        }
    }
}

impl Export {
    fn run(&self, call: &Call<'_>) -> Answer {
        let package = audit::export(&self.store.place(call)?)?;
        write_atomic(&self.output, &package.bytes, 0o644)?;
        let document = answer::AuditExported {
            output: self.output.display().to_string(),
            bytes: package.bytes.len(),
            digest: Sha256::of(&package.bytes),
            entries: package.entries,
            documents: package.documents,
        };
        Ok(Done::answer(call.format, Exit::Ok, "audit-export", &document, || {
            format!(
                "{}: {} entries, {} documents, {} bytes\n{}\n",
                document.output, document.entries, document.documents, document.bytes, document.digest
            )
        }))
    }
}

impl Verify {
    fn run(&self, call: &Call<'_>) -> Answer {
        let limit = usize::try_from(limits::PACKAGE_BYTES).unwrap_or(usize::MAX);
        let package = files::read(&self.package, limit)?;
        let trust = self.trust.as_deref().map(|path| files::read(path, limits::COLLECTION_BYTES)).transpose()?;
        let digest = self.trust_digest.and_then(OutsideDigest::given);
        let outside = trust.as_deref().map(|bytes| OutsideTrust { bytes, digest: digest.as_ref() });
        let least = self.least.file().map(|path| files::read(path, limits::NOTE_BYTES)).transpose()?;
        let report = audit::verify(&package, outside, least.as_deref())?;
        let exit = exit_of(&report.findings);
        let document = answer::AuditVerified {
            verdict: verdict_of(&report.findings),
            log: report.log.clone(),
            decisions: report.decisions.clone(),
            checks: report.checks.clone(),
            findings: report.findings.clone(),
            exit,
        };
        Ok(Done::answer(call.format, exit, "audit-verify", &document, || words(&report)))
    }
}

/// How many decisions are listed for people; JSON has them all.
const LISTED: usize = 20;

fn words(report: &AuditReport) -> String {
    let mut out = text::checks(&report.checks);
    if !report.decisions.is_empty() {
        let rows: Vec<Vec<String>> = report
            .decisions
            .iter()
            .rev()
            .take(LISTED)
            .rev()
            .map(|row| {
                vec![
                    row.entry.to_string(),
                    row.time.to_string(),
                    row.environment.to_string(),
                    row.subject_name.clone(),
                    row.verdict.to_string(),
                    row.policy_version.map_or_else(|| "none".to_owned(), |version| version.to_string()),
                    match (row.same_again, row.withheld) {
                        (_, true) => "withheld",
                        (true, false) => "the same again",
                        (false, false) => "NOT the same again",
                    }
                    .to_owned(),
                ]
            })
            .collect();
        out.push('\n');
        if report.decisions.len() > LISTED {
            out.push_str(&format!("the newest {LISTED} of {} decisions:\n", report.decisions.len()));
        }
        out.push_str(&text::table(
            &["entry", "time", "environment", "artifact", "verdict", "policy", "run again"],
            &rows,
        ));
    }
    if !report.findings.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(&report.findings));
    }
    out.push_str(&format!("\n{}\n", verdict_of(&report.findings)));
    out
}
