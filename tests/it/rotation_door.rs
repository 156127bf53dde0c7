//! A trust that gives way to the next one, and approvals of another day: what the gate records, what the plain way takes, and what
//! an old file is worth.

use countersign_tests::door::Door;

const LEAST: &str = "--least-checkpoint outside/checkpoint";
const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";

/// The next trust document, signed by both; gives how it is named.
fn next_trust(door: &Door) -> String {
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    door.write("trust2.toml", text.as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
    }
    let digest = door.run("trust digest trust2.json").out;
    format!("--trust trust2.json --trust-digest {}", digest.trim())
}

#[test]
fn a_gate_that_is_given_the_next_trust_too_early_records_nothing_and_the_audit_holds_afterwards() {
    let door = Door::new();
    let trust = next_trust(&door);
    let promote = |trust: &str| {
        door.run(&format!(
            "promote app.bin --to production --repo app --store store --key keys/gate.pem --log-key keys/log.pem \
             {EVIDENCE} {LEAST} {trust}"
        ))
    };
    let before = door.entries();
    promote(&trust).expect(4, &["trust-digest-mismatch", "not the newest that the log records", "policy activate"]);
    assert_eq!(door.entries(), before, "nothing is recorded");

    // The same release under the newer trust is no return: one approver activates it, without a reason.
    door.run(&format!(
        "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store \
         {LEAST} --checkpoint-output outside/checkpoint {trust}"
    ))
    .expect(0, &["is active"]);
    assert_eq!(door.entries(), before + 2, "the trust, and the activation");
    promote(&trust).expect(0, &["PASS"]);
    // Once it is recorded, the older one is too old, and that is not recorded either.
    let entries = door.entries();
    let old = format!("--trust trust.sigstore.json --trust-digest {}", door.digest());
    promote(&old).expect(4, &["trust-digest-mismatch"]);
    assert_eq!(door.entries(), entries);

    door.run("audit export --store store --output out.cspkg").expect(0, &[]);
    door.run(&format!("audit verify out.cspkg {LEAST} {trust}")).expect(0, &["0 come out otherwise", "PASS"]);
    // A second time, under the same trust, it would be a return.
    door.run(&format!(
        "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store \
         {LEAST} {trust}"
    ))
    .expect(4, &["policy-rollback", "policy-unapproved"]);
}

#[test]
fn a_log_is_not_signed_anew_under_a_trust_that_does_not_follow_the_recorded_one() {
    let door = Door::new();
    door.run("key generate --output keys/log2.pem").expect(0, &[]);
    let public = String::from_utf8(door.read("keys/log2.pem.pub")).unwrap();
    let next = |previous: &str| {
        let text = String::from_utf8(door.read("trust.toml")).unwrap();
        let text = text.replacen("version = 1\n", &format!("version = 2\n{previous}"), 1);
        let (before, log) = text.split_at(text.find("[[logs]]").unwrap());
        let log = log.replacen("\" }]", &format!("\" }}, {{ key = \"\"\"{public}\"\"\" }}]"), 1);
        door.write("trust2.toml", format!("{before}{log}").as_bytes());
        door.run("trust sign trust2.toml --key keys/ada --output trust2.json").expect(0, &[]);
        door.run("trust sign trust2.toml --key keys/ben --output trust2.json").expect(0, &[]);
        let digest = door.run("trust digest trust2.json").out;
        std::fs::rename(door.path().join("trust2.json"), door.path().join("given.json")).unwrap();
        format!("--trust given.json --trust-digest {}", digest.trim())
    };
    let rotate = |trust: &str| door.run(&format!("log rotate --log-key keys/log2.pem --store store {trust}"));
    let before = door.run("log checkpoint --store store").out;
    rotate(&next("")).expect(4, &["trust-digest-mismatch", "not the newest that the log records"]);
    assert_eq!(door.run("log checkpoint --store store").out, before, "nothing was signed");
    rotate(&next(&format!("previous = \"{}\"\n", door.digest()))).expect(0, &["2 signature(s)"]);
}

#[test]
fn a_log_that_is_gone_is_known_by_what_a_key_signed_that_has_ended_since() {
    let door = Door::new();
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let (before, log) = text.split_at(text.find("[[logs]]").unwrap());
    door.run("key generate --output keys/log2.pem").expect(0, &[]);
    let public = String::from_utf8(door.read("keys/log2.pem.pub")).unwrap();
    let both = format!("\", valid_until = \"2026-01-02T00:00:00Z\" }}, {{ key = \"\"\"{public}\"\"\" }}]");
    let log = log.replacen("\" }]", &both, 1);
    let before = before.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    door.write("trust2.toml", format!("{before}{log}").as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
    }
    let trust = format!("--trust trust2.json --trust-digest {}", door.run("trust digest trust2.json").out.trim());
    let verify = |more: &str| door.run(&format!("log verify --store gone {trust} {more}"));
    verify(LEAST)
        .expect(4, &["log-rolled-back", "there is no log here, and a checkpoint of it was kept", "at least 4 entries"]);
    verify("").expect(3, &["log init"]);
    // What nobody of trust signed says nothing of a log.
    let kept = String::from_utf8(door.read("outside/checkpoint")).unwrap().replacen("\n4\n", "\n5\n", 1);
    door.write("outside/checkpoint", kept.as_bytes());
    verify(LEAST).expect(3, &["log init"]);
}

#[test]
fn an_old_activation_file_is_no_approval_of_today_for_whoever_signs_it_once_more() {
    let door = Door::new();
    let activate = |file: &str, more: &str| {
        door.trusting(&format!(
            "policy activate {file} --environment production --log-key keys/log.pem --store store {LEAST} \
             --checkpoint-output outside/checkpoint {more}"
        ))
    };
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", text.replacen("version = 1\n", "version = 2\n", 1).as_bytes());
    door.run("policy build policy --output two.manifest.json").expect(0, &[]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve two.manifest.json --key keys/{person} --output two.json")).expect(0, &[]);
    }
    activate("two.json", "--key keys/ada").expect(0, &["is active"]);
    let back = "--reason broken --activation back.json";
    activate("policy.sigstore.json", &format!("--key keys/ada {back}")).expect(4, &["policy-unapproved"]);
    activate("policy.sigstore.json", &format!("--key keys/ben {back}")).expect(0, &["is active"]);
    let again = "--reason mended --activation again.json";
    activate("two.json", &format!("--key keys/ada {again}")).expect(4, &["policy-unapproved"]);
    activate("two.json", &format!("--key keys/ben {again}")).expect(0, &["is active"]);
    // back.json names the active release as the one that it replaces, has a reason, and both signatures.
    let entries = door.entries();
    let said = activate("policy.sigstore.json", &format!("--key keys/ada {back}"));
    said.expect(1, &["refused[activation-replayed]", "stands in the log already"]);
    assert_eq!(door.entries(), entries);
    door.trusting("policy history --store store").expect(0, &[]);
}

#[test]
fn an_activation_is_for_one_log() {
    let door = Door::new();
    door.run("log init --origin example.com/log --key keys/log.pem --store other").expect(0, &[]);
    door.run("log checkpoint --store other --output other.checkpoint").expect(0, &[]);
    let line = |store: &str, least: &str| {
        format!(
            "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem \
             --store {store} --lock other.lock --activation act.json --least-checkpoint {least}"
        )
    };
    door.trusting(&line("other", "other.checkpoint")).expect(0, &["is active"]);
    let activation = String::from_utf8(door.read("act.json")).unwrap();
    let payload = activation.split("\"payload\":\"").nth(1).unwrap().split('"').next().unwrap();
    let payload = door.shell("", &format!("printf '%s' '{payload}' | base64 -d"), &[]);
    payload.expect(0, &["\"log\":\"example.com/log\""]);
}

#[test]
fn a_checkpoint_that_was_kept_under_the_old_key_holds_after_the_old_key_s_end() {
    let door = Door::new();
    door.write("outside/kept", &door.read("outside/checkpoint"));
    door.run("key generate --output keys/log2.pem").expect(0, &[]);
    // The old key counted when the log was as long as that, and does not any more.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let end = door.shell(".", "date -u +%Y-%m-%dT%H:%M:%SZ", &[]).out.trim().to_owned();
    let public = String::from_utf8(door.read("keys/log2.pem.pub")).unwrap();
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    let (before, log) = text.split_at(text.find("[[logs]]").unwrap());
    let log = log.replacen(
        "\" }]",
        &format!("\", valid_until = \"{end}\" }}, {{ key = \"\"\"{public}\"\"\", valid_from = \"{end}\" }}]"),
        1,
    );
    door.write("trust2.toml", format!("{before}{log}").as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
    }
    let digest = door.run("trust digest trust2.json").out;
    let trust = format!("--trust trust2.json --trust-digest {}", digest.trim());
    door.run(&format!("log rotate --log-key keys/log2.pem --store store --output outside/checkpoint {trust}"))
        .expect(0, &["2 signature(s)"]);
    let new = "--log-key keys/log2.pem --store store";
    door.run(&format!(
        "policy activate policy.sigstore.json --environment production --key keys/ada {new} {LEAST} \
         --checkpoint-output outside/checkpoint {trust}"
    ))
    .expect(0, &["is active"]);
    let kept = "--least-checkpoint outside/kept";
    let promote = |least: &str| {
        door.run(&format!(
            "promote app.bin --to production --repo app --key keys/gate.pem {new} {EVIDENCE} {least} {trust}"
        ))
    };
    promote(kept).expect(0, &["PASS: authorised"]);
    door.run(&format!("log verify --store store {kept} {trust}")).expect(0, &["log-continues", "PASS"]);
    door.run("audit export --store store --output out.cspkg").expect(0, &[]);
    door.run(&format!("audit verify out.cspkg {kept} {trust}")).expect(0, &["log-continues", "PASS"]);

    // Who has the trust of before is told that it is too old, by whichever verb, and not that somebody altered the log.
    let old = format!("--trust trust.sigstore.json --trust-digest {}", door.digest());
    for verb in ["verify", "diff demo.cspkg", "ask Q01", "population"] {
        let said = door.run(&format!("audit {verb} out.cspkg {kept} {old}"));
        said.expect(
            4,
            &[
                "trust-digest-mismatch",
                "the log records trust version 2, and you gave version 1",
                "get trust version 2",
            ],
        );
        assert!(!said.text.contains("log-checkpoint-invalid"), "{verb}: {}", said.text);
    }
    // A package of before, and a checkpoint that a key signed which counts only since: that is an older log.
    let shorter = door.run(&format!("audit verify demo.cspkg {LEAST} {trust}"));
    let words = ["log-rolled-back", "the package ends at entry 3, and the checkpoint", "ask for one that is no older"];
    shorter.expect(4, &words);
    assert!(!shorter.text.contains("log-checkpoint-invalid"), "{}", shorter.text);

    // Signed by nobody whom trust ever knew, it is none.
    let forged = String::from_utf8(door.read("outside/kept")).unwrap();
    let (body, line) = forged.trim_end().rsplit_once(' ').unwrap();
    let line: String = line.chars().rev().collect();
    door.write("outside/kept", format!("{body} {line}\n").as_bytes());
    promote(kept).expect(4, &["log-checkpoint-invalid"]);
}
