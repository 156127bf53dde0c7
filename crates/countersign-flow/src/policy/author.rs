//! What an author of policy needs before a release: a draft of a rule, everything that is wrong at once, one input tried
//! out, and the Rego behind a rule without Rego.

use super::build::{close, folder_files, unfit, unused};
use super::test::too_few;
use crate::error::FlowError;
use crate::files;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::RuleId;
use countersign_core::policy::{Loose, Manifest, Rule, SOURCE_FILE};
use countersign_core::time::Time;
use countersign_core::yaml::Yaml;
use countersign_core::{json, limits};
use countersign_decide::rules;
use countersign_decide::written::{self, Case, Input, Written, shape};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that is wrong with a folder, all at once; and how many rules it has. A `policy.toml` that does not read is
/// read as far as it goes.
pub fn lint(folder: &Path) -> Result<(usize, Vec<Finding>), FlowError> {
    let files = folder_files(folder)?;
    let all = texts(&files);
    let (manifest, misread) = match close(folder, &files) {
        Ok(manifest) => (manifest, Vec::new()),
        Err(error) => match Manifest::close_loosely(&files) {
            Ok(loose) => {
                let misread = misread(&loose, all.get(SOURCE_FILE).map_or("", String::as_str));
                (loose.manifest, misread)
            }
            Err(_) => return Err(error),
        },
    };
    let whole = misread.is_empty();
    let mut findings = misread;
    findings.extend(unfit(&manifest));
    // A rule that could not be read is none that is not there.
    findings.retain(|finding| whole || finding.code != codes::POLICY_EMPTY);
    if let Some(source) = all.get(SOURCE_FILE) {
        for finding in &mut findings {
            place(finding, &manifest.rules, source);
        }
    }
    for rule in &manifest.rules {
        findings.extend(written::unreturned(rule, &manifest.texts).iter().map(|problem| problem.finding(&all)));
    }
    if whole {
        findings.extend(unused(&manifest));
    }
    findings.extend(too_few(&manifest, &all));
    findings.extend(unowned(&manifest));
    findings.extend(without_start(&manifest));
    Ok((manifest.rules.len(), findings))
}

/// What does not read of `policy.toml`, each with its line.
fn misread(loose: &Loose, source: &str) -> Vec<Finding> {
    let help = "mend it; everything below was checked as far as the rest could be read";
    let of_file = |what: &str| Finding::new(codes::POLICY_MALFORMED, what).at(SOURCE_FILE);
    let mut findings: Vec<Finding> = Vec::new();
    for one in &loose.misread {
        let mut finding = of_file(&one.what);
        if one.length > 0 {
            finding.at = vec![format!("{SOURCE_FILE}:{}:{}", one.line, one.column)];
            let lines = written::shown(source, one.line, one.column, one.length);
            finding = lines.into_iter().flatten().fold(finding, Finding::found);
        }
        findings.push(finding);
    }
    findings
        .extend(loose.faults.iter().map(|fault| Finding::of_lines(fault.code(), &fault.to_string()).at(SOURCE_FILE)));
    if let Some(last) = findings.last_mut() {
        last.help = Some(help.to_owned());
    }
    findings
}

/// Rules that nobody answers for: whoever is refused by one has nobody to ask.
fn unowned(manifest: &Manifest) -> Option<Finding> {
    let unowned = |rule: &&Rule| rule.folder.is_none() && rule.owner.is_none();
    let ids: Vec<&str> = manifest.rules.iter().filter(unowned).map(|rule| rule.id.as_str()).collect();
    if ids.is_empty() {
        return None;
    }
    let finding = Finding::new(codes::RULE_UNOWNED, "nobody is named as the owner of a rule")
        .at(SOURCE_FILE)
        .expected("owner = \"TEAM\" under its [[rules]]", "countersign: whoever is refused has somebody to ask");
    let finding = ids.iter().fold(finding, |finding, id| finding.found(*id));
    Some(finding.help("name a team or a person; every refusal by the rule says who it is"))
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

/// A rule of a folder, by id or folder. What `verb` cannot do for a rule that is built in is said with what to do instead.
fn rule(folder: &Path, name: &str, verb: &str) -> Result<(Rule, Written), FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let named = |rule: &&Rule| rule.id.as_str() == name || rule.folder.as_deref() == Some(name);
    let rule = manifest.rules.iter().filter(|rule| rule.folder.is_some()).find(named).ok_or_else(|| {
        let written: Vec<&str> =
            manifest.rules.iter().filter(|rule| rule.folder.is_some()).map(|rule| rule.id.as_str()).collect();
        let there = if written.is_empty() { "none".to_owned() } else { written.join(", ") };
        let built_in = RuleId::new(name).ok().and_then(|id| rules::find(&id));
        FlowError::Usage(match built_in {
            Some(known) => format!(
                "`{}` is built in, and {verb}. `countersign explain {}` says what it looks at; `countersign promote … \
                 --dry-run` with real evidence shows what it says of it. Rules written in {}: {there}",
                known.id,
                known.id,
                folder.display(),
            ),
            None => format!("no rule `{name}` is written in {}: there is {there}", folder.display()),
        })
    })?;
    match written::read_for_author(rule, &manifest.texts) {
        Ok(read) => Ok((rule.clone(), read)),
        Err(problems) => {
            Err(FlowError::Refused(problems.iter().map(|problem| problem.finding(&texts(&files))).collect()))
        }
    }
}

/// What one rule says about one input, a document in JSON or YAML that is laid over an empty one. A case is taken as well:
/// its `input`, its `files` and its `time` are what counts.
pub fn evaluate(folder: &Path, name: &str, input: &Path, at: Time) -> Result<(RuleId, Vec<Finding>), FlowError> {
    let built_in = "looks at signed evidence, which no file of facts stands for";
    let (rule, read) = rule(folder, name, built_in)?;
    let bytes = files::read(input, limits::DOCUMENT_BYTES)?;
    let (given, at) = given(input, &bytes, at)?;
    Ok((rule.id, read.findings(&Input::new(given), at)))
}

/// The input that a file holds, and the time of it.
fn given(path: &Path, bytes: &[u8], at: Time) -> Result<(Value, Time), FlowError> {
    let wrong = |error: &dyn std::fmt::Display| FlowError::Usage(format!("{}: {error}", path.display()));
    // JSON first: it may be larger than what is read as YAML, and its numbers may have a point.
    let ends = |end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
    let yaml = ends("yaml") || ends("yml");
    let given: Value = if ends("json") || (!yaml && bytes.trim_ascii_start().starts_with(b"{")) {
        json::parse(bytes).map_err(|error| wrong(&error))?
    } else {
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(&error))?;
        let root = Yaml::parse(text).map_err(|error| wrong(&error))?;
        if Case::is_one(&root) {
            let place = path.display().to_string();
            let case = Case::read(&place, text).map_err(|problems| {
                let texts = BTreeMap::from([(place.clone(), text.to_owned())]);
                FlowError::Refused(problems.iter().map(|problem| problem.finding(&texts)).collect())
            })?;
            return Ok((case.input, case.at));
        }
        root.to_value()
    };
    let input = shape::complete(&given).map_err(|faults| {
        let lines: Vec<String> =
            faults.into_iter().map(|(pointer, expected)| format!("{pointer}: {expected}")).collect();
        wrong(&format_args!("this is no input: {}", lines.join("; ")))
    })?;
    Ok((input, at))
}

/// The Rego of a rule.
pub fn explain(folder: &Path, name: &str) -> Result<String, FlowError> {
    Ok(rule(folder, name, "is no Rego")?.1.rego().to_owned())
}
