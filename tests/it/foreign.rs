//! What other tools left in a repository, from the command line: found, held against trust, shown, and counted only where
//! that is asked for.

use crate::door::holds;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Verdict, verdict_of};
use countersign_core::git::{Commit, Entry, Mode, Object, ObjectFormat, ObjectKind, ObjectSource as _, Oid, Tree};
use countersign_core::ids::RefName;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_flow::audit::{self, OutsideTrust};
use countersign_flow::place::Place;

use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::door::Door;
use countersign_tests::review_suite::{REPOSITORY, Scene, cases_foreign, gittuf};
use countersign_tests::world::{World, policy_toml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MAIN: &str = "refs/heads/main";

/// A change of ada's that ben authorized in gittuf, merged. Gives the landed commit.
fn authorized(scene: &Scene) -> String {
    let base = scene.id("main");
    scene.feature("ada");
    let landed = scene.merge("feature");
    let tree = scene.id("main^{tree}");
    let text = gittuf::envelope(scene, &gittuf::authorization(MAIN, &base, &tree), &["ben", "stranger"]);
    gittuf::attest(scene, &[(gittuf::path(&base, &tree), text)]);
    landed
}

fn line(scene: &Scene, verb: &str, more: &str) -> String {
    let (trust, digest) = scene.trust_file();
    format!(
        "review {verb} --repo {} --repository {REPOSITORY} --trust {} --trust-digest {digest} {more}",
        scene.repo().display(),
        trust.display()
    )
}

#[test]
fn what_gittuf_recorded_counts_where_it_is_asked_for_and_as_the_lowest_tier() {
    let door = Door::new();
    let scene = Scene::default();
    let landed = authorized(&scene);
    let verify = line(&scene, "verify start..main", "--notes");
    door.run(&verify).expect(1, &["review-missing", "written by others", "what gittuf recorded was not asked for"]);
    door.run(&format!("{verify} --foreign")).expect(1, &["review-tier", "ben approved, T1"]);
    let said = door.run(&format!("{verify} --foreign --least-tier T1"));
    said.expect(
        0,
        &["PASS", "is the move that was agreed to", "gittuf authorization: refs/heads/main may move to tree"],
    );
    said.expect(0, &["signed by  person ben", "counted", "foreign-not-counted", "a key that is not in trust"]);
    let explain = line(&scene, "explain main --range start..main", "--foreign --least-tier T1");
    door.run(&explain).expect(0, &["written by others", "ben approve: counted", "nothing is missing"]);
    let document = holds("review verify", &door.run(&format!("{verify} --foreign --least-tier T1 --format json")));
    let rows: Vec<(bool, Option<&str>, Option<&str>)> = document["foreign"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["counted"] == true, row["signedBy"].as_str(), row["commit"].as_str()))
        .collect();
    let landed = Some(landed.as_str());
    assert_eq!(rows, [(true, Some("person ben"), landed), (false, Some("nobody that trust knows"), landed)]);
    holds("review explain", &door.run(&format!("{explain} --format json")));
}

#[test]
fn a_repository_without_any_of_it_shows_none() {
    let door = Door::new();
    let scene = Scene::default();
    scene.feature("ada");
    scene.merge("feature");
    let said = door.run(&line(&scene, "verify start..main", "--foreign"));
    said.expect(1, &["review-missing"]);
    assert!(!said.text.contains("written by others"), "{}", said.text);
}

#[test]
fn what_another_verifier_claims_is_shown_and_counts_for_nothing() {
    let door = Door::new();
    let mut scene = Scene::default();
    let gate = SigningKey::generate(KeyKind::Ed25519).unwrap();
    let pem = gate.public().to_pem().unwrap();
    let gates = format!(
        "[[gates]]\nid = \"https://example.com/verifier\"\nkeys = [{{ key = \"\"\"\n{pem}\"\"\" }}]\nenvironments = [\"production\"]\n"
    );
    let text = scene.trust_text(&["ada", "ben", "cy"]).replace("[roles.trust]", &format!("{gates}[roles.trust]"));
    scene.trust(&text);
    scene.feature("ada");
    let landed = scene.merge("feature");
    let summary = gittuf::summary("https://example.com/verifier", REPOSITORY, &landed).to_string();
    let known = String::from_utf8(sign_payload(summary.as_bytes(), &gate).unwrap()).unwrap();
    gittuf::note(&scene, &landed, &gittuf::source_provenance(REPOSITORY, &landed, &scene.id("start")));
    gittuf::note(&scene, &landed, &known);
    gittuf::note(&scene, &landed, "looks good to me");
    let said = door.run(&line(&scene, "verify start..main", "--foreign --least-tier T1 --format json"));
    assert_eq!(said.code, 1, "{}", said.text);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let rows = document["foreign"].as_array().unwrap();
    let has = |says: &str, why: &str| {
        let with = |row: &&Value| row["says"].as_str().unwrap().contains(says);
        let found = rows.iter().filter(with).any(|row| row["whyNot"].as_str().unwrap().contains(why));
        assert!(found, "{says}: {why} in {rows:#?}");
    };
    has("SLSA_SOURCE_LEVEL_3", "the claim of a verifier that trust names; it shows no review");
    has("pr_merge, controls: REVIEW_ENFORCED", "it is another's claim, and shows no review");
    has("nothing that is read", "an envelope of another tool");
    assert!(rows.iter().all(|row| row["counted"] == false && row["commit"] == landed.as_str()));
}

#[test]
fn each_reason_for_which_it_does_not_count_is_said() {
    for (reason, scene) in cases_foreign::reasons() {
        let rows = scene().foreign();
        let said: Vec<&str> = rows.iter().filter_map(|row| row.why_not.as_deref()).collect();
        assert!(said.iter().any(|why| why.contains(reason)), "{reason}: {said:#?}");
    }
}

/// A world whose policy takes evidence of T1, and what gittuf recorded if `parameter` says so.
fn world(parameter: &str) -> World {
    let mut world = World::new();
    let text = world.trust_toml(2).replace("\"T3\"", "\"T1\"");
    world.trust_from_now_on(&text, &["ada", "ben"]);
    let asked = format!("least_tier = \"T1\"{parameter} }}");
    let text = policy_toml(&world.start).replace("version = 1", "version = 2").replace("least_tier = \"T3\" }", &asked);
    let manifest = Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())])).unwrap();
    let release = world.release(&manifest, &["ada", "ben"]);
    let replaces = Some(world.pin.digest);
    world.activate(&manifest, &release, "production", &["ada"], replaces, None);
    world.pin.version = 2;
    world.pin.digest = manifest.digest().unwrap();
    world
}

fn put(world: &mut World, kind: ObjectKind, bytes: Vec<u8>) -> Oid {
    world.objects.insert(ObjectFormat::Sha1, Object::new(kind, bytes)).unwrap()
}

/// An authorization of what landed, by these people's keys, and the log's word that it is there.
fn record(world: &mut World, from: &Oid, landed: &Oid, signers: &[&str]) {
    let tree = world.objects.commit(landed).unwrap().tree;
    let statement = gittuf::authorization(MAIN, &from.hex(), &tree.hex()).to_string();
    let envelope = |signer: &&str| -> Value {
        let bundle = sign_payload(statement.as_bytes(), &world.people[*signer]).unwrap();
        serde_json::from_slice::<Value>(&bundle).unwrap()["dsseEnvelope"].clone()
    };
    let mut envelopes: Vec<Value> = signers.iter().map(envelope).collect();
    let signatures: Vec<Value> = envelopes.iter().map(|envelope| envelope["signatures"][0].clone()).collect();
    envelopes[0]["signatures"] = json!(signatures);
    let mut at = put(world, ObjectKind::Blob, envelopes[0].to_string().into_bytes());
    let path = gittuf::path(&from.hex(), &tree.hex());
    for (n, part) in path.split('/').rev().enumerate() {
        let mode = if n == 0 { Mode::File } else { Mode::Directory };
        let folder = Tree::new(vec![Entry { mode, name: part.as_bytes().to_vec(), id: at }]).unwrap();
        at = put(world, ObjectKind::Tree, folder.encode());
    }
    let who = b"x <x@example.com> 0 +0000";
    let attestations = put(world, ObjectKind::Commit, Commit::encode(&at, &[], who, who, b"Update"));
    let entry = format!("RSL Reference Entry\n\nref: {}\ntargetID: {attestations}\nnumber: 1", gittuf::ATTESTATIONS);
    let entry = put(world, ObjectKind::Commit, Commit::encode(&at, &[], who, who, entry.as_bytes()));
    let name = |name: &str| RefName::new(name).unwrap();
    world.others =
        BTreeMap::from([(name(gittuf::ATTESTATIONS), attestations), (name("refs/gittuf/reference-state-log"), entry)]);
}

#[test]
fn the_gate_takes_what_gittuf_recorded_if_the_policy_asks_and_the_auditor_gets_the_same() {
    let asked = ", foreign_reviews = \"count\"";
    for (parameter, signers, verdict) in [
        (asked, vec!["ada", "ben"], Verdict::Pass),
        (asked, vec!["ada", "ada"], Verdict::Fail),
        ("", vec!["ada", "ben"], Verdict::Fail),
    ] {
        let mut world = world(parameter);
        let from = world.tip;
        let (_, landed) = world.land(1);
        world.waiting.clear();
        record(&mut world, &from, &landed, &signers);
        let artifact = Sha256::of(b"artifact");
        let documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        let arguments = world.arguments(&artifact, "production", documents.clone());
        let decision = arguments.decide();
        assert_eq!(decision.verdict, verdict, "{parameter} {signers:?}: {:#?}", decision.findings);
        if verdict != Verdict::Pass {
            continue;
        }
        world.record(&arguments, &decision);
        let folder = tempfile::tempdir().unwrap();
        world.write_store(folder.path());
        let package = audit::export(&Place::new(folder.path())).unwrap().bytes;
        let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
        let report = audit::verify(&package, Some(trust), Some(&world.checkpoint())).unwrap();
        assert_eq!(verdict_of(&report.findings), Verdict::Pass, "{:#?}", report.findings);
        assert!(report.decisions.iter().all(|row| row.same_again && row.authorised));
        // Each of the two refs is needed: without one, what is in the other counts for nothing.
        let whole = world.others.clone();
        for name in whole.keys() {
            world.others = whole.iter().filter(|(other, _)| *other != name).map(|(n, id)| (n.clone(), *id)).collect();
            let less = world.arguments(&artifact, "production", documents.clone()).decide();
            assert_ne!(less.verdict, Verdict::Pass, "without {name}");
        }
    }
}
