//! What was signed a moment ago, read back as its reader will read it. What does not hold is not let go.

use crate::keys::envelope_signature_holds;
use crate::ssh;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::key::PublicKey;

/// Who is said to have signed.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// This key, in an envelope.
    Key(&'a PublicKey),
    /// An SSH key, in this namespace. The signature proves which.
    Ssh(&'a str),
}

/// Reads a signed document back, and checks that it carries this payload, and that its signature holds: of the kind, by
/// the key, and in the namespace that it was meant to be.
pub fn reads_back(document: &[u8], payload: &[u8], signer: Signer<'_>) -> Result<Signed, Box<Finding>> {
    let signed = match Signed::parse(document) {
        Ok(signed) if signed.payload == payload && signed.digest == Sha256::of(document) => signed,
        Ok(_) => return Err(no(codes::BUNDLE_MALFORMED, "it does not read back as it was signed")),
        Err(error) => return Err(no(error.code(), &error.to_string())),
    };
    let why = match (&signed.by, signer) {
        (Signature::Dsse { signature, hint, .. }, Signer::Key(key)) => {
            let holds = *hint == Some(key.id()) && envelope_signature_holds(key, &signed.pae(), signature);
            (!holds).then(|| "the signature does not hold for the key's own public half".to_owned())
        }
        (Signature::Ssh { armor, namespace }, Signer::Ssh(wanted)) if namespace == wanted => {
            ssh::verify(armor, wanted, &signed.pae()).err().map(|error| error.to_string())
        }
        (Signature::Dsse { .. } | Signature::Ssh { .. } | Signature::Certificate { .. }, _) => {
            Some("it was signed in another way than was meant".to_owned())
        }
    };
    match why {
        None => Ok(signed),
        Some(why) => Err(no(codes::SIGNATURE_INVALID, &why)),
    }
}

fn no(code: countersign_core::finding::Code, why: &str) -> Box<Finding> {
    let finding = Finding::new(code, format!("nobody could verify what this key signs: {why}"))
        .at("what was just signed")
        .expected(
            "Ed25519, ECDSA P-256 or P-384, RSA of at least 2048 bits, or a FIDO authenticator's Ed25519 or ECDSA P-256",
            "verify",
        )
        .help("make a key with `ssh-keygen -t ed25519` or `countersign key generate`, and have it put into trust");
    Box::new(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use countersign_core::bundle::write_bundle;
    use countersign_core::envelope::{PAYLOAD_TYPE, pae};

    fn pair() -> (Ed25519KeyPair, PublicKey) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = PublicKey::Ed25519(pair.public_key().as_ref().try_into().unwrap());
        (pair, public)
    }

    #[test]
    fn what_holds_is_read_back_and_nothing_else_is() {
        let (pair, public) = pair();
        let signature = pair.sign(&pae(PAYLOAD_TYPE, b"{}"));
        let document = write_bundle(b"{}", &public.id(), signature.as_ref()).unwrap();
        let code = |document: &[u8], payload: &[u8], signer| {
            reads_back(document, payload, signer).map(drop).map_err(|finding| finding.code)
        };
        assert_eq!(code(&document, b"{}", Signer::Key(&public)), Ok(()));
        assert_eq!(code(&document, b"[]", Signer::Key(&public)), Err(codes::BUNDLE_MALFORMED));
        assert_eq!(code(&document, b"{}", Signer::Ssh("a")), Err(codes::SIGNATURE_INVALID));
        assert_eq!(code(b"{}", b"{}", Signer::Key(&public)), Err(codes::BUNDLE_MALFORMED));
        let (_, other) = self::pair();
        assert_eq!(code(&document, b"{}", Signer::Key(&other)), Err(codes::SIGNATURE_INVALID));
        let mut wrong = signature.as_ref().to_vec();
        wrong[0] ^= 1;
        let document = write_bundle(b"{}", &public.id(), &wrong).unwrap();
        assert_eq!(code(&document, b"{}", Signer::Key(&public)), Err(codes::SIGNATURE_INVALID));
    }
}
