//! Cargo workspaces to CycloneDX: exactly the packages that Cargo builds for one binary, one target and one set of
//! features. Other ecosystems' lock files and other tools' documents: read, judged, asked, compared and merged.
//!
//! This crate reads files of the workspace and runs `cargo` and `rustc`; it never judges what it lists, reads no clock
//! and no variable of the environment, and no path of the machine reaches what it writes.

mod archive;
pub mod bom;
mod cargo;
pub mod convert;
mod cyclonedx;
pub mod diff;
mod error;
mod inventory;
mod lock;
pub mod merge;
pub mod osv;
pub mod packages;
pub mod profile;
mod program;
mod resolve;
pub mod schema;
mod source;
pub mod version;
pub mod vex;

pub use cyclonedx::{Facts, write};
pub use error::SbomError;
pub use inventory::{Build, Component, Inventory, Licence, Native, Source};

use countersign_core::{
    cyclonedx::{CycloneDxError, Inventory as Read},
    json::{self, JsonError},
};
use std::path::PathBuf;

/// Which binary, and how it is built.
///
/// The build is the one that these fields describe and no other: a target or `--cfg` value that comes from Cargo's
/// configuration or from `RUSTFLAGS` is not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoRequest {
    /// A folder of the workspace.
    pub directory: PathBuf,
    /// The package; may be left out where only one has a binary.
    pub package: Option<String>,
    /// The binary; may be left out where the package has only one.
    pub binary: Option<String>,
    /// The target triple; the compiler's own where left out.
    pub target: Option<String>,
    /// Features, each entry one or several with commas between them.
    pub features: Vec<String>,
    /// Whether the package's default features are switched off.
    pub no_default_features: bool,
    /// Whether all features of the package are switched on.
    pub all_features: bool,
    /// Whether Cargo must not use the network.
    pub offline: bool,
    /// The program `cargo`.
    pub cargo: PathBuf,
    /// The program `rustc`.
    pub rustc: PathBuf,
}

impl CargoRequest {
    /// The only binary of a workspace, for this machine, with default features.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            package: None,
            binary: None,
            target: None,
            features: Vec::new(),
            no_default_features: false,
            all_features: false,
            offline: false,
            cargo: PathBuf::from("cargo"),
            rustc: PathBuf::from("rustc"),
        }
    }
}

/// An SBOM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    /// The document: CycloneDX 1.6 JSON.
    pub bytes: Vec<u8>,
    /// What it lists.
    pub inventory: Inventory,
    /// What it lists, counted.
    pub summary: Summary,
}

/// What an SBOM lists, counted. The binary's own package is not among the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Components.
    pub components: usize,
    /// Components whose code is part of the binary.
    pub linked: usize,
    /// Components that run during the build only.
    pub build_only: usize,
    /// Dependencies, those of the binary's own package among them.
    pub dependencies: usize,
    /// Components from elsewhere than a folder that have no checksum in the lock file.
    pub without_checksum: usize,
    /// Components with no licence in their manifest.
    pub without_licence: usize,
    /// Packages, the binary's own among them, that link native code, or may: it is not listed.
    pub native: usize,
}

/// The inventory of a Cargo workspace's binary.
pub fn cargo_inventory(request: &CargoRequest) -> Result<Inventory, SbomError> {
    resolve::inventory(&cargo::Workspace::read(request)?, request)
}

/// The SBOM of a Cargo workspace's binary.
pub fn cargo_sbom(request: &CargoRequest, facts: &Facts) -> Result<Sbom, SbomError> {
    let inventory = cargo_inventory(request)?;
    Ok(Sbom { bytes: write(&inventory, facts)?, summary: Summary::of(&inventory), inventory })
}

/// Why bytes are not a CycloneDX document that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not the JSON that is read.
    #[error("not JSON that can be read")]
    Json(#[from] JsonError),
    /// Not CycloneDX 1.2 to 1.7.
    #[error("not a CycloneDX document that can be read")]
    CycloneDx(#[from] CycloneDxError),
}

/// Reads any tool's CycloneDX JSON of the versions 1.2 to 1.7, as far as rules look at it.
pub fn parse(bytes: &[u8]) -> Result<Read, ParseError> {
    Ok(Read::read(&json::parse(bytes)?)?)
}

impl Summary {
    fn of(inventory: &Inventory) -> Self {
        let all = || inventory.components.iter();
        let everything = || std::iter::once(&inventory.root).chain(all());
        let linked = all().filter(|component| component.is_linked()).count();
        Self {
            components: inventory.components.len(),
            linked,
            build_only: inventory.components.len().saturating_sub(linked),
            dependencies: everything().map(|component| component.depends_on.len()).sum(),
            without_checksum: all()
                .filter(|component| component.source != Source::Path && component.checksum.is_none())
                .count(),
            without_licence: all().filter(|component| component.licence.is_none()).count(),
            native: everything().filter(|component| component.native != Native::No).count(),
        }
    }
}
