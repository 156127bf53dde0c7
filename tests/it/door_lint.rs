//! What the author of a policy is told of what is wrong: in the right line, all of it at once, and counted in the last line.

use countersign_tests::door::Door;

const NEW: &str = "policy new no-pads --owner security --folder policy";

fn door() -> Door {
    let door = Door::new();
    door.run(NEW).expect(0, &["rule no-pads@1, in stage monitor"]);
    door
}

fn edit(door: &Door, path: &str, edits: &[(&str, &str)]) {
    let mut text = String::from_utf8(door.read(path)).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}: {text}");
        text = text.replace(from, to);
    }
    door.write(path, text.as_bytes());
}

const RULE: &str = "policy/rules/no-pads/rule.yaml";

#[test]
fn lint_shows_the_line_of_a_rule_yaml_that_its_author_wrote_in_every_report() {
    let door = door();
    edit(&door, RULE, &[("in_parameter: names", "matches: \"left-pad\""), ("field: name", "field: nmae")]);
    let said = door.run("policy lint policy --report github=- --report sarif=lint.sarif");
    said.expect(
        1,
        &[
            "refused[rule-regex]: the expression is not anchored",
            "--> rules/no-pads/rule.yaml:14:15",
            "14 |     matches: \"left-pad\"",
            "|               ^^^^^^^^",
            "refused[rule-path]: there is no `nmae` here",
            "--> rules/no-pads/rule.yaml:13:12",
            "13 |   - field: nmae",
            "|            ^^^^",
            "file=policy/rules/no-pads/rule.yaml,line=14,",
            "file=policy/rules/no-pads/rule.yaml,line=13,",
        ],
    );
    assert!(!said.text.contains("rule.yaml:5:"), "{}", said.text);
    let sarif: serde_json::Value = serde_json::from_slice(&door.read("lint.sarif")).unwrap();
    let results = sarif.pointer("/runs/0/results").unwrap().as_array().unwrap();
    let line = |result: &serde_json::Value| {
        result.pointer("/locations/0/physicalLocation/region/startLine").and_then(serde_json::Value::as_u64)
    };
    let mut lines: Vec<Option<u64>> = results.iter().map(line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [Some(13), Some(14)]);
}

#[test]
fn lint_goes_on_behind_a_heading_a_condition_and_a_policy_toml_that_do_not_read() {
    let door = door();
    let more = "in_parameter: names\n  - field: version\n    stars_with: x\n  - field: licences\n    is: 1\n  - field: name\n    matches: \"^([\"";
    edit(&door, RULE, &[("in_parameter: names", more), ("severity: high", "severity: hihg")]);
    let all = [
        "a severity is low, medium, high or critical",
        "`stars_with` is no condition",
        "16 |     stars_with: x",
        "there is no `licences` here",
        "refused[rule-regex]: the expression does not compile: unclosed character class, at its character 3, `[`",
        "20 |     matches: \"^([\"",
    ];
    door.run("policy lint policy").expect(1, &all);
    let toml = "policy/policy.toml";
    edit(
        &door,
        toml,
        &[("\"production\" = \"monitor\"", "\"production\" = \"monitr\""), ("version = 1", "version = \"1\"")],
    );
    let said = door.run("policy lint policy");
    let mut words = all.to_vec();
    words.extend([
        "untrusted[policy-malformed]: unknown variant `monitr`, expected one of `off`, `monitor`, `warn`, `enforce`",
        "stages = { \"production\" = \"monitr\" }",
        "                           ^^^^^^^^",
        "policy.toml:3:11",
    ]);
    said.expect(4, &words);
    assert!(!said.text.contains("nothing was checked"), "{}", said.text);
    door.run("policy build policy --output p.json").expect(4, &["`countersign policy lint DIR` says everything"]);
    assert!(!door.has("p.json"));
    // What is no TOML at all hides no rule either.
    edit(&door, toml, &[("version = \"1\"", "version = = 1")]);
    door.run("policy lint policy").expect(4, &["policy.toml:3:", "there is no `licences` here"]);
    std::fs::remove_file(door.path().join(toml)).unwrap();
    door.run("policy lint policy").expect(4, &["the folder has no policy.toml"]);
}

#[test]
fn the_last_line_of_a_test_counts_what_was_not_played() {
    let door = door();
    let case = |name: &str, text: &str| door.write(&format!("policy/rules/no-pads/cases/{name}.yaml"), text.as_bytes());
    case("typo", "name: n\ninput:\n  sbom:\n    componets: []\nexpect: []\n");
    case("yaml", "name: [\n");
    let said = door.run("policy test policy");
    said.expect(1, &["cases/typo.yaml", "cases/yaml.yaml"]);
    assert_eq!(said.text.lines().last(), Some("2 passed, 0 failed, 2 case files refused"), "{}", said.text);
    edit(&door, RULE, &[("severity: high", "severity: hihg")]);
    let said = door.run("policy test policy");
    assert_eq!(said.text.lines().last(), Some("0 passed, 0 failed, 1 rule refused"), "{}", said.text);
    edit(&door, RULE, &[("severity: hihg", "severity: high")]);
    for name in ["typo", "yaml", "holds"] {
        std::fs::remove_file(door.path().join(format!("policy/rules/no-pads/cases/{name}.yaml"))).unwrap();
    }
    let said = door.run("policy test policy");
    assert_eq!(said.text.lines().last(), Some("1 passed, 0 failed, 1 gap in the cases"), "{}", said.text);
    let json: serde_json::Value = serde_json::from_str(&door.run("policy test policy --format json").out).unwrap();
    assert_eq!((&json["refusedCases"], &json["refusedRules"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn one_input_is_tried_as_json_as_yaml_and_as_a_case() {
    let door = door();
    let eval = |rule: &str, file: &str| door.run(&format!("policy eval policy --rule {rule} --input {file}"));
    door.write(
        "in.yaml",
        b"# what a build brings\nsbom:\n  components:\n    - name: left-pad\n      version: \"1.3.0\"\n",
    );
    let denied = ["refused[rule-broken]: component left-pad 1.3.0 is not allowed"];
    eval("no-pads@1", "in.yaml").expect(1, &denied);
    eval("no-pads@1", "policy/rules/no-pads/cases/broken.yaml").expect(1, &denied);
    eval("rules/no-pads", "policy/rules/no-pads/cases/holds.yaml").expect(0, &["it holds"]);
    door.write("in", b"{\"sbom\": {\"components\": []}}");
    eval("no-pads@1", "in").expect(0, &["it holds"]);
    door.write("in.yaml", b"sbom:\n  componets: []\n");
    eval("no-pads@1", "in.yaml").expect(2, &["in.yaml", "/sbom/componets"]);
    door.write("in.yaml", b"sbom: [\n");
    eval("no-pads@1", "in.yaml").expect(2, &["in.yaml: line "]);
    edit(&door, RULE, &[("field: name", "field: version"), ("in_parameter: names", "starts_with: \"1\"")]);
    door.write("in.yaml", b"sbom:\n  components:\n    - name: left-pad\n");
    eval("no-pads@1", "in.yaml").expect(
        3,
        &["indeterminate[rule-error]: rules/no-pads/rule.yaml:14:5: ", "it gives no answer, which blocks as well"],
    );
    let built_in = ["`sbom-present@1` is built in", "countersign explain sbom-present@1", "--dry-run", "no-pads@1"];
    eval("sbom-present@1", "in").expect(2, &built_in);
    door.run("policy explain policy --rule sbom-present@1 --rego").expect(2, &["is built in, and is no Rego"]);
}

#[test]
fn a_first_policy_names_an_owner_and_what_has_none_is_a_note() {
    let door = Door::new();
    let new = "policy new --policy mine --uri https://example.com/p --repository git+https://example.com/t/a --start";
    let start = "1".repeat(40);
    door.run(&format!("{new} {start} --owner platform")).expect(0, &["mine/policy.toml"]);
    door.run("policy lint mine").expect(0, &["nothing is wrong"]);
    let text = String::from_utf8(door.read("mine/policy.toml")).unwrap();
    assert_eq!(text.matches("\nowner = \"platform\"\n").count(), text.matches("[[rules]]").count());
    assert!(text.contains("SLSA build-l1") && text.contains("NIST SSDF PS.3"), "{text}");
    std::fs::remove_file(door.path().join("mine/policy.toml")).unwrap();
    door.run(&format!("{new} {start}")).expect(0, &["no rule has an `owner`"]);
    door.run("policy lint mine").expect(0, &["note[rule-unowned]", "sbom-present@1", "help:"]);
}

#[test]
fn coverage_counts_slsa_by_what_the_release_names_and_says_what_it_could_name() {
    let door = Door::new();
    let said = door.trusting("controls coverage --store store --least-checkpoint outside/checkpoint");
    said.expect(0, &["SLSA build-l1", "builder-level@1", "could be named for", "SLSA source-two-party-review"]);
    let nothing = said.text.lines().find(|line| line.starts_with("SLSA, nothing shows: ")).unwrap();
    assert!(!nothing.contains("build-l1") && nothing.contains("build-l2"), "{nothing}");
}
