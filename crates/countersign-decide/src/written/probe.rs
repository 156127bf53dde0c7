//! A rule looked at condition by condition: which ones no case reaches, at which one a case stops, and which ones could be
//! left out without any case noticing.
//!
//! Each question is put to the engine that the gate uses, by a rule that differs in one place from the one that is
//! written: with an error before a condition (it is reached if the error comes), with the conditions up to one as a rule
//! of their own (it is what stops a case if that is empty), or without one.

use super::cases::Case;
use super::problem::{Problem, snippet};
use super::{Input, Source, Written, package, source};
use crate::rego::{self, Body, Given, Place, Program, Rego as _, Regorus, Text};
use countersign_core::codes;
use countersign_core::policy::{RULE_YAML, Rule};
use serde_json::Value;
use std::collections::BTreeMap;

/// The rule that is asked about conditions.
const ASKED: &str = "countersign_asked";
/// An expression that is an error wherever it is evaluated.
const ERROR: &str = "time.parse_rfc3339_ns(\"reached\") > 0";
/// How many elements, and how much of a value, are shown where a case stops.
const ELEMENTS: usize = 3;
const VALUE: usize = 80;

/// A condition, as it is written by the author.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Where: `file:line:column`.
    pub at: String,
    /// What stands there.
    pub source: String,
    /// The line of the source, and a mark below the place.
    pub shown: Vec<String>,
}

/// Where a case stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The first condition that nothing passes.
    pub line: Line,
    /// What it saw: `c.name = "serde"`, a line for each of the first few.
    pub saw: Vec<String>,
}

/// A rule that is asked about its conditions.
#[derive(Debug)]
pub struct Probe<'r> {
    read: &'r Written,
    package: String,
    /// The rule's modules, then what is shared.
    texts: Vec<Text>,
    /// Each body, with the module that it stands in.
    bodies: Vec<(usize, Body)>,
    /// The lines of a `rule.yaml` that its conditions were made from, with the whole text.
    yaml: Option<(Vec<Place>, String)>,
}

impl<'r> Probe<'r> {
    /// Of a rule that was read from these texts.
    pub fn new(rule: &Rule, read: &'r Written, texts: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let folder = rule.folder.as_deref().unwrap_or_default();
        let Source { file, modules, origins, .. } = source(rule, folder, texts)?;
        let mut bodies = Vec::new();
        for (index, module) in modules.iter().enumerate() {
            let found =
                rego::bodies(module).map_err(|fault| vec![Problem::of(codes::RULE_SOURCE, &module.file, fault)])?;
            bodies.extend(found.into_iter().map(|body| (index, body)));
        }
        let written = texts.get(&file).filter(|_| file == format!("{folder}/{RULE_YAML}"));
        let yaml = written.map(|text| (origins.lines, text.clone()));
        let shared = texts.iter().filter(|(path, _)| path.starts_with("lib/"));
        let shared = shared.map(|(path, text)| Text { file: path.clone(), text: text.clone() });
        Ok(Self { read, package: package(folder), texts: modules.into_iter().chain(shared).collect(), bodies, yaml })
    }

    /// Every condition, and whether one of the cases reaches it.
    #[must_use]
    pub fn coverage(&self, cases: &[Case]) -> Vec<(Line, bool)> {
        let mut out = Vec::new();
        for (module, body) in &self.bodies {
            for index in 0..body.conditions.len() {
                out.extend(
                    self.line(*module, body, index).map(|line| (line, self.reached(*module, body, index, cases))),
                );
            }
        }
        out
    }

    /// The conditions that could be left out: every case comes out as it does with them.
    #[must_use]
    pub fn unnoticed(&self, cases: &[Case]) -> Vec<Line> {
        let mut out = Vec::new();
        for (module, body) in &self.bodies {
            for (index, condition) in body.conditions.iter().enumerate() {
                let Some(text) = self.texts.get(*module) else { continue };
                let Some(text) = replaced(&text.text, condition.range.clone(), "true") else { continue };
                // Without a line that names what others use there is no rule.
                let Some(without) = self.with(*module, text) else { continue };
                let noticed = cases.iter().any(|case| case.play(&without).said != case.play(self.read).said);
                if !noticed {
                    out.extend(self.line(*module, body, index));
                }
            }
        }
        out
    }

    /// Where a case stops: for each body of `deny` the first condition that nothing passes.
    #[must_use]
    pub fn stops(&self, case: &Case) -> Vec<Stop> {
        let denies = self.bodies.iter().filter(|(_, body)| body.set && body.name == "deny");
        denies.filter_map(|(module, body)| self.stop(*module, body, case)).collect()
    }

    fn stop(&self, module: usize, body: &Body, case: &Case) -> Option<Stop> {
        let passes = |count: usize| self.ask(module, body, count, "true", case).map(|found| !found.is_empty());
        // A line that uses what a later one names is asked together with that one.
        let index = (0..body.conditions.len()).find(|index| passes(index.saturating_add(1)) == Some(false))?;
        let condition = body.conditions.get(index)?;
        let looks_at: Vec<&String> =
            condition.looks_at.iter().filter(|path| self.ask(module, body, index, path, case).is_some()).collect();
        let pair = |path: &&String| format!("[{}, {path}]", Value::String(self.name(path)));
        let head = format!("[{}]", looks_at.iter().map(pair).collect::<Vec<_>>().join(", "));
        let found = if looks_at.is_empty() { None } else { self.ask(module, body, index, &head, case) };
        let found = found.unwrap_or_default();
        let mut saw: Vec<String> = found.iter().take(ELEMENTS).map(seen).collect();
        let more = found.len().saturating_sub(ELEMENTS);
        saw.extend((more > 0).then(|| format!("and {more} more")));
        Some(Stop { line: self.line(module, body, index)?, saw })
    }

    /// What a term is wherever the first conditions of a body hold; none where that cannot be asked.
    fn ask(&self, module: usize, body: &Body, count: usize, term: &str, case: &Case) -> Option<Vec<Value>> {
        let text = &self.texts.get(module)?.text;
        let held: Option<Vec<&str>> =
            body.conditions.iter().take(count).map(|condition| text.get(condition.range.clone())).collect();
        let held = held?;
        let lines = if held.is_empty() { "true".to_owned() } else { held.join("\n") };
        let asking = format!("{text}\n{ASKED} contains {term} if {{\n{lines}\n}}\n");
        let program = self.compiled(module, asking, ASKED)?;
        let input = Input::new(case.input.clone()).only(&self.read.reads).ok()?;
        let given = Given { input: &input, data: &self.read.data, at: case.at };
        match program.evaluate(&given) {
            Ok(Some(Value::Array(elements))) => Some(elements),
            Ok(_) | Err(_) => None,
        }
    }

    fn reached(&self, module: usize, body: &Body, index: usize, cases: &[Case]) -> bool {
        let asked = || {
            let (first, last) = (body.conditions.first()?, body.conditions.last()?);
            let (text, condition) = (&self.texts.get(module)?.text, body.conditions.get(index)?);
            let at = condition.range.start;
            // On a line of its own, so that the error is known by its line.
            let (before, here) = (text.get(first.range.start..at)?, text.get(at..last.range.end)?);
            let (open, close) = if body.brackets { ("", "") } else { ("{", "}") };
            let instead = format!("{open}{before}\n{ERROR}\n{here}{close}");
            let line = text.get(..at)?.matches('\n').count().saturating_add(2);
            let text = replaced(text, first.range.start..last.range.end, &instead)?;
            Some((self.compiled(module, text, "deny")?, line))
        };
        let Some((program, line)) = asked() else { return false };
        let file = self.texts.get(module).map(|text| text.file.as_str());
        cases.iter().any(|case| {
            let Ok(input) = Input::new(case.input.clone()).only(&self.read.reads) else { return false };
            let given = Given { input: &input, data: &self.read.data, at: case.at };
            let place = program.evaluate(&given).err().and_then(|fault| fault.place);
            place.is_some_and(|(at, place)| Some(at.as_str()) == file && place.line == line)
        })
    }

    fn with(&self, module: usize, text: String) -> Option<Written> {
        let read = self.read;
        Some(Written {
            program: self.compiled(module, text, "deny")?,
            heading: read.heading.clone(),
            reads: read.reads.clone(),
            rego: read.rego.clone(),
            data: read.data.clone(),
            origins: read.origins.clone(),
        })
    }

    fn compiled(&self, module: usize, text: String, rule: &str) -> Option<Box<dyn Program>> {
        let mut texts = self.texts.clone();
        texts.get_mut(module)?.text = text;
        Regorus.compile(&texts, &format!("data.{}.{rule}", self.package), &self.read.reads).ok()
    }

    /// A condition as its author wrote it: in Rego, or in `rule.yaml`.
    fn line(&self, module: usize, body: &Body, index: usize) -> Option<Line> {
        let (text, condition) = (self.texts.get(module)?, body.conditions.get(index)?);
        let (mut place, whole) = match &self.yaml {
            Some((places, whole)) => (*places.get(index)?, whole),
            None => (condition.at, &text.text),
        };
        let line = whole.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        let rest: String = line.trim_end().chars().skip(place.column.saturating_sub(1)).collect();
        if self.yaml.is_some() {
            place.length = rest.chars().count();
        }
        let source: String = rest.chars().take(place.length).collect();
        Some(Line {
            at: format!("{}:{}:{}", text.file, place.line, place.column),
            source,
            shown: snippet(whole, place).into_iter().flatten().collect(),
        })
    }

    /// What a path is called where its author sees it.
    fn name(&self, path: &str) -> String {
        let mut known = ["x.", "data.params."].into_iter().filter(|_| self.yaml.is_some());
        known.find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path).to_owned()
    }
}

fn replaced(text: &str, range: std::ops::Range<usize>, instead: &str) -> Option<String> {
    Some(format!("{}{instead}{}", text.get(..range.start)?, text.get(range.end..)?))
}

/// `c.name = "serde", data.params.names = ["left-pad"]`
fn seen(element: &Value) -> String {
    let one = |pair: &Value| {
        let (name, value) = (pair.pointer("/0").and_then(Value::as_str)?, pair.pointer("/1")?.to_string());
        let end = if value.chars().count() > VALUE { "…" } else { "" };
        Some(format!("{name} = {}{end}", value.chars().take(VALUE).collect::<String>()))
    };
    let pairs: Vec<String> = element.as_array().into_iter().flatten().filter_map(one).collect();
    pairs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::written::{RULE_REGO, read};

    const HEADING: &str = "title: t\nid: r@1\nseverity: high\ncontrols: []\nmessage: \"{name} {version}\"\nwhy: w\nfix: f\nowner: o\n\
                           parameters: {names: list}\n";

    fn rule() -> Rule {
        Rule {
            id: countersign_core::ids::RuleId::new("r@1").unwrap(),
            folder: Some("rules/r".to_owned()),
            stages: BTreeMap::new(),
            dates: countersign_core::policy::RuleDates::default(),
            authors: std::collections::BTreeSet::new(),
            parameters: BTreeMap::from([("names".to_owned(), serde_json::json!(["left-pad", "right-pad"]))]),
            controls: Vec::new(),
            owner: None,
        }
    }

    fn rego(body: &str) -> BTreeMap<String, String> {
        let heading: Vec<String> = HEADING.lines().skip(1).map(|line| format!("#   {line}\n")).collect();
        let heading = heading.concat();
        let text = format!("# METADATA\n# title: t\n# custom:\n{heading}package rules.r\n\n{body}\n");
        BTreeMap::from([(format!("rules/r/{RULE_REGO}"), text)])
    }

    fn yaml(rest: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(format!("rules/r/{RULE_YAML}"), format!("form: 1\n{HEADING}{rest}"))])
    }

    fn case(components: &str, expect: &str) -> Case {
        Case::read("c.yaml", &format!("name: n\ninput:\n  sbom:\n    components: {components}\nexpect: {expect}\n"))
            .unwrap()
    }

    fn with<T>(texts: &BTreeMap<String, String>, ask: impl Fn(&Probe<'_>) -> T) -> T {
        let read = read(&rule(), texts).unwrap();
        ask(&Probe::new(&rule(), &read, texts).unwrap())
    }

    const BODY: &str = "deny contains {\"at\": c.at, \"name\": c.name, \"version\": c.version} if {\n\tsome c in input.sbom.components\n\
                        \tc.name in data.params.names\n\tbad(c.version); c.scope == \"required\"\n}\n\
                        bad(version) if version == \"1\"\nelse if { version == \"2\" }";

    #[test]
    fn a_condition_is_reached_if_a_case_gets_that_far() {
        let missed = |cases: &[Case]| -> Vec<String> {
            with(&rego(BODY), |probe| {
                let all = probe.coverage(cases);
                assert_eq!(all.len(), 6);
                all.into_iter().filter(|(_, reached)| !reached).map(|(line, _)| line.source).collect()
            })
        };
        let other = case("[{name: serde}]", "[]");
        assert_eq!(
            missed(std::slice::from_ref(&other)),
            ["bad(c.version)", "c.scope == \"required\"", "version == \"1\"", "version == \"2\""]
        );
        let first = case("[{name: left-pad, version: \"1\"}]", "[]");
        assert_eq!(missed(&[other.clone(), first.clone()]), ["version == \"2\""]);
        assert_eq!(missed(&[other, first, case("[{name: left-pad, version: \"3\"}]", "[]")]), [""; 0]);
        assert_eq!(missed(&[]).len(), 6);
    }

    #[test]
    fn the_condition_that_a_case_stops_at_is_named_with_what_it_saw() {
        let stops = |texts: &BTreeMap<String, String>, components: &str| {
            with(texts, |probe| probe.stops(&case(components, "[]")))
        };
        let one = |components: &str| {
            let found = stops(&rego(BODY), components);
            assert_eq!(found.len(), 1);
            (found[0].line.at.clone(), found[0].line.source.clone(), found[0].saw.join("; "))
        };
        let (at, source, saw) = one("[{name: serde, version: \"1\"}, {name: tokio}]");
        assert_eq!((at.as_str(), source.as_str()), ("rules/r/rule.rego:16:2", "c.name in data.params.names"));
        assert_eq!(
            saw,
            "c.name = \"serde\", data.params.names = [\"left-pad\",\"right-pad\"]; \
             c.name = \"tokio\", data.params.names = [\"left-pad\",\"right-pad\"]"
        );
        let (at, source, saw) = one("[{name: serde}, {name: left-pad, version: \"3\"}]");
        assert_eq!(
            (at.as_str(), source.as_str(), saw.as_str()),
            ("rules/r/rule.rego:17:2", "bad(c.version)", "c.version = \"3\"")
        );
        let (at, source, saw) = one("[{name: left-pad, version: \"2\", scope: optional}]");
        assert_eq!(
            (at.as_str(), source.as_str(), saw.as_str()),
            ("rules/r/rule.rego:17:18", "c.scope == \"required\"", "c.scope = \"optional\"")
        );
        assert_eq!(one("[]").1, "some c in input.sbom.components");
        assert!(stops(&rego(BODY), "[{name: left-pad, version: \"2\", scope: required}]").is_empty());
        // A path with a name that only this line has.
        let found = stops(
            &rego(
                "deny contains {\"name\": \"a\", \"version\": \"1\"} if {\n\tinput.sbom.components[i].name == \"a\"\n\ti > 5\n}",
            ),
            "[{name: b}]",
        );
        assert_eq!(
            (found[0].line.source.as_str(), found[0].saw.join("; ").as_str()),
            ("input.sbom.components[i].name == \"a\"", "input.sbom.components[i].name = \"b\"")
        );
    }

    #[test]
    fn a_rule_without_rego_is_spoken_of_by_its_own_lines() {
        let texts = yaml(
            "for_each: sbom.components\nwhere:\n  - field: name\n    in_parameter: names\n  - {field: version, is_not: \"1\"}\n",
        );
        with(&texts, |probe| {
            let found = probe.stops(&case("[{name: serde}]", "[]"));
            assert_eq!(found[0].line.at, "rules/r/rule.yaml:14:5");
            assert_eq!(found[0].line.shown, ["14 |     in_parameter: names", "   |     ^^^^^^^^^^^^^^^^^^^"]);
            assert_eq!(found[0].saw, ["name = \"serde\", names = [\"left-pad\",\"right-pad\"]"]);
            assert_eq!(probe.stops(&case("[]", "[]"))[0].line.at, "rules/r/rule.yaml:11:11");
            let covered: Vec<(String, bool)> =
                probe.coverage(&[case("[{name: serde}]", "[]")]).into_iter().map(|(l, r)| (l.source, r)).collect();
            assert_eq!(
                covered,
                [
                    ("sbom.components".to_owned(), true),
                    ("in_parameter: names".to_owned(), true),
                    ("is_not: \"1\"}".to_owned(), false)
                ]
            );
        });
    }

    #[test]
    fn a_condition_that_no_case_would_miss_is_found() {
        let unnoticed = |cases: &[Case]| -> Vec<String> {
            with(&rego(BODY), |probe| probe.unnoticed(cases).into_iter().map(|line| line.source).collect())
        };
        let broken = case("[{name: left-pad, version: \"1\", scope: required}]", "[]");
        let other = case("[{name: serde, version: \"1\", scope: required}]", "[]");
        assert_eq!(
            unnoticed(&[broken.clone(), other.clone()]),
            ["bad(c.version)", "c.scope == \"required\"", "version == \"1\"", "version == \"2\""]
        );
        let more = [
            "[{name: left-pad, version: \"2\", scope: required}]",
            "[{name: left-pad, version: \"3\", scope: required}]",
            "[{name: left-pad, version: \"1\", scope: optional}]",
        ];
        let all: Vec<Case> = [broken, other].into_iter().chain(more.map(|c| case(c, "[]"))).collect();
        assert_eq!(unnoticed(&all), [""; 0]);
    }
}
