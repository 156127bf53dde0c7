//! What can be known about a `cargo` command without running it, and what a finished one says that it built.

use countersign_core::limits;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Options before or after the subcommand that take the next argument as their value.
const WITH_VALUE: [&str; 5] = ["--config", "-Z", "-C", "--color", "--lockfile-path"];

/// A `cargo build` or `cargo rustc` command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoBuild {
    subcommand: usize,
    own_messages: bool,
    /// The manifest that the command names, if it does.
    pub manifest: Option<PathBuf>,
}

impl CargoBuild {
    /// Reads a command: the program and its arguments. `None` when it is not one of these. Only the plain name `cargo`
    /// counts: what lies at a path may be anything.
    #[must_use]
    pub fn of(command: &[OsString]) -> Option<Self> {
        let (program, arguments) = command.split_first()?;
        if program != "cargo" {
            return None;
        }
        let mut rest = arguments.iter().enumerate();
        let (subcommand, name) = loop {
            let (at, argument) = rest.next()?;
            let text = argument.to_str()?;
            if WITH_VALUE.contains(&text) {
                rest.next();
            } else if !text.starts_with(['-', '+']) {
                break (at, text);
            }
        };
        if !matches!(name, "build" | "b" | "rustc") {
            return None;
        }
        // After `--` come the arguments of rustc.
        let own: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).take_while(|a| *a != "--").collect();
        let value = |option: &str| {
            let joined = format!("{option}=");
            let at = own.iter().position(|a| *a == option || a.to_string_lossy().starts_with(&joined))?;
            let argument = own.get(at)?.to_str()?;
            match argument.strip_prefix(&joined) {
                Some(value) => Some(PathBuf::from(value)),
                None => own.get(at.checked_add(1)?).map(PathBuf::from),
            }
        };
        Some(Self { subcommand, own_messages: value("--message-format").is_some(), manifest: value("--manifest-path") })
    }

    /// The command's arguments, with the one added that makes cargo say on standard output what it built. Diagnostics
    /// still go to standard error, and what is built does not change. `None` when the command asks for messages itself.
    #[must_use]
    pub fn telling(&self, command: &[OsString]) -> Option<Vec<OsString>> {
        if self.own_messages {
            return None;
        }
        let mut arguments: Vec<OsString> = command.iter().skip(1).cloned().collect();
        let after = self.subcommand.checked_add(1).filter(|at| *at <= arguments.len())?;
        arguments.insert(after, "--message-format=json-render-diagnostics".into());
        Some(arguments)
    }
}

/// The executables that cargo says it built, in its order, each once. Lines that are not messages are what build
/// scripts print.
#[must_use]
pub fn executables(messages: &[u8]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let lines = messages.split(|b| *b == b'\n').filter(|line| line.first() == Some(&b'{'));
    for line in lines.filter(|line| line.len() <= limits::DOCUMENT_BYTES) {
        let message: Option<Message> = serde_json::from_slice(line).ok();
        let built = message.filter(|m| m.reason == "compiler-artifact").and_then(|m| m.executable);
        if let Some(path) = built.filter(|path| !found.contains(path)) {
            found.push(path);
        }
    }
    found
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn only_a_plain_cargo_build_is_one() {
        for text in [
            "cargo build",
            "cargo b --release",
            "cargo +1.92 --config net.offline=true -q build",
            "cargo rustc --release -- -C opt-level=3",
        ] {
            assert!(CargoBuild::of(&words(text)).is_some(), "{text}");
        }
        for text in
            ["cargo", "cargo test", "cargo xtask build", "/tmp/cargo build", "cargo --config build", "make build"]
        {
            assert_eq!(CargoBuild::of(&words(text)), None, "{text}");
        }
    }

    #[test]
    fn cargo_is_asked_to_say_what_it_built_unless_the_command_asks_for_something_else() {
        let command = words("cargo --color always rustc --bin a -- -g");
        let told = CargoBuild::of(&command).unwrap().telling(&command).unwrap();
        let expected = "--color always rustc --message-format=json-render-diagnostics --bin a -- -g";
        assert_eq!(told, words(expected));
        for text in ["cargo build --message-format=json", "cargo build --message-format short"] {
            assert_eq!(CargoBuild::of(&words(text)).unwrap().telling(&words(text)), None, "{text}");
        }
        let manifest = |text| CargoBuild::of(&words(text)).unwrap().manifest;
        assert_eq!(manifest("cargo build --manifest-path a/Cargo.toml"), Some("a/Cargo.toml".into()));
        assert_eq!(manifest("cargo build --manifest-path=a/Cargo.toml"), Some("a/Cargo.toml".into()));
        assert_eq!(manifest("cargo rustc -- --manifest-path x"), None);
    }

    #[test]
    fn executables_are_read_from_messages_and_from_nothing_else() {
        let messages = concat!(
            "noise of a build script\n",
            r#"{"reason":"compiler-artifact","executable":null,"filenames":["/t/liba.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/a"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/a"}"#,
            "\n{broken\n",
            r#"{"reason":"other","executable":"/t/b"}"#,
            "\n",
        );
        assert_eq!(executables(messages.as_bytes()), [PathBuf::from("/t/a")]);
    }
}
