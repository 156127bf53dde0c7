//! Documents that several people sign: one line each, over the same statement, and one signature a key.

use crate::error::FlowError;
use crate::files;
use crate::signing::by_person;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_sign::{PersonKey, SshKeygen};
use countersign_verify::keys::envelope_signature_holds;
use countersign_verify::ssh;
use std::collections::BTreeSet;
use std::path::Path;

/// A file with one's signature in it.
#[derive(Debug)]
pub struct CoSigned {
    /// The file's lines.
    pub bytes: Vec<u8>,
    /// Whether a signature was added; it is not if the key had signed before.
    pub added: bool,
    /// How many distinct keys signed it.
    pub keys: usize,
}

/// The lines of `path`, if it exists, with one by `key`: a key signs once. A file over another statement is refused.
pub fn add_signature(
    path: &Path,
    statement: &Statement,
    namespace: &str,
    key: &PersonKey,
    keygen: &SshKeygen,
) -> Result<CoSigned, FlowError> {
    let payload = statement.to_bytes()?;
    let refused = |code, what: String| {
        FlowError::Refused(vec![
            Finding::new(code, what)
                .at(path.display().to_string())
                .help("sign into another file, or remove this one first"),
        ])
    };
    let mut documents = match files::read_if_there(path, limits::COLLECTION_BYTES)? {
        None => Vec::new(),
        Some(bytes) => Signed::parse_lines(&bytes).map_err(|error| refused(error.code(), error.to_string()))?,
    };
    if documents.iter().any(|(_, signed)| signed.payload != payload) {
        let what = "the file already holds signatures over another document";
        return Err(refused(codes::STATEMENT_MALFORMED, what.to_owned()));
    }
    let public = key.public(keygen)?;
    let added = !documents.iter().any(|(_, signed)| signed_by(signed, &public, namespace));
    if added {
        let line = by_person(&payload, namespace, key, keygen)?;
        let signed = Signed::parse(&line).map_err(|error| refused(error.code(), error.to_string()))?;
        documents.push((line, signed));
    }
    let keys: BTreeSet<KeyId> = documents.iter().filter_map(|(_, signed)| key_of(signed, namespace)).collect();
    let lines: Vec<Vec<u8>> = documents.into_iter().map(|(line, _)| line).collect();
    let mut bytes = lines.join(&b'\n');
    bytes.push(b'\n');
    Ok(CoSigned { bytes, added, keys: keys.len() })
}

/// The file with one more line, unless the same key said the same there before: what others said stands beside it. How many
/// keys say this very thing.
pub fn add_line(
    path: &Path,
    statement: &Statement,
    namespace: &str,
    key: &PersonKey,
    keygen: &SshKeygen,
) -> Result<CoSigned, FlowError> {
    let payload = statement.to_bytes()?;
    let mut bytes = files::read_if_there(path, limits::COLLECTION_BYTES)?.unwrap_or_default();
    let refused = |error: countersign_core::bundle::BundleError| {
        FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(path.display().to_string())])
    };
    let before =
        if bytes.trim_ascii().is_empty() { Vec::new() } else { Signed::parse_lines(&bytes).map_err(refused)? };
    let same = |(_, signed): &&(Vec<u8>, Signed)| signed.payload == payload;
    let mut keys: BTreeSet<KeyId> =
        before.iter().filter(same).filter_map(|(_, signed)| key_of(signed, namespace)).collect();
    let public = key.public(keygen)?;
    let added = !before.iter().filter(same).any(|(_, signed)| signed_by(signed, &public, namespace));
    if added {
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(by_person(&payload, namespace, key, keygen)?.trim_ascii_end());
        bytes.push(b'\n');
        keys.insert(public.id());
    }
    Ok(CoSigned { bytes, added, keys: keys.len() })
}

/// Whether this very key signed it, and the signature holds.
fn signed_by(signed: &Signed, key: &PublicKey, namespace: &str) -> bool {
    match &signed.by {
        Signature::Dsse { signature, .. } => envelope_signature_holds(key, &signed.pae(), signature),
        Signature::Ssh { .. } => key_of(signed, namespace) == Some(key.id()),
        Signature::Certificate { .. } => false,
    }
}

/// The key that a signature says it is by: an SSH signature proves it, a bundle hints at it.
pub(crate) fn key_of(signed: &Signed, namespace: &str) -> Option<KeyId> {
    match &signed.by {
        Signature::Dsse { hint, .. } => *hint,
        Signature::Certificate { .. } => None,
        Signature::Ssh { armor, .. } => ssh::verify(armor, namespace, &signed.pae()).ok().map(|key| key.id()),
    }
}
