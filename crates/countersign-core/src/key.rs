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
    /// ECDSA on P-384 with SHA-384: an uncompressed point.
    P384([u8; 97]),
    /// RSA: exponent and modulus, big-endian, without leading zeros. The key says nothing of the padding.
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
    #[error("keys of kind {kind} are not taken here: use Ed25519, ECDSA P-256 or P-384, or RSA of 2048 bits and more")]
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
const P384_SPKI: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22, 0x03, 0x62, 0x00,
];
const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// RSASSA-PSS as the kind of a key, whatever its parameters.
const RSA_PSS: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// The fewest and the most bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

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
        if let Some(point) = der.strip_prefix(P384_SPKI) {
            return uncompressed(point).map(Self::P384);
        }
        match rsa(der) {
            Some((e, n)) => {
                let key = Self::Rsa { e, n };
                match key.rsa_bits() {
                    Some(bits) if RSA_BITS.contains(&bits) => Ok(key),
                    bits => Err(KeyError::Kind { kind: format!("RSA with {} bits", bits.unwrap_or_default()) }),
                }
            }
            None => Err(KeyError::Kind { kind: "other than these".to_owned() }),
        }
    }

    /// How many bits the modulus of an RSA key has.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        let Self::Rsa { n, .. } = self else { return None };
        let unused = usize::try_from(n.first()?.leading_zeros()).ok()?;
        n.len().checked_mul(8)?.checked_sub(unused)
    }

    /// The `SubjectPublicKeyInfo` in DER; the FIDO kinds have none.
    #[must_use]
    pub fn spki_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(key) => Some([ED25519_SPKI, key].concat()),
            Self::P256(point) => Some([P256_SPKI, point].concat()),
            Self::P384(point) => Some([P384_SPKI, point].concat()),
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
            Self::P384(point) => [b"p384:".as_slice(), point.get(1..49).unwrap_or_default()].concat(),
            Self::Rsa { n, .. } => [b"rsa:".as_slice(), n].concat(),
        }
    }

    /// The kind, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "Ed25519",
            Self::P256(_) => "ECDSA P-256",
            Self::P384(_) => "ECDSA P-384",
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
            Self::P384(point) => {
                ssh_string(&mut out, b"nistp384");
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
            KeyData::Ecdsa(ssh_key::public::EcdsaPublicKey::NistP384(point)) => {
                uncompressed(point.as_bytes()).map(Self::P384)
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
            Self::P384(_) => "ecdsa-sha2-nistp384",
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
        crate::json::text(d, Self::parse)
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

/// Exponent and modulus of a `SubjectPublicKeyInfo` with an RSA key, in whichever of the two ways it names the kind.
fn rsa(spki: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (whole, rest) = element(spki, 0x30)?;
    let (algorithm, key) = element(whole, 0x30)?;
    let plain = RSA_ALGORITHM.get(2..) == Some(algorithm);
    (rest.is_empty() && (plain || algorithm.starts_with(RSA_PSS))).then_some(())?;
    let (bits, rest) = element(key, 0x03)?;
    let (key, after) = element(bits.strip_prefix(&[0])?, 0x30)?;
    let (n, others) = element(key, 0x02)?;
    let (e, last) = element(others, 0x02)?;
    (rest.is_empty() && after.is_empty() && last.is_empty()).then_some(())?;
    let positive = |bytes: &[u8]| match bytes {
        [0, tail @ ..] if tail.first().is_some_and(|first| first & 0x80 != 0) => Some(tail.to_vec()),
        [first, ..] if (1..0x80).contains(first) => Some(bytes.to_vec()),
        _ => None,
    };
    Some((positive(e)?, positive(n)?))
}

/// The content of a DER element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest.split_first().map(|(n, rest)| (usize::from(*n), rest)).filter(|(n, _)| *n > 0x7f)?,
        0x82 => {
            let (n, rest) = rest.split_first_chunk()?;
            Some((usize::from(u16::from_be_bytes(*n)), rest)).filter(|(n, _)| *n > 0xff)?
        }
        _ => return None,
    };
    (*found == tag).then_some(())?;
    rest.split_at_checked(length)
}

fn uncompressed<const LENGTH: usize>(point: &[u8]) -> Result<[u8; LENGTH], KeyError> {
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
    fn an_rsa_key_has_one_id_however_it_is_written_and_a_short_one_is_refused() {
        let of = |bytes: usize| PublicKey::Rsa { e: vec![1, 0, 1], n: [vec![0x81], vec![7; bytes - 1]].concat() };
        let key = of(256);
        assert_eq!(key.rsa_bits(), Some(2048));
        let spki = key.spki_der().unwrap();
        assert_eq!(PublicKey::from_spki_der(&spki), Ok(key.clone()));
        assert_eq!(PublicKey::parse(&key.to_openssh()).unwrap().id(), key.id());
        // The same key, named as one for PSS.
        let inner = &spki[4 + 15..];
        let algorithm = der(0x30, RSA_PSS);
        let pss = der(0x30, &[&algorithm, inner].concat());
        assert_eq!(PublicKey::from_spki_der(&pss), Ok(key));
        let short = of(128).spki_der().unwrap();
        assert!(
            matches!(PublicKey::from_spki_der(&short), Err(KeyError::Kind { kind }) if kind == "RSA with 1024 bits")
        );
        assert!(PublicKey::from_spki_der(&[spki, vec![0]].concat()).is_err());
    }

    #[test]
    fn a_key_on_p384_reads_back_from_each_form() {
        let mut point = [9; 97];
        point[0] = 4;
        let key = PublicKey::P384(point);
        assert_eq!(PublicKey::parse(&key.to_pem().unwrap()), Ok(key.clone()));
        assert_eq!(PublicKey::parse(&key.to_openssh()), Ok(key.clone()));
        assert!(key.to_openssh().starts_with("ecdsa-sha2-nistp384 "));
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
