//! A scan more never hides what another one found: allowances of lesser scans, scans of one database, builds that name nothing.

use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Verdict};
use countersign_core::ids::RuleId;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::world::{REPOSITORY, World, policy_toml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A world with a collector of scans, whose policy has one rule more, and one change that waits.
struct Ready {
    world: World,
    collector: SigningKey,
    artifact: Sha256,
    commit: String,
    documents: Vec<Vec<u8>>,
}

impl Ready {
    fn new(rule: &str, components: usize) -> Self {
        let mut world = World::new();
        let collector = SigningKey::generate(KeyKind::Ed25519).unwrap();
        let known = format!(
            "[[collectors]]\nname = \"scanner\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"secret-scan\", \"vulns\"]\n[[gates]]",
            collector.public().to_openssh()
        );
        let trust = world.trust_toml(2).replacen("[[gates]]", &known, 1);
        world.trust_from_now_on(&trust, &["ada", "ben"]);
        let text = policy_toml(&world.start).replace("version = 1\n", "version = 2\n")
            + &format!("[[rules]]\nid = \"{rule}\"\nstages = {{ production = \"enforce\" }}\n");
        let manifest = Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())])).unwrap();
        let release = world.release(&manifest, &["ada", "ben"]);
        let replaces = Some(world.pin.digest);
        world.overrides = [RuleId::new(rule).unwrap()].into();
        world.activate(&manifest, &release, "production", &["ada", "ben"], replaces, Some("one rule more"));
        (world.pin.digest, world.pin.version) = (manifest.digest().unwrap(), 2);
        world.least = world.log_ref();
        let base = world.tip;
        let (head, landed) = world.land(1);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "clean", components).to_vec();
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        Self { world, collector, artifact, commit: landed.hex(), documents }
    }

    fn decide(&self, more: &[&Vec<u8>]) -> (Verdict, Vec<String>) {
        let documents = self.documents.iter().chain(more.iter().copied()).cloned().collect();
        let decision = self.world.arguments(&self.artifact, "production", documents).decide();
        let above = decision.findings.iter().filter(|finding| finding.class != Class::Note);
        (decision.verdict, above.map(|finding| finding.code.to_string()).collect())
    }

    #[track_caller]
    fn refused(&self, more: &[&Vec<u8>], verdict: Verdict, code: &str) {
        assert_eq!(self.decide(more), (verdict, vec![code.to_owned()]));
    }

    #[track_caller]
    fn passes(&self, more: &[&Vec<u8>]) {
        assert_eq!(self.decide(more), (Verdict::Pass, Vec::new()));
    }

    /// Decides over these and records it: what was handed in once is remembered.
    fn record(&mut self, more: &[&Vec<u8>]) {
        let documents = self.documents.iter().chain(more.iter().copied()).cloned().collect();
        let arguments = self.world.arguments(&self.artifact, "production", documents);
        let decision = arguments.decide();
        self.world.record(&arguments, &decision);
    }

    /// A scan that found one secret in `aws.env`, allowed by a comment or not.
    fn scan(&self, allowed: bool, complete: bool, by: &SigningKey) -> Vec<u8> {
        let mut found = json!({"rule": "aws-key", "level": "provider", "path": "aws.env", "line": 3, "column": 1,
            "length": 20, "shape": "AKI..., 20 bytes"});
        if allowed {
            found["allowed"] = json!({"by": "comment", "reason": "a sample"});
        }
        let mut scan = json!({"tool": {"name": "countersign", "version": "0"}, "repository": REPOSITORY,
            "commit": self.commit, "tree": self.commit, "scope": "tree", "skippedCount": 0, "files": 2, "bytes": 40,
            "digestKey": "k", "findings": [found], "complete": if complete { "yes" } else { "unknown" }});
        if complete {
            scan["ruleSet"] = json!({"name": "countersign", "version": 1, "digest": Sha256::of(b"rules"), "rules": 9});
        }
        signed(Kind::SecretScan, vec![Subject::revision("app", &self.commit, &[])], &scan, by)
    }

    fn vulnerabilities(&self, result: &Value, by: &SigningKey) -> Vec<u8> {
        let at = "2026-11-22T09:00:00Z";
        let scan = json!({"scanner": {"uri": "https://example.com/scanner", "db": {"lastUpdate": at}, "result": result},
            "metadata": {"scanStartedOn": at, "scanFinishedOn": at}});
        signed(Kind::Vulns, vec![Subject::sha256("app", &self.artifact)], &scan, by)
    }
}

/// What two persons say of one vulnerability, with these products.
fn cleared(ready: &Ready, products: &Value) -> [Vec<u8>; 2] {
    let at = "2026-11-22T09:00:00Z";
    let vex = json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1", "author": "security",
        "timestamp": at, "version": 1, "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "products": products,
        "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]});
    let by = |person: &str| {
        signed(Kind::Vex, vec![Subject::sha256("app", &ready.artifact)], &vex, &ready.world.people[person])
    };
    [by("ada"), by("ben")]
}

fn signed(kind: Kind, subjects: Vec<Subject>, predicate: &Value, by: &SigningKey) -> Vec<u8> {
    let statement = Statement::new(kind, subjects, predicate).unwrap();
    sign_payload(&statement.to_bytes().unwrap(), by).unwrap()
}

#[test]
fn a_second_scan_by_the_build_does_not_clear_what_the_collector_found() {
    let mut ready = Ready::new("no-secrets@2", 3);
    let (collector, builder) = (&ready.collector, &*ready.world.builder);
    let found = ready.scan(false, true, collector);
    let (lesser, whole) = (ready.scan(true, false, builder), ready.scan(true, true, builder));
    ready.refused(&[&found], Verdict::Fail, "secret-found");
    ready.refused(&[&found, &lesser], Verdict::Fail, "secret-found");
    ready.refused(&[&found, &whole], Verdict::Fail, "secret-found");
    // Not by being handed in later either.
    ready.record(&[&found]);
    ready.refused(&[&whole], Verdict::Fail, "secret-found");
}

#[test]
fn a_false_alarm_is_answered_by_its_own_signer_or_of_a_lesser_scan_by_the_collector() {
    let ready = Ready::new("no-secrets@2", 3);
    let (collector, builder) = (&ready.collector, &*ready.world.builder);
    let (alarm, answer) = (ready.scan(false, true, collector), ready.scan(true, true, collector));
    ready.passes(&[&answer]);
    ready.passes(&[&alarm, &answer]);
    let lesser = ready.scan(false, false, builder);
    ready.passes(&[&lesser, &answer]);
    // Of two that the policy accepts, neither clears the other's.
    let whole = ready.scan(false, true, builder);
    ready.refused(&[&whole, &answer], Verdict::Fail, "secret-found");
    // One that is not what the policy asks for answers nothing, whoever signed it.
    let partial = ready.scan(true, false, collector);
    ready.refused(&[&alarm, &partial], Verdict::Fail, "secret-found");
}

#[test]
fn under_the_first_meaning_any_scan_still_clears_any_as_it_was_promised() {
    let ready = Ready::new("no-secrets@1", 3);
    let found = ready.scan(false, true, &ready.collector);
    ready.passes(&[&found, &ready.scan(true, false, &ready.world.builder)]);
}

#[test]
fn of_two_scans_by_the_same_database_both_are_judged_in_either_order() {
    let exploited = json!([{"id": "CVE-2026-1", "severity": [{"method": "cvss", "score": "9.8"}],
        "annotations": {"known_exploited": true}}]);
    let mut ready = Ready::new("vulnerabilities-handled@2", 3);
    let (clean, found) =
        (ready.vulnerabilities(&json!([]), &ready.world.builder), ready.vulnerabilities(&exploited, &ready.collector));
    ready.passes(&[&clean]);
    ready.refused(&[&clean, &found], Verdict::Fail, "vulnerability-exploited");
    ready.refused(&[&found, &clean], Verdict::Fail, "vulnerability-exploited");
    // The same document twice is one scan.
    ready.refused(&[&found, &found], Verdict::Fail, "vulnerability-exploited");
    ready.record(&[&found]);
    ready.refused(&[&clean], Verdict::Fail, "vulnerability-exploited");
}

#[test]
fn what_people_say_of_one_component_or_of_another_product_clears_no_other() {
    let in_component = |purl: &str| {
        json!({"id": "CVE-2026-1", "severity": [{"method": "cvss", "score": "9.8"}],
        "annotations": {"known_exploited": true, "component": purl}})
    };
    let (used, unused) = (in_component("pkg:npm/used@1.0.0"), in_component("pkg:npm/unused@1.0.0"));
    let part = |name: &str| json!({"@id": format!("pkg:npm/{name}@1.0.0")});
    let of = |parts: &[&str]| {
        let parts: Vec<Value> = parts.iter().map(|name| part(name)).collect();
        json!([{"@id": "pkg:generic/app", "subcomponents": parts}])
    };
    let other = json!([{"@id": "pkg:generic/other", "hashes": {"sha-512": "ab".repeat(64)}}]);
    for (rule, tells_apart) in [("vulnerabilities-handled@2", false), ("vulnerabilities-handled@3", true)] {
        let ready = Ready::new(rule, 3);
        let both = ready.vulnerabilities(&json!([used, unused]), &ready.collector);
        let one = ready.vulnerabilities(&json!([unused]), &ready.collector);
        let left = |scan: &Vec<u8>, products: &Value| {
            let [ada, ben] = cleared(&ready, products);
            let (_, codes) = ready.decide(&[scan, &ada, &ben]);
            assert!(codes.iter().all(|code| code == "vulnerability-exploited"), "{codes:?}");
            codes.len()
        };
        let apart = |left: usize| if tells_apart { left } else { 0 };
        assert_eq!(left(&both, &of(&["unused"])), apart(1));
        assert_eq!(left(&both, &json!([part("unused")])), apart(1));
        assert_eq!(left(&both, &other), apart(2));
        assert_eq!(left(&one, &of(&["unused"])), 0);
        assert_eq!(left(&both, &of(&["used", "unused"])), 0);
        assert_eq!(left(&both, &json!([{"@id": "pkg:generic/app"}])), 0);
        assert_eq!(left(&both, &json!([])), 0);
    }
}

#[test]
fn a_build_that_names_nothing_is_undecided_and_one_with_a_lock_file_alone_passes() {
    Ready::new("dependencies-pinned@2", 3).passes(&[]);
    // Its SBOM has no component either, so nothing but this rule could say it.
    let mut ready = Ready::new("dependencies-pinned@2", 0);
    let relist = |document: &[u8], list: &dyn Fn(&mut Vec<Value>), by: &SigningKey| {
        let signed_before = countersign_core::bundle::Signed::parse(document).unwrap();
        let statement = Statement::parse(&signed_before.payload).unwrap();
        let mut predicate = statement.predicate;
        list(predicate["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap());
        signed(Kind::Provenance, statement.subjects, &predicate, by)
    };
    let whole = ready.documents[0].clone();
    let (_, codes) = ready.decide(&[]);
    assert!(codes.contains(&"dependencies-unknown".to_owned()), "{codes:?}");
    let lock = json!({"name": "Cargo.lock", "digest": {"sha256": Sha256::of(b"lock").hex()}});
    let only_lock = |all: &mut Vec<Value>| {
        all.truncate(1);
        all.push(lock.clone());
    };
    ready.documents[0] = relist(&whole, &only_lock, &ready.world.builder);
    let (_, codes) = ready.decide(&[]);
    assert!(!codes.contains(&"dependencies-unknown".to_owned()), "{codes:?}");
}
