//! What earlier decisions say is taken in once, and is the same as a walk over all of them gives: at every size of the log,
//! in whatever order it is asked, whoever read the decisions first, under changing trust, and with decisions that do not hold.

use countersign_core::decision::{BreakGlass, Decision, EvidenceRef, SourceRange, TagRef};
use countersign_core::digest::Sha256;
use countersign_core::exception::Category;
use countersign_core::finding::{ExceptionNote, Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::{EnvName, ExceptionId, RefName, Uri};
use countersign_core::policy::{Source, Stage};
use countersign_core::statement::Kind;
use countersign_core::statement::review::ReviewDecision;
use countersign_decide::{start_of, tags_before};
use countersign_tests::world::{BRANCH, REPOSITORY, Shelf, World};
use countersign_verify::trust::verify_trust;
use countersign_verify::{About, Blobs as _, Evidence, LogState, StateView, Use};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ENVIRONMENTS: [&str; 2] = ["production", "staging"];
const DOCUMENTS: usize = 5;

/// What happens to the log next: numbers that are read as what is decided.
#[derive(Debug, Clone)]
enum Step {
    Decision { environment: bool, subject: u8, revision: u8, flags: u16, documents: u8, gone: bool },
    Trust,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let decision = (any::<bool>(), 0_u8..3, 0_u8..4, any::<u16>(), 0_u8..(1 << DOCUMENTS), prop::bool::weighted(0.06));
    let decision = decision.prop_map(|(environment, subject, revision, flags, documents, gone)| Step::Decision {
        environment,
        subject,
        revision,
        flags,
        documents,
        gone,
    });
    prop::collection::vec(prop_oneof![6 => decision, 1 => Just(Step::Trust)], 1..14)
}

struct Story {
    world: World,
    template: Decision,
    oids: Vec<Oid>,
    documents: Vec<(Kind, Vec<u8>)>,
    source: Source,
    known: bool,
    version: u64,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new();
        let base = world.tip;
        let (head, landed) = world.land(1);
        let mut oids = vec![base, head, landed];
        oids.push(world.land(2).1);
        let about = Sha256::of(&[0]);
        let review = |who: &str, decision| (Kind::Review, world.review(who, &base, &head, decision));
        let [provenance, _] = world.built(&about, &landed, "clean", 1);
        let documents = vec![
            review("ada", ReviewDecision::Approve),
            review("cy", ReviewDecision::Reject),
            review("ben", ReviewDecision::Reject),
            review("cy", ReviewDecision::Revoke),
            (Kind::Provenance, provenance),
        ];
        for (_, document) in &documents {
            world.shelf.put(document);
        }
        let template = world.arguments(&about, "production", Vec::new()).decide();
        let source = Source {
            repository: Uri::new(REPOSITORY).unwrap(),
            target_ref: RefName::new(BRANCH).unwrap(),
            start: Some(base),
            cut_from: None,
        };
        Self { world, template, oids, documents, source, known: true, version: 1 }
    }

    fn tell(&mut self, step: &Step) {
        match step {
            Step::Trust => {
                // Who said no is known to one trust, and not to the next.
                self.version += 1;
                self.known = !self.known;
                let mut toml = self.world.trust_toml(self.version);
                if !self.known {
                    let line = format!("key = \"{}\"", self.world.people["cy"].public().to_openssh());
                    let stranger = World::new().people["cy"].public().to_openssh();
                    toml = toml.replace(&line, &format!("key = \"{stranger}\""));
                }
                self.world.trust_from_now_on(&toml, &["ada", "ben"]);
                self.world.now = self.world.now.plus(60);
            }
            Step::Decision { environment, subject, revision, flags, documents, gone } => {
                let decision = self.decision(*environment, *subject, *revision, *flags, *documents);
                self.world.record_with(&[], None, &decision);
                if *gone {
                    let entry = countersign_core::entry::Entry::parse(self.world.entries.last().unwrap()).unwrap();
                    self.world.shelf.0.remove(entry.statement().unwrap());
                }
            }
        }
    }

    fn decision(&self, environment: bool, subject: u8, revision: u8, flags: u16, documents: u8) -> Decision {
        let flag = |bit: u16| flags & (1 << bit) != 0;
        let mut decision = self.template.clone();
        let request = &mut decision.request;
        request.environment = EnvName::new(ENVIRONMENTS[usize::from(environment)]).unwrap();
        request.subject = Sha256::of(&[subject]);
        request.subject_name = format!("app {subject}");
        request.time = self.world.now;
        let mut log = self.world.log_ref();
        if flag(0) && flag(1) && flag(2) {
            log.size -= 1;
        }
        decision.inputs.log = Some(log);
        let listed = self.documents.iter().enumerate().filter(|(bit, _)| documents & (1 << bit) != 0);
        decision.inputs.evidence = Some(
            listed
                .map(|(_, (kind, bytes))| EvidenceRef { digest: Sha256::of(bytes), kind: Some(*kind), against: None })
                .collect(),
        );
        decision.verdict = if flag(3) && flag(4) { Verdict::Fail } else { Verdict::Pass };
        let repository = if flag(5) && flag(6) { "git+https://example.com/other/app" } else { REPOSITORY };
        let at = |n: usize| self.oids[n % self.oids.len()];
        let revision = usize::from(revision);
        decision.source = (!(flag(7) && flag(8))).then(|| SourceRange {
            repository: Uri::new(repository).unwrap(),
            target_ref: RefName::new(if flag(9) && flag(10) { "refs/heads/other" } else { BRANCH }).unwrap(),
            revision: at(revision),
            start: at(revision + usize::from(flags % 3)),
            commits: 1,
            tag: flag(11)
                .then(|| TagRef { name: RefName::new("refs/tags/v1").unwrap(), object: at(usize::from(flags)) }),
            landings: BTreeMap::from([(at(usize::from(flags >> 2)), at(usize::from(flags >> 3)))]),
        });
        for rule in &mut decision.rules {
            if rule.id.as_str().starts_with("two-party-review@") {
                rule.stage = if flag(12) && flag(13) { Stage::Warn } else { Stage::Enforce };
                rule.verdict = Some(Verdict::Pass);
            }
        }
        if flag(14) {
            let mut finding = Finding::new(countersign_core::codes::REVIEW_MISSING, "x");
            finding.exception = Some(Box::new(note(subject)));
            decision.findings.push(finding);
        }
        decision.break_glass = (flag(15) && decision.verdict != Verdict::Pass)
            .then(|| BreakGlass { exceptions: vec![note(subject).id], follow_up: self.world.now });
        decision.followed_up = if flag(13) { vec![u64::from(flags % 9)] } else { Vec::new() };
        decision
    }

    fn open(&self) -> LogState {
        let world = &self.world;
        let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
        LogState::open(&world.checkpoint(), &world.entries, &trust, &world.shelf, world.now).state.unwrap()
    }
}

fn note(subject: u8) -> ExceptionNote {
    ExceptionNote {
        id: ExceptionId::of(&Sha256::of(&[b'e', subject])),
        category: Category::Waiver,
        covers: "x".to_owned(),
        until: "2027-01-01T00:00:00Z".parse().unwrap(),
        follow_up: None,
        reason: "x".to_owned(),
        approvers: Vec::new(),
        entry: 1,
        log: None,
    }
}

/// Everything that is asked of earlier decisions, in words that compare.
fn indexed(story: &Story, view: StateView<'_>) -> Vec<String> {
    let source = &story.source;
    let shelf = &story.world.shelf;
    let mut out = Vec::new();
    for environment in ENVIRONMENTS.map(|name| EnvName::new(name).unwrap()) {
        for candidate in &story.oids {
            out.push(format!("{:?}", start_of(view, &environment, source, candidate, shelf)));
        }
        let all = view.emergencies(&environment, shelf);
        out.extend(all.iter().map(|one| format!("{:?}", one.as_ref().map(|promoted| promoted.entry))));
    }
    let tags = tags_before(view, source, shelf).map(|tags| {
        tags.into_iter()
            .map(|tag| format!("{} {} {:?} {}", tag.name, tag.commit, tag.object, tag.by))
            .collect::<Vec<_>>()
    });
    out.push(format!("{tags:?}"));
    let landed = view.landed((&source.repository, &source.target_ref), shelf);
    out.push(format!("{:?}", landed.map(|landed| story.oids.iter().map(|head| landed.of(head)).collect::<Vec<_>>())));
    out.push(format!("{:?}", view.uses(shelf)));
    for (subject, given) in questions(story) {
        let said = view.spoken_against(&About { subject: &subject, repository: None }, &given, shelf);
        let said = said.map(|spoken| spoken.evidence.statements().map(|s| *s.document()).collect::<Vec<_>>());
        out.push(format!("{said:?}"));
    }
    out
}

/// The same by walking over all earlier decisions, newest first, for each question.
fn walked(story: &Story, state: &LogState, view: StateView<'_>) -> Vec<String> {
    let source = &story.source;
    let shelf = &story.world.shelf;
    let here = |range: &&SourceRange| range.repository == source.repository && range.target_ref == source.target_ref;
    let mut out = Vec::new();
    for environment in ENVIRONMENTS.map(|name| EnvName::new(name).unwrap()) {
        let all: Result<Vec<_>, _> = view.decisions(Some(&environment), None, shelf).collect();
        let passed: Result<Vec<SourceRange>, _> =
            all.map(|all| all.iter().filter_map(|one| one.content.proved().filter(here).cloned()).collect());
        for candidate in &story.oids {
            let start = passed.as_ref().map(|passed| {
                let mut seen = BTreeSet::new();
                let first: Vec<&SourceRange> =
                    passed.iter().rev().filter(|range| seen.insert(range.revision)).collect();
                let again = first.iter().find(|range| range.revision == *candidate).map(|range| range.start);
                again.or_else(|| first.last().map(|range| range.revision)).or(source.start)
            });
            out.push(format!("{start:?}"));
        }
        for one in view.decisions(Some(&environment), None, shelf) {
            let matters = one.as_ref().map_or(true, |promoted| {
                let decision = &promoted.content;
                let follows = decision.verdict == Verdict::Pass && !decision.followed_up.is_empty();
                decision.break_glass.is_some() || follows
            });
            out.extend(matters.then(|| format!("{:?}", one.as_ref().map(|promoted| promoted.entry))));
        }
    }
    let all: Result<Vec<_>, Vec<Finding>> = view.decisions(None, None, shelf).collect();
    let tags = all.as_ref().map(|all| {
        let mut bound = BTreeSet::new();
        for one in all {
            let range = one.content.proved().filter(|range| range.repository == source.repository);
            if let Some((range, tag)) = range.and_then(|range| Some((range, range.tag.as_ref()?))) {
                let by = format!("the promotion of {}", one.content.request.subject_name);
                bound.insert((tag.name.to_string(), range.revision, Some(tag.object), by));
            }
        }
        bound
            .into_iter()
            .map(|(name, commit, object, by)| format!("{name} {commit} {object:?} {by}"))
            .collect::<Vec<_>>()
    });
    out.push(format!("{tags:?}"));
    let landed = all.as_ref().map(|all| {
        let mut landed = BTreeMap::new();
        for range in all.iter().filter_map(|one| one.content.proved().filter(here)) {
            landed.extend(range.landings.iter().map(|(head, with)| (*head, *with)));
        }
        story.oids.iter().map(|head| landed.get(head).copied()).collect::<Vec<Option<Oid>>>()
    });
    out.push(format!("{landed:?}"));
    let mut uses: BTreeMap<ExceptionId, Use> = BTreeMap::new();
    for promoted in view.decisions(None, None, shelf).flatten() {
        let ids: BTreeSet<&ExceptionId> = promoted.content.excepted().collect();
        for id in ids {
            let one = uses.entry(id.clone()).or_default();
            one.decisions += 1;
            one.newest = one.newest.max(Some(promoted.entry));
        }
    }
    out.push(format!("{uses:?}"));
    for (subject, given) in questions(story) {
        let said = all.as_ref().map_err(Clone::clone).and_then(|all| {
            let mut listed: BTreeMap<Sha256, Vec<u64>> = BTreeMap::new();
            for one in all.iter().rev() {
                let same = one.content.request.subject == subject;
                for reference in one.content.inputs.evidence.iter().flatten() {
                    let bears =
                        reference.kind == Some(Kind::Review) || (same && reference.kind == Some(Kind::Provenance));
                    if bears && !given.contains(&reference.digest) {
                        listed.entry(reference.digest).or_default().push(one.entry);
                    }
                }
            }
            let approval = Sha256::of(&story.documents[0].1);
            let mut out = Vec::new();
            for (digest, entries) in listed {
                let Some(blob) = shelf.blob(&digest) else { return Err(Vec::new()) };
                let bytes = blob.into_bytes();
                // What speaks against something does so by every listing by which it holds.
                let holds = entries.iter().any(|entry| {
                    let time = state.entries()[usize::try_from(*entry).unwrap()].time;
                    let trust = state.at(*entry).unwrap().trust();
                    !Evidence::verify(std::slice::from_ref(&bytes), trust, time).is_empty()
                });
                out.extend((holds && digest != approval).then_some(digest));
            }
            Ok(out)
        });
        out.push(format!("{said:?}"));
    }
    out
}

fn questions(story: &Story) -> Vec<(Sha256, BTreeSet<Sha256>)> {
    let handed = BTreeSet::from([Sha256::of(&story.documents[1].1)]);
    let subjects = (0_u8..3).map(|subject| Sha256::of(&[subject]));
    subjects.flat_map(|subject| [(subject, BTreeSet::new()), (subject, handed.clone())]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn what_is_taken_in_once_answers_as_a_walk_over_all_decisions_does(steps in steps()) {
        let mut story = Story::new();
        for step in &steps {
            story.tell(step);
        }
        let plain = story.open();
        let (up, down, shared) = (story.open(), story.open(), story.open());
        shared.prepare(1, 2, &story.world.shelf);
        shared.prepare(0, 2, &story.world.shelf);
        let expected: Vec<Vec<String>> =
            (0..=plain.size()).map(|size| walked(&story, &plain, plain.at(size).unwrap())).collect();
        for (size, expected) in (0..).zip(&expected) {
            prop_assert_eq!(&indexed(&story, up.at(size).unwrap()), expected, "at {}", size);
            prop_assert_eq!(&indexed(&story, shared.at(size).unwrap()), expected, "prepared, at {}", size);
        }
        for size in (0..=plain.size()).rev() {
            let expected = &expected[usize::try_from(size).unwrap()];
            prop_assert_eq!(&indexed(&story, down.at(size).unwrap()), expected, "backwards, at {}", size);
        }
    }
}

#[test]
fn a_rejection_that_held_by_any_decision_that_lists_it_is_heard() {
    let mut story = Story::new();
    let listing =
        |documents| Step::Decision { environment: false, subject: 0, revision: 0, flags: 0, documents, gone: false };
    let rejection = 1 << 1;
    let heard = |story: &Story| {
        let state = story.open();
        let spoken = state.now().spoken_against(
            &About { subject: &Sha256::of(&[1]), repository: None },
            &BTreeSet::new(),
            &story.world.shelf,
        );
        spoken.unwrap().evidence.of_kind(Kind::Review).count()
    };
    story.tell(&Step::Trust);
    story.tell(&listing(rejection));
    assert_eq!(heard(&story), 0, "trust does not know who says no");
    story.tell(&Step::Trust);
    assert_eq!(heard(&story), 0, "nobody has handed it in since trust knows him");
    story.tell(&listing(rejection));
    assert_eq!(heard(&story), 1, "the later listing counts");
    story.tell(&Step::Trust);
    story.tell(&listing(rejection));
    assert_eq!(heard(&story), 1, "and goes on to count, though trust knows him no more");
}

#[test]
fn a_rejection_that_is_gone_from_the_store_keeps_back_until_it_is_brought_back() {
    let mut story = Story::new();
    story.tell(&Step::Decision { environment: false, subject: 0, revision: 0, flags: 0, documents: 2, gone: false });
    let state = story.open();
    let whole = story.world.shelf.clone();
    let digest = Sha256::of(&story.documents[1].1);
    let mut without = Shelf(whole.0.clone());
    without.0.remove(&digest);
    let ask = |given: &BTreeSet<Sha256>, shelf: &Shelf| {
        state.now().spoken_against(&About { subject: &Sha256::of(&[1]), repository: None }, given, shelf)
    };
    assert!(ask(&BTreeSet::new(), &without).is_err());
    assert!(ask(&BTreeSet::from([digest]), &without).is_ok(), "it is handed in");
    assert_eq!(ask(&BTreeSet::new(), &whole).unwrap().evidence.of_kind(Kind::Review).count(), 1, "it was brought back");
}
