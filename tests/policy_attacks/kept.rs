//! Cases about what has to stay as it was: pins, trust that ages, the record of what was promoted, and what a report shows.

use super::{Case, Found, Ready};
use crate::world::World;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::finding::{exit_of, verdict_of};
use countersign_core::ids::{EnvName, Uri};
use countersign_core::policy::{ENGINE, Lock};
use countersign_core::statement::vsa::VerificationResult;
use countersign_decide::summary::summarise;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::Place;
use countersign_flow::verify_artifact::promoted_to;
use std::collections::BTreeSet;

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, play| Case { id, what, verdict, code, play };
    vec![
        case("P6", "another artifact deployed than was promoted", Indeterminate, "decision-missing", p6_other),
        case("P7", "a lock that names a release by a tag", Fail, "policy-malformed", p7_tag),
        case("P10", "trust past its end", Fail, "trust-expired", p10_trust),
        case("P10", "a pin that stood still while the log went on", Fail, "pin-mismatch", p10_pin),
        case("P13", "a check that cannot be made", Indeterminate, "history-missing", p13),
        case("P14", "a gate that is not enforced, as its summary shows it", Fail, "decision-unenforced", p14_summary),
        case("P14", "a switch in the policy that makes it lenient", Fail, "policy-malformed", p14_switch),
        case("P23", "a release of another engine", Fail, "policy-rule-unknown", p23_release),
        case("P23", "a decision that is asked of another engine", Indeterminate, "engine-unknown", p23_request),
        case("P25", "a summary under a release that is no longer active", Fail, "decision-not-current", p25),
        case("P26", "an approver whose key was withdrawn since", Fail, "policy-unapproved", p26),
        case("P31", "a workflow that asks for a lenient environment", Indeterminate, "decision-missing", p31),
        case("+", "the artifact that was promoted", Pass, "", honest_promoted),
        case("+", "a lock that names a release by its digest", Pass, "", honest_lock),
        case("+", "trust before its end", Pass, "", honest_trust),
        case("+", "every check made and shown", Pass, "", honest_checks),
        case("+", "approvers whose keys trust has", Pass, "", honest_keys),
    ]
}

fn decided(ready: &Ready) -> Found {
    ready.arguments().decide().into()
}

fn parsed<T>(result: Result<T, countersign_core::policy::PolicyError>) -> Found {
    match result {
        Ok(_) => Found { verdict: Pass, codes: Vec::new(), levels: Vec::new() },
        Err(error) => Found { verdict: Fail, codes: vec![error.code().to_string()], levels: Vec::new() },
    }
}

/// What the record says of an artifact in an environment.
fn recorded(world: &World, artifact: &Sha256, environment: &str) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(&folder.path().join("store"));
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let (trust, least) = (file("trust", &world.trust), file("least", &world.checkpoint()));
    let at = world.now.plus(60);
    let trust = TrustFile::read(&trust, Some(world.trust_digest), at).expect("trust");
    let environment = EnvName::new(environment).expect("an environment");
    let place = Place::new(&folder.path().join("store"));
    let checked = promoted_to(artifact, &environment, &trust, &place, Some(&least), at).expect("checked");
    let codes = checked.findings.iter().map(|finding| finding.code.to_string()).collect();
    Found { verdict: verdict_of(&checked.findings), codes, levels: Vec::new() }
}

fn p6_other() -> Found {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Pass);
    recorded(&world, &Sha256::of(b"another artifact"), "production")
}

fn honest_promoted() -> Found {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Pass);
    recorded(&world, &Sha256::of(b"artifact 1"), "production")
}

fn lock(digest: &str) -> Found {
    let ready = Ready::new();
    let pin = &ready.world.pin;
    let text =
        Lock([(EnvName::new("production").expect("an environment"), pin.clone())].into_iter().collect()).to_text();
    parsed(Lock::parse(text.replace(&pin.digest.to_string(), digest).as_bytes()))
}

fn p7_tag() -> Found {
    lock("latest")
}

fn honest_lock() -> Found {
    lock(&Sha256::of(b"a release").to_string())
}

/// Trust that ends in December, asked on this day.
fn trust_until_december(day: &str) -> Found {
    let mut ready = Ready::new();
    let next = ready.world.trust_toml(2).replacen("2028-01-01T00:00:00Z", "2026-12-01T00:00:00Z", 1);
    ready.world.trust_from_now_on(&next, &["ada", "ben"]);
    let mut arguments = ready.arguments();
    arguments.request.time = day.parse().expect("a time");
    arguments.decide().into()
}

fn p10_trust() -> Found {
    trust_until_december("2026-12-02T00:00:00Z")
}

fn honest_trust() -> Found {
    trust_until_december("2026-11-30T00:00:00Z")
}

fn p10_pin() -> Found {
    let mut ready = Ready::new();
    let before = ready.world.pin.clone();
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    ready.world.pin = before;
    decided(&ready)
}

/// The names of checks and rules that a decision shows.
fn shown(decision: &Decision) -> BTreeSet<String> {
    let checks = decision.checks.iter().map(|check| check.id.clone());
    checks.chain(decision.rules.iter().map(|rule| rule.id.to_string())).collect()
}

/// Without git evidence the same checks and rules stand in the report, and each rule has a verdict.
fn p13() -> Found {
    let ready = Ready::new();
    let mut arguments = ready.arguments();
    let whole = arguments.decide();
    arguments.git = None;
    let decision = arguments.decide();
    assert_eq!(shown(&whole), shown(&decision), "a check that was not made is shown as one that was");
    assert!(decision.rules.iter().all(|rule| rule.verdict.is_some()), "{:?}", decision.rules);
    decision.into()
}

fn honest_checks() -> Found {
    let decision = Ready::new().arguments().decide();
    assert!(decision.rules.iter().all(|rule| rule.verdict == Some(Pass)), "{:?}", decision.rules);
    decision.into()
}

/// Staging lets through what is refused in production. Its summary says FAILED, and so does this case.
fn p14_summary() -> Found {
    let mut ready = Ready::new();
    let dirty = ready.world.built(&ready.artifact, &ready.world.tip, "dirty", 3);
    ready.documents[0].clone_from(&dirty[0]);
    let decision = ready.world.arguments(&ready.artifact, "staging", ready.documents.clone()).decide();
    assert!(decision.authorised && !decision.enforced, "{:#?}", decision.findings);
    let gate = Uri::new("https://example.com/gate").expect("a uri");
    let summary = summarise(&decision, &gate, &ready.artifact).expect("a summary");
    assert_eq!(summary.verification_result, VerificationResult::Failed);
    let production = ready.arguments().decide();
    assert!(!production.authorised);
    assert_ne!(exit_of(&production.findings).code(), 0, "a refusal never ends with 0");
    assert_eq!(decision.would_be.get(&production.request.environment), Some(&production.verdict));
    let codes = decision.findings.iter().map(|finding| finding.code.to_string()).collect();
    Found {
        verdict: production.verdict,
        codes,
        levels: summary.verified_levels.into_iter().filter(|l| l != "FAILED").collect(),
    }
}

fn p14_switch() -> Found {
    let ready = Ready::new();
    let text = crate::world::policy_toml(&ready.world.start);
    let text = text.replacen("version = 1\n", "version = 1\nstrict = false\n", 1);
    super::cases::built_of(&[("policy.toml".to_owned(), text.into_bytes())].into_iter().collect())
}

fn p23_release() -> Found {
    let mut ready = Ready::new();
    let mut two = ready.manifest(2, |t| t);
    assert_eq!(two.engine, ENGINE);
    "engine/9".clone_into(&mut two.engine);
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    decided(&ready)
}

fn p23_request() -> Found {
    let mut arguments = Ready::new().arguments();
    "engine/9".clone_into(&mut arguments.request.engine);
    arguments.decide().into()
}

/// The artifact passed under the first release; then another release became active.
fn p25() -> Found {
    let mut world = World::new();
    assert_eq!(world.promote_next(1).verdict, Pass);
    let mut ready = Ready { world, artifact: Sha256::of(b"artifact 1"), documents: Vec::new() };
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, &["ada", "ben"], &["ada"], None);
    recorded(&ready.world, &ready.artifact, "production")
}

/// Trust without ada's key; a release that she and ben approved is activated after that.
fn withdrawn(approvers: &[&str]) -> Found {
    let mut ready = Ready::new();
    let next = ready.world.trust_toml(2).replacen("persons = [\"ada\", \"ben\"]", "persons = [\"ben\", \"cy\"]", 1);
    let key = ready.world.people["ada"].public().to_openssh();
    let until = format!("{{ key = \"{key}\", valid_until = \"2026-11-22T10:30:00Z\" }}");
    assert!(next.contains(&format!("{{ key = \"{key}\" }}")), "{next}");
    let next = next.replacen(&format!("{{ key = \"{key}\" }}"), &until, 1);
    ready.world.now = ready.world.now.plus(3_600);
    ready.world.trust_from_now_on(&next, &["ada", "ben", "cy"]);
    let two = ready.manifest(2, |t| t);
    ready.activate(&two, approvers, &["ben"], None);
    let found = decided(&ready);
    // Her review does not count any more either; what is asked here is the release alone.
    let codes: Vec<String> = found.codes.into_iter().filter(|code| code.starts_with("policy-")).collect();
    let verdict = if codes.is_empty() { Pass } else { found.verdict };
    Found { verdict, codes, levels: Vec::new() }
}

fn p26() -> Found {
    withdrawn(&["ada", "ben"])
}

fn honest_keys() -> Found {
    withdrawn(&["ben", "cy"])
}

/// The gate of staging is asked, by whoever wrote the workflow; production wants its own answer.
fn p31() -> Found {
    let mut ready = Ready::new();
    let arguments = ready.world.arguments(&ready.artifact, "staging", ready.documents.clone());
    let decision = arguments.decide();
    assert!(decision.authorised, "{:#?}", decision.findings);
    ready.world.record(&arguments, &decision);
    let found = recorded(&ready.world, &ready.artifact, "production");
    assert!(!found.codes.iter().any(|code| code == codes::DECISION_NOT_CURRENT.as_str()));
    found
}
