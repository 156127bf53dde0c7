//! A decision that was run again, held against the recorded one. The version that recorded it says the same to the letter; another
//! one may say it in other sentences, and has to come to the same values: verdict, rules, codes, places, persons, what was expected
//! and what was found. The sentences of another version are compared with nothing, and so they are shown to nobody.

use countersign_core::codes;
use countersign_core::decision::{Decision, RuleOutcome};
use countersign_core::finding::{Check, Class, Finding, Verdict};
use countersign_core::json;
use serde_json::Value;

/// The version whose words are those of here.
const HERE: &str = env!("CARGO_PKG_VERSION");

/// What came of holding them against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// They are the same.
    Same,
    /// Another version recorded it, in other words.
    OtherWords,
    /// They are not, and where.
    Otherwise(Box<Finding>),
}

/// Compares two decisions; a finding names the first difference by JSON pointer.
#[must_use]
pub fn compare(recorded: &Decision, again: &Decision) -> Compared {
    if recorded == again {
        return Compared::Same;
    }
    if !is_of_another_version(recorded) {
        return otherwise(recorded, again);
    }
    let (recorded, mut again) = (without_words(recorded), without_words(again));
    without_more(&mut again, &recorded);
    if recorded == again { Compared::OtherWords } else { otherwise(&recorded, &again) }
}

/// Whether another version says that it recorded the decision: its sentences are not the ones of here, and nobody has to believe
/// that they were that version's.
pub(crate) fn is_of_another_version(decision: &Decision) -> bool {
    decision.request.tool.version != HERE
}

/// A finding of such a decision for whoever prints it: every value as it was recorded, and the sentence by which the registry
/// explains the code. What a gate wrote there itself is shown to nobody, since no other version can hold it against anything.
pub(crate) fn in_words_of_here(finding: &Finding) -> Finding {
    let mut ours = values_of(finding);
    if ours.what.is_empty() {
        codes::find(finding.code.as_str()).map_or("", |entry| entry.meaning).clone_into(&mut ours.what);
    }
    ours
}

/// What a decision says for good: all of it but the sentences. Which commit, who, what was expected and what was found are values,
/// whoever recorded them.
fn without_words(decision: &Decision) -> Decision {
    let rules = decision
        .rules
        .iter()
        .map(|rule| RuleOutcome { findings: rule.findings.iter().map(values_of).collect(), ..rule.clone() });
    let checks = decision.checks.iter().map(|check| Check { detail: String::new(), ..check.clone() });
    Decision {
        checks: checks.collect(),
        findings: decision.findings.iter().map(values_of).collect(),
        rules: rules.collect(),
        ..decision.clone()
    }
}

/// Less what a version may say beyond the one that recorded: another line of the checklist that passes, another note. What was
/// recorded has to come again, and what is shown of a decision has to have been recorded.
fn without_more(again: &mut Decision, recorded: &Decision) {
    again.checks.retain(|check| check.verdict != Verdict::Pass || recorded.checks.contains(check));
    let keep = |all: &mut Vec<Finding>, said: &[Finding]| all.retain(|one| is_told(one) || said.contains(one));
    keep(&mut again.findings, &recorded.findings);
    for (rule, said) in again.rules.iter_mut().zip(&recorded.rules) {
        keep(&mut rule.findings, &said.findings);
    }
}

/// Whether answers tell of a finding: of all but notes, and of those of vulnerabilities.
pub(crate) fn is_told(finding: &Finding) -> bool {
    finding.class != Class::Note || is_of_a_vulnerability(finding)
}

/// The vulnerability has its name in the sentence and nowhere else, so that this sentence is a value: answers look for it there.
fn is_of_a_vulnerability(finding: &Finding) -> bool {
    finding.code.as_str().starts_with("vulnerability-")
}

/// A finding without its sentences: what is wrong, what to do, why the rule is there, what an exception covers.
fn values_of(finding: &Finding) -> Finding {
    let rule = finding.rule.as_ref().map(|rule| {
        let mut rule = rule.clone();
        rule.why.clear();
        rule.docs = None;
        rule
    });
    let exception = finding.exception.as_ref().map(|exception| {
        let mut exception = exception.clone();
        exception.covers.clear();
        exception
    });
    let what = if is_of_a_vulnerability(finding) { finding.what.clone() } else { String::new() };
    Finding { what, help: None, rule, exception, ..finding.clone() }
}

fn otherwise(recorded: &Decision, again: &Decision) -> Compared {
    let differs = |what: &str| Finding::new(codes::DECISION_DIFFERS, what);
    let values = (json::to_value(recorded), json::to_value(again));
    let (Ok(recorded), Ok(again)) = values else {
        return Compared::Otherwise(Box::new(differs("the decisions cannot be compared")));
    };
    let finding = differs("run again on the stored evidence, the decision comes out otherwise");
    Compared::Otherwise(Box::new(match first_difference(&recorded, &again) {
        None => finding,
        Some((pointer, expected, found)) => {
            finding.at(pointer).expected(expected, "the recorded decision").found(found)
        }
    }))
}

fn first_difference(a: &Value, b: &Value) -> Option<(String, String, String)> {
    let mut at = String::new();
    let (mut a, mut b) = (a, b);
    loop {
        let step = match (a, b) {
            (Value::Object(x), Value::Object(y)) => {
                x.keys().chain(y.keys()).find(|key| x.get(*key) != y.get(*key)).cloned()
            }
            (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
                x.iter().zip(y).position(|(p, q)| p != q).map(|i| i.to_string())
            }
            _ => None,
        };
        let next = step.as_ref().and_then(|step| Some((child(a, step)?, child(b, step)?)));
        let Some((x, y)) = next else {
            let text = |v: &Value| v.to_string().chars().take(200).collect::<String>();
            let step = step.map_or_else(String::new, |step| format!("/{step}"));
            return (a != b).then(|| (format!("{at}{step}"), text(a), text(b)));
        };
        at = format!("{at}/{}", step.unwrap_or_default());
        (a, b) = (x, y);
    }
}

fn child<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Object(map) => map.get(step),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_of_another_version_is_the_registrys_but_where_a_vulnerability_has_its_name_in_it() {
        let said = |code, what: &str| in_words_of_here(&Finding::new(code, what).at("here").help("do this")).what;
        let meaning = codes::find("review-missing").expect("registered").meaning;
        assert_eq!(said(codes::REVIEW_MISSING, "ada agreed to it afterwards"), meaning);
        let named = "CVE-2026-1 (high) is overdue";
        assert_eq!(said(codes::VULNERABILITY_OVERDUE, named), named);
        let values = |what: &str| values_of(&Finding::new(codes::VULNERABILITY_OVERDUE, what));
        assert_ne!(values(named), values("CVE-2026-2 (high) is overdue"), "it is compared");
    }
}
