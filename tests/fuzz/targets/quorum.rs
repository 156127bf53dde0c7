//! Policies of logs and witnesses (C2SP tlog-policy).
#![no_main]

use countersign_core::log::quorum::TlogPolicy;
use std::collections::BTreeSet;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(policy) = TlogPolicy::parse(bytes) else { return };
    let printed = policy.to_string();
    assert_eq!(TlogPolicy::parse(printed.as_bytes()).as_ref(), Ok(&policy), "what prints reads back");
    let nobody = policy.is_met_by(&BTreeSet::new());
    assert_eq!(nobody, policy.quorum().is_none(), "a quorum takes somebody");
    let all: BTreeSet<&str> = policy.witnesses().iter().map(|witness| witness.name.as_str()).collect();
    assert!(policy.is_met_by(&all), "all of them together are a quorum");
});
