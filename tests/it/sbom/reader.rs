//! Reading other tools' documents.

use countersign_sbom::parse;
use std::fs;

#[test]
fn a_file_that_is_not_cyclonedx_is_refused() {
    assert!(parse(b"{}").is_err());
    assert!(parse(b"<bom/>").is_err());
    assert_eq!(
        parse(br#"{"bomFormat": "CycloneDX", "specVersion": "1.1"}"#).unwrap_err().to_string(),
        "not a CycloneDX document that can be read"
    );
}

/// The specification's own documents. The reader is no validator: of the invalid ones it has to refuse those whose
/// mistake lies in what rules look at.
#[test]
fn the_specifications_own_documents_are_read() {
    const MUST_REFUSE: &[&str] = &[
        "bomformat",
        "dependency",
        "component-ref",
        "empty-component",
        "hash-sha256",
        "missing-component-type",
        "scope",
    ];
    let Some(folder) = countersign_tests::fixtures("cyclonedx") else { return };
    let (mut accepted, mut refused) = (0, 0);
    for version in ["1.4", "1.5", "1.6", "1.7"] {
        for entry in fs::read_dir(folder.join(version)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let read = parse(&fs::read(&path).unwrap());
            if name.starts_with("valid-") {
                assert!(read.is_ok(), "{name}: {read:?}");
                accepted += 1;
            } else if MUST_REFUSE.iter().any(|kind| name == format!("invalid-{kind}-{version}.json")) {
                assert!(read.is_err(), "{name}");
                refused += 1;
            }
        }
    }
    assert!(accepted > 100 && refused > 10, "{accepted} accepted, {refused} refused");
}

/// Documents that other projects publish inside their packages, as other tools made them; nested components count.
#[test]
fn documents_of_other_tools_are_read() {
    let Some(folder) = countersign_tests::fixtures("real-sboms") else { return };
    let mut components = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let read = parse(&fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
            components.push(read.components.len());
        }
    }
    components.sort_unstable();
    assert_eq!(components, [1, 1, 24, 40, 102, 332, 333, 570]);
}
