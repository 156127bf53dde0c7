//! The audit package, `NAME.cspkg`: a ZIP file in exactly one form, so that the same program always makes the same bytes of
//! the same files, and a byte that is altered is a finding. How hard a file was deflated is not checked: whoever packs the same files
//! anew has made another package, of another digest, with the same content.
//!
//! The form: files in the order of their names, deflated, one after the other without gaps; times 1980-01-01, permissions
//! 0644, no comments, one extra field; the ZIP64 end record only where the count needs it. Reading accepts this form
//! alone, which is also why this is not left to a ZIP library: what a package looks like must not change with one.
//!
//! The extra field is the checksum of a file's deflated bytes. ZIP has only that of what they make, and other deflated bytes
//! can make the same: so that a flipped bit is found wherever it is.

mod pressed;
mod stream;

pub use pressed::Pressed;
pub use stream::{OpenError, Packed, Packer, Source};

use pressed::unpress;

use countersign_core::limits;
use std::collections::BTreeMap;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL_HEADER: usize = 30;
/// 1980-01-01, the first day that the format knows.
const DATE: u16 = 0x0021;
/// Deflated files need version 2.0, the ZIP64 end record 4.5.
const VERSION: u16 = 20;
/// Deflated.
const METHOD: u16 = 8;
/// The extra field: its name, of our own, the length of its content, and that.
const EXTRA: usize = 8;
const EXTRA_HEAD: [u8; 4] = *b"Cs\x04\0";
const VERSION_64: u16 = 45;
/// Made on Unix, so that the permissions count.
const MADE_BY: u16 = 0x0314;
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// Longest name of a file.
const NAME_BYTES: usize = 512;

/// The package of these files.
pub fn write(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, PackageError> {
    if files.len() > limits::PACKAGE_FILES {
        return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES });
    }
    let mut packer = Packer::new(Vec::new());
    for (name, bytes) in files {
        check_folders(name, files)?;
        packer.add(name, bytes).map_err(written)?;
    }
    packer.finish().map_err(written)
}

/// Memory takes every byte.
fn written(error: OpenError) -> PackageError {
    match error {
        OpenError::Form(error) => error,
        OpenError::Io(_) => PackageError::TooLarge { limit: limits::PACKAGE_BYTES, found: u64::MAX },
    }
}

/// The files of a package, which must be in the one form, to the byte.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
    check_size(bytes.len())?;
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut central = Central::default();
    let mut at = 0;
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(&LOCAL)) {
        if files.len() >= limits::PACKAGE_FILES {
            return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES });
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let member = read_header(rest, at)?;
        let content = member.content(rest.get(member.header()..).unwrap_or_default())?;
        at = member.end();
        let after_all = files.last_key_value().is_none_or(|(last, _)| *last < member.name);
        if !after_all {
            return Err(if files.contains_key(&member.name) {
                PackageError::Twice { name: member.name }
            } else {
                PackageError::Order { name: member.name }
            });
        }
        check_folders(&member.name, &files)?;
        central.push(&member);
        files.insert(member.name, content);
    }
    let ends = central.ends.clone();
    let expected = central.finish(at)?;
    let found = bytes.get(at..).unwrap_or_default();
    if let Some(differs) = first_difference(&expected, found) {
        let record = ends.partition_point(|end| *end <= differs);
        return Err(no_end(at, differs, &expected, found, files.keys().nth(record)));
    }
    Ok(files)
}

/// Why files do not make a package, or bytes are not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// Larger than we write and read.
    #[error("a package has at most {limit} bytes, this one {found}")]
    TooLarge {
        /// The bound.
        limit: u64,
        /// How many there are.
        found: u64,
    },
    /// A file that is larger than we write and read.
    #[error("{name} has {found} bytes, more than the {limit} that a file of a package has")]
    FileTooLarge {
        /// The name.
        name: String,
        /// The bound.
        limit: u64,
        /// How many there are.
        found: u64,
    },
    /// More files than we write and read.
    #[error("a package has at most {limit} files")]
    TooManyFiles {
        /// The bound.
        limit: usize,
    },
    /// A name that could leave the folder that it is unpacked to, or means different things on different systems.
    #[error("the name {name:?} is not one that a package can have")]
    Name {
        /// The name.
        name: String,
    },
    /// One name is that of a file and of a folder with files.
    #[error("{name} is a file and a folder")]
    FileAndFolder {
        /// The name.
        name: String,
    },
    /// A name stands twice.
    #[error("{name} is there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A file stands behind one that sorts after it.
    #[error("{name} is not in the order of names")]
    Order {
        /// The name.
        name: String,
    },
    /// A file that is packed in another way, or encrypted.
    #[error("{name} is not deflated (method {method})")]
    Method {
        /// The name.
        name: String,
        /// The ZIP compression method.
        method: u16,
    },
    /// The bytes of a file, or its checksum, are not those that were packed.
    #[error("{name} was altered: its checksum is {found:08x}, the package says {stated:08x}")]
    Altered {
        /// The name.
        name: String,
        /// The checksum in the package.
        stated: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// Deflated bytes that do not make as many as the package says.
    #[error("{name} is not deflated as the package says")]
    Pressed {
        /// The name.
        name: String,
    },
    /// The package ends within a file.
    #[error("the package ends within {}", within(name))]
    Cut {
        /// The name; empty where the package ends before all of it.
        name: String,
    },
    /// The package ends between files, or within its directory.
    #[error("the package ends at byte {offset}, and is not whole there: its end was cut off")]
    Ends {
        /// Where, from the start of the package.
        offset: u64,
    },
    /// A byte is not the one that our form has there.
    #[error("the byte at {offset} is not the one that a package has there")]
    Form {
        /// Where, from the start of the package.
        offset: u64,
        /// The file that it belongs to, unless it is of the package's end.
        name: Option<String>,
    },
}

impl PackageError {
    /// The file that is wrong, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::TooLarge { .. } | Self::TooManyFiles { .. } | Self::Ends { .. } => None,
            Self::Name { name }
            | Self::FileAndFolder { name }
            | Self::Twice { name }
            | Self::Order { name }
            | Self::Method { name, .. }
            | Self::Pressed { name }
            | Self::Altered { name, .. }
            | Self::FileTooLarge { name, .. }
            // Of a header that is cut short there is no name yet.
            | Self::Cut { name } => Some(name.as_str()).filter(|name| !name.is_empty()),
            Self::Form { name, .. } => name.as_deref(),
        }
    }
}

/// What the package says about one file.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    /// Of what is packed.
    crc: u32,
    size: u32,
    /// Of what it is packed to.
    pressed_crc: u32,
    pressed: u32,
    start: u32,
}

impl Member {
    fn new(name: &str, pressed: &Pressed, start: usize) -> Result<Self, PackageError> {
        Ok(Self {
            name: name.to_owned(),
            crc: pressed.crc,
            size: pressed.size,
            pressed_crc: crc32fast::hash(&pressed.bytes),
            pressed: small(pressed.bytes.len())?,
            start: small(start)?,
        })
    }

    /// How long the header before the file is.
    fn header(&self) -> usize {
        LOCAL_HEADER.saturating_add(self.name.len()).saturating_add(EXTRA)
    }

    /// How many bytes the file is packed to.
    fn pressed(&self) -> usize {
        usize::try_from(self.pressed).unwrap_or(usize::MAX)
    }

    /// Where in the package it ends.
    fn end(&self) -> usize {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        start.saturating_add(self.header()).saturating_add(self.pressed())
    }

    /// The file's bytes, out of what follows its header.
    fn content(&self, rest: &[u8]) -> Result<Vec<u8>, PackageError> {
        let name = || self.name.clone();
        let pressed = rest.get(..self.pressed()).ok_or_else(|| PackageError::Cut { name: name() })?;
        let altered = |stated, found| PackageError::Altered { name: name(), stated, found };
        let found = crc32fast::hash(pressed);
        if found != self.pressed_crc {
            return Err(altered(self.pressed_crc, found));
        }
        let content = unpress(pressed, self.size).ok_or_else(|| PackageError::Pressed { name: name() })?;
        let found = crc32fast::hash(&content);
        if found != self.crc {
            return Err(altered(self.crc, found));
        }
        Ok(content)
    }

    /// The fields that the header before the file and the one in the directory share.
    fn common(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for field in [VERSION, 0, METHOD, 0, DATE] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.crc, self.pressed, self.size] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        // Names are at most 512 bytes.
        out.extend_from_slice(&u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&u16::try_from(EXTRA).unwrap_or(u16::MAX).to_le_bytes());
        out
    }

    /// The name and the extra field, which both headers have as well.
    fn named(&self) -> Vec<u8> {
        [self.name.as_bytes(), &EXTRA_HEAD, &self.pressed_crc.to_le_bytes()].concat()
    }

    fn local(&self) -> Vec<u8> {
        [LOCAL.as_slice(), &self.common(), &self.named()].concat()
    }

    fn central(&self) -> Vec<u8> {
        [
            CENTRAL.as_slice(),
            &MADE_BY.to_le_bytes(),
            &self.common(),
            &[0; 6], // no comment, first disk, no internal attributes
            &ATTRIBUTES.to_le_bytes(),
            &self.start.to_le_bytes(),
            &self.named(),
        ]
        .concat()
    }
}

/// The directory at the end of the package.
#[derive(Debug, Default)]
struct Central {
    bytes: Vec<u8>,
    /// Where each file's record ends.
    ends: Vec<usize>,
}

impl Central {
    fn push(&mut self, member: &Member) {
        self.bytes.extend_from_slice(&member.central());
        self.ends.push(self.bytes.len());
    }

    /// The directory with the records that close the package; it starts at `start`.
    fn finish(self, start: usize) -> Result<Vec<u8>, PackageError> {
        let (count, size) = (self.ends.len(), self.bytes.len());
        let mut out = self.bytes;
        let short = u16::try_from(count).ok().filter(|count| *count != u16::MAX);
        if short.is_none() {
            let end_64 = u64::from(small(start)?).saturating_add(u64::from(small(size)?));
            out.extend_from_slice(b"PK\x06\x06");
            out.extend_from_slice(&44_u64.to_le_bytes());
            out.extend_from_slice(&MADE_BY.to_le_bytes());
            out.extend_from_slice(&VERSION_64.to_le_bytes());
            out.extend_from_slice(&[0; 8]);
            for field in [count, count, size, start] {
                out.extend_from_slice(&u64::from(small(field)?).to_le_bytes());
            }
            out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            out.extend_from_slice(&end_64.to_le_bytes());
            out.extend_from_slice(&1_u32.to_le_bytes());
        }
        out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        for _ in 0..2 {
            out.extend_from_slice(&short.unwrap_or(u16::MAX).to_le_bytes());
        }
        for field in [size, start] {
            out.extend_from_slice(&small(field)?.to_le_bytes());
        }
        out.extend_from_slice(&[0, 0]);
        Ok(out)
    }
}

/// What the header says with which `rest` begins, which lies at `at` of the package.
fn read_header(rest: &[u8], at: usize) -> Result<Member, PackageError> {
    let cut = |name: &str| PackageError::Cut { name: name.to_owned() };
    let header = rest.get(..LOCAL_HEADER).ok_or_else(|| cut(""))?;
    let length = usize::from(short(header, 26));
    let name = rest.get(LOCAL_HEADER..).and_then(|rest| rest.get(..length)).ok_or_else(|| cut(""))?;
    let name = String::from_utf8_lossy(name).into_owned();
    check_name(&name)?;
    let method = short(header, 8);
    if method != METHOD {
        return Err(PackageError::Method { name, method });
    }
    let sum = LOCAL_HEADER.saturating_add(length).saturating_add(EXTRA_HEAD.len());
    let member = Member {
        crc: long(header, 14),
        pressed: long(header, 18),
        size: long(header, 22),
        pressed_crc: long(rest, sum),
        start: small(at)?,
        name,
    };
    check_file(&member.name, u64::from(member.pressed))?;
    check_file(&member.name, u64::from(member.size))?;
    let written = member.local();
    match first_difference(&written, rest.get(..written.len()).unwrap_or(rest)) {
        Some(differs) if differs >= rest.len() => Err(cut(&member.name)),
        Some(differs) => Err(PackageError::Form { offset: offset(at, differs), name: Some(member.name) }),
        None => Ok(member),
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

fn short(bytes: &[u8], from: usize) -> u16 {
    match bytes.get(from..) {
        Some([a, b, ..]) => u16::from_le_bytes([*a, *b]),
        _ => 0,
    }
}

fn long(bytes: &[u8], from: usize) -> u32 {
    u32::from(short(bytes, from)) | (u32::from(short(bytes, from.saturating_add(2))) << 16)
}

/// Names that mean the same on every system and stay below the folder that they are unpacked to.
fn check_name(name: &str) -> Result<(), PackageError> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b':' | b'*' | b'?' | b'"' | b'<' | b'>' | b'|');
    let safe = (1..=NAME_BYTES).contains(&name.len())
        && name.bytes().all(plain)
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if safe { Ok(()) } else { Err(PackageError::Name { name: name.chars().take(NAME_BYTES).collect() }) }
}

/// No folder of a file's name may itself be a file.
fn check_folders<T>(name: &str, files: &BTreeMap<String, T>) -> Result<(), PackageError> {
    let mut folders = name.match_indices('/').filter_map(|(end, _)| name.get(..end));
    match folders.find(|folder| files.contains_key(*folder)) {
        Some(folder) => Err(PackageError::FileAndFolder { name: folder.to_owned() }),
        None => Ok(()),
    }
}

fn check_size(found: usize) -> Result<(), PackageError> {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    if found > limits::PACKAGE_BYTES {
        Err(PackageError::TooLarge { limit: limits::PACKAGE_BYTES, found })
    } else {
        Ok(())
    }
}

/// Sizes and offsets have 32 bits; a package within its bound never needs more.
fn small(n: usize) -> Result<u32, PackageError> {
    u32::try_from(n).map_err(|_too_large| PackageError::TooLarge {
        limit: limits::PACKAGE_BYTES,
        found: u64::try_from(n).unwrap_or(u64::MAX),
    })
}

fn first_difference(expected: &[u8], found: &[u8]) -> Option<usize> {
    let differs = expected.iter().zip(found).position(|(a, b)| a != b);
    differs.or_else(|| (expected.len() != found.len()).then(|| expected.len().min(found.len())))
}

/// What is wrong with the bytes at `at`, behind the last file, where the directory is expected and the first other byte is at
/// `differs`, which is of the record of the file `name`. The beginning of what belongs there is what is left of it.
fn no_end(at: usize, differs: usize, expected: &[u8], found: &[u8], name: Option<&String>) -> PackageError {
    let begins = |whole: &[u8]| found.len() < whole.len() && whole.starts_with(found);
    if begins(expected) || begins(&LOCAL) {
        return PackageError::Ends { offset: offset(at, found.len()) };
    }
    PackageError::Form { offset: offset(at, differs), name: name.cloned() }
}

/// In what a package ends that is cut within a file, or within the header that would name it.
const fn within(name: &str) -> &str {
    if name.is_empty() { "the header of a file" } else { name }
}

fn offset(start: usize, within: usize) -> u64 {
    u64::try_from(start.saturating_add(within)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Cursor, Read as _, Write as _};
    use zip::write::SimpleFileOptions;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        list.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn small_package() -> BTreeMap<String, Vec<u8>> {
        files(&[
            ("checkpoint", "origin\n1\n"),
            ("evidence/sha256/ab/cd", "what was seen"),
            ("index.json", "{}"),
            ("log/empty", ""),
        ])
    }

    /// A package as an ordinary ZIP program would make it.
    fn foreign(list: &[(&str, &str)], method: zip::CompressionMethod) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in list {
            let options = SimpleFileOptions::default().compression_method(method);
            writer.start_file(*name, options).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn an_ordinary_zip_reader_reads_what_we_write() {
        let files = small_package();
        let bytes = write(&files).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        assert_eq!(archive.len(), files.len());
        for (name, content) in &files {
            let mut found = Vec::new();
            let mut member = archive.by_name(name).unwrap();
            assert_eq!(member.unix_mode(), Some(0o100_644));
            member.read_to_end(&mut found).unwrap();
            assert_eq!(&found, content);
        }
        assert_eq!(read(&bytes), Ok(files));
        assert_eq!(read(&write(&BTreeMap::new()).unwrap()), Ok(BTreeMap::new()));
    }

    #[test]
    fn more_files_than_the_old_format_counts_are_read_by_us_and_by_others() {
        let files: BTreeMap<String, Vec<u8>> = (0..66_000).map(|n| (format!("f/{n:05}"), Vec::new())).collect();
        let bytes = write(&files).unwrap();
        assert_eq!(zip::ZipArchive::new(Cursor::new(&bytes)).unwrap().len(), 66_000);
        assert_eq!(read(&bytes).unwrap().len(), 66_000);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused_and_named_where_it_lies_in_a_file() {
        let files = small_package();
        let bytes = write(&files).unwrap();
        let content = |name: &str| {
            let wanted = Pressed::of(&files[name]).unwrap().bytes;
            let at = bytes.windows(wanted.len()).position(|part| part == wanted.as_slice());
            at.unwrap()..at.unwrap() + wanted.len()
        };
        let evidence = content("evidence/sha256/ab/cd");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                let error = read(&altered).unwrap_err();
                if evidence.contains(&at) {
                    assert_eq!(error.file(), Some("evidence/sha256/ab/cd"), "{at}");
                    assert!(matches!(error, PackageError::Altered { .. }));
                }
            }
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
            let mut longer = bytes.clone();
            longer.insert(at, 0);
            assert!(read(&longer).is_err(), "a byte more at {at}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let end = u64::try_from(bytes.len()).unwrap();
        assert_eq!(read(&longer), Err(PackageError::Form { offset: end, name: None }));
    }

    #[test]
    fn a_package_whose_end_is_cut_off_blames_no_file_that_is_whole() {
        let bytes = write(&small_package()).unwrap();
        let second = bytes.windows(4).enumerate().filter(|(_, part)| *part == LOCAL).nth(1).unwrap().0;
        let directory = bytes.windows(4).position(|part| part == CENTRAL).unwrap();
        for at in [0, second, second + 3, directory, directory + 10, bytes.len() - 1] {
            let cut = read(&bytes[..at]).unwrap_err();
            assert_eq!(cut, PackageError::Ends { offset: u64::try_from(at).unwrap() });
            assert_eq!(cut.file(), None);
        }
        let said = |at: usize| read(&bytes[..at]).unwrap_err().to_string();
        assert_eq!(
            said(second),
            format!("the package ends at byte {second}, and is not whole there: its end was cut off")
        );
        assert_eq!(said(second + 10), "the package ends within the header of a file");
        assert_eq!(said(second - 1), "the package ends within checkpoint");
    }

    #[test]
    fn the_first_differing_byte_of_the_directory_is_named_with_its_file() {
        let bytes = write(&small_package()).unwrap();
        let directory = bytes.windows(4).position(|part| part == CENTRAL).unwrap();
        let second = directory + 1 + bytes[directory + 1..].windows(4).position(|part| part == CENTRAL).unwrap();
        let mut altered = bytes;
        altered[second + 12] ^= 1;
        assert_eq!(
            read(&altered),
            Err(PackageError::Form {
                offset: u64::try_from(second + 12).unwrap(),
                name: Some("evidence/sha256/ab/cd".to_owned()),
            })
        );
    }

    #[test]
    fn foreign_archives_are_refused() {
        let stored = foreign(&[("a", "text")], zip::CompressionMethod::Stored);
        assert_eq!(read(&stored), Err(PackageError::Method { name: "a".to_owned(), method: 0 }));
        let deflated = foreign(&[("a", "text")], zip::CompressionMethod::Deflated);
        assert!(matches!(read(&deflated), Err(PackageError::Form { .. })));
        let mut other = write(&files(&[("a", "text")])).unwrap();
        other[8] = 14;
        assert_eq!(read(&other), Err(PackageError::Method { name: "a".to_owned(), method: 14 }));
        for bytes in [b"".as_slice(), b"PK", b"PK\x03\x04", b"#!/bin/sh\nPK\x03\x04"] {
            assert!(read(bytes).is_err());
        }
    }

    #[test]
    fn a_file_that_stands_twice_or_out_of_order_is_refused() {
        let one = |name: &str| {
            let mut bytes = write(&files(&[(name, "x")])).unwrap();
            bytes.truncate(read_header(&bytes, 0).unwrap().end());
            bytes
        };
        let twice = [one("a"), one("a")].concat();
        assert_eq!(read(&twice), Err(PackageError::Twice { name: "a".to_owned() }));
        let reversed = [one("b"), one("a")].concat();
        assert_eq!(read(&reversed), Err(PackageError::Order { name: "a".to_owned() }));
        let nested = [one("a"), one("a/b")].concat();
        assert_eq!(read(&nested), Err(PackageError::FileAndFolder { name: "a".to_owned() }));
        assert!(write(&files(&[("a", ""), ("a-", ""), ("a/b", "")])).is_err());
        assert!(write(&files(&[("a/b", ""), ("a/b/c/d", "")])).is_err());
    }

    #[test]
    fn unsafe_names_are_neither_written_nor_read() {
        for name in
            ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "C:a", "a b", "ä", "a\0", "a\n", &"x".repeat(513)]
        {
            let error = write(&files(&[(name, "x")])).unwrap_err();
            assert!(matches!(error, PackageError::Name { .. }), "{name}");
        }
        let mut bytes = write(&files(&[("aa/evil", "x")])).unwrap();
        bytes[LOCAL_HEADER] = b'.';
        bytes[LOCAL_HEADER + 1] = b'.';
        assert_eq!(read(&bytes), Err(PackageError::Name { name: "../evil".to_owned() }));
    }

    #[test]
    fn sizes_that_are_lies_take_no_memory_and_name_the_file() {
        let bytes = write(&files(&[("a", "text")])).unwrap();
        let with = |from: usize, size: u32| {
            let mut bytes = bytes.clone();
            bytes[from..from + 4].copy_from_slice(&size.to_le_bytes());
            read(&bytes).unwrap_err()
        };
        assert!(matches!(with(22, u32::MAX), PackageError::FileTooLarge { .. }));
        assert_eq!(with(22, 1 << 29), PackageError::Pressed { name: "a".to_owned() });
        assert_eq!(with(22, 3), PackageError::Pressed { name: "a".to_owned() });
        assert_eq!(with(18, 1 << 29), PackageError::Cut { name: "a".to_owned() });
    }

    proptest! {
        #[test]
        fn a_package_reads_back(files in proptest::collection::btree_map("[a-z]{1,3}(/[a-z]{1,3}){0,2}[0-9]", proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let bytes = write(&files).unwrap();
            prop_assert_eq!(read(&bytes), Ok(files));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), local in any::<bool>()) {
            let mut all = if local { LOCAL.to_vec() } else { Vec::new() };
            all.extend_from_slice(&bytes);
            prop_assert!(read(&all).is_err());
        }
    }
}
