//! What an author of policy needs before a release: a draft of a rule, everything that is wrong at once, one input tried
//! out, and the Rego behind a rule without Rego.

use super::build::{close, folder_files, problems, unused};
use super::test::too_few;
use crate::error::FlowError;
use crate::files;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::RuleId;
use countersign_core::policy::{Manifest, Rule, SOURCE_FILE};
use countersign_core::time::Time;
use countersign_core::{json, limits};
use countersign_decide::written::{self, Input, Written, shape};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that is wrong with a folder, all at once; and how many rules it has.
pub fn lint(folder: &Path) -> Result<(usize, Vec<Finding>), FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let all = texts(&files);
    let mut findings = problems(&manifest);
    if let Some(source) = all.get(SOURCE_FILE) {
        for finding in &mut findings {
            place(finding, &manifest.rules, source);
        }
    }
    for rule in &manifest.rules {
        findings.extend(written::unreturned(rule, &manifest.texts).iter().map(|problem| problem.finding(&all)));
    }
    findings.extend(unused(&manifest));
    findings.extend(too_few(&manifest, &all));
    findings.extend(without_start(&manifest));
    Ok((manifest.rules.len(), findings))
}

/// Gives a finding about a rule of policy.toml the line that names the rule.
fn place(finding: &mut Finding, rules: &[Rule], source: &str) {
    if finding.at != [SOURCE_FILE] {
        return;
    }
    let named = rules.iter().map(|rule| rule.id.as_str()).filter(|id| finding.what.contains(*id));
    // `a@1` is in `a@10` as well: the longest is the one that is meant.
    let Some(id) = named.max_by_key(|id| id.len()) else { return };
    if let Some((line, column, lines)) = written::marked(source, &format!("\"{id}\"")) {
        finding.at = vec![format!("{SOURCE_FILE}:{line}:{column}")];
        finding.found = lines.to_vec();
    }
}

/// Sources without a start: their first promotion could not be decided. Nothing is wrong with that once something was
/// promoted, which a folder does not say.
fn without_start(manifest: &Manifest) -> Vec<Finding> {
    let unset = manifest.sources.iter().filter(|source| source.start.is_none());
    unset
        .map(|source| {
            Finding::new(codes::START_UNSET, "the first promotion of this source needs to know where review begins")
                .at(SOURCE_FILE)
                .expected("start = \"COMMIT\", up to which history is taken as it is", "countersign, unless something was promoted before")
                .found(format!("{} without `start`", source.repository))
                .help("write the whole id of the commit that runs now, or that `git rev-parse HEAD` prints, under [[sources]]")
        })
        .collect()
}

/// The files that are text.
pub(super) fn texts(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let text = |(path, bytes): (&String, &Vec<u8>)| Some((path.clone(), String::from_utf8(bytes.clone()).ok()?));
    files.iter().filter_map(text).collect()
}

/// A rule of a folder, by id or folder.
fn rule(folder: &Path, name: &str) -> Result<(Rule, Written), FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let named = |rule: &&Rule| rule.id.as_str() == name || rule.folder.as_deref() == Some(name);
    let rule = manifest.rules.iter().filter(|rule| rule.folder.is_some()).find(named).ok_or_else(|| {
        let written: Vec<&str> =
            manifest.rules.iter().filter(|rule| rule.folder.is_some()).map(|rule| rule.id.as_str()).collect();
        FlowError::Usage(format!(
            "no rule `{name}` is written in {}: there is {}",
            folder.display(),
            written.join(", ")
        ))
    })?;
    match written::read(rule, &manifest.texts) {
        Ok(read) => Ok((rule.clone(), read)),
        Err(problems) => {
            Err(FlowError::Refused(problems.iter().map(|problem| problem.finding(&texts(&files))).collect()))
        }
    }
}

/// What one rule says about one input, a JSON document that is laid over an empty one.
pub fn evaluate(folder: &Path, name: &str, input: &Path, at: Time) -> Result<(RuleId, Vec<Finding>), FlowError> {
    let (rule, read) = rule(folder, name)?;
    let bytes = files::read(input, limits::DOCUMENT_BYTES)?;
    let given: Value =
        json::parse(&bytes).map_err(|error| FlowError::Usage(format!("{}: {error}", input.display())))?;
    let input = shape::complete(&given).map_err(|wrong| {
        let lines: Vec<String> =
            wrong.into_iter().map(|(pointer, expected)| format!("{pointer}: {expected}")).collect();
        FlowError::Usage(format!("{}: this is no input: {}", input.display(), lines.join("; ")))
    })?;
    Ok((rule.id, read.findings(&Input::new(input), at)))
}

/// The Rego of a rule.
pub fn explain(folder: &Path, name: &str) -> Result<String, FlowError> {
    Ok(rule(folder, name)?.1.rego().to_owned())
}
