//! Logs one after the other: the last entry of the one names the other, and the first entry of the other names the one by
//! origin, size and root. Each is signed by a gate.

use crate::document::SignerName;
use crate::evidence::{Blobs, named_blob};
use crate::gate::verify_by_gate;
use crate::trust::VerifiedTrust;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::entry::Entry;
use countersign_core::finding::Finding;
use countersign_core::ids::Origin;
use countersign_core::statement::Kind;
use countersign_core::statement::log_shard::LogShard;

/// What a log says of the one before it and of the one after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shard {
    /// The entry that closes it, and the log that follows.
    pub closed: Option<(u64, Origin)>,
    /// The log that it goes on from.
    pub continues: Option<LogRef>,
}

impl Shard {
    /// Takes one more entry in, in the log's order; what is wrong with it is said. Nothing follows the entry that closes a
    /// log, and only the first one says what a log goes on from.
    pub(crate) fn take<'t>(
        &mut self,
        (index, entry): (u64, &Entry),
        trust: impl FnOnce() -> &'t VerifiedTrust,
        blobs: &dyn Blobs,
        place: &str,
    ) -> Result<(), Vec<Finding>> {
        if let Some((closed, _)) = &self.closed {
            let what = format!("the log was closed by entry {closed}, and goes on");
            return Err(vec![Finding::new(codes::LOG_CLOSED, what).at(place)]);
        }
        if entry.kind != Kind::LogShard {
            return Ok(());
        }
        match one(entry, trust(), blobs, place)? {
            LogShard::ClosedFor(origin) => self.closed = Some((index, origin)),
            LogShard::Continues(log) if index == 0 => self.continues = Some(log),
            LogShard::Continues(_) => {
                let what = "only a log's first entry says what it goes on from";
                return Err(vec![Finding::new(codes::LOG_SHARD_INVALID, what).at(place)]);
            }
        }
        Ok(())
    }
}

fn one(entry: &Entry, trust: &VerifiedTrust, blobs: &dyn Blobs, place: &str) -> Result<LogShard, Vec<Finding>> {
    let invalid = |what: String| vec![Finding::new(codes::LOG_SHARD_INVALID, what).at(place)];
    let bytes = entry.statement().and_then(|digest| named_blob(blobs, digest)).ok_or_else(|| {
        vec![
            Finding::new(codes::EVIDENCE_WITHHELD, "a document that the log entry names is not in the evidence store")
                .at(place),
        ]
    })?;
    let signed = Signed::parse(&bytes).map_err(|error| invalid(error.to_string()))?;
    let statement = verify_by_gate(&signed, trust, blobs, entry.time, place)?;
    if !matches!(statement.signed_by().owner, SignerName::Gate(_)) {
        return Err(invalid("it was not signed by a gate".to_owned()));
    }
    statement.value().predicate_as(Kind::LogShard).map_err(|error| invalid(error.to_string()))
}

/// Checks that one log goes on from another: the earlier is closed for the later, and the later names it as it ended. Each is
/// read and checked by itself before.
pub fn follows(earlier: &crate::StateView<'_>, later: &crate::StateView<'_>) -> Result<(), Finding> {
    let (ended, begun) = (earlier.reference(), later.reference());
    let invalid = |what: &str| Finding::new(codes::LOG_SHARD_INVALID, what).at(format!("log {}", begun.origin));
    if earlier.closed_for() != Some(&begun.origin) {
        let found =
            earlier.closed_for().map_or_else(|| "it is not closed".to_owned(), |origin| format!("closed for {origin}"));
        return Err(invalid("the earlier log was not closed for this one")
            .expected(format!("{} closed for {}", ended.origin, begun.origin), "its last entry")
            .found(found));
    }
    let word = |log: &LogRef| format!("{}, {} entries, root {}", log.origin, log.size, log.root);
    if later.continued() != Some(&ended) {
        return Err(invalid("the log does not go on from the earlier one as it ended")
            .expected(word(&ended), "the earlier log")
            .found(later.continued().map_or_else(|| "none".to_owned(), word)));
    }
    Ok(())
}
