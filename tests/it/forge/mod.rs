//! A forge, read over real HTTP on this machine.

mod client;
mod collect;
mod door_tier2;
mod fake;
mod gate;
mod limits;
mod recorded;
mod watch;
mod watching;

use countersign_collect::forge::{Client, Clock, Common, Credential, OnlineError, Place, Secret, Settings, capture};
use countersign_core::forge::Capture;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::time::Time;
use countersign_tests::forge::{Commit, Kind, Opinion, Server, Story, Way};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const REPOSITORY: &str = "git+https://github.com/team/service";
const TOKEN: &str = "ghp_secretsecretsecret";

/// A clock that goes on when it is waited for, and at no other time.
#[derive(Debug)]
struct Patient {
    now: Mutex<Time>,
    waits: Mutex<Vec<Duration>>,
    random: AtomicU64,
}

impl Patient {
    fn new() -> Self {
        let now = Mutex::new("2026-11-22T10:00:00Z".parse().unwrap());
        Self { now, waits: Mutex::default(), random: AtomicU64::new(0) }
    }

    fn waited(&self) -> Duration {
        self.waits.lock().unwrap().iter().sum()
    }
}

impl Clock for Patient {
    fn now(&self) -> Time {
        *self.now.lock().unwrap()
    }

    fn wait(&self, length: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.plus(i64::try_from(length.as_secs()).unwrap());
        self.waits.lock().unwrap().push(length);
    }

    fn random(&self) -> u64 {
        self.random.fetch_add(7, Ordering::SeqCst)
    }
}

fn id(letter: &str) -> String {
    letter.repeat(40)
}

/// One change that ada opened, ben approved and ada merged.
fn story(kind: Kind) -> Story {
    let mut story = Story::new(kind, "team/service");
    let (ada, ben) = (story.person("ada"), story.person("ben"));
    story.rules("main", 1, true);
    let commits = vec![Commit::new(&id("b"), &[&id("a")]).by(ada)];
    let change = story.open(ada, "feature", "main", &id("a"), commits);
    story.review(change, ben, Opinion::Approve);
    story.merge(change, ada, &id("c"), Way::Merge);
    story.suite(change, "pass");
    story
}

fn settings(server: &Server) -> Settings {
    let (kind, repository) = match server.story(|story| story.kind) {
        Kind::Github => (ForgeKind::Github, REPOSITORY),
        Kind::Gitlab => (ForgeKind::Gitlab, "git+https://gitlab.com/team/service"),
    };
    let place = Place::new(kind, repository, Some(&server.api())).unwrap();
    let credential = Credential::Bearer(Secret::of(TOKEN, "the test").unwrap());
    let mut settings = Settings::new(place, credential);
    settings.timeout = Duration::from_secs(20);
    settings
}

/// What a plan asks for that knows nothing of any forge but this.
fn reviews_and_pages(capture: &Capture) -> Vec<String> {
    let root = "GET /repos/team/service";
    let number = capture.head.change;
    let first = [
        format!("{root}/pulls/{number}"),
        format!("{root}/pulls/{number}/reviews?per_page=100"),
        format!("{root}/pulls/{number}/commits?per_page=100"),
        format!("{root}/collaborators/ada/permission"),
    ];
    let mut wanted: Vec<String> = first.to_vec();
    for (exchange, _) in capture.answers() {
        if let Some(link) = &exchange.link
            && link.contains("rel=\"next\"")
        {
            let (base, page) = exchange.name.rsplit_once("&page=").unwrap_or((&exchange.name, "1"));
            wanted.push(format!("{base}&page={}", page.parse::<u32>().unwrap() + 1));
        }
    }
    wanted.retain(|name| capture.answer(name).is_none());
    wanted
}

fn captured(settings: Settings, clock: &Patient) -> Result<Capture, OnlineError> {
    let client = Client::new(settings, clock)?;
    capture(&client, 1, reviews_and_pages, &Common::default())
}
