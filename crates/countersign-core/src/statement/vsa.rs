//! SLSA verification summary v1: what a gate says to those who deploy.

use crate::ids::{ExceptionId, Uri};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The predicate `https://slsa.dev/verification_summary/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vsa {
    /// Who verified.
    pub verifier: Verifier,
    /// When.
    pub time_verified: Time,
    /// What was asked for: here, the environment that the artifact is meant for.
    pub resource_uri: Uri,
    /// By which policy; we always give its digest.
    pub policy: Reference,
    /// Everything that the verdict rests on, complete.
    #[serde(default)]
    pub input_attestations: Vec<Reference>,
    /// `PASSED` or `FAILED`.
    pub verification_result: VerificationResult,
    /// The levels reached, at most one a track; `FAILED` alone when the verification failed.
    pub verified_levels: Vec<String>,
    /// The version of the specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slsa_version: Option<String>,
    /// An extension of ours: the emergencies by which review was passed over. Never in one that passed.
    #[serde(default, rename = "countersign_breakGlass", skip_serializing_if = "Vec::is_empty")]
    pub break_glass: Vec<ExceptionId>,
}

/// Who verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verifier {
    /// The gate's uri.
    pub id: Uri,
    /// Tool to version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub version: BTreeMap<String, String>,
}

/// Something named by uri and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reference {
    /// Where it is, or what it is called.
    pub uri: Uri,
    /// Algorithm to lower-case hexadecimal digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum VerificationResult {
    /// The artifact may go where `resourceUri` says.
    Passed,
    /// It may not.
    Failed,
}
