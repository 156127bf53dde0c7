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
fn a_dry_run_beside_a_gate_goes_by_what_was_kept_before_it_read_the_log() {
    let door = Door::new();
    door.copy("store", "later");
    let later = "promote app.bin --to production --repo app --store later --key keys/gate.pem --log-key keys/log.pem \
                 --checkpoint-output newer";
    door.trusting(&format!("{later} {GIVEN}")).expect(0, &["PASS: authorised"]);
    // A gate keeps a newer checkpoint while the dry run is at work, which read the log before that.
    let path = door.git_that("", "cp newer outside/checkpoint");
    let line = format!(
        "promote app.bin --to production --repo app --store store --dry-run --review-notes --trust trust.sigstore.json \
         --trust-digest {} {GIVEN}",
        door.digest()
    );
    door.run_with(&[("PATH", &path)], &line).expect(0, &["PASS: would be authorised"]);
    assert_eq!(door.read("outside/checkpoint"), door.read("newer"), "it was kept meanwhile");
    door.run(&line).expect(4, &["log-rolled-back"]);
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

#[test]
fn a_dry_run_refuses_the_key_of_a_log_that_the_gate_would_refuse() {
    let door = Door::new();
    let line = |log: &str| format!("{} --dry-run", with_keys("gate", log));
    door.trusting(&line("log")).expect(0, &["PASS: would be authorised for production: "]);
    let said = door.trusting(&line("gate"));
    said.expect(
        4,
        &[
            "untrusted[log-key-unknown]",
            "--log-key keys/gate.pem",
            "PASS, but nothing would be authorised",
            "dry run: nothing would be recorded: ",
        ],
    );
    assert!(!said.text.contains("would be authorised for"), "{}", said.text);
    let value: Value = serde_json::from_str(&door.trusting(&format!("{} --format json", line("gate"))).out).unwrap();
    assert_eq!((&value["wouldBeAuthorised"], &value["exit"]), (&Value::Bool(false), &Value::from("untrusted")));
}

/// Trust and a release with a lenient gate beside the strict one, in a store of their own. The argument lines that they
/// are used with.
fn two_gates(door: &Door) -> String {
    let ended = |line: &str| door.run(line).expect(0, &[]);
    ended(
        "trust init --person ada=keys/ada.pub --person ben=keys/ben.pub --gate https://example.com/gate=keys/gate.pem.pub \
         --builder https://countersign.dev/builders/local/v1=keys/builder.pem.pub --log example.com/log=keys/log.pem.pub \
         --environment production --environment staging --builder-level 1 --output two.toml",
    );
    let toml = String::from_utf8(door.read("two.toml")).unwrap();
    let (strict, lenient) = toml.split_once("[environments.\"staging\"]").unwrap();
    assert!(lenient.contains("two-party-review@1"));
    let lenient = "[environments.\"staging\"]\nreview_tier = \"T0\"\nbuilder_level = 0\nenforced_rules = []\n";
    door.write("two.toml", format!("{strict}{lenient}").as_bytes());
    ended("trust sign two.toml --key keys/ada --output two.sigstore.json");
    ended("trust sign two.toml --key keys/ben --output two.sigstore.json");
    let digest = door.run("trust digest two.sigstore.json").out.trim().to_owned();
    let trust = format!("--trust two.sigstore.json --trust-digest {digest} --least-checkpoint two.checkpoint");
    ended("log init --origin example.com/log --key keys/log.pem --store two");
    ended("log checkpoint --store two --output two.checkpoint");
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    let text = text.replace("production = \"enforce\"", "production = \"enforce\", staging = \"enforce\"");
    door.write("policy/policy.toml", format!("{text}\n[environments.staging]\nenforced = false\n").as_bytes());
    ended("policy build policy --output two.manifest.json");
    ended("policy approve two.manifest.json --key keys/ada --output two.policy.json");
    ended("policy approve two.manifest.json --key keys/ben --output two.policy.json");
    for environment in ["staging", "production"] {
        ended(&format!(
            "policy activate two.policy.json --environment {environment} --key keys/ada --log-key keys/log.pem \
             --store two --lock two.lock {trust} --checkpoint-output two.checkpoint"
        ));
    }
    format!("--repo app --store two --lock two.lock --key keys/gate.pem --log-key keys/log.pem {trust}")
}

#[test]
fn a_lenient_gate_always_says_what_production_would_say() {
    let door = Door::new();
    let given = two_gates(&door);
    let bundles = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json";
    let ask = |more: &str| door.run(&format!("promote app.bin --to staging {bundles} {given} {more}"));
    ask("--reviews reviews").expect(
        0,
        &[
            "PASS: authorised for staging",
            "the gate of staging is not enforced: it lets through what it would refuse",
            "production would say PASS today",
        ],
    );
    let refused = [
        "note[would-refuse]: production would say FAIL today",
        "FAIL  rule two-party-review@1: review-missing",
        "help: `countersign promote` with this artifact and `--to production --dry-run`",
        "FAIL: let through, the summary says FAILED",
        "the gate of staging is not enforced",
        "\nproduction would say FAIL today\n",
    ];
    ask("").expect(0, &refused);
    ask("--dry-run").expect(0, &["FAIL: would be let through, the summary would say FAILED"]);
    // What is wrong with signatures, pins and the like is let through by nobody, and the words say what the record says.
    door.write(
        "other.lock",
        b"[\"staging\"]\nuri = \"https://example.com/policy/release\"\nversion = 1\nmin_version = 1\n\
        digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n",
    );
    let given = given.replace("--lock two.lock", "--lock other.lock");
    let pinned =
        |more: &str| door.run(&format!("promote app.bin --to staging {bundles} {given} --reviews reviews {more}"));
    let said = pinned("");
    said.expect(1, &["pin-mismatch", "FAIL: nothing was authorised"]);
    assert!(!said.text.contains("FAIL: let through") && !said.text.contains("it lets through"), "{}", said.text);
    let said = pinned("--dry-run");
    said.expect(1, &["FAIL: nothing would be authorised"]);
}
