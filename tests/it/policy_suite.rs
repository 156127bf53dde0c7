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

#[test]
fn the_starter_policy_builds_and_enforces_every_rule_in_production() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies/starter");
    let manifest = countersign_flow::policy::build(&folder).expect("it builds");
    let production = countersign_core::ids::EnvName::new("production").expect("a name");
    assert_eq!(manifest.rules.len(), countersign_decide::rules::ALL.len());
    for rule in &manifest.rules {
        assert_eq!(manifest.stage(rule, &production), countersign_core::policy::Stage::Enforce, "{}", rule.id);
    }
}
