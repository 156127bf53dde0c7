//! What a witness is asked, what it answers, and keys of witnesses.
#![no_main]

use countersign_core::log::cosignature::{WitnessKey, cosignatures};
use countersign_core::log::note::{Note, NoteKey, NoteSignature};
use countersign_core::log::witness::{AddCheckpoint, judge};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let never = |_: &NoteKey, _: &[u8], _: &[u8; 64]| false;
    let always = |_: &NoteKey, _: &[u8], _: &[u8; 64]| true;
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes, "a request has one spelling");
        let claim = request.checkpoint.claim();
        let key = NoteKey::new(claim.origin.clone(), [0; 32]);
        assert!(judge(&request, &[], None, &always).is_err(), "a log that is not watched");
        // A proof that holds for what was remembered is the only way past what was remembered.
        let _judged = judge(&request, &[key], Some(claim), &always);
    }
    if let Ok(lines) = NoteSignature::parse_lines(bytes) {
        assert!(!lines.is_empty());
    }
    if let Ok(note) = Note::parse(bytes) {
        for line in note.signatures() {
            let Ok(name) = line.name().parse() else { continue };
            let key = WitnessKey::new(name, [0; 32]);
            let found = cosignatures(&note, std::slice::from_ref(&key), &never);
            assert!(found.is_err() || found.is_ok_and(|found| found.is_empty()));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = WitnessKey::parse(text) {
        assert_eq!(key.to_string(), text, "a witness key has one spelling");
    }
});
