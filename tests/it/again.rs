//! What was promoted before: a second deployment, a return to an older release, and what an unenforced gate let through.

use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::Oid;
use countersign_core::statement::review::ReviewDecision;
use countersign_tests::world::{Arguments, World};

/// Lands and builds a change with these reviewers, and asks for it.
fn ask(world: &mut World, number: usize, environment: &str, reviewers: &[&str]) -> Arguments {
    let base = world.tip;
    let (head, landed) = world.land(number);
    let artifact = Sha256::of(format!("artifact {number}").as_bytes());
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.extend(reviewers.iter().map(|who| world.review(who, &base, &head, ReviewDecision::Approve)));
    world.arguments(&artifact, environment, documents)
}

/// The same question, asked of the log as it is by now.
fn ask_again(world: &mut World, before: &Arguments) -> Decision {
    let mut arguments = before.clone();
    arguments.request.time = world.now;
    arguments.checkpoint = Some(world.checkpoint());
    arguments.entries.clone_from(&world.entries);
    arguments.shelf = world.shelf.clone();
    decide(world, &arguments)
}

fn decide(world: &mut World, arguments: &Arguments) -> Decision {
    let decision = arguments.decide();
    world.record(arguments, &decision);
    decision
}

fn range(decision: &Decision) -> (Verdict, Option<(Oid, Oid)>) {
    (decision.verdict, decision.source.as_ref().map(|source| (source.start, source.revision)))
}

#[test]
fn a_second_deployment_and_a_return_to_an_older_release_are_proved_over_the_range_they_passed_with() {
    let mut world = World::new();
    let start = world.start;
    let first = ask(&mut world, 1, "production", &["ada", "ben"]);
    let one = world.tip;
    assert_eq!(range(&decide(&mut world, &first)), (Verdict::Pass, Some((start, one))));
    assert_eq!(range(&ask_again(&mut world, &first)), (Verdict::Pass, Some((start, one))));

    let second = ask(&mut world, 2, "production", &["ada", "ben"]);
    let two = world.tip;
    assert_eq!(range(&decide(&mut world, &second)), (Verdict::Pass, Some((one, two))));
    assert_eq!(range(&ask_again(&mut world, &first)), (Verdict::Pass, Some((start, one))));
    assert_eq!(range(&ask_again(&mut world, &second)), (Verdict::Pass, Some((one, two))));
}

#[test]
fn what_was_refused_before_is_refused_again() {
    let mut world = World::new();
    let refused = ask(&mut world, 1, "production", &["ada"]);
    assert_eq!(decide(&mut world, &refused).verdict, Verdict::Fail);
    assert_eq!(ask_again(&mut world, &refused).verdict, Verdict::Fail);
}

#[test]
fn a_promotion_that_an_unenforced_gate_let_through_does_not_move_the_start() {
    let mut world = World::new();
    let start = world.start;
    // Nothing is enforced in staging, so that its verdict is open and the artifact goes there all the same.
    let lenient = ask(&mut world, 1, "staging", &[]);
    let let_through = decide(&mut world, &lenient);
    assert!(let_through.authorised && let_through.verdict != Verdict::Pass);

    let next = ask(&mut world, 2, "staging", &["ada", "ben"]);
    let decision = next.decide();
    assert_eq!(decision.source.as_ref().map(|source| source.start), Some(start));
    assert!(decision.would_be.values().all(|verdict| *verdict != Verdict::Pass));
}
