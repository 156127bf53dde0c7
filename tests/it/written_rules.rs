//! Rules that are written in a release, in a world in memory: what they may do to a decision, and what they may not.

use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Verdict};
use countersign_core::policy::{Manifest, PolicyError, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_tests::policy_attacks::written::module as rule;
use countersign_tests::world::{Arguments, World, policy_toml};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn files(world: &World, rules: &[(&str, &str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let mut text = policy_toml(&world.start).replace("version = 1\n", "version = 2\n");
    let mut files = BTreeMap::new();
    for (name, stage, body) in rules {
        text.push_str(&format!(
            "\n[[rules]]\nid = \"{name}@1\"\nfolder = \"rules/{name}\"\nauthors = [\"cy\"]\nstages = {{ production = \"{stage}\" }}\n"
        ));
        files.insert(format!("rules/{name}/rule.rego"), rule(name, body).into_bytes());
    }
    files.insert(SOURCE_FILE.to_owned(), text.into_bytes());
    files
}

/// A promotion that passes by the built-in rules, under a release with these rules besides.
fn arguments(rules: &[(&str, &str, &str)]) -> Arguments {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    for person in ["ada", "ben"] {
        documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
    }
    let manifest = Manifest::close(&files(&world, rules)).expect("a policy");
    let release = world.release(&manifest, &["ada", "ben"]);
    let replaces = Some(world.pin.digest);
    // They were measured nowhere: two approvers say that they may begin as they do.
    world.overrides = rules.iter().map(|(name, ..)| format!("{name}@1").parse().expect("a rule")).collect();
    world.activate(&manifest, &release, "production", &["ada", "ben"], replaces, Some("rules to be tried"));
    world.pin.digest = manifest.digest().expect("a digest");
    world.pin.version = 2;
    world.arguments(&artifact, "production", documents)
}

fn codes(decision: &Decision) -> Vec<&str> {
    decision.findings.iter().filter(|f| f.class != Class::Note).map(|f| f.code.as_str()).collect()
}

fn decide(stage: &str, body: &str) -> Decision {
    arguments(&[("a-rule", stage, body)]).decide()
}

const HOLDS: &str =
    "deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name == \"no such\"\n}";
const DENIES: &str =
    "deny contains {\"what\": input.subject.name, \"at\": input.subject.at} if input.environment == \"production\"";
const ERRS: &str =
    "deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tto_number(c.name) == 1\n}";

#[test]
fn a_rule_that_holds_passes_and_one_that_denies_refuses() {
    let decision = decide("enforce", HOLDS);
    assert_eq!(decision.verdict, Verdict::Pass, "{:#?}", decision.findings);
    assert!(decision.levels.contains(&"COUNTERSIGN_A_RULE_1".to_owned()));
    let decision = decide("enforce", DENIES);
    assert_eq!((decision.verdict, codes(&decision)), (Verdict::Fail, vec!["rule-broken"]));
    assert!(decision.levels.is_empty());
}

#[test]
fn a_rule_that_cannot_answer_blocks_where_it_enforces_and_only_there() {
    for body in [
        ERRS,
        // It does not say what its message speaks of.
        "deny contains {\"at\": input.subject.at} if input.environment == \"production\"",
        "deny contains 7 if input.environment == \"production\"",
        // What a linter would have refused: a misspelt path, a function that may not be called, another package.
        "deny contains {\"what\": input.subjet.name} if input.subjet.name == \"x\"",
        "deny contains {\"what\": c.nmae} if {\n\tsome c in input.sbom.components\n\tc.nmae == \"x\"\n}",
        "deny contains {\"what\": 1} if http.send({\"url\": \"https://example.com\"}).status == 200",
        "deny contains {\"what\": 1} if rand.intn(\"x\", 2) == 1",
        "allow := true",
        "deny if input.environment == \"production\"",
        "x := c.name if some c in input.sbom.components\n\ndeny contains {\"what\": x} if x == \"no such\"",
        "deny contains {\"what\": 1} if count([1 | some i in numbers.range(1, 4000); some j in numbers.range(1, 4000); i == -j]) > 0",
    ] {
        let decision = decide("enforce", body);
        assert_eq!((decision.verdict, codes(&decision)), (Verdict::Indeterminate, vec!["rule-error"]), "{body}");
        for stage in ["monitor", "warn"] {
            let decision = decide(stage, body);
            assert_eq!(decision.verdict, Verdict::Pass, "{body}");
            let outcome = decision.rules.iter().find(|r| r.id.as_str() == "a-rule@1").unwrap();
            assert_eq!(outcome.verdict, Some(Verdict::Indeterminate), "{body}");
            assert_eq!(outcome.findings[0].code.as_str(), "rule-error");
        }
    }
}

#[test]
fn leaving_out_what_a_rule_reads_is_no_way_to_pass() {
    // Without any git evidence there are no commits to speak of.
    let rules = [(
        "a-rule",
        "enforce",
        "deny contains {\"what\": c.id} if {\n\tsome c in input.commits\n\tc.signed == null\n}",
    )];
    let mut history = arguments(&rules);
    assert_eq!(history.decide().verdict, Verdict::Pass, "{:#?}", history.decide().findings);
    history.git = None;
    let decision = history.decide();
    assert_ne!(decision.verdict, Verdict::Pass);
    assert!(codes(&decision).contains(&"rule-input-missing"), "{:?}", codes(&decision));
}

#[test]
fn what_runs_is_what_was_approved_by_digest() {
    let world = World::new();
    let manifest = Manifest::close(&files(&world, &[("a-rule", "enforce", DENIES)])).unwrap();
    let path = "rules/a-rule/rule.rego".to_owned();
    let alter = |change: &dyn Fn(&mut Manifest)| {
        let mut altered = manifest.clone();
        change(&mut altered);
        Manifest::parse(&altered.to_bytes().unwrap())
    };
    assert!(alter(&|_| ()).is_ok());
    let text = alter(&|m| drop(m.texts.insert(path.clone(), rule("a-rule", HOLDS))));
    assert!(matches!(text, Err(PolicyError::Text { .. })), "{text:?}");
    let gone = alter(&|m| drop(m.texts.remove(&path)));
    assert!(matches!(gone, Err(PolicyError::Text { .. })), "{gone:?}");
    let more = alter(&|m| drop(m.texts.insert("rules/a-rule/more.rego".to_owned(), String::new())));
    assert!(matches!(more, Err(PolicyError::Text { .. })), "{more:?}");
    // With its digest as well it is another release, which nobody approved.
    let both = alter(&|m| {
        let text = rule("a-rule", HOLDS);
        m.files.insert(path.clone(), Sha256::of(text.as_bytes()));
        m.texts.insert(path.clone(), text);
    });
    assert_ne!(both.unwrap().digest().unwrap(), manifest.digest().unwrap());
}

#[test]
fn the_same_arguments_give_the_same_decision() {
    let arguments = arguments(&[("a-rule", "enforce", DENIES), ("b-rule", "warn", ERRS), ("c-rule", "monitor", HOLDS)]);
    let first = arguments.decide();
    for _ in 0..5 {
        assert_eq!(arguments.decide(), first);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn another_rule_never_turns_a_refusal_into_a_pass(
        some in prop::collection::vec((0_usize..3, 0_usize..4), 0..3),
        more in (0_usize..3, 0_usize..4),
    ) {
        let bodies = [HOLDS, DENIES, ERRS];
        let stages = ["off", "monitor", "warn", "enforce"];
        let names = ["r-a", "r-b", "r-c", "r-d"];
        let all: Vec<(&str, &str, &str)> = some
            .iter()
            .chain([&more])
            .zip(names)
            .map(|((body, stage), name)| (name, stages[*stage], bodies[*body]))
            .collect();
        let before = arguments(&all[..all.len() - 1]).decide().verdict;
        let after = arguments(&all).decide().verdict;
        prop_assert!(before == Verdict::Pass || after != Verdict::Pass, "{all:?}: {before} became {after}");
    }
}
