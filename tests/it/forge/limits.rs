//! What a forge's limits and faults cost, and what they do not.

use super::{Patient, captured, settings, story};
use countersign_collect::forge::{Client, Clock as _, OnlineError, Settings};
use countersign_core::time::Time;
use countersign_tests::forge::{Fault, Kind, Server};
use std::time::Duration;

/// How long is waited if the forge misbehaves once.
fn waited(fault: Fault) -> Duration {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 1, fault);
    let clock = Patient::new();
    let capture = captured(settings(&server), &clock).unwrap();
    assert!(capture.answers().all(|(exchange, _)| exchange.status == 200));
    clock.waited()
}

fn about(found: Duration, seconds: u64) {
    let seconds = Duration::from_secs(seconds);
    assert!(
        found >= seconds.saturating_sub(Duration::from_secs(2)) && found <= seconds + Duration::from_secs(2),
        "{found:?}"
    );
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_forge_says_by_its_own_clock() {
    about(waited(Fault::Secondary(Some(30))), 30);
    about(waited(Fault::TooMany(20)), 20);
    // The fake forge's clock is the machine's and ours is not: only the difference counts.
    about(waited(Fault::Spent(40)), 40);
    about(waited(Fault::Secondary(None)), 60);
}

#[test]
fn the_last_request_that_is_free_is_followed_by_a_rest() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/pulls/1", 1, Fault::Last(50));
    let clock = Patient::new();
    let one_at_a_time = Settings { parallel: 1, ..settings(&server) };
    captured(one_at_a_time, &clock).unwrap();
    about(clock.waited(), 50);
    assert!(server.seen().iter().all(|seen| seen.status == 200));
}

#[test]
fn patience_has_a_bound_that_is_stated() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 1, Fault::Spent(3000));
    let clock = Patient::new();
    let error = captured(settings(&server), &clock).unwrap_err();
    assert!(matches!(error, OnlineError::Waiting { bound: 900, .. }), "{error}");
    assert_eq!(clock.waited(), Duration::ZERO);
    // A forge that never stops saying "later" does not keep us for ever.
    server.misbehave("/reviews", usize::MAX, Fault::TooMany(100));
    let error = captured(settings(&server), &clock).unwrap_err();
    assert!(matches!(error, OnlineError::Waiting { .. }), "{error}");
    assert!(clock.waited() <= Duration::from_hours(1), "{:?}", clock.waited());
}

#[test]
fn faults_of_the_forge_are_tried_again_and_the_last_one_is_kept() {
    let server = Server::start(story(Kind::Github));
    server.misbehave("/reviews", 3, Fault::Status(502));
    let capture = captured(settings(&server), &Patient::new()).unwrap();
    assert!(capture.answers().all(|(exchange, _)| exchange.status == 200));
    server.misbehave("/reviews", 4, Fault::Status(503));
    let clock = Patient::new();
    let capture = captured(settings(&server), &clock).unwrap();
    let statuses: Vec<u16> = capture.answers().map(|(exchange, _)| exchange.status).collect();
    assert_eq!(statuses, [200, 503, 200, 200]);
    assert!(clock.waited() >= Duration::from_millis(3500), "{:?}", clock.waited());
}

#[test]
fn no_more_requests_go_out_than_were_stated() {
    let server = Server::start(story(Kind::Github));
    server.latency(Duration::from_millis(20));
    let clock = Patient::new();
    let start = clock.now();
    let client = Client::new(Settings { per_minute: 10, parallel: 3, ..settings(&server) }, &clock).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..4 {
                    client.get("GET /repos/team/service").unwrap();
                }
            });
        }
    });
    assert_eq!(server.count("/repos"), 32);
    assert!(server.most_at_once() <= 3, "{}", server.most_at_once());
    // Ten in each minute: the last ones in the fourth.
    let took = Time::since(clock.now(), start);
    assert!(took >= 180, "{took}");
}
