//! `rule.yaml`: for each element of a list, where conditions hold, deny. It is compiled to Rego, which is what is
//! evaluated, and which `policy explain` shows. The meaning of form 1 does not change: another one is another number.

use super::heading::{Heading, placeholders};
use super::origin::{Origins, Writer, whole};
use super::problem::Problem;
use super::shape::Shape;
use super::spoken;
use crate::rego::Place;
use countersign_core::codes;
use countersign_core::yaml::{Key, Node, Yaml};

/// The keys beside those of the heading.
pub(super) const KEYS: &[&str] = &["form", "for_each", "where"];

/// What a condition may say of a field, and how it is said in Rego: `{f}` is the field, `{v}` the value.
const CONDITIONS: [(&str, Takes, &str); 16] = [
    ("is", Takes::Scalar, "{f} == {v}"),
    ("is_not", Takes::Scalar, "{f} != {v}"),
    ("one_of", Takes::List, "{f} in {v}"),
    ("not_one_of", Takes::List, "not {f} in {v}"),
    ("starts_with", Takes::Text, "startswith({f}, {v})"),
    ("not_starts_with", Takes::Text, "not startswith({f}, {v})"),
    ("ends_with", Takes::Text, "endswith({f}, {v})"),
    ("not_ends_with", Takes::Text, "not endswith({f}, {v})"),
    ("has", Takes::Text, "{v} in {f}"),
    ("has_not", Takes::Text, "not {v} in {f}"),
    ("matches", Takes::Text, "regex.match({v}, {f})"),
    ("not_matches", Takes::Text, "not regex.match({v}, {f})"),
    ("more_than", Takes::Number, "{f} > {v}"),
    ("less_than", Takes::Number, "{f} < {v}"),
    ("in_parameter", Takes::Parameter, "{f} in data.params.{v}"),
    ("not_in_parameter", Takes::Parameter, "not {f} in data.params.{v}"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Scalar,
    List,
    Text,
    Number,
    Parameter,
}

/// A `rule.yaml`, as far as it could be compiled.
pub(super) struct Compiled {
    /// Its Rego, of the conditions that read; none where not even the list is known.
    pub rego: Option<String>,
    /// What the Rego was made from.
    pub origins: Origins,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// The Rego of a `rule.yaml`, whose text this is. What does not read is said, and left out: the rest is checked all the same.
pub(super) fn compile(file: &str, text: &str, root: &Yaml, heading: &Heading, package: &str) -> Compiled {
    let mut problems = Vec::new();
    let mut wrong =
        |at: &Yaml, what: String| problems.push(Problem::at(codes::RULE_SOURCE, file, at.line, at.column, what));
    match root.get("form") {
        Some(form) if form.node == Node::Number(1) => {}
        other => wrong(other.unwrap_or(root), "`form: 1` says by which meaning this is read".to_owned()),
    }
    let path = root.get("for_each");
    let list = path.and_then(|path| Some((path, path.text().filter(|text| is_path(text))?)));
    if list.is_none() {
        wrong(path.unwrap_or(root), "`for_each` names a list of the input, such as `sbom.components`".to_owned());
    }
    let mut conditions = Vec::new();
    let listed = root.get("where");
    match listed.and_then(Yaml::items) {
        Some(items) if !items.is_empty() => {
            for item in items {
                match condition(text, item) {
                    Ok(said) => conditions.push(said),
                    Err((at, what)) => problems.push(Problem::new(codes::RULE_SOURCE, file, Some(at), what)),
                }
            }
        }
        _ => wrong(listed.unwrap_or(root), "`where` lists at least one condition".to_owned()),
    }
    let Some((path, list)) = list else { return Compiled { rego: None, origins: Origins::default(), problems } };
    let mut names: Vec<&str> = placeholders(&heading.message).into_iter().chain(placeholders(&heading.fix)).collect();
    names.sort_unstable();
    names.dedup();
    let mut rego = Writer::new(text);
    rego.text(&format!("package {package}\n\ndeny contains {{\"at\": x.at"));
    for name in names.iter().filter(|name| is_path(name)) {
        rego.text(&format!(", \"{name}\": x."));
        match spoken::place_of(text, name) {
            // The name stands behind its brace.
            Some(at) => {
                let (column, length) = (at.column.saturating_add(1), at.length.saturating_sub(2));
                rego.part(name, Place { line: at.line, column, length });
            }
            None => rego.text(name),
        }
    }
    rego.text("} if {\n");
    rego.begin(whole(text, path));
    rego.text("some x in input.");
    rego.part(list, rego.name(path));
    rego.text("\n");
    for said in conditions {
        rego.begin(of_key(said.key));
        let mut rest = said.rego;
        while let Some((before, after)) = rest.split_once('{') {
            rego.text(before);
            if let Some(after) = after.strip_prefix("f}") {
                rego.text("x.");
                rego.part(said.field, rego.name(said.at));
                rest = after;
            } else {
                rego.part(&said.written, rego.place(said.value));
                rest = after.strip_prefix("v}").unwrap_or(after);
            }
        }
        rego.text(rest);
        rego.text("\n");
    }
    rego.text("}\n");
    Compiled { rego: Some(rego.rego), origins: rego.origins, problems }
}

/// Conditions of a `rule.yaml` that nothing can pass, or that end in an error wherever they are asked: what they say does not
/// go with what their field holds. Told to authors alone; fields that are not there are told by their paths.
pub(super) fn unfitting(file: &str, text: &str) -> Vec<Problem> {
    let Ok(root) = Yaml::parse(text) else { return Vec::new() };
    let steps = |from: Shape, path: &str| path.split('.').try_fold(from, |shape, name| shape.step(name));
    let list = root.get("for_each").and_then(Yaml::text).and_then(|path| steps(Shape::input(), path));
    let Some(element) = list.and_then(|list| list.element()) else { return Vec::new() };
    let items = root.get("where").and_then(Yaml::items).unwrap_or_default();
    let said = items.iter().filter_map(|item| condition(text, item).ok());
    said.filter_map(|said| {
        let held = steps(element, said.field)?;
        let takes = CONDITIONS.iter().find(|(name, _, _)| *name == said.key.name).map(|(_, takes, _)| *takes)?;
        let fits = match takes {
            Takes::Text if ["has", "has_not"].contains(&said.key.name.as_str()) => true,
            Takes::Text | Takes::Parameter => matches!(held, Shape::Text),
            Takes::Number => matches!(held, Shape::Number),
            Takes::Scalar => compares(held, &said.value.node),
            Takes::List => said.value.items().unwrap_or_default().iter().all(|item| compares(held, &item.node)),
        };
        let what = format!("`{}` does not go with `{}`, which is {}", said.key.name, said.field, held.word());
        let place = if takes == Takes::Scalar { whole(text, said.value) } else { of_key(said.key) };
        (!fits).then(|| {
            Problem::new(codes::RULE_PATH, file, Some(place), what)
                .expected(goes_with(held))
                .help("a condition that cannot hold would be a rule that never says anything")
        })
    })
    .collect()
}

/// Whether a value can be equal to what a field holds.
fn compares(held: Shape, value: &Node) -> bool {
    match value {
        Node::Null => !matches!(held, Shape::List(_) | Shape::Object(_) | Shape::Named(_)),
        Node::Bool(_) => matches!(held, Shape::Truth),
        Node::Number(_) => matches!(held, Shape::Number),
        Node::Text(_) => matches!(held, Shape::Text),
        Node::List(_) | Node::Map(_) => false,
    }
}

/// What a condition may say of a field that holds this.
fn goes_with(held: Shape) -> &'static str {
    match held {
        Shape::Text => {
            "text: is, is_not, one_of, starts_with, ends_with, matches, in_parameter, their `not_` forms; or null"
        }
        Shape::Number => "a whole number: is, is_not, one_of, not_one_of, more_than, less_than; or null",
        Shape::Truth => "is or is_not, with true, false or null",
        Shape::List(_) => "has or has_not",
        Shape::Object(_) | Shape::Named(_) => "the name of a field in it, behind a point",
    }
}

/// What a condition says of its field.
struct Said<'y> {
    field: &'y str,
    /// Where the field is named.
    at: &'y Yaml,
    key: &'y Key,
    value: &'y Yaml,
    /// How it is said in Rego, with `{f}` and `{v}`.
    rego: &'static str,
    /// The value in Rego.
    written: String,
}

fn of_key(key: &Key) -> Place {
    Place { line: key.line, column: key.column, length: key.name.chars().count() }
}

fn condition<'y>(text: &str, item: &'y Yaml) -> Result<Said<'y>, (Place, String)> {
    let here = |at: &Yaml| whole(text, at);
    let named = item.get("field");
    let field = named.and_then(|at| Some((at, at.text().filter(|text| is_path(text))?)));
    let (at, field) = field
        .ok_or_else(|| (here(named.unwrap_or(item)), "a condition names its `field`, such as `name`".to_owned()))?;
    let mut said = item.entries().iter().filter(|(key, _)| key.name != "field");
    let (key, value) = match (said.next(), said.next()) {
        (Some(said), None) => (&said.0, &said.1),
        (_, other) => {
            let place = other.map_or_else(|| here(item), |(key, _)| of_key(key));
            return Err((place, "a condition says one thing of its field".to_owned()));
        }
    };
    let known = CONDITIONS.iter().find(|(name, _, _)| *name == key.name);
    let (_, takes, rego) = known.ok_or_else(|| {
        let names: Vec<&str> = CONDITIONS.iter().map(|(name, _, _)| *name).collect();
        (of_key(key), format!("`{}` is no condition: {}", key.name, names.join(", ")))
    })?;
    let written = match (takes, &value.node) {
        (Takes::Scalar, Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_))
        | (Takes::Text, Node::Text(_))
        | (Takes::Number, Node::Number(_)) => value.to_value().to_string(),
        (Takes::List, Node::List(items))
            if items.iter().all(|item| !matches!(item.node, Node::List(_) | Node::Map(_))) =>
        {
            let items: Vec<String> = items.iter().map(|item| item.to_value().to_string()).collect();
            format!("[{}]", items.join(", "))
        }
        (Takes::Parameter, Node::Text(name)) if is_path(name) && !name.contains('.') => name.clone(),
        _ => return Err((here(value), format!("`{}` takes {}", key.name, takes.word()))),
    };
    Ok(Said { field, at, key, value, rego, written })
}

impl Takes {
    const fn word(self) -> &'static str {
        match self {
            Self::Scalar => "text, a whole number, true, false or null",
            Self::List => "a list of such values",
            Self::Text => "text",
            Self::Number => "a whole number",
            Self::Parameter => "the name of a parameter",
        }
    }
}

/// Names with dots between them: nothing else gets into the Rego unquoted.
fn is_path(text: &str) -> bool {
    text.split('.').all(|name| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}
