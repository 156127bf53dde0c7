//! The list that `cargo auditable` puts into a binary: every package that was built, with its edges, without digests and
//! features. Read out of the file; the file is never run.

use super::{Kind, Made, PackagesError, application, bytes_of, library, malformed, purl_error};
use crate::bom::{Bom, Scope};
use crate::error::SbomError;
use crate::inventory::Source;
use crate::section;
use countersign_core::{digest::Sha256, limits, purl::Purl};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// What a binary has, and its list does not.
const NOT_LISTED: &str = "the standard library and native code";

#[derive(Deserialize)]
struct List {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: Role,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Role {
    #[default]
    Runtime,
    Build,
}

/// Whether a binary has such a list, be it one that cannot be read.
pub(super) fn is_there(path: &Path) -> bool {
    matches!(section::packages(path), Ok(Some(_)) | Err(SbomError::Embedded { .. }))
}

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let wrong = |what: &str| malformed(path, "its list of packages", what);
    let bytes = section::packages(path).map_err(|error| {
        if let SbomError::Embedded { why, .. } = &error { wrong(why) } else { wrong(&error.to_string()) }
    })?;
    let bytes = bytes.ok_or_else(|| PackagesError::Unknown { path: path.to_owned() })?;
    let list: List = serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?;
    let mut bom = view(path, &list)?;
    let digest = Sha256::of(&bytes_of(path, limits::BINARY_BYTES)?);
    if let Some(root) = &mut bom.root {
        root.hashes.insert("SHA-256".to_owned(), digest.hex());
    }
    Ok(Made {
        kind: Kind::Auditable,
        path: path.to_owned(),
        read_as: "a binary with the list of cargo auditable".to_owned(),
        digest: Some(digest),
        bom,
        partial: vec![
            "the list has no digests, licences and features".to_owned(),
            "packages from git and other registries have no identity in the list".to_owned(),
            format!("{NOT_LISTED} are not in the list"),
            "what serves macros is in the list as what is linked is, and nothing tells them apart".to_owned(),
        ],
        dev: super::dev::Dev::told(Vec::new()),
    })
}

fn view(path: &Path, list: &List) -> Result<Bom, PackagesError> {
    let wrong = |what: &str| malformed(path, "its list of packages", what);
    let mut bom = Bom::made();
    let mut references = Vec::new();
    let mut taken = BTreeSet::new();
    for (place, package) in list.packages.iter().enumerate() {
        let listed = package.source == "crates.io";
        let purl = listed.then(|| Purl::cargo(&package.name, &package.version, None)).transpose();
        let purl = purl.map_err(|error| purl_error(path, &package.name, error))?;
        let source = public(&package.source);
        let plain = format!("{source}:{}@{}", package.name, package.version);
        let mut reference = purl.as_ref().map_or(plain, |purl| purl.as_str().to_owned());
        // One package may be there twice, built for the program and for the build.
        if !taken.insert(reference.clone()) {
            reference = format!("{reference}#{place}");
            taken.insert(reference.clone());
        }
        let mut item = library(reference.clone(), &package.name, Some(&package.version));
        item.purl = purl.map(|purl| purl.as_str().to_owned());
        item.supplier = listed.then(|| "crates.io".to_owned());
        item.properties.push(("countersign:source".to_owned(), source));
        // Macros, and what they need, are in the list as what runs is.
        item.linked = (package.kind == Role::Build).then_some(false);
        if package.kind == Role::Build {
            item.scope = Scope::Excluded;
        }
        references.push(reference);
        if package.root {
            if bom.root.is_some() {
                return Err(wrong("it has two roots"));
            }
            let mut root = application(&package.name, Some(&package.version));
            root.reference.clone_from(&item.reference);
            root.properties.push(("countersign:not-listed".to_owned(), NOT_LISTED.to_owned()));
            bom.root = Some(root);
        } else {
            bom.items.push(item);
        }
    }
    if bom.root.is_none() {
        return Err(wrong("it has no root"));
    }
    for (package, reference) in list.packages.iter().zip(&references) {
        let mut edges = BTreeSet::new();
        for index in &package.dependencies {
            let to = references.get(*index).ok_or_else(|| wrong("a dependency leads to no package"))?;
            edges.insert(to.clone());
        }
        bom.edges.insert(reference.clone(), edges);
        // The binary certainly has more than the list. Which of the packages have that is not known.
        let word = if package.root { "incomplete" } else { "unknown" };
        bom.aggregates.insert(reference.clone(), word.to_owned());
    }
    if !crate::bom::graph::Graph::of(&bom).circles().is_empty() {
        return Err(wrong("its dependencies go in a circle, which Cargo builds nothing of"));
    }
    Ok(bom)
}

/// Where a package comes from: a word, or an address without user name, password and query. Of what is neither, what it begins with.
fn public(source: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if source.chars().all(plain) {
        return source.to_owned();
    }
    match Source::external(source) {
        Some(Source::Git { repository, commit }) => format!("git+{repository}#{commit}"),
        Some(Source::Registry(index)) if index.starts_with("sparse+") => index,
        Some(Source::Registry(index)) => format!("registry+{index}"),
        Some(Source::CratesIo) => "crates.io".to_owned(),
        Some(Source::Disk { .. } | Source::Path | Source::Toolchain { .. }) | None => {
            source.chars().take_while(|c| plain(*c)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_loses_what_may_be_secret_wherever_it_stands() {
        for (source, shown) in [
            ("crates.io", "crates.io"),
            ("git", "git"),
            ("git+https://user:secret@x.y/z?token=secret#abc", "git+https://x.y/z#abc"),
            ("sparse+https://user:secret@x.y/index/?secret", "sparse+https://x.y/index/"),
            ("git+https://user:secret@x.y/z", "git"),
            ("https://user:secret@x.y", "https"),
            ("git+file:///home/secret/z#abc", "git"),
        ] {
            let list = json!([
                {"name": "app", "version": "1.0.0", "source": "local", "dependencies": [1], "root": true},
                {"name": "o", "version": "1.0.0", "source": source},
            ]);
            let bom = of(&list).unwrap();
            assert!(!format!("{bom:?}").contains("secret"), "{bom:?}");
            let property = bom.items[0].properties.iter().find(|(name, _)| name == "countersign:source");
            assert_eq!(property.map(|(_, value)| value.as_str()), Some(shown));
        }
    }

    fn of(packages: &serde_json::Value) -> Result<Bom, PackagesError> {
        view(Path::new("app"), &serde_json::from_value(json!({ "packages": packages })).unwrap())
    }

    #[test]
    fn packages_edges_and_what_only_builds_are_read() {
        let bom = of(&json!([
            {"name": "app", "version": "1.0.0", "source": "local", "dependencies": [1, 2], "root": true},
            {"name": "a", "version": "1.0.0", "source": "crates.io"},
            {"name": "b", "version": "1.0.0", "source": "git", "kind": "build", "dependencies": [1]},
        ]))
        .unwrap();
        assert_eq!(bom.root.as_ref().unwrap().label(), "app 1.0.0");
        let shown: Vec<_> =
            bom.items.iter().map(|item| (item.purl.as_deref(), item.linked, item.scope.word())).collect();
        assert_eq!(shown, [(Some("pkg:cargo/a@1.0.0"), None, "required"), (None, Some(false), "excluded")]);
        assert_eq!(bom.edges["git:b@1.0.0"], BTreeSet::from(["pkg:cargo/a@1.0.0".to_owned()]));
    }

    #[test]
    fn without_the_standard_library_and_native_code_nothing_is_complete_and_the_document_says_so() {
        let bom = of(&json!([
            {"name": "app", "version": "1.0.0", "source": "local", "dependencies": [1], "root": true},
            {"name": "zstd-sys", "version": "2.0.0", "source": "crates.io", "dependencies": [2]},
            {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
        ]))
        .unwrap();
        let words: Vec<&str> = bom.all().map(|item| bom.aggregates[&item.reference].as_str()).collect();
        assert_eq!(words, ["incomplete", "unknown", "unknown"]);
        assert_eq!(bom.without_all_dependencies().count(), 3);
        let digest = Sha256::of(b"");
        let facts = crate::Facts::default();
        let document = crate::convert::made_to_cyclonedx(&bom, Some(&digest), "a binary", false, &facts);
        let said = json!({"name": "countersign:not-listed", "value": "the standard library and native code"});
        assert_eq!(document["metadata"]["component"]["properties"], json!([said]));
        let incomplete = json!({"aggregate": "incomplete", "dependencies": ["local:app@1.0.0"]});
        assert_eq!(document["compositions"][0], incomplete);
    }

    #[test]
    fn a_list_that_leads_nowhere_is_refused() {
        let root = json!({"name": "app", "version": "1", "source": "local", "root": true, "dependencies": [7]});
        assert!(of(&json!([root])).is_err());
        assert!(of(&json!([])).is_err());
        let plain = json!({"name": "app", "version": "1", "source": "local", "root": true});
        assert!(of(&json!([plain, plain])).is_err());
        let leads = |name: &str, to: usize, root: bool| json!({"name": name, "version": "1", "source": "local", "root": root, "dependencies": [to]});
        assert!(of(&json!([leads("app", 1, true), leads("a", 2, false), leads("b", 1, false)])).is_err(), "a circle");
    }

    #[test]
    fn a_program_whose_list_cannot_be_read_is_not_one_without_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        for (at, value) in [(40, 64), (58, 64), (60, 3), (62, 2)] {
            head[at] = value;
        }
        std::fs::write(&path, head).unwrap();
        let read = |ecosystem| crate::packages::read(&path, ecosystem);
        let Err(PackagesError::Malformed { what, .. }) = read(None) else { panic!("it was read") };
        assert!(what.contains("ends before its table"), "{what}");
        let go = read(Some(crate::packages::Ecosystem::Go));
        assert!(!matches!(go, Ok(_) | Err(PackagesError::Malformed { .. })), "it is nothing of Go's either");
    }
}
