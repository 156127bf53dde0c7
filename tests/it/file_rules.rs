//! The rules over files and plans, in a world in memory: what they hold back, and what they do not.

use countersign_core::config::plan::Plan;
use countersign_core::config::{self, FileKind, READERS};
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::Uri;
use countersign_core::json;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::config_snapshot::{ConfigSnapshot, FileRead, FileSkipped};
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_sign::{SigningKey, sign_payload};
use countersign_tests::world::{Arguments, World, policy_toml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is said of the revision.
struct Said<'a> {
    files: &'a [(&'a str, &'a str)],
    plan: Option<Value>,
    repository: &'a str,
    /// Of another commit than the one that was built.
    other_commit: bool,
    /// Signed by a person, whom trust lets sign no such thing.
    by_a_person: bool,
}

impl<'a> Said<'a> {
    fn files(files: &'a [(&'a str, &'a str)]) -> Self {
        Self { files, plan: None, repository: "", other_commit: false, by_a_person: false }
    }

    fn plan(changes: &Value) -> Self {
        let plan = json!({"format_version": "1.2", "complete": true, "resource_changes": changes});
        Self { plan: Some(plan), ..Self::files(&[]) }
    }
}

fn snapshot(files: &[(&str, &str)], repository: &Uri, commit: Oid) -> ConfigSnapshot {
    let mut out = ConfigSnapshot {
        repository: repository.clone(),
        commit,
        tree: commit,
        readers: READERS,
        read: Vec::new(),
        skipped: Vec::new(),
        images: Vec::new(),
        connections: Vec::new(),
    };
    for (path, text) in files {
        match config::read(path, FileKind::of(path).unwrap(), text.as_bytes()) {
            Ok(found) => {
                out.read.push(FileRead {
                    path: (*path).to_owned(),
                    digest: Sha256::of(text.as_bytes()),
                    rendered: None,
                });
                out.images.extend(found.images);
                out.connections.extend(found.connections);
            }
            Err(unread) => {
                out.skipped.push(FileSkipped { path: (*path).to_owned(), why: unread.why, lacks: unread.lacks });
            }
        }
    }
    out
}

fn signed(kind: Kind, said: &Value, commit: Oid, key: &SigningKey) -> Vec<u8> {
    let subject = Subject::revision("app", &commit.hex(), &[]);
    let statement = Statement::new(kind, vec![subject], said).unwrap();
    sign_payload(&statement.to_bytes().unwrap(), key).unwrap()
}

/// A promotion that passes by the other rules, under a release with this one besides.
fn arguments(rule: &str, parameters: &str, said: Option<&Said<'_>>) -> Arguments {
    world_and_arguments(rule, parameters, said).1
}

/// The repository that the world's release covers.
fn world_source(world: &World) -> Uri {
    let policy = policy_toml(&world.start).into_bytes();
    Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), policy)])).expect("a policy").sources[0]
        .repository
        .clone()
}

/// What is said, as signed documents.
fn said_documents(world: &World, said: &Said<'_>, here: &Uri, base: Oid, landed: Oid) -> Vec<Vec<u8>> {
    let mut documents = Vec::new();
    let repository = if said.repository.is_empty() { here.clone() } else { Uri::new(said.repository).unwrap() };
    let commit = if said.other_commit { base } else { landed };
    let key = if said.by_a_person { &world.people["ada"] } else { &world.builder };
    if said.plan.is_none() || !said.files.is_empty() {
        let snapshot = json::to_value(&snapshot(said.files, &repository, commit)).unwrap();
        documents.push(signed(Kind::ConfigSnapshot, &snapshot, commit, key));
    }
    if let Some(plan) = &said.plan {
        let bytes = plan.to_string().into_bytes();
        let (plan, digest) = (Plan::read(&bytes).unwrap(), Sha256::of(&bytes));
        let plan = IacPlan { repository, commit, readers: READERS, file: "plan.json".to_owned(), digest, plan };
        documents.push(signed(Kind::IacPlan, &json::to_value(&plan).unwrap(), commit, key));
    }
    documents
}

fn world_and_arguments(rule: &str, parameters: &str, said: Option<&Said<'_>>) -> (World, Arguments) {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    for person in ["ada", "ben"] {
        documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
    }
    let policy = format!(
        "{}\n[[rules]]\nid = \"{rule}\"\nstages = {{ production = \"enforce\" }}\nparameters = {{ {parameters} }}\n",
        policy_toml(&world.start).replace("version = 1\n", "version = 2\n")
    );
    let manifest = Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), policy.into_bytes())])).expect("a policy");
    if let Some(said) = said {
        documents.extend(said_documents(&world, said, &world_source(&world), base, landed));
    }
    let release = world.release(&manifest, &["ada", "ben"]);
    let replaces = Some(world.pin.digest);
    world.overrides = manifest.rules.iter().map(|rule| rule.id.clone()).collect();
    world.activate(&manifest, &release, "production", &["ada", "ben"], replaces, Some("new rules"));
    world.pin.digest = manifest.digest().expect("a digest");
    world.pin.version = 2;
    let arguments = world.arguments(&artifact, "production", documents);
    (world, arguments)
}

fn codes(decision: &Decision) -> Vec<&str> {
    decision.findings.iter().filter(|f| f.class != Class::Note).map(|f| f.code.as_str()).collect()
}

fn check(rule: &str, parameters: &str, said: Option<&Said<'_>>, expected: &[&str]) -> Decision {
    let decision = arguments(rule, parameters, said).decide();
    assert_eq!(codes(&decision), expected, "{parameters}: {:#?}", decision.findings);
    assert_eq!(decision.verdict == Verdict::Pass, expected.is_empty());
    decision
}

const IMAGES: &str = "image-registry@1";
const OURS: &str = "registries = [\"registry.acme.example/team\", \"docker.io/library\"]";

#[test]
fn images_come_from_approved_registries_or_are_named_with_their_place() {
    let good = [("Dockerfile", "FROM registry.acme.example/team/base:1\nFROM nginx\n")];
    check(IMAGES, OURS, Some(&Said::files(&good)), &[]);
    for bad in ["registry.acme.example.evil.com/team/a", "registry.acme.example/team-evil/a", "evil/nginx"] {
        let text = format!("FROM nginx\nCOPY --from={bad} / /\n");
        let decision = check(IMAGES, OURS, Some(&Said::files(&[("a/Dockerfile", &text)])), &["image-registry"]);
        let finding = decision.findings.iter().find(|f| f.code.as_str() == "image-registry").unwrap();
        assert_eq!(finding.at[0], "a/Dockerfile:2:6");
        assert!(finding.found[0].contains(bad), "{finding:?}");
    }
    // With no registry approved there is none to come from.
    check(IMAGES, "", Some(&Said::files(&good)), &["image-registry", "image-registry"]);
}

#[test]
fn what_is_not_known_of_an_image_blocks_unless_the_policy_lets_it_pass() {
    let unknown = [("Dockerfile", "ARG B\nFROM $B\n")];
    check(IMAGES, OURS, Some(&Said::files(&unknown)), &["image-unknown"]);
    check(IMAGES, &format!("{OURS}, unknown = \"pass\""), Some(&Said::files(&unknown)), &[]);
    let maybe = [("a.yaml", "apiVersion: x.example/v1\nkind: X\nspec: {image: evil.example/a}\n")];
    check(IMAGES, OURS, Some(&Said::files(&maybe)), &["image-unknown"]);
    check(IMAGES, &format!("{OURS}, maybe = \"pass\""), Some(&Said::files(&maybe)), &[]);
    check(IMAGES, &format!("{OURS}, leave_out = [\"*.yaml\"]"), Some(&Said::files(&maybe)), &[]);
    // A variable in the tag leaves the registry known.
    let tag = [("Dockerfile", "ARG V\nFROM registry.acme.example/team/base:$V\n")];
    check(IMAGES, OURS, Some(&Said::files(&tag)), &[]);
    for pin in ["tag", "digest"] {
        check(IMAGES, &format!("{OURS}, pin = \"{pin}\""), Some(&Said::files(&tag)), &["image-unknown"]);
    }
    check(
        IMAGES,
        &format!("{OURS}, pin = \"tag\""),
        Some(&Said::files(&[("Dockerfile", "FROM nginx\n")])),
        &["image-unpinned"],
    );
    check(IMAGES, &format!("{OURS}, pin = \"tag\""), Some(&Said::files(&[("Dockerfile", "FROM nginx:1\n")])), &[]);
    let digest = format!("FROM nginx@sha256:{}\n", "0a".repeat(32));
    check(
        IMAGES,
        &format!("{OURS}, pin = \"digest\""),
        Some(&Said::files(&[("Dockerfile", "FROM nginx:1\n")])),
        &["image-unpinned"],
    );
    check(IMAGES, &format!("{OURS}, pin = \"digest\""), Some(&Said::files(&[("Dockerfile", &digest)])), &[]);
}

#[test]
fn only_a_whole_snapshot_of_the_very_revision_by_a_trusted_signer_counts() {
    check(IMAGES, OURS, None, &["snapshot-missing"]);
    let files = [("Dockerfile", "FROM nginx\n")];
    check(IMAGES, OURS, Some(&Said { other_commit: true, ..Said::files(&files) }), &["snapshot-missing"]);
    let elsewhere = Said { repository: "git+https://evil.example/app", ..Said::files(&files) };
    check(IMAGES, OURS, Some(&elsewhere), &["snapshot-missing"]);
    let person = arguments(IMAGES, OURS, Some(&Said { by_a_person: true, ..Said::files(&files) })).decide();
    assert!(codes(&person).contains(&"signer-not-allowed") && codes(&person).contains(&"snapshot-missing"));
    let part = [("Dockerfile", "FROM nginx\n"), ("c/templates/a.yaml", "image: {{ .Values.image }}\n")];
    check(IMAGES, OURS, Some(&Said::files(&part)), &["snapshot-incomplete"]);
    check(IMAGES, &format!("{OURS}, leave_out = [\"c/templates/**\"]"), Some(&Said::files(&part)), &[]);
}

const DATABASES: &str = "database-encrypted@1";
const FILES: &str = "look_at = [\"connections\"]";
const PLANS: &str = "look_at = [\"plan\"]";

#[test]
fn connections_in_files_are_encrypted_or_are_named_with_their_place() {
    let line = |url: &str| format!("DATABASE_URL={url}\n");
    for (url, expected) in [
        ("postgres://u:secret@db.example/x?sslmode=verify-full", &[][..]),
        ("postgres://u:secret@db.example/x?sslmode=prefer", &["connection-plain"]),
        ("postgres://u:secret@db.example/x", &["connection-unknown"]),
        ("redis://localhost:6379", &[]),
        ("redis://cache.example:6379", &["connection-plain"]),
        ("rediss://cache.example:6379", &[]),
    ] {
        let decision = check(DATABASES, FILES, Some(&Said::files(&[(".env", &line(url))])), expected);
        assert!(!format!("{decision:?}").contains("secret"), "a password has no place in a decision");
        if let Some(code) = expected.first() {
            let finding = decision.findings.iter().find(|f| f.code.as_str() == *code).unwrap();
            assert_eq!(finding.at[0], ".env:1:14");
        }
    }
    let local = line("redis://localhost");
    check(
        DATABASES,
        &format!("{FILES}, local = \"block\""),
        Some(&Said::files(&[(".env", &local)])),
        &["connection-plain"],
    );
    let unknown = line("postgres://db.example/x");
    check(DATABASES, &format!("{FILES}, unknown = \"pass\""), Some(&Said::files(&[(".env", &unknown)])), &[]);
    // Both kinds of evidence are asked for unless the policy says otherwise.
    check(DATABASES, "", Some(&Said::files(&[(".env", "")])), &["plan-missing"]);
}

fn change(kind: &str, actions: &[&str], after: &Value, unknown: &Value) -> Value {
    json!([{"address": format!("{kind}.x"), "type": kind, "mode": "managed",
        "change": {"actions": actions, "before": null, "after": after, "after_unknown": unknown}}])
}

#[test]
fn databases_of_a_plan_take_encrypted_connections_only() {
    let kind = "aws_elasticache_replication_group";
    let say = |on: &Value, unknown: &Value| {
        Said::plan(&change(kind, &["create"], &json!({"transit_encryption_enabled": on}), unknown))
    };
    check(DATABASES, PLANS, Some(&say(&json!(true), &json!({}))), &[]);
    check(DATABASES, PLANS, Some(&say(&json!(false), &json!({}))), &["database-plain"]);
    let after = say(&json!(null), &json!({"transit_encryption_enabled": true}));
    check(DATABASES, PLANS, Some(&after), &["database-unknown"]);
    check(DATABASES, &format!("{PLANS}, unknown = \"pass\""), Some(&after), &[]);
}

const AUDIT: &str = "audit-log-kept@1";

#[test]
fn a_plan_may_not_take_an_audit_log_away_or_thin_it_out() {
    let trail = |logging: bool| json!({"enable_logging": logging, "include_global_service_events": true, "enable_log_file_validation": true});
    let say = |actions: &[&str], after: &Value| Said::plan(&change("aws_cloudtrail", actions, after, &json!({})));
    check(AUDIT, "", Some(&say(&["create"], &trail(true))), &[]);
    check(AUDIT, "", Some(&say(&["no-op"], &trail(true))), &[]);
    check(AUDIT, "", Some(&say(&["update"], &trail(false))), &["audit-log-weakened"]);
    check(AUDIT, "", Some(&say(&["delete"], &json!(null))), &["audit-log-removed"]);
    check(AUDIT, "", Some(&say(&["delete", "create"], &trail(true))), &["audit-log-removed"]);
    check(AUDIT, "replaced = \"pass\"", Some(&say(&["create", "delete"], &trail(true))), &[]);
    check(AUDIT, "replaced = \"pass\"", Some(&say(&["delete"], &json!(null))), &["audit-log-removed"]);
    check(AUDIT, "", Some(&say(&["forget"], &json!(null))), &["audit-log-unknown"]);
    let gone = Said::plan(&change("google_logging_project_exclusion", &["delete"], &json!(null), &json!({})));
    check(AUDIT, "", Some(&gone), &[]);
    check(AUDIT, "", None, &["plan-missing"]);
}

#[test]
fn a_plan_that_does_not_say_that_it_covers_everything_is_not_enough() {
    let plan = |more: Value| {
        let mut plan = json!({"format_version": "1.2", "resource_changes": []});
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Said { plan: Some(plan), ..Said::files(&[]) }
    };
    check(AUDIT, "", Some(&plan(json!({"complete": true}))), &[]);
    check(AUDIT, "", Some(&plan(json!({}))), &["plan-incomplete"]);
    check(AUDIT, "plan_complete = \"not-denied\"", Some(&plan(json!({}))), &[]);
    for part in
        [json!({"complete": false}), json!({"errored": true}), json!({"complete": true, "deferred_changes": [{}]})]
    {
        check(AUDIT, "plan_complete = \"not-denied\"", Some(&plan(part)), &["plan-incomplete"]);
    }
}

#[test]
fn what_was_wrong_stays_wrong_when_it_is_left_out_the_second_time() {
    let files = [("Dockerfile", "FROM evil.example/a\n")];
    let bad = change("aws_cloudtrail", &["delete"], &json!(null), &json!({}));
    for (rule, parameters, said, code) in
        [(IMAGES, OURS, Said::files(&files), "image-registry"), (AUDIT, "", Said::plan(&bad), "audit-log-removed")]
    {
        let (mut world, first) = world_and_arguments(rule, parameters, Some(&said));
        let decision = first.decide();
        assert_eq!(codes(&decision), [code]);
        world.record(&first, &decision);
        let kinds = [Kind::ConfigSnapshot, Kind::IacPlan];
        let is_said = |bytes: &Vec<u8>| {
            let signed = countersign_core::bundle::Signed::parse(bytes).unwrap();
            Statement::parse(&signed.payload).unwrap().kind().is_some_and(|kind| kinds.contains(&kind))
        };
        let mut documents = first.documents.clone();
        documents.retain(|bytes| !is_said(bytes));
        let good = if rule == IMAGES { Said::files(&[]) } else { Said::plan(&json!([])) };
        documents.extend(said_documents(&world, &good, &world_source(&world), world.tip, world.tip));
        let second = world.arguments(&Sha256::of(b"artifact"), "production", documents).decide();
        assert!(codes(&second).contains(&code), "{:#?}", second.findings);
    }
}
