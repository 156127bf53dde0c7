//! A release as a bundle that OPA loads: its written rules, what they share, their data and their parameters.
//!
//! In OPA all rules see one `data`. Here each rule has parameters of its own under `data.params`: in the bundle those of
//! `rules/our-builder` stand under `data.params.our_builder`, and its modules say so.

use super::archive;
use crate::error::FlowError;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::{Manifest, REGO_SUFFIX, TEST_SUFFIX};
use countersign_decide::written::{self, Problem};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A bundle.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its bytes, `tar.gz`.
    pub bytes: Vec<u8>,
    /// The rules in it, each with its path under `data`.
    pub rules: BTreeMap<String, String>,
    /// Rules that it does not hold, because they are built in.
    pub left_out: Vec<String>,
}

/// What stands at the head of every module.
const HEAD: &str = "# From the policy release {revision}. What the engine of that release does and OPA does not:\n\
    # - an error in a function ends the rule, which then refuses: ask OPA with --strict-builtin-errors;\n\
    # - the input is completed before a rule sees it: what is not known is null, a list is never null;\n\
    # - a part of the input without evidence, and a path that the input does not have, are no pass;\n\
    # - parameters stand under data.params.<rule>, there under data.params;\n\
    # - stages, exceptions and the verdict are reckoned outside of Rego: data.countersign.stages names the stages.\n\n";

/// Makes it.
pub fn export(manifest: &Manifest) -> Result<Bundle, FlowError> {
    let revision = manifest.digest()?.to_string();
    let head = HEAD.replace("{revision}", &revision);
    let mut wrong = Vec::new();
    let mut files = BTreeMap::new();
    let mut bundle = Bundle { bytes: Vec::new(), rules: BTreeMap::new(), left_out: Vec::new() };
    let (mut parameters, mut stages) = (Map::new(), Map::new());
    for rule in &manifest.rules {
        stages.insert(rule.id.to_string(), json!(rule.stages));
        let Some(folder) = &rule.folder else {
            bundle.left_out.push(rule.id.to_string());
            continue;
        };
        let read = match written::read(rule, &manifest.texts) {
            Ok(read) => read,
            Err(problems) => {
                wrong.extend(problems.iter().map(|problem: &Problem| problem.finding(&manifest.texts)));
                continue;
            }
        };
        let package = written::package(folder);
        let name = package.rsplit('.').next().unwrap_or(&package).to_owned();
        let own = manifest.texts.iter().filter(|(path, _)| inside(path, folder) && module(path));
        let main = (format!("{folder}/{}", written::RULE_REGO), read.rego().to_owned());
        let others = own.map(|(path, text)| (path.clone(), text.clone())).filter(|(path, _)| *path != main.0);
        for (path, text) in others.chain([main.clone()]) {
            match with_parameters_of(&text, &name) {
                Ok(text) => drop(files.insert(path, format!("{head}{text}").into_bytes())),
                Err(what) => wrong.push(cannot(&path, what)),
            }
        }
        parameters.insert(name, json!(rule.parameters));
        bundle.rules.insert(rule.id.to_string(), format!("{package}.deny"));
    }
    if bundle.rules.is_empty() && wrong.is_empty() {
        wrong.push(cannot("policy.toml", "no rule of this release is written in Rego or YAML: OPA would load nothing"));
    }
    for (path, text) in manifest.texts.iter().filter(|(path, _)| path.starts_with("lib/") && module(path)) {
        if text.contains("data.params") {
            wrong
                .push(cannot(path, "what rules share reads `data.params`, which in OPA are the parameters of no rule"));
        }
        files.insert(path.clone(), format!("{head}{text}").into_bytes());
    }
    let data = data(manifest, parameters, &stages, &mut wrong);
    if !wrong.is_empty() {
        return Err(FlowError::Refused(wrong));
    }
    let roots: Vec<String> = ["lib", "rules"].map(str::to_owned).into_iter().chain(data.keys().cloned()).collect();
    let about = json!({
        "revision": revision,
        "roots": roots,
        "rego_version": 1,
        "metadata": { "policy": manifest.uri, "version": manifest.version, "rules": bundle.rules, "leftOut": bundle.left_out },
    });
    files.insert(".manifest".to_owned(), countersign_core::json::canonical(&about)?);
    files.insert("data.json".to_owned(), countersign_core::json::canonical(&data)?);
    bundle.bytes = archive::tar_gz(&files)
        .map_err(|path| FlowError::Refused(vec![cannot(&path, "the path has more than 100 bytes")]))?;
    Ok(bundle)
}

fn inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn module(path: &str) -> bool {
    path.ends_with(REGO_SUFFIX) && !path.ends_with(TEST_SUFFIX)
}

fn cannot(path: &str, what: &str) -> Finding {
    Finding::new(codes::RULE_SOURCE, format!("this cannot be exported: {what}"))
        .at(path)
        .help("write it so that OPA can evaluate it, or keep the rule here")
}

fn data(
    manifest: &Manifest,
    parameters: Map<String, Value>,
    stages: &Map<String, Value>,
    wrong: &mut Vec<Finding>,
) -> Map<String, Value> {
    let mut data = Map::new();
    for (path, text) in &manifest.texts {
        let Some(name) = path.strip_prefix("data/").and_then(|path| path.strip_suffix(".json")) else { continue };
        match countersign_core::json::parse(text.as_bytes()) {
            Ok(_) if name == "countersign" => wrong.push(cannot(path, "`data.countersign` is made by the export")),
            Ok(value) => drop(data.insert(name.to_owned(), value)),
            Err(error) => wrong.push(cannot(path, &error.to_string())),
        }
    }
    data.insert("params".to_owned(), Value::Object(parameters));
    data.insert("countersign".to_owned(), json!({ "stages": stages }));
    data
}

/// The module with `data.params` of the rule of that name. Texts and comments stay as they are.
fn with_parameters_of(text: &str, name: &str) -> Result<String, &'static str> {
    const PATH: &str = "data.params";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    while let Some(letter) = rest.chars().next() {
        let taken = match letter {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => quoted(rest),
            '`' => rest.get(1..).and_then(|inner| inner.find('`')).map_or(rest.len(), |end| end.saturating_add(2)),
            _ if part_of_name(before) || before == '.' => letter.len_utf8(),
            _ if rest.strip_prefix("data").is_some_and(|rest| rest.trim_start().starts_with('[')) => {
                return Err("`data[…]` is written as a path, `data.name`");
            }
            _ if rest.strip_prefix(PATH).is_some_and(|rest| !rest.starts_with(part_of_name)) => {
                out.push_str(PATH);
                out.push('.');
                out.push_str(name);
                rest = rest.get(PATH.len()..).unwrap_or_default();
                before = 's';
                continue;
            }
            _ => letter.len_utf8(),
        };
        let (part, more) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        out.push_str(part);
        before = part.chars().next_back().unwrap_or(' ');
        rest = more;
    }
    Ok(out)
}

/// The length of a text in quotation marks.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return at.saturating_add(1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_where_they_are_read_and_nowhere_else() {
        let text = "# data.params.a\ndeny contains data.params.a if {\n\tx := \"data.params.a \\\" data.params\"\n\
                    \ty := `data.params`\n\tz := mydata.params.a\n\tdata.paramsx.a == input.data.params\n\tp := data.params\n}\n";
        let made = with_parameters_of(text, "our").unwrap();
        assert_eq!(
            made,
            "# data.params.a\ndeny contains data.params.our.a if {\n\tx := \"data.params.a \\\" data.params\"\n\
             \ty := `data.params`\n\tz := mydata.params.a\n\tdata.paramsx.a == input.data.params\n\tp := data.params.our\n}\n"
        );
        assert!(with_parameters_of("x := data[\"params\"].a", "our").is_err());
    }
}
