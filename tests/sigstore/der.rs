//! As much DER as certificates and timestamps take.

/// A value with its tag and length.
#[must_use]
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).expect("a length"));
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A sequence of parts.
#[must_use]
pub fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A set of parts, in the order that DER wants.
#[must_use]
pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.sort();
    tlv(0x31, &parts.concat())
}

/// `[n] EXPLICIT`.
#[must_use]
pub fn explicit(n: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | n, content)
}

/// An integer that is not negative.
#[must_use]
pub fn int(bytes: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|byte| *byte >= 0x80) {
        bytes.insert(0, 0);
    }
    tlv(2, &bytes)
}

/// Bytes.
#[must_use]
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

/// Bits, of which there is a whole number of bytes.
#[must_use]
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

/// Text.
#[must_use]
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// An object identifier, as it is written with dots.
#[must_use]
pub fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').map(|arc| arc.parse().expect("a number")).collect();
    let mut out = vec![u8::try_from(arcs[0] * 40 + arcs[1]).expect("a first byte")];
    for arc in &arcs[2..] {
        let mut digits = vec![u8::try_from(arc & 0x7f).expect("seven bits")];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.push(0x80 | u8::try_from(rest & 0x7f).expect("seven bits"));
            rest >>= 7;
        }
        out.extend(digits.into_iter().rev());
    }
    tlv(6, &out)
}

/// A time.
#[must_use]
pub fn time(seconds: i64) -> Vec<u8> {
    let text = countersign_core::time::Time::from_unix(seconds).expect("a time").to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    // Until 2049 certificates have two digits for the year.
    tlv(0x17, format!("{}Z", &digits[2..]).as_bytes())
}

/// A time with four digits for the year, as timestamps have it.
#[must_use]
pub fn long_time(seconds: i64) -> Vec<u8> {
    let text = countersign_core::time::Time::from_unix(seconds).expect("a time").to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    tlv(0x18, format!("{digits}Z").as_bytes())
}

/// The first value: its tag, its content, all of it, and what follows.
#[must_use]
pub fn first(bytes: &[u8]) -> (u8, &[u8], &[u8], &[u8]) {
    let (head, length) = match bytes[1] {
        short if short < 0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            (2 + count, bytes[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    };
    let end = head + length;
    (bytes[0], &bytes[head..end], &bytes[..end], &bytes[end..])
}

/// All values, one after the other, whole.
#[must_use]
pub fn all(mut bytes: &[u8]) -> Vec<(u8, &[u8], &[u8])> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (tag, content, whole, rest) = first(bytes);
        out.push((tag, content, whole));
        bytes = rest;
    }
    out
}
