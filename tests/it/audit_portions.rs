//! Parts of the record that a log cannot speak of whole: what is asked for and is not here, or may be of another service, is
//! never passed over.

use crate::audit_agreement::{has, open};
use crate::audit_questions::pack;
use crate::audit_windows::{asked, cells};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::ids::EnvName;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::time::Time;
use countersign_flow::audit::{Asking, Scope, Window};
use countersign_tests::world::{REPOSITORY, World};

const DAY: i64 = 24 * 60 * 60;

fn of_service(name: &str) -> Window {
    Window { services: std::iter::once(name.to_owned()).collect(), ..Window::default() }
}

/// An artifact that a gate which is not enforced lets go, with no source that anybody could prove.
fn let_through(world: &mut World, artifact: &Sha256, name: &str) {
    built_of(world, artifact, name, "clean");
}

/// The same, built from a tree that was clean or not.
fn built_of(world: &mut World, artifact: &Sha256, name: &str, tree: &str) {
    let documents = world.built(artifact, &world.tip, tree, 3).to_vec();
    let mut arguments = world.arguments(artifact, "staging", documents);
    arguments.git = None;
    name.clone_into(&mut arguments.request.subject_name);
    let decision = arguments.decide();
    assert!(decision.authorised && decision.source.is_none(), "{decision:#?}");
    world.record(&arguments, &decision);
}

#[test]
fn what_proves_no_source_is_of_the_service_of_its_artifact_or_may_be_of_any() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let service = of_service(REPOSITORY);
    assert_eq!(asked(&world, "Q12", service.clone()).verdict, Verdict::Pass);
    // The same bytes by another name, and without the proof of where they come from.
    let_through(&mut world, &Sha256::of(b"artifact 1"), "something-else");
    let listed = asked(&world, "Q12", service.clone());
    assert_eq!((listed.verdict, listed.table.rows.len()), (Verdict::Fail, 1), "{listed:#?}");

    // Of bytes that nothing places nobody can say that they are another service's.
    let_through(&mut world, &Sha256::of(b"other bytes"), "app");
    for id in ["Q01", "Q04", "Q12"] {
        let doubtful = asked(&world, id, service.clone());
        assert!(has(&doubtful.findings, codes::AUDIT_EVIDENCE_ABSENT), "{doubtful:#?}");
        assert!(doubtful.findings.iter().any(|one| one.at.iter().any(|at| at.starts_with("log entries"))), "{id}");
    }
    let bytes = pack(&world, &Scope { window: service, ..Scope::default() });
    let opening = open(&world, &bytes, Some(&world.checkpoint()));
    let (_, findings) = Asking::of(&opening).expect("open").reconcile(&Window::default());
    assert!(has(&findings, codes::AUDIT_EVIDENCE_ABSENT), "a package that was made for the service says so too");
}

#[test]
fn a_violation_from_before_the_window_that_proves_no_source_may_be_of_the_service_that_is_asked_for() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let clean = world.clone();
    built_of(&mut world, &Sha256::of(b"other bytes"), "app", "dirty");
    for (mut world, verdict) in [(clean, Verdict::Pass), (world, Verdict::Indeterminate)] {
        world.now = world.now.plus(DAY);
        let window = Window { from: Some(world.now), ..of_service(REPOSITORY) };
        assert_eq!(world.promote_next(2).verdict, Verdict::Pass);
        let answered = asked(&world, "Q10", window);
        assert_eq!(answered.verdict, verdict, "{answered:#?}");
        assert_eq!(has(&answered.findings, codes::AUDIT_EVIDENCE_ABSENT), verdict != Verdict::Pass, "{answered:#?}");
    }
}

#[test]
fn a_chain_that_rests_on_a_decision_before_the_part_says_that_it_is_not_run_again() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    world.now = world.now.plus(DAY);
    let window = Window { from: Some(world.now), ..Window::default() };
    assert_eq!(world.promote_next(2).verdict, Verdict::Pass);
    let words = "1 begin where a decision ended that is not run again here";
    for (scope, said) in [(Window::default(), false), (window.clone(), true)] {
        let bytes = pack(&world, &Scope { window: scope, ..Scope::default() });
        let opening = open(&world, &bytes, Some(&world.checkpoint()));
        let (reconciled, _) = Asking::of(&opening).expect("open").reconcile(&window);
        let chain = reconciled.sources.iter().find(|row| row.source == "deployment chain").expect("the chain");
        assert_eq!((chain.items, chain.detail.contains(words)), (1, said), "{chain:#?}");
    }
}

#[test]
fn a_service_or_an_environment_that_the_log_never_heard_of_and_a_time_after_its_end_are_no_success() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let nowhere =
        Window { environments: std::iter::once(EnvName::new("nowhere").unwrap()).collect(), ..Window::default() };
    let late = Window { from: Some(world.now.plus(DAY)), ..Window::default() };
    for id in ["Q01", "Q06", "Q11", "Q20"] {
        for window in [of_service("git+https://example.com/nobody"), nowhere.clone(), late.clone()] {
            let answered = asked(&world, id, window);
            assert_eq!(answered.verdict, Verdict::Indeterminate, "{id}: {answered:#?}");
        }
    }
}

#[test]
fn a_time_before_the_log_began_and_a_window_without_time_are_no_success_and_a_window_that_begins_before_it_says_so() {
    let mut world = World::new();
    let first = world.now;
    world.now = world.now.plus(DAY);
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let between = |from: Option<Time>, to: Time| Window { from, to: Some(to), ..Window::default() };
    let later = first.plus(2 * DAY);
    for id in ["Q06", "Q11", "Q12", "Q23"] {
        for window in [
            between(None, first),
            between(Some(first.plus(-2 * DAY)), first.plus(-DAY)),
            between(Some(later), later),
            between(Some(later), first),
        ] {
            let answered = asked(&world, id, window);
            assert_eq!(answered.verdict, Verdict::Indeterminate, "{id}: {answered:#?}");
            let said =
                |one: &Finding| one.code == codes::AUDIT_EVIDENCE_ABSENT && one.at == ["--to"] && one.help.is_some();
            assert!(answered.findings.iter().any(said), "{id}: {answered:#?}");
        }
    }
    let answered = asked(&world, "Q12", between(Some(first.plus(-DAY)), later));
    assert_eq!(answered.verdict, Verdict::Pass, "{answered:#?}");
    let note = format!("the log begins at {first}: of the time from {} to then it says nothing", first.plus(-DAY));
    assert!(answered.notes.contains(&note), "{answered:#?}");
    let whole = asked(&world, "Q12", between(Some(first), later));
    assert!(!whole.notes.iter().any(|note| note.contains("the log begins at")), "{whole:#?}");
}

#[test]
fn what_is_shown_by_an_artifacts_digest_is_said_of_all_its_promotions() {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let built = world.built(&artifact, &landed, "clean", 3).to_vec();
    // To staging before anybody agreed, which is not enforced; then, reviewed, to production.
    let arguments = world.arguments(&artifact, "staging", built.clone());
    let early = arguments.decide();
    assert!(early.authorised && early.verdict != Verdict::Pass);
    world.record(&arguments, &early);
    let reviews = ["ada", "ben"].map(|person| world.review(person, &base, &head, ReviewDecision::Approve));
    let arguments = world.arguments(&artifact, "production", built.into_iter().chain(reviews).collect());
    let later = arguments.decide();
    assert_eq!(later.verdict, Verdict::Pass);
    world.record(&arguments, &later);

    let opening = open(&world, &pack(&world, &Scope::default()), Some(&world.checkpoint()));
    let asking = Asking::of(&opening).expect("open");
    let (chain, findings) = asking.show(&artifact.to_string()).expect("shown");
    let first = chain.others.first().expect("the other one");
    assert_eq!((chain.verdict, first.class), (Verdict::Pass, "let through by an unenforced gate"));
    assert!(has(&findings, codes::AUDIT_DEVIATION), "{findings:#?}");
    assert!(chain.text().contains("other decisions about this artifact"), "{}", chain.text());
    let (_, findings) = asking.show(&chain.proof.entry.to_string()).expect("shown");
    assert!(!has(&findings, codes::AUDIT_DEVIATION), "who names one decision asks of that one: {findings:#?}");
}

#[test]
fn every_key_that_trust_adds_ends_or_calls_lost_is_an_event_whoever_owns_it() {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let gate = world.trust_toml(2);
    let (before, after) = gate.split_at(gate.find("[[gates]]").expect("a gate"));
    let lost = after.replacen(" }]", &format!(", compromised_since = \"{}\" }}]", world.now.plus(DAY)), 1);
    assert_ne!(after, lost);
    world.now = world.now.plus(60);
    world.trust_from_now_on(&format!("{before}{lost}"), &["ada", "ben"]);
    let answered = asked(&world, "Q20", Window::default());
    let events: Vec<(&str, &str)> = cells(&answered, "owner").into_iter().zip(cells(&answered, "event")).collect();
    assert!(
        events
            .iter()
            .any(|(owner, event)| owner.starts_with("gate ") && event.starts_with("lost: in foreign hands since")),
        "{events:#?}"
    );
    assert_eq!(events.len(), 3, "two versions, and the key of the gate: {events:#?}");
}
