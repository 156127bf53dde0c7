//! `collect snapshot` and `collect plan`: what the files of a revision, and an infrastructure plan, say.

use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_collect::snapshot::{Rendered, Request};
use countersign_core::exit::Exit;
use countersign_core::json;
use countersign_core::statement::Statement;
use countersign_flow::collect::{self, PlanRequest};
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_atomic;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
struct Revision {
    /// The commit, branch or tag; its committed files count, and no others
    #[arg(long = "revision", value_name = "REVISION", default_value = "HEAD")]
    commit: String,
    /// A folder of the repository
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    repo: PathBuf,
    /// Where the repository is, if not where its remote `origin` says
    #[arg(long, value_name = "URI")]
    source_uri: Option<String>,
}

/// Read which images and databases the committed files of a revision name
///
/// Dockerfiles, Kubernetes, compose, pipelines and settings are read from the objects of the commit; what lies in the working
/// tree plays no part. What could not be read is listed with the reason.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign collect snapshot --output app.config.json\n  \
                        helm template chart > out.yaml && countersign collect snapshot --rendered chart=out.yaml --output app.config.json\n  \
                        countersign sign app.config.json --key builder.pem --output app.config.sigstore.json")]
pub(crate) struct Snapshot {
    #[command(flatten)]
    of: Revision,
    /// What a tool made of the templates below a folder, which are not read themselves
    #[arg(long, value_name = "FOLDER=FILE", value_parser = rendered)]
    rendered: Vec<Rendered>,
    /// Where to write it
    #[arg(long, value_name = "FILE.config.json")]
    output: PathBuf,
}

fn rendered(text: &str) -> Result<Rendered, String> {
    let (folder, file) = text.split_once('=').ok_or("name the folder of the templates and the file: FOLDER=FILE")?;
    Ok(Rendered { folder: folder.to_owned(), file: PathBuf::from(file) })
}

/// Read what an infrastructure plan does to databases and audit logs
///
/// Takes what `terraform show -json PLAN` writes. Values that are known only after the plan is applied stay unknown. No value
/// of the plan is kept beside what the rules look at.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  terraform plan -out plan.bin && terraform show -json plan.bin > plan.json\n  \
                        countersign collect plan plan.json --output app.plan.json\n  \
                        countersign sign app.plan.json --key builder.pem --output app.plan.sigstore.json")]
pub(crate) struct Plan {
    /// What `terraform show -json` wrote
    #[arg(value_name = "PLAN.json")]
    file: PathBuf,
    #[command(flatten)]
    of: Revision,
    /// Where to write it
    #[arg(long, value_name = "FILE.plan.json")]
    output: PathBuf,
}

fn write(statement: &Statement, output: &Path) -> Result<(), FlowError> {
    let statement = json::parse(&statement.to_bytes()?)?;
    write_atomic(output, json::pretty(&statement)?.as_bytes(), 0o644)?;
    Ok(())
}

impl Snapshot {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let (statement, snapshot) = collect::snapshot(&Request {
            repository: &self.of.repo,
            revision: &self.of.commit,
            source_uri: self.of.source_uri.as_deref(),
            rendered: &self.rendered,
            environment: call.world.environment(),
        })?;
        write(&statement, &self.output)?;
        let document = answer::SnapshotCollected {
            output: self.output.display().to_string(),
            repository: snapshot.repository.to_string(),
            commit: snapshot.commit.to_string(),
            files: snapshot.read.len(),
            images: snapshot.images.len(),
            connections: snapshot.connections.len(),
            skipped: snapshot.skipped,
        };
        Ok(Done::answer(call.format, Exit::Ok, "collect-snapshot", &document, || {
            let mut out = format!(
                "{}\n  commit {} of {}\n  {} file(s) read: {} image(s), {} connection(s)\n",
                document.output,
                document.commit,
                document.repository,
                document.files,
                document.images,
                document.connections
            );
            for file in &document.skipped {
                let skipped = countersign_report::escape::plain(&format!("{}: {}", file.path, file.why));
                out.push_str(&format!("  not read: {skipped}\n"));
            }
            out
        }))
    }
}

impl Plan {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let (statement, said) = collect::plan(&PlanRequest {
            plan: &self.file,
            repository: &self.of.repo,
            revision: &self.of.commit,
            source_uri: self.of.source_uri.as_deref(),
            environment: call.world.environment(),
        })?;
        write(&statement, &self.output)?;
        let document = answer::PlanCollected {
            output: self.output.display().to_string(),
            repository: said.repository.to_string(),
            commit: said.commit.to_string(),
            digest: said.digest,
            complete: said.plan.complete,
            cut_short: said.plan.cut_short,
            resources: said.plan.resources,
            known: said.plan.known.len(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "collect-plan", &document, || {
            let whole = match (document.cut_short, document.complete) {
                (true, _) | (false, Some(false)) => "the plan does not cover everything",
                (false, Some(true)) => "the plan covers everything",
                (false, None) => "the plan does not say whether it covers everything",
            };
            format!(
                "{}\n  commit {} of {}\n  {} resource(s), {} of them a database or an audit log; {whole}\n",
                document.output, document.commit, document.repository, document.resources, document.known
            )
        }))
    }
}
