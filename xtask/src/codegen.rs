//! `cargo xtask codegen`: documents that are made from code, so that they cannot disagree with it. `docs/codes.md` from
//! the tables of finding codes and exit codes; `docs/policy-input.md` from the table of what rules read;
//! `docs/built-in-rules.md` from the rules; `docs/controls.md` from the catalogues of controls; `docs/cli.md` from what the
//! built binary says of itself; the transcript in `README.md` from a run of the demo.

use crate::generated::{Mode, Page, settle};
use crate::{Outcome, run, transcript, workspace};
use countersign_core::{codes, exit::Exit, finding::Class};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

const MADE: &str = "<!-- Made by `cargo xtask codegen`. Do not edit. -->\n";
const TABLE: &str = "| code | meaning |\n|---|---|";

/// Sections of a help text that list no verbs, whatever their lines look like.
const NO_VERBS: &[&str] = &["Arguments", "Options", "Examples", "Example", "Usage"];

/// Verbs may have verbs of their own, this deep.
const DEPTH: usize = 4;

/// Writes or compares both documents.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mode = Mode::of(arguments)?;
    let root = workspace::root()?;
    let pages = [
        Page { path: "docs/codes.md".to_owned(), text: codes_page() },
        Page { path: "docs/controls.md".to_owned(), text: controls_page() },
        Page { path: "docs/policy-input.md".to_owned(), text: input_page() },
        Page { path: "docs/built-in-rules.md".to_owned(), text: built_in_page() },
        Page { path: "docs/rego.md".to_owned(), text: rego_page(&root)? },
        Page { path: "docs/cli.md".to_owned(), text: cli_page(&root)? },
        Page { path: "README.md".to_owned(), text: transcript::readme(&root, &binary(&root))? },
    ];
    settle(&root, &pages, mode, "cargo xtask codegen")
}

/// The rules that are built in, each with its reason and what to do.
fn built_in_page() -> String {
    let mut out = format!(
        "# Rules that are built in\n\n{MADE}\nA policy switches one on by naming it in `policy.toml`. A number names its meaning for good.\n\
         How to write your own: [rules.md](rules.md).\n"
    );
    for rule in countersign_flow::policy::BUILT_IN {
        out.push_str(&format!("\n## {}\n\n{}.\n\n", rule.id, rule.title));
        if let Some(newer) = countersign_flow::policy::newest_of(rule) {
            out.push_str(&format!("- A release of today names `{}`, which means more.\n", newer.id));
        }
        out.push_str(&format!("- Why: {}\n- What to do: {}\n", rule.why, rule.fix));
        out.push_str(&format!("- Meant for: {}\n", rule.controls.join(", ")));
        if !rule.parameters.is_empty() {
            out.push_str("\n| parameter | meaning (default) |\n|---|---|\n");
        }
        for (name, meaning) in rule.parameters {
            out.push_str(&format!("| `{name}` | {} |\n", meaning.replace('|', "\\|")));
        }
    }
    out
}

fn codes_page() -> String {
    let mut lines = vec![format!("# Exit codes and finding codes\n\n{MADE}\n## Exit codes\n")];
    lines.push(TABLE.to_owned());
    lines.extend(Exit::ALL.iter().map(|exit| format!("| {} | {} |", exit.code(), exit.meaning())));
    let mut order = Exit::ALL;
    order.sort_by(|a, b| if a.worse(*b) == *a { Ordering::Less } else { Ordering::Greater });
    let order: Vec<String> = order.iter().map(|exit| exit.code().to_string()).collect();
    lines.push(format!("\nWhere several apply, the first of these is reported: {}.", order.join(", ")));
    lines.push(
        "\n## Finding codes\n\nA code keeps its meaning for good. `countersign explain CODE` prints it.".to_owned(),
    );
    for (class, title) in [
        (Class::Refused, "Refused: a rule is broken"),
        (Class::Untrusted, "Untrusted: a signature, digest, proof or format did not hold"),
        (Class::Indeterminate, "Indeterminate: it cannot be decided"),
        (Class::Note, "Notes: worth saying, and no verdict changes"),
    ] {
        lines.push(format!("\n### {title}\n\n{TABLE}"));
        for entry in codes::ALL.iter().filter(|entry| entry.class == class) {
            lines.push(format!("| `{}` | {} |", entry.code, entry.meaning.replace('|', "\\|")));
        }
    }
    lines.join("\n") + "\n"
}

/// What a person who knows Rego from OPA has to know.
const REGO: &str = "\
Rules are written in Rego v1. Most of what OPA takes is taken. What differs stands in the table, by number, and nothing else \
is known to: `cargo xtask opa` evaluates the snippets under `tests/rego-opa`, which call every function of the list below, and \
the cases of our own rules, here and in OPA 1.20.2, and fails at a difference that is not in the table as well as at one that \
is gone. OPA is asked with errors in functions as errors (`--strict-builtin-errors`).

**An error ends the rule.** Where OPA, unless it is told otherwise, lets a failed function be undefined, a rule here gives no \
answer (`rule-error`), which blocks where it enforces. Ask first: `c.version != null`, `is_string(x)`.
";

fn rego_page(root: &Path) -> Outcome<String> {
    let (may, may_not) = countersign_flow::policy::functions();
    let mut lines = vec![format!("# What differs from OPA\n\n{MADE}\n{REGO}")];
    lines.push(crate::opa::page(root)?);
    let names: Vec<String> = may.iter().map(|name| format!("`{name}`")).collect();
    lines.push(format!("## Functions that rules may call\n\n{}\n", names.join(", ")));
    lines.push(HOW_LARGE.to_owned());
    lines.push("## Functions that they may not\n\nA name stands for all that begin with it and a point.\n".to_owned());
    lines.push("| name | why |\n|---|---|".to_owned());
    lines.extend(may_not.iter().map(|(name, why)| format!("| `{name}` | {why} |")));
    Ok(lines.join("\n") + "\n")
}

/// What a reader has to know before the lists.
const CONTROLS: &str = "\
A rule says which controls it serves by their full names, such as `SOC 2 CC8.1`: in policy.toml for a rule that is built in, in its
own heading for one that is written. A name that no catalogue has is refused by `policy lint` and `policy build`.

    countersign controls show \"SOC 2 CC8.1\" --policy policy/
    countersign controls coverage --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint
    countersign evidence add manual --control \"SOC 2 CC6.4\" --statement … --document … --as-of … --valid-until … \\
      --key … --log-key … --trust …

`coverage` puts each control into the first of these parts that fits. They are not added up: a percentage would count a policy on paper
like an enforced rule.

| part | when |
|---|---|
| automated and fresh | a machine can show all of it, and in every environment whose gate is enforced a rule in stage enforce passed or failed lately |
| partly automated | some rule that serves it passed or failed lately, in whatever stage |
| manual and current | a person attests it, and that counts at the time asked about |
| stale | a rule is switched on, or somebody attested it, and neither lately enough: also where a rule was never asked |
| none | nothing serves it |

An answer counts in the stage that its rule has now. One that could not tell shows nothing; a refusal does: the control worked. Why so:
[0048](decisions/0048-controls.md).

*Shown by* says how much of a control a machine can show at best: `machine` its operation, event by event; `part` some of it; `people`
none of it. The words are ours and short; they are no substitute for the published text, which is not in here.

A policy brings catalogues of its own as `catalogues/NAME.toml`, which become part of the release:

    name = \"Acme\"
    title = \"House rules\"
    fresh_days = 30                       # for how long an answer shows something

    [[controls]]
    id = \"SEC-1\"
    reach = \"machine\"                   # machine, part or people
    text = \"Releases are built by the house builder.\"
";

fn controls_page() -> String {
    use countersign_core::catalogue::{Catalogues, NO_CONCLUSION, Reach};
    let mut lines = vec![format!("# Controls\n\n{MADE}\n**{NO_CONCLUSION}.**\n\n{CONTROLS}")];
    for catalogue in Catalogues::built_in().iter() {
        lines.push(format!(
            "## {}\n\n{}. An answer counts for {} days.\n",
            catalogue.name, catalogue.title, catalogue.fresh_days
        ));
        lines.push("| control | shown by | about |\n|---|---|---|".to_owned());
        for control in &catalogue.controls {
            let by = match control.reach {
                Reach::Machine => "machine",
                Reach::Part => "part",
                Reach::People => "people",
            };
            lines.push(format!("| `{} {}` | {by} | {} |", catalogue.name, control.id, control.text));
        }
        lines.push(String::new());
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}

fn input_page() -> String {
    let mut lines = vec![format!(
        "# What rules read\n\n{MADE}\nEvery path of `input`. `[_]` is each element of a list. A path that is not here is an error \
         in `countersign policy lint`; a value that is not known is null. A rule that reads a part for which there is no \
         evidence says nothing, which is not a pass.\n"
    )];
    lines.push("| path | what | meaning |\n|---|---|---|".to_owned());
    let row = |(path, what, meaning): &(String, &str, &str)| format!("| `{path}` | {what} | {meaning} |");
    lines.extend(countersign_flow::policy::input::paths().iter().map(row));
    lines.join("\n") + "\n"
}

fn cli_page(root: &Path) -> Outcome<String> {
    run::shown(run::cargo(root).args(["build", "--quiet", "--locked", "--workspace", "--bins"]))?;
    let binary = binary(root);
    let about = "Every verb, as `countersign VERB --help` prints it. The exit codes are in [codes.md](codes.md).";
    let mut lines = vec![format!("# The command line\n\n{MADE}\n{about}")];
    let pages = walk(&[], &|path| help(&binary, path))?;
    if pages.len() < 2 {
        return Err("`countersign --help` names no verb".to_owned());
    }
    for (path, help) in pages {
        let name = format!("countersign {}", path.join(" "));
        let help: Vec<&str> = help.trim().lines().map(str::trim_end).collect();
        lines.push(format!("\n## {}\n\n```text\n{}\n```", name.trim_end(), help.join("\n")));
    }
    Ok(lines.join("\n") + "\n")
}

fn binary(root: &Path) -> PathBuf {
    let target = workspace::target(root);
    target.join("debug/countersign")
}

/// The help text of a verb, or nothing where that is no verb. Nothing of the caller's environment shows in it.
fn help(binary: &Path, path: &[String]) -> Outcome<Option<String>> {
    let name = binary.to_string_lossy();
    let mut command = run::command(&name, Path::new("."));
    command.env_clear().env("COLUMNS", "100").env("NO_COLOR", "1").args(path).arg("--help");
    let output = run::capture(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let own = format!("Usage: {}", [&["countersign".to_owned()], path].concat().join(" "));
    Ok((output.status.success() && text.contains(&own)).then_some(text))
}

/// A verb's path and its help text.
type Help = (Vec<String>, String);

/// A verb's help, and that of the verbs which it lists, in its order.
fn walk(path: &[String], help: &impl Fn(&[String]) -> Outcome<Option<String>>) -> Outcome<Vec<Help>> {
    let Some(text) = help(path)? else { return Ok(Vec::new()) };
    let mut pages = vec![(path.to_vec(), text.clone())];
    if path.len() < DEPTH {
        for name in verbs(&text) {
            let longer = [path, &[name]].concat();
            pages.extend(walk(&longer, help)?);
        }
    }
    Ok(pages)
}

/// Words that a help text lists as verbs: indented by two, under a heading, with a description beside or below.
fn verbs(help: &str) -> Vec<String> {
    let mut listing = false;
    let mut verbs = Vec::new();
    for line in help.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            listing = !NO_VERBS.contains(&heading) && !heading.ends_with(" options");
        } else if !line.is_empty() && !line.starts_with(' ') {
            listing = false;
        }
        let Some(rest) = line.strip_prefix("  ").filter(|rest| listing && !rest.starts_with(' ')) else {
            continue;
        };
        let word = rest.split(' ').next().unwrap_or_default();
        let is_word = word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let described = rest.len() == word.len() || rest.get(word.len()..).is_some_and(|r| r.starts_with("  "));
        if is_word && described && word != "help" && !verbs.iter().any(|verb| verb == word) {
            verbs.push(word.to_owned());
        }
    }
    verbs
}

/// What bounds a rule, in words.
const HOW_LARGE: &str = "## How deep and how large

A file nests at most 16 brackets deep, and few times as deep as that; what nests deeper is refused with its place before it is
parsed. A rule is given only those parts of `input` that it was seen to read, and `input` and `data` are the names of nothing
else. What a rule gives for one input is at most 4 MiB of text and parts.

What bounds an evaluation is counted, and depends on the rule and its input alone:

| what | at most | what is past it |
|---|---|---|
| instructions | 5,000,000 | `rule-error` |
| work: all that is read, made and compared. A byte of text counts 1, a value that is looked at 4, one that is made or compared 16 | 67,108,864 | `rule-error` |
| depth of a value that a rule makes | 128 | `rule-error` |
| bits of a whole number | 4,096 | `rule-error` |
| a text that a function makes | 1 MiB | `rule-error` |
| a regular expression | 4 KiB | `rule-error` |
| findings of one rule | 1,000 | counted |

Work is charged before it is done: for every list, set and object that a rule makes, for each element that is put in, for each
comparison and lookup, for each walk through a set or an object, for what a call copies, and for what functions are given and
make. A value that is used twice is charged twice, so that what doubles at each step ends soon.

Tests in Rego run in an interpreter, which counts nothing of this but the work of functions. They decide nothing. A definition
that uses itself, also by `with`, and a chain of more than 128 definitions are refused before a test runs; a test ends after 2
seconds and the tests of one rule after 60; the functions are those that rules may call, and behave as they do in rules. Built-in
functions are not replaced by `with`.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_every_exit_stands_on_the_page_once() {
        let page = codes_page();
        for entry in codes::ALL {
            assert_eq!(page.matches(&format!("| `{}` |", entry.code)).count(), 1, "{}", entry.code);
        }
        for exit in Exit::ALL {
            assert!(page.contains(&format!("| {} | {} |", exit.code(), exit.meaning())));
        }
        assert!(page.contains("is reported: 6, 2, 5, 4, 1, 3, 0."));
    }

    #[test]
    fn verbs_are_read_from_every_listing_and_options_and_examples_are_not() {
        let help = "May it go there?\n\nUsage: countersign COMMAND\n\nBuild:\n  sbom        Makes an SBOM\n  provenance  \
                    Says how\n              it was built\n\nGate:\n  promote\n          Decides\n  help  Prints this\n\nOptions:\n  \
                    -h, --help  Prints help\n  word        No verb\n\nExamples:\n  countersign demo\n  true\n";
        assert_eq!(verbs(help), ["sbom", "provenance", "promote"]);
    }

    #[test]
    fn the_walk_goes_down_into_verbs_of_verbs_and_drops_words_that_are_none() {
        let help = |path: &[String]| {
            Ok(match path.join(" ").as_str() {
                "" => Some("Commands:\n  log  The log\n  note  Not a verb at all\n".to_owned()),
                "log" => Some("Commands:\n  show  Shows it\n".to_owned()),
                "log show" => Some("Shows it\n".to_owned()),
                _ => None,
            })
        };
        let paths: Vec<String> = walk(&[], &help).unwrap().into_iter().map(|(path, _)| path.join(" ")).collect();
        assert_eq!(paths, ["", "log", "log show"]);
    }
}
