//! What the tests of this crate share: the check of a signature by the provider, and the programs that other people
//! make keys with. Never part of a build that signs.

pub(crate) use crate::check::holds;
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that is on this machine.
pub(crate) struct Tool(&'static str);

pub(crate) fn openssl() -> Option<Tool> {
    found("openssl", "version")
}

pub(crate) fn ssh_keygen() -> Option<Tool> {
    found("ssh-keygen", "-?")
}

impl Tool {
    /// Runs it with these words in this folder; it must succeed. Gives back what it printed.
    pub(crate) fn run(&self, folder: &Path, arguments: &str) -> String {
        let output = command(self.0).args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{} {arguments}: {}", self.0, String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Says that a test was not run, and why: it did not pass, and nobody shall think so.
#[expect(clippy::print_stderr, reason = "a test that was not run says so")]
pub(crate) fn skipped(missing: &str) {
    eprintln!("skipped: {missing} is not on this machine");
}

#[expect(clippy::disallowed_methods, reason = "the tests check against the programs that other people use")]
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn found(program: &'static str, ask: &str) -> Option<Tool> {
    command(program).arg(ask).output().ok().map(|_| Tool(program))
}
