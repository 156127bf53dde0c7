//! The one place where a chore starts a program. A program that cannot start, or fails, is an error with its command
//! line; it is never taken for success.

use crate::Outcome;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A program in a folder, without input.
#[expect(clippy::disallowed_methods, reason = "chores have no runner of the product's to go through")]
pub(crate) fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Cargo, the one that runs us. What it tells us about our own package is not for its next run: build scripts that
/// watch such a variable would build everything again.
pub(crate) fn cargo(folder: &Path) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = command(&cargo, folder);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether the program starts and ends well with these arguments. Used to ask what is installed.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    command(program, Path::new("."))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs it and keeps what it says.
pub(crate) fn capture(command: &mut Command) -> Outcome<Output> {
    command.output().map_err(|e| format!("{}: {e}", line_of(command)))
}

/// Runs it, keeps its standard output, and wants success.
pub(crate) fn output_of(command: &mut Command) -> Outcome<Vec<u8>> {
    let output = capture(command)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!(
        "{} ended with {}\n{}",
        line_of(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    ))
}

/// Runs it in full view and wants success.
pub(crate) fn shown(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|e| format!("{}: {e}", line_of(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} ended with {status}", line_of(command)))
}

/// Runs it in full view, and also keeps every line that it said. The flag tells whether it ended well.
pub(crate) fn shown_and_kept(command: &mut Command) -> Outcome<(bool, String)> {
    let line = line_of(command);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| format!("{line}: {e}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let text = std::thread::scope(|scope| {
        let errors = scope.spawn(|| err.map_or_else(String::new, |pipe| relay(pipe, true)));
        let mut text = out.map_or_else(String::new, |pipe| relay(pipe, false));
        text.push_str(&errors.join().unwrap_or_default());
        text
    });
    let status = child.wait().map_err(|e| format!("{line}: {e}"))?;
    Ok((status.success(), text))
}

/// The command line, for messages.
pub(crate) fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or_else(|| command.get_program()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    format!("`{line}`")
}

fn relay(pipe: impl Read, to_stderr: bool) -> String {
    let mut kept = String::new();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        // A closed terminal must not stop the run whose result is being counted.
        let _seen = if to_stderr { std::io::stderr().write_all(&line) } else { std::io::stdout().write_all(&line) };
        kept.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_an_error_with_its_command_line_and_its_words() {
        let error = output_of(command("sh", Path::new(".")).args(["-c", "echo no >&2; exit 3"])).unwrap_err();
        assert!(error.contains("`sh -c") && error.contains("exit status: 3") && error.ends_with("no"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(shown(&mut command("there-is-no-such-program", Path::new("."))).is_err());
        assert!(!works("there-is-no-such-program", &[]));
    }

    #[test]
    fn both_streams_are_kept() {
        let (ok, text) = shown_and_kept(command("sh", Path::new(".")).args(["-c", "echo one; echo two >&2"])).unwrap();
        assert!(ok && text.contains("one\n") && text.contains("two\n"), "{text}");
    }
}
