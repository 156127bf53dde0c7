//! What the files of several SBOMs are called, so that none is written over another. Touches no disk.

use countersign_sbom::{Inventory, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// What an SBOM is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Artifact<'a> {
    package: &'a str,
    kind: &'static str,
    name: &'a str,
}

impl<'a> Artifact<'a> {
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let kind = match inventory.shape {
            Shape::Program => "bin",
            Shape::Library => "lib",
            Shape::Workspace => "workspace",
        };
        Self { package: &inventory.root.name, kind, name: &inventory.binary }
    }

    /// As a disk may see it that does not tell large letters from small ones.
    fn plain(&self) -> String {
        self.name.to_lowercase()
    }
}

/// A name each: the artifact's own; with package and kind in front where several have that; with a number behind where even
/// these are the same.
pub(super) fn of(artifacts: &[Artifact<'_>]) -> Vec<String> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for artifact in artifacts {
        let count = count.entry(artifact.plain()).or_default();
        *count = count.saturating_add(1);
    }
    let alone = |artifact: &Artifact<'_>| count.get(&artifact.plain()) == Some(&1);
    // Names that nothing else has stay what they are, whatever others come to be called.
    let mut taken: BTreeSet<String> =
        artifacts.iter().filter(|artifact| alone(artifact)).map(Artifact::plain).collect();
    let name = |artifact: &Artifact<'_>| {
        if alone(artifact) {
            return artifact.name.to_owned();
        }
        let long = format!("{}-{}-{}", artifact.package, artifact.kind, artifact.name);
        let mut tries = std::iter::once(long.clone()).chain((2_u64..).map(|number| format!("{long}-{number}")));
        tries.find(|name| taken.insert(name.to_lowercase())).unwrap_or(long)
    };
    artifacts.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_artifacts_have_one_file() {
        let artifacts: Vec<Artifact<'_>> = [
            ("one", "bin", "tool"),
            ("one", "lib", "tool"),
            ("two", "bin", "tool"),
            ("two", "lib", "Tool"),
            ("a", "bin", "b-bin-c"),
            ("a-bin-b", "bin", "c"),
            ("x", "bin", "c"),
            ("y", "bin", "x-bin-c"),
            ("a", "lib", "B-bin-c"),
        ]
        .into_iter()
        .map(|(package, kind, name)| Artifact { package, kind, name })
        .collect();
        let names = of(&artifacts);
        assert_eq!(
            names,
            [
                "one-bin-tool",
                "one-lib-tool",
                "two-bin-tool",
                "two-lib-Tool",
                "a-bin-b-bin-c",
                "a-bin-b-bin-c-2",
                "x-bin-c-2",
                "x-bin-c",
                "a-lib-B-bin-c"
            ]
        );
    }
}
