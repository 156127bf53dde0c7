//! Where one log ends and another goes on: the last entry of the one, and the first of the other.

use crate::decision::LogRef;
use crate::ids::Origin;
use serde::{Deserialize, Serialize};

/// The predicate `https://countersign.dev/log-shard/v0.1`. Its subject is the root of the log that ends, as it is before
/// its last entry and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum LogShard {
    /// The last entry of a log: which one goes on.
    ClosedFor(Origin),
    /// The first entry of a log: what it goes on from, the last entry included.
    Continues(LogRef),
}
