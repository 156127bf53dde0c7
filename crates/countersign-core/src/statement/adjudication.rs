//! What people say of what a rule found: was it right to object? Each person signs a statement of her own; its subjects are
//! the signed decisions that it speaks of. Two persons who agree settle it, whether the rule said it when the decision was
//! made, or in a backtest of that decision.

use crate::digest::Sha256;
use crate::finding::Finding;
use crate::ids::{EnvName, PersonId, RuleId};
use crate::json::{self, JsonError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// However many judge, this many persons have to agree.
pub const PERSONS: usize = 2;

/// The form of a finding's fingerprint.
const FINGERPRINT: &str = "countersign/backtest-finding/v1";

/// The predicate `https://countersign.dev/adjudication/v0.1`. Who says it is whoever signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Adjudication {
    /// Where the decisions were made.
    pub environment: EnvName,
    /// What is said of each.
    pub labels: Vec<Label>,
    /// The backtest's report that shows the findings: what the person had before her.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Sha256>,
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
    /// One finding of it, by its fingerprint; without it, all that the rule found there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Sha256>,
    /// Whether it was right.
    pub label: Opinion,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a rule was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Opinion {
    /// It objects to what ought to be refused.
    TruePositive,
    /// It objects to what is good.
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

/// How a finding is named: by the signed decision, the rule, its code, its words and its places. The same finding of the
/// same decision has the same name in the record and in every backtest.
pub fn fingerprint(decision: &Sha256, rule: &RuleId, finding: &Finding) -> Result<Sha256, JsonError> {
    let parts = (FINGERPRINT, decision, rule, finding.code, &finding.what, &finding.at, &finding.found);
    Ok(Sha256::of(&json::canonical(&parts)?))
}

/// Where something stands, by everybody who spoke of it.
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

/// What a label is about.
pub type About = (Sha256, RuleId, Option<Sha256>);

/// What was said, by person. The order in which it came plays no part: nobody's word is taken back, or replaces another's.
#[derive(Debug, Clone, Default)]
pub struct Opinions(BTreeMap<About, BTreeMap<PersonId, BTreeSet<Opinion>>>);

impl Opinions {
    /// Takes in what a person says. Who says the same again is counted once.
    pub fn add(&mut self, person: &PersonId, said: &Label) {
        let by_person = self.0.entry((said.decision, said.rule.clone(), said.finding)).or_default();
        by_person.entry(person.clone()).or_default().insert(said.label);
    }

    /// Where one finding stands: what was said of it, and of all that the rule found there.
    #[must_use]
    pub fn of_finding(&self, decision: &Sha256, rule: &RuleId, finding: &Sha256) -> Standing {
        self.standing(&[(*decision, rule.clone(), None), (*decision, rule.clone(), Some(*finding))])
    }

    /// Where a rule's objection to a decision stands, with all its findings: it was right if one of them is, and wrong only
    /// if all of them are.
    #[must_use]
    pub fn of_decision(&self, decision: &Sha256, rule: &RuleId, findings: &BTreeSet<Sha256>) -> Standing {
        if findings.is_empty() {
            return self.standing(&[(*decision, rule.clone(), None)]);
        }
        let each: BTreeSet<Standing> =
            findings.iter().map(|finding| self.of_finding(decision, rule, finding)).collect();
        let order = [Standing::Disputed, Standing::TruePositive, Standing::Open, Standing::FalsePositive];
        order.into_iter().find(|standing| each.contains(standing)).unwrap_or(Standing::Open)
    }

    /// What is spoken of, and by whom: with what they said of all that the rule found there.
    pub fn spoken_of(&self) -> impl Iterator<Item = (&About, BTreeSet<&PersonId>)> {
        self.0.iter().map(|(about, by_person)| {
            let whole = self.0.get(&(about.0, about.1.clone(), None));
            (about, by_person.keys().chain(whole.into_iter().flat_map(BTreeMap::keys)).collect())
        })
    }

    fn standing(&self, about: &[About]) -> Standing {
        let mut by_person: BTreeMap<&PersonId, BTreeSet<Opinion>> = BTreeMap::new();
        for (person, said) in about.iter().filter_map(|about| self.0.get(about)).flatten() {
            by_person.entry(person).or_default().extend(said);
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use Opinion::{FalsePositive, TruePositive, Unclear};

    fn said(all: &[(&str, Option<&str>, Opinion)]) -> Opinions {
        let mut opinions = Opinions::default();
        for (person, finding, label) in all {
            let said = Label {
                decision: Sha256::of(b"decision"),
                rule: rule(),
                finding: finding.map(|finding| Sha256::of(finding.as_bytes())),
                label: *label,
                reason: None,
            };
            opinions.add(&PersonId::new(person).unwrap(), &said);
        }
        opinions
    }

    fn rule() -> RuleId {
        RuleId::new("no-left-pad@1").unwrap()
    }

    fn of_finding(all: &[(&str, Opinion)]) -> Standing {
        let all: Vec<_> = all.iter().map(|(person, opinion)| (*person, Some("f"), *opinion)).collect();
        said(&all).of_finding(&Sha256::of(b"decision"), &rule(), &Sha256::of(b"f"))
    }

    fn of_decision(all: &[(&str, Option<&str>, Opinion)]) -> Standing {
        let findings = ["f", "g"].map(|finding| Sha256::of(finding.as_bytes())).into();
        said(all).of_decision(&Sha256::of(b"decision"), &rule(), &findings)
    }

    #[test]
    fn two_persons_who_agree_settle_it_and_one_person_twice_does_not() {
        assert_eq!(of_finding(&[]), Standing::Open);
        assert_eq!(of_finding(&[("ada", FalsePositive)]), Standing::Open);
        assert_eq!(of_finding(&[("ada", FalsePositive), ("ada", FalsePositive)]), Standing::Open);
        assert_eq!(of_finding(&[("ada", FalsePositive), ("ben", FalsePositive)]), Standing::FalsePositive);
        assert_eq!(of_finding(&[("ada", TruePositive), ("ben", TruePositive)]), Standing::TruePositive);
    }

    #[test]
    fn who_disagrees_or_cannot_tell_keeps_it_open_whatever_the_order() {
        assert_eq!(of_finding(&[("ada", FalsePositive), ("ben", TruePositive)]), Standing::Disputed);
        assert_eq!(of_finding(&[("ben", TruePositive), ("ada", FalsePositive)]), Standing::Disputed);
        assert_eq!(of_finding(&[("ada", FalsePositive), ("ada", TruePositive)]), Standing::Disputed);
        let unclear = [("ada", FalsePositive), ("ben", FalsePositive), ("cy", Unclear)];
        assert_eq!(of_finding(&unclear), Standing::Open);
    }

    #[test]
    fn a_rule_was_wrong_only_if_all_that_it_found_is_and_right_if_one_is() {
        let both = |finding, opinion| [("ada", finding, opinion), ("ben", finding, opinion)];
        assert_eq!(of_decision(&both(None, FalsePositive)), Standing::FalsePositive);
        assert_eq!(of_decision(&both(Some("f"), FalsePositive)), Standing::Open);
        let each = [both(Some("f"), FalsePositive), both(Some("g"), FalsePositive)].concat();
        assert_eq!(of_decision(&each), Standing::FalsePositive);
        let one = [both(Some("f"), FalsePositive), both(Some("g"), TruePositive)].concat();
        assert_eq!(of_decision(&one), Standing::TruePositive);
        // What is said of the whole is said of each: one person of the whole and another of the part agree.
        assert_eq!(
            of_decision(&[("ada", None, TruePositive), ("ben", Some("f"), TruePositive)]),
            Standing::TruePositive
        );
        let against = [both(None, FalsePositive).to_vec(), vec![("cy", Some("g"), TruePositive)]].concat();
        assert_eq!(of_decision(&against), Standing::Disputed);
    }
}
