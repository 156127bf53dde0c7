//! A scene on a forge: a repository made by git, the story of what the forge saw of it, and a collector that reads that
//! story over HTTP as it would read the forge.

use super::scene::{Hosting, REPOSITORY, Scene};
use super::stage::Stage;
use crate::forge::{Commit, Kind, Opinion, Server, Story, Way};
use countersign_collect::forge::{Client, Clock, Common, Credential, Place, Settings, capture};
use countersign_core::digest::Sha256;
use countersign_core::forge::{Capture, Exchange, derive, plan};
use countersign_core::statement::change_review::{ChangeReview, ForgeKind, Observation};
use countersign_core::statement::review::Tier;
use countersign_core::statement::{Kind as Statements, Statement, Subject};
use countersign_core::time::Time;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use std::time::Duration;

/// The branch of the forge.
const MAIN: &str = "main";

/// The scene.
pub(super) struct Hosted {
    pub scene: Scene,
    pub story: Story,
    pub ada: u64,
    pub ben: u64,
    pub cy: u64,
    /// Somebody whom trust does not know.
    pub mallory: u64,
    pub robot: u64,
    pub collector: SigningKey,
    /// A key that trust has for builds alone.
    pub builder: SigningKey,
    live: bool,
}

/// A clock that does not wait.
struct Still;

impl Clock for Still {
    fn now(&self) -> Time {
        "2026-11-22T09:00:00Z".parse().expect("a time")
    }

    fn wait(&self, _length: Duration) {}

    fn random(&self) -> u64 {
        7
    }
}

impl Hosted {
    /// On GitHub, with rules that were in force all the time.
    pub(super) fn new() -> Self {
        Self::on(Kind::Github)
    }

    pub(super) fn on(kind: Kind) -> Self {
        let mut story = Story::new(kind, "team/app");
        let (ada, ben, cy) = (story.person("ada"), story.person("ben"), story.person("cy"));
        let (mallory, robot) = (story.person("mallory"), story.robot("updates[bot]"));
        story.rules(MAIN, 1, true);
        let key = || SigningKey::generate(KeyKind::Ed25519).expect("random bytes");
        let mut hosted = Self {
            scene: Scene::new(),
            story,
            ada,
            ben,
            cy,
            mallory,
            robot,
            collector: key(),
            builder: key(),
            live: false,
        };
        hosted.trust(|text| text);
        hosted.scene.asking(|parameters| parameters.least_tier = Tier::T1);
        hosted
    }

    /// Uses the scene's trust with the accounts, the collector and the robot, changed by `edit`.
    pub(super) fn trust(&mut self, edit: impl FnOnce(String) -> String) {
        let mut text = self.scene.trust_text(&["ada", "ben", "cy"]);
        for (person, account) in [("ada", self.ada), ("ben", self.ben), ("cy", self.cy)] {
            let accounts = format!("id = \"{person}\"\naccounts = [{{ host = \"example.com\", id = {account} }}]\n");
            text = text.replace(&format!("id = \"{person}\"\n"), &accounts);
        }
        let key = |key: &SigningKey| key.public().to_openssh();
        text.push_str(&format!(
            "[[collectors]]\nname = \"reader\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"change-review\"]\n\
             hosts = [\"example.com\"]\nmax_tier = \"T2\"\n\
             [[builders]]\nid = \"https://example.com/ci\"\nmax_level = 2\nkeys = [{{ key = \"{}\" }}]\n\
             [[robots]]\nname = \"updates\"\naccounts = [{{ host = \"example.com\", id = {} }}]\n\
             exceptions = [{{ repository = \"{REPOSITORY}\", paths = [\"a.txt\", \"deps/**\"], max_files = 2 }}]\n",
            key(&self.collector),
            key(&self.builder),
            self.robot
        ));
        self.scene.trust(&edit(text));
    }

    /// The account of a name in a commit's header, as the forge matches them.
    fn account(&self) -> impl Fn(&str) -> Option<u64> + use<> {
        let known = [("Ada", self.ada), ("Ben", self.ben), ("Cy", self.cy), ("Mallory", self.mallory)];
        let robot = self.robot;
        move |name| match name {
            "updates[bot]" => Some(robot),
            name => known.iter().find(|(known, _)| *known == name).map(|(_, id)| *id),
        }
    }

    /// The commits of a branch since main, as the forge shows them.
    pub(super) fn commits(&self, branch: &str) -> Vec<Commit> {
        Commit::of_range(&self.scene.repo(), &format!("main..{branch}"), self.account())
    }

    /// A branch with one commit under a name, unsigned, which an account pushes and opens as a change.
    pub(super) fn open(&mut self, opener: u64, branch: &str, name: &str) -> u64 {
        self.scene.git(&["checkout", "-q", "-b", branch, MAIN]);
        self.scene.edit("a.txt", 2, branch);
        self.scene.commit_unsigned(name, branch);
        self.scene.git(&["checkout", "-q", MAIN]);
        self.open_as_it_is(opener, branch)
    }

    /// Opens a branch that is there.
    pub(super) fn open_as_it_is(&mut self, opener: u64, branch: &str) -> u64 {
        let base = self.scene.id(MAIN);
        let commits = self.commits(branch);
        self.story.open(opener, branch, MAIN, &base, commits)
    }

    /// One commit more on a branch, under a name, that an account pushes.
    pub(super) fn push(&mut self, number: u64, account: u64, branch: &str, name: &str) {
        self.scene.git(&["checkout", "-q", branch]);
        self.scene.edit("b.txt", 7, "more");
        self.scene.commit_unsigned(name, "more");
        self.scene.git(&["checkout", "-q", MAIN]);
        let commits = self.commits(branch);
        self.story.update(number, account, commits, false);
    }

    /// An approval.
    pub(super) fn approve(&mut self, number: u64, account: u64) -> u64 {
        self.story.review(number, account, Opinion::Approve)
    }

    /// Lands a change by a merge commit, as the forge does it, under rules that passed.
    pub(super) fn merge(&mut self, number: u64, branch: &str) {
        let landed = self.scene.merge(branch);
        self.landed(number, &landed, Way::Merge);
    }

    pub(super) fn landed(&mut self, number: u64, commit: &str, way: Way) {
        self.story.merge(number, self.ada, commit, way);
        self.story.suite(number, "pass");
    }

    /// The collector sees everything as it happens.
    pub(super) fn live(&mut self) {
        self.live = true;
    }

    /// What the collector gets of a change.
    pub(super) fn capture(&self, number: u64) -> Capture {
        let kind = if self.story.kind == Kind::Github { ForgeKind::Github } else { ForgeKind::Gitlab };
        let server = Server::start(self.story.clone());
        let place = Place::new(kind, REPOSITORY, Some(&server.api())).expect("a place");
        let client = Client::new(Settings::new(place, Credential::None), &Still).expect("a client");
        let read = capture(&client, number, plan, &Common::default()).expect("answers");
        let mut seen = self.scene.forge.borrow_mut();
        let forge =
            seen.get_or_insert_with(|| Hosting { read: Vec::new(), deliveries: Vec::new(), story: self.story.clone() });
        forge.read.push(read.clone());
        self.story.deliveries().clone_into(&mut forge.deliveries);
        self.story.clone_into(&mut forge.story);
        drop(seen);
        if !self.live {
            return read;
        }
        // The deliveries as they came, and then what only answers tell.
        let mut head = read.head.clone();
        head.how = Observation::Live;
        let mut seen = Capture::new(head);
        for delivery in self.story.deliveries() {
            let exchange = Exchange {
                name: format!("delivery {} {}", delivery.guid, delivery.event),
                status: 200,
                at: delivery.at,
                link: None,
                next_page: None,
                length: 0,
                digest: Sha256::of(b""),
            };
            seen.push(exchange, delivery.body.clone());
        }
        for (exchange, body) in read.answers() {
            seen.push(exchange.clone(), body.to_vec());
        }
        seen
    }

    /// Collects a change and hands it in.
    pub(super) fn collect(&mut self, number: u64) {
        let capture = self.capture(number);
        let change = derive(&capture).expect("a change");
        self.hand_in(&change, &self.collector);
        self.scene.captures.push(capture.encode().expect("a capture"));
    }

    /// Signs what was read, and hands that in.
    pub(super) fn hand_in(&self, change: &ChangeReview, key: &SigningKey) {
        let subject = Subject::git("change", "gitCommit", &change.approved_head.hex());
        let statement = Statement::new(Statements::ChangeReview, vec![subject], change).expect("a statement");
        let document = sign_payload(&statement.to_bytes().expect("canonical"), key).expect("signed");
        self.scene.reviews.borrow_mut().push(document);
    }

    /// Proves main, with these changes collected.
    pub(super) fn prove(mut self, changes: &[u64]) -> Stage {
        for number in changes {
            self.collect(*number);
        }
        self.scene.prove()
    }
}
