//! Digests: parsed once from untrusted text, compared as bytes ever after.

use sha2::Digest as _;
use std::fmt;

/// A SHA-256 digest. Its text form is 64 lower-case hexadecimal characters, with or without the prefix `sha256:`
/// depending on where it is written; the type is the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest of several pieces, as if they stood one after the other.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// A digest computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 lower-case hexadecimal characters.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        hex_array(text).map(Self)
    }

    /// Parses `sha256:` and 64 lower-case hexadecimal characters.
    pub fn from_prefixed(text: &str) -> Result<Self, DigestError> {
        text.strip_prefix("sha256:").ok_or(DigestError::Prefix).and_then(Self::from_hex)
    }

    /// 64 lower-case hexadecimal characters.
    #[must_use]
    pub fn hex(&self) -> String {
        to_hex(&self.0)
    }
}

/// A digest of bytes that come one piece after the other.
#[derive(Debug, Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// Takes in the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    #[must_use]
    pub fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}

impl fmt::Display for Sha256 {
    /// `sha256:` and the hexadecimal form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(&self.0) {
            pair.copy_from_slice(&digits(*byte));
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_utf8| fmt::Error)?)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Sha256 {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::from_prefixed(text)
    }
}

impl serde::Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::json::text(d, Self::from_prefixed)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Sha256 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sha256".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" })
    }
}

/// Why a digest did not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// It does not start with `sha256:`.
    #[error("a digest starts with `sha256:`")]
    Prefix,
    /// The wrong number of characters.
    #[error("a digest of this kind has {expected} hexadecimal characters, found {found}")]
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// Not a lower-case hexadecimal character.
    #[error("byte 0x{0:02x} is not a lower-case hexadecimal character")]
    Character(u8),
}

/// Lower-case hexadecimal text of `bytes`.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    out.extend(bytes.iter().flat_map(|byte| digits(*byte)).map(char::from));
    out
}

/// The two digits of a byte.
const fn digits(byte: u8) -> [u8; 2] {
    const fn digit(half: u8) -> u8 {
        if half < 10 { b'0'.wrapping_add(half) } else { b'a'.wrapping_sub(10).wrapping_add(half) }
    }
    [digit(byte >> 4), digit(byte & 15)]
}

/// Exactly `N` bytes from lower-case hexadecimal text.
pub fn hex_array<const N: usize>(text: &str) -> Result<[u8; N], DigestError> {
    let bytes = text.as_bytes();
    let length = DigestError::Length { expected: N.saturating_mul(2), found: bytes.len() };
    if bytes.len() != N.saturating_mul(2) {
        return Err(length);
    }
    let mut out = [0_u8; N];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let [hi, lo] = pair else { return Err(length) };
        *slot = (nibble(*hi)? << 4) | nibble(*lo)?;
    }
    Ok(out)
}

fn nibble(c: u8) -> Result<u8, DigestError> {
    match c {
        b'0'..=b'9' => Ok(c.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(c.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(DigestError::Character(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_as_it_was_written() {
        let d = Sha256::of(b"abc");
        assert_eq!(d.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(d.to_string().parse(), Ok(d));
    }

    #[test]
    fn other_lengths_cases_and_prefixes_are_refused() {
        assert_eq!(Sha256::from_hex("abc"), Err(DigestError::Length { expected: 64, found: 3 }));
        assert_eq!(Sha256::from_hex(&"A".repeat(64)), Err(DigestError::Character(b'A')));
        assert_eq!(Sha256::from_prefixed(&"a".repeat(64)), Err(DigestError::Prefix));
    }
}
