//! A Sigstore instance of our own, on this machine: an OIDC issuer, a certificate authority with its certificate log, a
//! transparency log that grows, a timestamp authority, and switches that make each of them do what it must not.

pub mod authority;
pub mod cosign;
pub mod der;
mod oidc;
pub mod rekor;
pub mod rekor_v1;
mod server;

pub use server::{Server, now};

use authority::Authority;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::time::Time;
use rekor::Rekor;
use rekor_v1::RekorV1;
use serde_json::{Value, json};

/// How long a certificate is valid.
const MINUTES_10: i64 = 600;
const YEAR: i64 = 365 * 86_400;

/// A key of the instance, or of somebody who signs.
pub enum Key {
    /// ECDSA on P-256.
    P256(EcdsaKeyPair),
    /// ECDSA on P-384.
    P384(EcdsaKeyPair),
    /// ECDSA on P-521.
    P521(EcdsaKeyPair),
    /// RSA, by the padding and hash of this encoding.
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A new key on P-256.
    #[must_use]
    pub fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"))
    }

    /// A new key on P-384.
    #[must_use]
    pub fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("a key"))
    }

    /// A new key on P-521, which signs by SHA-512.
    #[must_use]
    pub fn p521() -> Self {
        Self::P521(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).expect("a key"))
    }

    /// The same, which signs by SHA-256, as older clients had it.
    #[must_use]
    pub fn p521_short() -> Self {
        Self::P521(EcdsaKeyPair::generate(&ECDSA_P521_SHA256_ASN1_SIGNING).expect("a key"))
    }

    /// A new RSA key, which signs by PKCS#1 v1.5.
    #[must_use]
    pub fn rsa() -> Self {
        Self::rsa_of(KeySize::Rsa2048)
    }

    /// The same of this size.
    #[must_use]
    pub fn rsa_of(size: KeySize) -> Self {
        Self::Rsa(RsaKeyPair::generate(size).expect("a key"), &RSA_PKCS1_SHA256)
    }

    /// A new RSA key, which signs by PSS.
    #[must_use]
    pub fn pss() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), &RSA_PSS_SHA256)
    }

    /// The same by SHA-512, as key services have it.
    #[must_use]
    pub fn pss_long() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), &RSA_PSS_SHA512)
    }

    /// A new Ed25519 key.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("a key"))
    }

    /// The public half, as `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        match self {
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.public_key().as_der().expect("a public key").as_ref().to_vec()
            }
            Self::Rsa(key, _) => key.public_key().as_der().expect("a public key").as_ref().to_vec(),
            Self::Ed25519(key) => key.public_key().as_der().expect("a public key").as_ref().to_vec(),
        }
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.sign(&SystemRandom::new(), bytes).expect("a signature").as_ref().to_vec()
            }
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), bytes, &mut signature).expect("a signature");
                signature
            }
            Self::Ed25519(key) => key.sign(bytes).as_ref().to_vec(),
        }
    }
}

/// Whose identity the issuer vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The issuer.
    pub issuer: String,
    /// The certificate's name: an address or a URI.
    pub name: String,
    /// Fulcio's extensions by number, from 9 on.
    pub claims: Vec<(u32, String)>,
}

impl Who {
    /// A person with an e-mail address.
    #[must_use]
    pub fn person(issuer: &str, name: &str) -> Self {
        Self { issuer: issuer.to_owned(), name: name.to_owned(), claims: Vec::new() }
    }

    /// A workflow's job.
    #[must_use]
    pub fn workflow(issuer: &str, name: &str, digest: &str, environment: Option<&str>) -> Self {
        let mut claims = vec![(9, name.to_owned()), (10, digest.to_owned()), (11, "github-hosted".to_owned())];
        claims.extend(environment.map(|environment| (23, environment.to_owned())));
        Self { issuer: issuer.to_owned(), name: name.to_owned(), claims }
    }
}

/// One thing that an instance may do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The inclusion proof leads nowhere.
    FlippedProof,
    /// The checkpoint is of another root than the tree's.
    OtherRoot,
    /// The checkpoint is signed by a key that nobody knows.
    ForeignCheckpoint,
    /// The certificate log's signature is over something else.
    WrongSct,
    /// There is none.
    NoSct,
    /// The certificate may not sign.
    NotForSigning,
    /// There is no timestamp.
    NoTimestamp,
    /// The timestamp is of another authority.
    ForeignTimestamp,
    /// The log entry is of another signature.
    OtherEntry,
    /// There is no log entry.
    NoEntry,
    /// The promise of a log of version 1 is signed by a key that nobody knows.
    ForeignPromise,
}

/// A kind of service of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The certificate authority.
    Certificates,
    /// The transparency logs.
    Logs,
    /// The timestamp authorities.
    Timestamps,
}

/// What is the matter with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It answers 503.
    Unavailable,
    /// It takes some seconds to answer.
    Slow,
    /// It answers something that is no answer.
    Junk,
    /// It sends the caller somewhere else.
    Elsewhere,
}

/// What an instance does wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// These.
    pub these: Vec<Fault>,
    /// The certificate has a second name.
    pub second_name: Option<String>,
    /// The timestamp says so many seconds after the certificate was issued.
    pub timestamp_after: i64,
    /// A service that does not answer as it should.
    pub trouble: Option<(Service, Trouble)>,
}

impl Faults {
    /// This one alone.
    #[must_use]
    pub fn one(fault: Fault) -> Self {
        Self { these: vec![fault], ..Self::default() }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.these.contains(&fault)
    }
}

/// The instance.
#[derive(Debug)]
pub struct Instance {
    fulcio: Authority,
    certificate_log: Key,
    rekor: Rekor,
    second: Rekor,
    first_version: RekorV1,
    tsa_root: Authority,
    tsa_key: Key,
    tsa: Vec<u8>,
    issuer_key: Key,
    serial: u64,
    from: i64,
    /// What it does wrong.
    pub faults: Faults,
}

impl Instance {
    /// A new one, whose authorities are valid for a year from some days before this time on.
    #[must_use]
    pub fn new(at: Time) -> Self {
        let from = at.unix() - 30 * 86_400;
        let valid = (from, from + YEAR);
        let (tsa_root, tsa_key) = (Authority::new("our timestamps", valid), Key::p256());
        Self {
            fulcio: Authority::new("our certificates", valid),
            certificate_log: Key::p256(),
            rekor: Rekor::new("log.sigstore.example", 37),
            second: Rekor::new("other-log.sigstore.example", 5),
            first_version: RekorV1::new("rekor.sigstore.example - 4711", 21),
            tsa: tsa_root.timestamping(&tsa_key, valid),
            tsa_root,
            tsa_key,
            issuer_key: Key::p256(),
            serial: 100,
            from,
            faults: Faults::default(),
        }
    }

    /// `trusted_root.json`, in canonical form.
    #[must_use]
    pub fn trusted_root(&self) -> Vec<u8> {
        let valid = json!({ "start": Time::from_unix(self.from).expect("a time").to_string() });
        let log = |url: &str, key: &[u8], details: &str, id: &Sha256| {
            json!({
                "baseUrl": url, "hashAlgorithm": "SHA2_256",
                "publicKey": { "rawBytes": BASE64.encode(key), "keyDetails": details, "validFor": valid },
                "logId": { "keyId": BASE64.encode(id.as_bytes()) },
            })
        };
        let authority = |url: &str, chain: &[&[u8]]| {
            let chain: Vec<Value> = chain.iter().map(|der| json!({ "rawBytes": BASE64.encode(der) })).collect();
            json!({
                "subject": { "organization": "example", "commonName": "ours" }, "uri": url,
                "certChain": { "certificates": chain }, "validFor": valid,
            })
        };
        let ct = self.certificate_log.spki();
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log("https://log.sigstore.example", &self.rekor.public(), "PKIX_ED25519", &self.rekor.id()),
                log("https://other-log.sigstore.example", &self.second.public(), "PKIX_ED25519", &self.second.id()),
                log(
                    "https://rekor.sigstore.example",
                    &self.first_version.public(),
                    "PKIX_ECDSA_P256_SHA_256",
                    &self.first_version.id(),
                ),
            ],
            "certificateAuthorities": [authority("https://fulcio.sigstore.example", &[&self.fulcio.certificate])],
            "ctlogs": [log("https://ct.sigstore.example", &ct, "PKIX_ECDSA_P256_SHA_256", &Sha256::of(&ct))],
            "timestampAuthorities": [
                authority("https://tsa.sigstore.example", &[&self.tsa, &self.tsa_root.certificate]),
            ],
        });
        countersign_core::json::canonical(&root).expect("canonical JSON")
    }

    /// The same of an instance that has none of these lists: `tlogs`, `ctlogs`.
    #[must_use]
    pub fn trusted_root_without(&self, lists: &[&str]) -> Vec<u8> {
        let mut root: Value = serde_json::from_slice(&self.trusted_root()).expect("JSON");
        for list in lists {
            root.as_object_mut().expect("an object").remove(*list);
        }
        countersign_core::json::canonical(&root).expect("canonical JSON")
    }

    /// A token of the issuer's for this identity: claims as GitHub and others name them.
    #[must_use]
    pub fn token(&self, who: &Who, at: Time) -> String {
        self.token_for(who, at, None)
    }

    /// The same for somebody who asked with a nonce.
    #[must_use]
    pub fn token_for(&self, who: &Who, at: Time, nonce: Option<&str>) -> String {
        let mut claims =
            json!({ "iss": who.issuer, "aud": "sigstore", "iat": at.unix(), "exp": at.unix() + MINUTES_10 });
        if who.name.contains("://") {
            claims["sub"] = json!(format!("job of {}", who.name));
            claims["job_workflow_ref"] = json!(who.name);
            claims["claims"] = json!(who.claims);
        } else {
            claims["sub"] = json!(format!("number of {}", who.name));
            claims["email"] = json!(who.name);
            claims["email_verified"] = json!(true);
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256", "typ": "JWT" })), part(&claims));
        let signature = self.issuer_key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A certificate for whoever holds this key.
    pub fn certificate(&mut self, spki: &[u8], who: &Who, at: Time) -> Vec<u8> {
        self.serial += 1;
        let valid = (at.unix(), at.unix() + MINUTES_10);
        self.fulcio.leaf(spki, who, valid, &self.certificate_log, self.serial, &self.faults)
    }

    /// The same by another authority, which this instance's certificate log has seen.
    pub fn certificate_by(&mut self, authority: &Authority, spki: &[u8], who: &Who, at: Time) -> Vec<u8> {
        self.serial += 1;
        let valid = (at.unix(), at.unix() + MINUTES_10);
        authority.leaf(spki, who, valid, &self.certificate_log, self.serial, &self.faults)
    }

    /// The authority's certificate.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        &self.fulcio.certificate
    }

    /// A log entry.
    pub fn log(&mut self, digest: &[u8], signature: &[u8], certificate: &[u8]) -> Value {
        self.rekor.add(digest, signature, certificate, &self.faults.clone())
    }

    /// A log entry of any kind.
    pub fn log_any(&mut self, entry: &Value) -> Value {
        self.rekor.take(entry, &self.faults.clone())
    }

    /// An entry of the other log.
    pub fn log_elsewhere(&mut self, digest: &[u8], signature: &[u8], certificate: &[u8]) -> Value {
        self.second.add(digest, signature, certificate, &self.faults.clone())
    }

    /// An entry of the log of version 1, over what was proposed to it.
    pub fn log_v1(&mut self, proposed: &Value, at: Time) -> Result<Value, String> {
        self.first_version.add(proposed, at, &self.faults.clone())
    }

    /// A timestamp over this imprint.
    #[must_use]
    pub fn timestamp(&self, imprint: &[u8], nonce: Option<&[u8]>, at: Time) -> Vec<u8> {
        let at = at.unix() + self.faults.timestamp_after;
        if self.faults.has(Fault::ForeignTimestamp) {
            let key = Key::p256();
            let valid = (self.from, self.from + YEAR);
            let certificate = Authority::new("our timestamps", valid).timestamping(&key, valid);
            return authority::timestamp(&key, &certificate, imprint, nonce, at);
        }
        authority::timestamp(&self.tsa_key, &self.tsa, imprint, nonce, at)
    }

    /// A bundle over a statement by this identity, made without any server.
    pub fn sign(&mut self, payload: &[u8], who: &Who, at: Time) -> Vec<u8> {
        self.sign_with(&Key::p256(), payload, who, at)
    }

    /// The same with a key that somebody has already.
    pub fn sign_with(&mut self, key: &Key, payload: &[u8], who: &Who, at: Time) -> Vec<u8> {
        let certificate = self.certificate(&key.spki(), who, at);
        let signed = pae(PAYLOAD_TYPE, payload);
        let signature = key.sign(&signed);
        let logged = if self.faults.has(Fault::OtherEntry) { key.sign(b"another") } else { signature.clone() };
        let entry = self.log(Sha256::of(&signed).as_bytes(), &logged, &certificate);
        let stamp = self.timestamp(Sha256::of(&signature).as_bytes(), None, at);
        let stamps = if self.faults.has(Fault::NoTimestamp) {
            Vec::new()
        } else {
            vec![json!({ "signedTimestamp": BASE64.encode(stamp) })]
        };
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": BASE64.encode(certificate) },
                "tlogEntries": if self.faults.has(Fault::NoEntry) { Vec::new() } else { vec![entry] },
                "timestampVerificationData": { "rfc3161Timestamps": stamps },
            },
            "dsseEnvelope": {
                "payload": BASE64.encode(payload), "payloadType": PAYLOAD_TYPE,
                "signatures": [{ "sig": BASE64.encode(signature), "keyid": "" }],
            },
        });
        countersign_core::json::canonical(&bundle).expect("canonical JSON")
    }
}
