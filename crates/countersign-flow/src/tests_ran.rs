//! Reports of tests as a statement about what was tested. It reads the reports, the artifacts and the repository; it signs
//! nothing, and a run of no tests is no result.

use crate::error::FlowError;
use crate::files;
use countersign_collect::Environment;
use countersign_collect::artifact;
use countersign_collect::git::GitRepo;
use countersign_collect::junit::Report;
use countersign_collect::worktree::{self, Files};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::statement::provenance::{DigestSet, ResourceDescriptor};
use countersign_core::statement::test_result::{Outcome, TestResult};
use countersign_core::statement::{Kind, Statement, Subject};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `JUnit` reports, all of one run.
    pub reports: &'a [PathBuf],
    /// The name of the suite.
    pub suite: Option<&'a str>,
    /// Files that were tested.
    pub artifacts: &'a [PathBuf],
    /// The commit that was tested, with its repository; `None` where only files are named.
    pub revision: Option<(&'a Path, &'a str)>,
    /// Where the run can be seen.
    pub url: Option<&'a str>,
    /// The variables of the process.
    pub environment: &'a Environment,
}

/// The result, with what is worth counting.
#[derive(Debug)]
pub struct Ran {
    /// The statement, ready to be signed.
    pub statement: Statement,
    /// What the run came to.
    pub result: TestResult,
    /// Tests that were left out.
    pub skipped: Vec<String>,
}

/// Reads the reports.
pub fn collect(request: &Request<'_>) -> Result<Ran, FlowError> {
    let mut report = Report::default();
    let mut configuration = Vec::new();
    for path in request.reports {
        let bytes = files::read(path, limits::JUNIT_BYTES)?;
        report.read(&bytes).map_err(|error| refused(codes::TESTS_MALFORMED, error.to_string(), path))?;
        let name = path.file_name().and_then(std::ffi::OsStr::to_str);
        configuration.push(ResourceDescriptor {
            name: name.map(str::to_owned),
            digest: DigestSet::of_sha256(&Sha256::of(&bytes)),
            media_type: Some("application/xml".to_owned()),
            ..ResourceDescriptor::default()
        });
    }
    let nothing = || {
        let place = request.reports.first().map_or_else(|| Path::new("."), PathBuf::as_path);
        refused(codes::TESTS_MISSING, "no test ran: nothing is not success".to_owned(), place)
    };
    let outcome = report.outcome().ok_or_else(nothing)?;
    let skipped = report.skipped();
    if let Some(suite) = request.suite {
        let annotations = [("countersign_skipped".to_owned(), json!(skipped.len()))].into();
        let suite = ResourceDescriptor { name: Some(suite.to_owned()), annotations, ..ResourceDescriptor::default() };
        configuration.insert(0, suite);
    }
    let result = TestResult {
        result: outcome,
        configuration,
        url: request.url.map(str::to_owned),
        passed_tests: Some(report.passed()),
        warned_tests: Some(report.warned()),
        failed_tests: Some(report.failed()),
    };
    let statement = Statement::new(Kind::TestResult, subjects(request)?, &result)?;
    Ok(Ran { statement, result, skipped })
}

impl Ran {
    /// Whether the run may go on from here.
    #[must_use]
    pub const fn good(&self) -> bool {
        !matches!(self.result.result, Outcome::Failed)
    }
}

fn subjects(request: &Request<'_>) -> Result<Vec<Subject>, FlowError> {
    let mut subjects = Vec::new();
    if !request.artifacts.is_empty() {
        let all = artifact::hash_all(request.artifacts)?;
        subjects.extend(all.iter().map(|artifact| Subject::sha256(&artifact.name, &artifact.digest)));
    }
    if let Some((folder, revision)) = request.revision {
        let repository = GitRepo::open(folder, request.environment)?;
        let commit = repository.commit(revision)?;
        // Tests run on files, and what is said is said of a commit.
        if repository.work_tree().is_some() && repository.commit("HEAD")? == commit {
            let changes = worktree::changes(&repository, request.environment, Files::Tracked)?;
            if changes.count > 0 {
                let what = format!("{} file(s) differ from the commit: tests ran on something else", changes.count);
                return Err(FlowError::Refused(vec![
                    Finding::new(codes::SOURCE_DIRTY, what)
                        .at(folder.display().to_string())
                        .expected(format!("the files of {commit}"), "a result that names a commit")
                        .found(changes.first.join(", "))
                        .help("commit or remove the changes and test again, or name the files that were tested with --artifact"),
                ]));
            }
        }
        subjects.push(Subject::git(revision, "gitCommit", &commit.hex()));
    }
    if subjects.is_empty() {
        return Err(FlowError::Usage("name what was tested: --artifact, --revision, or both".to_owned()));
    }
    Ok(subjects)
}

fn refused(code: countersign_core::finding::Code, what: String, path: &Path) -> FlowError {
    FlowError::Refused(vec![Finding::new(code, what).at(path.display().to_string())])
}
