//! The truth is Cargo's own unit graph of the same build: packages, edges and features are held against it.

use super::{request, workspace};
use countersign_sbom::{CargoRequest, Inventory, Shape, What, cargo_inventories, cargo_inventory};
use countersign_tests::sbom_truth::Built;
use std::{collections::BTreeSet, path::Path};

const LINUX: &str = "x86_64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";
const MAC: &str = "aarch64-apple-darwin";

/// Packages and edges only, of both kinds of packages together.
fn union(built: &Built) -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    (built.packages().into_iter().map(str::to_owned).collect(), built.edges.clone())
}

#[test]
fn a_workspace_is_what_cargo_builds_of_all_its_members_together() {
    let folder = workspace("2");
    let whole = CargoRequest { what: What::Workspace, package: None, binary: None, ..request(folder.path(), &[]) };
    let built = check_against_cargo(&whole);
    assert!(built.names().contains("only-other") && !built.names().contains("only-in-tests"));
    assert!(built.linked["shared 0.3.0"].contains("other"), "features of the members add up");
    let inventory = cargo_inventory(&whole).unwrap();
    let members: Vec<&str> =
        inventory.root.depends_on.iter().map(String::as_str).filter(|r| r.starts_with("path:")).collect();
    assert_eq!(members, ["path:app-lib@1.2.3", "path:app@1.2.3", "path:other@0.1.0"]);
    check_against_cargo(&CargoRequest { all_features: true, ..whole });
}

#[test]
fn what_only_tests_need_is_listed_when_asked_and_told_apart() {
    let folder = workspace("2");
    let plain = request(folder.path(), &[]);
    let with = CargoRequest { dev: true, ..plain.clone() };
    let inventory = cargo_inventory(&with).unwrap();
    let dev: Vec<&str> = inventory.components.iter().filter(|c| c.dev.is_some()).map(|c| c.name.as_str()).collect();
    assert_eq!(dev, ["only-in-tests"]);
    assert!(inventory.components.iter().filter(|c| c.dev.is_some()).all(|c| !c.is_linked() && c.built.is_none()));
    let ours = Built::by_us(&inventory);
    let truth = Built::by_cargo(&CargoRequest { binary: None, ..with }, &inventory.build.host).unwrap();
    let missing: Vec<&str> = truth.packages().difference(&ours.packages()).copied().collect();
    assert_eq!(missing, ["only-in-tests 0.9.0"], "a package for tests only is in no place of the build");
    assert_eq!(ours.edges, union(&truth).1);
    assert_eq!(ours.linked, Built::by_us(&cargo_inventory(&plain).unwrap()).linked, "the artifact stays what it is");
}

#[test]
fn every_artifact_has_its_own_list() {
    let folder = workspace("2");
    let manifest = folder.path().join("app-lib/Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap() + "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";
    std::fs::write(manifest, text).unwrap();
    let all = |features: &[&str]| {
        let request = CargoRequest { package: None, binary: None, ..request(folder.path(), features) };
        cargo_inventories(&request, &[]).unwrap().inventories
    };
    let names = |all: &[Inventory]| all.iter().map(|i| (i.binary.clone(), i.shape)).collect::<Vec<_>>();
    let (app, lib, one, two) = ("app".to_owned(), "app_lib".to_owned(), "one".to_owned(), "two".to_owned());
    assert_eq!(
        names(&all(&[])),
        [(app.clone(), Shape::Program), (lib.clone(), Shape::Library), (one.clone(), Shape::Program)]
    );
    let needed = all(&["needed"]);
    assert_eq!(names(&needed).last(), Some(&(two, Shape::Program)), "a feature that only one member has");
    assert_eq!(needed[0], all(&[])[0], "and the others are not changed by it");
    let library =
        CargoRequest { what: What::Library, package: Some("app-lib".to_owned()), ..request(folder.path(), &[]) };
    assert_eq!(cargo_inventory(&library).unwrap(), all(&[])[1]);
}

fn check_against_cargo(request: &CargoRequest) -> Built {
    let inventory = cargo_inventory(request).unwrap();
    let ours = Built::by_us(&inventory);
    let truth = Built::by_cargo(request, &inventory.build.host).unwrap();
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
        content: false,
        ..CargoRequest::new(root)
    };
    let here = check_against_cargo(&own);
    assert!(here.linked.len() > 20, "{}", here.linked.len());
    check_against_cargo(&CargoRequest { target: Some(WINDOWS.to_owned()), ..own });
}
