//! Witnesses as the gate, the deploy script, the auditor and the holder of a receipt meet them, over real HTTP.

use countersign_core::ids::Origin;
use countersign_core::key::PublicKey;
use countersign_core::log::note::{NoteKey, NoteSigner as _};

use countersign_record::log::writer::Log;
use countersign_sign::{LogSigner, SigningKey};
use countersign_tests::door::{Door, Said};
use countersign_tests::witness::WitnessDouble;
use countersign_verify::keys::note_signature_holds;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const BUNDLES: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";

fn origin() -> Origin {
    Origin::new("example.com/log").unwrap()
}

/// The demo's world, whose trust wants two of three witnesses for production.
struct Place {
    door: Door,
    trust: String,
    witnesses: Vec<WitnessDouble>,
}

/// The log's key, as witnesses take it.
fn log_key(door: &Door) -> NoteKey {
    let PublicKey::Ed25519(key) = signing(door).public().clone() else { panic!("the demo's log key is Ed25519") };
    NoteKey::new(origin(), key)
}

fn signing(door: &Door) -> SigningKey {
    SigningKey::load(&door.path().join("keys/log.pem")).unwrap()
}

impl Place {
    fn new(floor: &str) -> Self {
        let door = Door::new();
        let key = log_key(&door);
        let start = |n: u8| {
            let memory = door.path().join(format!("memory{n}"));
            WitnessDouble::start(&format!("witness.example/w{n}"), key.clone(), &memory)
        };
        let witnesses: Vec<WitnessDouble> = (1..=3).map(start).collect();
        let lines: Vec<String> = witnesses
            .iter()
            .map(|w| {
                format!(
                    "[[witnesses]]\nname = \"{}\"\nurl = \"{}\"\nkeys = [{{ key = \"{}\" }}]\n\n",
                    w.name,
                    w.url,
                    w.public.trim()
                )
            })
            .collect();
        let names: Vec<String> = witnesses.iter().map(|w| format!("\"{}\"", w.name)).collect();
        let group = format!("[[witness_groups]]\nname = \"two\"\nthreshold = 2\nmembers = [{}]\n\n", names.join(", "));
        let text = String::from_utf8(door.read("trust.toml")).unwrap();
        let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
        let text = text.replacen("[roles.trust]", &format!("{}{group}[roles.trust]", lines.concat()), 1);
        let text = text.replacen("review_tier", &format!("witness_quorum = \"two\"\n{floor}review_tier"), 1);
        door.write("trust2.toml", text.as_bytes());
        for person in ["ada", "ben"] {
            door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
        }
        let digest = door.run("trust digest trust2.json").out;
        let trust = format!("--trust trust2.json --trust-digest {}", digest.trim());
        let place = Self { door, trust, witnesses };
        let policy = String::from_utf8(place.door.read("policy/policy.toml")).unwrap();
        place.door.write("policy/policy.toml", policy.replacen("version = 1\n", "version = 2\n", 1).as_bytes());
        place.door.run("policy build policy --output two.json").expect(0, &[]);
        for person in ["ada", "ben"] {
            let line = format!("policy approve two.json --key keys/{person} --output two.sigstore.json");
            place.door.run(&line).expect(0, &[]);
        }
        place
            .run(
                "policy activate two.sigstore.json --environment production --key keys/ada --log-key keys/log.pem \
                  --store store --least-checkpoint outside/checkpoint",
            )
            .expect(0, &[]);
        place
    }

    fn run(&self, line: &str) -> Said {
        self.door.run(&format!("{line} {}", self.trust))
    }

    /// No least checkpoint is given: the witnesses stand for it.
    fn promote(&self, more: &str) -> Said {
        self.promote_in(&format!("store {more}"))
    }

    fn promote_in(&self, store: &str) -> Said {
        self.run(&format!(
            "promote app.bin --to production --repo app --store {store} --key keys/gate.pem --log-key keys/log.pem {BUNDLES}"
        ))
    }

    fn digest_of_app(&self) -> String {
        let said = self.door.shell(".", "sha256sum app.bin", &[]);
        format!("sha256:{}", said.out.split_whitespace().next().unwrap())
    }

    /// Appends to a store's log as its operator could, without asking anybody.
    fn append_behind_their_backs(&self, store: &str, entries: &[&[u8]]) {
        let folder = self.door.path().join(store).join("log");
        let signer = LogSigner::new(origin(), signing(&self.door)).unwrap();
        let holds =
            |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
        let known = [signer.key().clone()];
        let mut log = Log::open_for_append(&folder, &signer, &known, &holds).unwrap();
        log.append(&entries.iter().map(|entry| entry.to_vec()).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn two_of_three_witnesses_stand_for_a_checkpoint_from_outside_and_everybody_can_check_it() {
    let place = Place::new("time_bracket_minutes = 5\n");
    place.witnesses[2].answers(0);
    place
        .promote("--checkpoint-output outside/cosigned")
        .expect(0, &["log-witnessed", "cosigned by witness.example/w1, witness.example/w2", "PASS: authorised"]);
    // The deploy script, a moment after.
    let digest = place.digest_of_app();
    let deploy = format!("verify {digest} --promoted-to production --store store");
    place.run(&deploy).expect(0, &["log-witnessed", "PASS"]);
    // The auditor, with a trust and a checkpoint from elsewhere.
    place.door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    place
        .run("audit verify year.cspkg --least-checkpoint outside/cosigned")
        .expect(0, &["log-witnessed", "witness.example/w1"]);
    // Whoever has a receipt, the entry and the policy.
    place.run("log policy --to production --output log.policy").expect(0, &["log.policy"]);
    let entry = place.door.entries() - 1;
    place
        .door
        .run(&format!("log proof --store store --entry {entry} --output r.tlog-proof"))
        .expect(0, &["3 signature(s)"]);
    let shown = place.door.run(&format!("log show --store store --entry {entry}"));
    place.door.write("entry.json", shown.out.as_bytes());
    let check = |more: &str| place.door.run(&format!("log proof --verify r.tlog-proof --of entry.json {more}"));
    check("--policy log.policy").expect(0, &["inclusion", "witness.example/w2 at ", "PASS"]);
    check(&format!("--key {}", log_key(&place.door))).expect(0, &["PASS"]);
    check("").expect(2, &["--policy or --key"]);
    let policy = String::from_utf8(place.door.read("log.policy")).unwrap();
    place.door.write("three.policy", policy.replace("group two 2", "group two 3").as_bytes());
    check("--policy three.policy").expect(3, &["witness-quorum-missing"]);
    place.door.write("entry.json", shown.out.replace("production", "elsewhere-").as_bytes());
    check("--policy log.policy").expect(4, &["log-root-mismatch"]);
    let receipt = String::from_utf8(place.door.read("r.tlog-proof")).unwrap();
    assert!(receipt.len() < 1_200, "{}", receipt.len());
    let line = receipt.lines().find(|line| line.contains("witness.example/w1")).unwrap();
    let kept: String = line.chars().take(line.chars().count() - 8).collect();
    let torn = receipt.replace(line, &format!("{kept}AAAAAAA="));
    place.door.write("r.tlog-proof", torn.as_bytes());
    check("--policy log.policy").expect(4, &["cosignature-invalid"]);
}

#[test]
fn too_few_witnesses_are_no_pass_before_the_entry_and_none_after_it() {
    let place = Place::new("");
    place.witnesses[1].answers(0);
    place.witnesses[2].says(404);
    let before = place.door.entries();
    place.promote("").expect(3, &["witness-quorum-missing", "INDETERMINATE"]);
    place.promote("--least-checkpoint outside/checkpoint").expect(3, &["witness-quorum-missing"]);
    assert_eq!(place.door.entries(), before + 2, "a refusal is recorded too");
    // One falls silent between the two times that it is asked: it is recorded, and does not count yet.
    place.witnesses[2].says(0);
    place.witnesses[1].answers(0);
    place.witnesses[2].answers(2);
    let said = place.promote("");
    said.expect(
        3,
        &["witness-quorum-missing", "PASS, but nothing was authorised: the witnesses are missing", "log witness"],
    );
    assert!(!said.text.contains("authorised for"), "{}", said.text);
    let deploy = format!("verify {} --promoted-to production --store store", place.digest_of_app());
    place
        .run(&format!("{deploy} --least-checkpoint outside/checkpoint"))
        .expect(3, &["witness-quorum-missing", "cosigned checkpoint of more than"]);
    place.door.run("audit export --store store --output early.cspkg").expect(0, &[]);
    place.run("audit verify early.cspkg").expect(3, &["witness-quorum-missing"]);
    // Once they have cosigned, it counts.
    place
        .run("log witness --to production --store store")
        .expect(3, &["witness-unreachable", "witness-quorum-missing"]);
    place.witnesses.iter().for_each(|witness| witness.answers(-1));
    place.run("log witness --to production --store store --output outside/later").expect(0, &["log-witnessed", "PASS"]);
    place.run(&deploy).expect(0, &["log-witnessed", "PASS"]);
    place.door.run("audit export --store store --output late.cspkg").expect(0, &[]);
    place.run("audit verify late.cspkg").expect(0, &["log-witnessed"]);
    // Whether somebody took witnesses out of the one, or got them for the other, nobody can tell from the two.
    let differ = ["witness-quorum-missing", "bear other signatures than those of the other", "the first"];
    place.run("audit diff early.cspkg late.cspkg").expect(3, &differ);
}

#[test]
fn a_quorum_over_a_log_that_does_not_hold_the_decision_authorises_nothing() {
    let place = Place::new("");
    let log = place.door.path().join("store/log");
    let size = |checkpoint: &[u8]| String::from_utf8_lossy(checkpoint).lines().nth(1).map(str::to_owned);
    let before = std::fs::read(log.join("checkpoint")).unwrap();
    // As soon as the decision is in the log, somebody puts the log of before back.
    place.witnesses[0].meanwhile(move || {
        let now = std::fs::read(log.join("checkpoint")).unwrap();
        if size(&now) != size(&before) {
            std::fs::write(log.join("checkpoint"), &before).unwrap();
        }
    });
    let said = place.promote("");
    said.expect(3, &["witness-quorum-missing", "nothing was authorised"]);
    assert!(said.text.contains("does not hold this decision"), "{}", said.text);
}

#[test]
fn a_witness_whose_clock_is_off_does_not_count() {
    let place = Place::new("");
    place.witnesses[0].off_by(-3_600);
    place.witnesses[1].off_by(3_600);
    place.promote("").expect(3, &["witness-quorum-missing", "too old, from the future"]);
    place.witnesses[1].off_by(0);
    place.promote("").expect(0, &["PASS: authorised"]);
}

#[test]
fn rollback_fork_and_split_view_each_have_their_own_code_and_nothing_is_appended() {
    let place = Place::new("");
    place.door.copy("store", "older");
    place.door.copy("store", "twin");
    place.door.copy("store", "longer");
    place.promote("").expect(0, &["PASS: authorised"]);
    place.append_behind_their_backs("twin", &[b"{}"]);
    place.append_behind_their_backs("longer", &[b"{}", b"{}"]);
    let entries = |store: &str| {
        let note = place.door.run(&format!("log checkpoint --store {store}")).out;
        note.lines().nth(1).unwrap().to_owned()
    };
    for (store, code) in [("older", "log-rolled-back"), ("twin", "log-split-view"), ("longer", "log-forked")] {
        let before = entries(store);
        place
            .run(&format!(
                "promote app.bin --to production --repo app --store {store} --key keys/gate.pem --log-key keys/log.pem {BUNDLES}"
            ))
            .expect(4, &[code, "nothing was authorised", "a witness has seen another log"]);
        assert_eq!(entries(store), before, "{store}");
        place.run(&format!("log witness --to production --store {store}")).expect(4, &[code]);
    }
}

/// Has another gate promote into this store at the moment when the first witness is asked, once as many requests went by.
fn overtaken(place: &Arc<Place>, store: &str) -> Arc<AtomicI64> {
    let (requests, within) = (Arc::new(AtomicI64::new(-1)), Arc::downgrade(place));
    let (left, store) = (Arc::clone(&requests), store.to_owned());
    place.witnesses[0].meanwhile(move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 0 {
            within.upgrade().unwrap().promote_in(&store).expect(0, &["PASS: authorised"]);
        }
    });
    requests
}

#[test]
fn a_gate_that_was_faster_while_a_witness_was_asked_is_no_rollback() {
    let place = Arc::new(Place::new(""));
    place.promote("").expect(0, &["PASS: authorised"]);
    let before = place.door.entries();
    overtaken(&place, "store").store(0, Ordering::SeqCst);
    let said = place.run("log witness --to production --store store");
    said.expect(0, &[&format!("{} entries, cosigned by", before + 1), "PASS"]);
}

#[test]
fn a_gate_whose_branch_moved_on_while_a_witness_was_asked_decides_again_and_a_recorded_decision_is_witnessed() {
    let place = Arc::new(Place::new(""));
    assert!(place.door.git_in(".", "init -q --bare branch.git").0);
    let store = format!("git:{}#log", place.door.path().join("branch.git").display());
    place.door.run(&format!("log init --origin example.com/log --key keys/log.pem --store {store}")).expect(0, &[]);
    place.door.run(&format!("log checkpoint --store {store} --output outside/branch")).expect(0, &[]);
    let activate =
        "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem";
    place.run(&format!("{activate} --store {store} --least-checkpoint outside/branch")).expect(0, &[]);
    place.promote_in(&store).expect(0, &["recorded as entry 2"]);
    let requests = overtaken(&place, &store);
    // Before the decision; and once it is recorded.
    for (asked, entry) in [(0, 4), (1, 5)] {
        requests.store(asked, Ordering::SeqCst);
        place.promote_in(&store).expect(0, &["PASS: authorised", &format!("recorded as entry {entry}")]);
    }
    assert!(requests.load(Ordering::SeqCst) < 0);
    place.run(&format!("log witness --to production --store {store}")).expect(0, &["7 entries, cosigned by"]);
}

#[test]
fn a_cosigned_checkpoint_takes_the_place_neither_of_a_newer_one_nor_of_that_of_another_log() {
    let place = Place::new("");
    let witness = |more: &str| place.run(&format!("log witness --to production --store store {more}"));
    place.door.copy("store", "older");
    place.append_behind_their_backs("store", &[b"{}"]);
    place.door.run("log checkpoint --store store --output outside/newer").expect(0, &[]);
    let newer = place.door.read("outside/newer");
    place.door.copy("store", "whole");
    std::fs::remove_dir_all(place.door.path().join("store")).unwrap();
    place.door.copy("older", "store");
    let asked = place.witnesses[0].asked();
    let said = witness("--output outside/newer");
    said.expect(4, &["log-rolled-back", "outside/newer", "nothing was cosigned"]);
    assert_eq!(place.door.read("outside/newer"), newer);
    assert_eq!(place.witnesses[0].asked(), asked, "nobody is asked of a log that was set back");
    place.door.run("key generate --output other.pem").expect(0, &[]);
    place.door.run("log init --origin example.com/other --key other.pem --store other").expect(0, &[]);
    place.door.run("log checkpoint --store other --output outside/other").expect(0, &[]);
    let other = place.door.read("outside/other");
    witness("--output outside/other").expect(4, &["log-origin-mismatch"]);
    assert_eq!(place.door.read("outside/other"), other);
    // Of the log that goes on from it, it does.
    std::fs::remove_dir_all(place.door.path().join("store")).unwrap();
    place.door.copy("whole", "store");
    witness("--output outside/newer").expect(0, &["log-witnessed", "PASS"]);
    assert!(place.door.read("outside/newer").len() > newer.len(), "with the lines of the witnesses");
    // One that somebody keeps while they are asked stays, and the answer says so.
    let file = place.door.path().join("outside/newer");
    place.witnesses[0].meanwhile(move || std::fs::write(&file, &other).unwrap());
    witness("--output outside/newer").expect(5, &["log-witnessed", "outside/newer was not written"]);
    assert!(place.door.read("outside/newer").starts_with(b"example.com/other\n"));
}

#[test]
fn the_witness_that_is_shipped_cosigns_remembers_and_refuses() {
    let door = Door::new();
    door.run("key generate --output keys/w.pem").expect(0, &[]);
    let line = format!(
        "witness --name witness.example/w --key keys/w.pem --state memory --listen 127.0.0.1:0 --log {}",
        log_key(&door)
    );
    let mut child = door.spawn(&line);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let key = said.next().unwrap().unwrap();
    assert!(key.starts_with("witness witness.example/w+"), "{key}");
    let url = said.next().unwrap().unwrap().replace("listening on ", "");
    door.run(&line).expect(5, &["another process"]);
    let ask = |body: &[u8]| countersign_collect::witness::WitnessClient.post(&url, body).unwrap();
    let checkpoint = String::from_utf8(door.read("outside/checkpoint")).unwrap();
    let (status, lines) = ask(format!("old 0\n\n{checkpoint}").as_bytes());
    assert_eq!(status, 200);
    assert!(String::from_utf8(lines).unwrap().starts_with("\u{2014} witness.example/w "));
    let (status, size) = ask(format!("old 0\n\n{checkpoint}").as_bytes());
    assert_eq!((status, size.as_slice()), (409, format!("{}\n", checkpoint.lines().nth(1).unwrap()).as_bytes()));
    assert_eq!(ask(b"no request").0, 400);
    assert_eq!(ask(&vec![b'x'; 200_000]).0, 413);
    child.kill().unwrap();
    child.wait().unwrap();
    door.run("witness --name w --key keys/w.pem --log x").expect(2, &["--log"]);
}

#[test]
fn a_logs_key_gives_way_to_another_and_the_old_one_is_refused_after_its_end() {
    let door = Door::new();
    door.run("key generate --output keys/new.pem").expect(0, &[]);
    let public = |name: &str| {
        let key = SigningKey::load(&door.path().join(format!("keys/{name}.pem"))).unwrap();
        key.public().to_openssh()
    };
    let (old, new) = (public("log"), public("new"));
    let seconds = |more: i64| {
        let at = door.shell(".", &format!("date -u -d '{more} seconds' +%Y-%m-%dT%H:%M:%SZ"), &[]);
        at.out.trim().to_owned()
    };
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    let both = format!(
        "keys = [{{ key = \"{old}\", valid_until = \"{}\" }}, {{ key = \"{new}\", valid_from = \"{}\" }}]",
        seconds(3_600),
        seconds(-5)
    );
    let line = text.lines().find(|line| line.contains(old.split(' ').nth(1).unwrap())).unwrap().to_owned();
    let text = text.replacen(&line, &both, 1);
    door.write("trust2.toml", text.as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
    }
    let digest = door.run("trust digest trust2.json").out;
    let trust = format!("--trust trust2.json --trust-digest {}", digest.trim());
    let policy = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", policy.replacen("version = 1\n", "version = 2\n", 1).as_bytes());
    door.run("policy build policy --output two.json").expect(0, &[]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve two.json --key keys/{person} --output two.sigstore.json")).expect(0, &[]);
    }
    // The rotation is an entry of the log: the version of trust that has both keys.
    door.run(&format!(
        "policy activate two.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store \
         --least-checkpoint outside/checkpoint {trust}"
    ))
    .expect(0, &[]);
    let shown = door.run("log show --store store").out;
    assert_eq!(shown.lines().filter(|line| line.contains(" trust ")).count(), 2, "{shown}");
    door.run(&format!("log rotate --log-key keys/gate.pem --store store {trust}")).expect(4, &["log-key-unknown"]);
    door.run(&format!("log rotate --log-key keys/new.pem --store store {trust}")).expect(0, &["2 signature(s)"]);
    let signed = || door.run("log checkpoint --store store").out.matches("\u{2014} example.com/log ").count();
    assert_eq!(signed(), 2);
    let promote = |keys: &str| {
        door.run(&format!(
            "promote app.bin --to production --repo app --store store --key keys/gate.pem {keys} {BUNDLES} \
             --least-checkpoint outside/checkpoint {trust}"
        ))
    };
    promote("--log-key keys/log.pem --log-key-beside keys/new.pem").expect(0, &["PASS: authorised"]);
    assert_eq!(signed(), 2, "during the overlap both sign");
    promote("--log-key keys/new.pem").expect(0, &["PASS: authorised"]);
    promote("--log-key keys/gate.pem").expect(4, &["log-key-unknown", "nothing was authorised"]);
    door.run(&format!("log verify --store store {trust}")).expect(0, &["PASS"]);
}

impl Place {
    /// A next trust document, with `change` made to the text of this one.
    fn trust_after(&self, name: &str, change: impl FnOnce(String) -> String) -> String {
        let text = String::from_utf8(self.door.read("trust2.toml")).unwrap();
        let before = self.trust.rsplit(' ').next().unwrap();
        let previous = format!("previous = \"{before}\"");
        let text: Vec<String> = text
            .lines()
            .map(|line| match line {
                line if line.starts_with("version = ") => "version = 3".to_owned(),
                line if line.starts_with("previous = ") => previous.clone(),
                line => line.to_owned(),
            })
            .collect();
        self.door.write(&format!("{name}.toml"), change(text.join("\n") + "\n").as_bytes());
        for person in ["ada", "ben"] {
            let line = format!("trust sign {name}.toml --key keys/{person} --output {name}.json");
            self.door.run(&line).expect(0, &[]);
        }
        let digest = self.door.run(&format!("trust digest {name}.json")).out;
        format!("--trust {name}.json --trust-digest {}", digest.trim())
    }
}

#[test]
fn what_an_auditors_trust_says_of_keys_since_is_heard() {
    let place = Place::new("");
    place.promote("--checkpoint-output outside/cosigned").expect(0, &["PASS: authorised"]);
    place.door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    let verify = |trust: &str, more: &str| place.door.run(&format!("audit verify year.cspkg {trust} {more}"));
    let least = "--least-checkpoint outside/cosigned";
    verify(&place.trust, least).expect(0, &["log-witnessed"]);
    // The next trust, which the log does not know yet, says nothing against anybody.
    let same = place.trust_after("same", |text| text);
    verify(&same, least).expect(0, &["trust-later", "log-witnessed", "PASS"]);
    let lost = |which: &[usize]| {
        let mut publics: Vec<String> = Vec::new();
        for n in which {
            publics.push(place.witnesses[*n].public.trim().to_owned());
        }
        move |text: String| {
            publics.iter().fold(text, |text, public| {
                let key = format!("key = \"{public}\"");
                assert!(text.contains(&key));
                text.replacen(&key, &format!("{key}, compromised_since = \"2026-01-01T00:00:00Z\""), 1)
            })
        }
    };
    // One of three may be lost; of two, too few are left.
    let one = place.trust_after("lost1", lost(&[0]));
    verify(&one, least).expect(0, &["log-witnessed", "witness.example/w2", "PASS"]);
    let two = place.trust_after("lost2", lost(&[0, 1]));
    verify(&two, least).expect(
        3,
        &["witness-quorum-missing", "of keys that trust version 3 does not let count: witness.example/w1 at"],
    );
    // So it is with the gate's key, a reviewer's, and the log's own.
    let key_lost = |name: &str, owner: &str, since: &str| {
        let since = since.to_owned();
        place.trust_after(name, |text| {
            let at = text.find(owner).unwrap();
            let key = at + text.split_at(at).1.find("key = \"").unwrap() + "key = \"".len();
            let end = key + text.split_at(key).1.find('"').unwrap() + 1;
            format!("{}, compromised_since = \"{since}\"{}", text.split_at(end).0, text.split_at(end).1)
        })
    };
    let (long_ago, one_day) = ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    let gate = key_lost("gate", "id = \"https://example.com/gate\"", long_ago);
    verify(&gate, least).expect(4, &["key-not-valid", "the key of gate https://example.com/gate signed this"]);
    let builder = key_lost("builder", "id = \"https://countersign.dev/builders/local/v1\"", long_ago);
    verify(&builder, least).expect(4, &["keys-since", "key-not-valid", "the key of builder"]);
    // A log's key that was lost since: the checkpoint that somebody kept shows that it is this log, and nothing else does.
    let since = key_lost("log", "origin = \"example.com/log\"", one_day);
    verify(&since, least).expect(0, &["keys-since", "PASS"]);
    let before = key_lost("before", "origin = \"example.com/log\"", long_ago);
    verify(&before, least).expect(4, &["log-checkpoint-invalid", "in foreign hands since 2026-01-01"]);
}

#[test]
fn a_log_ends_where_its_witnesses_have_seen_it_end() {
    let place = Place::new("");
    place.promote("").expect(0, &["PASS: authorised"]);
    place.door.run("key generate --output keys/next.pem").expect(0, &[]);
    let public = String::from_utf8(place.door.read("keys/next.pem.pub")).unwrap();
    let trust = place.trust_after("trust3", |text| {
        let next = format!(
            "[[logs]]\norigin = \"example.com/next\"\ncontinues = \"example.com/log\"\nkeys = [{{ key = \"\"\"{public}\"\"\" }}]\n\n[[witnesses]]"
        );
        text.replacen("[[witnesses]]", &next, 1)
    });
    let run = |line: &str| place.door.run(&format!("{line} {trust}"));
    place.door.run("log init --origin example.com/next --key keys/next.pem --store next").expect(0, &[]);
    let keys = "--key keys/gate.pem --log-key";
    run(&format!(
        "log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {keys} keys/log.pem"
    ))
    .expect(0, &[]);
    let go_on = || {
        run(&format!(
            "log continue --earlier store --store next --least-checkpoint outside/checkpoint {keys} keys/next.pem"
        ))
    };
    // Whoever holds the keys could have ended another log than the one that the witnesses saw.
    go_on().expect(3, &["witness-quorum-missing", "log witness"]);
    run("log verify --store next").expect(3, &["0 entries"]);
    run("log witness --to production --store store").expect(0, &["log-witnessed"]);
    go_on().expect(0, &["example.com/next: entry 0, 2 entries"]);
    run("log verify --store next --earlier store").expect(0, &["PASS"]);
}
