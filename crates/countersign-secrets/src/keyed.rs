//! The digest of a secret under a key: equal secrets can be told, and without the key nobody can try out guesses.

use countersign_core::digest::Sha256;
use std::fmt;

/// The block length of SHA-256.
const BLOCK: usize = 64;
/// What the key's id is a digest of, before the key.
const ID_DOMAIN: &[u8] = b"countersign secrets digest key v1\n";

/// The key. Never shown.
#[derive(Clone)]
pub struct DigestKey {
    block: [u8; BLOCK],
    id: String,
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DigestKey {
    /// From the bytes of a key.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let hashed;
        let short = if key.len() > BLOCK {
            hashed = Sha256::of(key);
            hashed.as_bytes().as_slice()
        } else {
            key
        };
        let mut block = [0; BLOCK];
        for (to, from) in block.iter_mut().zip(short) {
            *to = *from;
        }
        let id: String = Sha256::of_parts(&[ID_DOMAIN, key]).hex().chars().take(16).collect();
        Self { block, id }
    }

    /// By what the key is told from others, without saying anything of it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 (RFC 2104).
    #[must_use]
    pub fn digest(&self, secret: &[u8]) -> Sha256 {
        let inner = Sha256::of_parts(&[&self.block.map(|byte| byte ^ 0x36), secret]);
        Sha256::of_parts(&[&self.block.map(|byte| byte ^ 0x5c), inner.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, cases 2 and 6.
    #[test]
    fn the_digest_is_that_of_the_published_vectors() {
        let short = DigestKey::new(b"Jefe").digest(b"what do ya want for nothing?");
        assert_eq!(short.hex(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = DigestKey::new(&[0xaa; 131]).digest(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(long.hex(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_key_shows_its_id_and_nothing_else() {
        let key = DigestKey::new(b"a key that nobody should see");
        assert_eq!(format!("{key:?}"), format!("DigestKey {{ id: \"{}\", .. }}", key.id()));
        assert_ne!(key.id(), DigestKey::new(b"another").id());
    }
}
