//! A conversation with a program that was started: all that it is to read, all that it says, and an end.

use std::io::{self, Read, Write as _};
use std::process::Child;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How much of the end of what it says is kept for an error.
const LAST_WORDS: usize = 4096;

/// Writes the input, and reads both outputs to their ends, all at once: a pipe holds less than a statement. What is
/// printed is read up to one byte past the bound. A program that takes longer than this is ended, if there is such a bound.
pub(crate) fn converse(
    child: &mut Child,
    input: &[u8],
    most: usize,
    patience: Option<Duration>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let (done, ended) = mpsc::channel::<()>();
        let watch = patience.map(|patience| {
            scope.spawn(move || {
                let late = ended.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout);
                if late {
                    // An error means that it has ended by itself just now.
                    drop(child.kill());
                }
                late
            })
        });
        let written = scope.spawn(move || stdin.map_or(Ok(()), |mut pipe| pipe.write_all(input)));
        let said = scope.spawn(move || stderr.map(last_words).unwrap_or_default());
        let mut printed = Vec::new();
        if let Some(pipe) = stdout {
            let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
            pipe.take(most).read_to_end(&mut printed)?;
        }
        drop(done);
        if watch.is_some_and(|watch| watch.join().unwrap_or_default()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match written.join() {
            // A program that refuses does not read to the end; its status tells, a broken pipe adds nothing.
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok((printed, said.join().unwrap_or_default())),
        }
    })
}

/// Reads to the end, and keeps the end.
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
    use crate::testkit::command;
    use std::process::Stdio;

    fn child(script: &str) -> Child {
        let mut command = command("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_and_one_that_answers_is_heard() {
        let mut hangs = child("exec sleep 600");
        let error = converse(&mut hangs, b"", 10, Some(Duration::from_millis(50))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!hangs.wait().unwrap().success());
        let mut answers = child("cat; echo and more >&2");
        let heard = converse(&mut answers, b"heard", 100, Some(Duration::from_mins(1))).unwrap();
        assert_eq!(heard, (b"heard".to_vec(), b"and more\n".to_vec()));
        answers.wait().unwrap();
    }

    #[test]
    fn more_than_the_bound_is_seen_to_be_more() {
        let mut talks = child("head -c 1000 /dev/zero");
        let (printed, _) = converse(&mut talks, b"", 10, None).unwrap();
        assert_eq!(printed.len(), 11);
        talks.wait().unwrap();
    }
}
