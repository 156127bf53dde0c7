//! What stands of a forge's record: changes that somebody asked for there do not go away by leaving the record out.

use countersign_collect::forge::{Client, Clock, Common, Credential, Place, Settings, capture};
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Code, Verdict, exit_of};
use countersign_core::forge::{derive, plan};
use countersign_core::git::{ObjectSource as _, Oid};
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind as Statements, Statement, Subject};
use countersign_core::time::Time;
use countersign_flow::audit::{self, OutsideTrust};
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_tests::forge::{Commit, Kind, Opinion, Server, Story, Way};
use countersign_tests::world::{Arguments, REPOSITORY, World};
use std::time::Duration;

/// A clock that does not wait.
struct Still(Time);

impl Clock for Still {
    fn now(&self) -> Time {
        self.0
    }

    fn wait(&self, _length: Duration) {}

    fn random(&self) -> u64 {
        7
    }
}

/// A change that landed after cy had asked for changes on the forge, and that ada and ben signed.
struct Asked {
    world: World,
    story: Story,
    cy: u64,
    objection: u64,
    collector: SigningKey,
    approvals: Vec<Vec<u8>>,
}

impl Asked {
    fn new() -> Self {
        let mut world = World::new();
        let mut story = Story::new(Kind::Github, "team/app");
        let (ada, cy) = (story.person("ada"), story.person("cy"));
        let collector = SigningKey::generate(KeyKind::Ed25519).expect("random bytes");
        let toml = world.trust_toml(2).replacen(
            "id = \"cy\"\n",
            &format!("id = \"cy\"\naccounts = [{{ host = \"example.com\", id = {cy} }}]\n"),
            1,
        );
        let toml = format!(
            "{toml}[[collectors]]\nname = \"reader\"\nkeys = [{{ key = \"{}\" }}]\nmay_sign = [\"change-review\"]\n\
             hosts = [\"example.com\"]\n",
            collector.public().to_openssh()
        );
        world.trust_from_now_on(&toml, &["ada", "ben"]);
        let base = world.tip;
        let (head, landed) = world.land(1);
        let approvals = ["ada", "ben"].map(|who| world.review(who, &base, &head, ReviewDecision::Approve)).to_vec();
        let parents = |id: &Oid| world.objects.commit(id).expect("a commit").parents;
        let commit = |id: &Oid| {
            let parents: Vec<String> = parents(id).iter().map(Oid::hex).collect();
            Commit::new(&id.hex(), &parents.iter().map(String::as_str).collect::<Vec<_>>()).by(ada)
        };
        story.rules("main", 1, true);
        let number = story.open(ada, "feature", "main", &base.hex(), vec![commit(&head)]);
        let objection = story.review(number, cy, Opinion::Reject);
        story.merge(number, ada, &landed.hex(), Way::Merge);
        story.suite(number, "pass");
        Self { world, story, cy, objection, collector, approvals }
    }

    /// What the collector reads of the change, with its capture on the shelf.
    fn record(&mut self) -> Vec<u8> {
        let server = Server::start(self.story.clone());
        let place = Place::new(ForgeKind::Github, REPOSITORY, Some(&server.api())).expect("a place");
        let clock = Still(self.world.now);
        let client = Client::new(Settings::new(place, Credential::None), &clock).expect("a client");
        let read = capture(&client, 1, plan, &Common::default()).expect("answers");
        let change = derive(&read).expect("a change");
        self.world.shelf.put(&read.encode().expect("a capture"));
        let subject = Subject::git("change", "gitCommit", &change.approved_head.hex());
        let statement = Statement::new(Statements::ChangeReview, vec![subject], &change).expect("a statement");
        sign_payload(&statement.to_bytes().expect("canonical"), &self.collector).expect("signed")
    }

    /// The arguments for an artifact, with these documents beside the approvals.
    fn ask(&self, name: &str, more: &[Vec<u8>]) -> Arguments {
        let artifact = Sha256::of(name.as_bytes());
        let built = self.world.built(&artifact, &self.world.tip, "clean", 3).to_vec();
        let documents = [built, self.approvals.clone(), more.to_vec()].concat();
        self.world.arguments(&artifact, "production", documents)
    }

    fn decide(&mut self, arguments: &Arguments) -> Decision {
        let decision = arguments.decide();
        self.world.record(arguments, &decision);
        decision
    }
}

fn has(decision: &Decision, code: Code) -> bool {
    decision.findings.iter().any(|finding| finding.code == code)
}

#[test]
fn changes_that_were_asked_for_on_the_forge_do_not_go_away_by_leaving_the_record_out() {
    let mut asked = Asked::new();
    assert_eq!(asked.ask("zero", &[]).decide().verdict, Verdict::Pass, "two signatures are enough without a record");
    let record = asked.record();
    let first = asked.ask("one", std::slice::from_ref(&record));
    let first = asked.decide(&first);
    assert!(has(&first, codes::REVIEW_REJECTED), "{:#?}", first.findings);

    // Another build of the same commit, without the record.
    let second = asked.ask("two", &[]);
    let decision = asked.decide(&second);
    assert!(has(&decision, codes::REVIEW_REJECTED) && decision.verdict == Verdict::Fail, "{:#?}", decision.findings);

    let folder = tempfile::tempdir().expect("a folder");
    asked.world.write_store(folder.path());
    let package = audit::export(&countersign_flow::place::Place::new(folder.path())).expect("a package").bytes;
    let trust = OutsideTrust { bytes: &asked.world.trust, digest: Some(&asked.world.trust_digest) };
    let report = audit::verify(&package, Some(trust), Some(&asked.world.checkpoint())).expect("checked");
    assert_eq!(exit_of(&report.findings), Exit::Ok, "{:#?}", report.findings);
}

#[test]
fn answers_that_a_record_rests_on_are_missed_when_they_are_taken_out_of_the_store() {
    let mut asked = Asked::new();
    let record = asked.record();
    let first = asked.ask("one", std::slice::from_ref(&record));
    drop(asked.decide(&first));
    let mut second = asked.ask("two", &[]);
    let statement = Statement::parse(&countersign_core::bundle::Signed::parse(&record).unwrap().payload).unwrap();
    let change: countersign_core::statement::change_review::ChangeReview =
        statement.predicate_as(Statements::ChangeReview).unwrap();
    second.shelf.0.remove(&change.capture);
    let decision = second.decide();
    assert!(has(&decision, codes::EVIDENCE_WITHHELD) && decision.verdict != Verdict::Pass, "{:#?}", decision.findings);
}

#[test]
fn a_newer_record_in_which_the_request_was_set_aside_is_believed() {
    let mut asked = Asked::new();
    let record = asked.record();
    let first = asked.ask("one", std::slice::from_ref(&record));
    assert!(has(&asked.decide(&first), codes::REVIEW_REJECTED));
    let (cy, objection) = (asked.cy, asked.objection);
    asked.story.dismiss(1, objection, cy);
    let newer = asked.record();
    let second = asked.ask("two", std::slice::from_ref(&newer));
    let decision = asked.decide(&second);
    assert_eq!(decision.verdict, Verdict::Pass, "{:#?}", decision.findings);
}
