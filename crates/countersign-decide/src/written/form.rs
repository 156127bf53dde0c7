//! `rule.yaml`: for each element of a list, where conditions hold, deny. It is compiled to Rego, which is what is
//! evaluated, and which `policy explain` shows. The meaning of form 1 does not change: another one is another number.

use super::heading::{Heading, placeholders};
use super::problem::Problem;
use crate::rego::Place;
use countersign_core::codes;
use countersign_core::yaml::{Node, Yaml};

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

/// The Rego of a `rule.yaml`.
pub(super) fn compile(file: &str, root: &Yaml, heading: &Heading, package: &str) -> Result<String, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut wrong =
        |at: &Yaml, what: String| problems.push(Problem::at(codes::RULE_SOURCE, file, at.line, at.column, what));
    match root.get("form") {
        Some(form) if form.node == Node::Number(1) => {}
        other => wrong(other.unwrap_or(root), "`form: 1` says by which meaning this is read".to_owned()),
    }
    let path = root.get("for_each");
    let list = path.and_then(Yaml::text).filter(|text| is_path(text)).unwrap_or_default();
    if list.is_empty() {
        wrong(path.unwrap_or(root), "`for_each` names a list of the input, such as `sbom.components`".to_owned());
    }
    let mut lines = Vec::new();
    let conditions = root.get("where");
    match conditions.and_then(Yaml::items) {
        Some(items) if !items.is_empty() => {
            for item in items {
                match condition(item) {
                    Ok(line) => lines.push(line),
                    Err(what) => wrong(item, what),
                }
            }
        }
        _ => wrong(conditions.unwrap_or(root), "`where` lists at least one condition".to_owned()),
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut names: Vec<&str> = placeholders(&heading.message).into_iter().chain(placeholders(&heading.fix)).collect();
    names.sort_unstable();
    names.dedup();
    let facts: Vec<String> =
        names.iter().filter(|name| is_path(name)).map(|name| format!(", \"{name}\": x.{name}")).collect();
    let facts = facts.concat();
    let mut rego =
        format!("package {package}\n\ndeny contains {{\"at\": x.at{facts}}} if {{\n\tsome x in input.{list}\n");
    for line in lines {
        rego.push('\t');
        rego.push_str(&line);
        rego.push('\n');
    }
    rego.push_str("}\n");
    Ok(rego)
}

/// The places that the lines of the compiled body were made from: `for_each`, and what each condition says of its field.
pub(super) fn places(root: &Yaml) -> Vec<Place> {
    let at = |line, column| Place { line, column, length: 1 };
    let list = root.get("for_each").map(|list| at(list.line, list.column));
    let conditions = root.get("where").and_then(Yaml::items).unwrap_or_default();
    let said = |item: &Yaml| {
        let (key, _) = item.entries().iter().find(|(key, _)| key.name != "field")?;
        Some(at(key.line, key.column))
    };
    list.into_iter().chain(conditions.iter().filter_map(said)).collect()
}

fn condition(item: &Yaml) -> Result<String, String> {
    let field = item.get("field").and_then(Yaml::text).filter(|text| is_path(text));
    let field = field.ok_or("a condition names its `field`, such as `name`")?;
    let mut said = item.entries().iter().filter(|(key, _)| key.name != "field");
    let (Some((key, value)), None) = (said.next(), said.next()) else {
        return Err("a condition says one thing of its field".to_owned());
    };
    let known = CONDITIONS.iter().find(|(name, _, _)| *name == key.name);
    let (_, takes, rego) = known.ok_or_else(|| {
        let names: Vec<&str> = CONDITIONS.iter().map(|(name, _, _)| *name).collect();
        format!("`{}` is no condition: {}", key.name, names.join(", "))
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
        _ => return Err(format!("`{}` takes {}", key.name, takes.word())),
    };
    Ok(rego.replace("{f}", &format!("x.{field}")).replace("{v}", &written))
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
