//! Why a forge was not read. No error holds a credential, and none holds more of an answer than its first words.

use super::place::PlaceError;
use super::secret::SecretError;
use countersign_core::limits;
use countersign_core::time::Time;
use std::path::PathBuf;

/// Why a forge was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnlineError {
    /// Nobody to ask.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// No credential.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The file with certificates is no such file.
    #[error("{} holds no certificates in PEM form", path.display())]
    Certificates {
        /// Which.
        path: PathBuf,
    },
    /// The address of the proxy is none.
    #[error("the proxy's address is no address of a proxy")]
    Proxy,
    /// The machinery for requests could not be set up.
    #[error("requests cannot be made: {why}")]
    Setup {
        /// Why.
        why: String,
    },
    /// A request's name that is not one of a request.
    #[error("`{name}` is not asked: it is not the name of a request")]
    Request {
        /// The name.
        name: String,
    },
    /// Nobody answered, several times.
    #[error("{name}: {host} {what}, {attempts} times")]
    Unreachable {
        /// What was asked.
        name: String,
        /// Whom.
        host: String,
        /// What happened the last time.
        what: Unreachable,
        /// How often it was tried.
        attempts: u32,
    },
    /// The other side could not show who it is.
    #[error("{host} did not show that it is {host}: {why}")]
    Tls {
        /// Whom.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// The answer points to another host. Credentials are not sent there, and what it says is not this forge's word.
    #[error("{name}: {from} points to {to}, which is not asked")]
    Elsewhere {
        /// What was asked.
        name: String,
        /// Who was asked.
        from: String,
        /// Where it points.
        to: String,
    },
    /// The answers point to one another.
    #[error("{name}: the answer points elsewhere more than {limit} times")]
    Redirects {
        /// What was asked.
        name: String,
        /// How many are followed.
        limit: u32,
    },
    /// An answer over the bound.
    #[error("{name}: the answer has more than the {} bytes that are read", limits::FORGE_ANSWER_BYTES)]
    TooLarge {
        /// What was asked.
        name: String,
    },
    /// The forge asks for more patience than there is.
    #[error(
        "{host} wants no more requests until {until}: that is {seconds} seconds more, and at most {bound} are waited in all"
    )]
    Waiting {
        /// Who.
        host: String,
        /// Until when.
        until: Time,
        /// How long that is.
        seconds: i64,
        /// How long is waited in all.
        bound: i64,
    },
    /// More answers than one change may have.
    #[error(
        "the change needs more than the {} answers, or {} bytes, that are kept",
        limits::CAPTURE_EXCHANGES,
        limits::CAPTURE_BYTES
    )]
    TooMany,
    /// A list of changes that could not be read.
    #[error("{name}: {why}")]
    Listing {
        /// What was asked.
        name: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// The app's key does not do.
    #[error("{} is no RSA key in PEM form that can sign", path.display())]
    AppKey {
        /// Which.
        path: PathBuf,
    },
    /// The app was not given a token.
    #[error("{name}: the app was given no token: {why}")]
    App {
        /// What was asked.
        name: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// The folder for answers that may be asked for again.
    #[error("{} cannot keep answers: {why}", path.display())]
    Cache {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// How nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// No connection.
    Connect,
    /// It took too long.
    Timeout,
    /// The answer broke off.
    Cut,
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "could not be connected to",
            Self::Timeout => "did not answer in time",
            Self::Cut => "broke off in its answer",
        })
    }
}
