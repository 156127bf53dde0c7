//! Tests of the log as a whole: what was acknowledged stays, what is wrong is named.

use super::edge::Edge;
use super::reader::LogReader;
use super::verify::{BadFile, Wrong, verify_folder, verify_log};
use super::writer::{Appended, Log};
use super::{CHECKPOINT, FolderFiles, LogError, LogFiles as _, PackageFiles};
use crate::disk::DiskFault;
use crate::testing::{Beside, TestSigner, holds, signer};
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::log::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use countersign_core::log::merkle;
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};
use countersign_core::log::tile::Tile;
use countersign_core::statement::Kind;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

const ORIGIN: &str = "example.com/log";

fn entries(tag: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("{tag} {n}").into_bytes()).collect()
}

fn reopen<'s>(folder: &Path, signer: &'s TestSigner) -> Result<Log<'s>, LogError> {
    Log::open_for_append(folder, signer, &[signer.key().clone()], &holds)
}

/// A log with these batches.
fn log_of(batches: &[usize]) -> (TempDir, Vec<Appended>) {
    let dir = tempfile::tempdir().unwrap();
    let signer = signer(ORIGIN, 1);
    let mut log = Log::create(dir.path(), &signer).unwrap();
    let appended =
        batches.iter().map(|count| log.append(&entries(&format!("batch {count}"), *count)).unwrap()).collect();
    (dir, appended)
}

fn bad_file(folder: &Path) -> Option<BadFile> {
    verify_folder(folder).unwrap().bad
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn whatever_was_appended_is_there_with_proofs_after_every_reopening(
        batches in proptest::collection::vec((prop_oneof![1_usize..6, 250_usize..262, 500_usize..800], any::<bool>()), 1..6),
        pick in any::<prop::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let signer = signer(ORIGIN, 1);
        let mut log = Log::create(dir.path(), &signer).unwrap();
        let (mut model, mut seen) = (Vec::new(), Vec::new());
        for (n, (count, reopened)) in batches.into_iter().enumerate() {
            if reopened {
                drop(log);
                log = reopen(dir.path(), &signer).unwrap();
            }
            let batch = entries(&n.to_string(), count);
            let appended = log.append(&batch).unwrap();
            prop_assert_eq!(appended.first_index, u64::try_from(model.len()).unwrap());
            model.extend(batch);
            prop_assert_eq!(appended.size, log.size());
            prop_assert_eq!(appended.root, log.root());
            seen.push(appended);
        }
        let leaves: Vec<Sha256> = model.iter().map(|entry| merkle::leaf_hash(entry)).collect();
        let report = verify_folder(dir.path()).unwrap();
        prop_assert_eq!((report.bad, report.beyond), (None, Vec::new()));
        let reader = LogReader::open(dir.path()).unwrap();
        let head = reader.checkpoint().claim().clone();
        prop_assert_eq!(head.root, merkle::root_of(&leaves));
        let read: Vec<Vec<u8>> = reader.entries(0..u64::MAX).map(Result::unwrap).collect();
        prop_assert_eq!(&read, &model);
        for appended in &seen {
            let earlier = UnverifiedCheckpoint::parse(&appended.checkpoint_bytes).unwrap();
            prop_assert!(earlier.verify(&[signer.key().clone()], &holds).is_ok());
            let proof = reader.consistency_proof(appended.size).unwrap();
            prop_assert_eq!(head.continues(earlier.claim(), &proof), Ok(()));
            prop_assert_eq!(reader.root_at(appended.size).unwrap(), appended.root);
            // At the earlier checkpoint too, though its partial tiles may be gone.
            let then = LogReader::at(FolderFiles::new(dir.path()), earlier);
            let last = appended.size - 1;
            let entry = then.entry(last).unwrap();
            prop_assert_eq!(&entry, &model[usize::try_from(last).unwrap()]);
            prop_assert_eq!(then.tlog_proof(last).unwrap().verify_entry(&entry), Ok(()));
            prop_assert!(then.entry(appended.size).is_err());
        }
        let index = pick.index(model.len());
        let proof = reader.tlog_proof(u64::try_from(index).unwrap()).unwrap();
        prop_assert_eq!(proof.verify_entry(&model[index]), Ok(()));
        let start = u64::try_from(index).unwrap();
        let some: Vec<Vec<u8>> = reader.entries(start..start + 300).map(Result::unwrap).collect();
        prop_assert_eq!(some.as_slice(), &model[index..(index + 300).min(model.len())]);
    }
}

#[test]
fn a_log_is_created_only_where_nothing_is_and_opened_only_where_one_is() {
    let dir = tempfile::tempdir().unwrap();
    let signer = signer(ORIGIN, 1);
    let folder = dir.path().join("a/log");
    assert!(matches!(reopen(&folder, &signer), Err(LogError::Missing { path }) if path == folder.join(CHECKPOINT)));
    assert!(!folder.exists());
    drop(Log::create(&folder, &signer).unwrap());
    let reader = LogReader::open(&folder).unwrap();
    assert_eq!(reader.checkpoint().claim().root, merkle::empty_root());
    assert_eq!(bad_file(&folder), None);
    assert!(reader.inclusion_proof(0).is_err() && reader.entry(0).is_err());
    assert!(matches!(Log::create(&folder, &signer), Err(LogError::Exists { .. })));
    // What is left of a creation that was interrupted does not stand in the way of another.
    fs::remove_file(folder.join(CHECKPOINT)).unwrap();
    assert!(matches!(reopen(&folder, &signer), Err(LogError::Missing { .. })));
    assert!(Log::create(&folder, &signer).is_ok());
    // A log that has entries and lost its checkpoint is neither none nor a new one.
    reopen(&folder, &signer).unwrap().append(&entries("x", 1)).unwrap();
    fs::remove_file(folder.join(CHECKPOINT)).unwrap();
    let gone = |error: LogError| matches!(error, LogError::CheckpointGone { path } if path == folder.join(CHECKPOINT));
    assert!(reopen(&folder, &signer).is_err_and(gone) && LogReader::open(&folder).is_err_and(gone));
    assert!(verify_folder(&folder).is_err_and(gone));
    assert!(matches!(Log::create(&folder, &signer), Err(LogError::Exists { .. })));
    fs::write(dir.path().join("a/other"), b"").unwrap();
    assert!(matches!(Log::create(&dir.path().join("a"), &signer), Err(LogError::Exists { .. })));
}

#[test]
fn a_log_that_holds_is_found_to_hold_whenever_somebody_fills_a_tile_of_it_meanwhile() {
    let signer = signer(ORIGIN, 1);
    for at in 0.. {
        let (dir, _) = log_of(&[250, 5]);
        let fill = || {
            reopen(dir.path(), &signer).unwrap().append(&entries("one more", 1)).unwrap();
        };
        let files = Beside::new(FolderFiles::new(dir.path()), at, &fill);
        assert_eq!(verify_log(&files).unwrap().bad, None, "at {at}");
        if !files.acted() {
            assert!(at > 3, "{at}");
            break;
        }
    }
}

#[test]
fn an_entry_that_is_older_than_the_newest_is_refused_and_the_log_stays_as_it_is() {
    let at = |time: &str| {
        let entry = Entry {
            schema: EntrySchema::V01,
            kind: Kind::Trust,
            time: time.parse().unwrap(),
            environment: None,
            subjects: vec![Sha256::of(b"subject")],
            persons: Vec::new(),
            statements: vec![Sha256::of(time.as_bytes())],
            evidence: Vec::new(),
        };
        entry.to_bytes().unwrap()
    };
    let (early, late) = (at("2026-11-02T10:00:00Z"), at("2026-11-02T10:00:01Z"));
    let dir = tempfile::tempdir().unwrap();
    let signer = signer(ORIGIN, 1);
    let mut log = Log::create(dir.path(), &signer).unwrap();
    let refused = |log: &mut Log<'_>, entries: &[Vec<u8>]| {
        let before = (log.size(), fs::read(dir.path().join(CHECKPOINT)).unwrap());
        assert!(matches!(log.append(entries), Err(LogError::BeforeNewest { .. })));
        assert_eq!((log.size(), fs::read(dir.path().join(CHECKPOINT)).unwrap()), before);
    };
    refused(&mut log, &[late.clone(), early.clone()]);
    log.append(std::slice::from_ref(&late)).unwrap();
    refused(&mut log, std::slice::from_ref(&early));
    drop(log);
    // Whoever opens it again learns the time from the log itself.
    let mut log = reopen(dir.path(), &signer).unwrap();
    refused(&mut log, &[early]);
    log.append(&[late]).unwrap();
    assert_eq!(log.size(), 2);
}

#[test]
fn an_unreadable_checkpoint_is_never_a_new_log() {
    let (dir, _) = log_of(&[3]);
    let signer = signer(ORIGIN, 1);
    let path = dir.path().join(CHECKPOINT);
    let good = fs::read(&path).unwrap();
    for bad in [b"".as_slice(), b"\n", &good[..good.len() - 1], &good[1..], &[0xff; 300]] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(reopen(dir.path(), &signer), Err(LogError::Checkpoint { .. })));
        assert_eq!(fs::read(&path).unwrap(), bad);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(reopen(dir.path(), &signer), Err(LogError::Disk(_))));
    assert!(matches!(Log::create(dir.path(), &signer), Err(LogError::Exists { .. })));
    assert!(dir.path().join("tile/entries/000.p/3").exists());
}

#[test]
fn a_checkpoint_of_another_key_or_name_is_not_continued() {
    let (dir, _) = log_of(&[3]);
    let (other_key, other_name) = (signer(ORIGIN, 2), signer("example.com/other", 1));
    assert!(matches!(reopen(dir.path(), &other_key), Err(LogError::Signature { .. })));
    assert!(matches!(reopen(dir.path(), &other_name), Err(LogError::Origin { .. })));
    // A rotation: the new key signs on, the old one is still known.
    let known = [signer(ORIGIN, 1).key().clone(), other_key.key().clone()];
    let mut log = Log::open_for_append(dir.path(), &other_key, &known, &holds).unwrap();
    log.append(&entries("x", 1)).unwrap();
    let head = LogReader::open(dir.path()).unwrap();
    assert!(head.checkpoint().verify(&known[1..], &holds).is_ok());
}

#[test]
fn tiles_and_entries_that_do_not_fit_the_checkpoint_are_not_continued() {
    let signer = signer(ORIGIN, 1);
    for (path, expect_root) in [("tile/0/001.p/44", true), ("tile/1/000.p/1", true), ("tile/entries/001.p/44", false)] {
        let (dir, _) = log_of(&[300]);
        let path = dir.path().join(path);
        let mut bytes = fs::read(&path).unwrap();
        bytes[9] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = reopen(dir.path(), &signer).unwrap_err();
        assert_eq!(matches!(error, LogError::Root { .. }), expect_root);
        assert_eq!(matches!(error, LogError::Entries { .. }), !expect_root);
        fs::remove_file(&path).unwrap();
        assert!(matches!(reopen(dir.path(), &signer), Err(LogError::TileMissing { .. })));
    }
}

#[test]
fn a_second_writer_is_told_that_the_log_is_in_use() {
    let (dir, _) = log_of(&[1]);
    let signer = signer(ORIGIN, 1);
    let first = reopen(dir.path(), &signer).unwrap();
    assert!(matches!(reopen(dir.path(), &signer), Err(LogError::InUse { .. })));
    drop(first);
    assert!(reopen(dir.path(), &signer).is_ok());
}

#[test]
fn refused_entries_leave_the_log_usable() {
    let (dir, _) = log_of(&[1]);
    let signer = signer(ORIGIN, 1);
    let mut log = reopen(dir.path(), &signer).unwrap();
    assert!(matches!(log.append(&[]), Err(LogError::NothingToAppend)));
    let large = [b"x".to_vec(), vec![0; 65_536]];
    assert!(matches!(log.append(&large), Err(LogError::Entry { at: 1, .. })));
    let largest = [vec![0; 65_535], Vec::new()];
    assert_eq!(log.append(&largest).unwrap().size, 3);
    let reader = LogReader::open(dir.path()).unwrap();
    assert_eq!((reader.entry(1).unwrap().len(), reader.entry(2).unwrap().len()), (65_535, 0));
}

#[test]
fn partial_tiles_stay_until_the_full_one_is_published() {
    let (dir, seen) = log_of(&[1, 2, 3]);
    let widths = |folder: &str| {
        let names = fs::read_dir(dir.path().join(folder)).unwrap();
        let mut widths: Vec<String> = names.map(|n| n.unwrap().file_name().into_string().unwrap()).collect();
        widths.sort();
        widths
    };
    assert_eq!(widths("tile/0/000.p"), ["1", "3", "6"]);
    assert_eq!(widths("tile/entries/000.p"), ["1", "3", "6"]);
    let signer = signer(ORIGIN, 1);
    reopen(dir.path(), &signer).unwrap().append(&entries("x", 250)).unwrap();
    assert!(!dir.path().join("tile/0/000.p").exists() && !dir.path().join("tile/entries/000.p").exists());
    assert_eq!(widths("tile/1/000.p"), ["1"]);
    let then = UnverifiedCheckpoint::parse(&seen[1].checkpoint_bytes).unwrap();
    let reader = LogReader::at(FolderFiles::new(dir.path()), then);
    assert_eq!(reader.entries(0..9).map(Result::unwrap).count(), 3);
    assert_eq!(reader.inclusion_proof(2).unwrap().len(), 1);
}

#[test]
fn what_an_interrupted_append_left_is_replaced_by_what_comes_next() {
    let signer = signer(ORIGIN, 1);
    for (before, interrupted, after) in [(0, 5, 3), (10, 1, 1), (250, 600, 20), (250, 600, 900), (256, 256, 512)] {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), &signer).unwrap();
        let mut model = entries("first", before);
        if before > 0 {
            log.append(&model).unwrap();
        }
        // The append gets as far as its checkpoint, which is not written.
        let published = fs::read(dir.path().join(CHECKPOINT)).unwrap();
        log.append(&entries("never acknowledged", interrupted)).unwrap();
        drop(log);
        fs::write(dir.path().join(CHECKPOINT), published).unwrap();
        let report = verify_folder(dir.path()).unwrap();
        assert!(report.bad.is_none() && !report.beyond.is_empty());

        let batch = entries("after", after);
        let mut log = reopen(dir.path(), &signer).unwrap();
        assert_eq!(verify_folder(dir.path()).unwrap().beyond, Vec::<String>::new());
        assert_eq!(log.append(&batch).unwrap().first_index, u64::try_from(before).unwrap());
        model.extend(batch);
        let report = verify_folder(dir.path()).unwrap();
        assert_eq!((report.bad, report.beyond), (None, Vec::new()));
        let reader = LogReader::open(dir.path()).unwrap();
        let read: Vec<Vec<u8>> = reader.entries(0..u64::MAX).map(Result::unwrap).collect();
        assert_eq!(read, model);
    }
}

#[test]
fn a_checkpoint_that_was_signed_and_not_published_is_published_and_no_other_is_signed() {
    let signer = signer(ORIGIN, 1);
    let (dir, seen) = log_of(&[4, 300]);
    let (published, temporary) = (dir.path().join(CHECKPOINT), dir.path().join(".checkpoint.tmp"));
    let interrupt = |signed: &[u8]| {
        fs::write(&published, &seen[0].checkpoint_bytes).unwrap();
        fs::write(&temporary, signed).unwrap();
    };
    interrupt(&seen[1].checkpoint_bytes);
    let log = reopen(dir.path(), &signer).unwrap();
    assert_eq!((log.size(), log.root()), (304, seen[1].root));
    drop(log);
    assert_eq!(fs::read(&published).unwrap(), seen[1].checkpoint_bytes);
    assert!(!temporary.exists());

    // Torn, of another key, of another tree: as if it were not there.
    let forged = |origin: &str, key: u8, size: u64, root: Sha256| {
        let origin = self::signer(origin, key).name().clone();
        let claim = Checkpoint { origin, size, root };
        claim.sign(&self::signer(ORIGIN, key)).unwrap().to_string().into_bytes()
    };
    let torn = seen[1].checkpoint_bytes[..seen[1].checkpoint_bytes.len() - 9].to_vec();
    for signed in [torn, forged(ORIGIN, 2, 304, seen[1].root), forged(ORIGIN, 1, 304, seen[0].root)] {
        let (dir, again) = log_of(&[4]);
        assert_eq!(again[0], seen[0]);
        fs::write(dir.path().join(".checkpoint.tmp"), signed).unwrap();
        let mut log = reopen(dir.path(), &signer).unwrap();
        assert_eq!(log.append(&entries("x", 1)).unwrap().size, 5);
    }
    interrupt(&forged(ORIGIN, 2, 304, seen[1].root));
    assert_eq!(reopen(dir.path(), &signer).unwrap().size(), 4);
}

/// Files and checkpoint are flushed side by side, so that a crash may keep the checkpoint and lose any of the others. It
/// had no name then, and nobody saw it.
#[test]
fn a_checkpoint_that_was_written_before_all_that_it_covers_is_none() {
    let signer = signer(ORIGIN, 1);
    let (whole, seen) = log_of(&[4, 300]);
    let new: Vec<String> = {
        let (before, _) = log_of(&[4]);
        let old = FolderFiles::new(before.path()).list().unwrap();
        FolderFiles::new(whole.path()).list().unwrap().into_iter().filter(|path| !old.contains(path)).collect()
    };
    assert_eq!(new.len(), 5, "{new:?}");
    for path in &new {
        for damage in ["lost", "torn", "altered"] {
            let (dir, _) = log_of(&[4, 300]);
            fs::rename(dir.path().join(CHECKPOINT), dir.path().join(".checkpoint.tmp")).unwrap();
            fs::write(dir.path().join(CHECKPOINT), &seen[0].checkpoint_bytes).unwrap();
            // The append that was interrupted had not dropped the partial tiles before it.
            let (before, _) = log_of(&[4]);
            for old in FolderFiles::new(before.path()).list().unwrap() {
                fs::create_dir_all(dir.path().join(&old).parent().unwrap()).unwrap();
                fs::copy(before.path().join(&old), dir.path().join(&old)).unwrap();
            }
            let file = dir.path().join(path);
            let mut bytes = fs::read(&file).unwrap();
            match damage {
                "lost" => fs::remove_file(&file).unwrap(),
                "torn" => fs::write(&file, &bytes[..bytes.len() / 2]).unwrap(),
                _ => {
                    *bytes.last_mut().unwrap() ^= 1;
                    fs::write(&file, bytes).unwrap();
                }
            }
            let mut log = reopen(dir.path(), &signer).unwrap();
            assert_eq!(log.size(), 4, "{path} {damage}");
            assert_eq!(log.append(&entries("x", 1)).unwrap().size, 5);
            drop(log);
            let report = verify_folder(dir.path()).unwrap();
            assert_eq!((report.bad, report.beyond), (None, Vec::new()), "{path} {damage}");
        }
    }
}

#[test]
fn an_older_checkpoint_put_back_is_noticed_and_nothing_is_swept() {
    let (dir, seen) = log_of(&[4, 1, 1]);
    let signer = signer(ORIGIN, 1);
    fs::write(dir.path().join(CHECKPOINT), &seen[0].checkpoint_bytes).unwrap();
    let before = FolderFiles::new(dir.path()).list().unwrap();
    assert!(matches!(reopen(dir.path(), &signer), Err(LogError::RolledBack { size: 4, .. })));
    assert_eq!(FolderFiles::new(dir.path()).list().unwrap(), before);
    fs::write(dir.path().join(CHECKPOINT), &seen[2].checkpoint_bytes).unwrap();
    assert_eq!(reopen(dir.path(), &signer).unwrap().size(), 6);
}

#[test]
fn after_a_failed_write_the_writer_is_of_no_more_use_and_the_log_is_as_before() {
    let (dir, _) = log_of(&[1]);
    let signer = signer(ORIGIN, 1);
    let mut log = reopen(dir.path(), &signer).unwrap();
    let obstacle = dir.path().join("tile/0/000.p/2");
    fs::create_dir_all(obstacle.join("x")).unwrap();
    let error = log.append(&entries("x", 1)).unwrap_err();
    assert!(matches!(error, LogError::Disk(disk) if disk.fault == DiskFault::Occupied));
    fs::remove_dir_all(&obstacle).unwrap();
    assert!(matches!(log.append(&entries("x", 1)), Err(LogError::Poisoned)));
    assert_eq!(LogReader::open(dir.path()).unwrap().size(), 1);
    drop(log);
    let mut log = reopen(dir.path(), &signer).unwrap();
    assert_eq!(log.append(&entries("y", 1)).unwrap().first_index, 1);
    assert_eq!(bad_file(dir.path()), None);
}

struct Silent(NoteKey);

impl NoteSigner for Silent {
    fn key(&self) -> &NoteKey {
        &self.0
    }
    fn sign(&self, _bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        Err(SignFailed { key: self.0.clone(), source: None })
    }
}

#[test]
fn a_key_that_does_not_sign_acknowledges_nothing() {
    let (dir, _) = log_of(&[2]);
    let good = signer(ORIGIN, 1);
    let silent = Silent(good.key().clone());
    let mut log = Log::open_for_append(dir.path(), &silent, &[good.key().clone()], &holds).unwrap();
    assert!(matches!(log.append(&entries("x", 3)), Err(LogError::Sign(_))));
    drop(log);
    let mut log = reopen(dir.path(), &good).unwrap();
    assert_eq!(log.append(&entries("y", 2)).unwrap().first_index, 2);
    assert_eq!(bad_file(dir.path()), None);
}

#[test]
fn a_folder_that_may_not_be_written_to_is_named_as_such() {
    let (dir, _) = log_of(&[1]);
    let signer = signer(ORIGIN, 1);
    fs::remove_file(dir.path().join(".lock")).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let result = reopen(dir.path(), &signer).map(drop);
    // Permissions do not hold back the superuser: then opening must have worked.
    let privileged = fs::write(dir.path().join("probe"), b"").is_ok();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    match result {
        Ok(()) => assert!(privileged),
        Err(error) => assert!(matches!(error, LogError::Disk(disk) if disk.fault == DiskFault::Denied)),
    }
}

#[test]
fn whichever_file_is_altered_cut_or_taken_away_is_the_one_that_is_named() {
    let (dir, _) = log_of(&[1, 299, 300]);
    let files = FolderFiles::new(dir.path()).list().unwrap();
    // One of them, tile/1/000.p/1, is of the earlier checkpoint.
    assert_eq!(files.len(), 8, "{files:?}");
    for name in files {
        let path = dir.path().join(&name);
        let good = fs::read(&path).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            assert_eq!(bad_file(dir.path()).map(|bad| bad.path).as_ref(), Some(&name));
        }
        for bad in [&good[..good.len() - 1], &good[..0], &[good.as_slice(), b"x"].concat()] {
            fs::write(&path, bad).unwrap();
            assert_eq!(bad_file(dir.path()).map(|bad| bad.path).as_ref(), Some(&name));
        }
        fs::remove_file(&path).unwrap();
        let missing = bad_file(dir.path()).map(|bad| (bad.path, bad.wrong));
        let expected = (name != "tile/1/000.p/1").then_some((name, Wrong::Missing));
        assert_eq!(missing, expected);
        fs::write(&path, good).unwrap();
    }
    assert_eq!(bad_file(dir.path()), None);
}

#[test]
fn a_log_rewritten_consistently_does_not_have_the_root_of_its_checkpoint() {
    let (dir, seen) = log_of(&[300]);
    let (other, _) = log_of(&[299, 1]);
    for tile in FolderFiles::new(other.path()).list().unwrap() {
        let copy = dir.path().join(&tile);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(other.path().join(&tile), copy).unwrap();
    }
    let bad = bad_file(dir.path()).unwrap();
    assert!(bad.path == CHECKPOINT && matches!(bad.wrong, Wrong::Root { .. }));
    // Another root in the checkpoint looks the same; its signature tells.
    fs::write(other.path().join(CHECKPOINT), &seen[0].checkpoint_bytes).unwrap();
    assert_eq!(bad_file(other.path()).unwrap().path, CHECKPOINT);
    let claim = Checkpoint { origin: signer(ORIGIN, 1).name().clone(), size: 301, root: seen[0].root };
    let more = claim.sign(&signer(ORIGIN, 1)).unwrap().to_string();
    fs::write(other.path().join(CHECKPOINT), more).unwrap();
    assert_eq!(bad_file(other.path()).unwrap().wrong, Wrong::Missing);
}

#[test]
fn the_tiles_of_the_highest_rows_are_derived_and_used_too() {
    // In memory: a folder of this size would take long to flush.
    let mut files = BTreeMap::new();
    let mut edge = Edge::new();
    for entry in entries("n", 65_536) {
        let mut keep = |tile: Tile, bytes: &[u8]| {
            files.insert(tile.path(), bytes.to_vec());
            Ok(())
        };
        edge.push(&entry, &mut keep).unwrap();
    }
    files.extend(edge.partials_since(0).into_iter().map(|(tile, bytes)| (tile.path(), bytes)));
    let signer = signer(ORIGIN, 1);
    let (origin, root) = (signer.name().clone(), edge.root());
    let head = Checkpoint { origin, size: 65_536, root };
    files.insert(CHECKPOINT.to_owned(), head.sign(&signer).unwrap().to_string().into_bytes());

    let reader = LogReader::new(PackageFiles::new(&files, "")).unwrap();
    for index in [0, 65_535] {
        let proof = reader.tlog_proof(index).unwrap();
        assert_eq!(proof.verify_entry(&reader.entry(index).unwrap()), Ok(()));
    }
    assert!(reader.consistency_proof(65_000).is_ok());
    assert_eq!(Edge::read(reader.files(), &head).unwrap().root(), root);

    files.get_mut("tile/2/000.p/1").unwrap()[5] ^= 1;
    let report = verify_log(&PackageFiles::new(&files, "")).unwrap();
    let bad = BadFile { path: "tile/2/000.p/1".to_owned(), wrong: Wrong::Hash { slot: 0 } };
    assert_eq!((report.entries, report.bad), (65_536, Some(bad)));
}

#[test]
fn a_log_in_a_package_is_read_and_checked_like_one_in_a_folder() {
    let (dir, _) = log_of(&[3, 300]);
    let folder = FolderFiles::new(dir.path());
    let mut files = BTreeMap::from([("evidence/x".to_owned(), Vec::new()), ("tile/0/000".to_owned(), vec![1])]);
    for path in folder.list().unwrap().into_iter().chain([CHECKPOINT.to_owned()]) {
        let bytes = folder.read(&path, 1 << 20).unwrap().unwrap();
        files.insert(format!("log/{path}"), bytes);
    }
    let package = PackageFiles::new(&files, "log/");
    assert_eq!(verify_log(&package).unwrap(), verify_folder(dir.path()).unwrap());
    let reader = LogReader::new(package).unwrap();
    assert_eq!(reader.entry(302).unwrap(), b"batch 300 299");
    assert!(reader.inclusion_proof(302).is_ok());
    assert!(matches!(verify_log(&PackageFiles::new(&files, "no/")), Err(LogError::Missing { .. })));
}

#[test]
fn whoever_s_lock_was_taken_away_writes_nothing_over_what_another_run_appended() {
    let (dir, _) = log_of(&[2]);
    let signer = signer(ORIGIN, 1);
    let mut slow = reopen(dir.path(), &signer).unwrap();
    fs::remove_file(dir.path().join(".lock")).unwrap();
    let mut fast = reopen(dir.path(), &signer).unwrap();
    let appended = fast.append(&entries("fast", 3)).unwrap();
    let note = LogReader::open(dir.path()).unwrap().checkpoint().note().clone();
    for refused in [slow.keep_cosigned(&note, true), slow.append(&entries("slow", 1)).map(|_appended| ())] {
        assert!(matches!(refused, Err(LogError::Outrun { .. })), "{refused:?}");
    }
    drop((slow, fast));
    let reader = LogReader::open(dir.path()).unwrap();
    assert_eq!((reader.size(), reader.checkpoint().claim().root), (5, appended.root));
    assert_eq!(bad_file(dir.path()), None);
    // Also where nobody else came: the next one makes the lock anew.
    let mut alone = reopen(dir.path(), &signer).unwrap();
    fs::remove_file(dir.path().join(".lock")).unwrap();
    assert!(matches!(alone.append(&entries("alone", 1)), Err(LogError::Outrun { .. })));
    drop(alone);
    reopen(dir.path(), &signer).unwrap().append(&entries("again", 1)).unwrap();
}

#[test]
fn a_checkpoint_that_somebody_put_in_place_of_the_one_that_was_read_is_not_replaced() {
    let (dir, _) = log_of(&[2]);
    let (older, signer) = (fs::read(dir.path().join(CHECKPOINT)).unwrap(), signer(ORIGIN, 1));
    let mut log = reopen(dir.path(), &signer).unwrap();
    log.append(&entries("one", 1)).unwrap();
    fs::write(dir.path().join(CHECKPOINT), &older).unwrap();
    assert!(matches!(log.append(&entries("two", 1)), Err(LogError::Outrun { .. })));
    assert_eq!(fs::read(dir.path().join(CHECKPOINT)).unwrap(), older);
}
