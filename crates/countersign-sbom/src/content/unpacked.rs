//! A package that Cargo unpacked. Cargo builds from the unpacked files and never looks at the archive again, so they have to be
//! those of the archive, whose digest is that of the lock file.
//!
//! Unpacking some hundred archives again takes longer than all the rest. Cargo leaves a mark when it is done (`.cargo-ok`): where
//! a file or folder is newer than the mark, something was changed since, and only then every file is compared, unless all are
//! asked for. What Cargo unpacks has the times of the archive, so that a file is also looked at whose time is not long before the
//! mark, or is later than when the archive came: a copy of the cache has such times, and a file that was changed before somebody
//! set the mark anew. Who changes a file and sets its time back is seen only where all are compared.

use super::{archive, vendored};
use crate::error::SbomError;
use aws_lc_rs::digest::{Context, SHA256};
use countersign_core::{digest::Sha256, limits};
use flate2::read::GzDecoder;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What Cargo leaves when all is unpacked.
const MARK: &str = ".cargo-ok";
/// A package that was published this shortly before it was unpacked is compared; older ones have older files.
const FRESH: Duration = Duration::from_hours(24);
/// Of a tar file everything lies in blocks of this size.
const BLOCK: usize = 512;
/// A path, or a note that has one in it.
const LONGEST: u64 = 64 << 10;

/// Whether Cargo has unpacked it to the end.
pub(super) fn is_whole(folder: &Path) -> bool {
    folder.join(MARK).is_file()
}

/// Whether anything in the folder is newer than Cargo's mark, or a file is newer than those of an archive can be; also where there is no
/// mark, or no times.
pub(super) fn changed(folder: &Path, packed: &Path) -> bool {
    let time = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
    let Some(mark) = time(&folder.join(MARK)) else { return true };
    let recent = mark.checked_sub(FRESH).unwrap_or(mark);
    let latest = time(packed).map_or(recent, |fetched| fetched.min(recent));
    newer(folder, mark, latest, &mut 0).unwrap_or(true)
}

/// Folders have the time at which they were unpacked, files that of the archive.
fn newer(folder: &Path, mark: SystemTime, latest: SystemTime, seen: &mut usize) -> io::Result<bool> {
    if fs::symlink_metadata(folder)?.modified()? > mark {
        return Ok(true);
    }
    for entry in fs::read_dir(folder)? {
        *seen = seen.saturating_add(1);
        let entry = entry?;
        let changed = if entry.file_type()?.is_dir() {
            newer(&entry.path(), mark, latest, seen)?
        } else {
            entry.file_name() != MARK && entry.metadata()?.modified()? > latest
        };
        if changed || *seen > limits::CRATE_FILES {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Holds the unpacked files against those of the archive. Whether nothing else lies there; a file that is another one, or is not
/// there, is an error.
pub(super) fn same(packed: &Path, folder: &Path, package: &str) -> Result<bool, SbomError> {
    let failed = |source| SbomError::Read { path: packed.to_owned(), source };
    let unread = |why: String| SbomError::Archive { path: packed.to_owned(), package: package.to_owned(), why };
    let file = File::open(packed).map_err(failed)?;
    let own = folder.file_name().unwrap_or_default();
    let mut files = Files { reader: GzDecoder::new(BufReader::new(file)), left: limits::CRATE_BYTES };
    let mut listed = BTreeSet::new();
    // What stands there twice is what comes last, as where it is unpacked.
    let mut other: BTreeMap<PathBuf, (Sha256, String)> = BTreeMap::new();
    while let Some(entry) = files.next().map_err(|error| unread(error.to_string()))? {
        let path = below(&entry.path, own).ok_or_else(|| unread(format!("{:?} leads out of it", entry.path)))?;
        if path.file_name().is_some_and(|name| name == MARK) {
            files.pass(entry.size).map_err(|error| unread(error.to_string()))?;
            continue;
        }
        let path = folder.join(path);
        let (expected, alike) = files.held(&path, entry.size).map_err(|error| unread(error.to_string()))?;
        other.remove(&path);
        if !alike {
            let found = match archive::hash(&path, limits::AUDITABLE_BINARY_BYTES) {
                Ok(Some((found, _))) => found.to_string(),
                Ok(None) | Err(_) => "no such file".to_owned(),
            };
            other.insert(path.clone(), (expected, found));
        }
        listed.insert(path);
        if listed.len() > limits::CRATE_FILES {
            return Err(unread(format!("more than {} files", limits::CRATE_FILES)));
        }
    }
    if let Some((path, (expected, found))) = other.into_iter().next() {
        return Err(SbomError::Unpacked { path, package: package.to_owned(), expected, found });
    }
    Ok(vendored::only(folder, &listed, &mut 0))
}

/// The path below the package's own folder, in which everything has to lie.
fn below(path: &str, own: &std::ffi::OsStr) -> Option<PathBuf> {
    let mut parts = Path::new(path).components().filter(|part| !matches!(part, Component::CurDir));
    if parts.next() != Some(Component::Normal(own)) {
        return None;
    }
    let rest: Vec<Component<'_>> = parts.collect();
    let plain = !rest.is_empty() && rest.iter().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| rest.iter().collect())
}

/// A file of the archive.
struct Entry {
    path: String,
    size: u64,
}

/// The files of an archive, one after the other. Folders are passed over.
struct Files<R> {
    reader: R,
    /// Bytes that may still come.
    left: u64,
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<R: Read> Files<R> {
    fn next(&mut self) -> io::Result<Option<Entry>> {
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
                other => return Err(wrong(format!("a file of kind {:?}, which no package has", char::from(other)))),
            }
        }
    }

    /// The digest of the next file, and whether the one at the path has the same bytes.
    fn held(&mut self, path: &Path, size: u64) -> io::Result<(Sha256, bool)> {
        let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == size);
        let mut there = is_file.then(|| File::open(path).ok()).flatten();
        let mut digest = Context::new(&SHA256);
        let mut alike = there.is_some();
        let (mut ours, mut theirs) = (vec![0_u8; 32 << 10], vec![0_u8; 32 << 10]);
        let mut left = size;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(ours.len());
            let (Some(ours), Some(theirs)) = (ours.get_mut(..part), theirs.get_mut(..part)) else { break };
            if !self.fill(ours)? {
                return Err(wrong("the archive ends before its last file does"));
            }
            digest.update(ours);
            alike = alike && there.as_mut().is_some_and(|file| file.read_exact(theirs).is_ok()) && ours == theirs;
            left = left.saturating_sub(u64::try_from(part).unwrap_or(u64::MAX));
        }
        self.rest(size)?;
        let mut bytes = [0_u8; 32];
        bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Ok((Sha256::from_bytes(bytes), alike))
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

    fn pass(&mut self, size: u64) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    /// One entry of an archive.
    fn entry(kind: u8, name: &str, bytes: &[u8]) -> Vec<u8> {
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

    /// A package of some entries, unpacked by hand.
    fn package(entries: &[Vec<u8>], files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let (packed, folder) = (place.path().join("a.crate"), place.path().join("a-1.0.0"));
        let mut out = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
        for entry in entries {
            out.write_all(entry).unwrap();
        }
        out.write_all(&[0; 2 * BLOCK]).unwrap();
        out.finish().unwrap();
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(folder.join(MARK), "{\"v\":1}").unwrap();
        (place, packed, folder)
    }

    fn said(entries: &[Vec<u8>], files: &[(&str, &str)]) -> Result<bool, SbomError> {
        let (_place, packed, folder) = package(entries, files);
        same(&packed, &folder, "a 1.0.0")
    }

    #[test]
    fn files_are_those_of_the_archive_or_the_difference_is_told_with_both_digests() {
        let long = format!("a-1.0.0/{}/c.rs", "d".repeat(120));
        let inner = long.strip_prefix("a-1.0.0/").unwrap();
        let entries = [
            entry(b'5', "a-1.0.0/", b""),
            entry(b'0', "a-1.0.0/Cargo.toml", b"good"),
            entry(b'0', "a-1.0.0/.cargo-ok", b"no mark"),
            entry(b'L', "././@LongLink", format!("{long}\0").as_bytes()),
            entry(b'0', "cut", b"long"),
            entry(b'x', "noted", b"23 path=a-1.0.0/noted.rs\n"),
            entry(b'0', "cut", &vec![b'n'; 70_000]),
            entry(b'0', "a-1.0.0/empty", b""),
        ];
        let noted = "n".repeat(70_000);
        let files = [("Cargo.toml", "good"), (inner, "long"), ("noted.rs", noted.as_str()), ("empty", "")];
        assert!(said(&entries, &files).unwrap());
        let mut more = files.to_vec();
        more.push(("src/more.rs", ""));
        assert!(!said(&entries, &more).unwrap(), "a file that the archive does not have");
        for (place, evil) in [(0, "evil"), (0, "longer"), (1, "evil"), (3, "e")] {
            let mut changed = files.to_vec();
            changed[place].1 = evil;
            let SbomError::Unpacked { path, expected, found, .. } = said(&entries, &changed).unwrap_err() else {
                panic!()
            };
            assert!(path.ends_with(files[place].0));
            assert_eq!(expected, Sha256::of(files[place].1.as_bytes()));
            assert_eq!(found, Sha256::of(evil.as_bytes()).to_string());
        }
        let SbomError::Unpacked { found, .. } = said(&entries, &files[1..]).unwrap_err() else { panic!() };
        assert_eq!(found, "no such file");
        let twice = [entry(b'0', "a-1.0.0/f", b"one"), entry(b'0', "a-1.0.0/f", b"two")];
        assert!(said(&twice, &[("f", "two")]).unwrap(), "what comes last is what is unpacked");
        assert!(said(&twice, &[("f", "one")]).is_err());
    }

    #[test]
    fn an_archive_that_no_package_has_is_refused() {
        let mut broken = entry(b'0', "a-1.0.0/f", b"one");
        broken[0] = b'b';
        let mut cut = entry(b'0', "a-1.0.0/f", &[b'x'; 600]);
        cut.truncate(BLOCK + 100);
        for (entries, why) in [
            (vec![entry(b'0', "b-1.0.0/f", b"")], "leads out"),
            (vec![entry(b'0', "a-1.0.0/../f", b"")], "leads out"),
            (vec![entry(b'2', "a-1.0.0/f", b"")], "kind"),
            (vec![broken], "broken"),
            (vec![cut], ""),
        ] {
            let error = said(&entries, &[]).unwrap_err();
            assert!(matches!(&error, SbomError::Archive { why: said, .. } if said.contains(why)), "{error}");
        }
        let (_place, packed, folder) = package(&[], &[]);
        fs::write(&packed, "no archive").unwrap();
        assert!(matches!(same(&packed, &folder, "a"), Err(SbomError::Archive { .. })));
    }

    #[test]
    fn what_is_newer_than_the_mark_was_changed() {
        let (_place, packed, folder) = package(&[], &[("src/lib.rs", "x")]);
        let changed = |folder: &Path| changed(folder, &packed);
        let mark = fs::metadata(folder.join(MARK)).unwrap().modified().unwrap();
        let (later, published) = (mark + Duration::from_mins(1), mark - Duration::from_hours(1_000));
        let set = |name: &str, time| File::open(folder.join(name)).unwrap().set_modified(time).unwrap();
        assert!(is_whole(&folder) && changed(&folder), "as a copy with new times has it");
        set("src/lib.rs", published);
        assert!(!changed(&folder));
        set("src/lib.rs", later);
        assert!(changed(&folder), "a file");
        set("src/lib.rs", mark - Duration::from_hours(1));
        assert!(changed(&folder), "no package is as new as that");
        set(MARK, mark + Duration::from_hours(1_000));
        assert!(!changed(&folder));
        set("../a.crate", mark - Duration::from_hours(2));
        assert!(changed(&folder), "the archive was there before");
        set("src/lib.rs", published);
        set(MARK, mark);
        assert!(!changed(&folder));
        set("src", later);
        assert!(changed(&folder), "a folder: something was added or taken away");
        set("src", mark - Duration::from_hours(1));
        fs::remove_file(folder.join(MARK)).unwrap();
        assert!(changed(&folder) && !is_whole(&folder), "no mark");
    }
}
