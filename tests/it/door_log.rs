//! The log as people look at it: what was decided, and whether it goes on from what was kept.

use countersign_core::digest::Sha256;
use countersign_tests::door::Door;
use serde_json::Value;

#[test]
fn the_list_of_entries_shows_what_was_decided() {
    let door = Door::new();
    let said = door.run("log show --store store");
    said.expect(0, &["decision"]);
    let row = |entry: &str| said.out.lines().find(|line| line.starts_with(entry)).unwrap().to_owned();
    assert!(row("2 ").contains("production   FAIL  "), "{}", said.out);
    assert!(row("3 ").contains("production   PASS, authorised"), "{}", said.out);
    let json: Value = serde_json::from_str(&door.run("log show --store store --format json").out).unwrap();
    assert_eq!((&json["entries"][3]["verdict"], &json["entries"][3]["authorised"]), (&"PASS".into(), &true.into()));
    assert_eq!(json["entries"][1]["verdict"], Value::Null);
    std::fs::remove_dir_all(door.path().join("store/evidence")).unwrap();
    door.run("log show --store store").expect(0, &["not in the store"]);
}

#[test]
fn a_log_without_an_entry_is_no_success_and_nothing_is_packed_of_it() {
    let door = Door::new();
    door.run("log init --origin example.com/log --key keys/log.pem --store empty").expect(0, &[]);
    door.trusting("log verify --store empty").expect(3, &["decision-missing", "the log has no entry", "INDETERMINATE"]);
    let said = door.run("audit export --store empty --output empty.cspkg");
    said.expect(3, &["the log has no entry", "nothing was written"]);
    assert!(!said.text.contains("git evidence"), "{}", said.text);
}

#[test]
fn a_log_that_lost_its_checkpoint_or_is_gone_is_never_begun_anew() {
    let door = Door::new();
    let least = "--least-checkpoint outside/checkpoint";
    let artifact = Sha256::of(&door.read("app.bin"));
    let looks = || {
        [
            door.trusting(&format!("log verify --store store {least}")),
            door.trusting(&format!("verify {artifact} --promoted-to production --store store {least}")),
            door.promote(least),
        ]
    };
    door.shell(".", "chmod -R u+w store/log && rm store/log/checkpoint", &[]).expect(0, &[]);
    for said in looks() {
        said.expect(4, &["is gone, and its tiles are there"]);
        assert!(!said.text.contains("log init"), "{}", said.text);
    }
    door.shell(".", "rm -r store/log", &[]).expect(0, &[]);
    for said in looks() {
        said.expect(4, &["untrusted[log-rolled-back]", "at least 4 entries", "a new one is not that log"]);
        assert!(!said.text.contains("log init"), "{}", said.text);
    }
    // Who kept nothing cannot tell.
    door.trusting("log verify --store store").expect(3, &["there is no log"]);
}

#[test]
fn what_others_put_into_a_collection_about_other_artifacts_is_passed_over() {
    let door = Door::new();
    door.write("other.bin", b"another artifact");
    let text = String::from_utf8(door.read("app.provenance.json")).unwrap();
    let digest = Sha256::of(b"another artifact").to_string();
    let own = Sha256::of(&door.read("app.bin")).to_string();
    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    door.write("other.prov.json", text.replace(&hex(&own), &hex(&digest)).as_bytes());
    door.run("sign other.prov.json --key keys/builder.pem --output other.json").expect(0, &[]);
    let line = |file: &str| String::from_utf8(door.read(file)).unwrap().trim_end().to_owned();
    let (own, other) = (line("app.provenance.sigstore.json"), line("other.json"));
    door.write("got.sigstore.jsonl", format!("{own}\n{other}\n").as_bytes());
    door.trusting("verify app.bin --bundle got.sigstore.jsonl --type provenance")
        .expect(0, &["1 about others passed over", "PASS"]);
    // A file that was named for it is about it, or refused; and so is a collection with nothing about it.
    door.trusting("verify app.bin --bundle app.provenance.sigstore.json --bundle other.json").expect(4, &[]);
    door.write("none.sigstore.jsonl", format!("{other}\n{other} \n").as_bytes());
    door.trusting("verify app.bin --bundle none.sigstore.jsonl").expect(4, &[]);
}

#[test]
fn what_lies_where_witnesses_cosigned_is_looked_at() {
    let door = Door::new();
    let verify = || door.trusting("log verify --store store --least-checkpoint outside/checkpoint");
    let own = door.read("store/log/checkpoint");
    door.write("store/log/cosigned", &own);
    verify().expect(4, &["untrusted[log-checkpoint-invalid]", "log/cosigned", "nobody cosigned it"]);
    door.write("store/log/cosigned", b"hello");
    verify().expect(4, &["log-cosigned", "untrusted[log-checkpoint-invalid]", "log/cosigned"]);
    // Trust may come to know who that is: it proves nothing, and accuses nobody.
    let line = "\u{2014} witness.example/all-is-well YWJjZHh4eHg=\n".as_bytes();
    door.write("store/log/cosigned", &[own.as_slice(), line].concat());
    let said = verify();
    said.expect(0, &["note[log-line-unknown]", "witness.example/all-is-well", "PASS"]);
    assert!(!said.text.contains("log-cosigned"), "{}", said.text);
    // So it is with the log's own checkpoint, on which its own line stands once.
    door.write("store/log/cosigned", &[own.as_slice(), line, line].concat());
    door.write("store/log/checkpoint", &[own.as_slice(), line].concat());
    verify().expect(0, &["note[log-line-unknown]", "log/checkpoint", "log/cosigned", "PASS"]);
    let last = String::from_utf8(own.clone()).unwrap().lines().last().unwrap().to_owned() + "\n";
    door.write("store/log/checkpoint", &[own.as_slice(), last.as_bytes()].concat());
    verify().expect(4, &["untrusted[log-checkpoint-invalid]", "log/checkpoint", "the log's own line twice"]);
}

#[test]
fn a_log_is_checked_against_the_checkpoint_that_was_kept() {
    let door = Door::new();
    let verify = |more: &str| door.trusting(&format!("log verify --store store {more}"));
    verify("").expect(0, &["whether the log was rewound is not checked", "PASS"]);
    let whole = verify("--least-checkpoint outside/checkpoint");
    whole.expect(0, &["log-continues", "from 4 to 4 entries"]);
    assert!(!whole.text.contains("is not checked"), "{}", whole.text);
    let line =
        format!("countersign log verify --store store --trust trust.sigstore.json --trust-digest {}", door.digest());
    let kept = [("COUNTERSIGN_LEAST_CHECKPOINT", "outside/checkpoint")];
    door.shell(".", &line, &kept).expect(0, &["from 4 to 4 entries"]);
    // The log grows, the newest checkpoint is kept, and somebody puts the older copy back.
    door.copy("store", "older");
    door.promote("--least-checkpoint outside/checkpoint --checkpoint-output outside/newer").expect(3, &["entry 4"]);
    door.trusting("log verify --store older --least-checkpoint outside/newer")
        .expect(4, &["untrusted[log-rolled-back]", "FAIL"]);
    verify("--least-checkpoint outside/newer").expect(0, &["from 5 to 5 entries"]);
    // Nor does what was kept become an older one, whoever writes there: the next gate would not see that the log was set back.
    let newer = door.read("outside/newer");
    door.run("log checkpoint --store older --output outside/newer")
        .expect(4, &["untrusted[log-rolled-back]", "outside/newer", "at least 5 entries"]);
    door.run("log checkpoint --store older --least-checkpoint outside/newer").expect(4, &["log-rolled-back"]);
    door.run("log checkpoint --store older --least-checkpoint outside/gone --output outside/new")
        .expect(5, &["the least checkpoint is not there: outside/gone", "name the file that the last run kept"]);
    door.write("outside/empty", b"\n");
    door.run("log checkpoint --store older --least-checkpoint outside/empty").expect(2, &["outside/empty is empty"]);
    assert!(!door.has("outside/new"));
    door.run("log checkpoint --store older --least-checkpoint outside/new --output outside/new").expect(0, &[]);
    door.run("log checkpoint --store older --least-checkpoint outside/next --output ./outside/next").expect(0, &[]);
    for of in ["--least-checkpoint outside/newer", "--output outside/newer"] {
        door.run(&format!("log checkpoint --store nowhere {of}"))
            .expect(4, &["log-rolled-back", "there is no log here"]);
    }
    let gate = |store: &str| {
        door.trusting(&format!(
            "promote app.bin --to production --repo app --store {store} --key keys/gate.pem --log-key keys/log.pem \
             --least-checkpoint outside/checkpoint --checkpoint-output outside/newer"
        ))
    };
    gate("older").expect(4, &["untrusted[log-rolled-back]", "outside/newer", "nothing was authorised"]);
    door.write("outside/note", b"remember the milk\n");
    door.run("log checkpoint --store store --output outside/note").expect(2, &["outside/note", "is no checkpoint"]);
    assert!(door.read("outside/newer") == newer && door.read("outside/note") == b"remember the milk\n");
    let shown: Value = serde_json::from_str(&door.run("log show --store older --format json").out).unwrap();
    assert_eq!(shown["size"], 4);
    door.run("log checkpoint --store store --output outside/newer").expect(0, &["5 entries"]);
    gate("store").expect(3, &["entry 5"]);
    door.write("outside/other", b"no checkpoint\n");
    verify("--least-checkpoint outside/other").expect(4, &["--> ", "outside/other", "FAIL"]);
}

#[test]
fn what_the_log_has_about_an_artifact_is_found_by_an_index_that_is_built_again_where_it_is_not_of_this_log() {
    let door = Door::new();
    let digest = Sha256::of(&door.read("app.bin"));
    let find = |store: &str| door.run(&format!("log find --subject {digest} --store {store}"));
    find("store").expect(0, &["PASS, authorised", "production", "by an index of 4 entries"]);
    door.copy("store", "older");
    door.promote("").expect(3, &["entry 4"]);
    find("store").expect(0, &["by an index of 5 entries"]);
    // The older copy, with the newer one's index if there is one.
    if door.has("store/index.sqlite") {
        door.write("older/index.sqlite", &door.read("store/index.sqlite"));
    }
    find("older").expect(0, &["by an index of 4 entries"]);
    let json: Value = serde_json::from_str(&door.run("log find --store store --format json").out).unwrap();
    let days = json["days"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["count"].as_u64().unwrap()).sum::<u64>(), 3);
    assert!(!json["rules"].as_array().unwrap().is_empty());
    let none = door.run("log find --since 2099-01-01 --store store --format json").out;
    assert_eq!(serde_json::from_str::<Value>(&none).unwrap()["days"], serde_json::json!([]));
}
