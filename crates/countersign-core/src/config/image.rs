//! An image that a file names.

use super::reference::Reference;
use super::text::{self, Piece};
use serde::{Deserialize, Serialize};

/// An image that a file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Image {
    /// The file, as the repository has it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
    /// As what it is named.
    pub role: Role,
    /// Whether it is an image for certain.
    pub certainty: Certainty,
    /// The name as it stands there, cut where it is too long.
    pub written: String,
    /// The registry's host, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path there, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The tag: `latest` where neither tag nor digest is named; absent where it is not known, or only a digest is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What is not known of it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// As what an image is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Role {
    /// What a stage is built from.
    From,
    /// What files are copied from.
    CopyFrom,
    /// What is mounted while building.
    MountFrom,
    /// What reads the Dockerfile.
    Syntax,
    /// A container.
    Container,
    /// A container that runs before the others.
    InitContainer,
    /// A container for debugging.
    EphemeralContainer,
    /// A volume that is an image.
    Volume,
    /// A service beside a job, or one of compose.
    Service,
    /// What a job runs in.
    Job,
    /// What a step of a job runs.
    Step,
    /// What another tool puts in the place of an image.
    Override,
    /// Something that looks like one.
    Other,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::CopyFrom => "copy-from",
            Self::MountFrom => "mount-from",
            Self::Syntax => "syntax",
            Self::Container => "container",
            Self::InitContainer => "init-container",
            Self::EphemeralContainer => "ephemeral-container",
            Self::Volume => "volume",
            Self::Service => "service",
            Self::Job => "job",
            Self::Step => "step",
            Self::Override => "override",
            Self::Other => "other",
        }
    }
}

/// Whether something is an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Certainty {
    /// It is.
    Certain,
    /// It looks like one, in a document of a kind that the readers do not know.
    Maybe,
}

/// Where a fact stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'f> {
    pub(super) file: &'f str,
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Image {
    /// From what a file says. `pieces` is its name with variables resolved as far as the file itself resolves them.
    pub(super) fn new(at: Spot<'_>, role: Role, certainty: Certainty, written: &str, pieces: &[Piece]) -> Self {
        let mut image = Self {
            file: at.file.to_owned(),
            line: at.line,
            column: at.column,
            role,
            certainty,
            written: text::cut(written),
            host: None,
            path: None,
            tag: None,
            digest: None,
            unknown: None,
        };
        match whole(pieces) {
            Ok(name) => match Reference::parse(&name) {
                Ok(read) => {
                    image.host = Some(read.host);
                    image.path = Some(read.path);
                    image.tag = read.tag;
                    image.digest = read.digest;
                }
                Err(error) => image.unknown = Some(format!("it is not the name of an image: {error}")),
            },
            Err((known, variable)) => match version_only(&known) {
                Some(read) => {
                    image.host = Some(read.host);
                    image.path = Some(read.path);
                    image.unknown = Some(format!("its version is `{variable}`, which the file does not give"));
                }
                None => image.unknown = Some(format!("it depends on `{variable}`, which the file does not give")),
            },
        }
        image
    }
}

/// The text of the pieces, or what comes before the first that is not known, and the name of that one.
fn whole(pieces: &[Piece]) -> Result<String, (String, String)> {
    let mut known = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => known.push_str(text),
            Piece::Unknown(name) => return Err((known, text::cut(name))),
        }
    }
    Ok(known)
}

/// Host and path, where a variable stands in the tag or the digest only: what comes before it ends in `:` or `@`, or in the
/// beginning of a tag or a digest. No value of the variable can then move the name to another place, since neither takes a
/// slash.
fn version_only(known: &str) -> Option<Reference> {
    let slash = known.rfind('/').map_or(0, |at| at.saturating_add(1));
    let name = known.get(slash..)?;
    let mark = name.find([':', '@'])?;
    // `${A}:…` before a slash would be a host and its port: without a slash nothing tells the two apart.
    if slash == 0 {
        return None;
    }
    Reference::parse(known.get(..slash.saturating_add(mark))?).ok()
}
