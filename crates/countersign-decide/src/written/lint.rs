//! Everything that can be said of a rule before it is evaluated: its package, what it defines, each path that it reads,
//! each function that it calls, each regular expression. All of it is said at once.

use super::expressions;
use super::heading::{Heading, Unread};
use super::problem::Problem;
use super::shape::Shape;
use super::types::Known;
use crate::rego::{
    Definition, Kind, Module, Place, Rego as _, Regorus, Statement, StatementKind, Term, TermKind, Text, builtin,
    refused,
};
use countersign_core::finding::Code;
use countersign_core::{codes, limits};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How often definitions are gone through, so that what one says of another is known.
const ROUNDS: usize = 4;

/// For whom a rule is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// For a gate: what was refused when a release was made stays refused, and what was taken stays taken.
    Gate,
    /// For its author, who is told of whatever would end in an error.
    Author,
}

/// What a rule is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked<'w> {
    /// The package of its folder.
    pub package: &'w str,
    /// Its heading.
    pub heading: &'w Heading,
    /// Parameters that its heading has, and of which nothing is known.
    pub unread: &'w Unread,
    /// `data`.
    pub data: &'w Value,
    /// For whom.
    pub care: Care,
}

/// Checks the modules of a rule and what they share; the parts of the input that they read.
pub(super) fn check(own: &[Text], libraries: &[Text], against: Checked<'_>) -> Result<BTreeSet<String>, Vec<Problem>> {
    let package = against.package;
    let mut misplaced = Vec::new();
    let mut problems = Vec::new();
    let mut modules = Vec::new();
    for (text, library) in own.iter().map(|text| (text, false)).chain(libraries.iter().map(|text| (text, true))) {
        match Regorus.read(text) {
            Ok(mut module) => {
                let before = misplaced.len();
                placed(&text.file, &module, if library { None } else { Some(package) }, &mut misplaced);
                if !library && misplaced.len() > before {
                    // The rest is checked as what it should be.
                    module.package = package.split('.').map(str::to_owned).collect();
                }
                modules.push((text.file.as_str(), module));
            }
            Err(fault) => problems.push(Problem::of(codes::RULE_SOURCE, &text.file, fault)),
        }
    }
    if !problems.is_empty() {
        // What the others say of a file that does not read could not be held against it.
        problems.extend(misplaced);
        return Err(problems);
    }
    let mut facts = Facts::default();
    let mut reads = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut next = Facts::default();
        reads = BTreeSet::new();
        let mut found = Vec::new();
        for (file, module) in &modules {
            let mut walk = Walk {
                file,
                module,
                all: &modules,
                package: module.package.join("."),
                against,
                before: &facts,
                facts: &mut next,
                reads: &mut reads,
                problems: &mut found,
            };
            walk.module();
        }
        facts = next;
        if round.saturating_add(1) == ROUNDS {
            problems = found;
        }
    }
    problems.extend(misplaced);
    let denies = modules.iter().filter(|(_, module)| module.package.join(".") == package);
    if !denies.flat_map(|(_, module)| &module.definitions).any(|definition| definition.name == "deny") {
        let file = own.first().map_or("", |text| text.file.as_str());
        problems.push(
            Problem::new(codes::RULE_SOURCE, file, None, "the rule denies nothing: it has no `deny`")
                .help("deny contains {\"at\": x.at, …} if { … }"),
        );
    }
    problems.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    problems.dedup();
    if problems.is_empty() { Ok(reads) } else { Err(problems) }
}

/// The package is that of the folder, so that what is written is what is evaluated.
fn placed(file: &str, module: &Module, package: Option<&str>, problems: &mut Vec<Problem>) {
    let found = module.package.join(".");
    let right = match package {
        Some(package) => found == package,
        None => module.package.first().is_some_and(|first| first == "lib") && module.package.len() > 1,
    };
    if !right {
        problems.push(
            Problem::new(
                codes::RULE_SOURCE,
                file,
                Some(module.package_at),
                format!("package {found} is not evaluated"),
            )
            .expected(package.map_or_else(|| "package lib.…".to_owned(), |package| format!("package {package}")))
            .help("the package of a rule is that of its folder, with `_` for `-`"),
        );
    }
    if module.definitions.len() > limits::REGO_RULES {
        let what = format!("more than {} definitions in one file", limits::REGO_RULES);
        problems.push(Problem::new(codes::RULE_SOURCE, file, None, what));
    }
}

/// What is known of definitions, by package and name.
#[derive(Default)]
struct Facts {
    values: BTreeMap<(String, String), Known>,
    arguments: BTreeMap<(String, String), Vec<Known>>,
}

struct Walk<'w> {
    file: &'w str,
    module: &'w Module,
    all: &'w [(&'w str, Module)],
    package: String,
    against: Checked<'w>,
    before: &'w Facts,
    facts: &'w mut Facts,
    reads: &'w mut BTreeSet<String>,
    problems: &'w mut Vec<Problem>,
}

type Scope = BTreeMap<String, Known>;

impl Walk<'_> {
    fn problem(&self, code: Code, at: Place, what: impl Into<String>) -> Problem {
        Problem::new(code, self.file, Some(at), what)
    }

    fn say(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn module(&mut self) {
        for import in &self.module.imports {
            self.bound(&import.name, import.at);
            let path: Vec<&str> = import.path.iter().map(String::as_str).collect();
            let known = match path.as_slice() {
                ["rego", "v1"] | ["future", "keywords", ..] => true,
                ["data", "lib", rest @ ..] => self.all.iter().any(|(_, module)| {
                    let package = module.package.get(1..).unwrap_or_default();
                    rest.starts_with(&package.iter().map(String::as_str).collect::<Vec<_>>())
                }),
                _ => false,
            };
            if !known {
                self.say(
                    self.problem(codes::RULE_PATH, import.at, format!("there is no {} to import", path.join(".")))
                        .expected("rego.v1, or a package under data.lib".to_owned()),
                );
            }
        }
        for definition in &self.module.definitions {
            self.definition(definition);
        }
    }

    fn definition(&mut self, definition: &Definition) {
        let key = (self.package.clone(), definition.name.clone());
        if definition.name == "deny"
            && self.package.starts_with("rules.")
            && (definition.kind != Kind::Set || !definition.plain)
        {
            self.say(self.problem(
                codes::RULE_SOURCE,
                definition.at,
                "`deny` is a set: write `deny contains … if { … }`",
            ));
        }
        self.bound(&definition.name, definition.at);
        self.unanswered(definition);
        self.two_values(definition);
        let mut scope = Scope::new();
        let arguments = self.before.arguments.get(&key).cloned().unwrap_or_default();
        for (i, argument) in definition.arguments.iter().enumerate() {
            self.pattern(argument);
            bind(argument, &arguments.get(i).cloned().unwrap_or(Known::Nothing), &mut scope);
        }
        let (mut value, mut several) = (None, 0_usize);
        for (values, body) in &definition.bodies {
            let mut inner = scope.clone();
            self.body(body, &mut inner);
            for head in definition.heads.iter().chain(values) {
                value = Some(self.term(head, &inner));
                several = several.saturating_add(1);
            }
        }
        // Of an `else` another object may come.
        value = value.map(|value: Known| if several > 1 { value.loose() } else { value });
        if definition.bodies.is_empty() {
            for head in &definition.heads {
                value = Some(self.term(head, &scope));
            }
        }
        let known = match (definition.kind, value) {
            (Kind::Set, Some(element)) => Known::ListOf(Box::new(element)),
            (Kind::Value, Some(value)) if definition.plain => value,
            _ => Known::Nothing,
        };
        // Of several definitions nothing is known, unless they are sets of one.
        let entry = self.facts.values.entry(key);
        entry.and_modify(|known| *known = Known::Nothing).or_insert(known);
    }

    /// What the engine reads, and then gives nothing for.
    fn unanswered(&mut self, definition: &Definition) {
        if definition.path {
            let what = format!("`{}` is defined part by part", definition.name);
            self.say(
                self.problem(codes::RULE_SOURCE, definition.at, what)
                    .help("write one object: `name := {\"part\": …}`".to_owned()),
            );
        }
        if definition.kind == Kind::Default && !definition.arguments.is_empty() {
            let what = format!("the function `{}` has a default, which is not taken", definition.name);
            self.say(self.problem(codes::RULE_SOURCE, definition.at, what).help("use `else`".to_owned()));
        }
    }

    /// The engine takes a definition with two values for one with none, where OPA has an error.
    fn two_values(&mut self, definition: &Definition) {
        if !matches!(definition.kind, Kind::Value | Kind::Function) || !definition.plain {
            return;
        }
        let others = self.all.iter().filter(|(_, module)| module.package == self.module.package);
        let same: Vec<&Definition> = others
            .flat_map(|(_, module)| &module.definitions)
            .filter(|other| other.name == definition.name && other.kind == definition.kind)
            .collect();
        let valued = |d: &Definition| !d.heads.is_empty() || d.bodies.iter().any(|(values, _)| !values.is_empty());
        let several = same.len() > 1 && same.iter().any(|d| valued(d));
        let bound: BTreeSet<&str> = definition.arguments.iter().filter_map(name_of).collect();
        let searching =
            valued(definition) && definition.bodies.iter().any(|(_, body)| searches(body, &bound, self.module));
        if several || searching {
            self.say(
                self.problem(
                    codes::RULE_SOURCE,
                    definition.at,
                    format!("`{}` could have two values at once", definition.name),
                )
                .help("make it a set with `contains`, or use `else`, or give it no value".to_owned()),
            );
        }
    }

    fn body(&mut self, body: &[Statement], scope: &mut Scope) {
        for statement in body {
            if let Some(at) = statement.with {
                self.say(self.problem(codes::RULE_SOURCE, at, "`with` is for tests: a rule sees the input as it is"));
            }
            match &statement.kind {
                StatementKind::Some(names) => {
                    for (name, at) in names {
                        self.bound(name, *at);
                        scope.insert(name.clone(), Known::Nothing);
                    }
                }
                StatementKind::SomeIn { key, value, collection } => {
                    let element = self.elements(collection, scope);
                    if let Some(key) = key {
                        self.pattern(key);
                        bind(key, &Known::Nothing, scope);
                    }
                    self.pattern(value);
                    bind(value, &element, scope);
                }
                StatementKind::Every { key, value, collection, body } => {
                    let element = self.elements(collection, scope);
                    let mut inner = scope.clone();
                    if let Some((key, at)) = key {
                        self.bound(key, *at);
                        inner.insert(key.clone(), Known::Nothing);
                    }
                    let (value, at) = value;
                    self.bound(value, *at);
                    inner.insert(value.clone(), element);
                    self.body(body, &mut inner);
                }
                StatementKind::Holds(term) => {
                    if let TermKind::Assign { left, right } = &term.kind {
                        let known = self.term(right, scope);
                        if name_of(left).is_some_and(reserved) {
                            self.pattern(left);
                            continue;
                        }
                        if matches!(left.kind, TermKind::Name(_) | TermKind::Array(_)) {
                            bind(left, &known, scope);
                        }
                        self.term(left, scope);
                    } else {
                        self.term(term, scope);
                    }
                }
                StatementKind::Not(term) => drop(self.term(term, scope)),
            }
        }
    }

    /// `input` and `data` are what the evaluation is given, everywhere: what is called by another's name is not seen.
    fn bound(&mut self, name: &str, at: Place) {
        if reserved(name) {
            self.say(
                self.problem(codes::RULE_SOURCE, at, format!("`{name}` cannot be defined"))
                    .help("it is the name of what the evaluation is given: choose another".to_owned()),
            );
        }
    }

    /// The names that a pattern binds, however deep in it, and what it reads beside them.
    fn pattern(&mut self, pattern: &Term) {
        match &pattern.kind {
            TermKind::Name(name) => self.bound(name, pattern.at),
            TermKind::Array(items) | TermKind::Parts(items) => items.iter().for_each(|item| self.pattern(item)),
            TermKind::Object(fields) => fields.iter().for_each(|(_, value)| self.pattern(value)),
            TermKind::Text(_) | TermKind::Scalar => {}
            TermKind::Comprehension { .. }
            | TermKind::Call { .. }
            | TermKind::Reference { .. }
            | TermKind::Assign { .. }
            | TermKind::In { .. }
            | TermKind::Operation(_) => drop(self.term(pattern, &Scope::new())),
        }
    }

    fn elements(&mut self, collection: &Term, scope: &Scope) -> Known {
        let known = self.term(collection, scope);
        match known.element() {
            Ok(element) => element,
            Err(none) => {
                self.say(
                    self.problem(codes::RULE_PATH, collection.at, "there are no elements in this")
                        .expected(none.expected),
                );
                Known::Nothing
            }
        }
    }

    fn term(&mut self, term: &Term, scope: &Scope) -> Known {
        match &term.kind {
            TermKind::Text(_) | TermKind::Scalar => Known::Nothing,
            TermKind::Name(name) => self.name(name, term.at, scope),
            TermKind::Array(items) => {
                let known: Vec<Known> = items.iter().map(|item| self.term(item, scope)).collect();
                match (known.len(), known.into_iter().next()) {
                    (1, Some(only)) => Known::ListOf(Box::new(only)),
                    _ => Known::Nothing,
                }
            }
            TermKind::Parts(parts) | TermKind::Operation(parts) => {
                for part in parts {
                    self.term(part, scope);
                }
                Known::Nothing
            }
            TermKind::Object(fields) => {
                let known = fields.iter().map(|(name, value)| (name.clone(), self.term(value, scope)));
                Known::Fields(known.collect())
            }
            TermKind::Comprehension { list, heads, body } => {
                let mut inner = scope.clone();
                self.body(body, &mut inner);
                let known: Vec<Known> = heads.iter().map(|head| self.term(head, &inner)).collect();
                match known.into_iter().next() {
                    Some(only) if *list => Known::ListOf(Box::new(only)),
                    _ => Known::Nothing,
                }
            }
            TermKind::Call { name, arguments } => {
                self.call(name, arguments, term.at, scope);
                Known::Nothing
            }
            TermKind::Reference { base, steps } => self.reference(base, steps, scope),
            TermKind::Assign { left, right } => {
                self.term(left, scope);
                self.term(right, scope);
                Known::Nothing
            }
            TermKind::In { members, collection } => {
                for member in members {
                    self.term(member, scope);
                }
                self.elements(collection, scope);
                Known::Nothing
            }
        }
    }

    fn name(&mut self, name: &str, at: Place, scope: &Scope) -> Known {
        if let Some(known) = scope.get(name).filter(|_| !reserved(name)) {
            return known.clone();
        }
        if reserved(name) {
            self.say(
                self.problem(
                    codes::RULE_PATH,
                    at,
                    format!("`{name}` is read as a whole, so what it reads cannot be checked"),
                )
                .help(format!("name the part: `{name}.…`")),
            );
            return Known::Nothing;
        }
        self.before.values.get(&(self.package.clone(), name.to_owned())).cloned().unwrap_or(Known::Nothing)
    }

    fn reference(&mut self, base: &Term, steps: &[Term], scope: &Scope) -> Known {
        let mut steps = steps.iter();
        let root = name_of(base).filter(|name| reserved(name) || !scope.contains_key(*name));
        let mut known = if root == Some("input") {
            self.reads.extend(steps.as_slice().first().and_then(text_of).map(str::to_owned));
            Known::Shape(Shape::input())
        } else if root == Some("data") {
            let Some(known) = self.data(&mut steps, base.at) else {
                for step in steps {
                    self.term(step, scope);
                }
                return Known::Nothing;
            };
            known
        } else {
            self.term(base, scope)
        };
        for step in steps {
            let name = text_of(step);
            let next = if let Some(name) = name {
                known.named(name)
            } else {
                self.term(step, scope);
                known.element()
            };
            match next {
                Ok(next) => known = next,
                Err(none) => {
                    let what = name.map_or_else(
                        || "there are no elements in this".to_owned(),
                        |name| format!("there is no `{name}` here"),
                    );
                    let help = nearest(step, &none.expected);
                    let problem = self.problem(codes::RULE_PATH, step.at, what).expected(none.expected);
                    self.say(Problem { help, ..problem });
                    known = Known::Nothing;
                }
            }
        }
        known
    }

    /// The first steps under `data`: parameters, data files, what rules share. `None` where nothing more can be said.
    fn data(&mut self, steps: &mut std::slice::Iter<'_, Term>, at: Place) -> Option<Known> {
        let Some(Term { kind: TermKind::Text(first), at: first_at }) = steps.next() else {
            self.name("data", at, &Scope::new());
            return None;
        };
        match first.as_str() {
            "lib" => {
                let path = texts(steps);
                let known = self.all.iter().any(|(_, module)| {
                    let package: Vec<&str> = module.package.iter().skip(1).map(String::as_str).collect();
                    path.strip_prefix(package.as_slice()).is_some_and(|rest| {
                        rest.first().is_none_or(|name| module.definitions.iter().any(|d| d.name == *name))
                    })
                });
                if !known {
                    self.say(self.problem(
                        codes::RULE_PATH,
                        *first_at,
                        format!("there is no data.lib.{}", path.join(".")),
                    ));
                }
                None
            }
            "rules" => {
                let path = texts(steps);
                if !format!("rules.{}.", path.join(".")).starts_with(&format!("{}.", self.package)) {
                    self.say(
                        self.problem(codes::RULE_PATH, *first_at, "a rule does not read another rule")
                            .help("put what both need under lib/".to_owned()),
                    );
                }
                None
            }
            "params" => {
                let Some(Term { kind: TermKind::Text(name), at }) = steps.next() else {
                    self.say(self.problem(codes::RULE_PATH, *first_at, "a parameter is read by its name"));
                    return None;
                };
                let Some(kind) = self.against.heading.parameters.get(name) else {
                    if self.against.unread.has(name) {
                        return None;
                    }
                    let known: Vec<&str> = self.against.heading.parameters.keys().map(String::as_str).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    self.say(
                        self.problem(codes::RULE_PATH, *at, format!("the heading names no parameter `{name}`"))
                            .expected(known),
                    );
                    return None;
                };
                Some(Known::of_parameter(*kind))
            }
            name => {
                let known = self.against.data.get(name).cloned().map(Known::Value);
                if known.is_none() {
                    self.say(self.problem(codes::RULE_PATH, *first_at, format!("there is no data/{name}.json")));
                }
                known
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Term], at: Place, scope: &Scope) {
        let known: Vec<Known> = arguments.iter().map(|argument| self.term(argument, scope)).collect();
        if let Some((key, takes)) = self.own_function(name) {
            if !takes.contains(&arguments.len()) {
                let what = format!("{name} is called with another number of arguments than it takes");
                let takes: Vec<String> = takes.iter().map(usize::to_string).collect();
                self.say(self.problem(codes::RULE_FUNCTION, at, what).expected(takes.join(" or ")));
            }
            self.facts.arguments.entry(key).or_insert_with(|| known.into_iter().map(Known::loose).collect());
            return;
        }
        let Some(function) = builtin(name) else {
            let why = refused(name);
            let what = if why.is_some() {
                format!("rules may not call {name}")
            } else {
                format!("there is no function {name}")
            };
            self.say(Problem { help: why.map(str::to_owned), ..self.problem(codes::RULE_FUNCTION, at, what) });
            return;
        };
        if let ("object.get", [_, key, _], Some(object)) = (name, arguments, known.into_iter().next().map(Known::loose))
            && let TermKind::Text(field) = &key.kind
            && let Err(none) = object.named(field)
        {
            self.say(
                self.problem(codes::RULE_PATH, key.at, format!("there is no `{field}` here")).expected(none.expected),
            );
        }
        if let Some(pattern) = function.regex.and_then(|index| arguments.get(index)) {
            self.expression(name, pattern);
        }
    }

    /// A regular expression: one that is written there, or one that policy.toml gives as a parameter.
    fn expression(&mut self, function: &str, pattern: &Term) {
        let author = self.against.care == Care::Author;
        let broken = |text: &str| expressions::broken(text).filter(|_| author);
        if let TermKind::Text(text) = &pattern.kind {
            if let Some(what) = broken(text) {
                self.say(self.problem(codes::RULE_REGEX, pattern.at, what).help(expressions::MEND));
                return;
            }
            for (what, help) in expressions::surprises(function, text) {
                self.say(self.problem(codes::RULE_REGEX, pattern.at, what).help(help.to_owned()));
            }
        } else if let TermKind::Reference { base, steps } = &pattern.kind
            && name_of(base) == Some("data")
        {
            let steps: Vec<&str> = steps.iter().map_while(text_of).collect();
            let ["params", name] = steps.as_slice() else { return };
            let text = self.against.data.pointer(&format!("/params/{name}")).and_then(Value::as_str);
            if let Some(what) = text.and_then(broken) {
                let what = format!("parameter `{name}` of policy.toml: {what}");
                self.say(self.problem(codes::RULE_REGEX, pattern.at, what).help(expressions::MEND));
            }
        }
    }

    /// A function of this package, of an imported one, or of one by its full name; and how many arguments it takes.
    fn own_function(&self, name: &str) -> Option<((String, String), BTreeSet<usize>)> {
        let (package, function) = match name.rsplit_once('.') {
            None => (self.package.clone(), name.to_owned()),
            Some((path, function)) => {
                let (first, rest) = path.split_once('.').map_or((path, ""), |(first, rest)| (first, rest));
                let imported = self.module.imports.iter().find(|import| import.name == first && import.path.len() > 2);
                let full = match imported {
                    Some(import) if rest.is_empty() => import.path.join("."),
                    Some(import) => format!("{}.{rest}", import.path.join(".")),
                    None => path.to_owned(),
                };
                (full.strip_prefix("data.")?.to_owned(), function.to_owned())
            }
        };
        let there = self.all.iter().filter(|(_, module)| module.package.join(".") == package);
        let takes: BTreeSet<usize> = there
            .flat_map(|(_, module)| &module.definitions)
            .filter(|definition| definition.kind == Kind::Function && definition.name == function)
            .map(|definition| definition.arguments.len())
            .collect();
        (!takes.is_empty()).then_some(((package, function), takes))
    }
}

fn bind(pattern: &Term, known: &Known, scope: &mut Scope) {
    if let TermKind::Name(name) = &pattern.kind {
        scope.insert(name.clone(), known.clone());
    } else if let TermKind::Array(items) = &pattern.kind {
        for item in items {
            bind(item, &Known::Nothing, scope);
        }
    }
}

/// What the evaluation is given.
fn reserved(name: &str) -> bool {
    ["input", "data"].contains(&name)
}

/// The steps up to the first that is no name; the others are left, for whoever looks at what they read.
fn texts<'t>(steps: &mut std::slice::Iter<'t, Term>) -> Vec<&'t str> {
    let names: Vec<&str> = steps.as_slice().iter().map_while(text_of).collect();
    *steps = steps.as_slice().get(names.len()..).unwrap_or_default().iter();
    names
}

fn name_of(term: &Term) -> Option<&str> {
    if let TermKind::Name(name) = &term.kind { Some(name) } else { None }
}

fn text_of(term: &Term) -> Option<&str> {
    if let TermKind::Text(text) = &term.kind { Some(text) } else { None }
}

/// Whether a body may hold in more than one way: it looks for something in a collection.
fn searches(body: &[Statement], arguments: &BTreeSet<&str>, module: &Module) -> bool {
    let mut bound = arguments.clone();
    bound.extend(module.definitions.iter().map(|definition| definition.name.as_str()));
    bound.extend(module.imports.iter().map(|import| import.name.as_str()));
    body.iter().any(|statement| match &statement.kind {
        StatementKind::Some(_) | StatementKind::SomeIn { .. } => true,
        StatementKind::Every { .. } | StatementKind::Not(_) => false,
        StatementKind::Holds(term) => {
            let open = open(term, &bound);
            if let TermKind::Assign { left, .. } = &term.kind {
                bound.extend(name_of(left));
            }
            open
        }
    })
}

/// Whether an index of a path is not bound yet.
fn open(term: &Term, bound: &BTreeSet<&str>) -> bool {
    let any = |terms: &[Term]| terms.iter().any(|term| open(term, bound));
    match &term.kind {
        TermKind::Reference { base, steps } => {
            open(base, bound)
                || steps.iter().any(|step| name_of(step).is_some_and(|name| !bound.contains(name)) || open(step, bound))
        }
        TermKind::Array(items) | TermKind::Parts(items) | TermKind::Operation(items) => any(items),
        TermKind::Object(fields) => fields.iter().any(|(_, value)| open(value, bound)),
        TermKind::Call { arguments, .. } => any(arguments),
        TermKind::Assign { left, right } => open(left, bound) || open(right, bound),
        TermKind::In { members, collection } => any(members) || open(collection, bound),
        TermKind::Text(_) | TermKind::Scalar | TermKind::Name(_) | TermKind::Comprehension { .. } => false,
    }
}

/// The known name that is most like a misspelt one.
fn nearest(step: &Term, known: &str) -> Option<String> {
    let name = text_of(step)?;
    let near = |candidate: &&str| distance(name, candidate) <= 2;
    known
        .split(", ")
        .filter(near)
        .min_by_key(|candidate| distance(name, candidate))
        .map(|near| format!("did you mean `{near}`?"))
}

/// How many letters have to change, at most a few.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().take(40).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, y) in row.iter_mut().skip(1).zip(&b) {
            let best =
                corner.saturating_add(usize::from(x != y)).min(above.saturating_add(1)).min(left.saturating_add(1));
            corner = *above;
            *above = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or_default()
}
