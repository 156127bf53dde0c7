//! `verify` by what the command line expects, and `sign`: what a name, a key and a file stand for.

use countersign_core::digest::Sha256;
use countersign_core::key::PublicKey;
use countersign_sign::{KeyKind, SigningKey};
use countersign_tests::door::{Door, Said};
use serde_json::{Value, json};

pub(super) const APP: &[u8] = b"app\n";
pub(super) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// A folder with a key, `k.pem`, and an artifact, `app`.
pub(super) fn ready() -> Door {
    let door = Door::empty();
    key(&door, "k");
    door.write("app", APP);
    door
}

pub(super) fn key(door: &Door, name: &str) -> PublicKey {
    let key = SigningKey::generate(KeyKind::P256).unwrap();
    key.write_new(&door.path().join(format!("{name}.pem"))).unwrap();
    key.public().clone()
}

pub(super) fn subject(name: &str, digest: &str) -> Value {
    json!({"name": name, "digest": {"sha256": digest}})
}

/// Signs a statement with `k.pem`, or another key.
pub(super) fn sign(door: &Door, to: &str, by: &str, kind: &str, subjects: &Value, predicate: &Value) -> Said {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": kind,
        "predicate": predicate});
    door.write("statement.json", statement.to_string().as_bytes());
    let said = door.run(&format!("sign statement.json --key {by} --output {to}"));
    said.expect(0, &[]);
    said
}

/// A bundle by `k.pem` over these subjects, which `sign` itself would refuse.
pub(super) fn sign_anyhow(door: &Door, subjects: &Value) {
    let key = SigningKey::from_pem(&String::from_utf8(door.read("k.pem")).unwrap()).unwrap();
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": PROVENANCE,
        "predicate": provenance()});
    door.write("b.json", &countersign_sign::sign_payload(statement.to_string().as_bytes(), &key).unwrap());
}

pub(super) fn provenance() -> Value {
    json!({"buildDefinition": {"buildType": "https://x.example/t", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://x.example/b"}}})
}

pub(super) fn app() -> Value {
    json!([subject("app", &Sha256::of(APP).hex())])
}

pub(super) const BY_KEY: &str = "--key k.pem.pub --transparency none";
pub(super) const EXPECT: &str =
    "[provenance]\n[[provenance.builders]]\nid = \"https://x.example/b\"\nkey = \"k.pem\"\nlevel = 1\n";

#[test]
fn a_package_is_named_by_the_subject_that_is_the_artifact_and_by_no_other() {
    let door = ready();
    let (own, other) = (Sha256::of(APP).hex(), "ab".repeat(32));
    door.write("expect.toml", EXPECT.as_bytes());
    let verify = |first: (&str, &str), second: (&str, &str)| {
        let subjects = json!([subject(first.0, first.1), subject(second.0, second.1)]);
        sign(&door, "b.json", "k.pem", PROVENANCE, &subjects, &provenance());
        let more = "--expect expect.toml --package-name good --package-version 1.0.0";
        door.run(&format!("verify app --bundle b.json {BY_KEY} {more}"))
    };
    let (good, evil) = ("pkg:npm/good@1.0.0", "pkg:npm/evil@9.9.9");
    verify((good, &own), (evil, &other)).expect(0, &["verified"]);
    verify((good, &other), (evil, &own)).expect(1, &["provenance-package", "found:    evil", "found:    9.9.9"]);
    verify((evil, &own), (good, &other)).expect(1, &["provenance-package"]);
    // Of two that both are the artifact, nobody picks the one that fits.
    verify((good, &own), (evil, &own)).expect(1, &["provenance-package", "found:    evil"]);
}

#[test]
fn keys_of_one_name_are_one_key_or_refused() {
    let door = ready();
    sign(&door, "b.json", "k.pem", PROVENANCE, &app(), &provenance());
    door.write("expect.toml", EXPECT.as_bytes());
    std::fs::create_dir(door.path().join("b")).unwrap();
    let verify = || door.run(&format!("verify app --bundle b.json {BY_KEY} --key b/k.pem.pub --expect expect.toml"));
    door.write("b/k.pem.pub", &door.read("k.pem.pub"));
    verify().expect(0, &["verified"]);
    std::fs::remove_file(door.path().join("b/k.pem.pub")).unwrap();
    key(&door, "b/k");
    verify().expect(2, &["two different keys are called `k.pem`", "give one of them a file of another name"]);
    // One under `.pem`, one under `.pub`.
    for (from, to) in [("k.pem.pub", "a.pem"), ("b/k.pem.pub", "a.pub")] {
        door.write(to, &door.read(from));
    }
    door.run("verify app --bundle b.json --key a.pem --key a.pub --transparency none")
        .expect(2, &["two different keys are called `a`"]);
    // And one of a registry's.
    let public = PublicKey::parse(&String::from_utf8(door.read("b/k.pem.pub")).unwrap()).unwrap();
    let raw = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, public.spki_der().unwrap());
    let keys = json!({"keys": [{"keyId": "a", "keyUsage": "npm:attestations", "publicKey": {"rawBytes": raw}}]});
    door.write("keys.json", keys.to_string().as_bytes());
    door.run("verify app --bundle b.json --key a.pem --key keys.json --transparency none")
        .expect(2, &["two different keys are called `a`"]);
}

#[test]
fn a_key_file_holds_one_key_in_pem_and_what_else_it_is_is_said() {
    let door = ready();
    sign(&door, "b.json", "k.pem", PROVENANCE, &app(), &provenance());
    let public = key(&door, "o");
    let both = [door.read("o.pem.pub"), door.read("k.pem.pub")].concat();
    door.write("both.pem", &both);
    let verify = |keys: &str| door.run(&format!("verify app --bundle b.json --key {keys} --transparency none"));
    verify("both.pem").expect(4, &["it holds 2 PEM blocks, where one block `PUBLIC KEY` is read", "--> both.pem"]);
    door.write("o.der", &public.spki_der().unwrap());
    verify("o.der").expect(4, &["it is no PEM", "openssl pkey -pubin -inform DER -in o.der -out o.der.pem"]);
    std::fs::create_dir(door.path().join("keys")).unwrap();
    door.write("keys/k.pem", &door.read("k.pem.pub"));
    door.write("keys/README.md", b"our keys\n");
    verify("keys").expect(4, &["it is no PEM", "--> keys/README.md", "of a folder every file is a key"]);
}

#[test]
fn a_digest_of_another_algorithm_beside_the_sha_256_changes_nothing() {
    let door = ready();
    let own = Sha256::of(APP).hex();
    door.write("expect.toml", EXPECT.as_bytes());
    let verify = |digest: &Value| {
        sign_anyhow(&door, &json!([{"name": "app", "digest": digest}]));
        door.run(&format!("verify app --bundle b.json {BY_KEY} --expect expect.toml"))
    };
    for (name, text) in [
        ("md5", "a".repeat(32)),
        ("sha1", "b".repeat(40)),
        ("goModuleH1", "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned()),
        ("gce_image_id", "123".to_owned()),
    ] {
        verify(&json!({"sha256": own, name: text})).expect(0, &["verified"]);
        let other = verify(&json!({"sha256": "ab".repeat(32), name: text}));
        assert!(other.code != 0 && other.text.contains("subject-mismatch"), "{name}: {}", other.text);
    }
    for digest in [
        json!({"gce_image_id": "123"}),
        json!({"md5": "a".repeat(32)}),
        json!({"sha512": own}),
        json!({"sha256": own, "sha512": own}),
        json!({"sha256": own, "sha1": "none"}),
    ] {
        verify(&digest).expect(4, &["statement-malformed", "no usable digest"]);
    }
    // What nobody knows names something, and never the artifact.
    verify(&json!({"SHA256": own})).expect(4, &["subject-mismatch"]);
    // Both that are known have to be the artifact's.
    verify(&json!({"sha256": own, "sha512": "cd".repeat(64)})).expect(4, &["subject-mismatch"]);
}

#[test]
fn one_key_in_two_spellings_is_one_signer() {
    use base64::Engine as _;
    let door = ready();
    sign(&door, "b.json", "k.pem", PROVENANCE, &app(), &provenance());
    let public = PublicKey::parse(&String::from_utf8(door.read("k.pem.pub")).unwrap()).unwrap();
    let full = public.spki_der().unwrap();
    // Head of 26 bytes, then the point: its first coordinate, and whether the second one is odd.
    let mut short = full[..26].to_vec();
    short[1] = 0x39;
    short[24] = 0x22;
    short.push(2 + (full[90] & 1));
    short.extend_from_slice(&full[27..59]);
    let text = base64::engine::general_purpose::STANDARD.encode(&short);
    door.write("short.pem", format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").as_bytes());
    let expect = "[provenance]\n[[provenance.builders]]\nid = \"https://x.example/b\"\nkey = \"short\"\nlevel = 1\n";
    door.write("expect.toml", expect.as_bytes());
    let bundle: Value = serde_json::from_slice(&door.read("b.json")).unwrap();
    let signature = &bundle["dsseEnvelope"]["signatures"][0]["sig"];
    let envelope = json!({"payload": bundle["dsseEnvelope"]["payload"], "payloadType": bundle["dsseEnvelope"]["payloadType"],
        "signatures": [{"keyid": "k.pem", "sig": signature}, {"keyid": "short", "sig": signature}]});
    door.write("e.json", envelope.to_string().as_bytes());
    let line = "verify app --bundle e.json --key k.pem.pub --key short.pem --transparency none --expect expect.toml";
    door.run(line).expect(0, &["1 distinct"]);
    door.run(&format!("{line} --signers 2")).expect(1, &["signers-too-few"]);
}

#[test]
fn an_input_of_a_summary_is_there_by_the_digest_of_its_file() {
    let door = ready();
    sign(&door, "p.json", "k.pem", PROVENANCE, &app(), &provenance());
    let text = String::from_utf8(door.read("p.json")).unwrap();
    door.write(
        "expect.toml",
        format!("{EXPECT}[summary]\nverifier = \"https://v.example\"\nkey = \"k.pem\"\nresource = \"pkg:x/y\"\ninputs = true\n").as_bytes(),
    );
    let check = |file: &str, named: &str, code: i32| {
        door.write("p.json", file.as_bytes());
        let summary = json!({"verifier": {"id": "https://v.example"}, "timeVerified": "2026-01-01T00:00:00Z",
            "resourceUri": "pkg:x/y", "policy": {"uri": "https://p.example"}, "verificationResult": "PASSED",
            "inputAttestations": [{"uri": "https://x.example/p", "digest": {"sha256": Sha256::of(named.as_bytes()).hex()}}],
            "verifiedLevels": ["SLSA_BUILD_LEVEL_1"]});
        sign(&door, "s.json", "k.pem", "https://slsa.dev/verification_summary/v1", &app(), &summary);
        let said = door.run(&format!("verify app --bundle s.json --bundle p.json {BY_KEY} --expect expect.toml"));
        assert_eq!(said.code, code, "{}", said.text);
    };
    let ended = format!("{}\n", text.trim());
    check(text.trim(), text.trim(), 0);
    check(&ended, &ended, 0);
    check(&ended, text.trim(), 0);
    check(&ended, "another", 3);
}

#[test]
fn sign_writes_over_nothing_that_it_reads_and_appends_to_what_it_can_read_back() {
    let door = ready();
    sign(&door, "b.json", "k.pem", PROVENANCE, &app(), &provenance());
    for name in ["k.pem", "statement.json"] {
        let before = door.read(name);
        door.run(&format!("sign statement.json --key k.pem --output {name}"))
            .expect(2, &[&format!("{name} is read here, and would be written over"), "nothing was written"]);
        assert_eq!(door.read(name), before);
    }
    door.write("app.cdx.json", br#"{"result": "PASSED", "configuration": []}"#);
    door.run("sign app.cdx.json --type test-result --artifact app --key k.pem --output app")
        .expect(2, &["app is read here"]);
    assert_eq!(door.read("app"), APP);
    // A bundle that was laid out over several lines becomes one.
    let value: Value = serde_json::from_slice(&door.read("b.json")).unwrap();
    door.write("pretty.json", serde_json::to_string_pretty(&value).unwrap().as_bytes());
    door.run("sign statement.json --key k.pem --output pretty.json --append").expect(0, &[]);
    let text = String::from_utf8(door.read("pretty.json")).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert_eq!(serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap(), value);
    door.write("expect.toml", EXPECT.as_bytes());
    door.run(&format!("verify app --bundle pretty.json {BY_KEY} --expect expect.toml")).expect(0, &["2 of 2 hold"]);
    door.write("broken.json", b"{\"mediaType\"");
    door.run("sign statement.json --key k.pem --output broken.json --append").expect(4, &["broken.json"]);
    assert_eq!(door.read("broken.json"), b"{\"mediaType\"");
}

#[test]
fn a_run_over_a_folder_counts_as_reasons_only_what_refuses() {
    let door = ready();
    std::fs::create_dir(door.path().join("all")).unwrap();
    sign(&door, "all/b.json", "k.pem", PROVENANCE, &app(), &provenance());
    door.write("all/.hidden", b"x");
    door.write("all/broken.json", b"{");
    door.write("expect.toml", EXPECT.as_bytes());
    let said = door.run(&format!("verify --all all {BY_KEY} --expect expect.toml"));
    said.expect(4, &["1 (bundle-malformed 1) of them refused", "files-passed-over"]);
}

#[test]
fn an_artifact_in_a_folder_is_counted_and_its_attestation_has_to_be_about_it() {
    let door = ready();
    std::fs::create_dir(door.path().join("all")).unwrap();
    door.write("expect.toml", EXPECT.as_bytes());
    let line = format!("verify --all all {BY_KEY} --expect expect.toml");
    sign(&door, "all/app.intoto.jsonl", "k.pem", PROVENANCE, &app(), &provenance());
    let alone = ["1 of 1 attestations hold, in 1 files, none of them refused"];
    door.run(&line).expect(0, &alone);
    door.write("all/app", APP);
    door.run(&line).expect(0, &[alone[0], "1 more are artifacts"]);
    door.write("all/app", b"another");
    door.run(&line).expect(4, &["subject-mismatch", "0 of 1 attestations hold"]);
    // What has no attestation beside it is one, or is refused.
    door.write("all/app", APP);
    door.write("all/other", APP);
    door.run(&line).expect(4, &["bundle-malformed", "all/other"]);
}

#[test]
fn an_artifact_lies_beside_its_attestation_under_each_of_the_names_that_are_in_use() {
    let door = ready();
    door.write("expect.toml", EXPECT.as_bytes());
    let ends = [
        ".provenance.sigstore.json",
        ".sbom.sigstore.json",
        ".intoto.sigstore.json",
        ".build.slsa",
        ".intoto",
        ".intoto.json",
        ".att",
    ];
    for (number, end) in ends.iter().enumerate() {
        let folder = format!("all{number}");
        std::fs::create_dir(door.path().join(&folder)).unwrap();
        let line = format!("verify --all {folder} {BY_KEY} --expect expect.toml");
        sign(&door, &format!("{folder}/app{end}"), "k.pem", PROVENANCE, &app(), &provenance());
        door.write(&format!("{folder}/app"), APP);
        door.run(&line).expect(0, &["1 of 1 attestations hold", "1 more are artifacts"]);
        door.write(&format!("{folder}/app"), b"another");
        door.run(&line).expect(4, &["subject-mismatch", "0 of 1 attestations hold"]);
    }
    // The nearest name is the one that is meant, and a file further off has none beside it.
    door.write("all0/app.provenance", APP);
    door.run(&format!("verify --all all0 {BY_KEY} --expect expect.toml")).expect(4, &["bundle-malformed", "all0/app"]);
}

#[test]
fn a_file_that_holds_nothing_is_refused_however_large_it_is() {
    let door = ready();
    std::fs::create_dir(door.path().join("all")).unwrap();
    sign(&door, "all/a.json", "k.pem", PROVENANCE, &app(), &provenance());
    door.write("expect.toml", EXPECT.as_bytes());
    // Larger than one document may be: such a file is read line by line.
    for size in [3, countersign_core::limits::DOCUMENT_BYTES + 1] {
        door.write("all/b.jsonl", &vec![b'\n'; size]);
        let said = door.run(&format!("verify --all all {BY_KEY} --expect expect.toml"));
        said.expect(
            3,
            &["no-statements", "b.jsonl", "1 of 1 attestations hold", "1 (no-statements 1) of them refused"],
        );
    }
}

#[test]
fn a_trust_document_that_was_laid_out_over_lines_takes_a_signature_more() {
    let door = Door::new();
    door.run("trust sign trust.toml --key keys/ada --output t.json").expect(0, &["t.json: sha256:"]);
    let value: Value = serde_json::from_slice(&door.read("t.json")).unwrap();
    door.write("t.json", serde_json::to_string_pretty(&value).unwrap().as_bytes());
    door.run("trust sign trust.toml --key keys/ben --output t.json").expect(0, &["ada, ben"]);
    door.run("trust show t.json").expect(0, &[]);
}
