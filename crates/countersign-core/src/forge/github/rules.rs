//! The rules of a branch. Settings prove nothing; what is read here is shown, and
//! what cannot be read is said.

use super::names::Names;
use crate::digest::Sha256;
use crate::forge::ForgeError;
use crate::forge::pages::{Answer, Answers, List, Paging, refused};
use crate::forge::read::{Node, Stamp, body};
use crate::statement::change_review::{Part, RulesInForce, Shortfall};
use std::collections::BTreeSet;

/// The numbers of the rulesets that a list of rules names.
pub(super) fn rulesets(list: &List) -> Result<BTreeSet<u64>, ForgeError> {
    let mut out = BTreeSet::new();
    for rule in list.items()? {
        out.extend(rule.opt_number("ruleset_id")?);
    }
    Ok(out)
}

/// Rules, while they are read.
#[derive(Debug, Default)]
struct Reading {
    approvals: u32,
    dismiss_stale: bool,
    enforced: bool,
    /// `None` once somebody's number is hidden.
    bypass: Option<u32>,
    changed_at: Option<Stamp>,
    classic: bool,
}

/// Reads the rules of a branch. `landed` is when the change landed.
pub(super) fn rules(
    answers: &Answers<'_>,
    names: &Names,
    branch: &str,
    landed: Option<Stamp>,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Option<RulesInForce>, ForgeError> {
    let first = names.rules(branch);
    let list = answers.list(&first, Paging::Numbered)?;
    let short = list.shortfall(Part::Rules, "the rules of a branch need metadata:read");
    let whole = short.is_none();
    shortfalls.extend(short);
    let mut reading = Reading { bypass: Some(0), ..Reading::default() };
    let mut digested = Vec::new();
    let mut enforced_sets = BTreeSet::new();
    for set in rulesets(&list)? {
        if ruleset(answers, &names.ruleset(set), set, &mut reading, &mut digested, shortfalls)? {
            enforced_sets.insert(set);
        }
    }
    for rule in list.items()? {
        if rule.text("type")? != "pull_request" {
            continue;
        }
        let wanted = rule.get("parameters")?;
        let count = wanted.map_or(Ok(None), |w| w.opt_number("required_approving_review_count"))?.unwrap_or(0);
        let stale = wanted.map_or(Ok(None), |w| w.opt_flag("dismiss_stale_reviews_on_push"))?.unwrap_or(false);
        if rule.opt_number("ruleset_id")?.is_none_or(|set| enforced_sets.contains(&set)) {
            reading.approvals = reading.approvals.max(u32::try_from(count).unwrap_or(u32::MAX));
            reading.dismiss_stale |= stale;
            reading.enforced = true;
        }
    }
    let protected = protection(answers, &names.protection(branch), &mut reading, &mut digested, shortfalls)?;
    if !whole || !protected {
        // What may be hidden behind a refusal is not "nobody".
        reading.bypass = None;
    }
    if !whole && !reading.classic {
        return Ok(None);
    }
    digested.extend(list.names().filter_map(|name| answers.digest(name)));
    // Classic protection does not tell when it was changed. A ruleset that was changed after the landing still shows.
    let telling = |at: &Stamp| !reading.classic || landed.is_some_and(|landed| *at > landed);
    let parts: Vec<&[u8]> = digested.iter().map(|digest| digest.as_bytes().as_slice()).collect();
    Ok(Some(RulesInForce {
        digest: Sha256::of_parts(&parts),
        enforced: reading.enforced,
        approvals: reading.approvals,
        dismiss_stale: reading.dismiss_stale,
        bypass_actors: reading.bypass,
        changed_at: reading.changed_at.filter(telling).map(Stamp::second),
    }))
}

/// Reads one ruleset; gives whether it refuses. A list names only rules that are in force, so one that cannot be read does.
fn ruleset(
    answers: &Answers<'_>,
    name: &str,
    id: u64,
    reading: &mut Reading,
    digested: &mut Vec<Sha256>,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<bool, ForgeError> {
    let value = match answers.one(name)? {
        Ok(value) => value,
        Err(why) => {
            reading.bypass = None;
            shortfalls
                .push(Shortfall { what: Part::Rules, why: format!("ruleset {id}: {why}; it needs metadata:read") });
            return Ok(true);
        }
    };
    let node = Node::new(name, &value);
    digested.extend(answers.digest(name));
    match node.get("bypass_actors")? {
        // The field is left out for whoever may not change the ruleset.
        None => {
            reading.bypass = None;
            let why = format!("who may go past ruleset {id} is hidden; it needs administration:write");
            shortfalls.push(Shortfall { what: Part::Rules, why });
        }
        Some(actors) => reading.bypass = more(reading.bypass, actors.items()?.len()),
    }
    reading.changed_at = reading.changed_at.max(node.opt_stamp("updated_at")?);
    Ok(node.text("enforcement")? == "active")
}

/// Reads classic protection; gives whether what there is of it could be seen.
fn protection(
    answers: &Answers<'_>,
    name: &str,
    reading: &mut Reading,
    digested: &mut Vec<Sha256>,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<bool, ForgeError> {
    let mut short = |why: String| {
        let why = format!("classic protection: {why}; it needs administration:read");
        shortfalls.push(Shortfall { what: Part::Rules, why });
        Ok(false)
    };
    let bytes = match answers.get(name) {
        Answer::Body(bytes) => bytes,
        Answer::Unasked => return short("it was not asked for".to_owned()),
        // Two things are answered with 404: that there is none, and that one may not see it.
        Answer::Refused(404, bytes) if is_unprotected(name, bytes) => return Ok(true),
        Answer::Refused(status, _) => return short(refused(status)),
    };
    let value = body(name, bytes)?;
    let node = Node::new(name, &value);
    digested.extend(answers.digest(name));
    reading.classic = true;
    let admins = node.get("enforce_admins")?.map_or(Ok(None), |node| node.opt_flag("enabled"))?.unwrap_or(false);
    if !admins {
        // Nobody says how many administrators there are.
        reading.bypass = None;
    }
    let Some(reviews) = node.get("required_pull_request_reviews")? else { return Ok(true) };
    let count = reviews.opt_number("required_approving_review_count")?.unwrap_or(0);
    reading.approvals = reading.approvals.max(u32::try_from(count).unwrap_or(u32::MAX));
    reading.dismiss_stale |= reviews.opt_flag("dismiss_stale_reviews")?.unwrap_or(false);
    reading.enforced = true;
    if let Some(allowed) = reviews.get("bypass_pull_request_allowances")? {
        for key in ["users", "teams", "apps"] {
            reading.bypass = more(reading.bypass, allowed.list(key)?.len());
        }
    }
    Ok(true)
}

fn is_unprotected(name: &str, bytes: &[u8]) -> bool {
    body(name, bytes).is_ok_and(|value| {
        Node::new(name, &value).opt_text("message").is_ok_and(|message| message == Some("Branch not protected"))
    })
}

fn more(count: Option<u32>, found: usize) -> Option<u32> {
    count.map(|count| count.saturating_add(u32::try_from(found).unwrap_or(u32::MAX)))
}
