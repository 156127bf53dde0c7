//! A rejection of a change that landed is settled by whoever made it, with a later change that names it, and by nothing else.

use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::Oid;
use countersign_core::statement::review::ReviewDecision;
use countersign_tests::world::World;

/// A change that ada and cy approved and ben rejected, and one after it that ada and cy approved.
struct Scene {
    world: World,
    start: Oid,
    rejected: Oid,
    between: Oid,
    mended: Oid,
    rejection: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let start = world.tip;
        let (rejected, between) = world.land(1);
        let (mended, _) = world.land(2);
        let rejection = world.review("ben", &start, &rejected, ReviewDecision::Reject);
        Self { world, start, rejected, between, mended, rejection }
    }

    /// Approves the later change, naming these rejections.
    fn settling(&self, person: &str, rejections: &[&Vec<u8>]) -> Vec<u8> {
        let digests = rejections.iter().map(|bytes| Sha256::of(bytes)).collect();
        self.world.review_settling(person, &self.between, &self.mended, digests)
    }

    fn decide(&self, more: &[Vec<u8>]) -> Decision {
        let artifact = Sha256::of(b"artifact");
        let mut documents = self.world.built(&artifact, &self.world.tip, "clean", 3).to_vec();
        for person in ["ada", "cy"] {
            documents.push(self.world.review(person, &self.start, &self.rejected, ReviewDecision::Approve));
            documents.push(self.world.review(person, &self.between, &self.mended, ReviewDecision::Approve));
        }
        documents.push(self.rejection.clone());
        documents.extend(more.iter().cloned());
        self.world.arguments(&artifact, "production", documents).decide()
    }
}

fn rejections(decision: &Decision) -> usize {
    decision.findings.iter().filter(|finding| finding.code == codes::REVIEW_REJECTED).count()
}

#[test]
fn whoever_rejected_a_change_settles_that_with_a_later_one_that_has_landed() {
    let scene = Scene::new();
    let decision = scene.decide(&[]);
    assert_eq!((decision.verdict, rejections(&decision)), (Verdict::Fail, 1));
    let help = decision.findings.iter().find(|f| f.code == codes::REVIEW_REJECTED).unwrap().help.clone().unwrap();
    assert!(help.contains(&format!("--settles {}", Sha256::of(&scene.rejection))), "{help}");

    let decision = scene.decide(&[scene.settling("ben", &[&scene.rejection])]);
    assert_eq!((decision.verdict, rejections(&decision)), (Verdict::Pass, 0), "{:#?}", decision.findings);
    let note = decision.findings.iter().find(|f| f.what.contains("settled that")).unwrap();
    assert_eq!(note.code, codes::REVIEW_NOT_COUNTED);
}

#[test]
fn nothing_else_settles_it() {
    let scene = Scene::new();
    let approve = |person: &str| scene.world.review(person, &scene.between, &scene.mended, ReviewDecision::Approve);
    let against = |head: &Oid, base: &Oid, decision| scene.world.review("ben", base, head, decision);
    let named = scene.settling("ben", &[&scene.rejection]);
    let again = scene.world.review_as("ben", &scene.start, &scene.rejected, ReviewDecision::Reject, "again");
    let elsewhere = scene.world.review_settling(
        "ben",
        &scene.start,
        &scene.rejected,
        std::iter::once(Sha256::of(&scene.rejection)).collect(),
    );
    for (what, more) in [
        ("an approval of the later change alone", vec![approve("ben")]),
        ("an approval of the rejected change itself", vec![elsewhere]),
        ("another person's word", vec![scene.settling("cy", &[&scene.rejection])]),
        ("a rejection that was made after it", vec![named.clone(), again.clone()]),
        (
            "an approval that was revoked",
            vec![named.clone(), against(&scene.mended, &scene.between, ReviewDecision::Revoke)],
        ),
        (
            "an approval beside a rejection of the later change",
            vec![named.clone(), against(&scene.mended, &scene.between, ReviewDecision::Reject)],
        ),
    ] {
        let decision = scene.decide(&more);
        assert!(decision.verdict == Verdict::Fail && rejections(&decision) > 0, "{what}: {:#?}", decision.findings);
    }
    let both = scene.settling("ben", &[&scene.rejection, &again]);
    assert_eq!(scene.decide(&[both, again]).verdict, Verdict::Pass);
}

#[test]
fn before_the_later_change_has_landed_nothing_is_settled_and_the_rejected_change_needs_its_approvals() {
    let mut world = World::new();
    let start = world.tip;
    let (rejected, landed) = world.land(1);
    let rejection = world.review("ben", &start, &rejected, ReviewDecision::Reject);
    // What is meant to mend it lies on a branch, and what was built does not have it.
    let (mended, _) = world.land(2);
    world.tip = landed;
    let settles = world.review_settling("ben", &landed, &mended, std::iter::once(Sha256::of(&rejection)).collect());
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.extend(["ada", "cy"].map(|who| world.review(who, &start, &rejected, ReviewDecision::Approve)));
    documents.extend([rejection.clone(), settles]);
    let decision = world.arguments(&artifact, "production", documents).decide();
    assert_eq!((decision.verdict, rejections(&decision)), (Verdict::Fail, 1));

    // With one approval of two, a settled rejection does not stand in for the other.
    let scene = Scene::new();
    let mut documents = scene.world.built(&artifact, &scene.world.tip, "clean", 3).to_vec();
    documents.push(scene.world.review("ada", &scene.start, &scene.rejected, ReviewDecision::Approve));
    for person in ["ada", "cy"] {
        documents.push(scene.world.review(person, &scene.between, &scene.mended, ReviewDecision::Approve));
    }
    documents.extend([scene.rejection.clone(), scene.settling("ben", &[&scene.rejection])]);
    let decision = scene.world.arguments(&artifact, "production", documents).decide();
    assert_eq!(decision.verdict, Verdict::Fail);
    assert!(decision.findings.iter().any(|finding| finding.code == codes::REVIEW_MISSING));
}
