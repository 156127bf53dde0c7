//! How the rules of a branch came out for a landing: GitHub's rule suites. The list says whether they held; the record of each
//! that did not hold says which rule it was, which decides nothing and is shown.

use super::names::Names;
use crate::forge::ForgeError;
use crate::forge::pages::{Answer, Answers, List, Paging, refused};
use crate::forge::read::{Node, body};
use crate::git::oid::Oid;
use crate::limits;
use crate::statement::change_review::{FailedRule, Part, RuleSuite, Shortfall, SuiteResult};

/// The record of how the rules came out for the landing. Of several, the worst.
pub(super) fn read(
    answers: &Answers<'_>,
    names: &Names,
    branch: &str,
    landed: Oid,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Option<RuleSuite>, ForgeError> {
    let list = listed(answers, &names.suites(branch), landed)?;
    let Some((id, result)) = worst(&of_landing(&list, landed)?) else {
        let none = "no record of the landing in the last month".to_owned();
        let none = Shortfall { what: Part::RuleSuites, why: none };
        shortfalls.push(list.shortfall(Part::RuleSuites, "rule suites need administration:read").unwrap_or(none));
        return Ok(None);
    };
    let mut failed = Vec::new();
    let asked = to_ask(&list, landed)?;
    for id in asked.iter().copied() {
        if let Err(why) = rules_of(answers, &names.suite(id), id, &mut failed)? {
            let why = format!("which rules did not hold, in rule suite {id}: {why}");
            shortfalls.push(Shortfall { what: Part::RuleSuites, why });
        }
    }
    let broken = of_landing(&list, landed)?.iter().filter(|(_, result)| *result != SuiteResult::Pass).count();
    // Captures from before single records were asked for say nothing of them.
    if broken > asked.len() && asked.iter().any(|id| answers.has(&names.suite(*id))) {
        let why =
            format!("{broken} records of the landing did not pass, more than the {} that are asked for", asked.len());
        shortfalls.push(Shortfall { what: Part::RuleSuites, why });
    }
    Ok(Some(RuleSuite { id, result, failed }))
}

/// The list of records, as far as the one of the landing.
pub(super) fn listed(answers: &Answers<'_>, name: &str, landed: Oid) -> Result<List, ForgeError> {
    answers.list_until(name, Paging::Numbered, |list| Ok(!of_landing(list, landed)?.is_empty()))
}

/// The records that are asked for one by one: those of the landing by which the rules did not hold.
pub(super) fn to_ask(list: &List, landed: Oid) -> Result<Vec<u64>, ForgeError> {
    let found = of_landing(list, landed)?;
    let broken = found.into_iter().filter(|(_, result)| *result != SuiteResult::Pass);
    Ok(broken.map(|(id, _)| id).take(limits::FORGE_SUITES).collect())
}

fn of_landing(list: &List, landed: Oid) -> Result<Vec<(u64, SuiteResult)>, ForgeError> {
    let mut found = Vec::new();
    for item in list.items()? {
        if item.opt_oid("after_sha")? != Some(landed) {
            continue;
        }
        let result = match item.text("result")? {
            "pass" => SuiteResult::Pass,
            "fail" => SuiteResult::Fail,
            "bypass" => SuiteResult::Bypass,
            _ => continue,
        };
        let id = item.number("id")?;
        if !found.contains(&(id, result)) {
            found.push((id, result));
        }
    }
    Ok(found)
}

fn worst(found: &[(u64, SuiteResult)]) -> Option<(u64, SuiteResult)> {
    // The first of those that are equally bad.
    found.iter().rev().max_by_key(|(_, result)| rank(*result)).copied()
}

const fn rank(result: SuiteResult) -> u8 {
    match result {
        SuiteResult::Pass => 0,
        SuiteResult::Fail => 1,
        SuiteResult::Bypass => 2,
    }
}

/// Adds the rules of one record that did not hold, or says why they are not known.
fn rules_of(
    answers: &Answers<'_>,
    name: &str,
    id: u64,
    failed: &mut Vec<FailedRule>,
) -> Result<Result<(), String>, ForgeError> {
    let bytes = match answers.get(name) {
        Answer::Body(bytes) => bytes,
        Answer::Refused(status, _) => return Ok(Err(format!("{}; it needs administration:read", refused(status)))),
        // Captures from before this was asked for amount to what they did.
        Answer::Unasked => return Ok(Ok(())),
    };
    let value = body(name, bytes)?;
    let node = Node::new(name, &value);
    if node.number("id")? != id {
        return Err(node.fail("it is another record"));
    }
    for rule in node.list("rule_evaluations")? {
        let source = rule.get("rule_source")?;
        // What is only evaluated was not in force.
        if rule.text("result")? != "fail" || rule.opt_text("enforcement")? == Some("evaluate") {
            continue;
        }
        let kind = rule.text("rule_type")?;
        if kind.len() > limits::FORGE_RULE_BYTES {
            return Err(rule.fail("the kind of a rule is too long"));
        }
        let is_ruleset = source.map_or(Ok(None), |s| s.opt_text("type"))? == Some("ruleset");
        let called = source.map_or(Ok(None), |s| s.opt_text("name"))?;
        let found = FailedRule {
            rule: kind.to_owned(),
            ruleset: source.filter(|_| is_ruleset).map_or(Ok(None), |s| s.opt_number("id"))?,
            name: called.filter(|name| name.len() <= limits::FORGE_RULE_BYTES).map(str::to_owned),
        };
        if failed.contains(&found) {
            continue;
        }
        if failed.len() >= limits::FORGE_FAILED_RULES {
            return Ok(Err(format!("there are more than the {} that are named", limits::FORGE_FAILED_RULES)));
        }
        failed.push(found);
    }
    Ok(Ok(()))
}
