//! Made-up secrets for tests. None stands in the source as it is, so that the repository's own scan stays clean.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// So many characters of an alphabet, the same for the same seed.
pub(crate) fn of(alphabet: &[u8], length: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(alphabet[usize::try_from(state % u64::try_from(alphabet.len()).unwrap()).unwrap()])
        })
        .collect()
}

/// Letters and digits.
pub(crate) fn drawn(length: usize, seed: u64) -> String {
    of(DIGITS, length, seed)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(length: usize, seed: u64) -> String {
    of(b"0123456789abcdef", length, seed)
}

/// A token whose checksum holds.
pub(crate) fn base62_token(prefix: &str, seed: u64) -> String {
    let body = drawn(30, seed);
    let mut sum = usize::try_from(crc32fast::hash(body.as_bytes())).unwrap();
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(char::from(DIGITS[sum % 62]));
        sum /= 62;
    }
    format!("{prefix}{body}{}", digits.iter().rev().collect::<String>())
}
