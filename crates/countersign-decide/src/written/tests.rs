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

const DECLARED: &str = "form: 1\n\
                        title: t\n\
                        id: r@1\n\
                        severity: high\n\
                        controls: []\n\
                        message: \"{nmae} is bad\"\n\
                        why: w\n\
                        fix: f\n\
                        owner: o\n\
                        parameters: {names: list}\n\
                        for_each: sbom.componets\n\
                        where:\n\
                        \x20 - field: \"licenses.id\"\n\
                        \x20   matches: \"left-pad\"   # a remark\n\
                        \x20 - { field: name, in_parameter: nmaes }\n\
                        \x20 - field: version\n\
                        \x20   starts_with: 'x'\n";

/// What is wrong with a `rule.yaml`, each with its place and what stands there.
fn declared(text: &str, parameters: Value) -> Vec<String> {
    let rule = Rule { parameters: serde_json::from_value(parameters).unwrap(), ..rule() };
    let texts = BTreeMap::from([("rules/r/rule.yaml".to_owned(), text.to_owned())]);
    let marked = |problem: &Problem| {
        let place = problem.place.unwrap_or(crate::rego::Place { line: 0, column: 0, length: 0 });
        let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        let there: String = line.chars().skip(place.column.saturating_sub(1)).take(place.length).collect();
        format!("{}:{} `{there}` {}", place.line, place.column, problem.what)
    };
    problems(&rule, &texts).iter().map(marked).collect()
}

#[test]
fn what_is_wrong_with_a_declared_rule_is_said_of_its_own_lines() {
    let list = DECLARED.replace("componets", "components");
    let names = json!({"names": ["a"]});
    assert_eq!(declared(DECLARED, names.clone())[0], "11:16 `componets` there is no `componets` here");
    let said = declared(&list, names.clone());
    for one in [
        "6:12 `nmae` there is no `nmae` here",
        "13:22 `id` there is no `id` here",
        "14:15 `left-pad` the expression is not anchored: it also matches inside of longer text",
        "15:34 `nmaes` the heading names no parameter `nmaes`",
    ] {
        assert!(said.contains(&one.to_owned()), "{one}: {said:#?}");
    }
    assert_eq!(said.len(), 4, "{said:#?}");
    let broken = list.replace("\"left-pad\"   #", "'^([' #");
    let found = "14:14 `'^(['` the expression does not compile: unclosed character class, at its character 3, `[`";
    assert!(declared(&broken, names).contains(&found.to_owned()));
}

#[test]
fn a_wrong_heading_or_condition_hides_nothing_of_the_rest() {
    let wrong = DECLARED
        .replace("componets", "components")
        .replace("severity: high", "severity: hihg")
        .replace("owner: o\n", "")
        .replace("names: list", "names: lst")
        .replace(
            "starts_with: 'x'",
            "stars_with: 'x'\n  - field: version\n    more_than: \"1\"\n  - field: [x]\n    is: 1",
        );
    let said = declared(&wrong, json!({"names": ["a"], "other": 1}));
    for one in [
        "a severity is low, medium, high or critical",
        "`owner` is missing",
        "the kind of a parameter is text, number, truth or list",
        "16:5 `stars_with` `stars_with` is no condition",
        "18:16 `\"1\"` `more_than` takes a whole number",
        "a condition names its `field`",
        "there is no `nmae` here",
        "there is no `id` here",
        "not anchored",
        "the heading names no parameter `nmaes`",
        "the rule takes no parameter `other`",
    ] {
        assert!(said.iter().any(|said| said.contains(one)), "{one}: {said:#?}");
    }
    assert_eq!(said.len(), 11, "{said:#?}");
    assert!(!said.iter().any(|said| said.contains("parameter `names`")), "{said:#?}");

    let body = "deny contains 1 if { input.sbom.componets[_]; regex.match(\"x\", data.params.names); http.send({}) }";
    for (from, to) in [
        ("severity: high", "severity: hihg"),
        ("#   owner: o\n", ""),
        ("id: r@1", "id: r"),
        ("# METADATA", "# METADAT"),
    ] {
        let mut texts = texts(body);
        texts.entry("rules/r/rule.rego".to_owned()).and_modify(|text| *text = text.replace(from, to));
        let said: Vec<String> = problems(&rule(), &texts).iter().map(Problem::line).collect();
        for one in ["`componets`", "not anchored", "may not call http.send"] {
            assert!(said.iter().any(|said| said.contains(one)), "{to}: {one}: {said:#?}");
        }
        assert!(!said.iter().any(|said| said.contains("calls itself")), "{to}: {said:#?}");
    }
    let elsewhere = texts("deny contains 1 if { input.sbom.componets[_] }");
    let moved = |(path, text): (String, String)| (path, text.replace("package rules.r\n", "package rules.s\n"));
    let said = problems(&rule(), &elsewhere.into_iter().map(moved).collect());
    let said: Vec<&str> = said.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(said, ["package rules.s is not evaluated", "there is no `componets` here"]);
}

#[test]
fn a_gate_takes_what_it_took_and_the_author_is_told_of_expressions_that_do_not_compile() {
    let body = "deny contains 1 if { input.environment == \"x\"; regex.match(\"^([$\", input.environment) }";
    assert!(read(&rule(), &texts(body)).is_ok());
    let said: Vec<String> = problems(&rule(), &texts(body)).iter().map(Problem::line).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("does not compile: unclosed character class"), "{said:?}");
    let text = texts("deny contains 1 if regex.match(data.params.form, input.environment)");
    let given = |form: &str| Rule { parameters: BTreeMap::from([("form".to_owned(), json!(form))]), ..rule() };
    let mut named = text;
    named.entry("rules/r/rule.rego".to_owned()).and_modify(|text| {
        *text = text.replace("#   owner: o\n", "#   owner: o\n#   parameters: {form: text}\n");
    });
    assert_eq!(problems(&given("^a$"), &named), []);
    let said = problems(&given("^(a$"), &named);
    assert!(said[0].what.starts_with("parameter `form` of policy.toml: the expression does not compile"), "{said:?}");
}

#[test]
fn a_condition_that_does_not_go_with_its_field_is_told_to_the_author_alone() {
    let text = DECLARED.replace("{nmae}", "{name}").replace("componets", "components");
    let (head, _) = text.split_once("  - field").unwrap();
    let of = |conditions: &str| declared(&format!("{head}{conditions}"), json!({"names": ["a"]}));
    let fits = "  - field: licenses\n    has: MIT\n  - {field: version, is_not: null}\n  - {field: workspace_member, is: false}\n  \
                - {field: scope, one_of: [required, null]}\n  - {field: name, not_in_parameter: names}\n";
    assert_eq!(of(fits), [""; 0]);
    for (condition, said) in [
        ("{field: licenses, is: MIT}", "`MIT` `is` does not go with `licenses`, which is a list"),
        ("{field: licenses, matches: \"^MIT$\"}", "`matches` `matches` does not go with `licenses`, which is a list"),
        ("{field: version, is: 1}", "`1` `is` does not go with `version`, which is text"),
        ("{field: version, more_than: 1}", "`more_than` `more_than` does not go with `version`, which is text"),
        (
            "{field: workspace_member, is: \"true\"}",
            "`\"true\"` `is` does not go with `workspace_member`, which is true or false",
        ),
        ("{field: at, is_not: null}", "`null` `is_not` does not go with `at`, which is an object"),
    ] {
        let found = of(&format!("  - {condition}\n"));
        assert!(found.len() == 1 && found[0].ends_with(said), "{condition}: {found:?}");
    }
}

#[test]
fn a_condition_on_what_is_not_known_does_as_the_page_on_rules_says() {
    let text = DECLARED.replace("{nmae}", "{name}").replace("componets", "components");
    let (head, _) = text.split_once("  - field").unwrap();
    let rule = Rule { parameters: BTreeMap::from([("names".to_owned(), json!(["a"]))]), ..rule() };
    let input = json!({"sbom": {"components": [{"name": "x", "version": null, "at": {}}]}, "time": "t"});
    let input = shape::complete(&input).unwrap();
    for (says, denied) in [
        ("is: a", Some(false)),
        ("one_of: [a]", Some(false)),
        ("in_parameter: names", Some(false)),
        ("more_than: 1", None),
        ("is_not: a", Some(true)),
        ("not_one_of: [a]", Some(true)),
        ("not_in_parameter: names", Some(true)),
        ("less_than: 1", None),
        ("is: null", Some(true)),
        ("is_not: null", Some(false)),
        ("starts_with: a", None),
        ("not_starts_with: a", None),
        ("not_ends_with: a", None),
        ("matches: \"^a$\"", None),
        ("not_matches: \"^a$\"", None),
    ] {
        let texts =
            BTreeMap::from([("rules/r/rule.yaml".to_owned(), format!("{head}  - {{field: version, {says}}}\n"))]);
        let read = read(&rule, &texts).unwrap_or_else(|wrong| panic!("{says}: {wrong:?}"));
        let said = read.denials(&Input::new(input.clone()), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(said.map(|denials| !denials.is_empty()).ok(), denied, "{says}");
    }
}
