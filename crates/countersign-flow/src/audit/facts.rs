//! What the log says, gathered once for questions, populations and samples: every decision with its signature checked, and
//! which of them lie in a window.

use super::carried::Carried;
use super::episodes::less_version;
use super::kept::{Kept, Shared};
use super::portion::Portion;
use super::reconcile::Walk;
use super::table::Proof;
use super::told::{Named, Told};
use crate::policy::history;
use countersign_core::decision::{ActivePolicy, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Class, Finding, Verdict};
use countersign_core::ids::EnvName;
use countersign_core::log::merkle::{empty_root, leaf_hash};
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_record::side;
use countersign_verify::log::Promoted;
use countersign_verify::policy::Activated;
use countersign_verify::{Blobs, LogState};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// Which part of the record is asked for. Nothing given is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// From this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Up to this moment, which is not part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// Only these services.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<String>,
    /// Only these environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<EnvName>,
}

impl Window {
    /// In words.
    pub(super) fn words(&self) -> String {
        let mut parts = Vec::new();
        if let Some(from) = self.from {
            parts.push(format!("from {from}"));
        }
        if let Some(to) = self.to {
            parts.push(format!("before {to}"));
        }
        if !self.services.is_empty() {
            let services: Vec<&str> = self.services.iter().map(String::as_str).collect();
            parts.push(format!("service {}", services.join(", ")));
        }
        if !self.environments.is_empty() {
            let names: Vec<&str> = self.environments.iter().map(EnvName::as_str).collect();
            parts.push(format!("environment {}", names.join(", ")));
        }
        if parts.is_empty() { "no filter".to_owned() } else { parts.join("; ") }
    }

    /// Whether everything is asked for.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// The entries whose time lies in it: a range, since times in the log never go back.
    #[must_use]
    pub fn range(&self, entries: &[Entry]) -> std::ops::Range<u64> {
        let index = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let first = self.from.map_or(0, |from| entries.partition_point(|entry| entry.time < from));
        let end = self.to.map_or(entries.len(), |to| entries.partition_point(|entry| entry.time < to));
        index(first)..index(end.max(first))
    }

    /// Whether a decision says that it is of a service and an environment that is asked for.
    pub(super) fn covers(&self, decision: &Kept) -> bool {
        self.of_environment(decision)
            && (self.services.is_empty()
                || self.services.contains(&service_of(decision))
                || self.services.contains(decision.request.subject_name.as_str()))
    }

    /// The same, or it may be: a decision that proves no source says of itself of which service it is, and can be of any.
    pub(super) fn may_cover(&self, decision: &Kept) -> bool {
        self.covers(decision) || (self.of_environment(decision) && decision.source.is_none())
    }

    fn of_environment(&self, decision: &Kept) -> bool {
        self.environments.is_empty() || self.environments.contains(&decision.request.environment)
    }

    /// Whether all of another part lies in this one.
    pub(super) fn holds(&self, other: &Self) -> bool {
        let begins = self.from.is_none_or(|from| other.from.is_some_and(|other| other >= from));
        let ends = self.to.is_none_or(|to| other.to.is_some_and(|other| other <= to));
        let services =
            self.services.is_empty() || (!other.services.is_empty() && other.services.is_subset(&self.services));
        let environments = self.environments.is_empty()
            || (!other.environments.is_empty() && other.environments.is_subset(&self.environments));
        begins && ends && services && environments
    }
}

/// The service that a decision is about: the repository that the artifact was proved to come from, or, where nothing was
/// proved, the artifact by its name.
pub(super) fn service_of(decision: &Kept) -> String {
    decision.source.as_ref().map_or_else(
        || format!("artifact {}", decision.request.subject_name),
        |source| source.repository.as_str().to_owned(),
    )
}

/// As what something was promoted: its service, its name less its version, the environment. The next one of it is the same.
pub(super) fn promoted_as(decision: &Kept) -> [String; 3] {
    let artifact = less_version(&decision.request.subject_name);
    [service_of(decision), artifact, decision.request.environment.to_string()]
}

/// How a change reached its environment.
pub(super) fn change_class(decision: &Kept) -> &'static str {
    if decision.break_glass.is_some() {
        "emergency"
    } else if !decision.authorised {
        "refused"
    } else if decision.verdict != Verdict::Pass {
        "let through by an unenforced gate"
    } else if findings(decision).any(|finding| finding.class == Class::Excepted) {
        "with an exception"
    } else {
        "standard"
    }
}

/// All findings of a decision, those of rules that do not decide as well.
pub(super) fn findings(decision: &Kept) -> impl Iterator<Item = &Finding> {
    decision.findings.iter().chain(decision.rules.iter().flat_map(|rule| &rule.findings))
}

/// A decision of the log, its signature checked, less what nobody asks of it afterwards.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) entry: u64,
    pub(super) time: Time,
    pub(super) content: Kept,
    /// Who signed it, in words.
    pub(super) by: Arc<String>,
}

/// A decision as it was read, with the index of its entry; or what is wrong with it.
pub(super) type Read = (u64, Result<Arc<Promoted>, Vec<Finding>>);

/// How many decisions are held whole at a time.
pub(super) const FEW: usize = 256;

/// Every decision of a log, read once.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Those that hold, in the order of the log.
    pub(super) decisions: Vec<Arc<Known>>,
    /// What is wrong with the others, by entry.
    pub(super) broken: BTreeMap<u64, Vec<Finding>>,
    /// Documents that the log, or one that it goes on from, says were erased, with the entry that says so: no package of it
    /// holds them.
    pub(super) erased: BTreeMap<Sha256, String>,
    /// The ranges of deployments, where they were walked while their git objects were at hand.
    pub(super) walked: OnceLock<BTreeMap<u64, Walk>>,
    /// What the statements say that decisions name: read with them where questions are asked, else when one asks of it.
    pub(super) told: OnceLock<Told>,
    /// What came of making lists and index again, where facts kept it.
    pub(super) again: OnceLock<MadeAgain>,
    /// What the logs before this one left open, read when a question first asks.
    carried: OnceLock<Carried>,
    /// The hash of every leaf, made when a row first names one.
    leaves: OnceLock<Vec<Sha256>>,
}

/// What came of making again what follows from the rest of a package.
#[derive(Debug, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeAgain {
    /// What is wrong with lists, page, text and index.
    pub(super) derived: Vec<Finding>,
    /// What is wrong with documents that nothing names, or that lie elsewhere than they should.
    pub(super) strays: Vec<Finding>,
    /// How many rows each list has over the part of the record that the package was made for, and its SHA-256 as CSV.
    pub(super) lists: Vec<(u64, Sha256)>,
}

impl Gathered {
    /// Reads all of them, and the statements of which questions ask while the files are at hand that they lie in.
    pub(super) fn of(state: &LogState, blobs: &(dyn Blobs + Sync)) -> Self {
        let mut told = Told::default();
        let gathered = Self::with(state, blobs, |read| {
            let read = read.iter().filter_map(|(entry, read)| Some((*entry, &read.as_ref().ok()?.content)));
            let named: Vec<Named<'_>> = read.map(|(entry, decision)| Named::of_whole(entry, decision)).collect();
            told.add(&named, state, blobs);
        });
        drop(gathered.told.set(told.done()));
        gathered
    }

    /// Reads all of them, few at a time, and has each few looked at while they are there: in the log's order, the index with
    /// the decision, or what is wrong with it.
    pub(super) fn with(state: &LogState, blobs: &(dyn Blobs + Sync), mut look: impl FnMut(&[Read])) -> Self {
        let mut out = Self { erased: erased(state, blobs), ..Self::default() };
        let mut shared = Shared::default();
        let indexes: Vec<u64> = decisions(state).collect();
        for few in indexes.chunks(FEW) {
            let read = side::each(few, |index| (*index, state.now().decision(*index, blobs)));
            look(&read);
            for (index, read) in read {
                match read {
                    Ok(promoted) => out.decisions.push(Arc::new(Known {
                        entry: index,
                        time: promoted.time,
                        content: Kept::of(&promoted.content, &mut shared),
                        by: shared.text(promoted.decision.signed_by().owner.describe()),
                    })),
                    Err(findings) => drop(out.broken.insert(index, findings)),
                }
            }
        }
        out
    }

    /// Those that facts kept, if they are of every decision of the log, at its time, and of no other.
    pub(super) fn kept(
        state: &LogState,
        blobs: &dyn Blobs,
        known: Vec<Arc<Known>>,
        broken: BTreeMap<u64, Vec<Finding>>,
        (walked, told, again): (BTreeMap<u64, Walk>, Told, Option<MadeAgain>),
    ) -> Option<Self> {
        let time =
            |index: u64| usize::try_from(index).ok().and_then(|i| state.entries().get(i)).map(|entry| entry.time);
        let mut kept = known.iter().peekable();
        for index in decisions(state) {
            match kept.next_if(|known| known.entry == index) {
                Some(known) if Some(known.time) == time(index) && !broken.contains_key(&index) => {}
                None if broken.contains_key(&index) => {}
                Some(_) | None => return None,
            }
        }
        let whole = kept.next().is_none() && known.len().checked_add(broken.len()) == Some(decisions(state).count());
        whole.then(|| Self {
            decisions: known,
            broken,
            erased: erased(state, blobs),
            walked: OnceLock::from(walked),
            told: OnceLock::from(told),
            again: again.map(OnceLock::from).unwrap_or_default(),
            carried: OnceLock::new(),
            leaves: OnceLock::new(),
        })
    }

    /// The hash of the leaf at this index.
    fn leaf(&self, state: &LogState, index: u64) -> Option<Sha256> {
        // Entries were read from their one form, so that writing them gives the bytes that were hashed.
        let hash = |entry: &Entry| entry.to_bytes().map_or_else(|_| leaf_hash(&[]), |bytes| leaf_hash(&bytes));
        let leaves = self.leaves.get_or_init(|| side::each(state.entries(), hash));
        usize::try_from(index).ok().and_then(|index| leaves.get(index)).copied()
    }

    /// The decision of an entry, if it holds.
    pub(super) fn at(&self, index: u64) -> Option<&Arc<Known>> {
        let place = self.decisions.binary_search_by_key(&index, |known| known.entry).ok()?;
        self.decisions.get(place)
    }
}

fn erased(state: &LogState, blobs: &dyn Blobs) -> BTreeMap<Sha256, String> {
    state.erased_in_chain(blobs).into_iter().map(|(digest, by)| (digest, by.place)).collect()
}

/// The entries that record decisions.
pub(super) fn decisions(state: &LogState) -> impl Iterator<Item = u64> {
    let all = (0_u64..).zip(state.entries());
    all.filter(|(_, entry)| entry.kind == Kind::PromotionDecision).map(|(index, _)| index)
}

/// A file with tests of a release.
pub(super) struct Test<'f> {
    pub(super) path: &'f str,
    pub(super) digest: &'f Sha256,
    /// Whether the activation recorded it.
    pub(super) here: bool,
}

/// What the log says within a window.
pub(super) struct Facts<'a> {
    pub(super) state: &'a LogState,
    pub(super) blobs: &'a (dyn Blobs + Sync),
    pub(super) gathered: &'a Gathered,
    pub(super) window: Window,
    /// The entries of the window.
    pub(super) range: std::ops::Range<u64>,
    /// Its decisions, in the order of the log.
    pub(super) decisions: Vec<Arc<Known>>,
    /// What is wrong with those that do not hold.
    pub(super) broken: Vec<Finding>,
    /// Which decisions are of it.
    portion: Portion,
    /// Why this log may not have all that was asked for.
    pub(super) doubts: Vec<Finding>,
    /// Every activation of the log.
    pub(super) activations: Vec<Activated>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("window", &self.window).field("range", &self.range).finish_non_exhaustive()
    }
}

impl<'a> Facts<'a> {
    /// Those of a window.
    pub(super) fn of(
        state: &'a LogState,
        blobs: &'a (dyn Blobs + Sync),
        gathered: &'a Gathered,
        window: Window,
    ) -> Self {
        let range = window.range(state.entries());
        let portion = Portion::new(&window, gathered);
        let within = |known: &&Arc<Known>| range.contains(&known.entry) && portion.has(&known.content);
        let decisions = gathered.decisions.iter().filter(within).cloned().collect();
        let doubts = portion.doubts(state, gathered, &range);
        let broken = gathered.broken.range(range.clone()).flat_map(|(_, findings)| findings.clone()).collect();
        let activations = history(state, None);
        Self { state, blobs, gathered, window, range, decisions, broken, portion, doubts, activations }
    }

    /// The log.
    pub(super) fn log(&self) -> LogRef {
        self.state.now().reference()
    }

    /// The entries of the window, with their indexes.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, &'a Entry)> {
        entries_of(self.state, &self.range)
    }

    /// What the statements say that decisions name.
    pub(super) fn told(&self) -> &'a Told {
        self.gathered.told.get_or_init(|| Told::of(&self.gathered.decisions, self.state, self.blobs))
    }

    /// Decisions that let something go.
    pub(super) fn deployments(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.decisions.iter().filter(|promoted| promoted.content.authorised)
    }

    /// Whether a decision is of the services and environments that are asked for, whenever it was.
    pub(super) fn is_asked(&self, decision: &Kept) -> bool {
        self.portion.has(decision)
    }

    /// Whether a decision that let something go may be of the services that are asked for, and nobody can tell. Of those within the
    /// window every answer says so.
    pub(super) fn may_be_asked(&self, decision: &Kept) -> bool {
        self.portion.may_have(decision)
    }

    /// Every decision up to the window's end, of whatever service: those that hold.
    pub(super) fn all_decisions(&self) -> impl Iterator<Item = &'a Arc<Known>> {
        let end = self.range.end;
        self.gathered.decisions.iter().take_while(move |known| known.entry < end)
    }

    /// The instant as of which everything is said that changes by time alone (what is overdue, expired, or still counts): the
    /// window's end, as far as the log goes. It is the same for every question and list.
    pub(super) fn end(&self) -> Option<Time> {
        let newest = self.state.now().newest_time()?;
        Some(self.window.to.map_or(newest, |to| to.min(newest)))
    }

    /// What the logs that this one goes on from left open; nothing where the window ends before this one began.
    pub(super) fn carried(&self) -> Option<&'a Carried> {
        let read = || Carried::of(self.state, self.blobs);
        (self.range.end > 0).then(|| self.gathered.carried.get_or_init(read))
    }

    /// How many decisions before the window cannot be read here, of whichever service they are.
    pub(super) fn unread_before(&self) -> usize {
        self.gathered.broken.range(..self.range.start).count()
    }

    /// What a row about this entry rests on.
    pub(super) fn proof(&self, index: u64) -> Proof {
        let entry = usize::try_from(index).ok().and_then(|i| self.state.entries().get(i));
        Proof {
            log: None,
            entry: index,
            leaf: self.gathered.leaf(self.state, index).unwrap_or_else(empty_root),
            documents: entry.map(|entry| entry.statements.clone()).unwrap_or_default(),
        }
    }

    /// What a row about an activation rests on: its entry, or the first one of this log where an earlier one has it.
    pub(super) fn proof_of(&self, active: &Activated) -> Proof {
        if active.log.is_none() {
            return self.proof(active.entry);
        }
        let mut proof = self.proof(0);
        proof.documents = vec![active.document, *active.release.document()];
        proof
    }

    /// The files with tests that a release closes.
    pub(super) fn tests<'f>(&'f self, active: &'f Activated) -> Vec<Test<'f>> {
        let log = self.state.now().chain().find(|log| match &active.log {
            None => true,
            Some(origin) => log.reference().origin == *origin,
        });
        let entry = usize::try_from(active.entry).ok().and_then(|index| log?.entries().get(index));
        let one = |(path, digest): (&'f String, &'f Sha256)| {
            // Asked for, so that it is packed where an earlier log recorded it.
            let here = entry.is_some_and(|entry| entry.evidence.contains(digest)) && self.blobs.blob(digest).is_some();
            Test { path, digest, here }
        };
        active.release.manifest().tests().map(one).collect()
    }

    /// The activation that a decision names.
    pub(super) fn activation(&self, named: &ActivePolicy) -> Option<&Activated> {
        self.activations.iter().find(|active| active.is(named))
    }

    /// The activations that lie in the window, or were in force when it began.
    pub(super) fn activations_in_force(&self) -> impl Iterator<Item = &Activated> {
        self.activations.iter().filter(|active| {
            let environment = &active.activation.environment;
            let wanted = self.window.environments.is_empty() || self.window.environments.contains(environment);
            // What an earlier log activated lies before every entry of this one.
            let place = |active: &Activated| active.log.is_none().then_some(active.entry);
            let replaced = self.activations.iter().any(|later| {
                later.activation.environment == *environment
                    && (later.time, place(later)) > (active.time, place(active))
                    && place(later).is_none_or(|entry| entry < self.range.start)
            });
            wanted && place(active).is_none_or(|entry| entry < self.range.end) && !replaced
        })
    }

    /// How completeness was established, in a sentence.
    pub(super) fn completeness(&self) -> String {
        let log = self.log();
        let window = if self.window.is_all() { String::new() } else { format!("; filter: {}", self.window_words()) };
        format!(
            "every entry {}..{} of the {} under the checkpoint (root {}) was read: indexes without a gap, hashed to that root{window}",
            self.range.start, self.range.end, log.size, log.root
        )
    }

    /// The window in words.
    pub(super) fn window_words(&self) -> String {
        self.window.words()
    }

    /// That things went out of which nobody can tell whether they are of the services that are asked for.
    pub(super) fn unplaced(&self) -> Option<Finding> {
        self.portion.unplaced(self.gathered, &self.range)
    }
}

fn entries_of<'a>(
    state: &'a LogState,
    range: &std::ops::Range<u64>,
) -> impl Iterator<Item = (u64, &'a Entry)> + use<'a> {
    let (from, to) = (range.start, range.end);
    let skip = usize::try_from(from).unwrap_or(usize::MAX);
    (from..to).zip(state.entries().iter().skip(skip))
}
