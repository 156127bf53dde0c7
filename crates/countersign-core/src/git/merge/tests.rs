//! Merges by hand: one case for each step of the rule.

use super::*;
use crate::git::{Entry, Mode, ObjectFormat, ObjectKind, ObjectSet, Recording, Tree};
use proptest::prelude::*;

const FORMAT: ObjectFormat = ObjectFormat::Sha1;

/// Path to mode and content, `MODE:content`: `f` file, `x` executable, `l` link, `s` submodule.
type Files<'a> = &'a [(&'a str, &'a str)];

fn put(set: &mut ObjectSet, kind: ObjectKind, bytes: &[u8]) -> Oid {
    set.insert(FORMAT, Object::new(kind, bytes)).unwrap()
}

fn tree(set: &mut ObjectSet, files: Files<'_>) -> Oid {
    let mut folders: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let mut entries = Vec::new();
    for (path, file) in files {
        if let Some((folder, rest)) = path.split_once('/') {
            folders.entry(folder).or_default().push((rest, file));
            continue;
        }
        let (mode, content) = file.split_once(':').unwrap();
        let mode = match mode {
            "f" => Mode::File,
            "x" => Mode::Executable,
            "l" => Mode::Symlink,
            _ => Mode::Submodule,
        };
        let id = put(set, ObjectKind::Blob, content.as_bytes());
        entries.push(Entry { mode, name: path.as_bytes().to_vec(), id });
    }
    for (folder, files) in folders {
        let id = tree(set, &files);
        entries.push(Entry { mode: Mode::Directory, name: folder.as_bytes().to_vec(), id });
    }
    put(set, ObjectKind::Tree, &Tree::new(entries).unwrap().encode())
}

/// Merges in both directions, from a recording of what a first merge read.
fn merge(base: Files<'_>, ours: Files<'_>, theirs: Files<'_>) -> (ObjectSet, Merge) {
    let mut set = ObjectSet::new();
    let [base, ours, theirs] = [base, ours, theirs].map(|files| tree(&mut set, files));
    let recording = Recording::new(&set);
    let merged = merge_trees(&recording, Some(&base), &ours, &theirs).unwrap();
    let read = recording.into_read();
    assert_eq!(merge_trees(&read, Some(&base), &ours, &theirs).unwrap(), merged);
    assert_eq!(merge_trees(&set, Some(&base), &theirs, &ours).unwrap(), merged);
    (set, merged)
}

fn clean(base: Files<'_>, ours: Files<'_>, theirs: Files<'_>, expected: Files<'_>) {
    let (mut set, merged) = merge(base, ours, theirs);
    let expected = tree(&mut set, expected);
    match merged {
        Merge::Clean { tree, new_objects } => {
            assert_eq!(tree, expected);
            assert!(new_objects.iter().all(|(id, object)| object.id(FORMAT) == Ok(*id)));
        }
        Merge::Unproven { reasons } => panic!("{reasons:?}"),
    }
}

fn unproven(base: Files<'_>, ours: Files<'_>, theirs: Files<'_>, expected: &[(&str, Why)]) {
    let (_, merged) = merge(base, ours, theirs);
    let reasons = expected.iter().map(|(path, why)| Reason { path: (*path).to_owned(), why: *why }).collect();
    assert_eq!(merged, Merge::Unproven { reasons });
}

const ABC: &str = "f:a\nb\nc\nd\n";

#[test]
fn edits_of_both_sides_are_merged_by_file_and_by_line() {
    clean(
        &[("d/t", ABC), ("o", "f:1"), ("u", "f:1")],
        &[("d/t", "f:A\nb\nc\nd\n"), ("o", "f:2"), ("u", "f:1")],
        &[("d/t", "f:a\nb\nc\nD\n"), ("o", "f:1"), ("u", "f:3")],
        &[("d/t", "f:A\nb\nc\nD\n"), ("o", "f:2"), ("u", "f:3")],
    );
}

#[test]
fn hunks_that_touch_are_a_conflict() {
    let (ours, theirs) = ("f:a\nB\nc\nd\n", "f:a\nb\nC\nd\n");
    unproven(&[("t", ABC)], &[("t", ours)], &[("t", theirs)], &[("t", Why::TextConflict)]);
}

#[test]
fn mode_and_content_are_merged_apart() {
    clean(&[("t", ABC)], &[("t", "x:a\nb\nc\nd\n")], &[("t", "f:a\n")], &[("t", "x:a\n")]);
    clean(&[("t", ABC)], &[("t", "x:A\nb\nc\nd\n")], &[("t", "f:a\nb\nc\nD\n")], &[("t", "x:A\nb\nc\nD\n")]);
}

#[test]
fn a_deletion_is_taken_where_the_other_side_left_the_file_alone() {
    clean(&[("d/e/t", "f:1"), ("u", "f:1")], &[("u", "f:1")], &[("d/e/t", "f:1"), ("u", "f:2")], &[("u", "f:2")]);
    let both = [("t", "f:1"), ("u", "f:1")];
    unproven(&both, &[("u", "f:1")], &[("t", "f:2"), ("u", "f:1")], &[("t", Why::ModifyDelete)]);
    unproven(&both, &[("u", "f:1")], &[("t", "x:1"), ("u", "f:1")], &[("t", Why::ModifyDelete)]);
}

#[test]
fn a_merge_that_leaves_nothing_is_the_empty_tree() {
    clean(&[("d/a", "f:1"), ("d/b", "f:2")], &[("d/a", "f:1")], &[("d/b", "f:2")], &[]);
}

#[test]
fn additions_are_taken_once_if_they_are_the_same() {
    clean(&[("u", "f:1")], &[("u", "f:1"), ("t", "f:1")], &[("u", "f:2"), ("t", "f:1")], &[("u", "f:2"), ("t", "f:1")]);
    unproven(&[], &[("t", "f:1")], &[("t", "f:2")], &[("t", Why::BothAdded)]);
    unproven(&[], &[("t", "f:1")], &[("t", "x:1")], &[("t", Why::ModeConflict)]);
    unproven(&[], &[("t", "f:1")], &[("t", "l:1")], &[("t", Why::BothAdded)]);
}

#[test]
fn links_submodules_and_types_are_never_merged_by_content() {
    unproven(&[("t", "l:1")], &[("t", "l:2")], &[("t", "l:3")], &[("t", Why::LinkConflict)]);
    unproven(&[("t", "s:1")], &[("t", "s:2")], &[("t", "s:3")], &[("t", Why::SubmoduleConflict)]);
    unproven(&[("t", "f:1")], &[("t", "l:1")], &[("t", "f:2")], &[("t", Why::TypeChange)]);
    let (u1, u2) = (("u", "f:1"), ("u", "f:2"));
    clean(&[("t", "f:1"), u1], &[("t", "l:x"), u1], &[("t", "f:1"), u2], &[("t", "l:x"), u2]);
}

#[test]
fn a_file_that_becomes_a_folder_is_merged_only_if_the_other_side_left_it_alone() {
    let (u1, u2) = (("u", "f:1"), ("u", "f:2"));
    clean(&[("t", "f:1"), u1], &[("t/a", "f:9"), u1], &[("t", "f:1"), u2], &[("t/a", "f:9"), u2]);
    unproven(
        &[("t", "f:1")],
        &[("t/a", "f:9")],
        &[("t", "f:2")],
        &[("t", Why::ModifyDelete), ("t", Why::RenamePossible)],
    );
    unproven(&[], &[("t/a", "f:9")], &[("t", "f:2")], &[("t", Why::FileAndFolder)]);
}

#[test]
fn content_with_a_nul_byte_is_not_merged() {
    unproven(&[("t", "f:a\0")], &[("t", "f:b\0")], &[("t", "f:c\0")], &[("t", Why::Binary)]);
}

#[test]
fn attributes_that_may_set_merge_stop_a_merge_by_content_and_no_other() {
    let sides = ["f:A\nb\nc\nd\n", "f:a\nb\nc\nD\n"];
    let rule = ("d/.gitattributes", "f:*.md merge=union\n");
    unproven(
        &[("d/e/t.md", ABC), rule],
        &[("d/e/t.md", sides[0]), rule],
        &[("d/e/t.md", sides[1]), rule],
        &[("d/e/t.md", Why::Attributes)],
    );
    // On one side only.
    unproven(
        &[("d/t.md", ABC)],
        &[("d/t.md", sides[0]), rule],
        &[("d/t.md", sides[1])],
        &[("d/t.md", Why::Attributes)],
    );
    // In another folder, for another name, or for a file that one side alone changed.
    let other = ("x/.gitattributes", "f:* merge=union\n");
    let done = "f:A\nb\nc\nD\n";
    clean(
        &[("d/t", ABC), rule, other],
        &[("d/t", sides[0]), rule, other],
        &[("d/t", sides[1]), rule, other],
        &[("d/t", done), rule, other],
    );
    let (u1, u2) = (("d/u.md", "f:1"), ("d/u.md", "f:2"));
    clean(
        &[("d/t", ABC), u1, rule],
        &[("d/t", sides[0]), u1, rule],
        &[("d/t", sides[1]), u2, rule],
        &[("d/t", done), u2, rule],
    );
    // A link in its place.
    let link = (".gitattributes", "l:elsewhere");
    unproven(&[("t", ABC), link], &[("t", sides[0]), link], &[("t", sides[1]), link], &[("t", Why::Attributes)]);
}

#[test]
fn guard_r_holds_where_no_rename_can_matter() {
    // One side renames what the other leaves alone.
    let (u1, u2) = (("u", "f:1"), ("u", "f:2"));
    clean(&[("d/a", "f:x"), u1], &[("d/b", "f:x"), u1], &[("d/a", "f:x"), u2], &[("d/b", "f:x"), u2]);
    // One side only deletes, the other only adds.
    clean(&[("d/a", "f:x"), u1], &[u1], &[("d/a", "f:x"), ("n", "f:x"), u1], &[("n", "f:x"), u1]);
}

#[test]
fn guard_r_fails_where_a_rename_could_move_what_the_other_side_did() {
    let renamed = Why::RenamePossible;
    let u = ("u", "f:1");
    // The other side changes what was renamed.
    unproven(&[("a", ABC), u], &[("b", ABC), u], &[("a", "f:a\n"), u], &[("a", Why::ModifyDelete), ("a", renamed)]);
    // The other side adds to a folder that was renamed.
    unproven(&[("d/a", "f:1"), u], &[("e/a", "f:1"), u], &[("d/a", "f:1"), ("d/n/x", "f:2"), u], &[("d/n/x", renamed)]);
    // Both sides rename one file.
    unproven(&[("a", ABC), u], &[("b", ABC), u], &[("c", ABC), u], &[("a", renamed)]);
    // One side renames onto the name that the other adds with the same content.
    unproven(&[("a", ABC), u], &[("b", ABC), u], &[("a", ABC), ("b", ABC), u], &[("b", renamed)]);
}

#[test]
fn a_merge_without_a_base_or_across_hashes_is_not_made() {
    let mut set = ObjectSet::new();
    let id = tree(&mut set, &[]);
    let other = Oid::from_bytes(ObjectFormat::Sha256, &[1; 32]).unwrap();
    let no_base = Reason { path: String::new(), why: Why::NoBase };
    assert_eq!(merge_trees(&set, None, &id, &id), Ok(Merge::Unproven { reasons: vec![no_base] }));
    assert_eq!(merge_trees(&set, Some(&id), &id, &other), Err(SourceError::Format { id: other, expected: FORMAT }));
}

#[test]
fn a_tree_that_git_would_not_write_is_an_error() {
    let mut set = ObjectSet::new();
    let ok = tree(&mut set, &[("a", "f:1")]);
    let ours = tree(&mut set, &[("a", "f:2")]);
    let mut bytes = Tree::new(vec![]).unwrap().encode();
    for name in ["b", "a"] {
        bytes.extend_from_slice(format!("100644 {name}\0").as_bytes());
        bytes.extend_from_slice(ok.as_bytes());
    }
    let hostile = put(&mut set, ObjectKind::Tree, &bytes);
    let found = merge_trees(&set, Some(&ok), &ours, &hostile);
    assert!(matches!(found, Err(SourceError::Malformed { id, .. }) if id == hostile));
}

#[test]
fn folders_past_the_bound_and_trees_that_stand_for_too_many_files_are_not_merged() {
    let mut set = ObjectSet::new();
    let mut nest = |file: &str| {
        let mut id = tree(&mut set, &[("f", file)]);
        for _ in 0..=limits::GIT_TREE_DEPTH {
            let folder = vec![Entry { mode: Mode::Directory, name: b"d".to_vec(), id }];
            id = put(&mut set, ObjectKind::Tree, &Tree::new(folder).unwrap().encode());
        }
        id
    };
    let (base, ours, theirs) = (nest("f:1"), nest("f:2"), nest("f:3"));
    let Ok(Merge::Unproven { reasons }) = merge_trees(&set, Some(&base), &ours, &theirs) else {
        panic!("it was merged")
    };
    assert!(reasons.iter().all(|r| r.why == Why::TooDeep) && !reasons.is_empty());

    // 200 folders that hold the same 200 folders, and so on: 200^4 files in four small trees.
    let mut bomb = tree(&mut set, &[("f", "f:1")]);
    for _ in 0..4 {
        let names = (0..200).map(|n| format!("{n:03}").into_bytes());
        let entries = names.map(|name| Entry { mode: Mode::Directory, name, id: bomb }).collect();
        bomb = put(&mut set, ObjectKind::Tree, &Tree::new(entries).unwrap().encode());
    }
    let found = merge_within(&set, [&base, &ours, &bomb], 5_000);
    assert!(matches!(found, Err(SourceError::TooMany { limit: 5_000, .. })), "{found:?}");
}

fn any_files() -> impl Strategy<Value = BTreeMap<&'static str, &'static str>> {
    let path = prop::sample::select(vec!["a", "b", "d/a", "d/b", "d/e/a", "g/a"]);
    let file = prop::sample::select(vec![ABC, "f:A\nb\nc\nd\n", "f:a\nb\nc\nD\n", "f:", "x:a\n", "l:x"]);
    prop::collection::btree_map(path, file, 0..6)
}

proptest! {
    #[test]
    fn a_clean_merge_does_not_depend_on_the_direction_and_gives_back_an_unchanged_side(
        base in any_files(), ours in any_files(), theirs in any_files()
    ) {
        let [base, ours, theirs] = [base, ours, theirs].map(|files| files.into_iter().collect::<Vec<_>>());
        merge(&base, &ours, &theirs);
        clean(&base, &ours, &base, &ours);
        clean(&base, &ours, &ours, &ours);
    }
}
