//! The fake forge itself: that it speaks as the real ones do where that matters.

use super::{id, story};
use countersign_tests::forge::{Commit, Kind, Opinion, Server, Story, Way};
use serde_json::Value;
use std::io::{Read as _, Write as _};

/// An answer's head and body, over a plain socket: the fake is not judged by the client that it tests.
fn get(server: &Server, path: &str) -> (String, Value) {
    let mut socket = std::net::TcpStream::connect(server.address()).unwrap();
    let below = if server.story(|story| story.kind) == Kind::Github { "/api/v3" } else { "/api/v4" };
    write!(socket, "GET {below}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn lists_come_in_pages_that_name_the_repository_by_its_number() {
    let mut story = story(Kind::Github);
    let ben = story.person("ben2");
    for _ in 0..60 {
        story.review(1, ben, Opinion::Comment);
    }
    let server = Server::start(story);
    let (head, body) = get(&server, "/repos/team/service/pulls/1/reviews");
    assert_eq!(body.as_array().unwrap().len(), 30);
    assert!(head.contains("/repositories/4001/pulls/1/reviews?page=2>; rel=\"next\""), "{head}");
    let (head, body) = get(&server, "/repositories/4001/pulls/1/reviews?page=3");
    assert_eq!((body.as_array().unwrap().len(), head.contains("rel=\"next\"")), (1, false));
}

#[test]
fn the_older_protection_does_not_know_of_rules_and_rules_hide_who_may_pass_them() {
    let server = Server::start(story(Kind::Github));
    assert!(get(&server, "/repos/team/service/branches/main/protection").0.starts_with("http/1.1 404"));
    let rules = get(&server, "/repos/team/service/rules/branches/main").1;
    let path = format!("/repos/team/service/rulesets/{}", rules[0]["ruleset_id"]);
    assert!(get(&server, &path).1["bypass_actors"].is_array());
    assert!(get(&server, "/repos/team/service/rulesets/rule-suites").0.starts_with("http/1.1 200"));
    server.story(|story| story.admin = false);
    assert_eq!(get(&server, &path).1["bypass_actors"], Value::Null);
    assert!(get(&server, "/repos/team/service/rulesets/rule-suites").0.starts_with("http/1.1 403"));
}

#[test]
fn deleted_accounts_are_nobody_and_reviews_can_be_bound_anew() {
    let server = Server::start(story(Kind::Github));
    let review = get(&server, "/repos/team/service/pulls/1/reviews").1[0].clone();
    assert_eq!((review["user"]["login"].as_str(), review["commit_id"].as_str()), (Some("ben"), Some(id("b").as_str())));
    server.story(|story| {
        story.rebind(1, review["id"].as_u64().unwrap(), &id("d"));
        story.delete(review["user"]["id"].as_u64().unwrap());
    });
    let review = get(&server, "/repos/team/service/pulls/1/reviews").1[0].clone();
    assert_eq!((&review["user"], review["commit_id"].as_str()), (&Value::Null, Some(id("d").as_str())));
}

#[test]
fn gitlab_names_the_next_page_in_a_header_of_its_own() {
    let mut story = story(Kind::Gitlab);
    let ada = story.person("ada2");
    let commits = (0..25).map(|n| Commit::new(&format!("{n:040x}"), &[])).collect();
    let change = story.open(ada, "long", "main", &id("a"), commits);
    let server = Server::start(story);
    let path = format!("/projects/team%2Fservice/merge_requests/{change}/commits");
    let (head, body) = get(&server, &path);
    assert_eq!((body.as_array().unwrap().len(), head.contains("x-next-page: 2")), (20, true), "{head}");
    let (head, _) = get(&server, &format!("{path}?page=2"));
    assert!(head.contains("x-next-page: \r\n") || head.contains("x-next-page:\r\n"), "{head}");
    let approvals = get(&server, "/projects/4001/merge_requests/1/approvals").1;
    assert_eq!(approvals["approved_by"][0]["user"]["username"], "ben");
}

#[test]
fn what_is_told_is_also_delivered() {
    let github = story(Kind::Github);
    let events: Vec<&str> = github.deliveries().iter().map(|delivery| delivery.event.as_str()).collect();
    assert_eq!(events, ["push", "pull_request", "pull_request_review", "push", "pull_request"]);
    let last: Value = serde_json::from_slice(&github.deliveries()[4].body).unwrap();
    assert_eq!((last["action"].as_str(), last["pull_request"]["merged"].as_bool()), (Some("closed"), Some(true)));
    let gitlab = story(Kind::Gitlab);
    let actions: Vec<String> = gitlab
        .deliveries()
        .iter()
        .map(|delivery| {
            let body: Value = serde_json::from_slice(&delivery.body).unwrap();
            body["object_attributes"]["action"].as_str().unwrap_or("push").to_owned()
        })
        .collect();
    assert_eq!(actions, ["push", "open", "approved", "push", "merge"]);
}

#[test]
fn a_story_can_be_told_of_a_real_repository() {
    let scene = countersign_tests::review_suite::Scene::default();
    let base = scene.id("main");
    let head = scene.feature("ada");
    let landed = scene.merge("feature");
    let mut story = Story::new(Kind::Github, "team/service");
    let ada = story.person("ada");
    let commits = Commit::of_range(&scene.repo(), "start..feature", |name| (name == "ada").then_some(ada));
    assert_eq!((commits.len(), commits[0].id.as_str(), commits[0].author), (1, head.as_str(), Some(ada)));
    let change = story.open(ada, "feature", "main", &base, commits);
    story.merge(change, ada, &landed, Way::Merge);
    let server = Server::start(story);
    let pulls = get(&server, &format!("/repos/team/service/commits/{landed}/pulls")).1;
    assert_eq!(pulls[0]["number"], change);
}
