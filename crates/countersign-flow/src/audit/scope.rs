//! What of the record is in a package. The log is always there whole; what a package leaves out are documents, by a rule
//! that anybody can apply again, and how many of them, by log index, stands in its index.

use super::facts::{Gathered, Window, promoted_as};
use super::kept::{Kept, KeptInputs, Shared};
use super::portion::Portion;
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::Verdict;
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
    /// The index of the entry.
    pub(super) entry: u64,
    /// The day of the entry.
    pub(super) day: Day,
    /// Those that the entry itself records.
    own: Vec<Sha256>,
    /// Those that its decision rests on.
    inputs: Vec<(Sha256, Input)>,
}

/// What a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Raw evidence.
    Raw,
    /// A signed statement.
    Statement,
    /// One that lists components.
    Sbom,
}

impl Named {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Sha256> {
        self.own.iter().chain(self.inputs.iter().map(|(digest, _)| digest))
    }
}

/// A day of the log, by its number among them.
pub(super) type Day = u32;

/// The days of the log, as their files are named.
#[derive(Debug, Default)]
pub(super) struct Days(Vec<String>);

impl Days {
    /// Those on which something was recorded.
    pub(super) fn of(state: &LogState) -> Self {
        let mut days: Vec<String> = Vec::new();
        for entry in state.entries() {
            let day = day_of(entry);
            if days.last() != Some(&day) {
                days.push(day);
            }
        }
        Self(days)
    }

    /// The name of one.
    pub(super) fn name(&self, day: Day) -> &str {
        usize::try_from(day).ok().and_then(|day| self.0.get(day)).map_or("undated", String::as_str)
    }
}

/// Times of the log never go back, so that the day of each entry follows from the one before.
fn day_of(entry: &Entry) -> String {
    entry.time.to_string().chars().take(10).collect()
}

/// What every entry names, in the order of the log; made one by one, since all of it is as large as the log.
pub(super) fn named<'a>(
    state: &'a LogState,
    gathered: &'a Gathered,
    blobs: &'a dyn Blobs,
) -> impl Iterator<Item = Named> + use<'a> {
    let (mut day, mut last): (Day, Option<String>) = (0, None);
    (0_u64..).zip(state.entries()).map(move |(index, entry)| {
        let today = day_of(entry);
        if last.as_ref().is_some_and(|last| *last != today) {
            day = day.saturating_add(1);
        }
        last = Some(today);
        Named { entry: index, day, ..of(index, entry, gathered, blobs) }
    })
}

fn of(index: u64, entry: &Entry, gathered: &Gathered, blobs: &dyn Blobs) -> Named {
    if entry.kind != Kind::PromotionDecision {
        return Named { own: entry.statements.iter().chain(&entry.evidence).copied().collect(), ..Named::default() };
    }
    let mut inputs: BTreeMap<Sha256, Input> = BTreeMap::new();
    let mut own = entry.statements.clone();
    let mut take = |kept: &KeptInputs| {
        inputs_of(kept, &mut inputs);
        // By this root the decision itself is judged, whatever is left out of what it rests on.
        own.extend(kept.gate_root);
    };
    if let Some(known) = gathered.at(index) {
        take(&known.content.inputs);
    } else if let Some(decision) = entry.statement().and_then(|digest| read(&blobs.blob(digest)?)) {
        // One that does not hold names what it names all the same: the verifier says what is wrong with it.
        take(&KeptInputs::of(&decision, &mut Shared::default()));
    }
    for digest in &entry.evidence {
        inputs.entry(*digest).or_insert(Input::Raw);
    }
    Named { own, inputs: inputs.into_iter().collect(), ..Named::default() }
}

fn read(signed: &Blob) -> Option<Decision> {
    let signed = Signed::parse_blob(signed).ok()?;
    Statement::parse(&signed.payload).ok()?.predicate_as(Kind::PromotionDecision).ok()
}

fn inputs_of(inputs: &KeptInputs, out: &mut BTreeMap<Sha256, Input>) {
    for reference in inputs.evidence.iter().flatten() {
        let input = match reference.kind {
            None => Input::Raw,
            Some(Kind::Sbom) => Input::Sbom,
            Some(_) => Input::Statement,
        };
        out.insert(reference.digest, input);
    }
    for digest in inputs.captures.iter().chain(&inputs.git).chain(&inputs.witnessed) {
        out.entry(*digest).or_insert(Input::Raw);
    }
    if let Some(trust) = &inputs.trust {
        out.insert(trust.document, Input::Statement);
    }
}

/// The documents of the logs that this one goes on from, which what it says may rest on, each with the day that first names
/// it there.
pub(super) fn carried_days(state: &LogState, blobs: &dyn Blobs) -> BTreeMap<Sha256, Rc<str>> {
    let mut out = BTreeMap::new();
    for entry in state.now().chain().skip(1).flat_map(|log| log.entries()) {
        let day: Rc<str> = Rc::from(day_of(entry));
        let mut inputs = BTreeMap::new();
        if entry.kind == Kind::PromotionDecision
            && let Some(decision) = entry.statement().and_then(|digest| read(&blobs.blob(digest)?))
        {
            let kept = KeptInputs::of(&decision, &mut Shared::default());
            inputs_of(&kept, &mut inputs);
            inputs.extend(kept.gate_root.map(|root| (root, Input::Raw)));
        }
        for digest in entry.statements.iter().chain(&entry.evidence).chain(inputs.keys()) {
            out.entry(*digest).or_insert_with(|| Rc::clone(&day));
        }
    }
    out
}

/// By which form of a package it is known what it takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// Of decisions outside of its part it has nothing to run again.
    Alone,
    /// It has what reviewed emergencies of its part.
    Reviewed,
    /// That of here: it has what its first promotions are compared with as well.
    Now,
}

/// What belongs into a package by rule.
pub(super) struct Rule<'r> {
    scope: &'r Scope,
    form: Form,
    state: &'r LogState,
    gathered: &'r Gathered,
    /// The promotions before the part with which its own are compared, by their entries.
    compared: BTreeSet<u64>,
}

impl Scope {
    /// Whether the evidence of the decision at this index is wanted: of each that is of the part, and of each by which an
    /// emergency of the part was reviewed, so that the review is run again as well. Of one that does not hold it is.
    pub(super) fn wants(&self, index: u64, form: Form, state: &LogState, gathered: &Gathered) -> bool {
        if self.of_part(index, state, gathered) {
            return true;
        }
        let before_the_end = index < self.window.range(state.entries()).end;
        let reviews = || gathered.at(index).is_some_and(|known| self.reviews(&known.content, gathered));
        form >= Form::Reviewed && before_the_end && reviews()
    }

    /// Whether the decision at this index is of the part, as far as that is known: one that does not hold may be.
    pub(super) fn of_part(&self, index: u64, state: &LogState, gathered: &Gathered) -> bool {
        let within = self.window.range(state.entries()).contains(&index);
        within && gathered.at(index).is_none_or(|known| self.window.may_cover(&known.content))
    }

    /// Whether a decision says that an emergency was reviewed that may be asked for. They are few: each emergency is reviewed by
    /// one. Of those of earlier logs nothing is known here but that there was one: then the decision itself has to be of the services
    /// and environments that the part is for, since what it rests on may be read by nobody else's auditor.
    fn reviews(&self, decision: &Kept, gathered: &Gathered) -> bool {
        let emergency = |entry: &u64| {
            let of = gathered.at(*entry).map(|known| &known.content);
            of.is_some_and(|of| of.break_glass.is_some() && self.window.may_cover(of))
        };
        let earlier = !decision.followed_up_earlier.is_empty() && self.window.may_cover(decision);
        decision.verdict == Verdict::Pass && (earlier || decision.followed_up.iter().any(emergency))
    }

    /// Of each artifact, service and environment of which the part has a promotion, the last one before it: what is new since
    /// then, nobody can tell without what that one held. Of other services it is nobody's here.
    fn compared(&self, state: &LogState, gathered: &Gathered) -> BTreeSet<u64> {
        let range = self.window.range(state.entries());
        if range.start == 0 {
            return BTreeSet::new();
        }
        let portion = Portion::new(&self.window, gathered);
        let (mut before, mut out) = (BTreeMap::new(), BTreeSet::new());
        let until = gathered.decisions.iter().take_while(|known| known.entry < range.end);
        for known in until.filter(|known| known.content.authorised && portion.has(&known.content)) {
            let key = promoted_as(&known.content);
            if known.entry < range.start {
                before.insert(key, known.entry);
            } else {
                out.extend(before.remove(&key));
            }
        }
        out
    }
}

impl<'r> Rule<'r> {
    pub(super) fn of(scope: &'r Scope, form: Form, state: &'r LogState, gathered: &'r Gathered) -> Self {
        let compared = if form == Form::Now { scope.compared(state, gathered) } else { BTreeSet::new() };
        Self { scope, form, state, gathered, compared }
    }

    /// Those of the documents that an entry names that belong into the package: everything that it records itself, and, where its
    /// decision is wanted, what that rests on, as far as the profile goes; of one that others are compared with, what it held.
    pub(super) fn keeps<'n>(&'n self, named: &'n Named) -> impl Iterator<Item = &'n Sha256> + use<'n> {
        let wanted = !named.inputs.is_empty() && self.scope.wants(named.entry, self.form, self.state, self.gathered);
        let (full, compared) = (self.scope.profile == Profile::Full, self.compared.contains(&named.entry));
        let takes = move |input: Input| match input {
            Input::Raw => wanted && full,
            Input::Statement => wanted,
            Input::Sbom => wanted || compared,
        };
        let inputs = named.inputs.iter().filter(move |(_, input)| takes(*input));
        let all = named.own.iter().chain(inputs.map(|(digest, _)| digest));
        all.filter(|digest| !self.gathered.erased.contains_key(digest))
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
pub(super) fn left_out(named: impl Iterator<Item = Named>, has: &dyn Fn(&Sha256) -> bool) -> LeftOut {
    let mut gone = BTreeSet::new();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for named in named {
        let index = named.entry;
        let missing: Vec<Sha256> = named.all().filter(|digest| !has(digest)).copied().collect();
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
