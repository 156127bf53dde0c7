//! `policy backtest`, `label` and `labels`: what a release would have said of the past, and what people say of that.

use super::super::given::{self, Kept, LeastArgs, StoreArgs, TrustArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::{Args, ValueEnum};
use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::ids::EnvName;
use countersign_core::limits;
use countersign_core::statement::adjudication::Opinion;
use countersign_core::time::Time;
use countersign_flow::backtest::{
    self, BacktestReport, BacktestRequest, Change, Counts, Label as Said, RuleRow, Since, labels_of,
};
use countersign_flow::{FlowError, files, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::{KeyPlace, PersonKey};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Run past decisions again, as if a new release had been active
///
/// Every decision is run again on its stored evidence, with its own time, trust and log: once under its own release, and once
/// under the new one. What cannot be run again is counted, and never left out. Nothing is recorded and nothing authorised.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy backtest policy/ --since 90d --output backtest.json --sample sample.json \\\n    \
                  --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint"
)]
pub(super) struct Backtest {
    /// The new release: a policy folder, a manifest, or an approved release
    new: PathBuf,
    /// Decisions from this time on, or of so many days before the newest entry, such as `90d`
    #[arg(long, value_name = "TIME|DAYSd")]
    since: Option<Since>,
    /// Decisions for one environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvName>,
    /// With the stages that the release's rules have at this time, such as the date of a ladder's last step: what would be
    /// refused then. Without it, rules have the stages of each decision's own time
    #[arg(long, value_name = "TIME")]
    stages_at: Option<Time>,
    /// The report, whose digest `policy approve --backtest` signs
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The new findings, for people to judge with `policy label`
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// How many findings the sample holds at most
    #[arg(long, value_name = "N", requires = "sample", value_parser = clap::value_parser!(u64).range(1..))]
    sample_size: Option<u64>,
    /// By what the sample is drawn: the same seed draws the same findings
    #[arg(long, value_name = "N", default_value_t = 0, requires = "sample")]
    seed: u64,
    /// End with 1 where a decision comes out in this way; may be given several times
    #[arg(long, value_name = "CHANGE", value_enum)]
    fail_on: Vec<FailOn>,
    /// On how many threads (all that the machine has)
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
}

/// A change that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A decision that passed would not
    NewlyRefused,
    /// A decision that did not pass would
    NewlyAllowed,
    /// An enforced rule gives no answer
    Error,
    /// A decision cannot be run again
    NotReplayable,
}

impl FailOn {
    const fn change(self) -> Change {
        match self {
            Self::NewlyRefused => Change::NewlyRefused,
            Self::NewlyAllowed => Change::NewlyAllowed,
            Self::Error => Change::Error,
            Self::NotReplayable => Change::NotReplayable,
        }
    }
}

/// Say of a finding whether the rule is right: signed, beside the sample
///
/// Two approvers who say the same settle a finding. Nobody's word is taken back: who says two things leaves it in dispute.
/// `policy labels`, `policy stages` and `policy activate` count the file alike.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy label sample.json --finding 3fa94c01 --false --key ~/.ssh/id_ed25519 \\\n    \
                        --reason \"a fixture, never deployed\""
)]
pub(super) struct Label {
    /// The sample
    sample: PathBuf,
    /// The finding: its fingerprint, or at least the first 8 characters
    #[arg(long, value_name = "FINGERPRINT")]
    finding: String,
    #[command(flatten)]
    verdict: VerdictArgs,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The file with the labels (beside the sample, ending in `.labels.sigstore.jsonl`)
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

/// What is said of it.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct VerdictArgs {
    /// The rule is right: a true positive
    #[arg(long = "true")]
    right: bool,
    /// The rule is wrong: a false positive
    #[arg(long = "false")]
    wrong: bool,
    /// It cannot be told
    #[arg(long)]
    unclear: bool,
}

impl VerdictArgs {
    const fn opinion(&self) -> Opinion {
        if self.right {
            Opinion::TruePositive
        } else if self.wrong {
            Opinion::FalsePositive
        } else {
            Opinion::Unclear
        }
    }
}

/// Count what people said of a sample: the share of false positives, and how sure it is
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy labels sample.json --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(super) struct Labels {
    /// The sample
    sample: PathBuf,
    /// The file with the labels (beside the sample, ending in `.labels.sigstore.jsonl`)
    #[arg(long = "labels", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

impl Backtest {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let manifest = backtest::read_release(&self.new)?;
        let (trust, place) =
            (self.trust.read(at)?, self.store.place_after(Kept { least: self.least.file(), output: None }, call)?);
        let most = self.sample_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(limits::BACKTEST_SAMPLE);
        let here = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let request = BacktestRequest {
            manifest,
            trust: &trust,
            place: &place,
            least_checkpoint: self.least.file(),
            since: self.since,
            environment: self.environment.clone(),
            stages_at: self.stages_at,
            seed: self.seed,
            most: most.min(limits::BACKTEST_SAMPLE),
            threads: self.threads.unwrap_or_else(here),
            at,
        };
        let run = backtest::backtest(&request)?;
        let mut findings = run.findings;
        findings.extend(self.not_accepted(&run.report.decisions));
        if let Some(path) = &self.output {
            write_atomic(path, &run.bytes, 0o644)?;
        }
        if let Some(path) = &self.sample {
            let text = countersign_core::json::pretty(&run.sample)?;
            write_atomic(path, text.as_bytes(), 0o644)?;
        }
        let shown = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let document = answer::PolicyBacktest {
            output: shown(&self.output),
            digest: run.digest,
            report: run.report,
            sample: shown(&self.sample),
            sampled: run.sample.findings.len(),
            exit: exit_of(&findings),
            findings,
        };
        Ok(Done::answer(call.format, document.exit, "policy-backtest", &document, || words(&document)))
    }

    fn not_accepted(&self, counts: &Counts) -> Vec<Finding> {
        let mut findings = Vec::new();
        for change in self.fail_on.iter().map(|fail| fail.change()) {
            let found = counts.of(change);
            if found > 0 {
                let what = format!("{found} of {} decisions would be {change}", counts.seen);
                let finding = Finding::new(codes::BACKTEST_CHANGED, what);
                findings.push(finding.expected("none", "--fail-on").found(found.to_string()));
            }
        }
        findings
    }
}

fn words(document: &answer::PolicyBacktest) -> String {
    let report = &document.report;
    let release = &report.release;
    let mut out = format!("release {}@{} as if it were active\n{}\n", release.uri, release.version, release.digest);
    out.extend(report.stages_at.map(|moment| format!("with the stages of its rules as of {moment}\n")));
    let since = report.since.map_or_else(|| "all".to_owned(), |since| format!("since {since}"));
    let environment = report.environment.as_ref().map_or_else(String::new, |e| format!(", for {e}"));
    out.push_str(&format!(
        "log {}, {} entries; decisions: {since}{environment}\n\n",
        report.log.origin, report.log.size
    ));
    out.push_str(&counts(report));
    out.push_str(&rules(report));
    out.push_str(&changed(report));
    if !report.not_replayable.is_empty() {
        let row = |row: &backtest::UnplayedRow| {
            vec![row.decisions.to_string(), row.code.to_string(), row.first_entry.to_string(), row.what.clone()]
        };
        let rows: Vec<Vec<String>> = report.not_replayable.iter().map(row).collect();
        out.push_str("\nnot replayable:\n");
        out.push_str(&text::table(&["decisions", "reason", "first entry", ""], &rows));
    }
    if !report.top_findings.is_empty() {
        let row = |top: &backtest::TopFinding| {
            let rule = top.rule.as_ref().map_or_else(String::new, ToString::to_string);
            vec![top.findings.to_string(), rule, top.code.to_string(), top.first_entry.to_string(), top.what.clone()]
        };
        let rows: Vec<Vec<String>> = report.top_findings.iter().map(row).collect();
        out.push_str(&format!("\nnew findings, {} in all; most frequent:\n", report.new_findings));
        out.push_str(&text::table(&["findings", "rule", "code", "first entry", "as there"], &rows));
    }
    out.push_str("\nas if:\n");
    for line in &report.as_if {
        out.push_str(&format!("  {line}\n"));
    }
    if !document.findings.is_empty() {
        out.push_str(&format!("\n{}", text::findings(&document.findings)));
    }
    if let Some(sample) = &document.sample {
        out.push_str(&format!(
            "\n{sample}: {} of {} new findings; judge them with `countersign policy label {sample} --finding …`\n",
            document.sampled, report.new_findings
        ));
    }
    match &document.output {
        Some(output) => out.push_str(&format!(
            "\n{output}: the report; `countersign policy approve … --backtest {output}` signs its digest\n{}\n",
            document.digest
        )),
        None => out.push_str(&format!("\nreport {} (--output FILE keeps it)\n", document.digest)),
    }
    out
}

fn counts(report: &BacktestReport) -> String {
    const HEADING: [&str; 9] = [
        "repository",
        "environment",
        "decisions",
        "same",
        "newly refused",
        "newly allowed",
        "refused otherwise",
        "error",
        "not replayable",
    ];
    let cells = |name: String, environment: String, counts: &Counts| {
        let numbers = [
            counts.seen,
            counts.same,
            counts.newly_refused,
            counts.newly_allowed,
            counts.refused_otherwise,
            counts.error,
            counts.not_replayable,
        ];
        let numbers = numbers.iter().map(ToString::to_string);
        [name, environment].into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = report
        .services
        .iter()
        .map(|row| {
            let gate = match row.enforced {
                Some(true) => "",
                Some(false) => " (not enforced)",
                None => " (not covered)",
            };
            cells(row.repository.clone(), format!("{}{gate}", row.environment), &row.decisions)
        })
        .collect();
    rows.push(cells("all".to_owned(), String::new(), &report.decisions));
    text::table(&HEADING, &rows)
}

fn rules(report: &BacktestReport) -> String {
    if report.rules.is_empty() {
        return String::new();
    }
    let row = |row: &RuleRow| {
        let was: Vec<String> = row.was.iter().map(|was| format!("{} {}", was.rule, was.stage)).collect();
        let was = if was.is_empty() { "not there".to_owned() } else { was.join(", ") };
        let now = match (&row.rule, row.stage) {
            (Some(rule), Some(stage)) => format!("{rule} {stage}"),
            _ => "not there".to_owned(),
        };
        let outcomes: Vec<String> = row.outcomes.iter().map(|(outcome, n)| format!("{n} {outcome}")).collect();
        vec![
            row.environment.to_string(),
            was,
            now,
            row.newly_broken.to_string(),
            row.newly_holds.to_string(),
            row.errors.to_string(),
            outcomes.join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = report.rules.iter().map(row).collect();
    let heading = ["environment", "rule was", "is", "newly broken", "newly holds", "errors", "verdicts"];
    format!("\n{}", text::table(&heading, &rows))
}

/// How many decisions are listed for people; the report has more.
const LISTED: usize = 20;

fn changed(report: &BacktestReport) -> String {
    if report.changed.is_empty() {
        return "\nno decision comes out otherwise\n".to_owned();
    }
    let rows: Vec<Vec<String>> = report
        .changed
        .iter()
        .take(LISTED)
        .map(|row| {
            vec![
                row.entry.to_string(),
                row.time.to_string(),
                row.environment.to_string(),
                row.subject_name.clone(),
                row.change.to_string(),
                format!("{} -> {}", row.was, row.now),
                row.because.join(", "),
            ]
        })
        .collect();
    let more = u64::try_from(report.changed.len().saturating_sub(LISTED)).unwrap_or(u64::MAX);
    let more = more.saturating_add(report.changed_unlisted);
    let heading = ["entry", "time", "environment", "artifact", "change", "verdict", "because"];
    let more = if more == 0 { String::new() } else { format!("and {more} more, in the report\n") };
    format!("\n{}{more}", text::table(&heading, &rows))
}

impl Label {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let sample = backtest::read_sample(&self.sample)?;
        let verdict = self.verdict.opinion();
        let key = PersonKey::open(&self.key, &call.world.token_access())?;
        let output = self.labels.clone().unwrap_or_else(|| labels_of(&self.sample));
        let said = Said { finding: &self.finding, verdict, reason: self.reason.as_deref(), output: &output };
        let (signed, finding) = backtest::label(&sample, &said, &key, &call.world.ssh_keygen())?;
        write_atomic(&output, &signed.bytes, 0o644)?;
        let output = output.display().to_string();
        let document = answer::PolicyLabelled { output, added: signed.added, finding, verdict };
        Ok(Done::answer(call.format, Exit::Ok, "policy-label", &document, || {
            let again = if document.added { "" } else { "already said by this key: nothing was added\n" };
            let finding = &document.finding;
            format!(
                "{again}{}: {} of rule {}, {}\n  {}\n",
                document.output,
                document.verdict,
                finding.rule,
                finding.finding,
                text::plain(&finding.what)
            )
        }))
    }
}

impl Labels {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let sample = backtest::read_sample(&self.sample)?;
        let trust = self.trust.read(at)?;
        let verified = match &trust.outcome.trust {
            Some(verified) if trust.outcome.findings.is_empty() => verified,
            _ => return Err(FlowError::Refused(trust.outcome.findings.clone())),
        };
        let path = self.file.clone().unwrap_or_else(|| labels_of(&self.sample));
        let labels = files::read_if_there(&path, limits::COLLECTION_BYTES)?.unwrap_or_default();
        let counted = backtest::labelled(&sample, &labels, verified, at)?;
        let document = answer::PolicyLabels {
            report: sample.report,
            of: sample.of,
            rules: counted.rules,
            counted: counted.counted,
            exit: exit_of(&counted.findings),
            findings: counted.findings,
        };
        Ok(Done::answer(call.format, document.exit, "policy-labels", &document, || {
            let row = |row: &backtest::LabelledRule| {
                let share = row.false_positive_share.map_or_else(|| "not known".to_owned(), |share| share.to_string());
                let numbers = [row.sampled, row.true_positives, row.false_positives, row.open, row.disputed];
                let numbers = numbers.iter().map(ToString::to_string);
                std::iter::once(row.rule.to_string()).chain(numbers).chain([share]).collect()
            };
            let rows: Vec<Vec<String>> = document.rules.iter().map(row).collect();
            let heading =
                ["rule", "findings", "right", "wrong", "open", "disputed", "false positives among the settled"];
            format!(
                "{}{}{} label(s) count; two approvers who agree settle a finding\n",
                text::table(&heading, &rows),
                text::findings(&document.findings),
                document.counted
            )
        }))
    }
}
