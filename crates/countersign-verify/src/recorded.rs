//! Evidence that the log has seen and that is not handed in now: what speaks against an artifact does not go away because
//! somebody leaves it out the second time.

use crate::erased::Erased;
use crate::evidence::{Blobs, Evidence, named_blob};
use crate::forge::{ForgeChange, verify_changes};
use crate::log::{LogState, StateView};
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::Against;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::Uri;
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
    /// Of what is about the artifact: the first entry whose decision lists it and by which it holds.
    pub places: BTreeMap<Sha256, String>,
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
    ///
    /// A piece that the log says was erased counts as gone, whoever still has it. Where a decision wrote down that it agreed, it
    /// speaks against nobody; where it wrote down of which repository the changes were, only what comes from there, or from
    /// nobody knows where, cannot be told any more.
    pub fn spoken_against(
        &self,
        about: &About<'_>,
        given: &BTreeSet<Sha256>,
        blobs: &dyn Blobs,
    ) -> Result<Spoken, Vec<Finding>> {
        let mut out = Spoken::default();
        let logs: Vec<Self> = self.chain().collect();
        for log in logs.iter().rev() {
            let spoken = log.spoken_in(self, about, given, blobs)?;
            out.evidence.join(&spoken.evidence);
            out.changes.extend(spoken.changes);
            out.places.extend(spoken.places);
        }
        Ok(out)
    }

    /// The same in this log alone, as whoever stands at `from` sees it.
    fn spoken_in(
        &self,
        from: &Self,
        about: &About<'_>,
        given: &BTreeSet<Sha256>,
        blobs: &dyn Blobs,
    ) -> Result<Spoken, Vec<Finding>> {
        type Wanted = BTreeMap<Sha256, (Vec<u64>, Option<Arc<Spoken>>)>;
        let mut out = Spoken::default();
        let wanted: Wanted = self.by_past(None, blobs, |past, size| {
            let before = |entries: &[u64]| entries.iter().copied().filter(|entry| *entry < size).collect::<Vec<_>>();
            let mut wanted = Wanted::new();
            let of_artifact = past.artifacts.get(about.subject).into_iter().flatten();
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
            if let Some(gone) = from.erased(&digest, blobs) {
                self.may_be_gone(&digest, &entries, &gone, about, blobs)?;
                continue;
            }
            let mut found = None;
            for entry in entries {
                match self.speaks_against(&digest, entry, blobs) {
                    Ok(spoken) => found = spoken.filter(|spoken| !spoken.is_empty()),
                    Err(Unheard::Lost(lost)) => match from.erased(&lost, blobs) {
                        Some(gone) => self.may_be_gone(&digest, &[entry], &gone, about, blobs)?,
                        None => return Err(vec![self.lost(&lost, entry)]),
                    },
                    Err(Unheard::Unread(findings)) => return Err(findings),
                }
                if found.is_some() {
                    out.places.insert(digest, self.state.place(entry));
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
    ) -> Result<Option<Spoken>, Unheard> {
        let bytes = named_blob(blobs, digest).ok_or(Unheard::Lost(*digest))?;
        let time = usize::try_from(entry).ok().and_then(|i| self.state.entries().get(i)).map(|entry| entry.time);
        let (Some(time), Some(how)) = (time, speaks(&bytes)) else { return Ok(None) };
        // Without the answers that it rests on, a record says nothing, so leaving them out would silence it.
        if let Speaks::By(capture) = how
            && named_blob(blobs, &capture).is_none()
        {
            return Err(Unheard::Lost(capture));
        }
        let trust = self.state.trust_before(entry);
        // A root that is gone would let a rejection go with it.
        let roots = trust.trust().sigstore_roots.iter().filter_map(|root| named_blob(blobs, &root.digest));
        let documents: Vec<Blob> = std::iter::once(bytes).chain(roots).collect();
        let evidence = Evidence::of(&documents, trust, time);
        if let Some(lost) = evidence.findings().iter().find(|f| f.code == codes::SIGSTORE_ROOT_MISSING) {
            return Err(Unheard::Unread(vec![lost.clone()]));
        }
        let changes = verify_changes(&evidence, trust, blobs).changes;
        Ok(Some(Spoken { evidence, changes, places: BTreeMap::new() }))
    }

    /// Whether a document that was erased, or whose answers were, can be told to say nothing here by what decisions wrote down
    /// of it.
    fn may_be_gone(
        &self,
        digest: &Sha256,
        entries: &[u64],
        gone: &Erased,
        about: &About<'_>,
        blobs: &dyn Blobs,
    ) -> Result<(), Vec<Finding>> {
        let mut first = None;
        for entry in entries {
            first = first.or(Some(*entry));
            let decision = self.decision(*entry, blobs)?;
            let mut listed = decision.content.inputs.evidence.iter().flatten();
            let listed = listed.find(|reference| reference.digest == *digest);
            match listed.and_then(|reference| reference.against.as_ref()) {
                // With it, it was the same as without it.
                Some(Against::Nothing) => return Ok(()),
                Some(Against::Changes(repository)) if gone.already => {
                    if about.repository.is_some_and(|asked| asked != repository) {
                        return Ok(());
                    }
                    return Err(vec![
                        self.withheld(digest, *entry, gone, &format!("changes of {repository}")).help(
                            "nobody can tell any more which changes it was against; only a log that does not go on from this one \
                             decides without it",
                        ),
                    ]);
                }
                _ => {}
            }
        }
        let entry = first.unwrap_or_default();
        Err(vec![
            self.withheld(digest, entry, gone, "this artifact or its changes")
                .help("what was erased does not come back: build the artifact anew if it was about this one alone"),
        ])
    }

    fn withheld(&self, digest: &Sha256, entry: u64, gone: &Erased, against: &str) -> Finding {
        let what =
            format!("evidence that an earlier decision lists was erased, and it may have spoken against {against}");
        Finding::new(codes::EVIDENCE_WITHHELD, what)
            .at(self.state.place(entry))
            .expected(digest.to_string(), "the log")
            .found(format!("erased, as {} says", gone.place))
    }

    fn lost(&self, digest: &Sha256, entry: u64) -> Finding {
        Finding::new(codes::EVIDENCE_WITHHELD, "evidence that an earlier decision lists is not in the store")
            .at(self.state.place(entry))
            .expected(digest.to_string(), "the log")
            .found("missing or altered")
            .help("bring it back from a copy of the store: it may speak against this artifact")
    }
}

/// Whose turn it is.
#[derive(Debug)]
pub struct About<'a> {
    /// The artifact.
    pub subject: &'a Sha256,
    /// The repository that it comes from, where that is known.
    pub repository: Option<&'a Uri>,
}

/// Why a document was not heard.
pub(crate) enum Unheard {
    /// It, or the answers that it rests on, is not there.
    Lost(Sha256),
    /// It could not be judged.
    Unread(Vec<Finding>),
}

/// What a statement speaks against, where decisions write it down.
pub(crate) fn against(statement: &Statement) -> Option<Against> {
    let kind = statement.kind()?;
    if kind == Kind::TestResult {
        let result: TestResult = statement.predicate_as(kind).ok()?;
        return (!result.failed()).then_some(Against::Nothing);
    }
    if kind == Kind::Review {
        let review: Review = statement.predicate_as(kind).ok()?;
        let agrees = review.decision == ReviewDecision::Approve;
        return Some(if agrees { Against::Nothing } else { Against::Changes(review.repository) });
    }
    if kind == Kind::ChangeReview {
        let record: ChangeReview = statement.predicate_as(kind).ok()?;
        let asks = record.reviews.iter().any(|review| review.state == ReviewState::ChangesRequested);
        return Some(if asks { Against::Changes(record.repository.uri) } else { Against::Nothing });
    }
    None
}

/// The same of a document, whoever signed it.
#[must_use]
pub fn against_of(document: &Blob) -> Option<Against> {
    against(&Statement::parse(&Signed::parse_blob(document).ok()?.payload).ok()?)
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
