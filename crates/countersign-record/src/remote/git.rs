//! A store that is a branch: nothing but a git server, which moves a branch only to a descendant of what it is.
//!
//! The branch has no history in common with any code. Each append is one commit on the one before, pushed plainly: the
//! server refuses whoever was slower, and that is the lock. Nothing is ever forced. A branch whose protection forbids
//! forced pushes and deletion cannot be set back by who may push to it; who administers the server can, which a least
//! checkpoint kept elsewhere, or a witness, brings to light.
//!
//! Git runs in a bare repository of our own. Files are read and written as objects, by name: nothing is checked out, so
//! no link, attribute or filter of the branch has a say, and what no store has is left as it is in the tree.

use super::{LOG, Published, Remote, RemoteError};
use crate::disk::{DiskError, Doing, make_folders};
use crate::log::{CHECKPOINT, COSIGNED, FolderFiles, LogFiles as _};
use crate::store::FolderStore;
use countersign_core::digest::Sha256;
use countersign_core::ids::RefName;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::tile::Tile;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Where the branch is kept in our own repository.
const FETCHED: &str = "refs/countersign/store";
/// How often a push is tried again at which the branch did not move: two pushes at once can both be turned away.
const TRIES: u32 = 5;
/// How many bytes of objects are asked for at once.
const BATCH_BYTES: usize = 32 << 20;

/// Runs git. It is given the bare repository, the folder to run in, and what goes to standard input.
pub trait Git: fmt::Debug + Send + Sync {
    /// What git printed, at most `limit` bytes.
    fn run(&self, call: &GitCall<'_>) -> Result<Vec<u8>, GitFailed>;
}

/// One run of git.
#[derive(Debug)]
pub struct GitCall<'a> {
    /// The repository.
    pub repository: &'a Path,
    /// The folder to run in.
    pub folder: &'a Path,
    /// The arguments.
    pub arguments: &'a [&'a str],
    /// The index file, where one is used.
    pub index: Option<&'a Path>,
    /// What goes in.
    pub input: &'a [u8],
    /// The most that is read of what comes out.
    pub limit: usize,
}

/// Git did not do it.
#[derive(Debug)]
pub struct GitFailed {
    /// Its last words, in lines.
    pub said: Vec<String>,
}

/// A branch as a store.
#[derive(Debug)]
pub struct GitBranch {
    name: String,
    url: String,
    branch: RefName,
    git: Box<dyn Git>,
    repository: TempDir,
    state: Mutex<State>,
}

/// What was fetched last.
#[derive(Debug, Default)]
struct State {
    /// The commit; none where there is no such branch.
    commit: Option<String>,
    /// Its files that a store has, with the ids of their contents.
    files: BTreeMap<String, String>,
    /// The size of its log.
    size: u64,
    /// How many commits were made here: with the random name of our repository, no two of one branch are the same.
    made: u64,
}

/// Files with the ids and sizes of their contents.
type Listed = BTreeMap<String, (String, usize)>;

impl GitBranch {
    /// The branch of the repository at `url`. Our own repository is made below `temporary`.
    pub fn new(
        name: &str,
        url: &str,
        branch: RefName,
        git: Box<dyn Git>,
        temporary: &Path,
    ) -> Result<Self, RemoteError> {
        let made = tempfile::Builder::new().prefix("countersign-branch-").rand_bytes(16).tempdir_in(temporary);
        let repository = made.map_err(|source| DiskError::new(Doing::Create, temporary, source))?;
        let (name, url) = (name.to_owned(), url.to_owned());
        Ok(Self { name, url, branch, git, repository, state: Mutex::default() })
    }

    /// Makes our own repository, once: with objects of the format that the server's has, whatever is usual here. Git takes none of
    /// another format from it, and gives it none.
    fn make_repository(&self, head: Option<&str>) -> Result<(), RemoteError> {
        const DOING: &str = "make a repository";
        let folder = self.repository.path();
        if folder.join("HEAD").exists() {
            return Ok(());
        }
        let length = match head {
            Some(id) => Some(id.len()),
            None => self.length_of_ids()?,
        };
        let init = |format: &str| self.git(DOING, &["init", "--quiet", "--bare", "--template=", format]);
        let made = match length {
            Some(64) => init("--object-format=sha256"),
            Some(_) => init("--object-format=sha1"),
            // No id is there that would tell: whoever clones nothing is told the format, by servers that know of several.
            None => {
                let usual = ["-c", "init.defaultObjectFormat=sha1", "clone", "--quiet", "--bare", "--template="];
                self.git(DOING, &[&usual[..], &["--", &self.url, &folder.to_string_lossy()]].concat())
            }
        };
        made.map(|_printed| ())
    }

    /// How long the ids are that the server's repository has; none where it is empty.
    fn length_of_ids(&self) -> Result<Option<usize>, RemoteError> {
        let (folder, limit) = (self.repository.path(), limits::STORE_LISTING_BYTES);
        let arguments = ["ls-remote", "--quiet", &self.url];
        let listed = self.call("look at the repository", &arguments, folder, None, &[], limit)?;
        let listed = String::from_utf8_lossy(&listed);
        let line = listed.lines().find_map(|line| line.split_once('\t'));
        line.map(|(id, _)| self.id(id).map(|id| id.len())).transpose()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn git(&self, doing: &'static str, arguments: &[&str]) -> Result<String, RemoteError> {
        let bytes = self.call(doing, arguments, self.repository.path(), None, &[], limits::GIT_CONFIG_BYTES)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    fn call(
        &self,
        doing: &'static str,
        arguments: &[&str],
        folder: &Path,
        index: Option<&Path>,
        input: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, RemoteError> {
        let call = GitCall { repository: self.repository.path(), folder, arguments, index, input, limit };
        let failed = |GitFailed { said }| RemoteError::Failed { name: self.name.clone(), doing, said };
        self.git.run(&call).map_err(failed)
    }

    /// The commit that the branch is at on the server.
    fn head(&self) -> Result<Option<String>, RemoteError> {
        let listed = self.git("look at the branch", &["ls-remote", "--quiet", &self.url, self.branch.as_str()])?;
        // A pattern also matches the ends of other names.
        let line = listed.lines().filter_map(|line| line.split_once('\t'));
        match line.into_iter().find(|(_, name)| *name == self.branch.as_str()) {
            None => Ok(None),
            Some((id, _)) => self.id(id).map(Some),
        }
    }

    fn id(&self, text: &str) -> Result<String, RemoteError> {
        let hex = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if hex { Ok(text.to_owned()) } else { Err(self.form(self.branch.as_str(), "git named no commit")) }
    }

    fn form(&self, path: &str, why: &'static str) -> RemoteError {
        RemoteError::Form { name: self.name.clone(), path: path.to_owned(), why }
    }

    /// Fetches the newest commit: alone, or with all since the one that was fetched last.
    fn fetch_commit(&self, alone: &[&str]) -> Result<(), RemoteError> {
        let what = format!("+{}:{FETCHED}", self.branch);
        let options = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
        self.git("fetch the branch", &[&options[..], alone, &[&self.url, &what]].concat()).map(|_printed| ())
    }

    /// Whether the branch, which has moved on, moved over this commit.
    fn went_over(&self, commit: &str, from: Option<&str>) -> Result<bool, RemoteError> {
        self.fetch_commit(&[])?;
        let mut arguments = vec!["rev-list", FETCHED];
        let not = from.map(|from| format!("^{from}"));
        arguments.extend(not.as_deref());
        let limit = limits::STORE_LISTING_BYTES;
        let listed = self.call("read the branch", &arguments, self.repository.path(), None, &[], limit)?;
        Ok(String::from_utf8_lossy(&listed).lines().any(|line| line == commit))
    }

    /// Fetches the newest commit alone, and lists its files.
    fn listing(&self) -> Result<(String, Listed), RemoteError> {
        self.fetch_commit(&["--depth=1"])?;
        let commit = self.git("read the branch", &["rev-parse", "--verify", FETCHED])?;
        let commit = self.id(&commit)?;
        let arguments = ["ls-tree", "-r", "-l", "-z", "--full-tree", &commit];
        let limit = limits::STORE_LISTING_BYTES;
        let bytes = self.call("list the branch", &arguments, self.repository.path(), None, &[], limit)?;
        let (mut files, mut total) = (BTreeMap::new(), 0_u64);
        for line in bytes.split(|b| *b == 0).filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            let Some((facts, path)) = line.split_once('\t') else { continue };
            if !belongs(path) {
                continue;
            }
            let facts: Vec<&str> = facts.split_ascii_whitespace().collect();
            let [mode, kind, id, size] = facts[..] else { return Err(self.form(path, "git lists it oddly")) };
            if kind != "blob" || !matches!(mode, "100644" | "100755") {
                return Err(self.form(path, "it is no ordinary file"));
            }
            let size: usize = size.parse().map_err(|_too_long| self.form(path, "git lists it oddly"))?;
            if size > limits::GIT_EVIDENCE_BYTES {
                let limit = limits::GIT_EVIDENCE_BYTES;
                return Err(RemoteError::TooLarge { name: self.name.clone(), what: "bytes in one file", limit });
            }
            total = total.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
            if total > limits::PACKAGE_BYTES {
                let limit = usize::try_from(limits::PACKAGE_BYTES).unwrap_or(usize::MAX);
                return Err(RemoteError::TooLarge { name: self.name.clone(), what: "bytes", limit });
            }
            files.insert(path.to_owned(), (self.id(id)?, size));
        }
        Ok((commit, files))
    }

    /// Writes files into a folder, a batch of objects at a time.
    fn take_out(&self, files: &[(&str, &str, usize)], folder: &Path) -> Result<(), RemoteError> {
        let mut rest = files;
        while !rest.is_empty() {
            let mut bytes = 0_usize;
            let more = |(_, _, size): &&(&str, &str, usize)| {
                bytes = bytes.saturating_add(*size).saturating_add(100);
                bytes <= BATCH_BYTES
            };
            let count = rest.iter().take_while(more).count().max(1);
            let (now, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = later;
            let input = now.iter().map(|(_, id, _)| format!("{id}\n")).collect::<Vec<_>>().concat();
            let limit = now.iter().fold(0_usize, |sum, (_, _, size)| sum.saturating_add(*size).saturating_add(200));
            let arguments = ["cat-file", "--batch"];
            let printed = self.call("read files", &arguments, self.repository.path(), None, input.as_bytes(), limit)?;
            let mut printed = printed.as_slice();
            for (path, id, size) in now {
                let header = format!("{id} blob {size}\n");
                let content = printed.strip_prefix(header.as_bytes()).and_then(|rest| rest.split_at_checked(*size));
                let Some((content, rest)) = content else {
                    return Err(self.form(path, "git does not have its content"));
                };
                printed = rest.strip_prefix(b"\n").unwrap_or(rest);
                write(&folder.join(path), content)?;
            }
        }
        Ok(())
    }

    /// The ids of files' contents, which are in our repository then.
    fn take_in(&self, paths: &[String], folder: &Path) -> Result<Vec<String>, RemoteError> {
        let input = paths.iter().map(|path| format!("{path}\n")).collect::<Vec<_>>().concat();
        let limit = paths.len().saturating_mul(65).saturating_add(1);
        let arguments = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
        let printed = self.call("store files", &arguments, folder, None, input.as_bytes(), limit)?;
        let ids: Vec<String> = String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect();
        if ids.len() != paths.len() {
            return Err(self.form("the new files", "git named too few objects"));
        }
        ids.iter().map(|id| self.id(id)).collect()
    }

    /// The commit of what the folder has, on top of what was fetched.
    fn commit(
        &self,
        state: &State,
        folder: &Path,
        evidence: &BTreeSet<Sha256>,
    ) -> Result<(String, BTreeMap<String, String>), RemoteError> {
        let files = FolderFiles::new(folder.join(LOG));
        let size = log_size(folder)?;
        let mut paths = vec![format!("{LOG}/{CHECKPOINT}")];
        if folder.join(LOG).join(COSIGNED).exists() {
            paths.push(format!("{LOG}/{COSIGNED}"));
        }
        let mut gone = Vec::new();
        let there: BTreeSet<String> = files.list()?.into_iter().collect();
        for path in &there {
            let Ok(tile) = Tile::from_path(path) else { continue };
            let known = state.files.contains_key(&format!("{LOG}/{path}"));
            // Up to what was fetched a file stays what it is; beyond, it was never part of the log.
            if !known || !covered(tile, state.size) {
                paths.push(format!("{LOG}/{path}"));
            }
        }
        for path in state.files.keys() {
            let Some(tile) = path.strip_prefix("log/").and_then(|path| Tile::from_path(path).ok()) else { continue };
            let full = tile.with_width(countersign_core::log::tile::WIDTH).map(Tile::path);
            let swept = !covered(tile, size);
            // A partial file goes when the full one stands beside it.
            if !tile.is_full() && full.is_ok_and(|full| there.contains(&full)) || swept {
                gone.push(path.clone());
            }
        }
        let new = evidence.iter().map(FolderStore::relative).filter(|path| !state.files.contains_key(path));
        paths.extend(new);
        let ids = self.take_in(&paths, folder)?;
        let index = self.repository.path().join("store-index");
        drop(fs::remove_file(&index));
        let from = state.commit.as_deref().unwrap_or("--empty");
        let repository = self.repository.path();
        let with_index = |doing, arguments: &[&str], input: &[u8]| {
            self.call(doing, arguments, repository, Some(&index), input, 4096)
        };
        with_index("read the tree", &["read-tree", from], &[])?;
        let none = "0".repeat(state.commit.as_ref().map_or(40, String::len));
        let removed = gone.iter().map(|path| format!("0 {none}\t{path}\n"));
        let added = paths.iter().zip(&ids).map(|(path, id)| format!("100644 {id}\t{path}\n"));
        let lines: String = removed.chain(added).collect();
        with_index("make the tree", &["update-index", "--add", "--index-info"], lines.as_bytes())?;
        let tree = with_index("write the tree", &["write-tree"], &[])?;
        let tree = self.id(String::from_utf8_lossy(&tree).trim())?;
        let name = self.repository.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let message = format!("log: {size} entries\n\nby {}, {}", name.unwrap_or_default(), state.made);
        let mut arguments = vec!["commit-tree", &tree, "-m", &message];
        arguments.extend(state.commit.iter().flat_map(|parent| ["-p", parent.as_str()]));
        let commit = self.git("make the commit", &arguments)?;
        let mut files = state.files.clone();
        for path in &gone {
            files.remove(path);
        }
        files.extend(paths.into_iter().zip(ids));
        Ok((self.id(&commit)?, files))
    }
}

impl Remote for GitBranch {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn fetch(&self, folder: &Path) -> Result<(), RemoteError> {
        let mut state = self.state();
        let head = self.head()?;
        self.make_repository(head.as_deref())?;
        let (commit, files) = match head {
            None => (None, BTreeMap::new()),
            Some(_moves_meanwhile) => {
                let (commit, files) = self.listing()?;
                (Some(commit), files)
            }
        };
        let log = folder.join(LOG);
        if log.exists() {
            fs::remove_dir_all(&log).map_err(|source| DiskError::new(Doing::Remove, &log, source))?;
        }
        let wanted = files.iter().filter(|(path, _)| path.starts_with("log/") || !folder.join(path).exists());
        let wanted: Vec<(&str, &str, usize)> =
            wanted.map(|(path, (id, size))| (path.as_str(), id.as_str(), *size)).collect();
        self.take_out(&wanted, folder)?;
        let size = if commit.is_some() { log_size(folder)? } else { 0 };
        let files = files.into_iter().map(|(path, (id, _))| (path, id)).collect();
        *state = State { commit, files, size, made: state.made };
        Ok(())
    }

    fn publish(&self, folder: &Path, evidence: &BTreeSet<Sha256>) -> Result<Published, RemoteError> {
        let mut state = self.state();
        state.made = state.made.saturating_add(1);
        let (commit, files) = self.commit(&state, folder, evidence)?;
        let what = format!("{commit}:{}", self.branch);
        let options = ["push", "--quiet", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"];
        let arguments = [&options[..], &[&self.url, &what]].concat();
        let mut tried = 0_u32;
        while let Err(refused) = self.git("push to the branch", &arguments) {
            match self.head() {
                Ok(head) if head.as_ref() == Some(&commit) => break,
                Ok(Some(head)) if Some(&head) != state.commit.as_ref() => {
                    let unknown =
                        |error: RemoteError| RemoteError::Unknown { name: self.name.clone(), why: error.to_string() };
                    let ours = self.went_over(&commit, state.commit.as_deref()).map_err(unknown)?;
                    return Ok(if ours { Published::Overtaken } else { Published::Outrun });
                }
                // Nobody moved it, and yet the push was turned away: two at once can block each other.
                Ok(_) if tried >= TRIES => return Err(refused),
                Err(error) if tried >= TRIES => {
                    return Err(RemoteError::Unknown { name: self.name.clone(), why: error.to_string() });
                }
                Ok(_) | Err(_) => {}
            }
            tried = tried.saturating_add(1);
            std::thread::sleep(Duration::from_millis(40).saturating_mul(tried));
        }
        let size = log_size(folder)?;
        *state = State { commit: Some(commit), files, size, made: state.made };
        Ok(Published::Done)
    }

    /// All of it comes along.
    fn evidence(&self, _digest: &Sha256, _limit: usize) -> Result<Option<Vec<u8>>, RemoteError> {
        Ok(None)
    }

    fn has_evidence(&self, digest: &Sha256) -> Result<bool, RemoteError> {
        Ok(self.state().files.contains_key(&FolderStore::relative(digest)))
    }

    fn can_erase(&self) -> Result<(), RemoteError> {
        let why = "a branch keeps every state that it had, and nothing in it is ever rewritten";
        Err(RemoteError::NotErasable { name: self.name.clone(), why })
    }

    fn erase_evidence(&self, _digest: &Sha256) -> Result<(), RemoteError> {
        self.can_erase()
    }

    fn all_evidence(&self) -> Result<BTreeSet<Sha256>, RemoteError> {
        Ok(self.state().files.keys().filter_map(|path| digest_of(path)).collect())
    }
}

/// The size that a folder's checkpoint claims; none where it does not parse, which the log's own readers report.
fn log_size(folder: &Path) -> Result<u64, RemoteError> {
    let bytes = FolderFiles::new(folder.join(LOG)).read(CHECKPOINT, limits::NOTE_BYTES)?.unwrap_or_default();
    Ok(UnverifiedCheckpoint::parse(&bytes).map_or(0, |checkpoint| checkpoint.claim().size))
}

/// Whether a tile is one of a log of this size.
pub(super) fn covered(tile: Tile, size: u64) -> bool {
    tile.row().tile(tile.index(), size).is_some_and(|now| now.width() >= tile.width())
}

/// Whether a path is one that a store has.
fn belongs(path: &str) -> bool {
    let of_log = path
        .strip_prefix("log/")
        .is_some_and(|path| matches!(path, CHECKPOINT | COSIGNED) || Tile::from_path(path).is_ok());
    of_log || digest_of(path).is_some()
}

/// The digest of the evidence at a path.
pub(super) fn digest_of(path: &str) -> Option<Sha256> {
    let (head, tail) = path.strip_prefix("evidence/sha256/")?.split_once('/')?;
    let digest = Sha256::from_hex(&format!("{head}{tail}")).ok()?;
    (FolderStore::relative(&digest) == path).then_some(digest)
}

/// Writes a file of a working copy. It goes with the run, so nothing waits for the disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), RemoteError> {
    let folder: PathBuf = crate::disk::folder_of(path).to_owned();
    if !folder.is_dir() {
        make_folders(&folder)?;
    }
    fs::write(path, bytes).map_err(|source| DiskError::new(Doing::Write, path, source))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_a_store_has_are_taken_out() {
        let hex = "ab".repeat(32);
        let evidence = format!("evidence/sha256/ab/{}", hex.strip_prefix("ab").unwrap());
        for path in ["log/checkpoint", "log/tile/0/000", "log/tile/entries/x001/234.p/7", evidence.as_str()] {
            assert!(belongs(path), "{path}");
        }
        let upper = evidence.to_uppercase();
        for path in [
            "README.md",
            "checkpoint",
            "log/.lock",
            "log/tile/../../x",
            "log/tile/0/../000",
            "log/tile/0/000.p/0",
            "evidence/sha256/a/b",
            "evidence/sha256/ab/../x",
            upper.as_str(),
            "../log/checkpoint",
            "",
        ] {
            assert!(!belongs(path), "{path}");
        }
    }
}
