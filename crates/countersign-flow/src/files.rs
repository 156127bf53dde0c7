//! Files in: bounded before they are read.

use crate::error::FlowError;
use crate::place::Place;
use countersign_core::time::Time;
use countersign_record::atomic::{kept_by_a_store, lies_in, only_takes, same_file};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

/// Where a store keeps evidence.
const EVIDENCE: &str = "evidence";
/// How much of a file says what it is.
const START: u64 = 64;
/// The most room that is made for a file before it is read.
const ROOM: usize = 1 << 20;

/// The bytes of a file of at most `limit` bytes. The bound holds even if the file grows while it is read.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, FlowError> {
    read_by_start(path, |_| limit)
}

/// The bytes of a file, whose bound depends on how it starts. It is read once, so that it may be a pipe.
pub fn read_by_start(path: &Path, limit_of: impl FnOnce(&[u8]) -> usize) -> Result<Vec<u8>, FlowError> {
    let failed = |source| FlowError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    // As much as it says that it has, up to a bound: what a pipe or a lie says is only room.
    let room = usize::try_from(metadata.len()).unwrap_or_default().min(ROOM).saturating_add(1);
    let mut bytes = Vec::with_capacity(room);
    (&mut file).take(START).read_to_end(&mut bytes).map_err(failed)?;
    let limit = limit_of(&bytes);
    let too_large = |found| FlowError::TooLarge { path: path.to_owned(), found, limit };
    let bound = u64::try_from(limit).unwrap_or(u64::MAX);
    if metadata.len() > bound {
        return Err(too_large(metadata.len()));
    }
    file.take(bound.saturating_add(1).saturating_sub(START)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit { Err(too_large(bound.saturating_add(1))) } else { Ok(bytes) }
}

/// The lines of a large file, each of at most `longest` bytes and handed over by itself with its number, so that no more than one is held.
/// Of all together there are at most `limit` bytes.
pub fn each_line(
    path: &Path,
    (longest, limit): (usize, usize),
    mut take: impl FnMut(usize, &[u8]) -> Result<(), FlowError>,
) -> Result<(), FlowError> {
    let failed = |source| FlowError::Read { path: path.to_owned(), source };
    let bound = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut rest = BufReader::new(File::open(path).map_err(failed)?).take(bound.saturating_add(1));
    let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    let (mut line, mut number) = (Vec::new(), 0_usize);
    loop {
        line.clear();
        let read = (&mut rest).take(most).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        number = number.saturating_add(1);
        let too_large = |found, limit| FlowError::TooLarge { path: path.to_owned(), found, limit };
        if rest.limit() == 0 {
            return Err(too_large(bound.saturating_add(1), limit));
        }
        if line.len() > longest {
            return Err(too_large(most, longest));
        }
        take(number, &line)?;
    }
}

/// The bytes of a file, or `None` if there is no such file. Any other failure is one.
pub fn read_if_there(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FlowError> {
    match read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(FlowError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an output has that grows with each run: nothing where it only takes bytes. A pipe that is read waits for its writer, which is
/// the program itself.
pub fn read_to_grow(output: &Path, limit: usize) -> Result<Option<Vec<u8>>, FlowError> {
    if only_takes(output) { Ok(None) } else { read_if_there(output, limit) }
}

/// What is read is not written over, and nor is what some store keeps.
pub fn apart_from_inputs(output: &Path, inputs: &[&Path]) -> Result<(), FlowError> {
    apart_from_stores(output)?;
    match inputs.iter().find(|input| same_file(input, output)) {
        None => Ok(()),
        Some(input) => Err(FlowError::Usage(format!(
            "{} is read here, and would be written over: name another file for what is written",
            input.display()
        ))),
    }
}

/// Whether a file begins as one of a private key does.
#[must_use]
pub fn holds_private_key(path: &Path) -> bool {
    // Only a file lies there to be read: a pipe would wait, and take from whoever reads it.
    let Some(file) = path.is_file().then(|| File::open(path).ok()).flatten() else { return false };
    let mut start = Vec::new();
    let read = file.take(START).read_to_end(&mut start);
    let begins = start.trim_ascii_start().strip_prefix(b"-----BEGIN ").unwrap_or_default();
    read.is_ok() && begins.windows(PRIVATE.len()).any(|words| words == PRIVATE)
}

/// What every kind of private key calls itself behind that.
const PRIVATE: &[u8] = b"PRIVATE KEY-----";

/// What a store keeps is written by the verbs that keep it, and nothing else takes its place: a log without its checkpoint is none
/// any more.
pub fn apart_from_store(output: &Path, place: &Place) -> Result<(), FlowError> {
    apart_from_stores(output)?;
    let kept = [place.log(), place.root().join(EVIDENCE)];
    match kept.iter().find(|folder| lies_in(output, folder)) {
        None => Ok(()),
        Some(folder) => Err(kept_there(output, folder)),
    }
}

/// The same where no store was named, by what lies around the output.
pub fn apart_from_stores(output: &Path) -> Result<(), FlowError> {
    kept_by_a_store(output).map_or(Ok(()), |folder| Err(kept_there(output, &folder)))
}

fn kept_there(output: &Path, folder: &Path) -> FlowError {
    FlowError::Usage(format!(
        "{} lies in {}, which the store keeps: name a file outside of it for what is written",
        output.display(),
        folder.display()
    ))
}

/// When a file was last written, as far as the system knows.
#[must_use]
pub fn modified(path: &Path) -> Option<Time> {
    let since = std::fs::metadata(path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Time::from_unix(i64::try_from(since.as_secs()).ok()?).ok()
}

/// A file's name as it is written into statements.
pub fn name_of(path: &Path) -> Result<String, FlowError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| FlowError::NotUtf8 { path: path.to_owned() })
}
