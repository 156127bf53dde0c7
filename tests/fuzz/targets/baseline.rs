//! Earlier results, as JSON or SARIF: what is read is the same each time, marks a report without a fault, and what is
//! rendered of that report is a baseline again.
#![no_main]

use countersign_core::exit::Exit;
use countersign_core::finding::Verdict;
use countersign_report::reports::{Baseline, Facts, Form, Report};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(baseline) = Baseline::parse(bytes) else { return };
    assert_eq!(Baseline::parse(bytes).as_ref(), Ok(&baseline));
    let facts = Facts::new("promote", "0.1.0", Verdict::Pass, Exit::Ok);
    let report = Report::new(facts, Some(&baseline));
    assert!(report.items.is_empty());
    let text = report.render(Form::Sarif).expect("a report is rendered");
    // What is gone is gone: nothing of it comes back with the next run.
    let again = Baseline::parse(text.as_bytes()).expect("what is written is read");
    assert!(Report::new(Facts::new("promote", "0.1.0", Verdict::Pass, Exit::Ok), Some(&again)).gone.is_empty());
});
