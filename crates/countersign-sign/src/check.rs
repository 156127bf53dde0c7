//! The check that every signature of ours goes through before it leaves: it has to hold for the public key. What a token, a
//! plugin or a machine with a fault gives back is not let out otherwise.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use countersign_core::key::PublicKey;

/// Whether the signature is this key's over these bytes.
pub(crate) fn holds(key: &PublicKey, bytes: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature).is_ok(),
        PublicKey::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(bytes, signature).is_ok(),
        PublicKey::P384(key) => UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, key).verify(bytes, signature).is_ok(),
        PublicKey::Rsa { e, n } => [&RSA_PKCS1_2048_8192_SHA256, &RSA_PSS_2048_8192_SHA256]
            .iter()
            .any(|algorithm| RsaPublicKeyComponents { n, e }.verify(algorithm, bytes, signature).is_ok()),
        PublicKey::SkEd25519 { .. } | PublicKey::SkP256 { .. } => false,
    }
}
