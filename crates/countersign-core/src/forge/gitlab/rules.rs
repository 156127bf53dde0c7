//! The rules of a branch, as far as GitLab shows them. Settings prove nothing; they are shown.

use super::names::Names;
use crate::digest::Sha256;
use crate::forge::ForgeError;
use crate::forge::pages::Answers;
use crate::forge::read::Node;
use crate::statement::change_review::{Part, RulesInForce, Shortfall};
use serde_json::Value;

/// Reads the rules.
pub(super) fn rules(
    answers: &Answers<'_>,
    names: &Names,
    branch: &str,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Option<RulesInForce>, ForgeError> {
    let mut digests = Vec::new();
    let mut read = |name: &str, needs: &str| -> Result<Option<Value>, ForgeError> {
        match answers.one(name)? {
            Ok(value) => {
                digests.extend(answers.digest(name));
                Ok(Some(value))
            }
            Err(why) => {
                shortfalls.push(Shortfall { what: Part::Rules, why: format!("{needs}: {why}") });
                Ok(None)
            }
        }
    };
    let protected_name = names.protected(branch);
    // A rule for several branches has a name with a star, and is not found by the name of one of them.
    let protected = read(&protected_name, "a rule of just that branch needs the role Maintainer")?;
    let state_name = names.approval_state();
    let state = read(&state_name, "approval rules need GitLab Premium and read_api")?;
    let project_name = names.project_approvals();
    let project = read(&project_name, "approval settings need GitLab Premium and the role Maintainer")?;
    if protected.is_none() && state.is_none() && project.is_none() {
        return Ok(None);
    }
    let mut approvals = 0_u64;
    if let Some(value) = &state {
        for rule in Node::new(&state_name, value).list("rules")? {
            approvals = approvals.max(rule.opt_number("approvals_required")?.unwrap_or(0));
        }
    }
    let (mut dismiss_stale, mut overridable) = (false, true);
    if let Some(value) = &project {
        let node = Node::new(&project_name, value);
        dismiss_stale = node.opt_flag("reset_approvals_on_push")?.unwrap_or(false);
        overridable = !node.opt_flag("disable_overriding_approvers_per_merge_request")?.unwrap_or(false);
    }
    let bypass = match &protected {
        Some(value) => Some(pushers(Node::new(&protected_name, value))?),
        None => None,
    };
    let parts: Vec<&[u8]> = digests.iter().map(|digest: &Sha256| digest.as_bytes().as_slice()).collect();
    Ok(Some(RulesInForce {
        digest: Sha256::of_parts(&parts),
        enforced: protected.is_some() && approvals > 0,
        approvals: u32::try_from(approvals).unwrap_or(u32::MAX),
        dismiss_stale,
        // Where each merge request can change its rules, nobody can say who may go past them.
        bypass_actors: bypass.filter(|_| !overridable),
        changed_at: None,
    }))
}

/// Roles, groups and accounts that may push past the merge requests of a branch.
fn pushers(node: Node<'_>) -> Result<u32, ForgeError> {
    let mut count = 0_u32;
    for level in node.list("push_access_levels")? {
        let named = ["user_id", "group_id", "deploy_key_id"].iter().map(|key| level.opt_number(key));
        let named = named.collect::<Result<Vec<_>, _>>()?.into_iter().any(|id| id.is_some());
        if named || level.opt_number("access_level")?.unwrap_or(u64::MAX) > 0 {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}
