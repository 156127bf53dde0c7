//! What must not be recorded is not, by whichever verb; and what was recorded is never denied.

use countersign_collect::Environment;
use countersign_core::codes;
use countersign_core::decision::Tool;
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::ids::{EnvName, Origin};
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::documents;
use countersign_flow::machine::MachineSigner;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::{Clock, Place};
use countersign_flow::policy::{LockRequest, lock_active};
use countersign_flow::promote::{GateKeys, PromoteRequest, Promotion, promote};
use countersign_flow::shard::{self, ShardKeys};
use countersign_record::log::LogError;
use countersign_sign::{KeyAccess, KeyPlace, SigningKey};
use countersign_tests::door::Door;
use serde_json::Value;

const LEAST: &str = "--least-checkpoint outside/checkpoint";
const GIVEN: &str = "--least-checkpoint outside/checkpoint --bundle app.provenance.sigstore.json \
                     --bundle app.sbom.sigstore.json --reviews reviews";

#[expect(clippy::disallowed_methods, reason = "the program under test reads the machine's clock")]
fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix(i64::try_from(since.as_secs()).unwrap()).unwrap()
}

fn trust_at(door: &Door, at: Time) -> TrustFile {
    TrustFile::read(&door.path().join("trust.sigstore.json"), Some(door.digest().parse().unwrap()), at).unwrap()
}

fn key(door: &Door, name: &str) -> SigningKey {
    SigningKey::open(&KeyPlace::File(door.path().join(name)), &KeyAccess::default()).unwrap()
}

/// A promotion by another machine, whose clock says something else.
fn gate_at(door: &Door, at: Time) -> Promotion {
    gate_in(door, &Place::new(&door.path().join("store")), at).unwrap()
}

fn gate_in(door: &Door, place: &Place, at: Time) -> Result<Promotion, FlowError> {
    let path = |name: &str| door.path().join(name);
    let trust = trust_at(door, at);
    let bundles = [path("app.provenance.sigstore.json"), path("app.sbom.sigstore.json")];
    let handed = documents::read_all(&bundles, &[path("reviews")]).unwrap();
    let mut programs = Environment::empty();
    programs.set("PATH", std::env::var_os("PATH").unwrap());
    let artifact = path("app.bin");
    let (least, repository, lock) = (path("outside/checkpoint"), path("app"), path("countersign.lock"));
    let request = PromoteRequest {
        artifact: &artifact,
        environment: EnvName::new("production").unwrap(),
        documents: handed.documents,
        captures: handed.captures,
        trust: &trust,
        place,
        least_checkpoint: Some(&least),
        witnesses: None,
        lock: Some(&lock),
        repository: Some(&repository),
        programs: &programs,
        at,
        tool: Tool { name: "countersign".to_owned(), version: "0".to_owned(), digest: Sha256::of(b"tool") },
    };
    let (gate, log) = (MachineSigner::Key(key(door, "keys/gate.pem")), key(door, "keys/log.pem"));
    promote(&request, GateKeys { gate, log, beside: None })
}

#[test]
fn no_verb_records_anything_before_the_log_s_newest_entry_and_the_log_holds_afterwards() {
    let door = Door::new();
    let ahead = gate_at(&door, now().plus(3600));
    assert_eq!(
        (ahead.decision.verdict, ahead.recorded.is_some()),
        (Verdict::Pass, true),
        "{:?}",
        ahead.decision.findings
    );
    let entries = door.entries();

    let said = door.promote(GIVEN);
    said.expect(1, &["refused[time-before-log]", "nothing was authorised", "nothing was recorded: "]);
    let said = door.promote(&format!("{GIVEN} --format json"));
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &value["entry"], &value["authorised"]), (1, &Value::Null, &Value::Bool(false)));
    let record = format!("--log-key keys/log.pem --store store {LEAST}");
    door.write("protocol.txt", b"tried");
    let (from, until) = (now().plus(-60), now().plus(86_400));
    let piece = Sha256::of(&door.read("app.provenance.sigstore.json"));
    for verb in [
        format!("policy activate policy.sigstore.json --environment production --key keys/ada {record}"),
        format!("evidence erase {piece} --reason because --key keys/ada {record}"),
        format!(
            "evidence add manual --statement tried --document protocol.txt --as-of {from} --valid-until {until} \
             --control other --key keys/ada {record}"
        ),
    ] {
        let said = door.trusting(&verb);
        said.expect(1, &["refused[time-before-log]", "set this machine's clock"]);
    }
    assert_eq!(door.entries(), entries, "nothing is recorded");
    door.trusting(&format!("log verify --store store {LEAST}")).expect(0, &["PASS"]);
    let later = gate_at(&door, now().plus(3601));
    assert_eq!(later.recorded.map(|recorded| recorded.entry), Some(u64::try_from(entries).unwrap()));
}

#[test]
fn whoever_was_overtaken_by_another_gate_of_the_same_clock_begins_again_and_is_not_told_to_set_it() {
    let door = Door::new();
    assert!(gate_at(&door, now().plus(3600)).recorded.is_some());
    let (entries, at) = (door.entries(), now());
    let (store, least, lock) =
        (door.path().join("store"), door.path().join("outside/checkpoint"), door.path().join("l"));
    // Each verb's time was taken before that entry; the second clock has come to it by now, the first has not.
    let behind: Clock = || Some(now());
    let right: Clock = || Some(now().plus(3600));
    let place = |clock: Clock| Place::new(&store).with_clock(clock);
    let (trust, environment) = (trust_at(&door, at), EnvName::new("production").unwrap());
    let promoted = |clock| gate_in(&door, &place(clock), at);
    let locked = |clock| {
        let (trust, environment, place) = (&trust, &environment, &place(clock));
        let (lock, least_checkpoint) = (&lock, Some(least.as_path()));
        lock_active(&LockRequest { environment, trust, place, least_checkpoint, lock, at }).map(drop)
    };
    let closed = |clock| {
        let (gate, log) = (MachineSigner::Key(key(&door, "keys/gate.pem")), key(&door, "keys/log.pem"));
        let next = Origin::new("example.com/next").unwrap();
        shard::close(&place(clock), &next, &trust, Some(&least), ShardKeys { gate, log }, at).map(drop)
    };
    let outrun = [promoted(right).map(drop), locked(right), closed(right)];
    for (verb, overtaken) in outrun.into_iter().enumerate() {
        assert!(matches!(overtaken, Err(FlowError::Log(LogError::Outrun { .. }))), "{verb}: {overtaken:?}");
    }
    let told = promoted(behind).unwrap();
    assert!(told.recorded.is_none() && told.decision.findings.iter().any(|found| found.code == codes::TIME_BEFORE_LOG));
    for refused in [locked(behind), closed(behind)] {
        let Err(FlowError::Refused(findings)) = refused else { panic!("{refused:?}") };
        assert!(findings.iter().any(|found| found.code == codes::TIME_BEFORE_LOG), "{findings:?}");
    }
    // That a log is not the one of which a checkpoint was kept is told at once, and not put off.
    assert_eq!(door.entries(), entries);
    let kept = door.read("store/log/checkpoint");
    door.rewrite_log(|entries| drop(entries.remove(3)));
    door.write("outside/checkpoint", &kept);
    let told = promoted(right).unwrap().decision.findings;
    let Err(FlowError::Refused(refused)) = locked(right) else { panic!("not put off") };
    for findings in [told, refused] {
        assert!(findings.iter().any(|found| found.code == codes::LOG_ROLLED_BACK), "{findings:?}");
    }
    assert!(!lock.exists());
}

#[test]
fn nothing_is_recorded_under_a_trust_that_is_over_by_the_machine_s_clock() {
    let door = Door::new();
    let entries = door.entries();
    let ahead = gate_at(&door, now().plus(20 * 366 * 86_400));
    assert!(ahead.recorded.is_none() && !ahead.decision.authorised);
    assert!(ahead.not_recorded.unwrap().why.starts_with("trust has expired"));
    assert_eq!(door.entries(), entries);
    door.promote(GIVEN).expect(0, &["PASS: authorised"]);
}

#[test]
fn a_log_that_is_gone_and_of_which_a_checkpoint_was_kept_was_set_back_whichever_verb_looks() {
    let door = Door::new();
    std::fs::create_dir(door.path().join("gone")).unwrap();
    for verb in [
        "log verify",
        "policy lock --environment production --lock other.lock",
        "policy backtest policy.manifest.json --environment production",
        "controls coverage",
    ] {
        let ask = |least: &str| door.trusting(&format!("{verb} --store gone {least}"));
        ask(LEAST).expect(4, &["log-rolled-back", "there is no log here, and a checkpoint of it was kept"]);
        // Where none was kept, nobody can say so.
        let said = ask("");
        said.expect(3, &["there is no log: gone/log/checkpoint does not exist"]);
        assert!(!said.text.contains("log-rolled-back"), "{}", said.text);
    }
    assert!(!door.has("other.lock"));
}

#[test]
fn a_file_that_could_not_be_written_is_known_before_anything_is_recorded() {
    let door = Door::new();
    let entries = door.entries();
    let bad = "--checkpoint-output missing/checkpoint";
    let record = format!("--log-key keys/log.pem --store store {LEAST}");
    let activate = format!("policy activate policy.sigstore.json --environment production --key keys/ada {record}");
    let piece = Sha256::of(&door.read("app.provenance.sigstore.json"));
    door.promote(&format!("{GIVEN} {bad}")).expect(5, &["missing/checkpoint", "nothing was authorised"]);
    for verb in [
        format!("{activate} {bad}"),
        format!("{activate} --lock missing/lock"),
        format!("evidence erase {piece} --reason because --key keys/ada {record} {bad}"),
        format!(
            "log close --successor example.com/next --key keys/gate.pem --log-key keys/log.pem --store store {LEAST} {bad}"
        ),
    ] {
        door.trusting(&verb).expect(5, &["could not create missing/"]);
    }
    assert_eq!(door.entries(), entries);
}

#[test]
fn a_lock_and_a_checkpoint_are_two_files_and_a_lost_lock_comes_from_the_log() {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", text.replacen("version = 1\n", "version = 2\n", 1).as_bytes());
    door.run("policy build policy --output two.manifest.json").expect(0, &[]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve two.manifest.json --key keys/{person} --output two.json")).expect(0, &[]);
    }
    let entries = door.entries();
    // One file cannot be both: that is said before anything is recorded.
    let activate = |checkpoint: &str| {
        door.trusting(&format!(
            "policy activate two.json --environment production --key keys/ada --log-key keys/log.pem --store store {LEAST} \
             --lock kept --checkpoint-output {checkpoint}"
        ))
    };
    activate("kept").expect(2, &["kept is read here, and would be written over", "nothing was written"]);
    assert_eq!(door.entries(), entries);
    activate("newer").expect(0, &["release 2 is active for production"]);
    assert_eq!(door.entries(), entries + 1);

    // A lock that was lost is written from the log, as the activation wrote it; an activation cannot be repeated.
    let lock = |file: &str, least: &str| {
        door.trusting(&format!("policy lock --environment production --store store --lock {file} {least}"))
    };
    lock("again.lock", LEAST).expect(0, &["expects release 2 for production"]);
    assert_eq!(door.read("again.lock"), door.read("kept"));
    assert_eq!(door.entries(), entries + 1);
    lock("other.lock", "").expect(3, &["rollback-undetectable", "nothing was written"]);
    assert!(!door.has("other.lock"));
    door.trusting(&format!("policy lock --environment elsewhere --store store --lock other.lock {LEAST}"))
        .expect(3, &["policy-not-active", "nothing was written"]);
}
