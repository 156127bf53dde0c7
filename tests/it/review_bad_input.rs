//! What somebody may hand to `review`: repositories that git refuses, ids of the wrong length, names that steer a terminal,
//! damaged objects, and more reviews than anybody needs. Each gets an answer with its place and the exit code of the table.

use crate::door::holds;
use countersign_tests::door::{Door, Said};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

const URI: &str = "git+https://example.com/demo/app";

fn start(door: &Door) -> String {
    door.git("rev-list --max-parents=0 HEAD")
}

fn verify(door: &Door, range: &str, more: &str) -> Said {
    door.trusting(&format!("review verify {range} --repo app --repository {URI} --reviews reviews {more}"))
}

/// Nothing but text reaches the terminal.
#[track_caller]
fn harmless(said: &Said) {
    let steers =
        |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'..='\u{200f}'));
    assert!(!said.text.chars().any(steers), "{:?}", said.text);
}

#[test]
fn a_repository_that_git_itself_refuses_is_refused_with_what_it_uses() {
    let door = Door::new();
    let range = format!("{}..main", start(&door));
    verify(&door, &range, "").expect(0, &["PASS"]);
    for (key, value, said) in [
        ("core.repositoryformatversion", "99", "core.repositoryFormatVersion = 99"),
        ("extensions.wibble", "true", "extensions = wibble"),
        ("extensions.refstorage", "reftable", "extensions.refStorage = reftable"),
    ] {
        let door = Door::new();
        let config = String::from_utf8(door.read("app/.git/config")).unwrap();
        let config = config.replace("repositoryformatversion = 0", "repositoryformatversion = 1");
        let (section, name) = key.split_once('.').unwrap();
        door.write("app/.git/config", format!("{config}[{section}]\n\t{name} = {value}\n").as_bytes());
        let range = format!("{}..main", "1".repeat(40));
        verify(&door, &range, "").expect(5, &["the repository uses", said, "nothing was proved"]);
    }
    let door = Door::new();
    door.write("app/.git/config", b"[core\n\x1b[31mred");
    let said = verify(&door, &range, "");
    said.expect(5, &["the program git failed", "bad config line 1", "nothing was proved"]);
    harmless(&said);
}

#[test]
fn objects_that_are_damaged_or_missing_are_named_and_nothing_passes() {
    let door = Door::new();
    let (range, tree) = (format!("{}..main", start(&door)), door.git("rev-parse politer^{tree}"));
    let (folder, name) = tree.split_at(2);
    let file = format!("app/.git/objects/{folder}/{name}");
    if door.has(&file) {
        std::fs::remove_file(door.path().join(&file)).unwrap();
        let said = verify(&door, &range, "");
        said.expect(1, &["indeterminate[history-object-missing]", &tree, "FAIL"]);
    }

    let door = Door::new();
    drop(door.git("gc -q"));
    let packs = std::fs::read_dir(door.path().join("app/.git/objects/pack")).unwrap();
    let packs: Vec<PathBuf> = packs.map(|entry| entry.unwrap().path()).collect();
    let pack = packs.iter().find(|path| path.extension().is_some_and(|e| e == "pack")).unwrap();
    let mut bytes = std::fs::read(pack).unwrap();
    for byte in bytes.iter_mut().skip(20).take(400) {
        *byte ^= 0x5a;
    }
    std::fs::remove_file(pack).unwrap();
    std::fs::write(pack, bytes).unwrap();
    let said = verify(&door, &range, "");
    assert!(matches!(said.code, 3 | 5), "{}", said.text);
    assert!(!said.text.contains("PASS"), "{}", said.text);
    harmless(&said);
}

#[test]
fn ids_of_the_wrong_length_and_ranges_of_another_form_say_what_is_wrong() {
    let door = Door::new();
    let start = start(&door);
    let long = "1".repeat(64);
    for range in [format!("{long}..main"), format!("{start}..{long}")] {
        verify(&door, &range, "").expect(5, &[&long, "is an id of sha256", "named by sha1"]);
    }
    for wrong in ["1".repeat(41), "1".repeat(63), "1".repeat(65), "123".to_owned()] {
        verify(&door, &format!("{wrong}..main"), "").expect(5, &["is not a commit of this repository"]);
    }
    verify(&door, &format!("{}..main", "1".repeat(40)), "")
        .expect(3, &["indeterminate[history-object-missing]", "is not in this clone", "git fetch"]);
    verify(&door, &format!("{start}...main"), "").expect(2, &["three dots"]);
    verify(&door, "main", "").expect(2, &["START..CANDIDATE"]);
    verify(&door, "..main", "").expect(3, &["indeterminate[start-unknown]"]);
    verify(&door, &format!("{start}..main"), "--cut-from refs/heads/gone").expect(
        3,
        &["indeterminate[history-object-missing]", "refs/heads/gone", "git fetch origin gone:refs/heads/gone"],
    );
}

#[test]
fn what_a_command_line_holds_never_steers_the_terminal() {
    let door = Door::new();
    let fixed = "--dry-run --store store --trust trust.sigstore.json";
    for bytes in [b"ma\x1b[2Jin".as_slice(), b"x\x1b]0;title\x07y", "\u{202e}niam".as_bytes(), b"\xff\xfe", b"a\x9bb"] {
        for place in ["review", "--target"] {
            let mut arguments = vec![OsStr::new("review"), OsStr::new("verify"), OsStr::new("a..b")];
            arguments.truncate(if place == "review" { 1 } else { 3 });
            if place == "--target" {
                arguments.push(OsStr::new("--target"));
            }
            arguments.push(OsStr::from_bytes(bytes));
            let said = door.run_os(&arguments, fixed, "");
            assert_eq!(said.code, 2, "{}", said.text);
            harmless(&said);
        }
    }
    let range = format!("{}..ma\u{1b}[31min", start(&door));
    let said = verify(&door, &range, "");
    said.expect(5, &["ma\\u{1b}[31min is not a commit"]);
    harmless(&said);
}

#[test]
fn refs_that_are_no_refs_are_named_by_their_file() {
    let door = Door::new();
    let range = format!("{}..main", start(&door));
    door.write("app/.git/refs/heads/main", b"\x00\xff\x1b[2J");
    let said = verify(&door, &range, "");
    said.expect(5, &[".git/refs/heads/main is not a git ref", "nothing was proved"]);
    harmless(&said);
}

/// A branch whose file names and subject do what names can do, made by git itself.
fn hostile(door: &Door) -> String {
    drop(door.git("checkout -q -b hostile main"));
    let names: [&[u8]; 6] = [
        b"new\nline",
        b"esc\x1b[2Jx",
        "bidi\u{202e}x".as_bytes(),
        b"bad\xff\xfe",
        "sub/.gi\u{200c}t".as_bytes(),
        b"\x9bc1",
    ];
    for name in names {
        let path = door.path().join("app").join(OsStr::from_bytes(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x\n").unwrap();
    }
    door.write("app/.git/message", "sub\u{1b}]0;title\u{7}ject\u{202e}\u{9b}31m\n".as_bytes());
    drop(door.git("add -A"));
    let (made, said) = door.git_in("app", "commit -q -F .git/message");
    assert!(made, "{said}");
    let head = door.git("rev-parse hostile");
    drop(door.git("checkout -q main"));
    head
}

#[test]
fn hostile_names_are_told_and_never_shown_raw() {
    let door = Door::new();
    let (start, head) = (start(&door), hostile(&door));
    let signed =
        door.run(&format!("review sign {head} --base main --repo app --repository {URI} --key keys/ben --dir reviews"));
    signed.expect(0, &["new\\x0aline", "esc\\x1b[2Jx", "bidi\\xe2\\x80\\xaex", "bad\\xff\\xfe", ".gi\\xe2\\x80\\x8ct"]);
    harmless(&signed);
    door.write("junk", "\u{1b}[2Jgarbage\nline \u{202e}two\n{\"a\":1}\n".as_bytes());
    let note = door.git_in("app", &format!("notes --ref=countersign add -f -F ../junk {head}"));
    assert!(note.0, "{}", note.1);
    let merged = door.git_in("app", "merge -q --no-ff -m merge hostile");
    assert!(merged.0, "{}", merged.1);
    let range = format!("{start}..main");
    let table = verify(&door, &range, "--notes");
    table.expect(1, &["refused[hidden-content-refused]", "new\\x0aline", "lines of notes that do not count: 3"]);
    harmless(&table);
    let story = door.trusting(&format!(
        "review explain {head} --range {range} --repo app --repository {URI} --reviews reviews --notes"
    ));
    story.expect(1, &["esc\\x1b[2Jx", "hidden-content-refused"]);
    harmless(&story);
    for line in [
        format!("review verify {range} --repo app --repository {URI} --reviews reviews --notes --format json"),
        format!(
            "review explain {head} --range {range} --repo app --repository {URI} --reviews reviews --notes --format json"
        ),
    ] {
        let said = door.trusting(&line);
        harmless(&said);
        holds(&line, &said);
    }
}

#[test]
fn a_megabyte_of_reviews_changes_nothing() {
    let door = Door::new();
    let range = format!("{}..main", start(&door));
    let folder = std::fs::read_dir(door.path().join("reviews")).unwrap();
    let mut lines: Vec<u8> = Vec::new();
    for entry in folder {
        lines.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    std::fs::create_dir(door.path().join("many")).unwrap();
    let many = lines.repeat((1 << 20) / lines.len() + 1);
    assert!(many.len() > 1 << 20);
    door.write("many/all.sigstore.jsonl", &many);
    let said = door.trusting(&format!("review verify {range} --repo app --repository {URI} --reviews many"));
    said.expect(0, &["PASS", "ben approve: counted"]);
    assert_eq!(said.text.matches("ben approve: counted").count(), 1, "{}", said.text);
}
