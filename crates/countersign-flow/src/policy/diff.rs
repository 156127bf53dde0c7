//! What one release says that another does not, in words, and what of it may let pass what was refused before.
//!
//! The manifests are compared as they are written down, field by field. A field that this page knows nothing about is
//! shown all the same, and counts as one that may do both: nothing is left out because it is new.

use super::lines;
use countersign_core::json::{self, JsonError};
use countersign_core::policy::Manifest;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a change may do to decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Effect {
    /// Something that was refused may pass.
    Loosens,
    /// Both are possible: only a backtest tells.
    Either,
    /// Something that passed may be refused.
    Tightens,
    /// It decides nothing.
    Nothing,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// What is changed: a heading such as `rule no-copyleft@1`, and the way to the field.
    pub of: String,
    /// The way to the field under it, with dots; empty for the whole.
    pub field: String,
    /// What it was; absent where it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; absent where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// What it may do.
    pub effect: Effect,
    /// For a text: the lines that differ, `-` for what is gone and `+` for what is new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// What a change of a field may do, by its name and what it was and is.
type Judge<'j> = &'j dyn Fn(&str, Option<&Value>, Option<&Value>) -> Effect;

/// Compares two releases.
pub fn diff(before: &Manifest, after: &Manifest) -> Result<Vec<Change>, JsonError> {
    let (before, after) = (fields(before)?, fields(after)?);
    let mut changes = Vec::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        match name.as_str() {
            "rules" => rules(old, new, &mut changes),
            "sources" => sources(old, new, &mut changes),
            "environments" => each(old, new, |name, old, new| {
                let whole = (Effect::Loosens, Effect::Tightens);
                part(&format!("environment {name}"), old, new, whole, &environment, &mut changes);
            }),
            "texts" => each(old, new, |path, old, new| text(path, old, new, &mut changes)),
            "files" => {
                let texts = |all: &Map<String, Value>| {
                    all.get("texts").and_then(Value::as_object).map(|texts| texts.keys().cloned().collect::<Vec<_>>())
                };
                let evaluated: BTreeSet<String> =
                    [texts(&before), texts(&after)].into_iter().flatten().flatten().collect();
                // A text that is evaluated is shown as text. What else lies there decides nothing.
                each(old, new, |path, old, new| {
                    if !evaluated.contains(path) {
                        push(&format!("file {path}"), "", old, new, Effect::Nothing, &mut changes);
                    }
                });
            }
            other => {
                let effect = match other {
                    "expires" => later(old, new, Effect::Loosens, Effect::Tightens),
                    "not_before" => later(old, new, Effect::Tightens, Effect::Loosens),
                    "uri" | "lineage" | "version" | "previous" => Effect::Nothing,
                    _ => Effect::Either,
                };
                walk("the release", other, old, new, &|_, _, _| effect, &mut changes);
            }
        }
    }
    Ok(changes)
}

fn fields(manifest: &Manifest) -> Result<Map<String, Value>, JsonError> {
    let bytes = manifest.to_bytes()?;
    json::parse(&bytes).map(|value| if let Value::Object(fields) = value { fields } else { Map::new() })
}

/// Each entry of two objects, where they differ.
fn each(old: Option<&Value>, new: Option<&Value>, mut say: impl FnMut(&str, Option<&Value>, Option<&Value>)) {
    let of = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (of(old), of(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        if old.get(name) != new.get(name) {
            say(name, old.get(name), new.get(name));
        }
    }
}

/// Each element of two lists, by a name that it has.
fn named(old: Option<&Value>, new: Option<&Value>, name: impl Fn(&Value) -> String) -> (Value, Value) {
    let of = |value: Option<&Value>| {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        Value::Object(items.map(|item| (name(item), item.clone())).collect())
    };
    (of(old), of(new))
}

fn word(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn rules(old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    let (old, new) = named(old, new, |rule| word(rule, "id"));
    each(Some(&old), Some(&new), |id, old, new| {
        part(&format!("rule {id}"), old, new, (Effect::Tightens, Effect::Loosens), &rule, changes);
    });
}

/// What a field of a rule does.
fn rule(field: &str, old: Option<&Value>, new: Option<&Value>) -> Effect {
    match field.split('.').next().unwrap_or(field) {
        "stages" => {
            // A rule without a stage for an environment is off there.
            let rank = |value: Option<&Value>| match value {
                None => Some(0),
                Some(value) => ["off", "monitor", "warn", "enforce"].iter().position(|stage| value == stage),
            };
            match (rank(old), rank(new)) {
                (Some(old), Some(new)) if old < new => Effect::Tightens,
                (Some(old), Some(new)) if old > new => Effect::Loosens,
                (Some(_), Some(_)) => Effect::Nothing,
                _ => Effect::Either,
            }
        }
        "owner" | "controls" => Effect::Nothing,
        _ => Effect::Either,
    }
}

fn environment(field: &str, old: Option<&Value>, new: Option<&Value>) -> Effect {
    match (field, old, new) {
        ("enforced", Some(Value::Bool(true)), Some(Value::Bool(false))) => Effect::Loosens,
        ("enforced", Some(Value::Bool(false)), Some(Value::Bool(true))) => Effect::Tightens,
        _ => Effect::Either,
    }
}

fn sources(old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    let (old, new) = named(old, new, |source| format!("{} {}", word(source, "repository"), word(source, "ref")));
    each(Some(&old), Some(&new), |name, old, new| {
        let whole = (Effect::Loosens, Effect::Tightens);
        part(&format!("source {name}"), old, new, whole, &|_, _, _| Effect::Either, changes);
    });
}

/// Something that is there, or is not: as a whole where it is new or gone, field by field where it is both.
fn part(
    of: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    (added, removed): (Effect, Effect),
    effect: Judge<'_>,
    changes: &mut Vec<Change>,
) {
    match (old, new) {
        (None, Some(_)) => push(of, "", old, new, added, changes),
        (Some(_), None) => push(of, "", old, new, removed, changes),
        _ => walk(of, "", old, new, effect, changes),
    }
}

/// Field by field down to what is no object.
fn walk(of: &str, field: &str, old: Option<&Value>, new: Option<&Value>, effect: Judge<'_>, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let object = |value: Option<&Value>| value.is_none_or(Value::is_object);
    if object(old) && object(new) {
        each(old, new, |name, old, new| {
            let field = if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
            walk(of, &field, old, new, effect, changes);
        });
    } else {
        push(of, field, old, new, effect(field, old, new), changes);
    }
}

fn text(path: &str, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    let of = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines = lines::short(&of(old), &of(new));
    let there = |value: Option<&Value>| value.map(|_| Value::from("text"));
    changes.push(Change {
        of: format!("text {path}"),
        field: String::new(),
        before: there(old),
        after: there(new),
        effect: Effect::Either,
        lines,
    });
}

fn push(of: &str, field: &str, old: Option<&Value>, new: Option<&Value>, effect: Effect, changes: &mut Vec<Change>) {
    changes.push(Change {
        of: of.to_owned(),
        field: field.to_owned(),
        before: old.cloned(),
        after: new.cloned(),
        effect,
        lines: Vec::new(),
    });
}

/// Times compare as text does.
fn later(old: Option<&Value>, new: Option<&Value>, if_later: Effect, if_earlier: Effect) -> Effect {
    match (old.and_then(Value::as_str), new.and_then(Value::as_str)) {
        (Some(old), Some(new)) => {
            if new > old {
                if_later
            } else {
                if_earlier
            }
        }
        _ => Effect::Either,
    }
}

/// The changes in words: by what is changed, a line each.
#[must_use]
pub fn words(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "the releases say the same\n".to_owned();
    }
    let mut by: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        by.entry(&change.of).or_default().push(change);
    }
    let mut out = String::new();
    for (of, changes) in by {
        for change in changes {
            out.push_str(&line(of, change));
            for line in &change.lines {
                out.push_str("      ");
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    let count = |effect| changes.iter().filter(|change| change.effect == effect).count();
    let (loosens, either, tightens) = (count(Effect::Loosens), count(Effect::Either), count(Effect::Tightens));
    out.push_str(&format!(
        "\n{} change(s): {loosens} may let pass what was refused, {tightens} may refuse what passed, {either} may do both\n",
        changes.len()
    ));
    out
}

fn line(of: &str, change: &Change) -> String {
    let sign = match change.effect {
        Effect::Loosens => "LOOSENS ",
        Effect::Either => "EITHER  ",
        Effect::Tightens => "TIGHTENS",
        Effect::Nothing => "        ",
    };
    let text = |value: &Value| {
        let text = if let Value::String(text) = value { text.clone() } else { value.to_string() };
        countersign_report::escape::plain(&text).chars().take(200).collect::<String>()
    };
    let of = countersign_report::escape::plain(of);
    let field = if change.field.is_empty() {
        of
    } else {
        format!("{of}: {}", countersign_report::escape::plain(&change.field))
    };
    let whole = change.field.is_empty();
    match (&change.before, &change.after) {
        (Some(_), Some(_)) if !change.lines.is_empty() => format!("{sign}  {field} changed\n"),
        (None, Some(_)) if whole => format!("{sign}  {field} added{}\n", stages(change.after.as_ref())),
        (Some(_), None) if whole => format!("{sign}  {field} removed{}\n", stages(change.before.as_ref())),
        (before, after) => {
            let said = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), text);
            format!("{sign}  {field}: {} -> {}\n", said(before), said(after))
        }
    }
}

/// The stages of a rule that is new or gone.
fn stages(rule: Option<&Value>) -> String {
    let stages = rule.and_then(|rule| rule.get("stages")).and_then(Value::as_object);
    let stages = stages.into_iter().flatten().map(|(environment, stage)| {
        let stage = if let Value::String(stage) = stage { stage.clone() } else { stage.to_string() };
        format!("{environment} {stage}")
    });
    let stages: Vec<String> = stages.collect();
    if stages.is_empty() { String::new() } else { format!(" ({})", stages.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "uri = \"https://example.org/policy\"\nlineage = \"main\"\nversion = 1\n\
        not_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2027-01-01T00:00:00Z\"\n\n\
        [[sources]]\nrepository = \"git+https://example.org/a\"\nref = \"refs/heads/main\"\n\n\
        [environments.production]\nenforced = true\n[environments.staging]\nenforced = false\n\n\
        [[rules]]\nid = \"source-clean@1\"\nstages = { production = \"enforce\", staging = \"warn\" }\n\n\
        [[rules]]\nid = \"builder-level@1\"\nstages = { production = \"enforce\" }\nparameters = { least = 2 }\n\n\
        [[rules]]\nid = \"our@1\"\nfolder = \"rules/our\"\nstages = { production = \"warn\" }\n";

    fn manifest(toml: &str, rego: &str) -> Manifest {
        let files = [("policy.toml", toml), ("rules/our/rule.rego", rego), ("rules/our/cases/a.yaml", rego)];
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        Manifest::close(&files).unwrap()
    }

    fn after() -> String {
        BEFORE
            .replace("version = 1", "version = 2")
            .replace("expires = \"2027", "expires = \"2028")
            .replace(
                "production = \"enforce\" }\nparameters = { least = 2 }",
                "production = \"warn\" }\nparameters = { least = 1 }",
            )
            .replace("staging = \"warn\" }", "staging = \"enforce\" }\ncontrols = [\"SOC2:CC8.1\"]\nowner = \"team\"")
            .replace("[environments.staging]\nenforced = false", "[environments.staging]\nenforced = true")
            .replace(
                "id = \"our@1\"\nfolder = \"rules/our\"\nstages = { production = \"warn\" }",
                "id = \"our@1\"\nfolder = \"rules/our\"\nstages = { production = \"off\" }",
            )
            .replace("refs/heads/main\"", "refs/heads/main\"\ncut_from = \"refs/heads/next\"")
            + "\n[[rules]]\nid = \"sbom-present@1\"\nstages = { production = \"monitor\" }\n"
    }

    #[test]
    fn a_release_says_the_same_as_itself() {
        let one = manifest(BEFORE, "package rules.our\n");
        assert_eq!(words(&diff(&one, &one).unwrap()), "the releases say the same\n");
    }

    #[test]
    fn each_change_is_said_with_what_it_may_do() {
        let old = manifest(BEFORE, "package rules.our\n\ndeny contains 1 if input.a\n# end\n");
        let new = manifest(&after(), "package rules.our\n\ndeny contains 1 if input.b\n# end\n");
        let said = words(&diff(&old, &new).unwrap());
        for line in [
            "LOOSENS   rule builder-level@1: stages.production: enforce -> warn",
            "EITHER    rule builder-level@1: parameters.least: 2 -> 1",
            "LOOSENS   rule our@1: stages.production: warn -> off",
            "TIGHTENS  rule source-clean@1: stages.staging: warn -> enforce",
            "          rule source-clean@1: owner: (none) -> team",
            "          rule source-clean@1: controls: (none) -> [\"SOC2:CC8.1\"]",
            "TIGHTENS  rule sbom-present@1 added (production monitor)",
            "TIGHTENS  environment staging: enforced: false -> true",
            "LOOSENS   the release: expires: 2027-01-01T00:00:00Z -> 2028-01-01T00:00:00Z",
            "          the release: version: 1 -> 2",
            "EITHER    source git+https://example.org/a refs/heads/main: cut_from: (none) -> refs/heads/next",
            "EITHER    text rules/our/rule.rego changed",
            "      - deny contains 1 if input.a",
            "      + deny contains 1 if input.b",
            "3 may let pass what was refused, 3 may refuse what passed, 3 may do both",
        ] {
            assert!(said.contains(line), "{line}\n{said}");
        }
    }

    #[test]
    fn the_way_back_says_the_opposite() {
        let (old, new) = (manifest(BEFORE, "a"), manifest(&after(), "b"));
        let opposite = |effect| match effect {
            Effect::Loosens => Effect::Tightens,
            Effect::Tightens => Effect::Loosens,
            other @ (Effect::Either | Effect::Nothing) => other,
        };
        let (there, back) = (diff(&old, &new).unwrap(), diff(&new, &old).unwrap());
        assert_eq!(there.len(), back.len());
        for (there, back) in there.iter().zip(&back) {
            assert_eq!((&there.of, &there.field), (&back.of, &back.field));
            assert_eq!(opposite(there.effect), back.effect, "{}", there.of);
            assert_eq!((&there.before, &there.after), (&back.after, &back.before));
        }
    }

    /// Every place of a document at which a value stands, and the document with another value there.
    fn altered(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
        let mut inner = |name: &str, inner: &Value, put: &dyn Fn(Value) -> Value| {
            let mut deeper = Vec::new();
            altered(inner, &format!("{path}.{name}"), &mut deeper);
            out.extend(deeper.into_iter().map(|(path, other)| (path, put(other))));
        };
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    inner(name, field, &|other| {
                        let mut fields = fields.clone();
                        fields.insert(name.clone(), other);
                        Value::Object(fields)
                    });
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    inner(&at.to_string(), item, &|other| {
                        let mut items = items.clone();
                        items[at] = other;
                        Value::Array(items)
                    });
                }
            }
            Value::Bool(truth) => out.push((path.to_owned(), Value::Bool(!truth))),
            Value::Number(_) => out.push((path.to_owned(), Value::from(77))),
            Value::String(text) => {
                let other = match text.as_str() {
                    "enforce" => "warn".to_owned(),
                    "warn" | "off" | "monitor" => "enforce".to_owned(),
                    text if text.ends_with("00:00:00Z") => "2026-06-01T00:00:00Z".to_owned(),
                    text if text.len() == 71 && text.starts_with("sha256:") => format!("sha256:{}", "7".repeat(64)),
                    text => format!("{text}x"),
                };
                out.push((path.to_owned(), Value::String(other)));
            }
            Value::Null => {}
        }
    }

    #[test]
    fn no_field_of_a_manifest_changes_without_being_said() {
        let whole = manifest(&after(), "package rules.our\n");
        let value: Value = serde_json::from_slice(&whole.to_bytes().unwrap()).unwrap();
        let mut all = Vec::new();
        altered(&value, "", &mut all);
        let mut compared = 0;
        for (path, other) in all {
            // What a manifest cannot say, such as a text that is not its file's, is refused before it is compared.
            let Ok(other) = Manifest::from_value(other) else { continue };
            compared += 1;
            assert!(!diff(&whole, &other).unwrap().is_empty(), "{path}");
        }
        assert!(compared > 15, "{compared}");
    }

    #[test]
    fn a_field_that_is_not_known_is_shown_as_one_that_may_do_both() {
        let rule = |stage: Value| serde_json::json!([{ "id": "a@1", "stages": { "production": stage }, "new": stage }]);
        let mut changes = Vec::new();
        let ladder = serde_json::json!([{ "stage": "warn", "until": "2027-01-01" }]);
        rules(Some(&rule(Value::from("warn"))), Some(&rule(ladder)), &mut changes);
        let said: Vec<(&str, Effect)> = changes.iter().map(|change| (change.field.as_str(), change.effect)).collect();
        assert_eq!(said, [("new", Effect::Either), ("stages.production", Effect::Either)]);
    }
}
