//! What an infrastructure plan does to databases and audit logs. Of the plan itself only its digest is in it.

use crate::config::plan::Plan;
use crate::digest::Sha256;
use crate::git::Oid;
use crate::ids::Uri;
use serde::{Deserialize, Serialize};

/// The predicate `https://countersign.dev/iac-plan/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IacPlan {
    /// The repository's uri.
    pub repository: Uri,
    /// The commit that was planned, as whoever collects says.
    pub commit: Oid,
    /// The version of the readers: another one may know more kinds of resource.
    pub readers: u32,
    /// The plan's file name.
    pub file: String,
    /// SHA-256 of what `terraform show -json` wrote.
    pub digest: Sha256,
    /// What the plan does.
    pub plan: Plan,
}
