//! Numbers, texts, digests and lists as bytes, and back. Whatever the bytes are, reading them takes no more memory than there
//! are bytes, and ends in a value or in [`Malformed`].

use countersign_core::digest::Sha256;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// That bytes are not what stands there in kept facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

pub(super) type Read<T> = Result<T, Malformed>;

/// Bytes that are written.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    /// A number, seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, number: u64) {
        let mut rest = number;
        loop {
            let low = u8::try_from(rest & 0x7f).unwrap_or_default();
            rest >>= 7;
            if rest == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(super) fn digest(&mut self, digest: &Sha256) {
        self.0.extend_from_slice(digest.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn json<T: Serialize>(&mut self, value: &T) -> Result<(), serde_json::Error> {
        self.bytes(&serde_json::to_vec(value)?);
        Ok(())
    }
}

/// Bytes that are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct In<'b>(pub(super) &'b [u8]);

impl<'b> In<'b> {
    pub(super) fn number(&mut self) -> Read<u64> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            let placed = low << shift;
            if placed >> shift != low {
                break;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number has more than 64 bits"))
    }

    /// A number that fits.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.number()?).map_err(|_large| Malformed("a number is larger than any that stands there"))
    }

    /// How many things follow, each of at least so many bytes: no more than there are bytes for.
    pub(super) fn count(&mut self, least: usize) -> Read<usize> {
        let count: usize = self.small()?;
        let fits = count.checked_mul(least.max(1)).is_some_and(|bytes| bytes <= self.0.len());
        fits.then_some(count).ok_or(Malformed("a list is longer than the bytes that follow"))
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.0.split_first().ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Read<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn digest(&mut self) -> Read<Sha256> {
        let (taken, rest) = self.0.split_first_chunk::<32>().ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(Sha256::from_bytes(*taken))
    }

    pub(super) fn bytes(&mut self) -> Read<&'b [u8]> {
        let length = self.count(1)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Read<&'b str> {
        std::str::from_utf8(self.bytes()?).map_err(|_not| Malformed("a text is not UTF-8"))
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Read<T> {
        serde_json::from_slice(self.bytes()?).map_err(|_form| Malformed("a value is not of its form"))
    }

    /// That nothing follows.
    pub(super) fn end(self) -> Read<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("more follows than belongs there")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_not() {
        let mut out = Out::default();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        for number in numbers {
            out.number(number);
        }
        out.text("text");
        out.digest(&Sha256::of(b"x"));
        let read = |bytes: &[u8]| -> Read<()> {
            let mut from = In(bytes);
            for number in numbers {
                assert_eq!(from.number()?, number);
            }
            assert_eq!(from.text()?, "text");
            assert_eq!(from.digest()?, Sha256::of(b"x"));
            from.end()
        };
        assert_eq!(read(&out.0), Ok(()));
        for at in 0..out.0.len() {
            assert!(read(&out.0[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_length_that_is_a_lie_takes_no_memory() {
        let mut out = Out::default();
        out.number(u64::MAX);
        assert!(In(&out.0).bytes().is_err() && In(&out.0).count(32).is_err());
        assert!(In(&[0xff; 11]).number().is_err() && In(&[0x80; 9]).number().is_err());
        let mut out = Out::default();
        out.count(3);
        out.0.extend_from_slice(&[0; 64]);
        assert!(In(&out.0).count(32).is_err() && In(&out.0).count(21).is_ok());
    }
}
