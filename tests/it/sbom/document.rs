//! The document: valid, deterministic, free of the machine's paths, and honest about what is not known.

use super::{request, workspace};
use countersign_core::{cyclonedx::Scope, digest::Sha256, time::Time};
use countersign_sbom::{Facts, Sbom, cargo_sbom, parse};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn facts() -> Facts {
    Facts {
        time: Some(Time::from_unix(1_790_000_000).unwrap()),
        artifact: Some(Sha256::of(b"the binary")),
        toolchain: Some("rustc 1.95.0".to_owned()),
    }
}

fn sbom(folder: &Path) -> Sbom {
    cargo_sbom(&request(folder, &["extra"]), &facts()).unwrap()
}

/// The published schema, from the files beside the tests; nothing is fetched.
fn schema() -> jsonschema::Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/countersign-sbom/third-party");
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let registry = jsonschema::Registry::new()
        .add("http://cyclonedx.org/schema/spdx.schema.json", read("spdx.schema.json"))
        .unwrap()
        .add("http://cyclonedx.org/schema/jsf-0.82.schema.json", read("jsf-0.82.schema.json"))
        .unwrap()
        .prepare()
        .unwrap();
    let options = jsonschema::options().with_registry(&registry).should_validate_formats(true).offline();
    options.build(&read("bom-1.6.schema.json")).unwrap()
}

#[test]
fn the_document_holds_to_the_published_schema() {
    let folder = workspace("2");
    let schema = schema();
    for facts in [facts(), Facts::default()] {
        let sbom = cargo_sbom(&request(folder.path(), &[]), &facts).unwrap();
        let mut document: Value = serde_json::from_slice(&sbom.bytes).unwrap();
        let wrong: Vec<String> = schema.iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new());
        document["components"][0]["type"] = "crate".into();
        assert!(!schema.is_valid(&document));
    }
}

#[test]
fn the_same_bytes_come_out_again_and_in_another_folder() {
    let folder = workspace("2");
    let first = sbom(folder.path());
    assert_eq!(first, sbom(folder.path()));

    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("a/b/c");
    copy_folder(folder.path(), &copy);
    assert_eq!(String::from_utf8(first.bytes.clone()), String::from_utf8(sbom(&copy.join("app")).bytes));

    let text = String::from_utf8(first.bytes).unwrap();
    for path in [folder.path(), Path::new(env!("CARGO_MANIFEST_DIR"))] {
        assert!(!text.contains(path.to_str().unwrap()));
    }
    assert!(!text.contains("file://"));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn the_serial_number_follows_the_content() {
    let folder = workspace("2");
    let serial = |facts: &Facts| {
        let bytes = cargo_sbom(&request(folder.path(), &[]), facts).unwrap().bytes;
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        document["serialNumber"].as_str().unwrap().to_owned()
    };
    let (one, other) = (serial(&facts()), serial(&Facts::default()));
    assert_eq!(one, serial(&facts()));
    assert_ne!(one, other);
    assert_eq!(one.as_bytes()["urn:uuid:".len() + 14], b'8');
}

#[test]
fn the_document_reads_back_as_what_rules_need() {
    let folder = workspace("2");
    let sbom = sbom(folder.path());
    let read = parse(&sbom.bytes).unwrap();
    let root = read.root.as_ref().unwrap();
    assert_eq!((root.name.as_str(), root.version.as_deref()), ("app", Some("1.2.3")));
    assert_eq!(root.sha256, Some(Sha256::of(b"the binary")));
    assert_eq!(read.components.len(), sbom.summary.components);
    let excluded: Vec<&str> =
        read.components.iter().filter(|c| c.scope == Scope::Excluded).map(|c| c.name.as_str()).collect();
    assert_eq!(excluded, ["builder-on-unix", "builder", "macro-helper", "macros", "only-for-built"]);
    let members: Vec<&str> = read.components.iter().filter(|c| c.workspace_member).map(|c| c.name.as_str()).collect();
    assert_eq!(members, ["app-lib"]);
    assert!(read.components.iter().all(|c| c.purl.is_none()), "a folder is no package of crates.io");
    assert_eq!(read.outside_the_graph().count(), 0);
    assert_eq!(read.dangling(), BTreeSet::new());
    assert_eq!(read.dependencies.values().map(BTreeSet::len).sum::<usize>(), sbom.summary.dependencies);
}

#[test]
fn what_is_not_known_to_be_complete_is_not_called_so() {
    let folder = workspace("2");
    let document: Value = serde_json::from_slice(&sbom(folder.path()).bytes).unwrap();
    let of = |aggregate: &str, kind: &str| -> Vec<String> {
        let all = document["compositions"].as_array().unwrap();
        let all = all.iter().filter(|c| c["aggregate"] == aggregate).filter_map(|c| c[kind].as_array());
        all.flatten().map(|r| r.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("incomplete", "assemblies"), ["path:app@1.2.3"]);
    assert_eq!(of("incomplete", "dependencies"), ["path:shared@0.3.0"]);
    assert_eq!(of("unknown", "dependencies"), ["path:app@1.2.3"]);
    assert!(of("complete", "dependencies").contains(&"path:macros@0.2.0".to_owned()));
}

#[test]
fn licences_are_kept_as_declared() {
    let folder = workspace("2");
    let document: Value = serde_json::from_slice(&sbom(folder.path()).bytes).unwrap();
    let of = |name: &str| {
        let all = document["components"].as_array().unwrap();
        all.iter().find(|c| c["name"] == name).unwrap()["licenses"].to_string()
    };
    assert_eq!(of("macros"), r#"[{"license":{"acknowledgement":"declared","name":"Our own"}}]"#);
    assert_eq!(of("app-lib"), r#"[{"license":{"acknowledgement":"declared","name":"file LICENCE"}}]"#);
    assert_eq!(of("shared"), "null");
    let root = document["metadata"]["component"]["licenses"].to_string();
    assert_eq!(root, r#"[{"acknowledgement":"declared","expression":"MIT OR Apache-2.0"}]"#);
}
