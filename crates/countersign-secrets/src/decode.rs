//! What the bytes of a file are: text, text in UTF-16, something else, or packed so that nothing can be read in it.

use std::borrow::Cow;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, or anything without a NUL near its beginning.
    Text,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Bytes. Searched as they are.
    Binary,
    /// Compressed or encrypted: what is in it was not looked into.
    Packed,
    /// A pointer to a file that is kept elsewhere (Git LFS).
    Pointer,
}

/// How much of the beginning says what a file is.
const HEAD: usize = 8_000;

/// How packed files begin.
const PACKED: &[&[u8]] = &[
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"\x28\xb5\x2f\xfd",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"wOF2",
    b"wOFF",
    b"Rar!",
    b"OggS",
    b"age-encryption.org/v1",
];

const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What these bytes are.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Kind {
    if bytes.starts_with(LFS) && bytes.len() < 1024 {
        return Kind::Pointer;
    }
    if bytes.starts_with(b"\xff\xfe") {
        return Kind::Utf16Le;
    }
    if bytes.starts_with(b"\xfe\xff") {
        return Kind::Utf16Be;
    }
    if PACKED.iter().any(|magic| bytes.starts_with(magic)) {
        return Kind::Packed;
    }
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    if memchr::memchr(0, head).is_none() {
        return Kind::Text;
    }
    // Text in UTF-16 without a mark at its beginning: every second byte of plain letters is zero.
    let half = head.len() / 2;
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    if half >= 8 && odd > half * 3 / 4 && even < half / 8 {
        Kind::Utf16Le
    } else if half >= 8 && even > half * 3 / 4 && odd < half / 8 {
        Kind::Utf16Be
    } else {
        Kind::Binary
    }
}

/// The bytes that are searched: UTF-16 becomes UTF-8, all else stays.
pub(crate) fn searched(kind: Kind, bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match kind {
        Kind::Utf16Le => u16::from_le_bytes,
        Kind::Utf16Be => u16::from_be_bytes,
        Kind::Text | Kind::Binary | Kind::Packed | Kind::Pointer => return Cow::Borrowed(bytes),
    };
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [a, b] => unit([*a, *b]),
        _ => 0xfffd,
    });
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Cow::Owned(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: bool, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{text}").encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn text_in_utf_16_is_read_with_and_without_a_mark() {
        let text = "password = \"something that is long enough\"\r\n";
        for mark in [true, false] {
            let (le, be) = (utf16(text, mark, u16::to_le_bytes), utf16(text, mark, u16::to_be_bytes));
            assert_eq!((kind_of(&le), kind_of(&be)), (Kind::Utf16Le, Kind::Utf16Be), "{mark}");
            for (kind, bytes) in [(Kind::Utf16Le, le), (Kind::Utf16Be, be)] {
                assert!(String::from_utf8_lossy(&searched(kind, &bytes)).ends_with(text));
            }
        }
    }

    #[test]
    fn what_is_packed_or_elsewhere_is_not_taken_for_text() {
        assert_eq!(kind_of(b"PK\x03\x04rest"), Kind::Packed);
        assert_eq!(kind_of(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), Kind::Pointer);
        assert_eq!(kind_of(b"\x7fELF\0\0\0\x01"), Kind::Binary);
        assert_eq!(kind_of(b""), Kind::Text);
        assert_eq!(kind_of(b"\xff\xff not UTF-8 \xc3"), Kind::Text);
    }
}
