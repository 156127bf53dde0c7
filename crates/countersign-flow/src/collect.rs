//! What is collected of a revision beside its build: what its files say, and what its plan does. As statements, to be signed.

use crate::error::FlowError;
use crate::files;
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_collect::snapshot::{self, Request, SnapshotError, repository_uri};
use countersign_core::codes;
use countersign_core::config::READERS;
use countersign_core::config::plan::Plan;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::config_snapshot::ConfigSnapshot;
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::{json, limits};
use std::path::Path;

/// What the files of a revision say, as a statement about it.
pub fn snapshot(request: &Request<'_>) -> Result<(Statement, ConfigSnapshot), FlowError> {
    let snapshot = match snapshot::collect(request) {
        Ok(snapshot) => snapshot,
        Err(SnapshotError::Git(error)) => return Err(FlowError::Git(error)),
        Err(error) => return Err(error.into()),
    };
    let subject = Subject::revision(snapshot.repository.as_str(), &snapshot.commit.hex(), &[]);
    let statement = Statement::new(Kind::ConfigSnapshot, vec![subject], &json::to_value(&snapshot)?)?;
    Ok((statement, snapshot))
}

/// Which plan is to be read, and of what it is.
#[derive(Debug)]
pub struct PlanRequest<'a> {
    /// What `terraform show -json` wrote.
    pub plan: &'a Path,
    /// A folder of the repository.
    pub repository: &'a Path,
    /// The commit that was planned.
    pub revision: &'a str,
    /// Where the repository is, if not where its remote `origin` says.
    pub source_uri: Option<&'a str>,
    /// Variables for git.
    pub environment: &'a Environment,
}

/// What a plan does, as a statement about the revision that was planned.
pub fn plan(request: &PlanRequest<'_>) -> Result<(Statement, IacPlan), FlowError> {
    let repository = GitRepo::open(request.repository, request.environment)?;
    let uri = repository_uri(&repository, request.source_uri).map_err(SnapshotError::Naming)?;
    let commit = repository.commit(request.revision)?;
    let bytes = files::read(request.plan, limits::PLAN_BYTES)?;
    let plan = Plan::read(&bytes).map_err(|error| {
        let finding = Finding::new(codes::PLAN_MALFORMED, error.to_string()).at(request.plan.display().to_string());
        let help = "`terraform show -json PLAN > PLAN.json` writes it, from what `terraform plan -out PLAN` made";
        FlowError::Refused(vec![finding.help(help)])
    })?;
    let said = IacPlan {
        repository: uri,
        commit,
        readers: READERS,
        file: files::name_of(request.plan)?,
        digest: Sha256::of(&bytes),
        plan,
    };
    let subject = Subject::revision(said.repository.as_str(), &said.commit.hex(), &[]);
    let statement = Statement::new(Kind::IacPlan, vec![subject], &json::to_value(&said)?)?;
    Ok((statement, said))
}
