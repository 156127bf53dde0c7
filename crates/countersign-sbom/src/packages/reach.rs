//! What is reached from where in a lock file of Python's: a package, and each extra of it, by itself. Who asks for an extra needs
//! what the extra brings, and nobody else does.

use crate::bom::{Bom, Scope};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What one package asks of another.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// Which package, by its place in the lock file.
    pub(super) to: usize,
    /// The extras that it is asked for with.
    pub(super) extras: BTreeSet<String>,
    /// The most that it can be by that.
    pub(super) scope: Scope,
    /// The condition under which it is asked for.
    pub(super) condition: Option<String>,
}

/// A package.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// What it asks for in any case.
    pub(super) asks: Vec<Ask>,
    /// What each of its extras asks for.
    pub(super) extras: BTreeMap<String, Vec<Ask>>,
}

/// Where to begin: a package, or an extra of it, with the most that it can be.
pub(super) type Start = (usize, Option<String>, Scope);

/// What was reached.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// How needed each package is that was reached: what one way requires is required.
    pub(super) scopes: BTreeMap<usize, Scope>,
    edges: BTreeMap<(usize, usize), Edge>,
}

#[derive(Debug)]
struct Edge {
    scope: Scope,
    /// The conditions on it, of which one has to hold. None where it holds in any case.
    conditions: Option<BTreeSet<String>>,
}

/// The conditions on each edge that has any.
pub(super) type Conditions = BTreeMap<(String, String), BTreeSet<String>>;

/// Walks from the starts along all that is asked for.
pub(super) fn walk(nodes: &[Node], starts: Vec<Start>) -> Reached {
    let mut reached = Reached::default();
    let mut best: BTreeMap<(usize, Option<&str>), Scope> = BTreeMap::new();
    let known = |place: usize, extra: &str| {
        nodes.get(place).and_then(|node| node.extras.get_key_value(extra)).map(|(name, _)| name.as_str())
    };
    let mut waiting: VecDeque<((usize, Option<&str>), Scope)> = VecDeque::new();
    for (place, extra, scope) in starts {
        match extra {
            None => waiting.push_back(((place, None), scope)),
            Some(extra) => waiting.extend(known(place, &extra).map(|extra| ((place, Some(extra)), scope))),
        }
    }
    while let Some((state, scope)) = waiting.pop_front() {
        if best.get(&state).is_some_and(|known| *known <= scope) {
            continue;
        }
        best.insert(state, scope);
        let (place, extra) = state;
        let of_package = reached.scopes.entry(place).or_insert(scope);
        *of_package = (*of_package).min(scope);
        let Some(node) = nodes.get(place) else { continue };
        let asks = match extra {
            None => &node.asks[..],
            Some(extra) => node.extras.get(extra).map(Vec::as_slice).unwrap_or_default(),
        };
        for ask in asks {
            let by_condition = if ask.condition.is_some() { Scope::Optional } else { Scope::Required };
            let below = scope.max(ask.scope).max(by_condition);
            // What asks for its own extras needs nobody else by that.
            if ask.to != place {
                let first = || Edge { scope: below, conditions: Some(BTreeSet::new()) };
                let edge = reached.edges.entry((place, ask.to)).or_insert_with(first);
                edge.scope = edge.scope.min(below);
                match (&mut edge.conditions, &ask.condition) {
                    (Some(conditions), Some(condition)) => {
                        conditions.insert(condition.clone());
                    }
                    (conditions, None) => *conditions = None,
                    (None, Some(_)) => {}
                }
            }
            waiting.push_back(((ask.to, None), below));
            let extras = ask.extras.iter().filter_map(|extra| known(ask.to, extra));
            waiting.extend(extras.map(|extra| ((ask.to, Some(extra)), below)));
        }
    }
    reached
}

impl Reached {
    /// Gives a document the edges between what was reached, and returns the conditions on them.
    pub(super) fn give_edges(&self, references: &[String], bom: &mut Bom) -> Conditions {
        let named = |place: &usize| references.get(*place).cloned();
        for from in self.scopes.keys().filter_map(named) {
            bom.edges.entry(from).or_default();
        }
        let (mut conditions, mut sure, mut in_all) = (Conditions::new(), BTreeSet::new(), BTreeSet::new());
        for ((from, to), edge) in &self.edges {
            let (Some(from), Some(to)) = (named(from), named(to)) else { continue };
            bom.edges.entry(from.clone()).or_default().insert(to.clone());
            let both = (from, to);
            if edge.scope == Scope::Excluded {
                bom.only_dev.insert(both.clone());
            } else {
                in_all.insert(both.clone());
            }
            match &edge.conditions {
                Some(all) => conditions.entry(both).or_default().extend(all.iter().cloned()),
                None => {
                    sure.insert(both);
                }
            }
        }
        // Two places may have one reference.
        bom.only_dev.retain(|edge| !in_all.contains(edge));
        conditions.retain(|edge, _| !sure.contains(edge));
        conditions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(to: usize, extras: &[&str], scope: Scope, condition: Option<&str>) -> Ask {
        let extras = extras.iter().map(|extra| (*extra).to_owned()).collect();
        Ask { to, extras, scope, condition: condition.map(str::to_owned) }
    }

    #[test]
    fn what_an_extra_brings_is_as_needed_as_who_asks_for_it() {
        let (needed, maybe, dev) = (Scope::Required, Scope::Optional, Scope::Excluded);
        let with = |asks: Vec<Ask>, extras: &[(&str, Vec<Ask>)]| Node {
            asks,
            extras: extras.iter().map(|(name, asks)| ((*name).to_owned(), asks.clone())).collect(),
        };
        // The project asks for 1, and for development for 1[x]; 1[x] brings 2 and its own y, which brings 3; 1[z] brings 4.
        let nodes = [
            with(vec![ask(1, &[], needed, None), ask(1, &["x", "unheard"], dev, None)], &[]),
            with(
                vec![ask(5, &[], needed, Some("os"))],
                &[
                    ("x", vec![ask(2, &[], needed, None), ask(1, &["y"], needed, None)]),
                    ("y", vec![ask(3, &[], needed, None)]),
                    ("z", vec![ask(4, &[], needed, None)]),
                ],
            ),
            Node::default(),
            Node::default(),
            Node::default(),
            Node::default(),
        ];
        let scopes = |starts: Vec<Start>| walk(&nodes, starts).scopes.into_iter().collect::<Vec<_>>();
        let plain = [(0, needed), (1, needed), (2, dev), (3, dev), (5, maybe)];
        assert_eq!(scopes(vec![(0, None, needed)]), plain);
        let asked = [(0, needed), (1, needed), (2, dev), (3, dev), (4, maybe), (5, maybe)];
        assert_eq!(scopes(vec![(0, None, needed), (1, Some("z".to_owned()), maybe)]), asked);
        let references: Vec<String> = (0..6).map(|place| place.to_string()).collect();
        let mut bom = Bom::made();
        let conditions = walk(&nodes, vec![(0, None, needed)]).give_edges(&references, &mut bom);
        let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(bom.only_dev, BTreeSet::from([edge("1", "2"), edge("1", "3")]));
        assert_eq!(conditions, BTreeMap::from([(edge("1", "5"), BTreeSet::from(["os".to_owned()]))]));
        assert_eq!(bom.edges["0"].len(), 1, "{:?}", bom.edges);
    }
}
