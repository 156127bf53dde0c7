//! A log for each year: the one is closed, the other goes on from it, and neither can be had without the other.

use countersign_tests::door::Door;

const BUNDLES: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";

#[test]
fn a_log_is_closed_for_another_that_goes_on_from_it() {
    let door = Door::new();
    door.run("key generate --output keys/next.pem").expect(0, &[]);
    let public = String::from_utf8(door.read("keys/next.pem.pub")).unwrap();
    let text = String::from_utf8(door.read("trust.toml")).unwrap();
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    let next =
        format!("[[logs]]\norigin = \"example.com/next\"\nkeys = [{{ key = \"\"\"{public}\"\"\" }}]\n\n[roles.trust]");
    door.write("trust2.toml", text.replacen("[roles.trust]", &next, 1).as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign trust2.toml --key keys/{person} --output trust2.json")).expect(0, &[]);
    }
    let digest = door.run("trust digest trust2.json").out;
    let trust = format!("--trust trust2.json --trust-digest {}", digest.trim());
    let run = |line: &str| door.run(&format!("{line} {trust}"));
    let keys = "--key keys/gate.pem --log-key";
    door.run("log init --origin example.com/next --key keys/next.pem --store next").expect(0, &[]);
    // Nobody goes on from a log that is not closed, or not closed for it.
    run(&format!("log continue --earlier store --store next {keys} keys/next.pem"))
        .expect(4, &["log-shard-invalid", "not closed"]);
    run(&format!("log close --successor example.com/log --store store {keys} keys/log.pem"))
        .expect(2, &["follow itself"]);
    run(&format!("log close --successor example.com/next --store store --key keys/builder.pem --log-key keys/log.pem"))
        .expect(4, &[]);
    door.copy("store", "elsewhere");
    run(&format!("log close --successor example.com/third --store elsewhere {keys} keys/log.pem")).expect(0, &[]);
    run(&format!("log continue --earlier elsewhere --store next {keys} keys/next.pem"))
        .expect(4, &["log-shard-invalid"]);

    run(&format!("log close --successor example.com/next --store store {keys} keys/log.pem")).expect(0, &["entry 4"]);
    run(&format!("log continue --earlier store --store next {keys} keys/next.pem"))
        .expect(0, &["example.com/next: entry 0"]);
    run("log verify --store next --earlier store")
        .expect(0, &["log-shards", "example.com/log (5 entries), then example.com/next (1 entries)", "PASS"]);
    // Another log of the same name and key is not the one that it goes on from.
    run("log verify --store next --earlier elsewhere").expect(4, &["log-shard-invalid"]);
    run("log verify --store next --earlier next").expect(4, &["log-shard-invalid"]);

    // Nothing is appended to a closed log, by whichever verb.
    let size = || door.run("log checkpoint --store store").out.lines().nth(1).unwrap().to_owned();
    let least = "--least-checkpoint outside/checkpoint";
    run(&format!("promote app.bin --to production --repo app --store store {keys} keys/log.pem {BUNDLES} {least}"))
        .expect(1, &["log-closed", "nothing was authorised"]);
    run(&format!("log close --successor example.com/next --store store {keys} keys/log.pem"))
        .expect(1, &["log-closed"]);
    run(&format!(
        "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store {least}"
    ))
    .expect(1, &["log-closed"]);
    assert_eq!(size(), "5");
}
