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

    /// Gives every component its scope: as the root needs it, where it is reached from there, else as anybody does.
    pub(super) fn settle(&self, bom: &mut Bom) {
        let reached = bom.root.as_ref().map(|root| self.reached(&root.reference, &bom.edges)).unwrap_or_default();
        for item in &mut bom.items {
            let known = reached.get(item.reference.as_str()).or_else(|| self.strongest.get(&item.reference));
            item.scope = known.copied().unwrap_or_default();
        }
    }

    /// What only builds or tests needs its own dependencies for that, too.
    fn reached<'b>(&self, root: &'b str, edges: &'b BTreeMap<String, BTreeSet<String>>) -> BTreeMap<&'b str, Scope> {
        let mut reached: BTreeMap<&str, Scope> = BTreeMap::from([(root, Scope::Required)]);
        // The strongest first: what was reached by it is not reached again by a weaker one.
        let mut weaker: BTreeMap<Scope, Vec<&str>> = BTreeMap::from([(Scope::Required, vec![root])]);
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
