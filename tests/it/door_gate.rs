//! What the gate says at the door: which key is at fault, what is recorded, and what other gates would say.

use countersign_tests::door::Door;
use serde_json::Value;

const GIVEN: &str = "--least-checkpoint outside/checkpoint --bundle app.provenance.sigstore.json \
                     --bundle app.sbom.sigstore.json --reviews reviews";

/// The gate's command line with keys of one's choice.
fn with_keys(gate: &str, log: &str) -> String {
    format!(
        "promote app.bin --to production --repo app --store store --key keys/{gate}.pem --log-key keys/{log}.pem {GIVEN}"
    )
}

fn id(door: &Door, key: &str) -> String {
    let said = door.run(&format!("key show keys/{key}.pem.pub --format json"));
    let value: Value = serde_json::from_str(&said.out).unwrap();
    value["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_that_trust_does_not_let_sign_is_named_and_nothing_is_authorised() {
    let door = Door::new();
    let before = door.entries();
    let (gate, log, builder) = (id(&door, "gate"), id(&door, "log"), id(&door, "builder"));
    let said = door.trusting(&with_keys("gate", "gate"));
    said.expect(
        4,
        &[
            "untrusted[log-key-unknown]",
            "--log-key keys/gate.pem",
            &format!("expected: key {log} of log example.com/log"),
            &format!("found:    key {gate} of gate"),
            "help: give the log's key with --log-key",
            "PASS, but nothing was authorised",
            "nothing was recorded: ",
        ],
    );
    assert!(!said.text.contains("authorised for"), "{}", said.text);
    let said = door.trusting(&with_keys("builder", "log"));
    said.expect(
        4,
        &[
            "untrusted[gate-unknown]",
            "--key keys/builder.pem",
            &format!("expected: key {gate} of gate https://example.com/gate"),
            &format!("found:    key {builder} of builder"),
            "FAIL: nothing was authorised",
        ],
    );
    assert_eq!(said.text.matches("[gate-unknown]").count(), 1, "{}", said.text);
    assert_eq!(door.entries(), before);
    let value: Value =
        serde_json::from_str(&door.trusting(&format!("{} --format json", with_keys("gate", "gate"))).out).unwrap();
    assert_eq!(value["authorised"], false);
    assert_eq!(value["decision"]["authorised"], false);
    assert_eq!(value["findings"][0]["code"], "log-key-unknown");
    assert_eq!(value["exit"], "untrusted");
}

#[test]
fn a_dry_run_says_what_would_be_and_authorises_nothing() {
    let door = Door::new();
    let before = door.entries();
    let line = format!("promote app.bin --to production --repo app --store store --dry-run {GIVEN}");
    let said = door.trusting(&line);
    said.expect(
        0,
        &["PASS: would be authorised for production: ", "dry run: nothing was recorded, and nothing was authorised"],
    );
    assert!(!said.text.contains("PASS: authorised"), "{}", said.text);
    let value: Value = serde_json::from_str(&door.trusting(&format!("{line} --format json")).out).unwrap();
    assert_eq!(value["authorised"], false);
    assert_eq!(value["wouldBeAuthorised"], true);
    assert_eq!(value["decision"]["authorised"], false);
    assert_eq!(door.entries(), before);
    let value = door.trusting(&format!("{} --format json", with_keys("gate", "log")));
    let value: Value = serde_json::from_str(&value.out).unwrap();
    assert_eq!((&value["authorised"], &value["decision"]["authorised"]), (&Value::Bool(true), &Value::Bool(true)));
}
