//! Whether an archive that is handed out holds the file that an SBOM was made of. Zip and tar archives are looked through, packed with
//! gzip or not; of others it is said that they were not. Nothing is unpacked to anywhere.

use super::{PackagesError, malformed};
use crate::{
    archive::{Archive, ArchiveError},
    tarball::{BLOCK, Files},
};
use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::{digest::Sha256, limits};
use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek as _},
    path::Path,
};

/// What an archive was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packed {
    /// The file, and these beside it, by their names in the archive.
    Holds(Vec<String>),
    /// As many files, none of which is the one that is looked for.
    Without(usize),
    /// It is of a kind that is not looked through.
    NotRead,
}

/// Looks through an archive for a file of this digest. One that is damaged is an error.
pub fn holds(path: &Path, wanted: &Sha256) -> Result<Packed, PackagesError> {
    let failed = |source| PackagesError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let begin = reader.fill_buf().map_err(failed)?;
    let found = if begin.starts_with(b"PK\x03\x04") {
        reader.rewind().map_err(failed)?;
        return match Archive::over(reader).and_then(|mut archive| archive.digests(limits::PACKED_BYTES)) {
            Ok(files) => Ok(of(files, wanted)),
            Err(ArchiveError::Unsupported(_)) => Ok(Packed::NotRead),
            Err(error) => Err(malformed(path, "the archive", &error.to_string())),
        };
    } else if begin.starts_with(&[0x1f, 0x8b]) {
        let mut inner = BufReader::with_capacity(64 << 10, MultiGzDecoder::new(reader));
        match is_tar(&mut inner) {
            Ok(true) => tar(inner, wanted),
            Ok(false) => alone(inner, wanted),
            Err(error) => Err(error),
        }
    } else if is_tar(&mut reader).map_err(failed)? {
        tar(reader, wanted)
    } else {
        Ok(Packed::NotRead)
    };
    found.map_err(|error| malformed(path, "the archive", &error.to_string()))
}

/// The first header of an archive by the standard names it.
fn is_tar(reader: &mut impl BufRead) -> io::Result<bool> {
    let begin = reader.fill_buf()?;
    Ok(begin.get(..BLOCK).and_then(|block| block.get(257..262)) == Some(b"ustar"))
}

fn tar(reader: impl Read, wanted: &Sha256) -> io::Result<Packed> {
    let mut files = Files::with_links(reader, limits::PACKED_BYTES);
    let mut found = Vec::new();
    while let Some(entry) = files.next()? {
        let digest = files.digest(entry.size, |_part| {})?;
        found.push((entry.path, digest));
        if found.len() > limits::PACKED_FILES {
            return Err(crate::tarball::wrong(format!("it has more than {} files", limits::PACKED_FILES)));
        }
    }
    Ok(of(found, wanted))
}

/// What gzip packed by itself is one file, whose name is that of the archive.
fn alone(reader: impl Read, wanted: &Sha256) -> io::Result<Packed> {
    let mut reader = reader.take(limits::PACKED_BYTES.saturating_add(1));
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0_u8; 32 << 10];
    let mut size = 0_u64;
    loop {
        let read = reader.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    if size > limits::PACKED_BYTES {
        return Err(crate::tarball::wrong("it unpacks to more than is read"));
    }
    let mut bytes = [0_u8; 32];
    bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Ok(of(vec![(String::new(), Sha256::from_bytes(bytes))], wanted))
}

fn of(files: Vec<(String, Sha256)>, wanted: &Sha256) -> Packed {
    let all = files.len();
    // The same file twice is that file; whatever is another one lies beside it.
    let beside: Vec<String> = files.into_iter().filter(|(_, digest)| digest != wanted).map(|(name, _)| name).collect();
    if beside.len() == all { Packed::Without(all) } else { Packed::Holds(beside) }
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
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn said(bytes: &[u8]) -> Result<Packed, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        holds(&path, &Sha256::of(b"server"))
    }

    #[test]
    fn the_file_is_found_in_every_kind_of_archive_that_is_looked_through() {
        let mut tar =
            [ustar("app/server", b"server"), entry(b'2', "app/link", b""), ustar("app/README", b"read me")].concat();
        tar.extend([0; 2 * BLOCK]);
        let beside = Packed::Holds(vec!["app/README".to_owned()]);
        assert_eq!(said(&tar).unwrap(), beside);
        assert_eq!(said(&gz(&tar)).unwrap(), beside);
        assert_eq!(said(&zip(&[("server", b"server"), ("app/README", b"read me")])).unwrap(), beside);
        assert_eq!(said(&gz(b"server")).unwrap(), Packed::Holds(Vec::new()));
        assert_eq!(said(b"\x28\xb5\x2f\xfd zstd").unwrap(), Packed::NotRead);
    }

    #[test]
    fn an_archive_without_it_is_told_from_one_that_is_damaged() {
        let other = ustar("server", b"another");
        assert_eq!(said(&other).unwrap(), Packed::Without(1));
        assert_eq!(said(&gz(&other)).unwrap(), Packed::Without(1));
        assert_eq!(said(&zip(&[("server", b"another"), ("b", b"")])).unwrap(), Packed::Without(2));
        assert_eq!(said(&gz(b"another")).unwrap(), Packed::Without(1));
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
