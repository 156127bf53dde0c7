//! Keys that never leave a hardware token: PKCS#11, through the library that the token's maker gives. The adapter is
//! the only place that knows the crate; without the feature `pkcs11` such a key is refused by name.

#[cfg(feature = "pkcs11")]
mod adapter;
mod uri;

#[cfg(feature = "pkcs11")]
pub(crate) use adapter::TokenKey;
pub(crate) use uri::{SCHEME, shown};
pub use uri::{TokenUri, TokenUriError};

use std::path::PathBuf;
use zeroize::Zeroizing;

/// What a token needs and no command line may hold: the PIN, and the library where the URI names none.
#[derive(Default)]
pub struct TokenAccess {
    /// The PIN, where the URI names no file with it.
    pub pin: Option<Zeroizing<String>>,
    /// The library.
    pub module: Option<PathBuf>,
}

impl std::fmt::Debug for TokenAccess {
    /// Whether there is a PIN, and not the PIN.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pin = self.pin.as_ref().map(|_| "…");
        f.debug_struct("TokenAccess").field("pin", &pin).field("module", &self.module).finish()
    }
}

/// Why a key on a token cannot be used. No message here ever holds a PIN.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// The URI does not hold.
    #[error(transparent)]
    Uri(#[from] TokenUriError),
    /// This program was built without it.
    #[error("this program was built without PKCS#11 (feature `pkcs11`)")]
    NotBuilt,
    /// Nothing says which library speaks to the token.
    #[error("no library is named: `?module-path=/usr/lib/….so`, or the variable COUNTERSIGN_PKCS11_MODULE")]
    NoModule,
    /// The library cannot be loaded.
    #[error("the library {} cannot be used: {said}", path.display())]
    Module {
        /// The library.
        path: PathBuf,
        /// What the loader, or the library, said.
        said: String,
    },
    /// No token, or more than one, is what the URI says.
    #[error("{found} of the {present} tokens present are the one that is named, there must be exactly 1")]
    Tokens {
        /// How many are.
        found: usize,
        /// How many there are at all.
        present: usize,
    },
    /// No PIN is given.
    #[error("no PIN: `?pin-source=file:/PATH`, or the variable COUNTERSIGN_PKCS11_PIN")]
    NoPin,
    /// The file with the PIN cannot be read, or others can read it.
    #[error("the PIN: {0}")]
    PinFile(#[source] Box<crate::error::KeyFileError>),
    /// The token does not take the PIN.
    #[error("the token refuses the PIN: {said}")]
    Pin {
        /// What the library said.
        said: String,
    },
    /// No key, or more than one, is what the URI says.
    #[error("{found} {what} keys on the token are the one that is named, there must be exactly 1")]
    Keys {
        /// How many are.
        found: usize,
        /// `private` or `public`.
        what: &'static str,
    },
    /// A key of another kind.
    #[error("the key is neither Ed25519 nor ECDSA P-256, the kinds that sign here")]
    Kind,
    /// What the token signed does not hold for the public key that it shows.
    #[error("what the token signed does not hold for the public key that it shows beside the private one")]
    Pair,
    /// The token failed.
    #[error("the token failed: {said}")]
    Failed {
        /// What the library said.
        said: String,
    },
}
