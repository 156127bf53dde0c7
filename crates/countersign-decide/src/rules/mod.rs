//! The built-in rules: one file each, registered here and nowhere else.
//!
//! A rule's number names its meaning. An edit that could change any verdict is a new number in a new file; the old file
//! stays, so that old decisions come out again as they were.

mod audit_log_kept_1;
mod builder_level_1;
mod context;
mod database_encrypted_1;
mod dependencies_pinned_1;
mod dependencies_pinned_2;
mod hermetic_build_1;
mod image_registry_1;
mod licences_allowed_1;
mod no_secrets_1;
mod no_secrets_2;
mod provenance_expected_1;
mod sbom_present_1;
mod source_clean_1;
mod tests_passed_1;
mod two_party_review_1;
mod vulnerabilities_handled_1;
mod vulnerabilities_handled_2;
mod vulnerabilities_handled_3;

pub use context::{Built, Context, Landed};

use crate::parameters::ParameterError;
use crate::review::{ForeignReviews, Parameters};
use crate::written;
use countersign_core::codes;
use countersign_core::finding::{Finding, RuleNote};
use countersign_core::ids::RuleId;
use countersign_core::policy::Rule;
use serde_json::Value;
use std::collections::BTreeMap;

/// A built-in rule.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// `name@N`.
    pub id: &'static str,
    /// What holds when the rule passes.
    pub title: &'static str,
    /// Why it exists.
    pub why: &'static str,
    /// What to do when it is broken.
    pub fix: &'static str,
    /// Its parameters, for people.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The controls that it is meant for.
    pub controls: &'static [&'static str],
    /// Refuses parameters that it cannot use.
    pub accepts: fn(&BTreeMap<String, Value>) -> Result<(), ParameterError>,
    /// Evaluates it. No finding above a note is a pass.
    pub check: fn(&Context<'_>, &Rule) -> Vec<Finding>,
}

impl BuiltIn {
    /// What it says about itself beside each of its findings, as a release uses it.
    #[must_use]
    pub fn note(&self, rule: &Rule) -> RuleNote {
        RuleNote {
            id: rule.id.clone(),
            severity: String::new(),
            why: self.why.to_owned(),
            owner: rule.owner.clone().unwrap_or_default(),
            docs: None,
        }
    }
}

/// All of them, by name.
pub const ALL: &[BuiltIn] = &[
    audit_log_kept_1::RULE,
    builder_level_1::RULE,
    database_encrypted_1::RULE,
    dependencies_pinned_1::RULE,
    dependencies_pinned_2::RULE,
    hermetic_build_1::RULE,
    image_registry_1::RULE,
    licences_allowed_1::RULE,
    no_secrets_1::RULE,
    no_secrets_2::RULE,
    provenance_expected_1::RULE,
    sbom_present_1::RULE,
    source_clean_1::RULE,
    tests_passed_1::RULE,
    two_party_review_1::RULE,
    vulnerabilities_handled_1::RULE,
    vulnerabilities_handled_2::RULE,
    vulnerabilities_handled_3::RULE,
];

/// The rule with this id.
#[must_use]
pub fn find(id: &RuleId) -> Option<&'static BuiltIn> {
    ALL.iter().find(|rule| rule.id == id.as_str())
}

/// The meaning of the same name that follows a rule's, if there is one: what a release of today should name.
#[must_use]
pub fn newest_of(rule: &BuiltIn) -> Option<&'static BuiltIn> {
    let parts =
        |id: &'static str| id.split_once('@').and_then(|(name, number)| Some((name, number.parse::<u32>().ok()?)));
    let (name, own) = parts(rule.id)?;
    let of_name =
        ALL.iter().filter_map(|other| parts(other.id).map(|(other_name, number)| (other_name, number, other)));
    let newer = of_name.filter(|(other, number, _)| *other == name && *number > own);
    newer.max_by_key(|(_, number, _)| *number).map(|(_, _, other)| other)
}

/// Every rule in its newest meaning.
pub fn newest() -> impl Iterator<Item = &'static BuiltIn> {
    ALL.iter().filter(|rule| newest_of(rule).is_none())
}

/// Whether a rule reads what other tools recorded in the repository: the git evidence then has to have it.
#[must_use]
pub fn reads_others(rule: &Rule) -> bool {
    rule.folder.is_none()
        && rule.id.as_str() == two_party_review_1::RULE.id
        && Parameters::read(&rule.parameters).is_ok_and(|asked| asked.foreign_reviews == ForeignReviews::Count)
}

/// The built-in rule that a release's rule is: one that is written in the release is none, whatever it is called.
#[must_use]
pub fn built_in(rule: &Rule) -> Option<&'static BuiltIn> {
    if rule.folder.is_some() { None } else { find(&rule.id) }
}

/// The controls that a rule of a release says it serves: by policy.toml, or by its own heading where it is written.
#[must_use]
pub fn controls(rule: &Rule, texts: &BTreeMap<String, String>) -> Vec<String> {
    if rule.folder.is_none() {
        return rule.controls.clone();
    }
    written::heading_of(rule, texts).map(|heading| heading.controls).unwrap_or_default()
}

/// What is wrong with a rule of a release: it is not known, its parameters do not fit, or what is written is wrong.
#[must_use]
pub fn faults(rule: &Rule, texts: &BTreeMap<String, String>, place: &str) -> Vec<Finding> {
    if rule.folder.is_some() {
        return match written::read(rule, texts) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(|problem| problem.finding(texts)).collect(),
        };
    }
    match find(&rule.id) {
        None => vec![
            Finding::new(codes::POLICY_RULE_UNKNOWN, format!("this version has no rule {}", rule.id))
                .at(place)
                .expected(ALL.iter().map(|r| r.id).collect::<Vec<_>>().join(", "), "this version of countersign")
                .found(rule.id.to_string()),
        ],
        Some(built_in) => match (built_in.accepts)(&rule.parameters) {
            Ok(()) => Vec::new(),
            Err(error) => {
                vec![Finding::new(codes::PARAMETER_INVALID, format!("rule {}: {error}", rule.id)).at(place)]
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_well_formed_id_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in ALL {
            let id = RuleId::new(rule.id).unwrap();
            assert!(seen.insert(rule.id), "{} stands twice", rule.id);
            assert!(rule.why.ends_with('.') && rule.fix.ends_with('.'), "{} says why, and what to do", rule.id);
            assert_eq!(find(&id).map(|r| r.id), Some(rule.id));
            assert!((rule.accepts)(&BTreeMap::new()).is_ok(), "{} accepts its own defaults", rule.id);
            let unknown = BTreeMap::from([("no-such-parameter".to_owned(), Value::Null)]);
            assert!((rule.accepts)(&unknown).is_err(), "{} refuses what it does not know", rule.id);
        }
    }

    #[test]
    fn a_rule_with_a_newer_meaning_names_it_and_is_not_among_the_newest() {
        let rule = |id: &str| find(&RuleId::new(id).unwrap()).unwrap();
        assert_eq!(newest_of(rule("no-secrets@1")).map(|rule| rule.id), Some("no-secrets@2"));
        assert_eq!(newest_of(rule("no-secrets@2")).map(|rule| rule.id), None);
        let ids: Vec<&str> = newest().map(|rule| rule.id).collect();
        assert!(ids.contains(&"dependencies-pinned@2") && !ids.contains(&"dependencies-pinned@1"), "{ids:?}");
        assert!(ids.contains(&"builder-level@1"), "{ids:?}");
    }

    #[test]
    fn what_other_tools_recorded_is_read_only_where_a_rule_asks_for_it() {
        let asks = |parameter: Option<&str>| {
            let parameters = parameter.map(|word| ("foreign_reviews".to_owned(), Value::from(word)));
            reads_others(&Rule {
                id: RuleId::new(two_party_review_1::RULE.id).unwrap(),
                stages: BTreeMap::new(),
                dates: countersign_core::policy::RuleDates::default(),
                authors: std::collections::BTreeSet::new(),
                parameters: parameters.into_iter().collect(),
                controls: Vec::new(),
                owner: None,
                folder: None,
            })
        };
        assert!(asks(Some("count")));
        for other in [None, Some("ignore"), Some("yes")] {
            assert!(!asks(other), "{other:?}");
        }
    }
}
