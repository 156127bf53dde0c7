//! History as a graph: ancestry, ranges, merge bases. By parent links only.
//!
//! No answer depends on a date, since anybody can write any date into a commit; dates are not even read. Two walks go
//! down the history side by side, one from each end, and stop as soon as nothing that is still unread could change the
//! answer. What is read therefore grows with the distance between the ends, not with the length of the history, and
//! the same commits are read whenever the same question is asked: a recording of them answers it again.

use super::oid::Oid;
use super::source::{ObjectSource, SourceError};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Whether `ancestor` is reachable from `descendant` by parent links. A commit is its own ancestor.
pub fn is_ancestor(source: &dyn ObjectSource, ancestor: &Oid, descendant: &Oid) -> Result<bool, SourceError> {
    let mut walk = Walk::new(source, descendant, ancestor);
    loop {
        if walk.nodes.get(ancestor).is_some_and(|node| node.left) {
            return Ok(true);
        }
        // Ancestors of `ancestor` cannot lead to it, so only commits of the left side alone are worth following.
        if !walk.pending_left() {
            return Ok(false);
        }
        walk.step()?;
    }
}

/// The commits that are reachable from `candidate` and not from `excluded`: parents before children, and otherwise by
/// id, so the order is the same for everybody.
pub fn range(source: &dyn ObjectSource, candidate: &Oid, excluded: &Oid) -> Result<Vec<Oid>, SourceError> {
    apart(source, candidate, excluded)?.left_in_order()
}

/// What a walk learnt of the commits that one commit has.
pub(super) struct Parted {
    /// The commits that are reachable from the candidate alone, in the order of [`range`].
    pub apart: Vec<Oid>,
    /// Commits that are reachable from the other one. There may be more.
    pub had: Vec<Oid>,
    /// Commits that everything which was not read is an ancestor of: whatever descends from one of them, and is not among
    /// those that are had, the other commit does not have.
    pub firm: Vec<Oid>,
}

/// The same as [`range`], with what else was learnt on the way.
pub(super) fn parted(source: &dyn ObjectSource, candidate: &Oid, excluded: &Oid) -> Result<Parted, SourceError> {
    let walk = apart(source, candidate, excluded)?;
    let had = walk.nodes.iter().filter(|(_, node)| node.right).map(|(id, _)| *id).collect();
    let firm = walk.above_all_pending().into_iter().flatten().copied().collect();
    Ok(Parted { apart: walk.left_in_order()?, had, firm })
}

/// Walks until it is known which commits only `candidate` leads to.
fn apart<'s>(source: &'s dyn ObjectSource, candidate: &Oid, excluded: &Oid) -> Result<Walk<'s>, SourceError> {
    let mut walk = Walk::new(source, candidate, excluded);
    let mut patience = Patience::default();
    loop {
        if !walk.pending_left() && (walk.nothing_pending() || patience.over() && walk.range_is_settled()) {
            return Ok(walk);
        }
        walk.step()?;
    }
}

/// All best common ancestors: those common ancestors that are not ancestors of another one. In order of their ids.
pub fn merge_bases(source: &dyn ObjectSource, a: &Oid, b: &Oid) -> Result<Vec<Oid>, SourceError> {
    let mut walk = Walk::new(source, a, b);
    let mut patience = Patience::default();
    loop {
        if !walk.pending_left() && !walk.pending_right() {
            let best = walk.common_without_common_child();
            if best.len() <= 1 || walk.nothing_pending() || patience.over() && walk.all_pending_are_below(&best) {
                return Ok(best);
            }
        }
        walk.step()?;
    }
}

/// `tip`, its first parent, that one's first parent and so on, as long as `within` says yes. Newest first.
pub fn first_parents(
    source: &dyn ObjectSource,
    tip: &Oid,
    within: impl Fn(&Oid) -> bool,
) -> Result<Vec<Oid>, SourceError> {
    let mut out = Vec::new();
    let mut next = Some(*tip).filter(&within);
    while let Some(id) = next {
        if out.len() >= limits::GIT_RANGE_COMMITS {
            return Err(too_many(limits::GIT_RANGE_COMMITS));
        }
        out.push(id);
        next = source.commit(&id)?.parents.first().copied().filter(&within);
    }
    Ok(out)
}

/// The commits of a range that lead from `start` to `tip`, one the parent of the next, oldest first: at each commit the
/// first of its parents that leads back to `start`. So it is the branch's own line of first parents wherever that comes
/// from `start`; and where a merge names the branch as its second parent, the line follows the branch all the same. `range`
/// has parents before children, as [`range`] gives it. Empty if `tip` does not descend from `start`.
pub fn line(source: &dyn ObjectSource, range: &[Oid], start: &Oid, tip: &Oid) -> Result<Vec<Oid>, SourceError> {
    let mut back: BTreeMap<Oid, Oid> = BTreeMap::new();
    for id in range {
        let leads = |parent: &&Oid| *parent == start || back.contains_key(*parent);
        if let Some(parent) = source.commit(id)?.parents.iter().find(leads) {
            back.insert(*id, *parent);
        }
    }
    let mut out = Vec::new();
    let mut at = *tip;
    while let Some(parent) = back.get(&at) {
        out.push(at);
        at = *parent;
    }
    out.reverse();
    Ok(out)
}

/// A commit as far as it is known.
#[derive(Default)]
struct Node {
    /// Reachable from the left end.
    left: bool,
    /// Reachable from the right end.
    right: bool,
    /// `None` until the commit is read.
    parents: Option<Vec<Oid>>,
}

/// The part of the history that was read, painted by the end from which it is reachable.
struct Walk<'s> {
    source: &'s dyn ObjectSource,
    nodes: BTreeMap<Oid, Node>,
    /// Commits to read, by the colours they had when they were queued.
    only_left: VecDeque<Oid>,
    only_right: VecDeque<Oid>,
    both: VecDeque<Oid>,
    read: usize,
}

impl<'s> Walk<'s> {
    fn new(source: &'s dyn ObjectSource, left: &Oid, right: &Oid) -> Self {
        let mut walk = Self {
            source,
            nodes: BTreeMap::new(),
            only_left: VecDeque::new(),
            only_right: VecDeque::new(),
            both: VecDeque::new(),
            read: 0,
        };
        walk.paint(*left, true, false);
        walk.paint(*right, false, true);
        walk
    }

    /// Reads one commit of each of the three queues: neither walk runs far ahead of the other.
    fn step(&mut self) -> Result<(), SourceError> {
        self.pending_left();
        let left = self.only_left.pop_front();
        self.pending_right();
        let right = self.only_right.pop_front();
        self.drop_read_from_both();
        let both = self.both.pop_front();
        for id in [left, right, both].into_iter().flatten() {
            self.expand(id)?;
        }
        Ok(())
    }

    fn expand(&mut self, id: Oid) -> Result<(), SourceError> {
        let Some(node) = self.nodes.get(&id).filter(|node| node.parents.is_none()) else {
            return Ok(());
        };
        let (left, right) = (node.left, node.right);
        self.read = self.read.saturating_add(1);
        if self.read > limits::GIT_OBJECTS {
            return Err(too_many(limits::GIT_OBJECTS));
        }
        let parents = self.source.commit(&id)?.parents;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.parents = Some(parents.clone());
        }
        for parent in parents {
            self.paint(parent, left, right);
        }
        Ok(())
    }

    /// Paints a commit and everything already read below it; queues what has not been read.
    fn paint(&mut self, id: Oid, left: bool, right: bool) {
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            let fresh = !self.nodes.contains_key(&id);
            let node = self.nodes.entry(id).or_default();
            if !fresh && (node.left || !left) && (node.right || !right) {
                continue;
            }
            node.left |= left;
            node.right |= right;
            match (&node.parents, node.left, node.right) {
                (Some(parents), _, _) => todo.extend(parents),
                (None, true, true) => self.both.push_back(id),
                (None, true, false) => self.only_left.push_back(id),
                (None, false, _) => self.only_right.push_back(id),
            }
        }
    }

    /// Whether an unread commit is known to be reachable from the left end only.
    fn pending_left(&mut self) -> bool {
        let nodes = &self.nodes;
        drop_while(&mut self.only_left, |id| nodes.get(id).is_none_or(|n| n.parents.is_some() || n.right))
    }

    /// Whether an unread commit is known to be reachable from the right end only.
    fn pending_right(&mut self) -> bool {
        let nodes = &self.nodes;
        drop_while(&mut self.only_right, |id| nodes.get(id).is_none_or(|n| n.parents.is_some() || n.left))
    }

    fn drop_read_from_both(&mut self) -> bool {
        let nodes = &self.nodes;
        drop_while(&mut self.both, |id| nodes.get(id).is_none_or(|n| n.parents.is_some()))
    }

    fn nothing_pending(&mut self) -> bool {
        !self.pending_left() && !self.pending_right() && !self.drop_read_from_both()
    }

    /// Nothing unread can lead to a commit that so far belongs to the left side only. That holds if every unread
    /// commit is an ancestor of each such commit, since history has no circles.
    fn range_is_settled(&mut self) -> bool {
        let only_left = |id: &Oid| self.nodes.get(id).is_some_and(|n| n.left && !n.right);
        let oldest: Vec<Oid> = self
            .nodes
            .iter()
            .filter(|(id, node)| only_left(id) && !node.parents.iter().flatten().any(only_left))
            .map(|(id, _)| *id)
            .collect();
        oldest.is_empty() || !self.pending_right() && self.all_pending_are_below(&oldest)
    }

    /// Every unread commit is an ancestor of each of these, or the same commit. Gives up (with `false`, which only
    /// means that more is read) where finding out would cost too much.
    fn all_pending_are_below(&self, tops: &[Oid]) -> bool {
        self.above_all_pending().is_some_and(|above| tops.iter().all(|top| above.contains(top)))
    }

    /// The commits that every unread one is an ancestor of, or the same. `None` where finding out would cost too much.
    fn above_all_pending(&self) -> Option<BTreeSet<&Oid>> {
        const WORK: usize = 1 << 26;
        let pending: Vec<&Oid> = self.nodes.iter().filter(|(_, n)| n.parents.is_none()).map(|(id, _)| id).collect();
        if pending.len().saturating_mul(self.nodes.len()) > WORK {
            return None;
        }
        let mut children: BTreeMap<&Oid, Vec<&Oid>> = BTreeMap::new();
        for (id, node) in &self.nodes {
            for parent in node.parents.iter().flatten() {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut all: BTreeSet<&Oid> = self.nodes.keys().collect();
        for below in pending {
            let mut above = BTreeSet::from([below]);
            let mut todo = vec![below];
            while let Some(id) = todo.pop() {
                let unseen = children.get(id).into_iter().flatten();
                todo.extend(unseen.filter(|child| above.insert(child)));
            }
            all.retain(|id| above.contains(id));
            if all.is_empty() {
                break;
            }
        }
        Some(all)
    }

    fn common_without_common_child(&self) -> Vec<Oid> {
        let common = || self.nodes.iter().filter(|(_, n)| n.left && n.right);
        let below: BTreeSet<&Oid> = common().flat_map(|(_, n)| n.parents.iter().flatten()).collect();
        common().map(|(id, _)| id).filter(|id| !below.contains(id)).copied().collect()
    }

    /// The commits of the left side only, parents first.
    fn left_in_order(&self) -> Result<Vec<Oid>, SourceError> {
        let left = self.nodes.iter().filter(|(_, n)| n.left && !n.right);
        in_order(&left.map(|(id, node)| (*id, node.parents.clone().unwrap_or_default())).collect())
    }
}

/// Commits, each with its parents: parents before children, and otherwise by id.
pub(super) fn in_order(inside: &BTreeMap<Oid, Vec<Oid>>) -> Result<Vec<Oid>, SourceError> {
    if inside.len() > limits::GIT_RANGE_COMMITS {
        return Err(too_many(limits::GIT_RANGE_COMMITS));
    }
    let mut waits: BTreeMap<&Oid, usize> = BTreeMap::new();
    let mut children: BTreeMap<&Oid, Vec<&Oid>> = BTreeMap::new();
    for (id, parents) in inside {
        let parents: BTreeSet<&Oid> = parents.iter().filter(|p| inside.contains_key(p)).collect();
        waits.insert(id, parents.len());
        for parent in parents {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut ready: BTreeSet<&Oid> = waits.iter().filter(|(_, n)| **n == 0).map(|(id, _)| *id).collect();
    let mut out = Vec::with_capacity(inside.len());
    while let Some(id) = ready.pop_first() {
        out.push(*id);
        for child in children.get(id).into_iter().flatten() {
            if let Some(n) = waits.get_mut(child) {
                *n = n.saturating_sub(1);
                if *n == 0 {
                    ready.insert(child);
                }
            }
        }
    }
    Ok(out)
}

/// Looking whether the walk may stop costs more than a step of it, so it is done ever more rarely.
#[derive(Default)]
struct Patience {
    waited: usize,
    wait: usize,
}

impl Patience {
    fn over(&mut self) -> bool {
        if self.waited < self.wait {
            self.waited = self.waited.saturating_add(1);
            return false;
        }
        self.waited = 0;
        self.wait = self.wait.saturating_mul(2).saturating_add(1);
        true
    }
}

/// Drops from the front what is stale; whether anything is left.
fn drop_while(queue: &mut VecDeque<Oid>, stale: impl Fn(&Oid) -> bool) -> bool {
    while queue.front().is_some_and(&stale) {
        queue.pop_front();
    }
    !queue.is_empty()
}

fn too_many(limit: usize) -> SourceError {
    SourceError::TooMany { what: "commits", limit }
}

/// Histories for tests.
#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::git::{Commit, Object, ObjectFormat, ObjectKind, ObjectSet, Tree};
    use proptest::prelude::*;

    /// A history in which commit `n` has the parents given by number; the dates are nonsense.
    pub(in crate::git) fn history(parents: &[Vec<usize>]) -> (ObjectSet, Vec<Oid>) {
        let mut set = ObjectSet::new();
        let format = ObjectFormat::Sha256;
        let tree = Object::new(ObjectKind::Tree, Tree::default().encode()).id(format).unwrap();
        let mut ids: Vec<Oid> = Vec::new();
        for (n, of) in parents.iter().enumerate() {
            let of: Vec<Oid> = of.iter().map(|p| ids[*p]).collect();
            let who = format!("a <a@b> {} +0000", [7, 0, 99, 3][n % 4]);
            let bytes = Commit::encode(&tree, &of, who.as_bytes(), who.as_bytes(), n.to_string().as_bytes());
            ids.push(set.insert(format, Object::new(ObjectKind::Commit, bytes)).unwrap());
        }
        (set, ids)
    }

    pub(in crate::git) fn any_history() -> impl Strategy<Value = Vec<Vec<usize>>> {
        let commit = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4), 0..4);
        prop::collection::vec(commit, 2..24).prop_map(|commits| {
            let near = |n: usize, index: prop::sample::Index, far: usize| match far {
                0 => index.index(n),
                _ => n.saturating_sub(index.index(n.min(far))).saturating_sub(1),
            };
            let numbers = commits.iter().enumerate().map(|(n, picks)| match n {
                0 => BTreeSet::new(),
                _ => picks.iter().map(|(index, far)| near(n, *index, *far)).collect(),
            });
            numbers.map(|of: BTreeSet<usize>| of.into_iter().collect()).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{any_history, history};
    use super::*;
    use crate::git::{ObjectFormat, ObjectSet, Recording};
    use proptest::prelude::*;

    fn closure(parents: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(n) = todo.pop() {
            if seen.insert(n) {
                todo.extend(&parents[n]);
            }
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_walks_agree_with_complete_closures(
            parents in any_history(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()
        ) {
            let (set, ids) = history(&parents);
            let (a, b) = (a.index(ids.len()), b.index(ids.len()));
            let (of_a, of_b) = (closure(&parents, a), closure(&parents, b));

            prop_assert_eq!(is_ancestor(&set, &ids[b], &ids[a]).unwrap(), of_a.contains(&b));

            let found = range(&set, &ids[a], &ids[b]).unwrap();
            let expected: BTreeSet<Oid> = of_a.difference(&of_b).map(|n| ids[*n]).collect();
            prop_assert_eq!(found.iter().copied().collect::<BTreeSet<Oid>>(), expected);
            let place = |id: &Oid| found.iter().position(|f| f == id);
            for (n, of) in parents.iter().enumerate() {
                for p in of {
                    if let (Some(child), Some(parent)) = (place(&ids[n]), place(&ids[*p])) {
                        prop_assert!(parent < child);
                    }
                }
            }

            let common: BTreeSet<usize> = of_a.intersection(&of_b).copied().collect();
            let best = common.iter().filter(|n| !common.iter().any(|m| m != *n && closure(&parents, *m).contains(n)));
            let best: BTreeSet<Oid> = best.map(|n| ids[*n]).collect();
            prop_assert_eq!(merge_bases(&set, &ids[a], &ids[b]).unwrap(), best.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn a_recording_of_a_walk_answers_the_same_question_again(
            parents in any_history(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()
        ) {
            let (set, ids) = history(&parents);
            let (a, b) = (&ids[a.index(ids.len())], &ids[b.index(ids.len())]);
            let recording = Recording::new(&set);
            let first = (range(&recording, a, b), merge_bases(&recording, a, b), is_ancestor(&recording, b, a));
            let read = recording.into_read();
            prop_assert_eq!((range(&read, a, b), merge_bases(&read, a, b), is_ancestor(&read, b, a)), first);
        }
    }

    #[test]
    fn a_short_range_of_a_long_history_reads_few_commits() {
        let mut parents: Vec<Vec<usize>> = (0..3_000_usize).map(|n| n.checked_sub(1).into_iter().collect()).collect();
        // Ten commits, one of them the merge of a branch that left the main line 50 commits before.
        parents.push(vec![2_950]);
        parents.push(vec![2_999, 3_000]);
        parents.extend((3_001..3_009).map(|n| vec![n]));
        let (set, ids) = history(&parents);
        let recording = Recording::new(&set);
        let found = range(&recording, &ids[3_009], &ids[2_999]).unwrap();
        assert_eq!(found.len(), 10);
        assert_eq!(merge_bases(&recording, &ids[3_000], &ids[2_999]).unwrap(), [ids[2_950]]);
        assert!(is_ancestor(&recording, &ids[2_999], &ids[3_009]).unwrap());
        let read = recording.into_read().len();
        assert!(read < 250, "{read}");
    }

    #[test]
    fn first_parents_stop_where_they_are_told() {
        let (set, ids) = history(&[vec![], vec![0], vec![0], vec![1, 2], vec![3]]);
        let chain = first_parents(&set, &ids[4], |id| *id != ids[0]).unwrap();
        assert_eq!(chain, [ids[4], ids[3], ids[1]]);
        assert_eq!(first_parents(&set, &ids[4], |_| true).unwrap().len(), 4);
    }

    #[test]
    fn the_line_from_a_start_follows_first_parents_and_the_branch_where_those_lead_elsewhere() {
        // 5 merges 3, the branch, into 4, which left at 0: the branch is its second parent.
        let (set, ids) = history(&[vec![], vec![0], vec![0], vec![1, 2], vec![0], vec![4, 3]]);
        let line = |start: usize, tip: usize| {
            let range = range(&set, &ids[tip], &ids[start]).unwrap();
            line(&set, &range, &ids[start], &ids[tip]).unwrap()
        };
        assert_eq!(line(0, 3), [ids[1], ids[3]], "first parents");
        assert_eq!(line(0, 5), [ids[4], ids[5]], "first parents, where they lead to the start");
        assert_eq!(line(1, 5), [ids[3], ids[5]], "the second parent, where the first does not");
        assert_eq!(line(2, 5), [ids[3], ids[5]]);
        assert_eq!(line(5, 5), []);
        assert_eq!(line(3, 4), [], "no descendant");
    }

    #[test]
    fn a_commit_that_is_missing_is_an_error_and_not_the_end_of_history() {
        let (set, ids) = history(&[vec![], vec![0], vec![1]]);
        let mut shallow = ObjectSet::new();
        for id in &ids[1..] {
            let object = set.iter().find(|(i, _)| *i == id).unwrap().1;
            shallow.insert(ObjectFormat::Sha256, object.clone()).unwrap();
        }
        let unknown = Oid::from_bytes(ObjectFormat::Sha256, &[9; 32]).unwrap();
        let missing = Err(SourceError::Missing { id: ids[0] });
        assert_eq!(first_parents(&shallow, &ids[2], |_| true), missing);
        assert!(range(&shallow, &ids[2], &unknown).is_err());
    }
}
