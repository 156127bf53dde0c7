//! The log that one goes on from, carried in it: its leaves, hashed to the root that the first entry names, and everything
//! that was in force at its end. So a new log begins with the releases, trust, exceptions and decisions of the old one, and
//! whoever reads the new one reads them by the same rules as if nothing had ended.

use crate::document::read_statement;
use crate::evidence::{Blobs, named_blob};
use crate::log::{LogState, Reading, StateView, read_entries, signed_checkpoint};
use crate::policy::Activated;
use crate::trust::VerifiedTrust;
use crate::witnessed::{Age, asks_for_witnesses, witnessed};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, place_of};
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, Origin};
use countersign_core::limits;
use countersign_core::log::carried::CarriedLog;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::merkle::Frontier;
use countersign_core::statement::Kind;
use countersign_core::statement::log_shard::LogShard;
use countersign_core::time::Time;

/// A log that another one goes on from, as it ended.
#[derive(Debug)]
pub(crate) struct Earlier {
    pub state: LogState,
    /// Its last checkpoint, with the cosignatures that were carried along.
    checkpoint: Vec<u8>,
    /// Its leaves and checkpoint, as one document.
    document: Sha256,
}

impl Earlier {
    /// What a log's first entry carries; `None` where it does not go on from another.
    pub(crate) fn open(
        entry: &Entry,
        origin: &Origin,
        reading: Reading<'_>,
        blobs: &dyn Blobs,
    ) -> Result<Option<Self>, Vec<Finding>> {
        if entry.kind != Kind::LogShard {
            return Ok(None);
        }
        let place = "log entry 0";
        let invalid = |what: &str| Finding::new(codes::LOG_SHARD_INVALID, what).at(place);
        let missing = |what: &str| vec![Finding::new(codes::EVIDENCE_WITHHELD, what).at(place)];
        let bytes = entry.statement().and_then(|digest| named_blob(blobs, digest)).ok_or_else(|| {
            missing("the document by which the log goes on from another is not in the evidence store")
        })?;
        // Whether a gate signed it is checked with every other entry of its kind.
        let signed = Signed::parse(&bytes).map_err(|error| vec![invalid(&error.to_string())])?;
        let named: LogShard = read_statement(&signed, place)?
            .predicate_as(Kind::LogShard)
            .map_err(|error| vec![invalid(&error.to_string())])?;
        let LogShard::Continues(ended) = named else { return Ok(None) };
        let Some(document) = entry.evidence.first() else {
            let finding = invalid("the log goes on from another one, and does not carry it")
                .expected(format!("the leaves of {}, as evidence of the first entry", ended.origin), "countersign")
                .found("none")
                .help("`countersign log continue` makes a first entry that does");
            return Err(vec![finding]);
        };
        let reading = reading.one_further().ok_or_else(|| {
            vec![
                invalid("too many logs go on from one another")
                    .expected(format!("at most {}", limits::LOG_SHARDS), "countersign"),
            ]
        })?;
        let bytes = named_blob(blobs, document)
            .ok_or_else(|| missing("the log that this one goes on from is not in the evidence store"))?;
        let carried = CarriedLog::parse(&bytes).map_err(|error| {
            vec![invalid("the carried log is none").found(error.to_string()).at(document.to_string())]
        })?;
        let (state, checkpoint) = read(carried, &ended, origin, &reading, blobs)?;
        Ok(Some(Self { state, checkpoint, document: *document }))
    }

    /// What is wrong with the end of the earlier log, seen from the first entry of the later one, and for which
    /// environment. `trust` is the one in force there.
    pub(crate) fn faults(&self, opened: Time, trust: &VerifiedTrust) -> Vec<(Option<EnvName>, Finding)> {
        let place = "log entry 0";
        let mut out = Vec::new();
        if let Some(newest) = self.state.now().newest_time().filter(|newest| opened < *newest) {
            let what = "the log begins before the one that it goes on from had ended";
            let finding = Finding::new(codes::LOG_TIME_REVERSED, what)
                .at(place)
                .expected(format!("no earlier than {newest}"), "the earlier log")
                .found(opened.to_string());
            out.push((None, finding));
        }
        // Whoever holds the keys of a log could end another one than the one that everybody saw: its end is what the
        // witnesses have cosigned, where an environment asks for them.
        let trust = trust.trust();
        for environment in trust.environments.keys().filter(|name| asks_for_witnesses(trust, name)) {
            let shown = witnessed(&self.checkpoint, trust, environment, Age::Ever(opened));
            if let Err(finding) = shown {
                let help = "`countersign log witness` has the closed log cosigned; then `countersign log continue`";
                out.push((Some(environment.clone()), finding.at(place).help(help)));
            }
        }
        out
    }
}

/// The earlier log's state, if its leaves hash to what the later one names, and its end is the one that names the later.
fn read(
    carried: CarriedLog,
    ended: &LogRef,
    origin: &Origin,
    reading: &Reading<'_>,
    blobs: &dyn Blobs,
) -> Result<(LogState, Vec<u8>), Vec<Finding>> {
    let place = "log entry 0";
    let word = |log: &LogRef| format!("{}, {} entries, root {}", log.origin, log.size, log.root);
    let claim = UnverifiedCheckpoint::parse(&carried.checkpoint)
        .map_err(|error| {
            vec![Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(format!("log {}", ended.origin))]
        })?
        .claim()
        .clone();
    let claimed = LogRef { origin: claim.origin, size: claim.size, root: claim.root };
    if claimed != *ended || ended.origin == *origin {
        let what = "the carried log is not the one that this log goes on from";
        return Err(vec![
            Finding::new(codes::LOG_SHARD_INVALID, what)
                .at(place)
                .expected(word(ended), "the first entry")
                .found(word(&claimed)),
        ]);
    }
    let read = read_entries(&carried.entries, ended, (Frontier::new(), 0, None))?;
    let state = LogState::carried(ended.origin.clone(), read, reading, blobs);
    let view = state.now();
    if view.closed_for() != Some(origin) {
        let found =
            view.closed_for().map_or_else(|| "it is not closed".to_owned(), |other| format!("closed for {other}"));
        return Err(vec![
            Finding::new(codes::LOG_SHARD_INVALID, "the log that this one goes on from was not closed for it")
                .at(format!("log {}", ended.origin))
                .expected(format!("closed for {origin}"), "its last entry")
                .found(found),
        ]);
    }
    // Its key is judged by the trust of that time, so that what was decided later comes out the same whatever trust says
    // since; an audit hears that as well.
    let Some(at) = view.newest_time() else { return Err(Vec::new()) };
    signed_checkpoint(&carried.checkpoint, view.trust().trust(), at).map_err(|finding| vec![finding])?;
    Ok((state, carried.checkpoint))
}

impl LogState {
    /// Where trust has the log go on from another one, and it does not.
    #[must_use]
    pub fn must_continue(&self) -> Option<Finding> {
        let trust = self.outside.trust();
        let wanted = trust.log(&self.origin)?.continues.as_ref()?;
        let found = self.shard.continues.as_ref().map(|log| &log.origin);
        if found == Some(wanted) {
            return None;
        }
        let by = format!("trust, version {}", trust.version);
        Some(
            Finding::new(codes::LOG_SHARD_INVALID, "the log does not begin where trust has it go on from")
                .at(format!("log {}", self.origin))
                .expected(format!("a first entry that goes on from {wanted}"), by)
                .found(found.map_or_else(|| "none".to_owned(), ToString::to_string))
                .help("`countersign log continue --earlier STORE` writes the first entry"),
        )
    }

    /// An entry in words.
    pub(crate) fn place(&self, index: u64) -> String {
        place_of(index, self.log_of_entries().as_ref())
    }

    /// Whether it is read as the earlier of another.
    pub(crate) const fn is_carried(&self) -> bool {
        self.carried
    }

    /// How entries name this log: not at all where it is the one at hand.
    pub(crate) fn log_of_entries(&self) -> Option<Origin> {
        self.carried.then(|| self.origin.clone())
    }
}

impl<'a> StateView<'a> {
    /// The log that this one goes on from, at its end.
    #[must_use]
    pub fn earlier(&self) -> Option<Self> {
        self.state.earlier.as_deref().filter(|_| self.size > 0).map(|earlier| earlier.state.now())
    }

    /// This log, the one that it goes on from, the one before that, and so on.
    pub fn chain(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), Self::earlier)
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &'a Origin {
        &self.state.origin
    }

    /// What is wrong with a trust document from outside, if the log records a newer or another one up to here; with the entry
    /// that does.
    #[must_use]
    pub fn not_newest(&self, outside: &VerifiedTrust) -> Option<(u64, Finding)> {
        let own = self.state.trusts.iter().rev().find(|(at, _)| *at < self.size).map(|(index, trust)| (*index, trust));
        let (index, newest) = own.or_else(|| Some((0, self.state.trust_carried()?)))?;
        (newest.digest() != outside.digest()).then(|| {
            let finding = Finding::new(
                codes::TRUST_DIGEST_MISMATCH,
                "the trust given from outside is not the newest that the log records",
            )
            .at(self.state.place(index))
            .expected(newest.digest().to_string(), "the log")
            .found(format!("{} (version {})", outside.digest(), outside.trust().version))
            .help("record the newer trust with `countersign policy activate`, or give the digest of the recorded one");
            (index, finding)
        })
    }

    /// Every activation up to here, of whatever environment, and of the logs before.
    pub(crate) fn every_activation(&self) -> impl Iterator<Item = &'a Activated> {
        self.chain().flat_map(|log| log.state.activations.iter().filter(move |a| a.entry < log.size))
    }

    /// How many decisions it records.
    #[must_use]
    pub fn decision_count(&self) -> usize {
        self.entries().iter().filter(|entry| entry.kind == Kind::PromotionDecision).count()
    }

    /// This log as it was before an entry.
    #[must_use]
    pub fn before(&self, entry: u64) -> Option<Self> {
        self.state.at(entry)
    }

    /// The leaves of the earlier log, as the document that the first entry names.
    #[must_use]
    pub fn carried_document(&self) -> Option<&'a Sha256> {
        self.state.earlier.as_deref().filter(|_| self.size > 0).map(|earlier| &earlier.document)
    }

    /// The earlier log's last checkpoint, as it was carried along.
    #[must_use]
    pub fn carried_checkpoint(&self) -> Option<&'a [u8]> {
        self.state.earlier.as_deref().filter(|_| self.size > 0).map(|earlier| earlier.checkpoint.as_slice())
    }
}
