//! What is answered about attestations of the ecosystem, and about the roots that they are judged by.

use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, Verdict};
use countersign_core::time::Time;
use serde::Serialize;

/// What the attestations about an artifact came to, by what was expected of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attested {
    /// The artifact's digest, with its algorithm.
    pub subject: String,
    /// The verdict over everything.
    pub verdict: Verdict,
    /// The whole checklist.
    pub checks: Vec<Check>,
    /// What holds.
    pub attestations: Vec<crate::attest::Held>,
    /// How many attestations of a folder were passed over, since they are about other artifacts.
    pub passed_over: usize,
    /// What was found.
    pub findings: Vec<Finding>,
    /// How the run ends.
    pub exit: Exit,
}

/// The Sigstore roots at hand, and how old they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrustStatus {
    /// Those that trust names.
    pub roots: Vec<RootStatus>,
    /// Those that came with this program.
    pub embedded: Vec<RootStatus>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// How the run ends.
    pub exit: Exit,
}

/// One root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RootStatus {
    /// Its name.
    pub name: String,
    /// The digest of its canonical form.
    pub digest: Sha256,
    /// When it was fetched.
    pub fetched: Time,
    /// How many days ago that was.
    pub age_days: i64,
    /// After how many days nothing is decided by it any more; absent where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

/// What was fetched from a Sigstore instance's repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrustRefreshed {
    /// The file that was written.
    pub output: String,
    /// The digest of its canonical form, as trust names it.
    pub digest: Sha256,
    /// Whether it is another than the one that was there.
    pub changed: bool,
    /// The version of the repository's root.
    pub root_version: u64,
    /// Until when that root counts.
    pub root_expires: Time,
    /// The version of the repository's timestamp.
    pub timestamp_version: u64,
    /// When it was fetched.
    pub fetched: Time,
}
