//! Whether a log holds what was promised of it.

use super::KEPT;
use super::victim::{Key, entry, open};
use countersign_core::log::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use countersign_core::log::merkle::{Frontier, leaf_hash};
use countersign_record::log::reader::LogReader;
use countersign_record::log::verify::verify_folder;
use std::path::Path;

/// Judges a folder after an interruption: `PASS kept`, or what is wrong.
pub(super) fn judge(place: &Path) -> String {
    let acks = std::fs::read_to_string(place.join("acks")).unwrap_or_default();
    judge_by(&place.join("log"), &acks, &[]).err().unwrap_or_else(|| KEPT.to_owned())
}

/// The same for a log, what was acknowledged of it, and checkpoints that were seen of it before.
pub(super) fn judge_by(log: &Path, acks: &str, seen: &[Checkpoint]) -> Result<(), String> {
    // What any reader can see now, before anybody has opened the log again.
    let before = seen_now(log)?;
    whole(log)?;
    let key = Key::new();
    let mut writer = open(log, &key).map_err(|error| format!("FAIL unreadable ({error})"))?;
    let after = seen_now(log)?;
    let size = writer.size();
    writer.append(&[entry(u64::MAX, size)]).map_err(|error| format!("FAIL ended ({error})"))?;
    drop(writer);
    whole(log)?;
    let last = seen_now(log)?;
    let mut promised = Vec::new();
    for line in acks.lines() {
        // A line that was cut was not read by anybody.
        let words: Vec<&str> = line.split(' ').collect();
        if let [run, first, size, root] = words.as_slice()
            && root.len() == 64
        {
            let number = |word: &str| word.parse::<u64>().expect("a number");
            promised.push((number(run), number(first), number(size), (*root).to_owned()));
        }
    }
    let reader = LogReader::open(log).map_err(|error| format!("FAIL unreadable ({error})"))?;
    let entries: Vec<Vec<u8>> =
        reader.entries(0..u64::MAX).collect::<Result<_, _>>().map_err(|error| format!("FAIL damaged ({error})"))?;
    let (mut tree, mut roots) = (Frontier::new(), vec![Frontier::new().root()]);
    for entry in &entries {
        tree.push(leaf_hash(entry)).expect("it fits");
        roots.push(tree.root());
    }
    let at = |size: u64| usize::try_from(size).expect("a small number");
    for checkpoint in seen.iter().chain([&before, &after, &last]) {
        match roots.get(at(checkpoint.size)) {
            None => return Err(format!("FAIL rolled-back (a checkpoint of {} was seen)", checkpoint.size)),
            Some(root) if *root != checkpoint.root => return Err(format!("FAIL forked (at {})", checkpoint.size)),
            Some(_) => {}
        }
    }
    for (run, first, size, root) in promised {
        if at(size) >= roots.len() {
            return Err(format!("FAIL lost (entries {first} to {size} were acknowledged)"));
        }
        if roots[at(size)].hex() != root {
            return Err(format!("FAIL forked (at the acknowledged {size})"));
        }
        if (first..size).any(|index| entries[at(index)] != entry(run, index)) {
            return Err(format!("FAIL altered (among {first} to {size})"));
        }
    }
    Ok(())
}

/// The checkpoint as a reader finds it.
pub(super) fn seen_now(log: &Path) -> Result<Checkpoint, String> {
    let bytes = std::fs::read(log.join("checkpoint")).map_err(|error| format!("FAIL unreadable ({error})"))?;
    let read = UnverifiedCheckpoint::parse(&bytes).map_err(|error| format!("FAIL unreadable ({error})"))?;
    Ok(read.claim().clone())
}

fn whole(log: &Path) -> Result<(), String> {
    let report = verify_folder(log).map_err(|error| format!("FAIL unreadable ({error})"))?;
    report.bad.map_or(Ok(()), |bad| Err(format!("FAIL damaged ({}: {})", bad.path, bad.wrong)))
}
