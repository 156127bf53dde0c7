//! What witnesses say of a log: a checkpoint that the quorum of an environment has cosigned, and when.

use crate::keys::note_signature_holds;
use crate::log::signed_checkpoint;
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::note::NoteKey;
use countersign_core::time::Time;
use countersign_core::trust::{OwnedKey, Owner, Trust};
use std::collections::{BTreeMap, BTreeSet};

/// A checkpoint that a quorum of witnesses has cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The log as far as they have seen it.
    pub log: LogRef,
    /// Who they are, and when they say that they did.
    pub witnesses: BTreeMap<String, Time>,
}

/// Which cosignatures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Those of about this time: a witness cosigns nothing that is older than what it has seen, so that a log with such
    /// cosignatures was not rewound then.
    Near(Time),
    /// Every one up to this time: that the log went so far is shown by them, however long ago.
    UpTo(Time),
    /// Every one, by keys that counted when it was made; the log's own key is judged at this time. For who looks at a log
    /// that came to its end long ago.
    Ever(Time),
}

impl Age {
    const fn end(self) -> Time {
        match self {
            Self::Near(at) | Self::UpTo(at) | Self::Ever(at) => at,
        }
    }

    const fn counts(self, time: Time) -> bool {
        let late = time.since(self.end());
        match self {
            Self::Near(_) => late >= -limits::COSIGNATURE_SECONDS && late <= limits::COSIGNATURE_SECONDS,
            Self::UpTo(_) => late <= limits::COSIGNATURE_SECONDS,
            Self::Ever(_) => true,
        }
    }
}

/// Whether an environment asks for a quorum of witnesses.
#[must_use]
pub fn asks_for_witnesses(trust: &Trust, environment: &EnvName) -> bool {
    trust.environments.get(environment).is_some_and(|floor| floor.witness_quorum.is_some())
}

/// Checks that a checkpoint is signed by its log and cosigned by the quorum that the environment asks for. An environment
/// that asks for none is never shown one.
pub fn witnessed(checkpoint: &[u8], trust: &Trust, environment: &EnvName, age: Age) -> Result<Witnessed, Finding> {
    witnessed_still(checkpoint, trust, trust, environment, age)
}

/// The same for whoever looks later: a cosignature counts only if a trust of later lists the witness's key as well, and says
/// that it counted then.
pub fn witnessed_still(
    checkpoint: &[u8],
    trust: &Trust,
    later: &Trust,
    environment: &EnvName,
    age: Age,
) -> Result<Witnessed, Finding> {
    let log = signed_checkpoint(checkpoint, trust, age.end())?;
    let place = format!("log {}", log.origin);
    let by_trust = format!("trust, version {}, environment {environment}", trust.version);
    let missing = |quorum: &str, found: String| {
        Finding::new(codes::WITNESS_QUORUM_MISSING, "too few witnesses have cosigned the log's checkpoint")
            .at(place.as_str())
            .expected(format!("cosignatures of {quorum}"), by_trust.as_str())
            .found(found)
    };
    let Some(quorum) = trust.witness_quorum(environment) else {
        return Err(missing("a quorum of witnesses", "the environment asks for none".to_owned()));
    };
    let invalid = |what: String| Finding::new(codes::COSIGNATURE_INVALID, what).at(place.as_str());
    let read = UnverifiedCheckpoint::parse(checkpoint).map_err(|error| invalid(error.to_string()))?;
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let all = quorum.policy.cosigned(&read, &holds).map_err(|error| invalid(error.to_string()))?;
    let counts = |name: &str, time: Time| {
        let today = |owned: &OwnedKey| matches!(age, Age::Ever(_)) || owned.counts_at(age.end());
        age.counts(time) && quorum.keys.get(name).is_some_and(|owned| owned.counts_at(time) && today(owned))
    };
    let still = |name: &str, time: Time| {
        let owned = quorum.keys.get(name).and_then(|owned| later.owner_of(&owned.key.id()));
        owned.is_some_and(|(owner, owned)| matches!(owner, Owner::Witness(_)) && owned.counts_at(time))
    };
    let (counting, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        all.into_iter().partition(|(name, time)| counts(name, *time));
    let (counting, withdrawn): (BTreeMap<_, _>, BTreeMap<_, _>) =
        counting.into_iter().partition(|(name, time)| still(name, *time));
    let names: BTreeSet<&str> = counting.keys().map(String::as_str).collect();
    if quorum.policy.is_met_by(&names) {
        return Ok(Witnessed { log, witnesses: counting });
    }
    let said = |cosigned: &BTreeMap<String, Time>| {
        cosigned.iter().map(|(name, time)| format!("{name} at {time}")).collect::<Vec<_>>().join(", ")
    };
    let mut found = if counting.is_empty() { "none".to_owned() } else { said(&counting) };
    if !others.is_empty() {
        found.push_str(&format!("; too old, from the future, or of keys that do not count: {}", said(&others)));
    }
    if !withdrawn.is_empty() {
        let version = later.version;
        found.push_str(&format!("; of keys that trust version {version} does not let count: {}", said(&withdrawn)));
    }
    Err(missing(quorum.policy.quorum().unwrap_or_default(), found))
}
