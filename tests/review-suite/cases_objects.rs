//! The cases about tags that move (E25), and about objects that are not what their names say (E43).

use super::Case;
use super::scene::{MAIN, REPOSITORY, Scene};
use super::stage::{Gating, Stage};
use crate::world::{self, World};
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::ids::RefName;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use serde_json::json;

const MOVED: &str = "tag-moved";

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("E25-moved", "the tag of the last release is moved over a commit that nobody saw", Fail, MOVED, moved),
        case("E25-lightweight", "a lightweight tag where an annotated one was", Fail, MOVED, lightweight),
        case("E25-again", "the annotated tag is made again, on the same commit", Fail, MOVED, again),
        case("E25-other", "the object of another tag under this one's name", Fail, MOVED, other_name),
        case("E25-deleted", "the tag of the last release is deleted", Indeterminate, "tag-missing", deleted),
        case("E25-gate", "the tag that was promoted is moved before the next promotion", Fail, MOVED, gate_moved),
        case("E43-marked", "an object carries the marks of a SHA-1 collision", Fail, "history-collision", marked),
        case("E43-bytes", "an object's file holds the bytes of another object", Fail, "history-malformed", other_bytes),
        case("E43-file", "a file is replaced by one of the same SHA-1, unseen", Fail, "review-missing", colliding_push),
        case("+tag-annotated", "an annotated tag, where it was", Pass, "", honest_annotated),
        case("+tag-light", "a lightweight tag, where it was", Pass, "", honest_light),
        case("+tag-unsaid", "an annotated tag, whose object nobody named", Pass, "", honest_unsaid),
        case("+tag-gate", "two tags promoted one after the other", Pass, "", gate_honest),
        case("+collision", "two published files of one SHA-1, both reviewed", Pass, "hidden-content", honest_collision),
    ]
}

/// A release `v1.0`, reviewed, and tagged as given; the provenance of what was built from it, which names the tag's object
/// or does not.
fn released(annotated: bool, named: bool) -> Scene {
    let mut scene = Scene::new();
    let builder = SigningKey::generate(KeyKind::Ed25519).expect("random bytes");
    let text = scene.trust_text(&["ada", "ben", "cy"]);
    scene.trust(&format!(
        "{text}[[builders]]\nid = \"https://example.com/ci\"\nmax_level = 2\nkeys = [{{ key = \"{}\" }}]\n",
        builder.public().to_openssh()
    ));
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.merge("feature");
    if annotated {
        scene.git(&["tag", "-a", "-m", "one", "v1.0"]);
    } else {
        scene.git(&["tag", "v1.0"]);
    }
    let mut digest = json!({"gitCommit": scene.id("main")});
    if named {
        digest["gitTag"] = json!(scene.id("refs/tags/v1.0"));
    }
    let source = format!("{REPOSITORY}@refs/tags/v1.0");
    let provenance = json!({
        "buildDefinition": {
            "buildType": "https://countersign.dev/build-types/cargo/v1",
            "externalParameters": {"source": source, "arguments": ["build", "--release"]},
            "resolvedDependencies": [{
                "name": "source", "uri": source, "digest": digest,
                "annotations": {"countersign_tree": "clean", "countersign_history": "complete"}
            }]
        },
        "runDetails": {"builder": {"id": "https://example.com/ci"}, "metadata": {"invocationId": "1"}}
    });
    let subject = Subject::sha256("app", &Sha256::of(b"app"));
    let statement = Statement::new(Kind::Provenance, vec![subject], &provenance).expect("a statement");
    let document = sign_payload(&statement.to_bytes().expect("canonical"), &builder).expect("signed");
    scene.reviews.get_mut().push(document);
    scene
}

/// The next change, reviewed and merged.
fn goes_on(scene: &mut Scene) {
    let base = scene.id("main");
    scene.git(&["checkout", "-q", "-b", "next"]);
    scene.edit("b.txt", 4, "next");
    let head = scene.commit("cy", "next");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ada", &head, &base);
    scene.merge("next");
}

fn since_release(mut scene: Scene) -> Stage {
    goes_on(&mut scene);
    scene.prove_range(Some("v1.0"), MAIN)
}

fn moved() -> Stage {
    let scene = released(true, true);
    scene.edit("b.txt", 9, "unseen");
    scene.commit("ada", "unseen");
    scene.git(&["tag", "-f", "-a", "-m", "one", "v1.0"]);
    since_release(scene)
}

fn lightweight() -> Stage {
    let scene = released(true, true);
    scene.git(&["tag", "-f", "v1.0", "v1.0^{commit}"]);
    since_release(scene)
}

fn again() -> Stage {
    let scene = released(true, true);
    scene.git(&["tag", "-f", "-a", "-m", "one, again", "v1.0", "v1.0^{commit}"]);
    since_release(scene)
}

fn other_name() -> Stage {
    let scene = released(true, false);
    scene.git(&["tag", "-a", "-m", "a candidate", "v1.0-rc1", "v1.0^{commit}"]);
    let candidate = scene.id("refs/tags/v1.0-rc1");
    scene.git(&["update-ref", "refs/tags/v1.0", &candidate]);
    since_release(scene)
}

fn deleted() -> Stage {
    let mut scene = released(true, true);
    let start = scene.id("v1.0^{commit}");
    scene.git(&["tag", "-d", "v1.0"]);
    goes_on(&mut scene);
    scene.prove_range(Some(&start), MAIN)
}

fn honest_annotated() -> Stage {
    since_release(released(true, true))
}

fn honest_light() -> Stage {
    since_release(released(false, false))
}

fn honest_unsaid() -> Stage {
    since_release(released(true, false))
}

/// A release of a tag is promoted, and then the next one is asked for; in between, the first tag may move.
fn promoted(between: impl FnOnce(&mut World)) -> Stage {
    let mut world = World::new();
    let first = tagged(&mut world, 1);
    let decision = first.decide();
    assert_eq!(decision.verdict, Pass, "{:?}", decision.findings);
    world.record(&first, &decision);
    let second = tagged(&mut world, 2);
    between(&mut world);
    let arguments = world.arguments(&second.request.subject, "production", second.documents);
    Stage::Gate(Box::new(Gating { world, arguments }))
}

/// A change that two persons reviewed, tagged `v1.N`, built from the tag.
fn tagged(world: &mut World, number: usize) -> world::Arguments {
    let base = world.tip;
    let (head, landed) = world.land(number);
    let name = format!("refs/tags/v1.{number}");
    world.tags.insert(RefName::new(&name).expect("a ref"), landed);
    let artifact = if number == 2 { Sha256::of(super::stage::ARTIFACT) } else { Sha256::of(b"first") };
    let mut documents =
        world.built_from(&format!("{}@{name}", world::REPOSITORY), &artifact, &landed, "clean", 3).to_vec();
    documents.extend(["ada", "ben"].map(|who| world.review(who, &base, &head, ReviewDecision::Approve)));
    world.arguments(&artifact, "production", documents)
}

fn gate_moved() -> Stage {
    promoted(|world| {
        world.tags.insert(RefName::new("refs/tags/v1.1").expect("a ref"), world.tip);
    })
}

fn gate_honest() -> Stage {
    promoted(|_| {})
}

fn reviewed() -> Scene {
    let mut scene = Scene::new();
    let head = scene.feature("ada");
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene
}

/// Nobody has published two git objects of one SHA-1, so the detector is told by hand what it would find.
fn marked() -> Stage {
    let scene = reviewed();
    let blob = scene.id("feature:a.txt");
    scene.prove().marked(&blob)
}

/// As somebody can do who writes to the clone's folder: git itself does not look.
fn other_bytes() -> Stage {
    let scene = reviewed();
    let file = |id: &str| scene.repo().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let (seen, other) = (file(&scene.id("feature:a.txt")), file(&scene.id("start:a.txt")));
    std::fs::remove_file(&seen).expect("removed");
    std::fs::copy(other, seen).expect("copied");
    scene.prove()
}

/// The beginnings of the two files of the `SHAttered` attack (2017): they differ, and have one SHA-1. Inside a git object
/// the header shifts them, so that git tells them apart, and so has every tool that compares files.
fn colliding(scene: &Scene, second: bool) {
    let bytes: Vec<u8> = [COMMON, if second { SECOND } else { FIRST }]
        .concat()
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte"))
        .collect();
    assert_eq!(bytes.len(), 320);
    std::fs::write(scene.repo().join("shattered.pdf"), bytes).expect("written");
}

fn with_first() -> Scene {
    let scene = Scene::new();
    colliding(&scene, false);
    scene.commit("ada", "a document");
    scene.git(&["tag", "-f", "start"]);
    scene
}

fn colliding_push() -> Stage {
    let scene = with_first();
    colliding(&scene, true);
    scene.commit("ada", "the same document");
    scene.prove()
}

fn honest_collision() -> Stage {
    let mut scene = with_first();
    scene.git(&["checkout", "-q", "-b", "feature"]);
    colliding(&scene, true);
    let head = scene.commit("ada", "another document");
    scene.git(&["checkout", "-q", "main"]);
    scene.review("ben", &head, "start");
    scene.merge("feature");
    scene.prove()
}

const COMMON: &str = concat!(
    "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768742033",
    "203020522f547970652034203020522f537562747970652035203020522f46696c7465722036203020522f436f6c6f72",
    "53706163652037203020522f4c656e6774682038203020522f42697473506572436f6d706f6e656e7420383e3e0a7374",
    "7265616d0affd8fffe00245348412d3120697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01",
);
const FIRST: &str = concat!(
    "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3",
    "dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500",
    "eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1",
);
const SECOND: &str = concat!(
    "7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c1530afedfb7",
    "6038e972722fe7ad728f0e4904e046c230570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514",
    "e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1",
);
