//! Log entries that the family does not read: `intoto` 0.0.1, which cosign wrote for years, and `hashedrekord` 0.0.1 with a
//! SHA-384, or over the encoding of an envelope. Everything that the log says of such an entry is checked here: its promise, its proof and checkpoint, and that it
//! is about this signature, certificate and content. Then the same is said again in an entry of a kind that the family reads,
//! under a log that exists for that one call, so that certificate, certificate log, time and signature are checked as always.
//!
//! The key of that log is no secret and needs to be none: nothing but the entry that is made here is ever judged by it.

use super::adapter::Key;
use super::{Artifact, Refused};
use aws_lc_rs::digest::{SHA384, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::codes;
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::envelope::pae;
use countersign_core::finding::Code;
use countersign_core::json;
use countersign_core::log::merkle::{leaf_hash, verify_inclusion};
use countersign_core::time::Time;
use serde_json::{Value, json};

/// A bundle and a root that say the same in a way that the family reads.
pub(super) struct Again {
    pub(super) bundle: String,
    pub(super) root: Vec<u8>,
}

/// Checks an entry of an older kind, and says it again. `None` where the bundle has no such entry.
pub(super) fn again(
    root: &[u8],
    bundle: &Value,
    envelope: Option<&[u8]>,
    artifact: Artifact<'_>,
) -> Option<Result<Again, Refused>> {
    let entries = bundle.pointer("/verificationMaterial/tlogEntries")?.as_array()?;
    let [entry] = entries.as_slice() else { return None };
    let body = bytes(entry, "/canonicalizedBody").ok()?;
    let said = json::parse(&body).ok()?;
    let kind = (said.get("kind")?.as_str()?, said.get("apiVersion")?.as_str()?);
    let algorithm = said.pointer("/spec/data/hash/algorithm").and_then(Value::as_str);
    let older = match kind {
        ("intoto", "0.0.1") => Older::InToto,
        ("hashedrekord", "0.0.1") if algorithm == Some("sha384") => Older::Sha384,
        ("hashedrekord", "0.0.1") if bundle.get("dsseEnvelope").is_some_and(Value::is_object) => Older::Envelope,
        _ => return None,
    };
    Some(check(root, bundle, entry, (&body, &said), older, envelope, artifact))
}

#[derive(Clone, Copy)]
enum Older {
    InToto,
    Sha384,
    /// Over the bytes that an envelope's signature is over.
    Envelope,
}

fn check(
    root: &[u8],
    bundle: &Value,
    entry: &Value,
    (body, said): (&[u8], &Value),
    older: Older,
    envelope: Option<&[u8]>,
    artifact: Artifact<'_>,
) -> Result<Again, Refused> {
    let root = json::parse(root).map_err(|error| no(codes::SIGSTORE_ROOT_MALFORMED, &error.to_string()))?;
    let time = entry_is_logged(&root, bundle, entry, body)?;
    let certificate = certificate_of(bundle)?;
    let pem = match older {
        Older::InToto => {
            let content = said.pointer("/spec/content");
            let hash = |name: &str| {
                let hash = content.and_then(|content| content.get(name));
                let text = |field: &str| hash.and_then(|hash| hash.get(field)).and_then(Value::as_str);
                text("value").filter(|_| text("algorithm") == Some("sha256")).unwrap_or_default()
            };
            let payload = bytes(bundle, "/dsseEnvelope/payload")?;
            let envelope = envelope.ok_or_else(|| {
                no(codes::SIGSTORE_UNSUPPORTED, "the log entry is over an envelope whose own bytes are not at hand")
            })?;
            if hash("hash") != Sha256::of(envelope).hex() || hash("payloadHash") != Sha256::of(&payload).hex() {
                return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another envelope"));
            }
            bytes(said, "/spec/publicKey")?
        }
        Older::Envelope => {
            let payload = bytes(bundle, "/dsseEnvelope/payload")?;
            let signed = Sha256::of(&pae(text(bundle, "/dsseEnvelope/payloadType")?, &payload));
            let algorithm = text(said, "/spec/data/hash/algorithm")?;
            if algorithm != "sha256" || text(said, "/spec/data/hash/value")? != signed.hex() {
                return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another envelope"));
            }
            if bytes(said, "/spec/signature/content")? != bytes(bundle, "/dsseEnvelope/signatures/0/sig")? {
                return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another signature"));
            }
            bytes(said, "/spec/signature/publicKey/content")?
        }
        Older::Sha384 => {
            let Artifact::Bytes(signed) = artifact else {
                return Err(no(codes::SIGSTORE_UNSUPPORTED, "the log entry has a SHA-384: the file itself is needed"));
            };
            let found = text(said, "/spec/data/hash/value")?;
            if found != to_hex(digest(&SHA384, signed).as_ref()) {
                return Err(no(codes::SUBJECT_MISMATCH, "the log entry is about another file"));
            }
            if text(said, "/spec/signature/content")? != text(bundle, "/messageSignature/signature")? {
                return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another signature"));
            }
            bytes(said, "/spec/signature/publicKey/content")?
        }
    };
    if der_of(&pem)? != certificate {
        return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another certificate"));
    }
    said_again(&root, bundle, time, &pem, older, artifact)
}

/// What the log says: when it took the entry in, and that it did. The time.
fn entry_is_logged(root: &Value, bundle: &Value, entry: &Value, body: &[u8]) -> Result<i64, Refused> {
    let log = text(entry, "/logId/keyId")?;
    let logs = root.get("tlogs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let known = logs.iter().find(|known| text(known, "/logId/keyId").is_ok_and(|id| id == log));
    let known = known.ok_or_else(|| no(codes::INCLUSION_PROMISE_INVALID, "the entry is of a log that is not known"))?;
    let key = Key::from_der(&bytes(known, "/publicKey/rawBytes")?)?;
    let time = number(entry, "/integratedTime")?;
    let within = |field: &str, fits: &dyn Fn(i64) -> bool| match known.pointer(field).and_then(Value::as_str) {
        None => field.ends_with("end"),
        Some(text) => Time::from_rfc3339(text).is_some_and(|bound| fits(bound.unix())),
    };
    let counted = within("/publicKey/validFor/start", &|start| time >= start)
        && within("/publicKey/validFor/end", &|end| time <= end);
    if !counted {
        return Err(no(codes::INCLUSION_PROMISE_INVALID, "the log did not count when it took the entry in"));
    }
    let id = BASE64.decode(log).map_err(|_base64| no(codes::BUNDLE_MALFORMED, "`logId` is not base64"))?;
    let promise = json::canonical(&json!({
        "body": BASE64.encode(body),
        "integratedTime": time,
        "logID": to_hex(&id),
        "logIndex": number(entry, "/logIndex")?,
    }));
    let promise = promise.map_err(|error| no(codes::BUNDLE_MALFORMED, &error.to_string()))?;
    if !key.holds(&promise, &bytes(entry, "/inclusionPromise/signedEntryTimestamp")?) {
        return Err(no(codes::INCLUSION_PROMISE_INVALID, "the log's promise of inclusion does not hold"));
    }
    match entry.get("inclusionProof").filter(|proof| !proof.is_null()) {
        Some(proof) => included(&key, &id, proof, body)?,
        None if text(bundle, "/mediaType")?.ends_with("=0.1") => {}
        None => return Err(no(codes::INCLUSION_PROOF_INVALID, "the inclusion proof is missing")),
    }
    Ok(time)
}

fn included(key: &Key, id: &[u8], proof: &Value, body: &[u8]) -> Result<(), Refused> {
    let wrong = |what: &str| no(codes::INCLUSION_PROOF_INVALID, what);
    let hash = |value: &Value| {
        let decoded = value.as_str().and_then(|text| BASE64.decode(text).ok());
        let bytes: Option<[u8; 32]> = decoded.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Sha256::from_bytes).ok_or_else(|| wrong("a hash of the proof is not one"))
    };
    let listed = proof.get("hashes").and_then(Value::as_array).ok_or_else(|| wrong("the proof has no hashes"))?;
    if listed.len() > countersign_core::limits::PROOF_HASHES {
        return Err(wrong("the proof has too many hashes"));
    }
    let hashes = listed.iter().map(hash).collect::<Result<Vec<_>, _>>()?;
    let root = hash(proof.get("rootHash").unwrap_or(&Value::Null))?;
    let unsigned =
        |path: &str| number(proof, path).and_then(|n| u64::try_from(n).map_err(|_negative| wrong("a negative number")));
    let (index, size) = (unsigned("/logIndex")?, unsigned("/treeSize")?);
    verify_inclusion(&leaf_hash(body), index, size, &hashes, &root).map_err(|error| wrong(&error.to_string()))?;
    checkpoint(key, id, text(proof, "/checkpoint/envelope")?, size, &root)
}

/// A signed note: its text, an empty line, and lines with signatures. One has to be the log's.
fn checkpoint(key: &Key, id: &[u8], note: &str, size: u64, root: &Sha256) -> Result<(), Refused> {
    let wrong = |what: &str| no(codes::CHECKPOINT_INVALID, what);
    let (signed, signatures) = note.split_once("\n\n").ok_or_else(|| wrong("the checkpoint is no signed note"))?;
    let mut lines = signed.lines().skip(1);
    let (of, hash) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    if of != size.to_string() || hash != BASE64.encode(root.as_bytes()) {
        return Err(wrong("the checkpoint is of another tree"));
    }
    let signed = format!("{signed}\n");
    let holds = signatures.lines().any(|line| {
        let encoded = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).map(|(_, encoded)| encoded);
        let bytes = encoded.and_then(|encoded| BASE64.decode(encoded).ok()).unwrap_or_default();
        let parts = bytes.split_at_checked(4);
        parts.is_some_and(|(hint, signature)| id.starts_with(hint) && key.holds(signed.as_bytes(), signature))
    });
    if holds { Ok(()) } else { Err(wrong("the checkpoint is not signed by the log")) }
}

fn said_again(
    root: &Value,
    bundle: &Value,
    time: i64,
    pem: &[u8],
    older: Older,
    artifact: Artifact<'_>,
) -> Result<Again, Refused> {
    let failed = |what: &str| no(codes::SIGSTORE_UNSUPPORTED, what);
    let pair =
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(|_key| failed("the log of one call has no key"))?;
    let public = pair.public_key().as_der().map_err(|_key| failed("the log of one call has no key"))?;
    let id = Sha256::of(public.as_ref());
    let sha256 = |hex: String| json!({ "algorithm": "sha256", "value": hex });
    let (kind, spec) = match older {
        Older::InToto | Older::Envelope => {
            let payload = bytes(bundle, "/dsseEnvelope/payload")?;
            let signature = text(bundle, "/dsseEnvelope/signatures/0/sig")?;
            let spec = json!({
                "envelopeHash": sha256(Sha256::of(&payload).hex()),
                "payloadHash": sha256(Sha256::of(&payload).hex()),
                "signatures": [{ "signature": signature, "verifier": BASE64.encode(pem) }],
            });
            ("dsse", spec)
        }
        Older::Sha384 => {
            let Artifact::Bytes(signed) = artifact else { return Err(failed("the file itself is needed")) };
            let spec = json!({
                "data": { "hash": sha256(Sha256::of(signed).hex()) },
                "signature": {
                    "content": text(bundle, "/messageSignature/signature")?,
                    "publicKey": { "content": BASE64.encode(pem) },
                },
            });
            ("hashedrekord", spec)
        }
    };
    let written =
        |value: &Value| json::canonical(value).map_err(|error| no(codes::BUNDLE_MALFORMED, &error.to_string()));
    let body = BASE64.encode(written(&json!({ "apiVersion": "0.0.1", "kind": kind, "spec": spec }))?);
    let promise = json!({ "body": body, "integratedTime": time, "logID": id.hex(), "logIndex": 0 });
    let promise = pair.sign(&written(&promise)?);
    let entry = json!({
        "logIndex": "0",
        "logId": { "keyId": BASE64.encode(id.as_bytes()) },
        "kindVersion": { "kind": kind, "version": "0.0.1" },
        "integratedTime": time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": BASE64.encode(promise.as_ref()) },
        "canonicalizedBody": body,
    });
    let mut again = bundle.clone();
    let mut alone = root.clone();
    let malformed = || no(codes::BUNDLE_MALFORMED, "the bundle is not an object");
    let fields = again.as_object_mut().ok_or_else(malformed)?;
    fields.insert("mediaType".to_owned(), json!("application/vnd.dev.sigstore.bundle+json;version=0.1"));
    let material = fields.get_mut("verificationMaterial").and_then(Value::as_object_mut).ok_or_else(malformed)?;
    material.insert("tlogEntries".to_owned(), json!([entry]));
    if let Some(certificate) = material.remove("certificate").filter(|certificate| !certificate.is_null()) {
        material.insert("x509CertificateChain".to_owned(), json!({ "certificates": [certificate] }));
    }
    let log = json!({
        "baseUrl": "https://log.invalid",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": BASE64.encode(public.as_ref()),
            "keyDetails": "PKIX_ED25519",
            "validFor": { "start": "1970-01-01T00:00:00Z" },
        },
        "logId": { "keyId": BASE64.encode(id.as_bytes()) },
    });
    alone.as_object_mut().ok_or_else(malformed)?.insert("tlogs".to_owned(), json!([log]));
    let out = |value: &Value| serde_json::to_string(value).map_err(|error| failed(&error.to_string()));
    Ok(Again { bundle: out(&again)?, root: out(&alone)?.into_bytes() })
}

fn certificate_of(bundle: &Value) -> Result<Vec<u8>, Refused> {
    let places = [
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes",
    ];
    let found = places.iter().find_map(|place| bytes(bundle, place).ok());
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, "the bundle has no certificate"))
}

fn der_of(pem: &[u8]) -> Result<Vec<u8>, Refused> {
    let text = String::from_utf8_lossy(pem);
    let inside = text.split_once("-----BEGIN CERTIFICATE-----").and_then(|(_, rest)| rest.split_once("-----END"));
    let inside: Option<String> = inside.map(|(inside, _)| inside.split_ascii_whitespace().collect());
    let decoded = inside.and_then(|inside| BASE64.decode(inside).ok());
    decoded.ok_or_else(|| no(codes::LOGGED_ENTRY_MISMATCH, "the log entry has no certificate"))
}

fn text<'v>(value: &'v Value, path: &str) -> Result<&'v str, Refused> {
    let found = value.pointer(path).and_then(Value::as_str);
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, &format!("`{path}` is missing, or is not text")))
}

fn bytes(value: &Value, path: &str) -> Result<Vec<u8>, Refused> {
    let decoded = BASE64.decode(text(value, path)?);
    decoded.map_err(|_base64| no(codes::BUNDLE_MALFORMED, &format!("`{path}` is not base64")))
}

fn number(value: &Value, path: &str) -> Result<i64, Refused> {
    let found = value.pointer(path);
    let found = found.and_then(|number| number.as_i64().or_else(|| number.as_str()?.parse().ok()));
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, &format!("`{path}` is missing, or is not a number")))
}

fn no(code: Code, what: &str) -> Refused {
    Refused::new(code, what)
}
