//! What other tools left in a repository, from the command line: found, held against trust, shown, and counted only where
//! that is asked for.

use crate::door::holds;

use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::door::Door;
use countersign_tests::review_attacks::{REPOSITORY, Scene, cases_foreign, gittuf};
use serde_json::Value;

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
