//! What GitLab says, and what it amounts to: a small honest merge request, and each evasion as one change to it.

use super::*;
use crate::forge::testing::{Asked, altered, at, oid, story};
use crate::forge::{derive as derive_any, plan as plan_any};
use crate::statement::change_review::{ForgeKind, ReviewState};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A forge with one merge request: number 7 of `team/service`, opened and pushed by account 1, approved by account 2.
#[derive(Clone)]
struct Lab {
    request: Value,
    approved: Value,
    notes: Vec<Value>,
    states: Value,
    /// Newest first, as GitLab lists them.
    versions: Value,
    pushes: Vec<Value>,
    commits: Value,
    member: Value,
    /// Requests that are refused: how the name ends, and the status.
    refusals: Vec<(&'static str, u16)>,
}

fn user(id: u64) -> Value {
    json!({"id": id, "username": format!("u{id}"), "name": format!("User {id}")})
}

fn note(id: u64, who: u64, system: bool, body: &str, second: i64) -> Value {
    json!({"id": id, "author": user(who), "system": system, "body": body, "created_at": at(second).replace('Z', ".250Z")})
}

fn hex(n: u8) -> String {
    oid(n).hex()
}

fn push(id: u64, who: u64, action: &str, from: Option<u8>, to: u8, second: i64) -> Value {
    json!({"id": id, "author_id": who, "author": user(who), "created_at": at(second).replace('Z', ".100Z"),
           "push_data": {"ref": "topic", "ref_type": "branch", "action": action, "commit_from": from.map(hex), "commit_to": hex(to)}})
}

fn version(id: u64, head: u8, second: i64) -> Value {
    json!({"id": id, "head_commit_sha": hex(head), "created_at": at(second)})
}

fn commit(id: u8, parent: u8, name: &str, email: &str) -> Value {
    json!({"id": hex(id), "parent_ids": [hex(parent)], "author_name": name, "author_email": email,
           "committer_name": name, "committer_email": email, "message": "Title"})
}

impl Lab {
    fn new() -> Self {
        Self {
            request: json!({
                "id": 70, "iid": 7, "project_id": 500, "target_project_id": 500, "source_project_id": 500,
                "web_url": "https://gitlab.com/team/service/-/merge_requests/7", "author": user(1), "assignees": [],
                "state": "merged", "created_at": at(0), "updated_at": at(30), "merged_at": at(30), "sha": hex(3),
                "merge_commit_sha": hex(11), "squash_commit_sha": null, "target_branch": "main", "source_branch": "topic",
                "diff_refs": {"start_sha": hex(9)},
            }),
            approved: json!({"approved_by": [{"user": user(2)}]}),
            notes: vec![note(20, 2, true, "approved this merge request", 20)],
            states: json!([{"id": 1, "user": user(2), "state": "merged", "created_at": at(30)}]),
            versions: json!([version(1, 3, 1)]),
            pushes: vec![push(2, 1, "pushed", Some(9), 3, -5), push(1, 1, "created", None, 9, -9)],
            commits: json!([commit(3, 9, "User 1", "one@example.com")]),
            member: json!({"id": 2, "access_level": 30}),
            refusals: Vec::new(),
        }
    }

    fn answer(&self, name: &str) -> (u16, String) {
        let name = name.strip_prefix("GET /").unwrap();
        if let Some((_, status)) = self.refusals.iter().find(|(end, _)| name.split('?').next().unwrap().ends_with(end))
        {
            return (*status, "<html>".to_owned());
        }
        let value = match name.strip_prefix("projects/team%2Fservice").unwrap_or(name) {
            "" => json!({"id": 500, "path_with_namespace": "team/service"}),
            "/merge_requests/7" => self.request.clone(),
            "/merge_requests/7/approvals" => self.approved.clone(),
            "/merge_requests/7/approval_state" => json!({"rules": [{"approvals_required": 1}]}),
            "/approvals" => {
                json!({"reset_approvals_on_push": true, "disable_overriding_approvers_per_merge_request": true})
            }
            "/merge_requests/7/versions?per_page=100" => self.versions.clone(),
            "/merge_requests/7/commits?per_page=100" => self.commits.clone(),
            "/merge_requests/7/notes?sort=asc&order_by=created_at&per_page=100" => Value::from(self.notes.clone()),
            "/merge_requests/7/resource_state_events?per_page=100" => self.states.clone(),
            "/members/all/2" => self.member.clone(),
            "/protected_branches/main" => json!({"push_access_levels": [{"access_level": 0}]}),
            "users/1" => json!({"id": 1, "bot": false}),
            "users/2" => json!({"id": 2, "bot": false}),
            "projects/500/events?action=pushed&before=2026-11-24&per_page=100" => Value::from(self.pushes.clone()),
            other => panic!("asked for {other}"),
        };
        (200, value.to_string())
    }

    fn asked(&self) -> Asked {
        let mut asked = Asked::of(ForgeKind::Gitlab, "gitlab.com");
        for _ in 0..50 {
            let names = plan_any(&asked.capture);
            if names.is_empty() {
                return asked;
            }
            for name in names {
                let (status, body) = self.answer(&name);
                asked.push(&name, status, None, &body);
            }
        }
        panic!("the plan does not end");
    }

    fn read(&self) -> ChangeReview {
        derive_any(&self.asked().capture).unwrap()
    }
}

fn parts(change: &ChangeReview) -> Vec<Part> {
    change.shortfalls.iter().map(|short| short.what).collect()
}

fn in_role(change: &ChangeReview, role: AuthorRole) -> Vec<Option<u64>> {
    change.authors.iter().filter(|author| author.role == role).map(|author| author.account).collect()
}

#[test]
fn an_honest_merge_request_is_read_whole() {
    let change = Lab::new().read();
    assert_eq!(change.shortfalls, []);
    assert_eq!(story(&change), "moved:3 opened reviewed:20 merged");
    assert!(change.moves_complete);
    let review = &change.reviews[0];
    assert_eq!(
        (review.account, review.kind, review.permission),
        (Some(2), AccountKind::Human, Some(Permission::Write))
    );
    assert_eq!((review.state, review.reviewed_commit), (ReviewState::Approved, Some(oid(3))));
    assert_eq!((change.result_commit, change.strategy), (Some(oid(11)), Some(ForgeStrategy::Merge)));
    assert_eq!(in_role(&change, AuthorRole::Pusher), [Some(1)]);
    assert_eq!(in_role(&change, AuthorRole::Author), [Some(1)]);
    let rules = change.rules.as_ref().unwrap();
    assert!(rules.enforced && rules.dismiss_stale);
    assert_eq!((rules.approvals, rules.bypass_actors), (1, Some(0)));
    let text = serde_json::to_string(&change).unwrap();
    assert!(!text.contains("User 1") && !text.contains("u2"), "{text}");
}

#[test]
fn a_push_after_the_approval_or_in_its_second_is_after_it_and_until_gitlab_noticed() {
    for (pushed, noticed) in [(20, 20), (21, 22), (15, 20), (15, 25)] {
        let mut lab = Lab::new();
        lab.pushes.insert(0, push(3, 1, "pushed", Some(3), 4, pushed));
        lab.versions = json!([version(2, 4, noticed), version(1, 3, 1)]);
        lab.request["sha"] = json!(hex(4));
        lab.commits = json!([commit(4, 3, "User 1", ""), commit(3, 9, "User 1", "")]);
        let change = lab.read();
        assert_eq!(story(&change), "moved:3 opened reviewed:20 moved:4 merged", "{pushed} {noticed}");
        assert_eq!(change.reviews[0].reviewed_commit, Some(oid(3)));
        assert!(change.moves_complete);
    }
}

#[test]
fn a_push_without_a_name_is_somebody_s_by_its_number_and_two_names_are_nobody_s() {
    let mut lab = Lab::new();
    lab.pushes[0]["author"] = Value::Null;
    assert_eq!(in_role(&lab.read(), AuthorRole::Pusher), [Some(1)]);
    lab.pushes[0]["author"] = user(2);
    assert_eq!(in_role(&lab.read(), AuthorRole::Pusher), [None]);
}

#[test]
fn pushes_that_do_not_go_back_to_the_branch_s_beginning_are_not_all() {
    let mut lab = Lab::new();
    lab.pushes = vec![push(2, 1, "pushed", Some(8), 3, -5)];
    let change = lab.read();
    assert_eq!((change.moves_complete, change.shortfalls.len()), (false, 0));
    lab.pushes = Vec::new();
    let change = lab.read();
    assert_eq!((change.moves_complete, parts(&change)), (false, vec![Part::Moves]), "a version without its push");
}

#[test]
fn what_people_write_is_no_approval() {
    let mut lab = Lab::new();
    lab.notes = vec![note(20, 2, false, "approved this merge request", 20)];
    lab.approved = json!({"approved_by": []});
    let change = lab.read();
    assert_eq!((change.reviews.len(), change.shortfalls.len()), (0, 0));
    lab.approved = json!({"approved_by": [{"user": user(2)}]});
    assert_eq!(parts(&lab.read()), [Part::Reviews], "an approval without its time");
}

#[test]
fn approvals_that_were_taken_back_do_not_stand() {
    let mut lab = Lab::new();
    lab.notes.push(note(21, 2, true, "unapproved this merge request", 22));
    lab.approved = json!({"approved_by": []});
    let change = lab.read();
    assert_eq!(story(&change), "moved:3 opened reviewed:20 dismissed:20 merged");
    assert_eq!(change.reviews[0].state, ReviewState::Dismissed);
    let mut lab = Lab::new();
    lab.approved = json!({"approved_by": []});
    assert_eq!(lab.read().reviews[0].state, ReviewState::Dismissed, "the server took it back by itself");
}

#[test]
fn retargeting_and_trains_are_told_and_an_approval_after_the_landing_is_after_it() {
    let mut lab = Lab::new();
    lab.notes.push(note(21, 1, true, "changed target branch from `dev` to `main`", 21));
    lab.notes.push(note(22, 2, true, "started a merge train", 22));
    let change = lab.read();
    assert_eq!(story(&change), "moved:3 opened reviewed:20 retargeted queued merged");
    assert_eq!(change.strategy, Some(ForgeStrategy::Queue));
    let mut lab = Lab::new();
    lab.notes = vec![note(20, 2, true, "approved this merge request", 31)];
    assert_eq!(story(&lab.read()), "moved:3 opened merged reviewed:20");
}

#[test]
fn robots_deleted_accounts_and_outsiders_are_told_apart() {
    let mut lab = Lab::new();
    lab.member = json!({"id": 2, "access_level": 20});
    assert_eq!(lab.read().reviews[0].permission, Some(Permission::Read));
    lab.refusals = vec![("/members/all/2", 404)];
    assert_eq!(lab.read().reviews[0].permission, Some(Permission::None));
    lab.refusals = vec![("users/2", 403)];
    let change = lab.read();
    assert_eq!((change.reviews[0].kind, parts(&change)), (AccountKind::Unknown, vec![Part::Permissions]));
    let mut lab = Lab::new();
    lab.notes[0]["author"]["username"] = json!("ghost");
    let change = lab.read();
    assert_eq!((change.reviews[0].account, change.reviews[0].kind), (None, AccountKind::Unknown));
    assert_eq!(parts(&change), [Part::Reviews]);
}

#[test]
fn whom_a_commit_names_is_known_only_of_those_that_pushed() {
    let mut lab = Lab::new();
    lab.commits = json!([commit(3, 9, "User 2", "two@example.com")]);
    assert_eq!(in_role(&lab.read(), AuthorRole::Author), [None]);
    lab.commits = json!([commit(3, 9, "User 1", "2-u2@users.noreply.gitlab.com")]);
    assert_eq!(in_role(&lab.read(), AuthorRole::Author), [Some(2)]);
    lab.commits[0]["message"] = json!("T\n\nCo-authored-by: Two <2-u2@users.noreply.gitlab.com>");
    assert_eq!(in_role(&lab.read(), AuthorRole::CoAuthor), [Some(2)]);
}

#[test]
fn each_refusal_is_a_shortfall() {
    let cases = [
        ("/notes", 403, Part::Events),
        ("/resource_state_events", 500, Part::Events),
        ("/7/approvals", 401, Part::Reviews),
        ("/versions", 403, Part::Moves),
        ("/500/events", 403, Part::Moves),
        ("/commits", 502, Part::Commits),
        ("/members/all/2", 403, Part::Permissions),
        ("/protected_branches/main", 404, Part::Rules),
        ("/approval_state", 404, Part::Rules),
    ];
    for (end, status, what) in cases {
        let mut lab = Lab::new();
        lab.refusals.push((end, status));
        let change = lab.read();
        assert!(
            change.shortfalls.iter().any(|short| short.what == what && short.why.contains(&status.to_string())),
            "{end}: {:?}",
            change.shortfalls
        );
        assert!(what != Part::Moves || !change.moves_complete);
    }
    let mut lab = Lab::new();
    lab.refusals.push(("/merge_requests/7", 404));
    assert!(matches!(derive_any(&lab.asked().capture), Err(ForgeError::NoChange { .. })));
    let mut lab = Lab::new();
    lab.request["target_project_id"] = json!(501);
    assert!(matches!(derive_any(&lab.asked().capture), Err(ForgeError::Answer { .. })), "a fork's merge request");
}

#[test]
fn an_answer_that_is_taken_away_never_makes_the_rest_look_better() {
    let whole = Lab::new().asked();
    assert_eq!(derive_any(&whole.capture).unwrap().shortfalls, []);
    for gone in whole.capture.head.exchanges.iter().map(|exchange| exchange.name.clone()) {
        let Ok(after) = derive_any(&whole.without(|name| name == gone).capture) else { continue };
        assert!(!after.shortfalls.is_empty(), "without {gone}");
    }
}

fn hook(action: &str, who: u64, head: u8, second: i64, more: &Value) -> String {
    let mut attributes = json!({
        "id": 70, "iid": 7, "target_project_id": 500, "source_project_id": 500, "author_id": 1, "state": "opened",
        "url": "https://gitlab.com/team/service/-/merge_requests/7", "created_at": "2026-11-22 10:00:00 UTC",
        "updated_at": at(second), "target_branch": "main", "source_branch": "topic", "last_commit": {"id": hex(head)},
        "action": action,
    });
    for (key, value) in more.as_object().unwrap() {
        attributes[key] = value.clone();
    }
    let project = json!({"id": 500, "path_with_namespace": "team/service"});
    json!({"user": user(who), "project": project, "object_attributes": attributes, "changes": {}}).to_string()
}

fn pushed(who: u64, before: &str, after: u8) -> String {
    json!({"ref": "refs/heads/topic", "before": before, "after": hex(after), "user_id": who, "project": {"id": 500}})
        .to_string()
}

fn delivered(deliveries: &[(&str, String)]) -> ChangeReview {
    let mut asked = Asked::of(ForgeKind::Gitlab, "gitlab.com");
    asked.capture.head.how = Observation::Live;
    for (n, (event, payload)) in deliveries.iter().enumerate() {
        asked.push(&format!("delivery g{n} {event}"), 200, None, payload);
    }
    derive_any(&asked.capture).unwrap()
}

#[test]
fn what_is_delivered_as_it_happens_amounts_to_the_same() {
    const REQUEST: &str = "Merge Request Hook";
    let none = json!({});
    let mut deliveries = vec![
        ("Push Hook", pushed(1, &"0".repeat(40), 3)),
        (REQUEST, hook("open", 1, 3, 0, &none)),
        (REQUEST, hook("approved", 2, 3, 10, &none)),
        ("Push Hook", pushed(1, &hex(3), 4)),
        (REQUEST, hook("update", 1, 4, 12, &json!({"oldrev": hex(3)}))),
        (REQUEST, hook("approval", 2, 4, 20, &none)),
        (REQUEST, hook("merge", 2, 4, 30, &json!({"state": "merged", "merge_commit_sha": hex(11)}))),
    ];
    let change = delivered(&deliveries);
    assert_eq!(story(&change), "moved:3 opened reviewed:3 moved:4 reviewed:6 merged");
    assert!(change.moves_complete);
    assert_eq!(change.observed.gaps, Vec::<String>::new());
    assert_eq!((change.reviews[0].reviewed_commit, change.reviews[1].reviewed_commit), (Some(oid(3)), Some(oid(4))));
    assert_eq!(change.reviews[0].superseded_by, Some(6));
    assert_eq!((change.state, change.result_commit), (ChangeState::Merged, Some(oid(11))));
    let reset = hook("unapproved", 1, 4, 12, &json!({"system": true, "system_action": "approvals_reset_on_push"}));
    deliveries.insert(5, (REQUEST, reset));
    assert_eq!(delivered(&deliveries).reviews[0].state, ReviewState::Dismissed, "a push took it back");
    deliveries.remove(1);
    assert_eq!(delivered(&deliveries).observed.gaps, ["the opening"]);
}

proptest! {
    #[test]
    fn no_altered_answer_makes_the_reading_panic(
        which in 0_usize..24, from in any::<usize>(), with in prop::collection::vec(any::<u8>(), 0..8)
    ) {
        let whole = Lab::new().asked();
        let altered = altered(&whole.capture, which, from, &with);
        let _names = plan_any(&altered);
        let _result = derive_any(&altered);
    }
}
