//! The source of a build: one commit of one repository, as git has it and as the platform says it, and the two must
//! agree.

use crate::environment::Environment;
use crate::git::{GitError, GitRepo};
use crate::platform::{ClaimedSource, Platform};
use crate::source_uri::{SourceUri, SourceUriError};
use crate::worktree::{self, Changes, Files};
use countersign_core::git::Oid;
use countersign_core::ids::RefName;
use countersign_core::statement::provenance::{
    DigestSet, HEAD_ANNOTATION, HISTORY_ANNOTATION, History, ResourceDescriptor, SOURCE_NAME, TREE_ANNOTATION, Tree,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What is built.
#[derive(Debug)]
pub(crate) struct Source {
    repository: SourceUri,
    commit: Oid,
    reference: Option<RefName>,
    tag: Option<Oid>,
    detached: bool,
    pub(crate) shallow: bool,
    pub(crate) changes: Changes,
}

/// Why the source cannot be named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no commit yet.
    #[error("the repository has no commit yet")]
    NoCommit,
    /// Nothing says where the repository is.
    #[error("the repository has no remote `origin` with an address that others can use: name it with --source-uri")]
    NoUri,
    /// The address that was given is none.
    #[error("the source URI {given:?}: {error}")]
    Uri {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        error: SourceUriError,
    },
    /// The platform builds another repository.
    #[error("the job says that it builds {job}, and {by} says {found}")]
    OtherRepository {
        /// As the job says.
        job: SourceUri,
        /// Who says something else.
        by: &'static str,
        /// What that is.
        found: SourceUri,
    },
    /// The platform builds another commit.
    #[error("the job says that it builds commit {job}, and {found} is checked out")]
    OtherCommit {
        /// As the job says.
        job: Oid,
        /// As git says.
        found: Oid,
    },
    /// The platform builds another branch.
    #[error("the job says that it builds {job}, and {found} is checked out")]
    OtherBranch {
        /// As the job says.
        job: RefName,
        /// As git says.
        found: RefName,
    },
    /// Another commit was checked out while the build ran.
    #[error("commit {before} was checked out before the build, and {after} after it")]
    Moved {
        /// Before.
        before: Oid,
        /// After.
        after: Oid,
    },
}

impl Source {
    /// What is checked out, with everything that differs from it.
    pub(crate) fn of(
        repository: &GitRepo,
        environment: &Environment,
        platform: &Platform,
        given: Option<&str>,
    ) -> Result<Self, SourceError> {
        let head = repository.head()?;
        let commit = head.commit.ok_or(SourceError::NoCommit)?;
        let given = given
            .map(|text| SourceUri::normalise(text).map_err(|error| SourceError::Uri { given: text.to_owned(), error }))
            .transpose()?;
        // A remote on disk is no address for others, but it does not stand in the way of one.
        let origin = repository.origin().and_then(|url| SourceUri::normalise(url).ok());
        if let Some(claimed) = &platform.source {
            agree(claimed, commit, head.branch.as_ref(), [("--source-uri", &given), ("the remote origin", &origin)])?;
        }
        let (claimed, claimed_reference) = match &platform.source {
            Some(claimed) => (Some(claimed.repository.clone()), claimed.reference.clone()),
            None => (None, None),
        };
        let detached = head.branch.is_none();
        let reference = claimed_reference.or(head.branch);
        // A lightweight tag is the commit itself.
        let tag = match &reference {
            Some(name) if name.as_str().starts_with("refs/tags/") => repository.resolve(name)?,
            _ => None,
        };
        Ok(Self {
            tag: tag.filter(|tag| *tag != commit),
            repository: claimed.or(given).or(origin).ok_or(SourceError::NoUri)?,
            commit,
            detached,
            reference,
            shallow: repository.facts()?.shallow,
            changes: worktree::changes(repository, environment, Files::All)?,
        })
    }

    /// Looks again after the build: the commit must be the same, and a file of it that the build changed counts.
    pub(crate) fn after_build(&mut self, repository: &GitRepo, environment: &Environment) -> Result<(), SourceError> {
        let after = repository.head()?.commit.ok_or(SourceError::NoCommit)?;
        if after != self.commit {
            return Err(SourceError::Moved { before: self.commit, after });
        }
        let changes = worktree::changes(repository, environment, Files::Tracked)?;
        self.changes.after_build(changes);
        Ok(())
    }

    /// The file whose bytes are recorded as the lock has to be one of the commit's.
    pub(crate) fn holds(
        &mut self,
        repository: &GitRepo,
        environment: &Environment,
        file: &Path,
    ) -> Result<(), SourceError> {
        Ok(worktree::count_unless_committed(&mut self.changes, repository, environment, file)?)
    }

    /// What an earlier run wrote there is none of the source's files.
    pub(crate) fn forget_output(
        &mut self,
        repository: &GitRepo,
        environment: &Environment,
        output: &Path,
    ) -> Result<(), SourceError> {
        Ok(worktree::forget_output(&mut self.changes, repository, environment, output)?)
    }

    /// The URI with the ref.
    pub(crate) fn uri(&self) -> String {
        self.repository.at(self.reference.as_ref().map(RefName::as_str))
    }

    /// As a resolved dependency.
    pub(crate) fn descriptor(&self) -> ResourceDescriptor {
        let tree = if self.changes.is_clean() { Tree::Clean } else { Tree::Dirty };
        let history = if self.shallow { History::Shallow } else { History::Complete };
        let head = if self.detached { "detached" } else { "branch" };
        let said = [(TREE_ANNOTATION, tree.as_str()), (HISTORY_ANNOTATION, history.as_str()), (HEAD_ANNOTATION, head)];
        let annotations = said.map(|(name, value)| (name.to_owned(), Value::from(value)));
        ResourceDescriptor {
            uri: Some(self.uri()),
            digest: match &self.tag {
                Some(tag) => DigestSet::of_git_commit(&self.commit).and_git_tag(tag),
                None => DigestSet::of_git_commit(&self.commit),
            },
            name: Some(SOURCE_NAME.to_owned()),
            annotations: BTreeMap::from(annotations),
            ..ResourceDescriptor::default()
        }
    }
}

fn agree(
    claimed: &ClaimedSource,
    commit: Oid,
    branch: Option<&RefName>,
    others: [(&'static str, &Option<SourceUri>); 2],
) -> Result<(), SourceError> {
    for (by, other) in others {
        match other {
            Some(found) if !found.same_place(&claimed.repository) => {
                return Err(SourceError::OtherRepository { job: claimed.repository.clone(), by, found: found.clone() });
            }
            _ => {}
        }
    }
    if claimed.commit != commit {
        return Err(SourceError::OtherCommit { job: claimed.commit, found: commit });
    }
    match (&claimed.reference, branch) {
        (Some(job), Some(found)) if job.as_str().starts_with("refs/heads/") && job != found => {
            Err(SourceError::OtherBranch { job: job.clone(), found: found.clone() })
        }
        _ => Ok(()),
    }
}
