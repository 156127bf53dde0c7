//! Signing without a key of one's own: an identity token, a key that lives for one signature, and the services of a
//! Sigstore instance that say whose it was and when.
//!
//! What comes back is not believed here: whoever signs has the whole bundle verified against the instance's trusted root
//! before it goes anywhere.

mod browser;
mod client;
mod config;
mod entry;
mod token;

pub use browser::{Show, browser_token};
pub use client::KeylessError;
pub use config::{ConfigError, Log, LogVersion, Services};
pub use token::{Ambient, IdentityToken, Provider, TokenError, ambient_token};

use crate::key_file::{KeyKind, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use client::Client;
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::json;
use entry::Signed;
use serde_json::{Value, json};
use std::time::Duration;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A statement, in an envelope.
    Statement(&'a [u8]),
    /// A file, whose digest stands in the bundle.
    File(&'a [u8]),
}

/// Signs with the token's identity: one line, a Sigstore bundle v0.3 with certificate, log entries and timestamps, from
/// every service that has to be asked. Each may take so long. The key is forgotten when this returns.
pub fn sign_keyless(
    content: Content<'_>,
    token: &IdentityToken,
    services: &Services,
    patience: Duration,
) -> Result<Vec<u8>, KeylessError> {
    CertifiedKey::obtain(token, services, patience)?.sign(content, services, patience)
}

/// A key that lives for some minutes, with the certificate that says whose it is: for whoever has to name his key in what he
/// signs.
#[derive(Debug)]
pub struct CertifiedKey {
    key: SigningKey,
    certificate: Vec<u8>,
}

impl CertifiedKey {
    /// A new key, certified by the instance's authority. Nothing is logged or signed yet.
    pub fn obtain(token: &IdentityToken, services: &Services, patience: Duration) -> Result<Self, KeylessError> {
        let key = SigningKey::generate(KeyKind::P256).map_err(|_provider| KeylessError::Provider)?;
        let client = Client::new(&services.certificates, patience)?;
        let certificate = certificate(&client, &key, token, services)?;
        Ok(Self { key, certificate })
    }

    /// The certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Signs as [`sign_keyless`] does.
    pub fn sign(&self, content: Content<'_>, services: &Services, patience: Duration) -> Result<Vec<u8>, KeylessError> {
        let Self { key, certificate } = self;
        let message = match content {
            Content::Statement(payload) => pae(PAYLOAD_TYPE, payload),
            Content::File(bytes) => bytes.to_vec(),
        };
        let signature = key.sign(&message)?;
        let digest = Sha256::of(&message);
        let signed = Signed { content, digest: &digest, signature: &signature, certificate };
        let mut entries = Vec::new();
        for log in &services.logs {
            entries.push(entry::logged(&Client::new(&log.url, patience)?, log, &signed)?);
        }
        let mut stamps = Vec::new();
        for url in &services.timestamps {
            let imprint = Sha256::of(&signature);
            let token = Client::new(url, patience)?.timestamp(url, imprint.as_bytes())?;
            stamps.push(json!({ "signedTimestamp": BASE64.encode(token) }));
        }
        let mut bundle = json!({
            "mediaType": countersign_core::bundle::BUNDLE_MEDIA_TYPE,
            "verificationMaterial": {
                "certificate": { "rawBytes": BASE64.encode(certificate) },
                "tlogEntries": entries,
                "timestampVerificationData": { "rfc3161Timestamps": stamps },
            },
        });
        let (field, body) = match content {
            Content::Statement(payload) => ("dsseEnvelope", entry::envelope(payload, &signature)),
            Content::File(_) => {
                let digest = json!({ "algorithm": "SHA2_256", "digest": BASE64.encode(digest.as_bytes()) });
                ("messageSignature", json!({ "messageDigest": digest, "signature": BASE64.encode(&signature) }))
            }
        };
        if let Some(bundle) = bundle.as_object_mut() {
            bundle.insert(field.to_owned(), body);
        }
        Ok(json::canonical(&bundle)?)
    }
}

/// How long a repository of roots is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

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
        Ok(Self { client: Client::new(&base, PATIENCE)?, base })
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
