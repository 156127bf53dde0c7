//! The cases of a policy folder's rules, played; and their tests in Rego.

use super::author::texts;
use super::build::{close, folder_files};
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::{CASE_SUFFIX, Manifest, Rule, TEST_SUFFIX};
use countersign_decide::written::{self, Case, Problem, Written};
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

/// How all of them came out.
#[derive(Debug, Clone, Default)]
pub struct Tested {
    /// A row a case.
    pub cases: Vec<CaseRow>,
    /// What did not come out as it says, and which rules have too few cases.
    pub findings: Vec<Finding>,
    /// Cases whose expectation was written anew.
    pub blessed: Vec<String>,
}

/// Plays every case of every rule that is written in a folder, of one rule if it is named. `bless` takes what rules say
/// now as what they are expected to say, where a case differs.
pub fn test(folder: &Path, only: Option<&str>, bless: bool) -> Result<Tested, FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let texts = texts(&files);
    let mut tested = Tested::default();
    let chosen =
        |rule: &&Rule| only.is_none_or(|only| rule.id.as_str() == only || rule.folder.as_deref() == Some(only));
    let rules: Vec<&Rule> = manifest.rules.iter().filter(|rule| rule.folder.is_some()).filter(chosen).collect();
    if rules.is_empty() {
        let what = "there is no such rule written in this folder: nothing was tested";
        tested.findings.push(Finding::new(codes::RULE_UNTESTED, what).at(folder.display().to_string()));
    }
    for rule in rules {
        match written::read(rule, &manifest.texts) {
            Err(problems) => tested.findings.extend(problems.iter().map(|problem| problem.finding(&texts))),
            Ok(read) => one(rule, &read, &texts, folder, bless, &mut tested)?,
        }
    }
    Ok(tested)
}

fn one(
    rule: &Rule,
    read: &Written,
    texts: &BTreeMap<String, String>,
    folder: &Path,
    bless: bool,
    tested: &mut Tested,
) -> Result<(), FlowError> {
    let (mut broken, mut held) = (0_usize, 0_usize);
    for (file, text) in cases_of(rule, texts) {
        let case = match Case::read(file, text) {
            Ok(case) => case,
            Err(problems) => {
                tested.findings.extend(problems.iter().map(|problem| problem.finding(texts)));
                continue;
            }
        };
        let outcome = case.play(read);
        let blessed = bless && !outcome.holds && !outcome.said.iter().any(|line| line.starts_with("(no answer"));
        if blessed {
            write_atomic(&folder.join(file), expecting(text, &outcome.said).as_bytes(), 0o644)?;
            tested.blessed.push(file.to_owned());
        } else if !outcome.holds {
            let finding = Finding::new(codes::RULE_CASE, format!("{}: {}", rule.id, case.name)).at(file);
            let finding = outcome.difference.iter().fold(finding, |finding, line| finding.found(line.as_str()));
            let help = "`-` is expected and was not said, `+` was said; `--bless` takes what is said now as expected";
            tested.findings.push(finding.help(help));
        }
        broken = broken.saturating_add(usize::from(outcome.broken));
        held = held.saturating_add(usize::from(!outcome.broken && outcome.said.is_empty()));
        tested.cases.push(CaseRow {
            rule: rule.id.to_string(),
            case: case.name,
            file: file.to_owned(),
            holds: outcome.holds || blessed,
        });
    }
    rego(rule, read, texts, tested);
    for (count, what) in [(broken, "in which it is broken"), (held, "in which it holds")] {
        if count == 0 {
            tested.findings.push(untested(rule, what));
        }
    }
    Ok(())
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
        Err(problem) => tested.findings.push(Problem::finding(&problem, texts)),
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
