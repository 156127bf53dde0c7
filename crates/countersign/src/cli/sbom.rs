//! `sbom`: what is in a binary, as `CycloneDX`; and what is done with SBOMs, whoever made them.

mod documents;
mod names;
mod packages;
mod vulns;
mod words;

use super::{Answer, Call};
use crate::render::{Done, Format};
use crate::variables;
use clap::{Args, ValueEnum};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::json;
use countersign_core::time::Time;
use countersign_flow::sbom::{Made, Request, Scope, apart, make};
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_whole;
use countersign_report::text;
use countersign_sbom::{CargoRequest, Encoding, Spec, What};
use std::path::PathBuf;

/// Write the SBOM of a Cargo workspace's binary
///
/// CycloneDX 1.6 JSON, or what `--spec-version` and `--encoding` ask for. The packages are exactly those that Cargo builds
/// for this binary, target and features. Nothing of this machine is in it: the same sources make the same bytes, in any
/// folder. What only people know stands in `countersign.toml` under `[sbom]`; what is missing there is said to be unknown.
/// Runs `cargo metadata --locked`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  countersign sbom --package app --bin app --artifact target/release/app --output app.cdx.json"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Sbom {
    #[command(subcommand)]
    verb: Option<documents::Verb>,
    /// The package with the binary; needed where the workspace has several
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// The binary; needed where the package has several
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
    /// The package's library, where it is built for others than Rust (`cdylib`, `staticlib`)
    #[arg(long, conflicts_with = "bin")]
    lib: bool,
    /// The workspace as a whole, its members built together
    #[arg(long, conflicts_with_all = ["bin", "lib", "package"])]
    workspace: bool,
    /// One SBOM for each binary and library of the workspace; `--output` names their folder
    #[arg(long, conflicts_with_all = ["bin", "lib", "workspace", "artifact"], requires = "output")]
    all_artifacts: bool,
    /// The target triple; that of Cargo's configuration, else the compiler's own, where none is given
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
    /// Also what only tests, examples and benchmarks need, told apart
    #[arg(long)]
    dev: bool,
    /// Do not read the packages' own files: no archive is held against the lock file, and no licence's text is looked for
    #[arg(long)]
    no_hashes: bool,
    /// Hold every unpacked file of every package against the package's archive: slower; else only where something is newer than when
    /// Cargo unpacked it
    #[arg(long, conflicts_with_all = ["no_hashes", "lock_only"])]
    all_files: bool,
    /// Read the lock file alone: fast, and more than is in any artifact, which the document says
    #[arg(
        long,
        conflicts_with_all = ["package", "bin", "lib", "workspace", "all_artifacts", "target", "features", "all_features",
            "no_default_features", "dev", "artifact"]
    )]
    lock_only: bool,
    /// Never use the network: packages have to be in Cargo's cache
    #[arg(long)]
    offline: bool,
    /// The built file: its digest goes into the document, and what its build says of its packages has to agree
    #[arg(long, value_name = "FILE")]
    artifact: Option<PathBuf>,
    /// The built file's provenance, which has to be about its digest
    #[arg(long, value_name = "FILE", requires = "artifact")]
    provenance: Option<PathBuf>,
    /// What only people know; `countersign.toml` in the workspace's folder where none is given
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The workspace's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The version of CycloneDX
    #[arg(long, value_enum, default_value_t = Version::V1_6)]
    spec_version: Version,
    /// How it is written down
    #[arg(long, value_enum, default_value_t = Form::Json)]
    encoding: Form,
    /// Where to write it; standard output where none is given
    #[arg(long, value_name = "FILE.cdx.json")]
    output: Option<PathBuf>,
}

/// The versions that are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "1.3")]
    V1_3,
    #[value(name = "1.4")]
    V1_4,
    #[value(name = "1.5")]
    V1_5,
    #[value(name = "1.6")]
    V1_6,
    #[value(name = "1.7")]
    V1_7,
}

impl From<Version> for Spec {
    fn from(version: Version) -> Self {
        match version {
            Version::V1_3 => Self::V1_3,
            Version::V1_4 => Self::V1_4,
            Version::V1_5 => Self::V1_5,
            Version::V1_6 => Self::V1_6,
            Version::V1_7 => Self::V1_7,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Json,
    Xml,
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
        if let Some(output) = &self.output {
            apart(&self.directory, output)?;
        }
        let request = Request {
            cargo: self.cargo(call),
            scope: match (self.lock_only, self.all_artifacts) {
                (true, _) => Scope::LockOnly,
                (false, true) => Scope::Artifacts,
                (false, false) => Scope::One,
            },
            artifact: self.artifact.as_deref(),
            provenance: self.provenance.as_deref(),
            config: self.config.as_deref(),
            spec: self.spec_version.into(),
            encoding: match self.encoding {
                Form::Json => Encoding::Json,
                Form::Xml => Encoding::Xml,
            },
            time: epoch(call)?,
            environment: call.world.environment(),
        };
        let made = make(&request)?;
        if self.all_artifacts {
            return self.several(call, made);
        }
        let Some(one) = made.into_iter().next() else { return Err(FlowError::Thread) };
        let mut document = self.document(&one);
        let beside = beside(&document);
        if let Some(path) = &self.output {
            write_whole(path, &one.written.bytes, 0o644)?;
            document.output = Some(path.display().to_string());
        } else if call.format == Format::Json {
            document.document = Some(match self.encoding {
                Form::Json => json::parse(&one.written.bytes)?,
                Form::Xml => String::from_utf8_lossy(&one.written.bytes).into_owned().into(),
            });
        } else {
            return Ok(Done::bytes(one.written.bytes).saying(&beside));
        }
        let done = Done::answer(call.format, Exit::Ok, "sbom", &document, || words(&document));
        Ok(if call.format == Format::Text { done.saying(&beside) } else { done })
    }

    fn cargo(&self, call: &Call<'_>) -> CargoRequest {
        CargoRequest {
            directory: self.directory.clone(),
            package: self.package.clone(),
            binary: self.bin.clone(),
            target: self.target.clone(),
            features: self.features.clone(),
            all_features: self.all_features,
            no_default_features: self.no_default_features,
            what: match (self.workspace, self.lib) {
                (true, _) => What::Workspace,
                (false, true) => What::Library,
                (false, false) => What::Binary,
            },
            dev: self.dev,
            content: !self.no_hashes,
            all_files: self.all_files,
            offline: self.offline,
            home: call
                .world
                .variable(variables::CARGO_HOME)
                .map(PathBuf::from)
                .or_else(|| call.world.variable(variables::HOME).map(|home| PathBuf::from(home).join(".cargo"))),
            variables: call.world.of_cargo_configuration(),
            // Whoever has settings of their own has a reason.
            large_pieces: call.world.variable(variables::GLIBC_TUNABLES).is_none(),
            cargo: call.world.variable(variables::CARGO).unwrap_or("cargo").into(),
            rustc: "rustc".into(),
        }
    }

    /// One file each, in a folder that is made where it is not there.
    fn several(&self, call: &Call<'_>, made: Vec<Made>) -> Answer {
        let Some(folder) = &self.output else { return Err(FlowError::Usage("--output names the folder".to_owned())) };
        std::fs::create_dir_all(folder).map_err(|source| FlowError::Read { path: folder.clone(), source })?;
        let end = match self.encoding {
            Form::Json => "cdx.json",
            Form::Xml => "cdx.xml",
        };
        let artifacts: Vec<_> = made.iter().map(|one| names::Artifact::of(&one.inventory)).collect();
        let names = names::of(&artifacts);
        let mut sboms = Vec::new();
        let mut said = String::new();
        for (one, name) in made.into_iter().zip(names) {
            let path = folder.join(format!("{name}.{end}"));
            write_whole(&path, &one.written.bytes, 0o644)?;
            let mut document = self.document(&one);
            said.push_str(&beside(&document));
            document.output = Some(path.display().to_string());
            sboms.push(document);
        }
        let document = answer::Sboms { sboms };
        let all = || document.sboms.iter().map(words).collect::<String>();
        let done = Done::answer(call.format, Exit::Ok, "sboms", &document, all);
        Ok(if call.format == Format::Text { done.saying(&said) } else { done })
    }

    fn document(&self, made: &Made) -> answer::Sbom {
        let summary = &made.summary;
        answer::Sbom {
            output: None,
            document: None,
            digest: Sha256::of(&made.written.bytes),
            spec_version: Spec::from(self.spec_version).as_str(),
            name: made.inventory.binary.clone(),
            over_approximation: self.lock_only,
            components: summary.components,
            linked: summary.linked,
            build_only: summary.build_only,
            dev_only: summary.dev_only,
            dependencies: summary.dependencies,
            without_checksum: summary.without_checksum,
            without_archive: summary.without_archive,
            without_licence: summary.without_licence,
            native: summary.native,
            bundled: summary.bundled,
            compared: made.compared.clone(),
            left_out: made.written.left_out.iter().copied().collect(),
            findings: made.notes.clone(),
        }
    }
}

/// What is said beside the answer.
fn beside(document: &answer::Sbom) -> String {
    let mut said = text::findings(&document.findings);
    for what in &document.left_out {
        said.push_str(&format!("CycloneDX {} has no place for {what}\n", document.spec_version));
    }
    if document.over_approximation {
        said.push_str("an over-approximation: nothing but the lock file was read\n");
    }
    said
}

fn words(written: &answer::Sbom) -> String {
    let output = written.output.as_deref().unwrap_or_default();
    if written.over_approximation {
        return format!(
            "{output}: {} components, {} dependencies; more than is in any artifact\n",
            written.components, written.dependencies
        );
    }
    let dev = if written.dev_only == 0 { String::new() } else { format!(", {} for tests only", written.dev_only) };
    let agree = written.compared.iter().map(|with| format!("agrees with what {with} says of the build\n"));
    format!(
        "{output}: {} components ({} linked, {} for the build only{dev}), {} dependencies\n\
             {} without checksum, {} without archive to hold it against, {} without licence\n\
             {} with native code that is listed, {} with some, or perhaps, that is not\n{}",
        written.components,
        written.linked,
        written.build_only,
        written.dependencies,
        written.without_checksum,
        written.without_archive,
        written.without_licence,
        written.bundled,
        written.native,
        agree.collect::<String>()
    )
}

fn epoch(call: &Call<'_>) -> Result<Option<Time>, FlowError> {
    let Some(text) = call.world.variable(variables::SOURCE_DATE_EPOCH) else { return Ok(None) };
    let time = text.parse::<i64>().ok().and_then(|seconds| Time::from_unix(seconds).ok());
    let wrong = || FlowError::Usage(format!("{} is not a number of seconds since 1970", variables::SOURCE_DATE_EPOCH));
    time.map(Some).ok_or_else(wrong)
}
