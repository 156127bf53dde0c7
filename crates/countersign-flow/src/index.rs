//! Looking something up in the record by an index that is derived from it. What an index says is nothing that anybody
//! signed: it shows where to look.

use crate::error::FlowError;
use crate::place::{Place, recorded_decision};
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntryError};
use countersign_core::finding::Verdict;
use countersign_record::index::{Decided, Index, MemoryIndex, Row};
use countersign_record::log::reader::LogReader;

/// How many entries are added in one step.
const BATCH: u64 = 1_000;

/// The index of a store's log, brought to its newest checkpoint: in a file beside the log where the store is a folder and
/// this program keeps such files, else in memory.
pub fn of(place: &Place) -> Result<Box<dyn Index>, FlowError> {
    let mut index = opened(place)?;
    bring_up(place, index.as_mut())?;
    Ok(index)
}

#[cfg(feature = "sqlite")]
fn opened(place: &Place) -> Result<Box<dyn Index>, FlowError> {
    if place.is_folder() {
        let path = place.root().join("index.sqlite");
        return Ok(Box::new(countersign_record::index::sqlite::SqliteIndex::open(&path)?));
    }
    Ok(Box::new(MemoryIndex::new()))
}

#[cfg(not(feature = "sqlite"))]
#[expect(clippy::unnecessary_wraps, reason = "a build that keeps such files can fail here")]
fn opened(_place: &Place) -> Result<Box<dyn Index>, FlowError> {
    Ok(Box::new(MemoryIndex::new()))
}

/// Adds what is new. An index that was built to something that the log never was is built again from nothing.
pub fn bring_up(place: &Place, index: &mut dyn Index) -> Result<(), FlowError> {
    let reader = LogReader::open(&place.log())?;
    let size = reader.size();
    let mut next = match index.built_to()? {
        Some((built, root)) if built <= size && reader.root_at(built)? == root => built,
        None => 0,
        Some(_) => {
            index.clear()?;
            0
        }
    };
    while next < size {
        let end = next.saturating_add(BATCH).min(size);
        let mut rows = Vec::new();
        for (at, bytes) in (next..end).zip(reader.entries(next..end)) {
            match Entry::parse(&bytes?) {
                Ok(entry) => rows.push(row(place, at, entry)?),
                // Whoever looks something up would take what is missing for what is not there.
                Err(error @ EntryError::Later { .. }) => {
                    return Err(FlowError::Refused(vec![error.finding(&format!("log entry {at}"))]));
                }
                // An entry that does not read is in no index; `log verify` says what is wrong with it.
                Err(_) => {}
            }
        }
        index.add(&rows, end, &reader.root_at(end)?)?;
        next = end;
    }
    Ok(())
}

fn row(place: &Place, at: u64, entry: Entry) -> Result<Row, FlowError> {
    let recorded = recorded_decision(place, &entry)?;
    let decided = recorded.decision().map(|decision| Decided {
        verdict: decision.verdict,
        authorised: decision.authorised,
        policy_version: decision.inputs.policy.as_ref().map(|policy| policy.policy.version),
        fell: decision
            .rules
            .iter()
            .filter(|rule| rule.verdict.is_some_and(|verdict| verdict != Verdict::Pass))
            .map(|rule| rule.id.clone())
            .collect(),
    });
    let Entry { time, kind, environment, subjects, .. } = entry;
    Ok(Row { entry: at, time, kind, environment, subjects, decided })
}

/// To which size and root an index is built.
pub fn built_to(index: &dyn Index) -> Result<(u64, Sha256), FlowError> {
    Ok(index.built_to()?.unwrap_or_else(|| (0, countersign_core::log::merkle::root_of(&[]))))
}
