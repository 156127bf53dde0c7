//! Which level of the SLSA Source track the proof of a range shows for its newest revision, and since when each control
//! has held. A pure function of the proof and of what an earlier statement said; the table of conditions is in
//! `docs/reviews.md`. What is not shown does not hold: nothing that is missing or undecided raises a level.

use super::{Outcome, Stretch};
use countersign_core::finding::{Class, Finding};
use countersign_core::git::Oid;
use countersign_core::statement::source::{Control, Controls, Lapse, Lapses, Since};
use countersign_core::time::Time;
use serde::Serialize;

pub use super::shown::CONTEMPORANEOUS_SECONDS;

/// The highest level.
pub const HIGHEST: u8 = 4;

/// The level of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceLevel {
    /// 1 to 4; 0 is none.
    pub level: u8,
    /// What stands in the way of the next level, one line a reason.
    pub why_not_next: Vec<String>,
    /// Each control, and since when it has held.
    pub controls: Controls,
}

impl SourceLevel {
    /// No level, and no control: nothing was proved.
    #[must_use]
    pub fn nothing(why: &str) -> Self {
        let control = || Control { since: None, lapse: Some(Lapse { commit: None, why: why.to_owned() }) };
        let controls = Controls {
            history: control(),
            provenance: control(),
            technical_controls: control(),
            two_party_review: control(),
        };
        Self { level: 0, why_not_next: vec![why.to_owned()], controls }
    }
}

/// The level of the range's newest revision.
///
/// `findings` are all that there are: of trust, of documents, and of the proof. `start` is where the range began, and
/// `previous` what an earlier statement about that very commit said of the controls; without one they begin there.
#[must_use]
pub fn of(outcome: &Outcome, findings: &[Finding], start: &Oid, previous: Option<&Controls>) -> SourceLevel {
    let begin = |of: fn(&Controls) -> &Control| {
        previous.map_or_else(
            || Control { since: Some(Since { commit: *start, time: None }), lapse: None },
            |p| of(p).clone(),
        )
    };
    let walk = |of: fn(&Controls) -> &Control, lapse: fn(&Lapses) -> Option<&String>| {
        let control = outcome.stretches.iter().fold(begin(of), |control, stretch| step(control, stretch, lapse));
        if outcome.continuous { control } else { broken(control) }
    };
    let controls = Controls {
        history: walk(|c| &c.history, |_| None),
        provenance: walk(|c| &c.provenance, |l| l.provenance.as_ref()),
        technical_controls: walk(|c| &c.technical_controls, |l| l.technical_controls.as_ref()),
        two_party_review: walk(|c| &c.two_party_review, |l| l.two_party_review.as_ref()),
    };
    let blocking = findings.iter().find(|finding| finding.class != Class::Note);
    if let Some(finding) = blocking {
        let why = format!("the proof did not pass: {} {}", finding.code, finding.what);
        return SourceLevel { level: 0, why_not_next: vec![why], controls };
    }
    if outcome.stretches.is_empty() || !outcome.continuous {
        let why_not_next = vec!["no history was proved".to_owned()];
        return SourceLevel { level: 0, why_not_next, controls };
    }
    let steps: [(u8, &[(&str, &Control)]); 3] = [
        (2, &[("history", &controls.history), ("provenance", &controls.provenance)]),
        (3, &[("technical controls", &controls.technical_controls)]),
        (4, &[("two-party review", &controls.two_party_review)]),
    ];
    let mut level = 1;
    let mut why_not_next = Vec::new();
    for (next, needed) in steps {
        let missing = needed.iter().filter(|(_, control)| control.since.is_none());
        why_not_next = missing.map(|(name, control)| format!("{name}: {}", said(control))).collect();
        if !why_not_next.is_empty() {
            break;
        }
        level = next;
    }
    SourceLevel { level, why_not_next, controls }
}

/// A level no higher than somebody can show.
#[must_use]
pub fn at_most(mut level: SourceLevel, highest: u8) -> SourceLevel {
    if level.level > highest {
        level.level = highest;
        level.why_not_next = vec![format!("trust believes the verifier up to level {highest}")];
    }
    level
}

/// Goes over one step of the branch: a lapse ends the control, and the first step after it begins it anew.
fn step(control: Control, stretch: &Stretch, lapse: fn(&Lapses) -> Option<&String>) -> Control {
    match (lapse(&stretch.lapses), control.since) {
        (Some(why), _) => Control { since: None, lapse: Some(Lapse { commit: Some(stretch.first), why: why.clone() }) },
        (None, Some(since)) => Control { since: Some(since), lapse: control.lapse },
        (None, None) => Control { since: Some(begun(stretch.first, stretch.at)), lapse: control.lapse },
    }
}

const fn begun(commit: Oid, time: Option<Time>) -> Since {
    Since { commit, time }
}

/// Where the history itself is not shown, nothing holds.
fn broken(control: Control) -> Control {
    let why = "the branch is not shown to lead from the start of the range to the revision".to_owned();
    Control { since: None, lapse: control.lapse.or(Some(Lapse { commit: None, why })) }
}

fn said(control: &Control) -> String {
    match &control.lapse {
        Some(Lapse { commit: Some(commit), why }) => format!("{why} (commit {commit})"),
        Some(Lapse { commit: None, why }) => why.clone(),
        None => "it is not shown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::codes;
    use countersign_core::git::ObjectFormat;
    use countersign_core::git::object::ObjectKind;

    fn id(number: u32) -> Oid {
        Oid::hash(ObjectFormat::Sha1, ObjectKind::Blob, &number.to_be_bytes()).unwrap()
    }

    /// A step of the branch whose controls lapse by the bits: 1 provenance, 2 technical controls, 4 review.
    fn stretch(number: u32, lapses: u32) -> Stretch {
        let why = |bit: u32| (lapses & bit != 0).then(|| format!("lapse {bit}"));
        let lapses = Lapses { provenance: why(1), technical_controls: why(2), two_party_review: why(4) };
        Stretch { first: id(number), at: None, lapses }
    }

    fn branch(lapses: &[u32]) -> Outcome {
        let stretches = (1..).zip(lapses).map(|(number, lapses)| stretch(number, *lapses)).collect();
        Outcome { stretches, continuous: true, ..Outcome::default() }
    }

    fn level(lapses: &[u32]) -> SourceLevel {
        of(&branch(lapses), &[], &id(0), None)
    }

    fn since(control: &Control) -> Option<Oid> {
        control.since.as_ref().map(|since| since.commit)
    }

    #[test]
    fn each_level_asks_for_what_the_one_below_it_does_and_for_one_thing_more() {
        for (lapses, reached, why) in [
            (0, 4, ""),
            (4, 3, "two-party review: lapse 4"),
            (2, 2, "technical controls: lapse 2"),
            (6, 2, "technical controls: lapse 2"),
            (1, 1, "provenance: lapse 1"),
            (7, 1, "provenance: lapse 1"),
        ] {
            let source = level(&[0, lapses]);
            assert_eq!(source.level, reached, "{lapses}");
            assert!(source.why_not_next.concat().contains(why), "{:?}", source.why_not_next);
            assert_eq!(source.why_not_next.is_empty(), reached == HIGHEST);
        }
    }

    #[test]
    fn a_lapse_ends_one_control_and_the_first_commit_after_it_begins_it_anew() {
        let source = level(&[0, 2, 0, 0]);
        assert_eq!(source.level, 4);
        assert_eq!(since(&source.controls.technical_controls), Some(id(3)));
        let lapse = source.controls.technical_controls.lapse.clone().unwrap();
        assert_eq!((lapse.commit, lapse.why.as_str()), (Some(id(2)), "lapse 2"));
        for other in [&source.controls.history, &source.controls.provenance, &source.controls.two_party_review] {
            assert_eq!((since(other), &other.lapse), (Some(id(0)), &None), "the others have held since the start");
        }
        assert_eq!(since(&level(&[4, 0, 4]).controls.two_party_review), None);
        assert_eq!(since(&level(&[1, 1, 0]).controls.provenance), Some(id(3)));
    }

    #[test]
    fn nothing_that_blocks_and_no_history_that_is_not_whole_shows_a_level() {
        for code in [codes::REVIEW_MISSING, codes::HISTORY_OBJECT_MISSING, codes::SIGNATURE_INVALID] {
            let source = of(&branch(&[0]), &[Finding::new(code, "something")], &id(0), None);
            assert_eq!(source.level, 0);
            assert!(source.why_not_next.concat().contains(code.as_str()), "{:?}", source.why_not_next);
        }
        let note = Finding::new(codes::AUTHOR_UNKNOWN, "a note");
        assert_eq!(of(&branch(&[0]), &[note], &id(0), None).level, 4);
        let broken = Outcome { continuous: false, ..branch(&[0]) };
        let source = of(&broken, &[], &id(0), None);
        assert_eq!(source.level, 0);
        assert!(source.controls.each().iter().all(|(_, control)| control.since.is_none()));
        assert_eq!(of(&Outcome::default(), &[], &id(0), None).level, 0, "nothing is not success");
        let empty = Outcome { continuous: true, ..Outcome::default() };
        assert_eq!(of(&empty, &[], &id(0), None).level, 0, "no commit is not success");
    }

    #[test]
    fn a_verifier_shows_no_more_than_trust_believes_of_it() {
        assert_eq!(at_most(level(&[0]), 2).level, 2);
        assert!(at_most(level(&[0]), 2).why_not_next.concat().contains("up to level 2"));
        assert_eq!(at_most(level(&[2]), 4), level(&[2]));
    }

    /// Every branch of three steps with every way to lapse.
    fn all() -> impl Iterator<Item = [u32; 3]> {
        (0..512).map(|n| [n & 7, n >> 3 & 7, n >> 6])
    }

    #[test]
    fn going_on_from_an_earlier_statement_says_what_the_whole_range_says() {
        for lapses in all() {
            let whole = level(&lapses);
            for cut in 1..3 {
                let (before, after) = lapses.split_at(cut);
                let earlier = level(before);
                let rest = Outcome { stretches: branch(&lapses).stretches.split_off(cut), ..branch(after) };
                let end = branch(before).stretches.last().unwrap().first;
                let later = of(&rest, &[], &end, Some(&earlier.controls));
                assert_eq!(later, whole, "{lapses:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn taking_evidence_away_never_raises_the_level_and_never_moves_a_start_back() {
        for lapses in all() {
            let whole = level(&lapses);
            for (place, bit) in (0..3).flat_map(|place| [1, 2, 4].map(|bit| (place, bit))) {
                let mut less = lapses;
                less[place] |= bit;
                let weaker = level(&less);
                assert!(weaker.level <= whole.level, "{lapses:?} {less:?}");
                let held = |source: &SourceLevel, of: fn(&Controls) -> &Control| {
                    let begun = since(of(&source.controls));
                    (0..5).find(|number| begun == Some(id(*number))).unwrap_or(u32::MAX)
                };
                let each: [fn(&Controls) -> &Control; 3] =
                    [|c| &c.provenance, |c| &c.technical_controls, |c| &c.two_party_review];
                for of in each {
                    assert!(held(&weaker, of) >= held(&whole, of), "{lapses:?} {less:?}");
                }
            }
        }
    }
}
