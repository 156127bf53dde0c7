//! What an author of rules sees: a first policy and a rule from a few answers, what cases reach, where they stop, and the
//! pages that others read.

use countersign_tests::door::Door;

const NEW: &str = "policy new no-pads --owner security --folder policy --form";

fn written(form: &str) -> Door {
    let door = Door::new();
    door.run(&format!("{NEW} {form}")).expect(0, &["rule no-pads@1, in stage monitor"]);
    door
}

fn edit(door: &Door, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(door.read(path)).unwrap();
    assert!(text.contains(from), "{text}");
    door.write(path, text.replace(from, to).as_bytes());
}

#[test]
fn a_failing_case_names_the_first_condition_that_is_false_and_what_it_saw() {
    for (form, at, line, saw) in [
        (
            "yaml",
            "rules/no-pads/rule.yaml:14:5",
            "14 |     in_parameter: names",
            "where name = \"serde\", names = [\"left-pad\"]",
        ),
        (
            "rego",
            "rules/no-pads/rule.rego:16:2",
            "16 |     x.name in data.params.names",
            "where x.name = \"serde\", data.params.names = [\"left-pad\"]",
        ),
    ] {
        let door = written(form);
        edit(&door, "policy/rules/no-pads/cases/broken.yaml", "name: \"left-pad\"", "name: \"serde\"");
        door.run("policy test policy").expect(
            1,
            &[
                "refused[rule-case]: no-pads@1: a component of the list is denied",
                "- component left-pad 1.3.0 is not allowed",
                &format!("first condition that is false, at {at}:"),
                line,
                "^^^^",
                saw,
            ],
        );
    }
}

#[test]
fn a_release_is_built_only_of_rules_whose_cases_hold() {
    let door = written("yaml");
    door.run("policy build policy --output new.json").expect(0, &["new.json"]);
    std::fs::remove_file(door.path().join("new.json")).unwrap();
    edit(&door, "policy/rules/no-pads/cases/broken.yaml", "name: \"left-pad\"", "name: \"serde\"");
    let build = || door.run("policy build policy --output new.json");
    build().expect(1, &["refused[rule-case]: no-pads@1", "refused[rule-untested]", "nothing was written"]);
    std::fs::remove_file(door.path().join("policy/rules/no-pads/cases/broken.yaml")).unwrap();
    build().expect(1, &["refused[rule-untested]: rule no-pads@1 has no case in which it is broken"]);
    assert!(!door.has("new.json"));
}

#[test]
fn conditions_that_no_case_reaches_are_listed_and_too_little_is_refused() {
    for (form, more, at, source) in [
        (
            "yaml",
            "    in_parameter: names\n  - {field: version, is: \"2\"}\n  - field: scope\n    is: required\n",
            "17:5",
            "is: required",
        ),
        (
            "rego",
            "x.name in data.params.names\n\tx.version == \"2\"\n\tx.scope == \"required\"",
            "18:2",
            "x.scope == \"required\"",
        ),
    ] {
        let door = written(form);
        let file = format!("policy/rules/no-pads/rule.{form}");
        let from = if form == "yaml" { "    in_parameter: names\n" } else { "x.name in data.params.names" };
        edit(&door, &file, from, more);
        door.write("policy/rules/no-pads/cases/broken.yaml", &door.read("policy/rules/no-pads/cases/holds.yaml"));
        edit(&door, "policy/rules/no-pads/cases/broken.yaml", "right-pad", "left-pad");
        let missed = format!("rules/no-pads/rule.{form}:{at}");
        door.run("policy test policy").expect(
            1,
            &[
                "no-pads@1  3 of 4 conditions, 75 %",
                "reached by no case:",
                &format!("  {missed}  {source}"),
                "2 passed",
            ],
        );
        door.run("policy test policy --least-coverage 75").expect(1, &["refused[rule-untested]"]);
        door.run("policy test policy --least-coverage 76").expect(
            1,
            &["refused[rule-coverage]: cases reach 3 of 4 conditions of rule no-pads@1", &missed, "expected: 76 %"],
        );
        let json = door.run("policy test policy --format json");
        let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        let row = &json["coverage"][0];
        assert_eq!((&row["conditions"], &row["reached"]), (&4.into(), &3.into()));
        assert_eq!((&row["missed"][0]["at"], &row["missed"][0]["source"]), (&missed.into(), &source.into()));
        assert!(row.get("unnoticed").is_none());
    }
}

#[test]
fn a_condition_that_could_be_left_out_is_found_by_leaving_it_out() {
    let door = written("rego");
    door.run("policy test policy --mutate --least-coverage 100").expect(0, &["0 could be left out unnoticed"]);
    edit(&door, "policy/rules/no-pads/rule.rego", "names\n}", "names\n\tx.version != \"0\"\n}");
    door.run("policy test policy").expect(0, &["3 of 3 conditions, 100 %", "2 passed"]);
    door.run("policy test policy --mutate").expect(
        1,
        &[
            "1 could be left out unnoticed",
            "refused[rule-condition-untested]: rule no-pads@1: no case would notice if this condition were left out",
            "--> rules/no-pads/rule.rego:17:2",
            "17 |     x.version != \"0\"",
        ],
    );
}

#[test]
fn a_draft_of_any_list_and_form_is_right_as_it_is_written() {
    let door = Door::new();
    let said = door.run("policy new x --owner o --list nothing");
    said.expect(2, &["`nothing` is no list of the input: there is ", "sbom.components"]);
    let lists = said.text.lines().find_map(|line| line.split_once("there is ")).unwrap().1.to_owned();
    for (i, list) in lists.split(", ").enumerate() {
        for form in ["yaml", "rego"] {
            door.run(&format!("policy new r-{i}-{form} --owner o --list {list} --form {form}")).expect(0, &["monitor"]);
        }
    }
    door.run("policy lint policy").expect(0, &["nothing is wrong"]);
    door.run("policy test policy --mutate --least-coverage 100").expect(0, &[", 0 failed"]);
    door.run("policy new img --owner o --list images").expect(0, &[]);
    let case = String::from_utf8(door.read("policy/rules/img/cases/broken.yaml")).unwrap();
    assert!(case.contains("an image of the list is denied"), "{case}");
    door.run("policy new y --owner o --message a-{nmae}").expect(2, &["speaks of {nmae}", "there is ref, name"]);
    door.run("policy new").expect(2, &["the rule's name is missing: give NAME"]);
    door.run("policy new y").expect(2, &["who answers for it is missing: give --owner"]);
    door.run("policy new y --owner o --folder none").expect(2, &["`countersign policy new --policy none` writes"]);
}

#[test]
fn a_first_policy_is_right_as_it_is_written_and_overwrites_none() {
    let door = Door::new();
    let line = "policy new --policy mine --uri https://example.com/p --repository git+https://example.com/t/a";
    door.run(line).expect(0, &["mine/policy.toml"]);
    door.run("policy lint mine").expect(0, &["note[start-unset]"]);
    door.run("policy build mine --output p.json").expect(0, &["two-party-review@1", "monitor", "enforce"]);
    door.run(line).expect(2, &["mine/policy.toml is there already"]);
    door.run("policy new --policy other").expect(2, &["the policy's name is missing: give --uri"]);
    assert!(!door.has("other"));
    door.run("policy new r --owner o --folder mine").expect(0, &["rule r@1"]);
    door.run("policy test mine").expect(0, &["2 passed, 0 failed"]);
}

#[test]
fn pages_are_made_and_held_against_the_folder() {
    let door = written("yaml");
    edit(&door, "policy/rules/no-pads/rule.yaml", "controls: []", "controls: [SOC 2 CC7.1]");
    door.run("policy docs policy --check").expect(1, &["this page is missing", "policy-docs/index.md"]);
    for (form, ending) in [("markdown", "md"), ("html", "html")] {
        let run = |more: &str| door.run(&format!("policy docs policy --output pages --form {form} {more}"));
        run("").expect(0, &[&format!("7 page(s), beginning with pages/index.{ending}")]);
        run("--check").expect(0, &["7 page(s) are what would be made now"]);
        let index = String::from_utf8(door.read(&format!("pages/index.{ending}"))).unwrap();
        for word in ["SOC 2 CC7.1", "two-party-review"] {
            assert!(index.contains(word), "{word}: {index}");
        }
        assert!(!index.contains("<b>"));
        let page = String::from_utf8(door.read(&format!("pages/rules/no-pads-1.{ending}"))).unwrap();
        for word in ["security", "Where it is broken", "left-pad", "Where it holds", "right-pad", "monitor"] {
            assert!(page.contains(word), "{word}: {page}");
        }
        let built_in = String::from_utf8(door.read(&format!("pages/rules/source-clean-1.{ending}"))).unwrap();
        assert!(built_in.contains("built in") && built_in.contains("Changes that are not committed"), "{built_in}");
        edit(&door, "policy/rules/no-pads/rule.yaml", "severity: high", "severity: low");
        run("--check").expect(1, &["refused[policy-docs-stale]", &format!("pages/rules/no-pads-1.{ending}")]);
        edit(&door, "policy/rules/no-pads/rule.yaml", "severity: low", "severity: high");
        door.write(&format!("pages/rules/old-1.{ending}"), b"");
        run("--check").expect(1, &["of no rule any more", &format!("pages/rules/old-1.{ending}")]);
    }
    door.run("policy docs policy --output policy/pages").expect(2, &["would be part of the release"]);
    assert!(!door.has("policy/pages"));
    // Nor is what is made of a release part of the next one, also where nobody named it.
    for (folder, line) in [
        (".", "policy build policy --output policy/new.json"),
        (".", "policy export policy --opa --output policy/new.tar.gz"),
        ("policy", "policy build ."),
        ("policy", "policy export . --opa"),
    ] {
        let said = door.shell(folder, &format!("countersign {line}"), &[]);
        // Whoever named none is told with what to name one.
        let help = if line.contains("--output") { "name a file" } else { "give one with this option" };
        let help = format!("{help} outside of it");
        said.expect(2, &["--output: ", "lies in the policy's folder", help.as_str(), "nothing was written"]);
    }
    for left in ["new.json", "new.tar.gz", "policy.manifest.json", "policy.tar.gz"] {
        assert!(!door.has(&format!("policy/{left}")), "{left}");
    }
    edit(&door, "policy/rules/no-pads/rule.yaml", "field: name", "field: nmae");
    door.run("policy docs policy").expect(1, &["refused[rule-path]", "nothing was written"]);
}

#[test]
fn the_last_line_of_a_refusal_shows_it_again_by_the_same_release_and_no_other() {
    let door = Door::new();
    let said =
        door.promote("--bundle app.provenance.sigstore.json --reviews reviews --least-checkpoint outside/checkpoint");
    said.expect(
        3,
        &[
            "indeterminate[sbom-missing]: no SBOM that trust accepts is about this artifact     sbom-present@1: BLOCKS production",
            "   why:      What is in an artifact has to be known before somebody asks whether it is affected.\n",
            "   rule:     sbom-present@1, owner release-engineering\n",
            "   explain:  countersign explain sbom-present@1\n",
            " blocking, ",
            ", by https://example.com/policy/release@1 sha256:",
        ],
    );
    let again = said.text.lines().find_map(|line| line.strip_prefix("see it again: countersign ")).unwrap();
    assert!(!again.contains("--key") && !again.contains("--log-key"), "{again}");
    let entries = door.entries();
    let seen = door.run(again);
    seen.expect(said.code, &["sbom-present@1: BLOCKS production", "dry run: nothing was recorded"]);
    assert_eq!(door.entries(), entries);
    let (before, _) = again.split_once("--policy-digest ").unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    door.run(&format!("{before}--policy-digest {other}")).expect(
        1,
        &[
            "[pin-mismatch]: another release is active than the one that is insisted on",
            &other,
            "nothing was authorised",
        ],
    );
    door.run("explain sbom-present@1").expect(0, &["what to do: Make the SBOM"]);
    door.run("explain sbom-present@1 --policy policy")
        .expect(0, &["what to do: Make the SBOM", "production   enforce"]);
    door.run("explain none@1 --policy policy").expect(2, &["policy has no rule `none@1`: there is builder-level@1"]);
}
