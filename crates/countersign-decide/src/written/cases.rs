//! Cases: an input, laid over an empty one, and what the rule has to say about it. And tests in Rego.

use super::{Denial, Input, Problem, Silent, Written, shape};
use crate::rego::{Document, Given, Rego as _, Regorus, Text};
use countersign_core::policy::{REGO_SUFFIX, TEST_SUFFIX};
use countersign_core::time::Time;
use countersign_core::yaml::{Node, Yaml};
use countersign_core::{codes, limits};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The time of a case that names none.
const TIME: &str = "2026-01-01T00:00:00Z";

/// A case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The whole input.
    pub input: Value,
    /// The time.
    pub at: Time,
    /// What the rule has to say, in order; nothing if it holds.
    pub expect: Vec<Expectation>,
}

/// What a rule has to say about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The message.
    pub message: String,
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// Whether it came out as it says.
    pub holds: bool,
    /// Whether the rule was broken in it.
    pub broken: bool,
    /// Expected and found beside each other, where they differ; a line each, `-` for what is missing and `+` for what is
    /// there instead.
    pub difference: Vec<String>,
    /// What the rule said, for whoever takes it as expected.
    pub said: Vec<String>,
}

impl Case {
    /// Whether a document is a case rather than an input: it says what to expect, or has the input or the files in it.
    #[must_use]
    pub fn is_one(root: &Yaml) -> bool {
        ["expect", "input", "files"].iter().any(|name| root.get(name).is_some())
    }

    /// Reads a case. What the input does not have is an error with its place.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let wrong = |at: Option<&Yaml>, what: String| {
            let (line, column) = at.map_or((1, 1), |at| (at.line, at.column));
            vec![Problem::at(codes::RULE_SOURCE, file, line, column, what)]
        };
        let root = Yaml::parse(text)
            .map_err(|error| vec![Problem::at(codes::RULE_SOURCE, file, error.line, error.column, error.problem)])?;
        let keys = ["name", "time", "input", "files", "expect"];
        if let Some((key, _)) = root.entries().iter().find(|(key, _)| !keys.contains(&key.name.as_str())) {
            let what = format!("there is no `{}` in a case", key.name);
            return Err(vec![
                Problem::at(codes::RULE_SOURCE, file, key.line, key.column, what).expected(keys.join(", ")),
            ]);
        }
        let name =
            root.get("name").and_then(Yaml::text).ok_or_else(|| wrong(None, "a case has a `name`".to_owned()))?;
        let time = root.get("time").map_or(Some(TIME), Yaml::text).unwrap_or_default();
        let at: Time =
            time.parse().map_err(|_form| wrong(root.get("time"), "`time` is in RFC 3339, with `Z`".to_owned()))?;
        let files = root.get("files");
        let nothing = Yaml { line: 1, column: 1, node: Node::Map(Vec::new()) };
        let given = match (root.get("input"), files) {
            (Some(given), _) => given,
            (None, Some(_)) => &nothing,
            (None, None) => return Err(wrong(None, "a case has an `input`, or `files`".to_owned())),
        };
        let mut value = given.to_value();
        if let Some(files) = files {
            let read = super::files::of_case(files).map_err(|(at, what)| wrong(Some(at), what))?;
            let Some(object) = value.as_object_mut() else {
                return Err(wrong(Some(given), "`input` is a mapping".to_owned()));
            };
            for (part, facts) in read {
                if object.insert(part.to_owned(), facts).is_some() {
                    return Err(wrong(
                        Some(given),
                        format!("`files` give `{part}`: it does not stand in `input` as well"),
                    ));
                }
            }
        }
        if let Some(object) = value.as_object_mut() {
            object.entry("time").or_insert_with(|| Value::String(at.to_string()));
        }
        let input = shape::complete(&value).map_err(|wrong| {
            let problem = |(pointer, expected): (String, String)| {
                let at = find(given, &pointer).unwrap_or((given.line, given.column));
                Problem::at(codes::RULE_PATH, file, at.0, at.1, format!("the input has no such {pointer}"))
                    .expected(expected)
            };
            wrong.into_iter().map(problem).collect::<Vec<_>>()
        })?;
        let expect = root.get("expect").ok_or_else(|| {
            wrong(None, "a case says what to `expect`: a list of messages, or `[]` where the rule holds".to_owned())
        })?;
        let message = |item: &Yaml| {
            let text = item.text().or_else(|| item.get("message").and_then(Yaml::text));
            text.map(|message| Expectation { message: message.to_owned() })
        };
        let expect = expect.items().and_then(|items| items.iter().map(message).collect::<Option<Vec<_>>>());
        let expect = expect.ok_or_else(|| wrong(root.get("expect"), "`expect` is a list of messages".to_owned()))?;
        Ok(Self { name: name.to_owned(), input, at, expect })
    }

    /// Plays it.
    #[must_use]
    pub fn play(&self, rule: &Written) -> CaseOutcome {
        let mut expected: Vec<&str> = self.expect.iter().map(|e| e.message.as_str()).collect();
        expected.sort_unstable();
        let (said, broken) = match rule.denials(&Input::new(self.input.clone()), self.at) {
            Ok(denials) => {
                let mut said: Vec<String> = denials.into_iter().map(|denial: Denial| denial.message).collect();
                said.sort_unstable();
                let broken = !said.is_empty();
                (said, broken)
            }
            Err(Silent::Missing(part)) => (vec![format!("(no answer: there is no `input.{part}`)")], false),
            Err(Silent::Error(what)) => (vec![format!("(no answer: {what})")], false),
        };
        let holds = said.iter().map(String::as_str).eq(expected.iter().copied());
        let missing =
            expected.iter().filter(|line| !said.iter().any(|said| said == *line)).map(|line| format!("- {line}"));
        let extra = said.iter().filter(|line| !expected.contains(&line.as_str())).map(|line| format!("+ {line}"));
        let mut difference: Vec<String> = missing.chain(extra).collect();
        if !holds && difference.is_empty() {
            difference.push(format!("expected {} messages, found {}", expected.len(), said.len()));
        }
        CaseOutcome { holds, broken, difference, said }
    }
}

/// The place of a pointer in a document, or of the nearest thing above it.
fn find(root: &Yaml, pointer: &str) -> Option<(usize, usize)> {
    let mut here = root;
    let mut at = (root.line, root.column);
    for step in pointer.split('/').skip(1) {
        let next = match &here.node {
            Node::Map(entries) => {
                let (key, value) = entries.iter().find(|(key, _)| key.name == step)?;
                at = (key.line, key.column);
                value
            }
            Node::List(items) => {
                let item = items.get(step.parse::<usize>().ok()?)?;
                at = (item.line, item.column);
                item
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => return Some(at),
        };
        here = next;
    }
    Some(at)
}

/// A test in Rego: its name, and whether it holds, or why that cannot be said.
pub type RegoTest = (String, Result<bool, String>);

/// Evaluates the tests in Rego of a folder, `*_test.rego`: each rule there whose name begins with `test_`. A test that is
/// not true, and one that cannot be evaluated, fails.
pub fn test_rego(folder: &str, files: &BTreeMap<String, String>, rego: &str) -> Result<Vec<RegoTest>, Problem> {
    let package = super::package(folder);
    let inside = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let mut texts = vec![Text { file: format!("{folder}/{}", super::RULE_REGO), text: rego.to_owned() }];
    let mut names = Vec::new();
    for (path, text) in files {
        let text = Text { file: path.clone(), text: text.clone() };
        if inside(path) && path.ends_with(TEST_SUFFIX) {
            let module = Regorus.read(&text).map_err(|fault| Problem::of(codes::RULE_SOURCE, path, fault))?;
            if module.package.join(".") != package {
                let what = format!("tests of this rule are in package {package}");
                return Err(Problem::new(codes::RULE_SOURCE, path, Some(module.package_at), what));
            }
            names.extend(module.definitions.into_iter().map(|d| d.name).filter(|name| name.starts_with("test_")));
            texts.push(text);
        } else if path.ends_with(REGO_SUFFIX)
            && (path.starts_with("lib/") || inside(path))
            && *path != texts_main(folder)
        {
            texts.push(text);
        }
    }
    names.sort();
    names.dedup();
    let input = shape::complete(&Value::Object(Map::new())).unwrap_or_default();
    let at = TIME.parse().map_err(|_form| Problem::new(codes::RULE_SOURCE, folder, None, "no time"))?;
    let wrong = |fault| Problem::of(codes::RULE_SOURCE, folder, fault);
    let (input, data) = (Document::new(&input).map_err(wrong)?, Document::object([]));
    let given = Given { input: &input, data: &data, at };
    let tested = Regorus.test(&texts, &package, &names, &given).map_err(wrong)?;
    Ok(tested.into_iter().map(|test| (test.name, test.holds)).collect())
}

/// What is said of tests in Rego that did not come to an end.
#[must_use]
pub fn endless(folder: &str) -> Problem {
    let what = format!("the tests in Rego took longer than {} seconds, and were given up", limits::REGO_TESTS_SECONDS);
    Problem::new(codes::RULE_SOURCE, folder, None, what).help("make them smaller; what takes so long is said by none")
}

fn texts_main(folder: &str) -> String {
    format!("{folder}/{}", super::RULE_REGO)
}
