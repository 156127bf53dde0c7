//! Bundles that others made, each with the verdict that its project published. An acceptance too many is a hole.

use countersign_core::digest::Sha256;
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::conformance::{Expected, VerifyBundle, verify_bundle};
use countersign_tests::fixtures;
use countersign_verify::sigstore::{Artifact, Instance, Transparency, TrustedRoot};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Good bundles that this version cannot judge, and says so: each with the code of the refusal.
const NOT_JUDGED: &[(&str, &str)] = &[
    // npm's answer about a package, which is not a bundle.
    ("npm-supreme-googles-cli-v02-tag", "bundle-malformed"),
];

/// How each call came out: the code of the refusal, if it was refused.
fn judge(case: &Value, folder: &Path) -> Vec<Option<String>> {
    let mut out = Vec::new();
    for call in case["calls"].as_array().into_iter().flatten() {
        let file = |field: &str| call[field].as_str().map(|path| folder.join(path));
        let (key, bundle) = (file("key"), file("bundle").unwrap());
        let expected = match (&key, call["identity"].as_str(), call["issuer"].as_str()) {
            (Some(key), ..) => Expected::Key(key),
            (None, Some(name), Some(issuer)) => Expected::Identity { name, issuer },
            _ => panic!("{}: nobody is expected", case["name"]),
        };
        let digest = call["digest"].as_str().map(PathBuf::from);
        let long = call["sha512"].as_str().map(|hex| PathBuf::from(format!("sha512:{hex}")));
        for artifact in [file("artifact"), digest, long].into_iter().flatten() {
            let said = verify_bundle(&VerifyBundle {
                bundle: &bundle,
                trusted_root: file("trusted_root").as_deref(),
                instance: Instance::Production,
                expected,
                artifact: &artifact,
                at: "2026-11-25T00:00:00Z".parse::<Time>().unwrap(),
            });
            out.push(match said {
                Ok(()) => None,
                Err(FlowError::Refused(findings)) => Some(findings[0].code.to_string()),
                Err(other) => panic!("{}: {other}", case["name"]),
            });
        }
    }
    out
}

fn play(set: &str, accepted: usize, refused: usize) {
    let Some(set_folder) = fixtures(set) else { return };
    let folder = set_folder.parent().unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut count = (0, 0);
    for case in manifest[set].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let calls = judge(case, folder);
        if calls.is_empty() {
            continue;
        }
        if let Some((_, code)) = NOT_JUDGED.iter().find(|(known, _)| *known == name) {
            assert!(calls.iter().all(|said| said.as_deref() == Some(*code)), "{name}: {calls:?}");
            continue;
        }
        let wanted = case["expect"] == "accept";
        assert!(calls.iter().all(|said| said.is_none() == wanted), "{name}: {calls:?}");
        if wanted { count.0 += 1 } else { count.1 += 1 }
    }
    assert_eq!(count, (accepted, refused), "{set}");
}

#[test]
fn the_conformance_suite_s_cases_come_out_as_they_must_by_file_and_by_digest() {
    play("sigstore-conformance", 11, 25);
}

#[test]
fn bundles_from_the_field_come_out_as_they_must() {
    play("real-bundles", 12, 8);
    play("sigstore-js", 9, 0);
    play("sigstore-python", 4, 6);
}

#[test]
fn bundles_of_six_kinds_of_key_come_out_as_they_must() {
    play("sigstore-java", 5, 4);
}

#[test]
fn a_private_instance_without_logs_is_judged_by_its_timestamps_where_that_is_asked_for() {
    let Some(folder) = fixtures("real-bundles") else { return };
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let case: Value = serde_json::from_slice(&read("dev/github-private-no-tlog/case.json")).unwrap();
    let digest = case["artifact_digest"]["sha256"].as_str().unwrap();
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    let artifact = Artifact::Sha256(*Sha256::from_hex(digest).unwrap().as_bytes());
    let bundle = read("dev/github-private-no-tlog/bundle.json");
    let at = "2026-11-25T00:00:00Z".parse::<Time>().unwrap();
    let judge = |root: &str, transparency| {
        let root = TrustedRoot::parse(&read(root)).unwrap();
        root.verify_keyless(&bundle, artifact, transparency, at)
    };
    let found = judge("trust/github.json", Transparency::Timestamp).unwrap();
    assert!(!found.logged && !found.times.is_empty());
    assert_eq!(found.certificate.issuer, case["issuer"].as_str().unwrap());
    assert!(judge("trust/github.json", Transparency::Log).is_err());
    assert!(judge("trust/public-good.json", Transparency::Timestamp).is_err());
}

#[test]
fn a_log_s_word_for_the_time_is_no_timestamp_where_one_is_asked_for() {
    let Some(set) = fixtures("sigstore-conformance") else { return };
    let folder = set.parent().unwrap();
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let file = read("sigstore-conformance/a.txt");
    let at = "2026-11-25T00:00:00Z".parse::<Time>().unwrap();
    let judge = |bundle: &[u8], root: &str, transparency| {
        TrustedRoot::parse(&read(root)).unwrap().verify_keyless(bundle, Artifact::Bytes(&file), transparency, at)
    };
    let (public, second) =
        ("real-bundles/trust/public-good.json", "sigstore-conformance/rekor2-happy-path/trusted_root.json");
    // The first has a signed entry timestamp alone.
    for version in ["v0.1", "v0.2", "v0.3"] {
        let bundle = read(&format!("sigstore-conformance/happy-path-{version}/bundle.sigstore.json"));
        assert!(judge(&bundle, public, Transparency::Log).is_ok(), "{version}");
        let refused = judge(&bundle, public, Transparency::Timestamp).unwrap_err();
        assert_eq!(refused.code().to_string(), "timestamp-missing", "{version}");
    }
    // The second has a timestamp, and a log entry that cannot be left out for it.
    let bundle = read("sigstore-conformance/rekor2-happy-path/bundle.sigstore.json");
    assert!(judge(&bundle, second, Transparency::Timestamp).unwrap().logged);
    let mut value: Value = serde_json::from_slice(&bundle).unwrap();
    value["verificationMaterial"]["tlogEntries"] = serde_json::json!([]);
    let refused = judge(value.to_string().as_bytes(), second, Transparency::Timestamp).unwrap_err();
    assert_eq!(refused.code().to_string(), "inclusion-proof-invalid");
    assert!(refused.to_string().contains("stands in for no entry"), "{refused}");
}

#[test]
fn each_kind_of_damage_has_its_own_code() {
    let Some(set) = fixtures("sigstore-conformance") else { return };
    let folder = set.parent().unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    for (name, code) in [
        ("bundle-malformed-json_fail", "bundle-malformed"),
        ("checkpoint-bad-keyhint_fail", "checkpoint-invalid"),
        ("invalid-checkpoint-signature_fail", "checkpoint-invalid"),
        ("invalid-inclusion-proof_fail", "checkpoint-invalid"),
        ("set-invalid-signature_fail", "inclusion-promise-invalid"),
        ("message-digest-mismatch_fail", "subject-mismatch"),
        ("signature-mismatch_fail", "signature-invalid"),
        ("intoto-set-outside-signing-cert-validity_fail", "certificate-invalid"),
        ("rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail", "timestamp-invalid"),
        ("wrong-hashedrekord-cert-and-sig_fail", "logged-entry-mismatch"),
        ("rekor2-no-inclusion-proof_fail", "inclusion-proof-invalid"),
    ] {
        let case = manifest["sigstore-conformance"].as_array().unwrap().iter().find(|case| case["name"] == name);
        for said in judge(case.unwrap(), folder) {
            assert_eq!(said.as_deref(), Some(code), "{name}");
        }
    }
}
