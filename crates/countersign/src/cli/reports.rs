//! `--report FORMAT=FILE` and `--baseline FILE`: one run, and its answer in as many forms as are wanted. A promotion is
//! recorded once, so its reports cannot be made by running it again.

use super::{Answer, Call};
use crate::render::{self, Done, Format};
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, Verdict, exit_of, verdict_of};
use countersign_core::limits;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_flow::{FlowError, files};
use countersign_record::atomic::write_atomic;
use countersign_report::json::DocumentError;
use countersign_report::output::{Marked, Refusal};
use countersign_report::reports::{Baseline, Facts, Failure, Form, Report, baseline};
use serde::Serialize;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The forms of the answer beside the one that is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct ReportArgs {
    /// Also write the answer to a file: text, json, sarif, junit, github (workflow commands), summary (of a GitHub step),
    /// gitlab (code quality) or html. With `github=-` the commands follow the text on standard output. Repeatable
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = Wanted::parse)]
    reports: Vec<Wanted>,
    /// An earlier result, as JSON or SARIF: each finding is marked as new, unchanged or gone. Changes no verdict and no exit code
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

/// One report.
#[derive(Debug, Clone)]
struct Wanted {
    form: Wish,
    /// None for standard output.
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// What is printed in this format.
    Printed(Format),
    /// What is made for other programs.
    Made(Form),
}

const FORMS: &[(&str, Wish)] = &[
    ("text", Wish::Printed(Format::Text)),
    ("json", Wish::Printed(Format::Json)),
    ("sarif", Wish::Made(Form::Sarif)),
    ("junit", Wish::Made(Form::Junit)),
    ("github", Wish::Made(Form::Github)),
    ("summary", Wish::Made(Form::Summary)),
    ("gitlab", Wish::Made(Form::Gitlab)),
    ("html", Wish::Made(Form::Html)),
];

impl Wanted {
    fn parse(text: &str) -> Result<Self, String> {
        let names = || FORMS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let (name, file) =
            text.split_once('=').ok_or_else(|| format!("FORMAT=FILE, where FORMAT is one of {}", names()))?;
        let (_, form) = FORMS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("`{name}` is not one of {}", names()))?;
        match file {
            "" => Err("there is no file behind the `=`".to_owned()),
            "-" if *form == Wish::Made(Form::Github) => Ok(Self { form: *form, file: None }),
            "-" => {
                Err("only `github` goes to standard output beside the text; --format json prints the JSON".to_owned())
            }
            file => Ok(Self { form: *form, file: Some(PathBuf::from(file)) }),
        }
    }
}

/// What a verb answers: to programs, to people, and for reports.
pub(crate) struct Answered<T> {
    /// The document.
    pub document: T,
    /// The text.
    pub text: String,
    /// What it came to.
    pub facts: Facts,
    /// A file that was to be written after something was recorded, and was not; and how it is got.
    not_kept: Option<(FlowError, PathBuf, String)>,
}

impl<T> Answered<T> {
    /// An answer with nothing to be said beside it.
    pub(crate) const fn new(document: T, text: String, facts: Facts) -> Self {
        Self { document, text, facts, not_kept: None }
    }

    /// With what became of a file that was to be written after something was recorded.
    pub(crate) fn after(mut self, written: Result<(), FlowError>, file: Option<&Path>, help: String) -> Self {
        self.not_kept = written.err().zip(file).map(|(error, file)| (error, file.to_owned(), help));
        self
    }
}

/// What is known of a run before it began.
pub(crate) fn facts(verb: &str) -> Facts {
    Facts::new(verb, env!("CARGO_PKG_VERSION"), Verdict::Indeterminate, Exit::Internal)
}

/// The same of a run that came to its end.
pub(crate) fn ended(mut facts: Facts, verdict: Verdict, exit: Exit, findings: &[Finding]) -> Facts {
    (facts.verdict, facts.exit) = (verdict, exit);
    facts.found(findings)
}

impl ReportArgs {
    /// Runs a verb, and answers in every form that is wanted: also where the verb could not do its work, since a report of
    /// an earlier run, or none, would read as a clean one.
    pub(crate) fn answer<T: Serialize>(
        &self,
        call: &Call<'_>,
        begun: Facts,
        not_done: &str,
        run: impl FnOnce() -> Result<Answered<T>, FlowError>,
    ) -> Answer {
        self.check(call)?;
        let verb = begun.verb.clone();
        let read = self.read_baseline();
        self.clear()?;
        let (baseline, result) = match read {
            Ok(baseline) => (baseline, run().map_err(|error| call.named(error))),
            Err(error) => (None, Err(error)),
        };
        let report = match &result {
            Ok(answered) => Report::new(answered.facts.clone(), baseline.as_ref()),
            Err(error) => Report::new(failed(begun, error, not_done), baseline.as_ref()),
        };
        let compared = if baseline.is_some() { format!("\n{}", baseline::text(&report)) } else { String::new() };
        let printed = |format| match &result {
            Ok(answered) => {
                let document = Marked::new(&answered.document, report.marks());
                let text = || format!("{}{compared}", answered.text);
                Done::answer(format, report.facts.exit, &verb, &document, text)
            }
            Err(FlowError::Refused(findings)) => {
                let exit = exit_of(findings);
                let document = Refusal { findings: findings.clone(), exit, not_done: not_done.to_owned() };
                match format {
                    Format::Json => {
                        Done::answer(format, exit, "refusal", &Marked::new(&document, report.marks()), String::new)
                    }
                    Format::Text => Done::refused(format, findings, not_done).saying(&compared),
                }
            }
            Err(error) => Done::failed(format, error, not_done),
        };
        let mut done = printed(call.format);
        if let Ok(Answered { not_kept: Some((error, file, help)), .. }) = &result {
            done = done.not_written(error, file, help);
        }
        for wanted in &self.reports {
            let made = match wanted.form {
                Wish::Printed(format) => Ok(printed(format).all()),
                Wish::Made(form) => report.render(form).map(String::into_bytes),
            };
            done = write(done, wanted, made);
        }
        Ok(done)
    }

    /// What can be known before the work is: a report that cannot be written is said before something is recorded.
    fn check(&self, call: &Call<'_>) -> Result<(), FlowError> {
        for wanted in &self.reports {
            let Some(file) = &wanted.file else {
                if call.format == Format::Json {
                    return Err(FlowError::Usage(
                        "--report github=- and --format json cannot share standard output: write one of them to a file"
                            .to_owned(),
                    ));
                }
                continue;
            };
            let folder =
                file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            // A link or a device would be replaced, not written to.
            let there = file.symlink_metadata();
            if !folder.is_dir() || there.is_ok_and(|there| !there.is_file()) {
                return Err(FlowError::Usage(format!(
                    "--report: {} cannot be written: its folder is not there, or it is no ordinary file",
                    file.display()
                )));
            }
            if is_no_report(file) {
                return Err(FlowError::Usage(format!(
                    "--report: {} is there, and is a key, a checkpoint, a package or something signed: name another file",
                    file.display()
                )));
            }
        }
        Ok(())
    }

    /// Takes away what an earlier run wrote: if this one is killed, nothing is there that could be taken for its answer.
    fn clear(&self) -> Result<(), FlowError> {
        for file in self.reports.iter().filter_map(|wanted| wanted.file.as_ref()) {
            match std::fs::remove_file(file) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(FlowError::Usage(format!("--report: {} cannot be replaced: {error}", file.display())));
                }
            }
        }
        Ok(())
    }

    fn read_baseline(&self) -> Result<Option<Baseline>, FlowError> {
        let Some(file) = &self.baseline else { return Ok(None) };
        let bytes = files::read(file, limits::DOCUMENT_BYTES)?;
        let wrong = |error| FlowError::Usage(format!("--baseline {}: {error}", file.display()));
        Baseline::parse(&bytes).map(Some).map_err(wrong)
    }
}

/// Whether a file is what no report was, and what nobody could make again. What the verb reads is known from its command line;
/// this may be anybody's.
fn is_no_report(file: &Path) -> bool {
    if begins(file).is_ok_and(|start| STARTS.iter().any(|known| start.starts_with(known))) {
        return true;
    }
    let Ok(Some(bytes)) = files::read_if_there(file, limits::DOCUMENT_BYTES) else { return false };
    // Within a JSON string, these would have a backslash before their last quote.
    let signed = |text: &str| {
        text.starts_with('{') && ["\"payloadType\"", "\"messageSignature\""].iter().any(|key| text.contains(key))
    };
    UnverifiedCheckpoint::parse(&bytes).is_ok() || std::str::from_utf8(&bytes).is_ok_and(signed)
}

/// How keys begin, PEM and SSH, and packages, which may be larger than what is read here.
const STARTS: &[&[u8]] = &[
    b"-----BEGIN ",
    b"ssh-ed25519 AAAA",
    b"ssh-rsa AAAA",
    b"ecdsa-sha2-nistp",
    b"sk-ssh-ed25519@o",
    b"sk-ecdsa-sha2-ni",
    b"PK\x03\x04",
];

fn begins(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    std::fs::File::open(file)?.take(16).read_to_end(&mut start)?;
    Ok(start)
}

/// A run that did not come to its end. Findings that stopped it are findings; everything else is a failure of the run.
fn failed(begun: Facts, error: &FlowError, not_done: &str) -> Facts {
    let mut facts = if let FlowError::Refused(findings) = error {
        ended(begun, verdict_of(findings), exit_of(findings), findings)
    } else {
        let told = render::failure(error, not_done);
        let mut facts = ended(begun, Verdict::Indeterminate, error.exit(), &[]);
        facts.failure = Some(Failure { message: told.message, causes: told.causes, help: told.help });
        facts
    };
    not_done.clone_into(&mut facts.closing);
    facts
}

fn write(done: Done, wanted: &Wanted, made: Result<Vec<u8>, DocumentError>) -> Done {
    let bytes = match made {
        Ok(bytes) => bytes,
        Err(error) => {
            return done.worse(Exit::Internal).saying(&format!("error: a report could not be made: {error}\n"));
        }
    };
    let Some(file) = &wanted.file else { return done.then(&bytes) };
    match write_atomic(file, &bytes, 0o644) {
        Ok(()) => done,
        Err(error) => {
            let error = render::failure_text(&render::failure(
                &FlowError::from(error),
                "the report was not written; what is said above stands",
            ));
            done.worse(Exit::Io).saying(&error)
        }
    }
}
