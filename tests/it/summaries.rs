//! Verification summaries of others: each of their steps, and dependencies that have one.

use crate::attacks::{envelope, named};
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::exit::Exit;
use countersign_core::slsa::ExpectationsFile;
use countersign_core::time::Time;
use countersign_flow::attest::all::check_all;
use countersign_flow::attest::inputs::{Read, read_bytes};
use countersign_flow::attest::{Expected, Subject, check};
use countersign_tests::sigstore::Key;
use countersign_verify::attest::{Anchors, KeyWitness, Wanted};
use serde_json::{Value, json};

const VSA: &str = "https://slsa.dev/verification_summary/v1";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

type Change = fn(&mut Value);

struct Scene {
    builder: Key,
    verifier: Key,
    expected: String,
}

impl Scene {
    fn new() -> Self {
        let policy = Sha256::of(b"policy");
        let expected = format!(
            "[summary]\nverifier = \"https://v.example\"\nkey = \"verifier\"\nresource = \"pkg:app\"\npolicies = [\"{policy}\"]\n\
             levels = [\"SLSA_BUILD_LEVEL_2\"]\nmax-age-days = 10\ninputs = true\n\
             [provenance]\nsource = \"github.com/o/r\"\n[[provenance.builders]]\nid = \"https://b.example\"\nkey = \"builder\"\nlevel = 2\n"
        );
        Self { builder: Key::p256(), verifier: Key::p256(), expected }
    }

    fn with_dependencies() -> Self {
        let mut scene = Self::new();
        scene.expected = scene.expected.replace("\nsource =", "\ndependency-level = 2\nsource =");
        scene
    }

    fn signed(key: &Key, name: &str, kind: &str, digest: &Sha256, predicate: &Value) -> Vec<Read> {
        read_bytes(&Self::line(key, name, kind, digest, predicate), kind, false).unwrap()
    }

    fn line(key: &Key, name: &str, kind: &str, digest: &Sha256, predicate: &Value) -> Vec<u8> {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{ "digest": { "sha256": digest.hex() } }],
            "predicateType": kind, "predicate": predicate,
        });
        let payload = serde_json::to_vec(&statement).unwrap();
        envelope(&payload, &[(name, key.sign(&pae(PAYLOAD_TYPE, &payload)))])
    }

    fn provenance(&self, dependencies: &Value) -> Vec<Read> {
        read_bytes(&self.provenance_line(dependencies), PROVENANCE, false).unwrap()
    }

    fn provenance_line(&self, dependencies: &Value) -> Vec<u8> {
        let predicate = json!({
            "buildDefinition": { "buildType": "https://t.example", "externalParameters": {}, "resolvedDependencies": dependencies },
            "runDetails": { "builder": { "id": "https://b.example" } },
        });
        let source =
            json!({ "uri": "git+https://github.com/o/r@refs/heads/main", "digest": { "gitCommit": "a".repeat(40) } });
        let mut predicate = predicate;
        let listed = predicate["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap();
        listed.insert(0, source);
        Self::line(&self.builder, "builder", PROVENANCE, &Sha256::of(b"app"), &predicate)
    }

    fn summary(&self, about: &[u8], rests_on: &[Read], change: impl Fn(&mut Value)) -> Vec<Read> {
        read_bytes(&self.summary_line(about, rests_on, change), VSA, false).unwrap()
    }

    fn summary_line(&self, about: &[u8], rests_on: &[Read], change: impl Fn(&mut Value)) -> Vec<u8> {
        let inputs: Vec<Value> = rests_on
            .iter()
            .map(|read| json!({ "uri": "file:p", "digest": { "sha256": read.attestation.digest.hex() } }))
            .collect();
        let mut predicate = json!({
            "verifier": { "id": "https://v.example" }, "timeVerified": "2026-03-01T12:00:00.5Z", "resourceUri": "pkg:app",
            "policy": { "uri": "file:policy", "digest": { "sha256": Sha256::of(b"policy").hex() } },
            "inputAttestations": inputs, "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        });
        change(&mut predicate);
        Self::line(&self.verifier, "verifier", VSA, &Sha256::of(about), &predicate)
    }

    fn by(&self) -> (Expected, Anchors) {
        let file = ExpectationsFile::from_toml(self.expected.as_bytes()).unwrap();
        let expected =
            Expected { provenance: file.provenance, summary: file.summary, signers: 1, ..Expected::default() };
        let keys = vec![
            named("builder", &self.builder, KeyWitness::Nobody),
            named("verifier", &self.verifier, KeyWitness::Nobody),
        ];
        (expected, Anchors { roots: Vec::new(), keys })
    }

    fn found(&self, read: &[Read], dependencies: &[Read]) -> Vec<String> {
        let (expected, anchors) = self.by();
        let wanted = Wanted { sha256: Some(Sha256::of(b"app")), ..Wanted::default() };
        let subject = Subject { name: "app", named: false, wanted };
        let at: Time = "2026-03-05T12:00:00Z".parse().unwrap();
        let found = check(&subject, read, dependencies, &anchors, &expected, at).checked.findings;
        found.iter().filter(|finding| finding.class.blocks()).map(|finding| finding.code.to_string()).collect()
    }
}

#[test]
fn every_step_of_a_consumer_has_its_code() {
    let scene = Scene::new();
    let built = scene.provenance(&json!([]));
    let cases: [(&[&str], Change); 10] = [
        (&[], |_| {}),
        (&["vsa-verifier"], |v| v["verifier"]["id"] = json!("https://other.example")),
        (&["vsa-resource"], |v| v["resourceUri"] = json!("pkg:other")),
        (&["vsa-refused", "vsa-malformed"], |v| v["verificationResult"] = json!("FAILED")),
        (&["vsa-refused"], |v| v["verifiedLevels"] = json!(["SLSA_BUILD_LEVEL_1", "SLSA_SOURCE_LEVEL_3"])),
        (&["vsa-policy"], |v| v["policy"]["digest"] = json!({ "sha256": "0".repeat(64) })),
        (&["vsa-policy"], |v| v["policy"] = json!({ "uri": "file:policy" })),
        (&["vsa-age"], |v| v["timeVerified"] = json!("2026-02-01T12:00:00Z")),
        (&["vsa-age"], |v| v["timeVerified"] = json!("2026-03-06T12:00:00Z")),
        (&["vsa-input-missing"], |v| v["inputAttestations"] = json!([])),
    ];
    for (number, (expected, change)) in cases.into_iter().enumerate() {
        let read = [built.clone(), scene.summary(b"app", &built, change)].concat();
        assert_eq!(scene.found(&read, &[]), expected, "{number}");
    }
    // What it rests on is not there, it is of the builder's key, or there is none at all.
    let lacks =
        [built.clone(), scene.summary(b"app", &[], |v| v["inputAttestations"] = json!([{ "uri": "file:x" }]))].concat();
    assert_eq!(scene.found(&lacks, &[]), ["vsa-input-missing"]);
    let swapped = Scene { builder: Key::p256(), verifier: Key::p256(), ..Scene::new() };
    let read = [built.clone(), scene.summary(b"app", &built, |_| {})].concat();
    assert!(!swapped.found(&read, &[]).is_empty());
    assert_eq!(scene.found(&built, &[]), ["predicate-mismatch"]);
}

#[test]
fn of_very_many_inputs_that_are_missing_the_first_are_listed_and_of_a_stranger_s_none() {
    let scene = Scene::new();
    let built = scene.provenance(&json!([]));
    let many: Change = |v| v["inputAttestations"] = json!(vec![json!({ "uri": "file:x" }); 5_000]);
    let found = scene.found(&[built.clone(), scene.summary(b"app", &[], many)].concat(), &[]);
    assert_eq!(found, ["vsa-input-missing"; 101]);
    let stranger = scene.summary(b"app", &[], |v| {
        many(v);
        v["verifier"]["id"] = json!("https://other.example");
    });
    assert_eq!(scene.found(&[built, stranger].concat(), &[]), ["vsa-verifier"]);
}

#[test]
fn a_summary_of_which_nobody_expects_anything_still_has_to_say_that_it_passed() {
    let mut scene = Scene::new();
    scene.expected = String::new();
    assert!(scene.found(&scene.summary(b"app", &[], |_| {}), &[]).is_empty());
    let cases: [(&str, Change); 3] = [
        ("vsa-refused", |v| v["verificationResult"] = json!("FAILED")),
        ("vsa-refused", |v| v["verifiedLevels"] = json!(["FAILED"])),
        ("vsa-malformed", |v| v["verificationResult"] = json!("maybe")),
    ];
    for (code, change) in cases {
        assert_eq!(scene.found(&scene.summary(b"app", &[], change), &[]), [code]);
    }
    // Of a version that is not read nobody knows what it says.
    for version in ["/v0.1", "/v1.0", "/v1.1", "/v2", ""] {
        let kind = format!("https://slsa.dev/verification_summary{version}");
        let predicate = json!({ "verificationResult": "FAILED" });
        let read = Scene::signed(&scene.verifier, "verifier", &kind, &Sha256::of(b"app"), &predicate);
        assert_eq!(scene.found(&read, &[]), ["vsa-malformed"], "{kind}");
    }
}

#[test]
fn a_summary_in_the_forms_that_others_write_is_held_to_the_same() {
    let mut scene = Scene::new();
    let built = scene.provenance(&json!([]));
    let found = |scene: &Scene, change: Change| {
        scene.found(&[built.clone(), scene.summary(b"app", &built, change)].concat(), &[])
    };
    // An attestation by its digest alone, and a policy whose name is no whole address.
    let plain: Change = |v| {
        v["inputAttestations"][0].as_object_mut().unwrap().remove("uri");
        v["policy"]["uri"] = json!("/policies/gate");
        v["policy"]["digest"]["sha512"] = json!("0".repeat(128));
    };
    assert!(found(&scene, plain).is_empty());
    // The time may be left out, but not where it is asked how old it is.
    let timeless: Change = |v| drop(v.as_object_mut().unwrap().remove("timeVerified"));
    assert_eq!(found(&scene, timeless), ["vsa-age"]);
    scene.expected = scene.expected.replace("max-age-days = 10\n", "");
    assert!(found(&scene, timeless).is_empty());
    assert_eq!(found(&scene, |v| v["timeVerified"] = json!("soon")), ["vsa-malformed"]);
    // The form before version 1, with the names and levels that it had.
    scene.expected = scene.expected.replace("SLSA_BUILD_LEVEL_2", "SLSA_LEVEL_2");
    let inputs: Vec<Value> =
        built.iter().map(|read| json!({ "digest": { "sha256": read.attestation.digest.hex() } })).collect();
    let older = |level: &str, result: &str| {
        let predicate = json!({
            "verifier": { "id": "https://v.example" }, "time_verified": "2026-03-01T12:00:00Z", "resource_uri": "pkg:app",
            "policy": { "uri": "file:policy", "digest": { "sha256": Sha256::of(b"policy").hex() } },
            "input_attestations": inputs, "verification_result": result, "policy_level": level, "dependency_levels": {},
        });
        let kind = "https://slsa.dev/verification_summary/v0.2";
        let read = Scene::signed(&scene.verifier, "verifier", kind, &Sha256::of(b"app"), &predicate);
        scene.found(&[built.clone(), read].concat(), &[])
    };
    assert!(older("SLSA_LEVEL_3", "PASSED").is_empty());
    assert_eq!(older("SLSA_LEVEL_1", "PASSED"), ["vsa-refused"]);
    assert_eq!(older("SLSA_BUILD_LEVEL_3", "PASSED"), ["vsa-refused"]);
    assert_eq!(older("FAILED", "FAILED"), ["vsa-refused", "vsa-refused"]);
}

#[test]
fn each_dependency_has_a_summary_of_the_level_that_is_asked_for() {
    let scene = Scene::with_dependencies();
    let image = json!([{ "uri": "oci:image", "digest": { "sha256": Sha256::of(b"image").hex() } }]);
    let built = scene.provenance(&image);
    let read = [built.clone(), scene.summary(b"app", &built, |_| {})].concat();
    assert_eq!(scene.found(&read, &[]), ["dependency-unverified"]);
    let about = |levels: Value| scene.summary(b"image", &built, move |v| v["verifiedLevels"] = levels.clone());
    assert!(scene.found(&read, &about(json!(["SLSA_BUILD_LEVEL_2"]))).is_empty());
    assert_eq!(scene.found(&read, &about(json!(["SLSA_BUILD_LEVEL_1"]))), ["dependency-unverified"]);
    let other = scene.summary(b"another image", &built, |_| {});
    assert_eq!(scene.found(&read, &other), ["dependency-unverified"]);
    let unnamed = scene.provenance(&json!([{ "uri": "oci:image" }]));
    let read = [unnamed.clone(), scene.summary(b"app", &unnamed, |_| {})].concat();
    assert_eq!(scene.found(&read, &[]), ["dependency-unverified"]);
}

#[test]
fn what_a_dependency_s_summary_rests_on_is_handed_in_beside_it() {
    let scene = Scene::with_dependencies();
    let image = json!([{ "uri": "oci:image", "digest": { "sha256": Sha256::of(b"image").hex() } }]);
    let built = scene.provenance(&image);
    let read = [built.clone(), scene.summary(b"app", &built, |_| {})].concat();
    let predicate = json!({
        "buildDefinition": { "buildType": "https://t.example", "externalParameters": {} },
        "runDetails": { "builder": { "id": "https://other.example" } },
    });
    let of_image = |key: &Key| Scene::signed(key, "builder", PROVENANCE, &Sha256::of(b"image"), &predicate);
    let own = of_image(&scene.builder);
    let summary = scene.summary(b"image", &own, |_| {});
    assert_eq!(scene.found(&read, &summary), ["dependency-unverified"]);
    assert!(scene.found(&read, &[summary, own].concat()).is_empty());
    // What does not hold is not there.
    let forged = of_image(&Key::p256());
    let summary = scene.summary(b"image", &forged, |_| {});
    assert_eq!(scene.found(&read, &[summary, forged].concat()), ["dependency-unverified"]);
}

#[test]
fn what_went_into_a_build_is_asked_of_provenance_that_is_as_expected_and_of_very_much_the_first_is_named() {
    let mut scene = Scene::with_dependencies();
    let many: Vec<Value> = (0..5_000_u32)
        .map(|number| json!({ "uri": "oci:image", "digest": { "sha256": Sha256::of(&number.to_be_bytes()).hex() } }))
        .collect();
    let built = scene.provenance(&json!(many));
    let read = [built.clone(), scene.summary(b"app", &built, |_| {})].concat();
    let about = |number: u32| scene.summary(&number.to_be_bytes(), &built, |_| {});
    assert_eq!(scene.found(&read, &about(0)), ["dependency-unverified"; 101]);
    let most: Vec<Read> = (0..20).flat_map(about).collect();
    assert_eq!(scene.found(&read, &most), ["dependency-unverified"; 101]);
    scene.expected = scene.expected.replace("github.com/o/r", "github.com/o/other");
    assert_eq!(scene.found(&read, &most), ["provenance-source"]);
}

#[test]
fn a_folder_of_artifacts_has_its_many_dependencies_summaries_handed_in() {
    let mut scene = Scene::with_dependencies();
    let image = json!([{ "uri": "oci:image", "digest": { "sha256": Sha256::of(b"image").hex() } }]);
    let line = scene.provenance_line(&image);
    let built = read_bytes(&line, PROVENANCE, false).unwrap();
    let lines = [line.as_slice(), b"\n", scene.summary_line(b"app", &built, |_| {}).as_slice()].concat();
    let others = (0..300_u32).flat_map(|number| scene.summary(&number.to_be_bytes(), &built, |_| {}));
    let handed_in: Vec<Read> = others.chain(scene.summary(b"image", &built, |_| {})).collect();
    let at: Time = "2026-03-05T12:00:00Z".parse().unwrap();
    // What a summary rests on may have been handed in with each artifact.
    for inputs in ["inputs = true", "inputs = false"] {
        scene.expected = scene.expected.replace("inputs = true", inputs);
        let (expected, anchors) = scene.by();
        for files in [1, 200] {
            let folder = tempfile::tempdir().unwrap();
            for number in 0..files {
                std::fs::write(folder.path().join(format!("{number}.jsonl")), &lines).unwrap();
            }
            let sum = check_all(folder.path(), &anchors, &expected, &handed_in, at, &mut |_, _| {}).unwrap();
            assert_eq!((sum.exit, sum.held), (Exit::Ok, 2 * files), "{:?}", sum.findings);
        }
    }
}
