//! A log as the one after it carries it: one form, and no panic on anything else.
#![no_main]

use countersign_core::log::carried::CarriedLog;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(carried) = CarriedLog::parse(bytes) else { return };
    assert_eq!(carried.to_bytes().ok().as_deref(), Some(bytes));
});
