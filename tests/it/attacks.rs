//! Attacks on verification: a line each, with the code that it has to be refused with, and the one that was found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::attestation;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::slsa::ExpectedIdentity;
use countersign_core::time::Time;
use countersign_core::trust::NamePattern;
use countersign_core::trust::identity::Regex;
use countersign_flow::FlowError;
use countersign_flow::attest::inputs::read_bytes;
use countersign_flow::attest::{Expected, Subject, check};
use countersign_tests::sigstore::{Fault, Faults, Instance, Key, Who};
use countersign_verify::attest::{Anchors, KeyWitness, NamedKey, NamedRoot, Wanted};
use countersign_verify::sigstore::{Transparency, TrustedRoot};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ISSUER: &str = "https://accounts.google.com";
const NAME: &str = "ada@example.com";

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn signed_at() -> Time {
    time("2026-03-01T12:00:00Z")
}

fn statement(subjects: &Value) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": "https://example.com/p/v1",
        "predicate": {},
    });
    serde_json::to_vec(&statement).unwrap()
}

fn about_app() -> Vec<u8> {
    statement(&json!([{ "name": "app", "digest": { "sha256": Sha256::of(b"app").hex() } }]))
}

/// What an attack hands in, and against what.
struct Scene {
    instance: Instance,
    roots: Vec<Vec<u8>>,
    keys: Vec<NamedKey>,
    expected: Expected,
    document: Vec<u8>,
}

impl Scene {
    /// Nothing wrong with it.
    fn honest() -> Self {
        let mut instance = Instance::new(signed_at());
        let document = instance.sign(&about_app(), &Who::person(ISSUER, NAME), signed_at());
        let expected = Expected { identities: vec![identity(NAME, ISSUER)], signers: 1, ..Expected::default() };
        Self { roots: vec![instance.trusted_root()], instance, keys: Vec::new(), expected, document }
    }

    fn faulty(faults: Faults) -> Self {
        let mut scene = Self::honest();
        scene.instance.faults = faults;
        scene.sign(&about_app());
        scene
    }

    fn sign(&mut self, payload: &[u8]) {
        self.document = self.instance.sign(payload, &Who::person(ISSUER, NAME), signed_at());
    }

    fn altered(change: impl Fn(&mut Value)) -> Self {
        let mut scene = Self::honest();
        let mut value: Value = serde_json::from_slice(&scene.document).unwrap();
        change(&mut value);
        scene.document = serde_json::to_vec(&value).unwrap();
        scene
    }

    fn text(change: impl Fn(&str) -> String) -> Self {
        let mut scene = Self::honest();
        scene.document = change(std::str::from_utf8(&scene.document).unwrap()).into_bytes();
        scene
    }

    /// The first code that blocks; `accepted` where none does.
    fn found(&self) -> String {
        let name = |code: countersign_core::finding::Code| code.to_string();
        let read = match read_bytes(&self.document, "document", false) {
            Ok(read) => read,
            Err(FlowError::Refused(findings)) => return name(findings[0].code),
            Err(other) => panic!("{other}"),
        };
        let roots = self.roots.iter().map(|root| NamedRoot {
            name: "ours".to_owned(),
            root: TrustedRoot::parse(root).unwrap(),
            transparency: Transparency::Log,
        });
        let anchors = Anchors { roots: roots.collect(), keys: self.keys.clone() };
        let wanted = Wanted { sha256: Some(Sha256::of(b"app")), sha512: None, bytes: Some(b"app") };
        let subject = Subject { name: "app", named: true, wanted };
        let found =
            check(&subject, &read, &[], &anchors, &self.expected, time("2026-03-05T12:00:00Z")).checked.findings;
        found.iter().find(|finding| finding.class.blocks()).map_or_else(|| "accepted".to_owned(), |f| name(f.code))
    }
}

fn identity(name: &str, issuer: &str) -> ExpectedIdentity {
    let exact = |text: &str| NamePattern::Exact(text.to_owned());
    ExpectedIdentity { subject: exact(name), issuer: exact(issuer), claims: BTreeMap::new() }
}

/// An envelope with these signatures of keys.
pub(crate) fn envelope(payload: &[u8], signatures: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let signatures: Vec<Value> =
        signatures.iter().map(|(key, sig)| json!({ "keyid": key, "sig": BASE64.encode(sig) })).collect();
    let envelope = json!({ "payloadType": PAYLOAD_TYPE, "payload": BASE64.encode(payload), "signatures": signatures });
    serde_json::to_vec(&envelope).unwrap()
}

pub(crate) fn named(name: &str, key: &Key, witness: KeyWitness) -> NamedKey {
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(key.spki()));
    NamedKey::from_pem(name, &pem, witness).unwrap()
}

/// A scene with an envelope by one key of its own.
fn keyed(make: impl Fn(&Key) -> Vec<u8>, witness: KeyWitness) -> Scene {
    let key = Key::p256();
    let mut scene = Scene::honest();
    scene.document = make(&key);
    scene.keys = vec![named("k", &key, witness)];
    scene.expected.identities.clear();
    scene
}

fn bad_subjects(subjects: &Value) -> Scene {
    let mut scene = Scene::honest();
    scene.sign(&statement(subjects));
    scene
}

#[expect(clippy::too_many_lines, reason = "one line an attack")]
fn table() -> Vec<(&'static str, &'static str, &'static str, String)> {
    let one = |fault| Scene::faulty(Faults::one(fault)).found();
    let mut lines = vec![
        ("V01", "nothing is wrong", "accepted", Scene::honest().found()),
        ("V02", "a bit of the inclusion proof is flipped", "inclusion-proof-invalid", one(Fault::FlippedProof)),
        ("V03", "the proof leads to another root", "inclusion-proof-invalid", one(Fault::OtherRoot)),
        ("V04", "the checkpoint is of a log that nobody knows", "checkpoint-invalid", one(Fault::ForeignCheckpoint)),
        ("V05", "the certificate log signed something else", "sct-invalid", one(Fault::WrongSct)),
        ("V06", "no certificate log has seen the certificate", "sct-invalid", one(Fault::NoSct)),
        ("V07", "the certificate is not for signing", "certificate-invalid", one(Fault::NotForSigning)),
        ("V08", "there is no timestamp", "timestamp-missing", one(Fault::NoTimestamp)),
        ("V09", "the timestamp is of another authority", "timestamp-invalid", one(Fault::ForeignTimestamp)),
        ("V10", "the log entry is of another signature", "logged-entry-mismatch", one(Fault::OtherEntry)),
        ("V11", "there is no log entry", "inclusion-proof-invalid", one(Fault::NoEntry)),
    ];
    let late = Faults { timestamp_after: 3_600, ..Faults::default() };
    lines.push(("V12", "the leaf had expired when it signed", "certificate-invalid", Scene::faulty(late).found()));
    let names = Faults { second_name: Some("eve@example.com".to_owned()), ..Faults::default() };
    lines.push(("V13", "the certificate has a second name", "certificate-invalid", Scene::faulty(names).found()));
    let moved = Scene::altered(|v| {
        v["verificationMaterial"]["timestampVerificationData"] = json!({});
        v["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!("1772366400");
    });
    lines.push(("V14", "the timestamp is taken out and a time put in", "timestamp-missing", moved.found()));
    let unsigned = Scene::altered(|v| {
        let note =
            v["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap();
        let text = note.split("\n\n").next().unwrap();
        v["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"] =
            json!(format!("{text}\n\n"));
    });
    lines.push(("V15", "the checkpoint is not signed", "checkpoint-invalid", unsigned.found()));
    let mut foreign = Scene::honest();
    let mut root: Value = serde_json::from_slice(&foreign.roots[0]).unwrap();
    let other: Value = serde_json::from_slice(&Instance::new(signed_at()).trusted_root()).unwrap();
    root["certificateAuthorities"] = other["certificateAuthorities"].clone();
    foreign.roots = vec![serde_json::to_vec(&root).unwrap()];
    lines.push((
        "V16",
        "the leaf is good, and its issuer is of another instance",
        "certificate-invalid",
        foreign.found(),
    ));
    let mut issuer = Scene::honest();
    issuer.document = issuer.instance.sign(&about_app(), &Who::person("https://evil.example", NAME), signed_at());
    lines.push(("V17", "another issuer vouches for the same name", "identity-mismatch", issuer.found()));
    let mut longer = Scene::honest();
    longer.document =
        longer.instance.sign(&about_app(), &Who::person(ISSUER, "ada@example.com.evil.example"), signed_at());
    lines.push(("V18", "the name only contains the expected one", "identity-mismatch", longer.found()));
    let mut nobody = Scene::honest();
    nobody.expected.identities.clear();
    lines.push(("V19", "nobody said whose signature counts", "identity-mismatch", nobody.found()));

    let hex = Sha256::of(b"app").hex();
    let other = Sha256::of(b"other").hex();
    let subjects = [
        (
            "V20",
            "another artifact stands first, and ours is not there",
            "subject-mismatch",
            json!([{ "digest": { "sha256": other } }]),
        ),
        (
            "V21",
            "the name is the artifact's, and the digest another's",
            "subject-mismatch",
            json!([{ "name": "app", "digest": { "sha256": other } }]),
        ),
        (
            "V22",
            "another artifact stands first, and ours second",
            "accepted",
            json!([{ "digest": { "sha256": other } }, { "digest": { "sha256": hex } }]),
        ),
        ("V23", "there is no subject", "statement-malformed", json!([])),
        ("V24", "the digest is of no algorithm", "statement-malformed", json!([{ "digest": { "none": "" } }])),
        ("V25", "there is no digest", "statement-malformed", json!([{ "name": "app", "digest": {} }])),
        (
            "V26",
            "a digest of another length is called sha512",
            "statement-malformed",
            json!([{ "digest": { "sha512": hex } }]),
        ),
        (
            "V27",
            "the digest is in upper case",
            "statement-malformed",
            json!([{ "digest": { "sha256": hex.to_uppercase() } }]),
        ),
        (
            "V28",
            "there are 10,000 subjects",
            "statement-malformed",
            Value::Array(vec![json!({ "digest": { "sha256": hex } }); 10_000]),
        ),
    ];
    for (id, what, code, subjects) in subjects {
        // A statement without subjects cannot be signed by an instance that is honest; the envelope alone shows it as well.
        let scene = if code == "statement-malformed" {
            let payload = statement(&subjects);
            keyed(move |key| envelope(&payload, &[("k", key.sign(&pae(PAYLOAD_TYPE, &payload)))]), KeyWitness::Nobody)
        } else {
            bad_subjects(&subjects)
        };
        lines.push((id, what, code, scene.found()));
    }
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let huge = "A".repeat(countersign_core::limits::DOCUMENT_BYTES);
    let texts: [(&str, &str, &str, Scene); 5] = [
        (
            "V29",
            "the payload type is another",
            "payload-type",
            Scene::altered(|v| v["dsseEnvelope"]["payloadType"] = json!("text/plain")),
        ),
        (
            "V30",
            "the payload is another",
            "signature-invalid",
            Scene::altered(|v| {
                let payload = statement(&json!([{ "digest": { "sha256": Sha256::of(b"app").hex() } }]));
                v["dsseEnvelope"]["payload"] = json!(BASE64.encode(payload));
            }),
        ),
        (
            "V31",
            "a key stands twice in the JSON",
            "bundle-malformed",
            Scene::text(|t| t.replacen("{\"dsse", "{\"mediaType\":\"x\",\"dsse", 1)),
        ),
        (
            "V32",
            "the JSON is nested 70 deep",
            "bundle-malformed",
            Scene::text(|t| t.replacen("{\"dsse", &format!("{{\"a\":{deep},\"dsse"), 1)),
        ),
        (
            "V33",
            "there is base64 without end",
            "bundle-malformed",
            Scene::altered(|v| v["dsseEnvelope"]["payload"] = json!(huge)),
        ),
    ];
    for (id, what, code, scene) in texts {
        lines.push((id, what, code, scene.found()));
    }
    let other_encoding = |key: &Key| {
        let signature = key.sign(&pae("application/json", &about_app()));
        envelope(&about_app(), &[("k", signature)])
    };
    let raw = |key: &Key| envelope(&about_app(), &[("k", key.sign(&about_app()))]);
    let garbage = |key: &Key| {
        let good = key.sign(&pae(PAYLOAD_TYPE, &about_app()));
        envelope(&about_app(), &[("k", good.clone()), ("k", vec![0; 70]), ("k2", good.clone()), ("k", good)])
    };
    let unlogged = |key: &Key| envelope(&about_app(), &[("k", key.sign(&pae(PAYLOAD_TYPE, &about_app())))]);
    let mut two = keyed(garbage, KeyWitness::Nobody);
    two.expected.signers = 2;
    for (id, what, code, scene) in [
        (
            "V34",
            "the signature is over another encoding",
            "signature-invalid",
            keyed(other_encoding, KeyWitness::Nobody),
        ),
        (
            "V35",
            "the signature is over the payload without its type",
            "signature-invalid",
            keyed(raw, KeyWitness::Nobody),
        ),
        ("V36", "one key's signature is repeated among garbage, and counts once", "signers-too-few", two),
        ("V37", "no log has seen the key's signature", "transparency-missing", keyed(unlogged, KeyWitness::Log)),
        ("V38", "the same, where that is allowed", "accepted", keyed(unlogged, KeyWitness::Nobody)),
    ] {
        lines.push((id, what, code, scene.found()));
    }
    let unanchored = Regex::new("https://github.com/o/r").is_err();
    lines.push((
        "V39",
        "the pattern of identities has no ends",
        "refused",
        if unanchored { "refused".to_owned() } else { "taken".to_owned() },
    ));
    let careless = Regex::new("^https://github.com/o/r$").unwrap().has_careless_dot();
    lines.push((
        "V40",
        "a dot stands for any character",
        "pointed out",
        if careless { "pointed out".to_owned() } else { "silent".to_owned() },
    ));
    let mut any = Scene::honest();
    any.expected.danger_any_signer = true;
    lines.push(("V41", "whoever signed would do", "check-left-out", any.found()));
    // CVE-2022-35929: an attestation of another type is no attestation of the one that is asked for.
    let mut kind = Scene::honest();
    kind.expected.kinds = vec!["https://spdx.dev/Document".to_owned()];
    lines.push(("V42", "CVE-2022-35929: none of the type that is asked for", "predicate-mismatch", kind.found()));
    // CVE-2022-36056: the log's entry is about another signature; V10 is the same with a statement.
    let moved = Scene::altered(|v| {
        let mut instance = Instance::new(signed_at());
        let bundle = instance.sign(&about_app(), &Who::person(ISSUER, NAME), signed_at());
        let bundle: Value = serde_json::from_slice(&bundle).unwrap();
        v["verificationMaterial"]["tlogEntries"] = bundle["verificationMaterial"]["tlogEntries"].clone();
    });
    lines.push(("V43", "CVE-2022-36056: the entry of another log and signature", "checkpoint-invalid", moved.found()));
    // CVE-2026-39395: a signature that holds over something that is no statement.
    let no_statement = |key: &Key| envelope(b"{}", &[("k", key.sign(&pae(PAYLOAD_TYPE, b"{}")))]);
    lines.push((
        "V44",
        "CVE-2026-39395: what is signed is no statement",
        "statement-malformed",
        keyed(no_statement, KeyWitness::Nobody).found(),
    ));
    // CVE-2026-31830: a statement that holds, about another artifact.
    let elsewhere = bad_subjects(&json!([{ "name": "app", "digest": { "sha256": other } }]));
    lines.push((
        "V45",
        "CVE-2026-31830: the statement holds, and is about another artifact",
        "subject-mismatch",
        elsewhere.found(),
    ));
    lines
}

#[test]
fn every_attack_on_verification_is_refused_with_its_code() {
    let mut wrong = Vec::new();
    let table = table();
    for (id, what, expected, found) in &table {
        eprintln!("{id}  {what}: expected {expected}, found {found}");
        if expected != found {
            wrong.push(format!("{id}  {what}: expected {expected}, found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(table.len(), 45);
}

#[test]
fn bytes_without_signature_are_never_an_attestation() {
    for text in ["{}", "[]", "null", "\"x\"", r#"{"_type":"https://in-toto.io/Statement/v1"}"#, "{\"mediaType\":\"x\"}"]
    {
        assert!(attestation::read(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(attestation::read(b"").unwrap_err().code(), codes::NO_STATEMENTS);
}
