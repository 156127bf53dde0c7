//! Snippets of Rego, and the rules of our policies with their cases, through our engine and through OPA. `rego-opa LIBRARY`
//! compares, `show LIBRARY` prints what both say of each snippet, and `page` prints the table of the documentation.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

use countersign_tests::rego_opa::{self, Outcome, Snippet, differences, opa, rules};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["page"] => {
            print!("{}", differences::page(&rego_opa::all()));
            Ok(())
        }
        ["show", library] => show(Path::new(library)),
        [library] => compare(Path::new(library)),
        _ => Err("usage: rego-opa [show] LIBRARY, or rego-opa page".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn asked(library: &Path) -> Result<Vec<(Snippet, Outcome)>, String> {
    let snippets = rego_opa::all();
    let questions: Vec<opa::Question> = snippets.iter().map(Snippet::question).collect();
    let answers = opa::answers(library, &questions)?;
    Ok(snippets.into_iter().zip(answers).collect())
}

fn show(library: &Path) -> Result<(), String> {
    for (snippet, opa) in asked(library)? {
        println!("{}\n  ours {}\n  OPA  {opa}", snippet.name, snippet.ours());
    }
    Ok(())
}

fn compare(library: &Path) -> Result<(), String> {
    let mut wrong = Vec::new();
    let (mut same, mut differing) = (0_usize, 0_usize);
    for (snippet, opa) in asked(library)? {
        wrong.extend(snippet.against_us());
        wrong.extend(snippet.against_opa(&opa));
        if snippet.differs.is_none() { same += 1 } else { differing += 1 }
    }
    let mut cases = rules::all();
    let own = cases.len();
    cases.extend(rules::exported());
    let questions: Vec<opa::Question> = cases.iter().map(rules::Played::question).collect();
    for (case, opa) in cases.iter().zip(opa::answers(library, &questions)?) {
        if !case.ours.same(&opa) {
            wrong.push(format!("{}: ours {}, OPA {opa}", case.name, case.ours));
        }
    }
    println!("{same} snippets give the same in OPA, {differing} show a listed difference");
    let exported = cases.len().saturating_sub(own);
    println!("{own} cases of our own rules give the same, and {exported} of those as a bundle for OPA");
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{} do not agree", wrong.join("\n"), wrong.len()))
}
