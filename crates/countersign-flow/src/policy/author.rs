//! What an author of policy needs before a release: a draft of a rule, everything that is wrong at once, one input tried
//! out, and the Rego behind a rule without Rego.

use super::build::{close, folder_files, problems, unused};
use super::test::too_few;
use crate::error::FlowError;
use crate::files;
use countersign_core::finding::Finding;
use countersign_core::ids::RuleId;
use countersign_core::policy::{Rule, SOURCE_FILE};
use countersign_core::time::Time;
use countersign_core::{json, limits};
use countersign_decide::written::{self, Written, shape};
use countersign_record::atomic::write_atomic;
use countersign_record::disk::{DiskError, Doing};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that is wrong with a folder, all at once; and how many rules it has.
pub fn lint(folder: &Path) -> Result<(usize, Vec<Finding>), FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let mut findings = problems(&manifest);
    findings.extend(unused(&manifest));
    findings.extend(too_few(&manifest, &texts(&files)));
    Ok((manifest.rules.len(), findings))
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
    Ok((rule.id, read.findings(&input, at)))
}

/// The Rego of a rule.
pub fn explain(folder: &Path, name: &str) -> Result<String, FlowError> {
    Ok(rule(folder, name)?.1.rego().to_owned())
}

/// What a draft of a rule is asked for.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Its name, without a number.
    pub name: &'a str,
    /// What holds when it passes.
    pub title: &'a str,
    /// Who answers for it.
    pub owner: &'a str,
    /// Whether it is written as `rule.yaml` instead of Rego.
    pub yaml: bool,
}

/// Writes a rule with a case in which it is broken and one in which it holds, and names it in policy.toml, in stage
/// monitor. What it wrote, by path.
pub fn draft(folder: &Path, draft: &Draft<'_>) -> Result<Vec<String>, FlowError> {
    let source = folder.join(SOURCE_FILE);
    let policy = String::from_utf8(files::read(&source, limits::TOML_BYTES)?)
        .map_err(|error| FlowError::Usage(format!("{}: {error}", source.display())))?;
    let manifest = close(folder, &folder_files(folder)?)?;
    let id = RuleId::new(&format!("{}@1", draft.name)).map_err(|error| FlowError::Usage(error.to_string()))?;
    let place = format!("rules/{}", draft.name);
    let taken = manifest.rules.iter().any(|rule| rule.id == id || rule.folder.as_deref() == Some(place.as_str()));
    if taken || folder.join(&place).exists() {
        return Err(FlowError::Usage(format!("there is a rule {id} already: choose another name")));
    }
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let stages: Vec<String> =
        manifest.environments.keys().map(|environment| format!("\"{environment}\" = \"monitor\"")).collect();
    let entry = format!(
        "\n[[rules]]\nid = \"{id}\"\nfolder = \"{place}\"\nstages = {{ {} }}\nparameters = {{ names = [\"left-pad\"] }}\n",
        stages.join(", ")
    );
    let heading = |indent: &str| {
        [
            format!("id: {id}"),
            "severity: high".to_owned(),
            "controls: []".to_owned(),
            "message: \"component {name} {version} is not allowed\"".to_owned(),
            "why: \"Say in a sentence what could happen.\"".to_owned(),
            "fix: \"Take {name} out, or ask its owner for another version.\"".to_owned(),
            format!("owner: {}", quoted(draft.owner)),
            "parameters: {names: list}".to_owned(),
        ]
        .map(|line| format!("{indent}{line}\n"))
        .concat()
    };
    let title = quoted(draft.title);
    let (file, rule) = if draft.yaml {
        let rule = format!(
            "form: 1\ntitle: {title}\n{}for_each: sbom.components\nwhere:\n  - field: name\n    in_parameter: names\n",
            heading("")
        );
        ("rule.yaml", rule)
    } else {
        let rule = format!(
            "# METADATA\n# title: {title}\n# custom:\n{}package {}\n\n\
             deny contains {{\"at\": c.at, \"name\": c.name, \"version\": c.version}} if {{\n\
             \tsome c in input.sbom.components\n\tc.name in data.params.names\n}}\n",
            heading("#   "),
            written::package(&place)
        );
        ("rule.rego", rule)
    };
    let case = |name: &str, component: &str, expect: &str| {
        format!(
            "name: {name}\ninput:\n  sbom:\n    components:\n      - name: {component}\n        version: \"1.3.0\"\n{expect}"
        )
    };
    let broken = "expect:\n  - message: \"component left-pad 1.3.0 is not allowed\"\n";
    let all = [
        (format!("{place}/{file}"), rule),
        (format!("{place}/cases/broken.yaml"), case("a component of the list is denied", "left-pad", broken)),
        (
            format!("{place}/cases/holds.yaml"),
            case("another component is none of its business", "serde", "expect: []\n"),
        ),
    ];
    let mut paths = Vec::new();
    for (path, text) in all {
        let to = folder.join(&path);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(|source| DiskError::new(Doing::Create, parent, source))?;
        }
        write_atomic(&to, text.as_bytes(), 0o644)?;
        paths.push(path);
    }
    write_atomic(&source, format!("{}{entry}", policy.trim_end_matches('\n').to_owned() + "\n").as_bytes(), 0o644)?;
    paths.push(SOURCE_FILE.to_owned());
    Ok(paths)
}
