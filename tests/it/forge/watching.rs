//! A watcher that runs as its user runs it, beside a repository, a forge with a story, and somebody who delivers.

use countersign_core::digest::Sha256;
use countersign_core::statement::change_review::ChangeReview;
use countersign_core::statement::{Kind as StatementKind, Statement};
use countersign_core::time::Time;
use countersign_sign::{KeyKind, SigningKey};
use countersign_tests::door::{Door, Said};
use countersign_tests::forge::{Commit, Delivery, Kind, Opinion, Server, Story, Way};
use countersign_tests::review_suite::Scene;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) const SECRET: &str = "a-secret-that-nobody-guesses";
pub(super) const URI: &str = "git+https://example.com/team/app";
const PATIENCE: Duration = Duration::from_mins(1);

/// The machine's time: the program has no other.
pub(super) fn now() -> Time {
    #[expect(clippy::disallowed_methods, reason = "the program under test has the machine's clock")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix(i64::try_from(since.as_secs()).unwrap()).unwrap()
}

/// HMAC-SHA-256, by its definition.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> Sha256 {
    assert!(key.len() <= 64, "short keys only");
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::of_parts(&[&padded(0x36), message]);
    Sha256::of_parts(&[&padded(0x5c), inner.as_bytes()])
}

/// A request, as bytes.
pub(super) fn request(path: &str, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

pub(super) fn hub_headers(secret: &str, delivery: &Delivery) -> Vec<(&'static str, String)> {
    vec![
        ("Content-Type", "application/json".to_owned()),
        ("X-GitHub-Event", delivery.event.clone()),
        ("X-GitHub-Delivery", delivery.guid.clone()),
        ("X-Hub-Signature-256", format!("sha256={}", hmac(secret.as_bytes(), &delivery.body).hex())),
    ]
}

/// Everything around a watcher.
pub(super) struct Place {
    pub door: Door,
    pub scene: Scene,
    pub server: Server,
    pub ada: u64,
    pub ben: u64,
    trust: (PathBuf, Sha256),
    delivered: usize,
}

impl Place {
    pub(super) fn new(kind: Kind) -> Self {
        let mut story = Story::new(kind, "team/app");
        let (ada, ben) = (story.person("ada"), story.person("ben"));
        story.now = now().plus(-3_600);
        match kind {
            Kind::Github => drop(story.rules("main", 1, true)),
            Kind::Gitlab => drop(story.protected.insert("main".to_owned(), 1)),
        }
        let mut scene = Scene::new();
        let door = Door::new();
        let key = SigningKey::generate(KeyKind::Ed25519).unwrap();
        key.write_new(&door.path().join("collector.pem")).unwrap();
        let mut text = scene.trust_text(&["ada", "ben"]);
        for (person, account) in [("ada", ada), ("ben", ben)] {
            let line = format!("id = \"{person}\"\n");
            text = text.replace(&line, &format!("{line}accounts = [{{ host = \"example.com\", id = {account} }}]\n"));
        }
        write!(
            text,
            "[[collectors]]\nname = \"watcher\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"change-review\"]\n\
             hosts = [\"example.com\"]\nmax_tier = \"T2\"\n",
            key.public().to_openssh()
        )
        .unwrap();
        scene.trust(&text);
        let trust = scene.trust_file();
        door.write("secret", SECRET.as_bytes());
        super::collect::private(&door.path().join("secret"));
        let server = Server::start(story);
        Self { door, scene, server, ada, ben, trust, delivered: 0 }
    }

    /// The command line of the watcher.
    pub(super) fn line(&self) -> String {
        let kind = self.server.story(|story| if story.kind == Kind::Github { "github" } else { "gitlab" });
        format!(
            "review watch {kind} --listen 127.0.0.1:0 --repository {URI} --api {} --state state --output evidence \
             --secret-file secret --key collector.pem --rate 20000",
            self.server.api()
        )
    }

    pub(super) fn watch(&self) -> Watching {
        self.watch_with("")
    }

    /// Starts it, and waits until it listens. From then on the forge's clock is the machine's.
    pub(super) fn watch_with(&self, more: &str) -> Watching {
        let watching = Watching::start(self.door.spawn(&format!("{} {more}", self.line())));
        // The story's clock goes on by a minute with each event: what comes after this is not before it.
        self.server.story(|story| story.now = story.now.max(now().plus(-50)));
        watching
    }

    /// ada pushes a branch and opens a change with it. The deliveries are not sent yet.
    pub(super) fn open(&self) -> u64 {
        let base = self.scene.id("main");
        self.scene.git(&["checkout", "-q", "-b", "feature"]);
        self.scene.edit("a.txt", 2, "feature");
        // The name is what the account shows: GitLab knows whose a commit is by nothing else.
        self.scene.commit_unsigned("ada", "feature");
        self.scene.git(&["checkout", "-q", "main"]);
        let ada = self.ada;
        let commits = Commit::of_range(&self.scene.repo(), "main..feature", |name| (name == "ada").then_some(ada));
        self.server.story(|story| story.open(ada, "feature", "main", &base, commits))
    }

    pub(super) fn approve(&self, number: u64) {
        self.server.story(|story| story.review(number, self.ben, Opinion::Approve));
    }

    pub(super) fn merge(&self, number: u64) {
        let landed = self.scene.merge("feature");
        self.server.story(|story| {
            story.merge(number, self.ada, &landed, Way::Merge);
            story.suite(number, "pass");
        });
    }

    /// What happened and was not delivered yet.
    pub(super) fn fresh(&mut self) -> Vec<Delivery> {
        let all = self.server.story(|story| story.deliveries().to_vec());
        let fresh = all[self.delivered..].to_vec();
        self.delivered = all.len();
        fresh
    }

    /// Delivers all of it, as GitHub does.
    pub(super) fn deliver(&mut self, watching: &Watching) {
        for delivery in self.fresh() {
            assert_eq!(watching.hub(&delivery), 202, "{delivery:?}\n{}", watching.text());
        }
    }

    pub(super) fn verify(&self, tier: &str) -> Said {
        // GitLab does not say who may go past a rule.
        let rules = if self.server.story(|story| story.kind == Kind::Gitlab) { "--any-rules" } else { "" };
        self.door.run(&format!(
            "review verify start..main --repo {} --repository {URI} --reviews evidence --least-tier {tier} {rules} \
             --trust {} --trust-digest {}",
            self.scene.repo().display(),
            self.trust.0.display(),
            self.trust.1
        ))
    }

    /// What the statement of a change says.
    pub(super) fn statement(&self, number: u64) -> ChangeReview {
        let bytes = self.door.read(&format!("evidence/{number}.change-review.sigstore.json"));
        let signed = countersign_core::bundle::Signed::parse(bytes.trim_ascii_end()).unwrap();
        Statement::parse(&signed.payload).unwrap().predicate_as(StatementKind::ChangeReview).unwrap()
    }
}

/// A watcher that runs. It is killed when it is dropped.
pub(super) struct Watching {
    child: Child,
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Watching {
    pub(super) fn start(mut child: Child) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let listen = |from: Box<dyn std::io::Read + Send>| {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    lines.lock().unwrap().push(line);
                }
            });
        };
        listen(Box::new(child.stderr.take().unwrap()));
        listen(Box::new(child.stdout.take().unwrap()));
        let mut watching = Self { child, address: "127.0.0.1:1".parse().unwrap(), lines };
        let line = watching.wait_for("http://");
        let address: String = line.split("http://").nth(1).unwrap().chars().take_while(|c| *c != '/').collect();
        watching.address = address.parse().unwrap();
        watching
    }

    pub(super) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// The first line that says this.
    #[track_caller]
    pub(super) fn wait_for(&self, words: &str) -> String {
        self.wait_for_several(words, 1)
    }

    /// The so-manieth line that says this.
    #[track_caller]
    pub(super) fn wait_for_several(&self, words: &str, count: usize) -> String {
        let start = Instant::now();
        loop {
            let found = self.lines.lock().unwrap().iter().filter(|line| line.contains(words)).nth(count - 1).cloned();
            if let Some(line) = found {
                return line;
            }
            assert!(start.elapsed() < PATIENCE, "`{words}` is not said:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends bytes, and gives the answer's status; 0 if there is none.
    pub(super) fn send(&self, bytes: &[u8]) -> u16 {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // The answer may come before everything is read.
        let _sent = socket.write_all(bytes);
        let mut answer = Vec::new();
        let _read = socket.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Sends only a part of a request, and hangs up.
    pub(super) fn send_cut(&self, bytes: &[u8]) {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.write_all(bytes).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _read = socket.read_to_end(&mut answer);
    }

    /// Delivers as GitHub does.
    pub(super) fn hub(&self, delivery: &Delivery) -> u16 {
        self.send(&request("/webhooks/github", &hub_headers(SECRET, delivery), &delivery.body))
    }

    /// Ends it at once, as a power cut does.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to stop, and gives its exit code.
    pub(super) fn stop(mut self) -> i32 {
        let id = self.child.id().to_string();
        #[expect(clippy::disallowed_methods, reason = "the signal that service managers send")]
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        self.ended()
    }

    /// Waits until it ends by itself.
    pub(super) fn ended(&mut self) -> i32 {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end:\n{}", self.text());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
