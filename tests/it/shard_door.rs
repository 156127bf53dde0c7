//! A log for each year: the one is closed, the other goes on from it with all that was in force, and neither can be had
//! without the other.

use countersign_core::digest::Sha256;
use countersign_tests::door::{Door, Said};

const BUNDLES: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";
const GATE: &str = "--key keys/gate.pem --log-key";

/// The demo's world, with a second trust that has the next log beside the first.
struct Years {
    door: Door,
    trust: String,
}

impl Years {
    /// `more` stands in what trust says of the next log.
    fn new(more: &str) -> Self {
        let door = Door::new();
        door.run("key generate --output keys/next.pem").expect(0, &[]);
        let public = String::from_utf8(door.read("keys/next.pem.pub")).unwrap();
        let next =
            format!("[[logs]]\norigin = \"example.com/next\"\n{more}keys = [{{ key = \"\"\"{public}\"\"\" }}]\n\n");
        let text = String::from_utf8(door.read("trust.toml")).unwrap();
        let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
        let trust = sign(&door, "trust2", &text.replacen("[roles.trust]", &format!("{next}[roles.trust]"), 1));
        door.run("log init --origin example.com/next --key keys/next.pem --store next").expect(0, &[]);
        Self { door, trust }
    }

    fn run(&self, line: &str) -> Said {
        self.door.run(&format!("{line} {}", self.trust))
    }

    fn close(&self) {
        self.run(&format!("log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
            .expect(0, &["entry 4, 6 entries", "keep the log's checkpoint elsewhere: `countersign log checkpoint --store store"]);
    }

    fn go_on(&self) {
        self.run(&format!(
            "log continue --earlier store --store next --least-checkpoint outside/checkpoint {GATE} keys/next.pem --checkpoint-output outside/next"
        ))
        .expect(0, &["example.com/next: entry 0, 2 entries"]);
    }

    fn promote(&self, more: &str) -> Said {
        self.run(&format!(
            "promote app.bin --to production --repo app --store next {GATE} keys/next.pem {BUNDLES} {more} \
             --least-checkpoint outside/next"
        ))
    }

    /// The digest that a command's JSON names under a pointer.
    fn named(&self, line: &str, pointer: &str) -> String {
        let said = self.door.run(line);
        let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        value.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("{}", said.out)).to_owned()
    }
}

/// Has a trust document signed, and gives the arguments that name it.
fn sign(door: &Door, name: &str, text: &str) -> String {
    door.write(&format!("{name}.toml"), text.as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign {name}.toml --key keys/{person} --output {name}.json")).expect(0, &[]);
    }
    let digest = door.run(&format!("trust digest {name}.json")).out;
    format!("--trust {name}.json --trust-digest {}", digest.trim())
}

/// Where a store keeps a piece.
fn piece(store: &str, digest: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    format!("{store}/evidence/sha256/{}/{}", hex.split_at(2).0, hex.split_at(2).1)
}

#[test]
fn a_log_goes_on_from_one_that_lies_on_a_branch() {
    let years = Years::new("");
    let script = "git init -q --bare st.git; mkdir wc; cd wc; git init -q -b log; cp -r ../store/* .; git add -A
        git -c user.name=x -c user.email=x@example.com commit -qm x; git push -q ../st.git log";
    years.door.shell(".", script, &[]).expect(0, &[]);
    let store = format!("git:{}#log", years.door.path().join("st.git").display());
    let least = "--least-checkpoint outside/checkpoint";
    years
        .run(&format!("log close --successor example.com/next --store {store} {least} {GATE} keys/log.pem"))
        .expect(0, &["entry 4, 6 entries"]);
    years
        .run(&format!(
            "log continue --earlier {store} --store next {least} {GATE} keys/next.pem --checkpoint-output outside/next"
        ))
        .expect(0, &["example.com/next: entry 0, 2 entries"]);
    years
        .run(&format!("log verify --store next --earlier {store}"))
        .expect(0, &["example.com/log (6 entries), then example.com/next (2 entries)", "PASS"]);
    years.run("log verify --store next --earlier git:").expect(2, &["is no branch"]);
}

#[test]
fn the_logs_before_one_are_named_the_newest_first() {
    let mut years = Years::new("");
    years.close();
    years.go_on();
    let door = &years.door;
    door.run("key generate --output keys/third.pem").expect(0, &[]);
    let public = String::from_utf8(door.read("keys/third.pem.pub")).unwrap();
    let third =
        format!("[[logs]]\norigin = \"example.com/third\"\nkeys = [{{ key = \"\"\"{public}\"\"\" }}]\n\n[roles.trust]");
    let text = String::from_utf8(door.read("trust2.toml")).unwrap().replacen("[roles.trust]", &third, 1);
    let digest = door.run("trust digest trust2.json").out;
    let before = text.lines().find(|line| line.starts_with("previous = ")).unwrap();
    let text = text.replacen("version = 2", "version = 3", 1).replacen(
        before,
        &format!("previous = \"{}\"", digest.trim()),
        1,
    );
    years.trust = sign(door, "trust3", &text);
    years.door.run("log init --origin example.com/third --key keys/third.pem --store third").expect(0, &[]);
    let least = "--least-checkpoint outside/next";
    years
        .run(&format!("log close --successor example.com/third --store next {least} {GATE} keys/next.pem"))
        .expect(0, &[]);
    years
        .run(&format!(
            "log continue --earlier next --store third {least} {GATE} keys/third.pem --checkpoint-output outside/third"
        ))
        .expect(0, &[]);
    let all = "example.com/log (6 entries), then example.com/next (4 entries), then example.com/third (2 entries)";
    years.run("log verify --store third --earlier next --earlier store").expect(0, &[all, "PASS"]);
    years.run("log verify --store third --earlier next").expect(0, &["example.com/next (4 entries), then", "PASS"]);
    years
        .run("log verify --store third --earlier store --earlier next")
        .expect(2, &["example.com/log goes on from no other log", "the newest first"]);
    years.run("log verify --store store --earlier next").expect(2, &["example.com/log goes on from no other log"]);
    for (store, package) in [("store", "first"), ("next", "second"), ("third", "last")] {
        years.door.run(&format!("audit export --store {store} --output {package}.cspkg")).expect(0, &[]);
    }
    let verify = |more: &str| years.run(&format!("audit verify last.cspkg --least-checkpoint outside/third {more}"));
    // Two of them have no decision.
    let said = verify("--earlier second.cspkg --earlier first.cspkg");
    said.expect(3, &["decision-missing", "its package holds, and is what this log goes on from"]);
    assert!(!said.text.contains("log-earlier-unaudited"), "{}", said.text);
    verify("--earlier first.cspkg --earlier second.cspkg").expect(4, &["log-shard-invalid"]);
}

#[test]
fn a_package_that_holds_more_of_a_log_is_not_written_over() {
    let years = Years::new("");
    let door = &years.door;
    door.copy("store", "older");
    years.close();
    years.go_on();
    let export = |store: &str| door.run(&format!("audit export --store {store} --output year.cspkg"));
    export("older").expect(0, &["4 entries"]);
    export("store").expect(0, &["6 entries"]);
    let kept = door.read("year.cspkg");
    export("older").expect(4, &["log-rolled-back", "4 entries or fewer", "6 entries", "keep that package"]);
    assert_eq!(door.read("year.cspkg"), kept);
    export("store").expect(0, &["6 entries"]);
    // Of another log it says nothing.
    export("next").expect(0, &["2 entries"]);
    door.write("year.cspkg", b"no package");
    export("older").expect(0, &["4 entries"]);
}

#[test]
fn a_log_is_closed_for_another_that_goes_on_from_it() {
    let years = Years::new("");
    let door = &years.door;
    // Nobody goes on from a log that is not closed, or not closed for it.
    years
        .run(&format!(
            "log continue --earlier store --store next --least-checkpoint outside/checkpoint {GATE} keys/next.pem"
        ))
        .expect(4, &["log-shard-invalid", "not closed"]);
    years
        .run(&format!("log close --successor example.com/log --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
        .expect(2, &["follow itself"]);
    years
        .run("log close --successor example.com/next --store store --least-checkpoint outside/checkpoint --key keys/builder.pem --log-key keys/log.pem")
        .expect(4, &[]);
    door.copy("store", "elsewhere");
    // It would be closed for good, and nothing could go on from it.
    years
        .run(&format!("log close --successor example.com/third --store elsewhere --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
        .expect(4, &["log-shard-invalid", "trust names no log example.com/third", "nothing was written"]);
    years
        .run(&format!(
            "log continue --earlier elsewhere --store next --least-checkpoint outside/checkpoint {GATE} keys/next.pem"
        ))
        .expect(4, &["log-shard-invalid"]);

    years.close();
    years.go_on();
    years
        .run("log verify --store next --earlier store")
        .expect(0, &["log-shards", "example.com/log (6 entries), then example.com/next (2 entries)", "PASS"]);
    // Another log of the same name and key is not the one that it goes on from.
    years.run("log verify --store next --earlier elsewhere").expect(4, &["log-shard-invalid"]);
    years.run("log verify --store next --earlier next").expect(4, &["log-shard-invalid"]);

    // What the old log authorised is named, and is promoted here once more before anything is deployed by the new one.
    let digest = years.named("log show --store store --entry 3 --format json", "/entry/subjects/0");
    let promoted = format!("verify {digest} --promoted-to production --store next --least-checkpoint outside/next");
    years.run(&promoted).expect(
        3,
        &["decision-missing", "log example.com/log, entry 3: PASS, authorised", "countersign promote ARTIFACT --to"],
    );

    // Nothing is appended to a closed log, by whichever verb.
    let size = || door.run("log checkpoint --store store").out.lines().nth(1).unwrap().to_owned();
    let least = "--least-checkpoint outside/checkpoint";
    years
        .run(&format!("promote app.bin --to production --repo app --store store {GATE} keys/log.pem {BUNDLES} {least}"))
        .expect(1, &["log-closed", "nothing was authorised"]);
    years
        .run(&format!("log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
        .expect(1, &["log-closed"]);
    years
        .run(&format!(
            "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store {least}"
        ))
        .expect(1, &["log-closed"]);
    assert_eq!(size(), "6");
    // Nor does a log go on twice, or from two.
    years
        .run(&format!(
            "log continue --earlier store --store next --least-checkpoint outside/checkpoint {GATE} keys/next.pem"
        ))
        .expect(2, &["only a log without entries"]);
}

#[test]
fn a_gate_that_is_pointed_to_the_next_log_too_early_records_nothing_there() {
    let years = Years::new("continues = \"example.com/log\"\n");
    years.close();
    let early = years.run(&format!(
        "promote app.bin --to production --repo app --store next {GATE} keys/next.pem {BUNDLES} \
         --least-checkpoint outside/checkpoint"
    ));
    early.expect(early.code, &["nothing was authorised"]);
    assert_ne!(early.code, 0);
    years.door.run("log checkpoint --store next --output outside/empty").expect(0, &[]);
    let early = years.run(&format!(
        "promote app.bin --to production --repo app --store next {GATE} keys/next.pem {BUNDLES} --least-checkpoint outside/empty"
    ));
    assert_ne!(early.code, 0);
    early.expect(early.code, &["nothing was recorded: ", "countersign log continue"]);
    years.go_on();
    years.promote("").expect(0, &["PASS: authorised"]);
}

#[test]
fn a_log_that_was_set_back_is_neither_closed_nor_carried_on() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    door.copy("store", "rewound");
    // More is recorded, and the checkpoint of it kept.
    years
        .door
        .promote(&format!("{BUNDLES} --least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint"))
        .expect(0, &["PASS"]);
    let close = |store: &str, least: &str| {
        years.run(&format!("log close --successor example.com/next --store {store} {GATE} keys/log.pem {least}"))
    };
    let go_on = |store: &str, least: &str| {
        years.run(&format!("log continue --earlier {store} --store next {GATE} keys/next.pem {least}"))
    };
    let least = "--least-checkpoint outside/checkpoint";
    close("rewound", least).expect(4, &["log-rolled-back", "nothing was written"]);
    close("rewound", "").expect(3, &["rollback-undetectable", "nothing was written"]);
    // Closed by somebody who knew no better, it is still not gone on from.
    door.run("log checkpoint --store rewound --output outside/older").expect(0, &[]);
    close("rewound", "--least-checkpoint outside/older").expect(0, &[]);
    door.run("log checkpoint --store store --output outside/checkpoint").expect(0, &[]);
    close("store", least).expect(0, &[]);
    go_on("rewound", least).expect(4, &["log-forked", "nothing was written"]);
    go_on("store", "").expect(3, &["rollback-undetectable"]);
    go_on("store", least).expect(0, &["entry 0"]);
}

#[test]
fn a_checkpoint_that_was_kept_of_the_earlier_log_is_held_against_what_the_next_one_carries() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    years.close();
    years.go_on();
    years.promote("").expect(0, &["PASS: authorised"]);
    door.run("audit export --store next --output next.cspkg").expect(0, &[]);
    let promote = |least: &str| {
        years.run(&format!(
            "promote app.bin --to production --repo app --store next {GATE} keys/next.pem {BUNDLES} --dry-run {least}"
        ))
    };
    let least = "--least-checkpoint outside/checkpoint";
    years.run(&format!("log verify --store next {least}")).expect(0, &["log-continues", "PASS"]);
    years.run(&format!("log verify --store next --earlier store {least}")).expect(0, &["PASS"]);
    years.run(&format!("audit verify next.cspkg {least}")).expect(0, &["log-continues", "PASS"]);
    promote(least).expect(0, &["PASS"]);
    // One of a log of that name that is not the one which is carried is refused as it was.
    door.run("log init --origin example.com/log --key keys/log.pem --store other").expect(0, &[]);
    door.run("log checkpoint --store other --output other.checkpoint").expect(0, &[]);
    years
        .run("policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store other \
              --lock other.lock --least-checkpoint other.checkpoint --checkpoint-output other.checkpoint")
        .expect(0, &[]);
    let least = "--least-checkpoint other.checkpoint";
    years.run(&format!("log verify --store next {least}")).expect(4, &["log-forked"]);
    years.run(&format!("audit verify next.cspkg {least}")).expect(4, &["log-forked"]);
    promote(least).expect(4, &["log-forked"]);
}

#[test]
fn a_closed_log_is_no_record_to_deploy_by() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let digest = Sha256::of(&years.door.read("app.bin"));
    let deploy =
        format!("verify {digest} --promoted-to production --store store --least-checkpoint outside/checkpoint");
    years.door.trusting(&deploy).expect(0, &["verified"]);
    years.close();
    years.run(&deploy).expect(1, &["refused[log-closed]", "example.com/next"]);
}

#[test]
fn the_first_promotion_of_the_next_log_is_by_the_release_that_was_active_and_an_older_one_does_not_come_back() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    // A second release is active when the year ends.
    let policy = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", policy.replacen("version = 1\n", "version = 2\n", 1).as_bytes());
    door.run("policy build policy --output two.json").expect(0, &[]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve two.json --key keys/{person} --output two.sigstore.json")).expect(0, &[]);
    }
    let activate = |release: &str, store: &str, key: &str, least: &str| {
        years.run(&format!(
            "policy activate {release} --environment production --key keys/ada --log-key keys/{key}.pem --store {store} \
             --least-checkpoint outside/{least}"
        ))
    };
    // Trust has the next log go on from this one: it begins with that, or not at all.
    door.run("log checkpoint --store next --output outside/next").expect(0, &[]);
    activate("two.sigstore.json", "next", "next", "next")
        .expect(4, &["log-shard-invalid", "a first entry that goes on from example.com/log"]);
    activate("two.sigstore.json", "store", "log", "checkpoint").expect(0, &[]);
    years
        .run(&format!("log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
        .expect(0, &["entry 6, 7 entries"]);
    years.go_on();

    years.run("policy history --store next").expect(0, &["example.com/log 5", "2 (active)"]);
    years.promote("--checkpoint-output outside/last").expect(
        0,
        &["/release@2 since entry 5 of example.com/log", "example.com/next, 2 entries, signed", "PASS: authorised"],
    );
    let digest = years.named("log show --store next --entry 2 --format json", "/entry/subjects/0");
    years
        .run(&format!("verify {digest} --promoted-to production --store next --least-checkpoint outside/last"))
        .expect(0, &["PASS"]);
    activate("policy.sigstore.json", "next", "next", "last")
        .expect(4, &["policy-rollback", "version 1 is not newer than version 2"]);

    // The package of the new year names the old one, and proves it where its package is at hand.
    door.run("audit export --store next --output next.cspkg").expect(0, &[]);
    door.run("audit export --store store --output old.cspkg").expect(0, &[]);
    let verify = |more: &str| years.run(&format!("audit verify {more} --least-checkpoint outside/last"));
    verify("next.cspkg").expect(
        0,
        &["goes on from example.com/log (7 entries", "log-earlier-unaudited", "2 decisions of an earlier log"],
    );
    verify("next.cspkg --earlier old.cspkg").expect(0, &["log-earlier", "is what this log goes on from", "PASS"]);
    verify("next.cspkg --earlier demo.cspkg").expect(4, &["log-shard-invalid", "4 entries"]);
    verify("next.cspkg --earlier next.cspkg").expect(4, &["log-shard-invalid"]);
    verify("next.cspkg --earlier old.cspkg --earlier old.cspkg")
        .expect(2, &["2 packages were given, and the log goes on from 1"]);
    verify("next.cspkg --quick --earlier old.cspkg").expect(3, &["decisions-not-run", "log example.com/log"]);
    for question in ["Q01", "Q04", "Q11", "Q12"] {
        let said = years.run(&format!("audit ask {question} next.cspkg --least-checkpoint outside/last"));
        assert!([0, 1].contains(&said.code), "{question}: {}", said.text);
    }
    // A window that reaches into the year before is not answered by this year's log alone.
    for verb in ["ask Q01", "ask Q12", "population deployments", "reconcile", "sample --n 5 --seed mine"] {
        years
            .run(&format!("audit {verb} next.cspkg --from 2020-01-01 --least-checkpoint outside/last"))
            .expect(3, &["entries of the window are in the log example.com/log", "ask the package of that log"]);
    }
    years
        .run("audit show 2 next.cspkg --least-checkpoint outside/last")
        .expect(0, &["since entry 5 of example.com/log"]);
    years
        .run("audit reconcile next.cspkg --least-checkpoint outside/last")
        .expect(0, &["deployment chain", "1 links in 1 chains"]);
    // A part of it, and facts alone, make packages that hold as well.
    for more in ["--from 2020-01-01", "--profile facts-only", "--environment production"] {
        door.run(&format!("audit export --store next --output part.cspkg {more}")).expect(0, &[]);
        let code = if more.contains("facts") { 3 } else { 0 };
        verify("part.cspkg").expect(code, &["goes on from example.com/log"]);
    }
}

#[test]
fn a_log_whose_entries_are_not_what_they_say_is_not_closed() {
    use countersign_core::entry::Entry;
    use countersign_core::statement::Kind;

    let years = Years::new("continues = \"example.com/log\"\n");
    years.door.rewrite_log(|entries| {
        let mut hidden = Entry::parse(entries.last().unwrap()).unwrap();
        (hidden.kind, hidden.evidence) = (Kind::Sbom, Vec::new());
        hidden.statements.truncate(1);
        entries.push(hidden.to_bytes().unwrap());
    });
    let close = format!(
        "log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"
    );
    years.run(&close).expect(4, &["untrusted[log-entry-malformed]", "log entry 4"]);
    assert_eq!(years.door.entries(), 5, "nothing was recorded");
}

#[test]
fn a_log_that_lost_what_it_goes_on_from_decides_nothing() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    years.close();
    years.go_on();
    years.promote("--dry-run").expect(0, &["PASS"]);
    let carried = years.named("log show --store next --entry 0 --format json", "/entry/evidence/0");
    let opening = years.named("log show --store next --entry 0 --format json", "/entry/statements/0");
    let activation = years.named("log show --store store --entry 1 --format json", "/entry/statements/0");
    let decision = years.named("log show --store store --entry 3 --format json", "/entry/statements/0");
    for (digest, code) in [(&carried, 3), (&opening, 4), (&activation, 3), (&decision, 3)] {
        let path = piece("next", digest);
        let bytes = door.read(&path);
        door.shell(".", &format!("chmod -R u+w next && rm {path}"), &[]).expect(0, &[]);
        years.promote("--dry-run").expect(code, &["evidence-withheld"]);
        door.write(&path, &bytes);
        years.promote("--dry-run").expect(0, &["PASS"]);
        // And nobody has it erased.
        years
            .run(&format!(
                "evidence erase {digest} --reason gone --key keys/ada --log-key keys/next.pem --store next \
                 --least-checkpoint outside/next"
            ))
            .expect(1, &["erasure-forbidden", "the log is read with this document"]);
    }
    years.run("evidence check --store next").expect(0, &[]);
    // Neither is what the closed log ends with.
    let end = years.named("log show --store store --entry 5 --format json", "/entry/statements/0");
    let line = format!("evidence erase {end} --reason gone --key keys/ada --log-key keys/log.pem --store store");
    years.run(&format!("{line} --least-checkpoint outside/checkpoint")).expect(1, &["log-closed"]);
}

#[test]
fn a_log_whose_key_was_lost_after_its_end_is_shown_by_a_checkpoint_of_that_end_alone() {
    let door = Door::new();
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    let key =
        text.find("origin = \"example.com/log\"").map(|at| at + text.split_at(at).1.find("\" }").unwrap() + 1).unwrap();
    let text =
        format!("{}, compromised_since = \"2030-01-01T00:00:00Z\"{}", text.split_at(key).0, text.split_at(key).1);
    let trust = sign(&door, "trust2", &text);
    let verify = |more: &str| door.run(&format!("audit verify demo.cspkg {trust} {more}"));
    verify("").expect(3, &["log-key-lost", "a checkpoint of 4 entries that was kept elsewhere"]);
    verify("--least-checkpoint outside/checkpoint").expect(0, &["trust-later", "PASS"]);
}

#[test]
fn a_state_that_goes_on_reads_where_a_log_ends_and_what_it_begins_with() {
    use countersign_core::ids::{EnvName, Origin};
    use countersign_core::log::checkpoint::Checkpoint;
    use countersign_core::log::merkle::{leaf_hash, root_of};
    use countersign_flow::place::{Place, StoreBlobs};
    use countersign_sign::{LogSigner, SigningKey};
    use countersign_verify::LogState;
    use countersign_verify::trust::verify_trust;

    let years = Years::new("continues = \"example.com/log\"\n");
    years.close();
    years.go_on();
    let door = &years.door;
    let at: countersign_core::time::Time = {
        let said = door.shell(".", "date -u +%Y-%m-%dT%H:%M:%SZ", &[]);
        said.out.trim().parse().unwrap()
    };
    let digest = years.trust.rsplit(' ').next().unwrap().parse().unwrap();
    let trust = verify_trust(&door.read("trust2.json"), Some(&digest), at).trust.unwrap();
    let checkpoint = |origin: &str, key: &str, entries: &[Vec<u8>]| {
        let hashes: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let size = u64::try_from(entries.len()).unwrap();
        let origin = Origin::new(origin).unwrap();
        let key = SigningKey::load(&door.path().join(key)).unwrap();
        let signer = LogSigner::new(origin.clone(), key).unwrap();
        Checkpoint { origin, size, root: root_of(&hashes) }.sign(&signer).unwrap().to_string().into_bytes()
    };
    let goes_on = |store: &str, origin: &str, key: &str, known: usize| {
        let place = Place::new(&door.path().join(store));
        let blobs = StoreBlobs::new(place.store());
        let (newest, entries) = place.read_log().unwrap();
        let first = checkpoint(origin, key, &entries[..known]);
        let mut state = LogState::open(&first, &entries[..known], &trust, &blobs, at).state.unwrap();
        state.go_on(&newest, &entries[known..], &blobs, at).unwrap();
        let again = LogState::open(&newest, &entries, &trust, &blobs, at).state.unwrap();
        let facts = |state: &LogState| {
            let view = state.now();
            let active =
                view.active(&EnvName::new("production").unwrap()).map(countersign_verify::policy::Activated::since);
            (view.closed_for().cloned(), view.continued().cloned(), active, state.must_continue().is_some())
        };
        assert_eq!(facts(&state), facts(&again), "{store} from {known} entries");
        facts(&state)
    };
    let next = Origin::new("example.com/next").unwrap();
    assert_eq!(goes_on("store", "example.com/log", "keys/log.pem", 4).0, Some(next));
    let (closed, continued, active, _) = goes_on("next", "example.com/next", "keys/next.pem", 0);
    assert_eq!(closed, None);
    assert_eq!(continued.unwrap().size, 6);
    assert_eq!(active.as_deref(), Some("entry 1 of example.com/log"));
}

#[test]
fn a_log_that_lost_evidence_by_hand_is_closed_once_its_loss_is_recorded_and_gone_on_from_where_it_was_closed_before() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    let day = |days: &str| {
        let said = door.shell(".", &format!("date -u -d '{days} days' +%Y-%m-%dT%H:%M:%SZ"), &[]);
        said.out.trim().to_owned()
    };
    let (from, until) = (day("-1"), day("100"));
    door.write("protocol.txt", b"all doors were tried");
    let line = format!(
        "evidence add manual --statement doors-tried --document protocol.txt --as-of {from} --valid-until {until} --store store \
         --key keys/ada --log-key keys/log.pem --least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint \
         --trust trust.sigstore.json --trust-digest {}",
        door.digest()
    );
    for statement in ["doors-tried", "doors-closed"] {
        let line = line.replace("doors-tried", statement);
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.extend(["--control", "SOC 2 CC6.4"]);
        door.run_words(&words).expect(0, &["person ada attests SOC 2 CC6.4"]);
    }
    let lose = |entry: u64| {
        let digest =
            years.named(&format!("log show --store store --entry {entry} --format json"), "/entry/statements/0");
        door.shell(".", &format!("chmod -R u+w store && rm {}", piece("store", &digest)), &[]).expect(0, &[]);
        digest
    };
    let close = || {
        years.run(&format!(
            "log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem \
             --checkpoint-output outside/checkpoint"
        ))
    };
    let digest = lose(4);
    close().expect(3, &["evidence-withheld", "log entry 4", "record its loss with `countersign evidence erase`"]);
    door.trusting(&format!(
        "evidence erase {digest} --reason lost --key keys/ben --log-key keys/log.pem --store store \
         --least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint"
    ))
    .expect(0, &["was not there any more", "end with 3: log entry 4"]);
    close().expect(0, &["9 entries"]);
    // Of a log that is closed nothing more can be recorded.
    lose(5);
    years.go_on();
    // Nor is anybody told to put back what the next log may have erased.
    let said = years.run("log verify --store store --least-checkpoint outside/checkpoint");
    said.expect(3, &["log entry 5", "evidence check --later STORE"]);
    assert!(!said.text.contains("put it back"), "{}", said.text);
    let words = ["log example.com/log, entry 4", "log example.com/log, entry 5"];
    years.run("log verify --store next --least-checkpoint outside/next").expect(3, &words);
    // Nobody is told to add anew what was erased as if it had only been left behind.
    let words = "evidence by hand of log example.com/log, entries 4 (erased, as log example.com/log, entry 6 says), 5: \
                 add it anew to this one, and what was erased in other words";
    let said = years.run("controls coverage --store next --least-checkpoint outside/next");
    assert!(said.text.contains(words), "{}", said.text);
    door.run("audit export --store next --output next.cspkg").expect(0, &[]);
    years.run("audit ask Q21 next.cspkg --least-checkpoint outside/next").expect(3, &["Q21  INDETERMINATE", words]);
}

#[test]
fn a_log_whose_store_lacks_what_the_next_one_is_read_with_is_not_closed_until_its_loss_is_recorded() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    let sbom = Sha256::of(door.read("app.sbom.sigstore.json").trim_ascii_end()).to_string();
    door.shell(".", &format!("chmod -R u+w store && rm {}", piece("store", &sbom)), &[]).expect(0, &[]);
    let close = || {
        years.run(&format!(
            "log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem \
             --checkpoint-output outside/checkpoint"
        ))
    };
    close().expect(3, &["evidence-withheld", &sbom, "(sbom)", "`countersign evidence erase`", "nothing was written"]);
    door.trusting(&format!(
        "evidence erase {sbom} --reason lost --key keys/ben --log-key keys/log.pem --store store \
         --least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint"
    ))
    .expect(0, &["was not there any more"]);
    close().expect(0, &["7 entries"]);
    years.go_on();
}

#[test]
fn evidence_by_hand_is_not_carried_and_each_who_asks_for_it_is_told() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    let day = |days: &str| {
        let said = door.shell(".", &format!("date -u -d '{days} days' +%Y-%m-%dT%H:%M:%SZ"), &[]);
        said.out.trim().to_owned()
    };
    let (from, until) = (day("-1"), day("100"));
    door.write("protocol.txt", b"all doors were tried");
    let add = |store: &str, key: &str, least: &str, trust: &str| {
        let line = format!(
            "evidence add manual --statement doors-tried --document protocol.txt --as-of {from} --valid-until {until} --store {store} \
             --key keys/ada --log-key keys/{key}.pem --least-checkpoint outside/{least} --checkpoint-output outside/{least} {trust}"
        );
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.extend(["--control", "SOC 2 CC6.4"]);
        door.run_words(&words).expect(0, &["person ada attests SOC 2 CC6.4"]);
    };
    // By the trust of the old year, which its log knows.
    add("store", "log", "checkpoint", &format!("--trust trust.sigstore.json --trust-digest {}", door.digest()));
    years
        .run(&format!("log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
        .expect(0, &["entry 5, 7 entries"]);
    years.go_on();

    let coverage = || years.run("controls coverage --store next --least-checkpoint outside/next");
    let asked = || {
        door.run("audit export --store next --output next.cspkg").expect(0, &[]);
        years.run("audit ask Q21 next.cspkg --least-checkpoint outside/next")
    };
    let named = "evidence by hand of log example.com/log, entries 4: add it anew to this one";
    let said = coverage();
    assert!(said.text.contains("note[manual-evidence-earlier]") && said.text.contains(named), "{}", said.text);
    assert!(!said.text.contains("manual, current  person ada"), "{}", said.text);
    // The new log has only opened so far: the old one's release is in force in it.
    assert!(!said.text.contains("policy-not-active"), "{}", said.text);
    asked().expect(3, &["Q21  INDETERMINATE", named]);

    add("next", "next", "next", &years.trust);
    let said = coverage();
    assert!(said.text.contains("SOC 2 CC6.4    manual, current  person ada"), "{}", said.text);
    asked().expect(0, &["Q21  PASS", "evidence by hand of log example.com/log, entries 4: added anew to this one"]);
}

#[test]
fn what_a_log_says_is_erased_does_not_count_in_the_next_one_and_is_not_stored_there() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    let reviews = std::fs::read_dir(door.path().join("reviews")).unwrap();
    let review = reviews.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    let digest = Sha256::of(std::fs::read(&review).unwrap().trim_ascii_end());
    door.trusting(&format!(
        "evidence erase {digest} --reason asked-for --key keys/ada --log-key keys/log.pem --store store \
         --least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint"
    ))
    .expect(0, &["erased", "log entry 4 says why"]);
    years
        .run(&format!("log close --successor example.com/next --store store --least-checkpoint outside/checkpoint {GATE} keys/log.pem"))
        .expect(0, &["7 entries"]);
    years.go_on();

    let again = years.promote("--checkpoint-output outside/next");
    assert_ne!(again.code, 0, "{}", again.text);
    again.expect(again.code, &["log example.com/log, entry 4 says that it is erased"]);
    let path = piece("next", &digest.to_string());
    assert!(!door.path().join(&path).exists());
    years.run("evidence check --store next").expect(0, &["PASS"]);
    // Put there by hand it is found, and taken out again: the log before says so already.
    let folder = door.path().join(&path);
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&folder, std::fs::read(&review).unwrap().trim_ascii_end()).unwrap();
    let undone = ["refused[erasure-undone]", "log example.com/log, entry 4 says that it is erased"];
    years.run("evidence check --store next").expect(1, &undone);
    years
        .run(&format!(
            "evidence erase {digest} --reason again --key keys/ada --log-key keys/next.pem --store next \
             --least-checkpoint outside/next"
        ))
        .expect(0, &["erased", "log example.com/log, entry 4 says why"]);
    assert!(!folder.exists());
    years.run("evidence check --store next").expect(0, &["PASS"]);
    // What nobody took up again is held against nobody.
    door.run("audit export --store next --output next.cspkg").expect(0, &[]);
    let said = years.run("audit verify next.cspkg --least-checkpoint outside/next");
    assert!(!said.text.contains("untrusted["), "{}", said.text);
}

#[test]
fn whoever_erases_is_told_which_store_of_an_earlier_log_was_not_reached() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    let reviews = std::fs::read_dir(door.path().join("reviews")).unwrap();
    let review = reviews.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    let digest = Sha256::of(std::fs::read(&review).unwrap().trim_ascii_end());
    years.close();
    years.go_on();
    let erase = |more: &str| {
        years.run(&format!(
            "evidence erase {digest} --reason asked-for --key keys/ada --log-key keys/next.pem --store next \
             --least-checkpoint outside/next {more}"
        ))
    };
    let lies = || door.path().join(piece("store", &digest.to_string())).exists();
    erase("").expect(0, &["erased", "the store of example.com/log was not given", "--also STORE"]);
    assert!(lies());
    // A program is told the same.
    let document = |more: &str| -> serde_json::Value {
        let said = erase(&format!("{more} --format json"));
        assert_eq!(said.code, 0, "{}", said.text);
        serde_json::from_str(&said.out).unwrap()
    };
    let told = document("");
    assert_eq!(told["notReached"], serde_json::json!(["example.com/log"]));
    assert_eq!((&told["removed"], &told["removedEarlier"]), (&serde_json::json!(false), &serde_json::json!(0)));
    let bytes = door.read(&piece("store", &digest.to_string()));
    let said = erase("--also store");
    said.expect(0, &["was not there any more", "erased from 1 store(s) of earlier logs too"]);
    assert!(!said.text.contains("was not given") && !lies(), "{}", said.text);
    door.write(&piece("store", &digest.to_string()), &bytes);
    let told = document("--also store");
    assert_eq!((&told["notReached"], &told["removedEarlier"]), (&serde_json::json!([]), &serde_json::json!(1)));
    assert!(!lies());
}

#[test]
fn evidence_of_a_closed_log_is_erased_by_the_one_that_goes_on_from_it_out_of_both_stores() {
    let years = Years::new("continues = \"example.com/log\"\n");
    let door = &years.door;
    let reviews = std::fs::read_dir(door.path().join("reviews")).unwrap();
    let review = reviews.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    let digest = Sha256::of(std::fs::read(&review).unwrap().trim_ascii_end());
    door.copy("store", "elsewhere");
    years.close();
    years.go_on();
    let lies = |store: &str| door.path().join(piece(store, &digest.to_string())).exists();
    assert!(lies("store") && lies("next"));
    let erase = |store: &str, key: &str, least: &str, more: &str| {
        years.run(&format!(
            "evidence erase {digest} --reason asked-for --key keys/ada --log-key keys/{key}.pem --store {store} \
             --least-checkpoint outside/{least} {more}"
        ))
    };
    erase("store", "log", "checkpoint", "").expect(1, &["log-closed"]);
    // A store of another log, or of this one before it was closed, is none that the log speaks for.
    erase("next", "next", "next", "--also elsewhere")
        .expect(4, &["log-shard-invalid", "help: name with --also", "nothing was erased"]);
    erase("next", "next", "next", "--also next").expect(4, &["log-shard-invalid"]);
    assert!(lies("store") && lies("next") && lies("elsewhere"));
    erase("next", "next", "next", "--also store")
        .expect(0, &["erased", "erased from 1 store(s) of earlier logs too", "log entry 2 says why"]);
    assert!(!lies("store") && !lies("next") && lies("elsewhere"));

    years.run("evidence check --store next").expect(0, &["1 erased", "PASS"]);
    // Whoever has the closed log alone is sent to the later one, and not to a copy out of which it would come back.
    let asked = "evidence check --later STORE";
    years.run("evidence check --store store").expect(3, &["evidence-withheld", &digest.to_string(), asked]);
    let app = Sha256::of(&door.read("app.bin"));
    let said = years
        .run(&format!("verify {app} --promoted-to production --store store --least-checkpoint outside/checkpoint"));
    assert!(said.code != 0 && said.text.contains(asked), "{}", said.text);
    door.run("audit export --store store --output none.cspkg").expect(3, &["the store has no", "--later STORE"]);
    years.run("evidence check --store store --later next").expect(0, &["1 erased", "PASS"]);
    let said = years.run("evidence check --store store --later next --format json");
    assert!(said.out.contains(&format!("\"{digest}\": \"log example.com/next, entry 2\"")), "{}", said.out);
    years
        .run("evidence check --store elsewhere --later next")
        .expect(4, &["log-shard-invalid", "help: name with --later"]);
    years.run("log verify --store next --earlier store --least-checkpoint outside/next").expect(0, &["PASS"]);
}

#[test]
fn what_was_kept_of_the_old_log_does_not_give_way_to_the_checkpoint_of_the_new_one() {
    let years = Years::new("continues = \"example.com/log\"\n");
    years.close();
    let kept = years.door.read("outside/checkpoint");
    let go_on =
        format!("log continue --earlier store --store next --least-checkpoint outside/checkpoint {GATE} keys/next.pem");
    let said = years.run(&format!("{go_on} --checkpoint-output outside/checkpoint"));
    said.expect(4, &["log-origin-mismatch", "in a file of its own", "nothing was written"]);
    assert!(years.door.read("outside/checkpoint") == kept);
    years.go_on();
}
