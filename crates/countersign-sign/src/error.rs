//! What can go wrong with a key, as facts. No message here ever holds a byte of a private key.

use crate::kms::KmsFault;
use crate::token::TokenFault;
use countersign_core::json::JsonError;
use countersign_core::key::{KeyError, KeyId};
use std::io;
use std::path::{Path, PathBuf};

/// Why a place of a key gave no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("no key file at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("the key file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its mode lets others than the owner at it.
    #[error("the key file {path} has mode {mode:04o}, so others than its owner can get at it: run `chmod 600 {path}`", path = path.display())]
    OpenToOthers {
        /// The file, as it was given.
        path: PathBuf,
        /// The permission bits that were found.
        mode: u32,
    },
    /// Its content is not a private key that can sign here.
    #[error("the key file {}: {fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        fault: KeyFault,
    },
    /// A key on a token cannot be used.
    #[error("the key {key}: {fault}")]
    Token {
        /// Its URI.
        key: String,
        /// Why.
        fault: TokenFault,
    },
    /// A key in a key service cannot be used.
    #[error("the key {key}: {fault}")]
    Kms {
        /// Its reference.
        key: String,
        /// Why.
        fault: KmsFault,
    },
    /// The file with the passphrase cannot be read, or others can read it.
    #[error("the passphrase of the key {}: {source}", path.display())]
    PassphraseFile {
        /// The key file.
        path: PathBuf,
        /// What is wrong with the file with the passphrase.
        source: Box<Self>,
    },
}

impl KeyFileError {
    pub(crate) fn of_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            Self::Missing { path }
        } else {
            Self::Unreadable { path, source }
        }
    }
}

/// Why text is not a private key that can sign here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// Larger than any key.
    #[error("more than {limit} bytes, too many for a key")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("not text: a private key is PEM; for DER, run `openssl pkey -inform DER` first")]
    NotUtf8,
    /// No PEM block at all.
    #[error("no PEM block `PRIVATE KEY`")]
    NoPem,
    /// More than one key.
    #[error("{found} PEM blocks, there must be exactly 1")]
    Several {
        /// How many there are.
        found: usize,
    },
    /// A public key where a private one belongs.
    #[error("this is a public key; the private key signs")]
    Public,
    /// Encrypted with a passphrase, and none was given.
    #[error(
        "the key is encrypted with a passphrase, and none was given: COUNTERSIGN_KEY_PASSPHRASE_FILE names a file with it, COUNTERSIGN_KEY_PASSPHRASE holds it, and at a terminal it is asked for"
    )]
    Encrypted,
    /// The passphrase is not the key's.
    #[error("the passphrase does not open the key")]
    Passphrase,
    /// Encrypted in a way that is not taken.
    #[error("the encrypted key cannot be opened: {problem}")]
    Sealed {
        /// Why.
        problem: &'static str,
    },
    /// OpenSSH's own form of a private key.
    #[error(
        "this is an OpenSSH private key, with which persons sign: reviews, trust and policy, through ssh-keygen; here, a PEM `PRIVATE KEY` is needed"
    )]
    OpenSsh,
    /// Another PEM block.
    #[error("PEM block `{label}` is not a `PRIVATE KEY`")]
    Label {
        /// The label that was found.
        label: String,
    },
    /// A kind of key that does not sign here.
    #[error("the key is of kind {kind}; Ed25519, ECDSA P-256 and P-384, and RSA of 2048 bits and more sign here")]
    Kind {
        /// The kind that was found.
        kind: String,
    },
    /// The base64 or the structure inside does not hold.
    #[error("the key's encoding does not hold")]
    Encoding,
}

/// Why a new key was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyWriteError {
    /// A file is there already; a key is never overwritten.
    #[error("{} exists, and a key is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The disk or the system refuses.
    #[error("{} cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The provider did not make or encode the key.
    #[error("no new key: the cryptographic provider refused")]
    Provider,
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The provider did not sign.
    #[error("the key {key} did not sign: the cryptographic provider refused")]
    Provider {
        /// The key.
        key: KeyId,
    },
    /// The token did not sign.
    #[error("the key {key} did not sign: {fault}")]
    Token {
        /// The key.
        key: KeyId,
        /// Why.
        fault: TokenFault,
    },
    /// The plugin of a key service did not sign.
    #[error("the key {key} did not sign: {fault}")]
    Kms {
        /// The key.
        key: KeyId,
        /// Why.
        fault: KmsFault,
    },
    /// What was signed does not hold for the public key.
    #[error("what the key {key} signed does not hold for its public half, and was not let out")]
    DoesNotHold {
        /// The key.
        key: KeyId,
    },
    /// The signed document could not be written.
    #[error(transparent)]
    Document(#[from] JsonError),
    /// `ssh-keygen` did not sign.
    #[error(transparent)]
    Ssh(#[from] SshError),
}

/// Why `ssh-keygen` did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshError {
    /// The program is not there.
    #[error("the program {program} was not found: SSH keys sign through OpenSSH's ssh-keygen, version 8.2 or newer")]
    ProgramMissing {
        /// Its name.
        program: String,
    },
    /// It could not be started, or not be listened to.
    #[error("the program {program} could not be run: {source}")]
    Run {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It refused.
    #[error("{program} refused to use the key {}{}", key.display(), said(last_lines))]
    Refused {
        /// The program's name.
        program: String,
        /// The key that it was to use.
        key: PathBuf,
        /// The end of what it said; empty where that went straight to the terminal.
        last_lines: Vec<String>,
    },
    /// It gave back something else than was asked for.
    #[error("{program} gave back no {wanted}")]
    Output {
        /// The program's name.
        program: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The key file cannot be read.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The public half is of a kind that is not taken.
    #[error("the public key {}: {source}", path.display())]
    PublicKey {
        /// The file that it is in, or that it was made from.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
}

fn said(last_lines: &[String]) -> String {
    if last_lines.is_empty() { String::new() } else { format!(": {}", last_lines.join("; ")) }
}
