//! `collect tests`: `JUnit` reports as a test result.

use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::json;
use countersign_flow::{output as answer, tests_ran};
use countersign_record::atomic::write_atomic;
use std::path::{Path, PathBuf};

/// Write the result of a test run, from its JUnit reports
///
/// The statement is in-toto's test result. It is about files (--artifact), a commit (--revision), or both. A run in which
/// a test failed is written as well, and ends with exit code 1. Offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign collect tests target/nextest/ci/junit.xml --suite unit --revision HEAD --output app.tests.json\n  \
                        countersign sign app.tests.json --key builder.pem --output app.tests.sigstore.json"
)]
pub(crate) struct Tests {
    /// The JUnit reports of the run
    #[arg(required = true, value_name = "JUNIT.xml")]
    reports: Vec<PathBuf>,
    /// The name of the suite, by which a rule can ask for it
    #[arg(long)]
    suite: Option<String>,
    /// A file that was tested
    #[arg(long = "artifact", value_name = "FILE", required_unless_present = "revision")]
    artifacts: Vec<PathBuf>,
    /// The commit that was tested: an id, a branch, a tag, HEAD
    #[arg(long)]
    revision: Option<String>,
    /// The repository of the commit
    #[arg(long, value_name = "DIR", default_value = ".", requires = "revision")]
    repo: PathBuf,
    /// Where the run can be seen
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The statement
    #[arg(long, value_name = "FILE.tests.json")]
    output: PathBuf,
}

impl Tests {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let ran = tests_ran::collect(&tests_ran::Request {
            reports: &self.reports,
            suite: self.suite.as_deref(),
            artifacts: &self.artifacts,
            revision: self.revision.as_deref().map(|revision| (Path::new(&self.repo), revision)),
            url: self.url.as_deref(),
            environment: call.world.environment(),
        })?;
        let statement = json::parse(&ran.statement.to_bytes()?)?;
        write_atomic(&self.output, json::pretty(&statement)?.as_bytes(), 0o644)?;
        let count = |tests: &Option<Vec<String>>| tests.as_ref().map_or(0, Vec::len);
        let exit = if ran.good() { Exit::Ok } else { Exit::Refused };
        let document = answer::TestsCollected {
            output: self.output.display().to_string(),
            result: ran.result.result,
            passed: count(&ran.result.passed_tests),
            warned: count(&ran.result.warned_tests),
            failed: ran.result.failed_tests.clone().unwrap_or_default(),
            skipped: ran.skipped.len(),
            subjects: ran.statement.subjects.clone(),
            exit,
        };
        Ok(Done::answer(call.format, exit, "collect-tests", &document, || words(&document)))
    }
}

fn words(document: &answer::TestsCollected) -> String {
    let mut out = format!(
        "{}: {} passed, {} with a warning, {} failed, {} left out\n",
        document.output,
        document.passed,
        document.warned,
        document.failed.len(),
        document.skipped
    );
    for test in document.failed.iter().take(SHOWN) {
        out.push_str(&format!("  failed  {}\n", countersign_report::escape::plain(test)));
    }
    let more = document.failed.len().saturating_sub(SHOWN);
    if more > 0 {
        out.push_str(&format!("  and {more} more\n"));
    }
    out
}

/// How many failed tests are named.
const SHOWN: usize = 20;
