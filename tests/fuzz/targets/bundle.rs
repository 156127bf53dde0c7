//! Collections of signed documents: each document that is read is one that reads alone as the same.
#![no_main]

use countersign_core::bundle::Signed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(documents) = Signed::parse_lines(bytes) else { return };
    assert!(!documents.is_empty(), "nothing is not a collection");
    for (line, document) in documents {
        assert!(document.pae().ends_with(&document.payload));
        assert_eq!(Signed::parse(&line), Ok(document));
    }
});
