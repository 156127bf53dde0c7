//! GitHub's REST API over a story, as far as reviews are concerned.

use super::model::{Change, Commit, Opinion, Review, Story, Suite, Told, Way};
use super::server::Answer;
use serde_json::{Value, json};

/// The most commits of a change that are listed.
const COMMITS: usize = 250;

/// The answer to a path below the root of the API.
pub(super) fn answer(story: &Story, path: &str, query: &dyn Fn(&str) -> Option<String>) -> Answer {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let rest = match parts.as_slice() {
        ["repos", owner, name, rest @ ..] => {
            let asked = format!("{owner}/{name}");
            if story.old_path.as_ref().is_some_and(|old| *old == asked) {
                let id = story.id.to_string();
                let parts: Vec<&str> = ["", "repositories", &id].iter().chain(rest).copied().collect();
                return Answer::Moved(parts.join("/"));
            }
            let known = asked.eq_ignore_ascii_case(&story.path);
            if !known && !matches!(rest, ["activity"]) {
                return Answer::missing("Not Found");
            }
            if !known {
                return activity(story, &asked, query);
            }
            rest
        }
        ["repositories", id, rest @ ..] if *id == story.id.to_string() => rest,
        _ => return Answer::missing("Not Found"),
    };
    match rest {
        [] => Answer::One(repository(story)),
        ["commits", id, "pulls"] => {
            Answer::List(story.changes_of(id).into_iter().map(|change| pull(story, change)).collect())
        }
        ["pulls" | "issues", number, what @ ..] => {
            let number = number.parse().unwrap_or_default();
            let Some(change) = story.changes.get(&number) else { return Answer::missing("Not Found") };
            of_pull(story, change, what)
        }
        ["activity"] => activity(story, &story.path, query),
        ["rules", "branches", branch] => Answer::List(branch_rules(story, branch)),
        ["rulesets", "rule-suites"] => suites(story, query),
        ["rulesets", "rule-suites", id] => suite(story, id),
        ["rulesets"] => Answer::List(story.rulesets.iter().map(|rules| ruleset(story, rules.id)).collect()),
        ["rulesets", id] => {
            let id = id.parse().unwrap_or_default();
            if story.rulesets.iter().any(|rules| rules.id == id) {
                Answer::One(ruleset(story, id))
            } else {
                Answer::missing("Not Found")
            }
        }
        ["branches", branch, "protection"] => protection(story, branch),
        ["collaborators", login, "permission"] => permission(story, login),
        _ => Answer::missing("Not Found"),
    }
}

fn of_pull(story: &Story, change: &Change, what: &[&str]) -> Answer {
    match what {
        [] => Answer::One(pull(story, change)),
        ["reviews"] => Answer::List(change.reviews.iter().map(|r| review(story, r)).collect()),
        ["commits"] => Answer::List(change.commits.iter().take(COMMITS).map(|c| commit(story, c)).collect()),
        ["timeline"] => Answer::List(timeline(story, change)),
        _ => Answer::missing("Not Found"),
    }
}

/// A repository, as other objects have it.
pub(super) fn repository(story: &Story) -> Value {
    let (owner, name) = story.path.split_once('/').unwrap_or_default();
    json!({
        "id": story.id, "name": name, "full_name": story.path, "owner": {"login": owner, "type": "Organization"},
        "private": true, "fork": false, "default_branch": "main",
    })
}

/// An account; nobody where it was deleted.
pub(super) fn account(story: &Story, id: u64) -> Value {
    match story.accounts.get(&id).filter(|_| !story.deleted.contains(&id)) {
        None => Value::Null,
        Some(account) => json!({
            "login": account.login, "id": account.id, "type": if account.bot { "Bot" } else { "User" },
            "site_admin": false,
        }),
    }
}

fn maybe(story: &Story, id: Option<u64>) -> Value {
    id.map_or(Value::Null, |id| account(story, id))
}

/// A pull request.
pub(super) fn pull(story: &Story, change: &Change) -> Value {
    let merged = change.merged.as_ref();
    let head_repo = change.from.as_ref().map_or(Value::Null, |(id, path)| {
        let pushed = change.heads.last().map(|(at, ..)| at.to_string());
        json!({"id": id, "full_name": path, "pushed_at": pushed})
    });
    let auto = match merged.map(|(.., way)| *way) {
        Some(Way::Queue) => json!({"merge_method": "merge"}),
        _ => Value::Null,
    };
    json!({
        "id": 9_000_000 + change.number, "number": change.number, "title": "a change", "draft": false,
        "state": if change.state == "open" { "open" } else { "closed" },
        "user": account(story, change.opener),
        "html_url": format!("https://github.com/{}/pull/{}", story.path, change.number),
        "created_at": change.opened_at, "updated_at": story.now,
        "closed_at": merged.map(|(at, ..)| at.to_string()),
        "merged": merged.is_some(), "merged_at": merged.map(|(at, ..)| at.to_string()),
        "merged_by": merged.map_or(Value::Null, |(_, by, ..)| account(story, *by)),
        "merge_commit_sha": merged.map(|(_, _, id, _)| id.clone()),
        "auto_merge": auto, "commits": change.counted.unwrap_or(change.commits.len()),
        "assignees": change.assignees.iter().map(|id| account(story, *id)).collect::<Vec<_>>(),
        "base": {"ref": change.target, "sha": change.base, "repo": repository(story)},
        "head": {"ref": change.branch, "sha": change.head(), "repo": head_repo},
    })
}

/// A review.
pub(super) fn review(story: &Story, review: &Review) -> Value {
    json!({
        "id": review.id, "user": account(story, review.account), "state": state(review),
        "commit_id": review.commit, "submitted_at": review.at, "body": "", "author_association": "MEMBER",
    })
}

fn state(review: &Review) -> &'static str {
    match review.opinion {
        _ if review.dismissed => "DISMISSED",
        Opinion::Approve => "APPROVED",
        Opinion::Reject => "CHANGES_REQUESTED",
        Opinion::Comment => "COMMENTED",
    }
}

fn commit(story: &Story, commit: &Commit) -> Value {
    let (name, email) = &commit.name;
    let who = json!({"name": name, "email": email, "date": "2020-01-01T00:00:00Z"});
    json!({
        "sha": commit.id, "parents": commit.parents.iter().map(|id| json!({"sha": id})).collect::<Vec<_>>(),
        "author": maybe(story, commit.author), "committer": maybe(story, commit.committer),
        "commit": {
            "message": commit.message, "author": who, "committer": who,
            "verification": {
                "verified": commit.verified, "reason": if commit.verified { "valid" } else { "unsigned" },
            },
        },
    })
}

fn timeline(story: &Story, change: &Change) -> Vec<Value> {
    let commits = change.commits.iter().take(COMMITS).map(|c| {
        let (name, email) = &c.name;
        let who = json!({"name": name, "email": email, "date": "2020-01-01T00:00:00Z"});
        json!({"event": "committed", "sha": c.id, "author": who, "committer": who, "message": c.message})
    });
    commits.chain(change.timeline.iter().enumerate().map(|(n, told)| event(story, change, n, told))).collect()
}

fn event(story: &Story, change: &Change, n: usize, told: &Told) -> Value {
    let review_of = |id: &str| change.reviews.iter().find(|r| r.id.to_string() == id);
    if told.what == "reviewed" {
        let found = review_of(&told.about).expect("a review");
        let mut value = review(story, found);
        value["event"] = json!("reviewed");
        value["state"] = json!(state(found).to_lowercase());
        return value;
    }
    let mut value = json!({
        "id": 70_000 + change.number * 1_000 + u64::try_from(n).expect("few"), "event": told.what,
        "actor": account(story, told.account), "created_at": told.at,
        "commit_id": if told.about.len() == 40 { json!(told.about) } else { Value::Null },
    });
    if told.what == "review_dismissed" {
        let found = review_of(&told.about).expect("a review");
        value["dismissed_review"] = json!({
            "state": state(&Review { dismissed: false, ..found.clone() }).to_lowercase(), "review_id": found.id,
            "dismissal_message": "stale",
        });
    }
    value
}

fn activity(story: &Story, path: &str, query: &dyn Fn(&str) -> Option<String>) -> Answer {
    let wanted = query("ref");
    let of_branch = |branch: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == branch || branch.strip_prefix("refs/heads/") == Some(wanted))
    };
    if !story.activity.iter().any(|a| a.path == path) && path != story.path {
        return Answer::missing("Not Found");
    }
    let items = story.activity.iter().rev().filter(|a| a.path == path && of_branch(&a.branch));
    Answer::Cursor(
        items
            .map(|a| {
                json!({
                    "id": a.id, "before": a.before, "after": a.after, "ref": a.branch, "timestamp": a.at,
                    "activity_type": a.what, "actor": account(story, a.account),
                })
            })
            .collect(),
    )
}

fn branch_rules(story: &Story, branch: &str) -> Vec<Value> {
    let rules = story.rulesets.iter().filter(|rules| rules.branch == branch && rules.enforcement == "active");
    rules
        .map(|rules| {
            json!({
                "type": "pull_request", "ruleset_source_type": "Repository", "ruleset_source": story.path,
                "ruleset_id": rules.id, "parameters": parameters(rules.approvals, rules.dismiss_stale),
            })
        })
        .collect()
}

fn parameters(approvals: u32, dismiss_stale: bool) -> Value {
    json!({
        "required_approving_review_count": approvals, "dismiss_stale_reviews_on_push": dismiss_stale,
        "require_code_owner_review": false, "require_last_push_approval": false,
        "required_review_thread_resolution": false,
    })
}

fn ruleset(story: &Story, id: u64) -> Value {
    let rules = story.rulesets.iter().find(|rules| rules.id == id).expect("rules");
    let mut value = json!({
        "id": rules.id, "name": "reviews", "target": "branch", "source_type": "Repository", "source": story.path,
        "enforcement": rules.enforcement,
        "conditions": {"ref_name": {"include": [format!("refs/heads/{}", rules.branch)], "exclude": []}},
        "rules": [{"type": "pull_request", "parameters": parameters(rules.approvals, rules.dismiss_stale)}],
        "created_at": rules.updated_at, "updated_at": rules.updated_at,
    });
    if story.admin {
        let actors =
            (0..rules.bypass_actors).map(|n| json!({"actor_id": n, "actor_type": "Team", "bypass_mode": "always"}));
        value["bypass_actors"] = actors.collect();
    }
    value
}

fn suites(story: &Story, query: &dyn Fn(&str) -> Option<String>) -> Answer {
    if !story.admin {
        return Answer::forbidden("Resource not accessible by integration");
    }
    let wanted = query("ref");
    let of_branch = |branch: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == branch || branch.strip_prefix("refs/heads/") == Some(wanted))
    };
    Answer::List(
        story
            .suites
            .iter()
            .rev()
            .filter(|suite| of_branch(&suite.branch))
            .map(|suite| suite_summary(story, suite))
            .collect(),
    )
}

fn suite_summary(story: &Story, suite: &Suite) -> Value {
    json!({
        "id": suite.id, "actor_id": suite.account, "before_sha": suite.before, "after_sha": suite.after,
        "ref": suite.branch, "repository_id": story.id, "repository_name": story.path,
        "pushed_at": suite.at, "result": suite.result, "evaluation_result": "pass",
    })
}

/// One record, with how each rule of the branch came out: where the whole did not pass, the rule of reviews did not.
fn suite(story: &Story, id: &str) -> Answer {
    if !story.admin {
        return Answer::forbidden("Resource not accessible by integration");
    }
    let Some(found) = story.suites.iter().find(|suite| suite.id.to_string() == id) else {
        return Answer::missing("Not Found");
    };
    let mut value = suite_summary(story, found);
    let of_branch =
        story.rulesets.iter().filter(|rules| found.branch.strip_prefix("refs/heads/") == Some(&rules.branch));
    value["rule_evaluations"] = of_branch
        .flat_map(|rules| {
            let source = json!({"type": "ruleset", "id": rules.id, "name": "reviews"});
            let reviews = if found.result == "pass" { "pass" } else { "fail" };
            [("deletion", "pass"), ("pull_request", reviews)].map(|(kind, result)| {
                json!({
                    "rule_source": source, "enforcement": rules.enforcement, "result": result, "rule_type": kind,
                    "details": null,
                })
            })
        })
        .collect();
    Answer::One(value)
}

fn protection(story: &Story, branch: &str) -> Answer {
    if !story.admin {
        return Answer::missing("Not Found");
    }
    match story.protected.get(branch) {
        // Rulesets protect a branch without this knowing of it.
        None => Answer::missing("Branch not protected"),
        Some(approvals) => Answer::One(json!({
            "required_pull_request_reviews": parameters(*approvals, false),
            "enforce_admins": {"enabled": true},
            "allow_force_pushes": {"enabled": false}, "allow_deletions": {"enabled": false},
        })),
    }
}

fn permission(story: &Story, login: &str) -> Answer {
    let found = story.accounts.values().find(|a| a.login == login && !story.deleted.contains(&a.id));
    let Some(found) = found else { return Answer::missing("Not Found") };
    let permission = story.permissions.get(&found.id).copied().unwrap_or("none");
    Answer::One(json!({"permission": permission, "role_name": permission, "user": account(story, found.id)}))
}
