//! `policy lint`, `test`, `eval` and `explain`: what an author does before a release.

use super::super::given;
use super::super::reports::{self, Answered, ReportArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Verdict, exit_of, verdict_of};
use countersign_core::time::Time;
use countersign_flow::output as answer;
use countersign_flow::policy::{self, Asked};
use countersign_report::reports::Facts;
use countersign_report::text;
use std::path::{Path, PathBuf};

/// Say everything that is wrong with a policy folder, at once
///
/// Every path that a rule reads is held against the input, the parameters and the data: a misspelt one is an error, and
/// not a rule that never says anything.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign policy lint policy/")]
pub(super) struct Lint {
    /// The folder with policy.toml
    folder: PathBuf,
    #[command(flatten)]
    reports: ReportArgs,
}

/// Play the cases of a folder's rules, and their tests in Rego
///
/// Every rule needs a case in which it is broken and one in which it holds. Where a case does not come out as it says, the
/// first condition that is false is named, with what it saw. Conditions that no case reaches are listed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign policy test policy/ --rule no-left-pad@1")]
pub(super) struct Test {
    /// The folder with policy.toml
    folder: PathBuf,
    /// One rule, by id or folder
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Take what rules say now as what cases expect
    #[arg(long)]
    bless: bool,
    /// Fail if cases reach less than this of the conditions of a rule
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    least_coverage: Option<u8>,
    /// Leave out each condition in turn, and fail if no case notices
    #[arg(long)]
    mutate: bool,
    #[command(flatten)]
    reports: ReportArgs,
}

/// Try a rule out on one input
///
/// The input is JSON or YAML, and is laid over an empty one. A case is taken as it is: its `input`, its `files` and its `time`
/// count, and what it expects does not. A rule that is built in looks at signed evidence: `promote --dry-run` tries it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign policy eval policy/ --rule no-left-pad@1 --input input.yaml\n  \
                  countersign policy eval policy/ --rule no-left-pad@1 --input policy/rules/no-left-pad/cases/broken.yaml")]
pub(super) struct Eval {
    /// The folder with policy.toml
    folder: PathBuf,
    /// The rule, by id or folder
    #[arg(long, value_name = "RULE")]
    rule: String,
    /// The input, in JSON or YAML, or a case
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The decision's time, for rules that ask for it (now; a case has its own)
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
}

/// Show the Rego of a rule, also of one that is written as rule.yaml
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign policy explain policy/ --rule no-left-pad@1 --rego")]
pub(super) struct Explain {
    /// The folder with policy.toml
    folder: PathBuf,
    /// The rule, by id or folder
    #[arg(long, value_name = "RULE")]
    rule: String,
    /// As Rego
    #[arg(long, required = true)]
    rego: bool,
}

/// Of a folder: places lie in it, and `policy.toml` stands for it.
fn begun(verb: &str, folder: &Path) -> Facts {
    let mut facts = reports::facts(verb);
    facts.folder = Some(folder.display().to_string());
    facts.file = folder.join("policy.toml").display().to_string();
    facts
}

impl Lint {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let begun = begun("policy-lint", &self.folder);
        self.reports.answer(call, begun.clone(), "nothing was checked", || {
            let (rules, findings) = policy::lint(&self.folder)?;
            let count = findings.len();
            let last = if count == 0 { "nothing is wrong".to_owned() } else { text::tally(&findings) };
            let said = format!("{rules} rule(s): {last}");
            let between = if count == 0 { "" } else { "\n" };
            let text = format!("{}{between}{said}\n", text::findings(&findings));
            let exit = exit_of(&findings);
            let mut facts = reports::ended(begun, verdict_of(&findings), exit, &findings);
            facts.closing = said;
            Ok(Answered::new(answer::PolicyLinted { rules, exit, findings }, text, facts))
        })
    }
}

impl Test {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let begun = begun("policy-test", &self.folder);
        self.reports.answer(call, begun.clone(), "nothing was tested", || {
            let asked = Asked {
                only: self.rule.as_deref(),
                bless: self.bless,
                least_coverage: self.least_coverage,
                mutate: self.mutate,
            };
            let tested = policy::test(&self.folder, asked)?;
            let exit = exit_of(&tested.findings);
            let document = answer::PolicyTested {
                cases: tested.cases,
                coverage: tested.coverage,
                refused_cases: tested.refused_cases,
                refused_rules: tested.refused_rules,
                blessed: tested.blessed,
                findings: tested.findings,
                exit,
            };
            let mut facts = reports::ended(begun, verdict_of(&document.findings), exit, &document.findings);
            facts.closing = score(&document);
            let check = |row: &policy::CaseRow| {
                let verdict = if row.holds { Verdict::Pass } else { Verdict::Fail };
                Check::new(&format!("{} {}", row.rule, row.case), verdict, row.file.as_str())
            };
            facts.checks = document.cases.iter().map(check).collect();
            let text = words(&document);
            Ok(Answered::new(document, text, facts))
        })
    }
}

/// What passed, what failed, and what was not even played: a run that does not end well says so in its last line.
fn score(tested: &answer::PolicyTested) -> String {
    let failed = tested.cases.iter().filter(|row| !row.holds).count();
    let mut said = format!("{} passed, {failed} failed", tested.cases.len().saturating_sub(failed));
    let refused = |count: usize, one: &str| match count {
        0 => String::new(),
        1 => format!(", 1 {one} refused"),
        _ => format!(", {count} {one}s refused"),
    };
    said.push_str(&refused(tested.refused_cases.len(), "case file"));
    said.push_str(&refused(tested.refused_rules.len(), "rule"));
    // What neither a case nor a refused file stands for: too few cases, too little coverage.
    let gaps = [codes::RULE_UNTESTED, codes::RULE_COVERAGE, codes::RULE_CONDITION_UNTESTED];
    let gaps = tested.findings.iter().filter(|finding| gaps.contains(&finding.code)).count();
    if gaps > 0 {
        said.push_str(&format!(", {gaps} gap{} in the cases", if gaps == 1 { "" } else { "s" }));
    }
    said
}

fn words(tested: &answer::PolicyTested) -> String {
    let row = |row: &policy::CaseRow| {
        vec![if row.holds { "ok" } else { "FAILED" }.to_owned(), row.rule.clone(), row.case.clone(), row.file.clone()]
    };
    let rows: Vec<Vec<String>> = tested.cases.iter().map(row).collect();
    let mut out = if rows.is_empty() { String::new() } else { text::table(&["", "rule", "case", "file"], &rows) };
    out.push_str(&covered(tested));
    if !tested.findings.is_empty() {
        out.push_str(&format!("\n{}", text::findings(&tested.findings)));
    }
    for file in &tested.blessed {
        let file = text::plain(file);
        out.push_str(&format!("{file}: expects what the rule says now; read it before you commit it\n"));
    }
    out.push_str(&format!("\n{}\n", score(tested)));
    out
}

/// What cases reach of each rule, and the conditions that none reaches.
fn covered(tested: &answer::PolicyTested) -> String {
    let row = |row: &policy::CoverageRow| {
        let reached = format!("{} of {} conditions, {} %", row.reached, row.conditions, row.percent());
        let mutants = row.unnoticed.as_ref().map(|rows| format!("{} could be left out unnoticed", rows.len()));
        vec![row.rule.clone(), reached, mutants.unwrap_or_default()]
    };
    let rows: Vec<Vec<String>> = tested.coverage.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}", text::table(&["rule", "reached by its cases", ""], &rows));
    let missed: Vec<&policy::ConditionRow> = tested.coverage.iter().flat_map(|row| &row.missed).collect();
    if !missed.is_empty() {
        out.push_str("\nreached by no case:\n");
        let lines = missed.iter().map(|row| format!("  {}  {}\n", text::plain(&row.at), text::plain(&row.source)));
        out.extend(lines);
    }
    out
}

impl Eval {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = match self.at {
            Some(at) => at,
            None => given::now()?,
        };
        let (rule, findings) = policy::evaluate(&self.folder, &self.rule, &self.input, at)?;
        let document = answer::PolicyEvaluated { rule: rule.to_string(), exit: exit_of(&findings), findings };
        Ok(Done::answer(call.format, document.exit, "policy-eval", &document, || {
            let found = text::findings(&document.findings);
            let holds = match verdict_of(&document.findings) {
                Verdict::Pass => "it holds",
                Verdict::Fail => "it does not hold",
                Verdict::Indeterminate => "it gives no answer, which blocks as well",
            };
            format!("{found}rule {}: {holds}\n", document.rule)
        }))
    }
}

impl Explain {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let rego = policy::explain(&self.folder, &self.rule)?;
        let document = answer::PolicyRego { rule: self.rule.clone(), rego };
        Ok(Done::answer(call.format, Exit::Ok, "policy-explain", &document, || document.rego.clone()))
    }
}
