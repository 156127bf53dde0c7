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
    /// What leads to and from files: these are no components, and what one of them links is needed as it is.
    through: BTreeMap<String, BTreeSet<String>>,
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

    /// That one needs another, of which at least one is a file.
    pub(super) fn say_through(&mut self, from: &str, to: &str, need: Scope) {
        self.through.entry(from.to_owned()).or_default().insert(to.to_owned());
        self.say(from, to, need);
    }

    /// Gives every component its scope: as what the document is about needs it, where it is reached from there, else as anybody does. What
    /// is listed and cannot be reached is there for a reason that nobody tells: what it needs is needed by it, too.
    pub(super) fn settle(&self, bom: &mut Bom, described: &BTreeSet<String>) {
        let root = bom.root.iter().map(|root| root.reference.as_str());
        let roots = root.chain(described.iter().map(String::as_str)).map(|about| (about, Scope::Required));
        let by_root = self.reached(roots.clone(), &bom.edges);
        let listed =
            bom.items.iter().map(|item| item.reference.as_str()).chain(self.through.keys().map(String::as_str));
        let apart = listed.filter(|one| !by_root.contains_key(one));
        let apart = apart.map(|one| (one, self.strongest.get(one).copied().unwrap_or_default()));
        let all: BTreeMap<String, Scope> = self
            .reached(roots.chain(apart), &bom.edges)
            .into_iter()
            .map(|(item, scope)| (item.to_owned(), scope))
            .collect();
        for item in &mut bom.items {
            item.scope = all.get(&item.reference).copied().unwrap_or_default();
        }
    }

    /// What only builds or tests needs its own dependencies for that, too.
    fn reached<'b>(
        &'b self,
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
                for to in [edges, &self.through].into_iter().filter_map(|edges| edges.get(from)).flatten() {
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
