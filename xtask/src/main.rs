//! Repository chores: `cargo xtask VERB`. This file only finds the verb; each verb is a file of its own.
//!
//! A chore may read and write this checkout and start programs. It may never become a place where the product's own
//! logic lives, and nothing that ships depends on it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore speaks to the person, or to the CI job, that started it"
)]

mod bench;
mod codegen;
mod conformance;
mod deny;
mod fuzz;
mod generated;
mod judge;
mod opa;
mod peers;
mod rooms;
mod run;
mod sbom;
mod schemas;
mod secrets;
mod stores;
mod suites;
mod test;
mod tidy;
mod tools;
mod transcript;
mod workspace;

use std::process::ExitCode;

/// What a chore ends with. The text of a failure names the object and the command that mends it.
type Outcome<T = ()> = Result<T, String>;

/// One verb: its name, its arguments, what it does.
struct Verb {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "test",
        arguments: "[--full]",
        about: "everything that a change has to pass; --full adds the long differential, property and fuzz runs",
        run: test::run,
    },
    Verb {
        name: "rooms",
        arguments: "",
        about: "holds the dependencies of our crates against the table of allowed ones",
        run: rooms::run,
    },
    Verb {
        name: "tidy",
        arguments: "",
        about: "headers, sizes, unfinished marks, local paths, line ends, and the map in ARCHITECTURE.md",
        run: tidy::run,
    },
    Verb {
        name: "codegen",
        arguments: "[--check]",
        about: "writes docs/codes.md, docs/cli.md, docs/rego.md and the README's transcript, or says which is stale",
        run: codegen::run,
    },
    Verb {
        name: "schemas",
        arguments: "[--check | freeze NOUN VERSION]",
        about: "writes the JSON Schemas under schemas/, says which is stale, or freezes a released one",
        run: schemas::run,
    },
    Verb {
        name: "review-suite",
        arguments: "[--only ID | --export DIR | --against 'COMMAND {case}' | --serve CASEDIR --listen ADDRESS]",
        about: "plays the attacks on review, a line each; writes them out, scores another tool, serves a case's forge",
        run: suites::review,
    },
    Verb {
        name: "policy-suite",
        arguments: "",
        about: "plays the attacks on policy releases, pins and the log, a line each",
        run: suites::policy,
    },
    Verb {
        name: "tamper-suite",
        arguments: "[FLIPS]",
        about: "plays the attacks on an audit package and flips a thousand of its bits, a line each",
        run: suites::tamper,
    },
    Verb {
        name: "crash-suite",
        arguments: "[--full]",
        about: "interrupts appends to the log at their system calls, by kill, error and power loss, a line each",
        run: suites::crash,
    },
    Verb {
        name: "stores",
        arguments: "",
        about: "tests what is behind a feature: object storage, over HTTP against moto, which it fetches from PyPI; SQLite",
        run: stores::verb,
    },
    Verb {
        name: "opa",
        arguments: "",
        about: "holds our engine for Rego against OPA, which it fetches from PyPI, over snippets and our own rules",
        run: opa::run,
    },
    Verb {
        name: "judge",
        arguments: "",
        about: "has PyPI's sigstore, which it fetches, judge what we sign with keys and identities, and altered copies",
        run: judge::run,
    },
    Verb {
        name: "peers",
        arguments: "[FIXTURES]",
        about: "has the crates sigstore and in-toto judge the cases that we judge and what we sign; each difference is known",
        run: peers::run,
    },
    Verb {
        name: "conformance",
        arguments: "[FIXTURES]",
        about: "plays the Sigstore conformance cases through the program, by file and by digest, a line each",
        run: conformance::run,
    },
    Verb {
        name: "deny",
        arguments: "",
        about: "licences, bans and sources by cargo-deny, which it installs where it is missing",
        run: deny::run,
    },
    Verb {
        name: "fuzz",
        arguments: "[SECONDS] [TARGET]",
        about: "runs the fuzz targets, 20 seconds each unless told; installs cargo-fuzz where it is missing",
        run: fuzz::run,
    },
    Verb {
        name: "secrets-false-positives",
        arguments: "",
        about: "counts and lists what the rules for secrets find in three large public trees of source",
        run: secrets::run,
    },
    Verb {
        name: "sbom-truth",
        arguments: "[--offline | CRATE...]",
        about: "holds SBOMs against Cargo's unit graphs: this workspace, and four large crates that it fetches",
        run: sbom::truth,
    },
    Verb {
        name: "sbom-judge",
        arguments: "",
        about: "what sbom-tools finds in our own SBOM, and all its forms by the published XSDs; fetches both",
        run: sbom::judge,
    },
    Verb {
        name: "sbom-table",
        arguments: "[--program FILE] [--no-scores] [CRATE]...",
        about: "our SBOMs and other tools' beside the build: accuracy, sameness, scores, time; written into docs/sbom.md",
        run: sbom::table,
    },
    Verb {
        name: "bench",
        arguments: "[--json] [FIGURE | --year N [--keyless] [--in FOLDER]]",
        about: "measures the figures that we promise, each beside its bar; a generated year of N promotions, packed and audited",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", usage());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else {
        eprint!("cargo xtask: there is no verb `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    match (verb.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("cargo xtask {name}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let line = |verb: &Verb| {
        let call = format!("{} {}", verb.name, verb.arguments);
        format!("  {}\n      {}\n", call.trim_end(), verb.about)
    };
    let lines: Vec<String> = VERBS.iter().map(line).collect();
    format!("usage: cargo xtask VERB\n\n{}", lines.concat())
}

/// For verbs without arguments, and for flags that are not there.
fn refuse_rest(rest: &[String]) -> Outcome {
    rest.first().map_or(Ok(()), |extra| Err(format!("does not take `{extra}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_verb_has_one_name_and_stands_in_the_usage() {
        let names: BTreeSet<&str> = VERBS.iter().map(|verb| verb.name).collect();
        assert_eq!(names.len(), VERBS.len());
        for name in names {
            assert!(usage().contains(&format!("\n  {name}")), "{name}");
        }
    }

    #[test]
    fn an_argument_too_many_is_named() {
        assert_eq!(refuse_rest(&["--fast".to_owned()]), Err("does not take `--fast`".to_owned()));
    }
}
