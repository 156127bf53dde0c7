//! Plays every attack on review and prints a line for each: id, what happens, expected and found verdict and code. With
//! `--page` it prints the page of the suite, and plays nothing.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use countersign_tests::review_suite;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--page") {
        print!("{}", review_suite::page());
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for case in review_suite::all() {
        let (word, found) = match case.run() {
            Ok(found) => {
                passed += 1;
                ("ok    ", found)
            }
            Err(found) => {
                failed += 1;
                ("FAILED", found)
            }
        };
        let expected = format!("{} {}", case.verdict, case.code);
        println!(
            "{word} {:<9} {:<62} expected {expected:<36} found {} {}",
            case.id,
            case.what,
            found.verdict,
            found.codes().join(",")
        );
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
