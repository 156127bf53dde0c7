//! The specification's own documents, each judged right; and documents that other projects publish.

use countersign_flow::sboms::{self, Ingest};
use std::fs;
use std::path::{Path, PathBuf};

fn documents(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    all.sort();
    all
}

fn is_valid(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with("valid-")
}

#[test]
fn every_document_of_the_specification_is_judged_right() {
    let Some(folder) = countersign_tests::fixtures("cyclonedx") else { return };
    let mut judged = 0;
    for version in ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"] {
        let paths = documents(&folder.join(version));
        let answer = sboms::validate(&paths, &[]).unwrap();
        for (path, document) in paths.iter().zip(&answer.documents) {
            assert_eq!(document.valid, is_valid(path), "{}: {:?}", path.display(), answer.findings);
            judged += 1;
        }
    }
    assert_eq!(judged, 289);
}

#[test]
fn every_valid_document_of_the_newest_version_goes_through_unchanged() {
    let Some(folder) = countersign_tests::fixtures("cyclonedx") else { return };
    let into = tempfile::tempdir().unwrap();
    let output = into.path().join("out.cdx.json");
    let mut through = 0;
    for path in documents(&folder.join("1.7")) {
        let request = Ingest { document: &path, output: &output, raw: None };
        if is_valid(&path) {
            let taken = sboms::ingest(&request).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
            assert!(fs::read(&output).unwrap() == fs::read(&path).unwrap(), "{}", path.display());
            assert_eq!((taken.digest, taken.raw), (taken.output_digest, None));
            fs::remove_file(&output).unwrap();
            through += 1;
        } else {
            assert!(sboms::ingest(&request).is_err() && !output.exists(), "{}", path.display());
        }
    }
    assert!(through > 20, "{through}");
}

#[test]
fn documents_that_projects_publish_are_valid_and_merge_into_one_that_is() {
    let Some(folder) = countersign_tests::fixtures("real-sboms") else { return };
    let paths = documents(&folder);
    let answer = sboms::validate(&paths, &[]).unwrap();
    assert!(answer.documents.iter().all(|document| document.valid), "{:?}", answer.findings);
    let into = tempfile::tempdir().unwrap();
    let parts: Vec<PathBuf> = paths.into_iter().filter(|path| !path.ends_with("cryptography__sbom.json")).collect();
    let output = into.path().join("all.cdx.json");
    let merged = sboms::merge(&parts, "all", "1", None, &output).unwrap();
    let first = fs::read(&output).unwrap();
    assert!(merged.components > 1_000 && merged.shared > 50, "{merged:?}");
    let mut turned = parts.clone();
    turned.reverse();
    sboms::merge(&turned, "all", "1", None, &output).unwrap();
    assert!(first == fs::read(&output).unwrap(), "the order in which they are given shows");
}
