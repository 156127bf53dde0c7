//! What a diff hides: of any two contents under any name, the same is found each time, every line that is named is one of
//! the file, and two trees that are the same differ in nothing.
#![no_main]

use countersign_core::git::content::{Look, changed};
use countersign_core::git::object::{Object, ObjectKind};
use countersign_core::git::oid::{ObjectFormat, Oid};
use countersign_core::git::source::ObjectSet;
use countersign_core::git::tree::{Entry, Mode, Tree};

libfuzzer_sys::fuzz_target!(|parts: (&[u8], &[u8], &[u8], &[u8], u8)| {
    let (name, attributes, before, after, modes) = parts;
    let mut objects = ObjectSet::new();
    let (Some(before), Some(after)) = (
        tree(&mut objects, name, attributes, before, modes & 7),
        tree(&mut objects, name, attributes, after, modes >> 3 & 7),
    ) else {
        return;
    };
    assert!(changed(&objects, Some(&after), &after).is_ok_and(|files| files.is_empty()));
    let Ok(files) = changed(&objects, Some(&before), &after) else { return };
    assert!(files.len() <= 2, "{files:?}");
    let look = || {
        let mut look = Look::new(&objects);
        let hidden: Result<Vec<_>, _> = files.iter().map(|file| look.hidden(file)).collect();
        let lines: Result<Vec<_>, _> = files.iter().map(|file| look.lines(file)).collect();
        hidden.and_then(|hidden| lines.map(|lines| (hidden, lines)))
    };
    let first = look();
    assert_eq!(first, look(), "looking twice shows the same");
    for hidden in first.iter().flat_map(|(hidden, _)| hidden).flatten() {
        assert!(hidden.to_string().bytes().all(|b| (0x20..=0x7e).contains(&b)), "{hidden}");
    }
});

/// A tree of one file and attributes; none where git would not have it.
fn tree(objects: &mut ObjectSet, name: &[u8], attributes: &[u8], content: &[u8], mode: u8) -> Option<Oid> {
    let mode = match mode {
        1 => Mode::Executable,
        2 => Mode::Symlink,
        3 => Mode::Submodule,
        4 => Mode::Directory,
        _ => Mode::File,
    };
    let mut blob = |bytes: &[u8]| objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Blob, bytes)).ok();
    let attributes = Entry { mode: Mode::File, name: b".gitattributes".to_vec(), id: blob(attributes)? };
    let content = blob(content)?;
    let id = if mode == Mode::Directory {
        let inner = Tree::new(vec![Entry { mode: Mode::File, name: name.to_vec(), id: content }]).ok()?;
        objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, inner.encode())).ok()?
    } else {
        content
    };
    let tree = Tree::new(vec![attributes, Entry { mode, name: name.to_vec(), id }]).ok()?;
    objects.insert(ObjectFormat::Sha1, Object::new(ObjectKind::Tree, tree.encode())).ok()
}
