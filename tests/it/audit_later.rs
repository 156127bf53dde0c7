//! Records that a later version made: they cannot be read here, are not called altered, and nothing passes that they bear on.
//! Calling a bad decision one of a later version hides nothing.

use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Finding, Verdict, exit_of};
use countersign_core::json;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::FlowError;
use countersign_flow::audit::{self, Ask, Asking, OutsideTrust, Scope, Window};
use countersign_flow::place::{Place, Recorded, recorded_decision};
use countersign_sign::{SigningKey, sign_payload};
use countersign_tests::tamper::Stage;
use countersign_tests::world::World;
use countersign_verify::LogState;
use countersign_verify::trust::verify_trust;
use serde_json::Value;
use std::io::Cursor;
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

/// What is changed, and how.
type Later = (&'static str, fn(&mut Value));

/// Changes of a signed decision by which it is one of a later version.
const LATER: [Later; 4] = [
    ("predicate", |statement| {
        statement["predicateType"] = "https://countersign.dev/promotion-decision/v0.2".into();
        statement["predicate"] = serde_json::json!({"said": "otherwise"});
    }),
    ("field", |statement| statement["predicate"]["runner"] = "x".into()),
    ("inner field", |statement| statement["predicate"]["request"]["runner"] = "x".into()),
    ("code", |statement| {
        statement["predicate"]["findings"] =
            serde_json::json!([{"class": "refused", "code": "a-code-of-later", "what": "x"}]);
    }),
];

/// Records a decision that nobody agreed to, changed before `key` signs it.
fn record(world: &mut World, key: &str, change: fn(&mut Value)) {
    let (_, landed) = world.land(90);
    let artifact = Sha256::of(b"of later");
    let documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    let arguments = world.arguments(&artifact, "production", documents);
    let decision: Decision = arguments.decide();
    assert_eq!(decision.verdict, Verdict::Fail, "nobody reviewed it");
    let subject = vec![Subject::sha256("app", &artifact)];
    let statement = Statement::new(Kind::PromotionDecision, subject, &decision).expect("a statement");
    let mut statement: Value = json::parse_as(&statement.to_bytes().expect("canonical")).expect("a value");
    change(&mut statement);
    let key: &SigningKey = if key == "gate" { &world.gate } else { &world.builder };
    let signed = sign_payload(&json::canonical(&statement).expect("canonical"), key).expect("signed");
    let document = world.shelf.put(&signed);
    let environment = Some(decision.request.environment);
    world.append(Kind::PromotionDecision, environment, vec![artifact], vec![document], vec![]);
}

fn verified(bytes: &[u8]) -> Vec<Finding> {
    let outside = OutsideTrust { bytes: &STAGE.world.trust, digest: Some(&STAGE.world.trust_digest) };
    let source = Box::new(Cursor::new(bytes.to_vec()));
    audit::verify_source(source, Some(outside), Some(&STAGE.world.checkpoint()), audit::How::Full)
        .expect("checked")
        .findings
}

fn blocking(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| finding.class.blocks()).map(|finding| finding.code.as_str()).collect()
}

#[test]
fn a_decision_of_a_later_version_is_not_called_altered_and_passes_nothing() {
    for (name, change) in LATER {
        let bytes = STAGE.put_in_by_hand(|world| record(world, "gate", change));
        let findings = verified(&bytes);
        assert_eq!(exit_of(&findings).code(), 3, "{name}: {findings:#?}");
        assert!(blocking(&findings).iter().all(|code| *code == "record-later"), "{name}: {findings:#?}");
        let outside = OutsideTrust { bytes: &STAGE.world.trust, digest: Some(&STAGE.world.trust_digest) };
        let opening =
            audit::open(Box::new(Cursor::new(bytes)), Some(outside), Some(&STAGE.world.checkpoint())).expect("opened");
        let asking = Asking::of(&opening).expect("open");
        for id in ["Q01", "Q04", "Q12"] {
            let answered = asking.answer(id, &Ask::default()).expect("an answer");
            assert_ne!(answered.verdict, Verdict::Pass, "{name}, {id}");
            assert!(answered.findings.iter().any(|one| one.code == codes::RECORD_LATER), "{name}, {id}");
            assert_ne!(answered.exit.code(), 4, "{name}, {id}: {:#?}", answered.findings);
        }
        assert_eq!(asking.answer("Q01", &Ask::default()).expect("an answer").exit.code(), 3, "{name}");
        assert_eq!(exit_of(&asking.reconcile(&Window::default()).1).code(), 3, "{name}");
    }
}

#[test]
fn what_no_gate_signed_is_forged_whatever_version_it_calls_itself() {
    for (name, change) in LATER {
        let bytes = STAGE.put_in_by_hand(|world| record(world, "builder", change));
        let findings = verified(&bytes);
        assert_eq!(exit_of(&findings).code(), 4, "{name}: {findings:#?}");
    }
}

#[test]
fn a_gate_decides_nothing_beside_a_decision_that_it_cannot_read() {
    for (name, change) in LATER {
        let mut world = World::new();
        record(&mut world, "gate", change);
        let decision = world.promote_next(91);
        assert_eq!(decision.verdict, Verdict::Indeterminate, "{name}: {:#?}", decision.findings);
        assert!(decision.findings.iter().any(|finding| finding.code == codes::RECORD_LATER), "{name}");
    }
}

#[test]
fn the_list_of_the_log_does_not_call_it_missing() {
    for (name, change) in LATER {
        let mut world = World::new();
        record(&mut world, "gate", change);
        let folder = tempfile::tempdir().expect("a folder");
        world.write_store_at_once(folder.path());
        let entry = Entry::parse(world.entries.last().expect("an entry")).expect("an entry");
        let recorded = recorded_decision(&Place::new(folder.path()), &entry).expect("read");
        assert!(matches!(recorded, Recorded::Later), "{name}: {recorded:?}");
    }
}

#[test]
fn what_cannot_be_read_is_not_packed() {
    let mut world = World::new();
    record(&mut world, "gate", LATER[0].1);
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store_at_once(folder.path());
    match audit::export_to(&Place::new(folder.path()), &Scope::default(), &mut Vec::new()) {
        Err(FlowError::Refused(findings)) => {
            assert_eq!(exit_of(&findings).code(), 3, "{findings:#?}");
            let [one] = findings.as_slice() else { panic!("{findings:#?}") };
            let said = [one.what.as_str(), &one.found.join(", "), one.help.as_deref().unwrap_or_default()].join("\n");
            insta::assert_snapshot!(said, @r"
            a later version of countersign made this decision, and this one cannot read it
            https://countersign.dev/promotion-decision/v0.2
            get a later version than 0.1.0 from whoever wrote the record, and run this again with it
            ");
        }
        other => panic!("{other:?}"),
    }
}

/// What opening a log says whose last entry was changed, under a checkpoint that the log's key signed, or another.
fn opened(change: fn(&mut Value), key: Option<&str>) -> Vec<Finding> {
    let mut world = World::new();
    let mut entry: Value = json::parse_as(world.entries.last().expect("an entry")).expect("a value");
    change(&mut entry);
    world.entries.push(json::canonical(&entry).expect("canonical"));
    if key.is_some() {
        world.log = std::sync::Arc::clone(&world.builder);
    }
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.expect("trust");
    let outcome = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now);
    assert!(outcome.state.is_none(), "nothing is decided by it");
    outcome.findings
}

#[test]
fn an_entry_of_a_later_version_stops_everything_as_indeterminate_and_one_that_nobody_signed_as_untrusted() {
    let later: [fn(&mut Value); 3] = [
        |entry| entry["kind"] = "runtime-snapshot".into(),
        |entry| entry["schema"] = "https://countersign.dev/entry/v0.2".into(),
        |entry| entry["runner"] = "x".into(),
    ];
    for (number, change) in later.into_iter().enumerate() {
        let findings = opened(change, None);
        assert_eq!(exit_of(&findings).code(), 3, "{number}: {findings:#?}");
        assert_eq!(blocking(&findings), ["record-later"], "{number}");
        assert_eq!(exit_of(&opened(change, Some("another"))).code(), 4, "{number}");
    }
    let findings = opened(|entry| entry["schema"] = "https://example.com/entry/v0.2".into(), None);
    assert_eq!(blocking(&findings), ["log-entry-malformed"]);
}
