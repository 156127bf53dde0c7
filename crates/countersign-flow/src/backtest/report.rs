//! What a backtest finds, as a document: the same log, release and question give the same bytes on every machine.

use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Verdict};
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::policy::{PolicyRef, Stage};
use countersign_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of a report.
pub(super) const SCHEMA: &str = "https://countersign.dev/schemas/backtest-report/v0.1";

/// What stands for a repository where no decision proved one.
pub(super) const NO_REPOSITORY: &str = "(no repository proved)";

/// How many of the most frequent findings a report lists.
pub(super) const TOP: usize = 10;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BacktestReport {
    /// The form of this document.
    pub schema: String,
    /// The release that was supposed to be active.
    pub release: PolicyRef,
    /// What is taken as if: nothing of this was judged.
    pub as_if: Vec<String>,
    /// The log, as far as it goes.
    pub log: LogRef,
    /// Decisions from this time on; absent is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Decisions for this environment; absent is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvName>,
    /// The moment whose stages the rules had; absent is the time of each decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages_at: Option<Time>,
    /// Every decision in question, by how it comes out.
    pub decisions: Counts,
    /// The same by repository and environment.
    pub services: Vec<ServiceRow>,
    /// What each rule says, by environment.
    pub rules: Vec<RuleRow>,
    /// The decisions that come out otherwise, oldest first.
    pub changed: Vec<ChangedRow>,
    /// How many more come out otherwise than are listed.
    pub changed_unlisted: u64,
    /// The decisions that could not be run again, by reason.
    pub not_replayable: Vec<UnplayedRow>,
    /// What rules newly find, most frequent first.
    pub top_findings: Vec<TopFinding>,
    /// How many findings are new.
    pub new_findings: u64,
}

/// Decisions by how they come out. Each is counted in one place: `seen` is the sum of all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    /// All of them.
    pub seen: u64,
    /// Those with the same verdict.
    pub same: u64,
    /// Those that passed, and would not.
    pub newly_refused: u64,
    /// Those that did not pass, and would.
    pub newly_allowed: u64,
    /// Those that do not pass either way, with another verdict.
    pub refused_otherwise: u64,
    /// Those in which an enforced rule of the new release gives no answer.
    pub error: u64,
    /// Those that could not be run again.
    pub not_replayable: u64,
}

/// How a decision comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Change {
    /// With the same verdict.
    Same,
    /// It passed, and would not.
    NewlyRefused,
    /// It did not pass, and would.
    NewlyAllowed,
    /// It does not pass either way, with another verdict.
    RefusedOtherwise,
    /// An enforced rule of the new release gives no answer.
    Error,
    /// It could not be run again.
    NotReplayable,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::NewlyRefused => "newly refused",
            Self::NewlyAllowed => "newly allowed",
            Self::RefusedOtherwise => "refused otherwise",
            Self::Error => "error",
            Self::NotReplayable => "not replayable",
        })
    }
}

impl Counts {
    /// Counts one.
    pub fn add(&mut self, change: Change) {
        let place = match change {
            Change::Same => &mut self.same,
            Change::NewlyRefused => &mut self.newly_refused,
            Change::NewlyAllowed => &mut self.newly_allowed,
            Change::RefusedOtherwise => &mut self.refused_otherwise,
            Change::Error => &mut self.error,
            Change::NotReplayable => &mut self.not_replayable,
        };
        *place = place.saturating_add(1);
        self.seen = self.seen.saturating_add(1);
    }

    /// Takes in those of another part.
    pub fn join(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.seen, other.seen),
            (&mut self.same, other.same),
            (&mut self.newly_refused, other.newly_refused),
            (&mut self.newly_allowed, other.newly_allowed),
            (&mut self.refused_otherwise, other.refused_otherwise),
            (&mut self.error, other.error),
            (&mut self.not_replayable, other.not_replayable),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// How many there are of a kind.
    #[must_use]
    pub const fn of(&self, change: Change) -> u64 {
        match change {
            Change::Same => self.same,
            Change::NewlyRefused => self.newly_refused,
            Change::NewlyAllowed => self.newly_allowed,
            Change::RefusedOtherwise => self.refused_otherwise,
            Change::Error => self.error,
            Change::NotReplayable => self.not_replayable,
        }
    }
}

/// The decisions of one repository for one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceRow {
    /// The repository, as far as decisions proved one.
    pub repository: String,
    /// The environment.
    pub environment: EnvName,
    /// Whether the new release enforces its gate; absent if it does not cover the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<bool>,
    /// How they come out.
    pub decisions: Counts,
}

/// What one rule said and says in one environment, over the decisions that could be run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleRow {
    /// The rule's name, without its number.
    pub name: String,
    /// The environment.
    pub environment: EnvName,
    /// The rule as the new release has it; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Its stage in the new release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// As what decisions had it: the rule, its stage, and in how many.
    pub was: Vec<WasRow>,
    /// What it said and says: `absent` where it was off or not there.
    pub outcomes: BTreeMap<String, u64>,
    /// Decisions in which it newly does not hold: it held before, or was not there.
    pub newly_broken: u64,
    /// Decisions in which it newly holds.
    pub newly_holds: u64,
    /// Decisions in which it gives no answer.
    pub errors: u64,
    /// How many findings are new.
    pub new_findings: u64,
}

/// As what older decisions had a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WasRow {
    /// The rule.
    pub rule: RuleId,
    /// Its stage.
    pub stage: Stage,
    /// In how many decisions.
    pub decisions: u64,
}

/// A decision that comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedRow {
    /// Its entry in the log.
    pub entry: u64,
    /// When.
    pub time: Time,
    /// For which environment.
    pub environment: EnvName,
    /// Of which repository.
    pub repository: String,
    /// About which artifact.
    pub subject: Sha256,
    /// Its name, for people.
    pub subject_name: String,
    /// How it changes.
    pub change: Change,
    /// What it said.
    pub was: Verdict,
    /// What it would say.
    pub now: Verdict,
    /// The enforced rules that newly do not hold, and other reasons by their codes.
    pub because: Vec<String>,
}

/// Decisions that could not be run again for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnplayedRow {
    /// The reason's code.
    pub code: Code,
    /// The reason in words, as the first one has it.
    pub what: String,
    /// How many.
    pub decisions: u64,
    /// The first entry.
    pub first_entry: u64,
}

/// What a rule newly finds, taken together by its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopFinding {
    /// The rule, or nothing where a check that is no rule found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The code.
    pub code: Code,
    /// The first one in words.
    pub what: String,
    /// How many.
    pub findings: u64,
    /// In how many repositories.
    pub repositories: u64,
    /// The first entry.
    pub first_entry: u64,
}
