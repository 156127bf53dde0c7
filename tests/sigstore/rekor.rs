//! The transparency log: one tree that grows, and entries of Rekor's second version. Every entry is proved against the
//! tree as it is then, so that no proof is empty and no two are alike.

use super::{Fault, Faults, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Sha256;
use countersign_core::log::merkle::leaf_hash;
use serde_json::{Value, json};

/// The log.
#[derive(Debug)]
pub struct Rekor {
    key: Key,
    origin: String,
    leaves: Vec<Sha256>,
}

impl Rekor {
    /// A log in which others have entries already.
    #[must_use]
    pub fn new(origin: &str, others: u32) -> Self {
        let leaves = (0..others).map(|n| leaf_hash(format!("another's entry {n}").as_bytes())).collect();
        Self { key: Key::ed25519(), origin: origin.to_owned(), leaves }
    }

    /// Its key, as a trusted root has it.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.key.spki()
    }

    /// Its id: that of a key of signed notes.
    #[must_use]
    pub fn id(&self) -> Sha256 {
        let spki = self.key.spki();
        let raw = &spki[spki.len() - 32..];
        Sha256::of_parts(&[self.origin.as_bytes(), b"\n", &[1], raw])
    }

    /// Takes an entry in: a signature over bytes of this digest, by this certificate.
    pub fn add(&mut self, digest: &[u8], signature: &[u8], certificate: &[u8], faults: &Faults) -> Value {
        let body = json!({ "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": BASE64.encode(digest) },
            "signature": { "content": BASE64.encode(signature), "verifier": {
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "x509Certificate": { "rawBytes": BASE64.encode(certificate) },
            } },
        } } });
        self.take(&body, faults)
    }

    /// Takes in an entry of any kind.
    pub fn take(&mut self, entry: &Value, faults: &Faults) -> Value {
        let body = countersign_core::json::canonical(entry).expect("canonical JSON");
        let index = self.leaves.len();
        self.leaves.push(leaf_hash(&body));
        // Somebody else is always a moment later.
        self.leaves.push(leaf_hash(&[&body[..], b"and another"].concat()));
        let mut root = root(&self.leaves);
        let mut hashes: Vec<String> =
            proof(&self.leaves, index).iter().map(|hash| BASE64.encode(hash.as_bytes())).collect();
        if faults.has(Fault::FlippedProof) {
            hashes.reverse();
        }
        if faults.has(Fault::OtherRoot) {
            root = Sha256::of(b"another root");
        }
        let size = self.leaves.len();
        json!({
            "logIndex": index.to_string(),
            "logId": { "keyId": BASE64.encode(self.id().as_bytes()) },
            "kindVersion": { "kind": entry["kind"], "version": entry["apiVersion"] },
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": BASE64.encode(root.as_bytes()),
                "treeSize": size.to_string(),
                "hashes": hashes,
                "checkpoint": { "envelope": self.checkpoint(size, &root, faults) },
            },
            "canonicalizedBody": BASE64.encode(body),
        })
    }

    fn checkpoint(&self, size: usize, root: &Sha256, faults: &Faults) -> String {
        let text = format!("{}\n{size}\n{}\n", self.origin, BASE64.encode(root.as_bytes()));
        let signature = if faults.has(Fault::ForeignCheckpoint) {
            Key::ed25519().sign(text.as_bytes())
        } else {
            self.key.sign(text.as_bytes())
        };
        let line = [&self.id().as_bytes()[..4], &signature].concat();
        format!("{text}\n\u{2014} {} {}\n", self.origin, BASE64.encode(line))
    }
}

/// RFC 6962, as its text has it: slow, and another way than the one that is tested.
pub(super) fn root(leaves: &[Sha256]) -> Sha256 {
    if let [one] = leaves {
        return *one;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    Sha256::of_parts(&[&[1], root(left).as_bytes(), root(right).as_bytes()])
}

pub(super) fn proof(leaves: &[Sha256], index: usize) -> Vec<Sha256> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        [proof(left, index), vec![root(right)]].concat()
    } else {
        [proof(right, index - left.len()), vec![root(left)]].concat()
    }
}

/// The largest power of two below a number.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}
