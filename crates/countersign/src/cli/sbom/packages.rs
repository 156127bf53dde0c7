//! `sbom from` and `sbom vex`.

use super::super::{Answer, Call, given};
use super::words;
use crate::render::{Done, Format};
use clap::{Args, ValueEnum};
use countersign_core::exit::Exit;
use countersign_core::statement::vex::{Justification, Status};
use countersign_flow::FlowError;
use countersign_flow::sboms::{self, Form, Said};
use countersign_sbom::packages::Ecosystem;
use std::path::PathBuf;

/// Make an SBOM out of what another package manager or a compiler left
///
/// npm's package-lock.json (versions 2 and 3), uv.lock, poetry.lock, requirements.txt with digests, a folder of installed
/// Python packages, a wheel, and binaries that Go built or that have the list of cargo auditable. What a file is is found out and printed. Nothing is run, nothing is
/// fetched; what the source does not hold is said to be unknown.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign sbom from package-lock.json --artifact dist/app.tgz --output app.cdx.json\n  \
                        countersign sbom from build/server --output server.cdx.json\n  \
                        countersign sbom from build/server --packed-in dist/server.tar.gz --output server.cdx.json"
)]
pub(crate) struct From {
    /// The lock file, folder, wheel or binary
    #[arg(value_name = "PATH")]
    source: PathBuf,
    /// What to look for, where a folder holds several; `python` also reads a list for pip of any name that ends with .txt
    #[arg(long, value_enum)]
    ecosystem: Option<Named>,
    /// The built file: its digest goes into the document
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
    /// The archive that a binary or a wheel is handed out in: the document is about the archive, and names its digest
    #[arg(long, value_name = "ARCHIVE", conflicts_with = "artifact")]
    packed_in: Option<PathBuf>,
    /// What the document is about, where the source does not say
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its version
    #[arg(long, value_name = "VERSION")]
    release: Option<String>,
    /// Leave out what only builds or tests
    #[arg(long)]
    without_dev: bool,
    /// What only people know; `countersign.toml` in the source's folder where none is given
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to write it; standard output where none is given
    #[arg(long, value_name = "FILE.cdx.json")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Named {
    /// Lock files of npm
    Npm,
    /// Lock files and installed packages of Python
    Python,
    /// Binaries of Go
    Go,
    /// Binaries with the list of cargo auditable
    Rust,
}

impl From {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let ecosystem = self.ecosystem.map(|named| match named {
            Named::Npm => Ecosystem::Npm,
            Named::Python => Ecosystem::Python,
            Named::Go => Ecosystem::Go,
            Named::Rust => Ecosystem::Rust,
        });
        let request = sboms::From {
            source: &self.source,
            ecosystem,
            artifact: self.artifact.as_deref(),
            packed_in: self.packed_in.as_deref(),
            name: self.name.as_deref(),
            version: self.release.as_deref(),
            without_dev: self.without_dev,
            config: self.config.as_deref(),
            time: super::epoch(call)?,
            output: self.output.as_deref(),
        };
        let (made, bytes) = sboms::from(&request)?;
        if self.output.is_none() && call.format == Format::Text {
            call.tell(&words::made(&made));
            return Ok(Done::bytes(bytes));
        }
        Ok(Done::answer(call.format, Exit::Ok, "sbom-from", &made, || words::made(&made)))
    }
}

/// Say what was found out about vulnerabilities, as a document of its own
///
/// OpenVEX 0.2.0 by default: `countersign sign --type vex` signs it, and the rule vulnerabilities-handled@3 reads it. With
/// --from a document of either form becomes one of the other, unless --as names the form.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign sbom vex --vulnerability CVE-2026-1 --status not-affected \
                        --justification vulnerable-code-not-in-execute-path --artifact dist/app --author 'Security team' \
                        --output app.openvex.json\n  \
                        countersign sbom vex --from app.vex.cdx.json --output app.openvex.json")]
pub(crate) struct Vex {
    /// The document to turn into the other form
    #[arg(long, value_name = "FILE", conflicts_with_all = ["vulnerability", "status"])]
    from: Option<PathBuf>,
    /// The vulnerability, by its id; several for the same words about each
    #[arg(long, value_name = "ID", required_unless_present = "from")]
    vulnerability: Vec<String>,
    /// Another id of it
    #[arg(long, value_name = "ID")]
    alias: Vec<String>,
    /// What was found out
    #[arg(long, value_enum, required_unless_present = "from")]
    status: Option<Found>,
    /// Why it is not affected
    #[arg(long, value_enum)]
    justification: Option<Why>,
    /// The same in words
    #[arg(long, value_name = "TEXT")]
    impact: Option<String>,
    /// What is to be done about it
    #[arg(long, value_name = "TEXT")]
    action: Option<String>,
    /// The file that it is said of
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
    /// Its package URL
    #[arg(long, value_name = "PURL")]
    product: Option<String>,
    /// A component in it that has the vulnerability, by package URL
    #[arg(long, value_name = "PURL")]
    component: Vec<String>,
    /// Who says it
    #[arg(long, value_name = "NAME", required_unless_present = "from")]
    author: Option<String>,
    /// The form: OpenVEX where none is named, with --from the one that the document has not
    #[arg(long = "as", value_enum)]
    form: Option<As>,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// `OpenVEX` 0.2.0
    Openvex,
    /// `CycloneDX` 1.6
    Cyclonedx,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Found {
    /// It does no harm here
    NotAffected,
    /// It does
    Affected,
    /// It did, and no longer does
    Fixed,
    /// Nobody knows yet
    UnderInvestigation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Why {
    /// The component is not in it
    ComponentNotPresent,
    /// The component is, its vulnerable code is not
    VulnerableCodeNotPresent,
    /// The code is there and never runs
    VulnerableCodeNotInExecutePath,
    /// The code runs and nobody outside can reach it
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something keeps it from being used
    InlineMitigationsAlreadyExist,
}

impl Vex {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let form = self.form.map(|form| match form {
            As::Openvex => Form::OpenVex,
            As::Cyclonedx => Form::CycloneDx,
        });
        let now = match super::epoch(call)? {
            Some(time) => time,
            None => given::now()?,
        };
        if let Some(from) = &self.from {
            let written = sboms::turn(from, self.author.as_deref(), now, form, &self.output)?;
            return Ok(Done::answer(call.format, Exit::Ok, "sbom-vex", &written, || words::vex(&written)));
        }
        let status = match self.status {
            Some(Found::NotAffected) => Status::NotAffected,
            Some(Found::Affected) => Status::Affected,
            Some(Found::Fixed) => Status::Fixed,
            Some(Found::UnderInvestigation) => Status::UnderInvestigation,
            None => return Err(FlowError::Usage("--status says what was found out".to_owned())),
        };
        let said = Said {
            vulnerabilities: &self.vulnerability,
            aliases: &self.alias,
            artifact: self.artifact.as_deref(),
            product: self.product.as_deref(),
            components: &self.component,
            status,
            justification: self.justification.map(justification),
            impact: self.impact.as_deref(),
            action: self.action.as_deref(),
            author: self.author.as_deref().unwrap_or_default(),
            time: now,
        };
        let written = sboms::say(&said, form.unwrap_or(Form::OpenVex), &self.output)?;
        Ok(Done::answer(call.format, Exit::Ok, "sbom-vex", &written, || words::vex(&written)))
    }
}

const fn justification(why: Why) -> Justification {
    match why {
        Why::ComponentNotPresent => Justification::ComponentNotPresent,
        Why::VulnerableCodeNotPresent => Justification::VulnerableCodeNotPresent,
        Why::VulnerableCodeNotInExecutePath => Justification::VulnerableCodeNotInExecutePath,
        Why::VulnerableCodeCannotBeControlledByAdversary => Justification::VulnerableCodeCannotBeControlledByAdversary,
        Why::InlineMitigationsAlreadyExist => Justification::InlineMitigationsAlreadyExist,
    }
}
