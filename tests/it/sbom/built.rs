//! What a build leaves, from a real one: Cargo's own list beside the binary says what we say, and a list of another build
//! does not.

use super::{cargo, request, run, workspace};
use countersign_sbom::{CargoRequest, cargo_inventory, compare};

#[test]
fn cargo_s_own_list_of_a_real_build_says_the_same() {
    let folder = workspace("2");
    let target = tempfile::tempdir().unwrap();
    let mut build = cargo(folder.path());
    build.env("RUSTC_BOOTSTRAP", "1").env("CARGO_BUILD_SBOM", "true").arg("--quiet");
    build.args(["-Zsbom", "build", "--offline", "--package", "app", "--bin", "app", "--target-dir"]).arg(target.path());
    run(&mut build);
    let binary = target.path().join("debug/app");
    let inventory = cargo_inventory(&request(folder.path(), &[])).unwrap();
    let found = compare(&binary, &inventory).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].with, found[0].differences.as_slice()), ("cargo", [].as_slice()));

    let other =
        cargo_inventory(&CargoRequest { no_default_features: true, ..request(folder.path(), &["extra"]) }).unwrap();
    let differences = compare(&binary, &other).unwrap().remove(0).differences;
    assert!(differences.contains(&"optional 0.9.0 is only here".to_owned()), "{differences:?}");
    assert!(differences.contains(&"feature app 1.2.3 usual is only there".to_owned()), "{differences:?}");

    std::fs::write(target.path().join("debug/app.cargo-sbom.json"), "{\"crates\":").unwrap();
    assert!(compare(&binary, &inventory).is_err(), "half a list is no list");
    std::fs::remove_file(target.path().join("debug/app.cargo-sbom.json")).unwrap();
    assert_eq!(compare(&binary, &inventory).unwrap(), [], "and without one there is nothing to compare");
}
