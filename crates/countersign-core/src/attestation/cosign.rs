//! What cosign attached to images before there were bundles: a manifest under a tag that is made of the image's digest, each
//! layer of it an envelope or the text that says which image was signed. What shows who signed stands in the layer's
//! annotations. A layer that left its registry is its descriptor with the content in it, as OCI's `data` has it.

use super::{Attestation, Beside, Form, Proof, bundle, envelope, first_pem, shape, text, unpacked, written};
use crate::bundle::BundleError;
use crate::digest::{Sha256, hex_array};
use crate::json::{self, JsonError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

/// The type of a layer that is an envelope.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The type of a layer that says which image was signed.
const SIGNED: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What such a text says that it is.
const OF_AN_IMAGE: &str = "cosign container image signature";
/// The bundle in which a log's promise is enough, and the one that has no log's word at all.
const PROMISED: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
const STAMPED: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Whether a layer of this type is one that somebody signed.
#[must_use]
pub fn is_layer(media_type: &str) -> bool {
    [ENVELOPE, SIGNED].contains(&media_type)
}

/// Reads a layer: what its manifest says about it, and its content.
pub fn layer(descriptor: &Value, content: &[u8]) -> Result<Attestation, BundleError> {
    let digest = Sha256::of(content);
    if text(descriptor, "digest")? != digest.to_string() {
        return Err(shape("the layer is not what its `digest` says"));
    }
    let none = Map::new();
    let annotations = descriptor.get("annotations").and_then(Value::as_object).unwrap_or(&none);
    let said = Said(annotations);
    let mut out = match text(descriptor, "mediaType")? {
        ENVELOPE => Attestation { digest, ..of_envelope(content, said)? },
        // Everybody signs the same text of one image: the bundle tells them apart.
        SIGNED => of_image(content, said)?,
        other => return Err(BundleError::MediaType { found: other.chars().take(120).collect() }),
    };
    out.form = Form::Cosign;
    Ok(out)
}

/// A layer in one line: its descriptor, with its content in it.
pub fn embedded(descriptor: &Value, content: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut whole = descriptor.clone();
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("data".to_owned(), Value::String(BASE64.encode(content)));
    }
    serde_json::to_vec(&whole).map_err(|error| JsonError::Shape(error.to_string()))
}

/// Reads such a line.
pub(super) fn read_embedded(descriptor: &Value) -> Result<Attestation, BundleError> {
    let content = BASE64.decode(text(descriptor, "data")?).map_err(|_base64| BundleError::Base64 { field: "data" })?;
    layer(descriptor, &content)
}

/// A layer's annotations. What is empty says nothing.
#[derive(Clone, Copy)]
struct Said<'a>(&'a Map<String, Value>);

impl<'a> Said<'a> {
    fn of(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn certificate(self) -> Option<&'a str> {
        self.of("dev.sigstore.cosign/certificate")
    }

    /// The log's entry, as a bundle has it.
    fn entry(self) -> Result<Option<Value>, BundleError> {
        let Some(logged) = self.of("dev.sigstore.cosign/bundle") else { return Ok(None) };
        let logged = json::parse(logged.as_bytes())?;
        let entry = logged.get("Payload").ok_or_else(|| shape("missing field `Payload`"))?;
        let number = |field: &str| {
            let number = entry.get(field).and_then(Value::as_u64);
            number.map(|number| number.to_string()).ok_or_else(|| shape(&format!("`{field}` is not a number")))
        };
        let body = unpacked(entry, "body")?;
        let kind = json::parse(&body)?;
        let log = hex_array::<32>(text(entry, "logID")?).map_err(|error| shape(&error.to_string()))?;
        Ok(Some(json!({
            "logIndex": number("logIndex")?,
            "logId": { "keyId": BASE64.encode(log) },
            "kindVersion": { "kind": text(&kind, "kind")?, "version": text(&kind, "apiVersion")? },
            "integratedTime": number("integratedTime")?,
            "inclusionPromise": { "signedEntryTimestamp": text(&logged, "SignedEntryTimestamp")? },
            "canonicalizedBody": BASE64.encode(&body),
        })))
    }

    /// What a bundle has to show who signed. A key is not named: those that are given are tried.
    fn material(self, entry: Option<Value>, stamp: Option<Value>) -> Result<Value, BundleError> {
        let mut material = Map::new();
        match self.certificate() {
            Some(pem) => {
                let certificate = json!({ "rawBytes": first_pem(pem)? });
                if entry.is_some() {
                    let chain = json!({ "certificates": [certificate] });
                    material.insert("x509CertificateChain".to_owned(), chain);
                } else {
                    material.insert("certificate".to_owned(), certificate);
                }
            }
            None => drop(material.insert("publicKey".to_owned(), json!({ "hint": "" }))),
        }
        material.insert("tlogEntries".to_owned(), entry.into_iter().collect());
        if let Some(stamp) = stamp {
            let stamps = json!({ "rfc3161Timestamps": [{ "signedTimestamp": stamp }] });
            material.insert("timestampVerificationData".to_owned(), stamps);
        }
        Ok(Value::Object(material))
    }
}

/// An envelope. Cosign has it timestamped as a whole, which no bundle does: only the log's word is taken.
fn of_envelope(content: &[u8], said: Said<'_>) -> Result<Attestation, BundleError> {
    let value = json::parse(content)?;
    let Some(entry) = said.entry()? else {
        let mut out = envelope(&value, content)?;
        if let Proof::Envelope { certificate, .. } = &mut out.proof {
            *certificate |= said.certificate().is_some();
        }
        return Ok(out);
    };
    let made = json!({
        "mediaType": PROMISED,
        "verificationMaterial": said.material(Some(entry), None)?,
        "dsseEnvelope": value,
    });
    made_of(&made, content)
}

/// A signature over a text that says which image is meant.
fn of_image(content: &[u8], said: Said<'_>) -> Result<Attestation, BundleError> {
    let value = json::parse(content)?;
    let signature = said.of("dev.cosignproject.cosign/signature").ok_or_else(|| shape("the layer has no signature"))?;
    let stamp = match said.of("dev.sigstore.cosign/rfc3161timestamp") {
        None => None,
        Some(stamp) => json::parse(stamp.as_bytes())?.get("SignedRFC3161Timestamp").cloned(),
    };
    let entry = said.entry()?;
    let made = json!({
        "mediaType": if entry.is_some() { PROMISED } else { STAMPED },
        "verificationMaterial": said.material(entry, stamp)?,
        "messageSignature": {
            "messageDigest": { "algorithm": "SHA2_256", "digest": BASE64.encode(Sha256::of(content).as_bytes()) },
            "signature": signature,
        },
    });
    let mut out = made_of(&made, content)?;
    let found = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or("none").chars().take(120).collect();
    out.beside = vec![
        Beside::Digest {
            place: "critical.image.docker-manifest-digest",
            found: found("/critical/image/docker-manifest-digest"),
        },
        Beside::Word { place: "critical.type", expected: OF_AN_IMAGE, found: found("/critical/type") },
    ];
    Ok(out)
}

fn made_of(made: &Value, content: &[u8]) -> Result<Attestation, BundleError> {
    let mut out = bundle(Form::Cosign, made, written(made)?)?;
    if let Proof::Bundle(bundle) = out.proof {
        out.proof = Proof::Cosigned { bundle, content: content.to_vec() };
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attestation::read;

    const TEXT: &str = r#"{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":"sha256:ab"},"type":"cosign container image signature"},"optional":null}"#;

    fn descriptor(media_type: &str, content: &str, annotations: &Value) -> Value {
        let digest = Sha256::of(content.as_bytes());
        json!({ "mediaType": media_type, "digest": digest, "size": content.len(), "annotations": annotations })
    }

    #[test]
    fn a_layer_is_read_back_from_its_line_and_one_that_was_altered_is_not() {
        let signed = json!({ "dev.cosignproject.cosign/signature": "AAAA" });
        let descriptor = descriptor(SIGNED, TEXT, &signed);
        let line = embedded(&descriptor, TEXT.as_bytes()).unwrap();
        let [one] = read(&line).unwrap().try_into().unwrap();
        assert_eq!((one.form, one.payload.as_deref()), (Form::Cosign, None));
        let named = one.beside.iter().find_map(|beside| match beside {
            Beside::Digest { found, .. } => Some(found.as_str()),
            Beside::Word { .. } | Beside::Statement(_) | Beside::Publisher(_) | Beside::Kind(_) | Beside::Lacks(_) => {
                None
            }
        });
        assert_eq!(named, Some("sha256:ab"));
        let Proof::Cosigned { content, .. } = one.proof else { panic!("no layer") };
        assert_eq!(content, TEXT.as_bytes());
        let other = embedded(&descriptor, TEXT.replace("ab", "cd").as_bytes()).unwrap();
        assert!(read(&other).unwrap_err().to_string().contains("not what its `digest` says"));
    }

    #[test]
    fn a_layer_without_a_signature_or_of_another_type_is_refused() {
        let bare = |media_type: &str| layer(&descriptor(media_type, TEXT, &json!({})), TEXT.as_bytes());
        assert!(bare(SIGNED).unwrap_err().to_string().contains("no signature"));
        assert!(matches!(bare("text/spdx+json"), Err(BundleError::MediaType { .. })));
        assert!(is_layer(ENVELOPE) && is_layer(SIGNED) && !is_layer("text/spdx+json"));
    }

    #[test]
    fn an_envelope_whose_certificate_stands_beside_it_is_not_taken_for_one_by_a_key() {
        let envelope =
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"AAAA"}]}"#;
        let certified = json!({ "dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----" });
        for (annotations, expected) in [(certified, true), (json!({}), false)] {
            let read = layer(&descriptor(ENVELOPE, envelope, &annotations), envelope.as_bytes()).unwrap();
            assert!(matches!(read.proof, Proof::Envelope { certificate, .. } if certificate == expected));
        }
    }
}
