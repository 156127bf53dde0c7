//! What is built, as Cargo's own unit graph plans it: packages, those that are linked, edges and features, to hold
//! inventories against.

use countersign_sbom::{CargoRequest, Inventory, What};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// A build as Cargo plans it, or as an inventory lists it. A package is its name and version.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Built {
    /// Packages of the binary, with their features.
    pub linked: BTreeMap<String, BTreeSet<String>>,
    /// Packages that run during the build, with their features.
    pub at_build: BTreeMap<String, BTreeSet<String>>,
    /// Which package needs which.
    pub edges: BTreeSet<(String, String)>,
}

/// How an inventory differs from Cargo's plan; all zero is the only good answer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Packages that are listed and not built.
    pub extra: usize,
    /// Packages that are built and not listed.
    pub missing: usize,
    /// Packages whose place, in the binary or during the build, is another one.
    pub misplaced: usize,
    /// Edges that are listed and are none.
    pub edges_extra: usize,
    /// Edges that are not listed.
    pub edges_missing: usize,
    /// Packages with other features.
    pub features: usize,
}

impl Difference {
    /// Nothing differs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Cargo in a folder.
#[must_use]
pub fn cargo(directory: &Path) -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_ref(), directory)
}

#[expect(clippy::disallowed_methods, reason = "the tests hold the crate against Cargo itself")]
fn program(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    command
}

impl Built {
    /// Cargo's own plan of the same build; what Cargo says where it refuses.
    ///
    /// # Errors
    /// Cargo's words.
    pub fn by_cargo(request: &CargoRequest, host: &str) -> Result<Self, String> {
        let target = request.target.as_deref().unwrap_or(host);
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = cargo(&request.directory);
        if request.cargo != Path::new("cargo") {
            command = program(&request.cargo, &request.directory);
        }
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["build", "--unit-graph", "-Zunstable-options", "--locked", "--ignore-rust-version"])
            .args(["--target", target, "--target-dir"])
            .arg(folder.path())
            .args(["--features", &request.features.join(",")]);
        if let Some(package) = &request.package {
            command.args(["--package", package]);
        }
        if let Some(binary) = &request.binary {
            command.args(["--bin", binary]);
        }
        for (flag, on) in [
            ("--offline", request.offline),
            ("--all-features", request.all_features),
            ("--no-default-features", request.no_default_features),
            ("--workspace", request.what == What::Workspace),
            ("--all-targets", request.dev),
        ] {
            if on {
                command.arg(flag);
            }
        }
        let output = command.output().expect("cargo runs");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let graph: Value = serde_json::from_slice(&output.stdout).expect("a unit graph");
        Ok(Self::of_units(&graph))
    }

    fn of_units(graph: &Value) -> Self {
        let units = graph["units"].as_array().expect("units");
        let mut built = Self::default();
        for unit in units {
            let name = name_of(unit);
            let runs_at_build = unit["platform"].is_null();
            let script = unit["target"]["kind"][0] == "custom-build";
            if !script {
                let of = if runs_at_build { &mut built.at_build } else { &mut built.linked };
                let features = unit["features"].as_array().expect("features").iter();
                let features = features.map(|f| f.as_str().expect("a feature").to_owned());
                of.entry(name.clone()).or_default().extend(features);
            }
            for dependency in unit["dependencies"].as_array().expect("dependencies") {
                let index = dependency["index"].as_u64().and_then(|index| usize::try_from(index).ok());
                let to = name_of(&units[index.expect("an index")]);
                if to != name {
                    built.edges.insert((name.clone(), to));
                }
            }
        }
        built
    }

    /// What an inventory lists.
    #[must_use]
    pub fn by_us(inventory: &Inventory) -> Self {
        let all = || inventory.packages();
        let names: BTreeMap<&str, String> =
            all().map(|c| (c.reference.as_str(), format!("{} {}", c.name, c.version))).collect();
        let mut built = Self::default();
        for component in all() {
            let name = &names[component.reference.as_str()];
            built.linked.extend(component.linked.clone().map(|features| (name.clone(), features)));
            built.at_build.extend(component.built.clone().map(|features| (name.clone(), features)));
            for to in component.depends_on.iter().filter_map(|to| names.get(to.as_str())) {
                built.edges.insert((name.clone(), to.clone()));
            }
        }
        built
    }

    /// All packages.
    #[must_use]
    pub fn packages(&self) -> BTreeSet<&str> {
        self.linked.keys().chain(self.at_build.keys()).map(String::as_str).collect()
    }

    /// All packages by name only.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.packages().into_iter().filter_map(|name| name.split(' ').next()).collect()
    }

    /// How this list differs from the truth.
    #[must_use]
    pub fn against(&self, truth: &Self) -> Difference {
        let (ours, theirs) = (self.packages(), truth.packages());
        let both = || ours.intersection(&theirs).copied();
        let placed = |built: &Self, name: &str| (built.linked.contains_key(name), built.at_build.contains_key(name));
        let features = |built: &Self, name: &str| (built.linked.get(name).cloned(), built.at_build.get(name).cloned());
        Difference {
            extra: ours.difference(&theirs).count(),
            missing: theirs.difference(&ours).count(),
            misplaced: both().filter(|name| placed(self, name) != placed(truth, name)).count(),
            edges_extra: self.edges.difference(&truth.edges).count(),
            edges_missing: truth.edges.difference(&self.edges).count(),
            features: both().filter(|name| features(self, name) != features(truth, name)).count(),
        }
    }
}

/// `name version` of a unit's package id: `SOURCE#NAME@VERSION`, or `SOURCE/NAME#VERSION`.
fn name_of(unit: &Value) -> String {
    let (source, rest) = unit["pkg_id"].as_str().and_then(|id| id.rsplit_once('#')).expect("a package id");
    match rest.split_once('@') {
        Some((name, version)) => format!("{name} {version}"),
        None => format!("{} {rest}", source.rsplit('/').next().unwrap_or(source)),
    }
}
