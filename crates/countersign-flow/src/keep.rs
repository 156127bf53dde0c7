//! The checkpoint that is kept elsewhere than the store. It only ever goes forward: who lets an older one take its place has
//! forgotten what the log once was, and a log that was set back passes again. Whose signatures a checkpoint has is not
//! looked at here: it is put where it is kept by the program, and is judged when it is given as the least one.

use crate::error::FlowError;
use crate::files;
use crate::outside::{gone, is_newer, kept_of, read_least};
use crate::place::Place;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_record::atomic::{could_write, hold_others, only_takes, same_file, write_atomic};
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use std::path::Path;

/// Whether the log goes on from the checkpoint that is kept in this file, if there is one: asked before anything is done,
/// so that nothing is recorded whose checkpoint could not be kept; and whether it can be written there. Of several logs, the one of its origin is asked: what is
/// kept may be of the log that another goes on from.
pub fn may_replace(kept: Option<&Path>, logs: &[&Place]) -> Result<(), FlowError> {
    let Some(path) = kept else { return Ok(()) };
    // Nothing is kept in what only takes bytes; a pipe that is read waits for its writer, which is the program itself.
    if !only_takes(path) {
        goes_on(kept, logs)?;
    }
    Ok(could_write(path)?)
}

/// Whether the log goes on from the least checkpoint, which has to be there: whoever names one and has lost it would be told nothing. Only
/// where it is the very file that the checkpoint is about to be written to, it may be yet to come.
pub fn goes_on_from_least(least: Option<&Path>, begun: Option<&Path>, log: &Place) -> Result<(), FlowError> {
    let Some(least) = least else { return Ok(()) };
    let is_begun = |begun: &Path| !only_takes(begun) && same_file(begun, least);
    if begun.is_some_and(is_begun) && there(least)?.is_none() {
        return Ok(());
    }
    let bytes = read_least(least, log)?;
    if bytes.trim_ascii().is_empty() {
        return Err(FlowError::Usage(format!(
            "{} is empty, and no checkpoint of the log: write one there by `log checkpoint --output`",
            least.display()
        )));
    }
    go_on_from(least, &bytes, &[log])
}

/// Whether the log goes on from the checkpoint in this file, which a newer one is to take the place of.
fn goes_on(kept: Option<&Path>, logs: &[&Place]) -> Result<(), FlowError> {
    let Some(kept) = kept else { return Ok(()) };
    // Where somebody looked before the log was fetched, that counts: a gate may have kept a newer one since.
    let mut looked = logs.iter().filter(|place| place.kept(kept).is_some()).peekable();
    if looked.peek().is_some() {
        // Of several logs, what is kept is of one: the others have it as it was before they were fetched, which has to hold as well.
        return looked
            .try_for_each(|place| kept_of(kept, place)?.map_or(Ok(()), |bytes| go_on_from(kept, &bytes, logs)));
    }
    match there(kept)? {
        Some(bytes) => go_on_from(kept, &bytes, logs),
        None => Ok(()),
    }
}

/// What this file holds now, if it is there.
fn there(kept: &Path) -> Result<Option<Vec<u8>>, FlowError> {
    // What cannot be looked at is not absent.
    let there = kept.try_exists().map_err(|source| FlowError::Read { path: kept.to_owned(), source })?;
    if there { files::read(kept, limits::NOTE_BYTES).map(Some) } else { Ok(None) }
}

/// Whether the log goes on from a checkpoint that was read from this file.
fn go_on_from(kept: &Path, bytes: &[u8], logs: &[&Place]) -> Result<(), FlowError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let name = kept.display().to_string();
    let before = UnverifiedCheckpoint::parse(bytes).map_err(|error| {
        FlowError::Usage(format!(
            "{name} is there and is no checkpoint, so none takes its place ({error}): name another file"
        ))
    })?;
    let before = before.claim();
    let (mut origins, mut missing) = (Vec::new(), None);
    for place in logs {
        let reader = match LogReader::open(&place.log()).map_err(|error| place.told_of(error)) {
            Ok(reader) => reader,
            Err(error @ LogError::Missing { .. }) => {
                missing = Some((place, error));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let now = reader.checkpoint().claim();
        if now.origin != before.origin {
            origins.push(now.origin.to_string());
            continue;
        }
        let wrong = |code, what: String| Finding::new(code, what).at(&name).at(format!("log {}", now.origin));
        let finding = if before.size > now.size {
            wrong(codes::LOG_ROLLED_BACK, "the log has fewer entries than the checkpoint that is kept here".to_owned())
                .expected(format!("at least {} entries", before.size), &name)
                .found(format!("{} entries", now.size))
        } else {
            let root = reader.root_at(before.size)?;
            if root == before.root {
                return Ok(());
            }
            let what =
                format!("the log's first {} entries are not those of the checkpoint that is kept here", before.size);
            wrong(codes::LOG_FORKED, what).expected(before.root.to_string(), &name).found(root.to_string())
        };
        return Err(refused(
            finding.help("restore the log from a copy that is not older; what is kept stays as it is"),
        ));
    }
    // Of none that is there it is: the one that is gone was set back to nothing, if it ever had an entry.
    if let Some((place, error)) = missing {
        if before.size > 0 {
            return Err(refused(gone(place, &before.origin, before.size, &name)));
        }
        return Err(error.into());
    }
    let finding = Finding::new(codes::LOG_ORIGIN_MISMATCH, "the checkpoint that is kept here is of another log")
        .at(&name)
        .expected(before.origin.to_string(), &name)
        .found(origins.join(", "));
    Err(refused(finding.help("keep the checkpoints of each log in a file of its own")))
}

/// Keeps a checkpoint of the log there. If somebody has kept a newer one of it meanwhile, that stays. Asked once something is
/// recorded, and after [`may_replace`].
pub fn replace(kept: Option<&Path>, logs: &[&Place], checkpoint: &[u8]) -> Result<(), FlowError> {
    let Some(path) = kept else { return Ok(()) };
    if only_takes(path) {
        return Ok(write_atomic(path, checkpoint, 0o644)?);
    }
    let newer = |bytes: &[u8]| is_newer(bytes, checkpoint);
    // From the first look to the renaming nobody else keeps one there. Where there is no such lock, the moment before the renaming
    // stays open, and a second look makes it short.
    let _held = hold_others(path);
    if let Some(now) = there(path)? {
        // A working copy does not have what others recorded since, where the log lies: by it nobody can tell that the log was set
        // back since it was asked. A folder is the log itself.
        if logs.first().is_some_and(|log| !log.is_folder()) && newer(&now) {
            return Ok(());
        }
        go_on_from(path, &now, logs)?;
    }
    could_write(path)?;
    let stays = there(path)?.is_some_and(|now| newer(&now));
    if stays { Ok(()) } else { Ok(write_atomic(path, checkpoint, 0o644)?) }
}

fn refused(finding: Finding) -> FlowError {
    FlowError::Refused(vec![finding])
}
