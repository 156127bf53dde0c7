//! Tar archives of others, read one file after the other, with a bound on what they unpack to. Nothing is written anywhere.

use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::digest::Sha256;
use std::io::{self, Read};

/// Of a tar file everything lies in blocks of this size.
pub(crate) const BLOCK: usize = 512;
/// A path, or a note that has one in it.
const LONGEST: u64 = 64 << 10;

/// A file of the archive.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it lies in the archive.
    pub(crate) path: String,
    /// How many bytes it has.
    pub(crate) size: u64,
}

/// The files of an archive, one after the other. Folders are passed over.
pub(crate) struct Files<R> {
    reader: R,
    /// Bytes that may still come.
    left: u64,
    /// Whether links, devices and pipes are passed over; where not, they are an error.
    links: bool,
}

pub(crate) fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<R: Read> Files<R> {
    /// Of an archive that unpacks to no more than this, and has no links.
    pub(crate) const fn new(reader: R, most: u64) -> Self {
        Self { reader, left: most, links: false }
    }

    /// Of one that may have links, devices and pipes: they have no bytes of their own.
    pub(crate) const fn with_links(reader: R, most: u64) -> Self {
        Self { reader, left: most, links: true }
    }

    /// The next one. Its bytes have to be read or passed over before the one behind it.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let (mut long, mut noted) = (None, None);
        loop {
            let mut block = [0_u8; BLOCK];
            if !self.fill(&mut block)? || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let field = |from: usize, length: usize| block.iter().skip(from).take(length).copied();
            let sum: u64 = (0..BLOCK).zip(&block).fold(0, |sum, (at, byte)| {
                sum.saturating_add(u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            });
            if number(field(148, 8)) != Some(sum) {
                return Err(wrong("a header of the archive is broken"));
            }
            let size = number(field(124, 12)).ok_or_else(|| wrong("a file of the archive has no size"))?;
            match block.get(156).copied().unwrap_or_default() {
                b'0' | 0 | b'7' => {
                    let short = || {
                        let posix = field(257, 6).eq(*b"ustar\0");
                        let before = text(field(345, 155)).filter(|before| posix && !before.is_empty());
                        let name = text(field(0, 100))?;
                        Some(before.map_or_else(|| name.clone(), |before| format!("{before}/{name}")))
                    };
                    let path = noted.or(long).or_else(short).ok_or_else(|| wrong("a path that is not UTF-8"))?;
                    return Ok(Some(Entry { path, size }));
                }
                b'L' => long = Some(self.words(size)?.trim_end_matches('\0').to_owned()),
                b'x' => noted = path_of(&self.words(size)?).or(noted),
                b'5' | b'g' | b'K' => {
                    self.pass(size)?;
                    (long, noted) = (None, None);
                }
                // Some write down how long the file is that a link leads to: no bytes follow.
                b'1'..=b'4' | b'6' if self.links => (long, noted) = (None, None),
                other => return Err(wrong(format!("a file of kind {:?}, which no package has", char::from(other)))),
            }
        }
    }

    /// The digest of the next file, and its bytes one part after the other.
    pub(crate) fn digest(&mut self, size: u64, mut each: impl FnMut(&[u8])) -> io::Result<Sha256> {
        let mut digest = Context::new(&SHA256);
        let mut buffer = vec![0_u8; 32 << 10];
        let mut left = size;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let Some(part) = buffer.get_mut(..part) else { break };
            if !self.fill(part)? {
                return Err(wrong("the archive ends before its last file does"));
            }
            digest.update(part);
            each(part);
            left = left.saturating_sub(u64::try_from(part.len()).unwrap_or(u64::MAX));
        }
        self.rest(size)?;
        let mut bytes = [0_u8; 32];
        bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Sha256::from_bytes(bytes))
    }

    fn words(&mut self, size: u64) -> io::Result<String> {
        if size > LONGEST {
            return Err(wrong("a path that is too long"));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        if !self.fill(&mut bytes)? && size > 0 {
            return Err(wrong("the archive ends early"));
        }
        self.rest(size)?;
        String::from_utf8(bytes).map_err(|_bytes| wrong("a path that is not UTF-8"))
    }

    pub(crate) fn pass(&mut self, size: u64) -> io::Result<()> {
        self.count(size)?;
        let passed = io::copy(&mut self.reader.by_ref().take(size), &mut io::sink())?;
        if passed != size {
            return Err(wrong("the archive ends early"));
        }
        self.rest(size)
    }

    /// What fills up the last block.
    fn rest(&mut self, size: u64) -> io::Result<()> {
        let block = u64::try_from(BLOCK).unwrap_or(u64::MAX);
        let over = size.checked_rem(block).unwrap_or_default();
        if over > 0 {
            io::copy(&mut self.reader.by_ref().take(block.saturating_sub(over)), &mut io::sink())?;
        }
        Ok(())
    }

    /// Whether there was enough; an end in the middle is an error.
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        self.count(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        let mut done = 0;
        while let Some(open) = bytes.get_mut(done..).filter(|open| !open.is_empty()) {
            match self.reader.read(open)? {
                0 if done == 0 => return Ok(false),
                0 => return Err(wrong("the archive ends early")),
                more => done = done.saturating_add(more),
            }
        }
        Ok(true)
    }

    fn count(&mut self, more: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(more).ok_or_else(|| wrong("it unpacks to more than is read"))?;
        Ok(())
    }
}

/// A number in octal digits, or, where the first bit says so, in bytes.
fn number(field: impl Iterator<Item = u8> + Clone) -> Option<u64> {
    let first = field.clone().next()?;
    if first & 0x80 != 0 {
        let mut bytes = field;
        let begin = u64::from(bytes.next()? & 0x7f);
        return bytes.try_fold(begin, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(byte)));
    }
    let digits = field.skip_while(|byte| *byte == b' ').take_while(|byte| !matches!(byte, 0 | b' '));
    let mut digits = digits.peekable();
    digits.peek()?;
    digits.try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 8)?;
        sum.checked_mul(8)?.checked_add(u64::from(digit))
    })
}

fn text(field: impl Iterator<Item = u8>) -> Option<String> {
    String::from_utf8(field.take_while(|byte| *byte != 0).collect()).ok()
}

/// Of notes that are each `LENGTH KEY=VALUE` and a new line, the path.
fn path_of(notes: &str) -> Option<String> {
    notes.lines().filter_map(|line| line.split_once(' ')?.1.strip_prefix("path=")).next_back().map(str::to_owned)
}

/// Archives for tests.
#[cfg(test)]
pub(crate) mod made {
    use super::BLOCK;

    /// One entry of an archive.
    pub(crate) fn entry(kind: u8, name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut block = vec![0_u8; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        block[156] = kind;
        block[148..156].copy_from_slice(b"        ");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block.extend(bytes);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::{made::entry, *};

    #[test]
    fn links_are_passed_over_only_where_they_may_be() {
        let special = [b'1', b'2', b'3', b'4', b'6'].map(|kind| entry(kind, "special", b""));
        let bytes = [special.concat(), entry(b'0', "f", b"one")].concat();
        assert!(Files::new(bytes.as_slice(), 1 << 20).next().unwrap_err().to_string().contains("kind"));
        let mut files = Files::with_links(bytes.as_slice(), 1 << 20);
        let file = files.next().unwrap().unwrap();
        assert_eq!((file.path.as_str(), file.size), ("f", 3));
        assert_eq!(files.digest(3, |_| {}).unwrap(), Sha256::of(b"one"));
        assert!(files.next().unwrap().is_none());
    }
}
