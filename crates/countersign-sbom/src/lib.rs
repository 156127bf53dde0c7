//! Cargo workspaces to CycloneDX: exactly the packages that Cargo builds for one binary, one target and one set of
//! features. Other ecosystems' lock files and other tools' documents: read, judged, asked, compared and merged.
//!
//! This crate reads files of the workspace and runs `cargo` and `rustc`; it never judges what it lists, reads no clock
//! and no variable of the environment, and no path of the machine reaches what it writes.

mod archive;
mod asked;
pub mod bom;
mod built;
mod cargo;
mod content;
pub mod convert;
mod cyclonedx;
pub mod diff;
mod early;
mod error;
mod flags;
mod gunzip;
mod inventory;
mod lock;
pub mod merge;
pub mod osv;
pub mod packages;
mod people;
mod plan;
pub mod profile;
mod program;
mod resolve;
mod rustc;
pub mod schema;
mod section;
mod settings;
mod source;
pub mod spdx_text;
mod tarball;
pub mod version;
pub mod vex;

pub use built::{Compared, compare};
pub use cyclonedx::{Encoding, Facts, Organization, People, Person, Spec, Written, write, write_as};
pub use error::SbomError;
pub use inventory::{
    Audit, Build, Component, Content, Inventory, Kind, Licence, LicenceFile, Native, NativeCode, Sha512, Shape, Source,
    Vcs,
};
pub use settings::Settings;

use countersign_core::{
    cyclonedx::{CycloneDxError, Inventory as Read},
    digest::Sha256,
    json::{self, JsonError},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
};

/// What is described.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum What {
    /// A binary.
    #[default]
    Binary,
    /// A package's library, where it is built for others than Rust.
    Library,
    /// All members of the workspace, built together.
    Workspace,
}

/// Which binary, and how it is built.
///
/// The build is the one that these fields and Cargo's configuration describe: flags of the compiler, and the target where none is
/// named, come from its files and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of Cargo's, or of one's own, and they do not exclude each other"
)]
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
    /// What is described.
    pub what: What,
    /// Whether packages that only tests, examples and benchmarks need are listed too, told apart.
    pub dev: bool,
    /// Whether the packages' own files are read: archives are held against the lock file, licences and sources in other
    /// languages are looked for.
    pub content: bool,
    /// Whether every unpacked file of every package is held against the package's archive, and not only where something is newer than
    /// when Cargo unpacked it.
    pub all_files: bool,
    /// Whether Cargo must not use the network.
    pub offline: bool,
    /// Cargo's own folder (`CARGO_HOME`): its configuration counts, and archives in it are read while Cargo still works.
    pub home: Option<PathBuf>,
    /// Variables that Cargo reads for its configuration, as far as they say how things are compiled: `RUSTFLAGS`,
    /// `CARGO_ENCODED_RUSTFLAGS`, `RUSTC`, its wrappers, `CARGO_BUILD_…`, `CARGO_TARGET_…`. An empty one is not one that is missing.
    pub variables: BTreeMap<String, String>,
    /// Whether Cargo is told to take its memory in large pieces (`GLIBC_TUNABLES`), in place of what that variable held. Only time
    /// depends on it.
    pub large_pieces: bool,
    /// The program `cargo`.
    pub cargo: PathBuf,
    /// The program `rustc`, where neither the variables nor Cargo's configuration name another.
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
            what: What::Binary,
            dev: false,
            content: true,
            all_files: false,
            offline: false,
            home: None,
            variables: BTreeMap::new(),
            large_pieces: true,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Components.
    pub components: usize,
    /// Components whose code is part of the binary.
    pub linked: usize,
    /// Components that run during the build only.
    pub build_only: usize,
    /// Components that only tests, examples and benchmarks of the workspace need.
    pub dev_only: usize,
    /// Dependencies, those of the binary's own package among them.
    pub dependencies: usize,
    /// Packages from elsewhere than a folder that have no checksum in the lock file.
    pub without_checksum: usize,
    /// Packages with a checksum whose archive was not there to be held against it.
    pub without_archive: usize,
    /// Components with no licence in their manifest.
    pub without_licence: usize,
    /// Packages, the binary's own among them, that link native code, or may, of which none or perhaps not all is listed.
    pub native: usize,
    /// Packages whose sources in other languages are listed.
    pub bundled: usize,
    /// Packages that were packed from files that differ from the commit that they name: `NAME VERSION`.
    pub dirty: Vec<String>,
    /// Packages with files that neither their archive nor the list of digests beside them names: `NAME VERSION`.
    pub unlisted: Vec<String>,
    /// Packages that their registry took back since they were locked, as far as Cargo's copy of its index knows.
    pub yanked: Vec<String>,
}

/// Inventories, and where they are of.
#[derive(Debug)]
pub struct Listed {
    /// The workspace's folder. It never stands in a document.
    pub root: PathBuf,
    /// One an artifact.
    pub inventories: Vec<Inventory>,
    /// Binaries that are not built with these features, with those that they require.
    pub left_out: Vec<String>,
    /// What they were made from.
    pub rest: Rest,
}

/// All of Cargo's answer, which is given back piece by piece by a thread that nobody waits for: best dropped when there is nothing
/// left to do, since it is in the way of whoever needs memory meanwhile.
#[derive(Default)]
pub struct Rest(Option<Box<cargo::Workspace>>);

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rest")
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(workspace) = self.0.take() {
            // Where no thread is to be had, it happens here.
            drop(thread::Builder::new().spawn(move || drop(workspace)));
        }
    }
}

/// The inventory of a Cargo workspace's binary.
pub fn cargo_inventory(request: &CargoRequest) -> Result<Inventory, SbomError> {
    let listed = cargo_listed(request, &[])?;
    listed.inventories.into_iter().next().ok_or(SbomError::Thread)
}

/// As [`cargo_inventory`], with the workspace's folder. Meanwhile, while Cargo answers, the caller's own work is begun that
/// does not wait for it; whether it came to each piece is for the caller to see.
pub fn cargo_listed(request: &CargoRequest, meanwhile: &[&(dyn Fn() + Sync)]) -> Result<Listed, SbomError> {
    list(request, meanwhile, |workspace| Ok((vec![resolve::inventory(workspace, request)?], Vec::new())))
}

/// The inventories of every artifact that the workspace ships with these features: binaries, and libraries for others
/// than Rust. `package` narrows it to one member; `binary` and `what` are not looked at. As for [`cargo_listed`], the
/// caller's own work is begun meanwhile.
pub fn cargo_inventories(request: &CargoRequest, meanwhile: &[&(dyn Fn() + Sync)]) -> Result<Listed, SbomError> {
    list(request, meanwhile, |workspace| resolve::all(workspace, request))
}

fn list(
    request: &CargoRequest,
    meanwhile: &[early::Work<'_>],
    resolve: impl FnOnce(&cargo::Workspace) -> Result<(Vec<Inventory>, Vec<String>), SbomError>,
) -> Result<Listed, SbomError> {
    let (asked, cargo) = cargo::Asked::start(request)?;
    let ahead = content::Ahead::new();
    let (compiler, read) =
        (|| asked.compiler(), || ahead.read(&request.directory, request.home.as_deref().filter(|_| request.content)));
    let (first, last): (early::Work<'_>, early::Work<'_>) = (&compiler, &read);
    let work = std::iter::once(first).chain(meanwhile.iter().copied()).chain([last]);
    let queue = early::Queue::new(work.collect());
    let answer = || {
        let _enough = content::Enough(&ahead);
        let workspace = asked.workspace(cargo, &ahead)?;
        let (mut inventories, left_out) = resolve(&workspace)?;
        if request.content {
            content::fill(&workspace, &mut inventories, &ahead, request.all_files)?;
        }
        let root = workspace.graph.workspace().root().as_std_path().to_owned();
        Ok(Listed { root, inventories, left_out, rest: Rest(Some(Box::new(workspace))) })
    };
    thread::scope(|scope| {
        let helpers = queue.start(scope);
        let answer = answer();
        helpers.into_iter().try_for_each(|helper| helper.join().map_err(|_panic| SbomError::Thread))?;
        answer
    })
}

/// The SBOM of a Cargo workspace's binary.
pub fn cargo_sbom(request: &CargoRequest, facts: &Facts) -> Result<Sbom, SbomError> {
    let inventory = cargo_inventory(request)?;
    Ok(Sbom { bytes: write(&inventory, facts)?, summary: Summary::of(&inventory), inventory })
}

/// The inventory of a lock file alone, without running anything: an over-approximation, and labelled as one. It has every
/// package that any target, feature or test could need, and says of none whether it is in an artifact.
pub fn lock_inventory(directory: &Path) -> Result<Inventory, SbomError> {
    lock::inventory(directory)
}

/// Whether a version was taken back (yanked), by the bytes of Cargo's copy of the registry's list of one package; `None` where
/// they do not say it of this very archive.
#[must_use]
pub fn taken_back(list: &[u8], version: &str, archive: &Sha256) -> Option<bool> {
    content::taken_back(list, version, archive)
}

/// Whether a folder holds the files of a package's archive (`.crate`) and nothing else. A file that is another one, or is not there,
/// is an error, and so is an archive that is none.
pub fn unpacked(archive: &Path, folder: &Path, package: &str) -> Result<bool, SbomError> {
    content::unpacked(archive, folder, package)
}

/// Both digests of a file, read once.
pub fn digests(path: &Path) -> Result<(Sha256, Sha512), SbomError> {
    content::digests(path)
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
    /// Counts an inventory.
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        let all = || inventory.components.iter();
        let everything = || std::iter::once(&inventory.root).chain(all());
        let linked = all().filter(|component| component.is_linked()).count();
        let dev_only = all().filter(|component| component.dev.is_some()).count();
        let named = |component: &Component| format!("{} {}", component.name, component.version);
        let dirty = |component: &&Component| component.content.vcs.as_ref().is_some_and(|vcs| vcs.dirty);
        Self {
            components: inventory.components.len(),
            linked,
            build_only: inventory.components.len().saturating_sub(linked).saturating_sub(dev_only),
            dev_only,
            dependencies: everything().map(|component| component.depends_on.len()).sum(),
            without_checksum: all()
                .filter(|component| {
                    !matches!(component.source, Source::Path | Source::Toolchain { .. }) && component.checksum.is_none()
                })
                .count(),
            without_archive: all()
                .filter(|component| component.checksum.is_some() && component.content.sha512.is_none())
                .count(),
            without_licence: all().filter(|component| component.licence.is_none()).count(),
            native: everything()
                .filter(|component| {
                    let listed = &component.content.native;
                    component.native != Native::No && (listed.is_empty() || listed.iter().any(|native| native.partly))
                })
                .count(),
            bundled: everything().filter(|component| !component.content.native.is_empty()).count(),
            dirty: everything().filter(dirty).map(named).collect(),
            unlisted: everything().filter(|component| component.content.unlisted).map(named).collect(),
            yanked: everything().filter(|component| component.content.yanked == Some(true)).map(named).collect(),
        }
    }
}
