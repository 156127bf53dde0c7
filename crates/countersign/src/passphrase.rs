//! Asking for a passphrase at the terminal, which does not show it.

use countersign_sign::Ask;

/// The question, if somebody sits at a terminal.
#[cfg(not(unix))]
pub(crate) const fn at_a_terminal() -> Option<Ask> {
    None
}

/// The question, if somebody sits at a terminal.
#[cfg(unix)]
pub(crate) fn at_a_terminal() -> Option<Ask> {
    use std::io::IsTerminal as _;
    (std::io::stdin().is_terminal() && std::io::stderr().is_terminal()).then_some(unix::ask)
}

#[cfg(unix)]
mod unix {
    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
    use std::fs::{File, OpenOptions};
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use zeroize::Zeroizing;

    /// More than anybody types.
    const LONGEST: u64 = 4096;
    /// Ctrl-C, which ends the question and not the program while the terminal is silent.
    const INTERRUPT: char = '\u{3}';

    /// A terminal as it was, which it is again in the end.
    struct Silent<'a> {
        terminal: &'a File,
        before: Termios,
    }

    impl<'a> Silent<'a> {
        fn new(terminal: &'a File) -> Option<Self> {
            let before = tcgetattr(terminal).ok()?;
            let mut silent = before.clone();
            silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
            silent.local_flags.insert(LocalFlags::ECHONL | LocalFlags::ICANON);
            tcsetattr(terminal, SetArg::TCSAFLUSH, &silent).ok()?;
            Some(Self { terminal, before })
        }
    }

    impl Drop for Silent<'_> {
        fn drop(&mut self) {
            // Nothing can be done about a terminal that does not let itself be set.
            tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before).unwrap_or(());
        }
    }

    pub(super) fn ask(question: &str) -> Option<Zeroizing<String>> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        terminal.write_all(question.as_bytes()).ok()?;
        let silent = Silent::new(&terminal)?;
        // Room for all of it at once: a string that grows leaves copies of the secret behind.
        let mut line = Zeroizing::new(String::with_capacity(4096));
        BufReader::with_capacity(1, &terminal).take(LONGEST).read_line(&mut line).ok()?;
        drop(silent);
        let answer = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
        (!answer.is_empty() && !answer.contains(INTERRUPT)).then_some(answer)
    }
}
