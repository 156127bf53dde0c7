//! A record that an older version made: it may have said the same in other words, and nothing else.

use crate::audit_agreement::open;
use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Verdict, exit_of};
use countersign_flow::audit::{self, AuditReport, OutsideTrust, Scope};
use countersign_tests::world::World;
use std::io::Cursor;

/// What an audit says of a record in which a version made a decision that was altered before it was signed.
fn audited(version: &str, alter: impl FnOnce(&mut Decision)) -> AuditReport {
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
    assert!(open(&world, &bytes, Some(&world.checkpoint())).opened.is_some());
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
    decision.checks.pop();
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
