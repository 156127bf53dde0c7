//! What a gate signed into its log: by its key, or as an identity of trust whose certificate lived for minutes.
//!
//! A certificate is judged by the trusted root that trust named at the time, out of the evidence store, so that the same is
//! said of it years later. The signature is made after the time that stands in the document, by clocks of others: it has to
//! lie within [`limits::GATE_SIGNATURE_SECONDS`] of it.

use crate::document::{Verified, known_kind, read_payload, verify_as};
use crate::evidence::Blobs;
use crate::sigstore::Roots;
use crate::trust::VerifiedTrust;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::later::is_later;
use countersign_core::limits;
use countersign_core::statement::{Kind, Payload, Stated as _};
use countersign_core::time::Time;
use countersign_core::trust::{Identity, Trust};

/// Checks what a gate is said to have signed at a time, as every reader of its log does. Roots come out of `blobs`.
pub fn verify_by_gate<'s>(
    signed: &'s Signed,
    trust: &VerifiedTrust,
    blobs: &dyn Blobs,
    at: Time,
    place: &str,
) -> Result<Verified<Payload<'s>>, Vec<Finding>> {
    let payload = read_payload(signed, place)?;
    let kind = known_kind(&payload, place)?;
    by_gate((payload, kind), signed, trust, blobs, (at, place))
}

/// The same of one that is to be of this kind. One in the form of a later version is judged by its signature as if it could
/// be read: whoever calls a forged one that is not heard.
pub(crate) fn verify_as_by_gate<'s>(
    signed: &'s Signed,
    kind: Kind,
    trust: &VerifiedTrust,
    blobs: &dyn Blobs,
    (at, place): (Time, &str),
) -> Result<Verified<Payload<'s>>, Vec<Finding>> {
    let payload = read_payload(signed, place)?;
    let later = is_later(payload.predicate_type().as_str(), kind.predicate_type());
    let kind = if later { kind } else { known_kind(&payload, place)? };
    by_gate((payload, kind), signed, trust, blobs, (at, place))
}

fn by_gate<'s>(
    (payload, kind): (Payload<'s>, Kind),
    signed: &Signed,
    trust: &VerifiedTrust,
    blobs: &dyn Blobs,
    (at, place): (Time, &str),
) -> Result<Verified<Payload<'s>>, Vec<Finding>> {
    let Signature::Certificate { .. } = &signed.by else {
        return verify_as((payload, kind), signed, trust, &Roots::none(), (at, place));
    };
    let roots = Roots::of_gate(trust, blobs);
    let verified = verify_as((payload, kind), signed, trust, &roots, (at, place)).map_err(stored_root)?;
    let existed = verified.signed_by().when.map(|when| when.existed);
    let earliest = at.plus(limits::GATE_SIGNATURE_SECONDS.saturating_neg());
    if existed.is_none_or(|existed| existed < earliest) {
        let minutes = limits::GATE_SIGNATURE_SECONDS.saturating_div(60);
        let finding = Finding::new(codes::TIMESTAMP_INVALID, "the gate signed this long before the time that it gives")
            .at(place)
            .expected(format!("a signature within {minutes} minutes of {at}"), "countersign")
            .found(existed.map_or_else(|| "no time".to_owned(), |existed| format!("signed at {existed}")));
        return Err(vec![finding]);
    }
    Ok(verified)
}

/// Whether a trust of later says that the identity was in foreign hands already when it made this decision. A root of later
/// may be another file: the instance is known by what it vouches for.
#[must_use]
pub fn compromised_identity<T>(decision: &Verified<T>, later: &Trust, place: &str) -> Option<Finding> {
    let by = decision.signed_by();
    let (shown, existed) = (by.identity.as_deref()?, by.when?.existed);
    let is = |identity: &Identity| identity.is(&identity.root, &shown.issuer, &shown.subject, &shown.claims);
    let lost = later.identities().filter(|(_, identity)| is(identity));
    let (owner, since) = lost
        .filter_map(|(owner, identity)| Some((owner, identity.compromised_since?)))
        .find(|(_, since)| existed >= *since)?;
    let what = format!("the identity of {} signed this, and was in foreign hands already", owner.describe());
    Some(
        Finding::new(codes::KEY_NOT_VALID, what)
            .at(place)
            .expected(format!("a time before {since}"), format!("trust, version {}", later.version))
            .found(existed.to_string())
            .help("find out what else this identity has signed since; what rests on it has to be decided anew"),
    )
}

/// The root lies beside the decision: nobody hands it in.
fn stored_root(findings: Vec<Finding>) -> Vec<Finding> {
    let help = |finding: Finding| {
        if finding.code != codes::SIGSTORE_ROOT_MISSING {
            return finding;
        }
        finding.help(
            "the gate keeps the trusted root in the evidence store beside its decision: bring it back from a copy",
        )
    };
    findings.into_iter().map(help).collect()
}
