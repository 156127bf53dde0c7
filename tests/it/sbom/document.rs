//! The document: valid, deterministic, free of the machine's paths, and honest about what is not known.

use super::{request, workspace};
use countersign_core::{cyclonedx::Scope, digest::Sha256, time::Time};
use countersign_sbom::{
    Audit, Content, Encoding, Facts, LicenceFile, NativeCode, Organization, People, Person, Sbom, Sha512, Spec, Vcs,
    cargo_sbom, parse, write_as,
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn facts() -> Facts {
    Facts {
        time: Some(Time::from_unix(1_790_000_000).unwrap()),
        artifact: Some(Sha256::of(b"the binary")),
        ..Facts::default()
    }
}

fn sbom(folder: &Path) -> Sbom {
    cargo_sbom(&request(folder, &["extra"]), &facts()).unwrap()
}

/// The published schema, from the files beside the tests; nothing is fetched.
fn schema() -> jsonschema::Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/countersign-sbom/third-party");
    schema_in(&folder, "bom-1.6.schema.json")
}

/// A schema of another version, from the foreign cases.
fn schema_in(folder: &Path, name: &str) -> jsonschema::Validator {
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let registry = jsonschema::Registry::new()
        .add("http://cyclonedx.org/schema/spdx.schema.json", read("spdx.schema.json"))
        .unwrap()
        .add("http://cyclonedx.org/schema/jsf-0.82.schema.json", read("jsf-0.82.schema.json"))
        .unwrap();
    let extra = folder.join("cryptography-defs.schema.json");
    let registry = if extra.exists() {
        registry
            .add("http://cyclonedx.org/schema/cryptography-defs.schema.json", read("cryptography-defs.schema.json"))
            .unwrap()
    } else {
        registry
    };
    let registry = registry.prepare().unwrap();
    let options = jsonschema::options().with_registry(&registry).should_validate_formats(true).offline();
    options.build(&read(name)).unwrap()
}

/// Facts of every kind, and an inventory with everything that a document can hold.
fn filled() -> (countersign_sbom::Inventory, Facts) {
    let folder = workspace("2");
    let mut inventory = countersign_sbom::cargo_inventory(&request(folder.path(), &["extra"])).unwrap();
    let hostile = "</component><script>alert(1)</script>&\u{1b}[31m\u{0}\u{202e}";
    for component in &mut inventory.components {
        component.content = Content {
            description: Some(hostile.to_owned()),
            repository: Some("https://example.com/?a=1&b=2".to_owned()),
            authors: vec![hostile.to_owned(), "A <a@example.com>".to_owned()],
            sha512: Some(Sha512([7; 64])),
            unlisted: false,
            yanked: Some(true),
            vcs: Some(Vcs { commit: "a".repeat(40), folder: "crates/a".to_owned(), dirty: true }),
            licence_files: vec![LicenceFile { name: "LICENSE".to_owned(), digest: Sha256::of(b"text") }],
            native: vec![NativeCode {
                name: "z".to_owned(),
                version: None,
                folder: Some("zlib".to_owned()),
                files: 3,
                because: vec![("build.rs".to_owned(), "zlib".to_owned())],
                or_system: true,
                partly: false,
            }],
            audits: [Audit { criteria: "safe-to-deploy".to_owned(), by: Some("mozilla".to_owned()), exempted: false }]
                .into(),
            folder: None,
            tree: Some("b".repeat(40)),
            hash_of: None,
        };
    }
    let company = || Organization {
        name: hostile.to_owned(),
        urls: vec!["https://example.com".to_owned()],
        email: Some("a@example.com".to_owned()),
    };
    let people = People {
        authors: vec![Person { name: "A".to_owned(), email: Some("a@example.com".to_owned()) }],
        manufacturer: Some(company()),
        supplier: Some(company()),
        copyright: Some("2026 <A>".to_owned()),
        security_contact: Some("https://example.com/security".to_owned()),
    };
    (inventory, Facts { people, artifact_sha512: Some(Sha512([1; 64])), ..facts() })
}

#[test]
fn every_version_holds_to_its_schema_and_says_what_it_leaves_out() {
    let Some(fixtures) = countersign_tests::fixtures("cyclonedx/schema") else { return };
    let (inventory, facts) = filled();
    let mut left = Vec::new();
    for spec in Spec::ALL {
        let written = write_as(&inventory, &facts, spec, Encoding::Json).unwrap();
        let document: Value = serde_json::from_slice(&written.bytes).unwrap();
        let strict = if spec == Spec::V1_3 { "-strict" } else { "" };
        let schema = schema_in(&fixtures, &format!("bom-{}{strict}.schema.json", spec.as_str()));
        let wrong: Vec<String> = schema.iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", spec.as_str());
        left.push(written.left_out.len());
    }
    assert_eq!(left, [6, 6, 3, 0, 0]);
}

#[test]
fn xml_is_well_formed_whatever_the_texts_are_and_holds_as_much_as_json() {
    let (inventory, facts) = filled();
    for spec in Spec::ALL {
        let xml = write_as(&inventory, &facts, spec, Encoding::Xml).unwrap();
        let json = write_as(&inventory, &facts, spec, Encoding::Json).unwrap();
        assert_eq!(xml.left_out, json.left_out);
        let text = String::from_utf8(xml.bytes).unwrap();
        assert!(text.contains(&format!("xmlns=\"http://cyclonedx.org/schema/bom/{}\"", spec.as_str())));
        assert!(!text.contains("<script>") && !text.contains('\u{0}') && !text.contains('\u{1b}'));
        let mut open = Vec::new();
        for tag in text.split('<').skip(2).map(|rest| rest.split('>').next().unwrap()) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name.to_owned())),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split(' ').next().unwrap().to_owned()),
            }
        }
        assert_eq!(open, Vec::<String>::new());
        let document: Value = serde_json::from_slice(&json.bytes).unwrap();
        for (element, list) in [("<component ", "components"), ("<composition>", "compositions")] {
            assert!(text.matches(element).count() >= document[list].as_array().unwrap().len(), "{element}");
        }
        assert_eq!(text.matches("<hash ").count(), json_count(&document, "alg"));
        assert_eq!(text.matches("<property ").count(), json_count(&document, "value"));
    }
}

/// How often a key stands anywhere.
fn json_count(value: &Value, key: &str) -> usize {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| usize::from(name == key) + json_count(value, key)).sum(),
        Value::Array(list) => list.iter().map(|value| json_count(value, key)).sum(),
        _ => 0,
    }
}

#[test]
fn the_time_to_write_grows_with_the_components_and_no_faster() {
    let (inventory, facts) = filled();
    let grown = |count: usize| {
        let mut grown = inventory.clone();
        let one = grown.components[0].clone();
        grown.components = (0..count)
            .map(|n| {
                let depends_on = (1..4).filter_map(|k| n.checked_sub(k)).map(|n| format!("path:n{n}@1")).collect();
                let reference = format!("path:n{n}@1");
                let mut next = one.clone();
                next.content = Content::default();
                countersign_sbom::Component { reference, depends_on, ..next }
            })
            .collect();
        let start = std::time::Instant::now();
        let bytes = write_as(&grown, &facts, Spec::V1_6, Encoding::Json).unwrap().bytes;
        (start.elapsed().as_secs_f64(), bytes)
    };
    let (few, _) = grown(400);
    let (many, bytes) = grown(4_000);
    assert!(many < few * 10.0 * 4.0, "{few} s for 400 and {many} s for 4,000");
    assert!(bytes.len() > 4_000 * 500);
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
    assert_eq!(excluded, ["builder-on-unix", "builder", "macro-helper", "macros", "only-for-built", "rustc"]);
    let members: Vec<&str> = read.components.iter().filter(|c| c.workspace_member).map(|c| c.name.as_str()).collect();
    assert_eq!(members, ["app-lib"]);
    let claims = |c: &&countersign_core::cyclonedx::Component| {
        c.purl.as_ref().is_some_and(|purl| !purl.as_str().starts_with("pkg:generic/rust"))
    };
    assert_eq!(read.components.iter().find(claims), None, "a folder is no package of crates.io");
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
    let incomplete = of("incomplete", "dependencies");
    assert_eq!(incomplete.len(), 3, "{incomplete:?}");
    assert!(incomplete.contains(&"path:shared@0.3.0".to_owned()));
    assert!(incomplete.iter().filter(|r| r.starts_with("toolchain:")).count() == 2, "{incomplete:?}");
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
