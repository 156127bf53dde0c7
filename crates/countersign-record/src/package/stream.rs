//! A package written and read piece by piece: no more than one of its files is in memory at a time, however large it is.

use super::{Central, LOCAL, LOCAL_HEADER, Member, PackageError, check_name, check_size, first_difference, offset};
use super::{NAME_BYTES, read_member};
use countersign_core::limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Why a package could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The bytes are not a package, or the files do not make one.
    #[error(transparent)]
    Form(#[from] PackageError),
    /// The disk failed.
    #[error("the package could not be read or written")]
    Io(#[from] io::Error),
}

/// What a package is read from.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// Writes a package, file by file, in the order of their names.
#[derive(Debug)]
pub struct Packer<W: Write> {
    out: W,
    at: usize,
    central: Central,
    last: Option<String>,
}

impl<W: Write> Packer<W> {
    /// Onto this.
    pub fn new(out: W) -> Self {
        Self { out, at: 0, central: Central::default(), last: None }
    }

    /// Adds a file. Its name sorts after all before it.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), OpenError> {
        if self.central.ends.len() >= limits::PACKAGE_FILES {
            return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES }.into());
        }
        check_name(name)?;
        check_file(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        after(self.last.as_deref(), name)?;
        let member = Member::new(name, bytes, self.at)?;
        let local = member.local();
        self.out.write_all(&local)?;
        self.out.write_all(bytes)?;
        self.at = self.at.saturating_add(local.len()).saturating_add(bytes.len());
        check_size(self.at)?;
        self.central.push(&member);
        self.last = Some(name.to_owned());
        Ok(())
    }

    /// Writes the directory, and gives back what was written onto.
    pub fn finish(mut self) -> Result<W, OpenError> {
        let end = self.central.finish(self.at)?;
        check_size(self.at.saturating_add(end.len()))?;
        self.out.write_all(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A package whose form was checked to the byte, and whose files are read when they are asked for.
pub struct Packed {
    source: RefCell<Box<dyn Source>>,
    places: BTreeMap<String, (u64, usize)>,
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("files", &self.places.len()).finish_non_exhaustive()
    }
}

impl Packed {
    /// Reads a package once from start to end. Each file is shown to `visit` when its checksum holds.
    pub fn open(source: Box<dyn Source>, visit: &mut dyn FnMut(&str, &[u8])) -> Result<Self, OpenError> {
        let mut source = source;
        let length = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        if length > limits::PACKAGE_BYTES {
            return Err(PackageError::TooLarge { limit: limits::PACKAGE_BYTES, found: length }.into());
        }
        let mut places: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        let mut central = Central::default();
        let mut at = 0_usize;
        let mut rest = Vec::new();
        loop {
            rest.clear();
            fill(&mut source, &mut rest, LOCAL_HEADER)?;
            if !rest.starts_with(&LOCAL) {
                break;
            }
            if places.len() >= limits::PACKAGE_FILES {
                return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES }.into());
            }
            let (size, name) = (long(&rest, 18), short(&rest, 26));
            fill(&mut source, &mut rest, usize::from(name))?;
            let name = String::from_utf8_lossy(rest.get(LOCAL_HEADER..).unwrap_or_default());
            check_file(&name, u64::from(size))?;
            fill(&mut source, &mut rest, usize::try_from(size).unwrap_or(usize::MAX))?;
            let (member, content) = read_member(&rest, at)?;
            let last = places.last_key_value().map(|(last, _)| last.as_str());
            after(last, &member.name).map_err(|error| {
                if places.contains_key(&member.name) {
                    PackageError::Twice { name: member.name.clone() }
                } else {
                    error
                }
            })?;
            check_folders(&member.name, &places)?;
            let from = content.start.saturating_sub(at);
            visit(&member.name, rest.get(from..).unwrap_or_default());
            central.push(&member);
            places.insert(member.name, (u64::try_from(content.start).unwrap_or(u64::MAX), content.len()));
            at = content.end;
        }
        let ends = central.ends.clone();
        let expected = central.finish(at)?;
        // One byte more than there may be is enough to see that there is one.
        let more = expected.len().saturating_add(1).saturating_sub(rest.len());
        fill(&mut source, &mut rest, more)?;
        if let Some(differs) = first_difference(&expected, &rest) {
            let record = ends.partition_point(|end| *end <= differs);
            let name = places.keys().nth(record).cloned();
            return Err(PackageError::Form { offset: offset(at, differs), name }.into());
        }
        Ok(Self { source: RefCell::new(source), places })
    }

    /// The names of its files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// How many bytes a file has.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<usize> {
        self.places.get(name).map(|(_, size)| *size)
    }

    /// A file, or `None` if there is none of the name.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(size) = self.size(name) else { return Ok(None) };
        self.read_part(name, 0, size).map(Some)
    }

    /// A part of a file, as far as it is there.
    pub fn read_part(&self, name: &str, from: usize, length: usize) -> io::Result<Vec<u8>> {
        let Some((start, size)) = self.places.get(name) else { return Ok(Vec::new()) };
        let length = length.min(size.saturating_sub(from));
        let mut source = self.source.borrow_mut();
        source.seek(SeekFrom::Start(start.saturating_add(u64::try_from(from).unwrap_or(u64::MAX))))?;
        let mut bytes = Vec::new();
        fill(&mut **source, &mut bytes, length)?;
        Ok(bytes)
    }
}

fn check_file(name: &str, found: u64) -> Result<(), PackageError> {
    let limit = u64::try_from(limits::PACKAGE_FILE_BYTES).unwrap_or(u64::MAX);
    if found > limit {
        let name = name.chars().take(NAME_BYTES).collect();
        return Err(PackageError::FileTooLarge { name, limit, found });
    }
    Ok(())
}

/// Reads so many bytes more, or as many as there are. Memory is taken as they come, not as they are promised.
fn fill<R: Read + ?Sized>(source: &mut R, into: &mut Vec<u8>, length: usize) -> io::Result<()> {
    source.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(into)?;
    Ok(())
}

fn after(last: Option<&str>, name: &str) -> Result<(), PackageError> {
    match last {
        Some(last) if last == name => Err(PackageError::Twice { name: name.to_owned() }),
        Some(last) if last > name => Err(PackageError::Order { name: name.to_owned() }),
        _ => Ok(()),
    }
}

/// No folder of a file's name may itself be a file.
fn check_folders(name: &str, files: &BTreeMap<String, (u64, usize)>) -> Result<(), PackageError> {
    let mut folders = name.match_indices('/').filter_map(|(end, _)| name.get(..end));
    match folders.find(|folder| files.contains_key(*folder)) {
        Some(folder) => Err(PackageError::FileAndFolder { name: folder.to_owned() }),
        None => Ok(()),
    }
}

fn short(bytes: &[u8], from: usize) -> u16 {
    match bytes.get(from..) {
        Some([a, b, ..]) => u16::from_le_bytes([*a, *b]),
        _ => 0,
    }
}

fn long(bytes: &[u8], from: usize) -> u32 {
    u32::from(short(bytes, from)) | (u32::from(short(bytes, from.saturating_add(2))) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{read, write};
    use std::io::Cursor;

    fn small_package() -> BTreeMap<String, Vec<u8>> {
        [("a/one", "first"), ("a/two", ""), ("b", "third"), ("c/d/e", "x")]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    fn open(bytes: &[u8]) -> Result<Packed, OpenError> {
        Packed::open(Box::new(Cursor::new(bytes.to_vec())), &mut |_, _| {})
    }

    #[test]
    fn what_is_read_piece_by_piece_is_what_is_read_whole() {
        let files = small_package();
        let bytes = write(&files).unwrap();
        let mut seen = BTreeMap::new();
        let packed = Packed::open(Box::new(Cursor::new(bytes.clone())), &mut |name, content| {
            seen.insert(name.to_owned(), content.to_vec());
        });
        let packed = packed.unwrap();
        assert_eq!(seen, files);
        assert_eq!(read(&bytes).unwrap(), files);
        for (name, content) in &files {
            assert_eq!(packed.read(name).unwrap().as_ref(), Some(content));
        }
        assert_eq!(packed.read_part("a/one", 2, 100).unwrap(), b"rst");
        assert_eq!(packed.read("nothing").unwrap(), None);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused_as_it_is_when_read_whole() {
        let bytes = write(&small_package()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(open(&altered).is_err(), "byte {at}");
            }
            assert!(open(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(open(&longer).is_err());
    }

    #[test]
    fn a_size_that_is_a_lie_takes_no_memory_and_names_the_file() {
        let mut bytes = write(&small_package()).unwrap();
        let whole = bytes.clone();
        bytes[18..26].copy_from_slice(&[0xff; 8]);
        match open(&bytes) {
            Err(OpenError::Form(PackageError::FileTooLarge { name, .. })) => assert_eq!(name, "a/one"),
            other => panic!("{other:?}"),
        }
        let mut bytes = whole;
        bytes[18..26].copy_from_slice(&[0, 0, 0, 0x20, 0, 0, 0, 0x20]);
        match open(&bytes) {
            Err(OpenError::Form(PackageError::Cut { name })) => assert_eq!(name, "a/one"),
            other => panic!("{other:?}"),
        }
    }
}
