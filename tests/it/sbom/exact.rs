//! The truth is Cargo's own unit graph of the same build: packages, edges and features are held against it.

use super::{request, workspace};
use countersign_sbom::{CargoRequest, cargo_inventory};
use countersign_tests::sbom_truth::Built;
use std::{collections::BTreeSet, path::Path};

const LINUX: &str = "x86_64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-msvc";
const MAC: &str = "aarch64-apple-darwin";

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
        ..CargoRequest::new(root)
    };
    let here = check_against_cargo(&own);
    assert!(here.linked.len() > 20, "{}", here.linked.len());
    check_against_cargo(&CargoRequest { target: Some(WINDOWS.to_owned()), ..own });
}
