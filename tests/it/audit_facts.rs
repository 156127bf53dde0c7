//! Facts that were kept of a package: they answer what the package answers, and whatever does not fit is refused by a code.

use crate::audit_agreement::{Fire, erase};
use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding};
use countersign_core::ids::EnvName;
use countersign_core::statement::review::ReviewDecision;
use countersign_flow::FlowError;
use countersign_flow::audit::{
    self, Ask, Asking, FACTS_FORM, GivenFacts, How, Keeping, Opening, OutsideTrust, Profile, Scope, Window,
};
use countersign_record::package::Source;
use countersign_tests::tamper::Stage;
use countersign_tests::world::World;
use serde_json::{Value, json};
use std::io::Cursor;
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

/// A package, what an auditor has from outside, and the facts that she kept.
struct Kept {
    package: Vec<u8>,
    trust: Option<(Vec<u8>, Option<Sha256>)>,
    least: Option<Vec<u8>>,
    how: How,
    facts: Vec<u8>,
    digest: Sha256,
}

impl Kept {
    fn of(world: &World, package: Vec<u8>, how: How) -> Self {
        let trust = Some((world.trust.clone(), Some(world.trust_digest)));
        Self::with(package, trust, Some(world.checkpoint()), how)
    }

    fn with(package: Vec<u8>, trust: Option<(Vec<u8>, Option<Sha256>)>, least: Option<Vec<u8>>, how: How) -> Self {
        let mut kept = Self { package, trust, least, how, facts: Vec::new(), digest: Sha256::of(b"") };
        let (report, opened) =
            audit::verify_opened(kept.source(), kept.outside(), kept.least.as_deref(), Vec::new(), how)
                .expect("checked");
        let opened = opened.expect("open");
        let (outside, least) = (kept.outside(), kept.least.as_deref());
        let package = Sha256::of(&kept.package);
        let keeping = Keeping { opened: &opened, report: &report, how, package, outside, least };
        let mut facts = Vec::new();
        let digest = keeping.write(&mut facts).expect("written");
        assert_eq!(digest, Sha256::of(&facts));
        (kept.facts, kept.digest) = (facts, digest);
        kept
    }

    fn source(&self) -> Box<dyn Source> {
        Box::new(Cursor::new(self.package.clone()))
    }

    fn outside(&self) -> Option<OutsideTrust<'_>> {
        self.trust.as_ref().map(|(bytes, digest)| OutsideTrust { bytes, digest: digest.as_ref() })
    }

    fn open(&self) -> Opening {
        let (report, opened) =
            audit::verify_opened(self.source(), self.outside(), self.least.as_deref(), Vec::new(), self.how)
                .expect("checked");
        Opening { report, opened }
    }

    fn by(&self, facts: &[u8]) -> Result<Opening, Vec<Finding>> {
        let given = GivenFacts { bytes: facts, name: "year.facts", digest: None };
        refusal(audit::open_with_facts(self.source(), self.outside(), self.least.as_deref(), &given))
    }

    /// The one code that facts are refused by.
    #[track_caller]
    fn refused(&self, facts: &[u8]) -> Code {
        let findings = self.by(facts).expect_err("a refusal");
        assert!(findings.iter().all(|one| one.code == findings[0].code && one.help.is_some()), "{findings:#?}");
        findings[0].code
    }
}

fn refusal(opened: Result<Opening, FlowError>) -> Result<Opening, Vec<Finding>> {
    opened.map_err(|error| match error {
        FlowError::Refused(findings) => findings,
        other => panic!("{other:?}"),
    })
}

/// Facts with something changed, and an end that says that it has to be so.
fn sealed(facts: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = facts[..facts.len() - 32].to_vec();
    change(&mut content);
    let end = Sha256::of(&content);
    content.extend_from_slice(end.as_bytes());
    content
}

/// Facts with a text of their head replaced by one of the same length.
fn replaced(facts: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    sealed(facts, |content| {
        let at = content.windows(from.len()).position(|part| part == from.as_bytes()).expect("it is there");
        content[at..at + to.len()].copy_from_slice(to.as_bytes());
    })
}

/// Everything that an auditor can ask, as it is answered.
fn answers(opening: &Opening, deployments: &[u64]) -> Value {
    let asking = Asking::of(opening).expect("open");
    let production = EnvName::new("production").expect("a name");
    let middle = "2026-01-02T12:00:00Z".parse().expect("a time");
    let windows = [
        Window::default(),
        Window { from: Some(middle), ..Window::default() },
        Window { to: Some(middle), ..Window::default() },
        Window { environments: [production].into(), ..Window::default() },
        Window { services: ["nobody's".to_owned()].into(), ..Window::default() },
    ];
    let mut out = Vec::new();
    for window in windows {
        let ask = Ask { window: window.clone(), seed: Some("seed".to_owned()), n: Some(3), ..Ask::default() };
        for question in audit::questions() {
            out.push(json!(asking.answer(question.id, &ask).expect("an answer")));
        }
        out.push(json!(asking.populations(&window)));
        out.push(json!(asking.population("deployments", &window).expect("a list")));
        out.push(json!(asking.sample(3, "seed", &window)));
        out.push(json!(asking.reconcile(&window)));
        out.push(json!(asking.report(&ask).expect("a report").1));
    }
    let items = Ask { items: deployments.to_vec(), ..Ask::default() };
    out.push(json!(asking.answer("Q03", &items).expect("an answer")));
    for entry in deployments {
        out.push(json!(asking.show(&entry.to_string()).expect("a chain")));
    }
    Value::Array(out)
}

/// Takes out what is said of the facts, and counts how often it is.
fn without_note(value: &mut Value) -> usize {
    let is_note = |one: &Value| one.get("code").is_some_and(|code| code == codes::AUDIT_FACTS_USED.as_str());
    match value {
        Value::Array(all) => {
            let before = all.len();
            all.retain(|one| !is_note(one));
            all.iter_mut().map(without_note).sum::<usize>() + (before - all.len())
        }
        Value::Object(all) => all.values_mut().map(without_note).sum(),
        _ => 0,
    }
}

#[track_caller]
fn same_answers(kept: &Kept, deployments: &[u64]) {
    let all = answers(&kept.open(), deployments);
    let mut from_facts = answers(&kept.by(&kept.facts).expect("opened"), deployments);
    let asked = all.as_array().expect("answers").len();
    assert_eq!(without_note(&mut from_facts), asked, "each answer says once what it rests on");
    for (one, other) in all.as_array().expect("answers").iter().zip(from_facts.as_array().expect("answers")) {
        assert_eq!(one, other);
    }
}

#[test]
fn every_answer_from_facts_is_the_one_that_the_package_gives() {
    let stage = &*STAGE;
    same_answers(&Kept::of(&stage.world, stage.bytes.clone(), How::Full), &[4, 5, 7, 8, 9]);
}

#[test]
fn so_it_is_after_a_sample_of_a_package_of_facts_only_and_of_one_for_a_part() {
    let world = &STAGE.world;
    same_answers(&Kept::of(world, STAGE.bytes.clone(), How::Sample(1)), &[4, 9]);
    let facts_only = Scope { profile: Profile::FactsOnly, ..Scope::default() };
    same_answers(&Kept::of(world, pack(world, &facts_only), How::Full), &[4, 9]);
    let from = Some("2026-01-02T12:00:00Z".parse().expect("a time"));
    let part = Scope { window: Window { from, ..Window::default() }, ..Scope::default() };
    same_answers(&Kept::of(world, pack(world, &part), How::Full), &[8, 9]);
}

#[test]
fn so_it_is_where_trust_a_checkpoint_agreement_or_evidence_is_missing() {
    let stage = &*STAGE;
    let trust = Some((stage.world.trust.clone(), Some(stage.world.trust_digest)));
    same_answers(&Kept::with(stage.bytes.clone(), None, None, How::Full), &[4]);
    same_answers(&Kept::with(stage.bytes.clone(), trust, None, How::Full), &[4]);
    let fire = Fire::new();
    same_answers(&Kept::of(&fire.world, pack(&fire.world, &Scope::default()), How::Full), &[]);
    let mut world = World::new();
    world.promote_next(0);
    let entry = world.log_ref().size - 1;
    erase(&mut world, usize::try_from(entry).expect("small"));
    same_answers(&Kept::of(&world, pack(&world, &Scope::default()), How::Full), &[entry]);
}

#[test]
fn a_decision_that_does_not_hold_is_said_from_facts_as_well() {
    let mut world = World::new();
    world.promote_next(0);
    // Signed by somebody who is no gate.
    let gate = std::mem::replace(&mut world.gate, std::sync::Arc::clone(&world.builder));
    world.promote_next(1);
    world.gate = gate;
    same_answers(&Kept::of(&world, pack(&world, &Scope::default()), How::Full), &[3]);
}

/// Whoever has the gate's key signs a decision that its evidence does not bear: every signature holds, and only who runs it again
/// finds it.
#[test]
fn what_only_running_again_finds_is_said_from_facts_as_well() {
    let mut world = World::new();
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.push(world.review("ada", &base, &head, ReviewDecision::Approve));
    documents.push(world.review("ben", &base, &head, ReviewDecision::Approve));
    let honest = world.arguments(&artifact, "production", documents).decide();
    // Nobody reviewed what is recorded with it.
    let unreviewed = world.arguments(&artifact, "production", world.built(&artifact, &landed, "clean", 3).to_vec());
    let mut forged = unreviewed.decide();
    assert_ne!(forged.verdict, honest.verdict);
    (forged.verdict, forged.authorised) = (honest.verdict, honest.authorised);
    (forged.findings, forged.rules) = (honest.findings, honest.rules);
    world.record(&unreviewed, &forged);
    let kept = Kept::of(&world, pack(&world, &Scope::default()), How::Full);
    same_answers(&kept, &[]);
    let opening = kept.by(&kept.facts).expect("opened");
    let answered = Asking::of(&opening).expect("open").answer("Q12", &Ask::default()).expect("an answer");
    assert!(answered.findings.iter().any(|one| one.code == codes::DECISION_DIFFERS), "{:#?}", answered.findings);
    assert_eq!(answered.exit.code(), 4);
}

#[test]
fn facts_say_what_they_are_bound_to_and_another_of_each_is_refused() {
    let stage = &*STAGE;
    let kept = Kept::of(&stage.world, stage.bytes.clone(), How::Full);
    let again = Kept::of(&stage.world, stage.bytes.clone(), How::Full);
    assert_eq!(kept.facts, again.facts, "the same verification keeps the same bytes");
    let mut others = Vec::new();
    let mut other = Kept { package: stage.bytes.clone(), ..again };
    other.package = pack(&stage.world, &Scope { profile: Profile::FactsOnly, ..Scope::default() });
    others.push(other.by(&kept.facts));
    other.package.clone_from(&stage.bytes);
    other.trust = Some((stage.world.trust.clone(), None));
    others.push(other.by(&kept.facts));
    other.trust = None;
    others.push(other.by(&kept.facts));
    other.trust.clone_from(&kept.trust);
    other.least = None;
    others.push(other.by(&kept.facts));
    other.least = Some(b"another".to_vec());
    others.push(other.by(&kept.facts));
    let said: Vec<Vec<(String, Code)>> = others
        .into_iter()
        .map(|opened| {
            let findings = opened.expect_err("a refusal");
            assert!(findings.iter().all(|one| one.expected.is_some() && one.found.len() == 1 && one.help.is_some()));
            findings.into_iter().map(|one| (one.expected_by.unwrap_or_default(), one.code)).collect()
        })
        .collect();
    let mismatch = |by: &[&str]| by.iter().map(|by| ((*by).to_owned(), codes::AUDIT_FACTS_MISMATCH)).collect();
    let expected: [Vec<(String, Code)>; 5] = [
        mismatch(&["the package"]),
        mismatch(&["--trust-digest"]),
        mismatch(&["--trust", "--trust-digest"]),
        mismatch(&["--least-checkpoint"]),
        mismatch(&["--least-checkpoint"]),
    ];
    assert_eq!(said, expected);
    let with = |digest: &Sha256| {
        let given = GivenFacts { bytes: &kept.facts, name: "year.facts", digest: Some(digest) };
        refusal(audit::open_with_facts(kept.source(), kept.outside(), kept.least.as_deref(), &given))
    };
    assert!(with(&kept.digest).is_ok());
    assert_eq!(with(&Sha256::of(b"others")).expect_err("a refusal")[0].code, codes::AUDIT_FACTS_MISMATCH);
}

#[test]
fn facts_that_were_cut_or_altered_are_refused_wherever_that_was() {
    let kept = Kept::of(&STAGE.world, STAGE.bytes.clone(), How::Sample(0));
    let known = [codes::AUDIT_FACTS_MALFORMED, codes::AUDIT_FACTS_OTHER_VERSION];
    for at in 0..kept.facts.len() {
        let cut = audit::check_facts(&kept.facts[..at]).expect_err("a refusal");
        assert_eq!(cut.code, codes::AUDIT_FACTS_MALFORMED, "cut at {at}");
        let mut flipped = kept.facts.clone();
        flipped[at] ^= 1 << (at % 8);
        let flipped = audit::check_facts(&flipped).expect_err("a refusal");
        assert!(known.contains(&flipped.code), "flipped at {at}: {flipped:?}");
    }
    let longer = [kept.facts.as_slice(), b"more"].concat();
    assert_eq!(kept.refused(&longer), codes::AUDIT_FACTS_MALFORMED);
    assert_eq!(kept.refused(b""), codes::AUDIT_FACTS_MALFORMED);
}

#[test]
fn whoever_alters_facts_and_seals_them_again_makes_no_panic_and_takes_no_memory() {
    let kept = Kept::of(&STAGE.world, STAGE.bytes.clone(), How::Sample(0));
    let content = kept.facts.len() - 32;
    for at in 0..content {
        for value in [0x00, 0x7f, 0xff, kept.facts[at] ^ 1] {
            let hostile = sealed(&kept.facts, |content| content[at] = value);
            drop(audit::check_facts(&hostile));
            if at % 61 == 0
                && let Ok(opening) = kept.by(&hostile)
                && let Ok(asking) = Asking::of(&opening)
            {
                for id in ["Q01", "Q16", "Q22"] {
                    drop(asking.answer(id, &Ask::default()));
                }
            }
        }
        // A length that is a lie.
        if at % 7 == 0 {
            let huge = sealed(&kept.facts, |content| {
                content.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
            });
            drop(audit::check_facts(&huge));
        }
    }
}

#[test]
fn facts_of_another_version_or_of_other_decisions_are_refused() {
    let stage = &*STAGE;
    let kept = Kept::of(&stage.world, stage.bytes.clone(), How::Full);
    let version = format!("\"countersign\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let other = version.replacen(|c: char| c.is_ascii_digit(), "9", 1);
    assert_eq!(kept.refused(&replaced(&kept.facts, &version, &other)), codes::AUDIT_FACTS_OTHER_VERSION);
    let form = |form: &str| format!("countersign audit facts {form}\n");
    let another = replaced(&kept.facts, &form(FACTS_FORM), &form("0"));
    assert_eq!(kept.refused(&another), codes::AUDIT_FACTS_OTHER_VERSION);
    // Facts of a shorter log that say that they are of this package.
    let mut world = World::new();
    world.promote_next(0);
    let shorter = Kept::of(&world, pack(&world, &Scope::default()), How::Full);
    world.promote_next(1);
    let longer = Kept::of(&world, pack(&world, &Scope::default()), How::Full);
    let package = |kept: &Kept| Sha256::of(&kept.package).to_string();
    let least = |kept: &Kept| Sha256::of(kept.least.as_ref().expect("one")).to_string();
    let forged = replaced(&shorter.facts, &package(&shorter), &package(&longer));
    let forged = replaced(&forged, &least(&shorter), &least(&longer));
    assert_eq!(longer.refused(&forged), codes::AUDIT_FACTS_MALFORMED);
}
