//! Trust documents as they are authored: one that does not contradict itself has a signed form that reads back.
#![no_main]

use countersign_core::{json, trust::Trust};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(trust) = Trust::from_toml(bytes) else { return };
    let value = json::to_value(&trust).expect("a trust document is JSON");
    assert_eq!(Trust::from_value(value).ok().as_ref(), Some(&trust));
    trust.digest().expect("a trust document has a digest");
});
