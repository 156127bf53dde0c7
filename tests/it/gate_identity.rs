//! A gate without a key: the decision is signed as the identity of the CI job, by a Sigstore instance of our own, and holds
//! years later, offline, for whoever has the package.

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding};
use countersign_core::key::KeyId;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::trust::{Claim, ShownIdentity};
use countersign_tests::door::{Door, Said, bare};
use countersign_tests::sigstore::{Fault, Faults, Instance, Key, Server, Who, now};
use countersign_tests::world::World;
use countersign_verify::LogState;
use countersign_verify::trust::verify_trust;
use serde_json::Value;

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GATE: &str = "https://github.com/o/gate/.github/workflows/promote.yml@refs/heads/main";
const RELEASE: &str = "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const LEAST: &str = "--least-checkpoint outside/checkpoint";
const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
const KEYLESS: &str = "--keyless --signing-config config.json --trusted-root root.json --identity-token token";

/// The demo's world, where trust, version 2, lets a workflow decide for production, and no key.
struct Scene {
    door: Door,
    server: Server,
    trust: String,
}

impl Scene {
    fn new() -> Self {
        Self::with("")
    }

    /// `more` is said of the gate's identity besides.
    fn with(more: &str) -> Self {
        let door = Door::new();
        let server = Server::over(Instance::new(now()));
        door.write("config.json", server.signing_config().as_bytes());
        door.write("root.json", &server.instance().trusted_root());
        let root = door.run("trust root root.json --name ours");
        root.expect(0, &["[[sigstore_roots]]"]);
        let identity = |subject: &str, claims: &str| {
            format!("[{{ root = \"ours\", issuer = \"{GITHUB}\", subject = \"{subject}\"{claims} }}]")
        };
        let gate = format!(
            "[[gates]]\nid = \"https://example.com/ci\"\nenvironments = [\"production\"]\nidentities = {}\n",
            identity(
                GATE,
                &format!(", claims = {{ workflow-digest = \"{COMMIT}\", environment = \"production\" }}{more}")
            ),
        );
        let builder = format!(
            "[[builders]]\nid = \"https://builder.example\"\nmax_level = 3\nkeys = []\nidentities = {}\n",
            identity(RELEASE, ""),
        );
        let text = String::from_utf8(door.read("trust.toml")).unwrap();
        let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
        let (before, keyed) = text.split_once("[[gates]]").unwrap();
        let after = keyed.split_once("[[").unwrap().1;
        door.run("key generate --output keys/next.pem").expect(0, &[]);
        let next = String::from_utf8(door.read("keys/next.pem.pub")).unwrap();
        let next = format!("[[logs]]\norigin = \"example.com/next\"\nkeys = [{{ key = \"\"\"{next}\"\"\" }}]\n");
        door.write("ours.toml", format!("{before}{next}\n{gate}\n{builder}\n[[{after}\n{}", root.out).as_bytes());
        for person in ["ada", "ben"] {
            door.run(&format!("trust sign ours.toml --key keys/{person} --output ours.json")).expect(0, &[]);
        }
        let digest = door.run("trust digest ours.json").out;
        let trust = format!("--trust ours.json --trust-digest {}", digest.trim());
        let activate = "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem \
                        --store store --checkpoint-output outside/checkpoint";
        door.run(&format!("{activate} {LEAST} {trust}")).expect(0, &["is active"]);
        Self { door, server, trust }
    }

    fn run(&self, line: &str) -> Said {
        self.door.run(&format!("{line} {}", self.trust))
    }

    fn token(&self, who: &Who) {
        let token = self.server.instance().token(who, now());
        self.door.write("token", token.as_bytes());
    }

    fn promote_with(&self, more: &str) -> Said {
        self.run(&format!(
            "promote app.bin --to production --repo app --store store --log-key keys/log.pem {EVIDENCE} {more}"
        ))
    }

    /// The gate's job, with what the instance does wrong.
    fn promote(&self, who: &Who) -> Said {
        self.token(who);
        self.promote_with(&format!("{KEYLESS} --checkpoint-output outside/newest {LEAST}"))
    }
}

fn job() -> Who {
    Who::workflow(GITHUB, GATE, COMMIT, Some("production"))
}

/// Where a store keeps a piece.
fn piece(store: &str, digest: &Sha256) -> String {
    let hex = digest.hex();
    format!("{store}/evidence/sha256/{}/{}", hex.split_at(2).0, hex.split_at(2).1)
}

#[test]
fn a_job_decides_as_the_identity_that_trust_names_and_years_later_the_package_alone_shows_it() {
    let scene = Scene::new();
    let door = &scene.door;
    // The instance's clock is ahead, and signing takes time: the decision is older than its signature.
    scene.server.instance().faults = Faults { timestamp_after: 4, ..Faults::default() };
    let entries = door.entries();
    scene
        .promote(&job())
        .expect(0, &["PASS: authorised for production", "https://example.com/ci", "recorded as entry"]);
    assert_eq!(door.entries(), entries + 1);
    let digest = Sha256::of(&door.read("app.bin"));
    let newest = "--least-checkpoint outside/newest";
    scene.run(&format!("verify {digest} --promoted-to production --store store {newest}")).expect(0, &["verified"]);
    scene.run(&format!("log verify --store store {newest}")).expect(0, &["PASS"]);
    // The next decision goes on from it, with another certificate of the same identity.
    scene.server.instance().faults = Faults::default();
    scene.token(&job());
    let said = scene.promote_with(&format!("{KEYLESS} {newest} --checkpoint-output outside/newest --format json"));
    let value: Value = serde_json::from_str(&said.out).unwrap();
    let who = &value["decision"]["request"]["gateIdentity"];
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(
        (&who["subject"], &who["issuer"], &who["claims"]["workflow-digest"]),
        (&GATE.into(), &GITHUB.into(), &COMMIT.into())
    );

    for (profile, says) in [("full", "0 come out otherwise"), ("facts-only", "signed statements hold")] {
        door.run(&format!("audit export --store store --profile {profile} --output {profile}.cspkg")).expect(0, &[]);
        let said = scene.run(&format!("audit verify {profile}.cspkg {newest}"));
        assert!(said.text.contains(says) && !said.text.contains("untrusted["), "{}", said.text);
        assert_eq!(said.code, if profile == "full" { 0 } else { 3 }, "{}", said.text);
    }
    // The auditor has the package, trust and the program, and no instance any more.
    let elsewhere = Door::empty();
    for name in ["full.cspkg", "ours.json", "outside/newest"] {
        elsewhere.write(name.rsplit('/').next().unwrap(), &door.read(name));
    }
    let line = format!("audit verify full.cspkg --least-checkpoint newest {}", scene.trust);
    bare(elsewhere.path(), &line.split_whitespace().collect::<Vec<_>>()).expect(0, &["PASS"]);
}

#[test]
fn nobody_else_s_identity_decides_and_none_whose_instance_does_wrong() {
    let scene = Scene::new();
    let entries = scene.door.entries();
    let other = "https://github.com/o/gate/.github/workflows/other.yml@refs/heads/main";
    for (what, who, code) in [
        (
            "another workflow of the repository",
            Who::workflow(GITHUB, other, COMMIT, Some("production")),
            "gate-unknown",
        ),
        ("another environment", Who::workflow(GITHUB, GATE, COMMIT, Some("staging")), "gate-unknown"),
        ("another issuer", Who::workflow("https://gitlab.com", GATE, COMMIT, Some("production")), "gate-unknown"),
        ("a builder's identity", Who::workflow(GITHUB, RELEASE, COMMIT, Some("production")), "gate-unknown"),
    ] {
        let said = scene.promote(&who);
        assert!(said.code == 4 && said.text.contains(code), "{what}: {}", said.text);
        assert!(
            said.text.contains("nothing was recorded") && said.text.contains("expected: identity"),
            "{what}: {}",
            said.text
        );
    }
    for (faults, code) in [
        (Faults::one(Fault::FlippedProof), "inclusion-proof-invalid"),
        (Faults { timestamp_after: -700, ..Faults::default() }, "certificate-invalid"),
    ] {
        scene.server.instance().faults = faults;
        let said = scene.promote(&job());
        assert!(said.code == 4 && said.text.contains(code), "{code}: {}", said.text);
    }
    scene.server.instance().faults = Faults::default();
    // Without recording it is the same; and where nobody signs, what the gate would say.
    scene.token(&Who::person(GITHUB, "eve@example.com"));
    scene.promote_with(&format!("--dry-run {KEYLESS} {LEAST}")).expect(4, &["gate-unknown", "eve@example.com"]);
    scene.promote_with(&format!("--dry-run {LEAST}")).expect(0, &["would be authorised for production"]);
    // An instance that trust does not name, with the same names.
    let stranger = Server::over(Instance::new(now()));
    scene.door.write("config.json", stranger.signing_config().as_bytes());
    scene.door.write("root.json", &stranger.instance().trusted_root());
    scene.door.write("token", stranger.instance().token(&job(), now()).as_bytes());
    scene.promote_with(&format!("{KEYLESS} {LEAST}")).expect(3, &["sigstore-root-missing", "nothing was recorded"]);
    // The one that trust names, whose word is held against another root.
    scene.door.write("config.json", scene.server.signing_config().as_bytes());
    scene.token(&job());
    let said = scene.promote_with(&format!("{KEYLESS} {LEAST}"));
    assert_ne!(said.code, 0, "{}", said.text);
    assert_eq!(scene.door.entries(), entries, "nothing was recorded");
    // A key is none, where trust lists an identity alone.
    scene.promote_with(&format!("--key keys/gate.pem {LEAST}")).expect(4, &["gate-unknown", "promote.yml"]);
    scene.promote_with(&format!("--key keys/gate.pem {KEYLESS} {LEAST}")).expect(2, &["cannot be used with"]);
}

#[test]
fn an_identity_that_does_not_count_now_does_not_decide_and_one_that_was_lost_is_named_by_the_auditor() {
    let ended = Scene::with(&format!(", valid_until = \"{}\"", now().plus(-60)));
    ended.promote(&job()).expect(4, &["gate-unknown", "does not count at"]);

    let scene = Scene::new();
    scene.promote(&job()).expect(0, &["PASS"]);
    scene.door.run("audit export --store store --output full.cspkg").expect(0, &[]);
    let text = String::from_utf8(scene.door.read("ours.toml")).unwrap();
    let digest = scene.trust.rsplit(' ').next().unwrap();
    let previous = format!("previous = \"{}\"", scene.door.digest());
    let lost = format!("environment = \"production\" }}, compromised_since = \"{}\"", now().plus(-3_600));
    let text = text
        .replacen("version = 2\n", "version = 3\n", 1)
        .replacen(&previous, &format!("previous = \"{digest}\""), 1)
        .replacen("environment = \"production\" }", &lost, 1);
    scene.door.write("lost.toml", text.as_bytes());
    for person in ["ada", "ben"] {
        scene.door.run(&format!("trust sign lost.toml --key keys/{person} --output lost.json")).expect(0, &[]);
    }
    let digest = scene.door.run("trust digest lost.json").out;
    let line = format!(
        "audit verify full.cspkg --least-checkpoint outside/newest --trust lost.json --trust-digest {}",
        digest.trim()
    );
    let said = scene.door.run(&line);
    assert!(said.code != 0 && said.text.contains("key-not-valid") && said.text.contains("keys-since"), "{}", said.text);
    // The log is closed by the identity of a gate, as by its key.
    scene.token(&job());
    let close = "log close --successor example.com/next --store store --least-checkpoint outside/checkpoint --log-key keys/log.pem";
    scene.run(&format!("{close} {KEYLESS}")).expect(0, &["entry"]);
    scene.run("log verify --store store").expect(0, &[]);
    scene.promote(&job()).expect(1, &["log-closed"]);
    scene.run(close).expect(2, &["--key"]);
}

#[test]
fn a_store_from_which_the_root_was_taken_shows_no_decision() {
    let scene = Scene::new();
    scene.promote(&job()).expect(0, &["PASS"]);
    let root = Sha256::of(
        &serde_json::to_vec(&serde_json::from_slice::<Value>(&scene.door.read("root.json")).unwrap()).unwrap(),
    );
    let stored = piece("store", &root);
    assert!(scene.door.has(&stored), "the root lies in the store under its digest");
    // Nobody may have it erased: the decision is read with it.
    scene
        .run(&format!(
            "evidence erase {root} --reason asked --key keys/ada --log-key keys/log.pem --store store {LEAST}"
        ))
        .expect(1, &["erasure-forbidden"]);
    std::fs::remove_file(scene.door.path().join(&stored)).unwrap();
    let digest = Sha256::of(&scene.door.read("app.bin"));
    let newest = "--least-checkpoint outside/newest";
    let said = scene.run(&format!("verify {digest} --promoted-to production --store store {newest}"));
    assert!(said.code != 0 && said.text.contains("sigstore-root-missing"), "{}", said.text);
    let said =
        scene.run(&format!("promote app.bin --to production --repo app --store store --dry-run {EVIDENCE} {newest}"));
    assert!(said.code != 0, "a later decision needs what the earlier says: {}", said.text);
}

/// A world whose gate is an identity, and whoever writes its log by hand.
struct Operator {
    world: World,
    instance: Instance,
    key: Key,
}

/// What was recorded with a decision: who signed it, how many seconds after its time, and what it says of its gate.
struct Recorded {
    who: Who,
    after: i64,
    says: Option<Who>,
    root: bool,
}

fn honest() -> Recorded {
    Recorded { who: job(), after: 3, says: Some(job()), root: true }
}

impl Operator {
    fn new() -> Self {
        let mut world = World::new();
        let instance = Instance::new(world.now);
        let root = format!(
            "[[sigstore_roots]]\nname = \"ours\"\ndigest = \"{}\"\nfetched = \"{}\"\nmax_age_days = 30\n",
            Sha256::of(&instance.trusted_root()),
            world.now,
        );
        let gate = |id: &str, environment: &str| {
            format!(
                "[[gates]]\nid = \"https://example.com/{id}\"\nenvironments = [\"{environment}\"]\n[[gates.identities]]\n\
                 root = \"ours\"\nissuer = \"{GITHUB}\"\nsubject = \"{GATE}\"\n\
                 claims = {{ workflow-digest = \"{COMMIT}\", environment = \"{environment}\" }}\n"
            )
        };
        let builder = format!(
            "[[builders]]\nid = \"https://builder.example\"\nmax_level = 3\n[[builders.identities]]\nroot = \"ours\"\n\
             issuer = \"{GITHUB}\"\nsubject = \"{RELEASE}\"\n"
        );
        let toml =
            format!("{}\n{}{}{builder}{root}", world.trust_toml(2), gate("ci", "production"), gate("trial", "staging"));
        world.trust_from_now_on(&toml, &["ada", "ben"]);
        Self { world, instance, key: Key::p256() }
    }

    fn shown(&self, who: &Who) -> ShownIdentity {
        let words = [(9, Claim::Workflow), (10, Claim::WorkflowDigest), (11, Claim::Runner), (23, Claim::Environment)];
        let claim = |number: u32| words.iter().find(|(known, _)| *known == number).unwrap().1;
        ShownIdentity {
            root: Sha256::of(&self.instance.trusted_root()),
            issuer: who.issuer.clone(),
            subject: who.name.clone(),
            claims: who.claims.iter().map(|(number, value)| (claim(*number), value.clone())).collect(),
        }
    }

    /// Records one, and reads it as everybody does.
    fn read(&mut self, recorded: &Recorded) -> Result<(), Vec<Finding>> {
        let world = &mut self.world;
        let artifact = Sha256::of(b"artifact");
        let mut arguments = world.arguments(&artifact, "production", Vec::new());
        arguments.request.gate = KeyId::of_spki_der(&self.key.spki());
        arguments.request.gate_identity = recorded.says.as_ref().map(|who| self.shown(who));
        let decision = arguments.decide();
        let world = &mut self.world;
        let subject = vec![Subject::sha256("app", &artifact)];
        let statement = Statement::new(Kind::PromotionDecision, subject, &decision).unwrap();
        let at = world.now.plus(recorded.after);
        let signed = self.instance.sign_with(&self.key, &statement.to_bytes().unwrap(), &recorded.who, at);
        let (entries, shelf) = (world.entries.clone(), world.shelf.clone());
        let statements = vec![world.shelf.put(&signed)];
        if recorded.root {
            world.shelf.put(&self.instance.trusted_root());
        }
        let environment = Some(decision.request.environment.clone());
        world.append(Kind::PromotionDecision, environment, vec![artifact], statements, Vec::new());
        let years = world.now.plus(3 * 365 * 86_400);
        let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
        let index = u64::try_from(entries.len()).unwrap();
        let opened = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, years);
        let read = opened.state.expect("a log that holds").now().decision(index, &world.shelf).map(drop);
        (world.entries, world.shelf) = (entries, shelf);
        read
    }

    #[track_caller]
    fn refused(&mut self, recorded: &Recorded, code: Code) {
        let findings = self.read(recorded).unwrap_err();
        assert_eq!(findings[0].code, code, "{findings:?}");
    }
}

#[test]
fn a_recorded_decision_names_the_certificate_that_signed_it_and_lies_near_it_in_time() {
    let mut operator = Operator::new();
    operator.read(&honest()).unwrap();
    operator.read(&Recorded { after: -60, ..honest() }).unwrap();
    // Long before or after the time that it gives.
    for after in [-1_000, 1_000] {
        operator.refused(&Recorded { after, ..honest() }, codes::TIMESTAMP_INVALID);
    }
    // Another run's certificate, of an identity that trust lets decide as well; or none that it names.
    let mut other = job();
    other.claims[2].1 = "self-hosted".to_owned();
    operator.read(&Recorded { who: other.clone(), says: Some(other.clone()), ..honest() }).unwrap();
    operator.refused(&Recorded { who: other, ..honest() }, codes::GATE_UNKNOWN);
    operator.refused(&Recorded { says: None, ..honest() }, codes::GATE_UNKNOWN);
    // Another commit of the workflow; the gate of another environment, a builder, and nobody.
    let commit = Who::workflow(GITHUB, GATE, &COMMIT.replace('0', "f"), Some("production"));
    operator.refused(&Recorded { who: commit.clone(), says: Some(commit), ..honest() }, codes::SIGNER_UNKNOWN);
    let trial = Who::workflow(GITHUB, GATE, COMMIT, Some("staging"));
    operator.refused(&Recorded { who: trial.clone(), says: Some(trial), ..honest() }, codes::GATE_UNKNOWN);
    let builder = Who::workflow(GITHUB, RELEASE, COMMIT, Some("production"));
    operator.refused(&Recorded { who: builder.clone(), says: Some(builder), ..honest() }, codes::SIGNER_NOT_ALLOWED);
    let nobody = Who::workflow(GITHUB, GATE, COMMIT, None);
    operator.refused(&Recorded { who: nobody.clone(), says: Some(nobody), ..honest() }, codes::SIGNER_UNKNOWN);
    operator.refused(&Recorded { root: false, ..honest() }, codes::SIGSTORE_ROOT_MISSING);
    for (fault, code) in [
        (Fault::FlippedProof, codes::INCLUSION_PROOF_INVALID),
        (Fault::WrongSct, codes::SCT_INVALID),
        (Fault::NoTimestamp, codes::TIMESTAMP_MISSING),
    ] {
        operator.instance.faults = Faults::one(fault);
        operator.refused(&honest(), code);
    }
}
