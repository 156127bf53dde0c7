//! Snippets of Rego, each with what our engine gives for it and, where that differs, what OPA gives: as a test of our
//! engine, and held against OPA itself by `cargo xtask opa`.

pub mod differences;
pub mod opa;
pub mod rules;
mod snippet;

pub use snippet::{Outcome, Snippet};

use countersign_core::ids::RuleId;
use countersign_core::policy::Rule;
use countersign_core::time::Time;
use countersign_decide::written::{self, Input, Problem, Silent, shape};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folder of a snippet's module, and its name in OPA.
const FOLDER: &str = "rules/snippet";
/// The time of every snippet's decision.
const TIME: &str = "2026-11-22T10:00:00Z";

/// Every snippet, by file and in the order of the files.
#[must_use]
pub fn all() -> Vec<Snippet> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rego-opa/snippets");
    let entries = std::fs::read_dir(&folder).expect("the snippets");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut snippets = Vec::new();
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        snippets.extend(snippet::read(&name, &std::fs::read_to_string(&file).expect("text")));
    }
    snippets
}

impl Snippet {
    /// The module, with the heading that every rule has.
    #[must_use]
    pub fn module(&self) -> String {
        format!(
            "# METADATA\n# title: a snippet\n# custom:\n#   id: snippet@1\n#   severity: low\n#   message: it\n#   why: It is \
             a test.\n#   fix: None.\n#   owner: us\npackage rules.snippet\n\n{}\n",
            self.body
        )
    }

    /// The whole input: what the snippet gives, laid over an empty one.
    #[must_use]
    pub fn whole_input(&self) -> Value {
        shape::complete(&self.input).unwrap_or_else(|wrong| panic!("{}: {wrong:?}", self.name))
    }

    /// What our engine gives: read, checked, compiled and evaluated as the gate does it.
    #[must_use]
    pub fn ours(&self) -> Outcome {
        let mut texts = BTreeMap::from([(format!("{FOLDER}/rule.rego"), self.module())]);
        for (name, value) in &self.data {
            texts.insert(format!("data/{name}.json"), value.to_string());
        }
        let rule = Rule {
            id: RuleId::new("snippet@1").expect("an id"),
            folder: Some(FOLDER.to_owned()),
            stages: BTreeMap::new(),
            dates: countersign_core::policy::RuleDates::default(),
            authors: std::collections::BTreeSet::new(),
            parameters: BTreeMap::new(),
            controls: Vec::new(),
            owner: None,
        };
        let at: Time = TIME.parse().expect("a time");
        match written::read(&rule, &texts) {
            Err(problems) => {
                let lines: Vec<String> = problems.iter().map(Problem::line).collect();
                Outcome::Refused(lines.join("; "))
            }
            Ok(read) => match read.elements(&Input::new(self.whole_input()), at) {
                Ok(elements) => Outcome::Value(Value::Array(elements)),
                Err(Silent::Error(what)) => Outcome::Error(what),
                Err(Silent::Missing(part)) => Outcome::Error(format!("there is no input.{part}")),
            },
        }
    }

    /// What OPA is asked.
    #[must_use]
    pub fn question(&self) -> opa::Question {
        let mut data = self.data.clone();
        data.insert("params".to_owned(), Value::Object(Map::new()));
        opa::Question {
            modules: BTreeMap::from([("rule.rego".to_owned(), self.module())]),
            path: "rules.snippet.deny".to_owned(),
            input: self.whole_input(),
            data,
        }
    }

    /// What is wrong with the snippet's word on our engine.
    #[must_use]
    pub fn against_us(&self) -> Option<String> {
        let found = self.ours();
        (!self.ours.is(&found)).then(|| format!("{}: expected {}, found {found}", self.name, self.ours))
    }

    /// What is wrong with the snippet's word on OPA: a difference that is not listed, or one that is gone.
    #[must_use]
    pub fn against_opa(&self, found: &Outcome) -> Option<String> {
        let name = &self.name;
        match (&self.opa, self.differs) {
            (None, None) if self.ours.same(found) => None,
            (None, None) => Some(format!("{name}: a difference that is not listed: ours {}, OPA {found}", self.ours)),
            (Some(opa), Some(number)) => {
                if self.ours.same(found) {
                    return Some(format!("{name}: difference {number} is gone: both give {found}"));
                }
                (!opa.is(found)).then(|| format!("{name}: OPA was expected to give {opa}, and gives {found}"))
            }
            (Some(_), None) | (None, Some(_)) => {
                Some(format!("{name}: says only one of `opa` and `differs`, which belong together"))
            }
        }
    }
}
