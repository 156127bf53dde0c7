//! Whether an archive that is handed out holds the file that an SBOM was made of. Zip and tar archives are looked through, packed with
//! gzip or not; of others, and of archives within archives, it is said that they were not. Nothing is unpacked to anywhere.

use super::{Made, PackagesError, malformed};
use crate::{
    archive::{Archive, ArchiveError},
    bom::{FILE_DIGEST, File as Packed, Item},
    tarball::{self, BLOCK, Files},
};
use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256, limits};
use flate2::bufread::MultiGzDecoder;
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead as _, BufReader, Cursor, ErrorKind, Read, Seek as _},
    path::Path,
};

/// What lies in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Files by their names in it, each with its digest.
    pub files: Vec<(String, Sha256)>,
    /// Which of them begin as archives do: what lies in these is not looked at.
    pub archives: usize,
}

/// Looks through an archive. Nothing comes of one of a kind that is not looked through; one that is damaged is an error.
pub fn look(path: &Path) -> Result<Option<Content>, PackagesError> {
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
        return match Archive::over(reader).and_then(|mut archive| archive.digests(limits::PACKED_BYTES, begins)) {
            Ok((files, archives)) => Ok(Some(Content { files, archives })),
            Err(ArchiveError::Unsupported(_)) => Ok(None),
            Err(error) => Err(damaged(error.to_string())),
        };
    }
    let found =
        if begin.starts_with(GZIP) { through(MultiGzDecoder::new(reader), true) } else { through(reader, false) };
    match found {
        Ok(found) => Ok(found),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(damaged(error.to_string())),
    }
}

const ZIP: &[u8] = b"PK\x03\x04";
/// One without files has its end alone.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
const GZIP: &[u8] = b"\x1f\x8b";

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

/// A tar archive; or, where gzip packed it, one file by itself, whose name is that of the archive.
fn through(mut reader: impl Read, packed: bool) -> io::Result<Option<Content>> {
    let mut begin = Vec::new();
    reader.by_ref().take(u64::try_from(BLOCK).unwrap_or(u64::MAX)).read_to_end(&mut begin)?;
    let is_tar = tarball::is_header(&begin);
    let reader = Cursor::new(begin).chain(reader);
    match (is_tar, packed) {
        (true, _) => tar(reader).map(Some),
        (false, true) => alone(reader).map(Some),
        (false, false) => Ok(None),
    }
}

fn tar(reader: impl Read) -> io::Result<Content> {
    let mut files = Files::loose(reader, limits::PACKED_BYTES);
    let mut content = Content::default();
    while let Some(entry) = files.next()? {
        let mut first = true;
        let mut is_archive = false;
        let digest = files.digest(entry.size, |part| is_archive |= std::mem::take(&mut first) && begins(part))?;
        content.archives = content.archives.saturating_add(usize::from(is_archive));
        content.files.push((entry.path, digest));
        if content.files.len() > limits::PACKED_FILES {
            return Err(tarball::wrong(format!("it has more than {} files", limits::PACKED_FILES)));
        }
    }
    Ok(content)
}

fn alone(reader: impl Read) -> io::Result<Content> {
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
    if size > limits::PACKED_BYTES {
        return Err(tarball::wrong("it unpacks to more than is read"));
    }
    Ok(Content { files: vec![(String::new(), tarball::finished(digest))], archives: usize::from(is_archive) })
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
        let version = version.map(str::to_owned).or_else(|| file.version.clone());
        if file.version.is_none() {
            file.version.clone_from(&version);
        }
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
        let wanted = Sha256::of(b"server");
        Ok(look(&path)?.map(|found| {
            let beside = found.files.iter().filter(|(_, digest)| *digest != wanted).count();
            (beside < found.files.len(), beside, found.archives)
        }))
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
        for bytes in [cut, broken, packed[..packed.len() - 8].to_vec()] {
            assert!(matches!(said(&bytes), Err(PackagesError::Malformed { .. })), "{:?}", said(&bytes));
        }
    }
}
