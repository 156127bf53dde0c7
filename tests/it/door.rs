//! What people meet at the door: each refusal with its words, its exit code, and nothing half-written.

use countersign_core::bundle::Signed;
use countersign_core::statement::{Kind, Statement};
use countersign_tests::door::{Door, Said};
use serde_json::Value;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const LEAST: &str = "--least-checkpoint outside/checkpoint";
const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";

#[test]
fn keys_that_cannot_sign_are_refused_by_kind_and_nothing_is_written() {
    let door = Door::new();
    let sign = |key: &str| door.run(&format!("sign app.provenance.json --key {key} --output new.json"));
    sign("nokey.pem").expect(5, &["no key file at nokey.pem", "countersign key generate", "nothing was written"]);
    sign("keys/ada").expect(2, &["OpenSSH private key", "nothing was written"]);
    sign("keys/builder.pem.pub").expect(2, &["this is a public key", "nothing was written"]);
    sign("app.bin").expect(2, &["nothing was written"]);
    door.write("open.pem", &door.read("keys/builder.pem"));
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(door.path().join("open.pem"), open).unwrap();
    sign("open.pem").expect(2, &["mode 0644", "chmod 600 open.pem", "nothing was written"]);
    assert!(!door.has("new.json"));
    sign("keys/builder.pem").expect(0, &["new.json: https://slsa.dev/provenance/v1"]);
}

#[test]
fn bundles_that_do_not_hold_are_refused_with_their_place() {
    let door = Door::new();
    let verify = |bundle: &str| door.trusting(&format!("verify app.bin --bundle {bundle}"));
    let whole = door.read("app.provenance.sigstore.json");
    verify("nothing.json").expect(5, &["could not read nothing.json", "nothing was verified"]);
    door.write("cut.json", &whole[..whole.len() / 2]);
    verify("cut.json").expect(4, &["untrusted[bundle-malformed]", "cut.json"]);
    door.write("empty.json", b"");
    verify("empty.json").expect(3, &["no-statements"]);
    door.write("twice.json", b"{\"mediaType\":\"a\",\"mediaType\":\"b\"}");
    verify("twice.json").expect(4, &["duplicate key \"mediaType\""]);
    let large = std::fs::File::create(door.path().join("large.json")).unwrap();
    large.set_len(100 << 20).unwrap();
    verify("large.json").expect(4, &["found:    104857600 bytes"]);
    let mut flipped = whole.clone();
    let at = flipped.windows(7).position(|w| w == b"\"sig\":\"").unwrap() + 20;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    door.write("flipped.json", &flipped);
    verify("flipped.json").expect(4, &["untrusted[signature-invalid]", "not verified"]);
    verify("app.provenance.sigstore.json").expect(0, &["SLSA Build L1", "verified"]);
}

#[test]
fn an_artifact_is_named_by_its_bytes_and_never_by_a_tag() {
    let door = Door::new();
    door.trusting("verify app:latest --bundle app.sbom.sigstore.json").expect(2, &["is a tag", "sha256:"]);
    door.trusting("verify trust.toml --bundle app.sbom.sigstore.json").expect(4, &["untrusted[subject-mismatch]"]);
    door.trusting("verify app.bin --bundle app.provenance.sigstore.json --level 2")
        .expect(1, &["refused[builder-level]"]);
    door.trusting("verify app.bin --bundle app.provenance.sigstore.json --type sbom")
        .expect(1, &["predicate-mismatch"]);
    let name = std::ffi::OsStr::from_bytes(b"app\xff");
    std::fs::copy(door.path().join("app.bin"), door.path().join(name)).unwrap();
    let said = door.run_os(&["promote".as_ref(), name, "--to".as_ref(), "production".as_ref()], EVIDENCE, LEAST);
    said.expect(5, &["is not UTF-8", "nothing was authorised"]);
}

#[test]
fn a_statement_of_a_kind_of_others_is_signed_as_it_stands_and_passes_no_trust() {
    let door = Door::new();
    let text = String::from_utf8(door.read("app.provenance.json")).unwrap();
    let of = |kind: &str| text.replace("https://slsa.dev/provenance/v1", kind).into_bytes();
    door.write("odd.json", &of("https://countersign.dev/odd/v1"));
    door.run("sign odd.json --key keys/builder.pem --output new.json")
        .expect(3, &["predicate-unknown", "nothing was written"]);
    assert!(!door.has("new.json"));
    door.write("odd.json", &of("https://example.com/odd/v1"));
    door.run("sign odd.json --key keys/builder.pem --output new.json").expect(0, &["https://example.com/odd/v1"]);
    let by_key = "--key keys/builder.pem.pub --transparency none";
    door.run(&format!("verify app.bin --bundle new.json {by_key} --type https://example.com/odd/v1"))
        .expect(0, &["verified"]);
    let said = door.trusting("verify app.bin --bundle new.json");
    assert!(said.code != 0, "{}", said.text);
}

#[test]
fn trust_counts_only_with_its_digest_from_outside() {
    let door = Door::new();
    let verify = "verify app.bin --bundle app.sbom.sigstore.json --trust trust.sigstore.json";
    door.run(verify).expect(3, &["indeterminate[trust-digest-not-given]", door.digest()]);
    let other = format!("sha256:{}", "0".repeat(64));
    door.run(&format!("{verify} --trust-digest {other}")).expect(4, &["untrusted[trust-digest-mismatch]"]);
    door.run(&format!("{verify} --trust-digest sha256:12")).expect(2, &["64 hexadecimal characters"]);
}

#[test]
fn trust_that_has_expired_or_contradicts_itself_is_refused() {
    let door = Door::new();
    let toml = String::from_utf8(door.read("trust.toml")).unwrap();
    let year = |name: &str| toml.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    let expired = toml.replace(&year("not_before"), "not_before = \"2020-01-01T00:00:00Z\"");
    let expired = expired.replace(&year("expires"), "expires = \"2021-01-01T00:00:00Z\"");
    door.write("old.toml", expired.as_bytes());
    for person in ["ada", "ben"] {
        let said = door.run(&format!("trust sign old.toml --key keys/{person} --output old.sigstore.json"));
        said.expect(0, &["old.sigstore.json: sha256:"]);
    }
    door.run("trust show old.sigstore.json").expect(4, &["untrusted[trust-expired]"]);
    door.run("trust sign old.toml --key keys/gate.pem --output old.sigstore.json").expect(4, &["signer-not-allowed"]);
    let lines: Vec<&str> = toml.lines().filter(|line| line.contains("ssh-ed25519")).collect();
    door.write("shared.toml", toml.replace(lines[1], lines[0]).as_bytes());
    door.run("trust digest shared.toml").expect(4, &["untrusted[key-shared]", "person ada and person ben share a key"]);
    door.write("broken.toml", b"version = ");
    door.run("trust digest broken.toml").expect(4, &["untrusted[trust-malformed]", "broken.toml"]);
}

#[test]
fn the_gate_asks_for_every_argument_and_records_what_it_said() {
    let door = Door::new();
    let before = door.entries();
    door.promote(&format!("--dry-run {EVIDENCE}"))
        .expect(3, &["rollback-undetectable", "dry run: nothing was recorded"]);
    door.promote(&format!("--dry-run {LEAST} --lock none.lock {EVIDENCE}")).expect(3, &["pin-missing"]);
    door.promote(&format!("--dry-run {LEAST} --param least=0 {EVIDENCE}")).expect(2, &["--param"]);
    assert_eq!(door.entries(), before, "a dry run records nothing");
    door.promote(LEAST).expect(3, &["no-statements", "provenance-missing", "decision recorded as entry"]);
    assert_eq!(door.entries(), before + 1, "a refusal is recorded");
    let lock = String::from_utf8(door.read("countersign.lock")).unwrap();
    door.write("countersign.lock", lock.replace("min_version = 1", "min_version = 2").as_bytes());
    door.promote(&format!("{LEAST} {EVIDENCE}")).expect(1, &["refused[pin-mismatch]"]);
    door.trusting("log verify --store store").expect(0, &["PASS"]);
}

#[test]
fn a_log_in_use_is_waited_for_by_nobody_and_nothing_is_recorded() {
    let door = Door::new();
    let before = door.entries();
    let lock = std::fs::File::options().write(true).open(door.path().join("store/log/.lock")).unwrap();
    lock.lock().unwrap();
    door.promote(&format!("{LEAST} {EVIDENCE}")).expect(5, &["another process has the log", "nothing was authorised"]);
    drop(lock);
    assert_eq!(door.entries(), before);
}

#[test]
fn a_store_that_is_missing_or_in_the_way_is_no_new_store() {
    let door = Door::new();
    let show = |store: &str| door.trusting(&format!("policy history --store {store}"));
    show("elsewhere").expect(3, &["there is no log", "countersign log init"]);
    assert!(!door.has("elsewhere"));
    show("app.bin").expect(5, &["app.bin"]);
    let again = "log init --origin example.com/log --key keys/log.pem --store store";
    door.run(again).expect(5, &["no log is created"]);
}

#[test]
fn the_record_answers_deploy_scripts_and_an_altered_one_does_not() {
    let door = Door::new();
    let digest = countersign_core::digest::Sha256::of(&door.read("app.bin"));
    let ask = |what: &str| door.trusting(&format!("verify {what} --promoted-to production --store store {LEAST}"));
    ask(&digest.to_string()).expect(0, &["PASS in entry 3", "verified"]);
    ask(&format!("sha256:{}", "1".repeat(64))).expect(3, &["indeterminate[decision-missing]"]);
    let tile = door.path().join("store/log/tile/entries/000.p/4");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[30] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    door.trusting("log verify --store store").expect(4, &["tile/entries/000.p/4"]);
    assert_eq!(ask(&digest.to_string()).code, 4);
}

#[test]
fn an_auditor_needs_one_file_and_trust_from_elsewhere() {
    let door = Door::new();
    door.trusting("audit verify demo.cspkg").expect(0, &["2 run again, 0 come out otherwise", "PASS"]);
    let said = door.run("audit verify demo.cspkg");
    said.expect(3, &["internal consistency only", "log-end-unproven"]);
    // What was not looked at is no line of what holds.
    assert!(!said.text.contains("log-continues"), "{}", said.text);
    door.trusting("audit verify altered.cspkg").expect(4, &["untrusted[package-"]);
    door.run("audit export --store store --output again.cspkg").expect(0, &["again.cspkg"]);
    assert_eq!(door.read("again.cspkg"), door.read("demo.cspkg"), "the same log makes the same package");
}

#[test]
fn a_shallow_clone_is_an_open_question_and_says_how_to_mend_it() {
    let door = Door::new();
    let from = format!("file://{}", door.path().join("app").display());
    #[expect(clippy::disallowed_methods, reason = "git makes the clone")]
    let cloned = std::process::Command::new("git")
        .args(["clone", "-q", "--depth", "1", &from, "shallow"])
        .current_dir(door.path())
        .status();
    assert!(cloned.unwrap().success());
    let line = format!(
        "promote app.bin --to production --repo shallow --store store --dry-run --key keys/gate.pem {LEAST} {EVIDENCE}"
    );
    door.trusting(&line).expect(3, &["indeterminate[history-shallow]", "git fetch --unshallow"]);
}

#[test]
fn a_policy_that_is_wrong_is_refused_whole_with_every_problem() {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    let text = text.replace("source-clean@1", "source-clean@9").replace("least = 1", "leest = 1");
    door.write("policy/policy.toml", text.as_bytes());
    door.run("policy build policy --output new.json")
        .expect(1, &["policy-rule-unknown", "parameter-invalid", "`leest` is not one of"]);
    assert!(!door.has("new.json"));
    let line = text.lines().position(|line| line == "id = \"source-clean@9\"").unwrap() + 1;
    let said = door.run("policy lint policy");
    said.expect(
        1,
        &[
            &format!("--> policy.toml:{line}:6\n"),
            &format!("found:    {line} | id = \"source-clean@9\"\n"),
            "     ^^^^^^^^^^^^^^^^\n",
        ],
    );
    door.write("policy.manifest.json", b"{\"version\": 1}");
    door.run("policy approve policy.manifest.json --key keys/ada --output new.json").expect(4, &["policy-malformed"]);
    assert!(!door.has("new.json"));
}

#[test]
fn a_sbom_names_what_the_command_line_got_wrong() {
    let door = Door::new();
    let sbom = |more: &str| door.run(&format!("sbom --directory app --offline {more}"));
    sbom("--bin nope").expect(2, &["no binary `nope`", "--bin"]);
    sbom("--features nope").expect(2, &["no feature `nope`"]);
    std::fs::remove_file(door.path().join("app/Cargo.lock")).unwrap();
    sbom("").expect(5, &["no lock file", "cargo generate-lockfile", "nothing was written"]);
}

#[test]
fn what_cargo_reads_is_replaced_by_no_sbom_and_no_provenance() {
    let door = Door::new();
    for file in ["app/Cargo.lock", "app/Cargo.toml"] {
        let before = door.read(file);
        let words = ["is read here, and would be written over", "nothing was written"];
        door.run(&format!("sbom --directory app --offline --output {file}")).expect(2, &words);
        assert_eq!(door.read(file), before, "{file}");
    }
    let before = door.read("app/Cargo.lock");
    let line = "countersign provenance --artifact ../app.bin --output Cargo.lock";
    door.shell("app", line, &[]).expect(2, &["is read here"]);
    std::os::unix::fs::symlink("app/Cargo.lock", door.path().join("link.json")).unwrap();
    door.run("sbom --directory app --offline --output link.json").expect(2, &["is read here"]);
    assert_eq!(door.read("app/Cargo.lock"), before);
    // What the build makes is not there before it.
    let line = "countersign provenance --source-uri https://example.com/app --artifact made/out --output ./made/out -- sh -c 'mkdir made; printf built >made/out'";
    door.shell("app", line, &[]).expect(2, &["is read here", "nothing was written"]);
    assert_eq!(door.read("app/made/out"), b"built");
}

#[test]
fn codes_rules_and_exit_codes_can_be_looked_up() {
    let door = Door::new();
    door.run("explain exit-codes").expect(0, &["untrusted: a signature", "6, then 2, 5, 4, 1, 3, 0"]);
    door.run("explain review-missing").expect(0, &["exit code 1"]);
    door.run("explain two-party-review@1").expect(0, &["reviewers_beyond_author"]);
    door.run("explain no-such-thing").expect(2, &["neither a code nor a rule"]);
    door.run("explain review-mising").expect(2, &["did you mean review-missing"]);
}

/// The document that a verb printed holds against the schema that it names, as it lies in the project.
pub(crate) fn holds(line: &str, said: &Said) -> Value {
    let value: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{line}: {e}\n{}", said.text));
    let name = value["schema"].as_str().unwrap_or_default().strip_prefix("https://countersign.dev/schemas/");
    let path = name.unwrap_or_else(|| panic!("{line} names no schema: {}", value["schema"]));
    valid(line, path, &value);
    assert!(!said.out.contains("\"sha256\": \"sha256:"), "{line}: a digest says itself what it is");
    value
}

pub(crate) fn valid(what: &str, path: &str, value: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(path);
    let text = std::fs::read(&file).unwrap_or_else(|e| panic!("{what}: {path}: {e}"));
    let schema: Value = serde_json::from_slice(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}");
}

#[test]
fn every_verb_answers_programs_with_a_document_that_holds_against_its_schema() {
    let door = Door::new();
    let start = door.git("rev-list --max-parents=0 HEAD");
    for line in [
        "trust init --person a=keys/ada.pub --person b=keys/ben.pub --environment e --output new.toml",
        "trust sign trust.toml --key keys/ada --output new.sigstore.json",
        "trust show trust.sigstore.json",
        "trust digest trust.toml",
        "key show keys/gate.pem.pub",
        "key generate --output new.pem",
        "sign app.provenance.json --key keys/builder.pem --output new.json",
        "policy build policy --output again.json",
        "policy approve policy.manifest.json --key keys/ada --output again.sigstore.json",
        "log init --origin example.com/new --key keys/log.pem --store new-store",
        "log show --store store",
        "log show --store store --entry 1",
        "log show --store store --entry 1 --proof",
        "log checkpoint --store store",
        "sbom --directory app --offline",
        "completions bash",
        "demo",
        "log checkpoint --store store --output cp",
        "audit export --store store --output p.cspkg",
        "explain codes",
        "sbom --directory app --offline --output x.cdx.json",
        "review sign politer --repo app --base main~1 --key keys/ben --repository git+https://example.com/demo/app --dir r2",
        "sign app.bin --key keys/builder.pem --output new2.json",
        "sign app.provenance.json --key nokey --output new2.json",
    ] {
        holds(line, &door.run(&format!("{line} --format json")));
    }
    for line in [
        "verify app.bin --bundle app.sbom.sigstore.json".to_owned(),
        "log verify --store store".to_owned(),
        "audit verify demo.cspkg".to_owned(),
        "policy history --store store".to_owned(),
        format!(
            "review verify {start}..main --repo app --repository git+https://example.com/demo/app --reviews reviews"
        ),
        format!("promote app.bin --to production --dry-run --repo app --store store {LEAST} {EVIDENCE}"),
        format!(
            "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem \
             --store store {LEAST} --reason again --activation act.json"
        ),
    ] {
        holds(&line, &door.trusting(&format!("{line} --format json")));
    }
}

#[test]
fn every_signed_document_of_the_record_holds_against_its_schema() {
    let door = Door::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut folders = vec![door.path().join("store/evidence")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(documents) = Signed::parse_lines(&std::fs::read(&path).unwrap()) else { continue };
            let statement = Statement::parse(&documents[0].1.payload).unwrap();
            let kind = statement.kind().unwrap();
            seen.insert(kind);
            if kind != Kind::Sbom {
                valid(kind.word(), &format!("{}/v0.1.schema.json", kind.word()), &statement.predicate);
            }
        }
    }
    // The demo has no forge and no verifier of source; their statements are held against their schemas where there is one.
    let elsewhere = [Kind::ChangeReview, Kind::SourceProvenance, Kind::ForgeWatch];
    let by_hand = [Kind::ManualEvidence, Kind::Adjudication, Kind::Vex];
    let excepted = [Kind::Exception, Kind::ExceptionEnd];
    let by_others = [Kind::TestResult, Kind::Vulns, Kind::ConfigSnapshot, Kind::IacPlan, Kind::SecretScan];
    let of_the_log = [Kind::LogShard, Kind::Erasure];
    let missing = [elsewhere.as_slice(), &by_hand, &excepted, &by_others, &of_the_log].concat();
    let all = Kind::ALL.into_iter().filter(|kind| !missing.contains(kind)).collect();
    assert_eq!(seen, all);
}

/// A small file system of its own, where the machine lets us make one.
struct Small<'d>(&'d Door);

impl<'d> Small<'d> {
    fn mount(door: &'d Door, options: &str) -> Option<Self> {
        std::fs::create_dir(door.path().join("small")).unwrap();
        if mounted(door, &["-t", "tmpfs", "-o", options, "tmpfs", "small"]) {
            return Some(Self(door));
        }
        eprintln!("skipped: no file system can be mounted here");
        None
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "the file system is taken away again")]
        let ended = std::process::Command::new("umount").arg(self.0.path().join("small")).status();
        assert!(ended.is_ok_and(|status| status.success()), "the file system is taken away again");
    }
}

#[expect(clippy::disallowed_methods, reason = "the system mounts")]
fn mounted(door: &Door, arguments: &[&str]) -> bool {
    let said = std::process::Command::new("mount").args(arguments).current_dir(door.path()).output();
    said.is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_ends_with_a_message_and_everything_that_was_recorded_is_still_there() {
    let door = Door::new();
    let Some(_small) = Small::mount(&door, "size=200k") else { return };
    assert_eq!(door.git("status --porcelain"), "");
    door.copy("store", "small/store");
    let line = format!(
        "promote app.bin --to production --repo app --store small/store --key keys/gate.pem --log-key keys/log.pem \
         {LEAST} {EVIDENCE}"
    );
    let full = (0..30).map(|_| door.trusting(&line)).find(|said| said.code == 5).expect("the disk fills up");
    full.expect(5, &["no space is left", "make room on the disk", "nothing was authorised"]);
    door.trusting("log verify --store small/store").expect(0, &["PASS"]);
}

#[test]
fn a_read_only_store_ends_with_a_message() {
    let door = Door::new();
    let Some(_small) = Small::mount(&door, "size=4m") else { return };
    door.copy("store", "small/store");
    assert!(mounted(&door, &["-o", "remount,ro", "small"]));
    let line = format!(
        "promote app.bin --to production --repo app --store small/store --key keys/gate.pem --log-key keys/log.pem \
         {LEAST} {EVIDENCE}"
    );
    door.trusting(&line).expect(5, &["the file system is read-only", "nothing was authorised"]);
    door.trusting("log verify --store small/store").expect(0, &["PASS"]);
}
