//! The cases that only the gate can see, since they are about what was built: the world in memory, with one change that two
//! persons agreed to.

use super::Case;
use super::stage::{ARTIFACT, Gating, Stage};
use crate::world::{BRANCH, REPOSITORY, World};
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict::{Fail, Pass};
use countersign_core::statement::review::ReviewDecision;
use serde_json::{Value, json};

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, set| Case { id, what, verdict, code, set };
    vec![
        case("E47-garbage", "a review with a second signature, of garbage", Fail, "envelope-signatures", e47_garbage),
        case("E47-twice", "a review with its signature twice", Fail, "envelope-signatures", e47_twice),
        case("E51", "built from another branch than the one that is reviewed", Fail, "source-mismatch", e51),
        case("E52", "built from a tree with changes that nobody committed", Fail, "source-dirty", e52),
        case("+gate", "built from the reviewed branch, from a clean tree", Pass, "", honest),
    ]
}

/// Decides about an artifact of a landed change, with its reviews changed and its provenance as given.
fn decided(source: &str, tree: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Stage {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(ARTIFACT);
    let mut reviews: Vec<Vec<u8>> =
        ["ada", "ben"].iter().map(|who| world.review(who, &base, &head, ReviewDecision::Approve)).collect();
    change(&mut reviews);
    let mut documents = world.built_from(source, &artifact, &landed, tree, 3).to_vec();
    documents.append(&mut reviews);
    let arguments = world.arguments(&artifact, "production", documents);
    Stage::Gate(Box::new(Gating { world, arguments }))
}

fn reviewed_branch() -> String {
    format!("{REPOSITORY}@{BRANCH}")
}

/// The second review with one signature more.
fn signed_again(signature: impl Fn(&Value) -> Value) -> Stage {
    decided(&reviewed_branch(), "clean", |reviews| {
        let mut bundle: Value = serde_json::from_slice(&reviews[1]).expect("JSON");
        let signatures = bundle["dsseEnvelope"]["signatures"].as_array_mut().expect("signatures");
        let more = signature(&signatures[0]);
        signatures.push(more);
        reviews[1] = serde_json::to_vec(&bundle).expect("JSON");
    })
}

fn e47_garbage() -> Stage {
    signed_again(|_| json!({"sig": "AAAA"}))
}

fn e47_twice() -> Stage {
    signed_again(Value::clone)
}

fn e51() -> Stage {
    decided(&format!("{REPOSITORY}@refs/heads/side"), "clean", |_| {})
}

fn e52() -> Stage {
    decided(&reviewed_branch(), "dirty", |_| {})
}

fn honest() -> Stage {
    decided(&reviewed_branch(), "clean", |_| {})
}
