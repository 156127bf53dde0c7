//! Help as it is shown: examples that can be pasted whatever the terminal's width, and where the exit codes are told. Made
//! only when help is asked for, since most calls do not.

use super::Cli;
use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _};

/// As wide as a line of an example may be: narrower than the terminals that people have, so that nothing is wrapped there.
const WIDTH: usize = 78;
const EXIT_CODES: &str = "Exit codes: `countersign explain exit-codes`.";

/// The help that this call asks for, if that is what parsing said.
pub(crate) fn shown(said: clap::Error) -> clap::Error {
    let asks = matches!(said.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    let again = || with_verbs(Cli::command()).try_get_matches().err();
    asks.then(again).flatten().unwrap_or(said)
}

fn with_verbs(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |verb| with_verbs(footed(verb))))
}

fn footed(verb: Command) -> Command {
    let text = verb.get_after_help().map(|text| pasteable(&text.to_string())).unwrap_or_default();
    let gap = if text.is_empty() { "" } else { "\n\n" };
    verb.after_help(format!("{text}{gap}{EXIT_CODES}"))
}

/// A text whose commands are broken where a shell goes on reading.
fn pasteable(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let joined = text
        .split("\\\n")
        .enumerate()
        .fold(String::new(), |all, (place, part)| all + if place == 0 { part } else { part.trim_start() });
    for line in joined.lines() {
        let is_command = line.starts_with("  ") && line.contains("countersign ");
        if is_command { out.extend(broken(line.trim_start())) } else { out.push(line.to_owned()) }
    }
    out.join("\n")
}

/// One command over as many lines as it takes.
fn broken(command: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::from(" ");
    for piece in pieces(command) {
        // A line that goes on ends with a space and a backslash.
        if line.trim() != "" && line.len().saturating_add(piece.len()).saturating_add(3) > WIDTH {
            lines.push(format!("{line} \\"));
            line = String::from("   ");
        }
        line = format!("{line} {piece}");
    }
    lines.push(line);
    lines
}

/// The words of a command, an option together with its value, and what is quoted in one piece.
fn pieces(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quote: Option<char> = None;
    let mut word = String::new();
    for letter in command.chars() {
        match (quote, letter) {
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.push(letter);
            }
            (Some(open), _) if open == letter => {
                quote = None;
                word.push(letter);
            }
            _ => word.push(letter),
        }
    }
    words.push(word);
    let mut out: Vec<String> = Vec::new();
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        match out.last_mut() {
            Some(last) if last.starts_with("--") && !last.contains(' ') && !word.starts_with('-') => {
                *last = format!("{last} {word}");
            }
            _ => out.push(word),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(command: &Command) -> Vec<String> {
        let own = command.get_after_help().map(ToString::to_string);
        own.into_iter().chain(command.get_subcommands().flat_map(all)).collect()
    }

    #[test]
    fn no_line_of_an_example_is_wrapped_by_a_terminal() {
        let long: Vec<String> = all(&with_verbs(Cli::command()))
            .iter()
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| line.starts_with("  ") && line.chars().count() > WIDTH)
            .collect();
        assert!(long.is_empty(), "{long:#?}");
    }

    #[test]
    fn a_command_is_broken_before_an_option_and_never_within_quotes() {
        let text = "Example:\n  countersign exception request --reason \"the generated file is checked\" --key ~/.ssh/id \\\n \
                    --trust trust.json\nand more";
        let expected = "Example:\n  countersign exception request --reason \"the generated file is checked\" \\\n    --key ~/.ssh/id \
                        --trust trust.json\nand more";
        assert_eq!(pasteable(text), expected);
    }
}
