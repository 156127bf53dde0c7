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
fn the_starter_policy_builds_has_every_rule_and_enforces_what_needs_no_evidence_of_other_tools() {
    use countersign_core::policy::{Plan, Stage};
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies/starter");
    let manifest = countersign_flow::policy::build(&folder).expect("it builds");
    let production = countersign_core::ids::EnvName::new("production").expect("a name");
    let named: Vec<&str> = manifest.rules.iter().map(|rule| rule.id.as_str()).collect();
    for rule in countersign_decide::rules::newest() {
        assert!(named.contains(&rule.id), "{} is not in it", rule.id);
    }
    let at = |stage: Stage| {
        let plan = Plan::Stage(stage);
        manifest.rules.iter().filter(|rule| rule.stages.get(&production) == Some(&plan)).count()
    };
    assert_eq!((at(Stage::Enforce), at(Stage::Monitor)), (5, named.len() - 5));
}

#[test]
fn the_starter_policy_is_what_policy_new_writes_but_for_its_dates() {
    let door = countersign_tests::door::Door::empty();
    door.run(
        "policy new --policy new --uri https://example.com/policy/release --repository git+https://example.com/team/service --owner platform",
    )
    .expect(0, &[]);
    let kept = |text: &str| {
        let (_, text) = text.split_once("# What has to hold").expect("its first line");
        let dated = |line: &&str| !line.starts_with("not_before = ") && !line.starts_with("expires = ");
        text.lines().filter(dated).collect::<Vec<_>>().join("\n")
    };
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies/starter/policy.toml");
    let example = std::fs::read_to_string(example).expect("the example");
    assert_eq!(kept(&example), kept(&String::from_utf8(door.read("new/policy.toml")).expect("text")));
}

#[test]
fn an_unenforced_gate_lets_through_says_failed_and_says_what_production_would_say() {
    use countersign_core::digest::Sha256;
    use countersign_core::finding::Verdict;
    use countersign_core::ids::{EnvName, Uri};
    use countersign_core::statement::vsa::VerificationResult;
    let mut world = countersign_tests::world::World::new();
    let (_, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let documents = world.built(&artifact, &landed, "dirty", 3).to_vec();
    let decision = world.arguments(&artifact, "staging", documents).decide();
    assert!(!decision.enforced && decision.authorised, "{:#?}", decision.findings);
    assert_ne!(decision.verdict, Verdict::Pass);
    assert!(decision.levels.is_empty());
    let production = EnvName::new("production").expect("a name");
    assert_eq!(decision.would_be.get(&production), Some(&Verdict::Fail));
    for code in ["decision-unenforced", "would-refuse"] {
        assert!(decision.findings.iter().any(|f| f.code.as_str() == code), "{code}");
    }
    let gate = Uri::new("https://example.com/gate").expect("a uri");
    let summary = countersign_decide::summary::summarise(&decision, &gate, &artifact).expect("a summary");
    assert_eq!(summary.verification_result, VerificationResult::Failed);
    assert_eq!(summary.verified_levels, ["FAILED"]);
}
