//! `audit verify`.

use super::super::{Answer, Call};
use super::facts::ToKeep;
use super::{OutsideArgs, file};
use crate::render::Done;
use clap::Args;
use countersign_core::finding::{Verdict, exit_of, verdict_of};
use countersign_flow::FlowError;
use countersign_flow::audit::{self, AuditReport, How};
use countersign_flow::output::{self as answer, KeptFacts};
use countersign_record::package::Source;
use countersign_report::message::quoted;
use countersign_report::text;
use std::path::{Path, PathBuf};

/// Check a package: every signature, every proof, every list, and every decision run again
///
/// No network, no git, no store: the file, this program, and a trust document from elsewhere. Without trust only the
/// package's inner consistency is checked, which proves nothing by itself (exit code 3). So is a first look by --quick or
/// --sample: what was not looked at is said, and is no pass.
///
/// What is checked is the record: a promotion that went out although a rule failed is in it, and no fault of it. `audit ask`
/// lists those and ends with 1 (Q12; Q06 for emergencies that were not reviewed in time, Q11 for exceptions, Q10 for
/// violations that are not mended).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit verify 2026.cspkg --trust trust.sigstore.json --trust-digest sha256:…\n  countersign audit verify 2026.cspkg --facts-output 2026.facts --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(super) struct Verify {
    /// The package
    package: PathBuf,
    #[command(flatten)]
    outside: OutsideArgs,
    /// The package of the log that this one goes on from: checked the same, and held against what this one says of it.
    /// More by repeating it, the newest first
    #[arg(long, value_name = "PACKAGE")]
    earlier: Vec<PathBuf>,
    /// Proofs alone: form, digests, log, trust and activations. No decision is read
    #[arg(long, conflicts_with = "sample")]
    quick: bool,
    /// Of the decisions run only so many again, spread evenly over the log; every signature is checked all the same
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Keep what `audit ask` and its neighbours need, so that with --facts they answer at once. Your own note: nobody signs it,
    /// and its digest is printed
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    facts_output: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let how = match (self.quick, self.sample) {
            (true, _) => How::Quick,
            (false, Some(n)) => How::Sample(n),
            (false, None) => How::Full,
        };
        let keeping = self.facts_output.as_deref().map(|output| self.to_keep(output)).transpose()?;
        let outside = self.outside.read()?;
        let package = Box::new(file(&self.package)?);
        let mut earlier: Vec<Box<dyn Source>> = Vec::new();
        for path in &self.earlier {
            earlier.push(Box::new(file(path)?));
        }
        let (trust, least) = (outside.trust(), outside.least.as_deref());
        let (mut report, opened) = audit::verify_opened(package, trust, least, earlier, how)?;
        let facts = match keeping {
            Some(keeping) => keeping.keep(opened.as_ref(), &outside, &mut report, how)?,
            None => None,
        };
        let exit = exit_of(&report.findings);
        let document = answer::AuditVerified {
            verdict: verdict_of(&report.findings),
            log: report.log.clone(),
            scope: report.scope.clone(),
            left_out: report.left_out.clone(),
            decisions: report.decisions.clone(),
            checks: report.checks.clone(),
            findings: report.findings.clone(),
            facts,
            exit,
        };
        Ok(Done::answer(call.format, exit, "audit-verify", &document, || {
            let mut out = words(&report, &self.package);
            match (&document.facts, &self.facts_output) {
                (Some(KeptFacts { output, digest }), _) => {
                    let package = quoted(&self.package.display().to_string());
                    let outside =
                        self.outside.words().into_iter().map(|(option, value)| format!(" {option} {}", quoted(&value)));
                    out.push_str(&format!(
                        "facts kept in {}: {digest}\n  ask from them: countersign audit ask Q01 {package} --facts {} --facts-digest {digest}{}\n",
                        text::plain(output), quoted(output), outside.collect::<String>()
                    ));
                }
                (None, Some(output)) => out.push_str(&format!("no facts were kept in {}\n", output.display())),
                (None, None) => {}
            }
            out
        }))
    }

    /// Nothing that is read is written over.
    fn to_keep<'a>(&'a self, output: &'a Path) -> Result<ToKeep<'a>, FlowError> {
        let mut read = vec![Some(self.package.as_path()), self.outside.trust.as_deref(), self.outside.least.file()];
        read.extend(self.earlier.iter().map(|path| Some(path.as_path())));
        ToKeep::new(output, &self.package, &read)
    }
}

/// How many decisions are listed for people; JSON has them all.
const LISTED: usize = 20;

fn words(report: &AuditReport, package: &Path) -> String {
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
    let excepted = report.decisions.iter().filter(|row| row.authorised && row.verdict != Verdict::Pass).count();
    if excepted > 0 {
        out.push_str(&format!(
            "{excepted} let something through without a pass: no fault of the record, and a row of `countersign audit ask Q12 {}`\n",
            countersign_report::escape::plain(&package.display().to_string())
        ));
    }
    if !report.findings.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(&report.findings));
    }
    out.push_str(&format!("\n{}\n", verdict_of(&report.findings)));
    out
}
