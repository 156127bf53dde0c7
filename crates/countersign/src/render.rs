//! What people and programs see: data to standard output, messages to standard error, and the exit code.

use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_flow::FlowError;
use countersign_flow::output::Failed;
use countersign_report::{output, text};
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// In which form a verb answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document with its schema.
    Json,
}

/// How a verb ended.
#[derive(Debug)]
pub(crate) struct Done {
    exit: Exit,
    out: Vec<u8>,
    err: String,
}

impl Done {
    /// With text for people.
    pub(crate) fn text(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, out: text.into().into_bytes(), err: String::new() }
    }

    /// With bytes as they are.
    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self { exit: Exit::Ok, out: bytes, err: String::new() }
    }

    /// With a document for programs, or text for people.
    pub(crate) fn answer<T: Serialize>(
        format: Format,
        exit: Exit,
        verb: &str,
        document: &T,
        text: impl FnOnce() -> String,
    ) -> Self {
        match format {
            Format::Text => Self::text(exit, text()),
            Format::Json => match output::document(verb, document) {
                Ok(json) => Self::text(exit, json),
                Err(error) => Self::text(Exit::Internal, "").saying(&format!("error: {error}\n")),
            },
        }
    }

    /// Everything that is said, as one text.
    pub(crate) fn all(self) -> Vec<u8> {
        [self.out, self.err.into_bytes()].concat()
    }

    /// With more behind the answer.
    pub(crate) fn then(mut self, bytes: &[u8]) -> Self {
        self.out.extend(bytes);
        self
    }

    /// Ending no better than this.
    pub(crate) fn worse(mut self, exit: Exit) -> Self {
        self.exit = self.exit.worse(exit);
        self
    }

    /// With a message beside it.
    pub(crate) fn saying(mut self, message: &str) -> Self {
        self.err.push_str(message);
        self
    }

    /// With all that is said on standard error: a file goes to standard output, and is alone there.
    pub(crate) fn beside(mut self) -> Self {
        let said = String::from_utf8_lossy(&std::mem::take(&mut self.out)).into_owned();
        self.err.insert_str(0, &said);
        self
    }

    /// The end of a verb that could not do its work.
    pub(crate) fn failed(format: Format, error: &FlowError, not_done: &str) -> Self {
        let exit = error.exit();
        if let FlowError::Refused(findings) = error {
            return Self::refused(format, findings, not_done);
        }
        let report = failure(error, not_done);
        match format {
            Format::Json => Self::answer(format, exit, "error", &report, String::new),
            Format::Text => Self::text(exit, "").saying(&failure_text(&report)),
        }
    }

    /// The end of a verb that checked, and found it not good.
    pub(crate) fn refused(format: Format, findings: &[Finding], not_done: &str) -> Self {
        let exit = exit_of(findings);
        let document = output::Refusal { findings: findings.to_vec(), exit, not_done: not_done.to_owned() };
        match format {
            Format::Json => Self::answer(format, exit, "refusal", &document, String::new),
            Format::Text => Self::text(exit, "").saying(&format!("{}{not_done}\n", text::findings(findings))),
        }
    }

    /// With what became of a file that was to be written after something was recorded. That stands, whatever became of the
    /// file, and is said above.
    pub(crate) fn after(self, written: Result<(), FlowError>, file: Option<&Path>, help: &str) -> Self {
        match (written, file) {
            (Err(error), Some(file)) => self.not_written(&error, file, help),
            _ => self,
        }
    }

    /// With such a file that was not written.
    pub(crate) fn not_written(self, error: &FlowError, file: &Path, help: &str) -> Self {
        let file = file.display();
        let mut failed = failure(error, &format!("{file} was not written; what is said above is recorded, and stands"));
        if let FlowError::Refused(findings) = error {
            failed.message = format!("{file} was not written");
            failed.causes = findings.iter().map(|finding| finding.what.clone()).collect();
        }
        failed.help = Some(help.to_owned());
        self.worse(Exit::Io).saying(&failure_text(&failed))
    }

    /// Writes it out. A reader that has left is no failure.
    pub(crate) fn show(self) -> Exit {
        let mut exit = self.exit;
        for failed in [std::io::stdout().write_all(&self.out), std::io::stdout().flush()] {
            match failed {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                Err(_) => exit = exit.worse(Exit::Io),
                Ok(()) => {}
            }
        }
        if std::io::stderr().write_all(self.err.as_bytes()).is_err() {
            exit = exit.worse(Exit::Io);
        }
        exit
    }
}

/// A line for whoever sits there, while the work goes on.
#[expect(clippy::print_stderr, reason = "somebody is asked to do something before there is an answer")]
pub(crate) fn aside(line: &str) {
    eprintln!("{}", harmless(line));
}

/// A fault of ours: one line, and nothing of the inside that a person could not use.
#[expect(clippy::print_stderr, reason = "the last word of a process that is ending")]
pub(crate) fn fault(what: &str) {
    eprintln!("internal fault: {}", text::plain(&what.replace('\n', " ")));
    eprintln!("this is a fault of countersign itself; nothing was authorised");
}

/// What clap says about a command line, with our exit code. Help is for people, whatever form was asked for.
pub(crate) fn usage(error: &clap::Error, format: Format) -> ExitCode {
    let asked = !error.use_stderr();
    if !asked && format == Format::Json {
        let said = FlowError::Usage(error.render().to_string().trim_end().to_owned());
        return ExitCode::from(Done::failed(format, &said, "nothing was done").show().code());
    }
    let shown = if asked {
        error.print()
    } else {
        // It repeats what was typed, which a script may have taken from a branch's name.
        std::io::stderr().write_all(harmless(&error.render().to_string()).as_bytes())
    };
    if shown.is_err() {
        return ExitCode::from(Exit::Io.code());
    }
    ExitCode::from(if asked { Exit::Ok.code() } else { Exit::Usage.code() })
}

/// Lines, with every character visible.
fn harmless(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", text::plain(line))).collect::<Vec<_>>().concat()
}

/// An error as it is shown: what, its causes, what to do, what was not done.
pub(crate) fn failure(error: &FlowError, not_done: &str) -> Failed {
    let not_done = error.done().unwrap_or(not_done);
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    // What Cargo or the compiler said of it.
    if let FlowError::Sbom(error) = error {
        causes.extend(error.said().filter(|said| !said.is_empty()).map(str::to_owned));
    }
    causes.dedup();
    Failed { message: error.to_string(), causes, help: error.help(), exit: error.exit(), not_done: not_done.to_owned() }
}

/// The same in lines.
pub(crate) fn failure_text(failed: &Failed) -> String {
    let mut out = format!("error: {}\n", text::plain_lines(&failed.message, "  "));
    for cause in failed.causes.iter().filter(|cause| !failed.message.contains(cause.as_str())) {
        out.push_str(&format!("  because: {}\n", text::plain_lines(cause, "  ")));
    }
    if let Some(help) = &failed.help {
        out.push_str(&format!("  help: {}\n", text::plain_lines(help, "  ")));
    }
    out.push_str(&format!("{}\n", failed.not_done));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_said_where_a_file_could_not_be_written_afterwards() {
        let answered = || Done::text(Exit::Ok, "release 2 is active for production\n");
        let full = || FlowError::Usage("there is no room".to_owned());
        let done = answered().after(Err(full()), Some(Path::new("kept")), "countersign log checkpoint --output FILE");
        assert_eq!(done.exit, Exit::Io);
        let said = String::from_utf8(done.all()).unwrap();
        let words = "release 2 is active for production\nerror: there is no room\n  help: countersign log checkpoint --output FILE\n\
                     kept was not written; what is said above is recorded, and stands\n";
        assert_eq!(said, words);
        let refused =
            FlowError::Refused(vec![Finding::new(countersign_core::codes::LOG_ROLLED_BACK, "the kept one is newer")]);
        let said = String::from_utf8(answered().after(Err(refused), Some(Path::new("kept")), "look").all()).unwrap();
        assert!(said.contains("error: kept was not written\n  because: the kept one is newer"), "{said}");
        assert_eq!(answered().after(Ok(()), Some(Path::new("kept")), "").exit, Exit::Ok);
        assert_eq!(answered().after(Err(full()), None, "").exit, Exit::Ok);
    }
}
