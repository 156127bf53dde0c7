//! How much what a document is about needs each of its components, by what relationships say of each. Documents that give every
//! component its scope themselves, as CycloneDX does, have no use for this.

use super::{Bom, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// What relationships say of who needs what for what.
#[derive(Default)]
pub(super) struct Needs {
    /// What each needs another for, the strongest where several things are said.
    of: BTreeMap<(String, String), Scope>,
    /// And what anybody needs it for.
    strongest: BTreeMap<String, Scope>,
}

impl Needs {
    /// That one needs another.
    pub(super) fn say(&mut self, from: &str, to: &str, need: Scope) {
        // What one needs to run is needed to run, whoever else only builds with it.
        let known = self.strongest.entry(to.to_owned()).or_insert(need);
        *known = (*known).min(need);
        let known = self.of.entry((from.to_owned(), to.to_owned())).or_insert(need);
        *known = (*known).min(need);
    }

    /// Gives every component its scope: as the root needs it, where it is reached from there, else as anybody does. What is listed and
    /// cannot be reached is there for a reason that nobody tells: what it needs is needed by it, too.
    pub(super) fn settle(&self, bom: &mut Bom) {
        let root = bom.root.iter().map(|root| (root.reference.as_str(), Scope::Required));
        let by_root = self.reached(root.clone(), &bom.edges);
        let apart = bom.items.iter().map(|item| item.reference.as_str()).filter(|item| !by_root.contains_key(item));
        let apart = apart.map(|item| (item, self.strongest.get(item).copied().unwrap_or_default()));
        let all: BTreeMap<String, Scope> = self
            .reached(root.chain(apart), &bom.edges)
            .into_iter()
            .map(|(item, scope)| (item.to_owned(), scope))
            .collect();
        for item in &mut bom.items {
            item.scope = all.get(&item.reference).copied().unwrap_or_default();
        }
    }

    /// What only builds or tests needs its own dependencies for that, too.
    fn reached<'b>(
        &self,
        starts: impl Iterator<Item = (&'b str, Scope)>,
        edges: &'b BTreeMap<String, BTreeSet<String>>,
    ) -> BTreeMap<&'b str, Scope> {
        let mut reached: BTreeMap<&str, Scope> = BTreeMap::new();
        // The strongest first: what was reached by it is not reached again by a weaker one.
        let mut weaker: BTreeMap<Scope, Vec<&str>> = BTreeMap::new();
        for (start, scope) in starts {
            reached.insert(start, scope);
            weaker.entry(scope).or_default().push(start);
        }
        while let Some((scope, mut waiting)) = weaker.pop_first() {
            while let Some(from) = waiting.pop() {
                if reached.get(from).is_some_and(|known| *known < scope) {
                    continue;
                }
                for to in edges.get(from).into_iter().flatten() {
                    let need = self.of.get(&(from.to_owned(), to.clone())).copied().unwrap_or_default().max(scope);
                    if reached.get(to.as_str()).is_some_and(|known| *known <= need) {
                        continue;
                    }
                    reached.insert(to, need);
                    if need == scope {
                        waiting.push(to);
                    } else {
                        weaker.entry(need).or_default().push(to);
                    }
                }
            }
        }
        reached
    }
}
