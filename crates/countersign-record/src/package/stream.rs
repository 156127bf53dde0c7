//! A package written and read piece by piece: no more than one of its files is in memory at a time, however large it is.

use super::{
    CENTRAL, Central, EXTRA, LOCAL, LOCAL_HEADER, Member, PackageError, Pressed, check_file, check_folders, check_name,
};
use super::{check_size, first_difference, long, no_end, offset, read_header, short};
use crate::side::as_they_come;
use countersign_core::limits;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

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
        check_name(name)?;
        check_file(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        self.add_pressed(name, &Pressed::of(bytes)?)
    }

    /// The same, with bytes that were deflated before.
    pub fn add_pressed(&mut self, name: &str, pressed: &Pressed) -> Result<(), OpenError> {
        if self.central.ends.len() >= limits::PACKAGE_FILES {
            return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES }.into());
        }
        check_name(name)?;
        check_file(name, u64::from(pressed.size))?;
        after(self.last.as_deref(), name)?;
        let member = Member::new(name, pressed, self.at)?;
        check_size(member.end())?;
        self.out.write_all(&member.local())?;
        self.out.write_all(&pressed.bytes)?;
        self.at = member.end();
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

/// Files that are kept as they were unpacked, up to so many bytes of them, or the one that was read last alone: whoever reads
/// a part of one soon reads another.
const KEPT_BYTES: usize = 48 << 20;

/// A file that has more bytes than these, deflated and not, is in memory alone.
const LARGE: u64 = 32 << 20;

impl Member {
    fn is_large(&self) -> bool {
        u64::from(self.size).saturating_add(u64::from(self.pressed)) > LARGE
    }
}

/// A package whose form was checked to the byte, and whose files are read when they are asked for.
pub struct Packed {
    source: Mutex<Box<dyn Source>>,
    places: BTreeMap<String, Member>,
    kept: Mutex<Kept>,
}

/// Files as they were unpacked.
#[derive(Default)]
struct Kept {
    /// Each with its turn: the number of the reading that asked for it last.
    files: HashMap<String, (u64, Arc<Vec<u8>>)>,
    turn: u64,
    bytes: usize,
}

impl Kept {
    fn find(&mut self, name: &str) -> Option<Arc<Vec<u8>>> {
        self.turn = self.turn.saturating_add(1);
        let (turn, whole) = self.files.get_mut(name)?;
        *turn = self.turn;
        Some(Arc::clone(whole))
    }

    /// Keeps one more, and drops those for which nobody asked the longest.
    fn keep(&mut self, name: &str, whole: Arc<Vec<u8>>) {
        self.bytes = self.bytes.saturating_add(whole.len());
        if let Some((_, before)) = self.files.insert(name.to_owned(), (self.turn, whole)) {
            self.bytes = self.bytes.saturating_sub(before.len());
        }
        while self.bytes > KEPT_BYTES && self.files.len() > 1 {
            let others = self.files.iter().filter(|(other, _)| *other != name);
            let Some(oldest) = others.min_by_key(|(_, (turn, _))| *turn).map(|(other, _)| other.clone()) else { break };
            if let Some((_, gone)) = self.files.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(gone.len());
            }
        }
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("files", &self.places.len()).finish_non_exhaustive()
    }
}

impl Packed {
    /// Reads a package once from start to end. Each file is shown to `visit` when its checksums hold, several at a time; what
    /// came of each is in the order of the files.
    pub fn open<T: Send>(
        source: Box<dyn Source>,
        visit: impl Fn(&str, &[u8]) -> T + Sync,
    ) -> Result<(Self, Vec<T>), OpenError> {
        let mut seen = Vec::new();
        let packed = Self::open_each(source, |name, content| visit(name, &content), |one| seen.push(one))?;
        Ok((packed, seen))
    }

    /// The same, where each file is given away, and what comes of it is taken as it comes, in the order of the files. What was
    /// taken of a package that turns out to be none is worth nothing.
    pub fn open_each<T: Send>(
        source: Box<dyn Source>,
        visit: impl Fn(&str, Vec<u8>) -> T + Sync,
        mut take: impl FnMut(T) + Send,
    ) -> Result<Self, OpenError> {
        let mut source = source;
        let length = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        if length > limits::PACKAGE_BYTES {
            return Err(PackageError::TooLarge { limit: limits::PACKAGE_BYTES, found: length }.into());
        }
        let mut reading = Reading { places: BTreeMap::new(), central: Central::default(), at: 0 };
        let mut rest = Vec::new();
        // Whoever is free reads the next file and looks at it. What stands before a fault is looked at before the fault is
        // said: it may be wrong itself.
        let stop = AtomicBool::new(false);
        let seen = |member: &Member, pressed: &[u8]| Ok(visit(&member.name, member.content(pressed)?));
        let mut ended = false;
        let next = || {
            if ended || stop.load(Ordering::Relaxed) {
                return None;
            }
            let next = match reading.next(&mut source, &mut rest) {
                // Of these there is one in memory at a time.
                Ok(Some((member, pressed))) if member.is_large() => Some(Next::Seen(seen(&member, &pressed))),
                Ok(Some((member, pressed))) => Some(Next::File(member, pressed)),
                Ok(None) => None,
                Err(fault) => Some(Next::Seen(Err(fault))),
            };
            ended = matches!(next, None | Some(Next::Seen(Err(_))));
            next
        };
        let look = |next: Next<T>| {
            let seen = match next {
                Next::File(member, pressed) => seen(&member, &pressed),
                Next::Seen(seen) => seen,
            };
            if seen.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            seen
        };
        let mut fault = None;
        as_they_come(next, look, |seen| match seen {
            _ if fault.is_some() => {}
            Ok(one) => take(one),
            Err(error) => fault = Some(error),
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        let Reading { places, central, at } = reading;
        let ends = central.ends.clone();
        let expected = central.finish(at)?;
        // One byte more than there may be is enough to see that there is one.
        let more = expected.len().saturating_add(1).saturating_sub(rest.len());
        fill(&mut source, &mut rest, more)?;
        if let Some(differs) = first_difference(&expected, &rest) {
            let record = ends.partition_point(|end| *end <= differs);
            return Err(no_end(at, differs, &expected, &rest, places.keys().nth(record)).into());
        }
        Ok(Self { source: Mutex::new(source), places, kept: Mutex::default() })
    }

    /// A package whose bytes were checked to be one before, by its directory alone: no file is read, and each is held
    /// against its checksums when it is asked for. That these are the bytes that were checked, whoever opens it so knows.
    pub fn listed(source: Box<dyn Source>) -> Result<Self, OpenError> {
        let mut source = source;
        let length = source.seek(SeekFrom::End(0))?;
        if length > limits::PACKAGE_BYTES {
            return Err(PackageError::TooLarge { limit: limits::PACKAGE_BYTES, found: length }.into());
        }
        let form = |offset| PackageError::Form { offset, name: None };
        let mut end = Vec::new();
        source.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        fill(&mut source, &mut end, END_RECORD)?;
        let start = u64::from(long(&end, END_START));
        if start > length {
            return Err(form(length.saturating_sub(END)).into());
        }
        let mut directory = Vec::new();
        source.seek(SeekFrom::Start(start))?;
        source.by_ref().take(length.saturating_sub(start)).read_to_end(&mut directory)?;
        let mut reading = Reading { places: BTreeMap::new(), central: Central::default(), at: 0 };
        let mut rest = directory.as_slice();
        while rest.starts_with(&CENTRAL) {
            rest = reading.listed(rest)?;
        }
        let Reading { places, central, at } = reading;
        let expected = central.finish(at)?;
        if u64::try_from(at).ok() != Some(start) {
            return Err(form(start).into());
        }
        match first_difference(&expected, &directory) {
            Some(differs) => Err(form(offset(at, differs)).into()),
            None => Ok(Self { source: Mutex::new(source), places, kept: Mutex::default() }),
        }
    }

    /// The names of its files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// How many bytes a file has.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<usize> {
        self.places.get(name).map(|member| usize::try_from(member.size).unwrap_or(usize::MAX))
    }

    /// A file, or `None` if there is none of the name.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(size) = self.size(name) else { return Ok(None) };
        self.read_part(name, 0, size).map(Some)
    }

    /// A part of a file, as far as it is there.
    pub fn read_part(&self, name: &str, from: usize, length: usize) -> io::Result<Vec<u8>> {
        let Some(member) = self.places.get(name) else { return Ok(Vec::new()) };
        let whole = self.whole(member)?;
        let part = whole.get(from..from.saturating_add(length).min(whole.len()));
        Ok(part.unwrap_or_default().to_vec())
    }

    /// All of a file, as it is kept; or read again, and its checksums checked again.
    fn whole(&self, member: &Member) -> io::Result<Arc<Vec<u8>>> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole) = kept().find(&member.name) {
            return Ok(whole);
        }
        let mut pressed = Vec::new();
        {
            let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
            let start = u64::from(member.start).saturating_add(u64::try_from(member.header()).unwrap_or(u64::MAX));
            source.seek(SeekFrom::Start(start))?;
            fill(&mut **source, &mut pressed, member.pressed())?;
        }
        let content = member.content(&pressed);
        let whole = Arc::new(content.map_err(|altered| io::Error::new(io::ErrorKind::InvalidData, altered))?);
        kept().keep(&member.name, Arc::clone(&whole));
        Ok(whole)
    }
}

/// The next file of a package to be looked at, or what came of looking at it.
enum Next<T> {
    File(Member, Vec<u8>),
    Seen(Result<T, OpenError>),
}

/// Where a record of the directory has what the header before the file has as well, the length of the name, and the name.
const RECORD_COMMON: Range<usize> = 6..32;
const RECORD_NAME_LENGTH: usize = 28;
const RECORD: usize = 46;
/// The record that closes a package, and where it says where the directory starts.
const END_RECORD: usize = 22;
const END: u64 = 22;
const END_START: usize = 16;

/// A package as far as it was read.
struct Reading {
    places: BTreeMap<String, Member>,
    central: Central,
    at: usize,
}

impl Reading {
    /// The next file and its deflated bytes. `None` at the end of the files; what was read of what follows is left in `rest`.
    fn next(
        &mut self,
        source: &mut Box<dyn Source>,
        rest: &mut Vec<u8>,
    ) -> Result<Option<(Member, Vec<u8>)>, OpenError> {
        rest.clear();
        fill(source, rest, LOCAL_HEADER)?;
        if !rest.starts_with(&LOCAL) {
            return Ok(None);
        }
        if self.places.len() >= limits::PACKAGE_FILES {
            return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES }.into());
        }
        fill(source, rest, usize::from(short(rest, 26)).saturating_add(EXTRA))?;
        let member = read_header(rest, self.at)?;
        self.fits(&member)?;
        let mut pressed = Vec::new();
        fill(source, &mut pressed, member.pressed())?;
        if pressed.len() < member.pressed() {
            return Err(PackageError::Cut { name: member.name }.into());
        }
        self.take(member.clone());
        Ok(Some((member, pressed)))
    }

    /// The next file by its record in the directory, and what follows that.
    fn listed<'d>(&mut self, directory: &'d [u8]) -> Result<&'d [u8], OpenError> {
        if self.places.len() >= limits::PACKAGE_FILES {
            return Err(PackageError::TooManyFiles { limit: limits::PACKAGE_FILES }.into());
        }
        let cut = || PackageError::Cut { name: String::new() };
        let common = directory.get(RECORD_COMMON).ok_or_else(cut)?;
        let named = usize::from(short(directory, RECORD_NAME_LENGTH)).saturating_add(EXTRA);
        let (named, rest) = directory.get(RECORD..).and_then(|after| after.split_at_checked(named)).ok_or_else(cut)?;
        // The record and the header before the file say the same.
        let member = read_header(&[LOCAL.as_slice(), common, named].concat(), self.at)?;
        self.fits(&member)?;
        self.take(member);
        Ok(rest)
    }

    /// Whether a file may stand behind those before it.
    fn fits(&self, member: &Member) -> Result<(), PackageError> {
        let last = self.places.last_key_value().map(|(last, _)| last.as_str());
        after(last, &member.name).map_err(|error| {
            if self.places.contains_key(&member.name) {
                PackageError::Twice { name: member.name.clone() }
            } else {
                error
            }
        })?;
        check_folders(&member.name, &self.places)
    }

    fn take(&mut self, member: Member) {
        self.central.push(&member);
        self.at = member.end();
        self.places.insert(member.name.clone(), member);
    }
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
        Packed::open(Box::new(Cursor::new(bytes.to_vec())), |_, _| ()).map(|(packed, _)| packed)
    }

    #[test]
    fn what_is_read_piece_by_piece_is_what_is_read_whole() {
        let files = small_package();
        let bytes = write(&files).unwrap();
        let look = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
        let (packed, seen) = Packed::open(Box::new(Cursor::new(bytes.clone())), look).unwrap();
        assert_eq!(seen, files.clone().into_iter().collect::<Vec<_>>());
        assert_eq!(read(&bytes).unwrap(), files);
        for (name, content) in &files {
            assert_eq!(packed.read(name).unwrap().as_ref(), Some(content));
        }
        assert_eq!(packed.read_part("a/one", 2, 100).unwrap(), b"rst");
        assert_eq!(packed.read("nothing").unwrap(), None);
    }

    #[test]
    fn by_its_directory_alone_a_package_has_the_same_files_and_no_other_bytes_have_a_directory() {
        let files = small_package();
        let bytes = write(&files).unwrap();
        let listed = |bytes: &[u8]| Packed::listed(Box::new(Cursor::new(bytes.to_vec())));
        let packed = listed(&bytes).unwrap();
        assert_eq!(packed.names().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
        for (name, content) in &files {
            assert_eq!(packed.read(name).unwrap().as_ref(), Some(content));
        }
        assert_eq!(listed(&write(&BTreeMap::new()).unwrap()).unwrap().names().count(), 0);
        let directory = bytes.windows(4).position(|part| part == CENTRAL).unwrap();
        for at in directory..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                // A checksum or a size may be another one there: then the file is not what it says when it is read.
                let read = |packed: Packed| files.keys().all(|name| packed.read(name).is_ok_and(|one| one.is_some()));
                assert!(!listed(&altered).is_ok_and(read), "byte {at}, bit {bit}");
            }
        }
        for at in 0..bytes.len() {
            assert!(listed(&bytes[..at]).is_err(), "cut at {at}");
        }
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
    fn what_was_unpacked_is_dropped_again_and_read_again() {
        let files: BTreeMap<String, Vec<u8>> =
            (0..14_u8).map(|n| (format!("f/{n:02}"), vec![n; (4 << 20) + usize::from(n)])).collect();
        let packed = open(&write(&files).unwrap()).unwrap();
        for turn in 0..3 {
            for (name, content) in files.iter().skip(turn) {
                assert_eq!(packed.read_part(name, 5, 9_000).unwrap(), content[5..9_005]);
                assert_eq!(packed.read(name).unwrap().as_ref(), Some(content));
            }
        }
        let kept = packed.kept.lock().unwrap();
        assert_eq!(kept.bytes, kept.files.values().map(|(_, whole)| whole.len()).sum::<usize>());
        assert!(kept.bytes <= KEPT_BYTES && kept.files.len() == KEPT_BYTES / (4 << 20) - 1, "{}", kept.files.len());
        assert!(kept.files.contains_key("f/13") && !kept.files.contains_key("f/02"));
    }

    #[test]
    fn a_file_that_is_larger_than_all_that_is_kept_is_kept_alone() {
        let mut kept = Kept::default();
        kept.keep("small", Arc::new(vec![1; 10]));
        kept.keep("large", Arc::new(vec![2; KEPT_BYTES + 1]));
        assert!(kept.find("small").is_none() && kept.find("large").is_some());
        kept.keep("small", Arc::new(vec![1; 10]));
        assert!(kept.find("large").is_none() && kept.bytes == 10);
    }

    #[test]
    fn the_first_fault_is_the_one_that_is_said() {
        let bytes = write(&small_package()).unwrap();
        let second = bytes.windows(4).enumerate().filter(|(_, part)| *part == LOCAL).nth(1).unwrap().0;
        let mut altered = bytes;
        altered[second - 1] ^= 1;
        altered[second + 9] ^= 1;
        match open(&altered) {
            Err(OpenError::Form(PackageError::Altered { name, .. })) => assert_eq!(name, "a/one"),
            other => panic!("{other:?}"),
        }
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
        bytes[18..26].copy_from_slice(&[0, 0, 0, 0x20, 0xff, 0, 0, 0]);
        match open(&bytes) {
            Err(OpenError::Form(PackageError::Cut { name })) => assert_eq!(name, "a/one"),
            other => panic!("{other:?}"),
        }
    }
}
