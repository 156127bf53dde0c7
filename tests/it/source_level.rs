//! Real evidence shows the level that the documentation says, and says what stands in the way of the next.

use countersign_tests::review_attacks::levels;

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
