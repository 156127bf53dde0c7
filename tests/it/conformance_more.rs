//! More of the kinds of cases that the ecosystem's suites have, of our own making: every kind of key, log entries of every
//! kind and number, roots with more than one of each authority, and the spellings of a bundle's type.

use crate::conformance_kinds::{ARTIFACT, ISSUER, NAME, Scene, at, envelope, payload};
use aws_lc_rs::digest::{SHA384, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::attestation;
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_tests::sigstore::authority::{Authority, timestamp};
use countersign_tests::sigstore::cosign::pem;
use countersign_tests::sigstore::{Fault, Faults, Instance, Key, Who};
use countersign_verify::attest::{Anchors, KeyWitness, NamedKey, NamedRoot, Wanted, verify};
use countersign_verify::sigstore::{Artifact, BundleKey, Transparency, TrustedRoot};
use serde_json::{Value, json};

const KINDS: [fn() -> Key; 4] = [Key::p256, Key::p384, Key::rsa, Key::ed25519];

/// How an envelope is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Rekor 1, `intoto` 0.0.2.
    InToto,
    /// Rekor 1, `dsse`.
    First,
    /// Rekor 2, `dsse`.
    Second,
}

/// An envelope, by the scene's certificate or, as a managed key, by its key.
pub(crate) fn signed(scene: &mut Scene, kind: Entry, managed: bool) -> Value {
    let statement = payload("a", &[]);
    let signature = scene.key.sign(&pae(PAYLOAD_TYPE, &statement));
    let envelope = envelope(&statement, &signature);
    let (word, field, der) = if managed {
        ("PUBLIC KEY", "publicKey", scene.key.spki())
    } else {
        ("CERTIFICATE", "x509Certificate", scene.certificate.clone())
    };
    let entry = match kind {
        Entry::InToto => {
            let twice = |bytes: &[u8]| BASE64.encode(BASE64.encode(bytes));
            let content = json!({ "envelope": {
                "payload": twice(&statement), "payloadType": PAYLOAD_TYPE,
                "signatures": [{ "publicKey": BASE64.encode(pem(word, &der)), "sig": twice(&signature) }],
            } });
            let spec = json!({ "content": content });
            let mut entry = scene.first(&json!({ "apiVersion": "0.0.2", "kind": "intoto", "spec": spec }), 0);
            entry["kindVersion"]["version"] = json!("0.0.2");
            entry
        }
        Entry::First => {
            let verifiers = [BASE64.encode(pem(word, &der))];
            let content = json!({ "envelope": envelope.to_string(), "verifiers": verifiers });
            scene.first(&json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": { "proposedContent": content } }), 0)
        }
        Entry::Second => scene.instance.log_any(&json!({ "apiVersion": "0.0.2", "kind": "dsse", "spec": { "dsseV002": {
            "payloadHash": { "algorithm": "SHA2_256", "digest": BASE64.encode(Sha256::of(&statement).as_bytes()) },
            "signatures": [{ "content": BASE64.encode(&signature), "verifier": { field: { "rawBytes": BASE64.encode(&der) } } }],
        } } })),
    };
    let stamps = [scene.stamp(&signature, 0)];
    let mut bundle = scene.bundle(&entry, &stamps, ("dsseEnvelope", envelope));
    if managed {
        by_key(&mut bundle);
    }
    bundle
}

/// The same bundle, by a key in the place of the certificate.
pub(crate) fn by_key(bundle: &mut Value) {
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("publicKey".to_owned(), json!({ "hint": "a key" }));
}

#[test]
fn envelopes_by_every_kind_of_key_hold_in_either_version_of_the_log_and_by_no_other_key() {
    for make in KINDS {
        let mut scene = Scene::by(make());
        let key = pem("PUBLIC KEY", &scene.key.spki());
        let other = pem("PUBLIC KEY", &make().spki());
        for kind in [Entry::InToto, Entry::First, Entry::Second] {
            let bundle = signed(&mut scene, kind, false);
            assert_eq!(scene.judge(&bundle), None, "{kind:?}");
            let mut swapped = signed(&mut scene, kind, false);
            swapped["verificationMaterial"]["tlogEntries"] = bundle["verificationMaterial"]["tlogEntries"].clone();
            // The same key, statement and kind; Ed25519 and RSA sign the same bytes again.
            if bundle["dsseEnvelope"] != swapped["dsseEnvelope"] {
                assert_eq!(
                    scene.judge(&swapped).as_deref(),
                    Some("logged-entry-mismatch"),
                    "{kind:?} of another signature"
                );
            }
            let bundle = signed(&mut scene, kind, true);
            assert_eq!(scene.judge_each(&bundle, Some(&key)), [None, None], "{kind:?} by a key");
            assert!(scene.judge_each(&bundle, Some(&other)).iter().all(Option::is_some), "{kind:?} by another key");
        }
    }
}

/// A signature over the file, logged with this hash.
fn long(scene: &mut Scene, version: u8, managed: bool) -> Value {
    let signature = scene.key.sign(ARTIFACT);
    let hash = digest(&SHA384, ARTIFACT);
    let (word, field, der) = if managed {
        ("PUBLIC KEY", "publicKey", scene.key.spki())
    } else {
        ("CERTIFICATE", "x509Certificate", scene.certificate.clone())
    };
    let entry = if version == 1 {
        scene.first(
            &json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                "data": { "hash": { "algorithm": "sha384", "value": to_hex(hash.as_ref()) } },
                "signature": { "content": BASE64.encode(&signature), "publicKey": { "content": BASE64.encode(pem(word, &der)) } },
            } }),
            0,
        )
    } else {
        scene.instance.log_any(&json!({ "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_384", "digest": BASE64.encode(hash.as_ref()) },
            "signature": { "content": BASE64.encode(&signature), "verifier": { field: { "rawBytes": BASE64.encode(&der) } } },
        } } }))
    };
    let stamps = [scene.stamp(&signature, 0)];
    let digest = json!({ "algorithm": "SHA2_384", "digest": BASE64.encode(hash.as_ref()) });
    let content = json!({ "messageDigest": digest, "signature": BASE64.encode(&signature) });
    let mut bundle = scene.bundle(&entry, &stamps, ("messageSignature", content));
    if managed {
        by_key(&mut bundle);
    }
    bundle
}

#[test]
fn a_longer_hash_is_compared_with_the_file_and_a_short_digest_alone_is_not_enough() {
    let mut scene = Scene::by(Key::p384());
    let key = pem("PUBLIC KEY", &scene.key.spki());
    for version in [1, 2] {
        let bundle = long(&mut scene, version, false);
        let [file, digest] = scene.judge_each(&bundle, None);
        assert_eq!(file, None, "Rekor {version}");
        assert!(digest.is_some(), "Rekor {version}: a SHA-256 says nothing of a SHA-384");
        let managed = long(&mut scene, version, true);
        assert_eq!(scene.judge_each(&managed, Some(&key))[0], None, "Rekor {version} by a key");
        // The entry of another signature over the same file.
        let mut swapped = bundle.clone();
        swapped["verificationMaterial"]["tlogEntries"] =
            long(&mut scene, version, false)["verificationMaterial"]["tlogEntries"].clone();
        assert_eq!(scene.judge_each(&swapped, None)[0].as_deref(), Some("logged-entry-mismatch"));
        // By a key, an entry that names the certificate of the same key is about something else.
        let mut swapped = managed;
        swapped["verificationMaterial"]["tlogEntries"] = bundle["verificationMaterial"]["tlogEntries"].clone();
        assert!(scene.judge_each(&swapped, Some(&key))[0].is_some());
    }
}

#[test]
fn what_a_log_of_version_two_says_of_an_envelope_is_held_against_its_tree_and_the_envelope() {
    for (fault, code) in [
        (Fault::FlippedProof, "inclusion-proof-invalid"),
        (Fault::OtherRoot, "inclusion-proof-invalid"),
        (Fault::ForeignCheckpoint, "checkpoint-invalid"),
    ] {
        let mut scene = Scene::new();
        scene.instance.faults = Faults::one(fault);
        let bundle = signed(&mut scene, Entry::Second, false);
        assert_eq!(scene.judge(&bundle).as_deref(), Some(code), "{fault:?}");
    }
    let mut scene = Scene::new();
    let bundle = signed(&mut scene, Entry::Second, false);
    // No promise, and so no time: a timestamp has to say when.
    let mut without = bundle.clone();
    without["verificationMaterial"]["timestampVerificationData"] = json!({});
    for time in [None, Some(at().unix().to_string())] {
        if let Some(time) = time {
            without["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!(time);
        }
        assert_eq!(scene.judge(&without).as_deref(), Some("timestamp-missing"));
    }
    let another = signed(&mut scene, Entry::Second, false);
    let mut swapped = bundle.clone();
    swapped["verificationMaterial"]["tlogEntries"] = another["verificationMaterial"]["tlogEntries"].clone();
    assert_eq!(scene.judge(&swapped).as_deref(), Some("logged-entry-mismatch"));
    let mut moved = bundle;
    moved["verificationMaterial"]["tlogEntries"][0]["logIndex"] = json!("1");
    assert_eq!(scene.judge(&moved).as_deref(), Some("inclusion-proof-invalid"));
}

#[test]
fn without_the_first_log_s_promise_its_time_is_nobody_s_word() {
    let mut scene = Scene::new();
    let mut bundle = scene.envelope(&payload("a", &[]), true);
    let entry = |bundle: &mut Value| bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().clone();
    let mut unpromised = entry(&mut bundle);
    unpromised.remove("inclusionPromise");
    bundle["verificationMaterial"]["tlogEntries"][0] = Value::Object(unpromised.clone());
    assert_eq!(scene.judge(&bundle), None, "the timestamp says when");
    let mut alone = bundle.clone();
    alone["verificationMaterial"]["timestampVerificationData"] = json!({});
    assert_eq!(scene.judge(&alone).as_deref(), Some("timestamp-missing"));
    let mut unproved = bundle.clone();
    unproved["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionProof");
    assert_eq!(scene.judge(&unproved).as_deref(), Some("inclusion-proof-invalid"));
    // With its promise, the time has to lie where the certificate counts.
    let statement = payload("a", &[]);
    let message = pae(PAYLOAD_TYPE, &statement);
    let signature = scene.key.sign(&message);
    let certificate = BASE64.encode(pem("CERTIFICATE", &scene.certificate));
    let proposed = json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": { "hash": { "algorithm": "sha256", "value": Sha256::of(&message).hex() } },
        "signature": { "content": BASE64.encode(&signature), "publicKey": { "content": certificate } },
    } });
    for (after, holds) in [(0, true), (599, true), (601, false), (-1, false)] {
        let entry = scene.first(&proposed, after);
        let bundle = scene.bundle(&entry, &[], ("dsseEnvelope", envelope(&statement, &signature)));
        assert_eq!(scene.judge(&bundle).is_none(), holds, "{after} seconds after the certificate");
    }
}

#[test]
fn each_of_several_log_entries_has_to_hold() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    let signature = BASE64.decode(bundle["messageSignature"]["signature"].as_str().unwrap()).unwrap();
    let digest = Sha256::of(ARTIFACT);
    let with = |entry: Value| {
        let mut bundle = bundle.clone();
        bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(entry);
        bundle
    };
    let elsewhere = scene.instance.log_elsewhere(digest.as_bytes(), &signature, &scene.certificate);
    assert_eq!(scene.judge(&with(elsewhere)), None, "two logs");
    let another = scene.key.sign(ARTIFACT);
    let of_another = scene.instance.log_elsewhere(digest.as_bytes(), &another, &scene.certificate);
    assert!(scene.judge(&with(of_another)).is_some(), "one entry is of another signature");
    let unknown = Instance::new(at()).log(digest.as_bytes(), &signature, &scene.certificate);
    assert!(scene.judge(&with(unknown)).is_some(), "one entry is of a log that nobody knows");
    // One entry is one witness, however it is written.
    let own = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    let mut respelled = own.clone();
    respelled["logIndex"] = json!(own["logIndex"].as_str().unwrap().parse::<u64>().unwrap());
    let unpadded = own["logId"]["keyId"].as_str().unwrap().trim_end_matches('=').to_owned();
    respelled["logId"]["keyId"] = json!(unpadded);
    for again in [own, respelled] {
        assert_eq!(scene.judge(&with(again)).as_deref(), Some("bundle-malformed"), "one entry twice");
    }
    let mut none = bundle.clone();
    none["verificationMaterial"]["tlogEntries"] = json!([]);
    assert!(scene.judge(&none).is_some());
}

#[test]
fn a_root_with_more_of_everything_and_with_what_has_ended_or_not_begun_is_read_as_it_says() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    let other: Value = serde_json::from_slice(&Instance::new(at()).trusted_root()).unwrap();
    let kept = scene.root.clone();
    for first in [true, false] {
        for list in ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"] {
            let more = other[list].as_array().unwrap().clone();
            let all = scene.root[list].as_array_mut().unwrap();
            let place = if first { 0 } else { all.len() };
            all.splice(place..place, more);
        }
        assert_eq!(scene.judge(&bundle), None, "others stand first: {first}");
        scene.root = kept.clone();
    }
    let window = |list: &str, of: &str, start: i64, end: Option<i64>| {
        let mut root = kept.clone();
        for one in root[list].as_array_mut().unwrap() {
            let mut valid = json!({ "start": at().plus(start).to_string() });
            if let Some(end) = end {
                valid["end"] = json!(at().plus(end).to_string());
            }
            *one.pointer_mut(of).unwrap() = valid;
        }
        root
    };
    let year = 365 * 86_400;
    for (list, of) in [
        ("certificateAuthorities", "/validFor"),
        ("timestampAuthorities", "/validFor"),
        ("ctlogs", "/publicKey/validFor"),
    ] {
        for (start, end) in [(-year, Some(-86_400)), (86_400, None)] {
            scene.root = window(list, of, start, end);
            assert!(scene.judge(&bundle).is_some(), "{list} from {start} to {end:?}");
        }
        scene.root = window(list, of, -86_400, Some(86_400));
        assert_eq!(scene.judge(&bundle), None, "{list}");
    }
    // A log that begins long after is none yet; it began a century later here.
    scene.root = window("tlogs", "/publicKey/validFor", 100 * year, None);
    assert!(scene.judge(&bundle).is_some());
}

#[test]
fn an_intermediate_counts_while_it_is_valid_and_only_below_a_root_that_is_trusted() {
    let now = at().unix();
    let root = Authority::new("a root", (now - 86_400, now + 86_400));
    for (valid, holds) in
        [((now - 3_600, now + 3_600), true), ((now - 7_200, now - 3_600), false), ((now + 300, now + 3_600), false)]
    {
        let intermediate = root.below("an intermediate", valid);
        let mut scene = Scene::new();
        let who = Who::person(ISSUER, NAME);
        scene.certificate = scene.instance.certificate_by(&intermediate, &scene.key.spki(), &who, at());
        let chain = |authorities: &[&Authority]| -> Vec<Value> {
            authorities.iter().map(|one| json!({ "rawBytes": BASE64.encode(&one.certificate) })).collect()
        };
        let bundle = scene.message(&[0]);
        assert!(scene.judge(&bundle).is_some(), "the root is not known");
        scene.root["certificateAuthorities"][0]["certChain"]["certificates"] = json!(chain(&[&intermediate, &root]));
        assert_eq!(scene.judge(&bundle).is_none(), holds, "{valid:?}");
        // The intermediate comes with the bundle, as in its second version.
        scene.root["certificateAuthorities"][0]["certChain"]["certificates"] = json!(chain(&[&root]));
        let mut chained = bundle.clone();
        chained["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
        let material = chained["verificationMaterial"].as_object_mut().unwrap();
        let leaf = material.remove("certificate").unwrap();
        let certificates = [vec![leaf], chain(&[&intermediate])].concat();
        material.insert("x509CertificateChain".to_owned(), json!({ "certificates": certificates }));
        assert_eq!(scene.judge(&chained).is_none(), holds, "{valid:?}, in the bundle");
    }
}

#[test]
fn a_root_at_the_end_of_a_first_bundle_s_chain_is_no_anchor() {
    let now = at().unix();
    let stranger = Authority::new("our certificates", (now - 86_400, now + 86_400));
    for make in [Key::p256, Key::p521] {
        let mut scene = Scene::by(make());
        let of_stranger = scene.instance.certificate_by(&stranger, &scene.key.spki(), &Who::person(ISSUER, NAME), at());
        let own = scene.certificate.clone();
        for (leaf, root, code) in [
            (&own, scene.instance.authority().to_vec(), None),
            // Whose root it is does not matter, since nobody looks at it.
            (&own, stranger.certificate.clone(), None),
            (&of_stranger, stranger.certificate.clone(), Some("certificate-invalid")),
            (&of_stranger, scene.instance.authority().to_vec(), Some("certificate-invalid")),
        ] {
            scene.certificate.clone_from(leaf);
            let signature = scene.key.sign(ARTIFACT);
            let entry = scene.logged_by_the_first_version(&Sha256::of(ARTIFACT), &signature);
            let digest = json!({ "algorithm": "SHA2_256", "digest": BASE64.encode(Sha256::of(ARTIFACT).as_bytes()) });
            let content = json!({ "messageDigest": digest, "signature": BASE64.encode(&signature) });
            let mut bundle = scene.bundle(&entry, &[], ("messageSignature", content));
            bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1");
            let chain: Vec<Value> = [leaf, &root].iter().map(|der| json!({ "rawBytes": BASE64.encode(der) })).collect();
            let material = bundle["verificationMaterial"].as_object_mut().unwrap();
            material.remove("certificate");
            material.insert("x509CertificateChain".to_owned(), json!({ "certificates": chain }));
            // With a proof it is no bundle of npm's first ones.
            let refused = code.or(Some("bundle-malformed"));
            assert_eq!(scene.judge_each(&bundle, None)[0].as_deref(), refused, "with a proof");
            bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionProof");
            assert_eq!(scene.judge_each(&bundle, None)[0].as_deref(), code);
        }
    }
}

#[test]
fn a_user_name_is_an_identity_and_another_user_s_is_none() {
    let mut scene = Scene::new();
    for (name, code) in [("ada!example.com", None), ("ada!example.org", Some("identity-mismatch"))] {
        scene.certificate = scene.instance.certificate(&scene.key.spki(), &Who::person(ISSUER, name), at());
        let bundle = scene.message(&[0]);
        assert_eq!(scene.judge_as(&bundle, "ada!example.com")[0].as_deref(), code, "{name}");
    }
}

#[test]
fn a_timestamp_counts_while_its_authority_and_what_is_above_it_are_valid() {
    let now = at().unix();
    for (valid, holds) in
        [((now - 3_600, now + 3_600), true), ((now - 7_200, now - 3_600), false), ((now + 60, now + 3_600), false)]
    {
        let root = Authority::new("other timestamps", valid);
        let key = Key::p256();
        let leaf = root.timestamping(&key, (now - 3_600, now + 3_600));
        let mut scene = Scene::new();
        let mut bundle = scene.message(&[]);
        let signature = BASE64.decode(bundle["messageSignature"]["signature"].as_str().unwrap()).unwrap();
        let stamp = timestamp(&key, &leaf, Sha256::of(&signature).as_bytes(), None, now);
        bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
            json!([{ "signedTimestamp": BASE64.encode(stamp) }]);
        let mut authority = scene.root["timestampAuthorities"][0].clone();
        authority["certChain"]["certificates"] =
            json!([{ "rawBytes": BASE64.encode(&leaf) }, { "rawBytes": BASE64.encode(&root.certificate) }]);
        scene.root["timestampAuthorities"].as_array_mut().unwrap().push(authority);
        assert_eq!(scene.judge(&bundle).is_none(), holds, "{valid:?}");
    }
}

#[test]
fn a_log_s_word_is_no_timestamp_where_a_key_is_asked_for_one() {
    let mut scene = Scene::new();
    let bundle = signed(&mut scene, Entry::First, true);
    let mut unstamped = bundle.clone();
    unstamped["verificationMaterial"]["timestampVerificationData"] = json!({});
    let pem = pem("PUBLIC KEY", &scene.key.spki());
    let judge = |bundle: &Value, witness| {
        let root = TrustedRoot::parse(scene.root.to_string().as_bytes()).unwrap();
        let roots = vec![NamedRoot { name: "ours".to_owned(), root, transparency: Transparency::Log }];
        let anchors = Anchors { roots, keys: vec![NamedKey::from_pem("k", &pem, witness).unwrap()] };
        let [one] = attestation::read(bundle.to_string().as_bytes()).unwrap().try_into().unwrap();
        let wanted = Wanted { sha256: Some(Sha256::of(ARTIFACT)), ..Wanted::default() };
        verify(&one, &anchors, &wanted, at().plus(3_600), "here").err().map(|found| found[0].code.to_string())
    };
    assert_eq!(judge(&bundle, KeyWitness::Timestamp), None);
    assert_eq!(judge(&unstamped, KeyWitness::Log), None);
    assert_eq!(judge(&unstamped, KeyWitness::Timestamp).as_deref(), Some("timestamp-missing"));
    // So it is where the root is asked for one, as trust does.
    let by_root = |bundle: &Value| {
        let root = TrustedRoot::parse(scene.root.to_string().as_bytes()).unwrap();
        let (bytes, key) = (bundle.to_string(), BundleKey::from_pem(&pem).unwrap());
        let (asked, at) = (Some(Transparency::Timestamp), at().plus(3_600));
        let found = root.verify_managed_cosigned(bytes.as_bytes(), None, Artifact::Bytes(ARTIFACT), &key, asked, at);
        found.err().map(|refused| refused.code().to_string())
    };
    assert_eq!(by_root(&bundle), None);
    assert_eq!(by_root(&unstamped).as_deref(), Some("timestamp-missing"));
    // What nobody has seen is no better.
    unstamped["verificationMaterial"]["tlogEntries"] = json!([]);
    assert_eq!(judge(&unstamped, KeyWitness::Timestamp).as_deref(), Some("transparency-missing"));
    assert_eq!(judge(&unstamped, KeyWitness::Nobody), None);
}

#[test]
fn a_root_without_certificate_logs_is_whole_and_shows_no_word_of_one() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    assert_eq!(scene.judge(&bundle), None);
    scene.root["ctlogs"] = json!([]);
    assert_eq!(scene.judge(&bundle).as_deref(), Some("sct-invalid"));
    let root = TrustedRoot::parse(scene.root.to_string().as_bytes()).unwrap();
    let judge = |transparency| {
        root.verify_keyless(bundle.to_string().as_bytes(), Artifact::Bytes(ARTIFACT), transparency, at().plus(3_600))
    };
    assert!(judge(Transparency::Timestamp).is_ok(), "what the root does not name is not asked for");
    let said = judge(Transparency::Log).unwrap_err().to_string();
    assert!(said.contains("names no certificate log") && said.contains("--transparency timestamp"), "{said}");
}

#[test]
fn a_bundle_says_of_which_type_it_is_and_has_one_signature() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    let typed = |kind: Value| {
        let mut bundle = bundle.clone();
        bundle["mediaType"] = kind;
        bundle
    };
    assert_eq!(scene.judge(&typed(json!("application/vnd.dev.sigstore.bundle+json;version=0.3"))), None);
    for unknown in ["0.4", "1.0", "0.3.1", "0", ""] {
        for kind in [
            format!("application/vnd.dev.sigstore.bundle+json;version={unknown}"),
            format!("application/vnd.dev.sigstore.bundle.v{unknown}+json"),
        ] {
            assert!(scene.judge(&typed(json!(kind))).is_some(), "{kind}");
        }
    }
    for kind in [json!(""), json!("application/json"), json!(3), Value::Null] {
        assert!(scene.judge(&typed(kind.clone())).is_some(), "{kind}");
    }
    let honest = scene.envelope(&payload("a", &[]), false);
    let one = honest["dsseEnvelope"]["signatures"][0].clone();
    for signatures in [json!([]), json!([one, one]), json!([{ "sig": "AAAA" }, one])] {
        let mut several = honest.clone();
        several["dsseEnvelope"]["signatures"] = signatures;
        assert!(scene.judge(&several).is_some());
    }
    let mut both = honest.clone();
    both["messageSignature"] = bundle["messageSignature"].clone();
    assert!(scene.judge(&both).is_some(), "an envelope and a signature over a file");
    let mut both = honest;
    both["verificationMaterial"]["publicKey"] = json!({ "hint": "a key" });
    assert!(scene.judge(&both).is_some(), "a certificate and a key");
}

#[test]
fn a_key_is_read_from_every_usual_pem_and_from_nothing_else() {
    let mut scene = Scene::by(Key::rsa());
    let bundle = signed(&mut scene, Entry::First, true);
    let spki = scene.key.spki();
    let usual = pem("PUBLIC KEY", &spki);
    // PKCS#1 is what stands in the bit string: after two sequences' heads, the algorithm and its own head.
    let older = pem("RSA PUBLIC KEY", &spki[24..]);
    let written = usual.replace('\n', "\r\n");
    let told = format!("# of the release\n{usual}");
    for (what, key) in [("SubjectPublicKeyInfo", &usual), ("PKCS#1", &older), ("CRLF", &written), ("a comment", &told)]
    {
        assert_eq!(scene.judge_each(&bundle, Some(key)), [None, None], "{what}");
    }
    let certificate = pem("CERTIFICATE", &scene.certificate);
    for key in ["", "AAAA", &usual.replace("PUBLIC", "PRIVATE"), &pem("RSA PUBLIC KEY", &spki), &certificate] {
        assert!(scene.judge_each(&bundle, Some(key)).iter().all(Option::is_some), "{key}");
    }
}

/// Where the texts of a bundle are.
pub(crate) fn texts(value: &Value, path: &str, out: &mut Vec<String>) {
    let fields = value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value));
    let items = value.as_array().into_iter().flatten().enumerate().map(|(n, value)| (n.to_string(), value));
    for (name, value) in fields.chain(items) {
        texts(value, &format!("{path}/{name}"), out);
    }
    if value.is_string() {
        out.push(path.to_owned());
    }
}

#[test]
fn no_text_of_a_bundle_can_be_altered_but_a_hint() {
    let mut scene = Scene::new();
    let key = pem("PUBLIC KEY", &scene.key.spki());
    let message = scene.message(&[0]);
    let bundles = [
        (message, false),
        (signed(&mut scene, Entry::First, false), false),
        (signed(&mut scene, Entry::Second, false), false),
        (signed(&mut scene, Entry::InToto, true), true),
        (signed(&mut scene, Entry::Second, true), true),
    ];
    for (bundle, managed) in bundles {
        let key = managed.then_some(key.as_str());
        let judge = |bundle: &Value| scene.judge_each(bundle, key)[0].clone();
        assert_eq!(judge(&bundle), None);
        let (mut paths, mut held) = (Vec::new(), Vec::new());
        texts(&bundle, "", &mut paths);
        for path in paths {
            let text = bundle.pointer(&path).unwrap().as_str().unwrap();
            for at in [text.len() / 2, 1.min(text.len() - 1), text.len().saturating_sub(6)] {
                let mut altered = text.as_bytes().to_vec();
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let [one, other] = if digits { [b'7', b'3'] } else { [b'B', b'C'] };
                altered[at] = if altered[at] == one { other } else { one };
                let mut other = bundle.clone();
                *other.pointer_mut(&path).unwrap() = json!(String::from_utf8(altered).unwrap());
                if judge(&other).is_none() {
                    held.push(path.clone());
                }
            }
        }
        // In these two there are parts that nobody uses: a name before a signature, a certificate that the root has as well.
        held.retain(|path| !path.ends_with("/checkpoint/envelope") && !path.ends_with("/signedTimestamp"));
        held.retain(|path| !path.ends_with("/publicKey/hint"));
        assert!(held.is_empty(), "{held:?}");
    }
}
