//! The audit package: whole, it verifies; one flipped byte anywhere is found and named.

use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Verdict, exit_of, verdict_of};
use countersign_core::statement::provenance::Provenance;
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_core::statement::test_result::TestResult;
use countersign_core::statement::vsa::Vsa;
use countersign_core::statement::{Kind, Payload, Stated as _, Statement};
use countersign_flow::audit::{self, AuditReport, OutsideTrust};
use countersign_flow::place::Place;
use countersign_record::package;
use countersign_tests::chronicle::Chronicle;
use countersign_tests::world::World;
use countersign_verify::Evidence;
use countersign_verify::evidence::signatures;
use countersign_verify::trust::verify_trust;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::LazyLock;

struct Packed {
    world: World,
    bytes: Vec<u8>,
}

static PACKED: LazyLock<Packed> = LazyLock::new(|| {
    let mut world = World::new();
    for number in 0..3 {
        let decision = world.promote_next(number);
        assert_eq!(decision.verdict, Verdict::Pass, "{:#?}", decision.findings);
    }
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(folder.path());
    let bytes = audit::export(&Place::new(folder.path())).expect("a package").bytes;
    Packed { world, bytes }
});

fn check(bytes: &[u8]) -> AuditReport {
    let Packed { world, .. } = &*PACKED;
    audit::verify(
        bytes,
        Some(OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) }),
        Some(&world.checkpoint()),
    )
    .expect("checked")
}

#[test]
fn every_decision_is_run_again_and_comes_out_the_same() {
    let report = check(&PACKED.bytes);
    assert_eq!(verdict_of(&report.findings), Verdict::Pass, "{:#?}", report.findings);
    assert_eq!(report.decisions.len(), 3);
    assert!(report.decisions.iter().all(|row| row.same_again && row.authorised));
    assert!(report.checks.iter().all(|check| check.verdict == Verdict::Pass), "{:#?}", report.checks);
}

#[test]
fn a_refusal_over_broken_and_repeated_evidence_comes_out_the_same_as_well() {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(0);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "dirty", 3).to_vec();
    documents.push(world.review("ada", &base, &head, ReviewDecision::Approve));
    let mut broken = documents[0].clone();
    let end = broken.len() - 40;
    broken[end] ^= 1;
    documents.insert(0, b"not a bundle".to_vec());
    documents.push(broken);
    documents.push(documents[1].clone());
    documents.reverse();
    let arguments = world.arguments(&artifact, "production", documents);
    let decision = arguments.decide();
    assert_eq!(decision.verdict, Verdict::Fail);
    world.record(&arguments, &decision);
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(folder.path());
    let bytes = audit::export(&Place::new(folder.path())).expect("a package").bytes;
    let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let report = audit::verify(&bytes, Some(trust), Some(&world.checkpoint())).expect("checked");
    assert_eq!(verdict_of(&report.findings), Verdict::Pass, "{:#?}", report.findings);
    assert!(report.decisions.len() == 1 && report.decisions[0].same_again);
}

#[test]
fn the_same_log_makes_the_same_package() {
    let folder = tempfile::tempdir().expect("a folder");
    PACKED.world.write_store(folder.path());
    let again = audit::export(&Place::new(folder.path())).expect("a package").bytes;
    assert_eq!(Sha256::of(&again), Sha256::of(&PACKED.bytes));
}

#[test]
fn where_nobody_was_asked_to_cosign_nothing_says_that_somebody_did() {
    let mut files = package::read(&PACKED.bytes).expect("a package");
    let line = "\u{2014} witness.example/all-is-well YWJjZHh4eHg=\n".as_bytes();
    let cosigned = [files["log/checkpoint"].as_slice(), line].concat();
    files.insert("log/cosigned".to_owned(), cosigned);
    countersign_tests::tamper::reindex(&mut files);
    let report = check(&package::write(&files).expect("a package"));
    assert!(report.checks.iter().all(|check| check.id != "log-witnessed"), "{:#?}", report.checks);
    let said = report.findings.iter().find(|finding| finding.code == codes::LOG_LINE_UNKNOWN).expect("a note");
    assert_eq!(said.at, ["log/cosigned"]);
    assert_eq!(said.found, ["witness.example/all-is-well (key 61626364)"]);
}

#[test]
fn without_trust_from_outside_only_inner_consistency_is_claimed() {
    let report = audit::verify(&PACKED.bytes, None, None).expect("checked");
    assert_eq!(verdict_of(&report.findings), Verdict::Indeterminate);
    assert_eq!(exit_of(&report.findings).code(), 3);
    assert!(report.findings.iter().any(|f| f.code == codes::INTERNAL_CONSISTENCY_ONLY));
}

#[test]
fn trust_that_is_not_the_one_meant_is_refused() {
    let world = &PACKED.world;
    let other = Sha256::of(b"other");
    let report = audit::verify(&PACKED.bytes, Some(OutsideTrust { bytes: &world.trust, digest: Some(&other) }), None);
    assert_eq!(exit_of(&report.expect("checked").findings).code(), 4);
}

/// Every byte would take long; these are spread over the whole file, its headers and its end, and differ at each run of
/// the suite with another package, whose signatures and times are new.
#[test]
fn one_flipped_byte_anywhere_is_found_and_named() {
    let whole = &PACKED.bytes;
    let step = (whole.len() / 150).max(1);
    let places = (0..whole.len()).step_by(step).chain(whole.len().saturating_sub(60)..whole.len()).chain(0..60);
    for at in places {
        let mut altered = whole.clone();
        altered[at] ^= 0x20;
        let report = check(&altered);
        assert_ne!(verdict_of(&report.findings), Verdict::Pass, "byte {at} of {}", whole.len());
        assert_eq!(exit_of(&report.findings).code(), 4, "byte {at}: {:#?}", report.findings);
        assert!(!report.findings[0].at.is_empty(), "byte {at}: {:#?}", report.findings[0]);
    }
}

#[test]
fn a_truncated_package_and_one_with_more_behind_it_are_refused() {
    let whole = &PACKED.bytes;
    let mut longer = whole.clone();
    longer.push(0);
    for bytes in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], &longer, b""] {
        assert_eq!(exit_of(&check(bytes).findings).code(), 4);
    }
}

/// Who holds the gate's key and the log's can say that a review counted whose signature does not hold. Where decisions can be
/// run again that shows by itself; of facts alone it has to show as well.
#[test]
fn a_package_of_facts_alone_has_every_statement_checked_as_well() {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(0);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    for person in ["ada", "ben"] {
        documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
    }
    let honest = world.arguments(&artifact, "production", documents);
    let facts = |world: &World| {
        let folder = tempfile::tempdir().expect("a folder");
        world.write_store(folder.path());
        let scope = audit::Scope { profile: audit::Profile::FactsOnly, ..audit::Scope::default() };
        let mut bytes = Vec::new();
        audit::export_to(&Place::new(folder.path()), &scope, &mut bytes).expect("a package");
        let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
        audit::verify(&bytes, Some(trust), Some(&world.checkpoint())).expect("checked")
    };
    let decision = honest.decide();
    assert_eq!(decision.verdict, Verdict::Pass);
    let mut true_world = world.clone();
    true_world.record(&honest, &decision);
    let report = facts(&true_world);
    let statements = report.checks.iter().find(|check| check.id == "statements").expect("a line");
    assert_eq!(statements.verdict, Verdict::Pass);
    assert!(statements.detail.starts_with("4 signed statements hold"), "{}", statements.detail);
    assert_eq!(exit_of(&report.findings).code(), 3, "no decision was run again");

    let mut broken = honest.documents[3].clone();
    let field = b"\"sig\":\"";
    let at = broken.windows(field.len()).position(|part| part == field).expect("a signature") + field.len();
    broken[at] = if broken[at] == b'A' { b'B' } else { b'A' };
    let mut lie = decision;
    for reference in lie.inputs.evidence.iter_mut().flatten() {
        if reference.digest == Sha256::of(&honest.documents[3]) {
            reference.digest = Sha256::of(&broken);
        }
    }
    let mut lying = honest;
    lying.documents[3] = broken.clone();
    world.record(&lying, &lie);
    let report = facts(&world);
    assert_eq!(exit_of(&report.findings).code(), 4, "{:#?}", report.findings);
    let named = |finding: &countersign_core::finding::Finding| {
        finding.at.first().is_some_and(|at| at == "log entry 3")
            && finding.at.iter().any(|at| at.contains(&Sha256::of(&broken).to_string()))
    };
    assert!(report.findings.iter().any(named), "{:#?}", report.findings);
}

#[test]
fn a_day_that_is_large_lies_in_several_files_in_the_order_of_the_log() {
    let mut world = World::new();
    let (_, landed) = world.land(0);
    for (name, components) in [("one", 8_000), ("two", 3)] {
        let artifact = Sha256::of(name.as_bytes());
        let documents = world.built(&artifact, &landed, "clean", components).to_vec();
        let arguments = world.arguments(&artifact, "production", documents);
        let decision = arguments.decide();
        world.record(&arguments, &decision);
    }
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store(folder.path());
    let bytes = audit::export(&Place::new(folder.path())).expect("a package").bytes;
    let files = package::read(&bytes).expect("a package");
    let documents: Vec<(&str, usize)> = files
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_prefix("evidence/")?.split_at(10).1, bytes.len())))
        .collect();
    let names: Vec<&str> = documents.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [".docs", "_0002.docs"], "{documents:?}");
    assert!(documents.iter().all(|(_, length)| *length <= 4 << 20), "{documents:?}");

    let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let check = |bytes: &[u8]| audit::verify(bytes, Some(trust), Some(&world.checkpoint())).expect("checked");
    let report = check(&bytes);
    assert_eq!(verdict_of(&report.findings), Verdict::Pass, "{:#?}", report.findings);
    assert_eq!(report.decisions.len(), 2);

    let mut less = files.clone();
    less.retain(|name, _| !name.ends_with("_0002.docs"));
    let report = check(&package::write(&less).expect("a package"));
    assert_eq!(exit_of(&report.findings), Exit::Untrusted);
    assert!(
        report.findings.iter().any(|finding| finding.code == codes::PACKAGE_FILE_ALTERED),
        "{:#?}",
        report.findings
    );
}

/// Signatures by themselves are what a first look and a package of facts have: nothing may hold there that does not hold where
/// the same documents are read as evidence.
#[test]
fn a_document_holds_by_its_signature_alone_where_it_holds_as_evidence_and_only_there() {
    for (name, mut long) in [("keys", Chronicle::of(World::new())), ("identities", Chronicle::keyless())] {
        long.suites = &["unit"];
        long.promote_next(0, &["production"]);
        let world = &long.world;
        let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
        let root = |bytes: &&Vec<u8>| trust.trust().sigstore_root(&Sha256::of(bytes)).is_some();
        let roots: Vec<Blob> = world.shelf.0.values().filter(root).map(|bytes| Blob::of(bytes.clone())).collect();
        let (mut held, mut broken) = (0, 0);
        for bytes in world.shelf.0.values() {
            let signed = Signed::parse(bytes).is_ok();
            let altered = (0..if signed { 40 } else { 0 }).map(|n| {
                let mut altered = bytes.clone();
                let place = bytes.len() * n / 40;
                altered[place] ^= 1;
                altered
            });
            for document in std::iter::once(bytes.clone()).chain(altered) {
                let documents: Vec<Blob> = std::iter::once(Blob::of(document)).chain(roots.clone()).collect();
                let whole = Evidence::of(&documents, &trust, world.now);
                let (hold, findings) = signatures(&documents, &trust, world.now);
                assert_eq!((hold, findings.as_slice()), (whole.statements().count(), whole.findings()), "{name}");
                (held, broken) = (held + hold, broken + findings.len());
            }
        }
        assert!(held > 6 && broken > 200, "{name}: {held} hold, {broken} do not");
    }
}

/// The same value, with one after another of its objects as the list of what its fields hold.
fn by_places(value: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    match value {
        Value::Object(fields) => {
            out.push(fields.values().cloned().collect());
            for (key, inner) in fields {
                out.extend(by_places(inner).into_iter().map(|bent| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), bent);
                    Value::Object(fields)
                }));
            }
        }
        Value::Array(items) => {
            for (place, inner) in items.iter().enumerate() {
                out.extend(by_places(inner).into_iter().map(|bent| {
                    let mut items = items.clone();
                    items[place] = bent;
                    Value::Array(items)
                }));
            }
        }
        _ => {}
    }
    out
}

/// Decisions, summaries, provenance, tests and reviews, as they are, with one character another at a time, and with lists where
/// objects should be.
#[test]
fn what_statements_say_is_read_in_place_as_by_a_value() {
    fn same<P: DeserializeOwned + PartialEq + Debug>(kind: Kind, payload: &Payload<'_>, statement: &Statement) -> bool {
        let (in_place, by_value) = (payload.predicate_as::<P>(kind), statement.predicate_as::<P>(kind));
        assert_eq!(in_place, by_value, "{}", kind.word());
        in_place.is_ok()
    }
    let mut long = Chronicle::of(World::new());
    long.suites = &["unit"];
    long.promote_next(0, &["production"]);
    let (mut read, mut refused) = (BTreeSet::new(), 0);
    for bytes in long.world.shelf.0.values() {
        let Ok(signed) = Signed::parse(bytes) else { continue };
        let payload = &signed.payload;
        let others = payload.iter().enumerate().step_by(payload.len() / 300 + 1).flat_map(|(place, byte)| {
            [b'"', b'7', b'}', b'a', byte ^ 1].map(|other| {
                let mut altered = payload.clone();
                altered[place] = other;
                altered
            })
        });
        let lists = by_places(&serde_json::from_slice(payload).unwrap());
        let lists = lists.iter().map(|value| serde_json::to_vec(value).unwrap());
        for altered in std::iter::once(payload.clone()).chain(others).chain(lists) {
            let (payload, statement) = match (Payload::parse(&altered), Statement::parse(&altered)) {
                (Ok(payload), Ok(statement)) => (payload, statement),
                (in_place, by_value) => {
                    assert_eq!(in_place.err(), by_value.err());
                    continue;
                }
            };
            assert_eq!(payload.kind(), statement.kind());
            let Some(kind) = payload.kind() else { continue };
            let holds = match kind {
                Kind::PromotionDecision => same::<Decision>(kind, &payload, &statement),
                Kind::Vsa => same::<Vsa>(kind, &payload, &statement),
                Kind::Provenance => same::<Provenance>(kind, &payload, &statement),
                Kind::TestResult => same::<TestResult>(kind, &payload, &statement),
                Kind::Review => same::<Review>(kind, &payload, &statement),
                _ => same::<Value>(kind, &payload, &statement),
            };
            if holds {
                read.insert(kind.word());
            } else {
                refused += 1;
            }
        }
    }
    let kinds = [Kind::PromotionDecision, Kind::Vsa, Kind::Provenance, Kind::TestResult, Kind::Review];
    assert!(kinds.iter().all(|kind| read.contains(kind.word())) && refused > 100, "{read:?}, {refused} refused");
}
