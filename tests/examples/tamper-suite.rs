//! Plays every attack on an audit package, and flips bits of it, and prints a line for each: id, what was done, expected and
//! found verdict and code. `tamper-suite [FLIPS]`, a thousand unless told.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use countersign_tests::tamper::{self, Stage};
use std::process::ExitCode;

const FLIPS: usize = 1_000;

fn main() -> ExitCode {
    let flips = std::env::args().nth(1).map_or(Some(FLIPS), |text| text.parse().ok());
    let Some(flips) = flips else {
        println!("how many bits are to be flipped is a number");
        return ExitCode::from(2);
    };
    let stage = Stage::new();
    let (mut passed, mut failed) = (0_u32, 0_u32);
    let mut count = |right: bool| {
        let place = if right { &mut passed } else { &mut failed };
        *place = place.saturating_add(1);
        if right { "ok    " } else { "FAILED" }
    };
    for case in tamper::all() {
        let outcome = case.run(&stage);
        let word = count(outcome.is_ok());
        let (Ok(found) | Err(found)) = outcome;
        let expected = format!("{} {} {}", case.verdict, case.exit.code(), case.code);
        let codes: Vec<String> = found.codes.iter().take(4).map(|(code, at)| format!("{code} ({at})")).collect();
        println!(
            "{word} {:<4} {:<84} expected {expected:<44} found {} {} {}",
            case.id,
            case.what,
            found.verdict,
            found.exit.code(),
            codes.join(", ")
        );
    }
    for (number, flipped) in (1..).zip(tamper::flips(&stage, flips)) {
        let word = count(flipped.is_named());
        let found = flipped.found.as_ref().map_or_else(String::new, |(code, at)| format!("{code} ({at})"));
        println!(
            "{word} B{number:04} bit {} of byte {} in {:<40} expected FAIL 4 found {} {found}",
            flipped.bit,
            flipped.at,
            if flipped.file.is_empty() { "the directory" } else { &flipped.file },
            flipped.exit.code(),
        );
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
