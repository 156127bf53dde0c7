//! Facts that a verification of a package keeps, and questions that are answered from them.

use super::{Outside, OutsideArgs, file};
use clap::Args;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_flow::audit::{self, AuditReport, GivenFacts, How, Keeping, Opened, Opening};
use countersign_flow::output::KeptFacts;
use countersign_flow::{FlowError, files};
use countersign_record::atomic::{could_write, same_file, write_atomic_with};
use countersign_record::disk::{DiskError, Doing};
use countersign_record::package::Source;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Facts to answer from.
#[derive(Debug, Args)]
pub(super) struct FactsArgs {
    /// Answer from facts that `audit verify --facts-output` kept of this package: its decisions are not read again
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    facts: Option<PathBuf>,
    /// The digest that the facts are to have, as `audit verify` printed it
    #[arg(long, value_name = "sha256:…", help_heading = "Facts", requires = "facts")]
    facts_digest: Option<Sha256>,
    /// The package of the log that this one goes on from: its decisions are run again as well. More by repeating it, the newest
    /// first; facts say what was given when they were kept
    #[arg(long, value_name = "PACKAGE", help_heading = "Facts", conflicts_with = "facts")]
    earlier: Vec<PathBuf>,
}

impl FactsArgs {
    /// Opens a package: by facts where they are given, else by verifying all of it, each decision run again. What is asked of a
    /// record that was not verified would be what its gates claim. What it is read from is not written over by what comes of it.
    pub(super) fn open(
        &self,
        outside: &OutsideArgs,
        package: &Path,
        outputs: &[Option<&Path>],
    ) -> Result<Opening, FlowError> {
        let read = [Some(package), outside.trust.as_deref(), outside.least.file(), self.facts.as_deref()];
        let read: Vec<&Path> = read.into_iter().flatten().chain(self.earlier.iter().map(PathBuf::as_path)).collect();
        for output in outputs.iter().flatten() {
            files::apart_from_inputs(output, &read)?;
        }
        let outside = outside.read()?;
        let source = Box::new(file(package)?);
        let Some(path) = &self.facts else {
            let (trust, least) = (outside.trust(), outside.least.as_deref());
            let mut earlier: Vec<Box<dyn Source>> = Vec::new();
            for path in &self.earlier {
                earlier.push(Box::new(file(path)?));
            }
            let (report, opened) = audit::verify_opened(source, trust, least, earlier, How::Full)?;
            return Ok(Opening { report, opened });
        };
        let bytes = files::read(path, limits::AUDIT_FACTS_BYTES)?;
        let name = path.display().to_string();
        let given = GivenFacts { bytes: &bytes, name: &name, digest: self.facts_digest.as_ref() };
        audit::open_with_facts(source, outside.trust(), outside.least.as_deref(), &given)
    }
}

/// Where facts are to be kept, and of what: tried before anything is verified.
pub(super) struct ToKeep<'a> {
    output: &'a Path,
    package: &'a Path,
    file: File,
    /// The digest of the package before it was verified.
    before: Sha256,
}

impl<'a> ToKeep<'a> {
    /// Whether they could be written there, and what package they are of.
    pub(super) fn new(output: &'a Path, package: &'a Path, read: &[Option<&Path>]) -> Result<Self, FlowError> {
        if let Some(read) = read.iter().flatten().find(|read| same_file(output, read)) {
            let what = format!("--facts-output would replace {}, which is read: name another file", read.display());
            return Err(FlowError::Usage(what));
        }
        files::apart_from_stores(output)?;
        could_write(output)?;
        let mut file = file(package)?;
        let before = digest(&mut file, package)?;
        Ok(Self { output, package, file, before })
    }

    /// Keeps them. Of a package that was changed meanwhile, or could not be opened, there are none.
    pub(super) fn keep(
        mut self,
        opened: Option<&Opened>,
        outside: &Outside,
        report: &mut AuditReport,
        how: How,
    ) -> Result<Option<KeptFacts>, FlowError> {
        let Some(opened) = opened else { return Ok(None) };
        let after = digest(&mut self.file, self.package)?;
        if after != self.before {
            let what = "the package was changed while it was verified: no facts were kept";
            let finding = Finding::new(codes::ARTIFACT_CHANGED, what).at(self.package.display().to_string());
            report
                .findings
                .push(finding.expected(self.before.to_string(), "its bytes before").found(after.to_string()));
            return Ok(None);
        }
        let (trust, least) = (outside.trust(), outside.least.as_deref());
        let keeping = Keeping { opened, report: &*report, how, package: self.before, outside: trust, least };
        let digest = write_atomic_with(self.output, 0o644, |to| {
            keeping.write(to).map_err(|source| DiskError::new(Doing::Write, self.output, source))
        })?;
        Ok(Some(KeptFacts { output: self.output.display().to_string(), digest }))
    }
}

/// The digest of a package as a file.
pub(super) fn digest(file: &mut File, path: &Path) -> Result<Sha256, FlowError> {
    audit::digest_of(file).map_err(|source| FlowError::Read { path: path.to_owned(), source })
}
