//! A database's files: a folder of JSON records or of archives of them, or one archive. Read one record at a time, so that
//! memory does not grow with the database.

use super::Advisory;
use crate::archive::Archive;
use countersign_core::{digest::Sha256, limits};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// Why a database is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdvisoriesError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An archive that is none, or past its bounds.
    #[error("{}: {what}", path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// More records than the limit.
    #[error("{}: more than {limit} records", path.display())]
    TooMany {
        /// Which database.
        path: PathBuf,
        /// How many are read.
        limit: usize,
    },
}

/// One record, or why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The file that it stands in.
    pub place: String,
    /// The advisory.
    pub advisory: Result<Advisory, String>,
}

/// A database.
#[derive(Debug)]
pub struct Advisories {
    path: PathBuf,
    files: Vec<PathBuf>,
}

/// How deep folders of a database nest.
const DEPTH: usize = 6;

impl Advisories {
    /// Finds the files of a database.
    pub fn open(path: &Path) -> Result<Self, AdvisoriesError> {
        let failed = |path: &Path, source| AdvisoriesError::Read { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(|source| failed(path, source))?;
        if metadata.is_file() {
            return Ok(Self { path: path.to_owned(), files: vec![path.to_owned()] });
        }
        let mut files = Vec::new();
        let mut waiting = vec![(path.to_owned(), 0_usize)];
        while let Some((folder, depth)) = waiting.pop() {
            for entry in fs::read_dir(&folder).map_err(|source| failed(&folder, source))? {
                let entry = entry.map_err(|source| failed(&folder, source))?;
                let kind = entry.file_type().map_err(|source| failed(&folder, source))?;
                let child = entry.path();
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                // What would not be read is said: a database with parts left out finds nothing in them.
                if !hidden && (kind.is_symlink() || (kind.is_dir() && depth >= DEPTH)) {
                    let what = "a link, or a folder that nests too deep: what lies there would not be read".to_owned();
                    return Err(AdvisoriesError::Archive { path: child, what });
                }
                if kind.is_dir() && !hidden {
                    waiting.push((child, depth.saturating_add(1)));
                } else if kind.is_file() && child.extension().is_some_and(|end| end == "json" || end == "zip") {
                    files.push(child);
                }
                if files.len() > limits::ADVISORIES {
                    return Err(AdvisoriesError::TooMany { path: path.to_owned(), limit: limits::ADVISORIES });
                }
            }
        }
        files.sort();
        Ok(Self { path: path.to_owned(), files })
    }

    /// Gives each record to a function, and comes back with the digest of all of them, in order.
    pub fn each(&self, mut take: impl FnMut(Record)) -> Result<Sha256, AdvisoriesError> {
        let mut digests = String::new();
        let mut count = 0_usize;
        let mut one = |place: String, bytes: &[u8]| -> Result<(), AdvisoriesError> {
            count = count.saturating_add(1);
            if count > limits::ADVISORIES {
                return Err(AdvisoriesError::TooMany { path: self.path.clone(), limit: limits::ADVISORIES });
            }
            digests.push_str(&format!("{}\n", Sha256::of(bytes)));
            let advisory = serde_json::from_slice::<Advisory>(bytes).map_err(|error| error.to_string());
            take(Record { place, advisory });
            Ok(())
        };
        for file in &self.files {
            let place = file.strip_prefix(&self.path).ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(file);
            let place = place.display().to_string();
            if file.extension().is_some_and(|end| end == "zip") {
                let failed = |source| AdvisoriesError::Read { path: file.clone(), source };
                let wrong = |what: String| AdvisoriesError::Archive { path: file.clone(), what };
                let reader = BufReader::new(File::open(file).map_err(failed)?);
                let mut archive = Archive::over(reader).map_err(|error| wrong(error.to_string()))?;
                for name in
                    archive.names().iter().filter(|name| Path::new(name).extension().is_some_and(|end| end == "json"))
                {
                    let bytes = archive.read(name, limits::ADVISORY_BYTES).map_err(|error| wrong(error.to_string()))?;
                    one(format!("{place}/{name}"), &bytes)?;
                }
            } else {
                one(place, &read(file)?)?;
            }
        }
        Ok(Sha256::of(digests.as_bytes()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AdvisoriesError> {
    let failed = |source| AdvisoriesError::Read { path: path.to_owned(), source };
    let bound = u64::try_from(limits::ADVISORY_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limits::ADVISORY_BYTES {
        return Err(AdvisoriesError::Archive {
            path: path.to_owned(),
            what: format!("a record of more than {} bytes", limits::ADVISORY_BYTES),
        });
    }
    Ok(bytes)
}
