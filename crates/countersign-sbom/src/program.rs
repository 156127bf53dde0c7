//! The two programs that are asked: `cargo` for the packages, `rustc` for what it compiles for. Nothing else is run.

use crate::error::SbomError;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

/// Longest text of a program's own words that an error carries.
const SAID_CHARS: usize = 4_000;
/// What is read at once: as much as a pipe holds.
const PART_BYTES: usize = 64 * 1024;

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
    start_with(program, directory, arguments, None)
}

/// As [`start`], with one variable more.
pub(crate) fn start_with(
    program: &Path,
    directory: &Path,
    arguments: &[&str],
    variable: Option<(&str, &str)>,
) -> Result<Running, SbomError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate may run cargo and rustc, and may not depend on the crate that has the runner"
    )]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TERM_COLOR", "never")
        .envs(variable)
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
            Ok(output) => Ok(finished(program, output.status, output.stdout, &output.stderr)),
            Err(source) => Err(SbomError::Program { program, source }),
        }
    }

    /// As [`Self::finish`], for a program that prints one line, which may be long. Work on that line begins as soon as it is
    /// whole, while the program still gives back its memory. What came of the work is handed out only where the line turned
    /// out to be all that was printed.
    pub(crate) fn finish_with<T>(self, work: impl FnOnce(&str) -> T) -> Result<(Finished, Option<T>), SbomError> {
        let Self { program, mut child } = self;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            let said = scope.spawn(|| all(err));
            let mut out = out;
            let (mut printed, read) = line(out.as_mut());
            let rest = scope.spawn(move || (all(out), child.wait()));
            let done = std::str::from_utf8(&printed).ok().filter(|text| text.ends_with('\n')).map(work);
            let (rest, status) = rest.join().map_err(|_panic| SbomError::Thread)?;
            let said = said.join().map_err(|_panic| SbomError::Thread)?;
            let ended = read.and(rest).and_then(|rest| Ok((rest, status?, said?)));
            let (rest, status, said) =
                ended.map_err(|source| SbomError::Program { program: program.clone(), source })?;
            let done = done.filter(|_| rest.is_empty());
            printed.extend(rest);
            Ok((finished(program.clone(), status, printed, &said), done))
        })
    }
}

fn finished(program: PathBuf, status: ExitStatus, printed: Vec<u8>, said: &[u8]) -> Finished {
    Finished {
        program,
        good: status.success(),
        printed: String::from_utf8(printed)
            .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()),
        said: String::from_utf8_lossy(said).trim().chars().take(SAID_CHARS).collect(),
    }
}

/// What comes up to a line's end that nothing follows for now; all where there is no such place.
fn line(from: Option<&mut impl Read>) -> (Vec<u8>, io::Result<()>) {
    let (mut bytes, mut part) = (Vec::new(), vec![0; PART_BYTES]);
    let Some(from) = from else { return (bytes, Ok(())) };
    loop {
        match from.read(&mut part) {
            Ok(0) => return (bytes, Ok(())),
            Ok(count) => {
                let part = part.get(..count).unwrap_or_default();
                bytes.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    return (bytes, Ok(()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (bytes, Err(error)),
        }
    }
}

fn all(from: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        from.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(script: &str) -> (Finished, Option<String>) {
        let running = start(Path::new("sh"), Path::new("."), &["-c", script]).unwrap();
        running.finish_with(str::to_owned).unwrap()
    }

    #[test]
    fn work_on_a_line_counts_only_where_the_line_was_all() {
        let (finished, done) = ended("printf 'a\\n'; exec >&-; sleep 0.2; echo b >&2");
        assert_eq!((finished.good, &*finished.printed, &*finished.said), (true, "a\n", "b"));
        assert_eq!(done.as_deref(), Some("a\n"));
        let (finished, done) = ended("printf 'a\\n'; sleep 0.3; printf 'b\\n'; exit 3");
        assert_eq!((finished.good, &*finished.printed, done), (false, "a\nb\n", None), "more came later");
        let (finished, done) = ended("printf a");
        assert_eq!((&*finished.printed, done), ("a", None), "a line that has no end may go on");
        let (finished, done) = ended("printf '\\377\\n'");
        assert_eq!((&*finished.printed, done), ("\u{fffd}\n", None));
        let (finished, done) = ended("exit 1");
        assert_eq!((finished.good, &*finished.printed, done), (false, "", None));
    }

    #[test]
    fn a_long_line_is_read_whole_while_much_is_said_beside_it() {
        let script = "head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 3000000 /dev/zero | tr '\\0' a; echo";
        let (finished, done) = ended(script);
        assert_eq!((finished.printed.len(), finished.said.len()), (3_000_001, SAID_CHARS));
        assert_eq!(done.map(|line| line.len()), Some(3_000_001));
    }
}
