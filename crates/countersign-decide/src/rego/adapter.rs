//! The one place that knows `regorus`.

use super::patterns::Patterns;
use super::syntax::{Module, Place};
use super::{Fault, Given, Program, Rego, Tested, Text, calls, meter, nesting, reads, translate, weighed, weight};
use countersign_core::limits;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::rvm::vm::ExecutionMode;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Rc, Value};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Regorus;

/// A program of the engine's virtual machine.
struct Compiled {
    program: Arc<regorus::rvm::Program>,
    rule: String,
    patterns: RefCell<Patterns>,
}

impl Rego for Regorus {
    fn read(&self, text: &Text) -> Result<Module, Fault> {
        bounded(text)?;
        contained(|| {
            let mut engine = Engine::new();
            engine.add_policy(text.file.clone(), text.text.clone()).map_err(|error| fault(&error.to_string()))?;
            let module = engine.get_modules().first().ok_or_else(|| fault("the file holds no module"))?;
            Ok(translate::module(module))
        })
    }

    fn compile(&self, texts: &[Text], rule: &str, reads: &BTreeSet<String>) -> Result<Box<dyn Program>, Fault> {
        contained(|| {
            let mut engine = engine(texts)?;
            let compiled =
                engine.compile_with_entrypoint(&Rc::from(rule)).map_err(|error| fault(&error.to_string()))?;
            let program =
                Compiler::compile_from_policy(&compiled, &[rule]).map_err(|error| fault(&error.to_string()))?;
            let mut program = Arc::unwrap_or_clone(program);
            reads::only(&program, reads).map_err(|what| fault(&what))?;
            meter::guard(&mut program).map_err(|what| fault(&what))?;
            weighed::insert(&mut program).map_err(|what| fault(&what))?;
            lighten(&mut program);
            let (program, rule) = (Arc::new(program), rule.to_owned());
            let program: Box<dyn Program> = Box::new(Compiled { program, rule, patterns: RefCell::default() });
            Ok(program)
        })
    }

    fn test(&self, texts: &[Text], package: &str, names: &[String], given: &Given<'_>) -> Result<Vec<Tested>, Fault> {
        contained(|| {
            let mut engine = engine(texts)?;
            let modules = texts.iter().map(|text| self.read(text)).collect::<Result<Vec<_>, _>>()?;
            calls::finite(&modules).map_err(|endless| {
                let file = texts.get(endless.module).map(|text| text.file.clone()).unwrap_or_default();
                Fault { place: Some((file, endless.at)), what: endless.what }
            })?;
            let now = nanoseconds(given);
            meter::guard_tests(&mut engine, now).map_err(|error| fault(&error))?;
            // A clock: a test decides nothing, and what the interpreter does is not counted.
            engine.set_execution_timer_config(ExecutionTimerConfig {
                limit: Duration::from_secs(limits::REGO_TEST_SECONDS),
                check_interval: NonZeroU32::MIN.saturating_add(999),
            });
            engine.add_data(given.data.value()).map_err(|error| fault(&error.to_string()))?;
            engine.set_input(given.input.value());
            let patterns = RefCell::default();
            let one = |name: &String| {
                let (said, failed) =
                    meter::metered(now, &patterns, || engine.eval_rule(format!("data.{package}.{name}")));
                let holds = match (said, failed) {
                    (_, Some(what)) => Err(fault(&what).what),
                    (Ok(value), None) => Ok(value == Value::Bool(true)),
                    (Err(error), None) => Err(fault(&error.to_string()).what),
                };
                Tested { name: name.clone(), holds }
            };
            Ok(names.iter().map(one).collect())
        })
    }
}

impl Program for Compiled {
    fn evaluate(&self, given: &Given<'_>) -> Result<Option<Json>, Fault> {
        contained(|| {
            let mut vm = RegoVM::new();
            // Without the native stack: a chain of rules is as deep as it is, and ends in a count.
            vm.set_execution_mode(ExecutionMode::Suspendable);
            vm.set_max_instructions(limits::REGO_INSTRUCTIONS);
            vm.set_strict_builtin_errors(true);
            vm.load_program(Arc::clone(&self.program));
            vm.set_data(given.data.value()).map_err(|error| fault(&error.to_string()))?;
            vm.set_input(given.input.value());
            let run = || vm.execute_entry_point_by_name(&self.rule);
            let (result, failed) = meter::metered(nanoseconds(given), &self.patterns, run);
            if let Some(what) = failed {
                return Err(located(&self.program, vm.get_pc(), fault(&what)));
            }
            match result {
                Ok(Value::Undefined) => Ok(None),
                // Inside the engine parts are shared, so that little memory holds what is without end when written out.
                Ok(value) if !weight::fits(&value, limits::REGO_ANSWER) => {
                    Err(fault(&format!("what the rule gives is more than {} bytes and parts", limits::REGO_ANSWER)))
                }
                Ok(value) => serde_json::to_value(&value).map(Some).map_err(|error| fault(&error.to_string())),
                Err(error) => Err(located(&self.program, vm.get_pc(), fault(&error.to_string()))),
            }
        })
    }
}

/// Takes out what the engine copies whenever it enters a rule, and never looks at: names of rules and of parameters, and
/// marks of bodies that stand after `else` where there are none.
fn lighten(program: &mut regorus::rvm::Program) {
    for rule in &mut program.rule_infos {
        rule.name = String::new();
        if let Some(function) = &mut rule.function_info {
            function.param_names = Vec::new();
        }
        if !rule.else_bodies.iter().flatten().any(|marked| *marked) {
            rule.else_bodies = Vec::new();
        }
    }
}

fn engine(texts: &[Text]) -> Result<Engine, Fault> {
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    for text in texts {
        bounded(text)?;
        engine.add_policy(text.file.clone(), text.text.clone()).map_err(|error| fault(&error.to_string()))?;
    }
    Ok(engine)
}

/// Bounds before parsing.
pub(super) fn bounded(text: &Text) -> Result<(), Fault> {
    let at = |line: usize, what: String| {
        Err(Fault { place: Some((text.file.clone(), Place { line, column: 1, length: 1 })), what })
    };
    if text.text.len() > limits::REGO_FILE_BYTES {
        return at(
            1,
            format!("{} bytes, more than the {} of one file in Rego", text.text.len(), limits::REGO_FILE_BYTES),
        );
    }
    if let Some(place) = nesting::too_deep(&text.text) {
        let what =
            format!("this nests deeper than rules do: at most {} levels, and few of those", limits::REGO_NESTING);
        return Err(Fault { place: Some((text.file.clone(), place)), what });
    }
    match text.text.lines().position(|line| line.len() >= limits::REGO_LINE_BYTES) {
        None => Ok(()),
        Some(line) => {
            at(line.saturating_add(1), format!("a line of {} bytes or more: break it", limits::REGO_LINE_BYTES))
        }
    }
}

/// A fault of the engine itself is a fault of the rule, which blocks; it does not end the program.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(fault("the engine gave up on this (a fault of its own)")))
}

fn nanoseconds(given: &Given<'_>) -> i64 {
    given.at.unix().saturating_mul(1_000_000_000)
}

/// The engine's messages are texts: `--> file:line:column`, the line, a caret, and `error: what`.
pub(super) fn fault(message: &str) -> Fault {
    let place = message.lines().find_map(|line| line.trim_start().strip_prefix("--> ")).and_then(|place| {
        let mut parts = place.rsplitn(3, ':');
        let column = parts.next()?.trim().parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        // A function of the engine does not know where it was called.
        let file = parts.next().filter(|file| *file != "<builtin>")?;
        Some((file.to_owned(), Place { line, column, length: 1 }))
    });
    let what = message.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or_else(|| {
        message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("the engine does not say what is wrong")
    });
    let what = what.split(" (pc=").next().unwrap_or(what).trim();
    Fault { place, what: what.chars().take(400).collect() }
}

/// With the place in the source of the instruction that failed, where the message has none.
fn located(program: &regorus::rvm::Program, pc: usize, fault: Fault) -> Fault {
    if fault.place.is_some() {
        return fault;
    }
    let place = program.get_instruction_span(pc).and_then(|span| {
        let file = program.get_source_name(span.source_index)?.to_owned();
        Some((file, Place { line: span.line, column: span.column, length: span.length.clamp(1, 200) }))
    });
    Fault { place, ..fault }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;
    use serde_json::json;

    fn program(text: &str) -> Result<Box<dyn Program>, Fault> {
        let text = Text { file: "r.rego".to_owned(), text: format!("package rules.r\n{text}") };
        Regorus.read(&text)?;
        Regorus.compile(&[text], "data.rules.r.deny", &["list", "none"].map(str::to_owned).into())
    }

    fn run_with(text: &str, input: &Json) -> Result<Option<Json>, Fault> {
        let (input, data) = (Document::new(input)?, Document::new(&json!({"params": {"most": 3}}))?);
        let given = Given { input: &input, data: &data, at: "2026-11-22T10:00:00Z".parse().unwrap() };
        program(text)?.evaluate(&given)
    }

    fn run(text: &str) -> Result<Option<Json>, Fault> {
        run_with(text, &json!({"list": [1, 2, 3], "none": null}))
    }

    #[test]
    fn a_set_comes_out_as_a_list_and_an_empty_one_as_an_empty_one() {
        assert_eq!(run("deny contains x if { some x in input.list; x < data.params.most }"), Ok(Some(json!([1, 2]))));
        assert_eq!(run("deny contains x if { some x in input.list; x > 5 }"), Ok(Some(json!([]))));
    }

    #[test]
    fn an_error_in_a_function_is_an_error_with_its_place() {
        for text in [
            "deny contains 1 if startswith(input.none, \"x\")",
            "deny contains 1 if input.none < 3",
            "deny contains 1 if time.parse_rfc3339_ns(\"soon\") > 0",
            "deny contains sprintf(\"%d %d\", [1])",
            "deny contains 1 if 1 / 0 > 1",
            "deny contains 1 if time.date([0, \"Local\"])[0] > 1",
            "deny contains 1 if regex.match(\"(\", \"a\")",
        ] {
            let said = run(text);
            let fault = said.clone().expect_err(text);
            assert!(
                fault.place.as_ref().is_some_and(|(file, place)| file == "r.rego" && place.line == 2),
                "{text}: {fault:?}"
            );
        }
    }

    #[test]
    fn the_clock_is_the_decision_s_time_and_the_same_at_every_call() {
        assert_eq!(run("deny contains time.now_ns()"), Ok(Some(json!([1_795_341_600_000_000_000_i64]))));
    }

    #[test]
    fn whatever_a_rule_does_comes_to_an_end() {
        let doubled: Vec<String> = (1..60).map(|i| format!("s{i} := concat(\"\", [s{}, s{}])", i - 1, i - 1)).collect();
        let squared: Vec<String> = (1..60).map(|i| format!("n{i} := n{} * n{}", i - 1, i - 1)).collect();
        let chain: Vec<String> = (0..240).map(|i| format!("a{i} if a{}\n", i + 1)).collect();
        let chain = chain.concat();
        for (text, what) in [
            ("deny contains 1 if { some i in numbers.range(1, 1000); some j in numbers.range(1, 1000); some k in numbers.range(1, 1000); i + j + k == -1 }".to_owned(), "instruction"),
            ("deny contains 1 if count([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i != j]) == 0".to_owned(), "instruction"),
            ("deny contains 1 if count(numbers.range(1, 9000000000000000000)) == 0".to_owned(), "used up"),
            ("deny contains 1 if count(numbers.range(1, 123456789012345678901234567890)) == 0".to_owned(), "64 bits"),
            (format!("deny contains 1 if {{\ns0 := \"0123456789\"\n{}\ns59 == \"\"\n}}", doubled.join("\n")), "more than"),
            (format!("deny contains 1 if {{\nn0 := 12345678901\n{}\nn59 == 1\n}}", squared.join("\n")), "64 bits"),
            ("deny contains sprintf(\"%99999999d\", [1])".to_owned(), "three digits"),
            ("deny contains sprintf(\"%²d\", [1])".to_owned(), "three digits"),
            ("deny contains bits.lsh(1, 9000000000)".to_owned(), "64 bits"),
            ("deny contains 1 if regex.match(`(a{1000}){1000}`, \"a\")".to_owned(), "size limit"),
            ("deny contains 1 if { x := numbers.range(1, 100000); some i in x; numbers.range(1, 100000) == x; i < 0 }".to_owned(), "used up"),
            ("deny contains 1 if { x := {i | some i in numbers.range(1, 100000)}; some i in x; count(x - {i}) < 0 }".to_owned(), "used up"),
            ("deny contains 1 if { x := numbers.range(1, 100000); some i in x; not i in x; i < 0 }".to_owned(), "used up"),
        ] {
            let said = run(&text).unwrap_err();
            assert!(said.what.contains(what), "{text}: {said:?}");
        }
        assert_eq!(run(&format!("{chain}a240 if 1 == 1\ndeny contains 1 if a0")), Ok(Some(json!([1]))));
        assert!(run("a if b\nb if a\ndeny contains 1 if a").is_err());
        assert!(run("f(x) := f(x - 1)\ndeny contains 1 if f(3)").is_err());
    }

    fn tested(text: &str) -> Result<Result<bool, String>, Fault> {
        let text = format!("package rules.r\nimport rego.v1\n{text}\n");
        let texts = [Text { file: "a_test.rego".to_owned(), text }];
        let none = Document::object([]);
        let given = Given { input: &none, data: &none, at: "2026-11-22T10:00:00Z".parse().unwrap() };
        let tested = Regorus.test(&texts, "rules.r", &["test_a".to_owned()], &given);
        tested.map(|mut tests| tests.remove(0).holds)
    }

    #[test]
    fn a_test_calls_no_function_that_a_rule_may_not_call() {
        let holds = |body: &str| tested(&format!("test_a if {{ {body} }}")).unwrap();
        for body in [
            "print(\"\\u001b[31m\")",
            "rand.intn(\"a\", 5) >= 0",
            "count(numbers.range(1, 300000000)) > 0",
            "time.date([0, \"Local\"])[0] > 1",
            "startswith(7, \"a\")",
            "bits.lsh(1, 9000000000) > 0",
        ] {
            assert!(holds(body).is_err(), "{body}");
        }
        for body in [
            "numbers.range(3, 1) == [3, 2, 1]",
            "numbers.range(1, 2) == [1, 2]",
            "time.now_ns() > 0",
            "{1} | {2} == {1, 2}",
        ] {
            assert_eq!(holds(body), Ok(true), "{body}");
        }
    }

    #[test]
    fn a_test_that_has_no_end_is_refused_before_it_runs_or_ends_by_a_bound() {
        for text in [
            "f(x) := f(x)\ntest_a if f(1) == 1",
            "f(x) := g(x)\ng(x) := h[x]\nh[1] := f(1)\ntest_a if f(1) == 1",
            "f(x) := data.rules.r.f(x)\ntest_a if f(1) == 1",
            "import data.rules.r\nf(x) := r.f(x)\ntest_a if f(1) == 1",
            "f(x) := x\ng(x) := f(x)\ntest_a if f(1) == 1 with f as g",
            "g(x) := count(x)\ntest_a if count([1]) == 1 with count as g",
            "x := [y | some y in data.rules.r.x]\ntest_a if x == []",
            "x := data.rules.r\ntest_a if x == {}",
            "x := data[\"rules\"].r.x\ntest_a if x == 1",
            "x if every y in [1] { x == y }\ntest_a if x",
            "x := y\ny := 1 if false\nelse := x\ntest_a if x == 1",
        ] {
            let said = tested(text);
            assert!(said.as_ref().is_err_and(|fault| fault.what.contains("uses itself")), "{text}: {said:?}");
        }
        let chain = (0..200).map(|i| format!("a{i} if a{}\n", i + 1)).collect::<Vec<_>>().concat();
        let said = tested(&format!("{chain}a200 if true\ntest_a if a0"));
        assert!(said.as_ref().is_err_and(|fault| fault.what.contains("a chain of more than")), "{said:?}");
        let endless =
            "test_a if { x := numbers.range(1, 10000); some i in x; some j in x; some k in x; i + j + k < 0 }";
        let said = tested(endless).unwrap();
        assert!(said.as_ref().is_err_and(|what| what.contains("time")), "{said:?}");
    }

    #[test]
    fn a_long_chain_of_nested_definitions_does_not_overflow_the_stack_that_tests_have() {
        let nested = |next: &str| format!("[[[[[[[[{next}]]]]]]]]");
        let chain = (0..120).map(|i| format!("f{i}(x) := {}\n", nested(&format!("f{}(x)", i + 1))));
        let chain = chain.collect::<Vec<_>>().concat();
        let text = format!("{chain}f120(x) := x\ntest_a if count(f0(1)) == 1");
        let run = move || tested(&text).unwrap();
        let thread = std::thread::Builder::new().stack_size(limits::REGO_TEST_STACK).spawn(run).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(true));
    }

    #[test]
    fn lists_in_lists_are_charged_for_all_that_is_in_them() {
        let doubled = |name: &str| {
            let line = |i: usize| format!("{name}{i} := [{name}{}, {name}{}]\n", i - 1, i - 1);
            format!("{name}0 := [\"a\"]\n{}", (1..29).map(line).collect::<String>())
        };
        let text = format!("deny contains 1 if {{\n{}{}count({{x28, y28}}) == 3\n}}", doubled("x"), doubled("y"));
        let said = run(&text).unwrap_err();
        assert!(said.what.contains("used up"), "{said:?}");
        assert_eq!(
            run("deny contains {[x, x], [x]} if { some x in input.list; x == 1 }"),
            Ok(Some(json!([[[1], [1, 1]]])))
        );
    }

    #[test]
    fn an_answer_without_end_is_refused_and_not_written_out() {
        let text = "t := concat(\"\", [\"0123456789\" | some i in numbers.range(1, 94000)])\n\
                    deny contains [t, t, t, t, t]";
        let said = run(text).unwrap_err();
        assert!(said.what.contains("what the rule gives is more than"), "{said:?}");
    }

    #[test]
    fn what_nests_without_end_is_refused_before_the_parser_sees_it() {
        for (open, close) in [("[", "]"), ("{", "}"), ("-", ""), ("abs(", ")"), ("every x in [1] {\n", "\n}")] {
            let lines = |text: &str| text.repeat(3_000).replace("--------", "--------\n");
            let said = run(&format!("deny contains 1 if {{\n{}1{}\n}}", lines(open), lines(close))).unwrap_err();
            assert!(said.what.contains("nests deeper") && said.place.is_some(), "{open}: {said:?}");
        }
    }

    #[test]
    fn the_same_rule_says_the_same_however_often_it_is_compiled() {
        let text = "import rego.v1\nnames := {\"a\", \"b\", \"c\"}\nodd(x) if x % 2 == 1\n\
                    deny contains {\"n\": n, \"x\": x} if { some n in names; some x in input.list; odd(x) }\n\
                    deny contains \"two\" if 2 in input.list";
        let first = run(text);
        assert_eq!(first.as_ref().unwrap().as_ref().unwrap().as_array().unwrap().len(), 7);
        for _ in 0..50 {
            assert_eq!(run(text), first);
        }
    }

    #[test]
    fn what_is_not_rego_is_refused_with_a_place() {
        for text in [
            "deny contains 1 if {",
            "deny[x] { x = 1 }",
            "deny contains x if { true }",
            "deny contains 1 if http.send({})",
        ] {
            let fault = run(text).unwrap_err();
            assert!(fault.place.is_some(), "{text}: {fault:?}");
        }
        assert!(run("allow := true").is_err(), "the rule has to be there");
    }
}
