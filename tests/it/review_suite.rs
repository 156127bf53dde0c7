//! Every attack on review gets its verdict and its code, and every honest twin passes.

use countersign_tests::review_suite;
use std::path::Path;

/// Plays every fourth case, from this one on: each takes a repository of its own, and the four tests run side by side.
fn play(from: usize) {
    let mut wrong = Vec::new();
    let mut played = 0;
    for case in review_suite::all().into_iter().skip(from).step_by(4) {
        played += 1;
        if let Err(found) = case.run() {
            wrong.push(format!(
                "{} {}: expected {} {}, found {} {:?}",
                case.id, case.what, case.verdict, case.code, found.verdict, found.codes()
            ));
        }
    }
    assert!(wrong.is_empty() && played > 20, "{played} played\n{}", wrong.join("\n"));
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_1() {
    play(0);
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_2() {
    play(1);
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_3() {
    play(2);
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_4() {
    play(3);
}

#[test]
fn the_page_of_the_suite_is_that_of_its_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/review-suite.md");
    let page = std::fs::read_to_string(path).expect("docs/review-suite.md");
    assert!(
        page == review_suite::page(),
        "write it anew: cargo run -p countersign-tests --example review-suite -- --page > docs/review-suite.md"
    );
}

#[test]
fn there_are_as_many_honest_twins_as_were_promised() {
    let twins = review_suite::all().iter().filter(|case| case.id.starts_with('+')).count();
    assert!(twins >= 40, "{twins}");
}
