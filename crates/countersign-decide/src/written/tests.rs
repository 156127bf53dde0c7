//! What is seen of a rule before it is evaluated.

use super::*;
use serde_json::json;

const HEADING: &str = "# METADATA\n# title: t\n# custom:\n#   id: r@1\n#   severity: high\n#   controls: []\n\
                       #   message: \"m\"\n#   why: \"w\"\n#   fix: \"f\"\n#   owner: o\n";

fn rule() -> Rule {
    Rule {
        id: countersign_core::ids::RuleId::new("r@1").unwrap(),
        folder: Some("rules/r".to_owned()),
        stages: BTreeMap::new(),
        dates: countersign_core::policy::RuleDates::default(),
        authors: BTreeSet::new(),
        parameters: BTreeMap::new(),
        controls: Vec::new(),
        owner: None,
    }
}

fn texts(body: &str) -> BTreeMap<String, String> {
    let library = "package lib.u\n\nbanned := {\"left-pad\": true}\n";
    BTreeMap::from([
        ("rules/r/rule.rego".to_owned(), format!("{HEADING}package rules.r\n\n{body}\n")),
        ("lib/u.rego".to_owned(), library.to_owned()),
    ])
}

fn lines(body: &str) -> Vec<String> {
    read(&rule(), &texts(body)).map_or_else(|wrong| wrong.iter().map(Problem::line).collect(), |_| Vec::new())
}

#[test]
fn what_an_index_under_data_reads_needs_evidence() {
    for body in [
        "deny contains 1 if { some i; data.lib.u.banned[input.sbom.components[i].name] }",
        "own := {\"left-pad\": true}\ndeny contains 1 if { some i; data.rules.r.own[input.sbom.components[i].name] }",
    ] {
        let read = read(&rule(), &texts(body)).unwrap_or_else(|wrong| panic!("{body}: {wrong:?}"));
        assert!(read.reads().contains("sbom"), "{body}");
        let input = json!({"subject": {}, "environment": "e", "time": "t"});
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(read.denials(&Input::new(input), at), Err(Silent::Missing("sbom".to_owned())), "{body}");
    }
    let reckoned = lines("deny contains 1 if data.lib.u[input.sbom.components[0].name]");
    assert!(reckoned[0].contains("read by a name that is reckoned"), "{reckoned:?}");
    assert!(lines("deny contains 1 if data.lib.u.banned[input.sbom.componentz.x]")[0].contains("no `componentz`"));
}

#[test]
fn nothing_else_is_called_input_or_data() {
    for body in [
        "deny contains 1 if { some input; input.sbom.components[0].name == \"x\" }",
        "deny contains 1 if { some input in [1]; input == 1 }",
        "deny contains 1 if { some i, data in [1]; data == i }",
        "f(input) := input.nope\ndeny contains 1 if f({\"nope\": 1})",
        "f([data, _]) := data.nope\ndeny contains 1 if f([{\"nope\": 1}, 2])",
        "deny contains 1 if { input := {\"nope\": 1}; input.nope }",
        "deny contains 1 if { [input, x] := [{\"nope\": 1}, 2]; input.nope == x }",
        "deny contains 1 if every input in [1] { input == 1 }",
        "deny contains 1 if every input, x in [1] { input == x }",
        "import data.lib.u as input\ndeny contains 1 if input.banned.x",
        "deny contains 1 if { x := [input | some input in [1]]; x == [1] }",
    ] {
        assert!(!lines(body).is_empty(), "{body}");
    }
}

#[test]
fn a_rule_is_given_those_parts_of_the_input_only_that_it_was_seen_to_read() {
    let text = texts("deny contains {\"n\": n} if { n := input.sbom.components[_].name }");
    let text = Text { file: "rules/r/rule.rego".to_owned(), text: text["rules/r/rule.rego"].clone() };
    let compile = |reads: &[&str]| {
        let reads = reads.iter().map(|part| (*part).to_owned()).collect();
        Regorus.compile(std::slice::from_ref(&text), "data.rules.r.deny", &reads).map(|_| ())
    };
    assert_eq!(compile(&["sbom"]), Ok(()));
    let said = compile(&["source"]).unwrap_err();
    assert!(said.what.contains("`input.sbom` is read"), "{said:?}");
}

#[test]
fn a_text_that_speaks_of_what_the_rule_does_not_return_is_told_to_its_author() {
    let said = |message: &str, body: &str| {
        let mut texts = texts(body);
        texts.entry("rules/r/rule.rego".to_owned()).and_modify(|text| {
            *text = text.replace("message: \"m\"", &format!("message: \"{message}\""));
        });
        unreturned(&rule(), &texts).iter().map(Problem::line).collect::<Vec<_>>()
    };
    let body = "deny contains {\"at\": c.at, \"name\": c.name} if { some c in input.sbom.components }";
    assert_eq!(said("{name} is bad", body), Vec::<String>::new());
    let wrong = "rules/r/rule.rego:7:17: the rule does not return `nmae`, which its text speaks of";
    assert_eq!(said("a {nmae} is bad", body), [wrong]);
    // One element of several lacks it; and of what is made elsewhere nothing is known.
    let two = format!("{body}\ndeny contains {{\"nmae\": 1}} if {{ input.time == \"\" }}");
    assert_eq!(said("a {nmae} is bad", &two), [wrong]);
    assert_eq!(said("{nmae}", "x := {\"nmae\": 1}\ndeny contains x if { input.time == \"\" }"), Vec::<String>::new());
}
