//! Q13: who could act on a date, by the trust that the log had by then, and who came and left up to it.

use super::super::ask::Asked;
use super::super::table::Table;
use super::Part;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_core::trust::{Identity, OwnedKey, Trust};
use std::collections::BTreeSet;

/// Q13.
pub(super) fn could(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&["who", "may", "threshold", "keys that count", "since entry"]));
    let state = asked.facts.state;
    let end = state.entries().last().map(|entry| entry.time);
    let Some(at) = asked.ask.at.or(asked.ask.window.to).or(end) else { return part };
    if let Some(end) = end.filter(|end| at > *end) {
        part.missing.push(format!("log entries between its end at {end} and {at}: trust may have changed since"));
    }
    // The moment at which a window ends is no part of it; one that is asked for by itself is.
    let by_then = |index: u64, time: Time| match asked.ask.at {
        Some(at) => time <= at,
        None => index < asked.facts.range.end,
    };
    let versions: Vec<(u64, &Trust)> = (0_u64..)
        .zip(state.entries())
        .filter(|(index, entry)| entry.kind == Kind::Trust && by_then(*index, entry.time))
        .filter_map(|(index, _)| Some((index, state.at(index.saturating_add(1))?.trust().trust())))
        .collect();
    let Some((since, trust)) = versions.last().copied() else {
        part.missing.push(format!("trust document in the log at {at}"));
        return part;
    };
    for One { who, may, threshold, keys } in all_of(trust, at) {
        let cells = vec![who, may, threshold.to_string(), keys.to_string(), since.to_string()];
        part.table.push(cells, asked.facts.proof(since));
    }
    for ((_, before), (entry, after)) in versions.iter().zip(versions.iter().skip(1)) {
        for (who, what) in moves(before, after) {
            let cells = vec![who, what, String::new(), String::new(), entry.to_string()];
            part.table.push(cells, asked.facts.proof(*entry));
        }
    }
    if at >= trust.expires {
        part.notes
            .push(format!("trust version {} expired at {}: by it nobody could act", trust.version, trust.expires));
    }
    part.note(format!("as of {at}, by trust version {}", trust.version))
        .note("who could run the gate, and who had access to the forge and the CI, trust does not say")
}

/// What somebody may.
struct One {
    who: String,
    may: String,
    threshold: u32,
    /// Keys and identities.
    keys: usize,
}

fn all_of(trust: &Trust, at: Time) -> Vec<One> {
    let counting = |keys: &[OwnedKey], identities: &[Identity]| {
        let keys = keys.iter().filter(|key| key.counts_at(at)).count();
        keys.saturating_add(identities.iter().filter(|identity| identity.counts_at(at)).count())
    };
    let alone = |who: String, may: String, keys: usize| One { who, may, threshold: 1, keys };
    let join = |all: Vec<String>| all.join(", ");
    let mut out = Vec::new();
    for (name, role) in &trust.roles {
        for person in &role.persons {
            let known = trust.persons.iter().find(|one| one.id == *person);
            out.push(One {
                who: format!("person {person}"),
                may: format!("act in the role {name}"),
                threshold: role.threshold,
                keys: known.map_or(0, |one| counting(&one.keys, &one.identities)),
            });
        }
    }
    for one in &trust.persons {
        let keys = counting(&one.keys, &one.identities);
        out.push(alone(format!("person {}", one.id), "sign reviews".to_owned(), keys));
    }
    for one in &trust.gates {
        let environments = join(one.environments.iter().map(ToString::to_string).collect());
        let keys = counting(&one.keys, &one.identities);
        out.push(alone(format!("gate {}", one.id), format!("decide for {environments}"), keys));
    }
    for one in &trust.builders {
        let may = format!("sign provenance, up to Build level {}", one.max_level);
        out.push(alone(format!("builder {}", one.id), may, counting(&one.keys, &one.identities)));
    }
    for one in &trust.collectors {
        let kinds = join(one.may_sign.iter().map(|kind| kind.word().to_owned()).collect());
        let keys = counting(&one.keys, &one.identities);
        out.push(alone(format!("collector {}", one.name), format!("sign {kinds}"), keys));
    }
    for one in &trust.verifiers {
        let may = format!("sign summaries of source, up to Source level {}", one.max_level);
        out.push(alone(format!("verifier {}", one.id), may, counting(&one.keys, &[])));
    }
    for one in &trust.logs {
        out.push(alone(format!("log {}", one.origin), "sign its checkpoints".to_owned(), counting(&one.keys, &[])));
    }
    out
}

/// Who came and who left from one version to the next.
fn moves(before: &Trust, after: &Trust) -> Vec<(String, String)> {
    // By name: that a role was given or taken is said as well as that somebody is there no more.
    let names = |trust: &Trust| {
        let all = all_of(trust, trust.not_before).into_iter();
        all.map(|one| (one.who, one.may)).collect::<BTreeSet<_>>()
    };
    let (old, new) = (names(before), names(after));
    let left = old.difference(&new);
    let came = new.difference(&old);
    let say = |word: &'static str| {
        move |(who, may): &(String, String)| {
            (who.clone(), format!("{word} with trust version {}: {may}", after.version))
        }
    };
    left.map(say("no more")).chain(came.map(say("new"))).collect()
}
