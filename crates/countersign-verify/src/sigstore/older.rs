//! Log entries that the family does not read: `intoto` 0.0.1, which cosign wrote for years; `hashedrekord` 0.0.1 over the
//! encoding of an envelope; `dsse` 0.0.2, of the first logs of version 2; and `hashedrekord` with a SHA-384 or SHA-512.
//! Everything that the log says of such an entry is checked here: its promise, its proof and checkpoint, and that it is about
//! this signature, certificate or key, and content. Then the same is said again in an entry of a kind that the family reads,
//! under a log that exists for that one call, so that certificate, certificate log, time and signature are checked as always.
//!
//! The key of that log is no secret and needs to be none: nothing but the entry that is made here is ever judged by it.

use super::adapter::Key;
use super::{Artifact, Refused};
use aws_lc_rs::digest::{SHA384, SHA512, digest};
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
    let older = match (said.get("kind")?.as_str()?, said.get("apiVersion")?.as_str()?) {
        ("intoto", "0.0.1") => Older::InToto,
        ("dsse", "0.0.2") => Older::Dsse,
        ("hashedrekord", "0.0.1") if of_envelope || hash("/spec/data/hash/algorithm") != "sha256" => Older::First,
        ("hashedrekord", "0.0.2") if hash("/spec/hashedRekordV002/data/algorithm") != "SHA2_256" => Older::Second,
        _ => return None,
    };
    Some(check(&Case { bundle, entry, body: &body, said: &said, older, envelope, artifact, key }, root))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Older {
    /// `intoto` 0.0.1: over the bytes of an envelope.
    InToto,
    /// `dsse` 0.0.2: over a payload.
    Dsse,
    /// `hashedrekord` 0.0.1: over a file, or over what an envelope's signature is over.
    First,
    /// `hashedrekord` 0.0.2, the same.
    Second,
}

impl Older {
    /// Logs of version 2 promise nothing, and have the size and root of their tree in the checkpoint alone.
    const fn of_second_version(self) -> bool {
        matches!(self, Self::Dsse | Self::Second)
    }
}

struct Case<'c> {
    bundle: &'c Value,
    entry: &'c Value,
    body: &'c [u8],
    said: &'c Value,
    older: Older,
    envelope: Option<&'c [u8]>,
    artifact: Artifact<'c>,
    key: Option<&'c [u8]>,
}

fn check(case: &Case<'_>, root: &[u8]) -> Result<Again, Refused> {
    let root = json::parse(root).map_err(|error| no(codes::SIGSTORE_ROOT_MALFORMED, &error.to_string()))?;
    let log = log_of(&root, case.entry)?;
    let time = case.is_logged(log)?;
    let verifier = case.is_about_this()?;
    let signer = match case.key {
        None => certificate_of(case.bundle)?,
        Some(key) => key.to_vec(),
    };
    if verifier != signer {
        return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another certificate or key"));
    }
    case.said_again(&root, log, time, &signer)
}

impl Case<'_> {
    /// The content and the signature of the entry are those of the bundle. Whose signature the entry says that it is.
    fn is_about_this(&self) -> Result<Vec<u8>, Refused> {
        let other =
            |what: &str| Err(no(codes::LOGGED_ENTRY_MISMATCH, &format!("the log entry is about another {what}")));
        let (hashed, signature, verifier) = match self.older {
            Older::InToto => return self.is_about_this_envelope(),
            Older::Dsse => {
                let listed = self.said.pointer("/spec/dsseV002/signatures").and_then(Value::as_array);
                let Some([one]) = listed.map(Vec::as_slice) else { return other("number of signatures") };
                let hashed = second_hash(self.said, "/spec/dsseV002/payloadHash")?;
                (hashed, bytes(one, "/content")?, second_verifier(one)?)
            }
            Older::First => {
                let (algorithm, value) =
                    (text(self.said, "/spec/data/hash/algorithm")?, text(self.said, "/spec/data/hash/value")?);
                let pem = bytes(self.said, "/spec/signature/publicKey/content")?;
                let signature = bytes(self.said, "/spec/signature/content")?;
                (format!("{algorithm}:{value}"), signature, der_of(&pem)?)
            }
            Older::Second => {
                let signature = self.said.pointer("/spec/hashedRekordV002/signature").unwrap_or(&Value::Null);
                let hashed = second_hash(self.said, "/spec/hashedRekordV002/data")?;
                (hashed, bytes(signature, "/content")?, second_verifier(signature)?)
            }
        };
        let algorithm = hashed.split(':').next().unwrap_or_default();
        if let Some(envelope) = self.bundle.get("dsseEnvelope") {
            let payload = bytes(envelope, "/payload")?;
            let signed =
                if self.older == Older::Dsse { payload } else { pae(text(envelope, "/payloadType")?, &payload) };
            if hash(algorithm, &signed)? != hashed {
                return other("envelope");
            }
            if signature != bytes(envelope, "/signatures/0/sig")? {
                return other("signature");
            }
            return Ok(verifier);
        }
        let Artifact::Bytes(signed) = self.artifact else {
            let what = format!("the log entry has a hash of another kind ({algorithm}): the file itself is needed");
            return Err(no(codes::SIGSTORE_UNSUPPORTED, &what));
        };
        if hash(algorithm, signed)? != hashed {
            return Err(no(codes::SUBJECT_MISMATCH, "the log entry is about another file"));
        }
        if signature != bytes(self.bundle, "/messageSignature/signature")? {
            return other("signature");
        }
        Ok(verifier)
    }

    /// `intoto` 0.0.1 knows an envelope by its bytes, and its signature by those.
    fn is_about_this_envelope(&self) -> Result<Vec<u8>, Refused> {
        let content = self.said.pointer("/spec/content");
        let logged = |name: &str| {
            let hash = content.and_then(|content| content.get(name));
            let text = |field: &str| hash.and_then(|hash| hash.get(field)).and_then(Value::as_str);
            text("value").filter(|_| text("algorithm") == Some("sha256")).unwrap_or_default()
        };
        let payload = bytes(self.bundle, "/dsseEnvelope/payload")?;
        let envelope = self.envelope.ok_or_else(|| {
            no(codes::SIGSTORE_UNSUPPORTED, "the log entry is over an envelope whose own bytes are not at hand")
        })?;
        if logged("hash") != Sha256::of(envelope).hex() || logged("payloadHash") != Sha256::of(&payload).hex() {
            return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another envelope"));
        }
        der_of(&bytes(self.said, "/spec/publicKey")?)
    }

    /// What the log says: that it took the entry in, and when, where it promised that.
    fn is_logged(&self, log: &Value) -> Result<Option<i64>, Refused> {
        let key = Key::from_der(&bytes(log, "/publicKey/rawBytes")?)?;
        let id = bytes(log, "/logId/keyId")?;
        let promise = self.entry.pointer("/inclusionPromise/signedEntryTimestamp").filter(|promise| !promise.is_null());
        let time = match promise {
            Some(_) => Some(self.is_promised(log, &key, &id)?),
            None => None,
        };
        let older = text(self.bundle, "/mediaType")?.ends_with("=0.1") && !self.older.of_second_version();
        match self.entry.get("inclusionProof").filter(|proof| !proof.is_null()) {
            Some(proof) if self.older.of_second_version() => {
                let note = text(proof, "/checkpoint/envelope")?;
                let (size, root) = tree_of(note)?;
                included(proof, self.body, unsigned(self.entry, "/logIndex")?, size, &root)?;
                checkpoint(&key, &id, note, size, &root)?;
            }
            Some(proof) => {
                let root = hash_of(proof.get("rootHash").unwrap_or(&Value::Null))?;
                let (index, size) = (unsigned(proof, "/logIndex")?, unsigned(proof, "/treeSize")?);
                included(proof, self.body, index, size, &root)?;
                checkpoint(&key, &id, text(proof, "/checkpoint/envelope")?, size, &root)?;
            }
            None if older => {}
            None => return Err(no(codes::INCLUSION_PROOF_INVALID, "the inclusion proof is missing")),
        }
        if older && time.is_none() {
            return Err(no(codes::INCLUSION_PROMISE_INVALID, "the log's promise of inclusion is missing"));
        }
        Ok(time.filter(|_| !self.older.of_second_version()))
    }

    /// The time of which the log's promise speaks.
    fn is_promised(&self, log: &Value, key: &Key, id: &[u8]) -> Result<i64, Refused> {
        let time = number(self.entry, "/integratedTime")?;
        let within = |field: &str, fits: &dyn Fn(i64) -> bool| match log.pointer(field).and_then(Value::as_str) {
            None => field.ends_with("end"),
            Some(text) => Time::from_rfc3339(text).is_some_and(|bound| fits(bound.unix())),
        };
        let counted = within("/publicKey/validFor/start", &|start| time >= start)
            && within("/publicKey/validFor/end", &|end| time <= end);
        if !counted {
            return Err(no(codes::INCLUSION_PROMISE_INVALID, "the log did not count when it took the entry in"));
        }
        let promise = json::canonical(&json!({
            "body": BASE64.encode(self.body),
            "integratedTime": time,
            "logID": to_hex(id),
            "logIndex": number(self.entry, "/logIndex")?,
        }));
        let promise = promise.map_err(|error| no(codes::BUNDLE_MALFORMED, &error.to_string()))?;
        if !key.holds(&promise, &bytes(self.entry, "/inclusionPromise/signedEntryTimestamp")?) {
            return Err(no(codes::INCLUSION_PROMISE_INVALID, "the log's promise of inclusion does not hold"));
        }
        Ok(time)
    }

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
        let sha256 = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": Sha256::of(bytes).hex() });
        if let Some(envelope) = self.bundle.get("dsseEnvelope") {
            let payload = sha256(&bytes(envelope, "/payload")?);
            let signature = text(envelope, "/signatures/0/sig")?;
            let spec = json!({
                "envelopeHash": payload,
                "payloadHash": payload,
                "signatures": [{ "signature": signature, "verifier": BASE64.encode(pem) }],
            });
            return Ok(("dsse", spec));
        }
        let Artifact::Bytes(signed) = self.artifact else {
            return Err(no(codes::SIGSTORE_UNSUPPORTED, "the file itself is needed"));
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

/// The log of the entry, as the root has it.
fn log_of<'r>(root: &'r Value, entry: &Value) -> Result<&'r Value, Refused> {
    let log = text(entry, "/logId/keyId")?;
    let logs = root.get("tlogs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let known = logs.iter().find(|known| text(known, "/logId/keyId").is_ok_and(|id| id == log));
    known.ok_or_else(|| no(codes::INCLUSION_PROMISE_INVALID, "the entry is of a log that is not known"))
}

/// A hash of this kind, as logs of the first version write it.
fn hash(algorithm: &str, of: &[u8]) -> Result<String, Refused> {
    let kind = match algorithm {
        "sha256" => return Ok(format!("sha256:{}", Sha256::of(of).hex())),
        "sha384" => &SHA384,
        "sha512" => &SHA512,
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(no(codes::SIGSTORE_UNSUPPORTED, &format!("the log entry has a hash of kind `{other}`")));
        }
    };
    Ok(format!("{algorithm}:{}", to_hex(digest(kind, of).as_ref())))
}

/// The same of a log of the second version.
fn second_hash(said: &Value, path: &str) -> Result<String, Refused> {
    let algorithm = match text(said, &format!("{path}/algorithm"))? {
        "SHA2_256" => "sha256",
        "SHA2_384" => "sha384",
        "SHA2_512" => "sha512",
        other => other,
    };
    Ok(format!("{algorithm}:{}", to_hex(&bytes(said, &format!("{path}/digest"))?)))
}

fn second_verifier(signature: &Value) -> Result<Vec<u8>, Refused> {
    let places = ["/verifier/x509Certificate/rawBytes", "/verifier/publicKey/rawBytes"];
    let found = places.iter().find_map(|place| bytes(signature, place).ok());
    found.ok_or_else(|| no(codes::LOGGED_ENTRY_MISMATCH, "the log entry names neither a certificate nor a key"))
}

fn included(proof: &Value, body: &[u8], index: u64, size: u64, root: &Sha256) -> Result<(), Refused> {
    let wrong = |what: &str| no(codes::INCLUSION_PROOF_INVALID, what);
    let listed = proof.get("hashes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if listed.len() > countersign_core::limits::PROOF_HASHES {
        return Err(wrong("the proof has too many hashes"));
    }
    let hashes = listed.iter().map(hash_of).collect::<Result<Vec<_>, _>>()?;
    verify_inclusion(&leaf_hash(body), index, size, &hashes, root).map_err(|error| wrong(&error.to_string()))
}

fn hash_of(value: &Value) -> Result<Sha256, Refused> {
    let decoded = value.as_str().and_then(|text| BASE64.decode(text).ok());
    let bytes: Option<[u8; 32]> = decoded.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Sha256::from_bytes).ok_or_else(|| no(codes::INCLUSION_PROOF_INVALID, "a hash of the proof is not one"))
}

fn unsigned(value: &Value, path: &str) -> Result<u64, Refused> {
    // What is left out is zero, in this notation.
    let found = if value.pointer(path).is_some() { number(value, path)? } else { 0 };
    u64::try_from(found).map_err(|_negative| no(codes::INCLUSION_PROOF_INVALID, "a negative number"))
}

/// The size and the root of which a checkpoint speaks.
fn tree_of(note: &str) -> Result<(u64, Sha256), Refused> {
    let wrong = || no(codes::CHECKPOINT_INVALID, "the checkpoint names no tree");
    let mut lines = note.lines().skip(1);
    let size = lines.next().and_then(|line| line.parse().ok()).ok_or_else(wrong)?;
    let root = lines.next().and_then(|line| BASE64.decode(line).ok()).and_then(|bytes| bytes.try_into().ok());
    Ok((size, Sha256::from_bytes(root.ok_or_else(wrong)?)))
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

fn certificate_of(bundle: &Value) -> Result<Vec<u8>, Refused> {
    let places = [
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes",
    ];
    let found = places.iter().find_map(|place| bytes(bundle, place).ok());
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, "the bundle has no certificate"))
}

/// What is inside of a certificate or a key in PEM form.
fn der_of(pem: &[u8]) -> Result<Vec<u8>, Refused> {
    let text = String::from_utf8_lossy(pem);
    let inside = |kind: &str| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {kind}-----"))?;
        let (inside, _) = rest.split_once("-----END")?;
        BASE64.decode(inside.split_ascii_whitespace().collect::<String>()).ok()
    };
    let found = inside("CERTIFICATE").or_else(|| inside("PUBLIC KEY"));
    found.ok_or_else(|| no(codes::LOGGED_ENTRY_MISMATCH, "the log entry names neither a certificate nor a key"))
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
