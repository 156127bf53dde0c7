//! `Cargo.lock` as resolved dependencies: every locked package that is not part of the source itself, with its digest.
//!
//! The file is read here, not by `cargo`: what is signed is what the file says. It never says which of the packages a
//! target or feature set uses; that is the SBOM's work.

use crate::source_uri::SourceUri;
use countersign_core::digest::{DigestError, Sha256};
use countersign_core::git::{Oid, OidError};
use countersign_core::limits;
use countersign_core::purl::{Purl, PurlError};
use countersign_core::statement::provenance::{DigestSet, ResourceDescriptor};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// How `Cargo.lock` spells crates.io, by git index and by sparse index.
const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// A lock file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    /// The digest of its bytes.
    pub digest: Sha256,
    /// The packages of it that come from elsewhere, in the file's order.
    pub dependencies: Vec<ResourceDescriptor>,
}

/// Why a lock file says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// There is none.
    #[error("{} does not exist: without it nobody can say what is locked", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has more bytes or packages than are read.
    #[error("the lock file has more than {limit} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// It is not TOML of the shape of a lock file.
    #[error("the lock file does not parse: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Another version of the format.
    #[error("the lock file has the format {}, and 3 and 4 are read: `cargo update --workspace` writes it anew", .found.map_or("1 or 2".to_owned(), |v| v.to_string()))]
    Version {
        /// The version; the first two do not say theirs.
        found: Option<u32>,
    },
    /// A package's source is neither a registry nor a git repository.
    #[error("package {package} comes from {from:?}, which is neither a registry nor a git repository")]
    Source {
        /// The package.
        package: String,
        /// Where it comes from.
        from: String,
    },
    /// A checksum is not a SHA-256.
    #[error("the checksum of package {package}: {error}")]
    Checksum {
        /// The package.
        package: String,
        /// What is wrong with it.
        error: DigestError,
    },
    /// A package has a name or version that no package URL can hold.
    #[error("package {package} has no package URL: {error}")]
    Name {
        /// The package.
        package: String,
        /// What is wrong with it.
        error: PurlError,
    },
    /// A git dependency is not locked to a commit.
    #[error("the commit of package {package}: {error}")]
    Commit {
        /// The package.
        package: String,
        /// What is wrong with it.
        error: OidError,
    },
}

/// Reads a lock file.
pub fn read(path: &Path) -> Result<LockFile, LockError> {
    let most = limits::LOCK_FILE_BYTES;
    let bytes = crate::files::read_within(path, most).map_err(|error| match error {
        crate::files::ReadError::TooLarge => LockError::TooLarge { what: "bytes", limit: most },
        crate::files::ReadError::Io(e) if e.kind() == std::io::ErrorKind::NotFound => {
            LockError::Missing { path: path.to_owned() }
        }
        crate::files::ReadError::Io(source) => LockError::Io { path: path.to_owned(), source },
    })?;
    parse(&bytes)
}

/// Reads the bytes of a lock file.
pub fn parse(bytes: &[u8]) -> Result<LockFile, LockError> {
    let raw: Raw = toml::from_slice(bytes)?;
    if !matches!(raw.version, Some(3 | 4)) {
        return Err(LockError::Version { found: raw.version });
    }
    if raw.package.len() > limits::LOCK_FILE_PACKAGES {
        return Err(LockError::TooLarge { what: "packages", limit: limits::LOCK_FILE_PACKAGES });
    }
    let dependencies = raw.package.iter().filter_map(dependency).collect::<Result<_, _>>()?;
    Ok(LockFile { digest: Sha256::of(bytes), dependencies })
}

#[derive(Deserialize)]
struct Raw {
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

/// `None` for a package without a source: a member of the workspace, which is the source itself.
fn dependency(package: &Package) -> Option<Result<ResourceDescriptor, LockError>> {
    let from = package.source.as_deref()?;
    Some(match from.strip_prefix("git+") {
        Some(url) => git(package, from, url),
        None => registry(package, from),
    })
}

/// A package of a registry. One without a checksum is listed without a digest: the gate sees that it is not pinned.
fn registry(package: &Package, from: &str) -> Result<ResourceDescriptor, LockError> {
    let digest = match &package.checksum {
        Some(hex) => DigestSet::of_sha256(
            &Sha256::from_hex(hex).map_err(|error| LockError::Checksum { package: package.name.clone(), error })?,
        ),
        None => DigestSet::default(),
    };
    let (index, mark) = match (from.strip_prefix("registry+"), from.strip_prefix("sparse+")) {
        (Some(index), _) => (index, ""),
        (None, Some(index)) => (index, "sparse+"),
        (None, None) => return Err(other(package, from)),
    };
    let place = if CRATES_IO.contains(&from) {
        None
    } else if let Some(index) = public(index) {
        Some(format!("{mark}{index}"))
    } else {
        return Ok(on_disk(format!("registry:{}@{}", package.name, package.version), digest));
    };
    let qualifier = place.as_deref().map(|place| ("repository_url", place));
    Ok(ResourceDescriptor { uri: Some(purl(package, qualifier)?), digest, ..ResourceDescriptor::default() })
}

/// A package of a git repository: `URL?branch=B#COMMIT`. Several packages may share a repository; the name, which is
/// the package URL that an SBOM has for it, tells them apart.
fn git(package: &Package, from: &str, url: &str) -> Result<ResourceDescriptor, LockError> {
    let (place, commit) = url.rsplit_once('#').unwrap_or((url, ""));
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let commit = Oid::from_hex(commit).map_err(|error| LockError::Commit { package: package.name.clone(), error })?;
    let digest = DigestSet::of_git_commit(&commit);
    let Some(place) = public(place) else {
        let name = format!("git:{}@{}#{commit}", package.name, package.version);
        return Ok(on_disk(name, digest));
    };
    let repository = SourceUri::normalise(&place).map_err(|_form| other(package, from))?;
    let reference = query.split_once('=').and_then(|(kind, value)| match kind {
        "branch" => Some(format!("refs/heads/{value}")),
        "tag" => Some(format!("refs/tags/{value}")),
        _ => None,
    });
    Ok(ResourceDescriptor {
        uri: Some(repository.at(reference.as_deref())),
        digest,
        name: Some(purl(package, Some(("vcs_url", &format!("git+{place}@{commit}"))))?),
        ..ResourceDescriptor::default()
    })
}

/// A package from this machine's disk has a name and a digest, and no address that others could use.
fn on_disk(name: String, digest: DigestSet) -> ResourceDescriptor {
    ResourceDescriptor { name: Some(name), digest, ..ResourceDescriptor::default() }
}

/// The address without credentials; `None` for one on this machine's disk.
fn public(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    (scheme != "file").then(|| format!("{scheme}://{host}/{path}"))
}

fn purl(package: &Package, qualifier: Option<(&str, &str)>) -> Result<String, LockError> {
    Purl::cargo(&package.name, &package.version, qualifier)
        .map(|purl| purl.as_str().to_owned())
        .map_err(|error| LockError::Name { package: package.name.clone(), error })
}

fn other(package: &Package, from: &str) -> LockError {
    LockError::Source { package: package.name.clone(), from: from.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const COMMIT: &str = "0123456789012345678901234567890123456789";

    fn lock(version: &str, package: &str) -> Result<LockFile, LockError> {
        parse(format!("{version}\n[[package]]\nname = \"a\"\nversion = \"1.0.0+b\"\n{package}\n").as_bytes())
    }

    fn only(package: &str) -> ResourceDescriptor {
        lock("version = 4", package).unwrap().dependencies.remove(0)
    }

    #[test]
    fn a_crate_of_crates_io_is_a_package_url_with_its_checksum() {
        for source in CRATES_IO {
            let found = only(&format!("source = \"{source}\"\nchecksum = \"{SUM}\""));
            assert_eq!(found.uri.as_deref(), Some("pkg:cargo/a@1.0.0%2Bb"));
            assert_eq!(found.digest.get("sha256"), Some(SUM));
        }
    }

    #[test]
    fn another_registry_is_named() {
        let found = only(&format!("source = \"sparse+https://me:secret@r.example/x/\"\nchecksum = \"{SUM}\""));
        let uri = "pkg:cargo/a@1.0.0%2Bb?repository_url=sparse%2Bhttps://r.example/x/";
        assert_eq!(found.uri.as_deref(), Some(uri));
    }

    #[test]
    fn a_git_dependency_is_a_commit_without_credentials() {
        for (query, uri) in [
            ("", "git+https://h.example/o/r"),
            ("?branch=main", "git+https://h.example/o/r@refs/heads/main"),
            ("?tag=v1", "git+https://h.example/o/r@refs/tags/v1"),
            ("?rev=0123456", "git+https://h.example/o/r"),
        ] {
            let found = only(&format!("source = \"git+https://me:secret@h.example/o/r.git{query}#{COMMIT}\""));
            assert_eq!(found.uri.as_deref(), Some(uri));
            assert_eq!(found.digest.git_commit().unwrap().hex(), COMMIT);
            let name = format!("pkg:cargo/a@1.0.0%2Bb?vcs_url=git%2Bhttps://h.example/o/r.git%40{COMMIT}");
            assert_eq!(found.name, Some(name));
        }
    }

    #[test]
    fn a_place_on_this_machine_stays_out() {
        let git = only(&format!("source = \"git+file:///srv/r#{COMMIT}\""));
        assert_eq!((git.uri, git.name), (None, Some(format!("git:a@1.0.0+b#{COMMIT}"))));
        let crates = only(&format!("source = \"registry+file:///srv/index\"\nchecksum = \"{SUM}\""));
        assert_eq!((crates.uri, crates.name.as_deref()), (None, Some("registry:a@1.0.0+b")));
    }

    #[test]
    fn a_member_of_the_workspace_is_not_listed_and_a_package_without_checksum_is() {
        assert_eq!(lock("version = 3", "").unwrap().dependencies, []);
        let found = only(&format!("source = \"{}\"", CRATES_IO[0]));
        assert!(found.digest.is_empty() && found.uri.is_some());
    }

    #[test]
    fn what_cannot_be_pinned_is_refused() {
        assert!(matches!(lock("", ""), Err(LockError::Version { found: None })));
        assert!(matches!(lock("version = 5", ""), Err(LockError::Version { found: Some(5) })));
        let source = |text: &str| lock("version = 4", &format!("source = \"{text}\""));
        assert!(matches!(source("directory+file:///x"), Err(LockError::Source { .. })));
        assert!(matches!(source("git+https://h.example/r"), Err(LockError::Commit { .. })));
        assert!(matches!(source("git+https://h.example/r#0"), Err(LockError::Commit { .. })));
        let sum = lock("version = 4", &format!("source = \"{}\"\nchecksum = \"x\"", CRATES_IO[0]));
        assert!(matches!(sum, Err(LockError::Checksum { .. })));
        assert!(matches!(parse(b"package = 1"), Err(LockError::Syntax(_))));
        assert!(matches!(read(Path::new("/no/Cargo.lock")), Err(LockError::Missing { .. })));
    }

    #[test]
    fn our_own_lock_file_is_read_and_every_dependency_has_a_digest() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        let found = read(&own).unwrap();
        assert!(found.dependencies.len() > 50);
        assert!(found.dependencies.iter().all(|d| matches!(d.digest.sha256(), Ok(Some(_)))));
    }
}
