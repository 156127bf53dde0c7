//! Exceptions as a whole: what one touches, what taking one away does, and how every form shows what is excepted.

use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::exception::{Category, Covers, Exception, Range};
use countersign_core::exit::Exit;
use countersign_core::finding::{Class, Finding, Verdict};
use countersign_core::ids::{EnvName, Origin, PersonId, RuleId, Uri};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement};
use countersign_report::reports::{Facts, Form, Report};
use countersign_report::text;
use countersign_tests::world::{ORIGIN, REPOSITORY, World};
use countersign_verify::exception::subjects_of;
use std::collections::BTreeSet;

const DAY: i64 = 24 * 60 * 60;

struct Scene {
    world: World,
    artifact: Sha256,
    documents: Vec<Vec<u8>>,
}

impl Scene {
    /// A reviewed change, built from a tree that was not clean, under a trust with approvers of exceptions.
    fn new() -> Self {
        let mut world = World::new();
        let roles =
            "[roles.exception-approvers]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n[environments.production]\n";
        let trust = world.trust_toml(2).replacen("[environments.production]\n", roles, 1);
        world.trust_from_now_on(&trust, &["ada", "ben"]);
        let base = world.tip;
        let (head, landed) = world.land(1);
        let artifact = Sha256::of(b"artifact");
        let mut documents = world.built(&artifact, &landed, "dirty", 3).to_vec();
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        Self { world, artifact, documents }
    }

    fn waiver(&self) -> Exception {
        Exception {
            log: Origin::new(ORIGIN).unwrap(),
            category: Category::Waiver,
            control: None,
            rule: RuleId::new("source-clean@1").unwrap(),
            codes: BTreeSet::new(),
            place: None,
            repository: Uri::new(REPOSITORY).unwrap(),
            environment: EnvName::new("production").unwrap(),
            covers: Covers::Subject(self.artifact),
            reason: "made by the build".to_owned(),
            ticket: None,
            requester: PersonId::new("cy").unwrap(),
            created: self.world.now,
            expires: self.world.now.plus(30 * DAY),
            follow_up: None,
        }
    }

    fn put(&mut self, exception: &Exception) {
        let statement = Statement::new(Kind::Exception, subjects_of(exception), exception).unwrap();
        let payload = Sha256::of(&statement.to_bytes().unwrap());
        let lines = self.world.lines(&statement, &["cy", "ada", "ben"]);
        let document = self.world.shelf.put(&lines);
        let environment = Some(exception.environment.clone());
        self.world.append(Kind::Exception, environment, vec![payload], vec![document], Vec::new());
    }

    fn decide(&self, environment: &str) -> Decision {
        self.world.arguments(&self.artifact, environment, self.documents.clone()).decide()
    }
}

/// What was found, as if nothing were excepted, and without what is said of exceptions themselves.
fn bare(decision: &Decision) -> Vec<Finding> {
    let about = [codes::EXCEPTION_EXPIRING, codes::EXCEPTION_EXPIRED, codes::EXCEPTION_UNUSED, codes::WOULD_REFUSE];
    let mut out = Vec::new();
    for finding in decision.findings.iter().filter(|finding| !about.contains(&finding.code)) {
        let mut finding = finding.clone();
        if finding.exception.take().is_some() {
            assert_eq!(finding.class, Class::Excepted);
            finding.class = codes::find(finding.code.as_str()).unwrap().class;
        }
        out.push(finding);
    }
    out
}

#[test]
fn an_exception_changes_nothing_but_the_findings_that_it_matches_and_taking_one_away_helps_nobody() {
    let plain = Scene::new();
    let start = plain.world.start;
    let range = Covers::Range(Range { start, end: None, commits: 5 });
    let all = [
        Exception { covers: Covers::Subject(Sha256::of(b"another")), ..plain.waiver() },
        Exception { covers: range, expires: plain.world.now.plus(80 * DAY), ..plain.waiver() },
        plain.waiver(),
        Exception { codes: BTreeSet::from([codes::SOURCE_DIRTY]), ..plain.waiver() },
    ];
    let expected = bare(&plain.decide("production"));
    assert!(expected.iter().any(|finding| finding.code == codes::SOURCE_DIRTY));
    let mut verdicts = Vec::new();
    for chosen in 0_usize..16 {
        let mut scene = Scene::new();
        for (_, exception) in all.iter().enumerate().filter(|(i, _)| chosen & (1 << i) != 0) {
            scene.put(exception);
        }
        let decision = scene.decide("production");
        let codes_of = |findings: &[Finding]| findings.iter().map(|f| (f.code, f.class)).collect::<Vec<_>>();
        assert_eq!(codes_of(&bare(&decision)), codes_of(&expected), "{chosen:b}");
        let rule = decision.rules.iter().find(|rule| rule.id.as_str() == "source-clean@1").unwrap();
        assert_eq!(rule.verdict, Some(Verdict::Fail), "a rule that is excepted was not shown to hold");
        let named: Vec<u8> = decision
            .findings
            .iter()
            .filter_map(|finding| finding.exception.as_ref())
            .map(|note| u8::from(note.covers.starts_with("artifact")))
            .collect();
        match chosen >> 1 {
            0 => assert!(named.is_empty()),
            1 => assert_eq!(named, [0], "the range alone"),
            _ => assert_eq!(named, [1], "the artifact is more specific than a range"),
        }
        verdicts.push(decision.verdict);
    }
    for (chosen, verdict) in verdicts.iter().enumerate() {
        assert_eq!(*verdict == Verdict::Pass, chosen >> 1 != 0, "{chosen:b}");
        for without in (0..4).map(|i| chosen & !(1 << i)) {
            let helped = *verdict != Verdict::Pass && verdicts[without] == Verdict::Pass;
            assert!(!helped, "{chosen:b} without {without:b}");
        }
    }
}

#[test]
fn a_lenient_gate_says_what_the_strict_one_says_with_its_exceptions() {
    let mut scene = Scene::new();
    let production = EnvName::new("production").unwrap();
    assert_eq!(scene.decide("staging").would_be.get(&production), Some(&Verdict::Fail));
    let waiver = scene.waiver();
    scene.put(&waiver);
    assert_eq!(scene.decide("staging").would_be.get(&production), Some(&Verdict::Pass));
    let staging = Exception { environment: EnvName::new("staging").unwrap(), ..Scene::new().waiver() };
    let mut other = Scene::new();
    other.put(&staging);
    assert_eq!(other.decide("staging").would_be.get(&production), Some(&Verdict::Fail));
}

#[test]
fn exceptions_that_end_soon_are_over_or_are_not_needed_are_said() {
    let said = |days: i64, artifact: &[u8]| {
        let mut scene = Scene::new();
        let waiver = Exception { covers: Covers::Subject(Sha256::of(artifact)), ..scene.waiver() };
        scene.put(&waiver);
        scene.world.now = scene.world.now.plus(days * DAY);
        let decision = scene.decide("production");
        let about = decision.findings.iter().filter(|finding| finding.code.as_str().starts_with("exception-"));
        about.map(|finding| finding.code.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(said(1, b"artifact"), Vec::<String>::new());
    assert_eq!(said(15, b"another"), ["exception-unused"]);
    assert_eq!(said(16, b"artifact"), ["exception-expiring"]);
    assert_eq!(said(30, b"artifact"), ["exception-expired"]);
}

#[test]
fn every_form_shows_what_is_excepted_and_by_what() {
    let mut scene = Scene::new();
    let waiver = scene.waiver();
    scene.put(&waiver);
    let decision = scene.decide("production");
    assert_eq!(decision.verdict, Verdict::Pass);
    let finding = decision.findings.iter().find(|finding| finding.class == Class::Excepted).unwrap();
    let id = finding.exception.as_ref().unwrap().id.to_string();
    let shown = text::finding(finding);
    assert!(
        shown.starts_with("excepted[source-dirty]") && shown.contains(&format!("excepted: by {id}, waiver")),
        "{shown}"
    );
    let facts = Facts::new("promote", "0", decision.verdict, Exit::Ok).found(&decision.findings);
    let report = Report::new(facts, None);
    let needs = [
        (Form::Sarif, "\"suppressions\""),
        (Form::Junit, "<skipped message="),
        (Form::Github, "::notice title=source-dirty"),
        (Form::Summary, "excepted, blocks nothing for now"),
        (Form::Gitlab, "\"minor\""),
        (Form::Html, "<dt>excepted by</dt>"),
    ];
    for (form, needed) in needs {
        let text = report.render(form).unwrap();
        assert!(text.contains(needed) && text.contains(&id), "{form:?}: {text}");
    }
    assert!(!report.render(Form::Junit).unwrap().contains("<failure"));
}
