//! What is told of those packages of npm's lock file that are components, and of what they ask for.

use super::dev::Counted;
use super::npm_graph::{How, is_outside};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Told {
    /// Those that the lock file calls less needed than they are.
    pub(super) weaker: Counted,
    /// Folders among the places of packages.
    pub(super) folders: Counted,
    /// Those of them of whose dependencies nothing is known.
    pub(super) unknown: BTreeSet<String>,
    /// Those without an address.
    pub(super) nowhere: Counted,
    /// Those whose names only their case tells from another.
    pub(super) cased: Counted,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self {
            weaker: Counted::new(
                "are called optional or for development in the lock file, and are needed all the same, as npm finds out anew",
            ),
            folders: Counted::new("are folders that stand where npm puts packages, and no registry has them"),
            unknown: BTreeSet::new(),
            nowhere: Counted::new(
                "do not say where they come from: each is called by the registry that the project's .npmrc has for it, by none if that is not known, and by npm's own if there is none; a machine may be set to another",
            ),
            cased: Counted::new("have the name of another but for its case, which their package URLs keep"),
        }
    }

    /// The notes, each on some packages.
    pub(super) const fn notes(&self) -> [&Counted; 4] {
        [&self.weaker, &self.folders, &self.nowhere, &self.cased]
    }

    pub(super) fn into_notes(self) -> Vec<Counted> {
        vec![self.weaker, self.folders, self.nowhere, self.cased]
    }
}

/// What is asked for, and not in the lock file, though that does not speak against it.
pub(super) struct Missing {
    /// What may be left out.
    spared: Counted,
    /// What folders that are not the project's ask for.
    outside: Counted,
    /// Who does not have all that it asks for, and whether only its own development asks for that. What may be there or not beside a
    /// package is no part of that.
    pub(super) of: BTreeMap<String, bool>,
}

impl Missing {
    pub(super) fn new() -> Self {
        Self {
            spared: Counted::of_kind("dependencies", "that may be left out lead to no package in the lock file")
                .unnamed(),
            outside: Counted::of_kind(
                "dependencies",
                "of folders outside of the project's are not in the lock file, and npm installs nothing for them",
            ),
            of: BTreeMap::new(),
        }
    }

    /// What the package at a place, of this reference, asks for.
    pub(super) fn insert(&mut self, place: &str, reference: &str, name: &str, how: How) {
        let only_dev = how == How::Dev;
        if is_outside(place) && how.must() {
            self.outside.insert_asked(format!("{name} of {reference}"), reference, only_dev);
        } else {
            self.spared.insert_asked(format!("{name} of {place}"), reference, only_dev);
        }
        if how != How::OptionalPeer {
            let known = self.of.entry(reference.to_owned()).or_insert(only_dev);
            *known &= only_dev;
        }
    }

    /// The notes, each on what some packages ask for.
    pub(super) const fn notes(&self) -> [&Counted; 2] {
        [&self.spared, &self.outside]
    }

    /// The notes, and the references of what lacks nothing but what its own development asks for.
    pub(super) fn into_notes(self) -> (Vec<Counted>, BTreeSet<String>) {
        let whole = self.of.into_iter().filter_map(|(reference, only_dev)| only_dev.then_some(reference));
        (vec![self.spared, self.outside], whole.collect())
    }
}
