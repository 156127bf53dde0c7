//! The signed statements that decisions rest on, checked by themselves. Where decisions are run again that is a part of it. A
//! package of facts alone has the statements and not the raw evidence, so no decision can be; and for a first look few are.

use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::decision::EvidenceRef;
use countersign_core::finding::Finding;
use countersign_verify::evidence::signatures;
use countersign_verify::log::Promoted;
use countersign_verify::{Blobs, LogState};

/// What came of decisions' statements, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    pub(super) findings: Vec<Finding>,
    hold: usize,
    /// Signed by an identity whose root is raw evidence, and elsewhere.
    elsewhere: usize,
}

impl Signatures {
    /// Takes in those of another decision.
    pub(super) fn add(&mut self, one: Self) {
        self.findings.extend(one.findings);
        self.hold = self.hold.saturating_add(one.hold);
        self.elsewhere = self.elsewhere.saturating_add(one.elsewhere);
    }

    /// Takes in what was found besides, of the entry at this index.
    pub(super) fn take(&mut self, index: u64, findings: Vec<Finding>) {
        self.findings.extend(findings.into_iter().map(|mut finding| {
            finding.at.insert(0, format!("log entry {index}"));
            finding
        }));
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        let mut words = format!("{} signed statements hold, by the trust of their decisions' times", self.hold);
        if self.elsewhere > 0 {
            words.push_str(&format!("; {} more are by identities whose roots are not in the package", self.elsewhere));
        }
        words
    }
}

/// Checks those of a decision, by the trust of its time. What is wrong with one and the decision itself says is no fault of
/// the record.
pub(super) fn of(index: u64, recorded: &Promoted, state: &LogState, blobs: &dyn Blobs) -> Signatures {
    let mut out = Signatures::default();
    let Some(view) = state.at(index) else { return out };
    let content = &recorded.content;
    let trust = view.trust();
    let signed =
        |reference: &&EvidenceRef| reference.kind.is_some() || trust.trust().sigstore_root(&reference.digest).is_some();
    // One that is missing is said where the scope is held against the package.
    let documents: Vec<Blob> = content
        .inputs
        .evidence
        .iter()
        .flatten()
        .filter(signed)
        .filter_map(|reference| blobs.blob(&reference.digest))
        .collect();
    let (hold, findings) = signatures(&documents, trust, content.request.time);
    out.hold = hold;
    for finding in findings {
        let known = content.findings.iter().any(|said| said.code == finding.code && said.at == finding.at);
        if finding.code == codes::SIGSTORE_ROOT_MISSING {
            out.elsewhere = out.elsewhere.saturating_add(1);
        } else if !known {
            out.take(index, vec![finding]);
        }
    }
    out
}
