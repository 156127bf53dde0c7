//! Stores that lie elsewhere: how they are named, and how a working copy of one is had.

use crate::error::FlowError;
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_collect::runner::{Program, RunError, Stderr};
use countersign_core::ids::RefName;
use countersign_record::remote::git::{Git, GitBranch, GitCall, GitFailed};
use countersign_record::remote::{Remote, WorkingCopy};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long one call of git may take.
const GIT_TIME: Duration = Duration::from_mins(10);
/// The clouds whose object storage can be a store.
const CLOUDS: &[&str] = &["s3", "gs", "az"];
/// The remote whose address is taken where a branch is named alone.
const ORIGIN: &str = "origin";
/// Variables that would have git work elsewhere than in our own repository, or sign with somebody's name.
const NOT_HANDED_ON: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_AUTHOR_DATE",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMITTER_DATE",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMON_DIR",
    "GIT_DEFAULT_HASH",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The name of a store, as it is given with `--store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreName {
    /// A folder.
    Folder(PathBuf),
    /// `git:BRANCH`, of the repository that this one was cloned from, or `git:URL#BRANCH`.
    Branch {
        /// The repository's address.
        url: Option<String>,
        /// The branch.
        branch: RefName,
    },
    /// `s3://BUCKET/PREFIX`, or with `gs` or `az`.
    Bucket(String),
}

/// A name that no store has.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAStore(String);

impl StoreName {
    /// Reads a name.
    pub fn parse(text: &OsStr) -> Result<Self, NotAStore> {
        if let Some(text) = text.to_str()
            && let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| CLOUDS.contains(scheme))
        {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
            if rest.is_empty() || rest.starts_with('/') || !rest.chars().all(plain) {
                return Err(NotAStore(format!("`{text}` names no bucket: s3://BUCKET or s3://BUCKET/PREFIX")));
            }
            return Ok(Self::Bucket(text.trim_end_matches('/').to_owned()));
        }
        let Some(rest) = text.to_str().and_then(|text| text.strip_prefix("git:")) else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        let (url, branch) = match rest.rsplit_once('#') {
            Some((url, branch)) => (Some(url), branch),
            None => (None, rest),
        };
        let full = if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") };
        let branch = RefName::new(&full).ok().filter(|_| !branch.is_empty()).ok_or_else(|| {
            NotAStore(format!("`{branch}` is no branch: a store is named git:BRANCH, or git:URL#BRANCH"))
        })?;
        let url = url.map(usable).transpose()?;
        Ok(Self::Branch { url, branch })
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Bucket(name) => f.write_str(name),
            Self::Branch { url, branch } => {
                let branch = branch.as_str();
                let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
                match url {
                    None => write!(f, "git:{branch}"),
                    Some(url) => write!(f, "git:{url}#{branch}"),
                }
            }
        }
    }
}

/// An address that git takes for nothing else, and that holds nothing secret: it is printed.
fn usable(url: &str) -> Result<String, NotAStore> {
    if url.is_empty() || url.starts_with('-') || url.contains(|c: char| c.is_control()) {
        return Err(NotAStore(format!("`{url}` is no address of a repository")));
    }
    if url.split_once("::").is_some_and(|(helper, _)| helper.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
        return Err(NotAStore("an address that starts a program of its own is not used".to_owned()));
    }
    let user = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    if user.is_some_and(|(user, _)| user.contains(':')) {
        return Err(NotAStore(
            "the address has a password in it, which would be printed: give it to git with a credential helper, or with \
             http.extraHeader in GIT_CONFIG_COUNT, GIT_CONFIG_KEY_0 and GIT_CONFIG_VALUE_0"
                .to_owned(),
        ));
    }
    Ok(url.to_owned())
}

/// A working copy of a store that lies elsewhere; none of one in a folder. The writer's name is random.
pub fn working_copy(
    name: &StoreName,
    environment: &Environment,
    writer: &str,
) -> Result<Option<Arc<WorkingCopy>>, FlowError> {
    let temporary = environment.text("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let remote: Box<dyn Remote> = match name {
        StoreName::Folder(_) => return Ok(None),
        StoreName::Bucket(name) => bucket(name, environment, writer)?,
        StoreName::Branch { url, branch } => {
            let url = match url {
                Some(url) => seen_from(Path::new("."), url),
                None => origin(environment)?,
            };
            let git = Box::new(OwnGit::new(environment));
            Box::new(GitBranch::new(&name.to_string(), &url, branch.clone(), git, &temporary)?)
        }
    };
    Ok(Some(Arc::new(WorkingCopy::of(remote, &temporary)?)))
}

#[cfg(feature = "object-store")]
fn bucket(name: &str, environment: &Environment, writer: &str) -> Result<Box<dyn Remote>, FlowError> {
    use countersign_record::remote::{cloud::Cloud, objects::Bucket};
    let of_cloud = |name: &str| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|start| name.starts_with(start));
    let text = |text: &OsStr| text.to_str().map(str::to_owned);
    let variables = environment.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    let cloud = Cloud::open(name, variables.filter(|(name, _)| of_cloud(name)))?;
    Ok(Box::new(Bucket::new(name, Box::new(cloud), writer)))
}

#[cfg(not(feature = "object-store"))]
fn bucket(name: &str, _environment: &Environment, _writer: &str) -> Result<Box<dyn Remote>, FlowError> {
    Err(FlowError::Usage(format!(
        "{name}: this program was built without object storage: build it with `--features object-store`, or name a folder \
         or git:BRANCH"
    )))
}

/// The address that the repository here was cloned from.
fn origin(environment: &Environment) -> Result<String, FlowError> {
    let repo = GitRepo::open(Path::new("."), environment)?;
    let url = repo.remotes().find(|(name, _)| *name == ORIGIN).map(|(_, url)| url.to_owned());
    let url = url.ok_or_else(|| {
        FlowError::Usage("this repository has no remote `origin`: name the store's with git:URL#BRANCH".to_owned())
    })?;
    let url = usable(&url).map_err(|error| FlowError::Usage(format!("the remote `origin`: {error}")))?;
    Ok(seen_from(repo.work_tree().unwrap_or_else(|| repo.git_dir()), &url))
}

/// The same address for a git that runs in a folder of our own: a path is one from where it was written. As git has it, what has a colon
/// before its first slash is none.
fn seen_from(folder: &Path, url: &str) -> String {
    let first = url.split('/').next().unwrap_or_default();
    if first.contains(':') || url.starts_with('/') {
        return url.to_owned();
    }
    let path = folder.join(url);
    std::path::absolute(&path).unwrap_or(path).display().to_string()
}

/// The user's git with the user's settings and credentials, in a repository of our own.
#[derive(Debug)]
struct OwnGit {
    environment: Environment,
}

impl OwnGit {
    fn new(environment: &Environment) -> Self {
        let kept = |name: &OsStr| !NOT_HANDED_ON.iter().any(|out| name == OsStr::new(out));
        let kept = environment.iter().filter(|(name, _)| kept(name)).map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut environment: Environment = kept.collect();
        for (name, value) in [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_AUTHOR_NAME", "countersign"),
            ("GIT_AUTHOR_EMAIL", "countersign@localhost"),
            ("GIT_COMMITTER_NAME", "countersign"),
            ("GIT_COMMITTER_EMAIL", "countersign@localhost"),
        ] {
            environment.set(name, value);
        }
        Self { environment }
    }
}

impl Git for OwnGit {
    fn run(&self, call: &GitCall<'_>) -> Result<Vec<u8>, GitFailed> {
        let mut environment = self.environment.clone();
        if let Some(index) = call.index {
            environment.set("GIT_INDEX_FILE", index);
        }
        let settings = ["core.hooksPath=/dev/null", "gc.auto=0", "maintenance.auto=false", "push.gpgSign=false"];
        let program = Program::new("git", environment).directory(call.folder);
        let program = program.arg("--git-dir").arg(call.repository);
        let program = settings.iter().fold(program, |program, setting| program.args(["-c", setting]));
        let printed = program.args(call.arguments).fed(call.input, call.limit, Some(GIT_TIME), Stderr::Kept);
        printed.map_err(|error| match error {
            RunError::Failed { last_lines, .. } if !last_lines.is_empty() => GitFailed { said: last_lines },
            RunError::Failed { .. }
            | RunError::NotFound { .. }
            | RunError::Io { .. }
            | RunError::TooMuch { .. }
            | RunError::TimedOut { .. }
            | _ => GitFailed { said: vec![error.to_string()] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<StoreName, String> {
        StoreName::parse(OsStr::new(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_store_is_a_folder_or_a_branch_and_is_shown_as_it_was_named() {
        assert_eq!(parsed(".countersign").unwrap(), StoreName::Folder(PathBuf::from(".countersign")));
        let branch = RefName::new("refs/heads/log").unwrap();
        assert_eq!(parsed("git:log").unwrap(), StoreName::Branch { url: None, branch: branch.clone() });
        let url = "https://forge.example/team/gate.git";
        let named = parsed(&format!("git:{url}#log")).unwrap();
        assert_eq!(named, StoreName::Branch { url: Some(url.to_owned()), branch });
        assert_eq!(named.to_string(), format!("git:{url}#log"));
        assert_eq!(parsed("s3://b/c/").unwrap(), StoreName::Bucket("s3://b/c".to_owned()));
        assert!(parsed("s3://").is_err() && parsed("gs:///x").is_err() && parsed("az://b?x=1").is_err());
        assert_eq!(parsed("git:refs/heads/log").unwrap().to_string(), "git:log");
    }

    #[test]
    fn a_path_is_one_from_where_it_was_written_and_an_address_stays_what_it_is() {
        let seen = |url: &str| seen_from(Path::new("/ada/app"), url);
        assert_eq!(seen("../log.git"), "/ada/app/../log.git");
        assert_eq!(seen("log.git"), "/ada/app/log.git");
        for same in
            ["/srv/log.git", "https://forge.example/log.git", "git@forge.example:log.git", "file:///srv/log.git"]
        {
            assert_eq!(seen(same), same);
        }
    }

    #[test]
    fn an_address_that_runs_a_program_or_holds_a_password_is_no_store() {
        for wrong in ["git:", "git:u#", "git:#log", "git:a b", "git:-x#log", "git:ext::sh -c x#log"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
        let said = parsed("git:https://me:hunter2@forge.example/x#log").unwrap_err();
        assert!(said.contains("password") && !said.contains("hunter2"), "{said}");
        assert!(parsed("git:ssh://git@forge.example/x#log").is_ok());
    }
}
