//! Signing without a key of one's own: an identity token, a key that lives for one signature, and the services of a
//! Sigstore instance that say whose it was and when.
//!
//! What comes back is not believed here: whoever signs has the whole bundle verified against the instance's trusted root
//! before it goes anywhere.

mod client;
mod config;
mod token;

pub use client::KeylessError;
pub use config::{ConfigError, Services};
pub use token::{Ambient, IdentityToken, TokenError, ambient_token};

use crate::key_file::{KeyKind, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use client::Client;
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::json;
use serde_json::{Value, json};

/// Signs a statement with the token's identity: one line, a Sigstore bundle v0.3 with certificate, log entry and
/// timestamp. The key is forgotten when this returns.
pub fn sign_keyless(payload: &[u8], token: &IdentityToken, services: &Services) -> Result<Vec<u8>, KeylessError> {
    let client = Client::new(&services.certificates)?;
    let key = SigningKey::generate(KeyKind::P256).map_err(|_provider| KeylessError::Provider)?;
    let certificate = certificate(&client, &key, token, services)?;
    let signed = pae(PAYLOAD_TYPE, payload);
    let signature = key.sign(&signed)?;
    let entry = logged(&client, &signed, &signature, &certificate, services)?;
    let mut stamps = Vec::new();
    if let Some(url) = &services.timestamps {
        let imprint = Sha256::of(&signature);
        let token = client.timestamp(url, imprint.as_bytes())?;
        stamps.push(json!({ "signedTimestamp": BASE64.encode(token) }));
    }
    let bundle = json!({
        "mediaType": countersign_core::bundle::BUNDLE_MEDIA_TYPE,
        "verificationMaterial": {
            "certificate": { "rawBytes": BASE64.encode(&certificate) },
            "tlogEntries": [entry],
            "timestampVerificationData": { "rfc3161Timestamps": stamps },
        },
        "dsseEnvelope": {
            "payload": BASE64.encode(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{ "sig": BASE64.encode(&signature), "keyid": "" }],
        },
    });
    Ok(json::canonical(&bundle)?)
}

/// Files at an address, which are not believed either: an instance's repository.
#[derive(Debug)]
pub struct Repository {
    client: Client,
    base: String,
}

impl Repository {
    /// At this address: https, but for this machine's own.
    pub fn at(url: &str) -> Result<Self, KeylessError> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("https://") && !config::on_this_machine(&base) {
            return Err(ConfigError::Plain { url: base.chars().take(120).collect() }.into());
        }
        Ok(Self { client: Client::new(&base)?, base })
    }

    /// A file by its path; `None` where there is none of that name.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, KeylessError> {
        self.client.file(&format!("{}/{path}", self.base))
    }
}

/// A certificate that says whose the key is.
fn certificate(
    client: &Client,
    key: &SigningKey,
    token: &IdentityToken,
    services: &Services,
) -> Result<Vec<u8>, KeylessError> {
    const SERVICE: &str = "certificate authority";
    let answer = |problem| KeylessError::Answer { service: SERVICE, problem };
    let public = key.public().to_pem().ok_or(KeylessError::Provider)?;
    let proof = key.sign(token.challenge().as_bytes())?;
    let request = json!({
        "credentials": { "oidcIdentityToken": token.secret() },
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": public },
            "proofOfPossession": BASE64.encode(proof),
        },
    });
    let url = format!("{}/api/v2/signingCert", services.certificates);
    let said = client.post_json(SERVICE, &url, &request, token)?;
    // The certificate log's word is in the certificate; one beside it has no place in a bundle.
    let chain = said.pointer("/signedCertificateEmbeddedSct/chain/certificates");
    let first = chain.and_then(Value::as_array).and_then(|chain| chain.first()).and_then(Value::as_str);
    let pem = first.ok_or_else(|| answer("it holds no certificate with an embedded timestamp of a certificate log"))?;
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(body).map_err(|_base64| answer("the certificate is not PEM"))
}

/// An entry of the transparency log, in the form of its second version.
fn logged(
    client: &Client,
    signed: &[u8],
    signature: &[u8],
    certificate: &[u8],
    services: &Services,
) -> Result<Value, KeylessError> {
    const SERVICE: &str = "transparency log";
    let request = json!({ "hashedRekordRequestV002": {
        "digest": BASE64.encode(Sha256::of(signed).as_bytes()),
        "signature": {
            "content": BASE64.encode(signature),
            "verifier": {
                "x509Certificate": { "rawBytes": BASE64.encode(certificate) },
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            },
        },
    } });
    let url = format!("{}/api/v2/log/entries", services.log);
    let mut entry = client.post_json(SERVICE, &url, &request, &IdentityToken::none())?;
    let proof = entry.pointer_mut("/inclusionProof").and_then(Value::as_object_mut);
    let proof = proof.ok_or(KeylessError::Answer { service: SERVICE, problem: "it holds no inclusion proof" })?;
    // What protobuf leaves out where it is nought, other clients want to see.
    proof.entry("logIndex").or_insert_with(|| json!("0"));
    proof.entry("hashes").or_insert_with(|| json!([]));
    if let Some(entry) = entry.as_object_mut() {
        entry.entry("logIndex").or_insert_with(|| json!("0"));
    }
    Ok(entry)
}
