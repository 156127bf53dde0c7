//! From a database of advisories to the gate's refusal, and, by what people found out, to its pass.

use countersign_core::time::Time;
use countersign_tests::door::Door;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
const LEAST: &str = "--least-checkpoint outside/checkpoint";
const LOCK: &str = r#"{"lockfileVersion": 3, "packages": {
    "": {"name": "app", "version": "1.0.0", "dependencies": {"a": "*", "b": "*"}},
    "node_modules/a": {"version": "1.0.0"}, "node_modules/b": {"version": "2.0.0"}}}"#;

#[expect(clippy::disallowed_methods, reason = "a database is of today, as its reader has it")]
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Time::from_unix(i64::try_from(seconds).unwrap() - 60).unwrap().to_string()
}

fn advisory(id: &str, more: &Value) -> Value {
    let mut value = json!({"id": id, "modified": today(), "published": "2026-01-01T00:00:00Z", "summary": "it is broken",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{"package": {"ecosystem": "npm", "name": "a"},
                      "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}]}]});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// A door with a policy that asks for a scan, and an SBOM and a database in its folder.
fn door() -> Door {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap().replace("version = 1\n", "version = 2\n");
    let rule = "\n[[rules]]\nid = \"vulnerabilities-handled@1\"\nstages = { production = \"enforce\" }\n";
    door.write("policy/policy.toml", format!("{text}{rule}").as_bytes());
    door.run("policy build policy --output p.json").expect(0, &["vulnerabilities-handled@1"]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve p.json --key keys/{person} --output p.sigstore.json")).expect(0, &[]);
    }
    for person in ["ada", "ben"] {
        let said = door.trusting(&format!(
            "policy activate p.sigstore.json --environment production --key keys/{person} --log-key keys/log.pem \
             --store store {LEAST} --override vulnerabilities-handled@1 --reason tried --activation a.sigstore.json"
        ));
        assert!(person == "ada" || said.code == 0, "{}", said.text);
    }
    std::fs::create_dir(door.path().join("osv")).unwrap();
    door.write("package-lock.json", LOCK.as_bytes());
    door.run("sbom from package-lock.json --output web.cdx.json").expect(0, &[]);
    door
}

fn scan(door: &Door) {
    door.run("sbom vulns web.cdx.json --db osv --output v.json").expect(0, &["held against"]);
    let sign = "sign v.json --type vulns --artifact app.bin --key keys/builder.pem --output v.sigstore.json";
    door.run(sign).expect(0, &["vulns/v0.2"]);
}

#[test]
fn an_advisory_refuses_and_two_persons_who_looked_let_it_pass() {
    let door = door();
    door.write("osv/GHSA-1.json", advisory("GHSA-1", &json!({"aliases": ["CVE-2026-7"]})).to_string().as_bytes());
    door.write("osv/CVE-2026-7.json", advisory("CVE-2026-7", &json!({})).to_string().as_bytes());
    door.write(
        "osv/GHSA-2.json",
        advisory("GHSA-2", &json!({"withdrawn": "2026-02-01T00:00:00Z"})).to_string().as_bytes(),
    );
    let said = door.run("sbom vulns web.cdx.json --db osv --output v.json");
    said.expect(
        0,
        &[
            "v.json: 1 vulnerabilities (1 critical); 2 components held against 3 advisories (1 withdrawn)",
            "0 days old",
            "CVE-2026-7",
            "critical",
            "a 1.0.0",
            "fixed in 1.0.1",
        ],
    );
    scan(&door);
    let promote = |more: &str| door.promote(&format!("--dry-run {EVIDENCE} --bundle v.sigstore.json {more} {LEAST}"));
    promote("").expect(1, &["vulnerability-overdue", "CVE-2026-7, GHSA-1 (critical) is overdue", "pkg:npm/a@1.0.0"]);
    let vex = "sbom vex --vulnerability GHSA-1 --status not-affected --justification vulnerable-code-not-in-execute-path \
               --artifact app.bin --author Security --output x.json";
    door.run(vex).expect(0, &[]);
    for person in ["ada", "ben"] {
        let sign = format!(
            "sign x.json --type vex --artifact app.bin --key keys/{person} --output {person}.vex.sigstore.json"
        );
        door.run(&sign).expect(0, &[]);
    }
    promote("--bundle ada.vex.sigstore.json").expect(1, &["vulnerability-overdue", "1 of 2 persons"]);
    promote("--bundle ada.vex.sigstore.json --bundle ben.vex.sigstore.json")
        .expect(0, &["vulnerability-cleared", "PASS"]);
}

#[test]
fn a_record_that_is_no_vulnerability_is_told_apart_from_one_of_unknown_severity() {
    let door = door();
    let word = |id: &str, name: &str, word: Option<&str>| {
        let affected = json!({"package": {"ecosystem": "npm", "name": name},
            "database_specific": {"informational": word},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]});
        let record = advisory(id, &json!({"affected": [affected], "severity": []}));
        door.write(&format!("osv/{id}.json"), record.to_string().as_bytes());
    };
    word("GHSA-1", "a", Some("unmaintained"));
    word("GHSA-2", "a", Some("unsound"));
    word("GHSA-3", "b", None);
    let said = door.run("sbom vulns web.cdx.json --db osv --output v.json");
    said.expect(
        0,
        &[
            "1 vulnerabilities (1 of unknown severity) and 2 record(s) that the database calls none (1 unmaintained, 1 unsound)",
            "GHSA-1              unmaintained a 1.0.0",
            "called unmaintained, no vulnerability",
            "GHSA-3              severity not known b 2.0.0",
        ],
    );
    let said = door.run("sbom vulns web.cdx.json --db osv --output v.json --format json");
    let said: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said["severities"], json!({"unknown": 1}));
    assert_eq!(said["informational"], json!({"unmaintained": 1, "unsound": 1}));
    let statement: Value = serde_json::from_slice(&door.read("v.json")).unwrap();
    let words =
        statement["scanner"]["result"].as_array().unwrap().iter().map(|one| &one["annotations"]["informational"]);
    assert_eq!(words.collect::<Vec<_>>(), [&json!("unmaintained"), &json!("unsound"), &json!(null)]);
}

#[test]
fn no_scan_an_old_one_and_a_version_that_nobody_can_compare_are_no_pass() {
    let door = door();
    let old = advisory(
        "GHSA-9",
        &json!({"modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "z"}}]}),
    );
    door.write("osv/GHSA-9.json", old.to_string().as_bytes());
    scan(&door);
    let promote = |more: &str| door.promote(&format!("--dry-run {EVIDENCE} {more} {LEAST}"));
    promote("").expect(3, &["scan-missing"]);
    promote("--bundle v.sigstore.json").expect(3, &["scan-stale"]);
    let strange = json!({"affected": [{"package": {"ecosystem": "npm", "name": "b"},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "soon"}]}]}]});
    door.write("osv/GHSA-8.json", advisory("GHSA-8", &strange).to_string().as_bytes());
    scan(&door);
    promote("--bundle v.sigstore.json").expect(1, &["vulnerability-overdue", "GHSA-8"]);
}

#[test]
fn a_database_that_cannot_answer_makes_no_statement() {
    let door = door();
    let vulns = || door.run("sbom vulns web.cdx.json --db osv --output v.json");
    vulns().expect(3, &["no advisory for npm", "nothing was written"]);
    let rust = json!({"affected": [{"package": {"ecosystem": "crates.io", "name": "a"}}]});
    door.write("osv/RUSTSEC-1.json", advisory("RUSTSEC-1", &rust).to_string().as_bytes());
    vulns().expect(3, &["no advisory for npm, of which there are 2 components"]);
    door.write("osv/GHSA-1.json", advisory("GHSA-1", &json!({})).to_string().as_bytes());
    vulns().expect(0, &["1 vulnerabilities"]);
    door.write("osv/broken.json", b"{\"id\": 7}");
    std::fs::remove_file(door.path().join("v.json")).unwrap();
    vulns().expect(3, &["1 records of the database cannot be read", "broken.json"]);
    door.write("osv/broken.json", b"{\"id\": \"a\", \"id\": \"b\", \"modified\": \"x\"}");
    vulns().expect(3, &["duplicate field"]);
    assert!(!door.has("v.json"));
    door.write(
        "none.cdx.json",
        br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": "a"}]}"#,
    );
    door.run("sbom vulns none.cdx.json --db osv --output v.json").expect(3, &["no component has a package URL"]);
    let mut debian = super::foreign("1.0.0", "1.0.0");
    debian["components"][0]["purl"] = json!("pkg:deb/debian/openssl@3.0.11-1?distro=debian-12");
    door.write("debian.cdx.json", debian.to_string().as_bytes());
    door.run("sbom vulns debian.cdx.json --db osv --output v.json").expect(3, &["not compared here: 1 of pkg:deb"]);
    assert!(!door.has("v.json"));
}
