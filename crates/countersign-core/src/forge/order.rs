//! One order of everything that happened. A forge tells the order of most events itself; moves of the head come from
//! another list of it, and are put among them by time, so that no review gains where the time leaves it open.

use super::read::Stamp;
use crate::git::oid::Oid;
use crate::statement::change_review::{Event, EventKind};
use std::collections::BTreeSet;

/// An event other than a move, in the forge's order.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub at: Option<Stamp>,
    pub account: Option<u64>,
    pub what: EventKind,
}

impl Happened {
    fn event(&self) -> Event {
        Event { at: self.at.map(Stamp::second), account: self.account, what: self.what.clone() }
    }
}

/// A branch that was made, moved or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub at: Option<Stamp>,
    pub account: Option<u64>,
    /// `None`: the branch was made.
    pub before: Option<Oid>,
    /// `None`: the branch was removed.
    pub after: Option<Oid>,
    pub forced: bool,
    /// How many of the other events came before it, where the order of arrival tells; without a time it is all that tells.
    pub seen_after: usize,
}

/// What a forge told, to be put into one order.
#[derive(Debug)]
pub(super) struct Story<'a> {
    /// Everything but moves, in the forge's order.
    pub happened: Vec<Happened>,
    /// The moves, in the forge's order.
    pub moves: Vec<Move>,
    /// Whether nothing can be missing between these moves.
    pub moves_listed: bool,
    /// Moves that are known to have happened and of which nothing else is known: how many events came before each.
    pub blind: Vec<(usize, Happened)>,
    /// The change's newest commit.
    pub head: Oid,
    /// The change's commits; empty if they are not known in full.
    pub commits: &'a BTreeSet<Oid>,
    /// What those commits grew from and the target branch already had.
    pub grown_from: &'a BTreeSet<Oid>,
}

/// All events in one order, and whether the moves show everything since the branch was made.
pub(super) fn ordered(story: &Story<'_>) -> (Vec<Event>, bool) {
    let (moves, last, complete) = relevant(story);
    let mut rows: Vec<(usize, usize, Event)> = Vec::new();
    let landed = story.happened.iter().position(|event| event.what == EventKind::Merged);
    let mut floor = 0;
    for (n, moved) in moves.iter().enumerate() {
        let mut place = place(&story.happened, moved).max(floor);
        // What made the head that landed came before the landing, whatever the clocks say.
        if let Some(landed) = landed.filter(|_| last.is_some_and(|last| n <= last)) {
            place = place.min(landed);
        }
        floor = place;
        rows.push((place, rows.len(), moved_event(moved)));
    }
    for (place, blind) in &story.blind {
        rows.push((*place, rows.len(), blind.event()));
    }
    rows.sort_by_key(|(place, n, _)| (*place, *n));
    let mut rows = rows.into_iter().peekable();
    let mut out = Vec::new();
    for (n, event) in story.happened.iter().enumerate() {
        while let Some((_, _, moved)) = rows.next_if(|(place, _, _)| *place <= n) {
            out.push(moved);
        }
        out.push(event.event());
    }
    out.extend(rows.map(|(_, _, event)| event));
    (out, complete && story.blind.is_empty())
}

fn moved_event(moved: &Move) -> Event {
    let what = EventKind::Moved { before: moved.before, after: moved.after, forced: moved.forced };
    Event { at: moved.at.map(Stamp::second), account: moved.account, what }
}

/// How many of the other events come before a move: everything of the same second, and everything that was seen before.
fn place(happened: &[Happened], moved: &Move) -> usize {
    let Some(at) = moved.at else { return moved.seen_after.min(happened.len()) };
    let not_later = |event: &Happened| {
        event.what != EventKind::Merged && event.at.is_some_and(|other| other.second() <= at.second())
    };
    let by_time = happened.iter().rposition(not_later).map_or(0, |n| n.saturating_add(1));
    // The landing itself counts only if it was in an earlier second.
    let landed = happened.iter().position(|event| event.what == EventKind::Merged);
    let by_landing = landed
        .filter(|n| happened.get(*n).and_then(|event| event.at).is_some_and(|other| other.second() < at.second()))
        .map_or(0, |n| n.saturating_add(1));
    by_time.max(by_landing).max(moved.seen_after).min(happened.len())
}

/// The moves that are part of the change, the place among them of the one that made the head, and whether they leave
/// nothing out.
fn relevant(story: &Story<'_>) -> (Vec<Move>, Option<usize>, bool) {
    let landed = story.happened.iter().find(|event| event.what == EventKind::Merged).and_then(|event| event.at);
    let opened = story.happened.iter().find(|event| event.what == EventKind::Opened).and_then(|event| event.at);
    let in_time = |moved: &&Move| match (moved.at, landed) {
        (Some(at), Some(landed)) => at.second() <= landed.second(),
        _ => true,
    };
    let moves: Vec<&Move> = story.moves.iter().filter(in_time).collect();
    let last = moves.iter().rposition(|moved| moved.after == Some(story.head));
    let start = last.and_then(|last| start(story, &moves, last, opened));
    let from = start.unwrap_or(0);
    let kept: Vec<Move> =
        moves.iter().skip(from).filter(|moved| moved.after.is_some()).map(|moved| (*moved).clone()).collect();
    let last = kept.iter().rposition(|moved| moved.after == Some(story.head));
    (kept, last, start.is_some() && story.moves_listed)
}

/// Where the unbroken chain of moves that ends with the head begins: where the branch was made, or where it stood at a
/// commit that the target branch already had, before the change was opened. `None` if there is a hole.
fn start(story: &Story<'_>, moves: &[&Move], last: usize, opened: Option<Stamp>) -> Option<usize> {
    let mut at = last;
    let mut found = loop {
        let moved = moves.get(at)?;
        let earlier = at.checked_sub(1).and_then(|n| moves.get(n).map(|moved| (n, *moved)));
        let Some(before) = moved.before else {
            // Made again where it was removed: the same branch as before.
            let Some((n, removed)) = earlier else { break at };
            if removed.after.is_none() && removed.before == moved.after {
                let (n, before) = n.checked_sub(1).and_then(|n| moves.get(n).map(|moved| (n, *moved)))?;
                if before.after != moved.after {
                    return None;
                }
                at = n;
                continue;
            }
            break at;
        };
        let was_before = moved.at.zip(opened).is_some_and(|(at, opened)| at.second() < opened.second());
        if was_before && story.grown_from.contains(&before) {
            break at;
        }
        match earlier {
            Some((n, earlier)) if earlier.after == Some(before) => at = n,
            _ => return None,
        }
    };
    // Whoever uploaded one of the change's commits to this branch earlier had a hand in it as well.
    let uploaded = |moved: &&Move| moved.after.is_some_and(|after| story.commits.contains(&after));
    if let Some(first) = moves.iter().take(found).position(uploaded) {
        found = first;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::testing::{oid, stamp};

    fn moved(second: i64, before: Option<u8>, after: Option<u8>) -> Move {
        Move {
            at: Some(stamp(second)),
            account: Some(1),
            before: before.map(oid),
            after: after.map(oid),
            forced: false,
            seen_after: 0,
        }
    }

    fn happened(second: i64, what: EventKind) -> Happened {
        Happened { at: Some(stamp(second)), account: Some(2), what }
    }

    fn told(happened: Vec<Happened>, moves: Vec<Move>) -> (Vec<String>, bool) {
        grown(happened, moves, &[])
    }

    fn grown(happened: Vec<Happened>, moves: Vec<Move>, from: &[u8]) -> (Vec<String>, bool) {
        let story = Story {
            happened,
            moves,
            moves_listed: true,
            blind: Vec::new(),
            head: oid(3),
            commits: &BTreeSet::from([oid(2), oid(3)]),
            grown_from: &from.iter().map(|n| oid(*n)).collect(),
        };
        let (events, complete) = ordered(&story);
        let word = |event: &Event| match (&event.what, format!("{:?}", event.what).chars().take(3).collect::<String>())
        {
            (EventKind::Moved { after: Some(after), .. }, _) => after.hex().chars().take(1).collect(),
            (_, other) => other,
        };
        (events.iter().map(word).collect(), complete)
    }

    #[test]
    fn a_move_comes_after_everything_of_its_second_but_before_the_landing_of_what_it_made() {
        let events = vec![
            happened(10, EventKind::Opened),
            happened(20, EventKind::Reviewed { review: 1 }),
            happened(30, EventKind::Merged),
        ];
        let moves = vec![moved(5, None, Some(1)), moved(20, Some(1), Some(3))];
        assert_eq!(told(events.clone(), moves), (words("1 Ope Rev 3 Mer"), true));
        let moves = vec![moved(5, None, Some(1)), moved(30, Some(1), Some(3))];
        assert_eq!(told(events.clone(), moves), (words("1 Ope Rev 3 Mer"), true));
        let moves = vec![moved(5, None, Some(3)), moved(31, Some(3), Some(4))];
        assert_eq!(told(events, moves), (words("3 Ope Rev Mer"), true), "what came after the landing is another story");
    }

    #[test]
    fn a_hole_in_the_moves_is_seen() {
        let events = || vec![happened(10, EventKind::Opened)];
        assert!(told(events(), vec![moved(1, None, Some(1)), moved(11, Some(1), Some(3))]).1);
        assert!(!told(events(), vec![moved(1, None, Some(1)), moved(11, Some(2), Some(3))]).1);
        assert!(!told(events(), vec![moved(11, Some(1), Some(3))]).1);
        assert!(!told(events(), vec![moved(1, None, Some(1))]).1);
        assert!(!told(events(), Vec::new()).1);
    }

    #[test]
    fn a_branch_that_was_removed_and_made_again_keeps_its_past() {
        let moves =
            vec![moved(1, None, Some(2)), moved(2, Some(2), None), moved(3, None, Some(2)), moved(4, Some(2), Some(3))];
        assert_eq!(told(vec![happened(10, EventKind::Opened)], moves), (words("2 2 3 Ope"), true));
        let other_life = vec![moved(1, None, Some(9)), moved(2, Some(9), None), moved(3, None, Some(3))];
        assert_eq!(told(vec![happened(10, EventKind::Opened)], other_life), (words("3 Ope"), true));
    }

    #[test]
    fn what_the_target_already_had_is_no_part_of_the_change_unless_its_commits_were_there_before() {
        let opened = || vec![happened(10, EventKind::Opened)];
        let long = vec![moved(1, Some(8), Some(9)), moved(2, Some(9), Some(3))];
        assert_eq!(grown(opened(), long.clone(), &[9]), (words("3 Ope"), true));
        assert!(!grown(opened(), long, &[7]).1);
        let earlier = vec![moved(1, Some(9), Some(2)), moved(2, Some(2), Some(9)), moved(3, Some(9), Some(3))];
        assert_eq!(grown(opened(), earlier, &[9]), (words("2 9 3 Ope"), true));
        let late = vec![moved(12, Some(9), Some(3))];
        assert!(!grown(opened(), late, &[9]).1, "after the opening every move counts");
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }
}
