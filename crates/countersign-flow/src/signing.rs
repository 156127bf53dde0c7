//! Sign, then verify: what does not verify as its reader will check it is never let go.

use crate::error::FlowError;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_sign::{SigningKey, sign_payload};
use countersign_verify::document::verify_document;
use countersign_verify::{Roots, VerifiedTrust};

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
    let bundle = sign_payload(&payload, key)?;
    let place = format!("the {} that was just signed", kind.word());
    let signed = Signed::parse(&bundle)
        .map_err(|e| FlowError::Refused(vec![Finding::new(e.code(), e.to_string()).at(place.as_str())]))?;
    if signed.digest != Sha256::of(&bundle) || signed.payload != payload {
        let finding =
            Finding::new(codes::BUNDLE_MALFORMED, "the bundle does not read back as it was written").at(place);
        return Err(FlowError::Refused(vec![finding]));
    }
    verify_document(&signed, trust, &Roots::none(), at, &place).map_err(FlowError::Refused)?;
    Ok(bundle)
}
