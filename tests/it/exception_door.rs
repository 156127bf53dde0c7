//! Exceptions as people meet them: asked for, approved, recorded, used, over; and an emergency with what follows it.

use countersign_core::time::Time;
use countersign_tests::door::{Door, Said};

const LEAST: &str = "--least-checkpoint outside/checkpoint --checkpoint-output outside/checkpoint";
const BUNDLES: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json";

/// The demo's world with a third person, approvers of exceptions, and a release that asks for more than its build shows.
struct Place {
    door: Door,
    trust: String,
}

impl Place {
    fn new() -> Self {
        Self::with_logs("")
    }

    /// The same, with a key for another log, which is put into what trust says of that.
    fn before_another() -> Self {
        Self::with_logs(
            "[[logs]]\norigin = \"example.com/next\"\ncontinues = \"example.com/log\"\nkeys = [{ key = \"\"\"KEY\"\"\" }]\n\n",
        )
    }

    fn with_logs(more: &str) -> Self {
        let door = Door::new();
        door.run("key generate --output keys/next.pem").expect(0, &[]);
        let more = more.replace("KEY", &String::from_utf8(door.read("keys/next.pem.pub")).unwrap());
        let copied = door.shell(".", "ssh-keygen -q -t ed25519 -N '' -C cy -f keys/cy </dev/null", &[]);
        copied.expect(0, &[]);
        let key = String::from_utf8(door.read("keys/cy.pub")).unwrap();
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        let text = String::from_utf8(door.read("trust.toml")).unwrap();
        let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
        let person =
            format!("[[persons]]\nid = \"cy\"\nkeys = [{{ key = \"{}\" }}]\n\n{more}[roles.trust]", key.join(" "));
        let text = text.replacen("[roles.trust]", &person, 1);
        let role = |name: &str| format!("[roles.{name}]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n");
        let roles = format!("{}{}[environments.", role("exception-approvers"), role("break-glass"));
        door.write("trust2.toml", text.replacen("[environments.", &roles, 1).as_bytes());
        for person in ["ada", "ben"] {
            door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
        }
        let digest = door.run("trust digest trust2.json").out;
        let trust = format!("--trust trust2.json --trust-digest {}", digest.trim());
        let place = Self { door, trust };
        let policy = String::from_utf8(place.door.read("policy/policy.toml")).unwrap();
        let policy = policy.replacen("version = 1\n", "version = 2\n", 1).replacen("least = 1", "least = 2", 1);
        place.door.write("policy/policy.toml", policy.as_bytes());
        place.door.run("policy build policy --output two.json").expect(0, &[]);
        for person in ["ada", "ben"] {
            let line = format!("policy approve two.json --key keys/{person} --output two.sigstore.json");
            place.door.run(&line).expect(0, &[]);
        }
        place.recording("policy activate two.sigstore.json --environment production --key keys/ada").expect(0, &[]);
        place
    }

    fn run(&self, line: &str) -> Said {
        self.door.run(&format!("{line} {}", self.trust))
    }

    fn recording(&self, line: &str) -> Said {
        self.run(&format!("{line} --log-key keys/log.pem --store store {LEAST}"))
    }

    fn promote(&self, more: &str) -> Said {
        self.recording(&format!("promote app.bin --to production --repo app --key keys/gate.pem {BUNDLES} {more}"))
    }

    /// Asks for an exception as cy, and has it approved and recorded; its id.
    fn granted(&self, rule: &str, more: &str) -> String {
        let file = format!("{}.json", rule.replace('@', "-"));
        self.request(rule, &file, more).expect(0, &["exception E-", "it counts once 2 persons"]);
        for person in ["ada", "ben"] {
            self.run(&format!("exception approve {file} --key keys/{person}")).expect(0, &[person]);
        }
        self.recording(&format!("exception activate {file}"))
            .expect(0, &["counts since entry", "approved by ada, ben"]);
        let list = self.run("exception list --store store --format json").out;
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let last = list["exceptions"].as_array().unwrap().last().unwrap();
        last["id"].as_str().unwrap().to_owned()
    }

    fn request(&self, rule: &str, file: &str, more: &str) -> Said {
        self.run(&format!(
            "exception request --rule {rule} --environment production --repository git+https://example.com/demo/app \
             --subject app.bin --reason because --log example.com/log --key keys/cy --output {file} {more}"
        ))
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test reads the machine's clock")]
fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix(i64::try_from(since.as_secs()).unwrap()).unwrap()
}

#[test]
fn an_exception_lets_a_refusal_be_until_it_is_over_and_the_auditor_decides_the_same() {
    let place = Place::new();
    place.promote("--reviews reviews").expect(1, &["refused[builder-level]", "nothing was authorised"]);
    let end = now().plus(20);
    let id = place.granted("builder-level@1", &format!("--category waiver --expires {end}"));
    place.promote("--reviews reviews").expect(
        0,
        &["excepted[builder-level]", &format!("excepted: by {id}, waiver"), "PASS: authorised for production"],
    );
    place.run("exception expiring --store store").expect(1, &["note[exception-expiring]", &id]);
    place.run("exception expiring --store store --within 14d").expect(1, &[&id]);
    place.run("exception expiring --store store --within soon").expect(2, &["a number of days, such as `14` or `14d`"]);
    place
        .recording("exception activate builder-level-1.json")
        .expect(1, &["[exception-recorded]", "is in the log already"]);
    while now() < end {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    place.promote("--reviews reviews").expect(1, &["refused[builder-level]", "note[exception-expired]"]);
    place.run("exception list --store store").expect(0, &["expired", "note[exception-expired]"]);
    place.recording(&format!("exception revoke {id} --reason over --key keys/ben")).expect(0, &["is revoked"]);
    place.recording(&format!("exception revoke {id} --reason over --key keys/ben")).expect(1, &["[exception-unknown]"]);
    place.door.run("audit export --store store --output new.cspkg").expect(0, &[]);
    place.run("audit verify new.cspkg").expect(0, &["the same again", "PASS"]);
}

#[test]
fn nobody_grants_an_exception_alone_or_for_more_than_is_allowed() {
    let place = Place::new();
    let entries = place.door.entries();
    let request = |rule: &str, more: &str| place.request(rule, "new.json", more);
    request("builder-level@1", "--category waiver --expires 91d")
        .expect(1, &["[exception-dates]", "nothing was written"]);
    request("builder-level@1", "--category waiver --expires never").expect(2, &["is no time"]);
    request("two-party-review@1", "--category waiver --expires 1d").expect(1, &["[exception-forbidden]"]);
    request("builder-level@1", "--category waiver --expires 1d --code signature-invalid")
        .expect(1, &["[exception-forbidden]"]);
    request("no-such-rule@1", "--category waiver --expires 1d").expect(0, &["exception E-"]);
    place.recording("exception activate new.json").expect(4, &["[exception-unapproved]", "nothing was recorded"]);
    place.run("exception approve new.json --key keys/cy").expect(4, &["cy, who asks for it"]);
    place.run("exception approve new.json --key keys/ada").expect(0, &["1 of 2 needed: ada"]);
    place.run("exception approve new.json --key keys/ada").expect(0, &["already signed", "1 of 2 needed"]);
    place.recording("exception activate new.json").expect(4, &["[exception-unapproved]"]);
    place.run("exception approve new.json --key keys/ben").expect(0, &["2 of 2 needed"]);
    place.recording("exception activate new.json").expect(3, &["[policy-rule-unknown]", "nothing was recorded"]);
    place.run("exception list --store store").expect(0, &["no exceptions"]);
    assert_eq!(place.door.entries(), entries);
}

#[test]
fn an_emergency_passes_over_review_without_a_pass_and_is_made_up_for() {
    let place = Place::new();
    place.granted("builder-level@1", "--category waiver --expires 2d");
    let said = place.promote("");
    said.expect(1, &["refused[review-missing]"]);
    // The line that asks for an exception can be pasted.
    let line = said.text.lines().find_map(|line| line.strip_prefix("to have it excepted: countersign ")).unwrap();
    let line = line.replace("--reason …", "--reason because").replace("--key …", "--key keys/cy --output pasted.json");
    place.door.run(&line).expect(0, &["exception E-", "it counts once 2 persons"]);
    let id = place.granted("two-party-review@1", "--category emergency --expires 2d --follow-up 5d");
    let said = place.promote("");
    said.expect(
        0,
        &["excepted[review-missing]", "refused[break-glass]", &format!("FAIL: let through by break-glass {id}")],
    );
    let subject = place.run("promote app.bin --to production --store store --dry-run --format json");
    let subject: serde_json::Value = serde_json::from_str(&subject.out).unwrap();
    let digest = subject["decision"]["request"]["subject"].as_str().unwrap().to_owned();
    let deployed = || {
        let least = "--store store --least-checkpoint outside/checkpoint";
        place.run(&format!("verify {digest} --promoted-to production {least}"))
    };
    deployed().expect(0, &["note[follow-up-open]"]);
    place.promote("").expect(0, &["note[follow-up-open]"]);
    let follow = |person: &str| {
        place.recording(&format!(
            "exception follow-up {id} --reason reviewed --signatures follow.json --key keys/{person}"
        ))
    };
    follow("cy").expect(4, &["signer-not-allowed", "cy, who asked for it"]);
    assert!(!place.door.has("follow.json"), "who asked signs nothing");
    // The first of the two has done what is asked for, and needs no key of the log.
    let without =
        format!("exception follow-up {id} --reason reviewed --signatures follow.json --store store {LEAST} --key");
    place.run(&format!("{without} keys/ada")).expect(0, &["1 of 2 needed: ada", "nothing was recorded yet"]);
    follow("ada").expect(0, &["1 of 2 needed: ada", "nothing was recorded yet"]);
    place.run(&format!("{without} keys/ben")).expect(2, &["--log-key is needed to record it"]);
    follow("ben").expect(0, &["is made up for", "signed by ada, ben", "it excepts nothing any more"]);
    deployed().expect(0, &[]);
    place.promote("").expect(1, &["refused[review-missing]"]);
    place.promote("--reviews reviews").expect(0, &["PASS: authorised"]);
    place.door.run("audit export --store store --output new.cspkg").expect(0, &[]);
    place.run("audit verify new.cspkg").expect(0, &["the same again", "PASS"]);
}

#[test]
fn what_an_earlier_log_left_open_stands_in_the_answers_of_the_next_one() {
    let place = Place::before_another();
    place.granted("builder-level@1", "--category waiver --expires 2d");
    let due = now().plus(20);
    let id = place.granted("two-party-review@1", &format!("--category emergency --expires {due} --follow-up {due}"));
    place.promote("").expect(0, &["refused[break-glass]", &format!("FAIL: let through by break-glass {id}")]);
    place.recording("log close --successor example.com/next --key keys/gate.pem").expect(0, &["entry"]);
    place.door.run("log init --origin example.com/next --key keys/next.pem --store next").expect(0, &[]);
    let next = "--key keys/gate.pem --log-key keys/next.pem --store next --checkpoint-output outside/next";
    place
        .run(&format!("log continue --earlier store {next} --least-checkpoint outside/checkpoint"))
        .expect(0, &["example.com/next: entry 0"]);
    while now() < due {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let promote = |more: &str| {
        place.run(&format!(
            "promote app.bin --to production --repo app {BUNDLES} {next} --least-checkpoint outside/next {more}"
        ))
    };
    promote("").expect(1, &["refused[follow-up-overdue]"]);
    let entry = {
        let list = place.door.run("audit export --store store --output old.cspkg").text;
        assert!(list.contains("entries"), "{list}");
        let old = place.run("audit ask Q06 old.cspkg --least-checkpoint outside/checkpoint --format json").out;
        let old: serde_json::Value = serde_json::from_str(&old).unwrap();
        old["answers"][0]["table"]["rows"][0]["proof"]["entry"].as_u64().unwrap()
    };
    let export = |more: &str| {
        place.door.run(&format!("audit export --store next --output next.cspkg {more}")).expect(0, &[]);
    };
    let ask = |question: &str, more: &str| {
        place.run(&format!("audit ask {question} next.cspkg --least-checkpoint outside/next {more}"))
    };
    let named = format!("example.com/log {entry}");
    let finding = format!("log example.com/log, entry {entry}");
    for profile in ["", "--profile facts-only"] {
        export(profile);
        for window in ["", "--from 2020-01-01"] {
            let said = ask("Q06", window);
            said.expect(1, &[&named, &finding, "OVERDUE", "of this log alone, but for what was open when it began"]);
            // The same rule failed for that artifact in the earlier log, and it is not fixed.
            ask("Q10", window).expect(1, &[&named, &finding, "two-party-review@1"]);
        }
    }
    // By facts that were kept the same comes out.
    export("");
    place.run("audit verify next.cspkg --facts-output next.facts --least-checkpoint outside/next").expect(0, &["PASS"]);
    ask("Q06", "--facts next.facts").expect(1, &[&named, &finding, "OVERDUE"]);
    ask("Q11", "").expect(1, &[&format!("before, {id} was needed by {named}")]);
    ask("Q20", "").expect(0, &["in force when this log began, as example.com/log recorded it"]);
    assert!(!ask("Q20", "").text.contains("new version"));

    // What is reviewed now was reviewed late: it is of this log's year until then.
    promote("--reviews reviews").expect(0, &["PASS: authorised"]);
    export("");
    ask("Q06", "").expect(1, &[&named, "reviewed LATE", "was reviewed late"]);
    ask("Q10", "").expect(1, &[&named, "the rule holds again"]);
    place.run("audit verify next.cspkg --least-checkpoint outside/next").expect(0, &["the same again", "PASS"]);
    place
        .run("audit verify next.cspkg --earlier old.cspkg --least-checkpoint outside/next")
        .expect(0, &["log-earlier", "PASS"]);
}

#[test]
fn no_exception_is_recorded_where_the_log_is_gone_and_a_checkpoint_of_it_was_kept() {
    let place = Place::new();
    place.request("builder-level@1", "waiver.json", "--category waiver --expires 2d").expect(0, &["exception E-"]);
    std::fs::remove_dir_all(place.door.path().join("store")).unwrap();
    let said = place.recording("exception activate waiver.json");
    said.expect(4, &["log-rolled-back"]);
    assert!(!said.text.contains("makes a new log"), "{}", said.text);
}

#[test]
fn what_a_decision_of_an_earlier_log_settled_is_open_until_the_package_of_that_log_is_given() {
    let place = Place::before_another();
    place.granted("builder-level@1", "--category waiver --expires 2d");
    place.granted("two-party-review@1", "--category emergency --expires 2d --follow-up 5d");
    place.promote("").expect(0, &["refused[break-glass]"]);
    // Reviewed afterwards, by an ordinary promotion of the same log.
    place.promote("--reviews reviews").expect(0, &["PASS: authorised"]);
    place.recording("log close --successor example.com/next --key keys/gate.pem").expect(0, &["entry"]);
    place.door.run("log init --origin example.com/next --key keys/next.pem --store next").expect(0, &[]);
    let next = "--key keys/gate.pem --log-key keys/next.pem --store next --checkpoint-output outside/next";
    place
        .run(&format!("log continue --earlier store {next} --least-checkpoint outside/checkpoint"))
        .expect(0, &["example.com/next: entry 0"]);
    place
        .run(&format!(
            "promote app.bin --to production --repo app {BUNDLES} {next} --least-checkpoint outside/next --reviews reviews"
        ))
        .expect(0, &["PASS: authorised"]);
    place.door.run("audit export --store store --output old.cspkg").expect(0, &[]);
    place.door.run("audit export --store next --output next.cspkg").expect(0, &[]);
    let ask = |question: &str, more: &str| {
        place.run(&format!("audit ask {question} next.cspkg --least-checkpoint outside/next --format json {more}"))
    };
    let unrun = "that log's whole package, given with --earlier, shows it";
    ask("Q06", "").expect(3, &["reviewed in time", "which is not run again here", unrun]);
    let over = "whether violations were over when this log began: log example.com/log";
    let said = ask("Q10", "");
    assert!(said.text.contains(over) && said.text.contains(unrun), "{}", said.text);
    ask("Q01", "").expect(0, &["as its decisions say, which were not all run again here"]);

    // With that package they are run again, here or where facts were kept.
    place
        .run("audit verify next.cspkg --earlier old.cspkg --facts-output next.facts --least-checkpoint outside/next")
        .expect(0, &["PASS"]);
    for more in ["--earlier old.cspkg", "--facts next.facts"] {
        let said = ask("Q06", more);
        said.expect(0, &[]);
        assert!(!said.text.contains("not run again here"), "{}", said.text);
        assert!(!ask("Q10", more).text.contains(over), "{more}");
    }
    ask("Q06", "--facts next.facts --earlier old.cspkg").expect(2, &["--earlier"]);
    ask("Q03", "--item 999 --facts next.facts").expect(2, &["--item 999: the log has"]);
    ask("Q03", "--item 0 --facts next.facts").expect(2, &["--item 0: log entry 0 is no decision, but log-shard"]);
    // What was meant for another question is not passed over.
    for (option, by) in
        [("--item 2", "Q03"), ("--n 5", "Q02 and Q03"), ("--seed x", "Q02 and Q03"), ("--at 2026-06-01", "Q13")]
    {
        let name = option.split(' ').next().unwrap();
        ask("Q06", &format!("{option} --facts next.facts")).expect(2, &[&format!("{name} is for {by} alone")]);
        let all = ask("all", &format!("{option} --facts next.facts"));
        assert_ne!(all.code, 2, "{}", all.text);
    }
}
