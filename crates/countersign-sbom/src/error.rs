//! Why there is no SBOM: one variant for each thing that can be in the way, with its place and the next action.

use countersign_core::{
    digest::{DigestError, Sha256},
    json::JsonError,
    purl::PurlError,
};
use std::{error::Error, io, path::PathBuf};

/// What a package may have to be built.
pub(crate) const BINARY: &str = "binary";
/// The same for others than Rust.
pub(crate) const LIBRARY: &str = "library of type `cdylib` or `staticlib`";

/// Why there is no SBOM.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SbomError {
    /// The folder cannot be used.
    #[error("cannot open the folder")]
    Directory {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Cargo cannot print a path that is not UTF-8.
    #[error("the folder's path is not UTF-8, so Cargo cannot name it")]
    NonUtf8Path {
        /// The folder.
        path: PathBuf,
    },
    /// No manifest here or above.
    #[error("not inside a Cargo workspace")]
    NotAWorkspace {
        /// The folder.
        directory: PathBuf,
    },
    /// Cargo does not take the manifest, or one that belongs to it.
    #[error("Cargo does not take the manifest")]
    Manifest {
        /// The nearest manifest.
        path: PathBuf,
        /// What Cargo says.
        said: String,
    },
    /// There is no lock file, so nothing says which versions are built.
    #[error("the workspace has no lock file")]
    NoLockFile {
        /// Where it should be.
        path: PathBuf,
    },
    /// The manifests ask for something else than the lock file has.
    #[error("the lock file does not match the manifests")]
    LockOutOfDate {
        /// The lock file.
        path: PathBuf,
        /// What Cargo says.
        said: String,
    },
    /// A package of the lock file is not on this machine and could not be fetched.
    #[error("a locked package is not on this machine and could not be fetched")]
    PackageNotFetched {
        /// The lock file.
        path: PathBuf,
        /// What Cargo says.
        said: String,
    },
    /// Cargo failed for another reason.
    #[error("`cargo metadata` failed")]
    Cargo {
        /// The folder.
        directory: PathBuf,
        /// What Cargo says.
        said: String,
    },
    /// The compiler failed.
    #[error("the compiler does not say what it compiles for")]
    Rustc {
        /// The program.
        program: PathBuf,
        /// What it says.
        said: String,
    },
    /// Cargo's configuration has what is not followed here, so nobody knows here what Cargo builds.
    #[error("`{key}` of Cargo's configuration is not followed here")]
    Setting {
        /// The key.
        key: String,
    },
    /// Cargo's configuration does not name one target.
    #[error("Cargo's configuration builds for {}, not for one target by its name", targets.join(" and "))]
    SeveralTargets {
        /// What it has.
        targets: Vec<String>,
    },
    /// A program could not be started or read.
    #[error("cannot run the program")]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Cargo's answer could not be understood.
    #[error("what `cargo metadata` prints could not be understood")]
    Metadata {
        /// The workspace.
        directory: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The workspace has no such package.
    #[error("the workspace has no package `{package}`")]
    NoSuchPackage {
        /// The package that was asked for.
        package: String,
        /// Packages with a binary.
        known: Vec<String>,
    },
    /// No package was named, and not exactly one has what is asked for.
    #[error("no package was named, and {} packages have a {what}", known.len())]
    PackageNotNamed {
        /// What is asked for: a binary, or a library for others than Rust.
        what: &'static str,
        /// Packages that have one.
        known: Vec<String>,
    },
    /// The package has no binary.
    #[error("package `{package}` has no binary")]
    NoBinary {
        /// The package.
        package: String,
        /// Packages with a binary.
        known: Vec<String>,
    },
    /// The package has no binary of this name.
    #[error("package `{package}` has no binary `{binary}`")]
    NoSuchBinary {
        /// The package.
        package: String,
        /// The binary that was asked for.
        binary: String,
        /// Its binaries.
        known: Vec<String>,
    },
    /// No binary was named, and the package has several.
    #[error("no binary was named, and package `{package}` has {} of them", known.len())]
    BinaryNotNamed {
        /// The package.
        package: String,
        /// Its binaries.
        known: Vec<String>,
    },
    /// The package has no library that is built for others than Rust.
    #[error("package `{package}` has no library of type `cdylib` or `staticlib`")]
    NoLibrary {
        /// The package.
        package: String,
        /// Packages that have one.
        known: Vec<String>,
    },
    /// Nothing of the workspace is shipped.
    #[error("with these features the workspace builds no binary, and no library for others than Rust")]
    NoArtifact {
        /// Packages that have one.
        known: Vec<String>,
    },
    /// The package has no such feature.
    #[error("package `{package}` has no feature `{feature}`")]
    NoSuchFeature {
        /// The package.
        package: String,
        /// The feature that was asked for.
        feature: String,
        /// Its features.
        known: Vec<String>,
    },
    /// Under resolver 1 flags about features are for the package of the folder, which has no such feature: Cargo would not build.
    #[error(
        "package `{package}` of this folder has no feature `{feature}`: under resolver 1, `--features` is for that package alone"
    )]
    NotOfTheFolder {
        /// The package.
        package: String,
        /// The feature that was asked for.
        feature: String,
        /// Its features.
        known: Vec<String>,
    },
    /// Cargo would not build the binary with these features.
    #[error("binary `{binary}` is not built without the features that it requires")]
    FeaturesRequired {
        /// The package.
        package: String,
        /// The binary.
        binary: String,
        /// The features that are missing.
        missing: Vec<String>,
    },
    /// The compiler knows no such target.
    #[error("the compiler knows no target `{target}`")]
    NoSuchTarget {
        /// The target that was asked for.
        target: String,
    },
    /// What the compiler says about a target could not be understood.
    #[error("what the compiler says about target `{target}` could not be understood")]
    Target {
        /// The target.
        target: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The workspace asks for a resolver that this version does not know.
    #[error("the workspace asks for resolver {found:?}")]
    Resolver {
        /// The manifest.
        path: PathBuf,
        /// What it asks for.
        found: String,
    },
    /// A file could not be read.
    #[error("cannot read the file")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is larger than the bound.
    #[error("{found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The bound.
        limit: usize,
    },
    /// A file of Cargo's is not TOML, or not of the expected shape.
    #[error("the file does not parse")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A checksum in the lock file is none.
    #[error("the checksum of package `{package}` is no SHA-256")]
    Checksum {
        /// The lock file.
        path: PathBuf,
        /// The package.
        package: String,
        /// Why.
        source: DigestError,
    },
    /// An archive in Cargo's cache is another one than the lock file names.
    #[error(
        "the archive of package `{package}` is not the one that the lock file names: {found} instead of {expected}"
    )]
    ChecksumMismatch {
        /// The archive, or the note of a vendored package.
        path: PathBuf,
        /// The package.
        package: String,
        /// What the lock file says.
        expected: Sha256,
        /// What was found.
        found: String,
    },
    /// A file of a vendored package is another one than the list beside it names.
    #[error("a file of the vendored package `{package}` is not the one that was vendored")]
    Vendored {
        /// The file.
        path: PathBuf,
        /// The package.
        package: String,
        /// What the list says.
        expected: Sha256,
        /// What was found.
        found: String,
    },
    /// A file that Cargo unpacked is another one now than in the package's archive.
    #[error("a file of package `{package}` is not the one that its archive has, and it is the file that Cargo builds")]
    Unpacked {
        /// The file.
        path: PathBuf,
        /// The package.
        package: String,
        /// What the archive has.
        expected: Sha256,
        /// What was found.
        found: String,
    },
    /// An archive is the one of the lock file, and cannot be compared with what was unpacked of it.
    #[error("the archive of package `{package}` cannot be compared with what was unpacked of it: {why}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The package.
        package: String,
        /// Why.
        why: String,
    },
    /// A file of `cargo vet` is none.
    #[error("the file of audits does not parse")]
    Audits {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// What a build left to be compared with cannot be read.
    #[error("the build's own list of packages cannot be read: {why}")]
    Embedded {
        /// The binary, or the file beside it.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// `countersign.toml` does not hold what it must.
    #[error("`[sbom]` of the file does not hold: {why}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A lock file names a package that it does not hold, or too many.
    #[error("the lock file does not hold together: {why}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A thread ended early.
    #[error("not all packages could be looked at")]
    Thread,
    /// A package comes from a kind of source that this version does not know.
    #[error("package `{package}` comes from an unknown kind of source")]
    Source {
        /// The package.
        package: String,
    },
    /// Two packages cannot be told apart without naming a place on this machine's disk.
    #[error("two packages are both `{reference}`")]
    SameReference {
        /// What both would be called.
        reference: String,
    },
    /// A package's name makes no package URL.
    #[error("package `{package}` has no package URL")]
    Purl {
        /// The package.
        package: String,
        /// Why.
        source: PurlError,
    },
    /// The document does not hold to the published schema: a fault of ours, or a manifest that says what no schema takes.
    #[error("the document does not hold to the schema of CycloneDX {version}: {at}: {what}")]
    Invalid {
        /// The version.
        version: &'static str,
        /// Where: a JSON pointer.
        at: String,
        /// What is wrong.
        what: String,
    },
    /// The document could not be written.
    #[error("the document has no deterministic form")]
    Json(#[from] JsonError),
}

impl SbomError {
    /// Where: a file, a folder, or the flag with what was given.
    #[must_use]
    pub fn at(&self) -> Option<String> {
        match self {
            Self::Directory { path, .. }
            | Self::NonUtf8Path { path }
            | Self::Manifest { path, .. }
            | Self::NoLockFile { path }
            | Self::LockOutOfDate { path, .. }
            | Self::PackageNotFetched { path, .. }
            | Self::Resolver { path, .. }
            | Self::Read { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Toml { path, .. }
            | Self::ChecksumMismatch { path, .. }
            | Self::Vendored { path, .. }
            | Self::Unpacked { path, .. }
            | Self::Archive { path, .. }
            | Self::Audits { path, .. }
            | Self::Embedded { path, .. }
            | Self::Config { path, .. }
            | Self::Lock { path, .. }
            | Self::Checksum { path, .. } => Some(path.display().to_string()),
            Self::NotAWorkspace { directory } | Self::Cargo { directory, .. } | Self::Metadata { directory, .. } => {
                Some(directory.display().to_string())
            }
            Self::Rustc { program, .. } | Self::Program { program, .. } => Some(program.display().to_string()),
            Self::NoSuchPackage { package, .. } | Self::NoBinary { package, .. } | Self::NoLibrary { package, .. } => {
                Some(format!("--package {package}"))
            }
            Self::NoSuchBinary { binary, .. } | Self::FeaturesRequired { binary, .. } => {
                Some(format!("--bin {binary}"))
            }
            Self::NoSuchFeature { feature, .. } | Self::NotOfTheFolder { feature, .. } => {
                Some(format!("--features {feature}"))
            }
            Self::NoSuchTarget { target } | Self::Target { target, .. } => Some(format!("--target {target}")),
            Self::PackageNotNamed { .. } | Self::NoArtifact { .. } => Some("--package".to_owned()),
            Self::Setting { key } => Some(key.clone()),
            Self::SeveralTargets { .. } => Some("build.target".to_owned()),
            Self::BinaryNotNamed { .. } => Some("--bin".to_owned()),
            Self::Source { .. }
            | Self::SameReference { .. }
            | Self::Purl { .. }
            | Self::Thread
            | Self::Invalid { .. }
            | Self::Json(_) => None,
        }
    }

    /// What a program said, where one did.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        if let Self::Manifest { said, .. }
        | Self::LockOutOfDate { said, .. }
        | Self::PackageNotFetched { said, .. }
        | Self::Cargo { said, .. }
        | Self::Rustc { said, .. } = self
        {
            Some(said)
        } else {
            None
        }
    }

    /// The one next action.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Directory { .. } => "check the folder's path and permissions".to_owned(),
            Self::NonUtf8Path { .. } => "move the workspace to a folder whose path is UTF-8".to_owned(),
            Self::NotAWorkspace { .. } => "run this in the folder of the workspace's `Cargo.toml`".to_owned(),
            Self::Manifest { .. } | Self::Cargo { .. } => "put right what Cargo names".to_owned(),
            Self::NoLockFile { .. } => "run `cargo generate-lockfile` and commit `Cargo.lock`".to_owned(),
            Self::LockOutOfDate { .. } => "run `cargo update --workspace` and commit `Cargo.lock`".to_owned(),
            Self::PackageNotFetched { .. } => "run `cargo fetch --locked` where there is a network".to_owned(),
            Self::Rustc { .. } => "put right what the compiler names; `cargo rustc -v` shows the flags that it gets".to_owned(),
            Self::Setting { .. } => "take it out of `.cargo/config.toml`, or build without it".to_owned(),
            Self::SeveralTargets { .. } => "name one with `--target`: each target has an SBOM of its own".to_owned(),
            Self::Program { .. } => "install Rust, or put it on the search path".to_owned(),
            Self::NoSuchPackage { known, .. }
            | Self::NoBinary { known, .. }
            | Self::NoArtifact { known }
            | Self::PackageNotNamed { what: BINARY, known } => {
                one_of("--package", known, "add a binary to the workspace")
            }
            Self::NoLibrary { known, .. } | Self::PackageNotNamed { known, .. } => {
                one_of("--package", known, "leave out `--lib`, or give a library `crate-type = [\"cdylib\"]`")
            }
            Self::NoSuchBinary { known, .. } | Self::BinaryNotNamed { known, .. } => {
                one_of("--bin", known, "add a binary to the package")
            }
            Self::NoSuchFeature { known, .. } => one_of("--features", known, "leave out `--features`"),
            Self::NotOfTheFolder { known, .. } => {
                let known = one_of("--features", known, "leave out `--features`");
                format!("write `MEMBER/FEATURE` for another package that is built, or {known}")
            }
            Self::FeaturesRequired { missing, .. } => format!("add `--features {}`", missing.join(",")),
            Self::NoSuchTarget { .. } => "take one of `rustc --print target-list`".to_owned(),
            Self::Resolver { .. } => "use a newer countersign".to_owned(),
            Self::ChecksumMismatch { .. } => {
                "find out who changed it; then remove the archive, and run `cargo fetch --locked`".to_owned()
            }
            Self::Vendored { .. } => "find out who changed it; `cargo vendor` writes the package anew".to_owned(),
            Self::Unpacked { .. } => "find out who changed it; then remove the package's folder, and run `cargo fetch --locked`; of what was changed on purpose, make a path dependency".to_owned(),
            Self::Audits { .. } => "put the file right: `cargo vet check` reads it too".to_owned(),
            Self::Embedded { .. } => "build the artifact again".to_owned(),
            Self::Config { .. } => {
                "its keys: `authors` (`name`, `email`), `manufacturer` and `supplier` (`name`, `url`, `email`), `copyright`, `security-contact`"
                    .to_owned()
            }
            Self::Metadata { .. }
            | Self::Target { .. }
            | Self::Source { .. }
            | Self::Archive { .. }
            | Self::Purl { .. }
            | Self::Thread
            | Self::Invalid { .. }
            | Self::Json(_) => {
                "report this, with `Cargo.lock`".to_owned()
            }
            Self::SameReference { .. } => "take one of the two from a public address".to_owned(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "there is no such file: check its name".to_owned()
            }
            Self::Read { .. } => "check the file's permissions".to_owned(),
            Self::TooLarge { path, .. } => format!("is {} the file that you mean? look at it first", path.display()),
            Self::Toml { .. } | Self::Checksum { .. } | Self::Lock { .. } => "run `cargo generate-lockfile`".to_owned(),
        }
    }
}

fn one_of(flag: &str, known: &[String], none: &str) -> String {
    if known.is_empty() { none.to_owned() } else { format!("name one of them with `{flag}`: {}", known.join(", ")) }
}
