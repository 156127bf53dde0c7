//! The list of packages that `cargo auditable` puts into a binary: a section `.dep-v0` of an ELF, PE or Mach-O file, with
//! JSON packed by zlib; and what compilers leave of themselves, the section `.comment` of an ELF file. Only the tables that lead to the section are read, each number within the file's bounds.

use crate::error::SbomError;
use countersign_core::limits;
use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

const NAME: &[u8] = b".dep-v0";
const COMMENT: &[u8] = b".comment";
/// What is read of the compilers' own words.
const COMMENT_BYTES: u64 = 64 * 1024;
/// Sections, or commands, of one file.
const PARTS: u64 = 65_536;

/// The section's contents, unpacked; `None` where the file has no such section.
pub(crate) fn packages(path: &Path) -> Result<Option<Vec<u8>>, SbomError> {
    let mut binary = Binary::open(path)?;
    let broken = |why: &str| SbomError::Embedded { path: path.to_owned(), why: why.to_owned() };
    let Some((offset, length)) = binary.section(NAME) else {
        // Such files have the table at their end: one that is cut has no list any more, and may have had one.
        return if binary.is_cut() { Err(broken("the file ends before its table of sections does")) } else { Ok(None) };
    };
    let limit = u64::try_from(limits::AUDITABLE_BYTES).unwrap_or(u64::MAX);
    if length > limit {
        return Err(broken("it is too large"));
    }
    let packed = binary.at(offset, length).ok_or_else(|| broken("it leads out of the file"))?;
    let mut unpacked = Vec::new();
    // One byte more than the bound tells that there is more.
    let mut reader = flate2::read::ZlibDecoder::new(packed.as_slice()).take(limit.saturating_add(1));
    reader.read_to_end(&mut unpacked).map_err(|error| broken(&format!("it does not unpack: {error}")))?;
    if unpacked.len() > limits::AUDITABLE_BYTES {
        return Err(broken("it is too large"));
    }
    Ok(Some(unpacked))
}

/// What each compiler that had a part in an ELF file says of itself; nothing where it says nothing.
pub(crate) fn compilers(path: &Path) -> Result<Vec<String>, SbomError> {
    let mut binary = Binary::open(path)?;
    let found = match binary.at(0, 4).as_deref() {
        Some([0x7f, b'E', b'L', b'F']) => binary.section(COMMENT),
        _ => None,
    };
    let bytes = found.and_then(|(offset, length)| binary.at(offset, length.min(COMMENT_BYTES))).unwrap_or_default();
    let texts = bytes.split(|byte| *byte == 0).filter(|text| !text.is_empty());
    Ok(texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect())
}

/// Where a program's own build information of Go lies, as far as its tables say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// In these bytes of the file: offset and length.
    Within(u64, u64),
    /// Nowhere: what stands elsewhere in the file is another program's, which it carries.
    Nowhere,
    /// The tables do not say.
    Unsaid,
}

/// Where the linker of Go puts it: a section of its own, or, in programs of Windows, the beginning of the data.
pub(crate) fn of_go(path: &Path) -> Result<Own, SbomError> {
    const BEGINNING: u64 = 1 << 20;
    let mut binary = Binary::open(path)?;
    let within = |found: Option<(u64, u64)>| found.map_or(Own::Unsaid, |(offset, length)| Own::Within(offset, length));
    Ok(match binary.at(0, 4).as_deref() {
        Some([0x7f, b'E', b'L', b'F']) => match binary.section(b".go.buildinfo") {
            None if binary.section(b".shstrtab").is_some() => Own::Nowhere,
            found => within(found),
        },
        Some([b'M', b'Z', ..]) => within(binary.section(b".data").map(|(from, length)| (from, length.min(BEGINNING)))),
        Some(_) => within(binary.section(b"__go_buildinfo")),
        None => Own::Unsaid,
    })
}

struct Binary {
    file: File,
    size: u64,
    little: bool,
}

impl Binary {
    fn open(path: &Path) -> Result<Self, SbomError> {
        let failed = |source| SbomError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size > limits::AUDITABLE_BINARY_BYTES {
            let limit = usize::try_from(limits::AUDITABLE_BINARY_BYTES).unwrap_or(usize::MAX);
            return Err(SbomError::TooLarge { path: path.to_owned(), found: size, limit });
        }
        Ok(Self { file, size, little: true })
    }

    /// Bytes of the file, if they are in it.
    fn at(&mut self, offset: u64, length: u64) -> Option<Vec<u8>> {
        if offset.checked_add(length)? > self.size {
            return None;
        }
        self.file.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// A number of so many bytes.
    fn number(&self, bytes: &[u8], at: usize, width: usize) -> Option<u64> {
        let part = bytes.get(at..at.checked_add(width)?)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Some(if self.little { part.iter().rev().fold(0, add) } else { part.iter().fold(0, add) })
    }

    /// Offset and length of the section.
    fn section(&mut self, wanted: &[u8]) -> Option<(u64, u64)> {
        let magic = self.at(0, 4)?;
        match magic.as_slice() {
            [0x7f, b'E', b'L', b'F'] => self.elf(wanted),
            [b'M', b'Z', ..] => self.pe(wanted),
            [0xcf, 0xfa, 0xed, 0xfe] => self.mach_o(wanted),
            _ => None,
        }
    }

    fn elf(&mut self, wanted: &[u8]) -> Option<(u64, u64)> {
        let head = self.at(0, 64)?;
        let wide = *head.get(4)? == 2;
        self.little = *head.get(5)? == 1;
        let (table, each, count, names) = if wide { ((40, 8), 58, 60, 62) } else { ((32, 4), 46, 48, 50) };
        let table = self.number(&head, table.0, table.1)?;
        let each = self.number(&head, each, 2)?;
        let count = self.number(&head, count, 2)?;
        let names = self.number(&head, names, 2)?;
        if !(40..=256).contains(&each) {
            return None;
        }
        let width = if wide { 8 } else { 4 };
        let (offset_at, size_at) = if wide { (24, 32) } else { (16, 20) };
        let place = |binary: &mut Self, index: u64| -> Option<(u64, u64, u64)> {
            let entry = binary.at(table.checked_add(index.checked_mul(each)?)?, each)?;
            let number = |at, width| binary.number(&entry, at, width);
            Some((number(0, 4)?, number(offset_at, width)?, number(size_at, width)?))
        };
        let (_, names, length) = place(self, names)?;
        for index in 0..count.min(PARTS) {
            let (name, offset, size) = place(self, index)?;
            let long = u64::try_from(wanted.len()).ok()?.checked_add(1)?;
            if name.checked_add(long)? <= length {
                let found = self.at(names.checked_add(name)?, long)?;
                if found.strip_suffix(b"\0") == Some(wanted) {
                    return Some((offset, size));
                }
            }
        }
        None
    }

    /// Whether an ELF file says that its table of sections lies behind the file's end.
    fn is_cut(&mut self) -> bool {
        let mut end = || {
            let head = self.at(0, 64)?;
            let wide = *head.get(4)? == 2;
            self.little = *head.get(5)? == 1;
            let (table, each, count) = if wide { ((40, 8), 58, 60) } else { ((32, 4), 46, 48) };
            let table = self.number(&head, table.0, table.1)?;
            let length = self.number(&head, each, 2)?.checked_mul(self.number(&head, count, 2)?)?;
            (head.starts_with(b"\x7fELF") && table > 0 && length > 0).then(|| table.saturating_add(length))
        };
        end().is_some_and(|end| end > self.size)
    }

    fn pe(&mut self, wanted: &[u8]) -> Option<(u64, u64)> {
        let head = self.at(0, 64)?;
        let header = self.number(&head, 60, 4)?;
        let coff = self.at(header, 24)?;
        if coff.get(..4)? != b"PE\0\0" {
            return None;
        }
        let count = self.number(&coff, 6, 2)?;
        let optional = self.number(&coff, 20, 2)?;
        let table = header.checked_add(24)?.checked_add(optional)?;
        for index in 0..count {
            let entry = self.at(table.checked_add(index.checked_mul(40)?)?, 40)?;
            let name = entry.get(..8)?;
            if name.strip_prefix(wanted).is_some_and(|rest| rest.iter().all(|byte| *byte == 0)) {
                // What is behind the virtual size only fills the section up.
                let size = self.number(&entry, 8, 4)?.min(self.number(&entry, 16, 4)?);
                return Some((self.number(&entry, 20, 4)?, size));
            }
        }
        None
    }

    fn mach_o(&mut self, wanted: &[u8]) -> Option<(u64, u64)> {
        let head = self.at(0, 32)?;
        let commands = self.number(&head, 16, 4)?;
        let mut at = 32_u64;
        for _ in 0..commands.min(PARTS) {
            let command = self.at(at, 8)?;
            let size = self.number(&command, 4, 4)?;
            // A segment, and its sections behind it.
            if self.number(&command, 0, 4)? == 0x19 {
                let segment = self.at(at, 72)?;
                for index in 0..self.number(&segment, 64, 4)?.min(PARTS) {
                    let section = self.at(at.checked_add(72)?.checked_add(index.checked_mul(80)?)?, 80)?;
                    let name = section.get(..16)?;
                    if name.strip_prefix(wanted).is_some_and(|rest| rest.iter().all(|b| *b == 0)) {
                        return Some((self.number(&section, 48, 4)?, self.number(&section, 40, 8)?));
                    }
                }
            }
            at = at.checked_add(size.max(8))?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = b"{\"packages\":[]}";

    fn packed() -> Vec<u8> {
        let mut packed = Vec::new();
        flate2::read::ZlibEncoder::new(LIST, flate2::Compression::default()).read_to_end(&mut packed).unwrap();
        packed
    }

    fn wide(number: usize) -> [u8; 8] {
        u64::try_from(number).unwrap().to_le_bytes()
    }

    fn narrow(number: usize) -> [u8; 4] {
        u32::try_from(number).unwrap().to_le_bytes()
    }

    /// An ELF file of 64 bits with three sections: none, the list, and the names.
    fn elf() -> Vec<u8> {
        elf_with(&packed(), b"\0.dep-v0\0")
    }

    fn elf_with(body: &[u8], names: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        let body_at = file.len();
        file.extend(body);
        let names_at = file.len();
        file.extend(names);
        let table = file.len();
        for (name, offset, size) in [(0_u32, 0, 0), (1, body_at, body.len()), (0, names_at, names.len())] {
            let mut entry = vec![0; 64];
            entry[..4].copy_from_slice(&name.to_le_bytes());
            entry[24..32].copy_from_slice(&wide(offset));
            entry[32..40].copy_from_slice(&wide(size));
            file.extend(entry);
        }
        file[40..48].copy_from_slice(&wide(table));
        for (at, value) in [(58, 64_u16), (60, 3), (62, 2)] {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        file
    }

    fn pe() -> Vec<u8> {
        let body = packed();
        let mut file = vec![0; 64 + 24 + 40];
        file[..2].copy_from_slice(b"MZ");
        file[60..64].copy_from_slice(&64_u32.to_le_bytes());
        file[64..68].copy_from_slice(b"PE\0\0");
        file[70] = 1;
        let section = 64 + 24;
        file[section..section + 7].copy_from_slice(b".dep-v0");
        let at = narrow(file.len());
        file[section + 8..section + 12].copy_from_slice(&narrow(body.len()));
        file[section + 16..section + 20].copy_from_slice(&512_u32.to_le_bytes());
        file[section + 20..section + 24].copy_from_slice(&at);
        file.extend(body);
        file
    }

    fn mach_o() -> Vec<u8> {
        let body = packed();
        let mut file = vec![0; 32 + 72 + 80];
        file[..4].copy_from_slice(&[0xcf, 0xfa, 0xed, 0xfe]);
        file[16] = 1;
        file[32] = 0x19;
        file[36] = 152;
        file[32 + 64] = 1;
        let section = 32 + 72;
        file[section..section + 7].copy_from_slice(b".dep-v0");
        file[section + 40..section + 48].copy_from_slice(&wide(body.len()));
        let at = narrow(file.len());
        file[section + 48..section + 52].copy_from_slice(&at);
        file.extend(body);
        file
    }

    fn read(bytes: &[u8]) -> Result<Option<Vec<u8>>, SbomError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        std::fs::write(&path, bytes).unwrap();
        packages(&path)
    }

    #[test]
    fn a_program_whose_sections_name_no_build_information_of_go_has_none_of_its_own() {
        let of = |bytes: &[u8]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("app");
            std::fs::write(&path, bytes).unwrap();
            of_go(&path).unwrap()
        };
        let named = |mut file: Vec<u8>, old: &[u8], new: &[u8]| {
            let at = file.windows(old.len()).position(|part| part == old).unwrap();
            file.splice(at..at + old.len(), new.iter().copied());
            file
        };
        assert_eq!((of(b"\x7fELF"), of(&pe()), of(&mach_o())), (Own::Unsaid, Own::Unsaid, Own::Unsaid));
        let linux = |name: &[u8]| {
            let mut file = elf_with(b"list", &[b"\0.shstrtab\0", name].concat());
            let (sections, names) = (file.len() - 3 * 64, 11_u32);
            // The names' own name is the first; that of the section behind it is the second.
            file[sections + 64..sections + 68].copy_from_slice(&names.to_le_bytes());
            file[sections + 128..sections + 132].copy_from_slice(&1_u32.to_le_bytes());
            of(&file)
        };
        // Another section, whatever lies in it.
        assert_eq!(linux(b".rodata\0"), Own::Nowhere);
        assert_eq!(linux(b"\x2ego.buildinfo\0"), Own::Within(64, 4));
        let windows = named(pe(), b".dep-v0\0", b".data\0\0\0");
        assert!(matches!(of(&windows), Own::Within(_, length) if length > 0));
        let apple = named(mach_o(), b".dep-v0\0\0\0\0\0\0\0", b"__go_buildinfo");
        assert!(matches!(of(&apple), Own::Within(_, length) if length > 0));
    }

    #[test]
    fn the_list_is_found_in_all_three_kinds_of_binary() {
        for file in [elf(), pe(), mach_o()] {
            assert_eq!(read(&file).unwrap().as_deref(), Some(LIST));
        }
        assert_eq!(read(b"#!/bin/sh\n").unwrap(), None);
        assert_eq!(read(b"").unwrap(), None);
    }

    #[test]
    fn what_compilers_leave_of_themselves_is_read_from_elf_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        let of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            compilers(&path).unwrap()
        };
        let comment = b"GCC: (x) 12\0rustc version 1.95.0 (abc 2026-01-01)\0\0";
        assert_eq!(of(&elf_with(comment, b"\0.comment\0")), ["GCC: (x) 12", "rustc version 1.95.0 (abc 2026-01-01)"]);
        for other in [elf(), pe(), mach_o(), b"#!/bin/sh\n".to_vec()] {
            assert_eq!(of(&other), [""; 0]);
        }
    }

    #[test]
    fn a_program_that_ends_before_its_table_of_sections_is_not_one_without_a_list() {
        let file = elf();
        for length in [64, 80, file.len() - 192, file.len() - 1] {
            assert!(matches!(read(&file[..length]), Err(SbomError::Embedded { .. })), "{length}");
        }
        let mut stripped = file[..80].to_vec();
        for (from, to) in [(40, 48), (58, 64)] {
            stripped[from..to].fill(0);
        }
        assert_eq!(read(&stripped).unwrap(), None, "it says to have no such table");
    }

    #[test]
    fn a_binary_cut_anywhere_is_no_list_and_no_panic() {
        for file in [elf(), pe(), mach_o()] {
            for length in (0..file.len()).step_by(3) {
                assert!(!matches!(read(&file[..length]), Ok(Some(_))), "{length}");
            }
            for place in (0..file.len()).step_by(3) {
                let mut broken = file.clone();
                broken[place] ^= 0xff;
                let _whatever = read(&broken).is_ok();
            }
        }
    }
}
