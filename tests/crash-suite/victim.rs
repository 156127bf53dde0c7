//! The process that appends, and writes down what was acknowledged to it: nothing else of it counts.

use super::ORDER;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use countersign_core::digest::Sha256;
use countersign_core::ids::Origin;
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};
use countersign_record::log::LogError;
use countersign_record::log::writer::Log;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// The log's key: everybody may know it here.
pub(super) struct Key {
    pair: Ed25519KeyPair,
    key: NoteKey,
}

impl Key {
    pub(super) fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let public = pair.public_key().as_ref().try_into().expect("32 bytes");
        Self { key: NoteKey::new(Origin::new("example.com/log").expect("a name"), public), pair }
    }
}

impl NoteSigner for Key {
    fn key(&self) -> &NoteKey {
        &self.key
    }
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        Ok(self.pair.sign(bytes).as_ref().try_into().expect("64 bytes"))
    }
}

pub(super) fn holds(key: &NoteKey, bytes: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key.public()).verify(bytes, signature).is_ok()
}

pub(super) fn open<'k>(log: &Path, key: &'k Key) -> Result<Log<'k>, LogError> {
    Log::open_for_append(log, key, std::slice::from_ref(key.key()), &holds)
}

/// An entry: another run writes other bytes at the same index.
pub(super) fn entry(run: u64, index: u64) -> Vec<u8> {
    let seed = Sha256::of(format!("{run} {index}").as_bytes()).hex();
    let long = usize::try_from(index % 7).expect("a small number");
    format!("{run} {index} {}", seed.repeat(long)).into_bytes()
}

/// Makes a folder with a log of so many entries, all acknowledged, of run 0.
pub(super) fn make(place: &Path, entries: u64) {
    std::fs::create_dir_all(place).expect("a folder");
    let key = Key::new();
    drop(Log::create(&place.join("log"), &key).expect("a log"));
    std::fs::write(place.join("acks"), b"").expect("a file");
    if entries > 0 {
        let mut log = open(&place.join("log"), &key).expect("a log");
        assert!(append(&mut log, &mut acks(place), 0, entries).is_ok());
    }
}

/// Does what the order says, if there is one, and never comes back then.
pub fn run() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let words: Vec<&str> = order.splitn(4, ' ').collect();
    let number = |at: usize| words[at].parse::<u64>().expect("a number");
    let place = Path::new(words[words.len() - 1]);
    let code = match words[0] {
        "append" => once(place, number(1), number(2)),
        "loop" => for_ever(place, number(1), number(2)),
        other => panic!("no order: {other}"),
    };
    #[expect(clippy::exit, clippy::disallowed_methods, reason = "the test or suite around it is not to go on")]
    std::process::exit(code)
}

/// One append; and, if that fails, a second one of the same writer, which must not succeed.
fn once(place: &Path, count: u64, run: u64) -> i32 {
    let key = Key::new();
    let mut acks = acks(place);
    let mut log = match open(&place.join("log"), &key) {
        Ok(log) => log,
        Err(LogError::NotHere { .. }) => return 8,
        Err(_) => return 7,
    };
    if append(&mut log, &mut acks, run, count).is_ok() {
        return 0;
    }
    match append(&mut log, &mut acks, run, 1) {
        Err(LogError::Poisoned) => 7,
        _ => 9,
    }
}

/// Appends until it is killed, or until it has appended so often. Where another has the log, it waits.
fn for_ever(place: &Path, times: u64, run: u64) -> i32 {
    let key = Key::new();
    let mut acks = acks(place);
    let mut done = 0;
    while done < times {
        let mut log = match open(&place.join("log"), &key) {
            Ok(log) => log,
            Err(LogError::InUse { .. }) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
                continue;
            }
            Err(_) => return 7,
        };
        // A few with each opening, so that two take turns.
        for turn in 0..3 {
            if append(&mut log, &mut acks, run, 1 + (done * 11 + turn) % 40).is_err() {
                return 7;
            }
            done += 1;
        }
    }
    0
}

fn append(log: &mut Log<'_>, acks: &mut File, run: u64, count: u64) -> Result<(), LogError> {
    let first = log.size();
    let entries: Vec<Vec<u8>> = (first..first + count).map(|index| entry(run, index)).collect();
    let done = log.append(&entries)?;
    assert_eq!((done.first_index, done.size), (first, first + count));
    let line = format!("{run} {first} {} {}\n", done.size, done.root.hex());
    acks.write_all(line.as_bytes()).expect("acknowledged");
    Ok(())
}

fn acks(place: &Path) -> File {
    File::options().append(true).open(place.join("acks")).expect("a file")
}
