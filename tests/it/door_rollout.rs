//! A rule on its way up, through the real program: watched, measured, labelled, moved up, overridden, dated, audited.

use countersign_core::policy::{Condition, Manifest, SOURCE_FILE, Stage};
use countersign_tests::door::{Door, Said};
use std::collections::BTreeMap;

const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
const LEAST: &str = "--least-checkpoint outside/checkpoint";

const RULE: &str = "form: 1\ntitle: \"No app\"\nid: no-app@1\nseverity: low\ncontrols: []\nmessage: \"{name} is not allowed\"\n\
                    why: \"It is a test.\"\nfix: \"Take {name} out.\"\nowner: \"us\"\nfor_each: sbom.components\n\
                    where:\n  - field: name\n    is_not: \"\"\n";

const CONDITION: &str = "\n[rollout.warn]\nevaluations = 1\ndays = 0\nfalse_positives_permille = 1000\n";

/// The demo's policy as another version, with a rule of our own in this stage.
fn release(door: &Door, first: &str, version: u64, stage: &str) {
    let text = first.replace("version = 1\n", &format!("version = {version}\n"));
    let text = text.replacen("[[rules]]", &format!("{CONDITION}\n[[rules]]"), 1);
    let rule = format!(
        "\n[[rules]]\nid = \"no-app@1\"\nfolder = \"rules/no-app\"\nauthors = [\"cy\"]\nstages.production = {stage}\n"
    );
    door.write("policy/policy.toml", format!("{text}{rule}").as_bytes());
    door.run("policy build policy --output p.json").expect(0, &["no-app@1"]);
    let approved = format!("p{version}.sigstore.json");
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve p.json --key keys/{person} --output {approved}")).expect(0, &[]);
    }
}

fn activate(door: &Door, version: u64, person: &str, more: &str) -> Said {
    door.trusting(&format!(
        "policy activate p{version}.sigstore.json --environment production --key keys/{person} --log-key keys/log.pem \
         --store store {LEAST} {more}"
    ))
}

#[test]
fn a_rule_moves_up_when_it_was_measured_and_labelled_or_overridden_and_the_auditor_counts_again() {
    let door = Door::new();
    let first = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    std::fs::create_dir_all(door.path().join("policy/rules/no-app/cases")).unwrap();
    door.write("policy/rules/no-app/rule.yaml", RULE.as_bytes());
    for (case, name, expect) in [("broken", "app", "\n  - message: app is not allowed"), ("holds", "", " []")] {
        let text = format!("name: {case}\ninput:\n  sbom:\n    components: [{{name: \"{name}\"}}]\nexpect:{expect}\n");
        door.write(&format!("policy/rules/no-app/cases/{case}.yaml"), text.as_bytes());
    }

    release(&door, &first, 2, "\"monitor\"");
    activate(&door, 2, "ada", "").expect(0, &["release 2 is active"]);
    door.promote(&format!("{EVIDENCE} {LEAST}")).expect(0, &["PASS", "rule no-app@1 in stage monitor"]);

    let stages = |more: &str| door.trusting(&format!("policy stages --environment production --store store {more}"));
    let said = stages("");
    said.expect(
        0,
        &[
            "may not move up to warn yet",
            "yes evaluations, each artifact once: 1 of 1",
            "no  decisions without a label by two persons: 1",
        ],
    );
    let open = said.out.lines().find_map(|line| line.trim().strip_prefix("to be labelled: ").map(str::to_owned));
    let open = open.expect("a decision to be labelled");

    release(&door, &first, 3, "\"warn\"");
    activate(&door, 3, "ada", "").expect(
        1,
        &[
            "refused[rollout-unearned]: rule no-app@1 moves up from monitor to warn",
            "decisions without a label by two persons: 1",
        ],
    );
    let label = |person: &str| {
        door.run(&format!(
            "policy adjudicate --environment production --rule no-app@1 --right {open} --key keys/{person} --output labels"
        ))
    };
    label("ada").expect(0, &["one more approver has to sign"]);
    activate(&door, 3, "ada", "--labels labels").expect(4, &["untrusted[adjudication-unagreed]"]);
    label("ben").expect(0, &["signed by 2 key(s)"]);
    stages("--labels labels").expect(0, &["may move up to warn"]);
    activate(&door, 3, "ada", "--labels labels")
        .expect(0, &["rule no-app@1 moves up from monitor to warn", "measured: evaluations 1"]);

    let ladder = "[{ stage = \"warn\", from = \"2026-01-01T00:00:00Z\" }, { stage = \"enforce\", from = \"2090-01-01T00:00:00Z\" }]";
    release(&door, &first, 4, ladder);
    activate(&door, 4, "ada", "")
        .expect(1, &["from warn to enforce on 2090-01-01T00:00:00Z in production, and has not"]);
    let over = "--override no-app@1 --reason announced --activation a.sigstore.json";
    activate(&door, 4, "ada", over).expect(4, &["waits for more approvers"]);
    activate(&door, 4, "ben", over).expect(0, &["release 4 is active", "OVERRIDE"]);
    door.promote(&format!("{EVIDENCE} {LEAST}"))
        .expect(0, &["rule no-app@1 in stage warn (enforce from 2090-01-01T00:00:00Z)", "note[rule-blocks-later]"]);
    stages("--at 2090-01-02T00:00:00Z").expect(0, &["no-app@1", "enforce"]);
    door.trusting("policy history --store store").expect(0, &["announced", "OVERRIDE", "measured: evaluations 1"]);

    door.run("audit export --store store --output out.cspkg").expect(0, &[]);
    door.run("log checkpoint --store store --output now").expect(0, &[]);
    door.trusting("audit verify out.cspkg --least-checkpoint now")
        .expect(0, &["0 come out otherwise", "note[rollout-overridden]", "by ada, ben: announced"]);
}

#[test]
fn a_date_that_does_not_parse_is_refused_at_build_with_its_line() {
    let door = Door::new();
    let first = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    let lines = first.lines().count();
    let dated = format!("{first}dates = {{ sunset_on = \"2026-02-30T00:00:00Z\" }}\n");
    door.write("policy/policy.toml", dated.as_bytes());
    door.run("policy build policy --output p.json")
        .expect(4, &["policy.toml", &format!("line {}", lines + 1), "2026-02-30T00:00:00Z"]);
}

#[test]
fn the_page_on_rollout_says_what_holds_and_its_example_is_a_policy() {
    let page = include_str!("../../docs/rollout.md");
    for stage in [Stage::Warn, Stage::Enforce] {
        let Condition { evaluations, days, false_positives_permille: share } = Condition::standard(stage);
        let of = page.split_once(&format!("[rollout.{stage}]")).expect("the table").1;
        for (key, value) in
            [("evaluations", evaluations.get()), ("days", days.into()), ("false_positives_permille", share.into())]
        {
            let line = of.lines().find(|line| line.trim().starts_with(key)).expect("the key");
            assert_eq!(line.split(['=', '#']).nth(1).map(str::trim), Some(value.to_string().as_str()), "{stage} {key}");
        }
    }
    let block = |from: &str| -> String {
        let all = page.lines().skip_while(|line| line.trim() != from);
        let block = all.take_while(|line| line.starts_with("    ") || line.is_empty());
        block.map(|line| format!("{}\n", line.trim_start())).collect::<Vec<_>>().concat()
    };
    let head = "uri = \"https://example.com/p\"\nlineage = \"l\"\nversion = 1\nnot_before = \"2026-01-01T00:00:00Z\"\n\
                expires = \"2027-01-01T00:00:00Z\"\nsources = []\n[environments.production]\nenforced = true\n\
                [environments.staging]\nenforced = false\n";
    let rule = block("[[rules]]").replace("folder =", "# folder =");
    let conditions = page.lines().skip_while(|line| !line.trim().starts_with("[rollout.warn]"));
    let conditions = conditions.take_while(|line| line.starts_with("    ") || line.is_empty());
    let conditions = conditions.map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
    let files = BTreeMap::from([(SOURCE_FILE.to_owned(), format!("{head}{conditions}{rule}").into_bytes())]);
    let manifest = Manifest::close(&files).expect("the page's example");
    assert!(manifest.rollout.enforce.is_some() && manifest.rules.len() == 1);
}
