//! Plays the interruptions of an append, and prints a line for each: id, what happens, expected and found verdict and code.
//! `--full` plays all of them, otherwise a sample.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use countersign_tests::crash_suite::{Extent, Outcome, Suite, victim};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The process that is interrupted is this program again, with an order.
    victim();
    let full = std::env::args().skip(1).any(|argument| argument == "--full");
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let suite = Suite::new(vec![program.into_os_string()], if full { Extent::Full } else { Extent::Sample });
    let (mut passed, mut failed) = (0_u32, 0_u32);
    let mut told = |outcome: Outcome| {
        let word = if outcome.good() {
            passed += 1;
            "ok    "
        } else {
            failed += 1;
            "FAILED"
        };
        let Outcome { id, what, expected, found } = outcome;
        println!("{word} {id:<22} {what:<58} expected {expected:<13} found {found}");
    };
    suite.play(&mut told, &mut |why| println!("skipped: {why}"));
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
