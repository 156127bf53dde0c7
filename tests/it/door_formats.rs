//! The whole way through the door where something about the source is not as it mostly is: ids of the other hash, and a
//! release of policy that has two sources.

use countersign_tests::door::Door;
use serde_json::Value;

#[test]
fn a_repository_of_sha256_is_promoted_and_audited_by_the_same_commands() {
    let door = Door::new();
    let long = [("GIT_DEFAULT_HASH", "sha256")];
    door.run_with(&long, "demo --keep long").expect(0, &["PASS: authorised for production"]);
    assert_eq!(door.git_in("long/app", "rev-parse --show-object-format").1.trim(), "sha256");
    let commit = door.git_in("long/app", "rev-parse HEAD").1.trim().to_owned();
    assert_eq!(commit.len(), 64, "{commit}");
    let digest = String::from_utf8(door.read("long/outside/trust.digest")).unwrap();
    let trust = format!("--trust long/trust.sigstore.json --trust-digest {}", digest.trim());

    // The gate again, over the repository as it is: the source that it decided about is the long id.
    let promote = format!(
        "promote long/app.bin --to production --repo long/app --store long/store --lock long/countersign.lock \
         --key long/keys/gate.pem --log-key long/keys/log.pem --least-checkpoint long/outside/checkpoint \
         --bundle long/app.provenance.sigstore.json --bundle long/app.sbom.sigstore.json {trust}"
    );
    let said = door.run(&format!("{promote} --reviews long/reviews --format json"));
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["authorised"], true, "{}", said.text);
    assert_eq!(value["decision"]["source"]["revision"], commit.as_str());

    // And the auditor, without git and without the repository.
    std::fs::remove_dir_all(door.path().join("long/app")).unwrap();
    let audit = format!("audit verify long/demo.cspkg {trust} --least-checkpoint long/outside/checkpoint");
    door.run(&audit).expect(0, &["PASS"]);
}

/// A store, trust's arguments and a release of policy that names these sources besides the demo's own.
fn with_sources(door: &Door, more: &str) -> String {
    let ended = |line: &str| door.run(line).expect(0, &[]);
    let trust =
        format!("--trust trust.sigstore.json --trust-digest {} --least-checkpoint two.checkpoint", door.digest());
    ended("log init --origin example.com/log --key keys/log.pem --store two");
    ended("log checkpoint --store two --output two.checkpoint");
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    // The demo's own comes last, so that taking the first one would be noticed.
    let (head, tail) = text.split_once("[[sources]]").unwrap();
    door.write("policy/policy.toml", format!("{head}{more}[[sources]]{tail}").as_bytes());
    ended("policy build policy --output two.manifest.json");
    ended("policy approve two.manifest.json --key keys/ada --output two.policy.json");
    ended("policy approve two.manifest.json --key keys/ben --output two.policy.json");
    ended(&format!(
        "policy activate two.policy.json --environment production --key keys/ada --log-key keys/log.pem \
         --store two --lock two.lock {trust} --checkpoint-output two.checkpoint"
    ));
    format!(
        "promote app.bin --to production --repo app --store two --lock two.lock --key keys/gate.pem \
         --log-key keys/log.pem {trust} --bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json"
    )
}

#[test]
fn of_two_sources_the_one_that_was_built_is_proved_and_the_other_gives_nothing_away() {
    let door = Door::new();
    let start = door.git("rev-list --max-parents=0 HEAD");
    let tip = door.git("rev-parse main");
    // The other source would let the tip through as its start: it is another repository's.
    let other = format!(
        "[[sources]]\nrepository = \"git+https://example.com/other/app\"\nref = \"refs/heads/main\"\nstart = \"{tip}\"\n\n"
    );
    let promote = with_sources(&door, &other);
    door.run(&promote).expect(1, &["refused[review-missing]"]);
    let said = door.run(&format!("{promote} --reviews reviews --format json"));
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["authorised"], true, "{}", said.text);
    assert_eq!(value["decision"]["source"]["revision"], tip.as_str());
    assert_ne!(start, tip);
}
