//! `Cargo.lock`: the checksums, and the digest of the whole.

use crate::error::SbomError;
use countersign_core::{digest::Sha256, limits};
use std::{collections::BTreeMap, fs, path::Path};

/// What a lock file says.
pub(crate) struct Lock {
    /// The digest of the file.
    pub(crate) digest: Sha256,
    checksums: BTreeMap<(String, String, String), Sha256>,
}

#[derive(serde::Deserialize)]
struct File {
    #[serde(default)]
    package: Vec<Package>,
    /// Where the first form of the file has its checksums.
    #[serde(default)]
    metadata: BTreeMap<String, toml::Value>,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl Lock {
    pub(crate) fn read(path: &Path) -> Result<Self, SbomError> {
        let text = read_toml(path)?;
        let file: File = toml::from_str(&text)
            .map_err(|source| SbomError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        let mut checksums = BTreeMap::new();
        for package in file.package {
            let Some(source) = package.source else { continue };
            let older = format!("checksum {} {} ({source})", package.name, package.version);
            let text = package.checksum.as_deref().or_else(|| file.metadata.get(&older).and_then(toml::Value::as_str));
            let Some(text) = text.filter(|text| *text != "<none>") else {
                continue;
            };
            let checksum = Sha256::from_hex(text).map_err(|source| SbomError::Checksum {
                path: path.to_owned(),
                package: package.name.clone(),
                source,
            })?;
            checksums.insert((package.name, package.version, source), checksum);
        }
        Ok(Self { digest: Sha256::of(text.as_bytes()), checksums })
    }

    /// The checksum of a package from a registry.
    pub(crate) fn checksum(&self, name: &str, version: &str, source: &str) -> Option<Sha256> {
        self.checksums.get(&(name.to_owned(), version.to_owned(), source.to_owned())).copied()
    }
}

/// A file of Cargo's, within the bound.
pub(crate) fn read_toml(path: &Path) -> Result<String, SbomError> {
    let failed = |source| SbomError::Read { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if usize::try_from(size).map_or(true, |size| size > limits::LOCK_FILE_BYTES) {
        return Err(SbomError::TooLarge { path: path.to_owned(), found: size, limit: limits::LOCK_FILE_BYTES });
    }
    fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Lock, SbomError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        fs::write(&path, text).unwrap();
        Lock::read(&path)
    }

    #[test]
    fn checksums_of_all_forms_of_the_file_are_found() {
        let sum = "ab".repeat(32);
        let newer = format!(
            "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\nchecksum = \"{sum}\"\n"
        );
        let older = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\n[metadata]\n\"checksum a 1.0.0 (s)\" = \"{sum}\"\n"
        );
        for text in [newer, older] {
            let lock = read(&text).unwrap();
            assert_eq!(lock.checksum("a", "1.0.0", "s"), Some(Sha256::from_bytes([0xab; 32])));
            assert_eq!(lock.checksum("a", "1.0.0", "elsewhere"), None);
            assert_eq!(lock.digest, Sha256::of(text.as_bytes()));
        }
    }

    #[test]
    fn a_lock_file_that_is_not_one_is_refused() {
        assert!(matches!(read("package = 3"), Err(SbomError::Toml { .. })));
        let text = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\nchecksum = \"abc\"\n";
        assert!(matches!(read(text), Err(SbomError::Checksum { .. })));
    }
}
