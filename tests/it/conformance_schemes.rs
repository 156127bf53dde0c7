//! Every kind of key and scheme of Sigstore's registry of algorithms, in certificates and as managed keys, over files and envelopes,
//! in every kind of log entry: what holds is accepted, what was altered is not, and what cannot be checked is named.

use crate::conformance_kinds::{ARTIFACT, ISSUER, NAME, Scene, at, envelope, payload};
use crate::conformance_more::{Entry, by_key, signed, texts};
use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::rsa::KeySize;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_tests::sigstore::cosign::pem;
use countersign_tests::sigstore::{Fault, Faults, Instance, Key, Who};
use serde_json::{Value, json};

/// Those that the family does not know by itself.
const FURTHER: [fn() -> Key; 4] = [Key::p521, Key::p521_short, Key::pss, Key::pss_long];

/// A hash, as both versions of the log and a bundle name it.
#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let kind = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest(kind, bytes).as_ref().to_vec()
    }

    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::Sha256 => ["sha256", "SHA2_256"],
            Self::Sha384 => ["sha384", "SHA2_384"],
            Self::Sha512 => ["sha512", "SHA2_512"],
        }
    }
}

/// A signature over a file (or over this envelope), logged as `hashedrekord` of this version with this hash.
fn recorded(scene: &mut Scene, version: u8, hash: Hash, managed: bool, statement: Option<&[u8]>) -> Value {
    let message = statement.map_or_else(|| ARTIFACT.to_vec(), |statement| pae(PAYLOAD_TYPE, statement));
    let signature = scene.key.sign(&message);
    let hashed = hash.of(&message);
    let [first, second] = hash.words();
    let (word, field, der) = if managed {
        ("PUBLIC KEY", "publicKey", scene.key.spki())
    } else {
        ("CERTIFICATE", "x509Certificate", scene.certificate.clone())
    };
    // As the registry of algorithms names them; of PSS and of older hashes it has names of their own, which nothing depends on.
    let details = match &scene.key {
        Key::P256(_) => "PKIX_ECDSA_P256_SHA_256",
        Key::P384(_) => "PKIX_ECDSA_P384_SHA_384",
        Key::P521(_) => "PKIX_ECDSA_P521_SHA_512",
        Key::Rsa(..) => "PKIX_RSA_PKCS1V15_2048_SHA256",
        Key::Ed25519(_) => "PKIX_ED25519",
    };
    let entry = if version == 1 {
        scene.first(
            &json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                "data": { "hash": { "algorithm": first, "value": to_hex(&hashed) } },
                "signature": { "content": BASE64.encode(&signature), "publicKey": { "content": BASE64.encode(pem(word, &der)) } },
            } }),
            0,
        )
    } else {
        scene.instance.log_any(&json!({ "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": { "hashedRekordV002": {
            "data": { "algorithm": second, "digest": BASE64.encode(&hashed) },
            "signature": { "content": BASE64.encode(&signature), "verifier": { "keyDetails": details, field: { "rawBytes": BASE64.encode(&der) } } },
        } } }))
    };
    let stamps = [scene.stamp(&signature, 0)];
    let content = match statement {
        Some(statement) => ("dsseEnvelope", envelope(statement, &signature)),
        None => (
            "messageSignature",
            json!({
                "messageDigest": { "algorithm": second, "digest": BASE64.encode(&hashed) },
                "signature": BASE64.encode(&signature),
            }),
        ),
    };
    let mut bundle = scene.bundle(&entry, &stamps, content);
    if managed {
        by_key(&mut bundle);
    }
    bundle
}

#[test]
fn every_scheme_holds_over_envelopes_in_every_kind_of_entry_and_by_no_other_key() {
    for make in FURTHER {
        let mut scene = Scene::by(make());
        let key = pem("PUBLIC KEY", &scene.key.spki());
        let other = pem("PUBLIC KEY", &make().spki());
        for kind in [Entry::InToto, Entry::First, Entry::Second] {
            let bundle = signed(&mut scene, kind, false);
            assert_eq!(scene.judge(&bundle), None, "{kind:?}");
            let mut swapped = signed(&mut scene, kind, false);
            swapped["verificationMaterial"]["tlogEntries"] = bundle["verificationMaterial"]["tlogEntries"].clone();
            assert_eq!(
                scene.judge(&swapped).as_deref(),
                Some("logged-entry-mismatch"),
                "{kind:?} of another signature"
            );
            let bundle = signed(&mut scene, kind, true);
            assert_eq!(scene.judge_each(&bundle, Some(&key)), [None, None], "{kind:?} by a key");
            assert!(scene.judge_each(&bundle, Some(&other)).iter().all(Option::is_some), "{kind:?} by another key");
        }
        let statement = payload("a", &[]);
        for (version, hash) in [(1, Hash::Sha512), (2, Hash::Sha512), (2, Hash::Sha256)] {
            for managed in [false, true] {
                let bundle = recorded(&mut scene, version, hash, managed, Some(&statement));
                let key = managed.then_some(key.as_str());
                assert_eq!(scene.judge_each(&bundle, key), [None, None], "Rekor {version}");
            }
        }
    }
}

/// How a key is made, the hash that it signs, and whether a digest is enough.
type Scheme = (fn() -> Key, Hash, bool);

#[test]
fn every_scheme_holds_over_files_and_by_digest_where_the_hash_is_the_one_that_was_signed() {
    let schemes: [Scheme; 5] = [
        (Key::p521, Hash::Sha512, false),
        (Key::p521_short, Hash::Sha256, true),
        (Key::pss, Hash::Sha256, true),
        (Key::pss_long, Hash::Sha512, false),
        (Key::p384, Hash::Sha384, false),
    ];
    for (make, hash, by_digest) in schemes {
        let mut scene = Scene::by(make());
        let key = pem("PUBLIC KEY", &scene.key.spki());
        for version in [1, 2] {
            for managed in [false, true] {
                let key = managed.then_some(key.as_str());
                let bundle = recorded(&mut scene, version, hash, managed, None);
                let [file, digest] = scene.judge_each(&bundle, key);
                assert_eq!(file, None, "Rekor {version}, managed: {managed}");
                assert_eq!(digest.is_none(), by_digest, "Rekor {version}: {digest:?}");
                assert!(by_digest || digest.as_deref() == Some("sigstore-unsupported"), "{digest:?}");
                // The signature of another file by the same key.
                let mut other = bundle.clone();
                other["messageSignature"]["signature"] = json!(BASE64.encode(scene.key.sign(b"another file")));
                assert!(scene.judge_each(&other, key).iter().all(Option::is_some));
            }
        }
    }
}

#[test]
fn the_second_version_of_the_log_has_keys_of_every_kind_over_files_and_envelopes() {
    let sizes = [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096].map(Key::rsa_of);
    let keys = [Key::p256(), Key::p384(), Key::p521(), Key::pss(), Key::ed25519()].into_iter().chain(sizes);
    let statement = payload("a", &[]);
    for key in keys {
        // Of these by digest alone nothing can be known: the hash that was signed is a longer one, or none.
        let by_digest = !matches!(key, Key::Ed25519(_) | Key::P384(_) | Key::P521(_));
        let mut scene = Scene::by(key);
        let key = pem("PUBLIC KEY", &scene.key.spki());
        for managed in [false, true] {
            let key = managed.then_some(key.as_str());
            let bundle = recorded(&mut scene, 2, Hash::Sha256, managed, Some(&statement));
            assert_eq!(scene.judge_each(&bundle, key), [None, None], "an envelope, managed: {managed}");
            let mut bundle = recorded(&mut scene, 2, Hash::Sha256, managed, None);
            // What a bundle names beside the signature may be left out; then the key alone says by what it signs.
            bundle["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
            let [file, digest] = scene.judge_each(&bundle, key);
            assert_eq!((file, digest.is_none()), (None, by_digest), "a file, managed: {managed}: {digest:?}");
        }
    }
}

#[test]
fn a_kind_of_key_that_cannot_be_checked_is_named() {
    let mut scene = Scene::new();
    let bundle = recorded(&mut scene, 2, Hash::Sha256, true, None);
    let refused = |pem: &str| countersign_verify::sigstore::BundleKey::from_pem(pem).unwrap_err();
    // RSA of 1,024 bits, ECDSA on secp256k1, Ed448: as their tools write them.
    for (key, named) in [
        (
            "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQClLbZoKPVu98eVChcPZs6bPM57xOf1olPx6sAQnmjT4eSqgJej/S9TDnvVozhlJj5m/Po6AjVBC/Gq\
             KQ5xnGrqGIdiGU7tDmZuL6YDcV0+EeqMULPTeZ8a08g/oJh4AhpMrtxWUJexvKPl9xqFBQlZk8kLmO9rRzIzesaE2a+06QIDAQAB",
            "RSA of 1024 bits",
        ),
        (
            "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEpUgSADZfDgK8NaoBOL9pGFa6Ag5KPVDceN+PNBL2OQhXKKcERCWOa0CbpxzgEyT5YlobN4a7MaHAnSlf0iNB\
             pQ==",
            "ECDSA on secp256k1",
        ),
        ("MEMwBQYDK2VxAzoAJP/LrOk7wZt61xn6nLfckmhUENWIezOMilqeyD/XAv79bm9Beyy7GNJ6ckD9QbORGYIUYOeCgUEA", "Ed448"),
    ] {
        let key = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
        let said = refused(&key);
        assert_eq!(said.code().as_str(), "sigstore-unsupported", "{said}");
        assert!(said.to_string().contains(named), "{said}");
        assert!(
            scene.judge_each(&bundle, Some(&key)).iter().all(|said| said.as_deref() == Some("sigstore-unsupported"))
        );
    }
}

#[test]
fn ed25519_that_hashed_first_is_named_and_as_it_is_holds() {
    let mut scene = Scene::by(Key::ed25519());
    for version in [1, 2] {
        let bundle = recorded(&mut scene, version, Hash::Sha512, false, None);
        assert_eq!(scene.judge_each(&bundle, None)[0], None, "Rekor {version}");
        // What Ed25519ph signs begins with a word of its own: to Ed25519 it is a signature over something else.
        let kept = std::mem::replace(&mut scene.key, Key::ed25519());
        let other = recorded(&mut scene, version, Hash::Sha512, false, None);
        assert_eq!(scene.judge_each(&other, None)[0].as_deref(), Some("sigstore-unsupported"));
        scene.key = kept;
    }
}

#[test]
fn what_the_instance_does_wrong_is_found_under_a_certificate_on_p_521_as_under_any_other() {
    for (fault, code) in [
        (Fault::FlippedProof, "inclusion-proof-invalid"),
        (Fault::OtherRoot, "inclusion-proof-invalid"),
        (Fault::ForeignCheckpoint, "checkpoint-invalid"),
        (Fault::WrongSct, "sct-invalid"),
        (Fault::NoSct, "sct-invalid"),
        (Fault::NotForSigning, "certificate-invalid"),
        (Fault::ForeignTimestamp, "timestamp-invalid"),
    ] {
        let mut scene = Scene::by(Key::p521());
        scene.instance.faults = Faults::one(fault);
        scene.certificate = scene.instance.certificate(&scene.key.spki(), &Who::person(ISSUER, NAME), at());
        let bundle = recorded(&mut scene, 2, Hash::Sha512, false, None);
        assert_eq!(scene.judge_each(&bundle, None)[0].as_deref(), Some(code), "{fault:?}");
    }
    let mut scene = Scene::by(Key::p521());
    scene.instance.faults = Faults { second_name: Some("eve@example.com".to_owned()), ..Faults::default() };
    scene.certificate = scene.instance.certificate(&scene.key.spki(), &Who::person(ISSUER, NAME), at());
    let bundle = recorded(&mut scene, 2, Hash::Sha512, false, None);
    assert_eq!(scene.judge_each(&bundle, None)[0].as_deref(), Some("certificate-invalid"), "two names");
    let mut scene = Scene::by(Key::p521());
    let honest = recorded(&mut scene, 2, Hash::Sha512, false, None);
    assert_eq!(scene.judge_each(&honest, None)[0], None);
    assert_eq!(scene.judge_as(&honest, "eve@example.com")[0].as_deref(), Some("identity-mismatch"));
    for (after, holds) in [(0, true), (600, true), (601, false), (-1, false)] {
        let signature = BASE64.decode(honest["messageSignature"]["signature"].as_str().unwrap()).unwrap();
        let mut moved = honest.clone();
        let stamps = json!([scene.stamp(&signature, after)]);
        moved["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = stamps;
        let code = (!holds).then_some("certificate-invalid");
        assert_eq!(scene.judge_each(&moved, None)[0].as_deref(), code, "{after} seconds after");
    }
    let mut unstamped = honest.clone();
    unstamped["verificationMaterial"]["timestampVerificationData"] = json!({});
    assert_eq!(scene.judge_each(&unstamped, None)[0].as_deref(), Some("timestamp-missing"));
    let mut alone = honest;
    alone["verificationMaterial"]["tlogEntries"] = json!([]);
    assert!(scene.judge_each(&alone, None)[0].is_some());
    // Another instance's authority, with the same names.
    let other: Value = serde_json::from_slice(&Instance::new(at()).trusted_root()).unwrap();
    let honest = recorded(&mut scene, 2, Hash::Sha512, false, None);
    for (list, code) in [
        ("certificateAuthorities", "certificate-invalid"),
        ("ctlogs", "sct-invalid"),
        ("tlogs", "inclusion-promise-invalid"),
        ("timestampAuthorities", "timestamp-invalid"),
    ] {
        let kept = std::mem::replace(&mut scene.root[list], other[list].clone());
        assert_eq!(scene.judge_each(&honest, None)[0].as_deref(), Some(code), "{list}");
        scene.root[list] = kept;
    }
}

#[test]
fn no_text_of_a_bundle_on_p_521_can_be_altered_but_a_hint() {
    let mut scene = Scene::by(Key::p521());
    let key = pem("PUBLIC KEY", &scene.key.spki());
    let statement = payload("a", &[]);
    let bundles = [
        (recorded(&mut scene, 1, Hash::Sha512, false, None), false),
        (recorded(&mut scene, 2, Hash::Sha512, true, None), true),
        (recorded(&mut scene, 2, Hash::Sha512, false, Some(&statement)), false),
        (signed(&mut scene, Entry::InToto, false), false),
        (signed(&mut scene, Entry::First, true), true),
    ];
    for (bundle, managed) in bundles {
        let key = managed.then_some(key.as_str());
        assert_eq!(scene.judge_each(&bundle, key)[0], None);
        let (mut paths, mut held) = (Vec::new(), Vec::new());
        texts(&bundle, "", &mut paths);
        for path in paths {
            let text = bundle.pointer(&path).unwrap().as_str().unwrap();
            for place in [text.len() / 2, 1.min(text.len() - 1), text.len().saturating_sub(6)] {
                let mut altered = text.as_bytes().to_vec();
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let [one, other] = if digits { [b'7', b'3'] } else { [b'B', b'C'] };
                altered[place] = if altered[place] == one { other } else { one };
                let mut other = bundle.clone();
                *other.pointer_mut(&path).unwrap() = json!(String::from_utf8(altered).unwrap());
                if scene.judge_each(&other, key)[0].is_none() {
                    held.push(path.clone());
                }
            }
        }
        // A name before a signature, a certificate that the root has as well, and a hint: nobody uses them.
        held.retain(|path| !path.ends_with("/checkpoint/envelope") && !path.ends_with("/signedTimestamp"));
        held.retain(|path| !path.ends_with("/publicKey/hint"));
        assert!(held.is_empty(), "{held:?}");
    }
}

#[test]
fn a_log_of_a_root_whose_kind_of_key_is_unknown_is_none_and_the_others_stand() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    let key = Key::p521().spki();
    let mut log = scene.root["tlogs"][0].clone();
    log["publicKey"]["rawBytes"] = json!(BASE64.encode(&key));
    log["publicKey"]["keyDetails"] = json!("PKIX_ECDSA_P521_SHA_512");
    log["logId"]["keyId"] = json!(BASE64.encode(Sha256::of(&key).as_bytes()));
    let mut damaged = log.clone();
    damaged["publicKey"]["rawBytes"] = json!(BASE64.encode(&key[..40]));
    for list in ["tlogs", "ctlogs"] {
        let kept = scene.root.clone();
        scene.root[list].as_array_mut().unwrap().insert(0, log.clone());
        assert_eq!(scene.judge(&bundle), None, "{list}");
        scene.root = kept.clone();
        scene.root[list].as_array_mut().unwrap().insert(0, damaged.clone());
        assert_eq!(scene.judge(&bundle).as_deref(), Some("sigstore-root-malformed"), "{list}: a key that is none");
        scene.root = kept;
    }
}
