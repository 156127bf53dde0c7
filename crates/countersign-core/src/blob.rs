//! Bytes and their digest, hashed once. Whoever holds a [`Blob`] needs not hash it again to know its name. There never is
//! one whose bytes are not those of its digest.

use crate::digest::Sha256;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Stored bytes, by the digest that they have.
#[derive(Debug, Clone)]
pub struct Blob {
    digest: Sha256,
    bytes: Bytes,
}

/// Bytes of its own, or a part of what others hold as well.
#[derive(Debug, Clone)]
enum Bytes {
    Own(Vec<u8>),
    Part(Arc<Vec<u8>>, Range<usize>),
}

impl Blob {
    /// Of bytes, whatever their digest is.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { digest: Sha256::of(&bytes), bytes: Bytes::Own(bytes) }
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
        match self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Part(..) => self.to_vec(),
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Part(all, range) => all.get(range.clone()).unwrap_or_default(),
        }
    }
}

/// Two are one where their bytes are, whoever else holds them.
impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && **self == **other
    }
}

impl Eq for Blob {}

/// Bytes that stay in memory as they were when parts of them were hashed, so that no part has to be hashed again.
#[derive(Debug)]
pub struct Parts {
    bytes: Arc<Vec<u8>>,
    hashed: Vec<(Sha256, Range<usize>)>,
}

impl Parts {
    /// Of bytes, of which no part is hashed yet.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(bytes), hashed: Vec::new() }
    }

    /// All of the bytes.
    #[must_use]
    pub fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// Hashes one part. Nothing where it does not lie within the bytes.
    pub fn hash(&mut self, part: Range<usize>) -> Option<Sha256> {
        let digest = Sha256::of(self.bytes.get(part.clone())?);
        self.hashed.push((digest, part));
        Some(digest)
    }

    /// The same without those parts that are not wanted, and without what lies between them.
    #[must_use]
    pub fn only(self, wanted: impl Fn(&[u8]) -> bool) -> Self {
        let part = |range: &Range<usize>| self.bytes.get(range.clone()).filter(|part| wanted(part));
        let kept: Vec<(Sha256, &[u8])> =
            self.hashed.iter().filter_map(|(digest, range)| Some((*digest, part(range)?))).collect();
        let length = kept.iter().fold(0_usize, |length, (_, part)| length.saturating_add(part.len()));
        let (mut bytes, mut hashed) = (Vec::with_capacity(length), Vec::with_capacity(kept.len()));
        for (digest, part) in kept {
            let start = bytes.len();
            bytes.extend_from_slice(part);
            hashed.push((digest, start..bytes.len()));
        }
        Self { bytes: Arc::new(bytes), hashed }
    }

    /// The parts that were hashed, in the order in which they were.
    #[must_use]
    pub fn hashed(&self) -> &[(Sha256, Range<usize>)] {
        &self.hashed
    }

    /// One of them, by its place in that order.
    #[must_use]
    pub fn blob(&self, place: usize) -> Option<Blob> {
        let (digest, part) = self.hashed.get(place)?;
        Some(Blob { digest: *digest, bytes: Bytes::Part(Arc::clone(&self.bytes), part.clone()) })
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

    #[test]
    fn a_part_is_what_the_same_bytes_are_by_themselves() {
        let mut parts = Parts::of(b"one two".to_vec());
        assert_eq!(parts.hash(4..7), Some(Sha256::of(b"two")));
        assert_eq!(parts.hash(0..0), Some(Sha256::of(b"")));
        for beyond in [0..8, 7..8, 8..9] {
            assert_eq!(parts.hash(beyond), None);
        }
        let two = parts.blob(0).expect("hashed");
        assert_eq!((&*two, two.digest()), (b"two".as_slice(), &Sha256::of(b"two")));
        assert_eq!(two, Blob::of(b"two".to_vec()));
        assert_eq!(parts.blob(1), Some(Blob::of(Vec::new())));
        assert_eq!((parts.blob(2), parts.hashed().len(), parts.whole()), (None, 2, b"one two".as_slice()));
        // It outlives what it is a part of.
        drop(parts);
        assert_eq!(two.into_bytes(), b"two");
    }
}
