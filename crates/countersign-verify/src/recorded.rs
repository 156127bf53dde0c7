//! Evidence that the log has seen and that is not handed in now: what speaks against an artifact does not go away because
//! somebody leaves it out the second time.

use crate::evidence::{Blobs, Evidence, named_blob};
use crate::forge::{ForgeChange, verify_changes};
use crate::log::{LogState, StateView};
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::change_review::{ChangeReview, ReviewState};
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_core::statement::test_result::TestResult;
use countersign_core::statement::{Kind, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// What speaks against an artifact or its changes, as far as it held when it was handed in.
#[derive(Debug, Default, Clone)]
pub struct Spoken {
    /// Signed rejections and revocations, other provenances, what files and plans say, failed tests, scans of any kind, and
    /// what people said of vulnerabilities.
    pub evidence: Evidence,
    /// Records of forges in which somebody asks for changes.
    pub changes: Vec<ForgeChange>,
}

impl Spoken {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.evidence.is_empty() && self.changes.is_empty()
    }
}

/// A document that speaks against changes, or was not there to be looked at, as decisions list it one after the other.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The first entry under whose trust and at whose time it held, and what it says.
    held: Option<(u64, Arc<Spoken>)>,
    /// Entries that list it and at which it could not be told, up to there.
    untold: Vec<u64>,
}

impl Heard {
    /// One more decision lists it. What has held once speaks on.
    pub(crate) fn listen(&mut self, view: &StateView<'_>, digest: &Sha256, entry: u64, blobs: &dyn Blobs) {
        if self.held.is_some() {
            return;
        }
        match view.speaks_against(digest, entry, blobs) {
            Ok(Some(spoken)) if !spoken.is_empty() => self.held = Some((entry, Arc::new(spoken))),
            Ok(_) => {}
            Err(_) => self.untold.push(entry),
        }
    }
}

impl StateView<'_> {
    /// Rejections and revocations of changes, records of forges in which somebody asks for changes, and other provenances
    /// and scans for secrets of the same artifact, that earlier decisions list and that are not among `given`. Each is
    /// checked by the trust and at the time of the first decision that lists it and by which it holds: what was taken for
    /// true once does not go away because trust did not know its signer before, or does not know him now.
    pub fn spoken_against(
        &self,
        subject: &Sha256,
        given: &BTreeSet<Sha256>,
        blobs: &dyn Blobs,
    ) -> Result<Spoken, Vec<Finding>> {
        type Wanted = BTreeMap<Sha256, (Vec<u64>, Option<Arc<Spoken>>)>;
        let mut out = match self.earlier() {
            Some(earlier) => earlier.spoken_against(subject, given, blobs)?,
            None => Spoken::default(),
        };
        let wanted: Wanted = self.by_past(None, blobs, |past, size| {
            let before = |entries: &[u64]| entries.iter().copied().filter(|entry| *entry < size).collect::<Vec<_>>();
            let mut wanted = Wanted::new();
            let of_artifact = past.artifacts.get(subject).into_iter().flatten();
            for (entry, digest) in of_artifact.filter(|(entry, _)| *entry < size) {
                wanted.entry(*digest).or_default().0.push(*entry);
            }
            for (digest, heard) in &past.changes {
                let one = wanted.entry(*digest).or_default();
                one.0.extend(before(&heard.untold));
                one.1 = heard.held.as_ref().filter(|(entry, _)| *entry < size).map(|(_, spoken)| Arc::clone(spoken));
            }
            wanted.retain(|digest, (entries, held)| !given.contains(digest) && (held.is_some() || !entries.is_empty()));
            wanted
        })?;
        for (digest, (entries, held)) in wanted {
            let mut found = None;
            for entry in entries {
                found = self.speaks_against(&digest, entry, blobs)?.filter(|spoken| !spoken.is_empty());
                if found.is_some() {
                    break;
                }
            }
            let Some(spoken) = found.map(Arc::new).or(held) else { continue };
            out.evidence.join(&spoken.evidence);
            out.changes.extend(spoken.changes.iter().cloned());
        }
        Ok(out)
    }

    /// The document, verified, if it speaks against something. An approval left out only makes things harder.
    pub(crate) fn speaks_against(
        &self,
        digest: &Sha256,
        entry: u64,
        blobs: &dyn Blobs,
    ) -> Result<Option<Spoken>, Vec<Finding>> {
        let missing = |digest: &Sha256| {
            vec![
                Finding::new(codes::EVIDENCE_WITHHELD, "evidence that an earlier decision lists is not in the store")
                    .at(self.state.place(entry))
                    .expected(digest.to_string(), "the log")
                    .found("missing or altered")
                    .help("bring it back from a copy of the store: it may speak against this artifact"),
            ]
        };
        let bytes = named_blob(blobs, digest).ok_or_else(|| missing(digest))?;
        let time = usize::try_from(entry).ok().and_then(|i| self.state.entries().get(i)).map(|entry| entry.time);
        let (Some(time), Some(how)) = (time, speaks(&bytes)) else { return Ok(None) };
        // Without the answers that it rests on, a record says nothing, so leaving them out would silence it.
        if let Speaks::By(capture) = how
            && named_blob(blobs, &capture).is_none()
        {
            return Err(missing(&capture));
        }
        let trust = self.state.trust_before(entry);
        // A root that is gone would let a rejection go with it.
        let roots = trust.trust().sigstore_roots.iter().filter_map(|root| named_blob(blobs, &root.digest));
        let documents: Vec<Blob> = std::iter::once(bytes).chain(roots).collect();
        let evidence = Evidence::of(&documents, trust, time);
        if let Some(lost) = evidence.findings().iter().find(|f| f.code == codes::SIGSTORE_ROOT_MISSING) {
            return Err(vec![lost.clone()]);
        }
        let changes = verify_changes(&evidence, trust, blobs).changes;
        Ok(Some(Spoken { evidence, changes }))
    }
}

/// Whether a document is there and says nothing against anybody, which is looked at once.
pub(crate) fn silent(state: &LogState, digest: &Sha256, blobs: &dyn Blobs) -> bool {
    let known = || state.silent.lock().unwrap_or_else(PoisonError::into_inner);
    if known().contains(digest) {
        return true;
    }
    let silent = named_blob(blobs, digest).is_some_and(|bytes| speaks(&bytes).is_none());
    if silent {
        known().insert(*digest);
    }
    silent
}

/// How a document speaks against something.
enum Speaks {
    /// By itself.
    Alone,
    /// By the forge's answers in this capture.
    By(Sha256),
}

fn speaks(document: &Blob) -> Option<Speaks> {
    let signed = Signed::parse_blob(document).ok()?;
    let statement = Statement::parse(&signed.payload).ok()?;
    let kind = statement.kind()?;
    if matches!(kind, Kind::Provenance | Kind::ConfigSnapshot | Kind::IacPlan | Kind::SecretScan) {
        return Some(Speaks::Alone);
    }
    // A scan may be the newer one, and a statement of people may be that there is something to fear.
    if matches!(kind, Kind::Vulns | Kind::Vex) {
        return Some(Speaks::Alone);
    }
    if kind == Kind::TestResult {
        let result: TestResult = statement.predicate_as(kind).ok()?;
        return result.failed().then_some(Speaks::Alone);
    }
    if kind == Kind::Review {
        let review: Review = statement.predicate_as(kind).ok()?;
        return (review.decision != ReviewDecision::Approve).then_some(Speaks::Alone);
    }
    if kind == Kind::ChangeReview {
        let record: ChangeReview = statement.predicate_as(kind).ok()?;
        let asks = record.reviews.iter().any(|review| review.state == ReviewState::ChangesRequested);
        return asks.then_some(Speaks::By(record.capture));
    }
    None
}
