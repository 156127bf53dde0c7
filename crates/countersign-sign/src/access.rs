//! What opening a key takes beside its place: a PIN, a passphrase, the library of a token, the variables of a plugin. None
//! of it ever comes from a command line.

use crate::error::{KeyFault, KeyFileError};
use crate::key_file::read_text;
use crate::sealed::Container;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Asks whoever sits at the terminal for a passphrase, without showing it. The text says for what; `None` is no answer.
pub type Ask = fn(&str) -> Option<Zeroizing<String>>;

/// What a key is opened with.
#[derive(Default)]
pub struct KeyAccess {
    /// The PIN of a token, where the URI names no file with it.
    pub pin: Option<Zeroizing<String>>,
    /// The library that speaks to a token, where the URI names none.
    pub module: Option<PathBuf>,
    /// The passphrase of key files.
    pub passphrase: Option<Zeroizing<String>>,
    /// The file with it, which only its owner may read.
    pub passphrase_file: Option<PathBuf>,
    /// The passphrase of cosign's keys, as cosign takes it, where no other is given.
    pub cosign: Option<Zeroizing<String>>,
    /// Asks, where nothing is given.
    pub ask: Option<Ask>,
    /// What plugins of key services see of the environment.
    pub plugins: Vec<(OsString, OsString)>,
}

impl fmt::Debug for KeyAccess {
    /// What is there, and nothing of what it says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = |secret: &Option<Zeroizing<String>>| secret.as_ref().map(|_| "…");
        f.debug_struct("KeyAccess")
            .field("pin", &there(&self.pin))
            .field("module", &self.module)
            .field("passphrase", &there(&self.passphrase))
            .field("passphrase_file", &self.passphrase_file)
            .field("cosign", &there(&self.cosign))
            .finish_non_exhaustive()
    }
}

impl KeyAccess {
    /// The passphrase of a key file: from the file that is named for it, from a variable, or from whoever sits there.
    pub(crate) fn passphrase(&self, key: &Path, container: Container) -> Result<Zeroizing<String>, Locked> {
        if let Some(path) = &self.passphrase_file {
            let (text, access) = read_text(path).map_err(Locked::file)?;
            access.must_be_private(path).map_err(Locked::file)?;
            return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        let given = match (&self.passphrase, container) {
            (Some(given), _) => Some(given),
            (None, Container::Cosign) => self.cosign.as_ref(),
            (None, Container::Pkcs8) => None,
        };
        if let Some(given) = given {
            return Ok(given.clone());
        }
        let ask = self.ask.ok_or(Locked::Fault(KeyFault::Encrypted))?;
        ask(&format!("Passphrase of {}: ", key.display())).ok_or(Locked::Fault(KeyFault::Encrypted))
    }
}

/// Why there is no passphrase.
pub(crate) enum Locked {
    /// None is given.
    Fault(KeyFault),
    /// The file with it does not do.
    File(Box<KeyFileError>),
}

impl From<KeyFault> for Locked {
    fn from(fault: KeyFault) -> Self {
        Self::Fault(fault)
    }
}

impl Locked {
    fn file(error: KeyFileError) -> Self {
        Self::File(Box::new(error))
    }

    /// As an error about a key.
    pub(crate) fn of(self, path: &Path) -> KeyFileError {
        match self {
            Self::Fault(fault) => KeyFileError::Content { path: path.to_owned(), fault },
            Self::File(source) => KeyFileError::PassphraseFile { path: path.to_owned(), source },
        }
    }
}
