//! Leaves of the log: an entry has one spelling only.
#![no_main]

use countersign_core::entry::Entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(entry) = Entry::parse(bytes) else { return };
    assert_eq!(entry.to_bytes().ok().as_deref(), Some(bytes));
});
