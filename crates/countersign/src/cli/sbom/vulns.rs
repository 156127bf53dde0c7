//! `sbom vulns`: known vulnerabilities out of a database that the user has.

use super::super::{Answer, Call, given};
use super::words;
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_flow::sboms::{self, Look};
use std::path::PathBuf;

/// Hold an SBOM against a database of advisories that you have
///
/// Offline: the database is an export of OSV (a folder, or all.zip of an ecosystem) or any mirror in its form, such as
/// rustsec's. How old it is goes into the result, which `countersign sign --type vulns` signs and the rule
/// vulnerabilities-handled@3 judges. A version that cannot be compared counts as a match; where the database has nothing for
/// an ecosystem, or a record that cannot be read, nothing is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign sbom vulns app.cdx.json --db osv/crates.io/all.zip --output app.vulns.json"
)]
pub(crate) struct Vulns {
    /// The SBOM
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A database: a folder or an archive; several for several ecosystems
    #[arg(long, value_name = "DIR|ZIP", required = true)]
    db: Vec<PathBuf>,
    /// Where to write the result
    #[arg(long, value_name = "FILE.vulns.json")]
    output: PathBuf,
}

impl Vulns {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let time = match super::epoch(call)? {
            Some(time) => time,
            None => given::now()?,
        };
        let look = Look { document: &self.file, databases: &self.db, time, output: &self.output };
        let found = sboms::vulns(&look)?;
        Ok(Done::answer(call.format, Exit::Ok, "sbom-vulns", &found, || words::vulns(&found)))
    }
}
