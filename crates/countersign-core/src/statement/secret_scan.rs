//! What a scan for secrets found in a revision: where, by which rule, and never what. A claim of whoever scanned; whether it
//! does is decided elsewhere.

use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::ids::Uri;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The predicate `https://countersign.dev/secret-scan/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretScan {
    /// What scanned.
    pub tool: Scanned,
    /// By which rules; absent where another tool does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetName>,
    /// The repository.
    pub repository: Uri,
    /// The revision.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
    /// How far it looked.
    pub scope: Scope,
    /// Whether it looked into all of that.
    pub complete: Complete,
    /// Files that were not searched, and why; the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// How many files were not searched, named or not.
    pub skipped_count: u64,
    /// Files that were searched.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By what the key of the digests is told from others.
    pub digest_key: String,
    /// The list of what is allowed, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_list: Option<AllowList>,
    /// What was found.
    pub findings: Vec<SecretFinding>,
}

/// The tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scanned {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A rule set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleSetName {
    /// Its name: `countersign` is the one that ships.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its file.
    pub digest: Sha256,
    /// How many rules it has.
    pub rules: u64,
}

/// How far a scan looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Scope {
    /// The tree of the revision.
    Tree,
    /// The tree, and every file of every commit after this one: what was removed again is still in the history.
    Range {
        /// The commit before.
        after: Oid,
    },
}

/// Whether a scan looked into all of its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Complete {
    /// It did.
    Yes,
    /// It did not.
    No,
    /// Another tool scanned, and does not say.
    Unknown,
}

/// A file that was not searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Skipped {
    /// Its path.
    pub path: String,
    /// Why.
    pub why: SkipReason,
}

/// Why a file was not searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SkipReason {
    /// Compressed or encrypted: nothing can be read in it. Leaves a scan complete.
    Packed,
    /// Another repository's commit. Leaves a scan complete.
    Submodule,
    /// A pointer to a file that is kept elsewhere. Leaves a scan complete.
    Pointer,
    /// The rule set leaves its path out. Leaves a scan complete by that rule set.
    Excluded,
    /// Larger than is read.
    TooLarge,
    /// It could not be read.
    Unreadable,
    /// More was found than is listed.
    TooMany,
}

impl SkipReason {
    /// Whether a scan that skipped a file for this reason did not look into all of its scope.
    #[must_use]
    pub const fn lacks(self) -> bool {
        matches!(self, Self::TooLarge | Self::Unreadable | Self::TooMany)
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Packed => "packed: nothing can be read in it",
            Self::Submodule => "another repository's commit",
            Self::Pointer => "a pointer to a file that is kept elsewhere",
            Self::Excluded => "left out by the rule set",
            Self::TooLarge => "larger than is read",
            Self::Unreadable => "unreadable",
            Self::TooMany => "more was found than is listed",
        }
    }
}

/// The list of what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllowList {
    /// SHA-256 of the file.
    pub digest: Sha256,
    /// Its path in the revision; absent where it was handed in from elsewhere, so that no review of the revision covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// How sure a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Level {
    /// The form of one provider's tokens, or of a key.
    Provider,
    /// Anything that is called a secret or looks like one.
    Generic,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Generic => "generic",
        })
    }
}

/// A secret: where it is. The secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretFinding {
    /// The rule.
    pub rule: String,
    /// How sure it is.
    pub level: Level,
    /// The file.
    pub path: String,
    /// Its line, from 1.
    pub line: u64,
    /// Its first byte in that line, from 1; of UTF-16, as it is in UTF-8.
    pub column: u64,
    /// How many bytes it has.
    pub length: u64,
    /// How it begins, as all secrets of its kind do, and how long it is.
    pub shape: String,
    /// HMAC-SHA-256 of the secret under the key; absent where another tool does not show the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
    /// Whether the form's own checksum holds, for forms that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<bool>,
    /// The commit whose file it is, where it is not in the revision itself any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
    /// Who allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Allowed>,
}

impl SecretFinding {
    /// Where it is, as editors take it.
    #[must_use]
    pub fn place(&self) -> String {
        let place = format!("{}:{}:{}", self.path, self.line, self.column);
        match &self.commit {
            Some(commit) => format!("{place} in commit {commit}"),
            None => place,
        }
    }

    /// Whether it is allowed at that time.
    #[must_use]
    pub fn is_allowed_at(&self, at: Time) -> bool {
        self.allowed.as_ref().is_some_and(|allowed| allowed.counts_at(at))
    }
}

/// That somebody allows a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Allowed {
    /// How.
    pub by: AllowedBy,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// From this moment on it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

impl Allowed {
    /// Whether it counts at that time.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        self.expires.is_none_or(|expires| at < expires)
    }
}

/// Where it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AllowedBy {
    /// In a comment beside it.
    Comment,
    /// In the list.
    List,
}
