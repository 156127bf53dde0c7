//! Makes the data that `cargo xtask bench` measures on, in the folder that is given: one bundle, a release of 500
//! components in a real repository, and an audit package of 1,000 decisions, or as many as a second argument says, about
//! artifacts of 3 components, or as many as a third one says. They are also run under another release. Writes
//! `commands.json` beside them.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a stage that cannot be set should stop, and says what it does"
)]

use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::git::ObjectKind;
use countersign_core::policy::Lock;
use countersign_core::statement::review::ReviewDecision;
use countersign_flow::audit;
use countersign_flow::place::Place;
use countersign_tests::chronicle::Chronicle;
use countersign_tests::world::{World, policy_toml};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DECISIONS: usize = 1_000;
const COMPONENTS: usize = 500;
const FEW: usize = 3;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    let decisions = std::env::args().nth(2).map_or(DECISIONS, |text| text.parse().expect("a number of decisions"));
    let components = std::env::args().nth(3).map_or(FEW, |text| text.parse().expect("a number of components"));
    let (one, release, audit) = (folder.join("one"), folder.join("release"), folder.join("audit"));
    for path in [&one, &release, &audit] {
        fs::create_dir_all(path).expect("a folder");
    }
    let commands = json!({
        "verify": verify(&one),
        "promote": promote(&release),
        "audit-verify": audit_verify(&audit, decisions, components),
        "backtest": backtest(&audit),
    });
    write(&folder.join("commands.json"), commands.to_string().as_bytes());
}

fn verify(folder: &Path) -> serde_json::Value {
    let mut world = World::new();
    let (_, landed) = world.land(1);
    let artifact = b"artifact";
    let [provenance, _] = world.built(&Sha256::of(artifact), &landed, "clean", 30);
    write(&folder.join("app"), artifact);
    write(&folder.join("app.sigstore.json"), &provenance);
    write(&folder.join("trust.sigstore.json"), &world.trust);
    let digest = world.trust_digest.to_string();
    let arguments =
        ["verify", "app", "--bundle", "app.sigstore.json", "--trust", "trust.sigstore.json", "--trust-digest", &digest];
    json!({"folder": "one", "arguments": arguments})
}

fn promote(folder: &Path) -> serde_json::Value {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = b"artifact";
    let mut documents = world.built(&Sha256::of(artifact), &landed, "clean", COMPONENTS).to_vec();
    for person in ["ada", "ben"] {
        documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
    }
    write(&folder.join("app"), artifact);
    write(&folder.join("evidence.sigstore.jsonl"), &documents.join(&b'\n'));
    write(&folder.join("trust.sigstore.json"), &world.trust);
    write(&folder.join("checkpoint"), &world.checkpoint());
    let environment = countersign_core::ids::EnvName::new("production").expect("an environment");
    let lock = Lock(BTreeMap::from([(environment, world.pin.clone())]));
    write(&folder.join("countersign.lock"), lock.to_text().as_bytes());
    world.write_store(&folder.join("store"));
    repository(&world, &folder.join("repo"));
    let digest = world.trust_digest.to_string();
    let arguments = [
        "promote",
        "app",
        "--to",
        "production",
        "--dry-run",
        "--bundle",
        "evidence.sigstore.jsonl",
        "--repo",
        "repo",
        "--store",
        "store",
        "--trust",
        "trust.sigstore.json",
        "--trust-digest",
        &digest,
        "--least-checkpoint",
        "checkpoint",
        "--lock",
        "countersign.lock",
    ];
    json!({"folder": "release", "arguments": arguments})
}

fn audit_verify(folder: &Path, decisions: usize, components: usize) -> serde_json::Value {
    let mut long = Chronicle::of(World::new());
    long.components = components;
    write(&folder.join("policy.toml"), policy_toml(&long.world.start).as_bytes());
    write(&folder.join("trust.digest"), long.world.trust_digest.to_string().as_bytes());
    for number in 0..decisions {
        for decision in long.promote_next(number, &["production"]) {
            assert_eq!(decision.verdict, Verdict::Pass, "decision {number}: {:#?}", decision.findings);
        }
    }
    let world = long.world;
    eprintln!("{decisions} decisions made");
    world.write_store(&folder.join("store"));
    let package = audit::export(&Place::new(&folder.join("store"))).expect("a package");
    write(&folder.join("year.cspkg"), &package.bytes);
    write(&folder.join("trust.sigstore.json"), &world.trust);
    let digest = world.trust_digest.to_string();
    let arguments = ["audit", "verify", "year.cspkg", "--trust", "trust.sigstore.json", "--trust-digest", &digest];
    json!({"folder": "audit", "arguments": arguments})
}

/// The same decisions under a release that asks for more: each of them would be refused.
fn backtest(folder: &Path) -> serde_json::Value {
    let text = String::from_utf8(fs::read(folder.join("policy.toml")).expect("the policy")).expect("text");
    let stricter = text.replace("version = 1\n", "version = 2\n").replace("least = 2", "least = 3");
    fs::create_dir_all(folder.join("new")).expect("a folder");
    write(&folder.join("new/policy.toml"), stricter.as_bytes());
    let digest = fs::read_to_string(folder.join("trust.digest")).expect("the digest");
    let trust = ["--store", "store", "--trust", "trust.sigstore.json", "--trust-digest", &digest];
    let arguments: Vec<&str> = ["policy", "backtest", "new"].into_iter().chain(trust).collect();
    json!({"folder": "audit", "arguments": arguments})
}

/// The world's objects as a repository of git's own.
fn repository(world: &World, folder: &Path) {
    git(folder, &["init", "-q", "--bare", "-b", "main", "."], None);
    for (id, object) in world.objects.iter() {
        let kind = match object.kind {
            ObjectKind::Commit => "commit",
            ObjectKind::Tree => "tree",
            ObjectKind::Blob => "blob",
            ObjectKind::Tag => "tag",
        };
        let said = git(folder, &["hash-object", "-w", "-t", kind, "--stdin"], Some(&object.bytes));
        assert_eq!(said, id.hex(), "git names the object as we do");
    }
    git(folder, &["update-ref", "refs/heads/main", &world.tip.hex()], None);
}

fn git(folder: &Path, arguments: &[&str], input: Option<&[u8]>) -> String {
    fs::create_dir_all(folder).expect("a folder");
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.unwrap_or_default()).expect("git reads");
    }
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
}
