//! What the corpus records: of each built-in rule a decision that passes and some that do not.

use crate::world::{Arguments, REPOSITORY, World, policy_toml};
use countersign_core::bundle::Signed;
use countersign_core::config::plan::Plan;
use countersign_core::config::{self, FileKind, READERS};
use countersign_core::digest::Sha256;
use countersign_core::git::Oid;
use countersign_core::ids::{RuleId, Uri};
use countersign_core::json;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::config_snapshot::{ConfigSnapshot, FileRead};
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_sign::sign_payload;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A case to record.
#[derive(Debug)]
pub struct Maker {
    /// Its name, and that of its file: what is recorded under it stays.
    pub name: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// Whether the rule, and the decision, pass.
    pub passes: bool,
    /// Makes it in a copy of a new world.
    pub make: fn(World) -> Arguments,
}

/// All of them. A rule that is new, or has a new number, gets one that passes and one that does not at least.
#[must_use]
pub fn all() -> Vec<Maker> {
    let pass = |name, rule, make| Maker { name, rule, passes: true, make };
    let fail = |name, rule, make| Maker { name, rule, passes: false, make };
    vec![
        pass("audit-log-kept-1.kept", AUDIT, |w| audit(w, &["create"], true)),
        fail("audit-log-kept-1.weakened", AUDIT, |w| audit(w, &["update"], false)),
        fail("audit-log-kept-1.removed", AUDIT, |w| audit(w, &["delete"], false)),
        pass("builder-level-1.level-2", BUILDER, |w| Ready::new(w, "", "").arguments()),
        fail("builder-level-1.below-3", BUILDER, raised),
        pass("database-encrypted-1.verified", DATABASE, |w| database(w, "postgres://db.example/x?sslmode=verify-full")),
        fail("database-encrypted-1.plain", DATABASE, |w| database(w, "redis://cache.example:6379")),
        fail("database-encrypted-1.unknown", DATABASE, |w| database(w, "postgres://db.example/x")),
        pass("dependencies-pinned-1.pinned", PINNED, |w| Ready::new(w, "", "").arguments()),
        fail("dependencies-pinned-1.no-digest", PINNED, |w| {
            Ready::new(w, "", "").with(Kind::Provenance, unpin).arguments()
        }),
        pass("hermetic-build-1.enforced", HERMETIC, |w| hermetic(w, &json!({"enforcedBy": "network-namespace"}))),
        fail("hermetic-build-1.promised", HERMETIC, |w| hermetic(w, &json!({"enforcedBy": "promise"}))),
        pass("image-registry-1.approved", IMAGES, |w| {
            images(w, "FROM registry.acme.example/team/base:1\nFROM nginx\n")
        }),
        fail("image-registry-1.other-host", IMAGES, |w| images(w, "FROM registry.acme.example.evil.com/team/base:1\n")),
        fail("image-registry-1.unknown", IMAGES, |w| images(w, "ARG B\nFROM $B\n")),
        pass("licences-allowed-1.allowed", LICENCES, |w| licences(w, &["MIT", "MIT OR GPL-3.0-only"])),
        fail("licences-allowed-1.refused", LICENCES, |w| licences(w, &["MIT", "GPL-3.0-only"])),
        fail("licences-allowed-1.unknown", LICENCES, |w| licences(w, &["MIT"])),
        pass("no-secrets-1.none", SECRETS, |w| secrets(w, &json!([]), "yes")),
        pass("no-secrets-1.watched", SECRETS, |w| secrets(w, &json!([secret("generic")]), "yes")),
        fail("no-secrets-1.found", SECRETS, |w| secrets(w, &json!([secret("provider")]), "yes")),
        fail("no-secrets-1.partial", SECRETS, |w| secrets(w, &json!([]), "no")),
        pass("provenance-expected-1.expected", EXPECTED, |w| expected(w, "branches = [\"main\"]")),
        fail("provenance-expected-1.other-branch", EXPECTED, |w| expected(w, "branches = [\"release\"]")),
        pass("sbom-present-1.present", SBOM, |w| Ready::new(w, "", "").arguments()),
        fail("sbom-present-1.missing", SBOM, |w| Ready::new(w, "", "").without(Kind::Sbom).arguments()),
        pass("source-clean-1.clean", CLEAN, |w| Ready::new(w, "", "").arguments()),
        fail("source-clean-1.dirty", CLEAN, |w| Ready::new(w, "", "").with(Kind::Provenance, soil).arguments()),
        pass("tests-passed-1.passed", TESTS, |w| tests(w, Some(("PASSED", &["a", "b"], &[])))),
        fail("tests-passed-1.failed", TESTS, |w| tests(w, Some(("FAILED", &["a", "b"], &["c"])))),
        fail("tests-passed-1.missing", TESTS, |w| tests(w, None)),
        pass("two-party-review-1.two", REVIEW, |w| Ready::new(w, "", "").arguments()),
        fail("two-party-review-1.one", REVIEW, |w| Ready::new(w, "", "").keeping_reviews(1).arguments()),
        fail("two-party-review-1.rejected", REVIEW, |w| Ready::new(w, "", "").rejected_by("cy").arguments()),
        pass("vulnerabilities-handled-1.none", VULNERABILITIES, |w| vulnerabilities(w, &json!([]), &[])),
        pass("vulnerabilities-handled-1.cleared", VULNERABILITIES, |w| {
            vulnerabilities(w, &exploited(), &["ada", "ben"])
        }),
        fail("vulnerabilities-handled-1.one-clears", VULNERABILITIES, |w| vulnerabilities(w, &exploited(), &["ada"])),
        fail("vulnerabilities-handled-1.overdue", VULNERABILITIES, |w| vulnerabilities(w, &overdue(), &[])),
        pass("dependencies-pinned-2.pinned", PINNED2, |w| Ready::new(w, PINNED2, "").arguments()),
        fail("dependencies-pinned-2.no-digest", PINNED2, |w| {
            Ready::new(w, PINNED2, "").with(Kind::Provenance, unpin).arguments()
        }),
        fail("dependencies-pinned-2.unknown", PINNED2, |w| {
            Ready::new(w, PINNED2, "").with(Kind::Provenance, unlist).arguments()
        }),
        pass("no-secrets-2.none", SECRETS2, |w| secrets_by(w, SECRETS2, &json!([]), &[])),
        pass("no-secrets-2.allowed", SECRETS2, |w| secrets_by(w, SECRETS2, &json!([allowed("provider")]), &[])),
        fail("no-secrets-2.found", SECRETS2, |w| secrets_by(w, SECRETS2, &json!([secret("provider")]), &[])),
        fail("no-secrets-2.allowed-by-a-lesser-scan", SECRETS2, |w| {
            secrets_by(w, SECRETS2, &json!([secret("provider")]), &[json!([allowed("provider")])])
        }),
        pass("vulnerabilities-handled-2.none", VULNERABILITIES2, |w| scanned(w, VULNERABILITIES2, &[json!([])], &[])),
        pass("vulnerabilities-handled-2.cleared", VULNERABILITIES2, |w| {
            scanned(w, VULNERABILITIES2, &[exploited(), json!([])], &["ada", "ben"])
        }),
        fail("vulnerabilities-handled-2.found", VULNERABILITIES2, |w| {
            scanned(w, VULNERABILITIES2, &[exploited()], &[])
        }),
        fail("vulnerabilities-handled-2.found-by-the-second", VULNERABILITIES2, |w| {
            scanned(w, VULNERABILITIES2, &[json!([]), exploited()], &[])
        }),
        pass("vulnerabilities-handled-3.none", VULNERABILITIES3, |w| scanned(w, VULNERABILITIES3, &[json!([])], &[])),
        pass("vulnerabilities-handled-3.cleared", VULNERABILITIES3, |w| {
            scanned(w, VULNERABILITIES3, &[exploited()], &["ada", "ben"])
        }),
        fail("vulnerabilities-handled-3.found-by-the-second", VULNERABILITIES3, |w| {
            scanned(w, VULNERABILITIES3, &[json!([]), exploited()], &[])
        }),
    ]
}

const AUDIT: &str = "audit-log-kept@1";
const BUILDER: &str = "builder-level@1";
const DATABASE: &str = "database-encrypted@1";
const PINNED: &str = "dependencies-pinned@1";
const PINNED2: &str = "dependencies-pinned@2";
const HERMETIC: &str = "hermetic-build@1";
const IMAGES: &str = "image-registry@1";
const LICENCES: &str = "licences-allowed@1";
const SECRETS: &str = "no-secrets@1";
const SECRETS2: &str = "no-secrets@2";
const EXPECTED: &str = "provenance-expected@1";
const SBOM: &str = "sbom-present@1";
const CLEAN: &str = "source-clean@1";
const TESTS: &str = "tests-passed@1";
const REVIEW: &str = "two-party-review@1";
const VULNERABILITIES: &str = "vulnerabilities-handled@1";
const VULNERABILITIES2: &str = "vulnerabilities-handled@2";
const VULNERABILITIES3: &str = "vulnerabilities-handled@3";

/// A change that landed, was built and reviewed by two: it passes the rules of the world's policy.
struct Ready {
    world: World,
    artifact: Sha256,
    base: Oid,
    head: Oid,
    landed: Oid,
    documents: Vec<Vec<u8>>,
}

impl Ready {
    /// Under a release with one rule more, or with none.
    fn new(world: World, rule: &str, parameters: &str) -> Self {
        if rule.is_empty() {
            return Self::under(world, str::to_owned);
        }
        let rule = format!(
            "\n[[rules]]\nid = \"{rule}\"\nstages = {{ production = \"enforce\" }}\nparameters = {{ {parameters} }}\n"
        );
        Self::under(world, |text| text.to_owned() + &rule)
    }

    /// Under another release than the world's first.
    fn under(mut world: World, change: impl Fn(&str) -> String) -> Self {
        let base = world.tip;
        let (head, landed) = world.land(1);
        let text = change(&policy_toml(&world.start).replace("version = 1\n", "version = 2\n"));
        let files = BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())]);
        let manifest = Manifest::close(&files).expect("a policy");
        let release = world.release(&manifest, &["ada", "ben"]);
        let replaces = Some(world.pin.digest);
        world.overrides =
            manifest.rules.iter().map(|rule| rule.id.clone()).collect::<std::collections::BTreeSet<RuleId>>();
        world.activate(&manifest, &release, "production", &["ada", "ben"], replaces, Some("another release"));
        (world.pin.digest, world.pin.version) = (manifest.digest().expect("a digest"), 2);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "clean", 2).to_vec();
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        Self { world, artifact, base, head, landed, documents }
    }

    fn arguments(&self) -> Arguments {
        self.world.arguments(&self.artifact, "production", self.documents.clone())
    }

    /// With a statement more, about the artifact.
    fn about(mut self, kind: Kind, predicate: &Value, by: &str) -> Self {
        let subject = Subject::sha256("app", &self.artifact);
        self.documents.push(self.signed(kind, vec![subject], predicate, by));
        self
    }

    /// With a statement more, about the revision.
    fn of_revision(mut self, kind: Kind, predicate: &Value) -> Self {
        let subject = Subject::revision("app", &self.landed.hex(), &[]);
        self.documents.push(self.signed(kind, vec![subject], predicate, ""));
        self
    }

    /// By a person, or by the builder.
    fn signed(&self, kind: Kind, subjects: Vec<Subject>, predicate: &Value, by: &str) -> Vec<u8> {
        let key = self.world.people.get(by).unwrap_or(&self.world.builder);
        let statement = Statement::new(kind, subjects, predicate).expect("a statement");
        sign_payload(&statement.to_bytes().expect("canonical"), key).expect("signed")
    }

    /// With the builder's word of a kind changed.
    fn with(mut self, of: Kind, change: impl Fn(&mut Value)) -> Self {
        let changed = self.documents.iter().map(|document| {
            let statement = statement(document);
            if statement.kind() != Some(of) {
                return document.clone();
            }
            let mut predicate = statement.predicate;
            change(&mut predicate);
            self.signed(of, statement.subjects, &predicate, "")
        });
        self.documents = changed.collect();
        self
    }

    fn without(mut self, kind: Kind) -> Self {
        self.documents.retain(|document| statement(document).kind() != Some(kind));
        self
    }

    fn keeping_reviews(mut self, count: usize) -> Self {
        let is_review = |document: &Vec<u8>| statement(document).kind() == Some(Kind::Review);
        let (reviews, others): (Vec<_>, Vec<_>) = self.documents.into_iter().partition(is_review);
        self.documents = others.into_iter().chain(reviews.into_iter().take(count)).collect();
        self
    }

    fn rejected_by(mut self, person: &str) -> Self {
        self.documents.push(self.world.review(person, &self.base, &self.head, ReviewDecision::Reject));
        self
    }

    /// With a snapshot of one file.
    fn file(self, path: &str, text: &str) -> Self {
        let kind = FileKind::of(path).expect("a kind of file that is read");
        let found = config::read(path, kind, text.as_bytes()).expect("a file that reads");
        let digest = Sha256::of(text.as_bytes());
        let snapshot = ConfigSnapshot {
            repository: Uri::new(REPOSITORY).expect("a uri"),
            commit: self.landed,
            tree: self.landed,
            readers: READERS,
            read: vec![FileRead { path: path.to_owned(), digest, rendered: None }],
            skipped: Vec::new(),
            images: found.images,
            connections: found.connections,
        };
        self.of_revision(Kind::ConfigSnapshot, &json::to_value(&snapshot).expect("a value"))
    }
}

fn statement(document: &[u8]) -> Statement {
    Statement::parse(&Signed::parse(document).expect("signed").payload).expect("a statement")
}

fn audit(world: World, actions: &[&str], logging: bool) -> Arguments {
    let ready = Ready::new(world, AUDIT, "");
    let trail = json!({"enable_logging": logging, "include_global_service_events": true,
        "enable_log_file_validation": true});
    let after = if actions == ["delete"] { Value::Null } else { trail };
    let plan = json!({"format_version": "1.2", "complete": true, "resource_changes": [
        {"address": "aws_cloudtrail.x", "type": "aws_cloudtrail", "mode": "managed",
         "change": {"actions": actions, "before": null, "after": after, "after_unknown": {}}}]});
    let bytes = plan.to_string().into_bytes();
    let plan = IacPlan {
        repository: Uri::new(REPOSITORY).expect("a uri"),
        commit: ready.landed,
        readers: READERS,
        file: "plan.json".to_owned(),
        digest: Sha256::of(&bytes),
        plan: Plan::read(&bytes).expect("a plan"),
    };
    ready.of_revision(Kind::IacPlan, &json::to_value(&plan).expect("a value")).arguments()
}

fn database(world: World, url: &str) -> Arguments {
    let ready = Ready::new(world, DATABASE, "look_at = [\"connections\"]");
    ready.file(".env", &format!("DATABASE_URL={url}\n")).arguments()
}

fn images(world: World, dockerfile: &str) -> Arguments {
    let registries = "registries = [\"registry.acme.example/team\", \"docker.io/library\"]";
    Ready::new(world, IMAGES, registries).file("Dockerfile", dockerfile).arguments()
}

fn raised(world: World) -> Arguments {
    Ready::under(world, |text| text.replace("least = 2", "least = 3")).arguments()
}

fn unpin(provenance: &mut Value) {
    provenance["buildDefinition"]["resolvedDependencies"][1].as_object_mut().expect("one").remove("digest");
}

fn unlist(provenance: &mut Value) {
    provenance["buildDefinition"]["resolvedDependencies"].as_array_mut().expect("a list").truncate(1);
}

fn soil(provenance: &mut Value) {
    provenance["buildDefinition"]["resolvedDependencies"][0]["annotations"]["countersign_tree"] = json!("dirty");
}

fn hermetic(world: World, claim: &Value) -> Arguments {
    let claimed = |provenance: &mut Value| {
        provenance["buildDefinition"]["internalParameters"] = json!({"countersign_hermetic": claim});
    };
    Ready::new(world, HERMETIC, "required = \"always\"").with(Kind::Provenance, claimed).arguments()
}

fn expected(world: World, branches: &str) -> Arguments {
    Ready::new(world, EXPECTED, &format!("any_parameters = [\"arguments\", \"source\"], {branches}")).arguments()
}

fn licences(world: World, licences: &[&str]) -> Arguments {
    let name = |sbom: &mut Value| {
        for (component, licence) in sbom["components"].as_array_mut().expect("components").iter_mut().zip(licences) {
            component["licenses"] = json!([{"expression": licence}]);
        }
    };
    Ready::new(world, LICENCES, "").with(Kind::Sbom, name).arguments()
}

fn secret(level: &str) -> Value {
    json!({"rule": "a-rule", "level": level, "path": "src/a.rs", "line": 3, "column": 5, "length": 40,
        "shape": "abc_..., 40 bytes"})
}

/// The same, that a comment beside it allows.
fn allowed(level: &str) -> Value {
    let mut finding = secret(level);
    finding["allowed"] = json!({"by": "comment", "reason": "a sample"});
    finding
}

fn secrets(world: World, findings: &Value, complete: &str) -> Arguments {
    let ready = Ready::new(world, SECRETS, "");
    let scan = secret_scan(&ready, findings, complete);
    ready.of_revision(Kind::SecretScan, &scan).arguments()
}

/// With a scan that finds this, and others that are not complete and name no rule set.
fn secrets_by(world: World, rule: &str, findings: &Value, others: &[Value]) -> Arguments {
    let ready = Ready::new(world, rule, "");
    let scan = secret_scan(&ready, findings, "yes");
    let lesser = |findings: &Value| {
        let mut scan = secret_scan(&ready, findings, "unknown");
        scan.as_object_mut().expect("an object").remove("ruleSet");
        scan
    };
    let others: Vec<Value> = others.iter().map(lesser).collect();
    let ready = ready.of_revision(Kind::SecretScan, &scan);
    others.iter().fold(ready, |ready, scan| ready.of_revision(Kind::SecretScan, scan)).arguments()
}

fn secret_scan(ready: &Ready, findings: &Value, complete: &str) -> Value {
    let rules = json!({"name": "countersign", "version": 1, "digest": Sha256::of(b"rules"), "rules": 100});
    json!({
        "tool": {"name": "countersign", "version": "0"}, "ruleSet": rules, "repository": REPOSITORY,
        "commit": ready.landed, "tree": ready.landed, "scope": "tree", "complete": complete, "skippedCount": 0,
        "files": 2, "bytes": 40, "digestKey": "k", "findings": findings
    })
}

/// The result, and names of tests that passed and that failed.
type Suite<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

fn tests(world: World, suite: Option<Suite<'_>>) -> Arguments {
    let ready = Ready::new(world, TESTS, "suites = [\"unit\"], least = 2");
    let Some((result, passed, failed)) = suite else { return ready.arguments() };
    let result = json!({"result": result, "configuration": [{"name": "unit"}], "passedTests": passed,
        "failedTests": failed});
    ready.about(Kind::TestResult, &result, "").arguments()
}

fn exploited() -> Value {
    json!([{"id": "CVE-2026-1", "severity": [{"method": "cvss", "score": "9.8"}],
        "annotations": {"known_exploited": true, "aliases": ["GHSA-1"]}}])
}

fn overdue() -> Value {
    json!([{"id": "CVE-2026-1", "severity": [{"method": "cvss", "score": "9.8"}],
        "annotations": {"published": "2026-11-01T00:00:00Z"}}])
}

fn vulnerabilities(world: World, result: &Value, clearing: &[&str]) -> Arguments {
    scanned(world, VULNERABILITIES, std::slice::from_ref(result), clearing)
}

/// With scans by one scanner and one state of its database.
fn scanned(world: World, rule: &str, results: &[Value], clearing: &[&str]) -> Arguments {
    let at = "2026-11-22T09:00:00Z";
    let scan = |result: &Value| {
        json!({
            "scanner": {"uri": "https://example.com/scanner", "db": {"lastUpdate": at}, "result": result},
            "metadata": {"scanStartedOn": at, "scanFinishedOn": at}
        })
    };
    let vex = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1", "author": "security",
        "timestamp": at, "version": 1,
        "statements": [{"vulnerability": {"name": "GHSA-1"}, "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path"}]
    });
    let ready = Ready::new(world, rule, "");
    let ready = results.iter().fold(ready, |ready, result| ready.about(Kind::Vulns, &scan(result), ""));
    clearing.iter().fold(ready, |ready, person| ready.about(Kind::Vex, &vex, person)).arguments()
}
