//! What a watcher knows, in memory: made from the journal, and kept in step with it.

use countersign_core::digest::Sha256;
use countersign_core::forge::watch::Absence;
use countersign_core::forge::webhook::{About, Topic};
use countersign_core::limits;
use countersign_core::time::Time;
use std::collections::BTreeMap;

/// A delivery that was kept.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub sequence: u64,
    pub at: Time,
    pub guid: String,
    pub event: String,
    pub payload: Sha256,
    pub about: About,
}

/// What is known of a change.
#[derive(Debug, Clone, Default)]
struct Change {
    landed: bool,
    /// The last delivery about it.
    newest: u64,
    /// The last record that its statement takes in, and the capture of that statement.
    signed: Option<(u64, Sha256)>,
}

/// Something of a change's story, in its order.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Told(Told),
    Absence(Absence),
}

/// Whether a delivery was kept before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Before {
    /// No.
    New,
    /// Yes, under this id.
    Had(String),
    /// One with its id, and it was another.
    Other,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Book {
    told: Vec<Told>,
    /// Where nobody listened, or something could not be read: before this record.
    absences: Vec<(u64, Absence)>,
    guids: BTreeMap<String, (Sha256, String)>,
    /// Bodies of deliveries whose id is not proved: what comes again under another id is the same.
    bodies: BTreeMap<Sha256, String>,
    changes: BTreeMap<u64, Change>,
}

impl Book {
    /// The forge's number of the repository, once something was told of it.
    pub(super) fn repository(&self) -> Option<u64> {
        self.told.first().map(|told| told.about.repository)
    }

    pub(super) fn before(&self, guid: &str, event: &str, payload: &Sha256, id_proved: bool) -> Before {
        match self.guids.get(guid) {
            Some((known, of)) if known == payload && of == event => return Before::Had(guid.to_owned()),
            Some(_) => return Before::Other,
            None => {}
        }
        match self.bodies.get(payload).filter(|_| !id_proved) {
            Some(known) => Before::Had(known.clone()),
            None => Before::New,
        }
    }

    /// A delivery's id, whatever becomes of it.
    pub(super) fn know(&mut self, guid: &str, event: &str, payload: Sha256, id_proved: bool) {
        self.guids.insert(guid.to_owned(), (payload, event.to_owned()));
        if !id_proved {
            self.bodies.insert(payload, guid.to_owned());
        }
    }

    pub(super) fn tell(&mut self, told: Told) {
        if let Topic::Change { number, landed, .. } = &told.about.topic {
            let change = self.changes.entry(*number).or_default();
            change.landed |= *landed;
            change.newest = told.sequence;
        }
        self.told.push(told);
    }

    pub(super) fn absent(&mut self, sequence: u64, absence: Absence) {
        self.absences.push((sequence, absence));
    }

    /// A statement was written. Gives the capture of the one that it replaces.
    pub(super) fn signed(&mut self, change: u64, through: u64, capture: Sha256) -> Option<Sha256> {
        let change = self.changes.entry(change).or_default();
        let before = change.signed.replace((through, capture));
        before.map(|(_, old)| old).filter(|old| *old != capture)
    }

    /// Its statement is to be made anew.
    pub(super) fn reopen(&mut self, change: u64) {
        if let Some((through, _)) = self.changes.get_mut(&change).and_then(|change| change.signed.as_mut()) {
            *through = 0;
        }
    }

    /// Whether its statement takes in this record.
    pub(super) fn takes_in(&self, change: u64, through: u64) -> bool {
        self.changes.get(&change).and_then(|change| change.signed).is_some_and(|(known, _)| known >= through)
    }

    /// The changes that landed, and of which something was told that their statement does not take in.
    pub(super) fn open(&self) -> Vec<u64> {
        let open = |(_, change): &(&u64, &Change)| {
            change.landed && change.signed.is_none_or(|(through, _)| through < change.newest)
        };
        self.changes.iter().filter(open).map(|(number, _)| *number).collect()
    }

    /// The story of a change: pushes to its branch, what was told of it, and where nobody listened; and the last record
    /// that it takes in.
    pub(super) fn story(&self, number: u64) -> (Vec<Part>, u64) {
        let about = |told: &&Told| matches!(&told.about.topic, Topic::Change { number: n, .. } if *n == number);
        let mut rows: Vec<&Told> = self.told.iter().filter(about).collect();
        let through = rows.last().map_or(0, |told| told.sequence);
        let landing = rows.iter().find(|told| matches!(&told.about.topic, Topic::Change { landed: true, .. }));
        let landing = landing.map_or(u64::MAX, |told| told.sequence);
        let branches: Vec<String> = rows
            .iter()
            .filter_map(|told| match &told.about.topic {
                Topic::Change { branch, from, .. } if *from == Some(told.about.repository) => {
                    Some(format!("refs/heads/{branch}"))
                }
                Topic::Change { .. } | Topic::Push { .. } => None,
            })
            .collect();
        let pushed = |told: &&Told| {
            told.sequence < landing && matches!(&told.about.topic, Topic::Push { pushed } if branches.contains(pushed))
        };
        rows.extend(self.told.iter().rev().filter(pushed).take(limits::CAPTURE_PUSHES));
        rows.sort_by_key(|told| told.sequence);
        let first = rows.first().map_or(0, |told| told.sequence);
        let earlier = self.absences.iter().rposition(|(at, _)| *at < first).unwrap_or(0);
        let mut parts: Vec<(u64, Part)> =
            rows.into_iter().map(|told| (told.sequence, Part::Told(told.clone()))).collect();
        let absences = self.absences.iter().skip(earlier).filter(|(at, _)| *at <= through);
        parts.extend(absences.map(|(at, absence)| (*at, Part::Absence(absence.clone()))));
        parts.sort_by_key(|(sequence, _)| *sequence);
        (parts.into_iter().map(|(_, part)| part).collect(), through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sequence: u64, topic: Topic) -> Told {
        Told {
            sequence,
            at: "2026-11-22T10:00:00Z".parse().unwrap(),
            guid: format!("g{sequence}"),
            event: "push".to_owned(),
            payload: Sha256::of(&sequence.to_be_bytes()),
            about: About { repository: 5, path: "team/service".to_owned(), topic },
        }
    }

    fn push(branch: &str) -> Topic {
        Topic::Push { pushed: format!("refs/heads/{branch}") }
    }

    fn change(number: u64, landed: bool) -> Topic {
        Topic::Change { number, action: "x".to_owned(), branch: "topic".to_owned(), from: Some(5), landed }
    }

    fn absence() -> Absence {
        let at: Time = "2026-11-22T09:00:00Z".parse().unwrap();
        Absence { from: Some(at), until: at, stopped: true }
    }

    #[test]
    fn a_story_takes_in_the_pushes_before_it_and_the_absences_around_it() {
        let mut book = Book::default();
        for at in [0, 3, 7, 20] {
            book.absent(at, absence());
        }
        for (at, topic) in [
            (4, push("other")),
            (5, push("topic")),
            (6, change(7, false)),
            (8, change(8, false)),
            (9, change(7, true)),
            (10, push("topic")),
        ] {
            book.tell(told(at, topic));
        }
        let (parts, through) = book.story(7);
        let shape: Vec<String> = parts
            .iter()
            .map(|part| match part {
                Part::Told(told) => told.sequence.to_string(),
                Part::Absence(_) => "-".to_owned(),
            })
            .collect();
        assert_eq!((shape.join(" ").as_str(), through), ("- 5 6 - 9", 9));
    }

    #[test]
    fn a_change_is_open_from_its_landing_until_its_statement_takes_everything_in() {
        let mut book = Book::default();
        book.tell(told(1, change(7, false)));
        assert_eq!(book.open(), Vec::<u64>::new());
        book.tell(told(2, change(7, true)));
        assert_eq!(book.open(), [7]);
        assert_eq!(book.signed(7, 2, Sha256::of(b"a")), None);
        assert_eq!(book.open(), Vec::<u64>::new());
        book.tell(told(3, change(7, false)));
        assert_eq!(book.open(), [7], "something came late");
        assert_eq!(book.signed(7, 3, Sha256::of(b"b")), Some(Sha256::of(b"a")));
        assert!(book.takes_in(7, 3) && book.open().is_empty());
        book.reopen(7);
        assert!(!book.takes_in(7, 3));
        assert_eq!(book.open(), [7]);
    }

    #[test]
    fn what_comes_again_is_the_same_by_its_id_or_by_its_body() {
        let mut book = Book::default();
        let (a, b) = (Sha256::of(b"a"), Sha256::of(b"b"));
        book.know("g1", "push", a, false);
        assert_eq!(book.before("g1", "push", &a, false), Before::Had("g1".to_owned()));
        assert_eq!(book.before("g1", "push", &b, false), Before::Other);
        assert_eq!(book.before("g1", "pull_request", &a, false), Before::Other);
        assert_eq!(book.before("g2", "push", &a, false), Before::Had("g1".to_owned()), "its id proves nothing");
        assert_eq!(book.before("g2", "push", &a, true), Before::New, "its id is signed");
    }
}
