//! Reviews that travel as git notes: written here, pushed to a real server, fetched and proved somewhere else.

use crate::door::holds;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_tests::door::{Door, Said};
use countersign_tests::git_server::GitServer;

const GIVEN: &str = "--least-checkpoint outside/checkpoint --bundle app.provenance.sigstore.json \
                     --bundle app.sbom.sigstore.json --reviews reviews";
const NOTES: &str = "refs/notes/countersign";
const REPOSITORY: &str = "git+https://example.com/demo/app";

/// A demo without its review, whose repository has a server.
struct Shared {
    door: Door,
    server: GitServer,
}

impl Shared {
    fn new() -> Self {
        let door = Door::new();
        std::fs::remove_dir_all(door.path().join("reviews")).unwrap();
        done(door.git_in("app", "clone -q --bare . ../served/app.git"));
        let server = GitServer::over(&door.path().join("served"));
        let shared = Self { door, server };
        done(shared.door.git_in("app", &format!("remote add origin {}", shared.server.url("app.git"))));
        shared
    }

    fn clone(&self, name: &str) {
        done(self.door.git_in(".", &format!("clone -q {} {name}", self.server.url("app.git"))));
    }

    fn sign(&self, repo: &str, key: &str) -> Said {
        let head = self.door.git("rev-parse politer");
        self.door.run(&format!(
            "review sign {head} --base main~1 --repo {repo} --key keys/{key} --repository {REPOSITORY} --notes"
        ))
    }

    fn verify(&self, repo: &str) -> Said {
        let trust = format!("--trust trust.sigstore.json --trust-digest {}", self.door.digest());
        self.verify_under(repo, &trust)
    }

    fn verify_under(&self, repo: &str, trust: &str) -> Said {
        let start = self.door.git("rev-list --max-parents=0 HEAD");
        self.door.run(&format!("review verify {start}..main --repo {repo} --repository {REPOSITORY} --notes {trust}"))
    }

    /// The lines of the one note that a repository has.
    fn lines(&self, repo: &str) -> Vec<String> {
        let head = self.door.git("rev-parse politer");
        let (found, said) = self.door.git_in(repo, &format!("notes --ref={NOTES} show {head}"));
        assert!(found, "{said}");
        said.lines().map(str::to_owned).collect()
    }
}

#[track_caller]
fn done((success, said): (bool, String)) {
    assert!(success, "{said}");
}

#[test]
fn a_review_goes_from_one_clone_to_another_by_ordinary_git_and_is_proved_there() {
    let shared = Shared::new();
    shared.clone("other");
    shared.verify("other").expect(1, &["review-missing"]);
    shared.sign("app", "ben").expect(0, &["signed: approve", NOTES]);
    assert!(!shared.door.has("reviews"), "notes are enough");
    done(shared.door.git_in("app", &format!("push -q origin {NOTES}")));
    done(shared.door.git_in("other", &format!("fetch -q origin {NOTES}:{NOTES}")));
    shared.verify("other").expect(0, &["1 of 1 needed", "ben approve: counted", "PASS"]);
    let door = &shared.door;
    door.run("log init --origin example.com/log --key keys/log.pem --store new").expect(0, &[]);
    door.run("log checkpoint --store new --output cp").expect(0, &[]);
    let activate = "policy activate policy.sigstore.json --environment production --key keys/ada --log-key keys/log.pem \
                    --store new --least-checkpoint cp";
    door.trusting(activate).expect(0, &[]);
    let gate = |more: &str| {
        door.trusting(&format!(
            "promote app.bin --to production --dry-run --repo other --store new --least-checkpoint cp \
             --bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json {more}"
        ))
    };
    gate("").expect(1, &["refused[review-missing]"]);
    gate("--review-notes").expect(0, &["PASS: would be authorised for production"]);
    shared.door.run("promote app.bin --to production --review-notes --trust x --dry-run").expect(2, &["--repo"]);
}

#[test]
fn a_review_of_somebody_whom_trust_does_not_know_is_a_note_in_a_folder_too_and_an_altered_one_is_refused() {
    let door = Door::new();
    door.run("key generate --output keys/eve.pem").expect(0, &[]);
    let head = door.git("rev-parse politer");
    let gate = |more: &str| door.promote(&format!("--dry-run {GIVEN} {more}"));
    gate("").expect(0, &["PASS: would be authorised"]);
    for (decision, dir) in [("", "strange"), ("--reject", "against")] {
        door.run(&format!(
            "review sign {head} {decision} --base main~1 --repo app --key keys/eve.pem --repository {REPOSITORY} --dir {dir}"
        ))
        .expect(0, &["signed"]);
    }
    gate("--reviews strange").expect(
        0,
        &[
            "note[review-not-counted]",
            "hold nothing back: 1",
            "the key that signed is not in trust",
            "PASS: would be authorised",
        ],
    );
    // What was said against a change is never left out.
    gate("--reviews against").expect(4, &["signer-unknown"]);
    let file = std::fs::read_dir(door.path().join("reviews")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    // The same signature over another decision.
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let payload = value["payload"].as_str().unwrap();
    let other =
        STANDARD.encode(String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap().replace("approve", "reject"));
    door.write("altered.json", text.replacen(payload, &other, 1).as_bytes());
    gate("--reviews altered.json").expect(4, &["untrusted[signature-invalid]", "FAIL"]);
}

#[test]
fn a_lost_race_is_put_right_by_push_and_by_gits_own_merge_of_notes() {
    let shared = Shared::new();
    for clone in ["one", "two", "three"] {
        shared.clone(clone);
    }
    shared.sign("one", "ada").expect(0, &[NOTES]);
    shared.sign("two", "ben").expect(0, &[NOTES]);
    shared.sign("three", "ben").expect(0, &[NOTES]);
    shared.door.run("review push --repo one").expect(0, &["pushed to origin: 1 commit(s)"]);
    let (pushed, said) = shared.door.git_in("two", &format!("push -q origin {NOTES}"));
    assert!(!pushed && said.contains("rejected"), "{said}");
    shared.door.run("review push origin --repo two").expect(0, &["pushed to origin: 1 commit(s)"]);
    assert_eq!(shared.lines("two").len(), 2);
    shared.door.run("review fetch --repo one").expect(0, &["fetched from origin"]);
    assert_eq!(shared.lines("one"), shared.lines("two"));
    shared.verify("one").expect(0, &["ada approve: not counted, is an author", "ben approve: counted", "PASS"]);

    // The same with nothing but git.
    done(shared.door.git_in("three", &format!("fetch -q origin {NOTES}:refs/notes/theirs")));
    let merge = format!("-c user.name=c -c user.email=c@example.com notes --ref={NOTES} merge -s cat_sort_uniq theirs");
    done(shared.door.git_in("three", &merge));
    done(shared.door.git_in("three", &format!("push -q origin {NOTES}")));
    assert_eq!(shared.lines("three").len(), 3);
    shared.verify("three").expect(0, &["PASS"]);
    shared.door.run("review fetch --repo one").expect(0, &["fetched from origin"]);
    assert_eq!(shared.lines("one"), shared.lines("three"));
}

#[test]
fn no_review_is_lost_when_several_push_at_once() {
    let shared = Shared::new();
    let clones = ["one", "two", "three"];
    for clone in clones {
        shared.clone(clone);
    }
    std::thread::scope(|scope| {
        for clone in clones {
            let shared = &shared;
            scope.spawn(move || {
                for _ in 0..2 {
                    shared.sign(clone, "ben").expect(0, &[NOTES]);
                    shared.door.run(&format!("review push --repo {clone}")).expect(0, &["pushed"]);
                }
            });
        }
    });
    shared.door.run("review fetch --repo app").expect(0, &["fetched"]);
    assert_eq!(shared.lines("app").len(), 6);
    done(shared.door.git_in("served/app.git", "fsck --strict"));
}

#[test]
fn what_somebody_else_put_into_the_notes_counts_for_nothing_and_stands_in_nobodys_way() {
    let shared = Shared::new();
    shared.sign("app", "ben").expect(0, &[NOTES]);
    let head = shared.door.git("rev-parse politer");
    done(shared.door.git_in("app", &format!("notes --ref={NOTES} append -m looks-good-to-me {head}")));
    shared.verify("app").expect(0, &["note[review-not-counted]: lines of notes that do not count: 1", &head, "PASS"]);
}

#[test]
fn what_was_said_against_a_change_in_the_notes_is_not_passed_over_because_the_key_has_ended() {
    let said = |against: &str| {
        let shared = Shared::new();
        let door = &shared.door;
        for key in ["old", "new"] {
            door.run(&format!("key generate --output keys/{key}")).expect(0, &[]);
        }
        // Somebody whose first key has ended; the second one counts.
        let key = |name: &str| String::from_utf8(door.read(&format!("keys/{name}.pub"))).unwrap().trim().to_owned();
        let cy = format!(
            "[[persons]]\nid = \"cy\"\nkeys = [{{ key = \"\"\"{}\"\"\", valid_until = \"2026-01-01T00:00:00Z\" }}, {{ key = \"\"\"{}\"\"\" }}]\n\n",
            key("old"),
            key("new")
        );
        let text = String::from_utf8(door.read("trust.toml")).unwrap();
        door.write("trust1.toml", text.replacen("[[builders]]", &format!("{cy}[[builders]]"), 1).as_bytes());
        for person in ["ada", "ben"] {
            door.run(&format!("trust sign trust1.toml --key keys/{person} --output trust1.json")).expect(0, &[]);
        }
        let trust = format!("--trust trust1.json --trust-digest {}", door.run("trust digest trust1.json").out.trim());
        shared.sign("app", "new").expect(0, &["signed: approve"]);
        shared.verify_under("app", &trust).expect(0, &["cy approve: counted", "PASS"]);
        let head = door.git("rev-parse politer");
        door.run(&format!(
            "review sign {head} {against} --base main~1 --repo app --key keys/old --repository {REPOSITORY} --notes"
        ))
        .expect(0, &["signed"]);
        shared.verify_under("app", &trust)
    };
    for against in ["--revoke", "--reject"] {
        said(against).expect(4, &["untrusted[key-not-valid]", "of person cy does not count"]);
    }
    // An approval with that key stands in nobody's way.
    said("").expect(0, &["note[review-not-counted]: lines of notes that do not count: 1", "PASS"]);
}

#[test]
fn remotes_that_are_not_there_or_have_nothing_say_so() {
    let shared = Shared::new();
    let run = |line: &str| shared.door.run(&format!("{line} --repo app"));
    run("review fetch").expect(0, &["origin has no refs/notes/countersign"]);
    run("review push").expect(2, &["review sign --notes", "nothing was pushed"]);
    run("review fetch elsewhere").expect(2, &["elsewhere is not a remote", "it has origin", "nothing was fetched"]);
    run("review fetch --upload-pack=x").expect(2, &["--upload-pack"]);
    shared.sign("app", "ben").expect(0, &[NOTES]);
    done(shared.door.git_in("app", &format!("remote set-url origin {}", shared.server.url("none.git"))));
    run("review push").expect(5, &["git failed", "nothing was pushed"]);
}

#[test]
fn pushing_and_fetching_answer_programs_with_documents_that_hold_against_their_schemas() {
    let shared = Shared::new();
    shared.sign("app", "ben").expect(0, &[NOTES]);
    for line in ["review push --repo app --format json", "review fetch --repo app --format json"] {
        let value = holds(line, &shared.door.run(line));
        assert_eq!((value["notes"].as_u64(), value["reference"].as_str()), (Some(1), Some(NOTES)));
    }
    let head = shared.door.git("rev-parse politer");
    let line = format!(
        "review sign {head} --base main~1 --repo app --key keys/ben --repository {REPOSITORY} --notes --format json"
    );
    let value = holds(&line, &shared.door.run(&line));
    assert_eq!(value["note"]["reference"], NOTES);
    assert!(value["output"].is_null());
}
