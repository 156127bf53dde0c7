//! Cases about how rules move up: what was measured of them, who said what of it, who overrode it, and on which dates.

use super::{Case, Found};
use crate::world::{World, policy_toml};
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::Verdict::{Fail, Pass};
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_core::statement::adjudication::{Adjudication, Label, Opinion};
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use std::collections::BTreeMap;

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, play| Case { id, what, verdict, code, play };
    vec![
        case("R1", "a rule that moves up before anything was measured", Fail, "rollout-unearned", r1_early),
        case("R1", "a new rule that begins enforced", Fail, "rollout-unearned", r1_new),
        case("R1", "a later step up that nothing was measured for", Fail, "rollout-unearned", r1_ladder),
        case("R1", "a date of a step that is moved forward", Fail, "rollout-unearned", r1_sooner),
        case("R2", "the measurement of another text of the rule", Fail, "rollout-unearned", r2_text),
        case("R2", "the measurement of other parameters", Fail, "rollout-unearned", r2_parameters),
        case("R2", "the measurement of another environment", Fail, "rollout-unearned", r2_environment),
        case("R2", "one artifact that was decided many times", Fail, "rollout-unearned", r2_again),
        case("R2", "enough artifacts in too few days", Fail, "rollout-unearned", r2_days),
        case("R3", "findings that nobody labelled", Fail, "rollout-unearned", r3_open),
        case("R3", "labels by one person", Fail, "adjudication-unagreed", r3_one),
        case("R3", "labels by one person twice", Fail, "adjudication-unagreed", r3_twice),
        case("R3", "labels of another environment", Fail, "adjudication-unagreed", r3_environment),
        case("R3", "labels that contradict each other", Fail, "rollout-unearned", r3_both),
        case("R3", "a greater share of false positives than is allowed", Fail, "rollout-unearned", r3_wrong),
        case("R3", "labels that are not in the evidence", Fail, "evidence-withheld", r3_gone),
        case("R4", "a rule that could not be evaluated", Fail, "rollout-unearned", r4),
        case("R5", "an override by one person", Fail, "policy-unapproved", r5_one),
        case("R5", "an override without a reason", Fail, "rollout-override", r5_reason),
        case("R5", "an override by two, one of them the rule's only author", Fail, "rollout-override", r5_author),
        case("R5", "an override for a rule whose authors nobody names", Fail, "rollout-override", r5_nobody),
        case("R5", "an override for another rule", Fail, "rollout-override", r5_other),
        case("R6", "a time set back to a day on which the rule only warned", Fail, "time-before-log", r6_back),
        case("R6", "a rule that enforces since its date", Fail, "rule-broken", r6_since),
        case("R7", "a release that drops the condition and moves up at once", Fail, "rollout-unearned", r7),
        case("R8", "a rule that goes away before its successor is there", Fail, "rollout-dropped", r8_dropped),
        case("R8", "a rule past its last day", Fail, "rule-sunset", r8_rule),
        case("R8", "a release past its last day", Fail, "policy-sunset", r8_release),
        case("R9", "a rule of the floor that is not effective yet", Fail, "policy-below-floor", r9),
        case("+", "a rule that moves up when it was measured", Pass, "", honest),
        case("+", "findings that two people labelled", Pass, "", honest_labels),
        case("+", "an override by two with a reason, neither of them the author", Pass, "", honest_override),
        case("+", "a later step up that was measured before", Pass, "", honest_ladder),
        case("+", "a rule that enforces from tomorrow on", Pass, "", honest_date),
        case("+", "a rule that goes when its successor is there", Pass, "", honest_successor),
        case("+", "a rule that the floor asks for", Pass, "", honest_floor),
        case("+", "a rule that is going away, and is not gone", Pass, "", honest_deprecated),
    ]
}

const HOLDS: &str =
    "deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name == \"no such\"\n}";
const DENIES: &str = "deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name != \"\"\n}";
const ERRS: &str = "deny contains {\"what\": 1} if {\n\tsome c in input.sbom.components\n\tto_number(c.name) == 1\n}";

/// A condition that a test can meet: three artifacts and a day.
const CONDITION: &str = "[rollout.warn]\nevaluations = 3\ndays = 1\nfalse_positives_permille = 700\n\
                         [rollout.enforce]\nevaluations = 3\ndays = 1\nfalse_positives_permille = 700\n";

/// The world's policy with a rule of its own.
struct Draft {
    version: u64,
    body: &'static str,
    /// The stage or ladder, as TOML.
    stage: String,
    more: String,
    rollout: &'static str,
    /// The value of its one parameter, which it does not read.
    least: u64,
}

impl Draft {
    fn new(version: u64, stage: &str) -> Self {
        let stage = if stage.starts_with('[') { stage.to_owned() } else { format!("\"{stage}\"") };
        Self { version, body: HOLDS, stage, more: "authors = [\"cy\"]\n".to_owned(), rollout: CONDITION, least: 1 }
    }

    fn with(mut self, body: &'static str) -> Self {
        self.body = body;
        self
    }

    fn more(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    fn manifest(&self, world: &World) -> Manifest {
        let first = world.entries.get(1).map(|bytes| Entry::parse(bytes).expect("an entry"));
        let release =
            first.and_then(|entry| world.shelf.0.get(&entry.evidence[0]).cloned()).expect("the first release");
        let start = countersign_core::bundle::Signed::parse_lines(&release).expect("a release")[0].1.payload.clone();
        let start = Statement::parse(&start).expect("a statement");
        let start: Manifest = start.predicate_as(Kind::PolicyRelease).expect("a manifest");
        let start = start.sources[0].start.expect("a start");
        let text = policy_toml(&start).replace("version = 1\n", &format!("version = {}\n", self.version)).replacen(
            "[[sources]]",
            &format!("{}\n[[sources]]", self.rollout),
            1,
        );
        let text = format!(
            "{text}\n[[rules]]\nid = \"a-rule@1\"\nfolder = \"rules/a-rule\"\n\
             stages = {{ production = {}, staging = \"monitor\" }}\nparameters = {{ least = {} }}\n{}",
            self.stage, self.least, self.more
        );
        let body = super::written::module("a-rule", self.body)
            .replace("#   owner: us\n", "#   owner: us\n#   parameters: {least: number}\n");
        Manifest::close(&BTreeMap::from([
            (SOURCE_FILE.to_owned(), text.into_bytes()),
            ("rules/a-rule/rule.rego".to_owned(), body.into_bytes()),
        ]))
        .expect("a policy")
    }
}

/// A world in which a rule of our own is in stage monitor in production.
fn watched(body: &'static str) -> World {
    let mut world = World::new();
    activate(&mut world, &Draft::new(2, "monitor").with(body), &["ada"], None);
    world
}

fn activate(world: &mut World, draft: &Draft, by: &[&str], reason: Option<&str>) {
    let manifest = draft.manifest(world);
    activate_manifest(world, &manifest, by, reason);
}

fn activate_manifest(world: &mut World, manifest: &Manifest, by: &[&str], reason: Option<&str>) {
    let release = world.release(manifest, &["ada", "ben"]);
    world.activate(manifest, &release, "production", by, Some(world.pin.digest), reason);
    world.pin.version = manifest.version;
    world.pin.digest = manifest.digest().expect("a digest");
    world.now = world.now.plus(60);
}

/// Decisions about that many artifacts, half a day apart.
fn promoted(world: &mut World, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(world.promote_next(number).verdict, Pass);
        world.now = world.now.plus(43_200);
    }
}

/// A rule that was watched for three artifacts and more than a day.
fn measured(body: &'static str) -> World {
    let mut world = watched(body);
    promoted(&mut world, 1..4);
    world
}

fn next(world: &mut World) -> Found {
    world.promote_next(9).into()
}

fn raised(mut world: World, draft: &Draft) -> Found {
    activate(&mut world, draft, &["ada"], None);
    next(&mut world)
}

fn day(text: &str) -> Time {
    format!("{text}T10:00:00Z").parse().expect("a time")
}

fn r1_early() -> Found {
    raised(watched(HOLDS), &Draft::new(3, "enforce"))
}

fn r1_new() -> Found {
    raised(World::new(), &Draft::new(2, "enforce"))
}

fn step(stage: &str, day: &str) -> String {
    format!("{{ stage = \"{stage}\", from = \"{day}T00:00:00Z\" }}")
}

fn r1_ladder() -> Found {
    let ladder = format!("[{}, {}]", step("monitor", "2026-01-01"), step("enforce", "2027-06-01"));
    raised(watched(HOLDS), &Draft::new(3, &ladder))
}

fn ladder(enforce: &str) -> String {
    format!("[{}, {}]", step("warn", "2026-01-01"), step("enforce", enforce))
}

fn r1_sooner() -> Found {
    let mut world = watched(HOLDS);
    world.overrides = ours();
    activate(&mut world, &Draft::new(3, &ladder("2027-06-01")), &["ada", "ben"], Some("announced"));
    raised(world, &Draft::new(4, &ladder("2027-05-01")))
}

fn r2_text() -> Found {
    let other = "deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name == \"another\"\n}";
    raised(measured(HOLDS), &Draft::new(3, "enforce").with(other))
}

fn r2_parameters() -> Found {
    raised(measured(HOLDS), &Draft { least: 2, ..Draft::new(3, "enforce") })
}

fn r2_environment() -> Found {
    let mut world = watched(HOLDS);
    let manifest = Draft::new(2, "monitor").manifest(&world);
    let release = world.release(&manifest, &["ada", "ben"]);
    let replaces = staged(&world);
    world.activate(&manifest, &release, "staging", &["ada"], Some(replaces), None);
    for number in 1..4_u8 {
        let base = world.tip;
        let (head, landed) = world.land(usize::from(number));
        let artifact = Sha256::of(&[number]);
        let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        documents.extend(["ada", "ben"].map(|who| world.review(who, &base, &head, ReviewDecision::Approve)));
        let arguments = world.arguments(&artifact, "staging", documents);
        let decision = arguments.decide();
        assert!(decision.authorised, "{:#?}", decision.findings);
        world.record(&arguments, &decision);
        world.now = world.now.plus(43_200);
    }
    let found = raised(world, &Draft::new(3, "enforce"));
    assert!(found.codes.iter().any(|code| code == "rollout-unearned"), "{:?}", found.codes);
    found
}

/// The release that is active for staging: the first.
fn staged(world: &World) -> Sha256 {
    Entry::parse(&world.entries[2]).expect("an entry").subjects[0]
}

fn r2_again() -> Found {
    let mut world = watched(HOLDS);
    let base = world.tip;
    let (head, landed) = world.land(1);
    let artifact = Sha256::of(b"the same");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    documents.extend(["ada", "ben"].map(|who| world.review(who, &base, &head, ReviewDecision::Approve)));
    let mut arguments = world.arguments(&artifact, "production", documents);
    for _ in 0..4 {
        (arguments.entries, arguments.checkpoint) = (world.entries.clone(), Some(world.checkpoint()));
        (arguments.request.time, arguments.shelf) = (world.now, world.shelf.clone());
        let decision = arguments.decide();
        world.record(&arguments, &decision);
        world.now = world.now.plus(43_200);
    }
    raised(world, &Draft::new(3, "enforce"))
}

fn r2_days() -> Found {
    let mut world = watched(HOLDS);
    for number in 1..5 {
        assert_eq!(world.promote_next(number).verdict, Pass);
    }
    raised(world, &Draft::new(3, "enforce"))
}

fn r3_open() -> Found {
    raised(measured(DENIES), &Draft::new(3, "enforce").with(DENIES))
}

/// What these people say of everything that the rule found so far.
fn labels(world: &World, environment: &str, opinion: Opinion, people: &[&str]) -> Vec<u8> {
    let entries = world.entries.iter().map(|bytes| Entry::parse(bytes).expect("an entry"));
    let decisions: Vec<Sha256> =
        entries.filter(|entry| entry.kind == Kind::PromotionDecision).map(|entry| entry.statements[0]).collect();
    let label =
        |decision: &Sha256| Label { decision: *decision, rule: rule(), finding: None, label: opinion, reason: None };
    let said = Adjudication {
        environment: EnvName::new(environment).expect("a name"),
        labels: decisions.iter().map(label).collect(),
        report: None,
    };
    let subjects = decisions.iter().map(|digest| Subject::sha256("promotion-decision", digest)).collect();
    world.lines(&Statement::new(Kind::Adjudication, subjects, &said).expect("a statement"), people)
}

fn rule() -> RuleId {
    "a-rule@1".parse().expect("a rule")
}

fn ours() -> std::collections::BTreeSet<RuleId> {
    [rule()].into()
}

/// Moves the rule that denies up to warn, with these labels.
fn labelled(labels: impl FnOnce(&World) -> Vec<Vec<u8>>) -> Found {
    let mut world = measured(DENIES);
    world.labels = labels(&world);
    raised(world, &Draft::new(3, "warn").with(DENIES))
}

fn r3_one() -> Found {
    labelled(|world| vec![labels(world, "production", Opinion::TruePositive, &["ada"])])
}

fn r3_twice() -> Found {
    labelled(|world| vec![labels(world, "production", Opinion::TruePositive, &["ada", "ada"])])
}

fn r3_environment() -> Found {
    labelled(|world| vec![labels(world, "staging", Opinion::TruePositive, &["ada", "ben"])])
}

fn r3_both() -> Found {
    let by = ["ada", "ben"];
    labelled(|world| {
        [Opinion::TruePositive, Opinion::FalsePositive].map(|o| labels(world, "production", o, &by)).to_vec()
    })
}

fn r3_wrong() -> Found {
    labelled(|world| vec![labels(world, "production", Opinion::FalsePositive, &["ada", "ben"])])
}

fn r3_gone() -> Found {
    let mut world = measured(DENIES);
    let said = labels(&world, "production", Opinion::TruePositive, &["ada", "ben"]);
    world.labels = vec![said.clone()];
    activate(&mut world, &Draft::new(3, "warn").with(DENIES), &["ada"], None);
    world.shelf.0.remove(&Sha256::of(&said));
    next(&mut world)
}

fn r4() -> Found {
    raised(measured(ERRS), &Draft::new(3, "enforce").with(ERRS))
}

fn overridden(by: &[&str], reason: Option<&str>, draft: &Draft) -> Found {
    let mut world = watched(HOLDS);
    world.overrides = ours();
    activate(&mut world, draft, by, reason);
    next(&mut world)
}

fn r5_one() -> Found {
    overridden(&["ada"], Some("it is urgent"), &Draft::new(3, "enforce"))
}

fn r5_reason() -> Found {
    overridden(&["ada", "ben"], Some(" "), &Draft::new(3, "enforce"))
}

fn r5_author() -> Found {
    overridden(&["ada", "cy"], Some("it is urgent"), &Draft::new(3, "enforce"))
}

fn r5_nobody() -> Found {
    let mut draft = Draft::new(3, "enforce");
    draft.more.clear();
    overridden(&["ada", "ben"], Some("it is urgent"), &draft)
}

fn r5_other() -> Found {
    let mut world = watched(HOLDS);
    world.overrides = ["no-such@1".parse().expect("a rule")].into();
    activate(&mut world, &Draft::new(3, "enforce"), &["ada", "ben"], Some("it is urgent"));
    next(&mut world)
}

/// A rule that denies, and that warns until the first of December.
fn dated() -> World {
    let mut world = watched(DENIES);
    world.overrides = ours();
    activate(&mut world, &Draft::new(3, &ladder("2026-12-01")).with(DENIES), &["ada", "ben"], Some("announced"));
    world
}

fn on(world: &mut World, at: Time, number: usize) -> Decision {
    world.now = at;
    world.promote_next(number)
}

fn r6_back() -> Found {
    let mut world = dated();
    let since = on(&mut world, day("2026-12-02"), 1);
    assert_eq!(since.verdict, Fail);
    on(&mut world, day("2026-11-30"), 2).into()
}

fn r6_since() -> Found {
    on(&mut dated(), day("2026-12-02"), 1).into()
}

fn honest_date() -> Found {
    let decision = on(&mut dated(), day("2026-11-30"), 1);
    let outcome = decision.rules.iter().find(|outcome| outcome.id == rule()).expect("the rule");
    assert_eq!(outcome.next.map(|step| step.from.to_string()).as_deref(), Some("2026-12-01T00:00:00Z"));
    let codes: Vec<&str> = outcome.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"rule-broken") && codes.contains(&"rule-blocks-later"), "{codes:?}");
    decision.into()
}

fn r7() -> Found {
    let mut draft = Draft::new(3, "enforce");
    draft.rollout = "[rollout.enforce]\nevaluations = 1\ndays = 0\nfalse_positives_permille = 1000\n";
    let mut world = watched(HOLDS);
    promoted(&mut world, 1..2);
    raised(world, &draft)
}

const GOING: &str = "dates = { deprecated_on = \"2026-11-01T00:00:00Z\", sunset_on = \"2026-12-01T00:00:00Z\", successor = \"b-rule@1\" }\n";

/// A rule that is enforced and is going away for another one.
fn going() -> World {
    let mut world = watched(HOLDS);
    world.overrides = ours();
    activate(&mut world, &Draft::new(3, "enforce").more(GOING), &["ada", "ben"], Some("the old one"));
    world
}

/// The release after it: without the rule, and with its successor in a stage, if any.
fn followed(successor: Option<&str>) -> Found {
    let mut world = going();
    let mut manifest = Draft::new(4, "enforce").manifest(&world);
    match successor {
        None => {
            manifest.rules.pop();
            manifest.files.remove("rules/a-rule/rule.rego");
            manifest.texts.clear();
        }
        Some(stage) => {
            let text = super::written::module("b-rule", HOLDS);
            manifest.files.remove("rules/a-rule/rule.rego");
            manifest.files.insert("rules/b-rule/rule.rego".to_owned(), Sha256::of(text.as_bytes()));
            manifest.texts = BTreeMap::from([("rules/b-rule/rule.rego".to_owned(), text)]);
            let rule = manifest.rules.last_mut().expect("the rule");
            rule.id = "b-rule@1".parse().expect("a rule");
            rule.folder = Some("rules/b-rule".to_owned());
            rule.parameters.clear();
            let stage = serde_json::from_value(serde_json::json!(stage)).expect("a stage");
            rule.stages.insert(EnvName::new("production").expect("a name"), stage);
            world.overrides = [rule.id.clone()].into();
        }
    }
    activate_manifest(&mut world, &manifest, &["ada", "ben"], Some("the new one"));
    next(&mut world)
}

fn r8_dropped() -> Found {
    let found = followed(Some("warn"));
    assert!(found.codes.iter().any(|code| code == "rollout-dropped"), "a successor that stands lower is none");
    followed(None)
}

fn honest_successor() -> Found {
    followed(Some("enforce"))
}

fn r8_rule() -> Found {
    on(&mut going(), day("2026-12-02"), 1).into()
}

fn honest_deprecated() -> Found {
    let decision = on(&mut going(), day("2026-11-30"), 1);
    assert!(decision.findings.iter().any(|finding| finding.code.as_str() == "rule-deprecated"));
    decision.into()
}

fn r8_release() -> Found {
    let release = |at| {
        let mut world = World::new();
        let mut draft = Draft::new(2, "monitor");
        draft.rollout = "[dates]\ndeprecated_on = \"2026-11-01T00:00:00Z\"\nsunset_on = \"2026-12-01T00:00:00Z\"\n\
                         successor = \"https://example.com/policy/release@3\"\n";
        activate(&mut world, &draft, &["ada"], None);
        on(&mut world, at, 1)
    };
    let before = release(day("2026-11-30"));
    assert_eq!(before.verdict, Pass);
    assert!(before.findings.iter().any(|finding| finding.code.as_str() == "policy-deprecated"));
    release(day("2026-12-02")).into()
}

/// Review is enforced by the plan, and no more than a warning until its date.
fn r9() -> Found {
    let mut world = World::new();
    let mut manifest = Draft::new(2, "monitor").manifest(&world);
    let rule = manifest.rules.iter_mut().find(|rule| rule.id.as_str() == "two-party-review@1").expect("the rule");
    rule.dates.effective_on = Some(day("2027-01-01"));
    activate_manifest(&mut world, &manifest, &["ada"], None);
    next(&mut world)
}

fn honest() -> Found {
    let found = raised(measured(HOLDS), &Draft::new(3, "enforce"));
    assert!(found.levels.iter().any(|level| level.contains("A_RULE")), "{:?}", found.levels);
    found
}

fn honest_labels() -> Found {
    labelled(|world| vec![labels(world, "production", Opinion::TruePositive, &["ada", "ben"])])
}

fn honest_override() -> Found {
    overridden(&["ada", "ben"], Some("it is urgent"), &Draft::new(3, "enforce"))
}

fn honest_ladder() -> Found {
    raised(measured(HOLDS), &Draft::new(3, &ladder("2027-06-01")))
}

/// Trust asks for a rule that the release before only watched.
fn honest_floor() -> Found {
    let mut world = watched(HOLDS);
    let floor = world.trust_toml(2).replace("[\"two-party-review@1\"]", "[\"a-rule@1\", \"two-party-review@1\"]");
    world.trust_from_now_on(&floor, &["ada", "ben"]);
    raised(world, &Draft::new(3, "enforce"))
}
