//! Cases of the kinds that the ecosystem's suites have, of our own making: what is honest and looks odd is accepted, and
//! what differs from it in one thing is not; by file and by digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::conformance::{Expected, VerifyBundle, verify_bundle};
use countersign_tests::door::bare;
use countersign_tests::sigstore::authority::Authority;
use countersign_tests::sigstore::{Instance, Key, Who};
use countersign_verify::sigstore::Instance as Published;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const NAME: &str = "ada@example.com";
pub(crate) const ISSUER: &str = "https://accounts.example.com";
pub(crate) const ARTIFACT: &[u8] = b"what was signed\n";

/// An instance, somebody who signs by it, and a folder for what is judged.
pub(crate) struct Scene {
    pub(crate) instance: Instance,
    pub(crate) key: Key,
    pub(crate) certificate: Vec<u8>,
    pub(crate) root: Value,
    folder: TempDir,
}

pub(crate) fn at() -> Time {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn payload(name: &str, more: &[(&str, Value)]) -> Vec<u8> {
    let mut statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { "sha256": Sha256::of(ARTIFACT).hex() } }],
        "predicateType": "https://example.com/predicate",
        "predicate": {},
    });
    for (field, value) in more {
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(*field);
        } else {
            statement[*field] = value.clone();
        }
    }
    statement.to_string().into_bytes()
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::by(Key::p256())
    }

    /// One in which this key signs.
    pub(crate) fn by(key: Key) -> Self {
        let mut instance = Instance::new(at());
        let certificate = instance.certificate(&key.spki(), &Who::person(ISSUER, NAME), at());
        let root = serde_json::from_slice(&instance.trusted_root()).unwrap();
        Self { instance, key, certificate, root, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn stamp(&self, signature: &[u8], after: i64) -> Value {
        let stamp = self.instance.timestamp(Sha256::of(signature).as_bytes(), None, at().plus(after));
        json!({ "signedTimestamp": BASE64.encode(stamp) })
    }

    /// A bundle of these parts.
    pub(crate) fn bundle(&self, entry: &Value, stamps: &[Value], content: (&str, Value)) -> Value {
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": BASE64.encode(&self.certificate) },
                "tlogEntries": [entry],
                "timestampVerificationData": { "rfc3161Timestamps": stamps },
            },
        });
        bundle[content.0] = content.1;
        bundle
    }

    /// One over the file, with a timestamp for each of these seconds.
    pub(crate) fn message(&mut self, after: &[i64]) -> Value {
        let signature = self.key.sign(ARTIFACT);
        let digest = Sha256::of(ARTIFACT);
        let entry = self.instance.log(digest.as_bytes(), &signature, &self.certificate);
        let stamps: Vec<Value> = after.iter().map(|after| self.stamp(&signature, *after)).collect();
        let digest = json!({ "algorithm": "SHA2_256", "digest": BASE64.encode(digest.as_bytes()) });
        let content = json!({ "messageDigest": digest, "signature": BASE64.encode(&signature) });
        self.bundle(&entry, &stamps, ("messageSignature", content))
    }

    /// An envelope, logged as a signature over its encoding: by Rekor 2, or as Rekor 1 may have it.
    pub(crate) fn envelope(&mut self, payload: &[u8], first_version: bool) -> Value {
        let message = pae(PAYLOAD_TYPE, payload);
        let signature = self.key.sign(&message);
        let digest = Sha256::of(&message);
        let entry = if first_version {
            self.logged_by_the_first_version(&digest, &signature)
        } else {
            self.instance.log(digest.as_bytes(), &signature, &self.certificate)
        };
        let stamps = [self.stamp(&signature, 0)];
        self.bundle(&entry, &stamps, ("dsseEnvelope", envelope(payload, &signature)))
    }

    pub(crate) fn logged_by_the_first_version(&mut self, digest: &Sha256, signature: &[u8]) -> Value {
        let lines: Vec<String> =
            BASE64.encode(&self.certificate).as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into()).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        let proposed = json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": digest.hex() } },
            "signature": { "content": BASE64.encode(signature), "publicKey": { "content": BASE64.encode(pem) } },
        } });
        self.first(&proposed, 0)
    }

    /// An entry of the first version, so many seconds later, as a bundle has it.
    pub(crate) fn first(&mut self, proposed: &Value, after: i64) -> Value {
        let answer = self.instance.log_v1(proposed, at().plus(after)).unwrap();
        let said = answer.as_object().unwrap().values().next().unwrap().clone();
        let bytes = |value: &Value| BASE64.encode(Sha256::from_hex(value.as_str().unwrap()).unwrap().as_bytes());
        let (proof, promise) = (&said["verification"]["inclusionProof"], &said["verification"]["signedEntryTimestamp"]);
        json!({
            "logIndex": said["logIndex"].to_string(),
            "logId": { "keyId": bytes(&said["logID"]) },
            "kindVersion": { "kind": proposed["kind"], "version": "0.0.1" },
            "integratedTime": said["integratedTime"].to_string(),
            "inclusionPromise": { "signedEntryTimestamp": promise },
            "inclusionProof": {
                "logIndex": proof["logIndex"].to_string(),
                "rootHash": bytes(&proof["rootHash"]),
                "treeSize": proof["treeSize"].to_string(),
                "hashes": proof["hashes"].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>(),
                "checkpoint": { "envelope": proof["checkpoint"] },
            },
            "canonicalizedBody": said["body"],
        })
    }

    /// What comes of it, by file and by digest: the code of the refusal, if it is refused.
    #[track_caller]
    pub(crate) fn judge(&self, bundle: &Value) -> Option<String> {
        let both = self.judge_each(bundle, None);
        assert_eq!(both[0], both[1], "by file and by digest");
        both[0].clone()
    }

    /// The same, each by itself, and with a key in PEM that is expected, if any is.
    pub(crate) fn judge_each(&self, bundle: &Value, key: Option<&str>) -> [Option<String>; 2] {
        self.judge_by(bundle, NAME, key)
    }

    /// The same, with this name expected.
    pub(crate) fn judge_as(&self, bundle: &Value, name: &str) -> [Option<String>; 2] {
        self.judge_by(bundle, name, None)
    }

    fn judge_by(&self, bundle: &Value, name: &str, key: Option<&str>) -> [Option<String>; 2] {
        let path = |name: &str, bytes: &[u8]| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let bundle = path("bundle.json", bundle.to_string().as_bytes());
        let root = path("root.json", self.root.to_string().as_bytes());
        let key = key.map(|key| path("key.pub", key.as_bytes()));
        let expected = key.as_deref().map_or(Expected::Identity { name, issuer: ISSUER }, Expected::Key);
        let digest = Sha256::of(ARTIFACT).to_string();
        [path("artifact", ARTIFACT), digest.into()].map(|artifact| {
            let said = verify_bundle(&VerifyBundle {
                bundle: &bundle,
                trusted_root: Some(&root),
                instance: Published::Production,
                expected,
                artifact: &artifact,
                at: at().plus(3_600),
            });
            match said {
                Ok(()) => None,
                Err(FlowError::Refused(findings)) => Some(findings[0].code.to_string()),
                Err(other) => panic!("{other}"),
            }
        })
    }
}

pub(crate) fn envelope(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": BASE64.encode(payload), "payloadType": PAYLOAD_TYPE,
        "signatures": [{ "sig": BASE64.encode(signature) }],
    })
}

#[test]
fn an_envelope_is_about_its_own_log_entry_in_either_version_of_the_log() {
    let mut scene = Scene::new();
    for first_version in [false, true] {
        let statement = payload("a", &[]);
        let honest = scene.envelope(&statement, first_version);
        assert_eq!(scene.judge(&honest), None, "Rekor 1: {first_version}");
        // Another signature of the same key over the same statement, with a timestamp of its own: not the one that was logged.
        let again = scene.key.sign(&pae(PAYLOAD_TYPE, &statement));
        let mut other = honest.clone();
        other["dsseEnvelope"] = envelope(&statement, &again);
        other["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] =
            json!([scene.stamp(&again, 0)]);
        let said = scene.judge(&other);
        assert!(matches!(said.as_deref(), Some("logged-entry-mismatch" | "subject-mismatch")), "{said:?}");
        // Another statement by the same key.
        let another = scene.envelope(&payload("b", &[]), first_version);
        let mut swapped = honest.clone();
        swapped["dsseEnvelope"] = another["dsseEnvelope"].clone();
        swapped["verificationMaterial"]["timestampVerificationData"] =
            another["verificationMaterial"]["timestampVerificationData"].clone();
        let said = scene.judge(&swapped);
        assert!(matches!(said.as_deref(), Some("logged-entry-mismatch" | "subject-mismatch")), "{said:?}");
        let mut swapped = honest.clone();
        swapped["verificationMaterial"]["tlogEntries"] = another["verificationMaterial"]["tlogEntries"].clone();
        let said = scene.judge(&swapped);
        assert!(matches!(said.as_deref(), Some("logged-entry-mismatch" | "subject-mismatch")), "{said:?}");
        // A signature that is none.
        let mut broken = honest.clone();
        broken["dsseEnvelope"]["signatures"][0]["sig"] = json!(BASE64.encode(scene.key.sign(b"another")));
        assert!(scene.judge(&broken).is_some());
    }
}

#[test]
fn what_an_entry_of_version_two_says_beside_what_is_signed_has_to_be_the_same() {
    let mut scene = Scene::new();
    // A tree in which the entry has a sibling.
    scene.message(&[0]);
    for bundle in [scene.message(&[0]), scene.envelope(&payload("a", &[]), false)] {
        assert_eq!(scene.judge(&bundle), None);
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let (size, index) = (&entry["inclusionProof"]["treeSize"], &entry["logIndex"]);
        let more = |number: &Value| json!((number.as_str().unwrap().parse::<u64>().unwrap() + 1).to_string());
        let elsewhere = json!(BASE64.encode([7; 32]));
        for (path, value, code) in [
            ("/inclusionProof/treeSize", more(size), "inclusion-proof-invalid"),
            ("/inclusionProof/logIndex", more(index), "inclusion-proof-invalid"),
            ("/logIndex", more(index), "inclusion-proof-invalid"),
            ("/inclusionProof/rootHash", elsewhere.clone(), "inclusion-proof-invalid"),
            ("/logId/keyId", elsewhere.clone(), "checkpoint-invalid"),
        ] {
            let mut other = bundle.clone();
            *other.pointer_mut(&format!("/verificationMaterial/tlogEntries/0{path}")).unwrap() = value;
            assert_eq!(scene.judge(&other).as_deref(), Some(code), "{path}");
        }
        // The same as arrays, out of which a derived reader takes fields by their places; and the name in another base64.
        let entry_of = |bundle: &mut Value, path: &str, value: Value| {
            *bundle.pointer_mut(&format!("/verificationMaterial/tlogEntries/0{path}")).unwrap() = value;
        };
        let proof = &entry["inclusionProof"];
        let whole: Vec<&Value> =
            ["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"].iter().map(|field| &proof[field]).collect();
        let bare = elsewhere.as_str().unwrap().trim_end_matches('=');
        for (path, value, code) in [
            ("/logId", json!([elsewhere]), "bundle-malformed"),
            ("/logId", json!([entry["logId"]["keyId"]]), "bundle-malformed"),
            ("/inclusionProof", json!(whole), "bundle-malformed"),
            ("/inclusionProof/checkpoint", json!([proof["checkpoint"]["envelope"]]), "bundle-malformed"),
            ("/logId/keyId", json!(bare), "checkpoint-invalid"),
            ("/logId/keyId", json!(""), "checkpoint-invalid"),
        ] {
            let mut other = bundle.clone();
            entry_of(&mut other, path, value);
            assert_eq!(scene.judge(&other).as_deref(), Some(code), "{path}");
        }
        let mut other = bundle.clone();
        let stamps = &mut other["verificationMaterial"]["timestampVerificationData"];
        *stamps = json!([stamps["rfc3161Timestamps"]]);
        assert_eq!(scene.judge(&other).as_deref(), Some("bundle-malformed"), "timestamps");
        // The notation leaves out what is empty, and what the checkpoint has nobody needs to say again.
        let mut less = bundle.clone();
        let proof = less["verificationMaterial"]["tlogEntries"][0]["inclusionProof"].as_object_mut().unwrap();
        assert!(proof.remove("rootHash").is_some() && proof.remove("treeSize").is_some());
        let said = scene.judge(&less);
        assert!(matches!(said.as_deref(), None | Some("bundle-malformed")), "{said:?}");
        // A second log that is known and did not sign.
        let mut second = scene.root["tlogs"][0].clone();
        let key = Key::ed25519().spki();
        second["publicKey"]["rawBytes"] = json!(BASE64.encode(&key));
        second["logId"]["keyId"] = json!(BASE64.encode(Sha256::of(&key).as_bytes()));
        let mut other = bundle.clone();
        other["verificationMaterial"]["tlogEntries"][0]["logId"] = second["logId"].clone();
        let kept = scene.root.clone();
        scene.root["tlogs"].as_array_mut().unwrap().push(second);
        assert_eq!(scene.judge(&bundle), None);
        assert_eq!(scene.judge(&other).as_deref(), Some("checkpoint-invalid"));
        scene.root = kept;
    }
}

#[test]
fn a_statement_says_of_which_version_it_is() {
    let mut scene = Scene::new();
    for kind in [Value::Null, json!("https://in-toto.io/Statement/v9"), json!(""), json!(1)] {
        let bundle = scene.envelope(&payload("a", &[("_type", kind.clone())]), false);
        assert!(scene.judge(&bundle).is_some(), "{kind}");
    }
}

#[test]
fn every_timestamp_has_to_lie_where_the_certificate_and_the_authority_count() {
    let mut scene = Scene::new();
    let both = scene.message(&[0, 5]);
    assert_eq!(scene.judge(&both), None);
    let late = scene.message(&[0, 700]);
    assert!(scene.judge(&late).is_some(), "the second is of a time at which the certificate had ended");
    // The last second of an authority's span counts, and none after it.
    let bundle = scene.message(&[30]);
    let ends = |scene: &mut Scene, at: Time| {
        scene.root["timestampAuthorities"][0]["validFor"]["end"] = json!(at.to_string());
    };
    ends(&mut scene, at().plus(30));
    assert_eq!(scene.judge(&bundle), None, "a span has its last second");
    ends(&mut scene, at().plus(29));
    assert!(scene.judge(&bundle).is_some());
    // Nor does it borrow the span of an authority that did not sign it.
    let key = Key::p256();
    let valid = (at().unix() - 1_000, at().unix() + 1_000);
    let other = Authority::new("other timestamps", valid);
    for certificates in [
        json!([]),
        json!([{ "rawBytes": BASE64.encode(other.timestamping(&key, valid)) }, { "rawBytes": BASE64.encode(&other.certificate) }]),
    ] {
        let mut borrowed = scene.root["timestampAuthorities"][0].clone();
        borrowed["certChain"]["certificates"] = certificates;
        borrowed["validFor"] = json!({ "start": at().plus(-1_000).to_string() });
        let kept = scene.root.clone();
        scene.root["timestampAuthorities"].as_array_mut().unwrap().push(borrowed);
        assert!(scene.judge(&bundle).is_some());
        scene.root = kept;
    }
}

#[test]
fn an_authority_of_the_same_name_and_another_key_changes_nothing() {
    let mut scene = Scene::new();
    let bundle = scene.message(&[0]);
    let valid = (at().unix() - 86_400, at().unix() + 86_400);
    let decoy = Authority::new("our certificates", valid);
    let mut entry = scene.root["certificateAuthorities"][0].clone();
    entry["certChain"]["certificates"] = json!([{ "rawBytes": BASE64.encode(&decoy.certificate) }]);
    for place in [0, 1] {
        let mut root = scene.root.clone();
        root["certificateAuthorities"].as_array_mut().unwrap().insert(place, entry.clone());
        let kept = std::mem::replace(&mut scene.root, root);
        assert_eq!(scene.judge(&bundle), None, "the decoy at place {place}");
        scene.root = kept;
    }
    scene.root["certificateAuthorities"] = json!([entry]);
    assert!(scene.judge(&bundle).is_some(), "the decoy alone");
}

#[test]
fn nobody_is_asked_for_a_key_and_an_identity_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let line =
        "conformance verify-bundle --bundle b --certificate-identity a --certificate-oidc-issuer i --key k a.txt";
    let said = bare(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    said.expect(2, &["cannot be used with"]);
}
