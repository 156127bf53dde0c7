//! The text of a private key file to the bytes inside, and a refusal by name for everything that is no key for us.
//! The structure is read only as far as the kind of key; the key itself is the cryptographic provider's to parse.

use crate::error::KeyFault;
use crate::sealed::Container;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::to_hex;
use zeroize::Zeroizing;

/// What a PEM block holds, not yet parsed as a key.
pub(crate) struct Private {
    /// The kind of key.
    pub kind: Kind,
    /// The document, of the form that goes with the kind.
    pub der: Zeroizing<Vec<u8>>,
}

/// Kinds of key, and the form in which their document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PKCS#8, Ed25519.
    Ed25519,
    /// PKCS#8 or SEC 1, P-256.
    P256,
    /// PKCS#8 or SEC 1, P-384.
    P384,
    /// `RSAPrivateKey` (PKCS#1), to sign in the padding of PKCS#1 v1.5.
    Rsa,
    /// The same, to sign by PSS: its PKCS#8 document said that it is for nothing else.
    RsaPss,
}

/// Finds the one private key in a PEM text. Where a passphrase seals it, that is asked for.
pub(crate) fn read<E: From<KeyFault>>(
    text: &str,
    unlock: impl FnOnce(Container) -> Result<Zeroizing<String>, E>,
) -> Result<Private, E> {
    let (label, body) = only_block(text)?;
    let container = match label {
        "ENCRYPTED PRIVATE KEY" => Some(Container::Pkcs8),
        "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => Some(Container::Cosign),
        _ => None,
    };
    if let Some(container) = container {
        let sealed = decode(&body)?;
        let passphrase = unlock(container)?;
        return Ok(pkcs8(container.open(&sealed, &passphrase)?)?);
    }
    Ok(open(label, &body)?)
}

fn open(label: &str, body: &str) -> Result<Private, KeyFault> {
    match label {
        "PRIVATE KEY" => pkcs8(decode(body)?),
        _ if body.lines().any(|line| line.starts_with("Proc-Type:")) => Err(KeyFault::Sealed {
            problem: "it is encrypted in OpenSSL's old way: `openssl pkcs8 -topk8` writes it anew",
        }),
        "EC PRIVATE KEY" => {
            let der = decode(body)?;
            Ok(Private { kind: sec1_kind(&der)?, der })
        }
        "RSA PRIVATE KEY" => Ok(Private { kind: Kind::Rsa, der: decode(body)? }),
        "OPENSSH PRIVATE KEY" => Err(KeyFault::OpenSsh),
        "DSA PRIVATE KEY" => Err(KeyFault::Kind { kind: "DSA".to_owned() }),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "SSH2 PUBLIC KEY" => Err(KeyFault::Public),
        other => Err(KeyFault::Label { label: other.chars().take(64).collect() }),
    }
}

/// Writes a PKCS#8 document as PEM.
pub(crate) fn write(pkcs8: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(BASE64.encode(pkcs8));
    // Room for all of it at once: a string that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(body.len().saturating_mul(2).saturating_add(64)));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (i, c) in body.chars().enumerate() {
        if i > 0 && i % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    text
}

/// The label and the body of the only block. Text around it is ignored, as are the curve parameters that
/// `openssl ecparam -genkey` puts before the key.
fn only_block(text: &str) -> Result<(&str, Zeroizing<String>), KeyFault> {
    let mut blocks: Vec<(&str, Zeroizing<String>)> = Vec::new();
    let mut open: Option<(&str, Zeroizing<String>)> = None;
    for line in text.lines().map(str::trim) {
        match open.take() {
            None => {
                open =
                    fence(line, "-----BEGIN ").map(|label| (label, Zeroizing::new(String::with_capacity(text.len()))));
            }
            Some((label, body)) if fence(line, "-----END ") == Some(label) => {
                if label != "EC PARAMETERS" {
                    blocks.push((label, body));
                }
            }
            Some((label, mut body)) => {
                body.push_str(line);
                body.push('\n');
                open = Some((label, body));
            }
        }
    }
    if open.is_some() {
        return Err(KeyFault::Encoding);
    }
    let found = blocks.len();
    match (found, blocks.pop()) {
        (1, Some(block)) => Ok(block),
        (0, _) if is_openssh_line(text) => Err(KeyFault::Public),
        (0, _) => Err(KeyFault::NoPem),
        _ => Err(KeyFault::Several { found }),
    }
}

/// Whether the text is one line of an OpenSSH public key.
pub(crate) fn is_openssh_line(text: &str) -> bool {
    let text = text.trim();
    let is_kind = |word: &str| ["ssh-", "ecdsa-sha2-", "sk-"].iter().any(|prefix| word.starts_with(prefix));
    text.lines().count() == 1 && text.split_ascii_whitespace().next().is_some_and(is_kind)
}

fn fence<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let mut joined = Zeroizing::new(String::with_capacity(body.len()));
    body.lines().for_each(|line| joined.push_str(line));
    BASE64.decode(joined.as_bytes()).map(Zeroizing::new).map_err(|_base64| KeyFault::Encoding)
}

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
const CURVE: u8 = 0xa0;

const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// Kinds that are known well enough to be named in a refusal.
const OTHERS: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "DSA"),
    (&[0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2b, 0x65, 0x6f], "X448"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "ECDSA secp256k1"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "ECDSA P-521"),
];

/// `SEQUENCE { version INTEGER, SEQUENCE { algorithm OID, parameters }, key OCTET STRING, ... }`
fn pkcs8(der: Zeroizing<Vec<u8>>) -> Result<Private, KeyFault> {
    let (whole, _) = take(&der, SEQUENCE)?;
    let (_, rest) = take(whole, INTEGER)?;
    let (algorithm, rest) = take(rest, SEQUENCE)?;
    let (oid, parameters) = take(algorithm, OID)?;
    let inner = || take(rest, OCTETS).map(|(key, _)| Zeroizing::new(key.to_vec()));
    match oid {
        ED25519 => Ok(Private { kind: Kind::Ed25519, der }),
        EC => Ok(Private { kind: curve_kind(parameters)?, der }),
        RSA => Ok(Private { kind: Kind::Rsa, der: inner()? }),
        RSA_PSS => Ok(Private { kind: Kind::RsaPss, der: inner()? }),
        other => Err(other_kind(other)),
    }
}

/// `SEQUENCE { version INTEGER, key OCTET STRING, [0] curve OPTIONAL, ... }`
fn sec1_kind(der: &[u8]) -> Result<Kind, KeyFault> {
    let (whole, _) = take(der, SEQUENCE)?;
    let (_, rest) = take(whole, INTEGER)?;
    let (_, rest) = take(rest, OCTETS)?;
    let (curve, _) = take(rest, CURVE)?;
    curve_kind(curve)
}

fn curve_kind(parameters: &[u8]) -> Result<Kind, KeyFault> {
    match take(parameters, OID) {
        Ok((P256, _)) => Ok(Kind::P256),
        Ok((P384, _)) => Ok(Kind::P384),
        Ok((other, _)) => Err(other_kind(other)),
        Err(_) => Err(KeyFault::Kind { kind: "ECDSA on a curve without a name".to_owned() }),
    }
}

fn other_kind(oid: &[u8]) -> KeyFault {
    let name = OTHERS.iter().find(|(known, _)| *known == oid).map(|(_, name)| (*name).to_owned());
    KeyFault::Kind {
        kind: name.unwrap_or_else(|| format!("other (object identifier {})", to_hex(oid.get(..16).unwrap_or(oid)))),
    }
}

/// A small number that is not negative, and what follows it.
pub(crate) fn number(der: &[u8]) -> Result<(u32, &[u8]), KeyFault> {
    let (bytes, rest) = take(der, INTEGER)?;
    let bytes = match bytes {
        [0, tail @ ..] => tail,
        [first, ..] if first & 0x80 != 0 => return Err(KeyFault::Encoding),
        all => all,
    };
    let number = bytes.iter().try_fold(0_u32, |sum, byte| sum.checked_mul(256)?.checked_add(u32::from(*byte)));
    Ok((number.ok_or(KeyFault::Encoding)?, rest))
}

/// The content of a DER element with this tag, and what follows it.
pub(crate) fn take(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), KeyFault> {
    let parts = || {
        let (found, rest) = der.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 => rest.split_first().map(|(n, rest)| (usize::from(*n), rest))?,
            0x82 => rest.split_first_chunk().map(|(n, rest)| (usize::from(u16::from_be_bytes(*n)), rest))?,
            _ => return None,
        };
        (*found == tag).then_some(())?;
        rest.split_at_checked(length)
    };
    parts().ok_or(KeyFault::Encoding)
}
