//! An auditor at the terminal: a package packed, asked, shown, compared, and told when something is missing.

use countersign_core::digest::Sha256;
use countersign_tests::door::{Door, Said};
use serde_json::Value;

fn audit(door: &Door, line: &str) -> Said {
    door.trusting(&format!("audit {line} --least-checkpoint outside/checkpoint"))
}

#[test]
fn an_auditor_asks_and_gets_rows_with_proof_or_what_is_missing() {
    let door = Door::new();
    door.run("audit ask").expect(0, &["Q01", "Q24", "INDETERMINATE until somebody collects"]);
    audit(&door, "ask Q01 demo.cspkg").expect(0, &["app.bin", "deployment chain: holds", "Q01  PASS"]);
    audit(&door, "ask demo.cspkg q07").expect(3, &["indeterminate[audit-evidence-absent]", "Q07  INDETERMINATE"]);
    audit(&door, "ask Q99 demo.cspkg").expect(2, &["there is no question `Q99`"]);
    audit(&door, "ask Q01").expect(2, &["no package was named"]);
    audit(&door, "ask Q01 nothing.cspkg").expect(5, &["could not read nothing.cspkg"]);
    door.run("audit ask Q01 demo.cspkg").expect(3, &["internal-consistency-only"]);
    let all: Value = serde_json::from_str(&audit(&door, "ask all demo.cspkg --format json").out).unwrap();
    let answers = all["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 24);
    let row = &answers[0]["table"]["rows"][0];
    assert_eq!(row["proof"]["entry"], 3);
    assert!(row["proof"]["leaf"].as_str().unwrap().starts_with("sha256:"));
    let checks: Vec<&str> =
        answers[21]["table"]["rows"].as_array().unwrap().iter().map(|row| row["cells"][0].as_str().unwrap()).collect();
    for name in ["package-lists", "package-documents"] {
        assert_eq!(checks.iter().filter(|check| **check == name).count(), 1, "{name}: {checks:?}");
    }
    let windowed = audit(&door, "population deployments demo.cspkg --from 2020-01-01");
    windowed.expect(0, &["  filter: from 2020-01-01T00:00:00Z"]);
    let words = windowed.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("hashed to that root; filter: from 2020-01-01"), "{words}");
    audit(&door, "ask Q01 demo.cspkg --csv rows.csv").expect(0, &[]);
    let csv = std::fs::read_to_string(door.path().join("rows.csv")).unwrap();
    assert!(csv.lines().next().unwrap().ends_with("\"log entry\",\"leaf\",\"documents\""), "{csv}");
}

#[test]
fn lists_samples_chains_and_reports_come_from_the_package() {
    let door = Door::new();
    audit(&door, "population demo.cspkg").expect(0, &["deployments: 1 rows", "how: ", "PASS"]);
    audit(&door, "population deployments demo.cspkg --csv list.csv").expect(0, &["app.bin"]);
    audit(&door, "population nothing demo.cspkg").expect(2, &["there is no list `nothing`"]);
    audit(&door, "sample demo.cspkg --n 5 --seed abc").expect(0, &["1 of 1 promotions", "SEED LF ROOT LF ENTRY"]);
    for line in [
        "sample demo.cspkg --n 0 --seed abc",
        "ask Q02 demo.cspkg --n 0 --seed abc",
        "report demo.cspkg --n 0 --output no.html",
    ] {
        audit(&door, line).expect(2, &["a sample of 0 shows nothing: give 1 or more"]);
    }
    audit(&door, "show 3 demo.cspkg --html chain.html --svg chain.svg").expect(0, &["by ada", "ben (T3)", "PASS"]);
    let page = std::fs::read_to_string(door.path().join("chain.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("ben (T3)") && !page.contains("<script"));
    audit(&door, "show 77 demo.cspkg").expect(2, &["no decision of the package"]);
    audit(&door, "reconcile demo.cspkg").expect(0, &["not collected", "1 authorised promotions"]);
    audit(&door, "report demo.cspkg --output report.html")
        .expect(3, &["report.html", "of 24 answers are INDETERMINATE"]);
    let report = std::fs::read_to_string(door.path().join("report.html")).unwrap();
    assert!(report.contains("<h2>Q24: ") && !report.contains("<script"));
}

#[test]
fn a_package_for_a_part_says_so_and_a_first_look_is_no_pass() {
    let door = Door::new();
    door.run("audit export --store store --output all.cspkg").expect(0, &["all.cspkg: 4 entries"]);
    let (ours, demos) = (std::fs::read(door.path().join("all.cspkg")), std::fs::read(door.path().join("demo.cspkg")));
    assert_eq!(ours.unwrap(), demos.unwrap(), "the same log makes the same bytes");
    audit(&door, "verify all.cspkg").expect(0, &["2 run again", "package-lists", "PASS"]);
    audit(&door, "verify all.cspkg --quick").expect(3, &["2 decisions were not run again", "--quick"]);
    audit(&door, "verify all.cspkg --sample 1").expect(3, &["of 2 decisions were run again: --sample"]);
    door.run("audit export --store store --output facts.cspkg --profile facts-only").expect(0, &["left out: "]);
    audit(&door, "verify facts.cspkg").expect(3, &["the package holds facts only", "decisions-not-run"]);
    door.run("audit export --store store --output none.cspkg --from 2000-01-01 --to 2000-02-01").expect(0, &[]);
    audit(&door, "verify none.cspkg").expect(3, &["none is in the package's scope", "with another --from"]);
    door.run("audit export --store store --output typo.cspkg --service no-such")
        .expect(0, &["no decision of this scope"]);
    audit(&door, "diff demo.cspkg altered.cspkg").expect(4, &[".docs, altered.cspkg", "nothing was compared"]);
    audit(&door, "diff all.cspkg facts.cspkg").expect(0, &["the same log of 4 entries", "documents only in the first"]);
    door.run("audit export --store store --output x.cspkg --from yesterday").expect(2, &["neither a day"]);
}

#[test]
fn which_piece_a_review_is_stands_where_people_look() {
    let door = Door::new();
    let reviews = std::fs::read_dir(door.path().join("reviews")).unwrap().map(|entry| entry.unwrap().path());
    let reviews: Vec<_> = reviews.filter(|path| path.is_file()).collect();
    assert!(!reviews.is_empty());
    for review in reviews {
        let digest = Sha256::of(std::fs::read(&review).unwrap().trim_ascii_end()).to_string();
        audit(&door, "show 3 demo.cspkg --html chain.html").expect(0, &["record: review", &digest]);
        assert!(String::from_utf8(door.read("chain.html")).unwrap().contains(&digest));
        let said = door.trusting("evidence check --store store --list");
        said.expect(0, &["PASS"]);
        let row = said.out.lines().find(|line| line.contains(&digest)).unwrap();
        assert_eq!(row.split_whitespace().nth(1), Some("review"), "{row}");
        let said = door.trusting("evidence check --store store --list --format json");
        let pieces = serde_json::from_str::<Value>(&said.out).unwrap()["pieces"].clone();
        let found = pieces.as_array().unwrap().iter().find(|piece| piece["digest"] == digest.as_str()).unwrap();
        assert_eq!(found["what"], "review");
    }
    let said = door.trusting("evidence check --store store --format json");
    assert!(said.out.contains("\"pieces\": []"), "{}", said.out);
}

#[test]
fn a_package_on_standard_output_has_nothing_behind_it() {
    let door = Door::new();
    let script = "countersign audit export --store store --output /dev/stdout > piped.cspkg";
    let said = door.shell(".", script, &[]);
    said.expect(0, &["/dev/stdout: 4 entries"]);
    assert_eq!(door.read("piped.cspkg"), door.read("demo.cspkg"));
}

#[test]
fn an_output_takes_the_place_of_nothing_that_is_read_and_a_window_has_time_in_it() {
    let door = Door::new();
    let package = door.read("demo.cspkg");
    for line in [
        "report demo.cspkg --output demo.cspkg",
        "report demo.cspkg --output trust.sigstore.json",
        "report demo.cspkg --output outside/checkpoint",
        "show 3 demo.cspkg --html demo.cspkg",
        "show 3 demo.cspkg --svg ./demo.cspkg",
        "population log demo.cspkg --csv demo.cspkg",
        "sample demo.cspkg --n 1 --seed x --csv demo.cspkg",
        "ask Q01 demo.cspkg --csv demo.cspkg",
    ] {
        audit(&door, line).expect(2, &["is read here, and would be written over"]);
    }
    assert_eq!(door.read("demo.cspkg"), package);
    let least = door.read("store/log/checkpoint");
    for line in [
        "audit export --store store --output store/log/checkpoint",
        "audit export --store store --output store/evidence/sha256/x",
        "log proof --store store --entry 2 --output store/log/checkpoint",
        "log proof --store store --entry 2 --output store/log/tile/x",
        "log checkpoint --store store --output store/log/cosigned",
        "policy build policy --output store/log/checkpoint",
        "policy build policy --output store/evidence/sha256/x",
        "policy docs policy --output store/log/tile/entries",
        "policy docs policy --output store/log/new/pages",
        "demo --keep store/log/demo",
        "key generate --output store/log/key.pem",
    ] {
        door.run(line).expect(2, &["which the store keeps"]);
    }
    // These are told of no store, and know one by what lies there.
    for line in [
        "population log demo.cspkg --csv store/log/checkpoint",
        "verify demo.cspkg --facts-output store/log/checkpoint",
        "ask Q01 demo.cspkg --csv store/log/tile/entries/x",
        "report demo.cspkg --output store/evidence/sha256/x",
        "show 3 demo.cspkg --html store/evidence/x",
    ] {
        audit(&door, line).expect(2, &["which the store keeps"]);
    }
    // Two of its outputs are two files.
    audit(&door, "show 3 demo.cspkg --svg x --html x").expect(2, &["x is named twice, by --html and by --svg"]);
    assert!(!door.has("x") && !door.has("store/log/cosigned") && !door.has("store/log/key.pem"));
    assert!(!door.has("store/log/new") && !door.has("store/log/demo"), "not even a folder is left");
    assert_eq!(door.read("store/log/checkpoint"), least);
    // A store in which nothing was kept yet, and a way to its log through a folder that is not there.
    door.run("log init --origin example.com/new --key keys/log.pem --store young").expect(0, &[]);
    for line in ["demo --keep young/evidence", "demo --keep young/evidence/demo", "demo --keep young/new/../log/demo"] {
        door.run(line).expect(2, &["which the store keeps"]);
    }
    assert!(!door.has("young/evidence") && !door.has("young/new") && !door.has("young/log/demo"));
    for (from, to) in [("2026-02-01", "2026-02-01"), ("2026-02-01", "2026-01-01")] {
        let window = format!("--from {from} --to {to}");
        audit(&door, &format!("ask Q12 demo.cspkg {window}")).expect(2, &["no time lies between them"]);
        door.run(&format!("audit export --store store --output none.cspkg {window}"))
            .expect(2, &["no time lies between them"]);
    }
    assert!(!door.has("none.cspkg"));
}

#[test]
fn an_auditor_keeps_facts_and_asks_from_them_until_something_does_not_fit() {
    let door = Door::new();
    audit(&door, "verify demo.cspkg --facts-output no/such/demo.facts").expect(5, &["nothing was verified"]);
    audit(&door, "verify demo.cspkg --facts-output demo.cspkg").expect(2, &["demo.cspkg is read here"]);
    audit(&door, "verify demo.cspkg --facts-output demo.facts --quick").expect(2, &["--quick"]);
    let said = audit(&door, "verify demo.cspkg --facts-output demo.facts");
    said.expect(0, &["PASS", "facts kept in demo.facts: sha256:", "--facts demo.facts --facts-digest sha256:"]);
    let digest =
        said.out.split("demo.facts: ").nth(1).and_then(|rest| rest.lines().next()).expect("a digest").to_owned();
    // The line below it is one to paste.
    let again =
        said.out.split("ask from them: countersign ").nth(1).and_then(|rest| rest.lines().next()).expect("a line");
    door.run(again).expect(0, &["Q01  PASS"]);
    let kept = format!("--facts demo.facts --facts-digest {digest}");
    audit(&door, &format!("ask Q01 demo.cspkg {kept}")).expect(
        0,
        &[
            "app.bin",
            "note[audit-facts-used]",
            "demo.facts",
            digest.as_str(),
            "2 of 2 decisions run again",
            "Q01  PASS",
        ],
    );
    for line in ["population", "sample --n 5 --seed abc", "show 3", "reconcile"] {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        audit(&door, &format!("{verb} {rest} demo.cspkg {kept}")).expect(0, &["note[audit-facts-used]", "PASS"]);
    }
    audit(&door, "report demo.cspkg --output report.html --facts demo.facts").expect(3, &["note[audit-facts-used]"]);
    audit(&door, &format!("ask Q01 demo.cspkg --facts-digest {digest}")).expect(2, &["--facts"]);
    let other = Sha256::of(b"other").to_string();
    audit(&door, &format!("ask Q01 demo.cspkg --facts demo.facts --facts-digest {other}"))
        .expect(4, &["untrusted[audit-facts-mismatch]", "--facts-output", "nothing was answered"]);
    audit(&door, "ask Q01 altered.cspkg --facts demo.facts")
        .expect(4, &["untrusted[audit-facts-mismatch]", "another package"]);
    door.run("audit ask Q01 demo.cspkg --facts demo.facts")
        .expect(4, &["another trust document", "another checkpoint", "expected: none"]);
    std::fs::write(door.path().join("cut.facts"), &std::fs::read(door.path().join("demo.facts")).unwrap()[..99])
        .unwrap();
    audit(&door, "ask Q01 demo.cspkg --facts cut.facts").expect(4, &["untrusted[audit-facts-malformed]"]);
}
