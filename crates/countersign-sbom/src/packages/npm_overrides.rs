//! What a project's `package.json` says under `overrides`: other ranges in place of those that its packages ask for. A rule may hold
//! below some package alone, and for some of the ranges alone.

use super::npm::Object;
use super::npm_asks::Asked;
use super::npm_graph::Graph;
use super::npm_range::{is_version, satisfies};
use super::{PackagesError, malformed};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The most rules that are read.
const RULES: usize = 500;

pub(super) struct Overrides {
    rules: Vec<Rule>,
    by_name: BTreeMap<String, Vec<usize>>,
}

struct Rule {
    name: String,
    /// The range of what it changes: `*` for any.
    key: String,
    /// What is asked for in place of that: `*` for no change.
    value: String,
    /// The rule that it stands in, below whose package it holds.
    above: Option<usize>,
    /// Which places are below its own package, where other rules stand in it.
    below: Option<Vec<bool>>,
}

/// What the overrides say of a version that something has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    Nothing,
    /// A rule asks for it.
    Takes,
    /// A rule asks for another.
    Against(String),
}

impl Overrides {
    pub(super) fn of(manifest: &Value, path: &Path) -> Result<Self, PackagesError> {
        let mut all = Self { rules: Vec::new(), by_name: BTreeMap::new() };
        let first = manifest.get("overrides").and_then(Value::as_object);
        let mut waiting: Vec<(&Object, Option<usize>)> = first.into_iter().map(|object| (object, None)).collect();
        while let Some((object, above)) = waiting.pop() {
            for (key, value) in object.iter().filter(|(key, _)| *key != ".") {
                let at = all.rules.len();
                if at >= RULES {
                    return Err(malformed(path, "/overrides", &format!("more than the {RULES} rules that are read")));
                }
                let (name, range) = named(key);
                let inner = value.as_object();
                let inner_value = inner.map(|inner| inner.get(".").and_then(Value::as_str).unwrap_or(range));
                let Some(stated) = inner_value.or_else(|| value.as_str()) else { continue };
                waiting.extend(inner.map(|inner| (inner, Some(at))));
                let value = stated.strip_prefix('$').and_then(|name| own_range(manifest, name)).unwrap_or(stated);
                let below = inner.map(|_| Vec::new());
                all.by_name.entry(name.to_owned()).or_default().push(at);
                all.rules.push(Rule { name: name.to_owned(), key: any(range), value: any(value), above, below });
            }
        }
        Ok(all)
    }

    /// Finds out below which packages of the lock file each rule holds.
    pub(super) fn lay_over(&mut self, graph: &Graph<'_>) {
        // A rule comes after the one that it stands in.
        for at in 0..self.rules.len() {
            let Some(rule) = self.rules.get(at).filter(|rule| rule.below.is_some()) else { continue };
            let below = self.below(rule, graph);
            if let Some(rule) = self.rules.get_mut(at) {
                rule.below = Some(below);
            }
        }
    }

    /// Where a rule's package is, and all that can be reached from there.
    fn below(&self, rule: &Rule, graph: &Graph<'_>) -> Vec<bool> {
        let mut below = vec![false; graph.nodes.len()];
        let mut waiting = Vec::new();
        for (_, node) in graph.nodes.iter().enumerate().filter(|(from, _)| self.holds_at(rule, *from)) {
            let own = node.edges.iter().filter(|edge| edge.name == rule.name && may_meet(&rule.key, edge.range));
            waiting.extend(own.map(|edge| edge.to));
        }
        while let Some(at) = waiting.pop() {
            match below.get_mut(at) {
                Some(known) if !*known => *known = true,
                _ => continue,
            }
            waiting.extend(graph.nodes.get(at).into_iter().flat_map(|node| node.edges.iter().map(|edge| edge.to)));
        }
        below
    }

    /// Whether a rule may hold for what a package asks for.
    fn holds_at(&self, rule: &Rule, from: usize) -> bool {
        let Some(above) = rule.above else { return true };
        let below = self.rules.get(above).and_then(|above| above.below.as_ref());
        below.and_then(|below| below.get(from)).copied().unwrap_or_default()
    }

    /// What is said of a version. npm takes one that a rule asks for, and one within the package's own range that the rule does not
    /// speak of. Of several rules that may hold, any may be npm's choice.
    pub(super) fn word_on(&self, asked: &Asked<'_>, in_range: bool) -> Word {
        let own = self.by_name.get(asked.name).into_iter().flatten().filter_map(|at| self.rules.get(*at));
        let mut rules: Vec<&Rule> =
            own.filter(|rule| may_meet(&rule.key, asked.range) && self.holds_at(rule, asked.from)).collect();
        // What stands in the rule of the very package that asks comes before what stands outside.
        if rules.iter().any(|rule| self.is_of(rule, asked)) {
            rules.retain(|rule| rule.above.is_some());
        }
        let value = |rule: &Rule| match rule.value.strip_prefix('$') {
            Some(name) => range_in(asked.entry, name).map(str::to_owned),
            None => Some(rule.value.clone()),
        };
        let takes = |rule: &&Rule| {
            let value = value(rule).filter(|value| value != "*");
            value.map_or(rule.value == "*" && in_range, |value| satisfies(&value, asked.version) != Some(false))
        };
        if rules.iter().any(takes) {
            return Word::Takes;
        }
        // One that changes nothing says no more than the package's own range.
        rules.retain(|rule| rule.value != "*");
        match &rules[..] {
            [] => Word::Nothing,
            [only] if in_range => {
                let certain = only.above.is_none() || self.is_of(only, asked);
                let speaks = only.key == "*" || satisfies(&only.key, asked.version) == Some(true);
                if certain && speaks { Word::Against(only.value.clone()) } else { Word::Nothing }
            }
            _ if in_range => Word::Nothing,
            [first, ..] => Word::Against(first.value.clone()),
        }
    }

    /// Whether a rule stands in one of the project's for the very package that asks. npm goes by the first rule that fits what asks
    /// for that package: where several rules name it, none is certain.
    fn is_of(&self, rule: &Rule, asked: &Asked<'_>) -> bool {
        let Some(above) = rule.above.and_then(|above| self.rules.get(above)) else { return false };
        let version = asked.entry.get("version").and_then(Value::as_str).unwrap_or_default();
        let named = asked.place.rsplit("node_modules/").next() == Some(above.name.as_str());
        let alone = self.by_name.get(&above.name).is_some_and(|rules| rules.len() == 1);
        named && alone && above.above.is_none() && satisfies(&above.key, version) == Some(true)
    }
}

/// A rule's name, and the range behind it.
fn named(key: &str) -> (&str, &str) {
    let at = key.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
    at.and_then(|at| Some((key.get(..at)?, key.get(at..)?.strip_prefix('@')?))).unwrap_or((key, "*"))
}

fn any(range: &str) -> String {
    let range = range.trim();
    if range.is_empty() { "*".to_owned() } else { range.to_owned() }
}

/// What `$name` means: what the project itself asks for.
fn own_range<'m>(manifest: &'m Value, name: &str) -> Option<&'m str> {
    manifest.as_object().and_then(|manifest| range_in(manifest, name))
}

fn range_in<'e>(entry: &'e Object, name: &str) -> Option<&'e str> {
    ["devDependencies", "optionalDependencies", "dependencies", "peerDependencies"]
        .iter()
        .find_map(|key| entry.get(*key)?.get(name)?.as_str())
}

/// Whether a rule for one range may speak of what is asked for by another: whether they have a version in common. Of two ranges
/// that is not found out.
fn may_meet(key: &str, range: &str) -> bool {
    if is_version(range) {
        satisfies(key, range) != Some(false)
    } else if is_version(key) {
        satisfies(range, key) != Some(false)
    } else {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::npm::read;
    use serde_json::{Value, json};

    /// A project that asks for a, which asks for `b ~2.1.0`, with this version of b. What is said of it, or the error.
    fn judged(overrides: &Value, version: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let asks = json!({"name": "app", "dependencies": {"a": "1.0.0", "r": "2.2.0"}});
        let mut manifest = asks.clone();
        manifest["overrides"] = overrides.clone();
        std::fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
        let packages = json!({"": asks, "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "~2.1.0"}},
            "node_modules/b": {"version": version}, "node_modules/r": {"version": "2.2.0"}});
        std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
        let made = read(&path).map_err(|error| error.to_string())?;
        Ok(made.partial.into_iter().filter(|text| text.contains("overrides")).collect())
    }

    #[test]
    fn an_overridden_package_is_held_against_what_the_override_asks_for() {
        // Each with whether npm 11 takes 2.1.2, which is in the range, and 2.2.0 and 1.0.0, which are not.
        for (overrides, wanted) in [
            (json!({}), "100"),
            (json!({"b": "2.2.0"}), "010"),
            (json!({"b": {".": "2.2.0"}}), "010"),
            (json!({"b": "^2.2.0"}), "010"),
            (json!({"b": "2.1.2"}), "100"),
            (json!({"b": ""}), "100"),
            (json!({"b": {"c": "1"}}), "100"),
            (json!({"b": "$r"}), "010"),
            (json!({"b": "$b"}), "100"),
            (json!({"b": "$gone"}), "000"),
            (json!({"b@2": "2.2.0"}), "010"),
            (json!({"b@2.1.3": "2.2.0"}), "110"),
            (json!({"b@1.0.0": "2.2.0"}), "100"),
            (json!({"a": {"b": "2.2.0"}}), "010"),
            (json!({"a": {"b": ""}, "b": "2.2.0"}), "100"),
            (json!({"b": "1.0.0", "a": {"b": "2.2.0"}}), "010"),
            (json!({"a@1.0.0": {"b": "2.2.0"}}), "010"),
            (json!({"a@2": {"b": "2.2.0"}}), "100"),
            (json!({"foo": {"b": "2.2.0"}}), "100"),
            (json!({"foo": {"a": {"b": "2.2.0"}}}), "100"),
            (json!({"b": {"b": "2.2.0"}}), "100"),
        ] {
            let taken = |version| if judged(&overrides, version).is_ok() { '1' } else { '0' };
            let found: String = ["2.1.2", "2.2.0", "1.0.0"].into_iter().map(taken).collect();
            assert_eq!(found, wanted, "{overrides}");
        }
    }

    #[test]
    fn what_stands_in_one_of_several_rules_for_a_package_is_not_certain() {
        // npm takes 2.1.2 with each of them: another rule comes first for a, or may.
        for overrides in [
            json!({"a": "$a", "a@1": {"b": "npm:b@2.2.0"}}),
            json!({"a": "1.0.0", "a@1.0.0": {"b": "2.2.0"}}),
            json!({"foo": {"a": "1.0.0"}, "a": {"b": "2.2.0"}}),
        ] {
            assert!(judged(&overrides, "2.1.2").is_ok(), "{overrides}");
            assert!(judged(&overrides, "1.0.0").is_err(), "{overrides}");
        }
    }

    #[test]
    fn what_an_override_changes_and_what_it_does_not_allow_are_told() {
        let none: [String; 0] = [];
        assert_eq!(judged(&json!({"b": "2.1.2"}), "2.1.2").unwrap(), none);
        let said = "1 packages have a version that is not in the range which asks for them, since package.json overrides it (b 2.2.0)";
        assert_eq!(judged(&json!({"b": "2.2.0"}), "2.2.0").unwrap(), [said]);
        let error = judged(&json!({"b": "2.2.0"}), "2.1.2").unwrap_err();
        assert!(
            error.contains(
                "it asks for b ~2.1.0 (which package.json overrides with 2.2.0), and the lock file has 2.1.2"
            ),
            "{error}"
        );
        let many: serde_json::Map<String, Value> =
            (0..=super::RULES).map(|number| (format!("x{number}"), json!("1"))).collect();
        assert!(judged(&Value::Object(many), "2.1.2").unwrap_err().contains("more than the 500 rules"));
    }
}
