//! Certificates that sign: what an instance of our own makes, honestly and with every fault, against trust.

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Code, Finding};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::sigstore::{Instance, Who};
use countersign_verify::document::SignerName;
use countersign_verify::trust::verify_trust;
use countersign_verify::{Evidence, VerifiedTrust};
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
}

impl Scene {
    fn new() -> Self {
        let instance = Instance::new(at());
        let digest = Sha256::of(&instance.trusted_root());
        Self {
            instance,
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

    /// What is made of these documents, and the root.
    fn verify(&self, documents: &[Vec<u8>], at: Time) -> Evidence {
        let documents: Vec<Vec<u8>> = documents.iter().cloned().chain([self.instance.trusted_root()]).collect();
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
    type Fault = fn(&mut Instance);
    let faults: [(Code, Fault); 13] = [
        (codes::INCLUSION_PROOF_INVALID, |i| i.faults.flipped_proof = true),
        (codes::INCLUSION_PROOF_INVALID, |i| i.faults.other_root = true),
        (codes::CHECKPOINT_INVALID, |i| i.faults.foreign_checkpoint = true),
        (codes::SCT_INVALID, |i| i.faults.wrong_sct = true),
        (codes::SCT_INVALID, |i| i.faults.no_sct = true),
        (codes::CERTIFICATE_INVALID, |i| i.faults.not_for_signing = true),
        (codes::CERTIFICATE_INVALID, |i| i.faults.second_name = Some("mallory@example.com".to_owned())),
        (codes::TIMESTAMP_MISSING, |i| i.faults.no_timestamp = true),
        (codes::TIMESTAMP_INVALID, |i| i.faults.foreign_timestamp = true),
        // The certificate had expired when it signed.
        (codes::CERTIFICATE_INVALID, |i| i.faults.timestamp_after = 601),
        (codes::CERTIFICATE_INVALID, |i| i.faults.timestamp_after = -1),
        (codes::LOGGED_ENTRY_MISMATCH, |i| i.faults.other_entry = true),
        (codes::INCLUSION_PROOF_INVALID, |i| i.faults.no_entry = true),
    ];
    for (n, (code, fault)) in faults.into_iter().enumerate() {
        let mut scene = Scene::new();
        fault(&mut scene.instance);
        let document = scene.signed(Kind::Review, &ada());
        assert_eq!(scene.refused(document), code, "fault {n}");
    }
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
    assert!(!Evidence::verify(&[good.clone(), root.clone()], &trust, later()).is_empty());
    let mut refused = 0;
    for place in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[place] ^= 1;
        let evidence = Evidence::verify(&[bad.clone(), root.clone()], &trust, later());
        if evidence.is_empty() {
            refused += 1;
        } else {
            // Fields that nothing is believed of: hints, and what Rekor's second version repeats of the checkpoint.
            let near = String::from_utf8_lossy(&good[place.saturating_sub(80)..place + 10]).into_owned();
            let idle = ["keyid", "treeSize", "rootHash", "logIndex", "integratedTime", "keyId"];
            assert!(idle.iter().any(|field| near.contains(field)), "{place}: {near}");
        }
    }
    assert!(refused > 500, "{refused}");
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
