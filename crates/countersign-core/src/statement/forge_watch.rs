//! One record of a watcher's journal: what a forge told, signed when it was told. Each names the one before it by digest, so
//! that none can be altered, taken out or put in later without the collector's key.

use super::change_review::ForgeKind;
use crate::digest::Sha256;
use crate::ids::Uri;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The predicate `https://countersign.dev/forge-watch/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForgeWatch {
    /// Its place in the journal, from 0.
    pub sequence: u64,
    /// SHA-256 of the record before it, as it stands in the journal; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sha256>,
    /// The run of the watcher that wrote it: random, and the same from its start to its stop.
    pub session: String,
    /// Which kind of forge.
    pub forge: ForgeKind,
    /// The forge's host.
    pub host: String,
    /// The repository's uri.
    pub repository: Uri,
    /// When, by the watcher's clock.
    pub at: Time,
    /// What.
    pub what: Watched,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Watched {
    /// The watcher began to listen. Between the record before and this one nobody did.
    Started,
    /// A delivery whose sender proved to know the secret.
    Delivered {
        /// The forge's id of it.
        guid: String,
        /// The forge's word for what it tells of.
        event: String,
        /// SHA-256 of its body, which is kept as it came.
        payload: Sha256,
        /// Whether the sender's proof covers the id; if not, the body is what makes it the same delivery or another.
        id_proved: bool,
    },
    /// A delivery that proved to be the forge's and that could not be read: what it told of is not known.
    Missed {
        /// The forge's id of it.
        guid: String,
        /// The forge's word for what it tells of.
        event: String,
        /// SHA-256 of its body.
        payload: Sha256,
    },
    /// A change's statement was signed and written.
    Signed {
        /// The change's number.
        change: u64,
        /// The statement's digest.
        statement: Sha256,
        /// The digest of the capture that it rests on.
        capture: Sha256,
        /// The last record that it takes in.
        through: u64,
        /// Whether the forge showed everything that it was asked for, settings aside.
        whole: bool,
    },
    /// The watcher was told to stop.
    Stopped,
}
