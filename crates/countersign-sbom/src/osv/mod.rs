//! Known vulnerabilities out of files that the user has: an export of OSV's database, or any mirror in its form. Nothing is
//! fetched. A version that cannot be compared is unknown, and unknown is told as a match, never as "not affected".

mod cvss;
mod matching;
mod source;

pub use cvss::base_score;
pub use matching::{Hit, Known, Matches, matches};
pub use source::{Advisories, AdvisoriesError, Record};

use serde::Deserialize;

/// One advisory, as much of it as matching needs. Other fields are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Advisory {
    /// Its id.
    pub id: String,
    /// When it was last changed.
    pub modified: String,
    /// When it was published.
    #[serde(default)]
    pub published: Option<String>,
    /// When it was withdrawn.
    #[serde(default)]
    pub withdrawn: Option<String>,
    /// The same vulnerability in other databases.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// In a line.
    #[serde(default)]
    pub summary: Option<String>,
    /// How bad it is.
    #[serde(default)]
    pub severity: Vec<Severity>,
    /// What it is in.
    #[serde(default)]
    pub affected: Vec<Affected>,
    /// What the database adds.
    #[serde(default)]
    pub database_specific: Option<Specific>,
}

/// How bad it is by one method.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Severity {
    /// The method: `CVSS_V3`, …
    #[serde(rename = "type")]
    pub method: String,
    /// The vector.
    pub score: String,
}

/// A package, and its versions that have the vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Affected {
    /// Which package; an advisory about a repository has none.
    #[serde(default)]
    pub package: Option<Package>,
    /// Ranges of versions.
    #[serde(default)]
    pub ranges: Vec<Range>,
    /// Versions one by one.
    #[serde(default)]
    pub versions: Vec<String>,
    /// How bad it is in this package.
    #[serde(default)]
    pub severity: Vec<Severity>,
    /// What the database adds of this package.
    #[serde(default)]
    pub database_specific: Option<OfPackage>,
}

/// What the database adds of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct OfPackage {
    /// The word of `RustSec` where the record is no vulnerability: `unmaintained`, `unsound`, `notice`.
    #[serde(default, deserialize_with = "word")]
    pub informational: Option<String>,
}

/// A package of an ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Package {
    /// Which: `crates.io`, `npm`, `PyPI`, `Go`, …
    pub ecosystem: String,
    /// Its name there.
    pub name: String,
}

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Range {
    /// By which order: `SEMVER`, `ECOSYSTEM` or `GIT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it begins and ends.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// Where a range begins or ends: one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// The first version that has it; `0` is before all.
    #[serde(default)]
    pub introduced: Option<String>,
    /// The first version that has it no more.
    #[serde(default)]
    pub fixed: Option<String>,
    /// The last version that has it.
    #[serde(default)]
    pub last_affected: Option<String>,
    /// Where the range is cut off.
    #[serde(default)]
    pub limit: Option<String>,
}

/// What the database adds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Specific {
    /// A word for how bad it is.
    #[serde(default, deserialize_with = "word")]
    pub severity: Option<String>,
}

/// Other databases put other things there: what is no word is none.
fn word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}
