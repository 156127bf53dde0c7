//! The predicate of in-toto's vulnerabilities v0.2: what a scanner found, by which state of its database.

use super::provenance::Moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The predicate `https://in-toto.io/attestation/vulns/v0.2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vulns {
    /// Who looked, with what, and what was found.
    pub scanner: Scanner,
    /// When.
    pub metadata: ScanTimes,
}

/// The scanner and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scanner {
    /// Which scanner.
    pub uri: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its database.
    pub db: Database,
    /// What was found: empty where nothing was, and never absent.
    pub result: Vec<Found>,
}

/// A state of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Database {
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of when it is.
    pub last_update: Moment,
}

/// When a scan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScanTimes {
    /// Its begin.
    pub scan_started_on: Moment,
    /// Its end.
    pub scan_finished_on: Moment,
}

/// One vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Found {
    /// Its id: `CVE-…`, `GHSA-…`, `RUSTSEC-…`.
    pub id: String,
    /// How bad it is, by one or more methods.
    pub severity: Vec<Score>,
    /// More about it: a list of pairs, or one map. We read `published`, `known_exploited`, `component` and `aliases`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

/// How bad it is by one method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Score {
    /// The method.
    pub method: String,
    /// A word, or a number of CVSS.
    pub score: String,
}

/// How bad a vulnerability is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 and more.
    Critical,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Found {
    /// The worst that a method says; `None` where none says a word or number that is known: not known is not harmless.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.severity.iter().filter_map(|score| read_score(&score.score)).max()
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&Value> {
        match self.annotations.as_ref()? {
            Value::Object(map) => map.get(name),
            Value::Array(list) => list.iter().find_map(|item| {
                let map = item.as_object()?;
                let pair = map.get("key").and_then(Value::as_str) == Some(name);
                if pair { map.get("value") } else { map.get(name) }
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }

    /// When it was published.
    #[must_use]
    pub fn published(&self) -> Option<Moment> {
        serde_json::from_value(self.annotation("published")?.clone()).ok()
    }

    /// Whether it is known to be used by attackers: only `true` and `false` say so.
    #[must_use]
    pub fn known_exploited(&self) -> Option<bool> {
        match self.annotation("known_exploited")? {
            Value::Bool(known) => Some(*known),
            Value::String(word) => word.parse().ok(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Its other names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.annotation("aliases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        std::iter::once(self.id.as_str()).chain(aliases.iter().filter_map(Value::as_str))
    }
}

/// A word, or the number of CVSS 2, 3 or 4 with at most one decimal: `none` and `0.0` say nothing that we could lean on.
fn read_score(text: &str) -> Option<Severity> {
    match text.trim().to_ascii_lowercase().as_str() {
        "critical" => return Some(Severity::Critical),
        "high" | "important" => return Some(Severity::High),
        "medium" | "moderate" => return Some(Severity::Medium),
        "low" | "minor" | "negligible" => return Some(Severity::Low),
        _ => {}
    }
    let text = text.trim();
    let (whole, tenths) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        let plain = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok()).flatten()
    };
    let score = digits(whole, 2)?.checked_mul(10)?.checked_add(digits(tenths, 1)?)?;
    match score {
        1..=39 => Some(Severity::Low),
        40..=69 => Some(Severity::Medium),
        70..=89 => Some(Severity::High),
        90..=100 => Some(Severity::Critical),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(score: &str, annotations: &Value) -> Found {
        let value =
            json!({"id": "CVE-1", "severity": [{"method": "cvss", "score": score}], "annotations": annotations});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_score_is_a_word_or_a_number_and_all_else_is_not_known() {
        for (score, severity) in [
            ("Critical", Some(Severity::Critical)),
            ("9.0", Some(Severity::Critical)),
            ("10", Some(Severity::Critical)),
            ("7.5", Some(Severity::High)),
            ("moderate", Some(Severity::Medium)),
            ("3.9", Some(Severity::Low)),
            ("0.0", None),
            ("none", None),
            ("11.0", None),
            ("-1", None),
            ("CVSS:3.1/AV:N", None),
            ("9.95", None),
            ("", None),
        ] {
            assert_eq!(found(score, &Value::Null).severity(), severity, "{score}");
        }
    }

    #[test]
    fn the_worst_of_several_scores_counts() {
        let two = json!({"id": "x", "severity": [{"method": "a", "score": "low"}, {"method": "b", "score": "9.8"}]});
        assert_eq!(serde_json::from_value::<Found>(two).unwrap().severity(), Some(Severity::Critical));
    }

    #[test]
    fn annotations_are_read_as_a_map_and_as_a_list() {
        for annotations in [
            json!({"known_exploited": true, "published": "2026-01-01T00:00:00Z", "aliases": ["GHSA-1"]}),
            json!([{"known_exploited": "true"}, {"key": "published", "value": "2026-01-01T00:00:00Z"},
                   {"aliases": ["GHSA-1"]}]),
        ] {
            let found = found("1", &annotations);
            assert_eq!(found.known_exploited(), Some(true));
            assert_eq!(found.published().unwrap().as_str(), "2026-01-01T00:00:00Z");
            assert_eq!(found.names().collect::<Vec<_>>(), ["CVE-1", "GHSA-1"]);
        }
        assert_eq!(found("1", &json!({"known_exploited": "maybe"})).known_exploited(), None);
    }

    #[test]
    fn a_scan_without_its_result_is_none() {
        let scan = |scanner: Value| {
            let times = json!({"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:00:00Z"});
            serde_json::from_value::<Vulns>(json!({"scanner": scanner, "metadata": times}))
        };
        let db = json!({"lastUpdate": "2026-01-01T00:00:00Z"});
        assert!(scan(json!({"uri": "x", "db": db, "result": []})).is_ok());
        assert!(scan(json!({"uri": "x", "db": db})).is_err());
        assert!(scan(json!({"uri": "x", "result": []})).is_err());
    }
}
