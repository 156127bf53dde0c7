//! Entries of a transparency log, asked for and brought into the form that bundles have, in either version of Rekor.

use super::Content;
use super::client::{Client, KeylessError};
use super::config::{Log, LogVersion};
use super::token::IdentityToken;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::{Sha256, hex_array};
use countersign_core::envelope::PAYLOAD_TYPE;
use serde_json::{Value, json};

const SERVICE: &str = "transparency log";

/// What is logged.
pub(super) struct Signed<'a> {
    pub content: Content<'a>,
    pub digest: &'a Sha256,
    pub signature: &'a [u8],
    pub certificate: &'a [u8],
}

/// The envelope of a statement, as it stands in the bundle.
pub(super) fn envelope(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": BASE64.encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{ "sig": BASE64.encode(signature), "keyid": "" }],
    })
}

/// The same as it is logged. The log keeps a hash of these very bytes, and a reader who writes the envelope anew leaves out what
/// is empty: then the two are the same.
fn unnamed(payload: &[u8], signature: &[u8]) -> Value {
    json!({
        "payload": BASE64.encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{ "sig": BASE64.encode(signature) }],
    })
}

fn unusable(problem: &'static str) -> KeylessError {
    KeylessError::Answer { service: SERVICE, problem }
}

/// Has it logged, and gives the entry as a bundle has it.
pub(super) fn logged(client: &Client, log: &Log, signed: &Signed<'_>) -> Result<Value, KeylessError> {
    match log.version {
        LogVersion::One => {
            let url = format!("{}/api/v1/log/entries", log.url);
            entry_of_1(&client.post_json(SERVICE, &url, &proposal_1(signed), &IdentityToken::none())?)
                .ok_or_else(|| unusable("it is no log entry of version 1"))
        }
        LogVersion::Two => {
            let url = format!("{}/api/v2/log/entries", log.url);
            entry_of_2(client.post_json(SERVICE, &url, &proposal_2(signed), &IdentityToken::none())?)
        }
    }
}

fn proposal_2(signed: &Signed<'_>) -> Value {
    json!({ "hashedRekordRequestV002": {
        "digest": BASE64.encode(signed.digest.as_bytes()),
        "signature": {
            "content": BASE64.encode(signed.signature),
            "verifier": {
                "x509Certificate": { "rawBytes": BASE64.encode(signed.certificate) },
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            },
        },
    } })
}

fn entry_of_2(mut entry: Value) -> Result<Value, KeylessError> {
    let proof = entry.pointer_mut("/inclusionProof").and_then(Value::as_object_mut);
    let proof = proof.ok_or_else(|| unusable("it holds no inclusion proof"))?;
    // What protobuf leaves out where it is nought, other clients want to see.
    proof.entry("logIndex").or_insert_with(|| json!("0"));
    proof.entry("hashes").or_insert_with(|| json!([]));
    if let Some(entry) = entry.as_object_mut() {
        entry.entry("logIndex").or_insert_with(|| json!("0"));
    }
    Ok(entry)
}

fn proposal_1(signed: &Signed<'_>) -> Value {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines(signed.certificate));
    let pem = BASE64.encode(pem);
    match signed.content {
        Content::Statement(payload) => json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": { "proposedContent": {
                "envelope": unnamed(payload, signed.signature).to_string(),
                "verifiers": [pem],
            } },
        }),
        Content::File(_) => json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": signed.digest.hex() } },
                "signature": { "content": BASE64.encode(signed.signature), "publicKey": { "content": pem } },
            },
        }),
    }
}

/// Base64 in lines of 64, as PEM has it.
fn lines(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (i, c) in BASE64.encode(bytes).chars().enumerate() {
        if i > 0 && i % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out
}

/// The one entry of an answer, whose numbers are numbers and whose hashes are hexadecimal; a bundle has neither.
fn entry_of_1(answer: &Value) -> Option<Value> {
    let mut entries = answer.as_object()?.values();
    let (Some(entry), None) = (entries.next(), entries.next()) else { return None };
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let number = |pointer: &str| entry.pointer(pointer).and_then(Value::as_u64).map(|number| number.to_string());
    let base64 = |hex: &str| hex_array::<32>(hex).ok().map(|bytes| BASE64.encode(bytes));
    let body = text("/body")?;
    let inner: Value = countersign_core::json::parse(&BASE64.decode(body).ok()?).ok()?;
    let proof = "/verification/inclusionProof";
    let hashes = entry.pointer(&format!("{proof}/hashes"))?.as_array()?;
    let hashes: Option<Vec<String>> = hashes.iter().map(|hash| base64(hash.as_str()?)).collect();
    Some(json!({
        "logIndex": number("/logIndex")?,
        "logId": { "keyId": base64(text("/logID")?)? },
        "kindVersion": { "kind": inner.get("kind")?.as_str()?, "version": inner.get("apiVersion")?.as_str()? },
        "integratedTime": number("/integratedTime")?,
        "inclusionPromise": { "signedEntryTimestamp": text("/verification/signedEntryTimestamp")? },
        "inclusionProof": {
            "logIndex": number(&format!("{proof}/logIndex"))?,
            "rootHash": base64(text(&format!("{proof}/rootHash"))?)?,
            "treeSize": number(&format!("{proof}/treeSize"))?,
            "hashes": hashes?,
            "checkpoint": { "envelope": text(&format!("{proof}/checkpoint"))? },
        },
        "canonicalizedBody": body,
    }))
}
