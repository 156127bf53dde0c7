//! Object storage with everything that can go wrong with it: an answer that gets lost before or after the work, a
//! writer that dies between any two requests, writers at once, and services that do not keep their promises.

use super::objects::{Bucket, Condition, ObjectError, Objects, Put, Version};
use super::tests::{ORIGIN, append, entries, keeps_what_was_cosigned, open};
use super::{RemoteError, WorkingCopy};
use crate::log::reader::LogReader;
use crate::log::verify::verify_folder;
use crate::log::writer::Log;
use crate::log::{FolderFiles, LogError, Moment};
use crate::testing::signer;
use countersign_core::log::cosignature::cosign;
use countersign_core::time::Time;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The service: objects, each with a number for its version.
#[derive(Debug, Default)]
struct Service {
    objects: Mutex<BTreeMap<String, (Vec<u8>, u64)>>,
    versions: AtomicU64,
}

/// How a service breaks its promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    CreatesAgain,
    ReplacesTheOld,
    KeepsNothing,
    NamesNoVersion,
    LooksAndThenWrites,
}

/// What becomes of the request with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It never arrives.
    Lost,
    /// It is done, and the answer gets lost.
    Persisted,
    /// It never arrives, and the writer dies.
    DiesBefore,
    /// It is done, and the writer dies.
    DiesAfter,
}

/// One writer's way to the service.
#[derive(Debug, Clone, Default)]
struct Way {
    service: Arc<Service>,
    lie: Option<Lie>,
    fault: Arc<Mutex<Option<(u64, Fault)>>>,
    /// Every so many requests are lost, before or after the work.
    shaky: u64,
    asked: Arc<AtomicU64>,
}

impl Way {
    fn ask<T>(&self, work: impl FnOnce() -> T) -> Result<T, ObjectError> {
        let now = self.asked.fetch_add(1, Ordering::SeqCst);
        let failed = || Err(ObjectError { said: "no answer".to_owned() });
        if let Some(turn) = now.checked_rem(self.shaky) {
            if turn == 3 {
                return failed();
            }
            let done = work();
            return if turn == 7 { failed() } else { Ok(done) };
        }
        let fault = *self.fault.lock().unwrap();
        match fault {
            Some((at, Fault::Lost)) if now == at => failed(),
            Some((at, Fault::Persisted)) if now == at => {
                work();
                failed()
            }
            Some((at, Fault::DiesBefore)) if now >= at => failed(),
            Some((at, Fault::DiesAfter)) if now >= at => {
                if now == at {
                    work();
                }
                failed()
            }
            _ => Ok(work()),
        }
    }
}

impl Objects for Way {
    fn get(&self, path: &str, limit: usize) -> Result<Option<(Vec<u8>, Version)>, ObjectError> {
        self.ask(|| {
            let objects = self.service.objects.lock().unwrap();
            objects.get(path).map(|(bytes, version)| {
                (
                    bytes.iter().take(limit + 1).copied().collect(),
                    Version { tag: Some(version.to_string()), version: None },
                )
            })
        })
    }

    fn has(&self, path: &str) -> Result<bool, ObjectError> {
        self.ask(|| self.service.objects.lock().unwrap().contains_key(path))
    }

    fn put(&self, path: &str, bytes: &[u8], condition: &Condition) -> Result<Put, ObjectError> {
        self.ask(|| {
            let mut objects = self.service.objects.lock().unwrap();
            let there = objects.get(path).map(|(_, version)| version.to_string());
            let holds = match condition {
                Condition::New => there.is_none() || self.lie == Some(Lie::CreatesAgain),
                Condition::Still(version) => {
                    (there.is_some() && there == version.tag) || self.lie == Some(Lie::ReplacesTheOld)
                }
            };
            if !holds {
                return Put::Refused;
            }
            if self.lie == Some(Lie::LooksAndThenWrites) {
                drop(objects);
                std::thread::sleep(Duration::from_millis(60));
                objects = self.service.objects.lock().unwrap();
            }
            let version = self.service.versions.fetch_add(1, Ordering::SeqCst);
            if self.lie != Some(Lie::KeepsNothing) {
                objects.insert(path.to_owned(), (bytes.to_vec(), version));
            }
            let tag = Some(version.to_string()).filter(|_| self.lie != Some(Lie::NamesNoVersion));
            Put::Done(Version { tag, version: None })
        })
    }

    fn list(&self, start: &str) -> Result<Vec<String>, ObjectError> {
        self.ask(|| {
            let objects = self.service.objects.lock().unwrap();
            objects.keys().filter(|path| path.starts_with(start)).cloned().collect()
        })
    }

    fn remove(&self, path: &str) -> Result<(), ObjectError> {
        self.ask(|| drop(self.service.objects.lock().unwrap().remove(path)))
    }
}

static WRITERS: AtomicU64 = AtomicU64::new(0);

fn copy(way: &Way) -> Result<Arc<WorkingCopy>, RemoteError> {
    let writer = format!("w{}", WRITERS.fetch_add(1, Ordering::SeqCst));
    let bucket = Bucket::new("s3://bucket/log", Box::new(way.clone()), &writer);
    // Many copies are made here, and none has to outlive anything.
    let memory = Path::new("/dev/shm");
    let temporary = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    WorkingCopy::of(Box::new(bucket), &temporary).map(Arc::new)
}

/// A service with a log of one entry.
fn service() -> Way {
    let way = Way::default();
    let made = copy(&way).unwrap();
    drop(Log::create_published(&made.log(), &signer(ORIGIN, 1), made.as_ref()).unwrap());
    append(&made, &signer(ORIGIN, 1), "first").unwrap();
    way
}

/// What is published where anybody may read it holds as well, and leads to what `head` says.
fn published(way: &Way, most: u64) {
    let objects = way.service.objects.lock().unwrap();
    let files: BTreeMap<String, Vec<u8>> =
        objects.iter().map(|(path, (bytes, _))| (path.clone(), bytes.clone())).collect();
    drop(objects);
    let files = crate::log::PackageFiles::new(&files, "log/");
    let report = crate::log::verify::verify_log(&files).unwrap();
    assert_eq!(report.bad, None);
    assert!(report.entries <= most);
}

#[test]
fn a_log_in_objects_is_made_once_appended_to_and_published_where_anybody_reads_it() {
    let way = service();
    let one = copy(&way).unwrap();
    let signs = signer(ORIGIN, 1);
    let again = Log::create_published(&one.log(), &signs, one.as_ref());
    assert!(matches!(again, Err(LogError::Exists { .. })), "{again:?}");
    assert_eq!(append(&one, &signer(ORIGIN, 1), "second").unwrap().first_index, 1);
    assert_eq!(append(&one, &signer(ORIGIN, 1), "third").unwrap().first_index, 2);
    assert_eq!(entries(&copy(&way).unwrap()), ["first", "second", "third"]);
    published(&way, 3);
    let left = way.list("").unwrap();
    assert!(!left.iter().any(|path| path.starts_with("staging/") || path.starts_with("probe/")), "{left:?}");
    way.remove("head").unwrap();
    let gone = copy(&way).unwrap_err();
    assert!(matches!(&gone, RemoteError::Form { path, .. } if path == "head"), "{gone:?}");
}

/// Somebody appends, and has the log cosigned.
fn grow(way: &Way) {
    let (signs, one) = (signer(ORIGIN, 1), copy(way).unwrap());
    append(&one, &signs, "one more").unwrap();
    let log = open(&one, &signs).unwrap();
    let mut note = LogReader::open(&one.log()).unwrap().checkpoint().note().clone();
    let witness = signer("witness.example/w1", 2);
    note.add(cosign(note.text(), &witness, Time::from_unix(1000).unwrap()).unwrap());
    log.keep_cosigned(&note, true).unwrap();
}

/// A way to the service, where the log grows just before the request with this number.
#[derive(Debug)]
struct Beside {
    way: Way,
    at: u64,
    asked: Arc<AtomicU64>,
}

impl Beside {
    fn ask(&self) {
        if self.asked.fetch_add(1, Ordering::SeqCst) == self.at {
            grow(&self.way);
        }
    }
}

impl Objects for Beside {
    fn get(&self, path: &str, limit: usize) -> Result<Option<(Vec<u8>, Version)>, ObjectError> {
        self.ask();
        self.way.get(path, limit)
    }

    fn has(&self, path: &str) -> Result<bool, ObjectError> {
        self.ask();
        self.way.has(path)
    }

    fn put(&self, path: &str, bytes: &[u8], condition: &Condition) -> Result<Put, ObjectError> {
        self.way.put(path, bytes, condition)
    }

    fn list(&self, start: &str) -> Result<Vec<String>, ObjectError> {
        self.way.list(start)
    }

    fn remove(&self, path: &str) -> Result<(), ObjectError> {
        self.way.remove(path)
    }
}

#[test]
fn a_copy_that_is_fetched_while_somebody_appends_has_no_more_cosigned_than_its_log_has() {
    for at in 0.. {
        let way = service();
        grow(&way);
        let asked = Arc::new(AtomicU64::new(0));
        let beside = Beside { way: way.clone(), at, asked: Arc::clone(&asked) };
        let bucket = Bucket::new("s3://bucket/log", Box::new(beside), "reader");
        let one = WorkingCopy::of(Box::new(bucket), &std::env::temp_dir()).unwrap();
        let moment = Moment::of(&FolderFiles::new(one.log())).unwrap();
        let cosigned = moment.read_cosigned().unwrap().unwrap();
        assert!(cosigned.claim().size <= moment.checkpoint.claim().size, "at {at}: {moment:?}");
        assert_eq!(verify_folder(&one.log()).unwrap().bad, None, "at {at}");
        if asked.load(Ordering::SeqCst) <= at {
            assert!(at > 3, "{at}");
            break;
        }
    }
}

#[test]
fn objects_keep_what_was_cosigned() {
    let way = Way::default();
    let made = copy(&way).unwrap();
    drop(Log::create_published(&made.log(), &signer(ORIGIN, 1), made.as_ref()).unwrap());
    keeps_what_was_cosigned(&|| copy(&way).unwrap());
}

#[test]
fn whatever_request_fails_and_however_nothing_acknowledged_is_lost_and_no_fork_is_made() {
    let requests = {
        let way = service();
        let writer = copy(&way).unwrap();
        let before = way.asked.load(Ordering::SeqCst);
        append(&writer, &signer(ORIGIN, 1), "counted").unwrap();
        way.asked.load(Ordering::SeqCst) - before
    };
    assert!(requests > 20, "{requests}");
    let faults = [Fault::Lost, Fault::Persisted, Fault::DiesBefore, Fault::DiesAfter];
    let acknowledged: u64 = std::thread::scope(|scope| {
        let running: Vec<_> = faults.iter().map(|fault| scope.spawn(|| sweep(*fault, requests))).collect();
        running.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!(acknowledged > requests * 2 && acknowledged < requests * 4 - 10, "{acknowledged} of 4 * {requests}");
}

/// One append for each request that it makes, which fails in this way. How many were acknowledged all the same.
fn sweep(fault: Fault, requests: u64) -> u64 {
    let mut acknowledged = 0;
    for at in 0..requests {
        let way = service();
        let mine = Way { service: Arc::clone(&way.service), ..Way::default() };
        let writer = copy(&mine).unwrap();
        let now = mine.asked.load(Ordering::SeqCst);
        *mine.fault.lock().unwrap() = Some((now + at, fault));
        let done = append(&writer, &signer(ORIGIN, 1), "mine");
        drop(writer);
        // Whoever comes next finishes what counts, and goes on.
        let next = copy(&way).unwrap();
        append(&next, &signer(ORIGIN, 1), "next").unwrap();
        let found = entries(&copy(&way).unwrap());
        published(&way, 3);
        let context = format!("{fault:?} at {at}: {done:?}, {found:?}");
        match done {
            Ok(appended) => {
                acknowledged += 1;
                assert_eq!(found, ["first", "mine", "next"], "{context}");
                let reader = copy(&way).unwrap();
                let root = LogReader::open(&reader.log()).unwrap().root_at(appended.size).unwrap();
                assert_eq!(root, appended.root, "{context}");
            }
            Err(error) => {
                let there = found == ["first", "mine", "next"];
                assert!(there || found == ["first", "next"], "{context}");
                let unknown = matches!(error, LogError::Remote(RemoteError::Unknown { .. }));
                assert!(unknown || !there, "{context}");
            }
        }
    }
    acknowledged
}

#[test]
fn writers_at_once_on_a_shaky_line_lose_nothing_and_write_nothing_twice() {
    let way = service();
    let texts: Vec<Vec<String>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4_u64)
            .map(|n| {
                let mine = Way { service: Arc::clone(&way.service), shaky: 23 + n, ..Way::default() };
                scope.spawn(move || {
                    let writer = copy(&mine).unwrap();
                    let mut done = Vec::new();
                    for turn in 0..5 {
                        let text = format!("{n} {turn}");
                        loop {
                            match append(&writer, &signer(ORIGIN, 1), &text) {
                                Ok(_) => break,
                                Err(LogError::Outrun { .. }) => while writer.refresh().is_err() {},
                                Err(other) => panic!("{other}"),
                            }
                        }
                        while writer.refresh().is_err() {}
                        done.push(text);
                    }
                    done
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut expected: Vec<String> = texts.into_iter().flatten().chain(["first".to_owned()]).collect();
    let mut found = entries(&copy(&way).unwrap());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    published(&way, 21);
}

#[test]
fn a_service_that_does_not_keep_its_promises_is_refused_before_anything_is_appended() {
    for (lie, word) in [
        (Lie::CreatesAgain, "created again"),
        (Lie::ReplacesTheOld, "older one"),
        (Lie::KeepsNothing, ""),
        (Lie::NamesNoVersion, "no version"),
        (Lie::LooksAndThenWrites, "at once"),
    ] {
        let way = service();
        let before = way.service.objects.lock().unwrap().clone();
        let lying = Way { service: Arc::clone(&way.service), lie: Some(lie), ..Way::default() };
        let writer = copy(&lying).unwrap();
        let refused = append(&writer, &signer(ORIGIN, 1), "mine").unwrap_err();
        let LogError::Remote(RemoteError::Unfit { why, .. }) = &refused else { panic!("{lie:?}: {refused:?}") };
        assert!(why.contains(word), "{lie:?}: {why}");
        assert_eq!(*way.service.objects.lock().unwrap(), before, "{lie:?}");
    }
}

#[test]
fn what_is_there_and_is_something_else_is_never_written_over() {
    let way = service();
    let writer = copy(&way).unwrap();
    let other = countersign_core::digest::Sha256::of(b"mine");
    let path = crate::store::FolderStore::relative(&other);
    way.put(&path, b"other", &Condition::New).unwrap();
    let refused = append(&writer, &signer(ORIGIN, 1), "mine").unwrap_err();
    assert!(matches!(refused, LogError::Remote(RemoteError::Altered { .. })), "{refused:?}");
    assert_eq!(entries(&copy(&way).unwrap()), ["first"]);
    way.put("head", b"countersign.dev/store-head@v1\n1 x\n\nno note", &Condition::New).unwrap();
    let version = way.get("head", 1000).unwrap().unwrap().1;
    way.put("head", b"nonsense", &Condition::Still(version)).unwrap();
    assert!(matches!(copy(&way), Err(RemoteError::Form { .. })));
}
