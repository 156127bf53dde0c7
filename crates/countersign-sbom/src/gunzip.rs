//! What gzip packed, of one member or of several joined, as `gzip -d` gives it: with its checksums, and with zeros behind the last
//! one, which tapes and block devices leave.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// The members, one after the other.
pub(crate) struct Members<R> {
    at: At<R>,
}

enum At<R> {
    Within(GzDecoder<R>),
    Behind(R),
    Nowhere,
}

impl<R: BufRead> Members<R> {
    /// Of bytes that begin with a member.
    pub(crate) fn of(reader: R) -> Self {
        Self { at: At::Within(GzDecoder::new(reader)) }
    }

    /// Whether nothing but zeros stands behind the last member. What was not read of the members is read first: its checksums have to
    /// hold as well.
    pub(crate) fn only_zeros_behind(&mut self) -> io::Result<bool> {
        io::copy(self, &mut io::sink())?;
        let At::Behind(reader) = &mut self.at else { return Ok(true) };
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
