//! What a binary is made of, in our own words: neither Cargo's nor CycloneDX's.
//!
//! Everything here is the same on every machine and in every folder: no path of the host ever enters.

use countersign_core::{digest::Sha256, purl::Purl};
use std::collections::BTreeSet;

/// One binary and everything that Cargo builds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The package that holds the binary, as a component like the others.
    pub root: Component,
    /// The binary's name.
    pub binary: String,
    /// All other packages, by reference.
    pub components: Vec<Component>,
    /// What was asked for, and by what it was resolved.
    pub build: Build,
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

impl Component {
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
