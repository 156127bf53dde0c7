//! A long log: promotion after promotion in a world, on one state of the log that goes on, so that each costs what it costs
//! by itself. The same decisions as [`World::promote_next`] makes, which opens the log anew for each.

use crate::sigstore::{Instance, Who};
use crate::world::{BRANCH, REPOSITORY, World};
use countersign_core::bundle::Signed;
use countersign_core::decision::{Decision, EvidenceRef, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::git::{Oid, Recording};
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::merkle::{Frontier, leaf_hash};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_decide::{ElsewhereBy, Given, TrustGiven, decide};
use countersign_sign::sign_payload;
use countersign_verify::log::checks_of;
use countersign_verify::trust::{TrustOutcome, verify_trust};
use countersign_verify::{Evidence, History, LogState};
use serde_json::json;

/// Whose identity the builder has.
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main";
const WORKFLOW_AT: &str = "abababababababababababababababababababab";

/// How many files changes go round in: the trees of a long history are no larger than those of a short one.
const FILES: usize = 200;

/// A world whose log goes on.
#[derive(Debug)]
pub struct Chronicle {
    /// The world.
    pub world: World,
    /// How many components each artifact has.
    pub components: usize,
    /// Suites of tests whose results the builder signs as well.
    pub suites: &'static [&'static str],
    /// Where the builder signs by its identity: who vouches for it.
    vouching: Option<Instance>,
    state: LogState,
    tree: Frontier,
    trust: TrustOutcome,
}

impl Chronicle {
    /// Of a world as it is.
    #[must_use]
    pub fn of(world: World) -> Self {
        let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now);
        let verified = trust.trust.as_ref().expect("trust");
        let opened = LogState::open(&world.checkpoint(), &world.entries, verified, &world.shelf, world.now);
        let mut tree = Frontier::new();
        for entry in &world.entries {
            tree.push(leaf_hash(entry)).expect("few entries");
        }
        Self { state: opened.state.expect("a log"), tree, trust, world, components: 3, suites: &[], vouching: None }
    }

    /// Of a new world whose builder has no key and signs by its identity, each document with a certificate of its own, an
    /// entry in a log and a timestamp. Those that vouch for it are good for eleven months.
    #[must_use]
    pub fn keyless() -> Self {
        let mut world = World::new();
        let instance = Instance::new(world.now);
        let id = "[[builders]]\nid = \"https://example.com/builder\"\n";
        let claims = format!("claims = {{ workflow-digest = \"{WORKFLOW_AT}\" }}");
        let identity = format!(
            "identities = [{{ root = \"ours\", issuer = \"{ISSUER}\", subject = \"{WORKFLOW}\", {claims} }}]\n"
        );
        let root = format!(
            "[[sigstore_roots]]\nname = \"ours\"\ndigest = \"{}\"\nfetched = \"{}\"\nmax_age_days = 400\n",
            Sha256::of(&instance.trusted_root()),
            world.now
        );
        let toml = world.trust_toml(2).replacen(id, &format!("{id}{identity}"), 1);
        world.trust_from_now_on(&format!("{toml}{root}"), &["ada", "ben"]);
        let mut long = Self::of(world);
        long.vouching = Some(instance);
        long
    }

    /// Lands the next change and promotes it to each of these environments: what was decided, in that order.
    pub fn promote_next(&mut self, number: usize, environments: &[&str]) -> Vec<Decision> {
        let base = self.world.tip;
        let (head, landed) = self.world.land_in(number, number % FILES);
        let artifact = Sha256::of(format!("artifact {number}").as_bytes());
        let mut documents = self.built(&artifact, &landed);
        for person in ["ada", "ben"] {
            documents.push(self.world.review(person, &base, &head, ReviewDecision::Approve));
        }
        documents.extend(self.suites.iter().map(|suite| self.tested(&artifact, suite)));
        if let Some(instance) = &mut self.vouching {
            let who = Who::workflow(ISSUER, WORKFLOW, WORKFLOW_AT, None);
            let by_builder = |bytes: &[u8]| Signed::parse(bytes).expect("a bundle").payload;
            for document in documents.iter_mut().filter(|bytes| !is_review(bytes)) {
                *document = instance.sign(&by_builder(document), &who, self.world.now);
            }
            documents.push(instance.trusted_root());
        }
        environments.iter().map(|environment| self.decide(&artifact, environment, &documents)).collect()
    }

    fn built(&self, artifact: &Sha256, landed: &Oid) -> Vec<Vec<u8>> {
        self.world.built_from(&format!("{REPOSITORY}@{BRANCH}"), artifact, landed, "clean", self.components).to_vec()
    }

    fn tested(&self, artifact: &Sha256, suite: &str) -> Vec<u8> {
        let names: Vec<String> = (0..12).map(|n| format!("{suite}::case_{n}")).collect();
        let predicate = json!({"result": "PASSED", "configuration": [{"name": suite}], "passedTests": names});
        let subject = vec![Subject::sha256("app", artifact)];
        let statement = Statement::new(Kind::TestResult, subject, &predicate).expect("a statement");
        sign_payload(&statement.to_bytes().expect("canonical"), &self.world.builder).expect("signed")
    }

    fn decide(&mut self, artifact: &Sha256, environment: &str, documents: &[Vec<u8>]) -> Decision {
        let world = &self.world;
        let request = world.request(artifact, environment);
        let trust = self.trust.trust.as_ref().expect("trust");
        let evidence = Evidence::verify(documents, trust, request.time);
        let index: Vec<EvidenceRef> = evidence.index().to_vec();
        let view = self.state.now();
        let checks = checks_of(&view.reference());
        let given = Given {
            trust: TrustGiven { outcome: &self.trust, digest: Some(&world.trust_digest) },
            state: Some(view),
            witnessed: None,
            log_findings: &[],
            log_checks: &checks,
            least_checkpoint: Some(world.least.clone()),
            pin: Some(world.pin.clone()),
            evidence: Some(&evidence),
            index: Some(index),
            history: None,
            git: None,
            blobs: &world.shelf,
            elsewhere: ElsewhereBy::TheirRelease,
        };
        // As at the gate: first over the repository, to learn which objects the proof reads, then over those alone.
        let facts = world.facts();
        let recording = Recording::new(&world.objects);
        let rehearsal = History::rehearsal(&facts, &recording);
        drop(decide(&request, &Given { history: Some(&rehearsal), ..given.clone() }));
        let git = GitEvidence { facts, objects: recording.into_read() };
        let bytes = git.encode().expect("evidence");
        let parsed = GitEvidence::parse(&bytes).expect("evidence");
        let history = History::of(&parsed);
        let decision = decide(&request, &Given { history: Some(&history), git: Some(Sha256::of(&bytes)), ..given });
        self.world.record_with(documents, Some(&bytes), &decision);
        self.go_on();
        decision
    }

    fn go_on(&mut self) {
        let entry = self.world.entries.last().expect("an entry");
        self.tree.push(leaf_hash(entry)).expect("few entries");
        let (origin, size) = (self.world.least.origin.clone(), u64::try_from(self.world.entries.len()).expect("few"));
        let log = LogRef { origin, size, root: self.tree.root() };
        let checkpoint = self.world.checkpoint_of(&log);
        let more = std::slice::from_ref(entry);
        self.state.go_on(&checkpoint, more, &self.world.shelf, self.world.now).expect("the log goes on");
    }

    /// The state of the log.
    #[must_use]
    pub const fn state(&self) -> &LogState {
        &self.state
    }
}

fn is_review(document: &[u8]) -> bool {
    let signed = Signed::parse(document).expect("a bundle");
    Statement::parse(&signed.payload).expect("a statement").kind() == Some(Kind::Review)
}

/// A checkpoint as its log signs it.
impl World {
    fn checkpoint_of(&self, log: &LogRef) -> Vec<u8> {
        let LogRef { origin, size, root } = log.clone();
        let signer = crate::world::LogKeeper::of(self);
        Checkpoint { origin, size, root }.sign(&signer).expect("signed").to_string().into_bytes()
    }
}
