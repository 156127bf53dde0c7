//! The file of rules as it is written: ours, and as much of gitleaks' as means the same here. A field that neither has is
//! an error: a condition that is not understood must not be dropped.

use countersign_core::statement::secret_scan::Level;
use serde::Deserialize;

/// A file of rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Ours: the name of the set.
    pub(crate) name: Option<String>,
    /// Ours: its version.
    pub(crate) version: Option<u64>,
    /// Gitleaks: the name of the set.
    pub(crate) title: Option<String>,
    #[serde(rename = "description")]
    pub(crate) _description: Option<String>,
    /// Gitleaks: its own least version.
    #[serde(rename = "minVersion")]
    pub(crate) _min_version: Option<String>,
    /// Gitleaks: another file. Refused.
    pub(crate) extend: Option<toml::Table>,
    /// Gitleaks, in its older form.
    pub(crate) allowlist: Option<Allow>,
    /// What is left out or let through whatever the rule.
    #[serde(default)]
    pub(crate) allowlists: Vec<Allow>,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) regex: Option<String>,
    #[serde(default, rename = "secretGroup")]
    pub(crate) secret_group: usize,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    pub(crate) entropy: Option<f64>,
    pub(crate) path: Option<String>,
    #[serde(default, rename = "tags")]
    pub(crate) _tags: Vec<String>,
    pub(crate) allowlist: Option<Allow>,
    #[serde(default)]
    pub(crate) allowlists: Vec<Allow>,
    /// Ours: how sure the rule is. Rules of gitleaks are of one provider unless their id says `generic`.
    pub(crate) level: Option<Level>,
    /// Ours: the match begins with a key word.
    #[serde(default)]
    pub(crate) prefix: bool,
    /// Ours: key words in this very case.
    #[serde(default)]
    pub(crate) exact: bool,
    /// Ours: no letter or digit right before the match, and none right after it. True unless said otherwise.
    pub(crate) bounds: Option<bool>,
    /// Ours: the most bytes of a match, which has a key word in it. Without it the whole file is searched.
    pub(crate) reach: Option<usize>,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) filter: Option<Filter>,
}

/// A checksum that is part of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Checksum {
    /// Six digits in base 62 at the end: the CRC-32 of what is between the first `_` and them.
    #[serde(rename = "base62-crc32")]
    Base62Crc32,
}

/// How a value has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Filter {
    /// Letters and digits both.
    Mixed,
    /// A password in an address.
    Password,
    /// What a machine drew.
    Secret,
}

/// What is let through.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    #[serde(default, rename = "description")]
    pub(crate) _description: String,
    #[serde(default)]
    pub(crate) condition: Condition,
    #[serde(default)]
    pub(crate) commits: Vec<String>,
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    #[serde(default)]
    pub(crate) regexes: Vec<String>,
    #[serde(default, rename = "regexTarget")]
    pub(crate) regex_target: Target,
    #[serde(default)]
    pub(crate) stopwords: Vec<String>,
    /// Gitleaks: only for these rules.
    #[serde(default, rename = "targetRules")]
    pub(crate) target_rules: Vec<String>,
}

/// How what is said of one allowance goes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Condition {
    #[default]
    #[serde(rename = "OR", alias = "or", alias = "||")]
    Any,
    #[serde(rename = "AND", alias = "and", alias = "&&")]
    All,
}

/// What the expressions of an allowance are held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    #[default]
    #[serde(alias = "")]
    Secret,
    Match,
    Line,
}
