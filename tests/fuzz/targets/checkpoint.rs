//! Checkpoints, the signed notes that carry them, note keys, and inclusion proof files.
#![no_main]

use countersign_core::log::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use countersign_core::log::note::{Note, NoteKey};
use countersign_core::log::proof::TlogProof;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert!(note.text().ends_with('\n') && !note.signatures().is_empty());
        assert_eq!(note.to_string().as_bytes(), bytes, "a note has one spelling");
    }
    let parsed = UnverifiedCheckpoint::parse(bytes);
    assert!(parsed.is_err() || Note::parse(bytes).is_ok(), "a checkpoint is a note");
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert!(proof.verify_entry(b"").is_err() || proof.hashes.len() <= 64);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = NoteKey::parse(text) {
        assert_eq!(key.to_string(), text, "a note key has one spelling");
    }
    if let Ok(checkpoint) = Checkpoint::parse_body(text) {
        assert_eq!(checkpoint.body(), text, "a checkpoint without extensions has one spelling");
    }
});
