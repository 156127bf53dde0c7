//! What an auditor is told of what nobody agreed to, of what was agreed to late, and of what nobody can see any more; and of
//! packages that were altered, cut short, or are older than what was kept. None of that passes.

use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::exception::{Category, Covers, EndAction, Exception, ExceptionEnd};
use countersign_core::finding::{Finding, Verdict, exit_of};
use countersign_core::ids::{EnvName, Origin, PersonId, RuleId, Uri};
use countersign_core::statement::erasure::Erasure;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_flow::audit::{
    self, Answered, Ask, Asking, Opening, OutsideTrust, Profile, Scope, SourceState, Table, Window,
};
use countersign_tests::world::{ORIGIN, REPOSITORY, World};
use countersign_verify::exception::{end_statement, subjects_of};
use std::collections::BTreeSet;
use std::io::Cursor;

const DAY: i64 = 24 * 60 * 60;

/// A world where an emergency let a change through that nobody had reviewed.
pub(crate) struct Fire {
    pub(crate) world: World,
    /// The entry of the decision.
    entry: u64,
    exception: Sha256,
    pub(crate) due: Time,
    base: countersign_core::git::Oid,
    head: countersign_core::git::Oid,
}

impl Fire {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        let roles = "[roles.exception-approvers]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n\
                     [roles.break-glass]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n[environments.production]\n";
        let trust = world.trust_toml(2).replacen("[environments.production]\n", roles, 1);
        world.trust_from_now_on(&trust, &["ada", "ben"]);
        let base = world.tip;
        let (head, landed) = world.land(1);
        let artifact = Sha256::of(b"artifact");
        let documents = world.built(&artifact, &landed, "clean", 3).to_vec();
        let due = world.now.plus(7 * DAY);
        let exception = emergency(&world, artifact, due);
        let statement = Statement::new(Kind::Exception, subjects_of(&exception), &exception).unwrap();
        let payload = Sha256::of(&statement.to_bytes().unwrap());
        let lines = world.lines(&statement, &["cy", "ada", "ben"]);
        let document = world.shelf.put(&lines);
        world.append(Kind::Exception, Some(exception.environment), vec![payload], vec![document], Vec::new());
        world.now = world.now.plus(60);
        let arguments = world.arguments(&artifact, "production", documents);
        let decision = arguments.decide();
        assert!(decision.authorised && decision.break_glass.is_some(), "{:#?}", decision.findings);
        let entry = world.log_ref().size;
        world.record(&arguments, &decision);
        Self { world, entry, exception: payload, due, base, head }
    }

    /// Two persons sign that it was reviewed, so long after it was due.
    pub(crate) fn signed(mut self, after: i64) -> Self {
        self.world.now = self.due.plus(after);
        let end = ExceptionEnd {
            log: Origin::new(ORIGIN).unwrap(),
            exception: self.exception,
            action: EndAction::FollowUp,
            reason: "looked at".to_owned(),
            at: self.world.now,
        };
        let lines = self.world.lines(&end_statement(&end).unwrap(), &["ada", "ben"]);
        let document = self.world.shelf.put(&lines);
        let environment = Some(EnvName::new("production").unwrap());
        self.world.append(Kind::ExceptionEnd, environment, vec![self.exception], vec![document], Vec::new());
        self
    }

    /// The same commits are promoted with their reviews, so long after that was due.
    pub(crate) fn promoted(mut self, after: i64) -> Self {
        self.world.now = self.due.plus(after);
        let artifact = Sha256::of(b"artifact");
        let mut documents = self.world.built(&artifact, &self.world.tip, "clean", 3).to_vec();
        for person in ["ada", "ben"] {
            documents.push(self.world.review(person, &self.base, &self.head, ReviewDecision::Approve));
        }
        let arguments = self.world.arguments(&artifact, "production", documents);
        let decision = arguments.decide();
        assert_eq!((decision.verdict, decision.followed_up.as_slice()), (Verdict::Pass, [self.entry].as_slice()));
        self.world.record(&arguments, &decision);
        self
    }
}

fn emergency(world: &World, artifact: Sha256, due: Time) -> Exception {
    Exception {
        log: Origin::new(ORIGIN).unwrap(),
        category: Category::Emergency,
        control: None,
        rule: RuleId::new("two-party-review@1").unwrap(),
        codes: BTreeSet::new(),
        place: None,
        repository: Uri::new(REPOSITORY).unwrap(),
        environment: EnvName::new("production").unwrap(),
        covers: Covers::Subject(artifact),
        reason: "production is down".to_owned(),
        ticket: None,
        requester: PersonId::new("cy").unwrap(),
        created: world.now,
        expires: world.now.plus(DAY),
        follow_up: Some(due),
    }
}

/// One that a signed review of entry `entry` is erased from, by a statement in the log.
pub(crate) fn erase(world: &mut World, entry: usize) -> Sha256 {
    let review = world
        .shelf
        .0
        .iter()
        .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("dsseEnvelope"))
        .find(|(_, bytes)| {
            let signed = countersign_core::bundle::Signed::parse(bytes);
            let statement = signed.ok().and_then(|signed| Statement::parse(&signed.payload).ok());
            statement.is_some_and(|statement| statement.kind() == Some(Kind::Review))
        })
        .map(|(digest, _)| *digest)
        .expect("a review");
    let erasure = Erasure {
        log: Origin::new(ORIGIN).unwrap(),
        erased: review,
        reason: format!("asked for by whom the review of entry {entry} names"),
        owner: PersonId::new("ada").unwrap(),
        at: world.now,
    };
    let statement = Statement::new(Kind::Erasure, vec![Subject::sha256("evidence", &review)], &erasure).unwrap();
    let lines = world.lines(&statement, &["ada"]);
    let document = world.shelf.put(&lines);
    world.append(Kind::Erasure, None, vec![review], vec![document], Vec::new());
    world.shelf.0.remove(&review);
    review
}

fn outside(world: &World) -> OutsideTrust<'_> {
    OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) }
}

pub(crate) fn open(world: &World, bytes: &[u8], least: Option<&[u8]>) -> Opening {
    audit::open(Box::new(Cursor::new(bytes.to_vec())), Some(outside(world)), least).expect("opened")
}

fn of(world: &World) -> Opening {
    open(world, &pack(world, &Scope::default()), Some(&world.checkpoint()))
}

pub(crate) fn ask(opening: &Opening, id: &str) -> Answered {
    let ask = Ask::default();
    Asking::of(opening).expect("open").answer(id, &ask).expect("an answer")
}

fn cell(table: &Table, row: usize, name: &str) -> String {
    let place = table.columns.iter().position(|column| *column == name).expect("a column");
    table.rows[row].cells[place].clone()
}

pub(crate) fn has(findings: &[Finding], code: countersign_core::finding::Code) -> bool {
    findings.iter().any(|finding| finding.code == code)
}

#[test]
fn an_emergency_that_was_reviewed_late_is_named_with_both_times_and_is_no_pass() {
    let in_time = [ask(&of(&Fire::new().signed(-1).world), "Q06"), ask(&of(&Fire::new().promoted(-1).world), "Q06")];
    for (answered, how) in in_time.iter().zip(["as two persons sign in log entry", "proved by entry"]) {
        assert_eq!(answered.verdict, Verdict::Pass, "{:#?}", answered.findings);
        let state = cell(&answered.table, 0, "state");
        assert!(state.starts_with("reviewed in time, at ") && state.contains(how), "{state}");
    }
    for fire in [Fire::new().signed(DAY), Fire::new().signed(0), Fire::new().promoted(DAY)] {
        let (answered, reviewed) = (ask(&of(&fire.world), "Q06"), fire.world.now);
        assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Fail, 1), "{answered:#?}");
        let late = answered.findings.iter().find(|finding| finding.code == codes::AUDIT_DEVIATION).expect("late");
        assert!(late.what.contains(&fire.due.to_string()) && late.what.contains("late, at 20"), "{}", late.what);
        assert_eq!(late.at, [format!("log entry {}", fire.entry)]);
        assert!(cell(&answered.table, 0, "state").starts_with("reviewed LATE, at 20"), "{answered:#?}");
        assert!(reviewed >= fire.due);
    }
    // Who reviewed in time and signs once more afterwards was in time.
    assert_eq!(ask(&of(&Fire::new().signed(-DAY).signed(DAY).world), "Q06").verdict, Verdict::Pass);
    assert_eq!(ask(&of(&Fire::new().world), "Q06").verdict, Verdict::Pass, "still open, and not due");
}

#[test]
fn a_deployment_that_nobody_agreed_to_is_named_with_its_authors_and_is_no_pass() {
    let fire = Fire::new();
    let opening = of(&fire.world);
    let answered = ask(&opening, "Q03");
    assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Fail, 1), "{answered:#?}");
    let said = answered.findings.iter().find(|finding| finding.code == codes::AUDIT_DEVIATION).expect("named");
    assert!(said.what.contains("without agreement") && said.what.contains("emergency (E-"), "{}", said.what);
    assert!(!answered.table.rows.is_empty());
    for row in 0..answered.table.rows.len() {
        assert!(["change", "authors"].iter().all(|name| !cell(&answered.table, row, name).is_empty()), "{answered:#?}");
        assert_eq!(cell(&answered.table, row, "reviewers"), "nobody");
        assert!(cell(&answered.table, row, "approved before").starts_with("NO: an emergency (E-"), "{answered:#?}");
    }
    let changes: Vec<String> = (0..answered.table.rows.len()).map(|row| cell(&answered.table, row, "change")).collect();
    assert!(changes.contains(&fire.head.to_string()), "{changes:?}");
    let (chain, findings) = Asking::of(&opening).expect("open").show(&fire.entry.to_string()).expect("a chain");
    assert!(has(&findings, codes::AUDIT_DEVIATION) && exit_of(&findings).code() == 1);
    assert!(
        chain.text().contains("an emergency (E-") && !chain.text().contains("agreement\n  none"),
        "{}",
        chain.text()
    );
}

#[test]
fn agreement_that_was_erased_is_withheld_and_not_shown_as_none_or_as_a_pass() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let entry = world.log_ref().size - 1;
    let whole = ask(&of(&world), "Q03");
    assert_eq!((whole.verdict, whole.missing.len()), (Verdict::Indeterminate, 2), "what nobody collects: {whole:#?}");
    let review = erase(&mut world, usize::try_from(entry).unwrap());
    let opening = of(&world);
    let answered = ask(&opening, "Q03");
    assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Indeterminate, 3), "{answered:#?}");
    assert!(answered.missing.iter().any(|what| what.contains("withheld") && what.contains(&review.to_string())));
    let before = cell(&answered.table, 0, "approved before");
    assert!(before.starts_with("not shown: withheld") && !before.contains("every signature"), "{before}");
    let (chain, findings) = Asking::of(&opening).expect("open").show(&entry.to_string()).expect("a chain");
    assert!(has(&findings, codes::EVIDENCE_WITHHELD) && exit_of(&findings).code() == 3, "{findings:#?}");
    assert!(chain.text().contains("withheld: review"), "{}", chain.text());
    assert!(chain.text().contains("agreed cannot be told: evidence of it was erased"), "{}", chain.text());
    assert!(!chain.text().contains("nobody"), "{}", chain.text());
}

#[test]
fn what_a_package_of_facts_cannot_show_of_agreement_it_says_and_is_indeterminate() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let facts = pack(&world, &Scope { profile: Profile::FactsOnly, ..Scope::default() });
    let opening = open(&world, &facts, Some(&world.checkpoint()));
    let answered = ask(&opening, "Q03");
    assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Indeterminate, 3), "{answered:#?}");
    assert_eq!(cell(&answered.table, 0, "reviewers"), "not shown");
    assert!(cell(&answered.table, 0, "approved before").contains("not in the package: 1 git-objects"), "{answered:#?}");
    let entry = world.log_ref().size - 1;
    let (_, findings) = Asking::of(&opening).expect("open").show(&entry.to_string()).expect("a chain");
    assert_eq!(exit_of(&findings).code(), 3, "{findings:#?}");
}

#[test]
fn what_an_emergency_let_through_is_walked_by_git_and_is_no_link_of_the_chain() {
    let opening = of(&Fire::new().world);
    let (reconciled, findings) = Asking::of(&opening).expect("open").reconcile(&Window::default());
    assert!(findings.iter().all(|finding| !finding.class.blocks()), "{findings:#?}");
    let of = |name: &str| reconciled.sources.iter().find(|row| row.source == name).expect(name);
    let git = of("git first parents");
    assert_eq!((git.state, git.accounts_for), (SourceState::Holds, 1), "{git:#?}");
    let chain = of("deployment chain");
    assert_eq!((chain.state, chain.accounts_for), (SourceState::NotCollected, 0), "{chain:#?}");
    assert!(chain.detail.contains("1 promotions went without proved review"), "{}", chain.detail);
    assert_eq!((reconciled.in_all, reconciled.in_git, reconciled.log_only), (0, 1, 0));
    assert!(ask(&opening, "Q05").notes.iter().any(|note| note.starts_with("git first parents: holds")));
}

#[test]
fn a_list_that_is_cut_is_an_alteration_though_the_index_was_made_to_fit() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let bytes = pack(&world, &Scope::default());
    let opened = open(&world, &bytes, Some(&world.checkpoint()));
    for id in ["Q22", "Q23"] {
        assert_eq!(ask(&opened, id).verdict, Verdict::Pass, "{:#?}", ask(&opened, id).findings);
    }
    let mut files = countersign_record::package::read(&bytes).expect("files");
    let list = "populations/deployments.csv";
    let cut = files[list].iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    files.get_mut(list).expect("a list").truncate(cut);
    countersign_tests::tamper::reindex(&mut files);
    let altered = countersign_record::package::write(&files).expect("a package");
    let opened = open(&world, &altered, Some(&world.checkpoint()));
    for id in ["Q22", "Q23"] {
        let answered = ask(&opened, id);
        assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Fail, 4), "{id}");
        assert!(
            answered.findings.iter().any(|f| f.code == codes::PACKAGE_FILE_ALTERED && f.at.contains(&list.to_owned())),
            "{answered:#?}"
        );
    }
}

#[test]
fn without_a_checkpoint_that_was_kept_nothing_is_said_to_be_complete() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let bytes = pack(&world, &Scope::default());
    let (kept, not) = (open(&world, &bytes, Some(&world.checkpoint())), open(&world, &bytes, None));
    for id in ["Q01", "Q03", "Q12"] {
        assert!(ask(&not, id).completeness.contains("NOT proved"), "{id}");
        assert!(!ask(&kept, id).completeness.contains("NOT proved"), "{id}");
        assert!(has(&ask(&not, id).findings, codes::LOG_END_UNPROVEN), "{id}");
    }
    let page = |opening: &Opening| Asking::of(opening).expect("open").report(&Ask::default()).expect("a report").0;
    assert!(page(&not).contains("as far as the log goes here") && !page(&not).contains("<dt>complete</dt>"));
    assert!(page(&kept).contains("<dt>complete</dt>"));
}

#[test]
fn nothing_found_is_no_success_of_any_verb() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let opening = of(&world);
    let asking = Asking::of(&opening).expect("open");
    let window = Window { services: ["nosuch".to_owned()].into(), ..Window::default() };
    let ask = Ask { window: window.clone(), ..Ask::default() };
    let all = [
        ("reconcile", asking.reconcile(&window).1),
        ("population", asking.population("deployments", &window).expect("a list").1),
        ("decisions", asking.population("decisions", &window).expect("a list").1),
        ("populations", asking.populations(&window).1),
        ("report", asking.report(&ask).expect("a report").1),
        ("sample", asking.sample(2, "seed", &window).1),
    ];
    for (verb, findings) in all {
        assert_eq!(exit_of(&findings).code(), 3, "{verb}: {findings:#?}");
    }
    let none = asking.population("exceptions", &Window::default()).expect("a list");
    assert_eq!((none.0.header.rows, exit_of(&none.1).code()), (0, 0), "no exception is an answer");
}

#[test]
fn the_older_of_two_packages_is_shown_by_the_newer_and_need_not_reach_the_checkpoint() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let old = pack(&world, &Scope::default());
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let new = pack(&world, &Scope::default());
    let kept = world.checkpoint();
    let source = |bytes: &[u8]| Box::new(Cursor::new(bytes.to_vec()));
    let trust = world.clone();
    let compare = |one: &[u8], other: &[u8], least: Option<&[u8]>| {
        let (one, other) = audit::open_two(source(one), source(other), Some(outside(&trust)), least).expect("opened");
        let found = one.report.findings.iter().chain(&other.report.findings).cloned().collect();
        audit::diff(one.opened.as_ref().unwrap(), other.opened.as_ref().unwrap(), false, found)
    };
    for (one, other) in [(&old, &new), (&new, &old)] {
        let found = compare(one, other, Some(&kept));
        assert_eq!((found.verdict, found.exit.code()), (Verdict::Pass, 0), "{:#?}", found.findings);
        assert!(has(&compare(one, other, None).findings, codes::LOG_END_UNPROVEN));
    }
    assert_eq!(compare(&old, &old, Some(&kept)).exit.code(), 4, "two that both end too early");
    assert!(world.promote_next(2).verdict == Verdict::Pass);
    let later = world.checkpoint();
    let found = compare(&old, &new, Some(&later));
    assert!(has(&found.findings, codes::LOG_ROLLED_BACK) && found.exit.code() == 4, "the newer one ends too early");
}
