//! Artifact files as subjects: a name and a SHA-256, read once from beginning to end.

use countersign_core::digest::Sha256;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A file that something is said about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The file's name, without its folder.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Sha256,
    /// Where it was read.
    pub path: PathBuf,
}

/// Why a file is no subject.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It cannot be read.
    #[error("the artifact {} cannot be read: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is a folder, a device or a pipe.
    #[error("the artifact {} is not a file", .path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Its name cannot stand in a statement.
    #[error("the name of the artifact {} is not UTF-8", .path.display())]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// Two artifacts of one statement have the same name.
    #[error("two artifacts are named {name}: {} and {}", .first.display(), .second.display())]
    SameName {
        /// The name.
        name: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// None was named.
    #[error("no artifact was named")]
    None,
}

/// Hashes one file. A symbolic link is followed: the subject is the bytes, under the name that was given.
pub fn hash(path: &Path) -> Result<Artifact, ArtifactError> {
    let io = |source| ArtifactError::Io { path: path.to_owned(), source };
    let Some(name) = path.file_name() else {
        return Err(ArtifactError::NotAFile { path: path.to_owned() });
    };
    let Some(name) = name.to_str() else {
        return Err(ArtifactError::Name { path: path.to_owned() });
    };
    // Before opening: to open a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(ArtifactError::NotAFile { path: path.to_owned() });
    }
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0_u8; 128 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        if n == 0 {
            break;
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
    Ok(Artifact { name: name.to_owned(), digest: Sha256::from_bytes(hasher.finalize().into()), path: path.to_owned() })
}

/// A file as it is verified: everything about it comes from one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The file's name, without its folder.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its SHA-512, by which some statements name their subjects.
    pub sha512: [u8; 64],
    /// Its bytes, if it has no more than were to be kept.
    pub bytes: Option<Vec<u8>>,
    /// Whether the name is a symbolic link.
    pub link: bool,
    /// Whether it was another file, or had another length or time, when it had been read.
    pub changed: bool,
}

/// Reads one file from beginning to end, once: digests and bytes are of the same bytes.
pub fn look(path: &Path, keep: usize) -> Result<Looked, ArtifactError> {
    let io = |source| ArtifactError::Io { path: path.to_owned(), source };
    let name = path.file_name().ok_or_else(|| ArtifactError::NotAFile { path: path.to_owned() })?;
    let name = name.to_str().ok_or_else(|| ArtifactError::Name { path: path.to_owned() })?.to_owned();
    let link = std::fs::symlink_metadata(path).map_err(io)?.is_symlink();
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(ArtifactError::NotAFile { path: path.to_owned() });
    }
    let mut file = File::open(path).map_err(io)?;
    let before = file.metadata().map_err(io)?;
    let (mut short, mut long) = (sha2::Sha256::new(), sha2::Sha512::new());
    let mut kept = Some(Vec::new());
    let mut buffer = vec![0_u8; 128 << 10];
    let mut length = 0_u64;
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        let part = buffer.get(..n).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        short.update(part);
        long.update(part);
        length = length.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        match &mut kept {
            Some(bytes) if bytes.len().saturating_add(n) <= keep => bytes.extend_from_slice(part),
            _ => kept = None,
        }
    }
    let after = file.metadata().map_err(io)?;
    let same =
        |a: &std::fs::Metadata, b: &std::fs::Metadata| a.len() == b.len() && a.modified().ok() == b.modified().ok();
    // The name may stand for another file by now.
    let named = std::fs::metadata(path).map_err(io)?;
    let changed = !same(&before, &after) || after.len() != length || !same(&after, &named);
    Ok(Looked {
        name,
        sha256: Sha256::from_bytes(short.finalize().into()),
        sha512: long.finalize().into(),
        bytes: kept,
        link,
        changed,
    })
}

/// Hashes files for one statement: at least one, and no two with the same name.
pub fn hash_all(paths: &[PathBuf]) -> Result<Vec<Artifact>, ArtifactError> {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut all = Vec::new();
    for path in paths {
        let artifact = hash(path)?;
        if let Some(first) = seen.insert(artifact.name.clone(), path.clone()) {
            return Err(ArtifactError::SameName { name: artifact.name, first, second: path.clone() });
        }
        all.push(artifact);
    }
    if all.is_empty() {
        return Err(ArtifactError::None);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_hashed_whole_and_named_without_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        let bytes = vec![7_u8; (128 << 10) * 2 + 5];
        std::fs::write(&path, &bytes).unwrap();
        let artifact = hash(&path).unwrap();
        assert_eq!((artifact.name.as_str(), artifact.digest), ("app", Sha256::of(&bytes)));
    }

    #[test]
    fn a_file_is_looked_at_once_and_a_link_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        std::fs::write(&path, b"app").unwrap();
        let looked = look(&path, 3).unwrap();
        assert_eq!((looked.sha256, looked.bytes.as_deref()), (Sha256::of(b"app"), Some(&b"app"[..])));
        assert!(!looked.link && !looked.changed);
        assert_eq!(look(&path, 2).unwrap().bytes, None);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(look(&link, 3).unwrap().link);
        }
    }

    #[test]
    fn a_file_that_is_written_to_while_it_is_read_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        std::fs::write(&path, vec![7_u8; 16 << 20]).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        let looked = std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::io::Write as _;
                let mut file = File::options().append(true).open(&path).unwrap();
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"x").unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            });
            let looked = look(&path, 0).unwrap();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            looked
        });
        assert!(looked.changed);
        assert!(!look(&path, 0).unwrap().changed);
    }

    #[test]
    fn folders_missing_files_and_equal_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(hash(folder.path()), Err(ArtifactError::NotAFile { .. })));
        assert!(matches!(hash(&folder.path().join("no")), Err(ArtifactError::Io { .. })));
        assert!(matches!(hash_all(&[]), Err(ArtifactError::None)));
        std::fs::create_dir(folder.path().join("b")).unwrap();
        let paths = [folder.path().join("app"), folder.path().join("b/app")];
        for path in &paths {
            std::fs::write(path, "x").unwrap();
        }
        assert!(matches!(hash_all(&paths), Err(ArtifactError::SameName { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new("/tmp").join(std::ffi::OsStr::from_bytes(b"\xff"));
        assert!(matches!(hash(&path), Err(ArtifactError::Name { .. })));
    }
}
