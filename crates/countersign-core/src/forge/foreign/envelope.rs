//! The envelope that other tools put their statements in: DSSE with any number of signatures, bare as gittuf writes it, or
//! within a Sigstore bundle as the source tool does. Only taken apart: nothing here checks a signature.

use crate::envelope::{PAYLOAD_TYPE, pae};
use crate::forge::ForgeError;
use crate::forge::read::Node;
use crate::json;
use crate::key::KeyId;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const NAME: &str = "an envelope of another tool";
/// What gittuf calls the type of every payload of its own.
const GITTUF_PAYLOAD: &str = "application/vnd.gittuf+json";

/// An envelope, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The type of the payload, which the signatures cover.
    pub payload_type: String,
    /// The statement's bytes.
    pub payload: Vec<u8>,
    /// Every signature, as often as it is there.
    pub signatures: Vec<EnvelopeSignature>,
    /// What a bundle says of the signer.
    pub material: Material,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// The key's name, by whatever rule the writer follows.
    pub keyid: String,
    /// The signature: raw, or an armoured text.
    pub bytes: Vec<u8>,
}

/// What a bundle says of the signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// Nothing, or there is no bundle.
    None,
    /// A key, by its hint.
    Key(Option<KeyId>),
    /// A certificate.
    Certificate,
}

impl Envelope {
    /// Reads one document: an envelope, or a bundle around one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ForgeError> {
        let value = json::parse_within(bytes, limits::FOREIGN_BYTES)
            .map_err(|error| ForgeError::Answer { name: NAME.to_owned(), why: error.to_string() })?;
        let whole = Node::new(NAME, &value);
        let (envelope, material) = match whole.get("dsseEnvelope")? {
            Some(envelope) => (envelope, material(whole)?),
            None => (whole, Material::None),
        };
        let payload_type = envelope.text("payloadType")?;
        if !matches!(payload_type, PAYLOAD_TYPE | GITTUF_PAYLOAD) {
            return Err(envelope.fail("`payloadType` is none that is read"));
        }
        let signatures = envelope.list("signatures")?;
        if signatures.is_empty() || signatures.len() > limits::ENVELOPE_SIGNATURES {
            let why = format!("it has {} signatures, 1 to {} are read", signatures.len(), limits::ENVELOPE_SIGNATURES);
            return Err(envelope.fail(why));
        }
        let signature = |one: Node<'_>| {
            Ok(EnvelopeSignature {
                keyid: one.opt_text("keyid")?.unwrap_or_default().to_owned(),
                bytes: decoded(one, "sig")?,
            })
        };
        Ok(Self {
            payload_type: payload_type.to_owned(),
            payload: decoded(envelope, "payload")?,
            signatures: signatures.into_iter().map(signature).collect::<Result<_, ForgeError>>()?,
            material,
        })
    }

    /// The bytes that each signature covers.
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}

fn material(bundle: Node<'_>) -> Result<Material, ForgeError> {
    let Some(material) = bundle.get("verificationMaterial")? else { return Ok(Material::None) };
    if let Some(key) = material.get("publicKey")? {
        return Ok(Material::Key(key.opt_text("hint")?.and_then(KeyId::from_hint)));
    }
    let certified = material.get("certificate")?.is_some() || material.get("x509CertificateChain")?.is_some();
    Ok(if certified { Material::Certificate } else { Material::None })
}

fn decoded(node: Node<'_>, key: &str) -> Result<Vec<u8>, ForgeError> {
    BASE64.decode(node.text(key)?).map_err(|_base64| node.fail(format!("`{key}` is not base64")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn envelope(payload_type: &str, signatures: usize) -> Value {
        let one = json!({"keyid": "SHA256:x", "sig": BASE64.encode("signature")});
        json!({"payloadType": payload_type, "payload": BASE64.encode("{}"), "signatures": vec![one; signatures]})
    }

    fn parse(value: &Value) -> Result<Envelope, ForgeError> {
        Envelope::parse(value.to_string().as_bytes())
    }

    #[test]
    fn bare_envelopes_and_bundles_are_read_alike() {
        let bare = parse(&envelope(GITTUF_PAYLOAD, 2)).unwrap();
        assert_eq!((bare.payload.as_slice(), bare.signatures.len()), (b"{}".as_slice(), 2));
        assert!(bare.pae().starts_with(b"DSSEv1 27 application/vnd.gittuf+json 2 "));
        let certificate = json!({"certificate": {"rawBytes": "AAAA"}});
        let bundle = json!({"dsseEnvelope": envelope(PAYLOAD_TYPE, 1), "verificationMaterial": certificate});
        assert_eq!(parse(&bundle).unwrap().material, Material::Certificate);
        let key = json!({"publicKey": {"hint": "of another form"}});
        let bundle = json!({"dsseEnvelope": envelope(PAYLOAD_TYPE, 1), "verificationMaterial": key});
        assert_eq!(parse(&bundle).unwrap().material, Material::Key(None));
    }

    #[test]
    fn what_is_no_envelope_or_too_much_of_one_is_refused() {
        for value in [
            envelope("text/plain", 1),
            envelope(PAYLOAD_TYPE, 0),
            envelope(PAYLOAD_TYPE, limits::ENVELOPE_SIGNATURES + 1),
            json!({"payloadType": PAYLOAD_TYPE, "payload": "%", "signatures": [{"sig": ""}]}),
            json!([]),
        ] {
            assert!(parse(&value).is_err(), "{value}");
        }
        let whole = envelope(PAYLOAD_TYPE, 1).to_string();
        for cut in 0..whole.len() {
            assert!(Envelope::parse(&whole.as_bytes()[..cut]).is_err());
        }
        assert!(Envelope::parse(&vec![b' '; limits::FOREIGN_BYTES + 1]).is_err());
    }
}
