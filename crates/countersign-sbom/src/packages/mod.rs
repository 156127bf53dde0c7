//! What other package managers and compilers leave, as one neutral view: npm's and Python's lock files, installed Python
//! packages, and what is written into binaries. Nothing is run and nothing is fetched. What a file does not hold is said to
//! be unknown, never guessed.

mod apart;
mod auditable;
mod carried;
mod dev;
mod gobinary;
mod markers;
mod needs;
mod npm;
mod npm_asks;
mod npm_graph;
mod npm_identity;
mod npm_overrides;
mod npm_places;
mod npm_range;
mod npm_registries;
#[cfg(test)]
mod npm_scene;
mod npm_told;
mod npm_workspaces;
mod packed;
mod pip_options;
mod pip_together;
mod poetry;
mod poetry_hash;
mod poetry_markers;
mod poetry_told;
mod python;
mod python_range;
mod reach;
mod requirements;
mod surroundings;
mod uv;
mod uv_asks;
mod uv_forks;
mod uv_project;
mod wheels;

pub use packed::{Content, look};
pub(crate) use python::normal as normal_python_name;

use crate::bom::{Bom, Item};
use countersign_core::{digest::Sha256, limits, purl::PurlError};
use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Kinds of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `package-lock.json` or `npm-shrinkwrap.json`.
    Npm,
    /// `uv.lock`.
    Uv,
    /// `poetry.lock`.
    Poetry,
    /// `requirements.txt` with digests.
    Requirements,
    /// A folder of installed Python packages.
    Installed,
    /// One wheel.
    Wheel,
    /// A binary that Go built.
    GoBinary,
    /// A binary with the list of `cargo auditable`.
    Auditable,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Npm => "npm's lock file",
            Self::Uv => "uv's lock file",
            Self::Poetry => "Poetry's lock file",
            Self::Requirements => "pip's requirements",
            Self::Installed => "installed Python packages",
            Self::Wheel => "a Python wheel",
            Self::GoBinary => "a binary that Go built",
            Self::Auditable => "a binary with the list of cargo auditable",
        })
    }
}

/// What was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What was read.
    pub kind: Kind,
    /// The file or folder.
    pub path: PathBuf,
    /// What it was taken for, with its version.
    pub read_as: String,
    /// The digest of the file, where it is one.
    pub digest: Option<Sha256>,
    /// The view.
    pub bom: Bom,
    /// What it cannot say, one sentence each.
    pub partial: Vec<String>,
    /// What it says of what only builds or tests.
    dev: dev::Dev,
}

/// Why nothing was made of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackagesError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// More bytes than the limit.
    #[error("{}: {found} bytes, more than the {limit} that are read", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// How many there are.
        found: u64,
        /// How many are read.
        limit: u64,
    },
    /// It is of another form than its name says, or contradicts itself.
    #[error("{}: {at}: {what}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        at: String,
        /// What is wrong.
        what: String,
    },
    /// It is a version of the form that is not read.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: String,
        /// What to do.
        help: String,
    },
    /// Nothing that is known lies there.
    #[error("{} is nothing that is read", path.display())]
    Unknown {
        /// Which file or folder.
        path: PathBuf,
    },
    /// A folder with several.
    #[error("{} has several: {}", path.display(), found.join(", "))]
    Several {
        /// Which folder.
        path: PathBuf,
        /// What lies there.
        found: Vec<String>,
    },
}

/// What a folder or file is to be taken for, where it is not to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ecosystem {
    /// npm.
    Npm,
    /// Python.
    Python,
    /// Go.
    Go,
    /// Rust: binaries with the list of `cargo auditable`.
    Rust,
}

impl Kind {
    const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::Npm => Ecosystem::Npm,
            Self::Uv | Self::Poetry | Self::Requirements | Self::Installed | Self::Wheel => Ecosystem::Python,
            Self::GoBinary => Ecosystem::Go,
            Self::Auditable => Ecosystem::Rust,
        }
    }
}

/// The files that are looked for in a folder.
const NAMES: [(&str, Kind); 5] = [
    ("npm-shrinkwrap.json", Kind::Npm),
    ("package-lock.json", Kind::Npm),
    ("uv.lock", Kind::Uv),
    ("poetry.lock", Kind::Poetry),
    ("requirements.txt", Kind::Requirements),
];

/// Finds out what lies at a path, and reads it.
pub fn read(path: &Path, ecosystem: Option<Ecosystem>) -> Result<Made, PackagesError> {
    let (path, kind) = find(path, ecosystem)?;
    read_as(&path, kind)
}

fn read_as(path: &Path, kind: Kind) -> Result<Made, PackagesError> {
    let mut made = match kind {
        Kind::Npm => npm::read(path),
        Kind::Uv => uv::read(path),
        Kind::Poetry => poetry::read(path),
        Kind::Requirements => requirements::read(path),
        Kind::Installed => wheels::installed(path),
        Kind::Wheel => wheels::wheel(path),
        Kind::GoBinary => gobinary::read(path),
        Kind::Auditable => auditable::read(path),
    }?;
    let limit = limits::SBOM_COMPONENTS;
    if made.bom.items.len() > limit {
        return Err(malformed(path, "packages", &format!("more than {limit} packages")));
    }
    made.bom.items.sort_by(|a, b| a.reference.cmp(&b.reference));
    Ok(made)
}

fn find(path: &Path, ecosystem: Option<Ecosystem>) -> Result<(PathBuf, Kind), PackagesError> {
    let metadata = fs::metadata(path).map_err(|source| PackagesError::Read { path: path.to_owned(), source })?;
    let wanted = |kind: Kind| ecosystem.is_none_or(|ecosystem| kind.ecosystem() == ecosystem);
    if metadata.is_dir() {
        let lying = NAMES.iter().filter(|(name, kind)| wanted(*kind) && path.join(name).is_file());
        let mut found: Vec<(PathBuf, Kind)> = lying.map(|(name, kind)| (path.join(name), *kind)).collect();
        // npm itself takes the shrinkwrap where both lie there.
        if found.iter().any(|(path, _)| path.ends_with("npm-shrinkwrap.json")) {
            found.retain(|(path, _)| !path.ends_with("package-lock.json"));
        }
        // A lock file says all that the list for pip says, and more.
        if found.iter().any(|(_, kind)| matches!(kind, Kind::Uv | Kind::Poetry)) {
            found.retain(|(_, kind)| *kind != Kind::Requirements);
        }
        if found.is_empty() && wanted(Kind::Installed) && wheels::has_packages(path)? {
            return Ok((path.to_owned(), Kind::Installed));
        }
        let names =
            || found.iter().filter_map(|(path, _)| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        return match &found[..] {
            [] => Err(PackagesError::Unknown { path: path.to_owned() }),
            [only] => Ok(only.clone()),
            _ => Err(PackagesError::Several { path: path.to_owned(), found: names().collect() }),
        };
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let by_name = NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    let by_end = || {
        let end = |wanted: &str| path.extension().is_some_and(|end| end == wanted);
        if end("whl") {
            Some(Kind::Wheel)
        } else if end("txt") && (name.contains("requirements") || ecosystem == Some(Ecosystem::Python)) {
            Some(Kind::Requirements)
        } else if name.ends_with("package-lock.json") {
            Some(Kind::Npm)
        } else if name.ends_with("uv.lock") || name.ends_with(".py.lock") {
            Some(Kind::Uv)
        } else if name.ends_with("poetry.lock") {
            Some(Kind::Poetry)
        } else {
            None
        }
    };
    let kind = by_name.or_else(by_end);
    let kind = match kind {
        Some(kind) => Some(kind),
        None if gobinary::is_executable(path)? => {
            let auditable = ecosystem != Some(Ecosystem::Go) && auditable::is_there(path);
            Some(if auditable { Kind::Auditable } else { Kind::GoBinary })
        }
        None => None,
    };
    kind.filter(|kind| wanted(*kind))
        .map(|kind| (path.to_owned(), kind))
        .ok_or_else(|| PackagesError::Unknown { path: path.to_owned() })
}

fn malformed(path: &Path, at: &str, what: &str) -> PackagesError {
    PackagesError::Malformed { path: path.to_owned(), at: at.to_owned(), what: what.to_owned() }
}

/// The bytes of a file within a bound, which holds even if it grows while it is read.
fn bytes_of(path: &Path, limit: usize) -> Result<Vec<u8>, PackagesError> {
    let failed = |source| PackagesError::Read { path: path.to_owned(), source };
    let bound = u64::try_from(limit).unwrap_or(u64::MAX);
    let file = fs::File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let too_large = |found| PackagesError::TooLarge { path: path.to_owned(), found, limit: bound };
    if size > bound {
        return Err(too_large(size));
    }
    let mut bytes = Vec::new();
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit { Err(too_large(bound.saturating_add(1))) } else { Ok(bytes) }
}

fn text_of(path: &Path, limit: usize) -> Result<String, PackagesError> {
    let bytes = bytes_of(path, limit)?;
    String::from_utf8(bytes).map_err(|_not_utf8| malformed(path, "the text", "it is no UTF-8"))
}

fn purl_error(path: &Path, name: &str, error: PurlError) -> PackagesError {
    malformed(path, name, &format!("it makes no package URL: {error}"))
}

/// What is said of entries that nothing needs: the package manager does not install them, and they are no components.
fn left_out_of(left: &[Item], manager: &str) -> Option<String> {
    const NAMED: usize = 5;
    let names: Vec<String> = left.iter().take(NAMED).map(Item::label).collect();
    let more = if left.len() > NAMED { ", …" } else { "" };
    (!left.is_empty()).then(|| {
        format!(
            "{} entries of the lock file are needed by nothing, and {manager} does not install them: they are left out ({}{more})",
            left.len(),
            names.join(", ")
        )
    })
}

/// A new component of a package manager.
fn library(reference: String, name: &str, version: Option<&str>) -> Item {
    Item {
        reference,
        kind: "library".to_owned(),
        name: name.to_owned(),
        version: version.map(str::to_owned),
        ..Item::default()
    }
}

/// What a project is called whose name is not written down. The folder's is the machine's, and not the project's.
const UNNAMED: &str = "project";

/// Adds a component. One from a folder may be there already, for another platform.
fn take(bom: &mut Bom, item: Item) {
    let known = match item.purl {
        Some(_) => None,
        None => bom.items.iter_mut().find(|known| known.reference == item.reference),
    };
    match known {
        Some(known) => {
            known.scope = known.scope.min(item.scope);
            known.files.extend(item.files.into_iter().filter(|file| !file.hashes.is_empty()));
        }
        None => bom.items.push(item),
    }
}

/// What is being described, where it is a folder: it has no public identity.
fn application(name: &str, version: Option<&str>) -> Item {
    let version_part = version.map(|version| format!("@{version}")).unwrap_or_default();
    Item { kind: "application".to_owned(), ..library(format!("path:{name}{version_part}"), name, version) }
}

/// The address without user name, password, query and fragment, which may be secret.
fn public(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let (scheme, rest) = url.split_once("://")?;
    // A folder of the machine is no address, nor is a repository in one (`git+file`).
    if scheme.rsplit('+').next().is_some_and(|last| last.eq_ignore_ascii_case("file")) {
        return None;
    }
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}")))
}

/// A licence as it is declared: an SPDX expression, or a name.
fn licence(item: &mut Item, text: &str) {
    let text = text.trim();
    if !text.is_empty() && text != "UNKNOWN" && text.len() <= limits::SBOM_TEXT_BYTES {
        item.licences.insert(text.to_owned());
    }
}
