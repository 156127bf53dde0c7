//! Reachability along one branch, learnt once: what lies between a head and a state of the branch, and where they met, at the
//! cost of what lies between, however long ago the head left the branch.
//!
//! The walks of [`super::graph`] go down from both ends, so a head that left the branch many commits ago costs all of those;
//! and as many such heads as there are commits cost the square. Here every commit of a range is given the place on the
//! branch's line from which on it is part of the branch. Whether a state of the branch has it is then one comparison, and
//! the walk goes down from the head alone. A commit outside the range is part of every state of the branch or of none: one
//! walk between it and the start tells, and what that walk learnt is kept, so many heads that left the branch at one commit
//! of long ago cost that way once. Where that does not settle a question, the walks of `graph` do: the answers are theirs,
//! always.

use super::graph;
use super::oid::Oid;
use super::source::{ObjectSource, SourceError};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far below a commit is looked for one that was learnt of before.
const NEAR: usize = 64;

/// What is known of a branch between its start and its tip.
#[derive(Debug, Default)]
pub struct Reach {
    start: Option<Oid>,
    /// The branch's line, oldest first, by commit.
    line: BTreeMap<Oid, usize>,
    /// Every commit of the range, with the first place of the line that reaches it.
    since: BTreeMap<Oid, usize>,
    /// What was learnt of the commits outside the range.
    outside: RefCell<Outside>,
}

/// Commits outside a range.
#[derive(Debug, Default)]
struct Outside {
    /// Those that were asked about, and others that were met on the way: whether the start has them.
    known: BTreeMap<Oid, bool>,
    /// Those of which it is certain that the start has no descendant but those that are known.
    firm: BTreeSet<Oid>,
}

/// What was met on the way down from a head.
struct Met {
    /// Commits that the state of the branch does not have, with their parents.
    beyond: BTreeMap<Oid, Vec<Oid>>,
    /// The first ones that it has.
    edge: BTreeSet<Oid>,
}

impl Reach {
    /// Over a range, as [`graph::range`] gives it, and its line, as [`graph::line`] does.
    pub fn new(source: &dyn ObjectSource, range: &[Oid], line: &[Oid], start: &Oid) -> Result<Self, SourceError> {
        let within: BTreeSet<&Oid> = range.iter().collect();
        let mut since = BTreeMap::new();
        for (place, id) in line.iter().enumerate() {
            let mut todo = vec![*id];
            while let Some(id) = todo.pop() {
                if within.contains(&id) && !since.contains_key(&id) {
                    since.insert(id, place);
                    todo.extend(source.commit(&id)?.parents);
                }
            }
        }
        let line = line.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        Ok(Self { start: Some(*start), line, since, outside: RefCell::default() })
    }

    /// The same as [`graph::range`] of these two.
    pub fn range(&self, source: &dyn ObjectSource, head: &Oid, state: &Oid) -> Result<Vec<Oid>, SourceError> {
        match self.meet(source, head, state)? {
            Some(met) => graph::in_order(&met.beyond),
            None => graph::range(source, head, state),
        }
    }

    /// The same as [`graph::merge_bases`] of these two.
    pub fn merge_bases(&self, source: &dyn ObjectSource, state: &Oid, head: &Oid) -> Result<Vec<Oid>, SourceError> {
        if let Some(base) = self.meet(source, head, state)?.and_then(|met| self.newest(&met.edge)) {
            return Ok(vec![base]);
        }
        graph::merge_bases(source, state, head)
    }

    /// How many places of the line a state of the branch has; `None` if it is no state of the branch.
    fn places(&self, state: &Oid) -> Option<usize> {
        if self.start.as_ref() == Some(state) {
            return Some(0);
        }
        self.line.get(state).map(|place| place.saturating_add(1))
    }

    /// Goes down from a head to what a state of the branch has. `None` if this does not tell.
    fn meet(&self, source: &dyn ObjectSource, head: &Oid, state: &Oid) -> Result<Option<Met>, SourceError> {
        let (Some(places), Some(start)) = (self.places(state), &self.start) else { return Ok(None) };
        let mut met = Met { beyond: BTreeMap::new(), edge: BTreeSet::new() };
        // With whether a commit of the range names it: then it is in the range as well, or the start has it.
        let mut todo = vec![(*head, false)];
        while let Some((id, named)) = todo.pop() {
            if met.beyond.contains_key(&id) {
                continue;
            }
            let since = self.since.get(&id).copied();
            let has = match since {
                Some(since) => since < places,
                None => named || id == *start || self.start_has(source, start, &id)?,
            };
            if has {
                met.edge.insert(id);
                continue;
            }
            let parents = source.commit(&id)?.parents;
            todo.extend(parents.iter().map(|parent| (*parent, since.is_some())));
            met.beyond.insert(id, parents);
        }
        Ok(Some(met))
    }

    /// Whether the start has a commit that is not in the range: then every state of the branch has it, and otherwise none.
    fn start_has(&self, source: &dyn ObjectSource, start: &Oid, id: &Oid) -> Result<bool, SourceError> {
        let mut outside = self.outside.borrow_mut();
        if let Some(known) = outside.known.get(id) {
            return Ok(*known);
        }
        if outside.is_above(source, id)? {
            outside.known.insert(*id, false);
            outside.firm.insert(*id);
            return Ok(false);
        }
        let learnt = graph::parted(source, id, start)?;
        let has = !learnt.apart.contains(id);
        outside.known.extend(learnt.apart.into_iter().map(|id| (id, false)));
        outside.known.extend(learnt.had.into_iter().map(|id| (id, true)));
        outside.firm.extend(learnt.firm);
        Ok(has)
    }

    /// The one commit of these of which all others are ancestors, where that can be told.
    fn newest(&self, edge: &BTreeSet<Oid>) -> Option<Oid> {
        if edge.len() == 1 {
            return edge.first().copied();
        }
        let on_line = edge.iter().filter_map(|id| self.line.get(id).map(|place| (*place, *id))).max();
        let (place, newest) = match on_line {
            Some((place, newest)) => (Some(place), newest),
            None => (None, self.start.filter(|start| edge.contains(start))?),
        };
        let below = |id: &Oid| self.since.get(id).is_none_or(|since| place.is_some_and(|place| *since <= place));
        edge.iter().all(below).then_some(newest)
    }
}

impl Outside {
    /// Whether a commit descends from a firm one that is near. It is not known itself.
    fn is_above(&self, source: &dyn ObjectSource, id: &Oid) -> Result<bool, SourceError> {
        if self.firm.is_empty() {
            return Ok(false);
        }
        let (mut todo, mut met) = (VecDeque::from([*id]), BTreeSet::from([*id]));
        for _ in 0..NEAR {
            let Some(id) = todo.pop_front() else { break };
            for parent in source.commit(&id)?.parents {
                if self.firm.contains(&parent) {
                    return Ok(true);
                }
                if met.insert(parent) {
                    todo.push_back(parent);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::graph::testing::{any_history, history};
    use crate::git::{ObjectSet, Recording};
    use proptest::prelude::*;

    fn reach(set: &ObjectSet, ids: &[Oid], start: usize, tip: usize) -> (Reach, Vec<Oid>) {
        let range = graph::range(set, &ids[tip], &ids[start]).unwrap();
        let line = graph::line(set, &range, &ids[start], &ids[tip]).unwrap();
        (Reach::new(set, &range, &line, &ids[start]).unwrap(), line)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn the_answers_are_those_of_the_walks_from_both_ends(
            parents in any_history(), start in any::<prop::sample::Index>(), tip in any::<prop::sample::Index>()
        ) {
            let (set, ids) = history(&parents);
            let (start, tip) = (start.index(ids.len()), tip.index(ids.len()));
            let (reach, line) = reach(&set, &ids, start, tip);
            for state in line.iter().chain([&ids[start]]) {
                for head in &ids {
                    prop_assert_eq!(reach.range(&set, head, state), graph::range(&set, head, state));
                    prop_assert_eq!(reach.merge_bases(&set, state, head), graph::merge_bases(&set, state, head));
                }
            }
        }
    }

    #[test]
    fn a_head_that_left_long_ago_costs_what_is_its_own() {
        // 2,000 commits of the branch; then a head that left at the third, and its merge.
        let mut parents: Vec<Vec<usize>> = (0..2_000_usize).map(|n| n.checked_sub(1).into_iter().collect()).collect();
        parents.push(vec![2]);
        parents.push(vec![1_999, 2_000]);
        let (set, ids) = history(&parents);
        let (reach, _) = reach(&set, &ids, 0, 2_001);
        let recording = Recording::new(&set);
        assert_eq!(reach.range(&recording, &ids[2_000], &ids[1_999]).unwrap(), [ids[2_000]]);
        assert_eq!(reach.merge_bases(&recording, &ids[1_999], &ids[2_000]).unwrap(), [ids[2]]);
        assert_eq!(recording.into_read().len(), 1);
    }

    #[test]
    fn many_heads_that_left_before_the_range_cost_the_way_there_once() {
        // A branch of 1,000 commits that starts at the 500th, and 300 heads that left at the third.
        let mut parents: Vec<Vec<usize>> = (0..1_000_usize).map(|n| n.checked_sub(1).into_iter().collect()).collect();
        parents.extend((0..300).map(|_| vec![2]));
        let (set, ids) = history(&parents);
        let (reach, _) = reach(&set, &ids, 499, 999);
        let mut commits = 0;
        for head in &ids[1_000..] {
            let recording = Recording::new(&set);
            assert_eq!(reach.range(&recording, head, &ids[999]).unwrap(), [*head]);
            assert_eq!(reach.merge_bases(&recording, &ids[700], head).unwrap(), [ids[2]]);
            assert_eq!(reach.range(&recording, &ids[2], &ids[700]).unwrap(), []);
            commits += recording.into_read().len();
        }
        assert!(commits < 2_000, "{commits}");
    }

    #[test]
    fn what_is_no_state_of_the_branch_is_answered_all_the_same() {
        let (set, ids) = history(&[vec![], vec![0], vec![0], vec![1], vec![2]]);
        let (reach, _) = reach(&set, &ids, 0, 3);
        assert_eq!(reach.merge_bases(&set, &ids[4], &ids[3]).unwrap(), [ids[0]]);
        assert_eq!(Reach::default().range(&set, &ids[4], &ids[0]).unwrap(), [ids[2], ids[4]]);
    }
}
