//! The short form of the crash suite; `cargo xtask crash-suite --full` plays all of it.

use countersign_tests::crash_suite::{Extent, Outcome, Suite, victim};

#[test]
fn a_sample_of_interruptions_loses_nothing_that_was_acknowledged() {
    // The process that is interrupted is this test again, with an order.
    victim();
    let program = std::env::current_exe().unwrap().into_os_string();
    let name = "crash_suite::a_sample_of_interruptions_loses_nothing_that_was_acknowledged";
    let suite =
        Suite::new([program, "--exact".into(), name.into(), "--test-threads=1".into()].to_vec(), Extent::Sample);
    let (mut played, mut bad) = (0, Vec::new());
    let mut told = |outcome: Outcome| {
        played += 1;
        if !outcome.good() {
            bad.push(outcome);
        }
    };
    suite.play(&mut told, &mut |why| eprintln!("skipped: {why}"));
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(played > 8, "only {played} were played");
}
