//! Signed trust documents: without a digest from outside nothing passes, whatever the file says.
#![no_main]

use countersign_core::finding::{Verdict, verdict_of};
use countersign_core::time::Time;
use countersign_verify::trust::verify_trust;

/// Within the validity of the seeds.
const AT: i64 = 1_800_000_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at = Time::from_unix(AT).expect("a time that we know");
    let outcome = verify_trust(bytes, None, at);
    assert_ne!(verdict_of(&outcome.findings), Verdict::Pass);
    assert!(!outcome.checks.is_empty(), "whatever is asked has a line");
});
