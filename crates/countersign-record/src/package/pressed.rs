//! The bytes of a file as a package holds them: deflated, which any ZIP program reads. A year of signed statements, which
//! are much alike, takes a sixth of the room.

use super::{PackageError, small};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write as _;
use zlib_rs::{Inflate, InflateFlush, Status};

/// How hard it tries. The same program makes the same bytes of the same file; a test holds what they are.
const LEVEL: u32 = 6;
/// No deflated byte makes more than these: what promises more is a lie.
const MOST: u64 = 1_032;
/// Nor is anything deflated to less than this: an empty file takes two.
const LEAST: u64 = 64;

/// Nothing, deflated.
const EMPTY: [u8; 2] = [3, 0];

/// A file's bytes, deflated, with what a package says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    pub(super) bytes: Vec<u8>,
    /// The checksum of what they make.
    pub(super) crc: u32,
    /// The size of what they make.
    pub(super) size: u32,
}

impl Pressed {
    /// Of a file's bytes.
    pub fn of(bytes: &[u8]) -> Result<Self, PackageError> {
        if bytes.is_empty() {
            return Ok(Self { bytes: EMPTY.to_vec(), crc: 0, size: 0 });
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(LEVEL));
        // Memory takes every byte.
        let full = |_| PackageError::TooLarge { limit: countersign_core::limits::PACKAGE_BYTES, found: u64::MAX };
        encoder.write_all(bytes).map_err(full)?;
        let pressed = encoder.finish().map_err(full)?;
        Ok(Self { bytes: pressed, crc: crc32fast::hash(bytes), size: small(bytes.len())? })
    }
}

/// Memory that is taken at once for what deflated bytes are said to make; more is taken as they come.
const ROOM: usize = 8 << 20;
/// How far back deflated bytes may refer: 32 KiB, the most that the format has.
const WINDOW_BITS: u8 = 15;

/// What deflated bytes make, if they make so many, no more and no fewer, and nothing is left over.
pub(super) fn unpress(pressed: &[u8], size: u32) -> Option<Vec<u8>> {
    if size == 0 {
        return (*pressed == EMPTY).then(Vec::new);
    }
    let given = u64::try_from(pressed.len()).ok()?;
    if u64::from(size) > given.saturating_mul(MOST).saturating_add(LEAST) {
        return None;
    }
    let size = usize::try_from(size).ok()?;
    let mut decoder = Inflate::new(false, WINDOW_BITS);
    // One byte more than there may be is enough to see that there is one, and lets the decoder come to the end.
    let most = size.saturating_add(1);
    let mut out = vec![0; most.min(ROOM)];
    loop {
        let read = usize::try_from(decoder.total_in()).ok()?;
        let made = usize::try_from(decoder.total_out()).ok()?;
        let status = decoder.decompress(pressed.get(read..)?, out.get_mut(made..)?, InflateFlush::NoFlush).ok()?;
        let made = usize::try_from(decoder.total_out()).ok()?;
        match status {
            Status::StreamEnd => {
                out.truncate(size);
                return (made == size && decoder.total_in() == given).then_some(out);
            }
            // There is more, and room for it was promised.
            Status::Ok | Status::BufError if made == out.len() && made < most => {
                out.resize(most.min(made.saturating_mul(2)), 0);
            }
            Status::Ok | Status::BufError => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pressed_comes_back_and_nothing_else_does() {
        for bytes in [Vec::new(), b"x".to_vec(), b"the same, ".repeat(1_000), (0..=255).collect()] {
            let pressed = Pressed::of(&bytes).unwrap();
            assert_eq!(unpress(&pressed.bytes, pressed.size), Some(bytes.clone()));
            assert_eq!(unpress(&pressed.bytes, pressed.size + 1), None);
            assert_eq!(unpress(&[pressed.bytes.as_slice(), b"more"].concat(), pressed.size), None);
            assert_eq!(unpress(&pressed.bytes[..pressed.bytes.len() - 1], pressed.size), None);
        }
        assert_eq!(unpress(b"", 0), None);
        assert_eq!(unpress(b"\x03\x00", u32::MAX), None);
    }

    /// If this fails, the library that presses has changed what it makes: packages of the same record will have other bytes
    /// from then on, and a release has to say so.
    #[test]
    fn the_same_bytes_are_pressed_as_they_always_were() {
        let text = "a line that is much like the one before it: number ".repeat(40);
        let pressed = Pressed::of(text.as_bytes()).unwrap();
        assert_eq!(crc32fast::hash(&pressed.bytes), PRESSED_CRC, "{} bytes", pressed.bytes.len());
    }

    const PRESSED_CRC: u32 = 2_545_870_332;
}
