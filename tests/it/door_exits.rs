//! How runs end: what is wrong on the command line ends with 2, what cannot be decided with 3.

use countersign_tests::door::Door;

const LEAST: &str = "--least-checkpoint outside/checkpoint";

#[test]
fn provenance_of_nothing_is_a_wrong_command_line() {
    let door = Door::new();
    door.run("provenance --output new.json")
        .expect(2, &["a build command after `--`", "--artifact", "nothing was written"]);
    assert!(!door.has("new.json"));
    let nameless = "countersign provenance --artifact src/main.rs --output ../new.json";
    door.shell("app", nameless, &[]).expect(2, &["name it with --source-uri"]);
}

#[test]
fn provenance_of_a_shallow_clone_says_so() {
    let door = Door::new();
    let given = "--artifact src/main.rs --source-uri https://example.com/demo/app --output ../new.json";
    door.shell(".", "git clone -q --depth 1 file://$PWD/app shallow", &[]).expect(0, &[]);
    let said = door.shell("shallow", &format!("countersign provenance {given}"), &[]);
    said.expect(0, &["the clone is shallow", "git fetch --unshallow"]);
    let said = door.shell("shallow", &format!("countersign provenance {given} --format json"), &[]);
    said.expect(0, &["\"shallow\": true"]);
    let whole = door.shell("app", &format!("countersign provenance {given}"), &[]);
    whole.expect(0, &["new.json"]);
    assert!(!whole.text.contains("shallow"), "{}", whole.text);
}

#[test]
fn a_job_that_contradicts_itself_or_git_cannot_be_decided() {
    let door = Door::new();
    let script = "countersign provenance --artifact src/main.rs --source-uri https://example.com/demo/app \
                  --output ../new.json";
    let both = [("GITHUB_ACTIONS", "true"), ("GITLAB_CI", "true")];
    door.shell("app", script, &both).expect(3, &["GITHUB_ACTIONS and GITLAB_CI are both set", "nothing was written"]);
    let other = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://example.com"),
        ("GITHUB_REPOSITORY", "demo/app"),
        ("GITHUB_SHA", "0123456789012345678901234567890123456789"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_RUN_ID", "1"),
        ("GITHUB_RUN_ATTEMPT", "1"),
    ];
    door.shell("app", script, &other).expect(3, &["the job says that it builds commit 0123456789", "is checked out"]);
    assert!(!door.has("new.json"));
}

#[test]
fn an_entry_that_the_log_does_not_have_is_a_wrong_command_line() {
    let door = Door::new();
    for more in ["", "--proof", "--format json"] {
        let said = door.run(&format!("log show --store store --entry 99 {more}"));
        said.expect(2, &["the log has 4 entries, none at 99", "nothing was shown"]);
    }
}

#[test]
fn a_variable_that_a_ci_leaves_empty_was_not_given() {
    let door = Door::new();
    let verify = "countersign verify app.bin --bundle app.sbom.sigstore.json --trust trust.sigstore.json";
    let empty = [("COUNTERSIGN_TRUST_DIGEST", ""), ("COUNTERSIGN_LEAST_CHECKPOINT", "")];
    door.shell(".", verify, &empty).expect(3, &["indeterminate[trust-digest-not-given]"]);
    door.shell(".", &format!("{verify} --trust-digest \"\""), &[]).expect(3, &["trust-digest-not-given"]);
    let audit = "countersign audit verify demo.cspkg --trust trust.sigstore.json";
    door.shell(".", audit, &empty).expect(3, &["indeterminate[trust-digest-not-given]"]);
    let digest = door.digest();
    let given = format!("--trust trust.sigstore.json --trust-digest {digest} --repo app --store store --dry-run");
    let promote = format!("countersign promote app.bin --to production {given}");
    door.shell(".", &promote, &empty).expect(3, &["indeterminate[rollback-undetectable]"]);
    door.shell(".", &format!("{promote} {LEAST}"), &[("COUNTERSIGN_TRUST_DIGEST", "sha256:12")])
        .expect(3, &["no-statements"]);
    door.shell(".", verify, &[("COUNTERSIGN_TRUST_DIGEST", "sha256:12")]).expect(2, &["64 hexadecimal characters"]);
}

#[test]
fn a_command_line_that_does_not_parse_is_a_document_too_where_one_was_asked_for() {
    let door = Door::empty();
    for line in ["log show --format json --bogus", "--format=json log", "sbom vex --format json"] {
        let said = door.run(line);
        let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((said.code, document["exit"].as_str()), (2, Some("usage")), "{line}: {}", said.text);
    }
    let said = door.run("log show --bogus");
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.text);
    // What stands behind `--` is no option.
    assert_eq!(door.run("log show --bogus -- --format json").out, "");
}
