//! What gzip packed, of one member or of several joined, as `gzip -d` gives it: with its checksums, and with zeros behind the last
//! one, which tapes and block devices leave.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// The members, one after the other.
pub(crate) struct Members<R> {
    at: At<R>,
    /// How many more bytes they are unpacked to.
    left: u64,
}

enum At<R> {
    Within(GzDecoder<R>),
    Behind(R),
    Nowhere,
}

impl<R: BufRead> Members<R> {
    /// Of bytes that begin with a member, and of which whoever reads takes about this many.
    pub(crate) fn of(reader: R, most: u64) -> Self {
        Self { at: At::Within(GzDecoder::new(reader)), left: most }
    }

    /// Whether nothing but zeros stands behind the last member. What was not read of the members is read first: its checksums have to
    /// hold as well. Behind the bound nothing is read, and nothing known.
    pub(crate) fn only_zeros_behind(&mut self) -> io::Result<bool> {
        while self.left > 0 && io::copy(&mut self.by_ref().take(64 << 10), &mut io::sink())? > 0 {}
        let reader = match &mut self.at {
            At::Behind(reader) => reader,
            At::Nowhere => return Ok(true),
            At::Within(_) => return Ok(false),
        };
        loop {
            let part = reader.fill_buf()?;
            if part.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            match part.len() {
                0 => return Ok(true),
                read => reader.consume(read),
            }
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let At::Within(member) = &mut self.at {
            let read = member.read(buffer)?;
            self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let At::Within(member) = std::mem::replace(&mut self.at, At::Nowhere) else { break };
            let mut reader = member.into_inner();
            // No member begins with another byte, and what begins so and is none is damaged.
            self.at = if reader.fill_buf()?.first() == Some(&0x1f) {
                At::Within(GzDecoder::new(reader))
            } else {
                At::Behind(reader)
            };
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    #[test]
    fn behind_the_bound_nothing_is_unpacked() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&vec![0; 4 << 20]).unwrap();
        let packed = packed.finish().unwrap().repeat(3);
        let behind = |most: u64| {
            let mut members = Members::of(packed.as_slice(), most);
            members.read_exact(&mut [0; 99]).unwrap();
            let only = members.only_zeros_behind().unwrap();
            (only, members.left)
        };
        assert_eq!(behind(1 << 20), (false, 0));
        assert_eq!(behind(16 << 20), (true, 4 << 20));
    }
}
