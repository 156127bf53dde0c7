//! What people meet when they build, approve and activate policy.

use countersign_tests::door::Door;

const LEAST: &str = "--least-checkpoint outside/checkpoint";

fn activate(door: &Door, release: &str, environment: &str) -> countersign_tests::door::Said {
    door.trusting(&format!(
        "policy activate {release} --environment {environment} --key keys/ada --log-key keys/log.pem --store store {LEAST}"
    ))
}

#[test]
fn a_release_without_rules_is_not_built() {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    let (head, _) = text.split_once("[[rules]]").unwrap();
    door.write("policy/policy.toml", format!("rules = []\n{head}").as_bytes());
    door.run("policy build policy --output new.json")
        .expect(3, &["indeterminate[policy-empty]", "--> policy.toml", "help: add one", "nothing was written"]);
    assert!(!door.has("new.json"));
}

#[test]
fn a_release_that_does_not_cover_the_environment_is_refused_for_that_first() {
    let door = Door::new();
    let before = door.entries();
    let said = activate(&door, "policy.sigstore.json", "staging");
    said.expect(
        1,
        &["refused[environment-unknown]", "found:    production", "[environments.staging]", "nothing was recorded"],
    );
    assert!(!said.text.contains("policy-below-floor"), "{}", said.text);
    assert_eq!(door.entries(), before);
}
