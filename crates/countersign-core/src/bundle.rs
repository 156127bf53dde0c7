//! Signed documents on the wire: the Sigstore bundle v0.3 with a DSSE envelope, and the same statement under a person's
//! SSH signature. This module reads and writes them; it checks no signature.
//!
//! A collection holds one document a line. Its order means nothing, and nothing about it as a whole is trusted.

mod plain;
mod shape;

pub use shape::shaped;

use crate::blob::Blob;
use crate::digest::Sha256;
use crate::envelope::{PAYLOAD_TYPE, pae};
use crate::json::{self, Checked, JsonError, Named};
use crate::key::KeyId;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// The media type that we write.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The media types of bundles that we read.
pub const BUNDLE_MEDIA_TYPES: [&str; 4] = [
    BUNDLE_MEDIA_TYPE,
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];
/// The media type of a statement under an SSH signature.
pub const SSH_MEDIA_TYPE: &str = "application/vnd.countersign.sshsig+json;version=0.1";

/// How the media type of a trusted root begins: a line of a collection may be one, which says nothing by itself.
const ROOT_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// A signed document, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The statement's bytes, exactly as signed.
    pub payload: Vec<u8>,
    /// What signed it, and how.
    pub by: Signature,
    /// The digest of the document's own bytes: its name in the evidence store.
    pub digest: Sha256,
}

/// The signature of a [`Signed`] document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// DSSE: the signature is over the pre-authentication encoding, by the key that the hint names.
    Dsse {
        /// The key's id, as the bundle hints at it. A hint only: it selects, it does not prove.
        hint: Option<KeyId>,
        /// The signature's bytes.
        signature: Vec<u8>,
        /// The document's own bytes, where a log or a timestamp authority is said to have seen it.
        witnessed: Option<Vec<u8>>,
    },
    /// DSSE by the key of a certificate, with what logs and timestamp authorities say: a whole Sigstore bundle, which is
    /// checked as one.
    Certificate {
        /// The document's own bytes.
        bundle: Vec<u8>,
    },
    /// An armoured SSH signature (`ssh-keygen -Y sign`) over the pre-authentication encoding, in this namespace.
    Ssh {
        /// The namespace.
        namespace: String,
        /// The armoured signature.
        armor: String,
    },
}

/// Why bytes are not a signed document that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not JSON, or not of the shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another media type.
    #[error("media type `{found}` is not a Sigstore bundle v0.3")]
    MediaType {
        /// The one that was found.
        found: String,
    },
    /// None of the forms that attestations of others come in.
    #[error(
        "{found}, which is none of the forms of attestations that are read: Sigstore bundles 0.1 to 0.3, DSSE envelopes, npm's document, \
         PEP 740 version 1, Cloud Build's provenance"
    )]
    Form {
        /// What was found.
        found: String,
    },
    /// Not a DSSE envelope: a bundle over a plain message, say.
    #[error("the bundle holds no DSSE envelope")]
    NoEnvelope,
    /// A list of a forge's that says where a bundle is, and does not have it.
    #[error("the list does not hold its bundle, and says where that is: `bundle_url`")]
    Elsewhere,
    /// Neither a public key nor a certificate.
    #[error("the bundle's verification material holds neither a public key nor a certificate, or both")]
    Material,
    /// Another payload type.
    #[error("payload type `{found}` is not {PAYLOAD_TYPE}")]
    PayloadType {
        /// The one that was found.
        found: String,
    },
    /// Not exactly one signature.
    #[error("the envelope has {found} signatures, exactly 1 is read")]
    Signatures {
        /// How many.
        found: usize,
    },
    /// A bare envelope with none, or with more than are read.
    #[error("the envelope has {found} signatures, 1 to {} are read", limits::ENVELOPE_SIGNATURES)]
    EnvelopeSignatures {
        /// How many.
        found: usize,
    },
    /// Base64 that does not hold.
    #[error("`{field}` is not base64")]
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// A line of a collection, from 1.
    #[error("line {line}: {source}")]
    Line {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// The collection has no document.
    #[error("the file holds no bundle")]
    Empty,
    /// More documents than the bound.
    #[error("more than {limit} bundles in one file")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl BundleError {
    /// What helps, where that is something else than to get the file again.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        if let Self::Line { source, .. } = self {
            return source.help();
        }
        let fetch = "hand in what `gh attestation download` writes, which fetches it; or fetch what is at `bundle_url` (GitHub packs it with Snappy)";
        matches!(self, Self::Elsewhere).then_some(fetch)
    }

    /// The registered code of this refusal.
    #[must_use]
    pub fn code(&self) -> crate::finding::Code {
        match self {
            Self::PayloadType { .. } => crate::codes::PAYLOAD_TYPE,
            Self::Signatures { .. } | Self::EnvelopeSignatures { .. } => crate::codes::ENVELOPE_SIGNATURES,
            Self::Line { source, .. } => source.code(),
            Self::Empty => crate::codes::NO_STATEMENTS,
            Self::Json(_)
            | Self::MediaType { .. }
            | Self::Form { .. }
            | Self::NoEnvelope
            | Self::Elsewhere
            | Self::Material
            | Self::Base64 { .. }
            | Self::TooMany { .. } => crate::codes::BUNDLE_MALFORMED,
        }
    }
}

impl Signed {
    /// Reads one document.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        Self::read(bytes, || Sha256::of(bytes))
    }

    /// Reads one that came out of a store, and was hashed there.
    pub fn parse_blob(blob: &Blob) -> Result<Self, BundleError> {
        Self::read(blob, || *blob.digest())
    }

    fn read(bytes: &[u8], digest: impl FnOnce() -> Sha256) -> Result<Self, BundleError> {
        let (payload, by) = match plain::read(bytes) {
            Some(plain) => plain,
            None => Self::by_shape(bytes)?,
        };
        Ok(Self { payload, by, digest: digest() })
    }

    /// What any document holds, whoever wrote it.
    fn by_shape(bytes: &[u8]) -> Result<(Vec<u8>, Signature), BundleError> {
        let document = Checked::of(bytes)?;
        let MediaWire { media_type: media } = document.read_object().unwrap_or_default();
        if media == SSH_MEDIA_TYPE {
            let wire: SshWire<'_> = document.read()?;
            let payload = unpack(&wire.payload_type, &wire.payload)?;
            Ok((payload, Signature::Ssh { namespace: wire.namespace, armor: wire.signature }))
        } else if BUNDLE_MEDIA_TYPES.contains(&&*media) {
            Self::from_bundle(document.read()?, bytes)
        } else {
            Err(BundleError::MediaType { found: media.chars().take(120).collect() })
        }
    }

    /// Reads a collection: one document a line, empty lines ignored. A file that is one document over several lines is
    /// read as well. At least one document, or [`BundleError::Empty`]. Trusted roots of Sigstore instances among the lines
    /// are no documents: [`Signed::roots_among`] gives those.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<(Vec<u8>, Self)>, BundleError> {
        if bytes.len() > limits::COLLECTION_BYTES {
            return Err(JsonError::TooLarge { found: bytes.len(), limit: limits::COLLECTION_BYTES }.into());
        }
        let lines: Vec<(usize, &[u8])> = bytes
            .split(|b| *b == b'\n')
            .map(<[u8]>::trim_ascii)
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let [(_, first), ..] = lines.as_slice() else { return Err(BundleError::Empty) };
        if lines.len() > 1 && json::parse(first).is_err() {
            let whole = bytes.trim_ascii();
            return Ok(vec![(whole.to_vec(), Self::parse(whole)?)]);
        }
        if lines.len() > limits::COLLECTION_ITEMS {
            return Err(BundleError::TooMany { limit: limits::COLLECTION_ITEMS });
        }
        let mut documents = Vec::new();
        for (i, line) in lines {
            match Self::parse(line) {
                Ok(signed) => documents.push((line.to_vec(), signed)),
                Err(BundleError::MediaType { found }) if found.starts_with(ROOT_MEDIA_TYPE) => {}
                Err(source) => return Err(BundleError::Line { line: i.saturating_add(1), source: Box::new(source) }),
            }
        }
        if documents.is_empty() { Err(BundleError::Empty) } else { Ok(documents) }
    }

    /// The lines of a collection that are trusted roots of Sigstore instances, as they stand there. Whether one counts, trust
    /// says, by its digest.
    #[must_use]
    pub fn roots_among(bytes: &[u8]) -> Vec<Vec<u8>> {
        let is_root = |line: &&[u8]| {
            let media = |value: Value| value.get("mediaType").and_then(Value::as_str).map(str::to_owned);
            line.len() <= limits::SIGSTORE_ROOT_BYTES
                && json::parse(line).ok().and_then(media).is_some_and(|media| media.starts_with(ROOT_MEDIA_TYPE))
        };
        let lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        lines.filter(is_root).map(<[u8]>::to_vec).collect()
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(PAYLOAD_TYPE, &self.payload)
    }

    fn from_bundle(wire: BundleWire<'_>, bytes: &[u8]) -> Result<(Vec<u8>, Signature), BundleError> {
        let Named(envelope) = wire.dsse_envelope.ok_or(BundleError::NoEnvelope)?;
        let payload = unpack(&envelope.payload_type, &envelope.payload)?;
        let [Named(signature)] = envelope.signatures.as_slice() else {
            return Err(BundleError::Signatures { found: envelope.signatures.len() });
        };
        let signature = BASE64.decode(&*signature.sig).map_err(|_base64| BundleError::Base64 { field: "sig" })?;
        let Named(material) = wire.verification_material;
        // What is looked for by its name below and elsewhere has to be where it would be found.
        for (name, part) in [
            ("certificate", &material.certificate),
            ("x509CertificateChain", &material.x509_certificate_chain),
            ("tlogEntries", &material.tlog_entries),
            ("timestampVerificationData", &material.timestamp_verification_data),
        ] {
            part.as_ref().map_or(Ok(()), |part| shape::part(name, part))?;
        }
        let certificate = material.certificate.is_some() || material.x509_certificate_chain.is_some();
        let by = match (material.public_key, certificate) {
            (Some(Named(key)), false) => {
                let stamps = material.timestamp_verification_data.as_ref().and_then(|d| d.get("rfc3161Timestamps"));
                let some = [material.tlog_entries.as_ref(), stamps];
                let some = some.iter().flatten().any(|list| list.as_array().is_some_and(|list| !list.is_empty()));
                let witnessed = some.then(|| bytes.to_vec());
                Signature::Dsse { hint: KeyId::from_hint(&key.hint), signature, witnessed }
            }
            (None, true) => Signature::Certificate { bundle: bytes.to_vec() },
            (Some(_), true) | (None, false) => return Err(BundleError::Material),
        };
        Ok((payload, by))
    }
}

/// Writes a bundle: one line of canonical JSON, without a newline.
pub fn write_bundle(payload: &[u8], key: &KeyId, signature: &[u8]) -> Result<Vec<u8>, JsonError> {
    json::canonical(&BundleWire {
        media_type: BUNDLE_MEDIA_TYPE.into(),
        verification_material: Named(MaterialWire {
            public_key: Some(Named(KeyWire { hint: key.hint().into() })),
            certificate: None,
            x509_certificate_chain: None,
            tlog_entries: None,
            timestamp_verification_data: None,
        }),
        dsse_envelope: Some(Named(EnvelopeWire {
            payload: BASE64.encode(payload).into(),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: vec![Named(SignatureWire { sig: BASE64.encode(signature).into(), keyid: key.hint().into() })],
        })),
    })
}

/// Writes a statement under an SSH signature: one line of canonical JSON, without a newline.
pub fn write_ssh(payload: &[u8], namespace: &str, armor: &str) -> Result<Vec<u8>, JsonError> {
    json::canonical(&SshWire {
        media_type: SSH_MEDIA_TYPE.into(),
        namespace: namespace.to_owned(),
        payload: BASE64.encode(payload).into(),
        payload_type: PAYLOAD_TYPE.into(),
        signature: armor.to_owned(),
    })
}

fn unpack(payload_type: &str, payload: &str) -> Result<Vec<u8>, BundleError> {
    if payload_type != PAYLOAD_TYPE {
        return Err(BundleError::PayloadType { found: payload_type.chars().take(120).collect() });
    }
    BASE64.decode(payload).map_err(|_base64| BundleError::Base64 { field: "payload" })
}

/// What says how a document is to be read; nothing where it is no text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MediaWire<'a> {
    #[serde(default, borrow)]
    media_type: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(rename_all = "camelCase")]
struct BundleWire<'a> {
    #[serde(borrow)]
    media_type: Cow<'a, str>,
    #[serde(borrow)]
    verification_material: Named<MaterialWire<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Named<EnvelopeWire<'a>>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(rename_all = "camelCase")]
struct MaterialWire<'a> {
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    public_key: Option<Named<KeyWire<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tlog_entries: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
struct KeyWire<'a> {
    #[serde(default, deserialize_with = "null_is_empty")]
    hint: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(rename_all = "camelCase")]
struct EnvelopeWire<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    signatures: Vec<Named<SignatureWire<'a>>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
struct SignatureWire<'a> {
    #[serde(borrow)]
    sig: Cow<'a, str>,
    #[serde(default, deserialize_with = "null_is_empty")]
    keyid: Cow<'a, str>,
}

/// A text that is null was left out.
fn null_is_empty<'de, 'a, D: Deserializer<'de>>(d: D) -> Result<Cow<'a, str>, D::Error> {
    Ok(Cow::Owned(Option::<String>::deserialize(d)?.unwrap_or_default()))
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SshWire<'a> {
    #[serde(borrow)]
    media_type: Cow<'a, str>,
    namespace: String,
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    payload_type: Cow<'a, str>,
    signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::in_place::{bends, bent, both_ways};
    use proptest::prelude::*;

    fn key() -> KeyId {
        crate::key::PublicKey::Ed25519([1; 32]).id()
    }

    #[test]
    fn a_bundle_reads_back_as_it_was_written() {
        let bytes = write_bundle(b"{}", &key(), b"sig").unwrap();
        let signed = Signed::parse(&bytes).unwrap();
        assert_eq!(signed.payload, b"{}");
        assert_eq!(signed.by, Signature::Dsse { hint: Some(key()), signature: b"sig".to_vec(), witnessed: None });
        assert_eq!(signed.digest, Sha256::of(&bytes));
    }

    #[test]
    fn a_second_signature_is_refused_and_so_is_none() {
        let text = String::from_utf8(write_bundle(b"{}", &key(), b"sig").unwrap()).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let one = value["dsseEnvelope"]["signatures"][0].clone();
        for (count, signatures) in [(2, vec![one.clone(), one]), (0, vec![])] {
            value["dsseEnvelope"]["signatures"] = Value::Array(signatures);
            let error = Signed::parse(value.to_string().as_bytes()).unwrap_err();
            assert_eq!(error, BundleError::Signatures { found: count });
        }
    }

    #[test]
    fn a_collection_names_the_line_that_does_not_hold_and_refuses_nothing_at_all() {
        let line = write_bundle(b"{}", &key(), b"sig").unwrap();
        let two = [&line[..], b"\n\n", &line, b"\n"].concat();
        assert_eq!(Signed::parse_lines(&two).unwrap().len(), 2);
        let bad = [&line[..], b"\n{\"mediaType\":\"x\"}"].concat();
        assert_eq!(
            Signed::parse_lines(&bad).unwrap_err().to_string(),
            "line 2: media type `x` is not a Sigstore bundle v0.3"
        );
        assert_eq!(Signed::parse_lines(b"\n \n"), Err(BundleError::Empty));
        let pretty = serde_json::to_string_pretty(&serde_json::from_slice::<Value>(&line).unwrap()).unwrap();
        assert_eq!(Signed::parse_lines(pretty.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn a_hint_that_is_null_was_left_out() {
        let line = write_bundle(b"{}", &key(), b"sig").unwrap();
        let whole: Value = serde_json::from_slice(&line).unwrap();
        for (part, field, hint) in
            [("/verificationMaterial/publicKey", "hint", None), ("/dsseEnvelope/signatures/0", "keyid", Some(key()))]
        {
            let (mut null, mut less) = (whole.clone(), whole.clone());
            null.pointer_mut(part).unwrap()[field] = Value::Null;
            less.pointer_mut(part).unwrap().as_object_mut().unwrap().remove(field);
            for document in [null, less] {
                let by = Signed::parse(document.to_string().as_bytes()).unwrap().by;
                assert_eq!(by, Signature::Dsse { hint, signature: b"sig".to_vec(), witnessed: None });
            }
        }
    }

    #[test]
    fn no_part_of_an_envelope_is_read_out_of_an_array() {
        let line = write_bundle(b"{}", &key(), b"sig").unwrap();
        let whole: Value = serde_json::from_slice(&line).unwrap();
        for path in
            ["/verificationMaterial", "/verificationMaterial/publicKey", "/dsseEnvelope", "/dsseEnvelope/signatures/0"]
        {
            let mut other = whole.clone();
            let part = other.pointer_mut(path).unwrap();
            // As the type has them, with nothing where something was left out.
            *part = match path {
                "/verificationMaterial" => serde_json::json!([part["publicKey"], null, null, null, null]),
                "/dsseEnvelope" => serde_json::json!([part["payload"], part["payloadType"], part["signatures"]]),
                "/dsseEnvelope/signatures/0" => serde_json::json!([part["sig"], part["keyid"]]),
                _ => serde_json::json!([part["hint"]]),
            };
            let read = Signed::parse(other.to_string().as_bytes());
            assert!(matches!(read, Err(BundleError::Json(JsonError::Shape(_)))), "{path}: {read:?}");
        }
        for (name, part) in [
            ("timestampVerificationData", serde_json::json!([[{ "signedTimestamp": "AAAA" }]])),
            ("timestampVerificationData", serde_json::json!({ "rfc3161Timestamps": {} })),
            ("tlogEntries", serde_json::json!({ "logIndex": "1" })),
        ] {
            let mut other = whole.clone();
            other["verificationMaterial"][name] = part;
            let read = Signed::parse(other.to_string().as_bytes());
            assert!(matches!(read, Err(BundleError::Json(JsonError::Shape(_)))), "{name}: {read:?}");
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let bundle = serde_json::from_slice(&write_bundle(b"{}", &key(), b"sig").unwrap()).unwrap();
        let ssh = serde_json::from_slice(&write_ssh(b"{}", "file", "armor").unwrap()).unwrap();
        prop::sample::select(vec![bundle, ssh])
    }

    proptest! {
        #[test]
        fn an_envelope_is_read_in_place_as_by_a_value(document in documents(), bends in bends()) {
            let bytes = bent(&document, &bends);
            let [in_place, by_value] = both_ways::<BundleWire<'_>>(&bytes);
            prop_assert_eq!(in_place, by_value);
            let [in_place, by_value] = both_ways::<SshWire<'_>>(&bytes);
            prop_assert_eq!(in_place, by_value);
            let by_value = json::parse(&bytes).map(|value| value["mediaType"].as_str().unwrap_or_default().to_owned());
            let read = Signed::parse(&bytes);
            match by_value {
                Err(error) => prop_assert_eq!(read, Err(BundleError::Json(error))),
                Ok(media) if media != SSH_MEDIA_TYPE && !BUNDLE_MEDIA_TYPES.contains(&media.as_str()) => {
                    prop_assert_eq!(read, Err(BundleError::MediaType { found: media }));
                }
                Ok(_) => {
                    let other = matches!(read, Err(BundleError::MediaType { .. }));
                    prop_assert!(!other, "{:?}", read);
                }
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Signed::parse_lines(&bytes).is_err());
        }
    }
}
