//! A record that an older version made: it may have said the same in other words, and nothing else.

use crate::audit_agreement::{ask, open};
use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Check, Class, Finding, Verdict, exit_of};
use countersign_flow::audit::{self, Ask, Asking, AuditReport, OutsideTrust, Scope, Window};
use countersign_tests::world::World;
use std::io::Cursor;

/// A record in which a version made a decision that was altered before it was signed.
fn recorded(version: &str, alter: impl FnOnce(&mut Decision)) -> (World, Vec<u8>) {
    let mut world = World::new();
    let (_, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    let mut arguments = world.arguments(&artifact, "production", documents);
    version.clone_into(&mut arguments.request.tool.version);
    let mut decision = arguments.decide();
    assert_eq!(decision.verdict, Verdict::Fail, "nobody reviewed it");
    alter(&mut decision);
    world.record(&arguments, &decision);
    let bytes = pack(&world, &Scope::default());
    (world, bytes)
}

/// What an audit says of it.
fn audited(version: &str, alter: impl FnOnce(&mut Decision)) -> AuditReport {
    let (world, bytes) = recorded(version, alter);
    let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let source = Box::new(Cursor::new(bytes));
    audit::verify_source(source, Some(outside), Some(&world.checkpoint()), audit::How::Full).expect("checked")
}

fn codes_of(report: &AuditReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn in_other_words(decision: &mut Decision) {
    for finding in &mut decision.findings {
        finding.what.push_str(", as they said then");
        finding.help = None;
    }
    for check in &mut decision.checks {
        check.detail.push_str(", as they said then");
    }
    // A line and notes that came later.
    let passed = decision.checks.iter().position(|check| check.verdict == Verdict::Pass);
    decision.checks.remove(passed.expect("a line that passes"));
    decision.findings.retain(|finding| finding.class != Class::Note);
}

#[test]
fn the_words_of_an_older_version_are_noted_and_those_of_this_one_are_held_to_the_letter() {
    let older = audited("0.0.1", in_other_words);
    assert_eq!(exit_of(&older.findings).code(), 0, "{:#?}", older.findings);
    assert_eq!(codes_of(&older), [codes::DECISION_OTHER_WORDS.as_str()]);
    assert!(older.decisions.iter().all(|row| row.same_again));
    let same = audited("0.0.1", |_| {});
    assert!(codes_of(&same).is_empty(), "{:#?}", same.findings);
    let here = audited(env!("CARGO_PKG_VERSION"), in_other_words);
    assert!(codes_of(&here).contains(&codes::DECISION_DIFFERS.as_str()), "{:#?}", here.findings);
}

#[test]
fn an_older_version_is_no_excuse_for_another_verdict_code_or_level() {
    let changes: [fn(&mut Decision); 5] = [
        |decision| decision.verdict = Verdict::Pass,
        |decision| decision.authorised = true,
        |decision| decision.findings.retain(|finding| finding.code != codes::REVIEW_MISSING),
        |decision| decision.rules.iter_mut().for_each(|rule| rule.verdict = Some(Verdict::Pass)),
        |decision| decision.levels.push("SLSA_BUILD_LEVEL_3".to_owned()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let report = audited("0.0.1", change);
        assert_eq!(exit_of(&report.findings).code(), 4, "change {number}: {:#?}", report.findings);
    }
}

#[test]
fn an_older_version_is_no_excuse_for_another_commit_person_expectation_or_fact() {
    fn blocks(decision: &mut Decision) -> &mut Finding {
        decision.findings.iter_mut().find(|finding| finding.class.blocks()).expect("a refusal")
    }
    let changes: [fn(&mut Decision); 10] = [
        |decision| blocks(decision).at = vec!["commit 0000000000000000000000000000000000000000".to_owned()],
        |decision| blocks(decision).expected = Some("2 persons".to_owned()),
        |decision| blocks(decision).expected_by = Some("ada and ben".to_owned()),
        |decision| blocks(decision).found = vec!["2 persons: ada, ben".to_owned()],
        |decision| blocks(decision).controls.clear(),
        |decision| blocks(decision).rule = None,
        |decision| decision.checks.retain(|check| check.verdict == Verdict::Pass),
        |decision| decision.checks.iter_mut().for_each(|check| check.verdict = Verdict::Pass),
        |decision| decision.checks.push(Check::new("agreed-by-hand", Verdict::Pass, "ada and ben")),
        |decision| decision.findings.push(Finding::new(codes::TRUST_LATER, "agreed to by ada").at("ada")),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let report = audited("0.0.1", change);
        assert_eq!(exit_of(&report.findings).code(), 4, "change {number}: {:#?}", report.findings);
        assert!(codes_of(&report).contains(&codes::DECISION_DIFFERS.as_str()), "change {number}");
    }
}

#[test]
fn the_sentences_of_another_version_are_printed_nowhere() {
    let (world, bytes) = recorded("0.0.1", in_other_words);
    let opening = open(&world, &bytes, Some(&world.checkpoint()));
    let said = ask(&opening, "Q05");
    let cells: Vec<String> = said.table.cells().concat();
    let meaning = codes::find("review-missing").expect("registered").meaning;
    assert!(cells.iter().any(|cell| cell.contains(meaning)), "{cells:?}");
    let asking = Asking::of(&opening).expect("open");
    let mut all = asking.report(&Ask::default()).expect("a report").0;
    for question in audit::questions() {
        all.push_str(&format!("{:?}", asking.answer(question.id, &Ask::default()).expect("an answer")));
    }
    for population in asking.populations(&Window::default()).0 {
        all.push_str(&population.table.csv());
    }
    let files = countersign_record::package::read(&bytes).expect("files");
    for (name, bytes) in files.iter().filter(|(name, _)| !name.starts_with("evidence/")) {
        all.push_str(name);
        all.push_str(&String::from_utf8_lossy(bytes));
    }
    assert!(!all.contains("as they said then"));
    let here = recorded(env!("CARGO_PKG_VERSION"), |_| {});
    let opening = open(&here.0, &here.1, Some(&here.0.checkpoint()));
    assert!(!ask(&opening, "Q05").table.cells().concat().contains(&meaning.to_owned()), "its own sentence is kept");
}
