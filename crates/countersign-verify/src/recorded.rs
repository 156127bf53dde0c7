//! Evidence that the log has seen and that is not handed in now: what speaks against an artifact does not go away because
//! somebody leaves it out the second time.

use crate::evidence::{Blobs, Evidence, checked_blob};
use crate::log::StateView;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

impl StateView<'_> {
    /// Rejections and revocations of changes, and other provenances of the same artifact, that earlier decisions list and
    /// that are not among `given`. Each is checked by the trust and at the time of the decision that first listed it.
    pub fn spoken_against(
        &self,
        subject: &Sha256,
        given: &BTreeSet<Sha256>,
        blobs: &dyn Blobs,
    ) -> Result<Evidence, Vec<Finding>> {
        let mut wanted: BTreeMap<Sha256, u64> = BTreeMap::new();
        for promoted in self.decisions(None, None, blobs) {
            let promoted = promoted?;
            let same = promoted.content.request.subject == *subject;
            for reference in promoted.content.inputs.evidence.iter().flatten() {
                let bears = reference.kind == Some(Kind::Review) || (same && reference.kind == Some(Kind::Provenance));
                if bears && !given.contains(&reference.digest) {
                    wanted.insert(reference.digest, promoted.entry);
                }
            }
        }
        let mut out = Evidence::default();
        for (digest, entry) in wanted {
            if let Some(spoken) = self.speaks_against(&digest, entry, blobs)? {
                out.join(&spoken);
            }
        }
        Ok(out)
    }

    /// The document, verified, if it speaks against something. An approval left out only makes things harder.
    fn speaks_against(
        &self,
        digest: &Sha256,
        entry: u64,
        blobs: &dyn Blobs,
    ) -> Result<Option<Rc<Evidence>>, Vec<Finding>> {
        if let Some(known) = self.state.spoken.borrow().get(digest) {
            return Ok(known.clone());
        }
        let bytes = checked_blob(blobs, digest).ok_or_else(|| {
            vec![
                Finding::new(codes::EVIDENCE_WITHHELD, "evidence that an earlier decision lists is not in the store")
                    .at(format!("log entry {entry}"))
                    .expected(digest.to_string(), "the log")
                    .found("missing or altered")
                    .help("bring it back from a copy of the store: it may speak against this artifact"),
            ]
        })?;
        let time = usize::try_from(entry).ok().and_then(|i| self.state.entries().get(i)).map(|entry| entry.time);
        let spoken = time.filter(|_| speaks(&bytes)).map(|time| {
            let trust = self.state.trust_before(entry);
            // A root that is gone would let a rejection go with it.
            let roots = trust.trust().sigstore_roots.iter().filter_map(|root| checked_blob(blobs, &root.digest));
            let documents: Vec<Vec<u8>> = std::iter::once(bytes).chain(roots).collect();
            Rc::new(Evidence::verify(&documents, trust, time))
        });
        if let Some(lost) =
            spoken.iter().flat_map(|spoken| spoken.findings()).find(|f| f.code == codes::SIGSTORE_ROOT_MISSING)
        {
            return Err(vec![lost.clone()]);
        }
        self.state.spoken.borrow_mut().insert(*digest, spoken.clone());
        Ok(spoken)
    }
}

fn speaks(bytes: &[u8]) -> bool {
    let statement = Signed::parse(bytes).ok().and_then(|signed| Statement::parse(&signed.payload).ok());
    let Some(statement) = statement else { return false };
    match statement.kind() {
        Some(Kind::Provenance) => true,
        Some(Kind::Review) => statement
            .predicate_as::<Review>(Kind::Review)
            .is_ok_and(|review| review.decision != ReviewDecision::Approve),
        _ => false,
    }
}
