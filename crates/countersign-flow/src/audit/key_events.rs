//! What became of keys: each that a version of the trust document adds, takes out, ends or calls lost, whoever owns it, found by
//! holding each version against the one before.

use super::facts::Facts;
use super::table::Table;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_core::trust::{Identity, NamePattern, OwnedKey, ROLE_TRUST, Trust};
use std::collections::BTreeMap;

/// A key, an account or an identity, by its owner in words.
type Held = (String, String);

/// How long it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    from: Option<Time>,
    until: Option<Time>,
    lost: Option<Time>,
}

/// The events up to the window's end, each with the entry of the version that makes it.
pub(super) fn table(facts: &Facts<'_>) -> Table {
    let mut table = Table::new(&["time", "version", "owner", "key", "event"]);
    // What an earlier log ended with is what the first version here is held against.
    let carried = facts.state.now().chain().nth(1);
    let mut before: Option<Trust> = carried.map(|log| log.trust().trust().clone());
    let entries = (0..facts.range.end).zip(facts.state.entries());
    for (index, entry) in entries.filter(|(_, entry)| entry.kind == Kind::Trust) {
        let Some(view) = facts.state.at(index.saturating_add(1)) else { continue };
        let trust = view.trust().trust();
        let digest = view.trust().digest();
        // A log that goes on from another says once more which version is in force: that is no event.
        let again = carried.filter(|log| before.as_ref().is_some_and(|_| log.trust().digest() == digest));
        let all = match again {
            Some(log) => {
                let event =
                    format!("in force when this log began, as {} recorded it; {}", log.origin(), held_by(trust));
                vec![(("trust".to_owned(), digest.to_string()), event)]
            }
            None => events(before.as_ref(), trust, &digest.to_string()),
        };
        for ((owner, key), event) in all {
            let cells = vec![entry.time.to_string(), trust.version.to_string(), owner, key, event];
            table.push(cells, facts.proof(index));
        }
        before = Some(trust.clone());
    }
    table
}

fn events(before: Option<&Trust>, now: &Trust, digest: &str) -> Vec<(Held, String)> {
    let mut out = vec![(("trust".to_owned(), digest.to_owned()), quorum(before, now))];
    let Some(before) = before else { return out };
    let (old, new) = (held(before), held(now));
    for (one, limits) in &new {
        match old.get(one) {
            None => out.push((one.clone(), added(*limits))),
            Some(old) => out.extend(changed(*old, *limits).map(|event| (one.clone(), event))),
        }
    }
    let gone = old.into_keys().filter(|one| !new.contains_key(one));
    out.extend(gone.map(|one| (one, "taken out".to_owned())));
    out
}

/// Who signs trust.
fn held_by(trust: &Trust) -> String {
    let role = trust.roles.iter().find(|(name, _)| name.as_str() == ROLE_TRUST).map(|(_, role)| role);
    let said = role.map(|role| {
        let people: Vec<String> = role.persons.iter().map(ToString::to_string).collect();
        format!("{} of {}", role.threshold, people.join(" "))
    });
    format!("the root is held by {}", said.unwrap_or_else(|| "nobody".to_owned()))
}

/// The same of a version, and whether others did before.
fn quorum(before: Option<&Trust>, now: &Trust) -> String {
    let said = held_by(now);
    match before.map(held_by) {
        Some(old) if old != said => {
            format!("new version; {said}, before by {}", old.trim_start_matches("the root is held by "))
        }
        Some(_) => format!("new version; {said}, as before"),
        None => format!("first version in the log; {said}"),
    }
}

fn added(limits: Limits) -> String {
    let ends = changed(Limits { from: limits.from, until: None, lost: None }, limits);
    match (limits.from, ends) {
        (None, None) => "added".to_owned(),
        (Some(from), None) => format!("added, counts from {from}"),
        (None, Some(ends)) => format!("added, {ends}"),
        (Some(from), Some(ends)) => format!("added, counts from {from}, {ends}"),
    }
}

fn changed(old: Limits, new: Limits) -> Option<String> {
    let mut said = Vec::new();
    if old.lost != new.lost {
        said.push(new.lost.map_or_else(
            || "no longer called lost".to_owned(),
            |at| format!("lost: in foreign hands since {at}, or perhaps"),
        ));
    }
    if old.until != new.until {
        said.push(new.until.map_or_else(|| "its end is lifted".to_owned(), |at| format!("counts until {at}")));
    }
    if old.from != new.from {
        said.push(new.from.map_or_else(|| "its beginning is lifted".to_owned(), |at| format!("counts from {at}")));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

fn held(trust: &Trust) -> BTreeMap<Held, Limits> {
    let mut out = BTreeMap::new();
    let mut keys = |owner: String, all: &[OwnedKey]| {
        for key in all {
            let limits = Limits { from: key.valid_from, until: key.valid_until, lost: key.compromised_since };
            out.insert((owner.clone(), key.key.id().to_string()), limits);
        }
    };
    for one in &trust.persons {
        keys(format!("person {}", one.id), &one.keys);
    }
    for one in &trust.builders {
        keys(format!("builder {}", one.id), &one.keys);
    }
    for one in &trust.collectors {
        keys(format!("collector {}", one.name), &one.keys);
    }
    for one in &trust.gates {
        keys(format!("gate {}", one.id), &one.keys);
    }
    for one in &trust.verifiers {
        keys(format!("verifier {}", one.id), &one.keys);
    }
    for one in &trust.logs {
        keys(format!("log {}", one.origin), &one.keys);
    }
    for one in &trust.witnesses {
        keys(format!("witness {}", one.name), &one.keys);
    }
    let mut identities = |owner: String, all: &[Identity]| {
        for one in all {
            let limits = Limits { from: one.valid_from, until: one.valid_until, lost: one.compromised_since };
            out.insert((owner.clone(), identity(one)), limits);
        }
    };
    for one in &trust.persons {
        identities(format!("person {}", one.id), &one.identities);
    }
    for one in &trust.builders {
        identities(format!("builder {}", one.id), &one.identities);
    }
    for one in &trust.collectors {
        identities(format!("collector {}", one.name), &one.identities);
    }
    for one in &trust.gates {
        identities(format!("gate {}", one.id), &one.identities);
    }
    for person in &trust.persons {
        for one in &person.accounts {
            let limits = Limits { from: one.valid_from, until: one.valid_until, lost: one.compromised_since };
            out.insert((format!("person {}", person.id), format!("account {} on {}", one.id, one.host)), limits);
        }
    }
    out
}

/// An identity in words: a pattern as it stands in trust.
fn identity(one: &Identity) -> String {
    let name = |pattern: &NamePattern| match pattern {
        NamePattern::Exact(name) => name.clone(),
        NamePattern::Glob { glob } => format!("glob {}", String::from(glob.clone())),
        NamePattern::Regex { regex } => format!("regex {}", String::from(regex.clone())),
    };
    format!("identity {} of {}", name(&one.subject), name(&one.issuer))
}
