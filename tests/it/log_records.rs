//! What entries of the log name: an entry has to name one document of the kind that it says, by somebody who may sign that. What was
//! recorded honestly, erased, or made by a later version, is not called altered.

use crate::audit_agreement::{Fire, ask, erase, open};
use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Class, Finding, Verdict};
use countersign_core::ids::{EnvName, Origin, PersonId};
use countersign_core::json;
use countersign_core::log::carried::CarriedLog;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::merkle::{leaf_hash, root_of};
use countersign_core::statement::erasure::Erasure;
use countersign_core::statement::log_shard::LogShard;
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_flow::audit::{self, How, OutsideTrust, Scope};
use countersign_flow::controls::{Cover, CoverageRequest, coverage};
use countersign_flow::outside::TrustFile;
use countersign_flow::place::Place;
use countersign_record::log::writer::Log;
use countersign_record::store::Store as _;
use countersign_sign::{KeyKind, LogSigner, SigningKey, sign_payload};
use countersign_tests::tamper::Stage;
use countersign_tests::world::{ORIGIN, World};
use countersign_verify::LogState;
use countersign_verify::records::Records;
use countersign_verify::trust::verify_trust;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

fn records(world: &World) -> Vec<Finding> {
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.expect("trust");
    let opened = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now);
    let state = opened.state.expect("a log that holds");
    assert_eq!(state.faults().count(), 0, "{:?}", state.faults().collect::<Vec<_>>());
    state.records(&world.shelf).findings()
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
fn evidence_by_hand_that_was_renewed_in_time_is_no_fault_and_what_counts_since_before_a_window_is_in_it() {
    let hour = 60 * 60;
    let ask = |renewed: Option<i64>, from: Option<i64>| {
        let mut world = World::new_promoted();
        let begun = world.now;
        let lasting = |until: Time| move |said: &mut Value| said["predicate"]["validUntil"] = json!(until.to_string());
        by_hand(&mut world, "ada", "ada", lasting(begun.plus(10 * hour)));
        if let Some(hours) = renewed {
            world.now = begun.plus(hours * hour);
            by_hand(&mut world, "ada", "ada", lasting(begun.plus(100 * hour)));
        }
        world.now = begun.plus(20 * hour);
        drop(world.promote_next(7));
        let (bytes, least) = (pack(&world, &Scope::default()), world.checkpoint());
        let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
        let opening = audit::open(Box::new(Cursor::new(bytes)), Some(outside), Some(&least)).expect("opened");
        let mut asked = audit::Ask::default();
        asked.window.from = from.map(|hours| begun.plus(hours * hour));
        audit::Asking::of(&opening).expect("open").answer("Q21", &asked).expect("an answer")
    };
    let expired = ask(None, None);
    assert_eq!((expired.verdict, expired.table.rows.len()), (Verdict::Fail, 1), "{:#?}", expired.findings);
    let renewed = ask(Some(9), None);
    assert_eq!((renewed.verdict, renewed.table.rows.len()), (Verdict::Pass, 2), "{:#?}", renewed.findings);
    assert!(renewed.notes.iter().any(|note| note.contains("renewed before that by log entry")), "{:?}", renewed.notes);
    assert_eq!(ask(Some(11), None).verdict, Verdict::Fail, "there was none for an hour");
    let since = ask(Some(9), Some(15));
    assert_eq!((since.verdict, since.table.rows.len()), (Verdict::Pass, 1), "{:#?}", since.findings);
    assert_eq!(ask(Some(9), Some(5)).table.rows.len(), 2, "both count at some time of the window");
    assert_eq!(ask(None, Some(15)).verdict, Verdict::Indeterminate, "nothing counts in the window");
}

#[test]
fn a_shorter_piece_of_evidence_by_hand_that_ends_while_a_longer_one_counts_is_no_gap_whichever_came_first() {
    let hour = 60 * 60;
    let ask = |hours: [i64; 2]| {
        let mut world = World::new_promoted();
        let begun = world.now;
        for until in hours.map(|hours| begun.plus(hours * hour)) {
            by_hand(&mut world, "ada", "ada", |said| said["predicate"]["validUntil"] = json!(until.to_string()));
            world.now = world.now.plus(hour);
        }
        world.now = begun.plus(20 * hour);
        drop(world.promote_next(7));
        let opening = open(&world, &pack(&world, &Scope::default()), Some(&world.checkpoint()));
        ask(&opening, "Q21")
    };
    for (hours, words) in [([100, 10], "covered for longer already by"), ([10, 100], "renewed before that by")] {
        let answered = ask(hours);
        assert_eq!(answered.verdict, Verdict::Pass, "{:#?}", answered.findings);
        assert!(answered.notes.iter().any(|note| note.contains(words)), "{:?}", answered.notes);
    }
    assert_eq!(ask([10, 15]).verdict, Verdict::Fail, "neither counts at the end");
}

#[test]
fn evidence_by_hand_of_a_day_that_had_not_come_covers_no_control_when_it_has() {
    let covers = |as_of: i64| {
        let mut world = World::new_promoted();
        let day = world.now.plus(as_of);
        by_hand(&mut world, "ada", "ada", |said| {
            said["predicate"]["asOf"] = json!(day.to_string());
            said["predicate"]["validUntil"] = json!(day.plus(60 * 60).to_string());
        });
        let folder = tempfile::tempdir().unwrap();
        world.write_store_at_once(folder.path());
        let trust = TrustFile::of(Path::new("trust"), world.trust.clone(), Some(world.trust_digest), world.now);
        let at = day.plus(60).max(world.now);
        let (covered, findings) = coverage(&CoverageRequest {
            trust: &trust,
            place: &Place::new(folder.path()),
            least_checkpoint: None,
            environment: None,
            catalogue: None,
            at,
            now: at,
        })
        .expect("coverage");
        let row = covered.controls.into_iter().find(|row| row.control == "SOC 2 CC6.4").expect("a row");
        (row.cover, findings.iter().any(|one| one.what == "it speaks of a day after it was recorded"))
    };
    assert_eq!(covers(0), (Cover::ManualCurrent, false));
    assert_eq!(covers(1), (Cover::None, true));
}

/// An approver signs for a log, at a time, that a piece is erased, and it is gone.
fn erased(world: &mut World, digest: Sha256, log: &str, at: Time) {
    let erasure = Erasure {
        log: Origin::new(log).unwrap(),
        erased: digest,
        reason: "asked for".to_owned(),
        owner: PersonId::new("ada").unwrap(),
        at,
    };
    let statement = Statement::new(Kind::Erasure, vec![Subject::sha256("evidence", &digest)], &erasure).unwrap();
    let lines = world.lines(&statement, &["ada"]);
    let document = world.shelf.put(&lines);
    world.append(Kind::Erasure, None, vec![digest], vec![document], Vec::new());
    world.shelf.0.remove(&digest);
}

#[test]
fn evidence_by_hand_that_was_erased_is_withheld_at_its_entry_and_so_is_what_is_missing() {
    let mut world = World::new_promoted();
    let digest = by_hand(&mut world, "ada", "ada", |_| {});
    let place = format!("log entry {}", world.entries.len() - 1);
    let kept = world.shelf.0.remove(&digest).unwrap();
    assert_eq!(found(&world), [("evidence-withheld".to_owned(), Class::Indeterminate)]);
    let at = world.now;
    erased(&mut world, digest, ORIGIN, at);
    let said = records(&world);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert_eq!((said[0].code, said[0].at.as_slice()), (codes::EVIDENCE_WITHHELD, [place].as_slice()));
    assert!(
        said[0].what.contains("nobody can see any more") && said[0].found[0].starts_with("log entry "),
        "{said:#?}"
    );
    // Whoever has it still can look; in the store it is not to lie.
    world.shelf.put(&kept);
    assert_eq!(found(&world), [("erasure-undone".to_owned(), Class::Refused)]);
}

#[test]
fn an_erasure_for_another_log_or_of_a_time_to_come_erases_nothing() {
    for (log, later) in [("example.com/other", 0), (ORIGIN, 1)] {
        let mut world = World::new_promoted();
        let digest = by_hand(&mut world, "ada", "ada", |_| {});
        let at = world.now.plus(later);
        erased(&mut world, digest, log, at);
        let codes: Vec<String> = found(&world).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, [MALFORMED, "evidence-withheld"], "{log}, {later}");
        let said = records(&world).remove(0);
        assert!(said.found[0].starts_with("erasure-malformed: "), "{said:#?}");
    }
}

#[test]
fn an_erasure_hides_no_entry_of_another_kind() {
    let exception = |entry: &Entry| entry.kind == Kind::Exception;
    let fire = Fire::new().signed(-1).world;
    let of = |world: &World, wanted: &dyn Fn(&Entry) -> bool| {
        world.entries.iter().map(|bytes| Entry::parse(bytes).unwrap()).find(|entry| wanted(entry)).unwrap()
    };
    let ended = |entry: &Entry| entry.kind == Kind::ExceptionEnd;
    let both: [&dyn Fn(&Entry) -> bool; 2] = [&exception, &ended];
    for wanted in both {
        let mut world = fire.clone();
        let (digest, at) = (of(&world, wanted).statements[0], world.now);
        erased(&mut world, digest, ORIGIN, at);
        assert_eq!(found(&world), [(MALFORMED.to_owned(), Class::Untrusted)], "{:?}", records(&world));
    }
    // A promotion under a kind that no verb records by itself.
    for kind in [Kind::Sbom, Kind::Vsa, Kind::Review, Kind::PolicyRelease] {
        let mut world = World::new_promoted();
        let mut hidden = Entry::parse(&world.entries.pop().unwrap()).unwrap();
        (hidden.kind, hidden.evidence) = (kind, Vec::new());
        hidden.statements.truncate(1);
        world.entries.push(hidden.to_bytes().unwrap());
        let at = world.now;
        erased(&mut world, hidden.statements[0], ORIGIN, at);
        assert_eq!(found(&world), [(MALFORMED.to_owned(), Class::Untrusted)], "{kind:?}");
    }
}

#[test]
fn an_entry_names_who_acted_and_nobody_else() {
    let mut world = Fire::new().signed(-1).world;
    drop(world.promote_next(5));
    by_hand(&mut world, "ada", "ada", |_| {});
    erase(&mut world, 3);
    assert!(found(&world).is_empty(), "{:?}", records(&world));
    let other = PersonId::new("mallory").unwrap();
    let mut kinds = BTreeSet::new();
    for (index, bytes) in world.entries.iter().enumerate() {
        let entry = Entry::parse(bytes).unwrap();
        if entry.kind == Kind::PromotionDecision {
            continue;
        }
        let more: Vec<PersonId> = entry.persons.iter().cloned().chain([other.clone()]).collect();
        let twice: Vec<PersonId> = entry.persons.iter().chain(&entry.persons).cloned().collect();
        for persons in [more, vec![other.clone()], Vec::new(), twice] {
            if persons == entry.persons {
                continue;
            }
            let mut world = world.clone();
            world.entries[index] = Entry { persons, ..entry.clone() }.to_bytes().unwrap();
            let said = records(&world);
            assert_eq!(said.len(), 1, "{index}: {said:#?}");
            assert_eq!(
                (said[0].code, said[0].at[0].as_str()),
                (codes::LOG_ENTRY_MALFORMED, &*format!("log entry {index}"))
            );
            assert!(said[0].what.contains("others acted"), "{said:#?}");
        }
        kinds.insert(entry.kind);
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}

#[test]
fn a_decision_names_no_person_and_an_end_is_for_the_environment_of_its_exception() {
    let mut world = World::new_promoted();
    let last = world.entries.len() - 1;
    let mut entry = Entry::parse(&world.entries[last]).unwrap();
    entry.persons = vec![PersonId::new("ada").unwrap()];
    world.entries[last] = entry.to_bytes().unwrap();
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.expect("trust");
    let opened = LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now);
    let state = opened.state.expect("a log that holds");
    let read = state.now().decision(u64::try_from(last).unwrap(), &world.shelf).expect_err("a gate decides");
    assert_eq!(read[0].code, codes::LOG_ENTRY_MALFORMED, "{read:#?}");

    let mut world = Fire::new().signed(-1).world;
    let mut end = Entry::parse(&world.entries.pop().unwrap()).unwrap();
    assert_eq!(end.kind, Kind::ExceptionEnd);
    end.environment = Some(EnvName::new("staging").unwrap());
    world.entries.push(end.to_bytes().unwrap());
    assert_eq!(found(&world), [(MALFORMED.to_owned(), Class::Untrusted)]);
}

/// The year after: the world's log was closed, and this one goes on from it.
struct Next {
    world: World,
    signer: LogSigner,
    checkpoint: Vec<u8>,
}

impl Next {
    /// After this was done to the earlier log.
    fn after(change: impl FnOnce(&mut World)) -> Self {
        let mut world = World::new_promoted();
        let key = SigningKey::generate(KeyKind::Ed25519).unwrap();
        let next = Origin::new("example.com/next").unwrap();
        let public = key.public().to_openssh();
        let log = format!("[[logs]]\norigin = \"{next}\"\nkeys = [{{ key = \"{public}\" }}]\n[roles.trust]");
        let text = world.trust_toml(2).replacen("[roles.trust]", &log, 1);
        world.trust_from_now_on(&text, &["ada", "ben"]);
        drop(world.promote_next(1));
        change(&mut world);
        let root = world.log_ref().root;
        shard(&mut world, root, &LogShard::ClosedFor(next.clone()), Vec::new());
        let ended = world.log_ref();
        let checkpoint = world.checkpoint();
        let carried = CarriedLog { checkpoint, entries: std::mem::take(&mut world.entries) }.to_bytes().unwrap();
        let carried = world.shelf.put(&carried);
        shard(&mut world, ended.root, &LogShard::Continues(ended.clone()), vec![carried]);
        let (trust, document) = (world.trust_digest, Sha256::of(&world.trust));
        world.append(Kind::Trust, None, vec![trust], vec![document], Vec::new());
        let hashes: Vec<Sha256> = world.entries.iter().map(|bytes| leaf_hash(bytes)).collect();
        let size = u64::try_from(world.entries.len()).unwrap();
        let signer = LogSigner::new(next.clone(), key).unwrap();
        let checkpoint = Checkpoint { origin: next, size, root: root_of(&hashes) }.sign(&signer).unwrap();
        Self { world, signer, checkpoint: checkpoint.to_string().into_bytes() }
    }

    fn records(&self) -> Records {
        let Self { world, checkpoint, .. } = self;
        let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.expect("trust");
        let opened = LogState::open(checkpoint, &world.entries, &trust, &world.shelf, world.now);
        let state = opened.state.expect("a log that holds");
        assert_eq!(state.faults().count(), 0, "{:?}", state.faults().collect::<Vec<_>>());
        state.records(&world.shelf)
    }

    /// What is found in its package.
    fn found(&self) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        let pieces: Vec<&[u8]> = self.world.shelf.0.values().map(Vec::as_slice).collect();
        place.store().put_many(&pieces).unwrap();
        drop(Log::create(&place.log(), &self.signer).unwrap().append(&self.world.entries).unwrap());
        let mut bytes = Vec::new();
        audit::export_to(&place, &Scope::default(), &mut bytes).unwrap();
        let outside = OutsideTrust { bytes: &self.world.trust, digest: Some(&self.world.trust_digest) };
        let source = Box::new(Cursor::new(bytes));
        audit::verify_source(source, Some(outside), None, How::Full).unwrap().findings
    }
}

fn shard(world: &mut World, root: Sha256, says: &LogShard, evidence: Vec<Sha256>) {
    let subject = vec![Subject::sha256("log", &root)];
    let statement = Statement::new(Kind::LogShard, subject, says).unwrap();
    let signed = sign_payload(&statement.to_bytes().unwrap(), &world.gate).unwrap();
    let document = world.shelf.put(&signed);
    world.append(Kind::LogShard, None, vec![root], vec![document], evidence);
}

#[test]
fn what_a_log_records_is_opened_in_the_one_that_goes_on_from_it() {
    let honest = Next::after(|world| {
        by_hand(world, "ada", "ada", |_| {});
    });
    let records = honest.records();
    assert!(records.wrong.is_empty() && records.erased.is_empty(), "{records:#?}");
    let found = honest.found();
    let bad = |one: &Finding| one.class == Class::Untrusted || one.code == codes::EVIDENCE_WITHHELD;
    assert!(!found.iter().any(bad), "{found:#?}");

    let hidden = Next::after(|world| {
        let mut last = Entry::parse(&world.entries.pop().unwrap()).unwrap();
        (last.kind, last.evidence) = (Kind::Sbom, Vec::new());
        last.statements.truncate(1);
        world.entries.push(last.to_bytes().unwrap());
    });
    let place = format!("log {ORIGIN}, entry 5");
    let is_said = |one: &Finding| one.code == codes::LOG_ENTRY_MALFORMED && one.at == [place.clone()];
    let records = hidden.records();
    assert!(records.wrong.len() == 1 && is_said(&records.wrong[0]), "{records:#?}");
    let found = hidden.found();
    assert!(found.iter().any(is_said), "{found:#?}");

    // What was erased in the earlier log is withheld in this one as well.
    let withheld = Next::after(|world| {
        let (digest, at) = (by_hand(world, "ada", "ada", |_| {}), world.now);
        erased(world, digest, ORIGIN, at);
    });
    let records = withheld.records();
    assert!(records.wrong.is_empty(), "{records:#?}");
    assert_eq!(records.erased[0].at, [format!("log {ORIGIN}, entry 6")]);
    let found = withheld.found();
    assert!(
        found.iter().any(|one| one.at == records.erased[0].at)
            && !found.iter().any(|one| one.class == Class::Untrusted)
    );
}

#[test]
fn a_decision_of_an_earlier_log_that_a_package_lacks_is_missing_at_its_entry() {
    let mut decided = None;
    let mut next = Next::after(|world| {
        let entry = Entry::parse(world.entries.last().unwrap()).unwrap();
        decided = entry.statement().copied();
    });
    let decided = decided.expect("a decision");
    let missing = |next: &Next| next.found().into_iter().find(|one| one.code == codes::PACKAGE_EVIDENCE_MISSING);
    assert!(missing(&next).is_none(), "{:#?}", next.found());
    next.world.shelf.0.remove(&decided);
    let finding = missing(&next).expect("found");
    assert_eq!(finding.at, [format!("log {ORIGIN}, entry 5"), format!("document {decided}")]);
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
