//! Records the cases of the frozen corpus that are not recorded yet. What is recorded is never written again.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use countersign_tests::frozen;
use std::process::ExitCode;

fn main() -> ExitCode {
    match frozen::freeze() {
        Ok(added) => {
            for name in &added {
                println!("recorded {name}");
            }
            println!("{} recorded, {} in all", added.len(), frozen::recorded().len());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
