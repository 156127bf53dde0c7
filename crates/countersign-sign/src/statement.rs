//! A statement's bytes to a Sigstore bundle. What the bytes say is not looked at here.

use crate::error::SignError;
use crate::key_file::SigningKey;
use countersign_core::bundle::write_bundle;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};

/// Signs a statement with a key file's key: one line, a Sigstore bundle v0.3 with a DSSE envelope.
pub fn sign_payload(payload: &[u8], key: &SigningKey) -> Result<Vec<u8>, SignError> {
    let signature = key.sign(&pae(PAYLOAD_TYPE, payload))?;
    Ok(write_bundle(payload, &key.public().id(), &signature)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::KeyKind;
    use crate::testkit::holds;
    use countersign_core::bundle::{Signature, Signed};

    #[test]
    fn a_signed_statement_reads_back_and_its_signature_covers_the_payload_with_its_type() {
        for kind in [KeyKind::Ed25519, KeyKind::P256] {
            let key = SigningKey::generate(kind).unwrap();
            let signed = Signed::parse(&sign_payload(b"{\"a\":1}", &key).unwrap()).unwrap();
            assert_eq!(signed.payload, b"{\"a\":1}");
            let Signature::Dsse { hint, signature, .. } = &signed.by else { panic!("{signed:?}") };
            assert_eq!(*hint, Some(key.public().id()));
            assert!(holds(key.public(), &signed.pae(), signature));
            assert!(!holds(key.public(), &signed.payload, signature));
        }
    }
}
