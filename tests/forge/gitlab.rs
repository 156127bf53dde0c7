//! GitLab's REST API over a story, as far as reviews are concerned.

use super::model::{Change, Commit, NONE, Opinion, Story, Way};
use super::server::Answer;
use serde_json::{Value, json};

/// The answer to a path below the root of the API.
pub(super) fn answer(story: &Story, path: &str, query: &dyn Fn(&str) -> Option<String>) -> Answer {
    let parts: Vec<String> =
        path.trim_matches('/').split('/').map(|part| part.replace("%2F", "/").replace("%2f", "/")).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let rest = match parts.as_slice() {
        ["projects", project, rest @ ..] if *project == story.path || *project == story.id.to_string() => rest,
        ["users", id] => {
            let found = id.parse().ok().filter(|id| story.accounts.contains_key(id) && !story.deleted.contains(id));
            return found.map_or_else(|| Answer::missing("404 User Not Found"), |id| Answer::One(account(story, id)));
        }
        _ => return Answer::missing("404 Project Not Found"),
    };
    match rest {
        [] => Answer::One(project(story)),
        ["repository", "commits", id, "merge_requests"] => {
            Answer::List(story.changes_of(id).into_iter().map(|change| merge_request(story, change)).collect())
        }
        ["merge_requests", number, what @ ..] => {
            let number = number.parse().unwrap_or_default();
            let Some(change) = story.changes.get(&number) else { return Answer::missing("404 Not found") };
            of_change(story, change, what)
        }
        ["members", "all", id] => {
            let id = id.parse().unwrap_or_default();
            match story.permissions.get(&id).filter(|_| !story.deleted.contains(&id)) {
                None => Answer::missing("404 Member Not Found"),
                Some(permission) => {
                    let mut value = account(story, id);
                    value["access_level"] = json!(level(permission));
                    Answer::One(value)
                }
            }
        }
        ["protected_branches", branch] if story.protected.contains_key(*branch) => Answer::One(json!({
            "id": 1, "name": branch, "allow_force_push": false,
            "push_access_levels": [{"access_level": 0}], "merge_access_levels": [{"access_level": 30}],
            "code_owner_approval_required": false,
        })),
        ["approvals"] if story.admin => {
            let rules = story.rulesets.first();
            Answer::One(json!({
                "approvals_before_merge": rules.map_or(0, |rules| rules.approvals),
                "reset_approvals_on_push": rules.is_some_and(|rules| rules.dismiss_stale),
                "merge_requests_author_approval": false, "merge_requests_disable_committers_approval": true,
                "disable_overriding_approvers_per_merge_request": true,
            }))
        }
        ["approvals" | "approval_rules" | "push_rule" | "audit_events"] if !story.admin => {
            Answer::forbidden("403 Forbidden")
        }
        ["approval_rules"] => Answer::List(story.rulesets.iter().map(rule).collect()),
        ["push_rule"] => Answer::One(json!({"id": 1, "commit_committer_check": true, "deny_delete_tag": true})),
        ["events"] => events(story, query),
        _ => Answer::missing("404 Not Found"),
    }
}

fn of_change(story: &Story, change: &Change, what: &[&str]) -> Answer {
    match what {
        [] => Answer::One(merge_request(story, change)),
        ["commits"] => Answer::List(change.commits.iter().rev().map(commit).collect()),
        ["approvals"] => {
            let approved: Vec<Value> =
                approvals(change).map(|(by, at)| json!({"user": account(story, by), "approved_at": at})).collect();
            Answer::One(json!({
                "id": 8_000_000 + change.number, "iid": change.number, "project_id": story.id,
                "approved": !approved.is_empty(), "approvals_required": story.rulesets.first().map_or(0, |r| r.approvals),
                "approvals_left": 0, "approved_by": approved,
            }))
        }
        ["approval_state"] => {
            let rules: Vec<Value> = story
                .rulesets
                .iter()
                .map(|rules| {
                    let mut value = rule(rules);
                    value["approved_by"] = approvals(change).map(|(by, _)| account(story, by)).collect();
                    value["approved"] = json!(true);
                    value
                })
                .collect();
            Answer::One(json!({"approval_rules_overwritten": false, "rules": rules}))
        }
        ["versions"] => Answer::List(versions(change)),
        ["notes"] => Answer::List(notes(story, change)),
        ["discussions"] => Answer::List(
            notes(story, change)
                .into_iter()
                .map(|note| json!({"id": note["id"].to_string(), "notes": [note]}))
                .collect(),
        ),
        ["resource_state_events"] => {
            let states = change.timeline.iter().enumerate().filter(|(_, told)| {
                matches!(told.what, "merged" | "reopened") || (told.what == "closed" && change.merged.is_none())
            });
            Answer::List(
                states
                    .map(|(n, told)| {
                        json!({
                            "id": 60_000 + n, "user": account(story, told.account), "created_at": stamp(told.at),
                            "resource_type": "MergeRequest", "resource_id": 8_000_000 + change.number, "state": told.what,
                        })
                    })
                    .collect(),
            )
        }
        _ => Answer::missing("404 Not Found"),
    }
}

/// A project.
pub(super) fn project(story: &Story) -> Value {
    json!({
        "id": story.id, "path_with_namespace": story.path, "default_branch": "main", "merge_method": "merge",
        "squash_option": "default_off", "web_url": format!("https://gitlab.com/{}", story.path),
        "permissions": {"project_access": {"access_level": if story.admin { 40 } else { 20 }}},
    })
}

/// An account; the ghost where it was deleted.
pub(super) fn account(story: &Story, id: u64) -> Value {
    match story.accounts.get(&id).filter(|_| !story.deleted.contains(&id)) {
        None => json!({"id": 1_243_277, "username": "ghost", "name": "Ghost User", "state": "active"}),
        Some(account) => json!({
            "id": account.id, "username": account.login, "name": account.login, "state": "active", "bot": account.bot,
        }),
    }
}

/// A merge request.
pub(super) fn merge_request(story: &Story, change: &Change) -> Value {
    let merged = change.merged.as_ref();
    let (result, squash) = match merged {
        Some((_, _, id, Way::Squash)) => (Value::Null, json!(id)),
        Some((_, _, id, Way::Merge | Way::Queue)) => (json!(id), Value::Null),
        Some((.., Way::Rebase)) | None => (Value::Null, Value::Null),
    };
    json!({
        "id": 8_000_000 + change.number, "iid": change.number, "project_id": story.id, "title": "a change",
        "state": if change.state == "open" { "opened" } else { change.state },
        "author": account(story, change.opener),
        "merge_user": merged.map_or(Value::Null, |(_, by, ..)| account(story, *by)),
        "merged_by": merged.map_or(Value::Null, |(_, by, ..)| account(story, *by)),
        "created_at": stamp(change.opened_at), "updated_at": stamp(story.now),
        "merged_at": merged.map(|(at, ..)| stamp(*at)),
        "target_branch": change.target, "source_branch": change.branch,
        "target_project_id": story.id, "source_project_id": change.from.as_ref().map(|(id, _)| id),
        "sha": change.head(), "merge_commit_sha": result, "squash_commit_sha": squash,
        "squash": matches!(merged, Some((.., Way::Squash))),
        "diff_refs": {"base_sha": change.base, "head_sha": change.head(), "start_sha": change.base},
        "assignees": change.assignees.iter().map(|id| account(story, *id)).collect::<Vec<_>>(),
        "web_url": format!("https://gitlab.com/{}/-/merge_requests/{}", story.path, change.number),
    })
}

fn approvals(change: &Change) -> impl Iterator<Item = (u64, String)> {
    let standing = change.reviews.iter().filter(|r| r.opinion == Opinion::Approve && !r.dismissed);
    standing.map(|r| (r.account, stamp(r.at)))
}

fn commit(commit: &Commit) -> Value {
    let (name, email) = &commit.name;
    json!({
        "id": commit.id, "parent_ids": commit.parents, "message": commit.message, "title": commit.message,
        "author_name": name, "author_email": email, "authored_date": "2020-01-01T00:00:00.000Z",
        "committer_name": name, "committer_email": email, "committed_date": "2020-01-01T00:00:00.000Z",
    })
}

fn versions(change: &Change) -> Vec<Value> {
    let all = change.heads.iter().enumerate().rev();
    all.map(|(n, (at, head, _))| {
        json!({
            "id": 50_000 + n, "head_commit_sha": head, "base_commit_sha": change.base, "start_commit_sha": change.base,
            "created_at": stamp(*at), "merge_request_id": 8_000_000 + change.number, "state": "collected",
        })
    })
    .collect()
}

/// What the system wrote below a change, oldest first.
fn notes(story: &Story, change: &Change) -> Vec<Value> {
    let mut said = Vec::new();
    for (n, (at, head, by)) in change.heads.iter().enumerate().skip(1) {
        said.push((*at, *by, format!("added 1 commit\n\n<ul><li>{}</li></ul>", &head[..8]), n));
    }
    for told in &change.timeline {
        let body = match told.what {
            "reviewed" => {
                let review = change.reviews.iter().find(|r| r.id.to_string() == told.about).expect("a review");
                match review.opinion {
                    Opinion::Approve => "approved this merge request",
                    Opinion::Reject => "requested changes",
                    Opinion::Comment => continue,
                }
            }
            "review_dismissed" => "unapproved this merge request",
            "base_ref_changed" => "changed target branch from `main` to `other`",
            _ => continue,
        };
        said.push((told.at, told.account, body.to_owned(), 0));
    }
    said.sort_by_key(|(at, ..)| *at);
    said.into_iter()
        .enumerate()
        .map(|(n, (at, by, body, _))| {
            json!({
                "id": 40_000 + n, "system": true, "body": body, "author": account(story, by),
                "created_at": stamp(at), "noteable_type": "MergeRequest", "noteable_iid": change.number,
            })
        })
        .collect()
}

fn events(story: &Story, query: &dyn Fn(&str) -> Option<String>) -> Answer {
    if query("action").is_some_and(|action| action != "pushed") {
        return Answer::List(Vec::new());
    }
    let all = story.activity.iter().rev();
    Answer::List(
        all.map(|a| {
            let made = a.before == NONE;
            json!({
                "id": a.id, "project_id": story.id, "action_name": if made { "pushed new" } else { "pushed to" },
                "author_id": a.account, "author": account(story, a.account), "created_at": stamp(a.at),
                "push_data": {
                    "action": if made { "created" } else { "pushed" }, "ref_type": "branch",
                    "ref": a.branch.trim_start_matches("refs/heads/"),
                    "commit_from": if made { Value::Null } else { json!(a.before) }, "commit_to": a.after,
                },
            })
        })
        .collect(),
    )
}

fn rule(rules: &super::Ruleset) -> Value {
    json!({
        "id": rules.id, "name": "reviews", "rule_type": "regular", "approvals_required": rules.approvals,
        "applies_to_all_protected_branches": true, "eligible_approvers": [], "groups": [], "users": [],
    })
}

fn level(permission: &str) -> u32 {
    match permission {
        "admin" => 40,
        "write" => 30,
        "read" => 20,
        _ => 0,
    }
}

/// GitLab writes milliseconds.
fn stamp(at: countersign_core::time::Time) -> String {
    at.to_string().replace('Z', ".000Z")
}
