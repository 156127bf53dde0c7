//! Evidence counts in an answer for what it is about, and for nothing else that was handed in with it; and what nobody looked at, or what
//! no entry can show yet, is missing.

use crate::audit_agreement::{Fire, ask, has, open};
use crate::audit_questions::pack;
use crate::audit_windows::{asked, cells};

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::audit::{self, Asking, Difference, OutsideTrust, Scope, Window};
use countersign_sign::sign_payload;
use countersign_tests::tamper::reindex;
use countersign_tests::world::World;
use serde_json::{Value, json};
use std::io::Cursor;

const DAY: i64 = 24 * 60 * 60;

/// Signed by the builder, about one artifact.
fn about(world: &World, kind: Kind, artifact: &Sha256, predicate: &Value) -> Vec<u8> {
    let statement = Statement::new(kind, vec![Subject::sha256("app", artifact)], predicate).expect("a statement");
    sign_payload(&statement.to_bytes().expect("canonical"), &world.builder).expect("signed")
}

fn scan(world: &World, artifact: &Sha256) -> Vec<u8> {
    let at = world.now.to_string();
    let scan = json!({"scanner": {"uri": "https://example.com/scanner", "db": {"lastUpdate": at}, "result": []},
        "metadata": {"scanStartedOn": at, "scanFinishedOn": at}});
    about(world, Kind::Vulns, artifact, &scan)
}

fn tested(world: &World, artifact: &Sha256) -> Vec<u8> {
    let result = json!({"result": "PASSED", "configuration": [{"name": "unit"}]});
    about(world, Kind::TestResult, artifact, &result)
}

fn artifact(number: usize) -> Sha256 {
    Sha256::of(format!("artifact {number}").as_bytes())
}

/// Promotes the next change, whose SBOM has so many components, with more documents. Gives the log entry.
fn promote(
    world: &mut World,
    (number, components): (usize, usize),
    more: impl Fn(&World, &Sha256) -> Vec<Vec<u8>>,
) -> u64 {
    let base = world.tip;
    let (head, landed) = world.land(number);
    let artifact = artifact(number);
    let mut documents = world.built(&artifact, &landed, "clean", components).to_vec();
    documents.extend(["ada", "ben"].map(|person| world.review(person, &base, &head, ReviewDecision::Approve)));
    documents.extend(more(world, &artifact));
    let arguments = world.arguments(&artifact, "production", documents);
    let decision = arguments.decide();
    assert_eq!(decision.verdict, Verdict::Pass, "{:#?}", decision.findings);
    world.record(&arguments, &decision);
    world.now = world.now.plus(DAY);
    world.log_ref().size - 1
}

#[test]
fn tests_and_scans_of_another_artifact_are_none_of_this_one() {
    let other = Sha256::of(b"another artifact");
    let ask_of = |scanned: Option<Sha256>| {
        let mut world = World::new();
        let entry = promote(&mut world, (1, 3), |world, own| {
            let of = scanned.unwrap_or(*own);
            vec![scan(world, &of), tested(world, &of)]
        });
        let items = asked(&world, "Q03", Window::default());
        let opening = open(&world, &pack(&world, &Scope::default()), Some(&world.checkpoint()));
        let (chain, _) = Asking::of(&opening).expect("open").show(&entry.to_string()).expect("a chain");
        let cell = |name: &str| cells(&items, name)[0].to_owned();
        ([cell("tests"), cell("scans")], chain.text(), asked(&world, "Q15", Window::default()))
    };
    let (own, shown, scanned) = ask_of(None);
    assert_eq!(own, ["passed", "1"]);
    assert!(shown.contains("tests passed") && !shown.contains("another artifact"), "{shown}");
    assert_eq!(scanned.verdict, Verdict::Pass, "{scanned:#?}");
    let (others, shown, unscanned) = ask_of(Some(other));
    assert_eq!(others, ["none", "0"]);
    assert!(!shown.contains("tests passed") && !shown.contains("0 vulnerabilities"), "{shown}");
    assert!(shown.contains("vulns about another artifact: it counts for nothing here"), "{shown}");
    assert_eq!(unscanned.verdict, Verdict::Indeterminate, "{unscanned:#?}");
    assert!(unscanned.notes.iter().any(|note| note.starts_with("1 scans are about other artifacts")), "{unscanned:#?}");
}

#[test]
fn a_scan_of_one_promotion_is_none_of_another() {
    let mut world = World::new();
    promote(&mut world, (1, 3), |world, own| vec![scan(world, own)]);
    let entry = promote(&mut world, (2, 3), |_, _| Vec::new());
    let answered = asked(&world, "Q15", Window::default());
    assert_eq!(answered.verdict, Verdict::Indeterminate, "{answered:#?}");
    let named = format!("scan for vulnerabilities of 1 promotions: log entries {entry}");
    assert!(answered.missing.contains(&named), "{:?}", answered.missing);
}

#[test]
fn an_sbom_of_another_artifact_makes_no_component_known() {
    let new = |early: bool| {
        let mut world = World::new();
        promote(&mut world, (1, 3), |world, _| {
            let [_, sbom] = world.built(&Sha256::of(b"another artifact"), &world.tip, "clean", 5);
            if early { vec![sbom] } else { Vec::new() }
        });
        promote(&mut world, (2, 5), |_, _| Vec::new());
        let answered = asked(&world, "Q16", Window::default());
        assert_eq!(answered.verdict, Verdict::Pass, "{answered:#?}");
        answered.table.rows.len()
    };
    assert_eq!([new(false), new(true)], [2, 2]);
}

#[test]
fn the_first_promotion_of_a_window_is_compared_with_the_last_one_before_it() {
    let mut world = World::new();
    promote(&mut world, (1, 3), |_, _| Vec::new());
    let from = world.now;
    promote(&mut world, (2, 5), |_, _| Vec::new());
    let window = Window { from: Some(from), ..Window::default() };
    let answered = asked(&world, "Q16", window.clone());
    assert_eq!((answered.verdict, answered.table.rows.len()), (Verdict::Pass, 2), "{answered:#?}");
    // A package of the window alone has what its first promotion goes on from.
    let part = pack(&world, &Scope { window, ..Scope::default() });
    let answered = ask(&open(&world, &part, Some(&world.checkpoint())), "Q16");
    assert_eq!((answered.verdict, answered.table.rows.len()), (Verdict::Pass, 2), "{answered:#?}");
}

#[test]
fn whether_an_emergency_was_reviewed_by_a_day_behind_the_logs_end_is_missing() {
    let fire = Fire::new();
    let to = |to| Window { to: Some(to), ..Window::default() };
    let open = asked(&fire.world, "Q06", to(fire.due.plus(DAY)));
    assert_eq!(open.verdict, Verdict::Indeterminate, "{open:#?}");
    assert!(open.missing.iter().any(|what| what.contains("the log ends at")), "{:?}", open.missing);
    assert!(cells(&open, "let through by")[0].contains(", asked for by "), "{open:#?}");
    assert_eq!(asked(&fire.world, "Q06", to(fire.due.plus(-1))).verdict, Verdict::Pass, "it is not due by then");
}

fn between(world: &World, first: &[u8], second: &[u8]) -> Difference {
    let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let source = |bytes: &[u8]| Box::new(Cursor::new(bytes.to_vec()));
    let kept = world.checkpoint();
    let (one, two) = audit::open_two(source(first), source(second), Some(outside), Some(&kept)).expect("opened");
    audit::diff(&one.opened.expect("open"), &two.opened.expect("open"), first == second, Vec::new())
}

#[test]
fn a_document_that_was_taken_out_of_a_package_is_named_by_a_difference() {
    let mut world = World::new();
    promote(&mut world, (1, 3), |_, _| Vec::new());
    let older = pack(&world, &Scope::default());
    let mut grown = world.clone();
    promote(&mut grown, (2, 3), |_, _| Vec::new());
    let newer = pack(&grown, &Scope::default());
    let fine = between(&grown, &older, &newer);
    assert!(!has(&fine.findings, codes::PACKAGE_EVIDENCE_MISSING), "{:#?}", fine.findings);
    let without = |bytes: &[u8]| {
        let mut files = countersign_record::package::read(bytes).expect("files");
        let (name, day) = files.iter().find(|(name, _)| name.starts_with("evidence/")).expect("a day");
        let (name, day) = (name.clone(), day.clone());
        // The first document: a line of digest and length, its bytes, and a line end.
        let line = day.iter().position(|b| *b == b'\n').expect("a line");
        let said = std::str::from_utf8(&day[..line]).expect("text");
        let (digest, length) = said.split_once(' ').expect("two words");
        let (digest, length) = (digest.to_owned(), length.parse::<usize>().expect("a length"));
        files.insert(name, day[line + 1 + length + 1..].to_vec());
        reindex(&mut files);
        (digest, countersign_record::package::write(&files).expect("a package"))
    };
    for (first, (digest, second)) in [(&older, without(&older)), (&older, without(&newer))] {
        for differ in [between(&grown, first, &second), between(&grown, &second, first)] {
            let lost = differ.findings.iter().find(|one| one.code == codes::PACKAGE_EVIDENCE_MISSING);
            let lost = lost.unwrap_or_else(|| panic!("not found: {:#?}", differ.findings));
            assert!(lost.at.contains(&format!("document {digest}")), "{lost:#?}");
            assert_eq!(differ.exit.code(), 3, "{:#?}", differ.findings);
            assert!(differ.words().contains(&digest), "{}", differ.words());
        }
    }
}
