//! `audit`: a package written, verified, asked, and compared.

mod ask;
mod export;
mod facts;
mod look;
mod verify;

use super::given::{LeastArgs, OutsideDigest, Words, moment};
use super::{Answer, Call};
use clap::{Args, Subcommand};
use countersign_core::ids::EnvName;
use countersign_core::limits;
use countersign_core::time::Time;
use countersign_flow::audit::{self, Opening, OutsideTrust, Window};
use countersign_flow::{FlowError, files};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Pack the record into one file, prove it all again from that file, and ask it
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Export(export::Export),
    Verify(verify::Verify),
    Ask(ask::Ask),
    Population(look::Population),
    Sample(look::Sample),
    Show(look::Show),
    Reconcile(look::Reconcile),
    Report(look::Report),
    Diff(look::Diff),
}

impl Audit {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Export(verb) => verb.run(call),
            Verb::Verify(verb) => verb.run(call),
            Verb::Ask(verb) => verb.run(call),
            Verb::Population(verb) => verb.run(call),
            Verb::Sample(verb) => verb.run(call),
            Verb::Show(verb) => verb.run(call),
            Verb::Reconcile(verb) => verb.run(call),
            Verb::Report(verb) => verb.run(call),
            Verb::Diff(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Export(_) | Verb::Report(_) => "nothing was written",
            Verb::Verify(_) => "nothing was verified",
            Verb::Ask(_) => "nothing was answered",
            Verb::Population(_) | Verb::Sample(_) | Verb::Show(_) => "nothing was shown",
            Verb::Reconcile(_) => "nothing was reconciled",
            Verb::Diff(_) => "nothing was compared",
        }
    }
}

/// What a package is checked against: all of it comes from elsewhere than the package.
#[derive(Debug, Args)]
#[command(next_help_heading = "From outside")]
struct OutsideArgs {
    /// The signed trust document, from elsewhere than the package
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Its digest, from elsewhere again
    #[arg(long, value_name = "sha256:…", env = crate::variables::TRUST_DIGEST, value_parser = OutsideDigest::parse)]
    trust_digest: Option<OutsideDigest>,
    /// A checkpoint of the log that was kept elsewhere: shows that the package does not leave out the end
    #[command(flatten)]
    least: LeastArgs,
}

/// The same, as bytes.
struct Outside {
    trust: Option<Vec<u8>>,
    digest: Option<countersign_core::digest::Sha256>,
    least: Option<Vec<u8>>,
}

impl OutsideArgs {
    /// The options that say the same.
    fn words(&self) -> Words {
        let trust = self.trust.as_ref().map(|path| ("--trust", path.display().to_string()));
        let digest =
            self.trust_digest.and_then(OutsideDigest::given).map(|digest| ("--trust-digest", digest.to_string()));
        trust.into_iter().chain(digest).chain(self.least.words()).collect()
    }

    fn read(&self) -> Result<Outside, FlowError> {
        Ok(Outside {
            trust: self.trust.as_deref().map(|path| files::read(path, limits::COLLECTION_BYTES)).transpose()?,
            digest: self.trust_digest.and_then(OutsideDigest::given),
            least: self.least.file().map(|path| files::read(path, limits::NOTE_BYTES)).transpose()?,
        })
    }

    /// Opens two to be compared.
    fn open_two(&self, first: &Path, second: &Path) -> Result<(Opening, Opening), FlowError> {
        let outside = self.read()?;
        let (first, second) = (Box::new(file(first)?), Box::new(file(second)?));
        audit::open_two(first, second, outside.trust(), outside.least.as_deref())
    }
}

impl Outside {
    fn trust(&self) -> Option<OutsideTrust<'_>> {
        self.trust.as_deref().map(|bytes| OutsideTrust { bytes, digest: self.digest.as_ref() })
    }
}

/// Which part of the record.
#[derive(Debug, Args)]
#[command(next_help_heading = "Window")]
struct WindowArgs {
    /// From this moment on: `2026-01-01`, or a time of that day
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Time>,
    /// Up to this moment, which is not part of it
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Time>,
    /// One service, by repository or by the artifact's name; more by repeating it
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// One environment; more by repeating it
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<EnvName>,
}

impl WindowArgs {
    /// One that holds no time is a slip: nothing lies in it, whatever the log says.
    fn window(&self) -> Result<Window, FlowError> {
        if let Some((from, to)) = self.from.zip(self.to).filter(|(from, to)| from >= to) {
            let what = format!("--to {to} is not behind --from {from}: no time lies between them");
            return Err(FlowError::Usage(what));
        }
        Ok(Window {
            from: self.from,
            to: self.to,
            services: self.services.iter().cloned().collect(),
            environments: self.environments.iter().cloned().collect(),
        })
    }
}

/// The size of a sample. Of nothing it would be an answer that there is nothing.
fn some(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_form| format!("`{text}` is no number"))?;
    if number == 0 { Err("a sample of 0 shows nothing: give 1 or more".to_owned()) } else { Ok(number) }
}

/// A file to be read piece by piece.
fn file(path: &Path) -> Result<File, FlowError> {
    let failed = |source| FlowError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    Ok(file)
}

/// Of words in any order, the one that names a file, and the others.
fn package_among(words: &[String]) -> Result<(PathBuf, Vec<&String>), FlowError> {
    let is_file = |word: &&String| Path::new(word.as_str()).is_file();
    let is_named = |word: &&String| Path::new(word.as_str()).extension().is_some_and(|end| end == "cspkg");
    let package = words.iter().find(is_file).or_else(|| words.iter().find(is_named));
    let package = package.ok_or_else(|| FlowError::Usage("no package was named".to_owned()))?;
    Ok((PathBuf::from(package), words.iter().filter(|word| !std::ptr::eq(*word, package)).collect()))
}
