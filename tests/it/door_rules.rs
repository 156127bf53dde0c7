//! Rules that people write: from a draft to the auditor, through the real program.

use countersign_tests::door::Door;

const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
const LEAST: &str = "--least-checkpoint outside/checkpoint";

const RULE: &str = r#"# METADATA
# title: Built by the one builder that we know
# custom:
#   id: our-builder@1
#   severity: high
#   controls: [SOC 2 CC8.1]
#   message: "{builder} built it, and that is not ours"
#   why: Whoever can build elsewhere can put anything into an artifact.
#   fix: "Build it on one of: {known}."
#   owner: platform
#   docs: https://example.com/rules/our-builder
#   parameters: {builders: list}
package rules.our_builder

deny contains {"at": input.provenance.at, "builder": input.provenance.builder, "known": data.params.builders} if {
	not input.provenance.builder in data.params.builders
}
"#;

const BROKEN: &str = "name: another builder is denied\ninput:\n  provenance:\n    builder: https://evil.example/b\n\
                      expect:\n  - message: https://evil.example/b built it, and that is not ours\n";
const HOLDS: &str = "name: ours is not\ninput:\n  provenance:\n    builder: https://ours.example/b\nexpect: []\n";

/// A door with the rule in its policy's folder, as version 2.
fn door(rule: &str, stage: &str) -> Door {
    let door = Door::new();
    std::fs::create_dir_all(door.path().join("policy/rules/our-builder/cases")).unwrap();
    door.write("policy/rules/our-builder/rule.rego", rule.as_bytes());
    door.write("policy/rules/our-builder/cases/broken.yaml", BROKEN.as_bytes());
    door.write("policy/rules/our-builder/cases/holds.yaml", HOLDS.as_bytes());
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap().replace("version = 1\n", "version = 2\n");
    let entry = format!(
        "\n[[rules]]\nid = \"our-builder@1\"\nfolder = \"rules/our-builder\"\nauthors = [\"cy\"]\nstages = {{ production = \"{stage}\" }}\n\
         parameters = {{ builders = [\"https://ours.example/b\"] }}\n"
    );
    door.write("policy/policy.toml", format!("{text}{entry}").as_bytes());
    door
}

fn release(door: &Door) {
    door.run("policy build policy --output p.json").expect(0, &["our-builder@1"]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve p.json --key keys/{person} --output p.sigstore.json")).expect(0, &[]);
    }
    // The rule was measured nowhere: two approvers say that it may begin as it does.
    let activate = |person: &str| {
        door.trusting(&format!(
            "policy activate p.sigstore.json --environment production --key keys/{person} --log-key keys/log.pem \
             --store store {LEAST} --override our-builder@1 --reason tried --activation a.sigstore.json"
        ))
    };
    activate("ada").expect(4, &["policy-unapproved", "waits for more approvers"]);
    activate("ben").expect(0, &["release 2 is active for production"]);
}

fn audit(door: &Door) {
    let exported = door.run("audit export --store store --output out.cspkg");
    exported.expect(0, &[]);
    let log = door.run("log checkpoint --store store --output now");
    log.expect(0, &[]);
    door.trusting("audit verify out.cspkg --least-checkpoint now").expect(0, &["0 come out otherwise"]);
}

#[test]
fn a_rule_is_linted_tested_released_decides_and_is_proved_again_by_the_auditor() {
    let door = door(RULE, "enforce");
    door.run("policy lint policy").expect(0, &["nothing is wrong"]);
    door.run("policy test policy").expect(0, &["another builder is denied", "2 passed, 0 failed"]);
    release(&door);
    let said = door.promote(&format!("{EVIDENCE} {LEAST}"));
    said.expect(
        1,
        &[
            "FAIL  ",
            "rule our-builder@1",
            "refused[rule-broken]: ",
            "built it, and that is not ours",
            "--> provenance sha256:",
            "expected: Built by the one builder that we know     rule our-builder@1 (policy release@2, active since entry",
            "why:      Whoever can build elsewhere",
            "control:  SOC 2 CC8.1",
            "help: Build it on one of: https://ours.example/b.",
            "rule:     our-builder@1, severity high, owner platform, https://example.com/rules/our-builder",
        ],
    );
    audit(&door);
}

#[test]
fn a_rule_in_monitor_is_recorded_and_holds_nothing_back() {
    let door = door(RULE, "monitor");
    release(&door);
    door.promote(&format!("{EVIDENCE} {LEAST}")).expect(0, &["PASS"]);
    audit(&door);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let wrong = RULE.replace("not input.provenance.builder in", "not input.provenance.bilder in").replace(
        "data.params.builders\n}",
        "data.params.bulders\n\thttp.send({})\n\tregex.match(`\\d`, input.environment)\n}",
    );
    let door = door(&wrong, "enforce");
    let expected = [
        "refused[rule-path]: there is no `bilder` here",
        "--> rules/our-builder/rule.rego:16:23",
        "16 |     not input.provenance.bilder in data.params.bulders",
        "^^^^^^",
        "did you mean `builder`?",
        "the heading names no parameter `bulders`",
        "refused[rule-function]: rules may not call http.send",
        "refused[rule-regex]",
        "not anchored",
    ];
    door.run("policy lint policy").expect(1, &expected);
    door.run("policy build policy --output p.json").expect(1, &expected);
    assert!(!door.has("p.json"));
}

#[test]
fn a_rule_that_would_never_be_asked_is_refused() {
    for (from, to, what) in [
        ("package rules.our_builder", "package rules.ourbuilder", "package rules.ourbuilder is not evaluated"),
        ("deny contains", "denies contains", "it has no `deny`"),
        ("id: our-builder@1", "id: our-builder@2", "the rule calls itself our-builder@2"),
        ("{builders: list}", "{builders: text}", "parameter `builders` is not text"),
        ("#   owner: platform\n", "", "`owner` is missing"),
        ("#   severity: high", "#   severity: hihg", "a severity is low, medium, high or critical"),
        ("# METADATA", "# METADTA", "the package has no heading"),
    ] {
        let door = door(&RULE.replace(from, to), "enforce");
        door.run("policy build policy --output p.json").expect(1, &[what, "nothing was written"]);
    }
    let door = door(RULE, "enforce");
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    let (without, _) = text.split_once("\n[[rules]]\nid = \"our-builder@1\"").unwrap();
    door.write("policy/policy.toml", without.as_bytes());
    door.run("policy build policy --output p.json").expect(1, &["refused[rule-unused]", "rules/our-builder"]);
    let twice = format!("{text}\n[[rules]]\nid = \"again@1\"\nfolder = \"rules/our-builder\"\nstages = {{}}\n");
    door.write("policy/policy.toml", twice.as_bytes());
    door.run("policy build policy --output p.json").expect(4, &["is already that of another rule"]);
    let named = text.replace("id = \"our-builder@1\"", "id = \"two-party-review@2\"");
    door.write("policy/policy.toml", named.as_bytes());
    door.run("policy build policy --output p.json")
        .expect(1, &["`two-party-review` is the name of a rule that is built in"]);
}

#[test]
fn a_draft_passes_its_own_cases_with_rego_and_without() {
    for (more, name) in [("", "no-left-pad"), ("--yaml", "no-right-pad")] {
        let door = Door::new();
        let line = format!("policy new {name} --title Pads --owner security --folder policy {more}");
        door.run(&line).expect(0, &["in stage monitor", "policy.toml"]);
        door.run("policy lint policy").expect(0, &["nothing is wrong"]);
        door.run("policy test policy").expect(0, &["2 passed, 0 failed"]);
        door.run(&format!("policy explain policy --rule {name}@1 --rego"))
            .expect(0, &["package rules.", "some ", "in input.sbom.components", "data.params.names"]);
        door.run(&line).expect(2, &["there is a rule"]);
        door.write("in.json", br#"{"sbom": {"components": [{"name": "left-pad", "version": "1"}]}}"#);
        door.run(&format!("policy eval policy --rule {name}@1 --input in.json"))
            .expect(1, &["refused[rule-broken]: component left-pad 1 is not allowed"]);
        door.write("in.json", br#"{"sbom": {"componets": []}}"#);
        door.run(&format!("policy eval policy --rule {name}@1 --input in.json")).expect(2, &["/sbom/componets"]);
        door.write("in.json", b"{}");
        door.run(&format!("policy eval policy --rule {name}@1 --input in.json"))
            .expect(3, &["indeterminate[rule-input-missing]", "`sbom`"]);
    }
}

#[test]
fn a_case_that_differs_shows_both_sides_and_can_be_blessed() {
    let door = door(RULE, "enforce");
    let file = "policy/rules/our-builder/cases/broken.yaml";
    door.write(file, BROKEN.replace("built it, and", "made it, and").as_bytes());
    door.run("policy test policy").expect(
        1,
        &[
            "FAILED",
            "refused[rule-case]: our-builder@1: another builder is denied",
            "- https://evil.example/b made it, and that is not ours",
            "+ https://evil.example/b built it, and that is not ours",
            "1 passed, 1 failed",
        ],
    );
    door.run("policy test policy --bless").expect(0, &["expects what the rule says now", "2 passed, 0 failed"]);
    door.run("policy test policy").expect(0, &["2 passed, 0 failed"]);
    door.write(file, BROKEN.replace("builder:", "bilder:").as_bytes());
    door.run("policy test policy").expect(1, &["refused[rule-path]", "cases/broken.yaml:4:5", "/provenance/bilder"]);
    std::fs::remove_file(door.path().join(file)).unwrap();
    door.run("policy test policy")
        .expect(1, &["refused[rule-untested]: rule our-builder@1 has no case in which it is broken"]);
}

#[test]
fn tests_in_rego_are_part_of_the_test() {
    let door = door(RULE, "enforce");
    let test = "package rules.our_builder\n\ntest_unknown if {\n\tcount(deny) == 1 with input as \
                {\"provenance\": {\"at\": null, \"builder\": \"x\"}} with data.params.builders as [\"y\"]\n}\n\
                test_wrong if 1 == 2\n";
    door.write("policy/rules/our-builder/rule_test.rego", test.as_bytes());
    door.run("policy test policy").expect(1, &["ok", "test_unknown", "FAILED", "test_wrong", "3 passed, 1 failed"]);
}
