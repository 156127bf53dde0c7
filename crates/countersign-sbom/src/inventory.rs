//! What a binary is made of, in our own words: neither Cargo's nor CycloneDX's.
//!
//! Everything here is the same on every machine and in every folder: no path of the host ever enters.

use countersign_core::{
    digest::{Sha256, to_hex},
    purl::Purl,
};
use std::collections::BTreeSet;

/// One artifact and everything that Cargo builds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The package that holds the artifact, as a component like the others; or the workspace as a whole.
    pub root: Component,
    /// The artifact's name.
    pub binary: String,
    /// What the artifact is.
    pub shape: Shape,
    /// All other packages, and what else is in the artifact, by reference.
    pub components: Vec<Component>,
    /// What was asked for, and by what it was resolved.
    pub build: Build,
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A program.
    Program,
    /// A library for others than Rust: dynamic or static.
    Library,
    /// All that a workspace builds.
    Workspace,
}

/// What kind of thing a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A package of a package manager.
    Package,
    /// A workspace: no package, its members are.
    Workspace,
    /// Sources in another language, carried by a package and compiled by its build script.
    Native,
    /// The standard library that comes with the compiler.
    StandardLibrary,
    /// The compiler.
    Compiler,
}

/// What was asked for, and by what it was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The target triple.
    pub target: String,
    /// The triple of the machine that builds: it decides which build dependencies there are.
    pub host: String,
    /// The features that were asked for, `default` among them unless it was switched off.
    pub features: BTreeSet<String>,
    /// The number of Cargo's resolver, as the workspace's manifest says it.
    pub resolver: &'static str,
    /// The digest of `Cargo.lock`.
    pub lock: Sha256,
    /// Whether nothing but the lock file was read: then every package that any build could need is listed.
    pub lock_only: bool,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Names this package within the inventory.
    pub reference: String,
    /// The package's name.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// Its identity, where it has a public one.
    pub purl: Option<Purl>,
    /// Where its source comes from.
    pub source: Source,
    /// Whether it is a member of the workspace.
    pub workspace_member: bool,
    /// The licence that its manifest declares.
    pub licence: Option<Licence>,
    /// The SHA-256 of its `.crate` file, from `Cargo.lock`.
    pub checksum: Option<Sha256>,
    /// Its features where it is part of the binary; `None` if no code of it is.
    pub linked: Option<BTreeSet<String>>,
    /// Its features where it runs during the build (build scripts, procedural macros); `None` if it does not.
    pub built: Option<BTreeSet<String>>,
    /// What may be in it that Cargo does not know.
    pub native: Native,
    /// References of the packages that it depends on in this build.
    pub depends_on: BTreeSet<String>,
    /// Packages that its manifest names for anything but tests, with whatever features and for whatever target: `NAME VERSION`. What
    /// a build left is held against it; it stands in no document.
    pub declared: BTreeSet<String>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its features where only tests, examples and benchmarks of the workspace need it; `None` if the build itself does,
    /// or if such were not asked for.
    pub dev: Option<BTreeSet<String>>,
    /// What its own files say, where they were read.
    pub content: Content,
}

/// What a package's own files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// What its manifest says it is for.
    pub description: Option<String>,
    /// Where its manifest says that its source is kept.
    pub repository: Option<String>,
    /// Whom its manifest names as authors.
    pub authors: Vec<String>,
    /// The digest of its archive, which was read; its SHA-256 was then the one of the lock file.
    pub sha512: Option<Sha512>,
    /// The commit that it was packed from, as its archive says.
    pub vcs: Option<Vcs>,
    /// Whether its registry took it back since it was locked, where Cargo's copy of the registry's index knows it. It stands in
    /// no document: the copy is another one on every machine.
    pub yanked: Option<bool>,
    /// Whether files in its folder are not in its archive, or, where it is vendored, not in the list of digests that lies there: then
    /// nothing shows that what is built is what the registry has, and no digest of that stands here.
    pub unlisted: bool,
    /// Files with the texts of licences.
    pub licence_files: Vec<LicenceFile>,
    /// Sources in other languages that its build script compiles.
    pub native: Vec<NativeCode>,
    /// Audits that the workspace keeps or imports.
    pub audits: BTreeSet<Audit>,
    /// The folder of a member below the workspace's, with slashes; empty for the workspace's own.
    pub folder: Option<String>,
    /// The id of that folder's git tree, where every file is what the commit holds.
    pub tree: Option<String>,
    /// What the digests are of, where that is not the package's archive.
    pub hash_of: Option<&'static str>,
}

/// A SHA-512 digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha512(pub [u8; 64]);

impl Sha512 {
    /// 128 lower-case hexadecimal characters.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }
}

impl std::fmt::Debug for Sha512 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha512:{}", self.hex())
    }
}

/// What a package was packed from, as `.cargo_vcs_info.json` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vcs {
    /// The commit.
    pub commit: String,
    /// The package's folder in the repository.
    pub folder: String,
    /// Whether files differed from the commit.
    pub dirty: bool,
}

/// A file with the text of a licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LicenceFile {
    /// Its path in the package.
    pub name: String,
    /// Its digest.
    pub digest: Sha256,
}

/// Sources in another language, carried by a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeCode {
    /// What they are: the library that the package says it links, or their folder.
    pub name: String,
    /// Their version, where the package's own version tells it behind a plus.
    pub version: Option<String>,
    /// The folder of the package that holds all of them, if that is not the package itself.
    pub folder: Option<String>,
    /// How many files.
    pub files: usize,
    /// Why the build script is taken to compile them: a file of the package, and what stands there.
    pub because: Vec<(String, String)>,
    /// Whether the build script also asks the system for the library, and then may compile nothing.
    pub or_system: bool,
    /// Whether sources were left out since they lie in a folder that is called as a feature that is off. What the script makes of that feature
    /// is not known.
    pub partly: bool,
}

/// One audit, or its place holder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Audit {
    /// What was found: the criteria's name.
    pub criteria: String,
    /// Who says so: the name of the import, or nothing for the workspace's own.
    pub by: Option<String>,
    /// Whether it is an exemption: nobody looked.
    pub exempted: bool,
}

/// Where a package's source comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// crates.io.
    CratesIo,
    /// Another registry, by the address of its index without user names, passwords and tokens.
    Registry(String),
    /// A git repository at a commit, the address without user names, passwords and tokens.
    Git {
        /// Its address.
        repository: String,
        /// The commit.
        commit: String,
    },
    /// A registry or repository on this machine's disk. Its path stays out.
    Disk {
        /// The commit, if it is a git repository.
        commit: Option<String>,
    },
    /// A folder: a workspace member, or a dependency by path.
    Path,
    /// It came with the compiler.
    Toolchain {
        /// The commit of the compiler's sources, where it says it.
        commit: Option<String>,
    },
}

/// A declared licence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Licence {
    /// A valid SPDX expression.
    Expression(String),
    /// What the manifest says where that is no SPDX expression.
    Named(String),
    /// The name of a file in the package.
    File(String),
}

/// Code that no Cargo package accounts for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Native {
    /// None: the package has no build script.
    No,
    /// Perhaps some: the package has a build script, which may compile or link anything.
    Possible,
    /// The package says that it links this native library.
    Links(String),
}

impl Inventory {
    /// The packages of the package manager, the root among them if it is one.
    pub fn packages(&self) -> impl Iterator<Item = &Component> {
        std::iter::once(&self.root).chain(&self.components).filter(|component| component.kind == Kind::Package)
    }
}

impl Component {
    /// A component of which no more is known.
    #[must_use]
    pub fn new(reference: String, name: String, version: String, source: Source, kind: Kind) -> Self {
        Self {
            reference,
            name,
            version,
            purl: None,
            source,
            workspace_member: false,
            licence: None,
            checksum: None,
            linked: None,
            built: None,
            native: Native::No,
            depends_on: BTreeSet::new(),
            declared: BTreeSet::new(),
            kind,
            dev: None,
            content: Content::default(),
        }
    }

    /// Whether code of the package is part of the binary.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        self.linked.is_some()
    }
}

impl Licence {
    /// From what a manifest declares. Nothing is guessed: besides valid SPDX only the slash is understood, which Cargo
    /// documents as the older spelling of `OR`.
    pub fn declared(expression: Option<&str>, file: Option<&str>) -> Option<Self> {
        match (expression.map(str::trim).filter(|text| !text.is_empty()), file) {
            (Some(text), _) => Some(Self::from_expression(text)),
            (None, Some(file)) => Some(Self::File(file_name(file).to_owned())),
            (None, None) => None,
        }
    }

    fn from_expression(text: &str) -> Self {
        let spelled_out = || text.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
        if is_spdx(text) {
            Self::Expression(text.to_owned())
        } else if is_spdx(&spelled_out()) {
            Self::Expression(spelled_out())
        } else {
            Self::Named(text.to_owned())
        }
    }
}

/// Deprecated identifiers are still SPDX; unknown ones and nicknames are not.
pub(crate) fn is_spdx(text: &str) -> bool {
    let mode = spdx::ParseMode { allow_deprecated: true, allow_postfix_plus_on_gpl: true, ..spdx::ParseMode::STRICT };
    spdx::Expression::parse_mode(text, mode).is_ok()
}

/// A manifest may name a file outside its package: only the last part is kept.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(text: &str, expression: &str) {
        let expected = Licence::Expression(expression.to_owned());
        assert_eq!(Licence::declared(Some(text), None), Some(expected));
    }

    #[test]
    fn an_spdx_expression_is_kept_as_it_stands() {
        for text in ["MIT", "MIT OR Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "GPL-2.0+", "LicenseRef-ours"] {
            declared(text, text);
        }
    }

    #[test]
    fn the_older_slash_becomes_or() {
        declared("MIT/Apache-2.0", "MIT OR Apache-2.0");
        declared("MIT / Apache-2.0", "MIT OR Apache-2.0");
    }

    #[test]
    fn what_is_not_spdx_is_named_and_not_guessed() {
        for text in ["Apache 2.0", "mit", "Proprietary", "MIT OR", "MIT/ours"] {
            assert_eq!(Licence::declared(Some(text), None), Some(Licence::Named(text.to_owned())));
        }
    }

    #[test]
    fn a_licence_file_is_named_without_its_folder() {
        assert_eq!(
            Licence::declared(None, Some("/folder/of/somebody/LICENCE.txt")),
            Some(Licence::File("LICENCE.txt".to_owned()))
        );
        assert_eq!(Licence::declared(Some(" "), None), None);
        assert_eq!(Licence::declared(None, None), None);
    }
}
