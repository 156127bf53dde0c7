//! At the door: a log that was set back is not written to, and a review that shows nothing is not signed.

use countersign_tests::door::Door;

const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews \
                        --lock countersign.lock --least-checkpoint outside/checkpoint";

#[test]
fn a_log_that_was_set_back_gets_no_entry_in_the_place_of_another() {
    let door = Door::new();
    door.copy("store", "before");
    door.promote(&format!("{EVIDENCE} --checkpoint-output outside/checkpoint")).expect(0, &["authorised"]);
    std::fs::remove_dir_all(door.path().join("store")).expect("removed");
    door.copy("before", "store");
    let entries = door.entries();
    door.promote(EVIDENCE).expect(4, &["untrusted[log-rolled-back]", "nothing was recorded"]);
    assert_eq!(door.entries(), entries);
}

#[test]
fn a_log_that_is_gone_and_of_which_a_checkpoint_was_kept_is_named_set_back_by_every_verb_that_writes() {
    let door = Door::new();
    door.write("doc.txt", b"minutes");
    std::fs::remove_dir_all(door.path().join("store")).expect("removed");
    let piece = format!("sha256:{}", "ab".repeat(32));
    let to = "--store store --log-key keys/log.pem --least-checkpoint outside/checkpoint";
    for verb in [
        format!(
            "evidence add manual --document doc.txt --control SOC2/CC6.4 --statement reviewed --as-of 2026-01-01T00:00:00Z \
                 --valid-until 2099-01-01T00:00:00Z --key keys/ada {to}"
        ),
        format!("evidence erase {piece} --reason asked --key keys/ada {to}"),
        format!("policy activate policy.sigstore.json --environment production --key keys/ada {to}"),
        format!("log close --successor example.com/next --key keys/gate.pem {to}"),
        "log continue --earlier store --store next --key keys/gate.pem --log-key keys/log.pem \
         --least-checkpoint outside/checkpoint"
            .to_owned(),
    ] {
        let said = door.trusting(&verb);
        said.expect(4, &["log-rolled-back", "restore the log from a copy that is not older"]);
        assert!(!said.text.contains("makes a new log"), "{verb}: {}", said.text);
        assert!(!door.has("store"), "{verb}");
    }
    // Whatever is kept where the next checkpoint is to go says the same.
    door.promote(&format!("{EVIDENCE} --checkpoint-output outside/checkpoint")).expect(4, &["log-rolled-back"]);
}

#[test]
fn a_least_checkpoint_that_lies_in_the_store_vouches_for_nothing() {
    let door = Door::new();
    let evidence = EVIDENCE.replace("outside/checkpoint", "store/log/checkpoint");
    door.promote(&evidence).expect(2, &["store/log/checkpoint lies in the store", "keep it elsewhere"]);
}

#[test]
fn a_change_that_is_in_its_base_already_is_not_reviewed_and_the_right_base_is_named() {
    let door = Door::new();
    let landed = door.git("rev-parse HEAD^2");
    let before = door.git("rev-parse HEAD^1");
    let sign = "review sign --repo app --repository git+https://example.com/demo/app --key keys/ben --dir again";
    let base = format!("--base {before}");
    door.run(&format!("{sign} {landed}")).expect(3, &["indeterminate[range-empty]", &base, "nothing was signed"]);
    assert!(!door.has("again"));
    door.run(&format!("{sign} {landed} {base}")).expect(0, &["signed: approve"]);
}

#[test]
fn a_checkpoint_goes_to_standard_output_whatever_is_behind_it() {
    let door = Door::new();
    door.write("outside/note", b"remember the milk\n");
    let checkpoint = "countersign log checkpoint --store store --output /dev/stdout";
    door.shell(".", &format!("{checkpoint} >> outside/note"), &[]).expect(0, &[]);
    let note = String::from_utf8(door.read("outside/note")).expect("text");
    assert!(note.starts_with("remember the milk\nexample.com/log\n4\n"), "{note}");
    // A pipe is not read: it would wait for the program that reads it.
    door.shell(".", &format!("timeout 60 {checkpoint} | cat"), &[]).expect(0, &["example.com/log\n4\n"]);
}

#[test]
fn what_grows_with_each_run_goes_into_a_pipe_without_being_read_from_it() {
    let door = Door::new();
    let given =
        format!("--trust trust.sigstore.json --trust-digest {} --least-checkpoint outside/checkpoint", door.digest());
    for (line, words) in [
        (format!("policy lock --environment production --store store {given} --lock"), "production"),
        ("trust sign trust.toml --key keys/ada --output".to_owned(), "payload"),
        ("policy approve policy.manifest.json --key keys/ada --output".to_owned(), "payload"),
    ] {
        let said = door.shell(".", &format!("timeout 60 countersign {line} /dev/stdout | cat"), &[]);
        said.expect(0, &[words]);
    }
}
