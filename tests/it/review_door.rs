//! What a reviewer meets at the door: the ways to name a change, what is shown before it is signed, keys that do not do,
//! and the story of a commit.

use crate::door::holds;
use countersign_tests::door::{Door, Said};

const URI: &str = "git+https://example.com/demo/app";

fn sign(door: &Door, what: &str) -> Said {
    door.run(&format!("review sign {what} --repo app --key keys/ben"))
}

#[test]
fn a_change_is_named_by_branch_id_expression_or_address() {
    let door = Door::new();
    let head = door.git("rev-parse politer");
    let signed = format!("signed: approve {head}");
    let short: String = head.chars().take(9).collect();
    for name in ["politer", "main^2", &head, &short, "refs/heads/politer", "politer^{commit}"] {
        sign(&door, &format!("{name} --base main~1 --repository {URI} --dir r")).expect(0, &[&signed, "+1 -1"]);
    }
    let at = "https://example.com/demo/app/pull/7";
    sign(&door, &format!("{at} --base main~1")).expect(
        5,
        &["refs/pull/7/head", "help: git fetch https://example.com/demo/app +refs/pull/7/head:refs/pull/7/head"],
    );
    drop(door.git(&format!("update-ref refs/pull/7/head {head}")));
    sign(&door, &format!("{at}/files --base main~1 --dir r"))
        .expect(0, &[&signed, "for refs/heads/main of git+https://example.com/demo/app"]);
    sign(&door, &format!("{at} --repository git+https://example.com/other"))
        .expect(2, &["is a change of git+https://example.com/demo/app", "nothing was signed"]);
    sign(&door, &format!("https://example.com/demo/app/issues/7 --repository {URI}"))
        .expect(2, &["not the address of a change"]);
    for name in ["main~99", "nothing", "main:src", "main@{1}"] {
        sign(&door, &format!("{name} --repository {URI}")).expect(5, &["nothing was signed"]);
    }
}

#[test]
fn what_a_diff_hides_is_shown_before_anything_is_signed() {
    use std::os::unix::fs::PermissionsExt as _;
    let door = Door::new();
    drop(door.git("checkout -q -b feature main"));
    door.write("app/turned.rs", "ok\nif a \u{202e}b\n".as_bytes());
    door.write("app/tool.bin", b"\0\0");
    door.write("app/run.sh", b"echo\n");
    std::fs::set_permissions(door.path().join("app/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", door.path().join("app/link")).unwrap();
    door.write("app/.gitattributes", b"*.lock -diff\n");
    door.write("app/x.lock", b"1\n");
    drop(door.git("add -A"));
    let committed = door.git_in("app", "commit -q -m feature");
    assert!(committed.0, "{}", committed.1);
    let said = sign(&door, &format!("feature --base main --repository {URI} --dir r"));
    said.expect(
        0,
        &[
            "6 file(s): 6 added, 0 changed, 0 deleted; +5 -0, 2 without a diff of lines",
            "a diff hides 5 thing(s)",
            "turned.rs:2 bidi: U+202E",
            "tool.bin binary: not text, 2 bytes",
            "run.sh executable",
            "link symlink: a symbolic link to /etc/shadow",
            "x.lock no-diff",
        ],
    );
    assert!(said.text.is_ascii(), "no such character reaches the terminal");
    let line =
        format!("review sign feature --base main --repo app --key keys/ben --repository {URI} --dir r --format json");
    let value = holds(&line, &door.run(&line));
    assert_eq!(value["files"]["hidden"].as_array().unwrap().len(), 5);
    assert_eq!(value["files"]["lines"]["added"], 5);
}

#[test]
fn rejections_and_revocations_say_what_they_do() {
    let door = Door::new();
    let rest = format!("politer --base main~1 --repository {URI} --dir r");
    sign(&door, &format!("{rest} --reject")).expect(0, &["signed: reject", "a rejection stands for this head"]);
    sign(&door, &format!("{rest} --revoke")).expect(0, &["signed: revoke", "a revocation stands for this head"]);
    sign(&door, &format!("{rest} --revoke --reject")).expect(2, &["cannot be used with"]);
    let start = door.git("rev-list --max-parents=0 HEAD");
    let verify = format!("review verify {start}..main --repo app --repository {URI} --reviews reviews --reviews r");
    door.trusting(&verify).expect(1, &["refused[review-rejected]", "not counted, the approval was revoked"]);
}

#[test]
fn whoever_rejects_what_has_landed_is_given_the_command_that_rejects() {
    let door = Door::new();
    let base = door.git("rev-parse main~1");
    for flag in ["--reject", "--revoke"] {
        let said = sign(&door, &format!("politer --repository {URI} --dir r {flag}"));
        said.expect(3, &[&format!("countersign review sign politer {flag} --base {base} --key KEY`")]);
    }
    sign(&door, &format!("politer --repository {URI} --dir r"))
        .expect(3, &[&format!("countersign review sign politer --base {base} --key KEY`")]);
    assert!(!door.has("r"), "nothing was written");
}

/// What is asked of somebody who has no terminal.
const NOBODY: &[(&str, &str)] = &[("SSH_ASKPASS", "/bin/false"), ("SSH_ASKPASS_REQUIRE", "force"), ("DISPLAY", ":0")];

#[test]
fn keys_that_cannot_sign_here_are_refused_with_the_way_out() {
    let door = Door::new();
    let key = |name: &str, kind: &[&str], passphrase: &str| {
        #[expect(clippy::disallowed_methods, reason = "keys are made by the program that makes them")]
        let mut made = std::process::Command::new("ssh-keygen");
        made.args(["-q", "-N", passphrase, "-f", name, "-t"]).args(kind).current_dir(door.path());
        made.output().is_ok_and(|output| output.status.success())
    };
    let sign = |key: &str| {
        let line = format!("review sign politer --base main~1 --repo app --repository {URI} --dir r --key {key}");
        door.run_with(NOBODY, &line)
    };
    assert!(key("locked", &["ed25519"], "secret"));
    sign("locked").expect(5, &["passphrase", "ssh-add locked", "nothing was signed"]);
    assert!(key("agent", &["ed25519"], ""));
    std::fs::remove_file(door.path().join("agent")).unwrap();
    sign("agent.pub").expect(5, &["no agent that can be reached has this key", "ssh-add agent", "nothing was signed"]);
    assert!(key("p521", &["ecdsa", "-b", "521"], ""));
    sign("p521")
        .expect(4, &["nobody could verify what this key signs", "ecdsa-sha2-nistp521", "ssh-keygen -t ed25519"]);
    if key("dsa", &["dsa"], "") {
        sign("dsa").expect(4, &["nobody could verify what this key signs", "nothing was signed"]);
    }
    sign("nothing").expect(5, &["no key file at nothing"]);
    assert!(!door.has("r"), "nothing was written");
}

#[test]
fn the_story_of_a_commit_says_how_it_landed_who_agreed_and_what_is_missing() {
    let door = Door::new();
    let start = door.git("rev-list --max-parents=0 HEAD");
    let explain = |commit: &str, more: &str| {
        door.trusting(&format!("review explain {commit} --range {start}..main --repo app --repository {URI} {more}"))
    };
    let head = door.git("rev-parse politer");
    explain("main^2", "--reviews reviews").expect(
        0,
        &[
            &format!("commit {head} \"Greet politely\""),
            "belongs to",
            "by merge as",
            "is the merge by rule 1",
            "ada: author, known by commit signature",
            "ben approve: counted",
            "T3",
            "PASS: nothing is missing for this commit",
        ],
    );
    std::fs::create_dir(door.path().join("none")).unwrap();
    let missing = explain("main", "--reviews none");
    missing.expect(
        1,
        &["no change that anybody agreed to", "refused[review-missing]", "FAIL: 1 finding(s)", "next: ask a reviewer"],
    );
    explain(&start, "--reviews reviews").expect(2, &["is none of the 2 commits of the range", "nothing was explained"]);
    explain("nothing", "--reviews reviews").expect(5, &["nothing is not a commit"]);
    for (commit, reviews) in [("main", "reviews"), ("main^2", "none")] {
        let value = holds("review explain", &explain(commit, &format!("--reviews {reviews} --format json")));
        assert_eq!(value["next"].as_array().unwrap().is_empty(), reviews == "reviews");
    }
}

#[test]
fn a_proof_stays_within_a_hundred_columns() {
    let door = Door::new();
    let start = door.git("rev-list --max-parents=0 HEAD");
    drop(door.git("checkout -q -b long main"));
    door.write("app/greeting/more.txt", b"more\n");
    drop(door.git("add -A"));
    let subject = "A-subject-without-end-".repeat(5);
    drop(door.git(&format!("-c commit.gpgsign=false commit -q -m {subject}")));
    drop(door.git("checkout -q main"));
    sign(&door, &format!("long --base main --repository {URI} --dir reviews")).expect(0, &[]);
    drop(door.git("merge -q --no-ff -m merge long"));
    let said = door.trusting(&format!("review verify {start}..main --repo app --repository {URI} --reviews reviews"));
    said.expect(1, &["commit   subject", "1 of 2 needed", "unknown: commit", "refused[review-missing]"]);
    let table: Vec<&str> = said.out.lines().take_while(|line| !line.starts_with("refused")).collect();
    assert!(table.len() > 15, "{}", said.out);
    for line in table {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn a_start_beside_the_branch_or_beyond_a_shallow_clone_is_said_as_what_it_is() {
    let door = Door::new();
    let verify = |range: &str, repo: &str| {
        door.trusting(&format!("review verify {range} --repo {repo} --repository {URI} --reviews reviews"))
    };
    let (side, first) = (door.git("rev-parse politer"), door.git("rev-list --max-parents=0 HEAD"));
    let said = verify("politer..main", "app");
    said.expect(
        1,
        &[&format!("the start {side} came to refs/heads/main with merge"), &format!("git merge-base {side}")],
    );
    assert!(!verify(&format!("{first}..main"), "app").text.contains("as its second parent"));
    let clone = format!("git clone -q --depth 1 file://{}/app thin", door.path().display());
    door.shell(".", &clone, &[]).expect(0, &[]);
    let said = verify(&format!("{}..main", first.split_at(9).0), "thin");
    said.expect(3, &["indeterminate[history-shallow]", "git fetch --unshallow", "INDETERMINATE"]);
    assert!(!said.out.contains("commit  subject"), "{}", said.out);
    assert_eq!(said.out.matches("there was nothing to prove").count(), 1, "{}", said.out);
}

#[test]
fn a_line_of_the_table_says_who_wrote_it_who_agreed_who_does_not_count_and_what_is_known_of_the_tree() {
    let door = Door::new();
    let start = door.git("rev-list --max-parents=0 HEAD");
    // The author's own review stands beside the reviewer's, and does not count.
    let own = format!("review sign politer --base {start} --repository {URI} --repo app --dir reviews --key keys/ada");
    door.run(&own).expect(0, &[]);
    let verify = format!("review verify {start}..main --repo app --repository {URI} --reviews reviews");
    let said = door.trusting(&verify);
    let lines: Vec<&str> = said.out.lines().take(3).collect();
    assert!(lines[0].ends_with("authors         approvals                      tier  tree"), "{}", said.out);
    for line in &lines[1..] {
        assert!(line.ends_with("merge   ada(signature)  1 of 1: ben; not: ada(author)  T3    proven"), "{line}");
    }
    let value = holds("review verify", &door.trusting(&format!("{verify} --format json")));
    assert_eq!(
        (&value["commits"][0]["tree"], &value["changes"][0]["authors"][0]["by"]),
        (&"proven".into(), &"signature".into())
    );
    assert!(value["changes"][0]["reviews"].as_array().unwrap().iter().any(|review| review["reason"] == "author"));
}

#[test]
fn at_a_terminal_nothing_is_signed_before_a_person_says_yes() {
    let door = Door::new();
    let line = format!(
        "countersign review sign politer --base main~1 --repository {URI} --repo . --key ../keys/ben --dir ../r"
    );
    let asked = |answer: &str, more: &str| {
        door.shell("app", &format!("printf '{answer}\\n' | script -qec '{line} {more}' /dev/null"), &[])
    };
    asked("n", "").expect(1, &["sign this approve? [y/N]", "you did not agree"]);
    assert!(!door.has("r"));
    asked("", "").expect(1, &["you did not agree"]);
    asked("y", "").expect(0, &["signed: approve"]);
    assert!(door.has("r"));
    let said = asked("n", "--yes");
    said.expect(0, &["signed: approve"]);
    assert!(!said.text.contains("[y/N]"), "{}", said.text);
}
