//! A person's judgement of a finding: was the rule right to say it? Two persons who agree settle it.

use crate::digest::Sha256;
use crate::ids::{PersonId, RuleId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The namespace of an SSH signature over a judgement.
pub const NAMESPACE: &str = "judgement@countersign.dev";

/// However many judge, this many persons have to agree.
pub const PERSONS: usize = 2;

/// The predicate `https://countersign.dev/judgement/v0.1`. Who judged is whoever signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    /// The finding, by its fingerprint.
    pub finding: Sha256,
    /// The rule that found it.
    pub rule: RuleId,
    /// The report that shows it: what the person had before her.
    pub report: Sha256,
    /// What she says.
    pub verdict: Opinion,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a person says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Opinion {
    /// The rule is right: this should not have been let through.
    TruePositive,
    /// The rule is wrong: there is nothing to mend.
    FalsePositive,
    /// It cannot be told from what is shown.
    Unclear,
}

impl fmt::Display for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TruePositive => "true-positive",
            Self::FalsePositive => "false-positive",
            Self::Unclear => "unclear",
        })
    }
}

/// Where a finding stands, by everybody who judged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Standing {
    /// Enough persons say that the rule is right, and nobody says otherwise.
    TruePositive,
    /// Enough persons say that the rule is wrong, and nobody says otherwise.
    FalsePositive,
    /// Too few persons have judged, or somebody could not tell.
    Open,
    /// Persons, or one person at two times, say different things.
    Disputed,
}

/// Judgements of findings, by person. The order in which they came plays no part.
#[derive(Debug, Clone, Default)]
pub struct Judgements(BTreeMap<Sha256, BTreeMap<PersonId, BTreeSet<Opinion>>>);

impl Judgements {
    /// Takes in one. A person who says the same again is counted once.
    pub fn add(&mut self, person: &PersonId, said: &Judgement) {
        let by_person = self.0.entry(said.finding).or_default();
        by_person.entry(person.clone()).or_default().insert(said.verdict);
    }

    /// Where a finding stands.
    #[must_use]
    pub fn standing(&self, finding: &Sha256) -> Standing {
        let Some(by_person) = self.0.get(finding) else { return Standing::Open };
        let said: BTreeSet<Opinion> = by_person.values().flatten().copied().collect();
        let clear: Vec<Opinion> = said.iter().copied().filter(|said| *said != Opinion::Unclear).collect();
        let persons = by_person.values().filter(|said| said.iter().any(|said| *said != Opinion::Unclear)).count();
        match clear.as_slice() {
            [_, _, ..] => Standing::Disputed,
            [Opinion::TruePositive] if said.len() == 1 && persons >= PERSONS => Standing::TruePositive,
            [Opinion::FalsePositive] if said.len() == 1 && persons >= PERSONS => Standing::FalsePositive,
            _ => Standing::Open,
        }
    }

    /// Who judged a finding.
    pub fn persons(&self, finding: &Sha256) -> impl Iterator<Item = &PersonId> {
        self.0.get(finding).into_iter().flat_map(BTreeMap::keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Opinion::{FalsePositive, TruePositive, Unclear};

    fn standing(said: &[(&str, Opinion)]) -> Standing {
        let mut judgements = Judgements::default();
        let finding = Sha256::of(b"finding");
        for (person, verdict) in said {
            let rule = RuleId::new("no-left-pad@1").unwrap();
            let said = Judgement { finding, rule, report: Sha256::of(b"report"), verdict: *verdict, reason: None };
            judgements.add(&PersonId::new(person).unwrap(), &said);
        }
        judgements.standing(&finding)
    }

    #[test]
    fn two_persons_who_agree_settle_it_and_one_person_twice_does_not() {
        assert_eq!(standing(&[]), Standing::Open);
        assert_eq!(standing(&[("ada", FalsePositive)]), Standing::Open);
        assert_eq!(standing(&[("ada", FalsePositive), ("ada", FalsePositive)]), Standing::Open);
        assert_eq!(standing(&[("ada", FalsePositive), ("ben", FalsePositive)]), Standing::FalsePositive);
        assert_eq!(standing(&[("ada", TruePositive), ("ben", TruePositive)]), Standing::TruePositive);
    }

    #[test]
    fn who_disagrees_or_cannot_tell_keeps_it_open_whatever_the_order() {
        assert_eq!(standing(&[("ada", FalsePositive), ("ben", TruePositive)]), Standing::Disputed);
        assert_eq!(standing(&[("ben", TruePositive), ("ada", FalsePositive)]), Standing::Disputed);
        assert_eq!(standing(&[("ada", FalsePositive), ("ada", TruePositive)]), Standing::Disputed);
        let unclear = [("ada", FalsePositive), ("ben", FalsePositive), ("cy", Unclear)];
        assert_eq!(standing(&unclear), Standing::Open);
    }
}
