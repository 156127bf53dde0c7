//! Whether an archive that is handed out holds the file that an SBOM was made of. Zip and tar archives are looked through, packed with
//! gzip or not; of others, and of archives within archives, it is said that they were not. Nothing is unpacked to anywhere.

use super::{Made, PackagesError, malformed};
use crate::{
    archive::{Archive, ArchiveError},
    bom::{FILE_DIGEST, File as Packed, Item},
    gunzip::Members,
    tarball::{self, BLOCK, Files},
};
use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256, limits};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead as _, BufReader, Cursor, ErrorKind, Read, Seek as _},
    path::Path,
};

/// What lies in an archive, as far as it was looked through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Whether the file that is looked for is among its files.
    pub found: bool,
    /// How many others there are.
    pub beside: usize,
    /// The names of the first of those.
    pub names: Vec<String>,
    /// How many files begin as archives do: what lies in these is not looked at.
    pub archives: usize,
    /// What of it was not looked at, in words.
    pub unseen: Vec<String>,
}

/// How many names are kept of what lies in it, and how much of each: an archive may have as many, and as long ones, as whoever packed it
/// liked.
const NAMED: usize = 5;
const SHOWN: usize = 80;

impl Content {
    fn take(&mut self, name: &str, is_it: bool, is_archive: bool) {
        self.archives = self.archives.saturating_add(usize::from(is_archive));
        if is_it {
            self.found = true;
            return;
        }
        self.beside = self.beside.saturating_add(1);
        if self.names.len() < NAMED {
            let begin: String = name.chars().take(SHOWN).collect();
            self.names.push(if begin.len() == name.len() { begin } else { format!("{begin}…") });
        }
    }
}

/// Looks through an archive for a file. Nothing comes of one of a kind that is not looked through; one that is damaged is an error.
pub fn look(path: &Path, wanted: &Sha256) -> Result<Option<Content>, PackagesError> {
    let failed = |source| PackagesError::Read { path: path.to_owned(), source };
    let damaged = |error: String| malformed(path, "the archive", &error);
    let file = File::open(path).map_err(failed)?;
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let begin = reader.fill_buf().map_err(failed)?;
    // Nothing holds no file, which is known without looking on.
    if begin.is_empty() {
        return Ok(Some(Content::default()));
    }
    if begin.starts_with(ZIP) || begin.starts_with(EMPTY_ZIP) {
        reader.rewind().map_err(failed)?;
        return zip(reader, wanted).map(Some).map_err(|error| damaged(error.to_string()));
    }
    let packed = begin.starts_with(GZIP);
    let found = if packed {
        let mut members = Members::of(reader, limits::PACKED_BYTES);
        let found = through(&mut members, wanted, true);
        found.and_then(|found| Ok((found, members.only_zeros_behind()?)))
    } else {
        through(&mut reader, wanted, false).map(|found| (found, true))
    };
    match found {
        Ok((Some(mut found), whole)) => {
            found.unseen.extend((!whole).then(|| BEHIND.to_owned()));
            Ok(Some(found))
        }
        Err(error) if error.kind() != ErrorKind::Unsupported => Err(damaged(error.to_string())),
        Ok((None, _)) if !packed => {
            // A program may stand before it, which unpacks it.
            let file = File::open(path).map_err(failed)?;
            Ok(zip(BufReader::new(file), wanted).ok().filter(|found| found.found || found.beside > 0))
        }
        Ok((None, _)) | Err(_) => Ok(None),
    }
}

const ZIP: &[u8] = b"PK\x03\x04";
/// One without files has its end alone.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
const GZIP: &[u8] = b"\x1f\x8b";
/// What stands behind the end of an archive is none of its files for one program, and is for another.
const BEHIND: &str = "what stands behind its end";

/// What one program passes over in a tar, or reads in another way than the next.
const DOUBTFUL: &str =
    "links or folders with contents, or notes about all files, which another program may read in another way";

/// Whether a file begins as an archive does, or as something that is packed.
fn begins(bytes: &[u8]) -> bool {
    const KNOWN: [&[u8]; 10] = [
        ZIP,
        GZIP,
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"BZh",
        b"!<arch>\n",
        b"7z\xbc\xaf\x27\x1c",
        b"\xed\xab\xee\xdb",
        b"hsqs",
        b"07070",
    ];
    KNOWN.iter().any(|begin| bytes.starts_with(begin)) || tarball::is_header(bytes)
}

fn zip(reader: BufReader<File>, wanted: &Sha256) -> Result<Content, ArchiveError> {
    let mut archive = Archive::over(reader)?;
    let mut content = Content::default();
    let unseen = archive.each(limits::PACKED_BYTES, begins, |name, digest, is_archive| {
        content.take(name, digest == *wanted, is_archive);
    })?;
    content.unseen = unseen.into_iter().chain(archive.unlisted()?).collect();
    Ok(content)
}

/// A tar archive; or, where gzip packed it, one file by itself, whose name is that of the archive.
fn through(mut reader: impl Read, wanted: &Sha256, packed: bool) -> io::Result<Option<Content>> {
    let mut begin = Vec::new();
    reader.by_ref().take(u64::try_from(BLOCK).unwrap_or(u64::MAX)).read_to_end(&mut begin)?;
    let is_tar = tarball::is_header(&begin);
    let is_zeros = begin.len() == BLOCK && begin.iter().all(|byte| *byte == 0);
    let reader = Cursor::new(begin).chain(reader);
    match (is_tar, packed) {
        (true, _) => tar(reader, wanted).map(Some),
        // The end of an archive by itself. Of others that begin with zeros nothing is known.
        (false, false) if is_zeros => {
            let empty = Files::loose(reader, limits::PACKED_BYTES).only_zeros().unwrap_or_default();
            Ok(empty.then(Content::default))
        }
        (false, true) => alone(reader, wanted).map(Some),
        (false, false) => Ok(None),
    }
}

fn tar(reader: impl Read, wanted: &Sha256) -> io::Result<Content> {
    let mut files = Files::loose(reader, limits::PACKED_BYTES);
    let mut content = Content::default();
    let mut count = 0_usize;
    let ended = loop {
        match next(&mut files) {
            Ok(Some((name, digest, is_archive))) => content.take(&name, digest == *wanted, is_archive),
            Ok(None) => break files.only_zeros(),
            Err(error) => break Err(error),
        }
        count = count.saturating_add(1);
        if count >= limits::PACKED_FILES {
            content.unseen.push(format!("what lies behind the first {} files", limits::PACKED_FILES));
            return Ok(content);
        }
    };
    content.unseen.extend(files.is_doubtful().then(|| DOUBTFUL.to_owned()));
    match ended {
        Ok(true) => {}
        Ok(false) => content.unseen.push(BEHIND.to_owned()),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => content.unseen.push(beyond()),
        Err(error) => return Err(error),
    }
    Ok(content)
}

/// The next file: its name, its digest, and whether it begins as an archive does.
fn next(files: &mut Files<impl Read>) -> io::Result<Option<(String, Sha256, bool)>> {
    let Some(entry) = files.next()? else { return Ok(None) };
    let (mut first, mut is_archive) = (true, false);
    let digest = files.digest(entry.size, |part| is_archive |= std::mem::take(&mut first) && begins(part))?;
    Ok(Some((entry.path, digest, is_archive)))
}

fn beyond() -> String {
    format!("what lies behind the first {} bytes that it unpacks to", limits::PACKED_BYTES)
}

fn alone(reader: impl Read, wanted: &Sha256) -> io::Result<Content> {
    let mut reader = BufReader::new(reader.take(limits::PACKED_BYTES.saturating_add(1)));
    let mut digest = Context::new(&SHA256);
    let mut size = 0_u64;
    let mut is_archive = false;
    loop {
        let part = reader.fill_buf()?;
        let read = part.len();
        if read == 0 {
            break;
        }
        is_archive |= size == 0 && begins(part);
        digest.update(part);
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        reader.consume(read);
    }
    let mut content = Content::default();
    if size > limits::PACKED_BYTES {
        content.unseen.push(beyond());
    } else {
        content.take("its one file", tarball::finished(digest) == *wanted, is_archive);
    }
    Ok(content)
}

impl Made {
    /// Makes the document one about an archive that the file which was read lies in: that becomes a component, with its own digest as a
    /// property, since what is built is not among what the build resolved. `aggregate` is how much of what lies in the archive that is.
    pub fn pack_in(&mut self, name: &str, version: Option<&str>, archive: &Sha256, aggregate: &str) {
        let Some(mut file) = self.bom.root.take() else { return };
        let mut reference = format!("archive:{name}");
        while self.bom.items.iter().chain([&file]).any(|item| item.reference == reference) {
            reference.push('#');
        }
        for (algorithm, value) in std::mem::take(&mut file.hashes) {
            file.properties.push((FILE_DIGEST.to_owned(), format!("{algorithm}:{value}")));
        }
        for (algorithm, value) in std::mem::take(&mut file.files).into_iter().flat_map(|file: Packed| file.hashes) {
            file.properties.push((FILE_DIGEST.to_owned(), format!("{algorithm}:{value}")));
        }
        if file.purl.is_none() {
            file.properties.push((WORKSPACE_MEMBER.to_owned(), "true".to_owned()));
        }
        // That the archive has the version of what lies in it, or the other way round, nobody said.
        let version = version.map(str::to_owned);
        self.bom.edges.insert(reference.clone(), BTreeSet::from([file.reference.clone()]));
        self.bom.aggregates.insert(reference.clone(), aggregate.to_owned());
        self.bom.root = Some(Item {
            reference,
            kind: "file".to_owned(),
            name: name.to_owned(),
            version,
            hashes: [("SHA-256".to_owned(), archive.hex())].into(),
            ..Item::default()
        });
        self.bom.items.push(file);
        self.bom.items.sort_by(|a, b| a.reference.cmp(&b.reference));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::made::entry;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    fn ustar(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut made = entry(b'0', name, bytes);
        made[257..263].copy_from_slice(b"ustar\0");
        made[263..265].copy_from_slice(b"00");
        made[148..156].copy_from_slice(b"        ");
        let sum: u64 = made[..BLOCK].iter().map(|byte| u64::from(*byte)).sum();
        made[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        made
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// How many files there are beside the one that is looked for, where it is there; and how many archives.
    fn said(bytes: &[u8]) -> Result<Option<(bool, usize, usize)>, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        Ok(look(&path, &Sha256::of(b"server"))?.map(|found| (found.found, found.beside, found.archives)))
    }

    /// What was not looked at.
    fn unseen(bytes: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        look(&path, &Sha256::of(b"server")).unwrap().expect("an archive").unseen
    }

    fn ended(parts: &[Vec<u8>]) -> Vec<u8> {
        [parts.concat(), vec![0; 2 * BLOCK]].concat()
    }

    #[test]
    fn the_file_is_found_in_every_kind_of_archive_that_is_looked_through() {
        let mut tar =
            [ustar("app/server", b"server"), entry(b'2', "app/link", b""), ustar("app/README", b"read me")].concat();
        tar.extend([0; 2 * BLOCK]);
        assert_eq!(said(&tar).unwrap(), Some((true, 1, 0)));
        assert_eq!(said(&gz(&tar)).unwrap(), Some((true, 1, 0)));
        assert_eq!(said(&zip(&[("server", b"server"), ("app/README", b"read me")])).unwrap(), Some((true, 1, 0)));
        assert_eq!(said(&gz(b"server")).unwrap(), Some((true, 0, 0)));
        let old = entry(b'0', "server", b"server");
        assert_eq!(said(&old).unwrap(), Some((true, 0, 0)), "of the seventh edition");
        assert_eq!(said(&gz(&old)).unwrap(), Some((true, 0, 0)));
        assert_eq!(said(b"\x28\xb5\x2f\xfd zstd").unwrap(), None);
        assert_eq!(said(&entry(b'S', "server", b"server")).unwrap(), None, "with holes");
    }

    #[test]
    fn what_one_program_takes_for_a_part_of_an_archive_and_another_does_not_is_said_not_to_be_looked_at() {
        let (whole, other) = (ended(&[ustar("server", b"server")]), ended(&[ustar("evil", b"evil")]));
        let packed = zip(&[("server", b"server")]);
        for all in [whole.clone(), gz(&whole), [gz(&whole), vec![0; 99]].concat(), packed.clone()] {
            assert_eq!(unseen(&all), Vec::<String>::new());
            assert_eq!(said(&all).unwrap(), Some((true, 0, 0)));
        }
        let front = zip(&[("evil", b"evil")]);
        for (bytes, told) in [
            ([whole.clone(), other.clone()].concat(), "behind its end"),
            ([gz(&whole), gz(&other)].concat(), "behind its end"),
            (gz(&[whole.clone(), other].concat()), "behind its end"),
            ([gz(&whole), b"evil".to_vec()].concat(), "behind its end"),
            ([packed.clone(), b"evil".repeat(20)].concat(), "behind its end"),
            ([front, packed.clone()].concat(), "no entry of its directory"),
            ([b"#!/bin/sh\nunzip\n".to_vec(), packed.clone()].concat(), "no entry of its directory"),
        ] {
            assert_eq!(said(&bytes).unwrap(), Some((true, 0, 0)), "{told}");
            let unseen = unseen(&bytes);
            assert!(unseen.iter().any(|what| what.contains(told)), "{told}: {unseen:?}");
        }
    }

    #[test]
    fn what_has_contents_and_is_unpacked_as_a_file_by_some_is_said_not_to_be_looked_at() {
        let server = ustar("server", b"server");
        let noted = |kind: u8, note: &[u8]| entry(kind, "noted", note);
        for (before, told) in [
            (entry(b'D', "evil", b"evil"), true),
            (entry(b'5', "evil/", b"evil"), true),
            (noted(b'g', b"10 size=99\n"), true),
            (noted(b'g', b"11 path=oth\n"), true),
            (noted(b'g', b"22 GNU.sparse.major=1\n"), true),
            (noted(b'g', b"13 comment=a\n"), false),
            (entry(b'D', "app/", b""), false),
            ([entry(b'5', "app/", b""), entry(b'2', "app/link", b"")].concat(), false),
        ] {
            let bytes = ended(&[before.clone(), server.clone()]);
            assert_eq!(said(&bytes).unwrap(), Some((true, 0, 0)));
            let wanted = if told { vec![DOUBTFUL.to_owned()] } else { Vec::new() };
            assert_eq!(unseen(&bytes), wanted, "{:?}", &before[..8]);
        }
        // A link that says how long the file is that it leads to has no bytes of its own, for some.
        let mut link = entry(b'2', "link", b"evil");
        link.truncate(BLOCK);
        assert_eq!(unseen(&ended(&[link, server])), [DOUBTFUL]);
        let of = |name: &str, mode: u32| {
            let mut packed = zip(&[("server", b"server"), (name, b"evil")]);
            let listed = packed.windows(4).rposition(|part| part == b"PK\x01\x02").unwrap();
            packed[listed + 5] = 3;
            packed[listed + 38..listed + 42].copy_from_slice(&(mode << 16).to_le_bytes());
            packed
        };
        assert_eq!(unseen(&of("plain", 0o100_644)), [""; 0]);
        for (name, mode) in [("evil", 0o120_777), ("evil\\", 0o100_755), ("evil/", 0o40_755)] {
            assert_eq!(said(&of(name, mode)).unwrap(), Some((true, 0, 0)));
            let unseen = unseen(&of(name, mode));
            assert!(unseen.iter().any(|what| what.contains("folders with contents")), "{name}: {unseen:?}");
        }
        let mut comment = zip(&[("server", b"server")]);
        let inner = zip(&[("evil", b"evil")]);
        let length = comment.len();
        comment[length - 2..].copy_from_slice(&u16::try_from(inner.len()).unwrap().to_le_bytes());
        comment.extend(&inner);
        let end = comment.windows(4).rposition(|part| part == b"PK\x05\x06").unwrap();
        comment[end + 4] = 1;
        assert_eq!(said(&comment).unwrap(), Some((true, 0, 0)));
        assert!(unseen(&comment).iter().any(|what| what.contains("in its comment")), "{:?}", unseen(&comment));
    }

    #[test]
    fn what_is_noted_of_a_file_is_of_it_whatever_stands_between() {
        let mut file = ustar("server", b"server");
        file.truncate(BLOCK);
        let mut body = b"server".to_vec();
        body.resize(BLOCK + 4, b'x');
        let digest = Sha256::of(&body);
        body.resize(2 * BLOCK, 0);
        for between in [entry(b'K', "././@LongLink", b"x"), entry(b'g', "g", b""), Vec::new()] {
            let note = entry(b'x', "x", b"12 size=516\n");
            let bytes = ended(&[note, between, file.clone(), body.clone()]);
            let mut files = Files::loose(bytes.as_slice(), 1 << 20);
            let found = files.next().unwrap().unwrap();
            assert_eq!((found.size, files.digest(found.size, |_| {}).unwrap()), (516, digest));
            assert!(files.next().unwrap().is_none() && !files.is_doubtful());
        }
    }

    #[test]
    fn of_a_name_that_stands_twice_in_a_zip_not_all_is_looked_at() {
        let mut twice = zip(&[("server", b"server"), ("sErver", b"another")]);
        for at in 0..twice.len() - 6 {
            if twice[at..].starts_with(b"sErver") {
                twice[at + 1] = b'e';
            }
        }
        let unseen = unseen(&twice);
        assert!(unseen.iter().any(|what| what.contains("name stands twice")), "{unseen:?}");
    }

    #[test]
    fn a_file_of_a_zip_that_is_packed_otherwise_hides_no_other_one() {
        let mut other = zip(&[("a", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), ("server", b"server")]);
        // The method, in both places where it stands: bzip2.
        let local = other.windows(4).position(|part| part == b"PK\x03\x04").unwrap();
        let listed = other.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
        (other[local + 8], other[listed + 10]) = (12, 12);
        assert_eq!(said(&other).unwrap(), Some((true, 0, 0)));
        assert!(unseen(&other)[0].contains("packed in a way that is not read"), "{:?}", unseen(&other));
    }

    #[test]
    fn archives_as_tar_makes_them_with_a_label_and_without_a_size_are_read() {
        let blank = |kind: u8, name: &str| {
            let mut made = entry(kind, name, b"");
            made[124..136].fill(0);
            made[148..156].copy_from_slice(b"        ");
            let sum: u64 = made[..BLOCK].iter().map(|byte| u64::from(*byte)).sum();
            made[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            made
        };
        let labelled = ended(&[blank(b'V', "label"), blank(b'5', "app/"), ustar("app/server", b"server")]);
        assert_eq!(said(&labelled).unwrap(), Some((true, 0, 0)));
    }

    #[test]
    fn of_many_files_the_number_is_kept_and_few_names() {
        let many: Vec<Vec<u8>> = (0..40).map(|n| ustar(&format!("{n}{}", "x".repeat(90)), b"")).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, ended(&many)).unwrap();
        let found = look(&path, &Sha256::of(b"server")).unwrap().unwrap();
        assert_eq!((found.beside, found.names.len()), (40, NAMED));
        assert!(found.names.iter().all(|name| name.chars().count() == SHOWN + 1));
    }

    #[test]
    fn archives_within_archives_are_counted() {
        let layer = gz(b"layer");
        for bytes in [ustar("layer.tar.gz", &layer), zip(&[("data.tar", &ustar("server", b"server"))]), gz(&layer)] {
            assert_eq!(said(&bytes).unwrap(), Some((false, 1, 1)));
        }
    }

    #[test]
    fn an_archive_without_it_is_told_from_one_that_is_damaged() {
        assert_eq!(said(b"").unwrap(), Some((false, 0, 0)), "an empty file");
        assert_eq!(said(&zip(&[])).unwrap(), Some((false, 0, 0)), "an empty archive");
        for empty in [ended(&[]), vec![0; 20 * BLOCK], gz(&ended(&[]))] {
            assert_eq!(said(&empty).unwrap().map(|(found, ..)| found), Some(false), "an empty tar");
        }
        assert_eq!(said(&[vec![0; 64 * BLOCK], b"CD001".to_vec()].concat()).unwrap(), None, "an image");
        let other = ustar("server", b"another");
        assert_eq!(said(&other).unwrap(), Some((false, 1, 0)));
        assert_eq!(said(&gz(&other)).unwrap(), Some((false, 1, 0)));
        assert_eq!(said(&zip(&[("server", b"another"), ("b", b"")])).unwrap(), Some((false, 2, 0)));
        assert_eq!(said(&gz(b"another")).unwrap(), Some((false, 1, 0)));
        let mut cut = gz(&ustar("server", b"server"));
        cut.truncate(cut.len() - 12);
        let mut broken = ustar("server", b"server");
        broken.truncate(BLOCK + 3);
        let packed = zip(&[("server", b"server")]);
        let mut late = gz(&ended(&[ustar("server", b"server")]));
        let at = late.len() - 6;
        late[at] ^= 1;
        let ends = gz(&ended(&[ustar("server", b"server")]));
        for bytes in [cut, broken, packed[..packed.len() - 8].to_vec(), late, ends[..ends.len() - 3].to_vec()] {
            assert!(matches!(said(&bytes), Err(PackagesError::Malformed { .. })), "{:?}", said(&bytes));
        }
    }
}
