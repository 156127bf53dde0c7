//! The log as the decision's state: entries under a signed checkpoint, and what they make active.
//!
//! [`LogState::open`] checks every entry once; [`LogState::at`] gives the state at any earlier size, so that an auditor
//! sees exactly what a decision saw.

pub use crate::checkpoint::{ever_signed_checkpoint, kept_checkpoint, signed_checkpoint};

use crate::carry::Earlier;
use crate::document::{SignerName, Verified};
use crate::evidence::{Blobs, named_blob};
use crate::exception::ReadEntry;
use crate::gate::verify_as_by_gate;
use crate::later::{Unread, read_decision};
use crate::past::{Facts, Past};
use crate::policy::{Activated, ActivationContext, LogSoFar, verify_activation};
use crate::rollout;
use crate::shard::Shard;
use crate::supposed::Supposed;
use crate::trust::{self, VerifiedTrust};
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::{Decision, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Check, Finding, Verdict, verdict_of};
use countersign_core::ids::{EnvName, Origin};
use countersign_core::limits;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::merkle::{Frontier, leaf_hash};
use countersign_core::statement::{Kind, Stated as _, Subject};
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// How many decisions are kept as they were read: whoever asks for one soon asks for it again.
const KEPT: usize = 64;

/// A log whose checkpoint is signed by a key of trust, and whose entries hash to its root.
#[derive(Debug)]
pub struct LogState {
    pub(crate) origin: Origin,
    entries: Vec<Entry>,
    /// What the next entry goes on from.
    tree: Frontier,
    /// The root at every size, the empty log's first.
    roots: Vec<Sha256>,
    pub(crate) outside: VerifiedTrust,
    pub(crate) trusts: Vec<(u64, VerifiedTrust)>,
    /// What the log says of the one before it and after it.
    pub(crate) shard: Shard,
    /// The log that it goes on from.
    pub(crate) earlier: Option<Box<Earlier>>,
    /// Whether it is read as the earlier of another, and how many may still lie before it.
    pub(crate) carried: bool,
    depth: usize,
    pub(crate) activations: Vec<Activated>,
    faults: Vec<Fault>,
    /// Decisions that were looked at last.
    decided: Mutex<BTreeMap<u64, Arc<Promoted>>>,
    /// What decisions say that bears on later ones, as far as somebody asked.
    pub(crate) past: RwLock<Past>,
    /// The same of decisions that were read before they are asked for.
    pub(crate) prepared: Mutex<BTreeMap<u64, Result<Facts, Vec<Finding>>>>,
    /// What the log says is erased, and the entry that does: read once, when it is asked for.
    pub(crate) erased: OnceLock<BTreeMap<Sha256, u64>>,
    /// Documents that say nothing against anybody.
    pub(crate) silent: Mutex<BTreeSet<Sha256>>,
    /// What was made of entries with exceptions, under the trust of this digest.
    pub(crate) excepted: Mutex<BTreeMap<(u64, Sha256), ReadEntry>>,
    /// The entries that grant or end exceptions.
    pub(crate) exception_entries: Vec<u64>,
}

/// An entry that does not hold, and for which environment that matters; `None` is all.
#[derive(Debug)]
struct Fault {
    entry: u64,
    environment: Option<EnvName>,
    findings: Vec<Finding>,
}

/// By what a log that another one goes on from is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub outside: &'a VerifiedTrust,
    depth: usize,
}

impl Reading<'_> {
    /// For the log before it.
    pub(crate) fn one_further(self) -> Option<Self> {
        Some(Self { depth: self.depth.checked_sub(1)?, ..self })
    }
}

/// What came of opening a log.
#[derive(Debug)]
pub struct LogOutcome {
    /// The state, if checkpoint and entries hold.
    pub state: Option<LogState>,
    /// The checklist.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// The state at a size.
#[derive(Debug, Clone, Copy)]
pub struct StateView<'a> {
    pub(crate) state: &'a LogState,
    pub(crate) size: u64,
    supposed: Option<&'a Supposed>,
    /// What a reader of that time saw besides what is wrong with the entries.
    seen: Option<&'a Finding>,
}

/// A decision that the log records.
#[derive(Debug, Clone)]
pub struct Promoted {
    /// The entry's index.
    pub entry: u64,
    /// The log of that entry, where it is one that the log at hand goes on from.
    pub log: Option<Origin>,
    /// The entry's time.
    pub time: Time,
    /// That a gate of that environment signed it, and in which document.
    pub decision: Verified<()>,
    /// The decision's content.
    pub content: Decision,
}

impl LogState {
    /// Checks the checkpoint's signature, the entries against its root, every trust document and every activation.
    #[must_use]
    pub fn open(
        checkpoint: &[u8],
        entries: &[Vec<u8>],
        outside: &VerifiedTrust,
        blobs: &dyn Blobs,
        at: Time,
    ) -> LogOutcome {
        let mut out = LogOutcome { state: None, checks: Vec::new(), findings: Vec::new() };
        match signed_checkpoint(checkpoint, outside.trust(), at) {
            Err(finding) => {
                out.checks.push(Check::new("log-checkpoint", Verdict::Fail, "the checkpoint does not hold"));
                out.findings.push(finding);
            }
            Ok(reference) => {
                let [checkpoint_holds, entries_hold] = checks_of(&reference);
                out.checks.push(checkpoint_holds);
                match read_entries(entries, &reference, (Frontier::new(), 0, None)) {
                    Err(findings) => {
                        let said = match verdict_of(&findings) {
                            Verdict::Fail | Verdict::Pass => (Verdict::Fail, "the entries do not hold"),
                            Verdict::Indeterminate => (Verdict::Indeterminate, "an entry cannot be read here"),
                        };
                        out.checks.push(Check::new("log-entries", said.0, said.1));
                        out.findings.extend(findings);
                    }
                    Ok((parsed, tree, mut roots)) => {
                        out.checks.push(entries_hold);
                        roots.insert(0, Frontier::new().root());
                        let mut state = Self::empty(reference.origin, (tree, roots), outside);
                        state.take_in(parsed, blobs);
                        state.check_outside();
                        out.state = Some(state);
                    }
                }
            }
        }
        out
    }

    /// The state after the first `size` entries; `None` beyond the log's end.
    #[must_use]
    pub fn at(&self, size: u64) -> Option<StateView<'_>> {
        (size <= self.size()).then_some(StateView { state: self, size, supposed: None, seen: None })
    }

    /// The state at the end.
    #[must_use]
    pub fn now(&self) -> StateView<'_> {
        StateView { state: self, size: self.size(), supposed: None, seen: None }
    }

    /// How many entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Findings of every entry that does not hold, in this log and those that it goes on from.
    pub fn faults(&self) -> impl Iterator<Item = (u64, &Finding)> {
        let before = std::iter::successors(Some(self), |state| Some(&state.earlier.as_ref()?.state));
        let all = before.flat_map(|state| &state.faults);
        all.flat_map(|fault| fault.findings.iter().map(move |finding| (fault.entry, finding)))
    }

    fn empty(origin: Origin, (tree, roots): (Frontier, Vec<Sha256>), outside: &VerifiedTrust) -> Self {
        Self {
            origin,
            entries: Vec::new(),
            tree,
            roots,
            outside: outside.clone(),
            trusts: Vec::new(),
            shard: Shard::default(),
            earlier: None,
            carried: false,
            depth: limits::LOG_SHARDS,
            activations: Vec::new(),
            faults: Vec::new(),
            decided: Mutex::default(),
            past: RwLock::default(),
            prepared: Mutex::default(),
            erased: OnceLock::new(),
            silent: Mutex::default(),
            excepted: Mutex::default(),
            exception_entries: Vec::new(),
        }
    }

    /// The state of a log that another one goes on from. Whether its trust is the one from outside, the later one says.
    pub(crate) fn carried(
        origin: Origin,
        (entries, tree, mut roots): (Vec<Entry>, Frontier, Vec<Sha256>),
        reading: &Reading<'_>,
        blobs: &dyn Blobs,
    ) -> Self {
        roots.insert(0, Frontier::new().root());
        let mut state = Self::empty(origin, (tree, roots), reading.outside);
        (state.carried, state.depth) = (true, reading.depth);
        state.take_in(entries, blobs);
        state
    }

    /// Goes on to a later checkpoint of the same log, by the entries that came since. Everything before stands as it was
    /// checked; on an error nothing is taken in.
    pub fn go_on(
        &mut self,
        checkpoint: &[u8],
        more: &[Vec<u8>],
        blobs: &dyn Blobs,
        at: Time,
    ) -> Result<(), Vec<Finding>> {
        let reference = signed_checkpoint(checkpoint, self.outside.trust(), at).map_err(|finding| vec![finding])?;
        if reference.origin != self.origin {
            let finding = Finding::new(codes::LOG_ORIGIN_MISMATCH, "the later checkpoint is of another log")
                .at("log checkpoint")
                .expected(self.origin.to_string(), "the log")
                .found(reference.origin.to_string());
            return Err(vec![finding]);
        }
        let (size, newest) = (self.size(), self.entries.last().map(|entry| entry.time));
        let (parsed, tree, roots) = read_entries(more, &reference, (self.tree.clone(), size, newest))?;
        self.tree = tree;
        self.roots.extend(roots);
        let renewed = parsed.iter().any(|entry| matches!(entry.kind, Kind::Trust | Kind::LogShard));
        self.take_in(parsed, blobs);
        if renewed {
            self.check_outside();
        }
        Ok(())
    }

    fn take_in(&mut self, more: Vec<Entry>, blobs: &dyn Blobs) {
        let first = self.size();
        let mut deciding = Vec::new();
        for (index, entry) in (first..).zip(&more) {
            if matches!(entry.kind, Kind::Trust | Kind::PolicyActivation) {
                deciding.push((index, entry.clone()));
            } else if matches!(entry.kind, Kind::Exception | Kind::ExceptionEnd) {
                self.exception_entries.push(index);
            }
        }
        // What was in force before comes first.
        let opening = more.first().filter(|_| first == 0).cloned();
        if let Some(entry) = &opening {
            let reading = Reading { outside: &self.outside, depth: self.depth };
            match Earlier::open(entry, &self.origin, reading, blobs) {
                Ok(earlier) => self.earlier = earlier.map(Box::new),
                Err(findings) => self.faults.push(Fault { entry: 0, environment: None, findings }),
            }
        }
        // What an activation may move up rests on the decisions before it.
        self.entries.extend(more);
        for (index, entry) in &deciding {
            let result = if entry.kind == Kind::Trust {
                self.fold_trust(*index, entry, blobs)
            } else {
                self.fold_activation(*index, entry, blobs)
            };
            if let Err(findings) = result {
                self.faults.push(Fault { entry: *index, environment: entry.environment.clone(), findings });
            }
        }
        self.read_shard(first, blobs);
        if let Some(opening) = opening {
            self.check_opening(&opening);
        }
    }

    /// What the entries from `first` on say of the log before and after this one.
    fn read_shard(&mut self, first: u64, blobs: &dyn Blobs) {
        let mut shard = std::mem::take(&mut self.shard);
        let skip = usize::try_from(first).unwrap_or(usize::MAX);
        for (index, entry) in (first..).zip(self.entries.iter().skip(skip)) {
            let trust = || self.trust_before(index);
            if let Err(findings) = shard.take((index, entry), trust, blobs, &self.place(index)) {
                self.faults.push(Fault { entry: index, environment: None, findings });
                if shard.closed.is_some() {
                    // One entry behind the end says it.
                    break;
                }
            }
        }
        self.shard = shard;
    }

    /// Whether the log begins as trust says, and where the log before it ended.
    fn check_opening(&mut self, opening: &Entry) {
        let mut faults: Vec<(Option<EnvName>, Finding)> = Vec::new();
        if !self.carried {
            faults.extend(self.must_continue().map(|finding| (None, finding)));
        }
        if let Some(earlier) = &self.earlier {
            faults.extend(earlier.faults(opening.time, self.trust_before(0)));
        }
        let one = |(environment, finding)| Fault { entry: 0, environment, findings: vec![finding] };
        self.faults.extend(faults.into_iter().map(one));
    }

    fn fold_trust(&mut self, index: u64, entry: &Entry, blobs: &dyn Blobs) -> Result<(), Vec<Finding>> {
        let place = self.place(index);
        let bytes = entry_blob(entry.statement(), &place, blobs)?;
        let older = self.trusts.last().map(|(_, trust)| trust).or_else(|| self.trust_carried());
        // A log that goes on from another says once more what was in force there.
        let again = self.trusts.is_empty() && older.is_some_and(|older| entry.subjects == [*older.digest()]);
        let next: VerifiedTrust = match older.filter(|_| !again) {
            None => {
                let outcome = trust::verify_trust(&bytes, entry.subjects.first(), entry.time);
                if !outcome.findings.is_empty() {
                    return Err(outcome.findings);
                }
                outcome.trust.ok_or_else(Vec::new)?
            }
            Some(older) => trust::verify_successor(older, &bytes, entry.time)?,
        };
        names_subject(entry, next.digest(), &place)?;
        self.trusts.push((index, next));
        Ok(())
    }

    /// The trust in force at the end of the log that this one goes on from.
    pub(crate) fn trust_carried(&self) -> Option<&VerifiedTrust> {
        let earlier = &self.earlier.as_ref()?.state;
        earlier.trusts.last().map(|(_, trust)| trust).or_else(|| earlier.trust_carried())
    }

    /// The trust given from outside has to be the newest that the log knows.
    fn check_outside(&mut self) {
        if let Some((entry, finding)) = self.now().not_newest(&self.outside) {
            self.faults.push(Fault { entry, environment: None, findings: vec![finding] });
        }
    }

    fn fold_activation(&mut self, index: u64, entry: &Entry, blobs: &dyn Blobs) -> Result<(), Vec<Finding>> {
        let place = self.place(index);
        let environment = entry.environment.clone().ok_or_else(|| {
            vec![Finding::new(codes::LOG_ENTRY_MALFORMED, "an activation without an environment").at(place.as_str())]
        })?;
        let activation = entry_blob(entry.statement(), &place, blobs)?;
        let release = entry_blob(entry.evidence.first(), &place, blobs)?;
        let view = StateView { state: self, size: index, supposed: None, seen: None };
        let earlier: Vec<&Activated> = view.activations(&environment).collect();
        let context = ActivationContext {
            log: LogSoFar::of(view),
            trust: view.judge(&environment),
            newest: self.trust_before(index),
            active: earlier.last().copied(),
            earlier: &earlier,
            entry: index,
            time: entry.time,
        };
        let activated = verify_activation(&activation, &release, &context, &place)?;
        let mut activated = rollout::settle(activated, &context, view, blobs, &place)?;
        if activated.activation.environment != environment {
            return Err(vec![
                Finding::new(codes::LOG_ENTRY_MALFORMED, "the entry and its activation name different environments")
                    .at(place)
                    .expected(activated.activation.environment.to_string(), "the signed activation")
                    .found(environment.to_string()),
            ]);
        }
        names_subject(entry, &activated.release.reference().digest, &place)?;
        activated.log = self.log_of_entries();
        self.activations.push(activated);
        Ok(())
    }

    /// The trust in force when entry `index` was written: the newest recorded up to there, in this log or the one that it
    /// goes on from; before the first recorded one, that one, or the outside's.
    pub(crate) fn trust_before(&self, index: u64) -> &VerifiedTrust {
        let recorded = self.trusts.iter().rev().find(|(at, _)| *at <= index).map(|(_, trust)| trust);
        recorded
            .or_else(|| self.trust_carried())
            .or_else(|| self.trusts.first().map(|(_, trust)| trust))
            .unwrap_or(&self.outside)
    }
}

impl<'a> StateView<'a> {
    /// The log as far as it goes here.
    #[must_use]
    pub fn reference(&self) -> LogRef {
        LogRef { origin: self.state.origin.clone(), size: self.size, root: self.root_at(self.size) }
    }

    /// The time of the newest entry.
    #[must_use]
    pub fn newest_time(&self) -> Option<Time> {
        self.entries().last().map(|entry| entry.time)
    }

    /// The log that follows this one, if it is closed here.
    #[must_use]
    pub fn closed_for(&self) -> Option<&'a Origin> {
        self.state.shard.closed.as_ref().filter(|(entry, _)| *entry < self.size).map(|(_, origin)| origin)
    }

    /// The log that this one goes on from, as its first entry says.
    #[must_use]
    pub fn continued(&self) -> Option<&'a LogRef> {
        self.state.shard.continues.as_ref().filter(|_| self.size > 0)
    }

    /// The entries up to here.
    #[must_use]
    pub fn entries(&self) -> &'a [Entry] {
        let end = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.state.entries.get(..end).unwrap_or(&self.state.entries)
    }

    /// The trust in force here.
    #[must_use]
    pub fn trust(&self) -> &'a VerifiedTrust {
        self.state.trust_before(self.size)
    }

    /// The trust by which the next activation for an environment is judged: the one in force at the activation before; for
    /// the first, the one in force now.
    #[must_use]
    pub fn judge(&self, environment: &EnvName) -> &'a VerifiedTrust {
        let supposed = self.supposed.map(Supposed::activated).filter(|a| a.activation.environment == *environment);
        let own = || self.own_activations(environment).last();
        if let Some(entry) = supposed.map(|active| active.entry).or_else(|| Some(own()?.entry)) {
            return self.state.trust_before(entry);
        }
        match self.earlier().filter(|earlier| earlier.active(environment).is_some()) {
            Some(earlier) => earlier.judge(environment),
            None => self.state.trust_before(self.size),
        }
    }

    /// The release that is active for an environment, and since which entry.
    #[must_use]
    pub fn active(&self, environment: &EnvName) -> Option<&'a Activated> {
        if let Some(supposed) = self.supposed.filter(|supposed| supposed.environment() == environment) {
            return Some(supposed.activated());
        }
        self.own_activations(environment).last().or_else(|| self.earlier()?.active(environment))
    }

    /// The same state, as if a release were the active one. What is decided by it authorises nothing.
    #[must_use]
    pub const fn supposing(self, supposed: &'a Supposed) -> Self {
        Self { supposed: Some(supposed), ..self }
    }

    /// The same state with nothing supposed.
    #[must_use]
    pub const fn as_it_is(self) -> Self {
        Self { supposed: None, ..self }
    }

    /// Whether a release is only supposed to be active.
    #[must_use]
    pub const fn is_supposed(&self) -> bool {
        self.supposed.is_some()
    }

    /// Every activation for an environment, oldest first; those of earlier logs before.
    pub fn activations(&self, environment: &EnvName) -> impl Iterator<Item = &'a Activated> + use<'a> {
        let mut logs: Vec<StateView<'a>> = self.chain().collect();
        logs.reverse();
        let environment = environment.clone();
        logs.into_iter().flat_map(move |log| log.own_activations(&environment))
    }

    fn own_activations(&self, environment: &EnvName) -> impl DoubleEndedIterator<Item = &'a Activated> + use<'a> {
        let (size, environment) = (self.size, environment.clone());
        self.state.activations.iter().filter(move |a| a.entry < size && a.activation.environment == environment)
    }

    /// The same state, as somebody saw it who found this wrong with it as well.
    #[must_use]
    pub const fn seen_with(self, finding: Option<&'a Finding>) -> Self {
        Self { seen: finding, ..self }
    }

    /// What was wrong with entries that matter for an environment.
    pub fn faults(&self, environment: &EnvName) -> impl Iterator<Item = &'a Finding> + use<'a> {
        let environment = environment.clone();
        let of_entries = self.chain().flat_map(move |log| {
            let environment = environment.clone();
            let matters =
                move |f: &&Fault| f.entry < log.size && f.environment.as_ref().is_none_or(|e| *e == environment);
            log.state.faults.iter().filter(matters).flat_map(|fault| &fault.findings)
        });
        of_entries.chain(self.seen)
    }

    /// The time at which this log, or one that it goes on from, was as long as a checkpoint says, and the trust of then.
    pub(crate) fn as_of(&self, claim: &Checkpoint) -> Option<(Time, &'a Trust)> {
        let log = self.chain().find(|log| log.state.origin == claim.origin && claim.size <= log.size)?;
        let then = log.state.at(claim.size)?;
        Some((then.newest_time()?, then.trust().trust()))
    }

    /// Checks that the log goes on from a checkpoint that was given from outside: of itself, or of a log that it goes on from.
    pub fn continues(&self, least: &LogRef) -> Result<(), Finding> {
        let place = format!("log {}", self.state.origin);
        if least.origin != self.state.origin {
            if let Some(earlier) = self.chain().find(|log| log.state.origin == least.origin) {
                return earlier.continues(least);
            }
            return Err(Finding::new(codes::LOG_ORIGIN_MISMATCH, "the least checkpoint is of another log")
                .at(place)
                .expected(least.origin.to_string(), "the least checkpoint given from outside")
                .found(self.state.origin.to_string()));
        }
        if least.size > self.size {
            return Err(Finding::new(codes::LOG_ROLLED_BACK, "the log has fewer entries than it had before")
                .at(place)
                .expected(format!("at least {} entries", least.size), "the least checkpoint given from outside")
                .found(format!("{} entries", self.size))
                .help("restore the log from a copy that is not older; nothing is decided until then"));
        }
        let root = self.root_at(least.size);
        if root != least.root && least.size == self.size {
            let what = format!("two signed checkpoints of the log's {} entries have different roots", self.size);
            return Err(Finding::new(codes::LOG_SPLIT_VIEW, what)
                .at(place)
                .expected(least.root.to_string(), "the checkpoint given from outside")
                .found(root.to_string()));
        }
        if root != least.root {
            return Err(Finding::new(
                codes::LOG_FORKED,
                format!("the log's first {} entries are not what they were", least.size),
            )
            .at(place)
            .expected(least.root.to_string(), "the least checkpoint given from outside")
            .found(root.to_string()));
        }
        Ok(())
    }

    /// Every decision recorded up to here, of an environment and about an artifact if given, newest first. Each has its own
    /// signature checked, by the trust of its time; one that does not hold is said, and left to the caller.
    pub fn decisions<'b>(
        &self,
        environment: Option<&'b EnvName>,
        subject: Option<&'b Sha256>,
        blobs: &'b dyn Blobs,
    ) -> impl Iterator<Item = Result<Arc<Promoted>, Vec<Finding>>> + use<'a, 'b> {
        let view = *self;
        let asked = move |entry: &Entry| {
            entry.kind == Kind::PromotionDecision
                && environment.is_none_or(|environment| entry.environment.as_ref() == Some(environment))
                && subject.is_none_or(|digest| entry.subjects.contains(digest))
        };
        let entries = (0..self.size).rev().zip(self.entries().iter().rev());
        entries.filter(move |(_, entry)| asked(entry)).map(move |(index, _)| view.decision(index, blobs))
    }

    /// The newest decision recorded for an environment and an artifact, whatever it says.
    pub fn last_decision(
        &self,
        environment: &EnvName,
        subject: &Sha256,
        blobs: &dyn Blobs,
    ) -> Result<Option<Arc<Promoted>>, Vec<Finding>> {
        self.decisions(Some(environment), Some(subject), blobs).next().transpose()
    }

    /// The decision that entry `index` records: signed by the gate that it names, which may decide for the entry's
    /// environment, and made on the log right before the entry.
    pub fn decision(&self, index: u64, blobs: &dyn Blobs) -> Result<Arc<Promoted>, Vec<Finding>> {
        let kept = || self.state.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&index) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(self.read_decision(index, blobs)?);
        let mut kept = kept();
        kept.insert(index, Arc::clone(&read));
        if kept.len() > KEPT {
            // Walks go forwards or backwards: what is farthest away is asked for last.
            let (first, last) = (kept.keys().next().copied(), kept.keys().next_back().copied());
            let farthest = if index.abs_diff(first.unwrap_or(index)) > index.abs_diff(last.unwrap_or(index)) {
                first
            } else {
                last
            };
            farthest.and_then(|farthest| kept.remove(&farthest));
        }
        Ok(read)
    }

    fn read_decision(&self, index: u64, blobs: &dyn Blobs) -> Result<Promoted, Vec<Finding>> {
        let place = self.state.place(index);
        let malformed = |what: &str| vec![Finding::new(codes::LOG_ENTRY_MALFORMED, what).at(place.as_str())];
        let entry = usize::try_from(index)
            .ok()
            .and_then(|i| self.entries().get(i))
            .filter(|entry| entry.kind == Kind::PromotionDecision)
            .ok_or_else(|| malformed("the entry records no decision"))?;
        let bytes = entry_blob(entry.statement(), &place, blobs)?;
        let signed =
            Signed::parse_blob(&bytes).map_err(|e| vec![Finding::new(e.code(), e.to_string()).at(place.as_str())])?;
        let trust = self.state.trust_before(index);
        let decision = verify_as_by_gate(&signed, Kind::PromotionDecision, trust, blobs, (entry.time, &place))?;
        let content = match read_decision(decision.value(), &place) {
            Ok(content) => content,
            // What is not a gate's to decide is no decision, whichever version it is said to be of.
            Err(Unread::Later(finding)) => {
                let environment = entry.environment.as_ref();
                let there = |environment| gate_decides(trust.trust(), &decision, environment);
                let decides = environment.is_some_and(there);
                return Err(vec![if decides { finding } else { gate_unknown(&decision, environment, &place) }]);
            }
            Err(Unread::Malformed(error)) => return Err(malformed(&format!("the decision does not parse: {error}"))),
        };
        let agrees = content.request.time == entry.time
            && entry.environment.as_ref() == Some(&content.request.environment)
            && entry.subjects == [content.request.subject]
            && decision.value().subjects()
                == [Subject::sha256(&content.request.subject_name, &content.request.subject)];
        if !agrees {
            return Err(malformed("the entry and the decision that it names do not agree"));
        }
        if !entry.persons.is_empty() {
            return Err(malformed("the entry says that persons acted, and a gate decides"));
        }
        if content.request.gate != decision.signed_by().key
            || content.request.gate_identity.as_ref() != decision.signed_by().identity.as_deref()
            || !gate_decides(trust.trust(), &decision, &content.request.environment)
        {
            return Err(vec![gate_unknown(&decision, Some(&content.request.environment), &place)]);
        }
        // Whoever holds the gate's and the log's keys could otherwise decide on the log as it was before a stricter release.
        let before = self.state.at(index).map(|view| view.reference());
        if content.inputs.log != before {
            let word = |log: &Option<LogRef>| {
                log.as_ref().map_or_else(|| "none".to_owned(), |log| format!("{} entries, root {}", log.size, log.root))
            };
            return Err(vec![
                Finding::new(codes::LOG_FORKED, "the decision was made on another log than the one right before it")
                    .at(place)
                    .expected(word(&before), "the log")
                    .found(word(&content.inputs.log)),
            ]);
        }
        let decision = decision.signature();
        Ok(Promoted { entry: index, log: self.state.log_of_entries(), time: entry.time, decision, content })
    }

    fn root_at(&self, size: u64) -> Sha256 {
        let root = usize::try_from(size).ok().and_then(|i| self.state.roots.get(i));
        root.copied().unwrap_or_else(countersign_core::log::merkle::empty_root)
    }
}

/// The checklist of a log that holds, as far as it goes here: what a decision recorded is said again in the same words.
#[must_use]
pub fn checks_of(reference: &LogRef) -> [Check; 2] {
    let signed = format!("{}, {} entries, signed", reference.origin, reference.size);
    [
        Check::new("log-checkpoint", Verdict::Pass, signed),
        Check::new("log-entries", Verdict::Pass, "hash to the checkpoint's root"),
    ]
}

/// An entry's subject is what its statement is about.
fn names_subject(entry: &Entry, digest: &Sha256, place: &str) -> Result<(), Vec<Finding>> {
    if entry.subjects == [*digest] {
        return Ok(());
    }
    let found: Vec<String> = entry.subjects.iter().map(ToString::to_string).collect();
    Err(vec![
        Finding::new(codes::LOG_ENTRY_MALFORMED, "the entry is about something else than the statement that it names")
            .at(place)
            .expected(digest.to_string(), "the signed statement")
            .found(found.join(", ")),
    ])
}

fn gate_unknown<T>(decision: &Verified<T>, environment: Option<&EnvName>, place: &str) -> Finding {
    let environment = environment.map_or("an environment", EnvName::as_str);
    Finding::new(codes::GATE_UNKNOWN, "the decision was signed by a gate that does not decide there")
        .at(place)
        .expected(format!("a gate of {environment}, which the decision names"), "trust")
        .found(decision.signed_by().owner.describe())
}

fn gate_decides<T>(trust: &Trust, document: &Verified<T>, environment: &EnvName) -> bool {
    let by = document.signed_by();
    let SignerName::Gate(id) = &by.owner else { return false };
    trust.gates.iter().any(|gate| gate.id == *id && gate.environments.contains(environment))
}

/// The entries after those that a tree is made of, the tree with them, and the root after each. Beside the tree, how many
/// entries it holds, and the time of the newest.
pub(crate) fn read_entries(
    entries: &[Vec<u8>],
    reference: &LogRef,
    (mut frontier, before, mut newest): (Frontier, u64, Option<Time>),
) -> Result<(Vec<Entry>, Frontier, Vec<Sha256>), Vec<Finding>> {
    let place = format!("log {}", reference.origin);
    let held = u64::try_from(entries.len()).ok().and_then(|more| before.checked_add(more));
    if held != Some(reference.size) {
        return Err(vec![
            Finding::new(codes::LOG_ROOT_MISMATCH, "the log does not hold as many entries as its checkpoint says")
                .at(place)
                .expected(reference.size.to_string(), "the checkpoint")
                .found(held.map_or_else(|| "more".to_owned(), |held| held.to_string())),
        ]);
    }
    let mut roots = Vec::with_capacity(entries.len());
    for bytes in entries {
        if frontier.push(leaf_hash(bytes)).is_err() {
            break;
        }
        roots.push(frontier.root());
    }
    if frontier.root() != reference.root {
        return Err(vec![
            Finding::new(codes::LOG_ROOT_MISMATCH, "the entries do not hash to the checkpoint's root")
                .at(place)
                .expected(reference.root.to_string(), "the checkpoint")
                .found(frontier.root().to_string())
                .help("`countersign log verify` names the file that was altered"),
        ]);
    }
    let mut parsed = Vec::with_capacity(entries.len());
    for (index, bytes) in (before..).zip(entries) {
        let place = format!("log entry {index}");
        let entry = Entry::parse(bytes).map_err(|error| vec![error.finding(&place)])?;
        if let Some(before) = newest.filter(|before| entry.time < *before) {
            return Err(vec![
                Finding::new(codes::LOG_TIME_REVERSED, "the entry's time lies before that of the entry before it")
                    .at(place)
                    .expected(format!("no earlier than {before}"), "the entry before it")
                    .found(entry.time.to_string()),
            ]);
        }
        newest = Some(entry.time);
        parsed.push(entry);
    }
    Ok((parsed, frontier, roots))
}

fn entry_blob(digest: Option<&Sha256>, place: &str, blobs: &dyn Blobs) -> Result<Blob, Vec<Finding>> {
    let missing = |found: String| {
        vec![
            Finding::new(codes::EVIDENCE_WITHHELD, "a document that the log entry names is not in the evidence store")
                .at(place)
                .found(found),
        ]
    };
    let digest = digest.ok_or_else(|| missing("the entry names none".to_owned()))?;
    named_blob(blobs, digest).ok_or_else(|| missing(format!("{digest} is missing or altered")))
}
