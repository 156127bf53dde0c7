//! The merge of one text by the published rule: it does not depend on which side is whose, and a side that changed
//! nothing takes the other's text.
#![no_main]

use countersign_core::git::merge::{Merge, merge_trees};
use countersign_core::git::object::{Object, ObjectKind};
use countersign_core::git::oid::{ObjectFormat, Oid};
use countersign_core::git::source::ObjectSet;
use countersign_core::git::tree::{Entry, Mode, Tree};

libfuzzer_sys::fuzz_target!(|texts: (&[u8], &[u8], &[u8])| {
    let mut objects = ObjectSet::new();
    let (Some(base), Some(ours), Some(theirs)) =
        (tree(&mut objects, texts.0), tree(&mut objects, texts.1), tree(&mut objects, texts.2))
    else {
        return;
    };
    let merge = |ours: &Oid, theirs: &Oid| merge_trees(&objects, Some(&base), ours, theirs).expect("all is there");
    let merged = merge(&ours, &theirs);
    assert_eq!(merged, merge(&theirs, &ours), "the sides are equals");
    if ours == base {
        assert!(matches!(merged, Merge::Clean { tree, .. } if tree == theirs));
    }
});

/// A tree of one file; none where the bytes carry the marks of a collision.
fn tree(objects: &mut ObjectSet, text: &[u8]) -> Option<Oid> {
    let id = objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Blob, text)).ok()?;
    let entry = Entry { mode: Mode::File, name: b"a".to_vec(), id };
    let tree = Tree::new(vec![entry]).ok()?;
    objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, tree.encode())).ok()
}
