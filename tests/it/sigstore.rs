//! Certificates that sign: what an instance of our own makes, honestly and with every fault, against trust.

use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Code, Finding, Verdict};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_flow::replay::decide_again;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::sigstore::{Fault, Instance, Who};
use countersign_tests::world::World;
use countersign_verify::document::SignerName;
use countersign_verify::trust::verify_trust;
use countersign_verify::{Evidence, LogState, VerifiedTrust};
use serde_json::json;

const GOOGLE: &str = "https://accounts.google.com";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1";
const WORKFLOW_AT: &str = "abababababababababababababababababababab";

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

/// When things are signed here.
fn at() -> Time {
    time("2026-03-01T12:00:00Z")
}

/// Some days later.
fn later() -> Time {
    time("2026-03-05T12:00:00Z")
}

fn ada() -> Who {
    Who::person(GOOGLE, "ada@example.com")
}

fn builder() -> Who {
    Who::workflow(GITHUB, WORKFLOW, WORKFLOW_AT, None)
}

/// Everything that is known of an instance, and trust in it.
struct Scene {
    instance: Instance,
    key: SigningKey,
    /// Lines of ada's identity.
    ada: String,
    /// More of trust.
    more: String,
    roots: String,
    /// The lists that the instance's root does not have.
    without: Vec<&'static str>,
}

impl Scene {
    fn new() -> Self {
        Self::without(&[])
    }

    /// One whose root lacks these lists.
    fn without(lists: &[&'static str]) -> Self {
        let instance = Instance::new(at());
        let digest = Sha256::of(&instance.trusted_root_without(lists));
        Self {
            instance,
            without: lists.to_vec(),
            key: SigningKey::generate(KeyKind::Ed25519).unwrap(),
            ada: format!("root = \"ours\"\nissuer = \"{GOOGLE}\"\nsubject = \"ada@example.com\"\n"),
            more: String::new(),
            roots: format!(
                "[[sigstore_roots]]\nname = \"ours\"\ndigest = \"{digest}\"\nfetched = \"2026-02-20T00:00:00Z\"\nmax_age_days = 30\n"
            ),
        }
    }

    fn toml(&self) -> String {
        format!(
            "version = 1\nnot_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2027-01-01T00:00:00Z\"\n\
             [[persons]]\nid = \"ada\"\nkeys = [{{ key = \"{}\" }}]\n[[persons.identities]]\n{}\
             [[builders]]\nid = \"https://builder.example\"\nmax_level = 3\n[[builders.identities]]\nroot = \"ours\"\n\
             issuer = \"{GITHUB}\"\nsubject = {{ glob = \"https://github.com/o/r/.github/workflows/*.yml@refs/tags/*\" }}\n\
             claims = {{ workflow-digest = \"{WORKFLOW_AT}\" }}\n{}\n{}\
             [roles.trust]\npersons = [\"ada\"]\nthreshold = 1\n\
             [environments.production]\nreview_tier = \"T3\"\nbuilder_level = 2\n",
            self.key.public().to_openssh(),
            self.ada,
            self.more,
            self.roots
        )
    }

    fn trust(&self) -> VerifiedTrust {
        let trust = Trust::from_toml(self.toml().as_bytes()).unwrap();
        let digest = trust.digest().unwrap();
        let statement = Statement::new(Kind::Trust, vec![Subject::sha256("trust", &digest)], &trust).unwrap();
        let signed = sign_payload(&statement.to_bytes().unwrap(), &self.key).unwrap();
        verify_trust(&signed, Some(&digest), later()).trust.unwrap()
    }

    fn signed(&mut self, kind: Kind, who: &Who) -> Vec<u8> {
        self.instance.sign(&statement(kind), who, at())
    }

    fn root(&self) -> Vec<u8> {
        self.instance.trusted_root_without(&self.without)
    }

    /// What is made of these documents, and the root.
    fn verify(&self, documents: &[Vec<u8>], at: Time) -> Evidence {
        let documents: Vec<Vec<u8>> = documents.iter().cloned().chain([self.root()]).collect();
        Evidence::verify(&documents, &self.trust(), at)
    }

    /// The one code of a refusal.
    #[track_caller]
    fn refused(&mut self, document: Vec<u8>) -> Code {
        let evidence = self.verify(&[document], later());
        one(&evidence).code
    }
}

#[track_caller]
fn one(evidence: &Evidence) -> &Finding {
    assert!(evidence.is_empty(), "it was accepted");
    let [finding] = evidence.findings() else { panic!("{:?}", evidence.findings()) };
    assert!(matches!(finding.class, Class::Untrusted | Class::Indeterminate), "{finding:?}");
    finding
}

fn statement(kind: Kind) -> Vec<u8> {
    let subjects = vec![Subject::sha256("app", &Sha256::of(b"app"))];
    Statement::new(kind, subjects, &json!({ "a": 1 })).unwrap().to_bytes().unwrap()
}

#[test]
fn a_person_and_a_builder_sign_with_certificates_and_it_is_known_when() {
    let mut scene = Scene::new();
    let review = scene.signed(Kind::Review, &ada());
    let built = scene.signed(Kind::Provenance, &builder());
    let evidence = scene.verify(&[review, built], later());
    assert_eq!(evidence.findings(), []);
    let review = evidence.of_kind(Kind::Review).next().unwrap().signed_by();
    assert!(matches!(&review.owner, SignerName::Person(id) if id.as_str() == "ada"));
    assert_eq!(review.when.unwrap().existed, at());
    assert!(review.when.unwrap().logged);
    let built = evidence.of_kind(Kind::Provenance).next().unwrap().signed_by();
    assert!(matches!(&built.owner, SignerName::Builder { max_level: 3, .. }));
    // The root is evidence as well, by its digest.
    let root = Sha256::of(&scene.instance.trusted_root());
    assert!(evidence.index().iter().any(|reference| reference.digest == root));
}

#[test]
fn years_later_it_is_proved_again_at_the_time_of_the_decision() {
    let mut scene = Scene::new();
    let review = scene.signed(Kind::Review, &ada());
    // The certificate was valid for ten minutes; what counts is when it signed.
    assert!(!scene.verify(std::slice::from_ref(&review), later()).is_empty());
    // But nothing new is decided on a root of long ago,
    let evidence = scene.verify(std::slice::from_ref(&review), time("2026-03-22T12:00:00Z"));
    assert_eq!(one(&evidence).code, codes::SIGSTORE_ROOT_STALE);
    // and nothing is proved by what was signed later than the time in question.
    let evidence = scene.verify(&[review], time("2026-03-01T11:59:59Z"));
    assert_eq!(one(&evidence).code, codes::TIMESTAMP_INVALID);
}

#[test]
fn every_fault_of_the_instance_is_refused_with_its_code() {
    type Wrong = fn(&mut Instance);
    let faults: [(Code, Wrong); 13] = [
        (codes::INCLUSION_PROOF_INVALID, |i| i.faults.these.push(Fault::FlippedProof)),
        (codes::INCLUSION_PROOF_INVALID, |i| i.faults.these.push(Fault::OtherRoot)),
        (codes::CHECKPOINT_INVALID, |i| i.faults.these.push(Fault::ForeignCheckpoint)),
        (codes::SCT_INVALID, |i| i.faults.these.push(Fault::WrongSct)),
        (codes::SCT_INVALID, |i| i.faults.these.push(Fault::NoSct)),
        (codes::CERTIFICATE_INVALID, |i| i.faults.these.push(Fault::NotForSigning)),
        (codes::CERTIFICATE_INVALID, |i| i.faults.second_name = Some("mallory@example.com".to_owned())),
        (codes::TIMESTAMP_MISSING, |i| i.faults.these.push(Fault::NoTimestamp)),
        (codes::TIMESTAMP_INVALID, |i| i.faults.these.push(Fault::ForeignTimestamp)),
        // The certificate had expired when it signed.
        (codes::CERTIFICATE_INVALID, |i| i.faults.timestamp_after = 601),
        (codes::CERTIFICATE_INVALID, |i| i.faults.timestamp_after = -1),
        (codes::LOGGED_ENTRY_MISMATCH, |i| i.faults.these.push(Fault::OtherEntry)),
        (codes::INCLUSION_PROOF_INVALID, |i| i.faults.these.push(Fault::NoEntry)),
    ];
    for (n, (code, fault)) in faults.into_iter().enumerate() {
        let mut scene = Scene::new();
        fault(&mut scene.instance);
        let document = scene.signed(Kind::Review, &ada());
        assert_eq!(scene.refused(document), code, "fault {n}");
    }
}

#[test]
fn an_instance_without_logs_is_believed_where_trust_says_so_and_nowhere_else() {
    let mut scene = Scene::without(&["tlogs", "ctlogs"]);
    scene.instance.faults.these = vec![Fault::NoEntry, Fault::NoSct];
    let document = scene.signed(Kind::Review, &ada());
    assert_eq!(scene.refused(document.clone()), codes::INCLUSION_PROOF_INVALID);
    let evidence = scene.verify(std::slice::from_ref(&document), later());
    let help = one(&evidence).help.clone().unwrap_or_default();
    assert!(help.contains("`transparency = \"timestamp\"` for its root"), "{help}");
    scene.roots.push_str("transparency = \"timestamp\"\n");
    let evidence = scene.verify(&[document], later());
    let when = evidence.of_kind(Kind::Review).next().unwrap().signed_by().when.unwrap();
    assert!(!when.logged && when.existed == at());
    // Without a timestamp nothing says when, and an entry that is there has to be of a log that is known.
    scene.instance.faults.these.push(Fault::NoTimestamp);
    let document = scene.signed(Kind::Review, &ada());
    assert_eq!(scene.refused(document), codes::TIMESTAMP_MISSING);
    scene.instance.faults.these = vec![Fault::NoSct];
    let document = scene.signed(Kind::Review, &ada());
    assert_eq!(scene.refused(document), codes::CHECKPOINT_INVALID);
}

#[test]
fn a_timestamp_is_asked_for_beside_the_logs_of_an_instance_and_never_instead_of_them() {
    type Wrong = fn(&mut Instance);
    let cases: [(Option<Code>, Wrong); 9] = [
        (None, |_| {}),
        (Some(codes::INCLUSION_PROOF_INVALID), |i| i.faults.these.push(Fault::NoEntry)),
        (Some(codes::INCLUSION_PROOF_INVALID), |i| i.faults.these.extend([Fault::NoEntry, Fault::NoTimestamp])),
        (Some(codes::INCLUSION_PROOF_INVALID), |i| i.faults.these.push(Fault::FlippedProof)),
        (Some(codes::CHECKPOINT_INVALID), |i| i.faults.these.push(Fault::ForeignCheckpoint)),
        (Some(codes::LOGGED_ENTRY_MISMATCH), |i| i.faults.these.push(Fault::OtherEntry)),
        (Some(codes::SCT_INVALID), |i| i.faults.these.push(Fault::NoSct)),
        (Some(codes::SCT_INVALID), |i| i.faults.these.push(Fault::WrongSct)),
        (Some(codes::TIMESTAMP_MISSING), |i| i.faults.these.push(Fault::NoTimestamp)),
    ];
    for (number, (code, fault)) in cases.into_iter().enumerate() {
        let mut scene = Scene::new();
        scene.roots.push_str("transparency = \"timestamp\"\n");
        fault(&mut scene.instance);
        let document = scene.signed(Kind::Review, &ada());
        match code {
            Some(code) => assert_eq!(scene.refused(document), code, "{number}"),
            None => assert!(!scene.verify(&[document], later()).is_empty(), "{number}"),
        }
    }
    // A certificate log alone is asked for its word as well.
    let mut scene = Scene::without(&["tlogs"]);
    scene.roots.push_str("transparency = \"timestamp\"\n");
    scene.instance.faults.these = vec![Fault::NoEntry];
    let document = scene.signed(Kind::Review, &ada());
    assert!(!scene.verify(&[document], later()).is_empty());
    scene.instance.faults.these.push(Fault::NoSct);
    let document = scene.signed(Kind::Review, &ada());
    assert_eq!(scene.refused(document), codes::SCT_INVALID);
}

#[test]
fn a_builder_on_a_machine_of_its_tenant_s_shows_the_second_level_unless_trust_names_the_machine() {
    let level = |scene: &mut Scene, runner: Option<&str>| {
        let mut who = builder();
        who.claims.retain(|(number, _)| *number != 11);
        who.claims.extend(runner.map(|runner| (11, runner.to_owned())));
        let document = scene.signed(Kind::Provenance, &who);
        let evidence = scene.verify(&[document], later());
        let found = evidence.of_kind(Kind::Provenance).next().unwrap_or_else(|| panic!("{:?}", evidence.findings()));
        let SignerName::Builder { max_level, .. } = found.signed_by().owner else { panic!("no builder signed") };
        max_level
    };
    let mut scene = Scene::new();
    for (runner, shown) in [(Some("github-hosted"), 3), (Some("self-hosted"), 2), (Some("other"), 2), (None, 3)] {
        assert_eq!(level(&mut scene, runner), shown, "{runner:?}");
    }
    // An identity of the same builder that names the machine.
    scene.more = format!(
        "[[builders.identities]]\nroot = \"ours\"\nissuer = \"{GITHUB}\"\nsubject = \"{WORKFLOW}\"\n\
         claims = {{ runner = \"self-hosted\" }}\n"
    );
    assert_eq!(level(&mut scene, Some("self-hosted")), 3);
    assert_eq!(level(&mut scene, Some("other")), 2);
}

#[test]
fn a_bundle_of_another_form_is_refused_with_its_code() {
    let mut scene = Scene::new();
    let good = String::from_utf8(scene.signed(Kind::Review, &ada())).unwrap();
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let with = |change: fn(&mut serde_json::Value)| {
        let mut value = value.clone();
        change(&mut value);
        value.to_string()
    };
    for (code, bad) in [
        (codes::BUNDLE_MALFORMED, good.replacen("{\"dsse", "{\"mediaType\":\"x\",\"dsse", 1)),
        (codes::BUNDLE_MALFORMED, good.replacen("{\"dsse", &format!("{{\"a\":{deep},\"dsse"), 1)),
        (codes::BUNDLE_MALFORMED, good.replace("bundle.v0.3", "bundle.v0.4")),
        (codes::BUNDLE_MALFORMED, with(|v| v["verificationMaterial"]["publicKey"] = json!({ "hint": "x" }))),
        (codes::ENVELOPE_SIGNATURES, with(|v| v["dsseEnvelope"]["signatures"] = json!([]))),
        (
            codes::ENVELOPE_SIGNATURES,
            with(|v| {
                let one = v["dsseEnvelope"]["signatures"][0].clone();
                v["dsseEnvelope"]["signatures"] = json!([one, one]);
            }),
        ),
        (codes::PAYLOAD_TYPE, with(|v| v["dsseEnvelope"]["payloadType"] = json!("application/json"))),
        (codes::TIMESTAMP_MISSING, with(|v| v["verificationMaterial"]["timestampVerificationData"] = json!({}))),
        (codes::STATEMENT_MALFORMED, with(|v| v["dsseEnvelope"]["payload"] = json!("e30="))),
    ] {
        assert_eq!(scene.refused(bad.into_bytes()), code);
    }
}

#[test]
fn one_statement_s_certificate_vouches_for_no_other() {
    let mut scene = Scene::new();
    let value = |bytes: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
    let review = value(scene.signed(Kind::Review, &ada()));
    let other =
        Statement::new(Kind::Review, vec![Subject::sha256("other", &Sha256::of(b"other"))], &json!({})).unwrap();
    let mut forged = value(scene.instance.sign(&other.to_bytes().unwrap(), &ada(), at()));
    // The envelope of the one with what was certified, logged and timestamped of the other.
    forged["verificationMaterial"] = review["verificationMaterial"].clone();
    assert_eq!(scene.refused(forged.to_string().into_bytes()), codes::TIMESTAMP_INVALID);
    // The payload of the one under the signature of the other.
    let mut forged = review.clone();
    forged["dsseEnvelope"]["payload"] = json!(base64(&other.to_bytes().unwrap()));
    assert_eq!(scene.refused(forged.to_string().into_bytes()), codes::SIGNATURE_INVALID);
    // Subjects that cannot be bound.
    let git = Statement::new(Kind::Review, vec![Subject::git("change", "gitCommit", WORKFLOW_AT)], &json!({})).unwrap();
    let document = scene.instance.sign(&git.to_bytes().unwrap(), &ada(), at());
    assert_eq!(scene.refused(document), codes::SIGSTORE_UNSUPPORTED);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn another_instance_s_word_counts_for_nothing() {
    let mut scene = Scene::new();
    let document = Instance::new(at()).sign(&statement(Kind::Review), &ada(), at());
    assert_eq!(scene.refused(document), codes::TIMESTAMP_INVALID);
}

#[test]
fn an_identity_is_its_issuer_and_its_whole_name() {
    let workflow = |name: &str, digest: &str| Who::workflow(GITHUB, name, digest, None);
    for who in [
        Who::person("https://login.example.com", "ada@example.com"),
        Who::person(GOOGLE, "ada@example.com.evil.example"),
        Who::person(GOOGLE, "xada@example.com"),
        Who::person(GOOGLE, "Ada@example.com"),
        Who::person(GITHUB, WORKFLOW),
        workflow(WORKFLOW, "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"),
        workflow("https://github.com/o/r/.github/workflows/release.yml@refs/heads/v1", WORKFLOW_AT),
        workflow("https://github.com/evil/r/.github/workflows/release.yml@refs/tags/v1", WORKFLOW_AT),
    ] {
        let mut scene = Scene::new();
        let document = scene.signed(Kind::Review, &who);
        assert_eq!(scene.refused(document), codes::SIGNER_UNKNOWN, "{who:?}");
    }
}

#[test]
fn an_identity_signs_what_its_owner_may_and_no_more() {
    let mut scene = Scene::new();
    for (kind, who) in [(Kind::Provenance, ada()), (Kind::Review, builder()), (Kind::PromotionDecision, builder())] {
        let document = scene.signed(kind, &who);
        assert_eq!(scene.refused(document), codes::SIGNER_NOT_ALLOWED, "{kind:?}");
    }
}

#[test]
fn an_identity_counts_by_the_time_at_which_it_signed() {
    for (line, holds) in [
        ("valid_until = \"2026-03-02T00:00:00Z\"", true),
        ("valid_until = \"2026-03-01T12:00:00Z\"", false),
        ("valid_from = \"2026-03-01T12:00:01Z\"", false),
        ("compromised_since = \"2026-03-01T00:00:00Z\"", false),
        ("compromised_since = \"2026-03-02T00:00:00Z\"", true),
    ] {
        let mut scene = Scene::new();
        scene.ada.push_str(&format!("{line}\n"));
        let document = scene.signed(Kind::Review, &ada());
        if holds {
            assert!(!scene.verify(&[document], later()).is_empty(), "{line}");
        } else {
            assert_eq!(scene.refused(document), codes::KEY_NOT_VALID, "{line}");
        }
    }
}

#[test]
fn a_certificate_that_fits_two_owners_is_nobody_s() {
    let mut scene = Scene::new();
    scene.more = format!(
        "[[collectors]]\nname = \"watch\"\nmay_sign = [\"change-review\"]\n[[collectors.identities]]\nroot = \"ours\"\n\
         issuer = \"{GITHUB}\"\nsubject = {{ regex = '^https://github\\.com/o/r/.*$' }}\n"
    );
    let document = scene.signed(Kind::Provenance, &builder());
    assert_eq!(scene.refused(document), codes::IDENTITY_AMBIGUOUS);
}

#[test]
fn without_the_root_nothing_is_known_and_a_root_that_trust_does_not_name_is_no_root() {
    let mut scene = Scene::new();
    let document = scene.signed(Kind::Review, &ada());
    let evidence = Evidence::verify(std::slice::from_ref(&document), &scene.trust(), later());
    assert_eq!(one(&evidence).code, codes::SIGSTORE_ROOT_MISSING);
    let other = Instance::new(at()).trusted_root();
    let evidence = Evidence::verify(&[document.clone(), other], &scene.trust(), later());
    let found: Vec<Code> = evidence.findings().iter().map(|finding| finding.code).collect();
    assert!(found.contains(&codes::SIGSTORE_ROOT_MISSING) && found.contains(&codes::BUNDLE_MALFORMED), "{found:?}");
    scene.roots = "[[sigstore_roots]]\nname = \"ours\"\ndigest = \"sha256:".to_owned()
        + &"00".repeat(32)
        + "\"\nfetched = \"2026-02-20T00:00:00Z\"\nmax_age_days = 30\n";
    let evidence = Evidence::verify(&[document], &scene.trust(), later());
    assert_eq!(one(&evidence).code, codes::SIGSTORE_ROOT_MISSING);
}

#[test]
fn no_bit_of_a_bundle_can_be_turned() {
    let mut scene = Scene::new();
    let good = scene.signed(Kind::Review, &ada());
    let (trust, root) = (scene.trust(), scene.instance.trusted_root());
    let judge = |document: &[u8]| Evidence::verify(&[document.to_vec(), root.clone()], &trust, later());
    let first = |evidence: &Evidence| evidence.of_kind(Kind::Review).next().map(|review| review.signed_by().clone());
    let by = first(&judge(&good)).unwrap();
    let (mut refused, mut idle) = (0, 0);
    for place in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[place] ^= 1;
        let evidence = judge(&bad);
        let Some(found) = first(&evidence) else {
            refused += 1;
            continue;
        };
        // Some fields nothing is believed of: hints, what Rekor's second version repeats of the checkpoint, and what a
        // timestamp says beside what its authority signs. They change nothing of what is shown.
        assert_eq!(found, by, "{place}");
        assert_eq!(evidence.of_kind(Kind::Review).next().unwrap().value().predicate["a"], 1, "{place}");
        idle += 1;
    }
    assert!(refused > 3 * idle, "{refused} refused, {idle} without effect");
}

#[test]
fn a_decision_on_a_signed_identity_is_made_again_from_the_record_alone() {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let mut instance = Instance::new(world.now);
    let root = instance.trusted_root();
    let ben = format!(
        "id = \"ben\"\nidentities = [{{ root = \"ours\", issuer = \"{GOOGLE}\", subject = \"ben@example.com\" }}]"
    );
    let toml = world.trust_toml(2).replacen("id = \"ben\"", &ben, 1);
    let named = format!(
        "{toml}[[sigstore_roots]]\nname = \"ours\"\ndigest = \"{}\"\nfetched = \"{}\"\nmax_age_days = 30\n",
        Sha256::of(&root),
        world.now
    );
    world.trust_from_now_on(&named, &["ada", "ben"]);
    let signed = |world: &World, instance: &mut Instance, decision| {
        let signed = Signed::parse(&world.review("ben", &base, &head, decision)).unwrap();
        let mut statement = Statement::parse(&signed.payload).unwrap();
        statement.subjects.push(Subject::sha256("listing", &Sha256::of(b"listing")));
        instance.sign(&statement.to_bytes().unwrap(), &Who::person(GOOGLE, "ben@example.com"), world.now)
    };
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.push(world.review("ada", &base, &head, ReviewDecision::Approve));
    documents.push(signed(&world, &mut instance, ReviewDecision::Approve));
    let without_root = world.arguments(&artifact, "production", documents.clone()).decide();
    assert_eq!(without_root.verdict, Verdict::Fail, "one review is too few");
    assert!(without_root.findings.iter().any(|finding| finding.code == codes::SIGSTORE_ROOT_MISSING));
    documents.push(root.clone());
    let arguments = world.arguments(&artifact, "production", documents);
    let decision = arguments.decide();
    assert_eq!(decision.verdict, Verdict::Pass, "{:?}", decision.findings);
    assert!(decision.inputs.evidence.iter().flatten().any(|reference| reference.digest == Sha256::of(&root)));
    world.record(&arguments, &decision);

    // Years later, from what was recorded.
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
    let opened = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now);
    let state = opened.state.unwrap();
    assert_eq!(decide_again(&decision, &state, &world.shelf).unwrap(), decision);

    // A rejection with an identity that was seen once is not forgotten, nor does its root go missing unseen.
    let mut spoken = arguments.clone();
    spoken.documents.push(signed(&world, &mut instance, ReviewDecision::Reject));
    spoken.request.time = world.now;
    spoken.checkpoint = Some(world.checkpoint());
    spoken.entries.clone_from(&world.entries);
    spoken.shelf = world.shelf.clone();
    let rejected = spoken.decide();
    assert_eq!(rejected.verdict, Verdict::Fail);
    world.record(&spoken, &rejected);
    let mut left_out = arguments.clone();
    left_out.request.time = world.now;
    left_out.checkpoint = Some(world.checkpoint());
    left_out.entries.clone_from(&world.entries);
    left_out.shelf = world.shelf.clone();
    assert_eq!(left_out.decide().verdict, Verdict::Fail);
    left_out.documents.retain(|document| *document != root);
    drop(left_out.shelf.0.remove(&Sha256::of(&root)));
    assert_ne!(left_out.decide().verdict, Verdict::Pass);
}

#[test]
fn what_trust_says_of_identities_has_to_hold_together() {
    let gate = |claims: &str| {
        format!(
            "[[gates]]\nid = \"https://gate.example\"\nenvironments = [\"production\"]\n[[gates.identities]]\n\
             root = \"ours\"\nissuer = \"{GITHUB}\"\nsubject = \"https://github.com/o/gate\"\n{claims}"
        )
    };
    let ben = |subject: &str| {
        format!(
            "[[persons]]\nid = \"ben\"\n[[persons.identities]]\nroot = \"ours\"\nissuer = \"{GOOGLE}\"\nsubject = {subject}\n"
        )
    };
    for (more, code) in [
        (gate("claims = { environment = \"production\" }\n"), Some(codes::TRUST_MALFORMED)),
        (gate(&format!("claims = {{ workflow-digest = \"{WORKFLOW_AT}\" }}\n")), Some(codes::TRUST_MALFORMED)),
        (gate(&format!("claims = {{ workflow-digest = \"{WORKFLOW_AT}\", environment = \"production\" }}\n")), None),
        (ben("\"ada@example.com\""), Some(codes::KEY_SHARED)),
        (ben("{ glob = \"b*@example.com\" }"), Some(codes::TRUST_MALFORMED)),
        (ben("{ regex = \"ben\" }"), Some(codes::TRUST_MALFORMED)),
        (ben("\"ben@example.com\"").replace("\"ours\"", "\"theirs\""), Some(codes::TRUST_MALFORMED)),
        (ben("\"ben@example.com\""), None),
    ] {
        let mut scene = Scene::new();
        scene.more.clone_from(&more);
        let found = Trust::from_toml(scene.toml().as_bytes()).err().map(|error| error.code());
        assert_eq!(found, code, "{more}");
    }
}

#[test]
fn trust_without_identities_has_the_digest_that_it_always_had() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let text = format!(
        "version = 1\nnot_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2027-01-01T00:00:00Z\"\n\
         [[persons]]\nid = \"a\"\nkeys = [{{ key = \"{key}\" }}]\n[[gates]]\nid = \"https://g\"\nkeys = []\n\
         environments = [\"production\"]\n[roles.trust]\npersons = [\"a\"]\nthreshold = 1\n\
         [environments.production]\nreview_tier = \"T3\"\nbuilder_level = 2\n"
    );
    let digest = Trust::from_toml(text.as_bytes()).unwrap().digest().unwrap();
    assert_eq!(digest.to_string(), "sha256:0a3921d1fafeb4bff6b0dc899213d8de64cd51becf1faf4bda3b464af813ea0b");
}
