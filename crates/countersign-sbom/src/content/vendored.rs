//! A vendored package: its files, held against the list of their digests that lies beside them. Cargo refuses to build one of
//! which a listed file is another, and builds whatever is not listed.

use super::archive;
use crate::error::SbomError;
use countersign_core::{digest::Sha256, limits};
use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

/// The list.
const NOTE: &str = ".cargo-checksum.json";
/// Files that Cargo itself puts there, or leaves out of the list.
const CARGOS_OWN: [&str; 2] = [NOTE, ".cargo-ok"];

/// Whether every file in the folder is one that the list names, with the digest that it has there. A folder without a list is no
/// vendored one. A listed file that is another one, or is not there, is an error.
pub(super) fn all_listed(folder: &Path, package: &str) -> Result<bool, SbomError> {
    let path = folder.join(NOTE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(SbomError::Read { path, source }),
    };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(files) = value.get("files").and_then(serde_json::Value::as_object) else { return Ok(false) };
    let mut listed = BTreeSet::new();
    for (name, digest) in files {
        let place = Path::new(name);
        let plain = place.components().all(|part| matches!(part, Component::Normal(_)));
        let expected = digest.as_str().and_then(|hex| Sha256::from_hex(hex).ok());
        let (true, Some(expected)) = (plain, expected) else { return Ok(false) };
        let path = folder.join(place);
        let found = archive::hash(&path, limits::AUDITABLE_BINARY_BYTES)?.map(|(found, _)| found);
        if found != Some(expected) {
            let found = found.map_or_else(|| "no such file".to_owned(), |found| found.to_string());
            return Err(SbomError::Vendored { path, package: package.to_owned(), expected, found });
        }
        listed.insert(path);
    }
    Ok(only(folder, &listed, &mut 0))
}

/// Whether nothing else lies there; of more than can be looked at nobody says so.
pub(super) fn only(folder: &Path, listed: &BTreeSet<PathBuf>, seen: &mut usize) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    for entry in entries {
        *seen = seen.saturating_add(1);
        let Some(entry) = entry.ok().filter(|_| *seen <= limits::CRATE_FILES) else { return false };
        let (path, name) = (entry.path(), entry.file_name());
        let within = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let fine = if within {
            only(&path, listed, seen)
        } else {
            listed.contains(&path) || CARGOS_OWN.iter().any(|own| name == *own)
        };
        if !fine {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_another_one_is_refused_and_one_that_nobody_lists_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let list = |text: &str| write(NOTE, &format!("{{\"files\":{{{text}}},\"package\":null}}"));
        let checked = || all_listed(folder.path(), "a 1.0.0");
        fs::create_dir(folder.path().join("src")).unwrap();
        write("src/lib.rs", "good");
        assert!(checked().unwrap(), "no vendored folder");
        list(&format!("\"src/lib.rs\":\"{}\"", Sha256::of(b"good").hex()));
        assert!(checked().unwrap());
        write("src/more.rs", "evil");
        assert!(!checked().unwrap());
        fs::remove_file(folder.path().join("src/more.rs")).unwrap();
        write("src/lib.rs", "evil");
        let SbomError::Vendored { expected, found, .. } = checked().unwrap_err() else { panic!() };
        assert_eq!((expected, found), (Sha256::of(b"good"), Sha256::of(b"evil").to_string()));
        for unusable in ["", "\"../a\":\"00\"", "\"src/lib.rs\":1"] {
            list(unusable);
            assert!(!checked().unwrap(), "{unusable}");
        }
        fs::remove_file(folder.path().join("src/lib.rs")).unwrap();
        list(&format!("\"src/lib.rs\":\"{}\"", Sha256::of(b"good").hex()));
        assert!(checked().is_err());
    }
}
