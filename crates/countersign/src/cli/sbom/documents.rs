//! `sbom validate|ingest|show|query|diff|merge`: documents of any tool.

use super::super::{Answer, Call};
use super::{packages, vulns, words};
use crate::render::Done;
use clap::{Args, Subcommand, ValueEnum};
use countersign_core::exit::Exit;
use countersign_flow::sboms::{self, Asked, Ingest, Shown};
use countersign_sbom::profile::Profile;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Validate(Validate),
    Ingest(IngestArgs),
    Show(Show),
    Query(Query),
    Diff(Diff),
    Merge(Merge),
    From(packages::From),
    Vex(Box<packages::Vex>),
    Vulns(vulns::Vulns),
}

impl Verb {
    pub(crate) const fn not_done(&self) -> &'static str {
        match self {
            Self::Validate(_) => "nothing was judged",
            Self::Show(_) | Self::Query(_) | Self::Diff(_) => "nothing was shown",
            Self::Ingest(_) | Self::Merge(_) | Self::From(_) | Self::Vex(_) | Self::Vulns(_) => super::super::WRITTEN,
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match self {
            Self::Validate(verb) => verb.run(call),
            Self::Ingest(verb) => verb.run(call),
            Self::Show(verb) => verb.run(call),
            Self::Query(verb) => verb.run(call),
            Self::Diff(verb) => verb.run(call),
            Self::Merge(verb) => verb.run(call),
            Self::From(verb) => verb.run(call),
            Self::Vex(verb) => verb.run(call),
            Self::Vulns(verb) => verb.run(call),
        }
    }
}

/// Hold SBOMs against the published schema of their format, and against profiles
///
/// CycloneDX 1.2 to 1.7 and SPDX 2.3 and 3.0, as JSON. The schemas are built in: nothing is fetched. A profile says what
/// has to be there; whether it is true, no profile can say.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign sbom validate app.cdx.json --profile ntia,cisa")]
pub(crate) struct Validate {
    /// The documents
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Profiles, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    profile: Vec<Named>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Named {
    /// The minimum elements of NTIA, of 2021
    Ntia,
    /// The minimum elements of CISA, of 2026
    Cisa,
}

impl Validate {
    fn run(&self, call: &Call<'_>) -> Answer {
        let profile = |named: &Named| match named {
            Named::Ntia => Profile::Ntia,
            Named::Cisa => Profile::Cisa,
        };
        let profiles: Vec<Profile> = self.profile.iter().map(profile).collect();
        let judged = sboms::validate(&self.files, &profiles)?;
        Ok(Done::answer(call.format, judged.exit, "sbom-validate", &judged, || words::validated(&judged)))
    }
}

/// Take in an SBOM of another tool, without loss
///
/// A CycloneDX document that holds to its schema goes through byte for byte. Of an SPDX document the bytes are kept as they
/// are, and a CycloneDX view that names their digest is written for the gate. `countersign sign --type sbom` signs either.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign sbom ingest app.spdx.json --output app.cdx.json --raw app.raw.json")]
pub(crate) struct IngestArgs {
    /// The document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The document to be signed
    #[arg(long, value_name = "FILE.cdx.json")]
    output: PathBuf,
    /// Where the bytes of an SPDX document are kept; beside the output where none is given
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
}

impl IngestArgs {
    fn run(&self, call: &Call<'_>) -> Answer {
        let request = Ingest { document: &self.file, output: &self.output, raw: self.raw.as_deref() };
        let taken = sboms::ingest(&request)?;
        Ok(Done::answer(call.format, Exit::Ok, "sbom-ingest", &taken, || words::ingested(&taken)))
    }
}

/// Show an SBOM as a tree
///
/// Each component's own dependencies are shown the first time that it comes. Where the document says nothing about them,
/// or that they are not all, the tree says so: nothing said is not nothing needed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign sbom show app.cdx.json --depth 2")]
pub(crate) struct Show {
    /// The document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How deep
    #[arg(long, value_name = "N", default_value_t = 64)]
    depth: usize,
    /// How many lines at most
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    lines: usize,
}

impl Show {
    fn run(&self, call: &Call<'_>) -> Answer {
        let shown = sboms::show(&self.file, Shown { depth: self.depth, lines: self.lines })?;
        Ok(Done::answer(call.format, Exit::Ok, "sbom-show", &shown, || words::shown(&shown)))
    }
}

/// Ask who depends on a component, and through which path
///
/// Ends with 3 where the document lists no such component: what it does not know of, it cannot rule out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign sbom query app.cdx.json openssl\n  \
                        countersign sbom query app.cdx.json pkg:cargo/syn@2.0.0")]
pub(crate) struct Query {
    /// The document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A name, NAME@VERSION, a package URL, or the document's own reference
    #[arg(value_name = "COMPONENT")]
    component: String,
    /// How many paths for each component that is meant
    #[arg(long, value_name = "N", default_value_t = 10)]
    paths: usize,
}

impl Query {
    fn run(&self, call: &Call<'_>) -> Answer {
        let asked = Asked { component: &self.component, paths: self.paths };
        let found = sboms::query(&self.file, asked)?;
        let exit = if found.found.is_empty() { Exit::Indeterminate } else { Exit::Ok };
        Ok(Done::answer(call.format, exit, "sbom-query", &found, || words::queried(&found)))
    }
}

/// Show what changed between two SBOMs
///
/// Components added, removed, upgraded and downgraded; sources, digests, licences, suppliers, scopes, what is linked and
/// dependencies that changed, and how much of these is said to be listed. Nothing else is compared. The two may be of different formats. Whether somebody maintains a package is in no SBOM; with `--db`, new components that
/// a database of advisories calls unmaintained are named.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign sbom diff app-1.0.cdx.json app-1.1.cdx.json\n  \
                  countersign sbom diff app-1.0.cdx.json app-1.1.cdx.json --db osv/crates.io/all.zip")]
pub(crate) struct Diff {
    /// The earlier document
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The later document
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// A database of advisories: a folder or an archive; several for several ecosystems
    #[arg(long, value_name = "DIR|ZIP")]
    db: Vec<PathBuf>,
}

impl Diff {
    fn run(&self, call: &Call<'_>) -> Answer {
        let diff = sboms::compare(&self.old, &self.new, &self.db)?;
        Ok(Done::answer(call.format, Exit::Ok, "sbom-diff", &diff, || words::differed(&diff)))
    }
}

/// Merge the SBOMs of several artifacts into that of a release
///
/// The same documents make the same bytes, in whatever order they are given. What several of them list is listed once, if
/// all say the same of it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign sbom merge app.cdx.json worker.cdx.json --name shop --release 1.2.0 \
                        --output shop.cdx.json")]
pub(crate) struct Merge {
    /// The documents
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The release's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The release's version
    #[arg(long, value_name = "VERSION")]
    release: String,
    /// Where to write it
    #[arg(long, value_name = "FILE.cdx.json")]
    output: PathBuf,
}

impl Merge {
    fn run(&self, call: &Call<'_>) -> Answer {
        let time = super::epoch(call)?;
        let merged = sboms::merge(&self.files, &self.name, &self.release, time, &self.output)?;
        Ok(Done::answer(call.format, Exit::Ok, "sbom-merge", &merged, || words::merged(&merged)))
    }
}
