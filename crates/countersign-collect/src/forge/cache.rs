//! Answers that may be asked for again: kept in a folder of our own, each under the digest of its bytes.
//!
//! A forge that is asked with the tag of an answer may say "as before". Then the kept bytes are the answer, so they are
//! hashed before the tag is sent: an entry that is damaged is not asked about. Whoever could write here could put words
//! into the forge's mouth, so the folder is its owner's alone.

use super::error::OnlineError;
use crate::files;
use countersign_core::digest::Sha256;
use countersign_core::{json, limits};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
}

/// An answer that was kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Its tag.
    pub etag: String,
    /// Its `Link` header.
    pub link: Option<String>,
    /// Its `X-Next-Page` header.
    pub next_page: Option<String>,
    /// Its bytes.
    pub body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    url: String,
    etag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_page: Option<String>,
    digest: Sha256,
}

impl Cache {
    /// Opens the folder, and makes it if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, OnlineError> {
        let refused = |why: String| OnlineError::Cache { path: folder.to_owned(), why };
        for part in [folder.to_owned(), folder.join("asked"), folder.join("answers")] {
            make(&part).map_err(|error| refused(error.to_string()))?;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder).map_err(|error| refused(error.to_string()))?.permissions().mode();
            if mode & 0o022 != 0 {
                return Err(refused(format!("others than its owner can write there (mode {:04o})", mode & 0o7777)));
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// What was kept of an address. Anything doubtful was not kept.
    pub(super) fn find(&self, url: &str) -> Option<Kept> {
        let bytes = files::read_within(&self.asked(url), limits::NOTE_BYTES).ok()?;
        let entry: Entry = json::parse_as(&bytes).ok()?;
        let body = files::read_within(&self.answer(&entry.digest), limits::FORGE_ANSWER_BYTES).ok()?;
        let same = entry.url == url && Sha256::of(&body) == entry.digest;
        same.then_some(Kept { etag: entry.etag, link: entry.link, next_page: entry.next_page, body })
    }

    /// Keeps an answer. One that cannot be kept is asked for again, which is no failure.
    pub(super) fn keep(&self, url: &str, kept: &Kept) {
        let digest = Sha256::of(&kept.body);
        let (etag, link, next_page) = (kept.etag.clone(), kept.link.clone(), kept.next_page.clone());
        let entry = Entry { url: url.to_owned(), etag, link, next_page, digest };
        let Ok(line) = json::canonical(&entry) else { return };
        if line.len() <= limits::NOTE_BYTES && write(&self.answer(&digest), &kept.body).is_ok() {
            drop(write(&self.asked(url), &line));
        }
    }

    fn asked(&self, url: &str) -> PathBuf {
        self.folder.join("asked").join(Sha256::of(url.as_bytes()).hex())
    }

    fn answer(&self, digest: &Sha256) -> PathBuf {
        self.folder.join("answers").join(digest.hex())
    }
}

fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Under the name at once or not at all: another run may be reading.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|refused| refused.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(body: &[u8]) -> Kept {
        Kept {
            etag: "\"1\"".to_owned(),
            link: Some("<x>; rel=\"next\"".to_owned()),
            next_page: None,
            body: body.to_vec(),
        }
    }

    #[test]
    fn what_was_kept_is_found_and_what_was_altered_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        cache.keep("https://a/1", &kept(b"[1]"));
        assert_eq!(cache.find("https://a/1").unwrap().body, b"[1]");
        assert!(cache.find("https://a/2").is_none());
        let answer = cache.answer(&Sha256::of(b"[1]"));
        std::fs::write(&answer, b"[2]").unwrap();
        assert!(cache.find("https://a/1").is_none());
        std::fs::remove_file(&answer).unwrap();
        assert!(cache.find("https://a/1").is_none());
        // An entry that was moved under another address is not that one's.
        cache.keep("https://a/1", &kept(b"[1]"));
        std::fs::copy(cache.asked("https://a/1"), cache.asked("https://a/2")).unwrap();
        assert!(cache.find("https://a/2").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_write_to_keeps_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Cache::open(folder.path()), Err(OnlineError::Cache { .. })));
    }
}
