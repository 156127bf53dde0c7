//! The text of a private key file to the bytes inside, and a refusal by name for everything that is no key for us.
//! The structure is read only as far as the kind of key; the key itself is the cryptographic provider's to parse.

use crate::error::KeyFault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::to_hex;
use zeroize::Zeroizing;

/// What a PEM block holds, not yet parsed as a key.
pub(crate) enum Private {
    /// PKCS#8, Ed25519.
    Ed25519(Zeroizing<Vec<u8>>),
    /// PKCS#8 or SEC 1, P-256.
    P256(Zeroizing<Vec<u8>>),
}

/// Finds the one private key in a PEM text.
pub(crate) fn read(text: &str) -> Result<Private, KeyFault> {
    let (label, body) = only_block(text)?;
    match label {
        "PRIVATE KEY" => {
            let der = decode(&body)?;
            Ok(pkcs8_kind(&der)?.of(der))
        }
        "EC PRIVATE KEY" if body.lines().any(|line| line.starts_with("Proc-Type:")) => Err(KeyFault::Encrypted),
        "EC PRIVATE KEY" => {
            let der = decode(&body)?;
            Ok(sec1_kind(&der)?.of(der))
        }
        "ENCRYPTED PRIVATE KEY" => Err(KeyFault::Encrypted),
        "OPENSSH PRIVATE KEY" => Err(KeyFault::OpenSsh),
        "RSA PRIVATE KEY" => Err(KeyFault::Kind { kind: "RSA".to_owned() }),
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

#[derive(Clone, Copy)]
enum Kind {
    Ed25519,
    P256,
}

impl Kind {
    const fn of(self, der: Zeroizing<Vec<u8>>) -> Private {
        match self {
            Self::Ed25519 => Private::Ed25519(der),
            Self::P256 => Private::P256(der),
        }
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const CURVE: u8 = 0xa0;

const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// Kinds that are known well enough to be named in a refusal.
const OTHERS: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], "RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "RSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "DSA"),
    (&[0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2b, 0x65, 0x6f], "X448"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "ECDSA secp256k1"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "ECDSA P-384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "ECDSA P-521"),
];

/// `SEQUENCE { version INTEGER, SEQUENCE { algorithm OID, parameters }, ... }`
fn pkcs8_kind(der: &[u8]) -> Result<Kind, KeyFault> {
    let (whole, _) = take(der, SEQUENCE)?;
    let (_, rest) = take(whole, INTEGER)?;
    let (algorithm, _) = take(rest, SEQUENCE)?;
    let (oid, parameters) = take(algorithm, OID)?;
    match oid {
        ED25519 => Ok(Kind::Ed25519),
        EC => curve_kind(parameters),
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

/// The content of a DER element with this tag, and what follows it.
fn take(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), KeyFault> {
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
