//! The evidence file of git objects: one set of facts and objects has one spelling, and who walks history reads the same commits out
//! of all of it and out of what is left where nothing else is kept.
#![no_main]

use countersign_core::git::evidence::{Evidence, commits, commits_only};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let read = commits(bytes).ok();
    match commits_only(bytes) {
        Some(left) => {
            assert_eq!(commits(&left).ok(), read);
            assert_eq!(commits_only(&left).as_deref(), Some(left.as_slice()));
        }
        None => assert_eq!(read, None),
    }
    let Ok(evidence) = Evidence::parse(bytes) else { return };
    assert_eq!(evidence.encode().ok().as_deref(), Some(bytes));
    assert!(read.is_some());
});
