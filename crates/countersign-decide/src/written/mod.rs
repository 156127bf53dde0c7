//! Rules that are written in a policy release: one folder and one package each, in Rego or as a `rule.yaml`.
//!
//! A rule is read as a whole before it is evaluated: heading, package, every path, every function. What a linter would
//! say is an error here too, so that a gate never evaluates a rule that says nothing by mistake.

mod cases;
mod expressions;
mod files;
mod form;
mod heading;
pub(crate) mod input;
mod lint;
mod origin;
mod probe;
mod problem;
mod ready;
pub mod shape;
mod spoken;
mod types;

pub use cases::{Case, CaseOutcome, Expectation, RegoTest, endless, test_rego};
pub use heading::{Heading, ParameterKind, Severity, placeholders};
pub use probe::{Line, Probe, Stop};
pub use problem::{Problem, marked, shown};
pub use ready::Input;
pub use spoken::unreturned;

use crate::rego::{Document, Given, Program, Rego as _, Regorus, Text};
use crate::rules;
use countersign_core::finding::{Finding, RuleNote};
use countersign_core::policy::{RULE_YAML, Rule};
use countersign_core::time::Time;
use countersign_core::yaml::Yaml;
use countersign_core::{codes, limits};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A rule that was read, checked and compiled.
pub struct Written {
    heading: Heading,
    reads: BTreeSet<String>,
    rego: String,
    data: Document,
    program: Box<dyn Program>,
    /// For an author: the file that the Rego was made from, and how. What a gate records names the Rego as it always did.
    origins: Option<(String, origin::Origins)>,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("heading", &self.heading).field("reads", &self.reads).finish_non_exhaustive()
    }
}

/// The package of the rule in a folder: `rules/no-copyleft` holds `rules.no_copyleft`.
#[must_use]
pub fn package(folder: &str) -> String {
    folder.replace('/', ".").replace('-', "_")
}

/// Reads a rule that is written in the release, or says everything that is wrong with it.
pub fn read(rule: &Rule, texts: &BTreeMap<String, String>) -> Result<Written, Vec<Problem>> {
    checked(rule, texts, lint::Care::Gate)
}

/// The same for its author: what goes wrong while it is evaluated is said of the line of `rule.yaml` that it comes from.
pub fn read_for_author(rule: &Rule, texts: &BTreeMap<String, String>) -> Result<Written, Vec<Problem>> {
    let folder = rule.folder.as_deref().unwrap_or_default();
    let origins = source(rule, folder, texts).ok().map(|source| (source.file, source.origins));
    let origins = origins.filter(|(file, _)| *file == format!("{folder}/{RULE_YAML}"));
    Ok(Written { origins, ..read(rule, texts)? })
}

/// Everything that is wrong with a rule that is not released yet: also what a gate takes, and whoever wrote it should not.
#[must_use]
pub fn problems(rule: &Rule, texts: &BTreeMap<String, String>) -> Vec<Problem> {
    let mut problems = checked(rule, texts, lint::Care::Author).err().unwrap_or_default();
    let file = format!("{}/{RULE_YAML}", rule.folder.as_deref().unwrap_or_default());
    problems.extend(texts.get(&file).map(|text| form::unfitting(&file, text)).unwrap_or_default());
    problems
}

fn checked(rule: &Rule, texts: &BTreeMap<String, String>, care: lint::Care) -> Result<Written, Vec<Problem>> {
    let folder = rule.folder.as_deref().unwrap_or_default();
    let package = package(folder);
    let reserved = |known: &&rules::BuiltIn| name_of(known.id) == name_of(rule.id.as_str());
    if rules::ALL.iter().any(|known| reserved(&known)) {
        let what = format!("`{}` is the name of a rule that is built in", name_of(rule.id.as_str()));
        return Err(vec![Problem::new(codes::RULE_SOURCE, folder, None, what).help("give it a name of its own")]);
    }
    let source = source(rule, folder, texts)?;
    let mut problems = source.problems;
    if source.heading.id != rule.id {
        problems.push(
            Problem::new(
                codes::RULE_SOURCE,
                &source.file,
                None,
                format!("the rule calls itself {}", source.heading.id),
            )
            .expected(format!("{}, as policy.toml calls it", rule.id)),
        );
    }
    problems.extend(fits(&source.heading, &source.unread, rule, &source.file));
    let data = data(texts, rule, &mut problems);
    let libraries: Vec<Text> = texts
        .iter()
        .filter(|(path, _)| path.starts_with("lib/"))
        .map(|(path, text)| Text { file: path.clone(), text: text.clone() })
        .collect();
    let all: Vec<Text> = source.modules.iter().chain(&libraries).cloned().collect();
    let mut reads = BTreeSet::new();
    // A `rule.yaml` without its list has no Rego, and that has been said.
    if !source.modules.is_empty() {
        let rule =
            lint::Checked { package: &package, heading: &source.heading, unread: &source.unread, data: &data, care };
        match lint::check(&source.modules, &libraries, rule) {
            Ok(found) => reads = found,
            Err(mut more) => {
                for problem in &mut more {
                    source.origins.trace(&source.file, problem);
                }
                problems.extend(more);
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let traced = |fault| {
        let mut problem = Problem::of(codes::RULE_SOURCE, &source.file, fault);
        source.origins.trace(&source.file, &mut problem);
        vec![problem]
    };
    let program = Regorus.compile(&all, &format!("data.{package}.deny"), &reads).map_err(traced)?;
    let rego = source.modules.first().map(|text| text.text.clone()).unwrap_or_default();
    let data = Document::new(&data).map_err(|fault| vec![Problem::of(codes::RULE_SOURCE, &source.file, fault)])?;
    Ok(Written { heading: source.heading, reads, rego, data, program, origins: None })
}

/// The heading of a rule that is written in the release; the rest of it is not looked at. `None` where it does not read.
#[must_use]
pub fn heading_of(rule: &Rule, texts: &BTreeMap<String, String>) -> Option<Heading> {
    let source = source(rule, rule.folder.as_deref()?, texts).ok()?;
    source.problems.is_empty().then_some(source.heading)
}

/// The source of a rule, as far as it reads.
struct Source {
    file: String,
    heading: Heading,
    unread: heading::Unread,
    /// The modules; none for a `rule.yaml` that cannot be compiled at all.
    modules: Vec<Text>,
    /// What the Rego of a `rule.yaml` was made from.
    origins: origin::Origins,
    /// What is wrong with it so far.
    problems: Vec<Problem>,
}

fn source(rule: &Rule, folder: &str, texts: &BTreeMap<String, String>) -> Result<Source, Vec<Problem>> {
    let own: Vec<(&String, &String)> =
        texts.iter().filter(|(path, _)| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))).collect();
    let (main, yaml) = (format!("{folder}/{RULE_REGO}"), format!("{folder}/{RULE_YAML}"));
    let wrong = |what: &str| Err(vec![Problem::new(codes::RULE_SOURCE, folder, None, what)]);
    match (texts.get(&main), texts.get(&yaml)) {
        (None, None) => wrong("the folder holds neither rule.rego nor rule.yaml"),
        (Some(_), Some(_)) => wrong("the folder holds both rule.rego and rule.yaml: one of them is the rule"),
        (Some(text), None) => {
            let heading::Read { heading, unread, problems } = heading::of_rego(&main, text, &rule.id);
            let mut modules = vec![Text { file: main.clone(), text: text.clone() }];
            let others = own.into_iter().filter(|(path, _)| **path != main);
            modules.extend(others.map(|(path, text)| Text { file: path.clone(), text: text.clone() }));
            Ok(Source { file: main, heading, unread, modules, origins: origin::Origins::default(), problems })
        }
        (None, Some(text)) => {
            let root = Yaml::parse(text).map_err(|error| {
                vec![Problem::at(codes::RULE_SOURCE, &yaml, error.line, error.column, error.problem)]
            })?;
            let heading::Read { heading, unread, mut problems } = heading::of_yaml(&yaml, &root, form::KEYS, &rule.id);
            let compiled = form::compile(&yaml, text, &root, &heading, &package(folder));
            problems.extend(compiled.problems);
            let modules = compiled.rego.map(|text| Text { file: yaml.clone(), text }).into_iter().collect();
            Ok(Source { file: yaml, heading, unread, modules, origins: compiled.origins, problems })
        }
    }
}

/// The functions that rules may call, and those that they may not, each with the reason: for the documentation.
#[must_use]
pub fn functions() -> (Vec<&'static str>, &'static [(&'static str, &'static str)]) {
    crate::rego::functions()
}

/// The file of a rule in Rego.
pub const RULE_REGO: &str = "rule.rego";

fn name_of(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}

/// Whether what policy.toml gives is what the heading asks for.
fn fits(heading: &Heading, unread: &heading::Unread, rule: &Rule, file: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |what: String| problems.push(Problem::new(codes::PARAMETER_INVALID, file, None, what));
    for (name, kind) in &heading.parameters {
        let fits = match (rule.parameters.get(name), kind) {
            (None, _) => {
                wrong(format!("parameter `{name}` is not given in policy.toml"));
                continue;
            }
            (Some(Value::String(_)), ParameterKind::Text) | (Some(Value::Bool(_)), ParameterKind::Truth) => true,
            (Some(Value::Number(number)), ParameterKind::Number) => number.is_i64() || number.is_u64(),
            (Some(Value::Array(items)), ParameterKind::List) => items.iter().all(Value::is_string),
            (Some(_), _) => false,
        };
        if !fits {
            wrong(format!("parameter `{name}` is not {}", kind.word()));
        }
    }
    let unknown = |name: &&String| !heading.parameters.contains_key(*name) && !unread.has(name);
    for name in rule.parameters.keys().filter(unknown) {
        wrong(format!("the rule takes no parameter `{name}`"));
    }
    if !rule.controls.is_empty() || rule.owner.is_some() {
        wrong("controls and owner of a rule that is written stand in its heading, not in policy.toml".to_owned());
    }
    problems
}

/// `data`: the release's data files by name, and the rule's parameters.
fn data(texts: &BTreeMap<String, String>, rule: &Rule, problems: &mut Vec<Problem>) -> Value {
    let mut all = Map::new();
    for (path, text) in texts {
        let Some(name) = path.strip_prefix("data/").and_then(|name| name.strip_suffix(".json")) else { continue };
        if ["params", "rules", "lib"].contains(&name) {
            let what = "this name is taken: `data.params`, `data.rules` and `data.lib` are made from elsewhere";
            problems.push(Problem::new(codes::RULE_SOURCE, path, None, what));
            continue;
        }
        match countersign_core::json::parse(text.as_bytes()) {
            Ok(value) => drop(all.insert(name.to_owned(), value)),
            Err(error) => problems.push(Problem::new(codes::RULE_SOURCE, path, None, error.to_string())),
        }
    }
    let parameters = rule.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    all.insert("params".to_owned(), Value::Object(parameters));
    Value::Object(all)
}

/// What a rule says about one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The message, with the facts in it.
    pub message: String,
    /// Where.
    pub place: Option<String>,
    /// What to do about it.
    pub fix: String,
    /// The other facts.
    pub facts: Vec<String>,
}

/// Why a rule says nothing about an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silent {
    /// The input lacks this part.
    Missing(String),
    /// An error, with its place.
    Error(String),
}

impl Written {
    /// What it says about itself.
    #[must_use]
    pub const fn heading(&self) -> &Heading {
        &self.heading
    }

    /// The parts of the input that it reads.
    #[must_use]
    pub const fn reads(&self) -> &BTreeSet<String> {
        &self.reads
    }

    /// Its Rego: as it is written, or as it was made from `rule.yaml`.
    #[must_use]
    pub fn rego(&self) -> &str {
        &self.rego
    }

    /// Evaluates it over an input.
    pub fn denials(&self, input: &Input, at: Time) -> Result<Vec<Denial>, Silent> {
        self.elements(input, at)?.iter().map(|element| self.denial(element)).collect()
    }

    /// What `deny` contains for an input, before it is joined to the heading.
    pub fn elements(&self, input: &Input, at: Time) -> Result<Vec<Value>, Silent> {
        if let Some(part) = self.reads.iter().find(|part| shape::needs_evidence(part) && !input.has(part)) {
            return Err(Silent::Missing(part.clone()));
        }
        let line = |fault| {
            let mut problem = Problem::of(codes::RULE_ERROR, self.heading.id.as_str(), fault);
            if let Some((file, origins)) = &self.origins {
                origins.trace_line(file, &mut problem);
            }
            Silent::Error(problem.line())
        };
        let given = Given { input: &input.only(&self.reads).map_err(line)?, data: &self.data, at };
        match self.program.evaluate(&given).map_err(line)? {
            Some(Value::Array(elements)) => Ok(elements),
            Some(_) | None => Err(Silent::Error("`deny` gives no set".to_owned())),
        }
    }

    fn denial(&self, element: &Value) -> Result<Denial, Silent> {
        let facts = match element {
            Value::String(message) => {
                return Ok(Denial {
                    message: message.clone(),
                    place: None,
                    fix: self.filled(&self.heading.fix, &Map::new())?,
                    facts: Vec::new(),
                });
            }
            Value::Object(facts) => facts,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                return Err(Silent::Error("`deny` contains what is neither an object nor text".to_owned()));
            }
        };
        let texts = [&self.heading.message, &self.heading.fix];
        let used: BTreeSet<&str> = texts.into_iter().flat_map(|text| placeholders(text)).collect();
        let others = facts.iter().filter(|(name, _)| *name != "at" && !used.contains(name.as_str()));
        Ok(Denial {
            message: self.filled(&self.heading.message, facts)?,
            place: facts.get("at").and_then(place_of),
            fix: self.filled(&self.heading.fix, facts)?,
            facts: others.map(|(name, value)| format!("{name}: {}", words(value))).collect(),
        })
    }

    /// A text with the facts in it, put in once: what a fact holds is not looked at again.
    fn filled(&self, text: &str, facts: &Map<String, Value>) -> Result<String, Silent> {
        let mut parts = text.split('{');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let Some((name, rest)) = part.split_once('}') else {
                out.push('{');
                out.push_str(part);
                continue;
            };
            let fact = facts.get(name).ok_or_else(|| {
                Silent::Error(format!(
                    "the rule does not return `{name}`, which its text speaks of: {}",
                    self.heading.id
                ))
            })?;
            out.push_str(&words(fact));
            out.push_str(rest);
        }
        Ok(out)
    }

    /// What it says about an input as a decision says it: findings, each with the rule behind it.
    #[must_use]
    pub fn findings(&self, input: &Input, at: Time) -> Vec<Finding> {
        self.check(input, at, &format!("rule {}", self.heading.id))
    }

    /// Evaluates it in a decision: findings, each with the rule behind it.
    pub(crate) fn check(&self, input: &Input, at: Time, by: &str) -> Vec<Finding> {
        let mut denials = match self.denials(input, at) {
            Ok(denials) => denials,
            Err(Silent::Missing(part)) => {
                let what = format!("there is no evidence for `{part}`, which the rule reads");
                return vec![
                    self.noted(Finding::new(codes::RULE_INPUT_MISSING, what))
                        .expected(format!("evidence for `input.{part}`"), by)
                        .found("none")
                        .help(needed(&part)),
                ];
            }
            Err(Silent::Error(what)) => {
                return vec![self.noted(Finding::new(codes::RULE_ERROR, what)).expected("an answer", by)];
            }
        };
        let more = denials.len().saturating_sub(limits::REGO_FINDINGS);
        denials.truncate(limits::REGO_FINDINGS);
        let mut findings: Vec<Finding> = denials.into_iter().map(|denial| self.finding(denial, by)).collect();
        if more > 0 {
            findings.push(
                self.noted(Finding::new(codes::RULE_BROKEN, format!("and {more} more of the same rule")))
                    .expected("none", by),
            );
        }
        findings
    }

    fn finding(&self, denial: Denial, by: &str) -> Finding {
        let mut finding =
            self.noted(Finding::new(codes::RULE_BROKEN, denial.message)).expected(self.heading.title.as_str(), by);
        finding.at.extend(denial.place);
        denial.facts.into_iter().fold(finding, Finding::found).help(denial.fix)
    }

    fn noted(&self, mut finding: Finding) -> Finding {
        let heading = &self.heading;
        finding.controls.clone_from(&heading.controls);
        finding.rule = Some(Box::new(RuleNote {
            id: heading.id.clone(),
            severity: heading.severity.word().to_owned(),
            why: heading.why.clone(),
            owner: heading.owner.clone(),
            docs: heading.docs.clone(),
        }));
        finding
    }
}

/// A rule that cannot be read says nothing, which blocks where it would enforce.
pub(crate) fn unreadable(rule: &Rule, problems: &[Problem], by: &str) -> Finding {
    let what = format!("rule {} cannot be evaluated: its source is wrong", rule.id);
    let finding =
        Finding::new(codes::RULE_ERROR, what).at(rule.folder.clone().unwrap_or_default()).expected("a rule", by);
    let finding = problems.iter().take(5).fold(finding, |finding, problem| finding.found(problem.line()));
    finding.help("`countersign policy lint` on the release's folder shows each place")
}

fn needed(part: &str) -> &'static str {
    match part {
        "sbom" => "hand in the build's SBOM with --bundle",
        "source" | "provenance" => "hand in the build's provenance with --bundle",
        "images" | "connections" => {
            "hand in a snapshot of the revision that read every file (`countersign collect snapshot`)"
        }
        "plan" => "hand in the plans of the revision (`countersign collect plan`), each of them complete",
        _ => "run the gate where the repository is, and name it with --repo",
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Null => "unknown".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// `file:line:column`, or the document and the place in it.
fn place_of(at: &Value) -> Option<String> {
    let text = |name: &str| at.get(name).and_then(Value::as_str);
    let number = |name: &str| at.get(name).and_then(Value::as_u64);
    match (text("file"), text("document")) {
        (Some(file), _) => {
            let line = number("line").map_or_else(String::new, |line| format!(":{line}"));
            let column = number("column").filter(|_| !line.is_empty()).map_or_else(String::new, |c| format!(":{c}"));
            Some(format!("{file}{line}{column}"))
        }
        (None, Some(document)) => Some(match text("pointer") {
            Some(pointer) => format!("{document} {pointer}"),
            None => document.to_owned(),
        }),
        (None, None) => at.as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
