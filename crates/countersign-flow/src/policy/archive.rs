//! A `tar.gz` of a few files, the same bytes for the same files: sorted, without times or owners, and not compressed.

use std::collections::BTreeMap;

const BLOCK: usize = 512;
/// The longest piece that a gzip stream holds as it is.
const PIECE: usize = 65_535;

/// The archive. Paths of more than 100 bytes do not fit its plain form, and are said.
pub(super) fn tar_gz(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, String> {
    let mut tar = Vec::new();
    for (path, bytes) in files {
        tar.extend(header(path, bytes.len()).ok_or_else(|| path.clone())?);
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end it.
    tar.resize(tar.len().saturating_add(BLOCK.saturating_mul(2)), 0);
    Ok(gzip(&tar))
}

fn header(path: &str, size: usize) -> Option<[u8; BLOCK]> {
    let mut block = [0_u8; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        block.get_mut(at..at.checked_add(text.len())?)?.copy_from_slice(text);
        Some(())
    };
    if path.len() > 100 {
        return None;
    }
    put(0, path.as_bytes())?;
    put(100, b"0000644\0")?;
    put(108, b"0000000\0")?;
    put(116, b"0000000\0")?;
    put(124, format!("{size:011o}\0").as_bytes())?;
    put(136, b"00000000000\0")?;
    put(148, b"        ")?;
    put(156, b"0")?;
    put(257, b"ustar\x0000")?;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    block.get_mut(148..156)?.copy_from_slice(sum.as_bytes());
    Some(block)
}

/// A gzip stream of pieces that are stored as they are.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut pieces = bytes.chunks(PIECE).peekable();
    while let Some(piece) = pieces.next() {
        out.push(u8::from(pieces.peek().is_none()));
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(piece);
    }
    out.extend(crc32(bytes).to_le_bytes());
    // By definition only its last 32 bits.
    let length = bytes.len() & 0xffff_ffff;
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_is_written_is_the_same_each_time_and_has_the_form() {
        let files = BTreeMap::from([("a/b".to_owned(), vec![7; 70_000]), (".c".to_owned(), b"x".to_vec())]);
        let written = tar_gz(&files).unwrap();
        assert_eq!(written, tar_gz(&files).unwrap());
        assert_eq!(written[..4], [0x1f, 0x8b, 8, 0]);
        assert_eq!(written[15..17], *b".c");
        assert_eq!(tar_gz(&BTreeMap::from([("p".repeat(101), Vec::new())])), Err("p".repeat(101)));
    }
}
