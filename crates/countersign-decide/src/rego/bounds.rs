//! Whatever a rule does comes to an end: rules that are made to run long or to grow large.

use super::adapter::Regorus;
use super::{Document, Fault, Given, Rego as _, Text};
use proptest::prelude::*;
use serde_json::{Value, json};

fn run(text: &str) -> Result<Option<Value>, Fault> {
    let text = Text { file: "r.rego".to_owned(), text: format!("package rules.r\n{text}") };
    let input = json!({"list": (0..40).map(|n| json!({"n": n, "name": format!("name-{n}")})).collect::<Vec<_>>()});
    let (input, data) = (Document::new(&input)?, Document::new(&json!({"params": {"most": 3}}))?);
    let given = Given { input: &input, data: &data, at: "2026-11-22T10:00:00Z".parse().unwrap() };
    let program = Regorus.compile(&[text], "data.rules.r.deny", &["list".to_owned()].into())?;
    program.evaluate(&given)
}

/// Lines that make each value of the one before, and the last one's name.
fn steps(name: &str, first: &str, many: usize, step: impl Fn(&str) -> String) -> String {
    let mut text = format!("{name}0 := {first}\n");
    for (before, at) in (0..many).zip(1..) {
        text.push_str(&format!("{name}{at} := {}\n", step(&format!("{name}{before}"))));
    }
    text
}

/// Functions of which each calls the one before twice.
fn twice(first: &str, many: usize) -> String {
    let mut text = format!("f0(x) := {first}\n");
    for (before, at) in (0..many).zip(1..) {
        text.push_str(&format!("f{at}(x) := f{before}(f{before}(x))\n"));
    }
    text
}

fn ends(text: &str, what: &str) {
    let said = run(text);
    assert!(said.as_ref().is_err_and(|fault| fault.what.contains(what)), "{what}: {said:?}\n{text}");
}

#[test]
fn what_doubles_is_charged_for_all_that_is_in_it() {
    let object = |last: &str| format!("{{\"a\": {last}, \"b\": {last}}}");
    let keyed = |last: &str| format!("{{{last}: 1, \"b\": {last}}}");
    let long = |last: &str| format!("[{}]", [last; 9].join(", "));
    let set = |last: &str| format!("{{{last}, [{last}]}}");
    let made = |last: &str| format!("[y | some y in [{last}, {last}]]");
    let named = |last: &str| format!("{{k: {last} | some k in [\"a\", \"b\"]}}");
    let steps: [&dyn Fn(&str) -> String; 6] = [&object, &keyed, &long, &set, &made, &named];
    for step in steps {
        let text = super::bounds::steps("x", "[1]", 24, step);
        ends(&format!("deny contains 1 if {{\n{text}count({{x24}}) == 3\n}}"), "used up");
    }
    // Each body of a rule makes a part of it, from what another rule made.
    let mut rules = "s0 contains 1\n".to_owned();
    for (before, at) in (0..39).zip(1..) {
        rules.push_str(&format!("s{at} contains {{\"a\": s{before}, \"b\": [s{before}, s{before}]}}\n"));
    }
    ends(&format!("{rules}deny contains s39"), "used up");
}

#[test]
fn what_nests_step_by_step_ends_at_a_depth() {
    for first in [
        "[x]",
        "{x}",
        "{\"a\": x}",
        "{x: 1}",
        "[y | some y in [x]]",
        "{y | some y in [x]}",
        "{\"a\": y | some y in [x]}",
    ] {
        ends(&format!("{}deny contains 1 if count(f20(1)) > 0", twice(first, 20)), "nests deeper than");
    }
    let deep = run(&format!("{}deny contains f6(1)", twice("[x]", 6)));
    assert!(deep.is_ok(), "64 levels are no more than a document has: {deep:?}");
}

#[test]
fn what_is_compared_again_and_again_is_charged_each_time() {
    let large = "large := [[i, j] | some i in numbers.range(1, 100); some j in numbers.range(1, 100)]\n";
    for body in [
        "some i in numbers.range(1, 100000); [large, i] == [large, -1]",
        "some i in numbers.range(1, 100000); [large, 1] = [large, i]; i < 0",
        "some i in numbers.range(1, 100000); x := {large: i}; x[large] < 0",
        "x := {large: 1}; some i in numbers.range(1, 100000); x[large] == i; i < 0",
        "x := {\"a\": {large: 1}}; some i in numbers.range(1, 100000); x.a[large] == i; i < 0",
        "some i in numbers.range(1, 100000); x := {large, {i}}; count(x) < 0",
        "count({large | some i in numbers.range(1, 100000)}) == 0",
        "count({large: i | some i in numbers.range(1, 100000)}) == 0",
        "x := {[large, 1], [large, 2]}; some i in numbers.range(1, 100000); some y in x; y == i",
        "some i in numbers.range(1, 100000); object.get({large: 1}, large, 0) == i; i < 0",
        "some i in numbers.range(1, 100000); {[large, i]} & {[large, 0]} == {1}",
        "some i in numbers.range(1, 100000); large in {large, i}; i < 0",
        "some i in numbers.range(1, 100000); same(large) == i",
    ] {
        ends(
            &format!("{large}same(x) := y if y := x\nsame(x) := y if y := x\ndeny contains 1 if {{ {body} }}"),
            "used up",
        );
    }
}

#[test]
fn a_call_of_what_has_many_definitions_is_charged_for_them() {
    let definitions = "f(x) := 1 if true\n".repeat(240);
    ends(
        &format!(
            "{definitions}deny contains 1 if {{ some i in numbers.range(1, 2000); some j in numbers.range(1, 2000); f(i) == j; i < 0 }}"
        ),
        "used up",
    );
}

#[test]
fn functions_that_hold_each_part_of_one_against_another_are_charged_for_both() {
    let text = "text := concat(\"\", [\"a\" | some i in numbers.range(1, 100000)])\n\
                texts := [sprintf(\"a%d\", [i]) | some i in numbers.range(1, 20000)]\n";
    for body in [
        "indexof(text, concat(\"\", [text, \"b\"])) == 1",
        "count(indexof_n(text, concat(\"\", [substring(text, 0, 50000), \"b\"]))) == 1",
        "strings.count(text, substring(text, 0, 50000)) == 1",
        "trim(text, concat(\"\", [replace(text, \"a\", \"b\"), \"a\"])) == \"x\"",
        "strings.any_prefix_match(texts, texts) == false",
        "object.subset(texts, array.concat(array.slice(texts, 1, 10000), [1]))",
        "some i in numbers.range(1, 1000); count(split(text, \"\")) < i",
        "some i in numbers.range(1, 1000); count(array.concat(texts, texts)) < i",
    ] {
        ends(&format!("{text}deny contains 1 if {{ {body} }}"), "used up");
    }
}

#[test]
fn a_number_has_no_more_bits_than_numbers_may_have() {
    let doubled = twice("x + x", 14);
    ends(&format!("{doubled}deny contains 1 if f14(1) < 0"), "4096 bits");
    ends(&format!("{}deny contains 1 if f14(1) < 0", twice("bits.lsh(x, 64)", 14)), "4096 bits");
    ends("deny contains product(numbers.range(1, 10000))", "4096 bits");
    ends(
        "nines := concat(\"\", [\"9\" | some i in numbers.range(1, 100000)])\ndeny contains to_number(nines)",
        "4096 bits",
    );
    assert_eq!(run("deny contains product(numbers.range(1, 20))"), Ok(Some(json!([2_432_902_008_176_640_000_i64]))));
}

#[test]
fn a_large_set_is_made_in_one_go_and_not_copied_at_each_element() {
    let text = "deny contains count(a) + count(b) + count(c)\na contains i if some i in numbers.range(1, 100000)\n\
                b := {i | some i in numbers.range(1, 100000)}\nc[i] := [i] if some i in numbers.range(1, 100000)";
    assert_eq!(run(text), Ok(Some(json!([300_000]))));
}

#[test]
fn weighing_changes_nothing_of_what_a_rule_says() {
    for (text, gives) in [
        ("deny contains x.n if { some x in input.list; x.n > 37 }", json!([38, 39])),
        ("deny contains [i, y] if { some i, y in [[1, 2], [3, 4]]; [1, _] = y }", json!([[0, [1, 2]]])),
        ("deny contains y if { [1, y] = [1, 5] }", json!([5])),
        ("deny contains y if { {\"a\": y, \"b\": 2} = {\"a\": 7, \"b\": 2} }", json!([7])),
        ("deny contains 1 if { every x in input.list { x.n >= 0 } }", json!([1])),
        ("deny contains 1 if { every x in input.list { x.n > 0 } }", json!([])),
        ("deny contains count({y | some x in input.list; y := x.n % 3})", json!([3])),
        (
            "deny contains {k: count(v) | some k, v in by}\nby[k] := {x.n | some x in input.list; x.n % 2 == k} if some k in [0, 1]",
            json!([{"0": 20, "1": 20}]),
        ),
        (
            "deny contains name(x.n) if some x in input.list\nname(n) := \"none\" if n == 0\nelse := \"one\" if n == 1\nelse := \"many\"",
            json!(["many", "none", "one"]),
        ),
        ("deny contains 1 if not missing\nmissing if input.list[_].n == 50", json!([1])),
        ("deny contains [x | some x in [1, 2, 3]; not x in {2}]", json!([[1, 3]])),
        ("deny contains [[y | some y in x] | some x in [[1], [], [2, 3]]]", json!([[[1], [], [2, 3]]])),
        ("f([a, b]) := a + b\ndeny contains f([1, 2])", json!([3])),
        ("deny contains data.params.most", json!([3])),
        ("default level := 4\nlevel := 5 if input.list[0].n == 41\ndeny contains level", json!([4])),
    ] {
        assert_eq!(run(text), Ok(Some(gives)), "{text}");
    }
}

/// An expression over the variables before it.
fn expression(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("x0".to_owned()),
        Just("y".to_owned()),
        Just("input.list".to_owned()),
        Just("numbers.range(1, 300)".to_owned()),
        Just("\"text\"".to_owned()),
        Just("7".to_owned()),
    ];
    leaf.prop_recursive(depth, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(a, b)| format!("[{a}, {b}, {a}]")),
            two.clone().prop_map(|(a, b)| format!("{{{a}, {b}}}")),
            two.clone().prop_map(|(a, b)| format!("{{\"a\": {a}, \"b\": {b}, \"c\": {a}}}")),
            two.clone().prop_map(|(a, b)| format!("{{[{a}]: {b}, \"k\": {a}}}")),
            two.clone().prop_map(|(a, b)| format!("[[v, {b}] | some v in [{a}, {a}]]")),
            two.clone().prop_map(|(a, b)| format!("{{v | some v in [{a}, {b}]}}")),
            two.clone().prop_map(|(a, b)| format!("{{k: {b} | some k, _ in [{a}, 1]}}")),
            two.clone().prop_map(|(a, b)| format!("object.union({{\"l\": {a}}}, {{\"m\": {b}}})")),
            two.prop_map(|(a, b)| format!("array.concat([{a}], [{b}])")),
            inner.clone().prop_map(|a| format!("f({a})")),
            inner.prop_map(|a| format!("sprintf(\"%v%v\", [{a}, {a}])")),
        ]
    })
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn a_rule_that_is_made_to_grow_ends_within_its_bounds(
        inner in expression(3),
        step in expression(3),
        many in 1_usize..40,
        compared in prop_oneof![Just("x0 == y"), Just("{x0} == {y}"), Just("x0 in [y]"), Just("[x0, 1] = [y, z]")],
    ) {
        let function = inner.replace("f(", "(").replace('y', "x").replace("x0", "x");
        let lines = steps("x", "input.list", many, |last| step.replace("x0", last).replace('y', last));
        let last = format!("x{many}");
        let compared = compared.replace("x0", &last);
        let text = format!(
            "f(x) := {function}\ndeny contains {{\"v\": {last}}} if {{\n{lines}some z in [1, 2]\nsome y in [x0, {last}]\n{compared}\n}}"
        );
        // That it ends is what the runner's own limit holds.
        let said = run(&text);
        if let Err(fault) = &said {
            prop_assert!(!fault.what.contains("fault of its own"), "{}\n{}", text, fault.what);
        }
    }
}
