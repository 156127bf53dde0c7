//! Where a key is: in a file, or on a token. Told apart by the scheme `pkcs11:`, with which no file's name begins that is
//! meant as one (`./pkcs11:…` names such a file).

use crate::token::{SCHEME, TokenUri, TokenUriError};
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// A place of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file.
    File(PathBuf),
    /// A token.
    Token(TokenUri),
}

impl KeyPlace {
    /// What a person wrote.
    pub fn parse(text: &OsStr) -> Result<Self, TokenUriError> {
        match text.to_str() {
            Some(uri) if uri.starts_with(SCHEME) => TokenUri::parse(uri).map(Self::Token),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Token(uri) => write!(f, "{uri}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_unless_it_has_the_scheme() {
        let place = |text: &str| KeyPlace::parse(OsStr::new(text));
        assert_eq!(place("gate.pem").unwrap(), KeyPlace::File(PathBuf::from("gate.pem")));
        assert_eq!(place("./pkcs11:x").unwrap(), KeyPlace::File(PathBuf::from("./pkcs11:x")));
        assert!(matches!(place("pkcs11:object=gate").unwrap(), KeyPlace::Token(_)));
        assert!(place("pkcs11:gate").is_err());
    }
}
