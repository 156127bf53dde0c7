//! Everything that was handed in, checked document by document.

use crate::document::{Verified, read_payload, read_statement, verify_read};
use crate::recorded;
use crate::sigstore::Roots;
use crate::trust::VerifiedTrust;
use countersign_core::blob::Blob;
use countersign_core::bundle::{BundleError, Signed};
use countersign_core::decision::EvidenceRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use std::collections::BTreeMap;

/// Gives stored bytes by digest. What it gives was hashed; that it was the one that was asked for is looked at before it is
/// used.
pub trait Blobs {
    /// The bytes, or `None` if they are not there.
    fn blob(&self, digest: &Sha256) -> Option<Blob>;
}

/// The blob that was asked for, if it is there.
pub fn named_blob(blobs: &dyn Blobs, digest: &Sha256) -> Option<Blob> {
    blobs.blob(digest).filter(|blob| blob.digest() == digest)
}

/// How findings name a document: by its digest, which is the same for the gate and for the auditor.
#[must_use]
pub fn place_of(digest: &Sha256) -> String {
    format!("evidence {digest}")
}

/// What is wrong with documents, one by one, where what they say is asked by nobody: the findings are those of
/// [`Evidence::of`], and so is the number of those that hold.
#[must_use]
pub fn signatures(documents: &[Blob], trust: &VerifiedTrust, at: Time) -> (usize, Vec<Finding>) {
    let by_digest = by_digest(documents);
    let (roots, mut findings) = Roots::stored(trust, by_digest.values().copied());
    let mut hold = 0_usize;
    for (digest, blob) in by_digest {
        if trust.trust().sigstore_root(&digest).is_some() {
            continue;
        }
        let place = place_of(&digest);
        let judged = Signed::parse_blob(blob).map_err(|error| unread(&error, &place)).and_then(|signed| {
            let payload = read_payload(&signed, &place)?;
            verify_read(payload, &signed, trust, &roots, at, &place).map(drop)
        });
        match judged {
            Ok(()) => hold = hold.saturating_add(1),
            Err(more) => findings.extend(more),
        }
    }
    (hold, findings)
}

fn by_digest(documents: &[Blob]) -> BTreeMap<Sha256, &Blob> {
    documents.iter().map(|blob| (*blob.digest(), blob)).collect()
}

fn unread(error: &BundleError, place: &str) -> Vec<Finding> {
    vec![Finding::new(error.code(), error.to_string()).at(place)]
}

/// Verified evidence, and what was wrong with the rest.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    statements: Vec<Verified<Statement>>,
    findings: Vec<Finding>,
    index: Vec<EvidenceRef>,
}

impl Evidence {
    /// Checks every document at that time. One that does not hold is a finding, never left out in silence. Documents are
    /// taken by digest: the order in which they were handed in, and how often, makes no difference to what is said. The
    /// Sigstore roots that trust names are documents among them.
    #[must_use]
    pub fn verify(documents: &[Vec<u8>], trust: &VerifiedTrust, at: Time) -> Self {
        let documents: Vec<Blob> = documents.iter().map(|bytes| Blob::of(bytes.clone())).collect();
        Self::of(&documents, trust, at)
    }

    /// The same of documents that come out of a store.
    #[must_use]
    pub fn of(documents: &[Blob], trust: &VerifiedTrust, at: Time) -> Self {
        let by_digest = by_digest(documents);
        let (roots, findings) = Roots::stored(trust, by_digest.values().copied());
        let mut out = Self { findings, ..Self::default() };
        for (digest, blob) in by_digest {
            let place = place_of(&digest);
            if trust.trust().sigstore_root(&digest).is_some() {
                out.index.push(EvidenceRef { digest, kind: None, against: None });
                continue;
            }
            match Signed::parse_blob(blob) {
                Err(error) => {
                    out.index.push(EvidenceRef { digest, kind: None, against: None });
                    out.findings.extend(unread(&error, &place));
                }
                Ok(signed) => {
                    let statement = read_statement(&signed, &place);
                    let kind = statement.as_ref().ok().and_then(Statement::kind);
                    let against = statement.as_ref().ok().and_then(recorded::against);
                    out.index.push(EvidenceRef { digest, kind, against });
                    match statement.and_then(|read| verify_read(read, &signed, trust, &roots, at, &place)) {
                        Ok(verified) => out.statements.push(verified),
                        Err(findings) => out.findings.extend(findings),
                    }
                }
            }
        }
        out
    }

    /// Takes in the statements of another that hold. What was handed in, the index, stays what it was.
    pub fn join(&mut self, other: &Self) {
        self.statements.extend(other.statements.iter().cloned());
    }

    /// Whether nothing holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statements that hold.
    pub fn statements(&self) -> impl Iterator<Item = &Verified<Statement>> {
        self.statements.iter()
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
