//! What entries of the log name: an entry has to name one document of the kind that it says, by somebody who may sign that. What was
//! recorded honestly, erased, or made by a later version, is not called altered.

use crate::audit_agreement::{Fire, ask, erase, open};
use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Class, Finding};
use countersign_core::ids::{EnvName, PersonId};
use countersign_core::json;
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::audit::{self, How, OutsideTrust, Scope};
use countersign_sign::sign_payload;
use countersign_tests::tamper::Stage;
use countersign_tests::world::World;
use countersign_verify::LogState;
use countersign_verify::trust::verify_trust;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

fn records(world: &World) -> Vec<Finding> {
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.expect("trust");
    let opened = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now);
    let state = opened.state.expect("a log that holds");
    assert_eq!(state.faults().count(), 0, "{:?}", state.faults().collect::<Vec<_>>());
    state.records(&world.shelf).1
}

fn found(world: &World) -> Vec<(String, Class)> {
    records(world).into_iter().map(|finding| (finding.code.to_string(), finding.class)).collect()
}

/// Evidence by hand, owned by `owner`, changed before `by` signs it.
fn by_hand(world: &mut World, owner: &str, by: &str, change: impl FnOnce(&mut Value)) -> Sha256 {
    let document = Sha256::of(b"protocol");
    let evidence = ManualEvidence {
        controls: BTreeSet::from(["SOC 2 CC6.4".to_owned()]),
        statement: "the doors were tried".to_owned(),
        owner: PersonId::new(owner).unwrap(),
        as_of: world.now,
        valid_until: world.now.plus(60 * 60),
        document,
    };
    let statement = Statement::new(Kind::ManualEvidence, vec![Subject::sha256("protocol", &document)], &evidence);
    let mut statement: Value = json::parse_as(&statement.unwrap().to_bytes().unwrap()).unwrap();
    change(&mut statement);
    let key = if by == "gate" { &world.gate } else { &world.people[by] };
    let signed = sign_payload(&json::canonical(&statement).unwrap(), key).unwrap();
    let digest = world.shelf.put(&signed);
    world.append(Kind::ManualEvidence, None, vec![document], vec![digest], Vec::new());
    digest
}

const MALFORMED: &str = "log-entry-malformed";
const LATER: &str = "record-later";

#[test]
fn entries_of_every_kind_that_a_verb_writes_hold() {
    let mut world = Fire::new().signed(-1).world;
    drop(world.promote_next(5));
    by_hand(&mut world, "ada", "ada", |_| {});
    erase(&mut world, 3);
    assert!(found(&world).is_empty(), "{:?}", records(&world));
    let kinds: BTreeSet<Kind> = world.entries.iter().map(|bytes| Entry::parse(bytes).unwrap().kind).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[test]
fn an_entry_that_names_what_nobody_who_may_signed_is_malformed_and_says_why() {
    let environment = || Some(EnvName::new("production").unwrap());
    let ours = [Kind::Trust, Kind::PolicyActivation, Kind::LogShard, Kind::PromotionDecision];
    for kind in Kind::ALL.into_iter().filter(|kind| !ours.contains(kind)) {
        let mut world = World::new_promoted();
        let document = world.shelf.put(b"{\"garbage\":1}");
        let of_environment = !matches!(kind, Kind::ManualEvidence | Kind::Erasure);
        let environment = environment().filter(|_| of_environment);
        world.append(kind, environment, vec![Sha256::of(b"what")], vec![document], Vec::new());
        assert_eq!(found(&world), [(MALFORMED.to_owned(), Class::Untrusted)], "{kind:?}");
        let said = records(&world).remove(0);
        assert_eq!(said.at, [format!("log entry {}", world.entries.len() - 1)], "{kind:?}");
        assert!(!said.found.is_empty() && said.help.is_some(), "{kind:?}: {said:#?}");
    }
    let mut world = World::new_promoted();
    by_hand(&mut world, "ada", "ben", |_| {});
    by_hand(&mut world, "ada", "gate", |_| {});
    by_hand(&mut world, "ada", "ada", |said| said["predicate"]["controls"] = json!([]));
    assert_eq!(found(&world), vec![(MALFORMED.to_owned(), Class::Untrusted); 3]);
}

#[test]
fn what_an_entry_names_twice_or_beside_is_malformed() {
    type Change = fn(&mut Entry, Sha256);
    let changes: [Change; 6] = [
        |entry, other| entry.statements.push(other),
        |entry, other| entry.evidence.push(other),
        |entry, other| entry.subjects.push(other),
        |entry, _| entry.subjects.clear(),
        |entry, other| entry.subjects = vec![other],
        |entry, _| entry.environment = Some(EnvName::new("production").unwrap()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut world = World::new_promoted();
        by_hand(&mut world, "ada", "ada", |_| {});
        let other = Entry::parse(world.entries.last().unwrap()).unwrap().statements[0];
        let last = world.entries.pop().unwrap();
        let mut entry = Entry::parse(&last).unwrap();
        change(&mut entry, other);
        world.entries.push(entry.to_bytes().unwrap());
        assert_eq!(found(&world), [(MALFORMED.to_owned(), Class::Untrusted)], "change {number}");
    }
}

#[test]
fn what_was_erased_is_not_missed_and_what_is_missing_is_withheld() {
    let mut world = World::new_promoted();
    let digest = by_hand(&mut world, "ada", "ada", |_| {});
    world.shelf.0.remove(&digest);
    assert_eq!(found(&world), [("evidence-withheld".to_owned(), Class::Indeterminate)]);
    let erasure = countersign_core::statement::erasure::Erasure {
        log: countersign_core::ids::Origin::new(countersign_tests::world::ORIGIN).unwrap(),
        erased: digest,
        reason: "asked for".to_owned(),
        owner: PersonId::new("ada").unwrap(),
        at: world.now,
    };
    let statement = Statement::new(Kind::Erasure, vec![Subject::sha256("evidence", &digest)], &erasure).unwrap();
    let lines = world.lines(&statement, &["ada"]);
    let document = world.shelf.put(&lines);
    world.append(Kind::Erasure, None, vec![digest], vec![document], Vec::new());
    assert!(found(&world).is_empty(), "{:?}", records(&world));
}

#[test]
fn what_a_later_version_signed_is_not_called_altered_and_what_nobody_signed_is() {
    let later: [fn(&mut Value); 2] = [
        |said| {
            said["predicateType"] = "https://countersign.dev/manual-evidence/v0.2".into();
            said["predicate"] = json!({"said": "otherwise"});
        },
        |said| said["predicate"]["room"] = "x".into(),
    ];
    for change in later {
        let mut world = World::new_promoted();
        by_hand(&mut world, "ada", "ada", change);
        assert_eq!(found(&world), [(LATER.to_owned(), Class::Indeterminate)]);
        by_hand(&mut world, "ada", "gate", change);
        assert_eq!(found(&world)[1].0, MALFORMED, "a gate signs no evidence by hand, of whatever version");
    }
    // A kind of statement that no verb records by itself yet: one that holds may be a later version's entry.
    let mut world = World::new_promoted();
    let decision = Entry::parse(world.entries.last().unwrap()).unwrap();
    let documents = world.built(&decision.subjects[0], &world.tip, "clean", 3);
    let document = world.shelf.put(&documents[0]);
    world.append(Kind::Provenance, None, vec![decision.subjects[0]], vec![document], Vec::new());
    assert_eq!(found(&world), [(LATER.to_owned(), Class::Indeterminate)]);
}

#[test]
fn a_promotion_that_is_recorded_as_anything_else_is_found_by_every_look_and_in_every_answer() {
    let outside = OutsideTrust { bytes: &STAGE.world.trust, digest: Some(&STAGE.world.trust_digest) };
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::PromotionDecision) {
        let bytes = STAGE.recorded_as(kind);
        for how in [How::Full, How::Quick, How::Sample(1)] {
            let source = Box::new(Cursor::new(bytes.clone()));
            let report = audit::verify_source(source, Some(outside), None, how).expect("checked");
            let place = "log entry 9".to_owned();
            let named = report.findings.iter().any(|one| one.class == Class::Untrusted && one.at.contains(&place));
            assert!(named, "{kind:?}, {how:?}: {:#?}", report.findings);
        }
    }
}

#[test]
fn another_trust_than_the_logs_is_one_cause_and_accuses_no_decision() {
    let world = &STAGE.world;
    let checked = |bytes: &[u8], digest: &Sha256| {
        let outside = OutsideTrust { bytes, digest: Some(digest) };
        let source = Box::new(Cursor::new(STAGE.bytes.clone()));
        audit::verify_source(source, Some(outside), Some(&world.checkpoint()), How::Full).expect("checked")
    };
    let blocking = |report: &audit::AuditReport| -> Vec<Finding> {
        report.findings.iter().filter(|finding| finding.class.blocks()).cloned().collect()
    };
    // One that does not name the recorded one as the one before it.
    let mut other = world.clone();
    let text = other.trust_toml(3);
    let text = text.lines().filter(|line| !line.starts_with("previous")).collect::<Vec<_>>().join("\n");
    other.trust_from_now_on(&text, &["ada", "ben"]);
    let report = checked(&other.trust, &other.trust_digest);
    let found = blocking(&report);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].code, found[0].at.as_slice()),
        (codes::TRUST_DIGEST_MISMATCH, ["log entry 3".to_owned()].as_slice())
    );
    assert!(found[0].help.as_ref().is_some_and(|help| help.contains("not the log's operator")), "{found:#?}");
    assert!(!report.decisions.is_empty() && report.decisions.iter().all(|row| row.same_again));
    // The one before the recorded one: the log went on from it.
    let first = Entry::parse(&world.entries[0]).unwrap();
    let report = checked(&world.shelf.0[&first.statements[0]], &first.subjects[0]);
    let found = blocking(&report);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].help.as_ref().is_some_and(|help| help.contains("went on to version 2")), "{found:#?}");
    assert!(report.decisions.iter().all(|row| row.same_again));
}

#[test]
fn an_end_that_names_no_end_does_not_count_and_is_said_in_the_answer() {
    let mut world = Fire::new().world;
    let granted =
        world.entries.iter().map(|bytes| Entry::parse(bytes).unwrap()).find(|entry| entry.kind == Kind::Exception);
    let granted = granted.expect("the exception");
    let end = world.entries.len();
    world.append(Kind::ExceptionEnd, granted.environment, granted.subjects, granted.statements, Vec::new());
    assert_eq!(found(&world), [(MALFORMED.to_owned(), Class::Untrusted)]);
    let opening = open(&world, &pack(&world, &Scope::default()), Some(&world.checkpoint()));
    let answered = ask(&opening, "Q11");
    assert_eq!(answered.exit.code(), 4, "{:#?}", answered.findings);
    let rows = format!("{:?}", answered.table.rows);
    assert!(rows.contains(&format!("ended by entry {end}, though its document does not hold")), "{rows}");
    assert!(rows.contains("end that does not count"), "{rows}");
    let place = format!("log entry {end}");
    let said = answered.findings.iter().find(|one| one.code == codes::AUDIT_DEVIATION && one.at.contains(&place));
    assert!(said.is_some_and(|one| one.what.contains("exception-end does not count")), "{:#?}", answered.findings);
}
