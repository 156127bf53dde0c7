//! Whether what npm's lock file has is what its packages ask for. Ranges of versions are held against it; tags, addresses and
//! folders say nothing about a version. Two things may change what a package asks for: the project's `overrides`, which stand in
//! `package.json` alone, and an installation that takes no notice of peers (`--legacy-peer-deps`), which is written down nowhere.

use super::npm::{Object, flag, is_own};
use super::npm_graph::{Edge, Graph, How, Node, is_outside};
use super::npm_overrides::{Overrides, Word};
use super::npm_range::satisfies;
use super::{PackagesError, bytes_of, malformed};
use countersign_core::{json, limits};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What is known of how the project's own rules change what its packages ask for.
pub(super) struct Rules {
    /// Those of `package.json`; nothing where it is not there to say so.
    overrides: Option<Overrides>,
    /// What `package.json` calls its workspaces.
    workspaces: Option<Value>,
    /// The packages that have a version by an override alone.
    overridden: BTreeSet<String>,
    /// What overrides ask for that is no range which is read.
    unheld: BTreeSet<String>,
    peers: usize,
    unjudged: usize,
    unread: usize,
}

/// What one package asks another for, and the version that is there.
pub(super) struct Asked<'a> {
    /// The number of the package that asks.
    pub(super) from: usize,
    pub(super) place: &'a str,
    pub(super) entry: &'a Object,
    pub(super) name: &'a str,
    pub(super) range: &'a str,
    pub(super) version: &'a str,
    /// Where that comes from.
    pub(super) resolved: Option<&'a str>,
}

/// What is to be done about a version.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Allowed,
    /// With what an override asks for.
    Refused(Option<String>),
}

impl Rules {
    /// Of the manifest beside the lock file.
    pub(super) fn beside(path: &Path) -> Result<Self, PackagesError> {
        let (overridden, unheld) = (BTreeSet::new(), BTreeSet::new());
        let (peers, unjudged, unread) = (0, 0, 0);
        let mut rules = Self { overrides: None, workspaces: None, overridden, unheld, peers, unjudged, unread };
        let beside = path.with_file_name("package.json");
        if beside.is_file() {
            let bytes = bytes_of(&beside, limits::LOCK_FILE_BYTES)?;
            let manifest = json::parse_within(&bytes, limits::LOCK_FILE_BYTES)
                .map_err(|error| malformed(&beside, "the text", &error.to_string()))?;
            rules.overrides = Some(Overrides::of(&manifest, &beside)?);
            rules.workspaces = Some(manifest.get("workspaces").cloned().unwrap_or(Value::Null));
        }
        Ok(rules)
    }

    /// The patterns of the workspaces: npm goes by the manifest, where there is one.
    pub(super) fn workspaces(&self, packages: &Object) -> Value {
        let locked = || packages.get("").and_then(|root| root.get("workspaces")).cloned();
        self.workspaces.clone().or_else(locked).unwrap_or(Value::Null)
    }

    /// Holds what was found against what asks for it: every range of versions, or what an override puts in its place, and whether it
    /// is there at all.
    pub(super) fn hold(&mut self, path: &Path, graph: &Graph<'_>) -> Result<(), PackagesError> {
        if let Some(overrides) = &mut self.overrides {
            overrides.lay_over(graph);
        }
        for (from, node) in graph.nodes.iter().enumerate() {
            for edge in &node.edges {
                self.hold_edge(path, graph, from, node, edge)?;
            }
            // npm installs nothing for folders that are not the project's, and leaves out what an optional package would need.
            let may = is_outside(node.place) || Graph::may_lack(node);
            if let Some((name, _)) = node.missing.iter().find(|(_, how)| how.must() && !may) {
                return Err(malformed(
                    path,
                    node.place,
                    &format!("it needs {name}, which the lock file does not have"),
                ));
            }
        }
        Ok(())
    }

    fn hold_edge(
        &mut self,
        path: &Path,
        graph: &Graph<'_>,
        from: usize,
        node: &Node<'_>,
        edge: &Edge<'_>,
    ) -> Result<(), PackagesError> {
        let Some(target) = graph.nodes.get(edge.to) else { return Ok(()) };
        // The project's own workspaces come before any range, and archives are taken with what is in them.
        let own = is_own(node.place);
        let workspace = node.place.is_empty() && is_own(target.place);
        let carried = target.locked || node.bundled || target.bundled;
        if workspace || carried || (!own && carries(node.entry, edge.name)) {
            return Ok(());
        }
        let Some(version) = target.entry.get("version").and_then(Value::as_str) else { return Ok(()) };
        let (name, range) = (edge.name, edge.range);
        if is_unread(range, version) {
            self.unread = self.unread.saturating_add(1);
        }
        let resolved = target.entry.get("resolved").and_then(Value::as_str);
        let asked = Asked { from, place: node.place, entry: node.entry, name, range, version, resolved };
        let unmet = is_unmet(node.entry, edge, version);
        let Verdict::Refused(instead) = self.judge(&asked, unmet, edge.how.is_peer()) else { return Ok(()) };
        let instead = instead.map(|value| format!(" (which package.json overrides with {value})")).unwrap_or_default();
        Err(malformed(
            path,
            &format!("/packages/{}", node.place),
            &format!(
                "it asks for {name} {range}{instead}, and the lock file has {version} for it ({}): run `npm install`",
                target.place
            ),
        ))
    }

    /// The project itself cannot override what it asks for by name.
    fn judge(&mut self, asked: &Asked<'_>, unmet: bool, peer: bool) -> Verdict {
        let own = asked.place.is_empty();
        let overrides = self.overrides.as_mut().filter(|_| !own);
        let word = overrides.map_or(Word::Nothing, |overrides| overrides.word_on(asked, !unmet));
        let against = match word {
            Word::Takes => {
                if unmet {
                    self.overridden.insert(format!("{} {}", asked.name, asked.version));
                }
                return Verdict::Allowed;
            }
            Word::Unread(what) => {
                self.unheld.insert(what);
                return Verdict::Allowed;
            }
            Word::Nothing if !unmet => return Verdict::Allowed,
            Word::Nothing => None,
            Word::Against(value) => Some(value),
        };
        if peer {
            self.peers = self.peers.saturating_add(1);
            return Verdict::Allowed;
        }
        if self.overrides.is_none() && !own {
            self.unjudged = self.unjudged.saturating_add(1);
            return Verdict::Allowed;
        }
        Verdict::Refused(against)
    }

    /// What was let through, in words.
    pub(super) fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        if !self.overridden.is_empty() {
            said.push(format!(
                "{} packages have a version that is not in the range which asks for them, since package.json overrides it ({})",
                self.overridden.len(),
                first_of(&self.overridden)
            ));
        }
        if !self.unheld.is_empty() {
            said.push(format!(
                "{} overrides ask for what no version is held against, such as a tag or a folder ({})",
                self.unheld.len(),
                first_of(&self.unheld)
            ));
        }
        if self.peers > 0 {
            said.push(format!("{} peers have a version that is not in the range which asks for them", self.peers));
        }
        if self.unjudged > 0 {
            said.push(format!(
                "{} packages have a version that is not in the range which asks for them: package.json, which may override that, is not beside the lock file",
                self.unjudged
            ));
        }
        if self.unread > 0 {
            said.push(format!("{} ranges of versions are not read, and nothing was held against them", self.unread));
        }
        said
    }
}

/// A few of several names.
pub(super) fn first_of(names: &BTreeSet<String>) -> String {
    const NAMED: usize = 5;
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    format!("{}{}", first.join(", "), if names.len() > NAMED { ", …" } else { "" })
}

/// Whether something looks like a range of versions, and is not read. Tags, addresses and folders are none.
fn is_unread(range: &str, version: &str) -> bool {
    let range = range.trim();
    let behind = range.strip_prefix('v').unwrap_or(range);
    let begins = behind.starts_with(|letter: char| letter.is_ascii_digit() || "^~<>= ".contains(letter));
    begins && !range.contains(['/', ':']) && satisfies(range, version).is_none()
}

/// Whether a version is none that is asked for. Where a package asks for one thing under two keys, the one that counts stands with the
/// edge; `acceptDependencies` lets other versions through beside it. A range that is none may mean any.
fn is_unmet(entry: &Object, edge: &Edge<'_>, version: &str) -> bool {
    let accepted = entry.get("acceptDependencies").and_then(|asks| asks.get(edge.name)).and_then(Value::as_str);
    edge.how != How::OptionalPeer
        && satisfies(edge.range, version) == Some(false)
        && accepted.is_none_or(|range| satisfies(range, version) == Some(false))
}

/// Whether a package says of a peer that it may be missing.
pub(super) fn may_miss_peer(entry: &Object, name: &str) -> bool {
    let more = entry.get("peerDependenciesMeta").and_then(|more| more.get(name)).and_then(Value::as_object);
    more.is_some_and(|more| flag(more, "optional"))
}

/// Whether a package has what it asks for in its own archive.
fn carries(entry: &Object, name: &str) -> bool {
    let listed = entry.get("bundleDependencies").or_else(|| entry.get("bundledDependencies"));
    match listed {
        Some(Value::Bool(all)) => *all,
        Some(Value::Array(names)) => names.iter().any(|one| one.as_str() == Some(name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_that_are_not_read_are_counted_and_tags_and_addresses_are_none() {
        for (range, wanted) in [
            ("1.2.3-01", true),
            (">=1.2.3-", true),
            ("v 1.2.3", true),
            ("^1.2.3 - 2", true),
            ("^1.2.3", false),
            ("*", false),
            ("latest", false),
            ("next", false),
            ("vnext", false),
            ("file:../a", false),
            ("~/a", false),
            ("https://example.com/a.tgz", false),
        ] {
            assert_eq!(is_unread(range, "1.2.3"), wanted, "{range}");
        }
    }

    #[test]
    fn of_two_keys_the_later_one_counts_and_npm_takes_what_is_accepted_beside_it() {
        let judged = |asks: &Value, version: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("package-lock.json");
            let packages = json!({"": asks, "node_modules/a": {"version": version}});
            std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
            super::super::npm::read(&path).map(|_| ()).map_err(|error| error.to_string())
        };
        let library = json!({"peerDependencies": {"a": ">=1"}, "devDependencies": {"a": "^2.0.0"}});
        assert_eq!(judged(&library, "2.1.0"), Ok(()));
        let error = judged(&library, "1.5.0").unwrap_err();
        assert!(error.contains("it asks for a ^2.0.0, and the lock file has 1.5.0"), "{error}");
        let both = json!({"dependencies": {"a": "^2.0.0"}, "devDependencies": {"a": "2.1.2"}});
        assert_eq!((judged(&both, "2.1.2"), judged(&both, "2.0.0").is_err()), (Ok(()), true));
        let accepted = json!({"dependencies": {"a": "^2.0.0"}, "acceptDependencies": {"a": "1"}});
        assert_eq!((judged(&accepted, "1.5.0"), judged(&accepted, "3.0.0").is_err()), (Ok(()), true));
    }

    #[test]
    fn what_the_project_itself_bundles_is_held_against_its_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let packages = json!({"": {"dependencies": {"a": "1"}, "bundleDependencies": ["a"]},
            "node_modules/a": {"version": "2.0.0", "inBundle": true}});
        std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
        let error = super::super::npm::read(&path).unwrap_err().to_string();
        assert!(error.contains("it asks for a 1, and the lock file has 2.0.0"), "{error}");
    }
}
