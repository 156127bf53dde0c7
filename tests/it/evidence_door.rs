//! The evidence store held against the log, and one piece erased from it.

use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_tests::door::{Door, Said};
use std::path::PathBuf;

/// The demo's review, which is evidence that names a person.
fn review(door: &Door) -> Sha256 {
    let folder = std::fs::read_dir(door.path().join("reviews")).unwrap();
    let path = folder.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    Sha256::of(std::fs::read(path).unwrap().trim_ascii_end())
}

fn piece(door: &Door, digest: &Sha256) -> PathBuf {
    let hex = digest.hex();
    let (head, tail) = hex.split_at(2);
    door.path().join("store/evidence/sha256").join(head).join(tail)
}

fn check(door: &Door) -> Said {
    door.trusting("evidence check --store store")
}

fn erase(door: &Door, digest: &str, key: &str) -> Said {
    let digest_of_trust = door.digest().to_owned();
    door.run_words(&[
        "evidence",
        "erase",
        digest,
        "--reason",
        "asked for by whom it names",
        "--key",
        key,
        "--log-key",
        "keys/log.pem",
        "--store",
        "store",
        "--least-checkpoint",
        "outside/checkpoint",
        "--trust",
        "trust.sigstore.json",
        "--trust-digest",
        &digest_of_trust,
    ])
}

#[test]
fn what_is_missing_altered_or_named_by_nothing_is_told_apart_and_nothing_is_removed() {
    let door = Door::new();
    check(&door).expect(0, &["0 erased, 0 that nothing names", "PASS"]);
    let stray = Sha256::of(b"nobody names this");
    std::fs::create_dir_all(piece(&door, &stray).parent().unwrap()).unwrap();
    std::fs::write(piece(&door, &stray), b"nobody names this").unwrap();
    check(&door).expect(0, &["note[evidence-unreferenced]", "1 that nothing names", "PASS"]);
    assert!(piece(&door, &stray).exists());
    // What a write leaves that was killed.
    let left = piece(&door, &stray).with_file_name(".countersign-Ab12.tmp");
    std::fs::write(&left, b"half of").unwrap();
    let name = format!("{}/.countersign-Ab12.tmp", stray.hex().get(..2).unwrap());
    check(&door).expect(0, &["note[evidence-leftover]", &name, "1 that nothing names, 1 file(s) that are no evidence"]);
    assert!(left.exists(), "nothing is removed");
    let named = review(&door);
    let bytes = std::fs::read(piece(&door, &named)).unwrap();
    std::fs::remove_file(piece(&door, &named)).unwrap();
    check(&door).expect(3, &["indeterminate[evidence-withheld]", &named.to_string()]);
    std::fs::write(piece(&door, &named), [&bytes[..], b" "].concat()).unwrap();
    check(&door).expect(4, &["untrusted[evidence-altered]", &named.to_string()]);
}

/// Where the store keeps its pieces.
fn pieces(door: &Door) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(door.path().join("store/evidence/sha256")).unwrap();
    let mut all: Vec<PathBuf> = folders
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    all.sort();
    all
}

#[test]
fn whichever_document_the_store_lacks_what_the_gate_recorded_meanwhile_comes_out_the_same_once_it_is_back() {
    let door = Door::new();
    let kept = "--least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint";
    let all = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
    let mut refused = 0;
    for path in pieces(&door) {
        let bytes = std::fs::read(&path).unwrap();
        for evidence in [all, ""] {
            if path.exists() {
                std::fs::remove_file(&path).unwrap();
            }
            let said = door.promote(&format!("{evidence} {kept}"));
            let nothing = "nothing was recorded: the store lacks a document that the log names";
            if said.text.contains("nothing was recorded") {
                refused += 1;
                assert!(matches!(said.code, 1 | 3), "{}", said.text);
                said.expect(said.code, &[nothing, "bring it back from a copy of the store", "log entry "]);
            }
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    // Trust, activation and release, the decision before and what may speak against the artifact.
    assert!(refused >= 5, "{refused}");
    check(&door).expect(0, &["PASS"]);
    door.run("audit export --store store --output back.cspkg").expect(0, &[]);
    let said = door.trusting("audit verify back.cspkg --least-checkpoint outside/checkpoint");
    said.expect(0, &["the same again", "PASS"]);
}

#[test]
fn a_gate_that_looks_for_a_lost_document_records_nothing_until_the_log_says_that_it_is_gone() {
    let door = Door::new();
    let kept = "--least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint";
    let lost = review(&door);
    std::fs::remove_file(piece(&door, &lost)).unwrap();
    let words = [
        "nothing was recorded: the store lacks a document that the log names",
        &format!("{lost} (review)"),
        "where there is none, `countersign evidence erase` records that it is gone",
    ];
    let promote = |more: &str| {
        let documents = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json";
        door.promote(&format!("{documents} {kept} {more}"))
    };
    // Without it this promotion is refused for that, too.
    promote("").expect(1, &words);
    promote("--dry-run").expect(1, &["nothing would be recorded: the store lacks a document"]);
    // Who hands it in again is heard, and the store has it once more.
    promote("--reviews reviews").expect(0, &["decision recorded as entry 4"]);
    assert!(piece(&door, &lost).exists());
    std::fs::remove_file(piece(&door, &lost)).unwrap();
    erase(&door, &lost.to_string(), "keys/ada").expect(0, &["log entry 5 says why"]);
    promote("").expect(1, &["decision recorded as entry 6"]);
    door.run("audit export --store store --output gone.cspkg").expect(0, &[]);
    let said = door.trusting("audit verify gone.cspkg --least-checkpoint outside/checkpoint");
    assert!(!said.text.contains("untrusted["), "{}", said.text);
}

#[test]
fn what_was_erased_does_not_count_again_and_what_looked_at_it_is_withheld_and_not_called_altered() {
    let door = Door::new();
    let named = review(&door);
    let kept = "--least-checkpoint outside/checkpoint";
    // Without the review: refused, with the review of the decision before taken in from the log.
    door.promote(kept).expect(3, &["entry 4"]);
    erase(&door, &named.to_string(), "keys/ada").expect(0, &["log entry 5 says why"]);
    let documents = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
    let again = door.promote(&format!("{documents} {kept}"));
    assert_ne!(again.code, 0, "{}", again.text);
    assert!(
        again.text.contains("log entry 5 says that it is erased") && again.text.contains("entry 6"),
        "{}",
        again.text
    );
    assert!(!piece(&door, &named).exists());
    check(&door).expect(0, &["1 erased", "PASS"]);
    door.run("audit export --store store --output erased.cspkg").expect(0, &["7 entries"]);
    let said = door.trusting(&format!("audit verify erased.cspkg {kept}"));
    // The refusal in between looked at the review as well; its decision says that it agreed, so it comes out the same.
    said.expect(3, &["indeterminate[evidence-withheld]", "log entry 3, ", "1 rest on evidence that was erased"]);
    assert!(!said.text.contains("untrusted[") && !said.text.contains("NOT the same"), "{}", said.text);
}

#[test]
fn an_approval_that_was_erased_stops_nobody_and_a_rejection_is_not_erased() {
    let door = Door::new();
    let kept = "--least-checkpoint outside/checkpoint";
    erase(&door, &review(&door).to_string(), "keys/ada").expect(0, &["erased"]);
    // What it approved is not approved any more; that somebody may have rejected something is not said.
    let said = door.promote(&format!("--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json {kept}"));
    assert_ne!(said.code, 0, "{}", said.text);
    said.expect(said.code, &["PASS  evidence-recorded"]);
    assert!(!said.text.contains("evidence-withheld"), "{}", said.text);
    door.run("audit export --store store --output erased.cspkg").expect(0, &[]);
    door.trusting(&format!("audit verify erased.cspkg {kept}")).expect(3, &["1 rest on evidence that was erased"]);

    let door = Door::new();
    std::fs::create_dir(door.path().join("against")).unwrap();
    let head = door.git("rev-parse HEAD^2");
    door.run_words(&[
        "review",
        "sign",
        &head,
        "--reject",
        "--base",
        "HEAD~1",
        "--target",
        "refs/heads/main",
        "--repository",
        "git+https://example.com/demo/app",
        "--key",
        "keys/ben",
        "--dir",
        "against",
        "--repo",
        "app",
    ])
    .expect(0, &[]);
    let documents = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
    door.promote(&format!("{documents} --reviews against {kept}")).expect(1, &["review-rejected"]);
    let file = std::fs::read_dir(door.path().join("against")).unwrap().next().unwrap().unwrap().path();
    let rejection = Sha256::of(std::fs::read(file).unwrap().trim_ascii_end());
    let said = erase(&door, &rejection.to_string(), "keys/ada");
    said.expect(1, &["refused[erasure-forbidden]", "speaks against changes", "nothing was erased"]);
    assert!(piece(&door, &rejection).exists());
    door.promote(&format!("{documents} {kept}")).expect(1, &["review-rejected"]);
}

#[test]
fn one_piece_is_erased_for_a_reason_that_stays_and_the_log_stays_provable() {
    let door = Door::new();
    let named = review(&door);
    let text = named.to_string();
    let trust = Sha256::of(&door.read("trust.sigstore.json"));
    erase(&door, &trust.to_string(), "keys/ada").expect(1, &["refused[erasure-forbidden]", "the log is read with"]);
    erase(&door, &Sha256::of(b"x").to_string(), "keys/ada").expect(1, &["nothing in the log names this piece"]);
    erase(&door, &text, "keys/gate.pem").expect(4, &["not a policy approver's"]);
    assert!(piece(&door, &named).exists() && door.entries() == 4);
    erase(&door, &text, "keys/ada").expect(0, &["erased", "log entry 4 says why, by person ada"]);
    assert!(!piece(&door, &named).exists());
    check(&door).expect(0, &["1 erased", "PASS"]);
    door.trusting("log verify --store store --least-checkpoint outside/checkpoint").expect(0, &["5 entries", "PASS"]);
    door.run("log show --store store").expect(0, &["evidence-erasure", &text]);
    // A run that died between saying so and doing so is repeated, and one that was done has nothing more to do.
    erase(&door, &text, "keys/ada").expect(0, &["was not there any more", "log entry 4"]);
    std::fs::write(piece(&door, &named), b"put back").unwrap();
    check(&door).expect(1, &["refused[erasure-undone]"]);
    erase(&door, &text, "keys/ada").expect(0, &["erased", "log entry 4"]);
    assert_eq!(door.entries(), 5);
    // What rests on it is withheld, and passes for nothing.
    let digest = Sha256::of(&door.read("app.bin")).to_string();
    door.trusting(&format!(
        "verify {digest} --promoted-to production --store store --least-checkpoint outside/checkpoint"
    ))
    .expect(3, &["evidence-withheld"]);
    door.run("audit export --store store --output erased.cspkg").expect(0, &["5 entries"]);
    let said = door.trusting("audit verify erased.cspkg --least-checkpoint outside/checkpoint");
    said.expect(
        3,
        &["indeterminate[evidence-withheld]", "log entry 4 says that it is erased", "withheld", "1 rest on evidence"],
    );
    assert!(!said.text.contains("NOT the same"), "{}", said.text);
    assert!(!said.text.contains("untrusted[") && !said.text.contains("decision-differs"), "{}", said.text);
    // Whoever leaves a piece out that the log does not say is erased is told so, and nothing passes either.
    let other = Sha256::of(door.read("app.sbom.sigstore.json").trim_ascii_end());
    std::fs::remove_file(piece(&door, &other)).unwrap();
    door.run("audit export --store store --output lacking.cspkg").expect(3, &[&other.to_string()]);
}

#[test]
fn an_erasure_that_is_repeated_keeps_the_checkpoint_that_the_first_run_did_not_keep() {
    let door = Door::new();
    let named = review(&door);
    erase(&door, &named.to_string(), "keys/ada").expect(0, &["erased", "log entry 4"]);
    let size = |name: &str| String::from_utf8(door.read(name)).unwrap().lines().nth(1).map(str::to_owned);
    assert_eq!(size("outside/checkpoint").as_deref(), Some("4"));
    for output in ["outside/new", "outside/checkpoint"] {
        door.trusting(&format!(
            "evidence erase {named} --reason again --key keys/ada --log-key keys/log.pem --store store --least-checkpoint \
             outside/checkpoint --checkpoint-output {output}"
        ))
        .expect(0, &["was not there any more", "log entry 4"]);
        assert_eq!(size(output).as_deref(), Some("5"), "{output}");
        assert_eq!(door.read(output), door.read("store/log/checkpoint"));
    }
    assert_eq!(door.entries(), 5);
}

/// The demo's promotion, recorded as something else by whoever holds the log's key. Its document.
fn recorded_as(door: &Door, kind: Kind) -> Sha256 {
    let mut document = None;
    door.rewrite_log(|entries| {
        let mut entry = Entry::parse(&entries.pop().unwrap()).unwrap();
        assert_eq!(entry.kind, Kind::PromotionDecision);
        (entry.kind, entry.environment, entry.evidence) = (kind, None, Vec::new());
        entry.statements.truncate(1);
        document = entry.statement().copied();
        entries.push(entry.to_bytes().unwrap());
    });
    document.unwrap()
}

#[test]
fn what_is_recorded_as_something_else_is_not_erased() {
    let refused = [
        (Kind::ManualEvidence, 4, "untrusted[log-entry-malformed]"),
        (Kind::Sbom, 1, "refused[erasure-forbidden]"),
        (Kind::Vsa, 1, "refused[erasure-forbidden]"),
    ];
    for (kind, code, said) in refused {
        let door = Door::new();
        let document = recorded_as(&door, kind);
        let verify = || door.trusting("log verify --store store --least-checkpoint outside/checkpoint");
        verify().expect(4, &["untrusted[log-entry-malformed]", "log entry 3"]);
        erase(&door, &document.to_string(), "keys/ada").expect(code, &[said, "log entry 3"]);
        assert!(piece(&door, &document).exists() && door.entries() == 4, "{kind:?}");
        verify().expect(4, &["untrusted[log-entry-malformed]"]);
    }
}

/// Evidence by hand, which counts from the demo's promotion on.
struct ByHand<'d> {
    door: &'d Door,
    from: String,
    until: String,
}

impl<'d> ByHand<'d> {
    fn about(door: &'d Door) -> Self {
        door.write("protocol.txt", b"all doors were closed");
        let from = entry(door, 3)["entry"]["time"].as_str().unwrap().to_owned();
        let until = from.parse::<Time>().unwrap().plus(100 * 24 * 60 * 60).to_string();
        Self { door, from, until }
    }

    /// Records what ada says; the same words at the same times are the same piece.
    fn add(&self, statement: &str) -> Said {
        let Self { door, from, until } = self;
        let line = format!(
            "evidence add manual --statement {statement} --document protocol.txt --as-of {from} --valid-until {until} \
             --key keys/ada --log-key keys/log.pem --store store --least-checkpoint outside/checkpoint \
             --trust trust.sigstore.json --trust-digest {}",
            door.digest()
        );
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.extend(["--control", "SOC 2 CC6.4"]);
        door.run_words(&words)
    }

    /// The piece that an entry recorded.
    fn recorded(&self, index: usize) -> Sha256 {
        entry(self.door, index)["entry"]["statements"][0].as_str().unwrap().parse().unwrap()
    }
}

/// An entry of the log, as it is shown to programs.
fn entry(door: &Door, index: usize) -> serde_json::Value {
    let said = door.run(&format!("log show --store store --entry {index} --format json")).out;
    serde_json::from_str(&said).unwrap()
}

#[test]
fn evidence_by_hand_that_is_erased_is_withheld_wherever_somebody_looks() {
    let door = Door::new();
    let by_hand = ByHand::about(&door);
    let least = "--least-checkpoint outside/checkpoint";
    by_hand.add("ada-tried-the-doors").expect(0, &["person ada attests SOC 2 CC6.4"]);
    let digest = by_hand.recorded(4).to_string();
    door.trusting(&format!("log verify --store store {least}")).expect(0, &["each with what its kind records"]);
    erase(&door, &digest, "keys/ben")
        .expect(0, &["erased", "say from now on that it is withheld, and end with 3: log entry 4"]);
    let words = ["indeterminate[evidence-withheld]", "log entry 4", "nobody can see any more"];
    door.trusting(&format!("log verify --store store {least}")).expect(3, &words);
    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    let said = door.trusting(&format!("audit verify year.cspkg {least}"));
    said.expect(3, &words);
    assert!(!said.text.contains("untrusted["), "{}", said.text);
    door.trusting(&format!("audit ask Q21 year.cspkg {least}"))
        .expect(3, &["Q21  INDETERMINATE", "it was erased, as log entry 5 says"]);
    let said = door.trusting(&format!("controls coverage --store store {least}"));
    assert!(said.text.contains("it was erased, as log entry 5 says"), "{}", said.text);
    for other in ["missing or altered", "from the store where the decision was made"] {
        assert!(!said.text.contains(other), "{}", said.text);
    }
}

#[test]
fn evidence_by_hand_that_was_erased_is_not_added_again_and_no_package_is_made_with_it() {
    let door = Door::new();
    let by_hand = ByHand::about(&door);
    let least = "--least-checkpoint outside/checkpoint";
    by_hand.add("ada-tried-the-doors").expect(0, &["person ada attests SOC 2 CC6.4"]);
    let digest = by_hand.recorded(4);
    let bytes = std::fs::read(piece(&door, &digest)).unwrap();
    erase(&door, &digest.to_string(), "keys/ben").expect(0, &["erased"]);
    // The same words by the same key are the same piece.
    let again = ["refused[manual-evidence]", "log entry 5 says that it is erased", "nothing was recorded"];
    by_hand.add("ada-tried-the-doors").expect(1, &again);
    assert!(!piece(&door, &digest).exists() && door.entries() == 6);
    by_hand.add("ada-tried-again-the-doors").expect(0, &["log entry 6"]);

    // A run that died between saying so and doing so.
    std::fs::write(piece(&door, &digest), bytes).unwrap();
    let said = door.trusting(&format!("log verify --store store {least}"));
    said.expect(1, &["refused[erasure-undone]", "log entry 4", "log entry 5 says that it is erased"]);
    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    let said = door.trusting(&format!("audit verify year.cspkg {least}"));
    said.expect(3, &["indeterminate[evidence-withheld]", "log entry 4"]);
    assert!(!said.text.contains("untrusted[") && !said.text.contains("erasure-undone"), "{}", said.text);
    let said = door.trusting(&format!("controls coverage --store store {least}"));
    assert!(said.text.contains("it was erased, as log entry 5 says"), "{}", said.text);
}

#[test]
fn a_promotion_does_not_count_where_the_log_says_that_its_evidence_is_erased_and_the_piece_still_lies_there() {
    let door = Door::new();
    let named = review(&door);
    let bytes = std::fs::read(piece(&door, &named)).unwrap();
    let digest = Sha256::of(&door.read("app.bin"));
    let promoted =
        format!("verify {digest} --promoted-to production --store store --least-checkpoint outside/checkpoint");
    door.trusting(&promoted).expect(0, &["verified"]);
    erase(&door, &named.to_string(), "keys/ada").expect(0, &["erased"]);
    std::fs::write(piece(&door, &named), bytes).unwrap();
    door.trusting(&promoted).expect(3, &["evidence-withheld", "log entry 4 says that it is erased"]);
}
