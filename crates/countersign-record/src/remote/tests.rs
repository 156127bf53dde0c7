//! What every kind of store that lies elsewhere has to keep, each with faults in its way.

use super::git::{Git, GitBranch, GitCall, GitFailed};
use super::{LOG, RemoteError, WorkingCopy};
use crate::log::LogError;
use crate::log::reader::LogReader;
use crate::log::verify::verify_folder;
use crate::log::writer::{Appended, Log};
use crate::remote::Evidence;
use crate::store::Store as _;
use crate::testing::{TestSigner, holds, signer};
use countersign_core::digest::Sha256;
use countersign_core::ids::RefName;
use countersign_core::log::note::NoteSigner as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

pub(super) const ORIGIN: &str = "example.com/log";

pub(super) fn open<'s>(copy: &'s WorkingCopy, signer: &'s TestSigner) -> Result<Log<'s>, LogError> {
    Log::open_published(&copy.log(), signer, &[signer.key().clone()], &holds, copy)
}

pub(super) fn append(copy: &Arc<WorkingCopy>, signer: &TestSigner, text: &str) -> Result<Appended, LogError> {
    let mut log = open(copy, signer)?;
    Evidence::of_copy(Arc::clone(copy)).put(text.as_bytes()).unwrap();
    log.append(&[text.as_bytes().to_vec()])
}

/// The entries of a store, whose log holds and whose evidence is there for each of them.
pub(super) fn entries(copy: &Arc<WorkingCopy>) -> Vec<String> {
    copy.refresh().unwrap();
    assert_eq!(verify_folder(&copy.log()).unwrap().bad, None);
    let reader = LogReader::open(&copy.log()).unwrap();
    let entries: Vec<Vec<u8>> = reader.entries(0..u64::MAX).map(Result::unwrap).collect();
    let store = Evidence::of_copy(Arc::clone(copy));
    for entry in &entries {
        assert_eq!(store.get(&Sha256::of(entry), 1 << 20).unwrap(), *entry);
    }
    entries.into_iter().map(|entry| String::from_utf8(entry).unwrap()).collect()
}

/// What goes wrong with the next push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is done, and the answer is lost.
    Persisted,
    /// It is done, somebody appends after it, and the answer is lost.
    Overtaken,
    /// It never arrives.
    Lost,
    /// From then on nothing answers any more.
    Down,
}

/// Git as it is, with faults.
#[derive(Debug, Clone)]
struct TestGit {
    fault: Arc<Mutex<Option<Fault>>>,
    server: PathBuf,
}

impl Git for TestGit {
    fn run(&self, call: &GitCall<'_>) -> Result<Vec<u8>, GitFailed> {
        let fault = *self.fault.lock().unwrap();
        let failed = || Err(GitFailed { said: vec!["the remote end hung up unexpectedly".to_owned()] });
        let push = call.arguments[0] == "push";
        if !push && (fault != Some(Fault::Down) || !matches!(call.arguments[0], "ls-remote" | "fetch")) {
            return git(call);
        }
        let taken = self.fault.lock().unwrap().take();
        match taken {
            Some(Fault::Persisted) => git(call).and_then(|_done| failed()),
            Some(Fault::Overtaken) => {
                git(call)?;
                let other = branch(&self.server, None);
                append(&other, &signer(ORIGIN, 1), "after it").unwrap();
                failed()
            }
            Some(Fault::Lost) => failed(),
            Some(Fault::Down) => {
                *self.fault.lock().unwrap() = Some(Fault::Down);
                failed()
            }
            None => git(call),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the runner of processes is in another crate")]
fn git(call: &GitCall<'_>) -> Result<Vec<u8>, GitFailed> {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(call.repository).args(call.arguments).current_dir(call.folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@localhost");
    }
    if let Some(index) = call.index {
        command.env("GIT_INDEX_FILE", index);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = call.input.to_vec();
    let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.stdout.len() <= call.limit, "{call:?}");
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(GitFailed { said: String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect() })
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let call = GitCall { repository: folder, folder, arguments, index: None, input: &[], limit: 1 << 20 };
    String::from_utf8(git(&call).unwrap()).unwrap().trim().to_owned()
}

fn branch(server: &Path, fault: Option<&Arc<Mutex<Option<Fault>>>>) -> Arc<WorkingCopy> {
    let git = TestGit { fault: fault.cloned().unwrap_or_default(), server: server.to_owned() };
    let (url, name) = (server.to_str().unwrap(), RefName::new("refs/heads/log").unwrap());
    let remote = GitBranch::new("git:log", url, name, Box::new(git), server.parent().unwrap()).unwrap();
    Arc::new(WorkingCopy::of(Box::new(remote), server.parent().unwrap()).unwrap())
}

/// A repository with a log in its branch.
fn server() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let server = dir.path().join("server");
    std::fs::create_dir(&server).unwrap();
    run(&server, &["init", "-q", "--bare"]);
    let copy = branch(&server, None);
    drop(Log::create_published(&copy.log(), &signer(ORIGIN, 1), copy.as_ref()).unwrap());
    (dir, server)
}

/// What witnesses have cosigned is kept in the store, for whoever fetches it later, and no older one takes its place.
pub(super) fn keeps_what_was_cosigned(copies: &dyn Fn() -> Arc<WorkingCopy>) {
    use crate::log::FolderFiles;
    use crate::log::cosigned::read_cosigned;
    use countersign_core::log::cosignature::cosign;
    use countersign_core::log::note::Note;
    use countersign_core::time::Time;

    fn cosigned(log: &Log<'_>, copy: &WorkingCopy) -> Note {
        let reader = LogReader::open(&copy.log()).unwrap();
        let mut note = reader.checkpoint().note().clone();
        assert_eq!(reader.size(), log.size());
        note.add(cosign(note.text(), &signer("witness.example/w1", 2), Time::from_unix(1000).unwrap()).unwrap());
        note
    }
    let kept =
        |copy: &WorkingCopy| read_cosigned(&FolderFiles::new(copy.log())).unwrap().map(|read| read.note().clone());
    let signs = signer(ORIGIN, 1);
    let one = copies();
    assert_eq!(kept(&one), None);
    append(&one, &signs, "one").unwrap();
    let log = open(&one, &signs).unwrap();
    let first = cosigned(&log, &one);
    log.keep_cosigned(&first, true).unwrap();
    drop(log);
    // A run of tomorrow, elsewhere.
    let two = copies();
    assert_eq!(kept(&two), Some(first.clone()));
    assert_eq!(LogReader::open(&two.log()).unwrap().checkpoint().note(), &first);
    append(&two, &signs, "two").unwrap();
    let log = open(&two, &signs).unwrap();
    let second = cosigned(&log, &two);
    log.keep_cosigned(&second, true).unwrap();
    drop(log);
    // Whoever still has the old one puts nothing back.
    let slow = open(&one, &signs).unwrap();
    let refused = slow.keep_cosigned(&first, true);
    assert!(matches!(refused, Err(LogError::Outrun { .. })), "{refused:?}");
    let three = copies();
    assert_eq!(kept(&three), Some(second));
    assert_eq!(entries(&three), ["one", "two"]);
}

#[test]
fn a_branch_keeps_what_was_cosigned() {
    let (_dir, server) = server();
    keeps_what_was_cosigned(&|| branch(&server, None));
}

#[test]
fn a_branch_is_a_store_whichever_object_format_its_repository_has() {
    for format in ["--object-format=sha1", "--object-format=sha256"] {
        for with_code in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (server, signs) = (dir.path().join("server"), signer(ORIGIN, 1));
            std::fs::create_dir(&server).unwrap();
            run(&server, &["init", "-q", "--bare", format]);
            if with_code {
                let tree = run(&server, &["write-tree"]);
                let commit = run(&server, &["commit-tree", &tree, "-m", "code"]);
                run(&server, &["update-ref", "refs/heads/main", &commit]);
            }
            let copy = branch(&server, None);
            drop(Log::create_published(&copy.log(), &signs, copy.as_ref()).unwrap());
            append(&copy, &signs, "one").unwrap();
            let other = branch(&server, None);
            append(&other, &signs, "two").unwrap();
            assert_eq!(entries(&branch(&server, None)), ["one", "two"], "{format}");
        }
    }
}

#[test]
fn whatever_becomes_of_an_answer_an_acknowledged_entry_is_there_once_and_a_refused_one_is_not() {
    let (_dir, server) = server();
    let signer = signer(ORIGIN, 1);
    let fault = Arc::new(Mutex::new(None));
    let copy = branch(&server, Some(&fault));
    let mut expected = Vec::new();
    for (n, wrong) in [Fault::Persisted, Fault::Overtaken, Fault::Lost, Fault::Persisted].into_iter().enumerate() {
        *fault.lock().unwrap() = Some(wrong);
        let text = format!("{n} {wrong:?}");
        let done = append(&copy, &signer, &text).unwrap();
        assert_eq!(usize::try_from(done.first_index).unwrap(), expected.len(), "{wrong:?}");
        expected.push(text);
        if wrong == Fault::Overtaken {
            expected.push("after it".to_owned());
        }
        assert_eq!(entries(&copy), expected);
    }
    *fault.lock().unwrap() = Some(Fault::Down);
    let unknown = append(&copy, &signer, "who knows").unwrap_err();
    assert!(matches!(unknown, LogError::Remote(RemoteError::Unknown { .. })), "{unknown:?}");
    *fault.lock().unwrap() = None;
    assert_eq!(entries(&copy), expected);
}

#[test]
fn a_writer_that_was_overtaken_has_to_open_the_log_again() {
    let (_dir, server) = server();
    let signer = signer(ORIGIN, 1);
    let fault = Arc::new(Mutex::new(Some(Fault::Overtaken)));
    let copy = branch(&server, Some(&fault));
    let mut log = open(&copy, &signer).unwrap();
    Evidence::of_copy(Arc::clone(&copy)).put(b"one").unwrap();
    log.append(&[b"one".to_vec()]).unwrap();
    assert!(matches!(log.append(&[b"two".to_vec()]), Err(LogError::Poisoned)));
    drop(log);
    append(&copy, &signer, "two").unwrap();
    assert_eq!(entries(&copy), ["one", "after it", "two"]);
}

#[test]
fn two_writers_with_the_very_same_entry_at_the_same_time_are_told_of_two_places() {
    let (_dir, server) = server();
    let signer = signer(ORIGIN, 1);
    let (one, other) = (branch(&server, None), branch(&server, None));
    assert_eq!(append(&one, &signer, "same").unwrap().first_index, 0);
    assert!(matches!(append(&other, &signer, "same"), Err(LogError::Outrun { .. })));
    other.refresh().unwrap();
    assert_eq!(append(&other, &signer, "same").unwrap().first_index, 1);
    assert_eq!(entries(&one), ["same", "same"]);
}

#[test]
fn a_working_copy_is_not_appended_to_without_being_published() {
    let (_dir, server) = server();
    let signer = signer(ORIGIN, 1);
    let copy = branch(&server, None);
    let alone = Log::open_for_append(&copy.log(), &signer, &[signer.key().clone()], &holds);
    assert!(matches!(alone, Err(LogError::WorkingCopy { .. })), "{alone:?}");
    assert!(matches!(Log::create(&copy.folder().join("log"), &signer), Err(LogError::WorkingCopy { .. })));
    // Nor is a log published that does not go on from the one that was fetched.
    std::fs::remove_dir_all(copy.log()).unwrap();
    append(&branch(&server, None), &signer, "first").unwrap();
    copy.refresh().unwrap();
    std::fs::remove_dir_all(copy.log()).unwrap();
    let other = Log::create_published(&copy.log(), &signer, copy.as_ref());
    assert!(matches!(other, Err(LogError::Remote(RemoteError::Altered { .. }))), "{other:?}");
    assert_eq!(entries(&copy), ["first"]);
}

#[test]
fn hundreds_of_entries_grow_past_full_tiles_and_partial_ones_go_with_them() {
    let (_dir, server) = server();
    let signer = signer(ORIGIN, 1);
    let copy = branch(&server, None);
    for batch in [250_usize, 5, 3, 260] {
        let mut log = open(&copy, &signer).unwrap();
        let texts: Vec<Vec<u8>> = (0..batch).map(|n| format!("{batch} {n}").into_bytes()).collect();
        log.append(&texts).unwrap();
    }
    let fresh = branch(&server, None);
    assert_eq!(verify_folder(&fresh.log()).unwrap().entries, 518);
    assert_eq!(verify_folder(&fresh.log()).unwrap().bad, None);
    let listed = run(&server, &["ls-tree", "-r", "--name-only", "log", "log/"]);
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(
        listed,
        [
            "log/checkpoint",
            "log/tile/0/000",
            "log/tile/0/001",
            "log/tile/0/002.p/6",
            "log/tile/1/000.p/1",
            "log/tile/1/000.p/2",
            "log/tile/entries/000",
            "log/tile/entries/001",
            "log/tile/entries/002.p/6",
        ]
    );
}

#[test]
fn a_link_in_place_of_a_file_is_refused_and_what_no_store_has_is_passed_over() {
    let (dir, server) = server();
    let signer = signer(ORIGIN, 1);
    append(&branch(&server, None), &signer, "one").unwrap();
    let commit = |lines: &str| {
        let index = dir.path().join("index");
        drop(std::fs::remove_file(&index));
        let folder = server.as_path();
        let with = |arguments: &[&str], input: &[u8]| {
            let call = GitCall { repository: folder, folder, arguments, index: Some(&index), input, limit: 1 << 20 };
            String::from_utf8(git(&call).unwrap()).unwrap().trim().to_owned()
        };
        with(&["read-tree", "log"], b"");
        with(&["update-index", "--add", "--index-info"], lines.as_bytes());
        let tree = with(&["write-tree"], b"");
        let made = run(&server, &["commit-tree", &tree, "-p", "log", "-m", "other"]);
        run(&server, &["update-ref", "refs/heads/log", &made]);
    };
    let blob = run(&server, &["rev-parse", "log:log/checkpoint"]);
    commit(&format!("120000 {blob}\tlog/other\n100644 {blob}\tlog/tile/x\n100644 {blob}\tevidence/x\n"));
    let copy = branch(&server, None);
    append(&copy, &signer, "two").unwrap();
    assert_eq!(entries(&copy), ["one", "two"]);
    assert!(!copy.folder().join("log/other").exists() && !copy.folder().join("evidence/x").exists());
    assert!(run(&server, &["ls-tree", "-r", "--name-only", "log"]).contains("log/other"));
    commit(&format!("120000 {blob}\tlog/checkpoint\n"));
    let refused = copy.refresh().unwrap_err();
    assert!(matches!(&refused, RemoteError::Form { path, .. } if path == &format!("{LOG}/checkpoint")), "{refused:?}");
}
