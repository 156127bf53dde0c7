//! Bytes and their digest, hashed once. Whoever holds a [`Blob`] needs not hash it again to know its name. There never is
//! one whose bytes are not those of its digest.

use crate::digest::Sha256;
use std::ops::Deref;

/// Stored bytes, by the digest that they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    digest: Sha256,
    bytes: Vec<u8>,
}

impl Blob {
    /// Of bytes, whatever their digest is.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { digest: Sha256::of(&bytes), bytes }
    }

    /// Of bytes, if they are those of this digest.
    #[must_use]
    pub fn named(digest: &Sha256, bytes: Vec<u8>) -> Option<Self> {
        Some(Self::of(bytes)).filter(|blob| blob.digest == *digest)
    }

    /// The digest of the bytes.
    #[must_use]
    pub const fn digest(&self) -> &Sha256 {
        &self.digest
    }

    /// The bytes alone.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_no_other_name_than_their_own() {
        let blob = Blob::of(b"one".to_vec());
        assert_eq!(blob.digest(), &Sha256::of(b"one"));
        assert_eq!(Blob::named(&Sha256::of(b"one"), b"one".to_vec()), Some(blob));
        assert_eq!(Blob::named(&Sha256::of(b"one"), b"other".to_vec()), None);
    }
}
