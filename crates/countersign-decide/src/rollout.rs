//! What a rule or a release says because of a date: that it blocks later, that it is going away, that it is gone.

use countersign_core::codes;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::policy::{Manifest, Rule, Stage, Step};
use countersign_core::time::Time;

/// With the date from which what was found holds things back.
pub(crate) fn with_date(rule: &Rule, next: Option<Step>, verdict: Verdict, mut findings: Vec<Finding>) -> Vec<Finding> {
    if let Some(step) = next.filter(|step| step.stage == Stage::Enforce && verdict != Verdict::Pass) {
        let what = format!("rule {} holds this back from {} on", rule.id, step.from);
        findings.push(Finding::new(codes::RULE_BLOCKS_LATER, what).help("mend it before then"));
    }
    findings
}

/// Of a rule whose last day has passed. It is not asked any more: what it says has no meaning now, and shows nothing.
pub(crate) fn past(rule: &Rule, at: Time, by: &str) -> Option<Finding> {
    let sunset = rule.dates.sunset_on.filter(|_| rule.is_past(at))?;
    let finding = Finding::new(codes::RULE_SUNSET, format!("rule {} no longer holds since {sunset}", rule.id))
        .expected("a release without it, or with its successor", by)
        .found(format!("sunset_on = {sunset}"));
    Some(match &rule.dates.successor {
        Some(next) => finding.help(format!("release the policy with {next} in its place, and activate it")),
        None => finding.help("release the policy without it, and activate it"),
    })
}

/// Of a rule that is going away.
pub(crate) fn deprecated(rule: &Rule, at: Time) -> Option<Finding> {
    let since = rule.dates.deprecated_on.filter(|since| at >= *since)?;
    let successor = rule.dates.successor.as_ref()?;
    let end = rule.dates.sunset_on.map_or_else(String::new, |end| format!(", and no longer holds from {end} on"));
    let what = format!("rule {} is going away: deprecated since {since}{end}", rule.id);
    Some(Finding::new(codes::RULE_DEPRECATED, what).help(format!("{successor} takes its place")))
}

/// Of a release that is going away, or gone.
pub(crate) fn ending(manifest: &Manifest, at: Time) -> Vec<Finding> {
    let dates = &manifest.dates;
    let place = format!("{}@{}", manifest.uri, manifest.version);
    let instead = |finding: Finding| match &dates.successor {
        Some(next) => finding.help(format!("{next} takes its place: activate it")),
        None => finding.help("release and activate the next version of the policy"),
    };
    if let Some(end) = dates.sunset_on.filter(|end| at >= *end) {
        let finding = Finding::new(codes::POLICY_SUNSET, "the policy release no longer holds")
            .at(place)
            .expected(format!("a time before {end}"), "the release")
            .found(at.to_string());
        return vec![instead(finding)];
    }
    let Some(since) = dates.deprecated_on.filter(|since| at >= *since) else { return Vec::new() };
    let end = dates.sunset_on.map_or_else(String::new, |end| format!(", and no longer holds from {end} on"));
    let what = format!("the policy release is going away: deprecated since {since}{end}");
    vec![instead(Finding::new(codes::POLICY_DEPRECATED, what).at(place))]
}
