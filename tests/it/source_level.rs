//! Real evidence shows the level that the documentation says, and says what stands in the way of the next.

use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::Oid;
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::source::{Control, Controls, ProvedRange, Since, SourceEvidence, SourceProvenance};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_decide::review::prefix;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::review_suite::levels;
use countersign_tests::world::{BRANCH, REPOSITORY, World};
use countersign_verify::Evidence;
use countersign_verify::trust::verify_trust;
use std::collections::BTreeSet;

#[test]
fn every_kind_of_evidence_shows_the_level_that_is_documented_and_no_higher() {
    let mut wrong = Vec::new();
    for case in levels::all() {
        let found = (case.play)();
        let why = found.why_not_next.join("; ");
        if found.level != case.level || !why.contains(case.why) || why.is_empty() != (case.level == 4) {
            wrong.push(format!("{}: expected {} `{}`, found {} `{why}`", case.what, case.level, case.why, found.level));
        }
        let held = found.controls.two_party_review.since.is_some();
        assert!(found.level < 4 || held, "{}: the highest level without review", case.what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A landed change by merge and one by squash, one that waits, and what an earlier statement about the first two says.
fn world() -> (World, SourceProvenance, [Oid; 3]) {
    let mut world = World::new();
    let start = world.start;
    let merged = world.land_series(0, 1);
    let squashed = world.land_series(1, 1);
    let revision = world.tip;
    let waiting = world.land_series(2, 1);
    let digest = Sha256::of(b"");
    let control = || Control { since: Some(Since { commit: start, time: None }), lapse: None };
    let said = SourceProvenance {
        repository: Uri::new(REPOSITORY).unwrap(),
        target_ref: RefName::new(BRANCH).unwrap(),
        revision,
        start,
        range: ProvedRange { from: start, commits: 3 },
        changes: Vec::new(),
        unexplained: Vec::new(),
        landed: [(merged, revision), (squashed, revision)].into(),
        previous: None,
        controls: Controls {
            history: control(),
            provenance: control(),
            technical_controls: control(),
            two_party_review: control(),
        },
        level: 1,
        verdict: Verdict::Pass,
        parameters: digest,
        trust: digest,
        git: digest,
        evidence: SourceEvidence::new([digest].into(), BTreeSet::new()),
        time: world.now,
    };
    (world, said, [merged, squashed, waiting])
}

#[test]
fn evidence_is_about_what_was_proved_by_its_head_or_by_what_it_landed_as() {
    let (mut world, said, [merged, squashed, waiting]) = world();
    let collector = SigningKey::generate(KeyKind::Ed25519).unwrap();
    let toml = world.trust_toml(2).replace(
        "[[logs]]",
        &format!(
            "[[collectors]]\nname = \"reader\"\nmay_sign = [\"change-review\"]\nkeys = [{{ key = \"{}\" }}]\n[[logs]]",
            collector.public().to_openssh()
        ),
    );
    world.trust_from_now_on(&toml, &["ada", "ben"]);
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
    let record = |head: &Oid, landed: &Oid| {
        let change = serde_json::json!({
            "repository": {"uri": REPOSITORY, "forge": "github", "host": "example.com", "id": 1},
            "change": {"number": 1, "id": 1, "url": "https://example.com/1"}, "state": "merged", "targetRef": BRANCH,
            "approvedHead": head, "resultCommit": landed, "authors": [], "reviews": [], "events": [],
            "movesComplete": true, "observed": {"how": "afterwards"}, "collectedAt": world.now,
            "capture": Sha256::of(b""), "rawEvidence": []
        });
        let subject = Subject::git("change", "gitCommit", &head.hex());
        let statement = Statement::new(Kind::ChangeReview, vec![subject], &change).unwrap();
        sign_payload(&statement.to_bytes().unwrap(), &collector).unwrap()
    };
    let judged = |document: Vec<u8>| {
        let evidence = Evidence::verify(&[document], &trust, world.now);
        assert_eq!(evidence.findings(), []);
        let statement = evidence.statements().next().unwrap();
        (prefix::speaks_of(statement, &said, &world.objects).unwrap(), prefix::is_settled(statement, &said.landed))
    };
    let review = |head: &Oid| world.review("ada", &said.start, head, ReviewDecision::Revoke);
    assert_eq!(judged(review(&merged)), (true, true));
    assert_eq!(judged(review(&squashed)), (true, true), "a squashed head is no ancestor of anything");
    assert_eq!(judged(review(&waiting)), (false, false));
    assert_eq!(judged(review(&said.revision)), (true, false), "a commit of the branch that is nobody's head");
    assert_eq!(judged(review(&said.start)), (true, false));
    assert_eq!(judged(record(&squashed, &world.tip)), (true, true));
    assert_eq!(judged(record(&waiting, &world.tip)), (false, false));
    assert_eq!(judged(record(&waiting, &said.revision)), (true, false), "another record of a landing that was proved");
    let elsewhere = Oid::from_hex(&"1".repeat(40)).unwrap();
    assert_eq!(
        judged(record(&elsewhere, &elsewhere)),
        (false, false),
        "a commit that is not here is nobody's ancestor"
    );
}

#[test]
fn evidence_that_is_missing_is_named_and_more_of_it_is_no_harm() {
    let (_, said, _) = world();
    let handed: BTreeSet<Sha256> = ["", "a"].map(|text| Sha256::of(text.as_bytes())).into();
    assert_eq!(prefix::withheld(&said, &handed), Vec::<&Sha256>::new());
    assert_eq!(prefix::withheld(&said, &BTreeSet::new()), [&Sha256::of(b"")]);
}
