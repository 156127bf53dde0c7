//! What a policy asks of reviews.

use crate::parameters::{ParameterError, Reader};
use countersign_core::digest::Sha256;
use countersign_core::git::content::HiddenKind;
use countersign_core::git::merge::RULE;
use countersign_core::ids::RefName;
use countersign_core::json::{self, JsonError};
use countersign_core::statement::review::Tier;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a policy asks of reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Approvals beyond a known and trusted author, at least 1.
    pub reviewers_beyond_author: u32,
    /// The least tier of evidence.
    pub least_tier: Tier,
    /// Whether a review holds when the branch moved between review and landing.
    pub base_drift: BaseDrift,
    /// Before what the agreement has to be shown.
    pub agreed_before: AgreedBefore,
    /// Whether a forge's evidence needs the branch's rules to have been in force.
    pub forge_rules: ForgeRules,
    /// What blocks of that which a diff does not show.
    pub hidden_content: BTreeSet<HiddenKind>,
    /// Whether agreement that gittuf recorded in the repository counts.
    pub foreign_reviews: ForeignReviews,
}

/// Whether agreement that gittuf recorded in the repository counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignReviews {
    /// It does not. What is handed in of it is shown.
    Ignore,
    /// It does, as T1 and by our trust alone.
    Count,
}

/// Whether a forge's evidence needs the branch's rules to have been in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeRules {
    /// It does: known, enforced, with no way past them, and passed.
    Enforced,
    /// It does not: who agreed to what is proved change by change all the same.
    Any,
}

/// Whether a review holds when the branch moved between review and landing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseDrift {
    /// It does: the proof is over the tree that landed.
    Allow,
    /// It has to be made again on the new base.
    Reapprove,
}

/// Before what the agreement has to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgreedBefore {
    /// Before the promotion.
    Promotion,
    /// Before the change landed, by a time that somebody else observed.
    Landing,
}

const HIDDEN: &str =
    "a list of: bidi, invisible, symlink, submodule, binary, lfs, no-diff, generated, executable, unread";

impl Default for Parameters {
    fn default() -> Self {
        Self {
            reviewers_beyond_author: 1,
            least_tier: Tier::T3,
            base_drift: BaseDrift::Allow,
            agreed_before: AgreedBefore::Promotion,
            forge_rules: ForgeRules::Enforced,
            hidden_content: BTreeSet::from([HiddenKind::Bidi]),
            foreign_reviews: ForeignReviews::Ignore,
        }
    }
}

impl Parameters {
    /// The digest of everything that is asked for, with the number of the merge rule and the branch of the cut: two runs with
    /// the same one ask the same. Over the canonical JSON of the parameters by their names, every one given.
    pub fn digest(&self, cut_from: Option<&RefName>) -> Result<Sha256, JsonError> {
        // Taken apart, so that a parameter that is new cannot be forgotten here.
        let Self {
            reviewers_beyond_author,
            least_tier,
            base_drift,
            agreed_before,
            forge_rules,
            hidden_content,
            foreign_reviews,
        } = self;
        let drift = match base_drift {
            BaseDrift::Allow => "allow",
            BaseDrift::Reapprove => "reapprove",
        };
        let before = match agreed_before {
            AgreedBefore::Promotion => "promotion",
            AgreedBefore::Landing => "landing",
        };
        let rules = match forge_rules {
            ForgeRules::Enforced => "enforced",
            ForgeRules::Any => "any",
        };
        let foreign = match foreign_reviews {
            ForeignReviews::Ignore => "ignore",
            ForeignReviews::Count => "count",
        };
        let hidden: BTreeSet<&str> = hidden_content.iter().map(|kind| kind.as_str()).collect();
        Ok(Sha256::of(&json::canonical(&json!({
            "agreed_before": before,
            "base_drift": drift,
            "cut_from": cut_from,
            "foreign_reviews": foreign,
            "forge_rules": rules,
            "hidden_content": hidden,
            "least_tier": least_tier,
            "merge_rule": RULE,
            "reviewers_beyond_author": reviewers_beyond_author,
        }))?))
    }

    /// Reads a rule's parameters. What is not given has the documented default; what is not known is refused.
    pub fn read(values: &BTreeMap<String, Value>) -> Result<Self, ParameterError> {
        let default = Self::default();
        let mut reader = Reader::new(values);
        let tiers = [("T1", Tier::T1), ("T2", Tier::T2), ("T3", Tier::T3)];
        let drifts = [("allow", BaseDrift::Allow), ("reapprove", BaseDrift::Reapprove)];
        let befores = [("promotion", AgreedBefore::Promotion), ("landing", AgreedBefore::Landing)];
        let rules = [("enforced", ForgeRules::Enforced), ("any", ForgeRules::Any)];
        let foreign = [("ignore", ForeignReviews::Ignore), ("count", ForeignReviews::Count)];
        let beyond = reader.number("reviewers_beyond_author", 1..=16, "a number from 1 to 16", 1)?;
        let read = Self {
            reviewers_beyond_author: u32::try_from(beyond).unwrap_or(u32::MAX),
            least_tier: reader.word("least_tier", &tiers, "T1, T2 or T3", default.least_tier)?,
            base_drift: reader.word("base_drift", &drifts, "`allow` or `reapprove`", default.base_drift)?,
            agreed_before: reader.word("agreed_before", &befores, "`promotion` or `landing`", default.agreed_before)?,
            forge_rules: reader.word("forge_rules", &rules, "`enforced` or `any`", default.forge_rules)?,
            hidden_content: reader.words("hidden_content", HiddenKind::ALL, HIDDEN, default.hidden_content)?,
            foreign_reviews: reader.word(
                "foreign_reviews",
                &foreign,
                "`ignore` or `count`",
                default.foreign_reviews,
            )?,
        };
        reader.finish()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_ask_something_else_have_another_digest() {
        let default = Parameters::default();
        let others = [
            Parameters { reviewers_beyond_author: 2, ..default.clone() },
            Parameters { least_tier: Tier::T1, ..default.clone() },
            Parameters { base_drift: BaseDrift::Reapprove, ..default.clone() },
            Parameters { agreed_before: AgreedBefore::Landing, ..default.clone() },
            Parameters { forge_rules: ForgeRules::Any, ..default.clone() },
            Parameters { hidden_content: BTreeSet::new(), ..default.clone() },
            Parameters { foreign_reviews: ForeignReviews::Count, ..default.clone() },
        ];
        let main = RefName::new("refs/heads/main").unwrap();
        let all: BTreeSet<Sha256> =
            others.iter().chain([&default]).map(|parameters| parameters.digest(None).unwrap()).collect();
        assert_eq!(all.len(), others.len() + 1);
        assert!(!all.contains(&default.digest(Some(&main)).unwrap()));
        assert_eq!(default.digest(None), Parameters::default().digest(None));
    }
}
