//! What an auditor asks of a part of the record: nothing that bears on it is left out because it began before, because it
//! has the name of something else, or because what was kept is old.

use crate::audit_agreement::{Fire, ask, has, open};
use crate::audit_questions::pack;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::finding::{Class, Finding, Verdict, exit_of};
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::time::Time;
use countersign_flow::audit::{self, Answered, Ask, Asking, How, OutsideTrust, Scope, Window};
use countersign_tests::tamper::reindex;
use countersign_tests::world::World;
use std::collections::BTreeMap;
use std::io::Cursor;

const DAY: i64 = 24 * 60 * 60;

/// Promotes an artifact of this name, with these reviews and SBOMs of so many components, to production.
fn promoted(world: &mut World, name: &str, reviews: &[Vec<u8>], sboms: &[usize]) -> Verdict {
    let artifact = Sha256::of(format!("{name} {}", world.now).as_bytes());
    let resolved = sboms.iter().copied().max().expect("an SBOM");
    let [provenance, _] = world.built(&artifact, &world.tip, "clean", resolved);
    let sboms = sboms.iter().map(|components| {
        let [_, sbom] = world.built(&artifact, &world.tip, "clean", *components);
        sbom
    });
    let documents = std::iter::once(provenance).chain(sboms).chain(reviews.iter().cloned()).collect();
    let mut arguments = world.arguments(&artifact, "production", documents);
    name.clone_into(&mut arguments.request.subject_name);
    let decision = arguments.decide();
    world.record(&arguments, &decision);
    decision.verdict
}

/// Lands a change that two persons review.
fn landed(world: &mut World, number: usize) -> Vec<Vec<u8>> {
    let base = world.tip;
    let (head, _) = world.land(number);
    ["ada", "ben"].map(|person| world.review(person, &base, &head, ReviewDecision::Approve)).to_vec()
}

pub(crate) fn asked(world: &World, id: &str, window: Window) -> Answered {
    let opening = open(world, &pack(world, &Scope::default()), Some(&world.checkpoint()));
    let ask = Ask { window, ..Ask::default() };
    Asking::of(&opening).expect("open").answer(id, &ask).expect("an answer")
}

pub(crate) fn cells<'a>(answered: &'a Answered, name: &str) -> Vec<&'a str> {
    let place = answered.table.columns.iter().position(|column| *column == name).expect("a column");
    answered.table.rows.iter().map(|row| row.cells[place].as_str()).collect()
}

#[test]
fn what_one_artifact_passes_closes_no_violation_of_another_and_its_next_version_does() {
    let mut world = World::new();
    let reviews = landed(&mut world, 1);
    assert_eq!(promoted(&mut world, "app-1", &[], &[3]), Verdict::Fail);
    world.now = world.now.plus(DAY);
    assert_eq!(promoted(&mut world, "worker-1", &reviews, &[3]), Verdict::Pass);
    let violations = |world: &World, window: Window| {
        let answered = asked(world, "Q10", window);
        assert!(cells(&answered, "rule").contains(&"two-party-review@1"), "{answered:#?}");
        let own =
            cells(&answered, "rule").into_iter().zip(cells(&answered, "artifact")).zip(cells(&answered, "closed how"));
        own.filter(|((rule, _), _)| *rule == "two-party-review@1")
            .map(|((_, artifact), how)| (artifact.to_owned(), how.to_owned()))
            .collect::<Vec<_>>()
    };
    let open = [("app".to_owned(), "open".to_owned())];
    assert_eq!(violations(&world, Window::default()), open);
    // It opened before this window, and is open all of it.
    let later = Window { from: Some(world.now), ..Window::default() };
    assert_eq!(violations(&world, later), open);
    world.now = world.now.plus(DAY);
    let reviews = landed(&mut world, 2);
    assert_eq!(promoted(&mut world, "app-2", &reviews, &[3]), Verdict::Pass);
    assert_eq!(violations(&world, Window::default()), [("app".to_owned(), "the rule holds again".to_owned())]);
}

#[test]
fn an_exception_and_an_emergency_from_before_a_window_are_of_it_while_they_last() {
    let mut fire = Fire::new().signed(DAY);
    let granted = fire.world.entries.len() - 3;
    let time = |index: usize| Entry::parse(&fire.world.entries[index]).unwrap().time;
    let from = |time| Window { from: Some(time), ..Window::default() };
    let exceptions = asked(&fire.world, "Q11", from(time(granted).plus(60)));
    assert!(cells(&exceptions, "what").contains(&"exception"), "{exceptions:#?}");
    // It ended with a day; the review was due after seven.
    let over = asked(&fire.world, "Q11", from(time(granted).plus(2 * DAY)));
    assert_eq!(cells(&over, "what"), ["end"], "{over:#?}");
    let late = asked(&fire.world, "Q06", from(fire.due));
    assert_eq!((late.verdict, late.table.rows.len()), (Verdict::Fail, 1), "{late:#?}");
    let settled = fire.world.now.plus(1);
    let behind = asked(&fire.world, "Q06", from(settled));
    assert_eq!(behind.verdict, Verdict::Indeterminate, "the log has ended by then: {behind:#?}");
    fire.world.now = fire.world.now.plus(DAY);
    fire.world.promote_next(9);
    let settled = asked(&fire.world, "Q06", from(settled));
    assert_eq!((settled.verdict, settled.table.rows.len()), (Verdict::Pass, 0), "{settled:#?}");
}

#[test]
fn what_is_overdue_or_over_is_so_at_the_windows_end_though_nothing_was_recorded_by_then() {
    let mut fire = Fire::new();
    let granted = fire.world.now;
    let overdue = fire.due;
    // A quiet quarter: the next entry comes long after the review was due.
    fire.world.now = overdue.plus(30 * DAY);
    fire.world.promote_next(9);
    let between = |from: Option<Time>, to: Time| Window { from, to: Some(to), ..Window::default() };
    let state = |answered: &Answered| cells(answered, "state").first().map(|state| (*state).to_owned());
    for (window, wanted) in [
        (between(None, overdue.plus(-1)), (Verdict::Pass, "open")),
        (between(None, overdue), (Verdict::Fail, "OVERDUE")),
        (between(Some(overdue.plus(DAY)), overdue.plus(2 * DAY)), (Verdict::Fail, "OVERDUE")),
    ] {
        let answered = asked(&fire.world, "Q06", window);
        assert_eq!((answered.verdict, state(&answered).as_deref()), (wanted.0, Some(wanted.1)), "{answered:#?}");
    }
    // The exception ran out with a day, and says so as of the same moment.
    let counts = asked(&fire.world, "Q11", between(None, granted.plus(3_600)));
    let expired = asked(&fire.world, "Q11", between(None, granted.plus(2 * DAY)));
    assert_eq!((state(&counts).as_deref(), state(&expired).as_deref()), (Some("counts"), Some("expired")));
}

#[test]
fn what_stays_broken_and_what_went_by_an_exception_or_counts_for_nothing_is_no_pass() {
    let mut world = World::new();
    let reviews = landed(&mut world, 1);
    assert_eq!(promoted(&mut world, "app-1", &[], &[3]), Verdict::Fail);
    world.now = world.now.plus(DAY);
    let open = asked(&world, "Q10", Window::default());
    assert_eq!((open.verdict, open.exit.code()), (Verdict::Fail, 1), "{open:#?}");
    assert!(
        open.findings.iter().any(|one| one.what.contains("nothing of that name passed it afterwards")),
        "{open:#?}"
    );
    assert_eq!(promoted(&mut world, "app-2", &reviews, &[3]), Verdict::Pass);
    let fixed = asked(&world, "Q10", Window::default());
    assert_eq!((fixed.verdict, fixed.table.rows.is_empty()), (Verdict::Pass, false), "{fixed:#?}");

    assert_eq!(asked(&world, "Q11", Window::default()).verdict, Verdict::Pass, "nothing was excepted");
    let document = world.shelf.put(b"{\"garbage\":1}");
    let about = vec![Sha256::of(b"whatever")];
    world.append(Kind::Exception, Some(EnvName::new("production").unwrap()), about, vec![document], Vec::new());
    let forged = asked(&world, "Q11", Window::default());
    assert_eq!((forged.verdict, cells(&forged, "state")), (Verdict::Fail, vec!["does not count"]), "{forged:#?}");
    let said = forged.findings.iter().find(|one| one.what.contains("an entry of kind exception does not count"));
    assert!(said.is_some_and(|one| one.at[0].starts_with("log entry ")), "{forged:#?}");
}

#[test]
fn components_are_those_of_every_sbom_of_an_artifact_and_of_that_artifact_alone() {
    let mut world = World::new();
    let promote = |world: &mut World, number: usize, name: &str, sboms: &[usize]| {
        let reviews = landed(world, number);
        assert_eq!(promoted(world, name, &reviews, sboms), Verdict::Pass);
        world.now = world.now.plus(DAY);
    };
    promote(&mut world, 1, "app-1", &[3]);
    promote(&mut world, 2, "worker-1", &[9]);
    promote(&mut world, 3, "app-2", &[3]);
    let none = asked(&world, "Q16", Window::default());
    assert!(none.table.rows.is_empty(), "the worker's are not the app's: {none:#?}");
    promote(&mut world, 4, "app-3", &[3, 5]);
    let new = asked(&world, "Q16", Window::default());
    assert_eq!(new.table.rows.len(), 2, "{new:#?}");
    assert!(cells(&new, "artifact").iter().all(|name| *name == "app"), "{new:#?}");
}

#[test]
fn a_checkpoint_that_is_older_than_the_package_does_not_make_its_end_complete() {
    let mut world = World::new();
    let old = world.checkpoint();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let bytes = pack(&world, &Scope::default());
    let opening = open(&world, &bytes, Some(&old));
    for id in ["Q01", "Q06", "Q22"] {
        let answered = ask(&opening, id);
        assert!(answered.completeness.contains("NOT proved"), "{id}: {}", answered.completeness);
        assert!(has(&answered.findings, codes::LOG_END_UNPROVEN), "{id}");
    }
    let now = open(&world, &bytes, Some(&world.checkpoint()));
    assert!(!has(&ask(&now, "Q22").findings, codes::LOG_END_UNPROVEN));
}

#[test]
fn a_newer_trust_is_asked_for_where_another_key_signed_the_checkpoint_and_not_where_that_was_damaged() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let bytes = pack(&world, &Scope::default());
    let whole = String::from_utf8(world.checkpoint()).expect("text");
    let asked_for = |checkpoint: &str| {
        let findings = open(&world, &bytes, Some(checkpoint.as_bytes())).report.findings;
        let invalid = findings.into_iter().find(|one| one.code == codes::LOG_CHECKPOINT_INVALID).expect("invalid");
        invalid.help.is_some_and(|help| help.contains("the trust document that names the newer key"))
    };
    // The first character after the name is of the key's id.
    let (before, signature) = whole.rsplit_once(' ').expect("a signature");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    assert!(asked_for(&format!("{before} {other}{}", signature.split_at(1).1)));
    for damaged in [String::new(), whole.replace('\n', "\r\n"), whole.replacen("\n\n", "\nmore\n\n", 1)] {
        assert!(!asked_for(&damaged), "{damaged}");
    }
}

#[test]
fn a_package_of_a_part_of_the_record_is_asked_about_that_part() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    world.now = world.now.plus(DAY);
    let window = Window { from: Some(world.now), ..Window::default() };
    assert_eq!(world.promote_next(1).verdict, Verdict::Pass);
    let bytes = pack(&world, &Scope { window: window.clone(), ..Scope::default() });
    let opening = open(&world, &bytes, Some(&world.checkpoint()));
    let asking = Asking::of(&opening).expect("open");
    let answered = asking.answer("Q01", &Ask::default()).expect("an answer");
    assert_eq!((answered.verdict, answered.table.rows.len()), (Verdict::Pass, 1), "{answered:#?}");
    assert!(answered.filter.contains("from"), "{}", answered.filter);
    let (_, findings) = asking.reconcile(&Window::default());
    assert_eq!(exit_of(&findings).code(), 0, "{findings:#?}");
}

#[test]
fn who_came_and_who_left_is_told_and_what_lies_behind_the_logs_end_is_missing() {
    let mut world = World::new();
    world.now = world.now.plus(DAY);
    let more = world.trust_toml(2).replacen(
        "[[builders]]",
        "[[collectors]]\nname = \"tests\"\nmay_sign = [\"test-result\"]\nkeys = []\n[[builders]]",
        1,
    );
    world.trust_from_now_on(&more, &["ada", "ben"]);
    let answered = asked(&world, "Q13", Window::default());
    let may = cells(&answered, "may");
    assert!(may.iter().any(|may| may.starts_with("sign provenance")), "{may:?}");
    assert!(may.iter().any(|may| may.starts_with("new with trust version 2: sign test-result")), "{may:?}");
    let opening = open(&world, &pack(&world, &Scope::default()), Some(&world.checkpoint()));
    let later = Ask { at: Some(world.now.plus(9_000 * DAY)), ..Ask::default() };
    let later = Asking::of(&opening).expect("open").answer("Q13", &later).expect("an answer");
    assert!(later.missing.iter().any(|what| what.contains("trust may have changed")), "{:?}", later.missing);
    assert!(later.notes.iter().any(|note| note.contains("expired")), "{:?}", later.notes);
}

/// What is said of a package whose index names this version of its lists, after a change of its files.
fn of_lists(version: &str, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Vec<Finding> {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let bytes = of_version(&pack(&world, &Scope::default()), version, change);
    let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let source = Box::new(Cursor::new(bytes));
    let report = audit::verify_source(source, Some(outside), Some(&world.checkpoint()), How::Full);
    report.expect("checked").findings.into_iter().filter(|finding| finding.class.blocks()).collect()
}

/// A package whose index names this version of its lists, after a change of its files.
fn of_version(bytes: &[u8], version: &str, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Vec<u8> {
    let mut files = countersign_record::package::read(bytes).expect("files");
    let index = String::from_utf8(files["index.json"].clone()).expect("text");
    let now = index.split("schemas/package-index/").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
    let other = index.replace(&format!("package-index/{now}"), &format!("package-index/{version}"));
    files.insert("index.json".to_owned(), other.into_bytes());
    change(&mut files);
    reindex(&mut files);
    countersign_record::package::write(&files).expect("a package")
}

fn with(files: &mut BTreeMap<String, Vec<u8>>, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[name].clone()).expect("text");
    assert!(text.contains(from), "{name}: {text}");
    files.insert(name.to_owned(), text.replace(from, to).into_bytes());
}

#[test]
fn lists_of_an_older_version_are_compared_by_their_rows_and_the_page_that_is_not_is_named() {
    let unheld = of_lists("v0.2", |files| {
        files.get_mut("index.html").expect("a page").extend(b"<!-- of then -->");
        with(files, "populations/decisions.csv", "standard", "ordinary");
    });
    assert_eq!(exit_of(&unheld).code(), 3, "{unheld:#?}");
    assert_eq!(unheld.len(), 1, "{unheld:#?}");
    assert_eq!(unheld[0].code, codes::PACKAGE_OTHER_VERSION);
    assert_eq!(unheld[0].at, ["index.json", "index.html", "populations/decisions.csv, column class"]);
    let altered = of_lists("v0.2", |files| with(files, "populations/decisions.csv", "\"PASS\"", "\"FAIL\""));
    assert_eq!(exit_of(&altered).code(), 4, "{altered:#?}");
    assert_eq!(altered[0].at, ["populations/decisions.csv", "line 2, column verdict"]);
    let gone = of_lists("v0.1", |files| {
        let list = files.get_mut("populations/deployments.csv").expect("a list");
        let first = list.iter().position(|b| *b == b'\n').expect("a line");
        list.truncate(first.saturating_add(1));
    });
    assert_eq!((exit_of(&gone).code(), gone[0].at[1].as_str()), (4, "rows"), "{gone:#?}");
}

#[test]
fn of_the_lists_of_a_later_version_nothing_is_said_to_hold() {
    let later = of_lists("v0.99", |files| with(files, "populations/decisions.csv", "\"PASS\"", "\"FAIL\""));
    assert_eq!(later.len(), 1, "{later:#?}");
    assert_eq!((exit_of(&later).code(), later[0].code), (3, codes::PACKAGE_OTHER_VERSION));
    assert!(later[0].what.starts_with("a later version made"), "{}", later[0].what);
    assert!(later[0].at.iter().any(|place| place == "populations/decisions.csv"), "{:?}", later[0].at);
    let none = of_lists("version-2", |_| {});
    assert_eq!((exit_of(&none).code(), none[0].code), (4, codes::PACKAGE_FILE_ALTERED));
}

#[test]
fn a_difference_of_two_packages_names_the_files_that_were_altered_in_one() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    let bytes = pack(&world, &Scope::default());
    let mut files = countersign_record::package::read(&bytes).expect("files");
    with(&mut files, "populations/decisions.csv", "\"PASS\"", "\"FAIL\"");
    files.get_mut("index.html").expect("a page").extend(b"<!-- -->");
    files.insert("log/index.html".to_owned(), b"<p>all is well".to_vec());
    reindex(&mut files);
    let other = countersign_record::package::write(&files).expect("a package");
    let mut later = world.clone();
    assert_eq!(later.promote_next(1).verdict, Verdict::Pass);
    let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let between = |first: &[u8], second: &[u8]| {
        let source = |bytes: &[u8]| Box::new(Cursor::new(bytes.to_vec()));
        let kept = world.checkpoint();
        let (one, two) = audit::open_two(source(first), source(second), Some(outside), Some(&kept)).expect("opened");
        let (one, two) = (one.opened.expect("open"), two.opened.expect("open"));
        audit::diff(&one, &two, first == second, Vec::new())
    };
    let differ = between(&bytes, &other);
    let names: Vec<&str> = differ.files.iter().map(|one| one.file.as_str()).collect();
    assert_eq!(names, ["index.html", "index.json", "log/index.html", "populations/decisions.csv"]);
    assert_eq!((differ.exit.code(), differ.findings[0].code), (4, codes::PACKAGE_FILE_ALTERED));
    let words = differ.words();
    assert!(
        words.contains(
            "file index.html differs\nfile index.json differs\nfile log/index.html is only in the second\nfile populations/decisions.csv differs\n"
        ),
        "{words}"
    );
    let same = between(&bytes, &bytes);
    assert!(same.files.is_empty() && same.findings.is_empty(), "{same:#?}");
    let later = between(&bytes, &pack(&later, &Scope::default()));
    assert!(later.findings.is_empty() && !later.files.is_empty(), "a log that went on makes other lists: {later:#?}");
}

/// What is found in a package of a part, and what its questions answer.
fn part(world: &World, from: Time) -> (Vec<Finding>, BTreeMap<&'static str, Answered>) {
    let window = Window { from: Some(from), ..Window::default() };
    let bytes = pack(world, &Scope { window, ..Scope::default() });
    let outside = OutsideTrust { bytes: &world.trust, digest: Some(&world.trust_digest) };
    let source = Box::new(Cursor::new(bytes.clone()));
    let report = audit::verify_source(source, Some(outside), None, How::Full).expect("checked");
    let opening = open(world, &bytes, Some(&world.checkpoint()));
    (report.findings, ["Q06", "Q10", "Q11"].into_iter().map(|id| (id, ask(&opening, id))).collect())
}

#[test]
fn a_decision_before_the_window_that_cannot_be_read_is_named_and_leaves_no_answer_whole() {
    let mut world = Fire::new().world;
    let last = world.entries.len() - 1;
    let mut entry = Entry::parse(&world.entries[last]).unwrap();
    assert_eq!(entry.kind, Kind::PromotionDecision);
    entry.statements[0] = world.shelf.put(b"bytes");
    world.entries[last] = entry.to_bytes().unwrap();
    world.now = world.now.plus(DAY);
    let from = world.now;
    world.promote_next(9);
    let (found, answers) = part(&world, from);
    let place = format!("log entry {last}");
    let named = |one: &Finding| one.class == Class::Untrusted && one.at.contains(&place);
    assert!(found.iter().any(named), "{found:#?}");
    for (id, answered) in answers {
        let said = |what: &String| what.starts_with("1 decisions before the window");
        assert!(answered.missing.iter().any(said), "{id}: {answered:#?}");
        assert_ne!(answered.exit.code(), 0, "{id}");
    }
}

#[test]
fn what_only_a_decision_settles_that_was_not_run_again_is_listed_and_leaves_the_answer_open() {
    // An emergency that nobody reviewed, and a decision that the gate signs and that says that it was.
    let mut world = Fire::new().world;
    let emergency = u64::try_from(world.entries.len()).unwrap() - 1;
    world.now = world.now.plus(DAY);
    let arguments = world.arguments(&Sha256::of(b"another"), "production", Vec::new());
    let mut decision = arguments.decide();
    (decision.verdict, decision.authorised, decision.followed_up) = (Verdict::Pass, true, vec![emergency]);
    world.record(&arguments, &decision);
    world.now = world.now.plus(DAY);
    let from = world.now;
    world.promote_next(9);
    // It is run again, whatever part the package was made for.
    let (found, _) = part(&world, from);
    let named =
        |one: &Finding| one.code == codes::DECISION_DIFFERS && one.at.contains(&format!("log entry {}", emergency + 1));
    assert!(found.iter().any(named), "{found:#?}");
    // One of an earlier form has nothing to run it again with.
    let window = Window { from: Some(from), ..Window::default() };
    let bytes = pack(&world, &Scope { window, ..Scope::default() });
    let bytes = of_version(&bytes, "v0.4", |_| {});
    let q06 = ask(&open(&world, &bytes, Some(&world.checkpoint())), "Q06");
    assert_ne!(q06.verdict, Verdict::Pass, "{q06:#?}");
    assert!(cells(&q06, "state")[0].ends_with("which is not run again here"), "{q06:#?}");
    assert!(q06.missing.iter().any(|what| what.contains("whether the emergency was reviewed")), "{q06:#?}");

    // What two persons signed is proved in any part.
    let mut world = Fire::new().signed(-DAY).world;
    world.now = world.now.plus(DAY);
    let from = world.now;
    world.promote_next(9);
    let q06 = part(&world, from).1.remove("Q06").unwrap();
    assert!(q06.table.rows.is_empty() && q06.missing.is_empty(), "{q06:#?}");

    // And so is an honest promotion by which it was reviewed: it is packed with what it rests on.
    let mut world = Fire::new().promoted(-1).world;
    world.now = world.now.plus(DAY);
    let from = world.now;
    world.promote_next(9);
    let (found, mut answers) = part(&world, from);
    let q06 = answers.remove("Q06").unwrap();
    assert!(q06.table.rows.is_empty() && q06.missing.is_empty(), "{q06:#?}");
    assert!(!found.iter().any(|one| one.class == Class::Untrusted), "{found:#?}");

    // A violation that is over, by a decision before the part; and the same in a package of everything.
    let mut world = World::new();
    let reviews = landed(&mut world, 1);
    assert_eq!(promoted(&mut world, "app-1", &[], &[3]), Verdict::Fail);
    assert_eq!(promoted(&mut world, "app-2", &reviews, &[3]), Verdict::Pass);
    world.now = world.now.plus(DAY);
    let from = world.now;
    world.promote_next(9);
    let said = |answered: &Answered| answered.missing.iter().any(|what| what.contains("whether violations were over"));
    assert!(said(&part(&world, from).1["Q10"]));
    assert!(!said(&asked(&world, "Q10", Window { from: Some(from), ..Window::default() })));
}

#[test]
fn a_report_is_no_better_than_its_answers() {
    let fire = Fire::new();
    let opening = open(&fire.world, &pack(&fire.world, &Scope::default()), Some(&fire.world.checkpoint()));
    let (page, findings) = Asking::of(&opening).expect("open").report(&Ask::default()).expect("a report");
    assert!(page.contains("<h2>Q12"), "the page is made all the same");
    assert_eq!(exit_of(&findings).code(), 1, "{findings:#?}");
    assert!(
        findings.iter().any(|one| one.code == codes::AUDIT_DEVIATION && one.at[0].contains("Q12")),
        "{findings:#?}"
    );
}

#[test]
fn a_key_that_was_lost_by_then_bears_on_every_answer() {
    let mut world = World::new();
    assert_eq!(world.promote_next(0).verdict, Verdict::Pass);
    world.now = world.now.plus(DAY);
    let line = world.people["ben"].public().to_openssh();
    let lost = world.trust_toml(2).replace(
        &format!("{{ key = \"{line}\" }}"),
        &format!("{{ key = \"{line}\", compromised_since = \"2026-01-02T00:00:00Z\" }}"),
    );
    let lost = lost.replacen("persons = [\"ada\", \"ben\"]", "persons = [\"ada\", \"cy\"]", 1);
    world.trust_from_now_on(&lost, &["ada", "ben", "cy"]);
    let opening = open(&world, &pack(&world, &Scope::default()), Some(&world.checkpoint()));
    for id in ["Q01", "Q03", "Q04", "Q22"] {
        let answered = ask(&opening, id);
        assert!(has(&answered.findings, codes::KEY_NOT_VALID), "{id}: {:#?}", answered.findings);
        assert_eq!(answered.exit.code(), 4, "{id}");
    }
    let asking = Asking::of(&opening).expect("open");
    assert!(has(&asking.report(&Ask::default()).expect("a report").1, codes::KEY_NOT_VALID));
}
