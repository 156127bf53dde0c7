//! Deliveries that GitHub really sent: each is read, says what it is about, and lacks nothing that it does not lack.

use countersign_core::digest::Sha256;
use countersign_core::forge::webhook::Topic;
use countersign_core::forge::{self, Capture, Exchange, Head, webhook};
use countersign_core::ids::Uri;
use countersign_core::statement::change_review::{
    ChangeReview, ChangeState, EventKind, ForgeKind, Observation, Part, ReviewState, Shortfall,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Every delivery, by its file's name: the event and the bytes.
fn deliveries() -> BTreeMap<String, (String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("third-party/octokit-webhooks");
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let event = name.split('.').next().unwrap().to_owned();
            out.insert(name, (event, std::fs::read(&path).unwrap()));
        }
    }
    assert_eq!(out.len(), 16, "the selection is whole");
    out
}

/// What these deliveries amount to, as the receiver would keep them.
fn told(of: &[(&str, &[u8])]) -> ChangeReview {
    let pull: Value = of
        .iter()
        .find_map(|(_, bytes)| serde_json::from_slice::<Value>(bytes).unwrap().get("pull_request").cloned())
        .unwrap();
    let path = pull["base"]["repo"]["full_name"].as_str().unwrap().to_owned();
    // They came when they were recorded: one that comes at another time than what it tells of is a gap.
    let at = pull["updated_at"].as_str().unwrap().parse().unwrap();
    let mut capture = Capture::new(Head {
        forge: ForgeKind::Github,
        host: "github.com".to_owned(),
        repository: Uri::new(&format!("git+https://github.com/{path}")).unwrap(),
        path,
        change: pull["number"].as_u64().unwrap(),
        how: Observation::Live,
        gaps: Vec::new(),
        collected_at: at,
        exchanges: Vec::new(),
    });
    for (n, (event, bytes)) in of.iter().enumerate() {
        let exchange = Exchange {
            name: format!("delivery 0000-{n} {event}"),
            status: 200,
            at,
            link: None,
            next_page: None,
            length: 0,
            digest: Sha256::of(b""),
        };
        capture.push(exchange, bytes.to_vec());
    }
    forge::derive(&capture).unwrap()
}

#[test]
fn every_recorded_delivery_says_what_it_is_about() {
    for (name, (event, bytes)) in deliveries() {
        let about = webhook::subject_of(ForgeKind::Github, &event, &bytes).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        match event.as_str() {
            "pull_request" | "pull_request_review" => {
                let about = about.unwrap();
                let Topic::Change { number, landed, .. } = about.topic else { panic!("{name}") };
                assert_eq!(Some(number), value["pull_request"]["number"].as_u64(), "{name}");
                assert_eq!(landed, value["pull_request"]["merged_at"].is_string(), "{name}");
                assert_eq!(Some(about.repository), value["repository"]["id"].as_u64(), "{name}");
            }
            "push" => {
                let pushed = value["ref"].as_str().unwrap().to_owned();
                assert_eq!(about.unwrap().topic, Topic::Push { pushed }, "{name}");
            }
            _ => assert_eq!(about, None, "{name}"),
        }
    }
}

#[test]
fn every_recorded_delivery_about_a_change_is_read_and_lacks_only_what_was_not_delivered() {
    for (name, (event, bytes)) in deliveries() {
        if !matches!(event.as_str(), "pull_request" | "pull_request_review") {
            continue;
        }
        let change = told(&[(&event, &bytes)]);
        // One delivery does not tell of the commits, nor of what came before it. All else in it is there.
        let mut wanted = vec![(Part::Commits, "it was not asked for")];
        let mut gaps = vec!["the opening"];
        if name == "pull_request.opened" {
            gaps.clear();
        } else {
            wanted.push((Part::Events, "the opening was not delivered"));
        }
        if name == "pull_request_review.dismissed" {
            wanted.push((Part::Events, "the order of events does not show every review"));
            wanted.push((Part::Permissions, "it was not asked for"));
            gaps.insert(0, "review 237895671");
        }
        let short: Vec<&Shortfall> = change.shortfalls.iter().filter(|short| !short.what.is_setting()).collect();
        for (what, why) in &wanted {
            assert!(
                short.iter().any(|short| short.what == *what && short.why.contains(why)),
                "{name}: {why}: {short:#?}"
            );
        }
        assert_eq!(short.len(), wanted.len(), "{name}: {short:#?}");
        assert_eq!(change.observed.gaps, gaps, "{name}");
        assert!(change.authors.iter().all(|author| author.account.is_some()), "{name}");
    }
}

#[test]
fn a_change_is_told_by_its_recorded_deliveries_in_order() {
    let all = deliveries();
    let of = |name: &str| (all[name].0.as_str(), all[name].1.as_slice());
    let change = told(&[of("pull_request.opened"), of("pull_request_review.submitted"), of("pull_request.closed")]);
    assert_eq!(change.state, ChangeState::Closed);
    assert_eq!(change.reviews.iter().map(|review| review.state).collect::<Vec<_>>(), [ReviewState::Commented]);
    let happened: Vec<&EventKind> = change.events.iter().map(|event| &event.what).collect();
    assert_eq!(happened.first(), Some(&&EventKind::Opened));
    assert!(happened.contains(&&EventKind::Closed), "{happened:?}");
    let dismissed = told(&[of("pull_request_review.dismissed")]);
    assert_eq!(dismissed.reviews.iter().map(|review| review.state).collect::<Vec<_>>(), [ReviewState::Dismissed]);
}
