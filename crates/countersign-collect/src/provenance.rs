//! SLSA provenance of a build that is watched, or of files that are there already.
//!
//! Everything said is what a process inside the build's own job can see, which shows SLSA Build level 1 and no more
//! (see [`crate::platform`]). What is not seen is not said: no level, no claim of being reproducible, or of being
//! hermetic where we did not see to it ourselves, no times for a build that nobody watched. It signs nothing.

use crate::artifact::{self, Artifact, ArtifactError};
use crate::cargo_command::{self, CargoBuild};
use crate::cargo_lock::{self, LockError, LockFile};
use crate::environment::Environment;
use crate::git::{GitError, GitRepo};
use crate::platform::{self, Kind, Platform, PlatformError};
use crate::runner::{Program, RunError, Stderr};
use crate::scrub;
use crate::source::{Source, SourceError};
use crate::worktree::Changes;
use countersign_core::ids::{IdError, Uri};
use countersign_core::limits;
use countersign_core::statement::provenance::hermetic::{self, Enforcement};
use countersign_core::statement::provenance::{
    BuildDefinition, Builder, DigestSet, Metadata, Moment, Provenance, ResourceDescriptor, RunDetails, build_type,
};
use countersign_core::statement::{Kind as StatementKind, Statement, StatementError, Subject};
use countersign_core::time::Time;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a compiler may take to say its version.
const VERSION_TIME: Duration = Duration::from_mins(1);

/// Variables that change what is built, and are therefore external parameters: patterns as in [`scrub::REMOVED`].
/// Published in `docs/build-types/`.
pub const RECORDED: &[&str] = &[
    "RUSTFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_BOOTSTRAP",
    "RUSTUP_TOOLCHAIN",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_BUILD_*",
    "CARGO_PROFILE_*",
    "CARGO_TARGET_*",
    "SOURCE_DATE_EPOCH",
    "CC",
    "CC_*",
    "CXX",
    "CXX_*",
    "AR",
    "AR_*",
    "CFLAGS",
    "CFLAGS_*",
    "CXXFLAGS",
    "CXXFLAGS_*",
    "LDFLAGS",
    "PKG_CONFIG_*",
];

/// Of those, the ones that only say where files are put.
const NOT_RECORDED: &[&str] = &["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"];

/// What provenance is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// A folder of the repository: where the command runs, and where relative paths start.
    pub directory: &'a Path,
    /// The variables of the process.
    pub environment: &'a Environment,
    /// Where the repository is, when that is not what its remote `origin` says.
    pub source_uri: Option<&'a str>,
    /// The lock file, when it is not the nearest `Cargo.lock`.
    pub lock_file: Option<&'a Path>,
    /// The files that provenance is about.
    pub artifacts: &'a [PathBuf],
    /// Where the provenance will be written; [`default_output`] where nobody says.
    pub output: Option<&'a Path>,
    /// Whether the command runs without a network, and the provenance says so.
    pub hermetic: bool,
    /// The invocation id on a machine that has none of its own, such as a random URN.
    pub local_run: &'a str,
}

/// Where provenance is written if nobody says: in the folder that the command runs in, by the artifact's name.
#[must_use]
pub fn default_output(artifacts: &[Artifact]) -> PathBuf {
    let name = artifacts.first().map_or("artifact", |artifact| artifact.name.as_str());
    PathBuf::from(format!("{name}.provenance.json"))
}

/// Provenance, with what a person is told about it.
#[derive(Debug)]
pub struct Observed {
    /// The files that it is about.
    pub artifacts: Vec<Artifact>,
    /// What it says.
    pub predicate: Provenance,
    /// Where it was made.
    pub platform: Kind,
    /// What differed from the commit.
    pub changes: Changes,
    /// Whether the clone leaves history out.
    pub shallow: bool,
    /// The names of the variables that the command did not get.
    pub removed: Vec<String>,
}

/// Why there is no provenance.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// This machine does not let us run a command without a network.
    #[error("no command can be run without a network here, so the build would not be hermetic: {0}")]
    Hermetic(#[source] RunError),
    /// No command was given.
    #[error("no command was given")]
    NoCommand,
    /// Nothing says which files the command builds.
    #[error("only a `cargo build` says itself what it built: name the files with --artifact")]
    NoArtifact,
    /// Cargo built nothing that can be run.
    #[error("cargo built no executable: name the files with --artifact")]
    NoExecutable,
    /// An argument, variable or folder cannot be written into a statement.
    #[error("{what} is not UTF-8 and cannot be recorded: {text:?}")]
    NotUtf8 {
        /// What it is.
        what: &'static str,
        /// As far as it can be read.
        text: String,
    },
    /// The platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The lock file.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The files.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The command: where it failed, so does provenance.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A URI of ours does not parse.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// The program of util-linux that gives a command a network namespace of its own, in which there is nothing but a
/// loopback device that is down. Files stay as they are, and with them sockets that are files.
const ALONE: &str = "unshare";
const ALONE_ARGUMENTS: [&str; 3] = ["--map-current-user", "--net", "--"];

/// Runs a command without keys and tokens, and says what it built.
///
/// The files are those of the request; for a `cargo build` that names none, the executables that cargo says it built.
pub fn provenance_by_running(
    request: &Request<'_>,
    command: &[OsString],
    clock: &dyn Fn() -> Time,
) -> Result<Observed, ProvenanceError> {
    let (program, arguments) = command.split_first().ok_or(ProvenanceError::NoCommand)?;
    let cargo = CargoBuild::of(command);
    let telling = match &cargo {
        _ if !request.artifacts.is_empty() => None,
        Some(cargo) => Some(cargo.telling(command).ok_or(ProvenanceError::NoArtifact)?),
        None => return Err(ProvenanceError::NoArtifact),
    };
    let mut at = Place::of(request)?;
    let (environment, removed) = scrub::scrub(request.environment);
    let mut parameters = at.parameters(request)?;
    let (name, recorded) = match cargo {
        Some(_) => ("arguments", arguments),
        None => ("command", command),
    };
    parameters.insert(name.to_owned(), texts("an argument", recorded)?);
    let variables = recorded_variables(&environment)?;
    if !variables.is_empty() {
        parameters.insert("environment".to_owned(), Value::Object(variables));
    }

    let alone = Program::new(ALONE, environment.clone()).args(ALONE_ARGUMENTS);
    let run = if request.hermetic {
        alone.clone().arg("true").captured(0, None, Stderr::Kept).map_err(ProvenanceError::Hermetic)?;
        alone.arg(program)
    } else {
        Program::new(program, environment.clone())
    };
    let run = run.directory(request.directory);
    let started_on = clock();
    let built = if let Some(arguments) = telling {
        let messages = run.args(arguments).captured(limits::CARGO_MESSAGES_BYTES, None, Stderr::Shown)?;
        cargo_command::executables(&messages)
    } else {
        run.args(arguments).shown()?;
        request.artifacts.to_vec()
    };
    let finished_on = clock();
    if built.is_empty() {
        return Err(ProvenanceError::NoExecutable);
    }
    at.source.after_build(&at.repository, request.environment)?;

    let mut internal = BTreeMap::from([("removedVariables".to_owned(), removed.clone().into())]);
    if request.hermetic {
        let claim = json!({ "enforcedBy": Enforcement::NetworkNamespace.word() });
        internal.insert(hermetic::NAME.to_owned(), claim);
    }
    if cargo.is_some() {
        internal.insert("toolchain".to_owned(), toolchain(request.directory, &environment, arguments));
    }
    let start = match cargo.as_ref().and_then(|cargo| cargo.manifest.as_deref()) {
        Some(manifest) => request.directory.join(manifest.parent().unwrap_or(manifest)),
        None => request.directory.to_owned(),
    };
    let lock = at.lock(request, &start, cargo.is_some())?;
    let of_type = if cargo.is_some() { build_type::CARGO_V1 } else { build_type::COMMAND_V1 };
    let metadata = Metadata {
        invocation_id: Some(at.platform.invocation_id.clone()),
        started_on: Some(started_on.into()),
        finished_on: Some(Moment::from(finished_on)),
    };
    at.observed(request, &built, lock.as_ref(), removed, metadata, |resolved_dependencies| {
        Ok(BuildDefinition {
            build_type: Uri::new(of_type)?,
            external_parameters: parameters,
            internal_parameters: internal,
            resolved_dependencies,
        })
    })
}

/// Says what can be said about files that are there already: the tree that they lie beside, not how they were built.
pub fn provenance_of_artifacts(request: &Request<'_>) -> Result<Observed, ProvenanceError> {
    let mut at = Place::of(request)?;
    let lock = at.lock(request, request.directory, false)?;
    let parameters = BTreeMap::from([("source".to_owned(), Value::from(at.source.uri()))]);
    let metadata = Metadata { invocation_id: Some(at.platform.invocation_id.clone()), ..Metadata::default() };
    at.observed(request, request.artifacts, lock.as_ref(), Vec::new(), metadata, |resolved_dependencies| {
        Ok(BuildDefinition {
            build_type: Uri::new(build_type::ARTIFACT_V1)?,
            external_parameters: parameters,
            internal_parameters: BTreeMap::new(),
            resolved_dependencies,
        })
    })
}

impl Observed {
    /// As the statement that is signed.
    pub fn statement(&self) -> Result<Statement, StatementError> {
        let subjects = self.artifacts.iter().map(|a| Subject::sha256(&a.name, &a.digest)).collect();
        Statement::new(StatementKind::Provenance, subjects, &self.predicate)
    }
}

struct Place {
    repository: GitRepo,
    platform: Platform,
    source: Source,
}

impl Place {
    fn of(request: &Request<'_>) -> Result<Self, ProvenanceError> {
        let platform = platform::recognise(request.environment, request.local_run)?;
        let repository = GitRepo::open(request.directory, request.environment)?;
        let source = Source::of(&repository, request.environment, &platform, request.source_uri)?;
        Ok(Self { repository, platform, source })
    }

    fn parameters(&self, request: &Request<'_>) -> Result<BTreeMap<String, Value>, ProvenanceError> {
        let mut parameters = BTreeMap::from([("source".to_owned(), Value::from(self.source.uri()))]);
        let here = canonical(request.directory)?;
        let inside = self.repository.work_tree().and_then(|root| here.strip_prefix(root).ok());
        let parts = inside.into_iter().flat_map(Path::iter).map(|part| text("the folder", part));
        let inside = parts.collect::<Result<Vec<_>, _>>()?.join("/");
        if !inside.is_empty() {
            parameters.insert("directory".to_owned(), Value::from(inside));
        }
        Ok(parameters)
    }

    /// The lock file that was named, or the nearest one from `start` up to the repository's root.
    /// A lock file that the commit does not have makes the tree dirty: its digests are those of something else.
    fn lock(
        &mut self,
        request: &Request<'_>,
        start: &Path,
        required: bool,
    ) -> Result<Option<LockFile>, ProvenanceError> {
        let start = canonical(start)?;
        let path = if let Some(named) = request.lock_file {
            request.directory.join(named)
        } else {
            let root = self.repository.work_tree().unwrap_or(&start);
            let mut folders = start.ancestors().take_while(|folder| folder.starts_with(root));
            let nearest = folders.find_map(|folder| Some(folder.join("Cargo.lock")).filter(|path| path.is_file()));
            match nearest {
                Some(path) => path,
                None if required => return Err(LockError::Missing { path: start.join("Cargo.lock") }.into()),
                None => return Ok(None),
            }
        };
        let lock = cargo_lock::read(&path)?;
        self.source.holds(&self.repository, request.environment, &path)?;
        Ok(Some(lock))
    }

    fn observed(
        mut self,
        request: &Request<'_>,
        files: &[PathBuf],
        lock: Option<&LockFile>,
        removed: Vec<String>,
        metadata: Metadata,
        definition: impl FnOnce(Vec<ResourceDescriptor>) -> Result<BuildDefinition, ProvenanceError>,
    ) -> Result<Observed, ProvenanceError> {
        let paths: Vec<PathBuf> = files.iter().map(|path| request.directory.join(path)).collect();
        let artifacts = artifact::hash_all(&paths)?;
        let output = request.output.map_or_else(|| default_output(&artifacts), Path::to_owned);
        self.source.forget_output(&self.repository, request.environment, &request.directory.join(output))?;
        let mut resolved = vec![self.source.descriptor()];
        if let Some(lock) = lock {
            resolved.push(ResourceDescriptor {
                name: Some("Cargo.lock".to_owned()),
                digest: DigestSet::of_sha256(&lock.digest),
                ..ResourceDescriptor::default()
            });
            resolved.extend(lock.dependencies.iter().cloned());
        }
        Ok(Observed {
            artifacts,
            predicate: Provenance {
                build_definition: definition(resolved)?,
                run_details: RunDetails {
                    builder: Builder {
                        id: self.platform.builder_id,
                        version: BTreeMap::from([("countersign".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
                        builder_dependencies: Vec::new(),
                    },
                    metadata,
                    byproducts: Vec::new(),
                },
            },
            platform: self.platform.kind,
            shallow: self.source.shallow,
            changes: self.source.changes,
            removed,
        })
    }
}

/// The versions of cargo and rustc, where they say them. With `+toolchain` in front, those of that toolchain.
fn toolchain(directory: &Path, environment: &Environment, arguments: &[OsString]) -> Value {
    let chosen = arguments.first().filter(|a| a.to_string_lossy().starts_with('+'));
    let mut versions = Map::new();
    for (name, program) in [("cargo", "cargo"), ("rustc", environment.text("RUSTC").unwrap_or("rustc"))] {
        let ask = Program::new(program, environment.clone()).directory(directory).args(chosen);
        let said = ask.arg("--version").captured(4096, Some(VERSION_TIME), Stderr::Kept);
        if let Some(text) = said.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            versions.insert(name.to_owned(), Value::from(text.trim()));
        }
    }
    Value::Object(versions)
}

fn recorded_variables(environment: &Environment) -> Result<Map<String, Value>, ProvenanceError> {
    let wanted = |name: &OsStr| scrub::any_matches(RECORDED, name) && !scrub::any_matches(NOT_RECORDED, name);
    let variables = environment.iter().filter(|(name, _)| wanted(name));
    variables.map(|(name, value)| Ok((text("a variable", name)?, Value::from(text("a variable", value)?)))).collect()
}

fn texts(what: &'static str, words: &[OsString]) -> Result<Value, ProvenanceError> {
    let words = words.iter().map(|word| text(what, word).map(Value::from));
    words.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn text(what: &'static str, word: &OsStr) -> Result<String, ProvenanceError> {
    word.to_str()
        .map(str::to_owned)
        .ok_or_else(|| ProvenanceError::NotUtf8 { what, text: word.to_string_lossy().into_owned() })
}

fn canonical(path: &Path) -> Result<PathBuf, GitError> {
    path.canonicalize().map_err(|source| GitError::Io { path: path.to_owned(), source })
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
