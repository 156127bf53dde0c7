//! `verify` by what the command line expects: options that ask for less than they look like, and documents that are not whole.

use countersign_core::digest::Sha256;
use countersign_tests::door::{Door, bare};
use countersign_tests::fixtures;
use countersign_tests::sigstore::{Instance, Who, now};
use serde_json::{Value, json};

const ISSUER: &str = "https://accounts.google.com";
const NAME: &str = "ada@example.com";
const WHO: &str = "--certificate-identity ada@example.com --certificate-oidc-issuer https://accounts.google.com";

fn statement(kind: &str) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
        "predicate": { "builder": { "id": "https://x.example/b" }, "buildType": "https://x.example/t" },
        "subject": [{ "name": "app", "digest": { "sha256": Sha256::of(b"app").hex() } }],
    });
    serde_json::to_vec(&statement).unwrap()
}

/// A folder with an artifact, its attestation, and the instance's root.
fn scene(kind: &str) -> (Door, Instance) {
    let (door, mut instance) = (Door::empty(), Instance::new(now()));
    door.write("app", b"app");
    door.write("root.json", &instance.trusted_root());
    door.write("b.json", &instance.sign(&statement(kind), &Who::person(ISSUER, NAME), now()));
    (door, instance)
}

const LINE: &str = "verify app --bundle b.json --trusted-root root.json";

#[test]
fn a_pattern_that_is_anybody_s_name_is_refused() {
    let (door, _) = scene("https://example.com/p/v1");
    let judge = |subject: &str, issuer: &str, more: &str| {
        door.run(&format!(
            "{LINE} --certificate-identity-regexp {subject} --certificate-oidc-issuer-regexp {issuer} {more}"
        ))
    };
    let (somebody, one) = (r"^.*@example\.com$", r"^https://accounts\.google\.com$");
    judge(somebody, one, "").expect(0, &["verified"]);
    for anybody in [r"^https://github\.com/.*$", "^.*github.*$", "^.*@refs/tags/.*$", "^spiffe://.*$"] {
        judge(anybody, one, "").expect(1, &["identity-unanchored", "lets in anybody"]);
    }
    for anybody in ["^.*$", "^.+$", r"^https://github\.com/evil$|^.*$"] {
        judge(anybody, one, "").expect(1, &["identity-unanchored", "lets in anybody"]);
        judge(anybody, one, "--claim runner=github-hosted").expect(1, &["identity-unanchored", "lets in anybody"]);
        judge(somebody, anybody, "").expect(1, &["identity-unanchored", "lets in anybody"]);
    }
    for anybody in ["a*", "ada@*", "https:/*/*/*/*/*/*/*/*/*"] {
        door.run(&format!(
            "{LINE} --certificate-identity-glob {anybody} --certificate-oidc-issuer https://accounts.google.com"
        ))
        .expect(1, &["identity-unanchored", "lets in anybody"]);
    }
    for none in ["ada", "^(.*$"] {
        judge(none, one, "").expect(2, &["--certificate-identity-regexp: ", "say the whole name"]);
    }
    // Whoever an issuer vouches for may be meant, where a claim says of what.
    let claimed = judge("^.*$", one, "--claim repository=https://github.com/o/r");
    assert!(!claimed.text.contains("lets in anybody") && claimed.code != 0, "{}", claimed.text);
    let file = "[[identities]]\nsubject = { regex = '^.*$' }\nissuer = \"https://accounts.google.com\"\n";
    door.write("expect.toml", file.as_bytes());
    door.run(&format!("{LINE} --expect expect.toml")).expect(1, &["expectations-malformed", "lets in anybody"]);
}

#[test]
fn a_pattern_that_fits_whoever_signed_under_any_other_owner_is_refused() {
    let kind = "https://example.com/p/v1";
    let (door, mut instance) = scene(kind);
    let issuer = "https://token.actions.githubusercontent.com";
    let name = "https://github.com/o-n/r/.github/workflows/odd_name.yml@refs/tags/v7.1.0";
    let who = Who::workflow(issuer, name, &"a".repeat(40), None);
    door.write("b.json", &instance.sign(&statement(kind), &who, now()));
    let judge = |subject: &str, more: &str| {
        door.run(&format!("{LINE} --certificate-identity-regexp {subject} --certificate-oidc-issuer {issuer} {more}"))
    };
    for somebody in [r"^https://github\.com/o-n/.*$", r"^https://github\.com/(o-n|o-m)/[^/]+/.*@refs/tags/v7.*$"] {
        judge(somebody, "").expect(0, &["verified"]);
    }
    for anybody in [
        r"^https://github\.com/[^/]+/[^/]+/\.github/workflows/odd_name\.yml@.*$",
        r"^.*@refs/tags/v7.*$",
        "^.*odd_name.*$",
        r"^https://github\.com/[a-z]-[a-z]/r/.*$",
    ] {
        judge(anybody, "").expect(1, &["identity-unanchored", "lets in anybody"]);
        judge(anybody, &format!("--claim workflow={name}")).expect(0, &["verified"]);
    }
    let file = format!("[[identities]]\nsubject = {{ regex = '^.*odd_name.*$' }}\nissuer = \"{issuer}\"\n");
    door.write("expect.toml", file.as_bytes());
    door.run(&format!("{LINE} --expect expect.toml")).expect(1, &["identity-unanchored", "lets in anybody"]);
}

#[test]
fn provenance_that_is_asked_for_by_its_word_is_of_any_version() {
    for version in ["v0.2", "v1"] {
        let kind = format!("https://slsa.dev/provenance/{version}");
        let (door, mut instance) = scene("https://slsa.dev/provenance/v0.2");
        if version == "v1" {
            let text = String::from_utf8(statement(&kind)).unwrap().replace(
                "\"predicate\":{",
                "\"predicate\":{\"buildDefinition\":{\"buildType\":\"a:b\",\"externalParameters\":{}},\"runDetails\":{\"builder\":{\"id\":\"a:b\"}},",
            );
            door.write("b.json", &instance.sign(text.as_bytes(), &Who::person(ISSUER, NAME), now()));
        }
        door.run(&format!("{LINE} {WHO} --type provenance")).expect(0, &["verified"]);
        door.run(&format!("{LINE} {WHO} --type {kind}")).expect(0, &["verified"]);
        door.run(&format!("{LINE} {WHO} --type https://slsa.dev/provenance/v0.1")).expect(1, &["predicate-mismatch"]);
        door.run(&format!("{LINE} {WHO} --type vsa")).expect(1, &["predicate-mismatch"]);
    }
}

#[test]
fn every_root_is_pinned_or_none_and_one_of_a_time_to_come_has_no_age() {
    let (door, instance) = scene("https://example.com/p/v1");
    let digest = Sha256::of(&instance.trusted_root());
    door.run(&format!("{LINE} {WHO} --trusted-root-digest {digest}")).expect(0, &["verified"]);
    door.run(&format!("{LINE} {WHO} --trusted-root public-good --trusted-root-digest {digest}"))
        .expect(2, &["--trusted-root is given 2 times and --trusted-root-digest 1 times"]);
    let aged = |seconds: i64| {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(now().unix() + seconds).unwrap());
        let file = std::fs::File::options().write(true).open(door.path().join("root.json")).unwrap();
        file.set_modified(at).unwrap();
        door.run(&format!("{LINE} {WHO} --max-root-age-days 30"))
    };
    aged(-86_400).expect(0, &["verified"]);
    aged(-40 * 86_400).expect(3, &["sigstore-root-stale"]);
    aged(40 * 86_400).expect(3, &["sigstore-root-stale"]);
    // A copy of a root that came with the program is no newer than that.
    let known = countersign_verify::sigstore::Instance::Production;
    door.write("pg.json", known.document().as_bytes());
    let fetched = countersign_verify::sigstore::Instance::fetched().unwrap();
    door.run("trust root pg.json --name pg").expect(0, &[&format!("fetched = \"{fetched}\"")]);
}

#[test]
fn a_root_that_is_malformed_is_named_once_with_what_helps_on_the_command_line() {
    let (door, _) = scene("https://example.com/p/v1");
    let mut root: Value = serde_json::from_slice(&door.read("root.json")).unwrap();
    root["tlogs"][0]["publicKey"]["rawBytes"] = json!("AAAA");
    door.write("root.json", root.to_string().as_bytes());
    let said = door.run(&format!("{LINE} --certificate-identity a --certificate-oidc-issuer b"));
    said.expect(4, &["sigstore-root-malformed", "root.json", "publishes it as `trusted_root.json`"]);
    assert!(!said.text.contains("root.json, root.json") && !said.text.contains("trust.toml"), "{}", said.text);
}

#[test]
fn a_timestamp_is_asked_for_beside_the_log_also_at_the_door() {
    let (door, instance) = scene("https://example.com/p/v1");
    let line = format!("{LINE} {WHO} --transparency timestamp");
    door.run(&line).expect(0, &["verified"]);
    let bundle: Value = serde_json::from_slice(&door.read("b.json")).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bundle = bundle.clone();
        change(&mut bundle["verificationMaterial"]);
        door.write("b.json", bundle.to_string().as_bytes());
        door.run(&line)
    };
    with(&|m| m["tlogEntries"] = json!([])).expect(4, &["inclusion-proof-invalid", "stands in for no entry"]);
    with(&|m| m["timestampVerificationData"] = json!({})).expect(4, &["timestamp-missing"]);
    with(&|m| m["tlogEntries"][0]["inclusionProof"]["hashes"][0] = json!("A".repeat(43) + "="))
        .expect(4, &["inclusion-proof-invalid"]);
    // Whoever means to do without gives a root that has none.
    door.write("root.json", &instance.trusted_root_without(&["tlogs"]));
    with(&|m| m["tlogEntries"] = json!([])).expect(0, &["verified"]);
}

#[test]
fn a_log_that_is_asked_for_is_asked_of_cloud_build_s_keys_as_well() {
    let Some(set) = fixtures("slsa-verifier") else { return };
    let folder = set.parent().unwrap();
    let cases: Value = serde_json::from_slice(&std::fs::read(set.join("cases.json")).unwrap()).unwrap();
    let good = |case: &&Value| case["form"] == "cloud-build" && case["expect"] == "accept";
    let case = cases["cases"].as_array().unwrap().iter().find(good).unwrap();
    let text = |name: &str| case[name].as_str().unwrap().to_owned();
    let digest = format!("sha256:{}", case["artifacts"][0]["sha256"].as_str().unwrap());
    let (bundle, source) = (text("provenance"), case["inputs"]["source"].as_str().unwrap());
    let builder = case["builder_ids"][0].as_str().unwrap();
    let with = [
        "verify",
        &digest,
        "--bundle",
        &bundle,
        "--cloud-build-key",
        "slsa-verifier/cloud-build-keys",
        "--source",
        source,
        "--builder-id",
        builder,
    ];
    bare(folder, &with).expect(0, &["verified", "transparency-none"]);
    for witness in ["log", "timestamp"] {
        bare(folder, &[&with[..], &["--transparency", witness]].concat()).expect(4, &["transparency-missing"]);
    }
}

#[test]
fn npm_s_document_is_whole_and_the_registry_s_keys_are_read_as_it_serves_them() {
    let Some(set) = fixtures("real-bundles") else { return };
    let read = |path: &str| -> Value { serde_json::from_slice(&std::fs::read(set.join(path)).unwrap()).unwrap() };
    let case = read("dev/npm-supreme-googles-cli-v02-tag/case.json");
    let digest = case["artifact_digest"]["sha512"].as_str().unwrap();
    let digest = format!("sha512:{}", digest.trim_start_matches("sha512:"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    let root = set.join("trust/public-good.json").display().to_string();
    let verify = |document: &str, keys: &str| {
        let with = [
            "verify",
            &digest,
            "--bundle",
            document,
            "--trusted-root",
            &root,
            "--key",
            keys,
            "--builder-id",
            "https://github.com/actions/runner/github-hosted",
            "--source",
            "github.com/trishankatdatadog/supreme-goggles",
        ];
        bare(folder.path(), &with)
    };
    let document = read("dev/npm-supreme-googles-cli-v02-tag/bundle.json");
    write("whole.json", &document);
    let listed = read("trust/npm-registry-keys.json");
    write("keys.json", &listed);
    verify("whole.json", "keys.json").expect(0, &["verified"]);
    // As `/-/npm/v1/keys` has them.
    let own = |key: &&Value| key["keyUsage"] == "npm:attestations";
    let key = listed["keys"].as_array().unwrap().iter().find(own).unwrap();
    let served = |expires: Value| {
        json!({ "keys": [{ "expires": expires, "keyid": key["keyId"], "keytype": "ecdsa-sha2-nistp256",
            "scheme": "ecdsa-sha2-nistp256", "key": key["publicKey"]["rawBytes"] }] })
    };
    write("served.json", &served(Value::Null));
    verify("whole.json", "served.json").expect(0, &["verified"]);
    write("served.json", &served(json!("2020-01-01T00:00:00.000Z")));
    verify("whole.json", "served.json").expect(4, &["key-not-valid"]);
    write("served.json", &served(json!("never")));
    verify("whole.json", "served.json").expect(4, &["of a time that can be read"]);
    // Without the registry's own attestation.
    let published = |one: &&Value| !one["predicateType"].as_str().unwrap().starts_with("https://github.com/npm/");
    let alone: Vec<&Value> = document["attestations"].as_array().unwrap().iter().filter(published).collect();
    assert_eq!(alone.len(), 1);
    write("half.json", &json!({ "attestations": alone }));
    verify("half.json", "keys.json").expect(1, &["predicate-mismatch", "the registry's own attestation"]);
    write("bundle.json", &alone[0]["bundle"]);
    verify("bundle.json", "keys.json").expect(0, &["verified"]);
}

#[test]
fn what_is_of_no_form_that_is_read_is_said_so() {
    let (door, _) = scene("https://example.com/p/v1");
    let said = |document: &Value| {
        door.write("b.json", document.to_string().as_bytes());
        door.run(&format!("{LINE} {WHO}"))
    };
    said(&json!({ "a": 1 })).expect(4, &["JSON of another kind, which is none of the forms", "npm's document"]);
    said(&json!({ "version": 2, "verification_material": {} })).expect(4, &["an attestation of PEP 740, version `2`"]);
    let signature = json!({ "keyid": "k", "sig": "AAAA" });
    let many =
        json!({ "payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": vec![signature; 17] });
    said(&many).expect(4, &["the envelope has 17 signatures, 1 to 16 are read"]);
    door.run("sign app --key k.pem --output -").expect(2, &["`-` is none here"]);
}
