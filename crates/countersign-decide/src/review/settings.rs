//! What a forge could not tell, and the rules of the branch: looked at where the proof leans on a forge.

use super::Question;
use super::parameters::ForgeRules;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::statement::change_review::{
    ChangeReview, EventKind, FailedRule, ForgeKind, RuleSuite, RulesInForce, SuiteResult,
};
use countersign_verify::ForgeChange;

/// Parts of the record that are missing. One record of a landing that lacks nothing is enough.
pub(super) fn shortfalls(question: &Question<'_>, recorded: &[&ForgeChange]) -> Vec<Finding> {
    let short = |recorded: &&ForgeChange| recorded.change().shortfalls.iter().any(|short| !short.what.is_setting());
    if !recorded.iter().all(short) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for recorded in recorded {
        for short in recorded.change().shortfalls.iter().filter(|short| !short.what.is_setting()) {
            findings.push(
                Finding::new(codes::FORGE_SHORTFALL, "a part of what the forge knows of the change could not be read")
                    .at(place(recorded.change()))
                    .expected("all of it: unknown is not zero", question.by)
                    .found(short.why.as_str())
                    .help("give the collector's token what it lacks, and collect again; what the forge itself cuts off, reviewers can sign: `countersign review sign`"),
            );
        }
    }
    findings
}

/// Whether the branch's rules were in force. Asked of every record of the landing.
pub(super) fn check(question: &Question<'_>, recorded: &[&ForgeChange]) -> Vec<Finding> {
    if question.parameters.forge_rules == ForgeRules::Any {
        return Vec::new();
    }
    recorded.iter().flat_map(|recorded| rules(question, recorded.change())).collect()
}

/// An app's word of approvals on a forge, without any record of the forge's rules.
pub(super) fn unrecorded(question: &Question<'_>, head: &Oid) -> Option<Finding> {
    (question.parameters.forge_rules == ForgeRules::Enforced).then(|| {
        Finding::new(codes::RULES_UNKNOWN, "the branch's rules are not known, and unknown is not enforced")
            .at(format!("change {head}"))
            .expected("rules that were in force for everybody", question.by)
            .found("an app's word of approvals, and no record of the rules")
            .help("let the collector read them; where rules are not to matter: `--any-rules`, or `forge_rules = \"any\"` in the policy")
    })
}

/// What speaks against the branch's rules having been in force for everybody, by one record.
pub(super) fn rules(question: &Question<'_>, change: &ChangeReview) -> Vec<Finding> {
    let finding = |code, what: &str, found: String| {
        Finding::new(code, what)
            .at(place(change))
            .expected("rules that were in force for everybody", question.by)
            .found(found)
    };
    let unknown = |found: &str| {
        finding(codes::RULES_UNKNOWN, "the branch's rules are not known, and unknown is not enforced", found.to_owned())
            .help("let the collector read them; where rules are not to matter: `--any-rules`, or `forge_rules = \"any\"` in the policy")
    };
    let mut findings = Vec::new();
    match change.rule_suite.as_ref().map(|suite| (suite.result, suite)) {
        Some((SuiteResult::Bypass, suite)) => {
            let what = "somebody went past the branch's rules when the change landed";
            findings.push(finding(codes::RULES_BYPASSED, what, outcome("bypass", suite)));
        }
        Some((SuiteResult::Fail, suite)) => {
            let what = "the change landed although the branch's rules did not hold";
            findings.push(finding(codes::RULES_NOT_ENFORCED, what, outcome("fail", suite)));
        }
        // Only GitHub records how rules came out for each landing.
        None if change.repository.forge == ForgeKind::Github => {
            findings.push(unknown("no record of how the rules came out for the landing"));
        }
        Some((SuiteResult::Pass, _)) | None => {}
    }
    match &change.rules {
        None => findings.push(unknown("no record of the rules")),
        Some(rules) => {
            if let Some(found) = lenient(rules) {
                let what = "the branch's rules do not hold for everybody";
                findings.push(finding(codes::RULES_NOT_ENFORCED, what, found));
            }
            if rules.bypass_actors.is_none() {
                findings.push(unknown("who may go past the rules is hidden from the collector"));
            }
            let landed = change.events.iter().find(|event| event.what == EventKind::Merged).and_then(|event| event.at);
            if let (Some(changed), Some(landed)) = (rules.changed_at, landed)
                && changed > landed
            {
                let what = "the rules were changed after the landing, so those that were in force are not known";
                findings.push(finding(codes::RULES_CHANGED, what, format!("landed {landed}, changed {changed}")));
            }
        }
    }
    findings
}

fn lenient(rules: &RulesInForce) -> Option<String> {
    if !rules.enforced {
        return Some("rules that only watch".to_owned());
    }
    if rules.approvals == 0 {
        return Some("rules that ask for no approval".to_owned());
    }
    rules.bypass_actors.filter(|count| *count > 0).map(|count| format!("{count} who may go past them"))
}

/// `bypass of pull_request (ruleset 5, reviews)`: the outcome, and the rules that did not hold as far as they are known.
fn outcome(word: &str, suite: &RuleSuite) -> String {
    let named = |failed: &FailedRule| {
        let ruleset = failed.ruleset.map(|id| format!("ruleset {id}"));
        let source: Vec<String> = ruleset.into_iter().chain(failed.name.clone()).collect();
        if source.is_empty() { failed.rule.clone() } else { format!("{} ({})", failed.rule, source.join(", ")) }
    };
    let rules: Vec<String> = suite.failed.iter().map(named).collect();
    if rules.is_empty() { word.to_owned() } else { format!("{word} of {}", rules.join(", ")) }
}

fn place(change: &ChangeReview) -> String {
    format!("change {}", change.change.url)
}
