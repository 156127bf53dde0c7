//! What cosign attached to images before there were bundles: envelopes and signatures over images, as layers whose
//! annotations say who signed, and what the first version of the log promised.

use super::{Instance, Key, Who};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::time::Time;
use serde_json::{Map, Value, json};

/// A layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its type.
    pub media_type: &'static str,
    /// Its content.
    pub content: Vec<u8>,
    /// What its manifest says about it.
    pub annotations: Map<String, Value>,
}

impl Layer {
    /// As a manifest has it.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": Sha256::of(&self.content),
            "size": self.content.len(),
            "annotations": self.annotations,
        })
    }
}

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub enum By<'b> {
    /// Somebody with an identity, and a key of one signature.
    Identity(&'b Who),
    /// The holder of a key.
    Key(&'b Key),
    /// The same, and no log is told.
    KeyAlone(&'b Key),
}

/// PEM of one kind.
#[must_use]
pub fn pem(kind: &str, der: &[u8]) -> String {
    let encoded = BASE64.encode(der);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

impl Instance {
    /// An attestation, which the log has as an entry of this kind: `intoto` or `dsse`.
    pub fn attested_layer(&mut self, payload: &[u8], kind: &str, by: By<'_>, at: Time) -> Layer {
        let (signature, shown, certificate) = self.signed(&pae(PAYLOAD_TYPE, payload), by, at);
        let envelope = json!({
            "payloadType": PAYLOAD_TYPE, "payload": BASE64.encode(payload),
            "signatures": [{ "keyid": "", "sig": BASE64.encode(signature) }],
        })
        .to_string();
        let spec = match kind {
            "dsse" => json!({ "proposedContent": { "envelope": envelope, "verifiers": [BASE64.encode(&shown)] } }),
            _ => json!({ "content": { "envelope": envelope }, "publicKey": BASE64.encode(&shown) }),
        };
        let annotations = self.annotated(kind, &spec, certificate, by, at);
        Layer { media_type: "application/vnd.dsse.envelope.v1+json", content: envelope.into_bytes(), annotations }
    }

    /// A signature over an image.
    pub fn signed_layer(&mut self, image: &str, by: By<'_>, at: Time) -> Layer {
        let text = json!({
            "critical": {
                "identity": { "docker-reference": "registry.example/team/app" },
                "image": { "docker-manifest-digest": image },
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let (signature, shown, certificate) = self.signed(text.as_bytes(), by, at);
        let signature = BASE64.encode(signature);
        let spec = json!({
            "data": { "hash": { "algorithm": "sha256", "value": Sha256::of(text.as_bytes()).hex() } },
            "signature": { "content": signature, "publicKey": { "content": BASE64.encode(&shown) } },
        });
        let mut annotations = self.annotated("hashedrekord", &spec, certificate, by, at);
        annotations.insert("dev.cosignproject.cosign/signature".to_owned(), json!(signature));
        let media_type = "application/vnd.dev.cosign.simplesigning.v1+json";
        Layer { media_type, content: text.into_bytes(), annotations }
    }

    /// A signature, what shows whose it is, and the certificate if there is one.
    fn signed(&mut self, message: &[u8], by: By<'_>, at: Time) -> (Vec<u8>, String, Option<String>) {
        match by {
            By::Identity(who) => {
                let key = Key::p256();
                let certificate = pem("CERTIFICATE", &self.certificate(&key.spki(), who, at));
                (key.sign(message), certificate.clone(), Some(certificate))
            }
            By::Key(key) | By::KeyAlone(key) => (key.sign(message), pem("PUBLIC KEY", &key.spki()), None),
        }
    }

    fn annotated(
        &mut self,
        kind: &str,
        spec: &Value,
        certificate: Option<String>,
        by: By<'_>,
        at: Time,
    ) -> Map<String, Value> {
        let mut out = Map::new();
        if let Some(certificate) = certificate {
            out.insert("dev.sigstore.cosign/certificate".to_owned(), json!(certificate));
            let chain = pem("CERTIFICATE", self.authority());
            out.insert("dev.sigstore.cosign/chain".to_owned(), json!(chain));
        }
        if !matches!(by, By::KeyAlone(_)) {
            let proposed = json!({ "apiVersion": "0.0.1", "kind": kind, "spec": spec });
            let answer = self.log_v1(&proposed, at).expect("an entry");
            let said = answer.as_object().and_then(|answer| answer.values().next()).expect("an entry");
            let logged = json!({
                "SignedEntryTimestamp": said["verification"]["signedEntryTimestamp"],
                "Payload": {
                    "body": said["body"], "integratedTime": said["integratedTime"],
                    "logIndex": said["logIndex"], "logID": said["logID"],
                },
            });
            out.insert("dev.sigstore.cosign/bundle".to_owned(), json!(logged.to_string()));
        }
        out
    }
}
