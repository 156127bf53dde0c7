//! The cases of a policy folder's rules, played; and their tests in Rego.

use super::author::texts;
use super::build::{close, folder_files};
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::{CASE_SUFFIX, Manifest, Rule, TEST_SUFFIX};
use countersign_decide::written::{self, Case, CaseOutcome, Line, Probe, Problem, Written};
use countersign_record::atomic::write_atomic;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How one case came out.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseRow {
    /// The rule.
    pub rule: String,
    /// What the case shows.
    pub case: String,
    /// Its file.
    pub file: String,
    /// Whether it came out as it says.
    pub holds: bool,
}

/// What the cases of one rule reach.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CoverageRow {
    /// The rule.
    pub rule: String,
    /// How many conditions it has.
    pub conditions: usize,
    /// How many of them a case reaches.
    pub reached: usize,
    /// Those that none reaches.
    pub missed: Vec<ConditionRow>,
    /// With `--mutate`, those that could be left out and no case would notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unnoticed: Option<Vec<ConditionRow>>,
}

impl CoverageRow {
    /// In percent, rounded down; a rule without conditions is reached as a whole.
    #[must_use]
    pub fn percent(&self) -> usize {
        self.reached.saturating_mul(100).checked_div(self.conditions).unwrap_or(100)
    }
}

/// One condition.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConditionRow {
    /// Where: `file:line:column`.
    pub at: String,
    /// What stands there.
    pub source: String,
}

/// How all of them came out.
#[derive(Debug, Clone, Default)]
pub struct Tested {
    /// A row a case.
    pub cases: Vec<CaseRow>,
    /// A row a rule.
    pub coverage: Vec<CoverageRow>,
    /// Files of cases, and of tests in Rego, that could not be played: they do not read.
    pub refused_cases: Vec<String>,
    /// Rules that could not be tested: they do not read.
    pub refused_rules: Vec<String>,
    /// What did not come out as it says, and which rules have too few cases.
    pub findings: Vec<Finding>,
    /// Cases whose expectation was written anew.
    pub blessed: Vec<String>,
}

/// What a test is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// One rule, by id or folder.
    pub only: Option<&'a str>,
    /// Takes what rules say now as what they are expected to say, where a case differs.
    pub bless: bool,
    /// How much of each rule cases have to reach, in percent.
    pub least_coverage: Option<u8>,
    /// Leaves out each condition in turn, to see whether a case notices.
    pub mutate: bool,
}

/// Closes a folder into a release, if every rule that is written in it has cases both ways and all of them come out as they
/// say: what approvers sign was tested, whoever built it.
pub fn build_tested(folder: &Path) -> Result<Manifest, FlowError> {
    let manifest = super::build(folder)?;
    let tested = test(folder, Asked::default())?;
    let failed: Vec<Finding> = tested.findings.into_iter().filter(|finding| finding.class.blocks()).collect();
    if failed.is_empty() { Ok(manifest) } else { Err(FlowError::Refused(failed)) }
}

/// Plays every case of every rule that is written in a folder, of one rule if it is named.
pub fn test(folder: &Path, asked: Asked<'_>) -> Result<Tested, FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let texts = texts(&files);
    let mut tested = Tested::default();
    let chosen =
        |rule: &&Rule| asked.only.is_none_or(|only| rule.id.as_str() == only || rule.folder.as_deref() == Some(only));
    let rules: Vec<&Rule> = manifest.rules.iter().filter(|rule| rule.folder.is_some()).filter(chosen).collect();
    if rules.is_empty() && asked.only.is_none() && !manifest.rules.is_empty() {
        let what = format!(
            "the policy has {} rules, all of them built in: there is none of its own to test",
            manifest.rules.len()
        );
        let finding = Finding::new(codes::RULES_BUILT_IN, what).at(folder.display().to_string());
        tested.findings.push(finding);
    } else if rules.is_empty() {
        let what = "there is no such rule written in this folder: nothing was tested";
        tested.findings.push(Finding::new(codes::RULE_UNTESTED, what).at(folder.display().to_string()));
    }
    for rule in rules {
        match written::read_for_author(rule, &manifest.texts) {
            Err(problems) => {
                tested.refused_rules.push(rule.id.to_string());
                tested.findings.extend(problems.iter().map(|problem| problem.finding(&texts)));
            }
            Ok(read) => one(rule, &read, &manifest.texts, &texts, folder, asked, &mut tested)?,
        }
    }
    Ok(tested)
}

fn one(
    rule: &Rule,
    read: &Written,
    released: &BTreeMap<String, String>,
    texts: &BTreeMap<String, String>,
    folder: &Path,
    asked: Asked<'_>,
    tested: &mut Tested,
) -> Result<(), FlowError> {
    let probe = match Probe::new(rule, read, released) {
        Ok(probe) => probe,
        Err(problems) => {
            tested.refused_rules.push(rule.id.to_string());
            tested.findings.extend(problems.iter().map(|problem| problem.finding(texts)));
            return Ok(());
        }
    };
    let (mut broken, mut held) = (0_usize, 0_usize);
    let mut cases = Vec::new();
    for (file, text) in cases_of(rule, texts) {
        let case = match Case::read(file, text) {
            Ok(case) => case,
            Err(problems) => {
                tested.refused_cases.push(file.to_owned());
                tested.findings.extend(problems.iter().map(|problem| problem.finding(texts)));
                continue;
            }
        };
        let outcome = case.play(read);
        let blessed = asked.bless && !outcome.holds && !outcome.said.iter().any(|line| line.starts_with("(no answer"));
        if blessed {
            write_atomic(&folder.join(file), expecting(text, &outcome.said).as_bytes(), 0o644)?;
            tested.blessed.push(file.to_owned());
        } else if !outcome.holds {
            tested.findings.push(differs(rule, &probe, &case, &outcome, file));
        }
        broken = broken.saturating_add(usize::from(outcome.broken));
        held = held.saturating_add(usize::from(!outcome.broken && outcome.said.is_empty()));
        tested.cases.push(CaseRow {
            rule: rule.id.to_string(),
            case: case.name.clone(),
            file: file.to_owned(),
            holds: outcome.holds || blessed,
        });
        cases.push(case);
    }
    rego(rule, read, texts, tested);
    for (count, what) in [(broken, "in which it is broken"), (held, "in which it holds")] {
        if count == 0 {
            tested.findings.push(untested(rule, what));
        }
    }
    coverage(rule, &probe, &cases, asked, tested);
    Ok(())
}

/// A case that did not come out as it says: both sides, and where the rule stopped if it did not say what is expected.
fn differs(rule: &Rule, probe: &Probe<'_>, case: &Case, outcome: &CaseOutcome, file: &str) -> Finding {
    let finding = Finding::new(codes::RULE_CASE, format!("{}: {}", rule.id, case.name)).at(file);
    let mut finding = outcome.difference.iter().fold(finding, |finding, line| finding.found(line.as_str()));
    if outcome.difference.iter().any(|line| line.starts_with("- ")) {
        for stop in probe.stops(case) {
            let saw = stop.saw.iter().map(|saw| format!("where {saw}"));
            let first = format!("first condition that is false, at {}:", stop.line.at);
            finding = std::iter::once(first).chain(stop.line.shown).chain(saw).fold(finding, Finding::found);
        }
    }
    finding.help("`-` is expected and was not said, `+` was said; `--bless` takes what is said now as expected")
}

fn coverage(rule: &Rule, probe: &Probe<'_>, cases: &[Case], asked: Asked<'_>, tested: &mut Tested) {
    let row = |line: Line| ConditionRow { at: line.at, source: line.source };
    let all = probe.coverage(cases);
    let conditions = all.len();
    let missed: Vec<Line> = all.into_iter().filter(|(_, reached)| !reached).map(|(line, _)| line).collect();
    let mut covered = CoverageRow {
        rule: rule.id.to_string(),
        conditions,
        reached: conditions.saturating_sub(missed.len()),
        missed: Vec::new(),
        unnoticed: None,
    };
    if let Some(least) = asked.least_coverage.filter(|least| covered.percent() < usize::from(*least)) {
        let what = format!("cases reach {} of {conditions} conditions of rule {}", covered.reached, rule.id);
        let finding = Finding::new(codes::RULE_COVERAGE, what).expected(format!("{least} %"), "--least-coverage");
        let finding = missed.iter().fold(finding, |finding, line| finding.at(line.at.as_str()));
        let shown = missed.iter().flat_map(|line| &line.shown).cloned();
        let finding = std::iter::once(format!("{} %", covered.percent())).chain(shown).fold(finding, Finding::found);
        tested.findings.push(finding.help("write a case that gets that far"));
    }
    // What no case reaches no case can miss: it has been said.
    if asked.mutate {
        let mut unnoticed = probe.unnoticed(cases);
        unnoticed.retain(|line| !missed.contains(line));
        for line in &unnoticed {
            let what = format!("rule {}: no case would notice if this condition were left out", rule.id);
            let finding = Finding::new(codes::RULE_CONDITION_UNTESTED, what).at(line.at.as_str());
            let finding = line.shown.iter().fold(finding, |finding, shown| finding.found(shown.as_str()));
            let help = "write a case in which this condition alone decides that the rule holds";
            tested.findings.push(finding.help(help));
        }
        covered.unnoticed = Some(unnoticed.into_iter().map(row).collect());
    }
    covered.missed = missed.into_iter().map(row).collect();
    tested.coverage.push(covered);
}

fn untested(rule: &Rule, what: &str) -> Finding {
    let folder = rule.folder.as_deref().unwrap_or_default();
    Finding::new(codes::RULE_UNTESTED, format!("rule {} has no case {what}", rule.id))
        .at(format!("{folder}/cases"))
        .expected("a case that fails and one that passes", "countersign: a rule that was never broken may never be")
        .help(format!("write one beside the others, such as {folder}/cases/broken.yaml"))
}

/// The cases of a rule, by file.
pub(super) fn cases_of<'t>(
    rule: &Rule,
    texts: &'t BTreeMap<String, String>,
) -> impl Iterator<Item = (&'t str, &'t str)> + use<'t> {
    let prefix = format!("{}/cases/", rule.folder.as_deref().unwrap_or_default());
    let case = move |path: &str| path.starts_with(&prefix) && path.ends_with(CASE_SUFFIX);
    texts.iter().filter(move |(path, _)| case(path)).map(|(path, text)| (path.as_str(), text.as_str()))
}

fn rego(rule: &Rule, read: &Written, texts: &BTreeMap<String, String>, tested: &mut Tested) {
    let folder = rule.folder.as_deref().unwrap_or_default();
    let named = |path: &&String| path.starts_with(&format!("{folder}/")) && path.ends_with(TEST_SUFFIX);
    let Some(file) = texts.keys().find(named) else { return };
    match super::apart::test_rego(folder, texts, read.rego()) {
        Err(problem) => {
            tested.refused_cases.push(file.clone());
            tested.findings.push(Problem::finding(&problem, texts));
        }
        Ok(tests) => {
            for (name, holds) in tests {
                let row = |holds| CaseRow { rule: rule.id.to_string(), case: name.clone(), file: file.clone(), holds };
                tested.cases.push(row(holds == Ok(true)));
                if holds != Ok(true) {
                    let why = holds.err().unwrap_or_else(|| "it is not true".to_owned());
                    let finding = Finding::new(codes::RULE_CASE, format!("{}: {name}", rule.id)).at(file.as_str());
                    tested.findings.push(finding.found(why));
                }
            }
        }
    }
}

/// A case with another expectation: everything from `expect:` on is written anew, up to the next key.
fn expecting(text: &str, said: &[String]) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("expect:") {
            inside = true;
            continue;
        }
        inside &= line.starts_with([' ', '-', '#']) || line.trim().is_empty();
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    if said.is_empty() {
        out.push_str("expect: []\n");
    } else {
        out.push_str("expect:\n");
        for message in said {
            // JSON text is YAML text.
            out.push_str(&format!("  - message: {}\n", serde_json::Value::String(message.clone())));
        }
    }
    out
}

/// Whether every rule that is written has a case each way, without playing them.
pub(super) fn too_few(manifest: &Manifest, texts: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in manifest.rules.iter().filter(|rule| rule.folder.is_some()) {
        let (mut broken, mut holds) = (false, false);
        for (file, text) in cases_of(rule, texts) {
            match Case::read(file, text) {
                Ok(case) if case.expect.is_empty() => holds = true,
                Ok(_) => broken = true,
                Err(problems) => findings.extend(problems.iter().map(|problem| problem.finding(texts))),
            }
        }
        if !broken {
            findings.push(untested(rule, "in which it is broken"));
        }
        if !holds {
            findings.push(untested(rule, "in which it holds"));
        }
    }
    findings
}
