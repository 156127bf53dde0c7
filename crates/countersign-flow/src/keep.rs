//! The checkpoint that is kept elsewhere than the store. It only ever goes forward: who lets an older one take its place has
//! forgotten what the log once was, and a log that was set back passes again. Whose signatures a checkpoint has is not
//! looked at here: it is put where it is kept by the program, and is judged when it is given as the least one.

use crate::error::FlowError;
use crate::files;
use crate::outside::gone;
use crate::place::Place;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_record::atomic::{could_write, write_atomic};
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use std::path::Path;

/// Whether the log goes on from the checkpoint that is kept in this file, if there is one: asked before anything is done,
/// so that nothing is recorded whose checkpoint could not be kept; and whether it can be written there. Of several logs, the one of its origin is asked: what is
/// kept may be of the log that another goes on from.
pub fn may_replace(kept: Option<&Path>, logs: &[&Place]) -> Result<(), FlowError> {
    goes_on(kept, logs)?;
    Ok(kept.map_or(Ok(()), could_write)?)
}

/// Whether the log goes on from the checkpoint in this file, which nothing is written to.
pub fn goes_on(kept: Option<&Path>, logs: &[&Place]) -> Result<(), FlowError> {
    let Some(kept) = kept else { return Ok(()) };
    // What cannot be looked at is not absent.
    let there = kept.try_exists().map_err(|source| FlowError::Read { path: kept.to_owned(), source })?;
    if !there {
        return Ok(());
    }
    let bytes = files::read(kept, limits::NOTE_BYTES)?;
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let name = kept.display().to_string();
    let before = UnverifiedCheckpoint::parse(&bytes).map_err(|error| {
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

/// Keeps a checkpoint of the log there. If somebody has kept a newer one of it meanwhile, that stays.
pub fn replace(kept: Option<&Path>, logs: &[&Place], checkpoint: &[u8]) -> Result<(), FlowError> {
    let Some(path) = kept else { return Ok(()) };
    may_replace(kept, logs)?;
    let claim = |bytes: &[u8]| Some(UnverifiedCheckpoint::parse(bytes).ok()?.claim().clone());
    let newer = || {
        let (before, now) = (claim(&files::read(path, limits::NOTE_BYTES).ok()?)?, claim(checkpoint)?);
        (before.origin == now.origin && before.size > now.size).then_some(())
    };
    if newer().is_some() { Ok(()) } else { Ok(write_atomic(path, checkpoint, 0o644)?) }
}

fn refused(finding: Finding) -> FlowError {
    FlowError::Refused(vec![finding])
}
