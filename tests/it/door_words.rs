//! The words of refusals: the file is named, and there is one next action that helps.

use countersign_tests::door::Door;

const LEAST: &str = "--least-checkpoint outside/checkpoint";

#[test]
fn unsigned_documents_are_named_with_what_signs_them() {
    let door = Door::new();
    let said = door.run(&format!(
        "verify app.bin --bundle app.sbom.sigstore.json --trust trust.toml --trust-digest {}",
        door.digest()
    ));
    said.expect(
        4,
        &["--> trust trust.toml", "this is not a signed trust document", "countersign trust sign trust.toml"],
    );
    let said = door.trusting(&format!(
        "policy activate policy.manifest.json --environment production --key keys/ada --log-key keys/log.pem \
         --store store {LEAST}"
    ));
    said.expect(
        4,
        &["--> policy.manifest.json", "without any approval", "countersign policy approve policy.manifest.json"],
    );
}

#[test]
fn what_a_parser_shows_keeps_its_lines() {
    let door = Door::new();
    let shown = "\n   found:    2 | version = \n               |           ^\n";
    door.write("bad.toml", b"a = 1\nversion = \n");
    let said = door.run("trust digest bad.toml");
    said.expect(4, &["TOML parse error at line 2, column 11: ", "--> bad.toml", shown]);
    door.write("policy/policy.toml", b"a = 1\nversion = \n");
    door.run("policy build policy --output new.json").expect(4, &["TOML parse error at line 2, column 11: ", shown]);
    door.write("app/Cargo.toml", b"a = 1\nversion = \x1b[2J\n");
    let said = door.run("sbom --directory app --offline");
    assert!(said.code != 0 && !said.text.contains("\\n") && !said.text.contains('\x1b'), "{}", said.text);
}

#[test]
fn every_refusal_has_one_next_action() {
    let door = Door::new();
    let bundle = "--bundle app.sbom.sigstore.json";
    let other = format!("sha256:{}", "0".repeat(64));
    let runs = [
        (
            format!("verify trust.toml {bundle} --trust trust.sigstore.json --trust-digest {}", door.digest()),
            "subject-mismatch",
        ),
        (
            format!("verify app.bin {bundle} --trust trust.sigstore.json --trust-digest {other}"),
            "trust-digest-mismatch",
        ),
        (
            format!("promote app.bin --to production --dry-run --trust trust.sigstore.json --trust-digest {other}"),
            "policy-missing",
        ),
        (
            format!(
                "promote app.bin --to production --dry-run --store store --trust trust.sigstore.json --trust-digest {}",
                door.digest()
            ),
            "rollback-undetectable",
        ),
        (
            format!(
                "promote app.bin --to nowhere --dry-run --store store --trust trust.sigstore.json --trust-digest {}",
                door.digest()
            ),
            "environment-unknown",
        ),
    ];
    for (line, code) in runs {
        let said = door.run(&line);
        assert!(said.text.contains(code), "{line}: {}", said.text);
        for finding in said.text.split("\n\n").filter(|part| part.contains("]: ") && !part.starts_with("note[")) {
            assert_eq!(finding.matches("\n   help: ").count(), 1, "{line}:\n{finding}");
        }
    }
    door.run("explain sbom-disagrees").expect(0, &["what to do: make the SBOM of this very build again"]);
}

#[test]
fn files_and_folders_that_are_not_there_or_too_large_are_named() {
    let door = Door::new();
    door.run("sbom --directory nowhere").expect(5, &["cannot open the folder: nowhere"]);
    std::fs::File::create(door.path().join("large.json")).unwrap().set_len(100 << 20).unwrap();
    door.trusting("verify app.bin --bundle large.json")
        .expect(4, &["untrusted[bundle-malformed]", "--> large.json", "found:    104857600 bytes", "help: "]);
    let sign = |file: &str| door.run(&format!("sign {file} --key keys/builder.pem --output all.jsonl --append"));
    sign("app.provenance.json").expect(0, &["all.jsonl"]);
    door.run("sign app.cdx.json --type sbom --artifact app.bin --key keys/builder.pem --output all.jsonl --append")
        .expect(0, &["all.jsonl"]);
    door.trusting("verify app.bin --bundle all.jsonl").expect(0, &["2 bundles", "verified"]);
}

#[test]
fn an_sbom_of_another_file_is_not_signed_for_this_one() {
    let door = Door::new();
    let sign = |document: &str, artifact: &str| {
        door.run(&format!("sign {document} --type sbom --artifact {artifact} --key keys/builder.pem --output new.json"))
    };
    let digest = |file: &str| countersign_core::digest::Sha256::of(&door.read(file)).to_string();
    let (right, wrong) = (digest("app.bin"), digest("trust.toml"));
    let expected = format!("expected: {wrong}     trust.toml");
    sign("app.cdx.json", "trust.toml").expect(
        1,
        &[
            "refused[sbom-disagrees]",
            "--> app.cdx.json",
            &expected,
            &format!("found:    {right}"),
            "nothing was written",
        ],
    );
    assert!(!door.has("new.json"));
    let mut sbom: serde_json::Value = serde_json::from_slice(&door.read("app.cdx.json")).unwrap();
    assert!(sbom["metadata"]["component"].as_object_mut().unwrap().remove("hashes").is_some());
    door.write("unbound.cdx.json", &serde_json::to_vec(&sbom).unwrap());
    sign("unbound.cdx.json", "app.bin").expect(0, &["new.json: ", "note[sbom-unbound]"]);
    let quiet = sign("app.cdx.json", "app.bin");
    quiet.expect(0, &["new.json: "]);
    assert!(!quiet.text.contains("note["), "{}", quiet.text);
}

#[test]
fn a_return_to_an_older_release_without_a_reason_is_said_once() {
    let door = Door::new();
    let activate = |release: &str| {
        door.trusting(&format!(
            "policy activate {release} --environment production --key keys/ada --log-key keys/log.pem --store store {LEAST}"
        ))
    };
    let said = activate("policy.sigstore.json");
    said.expect(4, &["refused[policy-rollback]", "policy-unapproved", "nothing was recorded"]);
    assert_eq!(said.text.matches("[policy-rollback]").count(), 1, "{}", said.text);
}

#[test]
fn an_artifact_that_is_a_link_or_only_a_name_is_refused_before_anything_is_decided() {
    let door = Door::new();
    std::os::unix::fs::symlink("app.bin", door.path().join("latest.bin")).unwrap();
    let entries = door.entries();
    for line in [
        "verify latest.bin --bundle app.sbom.sigstore.json".to_owned(),
        format!(
            "promote latest.bin --to production --repo app --key keys/gate.pem --log-key keys/log.pem --store store {LEAST}"
        ),
    ] {
        door.trusting(&line).expect(1, &["refused[artifact-link]", "--> latest.bin", "name the file itself"]);
    }
    assert_eq!(door.entries(), entries);
    let said = door.trusting(&format!("verify latest --promoted-to production --store store {LEAST}"));
    said.expect(2, &["there is no file latest", "sha256:…"]);
}

#[test]
fn no_exception_is_offered_that_trust_lets_nobody_approve() {
    let door = Door::new();
    let said = door.trusting(&format!(
        "promote app.bin --to production --repo app --key keys/gate.pem --log-key keys/log.pem --store store {LEAST} \
         --bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --dry-run"
    ));
    said.expect(1, &["refused[review-missing]"]);
    assert!(!said.text.contains("to have it excepted"), "{}", said.text);
}

#[test]
fn a_file_that_is_not_there_is_named_by_the_option_that_gave_its_path() {
    let door = Door::empty();
    let promote = "promote app --to production --key k.pem --log-key l.pem";
    for (line, option) in [
        (format!("{promote} --trust nowhere.json"), "--trust"),
        (format!("{promote} --trust=nowhere.json"), "--trust"),
        ("verify --all . --trusted-root nowhere.json".to_owned(), "--trusted-root, which takes a file, or public-good"),
    ] {
        let said = door.run(&line);
        assert_ne!(said.code, 0);
        let words = format!("it is given by {option}");
        assert!(said.text.contains("nowhere.json") && said.text.matches(&words).count() == 1, "{line}: {}", said.text);
    }
}

#[test]
fn no_option_stands_under_the_heading_of_others() {
    for (verb, own) in
        [("sign", "--output"), ("trust sign", "--output"), ("review sign", "--dir"), ("promote", "--repo")]
    {
        let said = Door::empty().run(&format!("{verb} --help"));
        let identity = said.text.split("\nIdentity:\n").nth(1).unwrap();
        let section = identity.lines().take_while(|line| line.is_empty() || line.starts_with(' ')).collect::<String>();
        assert!(section.contains("--keyless") && !section.contains(own), "{verb}: {section}");
    }
}

#[test]
fn an_artifacts_name_makes_no_line_of_its_own_and_steers_no_terminal() {
    const NAME: &str = "app.bin\nPASS, standard, entry 3 of the log\n\u{1b}[8m\u{202e}";
    const SHOWN: &str = "app.bin\\nPASS, standard, entry 3 of the log\\n\\u{1b}[8m\\u{202e}";
    let door = Door::new();
    door.write(NAME, &door.read("app.bin"));
    let run = |words: &[&str], more: &str| {
        let trust = format!("{more} --trust trust.sigstore.json --trust-digest {}", door.digest());
        let trust: Vec<&str> = trust.split_whitespace().collect();
        let said = door.run_words(&[words, trust.as_slice()].concat());
        assert!(said.text.contains(SHOWN), "{}", said.text);
        assert!(!said.text.contains(['\u{1b}', '\u{202e}']), "{}", said.text);
        assert!(!said.text.lines().any(|line| line.starts_with("PASS, standard")), "{}", said.text);
    };
    run(&["verify", NAME], "--bundle app.provenance.sigstore.json");
    let entry = door.entries().to_string();
    run(
        &["promote", NAME],
        &format!(
            "--to production --bundle app.provenance.sigstore.json --reviews reviews --repo app --store store --key keys/gate.pem \
             --log-key keys/log.pem {LEAST}"
        ),
    );
    door.run("audit export --store store --output named.cspkg").expect(0, &[]);
    run(&["audit", "show", &entry, "named.cspkg"], LEAST);
}
