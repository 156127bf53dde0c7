//! Questions to the graph: who depends on whom, through which path, in which circles. No recursion: a document may be a
//! chain of a hundred thousand.

use super::{Bom, Item};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The graph of a document, by place.
#[derive(Debug)]
pub struct Graph<'b> {
    items: Vec<&'b Item>,
    forward: Vec<Vec<usize>>,
    backward: Vec<Vec<usize>>,
    root: Option<usize>,
}

/// How one reaches a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'b> {
    /// From where nothing leads further up to the component itself.
    pub steps: Vec<&'b Item>,
    /// Whether it begins with what the document is about.
    pub from_root: bool,
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'b> {
    /// How deep.
    pub depth: usize,
    /// Which component.
    pub item: &'b Item,
    /// Whether what is below it was shown before.
    pub again: bool,
    /// Whether it may depend on more than is said.
    pub unknown: bool,
    /// Whether more lies below than the depth that was asked for.
    pub cut: bool,
}

impl<'b> Graph<'b> {
    /// Of a document. A component that lies in another counts as needed by it.
    #[must_use]
    pub fn of(bom: &'b Bom) -> Self {
        let items: Vec<&Item> = bom.all().collect();
        let places: BTreeMap<&str, usize> =
            items.iter().enumerate().map(|(place, item)| (item.reference.as_str(), place)).collect();
        let mut edges: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); items.len()];
        for (from, to) in &bom.edges {
            let Some(slot) = places.get(from.as_str()).and_then(|from| edges.get_mut(*from)) else { continue };
            slot.extend(to.iter().filter_map(|to| places.get(to.as_str())));
        }
        for (place, item) in items.iter().enumerate() {
            let outer = item.inside.as_deref().and_then(|outer| places.get(outer));
            if let Some(slot) = outer.and_then(|outer| edges.get_mut(*outer)) {
                slot.insert(place);
            }
        }
        let mut backward = vec![Vec::new(); items.len()];
        for (from, to) in edges.iter().enumerate() {
            for to in to {
                if let Some(slot) = backward.get_mut(*to) {
                    slot.push(from);
                }
            }
        }
        let forward = edges.into_iter().map(|to| to.into_iter().collect()).collect();
        Self { items, forward, backward, root: bom.root.is_some().then_some(0) }
    }

    fn item(&self, place: usize) -> Option<&'b Item> {
        self.items.get(place).copied()
    }

    fn below(&self, place: usize) -> &[usize] {
        self.forward.get(place).map_or(&[], Vec::as_slice)
    }

    fn above(&self, place: usize) -> &[usize] {
        self.backward.get(place).map_or(&[], Vec::as_slice)
    }

    /// Components that are meant by a text: a package URL, a reference, a name, or name and version with an `@` between.
    #[must_use]
    pub fn find(&self, asked: &str) -> Vec<usize> {
        let python = asked.starts_with("pkg:pypi/").then(|| crate::diff::comparable(asked));
        let is = |item: &Item| {
            let alike = |purl: &str| {
                let purl = crate::diff::comparable(purl);
                let whole = python.as_deref() == Some(&purl);
                whole || python.as_deref() == purl.rsplit_once('@').map(|(name, _)| name)
            };
            let purl = item.purl.as_deref();
            let bare = purl.map(|purl| purl.split(['?', '#']).next().unwrap_or(purl));
            let versionless = bare.map(|bare| bare.rsplit_once('@').map_or(bare, |(name, _)| name));
            let short = item.name.rsplit('/').next().unwrap_or(&item.name);
            let versioned = |name: &str| {
                item.version.as_deref().is_some_and(|version| {
                    asked.strip_suffix(version).and_then(|rest| rest.strip_suffix('@')) == Some(name)
                })
            };
            [purl, bare, versionless].contains(&Some(asked))
                || item.reference == asked
                || item.name == asked
                || short == asked
                || versioned(&item.name)
                || versioned(short)
                || python.is_some() && purl.is_some_and(alike)
        };
        self.items.iter().enumerate().filter(|(_, item)| is(item)).map(|(place, _)| place).collect()
    }

    /// The component at a place.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&'b Item> {
        self.item(place)
    }

    /// Who names it as a dependency.
    pub fn dependents(&self, place: usize) -> impl Iterator<Item = &'b Item> {
        self.above(place).iter().filter_map(|place| self.item(*place))
    }

    /// How many components need it, directly or through others.
    #[must_use]
    pub fn all_dependents(&self, place: usize) -> usize {
        let mut seen = BTreeSet::from([place]);
        let mut waiting = VecDeque::from([place]);
        while let Some(next) = waiting.pop_front() {
            for above in self.above(next) {
                if seen.insert(*above) {
                    waiting.push_back(*above);
                }
            }
        }
        seen.len().saturating_sub(1)
    }

    /// The shortest way to it through each component that names it, those from the root first.
    #[must_use]
    pub fn paths(&self, target: usize) -> Vec<Path<'b>> {
        let parents = self.shortest_from_root();
        let mut paths = Vec::new();
        for above in self.above(target) {
            let mut steps = Vec::new();
            let reached = self.root == Some(*above) || parents.get(*above).copied().flatten().is_some();
            let mut next = Some(*above);
            let mut seen = BTreeSet::new();
            while let Some(place) = next.filter(|place| seen.insert(*place)) {
                steps.extend(self.item(place));
                next = if reached { parents.get(place).copied().flatten() } else { self.above(place).first().copied() };
            }
            steps.reverse();
            steps.extend(self.item(target));
            paths.push(Path { steps, from_root: reached });
        }
        paths.sort_by_key(|path| (!path.from_root, path.steps.len()));
        paths
    }

    fn shortest_from_root(&self) -> Vec<Option<usize>> {
        let mut parents = vec![None; self.items.len()];
        let Some(root) = self.root else { return parents };
        let mut waiting = VecDeque::from([root]);
        while let Some(place) = waiting.pop_front() {
            for below in self.below(place) {
                if *below != root
                    && let Some(slot) = parents.get_mut(*below).filter(|slot| slot.is_none())
                {
                    *slot = Some(place);
                    waiting.push_back(*below);
                }
            }
        }
        parents
    }

    /// Where a tree begins: the root, and whatever nobody names. Where all name each other in circles, each circle once.
    #[must_use]
    pub fn tops(&self) -> Vec<usize> {
        let mut tops: Vec<usize> = self.root.into_iter().collect();
        let others = self.items.iter().enumerate().filter(|(place, _)| self.above(*place).is_empty());
        tops.extend(others.map(|(place, _)| place).filter(|place| Some(*place) != self.root));
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<usize> = tops.clone();
        for place in 0..self.items.len() {
            while let Some(next) = waiting.pop() {
                if seen.insert(next) {
                    waiting.extend(self.below(next));
                }
            }
            if !seen.contains(&place) {
                tops.push(place);
                waiting.push(place);
            }
        }
        tops
    }

    /// As a tree: what is below a component is shown the first time it comes.
    #[must_use]
    pub fn tree(&self, known: impl Fn(&Item) -> bool, deepest: usize, longest: usize) -> Vec<Line<'b>> {
        let mut lines = Vec::new();
        let mut shown = BTreeSet::new();
        let mut waiting: Vec<(usize, usize)> = self.tops().into_iter().rev().map(|place| (place, 0)).collect();
        while let Some((place, depth)) = waiting.pop() {
            let Some(item) = self.item(place) else { continue };
            if lines.len() >= longest {
                break;
            }
            let below = self.below(place);
            let again = !below.is_empty() && shown.contains(&place);
            let cut = !below.is_empty() && !again && depth >= deepest;
            lines.push(Line { depth, item, again, unknown: !known(item), cut });
            if !again && !cut {
                shown.insert(place);
                waiting.extend(below.iter().rev().map(|below| (*below, depth.saturating_add(1))));
            }
        }
        lines
    }

    /// Circles: components that depend on each other, each set once, in order.
    #[must_use]
    pub fn circles(&self) -> Vec<Vec<&'b Item>> {
        let mut circles: Vec<Vec<&Item>> = Vec::new();
        for set in strongly_connected(&self.forward, &self.backward) {
            let own = set.first().is_some_and(|only| self.below(*only).contains(only));
            if set.len() > 1 || own {
                let mut set: Vec<&Item> = set.iter().filter_map(|place| self.item(*place)).collect();
                set.sort_by(|a, b| a.reference.cmp(&b.reference));
                circles.push(set);
            }
        }
        circles.sort_by(|a, b| a.first().map(|i| &i.reference).cmp(&b.first().map(|i| &i.reference)));
        circles
    }
}

/// Kosaraju's two walks, each with a stack of its own: sets of what can be reached from each other, each before those that it leads to.
pub(crate) fn strongly_connected(forward: &[Vec<usize>], backward: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut order = Vec::with_capacity(forward.len());
    let mut seen = vec![false; forward.len()];
    for start in 0..forward.len() {
        let mut stack = vec![(start, 0_usize)];
        while let Some((place, next)) = stack.pop() {
            if next == 0 {
                match seen.get_mut(place) {
                    Some(slot) if !*slot => *slot = true,
                    _ => continue,
                }
            }
            match forward.get(place).and_then(|below| below.get(next)) {
                Some(below) => {
                    stack.push((place, next.saturating_add(1)));
                    stack.push((*below, 0));
                }
                None => order.push(place),
            }
        }
    }
    let mut sets = Vec::new();
    let mut taken = vec![false; forward.len()];
    for start in order.into_iter().rev() {
        let mut set = Vec::new();
        let mut stack = vec![start];
        while let Some(place) = stack.pop() {
            match taken.get_mut(place) {
                Some(slot) if !*slot => *slot = true,
                _ => continue,
            }
            set.push(place);
            stack.extend(backward.get(place).into_iter().flatten());
        }
        if !set.is_empty() {
            sets.push(set);
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bom(edges: &[(&str, &[&str])]) -> Bom {
        let mut bom = Bom::made();
        for (from, to) in edges {
            let item = Item { reference: (*from).to_owned(), name: (*from).to_owned(), ..Item::default() };
            if bom.root.is_none() {
                bom.root = Some(item);
            } else {
                bom.items.push(item);
            }
            bom.edges.insert((*from).to_owned(), to.iter().map(|to| (*to).to_owned()).collect());
        }
        bom
    }

    fn names(items: &[&Item]) -> Vec<String> {
        items.iter().map(|item| item.name.clone()).collect()
    }

    #[test]
    fn each_dependent_has_its_shortest_path_from_the_root() {
        let bom =
            bom(&[("app", &["a", "b"]), ("a", &["x"]), ("b", &["c"]), ("c", &["x"]), ("x", &[]), ("lost", &["x"])]);
        let graph = Graph::of(&bom);
        let place = graph.find("x");
        let paths = graph.paths(place[0]);
        let shown: Vec<_> = paths.iter().map(|path| (names(&path.steps).join(">"), path.from_root)).collect();
        assert_eq!(shown, [("app>a>x".to_owned(), true), ("app>b>c>x".to_owned(), true), ("lost>x".to_owned(), false)]);
        assert_eq!(graph.all_dependents(place[0]), 5);
    }

    #[test]
    fn circles_are_found_and_end_no_walk() {
        let bom =
            bom(&[("app", &["a"]), ("a", &["b"]), ("b", &["a", "c"]), ("c", &["c"]), ("p", &["q"]), ("q", &["p"])]);
        let graph = Graph::of(&bom);
        let circles: Vec<Vec<String>> = graph.circles().iter().map(|set| names(set)).collect();
        assert_eq!(circles, [vec!["a", "b"], vec!["c"], vec!["p", "q"]]);
        let lines = graph.tree(|_| true, 100, 100);
        let shown: Vec<_> = lines.iter().map(|line| (line.depth, line.item.name.as_str(), line.again)).collect();
        assert_eq!(
            shown,
            [
                (0, "app", false),
                (1, "a", false),
                (2, "b", false),
                (3, "a", true),
                (3, "c", false),
                (4, "c", true),
                (0, "p", false),
                (1, "q", false),
                (2, "p", true)
            ]
        );
        assert!(graph.paths(graph.find("q")[0]).iter().all(|path| !path.from_root));
    }

    #[test]
    fn a_chain_of_fifty_thousand_takes_no_stack() {
        let mut bom = bom(&[("0", &["1"])]);
        for i in 1..50_000 {
            bom.items.push(Item { reference: i.to_string(), name: i.to_string(), ..Item::default() });
            bom.edges.insert(i.to_string(), BTreeSet::from([(i + 1).to_string()]));
        }
        let graph = Graph::of(&bom);
        assert_eq!(graph.tree(|_| true, usize::MAX, usize::MAX).len(), 50_000);
        assert_eq!(graph.paths(49_999)[0].steps.len(), 50_000);
        assert!(graph.circles().is_empty());
    }

    #[test]
    fn a_component_is_found_by_any_of_its_names() {
        let mut bom = bom(&[("app", &["a"])]);
        bom.items.push(Item {
            reference: "r".to_owned(),
            name: "@angular/core".to_owned(),
            version: Some("1.2".to_owned()),
            purl: Some("pkg:npm/%40angular/core@1.2?x=y".to_owned()),
            ..Item::default()
        });
        let graph = Graph::of(&bom);
        for asked in [
            "r",
            "@angular/core",
            "core",
            "core@1.2",
            "@angular/core@1.2",
            "pkg:npm/%40angular/core",
            "pkg:npm/%40angular/core@1.2",
            "pkg:npm/%40angular/core@1.2?x=y",
        ] {
            assert_eq!(graph.find(asked), [1], "{asked}");
        }
        assert!(graph.find("core@1").is_empty());
    }
}
