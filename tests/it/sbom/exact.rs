//! The truth is Cargo's own unit graph of the same build: packages, edges and features are held against it.

use super::{cargo, request, run, workspace};
use countersign_sbom::{CargoRequest, Inventory, cargo_inventory};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

const LINUX: &str = "x86_64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";
const MAC: &str = "aarch64-apple-darwin";

/// A build as Cargo plans it, or as an inventory lists it. A package is its name and version.
#[derive(Debug, Default, PartialEq, Eq)]
struct Built {
    /// Packages of the binary, with their features.
    linked: BTreeMap<String, BTreeSet<String>>,
    /// Packages that run during the build, with their features.
    at_build: BTreeMap<String, BTreeSet<String>>,
    edges: BTreeSet<(String, String)>,
}

impl Built {
    /// Cargo's own plan of the same build.
    fn by_cargo(request: &CargoRequest, host: &str) -> Self {
        let target = request.target.as_deref().unwrap_or(host);
        let folder = tempfile::tempdir().unwrap();
        let mut command = cargo(&request.directory);
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["build", "--unit-graph", "-Zunstable-options", "--locked", "--target", target])
            .arg("--target-dir")
            .arg(folder.path())
            .args(["--package", request.package.as_deref().unwrap()])
            .args(["--bin", request.binary.as_deref().unwrap()])
            .args(["--features", &request.features.join(",")]);
        for (flag, on) in [
            ("--offline", request.offline),
            ("--all-features", request.all_features),
            ("--no-default-features", request.no_default_features),
        ] {
            if on {
                command.arg(flag);
            }
        }
        let graph: Value = serde_json::from_str(&run(&mut command)).unwrap();
        let units = graph["units"].as_array().unwrap();
        let mut built = Self::default();
        for unit in units {
            let name = name_of(unit);
            let runs_at_build = unit["platform"].is_null();
            let script = unit["target"]["kind"][0] == "custom-build";
            if !script {
                let of = if runs_at_build { &mut built.at_build } else { &mut built.linked };
                let features = unit["features"].as_array().unwrap().iter().map(|f| f.as_str().unwrap().to_owned());
                of.entry(name.clone()).or_default().extend(features);
            }
            for dependency in unit["dependencies"].as_array().unwrap() {
                let index = usize::try_from(dependency["index"].as_u64().unwrap()).unwrap();
                let to = name_of(&units[index]);
                if to != name {
                    built.edges.insert((name.clone(), to));
                }
            }
        }
        built
    }

    fn by_us(inventory: &Inventory) -> Self {
        let all = || std::iter::once(&inventory.root).chain(&inventory.components);
        let names: BTreeMap<&str, String> =
            all().map(|c| (c.reference.as_str(), format!("{} {}", c.name, c.version))).collect();
        let mut built = Self::default();
        for component in all() {
            let name = &names[component.reference.as_str()];
            built.linked.extend(component.linked.clone().map(|features| (name.clone(), features)));
            built.at_build.extend(component.built.clone().map(|features| (name.clone(), features)));
            for to in &component.depends_on {
                built.edges.insert((name.clone(), names[to.as_str()].clone()));
            }
        }
        built
    }

    fn names(&self) -> BTreeSet<&str> {
        let all = self.linked.keys().chain(self.at_build.keys());
        all.filter_map(|name| name.split(' ').next()).collect()
    }
}

/// `name version` of a unit's package id: `SOURCE#NAME@VERSION`, or `SOURCE/NAME#VERSION`.
fn name_of(unit: &Value) -> String {
    let (source, rest) = unit["pkg_id"].as_str().unwrap().rsplit_once('#').unwrap();
    match rest.split_once('@') {
        Some((name, version)) => format!("{name} {version}"),
        None => format!("{} {rest}", source.rsplit('/').next().unwrap()),
    }
}

fn check_against_cargo(request: &CargoRequest) -> Built {
    let inventory = cargo_inventory(request).unwrap();
    let ours = Built::by_us(&inventory);
    let truth = Built::by_cargo(request, &inventory.build.host);
    assert_eq!(ours, truth, "{request:?}");
    ours
}

#[test]
fn packages_edges_and_features_are_those_that_cargo_builds() {
    let folder = workspace("2");
    let plain = request(folder.path(), &[]);
    let linux = check_against_cargo(&CargoRequest { target: Some(LINUX.to_owned()), ..plain.clone() });
    let windows = check_against_cargo(&CargoRequest { target: Some(WINDOWS.to_owned()), ..plain.clone() });
    assert_eq!(linux.names().symmetric_difference(&windows.names()).copied().collect::<Vec<_>>(), ["on-windows"]);
    check_against_cargo(&CargoRequest {
        target: Some(MAC.to_owned()),
        no_default_features: true,
        ..request(folder.path(), &["more,weakly"])
    });
    for never in ["only-in-tests", "never-built", "only-other", "with-avx2"] {
        assert!(!linux.names().contains(never), "{never}");
    }
    assert_eq!(linux.linked["shared 0.3.0"], BTreeSet::from(["linked".to_owned()]));
    assert_eq!(linux.at_build["shared 0.3.0"], BTreeSet::from(["built".to_owned()]));
}

#[test]
fn the_oldest_resolver_is_followed_where_the_workspace_asks_for_it() {
    let folder = workspace("1");
    let plain = request(folder.path(), &[]);
    let linux = check_against_cargo(&CargoRequest { target: Some(LINUX.to_owned()), ..plain.clone() });
    assert!(linux.linked["shared 0.3.0"].contains("built"));
    check_against_cargo(&CargoRequest { target: Some(WINDOWS.to_owned()), all_features: true, ..plain });
}

#[test]
fn an_optional_package_is_listed_once_its_feature_is_on() {
    let folder = workspace("3");
    let names = |request: &CargoRequest| {
        let inventory = cargo_inventory(request).unwrap();
        Built::by_us(&inventory).names().into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let without = names(&request(folder.path(), &[]));
    let with = names(&request(folder.path(), &["extra"]));
    assert_eq!(with.difference(&without).collect::<Vec<_>>(), ["optional"]);
    check_against_cargo(&request(folder.path(), &["extra"]));
}

#[test]
fn the_own_binary_has_the_packages_that_cargo_builds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = CargoRequest {
        package: Some("countersign".to_owned()),
        binary: Some("countersign".to_owned()),
        ..CargoRequest::new(root)
    };
    let here = check_against_cargo(&own);
    assert!(here.linked.len() > 20, "{}", here.linked.len());
    check_against_cargo(&CargoRequest { target: Some(WINDOWS.to_owned()), ..own });
}
