//! A verification summary as its consumer checks it: the specification's steps, and those that it leaves out.

use crate::document::{SignerName, Verified};
use crate::evidence::Blobs;
use crate::gate::verify_by_gate;
use crate::trust::VerifiedTrust;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::Uri;
use countersign_core::statement::vsa::{VerificationResult, Vsa};
use countersign_core::statement::{Kind, Stated};
use countersign_core::time::Time;

/// Checks a summary: signature and signer, that `verifier.id` is the gate that trust pairs with the key, subject,
/// resource, and the policy's digest. Where an identity signed, its trusted root comes out of `blobs`. The result itself may
/// be `FAILED`: that is for the caller to see.
pub fn verify_vsa(
    bytes: &[u8],
    subject: &Sha256,
    resource: &Uri,
    policy: Option<&Sha256>,
    by: (&VerifiedTrust, &dyn Blobs),
    at: Time,
    place: &str,
) -> Result<Vsa, Vec<Finding>> {
    let signed = Signed::parse(bytes).map_err(|e| vec![Finding::new(e.code(), e.to_string()).at(place)])?;
    verify_signed_vsa(&signed, subject, resource, policy, by, (at, place))
}

/// The same of one that was read.
pub fn verify_signed_vsa(
    signed: &Signed,
    subject: &Sha256,
    resource: &Uri,
    policy: Option<&Sha256>,
    (trust, blobs): (&VerifiedTrust, &dyn Blobs),
    (at, place): (Time, &str),
) -> Result<Vsa, Vec<Finding>> {
    let statement = verify_by_gate(signed, trust, blobs, at, place)?;
    // What a gate signed and is none, somebody put in a summary's place: no rule says no here.
    let vsa: Vsa = statement
        .value()
        .predicate_as(Kind::Vsa)
        .map_err(|e| vec![Finding::new(codes::VSA_MALFORMED, format!("this is no summary: {e}")).at(place)])?;
    let about = statement.value().is_about(subject);
    let mut findings: Vec<Finding> = about_one(&statement, place).into_iter().filter(|_| about).collect();
    let mut differs = |code, what: &str, expected: String, found: String| {
        findings.push(Finding::new(code, what).at(place).expected(expected, "the check").found(found));
    };
    if !about {
        let found: Vec<String> = statement.value().subjects().iter().filter_map(|s| s.name.clone()).collect();
        differs(
            codes::SUBJECT_MISMATCH,
            "the summary is about another artifact",
            subject.to_string(),
            found.join(", "),
        );
    }
    let gate = SignerName::Gate(vsa.verifier.id.clone());
    if statement.signed_by().owner != gate {
        differs(
            codes::GATE_UNKNOWN,
            "verifier.id is not the gate whose key signed",
            statement.signed_by().owner.describe(),
            vsa.verifier.id.to_string(),
        );
    }
    if vsa.resource_uri != *resource {
        differs(
            codes::SUBJECT_MISMATCH,
            "the summary is for another place",
            resource.to_string(),
            vsa.resource_uri.to_string(),
        );
    }
    let digest = vsa.policy.digest.get("sha256").cloned().unwrap_or_default();
    if policy.is_some_and(|expected| expected.hex() != digest) {
        differs(
            codes::DECISION_NOT_CURRENT,
            "the summary was made under another policy release",
            policy.map_or_else(String::new, ToString::to_string),
            format!("sha256:{digest}"),
        );
    }
    let shown = vsa.verified_levels.iter().any(|level| level != "FAILED");
    if vsa.verification_result == VerificationResult::Failed && shown {
        differs(
            codes::STATEMENT_MALFORMED,
            "a failed summary shows levels",
            "FAILED".to_owned(),
            vsa.verified_levels.join(", "),
        );
    }
    if findings.is_empty() { Ok(vsa) } else { Err(findings) }
}

/// A gate judges one artifact: a summary of its that names another beside it would vouch for what nobody judged. Summaries of
/// verifiers of source are about what those say.
#[must_use]
pub fn about_one<S: Stated>(statement: &Verified<S>, place: &str) -> Option<Finding> {
    let by_gate = matches!(statement.signed_by().owner, SignerName::Gate(_));
    let subjects = statement.value().subjects();
    let plain = subjects.iter().all(|one| one.digest.len() == 1);
    if !by_gate || statement.value().kind() != Some(Kind::Vsa) || (subjects.len() == 1 && plain) {
        return None;
    }
    let found: Vec<String> = subjects
        .iter()
        .flat_map(|one| one.digest.iter().map(|(algorithm, hex)| format!("{algorithm}:{hex}")))
        .collect();
    Some(
        Finding::new(codes::SUBJECT_MISMATCH, "a gate's summary is about one artifact, and this one names more")
            .at(place)
            .expected("one subject, by its SHA-256", "countersign")
            .found(found.join(", ")),
    )
}
