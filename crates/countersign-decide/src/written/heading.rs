//! What a rule says about itself: the `# METADATA` above its package, or the head of `rule.yaml`.

use super::problem::Problem;
use countersign_core::codes;
use countersign_core::ids::RuleId;
use countersign_core::yaml::{Node, Yaml};
use std::collections::{BTreeMap, BTreeSet};

/// How bad it is when a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

impl Severity {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What kind of value a parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// `text`
    Text,
    /// `number`
    Number,
    /// `truth`
    Truth,
    /// `list`: of text
    List,
}

impl ParameterKind {
    const ALL: [(&'static str, Self); 4] =
        [("text", Self::Text), ("number", Self::Number), ("truth", Self::Truth), ("list", Self::List)];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// A rule's heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The rule.
    pub id: RuleId,
    /// What holds when it passes.
    pub title: String,
    /// How bad it is when it does not.
    pub severity: Severity,
    /// The controls that it serves.
    pub controls: Vec<String>,
    /// What is said of each thing that breaks it; `{name}` stands for a fact that the rule returns.
    pub message: String,
    /// Why it exists.
    pub why: String,
    /// What to do about it; with facts as in the message.
    pub fix: String,
    /// Who answers for it.
    pub owner: String,
    /// Where more is written.
    pub docs: Option<String>,
    /// The parameters that it takes, each with its kind.
    pub parameters: BTreeMap<String, ParameterKind>,
}

/// What a heading holds, beside its title.
const KEYS: [&str; 9] = ["id", "severity", "controls", "message", "why", "fix", "owner", "docs", "parameters"];

/// A heading as far as it reads, with everything that is wrong with it: the rest of the rule is checked all the same.
pub(crate) struct Read {
    /// What stands there; what does not read is empty, and an id that does not is the one of policy.toml.
    pub heading: Heading,
    /// The parameters of which nothing is known, because they do not read.
    pub unread: Unread,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Parameters of which the heading says something that does not read: nothing more is said of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread {
    all: bool,
    names: BTreeSet<String>,
}

impl Unread {
    /// Whether this parameter is one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

impl Read {
    fn nothing(id: &RuleId, problem: Problem) -> Self {
        let heading = Heading {
            id: id.clone(),
            title: String::new(),
            severity: Severity::High,
            controls: Vec::new(),
            message: String::new(),
            why: String::new(),
            fix: String::new(),
            owner: String::new(),
            docs: None,
            parameters: BTreeMap::new(),
        };
        Self { heading, unread: Unread { all: true, names: BTreeSet::new() }, problems: vec![problem] }
    }
}

/// Finds the heading of a module in Rego: the comments right above its package, from a line `# METADATA` on. `id` is what
/// policy.toml calls the rule.
pub(crate) fn of_rego(file: &str, text: &str, id: &RuleId) -> Read {
    let lines: Vec<&str> = text.lines().collect();
    let package = lines.iter().position(|line| line.starts_with("package ")).unwrap_or(lines.len());
    let above = lines.get(..package).unwrap_or_default();
    let Some(start) = above.iter().rposition(|line| line.trim_end() == "# METADATA") else {
        return Read::nothing(
            id,
            Problem::at(codes::RULE_SOURCE, file, package.saturating_add(1), 1, "the package has no heading")
                .expected("comments right above it that begin with `# METADATA`")
                .help("`countersign policy new` writes a rule with all of it"),
        );
    };
    let mut yaml = String::new();
    for (offset, line) in above.iter().enumerate().skip(start.saturating_add(1)) {
        let Some(rest) = line.strip_prefix('#') else {
            let line = offset.saturating_add(1);
            let what = "the heading ends here, and the package does not follow it";
            return Read::nothing(id, Problem::at(codes::RULE_SOURCE, file, line, 1, what));
        };
        yaml.push_str(rest.strip_prefix(' ').unwrap_or(rest));
        yaml.push('\n');
    }
    let shift = Shift { file, lines: start.saturating_add(1), columns: 2 };
    let root = match Yaml::parse(&yaml) {
        Ok(root) => root,
        Err(error) => return Read::nothing(id, shift.problem(error.line, error.column, error.problem)),
    };
    let mut reader = Reader { shift, problems: Vec::new(), unread: Unread::default() };
    reader.known(&root, &["title", "description", "scope", "custom", "related_resources", "authors", "organizations"]);
    let title = reader.title(&root);
    let Some(custom) = root.get("custom") else {
        let none = shift.problem(1, 1, "the heading has no `custom:` with id, message and owner".to_owned());
        let mut read = Read::nothing(id, none);
        reader.problems.append(&mut read.problems);
        return Read { problems: reader.problems, ..read };
    };
    reader.known(custom, &KEYS);
    reader.heading(custom, title, id)
}

/// Reads the head of a `rule.yaml`, whose own keys may stand beside it.
pub(crate) fn of_yaml(file: &str, root: &Yaml, beside: &[&str], id: &RuleId) -> Read {
    let shift = Shift { file, lines: 0, columns: 0 };
    let mut reader = Reader { shift, problems: Vec::new(), unread: Unread::default() };
    let known: Vec<&str> = KEYS.iter().chain(beside).chain(&["title"]).copied().collect();
    reader.known(root, &known);
    let title = reader.title(root);
    reader.heading(root, title, id)
}

/// How far a document lies inside its file.
#[derive(Clone, Copy)]
struct Shift<'f> {
    file: &'f str,
    lines: usize,
    columns: usize,
}

impl Shift<'_> {
    fn problem(self, line: usize, column: usize, what: String) -> Problem {
        let (line, column) = (line.saturating_add(self.lines), column.saturating_add(self.columns));
        Problem::at(codes::RULE_SOURCE, self.file, line, column, what)
    }
}

struct Reader<'f> {
    shift: Shift<'f>,
    problems: Vec<Problem>,
    unread: Unread,
}

impl Reader<'_> {
    fn wrong(&mut self, at: &Yaml, what: impl Into<String>) {
        self.problems.push(self.shift.problem(at.line, at.column, what.into()));
    }

    fn known(&mut self, map: &Yaml, names: &[&str]) {
        for (key, _) in map.entries().iter().filter(|(key, _)| !names.contains(&key.name.as_str())) {
            let what = format!("there is no `{}` here", key.name);
            self.problems.push(self.shift.problem(key.line, key.column, what).expected(names.join(", ")));
            // It may be a misspelt `parameters`.
            self.unread.all |= map.get("parameters").is_none() && names.contains(&"parameters");
        }
    }

    fn title(&mut self, map: &Yaml) -> String {
        self.text(map, "title").unwrap_or_default()
    }

    fn text(&mut self, map: &Yaml, name: &str) -> Option<String> {
        let text = map.get(name).and_then(Yaml::text).map(str::trim).filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(map.get(name).unwrap_or(map), format!("`{name}` is missing, or no text"));
        }
        text.map(str::to_owned)
    }

    fn heading(mut self, map: &Yaml, title: String, called: &RuleId) -> Read {
        let id = self.text(map, "id").and_then(|text| match RuleId::new(&text) {
            Ok(id) => Some(id),
            Err(error) => {
                self.wrong(map.get("id").unwrap_or(map), error.to_string());
                None
            }
        });
        let severity = self.severity(map);
        let message = self.text(map, "message").unwrap_or_default();
        let why = self.text(map, "why").unwrap_or_default();
        let fix = self.text(map, "fix").unwrap_or_default();
        let owner = self.text(map, "owner").unwrap_or_default();
        let docs = map.get("docs").and_then(|_| self.text(map, "docs"));
        let controls = self.controls(map);
        let parameters = self.parameters(map);
        let id = id.unwrap_or_else(|| called.clone());
        let heading = Heading { id, title, severity, controls, message, why, fix, owner, docs, parameters };
        Read { heading, unread: self.unread, problems: self.problems }
    }

    fn severity(&mut self, map: &Yaml) -> Severity {
        let all = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let word = self.text(map, "severity").unwrap_or_default();
        all.into_iter().find(|severity| severity.word() == word).unwrap_or_else(|| {
            if !word.is_empty() {
                self.wrong(map.get("severity").unwrap_or(map), "a severity is low, medium, high or critical");
            }
            Severity::High
        })
    }

    fn controls(&mut self, map: &Yaml) -> Vec<String> {
        let Some(list) = map.get("controls") else { return Vec::new() };
        let texts: Option<Vec<String>> =
            list.items().and_then(|items| items.iter().map(|item| item.text().map(str::to_owned)).collect());
        texts.unwrap_or_else(|| {
            self.wrong(list, "`controls` is a list of text");
            Vec::new()
        })
    }

    fn parameters(&mut self, map: &Yaml) -> BTreeMap<String, ParameterKind> {
        let mut out = BTreeMap::new();
        let Some(parameters) = map.get("parameters") else { return out };
        if !matches!(parameters.node, Node::Map(_)) {
            self.wrong(parameters, "`parameters` names each with its kind: text, number, truth or list");
            self.unread.all = true;
        }
        for (key, value) in parameters.entries() {
            let kind = ParameterKind::ALL.iter().find(|(word, _)| value.text() == Some(word));
            if let Some((_, kind)) = kind {
                out.insert(key.name.clone(), *kind);
            } else {
                self.wrong(value, "the kind of a parameter is text, number, truth or list");
                self.unread.names.insert(key.name.clone());
            }
        }
        out
    }
}

/// The names in `{…}` of a text.
#[must_use]
pub fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}
