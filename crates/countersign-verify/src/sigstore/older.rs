//! Log entries that the family does not read: `intoto` 0.0.1, which cosign wrote for years; `hashedrekord` 0.0.1 over the
//! encoding of an envelope; `dsse` 0.0.2, of the first logs of version 2; and `hashedrekord` with a SHA-384 or SHA-512, or of version
//! 0.0.2 with a key of another kind than P-256, which is the only one that the family reads there.
//! Everything that the log says of such an entry is checked first, by `logged`. Then the same is said again in an entry of a kind
//! that the family reads, under a log that exists for that one call, so that certificate, certificate log, time and signature are
//! checked as always.
//!
//! The key of that log is no secret and needs to be none: nothing but the entry that is made here is ever judged by it.

use super::logged::{Case, Kind, bytes, log_of, no, text};
use super::{Artifact, Refused};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::json;
use countersign_core::log::merkle::leaf_hash;
use serde_json::{Value, json};

/// A bundle and a root that say the same in a way that the family reads.
pub(super) struct Again {
    pub(super) bundle: String,
    pub(super) root: Vec<u8>,
}

/// Checks an entry of such a kind, and says it again. `None` where the bundle has no such entry. `key` is the signer's where
/// no certificate is.
pub(super) fn again(
    root: &[u8],
    bundle: &Value,
    envelope: Option<&[u8]>,
    artifact: Artifact<'_>,
    key: Option<&[u8]>,
) -> Option<Result<Again, Refused>> {
    let entries = bundle.pointer("/verificationMaterial/tlogEntries")?.as_array()?;
    let [entry] = entries.as_slice() else { return None };
    let body = bytes(entry, "/canonicalizedBody").ok()?;
    let said = json::parse(&body).ok()?;
    let of_envelope = bundle.get("dsseEnvelope").is_some_and(Value::is_object);
    let hash = |path: &str| said.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let kind = Kind::of(&said)?;
    let older = match kind {
        Kind::InToto | Kind::Dsse => true,
        Kind::First => of_envelope || hash("/spec/data/hash/algorithm") != "sha256",
        Kind::Second => {
            let details = said.pointer("/spec/hashedRekordV002/signature/verifier/keyDetails").and_then(Value::as_str);
            let other = details.is_some_and(|details| details != "PKIX_ECDSA_P256_SHA_256");
            other || hash("/spec/hashedRekordV002/data/algorithm") != "SHA2_256"
        }
        Kind::InTotoSecond | Kind::DsseFirst => false,
    };
    older.then(|| check(&Case { bundle, entry, body: &body, said: &said, kind, envelope, artifact, key }, root))
}

fn check(case: &Case<'_>, root: &[u8]) -> Result<Again, Refused> {
    let root = json::parse(root).map_err(|error| no(codes::SIGSTORE_ROOT_MALFORMED, &error.to_string()))?;
    let log = log_of(&root, case.entry)?;
    let (time, signer) = case.holds(log)?;
    case.said_again(&root, log, time, &signer)
}

impl Case<'_> {
    /// The same entry of a kind that the family reads, in a log of one call that counts as long as the other does. With a
    /// promise, where there was one; else in a tree of its own, so that nothing is said of the time.
    fn said_again(&self, root: &Value, log: &Value, time: Option<i64>, signer: &[u8]) -> Result<Again, Refused> {
        let failed = |what: &str| no(codes::SIGSTORE_UNSUPPORTED, what);
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(|_key| failed("the log of one call has no key"))?;
        let public = pair.public_key().as_der().map_err(|_key| failed("the log of one call has no key"))?;
        let id = Sha256::of(public.as_ref());
        let (kind, spec) = self.spec_again(&pem_of(signer, self.key.is_some()))?;
        let written =
            |value: &Value| json::canonical(value).map_err(|error| no(codes::BUNDLE_MALFORMED, &error.to_string()));
        let body = written(&json!({ "apiVersion": "0.0.1", "kind": kind, "spec": spec }))?;
        let encoded = BASE64.encode(&body);
        let mut entry = json!({
            "logIndex": "0",
            "logId": { "keyId": BASE64.encode(id.as_bytes()) },
            "kindVersion": { "kind": kind, "version": "0.0.1" },
            "canonicalizedBody": encoded,
        });
        let mut again = self.bundle.clone();
        let malformed = || no(codes::BUNDLE_MALFORMED, "the bundle is not an object");
        let fields = again.as_object_mut().ok_or_else(malformed)?;
        let added = entry.as_object_mut().ok_or_else(malformed)?;
        if let Some(time) = time {
            let promise = json!({ "body": encoded, "integratedTime": time, "logID": id.hex(), "logIndex": 0 });
            let promise = pair.sign(&written(&promise)?);
            added.insert("integratedTime".to_owned(), json!(time.to_string()));
            let promise = json!({ "signedEntryTimestamp": BASE64.encode(promise.as_ref()) });
            added.insert("inclusionPromise".to_owned(), promise);
            fields.insert("mediaType".to_owned(), json!("application/vnd.dev.sigstore.bundle+json;version=0.1"));
        } else {
            let root = BASE64.encode(leaf_hash(&body).as_bytes());
            let note = format!("log.invalid\n1\n{root}\n");
            let signature = pair.sign(note.as_bytes());
            let line = [id.as_bytes().get(..4).unwrap_or_default(), signature.as_ref()].concat();
            let note = format!("{note}\n\u{2014} log.invalid {}\n", BASE64.encode(line));
            let proof = json!({
                "logIndex": "0", "rootHash": root, "treeSize": "1", "hashes": [], "checkpoint": { "envelope": note },
            });
            added.insert("inclusionProof".to_owned(), proof);
        }
        let material = fields.get_mut("verificationMaterial").and_then(Value::as_object_mut).ok_or_else(malformed)?;
        material.insert("tlogEntries".to_owned(), json!([entry]));
        if time.is_some()
            && let Some(certificate) = material.remove("certificate").filter(|certificate| !certificate.is_null())
        {
            material.insert("x509CertificateChain".to_owned(), json!({ "certificates": [certificate] }));
        }
        let log = json!({
            "baseUrl": "https://log.invalid",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": BASE64.encode(public.as_ref()),
                "keyDetails": "PKIX_ED25519",
                "validFor": log.pointer("/publicKey/validFor").unwrap_or(&Value::Null),
            },
            "logId": { "keyId": BASE64.encode(id.as_bytes()) },
        });
        let mut alone = root.clone();
        alone.as_object_mut().ok_or_else(malformed)?.insert("tlogs".to_owned(), json!([log]));
        let out = |value: &Value| serde_json::to_string(value).map_err(|error| failed(&error.to_string()));
        Ok(Again { bundle: out(&again)?, root: out(&alone)?.into_bytes() })
    }

    fn spec_again(&self, pem: &str) -> Result<(&'static str, Value), Refused> {
        let sha256 = |digest: Sha256| json!({ "algorithm": "sha256", "value": digest.hex() });
        if let Some(envelope) = self.bundle.get("dsseEnvelope").filter(|envelope| !envelope.is_null()) {
            let payload = sha256(Sha256::of(&bytes(envelope, "/payload")?));
            let signature = text(envelope, "/signatures/0/sig")?;
            let spec = json!({
                "envelopeHash": payload,
                "payloadHash": payload,
                "signatures": [{ "signature": signature, "verifier": BASE64.encode(pem) }],
            });
            return Ok(("dsse", spec));
        }
        let signed = match self.artifact {
            Artifact::Bytes(signed) => Sha256::of(signed),
            Artifact::Sha256(digest) => Sha256::from_bytes(digest),
            Artifact::Sha512(_) => return Err(no(codes::SIGSTORE_UNSUPPORTED, "the file itself is needed")),
        };
        let spec = json!({
            "data": { "hash": sha256(signed) },
            "signature": {
                "content": text(self.bundle, "/messageSignature/signature")?,
                "publicKey": { "content": BASE64.encode(pem) },
            },
        });
        Ok(("hashedrekord", spec))
    }
}

fn pem_of(der: &[u8], is_key: bool) -> String {
    let kind = if is_key { "PUBLIC KEY" } else { "CERTIFICATE" };
    let encoded = BASE64.encode(der);
    let mut out = format!("-----BEGIN {kind}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {kind}-----\n"));
    out
}
