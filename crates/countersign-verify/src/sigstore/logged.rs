//! What a transparency log says of an entry, and what the entry says of a signature: that the log took it in, and when, where it
//! promised that; and that it is about this signature, certificate or key, and content. All of it is checked here, for the entries
//! that the family does not read, and for the keys that it does not know. Nothing is checked of the signature itself.

use super::adapter::Key;
use super::{Artifact, Refused, decoded};
use aws_lc_rs::digest::{SHA384, SHA512, digest};
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

/// What kind of entry it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `intoto` 0.0.1: over the bytes of an envelope.
    InToto,
    /// `intoto` 0.0.2: over a payload.
    InTotoSecond,
    /// `dsse` 0.0.1: over a payload.
    DsseFirst,
    /// `dsse` 0.0.2: over a payload.
    Dsse,
    /// `hashedrekord` 0.0.1: over a file, or over what an envelope's signature is over.
    First,
    /// `hashedrekord` 0.0.2, the same.
    Second,
}

impl Kind {
    /// Of an entry's body.
    pub(super) fn of(said: &Value) -> Option<Self> {
        match (said.get("kind")?.as_str()?, said.get("apiVersion")?.as_str()?) {
            ("intoto", "0.0.1") => Some(Self::InToto),
            ("intoto", "0.0.2") => Some(Self::InTotoSecond),
            ("dsse", "0.0.1") => Some(Self::DsseFirst),
            ("dsse", "0.0.2") => Some(Self::Dsse),
            ("hashedrekord", "0.0.1") => Some(Self::First),
            ("hashedrekord", "0.0.2") => Some(Self::Second),
            _ => None,
        }
    }

    /// Logs of version 2 promise nothing, and have the size and root of their tree in the checkpoint alone.
    pub(super) const fn of_second_version(self) -> bool {
        matches!(self, Self::Dsse | Self::Second)
    }

    /// Whether it knows an envelope by its payload.
    const fn over_payload(self) -> bool {
        matches!(self, Self::InTotoSecond | Self::DsseFirst | Self::Dsse)
    }
}

/// One entry, and what it has to be about.
pub(super) struct Case<'c> {
    pub(super) bundle: &'c Value,
    pub(super) entry: &'c Value,
    pub(super) body: &'c [u8],
    pub(super) said: &'c Value,
    pub(super) kind: Kind,
    pub(super) envelope: Option<&'c [u8]>,
    pub(super) artifact: Artifact<'c>,
    pub(super) key: Option<&'c [u8]>,
}

/// What an entry names as its content, its signature and its signer.
struct Named {
    hash: String,
    signature: Vec<u8>,
    verifier: Vec<u8>,
}

impl Case<'_> {
    /// The log took the entry in, and it is about what the bundle has. The time that the log promised, and the certificate or key.
    pub(super) fn holds(&self, log: &Value) -> Result<(Option<i64>, Vec<u8>), Refused> {
        let time = self.is_logged(log)?;
        let verifier = self.is_about_this()?;
        let signer = match self.key {
            None => certificate_of(self.bundle)?,
            Some(key) => key.to_vec(),
        };
        if verifier != signer {
            return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another certificate or key"));
        }
        Ok((time, signer))
    }

    /// The content and the signature of the entry are those of the bundle. Whose signature the entry says that it is.
    fn is_about_this(&self) -> Result<Vec<u8>, Refused> {
        let other =
            |what: &str| Err(no(codes::LOGGED_ENTRY_MISMATCH, &format!("the log entry is about another {what}")));
        if self.kind == Kind::InToto {
            return self.is_about_this_envelope();
        }
        let named = self.named()?;
        let algorithm = named.hash.split(':').next().unwrap_or_default();
        if let Some(envelope) = self.bundle.get("dsseEnvelope").filter(|envelope| !envelope.is_null()) {
            let payload = bytes(envelope, "/payload")?;
            let signed =
                if self.kind.over_payload() { payload } else { pae(text(envelope, "/payloadType")?, &payload) };
            if hash(algorithm, &signed)? != named.hash {
                return other("envelope");
            }
            if named.signature != bytes(envelope, "/signatures/0/sig")? {
                return other("signature");
            }
            return Ok(named.verifier);
        }
        if self.kind.over_payload() {
            return other("kind of content: an envelope, and the bundle has a signature over a file");
        }
        if hash_of_artifact(algorithm, self.artifact)? != named.hash {
            return Err(no(codes::SUBJECT_MISMATCH, "the log entry is about another file"));
        }
        if named.signature != bytes(self.bundle, "/messageSignature/signature")? {
            return other("signature");
        }
        Ok(named.verifier)
    }

    /// What the entry names, by its kind.
    fn named(&self) -> Result<Named, Refused> {
        let one = |path: &str| match self.said.pointer(path).and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) => Ok(one),
            _ => Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another number of signatures")),
        };
        let hex = |path: &str| {
            Ok(format!(
                "{}:{}",
                text(self.said, &format!("{path}/algorithm"))?,
                text(self.said, &format!("{path}/value"))?
            ))
        };
        match self.kind {
            // Of this kind everything is known by the envelope's bytes.
            Kind::InToto => Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry names no signature")),
            Kind::InTotoSecond => {
                let signature = one("/spec/content/envelope/signatures")?;
                let kinds = [
                    text(self.said, "/spec/content/envelope/payloadType"),
                    text(self.bundle, "/dsseEnvelope/payloadType"),
                ];
                if kinds[0] != kinds[1] {
                    return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another type of payload"));
                }
                // The log has the text that base64 made of it in base64 once more.
                let twice = String::from_utf8(bytes(signature, "/sig")?).ok().and_then(|twice| decoded(&twice));
                Ok(Named {
                    hash: hex("/spec/content/payloadHash")?,
                    signature: twice.ok_or_else(|| no(codes::BUNDLE_MALFORMED, "`/sig` is not base64"))?,
                    verifier: der_of(&bytes(signature, "/publicKey")?)?,
                })
            }
            Kind::DsseFirst => {
                let signature = one("/spec/signatures")?;
                Ok(Named {
                    hash: hex("/spec/payloadHash")?,
                    signature: bytes(signature, "/signature")?,
                    verifier: der_of(&bytes(signature, "/verifier")?)?,
                })
            }
            Kind::Dsse => {
                let signature = one("/spec/dsseV002/signatures")?;
                Ok(Named {
                    hash: second_hash(self.said, "/spec/dsseV002/payloadHash")?,
                    signature: bytes(signature, "/content")?,
                    verifier: second_verifier(signature)?,
                })
            }
            Kind::First => Ok(Named {
                hash: hex("/spec/data/hash")?,
                signature: bytes(self.said, "/spec/signature/content")?,
                verifier: der_of(&bytes(self.said, "/spec/signature/publicKey/content")?)?,
            }),
            Kind::Second => {
                let signature = self.said.pointer("/spec/hashedRekordV002/signature").unwrap_or(&Value::Null);
                Ok(Named {
                    hash: second_hash(self.said, "/spec/hashedRekordV002/data")?,
                    signature: bytes(signature, "/content")?,
                    verifier: second_verifier(signature)?,
                })
            }
        }
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
        let older = text(self.bundle, "/mediaType")?.ends_with("=0.1") && !self.kind.of_second_version();
        match self.entry.get("inclusionProof").filter(|proof| !proof.is_null()) {
            Some(proof) if self.kind.of_second_version() => {
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
        Ok(time.filter(|_| !self.kind.of_second_version()))
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
}

/// The log of the entry, as the root has it.
pub(super) fn log_of<'r>(root: &'r Value, entry: &Value) -> Result<&'r Value, Refused> {
    let log = decoded(text(entry, "/logId/keyId")?);
    let logs = root.get("tlogs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let known = logs.iter().find(|known| log.is_some() && bytes(known, "/logId/keyId").ok() == log);
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

/// A hash of this kind of the artifact, as far as it is at hand.
fn hash_of_artifact(algorithm: &str, artifact: Artifact<'_>) -> Result<String, Refused> {
    match (algorithm, artifact) {
        (_, Artifact::Bytes(bytes)) => hash(algorithm, bytes),
        ("sha256", Artifact::Sha256(digest)) => Ok(format!("sha256:{}", to_hex(&digest))),
        ("sha512", Artifact::Sha512(digest)) => Ok(format!("sha512:{}", to_hex(&digest))),
        (_, Artifact::Sha256(_) | Artifact::Sha512(_)) => {
            let algorithm: String = algorithm.chars().take(40).collect();
            let what = format!("the log entry has a hash of another kind ({algorithm}): the file itself is needed");
            Err(no(codes::SIGSTORE_UNSUPPORTED, &what))
        }
    }
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
    let bytes: Option<[u8; 32]> = value.as_str().and_then(decoded).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Sha256::from_bytes).ok_or_else(|| no(codes::INCLUSION_PROOF_INVALID, "a hash of the proof is not one"))
}

pub(super) fn unsigned(value: &Value, path: &str) -> Result<u64, Refused> {
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

pub(super) fn certificate_of(bundle: &Value) -> Result<Vec<u8>, Refused> {
    let places = [
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes",
    ];
    let found = places.iter().find_map(|place| bytes(bundle, place).ok());
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, "the bundle has no certificate"))
}

/// What is inside of a certificate or a key in PEM form.
pub(super) fn der_of(pem: &[u8]) -> Result<Vec<u8>, Refused> {
    let text = String::from_utf8_lossy(pem);
    let inside = |kind: &str| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {kind}-----"))?;
        let (inside, _) = rest.split_once("-----END")?;
        BASE64.decode(inside.split_ascii_whitespace().collect::<String>()).ok()
    };
    let found = inside("CERTIFICATE").or_else(|| inside("PUBLIC KEY"));
    found.ok_or_else(|| no(codes::LOGGED_ENTRY_MISMATCH, "the log entry names neither a certificate nor a key"))
}

pub(super) fn text<'v>(value: &'v Value, path: &str) -> Result<&'v str, Refused> {
    let found = value.pointer(path).and_then(Value::as_str);
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, &format!("`{path}` is missing, or is not text")))
}

pub(super) fn bytes(value: &Value, path: &str) -> Result<Vec<u8>, Refused> {
    decoded(text(value, path)?).ok_or_else(|| no(codes::BUNDLE_MALFORMED, &format!("`{path}` is not base64")))
}

pub(super) fn number(value: &Value, path: &str) -> Result<i64, Refused> {
    let found = value.pointer(path);
    let found = found.and_then(|number| number.as_i64().or_else(|| number.as_str()?.parse().ok()));
    found.ok_or_else(|| no(codes::BUNDLE_MALFORMED, &format!("`{path}` is missing, or is not a number")))
}

pub(super) fn no(code: Code, what: &str) -> Refused {
    Refused::new(code, what)
}
