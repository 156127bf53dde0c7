//! Verification summaries of others, as their consumer checks them: the specification's steps, and the policy's digest, the
//! age, and the attestations that the summary rests on.

use super::Shown;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::json;
use countersign_core::slsa::{SignerFacts, SummaryExpectations};
use countersign_core::statement::vsa::{Reference, VerificationResult, Vsa};
use countersign_core::time::Time;
use countersign_core::trust::NamePattern;
use serde_json::Value;
use std::collections::BTreeSet;

/// Both versions have the fields that are looked at.
const TYPES: [&str; 2] = ["https://slsa.dev/verification_summary/v1", "https://slsa.dev/verification_summary/v0.2"];

fn is_signed_by(wanted: &SummaryExpectations, shown: &Shown) -> bool {
    shown.signers().iter().any(|signer| match signer.facts() {
        SignerFacts::Key(name) => wanted.key.as_deref() == Some(name),
        SignerFacts::CloudBuild(_) => false,
        SignerFacts::Certificate { issuer, name, .. } => {
            wanted.issuer.as_ref().is_some_and(|wanted| wanted.matches(issuer))
                && wanted.subject.as_ref().is_some_and(|wanted| wanted.matches(name))
        }
    })
}

/// Who was to sign it, in the words in which it is said who did.
fn signer_wanted(wanted: &SummaryExpectations) -> String {
    let name = |pattern: &NamePattern| match pattern {
        NamePattern::Exact(name) => name.clone(),
        NamePattern::Glob { glob } => format!("glob {}", String::from(glob.clone())),
        NamePattern::Regex { regex } => format!("regex {}", String::from(regex.clone())),
    };
    match (&wanted.key, &wanted.subject, &wanted.issuer) {
        (Some(key), ..) => format!("key {key}"),
        (None, Some(subject), Some(issuer)) => format!("{}, by {}", name(subject), name(issuer)),
        (None, subject, issuer) => subject.iter().chain(issuer).map(name).next().unwrap_or_else(|| "nobody".to_owned()),
    }
}

/// Whether it is a verification summary at all.
#[must_use]
pub fn is_summary(shown: &Shown) -> bool {
    shown.statement().is_some_and(|statement| TYPES.contains(&statement.predicate_type.as_str()))
}

/// Checks a summary that holds. `given` are the digests of all that was handed in, and of the files it was in.
#[must_use]
pub fn check_summary(
    shown: &Shown,
    wanted: &SummaryExpectations,
    given: &BTreeSet<String>,
    at: Time,
    place: &str,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let Some(statement) = shown.statement().filter(|_| is_summary(shown)) else {
        return vec![Finding::new(codes::VSA_MALFORMED, "this is no verification summary").at(place)];
    };
    let vsa: Vsa = match json::from_value(respelled(&statement.predicate)) {
        Ok(vsa) => vsa,
        Err(error) => {
            let what = format!("the verification summary does not parse: {error}");
            return vec![Finding::new(codes::VSA_MALFORMED, what).at(place)];
        }
    };
    let mut differs = |code, what: &str, expected: String, found: String| {
        out.push(Finding::new(code, what).at(place).expected(expected, "what is expected").found(found));
    };
    if vsa.verifier.id.as_str() != wanted.verifier || !is_signed_by(wanted, shown) {
        let signers: Vec<String> = shown.signers().iter().map(super::ShownSigner::describe).collect();
        let found = format!("{}, signed by {}", vsa.verifier.id, signers.join(", "));
        // Two keys may say that they are the same verifier: which of them was named belongs to it.
        let expected = format!("{}, signed by {}", wanted.verifier, signer_wanted(wanted));
        differs(codes::VSA_VERIFIER, "the summary is of another verifier, or signed by another", expected, found);
    }
    if let Some(resource) = &wanted.resource
        && vsa.resource_uri.as_str() != resource
    {
        let found = vsa.resource_uri.to_string();
        differs(codes::VSA_RESOURCE, "the summary is for another resource", resource.clone(), found);
    }
    let levels: BTreeSet<&str> = vsa.verified_levels.iter().map(String::as_str).collect();
    let failed = vsa.verification_result == VerificationResult::Failed;
    if failed || levels.contains("FAILED") {
        differs(codes::VSA_REFUSED, "the summary says FAILED", "PASSED".to_owned(), "FAILED".to_owned());
        if failed && levels.iter().any(|level| *level != "FAILED") {
            let found = vsa.verified_levels.join(", ");
            differs(codes::VSA_MALFORMED, "a failed summary shows levels", "FAILED".to_owned(), found);
        }
    }
    for wanted in wanted.levels.iter().filter(|wanted| !reached(&levels, wanted)) {
        let found = vsa.verified_levels.join(", ");
        differs(codes::VSA_REFUSED, "the summary does not show the level", wanted.clone(), found);
    }
    if !wanted.policies.is_empty() {
        let found = vsa.policy.digest.get("sha256").map(|hex| format!("sha256:{hex}"));
        if !found.as_ref().is_some_and(|found| wanted.policies.contains(found)) {
            let accepted: Vec<&str> = wanted.policies.iter().map(String::as_str).collect();
            let found = found.unwrap_or_else(|| format!("{} without a digest", vsa.policy.uri));
            differs(codes::VSA_POLICY, "the summary was made by another policy", accepted.join(", "), found);
        }
    }
    let age = at.since(vsa.time_verified);
    if age < 0 {
        differs(codes::VSA_AGE, "the summary is of a time to come", at.to_string(), vsa.time_verified.to_string());
    } else if let Some(days) = wanted.max_age_days
        && age > i64::from(days).saturating_mul(86_400)
    {
        let expected = format!("at most {days} days before {at}");
        differs(codes::VSA_AGE, "the summary is too old", expected, vsa.time_verified.to_string());
    }
    if wanted.inputs {
        let missing: Vec<&Reference> = vsa.input_attestations.iter().filter(|input| !is_given(input, given)).collect();
        if vsa.input_attestations.is_empty() {
            let what = "the summary names no attestation that it rests on";
            differs(codes::VSA_INPUT_MISSING, what, "at least one".to_owned(), "none".to_owned());
        }
        for input in missing {
            let found = "nothing of that digest".to_owned();
            differs(
                codes::VSA_INPUT_MISSING,
                "an attestation that the summary rests on is missing",
                input.uri.to_string(),
                found,
            );
        }
    }
    out
}

/// With the one spelling of the time that we read: others write fractions of a second.
fn respelled(predicate: &Value) -> Value {
    let mut out = predicate.clone();
    let time = predicate.get("timeVerified").and_then(Value::as_str).and_then(Time::from_rfc3339);
    if let (Some(time), Some(fields)) = (time, out.as_object_mut()) {
        fields.insert("timeVerified".to_owned(), Value::String(time.to_string()));
    }
    out
}

fn is_given(input: &Reference, given: &BTreeSet<String>) -> bool {
    input.digest.get("sha256").is_some_and(|hex| given.contains(hex))
}

/// A level is shown by itself, or by a higher one of the same track. No track has more than the four of the first versions, and a
/// number has one spelling.
fn reached(shown: &BTreeSet<&str>, wanted: &str) -> bool {
    const LEVELS: [&str; 5] = ["0", "1", "2", "3", "4"];
    let split = |level: &str| {
        let (track, number) = level.rsplit_once('_')?;
        Some((track.to_owned(), LEVELS.iter().position(|known| *known == number)?))
    };
    let Some((track, number)) = split(wanted) else { return shown.contains(wanted) };
    shown.iter().filter_map(|level| split(level)).any(|(other, found)| other == track && found >= number)
}
