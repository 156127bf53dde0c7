//! Notes: whatever tree they are read from, what is written from them reads back the same, and lines are put together in
//! one way.
#![no_main]

use countersign_core::git::notes::{Notes, union};
use countersign_core::git::object::{Object, ObjectKind};
use countersign_core::git::oid::{ObjectFormat, Oid};
use countersign_core::git::source::ObjectSet;

libfuzzer_sys::fuzz_target!(|input: (&[u8], Vec<&[u8]>)| {
    let (texts, trees) = input;
    let once = union([texts]);
    assert_eq!(union([once.as_slice(), texts]), once);
    let mut objects = ObjectSet::new();
    let mut last = None;
    // Each tree can name those before it, by the ids that the bytes happen to have; the last one is the root.
    for bytes in trees.into_iter().take(8) {
        let bytes = placed(bytes, last.as_ref());
        let Ok(id) = objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, bytes)) else { return };
        last = Some(id);
    }
    let Some(root) = last else { return };
    let Ok(mut notes) = Notes::read(&objects, ObjectFormat::Sha1, &root) else { return };
    let several = notes.split();
    for (commit, blobs) in &several {
        assert!(blobs.len() > 1 && notes.of(commit).count() == blobs.len());
        let first = *blobs.iter().next().expect("at least one");
        notes.set(*commit, first);
    }
    assert!(notes.split().is_empty());
    let Ok(trees) = notes.trees(ObjectFormat::Sha1) else { return };
    let mut written = ObjectSet::new();
    let mut root = None;
    for tree in trees {
        root = written.insert(ObjectFormat::Sha1, tree).ok();
    }
    let Some(root) = root else { return };
    if let Ok(again) = Notes::read(&written, ObjectFormat::Sha1, &root) {
        assert!(notes.iter().eq(again.iter()), "what was written reads back");
    }
});

/// The bytes, with every run of twenty `@` replaced by an id.
fn placed(bytes: &[u8], id: Option<&Oid>) -> Vec<u8> {
    let Some(id) = id else { return bytes.to_vec() };
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        match rest.strip_prefix(&[b'@'; 20]) {
            Some(after) => {
                out.extend_from_slice(id.as_bytes());
                rest = after;
            }
            None => {
                out.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    out
}
