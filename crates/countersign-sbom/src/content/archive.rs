//! The archive of a package in Cargo's cache, or what a vendored folder says of it, held against the lock file.

use super::{ahead::Ahead, index::Locked};
use crate::{error::SbomError, inventory::Sha512};
use aws_lc_rs::digest::{Context, SHA256, SHA512};
use countersign_core::{digest::Sha256, limits};
use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

/// Both digests of a file that has to be there.
pub(super) fn digests(path: &Path) -> Result<(Sha256, Sha512), SbomError> {
    let gone = || SbomError::Read { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() };
    hash(path, limits::AUDITABLE_BINARY_BYTES)?.ok_or_else(gone)
}

/// The SHA-512 of a package's archive, whose SHA-256 is the lock file's. `None` where there is no archive to read: a
/// vendored package, or a cache from which it was removed.
pub(super) fn check(ahead: &Ahead, folder: &Path, locked: &Locked<'_>) -> Result<Option<Sha512>, SbomError> {
    let Locked { name, version, checksum } = *locked;
    let mismatch = |path: PathBuf, found: String| SbomError::ChecksumMismatch {
        path,
        package: format!("{name} {version}"),
        expected: *checksum,
        found,
    };
    if let Some(path) = in_cache(folder, name, version) {
        if let Some((sha256, sha512)) = ahead.digests(&path)? {
            if sha256 != *checksum {
                return Err(mismatch(path, sha256.to_string()));
            }
            return Ok(Some(sha512));
        }
    } else if let Some((path, found)) = vendored(folder)
        && found != checksum.hex()
    {
        return Err(mismatch(path, found));
    }
    Ok(None)
}

/// `…/registry/src/INDEX/NAME-VERSION` has its archive at `…/registry/cache/INDEX/NAME-VERSION.crate`.
pub(super) fn in_cache(folder: &Path, name: &str, version: &str) -> Option<PathBuf> {
    let index = folder.parent()?;
    let sources = index.parent()?;
    let registry = sources.parent()?;
    let own = format!("{name}-{version}");
    let fits =
        folder.file_name()? == own.as_str() && sources.file_name()? == "src" && registry.file_name()? == "registry";
    fits.then(|| registry.join("cache").join(index.file_name().unwrap_or_default()).join(format!("{own}.crate")))
}

/// Both digests of a file; nothing where there is none.
pub(super) fn hash(path: &Path, most: u64) -> Result<Option<(Sha256, Sha512)>, SbomError> {
    let (mut short, mut long) = (Context::new(&SHA256), Context::new(&SHA512));
    let found = read(path, most, |bytes| {
        short.update(bytes);
        long.update(bytes);
    })?;
    Ok(found.then(|| (Sha256::from_bytes(taken(short)), Sha512(taken(long)))))
}

/// The longer digest alone; nothing where there is no such file.
pub(super) fn sha512(path: &Path) -> Result<Option<Sha512>, SbomError> {
    let mut long = Context::new(&SHA512);
    let found = read(path, limits::AUDITABLE_BINARY_BYTES, |bytes| long.update(bytes))?;
    Ok(found.then(|| Sha512(taken(long))))
}

/// The digest, whose length is that of its algorithm.
fn taken<const N: usize>(context: Context) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

/// Hands out a file's bytes; whether there is such a file.
fn read(path: &Path, most: u64, mut take: impl FnMut(&[u8])) -> Result<bool, SbomError> {
    let failed = |source| SbomError::Read { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    if size > most {
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        return Err(SbomError::TooLarge { path: path.to_owned(), found: size, limit });
    }
    // Small enough that it is not given back to the system, and asked for again, with each of some hundred files.
    let mut buffer = vec![0_u8; 32 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            break;
        }
        take(buffer.get(..n).unwrap_or_default());
    }
    Ok(true)
}

/// What a vendored package says that its archive's digest was. Cargo holds the files against the rest of that file.
fn vendored(folder: &Path) -> Option<(PathBuf, String)> {
    let path = folder.join(".cargo-checksum.json");
    let text = fs::read_to_string(&path).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let found = value.get("package")?.as_str()?.to_owned();
    Some((path, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(folder: &Path, name: &str, checksum: &Sha256) -> Result<Option<Sha512>, SbomError> {
        check(&Ahead::new(), folder, &Locked { name, version: "1.0.0", checksum })
    }

    fn cache() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("registry/src/index/a-1.0.0");
        let archive = home.path().join("registry/cache/index/a-1.0.0.crate");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(archive.parent().unwrap()).unwrap();
        (home, folder, archive)
    }

    #[test]
    fn an_archive_is_the_one_of_the_lock_file_or_an_error_with_both_digests() {
        let (_home, folder, archive) = cache();
        fs::write(&archive, "abc").unwrap();
        let right = Sha256::of(b"abc");
        let sha512 = checked(&folder, "a", &right).unwrap().unwrap();
        assert!(sha512.hex().starts_with("ddaf35a193617abacc417349ae204131"));
        fs::write(&archive, "ab").unwrap();
        let error = checked(&folder, "a", &right).unwrap_err();
        let SbomError::ChecksumMismatch { expected, found, .. } = error else { panic!("{error}") };
        assert_eq!((expected, found), (right, Sha256::of(b"ab").to_string()));
    }

    #[test]
    fn an_archive_that_is_not_there_gives_no_digest() {
        let (_home, folder, _archive) = cache();
        assert_eq!(checked(&folder, "a", &Sha256::of(b"abc")).unwrap(), None);
        assert_eq!(checked(&folder, "b", &Sha256::of(b"abc")).unwrap(), None);
    }

    #[test]
    fn a_vendored_package_of_another_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let note = format!("{{\"files\":{{}},\"package\":\"{}\"}}", Sha256::of(b"abc").hex());
        fs::write(folder.path().join(".cargo-checksum.json"), note).unwrap();
        assert_eq!(checked(folder.path(), "a", &Sha256::of(b"abc")).unwrap(), None);
        let error = checked(folder.path(), "a", &Sha256::of(b"ab")).unwrap_err();
        assert!(matches!(error, SbomError::ChecksumMismatch { .. }));
    }
}
