//! Regular expressions that a rule has used, kept ready: the engine would make one anew at each call.
//!
//! Only what the engine itself has taken is kept, so that whatever it refuses stays refused in its own words.

use countersign_core::limits;
use regex::Regex;
use regorus::Value;
use std::collections::BTreeMap;

/// Expressions by their text, at most [`limits::REGO_PATTERNS`].
#[derive(Debug, Default)]
pub(super) struct Patterns(BTreeMap<String, Regex>);

impl Patterns {
    /// What a function gives, if its expression is kept and this is a call of the plain kind.
    pub(super) fn call(&self, name: &str, values: &[Value]) -> Option<Value> {
        let kept = |pattern: &Value| if let Value::String(pattern) = pattern { self.0.get(&**pattern) } else { None };
        match (name, values) {
            ("regex.match", [pattern, Value::String(text)]) => Some(Value::Bool(kept(pattern)?.is_match(text))),
            ("regex.split", [pattern, Value::String(text)]) => {
                Some(Value::from(kept(pattern)?.split(text).map(Value::from).collect::<Vec<_>>()))
            }
            ("regex.find_n", [pattern, Value::String(text), Value::Number(most)]) if most.is_integer() => {
                let most = most.as_i64().map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
                let found = kept(pattern)?.find_iter(text).take(most);
                Some(Value::from(found.map(|found| Value::from(found.as_str())).collect::<Vec<_>>()))
            }
            ("regex.replace", [Value::String(text), pattern, Value::String(new)]) => {
                Some(Value::from(&*kept(pattern)?.replace_all(text, &**new)))
            }
            _ => None,
        }
    }

    /// Keeps the expression of a call that the engine has answered.
    pub(super) fn keep(&mut self, name: &str, values: &[Value]) {
        let at = usize::from(name == "regex.replace");
        if let Some(Value::String(pattern)) = values.get(at)
            && self.0.len() < limits::REGO_PATTERNS
            && !self.0.contains_key(&**pattern)
            && let Ok(made) = Regex::new(pattern)
        {
            self.0.insert(pattern.to_string(), made);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regorus::Engine;

    const CALLS: [&str; 6] = [
        "regex.match(input.pattern, input.text)",
        "regex.split(input.pattern, input.text)",
        "regex.find_n(input.pattern, input.text, -1)",
        "regex.find_n(input.pattern, input.text, 2)",
        "regex.find_n(input.pattern, input.text, 0)",
        "regex.replace(input.text, input.pattern, input.new)",
    ];

    /// What the engine gives, and what the kept expression does.
    fn both(call: &str, pattern: &str, text: &str, new: &str) -> (Option<Value>, Option<Value>) {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        engine.add_policy("p.rego".to_owned(), format!("package p\nx := {call}")).unwrap();
        engine.set_input(Value::from(serde_json::json!({"pattern": pattern, "text": text, "new": new})));
        let theirs = engine.eval_rule("data.p.x".to_owned()).ok().filter(|value| *value != Value::Undefined);
        let (name, arguments) = call.split_once('(').unwrap();
        let value = |argument: &str| match argument {
            "input.pattern" => Value::from(pattern),
            "input.text" => Value::from(text),
            "input.new" => Value::from(new),
            number => Value::from(number.parse::<i64>().unwrap()),
        };
        let values: Vec<Value> = arguments.trim_end_matches(')').split(", ").map(value).collect();
        let mut kept = Patterns::default();
        assert_eq!(kept.call(name, &values), None);
        if theirs.is_some() {
            kept.keep(name, &values);
        }
        (theirs, kept.call(name, &values))
    }

    #[test]
    fn no_more_are_kept_than_the_bound() {
        let mut kept = Patterns::default();
        for n in 0..limits::REGO_PATTERNS.saturating_mul(2) {
            kept.keep("regex.match", &[Value::from(format!("^{n}$")), Value::from("1")]);
        }
        assert_eq!(kept.0.len(), limits::REGO_PATTERNS);
        assert_eq!(kept.call("regex.match", &[Value::from("^1$"), Value::from("1")]), Some(Value::Bool(true)));
        assert_eq!(kept.call("regex.match", &[Value::from("^none$"), Value::from("1")]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_kept_expression_gives_what_the_engine_gives(
            pattern in "[a-c.^$|*+?()\\[\\]{}0-2é\\\\wdb-]{0,8}",
            text in "[a-c0-2é \n-]{0,12}",
            new in "[a-c$0-2{}]{0,5}",
        ) {
            for call in CALLS {
                let (theirs, ours) = both(call, &pattern, &text, &new);
                prop_assert_eq!(theirs, ours, "{}", call);
            }
        }
    }
}
