//! The gate over what a forge recorded: decided, recorded with the forge's own answers, and proved again from the package.

use super::Patient;
use countersign_collect::forge::{Client, Common, Credential, Place as Forge, Settings, capture};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Verdict, verdict_of};
use countersign_core::forge::{Capture, derive, plan};
use countersign_core::ids::Uri;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_flow::audit::{self, OutsideTrust};
use countersign_flow::place::Place;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::forge::{Commit, Kind as ForgeStory, Opinion, Server, Story, Way};
use countersign_tests::world::{REPOSITORY, World, policy_toml};
use std::collections::BTreeMap;

/// A world whose policy takes what a forge recorded, and whose trust believes a collector.
fn world(collector: &SigningKey, ada: u64, ben: u64) -> World {
    let mut world = World::new();
    let account = |text: String, person: &str, id: u64| {
        let line = format!("id = \"{person}\"\n");
        text.replace(&line, &format!("{line}accounts = [{{ host = \"example.com\", id = {id} }}]\n"))
    };
    let text = account(account(world.trust_toml(2), "ada", ada), "ben", ben).replace("\"T3\"", "\"T1\"");
    let collectors = format!(
        "[[collectors]]\nname = \"reader\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"change-review\"]\nhosts = [\"example.com\"]\n[[gates]]",
        collector.public().to_openssh()
    );
    world.trust_from_now_on(&text.replacen("[[gates]]", &collectors, 1), &["ada", "ben"]);
    let text = policy_toml(&world.start).replace("version = 1", "version = 2").replace("\"T3\"", "\"T1\"");
    let manifest = Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())])).expect("a policy");
    let release = world.release(&manifest, &["ada", "ben"]);
    let replaces = Some(world.pin.digest);
    world.activate(&manifest, &release, "production", &["ada"], replaces, None);
    world.pin.version = 2;
    world.pin.digest = manifest.digest().expect("a digest");
    world
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
    let mut story = Story::new(ForgeStory::Github, "team/app");
    let (ada, ben) = (story.person("ada"), story.person("ben"));
    story.rules("main", 1, true);
    let mut world = world(&collector, ada, ben);
    let base = world.tip.hex();
    let (head, landed) = world.land(1);
    let commit = Commit::new(&head.hex(), &[&base]).by(ada);
    let number = story.open(ada, "feature", "main", &base, vec![commit]);
    story.review(number, ben, Opinion::Approve);
    story.merge(number, ada, &landed.hex(), Way::Merge);
    story.suite(number, "pass");
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
