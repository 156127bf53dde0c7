//! What a person attests by hand: that a control which no machine can watch was looked at, until when that counts, and
//! which document shows it.

use crate::digest::Sha256;
use crate::ids::PersonId;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The namespace of an SSH signature over it.
pub const NAMESPACE: &str = "manual-evidence@countersign.dev";

/// Nothing that is attested by hand counts for longer than this: a year and a day, in seconds.
pub const LONGEST: i64 = 366 * 24 * 60 * 60;

/// The predicate `https://countersign.dev/manual-evidence/v0.1`. Its subject is the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ManualEvidence {
    /// The controls, as catalogues name them: `SOC 2 CC6.4`.
    pub controls: BTreeSet<String>,
    /// What is attested, in a sentence.
    pub statement: String,
    /// Who answers for it.
    pub owner: PersonId,
    /// The time of which it speaks.
    pub as_of: Time,
    /// From this moment on it counts no longer.
    pub valid_until: Time,
    /// The document that shows it. It stays where it is; its digest is what was attested.
    pub document: Sha256,
}

impl ManualEvidence {
    /// What is wrong with it, if something is.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        if self.controls.is_empty() {
            Some("it names no control")
        } else if self.statement.trim().is_empty() {
            Some("it states nothing")
        } else if self.valid_until <= self.as_of {
            Some("it ends before it begins")
        } else if self.valid_until.since(self.as_of) > LONGEST {
            Some("it counts for longer than a year: somebody has to look again")
        } else {
            None
        }
    }

    /// Whether it counts at a time.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        self.problem().is_none() && self.as_of <= at && at < self.valid_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(until: &str) -> ManualEvidence {
        ManualEvidence {
            controls: BTreeSet::from(["SOC 2 CC6.4".to_owned()]),
            statement: "the server room's doors were tried".to_owned(),
            owner: PersonId::new("ada").unwrap(),
            as_of: "2026-01-01T00:00:00Z".parse().unwrap(),
            valid_until: until.parse().unwrap(),
            document: Sha256::of(b"protocol"),
        }
    }

    #[test]
    fn it_counts_from_its_time_on_until_its_end_and_never_for_longer_than_a_year() {
        let year = evidence("2027-01-01T00:00:00Z");
        assert!(year.counts_at("2026-01-01T00:00:00Z".parse().unwrap()));
        assert!(!year.counts_at("2025-12-31T23:59:59Z".parse().unwrap()));
        assert!(!year.counts_at("2027-01-01T00:00:00Z".parse().unwrap()));
        let longer = evidence("2027-02-01T00:00:00Z");
        assert!(longer.problem().is_some() && !longer.counts_at("2026-06-01T00:00:00Z".parse().unwrap()));
        assert!(evidence("2026-01-01T00:00:00Z").problem().is_some());
    }
}
