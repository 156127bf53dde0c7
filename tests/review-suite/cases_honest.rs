//! More honest twins, so that every family has some: everything is in order, and has to pass.

use super::Case;
use super::cases_forge::{by_ada, landed};
use super::hosted::Hosted;
use super::scene::{MAIN, Scene};
use super::stage::Stage;
use crate::forge::Opinion;
use countersign_core::finding::Verdict::Pass;
use countersign_sign::{KeyKind, SigningKey};

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, set| Case { id, what, verdict: Pass, code: "", set };
    vec![
        case("+two-keys", "a person's second key approves, another person's first one too", two_keys),
        case("+dsse", "a review signed with a PEM key, in an envelope", enveloped),
        case("+evidence-twice", "the same review is handed in twice", twice),
        case("+evidence-other", "reviews of other repositories lie beside the one that counts", beside),
        case("+trust-then", "the approver was trusted when she approved, and is now", trusted_then),
        case("+first", "a first release, whose start the policy names by its id", first),
        case("+forge-pages", "more reviews than one page of the forge's answers has", pages),
    ]
}

fn reviewed_by(scene: &mut Scene, people: &[&str]) {
    let head = scene.feature("ada");
    for person in people {
        scene.review(person, &head, "start");
    }
    scene.merge("feature");
}

fn two_keys() -> Stage {
    let mut scene = Scene::new();
    let second = scene.new_key("ben-second");
    let line = std::fs::read_to_string(second.with_extension("pub")).expect("a key");
    let ben = scene.public("ben");
    let text = scene.trust_text(&["ada", "ben", "cy"]);
    let one = format!("{{ key = \"{ben}\" }}");
    scene.trust(&text.replace(&one, &format!("{one}, {{ key = \"{}\" }}", line.trim())));
    scene.git(&["checkout", "-q", "-b", "feature"]);
    scene.edit("a.txt", 2, "feature");
    let head = scene.commit_unsigned("Outsider", "feature");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("cy", &head, "start");
    scene.review("ben", &head, "start");
    scene.review_with("ben-second", |review| review.nonce.push('2'));
    scene.merge("feature");
    scene.prove()
}

fn enveloped() -> Stage {
    let mut scene = Scene::new();
    let key = SigningKey::generate(KeyKind::Ed25519).expect("random bytes");
    let ben = scene.public("ben");
    let text = scene.trust_text(&["ada", "ben", "cy"]);
    scene.trust(&text.replace(&ben, &key.public().to_openssh()));
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.resign_last(&key);
    scene.merge("feature");
    scene.prove()
}

fn twice() -> Stage {
    let mut scene = Scene::new();
    reviewed_by(&mut scene, &["ben"]);
    let again = scene.reviews.borrow()[0].clone();
    scene.reviews.get_mut().push(again);
    scene.prove()
}

fn beside() -> Stage {
    use countersign_core::statement::review::ReviewDecision::{Approve, Reject};
    let mut scene = Scene::new();
    reviewed_by(&mut scene, &["ben"]);
    let head = scene.id("feature");
    scene.review_as("cy", &head, "start", Reject, "git+https://example.com/other", MAIN);
    scene.review_as("cy", &head, "start", Approve, super::scene::REPOSITORY, "refs/heads/experiments");
    scene.prove()
}

fn trusted_then() -> Stage {
    let (mut hosted, number) = by_ada();
    let ben = hosted.ben;
    let since = "valid_from = \"2026-01-01T00:00:00Z\"";
    hosted.trust(|text| text.replace(&format!("id = {ben} }}"), &format!("id = {ben}, {since} }}")));
    hosted.approve(number, ben);
    landed(hosted, number)
}

fn first() -> Stage {
    let mut scene = Scene::new();
    reviewed_by(&mut scene, &["ben"]);
    let root = scene.git(&["rev-list", "--max-parents=0", "main"]);
    scene.git(&["tag", "-d", "start"]);
    scene.prove_range(Some(&root), MAIN)
}

fn pages() -> Stage {
    let mut hosted = Hosted::new();
    let number = hosted.open(hosted.ada, "feature", "Ada");
    for _ in 0..130 {
        hosted.story.review(number, hosted.mallory, Opinion::Comment);
    }
    hosted.approve(number, hosted.ben);
    landed(hosted, number)
}
