//! Kinds of keys and the schemes that each of them signs by, as Sigstore's registry of algorithms lists them and as key services and
//! older clients have used them. A key does not say which of its scheme it was: whichever holds counts, since each of them takes the
//! key. What no library here can check is named, and never taken for a signature that does not hold.

use super::Artifact;
use aws_lc_rs::digest::{Algorithm, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1,
    ECDSA_P521_SHA512_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The bytes of an uncompressed point on P-521.
const P521_POINT: usize = 133;

/// What kind of key it is, as far as schemes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521, which the family does not know.
    P521,
    /// RSA.
    Rsa,
    /// Ed25519.
    Ed25519,
    /// Another that the family may know.
    Other,
}

/// A scheme: what checks it, and the hash that it begins with.
type Scheme = (&'static dyn VerificationAlgorithm, &'static Algorithm);

impl Kind {
    /// Of a `SubjectPublicKeyInfo`.
    pub(super) fn of(spki: &[u8]) -> Self {
        let Ok(key) = SubjectPublicKeyInfoRef::try_from(spki) else { return Self::Other };
        match (key.algorithm.oid, key.algorithm.parameters_oid().ok()) {
            (EC, Some(P256)) => Self::P256,
            (EC, Some(P384)) => Self::P384,
            (EC, Some(P521)) if uncompressed(key.subject_public_key.raw_bytes()) => Self::P521,
            (RSA, _) => Self::Rsa,
            (ED25519, _) => Self::Ed25519,
            _ => Self::Other,
        }
    }

    /// Every scheme of a key that hashes first and then signs the hash.
    const fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::P256 => &[(&ECDSA_P256_SHA256_ASN1, &SHA256)],
            // Clients of before 2025 took SHA-256 on every curve.
            Self::P384 => &[(&ECDSA_P384_SHA384_ASN1, &SHA384), (&ECDSA_P384_SHA256_ASN1, &SHA256)],
            Self::P521 => &[(&ECDSA_P521_SHA512_ASN1, &SHA512), (&ECDSA_P521_SHA256_ASN1, &SHA256)],
            Self::Rsa => &[
                (&RSA_PKCS1_2048_8192_SHA256, &SHA256),
                (&RSA_PSS_2048_8192_SHA256, &SHA256),
                (&RSA_PKCS1_2048_8192_SHA384, &SHA384),
                (&RSA_PSS_2048_8192_SHA384, &SHA384),
                (&RSA_PKCS1_2048_8192_SHA512, &SHA512),
                (&RSA_PSS_2048_8192_SHA512, &SHA512),
            ],
            Self::Ed25519 | Self::Other => &[],
        }
    }

    /// Whether it has schemes that the family does not try.
    pub(super) const fn has_further(self) -> bool {
        matches!(self, Self::P384 | Self::P521 | Self::Rsa)
    }
}

/// A key on one of the three curves with its point written in full, whichever of its spellings it came in; `None` for any other
/// key, and for a point that is none.
pub(super) fn in_full(spki: &[u8]) -> Option<Vec<u8>> {
    let key = SubjectPublicKeyInfoRef::try_from(spki).ok()?;
    let by = match (key.algorithm.oid, key.algorithm.parameters_oid().ok()?) {
        (EC, P256) => &ECDSA_P256_SHA256_ASN1,
        (EC, P384) => &ECDSA_P384_SHA384_ASN1,
        (EC, P521) => &ECDSA_P521_SHA512_ASN1,
        _ => return None,
    };
    let key = ParsedPublicKey::new(by, key.subject_public_key.raw_bytes()).ok()?;
    Some(key.as_der().ok()?.as_ref().to_vec())
}

fn uncompressed(point: &[u8]) -> bool {
    point.len() == P521_POINT && point.first() == Some(&4)
}

/// Whether a signature over this holds, by any scheme of the key.
pub(super) fn hold(spki: &[u8], signed: Artifact<'_>, signature: &[u8]) -> bool {
    let Ok(key) = SubjectPublicKeyInfoRef::try_from(spki) else { return false };
    let key = key.subject_public_key.raw_bytes();
    Kind::of(spki).schemes().iter().any(|(algorithm, hash)| {
        let key = UnparsedPublicKey::new(*algorithm, key);
        let digest = |bytes: &[u8]| Digest::import_less_safe(bytes, hash);
        match signed {
            Artifact::Bytes(bytes) => key.verify(bytes, signature).is_ok(),
            Artifact::Sha256(bytes) if **hash == SHA256 => {
                digest(&bytes).is_ok_and(|digest| key.verify_digest(&digest, signature).is_ok())
            }
            Artifact::Sha512(bytes) if **hash == SHA512 => {
                digest(&bytes).is_ok_and(|digest| key.verify_digest(&digest, signature).is_ok())
            }
            Artifact::Sha256(_) | Artifact::Sha512(_) => false,
        }
    })
}

/// What people call a kind of key that cannot be judged here; `None` where it is no key that anybody could name.
pub(super) fn unknown(spki: &[u8]) -> Option<String> {
    let key = SubjectPublicKeyInfoRef::try_from(spki).ok()?;
    let curve = key.algorithm.parameters_oid().ok().map(|oid| oid.to_string());
    let kind = match (key.algorithm.oid.to_string().as_str(), curve.as_deref()) {
        ("1.2.840.10045.2.1", Some("1.3.132.0.33")) => "ECDSA on P-224".to_owned(),
        ("1.2.840.10045.2.1", Some("1.3.132.0.10")) => "ECDSA on secp256k1".to_owned(),
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7" | "1.3.132.0.34" | "1.3.132.0.35")) => {
            "ECDSA with a point that is none of its curve".to_owned()
        }
        ("1.2.840.10045.2.1", Some(curve)) => format!("ECDSA on the curve {curve}"),
        ("1.2.840.10040.4.1", _) => "DSA".to_owned(),
        ("1.3.101.113", _) => "Ed448".to_owned(),
        ("1.2.840.113549.1.1.1", _) => format!("RSA of {} bits", bits(key.subject_public_key.raw_bytes())?),
        (other, _) => format!("the algorithm {other}"),
    };
    Some(kind)
}

/// Whether an RSA key has as many bits as are taken.
pub(super) fn strong(spki: &[u8]) -> bool {
    let key = SubjectPublicKeyInfoRef::try_from(spki).ok();
    let bits = key.and_then(|key| bits(key.subject_public_key.raw_bytes()));
    bits.is_some_and(|bits| (2048..=8192).contains(&bits))
}

/// How many bits the modulus of an RSA key has.
fn bits(pkcs1: &[u8]) -> Option<usize> {
    let modulus = SliceReader::new(pkcs1).ok()?.sequence(|inside| {
        let modulus = UintRef::decode(inside)?.as_bytes().to_vec();
        UintRef::decode(inside)?;
        Ok(modulus)
    });
    let modulus: Vec<u8> = modulus.ok()?;
    let leading = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    Some(modulus.len().saturating_mul(8).saturating_sub(leading))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    #[test]
    fn a_signature_on_p_384_by_sha_256_holds_by_bytes_and_by_digest() {
        let bytes = |text: &str| BASE64.decode(text).unwrap();
        let key = bytes(
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEByEBGgsKTIQGRB9xTXr7hUkDjnJBqCiGQkBdsHkca0IXOjDFDVgRxuTjhPUodszokrUdwTUt57ZabPMMvsGf\
             pHsARf/bfKMYq3eLuj8h1pfyf+ZEkJa2DPFS6IZCbumM",
        );
        let signature = bytes(
            "MGYCMQCbuahkqA3ompWkiTdZPBOsSgkYQLlMQOM0qHrG5SsAYTfroNxJuZUDej3dBKjQrnQCMQC/e98x5d861Czv7KBq88RNGbXDFMPPIDG5WIG6F0va\
             ZmvT0ddVy4P+zkSyx0qrCxU=",
        );
        assert_eq!(Kind::of(&key), Kind::P384);
        assert!(hold(&key, Artifact::Bytes(b"message"), &signature));
        assert!(!hold(&key, Artifact::Bytes(b"massage"), &signature));
        let digest = *countersign_core::digest::Sha256::of(b"message").as_bytes();
        assert!(hold(&key, Artifact::Sha256(digest), &signature));
        assert!(!hold(&key, Artifact::Sha256([7; 32]), &signature));
    }

    #[test]
    fn what_cannot_be_checked_has_a_name() {
        let named = |text: &str| unknown(&BASE64.decode(text).unwrap());
        let short = "ME4wEAYHKoZIzj0CAQYFK4EEACEDOgAENj8INj9abdkKODSCgwT/vHdgTumAZOFQtbfxvwxR+ee+xLJHvUvQGtD2e8Zc8QjTB16UD43iGLk=";
        assert_eq!(named(short).as_deref(), Some("ECDSA on P-224"));
        assert_eq!(unknown(b"no key"), None);
    }
}
