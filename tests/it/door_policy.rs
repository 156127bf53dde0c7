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

#[test]
fn a_key_approves_and_signs_once_and_persons_are_counted() {
    let door = Door::new();
    let trust = format!("--trust trust.sigstore.json --trust-digest {}", door.digest());
    let approve = |person: &str, more: &str| {
        door.run(&format!("policy approve policy.manifest.json --key keys/{person} --output new.json {more}"))
    };
    let lines = |file: &str| String::from_utf8(door.read(file)).unwrap().lines().count();
    approve("ada", "").expect(0, &["signed by 1 key(s)", "with --trust"]);
    approve("ada", "").expect(0, &["already signed by this key: nothing was added", "signed by 1 key(s)"]);
    approve("ada", &trust).expect(0, &["already signed by this key", "1 of 2 needed: ada"]);
    assert_eq!(lines("new.json"), 1);
    approve("ben", &trust).expect(0, &["2 of 2 needed: ada, ben"]);
    assert_eq!(lines("new.json"), 2);

    let sign = |person: &str| door.run(&format!("trust sign trust.toml --key keys/{person} --output new.trust.json"));
    sign("ada").expect(0, &["1 of 2 needed: ada"]);
    sign("ada").expect(0, &["already signed by this key: nothing was added", "1 of 2 needed: ada"]);
    assert_eq!(lines("new.trust.json"), 1);
    sign("ben").expect(0, &["2 of 2 needed: ada, ben"]);

    // A PEM key signs as well, and once as well.
    let pem = |more: &str| {
        door.run(&format!("policy approve policy.manifest.json --key keys/gate.pem --output pem.json {more}"))
    };
    pem("").expect(0, &["signed by 1 key(s)"]);
    pem("").expect(0, &["already signed by this key"]);
    assert_eq!(lines("pem.json"), 1);
}

#[test]
fn trust_for_one_person_says_that_no_policy_can_be_approved() {
    let door = Door::new();
    let init = |more: &str, output: &str| {
        door.run(&format!("trust init --person ada=keys/ada.pub {more} --environment e --output {output}"))
    };
    init("", "one.toml").expect(
        0,
        &["note[role-too-small]", "--> one.toml, [roles.policy-approvers]", "found:    1", "help: add a second person"],
    );
    let two = init("--person ben=keys/ben.pub", "two.toml");
    two.expect(0, &["two.toml: 2 person(s)"]);
    assert!(!two.text.contains("role-too-small"), "{}", two.text);
}

#[test]
fn the_history_of_an_environment_that_trust_does_not_know_is_refused() {
    let door = Door::new();
    let history = |name: &str| door.trusting(&format!("policy history --store store --environment {name}"));
    history("nope").expect(1, &["refused[environment-unknown]", "expected: production", "found:    nope"]);
    history("production").expect(0, &["1 (active)"]);
}

#[test]
fn a_first_policy_keeps_the_floor_of_a_first_trust_in_each_of_its_environments() {
    let door = Door::new();
    let done = |line: &str| door.run(line).expect(0, &[]);
    done(
        "trust init --person ada=keys/ada.pub --person ben=keys/ben.pub --gate https://example.com/gate=keys/gate.pem.pub \
         --builder https://countersign.dev/builders/local/v1=keys/builder.pem.pub --log example.com/log=keys/log.pem.pub \
         --environment staging --environment production --output first.toml",
    );
    for person in ["ada", "ben"] {
        done(&format!("trust sign first.toml --key keys/{person} --output first.sigstore.json"));
    }
    let digest = door.run("trust digest first.sigstore.json").out.trim().to_owned();
    done("log init --origin example.com/log --key keys/log.pem --store first");
    done("log checkpoint --store first --output first.checkpoint");
    let start = door.git("rev-parse main");
    done(&format!(
        "policy new --policy first-policy --uri https://example.com/policy/first --repository git+https://example.com/demo/app \
         --owner platform --start {start}"
    ));
    // The environment has the digest, as for every verb that takes it.
    let outside = [("COUNTERSIGN_TRUST_DIGEST", digest.as_str())];
    let approved = |release: &str| {
        done(&format!("policy build first-policy --output {release}.manifest.json"));
        for person in ["ada", "ben"] {
            let line = format!(
                "policy approve {release}.manifest.json --key keys/{person} --output {release}.json --trust first.sigstore.json"
            );
            door.run_with(&outside, &line).expect(0, &[]);
        }
    };
    let activate = |release: &str, environment: &str| {
        door.run_with(
            &outside,
            &format!(
                "policy activate {release}.json --environment {environment} --key keys/ada --log-key keys/log.pem --store first \
                 --lock first.lock --trust first.sigstore.json --least-checkpoint first.checkpoint"
            ),
        )
    };
    approved("one");
    for environment in ["staging", "production"] {
        activate("one", environment).expect(0, &[&format!("active for {environment}")]);
    }
    // Another release under the same version: one finding, which says what to do.
    let text = String::from_utf8(door.read("first-policy/policy.toml")).unwrap();
    let lenient =
        text.replacen("[environments.staging]\nenforced = true", "[environments.staging]\nenforced = false", 1);
    assert_ne!(lenient, text);
    door.write("first-policy/policy.toml", lenient.as_bytes());
    approved("two");
    let said = activate("two", "production");
    said.expect(1, &["policy-version-reused", "give the release the next version"]);
    assert!(!said.text.contains("policy-rollback") && !said.text.contains("policy-unapproved"), "{}", said.text);
    door.write("first-policy/policy.toml", lenient.replacen("version = 1\n", "version = 2\n", 1).as_bytes());
    approved("three");
    activate("three", "staging")
        .expect(1, &["policy-below-floor", "set `enforced = true` under [environments.staging]"]);
}
