//! Everything that was handed in, checked document by document.

use crate::document::{Verified, verify_document};
use crate::trust::VerifiedTrust;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::EvidenceRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use std::collections::BTreeSet;

/// Gives stored bytes by digest. What it gives is hashed again before it is used.
pub trait Blobs {
    /// The bytes, or `None` if they are not there.
    fn blob(&self, digest: &Sha256) -> Option<Vec<u8>>;
}

/// The blob, if it is there and is what its name says.
pub(crate) fn checked_blob(blobs: &dyn Blobs, digest: &Sha256) -> Option<Vec<u8>> {
    blobs.blob(digest).filter(|bytes| Sha256::of(bytes) == *digest)
}

/// Verified evidence, and what was wrong with the rest.
#[derive(Debug, Default)]
pub struct Evidence {
    statements: Vec<Verified<Statement>>,
    findings: Vec<Finding>,
    index: Vec<EvidenceRef>,
}

impl Evidence {
    /// Checks every document at that time. One that does not hold is a finding, never left out in silence; one that
    /// was handed in twice counts once.
    #[must_use]
    pub fn verify(documents: &[Vec<u8>], trust: &VerifiedTrust, at: Time) -> Self {
        let mut out = Self::default();
        let mut seen = BTreeSet::new();
        for (i, bytes) in documents.iter().enumerate() {
            let place = format!("evidence #{}", i.saturating_add(1));
            let digest = Sha256::of(bytes);
            if !seen.insert(digest) {
                out.findings
                    .push(Finding::new(codes::EVIDENCE_DUPLICATE, "the same document was handed in twice").at(place));
                continue;
            }
            match Signed::parse(bytes) {
                Err(error) => {
                    out.index.push(EvidenceRef { digest, kind: None });
                    out.findings.push(Finding::new(error.code(), error.to_string()).at(place));
                }
                Ok(signed) => {
                    let kind = Statement::parse(&signed.payload).ok().and_then(|s| s.kind());
                    out.index.push(EvidenceRef { digest, kind });
                    match verify_document(&signed, trust, at, &place) {
                        Ok(verified) => out.statements.push(verified),
                        Err(findings) => out.findings.extend(findings),
                    }
                }
            }
        }
        out.index.sort();
        out
    }

    /// The statements that hold, of this kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Verified<Statement>> {
        self.statements.iter().filter(move |verified| verified.value().kind() == Some(kind))
    }

    /// What did not hold.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every document by digest, whether it holds or not.
    #[must_use]
    pub fn index(&self) -> &[EvidenceRef] {
        &self.index
    }
}
