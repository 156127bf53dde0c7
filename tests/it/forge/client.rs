//! What the client keeps, whom it asks, and what it shows to whom.

use super::{Patient, REPOSITORY, TOKEN, captured, id, settings, story};
use countersign_collect::forge::{App, Client, Credential, OnlineError, Place, Secret, Settings, Unreachable};
use countersign_core::forge::Capture;
use countersign_core::statement::change_review::ForgeKind;
use countersign_tests::forge::{Commit, Fault, Kind, Opinion, Server};
use std::time::Duration;

#[test]
fn every_answer_is_kept_in_the_order_of_the_plan_whichever_came_first() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 1, Fault::Slow(Duration::from_millis(200)));
    let clock = Patient::new();
    let first = captured(settings(&server), &clock).unwrap();
    let second = captured(settings(&server), &clock).unwrap();
    assert_eq!(first.encode().unwrap(), second.encode().unwrap());
    let names: Vec<&str> = first.answers().map(|(exchange, _)| exchange.name.as_str()).collect();
    assert_eq!(names[1], "GET /repos/team/service/pulls/1/reviews?per_page=100");
    assert_eq!(names.len(), 4);
    assert!(server.most_at_once() > 1);
    let bytes = first.encode().unwrap();
    assert_eq!(Capture::parse(&bytes).unwrap(), first);
}

#[test]
fn all_pages_are_read_and_the_cap_of_a_list_is_seen_as_it_is() {
    let mut story = story(Kind::Github);
    let ben = story.person("ben2");
    for _ in 0..250 {
        story.review(1, ben, Opinion::Comment);
    }
    story.change(1).commits = (0..300).map(|n| Commit::new(&format!("{n:040x}"), &[&id("a")])).collect();
    let server = Server::start(story);
    let capture = captured(settings(&server), &Patient::new()).unwrap();
    let lengths = |part: &str| -> Vec<usize> {
        let of = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap().as_array().unwrap().len();
        capture.answers().filter(|(e, _)| e.name.contains(part)).map(|(_, body)| of(body)).collect()
    };
    assert_eq!(lengths("/reviews"), [100, 100, 51]);
    assert_eq!(lengths("/commits"), [100, 100, 50]);
}

#[test]
fn a_refusal_is_an_answer_and_is_kept_with_its_status() {
    let server = Server::start(story(Kind::Github));
    for (part, status) in [("/reviews", 404), ("/commits", 403), ("/permission", 451)] {
        server.misbehave(part, 1, Fault::Status(status));
    }
    let clock = Patient::new();
    let capture = captured(settings(&server), &clock).unwrap();
    let statuses: Vec<u16> = capture.answers().map(|(exchange, _)| exchange.status).collect();
    assert_eq!(statuses, [200, 404, 403, 451]);
    assert_eq!(clock.waited(), Duration::ZERO);
}

#[test]
fn a_page_for_people_and_cut_json_are_kept_as_they_came() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 1, Fault::Html);
    server.misbehave("/commits", 1, Fault::Truncated);
    let capture = captured(settings(&server), &Patient::new()).unwrap();
    let body = |part: &str| capture.answers().find(|(e, _)| e.name.contains(part)).unwrap().1.to_vec();
    assert!(body("/reviews").starts_with(b"<html>"));
    assert!(serde_json::from_slice::<serde_json::Value>(&body("/commits")).is_err());
}

#[test]
fn credentials_are_shown_to_the_forge_and_to_nobody_else() {
    let server = Server::start(story(Kind::Github));
    let other = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 1, Fault::Redirect(format!("{}/stolen", other.api())));
    let error = captured(settings(&server), &Patient::new()).unwrap_err();
    assert!(matches!(error, OnlineError::Elsewhere { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!(other.seen(), []);
    assert!(server.seen().iter().all(|seen| seen.credentials == [format!("authorization: Bearer {TOKEN}")]));
}

#[test]
fn a_forge_that_points_to_another_name_or_scheme_of_itself_is_not_followed() {
    for to in ["http://localhost:1/x", "https://127.0.0.1/x", "//example.com/x", "ftp://127.0.0.1/x"] {
        let server = Server::start(story(Kind::Github));
        server.misbehave("/pulls/1", 1, Fault::Redirect(to.to_owned()));
        let error = captured(settings(&server), &Patient::new()).unwrap_err();
        assert!(matches!(error, OnlineError::Elsewhere { .. }), "{to}: {error}");
    }
}

#[test]
fn a_repository_that_was_renamed_is_followed_on_the_same_host_and_not_for_ever() {
    let mut renamed = story(Kind::Github);
    renamed.old_path = Some("team/service".to_owned());
    renamed.path = "team/renamed".to_owned();
    let server = Server::start(renamed);
    let capture = captured(settings(&server), &Patient::new()).unwrap();
    assert!(capture.answers().all(|(exchange, _)| exchange.status == 200));
    assert!(server.count("/repositories/4001/pulls/1") > 0);
    server.misbehave("/pulls/1", usize::MAX, Fault::RedirectToItself);
    let error = captured(settings(&server), &Patient::new()).unwrap_err();
    assert!(matches!(error, OnlineError::Redirects { limit: 5, .. }), "{error}");
}

#[test]
fn each_kind_of_token_goes_into_its_own_header() {
    let secret = || Secret::of(TOKEN, "the test").unwrap();
    for (credential, header) in [
        (Credential::Bearer(secret()), "authorization: Bearer "),
        (Credential::PrivateToken(secret()), "private-token: "),
        (Credential::JobToken(secret()), "job-token: "),
    ] {
        let server = Server::start(story(Kind::Gitlab));
        server.only_for(TOKEN);
        let settings = Settings { credential, ..settings(&server) };
        assert!(!format!("{settings:?}").contains(TOKEN));
        let clock = Patient::new();
        let client = Client::new(settings, &clock).unwrap();
        assert!(!format!("{client:?}").contains(TOKEN));
        assert_eq!(client.get("GET /projects/team%2Fservice").unwrap().status, 200);
        assert_eq!(server.seen()[0].credentials, [format!("{header}{TOKEN}")]);
    }
    let server = Server::start(story(Kind::Gitlab));
    server.only_for(TOKEN);
    let clock = Patient::new();
    let client = Client::new(Settings { credential: Credential::None, ..settings(&server) }, &clock).unwrap();
    assert_eq!(client.get("GET /projects/team%2Fservice").unwrap().status, 401);
}

/// A key as GitHub hands them out, readable by its owner alone; none where openssl is absent.
pub(super) fn app_key(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let key = folder.join("app.pem");
    #[expect(clippy::disallowed_methods, reason = "GitHub hands out the keys that openssl makes")]
    let made =
        std::process::Command::new("openssl").args(["genrsa", "-traditional", "-out"]).arg(&key).arg("2048").output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("skipped: openssl is absent");
        return None;
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    Some(key)
}

#[test]
fn an_app_exchanges_its_claim_for_a_token_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(key) = app_key(folder.path()) else { return };
    let server = Server::start(story(Kind::Github));
    server.only_for("nobody's");
    let app = App::load("1234", &key, None).unwrap();
    let settings = Settings { credential: Credential::App(Box::new(app)), ..settings(&server) };
    let capture = captured(settings, &Patient::new()).unwrap();
    assert!(capture.answers().all(|(exchange, _)| exchange.status == 200));
    assert_eq!((server.count("/installation"), server.count("/access_tokens")), (2, 1));
    let bytes = capture.encode().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("ghs_fake"));
    let asked = server.seen();
    assert!(
        asked
            .iter()
            .filter(|s| s.path.contains("/pulls/"))
            .all(|s| s.credentials == ["authorization: Bearer ghs_fake0"])
    );
}

#[test]
fn an_answer_that_is_still_the_same_is_not_sent_twice_and_counts_as_answered() {
    let folder = tempfile::tempdir().unwrap();
    let cached = |server: &Server| Settings { cache: Some(folder.path().join("cache")), ..settings(server) };
    let server = Server::start(story(Kind::Github));
    let first = captured(cached(&server), &Patient::new()).unwrap();
    let second = captured(cached(&server), &Patient::new()).unwrap();
    assert_eq!(first, second);
    let statuses: Vec<u16> = server.seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 304, 304, 304, 304]);
    // What was altered on disk is asked for anew, as if it had never been kept.
    for file in std::fs::read_dir(folder.path().join("cache/answers")).unwrap() {
        std::fs::write(file.unwrap().path(), b"[]").unwrap();
    }
    let third = captured(cached(&server), &Patient::new()).unwrap();
    assert_eq!(first, third);
    assert!(server.seen().iter().skip(8).all(|seen| seen.status == 200 && seen.etag.is_none()));
    // What changed on the forge is seen.
    server.story(|story| {
        let cy = story.person("cy");
        story.review(1, cy, Opinion::Reject)
    });
    let fourth = captured(cached(&server), &Patient::new()).unwrap();
    assert_ne!(first, fourth);
    let kept = std::fs::read_dir(folder.path().join("cache/asked")).unwrap();
    assert!(kept.map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap()).all(|text| !text.contains(TOKEN)));
}

#[test]
fn an_answer_without_an_end_is_refused_while_it_is_read() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 1, Fault::Huge);
    let error = captured(settings(&server), &Patient::new()).unwrap_err();
    assert!(matches!(error, OnlineError::TooLarge { .. }), "{error}");
}

#[test]
fn a_forge_that_cannot_show_who_it_is_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, countersign_tests::forge::AUTHORITY).unwrap();
    let server = Server::start_tls(story(Kind::Github));
    let with = |api: &str, authorities| {
        let place = Place::new(ForgeKind::Github, REPOSITORY, Some(api)).unwrap();
        captured(Settings { place, authorities, ..settings(&server) }, &Patient::new())
    };
    let capture = with(&server.api(), Some(authority.clone())).unwrap();
    assert!(capture.answers().all(|(exchange, _)| exchange.status == 200));
    let asked = server.seen().len();
    // Its authority is not one that is believed; its certificate is another host's.
    let address = server.api().replace("localhost", "127.0.0.1");
    for error in [with(&server.api(), None).unwrap_err(), with(&address, Some(authority)).unwrap_err()] {
        assert!(matches!(error, OnlineError::Tls { .. }), "{error:?}");
    }
    assert_eq!(server.seen().len(), asked);
    std::fs::write(folder.path().join("none.pem"), "no certificate\n").unwrap();
    let error = with(&server.api(), Some(folder.path().join("none.pem"))).unwrap_err();
    assert!(matches!(error, OnlineError::Certificates { .. }), "{error:?}");
}

#[test]
fn a_host_that_is_named_in_no_proxy_is_asked_without_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, countersign_tests::forge::AUTHORITY).unwrap();
    let server = Server::start_tls(story(Kind::Github));
    let proxied = |no_proxy: Option<&str>| {
        captured(
            Settings {
                authorities: Some(authority.clone()),
                // Nobody listens there.
                proxy: Some("http://127.0.0.1:9".to_owned()),
                no_proxy: no_proxy.map(str::to_owned),
                attempts: 1,
                ..settings(&server)
            },
            &Patient::new(),
        )
    };
    for elsewhere in [None, Some("example.com"), Some("")] {
        let error = proxied(elsewhere).unwrap_err();
        assert!(matches!(error, OnlineError::Unreachable { .. }), "{error:?}");
    }
    assert_eq!(server.seen().len(), 0);
    for here in ["localhost", "example.com, localhost", "*"] {
        assert!(proxied(Some(here)).is_ok(), "{here}");
    }
}

#[test]
fn nobody_there_and_answers_that_break_off_are_tried_again_and_then_told_apart() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 2, Fault::Cut);
    let clock = Patient::new();
    assert!(captured(settings(&server), &clock).is_ok());
    assert!(clock.waited() >= Duration::from_millis(1500), "{:?}", clock.waited());

    server.misbehave("/reviews", usize::MAX, Fault::Cut);
    let error = captured(settings(&server), &clock).unwrap_err();
    assert!(matches!(error, OnlineError::Unreachable { what: Unreachable::Cut, attempts: 4, .. }), "{error:?}");

    let slow = Server::start(story(Kind::Github));
    slow.misbehave("/reviews", usize::MAX, Fault::Slow(Duration::from_secs(5)));
    let hurried = Settings { timeout: Duration::from_millis(200), attempts: 2, ..settings(&slow) };
    let error = captured(hurried, &clock).unwrap_err();
    assert!(matches!(error, OnlineError::Unreachable { what: Unreachable::Timeout, .. }), "{error:?}");

    let gone = settings(&server);
    drop(server);
    let error = captured(gone, &clock).unwrap_err();
    assert!(matches!(error, OnlineError::Unreachable { what: Unreachable::Connect, .. }), "{error:?}");
}
