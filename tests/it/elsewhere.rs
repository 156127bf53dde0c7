//! What a gate says that others would say is what they say: by the release that is active there, under the trust, the log and
//! the time that both have.

use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::ids::EnvName;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_decide::ElsewhereBy;
use countersign_flow::replay::decide_again;
use countersign_tests::world::{Arguments, World, policy_toml};
use countersign_verify::LogState;
use countersign_verify::trust::verify_trust;
use std::collections::BTreeMap;

/// An artifact that the world's release lets go to production, asked for in staging.
fn reviewed(world: &mut World) -> Arguments {
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.extend(["ada", "ben"].map(|who| world.review(who, &base, &head, ReviewDecision::Approve)));
    world.arguments(&artifact, "staging", documents)
}

fn production() -> EnvName {
    EnvName::new("production").unwrap()
}

fn said(decision: &Decision) -> Option<Verdict> {
    decision.would_be.get(&production()).copied()
}

/// The same artifact asked for in production itself.
fn there(arguments: &Arguments) -> Verdict {
    let mut arguments = arguments.clone();
    arguments.request.environment = production();
    arguments.decide().verdict
}

/// The next release, which asks production for a scan for secrets, active there alone.
fn stricter_in_production(world: &mut World) {
    let text = policy_toml(&world.start).replace("version = 1", "version = 2");
    let rule = "[[rules]]\nid = \"no-secrets@2\"\ncontrols = [\"SOC 2 CC6.1\"]\n\
                stages = { production = \"enforce\", staging = \"monitor\" }\n";
    let files = BTreeMap::from([(SOURCE_FILE.to_owned(), format!("{text}\n{rule}").into_bytes())]);
    let manifest = Manifest::close(&files).unwrap();
    let release = world.release(&manifest, &["ada", "ben"]);
    let before = world.pin.digest;
    world.overrides.insert("no-secrets@2".parse().unwrap());
    world.activate(&manifest, &release, "production", &["ada", "ben"], Some(before), Some("at once"));
}

#[test]
fn production_says_what_its_own_release_says() {
    let mut world = World::new();
    let arguments = reviewed(&mut world);
    let decision = arguments.decide();
    assert_eq!(said(&decision), Some(Verdict::Pass), "{:#?}", decision.findings);
    let by = decision.inputs.elsewhere[&production()].as_ref().unwrap();
    assert_eq!(by.policy.version, 1);

    let mut world = World::new();
    stricter_in_production(&mut world);
    let decision = reviewed(&mut world).decide();
    assert_eq!(decision.inputs.policy.as_ref().map(|active| active.policy.version), Some(1));
    let by = decision.inputs.elsewhere[&production()].as_ref().unwrap();
    assert_eq!(by.policy.version, 2);
    assert_eq!(said(&decision), Some(Verdict::Indeterminate), "{:#?}", decision.findings);
    let note = decision.findings.iter().find(|finding| finding.code == codes::WOULD_REFUSE).unwrap();
    assert!(note.found.iter().any(|line| line.contains("rule no-secrets@2")), "{note:#?}");
}

#[test]
fn what_is_wrong_here_with_trust_log_time_or_dates_is_wrong_there() {
    let mut world = World::new();
    let arguments = reviewed(&mut world);
    let late = |arguments: &Arguments| {
        let mut late = arguments.clone();
        late.request.time = "2028-06-01T00:00:00Z".parse().unwrap();
        late
    };
    let early = |arguments: &Arguments| {
        let mut early = arguments.clone();
        early.request.time = world.now.plus(-3600);
        early
    };
    let forgetful = |arguments: &Arguments| Arguments { least: None, ..arguments.clone() };
    for (name, changed) in [
        ("trust and policy are over", late(&arguments)),
        ("a clock behind the log", early(&arguments)),
        ("no least checkpoint", forgetful(&arguments)),
    ] {
        let decision = changed.decide();
        assert_ne!(said(&decision), Some(Verdict::Pass), "{name}");
        assert!(decision.would_be.contains_key(&production()), "{name}");
        assert_eq!(said(&decision), Some(there(&changed)), "{name}");
    }
}

#[test]
fn an_environment_without_a_release_would_not_pass_anything() {
    let mut world = World::new();
    let arguments = reviewed(&mut world);
    // As the log was before production had a release: trust, and one activation.
    let mut bare = World::new();
    let kept: Vec<Vec<u8>> = bare
        .entries
        .iter()
        .filter(|entry| !String::from_utf8_lossy(entry).contains("\"environment\":\"production\""))
        .cloned()
        .collect();
    assert_eq!(kept.len() + 1, bare.entries.len());
    bare.entries = kept;
    bare.least = bare.log_ref();
    let decision = reviewed(&mut bare).decide();
    assert_eq!(said(&decision), Some(Verdict::Indeterminate), "{:#?}", decision.findings);
    assert_eq!(decision.inputs.elsewhere.get(&production()), Some(&None));
    assert_eq!(said(&arguments.decide()), Some(Verdict::Pass));
}

#[test]
fn a_decision_of_before_is_run_again_as_it_was_and_one_of_today_by_the_releases_that_it_names() {
    for elsewhere in [ElsewhereBy::OwnRelease, ElsewhereBy::TheirRelease] {
        let mut world = World::new();
        stricter_in_production(&mut world);
        let arguments = Arguments { elsewhere, ..reviewed(&mut world) };
        let decision = arguments.decide();
        let before = elsewhere == ElsewhereBy::OwnRelease;
        assert_eq!(decision.inputs.elsewhere.is_empty(), before);
        assert_eq!(said(&decision) == Some(Verdict::Pass), before);
        world.record(&arguments, &decision);
        let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
        let log = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now);
        let state = log.state.unwrap();
        assert_eq!(decide_again(&decision, &state, &world.shelf).unwrap(), decision);
    }
}
