//! Floors: what trust lets no policy release go below.

use crate::parameters::ParameterError;
use crate::review;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::policy::{Manifest, Rule, Stage};
use countersign_core::statement::review::Tier;
use countersign_core::time::Time;
use countersign_core::trust::Floor;

/// What is done about a rule that is too low.
const RAISE: &str = "raise the rule in policy.toml and release it again; floors are changed in trust alone";

/// Checks a release against an environment's floor. Holds at activation, and again at every decision, since trust may
/// have changed in between, and a rule's stage with its date.
#[must_use]
pub fn check(manifest: &Manifest, environment: &EnvName, floor: &Floor, at: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    let by = format!("trust, environment {environment}");
    let place = format!("policy release {}@{}", manifest.uri, manifest.version);
    let mut below = |what: String, expected: String, found: String, help: &str| {
        findings.push(
            Finding::new(codes::POLICY_BELOW_FLOOR, what)
                .at(place.as_str())
                .expected(expected, by.as_str())
                .found(found)
                .help(help),
        );
    };
    for id in &floor.enforced_rules {
        let stage = manifest.rules.iter().find(|rule| rule.id == *id).map(|rule| rule.stage_at(environment, at));
        if stage != Some(Stage::Enforce) {
            below(
                format!("rule {id} is not enforced for {environment}"),
                "stage enforce".to_owned(),
                stage.map_or_else(|| "not in the release".to_owned(), |stage| format!("stage {stage}")),
                RAISE,
            );
        }
    }
    let enforced = manifest.environments.get(environment).is_some_and(|e| e.enforced);
    // Whatever the floor asks of rules, a gate that lets through what rules refuse keeps none of it. What it asks of time and
    // witnesses such a gate does not let through.
    let asks = !floor.enforced_rules.is_empty() || floor.review_tier > Tier::T0 || floor.builder_level > 0;
    if !enforced && asks {
        below(
            format!("the gate of {environment} is not enforced"),
            "enforced = true".to_owned(),
            "enforced = false".to_owned(),
            &format!(
                "set `enforced = true` under [environments.{environment}] in policy.toml, and release it again; floors are changed \
                 in trust alone"
            ),
        );
    }
    if floor.review_tier > Tier::T0 {
        let found = rule_named(manifest, environment, at, "two-party-review@").map(least_tier);
        if !matches!(found, Some(Ok(tier)) if tier >= floor.review_tier) {
            below(
                format!("review evidence for {environment} may be weaker than the floor"),
                format!("an enforced rule two-party-review with least_tier {} or higher", floor.review_tier),
                match found {
                    None => "no enforced rule two-party-review".to_owned(),
                    Some(Ok(tier)) => format!("least_tier {tier}"),
                    Some(Err(error)) => error.to_string(),
                },
                RAISE,
            );
        }
    }
    if floor.builder_level > 0 {
        let found = rule_named(manifest, environment, at, "builder-level@").map(least_level);
        if found.is_none_or(|level| level < u64::from(floor.builder_level)) {
            below(
                format!("the SLSA Build level for {environment} may be lower than the floor"),
                format!("an enforced rule builder-level with least {} or higher", floor.builder_level),
                found.map_or_else(|| "no enforced rule builder-level".to_owned(), |level| format!("least {level}")),
                RAISE,
            );
        }
    }
    findings
}

fn rule_named<'m>(manifest: &'m Manifest, environment: &EnvName, at: Time, prefix: &str) -> Option<&'m Rule> {
    manifest
        .rules
        .iter()
        .filter(|rule| rule.folder.is_none())
        .find(|rule| rule.id.as_str().starts_with(prefix) && rule.stage_at(environment, at) == Stage::Enforce)
}

fn least_tier(rule: &Rule) -> Result<Tier, ParameterError> {
    review::Parameters::read(&rule.parameters).map(|parameters| parameters.least_tier)
}

fn least_level(rule: &Rule) -> u64 {
    rule.parameters.get("least").map_or(2, |value| value.as_u64().unwrap_or(0))
}
