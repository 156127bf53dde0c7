//! What people meet when they ask which controls are served, and attest what no machine shows.

use countersign_core::time::Time;
use countersign_tests::door::Door;

const LEAST: &str = "--store store --least-checkpoint outside/checkpoint";
const SENTENCE: &str = "countersign does not conclude that a criterion is met";

#[test]
fn a_control_that_no_catalogue_has_is_refused_with_the_one_that_was_meant() {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", text.replacen("SOC 2 CC8.1", "SOC2 CC8.1", 1).as_bytes());
    let words =
        ["refused[control-unknown]", "no catalogue has the control `SOC2 CC8.1`", "did you mean `SOC 2 CC8.1`?"];
    door.run("policy lint policy").expect(1, &words);
    door.run("policy build policy --output new.json").expect(1, &words);
    assert!(!door.has("new.json"));
}

#[test]
fn a_release_may_bring_a_catalogue_of_its_own_which_is_part_of_its_digest() {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", text.replacen("SOC 2 CC8.1", "Acme SEC-1", 1).as_bytes());
    std::fs::create_dir(door.path().join("policy/catalogues")).unwrap();
    let own = "name = \"Acme\"\ntitle = \"House rules\"\nfresh_days = 30\n\n[[controls]]\nid = \"SEC-1\"\nreach = \"machine\"\ntext = \"Releases are built by the house builder.\"\n";
    door.write("policy/catalogues/acme.toml", own.as_bytes());
    let build = || door.run("policy build policy --output new.json");
    build().expect(0, &["2 file(s)"]);
    let first = door.read("new.json");
    door.run("controls show Acme_SEC-1 --policy new.json").expect(2, &["did you mean `Acme SEC-1`?"]);
    door.write("policy/catalogues/acme.toml", own.replace("30", "31").as_bytes());
    build().expect(0, &[]);
    assert_ne!(door.read("new.json"), first);
    door.write("policy/catalogues/acme.toml", own.replace("Acme", "SOC 2").as_bytes());
    build().expect(1, &["refused[catalogue-malformed]", "another catalogue has it", "--> catalogues/acme.toml"]);
}

#[test]
fn coverage_has_five_parts_and_concludes_nothing() {
    let door = Door::new();
    let coverage = |more: &str| door.trusting(&format!("controls coverage {LEAST} {more}"));
    let said = coverage("");
    said.expect(
        0,
        &["automated, fresh", "SOC 2 CC8.1", "two-party-review@1", "nothing shows: ", "not looked at:", SENTENCE],
    );
    let json = |more: &str| -> serde_json::Value {
        serde_json::from_str(&coverage(&format!("--format json {more}")).out).unwrap()
    };
    let now = json("");
    let soc = now["coverage"]["catalogues"].as_array().unwrap().iter().find(|c| c["name"] == "SOC 2").unwrap().clone();
    // CC7.1 and CC8.1 by rules; nothing by hand; the other 59 by nothing.
    assert_eq!(soc["controls"]["automatedFresh"], 2);
    assert_eq!((&soc["controls"]["manualCurrent"], &soc["controls"]["stale"]), (&0.into(), &0.into()));
    assert_eq!(soc["controls"]["none"], 59);
    assert_eq!(now["coverage"]["conclusion"], SENTENCE);

    // Long after, the same record is stale: nothing becomes better by waiting.
    let later = json("--at 2035-01-01T00:00:00Z");
    let soc =
        later["coverage"]["catalogues"].as_array().unwrap().iter().find(|c| c["name"] == "SOC 2").unwrap().clone();
    assert_eq!((&soc["controls"]["automatedFresh"], &soc["controls"]["stale"]), (&0.into(), &2.into()));
    // Before anything was active, nothing is known.
    coverage("--at 2026-01-01T00:00:00Z").expect(3, &["indeterminate[policy-not-active]", SENTENCE]);
}

#[test]
fn what_a_person_attests_is_recorded_and_counts_until_its_end() {
    let door = Door::new();
    door.write("protocol.txt", b"all doors were closed");
    let last = || {
        let said = door.run("log show --store store --format json").out;
        let log: serde_json::Value = serde_json::from_str(&said).unwrap();
        log["entries"].as_array().unwrap().last().unwrap()["entry"]["time"].as_str().unwrap().to_owned()
    };
    let from = last();
    let until = from.parse::<Time>().unwrap().plus(365 * 24 * 60 * 60).to_string();
    let add = |key: &str, control: &str, until: &str| {
        let trust = format!("--trust trust.sigstore.json --trust-digest {}", door.digest());
        let line = format!(
            "evidence add manual --statement doors-tried --document protocol.txt --as-of {from} --valid-until {until} \
             --key keys/{key} --log-key keys/log.pem --checkpoint-output outside/checkpoint {LEAST} {trust}"
        );
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.extend(["--control", control]);
        door.run_words(&words)
    };
    let entries = door.entries();
    add("ada", "SOC 2 CC6.44", &until).expect(1, &["refused[control-unknown]", "did you mean `SOC 2 CC6.4`?"]);
    add("ada", "SOC 2 CC6.4", "2099-01-01T00:00:00Z").expect(1, &["refused[manual-evidence]", "longer than a year"]);
    add("gate.pem", "SOC 2 CC6.4", &until).expect(4, &["untrusted[signer-not-allowed]", "by a person"]);
    assert_eq!(door.entries(), entries, "nothing was recorded");
    add("ada", "SOC 2 CC6.4", &until).expect(0, &["person ada attests SOC 2 CC6.4"]);
    let coverage = |more: &str| door.trusting(&format!("controls coverage {LEAST} {more}"));
    coverage("").expect(0, &["manual, current", "person ada", "by hand"]);
    let later = coverage("--at 2035-01-01T00:00:00Z");
    later.expect(0, &["person ada", "stale"]);
    assert!(!later.text.contains("SOC 2 CC6.4  manual, current"), "{}", later.text);
    // It does not stand in the way of decisions, nor of the audit.
    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    door.trusting("audit verify year.cspkg --least-checkpoint outside/checkpoint").expect(0, &["0 come out otherwise"]);
}
