//! Signed notes (C2SP signed-note): text with signature lines, and the Ed25519 keys that logs sign with.
//! A note that parsed proves nothing; this module checks no signature itself, it asks a [`NoteVerifier`].

use crate::digest::{Sha256, hex_array, to_hex};
use crate::ids::{IdError, Origin};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

const ED25519: u8 = 0x01;

/// The public Ed25519 key of a log, with the name it signs under. Its text form is that of a verifier key:
/// `name+hash+base64`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKey {
    name: Origin,
    public: [u8; 32],
}

impl NoteKey {
    /// The key of a name.
    #[must_use]
    pub const fn new(name: Origin, public: [u8; 32]) -> Self {
        Self { name, public }
    }

    /// Parses `name+hash+base64`; the hash must be the key's own.
    pub fn parse(text: &str) -> Result<Self, NoteKeyError> {
        let (name, public) = parse_verifier_key(text, ED25519)?;
        Ok(Self { name, public })
    }

    /// The name that stands on its signature lines.
    #[must_use]
    pub const fn name(&self) -> &Origin {
        &self.name
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The short id that stands in its signature lines: a hint, not a proof.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, &self.public)
    }
}

/// The short id of a key of 32 bytes, for a signature type.
pub(super) fn key_id(name: &Origin, kind: u8, public: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::of_parts(&[name.as_str().as_bytes(), b"\n", &[kind], public]);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// Parses `name+hash+base64` of a key of 32 bytes and of this signature type.
pub(super) fn parse_verifier_key(text: &str, kind: u8) -> Result<(Origin, [u8; 32]), NoteKeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteKeyError::Form);
    };
    let id: [u8; 4] = hex_array(id).map_err(|_bad_hex| NoteKeyError::Form)?;
    let bytes = STANDARD.decode(key).map_err(|_bad_base64| NoteKeyError::Form)?;
    let public = match bytes.split_first() {
        Some((found, rest)) if *found == kind => rest.try_into().map_err(|_length| NoteKeyError::Length(rest.len()))?,
        Some((&found, _)) => return Err(NoteKeyError::Kind(found)),
        None => return Err(NoteKeyError::Form),
    };
    let name = Origin::new(name)?;
    let expected = key_id(&name, kind, &public);
    if id == expected {
        Ok((name, public))
    } else {
        Err(NoteKeyError::Id { expected: to_hex(&expected), found: to_hex(&id) })
    }
}

/// Writes `name+hash+base64`.
pub(super) fn write_verifier_key(
    f: &mut fmt::Formatter<'_>,
    name: &Origin,
    kind: u8,
    public: &[u8; 32],
) -> fmt::Result {
    let bytes = [&[kind], public.as_slice()].concat();
    write!(f, "{name}+{}+{}", to_hex(&key_id(name, kind, public)), STANDARD.encode(bytes))
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_verifier_key(f, &self.name, ED25519, &self.public)
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for NoteKey {
    type Err = NoteKeyError;
    fn from_str(text: &str) -> Result<Self, NoteKeyError> {
        Self::parse(text)
    }
}

impl serde::Serialize for NoteKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for NoteKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::json::text(d, Self::parse)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for NoteKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NoteKey".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "the verifier key of a log: name+hash+base64, Ed25519" })
    }
}

/// Why a verifier key did not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteKeyError {
    /// Not `name+hash+base64`.
    #[error("a verifier key is name+hash+base64, with eight lower-case hexadecimal characters of hash")]
    Form,
    /// The name cannot be an origin.
    #[error(transparent)]
    Name(#[from] IdError),
    /// Another signature type than the one that is wanted.
    #[error("signature type {0} is not the one that is wanted: 1 (Ed25519) of a log, 4 of a witness")]
    Kind(u8),
    /// The wrong number of key bytes.
    #[error("an Ed25519 key has 32 bytes, found {0}")]
    Length(usize),
    /// The hash is not that of name and key.
    #[error("the hash of this name and key is {expected}, found {found}")]
    Id {
        /// The right one.
        expected: String,
        /// The one in the text.
        found: String,
    },
}

/// Whoever can sign notes.
pub trait NoteSigner {
    /// The name that it signs under.
    fn name(&self) -> &Origin {
        self.key().name()
    }
    /// Its public key.
    fn key(&self) -> &NoteKey;
    /// Another key of the same name that signs beside it, while one gives way to the other.
    fn beside(&self) -> Option<&dyn NoteSigner> {
        None
    }
    /// The Ed25519 signature over exactly these bytes.
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed>;
}

/// A key that did not sign.
#[derive(Debug, thiserror::Error)]
#[error("the key {key} did not sign")]
pub struct SignFailed {
    /// The key that was asked.
    pub key: NoteKey,
    /// What the signer said.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Whoever can check an Ed25519 signature. Functions of this form are.
pub trait NoteVerifier {
    /// Whether the signature over exactly these bytes is the key's.
    fn holds(&self, key: &NoteKey, bytes: &[u8], signature: &[u8; 64]) -> bool;
}

impl<F: Fn(&NoteKey, &[u8], &[u8; 64]) -> bool> NoteVerifier for F {
    fn holds(&self, key: &NoteKey, bytes: &[u8], signature: &[u8; 64]) -> bool {
        self(key, bytes, signature)
    }
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// The name on the line. Not proved.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id on the line. Not proved.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// What follows the key id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn new(name: String, id: [u8; 4], bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// Parses lines of signatures that stand alone, as a witness answers with; each ends in a newline.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteError> {
        if bytes.len() > limits::NOTE_BYTES {
            return Err(NoteError::TooLarge { limit: limits::NOTE_BYTES, found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_utf8| NoteError::Text)?;
        let lines = text.strip_suffix('\n').ok_or(NoteError::NoSignature)?;
        let found = lines.split('\n').count();
        if found > limits::NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures { limit: limits::NOTE_SIGNATURES, found });
        }
        lines.split('\n').map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self, NoteError> {
        let (name, text) =
            line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or(NoteError::SignatureLine)?;
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c == '+') {
            return Err(NoteError::SignatureLine);
        }
        let bytes = STANDARD.decode(text).map_err(|_bad_base64| NoteError::SignatureLine)?;
        match bytes.split_first_chunk::<4>() {
            Some((id, rest)) if !rest.is_empty() => Ok(Self { name: name.to_owned(), id: *id, bytes: rest.to_vec() }),
            _ => Err(NoteError::SignatureLine),
        }
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.bytes].concat();
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A note: text, and signatures that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs a text, which ends in a newline and has no other control character.
    pub fn sign(text: String, signer: &dyn NoteSigner) -> Result<Self, NoteSignError> {
        if !text.ends_with('\n') || has_control(&text) {
            return Err(NoteError::Text.into());
        }
        let mut note = Self { text, signatures: Vec::new() };
        note.sign_also(signer)?;
        if let Some(beside) = signer.beside() {
            note.sign_also(beside)?;
        }
        Ok(note)
    }

    /// Adds the signature of one more key, as around the rotation of a log's key.
    pub fn sign_also(&mut self, signer: &dyn NoteSigner) -> Result<(), SignFailed> {
        let bytes = signer.sign(self.text.as_bytes())?.to_vec();
        self.add(NoteSignature::new(signer.name().as_str().to_owned(), signer.key().id(), bytes));
        Ok(())
    }

    /// Adds a signature line that was made elsewhere, in the place of the same key's earlier one. Nobody has checked it.
    pub fn add(&mut self, line: NoteSignature) {
        self.signatures.retain(|known| known.id != line.id || known.name != line.name);
        self.signatures.push(line);
    }

    /// Parses a signed note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > limits::NOTE_BYTES {
            return Err(NoteError::TooLarge { limit: limits::NOTE_BYTES, found: bytes.len() });
        }
        let whole = std::str::from_utf8(bytes).map_err(|_not_utf8| NoteError::Text)?;
        if has_control(whole) {
            return Err(NoteError::Text);
        }
        // The text keeps its own newline; the blank line after it belongs to nobody.
        let (text, lines) = whole.rsplit_once("\n\n").ok_or(NoteError::NoSignature)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoSignature)?;
        let found = lines.split('\n').count();
        if found > limits::NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures { limit: limits::NOTE_SIGNATURES, found });
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures: lines.split('\n').map(NoteSignature::parse).collect::<Result<_, _>>()?,
        })
    }

    /// The text, with its last newline. Nobody has vouched for it until [`Note::verify`] says so.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The keys among `keys` that signed, each once, in the order of `keys`. A line of an unknown key is ignored; a
    /// line of a known key must hold; and one known key at least must have signed.
    pub fn verify<'k>(
        &self,
        keys: &'k [NoteKey],
        verifier: &dyn NoteVerifier,
    ) -> Result<Vec<&'k NoteKey>, NoteRefused> {
        let mut signed = Vec::new();
        for key in keys {
            let id = key.id();
            let mut found = false;
            for line in &self.signatures {
                if line.id == id && line.name == key.name().as_str() {
                    let bytes = line.bytes.as_slice().try_into();
                    if !bytes.is_ok_and(|bytes| verifier.holds(key, self.text.as_bytes(), bytes)) {
                        return Err(NoteRefused::Signature { key: key.clone() });
                    }
                    found = true;
                }
            }
            if found && !signed.contains(&key) {
                signed.push(key);
            }
        }
        if signed.is_empty() {
            return Err(NoteRefused::Unknown { names: self.signatures.iter().map(|line| line.name.clone()).collect() });
        }
        Ok(signed)
    }
}

impl fmt::Display for Note {
    /// The note as it is stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Why bytes are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Larger than we read.
    #[error("a note has at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// Not UTF-8, a control character, or no newline at the end.
    #[error("a note is UTF-8 lines without control characters")]
    Text,
    /// No blank line with signature lines after it.
    #[error("a note ends in a blank line and signature lines")]
    NoSignature,
    /// A line in the place of a signature that is none.
    #[error("a signature line is an em dash, a key name and the base64 of key id and signature")]
    SignatureLine,
    /// More signatures than we read.
    #[error("a note has at most {limit} signatures, found {found}")]
    TooManySignatures {
        /// The bound.
        limit: usize,
        /// How many there are.
        found: usize,
    },
}

/// Why a note was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteSignError {
    /// The text cannot be a note's.
    #[error(transparent)]
    Text(#[from] NoteError),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignFailed),
}

/// Why a note's signatures do not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteRefused {
    /// A known key's signature does not hold.
    #[error("the signature of {key} does not hold")]
    Signature {
        /// The key.
        key: NoteKey,
    },
    /// No known key signed.
    #[error("no known key signed; the lines are of {names:?}")]
    Unknown {
        /// The names on the lines.
        names: Vec<String>,
    },
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|b| b < b' ' && b != b'\n')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Signs with a hash, so that the tests need no curve.
    pub(crate) struct Toy(pub(crate) NoteKey);

    impl NoteSigner for Toy {
        fn key(&self) -> &NoteKey {
            &self.0
        }
        fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
            Ok(toy_signature(&self.0, bytes))
        }
    }

    pub(crate) fn toy_signature(key: &NoteKey, bytes: &[u8]) -> [u8; 64] {
        let mut out = [7; 64];
        out[..32].copy_from_slice(Sha256::of_parts(&[key.public(), bytes]).as_bytes());
        out
    }

    pub(crate) fn toy_holds(key: &NoteKey, bytes: &[u8], signature: &[u8; 64]) -> bool {
        *signature == toy_signature(key, bytes)
    }

    pub(crate) fn toy(name: &str, seed: u8) -> Toy {
        Toy(NoteKey::new(Origin::new(name).unwrap(), [seed; 32]))
    }

    #[test]
    fn a_verifier_key_reads_back_and_must_carry_its_own_hash() {
        // The key of the published example of the Go checksum database.
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        let key = NoteKey::parse(text).unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(key.name().as_str(), "sum.golang.org");
        assert!(matches!(NoteKey::parse(&text.replace("033de0ae", "033de0af")), Err(NoteKeyError::Id { .. })));
        assert_eq!(NoteKey::parse(&text.replace("+Ac4", "+Bc4")), Err(NoteKeyError::Kind(5)));
        for bad in ["", "a+b", "a++", "sum.golang.org+033DE0AE+Ac4z", "+033de0ae+AQ=="] {
            assert!(NoteKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_known_key_must_hold_and_an_unknown_one_is_ignored() {
        let (log, witness, other) = (toy("log", 1), toy("witness", 2), toy("log", 3));
        let note = Note::sign("text\n".to_owned(), &log).unwrap();
        let keys = [log.0.clone()];
        assert_eq!(note.verify(&keys, &toy_holds), Ok(vec![&log.0]));
        assert!(matches!(
            note.verify(&[witness.0.clone(), other.0.clone()], &toy_holds),
            Err(NoteRefused::Unknown { .. })
        ));

        let mut both = note.clone();
        both.signatures.extend(Note::sign("another\n".to_owned(), &witness).unwrap().signatures);
        assert_eq!(both.verify(&keys, &toy_holds), Ok(vec![&log.0]));
        assert_eq!(
            both.verify(&[log.0.clone(), witness.0.clone()], &toy_holds),
            Err(NoteRefused::Signature { key: witness.0 })
        );

        let mut twice = note.clone();
        twice.signatures.extend(note.signatures.clone());
        assert_eq!(twice.verify(&[log.0.clone(), log.0.clone()], &toy_holds), Ok(vec![&log.0]));
        twice.signatures[1].bytes.pop();
        assert!(twice.verify(&keys, &toy_holds).is_err());
    }

    #[test]
    fn hostile_notes_are_refused() {
        let good = Note::sign("text\n".to_owned(), &toy("log", 1)).unwrap().to_string();
        assert!(Note::parse(good.as_bytes()).is_ok());
        let line = good.lines().last().unwrap().to_owned();
        let many = format!("text\n\n{}", format!("{line}\n").repeat(limits::NOTE_SIGNATURES + 1));
        assert!(matches!(Note::parse(many.as_bytes()), Err(NoteError::TooManySignatures { .. })));
        let large = format!("{}\n\n{line}\n", "x".repeat(limits::NOTE_BYTES));
        assert!(matches!(Note::parse(large.as_bytes()), Err(NoteError::TooLarge { .. })));
        for bad in [
            String::new(),
            "\n\n".to_owned(),
            "text\n".to_owned(),
            "text\n\n".to_owned(),
            format!("text\r\n\r\n{line}\r\n"),
            format!("text\n{line}\n"),
            format!("text\n\n{line}"),
            format!("text\n\n{line}\n\n"),
            format!("text\n\n{line}\nmore\n"),
            format!("te\u{0}xt\n\n{line}\n"),
            good.replace("log", "lo+g"),
            good.replace("log", "lo\u{a0}g"),
            good.replace("\u{2014} log", "- log"),
            good.replace("\u{2014} log", "\u{2014}  log"),
            "text\n\n\u{2014} log AAAAAA==\n".to_owned(),
            "text\n\n\u{2014} log AAAA\n".to_owned(),
            "text\n\n\u{2014} log !!!!\n".to_owned(),
        ] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Note::parse(b"text\n\n\xff\n").is_err());
    }

    proptest! {
        #[test]
        fn a_note_reads_back_byte_for_byte(text in "[^\u{0}-\u{1f}]{0,40}(\n[^\u{0}-\u{1f}]{0,20}){0,4}", seed in any::<u8>()) {
            let note = Note::sign(format!("{text}\n"), &toy("example.com/log", seed)).unwrap();
            let printed = note.to_string();
            let read = Note::parse(printed.as_bytes()).unwrap();
            prop_assert_eq!(read.to_string(), printed);
            prop_assert_eq!(read, note);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), tail in "(\n|\u{2014}| |a|=|\\+){0,30}") {
            let mut all = bytes;
            all.extend_from_slice(tail.as_bytes());
            for input in [all.as_slice(), tail.as_bytes()] {
                if let Ok(note) = Note::parse(input) {
                    let printed = note.to_string();
                    prop_assert_eq!(printed.as_bytes(), input);
                }
            }
        }
    }
}
