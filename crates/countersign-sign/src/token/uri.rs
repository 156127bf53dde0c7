//! Which key of which token: a `pkcs11:` URI (RFC 7512), read strictly. An attribute that is not known here could narrow
//! the choice, so it is refused and never passed over; and a PIN is never taken from a URI, because other users of the
//! machine can read a command line.

use std::fmt;
use std::path::PathBuf;

/// The scheme, with which a place of a key is told from a file's name.
pub(crate) const SCHEME: &str = "pkcs11:";

/// One key on one token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenUri {
    text: String,
    /// `token`: the label of the token.
    pub(super) token: Option<String>,
    /// `serial`: the serial number of the token.
    pub(super) serial: Option<String>,
    /// `object`: the label of the key.
    pub(super) object: Option<String>,
    /// `id`: the bytes that name the key and its public half.
    pub(super) id: Option<Vec<u8>>,
    /// `pin-source`: the file with the PIN.
    pub(super) pin_source: Option<PathBuf>,
    /// `module-path`: the library that speaks to the token.
    pub(super) module: Option<PathBuf>,
}

/// Why text is no URI of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenUriError {
    /// Another scheme.
    #[error("it does not begin with `pkcs11:`")]
    Scheme,
    /// A part that is not `name=value`, or whose escapes do not hold.
    #[error("`{part}` is not `name=value` with `%` and two hexadecimal digits for other characters")]
    Form {
        /// The part.
        part: String,
    },
    /// The same attribute twice.
    #[error("`{name}` stands there twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// An attribute that is not known here.
    #[error(
        "`{name}` is not known here: use token, serial, object, id and type, and after `?` module-path and pin-source"
    )]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A PIN on the command line.
    #[error(
        "`pin-value` is not taken, since others can read a command line: use `?pin-source=file:/PATH` or the variable"
    )]
    PinValue,
    /// An object of another class.
    #[error("`type={found}` does not sign: leave it out, or say `type=private`")]
    NotPrivate {
        /// The type.
        found: String,
    },
    /// Nothing says which key.
    #[error("it names neither `object` nor `id`: a token holds several keys, and none is chosen by chance")]
    NoKey,
}

impl TokenUri {
    /// Reads a URI.
    pub fn parse(text: &str) -> Result<Self, TokenUriError> {
        let rest = text.strip_prefix(SCHEME).ok_or(TokenUriError::Scheme)?;
        // Wherever it stands, and before anything else is said: not even an error may show its value.
        if holds_pin(text) {
            return Err(TokenUriError::PinValue);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self { text: text.to_owned(), ..Self::default() };
        for part in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = pair(part)?;
            match name {
                "token" => once(&mut uri.token, name, utf8(value, part)?)?,
                "serial" => once(&mut uri.serial, name, utf8(value, part)?)?,
                "object" => once(&mut uri.object, name, utf8(value, part)?)?,
                "id" => once(&mut uri.id, name, value)?,
                "type" if value == b"private" => {}
                "type" => {
                    return Err(TokenUriError::NotPrivate { found: String::from_utf8_lossy(&value).into_owned() });
                }
                _ => return Err(TokenUriError::Unknown { name: name.to_owned() }),
            }
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = pair(part)?;
            match name {
                "pin-source" => {
                    let place = utf8(value, part)?;
                    let file = place.strip_prefix("file://").or_else(|| place.strip_prefix("file:"));
                    once(&mut uri.pin_source, name, PathBuf::from(file.unwrap_or(&place)))?;
                }
                "module-path" => once(&mut uri.module, name, PathBuf::from(utf8(value, part)?))?,
                _ => return Err(TokenUriError::Unknown { name: name.to_owned() }),
            }
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(TokenUriError::NoKey);
        }
        Ok(uri)
    }
}

/// Whether a PIN may stand in it, also where the attribute's name is written with escapes or in the wrong place.
fn holds_pin(text: &str) -> bool {
    let plain = text.to_ascii_lowercase();
    plain.contains("pin-value") || plain.contains("pin_value") || name_with_escapes(&plain)
}

/// No attribute's name needs an escape.
fn name_with_escapes(text: &str) -> bool {
    let parts = text.split([':', ';', '?', '&']);
    parts.filter_map(|part| part.split_once('=')).any(|(name, _)| name.contains('%'))
}

/// A URI as it may be shown.
pub(crate) fn shown(text: &str) -> &str {
    if holds_pin(text) { "pkcs11:…" } else { text }
}

impl fmt::Display for TokenUri {
    /// As it was given: it holds no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), TokenUriError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(TokenUriError::Twice { name: name.to_owned() }),
    }
}

fn pair(part: &str) -> Result<(&str, Vec<u8>), TokenUriError> {
    let form = || TokenUriError::Form { part: part.to_owned() };
    let (name, value) = part.split_once('=').ok_or_else(form)?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(form);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).map_err(|_range| form())?);
        } else {
            bytes.push(byte);
        }
    }
    if bytes.is_empty() { Err(form()) } else { Ok((name, bytes)) }
}

fn utf8(bytes: Vec<u8>, part: &str) -> Result<String, TokenUriError> {
    String::from_utf8(bytes).map_err(|_utf8| TokenUriError::Form { part: part.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        TokenUri::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_uri_names_a_key_of_a_token() {
        let uri = TokenUri::parse(
            "pkcs11:token=My%20token;object=gate;id=%01%ff;type=private?module-path=/usr/lib/p11.so&pin-source=file:/run/pin",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("My token"));
        assert_eq!(uri.object.as_deref(), Some("gate"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 255][..]));
        assert_eq!(uri.module, Some(PathBuf::from("/usr/lib/p11.so")));
        assert_eq!(uri.pin_source, Some(PathBuf::from("/run/pin")));
    }

    #[test]
    fn a_pin_in_the_uri_is_refused_and_not_shown() {
        let said = error("pkcs11:object=gate?pin-value=hunter2");
        assert!(said.contains("pin-source") && !said.contains("hunter2"), "{said}");
        for text in [
            "pkcs11:object=gate;pin-value=hunter2",
            "pkcs11:object=gate?module-path=/x;pin-value=hunter2",
            "pkcs11:object=gate?pin-value=hunter2%zz",
            "pkcs11:object=gate?pin-valu%65=hunter2",
            "pkcs11:object=gate?PIN-VALUE=hunter2",
        ] {
            let said = error(text);
            assert!(said.contains("pin-source") && !said.contains("hunter2"), "{text}: {said}");
        }
    }

    #[test]
    fn what_could_narrow_the_choice_and_is_not_known_is_refused() {
        assert!(error("pkcs11:object=gate;slot-id=3").contains("`slot-id` is not known"));
        assert!(error("pkcs11:object=gate?module-name=softhsm").contains("`module-name` is not known"));
        assert!(error("pkcs11:object=a;object=b").contains("twice"));
        assert!(error("pkcs11:object=gate;type=cert").contains("does not sign"));
        assert!(error("pkcs11:token=a").contains("neither `object` nor `id`"));
        for bad in ["pkcs11:object", "pkcs11:object=%4", "pkcs11:object=%zz", "pkcs11:object=", "pkcs11:object=%ff"] {
            assert!(error(bad).contains("is not `name=value`"), "{bad}");
        }
        assert_eq!(error("file:gate.pem"), "it does not begin with `pkcs11:`");
    }
}
