//! What of one file is judged together: what somebody expects, they expect of all that is about one artifact.

use super::super::inputs::Read;
use countersign_core::attestation::{self, Attestation, Form, Proof};
use countersign_core::digest::{Sha256, hex_array, to_hex};
use countersign_core::json;
use countersign_core::statement::{Payload, Stated as _, Subject};
use serde_json::Value;
use std::collections::BTreeMap;

/// What attestations say themselves that they are about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Own {
    /// By SHA-256.
    pub(super) sha256: Option<Sha256>,
    /// By SHA-512, where there is no other digest that is compared.
    pub(super) sha512: Option<[u8; 64]>,
}

/// Attestations that are judged together, and what the first of them is about.
#[derive(Debug)]
pub(super) struct Together {
    /// What it is about.
    pub(super) own: Own,
    /// At least one.
    pub(super) read: Vec<Read>,
}

impl Together {
    /// Whether it is a signature over a file of which it says nothing that could be compared.
    pub(super) fn is_over_an_absent_file(&self) -> bool {
        self.own == Own::default() && matches!(self.read.as_slice(), [one] if names_no_sha256(&one.attestation))
    }
}

/// Whether it is a signature over a file that names it by another kind of digest, or by none. What is said to be a SHA-256 and cannot be
/// one is no other kind.
fn names_no_sha256(signed: &Attestation) -> bool {
    let (None, Proof::Bundle(bytes)) = (&signed.payload, &signed.proof) else { return false };
    let Ok(value) = json::parse(bytes) else { return false };
    let algorithm = value.pointer("/messageSignature/messageDigest/algorithm");
    algorithm.and_then(Value::as_str) != Some("SHA2_256")
}

/// By what they belong together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// By the file that all of them lie beside.
    Beside,
    /// By the document: what npm and Cloud Build say in one of them is one answer.
    Document(Sha256),
    /// By what they are about.
    Subject(Own),
    /// By nothing.
    Alone(usize),
}

/// Sorts what one file holds. `beside` says whether all of it has to be about a file that lies there.
pub(super) fn together(read: Vec<Read>, beside: bool) -> Vec<Together> {
    let mut out: Vec<Together> = Vec::new();
    let mut begun: BTreeMap<Key, usize> = BTreeMap::new();
    for (number, one) in read.into_iter().enumerate() {
        let own = if beside { Own::default() } else { own(&one.attestation) };
        let one_answer = one.attestation.form == Form::Npm || one.attestation.either > 0;
        let key = match (beside, one_answer) {
            (true, _) => Key::Beside,
            (false, true) => Key::Document(one.attestation.digest),
            (false, false) if own == Own::default() => Key::Alone(number),
            (false, false) => Key::Subject(own),
        };
        let known = begun.get(&key).and_then(|at| out.get_mut(*at));
        if let Some(group) = known {
            group.read.push(one);
        } else {
            begun.insert(key, out.len());
            out.push(Together { own, read: vec![one] });
        }
    }
    out
}

/// What an attestation is about, by itself.
fn own(attestation: &Attestation) -> Own {
    // Of the forms of one build's provenance the document says what they are about.
    let payload = attestation.payload.as_deref().filter(|_| attestation.either == 0);
    let Some(payload) = payload else { return Own { sha256: signed_digest(attestation), sha512: None } };
    let Ok(statement) = Payload::parse_any(payload) else { return Own::default() };
    let sha256 = statement.subjects().iter().find_map(Subject::sha256_digest);
    let long = || statement.subjects().iter().find_map(Subject::sha512_digest);
    Own { sha256, sha512: if sha256.is_some() { None } else { long() } }
}

/// What a signature over a file says that it is over, and one of cosign's which image it means.
fn signed_digest(signed: &Attestation) -> Option<Sha256> {
    let named = signed.beside.iter().find_map(|beside| match beside {
        attestation::Beside::Digest { found, .. } => found.parse().ok(),
        attestation::Beside::Statement(_)
        | attestation::Beside::Publisher(_)
        | attestation::Beside::Word { .. }
        | attestation::Beside::Kind(_)
        | attestation::Beside::Lacks(_) => None,
    });
    if named.is_some() {
        return named;
    }
    let Proof::Bundle(bytes) = &signed.proof else { return None };
    let value = json::parse(bytes).ok()?;
    let digest = value.pointer("/messageSignature/messageDigest")?;
    let text = digest.get("digest")?.as_str()?;
    let bytes = attestation::decoded(text)?;
    hex_array::<32>(&to_hex(&bytes)).ok().map(Sha256::from_bytes)
}
