//! Tar archives of others, read one file after the other, with a bound on what they unpack to. Nothing is written anywhere.

use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::digest::Sha256;
use std::io::{self, Read};

/// Of a tar file everything lies in blocks of this size.
pub(crate) const BLOCK: usize = 512;
/// A path, or a note that has one in it.
const LONGEST: u64 = 1 << 20;

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
    /// Whether links, devices and pipes are passed over, and paths may be any bytes; where not, they are an error.
    loose: bool,
    /// Whether something was passed over, or read in one of several ways, that another program may take for a file.
    doubtful: bool,
}

pub(crate) fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// The digest of what was taken in part by part.
pub(crate) fn finished(digest: Context) -> Sha256 {
    let mut bytes = [0_u8; 32];
    bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Sha256::from_bytes(bytes)
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}

/// Whether these bytes begin with a header: its checksum says so, of every form that there is.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    let Some(block) = bytes.get(..BLOCK) else { return false };
    let sum: u64 = (0..BLOCK)
        .zip(block)
        .fold(0, |sum, (at, byte)| sum.saturating_add(u64::from(if (148..156).contains(&at) { b' ' } else { *byte })));
    let said = block.iter().skip(148).take(8).copied();
    number(said) == Some(sum) && block.iter().any(|byte| *byte != 0)
}

impl<R: Read> Files<R> {
    /// Of an archive that unpacks to no more than this, and has no links.
    pub(crate) const fn new(reader: R, most: u64) -> Self {
        Self { reader, left: most, loose: false, doubtful: false }
    }

    /// Of any one, which may have links, devices and pipes: they have no bytes of their own. What is not known is an error of the kind
    /// `Unsupported`.
    pub(crate) const fn loose(reader: R, most: u64) -> Self {
        Self { reader, left: most, loose: true, doubtful: false }
    }

    /// The next one. Its bytes have to be read or passed over before the one behind it.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let (mut long, mut noted) = (None, Noted::default());
        loop {
            let mut block = [0_u8; BLOCK];
            if !self.fill(&mut block)? || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !is_header(&block) {
                return Err(wrong("a header of the archive is broken"));
            }
            let field = |from: usize, length: usize| block.iter().skip(from).take(length).copied();
            // A label and a folder may go without.
            let blank = || field(124, 12).all(|byte| matches!(byte, 0 | b' ')).then_some(0);
            let size = number(field(124, 12)).or_else(blank);
            let size = size.ok_or_else(|| wrong("a file of the archive has no size"))?;
            match block.get(156).copied().unwrap_or_default() {
                b'0' | 0 | b'7' if self.loose && noted.sparse => {
                    return Err(unsupported("a file of the archive has holes"));
                }
                b'0' | 0 | b'7' => {
                    let short = || {
                        let posix = field(257, 6).eq(*b"ustar\0");
                        let text =
                            |from, length| field(from, length).take_while(|byte| *byte != 0).collect::<Vec<u8>>();
                        let (before, name) = (text(345, 155), text(0, 100));
                        if posix && !before.is_empty() { [before, name].join(&b'/') } else { name }
                    };
                    let path = self.text(noted.path.or(long).unwrap_or_else(short))?;
                    return Ok(Some(Entry { path, size: noted.size.unwrap_or(size) }));
                }
                b'L' => {
                    let mut name = self.bytes(size)?;
                    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                    long = Some(name);
                }
                b'x' => {
                    let again = noted.size.is_some();
                    noted.take(&self.bytes(size)?);
                    self.doubtful |= again;
                }
                // What was noted is of the file behind these, for GNU tar and Python too.
                b'K' => self.pass(size)?,
                b'g' if self.loose && size <= LONGEST => {
                    let mut of_all = Noted::default();
                    of_all.take(&self.bytes(size)?);
                    // Some go by what is said of all files, and some do not.
                    self.doubtful |= of_all.path.is_some() || of_all.size.is_some() || of_all.sparse;
                }
                b'g' if self.loose => {
                    self.doubtful = true;
                    self.pass(size)?;
                }
                // The list of a folder's files (`D`) is none of them; Python unpacks it as one.
                b'5' | b'g' | b'D' if self.loose || block.get(156) != Some(&b'D') => {
                    self.doubtful |= size > 0 || noted.size.is_some_and(|size| size > 0);
                    self.pass(size)?;
                    (long, noted) = (None, Noted::default());
                }
                // Some write down how long the file is that a link leads to: no bytes follow. Nor does the label of a volume have any. For
                // others there are as many as that.
                b'1'..=b'4' | b'6' | b'V' if self.loose => {
                    self.doubtful |= size > 0 || noted.size.is_some_and(|size| size > 0);
                    (long, noted) = (None, Noted::default());
                }
                other => {
                    let what = format!("a file of kind {:?}, which no package has", char::from(other));
                    return Err(if self.loose { unsupported(&what) } else { wrong(what) });
                }
            }
        }
    }

    /// Whether something was passed over so far that another program may take for a file.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// The text of a path.
    fn text(&self, bytes: Vec<u8>) -> io::Result<String> {
        String::from_utf8(bytes).or_else(|error| {
            if self.loose {
                Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
            } else {
                Err(wrong("a path that is not UTF-8"))
            }
        })
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
        Ok(finished(digest))
    }

    fn bytes(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > LONGEST {
            return Err(wrong("a path that is too long"));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        if !self.fill(&mut bytes)? && size > 0 {
            return Err(wrong("the archive ends early"));
        }
        self.rest(size)?;
        Ok(bytes)
    }

    pub(crate) fn pass(&mut self, size: u64) -> io::Result<()> {
        self.count(size)?;
        let passed = io::copy(&mut self.reader.by_ref().take(size), &mut io::sink())?;
        if passed != size {
            return Err(wrong("the archive ends early"));
        }
        self.rest(size)
    }

    /// Whether nothing but zeros follows, up to the end of what is read.
    pub(crate) fn only_zeros(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0_u8; 32 << 10];
        loop {
            let read = self.reader.read(&mut buffer)?;
            self.count(u64::try_from(read).unwrap_or(u64::MAX))?;
            match buffer.get(..read).unwrap_or_default() {
                [] => return Ok(true),
                part if part.iter().all(|byte| *byte == 0) => {}
                _ => {
                    // The rest is read all the same: what packed it may have a checksum at its end.
                    let rest = self.left.saturating_add(1);
                    let passed = io::copy(&mut self.reader.by_ref().take(rest), &mut io::sink())?;
                    self.count(passed)?;
                    return Ok(false);
                }
            }
        }
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
        let beyond = || io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than is read");
        self.left = self.left.checked_sub(more).ok_or_else(beyond)?;
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

/// What stands in front of a file about it.
#[derive(Default)]
struct Noted {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    /// Whether it has holes: what follows is then not what it has.
    sparse: bool,
}

impl Noted {
    /// Takes notes that are each `LENGTH KEY=VALUE` and a new line. Values may be any bytes.
    fn take(&mut self, mut notes: &[u8]) {
        while let Some(space) = notes.iter().position(|byte| *byte == b' ') {
            let length =
                notes.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|n| n.parse().ok());
            let Some((note, rest)) = length.and_then(|length| notes.split_at_checked(length)) else { return };
            notes = rest;
            let note = note.get(space.saturating_add(1)..).unwrap_or_default();
            let note = note.strip_suffix(b"\n").unwrap_or(note);
            let Some(is) = note.iter().position(|byte| *byte == b'=') else { return };
            let (key, value) = note.split_at(is);
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"size" => self.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                _ => self.sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
    }
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
    fn notes_may_hold_any_bytes_and_only_those_that_are_known_count() {
        let note = |text: &[u8]| {
            let with = |digits: usize| text.len() + 2 + digits;
            let length = with(with(2).to_string().len());
            [format!("{length} ").as_bytes(), text, b"\n"].concat()
        };
        let notes = [note(b"SCHILY.xattr.user.a=\xff\n\xfe"), note(b"path=app/\xe4"), b"9 size=3\n".to_vec()].concat();
        let bytes = [entry(b'x', "noted", &notes), entry(b'0', "cut", b"one")].concat();
        let mut files = Files::loose(bytes.as_slice(), 1 << 20);
        let file = files.next().unwrap().unwrap();
        assert_eq!((file.path.as_str(), file.size), ("app/\u{fffd}", 3));
        assert!(Files::new(bytes.as_slice(), 1 << 20).next().unwrap_err().to_string().contains("UTF-8"));
        for (kind, notes) in [(b'S', &b""[..]), (b'0', b"22 GNU.sparse.major=1\n")] {
            let bytes = [entry(b'x', "noted", notes), entry(kind, "f", b"one")].concat();
            let error = Files::loose(bytes.as_slice(), 1 << 20).next().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
    }

    #[test]
    fn links_are_passed_over_only_where_they_may_be() {
        let special = [b'1', b'2', b'3', b'4', b'6'].map(|kind| entry(kind, "special", b""));
        let bytes = [special.concat(), entry(b'0', "f", b"one")].concat();
        assert!(Files::new(bytes.as_slice(), 1 << 20).next().unwrap_err().to_string().contains("kind"));
        let mut files = Files::loose(bytes.as_slice(), 1 << 20);
        let file = files.next().unwrap().unwrap();
        assert_eq!((file.path.as_str(), file.size), ("f", 3));
        assert_eq!(files.digest(3, |_| {}).unwrap(), Sha256::of(b"one"));
        assert!(files.next().unwrap().is_none());
    }
}
