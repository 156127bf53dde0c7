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
    #[error("the key is none of the kinds that sign here: Ed25519, ECDSA P-256 and P-384, RSA of 2048 bits and more")]
    Kind,
    /// What the token gives back is no signature.
    #[error("what the token gives back has not the form of a signature")]
    Form,
    /// The token failed.
    #[error("the token failed: {said}")]
    Failed {
        /// What the library said.
        said: String,
    },
}
