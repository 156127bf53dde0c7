//! A bundle to the byte as [`super::write_bundle`] writes it: of these a log has hundreds of thousands, and nothing about them is in
//! doubt. Whatever differs by a byte is for the ordinary reader, who says what is wrong with it: nothing is refused here.

use super::Signature;
use crate::key::KeyId;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

// What stands around the payload, the key twice, and the signature. A test holds these against what is written.
const BEFORE_PAYLOAD: &[u8] = br#"{"dsseEnvelope":{"payload":""#;
const BEFORE_KEY: &[u8] = br#"","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":""#;
const BEFORE_SIGNATURE: &[u8] = br#"","sig":""#;
const BEFORE_HINT: &[u8] = br#""}]},"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""#;
const END: &[u8] = br#""}}}"#;

/// The payload and who signed it, if the bytes are of this form. Read from the end, where all is short: that the payload holds
/// nothing but itself, its own decoding shows.
pub(super) fn read(bytes: &[u8]) -> Option<(Vec<u8>, Signature)> {
    let rest = bytes.strip_suffix(END).filter(|_| bytes.len() <= limits::DOCUMENT_BYTES)?;
    let (rest, hint) = last(rest, BEFORE_HINT)?;
    let (rest, signature) = last(rest, BEFORE_SIGNATURE)?;
    let (rest, key) = last(rest, BEFORE_KEY)?;
    let payload = BASE64.decode(rest.strip_prefix(BEFORE_PAYLOAD)?).ok()?;
    let signature = BASE64.decode(signature).ok()?;
    let hint = KeyId::from_hint(std::str::from_utf8(hint).ok().filter(|_| hint == key)?)?;
    Some((payload, Signature::Dsse { hint: Some(hint), signature, witnessed: None }))
}

/// The text at the end, as far as it has no quote, and what stands before it, which has to end so.
fn last<'a>(bytes: &'a [u8], before: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = bytes.iter().rposition(|byte| *byte == b'"')?.checked_add(1)?;
    let (rest, text) = bytes.split_at_checked(start)?;
    Some((rest.strip_suffix(before)?, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Signed, write_bundle, write_ssh};
    use proptest::prelude::*;

    fn key() -> KeyId {
        crate::key::PublicKey::Ed25519([1; 32]).id()
    }

    #[test]
    fn what_is_written_here_is_read_so_and_as_everybody_reads_it() {
        for payload in [b"".as_slice(), b"{}", b"a payload of some length"] {
            let bytes = write_bundle(payload, &key(), &[7; 64]).unwrap();
            let plain = read(&bytes).expect("of this form");
            assert_eq!(plain, Signed::by_shape(&bytes).unwrap());
            assert_eq!(plain.0, payload);
        }
        assert_eq!(read(&write_ssh(b"{}", "a", "b").unwrap()), None);
    }

    #[test]
    fn another_form_of_the_same_is_left_to_the_ordinary_reader() {
        let bytes = write_bundle(b"{}", &key(), &[7; 64]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let other = KeyId::from_hint(&crate::key::PublicKey::Ed25519([2; 32]).id().hint()).unwrap().hint();
        for (from, to) in [
            ("{\"dsse", "{ \"dsse"),
            ("}}}", "}},\"more\":1}"),
            ("}}}", "}}}\n"),
            ("\"payload\":\"e30=\"", "\"payload\":\"\\u00653 0=\""),
            ("\"payload\":\"e30=\"", "\"payload\":\"e30=\",\"payload\":\"e30=\""),
            (&format!("\"keyid\":\"{}\"", key().hint()), &format!("\"keyid\":\"{other}\"")),
            (&format!("\"hint\":\"{}\"", key().hint()), "\"hint\":\"mine\""),
        ] {
            let bent = text.replacen(from, to, 1);
            assert_ne!(bent, text, "{from}");
            assert_eq!(read(bent.as_bytes()), None, "{bent}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_so_the_ordinary_reader_reads_the_same(
            payload in prop::collection::vec(any::<u8>(), 0..30), signature in prop::collection::vec(any::<u8>(), 0..70),
            at in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let mut bytes = write_bundle(&payload, &key(), &signature).unwrap();
            prop_assert_eq!(read(&bytes), Signed::by_shape(&bytes).ok());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Some(plain) = read(&bytes) {
                prop_assert_eq!(Some(plain), Signed::by_shape(&bytes).ok());
            }
        }
    }
}
