//! Monotone: taking any argument away never turns a refusal or an open question into a pass.

use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::ids::RefName;
use countersign_core::statement::review::ReviewDecision;
use countersign_tests::world::{Arguments, REPOSITORY, World};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::sync::LazyLock;

/// Ways in which a promotion can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    OneReview,
    Rejected,
    Dirty,
    OtherPin,
    RewoundLog,
    Unsigned,
    ForgedCheckpoint,
    NoIndex,
    OtherGate,
    TrustMismatch,
    LateTime,
    MovedTag,
}

const FLAWS: [Flaw; 13] = [
    Flaw::None,
    Flaw::OneReview,
    Flaw::Rejected,
    Flaw::Dirty,
    Flaw::OtherPin,
    Flaw::RewoundLog,
    Flaw::Unsigned,
    Flaw::ForgedCheckpoint,
    Flaw::NoIndex,
    Flaw::OtherGate,
    Flaw::TrustMismatch,
    Flaw::LateTime,
    Flaw::MovedTag,
];

fn arguments(flaw: Flaw) -> Arguments {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let tree = if flaw == Flaw::Dirty { "dirty" } else { "clean" };
    // Every artifact here is built from a tag, which has to stay where it was.
    let source = format!("{REPOSITORY}@refs/tags/v1");
    let tagged = if flaw == Flaw::MovedTag { base } else { landed };
    world.tags.insert(RefName::new("refs/tags/v1").expect("a ref"), tagged);
    let mut documents = world.built_from(&source, &artifact, &landed, tree, 3).to_vec();
    documents.push(world.review("ada", &base, &head, ReviewDecision::Approve));
    if flaw != Flaw::OneReview {
        documents.push(world.review("ben", &base, &head, ReviewDecision::Approve));
    }
    if flaw == Flaw::Rejected {
        documents.push(world.review("cy", &base, &head, ReviewDecision::Reject));
    }
    if flaw == Flaw::Unsigned {
        let mut bad = documents[0].clone();
        let at = bad.len() - 40;
        bad[at] ^= 1;
        documents.push(bad);
    }
    let mut arguments = world.arguments(&artifact, "production", documents);
    match flaw {
        Flaw::OtherPin => arguments.pin.as_mut().expect("a pin").version = 2,
        Flaw::RewoundLog => arguments.least.as_mut().expect("a checkpoint").size += 5,
        Flaw::ForgedCheckpoint => arguments.checkpoint.as_mut().expect("a checkpoint")[20] ^= 1,
        Flaw::NoIndex => arguments.index = None,
        Flaw::OtherGate => arguments.request.gate = world.builder.public().id(),
        Flaw::TrustMismatch => arguments.trust_digest = Some(Sha256::of(b"another")),
        Flaw::LateTime => arguments.request.time = "2029-01-01T00:00:00Z".parse().expect("a time"),
        _ => {}
    }
    arguments
}

static CASES: LazyLock<Vec<(Flaw, Arguments, Verdict)>> = LazyLock::new(|| {
    FLAWS
        .iter()
        .map(|flaw| {
            let arguments = arguments(*flaw);
            let verdict = arguments.decide().verdict;
            (*flaw, arguments, verdict)
        })
        .collect()
});

#[test]
fn an_honest_promotion_passes_and_each_flaw_alone_is_refused() {
    for (flaw, arguments, verdict) in CASES.iter() {
        let expected = if *flaw == Flaw::None { Verdict::Pass } else { Verdict::Fail };
        let findings: Vec<String> =
            arguments.decide().findings.iter().map(|f| format!("{} {}", f.code, f.what)).collect();
        if *flaw == Flaw::NoIndex {
            assert_eq!(*verdict, Verdict::Indeterminate, "{flaw:?}: {findings:#?}");
        } else {
            assert_eq!(*verdict, expected, "{flaw:?}: {findings:#?}");
        }
    }
}

/// One thing to take away.
#[derive(Debug, Clone)]
enum Removal {
    Document(prop::sample::Index),
    Entry(prop::sample::Index),
    Blob(prop::sample::Index),
    GitObject(prop::sample::Index),
    Tags,
    Listing(prop::sample::Index),
    Git,
    Pin,
    Least,
    Checkpoint,
    TrustDigest,
    TrustLine,
    Index,
}

fn removal() -> impl Strategy<Value = Removal> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => index().prop_map(Removal::Document),
        1 => index().prop_map(Removal::Entry),
        2 => index().prop_map(Removal::Blob),
        4 => index().prop_map(Removal::GitObject),
        1 => index().prop_map(Removal::Listing),
        1 => Just(Removal::Tags),
        1 => Just(Removal::Git),
        1 => Just(Removal::Pin),
        1 => Just(Removal::Least),
        1 => Just(Removal::Checkpoint),
        1 => Just(Removal::TrustDigest),
        1 => Just(Removal::TrustLine),
        1 => Just(Removal::Index),
    ]
}

fn take_away(arguments: &mut Arguments, removal: &Removal) {
    match removal {
        Removal::Document(i) if !arguments.documents.is_empty() => {
            let at = i.index(arguments.documents.len());
            arguments.documents.remove(at);
        }
        Removal::Entry(i) if !arguments.entries.is_empty() => {
            let at = i.index(arguments.entries.len());
            arguments.entries.remove(at);
        }
        Removal::Blob(i) if !arguments.shelf.0.is_empty() => {
            let key = *arguments.shelf.0.keys().nth(i.index(arguments.shelf.0.len())).expect("in range");
            arguments.shelf.0.remove(&key);
        }
        Removal::GitObject(i) => change_git(arguments, |git| {
            let kept = i.index(git.objects.len().max(1));
            let all: Vec<_> = git.objects.iter().map(|(_, object)| object.clone()).collect();
            git.objects = countersign_core::git::ObjectSet::new();
            for (at, object) in all.into_iter().enumerate().filter(|(at, _)| *at != kept) {
                let inserted = git.objects.insert(git.facts.format, object);
                assert!(inserted.is_ok(), "object {at} collides");
            }
        }),
        Removal::Listing(i) => change_git(arguments, |git| {
            if let Some(key) = git.facts.listings.keys().nth(i.index(git.facts.listings.len().max(1))).copied() {
                git.facts.listings.remove(&key);
            }
        }),
        Removal::Tags => change_git(arguments, |git| git.facts.tags.clear()),
        Removal::Git => arguments.git = None,
        Removal::Pin => arguments.pin = None,
        Removal::Least => arguments.least = None,
        Removal::Checkpoint => arguments.checkpoint = None,
        Removal::TrustDigest => arguments.trust_digest = None,
        Removal::TrustLine => {
            let end = arguments.trust.iter().position(|b| *b == b'\n').unwrap_or(0);
            arguments.trust.truncate(end);
        }
        Removal::Index => arguments.index = None,
        Removal::Document(_) | Removal::Entry(_) | Removal::Blob(_) => {}
    }
}

fn change_git(arguments: &mut Arguments, change: impl FnOnce(&mut GitEvidence)) {
    if let Some(mut git) = arguments.git.as_ref().and_then(|bytes| GitEvidence::parse(bytes).ok()) {
        change(&mut git);
        arguments.git = git.encode().ok();
    }
}

fn never_better(flaw: Flaw, before: Verdict, arguments: &Arguments) -> TestCaseResult {
    if before != Verdict::Pass {
        let after = arguments.decide();
        prop_assert_ne!(after.verdict, Verdict::Pass, "{:?} became a pass", flaw);
        prop_assert!(after.levels.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn taking_anything_away_never_turns_a_refusal_into_a_pass(
        case in 0..FLAWS.len(),
        removals in prop::collection::vec(removal(), 1..4),
    ) {
        let (flaw, arguments, before) = &CASES[case];
        let mut arguments = arguments.clone();
        for removal in &removals {
            take_away(&mut arguments, removal);
        }
        never_better(*flaw, *before, &arguments)?;
    }

    /// Whoever hands in less may also say that there was no more. What refuses by being there, a rejection or a document
    /// that does not hold, can then be hidden, which is why the index is the gate's to make; everything else cannot.
    #[test]
    fn the_same_holds_with_a_smaller_index_for_everything_but_what_refuses_by_being_there(
        case in 0..FLAWS.len(),
        removals in prop::collection::vec(removal(), 1..4),
    ) {
        let (flaw, arguments, before) = &CASES[case];
        prop_assume!(!matches!(flaw, Flaw::Rejected | Flaw::Unsigned | Flaw::NoIndex));
        let mut arguments = arguments.clone();
        for removal in removals.iter().filter(|r| !matches!(r, Removal::Index)) {
            take_away(&mut arguments, removal);
        }
        arguments.index_what_is_there();
        never_better(*flaw, *before, &arguments)?;
    }

    #[test]
    fn an_honest_promotion_with_something_missing_is_never_an_error_of_another_kind(
        removals in prop::collection::vec(removal(), 1..3),
    ) {
        let (_, arguments, _) = &CASES[0];
        let mut arguments = arguments.clone();
        for removal in &removals {
            take_away(&mut arguments, removal);
        }
        let decision = arguments.decide();
        prop_assert_eq!(decision.verdict == Verdict::Pass, decision.findings.iter().all(|f| !f.class.blocks()));
        prop_assert_eq!(decision.authorised, decision.verdict == Verdict::Pass || !decision.enforced);
    }
}
