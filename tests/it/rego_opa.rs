//! What our engine gives for the snippets that are held against OPA. OPA itself is asked by `cargo xtask opa`.

use countersign_tests::rego_opa::{self, Outcome, differences};
use std::collections::BTreeSet;

#[test]
fn our_engine_gives_for_every_snippet_what_is_written_there() {
    let snippets = rego_opa::all();
    assert!(snippets.len() >= 120, "{}", snippets.len());
    let wrong: Vec<String> = snippets.iter().filter_map(rego_opa::Snippet::against_us).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_that_rules_may_call_is_called_by_a_snippet() {
    let bodies: Vec<String> = rego_opa::all().into_iter().map(|snippet| snippet.body).collect();
    let (may, _) = countersign_flow::policy::functions();
    let missing: Vec<&str> =
        may.into_iter().filter(|name| !bodies.iter().any(|body| body.contains(&format!("{name}(")))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_and_numbers_are_there_once_and_every_difference_is_shown() {
    let snippets = rego_opa::all();
    let names: BTreeSet<&str> = snippets.iter().map(|snippet| snippet.name.as_str()).collect();
    assert_eq!(names.len(), snippets.len());
    let numbers: BTreeSet<usize> = differences::ALL.iter().map(|difference| difference.number).collect();
    assert_eq!(numbers.len(), differences::ALL.len());
    let shown: BTreeSet<usize> = snippets.iter().filter_map(|snippet| snippet.differs).collect();
    assert_eq!(shown, numbers);
}

#[test]
fn an_unlisted_difference_and_one_that_is_gone_are_both_faults() {
    let snippets = rego_opa::all();
    let like = snippets.iter().find(|snippet| snippet.differs.is_none()).unwrap();
    assert_eq!(like.against_opa(&like.ours), None);
    let other = Outcome::Value(serde_json::json!(["something else"]));
    assert!(like.against_opa(&other).unwrap().contains("not listed"));
    let unlike = snippets.iter().find(|snippet| snippet.differs.is_some()).unwrap();
    assert!(unlike.against_opa(&unlike.ours).unwrap().contains("is gone"));
    assert!(unlike.against_opa(&other).unwrap().contains("was expected"));
}

#[test]
fn the_cases_of_our_own_rules_are_played() {
    let played = rego_opa::rules::all();
    assert!(played.len() >= 7, "{}", played.len());
    assert!(played.iter().any(|case| matches!(&case.ours, Outcome::Value(value) if value != &serde_json::json!([]))));
}

#[test]
fn what_is_exported_for_opa_holds_every_module_and_the_parameters_of_each_rule() {
    let exported = rego_opa::rules::exported();
    assert!(exported.len() >= 7, "{}", exported.len());
    let question = exported[0].question();
    assert!(question.modules.keys().any(|path| path.starts_with("lib/")), "{:?}", question.modules.keys());
    for text in question.modules.values() {
        assert!(text.starts_with("# From the policy release sha256:"), "{text}");
    }
    assert!(question.data["params"].get("shared_parts").is_some(), "{:?}", question.data);
    assert!(question.data["countersign"].get("stages").is_some());
}
