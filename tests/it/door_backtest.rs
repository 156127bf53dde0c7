//! What people meet when they run the past under a new release, judge what it finds, and approve it.

use countersign_tests::door::{Door, Said};

const LEAST: &str = "--store store --least-checkpoint outside/checkpoint";

/// The demo's policy as its second version, asking for a level that its builder does not have.
fn stricter(door: &Door) {
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    std::fs::create_dir(door.path().join("new")).unwrap();
    let text = text.replace("version = 1\n", "version = 2\n").replace("least = 1", "least = 3");
    door.write("new/policy.toml", text.as_bytes());
}

fn backtest(door: &Door, more: &str) -> Said {
    door.trusting(&format!("policy backtest {more} {LEAST}"))
}

fn sampled(door: &Door) -> Vec<String> {
    let sample: serde_json::Value = serde_json::from_slice(&door.read("sample.json")).unwrap();
    let findings = sample["findings"].as_array().unwrap();
    findings.iter().map(|f| f["finding"].as_str().unwrap().chars().skip(7).take(12).collect()).collect()
}

#[test]
fn the_active_release_changes_nothing_and_a_stricter_one_says_what_and_a_pipeline_can_refuse_that() {
    let door = Door::new();
    let entries = door.entries();
    backtest(&door, "policy").expect(0, &["no decision comes out otherwise", "1 FAIL -> FAIL, 1 PASS -> PASS"]);
    stricter(&door);
    let said = backtest(&door, "new --since 30d --output bt.json --sample sample.json");
    said.expect(0, &["newly refused", "PASS -> FAIL", "rule builder-level@1", "2 of 2 new findings", "as if:"]);
    let refused = backtest(&door, "new --fail-on newly-refused --fail-on not-replayable");
    refused.expect(1, &["refused[backtest-changed]", "1 of 2 decisions would be newly refused"]);
    backtest(&door, "new --environment staging").expect(3, &["indeterminate[backtest-empty]"]);
    assert_eq!(door.entries(), entries, "nothing was recorded");
}

#[test]
fn two_persons_settle_a_finding_and_the_share_comes_with_its_interval() {
    let door = Door::new();
    stricter(&door);
    backtest(&door, "new --sample sample.json").expect(0, &[]);
    let labels = || door.trusting("policy labels sample.json");
    let label = |finding: &str, what: &str, key: &str| {
        door.run(&format!("policy label sample.json --finding {finding} --{what} --key keys/{key}"))
    };
    let found = sampled(&door);
    labels().expect(0, &["0 label(s) count", "not known"]);
    label(&found[0], "false", "ada").expect(0, &["false-positive of rule builder-level@1"]);
    label(&found[0], "false", "ada").expect(0, &["already said by this key: nothing was added"]);
    labels().expect(0, &["1 label(s) count", "not known"]);
    label(&found[0], "false", "ben").expect(0, &[]);
    labels().expect(0, &["2 label(s) count", "1 of 1 (95 %: 20.7 % to 100.0 %)"]);
    label(&found[1], "true", "ada").expect(0, &[]);
    label(&found[1], "unclear", "ben").expect(0, &[]);
    labels().expect(0, &["4 label(s) count", "1 of 1"]);

    // Not a person; a fingerprint of another sample; a line that was altered.
    label(&found[1], "true", "gate.pem").expect(0, &[]);
    labels().expect(4, &["untrusted[signer-not-allowed]", "4 label(s) count"]);
    label("0000000000000000", "true", "ada").expect(2, &["nothing was signed"]);
    door.run(&format!("policy label sample.json --finding {} --key keys/ada", found[0])).expect(2, &["--true"]);
}

#[test]
fn an_approval_names_the_report_and_the_record_keeps_it_for_the_auditor() {
    let door = Door::new();
    stricter(&door);
    backtest(&door, "new --output bt.json").expect(0, &[]);
    backtest(&door, "policy --output other.json").expect(0, &[]);
    door.run("policy build new --output new.json").expect(0, &[]);
    let approve = |key: &str, more: &str| {
        door.run(&format!("policy approve new.json --key keys/{key} --output new.sigstore.json {more}"))
    };
    approve("ada", "--backtest other.json").expect(1, &["refused[backtest-report]", "about another release"]);
    approve("ada", "--backtest policy/policy.toml").expect(1, &["not a backtest's report"]);
    approve("ada", "--backtest bt.json").expect(0, &["signed by 1 key(s)"]);
    approve("ben", "")
        .expect(1, &["refused[backtest-report]", "name another backtest's report", "give it with --backtest"]);
    approve("ben", "--backtest bt.json").expect(0, &["signed by 2 key(s)"]);

    let activate = |more: &str| {
        door.trusting(&format!(
            "policy activate new.sigstore.json --environment production --key keys/ada --log-key keys/log.pem {LEAST} \
             --checkpoint-output outside/checkpoint {more}"
        ))
    };
    let entries = door.entries();
    activate("").expect(3, &["indeterminate[backtest-missing]", "give the report"]);
    activate("--backtest other.json").expect(1, &["the approvals name another report"]);
    assert_eq!(door.entries(), entries);
    activate("--backtest bt.json").expect(0, &["its approvers had the backtest's report sha256:"]);
    door.trusting("policy history --store store").expect(0, &["backtest", "sha256:"]);
    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    let verify = || door.trusting("audit verify year.cspkg --least-checkpoint outside/checkpoint");
    verify().expect(0, &["PASS  policy-backtests", "1 activation(s) name a report"]);
    // The report is now in the store: it need not be given again.
    backtest(&door, "new").expect(0, &["PASS -> FAIL"]);
}
