//! The rules over signed results of other tools: licences, tests, vulnerabilities, hermetic builds. Each case both ways, by
//! whole decisions, with what the log remembers.

use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Verdict};
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_sign::{SigningKey, sign_payload};
use countersign_tests::world::{Arguments, World, policy_toml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NOW: &str = "2026-11-22T10:00:00Z";

/// A world whose policy has one rule more, and one change that waits.
struct Ready {
    world: World,
    artifact: Sha256,
    commit: String,
    documents: Vec<Vec<u8>>,
}

impl Ready {
    fn new(rule: &str, parameters: &str) -> Self {
        let mut world = World::new();
        let text = policy_toml(&world.start).replace("version = 1\n", "version = 2\n")
            + &format!(
                "[[rules]]\nid = \"{rule}\"\nstages = {{ production = \"enforce\", staging = \"warn\" }}\n\
                 parameters = {{ {parameters} }}\n"
            );
        let manifest = Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())])).unwrap();
        let release = world.release(&manifest, &["ada", "ben"]);
        let replaces = Some(world.pin.digest);
        world.overrides = [countersign_core::ids::RuleId::new(rule).unwrap()].into();
        world.activate(&manifest, &release, "production", &["ada", "ben"], replaces, Some("one rule more"));
        world.pin.digest = manifest.digest().unwrap();
        world.pin.version = 2;
        let base = world.tip;
        let (head, landed) = world.land(1);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        Self { world, artifact, commit: landed.hex(), documents }
    }

    fn about(&self, kind: Kind, predicate: &Value, by: &SigningKey) -> Vec<u8> {
        over(kind, vec![Subject::sha256("app", &self.artifact)], predicate, by)
    }

    fn arguments(&self, more: &[Vec<u8>]) -> Arguments {
        let documents = self.documents.iter().chain(more).cloned().collect();
        self.world.arguments(&self.artifact, "production", documents)
    }

    fn decide(&self, more: &[Vec<u8>]) -> (Verdict, Vec<String>) {
        let decision = self.arguments(more).decide();
        let above = decision.findings.iter().filter(|finding| finding.class != Class::Note);
        (decision.verdict, above.map(|finding| finding.code.to_string()).collect())
    }

    fn refused(&self, more: &[Vec<u8>], code: &str) {
        let (verdict, codes) = self.decide(more);
        assert_ne!(verdict, Verdict::Pass, "{code}");
        assert_eq!(codes, [code]);
    }

    fn passes(&self, more: &[Vec<u8>]) {
        assert_eq!(self.decide(more), (Verdict::Pass, Vec::new()));
    }

    fn builder(&self) -> &SigningKey {
        &self.world.builder
    }

    /// Decides over these and records it: what was listed once is remembered.
    fn record(&mut self, more: &[Vec<u8>]) {
        let arguments = self.arguments(more);
        let decision = arguments.decide();
        self.world.record(&arguments, &decision);
    }
}

fn over(kind: Kind, subjects: Vec<Subject>, predicate: &Value, by: &SigningKey) -> Vec<u8> {
    let statement = Statement::new(kind, subjects, predicate).unwrap();
    sign_payload(&statement.to_bytes().unwrap(), by).unwrap()
}

fn tests(result: &str, suite: &str, passed: &[&str], failed: &[&str]) -> Value {
    json!({"result": result, "configuration": [{"name": suite}], "passedTests": passed, "failedTests": failed})
}

#[test]
fn a_revision_whose_tests_ran_and_passed_goes_through() {
    let ready = Ready::new("tests-passed@1", "suites = [\"unit\"], least = 2");
    let signed = |value: &Value| ready.about(Kind::TestResult, value, ready.builder());
    ready.refused(&[], "tests-missing");
    ready.passes(&[signed(&tests("PASSED", "unit", &["a", "b"], &[]))]);
    ready.refused(&[signed(&tests("PASSED", "other", &["a", "b"], &[]))], "tests-missing");
    ready.refused(&[signed(&tests("PASSED", "unit", &["a"], &[]))], "tests-missing");
    let (once, again) = (tests("PASSED", "unit", &["a", "a"], &[]), tests("WARNED", "unit", &["a"], &[]));
    ready.refused(&[signed(&once), signed(&again)], "tests-missing");
    ready.refused(&[signed(&tests("FAILED", "unit", &["a", "b"], &["c"]))], "tests-failed");
    ready.refused(&[signed(&json!({"result": "PASSED", "configuration": [{"name": "unit"}]}))], "tests-missing");
    ready.refused(
        &[signed(&tests("PASSED", "unit", &["a", "b"], &[])), signed(&json!({"result": "yes"}))],
        "tests-malformed",
    );
}

#[test]
fn a_result_about_the_commit_counts_and_one_about_another_does_not() {
    let ready = Ready::new("tests-passed@1", "");
    let of = |commit: &str| {
        let subjects = vec![Subject::git("HEAD", "gitCommit", commit)];
        over(Kind::TestResult, subjects, &tests("PASSED", "unit", &["a"], &[]), ready.builder())
    };
    ready.passes(&[of(&ready.commit)]);
    ready.refused(&[of(&"0".repeat(40))], "tests-missing");
}

#[test]
fn a_person_cannot_say_that_tests_passed() {
    let ready = Ready::new("tests-passed@1", "");
    let by_ada = ready.about(Kind::TestResult, &tests("PASSED", "unit", &["a"], &[]), &ready.world.people["ada"]);
    let (verdict, codes) = ready.decide(&[by_ada]);
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        codes.contains(&"signer-not-allowed".to_owned()) && codes.contains(&"tests-missing".to_owned()),
        "{codes:?}"
    );
}

#[test]
fn a_failure_that_was_listed_once_stays_when_it_is_left_out() {
    let mut ready = Ready::new("tests-passed@1", "");
    let good = ready.about(Kind::TestResult, &tests("PASSED", "unit", &["a"], &[]), ready.builder());
    let bad = ready.about(Kind::TestResult, &tests("FAILED", "unit", &[], &["a"]), ready.builder());
    ready.record(&[good.clone(), bad]);
    ready.refused(&[good], "tests-failed");
}

fn scan(updated: &str, result: &Value) -> Value {
    json!({
        "scanner": {"uri": "https://example.com/scanner", "db": {"lastUpdate": updated}, "result": result},
        "metadata": {"scanStartedOn": updated, "scanFinishedOn": updated}
    })
}

fn found(score: &str, annotations: &Value) -> Value {
    json!([{"id": "CVE-2026-1", "severity": [{"method": "cvss", "score": score}], "annotations": annotations}])
}

fn vex(status: &str, at: &str) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1", "author": "security",
        "timestamp": at, "version": 1,
        "statements": [{"vulnerability": {"name": "GHSA-1"}, "status": status,
            "justification": "vulnerable_code_not_in_execute_path"}]
    })
}

#[test]
fn an_artifact_without_known_vulnerabilities_goes_through_while_the_scan_is_fresh() {
    let ready = Ready::new("vulnerabilities-handled@1", "max_age_days = 3");
    let signed = |value: &Value| ready.about(Kind::Vulns, value, ready.builder());
    ready.refused(&[], "scan-missing");
    ready.passes(&[signed(&scan("2026-11-20T10:00:00Z", &json!([])))]);
    ready.refused(&[signed(&scan("2026-11-19T09:59:59Z", &json!([])))], "scan-stale");
    ready.refused(&[signed(&scan("2026-11-23T00:00:00Z", &json!([])))], "scan-stale");
    let (verdict, codes) = ready.decide(&[signed(&scan("yesterday", &json!([])))]);
    assert_eq!(
        (verdict, codes),
        (Verdict::Indeterminate, vec!["scan-malformed".to_owned(), "scan-missing".to_owned()])
    );
}

#[test]
fn what_is_exploited_or_overdue_is_refused_and_what_is_new_is_noted() {
    let ready = Ready::new("vulnerabilities-handled@1", "");
    let with = |score: &str, annotations: Value| {
        ready.about(Kind::Vulns, &scan(NOW, &found(score, &annotations)), ready.builder())
    };
    ready.passes(&[with("9.8", json!({"published": "2026-11-20T00:00:00Z"}))]);
    ready.refused(&[with("9.8", json!({"published": "2026-11-01T00:00:00Z"}))], "vulnerability-overdue");
    ready.passes(&[with("7.0", json!({"published": "2026-11-01T00:00:00Z"}))]);
    ready.refused(&[with("7.0", json!({}))], "vulnerability-overdue");
    ready.refused(&[with("7.0", json!({"published": "2099-01-01T00:00:00Z"}))], "vulnerability-overdue");
    ready.refused(&[with("unknown", json!({"published": "2026-11-01T00:00:00Z"}))], "vulnerability-overdue");
    let exploited = json!({"published": "2026-11-20T00:00:00Z", "known_exploited": true});
    ready.refused(&[with("low", exploited)], "vulnerability-exploited");
}

#[test]
fn two_persons_clear_a_vulnerability_and_neither_one_nor_a_machine_does() {
    let ready = Ready::new("vulnerabilities-handled@1", "");
    let annotations = json!({"known_exploited": true, "aliases": ["GHSA-1"]});
    let scan = ready.about(Kind::Vulns, &scan(NOW, &found("9.8", &annotations)), ready.builder());
    let says =
        |person: &str, status: &str, at: &str| ready.about(Kind::Vex, &vex(status, at), &ready.world.people[person]);
    let clear = |person: &str| says(person, "not_affected", "2026-11-22T09:00:00Z");
    ready.passes(&[scan.clone(), clear("ada"), clear("ben")]);
    ready.refused(&[scan.clone(), clear("ada")], "vulnerability-exploited");
    ready.refused(&[scan.clone(), clear("ada"), clear("ada")], "vulnerability-exploited");
    // A newer word of one of them, a word of a third, a time to come.
    let later = says("ada", "affected", "2026-11-22T09:30:00Z");
    ready.refused(&[scan.clone(), clear("ada"), clear("ben"), later], "vulnerability-exploited");
    let third = says("cy", "under_investigation", "2026-11-22T09:30:00Z");
    ready.refused(&[scan.clone(), clear("ada"), clear("ben"), third], "vulnerability-exploited");
    let ahead = says("ben", "not_affected", "2026-11-22T11:00:00Z");
    ready.refused(&[scan.clone(), clear("ada"), ahead], "vulnerability-exploited");
    let machine = ready.about(Kind::Vex, &vex("not_affected", NOW), ready.builder());
    let (_, codes) = ready.decide(&[scan, clear("ada"), machine]);
    assert!(codes.contains(&"signer-not-allowed".to_owned()), "{codes:?}");
}

#[test]
fn a_scan_or_a_doubt_that_was_listed_once_stays_when_it_is_left_out() {
    let annotations = json!({"known_exploited": true, "aliases": ["GHSA-1"]});
    let mut ready = Ready::new("vulnerabilities-handled@1", "");
    let clean = ready.about(Kind::Vulns, &scan("2026-11-20T00:00:00Z", &json!([])), ready.builder());
    let newer = ready.about(Kind::Vulns, &scan("2026-11-21T00:00:00Z", &found("9.8", &annotations)), ready.builder());
    ready.record(&[clean.clone(), newer]);
    ready.refused(&[clean], "vulnerability-exploited");
    let newest = ready.about(Kind::Vulns, &scan(NOW, &json!([])), ready.builder());
    ready.passes(&[newest]);

    let mut ready = Ready::new("vulnerabilities-handled@1", "");
    let scan = ready.about(Kind::Vulns, &scan(NOW, &found("9.8", &annotations)), ready.builder());
    let says = |ready: &Ready, person: &str, status: &str| {
        ready.about(Kind::Vex, &vex(status, "2026-11-22T09:00:00Z"), &ready.world.people[person])
    };
    let clear = ["ada", "ben"].map(|person| says(&ready, person, "not_affected"));
    let doubt = says(&ready, "cy", "affected");
    ready.record(&[scan.clone(), clear[0].clone(), clear[1].clone(), doubt]);
    ready.refused(&[scan, clear[0].clone(), clear[1].clone()], "vulnerability-exploited");
}

fn licensed(licences: &[&str]) -> impl Fn(Kind, &mut Value) {
    let licences: Vec<String> = licences.iter().map(|text| (*text).to_owned()).collect();
    move |kind, predicate| {
        if kind == Kind::Sbom {
            for (component, licence) in predicate["components"].as_array_mut().unwrap().iter_mut().zip(&licences) {
                component["licenses"] = json!([{"expression": licence}]);
            }
        }
    }
}

impl Ready {
    /// With another SBOM and provenance in place of those that were made.
    fn with(mut self, change: impl Fn(Kind, &mut Value)) -> Self {
        let changed = self.documents.iter().map(|document| {
            let signed = countersign_core::bundle::Signed::parse(document).unwrap();
            let statement = Statement::parse(&signed.payload).unwrap();
            let kind = statement.kind().unwrap();
            if !matches!(kind, Kind::Sbom | Kind::Provenance) {
                return document.clone();
            }
            let mut predicate = statement.predicate;
            change(kind, &mut predicate);
            over(kind, statement.subjects, &predicate, self.builder())
        });
        self.documents = changed.collect();
        self
    }
}

#[test]
fn every_component_has_a_licence_that_is_allowed() {
    let make =
        |licences: &[&str], parameters: &str| Ready::new("licences-allowed@1", parameters).with(licensed(licences));
    make(&["MIT", "MIT OR GPL-3.0-only", "Apache-2.0"], "").passes(&[]);
    make(&["MIT", "GPL-3.0-only", "MIT"], "").refused(&[], "licence-refused");
    make(&["MIT", "MIT"], "").refused(&[], "licence-unknown");
    make(&["MIT", "MIT"], "accepted = [\"pkg:cargo/dep2@1.0.0\"]").passes(&[]);
    make(&["MIT", "GPL-3.0-only", "MIT"], "allow = [\"MIT\", \"GPL-3.0-only\"]").passes(&[]);
}

fn claimed(claim: Value) -> impl Fn(Kind, &mut Value) {
    move |kind, predicate| {
        if kind == Kind::Provenance {
            predicate["buildDefinition"]["internalParameters"] = json!({"countersign_hermetic": claim});
        }
    }
}

#[test]
fn a_claim_to_be_hermetic_says_how_that_was_enforced() {
    let make = |parameters: &str, claim: Value| Ready::new("hermetic-build@1", parameters).with(claimed(claim));
    Ready::new("hermetic-build@1", "").passes(&[]);
    Ready::new("hermetic-build@1", "required = \"always\"").refused(&[], "hermetic-unproven");
    make("required = \"always\"", json!({"enforcedBy": "network-namespace"})).passes(&[]);
    make("", json!({"enforcedBy": "promise"})).refused(&[], "hermetic-unproven");
    make("", json!(true)).refused(&[], "hermetic-unproven");
    make("enforced_by = [\"platform\"]", json!({"enforcedBy": "sandbox"})).refused(&[], "hermetic-unproven");
    make("least = 3", json!({"enforcedBy": "sandbox"})).refused(&[], "hermetic-unproven");
}

#[test]
fn provenance_says_what_a_release_expects_of_ref_type_and_parameters() {
    const TYPE: &str = countersign_core::statement::provenance::build_type::CARGO_V1;
    let built = |parameters: &str| {
        Ready::new("provenance-expected@1", parameters).with(|kind, predicate| {
            if kind == Kind::Provenance {
                predicate["buildDefinition"]["externalParameters"]["directory"] = json!("crates/app");
            }
        })
    };
    let any = "any_parameters = [\"arguments\", \"source\"], parameters = [\"directory=crates/app\"]";
    built(any).passes(&[]);
    built(&format!("{any}, branches = [\"release\", \"main\"]")).passes(&[]);
    built(&format!("{any}, build_types = [\"{TYPE}\"]")).passes(&[]);
    built("").passes(&[]);
    built(&any.replace("\"arguments\", ", "")).refused(&[], "external-parameter-unknown");
    built(&any.replace("crates/app", "crates/other")).refused(&[], "provenance-parameter");
    built(&format!("{any}, branches = [\"release\"]")).refused(&[], "provenance-ref");
    built(&format!("{any}, versions = [\"v1\"]")).refused(&[], "provenance-ref");
    built(&format!("{any}, build_types = [\"https://example.com/t\"]")).refused(&[], "provenance-build-type");
}
