//! `provenance`: how an artifact was built, as SLSA provenance v1.

use super::{Answer, Call, given};
use crate::render::Done;
use crate::world::World;
use clap::Args;
use countersign_collect::platform;
use countersign_collect::provenance::{
    Observed, Request, default_output, provenance_by_running, provenance_of_artifacts,
};
use countersign_core::exit::Exit;
use countersign_core::json;
use countersign_core::time::Time;
use countersign_flow::sbom::apart;
use countersign_flow::{FlowError, files, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::escape::plain;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Run a build and write its provenance, or write what can be said of a file that is there already
///
/// SLSA provenance v1, as an in-toto statement to be signed. Signing keys and tokens are taken out of the command's
/// environment. A command inside a job of one's own shows SLSA Build L1 at most, and no other level is claimed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign provenance --output app.provenance.json -- cargo build --release --locked\n  \
                        countersign provenance --artifact dist/app --output app.provenance.json"
)]
pub(crate) struct Provenance {
    /// A file that was built; found by itself where Cargo builds
    #[arg(long = "artifact", value_name = "FILE")]
    artifacts: Vec<PathBuf>,
    /// Where the repository is, if not where its remote `origin` says
    #[arg(long, value_name = "URI")]
    source_uri: Option<String>,
    /// The lock file, if not the nearest Cargo.lock
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,
    /// Where to write it; ARTIFACT.provenance.json where none is given
    #[arg(long, value_name = "FILE.provenance.json")]
    output: Option<PathBuf>,
    /// Run the command without a network, and say so: the build's dependencies have to be there already
    ///
    /// The command gets a network namespace of its own (`unshare` of util-linux). Files, and sockets that are files, stay.
    #[arg(long, requires = "command")]
    hermetic: bool,
    /// The build command, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Provenance {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let directory = PathBuf::from(".");
        if let Some(output) = &self.output {
            apart(&directory, output)?;
        }
        let run = World::nonce().map_err(|error| FlowError::Usage(format!("random bytes: {error}")))?;
        let local_run = format!("{}{run}", platform::LOCAL_RUN);
        let request = Request {
            directory: &directory,
            environment: call.world.environment(),
            source_uri: self.source_uri.as_deref(),
            lock_file: self.lockfile.as_deref(),
            artifacts: &self.artifacts,
            output: self.output.as_deref(),
            hermetic: self.hermetic,
            local_run: &local_run,
        };
        let started = given::now()?;
        let clock = || -> Time { given::now().unwrap_or(started) };
        if self.command.is_empty() && self.artifacts.is_empty() {
            return Err(FlowError::Usage(
                "there is nothing to say: give a build command after `--`, or a file with --artifact".to_owned(),
            ));
        }
        let observed = if self.command.is_empty() {
            provenance_of_artifacts(&request)?
        } else {
            provenance_by_running(&request, &self.command, &clock)?
        };
        let statement = json::parse(&observed.statement()?.to_bytes()?)?;
        let output = self.output.clone().unwrap_or_else(|| default_output(&observed.artifacts));
        // What the build made was not there when the command line was looked at.
        let built: Vec<&Path> = observed.artifacts.iter().map(|artifact| artifact.path.as_path()).collect();
        files::apart_from_inputs(&output, &built)?;
        write_atomic(&output, json::pretty(&statement)?.as_bytes(), 0o644)?;
        let document = answer::Provenance {
            output: output.display().to_string(),
            artifacts: observed
                .artifacts
                .iter()
                .map(|a| answer::Artifact { name: a.name.clone(), digest: a.digest })
                .collect(),
            builder: observed.predicate.run_details.builder.id.to_string(),
            level: platform::SLSA_BUILD_LEVEL,
            dirty: observed.changes.count > 0,
            changes: observed.changes.count,
            shallow: observed.shallow,
            removed_variables: observed.removed.clone(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "provenance", &document, || words(&document, &observed)))
    }
}

fn words(document: &answer::Provenance, observed: &Observed) -> String {
    let mut out = format!("{}\n", document.output);
    for answer::Artifact { name, digest } in &document.artifacts {
        out.push_str(&format!("  {}  {digest}\n", plain(name)));
    }
    out.push_str(&format!("  built by {}, which shows SLSA Build L{}\n", document.builder, document.level));
    if document.dirty {
        out.push_str(&format!(
            "  the tree is dirty: {} path(s) differ from the commit, {} among them; the provenance says so\n",
            document.changes,
            plain(&observed.changes.first.join(", "))
        ));
    }
    if document.shallow {
        out.push_str(
            "  the clone is shallow: it leaves history out, and the provenance says so; \
             `git fetch --unshallow` before the gate, which proves reviews over the whole range\n",
        );
    }
    if !document.removed_variables.is_empty() {
        out.push_str(&format!("  kept from the build: {}\n", plain(&document.removed_variables.join(", "))));
    }
    out
}
