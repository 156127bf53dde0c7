//! Whether what npm's lock file has is what its packages ask for. Ranges of versions are held against it; tags, addresses and
//! folders say nothing about a version. Two things may change what a package asks for: the project's `overrides`, which stand in
//! `package.json` alone, and an installation that takes no notice of peers (`--legacy-peer-deps`), which is written down nowhere.

use super::npm::{Object, flag};
use super::npm_range::satisfies;
use super::{PackagesError, bytes_of, malformed};
use countersign_core::{json, limits};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What is known of how the project's own rules change what its packages ask for.
pub(super) struct Rules {
    /// The packages that are overridden somewhere; nothing where `package.json` is not there to say so.
    overridden: Option<BTreeSet<String>>,
    peers: usize,
    unjudged: usize,
}

/// What is to be done about a version that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Refused,
}

impl Rules {
    /// Of the manifest beside the lock file.
    pub(super) fn beside(path: &Path) -> Result<Self, PackagesError> {
        let mut rules = Self { overridden: None, peers: 0, unjudged: 0 };
        let beside = path.with_file_name("package.json");
        if beside.is_file() {
            let bytes = bytes_of(&beside, limits::LOCK_FILE_BYTES)?;
            let manifest = json::parse_within(&bytes, limits::LOCK_FILE_BYTES)
                .map_err(|error| malformed(&beside, "the text", &error.to_string()))?;
            rules.overridden = Some(overridden(&manifest));
        }
        Ok(rules)
    }

    /// A package that is overridden may have any version. The project itself cannot override what it asks for by name.
    pub(super) fn judge(&mut self, place: &str, name: &str, peer: bool) -> Verdict {
        if peer {
            self.peers = self.peers.saturating_add(1);
            return Verdict::Allowed;
        }
        match &self.overridden {
            Some(names) if !place.is_empty() && names.contains(name) => Verdict::Allowed,
            None if !place.is_empty() => {
                self.unjudged = self.unjudged.saturating_add(1);
                Verdict::Allowed
            }
            _ => Verdict::Refused,
        }
    }

    /// What was let through, in words.
    pub(super) fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.peers > 0 {
            said.push(format!("{} peers have a version that is not in the range which asks for them", self.peers));
        }
        if self.unjudged > 0 {
            said.push(format!(
                "{} packages have a version that is not in the range which asks for them: package.json, which may override that, is not beside the lock file",
                self.unjudged
            ));
        }
        said
    }
}

/// Every name that the overrides of a manifest speak of, in any depth, without the range behind it.
fn overridden(manifest: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut waiting: Vec<&Object> = manifest.get("overrides").and_then(Value::as_object).into_iter().collect();
    while let Some(object) = waiting.pop() {
        for (key, value) in object {
            let name = match key.rfind('@').filter(|at| *at > 0) {
                Some(at) => key.get(..at).unwrap_or(key),
                None => key,
            };
            names.insert(name.to_owned());
            waiting.extend(value.as_object());
        }
    }
    names
}

/// A range that is not met.
pub(super) struct Unmet<'e> {
    /// The range, as it stands there.
    pub(super) range: &'e str,
    /// Whether only a peer is asked for.
    pub(super) peer: bool,
}

/// Which range does not take the version, where none that asks for the package does. One that is no range may mean any.
pub(super) fn unmet<'e>(entry: &'e Object, name: &str, version: &str, own: bool) -> Option<Unmet<'e>> {
    let asks = |key: &str| entry.get(key).and_then(|asks| asks.get(name)).and_then(Value::as_str);
    let mut unmet = None;
    for key in ["peerDependencies", "dependencies", "optionalDependencies", "devDependencies", "acceptDependencies"] {
        if key == "devDependencies" && !own {
            continue;
        }
        let Some(range) = asks(key) else { continue };
        if satisfies(range, version) != Some(false) {
            return None;
        }
        let peer = key == "peerDependencies";
        if peer && may_miss_peer(entry, name) {
            continue;
        }
        if key != "acceptDependencies" {
            unmet = Some(Unmet { range, peer });
        }
    }
    unmet
}

/// Whether a package says of a peer that it may be missing.
pub(super) fn may_miss_peer(entry: &Object, name: &str) -> bool {
    let more = entry.get("peerDependenciesMeta").and_then(|more| more.get(name)).and_then(Value::as_object);
    more.is_some_and(|more| flag(more, "optional"))
}

/// Whether a package has what it asks for in its own archive.
pub(super) fn carries(entry: &Object, name: &str) -> bool {
    let listed = entry.get("bundleDependencies").or_else(|| entry.get("bundledDependencies"));
    match listed {
        Some(Value::Bool(all)) => *all,
        Some(Value::Array(names)) => names.iter().any(|one| one.as_str() == Some(name)),
        _ => false,
    }
}
