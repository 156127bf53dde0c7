//! scrypt (RFC 7914), by which cosign makes a key of a passphrase, and newer OpenSSL if it is told to.

use super::salsa::{self, Block};
use super::too_costly;
use crate::error::KeyFault;
use aws_lc_rs::pbkdf2;
use countersign_core::limits;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// How much work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// A power of two.
    pub n: u32,
    /// Blocks.
    pub r: u32,
    /// How often.
    pub p: u32,
}

/// Makes bytes of a passphrase.
pub(super) fn derive(passphrase: &[u8], salt: &[u8], cost: Cost, out: &mut [u8]) -> Result<(), KeyFault> {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (n, r, p) = (size(cost.n), size(cost.r), size(cost.p));
    if !cost.n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
        return Err(KeyFault::Sealed { problem: "its scrypt parameters do not hold" });
    }
    let block = r.saturating_mul(128);
    let memory = block.saturating_mul(n);
    if memory > limits::KEY_DERIVATION_BYTES || memory.saturating_mul(p) > limits::KEY_DERIVATION_BYTES {
        return Err(too_costly());
    }
    let mut bytes = Zeroizing::new(vec![0; block.saturating_mul(p)]);
    once(passphrase, salt, &mut bytes);
    for part in bytes.chunks_exact_mut(block) {
        let mut words: Zeroizing<Vec<u32>> = Zeroizing::new(
            part.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap_or_default())).collect(),
        );
        mix(&mut words, n, r, cost.n.wrapping_sub(1));
        for (four, word) in part.chunks_exact_mut(4).zip(words.iter()) {
            four.copy_from_slice(&word.to_le_bytes());
        }
    }
    once(passphrase, &bytes, out);
    Ok(())
}

fn once(passphrase: &[u8], salt: &[u8], out: &mut [u8]) {
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, salt, passphrase, out);
}

/// Fills a table, and walks through it as the words themselves say.
fn mix(words: &mut Zeroizing<Vec<u32>>, n: usize, r: usize, mask: u32) {
    let length = words.len();
    let mut table = Zeroizing::new(vec![0_u32; length.saturating_mul(n)]);
    let mut other = Zeroizing::new(vec![0_u32; length]);
    for row in table.chunks_exact_mut(length) {
        row.copy_from_slice(words);
        blocks(words, &mut other, r);
        std::mem::swap(words, &mut other);
    }
    for _ in 0..n {
        let first_of_last = length.saturating_sub(16);
        let row = usize::try_from(words.get(first_of_last).copied().unwrap_or_default() & mask).unwrap_or_default();
        if let Some(row) = table.chunks_exact(length).nth(row) {
            for (word, with) in words.iter_mut().zip(row) {
                *word ^= with;
            }
        }
        blocks(words, &mut other, r);
        std::mem::swap(words, &mut other);
    }
}

/// Mixes all blocks with each other: the even ones come first, then the odd ones.
fn blocks(from: &[u32], to: &mut [u32], r: usize) {
    let mut x: Block = from.last_chunk().copied().unwrap_or_default();
    let (even, odd) = to.split_at_mut(r.saturating_mul(16));
    let places = even.chunks_exact_mut(16).zip(odd.chunks_exact_mut(16));
    for (pair, (even, odd)) in from.chunks_exact(32).zip(places) {
        let (first, second) = pair.split_at(16);
        for (half, place) in [(first, even), (second, odd)] {
            for (word, with) in x.iter_mut().zip(half) {
                *word ^= with;
            }
            salsa::core(&mut x, 4);
            place.copy_from_slice(&x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::digest::to_hex;

    fn hex(passphrase: &[u8], salt: &[u8], n: u32, r: u32, p: u32) -> String {
        let mut out = [0; 64];
        derive(passphrase, salt, Cost { n, r, p }, &mut out).unwrap();
        to_hex(&out)
    }

    #[test]
    fn what_comes_out_is_what_the_standard_says() {
        assert!(
            hex(b"", b"", 16, 1, 1).starts_with("77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442")
        );
        assert!(
            hex(b"password", b"NaCl", 1024, 8, 16)
                .starts_with("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")
        );
    }

    #[test]
    fn a_cost_that_nobody_means_is_refused_before_any_work() {
        let refused = |n, r, p| derive(b"", b"", Cost { n, r, p }, &mut [0; 32]).unwrap_err();
        for cost in [(1 << 30, 8, 1), (1 << 16, 1 << 16, 1), (1 << 16, 8, 1 << 20), (1 << 31, 1 << 31, 1 << 31)] {
            assert_eq!(refused(cost.0, cost.1, cost.2), too_costly());
        }
        for cost in [(0, 8, 1), (1, 8, 1), (3, 8, 1), (16, 0, 1), (16, 8, 0)] {
            assert!(matches!(refused(cost.0, cost.1, cost.2), KeyFault::Sealed { .. }), "{cost:?}");
        }
    }
}
