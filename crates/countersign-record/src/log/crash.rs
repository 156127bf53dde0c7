//! A writer is killed at random moments, again and again; whatever it acknowledged must be there.

use super::reader::LogReader;
use super::verify::verify_folder;
use super::writer::Log;
use crate::testing::{holds, signer};
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::log::merkle::{self, Frontier};
use countersign_core::log::note::NoteSigner as _;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "COUNTERSIGN_TEST_CRASH_FOLDER";
const ROUNDS: u64 = 25;

#[test]
fn killed_at_any_moment_the_log_keeps_every_acknowledged_entry() {
    if let Some(folder) = env::var_os(FOLDER) {
        append_until_killed(Path::new(&folder));
    }
    let dir = tempfile::tempdir().unwrap();
    let signer = signer("example.com/log", 1);
    drop(Log::create(&dir.path().join("log"), &signer).unwrap());
    let acknowledged = dir.path().join("acknowledged");
    fs::write(&acknowledged, b"").unwrap();
    for round in 0..ROUNDS {
        let appends = usize::try_from(round % 4).unwrap();
        kill_one(dir.path(), appends, Duration::from_micros(round * 977 % 3001));
        let report = verify_folder(&dir.path().join("log")).unwrap();
        assert_eq!(report.bad, None, "round {round}");
    }

    let acknowledged = fs::read_to_string(acknowledged).unwrap();
    let promised: BTreeMap<u64, (&str, &str)> = acknowledged
        .lines()
        .map(|line| {
            let [size, root, entries] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            (size.parse().unwrap(), (root, entries))
        })
        .collect();
    assert!(promised.len() > 30, "only {} appends came through", promised.len());
    let last = *promised.last_key_value().unwrap().0;
    let reader = LogReader::open(&dir.path().join("log")).unwrap();
    assert!(reader.size() >= last);
    let (mut tree, mut found) = (Frontier::new(), 0);
    let mut batch = Vec::new();
    for entry in reader.entries(0..u64::MAX) {
        let entry = entry.unwrap();
        tree.push(merkle::leaf_hash(&entry)).unwrap();
        // Every entry names its batch, so that those that nobody heard of do not count.
        let name = entry.split(|b| *b == b' ').next().unwrap().to_vec();
        if batch.first().is_some_and(|(first, _)| *first != name) {
            batch.clear();
        }
        batch.push((name, entry));
        if let Some((root, entries)) = promised.get(&tree.size()) {
            assert_eq!(tree.root().hex(), *root);
            let bytes: Vec<u8> = batch.iter().flat_map(|(_, entry)| entry.clone()).collect();
            assert_eq!(Sha256::of(&bytes).hex(), *entries);
            found += 1;
        }
    }
    assert_eq!(found, promised.len());
}

/// Runs this very test as another process, which appends, and kills it a moment after so many appends.
#[expect(clippy::disallowed_methods, reason = "the process under test is this one again")]
fn kill_one(dir: &Path, appends: usize, after: Duration) {
    let lines = || fs::read_to_string(dir.join("acknowledged")).unwrap().lines().count();
    let enough = lines() + appends;
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--test-threads=1"])
        .arg("log::crash::killed_at_any_moment_the_log_keeps_every_acknowledged_entry")
        .env(FOLDER, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..10_000 {
        if lines() >= enough {
            break;
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it ended before it was killed");
}

fn append_until_killed(dir: &Path) {
    let signer = signer("example.com/log", 1);
    let known = [signer.key().clone()];
    let mut log = Log::open_for_append(&dir.join("log"), &signer, &known, &holds).unwrap();
    let mut acknowledged = File::options().create(true).append(true).open(dir.join("acknowledged")).unwrap();
    for turn in 0_u64.. {
        // The same size after a crash gets other entries and other counts.
        let seed = Sha256::of(format!("{} {turn}", std::process::id()).as_bytes());
        let name = to_hex(&seed.as_bytes()[..8]);
        let count = match u64::from(seed.as_bytes()[0]) {
            few @ 0..100 => few % 3 + 1,
            more @ 100..230 => more / 4,
            many => many,
        };
        let entries: Vec<Vec<u8>> = (0..count).map(|n| format!("{name} {n}").into_bytes()).collect();
        let done = log.append(&entries).unwrap();
        let digest = Sha256::of(&entries.concat());
        let line = format!("{} {} {}\n", done.size, done.root.hex(), digest.hex());
        acknowledged.write_all(line.as_bytes()).unwrap();
    }
}
