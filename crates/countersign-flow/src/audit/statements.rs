//! The signed statements that decisions rest on, checked by themselves. Where decisions are run again that is a part of it. A
//! package of facts alone has the statements and not the raw evidence, so no decision can be; and for a first look few are.

use super::facts::decisions;
use super::open::Opened;
use super::verify::summary_of;
use countersign_core::codes;
use countersign_core::decision::EvidenceRef;
use countersign_core::finding::Finding;
use countersign_record::side;
use countersign_verify::{Blobs as _, Evidence};

/// What came of one decision's statements, and how many there are.
#[derive(Debug, Default)]
struct Looked {
    findings: Vec<Finding>,
    hold: usize,
    /// Signed by an identity whose root is raw evidence, and elsewhere.
    elsewhere: usize,
}

/// Checks those of every decision in the package's scope, by the trust of the decision's time, and each decision's summary. What
/// is wrong with one and the decision itself says is no fault of the record. Gives what was found, and a sentence.
pub(super) fn check(opened: &Opened) -> (Vec<Finding>, String) {
    let state = &opened.state;
    let wanted: Vec<u64> =
        decisions(state).filter(|index| opened.scope.wants(*index, state, opened.gathered())).collect();
    let mut all = Looked::default();
    for one in side::each(&wanted, |index| of(*index, opened)) {
        all.findings.extend(one.findings);
        all.hold = all.hold.saturating_add(one.hold);
        all.elsewhere = all.elsewhere.saturating_add(one.elsewhere);
    }
    let mut words = format!("{} signed statements hold, by the trust of their decisions' times", all.hold);
    if all.elsewhere > 0 {
        words.push_str(&format!("; {} more are by identities whose roots are not in the package", all.elsewhere));
    }
    (all.findings, words)
}

fn of(index: u64, opened: &Opened) -> Looked {
    let (state, blobs) = (&opened.state, &opened.package);
    let mut out = Looked::default();
    // One that does not hold is said where decisions are read.
    let Ok(recorded) = state.now().decision(index, blobs) else { return out };
    let Some(view) = state.at(index) else { return out };
    let content = &recorded.content;
    let trust = view.trust();
    let signed =
        |reference: &&EvidenceRef| reference.kind.is_some() || trust.trust().sigstore_root(&reference.digest).is_some();
    // One that is missing is said where the scope is held against the package.
    let documents: Vec<Vec<u8>> = content
        .inputs
        .evidence
        .iter()
        .flatten()
        .filter(signed)
        .filter_map(|reference| blobs.blob(&reference.digest))
        .collect();
    let evidence = Evidence::verify(&documents, trust, content.request.time);
    out.hold = evidence.statements().count();
    for finding in evidence.findings() {
        let known = content.findings.iter().any(|said| said.code == finding.code && said.at == finding.at);
        if finding.code == codes::SIGSTORE_ROOT_MISSING {
            out.elsewhere = out.elsewhere.saturating_add(1);
        } else if !known {
            out.findings.push(finding.clone());
        }
    }
    out.findings.extend(summary_of(index, &recorded, state, blobs));
    for finding in &mut out.findings {
        finding.at.insert(0, format!("log entry {index}"));
    }
    out
}
