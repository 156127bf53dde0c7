//! Where a build runs, as its variables say: GitHub Actions, GitLab CI, or a machine that is neither.
//!
//! Variables are claims of whoever set them, so nothing here is proof. Each place has its own `builder.id`, and none
//! claims a level: that is what trust gives to the pair of signer and id. What is recorded by a command inside the
//! job that it describes shows [`SLSA_BUILD_LEVEL`] and no more.

use crate::environment::Environment;
use crate::source_uri::{SourceUri, SourceUriError};
use countersign_core::git::Oid;
use countersign_core::ids::{RefName, Uri};

/// The level that provenance made inside the build's own job shows, wherever it runs.
pub const SLSA_BUILD_LEVEL: u8 = 1;

/// How the invocation id of a machine without one of its own begins; a random number follows.
pub const LOCAL_RUN: &str = "urn:countersign:run:";

/// Where a build runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A job of GitHub Actions on a machine of GitHub.
    GithubHosted,
    /// A job of GitHub Actions on a machine of somebody else.
    GithubSelfHosted,
    /// A job of GitLab CI. The job's variables do not say whose machine it is.
    GitlabCi,
    /// Anything else.
    Local,
}

impl Kind {
    /// The `builder.id`. Each is described in `docs/builders.md`.
    #[must_use]
    pub const fn builder_id(self) -> &'static str {
        match self {
            Self::GithubHosted => "https://countersign.dev/builders/github-actions/github-hosted/v1",
            Self::GithubSelfHosted => "https://countersign.dev/builders/github-actions/self-hosted/v1",
            Self::GitlabCi => "https://countersign.dev/builders/gitlab-ci/v1",
            Self::Local => "https://countersign.dev/builders/local/v1",
        }
    }
}

/// What the place says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Which it is.
    pub kind: Kind,
    /// Its `builder.id`.
    pub builder_id: Uri,
    /// Finds the run there.
    pub invocation_id: String,
    /// The source that it says it builds; a local machine says none.
    pub source: Option<ClaimedSource>,
}

/// The source that a CI job says it builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedSource {
    /// The repository.
    pub repository: SourceUri,
    /// The commit.
    pub commit: Oid,
    /// The ref that the job runs for.
    pub reference: Option<RefName>,
}

/// Why the variables do not describe a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// They say that it is both.
    #[error("GITHUB_ACTIONS and GITLAB_CI are both set: which of them runs this job cannot be told")]
    Both,
    /// A variable that every job there has is missing.
    #[error("the variable {name} is missing, which every job there has")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A variable has another form than it should.
    #[error("the variable {name} has the value {value:?}, which is not {what}")]
    Form {
        /// Its name.
        name: &'static str,
        /// Its value. None of these variables is secret.
        value: String,
        /// What it should be.
        what: &'static str,
    },
    /// The variables name no repository.
    #[error("the repository {url:?} that the job names cannot be written down: {error}")]
    Repository {
        /// As the job names it.
        url: String,
        /// What is wrong with it.
        error: SourceUriError,
    },
}

/// Says where this runs. `local_run` is the invocation id of a machine that has none of its own: the caller draws it.
pub fn recognise(environment: &Environment, local_run: &str) -> Result<Platform, PlatformError> {
    let is = |name| environment.text(name) == Some("true");
    match (is("GITHUB_ACTIONS"), is("GITLAB_CI")) {
        (true, true) => Err(PlatformError::Both),
        (true, false) => github(environment),
        (false, true) => gitlab(environment),
        (false, false) => platform(Kind::Local, local_run.to_owned(), None),
    }
}

fn github(environment: &Environment) -> Result<Platform, PlatformError> {
    let get = |name| need(environment, name);
    let repository = format!("{}/{}", get("GITHUB_SERVER_URL")?, get("GITHUB_REPOSITORY")?);
    let (run, attempt) =
        (number("GITHUB_RUN_ID", get("GITHUB_RUN_ID")?)?, number("GITHUB_RUN_ATTEMPT", get("GITHUB_RUN_ATTEMPT")?)?);
    // A runner that does not say whose it is counts as the one that shows less.
    let kind = match environment.text("RUNNER_ENVIRONMENT") {
        Some("github-hosted") => Kind::GithubHosted,
        _ => Kind::GithubSelfHosted,
    };
    let source = ClaimedSource {
        repository: source(&repository)?,
        commit: commit("GITHUB_SHA", get("GITHUB_SHA")?)?,
        reference: Some(reference("GITHUB_REF", get("GITHUB_REF")?)?),
    };
    platform(kind, format!("{repository}/actions/runs/{run}/attempts/{attempt}"), Some(source))
}

fn gitlab(environment: &Environment) -> Result<Platform, PlatformError> {
    let get = |name| need(environment, name);
    // A merge request's pipeline has neither tag nor branch, but the path of its ref.
    let named = if let Some(tag) = environment.text("CI_COMMIT_TAG") {
        Some(reference("CI_COMMIT_TAG", &format!("refs/tags/{tag}"))?)
    } else if let Some(branch) = environment.text("CI_COMMIT_BRANCH") {
        Some(reference("CI_COMMIT_BRANCH", &format!("refs/heads/{branch}"))?)
    } else {
        let path = environment.text("CI_MERGE_REQUEST_REF_PATH");
        path.map(|path| reference("CI_MERGE_REQUEST_REF_PATH", path)).transpose()?
    };
    let source = ClaimedSource {
        repository: source(get("CI_PROJECT_URL")?)?,
        commit: commit("CI_COMMIT_SHA", get("CI_COMMIT_SHA")?)?,
        reference: named,
    };
    let job = get("CI_JOB_URL")?;
    let url = Uri::new(job).map_err(|_form| form("CI_JOB_URL", job, "a URL"))?;
    platform(Kind::GitlabCi, url.as_str().to_owned(), Some(source))
}

fn platform(kind: Kind, invocation_id: String, source: Option<ClaimedSource>) -> Result<Platform, PlatformError> {
    let id = kind.builder_id();
    Ok(Platform {
        kind,
        builder_id: Uri::new(id).map_err(|_form| form("builder.id", id, "a URI"))?,
        invocation_id,
        source,
    })
}

fn need<'a>(environment: &'a Environment, name: &'static str) -> Result<&'a str, PlatformError> {
    environment.text(name).ok_or(PlatformError::Missing { name })
}

fn number(name: &'static str, text: &str) -> Result<u64, PlatformError> {
    text.parse().map_err(|_parse| form(name, text, "a number"))
}

fn commit(name: &'static str, text: &str) -> Result<Oid, PlatformError> {
    Oid::from_hex(text).map_err(|_form| form(name, text, "a full commit id"))
}

fn reference(name: &'static str, text: &str) -> Result<RefName, PlatformError> {
    RefName::new(text).map_err(|_form| form(name, text, "a git ref"))
}

fn source(url: &str) -> Result<SourceUri, PlatformError> {
    SourceUri::normalise(url).map_err(|error| PlatformError::Repository { url: url.to_owned(), error })
}

fn form(name: &'static str, value: &str, what: &'static str) -> PlatformError {
    PlatformError::Form { name, value: value.chars().take(200).collect(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789012345678901234567890123456789";
    const GITHUB: &[(&str, &str)] = &[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_RUN_ATTEMPT", "3"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
    ];
    const GITLAB: &[(&str, &str)] = &[
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.com/g/s/p"),
        ("CI_COMMIT_SHA", SHA),
        ("CI_JOB_URL", "https://gitlab.com/g/s/p/-/jobs/7"),
    ];

    fn with(base: &[(&str, &str)], more: &[(&str, &str)]) -> Result<Platform, PlatformError> {
        recognise(&base.iter().chain(more).copied().collect(), "urn:uuid:local")
    }

    #[test]
    fn github_actions_is_recognised_with_its_run_and_attempt() {
        let found = with(GITHUB, &[]).unwrap();
        assert_eq!(found.kind, Kind::GithubHosted);
        assert_eq!(found.invocation_id, "https://github.com/o/r/actions/runs/42/attempts/3");
        let source = found.source.unwrap();
        assert_eq!(source.repository.as_str(), "git+https://github.com/o/r");
        assert_eq!((source.commit.hex().as_str(), source.reference.unwrap().as_str()), (SHA, "refs/heads/main"));
    }

    #[test]
    fn a_runner_that_does_not_say_whose_it_is_counts_as_self_hosted() {
        for value in ["", "self-hosted", "Github-Hosted"] {
            let found = with(GITHUB, &[("RUNNER_ENVIRONMENT", value)]).unwrap();
            assert_eq!(found.kind, Kind::GithubSelfHosted, "{value}");
        }
    }

    #[test]
    fn gitlab_ci_is_recognised_and_its_ref_is_made_whole() {
        for (more, expected) in [
            (("CI_COMMIT_BRANCH", "main"), "refs/heads/main"),
            (("CI_COMMIT_TAG", "v1"), "refs/tags/v1"),
            (("CI_MERGE_REQUEST_REF_PATH", "refs/merge-requests/5/head"), "refs/merge-requests/5/head"),
        ] {
            let found = with(GITLAB, &[more]).unwrap();
            assert_eq!(found.kind, Kind::GitlabCi);
            assert_eq!(found.invocation_id, "https://gitlab.com/g/s/p/-/jobs/7");
            assert_eq!(found.source.unwrap().reference.unwrap().as_str(), expected);
        }
    }

    #[test]
    fn every_kind_has_its_own_builder_id() {
        let ids = [Kind::GithubHosted, Kind::GithubSelfHosted, Kind::GitlabCi, Kind::Local].map(Kind::builder_id);
        let distinct: std::collections::BTreeSet<&str> = ids.into_iter().collect();
        assert_eq!(distinct.len(), ids.len());
        let page = include_str!("../../../docs/builders.md");
        for id in ids {
            assert!(page.contains(id), "{id} is not described");
        }
        assert!(page.contains(&format!("`{LOCAL_RUN}`")), "the local run's id is not described");
        let local = with(&[("CI", "true"), ("GITHUB_ACTIONS", "false")], &[]).unwrap();
        assert_eq!((local.kind, local.invocation_id.as_str()), (Kind::Local, "urn:uuid:local"));
    }

    #[test]
    fn what_is_missing_doubled_or_of_another_form_is_named() {
        assert_eq!(with(GITHUB, &[("GITLAB_CI", "true")]), Err(PlatformError::Both));
        for (base, name) in GITHUB.iter().map(|(n, _)| (GITHUB, *n)).chain(GITLAB.iter().map(|(n, _)| (GITLAB, *n))) {
            if matches!(name, "GITHUB_ACTIONS" | "GITLAB_CI" | "RUNNER_ENVIRONMENT") {
                continue;
            }
            assert!(
                matches!(with(base, &[(name, "")]), Err(PlatformError::Missing { name: n }) if n == name),
                "{name}"
            );
        }
        for (name, value) in
            [("GITHUB_SHA", "0123456"), ("GITHUB_SHA", "main"), ("GITHUB_REF", "main"), ("GITHUB_RUN_ID", "42/../../x")]
        {
            let found = with(GITHUB, &[(name, value)]);
            assert!(matches!(found, Err(PlatformError::Form { name: n, .. }) if n == name), "{found:?}");
        }
        let place = with(GITHUB, &[("GITHUB_REPOSITORY", "../x")]);
        assert!(matches!(place, Err(PlatformError::Repository { .. })), "{place:?}");
    }
}
