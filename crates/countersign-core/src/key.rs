//! Public keys as values: parsed from PEM or OpenSSH text, named by a digest, and comparable across encodings. This
//! module checks no signature.

use crate::digest::Sha256;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// A public key that can stand in trust.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PublicKey {
    /// Ed25519, RFC 8032.
    Ed25519([u8; 32]),
    /// ECDSA on P-256 with SHA-256: an uncompressed point.
    P256([u8; 65]),
    /// RSA, for people's SSH signatures only: exponent and modulus, big-endian, without leading zeros.
    Rsa {
        /// The public exponent.
        e: Vec<u8>,
        /// The modulus.
        n: Vec<u8>,
    },
    /// Ed25519 held by a FIDO authenticator (`sk-ssh-ed25519@openssh.com`).
    SkEd25519 {
        /// The key.
        key: [u8; 32],
        /// The application that the authenticator signs, `ssh:` as a rule.
        application: String,
    },
    /// P-256 held by a FIDO authenticator (`sk-ecdsa-sha2-nistp256@openssh.com`).
    SkP256 {
        /// The uncompressed point.
        key: [u8; 65],
        /// The application that the authenticator signs.
        application: String,
    },
}

/// The name of a key: SHA-256 over its `SubjectPublicKeyInfo` (DER), or over the SSH form for the FIDO kinds, which have no
/// other. The same key has the same id whichever way it was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyId(Sha256);

impl KeyId {
    /// The digest.
    #[must_use]
    pub const fn digest(&self) -> &Sha256 {
        &self.0
    }

    /// Of a key that is given as `SubjectPublicKeyInfo` (DER), of whichever kind.
    #[must_use]
    pub fn of_spki_der(der: &[u8]) -> Self {
        Self(Sha256::of(der))
    }

    /// As the `hint` of a Sigstore bundle and the `keyid` of an envelope carry it: base64 of the digest.
    #[must_use]
    pub fn hint(&self) -> String {
        BASE64.encode(self.0.as_bytes())
    }

    /// From a bundle's hint; `None` if it is of another form.
    #[must_use]
    pub fn from_hint(hint: &str) -> Option<Self> {
        let bytes: [u8; 32] = BASE64.decode(hint).ok()?.try_into().ok()?;
        Some(Self(Sha256::from_bytes(bytes)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for KeyId {
    type Err = crate::digest::DigestError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Why text is not a public key that we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Larger than any public key.
    #[error("{found} bytes are too many for a public key")]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
    /// Neither PEM nor an OpenSSH line.
    #[error("neither a PEM `PUBLIC KEY` nor an OpenSSH public key line")]
    Form,
    /// A private key where a public one belongs.
    #[error("this is a private key; the public key belongs here")]
    Private,
    /// Another PEM label.
    #[error("PEM block `{label}` is not a `PUBLIC KEY`")]
    Label {
        /// The label that was found.
        label: String,
    },
    /// The base64 or the structure inside does not hold.
    #[error("the key's encoding does not hold")]
    Encoding,
    /// A kind of key that is not taken here.
    #[error("keys of kind {kind} are not taken here: use Ed25519 or ECDSA P-256")]
    Kind {
        /// The kind as the file names it.
        kind: String,
    },
}

const ED25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

impl PublicKey {
    /// Reads PEM (`PUBLIC KEY`) or one OpenSSH line, whichever it is.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > limits::KEY_BYTES {
            return Err(KeyError::TooLarge { found: text.len() });
        }
        let text = text.trim();
        if text.starts_with("-----BEGIN ") { Self::from_pem(text) } else { Self::from_openssh(text) }
    }

    /// Reads a `SubjectPublicKeyInfo` in DER.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Some(key) = der.strip_prefix(ED25519_SPKI) {
            return key.try_into().map(Self::Ed25519).map_err(|_length| KeyError::Encoding);
        }
        if let Some(point) = der.strip_prefix(P256_SPKI) {
            return uncompressed(point).map(Self::P256);
        }
        Err(KeyError::Kind { kind: "other than Ed25519 and ECDSA P-256".to_owned() })
    }

    /// The `SubjectPublicKeyInfo` in DER; the FIDO kinds have none.
    #[must_use]
    pub fn spki_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(key) => Some([ED25519_SPKI, key].concat()),
            Self::P256(point) => Some([P256_SPKI, point].concat()),
            Self::Rsa { e, n } => {
                let key = der(0x30, &[der_integer(n), der_integer(e)].concat());
                let bits = der(0x03, &[&[0][..], &key].concat());
                Some(der(0x30, &[RSA_ALGORITHM, &bits].concat()))
            }
            Self::SkEd25519 { .. } | Self::SkP256 { .. } => None,
        }
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::of(&self.spki_der().unwrap_or_else(|| self.ssh_wire())))
    }

    /// What two registrations of one secret have in common, whatever the encoding: two owners with equal material share
    /// a key. A curve point and its mirror image have the same secret but for its sign, so only one coordinate counts.
    #[must_use]
    pub fn material(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) | Self::SkEd25519 { key, .. } => {
                let mut bytes = key.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last &= 0x7f;
                }
                [b"ed25519:".as_slice(), &bytes].concat()
            }
            Self::P256(point) | Self::SkP256 { key: point, .. } => {
                [b"p256:".as_slice(), point.get(1..33).unwrap_or_default()].concat()
            }
            Self::Rsa { n, .. } => [b"rsa:".as_slice(), n].concat(),
        }
    }

    /// The kind, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "Ed25519",
            Self::P256(_) => "ECDSA P-256",
            Self::Rsa { .. } => "RSA",
            Self::SkEd25519 { .. } => "Ed25519 (FIDO)",
            Self::SkP256 { .. } => "ECDSA P-256 (FIDO)",
        }
    }

    /// One OpenSSH line without a comment: the one spelling that statements and trust carry.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        format!("{} {}", self.ssh_name(), BASE64.encode(self.ssh_wire()))
    }

    /// PEM, `PUBLIC KEY`; `None` for the FIDO kinds.
    #[must_use]
    pub fn to_pem(&self) -> Option<String> {
        let body = BASE64.encode(self.spki_der()?);
        let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
        for (i, c) in body.chars().enumerate() {
            if i > 0 && i % 64 == 0 {
                text.push('\n');
            }
            text.push(c);
        }
        text.push_str("\n-----END PUBLIC KEY-----\n");
        Some(text)
    }

    /// The SSH wire form (RFC 4253, section 6.6).
    #[must_use]
    pub fn ssh_wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        ssh_string(&mut out, self.ssh_name().as_bytes());
        match self {
            Self::Ed25519(key) => ssh_string(&mut out, key),
            Self::P256(point) => {
                ssh_string(&mut out, b"nistp256");
                ssh_string(&mut out, point);
            }
            Self::Rsa { e, n } => {
                ssh_string(&mut out, &unsigned(e));
                ssh_string(&mut out, &unsigned(n));
            }
            Self::SkEd25519 { key, application } => {
                ssh_string(&mut out, key);
                ssh_string(&mut out, application.as_bytes());
            }
            Self::SkP256 { key, application } => {
                ssh_string(&mut out, b"nistp256");
                ssh_string(&mut out, key);
                ssh_string(&mut out, application.as_bytes());
            }
        }
        out
    }

    /// From the parsed key of an SSH signature or key file.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the list of SSH key kinds is foreign and grows; others are refused"
    )]
    pub fn from_ssh(data: &ssh_key::public::KeyData) -> Result<Self, KeyError> {
        use ssh_key::public::KeyData;
        match data {
            KeyData::Ed25519(key) => Ok(Self::Ed25519(key.0)),
            KeyData::Ecdsa(ssh_key::public::EcdsaPublicKey::NistP256(point)) => {
                uncompressed(point.as_bytes()).map(Self::P256)
            }
            KeyData::Rsa(key) => {
                let part = |m: &ssh_key::Mpint| m.as_positive_bytes().map(<[u8]>::to_vec).ok_or(KeyError::Encoding);
                Ok(Self::Rsa { e: part(&key.e)?, n: part(&key.n)? })
            }
            KeyData::SkEd25519(key) => {
                Ok(Self::SkEd25519 { key: key.public_key().0, application: key.application().to_owned() })
            }
            KeyData::SkEcdsaSha2NistP256(key) => Ok(Self::SkP256 {
                key: uncompressed(key.ec_point().as_bytes())?,
                application: key.application().to_owned(),
            }),
            other => Err(KeyError::Kind { kind: other.algorithm().to_string() }),
        }
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut lines = text.lines();
        let label = lines
            .next()
            .and_then(|l| l.strip_prefix("-----BEGIN "))
            .and_then(|l| l.trim_end().strip_suffix("-----"))
            .ok_or(KeyError::Form)?;
        if label.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if label != "PUBLIC KEY" {
            return Err(KeyError::Label { label: label.chars().take(64).collect() });
        }
        let mut body = String::new();
        for line in lines {
            let line = line.trim();
            if line == "-----END PUBLIC KEY-----" {
                let der = BASE64.decode(&body).map_err(|_base64| KeyError::Encoding)?;
                return Self::from_spki_der(&der);
            }
            body.push_str(line);
        }
        Err(KeyError::Encoding)
    }

    fn from_openssh(text: &str) -> Result<Self, KeyError> {
        let mut words = text.split_ascii_whitespace();
        let (Some(_), Some(_)) = (words.next(), words.next()) else { return Err(KeyError::Form) };
        if text.lines().count() != 1 {
            return Err(KeyError::Form);
        }
        let key = ssh_key::PublicKey::from_openssh(text).map_err(|error| {
            if error == ssh_key::Error::AlgorithmUnknown {
                KeyError::Kind { kind: text.split(' ').next().unwrap_or_default().chars().take(64).collect() }
            } else {
                KeyError::Form
            }
        })?;
        Self::from_ssh(key.key_data())
    }

    const fn ssh_name(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ssh-ed25519",
            Self::P256(_) => "ecdsa-sha2-nistp256",
            Self::Rsa { .. } => "ssh-rsa",
            Self::SkEd25519 { .. } => "sk-ssh-ed25519@openssh.com",
            Self::SkP256 { .. } => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_openssh())
    }
}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_openssh())
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for PublicKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicKey".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "An OpenSSH public key line without a comment" })
    }
}

/// Length-prefixed bytes, as SSH writes them.
pub fn ssh_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

fn uncompressed(point: &[u8]) -> Result<[u8; 65], KeyError> {
    match point.first() {
        Some(4) => point.try_into().map_err(|_length| KeyError::Encoding),
        _ => Err(KeyError::Encoding),
    }
}

/// A positive big-endian integer needs a zero byte before a set top bit.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    match bytes.first() {
        Some(first) if first & 0x80 != 0 => [&[0][..], bytes].concat(),
        _ => bytes.to_vec(),
    }
}

fn der_integer(bytes: &[u8]) -> Vec<u8> {
    der(0x02, &unsigned(bytes))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.iter().copied().skip_while(|b| *b == 0).collect();
    match (u8::try_from(content.len()), significant.len()) {
        (Ok(short), _) if short < 0x80 => out.push(short),
        (_, bytes) => {
            out.push(0x80 | u8::try_from(bytes).unwrap_or(8));
            out.extend_from_slice(&significant);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn one_key_has_one_id_in_pem_and_in_ssh_form() {
        let ssh = PublicKey::parse(&format!("{SSH} somebody@somewhere")).unwrap();
        let pem = PublicKey::parse(&ssh.to_pem().unwrap()).unwrap();
        assert_eq!(ssh, pem);
        assert_eq!(ssh.id(), pem.id());
        assert_eq!(ssh.to_openssh(), SSH);
        assert_eq!(KeyId::from_hint(&ssh.id().hint()), Some(ssh.id()));
    }

    #[test]
    fn a_mirrored_point_is_the_same_material() {
        let mut other = [7; 65];
        other[0] = 4;
        let a = PublicKey::P256(other);
        other[64] = 9;
        let b = PublicKey::P256(other);
        assert_ne!(a.id(), b.id());
        assert_eq!(a.material(), b.material());
    }

    #[test]
    fn what_is_not_a_public_key_is_refused_by_kind() {
        assert_eq!(PublicKey::parse("-----BEGIN PRIVATE KEY-----\n"), Err(KeyError::Private));
        assert_eq!(
            PublicKey::parse("-----BEGIN CERTIFICATE-----\n"),
            Err(KeyError::Label { label: "CERTIFICATE".to_owned() })
        );
        assert_eq!(PublicKey::parse("hello"), Err(KeyError::Form));
        assert_eq!(PublicKey::parse(""), Err(KeyError::Form));
        assert!(PublicKey::parse("ssh-ed25519 AAAA").is_err());
        assert_eq!(
            PublicKey::parse(&"a".repeat(limits::KEY_BYTES + 1)),
            Err(KeyError::TooLarge { found: limits::KEY_BYTES + 1 })
        );
    }
}
