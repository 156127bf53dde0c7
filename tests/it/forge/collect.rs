//! Which changes a range came from, and what is written of them.

use super::{Patient, TOKEN, id, settings, story};
use countersign_collect::Environment;
use countersign_collect::forge::{Client, OnlineError};
use countersign_core::bundle::Signed;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::forge::{Capture, derive};
use countersign_core::ids::RefName;
use countersign_core::statement::change_review::{ChangeReview, ChangeState, Part, SuiteResult};
use countersign_core::statement::{Kind as StatementKind, Statement};
use countersign_flow::FlowError;
use countersign_flow::output::ReviewCollected;
use countersign_flow::review::{CollectRequest, Reading, Which, collect};
use countersign_sign::{KeyKind, SigningKey};
use countersign_tests::door::Door;
use countersign_tests::forge::{Commit, Fault, Kind, Opinion, Server, Story, Way};
use countersign_tests::review_suite::Scene;
use std::path::Path;

fn collected(server: &Server, which: Which<'_>, dir: &Path) -> Result<ReviewCollected, FlowError> {
    let clock = Patient::new();
    let client = Client::new(settings(server), &clock)?;
    collect(&CollectRequest {
        client: &client,
        which,
        target: &RefName::new("refs/heads/main").unwrap(),
        key: &SigningKey::generate(KeyKind::P256).unwrap(),
        dir,
        reading: Reading::default(),
    })
}

fn one(server: &Server, dir: &Path) -> ReviewCollected {
    collected(server, Which::Numbers(&[1]), dir).unwrap()
}

fn statement(dir: &Path, number: u64) -> (Statement, ChangeReview) {
    let bytes = std::fs::read(dir.join(format!("{number}.change-review.sigstore.json"))).unwrap();
    let signed = Signed::parse(bytes.trim_ascii_end()).unwrap();
    let statement = Statement::parse(&signed.payload).unwrap();
    let review = statement.predicate_as(StatementKind::ChangeReview).unwrap();
    (statement, review)
}

#[test]
fn a_change_becomes_a_signed_statement_beside_the_answers_that_give_it() {
    let (server, folder) = (Server::start(story(Kind::Github)), tempfile::tempdir().unwrap());
    let document = one(&server, folder.path());
    assert_eq!((document.exit, document.changes.len()), (Exit::Ok, 1), "{document:?}");
    let (statement, review) = statement(folder.path(), 1);
    let commits: Vec<&str> = statement.subjects.iter().map(|s| s.digest["gitCommit"].as_str()).collect();
    assert_eq!(commits, [id("b"), id("c")]);
    assert_eq!(review.state, ChangeState::Merged);
    let bytes = std::fs::read(folder.path().join(format!("{}.capture", review.capture.hex()))).unwrap();
    assert_eq!(Sha256::of(&bytes), review.capture);
    assert_eq!(derive(&Capture::parse(&bytes).unwrap()).unwrap(), review);
    assert!(!String::from_utf8_lossy(&bytes).contains(TOKEN));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn settings_that_are_hidden_are_notes_and_reviews_that_are_hidden_are_a_hole() {
    let (server, folder) = (Server::start(story(Kind::Github)), tempfile::tempdir().unwrap());
    server.story(|story| story.admin = false);
    let document = one(&server, folder.path());
    let shortfalls = &document.changes[0].shortfalls;
    assert!(
        shortfalls.iter().any(|s| s.what == Part::RuleSuites && s.why.contains("administration:read")),
        "{shortfalls:?}"
    );
    assert!(shortfalls.iter().all(|s| s.what.is_setting()), "{shortfalls:?}");
    assert_eq!(document.exit, Exit::Ok);
    for (part, what) in [("/reviews", Part::Reviews), ("/commits?", Part::Commits), ("/timeline", Part::Events)] {
        server.misbehave(part, 1, Fault::Status(403));
        let document = one(&server, folder.path());
        assert_eq!(document.exit, Exit::Indeterminate, "{part}");
        assert!(document.changes[0].shortfalls.iter().any(|s| s.what == what), "{part}: {document:?}");
    }
}

#[test]
fn pages_that_repeat_vanish_or_are_cut_off_leave_a_hole() {
    let mut long = story(Kind::Github);
    let cy = long.person("cy");
    for _ in 0..120 {
        long.review(1, cy, Opinion::Comment);
    }
    let (server, folder) = (Server::start(long), tempfile::tempdir().unwrap());
    assert_eq!(one(&server, folder.path()).exit, Exit::Ok);
    for fault in [Fault::SamePage, Fault::LostPage] {
        server.misbehave("/reviews", 2, fault.clone());
        assert_eq!(one(&server, folder.path()).exit, Exit::Indeterminate, "{fault:?}");
        server.behave();
    }
    server.story(|story| {
        story.change(1).commits = (0..260).map(|n| Commit::new(&format!("{n:040x}"), &[&id("a")])).collect();
    });
    let document = one(&server, folder.path());
    assert_eq!(document.exit, Exit::Indeterminate);
    assert!(document.changes[0].shortfalls.iter().any(|s| s.why.contains("250")), "{document:?}");
}

#[test]
fn an_answer_that_is_no_answer_gives_no_statement_and_is_kept() {
    let (server, folder) = (Server::start(story(Kind::Github)), tempfile::tempdir().unwrap());
    for (fault, exit) in
        [(Fault::Html, Exit::Untrusted), (Fault::Truncated, Exit::Untrusted), (Fault::Status(404), Exit::Indeterminate)]
    {
        server.misbehave("/pulls/1", 1, fault.clone());
        let document = one(&server, folder.path());
        assert_eq!(document.exit, exit, "{fault:?} {document:?}");
        assert!(document.changes[0].failed.is_some() && document.changes[0].statement.is_none());
        let capture = document.changes[0].capture.as_ref().unwrap().hex();
        assert!(folder.path().join(format!("{capture}.capture")).exists());
    }
    assert!(!folder.path().join("1.change-review.sigstore.json").exists());
}

/// A repository with two changes, a commit that nobody opened a change for, and the forge's story of it.
fn range() -> (Scene, Story) {
    let scene = Scene::default();
    let mut story = Story::new(Kind::Github, "team/service");
    let (ada, ben) = (story.person("ada"), story.person("ben"));
    for branch in ["one", "two"] {
        let base = scene.id("main");
        scene.git(&["checkout", "-q", "-b", branch]);
        scene.write(&format!("{branch}.txt"), branch);
        scene.commit("ada", branch);
        scene.git(&["checkout", "-q", "main"]);
        let commits = Commit::of_range(&scene.repo(), &format!("main..{branch}"), |_| Some(ada));
        let change = story.open(ada, branch, "main", &base, commits);
        story.review(change, ben, Opinion::Approve);
        let landed = scene.merge(branch);
        story.merge(change, ada, &landed, Way::Merge);
    }
    scene.write("direct.txt", "direct");
    scene.commit("ada", "direct");
    // An open change and one for another branch hold the same commits.
    let commits = Commit::of_range(&scene.repo(), "start..one", |_| Some(ada));
    story.open(ada, "again", "main", &scene.id("start"), commits.clone());
    let backport = story.open(ada, "backport", "release", &scene.id("start"), commits);
    story.merge(backport, ada, &scene.id("main~1"), Way::Merge);
    (scene, story)
}

fn of_range<'a>(repo: &'a Path, programs: &'a Environment, start: &'a str) -> Which<'a> {
    Which::Range { repo, start, candidate: "main", programs }
}

#[test]
fn a_range_is_read_by_the_changes_that_landed_on_the_branch_each_once() {
    let (scene, story) = range();
    let (server, folder) = (Server::start(story), tempfile::tempdir().unwrap());
    let programs: Environment = std::env::vars_os().collect();
    let repo = scene.repo();
    let document = collected(&server, of_range(&repo, &programs, "start"), folder.path()).unwrap();
    let numbers: Vec<u64> = document.changes.iter().map(|change| change.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(document.without.iter().map(ToString::to_string).collect::<Vec<_>>(), [scene.id("main")]);
    assert_eq!(document.changes[1].result.unwrap().hex(), scene.id("main~1"));
    // An empty range is nothing read, not everything.
    let document = collected(&server, of_range(&repo, &programs, "main"), folder.path()).unwrap();
    assert_eq!((document.changes.len(), document.exit), (0, Exit::Indeterminate));
}

#[test]
fn a_list_of_changes_that_cannot_be_read_to_its_end_stops_the_run() {
    let (scene, mut story) = range();
    let landed = scene.id("main~1");
    let template = story.changes[&1].clone();
    for number in 1000..1150 {
        story.changes.insert(number, countersign_tests::forge::Change { number, ..template.clone() });
        story.linked.entry(landed.clone()).or_default().insert(number);
    }
    let (server, folder) = (Server::start(story), tempfile::tempdir().unwrap());
    let programs: Environment = std::env::vars_os().collect();
    let list = format!("/commits/{landed}/pulls");
    for fault in [Fault::SamePage, Fault::LostPage, Fault::Html, Fault::Status(403), Fault::Status(422)] {
        server.misbehave(&list, 2, fault.clone());
        let repo = scene.repo();
        let error = collected(&server, of_range(&repo, &programs, "start"), folder.path()).unwrap_err();
        assert!(matches!(error, FlowError::Online(OnlineError::Listing { .. })), "{fault:?}: {error}");
        assert_eq!(error.exit(), Exit::Io);
        server.behave();
    }
}

#[test]
fn the_door_collects_signs_and_says_what_is_missing() {
    let (scene, story) = range();
    let server = Server::start(story);
    server.only_for(TOKEN);
    server.story(|story| story.admin = false);
    let door = Door::new();
    door.write("token", TOKEN.as_bytes());
    let repo = scene.repo();
    let line = format!(
        "review collect github start..main --repository https://github.com/team/service --repo {} --api {} \
         --key keys/gate.pem --dir evidence --token-file token",
        repo.display(),
        server.api()
    );
    let said = door.run(&line);
    said.expect(5, &["token has mode", "chmod 600", "nothing was"]);
    private(&door.path().join("token"));
    let said = door.run(&line);
    said.expect(0, &["#1  merged", "#2  merged", "note: rule suites: ", "came with no change"]);
    said.expect(0, &["rule suites need administration:read"]);
    assert!(!said.text.contains(TOKEN));
    assert!(door.has("evidence/2.change-review.sigstore.json"));

    let said = door.run(&format!("{line} --format json"));
    let document = crate::door::holds("review collect", &said);
    assert_eq!((said.code, document["changes"][0]["number"].as_u64()), (0, Some(1)));

    server.misbehave("/pulls/1/reviews", 1, Fault::Status(404));
    door.run(&line).expect(3, &["short: reviews: "]);
    server.misbehave("/pulls/2/reviews", 1, Fault::Redirect("https://evil.example/".to_owned()));
    door.run(&line).expect(5, &["points to evil.example", "nothing was"]);
    door.write("token", b"ghp_other");
    door.run(&line).expect(5, &["status 401"]);
    door.run(&line.replace("--api http://", "--api ftp://")).expect(2, &["https://"]);
    door.run(&line.replace("start..main", "start")).expect(2, &["START..CANDIDATE"]);
}

pub(super) fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_door_reads_as_a_github_app_and_shows_its_key_and_token_to_nobody() {
    let door = Door::new();
    let Some(key) = super::client::app_key(door.path()) else { return };
    let server = Server::start(story(Kind::Github));
    server.only_for("nobody's");
    let line = |app: &str| {
        format!(
            "review collect github --change 1 --repository https://github.com/team/service --api {} \
             --key keys/gate.pem --dir evidence {app}",
            server.api()
        )
    };
    door.run(&line("")).expect(3, &["the forge answered 401"]);
    door.run(&line("--app-id 1234")).expect(2, &["--app-key"]);
    let said = door.run(&line("--app-id 1234 --app-key app.pem"));
    said.expect(0, &["#1  merged", "1 review(s)"]);
    assert_eq!((server.count("/service/installation"), server.count("/access_tokens")), (1, 1));
    let named = door.run(&line("--app-id 1234 --app-key app.pem --app-installation 77"));
    named.expect(0, &["#1  merged"]);
    assert_eq!(server.count("/service/installation"), 1, "the installation was named");
    let secret = std::fs::read_to_string(&key).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    for entry in std::fs::read_dir(door.path().join("evidence")).unwrap() {
        let kept = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        assert!(!kept.contains("ghs_fake") && !kept.contains(secret));
    }
    assert!(!said.text.contains("ghs_fake"));
    door.write("app.pem", b"no key\n");
    door.run(&line("--app-id 1234 --app-key app.pem")).expect(5, &["app.pem", "nothing was"]);
}

#[test]
fn how_the_rules_came_out_is_found_on_a_later_page_and_missing_is_not_a_pass() {
    let mut long = story(Kind::Github);
    let landing = long.suites.pop().unwrap();
    let template = landing.clone();
    long.suites.push(landing);
    for n in 0..230 {
        let mut later = template.clone();
        later.id += n + 1;
        later.after = format!("{n:040x}");
        long.suites.push(later);
    }
    let (server, folder) = (Server::start(long), tempfile::tempdir().unwrap());
    one(&server, folder.path());
    assert_eq!(statement(folder.path(), 1).1.rule_suite.map(|suite| suite.result), Some(SuiteResult::Pass));
    assert_eq!(server.count("/rule-suites"), 3, "every page up to the landing");
    server.story(|story| story.suites.iter_mut().for_each(|suite| suite.result = "bypass"));
    one(&server, folder.path());
    let review = statement(folder.path(), 1).1;
    let suite = review.rule_suite.as_ref().unwrap();
    let ruleset = server.story(|story| story.rulesets[0].id);
    let failed: Vec<_> = suite.failed.iter().map(|failed| (failed.rule.as_str(), failed.ruleset)).collect();
    assert_eq!((suite.result, failed.as_slice()), (SuiteResult::Bypass, [("pull_request", Some(ruleset))].as_slice()));
    let bytes = std::fs::read(folder.path().join(format!("{}.capture", review.capture.hex()))).unwrap();
    assert_eq!(derive(&Capture::parse(&bytes).unwrap()).unwrap(), review);
    server.story(|story| story.suites.retain(|suite| suite.after.starts_with("00")));
    one(&server, folder.path());
    let review = statement(folder.path(), 1).1;
    assert_eq!(review.rule_suite, None);
    assert!(review.shortfalls.iter().any(|short| short.what == Part::RuleSuites && short.why.contains("no record")));
    server.misbehave("/rule-suites", 1, Fault::Status(404));
    one(&server, folder.path());
    let review = statement(folder.path(), 1).1;
    assert!(review.rule_suite.is_none());
    assert!(review.shortfalls.iter().any(|short| short.why.contains("administration:read")), "{:?}", review.shortfalls);
}

#[test]
fn a_merge_request_of_gitlab_is_read_signed_and_derived_again() {
    let mut protected = story(Kind::Gitlab);
    protected.protected.insert("main".to_owned(), 1);
    let (server, folder) = (Server::start(protected), tempfile::tempdir().unwrap());
    let document = one(&server, folder.path());
    assert_eq!((document.exit, document.changes[0].reviews), (Exit::Ok, 1), "{document:?}");
    assert_eq!(document.changes[0].shortfalls, []);
    assert!(server.seen().iter().all(|seen| seen.status == 200));
    let (_, review) = statement(folder.path(), 1);
    assert_eq!((review.approved_head.hex(), review.result_commit.unwrap().hex()), (id("b"), id("c")));
    let bytes = std::fs::read(folder.path().join(format!("{}.capture", review.capture.hex()))).unwrap();
    assert_eq!(derive(&Capture::parse(&bytes).unwrap()).unwrap(), review);
    server.misbehave("/versions", 1, Fault::Status(403));
    assert_eq!(one(&server, folder.path()).exit, Exit::Indeterminate);
}
