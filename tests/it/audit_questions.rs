//! What an auditor asks of a package: every answer proves its rows, says what is missing, and comes out the same again.

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::log::merkle::leaf_hash;
use countersign_flow::audit::{
    self, Answered, Ask, Asking, Opening, OutsideTrust, Profile, Scope, SourceState, Window,
};
use countersign_flow::place::Place;
use countersign_tests::tamper::Stage;
use countersign_tests::world::World;
use std::io::Cursor;
use std::sync::LazyLock;

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

fn open_of(world: &World, bytes: &[u8]) -> Opening {
    let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    audit::open(Box::new(Cursor::new(bytes.to_vec())), Some(outside), Some(&world.checkpoint())).expect("opened")
}

fn open() -> Opening {
    open_of(&STAGE.world, &STAGE.bytes)
}

fn all() -> Ask {
    Ask { seed: Some("seed".to_owned()), n: Some(2), ..Ask::default() }
}

fn answer(id: &str) -> Answered {
    Asking::of(&open()).expect("open").answer(id, &all()).expect("an answer")
}

pub(crate) fn pack(world: &World, scope: &Scope) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    world.write_store_at_once(folder.path());
    let mut bytes = Vec::new();
    audit::export_to(&Place::new(folder.path()), scope, &mut bytes).expect("a package");
    bytes
}

#[test]
fn every_question_has_an_answer_and_each_row_names_an_entry_and_documents_that_are_there() {
    let opening = open();
    let asking = Asking::of(&opening).expect("open");
    let shelf = &STAGE.world.shelf.0;
    for question in audit::questions() {
        let answered = asking.answer(question.id, &all()).expect("an answer");
        assert!(!answered.completeness.is_empty() && answered.log.size == 10, "{}", question.id);
        for row in &answered.table.rows {
            assert_eq!(row.cells.len(), answered.table.columns.len(), "{}", question.id);
            let entry = &STAGE.world.entries[usize::try_from(row.proof.entry).unwrap()];
            assert_eq!(row.proof.leaf, leaf_hash(entry), "{}", question.id);
            assert!(!row.proof.documents.is_empty(), "{}", question.id);
            assert!(row.proof.documents.iter().all(|digest| shelf.contains_key(digest)), "{}", question.id);
        }
        let lacking = answered.findings.iter().any(|finding| finding.code == codes::AUDIT_EVIDENCE_ABSENT);
        assert_eq!(lacking, !answered.missing.is_empty(), "{}", question.id);
        if !question.not_collected.is_empty() {
            assert_ne!(answered.verdict, Verdict::Pass, "{}: {:?}", question.id, answered.missing);
            assert!(answered.missing.len() >= question.not_collected.len(), "{}", question.id);
        }
    }
}

#[test]
fn a_question_that_nobody_collects_for_is_indeterminate_and_ends_with_3() {
    for id in ["Q07", "Q14", "Q18", "Q24"] {
        let answered = answer(id);
        assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Indeterminate, 3), "{id}");
        assert!(answered.table.rows.is_empty() && !answered.missing.is_empty());
    }
}

#[test]
fn the_population_of_promotions_is_whole_and_says_which_sources_nobody_collected() {
    let answered = answer("Q01");
    assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Pass, 0), "{:#?}", answered.findings);
    assert_eq!(answered.table.rows.len(), 4);
    let notes = answered.notes.join("\n");
    for source in ["runtime snapshots: not collected", "forge activity: not collected", "deployment chain: holds"] {
        assert!(notes.contains(source), "{notes}");
    }
}

#[test]
fn what_went_out_with_an_exception_is_listed_as_one_and_ends_with_1() {
    let answered = answer("Q12");
    assert_eq!((answered.verdict, answered.exit.code()), (Verdict::Fail, 1));
    assert_eq!(answered.table.rows.len(), 1);
    assert_eq!(answered.table.rows[0].proof.entry, 7);
    let exceptions = answer("Q11");
    assert_eq!((exceptions.verdict, exceptions.exit.code()), (Verdict::Fail, 1), "{:#?}", exceptions.findings);
    assert!(
        exceptions.findings.iter().any(|one| one.what.ends_with("was needed: uses 7")),
        "{:#?}",
        exceptions.findings
    );
    let uses = exceptions.table.columns.iter().position(|name| *name == "uses").expect("a column");
    assert_eq!(exceptions.table.rows[0].cells[uses], "7");
    let episodes = answer("Q10");
    assert!(episodes.table.rows.iter().any(|row| row.cells[0] == "source-clean@1"), "{:?}", episodes.table);
}

#[test]
fn an_item_names_authors_and_reviewers_as_they_are_proved() {
    let opening = open();
    let ask = Ask { items: vec![9], ..Ask::default() };
    let answered = Asking::of(&opening).expect("open").answer("Q03", &ask).expect("an answer");
    assert_eq!(answered.table.rows.len(), 1, "{answered:#?}");
    let cell = |name: &str| {
        let place = answered.table.columns.iter().position(|column| *column == name).expect("a column");
        answered.table.rows[0].cells[place].clone()
    };
    assert!(cell("reviewers").contains("ada (T3)") && cell("reviewers").contains("ben (T3)"), "{answered:#?}");
    assert!(cell("authors").contains("unknown"), "nobody signed the commit: {}", cell("authors"));
    let gone = Asking::of(&opening).expect("open").answer("Q03", &Ask { items: vec![77], ..Ask::default() });
    assert_eq!(gone.expect_err("no such entry").to_string(), "--item 77: the log has 10 entries, numbered from 0");
}

#[test]
fn items_are_drawn_by_a_seed_that_whoever_is_audited_does_not_know() {
    let opening = open();
    let of = |n: Option<usize>, seed: Option<&str>| {
        let ask = Ask { n, seed: seed.map(str::to_owned), ..Ask::default() };
        Asking::of(&opening).expect("open").answer("Q03", &ask).expect("an answer")
    };
    let known = of(Some(2), None);
    assert_eq!((known.exit.code(), known.table.rows.len()), (3, 0), "{known:#?}");
    assert!(format!("{:?}", known.findings).contains("--seed"), "{known:#?}");
    assert!(!of(Some(2), Some("ours")).table.rows.is_empty());
    let all = of(None, None);
    assert!(all.notes.iter().any(|note| note == "all of 4"), "{all:#?}");
}

#[test]
fn a_sample_is_drawn_again_by_anybody_who_can_hash() {
    let opening = open();
    let asking = Asking::of(&opening).expect("open");
    let (sample, findings) = asking.sample(2, "audit 2026", &Window::default());
    assert!(findings.iter().all(|finding| !finding.class.blocks()), "{findings:#?}");
    assert_eq!(sample, asking.sample(2, "audit 2026", &Window::default()).0);
    assert_eq!((sample.population, sample.table.rows.len(), sample.strata.len()), (4, 2, 2));
    let root = STAGE.world.log_ref().root;
    let order = |entry: u64| Sha256::of(format!("audit 2026\n{root}\n{entry}").as_bytes());
    let mut standard = [4_u64, 8, 9];
    standard.sort_by_key(|entry| order(*entry));
    let drawn: Vec<u64> = sample.table.rows.iter().map(|row| row.proof.entry).collect();
    // One of the stratum of three, and the only one of the stratum with an exception.
    assert!(drawn.contains(&7) && drawn.contains(&standard[0]), "{drawn:?} {standard:?}");
    let others: Vec<_> = (0..20).map(|n| asking.sample(2, &format!("seed {n}"), &Window::default()).0.table).collect();
    assert!(others.iter().any(|table| *table != sample.table), "every seed draws the same");
    let none = Window { to: Some("2000-01-01T00:00:00Z".parse().unwrap()), ..Window::default() };
    assert!(asking.sample(2, "s", &none).1.iter().any(|finding| finding.code == codes::AUDIT_EVIDENCE_ABSENT));
}

#[test]
fn the_chain_of_a_deployment_is_shown_from_change_to_decision_and_as_a_picture() {
    let opening = open();
    let asking = Asking::of(&opening).expect("open");
    let (chain, _) = asking.show("9").expect("a chain");
    for stage in ["change", "review", "build", "policy", "decision"] {
        assert!(chain.links.iter().any(|link| link.stage == stage), "{stage}: {}", chain.text());
    }
    assert!(chain.text().contains("ada (T3), ben (T3)"), "{}", chain.text());
    let svg = chain.picture().svg();
    assert!(svg.starts_with("<svg") && svg.contains("ada (T3), ben (T3)"), "{svg}");
    let by_digest = asking.show(&chain.digest.hex().chars().take(12).collect::<String>()).expect("a chain").0;
    assert_eq!(by_digest.proof.entry, 9);
    assert!(asking.show("abc").is_err() && asking.show("ffffffffffff").is_err());
}

#[test]
fn lists_are_those_of_the_package_and_made_again_from_it() {
    let files = countersign_record::package::read(&STAGE.bytes).expect("files");
    let opening = open();
    let asking = Asking::of(&opening).expect("open");
    let (all, _) = asking.populations(&Window::default());
    assert!(all.len() >= 7);
    for population in all {
        let name = population.header.name;
        let packed = &files[&format!("populations/{name}.csv")];
        assert_eq!(population.table.csv().as_bytes(), packed.as_slice(), "{name}");
        assert_eq!(population.header.csv, Sha256::of(packed), "{name}");
    }
    assert!(asking.population("nothing", &Window::default()).is_err());
}

#[test]
fn sources_of_completeness_that_nobody_collected_are_named_and_not_assumed() {
    let opening = open();
    let (reconciliation, findings) = Asking::of(&opening).expect("open").reconcile(&Window::default());
    assert!(findings.iter().all(|finding| !finding.class.blocks()), "{findings:#?}");
    let state = |name: &str| reconciliation.sources.iter().find(|row| row.source == name).expect(name).state;
    assert_eq!(state("log indexes"), SourceState::Holds);
    assert_eq!(state("deployment chain"), SourceState::Holds);
    assert_eq!(state("git first parents"), SourceState::Holds);
    assert_eq!(state("runtime snapshots"), SourceState::NotCollected);
    assert_eq!((reconciliation.deployments, reconciliation.in_all, reconciliation.unexplained), (4, 4, 0));
    let facts = pack(&STAGE.world, &Scope { profile: Profile::FactsOnly, ..Scope::default() });
    let opening = open_of(&STAGE.world, &facts);
    let (without, _) = Asking::of(&opening).expect("open").reconcile(&Window::default());
    let git = without.sources.iter().find(|row| row.source == "git first parents").expect("git");
    assert_eq!(git.state, SourceState::NotCollected);
}

#[test]
fn the_report_has_every_question_and_no_script_and_escapes_what_others_wrote() {
    let opening = open();
    let (page, _) = Asking::of(&opening).expect("open").report(&all()).expect("a report");
    for question in audit::questions() {
        assert!(page.contains(&format!("<h2>{}: ", question.id)), "{}", question.id);
    }
    assert!(!page.contains("<script") && page.contains("@media print") && page.contains("default-src 'none'"));
    let files = countersign_record::package::read(&STAGE.bytes).expect("files");
    let inside = String::from_utf8(files["index.html"].clone()).expect("text");
    assert!(!inside.contains("<script") && inside.contains("Promotions that were authorised"));
}

#[test]
fn a_part_of_the_record_keeps_the_log_whole_and_counts_what_it_leaves_out() {
    let world = &STAGE.world;
    let from = countersign_core::entry::Entry::parse(&world.entries[8]).unwrap().time;
    let window = Window { from: Some(from), ..Window::default() };
    let scope = Scope { window, ..Scope::default() };
    let bytes = pack(world, &scope);
    assert_eq!(bytes, pack(world, &scope), "the same log and scope make the same bytes");
    assert!(bytes.len() < STAGE.bytes.len());
    let report = STAGE.check(&bytes);
    assert_eq!(report.decisions.iter().map(|row| row.entry).collect::<Vec<_>>(), [8, 9], "{:#?}", report.findings);
    let left_out = report.left_out.expect("counted");
    assert!(left_out.documents > 0 && left_out.entries == ["4..5", "7..7"], "{left_out:?}");
    assert!(report.findings.iter().any(|finding| finding.code == codes::PACKAGE_SCOPED));
    let elsewhere = Window { services: ["another".to_owned()].into(), ..Window::default() };
    let none = STAGE.check(&pack(world, &Scope { window: elsewhere, ..Scope::default() }));
    assert_eq!(countersign_core::finding::exit_of(&none.findings).code(), 3, "no decision is not a pass");
}

#[test]
fn two_packages_of_one_log_differ_by_what_was_added_and_a_fork_is_found() {
    let mut later = STAGE.world.clone();
    drop(later.promote_next(50));
    let (first, second) = (open(), open_of(&later, &pack(&later, &Scope::default())));
    let found = audit::diff(first.opened.as_ref().unwrap(), second.opened.as_ref().unwrap(), false, Vec::new());
    assert_eq!((found.verdict, found.exit.code()), (Verdict::Pass, 0));
    assert_eq!(found.entries_added.get("promotion-decision"), Some(&1));
    assert!(found.logs.contains("goes on") && !found.documents_only_second.is_empty());
    assert!(
        found.words().contains("list deployments: 0 rows only in the first, 1 only in the second"),
        "{}",
        found.words()
    );
    let mut other = STAGE.world.clone();
    other.entries.truncate(9);
    drop(other.promote_next(51));
    let third = open_of(&other, &pack(&other, &Scope::default()));
    let forked = audit::diff(first.opened.as_ref().unwrap(), third.opened.as_ref().unwrap(), false, Vec::new());
    assert_eq!(forked.exit.code(), 4);
    assert!(forked.findings.iter().any(|f| f.code == codes::LOG_FORKED && f.at.contains(&"log entry 9".to_owned())));
}

#[test]
fn two_packages_of_one_log_that_was_cosigned_again_differ_by_that_and_neither_is_called_altered() {
    let world = &STAGE.world;
    let with = |lines: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        world.write_store_at_once(folder.path());
        if !lines.is_empty() {
            let log = folder.path().join("log");
            let own = std::fs::read_to_string(log.join("checkpoint")).expect("a checkpoint");
            std::fs::write(log.join("cosigned"), own + lines).expect("written");
        }
        let mut bytes = Vec::new();
        audit::export_to(&Place::new(folder.path()), &Scope::default(), &mut bytes).expect("a package");
        open_of(world, &bytes)
    };
    let line = |name: &str| format!("\u{2014} witness.example/{name} YWJjZHh4eHg=\n");
    let (first, second) = (with(&line("one")), with(&[line("one"), line("two")].concat()));
    let diff = |one: &Opening, other: &Opening| {
        audit::diff(one.opened.as_ref().unwrap(), other.opened.as_ref().unwrap(), false, Vec::new())
    };
    for (one, other) in [(&first, &second), (&second, &first), (&first, &with(""))] {
        let found = diff(one, other);
        assert_eq!((found.verdict, found.exit.code(), found.files.len()), (Verdict::Pass, 0, 0), "{found:#?}");
        assert!(found.logs.contains("bear other signatures"), "{}", found.logs);
        assert!(found.findings.iter().all(|finding| finding.code == codes::LOG_LINE_UNKNOWN), "{:#?}", found.findings);
    }
    assert!(!diff(&first, &with(&line("one"))).logs.contains("bear other signatures"));
    // What nobody may put there is found, with the package that has it.
    let own = world.checkpoint();
    let own = String::from_utf8(own).unwrap();
    let again = own.lines().last().unwrap().to_owned() + "\n";
    let found = diff(&first, &with(&again));
    assert_eq!(found.exit.code(), 4, "{:#?}", found.findings);
    assert!(
        found.findings.iter().any(|finding| finding.at.contains(&"the second".to_owned())),
        "{:#?}",
        found.findings
    );
}
