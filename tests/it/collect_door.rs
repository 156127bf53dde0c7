//! `collect`, and what it feeds, from the command line.

use countersign_tests::door::Door;

const GOOD: &str = r#"<testsuites><testsuite name="u"><testcase name="a" classname="x"/></testsuite></testsuites>"#;
const BAD: &str = r#"<testsuite failures="1"><testcase name="a"><failure/></testcase><testcase name="b"/></testsuite>"#;

#[test]
fn a_report_of_tests_becomes_a_statement_that_a_builder_signs() {
    let door = Door::new();
    door.write("good.xml", GOOD.as_bytes());
    let collect = "collect tests good.xml --suite unit --artifact app.bin --revision HEAD --repo app --output t.json";
    door.run(collect).expect(0, &["t.json: 1 passed, 0 with a warning, 0 failed, 0 left out"]);
    door.run("sign t.json --key keys/builder.pem --output t.sigstore.json").expect(0, &["test-result/v0.1"]);
    let said = door.trusting("verify app.bin --bundle t.sigstore.json");
    said.expect(0, &["1 bundle, by a signer", "verified"]);
    door.run("sign t.json --key keys/gate.pem --output g.sigstore.json").expect(0, &[]);
    door.trusting("verify app.bin --bundle g.sigstore.json").expect(4, &["signer-not-allowed"]);
}

#[test]
fn a_run_that_failed_is_written_and_one_of_nothing_is_not() {
    let door = Door::new();
    door.write("bad.xml", BAD.as_bytes());
    let said = door.run("collect tests bad.xml --artifact app.bin --output t.json");
    said.expect(1, &["1 passed, 0 with a warning, 1 failed", "failed  a"]);
    assert!(door.has("t.json"));
    for (name, text, words) in [
        ("none.xml", "<testsuites/>", "no test ran"),
        ("cut.xml", "<testsuite><testcase name=\"a\"/>", "no well-formed XML"),
        ("page.xml", "<html></html>", "the outermost element is <html>"),
    ] {
        door.write(name, text.as_bytes());
        let said = door.run(&format!("collect tests {name} --artifact app.bin --output {name}.json"));
        said.expect(3, &[words, "nothing was written"]);
        assert!(!door.has(&format!("{name}.json")));
    }
    door.run("collect tests bad.xml --output n.json").expect(2, &["--artifact"]);
}

#[test]
fn tests_of_files_that_are_not_the_commit_say_nothing_of_it() {
    let door = Door::new();
    door.write("good.xml", GOOD.as_bytes());
    door.write("app/src/main.rs", b"fn main() {}\n");
    let said = door.run("collect tests good.xml --revision HEAD --repo app --output t.json");
    said.expect(1, &["source-dirty", "src/main.rs", "nothing was written"]);
    assert!(!door.has("t.json"));
}

#[test]
fn a_person_signs_vex_with_an_ssh_key_and_a_scan_needs_its_shape() {
    let door = Door::new();
    let vex = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/1", "author": "a", "version": 1,
        "timestamp": "2026-11-20T00:00:00Z", "statements": [{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}]}"#;
    door.write("v.json", vex.as_bytes());
    let sign = "sign v.json --type vex --artifact app.bin --key keys/ada --output v.sigstore.json";
    door.run(sign).expect(0, &["openvex.dev/ns/v0.2.0"]);
    door.trusting("verify app.bin --bundle v.sigstore.json").expect(0, &["1 bundle, by a signer", "verified"]);
    let sign = "sign v.json --type vulns --artifact app.bin --key keys/builder.pem --output w.sigstore.json";
    door.run(sign).expect(4, &["statement-malformed", "scanner"]);
    assert!(!door.has("w.sigstore.json"));
    door.run("sign v.json --type vex --key keys/ada --output w.sigstore.json").expect(2, &["--artifact"]);
}

#[test]
fn a_hermetic_build_has_no_network_and_says_so() {
    let door = Door::new();
    let probe = door.shell(".", "unshare --map-current-user --net -- true", &[]);
    if probe.code != 0 {
        let script = "countersign provenance --hermetic --source-uri https://example.com/demo/app --artifact Cargo.lock \
                      --output ../p.json -- true";
        door.shell("app", script, &[]).expect(5, &["without a network", "nothing was written"]);
        eprintln!("skipped in part: this machine allows no network namespace");
        return;
    }
    let script = "countersign provenance --hermetic --source-uri https://example.com/demo/app --artifact Cargo.lock \
                  --output ../p.json -- sh -c 'test $(wc -l < /proc/net/route) -le 1 && test $(grep -c : /proc/net/dev) = 1'";
    door.shell("app", script, &[]).expect(0, &["p.json"]);
    let said = String::from_utf8(door.read("p.json")).unwrap();
    assert!(said.contains("countersign_hermetic") && said.contains("network-namespace"), "{said}");
    let open = script.replace("--hermetic ", "").replace("-- sh -c", "-- sh -c : ");
    door.shell("app", &open, &[]).expect(0, &[]);
    let said = String::from_utf8(door.read("p.json")).unwrap();
    assert!(!said.contains("hermetic"), "{said}");
}
