//! What is told of those packages of npm's lock file that are components.

use super::dev::Counted;
use std::collections::BTreeSet;

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
