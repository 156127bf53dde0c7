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
