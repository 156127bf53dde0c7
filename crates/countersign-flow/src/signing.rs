//! Sign, then verify: what does not verify as its reader will check it is never let go.

use crate::error::FlowError;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_sign::{PersonKey, SigningKey, SshKeygen, sign_payload};
use countersign_verify::document::verify_document;
use countersign_verify::own::{Signer, reads_back};
use countersign_verify::{Roots, VerifiedTrust};

/// A payload under a machine's key, as a bundle that verifies.
pub fn by_key(payload: &[u8], key: &SigningKey) -> Result<Vec<u8>, FlowError> {
    let bundle = sign_payload(payload, key)?;
    reads_back(&bundle, payload, Signer::Key(key.public())).map_err(|finding| FlowError::Refused(vec![*finding]))?;
    Ok(bundle)
}

/// A payload under a person's key, PEM or SSH, as a document that verifies.
pub fn by_person(payload: &[u8], namespace: &str, key: &PersonKey, keygen: &SshKeygen) -> Result<Vec<u8>, FlowError> {
    let document = key.sign(payload, namespace, keygen)?;
    let signer = match key {
        PersonKey::Own(key) => Signer::Key(key.public()),
        PersonKey::Ssh(_) => Signer::Ssh(namespace),
    };
    reads_back(&document, payload, signer).map_err(|finding| FlowError::Refused(vec![*finding]))?;
    Ok(document)
}

/// A statement by a machine's key, as a bundle; checked against trust before it is given back.
pub fn sign_for_trust<P: serde::Serialize>(
    kind: Kind,
    subjects: Vec<Subject>,
    predicate: &P,
    key: &SigningKey,
    trust: &VerifiedTrust,
    at: Time,
) -> Result<Vec<u8>, FlowError> {
    let payload = Statement::new(kind, subjects, predicate)?.to_bytes()?;
    let place = format!("the {} that was just signed", kind.word());
    let bundle = sign_payload(&payload, key)?;
    let signed = reads_back(&bundle, &payload, Signer::Key(key.public()))
        .map_err(|finding| FlowError::Refused(vec![*finding]))?;
    verify_document(&signed, trust, &Roots::none(), at, &place).map_err(FlowError::Refused)?;
    Ok(bundle)
}
