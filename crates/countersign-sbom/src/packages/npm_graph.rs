//! Who leads to whom in npm's lock file, by the folders that packages are installed in, and how needed each is by that. What the
//! lock file itself says of that (`dev`, `optional`, `peer`, `extraneous`) decides nothing: npm, too, reckons it anew.

use super::npm::{Object, flag, is_own};
use super::npm_asks::may_miss_peer;
use super::npm_places::Found;
use crate::bom::Scope;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How a package asks for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Peer,
    OptionalPeer,
    Needed,
    Optional,
    Dev,
}

impl How {
    pub(super) const fn scope(self) -> Scope {
        match self {
            Self::Peer | Self::Needed => Scope::Required,
            Self::OptionalPeer | Self::Optional => Scope::Optional,
            Self::Dev => Scope::Excluded,
        }
    }

    pub(super) const fn is_peer(self) -> bool {
        matches!(self, Self::Peer | Self::OptionalPeer)
    }

    /// Whether it has to be in the lock file. Peers are not where npm takes no notice of them.
    pub(super) const fn must(self) -> bool {
        matches!(self, Self::Needed | Self::Dev)
    }
}

pub(super) struct Edge<'l> {
    pub(super) name: &'l str,
    /// The range of versions, or whatever else stands there.
    pub(super) range: &'l str,
    pub(super) how: How,
    pub(super) to: usize,
}

/// How needed a package is by all the ways that lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) scope: Scope,
    /// Whether each way has a dependency in it that is optional.
    pub(super) optional: bool,
    /// Whether each way has a peer in it.
    pub(super) peer: bool,
}

impl Need {
    const PLAIN: Self = Self { scope: Scope::Required, optional: false, peer: false };

    fn through(self, how: How) -> Self {
        Self {
            scope: self.scope.max(how.scope()),
            optional: self.optional || how.scope() == Scope::Optional,
            peer: self.peer || how.is_peer(),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            scope: self.scope.min(other.scope),
            optional: self.optional && other.optional,
            peer: self.peer && other.peer,
        }
    }
}

pub(super) struct Node<'l> {
    pub(super) place: &'l str,
    pub(super) entry: &'l Object,
    pub(super) edges: Vec<Edge<'l>>,
    /// What it asks for, and the lock file does not have where Node would look.
    pub(super) missing: Vec<(&'l str, How)>,
    /// Whether it lies in another package's archive.
    pub(super) bundled: bool,
    /// Whether another package's own lock file laid it down.
    pub(super) locked: bool,
    /// What lies in its archive.
    carried: Vec<usize>,
    need: Option<Need>,
}

/// What npm installs: whatever the project needs, through any chain, with what lies in the archive of such a package. Others may
/// stand in the lock file; npm takes no notice of them.
pub(super) struct Graph<'l> {
    pub(super) packages: &'l Object,
    /// The project comes first.
    pub(super) nodes: Vec<Node<'l>>,
    known: BTreeMap<&'l str, usize>,
    found: Found<'l>,
}

impl<'l> Graph<'l> {
    pub(super) fn of(packages: &'l Object, workspaces: &BTreeSet<&'l str>) -> Self {
        let mut within: BTreeMap<&str, Vec<&'l str>> = BTreeMap::new();
        for (place, entry) in packages.iter().filter_map(|(place, entry)| Some((place, entry.as_object()?))) {
            if let Some((package, _)) = place.rsplit_once("/node_modules/").filter(|(package, _)| !is_own(package))
                && flag(entry, "inBundle")
            {
                within.entry(package).or_default().push(place);
            }
        }
        let mut graph = Self { packages, nodes: Vec::new(), known: BTreeMap::new(), found: Found::of(packages) };
        graph.number("");
        let mut next = 0_usize;
        while let Some((place, entry)) = graph.nodes.get(next).map(|node| (node.place, node.entry)) {
            let (mut edges, missing) = graph.leads(place, entry);
            if place.is_empty() {
                edges.extend(workspaces.iter().filter_map(|folder| graph.workspace(folder)));
            }
            let carried = within.get(place).into_iter().flatten().filter_map(|place| graph.number(place)).collect();
            if let Some(node) = graph.nodes.get_mut(next) {
                node.edges = edges;
                node.missing = missing;
                node.carried = carried;
            }
            next = next.saturating_add(1);
        }
        graph.reckon();
        graph
    }

    /// How needed what lies at a place is. `None` where nothing leads there.
    pub(super) fn need(&self, place: &str) -> Option<Need> {
        self.known.get(place).and_then(|at| self.nodes.get(*at)).and_then(|node| node.need)
    }

    /// Whether npm may leave out what a package needs: what is not needed in any case itself, and what comes in an archive.
    pub(super) fn may_lack(node: &Node<'_>) -> bool {
        node.need.is_some_and(|need| need.optional || need.peer) || node.bundled
    }

    /// The number of a place, which it gets where it has none.
    fn number(&mut self, place: &str) -> Option<usize> {
        if let Some(at) = self.known.get(place) {
            return Some(*at);
        }
        let (place, entry) = package(self.packages, place)?;
        let at = self.nodes.len();
        let (bundled, locked) = (is_bundled(self.packages, place), is_locked(self.packages, place));
        let (edges, missing, carried) = (Vec::new(), Vec::new(), Vec::new());
        self.nodes.push(Node { place, entry, edges, missing, bundled, locked, carried, need: None });
        self.known.insert(place, at);
        Some(at)
    }

    fn leads(&mut self, place: &'l str, entry: &'l Object) -> (Vec<Edge<'l>>, Vec<(&'l str, How)>) {
        let (mut edges, mut missing) = (Vec::new(), Vec::new());
        for (name, (how, range)) in asked(entry, is_own(place)) {
            match self.found.target(place, name).and_then(|target| self.number(target)) {
                Some(to) => edges.push(Edge { name, range, how, to }),
                None => missing.push((name, how)),
            }
        }
        if !missing.is_empty() {
            // npm takes names that differ in case alone for one: of two that a package asks for, one is there.
            let found: BTreeSet<String> = edges.iter().map(|edge| edge.name.to_lowercase()).collect();
            missing.retain(|(name, _)| !found.contains(&name.to_lowercase()));
        }
        (edges, missing)
    }

    /// A project needs its workspaces, as npm installs them: nothing else leads to most of them.
    fn workspace(&mut self, folder: &'l str) -> Option<Edge<'l>> {
        let to = self.number(folder)?;
        let named = self.nodes.get(to).and_then(|node| node.entry.get("name")).and_then(Value::as_str);
        let name = named.unwrap_or_else(|| folder.rsplit('/').next().unwrap_or(folder));
        Some(Edge { name, range: "", how: How::Needed, to })
    }

    fn reckon(&mut self) {
        self.walk(vec![(0, Need::PLAIN)]);
        // What nothing leads to within an archive is as needed as the package whose archive it is.
        loop {
            let unknown = |at: &usize| self.nodes.get(*at).is_some_and(|node| node.need.is_none());
            let carriers = self.nodes.iter().filter_map(|node| Some((node, node.need?)));
            let more: Vec<(usize, Need)> = carriers
                .flat_map(|(node, need)| node.carried.iter().copied().filter(unknown).map(move |at| (at, need)))
                .collect();
            if more.is_empty() {
                return;
            }
            self.walk(more);
        }
    }

    fn walk(&mut self, mut waiting: Vec<(usize, Need)>) {
        while let Some((at, need)) = waiting.pop() {
            let Some(node) = self.nodes.get_mut(at) else { continue };
            let all = node.need.map_or(need, |known| known.or(need));
            if node.need == Some(all) {
                continue;
            }
            node.need = Some(all);
            waiting.extend(node.edges.iter().map(|edge| (edge.to, all.through(edge.how))));
        }
    }
}

/// What a package asks for, as npm reads it: where it asks for one thing under two keys, the later key counts.
pub(super) fn asked(entry: &Object, own: bool) -> BTreeMap<&str, (How, &str)> {
    let mut asked = BTreeMap::new();
    for (key, how) in [
        ("peerDependencies", How::Peer),
        ("dependencies", How::Needed),
        ("optionalDependencies", How::Optional),
        ("devDependencies", How::Dev),
    ] {
        if how == How::Dev && !own {
            continue;
        }
        for (name, range) in entry.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter) {
            let how = if how == How::Peer && may_miss_peer(entry, name) { How::OptionalPeer } else { how };
            asked.insert(name.as_str(), (how, range.as_str().unwrap_or_default()));
        }
    }
    asked
}

/// What lies at a place, where it is no link.
pub(super) fn package<'l>(packages: &'l Object, place: &str) -> Option<(&'l str, &'l Object)> {
    let (place, entry) = packages.get_key_value(place)?;
    let entry = entry.as_object().filter(|entry| !flag(entry, "link"))?;
    Some((place.as_str(), entry))
}

/// Whether a place is outside of the project's folder.
pub(super) fn is_outside(place: &str) -> bool {
    place == ".." || place.starts_with("../") || place.starts_with('/') || place.get(1..2) == Some(":")
}

/// Whether a place is in another package's archive. That it is said to be is not enough: a package above has to bring such. npm says it
/// also of what the project itself bundles, which comes from a registry like all else.
pub(super) fn is_bundled(packages: &Object, place: &str) -> bool {
    let entry = |place: &str| packages.get(place).and_then(Value::as_object);
    if !entry(place).is_some_and(|entry| flag(entry, "inBundle")) {
        return false;
    }
    let mut above = place;
    while let Some((package, _)) = above.rsplit_once("/node_modules/") {
        if !is_own(package) && entry(package).is_some_and(brings) {
            return true;
        }
        above = package;
    }
    false
}

/// Whether a package above a place has a lock file of its own.
fn is_locked(packages: &Object, place: &str) -> bool {
    let mut above = place;
    while let Some((package, _)) = above.rsplit_once("/node_modules/") {
        let entry = packages.get(package).and_then(Value::as_object);
        if entry.is_some_and(|entry| flag(entry, "hasShrinkwrap")) {
            return true;
        }
        above = package;
    }
    false
}

fn brings(entry: &Object) -> bool {
    let listed = entry.get("bundleDependencies").or_else(|| entry.get("bundledDependencies"));
    match listed {
        Some(Value::Bool(all)) => *all,
        Some(Value::Array(names)) => !names.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Made;
    use super::super::npm_scene::{edges, lock};
    use super::*;
    use serde_json::json;

    fn scopes(made: &Made) -> Vec<(&str, Scope)> {
        made.bom.items.iter().map(|item| (item.name.as_str(), item.scope)).collect()
    }

    #[test]
    fn what_a_lock_file_calls_for_development_or_optional_counts_by_what_needs_it() {
        for (flag, said) in
            [("dev", true), ("optional", true), ("devOptional", true), ("peer", false), ("extraneous", false)]
        {
            let made = lock(&json!({"": {"name": "app", "dependencies": {"a": "1"}},
                "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}, flag: true},
                "node_modules/b": {"version": "1.0.0", flag: true}}))
            .unwrap();
            assert_eq!(scopes(&made), [("a", Scope::Required), ("b", Scope::Required)], "{flag}");
            let told = made.partial.iter().any(|text| {
                text == "2 packages are called optional or for development in the lock file, and are needed all the same, \
                         as npm finds out anew (a 1.0.0, b 1.0.0)"
            });
            assert_eq!(told, said, "{:?}", made.partial);
        }
    }

    #[test]
    fn scopes_are_those_that_npm_finds_out() {
        let made = lock(&json!({"": {"name": "app", "dependencies": {"a": "1", "both": "1", "maybe": "1"},
                "devDependencies": {"both": "1", "d": "1"}, "optionalDependencies": {"maybe": "1", "o": "1"},
                "peerDependencies": {"p": "1"}},
            "node_modules/a": {"version": "1.0.0", "optionalDependencies": {"c": "1"},
                "peerDependencies": {"q": "1"}, "peerDependenciesMeta": {"q": {"optional": true}}},
            "node_modules/both": {"version": "1.0.0"},
            "node_modules/c": {"version": "1.0.0"},
            "node_modules/d": {"version": "1.0.0", "dependencies": {"a": "1", "e": "1"}},
            "node_modules/e": {"version": "1.0.0", "dependencies": {"o": "1"}},
            "node_modules/maybe": {"version": "1.0.0"},
            "node_modules/o": {"version": "1.0.0"},
            "node_modules/p": {"version": "1.0.0"},
            "node_modules/q": {"version": "1.0.0"},
        }))
        .unwrap();
        let (needed, maybe, dev) = (Scope::Required, Scope::Optional, Scope::Excluded);
        let wanted = [
            ("a", needed),
            ("both", dev),
            ("c", maybe),
            ("d", dev),
            ("e", dev),
            ("maybe", maybe),
            ("o", maybe),
            ("p", needed),
            ("q", maybe),
        ];
        assert_eq!(scopes(&made), wanted);
        assert!(!made.partial.iter().any(|text| text.contains("needed all the same")), "{:?}", made.partial);
    }

    #[test]
    fn what_is_missing_is_refused_unless_its_package_is_not_needed_in_any_case() {
        let with = |key: &str, entry: &Value| {
            let mut a = json!({"version": "1.0.0", "dependencies": {"b": "1"}});
            a.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
            lock(&json!({"": {"name": "app", key: {"a": "1"}, "bundleDependencies": ["a"]}, "node_modules/a": a}))
        };
        for flag in ["peer", "optional", "devOptional", "inBundle", "dev"] {
            let error = with("dependencies", &json!({flag: true})).unwrap_err().to_string();
            assert!(error.contains("it needs b, which the lock file does not have"), "{flag}: {error}");
        }
        for key in ["optionalDependencies", "peerDependencies"] {
            let made = with(key, &json!({})).unwrap();
            assert!(made.partial[0].contains("1 dependencies that may be left out"), "{:?}", made.partial);
            assert_eq!(made.bom.aggregates["pkg:npm/a@1.0.0"], "incomplete", "{key}");
            assert_eq!(made.bom.aggregates["path:app"], "complete", "{key}");
        }
    }

    #[test]
    fn what_is_said_to_lie_in_an_archive_lies_there_where_a_package_brings_it() {
        let packages = json!({"": {"bundleDependencies": ["a"]}, "node_modules/a": {"inBundle": true, "bundleDependencies": ["b"]},
            "node_modules/a/node_modules/b": {"inBundle": true}, "node_modules/a/node_modules/b/node_modules/c": {"inBundle": true},
            "node_modules/a/node_modules/d": {}, "node_modules/e/node_modules/f": {"inBundle": true}, "node_modules/e": {}});
        let packages = packages.as_object().unwrap();
        let bundled: Vec<&str> =
            packages.keys().map(String::as_str).filter(|place| is_bundled(packages, place)).collect();
        assert_eq!(bundled.len(), 2, "{bundled:?}");
        assert!(bundled.iter().all(|place| place.starts_with("node_modules/a/node_modules/b")), "{bundled:?}");
    }

    #[test]
    fn a_workspace_is_there_whatever_its_entry_says() {
        let made = lock(&json!({"": {"name": "app", "workspaces": ["packages/{a,b}"], "devDependencies": {"b": "*"}},
            "node_modules/a": {"resolved": "packages/a", "link": true},
            "node_modules/b": {"resolved": "packages/b", "link": true},
            "node_modules/ms": {"version": "2.1.3"},
            "node_modules/x": {"resolved": "x", "link": true},
            "packages/a": {"version": "1.0.0", "extraneous": true, "dependencies": {"ms": "2.1.3"}},
            "packages/b": {"version": "1.0.0", "dev": true},
            "x": {"version": "1.0.0"},
        }))
        .unwrap();
        assert_eq!(edges(&made, "path:app"), ["path:a@1.0.0", "path:b@1.0.0"]);
        let needed = Scope::Required;
        assert_eq!(scopes(&made), [("a", needed), ("b", needed), ("ms", needed)]);
        assert!(made.bom.only_dev.is_empty());
        assert!(made.partial.iter().any(|text| text.contains("left out (x 1.0.0)")), "{:?}", made.partial);
    }

    #[test]
    fn a_folder_outside_of_the_project_finds_nothing_in_it() {
        let of = |outside: &Value| {
            lock(&json!({"": {"name": "app", "dependencies": {"out": "file:../outside", "ms": "2.1.3"}},
                "../outside": outside,
                "../outside/node_modules/near": {"version": "1.0.0"},
                "../node_modules/above": {"version": "1.0.0"},
                "node_modules/ms": {"version": "2.1.3"},
                "node_modules/out": {"resolved": "../outside", "link": true}}))
            .unwrap()
        };
        let version = |range: &str| json!({"name": "out", "version": "1.0.0", "dependencies": {"ms": range}});
        for range in ["^2.0.0", "2.0.0"] {
            let made = of(&version(range));
            assert!(edges(&made, "path:out@1.0.0").is_empty());
            assert_eq!(made.bom.aggregates["path:out@1.0.0"], "incomplete");
            let said = "1 dependencies of folders outside of the project's are not in the lock file, and npm installs nothing for \
                        them (ms of path:out@1.0.0)";
            assert!(made.partial.iter().any(|text| text == said), "{:?}", made.partial);
        }
        let made = of(&json!({"name": "out", "version": "1.0.0", "dependencies": {"near": "1", "above": "1"}}));
        assert_eq!(edges(&made, "path:out@1.0.0"), ["pkg:npm/above@1.0.0", "pkg:npm/near@1.0.0"]);
        assert_eq!(made.bom.aggregates["path:out@1.0.0"], "complete");
    }

    #[test]
    fn of_two_names_that_differ_in_case_alone_one_is_enough() {
        let with = |asks: &Value| {
            lock(&json!({"": {"name": "app", "dependencies": asks}, "node_modules/base64": {"version": "2.1.0"}}))
        };
        assert!(with(&json!({"Base64": "1.0.0", "base64": "*"})).is_ok());
        assert!(with(&json!({"Base64": "1.0.0"})).is_err());
    }

    #[test]
    fn packages_without_a_digest_are_counted_once() {
        let made = lock(&json!({"": {"name": "app", "dependencies": {"a": "1", "b": "1"}},
            "node_modules/a": {"version": "1.0.0"},
            "node_modules/b": {"version": "1.0.0", "dependencies": {"a": "1"}},
            "node_modules/b/node_modules/a": {"version": "1.0.0"}}))
        .unwrap();
        assert_eq!(made.partial[0], "2 packages have no digest in the lock file");
        assert!(made.partial[1].starts_with("2 packages do not say where they come from"), "{:?}", made.partial);
        assert_eq!(made.partial.len(), 2);
    }
}
