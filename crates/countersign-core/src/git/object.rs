//! Objects: a kind and bytes, and the strict readers' common parts. Commits and trees have their own files.

use super::oid::{CollisionDetected, ObjectFormat, Oid, OidError};
use crate::limits;
use std::fmt;
use std::sync::Arc;

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A folder.
    Tree,
    /// The bytes of a file.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// The word in the object's header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag].into_iter().find(|kind| kind.as_str().as_bytes() == word)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object: what git stores, without header. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl Object {
    /// An object of this kind with these bytes.
    #[must_use]
    pub fn new(kind: ObjectKind, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { kind, bytes: bytes.into() }
    }

    /// Its id under this hash.
    pub fn id(&self, format: ObjectFormat) -> Result<Oid, CollisionDetected> {
        Oid::hash(format, self.kind, &self.bytes)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.kind, self.bytes.len())
    }
}

/// Why bytes are not an object of the wanted kind. `at` is the offset of the first byte that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// More than the bound.
    #[error("{found} {what}, more than the {limit} that are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there were.
        found: usize,
        /// How many are read at most.
        limit: usize,
    },
    /// A header is absent, or not where it belongs.
    #[error("byte {at}: no `{header}` line here")]
    Header {
        /// The header that belongs here.
        header: &'static str,
        /// Where.
        at: usize,
    },
    /// A header that may stand once stands twice.
    #[error("byte {at}: a second `{header}` line")]
    Repeated {
        /// Which.
        header: &'static str,
        /// Where.
        at: usize,
    },
    /// A header's object id does not parse.
    #[error("byte {at}: {source}")]
    Id {
        /// Where.
        at: usize,
        /// Why.
        source: OidError,
    },
    /// An id of the other hash.
    #[error("byte {at}: a {} id in a {} object", found.as_str(), expected.as_str())]
    Format {
        /// Where.
        at: usize,
        /// The hash of the object.
        expected: ObjectFormat,
        /// The hash of the id in it.
        found: ObjectFormat,
    },
    /// An author or committer line without `<` and `>`.
    #[error("byte {at}: an identity is a name, an address in angle brackets and a time")]
    Identity {
        /// Where.
        at: usize,
    },
    /// A continuation line without a header before it, a header without a value, or no empty line after the headers.
    #[error("byte {at}: not a header line")]
    HeaderLine {
        /// Where.
        at: usize,
    },
    /// A tree entry that ends too early.
    #[error("byte {at}: a tree entry is cut short")]
    EntryCut {
        /// Where.
        at: usize,
    },
    /// A tree entry's mode is not one that we read.
    #[error("byte {at}: mode {mode:?} is not one of a file, folder, link or submodule")]
    Mode {
        /// Where.
        at: usize,
        /// The mode, as far as it is text.
        mode: String,
    },
    /// A tree entry's name is empty, `.`, `..`, `.git` in any case, or has a slash.
    #[error("byte {at}: name {name:?} may not stand in a tree")]
    Name {
        /// Where.
        at: usize,
        /// The name, as far as it is text.
        name: String,
    },
    /// Tree entries out of git's order.
    #[error("byte {at}: entry {name:?} is out of order")]
    Order {
        /// Where.
        at: usize,
        /// The name, as far as it is text.
        name: String,
    },
    /// Two tree entries of one name.
    #[error("byte {at}: a second entry {name:?}")]
    Duplicate {
        /// Where.
        at: usize,
        /// The name, as far as it is text.
        name: String,
    },
    /// A tag's `type` is none.
    #[error("byte {at}: not an object's kind")]
    Kind {
        /// Where.
        at: usize,
    },
}

/// An annotated tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What it points to.
    pub object: Oid,
    /// The kind of what it points to, as the tag says.
    pub kind: ObjectKind,
    /// Its name, without `refs/tags/`.
    pub name: Vec<u8>,
}

impl Tag {
    /// Reads the bytes of a tag object.
    pub fn parse(format: ObjectFormat, bytes: &[u8]) -> Result<Self, ObjectError> {
        bound("bytes of an object", bytes.len(), limits::GIT_OBJECT_BYTES)?;
        let mut lines = Lines { rest: bytes, at: 0 };
        let (at, object) = lines.header("object")?;
        let object = parse_id(format, at, object)?;
        let (at, kind) = lines.header("type")?;
        let kind = ObjectKind::from_word(kind).ok_or(ObjectError::Kind { at })?;
        let (_, name) = lines.header("tag")?;
        Ok(Self { object, kind, name: name.to_vec() })
    }
}

pub(super) fn bound(what: &'static str, found: usize, limit: usize) -> Result<(), ObjectError> {
    if found > limit {
        return Err(ObjectError::TooMany { what, found, limit });
    }
    Ok(())
}

/// An id in a header, of the hash that the object itself is named by.
pub(super) fn parse_id(expected: ObjectFormat, at: usize, text: &[u8]) -> Result<Oid, ObjectError> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let id = Oid::from_hex(text).map_err(|source| ObjectError::Id { at, source })?;
    if id.format() != expected {
        return Err(ObjectError::Format { at, expected, found: id.format() });
    }
    Ok(id)
}

/// Header lines, each with the offset at which it starts.
pub(super) struct Lines<'a> {
    pub(super) rest: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its newline; `None` if no newline follows.
    pub(super) fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let end = self.rest.iter().position(|b| *b == b'\n')?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        let start = self.at;
        self.rest = rest.get(1..).unwrap_or_default();
        self.at = start.saturating_add(end).saturating_add(1);
        Some((start, line))
    }

    /// The value of the next line, which must be this header.
    pub(super) fn header(&mut self, header: &'static str) -> Result<(usize, &'a [u8]), ObjectError> {
        let missing = ObjectError::Header { header, at: self.at };
        let (at, line) = self.next().ok_or_else(|| missing.clone())?;
        value(line, header).map(|v| (at, v)).ok_or(missing)
    }
}

/// The value of a header line, if it is this header.
pub(super) fn value<'a>(line: &'a [u8], header: &str) -> Option<&'a [u8]> {
    line.strip_prefix(header.as_bytes())?.strip_prefix(b" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_what_it_points_to() {
        let id = "ce013625030ba8dba906f756967f9e9ca394464a";
        let bytes = format!("object {id}\ntype commit\ntag v1.0\ntagger A <a@b> 1 +0000\n\nfirst\n");
        let tag = Tag::parse(ObjectFormat::Sha1, bytes.as_bytes()).unwrap();
        assert_eq!((tag.object.hex().as_str(), tag.kind), (id, ObjectKind::Commit));
        assert_eq!(tag.name, b"v1.0");
    }

    #[test]
    fn a_tag_with_another_hash_or_headers_out_of_place_is_refused() {
        let id = "ce013625030ba8dba906f756967f9e9ca394464a";
        let bytes = format!("object {id}\ntype commit\ntag v1.0\n");
        assert!(matches!(Tag::parse(ObjectFormat::Sha256, bytes.as_bytes()), Err(ObjectError::Format { at: 0, .. })));
        let swapped = format!("type commit\nobject {id}\ntag v1.0\n");
        assert_eq!(
            Tag::parse(ObjectFormat::Sha1, swapped.as_bytes()),
            Err(ObjectError::Header { header: "object", at: 0 })
        );
        let other = format!("object {id}\ntype branch\ntag v1.0\n");
        assert_eq!(Tag::parse(ObjectFormat::Sha1, other.as_bytes()), Err(ObjectError::Kind { at: 48 }));
    }
}
