//! A file of lines that are there for good once they are acknowledged: each is flushed, and then its number and digest, so
//! that after a crash a line that was being written can be told from one that was lost.
//!
//! What the lines say is not known here. Whoever writes them signs them and chains them.

use crate::atomic::replace;
use crate::disk::{DiskError, Doing, flush_folder, read_bounded};
use crate::lock::taken;
use countersign_core::digest::Sha256;
use countersign_core::limits;
use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The lines.
const LINES: &str = "journal";
/// The number and the digest of the last line that was acknowledged.
const HEAD: &str = "head";
/// What keeps a second writer out.
const LOCK: &str = "lock";

/// A journal that is open for writing, by nobody else.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    file: File,
    _lock: File,
    count: u64,
    last: Option<Sha256>,
    /// After a failed write nobody knows what is on the disk.
    broken: bool,
}

/// What was found on opening.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Its lines, without their ends.
    pub lines: Vec<Vec<u8>>,
    /// Bytes of a line that was being written when the writer died, and that nobody was told of. They were taken off.
    pub torn: usize,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Somebody else writes it.
    #[error("{} is in use by another run", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Larger than the bound.
    #[error("{} has more than the {} bytes that are read", path.display(), limits::JOURNAL_BYTES)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Lines that were acknowledged are gone, or are others, or there are some that nobody acknowledged.
    #[error("{}: {why}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// The place: the number of a line, from 0.
        line: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A line that is no line.
    #[error("a line of {found} bytes, at most {} are written, and none with an end in it", limits::JOURNAL_LINE_BYTES)]
    Line {
        /// Its length.
        found: usize,
    },
    /// An earlier write failed.
    #[error("{} cannot be written any more, since a write failed", path.display())]
    Broken {
        /// The folder.
        path: PathBuf,
    },
}

impl Journal {
    /// Opens the journal of a folder, or begins it.
    pub fn open(folder: &Path) -> Result<Opened, JournalError> {
        let lock_path = folder.join(LOCK);
        let options = |path: &Path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            options.open(path).map_err(|source| DiskError::new(Doing::Create, path, source))
        };
        let lock = options(&lock_path)?;
        if !taken(&lock).map_err(|source| DiskError::new(Doing::Lock, &lock_path, source))? {
            return Err(JournalError::InUse { path: folder.to_owned() });
        }
        let path = folder.join(LINES);
        let bytes = read_bounded(&path, limits::JOURNAL_BYTES)?.unwrap_or_default();
        if bytes.len() > limits::JOURNAL_BYTES {
            return Err(JournalError::TooLarge { path });
        }
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end.saturating_add(1));
        let lines: Vec<Vec<u8>> = bytes
            .get(..whole)
            .unwrap_or_default()
            .split_inclusive(|b| *b == b'\n')
            .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
            .collect();
        check_head(folder, &path, &lines)?;
        let mut file = options(&path)?;
        let torn = bytes.len().saturating_sub(whole);
        let end = u64::try_from(whole).unwrap_or(u64::MAX);
        if torn > 0 {
            file.set_len(end).map_err(|source| DiskError::new(Doing::Write, &path, source))?;
        }
        file.sync_all().map_err(|source| DiskError::new(Doing::Flush, &path, source))?;
        file.seek(SeekFrom::Start(end)).map_err(|source| DiskError::new(Doing::Write, &path, source))?;
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let last = lines.last().map(|line| Sha256::of(line));
        let mut journal = Self { folder: folder.to_owned(), file, _lock: lock, count, last, broken: false };
        journal.acknowledge()?;
        Ok(Opened { journal, lines, torn })
    }

    /// How many lines there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The digest of the last line.
    #[must_use]
    pub const fn last(&self) -> Option<Sha256> {
        self.last
    }

    /// Adds a line. When this comes back it is on the disk.
    pub fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        if line.is_empty() || line.len() > limits::JOURNAL_LINE_BYTES || line.contains(&b'\n') {
            return Err(JournalError::Line { found: line.len() });
        }
        if self.broken {
            return Err(JournalError::Broken { path: self.folder.clone() });
        }
        self.broken = true;
        let path = self.folder.join(LINES);
        let write = self.file.write_all(&[line, b"\n"].concat());
        write.map_err(|source| DiskError::new(Doing::Write, &path, source))?;
        self.file.sync_all().map_err(|source| DiskError::new(Doing::Flush, &path, source))?;
        self.count = self.count.saturating_add(1);
        self.last = Some(Sha256::of(line));
        self.acknowledge()?;
        self.broken = false;
        Ok(())
    }

    fn acknowledge(&mut self) -> Result<(), DiskError> {
        let text = self.last.map_or_else(|| "0\n".to_owned(), |last| format!("{} {}\n", self.count, last.hex()));
        replace(&self.folder.join(HEAD), text.as_bytes(), 0o600)?;
        flush_folder(&self.folder)
    }
}

/// Holds the lines against what was acknowledged. A line more may be there: the writer died before it said so.
fn check_head(folder: &Path, path: &Path, lines: &[Vec<u8>]) -> Result<(), JournalError> {
    let altered = |line: u64, why| Err(JournalError::Altered { path: path.to_owned(), line, why });
    let found = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let head = read_bounded(&folder.join(HEAD), 128)?;
    let Some(head) = head else {
        return if found > 1 { altered(0, "what was acknowledged of it is not there any more") } else { Ok(()) };
    };
    let text = String::from_utf8(head).unwrap_or_default();
    let parsed = text.strip_suffix('\n').and_then(|text| match text.split_once(' ') {
        None if text == "0" => Some((0, None)),
        None => None,
        Some((count, digest)) => Some((count.parse::<u64>().ok()?, Some(Sha256::from_hex(digest).ok()?))),
    });
    let Some((count, digest)) = parsed else { return altered(found, "what was acknowledged of it cannot be read") };
    if count > found {
        return altered(found, "lines that were acknowledged are missing");
    }
    if found > count.saturating_add(1) {
        return altered(count.saturating_add(1), "there are lines that were never acknowledged");
    }
    let at = count.checked_sub(1).and_then(|n| usize::try_from(n).ok()).and_then(|n| lines.get(n));
    if at.map(|line| Sha256::of(line)) != digest {
        return altered(count.saturating_sub(1), "the last line that was acknowledged is another one");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(folder: &Path, lines: &[&str]) {
        let mut opened = Journal::open(folder).unwrap();
        for line in lines {
            opened.journal.append(line.as_bytes()).unwrap();
        }
    }

    fn text(opened: &Opened) -> Vec<String> {
        opened.lines.iter().map(|line| String::from_utf8(line.clone()).unwrap()).collect()
    }

    #[test]
    fn lines_stay_and_one_writer_keeps_others_out() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), &["one", "two"]);
        let mut opened = Journal::open(folder.path()).unwrap();
        assert_eq!((text(&opened), opened.torn), (vec!["one".to_owned(), "two".to_owned()], 0));
        assert_eq!((opened.journal.count(), opened.journal.last()), (2, Some(Sha256::of(b"two"))));
        assert!(matches!(Journal::open(folder.path()), Err(JournalError::InUse { .. })));
        for bad in ["", "a\nb"] {
            assert!(matches!(opened.journal.append(bad.as_bytes()), Err(JournalError::Line { .. })));
        }
        opened.journal.append(b"three").unwrap();
        drop(opened);
        assert_eq!(Journal::open(folder.path()).unwrap().lines.len(), 3);
    }

    #[test]
    fn what_was_acknowledged_and_is_gone_altered_or_put_in_is_an_error() {
        let altered = |change: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            written(folder.path(), &["one", "two", "three"]);
            change(folder.path());
            match Journal::open(folder.path()) {
                Err(JournalError::Altered { line, .. }) => Some(line),
                Ok(_) => None,
                Err(other) => panic!("{other}"),
            }
        };
        let lines = |text: &'static str| move |folder: &Path| std::fs::write(folder.join(LINES), text).unwrap();
        assert_eq!(altered(&lines("one\ntwo\nthree\n")), None);
        assert_eq!(altered(&lines("one\ntwo\n")), Some(2));
        assert_eq!(altered(&lines("one\ntwo\nthre")), Some(2));
        assert_eq!(altered(&lines("")), Some(0));
        assert_eq!(altered(&lines("one\ntwo\nthreE\n")), Some(2));
        assert_eq!(altered(&lines("one\ntwo\nthree\nfour\nfive\n")), Some(4));
        assert_eq!(altered(&|folder| std::fs::remove_file(folder.join(HEAD)).unwrap()), Some(0));
        assert_eq!(altered(&|folder| std::fs::write(folder.join(HEAD), "three").unwrap()), Some(3));
        assert_eq!(altered(&|folder| std::fs::write(folder.join(HEAD), "0\n").unwrap()), Some(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_journal_that_was_cut_anywhere_is_repaired_or_refused_and_never_shortened(
            lines in prop::collection::vec("[a-z]{1,12}", 1..6), cut in any::<prop::sample::Index>()
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (last, before) = lines.split_last().unwrap();
            written(folder.path(), &before.iter().map(String::as_str).collect::<Vec<_>>());
            // The writer dies while it writes the last line: its head says nothing of it.
            let path = folder.path().join(LINES);
            let whole = [std::fs::read(&path).unwrap(), last.clone().into_bytes(), b"\n".to_vec()].concat();
            let acknowledged = whole.len() - last.len() - 1;
            let cut = cut.index(whole.len() + 1);
            std::fs::write(&path, &whole[..cut]).unwrap();
            match Journal::open(folder.path()) {
                Ok(mut opened) => {
                    prop_assert!(cut >= acknowledged);
                    let kept = before.len() + usize::from(cut == whole.len());
                    prop_assert_eq!(&text(&opened)[..], &lines[..kept]);
                    opened.journal.append(b"more").unwrap();
                    drop(opened);
                    let again = Journal::open(folder.path()).unwrap();
                    prop_assert_eq!((again.lines.len(), again.torn), (kept + 1, 0));
                }
                Err(JournalError::Altered { .. }) => prop_assert!(cut < acknowledged),
                Err(other) => panic!("{other}"),
            }
        }
    }
}
