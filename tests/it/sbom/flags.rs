//! For whom flags about features count: under resolver 1 it depends on the folder. Each build is held against Cargo's own plan of
//! it, and what Cargo refuses is refused.

use super::{cargo, run, write};
use countersign_sbom::{CargoRequest, SbomError, What, cargo_inventories, cargo_inventory};
use countersign_tests::sbom_truth::Built;
use std::path::Path;
use tempfile::TempDir;

/// A package of a workspace that two others need, and whose features show who was asked for what.
fn members(virtual_root: bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let workspace = "[workspace]\nresolver = \"1\"\nmembers = [\"root\", \"cd\", \"u\", \"common\"]\n";
    let root = "[package]\nname = \"root\"\nversion = \"0.1.0\"\nedition = \"2018\"\n[features]\ndefault = [\"a\"]\na = [\"common/x\"]\n\
        z = [\"common/y\"]\n[dependencies]\ncd = { path = \"CD\", optional = true, default-features = false }\n\
        common = { path = \"COMMON\" }\n";
    let (place, manifest) = if virtual_root {
        ("root/", root.replace("CD", "../cd").replace("COMMON", "../common"))
    } else {
        ("", format!("{}{}", workspace.replace("\"root\", ", ""), root.replace("CD", "cd").replace("COMMON", "common")))
    };
    write(folder.path(), "Cargo.toml", workspace);
    write(folder.path(), &format!("{place}Cargo.toml"), &manifest);
    write(folder.path(), &format!("{place}src/main.rs"), "fn main() {}\n");
    let package = |name: &str, rest: &str| {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2018\"\n{rest}");
        write(folder.path(), &format!("{name}/Cargo.toml"), &manifest);
        write(folder.path(), &format!("{name}/src/lib.rs"), "");
    };
    package(
        "cd",
        "[features]\ndefault = [\"d\"]\nd = [\"u\"]\nq = []\n[dependencies]\nu = { path = \"../u\", optional = true }\n\
         common = { path = \"../common\" }\n",
    );
    write(folder.path(), "cd/src/main.rs", "fn main() {}\n");
    package("u", "[features]\ndefault = [\"uu\"]\nuu = []\nv = []\n");
    package("common", "[features]\nx = []\ny = []\nw = []\n");
    run(cargo(folder.path()).args(["generate-lockfile", "--offline"]));
    folder
}

/// What is built, how it is asked for, and from where.
type Case = (&'static str, &'static str, &'static str, bool);

/// Builds one from a folder, as Cargo would; or both refuse it.
fn held(folder: &Path, (from, package, features, no_default_features): Case) -> Option<Built> {
    let request = CargoRequest {
        package: Some(package.to_owned()).filter(|package| !package.is_empty()),
        binary: Some(package.to_owned()).filter(|package| !package.is_empty()),
        what: if package.is_empty() { What::Workspace } else { What::Binary },
        features: vec![features.to_owned()].into_iter().filter(|text| !text.is_empty()).collect(),
        no_default_features,
        offline: true,
        ..CargoRequest::new(folder.join(from))
    };
    let case = (from, package, features, no_default_features);
    match cargo_inventory(&request) {
        Ok(inventory) => {
            let ours = Built::by_us(&inventory);
            assert_eq!(Ok(ours.clone()), Built::by_cargo(&request, &inventory.build.host), "{case:?}");
            Some(ours)
        }
        Err(error) => {
            let host = cargo_inventory(&CargoRequest { features: Vec::new(), ..request.clone() }).unwrap().build.host;
            assert!(Built::by_cargo(&request, &host).is_err(), "{case:?}: {error}");
            None
        }
    }
}

#[test]
fn under_the_oldest_resolver_flags_are_for_the_package_of_the_folder() {
    let folder = members(false);
    let features = |case: Case, package: &str| {
        let of = held(folder.path(), case).unwrap().linked[&format!("{package} 0.1.0")].clone();
        of.into_iter().collect::<Vec<_>>().join(" ")
    };
    // cd keeps its defaults, and with them the optional u; what root asks of common counts too.
    assert_eq!(features(("", "cd", "", true), "cd"), "d default u");
    assert_eq!(features(("", "cd", "", true), "common"), "");
    assert_eq!(features(("", "cd", "", false), "common"), "x");
    assert_eq!(features(("", "cd", "common/w", false), "common"), "w x");
    assert_eq!(features(("", "cd", "cd/q", true), "cd"), "d default q u");
    assert_eq!(features(("", "root", "cd/q", false), "cd"), "q");
    assert_eq!(features(("cd", "cd", "", true), "cd"), "");
    assert_eq!(features(("cd", "root", "root/z", true), "root"), "a default z");
    assert_eq!(features(("cd", "root", "root/z", true), "common"), "x y");
    for case in [
        ("", "cd", "cd", false),
        ("", "cd", "z", true),
        ("", "root", "z", true),
        ("", "root", "cd?/q", false),
        ("", "", "", true),
        ("", "", "cd/q", false),
        ("", "", "cd/q,u/v", true),
        ("cd", "cd", "u/v", true),
        ("cd", "root", "q", false),
        ("cd", "", "q root/z", true),
        ("u", "root", "", true),
        ("u/src", "cd", "v", true),
    ] {
        assert!(held(folder.path(), case).is_some(), "{case:?}");
    }
    for case in [
        ("", "cd", "q", false),
        ("", "cd", "u/v", false),
        ("", "root", "root/z", false),
        ("cd", "cd", "cd/q", true),
        ("cd", "", "z", true),
        ("", "cd", "cd/nope", false),
        ("", "root", "nope/x", false),
    ] {
        assert!(held(folder.path(), case).is_none(), "{case:?}");
    }
}

#[test]
fn under_the_oldest_resolver_flags_are_for_all_only_in_the_folder_of_a_workspace_without_a_package() {
    let folder = members(true);
    let common = |case: Case| held(folder.path(), case).unwrap().linked["common 0.1.0"].clone();
    assert!(common(("", "cd", "", false)).is_empty(), "nothing is resolved beside it");
    for case in [
        ("", "cd", "", true),
        ("", "cd", "q", true),
        ("", "cd", "cd/q", true),
        ("", "root", "root/z", true),
        ("", "", "q,z", true),
        ("cd", "root", "root/z", true),
        ("root", "cd", "", true),
    ] {
        assert!(held(folder.path(), case).is_some(), "{case:?}");
    }
    assert!(held(folder.path(), ("root", "cd", "q", true)).is_none());
}

#[test]
fn a_feature_that_the_package_of_the_folder_does_not_have_is_refused_with_the_way_to_write_it() {
    let folder = members(false);
    let request = CargoRequest {
        package: Some("cd".to_owned()),
        features: vec!["q".to_owned()],
        offline: true,
        ..CargoRequest::new(folder.path())
    };
    let error = cargo_inventory(&request).unwrap_err();
    assert!(matches!(error, SbomError::NotOfTheFolder { .. }), "{error:?}");
    insta::assert_snapshot!(format!("{error}\n{}\n{}", error.at().unwrap(), error.help()), @"
    package `root` of this folder has no feature `q`: under resolver 1, `--features` is for that package alone
    --features q
    write `MEMBER/FEATURE` for another package that is built, or name one of them with `--features`: a, cd, default, z
    ");
    // Of each artifact its own: what is meant for one package is not asked of another.
    let all = CargoRequest { package: None, features: vec!["cd/q".to_owned()], ..request };
    let all = cargo_inventories(&all, &[]).unwrap().inventories;
    let features = |at: usize| all[at].build.features.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!((features(0), features(1)), ("cd/q default".to_owned(), "default q".to_owned()));
}

#[test]
fn conditions_come_out_as_in_cargo_also_those_that_others_do_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let conditions = [
        ("always", "true"),
        ("never", "false"),
        ("not-always", "not(true)"),
        ("atomic", "target_has_atomic"),
        ("atomic-8", "target_has_atomic = \"8\""),
        ("format", "target_object_format = \"elf\""),
        ("raw", "r#foo"),
        ("strange", "unix = \"x\""),
        ("thread-local", "target_thread_local"),
        ("not-foo", "not(foo)"),
    ];
    let mut manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[workspace]\n".to_owned();
    for (name, condition) in conditions {
        write(
            folder.path(),
            &format!("{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"),
        );
        write(folder.path(), &format!("{name}/src/lib.rs"), "");
        manifest.push_str(&format!("[target.'cfg({condition})'.dependencies]\n{name} = {{ path = \"{name}\" }}\n"));
    }
    write(folder.path(), "Cargo.toml", &manifest);
    write(folder.path(), "src/main.rs", "fn main() {}\n");
    run(cargo(folder.path()).args(["generate-lockfile", "--offline"]));
    for target in [None, Some("x86_64-pc-windows-msvc")] {
        let request =
            CargoRequest { target: target.map(str::to_owned), offline: true, ..CargoRequest::new(folder.path()) };
        let inventory = cargo_inventory(&request).unwrap();
        let ours = Built::by_us(&inventory);
        let mut truth = Built::by_cargo(&request, &inventory.build.host).unwrap();
        // The unit graph is only to be had with what makes the compiler say of these two what it says to nobody else.
        for name in ["atomic 1.0.0", "thread-local 1.0.0"] {
            assert!(!ours.linked.contains_key(name));
            truth.linked.remove(name);
            truth.edges.retain(|(_, to)| to != name);
        }
        assert_eq!(ours, truth);
        assert!(
            ours.names().contains("always") && ours.names().contains("atomic-8") && !ours.names().contains("never")
        );
    }
}
