//! SSH signatures of people: `ssh-keygen -Y sign` over statements, and git's over commits.

use crate::keys;
use countersign_core::key::PublicKey;
use countersign_core::limits;
use ssh_key::{Algorithm, HashAlg, SshSig};

/// The namespace that git signs commits in.
pub const GIT_NAMESPACE: &str = "git";

/// Why an SSH signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SshRefused {
    /// Larger than any signature.
    #[error("{found} bytes are too many for an SSH signature")]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
    /// Not an armoured SSH signature.
    #[error("not an SSH signature")]
    Form,
    /// Signed for another purpose.
    #[error("signed in namespace `{found}`, not `{expected}`")]
    Namespace {
        /// The namespace wanted.
        expected: String,
        /// The one it was signed in.
        found: String,
    },
    /// A kind of key or signature that is not accepted.
    #[error("signatures of kind {kind} are not accepted")]
    Kind {
        /// The kind as the signature names it.
        kind: String,
    },
    /// Made without anybody touching the authenticator.
    #[error("the authenticator did not see anybody")]
    NobodyPresent,
    /// The arithmetic does not come out.
    #[error("the signature does not hold for these bytes")]
    Signature,
}

/// The key that made this armoured signature over `message` in `namespace`, if it holds. Whose key that is, trust says.
pub fn verify(armor: &str, namespace: &str, message: &[u8]) -> Result<PublicKey, SshRefused> {
    if armor.len() > limits::KEY_BYTES {
        return Err(SshRefused::TooLarge { found: armor.len() });
    }
    let parsed = SshSig::from_pem(armor.trim().as_bytes()).map_err(|_form| SshRefused::Form)?;
    if parsed.namespace() != namespace {
        return Err(SshRefused::Namespace {
            expected: namespace.to_owned(),
            found: parsed.namespace().chars().take(80).collect(),
        });
    }
    let kind = |kind: String| SshRefused::Kind { kind };
    let key = PublicKey::from_ssh(parsed.public_key()).map_err(|_kind| kind(parsed.algorithm().to_string()))?;
    if !matches!(parsed.hash_alg(), HashAlg::Sha256 | HashAlg::Sha512) {
        return Err(kind(parsed.hash_alg().to_string()));
    }
    let signed = SshSig::signed_data(namespace, parsed.hash_alg(), message).map_err(|_form| SshRefused::Form)?;
    let signature = parsed.signature();
    let bytes = signature.as_bytes();
    let algorithm = signature.algorithm();
    let holds =
        match (&key, &algorithm) {
            (PublicKey::Ed25519(key), Algorithm::Ed25519) => keys::ed25519_holds(key, &signed, bytes),
            (PublicKey::P256(point), Algorithm::Ecdsa { .. }) => fixed::<32>(bytes)
                .is_some_and(|(rs, rest)| rest.is_empty() && keys::p256_fixed_holds(point, &signed, &rs)),
            (PublicKey::P384(point), Algorithm::Ecdsa { .. }) => fixed::<48>(bytes)
                .is_some_and(|(rs, rest)| rest.is_empty() && keys::p384_fixed_holds(point, &signed, &rs)),
            (PublicKey::Rsa { e, n }, Algorithm::Rsa { hash: Some(hash) }) => {
                keys::rsa_holds(e, n, *hash == HashAlg::Sha512, &signed, bytes)
            }
            (PublicKey::SkEd25519 { key, application }, Algorithm::SkEd25519) => {
                let (rs, tail) = bytes.split_at_checked(64).ok_or(SshRefused::Form)?;
                keys::ed25519_holds(key, &authenticated(application, tail, &signed)?, rs)
            }
            (PublicKey::SkP256 { key, application }, Algorithm::SkEcdsaSha2NistP256) => {
                let (rs, tail) = fixed::<32>(bytes).ok_or(SshRefused::Form)?;
                keys::p256_fixed_holds(key, &authenticated(application, tail, &signed)?, &rs)
            }
            _ => return Err(kind(algorithm.to_string())),
        };
    if holds { Ok(key) } else { Err(SshRefused::Signature) }
}

/// What a FIDO authenticator signs: the application's hash, its flags and counter, the message's hash (PROTOCOL.u2f). The
/// first flag says that somebody touched it.
fn authenticated(application: &str, tail: &[u8], message: &[u8]) -> Result<Vec<u8>, SshRefused> {
    use countersign_core::digest::Sha256;
    match tail {
        [flags, _, _, _, _] if flags & 1 == 1 => Ok([
            Sha256::of(application.as_bytes()).as_bytes().as_slice(),
            tail,
            Sha256::of(message).as_bytes().as_slice(),
        ]
        .concat()),
        [_, _, _, _, _] => Err(SshRefused::NobodyPresent),
        _ => Err(SshRefused::Form),
    }
}

/// SSH writes r and s as two length-prefixed integers; what follows them is given back.
fn fixed<const SIZE: usize>(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (r, rest) = integer::<SIZE>(bytes)?;
    let (s, rest) = integer::<SIZE>(rest)?;
    Some(([r, s].concat(), rest))
}

fn integer<const SIZE: usize>(bytes: &[u8]) -> Option<([u8; SIZE], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let value = match value {
        [0, tail @ ..] => tail,
        all => all,
    };
    let mut out = [0; SIZE];
    let start = out.len().checked_sub(value.len())?;
    out.get_mut(start..)?.copy_from_slice(value);
    Some((out, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_signature_is_refused() {
        for text in ["", "hello", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----"] {
            assert_eq!(verify(text, "git", b""), Err(SshRefused::Form), "{text}");
        }
        let long = "a".repeat(limits::KEY_BYTES + 1);
        assert_eq!(verify(&long, "git", b""), Err(SshRefused::TooLarge { found: long.len() }));
    }

    #[test]
    fn integers_longer_than_the_curve_are_refused() {
        let mut bytes = 34_u32.to_be_bytes().to_vec();
        bytes.extend([1; 34]);
        assert_eq!(integer::<32>(&bytes), None);
        assert_eq!(integer::<32>(&[0, 0, 0, 9, 1]), None);
    }
}
