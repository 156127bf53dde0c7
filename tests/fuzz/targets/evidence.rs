//! The evidence file of git objects: one set of facts and objects has one spelling.
#![no_main]

use countersign_core::git::evidence::Evidence;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(evidence) = Evidence::parse(bytes) else { return };
    assert_eq!(evidence.encode().ok().as_deref(), Some(bytes));
});
