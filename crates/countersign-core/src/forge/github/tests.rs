//! What GitHub says, and what it amounts to: a small honest pull request, and each evasion as one change to it.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers that the tests choose")]

use super::*;
use crate::forge::testing::{Asked, altered, at, oid, story};
use crate::forge::{derive as derive_any, plan as plan_any};
use crate::statement::change_review::{FailedRule, ForgeReview, RuleSuite, SuiteResult};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A forge with one pull request: number 7 of `team/service`, opened and pushed by account 1, approved by account 2.
#[derive(Clone)]
struct Hub {
    pull: Value,
    reviews: Vec<Value>,
    commits: Vec<Value>,
    timeline: Vec<Value>,
    /// Newest first, as GitHub lists it.
    activity: Vec<Value>,
    rules: Value,
    ruleset: Value,
    suites: Value,
    suite: Value,
    permission: Value,
    /// Requests that are refused: a part of the name, status, body.
    refusals: Vec<(&'static str, u16, &'static str)>,
    /// Items of one page.
    page: usize,
}

fn user(id: u64) -> Value {
    json!({"id": id, "login": format!("u{id}"), "type": "User", "unknown_field": [1.5]})
}

fn bot(id: u64) -> Value {
    json!({"id": id, "login": format!("u{id}"), "type": "Bot"})
}

fn review(id: u64, who: &Value, state: &str, commit: u8, second: i64) -> Value {
    json!({"id": id, "user": who, "state": state, "commit_id": oid(commit), "submitted_at": at(second),
           "author_association": "OWNER"})
}

fn reviewed(id: u64, who: &Value, second: i64) -> Value {
    json!({"event": "reviewed", "id": id, "user": who, "state": "approved", "commit_id": oid(3), "submitted_at": at(second)})
}

fn event(name: &str, who: u64, second: i64) -> Value {
    let id = name.bytes().fold(1000 * (second + 1000), |sum, b| sum + i64::from(b));
    json!({"event": name, "id": id, "actor": user(who), "created_at": at(second)})
}

fn push(id: u64, kind: &str, who: u64, before: &str, after: &str, second: i64) -> Value {
    json!({"id": id, "ref": "refs/heads/topic", "activity_type": kind, "actor": user(who), "before": before,
           "after": after, "timestamp": at(second)})
}

fn hex(n: u8) -> String {
    oid(n).hex()
}

fn commit(id: u8, parent: u8, author: &Value, committer: &Value, message: &str) -> Value {
    json!({"sha": hex(id), "parents": [{"sha": hex(parent)}], "author": author, "committer": committer,
           "commit": {"message": message, "verification": {"verified": false}}})
}

impl Hub {
    fn new() -> Self {
        let repository = json!({"id": 500, "full_name": "team/service"});
        Self {
            pull: json!({
                "id": 70, "number": 7, "html_url": "https://github.com/team/service/pull/7", "user": user(1),
                "assignees": [], "state": "closed", "merged": true, "created_at": at(0), "updated_at": at(30),
                "merged_at": at(30), "merge_commit_sha": hex(11), "commits": 1, "auto_merge": null,
                "base": {"ref": "main", "sha": hex(9), "repo": repository},
                "head": {"ref": "topic", "sha": hex(3), "repo": repository},
            }),
            reviews: vec![review(20, &user(2), "APPROVED", 3, 20)],
            commits: vec![commit(3, 9, &user(1), &user(1), "Title")],
            timeline: vec![reviewed(20, &user(2), 20), event("merged", 2, 30), event("closed", 2, 30)],
            activity: vec![
                push(2, "push", 1, &hex(9), &hex(3), -5),
                push(1, "branch_creation", 1, &"0".repeat(40), &hex(9), -9),
            ],
            rules: json!([{"type": "pull_request", "ruleset_id": 5, "parameters":
                {"required_approving_review_count": 1, "dismiss_stale_reviews_on_push": true}}]),
            ruleset: json!({"id": 5, "enforcement": "active", "bypass_actors": [], "updated_at": at(-900)}),
            suites: json!([{"id": 8, "after_sha": hex(11), "result": "pass"}]),
            suite: json!({"id": 8, "rule_evaluations": []}),
            permission: json!({"permission": "write", "user": {"id": 2}}),
            refusals: vec![("/protection", 404, r#"{"message":"Branch not protected"}"#)],
            page: 100,
        }
    }

    fn paged(&self, name: &str, items: &[Value]) -> (u16, Option<String>, String) {
        let field = |key: &str| name.split(['?', '&']).find_map(|pair| pair.strip_prefix(key));
        let start: usize = match (field("page="), field("after=")) {
            (Some(page), _) => (page.parse::<usize>().unwrap() - 1) * self.page,
            (_, Some(cursor)) => cursor.strip_prefix("c%3D").unwrap().parse().unwrap(),
            _ => 0,
        };
        let end = (start + self.page).min(items.len());
        let path = name.strip_prefix("GET /").unwrap().split('?').next().unwrap();
        let next = if path.ends_with("activity") {
            format!("after=c%3D{end}")
        } else {
            format!("page={}", end / self.page + 1)
        };
        let link =
            (end < items.len()).then(|| format!("<https://api.github.com/{path}?per_page=100&{next}>; rel=\"next\""));
        (200, link, Value::from(items[start.min(end)..end].to_vec()).to_string())
    }

    fn answer(&self, name: &str) -> (u16, Option<String>, String) {
        if let Some((_, status, body)) = self.refusals.iter().find(|(part, _, _)| name.contains(part)) {
            return (*status, None, (*body).to_owned());
        }
        let one = |value: &Value| (200, None, value.to_string());
        match name.strip_prefix("GET /repos/team/service/").unwrap_or(name) {
            "pulls/7" => one(&self.pull),
            rest if rest.starts_with("pulls/7/reviews?per_page=100") => self.paged(name, &self.reviews),
            rest if rest.starts_with("pulls/7/commits?per_page=100") => self.paged(name, &self.commits),
            rest if rest.starts_with("issues/7/timeline?per_page=100") => self.paged(name, &self.timeline),
            rest if rest.contains("activity?ref=refs%2Fheads%2Ftopic&per_page=100") => self.paged(name, &self.activity),
            "rules/branches/main?per_page=100" => one(&self.rules),
            "rulesets/5" => one(&self.ruleset),
            "rulesets/rule-suites?ref=refs%2Fheads%2Fmain&time_period=month&per_page=100" => one(&self.suites),
            rest if rest.starts_with("rulesets/rule-suites/") => one(&self.suite),
            rest if rest.starts_with("collaborators/u") && rest.ends_with("/permission") => one(&self.permission),
            other => panic!("asked for {other}"),
        }
    }

    /// Asks until nothing is left to ask.
    fn asked(&self) -> Asked {
        let mut asked = Asked::github();
        for _ in 0..200 {
            let names = plan_any(&asked.capture);
            if names.is_empty() {
                return asked;
            }
            for name in names {
                let (status, link, body) = self.answer(&name);
                asked.push(&name, status, link.as_deref(), &body);
            }
        }
        panic!("the plan does not end");
    }

    fn read(&self) -> ChangeReview {
        derive_any(&self.asked().capture).unwrap()
    }

    fn review(&self, id: u64) -> ForgeReview {
        self.read().reviews.into_iter().find(|review| review.id == id).unwrap()
    }

    fn story(&self) -> String {
        story(&self.read())
    }
}

fn parts(change: &ChangeReview) -> Vec<Part> {
    change.shortfalls.iter().map(|short| short.what).collect()
}

fn in_role(change: &ChangeReview, role: AuthorRole) -> Vec<Option<u64>> {
    change.authors.iter().filter(|author| author.role == role).map(|author| author.account).collect()
}

#[test]
fn an_honest_pull_request_is_read_whole() {
    let hub = Hub::new();
    let change = hub.read();
    assert_eq!(change.shortfalls, []);
    assert_eq!(story(&change), "moved:3 opened reviewed:20 merged");
    assert!(change.moves_complete);
    assert_eq!(
        (change.state, change.approved_head, change.result_commit),
        (ChangeState::Merged, oid(3), Some(oid(11)))
    );
    assert_eq!(in_role(&change, AuthorRole::Pusher), [Some(1)]);
    assert_eq!(in_role(&change, AuthorRole::Author), [Some(1)]);
    let review = hub.review(20);
    assert_eq!(review.kind, AccountKind::Human);
    assert_eq!(review.permission, Some(Permission::Write));
    assert_eq!(change.rule_suite.as_ref().unwrap().result, SuiteResult::Pass);
    let rules = change.rules.as_ref().unwrap();
    assert!(rules.enforced && rules.dismiss_stale);
    assert_eq!((rules.approvals, rules.bypass_actors), (1, Some(0)));
    let text = serde_json::to_string(&change).unwrap();
    for login in ["u1", "u2"] {
        assert!(!text.contains(login), "logins stay out: {text}");
    }
    assert_eq!(change.raw_evidence.len(), hub.asked().capture.head.exchanges.len());
}

#[test]
fn a_push_after_the_approval_or_in_its_second_comes_after_it() {
    for second in [20, 21, 29, 30] {
        let mut hub = Hub::new();
        hub.activity.insert(0, push(3, "push", 1, &hex(3), &hex(4), second));
        hub.pull["head"]["sha"] = json!(hex(4));
        hub.pull["commits"] = json!(2);
        hub.commits.push(commit(4, 3, &user(1), &user(1), "backdated"));
        assert_eq!(hub.story(), "moved:3 opened reviewed:20 moved:4 merged", "second {second}");
        assert!(hub.read().moves_complete);
    }
}

#[test]
fn a_forced_push_is_listed_once_and_takes_the_server_s_place() {
    let mut hub = Hub::new();
    hub.activity.insert(0, push(3, "force_push", 1, &hex(3), &hex(4), 19));
    hub.timeline.insert(1, event("head_ref_force_pushed", 1, 20));
    hub.pull["head"]["sha"] = json!(hex(4));
    hub.commits = vec![commit(4, 9, &user(1), &user(1), "same patch")];
    assert_eq!(hub.story(), "moved:3 opened reviewed:20 moved:4 merged");
    // What only the timeline knows of is a hole.
    hub.timeline.insert(0, event("head_ref_force_pushed", 5, 3));
    let change = hub.read();
    assert_eq!(story(&change), "moved:3 opened moved:? reviewed:20 moved:4 merged");
    assert!(!change.moves_complete);
    assert_eq!(in_role(&change, AuthorRole::Pusher), [Some(1), Some(5)]);
}

#[test]
fn a_change_that_was_meant_for_another_branch_says_when() {
    let mut hub = Hub::new();
    hub.timeline.insert(1, event("base_ref_changed", 1, 25));
    assert_eq!(hub.story(), "moved:3 opened reviewed:20 retargeted merged");
}

#[test]
fn an_approval_does_not_come_back_when_what_replaced_it_is_set_aside() {
    let mut hub = Hub::new();
    hub.reviews.push(review(21, &user(2), "DISMISSED", 3, 25));
    hub.timeline.insert(1, reviewed(21, &user(2), 25));
    let mut dismissed = event("review_dismissed", 1, 26);
    dismissed["dismissed_review"] = json!({"review_id": 21, "state": "changes_requested"});
    hub.timeline.insert(2, dismissed);
    assert_eq!(hub.review(20).superseded_by, Some(21));
    assert_eq!(hub.review(21).state, ReviewState::Dismissed);
    assert_eq!(hub.story(), "moved:3 opened reviewed:20 reviewed:21 dismissed:21 merged");
    // A remark replaces nothing.
    let mut hub = Hub::new();
    hub.reviews.push(review(21, &user(2), "COMMENTED", 3, 25));
    hub.timeline.insert(1, reviewed(21, &user(2), 25));
    assert_eq!(hub.review(20).superseded_by, None);
}

#[test]
fn an_account_is_what_the_forge_says_and_not_what_its_login_looks_like() {
    let mut hub = Hub::new();
    let mut named_like_a_bot = user(2);
    named_like_a_bot["login"] = json!("u2[bot]");
    hub.reviews[0]["user"] = named_like_a_bot.clone();
    hub.timeline[0]["user"] = named_like_a_bot;
    assert_eq!(hub.review(20).kind, AccountKind::Human);
    let mut hub = Hub::new();
    hub.reviews[0]["user"] = bot(2);
    hub.timeline = vec![reviewed(20, &bot(2), 20), event("merged", 3, 30)];
    assert_eq!((hub.review(20).kind, hub.review(20).permission), (AccountKind::Bot, None));
    // Two answers that disagree tell nothing.
    hub.timeline[0]["user"] = user(2);
    assert_eq!(hub.review(20).kind, AccountKind::Unknown);
    for gone in [Value::Null, json!({"id": 10137, "login": "ghost", "type": "User"})] {
        let mut hub = Hub::new();
        hub.reviews[0]["user"] = gone;
        let review = hub.review(20);
        assert_eq!((review.account, review.kind, review.permission), (None, AccountKind::Unknown, None));
    }
}

#[test]
fn whoever_pushed_committed_or_is_named_is_an_author() {
    let mut hub = Hub::new();
    hub.activity.insert(0, push(3, "push", 2, &hex(3), &hex(4), 5));
    hub.pull["head"]["sha"] = json!(hex(4));
    hub.pull["commits"] = json!(2);
    let message = "T\n\nCo-authored-by: X <6+x@users.noreply.github.com>\nCo-authored-by: Y <y@example.com>";
    hub.commits.push(commit(4, 3, &Value::Null, &json!({}), message));
    let change = hub.read();
    assert_eq!(in_role(&change, AuthorRole::Pusher), [Some(1), Some(2)]);
    assert_eq!(in_role(&change, AuthorRole::Author), [None, Some(1)]);
    assert_eq!(in_role(&change, AuthorRole::Committer), [None, Some(1)]);
    assert_eq!(in_role(&change, AuthorRole::CoAuthor), [None, Some(6)]);
}

#[test]
fn github_s_own_account_commits_for_nobody_only_if_github_signed() {
    let mut hub = Hub::new();
    hub.commits[0]["committer"] = user(19_864_447);
    assert_eq!(in_role(&hub.read(), AuthorRole::Committer), [Some(19_864_447)]);
    hub.commits[0]["commit"]["verification"]["verified"] = json!(true);
    assert_eq!(in_role(&hub.read(), AuthorRole::Committer), []);
}

#[test]
fn whoever_asked_a_robot_is_named() {
    let mut hub = Hub::new();
    hub.pull["user"] = bot(99);
    hub.pull["assignees"] = json!([user(2), bot(99)]);
    hub.timeline.insert(0, event("copilot_work_started", 4, 1));
    assert_eq!(in_role(&hub.read(), AuthorRole::Requester), [Some(2), Some(4)]);
    hub.pull["user"] = user(1);
    assert_eq!(in_role(&hub.read(), AuthorRole::Requester), []);
}

#[test]
fn settings_are_shown_as_they_are_and_hidden_ones_are_not_zero() {
    let mut hub = Hub::new();
    hub.suites[0]["result"] = json!("bypass");
    hub.ruleset["updated_at"] = json!(at(500));
    hub.ruleset["bypass_actors"] = json!([{"actor_id": 1}]);
    let change = hub.read();
    assert_eq!(change.rule_suite.unwrap().result, SuiteResult::Bypass);
    let rules = change.rules.unwrap();
    assert_eq!((rules.bypass_actors, rules.changed_at.unwrap().to_string()), (Some(1), at(500)));

    hub.ruleset["enforcement"] = json!("evaluate");
    hub.ruleset["bypass_actors"] = Value::Null;
    let change = hub.read();
    assert_eq!(parts(&change), [Part::Rules]);
    let rules = change.rules.unwrap();
    assert_eq!((rules.enforced, rules.approvals, rules.bypass_actors), (false, 0, None));

    let mut hub = Hub::new();
    hub.refusals = vec![("/protection", 404, r#"{"message":"Not Found"}"#)];
    let change = hub.read();
    assert_eq!(parts(&change), [Part::Rules]);
    assert_eq!(change.rules.unwrap().bypass_actors, None, "what may not be seen may hide somebody");
}

#[test]
fn the_rules_that_were_gone_past_are_named_and_what_cannot_be_known_of_them_is_said() {
    let mut hub = Hub::new();
    let asked_for = |hub: &Hub, part: &str| {
        hub.asked().capture.head.exchanges.iter().filter(|exchange| exchange.name.contains(part)).count()
    };
    assert_eq!(asked_for(&hub, "rule-suites/8"), 0, "nothing to ask about what held");
    hub.suites[0]["result"] = json!("bypass");
    let of = |kind: &str, enforcement: &str, result: &str| {
        json!({"rule_source": {"type": "ruleset", "id": 5, "name": "reviews"}, "enforcement": enforcement,
               "result": result, "rule_type": kind})
    };
    hub.suite["rule_evaluations"] = json!([
        of("deletion", "active", "pass"),
        of("pull_request", "active", "fail"),
        of("pull_request", "active", "fail"),
        of("required_signatures", "evaluate", "fail"),
        {"rule_source": {"type": "protected_branch", "id": null, "name": null}, "enforcement": "active",
         "result": "fail", "rule_type": "required_status_checks"},
    ]);
    let asked = hub.asked().capture;
    let change = derive_any(&asked).unwrap();
    let suite = change.rule_suite.clone().unwrap();
    let failed = |rule: &str, ruleset, name: Option<&str>| FailedRule {
        rule: rule.to_owned(),
        ruleset,
        name: name.map(str::to_owned),
    };
    let expected = [failed("pull_request", Some(5), Some("reviews")), failed("required_status_checks", None, None)];
    assert_eq!((suite.result, suite.failed.as_slice()), (SuiteResult::Bypass, expected.as_slice()));
    assert_eq!(change.shortfalls, []);
    assert!(change.raw_evidence.iter().any(|raw| raw.name.ends_with("rule-suites/8")), "the answer is kept");

    // Read again from bytes it is the same; without the answer the outcome stands, as before it was asked for.
    let again = Capture::parse(&asked.encode().unwrap()).unwrap();
    assert_eq!(derive_any(&again).unwrap(), change);
    let mut older = Capture::new(asked.head.clone());
    older.head.exchanges.clear();
    for (exchange, bytes) in asked.answers().filter(|(exchange, _)| !exchange.name.ends_with("rule-suites/8")) {
        older.push(exchange.clone(), bytes.to_vec());
    }
    let older = derive_any(&older).unwrap();
    assert_eq!(older.rule_suite.unwrap(), RuleSuite { failed: Vec::new(), ..suite });
    assert_eq!(older.shortfalls, []);

    hub.refusals.push(("/rule-suites/8", 404, ""));
    let change = hub.read();
    assert_eq!(parts(&change), [Part::RuleSuites]);
    assert!(change.shortfalls[0].why.contains("rule suite 8: the forge answered 404"), "{:?}", change.shortfalls);
    assert_eq!(change.rule_suite.unwrap().result, SuiteResult::Bypass, "what is not named is not gone");

    hub.refusals.pop();
    hub.suite["rule_evaluations"] = (0..150).map(|n| of(&format!("rule-{n}"), "active", "fail")).collect();
    let change = hub.read();
    assert_eq!(parts(&change), [Part::RuleSuites]);
    assert_eq!(change.rule_suite.unwrap().failed.len(), 100);
    hub.suite["id"] = json!(9);
    assert!(derive_any(&hub.asked().capture).is_err(), "the record of something else");
    // However many records there are of a landing, a few are asked for.
    hub.suites = (0..40).map(|n| json!({"id": 100 + n, "after_sha": hex(11), "result": "fail"})).collect();
    assert_eq!(asked_for(&hub, "rule-suites/1"), 10);
    hub.refusals.push(("/rule-suites/1", 404, ""));
    let change = hub.read();
    assert_eq!(change.shortfalls.len(), 11);
    assert!(change.shortfalls.iter().any(|one| one.why.contains("40 records")), "{:?}", change.shortfalls);
}

#[test]
fn each_refusal_is_one_shortfall_with_what_it_would_take() {
    let cases = [
        ("/reviews", 403, Part::Reviews),
        ("/commits", 500, Part::Commits),
        ("/activity", 404, Part::Moves),
        ("/permission", 403, Part::Permissions),
        ("/rules/branches", 404, Part::Rules),
        ("/rulesets/5", 404, Part::Rules),
        ("/rule-suites", 403, Part::RuleSuites),
    ];
    for (part, status, what) in cases {
        let mut hub = Hub::new();
        hub.refusals.insert(0, (part, status, "<html>no</html>"));
        let change = hub.read();
        let found: Vec<_> = change.shortfalls.iter().filter(|short| short.what == what).collect();
        assert_eq!(found.len(), 1, "{part}: {:?}", change.shortfalls);
        assert!(found[0].why.contains(&status.to_string()) && found[0].why.contains("need"), "{}", found[0].why);
    }
    let mut hub = Hub::new();
    hub.refusals.insert(0, ("/rule-suites", 403, ""));
    assert!(hub.read().shortfalls[0].why.contains("administration:read"));
    hub.refusals.insert(0, ("/pulls/7", 404, ""));
    assert!(matches!(derive_any(&hub.asked().capture), Err(ForgeError::NoChange { .. })));
}

#[test]
fn lists_are_read_over_all_their_pages_and_capped_ones_are_said() {
    let mut hub = Hub::new();
    hub.page = 1;
    hub.activity.insert(0, push(3, "push", 1, &hex(3), &hex(4), 5));
    hub.pull["head"]["sha"] = json!(hex(4));
    hub.pull["commits"] = json!(2);
    hub.commits.push(commit(4, 3, &user(1), &user(1), "more"));
    let change = hub.read();
    assert_eq!(change.shortfalls, []);
    assert_eq!(story(&change), "moved:3 opened moved:4 reviewed:20 merged");

    let mut hub = Hub::new();
    hub.pull["commits"] = json!(251);
    assert_eq!(parts(&hub.read()), [Part::Commits]);
    let mut hub = Hub::new();
    hub.reviews.push(hub.reviews[0].clone());
    assert_eq!(parts(&hub.read()), [Part::Reviews]);
    let mut hub = Hub::new();
    hub.reviews.clear();
    assert_eq!(parts(&hub.read()), [Part::Reviews], "the timeline tells of a review that vanished");
    let mut hub = Hub::new();
    hub.timeline.remove(0);
    assert_eq!(parts(&hub.read()), [Part::Events]);
}

#[test]
fn answers_that_are_no_answers_are_errors_by_the_name_of_what_was_asked() {
    let cases = [
        (r#"{"id":70"#, "cut"),
        ("<html></html>", "a page"),
        (r#"{"number":7,"number":8}"#, "a key given twice"),
        (r#"[{"number":7}]"#, "a list"),
    ];
    for (body, what) in cases {
        let mut asked = Asked::github();
        asked.page("GET /repos/team/service/pulls/7", None, body);
        assert_eq!(plan_any(&asked.capture), Vec::<String>::new(), "{what}");
        let Err(ForgeError::Answer { name, .. }) = derive_any(&asked.capture) else { panic!("{what}") };
        assert_eq!(name, "GET /repos/team/service/pulls/7");
    }
    let mut hub = Hub::new();
    hub.pull["base"]["repo"]["full_name"] = json!("fork/service");
    assert!(matches!(derive_any(&hub.asked().capture), Err(ForgeError::Answer { .. })), "a fork's pull request");
    let mut hub = Hub::new();
    hub.reviews[0]["id"] = json!("20");
    assert!(derive_any(&hub.asked().capture).is_err());
}

#[test]
fn the_151st_review_counts_like_the_first() {
    let mut hub = Hub::new();
    for id in 0..150 {
        hub.reviews.push(review(100 + id, &user(50 + id), "COMMENTED", 3, 21));
    }
    hub.reviews.push(review(400, &user(2), "CHANGES_REQUESTED", 3, 22));
    hub.timeline.insert(1, reviewed(400, &user(2), 22));
    let change = hub.read();
    assert_eq!((change.reviews.len(), change.shortfalls.len()), (152, 0));
    assert_eq!(change.reviews[0].superseded_by, Some(400));
}

#[test]
fn a_permission_that_a_renamed_login_brought_is_not_taken() {
    let mut hub = Hub::new();
    hub.permission["user"]["id"] = json!(77);
    let change = hub.read();
    assert_eq!(parts(&change), [Part::Permissions]);
    assert_eq!(change.reviews[0].permission, None);
}

#[test]
fn a_fork_is_asked_by_its_own_path_and_shown_by_its_number() {
    let mut hub = Hub::new();
    hub.pull["head"]["repo"] = json!({"id": 600, "full_name": "u1/service"});
    let asked = hub.asked();
    let name = "GET /repos/u1/service/activity?ref=refs%2Fheads%2Ftopic&per_page=100";
    assert!(asked.capture.answer(name).is_some());
    let change = hub.read();
    assert_eq!((change.change.head_repository, change.shortfalls.len()), (Some(600), 0));
    let shown: Vec<_> = change.raw_evidence.iter().filter(|raw| raw.name.contains("activity")).collect();
    assert!(shown[0].name.starts_with("GET /repositories/600/activity?"));
    hub.pull["head"]["repo"] = Value::Null;
    let change = hub.read();
    assert_eq!((parts(&change), change.moves_complete), (vec![Part::Moves], false));
}

#[test]
fn an_open_change_is_asked_for_again_and_a_move_in_between_is_said() {
    let mut hub = Hub::new();
    for (key, value) in [("state", json!("open")), ("merged", json!(false)), ("merged_at", Value::Null)] {
        hub.pull[key] = value;
    }
    hub.timeline.truncate(1);
    let asked = hub.asked();
    assert_eq!(asked.capture.head.exchanges.last().unwrap().name, "GET /repos/team/service/pulls/7");
    let change = hub.read();
    assert_eq!((change.state, change.result_commit, change.shortfalls.len()), (ChangeState::Open, None, 0));
    let mut asked = asked;
    hub.pull["head"]["sha"] = json!(hex(4));
    asked.page("GET /repos/team/service/pulls/7", None, &hub.pull.to_string());
    assert!(parts(&derive_any(&asked.capture).unwrap()).contains(&Part::Change));
}

#[test]
fn a_queue_is_told_by_the_timeline() {
    let mut hub = Hub::new();
    hub.timeline.insert(1, event("added_to_merge_queue", 2, 22));
    assert_eq!(hub.read().strategy, Some(ForgeStrategy::Queue));
    assert_eq!(hub.story(), "moved:3 opened reviewed:20 queued merged");
    hub.pull["merge_commit_sha"] = json!(hex(3));
    hub.timeline.remove(1);
    assert_eq!(hub.read().strategy, Some(ForgeStrategy::FastForward));
}

fn told(change: &ChangeReview) -> ChangeReview {
    let mut told = change.clone();
    told.raw_evidence.clear();
    told.capture = crate::digest::Sha256::of(b"");
    told.collected_at = at(0).parse().unwrap();
    told
}

fn busy() -> Hub {
    let mut hub = Hub::new();
    hub.page = 1;
    hub.activity.insert(0, push(3, "force_push", 1, &hex(3), &hex(4), 5));
    hub.timeline.insert(0, event("head_ref_force_pushed", 1, 5));
    hub.pull["head"]["sha"] = json!(hex(4));
    hub.commits = vec![commit(4, 9, &user(1), &user(1), "more")];
    hub.reviews.push(review(21, &user(3), "COMMENTED", 4, 21));
    hub.timeline.insert(2, reviewed(21, &user(3), 21));
    hub
}

#[test]
fn an_answer_that_is_taken_away_never_makes_the_rest_look_better() {
    for hub in [Hub::new(), busy()] {
        let whole = hub.asked();
        let before = derive_any(&whole.capture).unwrap();
        assert_eq!(before.shortfalls, []);
        for gone in whole.capture.head.exchanges.iter().map(|exchange| exchange.name.clone()) {
            let Ok(after) = derive_any(&whole.without(|name| name == gone).capture) else { continue };
            assert!(told(&after) == told(&before) || !after.shortfalls.is_empty(), "without {gone}");
        }
    }
}

proptest! {
    #[test]
    fn taking_more_away_takes_no_shortfall_away(gone in prop::collection::btree_set(0_usize..24, 0..6), more in 0_usize..24) {
        let whole = busy().asked();
        let names: Vec<String> = whole.capture.head.exchanges.iter().map(|exchange| exchange.name.clone()).collect();
        let without = |gone: &BTreeSet<usize>| {
            derive_any(&whole.without(|name| gone.iter().any(|n| names.get(*n).is_some_and(|g| g == name))).capture)
        };
        let mut further = gone.clone();
        further.insert(more);
        let (Ok(less), Ok(least)) = (without(&gone), without(&further)) else { return Ok(()) };
        // Without its reviews nobody asks what reviewers may do: another part is missing, and not fewer.
        for setting in [false, true] {
            let short = |change: &ChangeReview| change.shortfalls.iter().any(|short| short.what.is_setting() == setting);
            prop_assert!(!short(&less) || short(&least), "nothing is missing any more without {more}");
        }
    }

    #[test]
    fn no_altered_answer_makes_the_reading_panic(
        which in 0_usize..24, from in any::<usize>(), with in prop::collection::vec(any::<u8>(), 0..8)
    ) {
        let whole = busy().asked();
        let altered = altered(&whole.capture, which, from, &with);
        let _names = plan_any(&altered);
        let _result = derive_any(&altered);
    }
}

fn pull_at(hub: &Hub, state: &str, head: u8, second: i64) -> Value {
    let mut pull = hub.pull.clone();
    pull["state"] = json!(state);
    pull["head"]["sha"] = json!(hex(head));
    pull["updated_at"] = json!(at(second));
    if state == "open" {
        pull["merged"] = json!(false);
        pull["merged_at"] = Value::Null;
    }
    pull
}

fn told_live(who: u64, action: &str, pull: &Value, more: &Value) -> String {
    let mut payload = json!({"action": action, "pull_request": pull, "sender": user(who)});
    for (key, value) in more.as_object().unwrap() {
        payload[key] = value.clone();
    }
    payload.to_string()
}

fn deliveries() -> Vec<(&'static str, String)> {
    let hub = Hub::new();
    let open = |head, second| pull_at(&hub, "open", head, second);
    let pushed = json!({"ref": "refs/heads/topic", "before": "0".repeat(40), "after": hex(3), "forced": false,
                        "sender": user(1), "repository": {"id": 500, "pushed_at": 1_795_341_590}});
    vec![
        ("push", pushed.to_string()),
        ("pull_request", told_live(1, "opened", &open(3, 0), &json!({}))),
        (
            "pull_request_review",
            told_live(2, "submitted", &open(3, 10), &json!({"review": review(20, &user(2), "approved", 3, 10)})),
        ),
        ("pull_request", told_live(5, "synchronize", &open(4, 12), &json!({"before": hex(3), "after": hex(4)}))),
        (
            "pull_request_review",
            told_live(2, "submitted", &open(4, 20), &json!({"review": review(21, &user(2), "approved", 4, 20)})),
        ),
        ("pull_request", told_live(2, "closed", &pull_at(&hub, "closed", 4, 30), &json!({}))),
    ]
}

fn live(deliveries: &[(&str, String)]) -> Asked {
    let mut asked = Asked::github();
    asked.capture.head.how = Observation::Live;
    for (n, (event, payload)) in deliveries.iter().enumerate() {
        asked.push(&format!("delivery g{n} {event}"), 200, None, payload);
    }
    asked
}

#[test]
fn what_is_delivered_as_it_happens_amounts_to_the_same() {
    let change = derive_any(&live(&deliveries()).capture).unwrap();
    assert_eq!(story(&change), "moved:3 opened reviewed:20 moved:4 reviewed:21 merged");
    assert!(change.moves_complete);
    assert_eq!(change.observed.gaps, Vec::<String>::new());
    assert_eq!(in_role(&change, AuthorRole::Pusher), [Some(1), Some(5)]);
    assert_eq!(change.reviews[0].superseded_by, Some(21));
    assert_eq!((change.reviews[1].kind, change.reviews[1].permission), (AccountKind::Human, None));
    assert!(parts(&change).contains(&Part::Permissions) && !parts(&change).contains(&Part::Events));
}

#[test]
fn a_delivery_that_is_missing_is_a_gap() {
    for (gone, gap) in [(1, "the opening"), (3, "a move of the head"), (5, "the landing")] {
        let mut some = deliveries();
        some.remove(gone);
        let mut asked = live(&some);
        // What the deliveries lack is asked for, and does not make them whole.
        let mut hub = Hub::new();
        hub.pull = pull_at(&hub, "closed", 4, 31);
        asked.page("GET /repos/team/service/pulls/7", None, &hub.pull.to_string());
        let change = derive_any(&asked.capture).unwrap();
        assert!(change.observed.gaps.contains(&gap.to_owned()), "{gap}: {:?}", change.observed.gaps);
    }
}

#[test]
fn a_review_keeps_the_commit_that_was_told_when_it_was_made() {
    let mut asked = live(&deliveries());
    // GitHub shows the first review for the new head: the patch is the same.
    let shown = json!([review(20, &user(2), "APPROVED", 4, 10), review(21, &user(2), "APPROVED", 4, 20)]);
    asked.page("GET /repos/team/service/pulls/7/reviews?per_page=100", None, &shown.to_string());
    asked.page(
        "GET /repos/team/service/collaborators/u2/permission",
        None,
        &json!({"permission": "write", "user": {"id": 2}}).to_string(),
    );
    let change = derive_any(&asked.capture).unwrap();
    assert_eq!(change.reviews[0].reviewed_commit, Some(oid(3)));
    assert_eq!(change.reviews[1].permission, Some(Permission::Write));
    assert_eq!(change.observed.gaps, Vec::<String>::new());
    let more = json!([review(22, &user(3), "APPROVED", 4, 22)]);
    asked.page("GET /repos/team/service/pulls/7/reviews?per_page=100", None, &more.to_string());
    let change = derive_any(&asked.capture).unwrap();
    assert!(change.observed.gaps.contains(&"review 22".to_owned()), "an approval that was never delivered");
    assert!(parts(&change).contains(&Part::Reviews), "and those that were are not listed any more");
}

#[test]
fn a_delivery_that_comes_late_wins_nothing_for_a_review() {
    let mut late = deliveries();
    let first = late.remove(2);
    late.insert(3, first);
    let change = derive_any(&live(&late).capture).unwrap();
    assert_eq!(story(&change), "moved:3 opened reviewed:20 moved:4 reviewed:21 merged");
    let mut twice = deliveries();
    twice.push(twice[2].clone());
    let mut asked = live(&twice[..6]);
    asked.push("delivery g2 pull_request_review", 200, None, &twice[4].1);
    assert!(parts(&derive_any(&asked.capture).unwrap()).contains(&Part::Events), "one delivery, two contents");
}
