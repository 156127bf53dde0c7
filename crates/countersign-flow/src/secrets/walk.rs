//! Every file of a tree, and of every commit of a range: read by one, searched by several.

use super::SkippedFiles;
use crate::error::FlowError;
use countersign_collect::git::{GitError, GitSource};
use countersign_core::git::listing::escape;
use countersign_core::git::{Mode, ObjectSource as _, Oid, SourceError, graph};
use countersign_core::limits;
use countersign_core::statement::secret_scan::{SecretFinding, SkipReason, Skipped};
use countersign_secrets::{FileScan, Scanner};
use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};

/// Files that wait to be searched: few, since each may be large.
const WAITING: usize = 32;

/// A walk.
pub(super) struct Walk<'w, 's> {
    scanner: &'w Scanner<'s>,
    threads: usize,
    seen_trees: BTreeSet<(Oid, Vec<u8>)>,
    seen_files: BTreeSet<(Oid, Vec<u8>)>,
    skipped: SkippedFiles,
    bytes: u64,
    files: u64,
    found: Vec<SecretFinding>,
}

/// What a walk came to.
pub(super) struct Done {
    pub(super) findings: Vec<SecretFinding>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) skipped_count: u64,
    pub(super) lacks: bool,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// A file to be searched.
struct Job {
    path: String,
    bytes: Arc<[u8]>,
    commit: Option<Oid>,
}

type Answer = (String, FileScan, Option<Oid>);

impl<'w, 's> Walk<'w, 's> {
    pub(super) fn new(scanner: &'w Scanner<'s>, threads: usize) -> Self {
        Self {
            scanner,
            threads: threads.clamp(1, 64),
            seen_trees: BTreeSet::new(),
            seen_files: BTreeSet::new(),
            skipped: SkippedFiles::default(),
            bytes: 0,
            files: 0,
            found: Vec::new(),
        }
    }

    /// Walks a tree, and then, of a range, what was in its commits besides.
    pub(super) fn run(&mut self, objects: &GitSource, tree: &Oid, range: Option<(Oid, Oid)>) -> Result<(), FlowError> {
        let scanner = self.scanner;
        let (send, receive) = mpsc::sync_channel::<Job>(WAITING);
        let receive = Arc::new(Mutex::new(receive));
        let (answer, answers) = mpsc::channel::<Answer>();
        let walked = std::thread::scope(|scope| {
            for _ in 0..self.threads {
                let (receive, answer) = (Arc::clone(&receive), answer.clone());
                scope.spawn(move || search(scanner, &receive, &answer));
            }
            drop(answer);
            let walked = self.walk(objects, tree, range, &send);
            drop(send);
            walked
        });
        walked?;
        for (path, scan, commit) in answers {
            if let Some(why) = scan.skipped {
                self.skipped.add(path, why);
            }
            self.found.extend(scan.findings.into_iter().map(|finding| SecretFinding { commit, ..finding }));
        }
        Ok(())
    }

    /// In an order that does not depend on which thread was the faster one.
    pub(super) fn done(mut self) -> Done {
        self.found.sort_by(|a, b| {
            (a.commit.is_some(), &a.path, a.line, a.column, &a.rule, a.commit).cmp(&(
                b.commit.is_some(),
                &b.path,
                b.line,
                b.column,
                &b.rule,
                b.commit,
            ))
        });
        if self.found.len() > limits::SECRETS_FINDINGS {
            self.found.truncate(limits::SECRETS_FINDINGS);
            self.skipped.add("(all)".to_owned(), SkipReason::TooMany);
        }
        self.skipped.named.sort_by(|a, b| (!a.why.lacks(), &a.path).cmp(&(!b.why.lacks(), &b.path)));
        Done {
            findings: self.found,
            skipped: self.skipped.named,
            skipped_count: self.skipped.count,
            lacks: self.skipped.lacks,
            files: self.files,
            bytes: self.bytes,
        }
    }

    fn walk(
        &mut self,
        objects: &GitSource,
        tree: &Oid,
        range: Option<(Oid, Oid)>,
        send: &SyncSender<Job>,
    ) -> Result<(), FlowError> {
        self.tree(objects, tree, None, Some(send))?;
        let Some((after, tip)) = range else { return Ok(()) };
        let failed = GitError::Object;
        // What was there before is not what the range added.
        let before = objects.commit(&after).map_err(failed)?.tree;
        self.tree(objects, &before, None, None)?;
        for commit in graph::range(objects, &tip, &after).map_err(failed)? {
            let tree = objects.commit(&commit).map_err(failed)?.tree;
            self.tree(objects, &tree, Some(commit), Some(send))?;
        }
        Ok(())
    }

    /// Every file of a tree that was not seen before at its place; without `send`, they are seen and no more.
    fn tree(
        &mut self,
        objects: &GitSource,
        root: &Oid,
        commit: Option<Oid>,
        send: Option<&SyncSender<Job>>,
    ) -> Result<(), FlowError> {
        let mut rest = vec![(*root, Vec::new(), 0_usize)];
        while let Some((id, folder, depth)) = rest.pop() {
            if depth > limits::GIT_TREE_DEPTH || self.seen_files.len() > limits::SECRETS_FILES {
                self.skipped.add(escape(&folder), SkipReason::TooMany);
                continue;
            }
            if !self.seen_trees.insert((id, folder.clone())) {
                continue;
            }
            let tree = objects.tree(&id).map_err(GitError::Object)?;
            for entry in tree.entries() {
                let path = join(&folder, &entry.name);
                match entry.mode {
                    Mode::Directory => rest.push((entry.id, path, depth.saturating_add(1))),
                    Mode::Submodule => {
                        if send.is_some() && self.seen_files.insert((entry.id, path.clone())) {
                            self.skipped.add(escape(&path), SkipReason::Submodule);
                        }
                    }
                    Mode::File | Mode::Executable | Mode::Symlink => {
                        if self.seen_files.insert((entry.id, path.clone()))
                            && let Some(send) = send
                        {
                            self.blob(objects, &entry.id, escape(&path), commit, send);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn blob(&mut self, objects: &GitSource, id: &Oid, path: String, commit: Option<Oid>, send: &SyncSender<Job>) {
        match objects.blob(id) {
            Ok(bytes) => {
                self.files = self.files.saturating_add(1);
                self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                // Nobody receives only if every thread has died; then this file was not searched.
                if let Err(mpsc::SendError(job)) = send.send(Job { path, bytes, commit }) {
                    self.skipped.add(job.path, SkipReason::Unreadable);
                }
            }
            Err(SourceError::TooLarge { .. }) => self.skipped.add(path, SkipReason::TooLarge),
            Err(_) => self.skipped.add(path, SkipReason::Unreadable),
        }
    }
}

fn search(scanner: &Scanner<'_>, jobs: &Mutex<Receiver<Job>>, answer: &mpsc::Sender<Answer>) {
    loop {
        // A thread that died while it waited has taken nothing with it.
        let next = match jobs.lock() {
            Ok(jobs) => jobs.recv(),
            Err(poisoned) => poisoned.into_inner().recv(),
        };
        let Ok(job) = next else { return };
        let scan = scanner.scan(&job.path, &job.bytes);
        if (scan.skipped.is_some() || !scan.findings.is_empty()) && answer.send((job.path, scan, job.commit)).is_err() {
            return;
        }
    }
}

/// A file of a tree by its path; `None` if there is none.
pub(super) fn file(objects: &GitSource, root: &Oid, path: &str) -> Result<Option<Vec<u8>>, FlowError> {
    let mut at = *root;
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        let tree = objects.tree(&at).map_err(GitError::Object)?;
        let Some(entry) = tree.get(name.as_bytes()) else { return Ok(None) };
        match (entry.mode, names.peek()) {
            (Mode::Directory, Some(_)) => at = entry.id,
            (Mode::File | Mode::Executable, None) => {
                return Ok(Some(objects.blob(&entry.id).map_err(GitError::Object)?.to_vec()));
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}
