//! The attacks on policy releases, pins and the log, as cases over a world in memory. Run as a test, and by `cargo xtask
//! policy-suite`, which prints a line for each.

mod cases;
mod excepted;
mod kept;
mod rollout;
pub mod written;

use crate::world::{Arguments, World, policy_toml};
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Verdict};
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use std::collections::BTreeMap;

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its number in the published list; honest twins have `+`.
    pub id: &'static str,
    /// What happens.
    pub what: &'static str,
    /// The verdict that it must get.
    pub verdict: Verdict,
    /// A code that must be among the findings; empty for honest ones.
    pub code: &'static str,
    /// Plays it.
    pub play: fn() -> Found,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// Every code above a note.
    pub codes: Vec<String>,
    /// Levels that were shown.
    pub levels: Vec<String>,
}

impl From<Decision> for Found {
    fn from(decision: Decision) -> Self {
        let codes = decision.findings.iter().filter(|f| f.class != Class::Note).map(|f| f.code.to_string()).collect();
        Self { verdict: decision.verdict, codes, levels: decision.levels }
    }
}

impl Case {
    /// Plays the case: `Ok` if verdict and code are those that it must get, and nothing is shown without a pass.
    pub fn run(&self) -> Result<Found, Found> {
        let found = (self.play)();
        let code = self.code.is_empty() || found.codes.iter().any(|code| code == self.code);
        let shows = found.verdict == Verdict::Pass || found.levels.is_empty();
        if found.verdict == self.verdict && code && shows { Ok(found) } else { Err(found) }
    }
}

/// Every case, in the order of the list.
#[must_use]
pub fn all() -> Vec<Case> {
    [cases::all(), kept::all(), written::all(), rollout::all(), excepted::all()].concat()
}

/// A world with one reviewed change that waits for its promotion.
struct Ready {
    world: World,
    artifact: Sha256,
    documents: Vec<Vec<u8>>,
}

impl Ready {
    fn new() -> Self {
        let mut world = World::new();
        let base = world.tip;
        let (head, landed) = world.land(1);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        Self { world, artifact, documents }
    }

    fn arguments(&self) -> Arguments {
        self.world.arguments(&self.artifact, "production", self.documents.clone())
    }

    /// The world's policy with other words in it, as another version.
    fn manifest(&self, version: u64, change: impl Fn(String) -> String) -> Manifest {
        let text = policy_toml(&self.world.start).replace("version = 1\n", &format!("version = {version}\n"));
        let files = BTreeMap::from([(SOURCE_FILE.to_owned(), change(text).into_bytes())]);
        Manifest::close(&files).expect("a policy")
    }

    /// Activates a release for production over the one that is active, and expects it from then on.
    fn activate(&mut self, manifest: &Manifest, approvers: &[&str], by: &[&str], reason: Option<&str>) {
        let release = self.world.release(manifest, approvers);
        self.activate_bytes(manifest, &release, by, reason);
    }

    fn activate_bytes(&mut self, manifest: &Manifest, release: &[u8], by: &[&str], reason: Option<&str>) {
        let replaces = Some(self.world.pin.digest);
        self.world.activate(manifest, release, "production", by, replaces, reason);
        self.world.pin.digest = manifest.digest().expect("a digest");
        self.world.pin.version = manifest.version;
    }
}
