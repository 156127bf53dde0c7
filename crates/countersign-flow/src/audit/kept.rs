//! What is kept of a decision while a package is open. A log of a hundred thousand of them has to fit into memory, so that what
//! most say alike is held once, and what nobody asks of a decision afterwards is not held at all.

use crate::compare::{in_words_of_here, is_of_another_version, is_told};
use countersign_core::decision::{ActivePolicy, BreakGlass, Decision, EvidenceRef, RuleOutcome, SourceRange, TrustRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::{EnvName, Origin, RefName, Uri};
use countersign_core::key::KeyId;
use countersign_core::time::Time;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A decision without its checklist, its notes, what it was held against, and what other environments would have said.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) request: Requested,
    pub(super) inputs: KeptInputs,
    pub(super) verdict: Verdict,
    pub(super) authorised: bool,
    pub(super) source: Option<Box<Range>>,
    pub(super) rules: Arc<Vec<RuleOutcome>>,
    pub(super) findings: Arc<Vec<Finding>>,
    pub(super) break_glass: Option<Box<BreakGlass>>,
    pub(super) followed_up: Vec<u64>,
    pub(super) followed_up_earlier: BTreeMap<Origin, Vec<u64>>,
}

/// What was asked.
#[derive(Debug)]
pub(super) struct Requested {
    pub(super) subject: Sha256,
    pub(super) subject_name: Arc<String>,
    pub(super) environment: Arc<EnvName>,
    pub(super) time: Time,
    pub(super) gate: Arc<KeyId>,
}

/// What it rests on.
#[derive(Debug)]
pub(super) struct KeptInputs {
    pub(super) policy: Option<Arc<ActivePolicy>>,
    pub(super) trust: Option<Arc<TrustRef>>,
    pub(super) evidence: Option<Box<[EvidenceRef]>>,
    pub(super) captures: Box<[Sha256]>,
    pub(super) git: Option<Sha256>,
    pub(super) witnessed: Option<Sha256>,
    /// The root by which the gate's certificate is judged, where one signed.
    pub(super) gate_root: Option<Sha256>,
}

/// Where its artifact comes from, less what landed.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) repository: Arc<Uri>,
    pub(super) target_ref: Arc<RefName>,
    pub(super) revision: Oid,
    pub(super) start: Oid,
    pub(super) commits: u64,
}

impl Kept {
    /// Of a decision; what others say alike is shared.
    pub(super) fn of(decision: &Decision, shared: &mut Shared) -> Self {
        let request = &decision.request;
        let words = Words::of(decision);
        let rules =
            decision.rules.iter().map(|rule| RuleOutcome { findings: words.telling(&rule.findings), ..rule.clone() });
        Self {
            request: Requested {
                subject: request.subject,
                subject_name: shared.texts.keep(request.subject_name.clone()),
                environment: shared.environments.keep(request.environment.clone()),
                time: request.time,
                gate: shared.gates.keep(request.gate),
            },
            inputs: KeptInputs::of(decision, shared),
            verdict: decision.verdict,
            authorised: decision.authorised,
            source: decision.source.as_ref().map(|range| Box::new(Range::of(range, shared))),
            rules: shared.rules.keep(rules.collect()),
            findings: shared.findings.keep(words.telling(&decision.findings)),
            break_glass: decision.break_glass.clone().map(Box::new),
            followed_up: decision.followed_up.clone(),
            followed_up_earlier: decision.followed_up_earlier.clone(),
        }
    }
}

impl KeptInputs {
    /// Of what a decision says that it rests on.
    pub(super) fn of(decision: &Decision, shared: &mut Shared) -> Self {
        let inputs = &decision.inputs;
        Self {
            policy: inputs.policy.clone().map(|policy| shared.policies.keep(policy)),
            trust: inputs.trust.clone().map(|trust| shared.trusts.keep(trust)),
            evidence: inputs.evidence.as_ref().map(|all| {
                // Nobody asks afterwards what it spoke against.
                all.iter().map(|reference| EvidenceRef { against: None, ..*reference }).collect()
            }),
            captures: inputs.captures.clone().into_boxed_slice(),
            git: inputs.git,
            witnessed: inputs.witnessed,
            gate_root: decision.request.gate_identity.as_ref().map(|identity| identity.root),
        }
    }
}

impl Range {
    fn of(range: &SourceRange, shared: &mut Shared) -> Self {
        Self {
            repository: shared.repositories.keep(range.repository.clone()),
            target_ref: shared.refs.keep(range.target_ref.clone()),
            revision: range.revision,
            start: range.start,
            commits: range.commits,
        }
    }
}

/// Whose sentences are kept of a decision's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// The decision's own: run again, they have to come out to the letter.
    Its,
    /// Those of the registry, since another version recorded it.
    Ours,
}

impl Words {
    fn of(decision: &Decision) -> Self {
        if is_of_another_version(decision) { Self::Ours } else { Self::Its }
    }

    /// Findings less notes; those of vulnerabilities are asked for.
    fn telling(self, all: &[Finding]) -> Vec<Finding> {
        let told = all.iter().filter(|finding| is_told(finding));
        told.map(|finding| if self == Self::Ours { in_words_of_here(finding) } else { finding.clone() }).collect()
    }
}

/// What decisions say alike.
#[derive(Debug, Default)]
pub(super) struct Shared {
    texts: Newest<String>,
    environments: Newest<EnvName>,
    gates: Newest<KeyId>,
    policies: Newest<ActivePolicy>,
    trusts: Newest<TrustRef>,
    repositories: Newest<Uri>,
    refs: Newest<RefName>,
    rules: Newest<Vec<RuleOutcome>>,
    findings: Newest<Vec<Finding>>,
}

impl Shared {
    /// A text of which there are few.
    pub(super) fn text(&mut self, text: String) -> Arc<String> {
        self.texts.keep(text)
    }
}

/// How many different values of a kind are remembered: what is said once more is mostly one of the last.
const NEWEST: usize = 64;

/// The values that were met last, each once.
#[derive(Debug)]
struct Newest<T>(VecDeque<Arc<T>>);

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: PartialEq> Newest<T> {
    fn keep(&mut self, value: T) -> Arc<T> {
        let place = self.0.iter().position(|known| **known == value);
        let known = place.and_then(|place| self.0.remove(place)).unwrap_or_else(|| Arc::new(value));
        self.0.push_front(Arc::clone(&known));
        self.0.truncate(NEWEST);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_held_once_and_what_is_new_by_itself() {
        let mut newest = Newest::default();
        let first = newest.keep("one".to_owned());
        for n in 0..NEWEST.saturating_sub(1) {
            newest.keep(n.to_string());
        }
        assert!(Arc::ptr_eq(&first, &newest.keep("one".to_owned())), "met among the last {NEWEST}");
        for n in 0..NEWEST {
            newest.keep(format!("other {n}"));
        }
        let again = newest.keep("one".to_owned());
        assert!(!Arc::ptr_eq(&first, &again) && first == again, "forgotten, and still the same value");
        assert_eq!(newest.0.len(), NEWEST);
    }
}
