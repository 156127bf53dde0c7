//! What other tools left in a repository: envelopes, statements, log entries, and trees that hold them. Nothing of it is read
//! in two ways, and nothing that is read goes beyond its bounds.
#![no_main]

use countersign_core::forge::foreign::{Envelope, attestations, log, log_entry, notes, read};
use countersign_core::git::Commit;
use countersign_core::git::object::{Object, ObjectKind};
use countersign_core::git::oid::{ObjectFormat, Oid};
use countersign_core::git::source::ObjectSet;
use countersign_core::git::tree::{Entry, Mode, Tree};
use countersign_core::ids::RefName;
use countersign_core::limits;
use std::collections::BTreeSet;

const FORMAT: ObjectFormat = ObjectFormat::Sha1;

libfuzzer_sys::fuzz_target!(|input: (&[u8], &[u8], &[u8], u8)| {
    let (document, name, message, mode) = input;
    if let Ok(envelope) = Envelope::parse(document) {
        assert!(!envelope.signatures.is_empty() && envelope.signatures.len() <= limits::ENVELOPE_SIGNATURES);
        assert!(envelope.pae().ends_with(&envelope.payload));
        let _statement = read(&envelope.payload);
    }
    assert_eq!(read(document), read(document));
    let _entry = std::str::from_utf8(message).map(log_entry);
    let _played = walk(document, name, message, mode);
});

fn walk(document: &[u8], name: &[u8], message: &[u8], mode: u8) -> Option<()> {
    let target = RefName::new("refs/heads/main").ok()?;
    let mut objects = ObjectSet::new();
    let blob = objects.insert(FORMAT, Object::new(ObjectKind::Blob, document)).ok()?;
    let mode = [Mode::File, Mode::Symlink, Mode::Submodule, Mode::Executable, Mode::Directory][usize::from(mode % 5)];
    // As a directory the entry's object is no tree, or whatever the document is.
    let id = match mode {
        Mode::Directory => objects.insert(FORMAT, Object::new(ObjectKind::Tree, document)).ok()?,
        _ => blob,
    };
    let mut at = folder(&mut objects, vec![Entry { mode, name: name.to_vec(), id }])?;
    for part in ["main", "heads", "refs"] {
        at = folder(&mut objects, vec![inside(part, at)])?;
    }
    let both = vec![inside("reference-authorizations", at), inside("code-review-approvals", at)];
    let root = folder(&mut objects, both)?;
    let who = b"x <x@example.com> 0 +0000";
    let commit = Commit::encode(&root, &[], who, who, message);
    let first = objects.insert(FORMAT, Object::new(ObjectKind::Commit, commit)).ok()?;
    let commit = Commit::encode(&root, &[first], who, who, message);
    let tip = objects.insert(FORMAT, Object::new(ObjectKind::Commit, commit)).ok()?;
    if let Ok(found) = attestations(&objects, &tip, &target, &|_, _| true) {
        for kept in found {
            assert!(kept.path.bytes().all(|b| (0x20..=0x7e).contains(&b)));
            assert!(kept.bytes.is_err() || mode.is_file() || mode == Mode::Directory);
        }
    }
    assert_eq!(log(&objects, &tip).map(|lines| lines.len()), Ok(2));
    let _lines = notes(&objects, FORMAT, &tip, &BTreeSet::from([first, tip]));
    Some(())
}

fn inside(name: &str, id: Oid) -> Entry {
    Entry { mode: Mode::Directory, name: name.as_bytes().to_vec(), id }
}

fn folder(objects: &mut ObjectSet, entries: Vec<Entry>) -> Option<Oid> {
    objects.insert(FORMAT, Object::new(ObjectKind::Tree, Tree::new(entries).ok()?.encode())).ok()
}
