//! `verify --all`: what lies in a folder is held to what each of it is held to by itself.

use super::attested_door::{APP, BY_KEY, EXPECT, PROVENANCE, app, key, provenance, ready, sign, sign_anyhow, subject};
use crate::conformance_kinds::{ISSUER, NAME, Scene, at};
use countersign_core::digest::Sha256;
use countersign_core::limits;
use countersign_tests::door::Door;
use countersign_tests::sigstore::Instance;
use serde_json::{Value, json};

const KIND: &str = "https://x.example/p";

/// As [`ready`], with a folder `all`.
fn folder() -> Door {
    let door = ready();
    std::fs::create_dir(door.path().join("all")).unwrap();
    door
}

#[test]
fn an_artifact_that_is_a_link_is_refused_beside_its_attestation_as_it_is_by_itself() {
    let door = folder();
    sign(&door, "b.json", "k.pem", KIND, &app(), &json!({}));
    let (bundle, spaces) = (door.read("b.json"), vec![b' '; limits::DOCUMENT_BYTES / 2]);
    let line = [bundle.trim_ascii(), spaces.as_slice(), b"\n"].concat();
    // One document, and a file that is so large that its lines are judged as they are read.
    for (name, content, count) in [("app.sigstore.json", bundle, 1), ("app.intoto.jsonl", line.repeat(3), 3)] {
        door.write(&format!("all/{name}"), &content);
        door.write("all/app", APP);
        let verify = || door.run(&format!("verify --all all {BY_KEY}"));
        verify().expect(0, &[&format!("{count} of {count} attestations hold"), "1 more are artifacts"]);
        std::fs::remove_file(door.path().join("all/app")).unwrap();
        std::os::unix::fs::symlink("../app", door.path().join("all/app")).unwrap();
        let said = verify();
        said.expect(1, &["artifact-link", "--> all/app\n", &format!("0 of {count} attestations hold")]);
        assert_eq!(said.text.matches("refused[artifact-link]").count(), 1, "{}", said.text);
        std::fs::remove_file(door.path().join("all/app")).unwrap();
        std::fs::remove_file(door.path().join("all").join(name)).unwrap();
    }
}

#[test]
fn a_distribution_of_the_python_index_has_the_name_that_its_attestation_says() {
    let door = folder();
    let (kind, file) = ("https://docs.pypi.org/attestations/publish/v1", "mine-1.0-py3-none-any.whl");
    for (beside, code, words) in [
        (file, 0, ["1 of 1 attestations hold", "1 more are artifacts"]),
        ("other-1.0-py3-none-any.whl", 1, ["provenance-package", "0 of 1 attestations hold"]),
    ] {
        let attestation = format!("all/{beside}.publish.attestation");
        sign(&door, &attestation, "k.pem", kind, &json!([subject(file, &Sha256::of(APP).hex())]), &json!({}));
        door.write(&format!("all/{beside}"), APP);
        door.run(&format!("verify --all all {BY_KEY}")).expect(code, &words);
        // Where no file lies beside, there is no name to compare.
        std::fs::remove_file(door.path().join("all").join(beside)).unwrap();
        door.run(&format!("verify --all all {BY_KEY}")).expect(0, &["1 of 1 attestations hold"]);
        std::fs::remove_file(door.path().join(attestation)).unwrap();
    }
}

#[test]
fn what_one_file_says_about_one_artifact_is_judged_together() {
    let door = folder();
    key(&door, "o");
    let other = json!([subject("other", &Sha256::of(b"other").hex())]);
    let line = |by: &str, kind: &str, about: &Value| {
        sign(&door, "b.json", by, kind, about, &json!({}));
        String::from_utf8(door.read("b.json")).unwrap()
    };
    let (one, two) = (line("k.pem", KIND, &app()), line("o.pem", "https://x.example/q", &app()));
    let third = line("o.pem", KIND, &other);
    let verify = |lines: &[&String], more: &str| {
        door.write("all/app.intoto.jsonl", lines.iter().map(|line| line.as_str()).collect::<String>().as_bytes());
        door.run(&format!("verify --all all {BY_KEY} --key o.pem.pub {more}"))
    };
    let both = ["2 of 2 attestations hold, in 1 files, none of them refused"];
    for beside in [false, true] {
        if beside {
            door.write("all/app", APP);
        }
        verify(&[&one, &two], "--signers 2").expect(0, &both);
        verify(&[&one, &two], &format!("--type {KIND}")).expect(0, &both);
        verify(&[&one, &one], "--signers 2").expect(1, &["signers-too-few", "0 of 2 attestations hold"]);
    }
    verify(&[&one, &third], "").expect(4, &["subject-mismatch", "0 of 2 attestations hold"]);
    // Where no file lies beside, each is about its own, and counts for no other.
    std::fs::remove_file(door.path().join("all/app")).unwrap();
    verify(&[&one, &third], "").expect(0, &both);
    verify(&[&one, &third], "--signers 2").expect(1, &["signers-too-few", "0 of 2 attestations hold"]);
    verify(&[&one, &two, &third], &format!("--type {KIND} --signers 2")).expect(1, &["2 of 3 attestations hold"]);
}

#[test]
fn what_is_refused_of_a_file_as_a_whole_names_the_file() {
    let door = folder();
    for (name, kind) in [("a", KIND), ("b", "https://x.example/q"), ("c", KIND)] {
        sign(&door, &format!("all/{name}.json"), "k.pem", kind, &app(), &json!({}));
    }
    let line = format!("verify --all all {BY_KEY}");
    door.run(&format!("{line} --type {KIND}")).expect(1, &["predicate-mismatch", "2 of 3 attestations hold"]);
    let places = |code: &str, more: &str| {
        let said = door.run(&format!("--format json {line} {more}"));
        let sum: Value = serde_json::from_str(&said.out).unwrap();
        let found = sum["findings"].as_array().unwrap().iter().filter(|one| one["code"] == code);
        found.map(|one| one["at"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(places("predicate-mismatch", &format!("--type {KIND}")), [r#"["all/b.json"]"#]);
    let each = [r#"["all/a.json"]"#, r#"["all/b.json"]"#, r#"["all/c.json"]"#];
    assert_eq!(places("signers-too-few", "--signers 2"), each);
    // Two lines of one file are named by the file.
    std::fs::remove_file(door.path().join("all/b.json")).unwrap();
    let both = [door.read("all/a.json"), door.read("all/c.json")].concat();
    door.write("all/a.json", &both);
    std::fs::remove_file(door.path().join("all/c.json")).unwrap();
    assert_eq!(places("signers-too-few", "--signers 2"), [r#"["all/a.json"]"#]);
}

#[test]
fn what_is_asked_of_one_artifact_alone_is_no_option_of_a_folder() {
    let door = folder();
    sign(&door, "all/a.json", "k.pem", KIND, &app(), &json!({}));
    let line = format!("verify --all all {BY_KEY}");
    door.run(&line).expect(0, &["verified"]);
    for more in [
        "--note refs/notes/attestations",
        "--note refs/notes/attestations --repo .",
        "--repo .",
        "--artifact-name app",
        "--report junit=out.xml",
        "--baseline earlier.json",
        "--sigstore-root root.json",
        "--store elsewhere",
    ] {
        door.run(&format!("{line} {more}")).expect(2, &["cannot be used with"]);
    }
    // Nor what only a trust document or the record is held to, of one artifact either.
    let one = format!("verify app --bundle all/a.json {BY_KEY}");
    door.run(&one).expect(0, &["verified"]);
    let digest = format!("--trust-digest sha256:{}", "0".repeat(64));
    for more in [digest.as_str(), "--least-checkpoint kept.txt"] {
        for line in [&line, &one] {
            door.run(&format!("{line} {more}")).expect(2, &["goes with --trust or --promoted-to"]);
        }
    }
    // A variable that is there for other verbs is in nobody's way.
    let outside = format!("sha256:{}", "0".repeat(64));
    let variables = [("COUNTERSIGN_TRUST_DIGEST", outside.as_str()), ("COUNTERSIGN_LEAST_CHECKPOINT", "kept.txt")];
    for line in [&line, &one] {
        door.shell(".", &format!("countersign {line}"), &variables).expect(0, &["verified"]);
    }
    door.run(&format!("{one} --sigstore-root root.json")).expect(2, &["--sigstore-root goes with --trust"]);
}

#[test]
fn an_option_that_was_typed_is_not_passed_over_where_its_variable_is_set_too() {
    let door = folder();
    sign(&door, "all/a.json", "k.pem", KIND, &app(), &json!({}));
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let (typed, outside) = (digest("1"), digest("0"));
    let variables = [("COUNTERSIGN_TRUST_DIGEST", outside.as_str()), ("COUNTERSIGN_LEAST_CHECKPOINT", "kept.txt")];
    for line in [format!("verify --all all {BY_KEY}"), format!("verify app --bundle all/a.json {BY_KEY}")] {
        door.run_with(&variables, &line).expect(0, &["verified"]);
        for more in [format!("--trust-digest {typed}"), format!("--trust-digest={outside}")] {
            door.run_with(&variables, &format!("{line} {more}")).expect(2, &["--trust-digest goes with --trust or"]);
        }
        let least = format!("{line} --least-checkpoint other.txt");
        door.run_with(&variables, &least).expect(2, &["--least-checkpoint goes with --trust or"]);
    }
}

#[test]
fn dependencies_of_what_lies_in_a_folder_have_the_summaries_that_are_handed_in() {
    let door = folder();
    let summary = |of: &str| {
        json!({"verifier": {"id": "https://v.example"}, "timeVerified": "2026-01-01T00:00:00Z", "resourceUri": of,
            "policy": {"uri": "https://p.example"}, "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_2"]})
    };
    let kind = "https://slsa.dev/verification_summary/v1";
    let used = Sha256::of(b"used").hex();
    let mut built = provenance();
    built["buildDefinition"]["resolvedDependencies"] = json!([{"uri": "pkg:used", "digest": {"sha256": used}}]);
    sign(&door, "p.json", "k.pem", PROVENANCE, &app(), &built);
    sign(&door, "s.json", "k.pem", kind, &app(), &summary("pkg:x/y"));
    sign(&door, "used.json", "k.pem", kind, &json!([subject("used", &used)]), &summary("pkg:used"));
    door.write("all/app.intoto.jsonl", &[door.read("p.json"), door.read("s.json")].concat());
    let level = EXPECT.replace("[provenance]", "[provenance]\ndependency-level = 2");
    let verifier = "[summary]\nverifier = \"https://v.example\"\nkey = \"k.pem\"\nresource = \"pkg:x/y\"\n";
    door.write("expect.toml", format!("{level}{verifier}").as_bytes());
    let line = format!("verify --all all {BY_KEY} --expect expect.toml");
    door.run(&line).expect(1, &["dependency-unverified", "no summary is about it"]);
    door.run(&format!("{line} --dependency used.json")).expect(0, &["2 of 2 attestations hold"]);
    door.run(&format!("{line} --dependency s.json")).expect(1, &["dependency-unverified"]);
}

#[test]
fn a_bundle_that_was_signed_as_well_is_an_attestation_and_what_is_none_makes_nothing_an_artifact() {
    let door = folder();
    let (bundle, above) = ("app.sigstore.json", "app.sigstore.json.sigstore.json");
    let about = |name: &str| json!([subject(name, &Sha256::of(&door.read(&format!("all/{name}"))).hex())]);
    let line = format!("verify --all all {BY_KEY}");
    door.write("all/app", APP);
    sign(&door, &format!("all/{bundle}"), "k.pem", KIND, &app(), &json!({}));
    sign(&door, &format!("all/{above}"), "k.pem", KIND, &about(bundle), &json!({}));
    door.run(&line).expect(0, &["2 of 2 attestations hold, in 2 files, none of them refused", "1 more are artifacts"]);
    // The bundle is judged all the same.
    door.write("all/app", b"another");
    door.run(&line).expect(4, &["subject-mismatch", "1 of 2 attestations hold"]);
    // Whoever signs what is no attestation makes it an artifact, and nothing else.
    door.write("all/app", APP);
    door.write(&format!("all/{bundle}"), b"no attestation");
    std::fs::remove_file(door.path().join("all").join(above)).unwrap();
    sign(&door, &format!("all/{above}"), "k.pem", KIND, &about(bundle), &json!({}));
    let said = door.run(&line);
    said.expect(
        4,
        &["bundle-malformed", "--> all/app\n", "1 of 1 attestations hold, in 2 files", "1 more are artifacts"],
    );
    std::fs::remove_file(door.path().join("all").join(above)).unwrap();
    door.run(&line).expect(4, &["0 of 0 attestations hold, in 2 files, 2 (bundle-malformed 2) of them refused"]);
}

#[test]
fn a_subject_by_a_digest_that_is_not_compared_is_none_that_differs() {
    let door = folder();
    door.write("expect.toml", EXPECT.as_bytes());
    let line = format!("verify --all all {BY_KEY} --expect expect.toml");
    let verify = |digest: &Value| {
        sign_anyhow(&door, &json!([{"name": "app", "digest": digest}]));
        door.write("all/b.json", &door.read("b.json"));
        door.run(&line)
    };
    for (name, length) in [("gitCommit", 40), ("sha1", 40), ("sha384", 96)] {
        let said = verify(&json!({name: "a".repeat(length)}));
        said.expect(3, &["sigstore-unsupported", "no subject of the statement has a SHA-256 or SHA-512", name]);
        assert!(!said.text.contains("subject-mismatch"), "{}", said.text);
    }
    verify(&json!({"sha512": "a".repeat(128)})).expect(0, &["1 of 1 attestations hold"]);
    // An artifact that lies beside is compared, and is not this one.
    door.write("all/b.json.intoto.jsonl", &door.read("b.json"));
    door.run(&line).expect(4, &["subject-mismatch", "1 of 2 attestations hold"]);
}

#[test]
fn a_signature_over_a_file_that_is_named_by_another_digest_needs_the_file_beside_it() {
    let door = folder();
    let signed = |digest: &Value| {
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
            "messageSignature": {"messageDigest": digest, "signature": "AAAA"},
        });
        door.write("all/app.sigstore.json", bundle.to_string().as_bytes());
        door.run(&format!("verify --all all {BY_KEY}"))
    };
    for (algorithm, length) in [("SHA2_384", 64), ("SHA2_512", 88)] {
        let said = signed(&json!({"algorithm": algorithm, "digest": "A".repeat(length)}));
        said.expect(3, &["sigstore-unsupported", "--> all/app.sigstore.json\n", "lay the file beside it"]);
        assert!(!said.text.contains("subject-mismatch"), "{}", said.text);
    }
    signed(&Value::Null).expect(3, &["sigstore-unsupported", "lay the file beside it"]);
    // With the file it is compared.
    door.write("all/app", APP);
    signed(&json!({"algorithm": "SHA2_512", "digest": "A".repeat(88)})).expect(4, &["0 of 1 attestations hold"]);
}

/// A signature by a certificate over a file, which says this of the file, in a folder without it; with the root by which it holds, and
/// one of somebody else.
fn over_an_absent_file(digest: &Value) -> Door {
    let door = folder();
    let mut scene = Scene::new();
    let mut bundle = scene.message(&[0]);
    bundle["messageSignature"]["messageDigest"] = digest.clone();
    door.write("all/app.sigstore.json", bundle.to_string().as_bytes());
    door.write("root.json", &scene.instance.trusted_root());
    door.write("other.json", &Instance::new(at()).trusted_root());
    door
}

#[test]
fn a_sha256_of_another_length_is_no_digest_of_another_kind() {
    // Of 31, 33 and no bytes.
    for digest in [format!("{}==", "A".repeat(42)), "A".repeat(44), String::new()] {
        let door = over_an_absent_file(&json!({"algorithm": "SHA2_256", "digest": digest}));
        let line = format!("--trusted-root root.json --certificate-identity {NAME} --certificate-oidc-issuer {ISSUER}");
        let said = door.run(&format!("verify --all all {line}"));
        said.expect(4, &["untrusted[subject-mismatch]", "0 of 1 attestations hold"]);
        assert!(!said.text.contains("lay the file beside it"), "{}", said.text);
    }
}

#[test]
fn who_signed_is_judged_where_the_file_that_was_signed_is_absent() {
    let named = format!("--certificate-identity {NAME} --certificate-oidc-issuer {ISSUER}");
    for digest in [Value::Null, json!({"algorithm": "SHA2_384", "digest": "A".repeat(64)})] {
        let door = over_an_absent_file(&digest);
        let verify = |root: &str, who: &str| door.run(&format!("verify --all all --trusted-root {root} {who}"));
        let absent = ["indeterminate[sigstore-unsupported]", "--> all/app.sigstore.json\n", "lay the file beside it"];
        verify("root.json", &named).expect(3, &absent);
        verify("root.json --trusted-root other.json", &named).expect(3, &absent);
        let stranger = verify("other.json", &named);
        stranger.expect(4, &["untrusted[", "0 of 1 attestations hold"]);
        assert!(!stranger.text.contains("lay the file beside it"), "{}", stranger.text);
        // What is left out is said, as it is of every attestation.
        verify("root.json", "--danger-any-signer").expect(3, &["sigstore-unsupported", "check-left-out"]);
    }
    // Of keys likewise.
    let door = folder();
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "messageSignature": {"signature": "AAAA"},
    });
    door.write("all/app.sigstore.json", bundle.to_string().as_bytes());
    let said = door.run(&format!("verify --all all {BY_KEY} --danger-any-signer"));
    said.expect(3, &["sigstore-unsupported", "lay the file beside it", "check-left-out"]);
}

#[test]
fn thousands_of_notes_hide_no_refusal() {
    let door = folder();
    sign(&door, "b.json", "k.pem", KIND, &app(), &json!({}));
    let bundle = door.read("b.json");
    for number in 0..limits::VERIFY_LISTED {
        door.write(&format!("all/{number}.json"), &bundle);
    }
    let line = format!("verify --all all {BY_KEY}");
    let said = door.run(&line);
    said.expect(
        0,
        &["1000 of 1000 attestations hold", "and 990 more note[transparency-none]: --format json has all of them"],
    );
    assert!(!said.text.contains("more was found than"), "{}", said.text);
    door.write("all/z.json", b"{");
    door.run(&line).expect(
        4,
        &[
            "bundle-malformed",
            "--> all/z.json\n",
            "more was found than the 1000 findings",
            "1 (bundle-malformed 1) of them refused",
            "and 989 more note[transparency-none]: of those that are listed, which --format json has\n",
        ],
    );
    assert!(!door.run(&line).text.contains("has all of them"));
    let said = door.run(&format!("--format json {line}"));
    let sum: Value = serde_json::from_str(&said.out).unwrap();
    let findings = sum["findings"].as_array().unwrap();
    assert_eq!((findings.len(), &sum["more"]), (limits::VERIFY_LISTED, &json!(true)));
    assert_eq!(
        (&findings[0]["at"], &sum["codes"]),
        (&json!(["all/z.json"]), &json!({"bundle-malformed": 1, "transparency-none": 1000}))
    );
}

#[test]
fn a_careless_dot_of_a_pattern_is_said_of_a_folder_as_of_one_artifact() {
    let door = folder();
    sign(&door, "all/app.json", "k.pem", PROVENANCE, &app(), &provenance());
    let builder = "[[provenance.builders]]\nid = \"https://x.example/c\"\nissuer = \"https://issuer.example\"\n";
    let subject = "subject = { regex = '^https://github.com/o/.*$' }\n";
    door.write("expect.toml", format!("{EXPECT}{builder}{subject}").as_bytes());
    for what in ["--all all", "app --bundle all/app.json"] {
        let said = door.run(&format!("verify {what} {BY_KEY} --expect expect.toml"));
        said.expect(0, &["note[identity-careless-dot]", "--> ^https://github.com/o/.*$\n", "verified"]);
    }
    door.run(&format!("verify --all all {BY_KEY} --certificate-identity-regexp ^https://github.com/p/.*$ --certificate-oidc-issuer https://issuer.example"))
        .expect(4, &["note[identity-careless-dot]", "--> ^https://github.com/p/.*$\n"]);
}

#[test]
fn long_texts_of_strangers_are_cut_where_they_are_kept_of_a_whole_folder() {
    let door = folder();
    let long = "y".repeat(1_000_000);
    let mut built = provenance();
    built["runDetails"]["builder"]["id"] = json!(format!("https://x.example/{long}"));
    sign(&door, "all/a.json", "k.pem", PROVENANCE, &app(), &built);
    // Of what cannot be read at all too.
    door.write("all/b.json", format!("{{\"{long}\":1,\"{long}\":2}}").as_bytes());
    door.write("expect.toml", EXPECT.as_bytes());
    let said = door.run(&format!("--format json verify --all all {BY_KEY} --expect expect.toml"));
    said.expect(
        4,
        &["provenance-builder", "https://x.example/yyyy", "bundle-malformed", "duplicate key", "yyy\u{2026}"],
    );
    assert!(said.out.len() < 20_000, "{} bytes", said.out.len());
}
