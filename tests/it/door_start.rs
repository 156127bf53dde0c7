//! From an empty folder: the page for newcomers as it stands, what the first files say by themselves, and how trust goes on.

use crate::pages::does_what_it_says;
use countersign_tests::door::Door;

const LEAST: &str = "--least-checkpoint outside/checkpoint";

#[test]
fn a_newcomer_gets_from_nothing_to_an_audit_by_what_the_page_says() {
    let door = Door::empty();
    let said = does_what_it_says(&door, "start.md", 10);
    // Without the review it refuses, and says so in the log.
    assert!(said.contains("FAIL: nothing was authorised\n"), "{said}");
    assert!(said.contains("exit code 1\n"), "{said}");
    assert!(door.has("year.cspkg"));
}

#[test]
fn the_first_trust_asks_for_what_its_builders_show_or_says_that_it_does_not() {
    let door = Door::new();
    let init = |more: &str, output: &str| {
        door.run(&format!(
            "trust init --person ada=keys/ada.pub --person ben=keys/ben.pub \
             --builder https://countersign.dev/builders/local/v1=keys/builder.pem.pub --environment production {more} --output {output}"
        ))
    };
    let meets = init("", "one.toml");
    meets.expect(0, &["one.toml: 2 person(s)"]);
    assert!(!meets.text.contains("note["), "{}", meets.text);
    let text = String::from_utf8(door.read("one.toml")).unwrap();
    assert!(text.contains("max_level = 1") && text.contains("builder_level = 1"), "{text}");
    init("--builder-level 2", "two.toml").expect(
        0,
        &[
            "note[builder-level-unreachable]",
            "expected: a builder with max_level = 2",
            "found:    max_level = 1",
            "help:",
        ],
    );
}

#[test]
fn lint_says_that_the_first_promotion_lacks_its_start() {
    let door = Door::new();
    let new = "policy new --uri https://example.com/p --repository git+https://example.com/t/a --owner platform";
    door.run(&format!("{new} --policy without")).expect(0, &["`start` is not set"]);
    door.run("policy lint without").expect(0, &["note[start-unset]", "git+https://example.com/t/a", "help:"]);
    // It is a note: the release can be built, since a later one needs none.
    door.run("policy build without --output without.json").expect(0, &[]);
    let start = door.git("rev-parse HEAD");
    let with = door.run(&format!("{new} --policy with --start {start}"));
    with.expect(0, &[]);
    assert!(!with.text.contains("not set"), "{}", with.text);
    door.run("policy lint with").expect(0, &["nothing is wrong"]);
    door.run(&format!("{new} --policy short --start {}", start.split_at(7).0)).expect(2, &["--start"]);
}

/// The next version of the demo's trust, edited, signed by these persons. Its digest.
fn next(door: &Door, edit: impl FnOnce(String) -> String, signers: &[&str]) -> String {
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    door.write("next.toml", edit(text).as_bytes());
    for person in signers {
        door.run(&format!("trust sign next.toml --key keys/{person} --output next.sigstore.json")).expect(0, &[]);
    }
    door.run("trust digest next.sigstore.json").out.trim().to_owned()
}

fn activates(door: &Door, digest: &str, more: &str) -> countersign_tests::door::Said {
    door.run(&format!(
        "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store \
         --trust next.sigstore.json --trust-digest {digest} --checkpoint-output outside/checkpoint {LEAST} {more}"
    ))
}

fn promotes(door: &Door, trust: &str, digest: &str, more: &str) -> countersign_tests::door::Said {
    door.run(&format!(
        "promote app.bin --to production --repo app --store store --key keys/gate.pem --log-key keys/log.pem \
         --bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews --trust {trust} --trust-digest {digest} \
         --checkpoint-output outside/checkpoint {LEAST} {more}"
    ))
}

#[test]
fn the_next_trust_comes_with_the_release_that_is_active_and_the_gate_changes_over_afterwards() {
    let door = Door::new();
    let digest = next(&door, |text| text, &["ada", "ben"]);
    // The gate first: the log does not know that trust yet.
    promotes(&door, "next.sigstore.json", &digest, "--dry-run").expect(4, &["untrusted[trust-digest-mismatch]"]);
    let entries = door.entries();
    activates(&door, &digest, "").expect(0, &["release 1 is active for production since entry"]);
    assert_eq!(door.entries(), entries + 2);
    promotes(&door, "next.sigstore.json", &digest, "").expect(0, &["PASS: authorised for production"]);
    // The old digest no longer decides.
    promotes(&door, "trust.sigstore.json", door.digest(), "--dry-run").expect(4, &["untrusted[trust-digest-mismatch]"]);
    // Once more is a return again: nothing is renewed by it.
    activates(&door, &digest, "").expect(4, &["refused[policy-rollback]", "nothing was recorded"]);
    let verify = format!("audit verify year.cspkg --trust next.sigstore.json --trust-digest {digest} {LEAST}");
    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    door.run(&verify).expect(0, &["PASS"]);
}

#[test]
fn a_renewal_is_no_way_around_a_rollback_or_the_quorum_of_trust() {
    let door = Door::new();
    // Signed by one person alone.
    let digest = next(&door, |text| text, &["ada"]);
    activates(&door, &digest, "").expect(4, &["trust-quorum", "nothing was recorded"]);
    door.run("trust sign next.toml --key keys/ben --output next.sigstore.json").expect(0, &[]);
    // Release 2 becomes active; release 1 under newer trust is a return, whatever trust does.
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", text.replace("version = 1\n", "version = 2\n").as_bytes());
    door.run("policy build policy --output two.json").expect(0, &[]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve two.json --key keys/{person} --output two.sigstore.json")).expect(0, &[]);
    }
    door.trusting(&format!(
        "policy activate two.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store \
         --checkpoint-output outside/checkpoint {LEAST}"
    ))
    .expect(0, &["release 2 is active"]);
    activates(&door, &digest, "").expect(4, &["refused[policy-rollback]", "nothing was recorded"]);
}

#[test]
fn whoever_leaves_is_followed_in_two_steps_as_the_page_on_trust_says() {
    let door = Door::new();
    let keygen = "ssh-keygen -q -t ed25519 -N '' -C cy -f keys/cy";
    door.shell(".", keygen, &[]).expect(0, &[]);
    let cy = String::from_utf8(door.read("keys/cy.pub")).unwrap();
    let person = format!("[[persons]]\nid = \"cy\"\nkeys = [{{ key = \"{}\" }}]\n\n", cy.trim_end());
    let three = |text: String| {
        let text = text.replacen("[[persons]]", &format!("{person}[[persons]]"), 1);
        text.replace("persons = [\"ada\", \"ben\"]", "persons = [\"ada\", \"ben\", \"cy\"]")
    };
    let second = next(&door, three, &["ada", "ben"]);
    activates(&door, &second, "").expect(0, &["release 1 is active"]);

    // ben is gone in version 3. With his approval alone beside ada's the release has too few; cy approves it as well.
    let text = String::from_utf8(door.read("next.toml")).unwrap();
    let text = text.replacen("version = 2\n", "version = 3\n", 1).replacen(door.digest(), &second, 1);
    let text = text.replace("persons = [\"ada\", \"ben\", \"cy\"]", "persons = [\"ada\", \"cy\"]");
    let (head, rest) = text.split_once("[[persons]]\nid = \"ben\"").unwrap();
    let rest = rest.split_at(rest.find("# Builders").unwrap()).1;
    door.write("third.toml", format!("{head}{rest}").as_bytes());
    std::fs::remove_file(door.path().join("next.sigstore.json")).unwrap();
    for person in ["ada", "cy"] {
        door.run(&format!("trust sign third.toml --key keys/{person} --output next.sigstore.json")).expect(0, &[]);
    }
    let third = door.run("trust digest next.sigstore.json").out.trim().to_owned();
    activates(&door, &third, "").expect(4, &["policy-unapproved", "nothing was recorded"]);
    door.run("policy approve policy.manifest.json --key keys/cy --output policy.sigstore.json").expect(0, &[]);
    // Two renewals by one person in one second would be the same document, which is refused as one appended again.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    activates(&door, &third, "").expect(0, &["release 1 is active"]);
    // What ben agreed to counts no more: it is reviewed by somebody who is there.
    promotes(&door, "next.sigstore.json", &third, "").expect(1, &["review-missing", "review-not-counted"]);
    let (head, base) = (door.git("rev-parse politer"), door.git("rev-parse main~1"));
    door.run(&format!(
        "review sign {head} --base {base} --repo app --target refs/heads/main --repository git+https://example.com/demo/app \
         --key keys/cy --dir reviews"
    ))
    .expect(0, &[]);
    promotes(&door, "next.sigstore.json", &third, "").expect(0, &["PASS: authorised for production"]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program under test reads the machine's clock")]
fn trust_that_ends_soon_is_pointed_out_at_the_gate_and_changes_nothing() {
    let door = Door::new();
    let day = |days: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        countersign_core::time::Time::from_unix(now + days * 86_400).unwrap().to_string()
    };
    let ends = |text: String, at: &str| {
        let (head, rest) = text.split_once("expires = \"").unwrap();
        format!("{head}expires = \"{at}{}", rest.split_at(rest.find('"').unwrap()).1)
    };
    let digest = next(&door, |text| ends(text, &day(9)), &["ada", "ben"]);
    activates(&door, &digest, "").expect(0, &[]);
    let said = promotes(&door, "next.sigstore.json", &digest, "");
    said.expect(
        0,
        &["PASS: authorised for production", "note[trust-expiring]: trust ends in", "version 3", "trust sign"],
    );
    door.run("trust show next.sigstore.json").expect(0, &["note[trust-expiring]", "signed by enough persons"]);
    let far = door.run("trust show trust.sigstore.json");
    far.expect(0, &[]);
    assert!(!far.text.contains("trust-expiring"), "{}", far.text);
}
