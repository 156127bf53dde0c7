//! A person's review of a change: what the reviewer signs, with a key of her own, so that no forge need be believed.

use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The namespace of a reviewer's SSH signature.
pub const NAMESPACE: &str = "review@countersign.dev";

/// The predicate `https://countersign.dev/review/v0.1`. It binds repository, target, base, head and trees, so that an
/// approval given in one place counts nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Review {
    /// The repository, `git+https://…`.
    pub repository: Uri,
    /// The forge's own, numeric name of the repository, where there is a forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge_id: Option<String>,
    /// The branch that the change is meant for.
    pub target_ref: RefName,
    /// The tip of that branch as the reviewer saw it.
    pub base_commit: Oid,
    /// The change's newest commit: the final revision that is agreed to.
    pub head_commit: Oid,
    /// Its tree.
    pub head_tree: Oid,
    /// The tree of the merge of base and head by the published merge rule; absent where that rule cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_tree: Option<Oid>,
    /// The number of the merge rule.
    pub merge_rule: u32,
    /// SHA-256 over the listing of the head's tree (paths, modes, SHA-256 of each file): git's own names may be SHA-1.
    pub head_listing: Sha256,
    /// What the reviewer decided.
    pub decision: ReviewDecision,
    /// Rejections of the same person that this approval settles, by the digests of their documents: only what was there
    /// already can be named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub settles: BTreeSet<Sha256>,
    /// Random, so that two signings differ.
    pub nonce: String,
}

/// What a reviewer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ReviewDecision {
    /// It may land.
    Approve,
    /// It must not land.
    Reject,
    /// An earlier approval of the same head no longer holds.
    Revoke,
}

impl fmt::Display for ReviewDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Revoke => "revoke",
        })
    }
}

/// How strong the evidence of a review is; the policy sets the least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Tier {
    /// Settings or trailers: never enough for production.
    T0,
    /// Read from the forge afterwards, with the tree proof.
    T1,
    /// Observed live by a trusted collector, with the tree proof.
    T2,
    /// The reviewer's own signature.
    T3,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
        })
    }
}
