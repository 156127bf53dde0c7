//! Whether a value looks like a secret: entropy, checksums, and what people write that is none.

use memchr::memmem;
use std::collections::BTreeSet;

/// What a rule asks of the secret beyond its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Letters and digits both: not a word, not a number.
    Mixed,
    /// A password in an address: no placeholder, no variable.
    Password,
    /// What a machine drew: no word, name, path, version, placeholder or UUID.
    Drawn,
}

/// Shannon entropy in bits a byte.
pub(crate) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let Ok(total) = u32::try_from(bytes.len()) else { return 8.0 };
    let total = f64::from(total);
    let each = |count: &u32| {
        let share = f64::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(each).sum()
}

/// Whether the last six digits are the CRC-32 of what stands between prefix and them, in base 62. GitHub and npm publish
/// this form of their tokens.
pub(crate) fn base62_crc32(token: &[u8]) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some(start) = memchr::memchr(b'_', token).map(|at| at + 1) else { return false };
    let Some((body, said)) = token.get(start..).and_then(|rest| rest.split_last_chunk::<6>()) else { return false };
    let mut sum = usize::try_from(crc32fast::hash(body)).unwrap_or(0);
    said.iter().rev().all(|digit| {
        let holds = DIGITS.get(sum % 62) == Some(digit);
        sum /= 62;
        holds
    }) && sum == 0
}

/// What stands in a value that is no secret, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "sample",
    "placeholder",
    "change",
    "your",
    "dummy",
    "fake",
    "test",
    "xxxx",
    "****",
    "....",
    "----",
    "____",
    "redacted",
    "todo",
    "undefined",
    "default",
    "foobar",
    "foo",
    "lorem",
    "secret",
    "token",
    "passw",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "invalid",
    "mock",
    "demo",
    "null",
    "true",
    "false",
    "public",
    "string",
    "1234",
    "abcd",
];
/// What stands in a password of an address that is none.
const NO_PASSWORDS: &[&str] = &[
    "example",
    "placeholder",
    "change",
    "your",
    "xxxx",
    "redacted",
    "password",
    "passwd",
    "secret",
    "hunter",
    "foobar",
    "user",
    "token",
    "test",
    "pass",
    "dummy",
    "guest",
    "admin",
    "postgres",
    "mysql",
    "root",
    "1234",
];

/// Whether a value looks as asked.
pub(crate) fn looks(look: Look, value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    match look {
        Look::Mixed => digits >= 2 && letters >= 2 && distinct(value) >= 8,
        Look::Password => !has_any(value, NO_PASSWORDS) && distinct(value) >= 5,
        Look::Drawn => {
            digits >= 2
                && letters >= 2
                && distinct(value) >= 7
                && !has_any(value, PLACEHOLDERS)
                && !is_uuid(value)
                && !spoken(value)
        }
    }
}

fn distinct(value: &[u8]) -> usize {
    value.iter().collect::<BTreeSet<_>>().len()
}

fn has_any(value: &[u8], words: &[&str]) -> bool {
    let lower = value.to_ascii_lowercase();
    words.iter().any(|word| memmem::find(&lower, word.as_bytes()).is_some())
}

fn is_uuid(value: &[u8]) -> bool {
    let lengths: Vec<usize> = value.split(|byte| *byte == b'-').map(<[u8]>::len).collect();
    lengths == [8, 4, 4, 4, 12] && value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Whether the value is made of words with a number here and there: `my-app-v2`, `foo.bar.baz_3`, `us-east-1.thing`.
fn spoken(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|byte| !byte.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.len() >= 2
        && parts.iter().all(|part| {
            let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            let rest = part.get(letters..).unwrap_or_default();
            part.len() <= 14 && rest.iter().all(u8::is_ascii_digit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{base62_token, drawn};

    #[test]
    fn entropy_is_that_of_shannon() {
        assert!(entropy(b"aaaaaaaa").abs() < 1e-9);
        assert!((entropy(b"abcdabcd") - 2.0).abs() < 1e-9);
        assert!(entropy(b"") < 1e-9);
    }

    #[test]
    fn a_checksum_holds_for_what_it_was_made_of_and_for_nothing_else() {
        let token = base62_token("ghp_", 7);
        assert!(base62_crc32(token.as_bytes()), "{token}");
        let mut other = token.into_bytes();
        other[10] = if other[10] == b'a' { b'b' } else { b'a' };
        assert!(!base62_crc32(&other));
        for short in ["", "ghp_", "ghp_12345", "no underscore at all"] {
            assert!(!base62_crc32(short.as_bytes()), "{short}");
        }
    }

    #[test]
    fn words_names_and_placeholders_are_no_secrets() {
        assert!(looks(Look::Drawn, drawn(32, 3).as_bytes()));
        for none in [
            "my-application-v2-name10",
            "changeme12345678",
            "${SECRET_TOKEN_12}",
            "aaaaaaaa11111111",
            "correcthorsebattery",
        ] {
            assert!(!looks(Look::Drawn, none.as_bytes()), "{none}");
        }
        let uuid = ["123e4567", "e89b", "42d3", "a456", "556642440000"].join("-");
        assert!(!looks(Look::Drawn, uuid.as_bytes()));
    }
}
