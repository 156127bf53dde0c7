//! What is in a log, for who looks for something in it: rows by subject, and a few narrow sums. Derived from log and
//! evidence, and never trusted: what it says is looked up, not proved. It stores to which size and root it was built, in
//! the same step as the rows; where those are not the log's, it is built again from nothing.

mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use memory::MemoryIndex;

use crate::disk::DiskError;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use std::path::PathBuf;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its index.
    pub entry: u64,
    /// Its time.
    pub time: Time,
    /// What was recorded.
    pub kind: Kind,
    /// For which environment.
    pub environment: Option<EnvName>,
    /// What it is about.
    pub subjects: Vec<Sha256>,
    /// What a decision came to; none of other kinds, and where the decision is not in the store.
    pub decided: Option<Decided>,
}

/// What a decision came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether it authorised.
    pub authorised: bool,
    /// The version of the release that it was made by.
    pub policy_version: Option<u64>,
    /// The rules that did not pass.
    pub fell: Vec<RuleId>,
}

/// How often decisions of one kind were made in a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayCount {
    /// The day, as `2026-11-26`.
    pub day: String,
    /// The environment.
    pub environment: String,
    /// The verdict.
    pub verdict: String,
    /// Whether they authorised.
    pub authorised: bool,
    /// The release's version; 0 where there was none.
    pub policy_version: u64,
    /// How many.
    pub count: u64,
}

/// How often a rule did not pass in a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleCount {
    /// The day.
    pub day: String,
    /// The environment.
    pub environment: String,
    /// The rule.
    pub rule: String,
    /// How many decisions.
    pub count: u64,
}

/// An index of a log. One for many machines can join here.
pub trait Index {
    /// The size and root of the log that it was built to; none where it is empty.
    fn built_to(&self) -> Result<Option<(u64, Sha256)>, IndexError>;

    /// Forgets everything.
    fn clear(&mut self) -> Result<(), IndexError>;

    /// Adds rows, and says in the same step to which size and root it is built then.
    fn add(&mut self, rows: &[Row], size: u64, root: &Sha256) -> Result<(), IndexError>;

    /// The entries about a subject, oldest first.
    fn about(&self, subject: &Sha256) -> Result<Vec<Row>, IndexError>;

    /// The decisions by day, from a day on.
    fn days(&self, since: &str) -> Result<Vec<DayCount>, IndexError>;

    /// The rules that did not pass by day, from a day on.
    fn rules(&self, since: &str) -> Result<Vec<RuleCount>, IndexError>;
}

/// Why an index does not answer. It can always be built again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The database failed.
    #[error("the index {} failed: {why}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
}

/// The day of a time.
pub(crate) fn day(time: Time) -> String {
    time.to_string().chars().take(10).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(entry: u64, day: u32, subject: &[u8], decided: Option<Decided>) -> Row {
        Row {
            entry,
            time: format!("2026-11-{day:02}T10:00:00Z").parse().unwrap(),
            kind: Kind::PromotionDecision,
            environment: Some(EnvName::new("production").unwrap()),
            subjects: vec![Sha256::of(subject)],
            decided,
        }
    }

    pub(crate) fn decided(verdict: Verdict, fell: &[&str]) -> Decided {
        let fell = fell.iter().map(|rule| rule.parse().unwrap()).collect();
        Decided { verdict, authorised: verdict == Verdict::Pass, policy_version: Some(3), fell }
    }

    /// What every index answers alike.
    pub(crate) fn answers(index: &mut dyn Index) {
        assert_eq!(index.built_to().unwrap(), None);
        let rows = [
            row(0, 1, b"one", Some(decided(Verdict::Fail, &["sbom-present@1", "builder-level@1"]))),
            row(1, 1, b"one", Some(decided(Verdict::Fail, &["sbom-present@1"]))),
            row(2, 2, b"one", Some(decided(Verdict::Pass, &[]))),
            Row { kind: Kind::Exception, decided: None, ..row(3, 2, b"other", None) },
        ];
        index.add(&rows[..2], 2, &Sha256::of(b"two")).unwrap();
        index.add(&rows[2..], 4, &Sha256::of(b"four")).unwrap();
        assert_eq!(index.built_to().unwrap(), Some((4, Sha256::of(b"four"))));
        assert_eq!(index.about(&Sha256::of(b"one")).unwrap(), rows[..3]);
        assert_eq!(index.about(&Sha256::of(b"other")).unwrap(), rows[3..]);
        assert_eq!(index.about(&Sha256::of(b"none")).unwrap(), []);
        let days = index.days("2026-11-01").unwrap();
        let of = |day: &str, verdict: &str, count| DayCount {
            day: day.to_owned(),
            environment: "production".to_owned(),
            verdict: verdict.to_owned(),
            authorised: verdict == "PASS",
            policy_version: 3,
            count,
        };
        assert_eq!(days, [of("2026-11-01", "FAIL", 2), of("2026-11-02", "PASS", 1)]);
        assert_eq!(index.days("2026-11-02").unwrap(), days[1..]);
        let rules: Vec<_> = index.rules("2026-11-01").unwrap().into_iter().map(|one| (one.rule, one.count)).collect();
        assert_eq!(rules, [("builder-level@1".to_owned(), 1), ("sbom-present@1".to_owned(), 2)]);
        index.clear().unwrap();
        assert_eq!((index.built_to().unwrap(), index.days("").unwrap().len()), (None, 0));
    }
}
