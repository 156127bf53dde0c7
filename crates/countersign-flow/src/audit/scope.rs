//! What of the record is in a package. The log is always there whole; what a package leaves out are documents, by a rule
//! that anybody can apply again, and how many of them, by log index, stands in its index.

use super::facts::{Gathered, Window};
use countersign_core::bundle::Signed;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::statement::{Kind, Statement};
use countersign_verify::{Blobs, LogState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How much of the evidence is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Profile {
    /// All that decisions need to be run again.
    #[default]
    Full,
    /// The signed statements alone. Raw evidence (git objects, what forges answered, roots) stays out, by digest, so that it
    /// can be disclosed later and checked; no decision can be run again until then.
    FactsOnly,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::FactsOnly => "facts-only",
        })
    }
}

/// What a package is to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scope {
    /// How much of the evidence.
    pub profile: Profile,
    /// Of which decisions.
    pub window: Window,
}

/// The documents that an entry of the log names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Those that the entry itself records.
    own: Vec<Sha256>,
    /// Those that its decision rests on, and whether they are signed statements.
    inputs: Vec<(Sha256, bool)>,
}

/// What every entry names, in the order of the log.
pub(super) fn named(state: &LogState, gathered: &Gathered, blobs: &dyn Blobs) -> Vec<Named> {
    (0_u64..).zip(state.entries()).map(|(index, entry)| of(index, entry, gathered, blobs)).collect()
}

fn of(index: u64, entry: &Entry, gathered: &Gathered, blobs: &dyn Blobs) -> Named {
    if entry.kind != Kind::PromotionDecision {
        return Named { own: entry.statements.iter().chain(&entry.evidence).copied().collect(), inputs: Vec::new() };
    }
    let mut inputs: BTreeMap<Sha256, bool> = BTreeMap::new();
    let mut own = entry.statements.clone();
    let mut take = |decision: &Decision| {
        inputs_of(decision, &mut inputs);
        // By this root the decision itself is judged, whatever is left out of what it rests on.
        own.extend(decision.request.gate_identity.as_ref().map(|identity| identity.root));
    };
    if let Some(known) = gathered.at(index) {
        take(&known.content);
    } else if let Some(decision) = entry.statement().and_then(|digest| read(&blobs.blob(digest)?)) {
        // One that does not hold names what it names all the same: the verifier says what is wrong with it.
        take(&decision);
    }
    for digest in &entry.evidence {
        inputs.entry(*digest).or_insert(false);
    }
    Named { own, inputs: inputs.into_iter().collect() }
}

fn read(signed: &[u8]) -> Option<Decision> {
    let signed = Signed::parse(signed).ok()?;
    Statement::parse(&signed.payload).ok()?.predicate_as(Kind::PromotionDecision).ok()
}

fn inputs_of(decision: &Decision, out: &mut BTreeMap<Sha256, bool>) {
    let inputs = &decision.inputs;
    for reference in inputs.evidence.iter().flatten() {
        out.insert(reference.digest, reference.kind.is_some());
    }
    for digest in inputs.captures.iter().chain(&inputs.git).chain(&inputs.witnessed) {
        out.entry(*digest).or_insert(false);
    }
    if let Some(trust) = &inputs.trust {
        out.insert(trust.document, true);
    }
}

/// The day in whose file each document lies: that of the first entry that names it.
pub(super) fn days(state: &LogState, named: &[Named]) -> BTreeMap<Sha256, Rc<str>> {
    let mut out = BTreeMap::new();
    let mut last: Rc<str> = Rc::from("");
    for (entry, named) in state.entries().iter().zip(named) {
        let day: String = entry.time.to_string().chars().take(10).collect();
        if *last != *day {
            last = Rc::from(day);
        }
        for digest in named.own.iter().chain(named.inputs.iter().map(|(digest, _)| digest)) {
            out.entry(*digest).or_insert_with(|| Rc::clone(&last));
        }
    }
    out
}

/// The documents of the logs that this one goes on from, which what it says may rest on, each with the day that first names
/// it there.
pub(super) fn carried_days(state: &LogState, blobs: &dyn Blobs) -> BTreeMap<Sha256, Rc<str>> {
    let mut out = BTreeMap::new();
    for entry in state.now().chain().skip(1).flat_map(|log| log.entries()) {
        let day: Rc<str> = Rc::from(entry.time.to_string().chars().take(10).collect::<String>());
        let mut inputs = BTreeMap::new();
        if entry.kind == Kind::PromotionDecision
            && let Some(decision) = entry.statement().and_then(|digest| read(&blobs.blob(digest)?))
        {
            inputs_of(&decision, &mut inputs);
        }
        for digest in entry.statements.iter().chain(&entry.evidence).chain(inputs.keys()) {
            out.entry(*digest).or_insert_with(|| Rc::clone(&day));
        }
    }
    out
}

impl Scope {
    /// Whether the evidence of the decision at this index is wanted. Of one that does not hold it is.
    pub(super) fn wants(&self, index: u64, state: &LogState, gathered: &Gathered) -> bool {
        self.window.range(state.entries()).contains(&index)
            && gathered.at(index).is_none_or(|known| self.window.covers(&known.content))
    }

    /// The documents that belong into the package by rule: everything that entries record themselves, and what the
    /// decisions that are wanted rest on, as far as the profile goes.
    pub(super) fn keeps(&self, state: &LogState, gathered: &Gathered, named: &[Named]) -> BTreeSet<Sha256> {
        let mut out = BTreeSet::new();
        for (index, named) in (0_u64..).zip(named) {
            out.extend(named.own.iter().copied());
            if named.inputs.is_empty() || !self.wants(index, state, gathered) {
                continue;
            }
            let wanted = named.inputs.iter().filter(|(_, statement)| *statement || self.profile == Profile::Full);
            out.extend(wanted.map(|(digest, _)| *digest));
        }
        out.retain(|digest| !gathered.erased.contains(digest));
        out
    }
}

/// Documents that the log names and that the package does not hold, by the entries that name them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeftOut {
    /// How many documents.
    pub documents: u64,
    /// The entries that name them, as ranges `FIRST..LAST`, both included.
    pub entries: Vec<String>,
}

/// Counts what is left out.
pub(super) fn left_out(named: &[Named], has: &dyn Fn(&Sha256) -> bool) -> LeftOut {
    let mut gone = BTreeSet::new();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (index, named) in (0_u64..).zip(named) {
        let all = named.own.iter().chain(named.inputs.iter().map(|(digest, _)| digest));
        let missing: Vec<Sha256> = all.filter(|digest| !has(digest)).copied().collect();
        if missing.is_empty() {
            continue;
        }
        gone.extend(missing);
        match ranges.last_mut() {
            Some((_, last)) if last.saturating_add(1) == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    LeftOut {
        documents: u64::try_from(gone.len()).unwrap_or(u64::MAX),
        entries: ranges.into_iter().map(|(first, last)| format!("{first}..{last}")).collect(),
    }
}
