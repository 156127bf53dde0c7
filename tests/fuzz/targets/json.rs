//! The strict JSON reader: what it reads has at most one canonical spelling, which reads back as the same value.
#![no_main]

use countersign_core::json;
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes) else { return };
    // A number with a fraction has no canonical form.
    let Ok(canonical) = json::canonical(&value) else { return };
    assert_eq!(json::parse_canonical::<Value>(&canonical), Ok(value));
});
