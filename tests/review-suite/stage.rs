//! A case that is set up, and what its judge finds.

use super::scene::{MAIN, REPOSITORY, Scene, programs};
use crate::world::{Arguments, World};
use countersign_core::finding::{Class, Finding, Verdict, verdict_of};
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::git::{Object, ObjectSet, ObjectSource, Oid, Recording, SourceError};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_decide::review::{Question, prove};
use countersign_flow::outside::TrustFile;
use countersign_flow::review::{Proof, VerifyRequest, verify};
use countersign_verify::{Evidence, History, VerifiedTrust};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The time at which cases are judged.
pub(super) const AT: &str = "2026-11-22T10:00:00Z";

/// A case that is set up, by who judges it.
#[derive(Debug)]
pub enum Stage {
    /// Whether two persons agreed to every commit of a range.
    Range(Box<Ask>),
    /// Whether an artifact may go to an environment.
    Gate(Box<Gating>),
}

/// The artifact that the gate is asked about.
pub(super) const ARTIFACT: &[u8] = b"artifact";

/// A question to the gate about an artifact.
#[derive(Debug)]
pub struct Gating {
    /// Where it plays.
    pub world: World,
    /// What is handed in.
    pub arguments: Arguments,
}

/// A question about a range of commits.
#[derive(Debug)]
pub struct Ask {
    /// Where it plays.
    pub scene: Scene,
    /// The repository.
    pub repo: PathBuf,
    /// Where the range begins; nobody says so for the first release.
    pub start: Option<String>,
    /// Where it ends.
    pub candidate: String,
    /// An object of which a collision detector is to say that it is marked.
    pub marked: Option<Oid>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// Everything that there is to say, notes as well.
    pub findings: Vec<Finding>,
}

impl Found {
    pub(super) fn of(findings: Vec<Finding>) -> Self {
        Self { verdict: verdict_of(&findings), findings }
    }

    /// Every code above a note.
    #[must_use]
    pub fn codes(&self) -> Vec<&str> {
        self.findings.iter().filter(|f| f.class != Class::Note).map(|f| f.code.as_str()).collect()
    }

    /// Whether a finding says this.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        text.is_empty() || self.findings.iter().any(|finding| countersign_report::text::finding(finding).contains(text))
    }

    /// Whether a code is among the findings.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code.as_str() == code)
    }
}

impl Stage {
    /// Has a collision detector say that an object is marked. Only the library can be told so.
    #[must_use]
    pub fn marked(mut self, object: &str) -> Self {
        if let Self::Range(ask) = &mut self {
            ask.marked = Some(object.parse().expect("an id"));
        }
        self
    }

    /// Who judges it: `range` and `gate` can be asked of any tool, `library` only of ours.
    #[must_use]
    pub fn judged_by(&self) -> &'static str {
        match self {
            Self::Range(ask) if ask.marked.is_some() => "library",
            Self::Range(_) => "range",
            Self::Gate(_) => "gate",
        }
    }

    /// Judges it, by the library.
    #[must_use]
    pub fn judge(&self) -> Found {
        match self {
            Self::Range(ask) => Found::of(ask.findings()),
            Self::Gate(gating) => {
                let decision = gating.arguments.decide();
                Found { verdict: decision.verdict, findings: decision.findings }
            }
        }
    }
}

impl Ask {
    fn findings(&self) -> Vec<Finding> {
        let (proof, trust) = proof_of(&self.scene, &self.repo, self.start.as_deref(), &self.candidate);
        match (&self.marked, &trust.outcome.trust) {
            (Some(id), Some(trust)) => self.findings_with_mark(&proof, id, trust),
            _ => proof.findings.into_iter().chain(proof.outcome.findings).collect(),
        }
    }

    /// The same question over the same evidence, as it is collected where a detector speaks up about one object.
    fn findings_with_mark(&self, proof: &Proof, marked: &Oid, trust: &VerifiedTrust) -> Vec<Finding> {
        let at: Time = AT.parse().expect("a time");
        let reviews = Evidence::verify(&self.scene.reviews.borrow(), trust, at);
        let GitEvidence { mut facts, objects } = GitEvidence::parse(&proof.evidence).expect("evidence");
        let (candidate, start) = (facts.candidate, facts.start.expect("a start"));
        let (repository, target) = (facts.repository.clone(), RefName::new(MAIN).expect("a ref"));
        let ask = |history: &History<'_>| {
            prove(&Question {
                history,
                trust,
                reviews: reviews.of_kind(Kind::Review).collect(),
                changes: &[],
                against: &[],
                repository: &repository,
                target_ref: &target,
                cut_from: None,
                candidate,
                start,
                landed: &BTreeMap::new(),
                tags: &[],
                at,
                parameters: &self.scene.parameters,
                by: "the suite",
            })
        };
        let recording = Recording::new(Marked { objects, marked: *marked });
        drop(ask(&History::rehearsal(&facts, &recording)));
        facts.unsound = recording.unsound();
        let collected = GitEvidence { facts, objects: recording.into_read() }.encode().expect("evidence");
        ask(&History::of(&GitEvidence::parse(&collected).expect("evidence"))).findings
    }
}

/// Proves a range of a scene by its own trust.
pub(super) fn proof_of(scene: &Scene, repo: &Path, start: Option<&str>, candidate: &str) -> (Proof, TrustFile) {
    let at: Time = AT.parse().expect("a time");
    let (file, digest) = scene.trust_file();
    let trust = TrustFile::read(&file, Some(digest), at).expect("trust");
    let proof = verify(&VerifyRequest {
        repo,
        repository: &Uri::new(REPOSITORY).expect("a uri"),
        target: &RefName::new(scene.target).expect("a ref"),
        cut_from: scene.cut_from.map(|name| RefName::new(name).expect("a ref")).as_ref(),
        start,
        candidate,
        documents: &scene.reviews.borrow(),
        captures: &scene.captures,
        previous: None,
        trust: &trust,
        parameters: &scene.parameters,
        programs: &programs(),
        at,
    })
    .expect("proved");
    (proof, trust)
}

/// Objects of which one is marked.
struct Marked {
    objects: ObjectSet,
    marked: Oid,
}

impl ObjectSource for Marked {
    fn object(&self, id: &Oid) -> Result<Object, SourceError> {
        if *id == self.marked { Err(SourceError::Collision { id: *id }) } else { self.objects.object(id) }
    }
}
