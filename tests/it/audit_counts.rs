//! What an answer counts: what somebody of trust signed, about what the gate takes it to be about; and of a part of the record what its
//! first promotions are compared with, and nothing else of other parts.

use crate::audit_agreement::{ask, has, open};
use crate::audit_questions::pack;
use crate::audit_windows::{asked, cells};

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::audit::{self, Ask, Asking, How, Opening, OutsideTrust, Profile, Scope, Window};
use countersign_record::package;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::tamper::reindex;
use countersign_tests::world::{REPOSITORY, World};
use serde_json::{Value, json};
use std::io::Cursor;

const DAY: i64 = 24 * 60 * 60;

fn artifact(number: usize) -> Sha256 {
    Sha256::of(format!("artifact {number}").as_bytes())
}

fn signed(by: &SigningKey, kind: Kind, subject: Subject, predicate: &Value) -> Vec<u8> {
    let statement = Statement::new(kind, vec![subject], predicate).expect("a statement");
    sign_payload(&statement.to_bytes().expect("canonical"), by).expect("signed")
}

/// A scan that finds one vulnerability, as bad as the scanner says.
fn scan(world: &World, by: &SigningKey, number: usize, (scanner, score): (&str, &str)) -> Vec<u8> {
    let at = world.now.to_string();
    let severity = json!([{"method": "CVSS_score", "score": score}]);
    let scan = json!({"scanner": {"uri": scanner, "db": {"lastUpdate": at}, "result": [{"id": "CVE-2026-1111", "severity": severity}]},
        "metadata": {"scanStartedOn": at, "scanFinishedOn": at}});
    signed(by, Kind::Vulns, Subject::sha256("app", &artifact(number)), &scan)
}

fn as_decided(goes: bool) -> bool {
    goes
}

/// Decides on the next change with these documents beside its SBOM, if it has one; it goes out as `goes` says of whether it may.
/// Gives the log entry.
fn decide(
    world: &mut World,
    (number, components): (usize, Option<usize>),
    goes: impl FnOnce(bool) -> bool,
    more: Vec<Vec<u8>>,
) -> u64 {
    let base = world.tip;
    let (head, landed) = world.land(number);
    let [provenance, sbom] = world.built(&artifact(number), &landed, "clean", components.unwrap_or(3));
    let mut documents = vec![provenance];
    documents.extend(components.map(|_| sbom));
    documents.extend(["ada", "ben"].map(|person| world.review(person, &base, &head, ReviewDecision::Approve)));
    documents.extend(more);
    let arguments = world.arguments(&artifact(number), "production", documents);
    let mut decision = arguments.decide();
    decision.authorised = goes(decision.authorised);
    world.record(&arguments, &decision);
    world.now = world.now.plus(DAY);
    world.log_ref().size - 1
}

#[test]
fn a_scan_that_nobody_of_trust_signed_is_none_and_hides_none() {
    let mut world = World::new();
    let stranger = SigningKey::generate(KeyKind::Ed25519).expect("a key");
    let fake = scan(&world, &stranger, 1, ("https://example.com/fake", "2.0"));
    decide(&mut world, (1, Some(3)), as_decided, vec![fake]);
    let real = scan(&world, &world.builder, 2, ("https://example.com/real", "9.9"));
    let milder = scan(&world, &world.builder, 2, ("https://example.com/other", "5.0"));
    let entry = decide(&mut world, (2, Some(3)), as_decided, vec![real, milder]);
    let answered = asked(&world, "Q15", Window::default());
    // Two scanners that differ are two rows.
    let mut rows: Vec<_> = cells(&answered, "scanner").into_iter().zip(cells(&answered, "severity")).collect();
    rows.sort_unstable();
    assert_eq!(
        rows,
        [("https://example.com/other", "medium"), ("https://example.com/real", "critical")],
        "{answered:#?}"
    );
    assert!(answered.table.rows.iter().all(|row| row.proof.entry == entry), "{answered:#?}");
    let note = "1 scans are signed by nobody whom trust knew for that, and count for nothing";
    assert!(answered.notes.iter().any(|said| said == note), "{:?}", answered.notes);
}

#[test]
fn an_sbom_that_cannot_be_read_beside_another_is_missing() {
    let mut world = World::new();
    decide(&mut world, (1, Some(3)), as_decided, Vec::new());
    let broken = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": {"0": {}}});
    let broken = signed(&world.builder, Kind::Sbom, Subject::sha256("app", &artifact(2)), &broken);
    let named = format!("sbom {} of log entry", Sha256::of(&broken));
    // A gate that asks for one SBOM alone lets it go.
    decide(&mut world, (2, Some(3)), |_| true, vec![broken]);
    let from = world.now;
    let answered = asked(&world, "Q16", Window::default());
    assert_eq!(answered.verdict, Verdict::Indeterminate, "{answered:#?}");
    assert!(answered.missing.iter().any(|what| what.starts_with(&named)), "{:?}", answered.missing);
    // Nor is it something to compare with.
    decide(&mut world, (3, Some(3)), |_| true, Vec::new());
    let answered = asked(&world, "Q16", Window { from: Some(from), ..Window::default() });
    assert!(answered.missing.iter().any(|what| what.contains("with which that of log entry")), "{answered:#?}");
}

#[test]
fn a_component_that_was_gone_and_came_back_is_not_known_by_what_was_before() {
    let mut world = World::new();
    decide(&mut world, (1, Some(5)), as_decided, Vec::new());
    let without = decide(&mut world, (2, None), |_| true, Vec::new());
    let window = Window { from: Some(world.now), ..Window::default() };
    decide(&mut world, (3, Some(5)), |_| true, Vec::new());
    let answered = asked(&world, "Q16", window);
    assert_eq!(answered.verdict, Verdict::Indeterminate, "{answered:#?}");
    let named = format!("readable SBOM of log entry {without}, with which");
    assert!(answered.missing.iter().any(|what| what.starts_with(&named)), "{:?}", answered.missing);
}

#[test]
fn a_part_has_what_its_first_promotion_is_compared_with_and_nothing_else_of_what_came_before() {
    let mut world = World::new();
    for number in [1, 2] {
        let scanned = scan(&world, &world.builder, number, ("https://example.com/s", "2.0"));
        decide(&mut world, (number, Some(2 + number)), as_decided, vec![scanned]);
    }
    let window = Window { from: Some(world.now), ..Window::default() };
    decide(&mut world, (3, Some(6)), as_decided, Vec::new());
    // Everything that was recorded, by what it is.
    let of = |kind: Kind, number: usize| {
        let about = |bytes: &[u8]| {
            let signed = countersign_core::bundle::Signed::parse(bytes).ok()?;
            let statement = Statement::parse(&signed.payload).ok()?;
            Some(statement.kind() == Some(kind) && statement.is_about(&artifact(number)))
        };
        let found = world.shelf.0.iter().find(|(_, bytes)| about(bytes) == Some(true));
        *found.expect("a document").0
    };
    let [first, last] = [of(Kind::Sbom, 1), of(Kind::Sbom, 2)];
    let scans = [of(Kind::Vulns, 1), of(Kind::Vulns, 2)];
    let line = |digest: &Sha256| format!("{digest} ").into_bytes();
    for profile in [Profile::Full, Profile::FactsOnly] {
        let bytes = pack(&world, &Scope { profile, window: window.clone() });
        let mut files = package::read(&bytes).expect("files");
        let holds = |digest: &Sha256| {
            let (line, mut days) = (line(digest), files.iter().filter(|(name, _)| name.starts_with("evidence/")));
            days.any(|(_, day)| day.windows(line.len()).any(|part| part == line))
        };
        assert!(holds(&last), "{profile}");
        assert!(!holds(&first) && scans.iter().all(|scan| !holds(scan)), "{profile}");
        let least = world.checkpoint();
        let answered = ask(&open(&world, &bytes, Some(&least)), "Q16");
        assert_eq!((answered.verdict, answered.table.rows.len()), (Verdict::Pass, 2), "{profile}: {answered:#?}");
        // Without it the package is not what its scope says.
        let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
        let verified = |bytes: &[u8]| audit::verify(bytes, Some(outside), Some(&least)).expect("verified").findings;
        assert!(!has(&verified(&bytes), codes::PACKAGE_EVIDENCE_MISSING), "{profile}");
        for day in files.iter_mut().filter(|(name, _)| name.starts_with("evidence/")).map(|(_, day)| day) {
            let line = line(&last);
            let Some(at) = day.windows(line.len()).position(|part| part == line) else { continue };
            let end = at + day[at..].iter().position(|byte| *byte == b'\n').expect("a line");
            let length: usize = std::str::from_utf8(&day[at + line.len()..end]).unwrap().parse().expect("a length");
            day.drain(at..=(end + 1 + length));
        }
        reindex(&mut files);
        let less = package::write(&files).expect("a package");
        let missing = verified(&less);
        let missing = missing.iter().find(|one| one.code == codes::PACKAGE_EVIDENCE_MISSING).expect("found");
        assert_eq!(missing.at, [format!("document {last}")]);
        assert_eq!(ask(&open(&world, &less, Some(&least)), "Q16").verdict, Verdict::Indeterminate, "{profile}");
    }
}

#[test]
fn what_is_about_the_commit_of_the_provenance_counts_where_no_range_of_commits_was_proved() {
    let mut world = World::new();
    let (_, landed) = world.land(1);
    let of_commit = || {
        let mut subject = Subject::sha256("app", &artifact(1));
        subject.digest = [("gitCommit".to_owned(), landed.hex())].into();
        subject
    };
    let tests = json!({"result": "PASSED", "configuration": [{"name": "unit"}]});
    let plan = |commit: &str| {
        json!({"repository": REPOSITORY, "commit": commit, "readers": 1, "file": "plan.json",
            "digest": Sha256::of(b"plan"), "plan": {"format": "1.2", "cutShort": false, "resources": 0, "known": []}})
    };
    let documents = |with_provenance: bool| {
        let [provenance, _] = world.built(&artifact(1), &landed, "clean", 3);
        let mut documents = vec![
            signed(&world.builder, Kind::TestResult, of_commit(), &tests),
            signed(&world.builder, Kind::IacPlan, of_commit(), &plan(&landed.hex())),
        ];
        documents.extend(with_provenance.then_some(provenance));
        documents
    };
    let decided = |documents: Vec<Vec<u8>>| {
        let mut world = world.clone();
        let mut arguments = world.arguments(&artifact(1), "production", documents);
        arguments.git = None;
        let decision = arguments.decide();
        assert!(decision.source.is_none(), "{decision:#?}");
        world.record(&arguments, &decision);
        world
    };
    let show = |world: &World, id: &str| {
        let opening = open(world, &pack(world, &Scope::default()), Some(&world.checkpoint()));
        Asking::of(&opening).expect("open").show(id).map(|(chain, _)| chain.text())
    };
    let with = decided(documents(true));
    let shown = show(&with, &landed.hex().to_uppercase()).expect("named by its commit");
    assert!(shown.contains("tests passed") && !shown.contains("counts for nothing"), "{shown}");
    let plans = asked(&with, "Q17", Window::default());
    assert!(cells(&plans, "plan")[0].starts_with("plan.json sha256:"), "{plans:#?}");
    // Without it nobody knows what they are about: that is said, and not that they are about something else.
    let without = decided(documents(false));
    let entry = (without.log_ref().size - 1).to_string();
    let shown = show(&without, &entry).expect("an entry");
    assert!(shown.contains("iac-plan: not known what it is about") && !shown.contains("tests passed"), "{shown}");
    let plans = asked(&without, "Q17", Window::default());
    assert!(plans.table.rows.is_empty(), "{plans:#?}");
    assert!(plans.missing.iter().any(|what| what.starts_with("commit of which log entry")), "{:?}", plans.missing);
}

#[test]
fn a_log_that_does_not_go_on_from_the_kept_checkpoint_is_not_said_to() {
    let mut world = World::new();
    decide(&mut world, (1, Some(3)), as_decided, Vec::new());
    let (before, kept) = (pack(&world, &Scope::default()), world.checkpoint());
    let mut grown = world.clone();
    decide(&mut grown, (2, Some(3)), as_decided, Vec::new());
    let of = |least: &[u8]| ask(&open(&world, &before, Some(least)), "Q22");
    let said = |answered: &audit::Answered, note: &str| answered.notes.iter().any(|one| one == note);
    assert!(said(&of(&kept), "the log goes on from the checkpoint that was kept"));
    for least in [grown.checkpoint(), kept[..40].to_vec()] {
        let answered = of(&least);
        assert_eq!(answered.verdict, Verdict::Fail, "{answered:#?}");
        assert!(said(&answered, "the log does not go on from the checkpoint that was given"), "{:?}", answered.notes);
        assert!(answered.completeness.contains("NOT proved"), "{}", answered.completeness);
        assert!(answered.missing.iter().all(|what| !what.contains("checkpoint")), "{:?}", answered.missing);
    }
}

#[test]
fn the_report_of_facts_alone_says_of_each_answer_why_it_is_no_pass_and_of_no_outcome_that_it_was_run_again() {
    let mut world = World::new();
    decide(&mut world, (1, Some(3)), as_decided, Vec::new());
    let page = |profile: Profile| {
        let source = Box::new(Cursor::new(pack(&world, &Scope { profile, ..Scope::default() })));
        let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
        let least = world.checkpoint();
        let verified = audit::verify_opened(source, Some(outside), Some(&least), Vec::new(), How::Full);
        let (report, opened) = verified.expect("verified");
        let opening = Opening { report, opened };
        let ask = Ask { seed: Some("seed".to_owned()), ..Ask::default() };
        Asking::of(&opening).expect("open").report(&ask).expect("a page").0
    };
    let again = "of these outcomes was run again";
    let (full, facts) = (page(Profile::Full), page(Profile::FactsOnly));
    assert!(full.contains(again) && !full.contains("found: none of 1 decisions"), "of a full one");
    assert!(!facts.contains(again) && facts.contains("these outcomes are as the gates recorded them: none of 1"));
    let questions = audit::questions().len();
    assert!(facts.matches("found: none of 1 decisions was run again").count() >= questions - 1, "each says why");
}
