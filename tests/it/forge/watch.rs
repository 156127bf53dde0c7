//! `review watch` over real HTTP: what is delivered as it happens reaches T2, and nothing else does.

use super::watching::{Place, SECRET, Watching, hmac, hub_headers, now, request};
use countersign_core::forge::{Capture, derive};
use countersign_tests::forge::{Delivery, Fault, Kind, Opinion};
use std::io::Write as _;

/// A change from its opening to its landing, delivered as it happens.
fn whole(place: &mut Place, watching: &Watching) -> u64 {
    let number = place.open();
    place.deliver(watching);
    place.approve(number);
    place.deliver(watching);
    place.merge(number);
    place.deliver(watching);
    number
}

#[test]
fn a_change_that_was_watched_from_its_first_push_reaches_t2() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch();
    assert_eq!(watching.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    let number = whole(&mut place, &watching);
    let line = watching.wait_for("signed  #1");
    assert!(line.contains("seen as it happened"), "{line}");
    place.verify("T2").expect(0, &["T2"]);
    place.verify("T3").expect(1, &["T2"]);
    let review = place.statement(number);
    assert_eq!(review.observed.gaps, Vec::<String>::new());
    let bytes = place.door.read(&format!("evidence/{}.capture", review.capture.hex()));
    assert_eq!(derive(&Capture::parse(&bytes).unwrap()).unwrap(), review);
    let names: Vec<&str> = review.raw_evidence.iter().map(|raw| raw.name.as_str()).collect();
    assert_eq!(names[0], "watch absence", "the time before it listened is in the capture");
    assert!(names[1].ends_with(" push") && names[2].ends_with(" pull_request"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("GET ")), "the forge was asked as well");
    let said = watching.text();
    assert_eq!(watching.stop(), 0);
    assert!(!said.contains(SECRET));

    // A restart changes nothing of what is signed, and knows what it had.
    let again = place.watch();
    let first = place.server.story(|story| story.deliveries()[0].clone());
    assert_eq!(again.hub(&first), 200);
    again.wait_for("had already");
    assert_eq!(again.stop(), 0);
    place.verify("T2").expect(0, &["T2"]);
}

#[test]
fn what_is_not_proved_replayed_or_about_something_else_is_refused() {
    let mut place = Place::new(Kind::Github);
    place.door.write("older", b"the-secret-before-this-one");
    super::collect::private(&place.door.path().join("older"));
    let watching = place.watch_with("--secret-file older");
    place.open();
    let all = place.fresh();
    let (push, opened) = (&all[0], &all[1]);
    let path = "/webhooks/github";
    let mut headers = hub_headers("another-secret-of-some-length", push);
    assert_eq!(watching.send(&request(path, &headers, &push.body)), 401);
    headers.pop();
    assert_eq!(watching.send(&request(path, &headers, &push.body)), 401, "without a signature");
    let good = hub_headers(SECRET, push);
    let mut twice = good.clone();
    twice.push(("X-Hub-Signature-256", "sha256=00".to_owned()));
    assert_eq!(watching.send(&request(path, &twice, &push.body)), 401, "with two");
    let mut other = push.body.clone();
    other[20] ^= 1;
    assert_eq!(watching.send(&request(path, &good, &other)), 401, "other bytes than were signed");
    let with = |name: &str, value: &str| -> Vec<(&'static str, String)> {
        good.iter().map(|(n, v)| (*n, if *n == name { value.to_owned() } else { v.clone() })).collect()
    };
    assert_eq!(
        watching.send(&request(path, &with("Content-Type", "application/x-www-form-urlencoded"), &push.body)),
        415
    );
    assert_eq!(watching.send(&request(path, &with("X-GitHub-Delivery", ""), &push.body)), 400);
    assert_eq!(watching.send(&request(path, &with("X-GitHub-Event", "ping"), &push.body)), 200, "of no interest");
    assert_eq!(watching.send(&request("/webhooks/gitlab", &good, &push.body)), 404);
    assert_eq!(watching.send(b"GET /webhooks/github HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    let length = "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let large = vec![b' '; (16 << 20) + 1];
    let chunked = format!("{length}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", large.len());
    assert_eq!(watching.send(&[chunked.as_bytes(), &large, b"\r\n0\r\n\r\n"].concat()), 413);
    let long = format!("{length}X-Long: {}\r\n\r\n", "x".repeat(40_000));
    assert_eq!(watching.send(long.as_bytes()), 431);
    let whole = request(path, &good, &push.body);
    watching.send_cut(&whole[..whole.len() - 5]);
    watching.wait_for("the body was cut off");

    assert_eq!(watching.send(&request(path, &hub_headers("the-secret-before-this-one", push), &push.body)), 202);
    assert_eq!(watching.hub(opened), 202);
    assert_eq!(watching.hub(opened), 200, "the same again");
    let renamed = Delivery { guid: "another-id".to_owned(), ..opened.clone() };
    assert_eq!(watching.hub(&renamed), 200, "the same under another id, which nothing proves");
    let replayed = Delivery { body: push.body.clone(), ..opened.clone() };
    assert_eq!(watching.hub(&replayed), 409);
    let text = String::from_utf8(opened.body.clone()).unwrap().replace("team/app", "team/other");
    let elsewhere = Delivery { guid: "elsewhere".to_owned(), body: text.into_bytes(), ..opened.clone() };
    assert_eq!(watching.hub(&elsewhere), 403);
    let text = String::from_utf8(opened.body.clone()).unwrap().replace("4001", "4002");
    let elsewhere = Delivery { guid: "namesake".to_owned(), body: text.into_bytes(), ..opened.clone() };
    assert_eq!(watching.hub(&elsewhere), 403, "another repository of the same name");
    for words in ["replayed with other contents", "about another repository", "not proved", "had already", "as 0000"] {
        watching.wait_for(words);
    }
    assert!(!watching.text().contains(SECRET) && !watching.text().contains("the-secret-before"));
    assert_eq!(watching.stop(), 0);
    let kept = std::fs::read_dir(place.door.path().join("state/deliveries")).unwrap().count();
    assert_eq!(kept, 2, "nothing else was kept");
}

#[test]
fn a_command_line_that_would_not_be_safe_is_refused() {
    let place = Place::new(Kind::Github);
    let line = place.line();
    place.door.run(&line.replace("127.0.0.1:0", "0.0.0.0:0")).expect(2, &["--allow-remote", "TLS"]);
    place.door.run(&line.replace("--secret-file secret", "")).expect(2, &["0 secrets"]);
    place.door.run(&line.replace("--secret-file secret", "--secret-env NOT_SET")).expect(2, &["NOT_SET is not set"]);
    let short = line.replace("--secret-file secret", "--secret-env SHORT");
    let said = place.door.run_with(&[("SHORT", "hunter2")], &short);
    said.expect(2, &["shorter than 16"]);
    assert!(!said.text.contains("hunter2"));
    let running = place.watch();
    place.door.run(&line).expect(5, &["in use by another run"]);
    drop(running);
}

#[test]
fn a_restart_in_the_middle_of_a_change_lowers_its_tier_and_says_so() {
    for gently in [true, false] {
        let mut place = Place::new(Kind::Github);
        let watching = place.watch();
        let number = place.open();
        place.deliver(&watching);
        place.approve(number);
        place.deliver(&watching);
        if gently {
            assert_eq!(watching.stop(), 0);
        } else {
            watching.kill();
        }
        let watching = place.watch();
        place.merge(number);
        place.deliver(&watching);
        let line = watching.wait_for("signed  #1");
        assert!(line.contains("T1"), "{line}");
        watching.wait_for("gap: nobody listened from");
        let gaps = place.statement(number).observed.gaps;
        assert!(gaps.len() == 1 && gaps[0].starts_with("nobody listened from"), "{gaps:?}");
        place.verify("T1").expect(0, &["T1"]);
        place.verify("T2").expect(1, &["review-tier", "change 1: not seen as it happened: nobody listened from"]);
    }
}

#[test]
fn what_was_missed_while_nobody_listened_is_a_gap() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch();
    let number = place.open();
    place.deliver(&watching);
    place.approve(number);
    let lost = place.fresh();
    place.merge(number);
    place.deliver(&watching);
    watching.wait_for("signed  #1");
    let gaps = place.statement(number).observed.gaps;
    assert!(gaps.iter().any(|gap| gap.starts_with("review ")), "{gaps:?}");
    assert_eq!(place.verify("T2").code, 1);
    place.verify("T1").expect(0, &["T1"]);

    // It is delivered once more, in time: now it was seen.
    assert_eq!(watching.hub(&lost[0]), 202);
    let line = watching.wait_for_several("signed  #1", 2);
    assert!(line.contains("seen as it happened"), "{line}");
    place.verify("T2").expect(0, &["T2"]);
    let captures = std::fs::read_dir(place.door.path().join("evidence")).unwrap().count();
    assert_eq!(captures, 2, "the statement and its capture alone");
}

#[test]
fn a_delivery_that_comes_long_after_is_not_seen_as_it_happened() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch();
    place.server.story(|story| story.now = now().plus(-3_000));
    let number = whole(&mut place, &watching);
    watching.wait_for("signed  #1");
    let gaps = place.statement(number).observed.gaps;
    assert!(gaps.iter().any(|gap| gap.contains("came at another time")), "{gaps:?}");
    assert!(gaps.iter().any(|gap| gap.starts_with("nobody listened before")), "{gaps:?}");
    assert_eq!(place.verify("T2").code, 1);
}

#[test]
fn a_landing_waits_for_the_forge_and_survives_a_power_cut() {
    let mut place = Place::new(Kind::Github);
    place.door.write("token", b"ghp_token");
    super::collect::private(&place.door.path().join("token"));
    place.server.only_for("ghp_token");
    place.server.misbehave("/api/", 10_000, Fault::Cut);
    let watching = place.watch_with("--token-file token");
    let number = whole(&mut place, &watching);
    watching.wait_for("kept  #1  pull_request  closed");
    watching.kill();
    assert!(!place.door.has(&format!("evidence/{number}.change-review.sigstore.json")));
    // A record was being written when it died.
    let journal = place.door.path().join("state/journal");
    let mut file = std::fs::OpenOptions::new().append(true).open(&journal).unwrap();
    file.write_all(b"{\"mediaType\":\"application/vnd.dev").unwrap();
    drop(file);

    let watching = place.watch_with("--token-file token");
    watching.wait_for("repaired");
    watching.wait_for("waiting  #1");
    place.server.behave();
    watching.wait_for("signed  #1");
    assert!(!watching.text().contains("ghp_token"));
    place.verify("T2").expect(0, &["T2"]);
    assert_eq!(watching.stop(), 0);
}

#[test]
fn what_the_forge_refuses_to_show_is_said_and_asked_for_again() {
    let mut place = Place::new(Kind::Github);
    place.server.misbehave("/reviews", 2, Fault::Status(403));
    let watching = place.watch();
    let number = whole(&mut place, &watching);
    watching.wait_for("short: reviews");
    watching.wait_for("waiting  #1");
    let line = watching.wait_for_several("signed  #1", 2);
    assert!(line.contains("seen as it happened"), "{line}");
    assert_eq!(place.statement(number).shortfalls, []);
    place.verify("T2").expect(0, &["T2"]);
    place.server.misbehave("/reviews", 10_000, Fault::Status(403));
    assert_eq!(watching.stop(), 0);
    // What is whole is left alone at a restart.
    let again = place.watch();
    assert_eq!(again.stop(), 0);
    assert_eq!(place.statement(number).shortfalls, []);
}

#[test]
fn a_journal_that_was_altered_ends_the_watching_with_its_place() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch();
    whole(&mut place, &watching);
    watching.wait_for("signed  #1");
    assert_eq!(watching.stop(), 0);
    let text = String::from_utf8(place.door.read("state/journal")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let mut dropped = lines.clone();
    dropped.remove(2);
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let mut inserted = lines.clone();
    inserted.insert(2, lines[2]);
    let edited = text.replacen("\"sig\":\"", "\"sig\":\"AAAA", 3);
    let line = place.line();
    let refused = |bytes: &str, words: &[&str]| {
        place.door.write("state/journal", bytes.as_bytes());
        place.door.run(&line).expect(4, words);
    };
    refused(&joined(&swapped), &["watch-journal", "record 2", "no delivery is received"]);
    refused(&edited, &["watch-journal", "record 0"]);
    refused(&joined(&dropped), &["watch-journal", "missing"]);
    refused(&joined(&inserted), &["watch-journal", "record"]);
    refused(&joined(&lines[..lines.len() - 1]), &["watch-journal", "missing"]);
    refused("", &["watch-journal", "missing"]);
    place.door.write("state/journal", text.as_bytes());
    let other = place.line().replace("collector.pem", "keys/gate.pem");
    place.door.run(&other).expect(4, &["watch-journal", "record 0", "this key"]);
    let payload =
        std::fs::read_dir(place.door.path().join("state/deliveries")).unwrap().next().unwrap().unwrap().path();
    let body = std::fs::read(&payload).unwrap();
    std::fs::write(&payload, b"{}").unwrap();
    place.door.run(&line).expect(4, &["watch-journal", "the delivery that it names was altered"]);
    std::fs::remove_file(&payload).unwrap();
    place.door.run(&line).expect(4, &["watch-journal", "is not there any more"]);
    std::fs::write(&payload, body).unwrap();
    assert_eq!(place.watch().stop(), 0);
}

#[test]
fn without_the_forge_s_answers_what_is_missing_is_said() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch_with("--deliveries-only");
    let number = whole(&mut place, &watching);
    watching.wait_for("signed  #1");
    watching.wait_for("short: commits");
    assert!(!place.statement(number).shortfalls.is_empty());
    assert_ne!(place.verify("T2").code, 0);
    assert!(place.server.seen().is_empty(), "nothing was asked");
}

#[test]
fn for_programs_each_line_is_a_document() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch_with("--format json");
    whole(&mut place, &watching);
    watching.wait_for("\"outcome\":\"signed\"");
    let text = watching.text();
    assert_eq!(watching.stop(), 0);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        crate::door::valid("review watch", "output/review-watch/v0.1.schema.json", line);
    }
    let outcomes: Vec<&str> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["listening", "kept", "kept", "kept", "kept", "kept", "signed"]);
    assert_eq!((lines[5]["change"].as_u64(), lines[6]["change"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn a_merge_request_that_was_watched_reaches_t2_with_a_signature_or_with_a_token() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    let key = [9_u8; 32];
    for signing in [true, false] {
        let mut place = Place::new(Kind::Gitlab);
        if signing {
            place.door.write("secret", format!("whsec_{}", BASE64.encode(key)).as_bytes());
        }
        let watching = place.watch();
        let number = place.open();
        place.approve(number);
        place.merge(number);
        let send = |delivery: &Delivery, key: &[u8]| {
            let mut headers = vec![
                ("Content-Type", "application/json".to_owned()),
                ("X-Gitlab-Event", delivery.event.clone()),
                ("X-Gitlab-Event-UUID", delivery.guid.clone()),
            ];
            if signing {
                let at = now().unix();
                let message = [format!("{}.{at}.", delivery.guid).as_bytes(), &delivery.body].concat();
                headers.push(("webhook-id", delivery.guid.clone()));
                headers.push(("webhook-timestamp", at.to_string()));
                headers.push(("webhook-signature", format!("v1,{}", BASE64.encode(hmac(key, &message).as_bytes()))));
            } else {
                headers.push(("X-Gitlab-Token", if key[0] == 9 { SECRET.to_owned() } else { "other".repeat(5) }));
            }
            watching.send(&request("/webhooks/gitlab", &headers, &delivery.body))
        };
        for delivery in place.fresh() {
            assert_eq!(send(&delivery, &[8; 32]), 401);
            assert_eq!(send(&delivery, &key), 202, "{}", watching.text());
            assert_eq!(send(&delivery, &key), 200);
        }
        watching.wait_for("signed  #1");
        assert_eq!(place.statement(number).observed.gaps, Vec::<String>::new());
        place.verify("T2").expect(0, &["T2"]);
        assert_eq!(watching.stop(), 0);
    }
}

#[test]
fn a_delivery_that_cannot_be_read_may_have_told_of_anything() {
    let mut place = Place::new(Kind::Github);
    let watching = place.watch();
    let number = place.open();
    place.deliver(&watching);
    let event = "pull_request_review".to_owned();
    let broken = Delivery { guid: "broken".to_owned(), event, body: b"{\"action\":".to_vec(), at: now() };
    assert_eq!(watching.hub(&broken), 422);
    place.server.story(|story| story.review(number, place.ben, Opinion::Approve));
    place.deliver(&watching);
    place.merge(number);
    place.deliver(&watching);
    watching.wait_for("signed  #1");
    assert_eq!(place.statement(number).observed.gaps.len(), 1);
    place.verify("T1").expect(0, &["T1"]);
    assert_eq!(place.verify("T2").code, 1);
}
