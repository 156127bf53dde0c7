//! At the door of the gate: a policy that wants to have seen the change as it happened takes what a watcher signed of it,
//! and not what a collector read of the same change afterwards.

use super::watching::{SECRET, Watching, now};
use countersign_tests::door::{Door, Said};
use countersign_tests::forge::{Commit, Kind, Opinion, Server, Story, Way};
use serde_json::Value;

const URI: &str = "git+https://example.com/demo/app";

/// The demo's repository and artifact, a forge on which its change happens, and a gate that asks for T2.
struct Scene {
    door: Door,
    server: Server,
    ada: u64,
    ben: u64,
    /// Trust from outside, as arguments.
    trust: String,
}

impl Scene {
    fn new() -> Self {
        let mut story = Story::new(Kind::Github, "demo/app");
        let (ada, ben) = (story.person("ada"), story.person("ben"));
        story.now = now().plus(-3_600);
        story.rules("main", 1, true);
        let door = Door::new();
        door.write("secret", SECRET.as_bytes());
        super::collect::private(&door.path().join("secret"));
        let mut scene = Self { door, server: Server::start(story), ada, ben, trust: String::new() };
        scene.found();
        scene
    }

    fn ended(&self, line: &str) -> Said {
        let said = self.door.run(line);
        said.expect(0, &[]);
        said
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.door.read(path)).unwrap()
    }

    /// Trust that believes a collector, and a release that asks for T2, in a store of their own.
    fn found(&mut self) {
        self.ended("key generate --output keys/collector.pem");
        let key: Value =
            serde_json::from_str(&self.ended("key show keys/collector.pem.pub --format json").out).unwrap();
        let mut text = self.text("trust.toml");
        for (person, account) in [("ada", self.ada), ("ben", self.ben)] {
            let line = format!("id = \"{person}\"\n");
            assert!(text.contains(&line), "{text}");
            text = text.replace(&line, &format!("{line}accounts = [{{ host = \"example.com\", id = {account} }}]\n"));
        }
        let collector = format!(
            "[[collectors]]\nname = \"watcher\"\nkeys = [{{ key = \"{}\", transparency = \"none\" }}]\nmay_sign = [\"change-review\"]\n\
             hosts = [\"example.com\"]\nmax_tier = \"T2\"\n\n[[logs]]",
            key["openssh"].as_str().unwrap()
        );
        // The floor of the environment is lower, so that it is the policy that asks.
        let text = text.replacen("[[logs]]", &collector, 1).replace("review_tier = \"T3\"", "review_tier = \"T1\"");
        self.door.write("two.toml", text.as_bytes());
        for person in ["ada", "ben"] {
            self.ended(&format!("trust sign two.toml --key keys/{person} --output two.sigstore.json"));
        }
        let digest = self.ended("trust digest two.sigstore.json").out.trim().to_owned();
        self.trust = format!("--trust two.sigstore.json --trust-digest {digest} --least-checkpoint two.checkpoint");

        self.ended("log init --origin example.com/log --key keys/log.pem --store two");
        self.ended("log checkpoint --store two --output two.checkpoint");
        let rule = "id = \"two-party-review@1\"\n";
        let policy = self.text("policy/policy.toml");
        assert!(policy.contains(rule), "{policy}");
        let policy = policy.replace(rule, &format!("{rule}parameters = {{ least_tier = \"T2\" }}\n"));
        self.door.write("policy/policy.toml", policy.as_bytes());
        self.ended("policy build policy --output two.manifest.json");
        for person in ["ada", "ben"] {
            self.ended(&format!("policy approve two.manifest.json --key keys/{person} --output two.policy.json"));
        }
        self.ended(&format!(
            "policy activate two.policy.json --environment production --key keys/ada --log-key keys/log.pem \
             --store two --lock two.lock {} --checkpoint-output two.checkpoint",
            self.trust
        ));
    }

    /// The change happens, and each step is delivered before the next. Gives its number.
    fn happens(&self, watching: &Watching) -> u64 {
        let (base, landed) = (self.door.git("rev-parse main^1"), self.door.git("rev-parse main"));
        let author = |name: &str| name.eq_ignore_ascii_case("ada").then_some(self.ada);
        let commits = Commit::of_range(&self.door.path().join("app"), "main^1..main^2", author);
        assert_eq!(commits.len(), 1);
        let mut delivered = 0;
        let mut deliver = || {
            let all = self.server.story(|story| story.deliveries().to_vec());
            for delivery in &all[delivered..] {
                assert_eq!(watching.hub(delivery), 202, "{}", watching.text());
            }
            delivered = all.len();
        };
        // The forge's clock is the machine's from here on; it goes on by a minute with each event.
        self.server.story(|story| story.now = story.now.max(now().plus(-50)));
        let number = self.server.story(|story| story.open(self.ada, "feature", "main", &base, commits));
        deliver();
        self.server.story(|story| story.review(number, self.ben, Opinion::Approve));
        deliver();
        self.server.story(|story| {
            story.merge(number, self.ada, &landed, Way::Merge);
            story.suite(number, "pass");
        });
        deliver();
        number
    }

    fn promote(&self, more: &str) -> Said {
        self.door.run(&format!(
            "promote app.bin --to production --repo app --store two --lock two.lock --key keys/gate.pem \
             --log-key keys/log.pem --bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json {} {more}",
            self.trust
        ))
    }
}

#[test]
fn what_was_watched_passes_a_gate_that_asks_for_t2_and_what_was_only_collected_does_not() {
    let scene = Scene::new();
    let api = scene.server.api();
    let watching = Watching::start(scene.door.spawn(&format!(
        "review watch github --listen 127.0.0.1:0 --repository {URI} --api {api} --state state --output watched \
         --secret-file secret --key keys/collector.pem --rate 20000"
    )));
    let number = scene.happens(&watching);
    let line = watching.wait_for(&format!("signed  #{number}"));
    assert!(line.contains("seen as it happened"), "{line}");
    assert_eq!(watching.stop(), 0);
    scene.ended(&format!(
        "review collect github --repository {URI} --api {api} --change {number} --key keys/collector.pem \
         --dir collected --rate 20000"
    ));

    // The same change, by the same key: what differs is whether anybody saw it happen.
    scene.promote("--dry-run").expect(1, &["review-missing"]);
    let refused = scene.promote("--reviews collected");
    refused.expect(1, &["review-tier", "by T2 or higher", "ben approved, T1", "FAIL: nothing was authorised"]);
    assert!(!refused.text.contains("review-missing"), "{}", refused.text);
    // What the watcher says is not enough without the deliveries that it rests on.
    std::fs::create_dir(scene.door.path().join("word")).unwrap();
    let name = format!("{number}.change-review.sigstore.json");
    scene.door.write(&format!("word/{name}"), &scene.door.read(&format!("watched/{name}")));
    scene
        .promote("--reviews word --dry-run")
        .expect(1, &["forge-capture-missing", "review-missing", "FAIL: nothing was authorised"]);
    scene.promote("--reviews watched").expect(0, &["PASS: authorised for production"]);

    scene.ended("audit export --store two --output two.cspkg");
    scene
        .door
        .run(&format!("audit verify two.cspkg {}", scene.trust))
        .expect(0, &["2 run again, 0 come out otherwise", "PASS"]);
}
