//! Audit packages: what is read is written again, and read as the same files.
#![no_main]

use countersign_record::package;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(files) = package::read(bytes) else { return };
    let again = package::write(&files).ok().and_then(|again| package::read(&again).ok());
    assert_eq!(again, Some(files));
});
