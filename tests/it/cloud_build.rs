//! What Cloud Build says of an image: the provenance of one build in several forms beside each other.

use crate::attacks::named;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Sha256;
use countersign_core::envelope::PAYLOAD_TYPE;
use countersign_core::slsa::ExpectationsFile;
use countersign_core::time::Time;
use countersign_flow::attest::inputs::read_bytes;
use countersign_flow::attest::{Expected, Subject, check};
use countersign_tests::sigstore::Key;
use countersign_verify::attest::{Anchors, KeyWitness, Wanted};
use serde_json::{Value, json};

const WORKER: &str = "https://cloudbuild.googleapis.com/GoogleHostedWorker";
const COMMIT: &str = "0123456789012345678901234567890123456789";

fn older(tag: &str) -> Value {
    json!({
        "builder": { "id": format!("{WORKER}@v0.3") },
        "recipe": {
            "type": "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1",
            "arguments": { "steps": [], "tags": ["x"], "substitutions": { "TAG_NAME": tag } },
        },
        "materials": [{ "uri": format!("https://github.com/o/r/commit/{COMMIT}"), "digest": { "sha1": COMMIT } }],
    })
}

fn newer(tag: &str) -> Value {
    let source = format!("git+https://github.com/o/r@refs/tags/{tag}");
    json!({
        "buildDefinition": {
            "buildType": "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
            "externalParameters": {
                "buildConfigSource": { "path": "b.yaml", "ref": format!("refs/tags/{tag}"), "repository": "git+https://github.com/o/r" },
                "substitutions": {},
            },
            "resolvedDependencies": [{ "uri": source, "digest": { "gitCommit": COMMIT } }],
        },
        "runDetails": { "builder": { "id": WORKER } },
    })
}

/// The codes of what refuses, and how many attestations are shown.
fn found(forms: &[(&str, Value)], builder: &str, more: &str) -> (Vec<String>, usize) {
    let (codes, shown) = said(forms, builder, more);
    (codes.into_iter().filter(|(_, blocks)| *blocks).map(|(code, _)| code).collect(), shown)
}

/// The codes of all that is said, with whether it refuses, and how many attestations are shown.
fn said(forms: &[(&str, Value)], builder: &str, more: &str) -> (Vec<(String, bool)>, usize) {
    let (key, digest) = (Key::p256(), Sha256::of(b"image"));
    let signed = |(kind, predicate): &(&str, Value)| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{ "name": "i", "digest": { "sha256": digest.hex() } }],
            "predicateType": kind, "predicate": predicate,
        });
        let payload = serde_json::to_vec(&statement).unwrap();
        let id =
            "projects/verified-builder/locations/us-west2/keyRings/attestor/cryptoKeys/builtByGCB/cryptoKeyVersions/1";
        let signature = json!({ "keyid": id, "sig": BASE64.encode(key.sign(&payload)) });
        json!({
            "kind": "BUILD", "resourceUri": format!("https://r.example/i@{digest}"),
            "envelope": { "payloadType": PAYLOAD_TYPE, "payload": BASE64.encode(&payload), "signatures": [signature] },
        })
    };
    let listed: Vec<Value> = forms.iter().map(signed).collect();
    let document = json!({
        "image_summary": { "digest": digest.to_string() }, "provenance_summary": { "provenance": listed },
    });
    let read = read_bytes(&serde_json::to_vec(&document).unwrap(), "build.json", false).unwrap();
    let text = format!(
        "[provenance]\nsource = \"github.com/o/r\"\n{more}\n[[provenance.builders]]\nid = \"{builder}\"\nlevel = 3\n"
    );
    let file = ExpectationsFile::from_toml(text.as_bytes()).unwrap();
    let expected = Expected { provenance: file.provenance, signers: 1, ..Expected::default() };
    let keys = vec![named("us-west2", &key, KeyWitness::Nobody).of_cloud_build()];
    let anchors = Anchors { roots: Vec::new(), keys };
    let wanted = Wanted { sha256: Some(digest), ..Wanted::default() };
    let subject = Subject { name: "i", named: false, wanted };
    let at: Time = "2026-03-05T12:00:00Z".parse().unwrap();
    let outcome = check(&subject, &read, &[], &anchors, &expected, at);
    let codes = outcome.checked.findings.iter().map(|finding| (finding.code.to_string(), finding.class.blocks()));
    (codes.collect(), outcome.held.len())
}

#[test]
fn one_form_that_is_as_expected_is_enough_and_the_nearest_says_why_none_is() {
    let (first, second) = ("https://slsa.dev/provenance/v0.1", "https://slsa.dev/provenance/v1");
    let both = [(second, newer("v33.0.4")), (first, older("v33.0.4"))];
    let versioned = format!("{WORKER}@v0.3");
    assert_eq!(found(&both, &versioned, ""), (vec![], 1));
    assert_eq!(found(&both, &versioned, "tag = \"v33.0.4\""), (vec![], 1));
    assert_eq!(found(&both, WORKER, "versioned-tag = \"v33\""), (vec![], 2));
    assert_eq!(found(&both, &versioned, "tag = \"v33.0.5\""), (vec!["provenance-ref".to_owned()], 1));
    assert_eq!(found(&both, "https://other.example/b", ""), (vec!["provenance-builder".to_owned()], 1));
    // Whoever starts a build may tell it a tag: the other form has to say the same.
    let told = [(second, newer("v33.0.4")), (first, older("v34.0.0"))];
    assert_eq!(found(&told, &versioned, "tag = \"v34.0.0\""), (vec!["provenance-contradicts".to_owned()], 1));
}

#[test]
fn a_tag_that_the_older_form_alone_names_is_said_to_be_the_starter_s_word() {
    let (first, second) = ("https://slsa.dev/provenance/v0.1", "https://slsa.dev/provenance/v1");
    let versioned = format!("{WORKER}@v0.3");
    let told = |forms: &[(&str, Value)], more: &str| {
        let (codes, _) = said(forms, &versioned, more);
        assert!(codes.iter().all(|(_, blocks)| !blocks), "{codes:?}");
        codes.iter().any(|(code, _)| code == "provenance-tag-told")
    };
    let alone = [(first, older("v34.0.0"))];
    for wanted in ["tag = \"v34.0.0\"", "versioned-tag = \"v34\""] {
        assert!(told(&alone, wanted), "{wanted}");
        // Another build of the image says nothing of this one.
        let (mut own, mut other) = (older("v34.0.0"), newer("v34.0.0"));
        own["metadata"] = json!({ "buildInvocationId": "a" });
        other["runDetails"]["metadata"] = json!({ "invocationId": "https://cloudbuild.example/builds/b" });
        assert!(told(&[(first, own), (second, other)], wanted), "{wanted}");
        assert!(!told(&[(second, newer("v34.0.0")), (first, older("v34.0.0"))], wanted), "{wanted}");
    }
    // Of a tag that nobody asked for nothing hangs on it.
    assert!(!told(&alone, ""));
}

#[test]
fn an_image_that_was_built_twice_has_provenance_of_two_builds_of_which_one_is_enough() {
    let (first, second) = ("https://slsa.dev/provenance/v0.1", "https://slsa.dev/provenance/v1");
    let older_of = |tag: &str, id: &str| {
        let mut predicate = older(tag);
        predicate["metadata"] = json!({ "buildInvocationId": id });
        predicate
    };
    let newer_of = |tag: &str, id: &str| {
        let mut predicate = newer(tag);
        predicate["runDetails"]["metadata"] =
            json!({ "invocationId": format!("https://cloudbuild.example/builds/{id}") });
        predicate
    };
    let builds = [(first, older_of("v1.0.0", "a")), (first, older_of("v1.0", "b"))];
    let versioned = format!("{WORKER}@v0.3");
    assert_eq!(found(&builds, &versioned, ""), (vec![], 2));
    for tag in ["v1.0.0", "v1.0"] {
        assert_eq!(found(&builds, &versioned, &format!("tag = \"{tag}\"")), (vec![], 1), "{tag}");
    }
    assert_eq!(found(&builds, &versioned, "tag = \"v1\""), (vec!["provenance-ref".to_owned()], 1));
    // Each of the two builds is held against its own other form, and one that does not say which it is against both.
    let contradicts = (vec!["provenance-contradicts".to_owned()], 1);
    let told = [(first, older_of("v1.0.0", "a")), (second, newer_of("v1.0", "a"))];
    assert_eq!(found(&told, &versioned, "tag = \"v1.0.0\""), contradicts);
    let told = [(first, older_of("v1.0.0", "a")), (second, newer("v1.0"))];
    assert_eq!(found(&told, &versioned, "tag = \"v1.0.0\""), contradicts);
    // Of a ref that nobody asked for nothing hangs on it.
    assert_eq!(found(&told, &versioned, ""), (vec![], 1));
}

#[test]
fn of_a_document_with_thousands_of_forms_each_is_judged() {
    let (first, second) = ("https://slsa.dev/provenance/v0.1", "https://slsa.dev/provenance/v1");
    let (mut own, mut other) = (older("v1.0.0"), newer("v1.0.0"));
    own["metadata"] = json!({ "buildInvocationId": "a" });
    other["runDetails"]["metadata"] = json!({ "invocationId": "https://cloudbuild.example/builds/b" });
    for count in [100, 2_000] {
        let forms = [vec![(first, own.clone()); count], vec![(second, other.clone()); count]].concat();
        let (codes, held) = said(&forms, &format!("{WORKER}@v0.3"), "tag = \"v1.0.0\"");
        let told = codes.iter().filter(|(code, _)| code == "provenance-tag-told").count();
        assert_eq!((told, held), (count, count));
    }
}
