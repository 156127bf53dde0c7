//! The pages of a policy folder, written beside it or held against what is there.

use super::author::texts;
use super::build::{close, folder_files, problems, unused};
use super::test::cases_of;
use crate::error::FlowError;
use crate::files;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::limits;
use countersign_core::policy::{Manifest, Rule, Stage};
use countersign_decide::rules;
use countersign_decide::written::{self, Case};
use countersign_record::atomic::write_atomic;
use countersign_record::disk::{DiskError, Doing};
use countersign_report::policy_docs::{Book, Example, PageForm, RulePage, pages};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What became of the pages.
#[derive(Debug, Clone, Default)]
pub struct Documented {
    /// Every page, by path in the output folder.
    pub pages: Vec<String>,
    /// Pages that differ, are missing, or belong to no rule any more.
    pub findings: Vec<Finding>,
}

/// Makes the pages of a folder that holds together. With `check` nothing is written: what is not as it would be made is
/// found.
pub fn docs(folder: &Path, output: &Path, form: PageForm, check: bool) -> Result<Documented, FlowError> {
    let read = folder_files(folder)?;
    let manifest = close(folder, &read)?;
    let mut wrong = problems(&manifest);
    wrong.extend(unused(&manifest));
    if !wrong.is_empty() {
        return Err(FlowError::Refused(wrong));
    }
    outside(folder, output)?;
    let pages = pages(&book(&manifest, &texts(&read))?, form);
    let mut documented = Documented { pages: pages.keys().cloned().collect(), findings: Vec::new() };
    for (path, text) in &pages {
        let to = output.join(path);
        if check {
            let there = files::read_if_there(&to, limits::DOCUMENT_BYTES)?;
            let stale = |what: &str| Some(stale(&to, what));
            documented.findings.extend(match there {
                None => stale("this page is missing"),
                Some(bytes) if bytes != text.as_bytes() => stale("this page is not what would be made now"),
                Some(_) => None,
            });
        } else {
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(|source| DiskError::new(Doing::Create, parent, source))?;
            }
            write_atomic(&to, text.as_bytes(), 0o644)?;
        }
    }
    for path in left_over(output, form, &pages)? {
        documented.findings.push(stale(&path, "this page is of no rule any more: delete it"));
    }
    Ok(documented)
}

/// The page of one rule of a folder, or of a manifest that was built from one.
pub fn page(policy: &Path, id: &str) -> Result<RulePage, FlowError> {
    let (manifest, texts) = if policy.is_dir() {
        let read = folder_files(policy)?;
        (close(policy, &read)?, texts(&read))
    } else {
        let bytes = files::read(policy, limits::DOCUMENT_BYTES)?;
        let place = policy.display().to_string();
        let manifest = Manifest::parse(&bytes)
            .map_err(|error| FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(place)]))?;
        let texts = manifest.texts.clone();
        (manifest, texts)
    };
    let book = book(&manifest, &texts)?;
    let known: Vec<String> = book.rules.iter().map(|rule| rule.id.clone()).collect();
    book.rules.into_iter().find(|rule| rule.id == id).ok_or_else(|| {
        FlowError::Usage(format!("{} has no rule `{id}`: there is {}", policy.display(), known.join(", ")))
    })
}

fn stale(path: &Path, what: &str) -> Finding {
    Finding::new(codes::POLICY_DOCS_STALE, what).at(path.display().to_string())
}

/// Pages within the policy's folder would be part of the release that they describe.
fn outside(folder: &Path, output: &Path) -> Result<(), FlowError> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let mut above: PathBuf = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    while real(&above).is_none() && above.pop() {}
    match (real(folder), real(&above)) {
        (Some(folder), Some(above)) if above.starts_with(&folder) => Err(FlowError::Usage(format!(
            "{} lies in the policy's folder, and would be part of the release: name another with --output",
            output.display()
        ))),
        _ => Ok(()),
    }
}

fn left_over(output: &Path, form: PageForm, pages: &BTreeMap<String, String>) -> Result<Vec<PathBuf>, FlowError> {
    let folder = output.join("rules");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FlowError::Read { path: folder, source }),
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|source| FlowError::Read { path: folder.clone(), source })?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.rsplit_once('.').is_some_and(|(_, ending)| ending == form.ending());
        if ours && !pages.contains_key(&format!("rules/{name}")) {
            found.insert(folder.join(name));
        }
    }
    Ok(found.into_iter().collect())
}

/// The stage, or the ladder with its dates.
fn planned(rule: &Rule, environment: &EnvName) -> String {
    rule.stages.get(environment).map_or_else(|| Stage::Off.to_string(), ToString::to_string)
}

fn book(manifest: &Manifest, texts: &BTreeMap<String, String>) -> Result<Book, FlowError> {
    let page = |rule: &Rule| {
        let mut page = match rules::built_in(rule) {
            Some(built_in) => of_built_in(rule, built_in),
            None if rule.folder.is_none() => {
                return Err(FlowError::Refused(rules::faults(rule, &manifest.texts, "policy")));
            }
            None => of_written(rule, manifest, texts)?,
        };
        page.stages = manifest.environments.keys().map(|to| (to.to_string(), planned(rule, to))).collect();
        Ok(page)
    };
    let rules: Result<Vec<RulePage>, FlowError> = manifest.rules.iter().map(page).collect();
    Ok(Book { uri: manifest.uri.to_string(), version: manifest.version, rules: rules? })
}

fn of_built_in(rule: &Rule, built_in: &rules::BuiltIn) -> RulePage {
    let parameter = |(name, meaning): &(&str, &str)| {
        let value = rule.parameters.get(*name).map(ToString::to_string);
        ((*name).to_owned(), (*meaning).to_owned(), value)
    };
    let meant = built_in.controls.iter().map(|control| (*control).to_owned()).collect();
    RulePage {
        id: rule.id.to_string(),
        title: built_in.title.to_owned(),
        why: built_in.why.to_owned(),
        fix: built_in.fix.to_owned(),
        owner: rule.owner.clone(),
        // What the release says of its controls goes before what the rule is meant for.
        controls: if rule.controls.is_empty() { meant } else { rule.controls.clone() },
        parameters: built_in.parameters.iter().map(parameter).collect(),
        ..RulePage::default()
    }
}

fn of_written(rule: &Rule, manifest: &Manifest, texts: &BTreeMap<String, String>) -> Result<RulePage, FlowError> {
    let refused = |problems: Vec<written::Problem>| {
        FlowError::Refused(problems.iter().map(|problem| problem.finding(texts)).collect())
    };
    let read = written::read(rule, &manifest.texts).map_err(refused)?;
    let heading = read.heading();
    let folder = rule.folder.as_deref().unwrap_or_default();
    let file = manifest
        .texts
        .keys()
        .find(|path| path.strip_prefix(folder).is_some_and(|rest| rest == "/rule.yaml" || rest == "/rule.rego"));
    let mut examples = Vec::new();
    for (path, text) in cases_of(rule, texts) {
        let case = Case::read(path, text).map_err(refused)?;
        let said = case.expect.into_iter().map(|expected| expected.message).collect();
        examples.push(Example { name: case.name, input: input_of(text), said });
    }
    let parameter = |(name, kind): (&String, &written::ParameterKind)| {
        (name.clone(), kind.word().to_owned(), rule.parameters.get(name).map(ToString::to_string))
    };
    Ok(RulePage {
        id: rule.id.to_string(),
        title: heading.title.clone(),
        severity: Some(heading.severity.word().to_owned()),
        message: Some(heading.message.clone()),
        why: heading.why.clone(),
        fix: heading.fix.clone(),
        owner: Some(heading.owner.clone()),
        controls: heading.controls.clone(),
        docs: heading.docs.clone(),
        file: file.cloned(),
        parameters: heading.parameters.iter().map(parameter).collect(),
        stages: Vec::new(),
        examples,
    })
}

/// What stands below `input:` in a case, moved to the left; the whole case where it is written in another way.
fn input_of(text: &str) -> String {
    let inside = text.lines().skip_while(|line| line.trim_end() != "input:").skip(1);
    let lines: Vec<&str> = inside.take_while(|line| line.starts_with(' ') || line.trim().is_empty()).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let blank = |line: &&str| line.len().saturating_sub(line.trim_start().len());
    let indent = lines.iter().filter(|line| !line.trim().is_empty()).map(blank).min().unwrap_or_default();
    let moved: Vec<&str> = lines.iter().map(|line| line.get(indent..).unwrap_or_default()).collect();
    format!("{}\n", moved.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_of_a_case_is_what_stands_below_it() {
        let text = "name: n\ninput:\n  sbom:\n    documents: []\n\n  time: t\nexpect: []\n";
        assert_eq!(input_of(text), "sbom:\n  documents: []\n\ntime: t\n");
        assert_eq!(input_of("name: n\ninput: {}\nexpect: []\n"), "name: n\ninput: {}\nexpect: []\n");
    }
}
