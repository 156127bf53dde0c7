//! Audit packages: a set of files makes exactly one package, and no other bytes are read.
#![no_main]

use countersign_record::package;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(files) = package::read(bytes) else { return };
    assert_eq!(package::write(&files).ok().as_deref(), Some(bytes));
});
