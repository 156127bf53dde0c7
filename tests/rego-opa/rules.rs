//! The rules that are written in our own policies, with their cases: OPA has to say the same of each.

use super::{Outcome, opa};
use countersign_core::policy::{Manifest, REGO_SUFFIX, Rule};
use countersign_decide::written::{self, Case, Input};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A case, played.
#[derive(Debug, Clone)]
pub struct Played {
    /// The policy, the rule and the case.
    pub name: String,
    /// What our engine gives.
    pub ours: Outcome,
    question: opa::Question,
}

impl Played {
    /// What OPA is asked.
    #[must_use]
    pub fn question(&self) -> opa::Question {
        self.question.clone()
    }
}

/// Every case of every rule: of the policies under `examples`, and of the one that has a rule for every form.
#[must_use]
pub fn all() -> Vec<Played> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![tests.join("rego-opa/policy")];
    let entries = std::fs::read_dir(tests.join("../examples/policies")).expect("the policies");
    folders.extend(entries.map(|entry| entry.expect("an entry").path()));
    folders.sort();
    folders.iter().flat_map(|folder| of_policy(folder)).collect()
}

/// The same cases, asked of what `policy export --opa` makes of each policy.
#[must_use]
pub fn exported() -> Vec<Played> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rego-opa/policy");
    let manifest = countersign_flow::policy::build(&folder).expect("a policy");
    let bundle = countersign_flow::policy::opa::export(&manifest).expect("a bundle");
    let mut modules = unpacked(&bundle.bytes);
    let data = modules.remove("data.json").expect("data");
    let data: Map<String, Value> = serde_json::from_str(&data).expect("JSON");
    let about: Value = serde_json::from_str(&modules.remove(".manifest").expect("a manifest")).expect("JSON");
    assert_eq!(about["revision"], Value::from(manifest.digest().expect("a digest").to_string()));
    let played = of_policy(&folder).into_iter();
    let played = played.map(|played| Played {
        name: format!("exported {}", played.name),
        question: opa::Question { modules: modules.clone(), data: data.clone(), ..played.question },
        ours: played.ours,
    });
    played.collect()
}

/// The files of a `tar.gz` whose pieces are stored as they are.
#[must_use]
pub fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
    let (mut at, mut tar) = (10, Vec::new());
    loop {
        let length = usize::from(u16::from_le_bytes([bytes[at + 1], bytes[at + 2]]));
        tar.extend(&bytes[at + 5..at + 5 + length]);
        let last = bytes[at] == 1;
        at += 5 + length;
        if last {
            break;
        }
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text").trim_end_matches('\0').to_owned();
    let (mut at, mut files) = (0, BTreeMap::new());
    while tar[at] != 0 {
        let size = usize::from_str_radix(&text(&tar[at + 124..at + 135]), 8).expect("a size");
        files.insert(text(&tar[at..at + 100]), text(&tar[at + 512..at + 512 + size]));
        at += 512 + size.next_multiple_of(512);
    }
    files
}

fn of_policy(folder: &Path) -> Vec<Played> {
    let manifest =
        countersign_flow::policy::build(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let written = manifest.rules.iter().filter(|rule| rule.folder.is_some());
    written.flat_map(|rule| of_rule(folder, &manifest, rule)).collect()
}

fn of_rule(policy: &Path, manifest: &Manifest, rule: &Rule) -> Vec<Played> {
    let folder = rule.folder.as_deref().expect("a written rule");
    let read = written::read(rule, &manifest.texts).unwrap_or_else(|problems| panic!("{folder}: {problems:?}"));
    let mut modules = BTreeMap::from([("rule.rego".to_owned(), read.rego().to_owned())]);
    let mut data = Map::new();
    for (path, text) in &manifest.texts {
        let own = path.starts_with(&format!("{folder}/")) && !path.ends_with("/rule.rego");
        if path.ends_with(REGO_SUFFIX) && (own || path.starts_with("lib/")) {
            modules.insert(path.clone(), text.clone());
        } else if let Some(name) = path.strip_prefix("data/").and_then(|path| path.strip_suffix(".json")) {
            data.insert(name.to_owned(), serde_json::from_str(text).expect("JSON"));
        }
    }
    let parameters = rule.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    data.insert("params".to_owned(), Value::Object(parameters));
    let played = |path: PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).expect("text");
        let case = Case::read(&name, &text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let outcome = case.play(&read);
        assert!(outcome.holds, "{name}: {:?}", outcome.difference);
        let ours = read
            .elements(&Input::new(case.input.clone()), case.at)
            .map(|elements| Outcome::Value(Value::Array(elements)));
        Played {
            name: format!("{}: {}", rule.id, case.name),
            ours: ours.unwrap_or_else(|silent| Outcome::Error(format!("{silent:?}"))),
            question: opa::Question {
                modules: modules.clone(),
                path: format!("{}.deny", written::package(folder)),
                input: case.input,
                data: data.clone(),
            },
        }
    };
    let cases = std::fs::read_dir(policy.join(folder).join("cases")).into_iter().flatten();
    let mut cases: Vec<PathBuf> = cases.map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    cases.into_iter().map(played).collect()
}
