//! What configuration files say, with the place of each fact: container images and connections to databases.
//!
//! Every reader takes the bytes of one file and gives what it found in it, or says why it could not read it. What cannot
//! be told from the file alone (a variable, a template) is unknown: it is a fact of its own, and never left out.

mod connection;
mod database;
mod dockerfile;
mod document;
mod elsewhere;
mod image;
mod node;
mod pipeline;
mod reference;
mod text;
mod workload;

pub mod plan;

pub use connection::Connection;
pub use database::{Database, Encryption};
pub use image::{Certainty, Image, Role};
pub use reference::{Reference, ReferenceError};

use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the readers. A change after which they may see more or less in the same bytes is a new one.
pub const READERS: u32 = 2;

/// A kind of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Part {
    /// Container images.
    Images,
    /// Connections to databases.
    Connections,
}

/// What a file is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A Dockerfile.
    Dockerfile,
    /// YAML: Kubernetes, compose, a pipeline, or something else.
    Yaml,
    /// JSON.
    Json,
    /// Settings by line: environment files, properties, TOML and the like.
    Settings,
}

impl FileKind {
    /// What kind of configuration a path names, if it names one.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        let is = |stem: &str| {
            name == stem
                || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
                || name.strip_suffix(stem).is_some_and(|rest| rest.ends_with('.'))
        };
        if name.ends_with(".dockerignore") {
            return None;
        }
        if ends(&[".yaml", ".yml"]) || name == "kustomization" {
            return Some(Self::Yaml);
        }
        if ends(&[".json"]) {
            return Some(Self::Json);
        }
        // Code and prose that only has such a name, `dockerfile.rs`, is none.
        let prose = ends(&[".md", ".rs", ".go", ".py", ".js", ".ts", ".java", ".txt", ".html", ".rb", ".c", ".h"]);
        if (is("dockerfile") || is("containerfile")) && !prose {
            return Some(Self::Dockerfile);
        }
        let settings = [".env", ".properties", ".toml", ".ini", ".cfg", ".conf", ".config", ".tfvars"];
        if ends(&settings) || (name.starts_with(".env.") || name.starts_with("env.")) && !prose {
            return Some(Self::Settings);
        }
        None
    }

    /// What a file of this kind may hold.
    #[must_use]
    pub fn parts(self) -> BTreeSet<Part> {
        match self {
            Self::Dockerfile | Self::Yaml | Self::Json => BTreeSet::from([Part::Images, Part::Connections]),
            Self::Settings => BTreeSet::from([Part::Connections]),
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Images.
    pub images: Vec<Image>,
    /// Connections.
    pub connections: Vec<Connection>,
    /// What it takes in from elsewhere, if anything: the facts are what it holds itself.
    pub elsewhere: Option<Unread>,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// In words.
    pub why: String,
    /// What it may hold.
    pub lacks: BTreeSet<Part>,
}

/// Why a template is not read.
const TEMPLATE: &str = "it is a template: what is made of it is not known from it";

/// Whether what a tool renders stands for what was not read for this reason.
#[must_use]
pub fn is_rendered(why: &str) -> bool {
    why == TEMPLATE || why == elsewhere::CHARTS || why == elsewhere::BASES
}

/// Reads a file. `path` says what kind it is, and stands in each fact. Facts that were found before a file turned out not
/// to be readable are not given: a part of them would look like all.
pub fn read(path: &str, kind: FileKind, bytes: &[u8]) -> Result<Found, Unread> {
    let unread = |why: &str| Err(Unread { why: why.to_owned(), lacks: may_hold(kind, bytes) });
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(Unread { why: "its content is not in the repository (Git LFS)".to_owned(), lacks: kind.parts() });
    }
    if bytes.len() > limits::CONFIG_FILE_BYTES {
        return settle(unread("it is larger than what is read"));
    }
    // Bytes of another encoding may pass for UTF-8, but for the zeros in them.
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
        return settle(unread("it is not UTF-8"));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let connections = connection::read(path, text);
    let images = match kind {
        FileKind::Dockerfile => dockerfile::read(path, text).map(|images| (images, None)).map_err(Fault::Malformed),
        FileKind::Settings => Ok((Vec::new(), None)),
        FileKind::Yaml | FileKind::Json => document::read(path, text),
    };
    match images {
        Ok((images, _)) if images.len().max(connections.len()) > limits::CONFIG_FACTS => {
            unread("it holds more than is read of one file")
        }
        Ok((mut images, elsewhere)) => {
            images.sort();
            let elsewhere = elsewhere.map(|why| Unread { why: why.to_owned(), lacks: kind.parts() });
            Ok(Found { images, connections, elsewhere })
        }
        // Whatever words stand in it: what it includes, and each value that is put in, may be anything.
        Err(Fault::Template) => Err(Unread { why: TEMPLATE.to_owned(), lacks: kind.parts() }),
        Err(Fault::Malformed(why)) => {
            // The lines were read all the same; only what needs its structure is not known.
            let mut lacks = if elsewhere::may_take_in(path) { kind.parts() } else { may_hold(kind, bytes) };
            lacks.remove(&Part::Connections);
            if lacks.is_empty() {
                Ok(Found { images: Vec::new(), connections, elsewhere: None })
            } else {
                Err(Unread { why, lacks })
            }
        }
    }
}

/// Why a document gives no facts.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is a template of something.
    Template,
    /// It does not parse.
    Malformed(String),
}

/// A file that cannot hold anything is as good as read.
fn settle(unread: Result<Found, Unread>) -> Result<Found, Unread> {
    match unread {
        Err(unread) if unread.lacks.is_empty() => Ok(Found::default()),
        other => other,
    }
}

/// Words of which at least one is in every document that names an image.
const IMAGE_WORDS: [&[u8]; 4] = [b"image", b"docker:", b"container", b"services"];

/// What bytes that cannot be read may hold. A word that is not in them, not even spelt by an escape, is not in what they
/// mean.
fn may_hold(kind: FileKind, bytes: &[u8]) -> BTreeSet<Part> {
    let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    // Of another encoding, with a zero in it, nothing can be told; an escape may stand for any letter, or for none.
    let escaped = [&b"\\u"[..], b"\\x", b"\\\n", b"\\\r", b"\0", b"\xff\xfe", b"\xfe\xff"].iter().any(|word| has(word));
    let mut parts = kind.parts();
    if kind != FileKind::Dockerfile && !escaped && !IMAGE_WORDS.iter().any(|word| has(word)) {
        parts.remove(&Part::Images);
    }
    if !escaped && !database::words().any(|word| has(word.as_bytes())) {
        parts.remove(&Part::Connections);
    }
    parts
}

#[cfg(test)]
mod tests;
