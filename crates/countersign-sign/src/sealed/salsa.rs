//! The Salsa20 core, and what is made of it: the mixing of scrypt, and the secretbox of `NaCl` (`XSalsa20` and Poly1305), which
//! is what cosign seals its keys with. The provider has neither; nothing here signs, and nothing is sealed with it.

use zeroize::Zeroizing;

/// Sixteen words.
pub(super) type Block = [u32; 16];

/// A quarter round on four words of a block.
macro_rules! quarter {
    ($x:ident, $a:literal, $b:literal, $c:literal, $d:literal) => {
        $x[$b] ^= $x[$a].wrapping_add($x[$d]).rotate_left(7);
        $x[$c] ^= $x[$b].wrapping_add($x[$a]).rotate_left(9);
        $x[$d] ^= $x[$c].wrapping_add($x[$b]).rotate_left(13);
        $x[$a] ^= $x[$d].wrapping_add($x[$c]).rotate_left(18);
    };
}

/// Pairs of a column round and a row round.
fn rounds(x: &mut Block, pairs: u32) {
    for _ in 0..pairs {
        quarter!(x, 0, 4, 8, 12);
        quarter!(x, 5, 9, 13, 1);
        quarter!(x, 10, 14, 2, 6);
        quarter!(x, 15, 3, 7, 11);
        quarter!(x, 0, 1, 2, 3);
        quarter!(x, 5, 6, 7, 4);
        quarter!(x, 10, 11, 8, 9);
        quarter!(x, 15, 12, 13, 14);
    }
}

/// Salsa20 with so many pairs of rounds, in place.
pub(super) fn core(block: &mut Block, pairs: u32) {
    let before = *block;
    rounds(block, pairs);
    for (word, old) in block.iter_mut().zip(before) {
        *word = word.wrapping_add(old);
    }
}

/// "expand 32-byte k", in words.
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut out = [0; N];
    for (word, four) in out.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes(four.try_into().unwrap_or_default());
    }
    out
}

fn input(key: &[u8], tail: [u32; 4]) -> Block {
    let (s, k, t) = (SIGMA, words::<8>(key), tail);
    [s[0], k[0], k[1], k[2], k[3], s[1], t[0], t[1], t[2], t[3], s[2], k[4], k[5], k[6], k[7], s[3]]
}

/// The first bytes of `XSalsa20`'s stream for a key of 32 and a nonce of 24 bytes.
fn stream(key: &[u8; 32], nonce: &[u8; 24], length: usize) -> Zeroizing<Vec<u8>> {
    let (first, last) = nonce.split_at(16);
    let mut b = Zeroizing::new(input(key, words(first)));
    rounds(&mut b, 10);
    let mut derived = Zeroizing::new(Vec::with_capacity(32));
    let [first, _, _, _, _, second, sixth, seventh, eighth, ninth, third, _, _, _, _, fourth] = *b;
    for word in [first, second, third, fourth, sixth, seventh, eighth, ninth] {
        derived.extend_from_slice(&word.to_le_bytes());
    }
    let [n0, n1] = words(last);
    let mut out = Zeroizing::new(Vec::with_capacity(length.saturating_add(64)));
    let mut counter = 0_u32;
    while out.len() < length {
        let mut block = Zeroizing::new(input(&derived, [n0, n1, counter, 0]));
        core(&mut block, 10);
        for word in *block {
            out.extend_from_slice(&word.to_le_bytes());
        }
        counter = counter.wrapping_add(1);
    }
    out.truncate(length);
    out
}

/// Opens a secretbox: 16 bytes of authentication, then the text.
pub(super) fn open(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, text) = sealed.split_first_chunk::<16>()?;
    let stream = stream(key, nonce, text.len().checked_add(32)?);
    let (once, stream) = stream.split_first_chunk::<32>()?;
    let wanted = authenticator(once, text);
    aws_lc_rs::constant_time::verify_slices_are_equal(&wanted, tag).ok()?;
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    out.extend(text.iter().zip(stream).map(|(a, b)| a ^ b));
    Some(out)
}

/// 26 bits.
const MASK: u64 = 0x03ff_ffff;

/// Five limbs of 26 bits of a number of 128 bits, and a bit above it.
fn limbs(number: u128, above: u64) -> [u64; 5] {
    let limb = |shift: u32| u64::try_from((number >> shift) & u128::from(MASK)).unwrap_or_default();
    [limb(0), limb(26), limb(52), limb(78), limb(104) | (above << 24)]
}

/// Poly1305 under a key that is used once.
fn authenticator(key: &[u8; 32], text: &[u8]) -> [u8; 16] {
    let half = |bytes: &[u8]| u128::from_le_bytes(bytes.try_into().unwrap_or_default());
    let (factor, added) = key.split_at(16);
    let r = limbs(half(factor) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff, 0);
    let five = [r[0], r[1] * 5, r[2] * 5, r[3] * 5, r[4] * 5];
    let mut sum = [0_u64; 5];
    for chunk in text.chunks(16) {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(chunk) {
            *to = *from;
        }
        let number = u128::from_le_bytes(bytes);
        let more = match u32::try_from(chunk.len()) {
            Ok(short) if short < 16 => limbs(number | (1 << (short * 8)), 0),
            _ => limbs(number, 1),
        };
        let a = [sum[0] + more[0], sum[1] + more[1], sum[2] + more[2], sum[3] + more[3], sum[4] + more[4]];
        sum = carried([
            a[0] * r[0] + a[1] * five[4] + a[2] * five[3] + a[3] * five[2] + a[4] * five[1],
            a[0] * r[1] + a[1] * r[0] + a[2] * five[4] + a[3] * five[3] + a[4] * five[2],
            a[0] * r[2] + a[1] * r[1] + a[2] * r[0] + a[3] * five[4] + a[4] * five[3],
            a[0] * r[3] + a[1] * r[2] + a[2] * r[1] + a[3] * r[0] + a[4] * five[4],
            a[0] * r[4] + a[1] * r[3] + a[2] * r[2] + a[3] * r[1] + a[4] * r[0],
        ]);
    }
    // Twice, so that each limb has 26 bits; then the number less the prime, if it is not below it.
    let sum = carried(carried(sum));
    let less = carried_up([sum[0] + 5, sum[1], sum[2], sum[3], sum[4]]);
    let kept = if less[4] >> 26 == 0 { sum } else { less };
    let number = kept.iter().rev().fold(0_u128, |number, limb| (number << 26) | u128::from(limb & MASK));
    number.wrapping_add(half(added)).to_le_bytes()
}

/// Carries from limb to limb, and what leaves the last comes back to the first five times.
fn carried(limbs: [u64; 5]) -> [u64; 5] {
    let limbs = carried_up(limbs);
    let first = (limbs[0] & MASK) + (limbs[4] >> 26) * 5;
    [first & MASK, limbs[1] + (first >> 26), limbs[2], limbs[3], limbs[4] & MASK]
}

/// Carries from limb to limb; the last keeps what is too much.
fn carried_up(limbs: [u64; 5]) -> [u64; 5] {
    let mut carry = 0;
    let [first, second, third, fourth, last] = limbs.map(|limb| {
        let full = limb + carry;
        carry = full >> 26;
        full & MASK
    });
    // What the last limb gave up comes back to it.
    [first, second, third, fourth, last | (carry << 26)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::digest::hex_array;

    /// RFC 8439, 2.5.2, and its appendix A.3 for the carries at the prime.
    #[test]
    fn the_authenticator_is_that_of_the_standard() {
        let key = hex_array("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b").unwrap();
        let tag: [u8; 16] = hex_array("a8061dc1305136c6c22b8baf0c0127a9").unwrap();
        assert_eq!(authenticator(&key, b"Cryptographic Forum Research Group"), tag);
        let two = |first: u8| {
            let mut key = [0; 32];
            key[0] = first;
            key
        };
        let short = |first: u8| {
            let mut tag = [0; 16];
            tag[0] = first;
            tag
        };
        assert_eq!(authenticator(&two(2), &[0xff; 16]), short(3));
        let mut at_the_prime = [0xff; 48];
        at_the_prime[16..32].copy_from_slice(&hex_array::<16>("f0ffffffffffffffffffffffffffffff").unwrap());
        at_the_prime[32..].copy_from_slice(&hex_array::<16>("11000000000000000000000000000000").unwrap());
        assert_eq!(authenticator(&two(1), &at_the_prime), short(5));
    }

    /// The box of the own tests of `NaCl`.
    #[test]
    fn a_box_of_nacl_opens_and_one_that_was_altered_does_not() {
        let key = hex_array("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389").unwrap();
        let nonce = hex_array("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37").unwrap();
        let text: [u8; 131] = hex_array(concat!(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc",
            "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31",
            "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde",
            "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864",
            "5e0705"
        ))
        .unwrap();
        let sealed: [u8; 147] = hex_array(concat!(
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce",
            "48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c972",
            "71d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae",
            "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b3",
            "7973f622a43d14a6599b1f654cb45a74e355a5"
        ))
        .unwrap();
        assert_eq!(open(&key, &nonce, &sealed).unwrap().as_slice(), text);
        for at in [0, 15, 16, 146] {
            let mut altered = sealed;
            altered[at] ^= 1;
            assert!(open(&key, &nonce, &altered).is_none(), "{at}");
        }
        assert!(open(&key, &nonce, &sealed[..15]).is_none());
    }
}
