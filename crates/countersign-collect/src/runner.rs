//! The one place that starts programs. A program gets exactly the environment that it is given, never ours; what it
//! prints is bounded; what it does wrong comes back as a typed error with its last words.

use crate::environment::Environment;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How much of the end of standard error is kept for an error.
const LAST_WORDS: usize = 4096;
/// How many lines of it.
const LAST_LINES: usize = 8;

/// A program, ready to start.
#[derive(Debug, Clone)]
pub struct Program {
    name: OsString,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    environment: Environment,
}

/// What becomes of standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// Its end is kept for the error.
    Kept,
    /// It goes where ours goes.
    Shown,
}

/// Why a program did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no such program.
    #[error("the program {program} was not found")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// It could not be started, or not be listened to.
    #[error("the program {program} could not be run: {source}")]
    Io {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("the program {program} failed with {}{}", .status.map_or("a signal".to_owned(), |s| format!("status {s}")), said(.last_lines))]
    Failed {
        /// Its name.
        program: String,
        /// Its status; absent when a signal ended it.
        status: Option<i32>,
        /// The end of its standard error, where that was kept.
        last_lines: Vec<String>,
    },
    /// It printed more than is read.
    #[error("the program {program} printed more than {limit} bytes")]
    TooMuch {
        /// Its name.
        program: String,
        /// How much is read.
        limit: usize,
    },
    /// It took longer than it was given.
    #[error("the program {program} did not end within {seconds} seconds")]
    TimedOut {
        /// Its name.
        program: String,
        /// What it was given.
        seconds: u64,
    },
}

fn said(last_lines: &[String]) -> String {
    if last_lines.is_empty() { String::new() } else { format!(": {}", last_lines.join("; ")) }
}

impl Program {
    /// The program with this name, found by the `PATH` of `environment`, which is all the environment that it gets.
    #[must_use]
    pub fn new(name: impl Into<OsString>, environment: Environment) -> Self {
        Self { name: name.into(), arguments: Vec::new(), directory: None, environment }
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// In this folder.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Runs to its end with our standard input, output and error.
    pub fn shown(&self) -> Result<(), RunError> {
        let status = self.command().status().map_err(|e| self.io(e))?;
        self.check(status, &[])
    }

    /// Runs to its end without input, and gives back what it printed: at most `limit` bytes, within `timeout`.
    pub fn captured(&self, limit: usize, timeout: Option<Duration>, stderr: Stderr) -> Result<Vec<u8>, RunError> {
        self.fed(&[], limit, timeout, stderr)
    }

    /// The same with these bytes as its input.
    pub fn fed(
        &self,
        input: &[u8],
        limit: usize,
        timeout: Option<Duration>,
        stderr: Stderr,
    ) -> Result<Vec<u8>, RunError> {
        let mut command = self.command();
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() }).stdout(Stdio::piped());
        if stderr == Stderr::Kept {
            command.stderr(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|e| self.io(e))?;
        if let Some(mut pipe) = child.stdin.take() {
            let input = input.to_vec();
            // A program that does not read to the end shows that by how it ends.
            std::thread::spawn(move || drop(pipe.write_all(&input)));
        }
        let result = self.listen(&mut child, limit, timeout);
        if result.is_err() {
            // Whatever went wrong, nothing is left running. An error here means that it has ended already.
            drop(child.kill());
            drop(child.wait());
        }
        result
    }

    /// Starts it with its input and output in our hands. Whoever takes it ends it.
    pub(crate) fn conversation(&self) -> Result<Child, RunError> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map_err(|e| self.io(e))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the runner that the others are told to use")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.arguments).env_clear().envs(self.environment.iter());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn listen(&self, child: &mut Child, limit: usize, timeout: Option<Duration>) -> Result<Vec<u8>, RunError> {
        let deadline = timeout.map(|t| (Instant::now() + t, t.as_secs()));
        let stderr = child.stderr.take().map(|pipe| in_background(move || last_words(pipe)));
        let Some(stdout) = child.stdout.take() else {
            return Err(self.io(std::io::Error::from(std::io::ErrorKind::BrokenPipe)));
        };
        let stdout = in_background(move || up_to(stdout, limit));
        let printed = self.receive(&stdout, deadline)?.map_err(|e| self.io(e))?;
        if printed.len() > limit {
            return Err(RunError::TooMuch { program: self.program(), limit });
        }
        let status = self.wait(child, deadline)?;
        let last = match stderr {
            Some(words) if !status.success() => self.receive(&words, deadline)?,
            _ => Vec::new(),
        };
        self.check(status, &last).map(|()| printed)
    }

    fn receive<T>(&self, from: &Receiver<T>, deadline: Option<(Instant, u64)>) -> Result<T, RunError> {
        let gone = |()| self.io(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        match deadline {
            None => from.recv().map_err(|mpsc::RecvError| gone(())),
            Some((at, seconds)) => {
                let left = at.saturating_duration_since(Instant::now());
                from.recv_timeout(left).map_err(|e| match e {
                    RecvTimeoutError::Timeout => self.timed_out(seconds),
                    RecvTimeoutError::Disconnected => gone(()),
                })
            }
        }
    }

    /// A program may close its output and go on: the deadline holds for its end too.
    fn wait(&self, child: &mut Child, deadline: Option<(Instant, u64)>) -> Result<ExitStatus, RunError> {
        let Some((at, seconds)) = deadline else {
            return child.wait().map_err(|e| self.io(e));
        };
        loop {
            if let Some(status) = child.try_wait().map_err(|e| self.io(e))? {
                return Ok(status);
            }
            if Instant::now() >= at {
                return Err(self.timed_out(seconds));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn check(&self, status: ExitStatus, last: &[u8]) -> Result<(), RunError> {
        if status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(last).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let skip = lines.len().saturating_sub(LAST_LINES);
        Err(RunError::Failed {
            program: self.program(),
            status: status.code(),
            last_lines: lines.into_iter().skip(skip).map(str::to_owned).collect(),
        })
    }

    fn io(&self, source: std::io::Error) -> RunError {
        let program = self.program();
        // A missing working directory gives the same kind of error as a missing program.
        let in_place = self.directory.as_ref().is_none_or(|d| d.is_dir());
        if source.kind() == std::io::ErrorKind::NotFound && in_place {
            RunError::NotFound { program }
        } else {
            RunError::Io { program, source }
        }
    }

    fn timed_out(&self, seconds: u64) -> RunError {
        RunError::TimedOut { program: self.program(), seconds }
    }

    fn program(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (send, receive) = mpsc::channel();
    // If nobody waits for the result any more, there is nobody to tell.
    std::thread::spawn(move || drop(send.send(work())));
    receive
}

fn up_to(pipe: impl Read, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    pipe.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn last_words(mut pipe: impl Read) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0_u8; LAST_WORDS]);
    while let Ok(n) = pipe.read(&mut buffer) {
        if n == 0 {
            break;
        }
        kept.extend_from_slice(buffer.get(..n).unwrap_or_default());
        let too_many = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..too_many);
    }
    kept
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        let environment = Environment::from_iter([("PATH", "/usr/bin:/bin"), ("GIVEN", "yes")]);
        Program::new("sh", environment).args(["-c", script])
    }

    #[test]
    fn a_program_sees_the_environment_it_was_given_and_no_other() {
        let printed = shell("echo $GIVEN; env | cut -d= -f1 | sort | tr '\\n' ' '").captured(1000, None, Stderr::Kept);
        let text = String::from_utf8(printed.unwrap()).unwrap();
        assert!(text.starts_with("yes\n"), "{text}");
        for own in ["HOME", "CARGO", "USER"] {
            assert!(!text.contains(own), "{text}");
        }
    }

    #[test]
    fn a_program_is_fed_more_than_a_pipe_holds_and_need_not_read_it() {
        let much = vec![b'x'; 1 << 20];
        let printed = shell("cat").fed(&much, 2 << 20, None, Stderr::Kept).unwrap();
        assert_eq!(printed.len(), much.len());
        assert_eq!(shell("echo done").fed(&much, 100, None, Stderr::Kept).unwrap(), b"done\n");
    }

    #[test]
    fn a_failure_comes_with_status_and_last_words() {
        let error =
            shell("for i in 1 2 3 4 5 6 7 8 9; do echo line $i >&2; done; exit 7").captured(10, None, Stderr::Kept);
        match error {
            Err(RunError::Failed { status, last_lines, .. }) => {
                assert_eq!(status, Some(7));
                assert_eq!((last_lines.len(), last_lines[7].as_str()), (8, "line 9"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn too_much_too_slow_and_missing_are_told_apart() {
        let flood = shell("yes").captured(1000, None, Stderr::Kept);
        assert!(matches!(flood, Err(RunError::TooMuch { limit: 1000, .. })), "{flood:?}");
        let soon = Some(Duration::from_millis(50));
        for script in ["sleep 9", "exec >&-; sleep 9"] {
            let slow = shell(script).captured(1000, soon, Stderr::Kept);
            assert!(matches!(slow, Err(RunError::TimedOut { .. })), "{slow:?}");
        }
        let missing = Program::new("no-such-program", Environment::empty()).shown();
        assert!(matches!(missing, Err(RunError::NotFound { .. })), "{missing:?}");
        let nowhere = shell("true").directory(Path::new("/no/such/folder")).shown();
        assert!(matches!(nowhere, Err(RunError::Io { .. })), "{nowhere:?}");
    }
}
