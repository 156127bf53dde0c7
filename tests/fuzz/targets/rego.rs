//! A rule as somebody wrote it: read, checked, compiled and evaluated, to an end that is the same the second time. The
//! input is a whole `rule.rego`, or, if it begins with `form:`, a `rule.yaml`.
#![no_main]

use countersign_core::ids::RuleId;
use countersign_core::policy::Rule;
use countersign_core::time::Time;
use countersign_decide::written::{self, Input, shape};
use serde_json::json;
use std::collections::BTreeMap;

libfuzzer_sys::fuzz_target!(|text: &str| {
    // What the engine panics about is caught, and is an error of the rule; what is not caught ends the target.
    std::panic::set_hook(Box::new(|_| ()));
    let name = if text.starts_with("form:") { "rule.yaml" } else { "rule.rego" };
    let texts = BTreeMap::from([
        (format!("rules/r/{name}"), text.to_owned()),
        ("data/names.json".to_owned(), "[\"a\", \"b\"]".to_owned()),
    ]);
    let rule = Rule {
        id: RuleId::new("r@1").expect("an id"),
        folder: Some("rules/r".to_owned()),
        stages: BTreeMap::new(),
        dates: countersign_core::policy::RuleDates::default(),
        authors: std::collections::BTreeSet::new(),
        parameters: BTreeMap::new(),
        controls: Vec::new(),
        owner: None,
    };
    let Ok(read) = written::read(&rule, &texts) else { return };
    let given = json!({"sbom": {"components": [{"name": "a", "licenses": ["MIT"]}, {"name": "b", "version": "1"}]}});
    let input = Input::new(shape::complete(&given).expect("an input"));
    let at: Time = "2026-11-22T10:00:00Z".parse().expect("a time");
    assert_eq!(read.elements(&input, at), read.elements(&input, at));
});
