//! Every attack on policy gets its verdict and its code, and every honest twin passes.

use countersign_tests::policy_attacks;

#[test]
fn every_attack_on_policy_gets_its_verdict_and_code_and_honest_twins_pass() {
    let mut wrong = Vec::new();
    for case in policy_attacks::all() {
        if let Err(found) = case.run() {
            wrong.push(format!(
                "{} {}: expected {} {}, found {} {:?} {:?}",
                case.id, case.what, case.verdict, case.code, found.verdict, found.codes, found.levels
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
