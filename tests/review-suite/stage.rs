//! A case that is set up, and what its judge finds.

use super::scene::{MAIN, REPOSITORY, Scene, programs};
use crate::world::{Arguments, World};
use countersign_core::finding::{Class, Finding, Verdict, verdict_of};
use countersign_core::ids::{RefName, Uri};
use countersign_core::time::Time;
use countersign_flow::outside::TrustFile;
use countersign_flow::review::{VerifyRequest, verify};
use std::path::PathBuf;

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
    fn of(findings: Vec<Finding>) -> Self {
        Self { verdict: verdict_of(&findings), findings }
    }

    /// Every code above a note.
    #[must_use]
    pub fn codes(&self) -> Vec<&str> {
        self.findings.iter().filter(|f| f.class != Class::Note).map(|f| f.code.as_str()).collect()
    }

    /// Whether a code is among the findings.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code.as_str() == code)
    }
}

impl Stage {
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
        let at: Time = AT.parse().expect("a time");
        let scene = &self.scene;
        let file = scene.path().join("trust.sigstore.json");
        std::fs::write(&file, &scene.trust).expect("written");
        let trust = TrustFile::read(&file, Some(scene.trust_digest), at).expect("trust");
        let proof = verify(&VerifyRequest {
            repo: &self.repo,
            repository: &Uri::new(REPOSITORY).expect("a uri"),
            target: &RefName::new(MAIN).expect("a ref"),
            start: self.start.as_deref(),
            candidate: &self.candidate,
            documents: &scene.reviews.borrow(),
            captures: &scene.captures,
            trust: &trust,
            parameters: &scene.parameters,
            programs: &programs(),
            at,
        })
        .expect("proved");
        proof.findings.into_iter().chain(proof.outcome.findings).collect()
    }
}
