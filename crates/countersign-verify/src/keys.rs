//! Signatures against keys. One provider does the arithmetic; this module only says which algorithm a key stands for.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use countersign_core::key::PublicKey;

/// Whether a DSSE signature holds: Ed25519 as it is, P-256 with SHA-256 and P-384 with SHA-384 in ASN.1 form, RSA with
/// SHA-256 in either padding, since the key does not say which. FIDO keys do not sign envelopes.
#[must_use]
pub fn envelope_signature_holds(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ed25519(key) => holds(&ED25519, key, message, signature),
        PublicKey::P256(point) => holds(&ECDSA_P256_SHA256_ASN1, point, message, signature),
        PublicKey::P384(point) => holds(&ECDSA_P384_SHA384_ASN1, point, message, signature),
        PublicKey::Rsa { e, n } => [&RSA_PKCS1_2048_8192_SHA256, &RSA_PSS_2048_8192_SHA256]
            .iter()
            .any(|algorithm| RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature).is_ok()),
        PublicKey::SkEd25519 { .. } | PublicKey::SkP256 { .. } => false,
    }
}

/// Whether a signature line of a checkpoint holds.
#[must_use]
pub fn note_signature_holds(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    holds(&ED25519, key, message, signature)
}

pub(crate) fn ed25519_holds(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    holds(&ED25519, key, message, signature)
}

/// `signature` is r and s, 32 bytes each.
pub(crate) fn p256_fixed_holds(point: &[u8; 65], message: &[u8], signature: &[u8]) -> bool {
    holds(&ECDSA_P256_SHA256_FIXED, point, message, signature)
}

/// `signature` is r and s, 48 bytes each.
pub(crate) fn p384_fixed_holds(point: &[u8; 97], message: &[u8], signature: &[u8]) -> bool {
    holds(&ECDSA_P384_SHA384_FIXED, point, message, signature)
}

/// RSA of 2,048 to 8,192 bits, PKCS#1 v1.5, with SHA-512 or SHA-256. SHA-1 is never accepted.
pub(crate) fn rsa_holds(e: &[u8], n: &[u8], sha512: bool, message: &[u8], signature: &[u8]) -> bool {
    let algorithm = if sha512 { &RSA_PKCS1_2048_8192_SHA512 } else { &RSA_PKCS1_2048_8192_SHA256 };
    RsaPublicKeyComponents { n, e }.verify(algorithm, message, signature).is_ok()
}

fn holds(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}
