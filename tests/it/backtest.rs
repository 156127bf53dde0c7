//! Past decisions under a release that was not active: what comes out otherwise, what cannot be told, and that nothing of it
//! authorises anything.

use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::ids::EnvName;
use countersign_core::policy::{BACKTEST, Manifest, SOURCE_FILE};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_decide::{ElsewhereBy, Given, TrustGiven, decide};
use countersign_flow::backtest::{Backtest, BacktestReport, BacktestRequest, Change, Since, backtest};
use countersign_flow::outside::TrustFile;
use countersign_flow::place::Place;
use countersign_tests::world::{World, policy_toml};
use countersign_verify::policy::verify_release;
use countersign_verify::trust::verify_trust;
use countersign_verify::{Evidence, History, LogState, Supposed};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

struct Past {
    world: World,
    first: Manifest,
}

fn manifest(text: &str) -> Manifest {
    Manifest::close(&BTreeMap::from([(SOURCE_FILE.to_owned(), text.as_bytes().to_vec())])).unwrap()
}

impl Past {
    /// Three decisions for production that passed.
    fn new() -> Self {
        let mut world = World::new();
        let first = manifest(&policy_toml(&world.start));
        for number in 0..3 {
            assert_eq!(world.promote_next(number).verdict, Verdict::Pass);
        }
        Self { world, first }
    }

    /// The next release, with something replaced.
    fn next(&self, from: &str, to: &str) -> Manifest {
        let text = policy_toml(&self.first.sources[0].start.unwrap());
        assert!(text.contains(from), "{from}");
        manifest(&text.replace("version = 1\n", "version = 2\n").replace(from, to))
    }

    fn run(&self, manifest: &Manifest, ask: impl FnOnce(&mut BacktestRequest<'_>)) -> Backtest {
        let folder = tempfile::tempdir().unwrap();
        self.world.write_store(&folder.path().join("store"));
        let trust = folder.path().join("trust");
        std::fs::write(&trust, &self.world.trust).unwrap();
        let at = self.world.now.plus(60);
        let trust = TrustFile::read(&trust, Some(self.world.trust_digest), at).unwrap();
        let place = Place::new(&folder.path().join("store"));
        let mut request = BacktestRequest {
            manifest: manifest.clone(),
            trust: &trust,
            place: &place,
            least_checkpoint: None,
            since: None,
            environment: None,
            stages_at: None,
            seed: 7,
            most: 100,
            threads: NonZeroUsize::MIN,
            at,
        };
        ask(&mut request);
        backtest(&request).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "a pipe tells when it is read")]
#[test]
fn a_backtest_beside_a_gate_reads_what_was_kept_before_the_log() {
    let mut past = Past::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    past.world.write_store(&path("store"));
    assert_eq!(past.world.promote_next(3).verdict, Verdict::Pass);
    past.world.write_store(&path("grown"));
    std::fs::write(path("trust"), &past.world.trust).unwrap();
    // A pipe tells when it is read: only then the log grows, and what is kept is of the log that has grown.
    let (pipe, newer) = (path("least"), past.world.checkpoint());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let at = past.world.now.plus(60);
    let trust = TrustFile::read(&path("trust"), Some(past.world.trust_digest), at).unwrap();
    let place = Place::new(&path("store"));
    let request = BacktestRequest {
        manifest: past.first.clone(),
        trust: &trust,
        place: &place,
        least_checkpoint: Some(&pipe),
        since: None,
        environment: None,
        stages_at: None,
        seed: 7,
        most: 100,
        threads: NonZeroUsize::MIN,
        at,
    };
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut kept = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
            std::fs::rename(path("store"), path("before")).unwrap();
            std::fs::rename(path("grown"), path("store")).unwrap();
            std::io::Write::write_all(&mut kept, &newer).unwrap();
        });
        backtest(&request).unwrap()
    });
    let set_back = found.findings.iter().any(|finding| finding.code.as_str() == "log-rolled-back");
    assert!(!set_back, "{:#?}", found.findings);
    assert_eq!(found.report.decisions.seen, 4);
}

#[test]
fn the_same_release_again_gives_an_empty_difference() {
    let past = Past::new();
    let run = past.run(&past.first, |_| {});
    let counts = run.report.decisions;
    assert_eq!((counts.seen, counts.same), (3, 3));
    assert!(run.report.changed.is_empty() && run.report.top_findings.is_empty() && run.sample.findings.is_empty());
    assert!(run.report.rules.iter().all(|rule| rule.newly_broken == 0 && rule.newly_holds == 0 && rule.errors == 0));
}

#[test]
fn a_stricter_release_names_who_would_be_refused_by_which_rule_and_the_bytes_are_the_same_on_any_number_of_threads() {
    let past = Past::new();
    let stricter = past.next("least = 2", "least = 3");
    let run = past.run(&stricter, |_| {});
    let counts = run.report.decisions;
    assert_eq!((counts.seen, counts.newly_refused), (3, 3));
    assert_eq!(run.report.services.len(), 1);
    assert_eq!(run.report.services[0].decisions.newly_refused, 3);
    let broken: Vec<&str> =
        run.report.rules.iter().filter(|rule| rule.newly_broken == 3).map(|rule| rule.name.as_str()).collect();
    assert_eq!(broken, ["builder-level"]);
    assert!(run.report.changed.iter().all(|row| row.because == ["rule builder-level@1"]), "{:#?}", run.report.changed);
    assert_eq!((run.sample.of, run.sample.findings.len()), (3, 3));
    for threads in [2, 3, 8] {
        let again = past.run(&stricter, |request| request.threads = NonZeroUsize::new(threads).unwrap());
        assert_eq!(again.bytes, run.bytes, "{threads} threads");
        assert_eq!(again.sample, run.sample);
    }
}

#[test]
fn what_a_later_step_of_a_ladder_would_refuse_is_said_with_the_stages_of_its_date() {
    let past = Past::new();
    let climbing = past.next(
        "id = \"builder-level@1\"\ncontrols = [\"SOC 2 CC8.1\"]\nstages = { production = \"enforce\", staging = \"warn\" }\nparameters = { least = 2 }",
        "id = \"builder-level@1\"\ncontrols = [\"SOC 2 CC8.1\"]\nstages = { production = [{ stage = \"warn\", from = \"2026-01-01T00:00:00Z\" }, \
         { stage = \"enforce\", from = \"2027-06-01T00:00:00Z\" }], staging = \"warn\" }\nparameters = { least = 3 }",
    );
    let because = |report: &BacktestReport| {
        assert_eq!(report.decisions.newly_refused, 3, "{:#?}", report.changed);
        report.changed.iter().flat_map(|row| row.because.clone()).collect::<BTreeSet<String>>()
    };
    let later = |day: &str| {
        let moment = format!("{day}T00:00:00Z").parse().unwrap();
        past.run(&climbing, |request| request.stages_at = Some(moment)).report
    };
    // Until the rule enforces, it is the floor of trust that is not met, and then it is the rule itself.
    let now = past.run(&climbing, |_| {}).report;
    assert_eq!(because(&now), BTreeSet::from(["policy-below-floor".to_owned()]));
    assert_eq!(because(&later("2027-05-31")), because(&now));
    let then = later("2027-06-01");
    assert_eq!(because(&then), BTreeSet::from(["rule builder-level@1".to_owned()]));
    assert_eq!((&then.release, now.stages_at), (&now.release, None), "it is the same release, looked at later");
}

#[test]
fn a_rule_that_only_watches_changes_no_decision_and_its_findings_are_in_the_sample() {
    let past = Past::new();
    let warning = past.next(
        "id = \"builder-level@1\"\ncontrols = [\"SOC 2 CC8.1\"]\nstages = { production = \"enforce\", staging = \"warn\" }\nparameters = { least = 2 }",
        "id = \"builder-level@1\"\ncontrols = [\"SOC 2 CC8.1\"]\nstages = { production = \"monitor\", staging = \"warn\" }\nparameters = { least = 3 }",
    );
    let run = past.run(&warning, |_| {});
    // The floor of trust for production asks for the builder's level: that is a check, and not this rule.
    assert_eq!(run.report.decisions.newly_refused, 3);
    assert!(run.report.changed.iter().all(|row| row.because == ["policy-below-floor"]), "{:#?}", run.report.changed);
    let rule = run.report.rules.iter().find(|rule| rule.name == "builder-level").unwrap();
    assert_eq!((rule.newly_broken, rule.new_findings, run.sample.of), (3, 3, 3));
}

#[test]
fn what_cannot_be_run_again_is_counted_with_its_reason_and_never_left_out() {
    let mut past = Past::new();
    let entry = past.world.entries.len() - 2;
    let read = countersign_core::entry::Entry::parse(&past.world.entries[entry]).unwrap();
    // The git evidence of the second decision is lost.
    past.world.shelf.0.remove(&read.evidence[1]).expect("the git evidence");
    let run = past.run(&past.first, |_| {});
    let counts = run.report.decisions;
    assert_eq!((counts.seen, counts.same, counts.not_replayable), (3, 2, 1));
    let [row] = run.report.not_replayable.as_slice() else { panic!("{:#?}", run.report.not_replayable) };
    assert_eq!((row.code.as_str(), row.decisions), ("package-evidence-missing", 1));
    assert_eq!(row.first_entry, u64::try_from(entry).unwrap());
}

#[test]
fn nothing_in_question_is_no_result() {
    let past = Past::new();
    for ask in [
        |request: &mut BacktestRequest<'_>| request.since = Some(Since::Time("2030-01-01T00:00:00Z".parse().unwrap())),
        |request: &mut BacktestRequest<'_>| request.environment = Some(EnvName::new("staging").unwrap()),
    ] {
        let run = past.run(&past.first, ask);
        assert_eq!(run.report.decisions.seen, 0);
        assert!(run.findings.iter().any(|finding| finding.code.as_str() == "backtest-empty"), "{:#?}", run.findings);
    }
    assert_eq!(past.run(&past.first, |request| request.since = Some(Since::Days(1))).report.decisions.seen, 3);
}

#[test]
fn a_sample_is_drawn_by_its_seed_and_not_by_the_order() {
    let past = Past::new();
    let stricter = past.next("least = 2", "least = 3");
    let draw = |seed| past.run(&stricter, |request| (request.seed, request.most) = (seed, 1)).sample;
    assert_eq!(draw(1), draw(1));
    assert_eq!((draw(1).findings.len(), draw(1).of), (1, 3));
    let drawn: BTreeSet<Sha256> = (0..20).map(|seed| draw(seed).findings[0].finding).collect();
    assert_eq!(drawn.len(), 3, "each is drawn by some seed");
}

#[test]
fn a_looser_release_names_who_would_be_allowed() {
    let mut world = World::new();
    let first = manifest(&policy_toml(&world.start));
    let (_, landed) = world.land(0);
    let artifact = Sha256::of(b"artifact");
    let documents = world.built(&artifact, &landed, "dirty", 3).to_vec();
    let arguments = world.arguments(&artifact, "staging", documents);
    let decision = arguments.decide();
    world.record(&arguments, &decision);
    let past = Past { world, first };
    let enforced = past.next("staging = \"warn\"", "staging = \"enforce\"");
    let run = past.run(&enforced, |_| {});
    assert_ne!(decision.verdict, Verdict::Pass);
    assert_eq!(run.report.decisions.same + run.report.decisions.refused_otherwise, 1, "{:#?}", run.report.decisions);
    assert_eq!(run.report.decisions.of(Change::NewlyAllowed), 0);
    let sbom_only =
        "id = \"sbom-present@1\"\ncontrols = [\"SOC 2 CC8.1\"]\nstages = { production = \"enforce\", staging = \"";
    let looser = past.next(&format!("{sbom_only}warn"), &format!("{sbom_only}enforce"));
    assert_eq!(past.run(&looser, |_| {}).report.decisions.newly_allowed, 1);
}

#[test]
fn a_decision_under_a_release_that_is_only_supposed_to_be_active_authorises_nothing() {
    let mut world = World::new();
    let first = manifest(&policy_toml(&world.start));
    let base = world.tip;
    let (head, landed) = world.land(0);
    let artifact = Sha256::of(b"artifact");
    let mut documents = world.built(&artifact, &landed, "clean", 3).to_vec();
    for person in ["ada", "ben"] {
        let approve = countersign_core::statement::review::ReviewDecision::Approve;
        documents.push(world.review(person, &base, &head, approve));
    }
    let arguments = world.arguments(&artifact, "production", documents);
    let honest = arguments.decide();
    assert!(honest.verdict == Verdict::Pass && honest.authorised, "{:#?}", honest.findings);

    let at = arguments.request.time;
    let outcome = verify_trust(&arguments.trust, arguments.trust_digest.as_ref(), at);
    let trust = outcome.trust.as_ref().unwrap();
    let log = LogState::open(arguments.checkpoint.as_ref().unwrap(), &arguments.entries, trust, &arguments.shelf, at);
    let state = log.state.as_ref().unwrap();
    let environment = EnvName::new("production").unwrap();
    let supposed = Supposed::of(first, &environment, (state.size(), at), None).unwrap();
    let evidence = Evidence::verify(&arguments.documents, trust, at);
    let git = countersign_core::git::evidence::Evidence::parse(arguments.git.as_ref().unwrap()).unwrap();
    let history = History::of(&git);
    let decision = decide(
        &arguments.request,
        &Given {
            trust: TrustGiven { outcome: &outcome, digest: arguments.trust_digest.as_ref() },
            state: Some(state.now().supposing(&supposed)),
            log_findings: &[],
            log_checks: &[],
            least_checkpoint: arguments.least.clone(),
            witnessed: None,
            pin: arguments.pin.clone(),
            evidence: Some(&evidence),
            index: Some(evidence.index().to_vec()),
            history: Some(&history),
            git: arguments.git.as_deref().map(Sha256::of),
            blobs: &arguments.shelf,
            elsewhere: ElsewhereBy::TheirRelease,
        },
    );
    assert_eq!(decision.verdict, Verdict::Pass, "{:#?}", decision.findings);
    assert!(!decision.authorised);
    assert!(decision.findings.iter().any(|finding| finding.code.as_str() == "decision-supposed"));
}

#[test]
fn an_approval_names_one_report_by_its_digest_or_none() {
    let past = Past::new();
    let world = &past.world;
    let release = Subject::sha256(past.first.uri.as_str(), &past.first.digest().unwrap());
    let report = |text: &[u8]| Subject::sha256(BACKTEST, &Sha256::of(text));
    let other = Subject::git(BACKTEST, "gitCommit", &"0".repeat(40));
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), world.now).trust.unwrap();
    let verify = |subjects: Vec<Subject>| {
        let statement = Statement::new(Kind::PolicyRelease, subjects, &past.first).unwrap();
        let bytes = world.lines(&statement, &["ada", "ben"]);
        verify_release(&bytes, trust.trust(), trust.trust(), world.now, "here").map(|held| held.backtest().copied())
    };
    assert_eq!(verify(vec![release.clone()]).unwrap(), None);
    assert_eq!(verify(vec![release.clone(), report(b"a")]).unwrap(), Some(Sha256::of(b"a")));
    for wrong in [vec![release.clone(), report(b"a"), report(b"b")], vec![release, other]] {
        let findings = verify(wrong).unwrap_err();
        assert_eq!(findings[0].code.as_str(), "policy-malformed", "{findings:#?}");
    }
}
