//! What a project's `package.json` says under `overrides`: other ranges in place of those that its packages ask for. A rule may hold
//! below some package alone, and for some of the ranges alone.

use super::npm::Object;
use super::npm_asks::Asked;
use super::npm_graph::Graph;
use super::npm_range::{Spec, satisfies, whole};
use super::{PackagesError, malformed, public};
use countersign_core::limits;
use semver::Version;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) struct Overrides {
    rules: Vec<Rule>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// By name and range of what is asked for, the rules that it may meet: many packages ask for the same.
    met: BTreeMap<(String, String), Vec<usize>>,
}

struct Rule {
    name: String,
    /// The range of what it changes: `*` for any.
    key: Text,
    /// What is asked for in place of that.
    value: Text,
    /// Whether it asks for nothing else: npm means that by a `*` that stands there, and not by one that `$name` stands for.
    unchanged: bool,
    /// The rule that it stands in, below whose package it holds.
    above: Option<usize>,
    /// Which places are below its own package, where other rules stand in it.
    below: Option<Vec<bool>>,
}

/// What stands in a rule: it is read once, since a project may have as many packages that ask as it likes.
struct Text {
    text: String,
    spec: Spec,
}

/// What the overrides say of a version that something has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    Nothing,
    /// A rule asks for it.
    Takes,
    /// A rule asks for what no version is held against: a tag, a folder, a repository.
    Unread(String),
    /// A rule asks for another.
    Against(String),
}

impl Overrides {
    pub(super) fn of(manifest: &Value, path: &Path) -> Result<Self, PackagesError> {
        let mut all = Self { rules: Vec::new(), by_name: BTreeMap::new(), met: BTreeMap::new() };
        let first = manifest.get("overrides").and_then(Value::as_object);
        let mut waiting: Vec<(&Object, Option<usize>)> = first.into_iter().map(|object| (object, None)).collect();
        while let Some((object, above)) = waiting.pop() {
            for (key, value) in object.iter().filter(|(key, _)| *key != ".") {
                let at = all.rules.len();
                if at >= limits::NPM_OVERRIDES {
                    return Err(malformed(
                        path,
                        "/overrides",
                        &format!("more than the {} rules that are read", limits::NPM_OVERRIDES),
                    ));
                }
                let (name, range) = named(key);
                let inner = value.as_object();
                let inner_value = inner.map(|inner| inner.get(".").and_then(Value::as_str).unwrap_or(range));
                let Some(stated) = inner_value.or_else(|| value.as_str()) else { continue };
                waiting.extend(inner.map(|inner| (inner, Some(at))));
                let unchanged = matches!(stated.trim(), "" | "*");
                let value = stated.strip_prefix('$').and_then(|name| own_range(manifest, name)).unwrap_or(stated);
                let below = inner.map(|_| Vec::new());
                all.by_name.entry(name.to_owned()).or_default().push(at);
                all.rules.push(Rule {
                    name: name.to_owned(),
                    key: any(range),
                    value: any(value),
                    unchanged,
                    above,
                    below,
                });
            }
        }
        Ok(all)
    }

    /// Finds out below which packages of the lock file each rule holds.
    pub(super) fn lay_over(&mut self, graph: &Graph<'_>) {
        if self.rules.iter().all(|rule| rule.below.is_none()) {
            return;
        }
        let edges = graph.nodes.iter().flat_map(|node| &node.edges);
        let named = edges.filter(|edge| self.by_name.contains_key(edge.name));
        let read: BTreeMap<&str, Spec> = named.map(|edge| (edge.range, Spec::of(edge.range))).collect();
        // A rule comes after the one that it stands in.
        for at in 0..self.rules.len() {
            let Some(rule) = self.rules.get(at).filter(|rule| rule.below.is_some()) else { continue };
            let below = self.below(rule, graph, &read);
            if let Some(rule) = self.rules.get_mut(at) {
                rule.below = Some(below);
            }
        }
    }

    /// Where a rule's package is, and all that can be reached from there.
    fn below(&self, rule: &Rule, graph: &Graph<'_>, read: &BTreeMap<&str, Spec>) -> Vec<bool> {
        let mut below = vec![false; graph.nodes.len()];
        let mut waiting = Vec::new();
        let mut met: BTreeMap<&str, bool> = BTreeMap::new();
        for (_, node) in graph.nodes.iter().enumerate().filter(|(from, _)| self.holds_at(rule, *from)) {
            for edge in node.edges.iter().filter(|edge| edge.name == rule.name) {
                let may_meet = || read.get(edge.range).is_none_or(|range| rule.key.spec.may_meet(range));
                if *met.entry(edge.range).or_insert_with(may_meet) {
                    waiting.push(edge.to);
                }
            }
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
    pub(super) fn word_on(&mut self, asked: &Asked<'_>, in_range: bool) -> Word {
        let met = self.met(asked);
        let version = whole(asked.version);
        let own = met.iter().filter_map(|at| self.rules.get(*at));
        let mut rules: Vec<&Rule> = own.filter(|rule| self.holds_at(rule, asked.from)).collect();
        // What stands in the rule of the very package that asks comes before what stands outside.
        if rules.iter().any(|rule| self.is_of(rule, asked)) {
            rules.retain(|rule| rule.above.is_some());
        }
        let mut unread = None;
        for rule in &rules {
            match rule.takes(asked, version.as_ref(), in_range) {
                Some(true) => return Word::Takes,
                Some(false) => {}
                None => unread = unread.or(Some(*rule)),
            }
        }
        if let Some(rule) = unread {
            return Word::Unread(format!("{} {}", rule.name, shown(&rule.value.text)));
        }
        // One that changes nothing says no more than the package's own range.
        rules.retain(|rule| !rule.unchanged);
        match &rules[..] {
            [] => Word::Nothing,
            [only] if in_range => {
                let certain = only.above.is_none() || self.is_of(only, asked);
                let speaks = only.key.spec.takes(version.as_ref()) == Some(true);
                if certain && speaks { Word::Against(shown(&only.value.text)) } else { Word::Nothing }
            }
            _ if in_range => Word::Nothing,
            [first, ..] => Word::Against(shown(&first.value.text)),
        }
    }

    /// The rules that may speak of what a package asks for.
    fn met(&mut self, asked: &Asked<'_>) -> Vec<usize> {
        let Some(named) = self.by_name.get(asked.name) else { return Vec::new() };
        let key = (asked.name.to_owned(), asked.range.to_owned());
        if let Some(known) = self.met.get(&key) {
            return known.clone();
        }
        let range = Spec::of(asked.range);
        let meets = |at: &usize| self.rules.get(*at).is_some_and(|rule| rule.key.spec.may_meet(&range));
        let met: Vec<usize> = named.iter().copied().filter(meets).collect();
        if self.met.len() >= limits::NPM_OVERRIDES_KEPT {
            self.met.clear();
        }
        self.met.insert(key, met.clone());
        met
    }

    /// Whether a rule stands in one of the project's for the very package that asks. npm goes by the first rule that fits what asks
    /// for that package: where several rules name it, none is certain.
    fn is_of(&self, rule: &Rule, asked: &Asked<'_>) -> bool {
        let Some(above) = rule.above.and_then(|above| self.rules.get(above)) else { return false };
        let version = asked.entry.get("version").and_then(Value::as_str).unwrap_or_default();
        let named = asked.place.rsplit("node_modules/").next() == Some(above.name.as_str());
        let alone = self.by_name.get(&above.name).is_some_and(|rules| rules.len() == 1);
        named && alone && above.above.is_none() && above.key.spec.takes(whole(version).as_ref()) == Some(true)
    }
}

impl Rule {
    /// Whether it lets a version through. `None` where what it asks for is not read.
    fn takes(&self, asked: &Asked<'_>, version: Option<&Version>, in_range: bool) -> Option<bool> {
        if self.unchanged {
            return Some(in_range);
        }
        let value = self.value.text.as_str();
        if let Some(name) = value.strip_prefix('$') {
            let range = range_in(asked.entry, name);
            return range.map_or(Some(false), |range| satisfies(range, asked.version));
        }
        // An archive is taken from that very address, however it is spelt. npm may leave the address out of the lock file.
        if is_archive(value) {
            return asked.resolved.map(|resolved| is_same_address(value, resolved));
        }
        self.value.spec.takes(version)
    }
}

/// Whether a text is the address of an archive, and of nothing that npm would take for a repository.
fn is_archive(text: &str) -> bool {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    is_address && [".tgz", ".tar.gz"].iter().any(|end| text.ends_with(end))
}

/// Whether the lock file's address is the one that a rule asks for. npm puts the registry that it is set to, a mirror for one, in place
/// of the public one: of that, the path counts.
fn is_same_address(asked: &str, resolved: &str) -> bool {
    let (Some(asked), Some(resolved)) = (Address::of(asked), Address::of(resolved)) else { return asked == resolved };
    if asked == resolved {
        return true;
    }
    // A mirror may lie below a path of its own, but the path of a scope is that of another package.
    let below = resolved.path.strip_suffix(asked.path);
    let scoped = |before: &str| before.rsplit('/').next().is_some_and(|last| last.starts_with(['@', '%']));
    asked.host == "registry.npmjs.org" && asked.user.is_none() && below.is_some_and(|before| !scoped(before))
}

/// An address in parts, as far as two spellings of one may differ in them.
#[derive(PartialEq, Eq)]
struct Address<'a> {
    scheme: String,
    user: Option<&'a str>,
    host: String,
    /// With all that stands behind it.
    path: &'a str,
}

impl<'a> Address<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
        let port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let host = host.strip_suffix(port).unwrap_or(&host).to_owned();
        Some(Self { scheme, user, host, path })
    }
}

/// What a rule asks for, in words that hold no password.
fn shown(value: &str) -> String {
    if value.contains("://") { public(value).unwrap_or_else(|| "an address".to_owned()) } else { value.to_owned() }
}

/// A rule's name, and the range behind it.
fn named(key: &str) -> (&str, &str) {
    let at = key.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
    at.and_then(|at| Some((key.get(..at)?, key.get(at..)?.strip_prefix('@')?))).unwrap_or((key, "*"))
}

fn any(range: &str) -> Text {
    let range = range.trim();
    let text = if range.is_empty() { "*" } else { range };
    Text { text: text.to_owned(), spec: Spec::of(text) }
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

#[cfg(test)]
mod tests {
    use super::super::npm::read;
    use super::super::npm_asks::Asked;
    use super::Overrides;
    use countersign_core::limits;
    use serde_json::{Value, json};

    /// A project that asks for a, which asks for `b ~2.1.0`, with this version of b. What is said of it, or the error.
    fn judged(overrides: &Value, version: &str) -> Result<Vec<String>, String> {
        judged_from(&format!("https://example.com/b-{version}.tgz"), "2.2.0", overrides, version)
    }

    /// The same, with b from this address, where the project asks for this of r.
    fn judged_from(resolved: &str, r: &str, overrides: &Value, version: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let asks = json!({"name": "app", "dependencies": {"a": "1.0.0", "r": r}});
        let mut manifest = asks.clone();
        manifest["overrides"] = overrides.clone();
        std::fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
        let packages = json!({"": asks, "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "~2.1.0"}},
            "node_modules/b": {"version": version, "resolved": resolved}, "node_modules/r": {"version": "2.2.0"}});
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
            (json!({"b@<2": "1.0.0"}), "100"),
            (json!({"b@>=2.2": "2.2.0"}), "100"),
            (json!({"b": "https://example.com/b-1.0.0.tgz"}), "001"),
        ] {
            let taken = |version| if judged(&overrides, version).is_ok() { '1' } else { '0' };
            let found: String = ["2.1.2", "2.2.0", "1.0.0"].into_iter().map(taken).collect();
            assert_eq!(found, wanted, "{overrides}");
        }
    }

    #[test]
    fn an_archive_is_taken_from_the_address_that_is_asked_for_in_any_spelling_and_from_a_mirror() {
        let public = "https://registry.npmjs.org/b/-/b-2.1.2.tgz";
        for (asked, resolved, wanted) in [
            (public, public, true),
            ("https://Registry.npmjs.org:443/b/-/b-2.1.2.tgz", public, true),
            (public, "http://127.0.0.1:8765/b/-/b-2.1.2.tgz", true),
            (public, "https://example.com/api/npm/b/-/b-2.1.2.tgz", true),
            (public, "https://example.com/@other/b/-/b-2.1.2.tgz", false),
            (public, "https://registry.npmjs.org/b/-/B-2.1.2.tgz", false),
            (public, "https://registry.npmjs.org/b/-/b-2.1.1.tgz", false),
            ("https://example.com/b/-/b-2.1.2.tgz", "https://Example.com/b/-/b-2.1.2.tgz", true),
            ("https://example.com/b/-/b-2.1.2.tgz", "http://example.com/b/-/b-2.1.2.tgz", false),
            ("https://example.com/b/-/b-2.1.2.tgz", "https://example.org/b/-/b-2.1.2.tgz", false),
            ("https://example.com/b/-/b-2.1.2.tgz", "https://example.com:8443/b/-/b-2.1.2.tgz", false),
            ("https://registry.npmjs.org@example.com/b/-/b-2.1.2.tgz", "https://example.org/b/-/b-2.1.2.tgz", false),
        ] {
            assert_eq!(super::is_same_address(asked, resolved), wanted, "{asked} {resolved}");
        }
        let of = |resolved: &str| judged_from(resolved, "2.2.0", &json!({"b": public}), "2.1.2").is_ok();
        assert!(of("http://127.0.0.1:8765/b/-/b-2.1.2.tgz"));
        assert!(!of("http://127.0.0.1:8765/other/b-2.1.2.tgz"));
    }

    #[test]
    fn any_version_that_a_name_stands_for_is_another_thing_than_no_change() {
        let taken = |r: &str, overrides: Value| {
            let of = |version: &str| judged_from("https://example.com/b.tgz", r, &overrides, version).is_ok();
            ["2.1.2", "2.2.0", "1.0.0"].map(of)
        };
        assert_eq!(taken("*", json!({"b": "$r"})), [true; 3]);
        assert_eq!(taken("*", json!({"b": "*"})), [true, false, false]);
        assert_eq!(taken("2.2.0", json!({"b": "$r"})), [false, true, false]);
    }

    #[test]
    fn which_rules_a_range_meets_is_found_out_once_and_kept_within_bounds() {
        let manifest = json!({"overrides": {"b@1": "1.0.0", "b@2": "2.2.0"}});
        let mut overrides = Overrides::of(&manifest, std::path::Path::new("package.json")).unwrap();
        let entry = serde_json::Map::new();
        let mut met = |name: &str, range: &str| {
            let (place, version) = ("node_modules/a", "2.1.2");
            let met = overrides.met(&Asked { from: 0, place, entry: &entry, name, range, version, resolved: None });
            (met, overrides.met.len())
        };
        assert_eq!(met("b", "^2.1.0"), (vec![1], 1));
        assert_eq!(met("b", "^2.1.0"), (vec![1], 1));
        assert_eq!(met("b", ">=1"), (vec![0, 1], 2));
        assert_eq!(met("c", ">=1"), (vec![], 2), "no rule is for it");
        let most = (0..limits::NPM_OVERRIDES_KEPT).map(|number| met("b", &format!("^2.{number}")).1).max();
        assert_eq!((most, met("b", "^2.1.0").0), (Some(limits::NPM_OVERRIDES_KEPT), vec![1]));
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
        let archive = |address: &str| judged(&json!({"b": address}), "2.1.2");
        assert!(!archive("https://u:p@example.com/b-2.1.2.tgz").unwrap_err().contains("u:p"));
        let unread = "1 overrides ask for what no version is held against, such as a tag or a folder (b latest)";
        assert_eq!(judged(&json!({"b": "latest"}), "1.0.0").unwrap(), [unread]);
        let many: serde_json::Map<String, Value> =
            (0..=limits::NPM_OVERRIDES).map(|number| (format!("x{number}"), json!("1"))).collect();
        assert!(judged(&Value::Object(many), "2.1.2").unwrap_err().contains("more than the 500 rules"));
    }
}
