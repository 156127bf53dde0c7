//! The two programs that are asked: `cargo` for the packages, `rustc` for what it compiles for. Nothing else is run.

use crate::error::SbomError;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Longest text of a program's own words that an error carries.
const SAID_CHARS: usize = 4_000;

/// A program that runs.
pub(crate) struct Running {
    program: PathBuf,
    child: Child,
}

/// What a program left.
pub(crate) struct Finished {
    pub(crate) program: PathBuf,
    pub(crate) good: bool,
    pub(crate) printed: String,
    pub(crate) said: String,
}

/// Starts a program in a folder, with nothing to read.
pub(crate) fn start(program: &Path, directory: &Path, arguments: &[&str]) -> Result<Running, SbomError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate may run cargo and rustc, and may not depend on the crate that has the runner"
    )]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => Ok(Running { program: program.to_owned(), child }),
        Err(source) => Err(SbomError::Program { program: program.to_owned(), source }),
    }
}

impl Running {
    /// Waits for the end. Bytes that are no UTF-8 are refused by whoever reads what was printed.
    pub(crate) fn finish(self) -> Result<Finished, SbomError> {
        let Self { program, child } = self;
        match child.wait_with_output() {
            Ok(output) => Ok(Finished {
                program,
                good: output.status.success(),
                printed: String::from_utf8(output.stdout)
                    .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()),
                said: String::from_utf8_lossy(&output.stderr).trim().chars().take(SAID_CHARS).collect(),
            }),
            Err(source) => Err(SbomError::Program { program, source }),
        }
    }
}
