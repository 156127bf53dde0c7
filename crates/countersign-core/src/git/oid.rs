//! Object ids: the names that git gives to bytes. Parsed once, strictly; hashed with SHA-1 collision detection.

use super::object::ObjectKind;
use crate::digest::{self, DigestError, hex_array, to_hex};
use sha1_checked::{CollisionResult, Digest as _};
use std::fmt;

/// The hash that names the objects of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ObjectFormat {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl ObjectFormat {
    /// Bytes of an id.
    #[must_use]
    pub const fn byte_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Hexadecimal characters of an id.
    #[must_use]
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// The name that git uses for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// The id of a git object. Its text form is 40 or 64 lower-case hexadecimal characters; the length says which hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid {
    format: ObjectFormat,
    /// The id, then zeros if the hash is shorter.
    bytes: [u8; 32],
}

impl Oid {
    /// The id of an object of this kind with these bytes.
    pub fn hash(format: ObjectFormat, kind: ObjectKind, bytes: &[u8]) -> Result<Self, CollisionDetected> {
        let header = format!("{kind} {}\0", bytes.len());
        match format {
            ObjectFormat::Sha1 => sha1(&[header.as_bytes(), bytes]),
            ObjectFormat::Sha256 => {
                Ok(Self { format, bytes: *digest::Sha256::of_parts(&[header.as_bytes(), bytes]).as_bytes() })
            }
        }
    }

    /// Parses 40 or 64 lower-case hexadecimal characters.
    pub fn from_hex(text: &str) -> Result<Self, OidError> {
        match text.len() {
            40 => Ok(Self::sha1(hex_array(text)?)),
            64 => Ok(Self::sha256(hex_array(text)?)),
            found => Err(OidError::Length { found }),
        }
    }

    /// The raw bytes of an id, as trees hold them; `None` if there are not exactly as many as the hash has.
    #[must_use]
    pub fn from_bytes(format: ObjectFormat, raw: &[u8]) -> Option<Self> {
        match format {
            ObjectFormat::Sha1 => Some(Self::sha1(raw.try_into().ok()?)),
            ObjectFormat::Sha256 => Some(Self::sha256(raw.try_into().ok()?)),
        }
    }

    /// The hash it was made with.
    #[must_use]
    pub const fn format(&self) -> ObjectFormat {
        self.format
    }

    /// The 20 or 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.format.byte_len()).unwrap_or_default()
    }

    /// The hexadecimal form.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(self.as_bytes())
    }

    fn sha1(short: [u8; 20]) -> Self {
        let mut bytes = [0; 32];
        for (slot, byte) in bytes.iter_mut().zip(short) {
            *slot = byte;
        }
        Self { format: ObjectFormat::Sha1, bytes }
    }

    const fn sha256(bytes: [u8; 32]) -> Self {
        Self { format: ObjectFormat::Sha256, bytes }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Oid {
    type Err = OidError;
    fn from_str(text: &str) -> Result<Self, OidError> {
        Self::from_hex(text)
    }
}

impl serde::Serialize for Oid {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.hex())
    }
}

impl<'de> serde::Deserialize<'de> for Oid {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::json::text(d, Self::from_hex)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Oid {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Oid".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$" })
    }
}

/// Why text is not an object id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OidError {
    /// The wrong number of characters.
    #[error("an object id has 40 or 64 hexadecimal characters, found {found}")]
    Length {
        /// How many there were.
        found: usize,
    },
    /// Not a lower-case hexadecimal character.
    #[error(transparent)]
    Hex(#[from] DigestError),
}

/// The bytes carry the marks of a SHA-1 collision attack, so their SHA-1 names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes carry the marks of a SHA-1 collision")]
pub struct CollisionDetected;

/// Detection is on, and a detected collision is an error: the "safe" hash that the library could give instead would be
/// an id that git does not know.
fn sha1(parts: &[&[u8]]) -> Result<Oid, CollisionDetected> {
    let mut hasher = sha1_checked::Sha1::builder().detect_collision(true).safe_hash(false).build();
    for part in parts {
        hasher.update(part);
    }
    match hasher.try_finalize() {
        CollisionResult::Ok(hash) => Ok(Oid::sha1(hash.into())),
        CollisionResult::Mitigated(_) | CollisionResult::Collision(_) => Err(CollisionDetected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_git_gives() {
        let blob = |format| Oid::hash(format, ObjectKind::Blob, b"hello\n").unwrap().to_string();
        assert_eq!(blob(ObjectFormat::Sha1), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(blob(ObjectFormat::Sha256), "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4");
    }

    #[test]
    fn other_lengths_and_cases_are_refused() {
        assert_eq!(Oid::from_hex("ce0136"), Err(OidError::Length { found: 6 }));
        assert!(matches!(Oid::from_hex(&"A".repeat(40)), Err(OidError::Hex(_))));
        assert_eq!(Oid::from_bytes(ObjectFormat::Sha256, &[0; 20]), None);
        let id = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!(Oid::from_hex(id).unwrap().hex(), id);
        assert_eq!(Oid::from_hex(id).unwrap().as_bytes().len(), 20);
    }

    #[test]
    fn a_block_pair_made_for_a_collision_is_noticed() {
        // The first 320 bytes of the two PDF files of the SHAttered attack differ and have the same SHA-1.
        let prefix = hex_array::<320>(SHATTERED).unwrap();
        assert_eq!(sha1(&[&prefix]), Err(CollisionDetected));
        // Inside a git object the header shifts the blocks, and the attack with them.
        assert!(Oid::hash(ObjectFormat::Sha1, ObjectKind::Blob, &prefix).is_ok());
    }

    const SHATTERED: &str = concat!(
        "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f48656967687420332030",
        "20522f547970652034203020522f537562747970652035203020522f46696c7465722036203020522f436f6c6f7253706163",
        "652037203020522f4c656e6774682038203020522f42697473506572436f6d706f6e656e7420383e3e0a73747265616d0aff",
        "d8fffe00245348412d3120697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe017346dc9166b67e11",
        "8f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f",
        "0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500eb4ddc0decc1a864790c782c",
        "76215660dd309791d06bd0af3f98cda4bc4629b1",
    );
}
