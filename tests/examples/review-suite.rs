//! Plays every attack on review and prints a line for each: id, what happens, expected and found verdict and code. With
//! other arguments it writes the cases out, scores another tool, or serves a case's forge:
//!
//!     --export DIR [--only ID]
//!     --against 'COMMAND {case}' [--only ID]
//!     --serve CASEDIR --listen 127.0.0.1:PORT
//!     --page, --index: the generated page and list of cases
//!
//! ID is a case (`E22-hidden`), a number with all its cases (`E22`), or a family (`trust`).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use countersign_tests::review_suite::{self, Case, Score};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => play(&review_suite::all()),
        ["--only", id] => chosen(id).map_or_else(no_such(id), |cases| play(&cases)),
        ["--page"] => shown(&review_suite::page()),
        ["--index"] => shown(&review_suite::index()),
        ["--export", folder] => export(&review_suite::all(), Path::new(folder)),
        ["--export", folder, "--only", id] => {
            chosen(id).map_or_else(no_such(id), |cases| export(&cases, Path::new(folder)))
        }
        ["--against", command] => against(&review_suite::all(), command),
        ["--against", command, "--only", id] => chosen(id).map_or_else(no_such(id), |cases| against(&cases, command)),
        ["--serve", folder, "--listen", address] => serve(Path::new(folder), address),
        _ => {
            eprintln!(
                "takes nothing, --only ID, --export DIR [--only ID], --against 'COMMAND {{case}}' [--only ID], or \
                 --serve CASEDIR --listen ADDRESS"
            );
            ExitCode::from(2)
        }
    }
}

/// The case of that name, all cases of a number, or all of a family.
fn chosen(id: &str) -> Option<Vec<Case>> {
    let of_number = format!("{id}-");
    let is_it = |case: &Case| case.id == id || case.id.starts_with(&of_number) || case.family() == id;
    let cases: Vec<Case> = review_suite::all().into_iter().filter(is_it).collect();
    if cases.is_empty() { None } else { Some(cases) }
}

fn no_such(id: &str) -> impl Fn() -> ExitCode {
    move || {
        eprintln!("there is no case `{id}`: docs/review-suite.md lists them");
        ExitCode::from(2)
    }
}

fn shown(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn play(cases: &[Case]) -> ExitCode {
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for case in cases {
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
            "{word} {:<18} {:<62} expected {expected:<36} found {} {}",
            case.id,
            case.what,
            found.verdict,
            found.codes().join(",")
        );
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn export(cases: &[Case], folder: &Path) -> ExitCode {
    for case in cases {
        let place = folder.join(case.id);
        if place.exists() {
            eprintln!("{} is there already", place.display());
            return ExitCode::from(2);
        }
        review_suite::export(case, &(case.set)(), &place);
        println!("{}", place.display());
    }
    ExitCode::SUCCESS
}

fn against(cases: &[Case], command: &str) -> ExitCode {
    if !command.contains("{case}") {
        eprintln!("the command has to say where the case's folder goes: {{case}}");
        return ExitCode::from(2);
    }
    let mut score = Score::default();
    for case in cases {
        let played = review_suite::play_against(case, command);
        println!("{}", score.count(case, played));
    }
    print!("{score}");
    if score.is_perfect() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(folder: &Path, address: &str) -> ExitCode {
    match review_suite::serve(folder, address, |api| println!("{api}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}
