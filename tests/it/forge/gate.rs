//! The gate over what a forge recorded: decided, recorded with the forge's own answers, and proved again from the package.

use super::Patient;
use super::watching::{SECRET, hmac};
use countersign_collect::forge::{Client, Common, Credential, Place as Forge, Settings, capture};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Verdict, verdict_of};
use countersign_core::forge::{Capture, derive, plan};
use countersign_core::git::Oid;
use countersign_core::ids::Uri;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::audit::{self, OutsideTrust};
use countersign_flow::output::{ReviewWatched, WatchOutcome};
use countersign_flow::place::Place;
use countersign_flow::review::watch::{Incoming, Setup, Watcher, Whom};
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::forge::{Commit, Delivery, Kind as ForgeStory, Opinion, Server, Story, Way};
use countersign_tests::world::{REPOSITORY, World, policy_toml};
use countersign_verify::webhook::{Proof, Secrets};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A world whose policy takes what a forge recorded, and whose trust believes a collector.
fn world(collector: &SigningKey, ada: u64, ben: u64, tier: &str) -> World {
    let mut world = World::new();
    let account = |text: String, person: &str, id: u64| {
        let line = format!("id = \"{person}\"\n");
        text.replace(&line, &format!("{line}accounts = [{{ host = \"example.com\", id = {id} }}]\n"))
    };
    let text = account(account(world.trust_toml(2), "ada", ada), "ben", ben).replace("\"T3\"", &format!("\"{tier}\""));
    let collectors = format!(
        "[[collectors]]\nname = \"reader\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"change-review\"]\nhosts = [\"example.com\"]\n\
         max_tier = \"{tier}\"\n[[gates]]",
        collector.public().to_openssh()
    );
    world.trust_from_now_on(&text.replacen("[[gates]]", &collectors, 1), &["ada", "ben"]);
    let text =
        policy_toml(&world.start).replace("version = 1", "version = 2").replace("\"T3\"", &format!("\"{tier}\""));
    let manifest = Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())])).expect("a policy");
    let release = world.release(&manifest, &["ada", "ben"]);
    let replaces = Some(world.pin.digest);
    world.activate(&manifest, &release, "production", &["ada"], replaces, None);
    world.pin.version = 2;
    world.pin.digest = manifest.digest().expect("a digest");
    world
}

/// A change of ada's that ben approved and that landed, in a world that asks for this tier.
fn landed(collector: &SigningKey, tier: &str) -> (World, Story, Oid) {
    let (world, story, [_, _, landed]) = landed_change(collector, tier);
    (world, story, landed)
}

/// The same, with the change's base and head before where it landed.
fn landed_change(collector: &SigningKey, tier: &str) -> (World, Story, [Oid; 3]) {
    let mut story = Story::new(ForgeStory::Github, "team/app");
    let (ada, ben) = (story.person("ada"), story.person("ben"));
    story.rules("main", 1, true);
    let mut world = world(collector, ada, ben, tier);
    let base = world.tip;
    let (head, landed) = world.land(1);
    let commit = Commit::new(&head.hex(), &[&base.hex()]).by(ada);
    let number = story.open(ada, "feature", "main", &base.hex(), vec![commit]);
    story.review(number, ben, Opinion::Approve);
    story.merge(number, ada, &landed.hex(), Way::Merge);
    story.suite(number, "pass");
    (world, story, [base, head, landed])
}

/// What the collector reads of the one change, as bytes, and what it signs.
fn collected(story: Story, collector: &SigningKey) -> (Vec<u8>, Vec<u8>) {
    let server = Server::start(story);
    let place = Forge::new(ForgeKind::Github, "git+https://example.com/team/app", Some(&server.api())).unwrap();
    let clock = Patient::new();
    let client = Client::new(Settings::new(place, Credential::None), &clock).unwrap();
    let read = capture(&client, 1, plan, &Common::default()).unwrap();
    let mut head = read.head.clone();
    head.repository = Uri::new(REPOSITORY).unwrap();
    let mut kept = Capture::new(head);
    for (exchange, body) in read.answers() {
        kept.push(exchange.clone(), body.to_vec());
    }
    let change = derive(&kept).unwrap();
    let subject = Subject::git("change", "gitCommit", &change.approved_head.hex());
    let statement = Statement::new(Kind::ChangeReview, vec![subject], &change).unwrap();
    crate::door::valid("change-review", "change-review/v0.1.schema.json", &statement.predicate);
    (kept.encode().unwrap(), sign_payload(&statement.to_bytes().unwrap(), collector).unwrap())
}

#[test]
fn what_a_forge_recorded_passes_the_gate_and_comes_out_the_same_from_the_package() {
    let collector = SigningKey::generate(KeyKind::Ed25519).unwrap();
    let (mut world, story, landed) = landed(&collector, "T1");
    let (bytes, signed) = collected(story, &collector);

    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.push(signed);
    let without = world.arguments(&artifact, "production", documents.clone()).decide();
    assert_eq!(without.verdict, Verdict::Fail, "no review can be shown without the answers");
    assert!(without.findings.iter().any(|finding| finding.code == codes::FORGE_CAPTURE_MISSING));

    let digest = world.shelf.put(&bytes);
    let arguments = world.arguments(&artifact, "production", documents);
    let decision = arguments.decide();
    assert_eq!(decision.verdict, Verdict::Pass, "{:#?}", decision.findings);
    assert_eq!(decision.inputs.captures, [digest]);
    world.record(&arguments, &decision);

    let folder = tempfile::tempdir().unwrap();
    world.write_store(folder.path());
    let package = audit::export(&Place::new(folder.path())).unwrap().bytes;
    let trust = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let report = audit::verify(&package, Some(trust), Some(&world.checkpoint())).unwrap();
    assert_eq!(verdict_of(&report.findings), Verdict::Pass, "{:#?}", report.findings);
    assert!(report.decisions.iter().all(|row| row.same_again && row.authorised));
}

#[test]
fn who_signed_against_a_change_has_no_approval_of_it_on_a_forge_either() {
    for (decision, code) in
        [(ReviewDecision::Revoke, codes::REVIEW_MISSING), (ReviewDecision::Reject, codes::REVIEW_REJECTED)]
    {
        let collector = SigningKey::generate(KeyKind::Ed25519).unwrap();
        let (mut world, story, [base, head, landed]) = landed_change(&collector, "T1");
        let (bytes, signed) = collected(story, &collector);
        world.shelf.put(&bytes);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        documents.push(signed);
        assert_eq!(world.arguments(&artifact, "production", documents.clone()).decide().verdict, Verdict::Pass);
        documents.push(world.review("ben", &base, &head, decision));
        let against = world.arguments(&artifact, "production", documents).decide();
        assert_eq!(against.verdict, Verdict::Fail, "{decision:?}");
        let found: Vec<&str> =
            against.findings.iter().filter(|f| f.code == code).flat_map(|f| &f.found).map(String::as_str).collect();
        assert!(!found.is_empty(), "{decision:?}: {:#?}", against.findings);
        if decision == ReviewDecision::Revoke {
            assert!(found.iter().any(|line| line.contains("the same person signed against it")), "{found:#?}");
        }
    }
}

/// What a watcher signs of what happened after it began to listen: its capture and its statement.
fn watched(server: &Server, collector: SigningKey, told: &[Delivery], late: usize) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let setup = |collector: SigningKey, session: &str| Setup {
        whom: Whom {
            forge: ForgeKind::Github,
            host: "example.com".to_owned(),
            path: "team/app".to_owned(),
            repository: Uri::new(REPOSITORY).unwrap(),
        },
        state: folder.path().join("state"),
        output: folder.path().join("evidence"),
        key: collector,
        secrets: Secrets::new(ForgeKind::Github, &[SECRET]).unwrap(),
        session: session.to_owned(),
    };
    let signed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&signed);
    let tell = move |line: &ReviewWatched| {
        seen.fetch_or(line.outcome == WatchOutcome::Signed, Ordering::SeqCst);
    };
    let start = told[late].at.plus(-10);
    let watcher = Watcher::open(setup(collector, "one"), Box::new(tell), start).unwrap();
    for delivery in told {
        let signature = format!("sha256={}", hmac(SECRET.as_bytes(), &delivery.body).hex());
        let incoming = Incoming {
            guid: Some(&delivery.guid),
            event: Some(&delivery.event),
            proof: Proof { hub_signature: Some(&signature), ..Proof::default() },
            body: &delivery.body,
        };
        assert_eq!(watcher.receive(&incoming, delivery.at.max(start)).unwrap(), WatchOutcome::Kept);
    }
    let place = Forge::new(ForgeKind::Github, "git+https://example.com/team/app", Some(&server.api())).unwrap();
    let clock = Patient::new();
    let client = Client::new(Settings::new(place, Credential::None), &clock).unwrap();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| watcher.work(Some(&client), &clock));
        while !signed.load(Ordering::SeqCst) && !worker.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        watcher.stop_working();
        worker.join().unwrap().unwrap();
    });
    let evidence = folder.path().join("evidence");
    let statement = std::fs::read(evidence.join("1.change-review.sigstore.json")).unwrap();
    let mut captures = std::fs::read_dir(evidence).unwrap().map(|entry| entry.unwrap().path());
    let capture = captures.find(|path| path.extension().is_some_and(|end| end == "capture")).unwrap();
    (std::fs::read(capture).unwrap(), statement.trim_ascii_end().to_vec())
}

#[test]
fn what_was_watched_passes_a_gate_that_wants_to_have_seen_it_and_what_was_half_watched_does_not() {
    for (late, expected) in [(0, Verdict::Pass), (2, Verdict::Fail)] {
        let collector = SigningKey::generate(KeyKind::Ed25519).unwrap();
        let (mut world, story, landed) = landed(&collector, "T2");
        let told = story.deliveries().to_vec();
        let server = Server::start(story);
        let (bytes, signed) = watched(&server, collector, &told, late);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        documents.push(signed);
        world.shelf.put(&bytes);
        let decision = world.arguments(&artifact, "production", documents).decide();
        assert_eq!(decision.verdict, expected, "{late}: {:#?}", decision.findings);
    }
}
