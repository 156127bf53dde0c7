//! `policy new`: a rule with a case each way, which lint and test take as it is.

use super::build::{close, folder_files};
use crate::error::FlowError;
use crate::files;
use countersign_core::ids::RuleId;
use countersign_core::limits;
use countersign_core::policy::SOURCE_FILE;
use countersign_decide::written::shape::{Field, Shape};
use countersign_decide::written::{self, placeholders};
use countersign_record::atomic::write_atomic;
use countersign_record::disk::{DiskError, Doing};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a draft of a rule is asked for.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Its name, without a number.
    pub name: &'a str,
    /// What it looks at: one of [`lists`].
    pub list: &'a str,
    /// What it says, with `{field}` for facts; a text that fits the list if there is none.
    pub message: Option<&'a str>,
    /// What holds when it passes; a text that fits the list if there is none.
    pub title: Option<&'a str>,
    /// Who answers for it.
    pub owner: &'a str,
    /// Whether it is written as `rule.yaml` instead of Rego.
    pub yaml: bool,
}

/// What a rule can go through: lists of the input whose elements have a place, by path.
#[must_use]
pub fn lists() -> Vec<String> {
    let mut out = Vec::new();
    walk("", Shape::input(), &mut out);
    out.into_iter().map(|(path, _)| path).collect()
}

fn walk(path: &str, shape: Shape, out: &mut Vec<(String, &'static [Field])>) {
    let Shape::Object(fields) = shape else { return };
    for field in fields {
        let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        if let Some(Shape::Object(of)) = field.shape.element() {
            if of.iter().any(|field| field.name == "at") && matches!(field.shape, Shape::List(_)) {
                out.push((path, of));
            }
        } else {
            walk(&path, field.shape, out);
        }
    }
}

/// What is known of the elements of a list.
struct Elements {
    path: String,
    fields: &'static [Field],
    /// `component`
    word: String,
    /// The field that says which one it is.
    key: &'static str,
}

impl Elements {
    fn of(list: &str) -> Result<Self, FlowError> {
        let mut all = Vec::new();
        walk("", Shape::input(), &mut all);
        let path = list.strip_prefix("input.").unwrap_or(list);
        let found = all.iter().find(|(known, _)| known == path);
        let text = |field: &&Field| matches!(field.shape, Shape::Text);
        let key = found.and_then(|(_, fields)| {
            fields.iter().filter(text).find(|field| field.name == "name").or_else(|| fields.iter().find(text))
        });
        let (Some((path, fields)), Some(key)) = (found, key) else {
            let known: Vec<&str> = all.iter().map(|(path, _)| path.as_str()).collect();
            return Err(FlowError::Usage(format!("`{list}` is no list of the input: there is {}", known.join(", "))));
        };
        let last = path.rsplit('.').next().unwrap_or(path);
        let word = last
            .strip_suffix("ies")
            .map_or_else(|| last.strip_suffix('s').unwrap_or(last).to_owned(), |stem| format!("{stem}y"));
        Ok(Self { path: path.clone(), fields, word, key: key.name })
    }

    /// A value for a field in a case.
    fn example(&self, name: &str) -> Option<Value> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        match field.shape {
            Shape::Text if name == "version" => Some(Value::from("1.3.0")),
            Shape::Text => Some(Value::from("something")),
            Shape::Number => Some(Value::from(7)),
            Shape::Truth => Some(Value::from(true)),
            Shape::Object(_) | Shape::List(_) | Shape::Named(_) => None,
        }
    }
}

/// Writes a rule with a case in which it is broken and one in which it holds, and names it in policy.toml, in stage
/// monitor. What it wrote, by path.
pub fn draft(folder: &Path, draft: &Draft<'_>) -> Result<Vec<String>, FlowError> {
    let elements = Elements::of(draft.list)?;
    let source = folder.join(SOURCE_FILE);
    let read = files::read_if_there(&source, limits::TOML_BYTES)?.ok_or_else(|| {
        FlowError::Usage(format!(
            "there is no {}: `countersign policy new --policy {}` writes a first one",
            source.display(),
            folder.display()
        ))
    })?;
    let policy = String::from_utf8(read).map_err(|error| FlowError::Usage(format!("{}: {error}", source.display())))?;
    let manifest = close(folder, &folder_files(folder)?)?;
    let id = RuleId::new(&format!("{}@1", draft.name)).map_err(|error| FlowError::Usage(error.to_string()))?;
    let place = format!("rules/{}", draft.name);
    let taken = manifest.rules.iter().any(|rule| rule.id == id || rule.folder.as_deref() == Some(place.as_str()));
    if taken || folder.join(&place).exists() {
        return Err(FlowError::Usage(format!("there is a rule {id} already: choose another name")));
    }
    let stages: Vec<String> =
        manifest.environments.keys().map(|environment| format!("\"{environment}\" = \"monitor\"")).collect();
    let entry = format!(
        "\n[[rules]]\nid = \"{id}\"\nfolder = \"{place}\"\nstages = {{ {} }}\nparameters = {{ names = [\"left-pad\"] }}\n",
        stages.join(", ")
    );
    let text = Text::of(&id, draft, &elements)?;
    let (file, rule) = if draft.yaml {
        ("rule.yaml", text.yaml(&elements))
    } else {
        ("rule.rego", text.rego(&elements, &written::package(&place)))
    };
    let cases = [
        ("broken", format!("{} of the list is denied", with_article(&elements.word)), "left-pad"),
        ("holds", format!("another {} is none of its business", elements.word), "right-pad"),
    ];
    let mut all = vec![(format!("{place}/{file}"), rule)];
    for (file, name, key) in cases {
        all.push((format!("{place}/cases/{file}.yaml"), text.case(&elements, &name, key, key == "left-pad")));
    }
    let mut paths = Vec::new();
    for (path, text) in all {
        write(&folder.join(&path), &text)?;
        paths.push(path);
    }
    write_atomic(&source, format!("{}\n{entry}", policy.trim_end_matches('\n')).as_bytes(), 0o644)?;
    paths.push(SOURCE_FILE.to_owned());
    Ok(paths)
}

pub(super) fn write(to: &Path, text: &str) -> Result<(), FlowError> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|source| DiskError::new(Doing::Create, parent, source))?;
    }
    Ok(write_atomic(to, text.as_bytes(), 0o644)?)
}

/// The texts of a draft.
struct Text {
    heading: Vec<String>,
    title: String,
    message: String,
    /// The fields that message and fix speak of, each with a value for cases.
    facts: BTreeMap<String, Value>,
}

impl Text {
    fn of(id: &RuleId, draft: &Draft<'_>, elements: &Elements) -> Result<Self, FlowError> {
        let Elements { word, key, .. } = elements;
        let version = if elements.example("version").is_some() { " {version}" } else { "" };
        let usual = format!("{word} {{{key}}}{version} is not allowed");
        let message = draft.message.map_or(usual, str::to_owned);
        let fix = format!("Take {{{key}}} out, or ask the rule's owner what to use instead.");
        let mut facts = BTreeMap::new();
        for name in placeholders(&message).into_iter().chain([*key]) {
            let value = elements.example(name).ok_or_else(|| {
                let known: Vec<&str> = elements.fields.iter().map(|field| field.name).collect();
                let known: Vec<&str> = known.into_iter().filter(|name| elements.example(name).is_some()).collect();
                FlowError::Usage(format!(
                    "the message speaks of {{{name}}}, which no {word} of {} has: there is {}",
                    elements.path,
                    known.join(", ")
                ))
            })?;
            facts.insert(name.to_owned(), value);
        }
        let title = draft.title.map_or_else(|| format!("No {word} is on the list of names"), str::to_owned);
        let heading = vec![
            format!("id: {id}"),
            "severity: high".to_owned(),
            "controls: []".to_owned(),
            format!("message: {}", quoted(&message)),
            "why: \"Say in a sentence what could happen.\"".to_owned(),
            format!("fix: {}", quoted(&fix)),
            format!("owner: {}", quoted(draft.owner)),
            "parameters: {names: list}".to_owned(),
        ];
        Ok(Self { heading, title: quoted(&title), message, facts })
    }

    fn yaml(&self, elements: &Elements) -> String {
        format!(
            "form: 1\ntitle: {}\n{}\nfor_each: {}\nwhere:\n  - field: {}\n    in_parameter: names\n",
            self.title,
            self.heading.join("\n"),
            elements.path,
            elements.key
        )
    }

    fn rego(&self, elements: &Elements, package: &str) -> String {
        let heading: Vec<String> = self.heading.iter().map(|line| format!("#   {line}\n")).collect();
        let facts: Vec<String> = self.facts.keys().map(|name| format!(", \"{name}\": x.{name}")).collect();
        format!(
            "# METADATA\n# title: {}\n# custom:\n{}package {package}\n\n\
             deny contains {{\"at\": x.at{}}} if {{\n\tsome x in input.{}\n\tx.{} in data.params.names\n}}\n",
            self.title,
            heading.concat(),
            facts.concat(),
            elements.path,
            elements.key
        )
    }

    /// A case with one element of this name.
    fn case(&self, elements: &Elements, name: &str, key: &str, broken: bool) -> String {
        let mut facts = self.facts.clone();
        facts.insert(elements.key.to_owned(), Value::from(key));
        let mut out = format!("name: {}\ninput:\n", quoted(name));
        let mut indent = "  ".to_owned();
        for step in elements.path.split('.') {
            out.push_str(&format!("{indent}{step}:\n"));
            indent.push_str("  ");
        }
        for (i, (name, value)) in facts.iter().enumerate() {
            out.push_str(&format!("{indent}{} {name}: {value}\n", if i == 0 { "-" } else { " " }));
        }
        if !broken {
            return format!("{out}expect: []\n");
        }
        let mut said = self.message.clone();
        for (name, value) in &facts {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            said = said.replace(&format!("{{{name}}}"), &value);
        }
        format!("{out}expect:\n  - message: {}\n", quoted(&said))
    }
}

/// `a component`, `an image`.
fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {word}")
}

/// JSON text is YAML text, and TOML text.
pub(super) fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
