//! A decision that was run again, held against the recorded one. The version that recorded it says the same to the letter; a later
//! one may say it in better words, and has to come to the same: verdict, rules, codes, and everything that it rests on.

use countersign_core::codes;
use countersign_core::decision::{Decision, RuleOutcome};
use countersign_core::finding::{Class, Finding};
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
    if recorded.request.tool.version == HERE {
        return otherwise(recorded, again);
    }
    let (recorded, again) = (without_words(recorded), without_words(again));
    if recorded == again { Compared::OtherWords } else { otherwise(&recorded, &again) }
}

/// What a decision says for good. A checklist may get another line, and a note be put otherwise or left out; what blocks or is
/// excepted keeps its code, and what each rule said keeps verdict and codes.
fn without_words(decision: &Decision) -> Decision {
    let telling = decision.findings.iter().filter(|finding| finding.class != Class::Note);
    let rules = decision
        .rules
        .iter()
        .map(|rule| RuleOutcome { findings: rule.findings.iter().map(code_of).collect(), ..rule.clone() });
    Decision {
        checks: Vec::new(),
        findings: telling.map(code_of).collect(),
        rules: rules.collect(),
        ..decision.clone()
    }
}

/// A finding's code and class, its rule and its exception, by their names.
fn code_of(finding: &Finding) -> Finding {
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
    Finding { class: finding.class, rule, exception, ..Finding::new(finding.code, "") }
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
