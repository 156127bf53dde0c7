//! `sbom`: what is in a binary, as `CycloneDX`; and what is done with SBOMs, whoever made them.

mod documents;
mod packages;
mod vulns;
mod words;

use super::{Answer, Call};
use crate::render::{Done, Format};
use crate::variables;
use clap::Args;
use countersign_collect::artifact;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::json;
use countersign_core::time::Time;
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_sbom::{CargoRequest, Facts, Summary, cargo_sbom};
use std::path::PathBuf;

/// Write the SBOM of a Cargo workspace's binary
///
/// CycloneDX 1.6 JSON. The packages are exactly those that Cargo builds for this binary, target and features. Nothing of
/// this machine is in it: the same sources make the same bytes, in any folder. Runs `cargo metadata --locked`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  countersign sbom --package app --bin app --artifact target/release/app --output app.cdx.json"
)]
pub(crate) struct Sbom {
    #[command(subcommand)]
    verb: Option<documents::Verb>,
    /// The package with the binary; needed where the workspace has several
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// The binary; needed where the package has several
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
    /// The target triple; the compiler's own where none is given
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Features, separated by commas
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Every feature
    #[arg(long, conflicts_with = "features")]
    all_features: bool,
    /// Without the default features
    #[arg(long)]
    no_default_features: bool,
    /// Never use the network: packages have to be in Cargo's cache
    #[arg(long)]
    offline: bool,
    /// The built file: its digest goes into the document
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
    /// The workspace's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Where to write it; standard output where none is given
    #[arg(long, value_name = "FILE.cdx.json")]
    output: Option<PathBuf>,
}

impl Sbom {
    /// What was not done when the verb does not come to its end.
    pub(crate) fn not_done(&self) -> &'static str {
        self.verb.as_ref().map_or(super::WRITTEN, documents::Verb::not_done)
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        if let Some(verb) = &self.verb {
            return verb.run(call);
        }
        let request = CargoRequest {
            directory: self.directory.clone(),
            package: self.package.clone(),
            binary: self.bin.clone(),
            target: self.target.clone(),
            features: self.features.clone(),
            all_features: self.all_features,
            no_default_features: self.no_default_features,
            offline: self.offline,
            cargo: call.world.variable(variables::CARGO).unwrap_or("cargo").into(),
            rustc: call.world.variable(variables::RUSTC).unwrap_or("rustc").into(),
        };
        let facts = Facts {
            time: epoch(call)?,
            artifact: self.artifact.as_deref().map(|path| artifact::hash(path).map(|a| a.digest)).transpose()?,
            toolchain: None,
        };
        let sbom = cargo_sbom(&request, &facts)?;
        let mut document = document(&sbom.summary, &sbom.bytes);
        if let Some(path) = &self.output {
            write_atomic(path, &sbom.bytes, 0o644)?;
            document.output = Some(path.display().to_string());
        } else if call.format == Format::Json {
            document.document = Some(json::parse(&sbom.bytes)?);
        } else {
            return Ok(Done::bytes(sbom.bytes));
        }
        Ok(Done::answer(call.format, Exit::Ok, "sbom", &document, || written(&document)))
    }
}

fn document(summary: &Summary, bytes: &[u8]) -> answer::Sbom {
    answer::Sbom {
        output: None,
        document: None,
        digest: Sha256::of(bytes),
        components: summary.components,
        linked: summary.linked,
        build_only: summary.build_only,
        dependencies: summary.dependencies,
        without_checksum: summary.without_checksum,
        without_licence: summary.without_licence,
        native: summary.native,
    }
}

fn written(written: &answer::Sbom) -> String {
    format!(
        "{}: {} components ({} linked, {} for the build only), {} dependencies\n\
             {} without checksum, {} without licence, {} with native code that is not listed\n",
        written.output.as_deref().unwrap_or_default(),
        written.components,
        written.linked,
        written.build_only,
        written.dependencies,
        written.without_checksum,
        written.without_licence,
        written.native
    )
}

fn epoch(call: &Call<'_>) -> Result<Option<Time>, FlowError> {
    let Some(text) = call.world.variable(variables::SOURCE_DATE_EPOCH) else { return Ok(None) };
    let time = text.parse::<i64>().ok().and_then(|seconds| Time::from_unix(seconds).ok());
    let wrong = || FlowError::Usage(format!("{} is not a number of seconds since 1970", variables::SOURCE_DATE_EPOCH));
    time.map(Some).ok_or_else(wrong)
}
