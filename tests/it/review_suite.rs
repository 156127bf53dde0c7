//! Every attack on review gets its verdict and its code, and every honest twin passes: in the library, and again from the
//! command line on the exported folder alone.

use countersign_core::finding::Verdict;
use countersign_tests::door::{Door, program};
use countersign_tests::review_suite::{self, Case, Played, Score, Side};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("review-suite")
}

/// The adapter that runs the program under test, on a case's folder; what it printed, and with what code.
#[expect(clippy::disallowed_methods, reason = "the adapter is run as the suite runs one")]
fn adapter(case: &Path, format: &str) -> (String, Option<i32>) {
    let output = std::process::Command::new("sh")
        .arg(folder().join("adapters/countersign.sh"))
        .arg(case)
        .env("COUNTERSIGN", program())
        .env("FORMAT", format)
        .output()
        .expect("a shell");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    (text, output.status.code())
}

/// What is wrong with a case, judged by the library and then from its folder.
fn wrong(case: &Case, schema: &jsonschema::Validator) -> Option<String> {
    let stage = (case.set)();
    let found = stage.judge();
    let expected = format!("{} {}: expected {} {}", case.id, case.what, case.verdict, case.code);
    if !case.holds(&found) {
        return Some(format!("{expected} {}, found {} {:?}", case.reason(), found.verdict, found.findings));
    }
    let place = tempfile::tempdir().expect("a folder");
    let exported = place.path().join("case");
    review_suite::export(case, &stage, &exported);
    let document = std::fs::read(exported.join("case.json")).expect("case.json");
    let document = serde_json::from_slice(&document).expect("JSON");
    if let Some(error) = schema.iter_errors(&document).next() {
        return Some(format!("{}: case.json: {error}", case.id));
    }
    if stage.judged_by() == "library" {
        return None;
    }
    let (said, _) = adapter(&exported, "text");
    let verdict = said.lines().next_back().unwrap_or_default() == case.verdict.to_string();
    let code = case.code.is_empty() || said.contains(&format!("[{}]", case.code));
    (!verdict || !code || !said.contains(case.reason())).then(|| format!("{expected}, the command line said\n{said}"))
}

/// Plays every fourth case, from this one on: each takes a repository of its own, and the four tests run side by side.
fn play(from: usize) {
    let schema = std::fs::read(folder().join("case.schema.json")).expect("a schema");
    let schema = jsonschema::validator_for(&serde_json::from_slice(&schema).expect("JSON")).expect("a schema");
    let cases: Vec<Case> = review_suite::all().into_iter().skip(from).step_by(4).collect();
    let wrong: Vec<String> = cases.iter().filter_map(|case| wrong(case, &schema)).collect();
    assert!(wrong.is_empty() && cases.len() > 20, "{} played\n{}", cases.len(), wrong.join("\n"));
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_1() {
    play(0);
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_2() {
    play(1);
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_3() {
    play(2);
}

#[test]
fn every_attack_on_review_gets_its_verdict_and_code_and_honest_twins_pass_4() {
    play(3);
}

#[test]
fn the_page_and_the_index_of_the_suite_are_those_of_its_cases() {
    let root = folder();
    for (path, now, how) in [
        (root.join("../../docs/review-suite.md"), review_suite::page(), "--page > docs/review-suite.md"),
        (root.join("index.json"), review_suite::index(), "--index > tests/review-suite/index.json"),
    ] {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == now, "write it anew: cargo run -p countersign-tests --example review-suite -- {how}");
    }
}

#[test]
fn the_list_is_whole_every_case_has_one_name_and_every_family_its_twins() {
    let cases = review_suite::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.id).collect();
    assert_eq!(names.len(), cases.len());
    for number in 1..=60 {
        let number = format!("E{number:02}");
        let is_it = |case: &Case| case.id == number || case.id.starts_with(&format!("{number}-"));
        assert!(cases.iter().any(is_it), "{number}");
    }
    let twins = |family: &str| cases.iter().filter(|c| c.side() == Side::Honest && c.family() == family).count();
    for family in review_suite::FAMILIES {
        assert!(twins(family) >= 2, "{family}");
    }
    assert!(review_suite::FAMILIES.iter().map(|family| twins(family)).sum::<usize>() >= 40);
    // A code that could be said of anything needs the reason beside it.
    for case in cases.iter().filter(|case| case.code == "review-missing") {
        assert!(!case.reason().is_empty(), "{}", case.id);
    }
}

#[test]
fn a_tool_is_scored_by_its_last_line_or_by_its_exit_code() {
    let case = |id: &str| review_suite::all().into_iter().find(|case| case.id == id).expect("a case");
    let shown = |said: Result<Verdict, &str>| Played::Shown(said.map_err(str::to_owned));
    for (command, said) in [
        ("echo PASS", shown(Ok(Verdict::Pass))),
        ("echo talk; echo INDETERMINATE; exit 9", shown(Ok(Verdict::Indeterminate))),
        ("echo nothing to say; exit 1", shown(Ok(Verdict::Fail))),
        ("exit 3", shown(Ok(Verdict::Indeterminate))),
        ("test -d {case}/repo.git && test -f {case}/case.json", shown(Ok(Verdict::Pass))),
        ("exit 5", shown(Err("exit code 5"))),
        ("kill -9 $$", shown(Err("ended by a signal"))),
    ] {
        assert_eq!(review_suite::play_against(&case("E23"), command), said, "{command}");
    }
    assert_eq!(review_suite::play_against(&case("E43-marked"), "exit 0"), Played::NotShown);

    let mut score = Score::default();
    for (id, said) in [
        ("E23", shown(Ok(Verdict::Pass))),
        ("E04", shown(Ok(Verdict::Fail))),
        ("E54", shown(Ok(Verdict::Fail))),
        ("+merge", shown(Ok(Verdict::Pass))),
        ("+squash", shown(Ok(Verdict::Indeterminate))),
        ("E40-symlink", shown(Ok(Verdict::Fail))),
        ("E43-marked", Played::NotShown),
        ("E01", shown(Err("exit code 5"))),
    ] {
        drop(score.count(&case(id), said));
    }
    let expected = Score { refused: 2, let_through: 1, passed: 1, held_back: 1, silent: 1, noted: 2 };
    assert_eq!(score, expected);
    assert!(!score.is_perfect() && !Score::default().is_perfect());
}

#[test]
fn a_tool_that_only_speaks_to_forges_is_served_what_the_forge_answered() {
    let case = review_suite::all().into_iter().find(|case| case.id == "+forge-pages").expect("a case");
    let place = tempfile::tempdir().expect("a folder");
    let exported = place.path().join("case");
    review_suite::export(&case, &(case.set)(), &exported);
    let (tell, told) = std::sync::mpsc::channel();
    let served = exported.clone();
    // It serves until the test's process ends.
    std::thread::spawn(move || review_suite::serve(&served, "127.0.0.1:0", |api| tell.send(api.to_owned()).unwrap()));
    let api = told.recv().expect("an address");
    let door = Door::new();
    let key = door.path().join("keys/gate.pem").display().to_string();
    let out = door.path().join("collected").display().to_string();
    door.run(&format!(
        "review collect github --repository git+https://example.com/team/app --api {api} --change 1 --key {key} --dir {out}"
    ))
    .expect(0, &[]);
    // A range asks besides which changes its commits belong to, and comes to the same one.
    let repo = exported.join("repo.git").display().to_string();
    let range = door.path().join("range").display().to_string();
    let asked: serde_json::Value =
        serde_json::from_slice(&std::fs::read(exported.join("case.json")).expect("a file")).expect("JSON");
    let (start, candidate) = (&asked["range"]["start"], &asked["range"]["candidate"]);
    let (start, candidate) = (start.as_str().expect("a start"), candidate.as_str().expect("a candidate"));
    door.run(&format!(
        "review collect github {start}..{candidate} --repository git+https://example.com/team/app --api {api} --repo {repo} --key {key} \
         --dir {range}"
    ))
    .expect(0, &[]);
    assert!(Path::new(&range).join("1.change-review.sigstore.json").exists());
    // What was read again amounts to the same as what was recorded when the case was made.
    let change = |folder: &Path| {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
            if let Ok(capture) = countersign_core::forge::Capture::parse(&bytes) {
                found.push(countersign_core::forge::derive(&capture).expect("a change"));
            }
        }
        assert_eq!(found.len(), 1);
        found.remove(0)
    };
    let (before, after) = (change(&exported.join("evidence")), change(Path::new(&out)));
    assert_eq!(before.reviews.len(), after.reviews.len());
    assert!(before.reviews.len() > 100, "{}", before.reviews.len());
    assert_eq!(before.approved_head, after.approved_head);

    let without = case_without_forge(place.path());
    let refused = review_suite::serve(&without, "127.0.0.1:0", |_| panic!("there is nothing to serve"));
    assert!(refused.is_err_and(|why| why.contains("no forge takes part")));
}

fn case_without_forge(folder: &Path) -> PathBuf {
    let case = review_suite::all().into_iter().find(|case| case.id == "E23").expect("a case");
    let exported = folder.join("plain");
    review_suite::export(&case, &(case.set)(), &exported);
    exported
}

#[test]
fn the_adapter_gives_the_whole_answer_to_programs_and_no_verdict_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = case_without_forge(folder.path());
    let (said, code) = adapter(&case, "json");
    assert_eq!((said.lines().next_back(), code), (Some("FAIL"), Some(0)));
    let document: serde_json::Value =
        serde_json::from_str(said.trim_end().strip_suffix("FAIL").expect("a verdict")).expect("JSON");
    assert_eq!(document["findings"][0]["code"], "review-missing");
    std::fs::remove_file(case.join("trust.sigstore.json")).expect("removed");
    let (said, code) = adapter(&case, "text");
    assert_eq!(code, Some(2), "{said}");
}
