//! How long it takes to collect 200 changes of a range from the fake forge, which takes 50 ms for every answer. Prints one
//! row for it, with the requests, the stated rate and the most requests at one time, and one for what the rate alone takes.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot be taken should stop, and says what it found"
)]

use countersign_collect::Environment;
use countersign_collect::forge::{Client, Clock, Credential, Place, Secret, Settings};
use countersign_core::exit::Exit;
use countersign_core::ids::RefName;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::time::Time;
use countersign_flow::review::{CollectRequest, Reading, Which, collect};
use countersign_sign::{KeyKind, SigningKey};
use countersign_tests::forge::{Commit, Kind, Opinion, Server, Story, Way};
use countersign_tests::review_suite::Scene;
use serde_json::json;
use std::time::{Duration, Instant};

const CHANGES: usize = 200;
const LATENCY: Duration = Duration::from_millis(50);
const PER_MINUTE: usize = 20_000;

struct Machine;

impl Clock for Machine {
    #[expect(clippy::disallowed_methods, reason = "this is the machine's clock")]
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Time::from_unix(i64::try_from(since.as_secs()).expect("seconds")).expect("a time")
    }

    fn wait(&self, length: Duration) {
        std::thread::sleep(length);
    }

    fn random(&self) -> u64 {
        0
    }
}

fn main() {
    let scene = Scene::default();
    let mut story = Story::new(Kind::Github, "team/service");
    let (ada, ben) = (story.person("ada"), story.person("ben"));
    story.rules("main", 1, true);
    for n in 0..CHANGES {
        let (branch, base) = (format!("change-{n}"), scene.id("main"));
        scene.git(&["checkout", "-q", "-b", &branch]);
        scene.write(&format!("{n}.txt"), &branch);
        scene.commit_unsigned("ada", &branch);
        scene.git(&["checkout", "-q", "main"]);
        let commits = Commit::of_range(&scene.repo(), &format!("main..{branch}"), |_| Some(ada));
        let change = story.open(ada, &branch, "main", &base, commits);
        story.review(change, ben, Opinion::Approve);
        let landed = scene.merge(&branch);
        story.merge(change, ada, &landed, Way::Merge);
        story.suite(change, "pass");
    }
    let server = Server::start(story);
    server.latency(LATENCY);
    let place = Place::new(ForgeKind::Github, "git+https://github.com/team/service", Some(&server.api()));
    let credential = Credential::Bearer(Secret::of("ghp_token", "the example").expect("a token"));
    let settings = Settings { per_minute: PER_MINUTE, ..Settings::new(place.expect("a place"), credential) };
    let folder = tempfile::tempdir().expect("a folder");
    let programs: Environment = std::env::vars_os().collect();
    let start = Instant::now();
    let client = Client::new(settings, &Machine).expect("a client");
    let document = collect(&CollectRequest {
        client: &client,
        which: Which::Range { repo: &scene.repo(), start: "start", candidate: "main", programs: &programs },
        target: &RefName::new("refs/heads/main").expect("a branch"),
        key: &SigningKey::generate(KeyKind::P256).expect("a key"),
        dir: folder.path(),
        reading: Reading::default(),
    })
    .expect("collected");
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!((document.changes.len(), document.exit), (CHANGES, Exit::Ok));
    let requests = server.seen().len();
    let line = json!({
        "name": "collect-200-changes-50ms", "unit": "s", "runs": 1, "min": seconds, "median": seconds, "max": seconds,
        "requests": requests, "ratePerMinute": PER_MINUTE, "parallel": client.parallel(),
        "mostAtOnce": server.most_at_once(),
    });
    println!("{line}");
    // What the stated rate alone asks for: less than this, and the rate was not kept.
    let requests = u32::try_from(requests).expect("a count");
    let alone = f64::from(requests) * 60.0 / f64::from(u32::try_from(PER_MINUTE).expect("a rate"));
    let line = json!({
        "name": "collect-200-changes-at-the-stated-rate", "unit": "s", "runs": 1, "min": alone, "median": alone,
        "max": alone,
    });
    println!("{line}");
}
