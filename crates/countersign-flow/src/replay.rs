//! A recorded decision, run again from the evidence store: the auditor's half of the pure function.

use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::decision::{Decision, EvidenceRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::policy::Pin;
use countersign_decide::{ByRule, ElsewhereBy, Given, TrustGiven, decide_by_rule};
use countersign_verify::trust::{TrustOutcome, verify_trust};
use countersign_verify::{Blobs, Evidence, History, LogState, StateView, named_blob};
use std::collections::BTreeSet;

/// Decides again, with every argument that the decision names: documents from the store by digest, the log as far as it
/// went then, and what was given from outside as it was recorded. What is missing now is a finding.
pub fn decide_again(recorded: &Decision, state: &LogState, blobs: &dyn Blobs) -> Result<Decision, Vec<Finding>> {
    Ok(Again::of(recorded, state, blobs)?.as_recorded())
}

/// The arguments of a recorded decision, fetched and verified once, however often they are decided by.
pub(crate) struct Again<'a> {
    recorded: &'a Decision,
    /// The log as the decision saw it.
    pub(crate) view: StateView<'a>,
    /// What was wrong with the trust that it was given, by the log of then.
    seen: Option<Finding>,
    outcome: TrustOutcome,
    evidence: Option<Evidence>,
    git: Option<GitEvidence>,
    witnessed: Option<Vec<u8>>,
    blobs: &'a dyn Blobs,
}

impl<'a> Again<'a> {
    /// Of a recorded decision.
    pub(crate) fn of(recorded: &'a Decision, state: &'a LogState, blobs: &'a dyn Blobs) -> Result<Self, Vec<Finding>> {
        let request = &recorded.request;
        let inputs = &recorded.inputs;
        let log = inputs.log.as_ref().ok_or_else(|| absent("the log's state"))?;
        let view = state.at(log.size).filter(|view| view.reference() == *log).ok_or_else(|| {
            vec![
                Finding::new(codes::LOG_FORKED, "the decision was made on another log than this one")
                    .expected(format!("{} entries of {}, root {}", log.size, log.origin, log.root), "the decision"),
            ]
        })?;
        let trust = inputs.trust.as_ref().ok_or_else(|| absent("trust"))?;
        let document = fetch(blobs, &trust.document, "the trust document")?;
        let outcome = verify_trust(&document, inputs.trust_digest_given.as_ref(), request.time);
        // A gate that was given another trust than the log's newest refused for that: it does so again.
        let seen = outcome.trust.as_ref().and_then(|outside| view.not_newest(outside)).map(|(_, finding)| finding);
        if trust.digest != *view.trust().digest() && seen.is_none() {
            return Err(vec![
                Finding::new(
                    codes::TRUST_DIGEST_MISMATCH,
                    "the decision was made under another trust than the one in force",
                )
                .expected(view.trust().digest().to_string(), "the log")
                .found(trust.digest.to_string()),
            ]);
        }
        let mut documents = Vec::new();
        for reference in inputs.evidence.iter().flatten() {
            documents.push(blobs.blob(&reference.digest).ok_or_else(|| gone("evidence", &reference.digest))?);
        }
        let evidence = outcome.trust.as_ref().map(|trust| Evidence::of(&documents, trust, request.time));
        // They were hashed there: what is not among them under its own name was altered.
        let found: BTreeSet<Sha256> = match &evidence {
            Some(evidence) => evidence.index().iter().map(|found| found.digest).collect(),
            None => documents.iter().map(|blob| *blob.digest()).collect(),
        };
        let mut named = inputs.evidence.iter().flatten();
        if let Some(altered) = named.find(|reference| !found.contains(&reference.digest)) {
            return Err(gone("evidence", &altered.digest));
        }
        let git = match &inputs.git {
            None => None,
            Some(digest) => {
                let bytes = fetch(blobs, digest, "the git evidence")?;
                let parsed = GitEvidence::parse(&bytes)
                    .map_err(|e| vec![Finding::new(codes::HISTORY_MALFORMED, e.to_string()).at(digest.to_string())])?;
                Some(parsed)
            }
        };
        let cosigned = inputs.witnessed.as_ref();
        let witnessed =
            cosigned.map(|digest| fetch(blobs, digest, "the cosigned checkpoint")).transpose()?.map(Blob::into_bytes);
        Ok(Self { recorded, view, seen, outcome, evidence, git, witnessed, blobs })
    }

    /// The git evidence, as it was read.
    pub(crate) fn git(&self) -> Option<&GitEvidence> {
        self.git.as_ref()
    }

    /// Decides by them as it was decided.
    pub(crate) fn as_recorded(&self) -> Decision {
        self.decide(self.view, self.recorded.inputs.pin.clone()).0
    }

    /// Decides by them, on a state that is the view or supposes something of it, and with a pin.
    pub(crate) fn decide(&self, view: StateView<'_>, pin: Option<Pin>) -> (Decision, ByRule) {
        let inputs = &self.recorded.inputs;
        let history = self.git.as_ref().map(History::of);
        // The log held when this state was opened, so its checklist is that of a log that holds.
        let (findings, checks) = (Vec::new(), countersign_verify::log::checks_of(&view.reference()));
        let (mut decision, by_rule) = decide_by_rule(
            &self.recorded.request,
            &Given {
                trust: TrustGiven { outcome: &self.outcome, digest: inputs.trust_digest_given.as_ref() },
                state: Some(view.seen_with(self.seen.as_ref())),
                log_findings: &findings,
                log_checks: &checks,
                least_checkpoint: inputs.least_checkpoint.clone(),
                witnessed: self.witnessed.as_deref(),
                pin,
                evidence: self.evidence.as_ref(),
                index: inputs.evidence.clone(),
                history: history.as_ref(),
                git: inputs.git,
                blobs: self.blobs,
                elsewhere: if inputs.elsewhere.is_empty() {
                    ElsewhereBy::OwnRelease
                } else {
                    ElsewhereBy::TheirRelease
                },
            },
        );
        // A decision from before it was written down says nothing of what its evidence speaks against.
        let marks = |all: &Option<Vec<EvidenceRef>>| all.iter().flatten().any(|reference| reference.against.is_some());
        if !marks(&inputs.evidence) {
            decision.inputs.evidence.iter_mut().flatten().for_each(|reference| reference.against = None);
        }
        (decision, by_rule)
    }
}

fn fetch(blobs: &dyn Blobs, digest: &Sha256, what: &str) -> Result<Blob, Vec<Finding>> {
    named_blob(blobs, digest).ok_or_else(|| gone(what, digest))
}

fn gone(what: &str, digest: &Sha256) -> Vec<Finding> {
    let what = format!("{what} that the decision names is missing or altered");
    vec![Finding::new(codes::PACKAGE_EVIDENCE_MISSING, what).at(digest.to_string())]
}

fn absent(what: &str) -> Vec<Finding> {
    vec![Finding::new(codes::PACKAGE_EVIDENCE_MISSING, format!("the decision does not name {what}"))]
}
