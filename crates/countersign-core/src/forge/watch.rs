//! What a collector that is told things as they happen can have missed: the times in which it did not listen, which it
//! puts into the capture at their place among the deliveries; deliveries that came long after what they tell of; and moves
//! of a head that do not follow from each other. Whatever may be missing is a gap, and a gap lowers the tier.

use super::read::Stamp;
use super::{Capture, Exchange, ForgeError};
use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::json::{self, JsonError};
use crate::limits;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The name in a capture of what says that nobody listened for a while. Its place says which deliveries came before it.
pub const ABSENCE: &str = "watch absence";

/// A time in which nobody listened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Absence {
    /// From when on, by the collector's clock: its last sign of life. Absent if it never listened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// When it began to listen.
    pub until: Time,
    /// Whether it had been told to stop, or was gone without a word.
    pub stopped: bool,
}

impl Absence {
    /// Puts it into a capture, after the deliveries that came before it.
    pub fn push(&self, capture: &mut Capture) -> Result<(), JsonError> {
        let body = json::canonical(self)?;
        let exchange = Exchange {
            name: ABSENCE.to_owned(),
            status: 200,
            at: self.until,
            link: None,
            next_page: None,
            length: body.len(),
            digest: Sha256::of(&body),
        };
        capture.push(exchange, body);
        Ok(())
    }

    /// Reads an answer of this name; `None` for any other.
    pub(super) fn read(exchange: &Exchange, body: &[u8]) -> Result<Option<Self>, ForgeError> {
        if exchange.name != ABSENCE {
            return Ok(None);
        }
        let error = |error: JsonError| ForgeError::Answer { name: ABSENCE.to_owned(), why: error.to_string() };
        json::parse_canonical(body).map(Some).map_err(error)
    }

    /// How it is said.
    pub(super) fn gap(&self) -> String {
        match self.from {
            Some(from) => format!("nobody listened from {from} to {}", self.until),
            None => format!("nobody listened before {}", self.until),
        }
    }

    /// Whether it and a change's life have a moment in common, by the two clocks.
    fn overlaps(&self, opened: Time, landed: Option<Time>) -> bool {
        opened <= self.until && self.from.zip(landed).is_none_or(|(from, landed)| from <= landed)
    }
}

/// What was noticed on reading deliveries in the order of their arrival.
#[derive(Debug, Default, Clone)]
pub(super) struct Watch {
    /// Each absence; whether a delivery about the change came before it, and whether a push to its branch did.
    absences: Vec<(Absence, bool, bool)>,
    late: Vec<String>,
}

impl Watch {
    /// An absence, where these came before it and the landing did not.
    pub(super) fn absent(&mut self, absence: Absence, change: bool, push: bool, landed: bool) {
        self.absences.push((absence, change && !landed, push && !landed));
    }

    /// Holds a delivery's arrival against the time that it tells of.
    pub(super) fn arrived(&mut self, exchange: &Exchange, at: Option<Stamp>) {
        if at.is_some_and(|at| !near(at.second(), exchange.at)) {
            let guid = super::webhook::delivery(&exchange.name).map_or("", |(guid, _)| guid);
            self.late.push(format!("delivery {guid} came at another time than what it tells of"));
        }
    }

    /// What can have been missed of a change. Where moves of the head are not listed by the forge, whatever was missed
    /// since the first push counts.
    pub(super) fn gaps(&self, opened: Time, landed: Option<Time>, moves_listed: bool) -> Vec<String> {
        let counts = |(absence, change, push): &&(Absence, bool, bool)| {
            *change || (*push && !moves_listed) || absence.overlaps(opened, landed)
        };
        let mut gaps: Vec<String> = self.absences.iter().filter(counts).map(|(absence, ..)| absence.gap()).collect();
        gaps.extend_from_slice(&self.late);
        gaps
    }
}

/// Whether something was told when it happened, as far as two clocks can tell.
pub(super) fn near(at: Time, told: Time) -> bool {
    told.since(at).unsigned_abs() <= limits::DELIVERY_LATE_SECONDS
}

/// Whether moves lead from the head that a change was opened with to its last, in whatever order they are given, and none
/// is left that begins elsewhere. Those that led to the first head may be missing or there.
pub(super) fn unbroken(opened: Oid, moves: &[(Option<Oid>, Option<Oid>)], head: Oid) -> bool {
    let mut left: Vec<(Option<Oid>, Oid)> =
        moves.iter().filter_map(|(before, after)| Some((*before, (*after)?))).collect();
    let mut at = opened;
    while let Some(next) = left.iter().position(|(before, _)| *before == Some(at)) {
        at = left.remove(next).1;
    }
    let mut first = Some(opened);
    while let Some(last) = left.iter().rposition(|(_, after)| Some(*after) == first) {
        first = left.remove(last).0;
    }
    at == head && left.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::testing::{at, oid};

    fn time(second: i64) -> Time {
        at(second).parse().unwrap()
    }

    fn absence(from: Option<i64>, until: i64) -> Absence {
        Absence { from: from.map(time), until: time(until), stopped: false }
    }

    #[test]
    fn an_absence_counts_by_its_place_or_by_the_clock() {
        let mut watch = Watch::default();
        watch.absent(absence(None, 0), false, false, false);
        watch.absent(absence(Some(200), 210), false, true, false);
        watch.absent(absence(Some(900), 910), true, true, true);
        assert_eq!(watch.gaps(time(100), Some(time(150)), true), Vec::<String>::new());
        assert_eq!(watch.gaps(time(100), Some(time(150)), false).len(), 1, "pushes are not listed");
        assert_eq!(watch.gaps(time(100), Some(time(205)), true).len(), 1);
        assert_eq!(watch.gaps(time(100), None, true).len(), 2, "it has not landed yet");
        assert_eq!(watch.gaps(time(0), Some(time(150)), true), [format!("nobody listened before {}", at(0))]);
        watch.absent(absence(Some(5000), 5010), true, false, false);
        assert_eq!(watch.gaps(time(100), Some(time(150)), true).len(), 1, "its place tells");
    }

    #[test]
    fn moves_lead_from_the_first_head_to_the_last_in_whatever_order_they_came() {
        let moves = |ids: &[(u8, u8)]| -> Vec<_> {
            ids.iter().map(|(a, b)| (Some(oid(*a)).filter(|_| *a != 0), Some(oid(*b)).filter(|_| *b != 0))).collect()
        };
        assert!(unbroken(oid(1), &moves(&[]), oid(1)));
        assert!(unbroken(oid(1), &moves(&[(2, 3), (1, 2)]), oid(3)));
        assert!(unbroken(oid(2), &moves(&[(0, 1), (1, 2), (2, 3), (3, 0)]), oid(3)));
        assert!(unbroken(oid(1), &moves(&[(1, 2), (2, 1)]), oid(1)));
        assert!(!unbroken(oid(1), &moves(&[(2, 3)]), oid(3)), "a hole");
        assert!(!unbroken(oid(1), &moves(&[(2, 1)]), oid(2)), "another end");
        assert!(!unbroken(oid(1), &moves(&[(1, 2), (4, 2)]), oid(2)), "one that comes from nowhere");
    }

    #[test]
    fn an_altered_absence_is_an_error() {
        let exchange = |body: &[u8]| Exchange {
            name: ABSENCE.to_owned(),
            status: 200,
            at: time(0),
            link: None,
            next_page: None,
            length: body.len(),
            digest: Sha256::of(body),
        };
        let good = json::canonical(&absence(Some(1), 2)).unwrap();
        assert_eq!(Absence::read(&exchange(&good), &good).unwrap(), Some(absence(Some(1), 2)));
        assert!(Absence::read(&exchange(b"{}"), b"{}").is_err());
        let other = Exchange { name: "delivery g push".to_owned(), ..exchange(b"{}") };
        assert_eq!(Absence::read(&other, b"{}").unwrap(), None);
    }
}
