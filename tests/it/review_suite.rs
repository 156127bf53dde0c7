//! Every attack on review gets its verdict and its code, and every honest twin passes.

use countersign_tests::review_attacks;

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass() {
    let mut wrong = Vec::new();
    for case in review_attacks::all() {
        if let Err(found) = case.run() {
            wrong.push(format!(
                "{} {}: expected {} {}, found {} {:?}",
                case.id, case.what, case.verdict, case.code, found.verdict, found.codes
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
