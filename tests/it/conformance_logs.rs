//! What a transparency log says, of our own making: while when it counts, whose certificate its entry names, and which time.

use crate::conformance_kinds::{ARTIFACT, ISSUER, NAME, Scene, at, payload};
use crate::conformance_more::{Entry, by_key, signed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_tests::door::{Said, bare};
use countersign_tests::sigstore::cosign::pem;
use countersign_tests::sigstore::{Key, Who};
use serde_json::{Value, json};

const DAY: i64 = 86_400;
const ENTRIES: [Entry; 3] = [Entry::InToto, Entry::First, Entry::Second];

/// The root with all of its logs counting from so many seconds after the signature, until so many.
fn counting(root: &Value, start: i64, end: i64) -> Value {
    let mut root = root.clone();
    for log in root["tlogs"].as_array_mut().unwrap() {
        log["publicKey"]["validFor"] =
            json!({ "start": at().plus(start).to_string(), "end": at().plus(end).to_string() });
    }
    root
}

/// Without the promise of a log of the first version.
fn unpromised(mut bundle: Value) -> Value {
    bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionPromise");
    bundle
}

#[test]
fn a_log_that_had_ended_or_not_begun_is_no_witness_where_a_timestamp_says_when() {
    for make in [Key::p256, Key::p521] {
        let mut scene = Scene::by(make());
        let key = pem("PUBLIC KEY", &scene.key.spki());
        let root = scene.root.clone();
        let message = scene.message(&[0]);
        let over_encoding = [false, true].map(|first| unpromised(scene.envelope(&payload("a", &[]), first)));
        let mut bundles: Vec<(Value, bool)> =
            over_encoding.into_iter().chain([message]).map(|one| (one, false)).collect();
        for kind in ENTRIES {
            for managed in [false, true] {
                bundles.push((unpromised(signed(&mut scene, kind, managed)), managed));
            }
        }
        for (bundle, managed) in &bundles {
            let kind = &bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"];
            let judge = |scene: &Scene| scene.judge_each(bundle, managed.then_some(key.as_str()))[0].clone();
            for (start, end) in [(-200 * DAY, -100 * DAY), (100 * DAY, 200 * DAY), (-DAY, -1), (1, DAY)] {
                scene.root = counting(&root, start, end);
                let said = judge(&scene);
                assert!(
                    matches!(said.as_deref(), Some("inclusion-promise-invalid" | "checkpoint-invalid")),
                    "{kind}, by a key: {managed}, from {start} to {end}: {said:?}"
                );
            }
            for (start, end) in [(-DAY, DAY), (0, 0)] {
                scene.root = counting(&root, start, end);
                assert_eq!(judge(&scene), None, "{kind}, by a key: {managed}, from {start} to {end}");
            }
        }
    }
}

#[test]
fn a_log_that_has_ended_is_no_witness_under_the_name_of_another() {
    let mut scene = Scene::new();
    let mut bundle = scene.message(&[0]);
    let other = scene.root["tlogs"][1]["logId"].clone();
    let hint = BASE64.decode(other["keyId"].as_str().unwrap()).unwrap()[..4].to_vec();
    let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
    entry["logId"] = other;
    let note = entry.pointer("/inclusionProof/checkpoint/envelope").unwrap().as_str().unwrap();
    let line = BASE64.encode([hint, vec![0; 64]].concat());
    let note = format!("{note}\u{2014} other-log.sigstore.example {line}\n");
    entry["inclusionProof"]["checkpoint"]["envelope"] = json!(note);
    scene.root["tlogs"][0]["publicKey"]["validFor"]["end"] = json!(at().plus(-DAY).to_string());
    assert_eq!(scene.judge(&bundle).as_deref(), Some("checkpoint-invalid"));
}

#[test]
fn where_nothing_says_when_a_key_signed_the_log_has_to_count_at_the_time_in_question() {
    let mut scene = Scene::new();
    let key = pem("PUBLIC KEY", &scene.key.spki());
    let mut bundle = signed(&mut scene, Entry::Second, true);
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    let root = scene.root.clone();
    // The time in question is an hour after the signature.
    for (end, code) in [(DAY, None), (1_800, Some("inclusion-promise-invalid"))] {
        scene.root = counting(&root, -DAY, end);
        assert_eq!(scene.judge_each(&bundle, Some(&key))[0].as_deref(), code, "until {end}");
    }
}

#[test]
fn an_entry_that_names_another_certificate_over_the_same_key_is_another_s() {
    let mut scene = Scene::new();
    let own = scene.certificate.clone();
    for kind in ENTRIES {
        for (name, code) in [(NAME, None), ("eve@example.com", Some("logged-entry-mismatch"))] {
            scene.certificate.clone_from(&own);
            if code.is_some() {
                scene.certificate = scene.instance.certificate(&scene.key.spki(), &Who::person(ISSUER, name), at());
            }
            let mut bundle = signed(&mut scene, kind, false);
            bundle["verificationMaterial"]["certificate"]["rawBytes"] = json!(BASE64.encode(&own));
            assert_eq!(scene.judge(&bundle).as_deref(), code, "{kind:?} that names {name}");
        }
    }
}

#[test]
fn a_time_that_no_log_promised_lies_within_the_certificate_s_or_is_left_out() {
    let mut scene = Scene::new();
    let bundles = [
        scene.envelope(&payload("a", &[]), true),
        signed(&mut scene, Entry::InToto, false),
        signed(&mut scene, Entry::First, false),
    ];
    for bundle in bundles {
        let mut bundle = unpromised(bundle);
        for (after, code) in [(0, None), (600, None), (601, Some("timestamp-invalid")), (-1, Some("timestamp-invalid"))]
        {
            bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] =
                json!(at().plus(after).unix().to_string());
            let kind = &bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"];
            assert_eq!(scene.judge(&bundle).as_deref(), code, "{kind}, {after} seconds after the certificate");
        }
        bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("integratedTime");
        assert_eq!(scene.judge(&bundle), None);
    }
}

/// A key's bundle with a timestamp, and without a log entry: over the file, or over an envelope.
fn stamped_by_key(scene: &mut Scene, over_file: bool) -> Value {
    let mut bundle = if over_file { scene.message(&[0]) } else { signed(scene, Entry::Second, true) };
    if over_file {
        by_key(&mut bundle);
    }
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    bundle
}

#[test]
fn a_key_s_signature_with_a_timestamp_alone_holds_where_the_root_names_no_logs() {
    for make in [Key::p256, Key::p521, Key::pss] {
        let mut scene = Scene::by(make());
        let key = pem("PUBLIC KEY", &scene.key.spki());
        let (with_logs, mut without) = (scene.root.clone(), scene.root.clone());
        for list in ["tlogs", "ctlogs"] {
            without[list] = json!([]);
        }
        for over_file in [true, false] {
            let bundle = stamped_by_key(&mut scene, over_file);
            let other = stamped_by_key(&mut scene, !over_file);
            let judge = |scene: &Scene, bundle: &Value| scene.judge_each(bundle, Some(&key))[0].clone();
            scene.root.clone_from(&with_logs);
            assert_eq!(
                judge(&scene, &bundle).as_deref(),
                Some("inclusion-proof-invalid"),
                "logs are there to be asked"
            );
            scene.root.clone_from(&without);
            assert_eq!(judge(&scene, &bundle), None, "over the file: {over_file}");
            let stamps = "/verificationMaterial/timestampVerificationData";
            let mut unstamped = bundle.clone();
            *unstamped.pointer_mut(stamps).unwrap() = json!({});
            assert_eq!(judge(&scene, &unstamped).as_deref(), Some("timestamp-missing"));
            let mut swapped = bundle.clone();
            *swapped.pointer_mut(stamps).unwrap() = other.pointer(stamps).unwrap().clone();
            assert_eq!(judge(&scene, &swapped).as_deref(), Some("timestamp-invalid"), "of another signature");
            scene.root["timestampAuthorities"] = json!([]);
            assert_eq!(
                judge(&scene, &bundle).as_deref(),
                Some("timestamp-invalid"),
                "of an authority that nobody knows"
            );
        }
    }
}

/// A folder with the file, the key and the root with its logs.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn of(scene: &Scene) -> Self {
        let shelf = Self(tempfile::tempdir().unwrap());
        shelf.write("app", ARTIFACT);
        shelf.write("key.pem", pem("PUBLIC KEY", &scene.key.spki()).as_bytes());
        shelf.write("logs.json", scene.root.to_string().as_bytes());
        shelf
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// What `verify` says of the bundle that lies there, by the key.
    fn verify(&self, more: &[&str]) -> Said {
        bare(self.0.path(), &[&["verify", "app", "--bundle", "b.json", "--key", "key.pem"][..], more].concat())
    }
}

#[test]
fn a_timestamp_that_is_added_never_makes_a_key_s_signature_refused_where_no_witness_is_asked_for() {
    let mut scene = Scene::new();
    let shelf = Shelf::of(&scene);
    let mut without = scene.root.clone();
    for list in ["tlogs", "ctlogs"] {
        without[list] = json!([]);
    }
    shelf.write("stamps.json", without.to_string().as_bytes());
    for over_file in [true, false] {
        shelf.write("b.json", stamped_by_key(&mut scene, over_file).to_string().as_bytes());
        let said = shelf.verify(&["--transparency", "none"]);
        said.expect(0, &["verified", "was not looked at"]);
        assert!(!said.text.contains("no log and no timestamp has seen"), "{}", said.text);
        for root in ["logs.json", "stamps.json"] {
            let said = shelf.verify(&["--transparency", "none", "--trusted-root", root]);
            said.expect(0, &["verified"]);
            assert!(!said.text.contains("transparency-none"), "{}", said.text);
        }
        shelf.verify(&["--trusted-root", "stamps.json"]).expect(0, &["verified"]);
        shelf
            .verify(&["--trusted-root", "stamps.json", "--transparency", "log"])
            .expect(4, &["inclusion-proof-invalid"]);
        shelf.verify(&["--trusted-root", "logs.json"]).expect(4, &["inclusion-proof-invalid"]);
        shelf.verify(&[]).expect(3, &["sigstore-root-missing", "a timestamp authority has seen"]);
    }
}

#[test]
fn a_log_entry_that_is_added_never_makes_a_key_s_signature_refused_where_no_witness_is_asked_for() {
    let mut scene = Scene::new();
    let shelf = Shelf::of(&scene);
    let both = signed(&mut scene, Entry::Second, true);
    let mut logged = both.clone();
    logged["verificationMaterial"]["timestampVerificationData"] = json!({});
    for (bundle, note) in [
        (both, "the log entry and the timestamp beside the signature were not looked at"),
        (logged, "the log entry beside the signature was not looked at"),
    ] {
        shelf.write("b.json", bundle.to_string().as_bytes());
        let said = shelf.verify(&["--transparency", "none"]);
        said.expect(0, &["verified", note]);
        assert!(!said.text.contains("no log and no timestamp has seen"), "{}", said.text);
        // Where it is asked for, it is looked at.
        shelf.verify(&[]).expect(3, &["sigstore-root-missing", "a log has seen"]);
        let mut altered = bundle.clone();
        altered["verificationMaterial"]["tlogEntries"][0]["logIndex"] = json!("77");
        altered["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"] = json!(BASE64.encode([7; 32]));
        shelf.write("b.json", altered.to_string().as_bytes());
        let refused = shelf.verify(&["--transparency", "none", "--trusted-root", "logs.json"]);
        assert_eq!(refused.code, 4, "{}", refused.text);
    }
}

#[test]
fn a_certificate_log_with_a_key_that_is_not_read_is_called_so_and_the_root_is_in_order() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    let usual = scene.root["ctlogs"][0].clone();
    for (key, details) in [(Key::p384(), "PKIX_ECDSA_P384_SHA_384"), (Key::ed25519(), "PKIX_ED25519")] {
        let mut log = usual.clone();
        log["publicKey"]["rawBytes"] = json!(BASE64.encode(key.spki()));
        log["publicKey"]["keyDetails"] = json!(details);
        let mut other = usual.clone();
        other["logId"]["keyId"] = json!(BASE64.encode([7; 32]));
        for logs in [vec![log.clone()], vec![log, other]] {
            scene.root["ctlogs"] = json!(logs);
            assert_eq!(scene.judge(&bundle).as_deref(), Some("sigstore-unsupported"), "{details}");
        }
    }
}

#[test]
fn what_is_null_is_left_out_whatever_kind_of_entry_is_logged() {
    let mut scene = Scene::new();
    let mut bundles = vec![scene.message(&[0])];
    bundles.extend([false, true].map(|first| scene.envelope(&payload("a", &[]), first)));
    bundles.extend(ENTRIES.map(|kind| signed(&mut scene, kind, false)));
    for mut bundle in bundles {
        let kind = bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"].clone();
        if bundle.get("dsseEnvelope").is_some() {
            bundle["dsseEnvelope"]["signatures"][0]["keyid"] = Value::Null;
            bundle["messageSignature"] = Value::Null;
        } else {
            bundle["dsseEnvelope"] = Value::Null;
        }
        bundle["verificationMaterial"]["publicKey"] = Value::Null;
        bundle["verificationMaterial"]["x509CertificateChain"] = Value::Null;
        assert_eq!(scene.judge(&bundle), None, "{kind}");
        let read = countersign_core::attestation::read(bundle.to_string().as_bytes()).unwrap();
        assert_eq!(read[0].payload.is_some(), bundle["dsseEnvelope"].is_object(), "{kind}");
        // What has to be there is not there as null either.
        for path in ["/verificationMaterial/certificate", "/verificationMaterial/tlogEntries/0/canonicalizedBody"] {
            let mut lacking = bundle.clone();
            *lacking.pointer_mut(path).unwrap() = Value::Null;
            assert!(scene.judge(&lacking).is_some(), "{kind} without {path}");
        }
    }
}
