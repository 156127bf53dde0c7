//! The index in memory: built anew by each run that asks.

use super::{DayCount, Index, IndexError, Row, RuleCount, day};
use countersign_core::digest::Sha256;
use std::collections::BTreeMap;

/// An index in memory.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    rows: Vec<Row>,
    built: Option<(u64, Sha256)>,
}

impl MemoryIndex {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Index for MemoryIndex {
    fn built_to(&self) -> Result<Option<(u64, Sha256)>, IndexError> {
        Ok(self.built)
    }

    fn clear(&mut self) -> Result<(), IndexError> {
        *self = Self::new();
        Ok(())
    }

    fn add(&mut self, rows: &[Row], size: u64, root: &Sha256) -> Result<(), IndexError> {
        self.rows.extend_from_slice(rows);
        self.built = Some((size, *root));
        Ok(())
    }

    fn about(&self, subject: &Sha256) -> Result<Vec<Row>, IndexError> {
        Ok(self.rows.iter().filter(|row| row.subjects.contains(subject)).cloned().collect())
    }

    fn days(&self, since: &str) -> Result<Vec<DayCount>, IndexError> {
        let mut sums: BTreeMap<DayCount, u64> = BTreeMap::new();
        for (row, decided) in self.rows.iter().filter_map(|row| Some((row, row.decided.as_ref()?))) {
            let key = DayCount {
                day: day(row.time),
                environment: row.environment.as_ref().map_or_else(String::new, ToString::to_string),
                verdict: decided.verdict.to_string(),
                authorised: decided.authorised,
                policy_version: decided.policy_version.unwrap_or(0),
                count: 0,
            };
            if key.day.as_str() >= since {
                let sum = sums.entry(key).or_default();
                *sum = sum.saturating_add(1);
            }
        }
        Ok(sums.into_iter().map(|(key, count)| DayCount { count, ..key }).collect())
    }

    fn rules(&self, since: &str) -> Result<Vec<RuleCount>, IndexError> {
        let mut sums: BTreeMap<RuleCount, u64> = BTreeMap::new();
        for (row, decided) in self.rows.iter().filter_map(|row| Some((row, row.decided.as_ref()?))) {
            let environment = row.environment.as_ref().map_or_else(String::new, ToString::to_string);
            for rule in &decided.fell {
                let (day, rule) = (day(row.time), rule.to_string());
                let key = RuleCount { day, environment: environment.clone(), rule, count: 0 };
                if key.day.as_str() >= since {
                    let sum = sums.entry(key).or_default();
                    *sum = sum.saturating_add(1);
                }
            }
        }
        Ok(sums.into_iter().map(|(key, count)| RuleCount { count, ..key }).collect())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_every_index_does() {
        super::super::tests::answers(&mut super::MemoryIndex::new());
    }
}
