//! Reports of tests: no bytes make the reader stop short, every test has one end, and reading a report twice changes nothing.
#![no_main]

use countersign_collect::junit::Report;
use countersign_core::statement::test_result::Outcome;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut report = Report::default();
    if report.read(bytes).is_err() {
        return;
    }
    let failed = report.failed();
    let mut ends = [report.passed(), report.warned(), failed.clone(), report.skipped()].concat();
    let count = ends.len();
    ends.sort();
    ends.dedup();
    assert_eq!(ends.len(), count, "a test stands under one end");
    assert_eq!(report.outcome() == Some(Outcome::Failed), !failed.is_empty());
    let before = report.clone();
    assert!(report.read(bytes).is_ok());
    assert_eq!(report, before);
});
