//! A transparency log of Rekor's first version: it takes in envelopes and signatures over digests, promises an entry with a
//! time, and proves it against a tree that grows.

use super::rekor::{proof, root};
use super::{Fault, Faults, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Sha256;
use countersign_core::json::canonical;
use countersign_core::log::merkle::leaf_hash;
use countersign_core::time::Time;
use serde_json::{Value, json};

/// How many entries older trees of the log hold: an entry's number is not its place in the tree.
const BEFORE: usize = 1_000;

/// The log.
#[derive(Debug)]
pub struct RekorV1 {
    key: Key,
    origin: String,
    leaves: Vec<Sha256>,
}

impl RekorV1 {
    /// A log in which others have entries already.
    #[must_use]
    pub fn new(origin: &str, others: u32) -> Self {
        let leaves = (0..others).map(|n| leaf_hash(format!("another's entry {n}").as_bytes())).collect();
        Self { key: Key::p256(), origin: origin.to_owned(), leaves }
    }

    /// Its key, as a trusted root has it.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.key.spki()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Sha256 {
        Sha256::of(&self.key.spki())
    }

    /// Takes in what is proposed, and answers as Rekor does.
    pub fn add(&mut self, proposed: &Value, at: Time, faults: &Faults) -> Result<Value, String> {
        let body = canonical(&entry(proposed)?).map_err(|error| error.to_string())?;
        let index = self.leaves.len();
        self.leaves.push(leaf_hash(&body));
        self.leaves.push(leaf_hash(&[&body[..], b"and another"].concat()));
        let mut root = root(&self.leaves);
        let mut hashes: Vec<String> = proof(&self.leaves, index).iter().map(Sha256::hex).collect();
        if faults.has(Fault::FlippedProof) {
            hashes.reverse();
        }
        if faults.has(Fault::OtherRoot) {
            root = Sha256::of(b"another root");
        }
        let size = self.leaves.len();
        let body = BASE64.encode(&body);
        let (number, id) = (BEFORE + index, self.id().hex());
        let promised = json!({ "body": body, "integratedTime": at.unix(), "logID": id, "logIndex": number });
        let promised = canonical(&promised).map_err(|error| error.to_string())?;
        let promise =
            if faults.has(Fault::ForeignPromise) { Key::p256().sign(&promised) } else { self.key.sign(&promised) };
        let name = format!("{}{}", "0".repeat(16), Sha256::of(body.as_bytes()).hex());
        Ok(json!({ name: {
            "body": body,
            "integratedTime": at.unix(),
            "logID": id,
            "logIndex": number,
            "verification": {
                "inclusionProof": {
                    "checkpoint": self.checkpoint(size, &root, faults),
                    "hashes": hashes,
                    "logIndex": index,
                    "rootHash": root.hex(),
                    "treeSize": size,
                },
                "signedEntryTimestamp": BASE64.encode(promise),
            },
        } }))
    }

    fn checkpoint(&self, size: usize, root: &Sha256, faults: &Faults) -> String {
        let text = format!("{}\n{size}\n{}\n", self.origin, BASE64.encode(root.as_bytes()));
        let signature = if faults.has(Fault::ForeignCheckpoint) {
            Key::p256().sign(text.as_bytes())
        } else {
            self.key.sign(text.as_bytes())
        };
        let line = [&self.id().as_bytes()[..4], &signature].concat();
        format!("{text}\n\u{2014} rekor.sigstore.example {}\n", BASE64.encode(line))
    }
}

/// What is logged of what was proposed.
fn entry(proposed: &Value) -> Result<Value, String> {
    let text = |pointer: &str| proposed.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no {pointer}"));
    let hash = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": Sha256::of(bytes).hex() });
    match (text("/kind")?, text("/apiVersion")?) {
        // What npm's clients proposed: an envelope whose parts are in base64 once more, with the key in each signature.
        ("intoto", "0.0.2") => return second_in_toto(proposed),
        (_, "0.0.1") => {}
        _ => return Err("another version".to_owned()),
    }
    match text("/kind")? {
        "dsse" => {
            let envelope = text("/spec/proposedContent/envelope")?;
            let verifier = text("/spec/proposedContent/verifiers/0")?;
            let read: Value = serde_json::from_str(envelope).map_err(|error| error.to_string())?;
            let payload = BASE64.decode(read["payload"].as_str().ok_or("no payload")?).map_err(|e| e.to_string())?;
            Ok(json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": {
                "envelopeHash": hash(envelope.as_bytes()),
                "payloadHash": hash(&payload),
                "signatures": [{ "signature": read["signatures"][0]["sig"], "verifier": verifier }],
            } }))
        }
        "intoto" => {
            let envelope = text("/spec/content/envelope")?;
            let read: Value = serde_json::from_str(envelope).map_err(|error| error.to_string())?;
            let payload = BASE64.decode(read["payload"].as_str().ok_or("no payload")?).map_err(|e| e.to_string())?;
            Ok(json!({ "apiVersion": "0.0.1", "kind": "intoto", "spec": {
                "content": { "hash": hash(envelope.as_bytes()), "payloadHash": hash(&payload) },
                "publicKey": text("/spec/publicKey")?,
            } }))
        }
        "hashedrekord" => Ok(proposed.clone()),
        other => Err(format!("no kind {other}")),
    }
}

/// `intoto` 0.0.2: all of the proposed envelope but its payload, which is kept by its hash.
fn second_in_toto(proposed: &Value) -> Result<Value, String> {
    let mut envelope = proposed.pointer("/spec/content/envelope").cloned().ok_or("no envelope")?;
    let hash = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": Sha256::of(bytes).hex() });
    let whole = hash(&canonical(&envelope).map_err(|error| error.to_string())?);
    let payload = envelope.as_object_mut().and_then(|fields| fields.remove("payload")).ok_or("no payload")?;
    let once = BASE64.decode(payload.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    let payload = BASE64.decode(once).map_err(|error| error.to_string())?;
    Ok(json!({ "apiVersion": "0.0.2", "kind": "intoto", "spec": {
        "content": { "envelope": envelope, "hash": whole, "payloadHash": hash(&payload) },
    } }))
}
