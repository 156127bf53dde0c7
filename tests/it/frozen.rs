//! The frozen corpus of the built-in rules: what a rule once said of some evidence it says of that evidence for good.

use countersign_core::finding::Verdict;
use countersign_decide::rules;
use countersign_tests::frozen::{self, Said};
use std::collections::BTreeSet;

#[test]
fn every_recorded_decision_comes_out_as_it_was() {
    let cases = frozen::recorded();
    assert!(!cases.is_empty(), "there is a corpus");
    for case in cases {
        let said = Said::of(&case.arguments);
        assert_eq!(said, case.expected, "{}: a rule that says something else now is a new number", case.name);
    }
}

#[test]
fn no_recorded_file_was_altered_added_by_hand_or_taken_away() {
    assert_eq!(frozen::altered(), Vec::<String>::new());
}

#[test]
fn every_built_in_rule_has_a_recorded_pass_and_a_recorded_refusal() {
    let said = |pass: bool| -> BTreeSet<String> {
        let cases = frozen::recorded().into_iter();
        let of = cases.filter(|case| (case.expected.rules[&case.rule].0 == Some(Verdict::Pass)) == pass);
        of.map(|case| case.rule).collect()
    };
    let all: BTreeSet<String> = rules::ALL.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(said(true), all);
    assert_eq!(said(false), all);
}

#[test]
fn every_case_that_can_be_made_is_recorded() {
    let recorded: BTreeSet<String> = frozen::recorded().into_iter().map(|case| case.name).collect();
    for maker in frozen::all() {
        assert!(
            recorded.contains(maker.name),
            "`cargo run -p countersign-tests --example freeze` records {}",
            maker.name
        );
    }
}

#[test]
fn evidence_that_is_left_out_changes_what_a_recorded_decision_says() {
    let cases = frozen::recorded();
    let case = cases.iter().find(|case| case.name == "tests-passed-1.passed").expect("the case");
    let mut arguments = case.arguments.clone();
    arguments.documents.pop();
    arguments.index_what_is_there();
    assert_ne!(Said::of(&arguments), case.expected);
}
