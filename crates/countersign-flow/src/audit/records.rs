//! Where the log records decisions: each by one entry of its own, with its summary and nothing else, and none in another place.
//! What gates signed and no list counts would be a promotion that nobody asks about.

use super::facts::Known;
use super::open::Opened;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::ids::Origin;
use countersign_core::statement::Kind;
use countersign_core::statement::vsa::{VerificationResult, Vsa};
use countersign_verify::document::SignerName;
use countersign_verify::gate::verify_by_gate;
use countersign_verify::named_blob;
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// What is wrong with how decisions that hold are recorded, and how many there are.
pub(super) fn check(opened: &Opened) -> (Vec<Finding>, usize) {
    let state = &opened.state;
    let recorded = Recorded { opened, all: OnceCell::new() };
    let mut findings = Vec::new();
    for known in &opened.gathered().decisions {
        let entry = usize::try_from(known.entry).ok().and_then(|index| state.entries().get(index));
        let Some(entry) = entry else { continue };
        if let Some(what) = misshapen(entry, known) {
            let finding = Finding::new(codes::LOG_ENTRY_MALFORMED, what).at(format!("log entry {}", known.entry));
            let found = format!("{} documents, {} pieces of evidence", entry.statements.len(), entry.evidence.len());
            findings
                .push(finding.expected("a decision, its summary, and what it rests on", "countersign").found(found));
        }
        for reference in known.content.inputs.evidence.iter().flatten() {
            if matches!(reference.kind, Some(Kind::PromotionDecision | Kind::Vsa)) {
                findings.extend(recorded.hidden(&reference.digest, known));
            }
        }
    }
    (findings, opened.gathered().decisions.len())
}

/// What an entry that records a decision never has.
fn misshapen(entry: &Entry, known: &Known) -> Option<&'static str> {
    match entry.statements.as_slice() {
        [decision, summary] if decision != summary => {}
        [_, _] => return Some("the entry names the decision as its own summary"),
        [] | [_] => return Some("the entry names no summary beside its decision"),
        [..] => return Some("the entry names more documents than a decision and its summary"),
    }
    let inputs = &known.content.inputs;
    let named = |digest: &Sha256| {
        [inputs.git, inputs.witnessed, inputs.gate_root].contains(&Some(*digest))
            || inputs.trust.as_ref().is_some_and(|trust| trust.document == *digest)
            || inputs.captures.contains(digest)
            || inputs.evidence.iter().flatten().any(|reference| reference.digest == *digest)
    };
    let all = entry.evidence.iter().all(named);
    (!all).then_some("the entry names evidence that its decision does not rest on")
}

/// What the log, and those that it goes on from, record as decisions and their summaries.
struct Recorded<'o> {
    opened: &'o Opened,
    all: OnceCell<BTreeSet<Sha256>>,
}

impl Recorded<'_> {
    fn has(&self, digest: &Sha256) -> bool {
        let all = self.all.get_or_init(|| {
            let logs = self.opened.state.now().chain();
            let entries = logs.flat_map(|log| log.entries()).filter(|entry| entry.kind == Kind::PromotionDecision);
            entries.flat_map(|entry| entry.statements.iter().take(2).copied()).collect()
        });
        all.contains(digest)
    }

    /// A decision of this log, or a summary that passes, that was handed in as evidence and that no entry records: that it
    /// lies in the record would be all that anybody can see of it. One that a gate made into another log is that log's.
    fn hidden(&self, digest: &Sha256, by: &Known) -> Option<Finding> {
        if self.has(digest) {
            return None;
        }
        let Opened { state, package, .. } = self.opened;
        let (bytes, view) = (named_blob(package, digest)?, state.at(by.entry)?);
        let place = format!("document {digest}");
        let signed = Signed::parse_blob(&bytes).ok()?;
        // What nobody in trust signed stands among the findings of the decision that lists it.
        let verified = verify_by_gate(&signed, view.trust(), package, by.time, &place).ok()?;
        if !matches!(verified.signed_by().owner, SignerName::Gate(_)) {
            return None;
        }
        let statement = verified.value();
        let ours = |origin: &Origin| state.now().chain().any(|log| log.origin() == origin);
        let what = if let Ok(decision) = statement.predicate_as::<Decision>(Kind::PromotionDecision) {
            let here = decision.inputs.log.as_ref().is_some_and(|log| ours(&log.origin));
            here.then_some("a decision of this log")?
        } else {
            let vsa = statement.predicate_as::<Vsa>(Kind::Vsa).ok()?;
            let elsewhere = view.trust().trust().logs.iter().any(|log| !ours(&log.origin));
            let hidden = vsa.verification_result == VerificationResult::Passed && !elsewhere;
            hidden.then_some("a gate's summary that passes")?
        };
        Some(
            Finding::new(
                codes::DECISION_UNRECORDED,
                format!("{what} lies among the evidence, and no entry records it"),
            )
            .at(place)
            .at(format!("log entry {}", by.entry))
            .expected("an entry of kind promotion-decision", "the log")
            .found("none"),
        )
    }
}
