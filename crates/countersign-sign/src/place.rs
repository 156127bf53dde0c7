//! Where a key is: in a file, on a token, or in a key service. Told apart by the scheme, `pkcs11:` or `NAME://`, with which
//! no file's name begins that is meant as one (`./pkcs11:…` names such a file).

use crate::kms;
use crate::token::{SCHEME, shown};
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// A place of a key.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file.
    File(PathBuf),
    /// A token: a `pkcs11:` URI, which is read when the key is opened. Until then nobody knows that it holds no secret.
    Token(String),
    /// A key service: `NAME://…`, for which the plugin of that name is asked.
    Kms(String),
}

impl KeyPlace {
    /// What a person wrote.
    #[must_use]
    pub fn of(text: &OsStr) -> Self {
        match text.to_str() {
            Some(uri) if uri.starts_with(SCHEME) => Self::Token(uri.to_owned()),
            Some(reference) if kms::parts(reference).is_some() => Self::Kms(reference.to_owned()),
            _ => Self::File(PathBuf::from(text)),
        }
    }
}

impl fmt::Display for KeyPlace {
    /// Without anything that may be a PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Token(uri) => f.write_str(shown(uri)),
            Self::Kms(reference) => f.write_str(reference),
        }
    }
}

impl fmt::Debug for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_unless_it_has_the_scheme() {
        let place = |text: &str| KeyPlace::of(OsStr::new(text));
        assert_eq!(place("gate.pem"), KeyPlace::File(PathBuf::from("gate.pem")));
        assert_eq!(place("./pkcs11:x"), KeyPlace::File(PathBuf::from("./pkcs11:x")));
        assert_eq!(place("pkcs11:object=gate"), KeyPlace::Token("pkcs11:object=gate".to_owned()));
        assert_eq!(place("awskms:///alias/gate"), KeyPlace::Kms("awskms:///alias/gate".to_owned()));
        for file in ["/tmp/a://b", "a/b://c", "Upper://x", "://x", "a:/b", "gate", "../x://y", "9a://b"] {
            assert_eq!(place(file), KeyPlace::File(PathBuf::from(file)));
        }
    }

    #[test]
    fn a_place_with_a_pin_in_it_is_not_shown() {
        for text in ["pkcs11:object=gate?pin-value=hunter2", "pkcs11:PIN-VALUE=hunter2", "pkcs11:pin-valu%65=hunter2"] {
            let place = KeyPlace::of(OsStr::new(text));
            assert!(!format!("{place} {place:?}").contains("hunter2"), "{text}");
        }
    }
}
