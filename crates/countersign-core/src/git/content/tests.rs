//! Every kind of thing that a diff hides, the honest files beside it, and the bounds.

use super::*;
use crate::git::{Object, ObjectFormat, ObjectKind, ObjectSet, Tree};

const FILE: Mode = Mode::File;

/// A tree of files in folders no deeper than one.
fn tree(set: &mut ObjectSet, files: &[(Mode, &str, &[u8])]) -> Oid {
    let mut folders: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for (mode, path, content) in files {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let id = if *mode == Mode::Submodule {
            Oid::from_bytes(ObjectFormat::Sha1, content).unwrap()
        } else {
            set.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Blob, content.to_vec())).unwrap()
        };
        folders.entry(folder).or_default().push(Entry { mode: *mode, name: name.as_bytes().to_vec(), id });
    }
    let mut write = |entries| {
        let bytes = Tree::new(entries).unwrap().encode();
        set.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, bytes)).unwrap()
    };
    let mut root = folders.remove("").unwrap_or_default();
    for (name, entries) in folders {
        root.push(Entry { mode: Mode::Directory, name: name.as_bytes().to_vec(), id: write(entries) });
    }
    write(root)
}

fn hidden(before: &[(Mode, &str, &[u8])], after: &[(Mode, &str, &[u8])]) -> Vec<String> {
    let mut set = ObjectSet::new();
    let (before, after) = (tree(&mut set, before), tree(&mut set, after));
    let mut look = Look::new(&set);
    let files = changed(&set, Some(&before), &after).unwrap();
    files.iter().flat_map(|file| look.hidden(file).unwrap()).map(|hidden| hidden.to_string()).collect()
}

fn of_text(before: &str, after: &str) -> Vec<String> {
    hidden(&[(FILE, "f", before.as_bytes())], &[(FILE, "f", after.as_bytes())])
}

#[test]
fn characters_that_turn_text_around_are_named_with_their_line() {
    let found = of_text("a\nb\n", "a\nif x {\u{202e}\u{2066}\n");
    assert_eq!(found, ["f:2  bidi: U+202E, U+2066"]);
    assert_eq!(of_text("", "\u{200f}"), ["f:1  bidi: U+200F"]);
}

#[test]
fn only_lines_that_a_change_touches_count() {
    let before = "a\n\u{202e}old\nb\n";
    assert_eq!(of_text(before, "a\n\u{202e}old\nc\n"), [""; 0]);
    assert_eq!(of_text(before, "a\n\u{202e}old\n\u{202e}old\nb\n").len(), 1);
    assert_eq!(of_text(before, "a\n\u{202e}older\nb\n"), ["f:2  bidi: U+202E"]);
}

#[test]
fn characters_without_a_shape_are_named_and_honest_text_is_left_alone() {
    for bad in ["\u{200b}", "\u{1b}[2K", "a\rb", "\u{3164}", "x\u{200d}y", "e\u{fe0f}\u{fe01}", "\u{e0041}", "a\0"] {
        let text = format!("{}{bad}", "x".repeat(9_000));
        assert_eq!(of_text("", &text).len(), 1, "{bad:?}");
    }
    assert_eq!(hidden(&[], &[(FILE, "f", b"a\xff\n")]), ["f:1  invisible: bytes that are not UTF-8"]);
    let good = "\u{feff}caf\u{e9}\r\n\t#️⃣ ❤️ 👩\u{200d}💻\r\nم\u{200c}ی\u{5d0}\n中文";
    assert_eq!(of_text("", good), [""; 0]);
}

#[test]
fn a_file_with_many_such_lines_names_some_and_counts_the_rest() {
    let found = of_text("", &"\u{202e}\n".repeat(limits::HIDDEN_LINES + 5));
    assert_eq!(found.len(), limits::HIDDEN_LINES + 1);
    assert_eq!(found.last().unwrap(), "f  bidi: and on 5 lines more");
}

#[test]
fn links_submodules_binaries_pointers_and_executables_are_named() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n";
    let before = [(Mode::Submodule, "sub", [1; 20].as_slice()), (FILE, "run", b"x"), (FILE, "gone", b"\0")];
    let after = [
        (Mode::Submodule, "sub", [2; 20].as_slice()),
        (Mode::Executable, "run", b"x"),
        (Mode::Symlink, "a/link", b"../../etc/passwd\n"),
        (FILE, "a/binary", b"\x7fELF\0"),
        (FILE, "a/large", pointer),
    ];
    assert_eq!(
        hidden(&before, &after),
        [
            "a/binary  binary: not text, 5 bytes".to_owned(),
            "a/large  lfs: a Git LFS pointer: the content is elsewhere, sha256:ab".to_owned(),
            "a/link  symlink: a symbolic link to ../../etc/passwd\\x0a".to_owned(),
            "run  executable: becomes executable".to_owned(),
            format!("sub  submodule: a submodule, from commit {} to {}", "01".repeat(20), "02".repeat(20)),
        ]
    );
}

#[test]
fn attributes_of_either_tree_in_the_folder_or_above_are_followed() {
    let attributes = (FILE, ".gitattributes", b"a/*.rs -diff\n*.lock linguist-generated\n".as_slice());
    let files = [(FILE, "a/x.rs", b"1".as_slice()), (FILE, "a/y.lock", b"1"), (FILE, "b/z.rs", b"1")];
    let with = [&[attributes], files.as_slice()].concat();
    let found = hidden(&[attributes], &with);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("a/x.rs  no-diff") && found[1].starts_with("a/y.lock  generated"), "{found:?}");
    assert_eq!(hidden(&[attributes], &files), found, "the change that takes them away is judged by them as well");
    let inner = [(FILE, "a/.gitattributes", b"x.* binary\n".as_slice()), files[0], files[2]];
    assert_eq!(hidden(&[], &inner).len(), 1);
}

#[test]
fn a_name_can_hide_as_well() {
    assert_eq!(hidden(&[], &[(FILE, "a\u{202e}sr.c", b"")]), ["a\\xe2\\x80\\xaesr.c  bidi: U+202E in its name"]);
}

#[test]
fn what_was_not_looked_into_is_said_to_be_so() {
    let mut set = ObjectSet::new();
    let after = tree(&mut set, &[(FILE, "a", b"0123456789"), (FILE, "b", b"\0")]);
    let files = changed(&set, None, &after).unwrap();
    let mut look = Look::within(&set, 10);
    let found: Vec<Hidden> = files.iter().flat_map(|file| look.hidden(file).unwrap()).collect();
    assert_eq!(found.iter().map(|h| (h.path.as_str(), h.kind)).collect::<Vec<_>>(), [("b", HiddenKind::Unread)]);
    let missing = ObjectSet::new();
    assert!(Look::new(&missing).hidden(&files[0]).is_err(), "content that is not there is no clean content");
}

#[test]
fn lines_are_counted_as_a_diff_shows_them() {
    let mut set = ObjectSet::new();
    let before = tree(&mut set, &[(FILE, "a", b"1\n2\n3\n"), (FILE, "b", b"x\n"), (FILE, "c", b"\0")]);
    let after = tree(&mut set, &[(FILE, "a", b"1\nB\nC\n3\n"), (FILE, "c", b"\0\0"), (FILE, "d", b"x\ny")]);
    let mut look = Look::new(&set);
    let files = changed(&set, Some(&before), &after).unwrap();
    let lines: Vec<_> = files.iter().map(|file| look.lines(file).unwrap().map(|l| (l.added, l.removed))).collect();
    assert_eq!(lines, [Some((2, 1)), Some((0, 1)), None, Some((2, 0))]);
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    for (word, kind) in HiddenKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), *word);
        assert_eq!(kind.as_str(), *word);
    }
}
