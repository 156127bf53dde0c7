//! What people say of what a rule found: whether it was right. Two persons sign the same statement; its subjects are the
//! signed decisions that it speaks of.

use crate::digest::Sha256;
use crate::ids::{EnvName, RuleId};
use serde::{Deserialize, Serialize};

/// The predicate `https://countersign.dev/adjudication/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Adjudication {
    /// Where the decisions were made.
    pub environment: EnvName,
    /// What is said of each.
    pub labels: Vec<Label>,
}

/// What is said of what one rule found in one decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Label {
    /// The signed decision, by the digest under which the log names it.
    pub decision: Sha256,
    /// The rule.
    pub rule: RuleId,
    /// Whether it was right.
    pub label: Opinion,
}

/// Whether a rule was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Opinion {
    /// It would have refused what ought to be refused.
    TruePositive,
    /// It would have refused what was good.
    FalsePositive,
}
