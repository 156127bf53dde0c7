//! Attestations in the forms in which people have them, through the program's own door.

use countersign_core::attestation;
use countersign_core::digest::Sha256;
use countersign_tests::door::{Door, Said, bare, without_network};
use countersign_tests::fixtures;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn all(fixtures: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures.join("manifest.json")).unwrap()).unwrap()
}

fn verify(folder: &Path, arguments: &[&str]) -> Said {
    bare(folder, &[&["verify"][..], arguments].concat())
}

#[test]
fn attestations_of_the_python_index_come_out_as_they_must() {
    let Some(folder) = fixtures("pypi-attestations").map(|set| set.parent().unwrap().to_owned()) else { return };
    let mut count = (0, 0);
    for case in all(&folder)["pypi-attestations"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        // A publisher's rule for a certificate alone: see the room's own test of claims.
        let Some(digest) = case["distribution"]["sha256"].as_str() else { continue };
        let file = case["distribution"]["filename"].as_str().unwrap();
        let root = case["trusted_root"].as_str().unwrap();
        let digest = format!("sha256:{digest}");
        let mut arguments =
            vec![digest.as_str(), "--artifact-name", file, "--bundle", case["files"][0].as_str().unwrap()];
        arguments.extend(["--trusted-root", root]);
        let regex = case["publisher"].as_object().map(|publisher| {
            let text = |field: &str| publisher[field].as_str().unwrap().replace('.', r"\.");
            format!(r"^https://github\.com/{}/\.github/workflows/{}@.*$", text("repository"), text("workflow"))
        });
        match &regex {
            Some(regex) => arguments.extend(["--certificate-identity-regexp", regex.as_str()]),
            None => arguments.extend(["--certificate-identity", case["identity"].as_str().unwrap()]),
        }
        let issuer = case["issuer"].as_str().unwrap_or("https://token.actions.githubusercontent.com");
        arguments.extend(["--certificate-oidc-issuer", issuer]);
        let said = verify(&folder, &arguments);
        let wanted = case["expect"] == "accept";
        assert_eq!(said.code == 0, wanted, "{name}: {}", said.text);
        if !wanted {
            let code = match case["class"].as_str().unwrap() {
                "publisher mismatch" | "identity mismatch" => "identity-mismatch",
                "digest mismatch" => "subject-mismatch",
                "file name mismatch" => "provenance-package",
                other => panic!("{other}"),
            };
            assert!(said.text.contains(code), "{name}: {}", said.text);
        }
        if wanted { count.0 += 1 } else { count.1 += 1 }
    }
    assert_eq!(count, (9, 9));
}

#[test]
fn a_publisher_beside_an_attestation_is_printed_where_the_certificate_is_another_s_and_counts_for_nothing() {
    let Some(folder) = fixtures("pypi-attestations").map(|set| set.parent().unwrap().to_owned()) else { return };
    let all = all(&folder);
    let case = |case: &&Value| case["name"] == "attestations-0.0.19.provenance";
    let case = all["pypi-attestations"].as_array().unwrap().iter().find(case).unwrap();
    let document = std::fs::read(folder.join(case["files"][0].as_str().unwrap())).unwrap();
    let honest: Value = serde_json::from_slice(&document).unwrap();
    let digest = format!("sha256:{}", case["distribution"]["sha256"].as_str().unwrap());
    let root = folder.join(case["trusted_root"].as_str().unwrap()).display().to_string();
    let copy = tempfile::tempdir().unwrap();
    let judge = |document: &Value, owner: &str| {
        std::fs::write(copy.path().join("p.json"), document.to_string()).unwrap();
        let name = format!(r"^https://github\.com/{owner}/pypi-attestations/\.github/workflows/release\.yml@.*$");
        let file = case["distribution"]["filename"].as_str().unwrap();
        let mut line = vec![&*digest, "--artifact-name", file, "--bundle", "p.json", "--trusted-root", &root];
        line.extend(["--certificate-identity-regexp", &name, "--certificate-oidc-issuer"]);
        line.push("https://token.actions.githubusercontent.com");
        verify(copy.path(), &line)
    };
    let said = judge(&honest, "trailofbits");
    said.expect(0, &["verified"]);
    assert!(!said.text.contains("publisher"), "{}", said.text);
    let mut altered = honest;
    altered["attestation_bundles"][0]["publisher"]["repository"] = Value::from("eve/pypi-attestations");
    judge(&altered, "trailofbits").expect(
        0,
        &[
            "publisher-differs",
            "nobody signed that name",
            "repository eve/pypi-attestations",
            "the certificate, which counts",
        ],
    );
    let said = judge(&altered, "eve");
    said.expect(4, &["identity-mismatch", "not verified"]);
    // A publisher that is nothing is no reason to refuse what holds.
    altered["attestation_bundles"][0]["publisher"] = Value::from(3);
    judge(&altered, "trailofbits").expect(0, &["verified"]);
}

#[test]
fn every_attestation_of_a_registry_s_answer_has_to_hold() {
    let Some(set) = fixtures("real-bundles") else { return };
    for (case, code, word) in [
        ("npm-supreme-googles-cli-v02-tag", 0, "verified"),
        ("npm-supreme-googles-cli-v02-tag-invalidsigprov", 4, "signature-invalid"),
        ("npm-supreme-googles-cli-v02-tag-invalidsigpub", 4, "not verified"),
    ] {
        let facts: Value =
            serde_json::from_slice(&std::fs::read(set.join("dev").join(case).join("case.json")).unwrap()).unwrap();
        let digest = facts["artifact_digest"]["sha512"].as_str().unwrap();
        let digest = format!("sha512:{}", digest.trim_start_matches("sha512:"));
        let bundle = format!("dev/{case}/bundle.json");
        let with = [
            &*digest,
            "--bundle",
            &bundle,
            "--trusted-root",
            "trust/public-good.json",
            "--key",
            "trust/npm-registry-keys.json",
            "--builder-id",
            "https://github.com/actions/runner/github-hosted",
            "--source",
            "github.com/trishankatdatadog/supreme-goggles",
            "--package-version",
            "1.0.5",
        ];
        verify(&set, &with).expect(code, &[word]);
        // In a folder of them as by itself: the registry's own counts beside the build's.
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(set.join(&bundle), folder.path().join("supreme.json")).unwrap();
        let place = folder.path().display().to_string();
        let [_, _, _, rest @ ..] = with;
        verify(&set, &[&["--all", &*place][..], &rest].concat()).expect(code, &[word]);
    }
}

#[test]
fn a_long_list_with_thousands_of_attestations_is_read() {
    for count in [1, 4_000] {
        let form = r#"{"kind":"BUILD","resourceUri":"i@sha256:0","envelope":{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"k","sig":"AAAA"}]}}"#;
        let forms = vec![form; count].join(",");
        let padding = "x".repeat((15_usize << 20).saturating_sub(forms.len()));
        let text = format!(r#"{{"padding":"{padding}","provenance_summary":{{"provenance":[{forms}]}}}}"#);
        assert_eq!(attestation::read(text.as_bytes()).unwrap().len(), count);
    }
}

#[test]
fn what_npm_s_document_says_of_a_bundle_is_what_the_bundle_says() {
    let Some(set) = fixtures("real-bundles") else { return };
    let case = set.join("dev/npm-supreme-googles-cli-v02-tag");
    let facts: Value = serde_json::from_slice(&std::fs::read(case.join("case.json")).unwrap()).unwrap();
    let digest = facts["artifact_digest"]["sha512"].as_str().unwrap();
    let digest = format!("sha512:{}", digest.trim_start_matches("sha512:"));
    let mut document: Value = serde_json::from_slice(&std::fs::read(case.join("bundle.json")).unwrap()).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let judge = |document: &Value| {
        let bundle = copy.path().join("npm.json");
        std::fs::write(&bundle, document.to_string()).unwrap();
        let bundle = bundle.display().to_string();
        let with = [&*digest, "--bundle", &bundle, "--trusted-root", "public-good", "--source"];
        let keys = ["github.com/trishankatdatadog/supreme-goggles", "--key", "trust/npm-registry-keys.json"];
        let builder = ["--builder-id", "https://github.com/actions/runner/github-hosted"];
        verify(&set, &[&with[..], &keys, &builder].concat())
    };
    judge(&document).expect(0, &["verified"]);
    for index in 0..document["attestations"].as_array().unwrap().len() {
        let honest = document["attestations"][index]["predicateType"].take();
        document["attestations"][index]["predicateType"] = Value::from("https://slsa.dev/provenance/v9");
        let said = judge(&document);
        assert!(said.code != 0 && said.text.contains("the predicate's type beside the bundle"), "{}", said.text);
        document["attestations"][index]["predicateType"] = honest;
    }
}

#[test]
fn a_layout_is_its_own_artifact_and_cosign_s_older_attachments_count() {
    let Some(set) = fixtures("slsa-verifier") else { return };
    let layout = "files/gha_generic_container/v1.9.0/container_workflow_dispatch";
    let with = [layout, "--trusted-root", "../real-bundles/trust/public-good.json", "--source"];
    let said = verify(&set, &[&with[..], &["github.com/slsa-framework/example-package", "--level", "3"]].concat());
    said.expect(0, &["SLSA Build L3", "verified"]);
    // The generator's workflow signs for whoever calls it: without a source that is nobody's word.
    verify(&set, &[&with[..3], &["--level", "3"]].concat()).expect(4, &["identity-mismatch"]);
    verify(&set, &[&with[..], &["github.com/slsa-framework/example-packageA"]].concat())
        .expect(1, &["provenance-source"]);
    // One blob of a copy is altered.
    let copy = tempfile::tempdir().unwrap();
    copied(&set.join(layout), copy.path());
    let attachment = std::fs::read_dir(copy.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let envelope = attachment
        .into_iter()
        .find(|path| std::fs::read_to_string(path).unwrap().contains("vnd.in-toto+json\",\"payload\""))
        .unwrap();
    let text = std::fs::read_to_string(&envelope).unwrap();
    std::fs::write(&envelope, text.replacen("\"signatures\"", " \"signatures\"", 1)).unwrap();
    let root = set.join("../real-bundles/trust/public-good.json").display().to_string();
    bare(
        copy.path(),
        &["verify", ".", "--trusted-root", &root, "--source", "github.com/slsa-framework/example-package"],
    )
    .expect(4, &["package-file-altered"]);
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target: PathBuf = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &target);
        } else {
            std::fs::write(target, std::fs::read(path).unwrap()).unwrap();
        }
    }
}

#[test]
fn what_cloud_build_says_is_checked_with_the_key_of_its_region_and_a_tag_is_no_artifact() {
    let Some(set) = fixtures("slsa-verifier") else { return };
    let digest = "sha256:1a033b002f89ed2b8ea733162497fb70f1a4049a7f8602d6a33682b4ad9921fd";
    let bundle = "files/gcb_container/v0.2/gcloud-container-github.json";
    let with =
        ["--bundle", bundle, "--cloud-build-key", "cloud-build-keys", "--source", "github.com/laurentsimon/gcb-tests"];
    let builder = ["--builder-id", "https://cloudbuild.googleapis.com/GoogleHostedWorker"];
    verify(&set, &[&[digest], &with[..], &builder].concat()).expect(0, &["verified", "transparency-none"]);
    verify(&set, &[&["us-west2-docker.pkg.dev/p/i:v14"], &with[..], &builder].concat()).expect(2, &["tag"]);
    verify(&set, &[&[digest], &with[..]].concat()).expect(1, &["provenance-builder"]);
}

#[test]
fn a_signature_over_a_file_needs_the_file_and_somebody_who_counts() {
    let Some(set) = fixtures("real-bundles") else { return };
    let file = "dev/cosign-v3-blob/artifact-cosign-v3-blob.txt";
    let with = ["--bundle", "dev/cosign-v3-blob/bundle.json", "--trusted-root", "public-good"];
    let who = [
        "--certificate-identity",
        "w.vollprecht@gmail.com",
        "--certificate-oidc-issuer",
        "https://github.com/login/oauth",
    ];
    verify(&set, &[&[file], &with[..], &who].concat()).expect(0, &["verified"]);
    verify(&set, &[&[file], &with[..]].concat()).expect(4, &["identity-mismatch", "nobody said"]);
    verify(&set, &[&["dev/java-p384/artifact-artifact.txt"], &with[..], &who].concat()).expect(4, &["not verified"]);
    verify(&set, &[&[file], &with[..], &who, &["--danger-any-signer"]].concat()).expect(3, &["check-left-out"]);
    for pattern in ["vollprecht", "^(.*$"] {
        let by = ["--certificate-identity-regexp", pattern, "--certificate-oidc-issuer", "x"];
        verify(&set, &[&[file], &with[..], &by].concat())
            .expect(2, &["--certificate-identity-regexp: ", "say the whole name"]);
    }
    verify(&set, &[&[file], &with[..], &who, &["--max-root-age-days", "1"]].concat())
        .expect(3, &["sigstore-root-stale"]);
    let pinned = ["--trusted-root-digest", "sha256:0000000000000000000000000000000000000000000000000000000000000000"];
    verify(&set, &[&[file], &with[..], &who, &pinned].concat()).expect(4, &["pinned"]);
    #[cfg(unix)]
    {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("artifact");
        std::os::unix::fs::symlink(set.join(file), &link).unwrap();
        let link = link.display().to_string();
        verify(&set, &[&[&*link], &with[..], &who].concat()).expect(1, &["artifact-link", "not verified"]);
    }
}

#[test]
fn an_instance_of_github_s_own_counts_by_its_timestamps() {
    let Some(set) = fixtures("real-bundles") else { return };
    let digest = "sha256:138280fd3302b9706596621761945a1ae958f93a15e4372ddae4fc00a93b09a2";
    let with = [
        digest,
        "--bundle",
        "dev/github-private-no-tlog/bundle.json",
        "--certificate-oidc-issuer",
        "https://token.actions.githubusercontent.com",
    ];
    let who = [
        "--certificate-identity",
        "https://github.com/neverendingsupport/slsa-attestations/.github/workflows/attest.yml@9f6d9dc1bfc02986955721eb15f89ad618f1cedb",
    ];
    verify(&set, &[&with[..], &who, &["--trusted-root", "github"]].concat()).expect(0, &["verified"]);
    verify(&set, &[&with[..], &who, &["--trusted-root", "public-good"]].concat()).expect(4, &["not verified"]);
    let file = ["--trusted-root", "trust/github.json"];
    verify(&set, &[&with[..], &who, &file].concat()).expect(0, &["verified"]);
    verify(&set, &[&with[..], &who, &file, &["--transparency", "log"]].concat()).expect(4, &["not verified"]);
}

#[test]
fn thousands_are_judged_one_by_one_and_a_bad_one_is_named() {
    let Some(set) = fixtures("sigstore-js") else { return };
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&set).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("bundle") {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let many = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(many >= 9);
    let place = folder.path().display().to_string();
    let with = ["--all", &place, "--trusted-root", "public-good", "--certificate-identity-regexp"];
    let who = [r"^brian@dehamer\.com$", "--certificate-oidc-issuer", "https://github.com/login/oauth"];
    let said = verify(&set, &[&with[..], &who].concat());
    assert_eq!(said.code, 0, "{}", said.text);
    said.expect(0, &[&format!("{many} of {many} attestations hold")]);
    std::fs::write(folder.path().join("bad.json"), "{\"mediaType\":").unwrap();
    let said = bare(&set, &[&["--format", "json", "verify"][..], &with, &who].concat());
    let sum: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, sum["held"].as_u64(), sum["refused"].as_u64()), (4, u64::try_from(many).ok(), Some(1)));
    assert_eq!(sum["codes"]["bundle-malformed"], 1);
    // A file that is too large for one document is read line by line.
    let large = tempfile::tempdir().unwrap();
    let place = large.path().display().to_string();
    let bundle: Value = serde_json::from_slice(&std::fs::read(set.join("bundleV03-dsse.sigstore")).unwrap()).unwrap();
    let line = format!("{bundle}{}\n", " ".repeat(6 << 20));
    std::fs::write(large.path().join("l.jsonl"), line.repeat(3)).unwrap();
    let with = ["--all", &place, "--trusted-root", "public-good", "--certificate-identity-regexp"];
    verify(&set, &[&with[..], &who].concat()).expect(0, &["3 of 3 attestations hold, in 1 files"]);
    std::fs::write(large.path().join("l.jsonl"), format!("{}{{\n", line.repeat(3))).unwrap();
    verify(&set, &[&with[..], &who].concat())
        .expect(4, &["0 of 0 attestations hold", "l.jsonl, line 4", "bundle-malformed"]);
    let empty = tempfile::tempdir().unwrap();
    verify(empty.path(), &["--all", ".", "--trusted-root", "public-good"]).expect(3, &["no-statements"]);
}

#[test]
fn what_trust_status_says_of_roots_follows_from_their_age() {
    let folder = tempfile::tempdir().unwrap();
    bare(folder.path(), &["trust", "status"]).expect(0, &["public-good", "github", "this program"]);
    bare(folder.path(), &["trust", "status", "--max-age-days", "1"]).expect(3, &["sigstore-root-stale"]);
}

#[test]
fn verify_without_saying_what_counts_is_a_mistake_and_never_a_success() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app"), "app").unwrap();
    std::fs::write(folder.path().join("b"), "{}").unwrap();
    for arguments in [
        &["app"][..],
        &["app", "--bundle", "b"],
        &["--all", "."],
        &["app", "--trusted-root", "public-good", "--certificate-identity", "x"],
        &["app", "--trusted-root", "public-good", "--source", "nowhere"],
    ] {
        verify(folder.path(), arguments).expect(2, &[]);
    }
    verify(folder.path(), &["app", "--trusted-root", "public-good"]).expect(3, &["no-statements"]);
    verify(folder.path(), &["app", "--trusted-root", "public-good", "--bundle", "b"]).expect(4, &["bundle-malformed"]);
}

#[test]
fn verification_needs_no_network() {
    let Some(set) = fixtures("real-bundles") else { return };
    let arguments = [
        "verify",
        "dev/cosign-v3-blob/artifact-cosign-v3-blob.txt",
        "--bundle",
        "dev/cosign-v3-blob/bundle.json",
        "--trusted-root",
        "public-good",
        "--certificate-identity",
        "w.vollprecht@gmail.com",
        "--certificate-oidc-issuer",
        "https://github.com/login/oauth",
    ];
    let Some(said) = without_network(&set, &arguments) else {
        eprintln!("skipped: no network namespace can be made here");
        return;
    };
    said.expect(0, &["verified"]);
}

#[test]
fn nothing_that_checks_what_is_there_needs_a_network() {
    let door = Door::new();
    door.run("audit export --store store --output out.cspkg").expect(0, &[]);
    std::fs::create_dir(door.path().join("many")).unwrap();
    door.write("many/app.sbom.sigstore.json", &door.read("app.sbom.sigstore.json"));
    let trust = format!("--trust trust.sigstore.json --trust-digest {}", door.digest());
    let (least, digest) = ("--least-checkpoint outside/checkpoint", Sha256::of(&door.read("app.bin")));
    for line in [
        format!("verify app.bin --bundle app.provenance.sigstore.json {trust}"),
        "verify --all many --key keys/builder.pem.pub --transparency none".to_owned(),
        format!("verify {digest} --promoted-to production --store store {least} {trust}"),
        format!("log verify --store store {least} {trust}"),
        format!("audit verify out.cspkg {least} {trust}"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(apart) = without_network(door.path(), &words) else {
            eprintln!("skipped: no network namespace can be made here");
            return;
        };
        assert_eq!(apart.code, 0, "{line}: {}", apart.text);
    }
}

#[test]
fn a_note_of_a_repository_holds_attestations() {
    let Some(set) = fixtures("real-bundles") else { return };
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let mut command = countersign_tests::door::git_command(folder.path());
        assert!(command.args(arguments).output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "-m", "one"]);
    let bundle = set.join("dev/cosign-v3-blob/bundle.json").display().to_string();
    git(&["notes", "--ref", "refs/notes/attestations", "add", "-F", &bundle]);
    let artifact = set.join("dev/cosign-v3-blob/artifact-cosign-v3-blob.txt").display().to_string();
    let who = [
        "--certificate-identity",
        "w.vollprecht@gmail.com",
        "--certificate-oidc-issuer",
        "https://github.com/login/oauth",
    ];
    let with = ["verify", &artifact, "--note", "refs/notes/attestations", "--trusted-root", "public-good"];
    bare(folder.path(), &[&with[..], &who].concat()).expect(0, &["verified"]);
    let none = ["verify", &artifact, "--note", "refs/notes/other", "--trusted-root", "public-good"];
    bare(folder.path(), &[&none[..], &who].concat()).expect(3, &["no-statements"]);
    // Laid out over several lines, and one more behind it, as git appends it.
    let value: Value = serde_json::from_slice(&std::fs::read(&bundle).unwrap()).unwrap();
    std::fs::write(folder.path().join("pretty.json"), serde_json::to_string_pretty(&value).unwrap()).unwrap();
    git(&["notes", "--ref", "refs/notes/attestations", "add", "--force", "-F", "pretty.json"]);
    bare(folder.path(), &[&with[..], &who].concat()).expect(0, &["1 of 1 hold", "verified"]);
    for more in ["pretty.json", &bundle] {
        git(&["notes", "--ref", "refs/notes/attestations", "append", "-F", more]);
    }
    bare(folder.path(), &[&with[..], &who].concat()).expect(0, &["3 of 3 hold", "verified"]);
    let whole = ["notes", "--ref", "refs/notes/attestations", "add", "--force", "-F", "pretty.json"];
    git(&["notes", "--ref", "refs/notes/attestations", "append", "-m", "looks good to me"]);
    let words = bare(folder.path(), &[&with[..], &who].concat());
    words.expect(4, &["bundle-malformed", "part 4", "keep notes for people under another ref"]);
    assert!(!words.text.contains("signed again"), "{}", words.text);
    git(&whole);
    for more in ["pretty.json", &bundle] {
        git(&["notes", "--ref", "refs/notes/attestations", "append", "-F", more]);
    }
    std::fs::write(folder.path().join("broken.json"), "{\n\"mediaType\": 1\n").unwrap();
    git(&["notes", "--ref", "refs/notes/attestations", "append", "-F", "broken.json"]);
    bare(folder.path(), &[&with[..], &who].concat()).expect(4, &["bundle-malformed", "part 4"]);
}
