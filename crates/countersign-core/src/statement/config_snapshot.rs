//! What the files of one revision say: the images that they name, and the databases that they connect to. Which files were
//! read, which were not and why, and each fact with its place. No file's text is in it, and no password.

use crate::config::{Connection, Image, Part};
use crate::digest::Sha256;
use crate::git::Oid;
use crate::ids::Uri;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The predicate `https://countersign.dev/config-snapshot/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfigSnapshot {
    /// The repository's uri.
    pub repository: Uri,
    /// The commit.
    pub commit: Oid,
    /// Its tree, whose files were read.
    pub tree: Oid,
    /// The version of the readers: another one may see more, or less.
    pub readers: u32,
    /// The files that were read.
    pub read: Vec<FileRead>,
    /// Those that may hold facts and were not read.
    pub skipped: Vec<FileSkipped>,
    /// The images.
    pub images: Vec<Image>,
    /// The connections.
    pub connections: Vec<Connection>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileRead {
    /// Its path in the repository.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: Sha256,
    /// For what a tool made of a template: the folder of templates that it stands for. Such a file is not of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<String>,
}

/// A file that may hold facts and was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileSkipped {
    /// Its path in the repository.
    pub path: String,
    /// Why.
    pub why: String,
    /// What it may hold: of these the snapshot does not know all.
    pub lacks: BTreeSet<Part>,
}
