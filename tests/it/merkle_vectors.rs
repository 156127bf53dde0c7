//! The proof cases of transparency-dev/merkle: right and altered inclusion and consistency proofs, and the checkpoint
//! texts of sigstore-java. Not one altered proof may hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::digest::Sha256;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::merkle;
use countersign_core::log::note::{Note, NoteError};
use countersign_tests::fixtures;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The one accepted case whose roots are no SHA-256 digests: only that they are the same text matters there.
const ROOTS_OF_ANOTHER_LENGTH: &str = "sizes-are-equal-one-and-proof-is-empty.json";

#[test]
fn the_published_proof_cases_are_judged_as_published() {
    let Some(folder) = fixtures("merkle") else { return };
    let mut judged = (0, 0);
    for path in json_files(&folder) {
        let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let holds = if case.get("leafIdx").is_some() {
            inclusion(&case)
        } else {
            consistency(&case, path.ends_with(ROOTS_OF_ANOTHER_LENGTH))
        };
        let wanted = !case["wantErr"].as_bool().unwrap();
        assert_eq!(holds == Some(true), wanted, "{}", path.display());
        if wanted { judged.0 += 1 } else { judged.1 += 1 }
    }
    assert_eq!(judged, (12, 184));
}

/// None where the types have no place for the case: a negative size, a hash of another length.
fn inclusion(case: &Value) -> Option<bool> {
    let leaf = hash(&case["leafHash"])?;
    let root = hash(&case["root"])?;
    let index = case["leafIdx"].as_u64()?;
    let size = case["treeSize"].as_u64()?;
    Some(merkle::verify_inclusion(&leaf, index, size, &proof(case)?, &root).is_ok())
}

fn consistency(case: &Value, stand_in: bool) -> Option<bool> {
    let root = |value: &Value| {
        if stand_in { value.as_str().map(|text| Sha256::of(text.as_bytes())) } else { hash(value) }
    };
    let (from_root, to_root) = (root(&case["root1"])?, root(&case["root2"])?);
    let (from, to) = (case["size1"].as_u64()?, case["size2"].as_u64()?);
    Some(merkle::verify_consistency(from, to, &proof(case)?, &from_root, &to_root).is_ok())
}

fn proof(case: &Value) -> Option<Vec<Sha256>> {
    match &case["proof"] {
        Value::Null => Some(Vec::new()),
        list => list.as_array()?.iter().map(hash).collect(),
    }
}

fn hash(value: &Value) -> Option<Sha256> {
    let bytes = STANDARD.decode(value.as_str()?).ok()?;
    Some(Sha256::from_bytes(bytes.try_into().ok()?))
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_published_checkpoint_texts_are_read_as_notes_and_never_as_checkpoints_of_ours() {
    let Some(folder) = fixtures("sigstore-java/checkpoints") else {
        return;
    };
    let note = |name: &str| Note::parse(&fs::read(folder.join(name)).unwrap());
    let valid = note("valid_multi_sig.txt").unwrap();
    let names: Vec<&str> = valid.signatures().iter().map(countersign_core::log::note::NoteSignature::name).collect();
    assert_eq!(names, ["rekor.sigstore.dev", "bob.loblaw.dev"]);
    assert_eq!(note("error_header_body_separator.txt"), Err(NoteError::NoSignature));
    assert_eq!(note("error_signature_length_insufficient.txt"), Err(NoteError::SignatureLine));
    // Extension lines, spaces in the origin, no number, no root.
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let read = UnverifiedCheckpoint::parse(&fs::read(&path).unwrap());
        assert!(read.is_err(), "{}", path.display());
    }
}
