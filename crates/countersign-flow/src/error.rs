//! What a use case could not do, and with which exit code that ends.

use countersign_collect::SourceError;
use countersign_collect::artifact::ArtifactError;
#[cfg(feature = "online")]
use countersign_collect::forge::OnlineError;
use countersign_collect::git::GitError;
use countersign_collect::provenance::ProvenanceError;
#[cfg(feature = "online")]
use countersign_collect::registry::RegistryError;
use countersign_collect::snapshot::SnapshotError;
use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::forge::CaptureError;
use countersign_core::json::JsonError;
use countersign_core::statement::StatementError;
use countersign_core::time::Time;
use countersign_record::disk::{DiskError, DiskFault};
use countersign_record::index::IndexError;
use countersign_record::journal::JournalError;
use countersign_record::log::LogError;
use countersign_record::package::PackageError;
use countersign_record::remote::RemoteError;
use countersign_record::store::StoreError;
use countersign_record::witness::WitnessError;
use countersign_sbom::SbomError;
use countersign_sbom::osv::AdvisoriesError;
use countersign_sbom::packages::PackagesError;
#[cfg(feature = "online")]
use countersign_sign::keyless::KeylessError;
use countersign_sign::{KeyFileError, KeyWriteError, KmsFault, SignError, SshError, TokenFault};
use std::path::PathBuf;

/// Why a use case did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A file or folder could not be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The checkpoint that a log is to be held against is not there.
    #[error("the least checkpoint is not there: {}", path.display())]
    LeastAbsent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file is larger than the bound for its kind.
    #[error("{} has {found} bytes, more than the {limit} that are read", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// How many bytes it has.
        found: u64,
        /// The bound.
        limit: usize,
    },
    /// A file that would be overwritten.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// A path is not UTF-8 where its name would be signed.
    #[error("the path {} is not UTF-8, and its name would be signed", path.display())]
    NotUtf8 {
        /// Which.
        path: PathBuf,
    },
    /// Arguments that contradict each other, or lack something.
    #[error("{0}")]
    Usage(String),
    /// Checked, and not good: nothing was written.
    #[error("{} finding(s)", .0.len())]
    Refused(Vec<Finding>),
    /// Something was done that stays, and what was to follow was not.
    #[error("{source}")]
    Unfinished {
        /// What was done, and what was not.
        done: String,
        /// The next action.
        help: String,
        /// What stood in the way.
        source: Box<Self>,
    },
    /// Whoever was asked did not agree.
    #[error("you did not agree")]
    Declined,
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A key file does not do.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A key could not be written.
    #[error(transparent)]
    KeyWrite(#[from] KeyWriteError),
    /// Signing failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// `ssh-keygen` failed.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(LogError),
    /// An index failed. It can be built again.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A store that lies elsewhere failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A watcher's journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A witness could not do its work.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// A server of ours could not listen.
    #[error("could not listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The audit package does not hold.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Git could not be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A forge could not be read.
    #[cfg(feature = "online")]
    #[error(transparent)]
    Online(#[from] OnlineError),
    /// Nothing was signed with an identity.
    #[cfg(feature = "online")]
    #[error(transparent)]
    Keyless(#[from] KeylessError),
    /// A registry was not read or not written.
    #[cfg(feature = "online")]
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// What a forge answered could not be written down.
    #[error("the answers of the forge could not be written down: {0}")]
    Capture(#[from] CaptureError),
    /// The demo did not come to its end.
    #[error("{0}")]
    Demo(String),
    /// A thread of ours died.
    #[error("a part of the work ended before its end")]
    Thread,
    /// Provenance could not be made.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// What a revision says could not be collected.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An SBOM could not be made.
    #[error("{}", with_place(.0))]
    Sbom(#[from] SbomError),
    /// What another package manager or a compiler left could not be read.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// A database of advisories could not be read.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesError),
    /// A schema of ours cannot be used.
    #[error("{0}")]
    Schema(String),
    /// Git evidence could not be written down.
    #[error("the git evidence could not be written down: {0}")]
    Evidence(String),
    /// An artifact could not be hashed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Something of ours did not serialise.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A statement does not hold.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// What the writer refuses of what it is given was checked, and is not good.
impl From<LogError> for FlowError {
    fn from(error: LogError) -> Self {
        if let LogError::BeforeNewest { newest, found } = error {
            return Self::Refused(vec![before_log(newest, found)]);
        }
        Self::Log(error)
    }
}

/// That the machine's time lies before the log's newest entry.
pub(crate) fn before_log(newest: Time, found: Time) -> Finding {
    Finding::new(codes::TIME_BEFORE_LOG, "the machine's time lies before the newest entry of the log")
        .expected(format!("{newest} or later"), "the log")
        .found(found.to_string())
        .help("set this machine's clock; if that is right, the entry's was ahead: run this again once its time is past")
}

impl FlowError {
    /// One next action, where there is one that helps.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "an error without a line here simply has no help")]
    pub fn help(&self) -> Option<String> {
        #[cfg(feature = "online")]
        if let Self::Online(error) = self {
            return online_help(error);
        }
        #[cfg(feature = "online")]
        if let Self::Registry(error) = self {
            return registry_help(error);
        }
        match self {
            Self::Key(KeyFileError::OpenToOthers { path, .. }) => Some(format!("chmod 600 {}", path.display())),
            Self::Key(KeyFileError::Missing { .. }) => {
                Some("`countersign key generate --output FILE` makes one".to_owned())
            }
            Self::TooLarge { path, .. } => {
                Some(format!("is {} the file that you mean? look at it first", path.display()))
            }
            Self::LeastAbsent { .. } => Some(
                "name the file that the last run kept; if it was lost, have somebody look at the log before \
                 `countersign log checkpoint --output FILE` begins a new one: nothing says any more whether the log was set back"
                    .to_owned(),
            ),
            Self::Sbom(error) => Some(error.help()),
            Self::Unfinished { help, .. } | Self::Packages(PackagesError::Unsupported { help, .. }) => Some(help.clone()),
            Self::Advisories(AdvisoriesError::Archive { .. }) => {
                Some("get the export again: an archive that is cut off or altered is not read in part".to_owned())
            }
            Self::Packages(PackagesError::Unknown { .. }) => Some(
                "name a package-lock.json, uv.lock, poetry.lock or requirements.txt, a wheel, a folder of installed Python \
                 packages, or a binary that Go 1.18 or later or `cargo auditable` built; `countersign sbom` reads Cargo workspaces, and \
                 `countersign sbom ingest` takes any other tool's SBOM"
                    .to_owned(),
            ),
            Self::Packages(PackagesError::Several { .. }) => Some("name the one that you mean".to_owned()),
            Self::Log(LogError::Missing { .. }) => {
                Some("name the store with --store; `countersign log init` makes a new log".to_owned())
            }
            Self::Log(LogError::CheckpointGone { .. }) => Some(
                "put it back from a copy that is not older: a log without its checkpoint is never begun anew".to_owned(),
            ),
            Self::Log(LogError::Checkpoint { .. }) => Some(
                "the store's own file is damaged: put it back from a copy; nobody makes a checkpoint anew without the log's key"
                    .to_owned(),
            ),
            Self::Log(LogError::Exists { .. }) => {
                Some("if it is the log, use it as it is; otherwise name another store with --store".to_owned())
            }
            Self::Log(LogError::Origin { found, .. }) => {
                Some(format!("give the key of {found} with --log-key, or name the other log's store with --store"))
            }
            Self::Store(StoreError::Missing { .. }) => Some(
                "`countersign evidence check` says what is missing: of a log that was closed, with --later STORE, also what a later \
                 one erased, which does not come back; anything else is restored from a copy"
                    .to_owned(),
            ),
            Self::Exists { path } => Some(format!("name another file or folder, or move {} away", path.display())),
            Self::KeyWrite(KeyWriteError::Exists { path }) => {
                Some(format!("name another file, or move {} away: no key is ever written over", path.display()))
            }
            Self::Git(GitError::NotARepository { .. }) => {
                Some("name the repository's folder, with --repo where the verb takes it".to_owned())
            }
            Self::Log(LogError::Outrun { .. }) => {
                Some("others append to this store all the time: run this again".to_owned())
            }
            Self::Remote(error) | Self::Log(LogError::Remote(error)) | Self::Store(StoreError::Remote(error)) => {
                remote_help(error)
            }
            Self::Log(LogError::InUse { .. }) | Self::Journal(JournalError::InUse { .. }) => {
                Some("wait until the other run has ended, and run this again".to_owned())
            }
            Self::Log(LogError::NotHere { .. }) => Some("keep the store on a disk of this machine".to_owned()),
            Self::Git(GitError::ChangeNotFetched { fetch, .. }) => Some(fetch.clone()),
            Self::Git(GitError::RefLocked { path }) => {
                Some(format!("wait until it has ended; if nothing runs any more, remove {}", path.display()))
            }
            Self::Git(GitError::NoSuchRevision { .. }) => {
                Some("name a branch, a tag, an id, or steps back from one such as `main~1`; or `git fetch`".to_owned())
            }
            Self::Git(GitError::Outrun { .. }) => Some("countersign review push".to_owned()),
            Self::Ssh(error) | Self::Sign(SignError::Ssh(error)) => ssh_help(error),
            Self::Provenance(ProvenanceError::Lock(_)) => Some("cargo generate-lockfile".to_owned()),
            Self::Disk(error) | Self::Log(LogError::Disk(error)) | Self::Store(StoreError::Disk(error)) => {
                if error.fault == DiskFault::Full {
                    Some("make room on the disk, and run this again: nothing is half-written".to_owned())
                } else if matches!(error.fault, DiskFault::ReadOnly | DiskFault::Denied) {
                    Some("name a folder that can be written to, or change its permissions".to_owned())
                } else if error.fault == DiskFault::Kept {
                    Some("name a file outside of it for what is written".to_owned())
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// What was done in spite of it, where something was.
    #[must_use]
    pub fn done(&self) -> Option<&str> {
        if let Self::Unfinished { done, .. } = self { Some(done) } else { None }
    }

    /// The exit code by the public table.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_)
            | Self::Git(GitError::NotAChange { .. } | GitError::NoSuchRemote { .. })
            | Self::Provenance(
                ProvenanceError::NoCommand | ProvenanceError::NoArtifact | ProvenanceError::NoExecutable,
            )
            | Self::Sbom(
                SbomError::NoSuchPackage { .. }
                | SbomError::PackageNotNamed { .. }
                | SbomError::NoBinary { .. }
                | SbomError::NoSuchBinary { .. }
                | SbomError::BinaryNotNamed { .. }
                | SbomError::NoSuchFeature { .. }
                | SbomError::NotOfTheFolder { .. }
                | SbomError::FeaturesRequired { .. }
                | SbomError::NoLibrary { .. }
                | SbomError::NoArtifact { .. }
                | SbomError::Config { .. }
                | SbomError::SeveralTargets { .. }
                | SbomError::NoSuchTarget { .. },
            ) => Exit::Usage,
            Self::Key(error) | Self::Ssh(SshError::File(error)) | Self::Sign(SignError::Ssh(SshError::File(error))) => {
                key_exit(error)
            }
            Self::Provenance(ProvenanceError::Source(error)) | Self::Snapshot(SnapshotError::Naming(error)) => {
                source_exit(error)
            }
            Self::Packages(PackagesError::Unknown { .. } | PackagesError::Several { .. }) => Exit::Usage,
            Self::Snapshot(SnapshotError::NothingRendered { .. } | SnapshotError::Rendered { .. }) => Exit::Usage,
            Self::Snapshot(SnapshotError::TooMany { .. }) => Exit::Indeterminate,
            // A refusal without a finding above a note would be a fault of ours: it must not end with 0.
            Self::Refused(findings) if exit_of(findings) == Exit::Ok => Exit::Internal,
            Self::Refused(findings) => exit_of(findings),
            Self::Disk(error) if error.fault == DiskFault::Kept => Exit::Usage,
            Self::Unfinished { source, .. } => source.exit(),
            Self::Declined => Exit::Refused,
            Self::Json(_) | Self::Evidence(_) | Self::Schema(_) | Self::Thread => Exit::Internal,
            Self::Log(error) => log_exit(error),
            #[cfg(feature = "online")]
            Self::Online(error) => online_exit(error),
            #[cfg(feature = "online")]
            Self::Registry(error) => registry_exit(error),
            #[cfg(feature = "online")]
            Self::Keyless(KeylessError::Config(_) | KeylessError::Token(_)) => Exit::Usage,
            #[cfg(feature = "online")]
            Self::Keyless(_) => Exit::Io,
            Self::Remote(error) | Self::Store(StoreError::Remote(error)) => remote_exit(error),
            Self::Journal(JournalError::Altered { .. } | JournalError::TooLarge { .. })
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. }
            | Self::Packages(PackagesError::TooLarge { .. })
            | Self::Advisories(AdvisoriesError::Archive { .. } | AdvisoriesError::TooMany { .. })
            | Self::Statement(_)
            | Self::Package(_)
            | Self::Witness(WitnessError::Memory { .. })
            | Self::Capture(_)
            | Self::Sbom(SbomError::ChecksumMismatch { .. }
                | SbomError::Vendored { .. }
                | SbomError::Unpacked { .. }
                | SbomError::Embedded { .. },
            )
            // What a token, a plugin or this machine gave back as a signature is none.
            | Self::Sign(SignError::DoesNotHold { .. })
            | Self::Store(StoreError::Altered { .. } | StoreError::TooLarge { .. }) => Exit::Untrusted,
            // What the job says of itself and what is checked out do not fit together: nothing can be said of the source.
            Self::Provenance(ProvenanceError::Platform(_)) | Self::Store(StoreError::Missing { .. }) => {
                Exit::Indeterminate
            }
            Self::Read { .. }
            | Self::LeastAbsent { .. }
            | Self::Journal(_)
            | Self::Listen { .. }
            | Self::Witness(_)
            | Self::Exists { .. }
            | Self::Index(_)
            | Self::Disk(_)
            | Self::KeyWrite(_)
            | Self::Sign(_)
            | Self::Ssh(_)
            | Self::Store(_)
            | Self::Artifact(_)
            | Self::Demo(_)
            | Self::Provenance(_)
            | Self::Snapshot(_)
            | Self::Sbom(_)
            | Self::Packages(_)
            | Self::Advisories(_)
            | Self::Git(_) => Exit::Io,
        }
    }
}

/// What an SBOM's error says, with the file, folder or flag that it is about.
fn with_place(error: &SbomError) -> String {
    let said = error.to_string();
    match error.at() {
        Some(place) if !place.split(' ').next_back().is_some_and(|last| said.contains(last)) => {
            format!("{said}: {place}")
        }
        _ => said,
    }
}

/// A key that cannot do this job, or that others can get at, is a wrong name on the command line.
const fn key_exit(error: &KeyFileError) -> Exit {
    let wrong = matches!(
        error,
        KeyFileError::Content { .. }
            | KeyFileError::OpenToOthers { .. }
            | KeyFileError::Token {
                fault: TokenFault::Uri(_)
                    | TokenFault::NotBuilt
                    | TokenFault::NoModule
                    | TokenFault::NoPin
                    | TokenFault::Tokens { .. }
                    | TokenFault::Keys { .. }
                    | TokenFault::Kind,
                ..
            }
            | KeyFileError::Kms {
                fault: KmsFault::Reference | KmsFault::Missing { .. } | KmsFault::PublicKey(_) | KmsFault::Kind { .. },
                ..
            }
            | KeyFileError::PassphraseFile { .. }
    );
    if wrong { Exit::Usage } else { Exit::Io }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an error without a line here simply has no help")]
fn remote_help(error: &RemoteError) -> Option<String> {
    match error {
        RemoteError::Unknown { .. } => {
            Some("look with `countersign log show` whether the entry is there, before this is run again".to_owned())
        }
        RemoteError::Failed { doing: "push to the branch", .. } => {
            Some("may this user push to the branch? its protection has to allow plain pushes, and no others".to_owned())
        }
        RemoteError::Unfit { .. } => Some("take another service, or one writer with a folder".to_owned()),
        _ => None,
    }
}

/// What a registry does not have is missing evidence; what is not what its digest says is not trusted.
#[cfg(feature = "online")]
const fn registry_exit(error: &RegistryError) -> Exit {
    if matches!(error, RegistryError::Setup { .. }) {
        Exit::Usage
    } else if matches!(error, RegistryError::NoImage { .. }) {
        Exit::Indeterminate
    } else if matches!(
        error,
        RegistryError::Altered { .. } | RegistryError::TooLarge { .. } | RegistryError::Odd { .. }
    ) {
        Exit::Untrusted
    } else if matches!(error, RegistryError::Json(_)) {
        Exit::Internal
    } else {
        Exit::Io
    }
}

#[cfg(feature = "online")]
#[expect(clippy::wildcard_enum_match_arm, reason = "an error without a line here simply has no help")]
fn registry_help(error: &RegistryError) -> Option<String> {
    match error {
        RegistryError::NotAllowed { with_login: false, .. } => {
            Some("show a login with --login-file or --login-env, or run `docker login` first".to_owned())
        }
        RegistryError::NotAllowed { .. } => {
            Some("may this login read, and for `attach` also write, this repository?".to_owned())
        }
        RegistryError::Unreachable { .. } => Some(
            "is that the registry's host? HTTPS_PROXY names a proxy; --ca a file with your own authority; without TLS \
             only this machine is asked, unless --plain-http is given"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(feature = "online")]
fn online_exit(error: &OnlineError) -> Exit {
    if matches!(error, OnlineError::Place(_) | OnlineError::Proxy | OnlineError::Request { .. }) {
        Exit::Usage
    } else if matches!(error, OnlineError::TooLarge { .. } | OnlineError::TooMany) {
        Exit::Untrusted
    } else {
        Exit::Io
    }
}

const fn source_exit(error: &SourceError) -> Exit {
    if matches!(error, SourceError::NoUri | SourceError::Uri { .. }) {
        Exit::Usage
    } else if matches!(error, SourceError::Git(_)) {
        Exit::Io
    } else {
        Exit::Indeterminate
    }
}

#[cfg(feature = "online")]
#[expect(clippy::wildcard_enum_match_arm, reason = "an error without a line here simply has no help")]
fn online_help(error: &OnlineError) -> Option<String> {
    match error {
        OnlineError::Waiting { .. } => Some("run this again later, or be more patient with --max-wait".to_owned()),
        OnlineError::Tls { .. } => Some("name the file with your own authority's certificate with --ca".to_owned()),
        OnlineError::Elsewhere { .. } => {
            Some("name the forge by the address that it has now, with --repository or --api".to_owned())
        }
        OnlineError::Unreachable { .. } => {
            Some("is that the address of the forge's API? --api names another; HTTPS_PROXY names a proxy".to_owned())
        }
        OnlineError::Listing { .. } => Some(
            "a forge that does not know you may deny that there is such a repository: show a token that may read it \
             (--token-file, --token-env), and name the API with --api if it is not where the forge usually has it"
                .to_owned(),
        ),
        _ => None,
    }
}

/// A missing log is no evidence; a damaged one is not trusted; one that cannot be read or is in use is a matter of the disk.
fn log_exit(error: &LogError) -> Exit {
    if let LogError::Remote(error) = error {
        remote_exit(error)
    } else if matches!(error, LogError::Missing { .. }) {
        Exit::Indeterminate
    } else if matches!(error, LogError::WorkingCopy { .. }) {
        Exit::Internal
    } else if matches!(
        error,
        LogError::InUse { .. }
            | LogError::Exists { .. }
            | LogError::NotHere { .. }
            | LogError::Disk(_)
            | LogError::Outrun { .. }
    ) {
        Exit::Io
    } else {
        Exit::Untrusted
    }
}

/// A store that holds something else than it should is not trusted; one that does not answer is a matter of the network.
const fn remote_exit(error: &RemoteError) -> Exit {
    if matches!(error, RemoteError::Form { .. } | RemoteError::TooLarge { .. } | RemoteError::Altered { .. }) {
        Exit::Untrusted
    } else {
        Exit::Io
    }
}

/// What to do where `ssh-keygen` did not sign. Its own words are all that it gives.
fn ssh_help(error: &SshError) -> Option<String> {
    if matches!(error, SshError::ProgramMissing { .. }) {
        return Some("install OpenSSH's client, or sign with a PEM key".to_owned());
    }
    let SshError::Refused { key, last_lines, .. } = error else { return None };
    let said = |words: &str| last_lines.iter().any(|line| line.contains(words));
    let public = key.extension().is_some_and(|end| end == "pub");
    let private = if public { key.with_extension("") } else { key.clone() };
    let private = private.display();
    if said("passphrase") {
        Some(format!(
            "the key has a passphrase: run this in a terminal, or give it to an agent with `ssh-add {private}` and name \
             {private}.pub"
        ))
    } else if said("No private key found") || said("agent") {
        Some(format!("no agent that can be reached has this key: `eval $(ssh-agent)`, then `ssh-add {private}`"))
    } else if said("UNPROTECTED") || said("bad permissions") {
        Some(format!("chmod 600 {private}"))
    } else {
        None
    }
}
