//! What earlier decisions say that bears on later ones: taken in once, in the log's order, however many later ones ask. To
//! walk all earlier decisions for each would cost the square of the log.
//!
//! Only what is asked for is kept, by the entry that says it, so that each size of the log is answered as if nothing came
//! after it. A decision that does not hold is kept with what is wrong with it: whoever asks gets that instead of an answer.

use crate::evidence::Blobs;
use crate::log::{LogState, Promoted, StateView};
use crate::recorded::{Heard, silent};
use countersign_core::decision::{SourceRange, TagRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::{EnvName, ExceptionId, RefName, Uri};
use countersign_core::statement::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// A line of a repository.
type Line = (Uri, RefName);

/// A tag that a decision bound to what it passed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundBefore {
    /// The tag.
    pub tag: TagRef,
    /// The commit.
    pub revision: Oid,
    /// The artifact that was promoted.
    pub subject: String,
}

/// How often an exception was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Use {
    /// In how many decisions.
    pub decisions: u64,
    /// The entry of the newest of them.
    pub newest: Option<u64>,
}

/// What one decision says that bears on later ones.
#[derive(Debug)]
pub(crate) struct Facts {
    subject: Sha256,
    subject_name: String,
    /// What it lists that speaks against changes, or was not there to be looked at.
    changes: BTreeSet<Sha256>,
    /// What it lists that may speak against its artifact.
    about_it: BTreeSet<Sha256>,
    proved: Option<SourceRange>,
    exceptions: BTreeSet<ExceptionId>,
    /// Whether it was an emergency, or followed one up.
    emergency: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// How many entries were taken in.
    seen: u64,
    /// Decisions that do not hold, of all environments and of each.
    broken: BTreeMap<u64, Vec<Finding>>,
    broken_for: BTreeMap<EnvName, BTreeSet<u64>>,
    /// What speaks against changes.
    pub(crate) changes: BTreeMap<Sha256, Heard>,
    /// What may speak against an artifact: each document, with an entry that lists it.
    pub(crate) artifacts: BTreeMap<Sha256, Vec<(u64, Sha256)>>,
    /// For an environment, each revision where it first passed.
    passed: BTreeMap<(EnvName, Line), Passed>,
    /// The heads that landed, each where it first did.
    landed: BTreeMap<Line, BTreeMap<Oid, (u64, Oid)>>,
    /// The tags of a repository, each with the first entry that bound it.
    tags: BTreeMap<Uri, BTreeMap<BoundBefore, u64>>,
    /// The decisions that needed an exception.
    uses: BTreeMap<ExceptionId, Vec<u64>>,
    /// Emergencies of an environment, what followed them up, and what does not hold there.
    emergencies: BTreeMap<EnvName, Vec<u64>>,
}

#[derive(Debug, Default)]
struct Passed {
    /// Entry, revision and start, in the log's order.
    order: Vec<(u64, Oid)>,
    first: BTreeMap<Oid, (u64, Oid)>,
}

impl Past {
    fn take(&mut self, index: u64, environment: Option<&EnvName>, said: Result<Facts, Vec<Finding>>) {
        let facts = match said {
            Ok(facts) => facts,
            Err(findings) => {
                self.broken.insert(index, findings);
                if let Some(environment) = environment {
                    self.broken_for.entry(environment.clone()).or_default().insert(index);
                    self.emergencies.entry(environment.clone()).or_default().push(index);
                }
                return;
            }
        };
        if !facts.about_it.is_empty() {
            let of_artifact = self.artifacts.entry(facts.subject).or_default();
            of_artifact.reserve_exact(facts.about_it.len());
            of_artifact.extend(facts.about_it.into_iter().map(|digest| (index, digest)));
        }
        for id in facts.exceptions {
            self.uses.entry(id).or_default().push(index);
        }
        if let (true, Some(environment)) = (facts.emergency, environment) {
            self.emergencies.entry(environment.clone()).or_default().push(index);
        }
        let Some(range) = facts.proved else { return };
        if let Some(tag) = range.tag {
            let bound = BoundBefore { tag, revision: range.revision, subject: facts.subject_name };
            self.tags.entry(range.repository.clone()).or_default().entry(bound).or_insert(index);
        }
        let line = (range.repository, range.target_ref);
        if let Some(environment) = environment {
            let passed = self.passed.entry((environment.clone(), line.clone())).or_default();
            passed.first.entry(range.revision).or_insert_with(|| {
                passed.order.push((index, range.revision));
                (index, range.start)
            });
        }
        let landed = self.landed.entry(line).or_default();
        for (head, with) in range.landings {
            landed.entry(head).or_insert((index, with));
        }
    }

    /// What is wrong with the newest decision before `size` that does not hold; of one environment, if given.
    fn sound(&self, size: u64, environment: Option<&EnvName>) -> Result<(), Vec<Finding>> {
        let newest = match environment {
            None => self.broken.range(..size).next_back().map(|(_, findings)| findings),
            Some(environment) => {
                let there = self.broken_for.get(environment).and_then(|broken| broken.range(..size).next_back());
                there.and_then(|index| self.broken.get(index))
            }
        };
        newest.map_or(Ok(()), |findings| Err(findings.clone()))
    }
}

/// The heads that landed by earlier decisions, asked one by one.
#[derive(Debug, Clone)]
pub struct LandedBefore<'a> {
    view: StateView<'a>,
    line: Line,
}

impl LandedBefore<'_> {
    /// The commit with which a head landed; none if it did not.
    #[must_use]
    pub fn of(&self, head: &Oid) -> Option<Oid> {
        self.view.chain().find_map(|log| {
            let past = log.state.past.read().unwrap_or_else(PoisonError::into_inner);
            let (entry, with) = past.landed.get(&self.line)?.get(head)?;
            (*entry < log.size).then_some(*with)
        })
    }
}

impl LogState {
    /// Reads every `of`-th decision from `part` on, so that several threads share what has to be verified: what is asked
    /// later is the same, whoever read it.
    pub fn prepare(&self, part: usize, of: usize, blobs: &dyn Blobs) {
        let decisions = (0_u64..).zip(self.entries()).filter(|(_, entry)| entry.kind == Kind::PromotionDecision);
        for (index, _) in decisions.skip(part).step_by(of.max(1)) {
            self.prepare_one(index, blobs);
        }
    }

    /// The same of one decision.
    pub fn prepare_one(&self, index: u64, blobs: &dyn Blobs) {
        let facts = self.now().facts(index, blobs);
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(index, facts);
    }

    /// Takes in what the decisions before entry `size` say, so that what was read of them ahead need not be held.
    pub fn catch_up(&self, size: u64, blobs: &dyn Blobs) {
        if let Some(view) = self.at(size) {
            view.take_all(blobs);
        }
    }
}

impl<'a> StateView<'a> {
    /// Answers by what decisions up to here say.
    pub(crate) fn by_past<T>(
        &self,
        environment: Option<&EnvName>,
        blobs: &dyn Blobs,
        answer: impl FnOnce(&Past, u64) -> T,
    ) -> Result<T, Vec<Finding>> {
        self.take_all(blobs);
        let past = self.state.past.read().unwrap_or_else(PoisonError::into_inner);
        past.sound(self.size, environment)?;
        Ok(answer(&past, self.size))
    }

    fn take_all(&self, blobs: &dyn Blobs) {
        let past = &self.state.past;
        if past.read().unwrap_or_else(PoisonError::into_inner).seen < self.size {
            let mut past = past.write().unwrap_or_else(PoisonError::into_inner);
            while past.seen < self.size {
                self.take_next(&mut past, blobs);
            }
        }
    }

    fn take_next(&self, past: &mut Past, blobs: &dyn Blobs) {
        let index = past.seen;
        past.seen = index.saturating_add(1);
        let Some(entry) = usize::try_from(index).ok().and_then(|i| self.state.entries().get(i)) else { return };
        if entry.kind != Kind::PromotionDecision {
            return;
        }
        let prepared = self.state.prepared.lock().unwrap_or_else(PoisonError::into_inner).remove(&index);
        let facts = prepared.unwrap_or_else(|| self.facts(index, blobs));
        for digest in facts.iter().flat_map(|facts| &facts.changes) {
            let heard = past.changes.entry(*digest).or_default();
            heard.listen(self, digest, index, blobs);
        }
        past.take(index, entry.environment.as_ref(), facts);
    }

    fn facts(&self, index: u64, blobs: &dyn Blobs) -> Result<Facts, Vec<Finding>> {
        let promoted = self.decision(index, blobs)?;
        let content = &promoted.content;
        let mut out = Facts {
            subject: content.request.subject,
            subject_name: content.request.subject_name.clone(),
            changes: BTreeSet::new(),
            about_it: BTreeSet::new(),
            proved: content.proved().cloned(),
            exceptions: content.excepted().cloned().collect(),
            emergency: content.break_glass.is_some()
                || (content.verdict == Verdict::Pass
                    && !(content.followed_up.is_empty() && content.followed_up_earlier.is_empty())),
        };
        for reference in content.inputs.evidence.iter().flatten() {
            let about_changes = matches!(reference.kind, Some(Kind::Review | Kind::ChangeReview));
            let about_it = matches!(
                reference.kind,
                Some(
                    Kind::Provenance
                        | Kind::ConfigSnapshot
                        | Kind::IacPlan
                        | Kind::SecretScan
                        | Kind::TestResult
                        | Kind::Vulns
                        | Kind::Vex
                )
            );
            // Most are approvals, which say nothing against anybody.
            if about_changes && !silent(self.state, &reference.digest, blobs) {
                out.changes.insert(reference.digest);
            }
            if about_it {
                out.about_it.insert(reference.digest);
            }
        }
        Ok(out)
    }

    /// Where the range of commits begins that leads to a candidate, by what passed in an environment: that of the candidate,
    /// where it passed there first; else the newest revision that passed there for the first time. Earlier logs are asked
    /// as if this one had never begun anew.
    pub fn passed(
        &self,
        environment: &EnvName,
        line: (&Uri, &RefName),
        candidate: &Oid,
        blobs: &dyn Blobs,
    ) -> Result<Option<Oid>, Vec<Finding>> {
        let key = (environment.clone(), (line.0.clone(), line.1.clone()));
        for log in self.chain() {
            log.by_past(Some(environment), blobs, |_, _| ())?;
        }
        let first_in = |log: &StateView<'_>, revision: &Oid| {
            let past = log.state.past.read().unwrap_or_else(PoisonError::into_inner);
            let (entry, start) = past.passed.get(&key)?.first.get(revision)?;
            (*entry < log.size).then_some(*start)
        };
        // The oldest log that knows the candidate: there it passed first.
        if let Some(start) = self.chain().filter_map(|log| first_in(&log, candidate)).last() {
            return Ok(Some(start));
        }
        Ok(self.chain().find_map(|log| {
            let past = log.state.past.read().unwrap_or_else(PoisonError::into_inner);
            let passed = past.passed.get(&key)?;
            let known = passed.order.partition_point(|(entry, _)| *entry < log.size);
            // What passed in an earlier log already moved nothing when it passed again.
            let new = |revision: &Oid| log.chain().skip(1).all(|earlier| first_in(&earlier, revision).is_none());
            passed.order.iter().take(known).rev().map(|(_, revision)| *revision).find(new)
        }))
    }

    /// The heads that landed on a line, by decisions for whatever environment.
    pub fn landed(&self, line: (&Uri, &RefName), blobs: &dyn Blobs) -> Result<LandedBefore<'a>, Vec<Finding>> {
        for log in self.chain() {
            log.by_past(None, blobs, |_, _| ())?;
        }
        Ok(LandedBefore { view: *self, line: (line.0.clone(), line.1.clone()) })
    }

    /// The tags of a repository that decisions bound to what passed, for whatever environment and on whatever branch.
    pub fn bound_tags(&self, repository: &Uri, blobs: &dyn Blobs) -> Result<Vec<BoundBefore>, Vec<Finding>> {
        let mut all = BTreeSet::new();
        for log in self.chain() {
            all.extend(log.by_past(None, blobs, |past, size| {
                let bound = past.tags.get(repository).into_iter().flatten();
                bound.filter(|(_, entry)| **entry < size).map(|(bound, _)| bound.clone()).collect::<Vec<_>>()
            })?);
        }
        Ok(all.into_iter().collect())
    }

    /// In how many decisions each exception was needed, those of earlier logs included; `newest` is one of this log. A
    /// decision that does not hold is left out: whoever reads it for another reason says so.
    #[must_use]
    pub fn uses(&self, blobs: &dyn Blobs) -> BTreeMap<ExceptionId, Use> {
        let mut all: BTreeMap<ExceptionId, Use> = BTreeMap::new();
        for log in self.chain() {
            // Whether all hold plays no part: the answer is taken after they were taken in.
            drop(log.by_past(None, blobs, |_, _| ()));
            let past = log.state.past.read().unwrap_or_else(PoisonError::into_inner);
            for (id, entries) in &past.uses {
                let known = entries.partition_point(|entry| *entry < log.size);
                let Some(newest) = known.checked_sub(1).and_then(|at| entries.get(at)) else { continue };
                let used = all.entry(id.clone()).or_default();
                used.decisions = used.decisions.saturating_add(u64::try_from(known).unwrap_or(u64::MAX));
                used.newest = used.newest.or_else(|| (!log.state.is_carried()).then_some(*newest));
            }
        }
        all
    }

    /// The decisions of an environment that were emergencies or followed some up, and those that do not hold, newest first;
    /// those of earlier logs last.
    pub fn emergencies(&self, environment: &EnvName, blobs: &dyn Blobs) -> Vec<Result<Arc<Promoted>, Vec<Finding>>> {
        let mut all = Vec::new();
        for log in self.chain() {
            drop(log.by_past(None, blobs, |_, _| ()));
            let entries: Vec<u64> = {
                let past = log.state.past.read().unwrap_or_else(PoisonError::into_inner);
                let known = past.emergencies.get(environment).into_iter().flatten();
                known.copied().filter(|entry| *entry < log.size).collect()
            };
            all.extend(entries.into_iter().rev().map(|entry| log.decision(entry, blobs)));
        }
        all
    }
}
