//! Plans: no bytes make the reader stop short, and what it says of a plan has a place in it.
#![no_main]

use countersign_core::config::plan::Plan;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(plan) = Plan::read(bytes) else { return };
    for resource in &plan.known {
        assert!(!resource.kind.is_empty());
    }
    assert!(u64::try_from(plan.known.len()).unwrap_or(u64::MAX) <= plan.resources);
});
