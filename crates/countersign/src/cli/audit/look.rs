//! `audit population`, `sample`, `show`, `reconcile`, `report` and `diff`.

use super::super::{Answer, Call};
use super::facts::{self, FactsArgs};
use super::{OutsideArgs, WindowArgs, file, package_among, some};
use crate::render::Done;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, exit_of, verdict_of};
use countersign_flow::audit::{self, Asking, Table};
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::pages::Page;
use countersign_report::text;
use std::path::{Path, PathBuf};

/// How many rows are shown to people; JSON and CSV have all.
const SHOWN: usize = 50;

/// Show a list of the record, with how it was made, or all lists there are
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit population 2026.cspkg --trust trust.sigstore.json\n  countersign audit population deployments 2026.cspkg --csv deployments.csv --trust trust.sigstore.json"
)]
pub(super) struct Population {
    /// The list's name, if one is wanted, and the package
    #[arg(value_name = "[LIST] PACKAGE", required = true, num_args = 1..=2)]
    words: Vec<String>,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    window: WindowArgs,
    /// Write the list as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Draw a sample of the promotions that were authorised, which anybody can draw again
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit sample 2026.cspkg --n 25 --seed \"audit 2026, J. Doe\" --trust trust.sigstore.json"
)]
pub(super) struct Sample {
    /// The package
    package: PathBuf,
    /// How many
    #[arg(long, value_name = "N", value_parser = some)]
    n: usize,
    /// The auditor's seed
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    seed: String,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    window: WindowArgs,
    /// Write the sample as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Show the whole chain of one deployment: changes, agreement, build, scans, policy, decision
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit show 1042 2026.cspkg --html chain.html --trust trust.sigstore.json"
)]
pub(super) struct Show {
    /// A log entry, or the beginning of an artifact's digest or of a commit; and the package
    #[arg(value_name = "ID PACKAGE", required = true, num_args = 2)]
    words: Vec<String>,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    facts: FactsArgs,
    /// Write the chain as a page with a picture
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the picture alone
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Hold the independent sources of completeness against each other
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign audit reconcile 2026.cspkg --trust trust.sigstore.json")]
pub(super) struct Reconcile {
    /// The package
    package: PathBuf,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    window: WindowArgs,
}

/// Write a report for people: one page without scripts, to be read or printed
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit report 2026.cspkg --output report.html --trust trust.sigstore.json"
)]
pub(super) struct Report {
    /// The package
    package: PathBuf,
    /// The page
    #[arg(long, value_name = "FILE.html")]
    output: PathBuf,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    window: WindowArgs,
    /// A sample of so many for the questions that take one
    #[arg(long, value_name = "N", value_parser = some)]
    n: Option<usize>,
    /// Drawn by this seed
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    seed: Option<String>,
}

/// Say what differs between two packages
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign audit diff june.cspkg december.cspkg --trust trust.sigstore.json")]
pub(super) struct Diff {
    /// The first package
    first: PathBuf,
    /// The second
    second: PathBuf,
    #[command(flatten)]
    outside: OutsideArgs,
}

impl Population {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let (package, names) = package_among(&self.words)?;
        let window = self.window.window()?;
        let opening = self.facts.open(&self.outside, &package, &[self.csv.as_deref()])?;
        let asking = Asking::of(&opening)?;
        let (lists, table, findings) = if let Some(name) = names.first() {
            let (population, findings) = asking.population(name, &window)?;
            (vec![population.header], Some(population.table), findings)
        } else {
            let (all, findings) = asking.populations(&window);
            (all.into_iter().map(|one| one.header).collect(), None, findings)
        };
        match (&self.csv, &table) {
            (Some(path), Some(table)) => write_atomic(path, table.csv().as_bytes(), 0o644)?,
            (Some(_), None) => return Err(FlowError::Usage("--csv needs the name of a list".to_owned())),
            (None, _) => {}
        }
        let exit = exit_of(&findings);
        let document = answer::AuditPopulation { lists, table, findings, exit };
        Ok(Done::answer(call.format, exit, "audit-population", &document, || {
            let mut out = String::new();
            for header in &document.lists {
                out.push_str(&format!("{}: {} rows; a row is {}\n", header.name, header.rows, header.row));
                let complete = complete(&document.findings);
                for (label, line) in
                    [("  how: ", header.how), ("  filter: ", &header.filter), (complete, &header.completeness)]
                {
                    out.push_str(&text::wrapped(label, line, 118));
                }
                out.push_str(&format!("  CSV: {}\n", header.csv));
            }
            if let Some(table) = &document.table {
                out.push('\n');
                out.push_str(&rows(table, SHOWN));
            }
            ended(out, &document.findings)
        }))
    }
}

impl Sample {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let window = self.window.window()?;
        let opening = self.facts.open(&self.outside, &self.package, &[self.csv.as_deref()])?;
        let (sample, findings) = Asking::of(&opening)?.sample(self.n, &self.seed, &window);
        if let Some(path) = &self.csv {
            write_atomic(path, sample.table.csv().as_bytes(), 0o644)?;
        }
        let exit = exit_of(&findings);
        let document = answer::AuditSampled { sample, findings, exit };
        Ok(Done::answer(call.format, exit, "audit-sample", &document, || {
            let sample = &document.sample;
            let mut out = format!(
                "{} of {} promotions, by the seed {}\nroot {}\n",
                sample.table.rows.len(),
                sample.population,
                text::plain(&sample.seed),
                sample.log.root
            );
            let strata: Vec<Vec<String>> = sample
                .strata
                .iter()
                .map(|one| {
                    let numbers = [one.drawn.to_string(), one.rows.to_string()];
                    let names = [one.service.clone(), one.environment.clone(), one.class.clone()];
                    numbers.into_iter().chain(names).collect()
                })
                .collect();
            out.push('\n');
            out.push_str(&text::table(&["drawn", "of", "service", "environment", "class"], &strata));
            out.push('\n');
            out.push_str(&rows(&sample.table, usize::MAX));
            if let Some(left_out) = sample.left_out() {
                out.push_str(&text::wrapped("\nnote: ", &left_out, 118));
            }
            out.push('\n');
            out.push_str(&text::wrapped("method: ", sample.method, 118));
            ended(out, &document.findings)
        }))
    }
}

impl Show {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let (package, ids) = package_among(&self.words)?;
        let id = ids.first().ok_or_else(|| FlowError::Usage("nothing was named that is to be shown".to_owned()))?;
        let opening = self.facts.open(&self.outside, &package, &[self.svg.as_deref(), self.html.as_deref()])?;
        let (chain, findings) = Asking::of(&opening)?.show(id)?;
        if let Some(path) = &self.svg {
            write_atomic(path, chain.picture().svg().as_bytes(), 0o644)?;
        }
        if let Some(path) = &self.html {
            let mut page = Page::new(format!("{} to {}: {}", chain.artifact, chain.environment, chain.verdict));
            page.facts([
                ("artifact", chain.digest.to_string()),
                ("service", chain.service.clone()),
                ("decided", chain.time.to_string()),
                ("log entry", chain.proof.entry.to_string()),
                ("leaf", chain.proof.leaf.to_string()),
                ("class", chain.class.to_owned()),
                ("package opened", verdict_of(&findings).to_string()),
            ]);
            page.picture(chain.picture());
            let links = chain.links.iter().map(|link| {
                let documents: Vec<String> = link.documents.iter().map(ToString::to_string).collect();
                vec![
                    link.stage.to_owned(),
                    link.what.clone(),
                    link.who.clone(),
                    link.when.clone(),
                    link.detail.join("; "),
                    documents.join(" "),
                ]
            });
            page.table(["stage", "what", "who", "when", "detail", "documents"], links.collect());
            page.heading("Not shown");
            page.list(chain.missing.clone());
            write_atomic(path, page.render().as_bytes(), 0o644)?;
        }
        let exit = exit_of(&findings);
        let document = answer::AuditShown { chain, findings, exit };
        Ok(Done::answer(call.format, exit, "audit-show", &document, || {
            ended(document.chain.text(), &document.findings)
        }))
    }
}

impl Reconcile {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let window = self.window.window()?;
        let opening = self.facts.open(&self.outside, &self.package, &[])?;
        let (reconciliation, findings) = Asking::of(&opening)?.reconcile(&window);
        let exit = exit_of(&findings);
        let document = answer::AuditReconciled { reconciliation, findings, exit };
        Ok(Done::answer(call.format, exit, "audit-reconcile", &document, || {
            let reconciled = &document.reconciliation;
            let sources: Vec<Vec<String>> = reconciled
                .sources
                .iter()
                .map(|row| {
                    vec![
                        row.source.to_owned(),
                        row.state.to_string(),
                        format!("{} of {}", row.accounts_for, reconciled.deployments),
                        row.unexplained.len().to_string(),
                    ]
                })
                .collect();
            let mut out = text::table(&["source", "state", "accounts for", "unexplained"], &sources);
            for row in &reconciled.sources {
                out.push_str(&text::wrapped(&format!("  {}: ", row.source), &row.detail, 118));
            }
            out.push_str(&format!("\n{}\n", reconciled.words()));
            ended(out, &document.findings)
        }))
    }
}

impl Report {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let window = self.window.window()?;
        let opening = self.facts.open(&self.outside, &self.package, &[Some(self.output.as_path())])?;
        let ask = audit::Ask { window, n: self.n, seed: self.seed.clone(), ..audit::Ask::default() };
        let (page, findings) = Asking::of(&opening)?.report(&ask)?;
        write_atomic(&self.output, page.as_bytes(), 0o644)?;
        let exit = exit_of(&findings);
        let document = answer::AuditReported { output: self.output.display().to_string(), findings, exit };
        Ok(Done::answer(call.format, exit, "audit-report", &document, || {
            ended(format!("{}: {} bytes\n", document.output, page.len()), &document.findings)
        }))
    }
}

impl Diff {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let (first, second) = self.outside.open_two(&self.first, &self.second)?;
        let (Some(a), Some(b)) = (&first.opened, &second.opened) else {
            let broken = if first.opened.is_none() { (&self.first, &first) } else { (&self.second, &second) };
            return Err(FlowError::Refused(of_package(broken.0, &broken.1.report.findings).collect()));
        };
        let found =
            of_package(&self.first, &first.report.findings).chain(of_package(&self.second, &second.report.findings));
        let same = digest(&self.first)? == digest(&self.second)?;
        let document = audit::diff(a, b, same, found.collect());
        let exit = document.exit;
        Ok(Done::answer(call.format, exit, "audit-diff", &document, || ended(document.words(), &document.findings)))
    }
}

/// What was found in one of two packages, which one said.
fn of_package<'f>(package: &'f Path, findings: &'f [Finding]) -> impl Iterator<Item = Finding> + use<'f> {
    findings.iter().map(|finding| finding.clone().at(package.display().to_string()))
}

/// The digest of a file, however large.
fn digest(path: &Path) -> Result<Sha256, FlowError> {
    facts::digest(&mut file(path)?, path)
}

/// The newest rows of a table, with the log entry of each.
pub(super) fn rows(table: &Table, most: usize) -> String {
    if table.rows.is_empty() {
        return "  no rows\n".to_owned();
    }
    let skipped = table.rows.len().saturating_sub(most);
    let heading: Vec<&str> = std::iter::once("entry").chain(table.columns.iter().copied()).collect();
    let cells: Vec<Vec<String>> = table
        .rows
        .iter()
        .skip(skipped)
        .map(|row| {
            std::iter::once(row.proof.entry_words()).chain(row.cells.iter().map(|cell| shortened(cell))).collect()
        })
        .collect();
    let said = if skipped > 0 { format!("the newest {most} of {} rows:\n", table.rows.len()) } else { String::new() };
    format!("{said}{}", text::table(&heading, &cells))
}

/// A digest or an object's name that would make a line too wide; JSON, CSV and pages have all of it.
fn shortened(cell: &str) -> String {
    let hex = cell.strip_prefix("sha256:").unwrap_or(cell);
    let long = hex.len() >= 40 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if long { format!("{}…", hex.chars().take(12).collect::<String>()) } else { cell.to_owned() }
}

/// What stands before how completeness was established. Without a checkpoint that was kept nothing is called complete.
pub(super) fn complete(findings: &[Finding]) -> &'static str {
    let unproven = findings.iter().any(|finding| finding.code == codes::LOG_END_UNPROVEN);
    if unproven { "  as far as the log goes here: " } else { "  complete: " }
}

/// The text, what was found, and the verdict.
fn ended(mut out: String, findings: &[Finding]) -> String {
    if !findings.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(findings));
    }
    out.push_str(&format!("\n{}\n", verdict_of(findings)));
    out
}
